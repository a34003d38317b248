//! The one way out: what this device sends is numbered, written with its bytes in the transaction that shows it, and then
//! handed to the routes that are open (DELIVERY rules 1, 2, 9, 13, 15, 16). Marks come back here.

use std::collections::{BTreeMap, BTreeSet};

use parley_protocol::frames::{Payload, Sender};
use parley_protocol::message::RunEnd;
use parley_protocol::{
    Body, ChatId, ClientFrame, Clock, DeviceId, EventId, MessageId, MessageKey, RunId, SealedMessage, payload,
};
use rusqlite::Connection;

use super::inbox::Told;
use super::session::{SessionPhase, WINDOW};
use super::{Core, Effects};
use crate::events::Event;
use crate::store::chats::ChatRow;
use crate::store::sent::{OwnRun, SentRow};
use crate::store::{Sql, chats, messages, places, sent, settings};
use crate::views::{ChatStatus, Route};

/// Rows that are about to be handed to a route, by position: the message and the first route that has it.
pub(super) type Handed = BTreeMap<i64, (MessageId, Route)>;

impl Core {
    /// Queues a message and shows it, in one transaction. Gives its key.
    pub(crate) fn send(&mut self, tx: &Connection, chat: &ChatRow, body: &Body, out: &mut Effects) -> Sql<MessageKey> {
        let chat_id = chat.state.id;
        let now = self.now();
        let from = Sender { account: self.account(), device: self.device() };
        let id = if chat.state.sealed { MessageId::new() } else { places::next_id(tx, chat_id, from.device)? };
        let key = MessageKey { device: from.device, id };
        let told = if chat.state.sealed {
            let clock = chat.clock.next(now);
            let (run, n, after) = self.next_number(tx, chat)?;
            let message = SealedMessage {
                id,
                device: from.device,
                run,
                n,
                membership: chat.state.membership,
                after,
                clock,
                sent_at: now,
                body: body.clone(),
            };
            sent::push(tx, chat_id, id, Some((run, n)), &payload::seal(&message), self.opening.life, now)?;
            chats::set_clock(tx, chat_id, clock)?;
            let sort = messages::sort_of(clock);
            Told {
                chat,
                from,
                id,
                clock,
                sort,
                number: Some((run, n)),
                seq: None,
                sent_at: now,
                shown: true,
                route: Route::Wait,
            }
        } else {
            sent::push(tx, chat_id, id, None, &crate::store::to_json(body), self.opening.life, now)?;
            // Until the log gives it a place it stands behind everything that is there.
            let clock = Clock { millis: u64::from(u32::MAX) << 16, counter: 0 };
            let sort = (places::WAITING, crate::store::int(now));
            Told { chat, from, id, clock, sort, number: None, seq: None, sent_at: now, shown: true, route: Route::Wait }
        };
        // In open chats the log folds edits, deletes and reactions; they show when they come back.
        if chat.state.sealed || body.target().is_none() {
            self.apply_body(tx, &told, body, out)?;
        }
        // A link that was closed because it was idle is wanted again.
        self.wish_links_of(tx, chat_id, out)?;
        out.events.push(Event::Chat { chat: chat_id });
        out.pump.insert(chat_id);
        Ok(key)
    }

    /// The next number of this device in the chat. A run begins at each opening of the profile and after each change of
    /// the chat's devices; its first message names the end of the one before.
    fn next_number(&self, tx: &Connection, chat: &ChatRow) -> Sql<(RunId, u64, Option<RunEnd>)> {
        let last = sent::last_run(tx, chat.state.id)?;
        if let Some(run) = last.filter(|run| run.life == self.opening.life && run.membership == chat.state.membership) {
            let next = OwnRun { last_n: run.last_n + 1, ..run };
            sent::put_run(tx, chat.state.id, &next)?;
            return Ok((next.run, next.last_n, None));
        }
        let fresh = OwnRun {
            run: RunId(uuid::Uuid::new_v4()),
            membership: chat.state.membership,
            life: self.opening.life,
            last_n: 1,
        };
        sent::put_run(tx, chat.state.id, &fresh)?;
        let after = last.map(|run| RunEnd { run: run.run, n: run.last_n, membership: run.membership });
        Ok((fresh.run, 1, after))
    }

    /// Hands what waits to the routes that are open: to every link that is in step, and to the relay unless links alone suffice.
    pub(crate) fn pump(&mut self, tx: &Connection, chat_id: ChatId, out: &mut Effects) -> Sql<()> {
        let Some(chat) = chats::get(tx, chat_id)?.filter(|chat| chat.status == ChatStatus::Active) else {
            return Ok(());
        };
        let mut handed = Handed::new();
        if chat.state.sealed {
            self.pump_links(tx, &chat, &mut handed, out)?;
        }
        if !chat.state.sealed || !self.links_suffice(&chat) {
            self.pump_relay(tx, &chat, &mut handed, out)?;
        }
        for (position, (id, route)) in handed {
            if sent::hand(tx, position)? {
                messages::set_route(tx, chat_id, MessageKey { device: self.device(), id }, route)?;
            }
        }
        Ok(())
    }

    fn pump_relay(&mut self, tx: &Connection, chat: &ChatRow, handed: &mut Handed, out: &mut Effects) -> Sql<()> {
        let id = chat.state.id;
        let Some(session) = self.session.as_mut().filter(|session| session.phase == SessionPhase::Open) else {
            return Ok(());
        };
        let room = WINDOW.saturating_sub(session.in_flight.len());
        let feed = session.feeds.entry(id).or_default();
        if room == 0 || feed.refused.is_some() || chat.resetting {
            return Ok(());
        }
        for row in sent::open_after(tx, id, feed.appended, room)? {
            let Some(payload) = append_of(chat, &row) else {
                sent::fail(tx, id, row.id, "The message could not be read back from this profile.")?;
                continue;
            };
            feed.appended = row.position;
            session.in_flight.insert((id, row.id), ());
            note(handed, &row, Route::Relay);
            out.relay.push(ClientFrame::Append { chat: id, id: row.id, payload });
        }
        Ok(())
    }

    /// Takes a message back that was never handed to any route; its number stays, with nothing under it. `false` if it is too late.
    pub(crate) fn cancel(&mut self, tx: &Connection, chat: ChatId, id: MessageId, out: &mut Effects) -> Sql<bool> {
        let Some(row) = sent::cancel(tx, chat, id)? else {
            return Ok(false);
        };
        match payload::open(&row.payload) {
            Ok(message) => {
                let empty = SealedMessage { body: Body::Empty, ..message };
                sent::replace_payload(tx, row.position, &payload::seal(&empty))?;
            }
            Err(_) => sent::remove(tx, chat, id)?,
        }
        messages::withdraw(tx, chat, MessageKey { device: self.device(), id })?;
        out.events.push(Event::Chat { chat });
        out.pump.insert(chat);
        Ok(true)
    }

    /// A failed message goes out again, with the same bytes; one of the device that this profile was before, or whose number
    /// was given up, goes out anew.
    pub(crate) fn retry(&mut self, tx: &Connection, chat: ChatId, key: MessageKey, out: &mut Effects) -> Sql<bool> {
        let numbered = sent::get(tx, chat, key.id)?.is_none_or(|row| row.number.is_some());
        let sealed = chats::get(tx, chat)?.is_some_and(|chat| chat.state.sealed);
        if key.device != self.device() || (sealed && !numbered) {
            let row = chats::get(tx, chat)?.filter(|chat| chat.status == ChatStatus::Active);
            return match (row, sent::failed(tx, chat, key.id)?) {
                (Some(row), Some(text)) => self.send_anew(tx, &row, key, &text, out),
                _ => Ok(false),
            };
        }
        let again = sent::retry(tx, chat, key.id)?;
        if again {
            if let Some(feed) = self.session.as_mut().and_then(|session| session.feeds.get_mut(&chat)) {
                feed.appended = 0;
            }
            out.events.push(Event::MessageChanged { chat, key });
            out.pump.insert(chat);
        }
        Ok(again)
    }

    /// The relay never takes a message which its operator finds too large, and what follows must not wait for it in vain: its
    /// number is taken by an empty one. Retried, it goes out under a number of its own.
    pub(crate) fn give_up_number(&mut self, tx: &Connection, chat: ChatId, id: MessageId) -> Sql<()> {
        let Some(row) = sent::get(tx, chat, id)? else {
            return Ok(());
        };
        let (Some(number), Ok(message)) = (row.number, payload::open(&row.payload)) else {
            return Ok(());
        };
        let empty = SealedMessage { id: MessageId::new(), body: Body::Empty, ..message };
        sent::forget_number(tx, chat, id)?;
        messages::set_number(tx, chat, MessageKey { device: self.device(), id }, None)?;
        sent::push(tx, chat, empty.id, Some(number), &payload::seal(&empty), self.opening.life, self.now())
    }

    /// What was written under these memberships and given to nobody yet goes out under the membership that holds now: they turned out
    /// to be known to few. Everything behind it follows, as numbers go on.
    pub(crate) fn number_anew(&mut self, tx: &Connection, chat_id: ChatId, under: &BTreeSet<EventId>) -> Sql<()> {
        let Some(chat) = chats::get(tx, chat_id)? else {
            return Ok(());
        };
        let waiting = sent::unhanded(tx, chat_id)?;
        let opened =
            waiting.into_iter().filter_map(|row| payload::open(&row.payload).ok().map(|message| (row, message)));
        let moved: Vec<(SentRow, SealedMessage)> =
            opened.skip_while(|(_, message)| !under.contains(&message.membership)).collect();
        let mut first: BTreeMap<RunId, u64> = BTreeMap::new();
        for (_, message) in &moved {
            first.entry(message.run).and_modify(|n| *n = message.n.min(*n)).or_insert(message.n);
        }
        for (run, n) in first {
            sent::cut_run(tx, chat_id, run, n)?;
        }
        for (row, message) in moved {
            let (run, n, after) = self.next_number(tx, &chat)?;
            let message = SealedMessage { run, n, after, membership: chat.state.membership, ..message };
            sent::renumber(tx, row.position, (run, n), &payload::seal(&message))?;
            let key = MessageKey { device: self.device(), id: row.id };
            messages::set_number(tx, chat_id, key, Some((run, n)))?;
        }
        Ok(())
    }

    /// What the profile had in its outbox as another device. What surely nobody was given goes out anew, under the new
    /// device. The rest may have been taken by some, and would be shown to them twice: the person decides. `copied`: the
    /// profile is an old copy, so whatever was written before this opening may have been sent by the profile itself, and
    /// what the relay took is the relay's.
    pub(crate) fn requeue_under_new_device(
        &mut self,
        tx: &Connection,
        old: DeviceId,
        copied: bool,
        out: &mut Effects,
    ) -> Sql<()> {
        sent::forget_runs(tx)?;
        for row in sent::unfinished(tx)? {
            let key = MessageKey { device: old, id: row.id };
            let taken = row.at_relay && (copied || !row.sealed);
            if taken {
                sent::remove(tx, row.chat, row.id)?;
                continue;
            }
            let active = chats::get(tx, row.chat)?.filter(|chat| chat.status == ChatStatus::Active);
            let untouched = !row.handed && (!copied || row.life == self.opening.life);
            if let (true, Some(chat)) = (untouched, active)
                && self.send_anew(tx, &chat, key, &row.payload, out)?
            {
                continue;
            }
            let reason = if copied {
                "This was waiting when the profile was copied; it may have been sent since. Retry to send it again."
            } else {
                "This may not have reached everybody before the device had to sign in anew. Retry to send it again."
            };
            sent::give_up(tx, row.chat, row.id, reason)?;
            out.events.push(Event::MessageChanged { chat: row.chat, key });
        }
        Ok(())
    }

    /// Sends what another device left as a new message in its place; `false` if its bytes cannot be read.
    fn send_anew(
        &mut self,
        tx: &Connection,
        chat: &ChatRow,
        key: MessageKey,
        text: &str,
        out: &mut Effects,
    ) -> Sql<bool> {
        let body = payload::open(text).map(|message| message.body).ok().or_else(|| serde_json::from_str(text).ok());
        let Some(body) = body else { return Ok(false) };
        sent::remove(tx, chat.state.id, key.id)?;
        messages::withdraw(tx, chat.state.id, key)?;
        // Several may follow each other: the clock of the one before is in the database.
        let chat = chats::get(tx, chat.state.id)?.unwrap_or_else(|| chat.clone());
        self.send(tx, &chat, &body, out)?;
        Ok(true)
    }

    /// Whether a blocked account stands at the other end of a direct chat.
    pub(crate) fn is_blocked_chat(&self, tx: &Connection, chat: &ChatRow) -> Sql<bool> {
        if chat.state.kind != parley_protocol::ChatKind::Direct {
            return Ok(false);
        }
        for account in chat.state.members.keys().filter(|account| **account != self.account()) {
            if settings::is_blocked(tx, *account)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Notes that a row is handed to a route. The first one that leads to somebody else is the one to show.
pub(super) fn note(handed: &mut Handed, row: &SentRow, route: Route) {
    let noted = handed.entry(row.position).or_insert((row.id, route));
    if noted.1 == Route::Wait {
        noted.1 = route;
    }
}

/// The append of a row.
fn append_of(chat: &ChatRow, row: &SentRow) -> Option<Payload> {
    if chat.state.sealed {
        return Some(Payload::Sealed(row.payload.clone()));
    }
    serde_json::from_str(&row.payload).ok().map(Payload::Open)
}
