//! Chats that are kept for so long only, as their people chose: what is older goes from this device too. In a sealed chat what was said
//! before they chose stays, so that nobody has another's old messages deleted; an open one is its people's, and goes from its beginning.
//!
//! What counts is the relay's clock, since one of this machine's that jumps ahead would delete what is to be kept, or this
//! machine's where that is behind. So nothing goes while the relay was not heard of.

use std::time::{Duration, Instant};

use parley_protocol::{ChatId, ChatState, MessageKey, Millis};
use rusqlite::Connection;

use super::session::Session;
use super::{Core, Effects};
use crate::events::Event;
use crate::store::{Sql, chats, expiry};

/// The most lines that go in one transaction, so that messages get in between.
const MOST_AT_ONCE: usize = 500;
/// Of more lines than this in one chat a listener is not told one by one.
const MOST_TOLD: usize = 100;
/// How often it is looked for at least and at most; between them, ten times within the shortest retention.
const OFTEN: Duration = Duration::from_secs(1);
const SELDOM: Duration = Duration::from_secs(3_600);

impl Core {
    /// The time by the relay's clock, or by this machine's as long as that is not known.
    pub(super) fn relay_now(&self) -> Millis {
        self.session.as_ref().and_then(Session::relay_now).unwrap_or_else(|| self.now())
    }

    /// What was said in a chat before this moment is not kept; `None` for ever, or as long as the relay's clock is not known.
    pub(super) fn cutoff(&self, chat: &ChatState) -> Option<Millis> {
        let kept = chat.retention?.saturating_mul(1_000);
        let session = self.session.as_ref()?;
        Some(session.relay_now()?.min(self.now()).saturating_sub(kept))
    }

    /// Deletes what is older than its chat is kept for, when that is due.
    pub(super) fn expire(&mut self, tx: &Connection, now: Instant, out: &mut Effects) -> Sql<()> {
        if !self.is_online() || now < self.expire_at {
            return Ok(());
        }
        let mut room = MOST_AT_ONCE;
        let mut shortest = None;
        for chat in chats::kept_for_a_while(tx)? {
            let Some(cutoff) = self.cutoff(&chat.state) else { continue };
            shortest = shortest.into_iter().chain(chat.state.retention).min();
            let id = chat.state.id;
            let gone = expiry::overdue(tx, &chat, self.device(), cutoff, room)?;
            for key in &gone {
                expiry::delete(tx, id, *key)?;
            }
            expiry::delete_edits(tx, id, cutoff)?;
            room -= gone.len();
            self.tell_gone(id, &gone, out);
        }
        let pause = shortest.map_or(SELDOM, |seconds| Duration::from_secs(seconds) / 10).clamp(OFTEN, SELDOM);
        // Whoever used up the room may have more.
        self.expire_at = if room == 0 { now } else { now + pause };
        Ok(())
    }

    fn tell_gone(&self, chat: ChatId, gone: &[MessageKey], out: &mut Effects) {
        if gone.is_empty() {
            return;
        }
        if gone.len() > MOST_TOLD {
            out.events.push(Event::Lagged);
        } else {
            out.events.extend(gone.iter().map(|key| Event::MessageChanged { chat, key: *key }));
        }
        out.events.push(Event::Chat { chat });
    }
}
