//! Frames of the relay: the session's beginning, entries of the logs, answers to appends, live frames.

use std::time::{Duration, Instant};

use parley_protocol::frames::{LogCursor, RelayFrame, Sender};
use parley_protocol::{Body, ChatId, ClientFrame, Code, DeviceId, ErrorBody, MessageId, MessageKey, VERSION, payload};
use rusqlite::Connection;

use super::inbox::notice;
use super::session::{Refused, Session, SessionPhase, refusal_pause};
use super::{Core, Effects, Task};
use crate::events::Event;
use crate::relay_link::LinkCommand;
use crate::store::{Sql, chats, messages, sent, settings};
use crate::tokens::Credentials;
use crate::views::{ChatStatus, Connection as ConnectionView, Me};

/// A mark that the relay could not take is told again after this long, unless the relay says when.
const MARK_AGAIN: Duration = Duration::from_secs(3);

impl Core {
    /// A session begins: say hello with the own cursors.
    pub(crate) fn begin_session(&mut self, tx: &Connection, number: u64, out: &mut Effects) -> Sql<()> {
        let Some(me) = &self.me else {
            return Ok(());
        };
        let mut cursors: Vec<LogCursor> = chats::all(tx)?
            .into_iter()
            .filter(|chat| {
                chat.status == ChatStatus::Active || (chat.status == ChatStatus::Left && chat.cursor.seq > 0)
            })
            .map(|chat| LogCursor { log: chat.state.id.into(), cursor: chat.cursor })
            .collect();
        if let Some(cursor) = settings::get(tx, "inbox_cursor")? {
            cursors.push(LogCursor { log: me.device.into(), cursor });
        }
        let succeeds = settings::get(tx, "confirmed_opening")?;
        // What this batch had for an older session has no place before the hello of this one.
        out.relay.clear();
        out.acks.clear();
        self.session = Some(Session::new(number));
        out.relay.push(ClientFrame::Hello { version: VERSION, opening: self.opening, succeeds, cursors });
        Ok(())
    }

    /// The session is gone.
    pub(crate) fn end_session(
        &mut self,
        tx: &Connection,
        number: u64,
        view: ConnectionView,
        out: &mut Effects,
    ) -> Sql<()> {
        if self.session.as_ref().is_some_and(|session| session.number != number && number != 0) {
            return Ok(());
        }
        self.session = None;
        self.presence.clear();
        self.relay_round_trip = None;
        if let ConnectionView::SignedOut { reason } = view {
            return self.sign_out_locally(tx, reason, out);
        }
        self.show_connection(view, out);
        self.all_routes(tx, out)
    }

    pub(crate) fn relay_frame(&mut self, tx: &Connection, frame: RelayFrame, out: &mut Effects) -> Sql<()> {
        match frame {
            RelayFrame::Welcome { logs, gone, ice_servers, blocked, .. } => {
                settings::set(tx, "confirmed_opening", &self.opening)?;
                settings::set_blocked(tx, &blocked)?;
                if let Some(session) = &mut self.session {
                    session.phase = SessionPhase::Open;
                }
                self.configure_ice(tx, ice_servers, out)?;
                for log in logs {
                    self.follow(tx, log, out)?;
                }
                for gone in gone {
                    self.lose(tx, gone, out)?;
                }
                self.subscribe_again(tx, out)?;
                for chat in sent::chats_with_open(tx)? {
                    out.pump.insert(chat);
                }
                for chat in chats::all(tx)? {
                    // The relay may have been restored, or never been told: it is told again, once a session.
                    self.marks_due.entry(chat.state.id).or_insert_with(Instant::now);
                }
                self.show_progress(tx, out)?;
                self.all_routes(tx, out)
            }
            RelayFrame::Log(log) => {
                self.follow(tx, log, out)?;
                self.show_progress(tx, out)
            }
            RelayFrame::Gone(gone) => {
                self.lose(tx, gone, out)?;
                self.show_progress(tx, out)
            }
            RelayFrame::Entry(entry) => self.take_entry(tx, &entry, out),
            RelayFrame::Accepted { chat, id, .. } => {
                self.answered(chat, id);
                if let Some(feed) = self.session.as_mut().and_then(|session| session.feeds.get_mut(&chat)) {
                    feed.refusals = 0;
                }
                if sent::accept(tx, chat, id)? {
                    let key = MessageKey { device: self.device(), id };
                    out.events.push(Event::MessageChanged { chat, key });
                }
                out.pump.insert(chat);
                Ok(())
            }
            RelayFrame::Refused { chat, id, error } => self.refused(tx, chat, id, &error, out),
            RelayFrame::MarkRefused { chat, error } => {
                let pause = error.retry_after.map_or(MARK_AGAIN, Duration::from_secs);
                self.marks_due.entry(chat).or_insert_with(|| Instant::now() + pause);
                Ok(())
            }
            RelayFrame::Marks { chat, from, mark, .. } => self.take_marks(tx, chat, from, &mark, out),
            RelayFrame::Typing { chat, from, on } => {
                if from.account != self.account() && !settings::is_blocked(tx, from.account)? {
                    out.events.push(Event::Typing { chat, account: from.account, on });
                }
                Ok(())
            }
            RelayFrame::Signal { from, body, .. } => self.peer_signal(tx, from, body, out),
            RelayFrame::Presence(presence) => {
                let account = presence.account;
                let came: Vec<DeviceId> = presence.devices.clone();
                self.presence.insert(account, presence);
                out.events.push(Event::Presence { account });
                for device in came {
                    self.wish_link(tx, device, out)?;
                }
                Ok(())
            }
            RelayFrame::Topic { topic, from, data } => {
                out.events.push(Event::Topic { topic, from, data });
                Ok(())
            }
            RelayFrame::TopicLost { count } => {
                out.events.push(Event::TopicLost { count });
                Ok(())
            }
            RelayFrame::Done { req, count } => {
                self.requests_done(req, Ok(count), out);
                Ok(())
            }
            RelayFrame::Error { req, peer, error } => {
                if let Some(req) = req {
                    self.requests_done(req, Err(error), out);
                } else if peer.is_none() {
                    tracing::warn!(code = %error.code, message = %error.message, "the relay could not carry out a frame");
                }
                Ok(())
            }
            RelayFrame::Bye { error, opening } => {
                if error.code == Code::OldCopy {
                    return self.maybe_old_copy(tx, opening, out);
                }
                Ok(())
            }
        }
    }

    pub(super) fn answered(&mut self, chat: ChatId, id: MessageId) {
        if let Some(session) = &mut self.session {
            session.in_flight.remove(&(chat, id));
        }
    }

    fn refused(
        &mut self,
        tx: &Connection,
        chat: ChatId,
        id: MessageId,
        error: &ErrorBody,
        out: &mut Effects,
    ) -> Sql<()> {
        self.answered(chat, id);
        let key = MessageKey { device: self.device(), id };
        if error.is_for_now() {
            let Some(session) = &mut self.session else {
                return Ok(());
            };
            let feed = session.feeds.entry(chat).or_default();
            // The refusals of what came after the first one say nothing new.
            if error.code != Code::ResumeFirst {
                feed.refusals = feed.refusals.saturating_add(1);
                let pause = refusal_pause(error.retry_after, feed.refusals);
                feed.refused = Some(Refused { until: Instant::now() + pause });
                notice(out, chat, "waiting", &error.message);
            } else if feed.refused.is_none() {
                feed.refused = Some(Refused { until: Instant::now() });
            }
            out.events.push(Event::MessageChanged { chat, key });
            return Ok(());
        }
        if error.code == Code::TooLarge {
            self.give_up_number(tx, chat, id)?;
        }
        if error.code == Code::NotFound && self.waits_for_target(tx, chat, id, out)? {
            return Ok(());
        }
        if sent::fail(tx, chat, id, &error.message)? {
            out.events.push(Event::MessageChanged { chat, key });
        }
        out.pump.insert(chat);
        Ok(())
    }

    /// A change of a message which the relay lacks waits for it: the relay was restored, and who wrote the message has yet
    /// to give it back (DELIVERY rule 17). `false` if the row is no change of a message that is known here.
    fn waits_for_target(&mut self, tx: &Connection, chat: ChatId, id: MessageId, out: &mut Effects) -> Sql<bool> {
        let Some(row) = sent::get(tx, chat, id)?.filter(|row| row.number.is_none()) else {
            return Ok(false);
        };
        let Some(target) = serde_json::from_str::<Body>(&row.payload).ok().and_then(|body| body.target()) else {
            return Ok(false);
        };
        let (Some(session), true) = (&mut self.session, messages::author(tx, chat, target)?.is_some()) else {
            return Ok(false);
        };
        if session.given_back.contains(&target) {
            // It came while the refusal was on its way.
            session.feeds.entry(chat).or_default().begin_again_at(row.position);
            out.pump.insert(chat);
        } else {
            session.wanting.entry(target).or_default().push((chat, id));
        }
        Ok(true)
    }

    /// A message of an open chat that was known came once more: what waited for it goes out, unless it was made void
    /// meanwhile. A newer change may be in the log by now, and there the last one counts.
    pub(crate) fn came_back(&mut self, tx: &Connection, key: MessageKey, out: &mut Effects) -> Sql<()> {
        let Some(session) = &mut self.session else {
            return Ok(());
        };
        session.given_back.insert(key);
        for (chat, id) in session.wanting.remove(&key).unwrap_or_default() {
            if let Some(row) = sent::get(tx, chat, id)? {
                let body = |payload: &str| serde_json::from_str::<Body>(payload).unwrap_or(Body::Empty);
                let this = body(&row.payload);
                if sent::later(tx, chat, row.position)?.iter().any(|later| body(&later.payload).supersedes(&this)) {
                    sent::remove(tx, chat, id)?;
                    continue;
                }
                session.feeds.entry(chat).or_default().begin_again_at(row.position);
                out.pump.insert(chat);
            }
        }
        Ok(())
    }

    /// Chats which the relay refused for now are asked again, from their oldest row on.
    pub(crate) fn retry_refused(&mut self, tx: &Connection, now: Instant, out: &mut Effects) -> Sql<()> {
        let Some(session) = &mut self.session else {
            return Ok(());
        };
        let mut due = Vec::new();
        for (chat, feed) in &mut session.feeds {
            if feed.refused.is_some_and(|refused| now >= refused.until) {
                feed.refused = None;
                due.push(*chat);
            }
        }
        for chat in due {
            if let Some(session) = &mut self.session {
                session.in_flight.retain(|(other, _), ()| *other != chat);
                if let Some(feed) = session.feeds.get_mut(&chat) {
                    feed.appended = sent::first_open(tx, chat)?.unwrap_or(1) - 1;
                }
            }
            out.relay.push(ClientFrame::Resume { chat });
            out.pump.insert(chat);
        }
        Ok(())
    }

    /// Another device's register came, by the relay.
    fn take_marks(&mut self, tx: &Connection, chat: ChatId, from: Sender, mark: &str, out: &mut Effects) -> Sql<()> {
        let Some(row) = chats::get(tx, chat)? else {
            return Ok(());
        };
        if from.device == self.device() || settings::is_blocked(tx, from.account)? {
            return Ok(());
        }
        if !row.state.sealed {
            return self.take_open_mark(tx, &row, from, mark, out);
        }
        match payload::open_marks(mark) {
            Ok(register) => self.merge_marks(tx, chat, from, &register, out),
            Err(error) => {
                tracing::warn!(%chat, device = %from.device, %error, "a mark register could not be read");
                Ok(())
            }
        }
    }

    /// The relay knows another opening of this device. If it was one of this profile's, say so; else this is an old copy.
    fn maybe_old_copy(
        &mut self,
        tx: &Connection,
        opening: Option<parley_protocol::frames::Opening>,
        out: &mut Effects,
    ) -> Sql<()> {
        let Some(opening) = opening else {
            return Ok(());
        };
        if settings::lived(tx, opening)? {
            settings::set(tx, "confirmed_opening", &opening)?;
            out.link.push(LinkCommand::Restart);
            return Ok(());
        }
        self.become_new_device(out);
        Ok(())
    }

    /// This profile went on elsewhere after it was copied: it signs in again as a new device.
    pub(crate) fn become_new_device(&mut self, out: &mut Effects) {
        tracing::warn!("this profile is an old copy of one that went on elsewhere; becoming a new device");
        self.session = None;
        out.link.push(LinkCommand::Pause);
        out.tasks.push(Task::ReplaceDevice);
    }

    /// The profile is another device from now on (DELIVERY rule 14).
    pub(crate) fn become_device(
        &mut self,
        tx: &Connection,
        credentials: &Credentials,
        me: Me,
        out: &mut Effects,
    ) -> Sql<()> {
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
        out.link.push(LinkCommand::Go { credentials: credentials.clone() });
        Ok(())
    }

    /// Says how the engine stands with its relay, if that changed.
    pub(crate) fn show_connection(&mut self, view: ConnectionView, out: &mut Effects) {
        if self.connection != view {
            self.connection = view.clone();
            out.events.push(Event::Connection(view));
        }
    }

    pub(super) fn show_progress(&mut self, tx: &Connection, out: &mut Effects) -> Sql<()> {
        let Some(session) = self.session.as_ref().filter(|session| session.phase == SessionPhase::Open) else {
            return Ok(());
        };
        let mut behind = 0;
        for chat in chats::all(tx)?.into_iter().filter(|chat| chat.status == ChatStatus::Active) {
            let head = session.heads.get(&chat.state.id.into()).copied().unwrap_or(0);
            behind += head.saturating_sub(chat.cursor.seq);
        }
        self.show_connection(ConnectionView::Online { behind }, out);
        Ok(())
    }
}
