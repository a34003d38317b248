//! Entries of the logs, one after the other, each with the cursor that passes it in one transaction (DELIVERY rules 9 and 10).

use std::time::Instant;

use parley_protocol::frames::{Content, Cursor, Entry, InboxItem, Payload};
use parley_protocol::{AccountId, ChatChange, ChatState, Clock, EventId, LogId, MessageId, MessageKey, payload};
use rusqlite::Connection;

use super::inbox::{Incoming, Told, is_of_kind, notice};
use super::{Core, Effects, Task};
use crate::events::Event;
use crate::relay_link::LinkCommand;
use crate::store::chats::ChatRow;
use crate::store::{Sql, chats, messages, places, sent, settings, streams};
use crate::views::{ChatStatus, Route};

impl Core {
    /// Takes the next entry of a log and moves the own cursor past it, in the same transaction.
    pub(super) fn take_entry(&mut self, tx: &Connection, entry: &Entry, out: &mut Effects) -> Sql<()> {
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
                    sent::end_at(tx, id, key.id, entry.at)?;
                    places::set_seq(tx, id, key, entry.seq, entry.at)?;
                    out.events.push(Event::MessageChanged { chat: id, key });
                }
                settings_name_unknown(tx, entry.from.account, out)?;
                self.take_open(tx, &chat, entry, body, out)?;
                out.placed.entry((id, entry.from.device)).or_default().push(entry.seq);
                let elsewhere = self.session.as_ref().and_then(|session| session.shown_elsewhere.get(&id));
                if elsewhere.is_some_and(|shown| shown.contains(&entry.seq)) {
                    messages::read_each(tx, id, &[entry.seq])?;
                }
                out.marks.insert(id);
            }
            Content::Item(_) => {}
        }
        chats::set_cursor(tx, id, cursor)?;
        out.acks.insert(entry.log, entry.seq);
        if !chat.state.sealed
            && chat.read_seq + 1 == entry.seq
            && messages::first_unread(tx, id)?.is_none_or(|unread| unread > entry.seq)
        {
            // One's own, or a restored relay was given back what had been shown: nothing to read in it.
            chats::set_read_seq(tx, id, entry.seq)?;
        }
        let head = self.session.as_mut().and_then(|session| session.heads.get_mut(&entry.log));
        if let Some(head) = head {
            if entry.seq == *head {
                self.show_progress(tx, out)?;
                self.reset_if_read(tx, id, out)?;
                self.read_on(tx, id, out)?;
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
        if sent::state(tx, chat.state.id, id)?.is_some() || messages::sender(tx, chat.state.id, key)?.is_some() {
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
        let new = chats::put_change(tx, id, event, change)?;
        if chat.resetting {
            let begun = chats::log_state(tx, id)?.or_else(|| ChatState::from_first(id, event, entry.at, change));
            if let Some(mut log) = begun {
                log.apply(event, change);
                self.keep_own_member(&mut log);
                chats::set_log_state(tx, &log)?;
            }
        }
        let mut state = chat.state.clone();
        state.apply(event, change);
        self.keep_own_member(&mut state);
        if new {
            chats::put(tx, &state, entry.at)?;
        }
        // The log decides which change comes after which, also where a restored relay was given back an old one after a new
        // one. Those it has yet to be given back come after all that it has.
        let mut pending = if chat.resetting { chats::lost_changes(tx, id)? } else { Vec::new() };
        // The first one is before all others, and not told again to those whom it brought in.
        pending.retain(|(_, change)| !matches!(change, ChatChange::Created { .. }));
        if !new || !pending.is_empty() {
            pending.iter().for_each(|(event, change)| state.apply(*event, change));
            self.keep_own_member(&mut state);
            chats::put(tx, &state, entry.at)?;
        }
        if !new {
            return Ok(());
        }
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
            ChatChange::RetentionChanged { .. } => {
                let at = Clock { millis: entry.at, counter: 0 };
                if state.sealed && at > chat.clock && at.is_plausible() {
                    // What is said from now on is after it, wherever the clocks of its senders stand.
                    chats::set_clock(tx, id, at)?;
                }
                self.expire_at = Instant::now();
            }
            _ => {}
        }
        if change.changes_devices() {
            for (from, payload) in streams::take_early(tx, id, event)? {
                let early = Incoming { chat: id, from, named: None, payload, route: Route::Relay };
                self.take_sealed(tx, early, out)?;
            }
            self.renew_deaf_links(id);
        }
        self.wish_links_of(tx, id, out)?;
        out.events.push(Event::Chat { chat: id });
        out.routes.insert(id);
        out.pump.insert(id);
        Ok(())
    }

    /// The members of a channel are the relay's to know, but for oneself.
    fn keep_own_member(&self, state: &mut ChatState) {
        if state.kind.is_channel() {
            let me = self.account();
            state.members.retain(|account, _| *account == me);
        }
    }

    fn take_item(&mut self, tx: &Connection, item: &InboxItem, out: &mut Effects) -> Sql<()> {
        match item {
            InboxItem::ChatDeleted { chat } => self.chat_deleted(tx, *chat, out),
            InboxItem::Expired { chat, messages: ids } => {
                for id in ids {
                    sent::give_up(tx, *chat, *id, sent::EXPIRED)?;
                    out.events.push(Event::MessageChanged {
                        chat: *chat,
                        key: MessageKey { device: self.device(), id: *id },
                    });
                }
                notice(out, *chat, "expired", "Some messages expired on the relay before everybody had them.");
                Ok(())
            }
            InboxItem::BlocksChanged { blocked } => self.set_blocked(tx, blocked, out),
        }
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
        ChatChange::RetentionChanged { retention } => {
            ("retention_changed", retention.map(|seconds| seconds.to_string()).unwrap_or_default())
        }
        ChatChange::DeviceAdded { .. } | ChatChange::DeviceRemoved { .. } => return Ok(None),
    };
    Ok(Some(crate::store::to_json(&(what, subject))))
}
