//! Where this device stands in the logs: chats that begin, go on, were lost by a restored relay, or end (DELIVERY rules 8, 10, 12).

use std::collections::BTreeSet;

use parley_protocol::frames::{Cursor, Gone, GoneReason, LogStart, LogView};
use parley_protocol::{ChatChange, ChatId, ChatState, EventId, LogId, MessageKey};
use rusqlite::Connection;

use super::{Core, Effects, Task};
use crate::events::Event;
use crate::store::chats::ChatRow;
use crate::store::{Sql, chats, messages, places, sent, settings, streams};
use crate::views::ChatStatus;

/// Why messages to a chat fail which one is no longer in.
const LEFT: &str = "You are no longer in this chat.";

impl Core {
    /// Whether entries of the chat's log are still on their way to this device.
    pub(crate) fn is_catching_up(&self, tx: &Connection, chat: ChatId) -> Sql<bool> {
        let Some(head) = self.session.as_ref().and_then(|session| session.heads.get(&chat.into())) else {
            return Ok(false);
        };
        Ok(chats::get(tx, chat)?.is_some_and(|row| row.cursor.seq < *head))
    }

    /// The session stands in a log: resumed, from the start, or elsewhere than this device thought.
    pub(super) fn follow(&mut self, tx: &Connection, log: LogView, out: &mut Effects) -> Sql<()> {
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
                if let Some(state) = state.as_ref().filter(|_| known.is_none()) {
                    chats::put(tx, state, self.relay_now())?;
                }
                tracing::warn!(%chat, "the relay's log is an older one; reading it anew and giving back what it lacks");
                if let Some(known) = known.filter(|known| !known.state.sealed) {
                    // Numbers of the lost log say nothing of what stands there now: what this device was given counts
                    // by itself, and up to where it began, the log is history and no news.
                    let otherwise = if known.resetting { known.read_seq } else { known.cursor.seq };
                    let began = messages::first_given(tx, chat)?.map_or(otherwise, |first| first.saturating_sub(1));
                    chats::set_read_seq(tx, chat, began)?;
                    places::forget_seqs(tx, chat)?;
                    streams::forget_marks(tx, chat)?;
                    self.show_lost(tx, chat, known.lost_read.max(known.read_seq))?;
                }
                chats::begin_reset(tx, chat)?;
                if let Some(state) = &state {
                    chats::begin_reset_at(tx, chat, state.membership)?;
                    chats::set_log_state(tx, state)?;
                }
                chats::set_cursor(tx, chat, log.position)?;
                self.reset_if_read(tx, chat, out)?;
            }
            (LogStart::Trimmed, state) => {
                if let Some(state) = state {
                    chats::put(tx, &state, self.relay_now())?;
                }
                chats::set_cursor(tx, chat, log.position)?;
                let lost = log.trimmed.map(|gone| (gone.to + 1).saturating_sub(gone.from));
                self.show_gap(tx, chat, self.device(), None, lost, messages::RETENTION, out)?;
            }
            (LogStart::Started, None) => {}
        }
        self.renew_deaf_links(chat);
        self.wish_links_of(tx, chat, out)?;
        self.tell_hidden_again(tx, chat, out)?;
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
        chats::put(tx, state, self.relay_now())?;
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
    pub(super) fn reset_if_read(&mut self, tx: &Connection, chat: ChatId, out: &mut Effects) -> Sql<()> {
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

    /// The relay has been given the changes that its log lacked, and has these of them. What it did not take, as it was not this person's
    /// to do, is for somebody else to give back: until then the chat is what the log says, so that all write under the same membership.
    pub(super) fn restored(
        &mut self,
        tx: &Connection,
        chat: ChatId,
        given: &[EventId],
        taken: &[EventId],
        out: &mut Effects,
    ) -> Sql<()> {
        if let Some(session) = &mut self.session {
            session.restores.remove(&chat);
        }
        let refused: BTreeSet<EventId> = given.iter().filter(|event| !taken.contains(event)).copied().collect();
        for event in &refused {
            chats::forget_change(tx, chat, *event)?;
        }
        if let Some(state) = chats::log_state(tx, chat)?.filter(|_| !refused.is_empty()) {
            tracing::warn!(%chat, count = refused.len(), "the log goes on without changes which are not this account's to make");
            chats::put(tx, &state, self.relay_now())?;
            self.number_anew(tx, chat, &refused)?;
            self.wish_links_of(tx, chat, out)?;
            out.events.push(Event::Chat { chat });
            out.routes.insert(chat);
        }
        self.finish_reset(tx, chat, out)
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

    /// A chat is not there, as the welcome of a session says, or later on.
    pub(super) fn lose(&mut self, tx: &Connection, gone: Gone, in_welcome: bool, out: &mut Effects) -> Sql<()> {
        if let Some(session) = &mut self.session {
            // Nothing of it is on its way any more.
            session.heads.remove(&gone.chat.into());
        }
        match gone.reason {
            GoneReason::Deleted => self.chat_deleted(tx, gone.chat, out),
            GoneReason::NotMember => {
                if in_welcome {
                    // The relay knows that all it held for this device has been taken: the next hello need not name the chat.
                    // Before, it would give the chat from its beginning to a device that does not name it.
                    chats::set_cursor(tx, gone.chat, Cursor::default())?;
                }
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

    pub(super) fn chat_left(&mut self, tx: &Connection, chat: ChatId, out: &mut Effects) -> Sql<()> {
        chats::set_status(tx, chat, ChatStatus::Left)?;
        self.fail_rest(tx, chat, LEFT, out)?;
        // Its log goes on without this device, which is behind in it no more.
        self.show_progress(tx, out)
    }

    pub(super) fn chat_deleted(&mut self, tx: &Connection, chat: ChatId, out: &mut Effects) -> Sql<()> {
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
