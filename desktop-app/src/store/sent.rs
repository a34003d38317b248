//! The outbox: what this device has yet to see accepted, and after that the bytes which somebody's mark still lacks.
//!
//! A row is `waiting`, then `accepted` (the relay has it, the own cursor has yet to pass its entry), then `ended`; or it is
//! `failed` until the person decides. It is removed when every other device of its audience has it.

use std::collections::BTreeSet;

use parley_protocol::{ChatId, EventId, LifeId, MessageId, RunId};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::{Sql, count, id, id_or_none, int};

/// A row of the outbox.
#[derive(Clone, Debug)]
pub(crate) struct SentRow {
    pub(crate) position: i64,
    pub(crate) id: MessageId,
    pub(crate) number: Option<(RunId, u64)>,
    pub(crate) payload: String,
}

/// Why a message failed which the relay kept for as long as it keeps messages. Its bytes are for a receiver whose mark lists the
/// number.
pub(crate) const EXPIRED: &str = "Not everybody got this in time: the relay keeps messages only so long.";

const COLUMNS: &str = "position, id, run, n, payload";

fn read(row: &Row<'_>) -> Sql<SentRow> {
    let run: Option<RunId> = id_or_none(row, 2)?;
    let n: Option<i64> = row.get(3)?;
    Ok(SentRow {
        position: row.get(0)?,
        id: id(row, 1)?,
        number: run.zip(n.map(i64::cast_unsigned)),
        payload: row.get(4)?,
    })
}

/// One of this device's own runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct OwnRun {
    pub(crate) run: RunId,
    pub(crate) membership: EventId,
    pub(crate) life: LifeId,
    pub(crate) last_n: u64,
}

const RUN: &str = "run, membership, life, last_n";

fn read_run(row: &Row<'_>) -> Sql<OwnRun> {
    Ok(OwnRun { run: id(row, 0)?, membership: id(row, 1)?, life: id(row, 2)?, last_n: count(row, 3)? })
}

/// Own runs of a chat of which bytes are kept, oldest first. It steps from run to run and reads neither the others nor the bytes.
pub(crate) fn kept_runs(db: &Connection, chat: ChatId) -> Sql<Vec<OwnRun>> {
    db.prepare_cached(&kept_runs_sql())?.query_map([chat.as_bytes()], read_run)?.collect()
}

pub(super) fn kept_runs_sql() -> String {
    format!(
        "WITH RECURSIVE kept (kept_run) AS (
             SELECT min(run) FROM sent WHERE chat = ?1
             UNION ALL
             SELECT (SELECT min(run) FROM sent WHERE chat = ?1 AND run > kept_run) FROM kept WHERE kept_run IS NOT NULL
         )
         SELECT {RUN} FROM kept JOIN runs ON runs.chat = ?1 AND runs.run = kept_run ORDER BY place"
    )
}

/// One own run.
pub(crate) fn run(db: &Connection, chat: ChatId, run: RunId) -> Sql<Option<OwnRun>> {
    db.prepare_cached(&format!("SELECT {RUN} FROM runs WHERE chat = ?1 AND run = ?2"))?
        .query_row(params![chat.as_bytes(), run.as_bytes()], read_run)
        .optional()
}

/// Where an own run stands among the others of its chat.
pub(crate) fn place(db: &Connection, chat: ChatId, run: RunId) -> Sql<Option<i64>> {
    db.prepare_cached("SELECT place FROM runs WHERE chat = ?1 AND run = ?2")?
        .query_row(params![chat.as_bytes(), run.as_bytes()], |row| row.get(0))
        .optional()
}

/// Own runs between two places, both excluded, oldest first.
pub(crate) fn runs_between(db: &Connection, chat: ChatId, first: i64, last: i64) -> Sql<Vec<OwnRun>> {
    db.prepare_cached(&format!("SELECT {RUN} FROM runs WHERE chat = ?1 AND place > ?2 AND place < ?3 ORDER BY place"))?
        .query_map(params![chat.as_bytes(), first, last], read_run)?
        .collect()
}

/// The newest own run of a chat.
pub(crate) fn last_run(db: &Connection, chat: ChatId) -> Sql<Option<OwnRun>> {
    db.prepare_cached(&format!("SELECT {RUN} FROM runs WHERE chat = ?1 ORDER BY place DESC LIMIT 1"))?
        .query_row([chat.as_bytes()], read_run)
        .optional()
}

/// A number of an own run turned out to be used.
pub(crate) fn recover_number(db: &Connection, chat: ChatId, run: RunId, n: u64) -> Sql<()> {
    db.prepare_cached("UPDATE runs SET last_n = max(last_n, ?3) WHERE chat = ?1 AND run = ?2")?.execute(params![
        chat.as_bytes(),
        run.as_bytes(),
        int(n)
    ])?;
    Ok(())
}

/// Begins a run, or moves its last number.
pub(crate) fn put_run(db: &Connection, chat: ChatId, run: &OwnRun) -> Sql<()> {
    db.prepare_cached(
        "INSERT INTO runs (chat, run, membership, life, last_n) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (chat, run) DO UPDATE SET last_n = ?5",
    )?
    .execute(params![
        chat.as_bytes(),
        run.run.as_bytes(),
        run.membership.as_bytes(),
        run.life.as_bytes(),
        int(run.last_n)
    ])?;
    Ok(())
}

/// This profile is another device from now on: its first run follows none of the other one's, and how far those came is not
/// known any more.
pub(crate) fn forget_runs(db: &Connection) -> Sql<()> {
    db.execute_batch("DELETE FROM advances WHERE run IN (SELECT run FROM runs); DELETE FROM runs")
}

/// The relay has these, and nobody's mark is waited for any more.
pub(crate) fn forget_taken(db: &Connection, chat: ChatId) -> Sql<()> {
    db.execute(
        "DELETE FROM sent WHERE chat = ?1 AND run IS NOT NULL AND state IN ('accepted', 'ended')",
        [chat.as_bytes()],
    )?;
    Ok(())
}

/// The number of a row is another one's from now on.
pub(crate) fn forget_number(db: &Connection, chat: ChatId, id: MessageId) -> Sql<()> {
    db.execute(
        "UPDATE sent SET run = NULL, n = NULL WHERE chat = ?1 AND id = ?2",
        params![chat.as_bytes(), id.as_bytes()],
    )?;
    Ok(())
}

/// Queues a message.
pub(crate) fn push(
    db: &Connection,
    chat: ChatId,
    id: MessageId,
    number: Option<(RunId, u64)>,
    payload: &str,
    life: LifeId,
    at: u64,
) -> Sql<()> {
    db.prepare_cached(
        "INSERT INTO sent (chat, id, run, n, payload, state, life, at) VALUES (?1, ?2, ?3, ?4, ?5, 'waiting', ?6, ?7)",
    )?
    .execute(params![
        chat.as_bytes(),
        id.as_bytes(),
        number.map(|(run, _)| *run.as_bytes()),
        number.map(|(_, n)| int(n)),
        payload,
        life.as_bytes(),
        int(at)
    ])?;
    Ok(())
}

/// One row; `None` once everybody has it.
pub(crate) fn get(db: &Connection, chat: ChatId, id: MessageId) -> Sql<Option<SentRow>> {
    db.prepare_cached(&format!("SELECT {COLUMNS} FROM sent WHERE chat = ?1 AND id = ?2"))?
        .query_row(params![chat.as_bytes(), id.as_bytes()], read)
        .optional()
}

/// Rows for the relay after a position, in order: those which the own cursor has yet to pass.
pub(crate) fn open_after(db: &Connection, chat: ChatId, position: i64, limit: usize) -> Sql<Vec<SentRow>> {
    db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM sent WHERE chat = ?1 AND position > ?2 AND state IN ('waiting', 'accepted')
         ORDER BY position LIMIT ?3"
    ))?
    .query_map(params![chat.as_bytes(), position, int(limit as u64)], read)?
    .collect()
}

/// Rows for a link after a position, in order: those of these runs, whatever the relay has.
pub(crate) fn numbered_after(db: &Connection, chat: ChatId, position: i64, limit: usize) -> Sql<Vec<SentRow>> {
    db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM sent WHERE chat = ?1 AND position > ?2 AND run IS NOT NULL AND state <> 'failed'
         ORDER BY position LIMIT ?3"
    ))?
    .query_map(params![chat.as_bytes(), position, int(limit as u64)], read)?
    .collect()
}

/// Open chats: rows after a position which did not fail, in order, whether the relay has them or not.
pub(crate) fn later(db: &Connection, chat: ChatId, position: i64) -> Sql<Vec<SentRow>> {
    db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM sent WHERE chat = ?1 AND position > ?2 AND run IS NULL AND state <> 'failed'
         ORDER BY position"
    ))?
    .query_map(params![chat.as_bytes(), position], read)?
    .collect()
}

/// The oldest waiting row's position, where a refused relay begins again.
pub(crate) fn first_open(db: &Connection, chat: ChatId) -> Sql<Option<i64>> {
    db.prepare_cached("SELECT min(position) FROM sent WHERE chat = ?1 AND state IN ('waiting', 'accepted')")?
        .query_row([chat.as_bytes()], |row| row.get(0))
}

/// Chats which have rows for the relay.
pub(crate) fn chats_with_open(db: &Connection) -> Sql<Vec<ChatId>> {
    db.prepare_cached("SELECT DISTINCT chat FROM sent WHERE state IN ('waiting', 'accepted')")?
        .query_map([], |row| id(row, 0))?
        .collect()
}

/// From now on the row cannot be cancelled: it is about to be handed to a route. `false` if it was before.
pub(crate) fn hand(db: &Connection, position: i64) -> Sql<bool> {
    let rows =
        db.prepare_cached("UPDATE sent SET handed = 1 WHERE position = ?1 AND handed = 0")?.execute([position])?;
    Ok(rows > 0)
}

/// The relay has the row; `false` if that was known.
pub(crate) fn accept(db: &Connection, chat: ChatId, id: MessageId) -> Sql<bool> {
    let rows = db
        .prepare_cached(
            "UPDATE sent SET state = 'accepted' WHERE chat = ?1 AND id = ?2 AND state IN ('waiting', 'failed')",
        )?
        .execute(params![chat.as_bytes(), id.as_bytes()])?;
    Ok(rows > 0)
}

/// The own cursor has passed the row's entry; `false` if that was known.
pub(crate) fn end(db: &Connection, chat: ChatId, id: MessageId) -> Sql<bool> {
    let rows = db
        .prepare_cached("UPDATE sent SET state = 'ended' WHERE chat = ?1 AND id = ?2 AND state <> 'ended'")?
        .execute(params![chat.as_bytes(), id.as_bytes()])?;
    Ok(rows > 0)
}

/// Open chats: as [`end`], with the relay's own time of the entry, by which the bytes are kept.
pub(crate) fn end_at(db: &Connection, chat: ChatId, id: MessageId, at: u64) -> Sql<()> {
    db.prepare_cached("UPDATE sent SET state = 'ended', at = ?3 WHERE chat = ?1 AND id = ?2")?.execute(params![
        chat.as_bytes(),
        id.as_bytes(),
        int(at)
    ])?;
    Ok(())
}

/// The row will not go out by itself, unless the own cursor has passed its entry; `false` if it has.
pub(crate) fn fail(db: &Connection, chat: ChatId, id: MessageId, reason: &str) -> Sql<bool> {
    if state(db, chat, id)?.is_none_or(|(state, _)| state == "ended") {
        return Ok(false);
    }
    give_up(db, chat, id, reason)
}

/// The row will not go out by itself, wherever it has been. The bytes stay. `false` if there is none.
pub(crate) fn give_up(db: &Connection, chat: ChatId, id: MessageId, reason: &str) -> Sql<bool> {
    let rows = db
        .prepare_cached("UPDATE sent SET state = 'failed', reason = ?3 WHERE chat = ?1 AND id = ?2")?
        .execute(params![chat.as_bytes(), id.as_bytes(), reason])?;
    Ok(rows > 0)
}

/// What failed for this reason waits again: it was wrong.
pub(crate) fn unfail(db: &Connection, chat: ChatId, reason: &str) -> Sql<()> {
    db.execute(
        "UPDATE sent SET state = 'waiting', reason = '' WHERE chat = ?1 AND state = 'failed' AND reason = ?2",
        params![chat.as_bytes(), reason],
    )?;
    Ok(())
}

/// Everything of a chat that has yet to be taken fails; gives what did.
pub(crate) fn fail_all(db: &Connection, chat: ChatId, reason: &str) -> Sql<Vec<MessageId>> {
    db.prepare_cached(
        "UPDATE sent SET state = 'failed', reason = ?2 WHERE chat = ?1 AND state = 'waiting' RETURNING id",
    )?
    .query_map(params![chat.as_bytes(), reason], |row| id(row, 0))?
    .collect()
}

/// A failed row waits again, with the same bytes; `false` if it had not failed.
pub(crate) fn retry(db: &Connection, chat: ChatId, id: MessageId) -> Sql<bool> {
    let rows = db.execute(
        "UPDATE sent SET state = 'waiting', reason = '' WHERE chat = ?1 AND id = ?2 AND state = 'failed'",
        params![chat.as_bytes(), id.as_bytes()],
    )?;
    Ok(rows > 0)
}

/// Everything that is still kept waits again: a restored relay, or a receiver, may lack it.
pub(crate) fn reopen(db: &Connection, chat: ChatId) -> Sql<()> {
    db.execute(
        "UPDATE sent SET state = 'waiting' WHERE chat = ?1 AND state IN ('accepted', 'ended')",
        [chat.as_bytes()],
    )?;
    Ok(())
}

/// One number waits again, if its bytes are still kept.
pub(crate) fn reopen_number(db: &Connection, chat: ChatId, run: RunId, n: u64) -> Sql<bool> {
    let rows = db
        .prepare_cached(
            "UPDATE sent SET state = 'waiting', reason = '' WHERE chat = ?1 AND run = ?2 AND n = ?3
             AND (state = 'ended' OR (state = 'failed' AND reason = ?4))",
        )?
        .execute(params![chat.as_bytes(), run.as_bytes(), int(n), EXPIRED])?;
    Ok(rows > 0)
}

/// Takes a row that was never handed to any route; `None` if it was, or isn't there.
pub(crate) fn cancel(db: &Connection, chat: ChatId, id: MessageId) -> Sql<Option<SentRow>> {
    db.prepare_cached(&format!("SELECT {COLUMNS} FROM sent WHERE chat = ?1 AND id = ?2 AND handed = 0"))?
        .query_row(params![chat.as_bytes(), id.as_bytes()], read)
        .optional()
}

/// Numbered rows that were never handed to any route, oldest first.
pub(crate) fn unhanded(db: &Connection, chat: ChatId) -> Sql<Vec<SentRow>> {
    db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM sent WHERE chat = ?1 AND state = 'waiting' AND handed = 0 AND run IS NOT NULL ORDER BY position"
    ))?
    .query_map([chat.as_bytes()], read)?
    .collect()
}

/// Numbers of an own run from this one on were never used; a run of which none was is gone.
pub(crate) fn cut_run(db: &Connection, chat: ChatId, run: RunId, from: u64) -> Sql<()> {
    if from <= 1 {
        db.execute("DELETE FROM runs WHERE chat = ?1 AND run = ?2", params![chat.as_bytes(), run.as_bytes()])?;
        return Ok(());
    }
    db.execute(
        "UPDATE runs SET last_n = min(last_n, ?3) WHERE chat = ?1 AND run = ?2",
        params![chat.as_bytes(), run.as_bytes(), int(from - 1)],
    )?;
    Ok(())
}

/// Puts a row that was never handed to any route under another number, with the bytes that say so.
pub(crate) fn renumber(db: &Connection, position: i64, (run, n): (RunId, u64), payload: &str) -> Sql<()> {
    db.execute(
        "UPDATE sent SET run = ?2, n = ?3, payload = ?4 WHERE position = ?1 AND handed = 0",
        params![position, run.as_bytes(), int(n), payload],
    )?;
    Ok(())
}

/// Puts other bytes under a row that was never handed to any route.
pub(crate) fn replace_payload(db: &Connection, position: i64, payload: &str) -> Sql<()> {
    db.execute(
        "UPDATE sent SET payload = ?2, state = 'waiting' WHERE position = ?1 AND handed = 0",
        params![position, payload],
    )?;
    Ok(())
}

/// Removes a row that nobody needs.
pub(crate) fn remove(db: &Connection, chat: ChatId, id: MessageId) -> Sql<()> {
    db.execute("DELETE FROM sent WHERE chat = ?1 AND id = ?2", params![chat.as_bytes(), id.as_bytes()])?;
    Ok(())
}

/// Removes the rows of a run up to a number, but for some; gives each with whether it waited until now.
pub(crate) fn remove_upto(
    db: &Connection,
    chat: ChatId,
    run: RunId,
    upto: u64,
    but: &BTreeSet<u64>,
) -> Sql<Vec<(MessageId, bool)>> {
    db.prepare_cached(
        "DELETE FROM sent WHERE chat = ?1 AND run = ?2 AND n <= ?3 AND n NOT IN (SELECT value FROM json_each(?4))
         RETURNING id, state IN ('waiting', 'failed')",
    )?
    .query_map(params![chat.as_bytes(), run.as_bytes(), int(upto), super::to_json(but)], |row| {
        Ok((id(row, 0)?, row.get(1)?))
    })?
    .collect()
}

/// How the relay's half of a message stands: (state, reason), or `None` once everybody has it.
pub(crate) fn state(db: &Connection, chat: ChatId, id: MessageId) -> Sql<Option<(String, String)>> {
    db.prepare_cached("SELECT state, reason FROM sent WHERE chat = ?1 AND id = ?2")?
        .query_row(params![chat.as_bytes(), id.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()
}

/// Whether a message was never handed to any route, or failed.
pub(crate) fn is_pending(db: &Connection, chat: ChatId, id: MessageId) -> Sql<bool> {
    const PENDING: &str = "SELECT 1 FROM sent
        WHERE chat = ?1 AND id = ?2 AND (state = 'failed' OR (state = 'waiting' AND handed = 0))";
    db.prepare_cached(PENDING)?.exists(params![chat.as_bytes(), id.as_bytes()])
}

/// The bytes of a failed row.
pub(crate) fn failed(db: &Connection, chat: ChatId, id: MessageId) -> Sql<Option<String>> {
    db.prepare_cached("SELECT payload FROM sent WHERE chat = ?1 AND id = ?2 AND state = 'failed'")?
        .query_row(params![chat.as_bytes(), id.as_bytes()], |row| row.get(0))
        .optional()
}

/// A row about which a profile that becomes another device has to decide.
pub(crate) struct Unfinished {
    pub(crate) chat: ChatId,
    pub(crate) id: MessageId,
    pub(crate) payload: String,
    pub(crate) life: LifeId,
    /// The relay took it.
    pub(crate) at_relay: bool,
    /// It was handed to a route.
    pub(crate) handed: bool,
    pub(crate) sealed: bool,
}

/// Every row that has not failed.
pub(crate) fn unfinished(db: &Connection) -> Sql<Vec<Unfinished>> {
    db.prepare_cached(
        "SELECT chat, id, payload, life, state <> 'waiting', handed, run IS NOT NULL FROM sent
         WHERE state <> 'failed' ORDER BY position",
    )?
    .query_map([], |row| {
        Ok(Unfinished {
            chat: id(row, 0)?,
            id: id(row, 1)?,
            payload: row.get(2)?,
            life: id(row, 3)?,
            at_relay: row.get(4)?,
            handed: row.get(5)?,
            sealed: row.get(6)?,
        })
    })?
    .collect()
}

/// Bytes of open chats are kept for two weeks after the relay took them, in case it is restored from a backup.
const KEPT_MILLIS: u64 = 14 * 24 * 3_600_000;

/// Forgets the bytes of open chats which the relay took long ago. What counts is the relay's time of the newest that it took:
/// by this machine's clock, one that jumps ahead would throw away what a restored relay may lack.
pub(crate) fn purge_open(db: &Connection) -> Sql<()> {
    db.execute(
        "DELETE FROM sent WHERE run IS NULL AND state = 'ended'
         AND at < (SELECT max(at) FROM sent WHERE run IS NULL AND state = 'ended') - ?1",
        [int(KEPT_MILLIS)],
    )?;
    Ok(())
}
