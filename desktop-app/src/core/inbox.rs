//! The one way in: every message of a sealed chat, by whatever route it came, is taken here; and every one of an open
//! chat. Dedupe, order per device, write; acks and marks follow the commit (DELIVERY rules 3, 5, 10, 16, 17).

use std::time::Instant;

use parley_protocol::frames::{Payload, Sender};
use parley_protocol::{AccountId, Body, ChatId, Clock, DeviceId, MessageKey, SealedMessage, payload};
use rusqlite::Connection;
use sha2::{Digest as _, Sha256};

use super::{Core, Effects};
use crate::events::Event;
use crate::store::chats::ChatRow;
use crate::store::messages::{self, Edit, Line, Reaction};
use crate::store::streams::{self, HeldMessage, Stream};
use crate::store::{Sql, chats, hidden, places, sent, settings};
use crate::stream::{self, Verdict};
use crate::views::Route;

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

impl Incoming {
    /// What it says; `None`, and a notice, if that cannot be read or cannot be true.
    fn open(&self, out: &mut Effects) -> Option<SealedMessage> {
        let message = match payload::open(&self.payload) {
            Ok(message) => message,
            Err(error) => {
                let code = if matches!(error, payload::OpenError::Newer { .. }) { "newer" } else { "damaged" };
                notice(out, self.chat, code, &format!("One message could not be read: {error}."));
                return None;
            }
        };
        let plausible = message.device == self.from.device
            && self.named.is_none_or(|named| named == message.id)
            && message.clock.is_plausible()
            && message.n > 0;
        if !plausible {
            let words = "A message claims a sender or a time that it cannot have; it was left out.";
            notice(out, self.chat, "damaged", words);
        }
        plausible.then_some(message)
    }
}

impl Core {
    /// Takes a sealed message. `false` only if a link carried it ahead of the membership that it needs: then it was not
    /// taken, and comes again by the relay.
    pub(crate) fn take_sealed(&mut self, tx: &Connection, incoming: Incoming, out: &mut Effects) -> Sql<bool> {
        let Some(message) = incoming.open(out) else {
            return Ok(true);
        };
        let Incoming { chat, from, payload: text, route, .. } = incoming;
        match chats::audience(tx, chat, message.membership)? {
            Some(devices) if devices.contains(&self.device()) => {}
            // A run which this device isn't in: it began before it joined, or while it was away from the chat.
            Some(_) => return Ok(true),
            None if route == Route::Relay => {
                streams::keep_early(tx, chat, message.membership, from, &text)?;
                self.miss_run(tx, chat, &message, out)?;
                return Ok(true);
            }
            None => return Ok(false),
        }
        let key = MessageKey { device: from.device, id: message.id };
        let digest = digest(&text);
        match messages::taken(tx, chat, key, digest)? {
            Some(true) => {
                // The mark may have been lost; it goes to the relay at the most once a second.
                out.marks.insert(chat);
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

    /// Writes what a sealed message says and moves the chat's clock past it.
    #[expect(
        clippy::too_many_arguments,
        reason = "each is a different thing, and a struct of them would be used here alone"
    )]
    pub(super) fn show_sealed(
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
                places::set_seq(tx, chat.state.id, key, entry.seq, entry.at)?;
                out.moved.insert(chat.state.id);
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
        if let Some(target) = body.target()
            && hidden::has(tx, chat, target)?
        {
            return Ok(());
        }
        match body {
            Body::Text { text, reply_to, mentions } => {
                let mentions_me = !own && mentions.contains(&self.account());
                let mut line = Line {
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
                let hidden = hidden::apply(tx, &mut line)?;
                if messages::insert(tx, &line)? {
                    if hidden {
                        return Ok(());
                    }
                    chats::touch(tx, chat, self.now())?;
                    // What stands in a log from before this device came is history, also when it is read anew.
                    let history = told.chat.resetting && told.shown && told.seq.is_some();
                    if key.device != self.device() && !history {
                        let loud = told.chat.muted_until <= self.now();
                        let (account, notify) = (told.from.account, !own && !told.shown && loud);
                        out.events.push(Event::Message { chat, key, account, notify });
                    } else {
                        out.events.push(Event::Chat { chat });
                    }
                } else if key.device != self.device() {
                    // What this profile wrote as another device went out after all.
                    if let Some(seq) = told.seq {
                        places::set_seq(tx, chat, key, seq, told.sent_at)?;
                        out.moved.insert(chat);
                    }
                    sent::remove(tx, chat, key.id)?;
                    out.events.push(Event::MessageChanged { chat, key });
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
