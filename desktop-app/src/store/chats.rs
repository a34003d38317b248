//! Chats, their members and devices, and the changes that made them so.

use std::collections::{BTreeMap, BTreeSet};

use parley_protocol::frames::Cursor;
use parley_protocol::{
    AccountId, ChatChange, ChatId, ChatKind, ChatState, Clock, DeviceId, EventId, Member, Millis, Role,
};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::{Sql, count, id, int, to_json};
use crate::views::ChatStatus;

/// A chat as this device holds it.
#[derive(Clone, Debug)]
pub(crate) struct ChatRow {
    pub(crate) state: ChatState,
    pub(crate) status: ChatStatus,
    pub(crate) cursor: Cursor,
    pub(crate) resetting: bool,
    pub(crate) clock: Clock,
    pub(crate) read_seq: u64,
    /// Open chats whose log was lost by a restored relay: everything up to this `seq` of that log was shown.
    pub(crate) lost_read: u64,
    /// Sealed chats: what was said since then is kept for the chat's retention, by the relay's clock.
    pub(crate) retention_since: Millis,
    pub(crate) muted_until: u64,
    pub(crate) pinned: bool,
    pub(crate) archived: bool,
    pub(crate) draft: String,
    pub(crate) last_at: u64,
}

impl ChatRow {
    /// The other one of a direct chat.
    pub(crate) fn peer(&self, me: AccountId) -> Option<AccountId> {
        let others = || self.state.members.keys().copied().find(|account| *account != me);
        if self.state.kind == ChatKind::Direct { others() } else { None }
    }
}

fn status_word(status: ChatStatus) -> &'static str {
    match status {
        ChatStatus::Active => "active",
        ChatStatus::Left => "left",
        ChatStatus::Deleted => "deleted",
    }
}

const COLUMNS: &str = "id, kind, sealed, title, description, created_at, membership, status, cursor_seq, cursor_entry,
    resetting, clock_ms, clock_counter, read_seq, muted_until, pinned, archived, draft, last_at, lost_read, retention, retention_since";

fn read(row: &Row<'_>) -> Sql<ChatRow> {
    let status: String = row.get(7)?;
    Ok(ChatRow {
        state: ChatState {
            id: id(row, 0)?,
            kind: ChatKind::from_word(&row.get::<_, String>(1)?).unwrap_or(ChatKind::Group),
            sealed: row.get(2)?,
            title: row.get(3)?,
            description: row.get(4)?,
            created_at: count(row, 5)?,
            retention: row.get::<_, Option<i64>>(20)?.map(i64::cast_unsigned),
            membership: id(row, 6)?,
            members: BTreeMap::new(),
        },
        status: match status.as_str() {
            "active" => ChatStatus::Active,
            "left" => ChatStatus::Left,
            _ => ChatStatus::Deleted,
        },
        cursor: Cursor { seq: count(row, 8)?, entry: id(row, 9)? },
        resetting: row.get(10)?,
        clock: Clock { millis: count(row, 11)?, counter: row.get(12)? },
        read_seq: count(row, 13)?,
        muted_until: count(row, 14)?,
        pinned: row.get(15)?,
        archived: row.get(16)?,
        draft: row.get(17)?,
        last_at: count(row, 18)?,
        lost_read: count(row, 19)?,
        retention_since: count(row, 21)?,
    })
}

fn with_members(db: &Connection, mut chat: ChatRow) -> Sql<ChatRow> {
    let key = *chat.state.id.as_bytes();
    let mut members = db.prepare_cached("SELECT account, username, role FROM members WHERE chat = ?1")?;
    let mut rows = members.query([key])?;
    while let Some(row) = rows.next()? {
        let account: AccountId = id(row, 0)?;
        let role = Role::from_word(&row.get::<_, String>(2)?).unwrap_or(Role::Member);
        let member = Member { account, username: row.get(1)?, role, devices: BTreeSet::new() };
        chat.state.members.insert(account, member);
    }
    let mut devices = db.prepare_cached("SELECT device, account FROM member_devices WHERE chat = ?1")?;
    let mut rows = devices.query([key])?;
    while let Some(row) = rows.next()? {
        let (device, account): (DeviceId, AccountId) = (id(row, 0)?, id(row, 1)?);
        if let Some(member) = chat.state.members.get_mut(&account) {
            member.devices.insert(device);
        }
    }
    Ok(chat)
}

/// One chat with its members.
pub(crate) fn get(db: &Connection, chat: ChatId) -> Sql<Option<ChatRow>> {
    let row = db
        .prepare_cached(&format!("SELECT {COLUMNS} FROM chats WHERE id = ?1"))?
        .query_row([chat.as_bytes()], read)
        .optional()?;
    row.map(|row| with_members(db, row)).transpose()
}

/// Every chat with its members, newest first.
pub(crate) fn all(db: &Connection) -> Sql<Vec<ChatRow>> {
    let rows: Vec<ChatRow> = db
        .prepare_cached(&format!("SELECT {COLUMNS} FROM chats ORDER BY pinned DESC, last_at DESC, id"))?
        .query_map([], read)?
        .collect::<Sql<_>>()?;
    rows.into_iter().map(|row| with_members(db, row)).collect()
}

/// Chats which have a retention of their own, without their members.
pub(crate) fn kept_for_a_while(db: &Connection) -> Sql<Vec<ChatRow>> {
    db.prepare_cached(&format!("SELECT {COLUMNS} FROM chats WHERE retention IS NOT NULL"))?
        .query_map([], read)?
        .collect()
}

/// Writes a chat's state (title, retention, members, devices, membership) as it is since a moment by the relay's clock, making the chat
/// if need be. Everything else about it stays.
pub(crate) fn put(db: &Connection, state: &ChatState, at: Millis) -> Sql<()> {
    let key = state.id.as_bytes();
    db.prepare_cached(
        "INSERT INTO chats (id, kind, sealed, title, description, created_at, membership, status, cursor_seq,
             cursor_entry, last_at, retention)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'active', 0, zeroblob(16), ?6, ?8)
         ON CONFLICT (id) DO UPDATE SET title = ?4, description = ?5, membership = ?7, retention = ?8,
             retention_since = CASE WHEN ?8 IS NULL OR NOT sealed THEN 0 WHEN retention IS NULL THEN ?9 ELSE retention_since END",
    )?
    .execute(params![
        key,
        state.kind.as_str(),
        state.sealed,
        state.title,
        state.description,
        int(state.created_at),
        state.membership.as_bytes(),
        state.retention.map(int),
        int(at),
    ])?;
    db.prepare_cached("DELETE FROM members WHERE chat = ?1")?.execute([key])?;
    db.prepare_cached("DELETE FROM member_devices WHERE chat = ?1")?.execute([key])?;
    for member in state.members.values() {
        db.prepare_cached("INSERT INTO members (chat, account, username, role) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![key, member.account.as_bytes(), member.username, member.role.as_str()])?;
        super::settings::name_account(db, member.account, &member.username)?;
        for device in &member.devices {
            db.prepare_cached("INSERT OR REPLACE INTO member_devices (chat, device, account) VALUES (?1, ?2, ?3)")?
                .execute(params![key, device.as_bytes(), member.account.as_bytes()])?;
        }
    }
    put_membership(db, state)
}

/// Remembers the devices of the chat's membership as it is now.
fn put_membership(db: &Connection, state: &ChatState) -> Sql<()> {
    let devices: Vec<u8> = state.devices().flat_map(|(device, _)| *device.as_bytes()).collect();
    db.prepare_cached("INSERT OR REPLACE INTO memberships (chat, id, devices) VALUES (?1, ?2, ?3)")?
        .execute(params![state.id.as_bytes(), state.membership.as_bytes(), devices])?;
    Ok(())
}

/// The devices under a membership; `None` if this device has never heard of it.
pub(crate) fn audience(db: &Connection, chat: ChatId, membership: EventId) -> Sql<Option<Vec<DeviceId>>> {
    let bytes: Option<Vec<u8>> = db
        .prepare_cached("SELECT devices FROM memberships WHERE chat = ?1 AND id = ?2")?
        .query_row(params![chat.as_bytes(), membership.as_bytes()], |row| row.get(0))
        .optional()?;
    Ok(bytes.map(|bytes| bytes.chunks_exact(16).filter_map(DeviceId::from_slice).collect()))
}

/// Records a change of the log; `false` if it was there already.
pub(crate) fn put_change(db: &Connection, chat: ChatId, event: EventId, change: &ChatChange) -> Sql<bool> {
    let new = db
        .prepare_cached("INSERT INTO changes (chat, id, change) VALUES (?1, ?2, ?3) ON CONFLICT (chat, id) DO NOTHING")?
        .execute(params![chat.as_bytes(), event.as_bytes(), to_json(change)])?;
    if new == 0 {
        // Behind all others, as in the log: a restored relay may have been given it back after newer ones.
        db.prepare_cached(
            "UPDATE changes SET in_log = 1, position = (SELECT max(position) + 1 FROM changes) WHERE chat = ?1 AND id = ?2",
        )?
        .execute(params![chat.as_bytes(), event.as_bytes()])?;
    }
    Ok(new > 0)
}

/// Changes which the log lacks since it was reset, in order; at most 1,000.
pub(crate) fn lost_changes(db: &Connection, chat: ChatId) -> Sql<Vec<(EventId, ChatChange)>> {
    let rows: Vec<(EventId, String)> = db
        .prepare_cached("SELECT id, change FROM changes WHERE chat = ?1 AND in_log = 0 ORDER BY position LIMIT 1000")?
        .query_map([chat.as_bytes()], |row| Ok((id(row, 0)?, row.get(1)?)))?
        .collect::<Sql<_>>()?;
    Ok(rows.into_iter().filter_map(|(id, text)| Some((id, serde_json::from_str(&text).ok()?))).collect())
}

/// The chat's state is taken from the log again: what follows there is applied whether it was seen before or not.
pub(crate) fn forget_changes(db: &Connection, chat: ChatId) -> Sql<()> {
    db.execute("DELETE FROM changes WHERE chat = ?1", [chat.as_bytes()])?;
    Ok(())
}

/// The runs which began up to now are no business of this device any more.
pub(crate) fn forget_memberships(db: &Connection, chat: ChatId) -> Sql<()> {
    db.execute("DELETE FROM memberships WHERE chat = ?1", [chat.as_bytes()])?;
    Ok(())
}

/// From now on the log is read anew: no change is known to be in it.
pub(crate) fn begin_reset(db: &Connection, chat: ChatId) -> Sql<()> {
    db.execute("UPDATE changes SET in_log = 0 WHERE chat = ?1", [chat.as_bytes()])?;
    db.execute("UPDATE chats SET resetting = 1, log_state = NULL WHERE id = ?1", [chat.as_bytes()])?;
    Ok(())
}

/// What a chat whose log is read anew is by the log alone, as far as it was read; `None` if it has yet to begin.
pub(crate) fn log_state(db: &Connection, chat: ChatId) -> Sql<Option<ChatState>> {
    let text: Option<String> = db
        .prepare_cached("SELECT log_state FROM chats WHERE id = ?1")?
        .query_row([chat.as_bytes()], |row| row.get(0))
        .optional()?
        .flatten();
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
}

/// Sets what [`log_state`] gives.
pub(crate) fn set_log_state(db: &Connection, state: &ChatState) -> Sql<()> {
    db.prepare_cached("UPDATE chats SET log_state = ?2 WHERE id = ?1")?
        .execute(params![state.id.as_bytes(), to_json(state)])?;
    Ok(())
}

/// As if this change had never been seen, which the relay did not take. Should somebody else give it back, it is a new one.
pub(crate) fn forget_change(db: &Connection, chat: ChatId, event: EventId) -> Sql<()> {
    db.prepare_cached("DELETE FROM changes WHERE chat = ?1 AND id = ?2")?
        .execute(params![chat.as_bytes(), event.as_bytes()])?;
    Ok(())
}

/// The log that is about to be read anew had everything up to this change before its first entry.
pub(crate) fn begin_reset_at(db: &Connection, chat: ChatId, membership: EventId) -> Sql<()> {
    db.execute(
        "UPDATE changes SET in_log = 1 WHERE chat = ?1
         AND position <= (SELECT position FROM changes WHERE chat = ?1 AND id = ?2)",
        params![chat.as_bytes(), membership.as_bytes()],
    )?;
    Ok(())
}

/// The log has been read anew, and been given what it lacked.
pub(crate) fn end_reset(db: &Connection, chat: ChatId) -> Sql<()> {
    db.execute("UPDATE changes SET in_log = 1 WHERE chat = ?1", [chat.as_bytes()])?;
    db.execute("UPDATE chats SET resetting = 0, log_state = NULL WHERE id = ?1", [chat.as_bytes()])?;
    Ok(())
}

/// Moves the device's own cursor.
pub(crate) fn set_cursor(db: &Connection, chat: ChatId, cursor: Cursor) -> Sql<()> {
    db.prepare_cached("UPDATE chats SET cursor_seq = ?2, cursor_entry = ?3 WHERE id = ?1")?.execute(params![
        chat.as_bytes(),
        int(cursor.seq),
        cursor.entry.as_bytes()
    ])?;
    Ok(())
}

/// This profile is another device from now on, whose stays in sealed chats are yet to begin. In open chats a place in the
/// log is the same for every device.
pub(crate) fn forget_stays(db: &Connection) -> Sql<()> {
    db.execute("UPDATE chats SET cursor_seq = 0, cursor_entry = zeroblob(16) WHERE sealed = 1", [])?;
    Ok(())
}

/// Open chats: everything up to here was shown, and no more than that.
pub(crate) fn set_read_seq(db: &Connection, chat: ChatId, seq: u64) -> Sql<()> {
    db.prepare_cached("UPDATE chats SET read_seq = ?2 WHERE id = ?1")?.execute(params![chat.as_bytes(), int(seq)])?;
    Ok(())
}

/// Open chats: everything up to here of a log that the relay lost was shown.
pub(crate) fn set_lost_read(db: &Connection, chat: ChatId, seq: u64) -> Sql<()> {
    db.prepare_cached("UPDATE chats SET lost_read = ?2 WHERE id = ?1")?.execute(params![chat.as_bytes(), int(seq)])?;
    Ok(())
}

/// Sets the chat's hybrid clock.
pub(crate) fn set_clock(db: &Connection, chat: ChatId, clock: Clock) -> Sql<()> {
    db.prepare_cached("UPDATE chats SET clock_ms = ?2, clock_counter = ?3 WHERE id = ?1")?.execute(params![
        chat.as_bytes(),
        int(clock.millis),
        clock.counter
    ])?;
    Ok(())
}

/// Whether one still takes part.
pub(crate) fn set_status(db: &Connection, chat: ChatId, status: ChatStatus) -> Sql<()> {
    db.prepare_cached("UPDATE chats SET status = ?2 WHERE id = ?1")?
        .execute(params![chat.as_bytes(), status_word(status)])?;
    Ok(())
}

/// Something happened in the chat at this time.
pub(crate) fn touch(db: &Connection, chat: ChatId, at: u64) -> Sql<()> {
    db.prepare_cached("UPDATE chats SET last_at = max(last_at, ?2), archived = 0 WHERE id = ?1")?
        .execute(params![chat.as_bytes(), int(at)])?;
    Ok(())
}

/// What the person chose for the chat; `None` leaves a value as it is.
#[derive(Default)]
pub(crate) struct Choice {
    pub(crate) muted_until: Option<u64>,
    pub(crate) pinned: Option<bool>,
    pub(crate) archived: Option<bool>,
    pub(crate) draft: Option<String>,
}

/// Sets what the person chose; `false` if there is no such chat.
pub(crate) fn choose(db: &Connection, chat: ChatId, choice: &Choice) -> Sql<bool> {
    let changed = db
        .prepare_cached(
            "UPDATE chats SET muted_until = coalesce(?2, muted_until), pinned = coalesce(?3, pinned),
                 archived = coalesce(?4, archived), draft = coalesce(?5, draft) WHERE id = ?1",
        )?
        .execute(params![chat.as_bytes(), choice.muted_until.map(int), choice.pinned, choice.archived, choice.draft])?;
    Ok(changed > 0)
}

/// Chats which a device takes part in now, sealed and direct: those that a link to it carries.
pub(crate) fn direct_with(db: &Connection, device: DeviceId) -> Sql<Vec<ChatId>> {
    db.prepare_cached(
        "SELECT c.id FROM chats c JOIN member_devices d ON d.chat = c.id
         WHERE d.device = ?1 AND c.kind = 'direct' AND c.sealed = 1 AND c.status = 'active' ORDER BY c.id",
    )?
    .query_map([device.as_bytes()], |row| id(row, 0))?
    .collect()
}

/// The devices of an account that take part in a sealed chat.
pub(crate) fn devices_of(db: &Connection, chat: ChatId, account: AccountId) -> Sql<Vec<DeviceId>> {
    db.prepare_cached("SELECT device FROM member_devices WHERE chat = ?1 AND account = ?2 ORDER BY device")?
        .query_map([chat.as_bytes(), account.as_bytes()], |row| id(row, 0))?
        .collect()
}

/// The account of a device that takes part in a sealed direct chat.
pub(crate) fn account_of(db: &Connection, device: DeviceId) -> Sql<Option<AccountId>> {
    db.prepare_cached("SELECT account FROM member_devices WHERE device = ?1 LIMIT 1")?
        .query_row([device.as_bytes()], |row| id(row, 0))
        .optional()
}
