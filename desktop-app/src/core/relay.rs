//! Frames of the relay: the session's beginning, entries of the logs, answers to appends, live frames.

use std::time::Instant;

use parley_protocol::frames::{
    Content, Cursor, Entry, Gone, GoneReason, InboxItem, LogCursor, LogStart, LogView, Payload, RelayFrame, Sender,
};
use parley_protocol::{
    AccountId, Body, ChatChange, ChatId, ChatState, ClientFrame, Code, DeviceId, ErrorBody, EventId, LogId, MessageId,
    MessageKey, VERSION, payload,
};
use rusqlite::Connection;

use super::inbox::{Incoming, Told, is_of_kind, notice};
use super::session::{Refused, Session, SessionPhase, refusal_pause};
use super::{Core, Effects, Task};
use crate::events::Event;
use crate::relay_link::LinkCommand;
use crate::store::chats::ChatRow;
use crate::store::{Sql, chats, messages, sent, settings, streams};
use crate::tokens::Credentials;
use crate::views::{ChatStatus, Connection as ConnectionView, Me, Route};

/// Why messages to a chat fail which one is no longer in.
const LEFT: &str = "You are no longer in this chat.";

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

    /// Whether entries of the chat's log are still on their way to this device.
    pub(crate) fn is_catching_up(&self, tx: &Connection, chat: ChatId) -> Sql<bool> {
        let Some(head) = self.session.as_ref().and_then(|session| session.heads.get(&chat.into())) else {
            return Ok(false);
        };
        Ok(chats::get(tx, chat)?.is_some_and(|row| row.cursor.seq < *head))
    }

    pub(crate) fn relay_frame(&mut self, tx: &Connection, frame: RelayFrame, out: &mut Effects) -> Sql<()> {
        match frame {
            RelayFrame::Welcome { logs, gone, ice_servers, blocked, .. } => {
                settings::set(tx, "confirmed_opening", &self.opening)?;
                settings::set_blocked(tx, &blocked)?;
                if let Some(session) = &mut self.session {
                    session.phase = SessionPhase::Open;
                }
                self.configure_ice(ice_servers, out);
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

    /// The session stands in a log: resumed, from the start, or elsewhere than this device thought.
    fn follow(&mut self, tx: &Connection, log: LogView, out: &mut Effects) -> Sql<()> {
        if let Some(session) = &mut self.session {
            session.heads.insert(log.log, log.head);
        }
        if log.log == LogId::from(self.device()) {
            if log.start != LogStart::Resumed {
                settings::set(tx, "inbox_cursor", &log.position)?;
            }
            return Ok(());
        }
        let chat = log.log.chat();
        let known = chats::get(tx, chat)?;
        match (log.start, log.chat) {
            (LogStart::Resumed, _) => {
                if let Some(known) = known.filter(|known| known.read_seq > known.cursor.seq) {
                    // Another device of one's own read further, perhaps in what a restored relay has lost; the relay is
                    // about to tell its mark.
                    chats::set_read_seq(tx, known.state.id, known.cursor.seq)?;
                }
                self.reset_if_read(tx, chat, out)?;
            }
            (LogStart::Started, Some(state)) => self.begin_chat(tx, known.as_ref(), &state, log.position, out)?,
            (LogStart::Reset, state) => {
                if known.is_none()
                    && let Some(state) = state
                {
                    chats::put(tx, &state)?;
                }
                tracing::warn!(%chat, "the relay's log is an older one; reading it anew and giving back what it lacks");
                if let Some(known) = known.filter(|known| !known.state.sealed) {
                    // Numbers of the lost log say nothing of what stands there now: what this device was given counts
                    // by itself, and up to where it began, the log is history and no news.
                    let otherwise = if known.resetting { known.read_seq } else { known.cursor.seq };
                    let began = messages::first_given(tx, chat)?.map_or(otherwise, |first| first.saturating_sub(1));
                    chats::set_read_seq(tx, chat, began)?;
                    messages::forget_seqs(tx, chat, began)?;
                    streams::forget_marks(tx, chat)?;
                    let shown = known.lost_read.max(known.read_seq);
                    let unread = messages::first_unread_lost(tx, chat)?;
                    let shown = unread.map_or(shown, |unread| shown.min(unread.saturating_sub(1)));
                    chats::set_lost_read(tx, chat, shown)?;
                }
                chats::begin_reset(tx, chat)?;
                chats::set_cursor(tx, chat, log.position)?;
                self.reset_if_read(tx, chat, out)?;
            }
            (LogStart::Trimmed, state) => {
                if let Some(state) = state {
                    chats::put(tx, &state)?;
                }
                chats::set_cursor(tx, chat, log.position)?;
                let lost = log.trimmed.map(|gone| (gone.to + 1).saturating_sub(gone.from));
                self.show_gap(tx, chat, self.device(), None, lost, messages::RETENTION, out)?;
            }
            (LogStart::Started, None) => {}
        }
        self.renew_deaf_links(chat, out);
        self.wish_links_of(tx, chat, out)?;
        out.pump.insert(chat);
        out.routes.insert(chat);
        Ok(())
    }

    /// A log begins for this device: a chat which is new to it, which it came into again, or which a restored relay was
    /// given back. The state is the log's at this position, and what follows there is applied to it, whether it was seen
    /// before or not.
    fn begin_chat(
        &mut self,
        tx: &Connection,
        known: Option<&ChatRow>,
        state: &parley_protocol::ChatState,
        position: Cursor,
        out: &mut Effects,
    ) -> Sql<()> {
        let chat = state.id;
        // A membership that was seen before comes again only from a relay that was restored.
        let restored = chats::audience(tx, chat, state.membership)?.is_some();
        if known.is_some_and(|known| known.resetting) {
            // Somebody else gave the log back, and may not have known all of it.
            out.tasks.push(Task::Restore { chat, changes: chats::lost_changes(tx, chat)? });
        }
        chats::forget_changes(tx, chat)?;
        if known.is_some() && !restored {
            // Runs of the stay before may have gone on without this device: nothing of them is waited for.
            chats::forget_memberships(tx, chat)?;
            sent::forget_taken(tx, chat)?;
        }
        chats::put(tx, state)?;
        chats::set_status(tx, chat, ChatStatus::Active)?;
        chats::set_cursor(tx, chat, position)?;
        if position.seq == 1 {
            // The first entry itself is not sent to those whom it brought in; a relay restored to before it may need it.
            chats::put_change(tx, chat, state.membership, &first_change(state))?;
        }
        if let Some(known) = known {
            if !state.sealed && position.seq > known.cursor.seq {
                // What was said meanwhile would be a hole that no paging finds; the relay has the whole history.
                messages::forget_history(tx, chat)?;
            }
            if restored {
                sent::unfail(tx, chat, LEFT)?;
            }
            self.finish_reset(tx, chat, out)?;
        }
        out.events.push(Event::Chat { chat });
        Ok(())
    }

    /// A reset log that has been read to its head is given what it lacks: changes first, then own messages.
    fn reset_if_read(&mut self, tx: &Connection, chat: ChatId, out: &mut Effects) -> Sql<()> {
        let Some(row) = chats::get(tx, chat)?.filter(|row| row.resetting) else {
            return Ok(());
        };
        let head = self.session.as_ref().and_then(|session| session.heads.get(&chat.into())).copied().unwrap_or(0);
        if row.cursor.seq < head {
            return Ok(());
        }
        let lost = chats::lost_changes(tx, chat)?;
        if lost.is_empty() {
            return self.finish_reset(tx, chat, out);
        }
        out.tasks.push(Task::Restore { chat, changes: lost });
        Ok(())
    }

    /// The log has the changes that could be given back; now everything of one's own that somebody may lack.
    pub(crate) fn finish_reset(&mut self, tx: &Connection, chat: ChatId, out: &mut Effects) -> Sql<()> {
        chats::end_reset(tx, chat)?;
        sent::reopen(tx, chat)?;
        if let Some(feed) = self.session.as_mut().and_then(|session| session.feeds.get_mut(&chat)) {
            feed.appended = 0;
        }
        self.settle(tx, chat, out)?;
        out.pump.insert(chat);
        Ok(())
    }

    /// A chat is not there.
    fn lose(&mut self, tx: &Connection, gone: Gone, out: &mut Effects) -> Sql<()> {
        if let Some(session) = &mut self.session {
            // Nothing of it is on its way any more.
            session.heads.remove(&gone.chat.into());
        }
        match gone.reason {
            GoneReason::Deleted => self.chat_deleted(tx, gone.chat, out),
            GoneReason::NotMember => {
                // All that was held for this device has been taken; the next hello need not name the chat.
                chats::set_cursor(tx, gone.chat, Cursor::default())?;
                self.chat_left(tx, gone.chat, out)
            }
            GoneReason::Unknown => {
                let Some(row) = chats::get(tx, gone.chat)?.filter(|row| row.status == ChatStatus::Active) else {
                    return Ok(());
                };
                chats::begin_reset(tx, gone.chat)?;
                chats::set_cursor(tx, gone.chat, Cursor::default())?;
                let changes = chats::lost_changes(tx, gone.chat)?;
                // A device that joined later does not have the first change; those who do give the chat back.
                if changes.first().is_some_and(|(_, change)| matches!(change, ChatChange::Created { .. })) {
                    out.tasks.push(Task::Restore { chat: row.state.id, changes });
                }
                Ok(())
            }
        }
    }

    fn chat_left(&mut self, tx: &Connection, chat: ChatId, out: &mut Effects) -> Sql<()> {
        chats::set_status(tx, chat, ChatStatus::Left)?;
        self.fail_rest(tx, chat, LEFT, out)?;
        // Its log goes on without this device, which is behind in it no more.
        self.show_progress(tx, out)
    }

    fn chat_deleted(&mut self, tx: &Connection, chat: ChatId, out: &mut Effects) -> Sql<()> {
        chats::set_status(tx, chat, ChatStatus::Deleted)?;
        self.fail_rest(tx, chat, "This chat was deleted.", out)
    }

    fn fail_rest(&mut self, tx: &Connection, chat: ChatId, reason: &str, out: &mut Effects) -> Sql<()> {
        for id in sent::fail_all(tx, chat, reason)? {
            out.events.push(Event::MessageChanged { chat, key: MessageKey { device: self.device(), id } });
        }
        out.events.push(Event::Chat { chat });
        out.routes.insert(chat);
        Ok(())
    }

    /// Takes the next entry of a log and moves the own cursor past it, in the same transaction.
    fn take_entry(&mut self, tx: &Connection, entry: &Entry, out: &mut Effects) -> Sql<()> {
        let cursor = Cursor { seq: entry.seq, entry: entry.entry };
        if entry.log == LogId::from(self.device()) {
            let at: Cursor = settings::get(tx, "inbox_cursor")?.unwrap_or_default();
            if entry.seq <= at.seq {
                return Ok(());
            }
            if let Content::Item(item) = &entry.content {
                self.take_item(tx, item, out)?;
            }
            settings::set(tx, "inbox_cursor", &cursor)?;
            out.acks.insert(entry.log, entry.seq);
            return Ok(());
        }
        let Some(chat) = chats::get(tx, entry.log.chat())? else {
            return Ok(());
        };
        if entry.seq <= chat.cursor.seq {
            return Ok(());
        }
        if entry.seq != chat.cursor.seq + 1 {
            tracing::error!(chat = %chat.state.id, seq = entry.seq, cursor = chat.cursor.seq, "the relay skipped an entry");
            out.link.push(LinkCommand::Restart);
            return Ok(());
        }
        let id = chat.state.id;
        match &entry.content {
            Content::Change(change) => self.take_change(tx, &chat, entry, change, out)?,
            Content::Payload(payload) if !is_of_kind(chat.state.sealed, payload) => {
                // What was once sealed never falls back to plain words.
                notice(out, id, "damaged", "The relay gave a message of the wrong kind; it was left out.");
            }
            Content::Payload(Payload::Sealed(text)) if entry.from.device == self.device() => {
                self.own_entry(tx, &chat, entry, text, out)?;
            }
            Content::Payload(Payload::Sealed(text)) => {
                let named = Some(MessageId(entry.id));
                let incoming =
                    Incoming { chat: id, from: entry.from, named, payload: text.clone(), route: Route::Relay };
                self.take_sealed(tx, incoming, out)?;
            }
            Content::Payload(Payload::Open(body)) => {
                if entry.from.device == self.device() {
                    let key = MessageKey { device: entry.from.device, id: MessageId(entry.id) };
                    sent::end(tx, id, key.id)?;
                    messages::set_seq(tx, id, key, entry.seq)?;
                    out.events.push(Event::MessageChanged { chat: id, key });
                }
                settings_name_unknown(tx, entry.from.account, out)?;
                self.take_open(tx, &chat, entry, body, out)?;
                out.marks.insert(id);
            }
            Content::Item(_) => {}
        }
        chats::set_cursor(tx, id, cursor)?;
        out.acks.insert(entry.log, entry.seq);
        if !chat.state.sealed && chat.read_seq + 1 == entry.seq && messages::is_read_upto(tx, id, entry.seq)? {
            // One's own, or a restored relay was given back what had been shown: nothing to read in it.
            chats::set_read_seq(tx, id, entry.seq)?;
        }
        let head = self.session.as_mut().and_then(|session| session.heads.get_mut(&entry.log));
        if let Some(head) = head {
            if entry.seq == *head {
                self.show_progress(tx, out)?;
                self.reset_if_read(tx, id, out)?;
            } else if entry.seq > *head {
                *head = entry.seq;
            }
        }
        Ok(())
    }

    /// An entry that this build cannot read, as a newer version made it: passed over, so that what comes after it is not held up.
    pub(crate) fn skip_entry(&mut self, tx: &Connection, log: LogId, cursor: Cursor, out: &mut Effects) -> Sql<()> {
        if log == LogId::from(self.device()) {
            settings::set(tx, "inbox_cursor", &cursor)?;
        } else {
            let Some(chat) = chats::get(tx, log.chat())?.filter(|chat| chat.cursor.seq + 1 == cursor.seq) else {
                return Ok(());
            };
            chats::set_cursor(tx, chat.state.id, cursor)?;
            notice(
                out,
                chat.state.id,
                "newer",
                "Something here was made by a newer version of Parley; update to see it.",
            );
            self.reset_if_read(tx, chat.state.id, out)?;
        }
        out.acks.insert(log, cursor.seq);
        Ok(())
    }

    /// The log has an own message: as good as `accepted`, and the waiting for it is over.
    fn own_entry(&mut self, tx: &Connection, chat: &ChatRow, entry: &Entry, text: &str, out: &mut Effects) -> Sql<()> {
        let id = MessageId(entry.id);
        self.answered(chat.state.id, id);
        if sent::end(tx, chat.state.id, id)? {
            let key = MessageKey { device: self.device(), id };
            out.events.push(Event::MessageChanged { chat: chat.state.id, key });
        }
        if chat.state.devices().all(|(device, _)| device == self.device()) {
            // There is nobody whose mark could be waited for.
            sent::remove(tx, chat.state.id, id)?;
        }
        self.recover_own(tx, chat, entry, text, out)
    }

    /// An own message which this profile does not know: its disk lost a commit that it had said was there, and the log has
    /// what was sent in it. What is known already stays as it is.
    fn recover_own(
        &mut self,
        tx: &Connection,
        chat: &ChatRow,
        entry: &Entry,
        text: &str,
        out: &mut Effects,
    ) -> Sql<()> {
        let id = MessageId(entry.id);
        let key = MessageKey { device: self.device(), id };
        if sent::state(tx, chat.state.id, id)?.is_some() || messages::author(tx, chat.state.id, key)?.is_some() {
            return Ok(());
        }
        let Ok(message) = payload::open(text) else {
            return Ok(());
        };
        sent::recover_number(tx, chat.state.id, message.run, message.n)?;
        if message.clock > chat.clock {
            chats::set_clock(tx, chat.state.id, message.clock)?;
        }
        let told = Told {
            chat,
            from: entry.from,
            id,
            clock: message.clock,
            sort: messages::sort_of(message.clock),
            number: Some((message.run, message.n)),
            seq: None,
            sent_at: message.sent_at,
            shown: true,
            route: Route::Relay,
        };
        self.apply_body(tx, &told, &message.body, out)
    }

    /// A change of the chat, by the log. After a reset those already seen are not applied twice.
    fn take_change(
        &mut self,
        tx: &Connection,
        chat: &ChatRow,
        entry: &Entry,
        change: &ChatChange,
        out: &mut Effects,
    ) -> Sql<()> {
        let id = chat.state.id;
        let event = EventId(entry.id);
        if !chats::put_change(tx, id, event, change)? {
            return Ok(());
        }
        let mut state = chat.state.clone();
        state.apply(event, change);
        if state.kind.is_channel() {
            let me = self.account();
            state.members.retain(|account, _| *account == me);
        }
        chats::put(tx, &state)?;
        if let Some((account, name)) = named_in(change) {
            settings::name_account(tx, account, name)?;
        }
        if let Some(text) = line_of(tx, change)? {
            let sort = if state.sealed { (crate::store::int(entry.at), 0) } else { (crate::store::int(entry.seq), 0) };
            let key = MessageKey { device: entry.from.device, id: MessageId(entry.id) };
            self.write_line(tx, id, key, entry.from.account, "change", sort, None, text, out)?;
        }
        match change {
            ChatChange::MemberRemoved { account } if *account == self.account() => self.chat_left(tx, id, out)?,
            ChatChange::MemberRemoved { .. } | ChatChange::DeviceRemoved { .. } => {
                // Somebody whose mark was waited for is gone.
                self.settle(tx, id, out)?;
            }
            ChatChange::MemberAdded { member } if member.account == self.account() => {
                chats::set_status(tx, id, ChatStatus::Active)?;
            }
            _ => {}
        }
        if change.changes_devices() {
            self.renew_deaf_links(id, out);
        }
        self.wish_links_of(tx, id, out)?;
        out.events.push(Event::Chat { chat: id });
        out.routes.insert(id);
        out.pump.insert(id);
        Ok(())
    }

    fn take_item(&mut self, tx: &Connection, item: &InboxItem, out: &mut Effects) -> Sql<()> {
        match item {
            InboxItem::ChatDeleted { chat } => self.chat_deleted(tx, *chat, out),
            InboxItem::Expired { chat, messages: ids } => {
                for id in ids {
                    sent::expire(tx, *chat, *id)?;
                    out.events.push(Event::MessageChanged {
                        chat: *chat,
                        key: MessageKey { device: self.device(), id: *id },
                    });
                }
                notice(out, *chat, "expired", "Some messages expired on the relay before everybody had them.");
                Ok(())
            }
            InboxItem::BlocksChanged { blocked } => {
                if settings::set_blocked(tx, blocked)? {
                    self.links_by_policy(tx, out)?;
                    for chat in chats::all(tx)? {
                        out.events.push(Event::Chat { chat: chat.state.id });
                    }
                }
                Ok(())
            }
        }
    }

    fn answered(&mut self, chat: ChatId, id: MessageId) {
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
                    sent::end(tx, chat, id)?;
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

    fn show_progress(&mut self, tx: &Connection, out: &mut Effects) -> Sql<()> {
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

/// The change which made a chat, from the chat as it was right after it.
fn first_change(state: &ChatState) -> ChatChange {
    ChatChange::Created {
        chat_kind: state.kind,
        sealed: state.sealed,
        title: state.title.clone(),
        description: state.description.clone(),
        members: state.members.values().cloned().collect(),
    }
}

fn named_in(change: &ChatChange) -> Option<(AccountId, &str)> {
    match change {
        ChatChange::MemberAdded { member } => Some((member.account, member.username.as_str())),
        _ => None,
    }
}

fn settings_name_unknown(tx: &Connection, account: AccountId, out: &mut Effects) -> Sql<()> {
    if settings::username(tx, account)?.is_empty() {
        out.tasks.push(Task::Name { account });
    }
    Ok(())
}

/// The parts of the sentence which a change is shown as; `None` for those that people need not see.
fn line_of(tx: &Connection, change: &ChatChange) -> Sql<Option<String>> {
    let (what, subject) = match change {
        ChatChange::Created { title, .. } => ("created", title.clone()),
        ChatChange::MemberAdded { member } => ("member_added", member.username.clone()),
        ChatChange::MemberRemoved { account } => ("member_removed", settings::username(tx, *account)?),
        ChatChange::RoleChanged { account, role } => {
            ("role_changed", format!("{} {}", settings::username(tx, *account)?, role.as_str()))
        }
        ChatChange::OwnerChanged { account } => ("owner_changed", settings::username(tx, *account)?),
        ChatChange::Renamed { title } => ("renamed", title.clone()),
        ChatChange::Described { description } => ("described", description.clone()),
        ChatChange::DeviceAdded { .. } | ChatChange::DeviceRemoved { .. } => return Ok(None),
    };
    Ok(Some(crate::store::to_json(&(what, subject))))
}
