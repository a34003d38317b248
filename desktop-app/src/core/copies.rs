//! Old copies: a profile that went on elsewhere after it was copied becomes a new device (DELIVERY rule 14).
//!
//! The relay is the judge, at each hello. What a contact says on a link is no reason to give up a device: anybody who opens a chat
//! can say it. Nor is it needed. A link is made within a session, and when that began, the relay judged this very opening. Only a
//! relay that was restored can know less than a peer; what such a relay lets pass is safe all the same, as each opening sends in
//! runs of its own and gaps are shown. A device of one's own account is believed, since it could revoke this one anyway.

use std::time::Instant;

use parley_protocol::frames::{Opening, Sender};
use rusqlite::Connection;

use super::again::Again;
use super::peers::PeerFrame;
use super::{Core, Effects, Task};
use crate::events::Event;
use crate::relay_link::LinkCommand;
use crate::store::{Sql, chats, settings};
use crate::tokens::Credentials;
use crate::views::{ChatStatus, Connection as ConnectionView, Me};

impl Core {
    /// The relay knows another opening of this device. If it was one of this profile's, say so; else this is an old copy.
    pub(super) fn relay_knows(&mut self, tx: &Connection, opening: Option<Opening>, out: &mut Effects) -> Sql<()> {
        let Some(opening) = opening else {
            return Ok(());
        };
        if settings::lived(tx, opening)? {
            settings::set(tx, "confirmed_opening", &opening)?;
            out.link.push(LinkCommand::Restart);
            return Ok(());
        }
        self.become_new_device(tx, out)
    }

    /// The device at the other end of a link knows another opening of this one. If it was one of this profile's, say so; else
    /// a device of one's own is believed, and nobody else: their link stays unused, and the relay carries.
    pub(super) fn peer_knows(&mut self, tx: &Connection, from: Sender, opening: Opening, out: &mut Effects) -> Sql<()> {
        if settings::lived(tx, opening)? {
            let hello = PeerFrame::Hello { opening: self.opening, recent: vec![opening.life] };
            self.send_frame(from.device, &hello, out);
            return Ok(());
        }
        if from.account == self.account() {
            return self.become_new_device(tx, out);
        }
        tracing::warn!(device = %from.device, "a contact takes this profile for an old copy; the relay does not");
        Ok(())
    }

    /// This profile went on elsewhere after it was copied: it signs in again as a new device.
    fn become_new_device(&mut self, tx: &Connection, out: &mut Effects) -> Sql<()> {
        if self.replacing.is_some() {
            return Ok(());
        }
        tracing::warn!("this profile is an old copy of one that went on elsewhere; becoming a new device");
        self.replacing = Some(Again::under_way());
        out.link.push(LinkCommand::Pause);
        out.tasks.push(Task::ReplaceDevice);
        self.end_session(tx, 0, ConnectionView::Connecting, out)
    }

    /// The relay could not make a new device for now.
    pub(super) fn replace_later(&mut self, reason: String, retry_after: Option<u64>, out: &mut Effects) {
        let now = Instant::now();
        let Some(replacing) = &mut self.replacing else {
            return;
        };
        let pause = replacing.failed(now, retry_after);
        let retry_at = self.now() + u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
        self.show_connection(ConnectionView::Offline { reason, retry_at }, out);
    }

    /// Asks the relay again for a new device, once the pause is over.
    pub(super) fn replace_again(&mut self, now: Instant, out: &mut Effects) {
        if self.replacing.as_mut().is_some_and(|replacing| replacing.is_due(now)) {
            out.tasks.push(Task::ReplaceDevice);
        }
    }

    /// The profile is another device from now on.
    pub(super) fn become_device(
        &mut self,
        tx: &Connection,
        credentials: &Credentials,
        me: Me,
        out: &mut Effects,
    ) -> Sql<()> {
        if self.replacing.take().is_none() {
            // The person has signed out meanwhile.
            return Ok(());
        }
        let old = self.device();
        credentials.write(tx)?;
        settings::set(tx, "me", &me)?;
        settings::remove(tx, "inbox_cursor")?;
        settings::remove(tx, "confirmed_opening")?;
        settings::set(tx, "last_me", &me)?;
        self.become_known_as(me);
        self.requeue_under_new_device(tx, old, true, out)?;
        chats::forget_stays(tx)?;
        for chat in chats::all(tx)? {
            let id = chat.state.id;
            if chat.status == ChatStatus::Active {
                self.show_gap(tx, id, self.device(), None, None, "old_copy", out)?;
            }
        }
        let message = "This profile is a copy of one that was used after the copy was made. It is a new device now; from here on something may be missing.";
        out.events.push(Event::Notice { chat: None, code: "old_copy".to_owned(), message: message.to_owned() });
        out.link.push(LinkCommand::Go);
        Ok(())
    }
}
