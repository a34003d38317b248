//! How far own messages came, by the marks of others; and those marks of open chats.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use parley_protocol::frames::Sender;
use parley_protocol::marks::OpenMark;
use parley_protocol::{AccountId, ChatId, ChatKind, DeviceId, EventId, MarkRegister, MessageKey, RunId};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::chats::ChatRow;
use super::{Sql, chats, count, id, id_or_none, json, sent, settings, streams};
use crate::views::{Delivery, DeviceDelivery};

/// What is known of how far own messages of a chat came.
pub(super) struct Deliveries {
    chat: ChatRow,
    me: AccountId,
    marks: BTreeMap<DeviceId, MarkRegister>,
    runs: Vec<sent::OwnRun>,
    /// Runs of the account's other devices, as they are needed.
    streams: HashMap<DeviceId, Vec<streams::Stream>>,
    audiences: HashMap<EventId, Vec<DeviceId>>,
    open: BTreeMap<DeviceId, OpenMark>,
}

/// Whether a device has a message and has shown it.
struct Reached {
    account: AccountId,
    device: DeviceId,
    delivered: bool,
    read: bool,
}

impl Deliveries {
    pub(super) fn load(db: &Connection, me: AccountId, chat: ChatId) -> Sql<Option<Self>> {
        let Some(chat) = chats::get(db, chat)? else {
            return Ok(None);
        };
        let id = chat.state.id;
        let (marks, runs) = if chat.state.sealed {
            (streams::all_marks(db, id)?, sent::runs(db, id)?)
        } else {
            (BTreeMap::new(), Vec::new())
        };
        let open = if chat.state.sealed { BTreeMap::new() } else { open_marks(db, id)? };
        Ok(Some(Self { chat, me, marks, runs, streams: HashMap::new(), audiences: HashMap::new(), open }))
    }

    pub(super) fn of(
        &mut self,
        db: &Connection,
        key: MessageKey,
        number: Option<(RunId, u64)>,
        seq: Option<u64>,
    ) -> Sql<Delivery> {
        let state = sent::state(db, self.chat.state.id, key.id)?;
        let (delivered, read) = match number {
            Some((run, n)) => {
                let devices = self.devices(db, key.device, run, n)?;
                (self.everybody(&devices, |device| device.delivered), self.everybody(&devices, |device| device.read))
            }
            None => (self.open_reaches(seq, |mark| mark.delivered), self.open_reaches(seq, |mark| mark.read)),
        };
        if read {
            return Ok(Delivery::Read);
        }
        if delivered {
            return Ok(Delivery::Delivered);
        }
        Ok(match state {
            Some((state, reason)) if state == "failed" => Delivery::Failed { reason },
            Some((state, _)) if state == "waiting" => Delivery::Waiting,
            _ => Delivery::Sent,
        })
    }

    /// How far each other device of the message's audience has it.
    fn devices(&mut self, db: &Connection, sender: DeviceId, run: RunId, n: u64) -> Sql<Vec<Reached>> {
        let Some((membership, later)) = self.run(db, sender, run)? else {
            return Ok(Vec::new());
        };
        let chat = self.chat.state.id;
        let audience = match self.audiences.entry(membership) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => place.insert(chats::audience(db, chat, membership)?.unwrap_or_default()),
        };
        let mut found = Vec::new();
        for (device, account) in self.chat.state.devices() {
            if device == sender || !audience.contains(&device) {
                continue;
            }
            let register = self.marks.get(&device);
            let has = |marks: &parley_protocol::Marks| marks.has(sender, run, n, &later);
            found.push(Reached {
                account,
                device,
                delivered: register.is_some_and(|register| has(&register.delivered)),
                read: register.is_some_and(|register| has(&register.read)),
            });
        }
        Ok(found)
    }

    /// The membership which a run of an own device began under, and the runs that follow it.
    fn run(&mut self, db: &Connection, sender: DeviceId, run: RunId) -> Sql<Option<(EventId, Vec<RunId>)>> {
        if let Some(at) = self.runs.iter().position(|own| own.run == run) {
            let later = self.runs.iter().skip(at + 1).map(|run| run.run).collect();
            return Ok(self.runs.get(at).map(|run| (run.membership, later)));
        }
        let streams = match self.streams.entry(sender) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => place.insert(streams::in_order(db, self.chat.state.id, sender)?),
        };
        let Some(at) = streams.iter().position(|stream| stream.run == run) else {
            return Ok(None);
        };
        let later = streams.iter().skip(at + 1).map(|stream| stream.run).collect();
        Ok(streams.get(at).and_then(|stream| stream.membership).map(|membership| (membership, later)))
    }

    /// Whether of every other account at least one device does.
    fn everybody(&self, devices: &[Reached], does: impl Fn(&Reached) -> bool) -> bool {
        let others: BTreeSet<AccountId> =
            devices.iter().map(|device| device.account).filter(|account| *account != self.me).collect();
        !others.is_empty()
            && others.iter().all(|account| devices.iter().any(|device| device.account == *account && does(device)))
    }

    fn open_reaches(&self, seq: Option<u64>, how_far: impl Fn(&OpenMark) -> u64) -> bool {
        let Some(seq) = seq.filter(|_| !self.chat.state.kind.is_channel()) else {
            return false;
        };
        let best = self.open.values().map(how_far).max().unwrap_or(0);
        self.chat.state.kind == ChatKind::Direct && best >= seq
    }
}

/// How far each other device has an own message.
pub(crate) fn details(db: &Connection, me: AccountId, chat: ChatId, key: MessageKey) -> Sql<Vec<DeviceDelivery>> {
    let number: Option<(RunId, u64)> = db
        .prepare_cached("SELECT run, n FROM messages WHERE chat = ?1 AND device = ?2 AND id = ?3 AND run IS NOT NULL")?
        .query_row(params![chat.as_bytes(), key.device.as_bytes(), key.id.as_bytes()], |row| {
            Ok((id(row, 0)?, count(row, 1)?))
        })
        .optional()?;
    let reached = match (number, Deliveries::load(db, me, chat)?) {
        (Some((run, n)), Some(mut deliveries)) => deliveries.devices(db, key.device, run, n)?,
        _ => Vec::new(),
    };
    let named = |Reached { account, device, delivered, read }| {
        Ok(DeviceDelivery { account, username: settings::username(db, account)?, device, delivered, read })
    };
    reached.into_iter().map(named).collect()
}

/// How far each of these own messages came; without those that are not there.
pub(crate) fn receipts(
    db: &Connection,
    me: AccountId,
    chat: ChatId,
    keys: &[MessageKey],
) -> Sql<Vec<(MessageKey, Delivery)>> {
    let Some(mut deliveries) = Deliveries::load(db, me, chat)? else {
        return Ok(Vec::new());
    };
    let mut select =
        db.prepare_cached("SELECT run, n, seq FROM messages WHERE chat = ?1 AND device = ?2 AND id = ?3")?;
    let mut receipts = Vec::with_capacity(keys.len());
    for key in keys {
        let place: Option<(Option<RunId>, Option<i64>, Option<i64>)> = select
            .query_row(params![chat.as_bytes(), key.device.as_bytes(), key.id.as_bytes()], |row| {
                Ok((id_or_none(row, 0)?, row.get(1)?, row.get(2)?))
            })
            .optional()?;
        if let Some((run, n, seq)) = place {
            let number = run.zip(n.map(i64::cast_unsigned));
            receipts.push((*key, deliveries.of(db, *key, number, seq.map(i64::cast_unsigned))?));
        }
    }
    Ok(receipts)
}

/// Writes the mark of another account's device in an open chat.
pub(crate) fn put_open_mark(db: &Connection, chat: ChatId, from: Sender, mark: &OpenMark) -> Sql<()> {
    let old = open_marks(db, chat)?.remove(&from.device).unwrap_or_default();
    let (delivered, read) = (old.delivered.max(mark.delivered), old.read.max(mark.read));
    let merged = OpenMark { delivered, read, ..OpenMark::default() };
    db.prepare_cached("INSERT OR REPLACE INTO marks (chat, device, delivered, read) VALUES (?1, ?2, ?3, '{}')")?
        .execute(params![chat.as_bytes(), from.device.as_bytes(), super::to_json(&merged)])?;
    Ok(())
}

fn open_marks(db: &Connection, chat: ChatId) -> Sql<BTreeMap<DeviceId, OpenMark>> {
    db.prepare_cached("SELECT device, delivered FROM marks WHERE chat = ?1")?
        .query_map([chat.as_bytes()], |row| Ok((id(row, 0)?, json(row, 1)?)))?
        .collect()
}
