//! How far the numbered streams of the other devices are held, and the mark registers of everybody.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

use parley_protocol::frames::Sender;
use parley_protocol::marks::Held;
use parley_protocol::{AccountId, ChatId, DeviceId, EventId, MarkRegister, Marks, RunId};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::{Sql, chats, count, id, id_or_none, int, json, to_json};
use crate::views::Route;

/// One run of another device.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stream {
    pub(crate) run: RunId,
    /// Names its audience; `None` while neither a message of it nor one that names it has come.
    pub(crate) membership: Option<EventId>,
    pub(crate) held: Held,
    pub(crate) ends_at: Option<u64>,
    pub(crate) after: Option<RunId>,
    pub(crate) read_upto: u64,
}

impl Stream {
    /// Whether everything up to its known end is held or given up, so that the next run may be shown.
    pub(crate) fn is_passed(&self) -> bool {
        self.ends_at.is_some_and(|end| self.held.upto >= end)
    }

    fn is_complete(&self) -> bool {
        self.is_passed() && self.held.missing.is_empty()
    }
}

const COLUMNS: &str = "run, upto, missing, ends_at, after_run, read_upto, membership";

fn read(row: &Row<'_>, from: usize) -> Sql<Stream> {
    Ok(Stream {
        run: id(row, from)?,
        held: Held { upto: count(row, from + 1)?, missing: json(row, from + 2)? },
        ends_at: row.get::<_, Option<i64>>(from + 3)?.map(i64::cast_unsigned),
        after: id_or_none(row, from + 4)?,
        read_upto: count(row, from + 5)?,
        membership: id_or_none(row, from + 6)?,
    })
}

/// One run; a fresh one if nothing of it came yet.
pub(crate) fn get(db: &Connection, chat: ChatId, device: DeviceId, run: RunId) -> Sql<Stream> {
    let stream = db
        .prepare_cached(&format!("SELECT {COLUMNS} FROM streams WHERE chat = ?1 AND device = ?2 AND run = ?3"))?
        .query_row(params![chat.as_bytes(), device.as_bytes(), run.as_bytes()], |row| read(row, 0))
        .optional()?;
    Ok(stream.unwrap_or(Stream { run, ..Stream::default() }))
}

/// Every run of one device.
fn of_device(db: &Connection, chat: ChatId, device: DeviceId) -> Sql<Vec<Stream>> {
    db.prepare_cached(&format!("SELECT {COLUMNS} FROM streams WHERE chat = ?1 AND device = ?2"))?
        .query_map(params![chat.as_bytes(), device.as_bytes()], |row| read(row, 0))?
        .collect()
}

/// Every run of one device, each after the one which it follows.
pub(crate) fn in_order(db: &Connection, chat: ChatId, device: DeviceId) -> Sql<Vec<Stream>> {
    Ok(each_after_its_own(of_device(db, chat, device)?, |stream| stream.run, |stream| stream.after))
}

/// Puts runs in an order in which each comes after the one which it follows, looking at each a bounded number of times.
fn each_after_its_own<T>(runs: Vec<T>, name: impl Fn(&T) -> RunId, after: impl Fn(&T) -> Option<RunId>) -> Vec<T> {
    let names: HashSet<RunId> = runs.iter().map(&name).collect();
    let mut followers: HashMap<RunId, Vec<usize>> = HashMap::new();
    let mut next: VecDeque<usize> = VecDeque::new();
    for (at, run) in runs.iter().enumerate() {
        match after(run).filter(|before| names.contains(before)) {
            Some(before) => followers.entry(before).or_default().push(at),
            None => next.push_back(at),
        }
    }
    let mut left: Vec<Option<T>> = runs.into_iter().map(Some).collect();
    let mut ordered = Vec::with_capacity(left.len());
    // Runs that follow each other in a circle are forged; any order is as good.
    for start in 0..left.len() {
        while let Some(at) = next.pop_front() {
            let Some(run) = left.get_mut(at).and_then(Option::take) else { continue };
            next.extend(followers.remove(&name(&run)).into_iter().flatten());
            ordered.push(run);
        }
        next.push_back(start);
    }
    ordered.extend(left.into_iter().flatten());
    ordered
}

/// Writes a run.
pub(crate) fn put(db: &Connection, chat: ChatId, device: DeviceId, stream: &Stream) -> Sql<()> {
    db.prepare_cached(
        "INSERT INTO streams (chat, device, run, upto, missing, ends_at, after_run, read_upto, membership)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
         ON CONFLICT (chat, device, run) DO UPDATE SET upto = ?4, missing = ?5, ends_at = ?6, after_run = ?7,
             read_upto = ?8, membership = ?9",
    )?
    .execute(params![
        chat.as_bytes(),
        device.as_bytes(),
        stream.run.as_bytes(),
        int(stream.held.upto),
        to_json(&stream.held.missing),
        stream.ends_at.map(int),
        stream.after.map(|run| *run.as_bytes()),
        int(stream.read_upto),
        stream.membership.map(|membership| *membership.as_bytes()),
    ])?;
    Ok(())
}

/// The register of this device: what it holds and what was shown, by sending device. A run which is complete is left out
/// once the beginning of the run after it says the same, and not before. One of which that holds for good is not looked at again.
pub(crate) fn register(db: &Connection, chat: ChatId) -> Sql<MarkRegister> {
    let mut unsettled =
        db.prepare_cached(&format!("SELECT {COLUMNS}, device FROM streams WHERE chat = ?1 AND settled = 0"))?;
    let streams: Vec<(DeviceId, Stream)> =
        unsettled.query_map([chat.as_bytes()], |row| Ok((id(row, 7)?, read(row, 0)?)))?.collect::<Sql<_>>()?;
    let followed = |says: fn(&Stream) -> bool| -> BTreeSet<(DeviceId, RunId)> {
        let later = streams.iter().filter(|(_, stream)| says(stream));
        later.filter_map(|(device, stream)| Some((*device, stream.after?))).collect()
    };
    let (held_on, read_on) = (followed(|stream| stream.held.has(1)), followed(|stream| stream.read_upto > 0));
    let mut register = MarkRegister::default();
    let mut out = BTreeSet::new();
    for (device, stream) in &streams {
        let run = (*device, stream.run);
        // Of what never came here, others of one's own may have shown something: that is theirs to say.
        let here = stream.held.upto > 0;
        let complete = stream.is_complete();
        let read_all = complete && stream.ends_at.is_some_and(|end| stream.read_upto >= end);
        let shown = read_all && read_on.contains(&run);
        let held = complete && held_on.contains(&run);
        if here && !shown {
            // What never came was not shown.
            let missing = stream.held.missing.iter().copied().filter(|n| *n <= stream.read_upto).collect();
            let held = Held { upto: stream.read_upto, missing };
            register.read.0.entry(*device).or_default().insert(stream.run, held);
        }
        if !held {
            register.delivered.0.entry(*device).or_default().insert(stream.run, stream.held.clone());
        }
        if held && shown {
            out.insert(run);
        }
    }
    settle(db, chat, streams, &out)?;
    Ok(register)
}

/// Notes which of the runs that a register leaves out it leaves out for good: those before which nothing is unsettled. What says
/// so of a run stays in sight until then.
fn settle(
    db: &Connection,
    chat: ChatId,
    streams: Vec<(DeviceId, Stream)>,
    out: &BTreeSet<(DeviceId, RunId)>,
) -> Sql<()> {
    if out.is_empty() {
        return Ok(());
    }
    let mut unsettled: HashSet<(DeviceId, RunId)> =
        streams.iter().map(|(device, stream)| (*device, stream.run)).collect();
    for (device, stream) in each_after_its_own(streams, |(_, stream)| stream.run, |(_, stream)| stream.after) {
        let run = (device, stream.run);
        if out.contains(&run) && !stream.after.is_some_and(|before| unsettled.contains(&(device, before))) {
            unsettled.remove(&run);
            db.prepare_cached("UPDATE streams SET settled = 1 WHERE chat = ?1 AND device = ?2 AND run = ?3")?
                .execute(params![chat.as_bytes(), device.as_bytes(), stream.run.as_bytes()])?;
        }
    }
    Ok(())
}

/// Takes what another device of one's own has shown; gives the runs that moved, with how far.
pub(crate) fn merge_read(
    db: &Connection,
    chat: ChatId,
    from: DeviceId,
    read: &Marks,
) -> Sql<Vec<(DeviceId, RunId, u64)>> {
    let mut moved = Vec::new();
    for (device, runs) in &read.0 {
        for (run, held) in runs {
            let stream = get(db, chat, *device, *run)?;
            if held.upto > stream.read_upto {
                put(db, chat, *device, &Stream { read_upto: held.upto, ..stream })?;
                moved.push((*device, *run, held.upto));
            }
        }
        for run in runs.keys() {
            moved.extend(read_before(db, chat, from, read, (*device, *run))?);
        }
    }
    Ok(moved)
}

/// A device that has shown the beginning of a run has shown the runs before it, as far as it was in their audience and
/// its mark does not name them; gives those that moved.
pub(crate) fn read_before(
    db: &Connection,
    chat: ChatId,
    from: DeviceId,
    read: &Marks,
    (device, run): (DeviceId, RunId),
) -> Sql<Vec<(DeviceId, RunId, u64)>> {
    let mut moved = Vec::new();
    if !read.held(device, run).is_some_and(|held| held.has(1)) {
        return Ok(moved);
    }
    let mut seen = BTreeSet::from([run]);
    let mut next = get(db, chat, device, run)?.after;
    while let Some(run) = next.filter(|run| seen.insert(*run) && read.held(device, *run).is_none()) {
        let stream = get(db, chat, device, run)?;
        let audience = match stream.membership {
            Some(membership) => chats::audience(db, chat, membership)?.unwrap_or_default(),
            None => Vec::new(),
        };
        if !audience.contains(&from) {
            break;
        }
        let end = stream.ends_at.unwrap_or(0);
        next = stream.after;
        if end > stream.read_upto {
            put(db, chat, device, &Stream { read_upto: end, ..stream })?;
            moved.push((device, run, end));
        }
    }
    Ok(moved)
}

/// Sets how far a run was shown on this device; `false` if it was further already.
pub(crate) fn set_read(db: &Connection, chat: ChatId, device: DeviceId, run: RunId, upto: u64) -> Sql<bool> {
    let rows = db
        .prepare_cached(
            "UPDATE streams SET read_upto = ?4 WHERE chat = ?1 AND device = ?2 AND run = ?3 AND read_upto < ?4",
        )?
        .execute(params![chat.as_bytes(), device.as_bytes(), run.as_bytes(), int(upto)])?;
    Ok(rows > 0)
}

/// Everything held was shown; gives the runs that moved.
pub(crate) fn read_all(db: &Connection, chat: ChatId) -> Sql<Vec<(DeviceId, RunId, u64)>> {
    db.prepare_cached(
        "UPDATE streams SET read_upto = upto WHERE chat = ?1 AND read_upto < upto RETURNING device, run, upto",
    )?
    .query_map([chat.as_bytes()], |row| Ok((id(row, 0)?, id(row, 1)?, count(row, 2)?)))?
    .collect()
}

/// A message beyond a gap.
pub(crate) struct HeldMessage {
    pub(crate) account: AccountId,
    pub(crate) payload: String,
    pub(crate) route: Route,
}

/// Keeps a message until what is before it comes, or is given up.
pub(crate) fn hold(
    db: &Connection,
    chat: ChatId,
    device: DeviceId,
    number: (RunId, u64),
    message: &HeldMessage,
) -> Sql<()> {
    db.prepare_cached(
        "INSERT OR IGNORE INTO held (chat, device, run, n, account, payload, route) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        chat.as_bytes(),
        device.as_bytes(),
        number.0.as_bytes(),
        int(number.1),
        message.account.as_bytes(),
        message.payload,
        super::messages::route_word(message.route),
    ])?;
    Ok(())
}

/// Takes a held message out; `None` if it isn't there.
pub(crate) fn unhold(db: &Connection, chat: ChatId, device: DeviceId, run: RunId, n: u64) -> Sql<Option<HeldMessage>> {
    db.prepare_cached(
        "DELETE FROM held WHERE chat = ?1 AND device = ?2 AND run = ?3 AND n = ?4 RETURNING account, payload, route",
    )?
    .query_row(params![chat.as_bytes(), device.as_bytes(), run.as_bytes(), int(n)], |row| {
        let route: String = row.get(2)?;
        Ok(HeldMessage { account: id(row, 0)?, payload: row.get(1)?, route: super::messages::route_from(&route) })
    })
    .optional()
}

/// The lowest held number of each run of a device.
pub(crate) fn held_runs(db: &Connection, chat: ChatId, device: DeviceId) -> Sql<Vec<(RunId, u64)>> {
    db.prepare_cached("SELECT run, min(n) FROM held WHERE chat = ?1 AND device = ?2 GROUP BY run")?
        .query_map(params![chat.as_bytes(), device.as_bytes()], |row| Ok((id(row, 0)?, count(row, 1)?)))?
        .collect()
}

/// Every (chat, device) that has something held.
pub(crate) fn holding(db: &Connection) -> Sql<Vec<(ChatId, DeviceId)>> {
    db.prepare_cached("SELECT DISTINCT chat, device FROM held")?
        .query_map([], |row| Ok((id(row, 0)?, id(row, 1)?)))?
        .collect()
}

/// What another device says, merged over time.
pub(crate) fn marks_of(db: &Connection, chat: ChatId, device: DeviceId) -> Sql<MarkRegister> {
    let register = db
        .prepare_cached("SELECT delivered, read FROM marks WHERE chat = ?1 AND device = ?2")?
        .query_row(params![chat.as_bytes(), device.as_bytes()], |row| {
            Ok(MarkRegister { delivered: json(row, 0)?, read: json(row, 1)? })
        })
        .optional()?;
    Ok(register.unwrap_or_default())
}

/// What every other device says.
pub(crate) fn all_marks(db: &Connection, chat: ChatId) -> Sql<BTreeMap<DeviceId, MarkRegister>> {
    db.prepare_cached("SELECT device, delivered, read FROM marks WHERE chat = ?1")?
        .query_map([chat.as_bytes()], |row| {
            Ok((id(row, 0)?, MarkRegister { delivered: json(row, 1)?, read: json(row, 2)? }))
        })?
        .collect()
}

/// What the other devices said holds no more.
pub(crate) fn forget_marks(db: &Connection, chat: ChatId) -> Sql<()> {
    db.execute("DELETE FROM marks WHERE chat = ?1", [chat.as_bytes()])?;
    Ok(())
}

/// How many messages of a chat are kept that came before the membership they need.
const MOST_EARLY: i64 = 256;

/// Keeps a message until the membership comes which it needs; if that never does, newer ones take its place.
pub(crate) fn keep_early(db: &Connection, chat: ChatId, membership: EventId, from: Sender, payload: &str) -> Sql<()> {
    db.prepare_cached("INSERT INTO early (chat, membership, account, device, payload) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![
            chat.as_bytes(),
            membership.as_bytes(),
            from.account.as_bytes(),
            from.device.as_bytes(),
            payload
        ])?;
    db.prepare_cached(
        "DELETE FROM early WHERE chat = ?1 AND position <=
             (SELECT position FROM early WHERE chat = ?1 ORDER BY position DESC LIMIT 1 OFFSET ?2)",
    )?
    .execute(params![chat.as_bytes(), MOST_EARLY])?;
    Ok(())
}

/// What was kept for a membership, in the order in which it came.
pub(crate) fn take_early(db: &Connection, chat: ChatId, membership: EventId) -> Sql<Vec<(Sender, String)>> {
    let mut rows: Vec<(i64, Sender, String)> = db
        .prepare_cached(
            "DELETE FROM early WHERE chat = ?1 AND membership = ?2 RETURNING position, account, device, payload",
        )?
        .query_map(params![chat.as_bytes(), membership.as_bytes()], |row| {
            Ok((row.get(0)?, Sender { account: id(row, 1)?, device: id(row, 2)? }, row.get(3)?))
        })?
        .collect::<Sql<_>>()?;
    rows.sort_by_key(|(position, ..)| *position);
    Ok(rows.into_iter().map(|(_, from, payload)| (from, payload)).collect())
}

/// Writes what another device says.
pub(crate) fn put_marks(db: &Connection, chat: ChatId, device: DeviceId, register: &MarkRegister) -> Sql<()> {
    db.prepare_cached("INSERT OR REPLACE INTO marks (chat, device, delivered, read) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![chat.as_bytes(), device.as_bytes(), to_json(&register.delivered), to_json(&register.read)])?;
    Ok(())
}

#[cfg(test)]
#[path = "streams_tests.rs"]
mod tests;
