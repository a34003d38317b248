//! Marks: how far this device and others hold and have shown what was sent (DELIVERY rules 5, 6, 15).

use std::collections::BTreeSet;
use std::collections::btree_map::{BTreeMap, Entry};
use std::time::{Duration, Instant};

use parley_protocol::frames::{MarkScope, Sender};
use parley_protocol::marks::{MarkRegister, Marks, OpenMark};
use parley_protocol::{ChatId, ClientFrame, DeviceId, MessageKey, payload};
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::{Core, Effects, advances};
use crate::events::Event;
use crate::store::advances::When;
use crate::store::chains::Chain;
use crate::store::chats::ChatRow;
use crate::store::{Sql, chats, messages, sent, streams};
use crate::views::{ChatStatus, Route};

/// A device's register goes to the relay at most this often.
const MARKS_EVERY: Duration = Duration::from_secs(1);

/// How many registers go to the relay in one pass.
const MARKS_AT_ONCE: usize = 32;

impl Core {
    /// Removes what every other device of its audience has (DELIVERY rule 15), and lets wait again what a mark lists as
    /// missing.
    pub(crate) fn settle(&mut self, tx: &Connection, chat_id: ChatId, out: &mut Effects) -> Sql<()> {
        let Some(chat) = chats::get(tx, chat_id)?.filter(|chat| chat.state.sealed) else {
            return Ok(());
        };
        let me = self.device();
        let present: BTreeSet<DeviceId> = chat.state.devices().map(|(device, _)| device).collect();
        let marks = streams::all_marks(tx, chat_id)?;
        let mut chain = Chain::of(tx, chat_id, me, me)?;
        let empty = MarkRegister::default();
        for run in sent::kept_runs(tx, chat_id)? {
            let audience = chats::audience(tx, chat_id, run.membership)?.unwrap_or_default();
            let others = audience.iter().filter(|device| **device != me && present.contains(device));
            // All of them hold everything up to the smallest of what each holds, but for what one of them gave up.
            let mut upto = None::<u64>;
            let mut missing = BTreeSet::new();
            for device in others {
                let register = &marks.get(device).unwrap_or(&empty).delivered;
                let held = match register.held(me, run.run) {
                    Some(held) => {
                        missing.extend(held.missing.iter().copied());
                        held.upto
                    }
                    None if chain.leaves_out(tx, register, run.run)? => run.last_n,
                    None => 0,
                };
                upto = Some(upto.map_or(held, |least| least.min(held)));
            }
            for (id, waited) in sent::remove_upto(tx, chat_id, run.run, upto.unwrap_or(0), &missing)? {
                if waited {
                    out.events.push(Event::MessageChanged { chat: chat_id, key: MessageKey { device: me, id } });
                }
            }
            for n in missing {
                if sent::reopen_number(tx, chat_id, run.run, n)? {
                    if let Some(feed) = self.session.as_mut().and_then(|session| session.feeds.get_mut(&chat_id)) {
                        feed.appended = 0;
                    }
                    out.pump.insert(chat_id);
                }
            }
        }
        Ok(())
    }

    /// Takes what another device says it holds and has shown, by whatever route it came.
    pub(crate) fn merge_marks(
        &mut self,
        tx: &Connection,
        chat: ChatId,
        from: Sender,
        register: &MarkRegister,
        route: Route,
        out: &mut Effects,
    ) -> Sql<()> {
        let before = streams::marks_of(tx, chat, from.device)?;
        let mut merged = before.clone();
        let mut chains = self.take_maximum(tx, chat, &mut merged, register)?;
        if from.account == self.account() {
            // What it has shown of others is kept as it last said it, for runs whose beginning has yet to come here.
            let newest = if register.read == Marks::default() { &before.read } else { &register.read };
            for (sender, runs) in &newest.0 {
                merged.read.0.entry(*sender).or_insert_with(|| runs.clone());
            }
        }
        if merged != before {
            streams::put_marks(tx, chat, from.device, &merged)?;
            let when = When { at: self.now(), route };
            advances::note(tx, chat, from.device, &mut chains, [&before, &merged], when)?;
            self.settle(tx, chat, out)?;
            out.events.push(Event::Marks { chat });
        }
        // Whoever says how far they have come has taken something, be it of others.
        if let Some(feed) = self.session.as_mut().and_then(|session| session.feeds.get_mut(&chat)) {
            feed.ask_soon();
        }
        self.link_marked(chat, from.device, &merged);
        if from.account == self.account() {
            let moved = streams::merge_read(tx, chat, from.device, &register.read)?;
            for (device, run, upto) in &moved {
                messages::read_run(tx, chat, *device, *run, *upto)?;
            }
            if !moved.is_empty() {
                out.events.push(Event::Chat { chat });
                out.marks.insert(chat);
            }
        }
        out.pump.insert(chat);
        Ok(())
    }

    /// Merges a register by maximum, and drops again the runs of one's own devices which either side knows to be complete:
    /// what a register leaves out while it holds the beginning of a later run. Gives the order of the runs of those it names.
    fn take_maximum(
        &self,
        tx: &Connection,
        chat: ChatId,
        merged: &mut MarkRegister,
        register: &MarkRegister,
    ) -> Sql<BTreeMap<DeviceId, Chain>> {
        let me = self.device();
        let mut own: BTreeSet<DeviceId> = chats::devices_of(tx, chat, self.account())?.into_iter().collect();
        own.insert(me);
        let (old, new) = (merged.clone(), register);
        merged.delivered.merge(&new.delivered);
        merged.read.merge(&new.read);
        let mut chains = BTreeMap::new();
        for (result, parts) in
            [(&mut merged.delivered, [&old.delivered, &new.delivered]), (&mut merged.read, [&old.read, &new.read])]
        {
            // How far the messages of other accounts came is their business.
            result.0.retain(|sender, _| own.contains(sender));
            for (sender, runs) in &mut result.0 {
                let chain = match chains.entry(*sender) {
                    Entry::Occupied(known) => known.into_mut(),
                    Entry::Vacant(place) => place.insert(Chain::of(tx, chat, me, *sender)?),
                };
                let mut complete = Vec::new();
                for run in runs.keys() {
                    for part in parts {
                        if chain.leaves_out(tx, part, *run)? {
                            complete.push(*run);
                        }
                    }
                }
                for run in complete {
                    runs.remove(&run);
                }
            }
        }
        Ok(chains)
    }

    /// The own register of a chat moved: links are told at once, the relay within a second.
    pub(crate) fn tell_marks(&mut self, tx: &Connection, chat: ChatId, out: &mut Effects) -> Sql<()> {
        self.marks_due.entry(chat).or_insert_with(|| Instant::now() + MARKS_EVERY);
        self.link_marks(tx, chat, None, out)
    }

    /// Tells the relay the registers that are due, unless every other device is linked and was told.
    pub(crate) fn flush_marks(&mut self, tx: &Connection, now: Instant, out: &mut Effects) -> Sql<()> {
        if !self.is_online() {
            return Ok(());
        }
        // A few at a time: the relay holds only so many of a session's registers for the others.
        let due = self.marks_due.iter().filter(|(_, at)| now >= **at).map(|(chat, _)| *chat);
        let due: Vec<ChatId> = due.take(MARKS_AT_ONCE).collect();
        for chat_id in due {
            self.marks_due.remove(&chat_id);
            let Some(chat) = chats::get(tx, chat_id)?.filter(|chat| chat.status == ChatStatus::Active) else {
                continue;
            };
            self.tell_hidden(tx, chat_id, out)?;
            if !chat.state.sealed {
                self.flush_open_mark(tx, &chat, out)?;
                continue;
            }
            if self.links_suffice(&chat) {
                continue;
            }
            let register = streams::register(tx, chat_id)?;
            let shown = MarkRegister {
                read: if self.settings.read_marks { register.read.clone() } else { Marks::default() },
                delivered: register.delivered.clone(),
            };
            if shown == MarkRegister::default() {
                continue;
            }
            let mark = payload::seal_marks(&shown);
            out.relay.push(ClientFrame::Mark { chat: chat_id, scope: MarkScope::Chat, mark });
            if !self.settings.read_marks {
                let own = MarkRegister { read: register.read, delivered: Marks::default() };
                let mark = payload::seal_marks(&own);
                out.relay.push(ClientFrame::Mark { chat: chat_id, scope: MarkScope::Own, mark });
            }
        }
        Ok(())
    }

    /// Lets somebody wait until the relay has told the marks which stood when the session began. Without one, and once it has, there is
    /// nothing to wait for.
    pub(crate) fn await_marks(&mut self, waiter: oneshot::Sender<()>) {
        if self.is_online() && self.session.as_ref().is_some_and(|session| !session.marks_told) {
            self.marks_awaited.push(waiter);
        }
    }

    /// The relay has told them.
    pub(super) fn marks_told(&mut self) {
        self.marks_awaited.clear();
        if let Some(session) = &mut self.session {
            session.marks_told = true;
        }
    }

    /// Tells the relay every register which is due within a moment; `false` without a session.
    pub(crate) fn tell_all_marks(&mut self, tx: &Connection, out: &mut Effects) -> Sql<bool> {
        if !self.is_online() {
            return Ok(false);
        }
        // A mark which this batch has moved is among them only now.
        for chat in std::mem::take(&mut out.marks) {
            self.tell_marks(tx, chat, out)?;
        }
        let now = Instant::now();
        self.marks_due.values_mut().for_each(|due| *due = now);
        while !self.marks_due.is_empty() {
            self.flush_marks(tx, now, out)?;
        }
        Ok(true)
    }

    fn flush_open_mark(&self, tx: &Connection, chat: &ChatRow, out: &mut Effects) -> Sql<()> {
        let id = chat.state.id;
        // Only a restored relay has what was read behind what was not.
        let also = if chat.lost_read == 0 {
            Vec::new()
        } else {
            messages::read_beyond(tx, id, self.account(), chat.read_seq)?
        };
        let (delivered, read) = (chat.cursor.seq, chat.read_seq);
        let own = OpenMark { delivered, read, lost: chat.lost_read, also };
        out.relay.push(ClientFrame::Mark { chat: id, scope: MarkScope::Own, mark: crate::store::to_json(&own) });
        if !chat.state.kind.is_channel() {
            let read = if self.settings.read_marks { read } else { 0 };
            let shown = OpenMark { delivered, read, ..OpenMark::default() };
            out.relay.push(ClientFrame::Mark { chat: id, scope: MarkScope::Chat, mark: crate::store::to_json(&shown) });
        }
        Ok(())
    }

    /// Takes another device's mark in an open chat.
    pub(crate) fn take_open_mark(
        &mut self,
        tx: &Connection,
        chat: &ChatRow,
        from: Sender,
        mark: &str,
        out: &mut Effects,
    ) -> Sql<()> {
        let Ok(mark) = serde_json::from_str::<OpenMark>(mark) else {
            return Ok(());
        };
        let id = chat.state.id;
        if from.account == self.account() {
            let lost = messages::read_lost(tx, id, mark.lost)? + messages::read_each(tx, id, &mark.also)?;
            if mark.read > chat.read_seq {
                messages::read_seq(tx, id, mark.read)?;
            }
            if lost > 0 || mark.read > chat.read_seq {
                self.read_on(tx, id, out)?;
                out.events.push(Event::Chat { chat: id });
            }
            if let Some(session) = &mut self.session {
                // The mark may come before the entries.
                let yet_to_come = mark.also.into_iter().filter(|seq| *seq > chat.cursor.seq);
                session.shown_elsewhere.entry(id).or_default().extend(yet_to_come);
            }
            return Ok(());
        }
        crate::store::deliveries::put_open_mark(tx, id, from, &mark)?;
        out.events.push(Event::Marks { chat: id });
        Ok(())
    }

    /// A channel whose relay was restored: what follows the read mark may have been shown before. The log counts as shown up to
    /// its first entry that is still to be read, for one's devices that know it by this alone.
    pub(super) fn read_on(&self, tx: &Connection, chat: ChatId, out: &mut Effects) -> Sql<()> {
        let Some(row) = chats::get(tx, chat)?.filter(|row| !row.state.sealed && row.lost_read > 0) else {
            return Ok(());
        };
        // Of what is before the first entry that this device was given it knows nothing.
        if messages::first_given(tx, chat)?.is_none_or(|first| row.read_seq + 1 < first) {
            return Ok(());
        }
        let last = row.cursor.seq;
        let upto = messages::first_unread(tx, chat)?.map_or(last, |unread| last.min(unread.saturating_sub(1)));
        if upto > row.read_seq {
            chats::set_read_seq(tx, chat, upto)?;
            out.marks.insert(chat);
        }
        Ok(())
    }

    /// Of the log which a restored relay lost, everything up to here was shown, or up to the first that is still unread.
    pub(super) fn show_lost(&self, tx: &Connection, chat: ChatId, upto: u64) -> Sql<()> {
        let unread = messages::first_unread_lost(tx, chat)?;
        chats::set_lost_read(tx, chat, unread.map_or(upto, |unread| upto.min(unread.saturating_sub(1))))
    }

    /// Shows a chat as read up to a message, or to its end.
    pub(crate) fn mark_read(
        &mut self,
        tx: &Connection,
        chat: &ChatRow,
        upto: Option<MessageKey>,
        out: &mut Effects,
    ) -> Sql<()> {
        let id = chat.state.id;
        let place = match upto {
            Some(key) => match messages::place(tx, id, key)? {
                Some(place) => Some(place),
                None => return Ok(()),
            },
            None => None,
        };
        let mut moved = 0;
        if chat.state.sealed {
            let runs = match place {
                None => streams::read_all(tx, id)?,
                Some(place) => {
                    let mut runs = Vec::new();
                    for (device, run, n) in messages::numbers_at(tx, id, place)? {
                        if streams::set_read(tx, id, device, run, n)? {
                            runs.push((device, run, n));
                        }
                    }
                    runs
                }
            };
            for (device, run, n) in &runs {
                messages::read_run(tx, id, *device, *run, *n)?;
            }
            moved += runs.len();
        } else {
            let seq = match place {
                Some((sort_a, _, _)) => messages::seq_at(tx, id, sort_a)?,
                None => chat.cursor.seq,
            };
            if let Some(last) = messages::read_unplaced(tx, id, place)? {
                self.show_lost(tx, id, last.max(chat.lost_read))?;
                moved += 1;
            }
            if seq > chat.read_seq {
                messages::read_seq(tx, id, seq)?;
                moved += 1;
            }
        }
        if moved > 0 {
            self.read_on(tx, id, out)?;
            out.marks.insert(id);
            out.events.push(Event::Chat { chat: id });
        }
        Ok(())
    }
}
