//! "Delete for me": what a person wants to see no more goes from all of their devices, and from nobody else's. Each device tells its
//! others, by a register at the relay, all that it knows to be hidden; the sets merge by union, so none of them undoes another's.

use parley_protocol::frames::{MarkScope, Sender};
use parley_protocol::{ChatId, ClientFrame, MessageKey, payload};
use rusqlite::Connection;

use super::{Core, Effects};
use crate::events::Event;
use crate::store::{Sql, chats, hidden};

impl Core {
    /// Hides messages on this device, and on one's other ones as soon as the relay can be reached. `here` as in [`hidden::hide`].
    pub(crate) fn hide(
        &mut self,
        tx: &Connection,
        chat: ChatId,
        keys: impl IntoIterator<Item = MessageKey>,
        here: bool,
        out: &mut Effects,
    ) -> Sql<()> {
        let mut any = false;
        for key in keys {
            if hidden::hide(tx, chat, key, here)? {
                out.events.push(Event::MessageChanged { chat, key });
                any = true;
            }
        }
        if any {
            out.events.push(Event::Chat { chat });
            out.marks.insert(chat);
            self.hidden_due.insert(chat);
        }
        Ok(())
    }

    /// Another device's register of what is hidden came. What was new in it is told on: that device may be gone before the next
    /// one comes.
    pub(super) fn take_hidden(
        &mut self,
        tx: &Connection,
        chat: ChatId,
        from: Sender,
        text: &str,
        out: &mut Effects,
    ) -> Sql<()> {
        if from.account != self.account() || chats::get(tx, chat)?.is_none() {
            return Ok(());
        }
        match payload::open_hidden(text) {
            Ok(told) => {
                let keys = told.0.into_iter().flat_map(|(device, ids)| ids.into_iter().map(move |id| (device, id)));
                self.hide(tx, chat, keys.map(|(device, id)| MessageKey { device, id }), false, out)
            }
            Err(error) => {
                tracing::warn!(%chat, device = %from.device, %error, "what is hidden could not be read");
                Ok(())
            }
        }
    }

    /// The relay may not have what is hidden in a chat: it is told with the next mark.
    pub(super) fn tell_hidden_again(&mut self, tx: &Connection, chat: ChatId, out: &mut Effects) -> Sql<()> {
        if hidden::any(tx, chat)? {
            self.hidden_due.insert(chat);
            out.marks.insert(chat);
        }
        Ok(())
    }

    /// Tells the relay what is hidden in a chat, if it has yet to be told.
    pub(super) fn tell_hidden(&mut self, tx: &Connection, chat: ChatId, out: &mut Effects) -> Sql<()> {
        if self.hidden_due.remove(&chat) {
            let mark = payload::seal_hidden(&hidden::of(tx, chat)?);
            out.relay.push(ClientFrame::Mark { chat, scope: MarkScope::Hidden, mark });
        }
        Ok(())
    }
}
