//! How far own messages came, by the marks of others; and those marks of open chats.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use parley_protocol::frames::Sender;
use parley_protocol::marks::OpenMark;
use parley_protocol::{AccountId, ChatId, ChatKind, DeviceId, EventId, MarkRegister, MessageKey, RunId};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::advances::What;
use super::chains::Chain;
use super::chats::ChatRow;
use super::{Sql, advances, chats, count, id, id_or_none, json, sent, settings, streams};
use crate::views::{Delivery, DeviceDelivery, Me, Settings};

/// What is known of how far own messages of a chat came.
pub(super) struct Deliveries {
    chat: ChatRow,
    me: AccountId,
    marks: BTreeMap<DeviceId, MarkRegister>,
    /// This device.
    here: DeviceId,
    /// Runs of the account's devices, as they are needed.
    chains: HashMap<DeviceId, Chain>,
    audiences: HashMap<EventId, Vec<DeviceId>>,
    open: BTreeMap<DeviceId, OpenMark>,
    /// Whoever tells nobody what they have read is not shown what others have.
    shows_read: bool,
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
        let marks = if chat.state.sealed { streams::all_marks(db, id)? } else { BTreeMap::new() };
        let open = if chat.state.sealed { BTreeMap::new() } else { open_marks(db, id)? };
        let here = settings::get::<Me>(db, "last_me")?.map(|me| me.device).unwrap_or_default();
        let shows_read = settings::get::<Settings>(db, "settings")?.unwrap_or_default().read_marks;
        Ok(Some(Self { chat, me, marks, here, chains: HashMap::new(), audiences: HashMap::new(), open, shows_read }))
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
            None => {
                let read = self.shows_read && self.open_reaches(seq, |mark| mark.read);
                (self.open_reaches(seq, |mark| mark.delivered), read)
            }
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
        let chain = match self.chains.entry(sender) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => place.insert(Chain::of(db, self.chat.state.id, self.here, sender)?),
        };
        let Some(membership) = chain.run(db, run)?.and_then(|run| run.membership) else {
            return Ok(Vec::new());
        };
        let chat = self.chat.state.id;
        let audience = match self.audiences.entry(membership) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => place.insert(chats::audience(db, chat, membership)?.unwrap_or_default()),
        };
        let nothing = MarkRegister::default();
        let mut found = Vec::new();
        for (device, account) in self.chat.state.devices() {
            if device == sender || !audience.contains(&device) {
                continue;
            }
            let register = self.marks.get(&device).unwrap_or(&nothing);
            found.push(Reached {
                account,
                device,
                delivered: chain.has(db, &register.delivered, run, n)?,
                read: (self.shows_read || account == self.me) && chain.has(db, &register.read, run, n)?,
            });
        }
        Ok(found)
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
    let (Some(number), Some(mut deliveries)) = (number, Deliveries::load(db, me, chat)?) else {
        return Ok(Vec::new());
    };
    let delivered_at = advances::of(db, chat, number, What::Delivered)?;
    let read_at = advances::of(db, chat, number, What::Read)?;
    let named = |Reached { account, device, delivered, read }| {
        let told = delivered_at.get(&device).filter(|_| delivered);
        Ok(DeviceDelivery {
            account,
            username: settings::username(db, account)?,
            device,
            delivered,
            read,
            delivered_at: told.map(|told| told.at),
            read_at: read_at.get(&device).filter(|_| read).map(|told| told.at),
            route: told.map(|told| told.route),
        })
    };
    deliveries.devices(db, key.device, number.0, number.1)?.into_iter().map(named).collect()
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
