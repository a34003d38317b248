//! Who the profile is, its tokens and openings, and the accounts it has heard of.

use parley_protocol::frames::Opening;
use parley_protocol::{AccountId, DeviceId, LifeId};
use rusqlite::{Connection, OptionalExtension as _, params};
use serde::{Serialize, de::DeserializeOwned};

use super::{Sql, count, id, int, to_json};

/// The setting with the patterns of topics that each new session subscribes to.
pub(crate) const SUBSCRIPTIONS: &str = "subscriptions";

/// A setting, or `None` if it was never set or cannot be read.
pub(crate) fn get<T: DeserializeOwned>(db: &Connection, key: &str) -> Sql<Option<T>> {
    let text: Option<String> = db
        .prepare_cached("SELECT value FROM settings WHERE key = ?1")?
        .query_row([key], |row| row.get(0))
        .optional()?;
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
}

/// Sets a setting.
pub(crate) fn set<T: Serialize>(db: &Connection, key: &str, value: &T) -> Sql<()> {
    db.prepare_cached("INSERT INTO settings (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2")?
        .execute(params![key, to_json(value)])?;
    Ok(())
}

/// Takes a setting away.
pub(crate) fn remove(db: &Connection, key: &str) -> Sql<()> {
    db.prepare_cached("DELETE FROM settings WHERE key = ?1")?.execute([key])?;
    Ok(())
}

/// Records a new opening of the profile: one more than the last, with a life of its own.
pub(crate) fn begin_life(db: &Connection) -> Sql<Opening> {
    let last: i64 = db.query_row("SELECT coalesce(max(count), 0) FROM lives", [], |row| row.get(0))?;
    let opening = Opening { count: last.cast_unsigned() + 1, life: LifeId(uuid::Uuid::new_v4()) };
    db.execute(
        "INSERT INTO lives (life, count) VALUES (?1, ?2)",
        params![opening.life.as_bytes(), int(opening.count)],
    )?;
    Ok(opening)
}

/// Whether an opening which somebody else knows is one of this profile's.
pub(crate) fn lived(db: &Connection, opening: Opening) -> Sql<bool> {
    db.prepare_cached("SELECT 1 FROM lives WHERE life = ?1")?.exists([opening.life.as_bytes()])
}

/// The newest openings, newest first: what a link's hello carries.
pub(crate) fn recent_lives(db: &Connection, limit: u32) -> Sql<Vec<LifeId>> {
    db.prepare_cached("SELECT life FROM lives ORDER BY count DESC LIMIT ?1")?
        .query_map([limit], |row| id(row, 0))?
        .collect()
}

/// The newest opening seen of a peer.
pub(crate) fn peer_opening(db: &Connection, device: DeviceId) -> Sql<Option<Opening>> {
    db.prepare_cached("SELECT count, life FROM peer_openings WHERE device = ?1")?
        .query_row([device.as_bytes()], |row| Ok(Opening { count: count(row, 0)?, life: id(row, 1)? }))
        .optional()
}

/// Records the newest opening seen of a peer.
pub(crate) fn set_peer_opening(db: &Connection, device: DeviceId, opening: Opening) -> Sql<()> {
    db.prepare_cached(
        "INSERT INTO peer_openings (device, count, life) VALUES (?1, ?2, ?3)
         ON CONFLICT (device) DO UPDATE SET count = ?2, life = ?3",
    )?
    .execute(params![device.as_bytes(), int(opening.count), opening.life.as_bytes()])?;
    Ok(())
}

/// Records an account's name. Names never change, so the first one stays.
pub(crate) fn name_account(db: &Connection, account: AccountId, username: &str) -> Sql<()> {
    db.prepare_cached("INSERT INTO accounts (id, username) VALUES (?1, ?2) ON CONFLICT (id) DO NOTHING")?
        .execute(params![account.as_bytes(), username])?;
    Ok(())
}

/// An account's name; empty if it was never heard of.
pub(crate) fn username(db: &Connection, account: AccountId) -> Sql<String> {
    let name = db
        .prepare_cached("SELECT username FROM accounts WHERE id = ?1")?
        .query_row([account.as_bytes()], |row| row.get(0))
        .optional()?;
    Ok(name.unwrap_or_default())
}

/// Every account that was ever heard of, with its name.
pub(crate) fn accounts(db: &Connection) -> Sql<Vec<(AccountId, String)>> {
    db.prepare_cached("SELECT id, username FROM accounts")?
        .query_map([], |row| Ok((super::id(row, 0)?, row.get(1)?)))?
        .collect()
}

/// Whether an account is blocked.
pub(crate) fn is_blocked(db: &Connection, account: AccountId) -> Sql<bool> {
    db.prepare_cached("SELECT 1 FROM accounts WHERE id = ?1 AND blocked = 1")?.exists([account.as_bytes()])
}

/// Whether the person marked an account as verified.
pub(crate) fn is_verified(db: &Connection, account: AccountId) -> Sql<bool> {
    db.prepare_cached("SELECT 1 FROM accounts WHERE id = ?1 AND verified = 1")?.exists([account.as_bytes()])
}

/// The accounts which the person marked as verified, by name.
pub(crate) fn verified(db: &Connection) -> Sql<Vec<(AccountId, String)>> {
    db.prepare_cached("SELECT id, username FROM accounts WHERE verified = 1 ORDER BY username, id")?
        .query_map([], |row| Ok((id(row, 0)?, row.get(1)?)))?
        .collect()
}

/// Marks an account as verified, or not.
pub(crate) fn set_verified(db: &Connection, account: AccountId, verified: bool) -> Sql<()> {
    db.prepare_cached("UPDATE accounts SET verified = ?2 WHERE id = ?1")?
        .execute(params![account.as_bytes(), verified])?;
    Ok(())
}

/// The accounts which are blocked are these and no others; `true` if that changed anything.
pub(crate) fn set_blocked(db: &Connection, blocked: &[AccountId]) -> Sql<bool> {
    let before: Vec<AccountId> = db
        .prepare_cached("SELECT id FROM accounts WHERE blocked = 1 ORDER BY id")?
        .query_map([], |row| id(row, 0))?
        .collect::<Sql<_>>()?;
    let mut after = blocked.to_vec();
    after.sort_unstable();
    if before == after {
        return Ok(false);
    }
    db.execute("UPDATE accounts SET blocked = 0 WHERE blocked = 1", [])?;
    for account in blocked {
        db.prepare_cached(
            "INSERT INTO accounts (id, username, blocked) VALUES (?1, '', 1) ON CONFLICT (id) DO UPDATE SET blocked = 1",
        )?
        .execute([account.as_bytes()])?;
    }
    Ok(true)
}
