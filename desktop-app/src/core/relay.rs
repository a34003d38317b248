//! Frames of the relay: the session's beginning, entries of the logs, answers to appends, live frames.

use std::time::{Duration, Instant};

use parley_protocol::frames::{Gone, LogCursor, LogView, MarkScope, RelayFrame, Sender};
use parley_protocol::{
    Body, ChatChange, ChatId, ClientFrame, Code, DeviceId, ErrorBody, EventId, MessageId, MessageKey, VERSION, payload,
};
use rusqlite::Connection;

use super::again::Again;
use super::inbox::notice;
use super::session::{Refused, Session, SessionPhase, refusal_pause};
use super::{Core, Effects, Task};
use crate::events::Event;
use crate::store::{Sql, chats, messages, sent, settings};
use crate::views::{ChatStatus, Connection as ConnectionView, Route};

/// A mark that the relay could not take is told again after this long, unless the relay says when.
const MARK_AGAIN: Duration = Duration::from_secs(3);

/// A round trip to the relay that changed by less than this, in microseconds, is the same to a person.
const NOTICEABLE: u32 = 10_000;

impl Core {
    /// A session begins: say hello with the own cursors.
    pub(crate) fn begin_session(
        &mut self,
        tx: &Connection,
        number: u64,
        device: DeviceId,
        out: &mut Effects,
    ) -> Sql<()> {
        // One that began as the device which this profile no longer is, or is yet to be, is followed by one that fits.
        let Some(me) = self.me.as_ref().filter(|me| device == me.device || device == DeviceId::default()) else {
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
        let (opening, program) = (self.opening, self.program.clone());
        out.relay.push(ClientFrame::Hello { version: VERSION, opening, succeeds, cursors, program });
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
        self.keep_presence();
        self.presence_awaited.clear();
        self.marks_awaited.clear();
        self.relay_round_trip = None;
        if let ConnectionView::SignedOut { reason } = view {
            return self.sign_out_locally(tx, reason, out);
        }
        self.show_connection(view, out);
        self.all_routes(tx, out)
    }

    pub(crate) fn relay_frame(&mut self, tx: &Connection, frame: RelayFrame, out: &mut Effects) -> Sql<()> {
        match frame {
            RelayFrame::Welcome { now, logs, gone, ice_servers, blocked, .. } => {
                if let Some(session) = &mut self.session {
                    session.clock = Some((now, Instant::now()));
                }
                self.expire_at = Instant::now();
                settings::set_blocked(tx, &blocked)?;
                self.configure_ice(tx, ice_servers, out)?;
                self.open_session(tx, logs, gone, out)
            }
            RelayFrame::Log(log) => {
                self.follow(tx, log, out)?;
                self.show_progress(tx, out)
            }
            RelayFrame::Gone(gone) => {
                self.lose(tx, gone, false, out)?;
                self.show_progress(tx, out)
            }
            RelayFrame::Entry(entry) => self.take_entry(tx, &entry, out),
            RelayFrame::Accepted { chat, id, .. } => self.accepted(tx, chat, id, out),
            RelayFrame::Refused { chat, id, error } => self.refused(tx, chat, id, &error, out),
            RelayFrame::MarkRefused { chat, error } => {
                let pause = error.retry_after.map_or(MARK_AGAIN, Duration::from_secs);
                self.marks_due.entry(chat).or_insert_with(|| Instant::now() + pause);
                // It may have been the register of what is hidden.
                self.tell_hidden_again(tx, chat, out)
            }
            RelayFrame::Marks { chat, from, scope: MarkScope::Hidden, mark } => {
                self.take_hidden(tx, chat, from, &mark, out)
            }
            RelayFrame::Marks { chat, from, mark, .. } => self.take_marks(tx, chat, from, &mark, out),
            RelayFrame::MarksEnd => {
                self.marks_told();
                Ok(())
            }
            RelayFrame::Typing { chat, from, on } => {
                if from.account != self.account() && !settings::is_blocked(tx, from.account)? {
                    out.events.push(Event::Typing { chat, account: from.account, on });
                }
                Ok(())
            }
            RelayFrame::Signal { from, body, .. } => self.peer_signal(tx, from, body, out),
            RelayFrame::Presence(presence) => self.take_presence(tx, presence, out),
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
                    return self.relay_knows(tx, opening, out);
                }
                Ok(())
            }
        }
    }

    /// The relay has confirmed this opening and says where the session stands: from now on things may be appended.
    fn open_session(&mut self, tx: &Connection, logs: Vec<LogView>, gone: Vec<Gone>, out: &mut Effects) -> Sql<()> {
        settings::set(tx, "confirmed_opening", &self.opening)?;
        if let Some(session) = &mut self.session {
            session.phase = SessionPhase::Open;
        }
        for log in logs {
            self.follow(tx, log, out)?;
        }
        for gone in gone {
            self.lose(tx, gone, true, out)?;
        }
        self.begin_presence(out);
        self.subscribe_again(tx, out)?;
        out.pump.extend(sent::chats_with_open(tx)?);
        for chat in chats::all(tx)? {
            // The relay may have been restored, or never been told: it is told again, once a session.
            self.marks_due.entry(chat.state.id).or_insert_with(Instant::now);
        }
        self.show_progress(tx, out)?;
        self.all_routes(tx, out)
    }

    pub(super) fn answered(&mut self, chat: ChatId, id: MessageId) {
        if let Some(session) = &mut self.session {
            session.in_flight.remove(&(chat, id));
        }
    }

    /// The relay has taken an append.
    fn accepted(&mut self, tx: &Connection, chat: ChatId, id: MessageId, out: &mut Effects) -> Sql<()> {
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
        let (Some(session), true) = (&mut self.session, messages::sender(tx, chat, target)?.is_some()) else {
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

    /// The relay did not take for now what its log lacks: it is given that again in this session. A later one begins by itself.
    pub(super) fn restore_later(
        &mut self,
        chat: ChatId,
        changes: Vec<(EventId, ChatChange)>,
        retry_after: Option<u64>,
    ) {
        let Some(session) = &mut self.session else {
            return;
        };
        let (again, kept) = session.restores.entry(chat).or_insert_with(|| (Again::under_way(), Vec::new()));
        *kept = changes;
        let pause = again.failed(Instant::now(), retry_after);
        tracing::warn!(%chat, ?pause, "the relay could not be given back what it lacks; it is asked again");
    }

    /// Gives a restored relay again what it did not take for now, once the pause is over.
    pub(super) fn restore_again(&mut self, now: Instant, out: &mut Effects) {
        let Some(session) = &mut self.session else {
            return;
        };
        for (chat, (again, changes)) in &mut session.restores {
            if again.is_due(now) {
                out.tasks.push(Task::Restore { chat: *chat, changes: changes.clone() });
            }
        }
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
            Ok(register) => self.merge_marks(tx, chat, from, &register, Route::Relay, out),
            Err(error) => {
                tracing::warn!(%chat, device = %from.device, %error, "a mark register could not be read");
                Ok(())
            }
        }
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
        let round_trip = match self.connection {
            ConnectionView::Online { round_trip: Some(shown), .. } => Some(shown),
            _ => self.relay_round_trip,
        };
        let mut behind = 0;
        for chat in chats::all(tx)?.into_iter().filter(|chat| chat.status == ChatStatus::Active) {
            let head = session.heads.get(&chat.state.id.into()).copied().unwrap_or(0);
            behind += head.saturating_sub(chat.cursor.seq);
        }
        self.show_connection(ConnectionView::Online { behind, round_trip }, out);
        Ok(())
    }

    /// Shows the relay's round trip once it is known, and when it has become quite another.
    pub(super) fn show_round_trip(&mut self, out: &mut Effects) {
        let (ConnectionView::Online { behind, round_trip: shown }, Some(now)) =
            (&self.connection, self.relay_round_trip)
        else {
            return;
        };
        let near = |shown: u32| shown.abs_diff(now) <= (shown / 2).max(NOTICEABLE);
        if !shown.is_some_and(near) {
            self.show_connection(ConnectionView::Online { behind: *behind, round_trip: Some(now) }, out);
        }
    }
}
