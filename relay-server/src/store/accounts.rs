//! The rows of accounts, devices and blocks.

use parley_protocol::http::ShowPresence;
use parley_protocol::username::Username;
use parley_protocol::{AccountId, DeviceId, Millis};
use rusqlite::{Connection, OptionalExtension as _, Result, Row, named_params};

use super::id;

/// What signing in needs of an account.
#[derive(Clone)]
pub(crate) struct AccountRow {
    pub(crate) id: AccountId,
    pub(crate) username: String,
    pub(crate) email: String,
    pub(crate) password_hash: String,
    pub(crate) show_presence: ShowPresence,
}

/// A device that was not revoked.
pub(crate) struct DeviceRow {
    pub(crate) id: DeviceId,
    pub(crate) name: String,
    pub(crate) created_at: Millis,
    pub(crate) last_seen: Millis,
    pub(crate) program: Option<String>,
    pub(crate) signed_in: bool,
}

/// What others may see of an account.
pub(crate) struct UserRow {
    pub(crate) id: AccountId,
    pub(crate) username: String,
    pub(crate) last_seen: Option<Millis>,
    /// Whether presence and last seen are shown to the one who looks.
    pub(crate) shows: bool,
}

const ACCOUNT: &str =
    "SELECT id, username, email, password_hash, show_presence FROM accounts WHERE deleted_at IS NULL AND ";

fn read_account(row: &Row<'_>) -> Result<AccountRow> {
    Ok(AccountRow {
        id: id(row, 0)?,
        username: row.get(1)?,
        email: row.get(2)?,
        password_hash: row.get(3)?,
        show_presence: show_presence(row, 4)?,
    })
}

/// The account with this id, unless deleted.
pub(crate) fn account(sql: &Connection, account: AccountId) -> Result<Option<AccountRow>> {
    sql.prepare_cached(&format!("{ACCOUNT} id = :id"))?
        .query_row(named_params! { ":id": account.as_bytes().as_slice() }, read_account)
        .optional()
}

/// The account of this name, unless deleted.
pub(crate) fn account_by_name(sql: &Connection, key: &str) -> Result<Option<AccountRow>> {
    sql.prepare_cached(&format!("{ACCOUNT} username_key = :key"))?
        .query_row(named_params! { ":key": key }, read_account)
        .optional()
}

/// The account with this address, unless deleted.
pub(crate) fn account_by_email(sql: &Connection, key: &str) -> Result<Option<AccountRow>> {
    sql.prepare_cached(&format!("{ACCOUNT} email_key = :key"))?
        .query_row(named_params! { ":key": key }, read_account)
        .optional()
}

/// Whether the name, one that looks like it, or (second) the address belongs to an account. Names of deleted accounts
/// count too: nobody takes over who they were.
pub(crate) fn taken(sql: &Connection, name: &Username, email_key: Option<&str>) -> Result<(bool, bool)> {
    sql.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM accounts WHERE username_key = :key OR skeleton IN (:skeleton, :shown)
                            OR shown_skeleton IN (:skeleton, :shown)),
                EXISTS (SELECT 1 FROM accounts WHERE email_key = :email)",
    )?
    .query_row(
        named_params! {
            ":key": name.key,
            ":skeleton": name.skeleton,
            ":shown": name.shown_skeleton,
            ":email": email_key,
        },
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
}

/// Stores a new account.
pub(crate) fn insert_account(
    sql: &Connection,
    account: AccountId,
    name: &Username,
    email: (&str, &str),
    password_hash: &str,
    now: Millis,
) -> Result<()> {
    sql.prepare_cached(
        "INSERT INTO accounts (id, username, username_key, skeleton, shown_skeleton, email, email_key, password_hash,
                               created_at)
         VALUES (:id, :username, :key, :skeleton, :shown_skeleton, :email, :email_key, :hash, :now)",
    )?
    .execute(named_params! {
        ":id": account.as_bytes().as_slice(),
        ":username": name.shown,
        ":key": name.key,
        ":skeleton": name.skeleton,
        ":shown_skeleton": name.shown_skeleton,
        ":email": email.0,
        ":email_key": email.1,
        ":hash": password_hash,
        ":now": now,
    })?;
    Ok(())
}

/// Changes the password.
pub(crate) fn set_password(sql: &Connection, account: AccountId, hash: &str) -> Result<()> {
    sql.prepare_cached("UPDATE accounts SET password_hash = :hash WHERE id = :id")?
        .execute(named_params! { ":hash": hash, ":id": account.as_bytes().as_slice() })?;
    Ok(())
}

/// Changes who sees presence.
pub(crate) fn set_show_presence(sql: &Connection, account: AccountId, show: ShowPresence) -> Result<()> {
    let show = match show {
        ShowPresence::Nobody => 0,
        ShowPresence::Everyone => 1,
        ShowPresence::Contacts => 2,
    };
    sql.prepare_cached("UPDATE accounts SET show_presence = :show WHERE id = :id")?
        .execute(named_params! { ":show": show, ":id": account.as_bytes().as_slice() })?;
    Ok(())
}

/// Reads who sees presence.
pub(crate) fn show_presence(row: &Row<'_>, column: usize) -> Result<ShowPresence> {
    Ok(match row.get::<_, i64>(column)? {
        1 => ShowPresence::Everyone,
        2 => ShowPresence::Contacts,
        _ => ShowPresence::Nobody,
    })
}

/// The condition that an account, by the name of its row, shows its presence to another one with whom it shares a chat.
pub(crate) fn shows_to(account: &str, viewer: &str) -> String {
    format!(
        "({account}.show_presence = 1 OR ({account}.show_presence = 2 AND EXISTS (SELECT 1 FROM direct_pairs
            WHERE low = min({account}.id, {viewer}) AND high = max({account}.id, {viewer}))))"
    )
}

/// Marks an account as deleted: its name stays taken, its address and password are gone, and it blocks nobody.
pub(crate) fn delete_account(sql: &Connection, account: AccountId, now: Millis) -> Result<()> {
    let id = account.as_bytes().as_slice();
    sql.prepare_cached(
        "UPDATE accounts SET deleted_at = :now, email = '', email_key = 'deleted ' || hex(id), password_hash = '',
             last_seen = NULL
         WHERE id = :id",
    )?
    .execute(named_params! { ":now": now, ":id": id })?;
    sql.prepare_cached("DELETE FROM blocks WHERE account = :id OR blocked = :id")?
        .execute(named_params! { ":id": id })?;
    Ok(())
}

/// Stores a new device.
pub(crate) fn insert_device(
    sql: &Connection,
    device: DeviceId,
    account: AccountId,
    name: &str,
    now: Millis,
) -> Result<()> {
    sql.prepare_cached(
        "INSERT INTO devices (id, account, name, created_at, last_seen) VALUES (:id, :account, :name, :now, :now)",
    )?
    .execute(named_params! {
        ":id": device.as_bytes().as_slice(),
        ":account": account.as_bytes().as_slice(),
        ":name": name,
        ":now": now,
    })?;
    Ok(())
}

/// The account's devices that were not revoked, oldest first. `now` in milliseconds.
pub(crate) fn devices(sql: &Connection, account: AccountId, now: Millis) -> Result<Vec<DeviceRow>> {
    sql.prepare_cached(
        "SELECT id, name, created_at, last_seen, program,
                EXISTS (SELECT 1 FROM families
                        WHERE families.device = devices.id AND ended IS NULL AND expires_at * 1000 > :now)
         FROM devices WHERE account = :account AND revoked_at IS NULL ORDER BY created_at, id",
    )?
    .query_map(named_params! { ":account": account.as_bytes().as_slice(), ":now": now }, |row| {
        Ok(DeviceRow {
            id: id(row, 0)?,
            name: row.get(1)?,
            created_at: row.get(2)?,
            last_seen: row.get(3)?,
            program: row.get(4)?,
            signed_in: row.get(5)?,
        })
    })?
    .collect()
}

/// The name of a device of the account, unless it was revoked.
pub(crate) fn device_name(sql: &Connection, account: AccountId, device: DeviceId) -> Result<Option<String>> {
    sql.prepare_cached("SELECT name FROM devices WHERE id = :id AND account = :account AND revoked_at IS NULL")?
        .query_row(
            named_params! { ":id": device.as_bytes().as_slice(), ":account": account.as_bytes().as_slice() },
            |row| row.get(0),
        )
        .optional()
}

/// Changes how a device is listed.
pub(crate) fn rename_device(sql: &Connection, device: DeviceId, name: &str) -> Result<()> {
    sql.prepare_cached("UPDATE devices SET name = :name WHERE id = :id")?
        .execute(named_params! { ":name": name, ":id": device.as_bytes().as_slice() })?;
    Ok(())
}

/// Marks a device as revoked.
pub(crate) fn revoke_device(sql: &Connection, device: DeviceId, now: Millis) -> Result<()> {
    sql.prepare_cached("UPDATE devices SET revoked_at = :now WHERE id = :id AND revoked_at IS NULL")?
        .execute(named_params! { ":now": now, ":id": device.as_bytes().as_slice() })?;
    Ok(())
}

/// Accounts as `:viewer` sees them. Presence is for those who share a chat other than a public or large channel, as far as it is
/// shown to them, and neither blocks the other.
fn users(which: &str) -> String {
    let shows = shows_to("accounts", ":viewer");
    format!(
        "SELECT id, username, last_seen,
            id = :viewer OR ({shows}
                AND EXISTS (SELECT 1 FROM members AS theirs
                            JOIN members AS mine ON mine.chat = theirs.chat
                            JOIN acquainted ON acquainted.chat = theirs.chat
                            WHERE theirs.account = accounts.id AND theirs.left_at IS NULL
                              AND mine.account = :viewer AND mine.left_at IS NULL)
                AND NOT EXISTS (SELECT 1 FROM blocks
                                WHERE (account = :viewer AND blocked = accounts.id)
                                   OR (account = accounts.id AND blocked = :viewer)))
        FROM accounts WHERE deleted_at IS NULL AND {which}"
    )
}

fn read_user(row: &Row<'_>) -> Result<UserRow> {
    Ok(UserRow { id: id(row, 0)?, username: row.get(1)?, last_seen: row.get(2)?, shows: row.get(3)? })
}

/// One account as `viewer` may see it.
pub(crate) fn user(sql: &Connection, account: AccountId, viewer: AccountId) -> Result<Option<UserRow>> {
    sql.prepare_cached(&users("id = :id"))?
        .query_row(
            named_params! { ":id": account.as_bytes().as_slice(), ":viewer": viewer.as_bytes().as_slice() },
            read_user,
        )
        .optional()
}

/// At most 50 accounts whose name begins with `prefix` (a lower-case key): by name, so that the exact one comes first.
/// As a range, so that the index serves it and `%` and `_` mean themselves.
pub(crate) fn find_users(sql: &Connection, prefix: &str, viewer: AccountId) -> Result<Vec<UserRow>> {
    sql.prepare_cached(&users(
        "username_key >= :prefix AND username_key < :prefix || char(1114111) ORDER BY username_key LIMIT 50",
    ))?
    .query_map(named_params! { ":prefix": prefix, ":viewer": viewer.as_bytes().as_slice() }, read_user)?
    .collect()
}

/// The accounts which this one blocks.
pub(crate) fn blocked(sql: &Connection, account: AccountId) -> Result<Vec<AccountId>> {
    sql.prepare_cached("SELECT blocked FROM blocks WHERE account = :account ORDER BY blocked")?
        .query_map(named_params! { ":account": account.as_bytes().as_slice() }, |row| id(row, 0))?
        .collect()
}

/// Blocks; `false` if it was blocked already.
pub(crate) fn block(sql: &Connection, account: AccountId, blocked: AccountId) -> Result<bool> {
    sql.prepare_cached("INSERT INTO blocks (account, blocked) VALUES (:account, :blocked) ON CONFLICT DO NOTHING")?
        .execute(named_params! {
            ":account": account.as_bytes().as_slice(),
            ":blocked": blocked.as_bytes().as_slice(),
        })
        .map(|changed| changed > 0)
}

/// Unblocks; `false` if it was not blocked.
pub(crate) fn unblock(sql: &Connection, account: AccountId, blocked: AccountId) -> Result<bool> {
    sql.prepare_cached("DELETE FROM blocks WHERE account = :account AND blocked = :blocked")?
        .execute(named_params! {
            ":account": account.as_bytes().as_slice(),
            ":blocked": blocked.as_bytes().as_slice(),
        })
        .map(|changed| changed > 0)
}
