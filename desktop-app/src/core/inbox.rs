//! The one way in: every message of a sealed chat, by whatever route it came, is taken here; and every one of an open
//! chat. Dedupe, order per device, write; acks and marks follow the commit (DELIVERY rules 3, 5, 10, 16, 17).

use std::time::{Duration, Instant};

use parley_protocol::frames::{Payload, Sender};
use parley_protocol::{AccountId, Body, ChatId, Clock, DeviceId, MessageKey, SealedMessage, payload};
use rusqlite::Connection;
use sha2::{Digest as _, Sha256};

use super::{Core, Effects};
use crate::events::Event;
use crate::store::chats::ChatRow;
use crate::store::messages::{self, Edit, Line, RETENTION, Reaction};
use crate::store::streams::{self, HeldMessage, Stream};
use crate::store::{Sql, chats, settings};
use crate::stream::{self, Verdict};
use crate::views::Route;

/// How long a gap is waited for before what is beyond it is shown.
pub(crate) const GAP_PATIENCE: Duration = Duration::from_secs(5);

/// A message of a sealed chat on its way in.
pub(crate) struct Incoming {
    pub(crate) chat: ChatId,
    /// As the route vouches for it.
    pub(crate) from: Sender,
    /// The id that the relay has it under; a link gives none.
    pub(crate) named: Option<parley_protocol::MessageId>,
    pub(crate) payload: String,
    pub(crate) route: Route,
}

impl Core {
    /// Takes a sealed message. `false` only if a link carried it ahead of the membership that it needs: then it was not
    /// taken, and comes again by the relay.
    pub(crate) fn take_sealed(&mut self, tx: &Connection, incoming: Incoming, out: &mut Effects) -> Sql<bool> {
        let Incoming { chat, from, named, payload: text, route } = incoming;
        let message = match payload::open(&text) {
            Ok(message)
                if message.device == from.device
                    && named.is_none_or(|named| named == message.id)
                    && message.clock.is_plausible()
                    && message.n > 0 =>
            {
                message
            }
            Ok(_) => {
                notice(
                    out,
                    chat,
                    "damaged",
                    "A message claims a sender or a time that it cannot have; it was left out.",
                );
                return Ok(true);
            }
            Err(error) => {
                let code = if matches!(error, payload::OpenError::Newer { .. }) { "newer" } else { "damaged" };
                notice(out, chat, code, &format!("One message could not be read: {error}."));
                return Ok(true);
            }
        };
        match chats::audience(tx, chat, message.membership)? {
            Some(devices) if devices.contains(&self.device()) => {}
            // A run which this device isn't in: it began before it joined, or while it was away from the chat.
            Some(_) => return Ok(true),
            None if route == Route::Relay => {
                self.miss_run(tx, chat, &message, out)?;
                return Ok(true);
            }
            None => return Ok(false),
        }
        let key = MessageKey { device: from.device, id: message.id };
        let digest = digest(&text);
        match messages::taken(tx, chat, key, digest)? {
            Some(true) => {
                self.mark_anew(chat, out);
                return Ok(true);
            }
            Some(false) => {
                notice(out, chat, "id_conflict", "A message came twice with different words; the first was kept.");
                return Ok(true);
            }
            None => {}
        }
        let mut run = streams::get(tx, chat, from.device, message.run)?;
        run.membership = Some(message.membership);
        let ready = self.note_run_before(tx, chat, from.device, &message, &mut run)?;
        match stream::judge(&run.held, ready, message.n) {
            // Another message had this number. The key is new, so one of the two is forged or from an old copy.
            Verdict::Duplicate => {
                notice(out, chat, "id_conflict", "Two messages claim the same place; the first was kept.");
            }
            verdict @ (Verdict::Next | Verdict::Fill) => {
                stream::take(&mut run.held, message.n);
                if verdict == Verdict::Fill {
                    messages::fill_gap(tx, chat, message.run, message.n)?;
                }
                streams::put(tx, chat, from.device, &run)?;
                messages::take(tx, chat, key, digest)?;
                self.show_sealed(tx, chat, from.account, &message, &run, route, out)?;
                self.release_held(tx, chat, from.device, out)?;
            }
            Verdict::Hold => {
                streams::put(tx, chat, from.device, &run)?;
                let held = HeldMessage { account: from.account, payload: text, route };
                streams::hold(tx, chat, from.device, (message.run, message.n), &held)?;
                self.gaps.entry((chat, from.device)).or_insert_with(Instant::now);
            }
        }
        out.marks.insert(chat);
        Ok(true)
    }

    /// A run that began under a membership which this device never saw. In a log that was whole, it began before this device
    /// came and is no business of its own; in one that lost a stretch to the retention, something is missing. Said once.
    fn miss_run(&mut self, tx: &Connection, chat: ChatId, message: &SealedMessage, out: &mut Effects) -> Sql<()> {
        let run = streams::get(tx, chat, message.device, message.run)?;
        if run.membership.is_some() || !messages::has_lost_a_stretch(tx, chat)? {
            return Ok(());
        }
        streams::put(tx, chat, message.device, &Stream { membership: Some(message.membership), ..run })?;
        self.show_gap(tx, chat, message.device, None, None, RETENTION, out)
    }

    /// What came twice is marked again, as the mark may have been lost; at the most once a second to the relay.
    fn mark_anew(&mut self, chat: ChatId, out: &mut Effects) {
        out.marks.insert(chat);
    }

    /// Learns from a run's first message where the run before it ends. `true` if nothing of that one is outstanding.
    fn note_run_before(
        &self,
        tx: &Connection,
        chat: ChatId,
        device: DeviceId,
        message: &SealedMessage,
        run: &mut Stream,
    ) -> Sql<bool> {
        let Some(end) = message.after else {
            return Ok(true);
        };
        let in_audience =
            chats::audience(tx, chat, end.membership)?.is_some_and(|devices| devices.contains(&self.device()));
        if !in_audience || end.run == message.run {
            return Ok(true);
        }
        let mut before = streams::get(tx, chat, device, end.run)?;
        before.ends_at = Some(end.n);
        before.membership.get_or_insert(end.membership);
        run.after = Some(end.run);
        streams::put(tx, chat, device, &before)?;
        if run.read_upto > 0 && before.read_upto < end.n {
            // Another device of one's own has shown this run already; perhaps the one before, too.
            streams::put(tx, chat, device, run)?;
            for own in chats::devices_of(tx, chat, self.account())? {
                let read = streams::marks_of(tx, chat, own)?.read;
                for (device, run, upto) in streams::read_before(tx, chat, own, &read, (device, message.run))? {
                    messages::read_run(tx, chat, device, run, upto)?;
                }
            }
        }
        Ok(before.is_passed())
    }

    /// Shows what was held and is next now, as far as it goes.
    fn release_held(&mut self, tx: &Connection, chat: ChatId, device: DeviceId, out: &mut Effects) -> Sql<()> {
        if !self.gaps.contains_key(&(chat, device)) {
            return Ok(());
        }
        loop {
            let mut progressed = false;
            let waiting = streams::held_runs(tx, chat, device)?;
            if waiting.is_empty() {
                self.gaps.remove(&(chat, device));
                return Ok(());
            }
            for (run_id, n) in waiting {
                let mut run = streams::get(tx, chat, device, run_id)?;
                let ready = match run.after {
                    Some(before) => streams::get(tx, chat, device, before)?.is_passed(),
                    None => true,
                };
                let verdict = stream::judge(&run.held, ready, n);
                if verdict == Verdict::Hold {
                    continue;
                }
                progressed = true;
                let Some(held) = streams::unhold(tx, chat, device, run_id, n)? else {
                    continue;
                };
                let (true, Ok(message)) = (verdict != Verdict::Duplicate, payload::open(&held.payload)) else {
                    continue;
                };
                stream::take(&mut run.held, n);
                streams::put(tx, chat, device, &run)?;
                let key = MessageKey { device, id: message.id };
                messages::take(tx, chat, key, digest(&held.payload))?;
                self.show_sealed(tx, chat, held.account, &message, &run, held.route, out)?;
            }
            if !progressed {
                return Ok(());
            }
            self.gaps.insert((chat, device), Instant::now());
        }
    }

    /// Gaps which were waited for long enough are passed and listed as missing; what is beyond them is shown. While a log
    /// is still being read, what is missing may be in it.
    pub(crate) fn give_up_gaps(&mut self, tx: &Connection, now: Instant, out: &mut Effects) -> Sql<()> {
        let due: Vec<(ChatId, DeviceId)> =
            self.gaps.iter().filter(|(_, since)| now >= **since + GAP_PATIENCE).map(|(key, _)| *key).collect();
        for (chat, device) in due {
            if self.is_catching_up(tx, chat)? {
                self.gaps.insert((chat, device), now);
                continue;
            }
            let Some((run_id, n)) = self.first_gap(tx, chat, device)? else {
                self.gaps.remove(&(chat, device));
                continue;
            };
            let mut run = streams::get(tx, chat, device, run_id)?;
            let lost = n.saturating_sub(run.held.upto);
            stream::give_up(&mut run.held, n);
            streams::put(tx, chat, device, &run)?;
            tracing::warn!(%chat, %device, run = %run_id, upto = n, "messages are missing and are passed over");
            self.show_gap(tx, chat, device, Some((run_id, n)), Some(lost), "lost", out)?;
            self.release_held(tx, chat, device, out)?;
            if self.gaps.contains_key(&(chat, device)) {
                // There is another gap behind this one; it has been waited for as long.
                self.gaps.insert((chat, device), now.checked_sub(GAP_PATIENCE).unwrap_or(now));
            }
            out.marks.insert(chat);
        }
        Ok(())
    }

    /// The oldest gap of a device: the run, and the number up to which it has to be given up so that something can be shown.
    fn first_gap(&self, tx: &Connection, chat: ChatId, device: DeviceId) -> Sql<Option<(parley_protocol::RunId, u64)>> {
        let held = streams::held_runs(tx, chat, device)?;
        for (run_id, n) in &held {
            let run = streams::get(tx, chat, device, *run_id)?;
            match run.after {
                Some(before) => {
                    let before = streams::get(tx, chat, device, before)?;
                    let end = before.ends_at.unwrap_or(before.held.upto);
                    // Only the run before is missing something; unless that one has messages waiting itself.
                    if *n == 1 && !before.is_passed() && !held.iter().any(|(other, _)| *other == before.run) {
                        return Ok(Some((before.run, end)));
                    }
                    if before.is_passed() && *n > run.held.upto + 1 {
                        return Ok(Some((*run_id, n - 1)));
                    }
                }
                None if *n > run.held.upto + 1 => return Ok(Some((*run_id, n - 1))),
                None => {}
            }
        }
        // Runs which wait for each other in a circle (a forged chain), or beyond a run whose first message is missing.
        for (run_id, n) in &held {
            let run = streams::get(tx, chat, device, *run_id)?;
            if let Some(before) = run.after {
                let before = streams::get(tx, chat, device, before)?;
                if !before.is_passed() {
                    return Ok(Some((before.run, before.ends_at.unwrap_or(before.held.upto))));
                }
            }
            if *n > run.held.upto + 1 {
                return Ok(Some((*run_id, n - 1)));
            }
        }
        Ok(None)
    }

    /// Writes what a sealed message says and moves the chat's clock past it.
    #[expect(
        clippy::too_many_arguments,
        reason = "each is a different thing, and a struct of them would be used here alone"
    )]
    fn show_sealed(
        &mut self,
        tx: &Connection,
        chat_id: ChatId,
        account: AccountId,
        message: &SealedMessage,
        run: &Stream,
        route: Route,
        out: &mut Effects,
    ) -> Sql<()> {
        let Some(chat) = chats::get(tx, chat_id)? else {
            return Ok(());
        };
        if message.clock > chat.clock {
            chats::set_clock(tx, chat_id, message.clock)?;
        }
        let told = Told {
            chat: &chat,
            from: Sender { account, device: message.device },
            id: message.id,
            clock: message.clock,
            sort: messages::sort_of(message.clock),
            number: Some((message.run, message.n)),
            seq: None,
            sent_at: message.sent_at,
            shown: message.n <= run.read_upto,
            route,
        };
        self.apply_body(tx, &told, &message.body, out)
    }

    /// Takes an entry of an open chat: its order is the log's.
    pub(crate) fn take_open(
        &mut self,
        tx: &Connection,
        chat: &ChatRow,
        entry: &parley_protocol::frames::Entry,
        body: &Body,
        out: &mut Effects,
    ) -> Sql<()> {
        let key = MessageKey { device: entry.from.device, id: parley_protocol::MessageId(entry.id) };
        let digest = digest(&crate::store::to_json(body));
        match messages::taken(tx, chat.state.id, key, digest)? {
            None => {}
            Some(_) => {
                // Its place may be new, after a restored relay was given it again.
                messages::set_seq(tx, chat.state.id, key, entry.seq)?;
                if entry.seq <= chat.read_seq {
                    // Another device of one's own has shown it at this place.
                    messages::read_seq(tx, chat.state.id, entry.seq)?;
                }
                return self.came_back(tx, key, out);
            }
        }
        messages::take(tx, chat.state.id, key, digest)?;
        let told = Told {
            chat,
            from: entry.from,
            id: key.id,
            clock: Clock { millis: entry.seq, counter: 0 },
            sort: (crate::store::int(entry.seq), 0),
            number: None,
            seq: Some(entry.seq),
            sent_at: entry.at,
            shown: entry.seq <= chat.read_seq,
            route: Route::Relay,
        };
        self.apply_body(tx, &told, body, out)
    }

    /// Writes what a message says, whoever sent it: also what this device itself sends goes through here.
    pub(crate) fn apply_body(&mut self, tx: &Connection, told: &Told<'_>, body: &Body, out: &mut Effects) -> Sql<()> {
        let chat = told.chat.state.id;
        let own = told.from.account == self.account();
        let key = MessageKey { device: told.from.device, id: told.id };
        let blocked = !own && settings::is_blocked(tx, told.from.account)?;
        if blocked {
            // Taken and marked, so that nothing waits for it, and not kept.
            return Ok(());
        }
        match body {
            Body::Text { text, reply_to, mentions } => {
                let mentions_me = !own && mentions.contains(&self.account());
                let line = Line {
                    chat,
                    key,
                    account: told.from.account,
                    kind: "text",
                    sort: told.sort,
                    number: told.number,
                    seq: told.seq,
                    sent_at: told.sent_at,
                    received_at: self.now(),
                    text: text.clone(),
                    reply_to: *reply_to,
                    mentions: mentions.clone(),
                    mentions_me,
                    unread: !own && !told.shown,
                    route: told.route,
                };
                if messages::insert(tx, &line)? {
                    chats::touch(tx, chat, self.now())?;
                    // What stands in a log from before this device came is history, also when it is read anew.
                    let history = told.chat.resetting && told.shown && told.seq.is_some();
                    if key.device != self.device() && !history {
                        let loud = mentions_me || told.chat.muted_until <= self.now();
                        out.events.push(Event::Message { chat, key, notify: !own && !told.shown && loud });
                    } else {
                        out.events.push(Event::Chat { chat });
                    }
                }
            }
            Body::Edit { target, text, mentions } => {
                let text = Some(text.clone());
                self.apply_edit(tx, told, *target, text, mentions.clone(), out)?;
            }
            Body::Delete { target } => self.apply_edit(tx, told, *target, None, Vec::new(), out)?,
            Body::React { target, emoji, on } => {
                let reaction = Reaction {
                    target: *target,
                    account: told.from.account,
                    device: told.from.device,
                    emoji: emoji.clone(),
                    on: *on,
                    clock: told.clock,
                };
                messages::react(tx, chat, &reaction)?;
                out.events.push(Event::MessageChanged { chat, key: *target });
            }
            Body::Empty => {}
        }
        Ok(())
    }

    fn apply_edit(
        &self,
        tx: &Connection,
        told: &Told<'_>,
        target: MessageKey,
        text: Option<String>,
        mentions: Vec<AccountId>,
        out: &mut Effects,
    ) -> Sql<()> {
        let chat = told.chat.state.id;
        let edit = Edit {
            target,
            account: told.from.account,
            device: told.from.device,
            clock: told.clock,
            at: told.sent_at,
            text,
            mentions,
        };
        messages::edit(tx, chat, &edit)?;
        out.events.push(Event::MessageChanged { chat, key: target });
        out.events.push(Event::Chat { chat });
        Ok(())
    }

    /// Writes a line that says something is missing, at the end of what is there. `upto` is the last of what was given
    /// up, by which the line goes again if that comes after all.
    #[expect(clippy::too_many_arguments, reason = "each is a different thing about the gap")]
    pub(crate) fn show_gap(
        &mut self,
        tx: &Connection,
        chat_id: ChatId,
        device: DeviceId,
        upto: Option<(parley_protocol::RunId, u64)>,
        count: Option<u64>,
        why: &str,
        out: &mut Effects,
    ) -> Sql<()> {
        let Some(chat) = chats::get(tx, chat_id)? else {
            return Ok(());
        };
        let sort =
            if chat.state.sealed { messages::sort_of(chat.clock) } else { (crate::store::int(chat.cursor.seq), 1) };
        let text = crate::store::to_json(&(count, why));
        let key = MessageKey { device, id: parley_protocol::MessageId::new() };
        self.write_line(tx, chat_id, key, AccountId::nil(), "gap", sort, upto, text, out)
    }

    /// Writes a line that is no message.
    #[expect(clippy::too_many_arguments, reason = "the columns of a line that differ between its two callers")]
    pub(crate) fn write_line(
        &mut self,
        tx: &Connection,
        chat: ChatId,
        key: MessageKey,
        account: AccountId,
        kind: &'static str,
        sort: (i64, i64),
        number: Option<(parley_protocol::RunId, u64)>,
        text: String,
        out: &mut Effects,
    ) -> Sql<()> {
        let line = Line {
            chat,
            key,
            account,
            kind,
            sort,
            number,
            seq: None,
            sent_at: self.now(),
            received_at: self.now(),
            text,
            reply_to: None,
            mentions: Vec::new(),
            mentions_me: false,
            unread: false,
            route: Route::Relay,
        };
        messages::insert(tx, &line)?;
        out.events.push(Event::Chat { chat });
        Ok(())
    }
}

/// A message that has been taken, and what is known about it besides its body.
pub(crate) struct Told<'a> {
    pub(crate) chat: &'a ChatRow,
    pub(crate) from: Sender,
    pub(crate) id: parley_protocol::MessageId,
    /// Orders edits and reactions: the hybrid clock, or in open chats the `seq`.
    pub(crate) clock: Clock,
    pub(crate) sort: (i64, i64),
    pub(crate) number: Option<(parley_protocol::RunId, u64)>,
    pub(crate) seq: Option<u64>,
    pub(crate) sent_at: u64,
    /// It was shown on another device of one's own before it came here.
    pub(crate) shown: bool,
    pub(crate) route: Route,
}

/// The first eight bytes of the SHA-256 of a payload: enough to tell a repetition from a conflict.
pub(crate) fn digest(payload: &str) -> i64 {
    let hash = Sha256::digest(payload.as_bytes());
    let mut first = [0; 8];
    for (to, from) in first.iter_mut().zip(hash) {
        *to = from;
    }
    i64::from_be_bytes(first)
}

/// What a payload of an entry is, for a chat of this kind.
pub(crate) fn is_of_kind(sealed: bool, payload: &Payload) -> bool {
    sealed == matches!(payload, Payload::Sealed(_))
}

pub(crate) fn notice(out: &mut Effects, chat: ChatId, code: &str, message: &str) {
    tracing::warn!(%chat, code, message);
    out.events.push(Event::Notice { chat: Some(chat), code: code.to_owned(), message: message.to_owned() });
}
