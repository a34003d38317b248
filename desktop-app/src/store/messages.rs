//! Lines of a conversation as they are written: messages, edits, reactions, unread marks.

use parley_protocol::marks::OpenMark;
use parley_protocol::{AccountId, ChatId, Clock, DeviceId, MessageId, MessageKey, RunId};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::{Sql, id, int, to_json};
use crate::views::Route;

/// A line to write.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) chat: ChatId,
    pub(crate) key: MessageKey,
    pub(crate) account: AccountId,
    /// `text`, `hidden`, `change` or `gap`.
    pub(crate) kind: &'static str,
    pub(crate) sort: (i64, i64),
    pub(crate) number: Option<(RunId, u64)>,
    pub(crate) seq: Option<u64>,
    pub(crate) sent_at: u64,
    pub(crate) received_at: u64,
    pub(crate) text: String,
    pub(crate) reply_to: Option<MessageKey>,
    pub(crate) mentions: Vec<AccountId>,
    pub(crate) mentions_me: bool,
    pub(crate) unread: bool,
    pub(crate) route: Route,
}

/// Where a line of a sealed chat stands.
pub(crate) fn sort_of(clock: Clock) -> (i64, i64) {
    (int(clock.millis), i64::from(clock.counter))
}

/// The word for a route.
pub(crate) const fn route_word(route: Route) -> &'static str {
    match route {
        Route::Lan => "lan",
        Route::Direct => "direct",
        Route::Turn => "turn",
        Route::Relay => "relay",
        Route::Wait => "wait",
    }
}

/// The inverse of [`route_word`].
pub(crate) fn route_from(word: &str) -> Route {
    [Route::Lan, Route::Direct, Route::Turn, Route::Relay]
        .into_iter()
        .find(|route| route_word(*route) == word)
        .unwrap_or(Route::Wait)
}

/// Writes a line; `false` if its key is there already.
pub(crate) fn insert(db: &Connection, line: &Line) -> Sql<bool> {
    let rows = db
        .prepare_cached(
            "INSERT INTO messages (chat, device, id, account, kind, sort_a, sort_b, run, n, seq, sent_at, received_at,
                 text, reply_device, reply_id, mentions, mentions_me, unread, route)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)
             ON CONFLICT (chat, device, id) DO NOTHING",
        )?
        .execute(params![
            line.chat.as_bytes(),
            line.key.device.as_bytes(),
            line.key.id.as_bytes(),
            line.account.as_bytes(),
            line.kind,
            line.sort.0,
            line.sort.1,
            line.number.map(|(run, _)| *run.as_bytes()),
            line.number.map(|(_, n)| int(n)),
            line.seq.map(int),
            int(line.sent_at),
            int(line.received_at),
            line.text,
            line.reply_to.map(|key| *key.device.as_bytes()),
            line.reply_to.map(|key| *key.id.as_bytes()),
            to_json(&line.mentions),
            line.mentions_me,
            line.unread,
            route_word(line.route),
        ])?;
    if rows > 0 {
        reapply_edit(db, line.chat, line.key, line.account)?;
    }
    Ok(rows > 0)
}

/// The few unread ones are looked up, whatever SQLite takes for the better way: the others may be a hundred thousand.
pub(super) const READ_RUN: &str = "UPDATE messages INDEXED BY messages_unread SET unread = 0
    WHERE unread = 1 AND chat = ?1 AND device = ?2 AND run = ?3 AND n <= ?4";
/// See [`READ_RUN`].
pub(super) const NUMBERS_AT: &str = "SELECT device, run, max(n) FROM messages INDEXED BY messages_unread
    WHERE chat = ?1 AND run IS NOT NULL AND unread = 1 AND (sort_a, sort_b, rowid) <= (?2, ?3, ?4)
    GROUP BY device, run";
/// See [`READ_RUN`].
pub(super) const READ_SEQ: &str =
    "UPDATE messages INDEXED BY messages_unread SET unread = 0 WHERE unread = 1 AND chat = ?1 AND seq <= ?2";
/// See [`READ_RUN`].
pub(super) const FIRST_UNREAD: &str =
    "SELECT min(seq) FROM messages INDEXED BY messages_unread WHERE chat = ?1 AND unread = 1";
/// See [`READ_RUN`].
pub(super) const FIRST_UNREAD_LOST: &str =
    "SELECT min(lost_seq) FROM messages INDEXED BY messages_unread WHERE chat = ?1 AND unread = 1";
/// See [`READ_RUN`].
pub(super) const READ_LOST: &str = "UPDATE messages INDEXED BY messages_unread SET unread = 0
    WHERE chat = ?1 AND unread = 1 AND lost_seq <= ?2";
/// See [`READ_RUN`].
pub(super) const READ_UNPLACED: &str = "UPDATE messages INDEXED BY messages_unread SET unread = 0
    WHERE chat = ?1 AND unread = 1 AND seq IS NULL AND (sort_a, sort_b) <= (?2, ?3) RETURNING lost_seq";

/// Open chats: where the log has the first message which is unread.
pub(crate) fn first_unread(db: &Connection, chat: ChatId) -> Sql<Option<u64>> {
    let first: Option<i64> = db.prepare_cached(FIRST_UNREAD)?.query_row([chat.as_bytes()], |row| row.get(0))?;
    Ok(first.map(i64::cast_unsigned))
}

/// Open chats: where the log that a restored relay lost had the first message which is unread.
pub(crate) fn first_unread_lost(db: &Connection, chat: ChatId) -> Sql<Option<u64>> {
    let first: Option<i64> = db.prepare_cached(FIRST_UNREAD_LOST)?.query_row([chat.as_bytes()], |row| row.get(0))?;
    Ok(first.map(i64::cast_unsigned))
}

/// Open chats: everything that the log which a restored relay lost had up to a `seq` was shown, wherever it stands now.
pub(crate) fn read_lost(db: &Connection, chat: ChatId, upto: u64) -> Sql<usize> {
    db.prepare_cached(READ_LOST)?.execute(params![chat.as_bytes(), int(upto)])
}

/// Open chats: entries of others beyond a `seq` which were shown all the same; the first of them.
pub(crate) fn read_beyond(db: &Connection, chat: ChatId, me: AccountId, seq: u64) -> Sql<Vec<u64>> {
    db.prepare_cached(
        "SELECT seq FROM messages WHERE chat = ?1 AND sort_a > ?2 AND seq IS NOT NULL AND unread = 0 AND kind = 'text'
             AND deleted = 0 AND account <> ?3 ORDER BY sort_a LIMIT ?4",
    )?
    .query_map(params![chat.as_bytes(), int(seq), me.as_bytes(), int(OpenMark::MOST_ALSO as u64)], |row| {
        super::count(row, 0)
    })?
    .collect()
}

/// Open chats: each of these entries was shown.
pub(crate) fn read_each(db: &Connection, chat: ChatId, seqs: &[u64]) -> Sql<usize> {
    let mut read = db.prepare_cached(
        "UPDATE messages INDEXED BY messages_unread SET unread = 0 WHERE unread = 1 AND chat = ?1 AND seq = ?2",
    )?;
    seqs.iter().map(|seq| read.execute(params![chat.as_bytes(), int(*seq)])).sum()
}

/// Open chats: what the log lacks was shown up to a place of the conversation (as [`place`] gives it), or all of it. Gives the
/// last `seq` that this had in the lost log.
pub(crate) fn read_unplaced(db: &Connection, chat: ChatId, upto: Option<(i64, i64, i64)>) -> Sql<Option<u64>> {
    let (sort_a, sort_b, _) = upto.unwrap_or((i64::MAX, i64::MAX, i64::MAX));
    let read: Vec<Option<i64>> = db
        .prepare_cached(READ_UNPLACED)?
        .query_map(params![chat.as_bytes(), sort_a, sort_b], |row| row.get(0))?
        .collect::<Sql<_>>()?;
    Ok(read.into_iter().max().map(|last| last.unwrap_or_default().cast_unsigned()))
}

/// Says by which route an own message went first.
pub(crate) fn set_route(db: &Connection, chat: ChatId, key: MessageKey, route: Route) -> Sql<()> {
    db.prepare_cached("UPDATE messages SET route = ?4 WHERE chat = ?1 AND device = ?2 AND id = ?3")?
        .execute(params![chat.as_bytes(), key.device.as_bytes(), key.id.as_bytes(), route_word(route)])?;
    Ok(())
}

/// Where a message stands: its `sort` columns and rowid.
pub(crate) fn place(db: &Connection, chat: ChatId, key: MessageKey) -> Sql<Option<(i64, i64, i64)>> {
    db.prepare_cached("SELECT sort_a, sort_b, rowid FROM messages WHERE chat = ?1 AND device = ?2 AND id = ?3")?
        .query_row(params![chat.as_bytes(), key.device.as_bytes(), key.id.as_bytes()], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .optional()
}

/// Who sent a message that is shown; `None` if this device does not have it.
pub(crate) fn author(db: &Connection, chat: ChatId, key: MessageKey) -> Sql<Option<AccountId>> {
    db.prepare_cached("SELECT account FROM messages WHERE chat = ?1 AND device = ?2 AND id = ?3 AND kind = 'text'")?
        .query_row(params![chat.as_bytes(), key.device.as_bytes(), key.id.as_bytes()], |row| id(row, 0))
        .optional()
}

/// Who sent a message, be it hidden; `None` if this device does not have it.
pub(crate) fn sender(db: &Connection, chat: ChatId, key: MessageKey) -> Sql<Option<AccountId>> {
    const SENDER: &str =
        "SELECT account FROM messages WHERE chat = ?1 AND device = ?2 AND id = ?3 AND kind IN ('text', 'hidden')";
    db.prepare_cached(SENDER)?
        .query_row(params![chat.as_bytes(), key.device.as_bytes(), key.id.as_bytes()], |row| id(row, 0))
        .optional()
}

/// Takes an own line away again, whose message was never handed to any route.
pub(crate) fn withdraw(db: &Connection, chat: ChatId, key: MessageKey) -> Sql<()> {
    db.execute(
        "DELETE FROM messages WHERE chat = ?1 AND device = ?2 AND id = ?3",
        params![chat.as_bytes(), key.device.as_bytes(), key.id.as_bytes()],
    )?;
    Ok(())
}

/// An own line has another number from now on; with none, marks say nothing of it any more.
pub(crate) fn set_number(db: &Connection, chat: ChatId, key: MessageKey, number: Option<(RunId, u64)>) -> Sql<()> {
    db.execute(
        "UPDATE messages SET run = ?4, n = ?5 WHERE chat = ?1 AND device = ?2 AND id = ?3",
        params![
            chat.as_bytes(),
            key.device.as_bytes(),
            key.id.as_bytes(),
            number.map(|(run, _)| *run.as_bytes()),
            number.map(|(_, n)| int(n))
        ],
    )?;
    Ok(())
}

/// A number that had been given up came after all: the line of its gap says one less, and goes with the last one.
pub(crate) fn fill_gap(db: &Connection, chat: ChatId, run: RunId, n: u64) -> Sql<()> {
    let mut gaps = db.prepare_cached(
        "SELECT rowid, n, text FROM messages WHERE chat = ?1 AND run = ?2 AND n >= ?3 AND kind = 'gap'",
    )?;
    let mut rows = gaps.query(params![chat.as_bytes(), run.as_bytes(), int(n)])?;
    while let Some(row) = rows.next()? {
        let (rowid, upto, text): (i64, u64, String) = (row.get(0)?, super::count(row, 1)?, row.get(2)?);
        let (count, why): (u64, String) = serde_json::from_str(&text).unwrap_or_default();
        if count <= 1 {
            db.execute("DELETE FROM messages WHERE rowid = ?1", [rowid])?;
        } else if upto.saturating_sub(count) < n {
            db.execute("UPDATE messages SET text = ?2 WHERE rowid = ?1", params![rowid, to_json(&(count - 1, why))])?;
        }
    }
    Ok(())
}

/// Why a gap is there: the relay kept what is missing for as long as it keeps messages.
pub(crate) const RETENTION: &str = "retention";

/// Whether a stretch of the chat's log was gone when this device came for it.
pub(crate) fn has_lost_a_stretch(db: &Connection, chat: ChatId) -> Sql<bool> {
    db.prepare_cached("SELECT 1 FROM messages WHERE chat = ?1 AND kind = 'gap' AND instr(text, ?2) > 0")?
        .exists(params![chat.as_bytes(), RETENTION])
}

/// Forgets what was kept of an open chat's log, so that it is fetched again as it is paged through; what waits stays.
pub(crate) fn forget_history(db: &Connection, chat: ChatId) -> Sql<()> {
    db.execute("DELETE FROM messages WHERE chat = ?1 AND seq IS NOT NULL", [chat.as_bytes()])?;
    db.execute("DELETE FROM edits WHERE chat = ?1", [chat.as_bytes()])?;
    db.execute("DELETE FROM reactions WHERE chat = ?1", [chat.as_bytes()])?;
    Ok(())
}

/// Forgets what was done to a message.
pub(crate) fn forget_changes(db: &Connection, chat: ChatId, key: MessageKey) -> Sql<()> {
    for sql in [
        "DELETE FROM edits WHERE chat = ?1 AND target_device = ?2 AND target_id = ?3",
        "DELETE FROM reactions WHERE chat = ?1 AND target_device = ?2 AND target_id = ?3",
    ] {
        db.prepare_cached(sql)?.execute(params![chat.as_bytes(), key.device.as_bytes(), key.id.as_bytes()])?;
    }
    Ok(())
}

/// An edit or a delete.
#[derive(Clone, Debug)]
pub(crate) struct Edit {
    pub(crate) target: MessageKey,
    pub(crate) account: AccountId,
    pub(crate) device: DeviceId,
    /// Orders edits: the hybrid clock, or in open chats the `seq`.
    pub(crate) clock: Clock,
    pub(crate) at: u64,
    /// `None` deletes.
    pub(crate) text: Option<String>,
    pub(crate) mentions: Vec<AccountId>,
}

/// Takes an edit or a delete, whether its message is here yet or not. A delete beats every edit; else the newest
/// (clock, device) wins.
pub(crate) fn edit(db: &Connection, chat: ChatId, edit: &Edit) -> Sql<()> {
    db.prepare_cached(
        "INSERT INTO edits (chat, target_device, target_id, account, clock_ms, clock_counter, device, at, deleted, text,
             mentions)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
         ON CONFLICT (chat, target_device, target_id, account) DO UPDATE SET
             clock_ms = ?5, clock_counter = ?6, device = ?7, at = ?8, deleted = ?9, text = ?10, mentions = ?11
         WHERE excluded.deleted > deleted OR (excluded.deleted = deleted AND
             (excluded.clock_ms, excluded.clock_counter, excluded.device) > (clock_ms, clock_counter, device))",
    )?
    .execute(params![
        chat.as_bytes(),
        edit.target.device.as_bytes(),
        edit.target.id.as_bytes(),
        edit.account.as_bytes(),
        int(edit.clock.millis),
        edit.clock.counter,
        edit.device.as_bytes(),
        int(edit.at),
        edit.text.is_none(),
        edit.text.as_deref().unwrap_or_default(),
        to_json(&edit.mentions),
    ])?;
    if author(db, chat, edit.target)? == Some(edit.account) {
        reapply_edit(db, chat, edit.target, edit.account)?;
    }
    Ok(())
}

/// Brings a message up to its author's newest edit, if there is one. Who may edit is decided by the account.
fn reapply_edit(db: &Connection, chat: ChatId, key: MessageKey, author: AccountId) -> Sql<()> {
    let newest: Option<(bool, i64, String, String)> = db
        .prepare_cached(
            "SELECT deleted, at, text, mentions FROM edits
             WHERE chat = ?1 AND target_device = ?2 AND target_id = ?3 AND account = ?4",
        )?
        .query_row(params![chat.as_bytes(), key.device.as_bytes(), key.id.as_bytes(), author.as_bytes()], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })
        .optional()?;
    if let Some((deleted, at, text, mentions)) = newest {
        db.prepare_cached(
            "UPDATE messages SET deleted = ?4, edited_at = ?5, text = ?6, mentions = ?7, unread = unread AND NOT ?4
             WHERE chat = ?1 AND device = ?2 AND id = ?3 AND kind = 'text'",
        )?
        .execute(params![
            chat.as_bytes(),
            key.device.as_bytes(),
            key.id.as_bytes(),
            deleted,
            if deleted { None } else { Some(at) },
            text,
            mentions
        ])?;
    }
    Ok(())
}

/// A reaction, or its taking back.
#[derive(Clone, Debug)]
pub(crate) struct Reaction {
    pub(crate) target: MessageKey,
    pub(crate) account: AccountId,
    pub(crate) device: DeviceId,
    pub(crate) emoji: String,
    pub(crate) on: bool,
    pub(crate) clock: Clock,
}

/// Takes a reaction, whether its message is here yet or not; the newest (clock, device) wins.
pub(crate) fn react(db: &Connection, chat: ChatId, reaction: &Reaction) -> Sql<()> {
    db.prepare_cached(
        "INSERT INTO reactions (chat, target_device, target_id, account, emoji, clock_ms, clock_counter, device, added)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
         ON CONFLICT (chat, target_device, target_id, account, emoji) DO UPDATE SET
             clock_ms = ?6, clock_counter = ?7, device = ?8, added = ?9
         WHERE (excluded.clock_ms, excluded.clock_counter, excluded.device) > (clock_ms, clock_counter, device)",
    )?
    .execute(params![
        chat.as_bytes(),
        reaction.target.device.as_bytes(),
        reaction.target.id.as_bytes(),
        reaction.account.as_bytes(),
        reaction.emoji,
        int(reaction.clock.millis),
        reaction.clock.counter,
        reaction.device.as_bytes(),
        reaction.on,
    ])?;
    Ok(())
}

/// Sealed chats: what a device sent in a run up to a number was shown.
pub(crate) fn read_run(db: &Connection, chat: ChatId, device: DeviceId, run: RunId, upto: u64) -> Sql<usize> {
    db.prepare_cached(READ_RUN)?.execute(params![chat.as_bytes(), device.as_bytes(), run.as_bytes(), int(upto)])
}

/// Open chats: everything up to a `seq` was shown.
pub(crate) fn read_seq(db: &Connection, chat: ChatId, seq: u64) -> Sql<usize> {
    db.prepare_cached("UPDATE chats SET read_seq = max(read_seq, ?2) WHERE id = ?1")?
        .execute(params![chat.as_bytes(), int(seq)])?;
    db.prepare_cached(READ_SEQ)?.execute(params![chat.as_bytes(), int(seq)])
}

/// The highest `seq` at or before a place; what a read mark in an open chat names.
pub(crate) fn seq_at(db: &Connection, chat: ChatId, sort_a: i64) -> Sql<u64> {
    let last = db
        .prepare_cached(
            "SELECT seq FROM messages WHERE chat = ?1 AND sort_a <= ?2 AND seq IS NOT NULL ORDER BY sort_a DESC LIMIT 1",
        )?
        .query_row(params![chat.as_bytes(), sort_a], |row| super::count(row, 0))
        .optional()?;
    Ok(last.unwrap_or(0))
}

/// Sealed chats: for each run of others, the highest number shown at or before a place.
pub(crate) fn numbers_at(db: &Connection, chat: ChatId, place: (i64, i64, i64)) -> Sql<Vec<(DeviceId, RunId, u64)>> {
    db.prepare_cached(NUMBERS_AT)?
        .query_map(params![chat.as_bytes(), place.0, place.1, place.2], |row| {
            Ok((id(row, 0)?, id(row, 1)?, super::count(row, 2)?))
        })?
        .collect()
}

/// Whether a key was taken before: `None` if not, else whether its bytes were the same.
pub(crate) fn taken(db: &Connection, chat: ChatId, key: MessageKey, digest: i64) -> Sql<Option<bool>> {
    db.prepare_cached("SELECT digest = ?4 FROM taken WHERE chat = ?1 AND device = ?2 AND id = ?3")?
        .query_row(params![chat.as_bytes(), key.device.as_bytes(), key.id.as_bytes(), digest], |row| row.get(0))
        .optional()
}

/// Open chats: the lowest `seq` of what this device was given as an entry of the log; `None` if nothing was.
pub(crate) fn first_given(db: &Connection, chat: ChatId) -> Sql<Option<u64>> {
    db.prepare_cached(
        "SELECT seq FROM messages m WHERE chat = ?1 AND seq IS NOT NULL
             AND EXISTS (SELECT 1 FROM taken t WHERE t.chat = m.chat AND t.device = m.device AND t.id = m.id)
         ORDER BY sort_a LIMIT 1",
    )?
    .query_row([chat.as_bytes()], |row| super::count(row, 0))
    .optional()
}

/// Remembers that a key was taken, and a digest of its bytes.
pub(crate) fn take(db: &Connection, chat: ChatId, key: MessageKey, digest: i64) -> Sql<()> {
    db.prepare_cached("INSERT OR IGNORE INTO taken (chat, device, id, digest) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![chat.as_bytes(), key.device.as_bytes(), key.id.as_bytes(), digest])?;
    Ok(())
}

/// The id of an account's newest own message that can be edited.
pub(crate) fn last_own(db: &Connection, chat: ChatId, account: AccountId) -> Sql<Option<MessageKey>> {
    db.prepare_cached(
        "SELECT device, id FROM messages WHERE chat = ?1 AND account = ?2 AND kind = 'text' AND deleted = 0
         ORDER BY sort_a DESC, sort_b DESC, rowid DESC LIMIT 1",
    )?
    .query_row(params![chat.as_bytes(), account.as_bytes()], |row| {
        Ok(MessageKey { device: id(row, 0)?, id: id::<MessageId>(row, 1)? })
    })
    .optional()
}
