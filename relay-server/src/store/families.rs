//! The rows of refresh-token families, and of codes for registration.

use parley_protocol::{AccountId, Code, DeviceId, Millis};
use rusqlite::{Connection, OptionalExtension as _, Result, Row, named_params};
use uuid::Uuid;

/// A family as it is stored; see `003_tokens.sql`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct FamilyRow {
    pub(crate) id: Uuid,
    pub(crate) account: AccountId,
    pub(crate) device: DeviceId,
    pub(crate) n: u64,
    pub(crate) issued_at: u64,
    pub(crate) expires_at: u64,
    pub(crate) current: [u8; 32],
    pub(crate) previous: Option<[u8; 32]>,
    pub(crate) ended: Option<Code>,
}

/// One family.
pub(crate) fn family(sql: &Connection, id: Uuid) -> Result<Option<FamilyRow>> {
    sql.prepare_cached(
        "SELECT id, account, device, n, issued_at, expires_at, current, previous, ended FROM families WHERE id = :id",
    )?
    .query_row(named_params! { ":id": id.as_bytes().as_slice() }, read)
    .optional()
}

/// Stores a family, new or as it is now.
pub(crate) fn put_family(sql: &Connection, row: &FamilyRow) -> Result<()> {
    sql.prepare_cached(
        "INSERT INTO families (id, account, device, n, issued_at, expires_at, current, previous, ended)
         VALUES (:id, :account, :device, :n, :issued_at, :expires_at, :current, :previous, :ended)
         ON CONFLICT (id) DO UPDATE SET n = :n, issued_at = :issued_at, expires_at = :expires_at,
             current = :current, previous = :previous, ended = :ended",
    )?
    .execute(named_params! {
        ":id": row.id.as_bytes().as_slice(),
        ":account": row.account.as_bytes().as_slice(),
        ":device": row.device.as_bytes().as_slice(),
        ":n": row.n,
        ":issued_at": row.issued_at,
        ":expires_at": row.expires_at,
        ":current": row.current.as_slice(),
        ":previous": row.previous.as_ref().map(<[u8; 32]>::as_slice),
        ":ended": row.ended.map(Code::as_str),
    })?;
    Ok(())
}

/// Ends every good family of a device and says which those were.
pub(crate) fn end_families(sql: &Connection, device: DeviceId, code: Code) -> Result<Vec<Uuid>> {
    sql.prepare_cached("UPDATE families SET ended = :code WHERE device = :device AND ended IS NULL RETURNING id")?
        .query_map(named_params! { ":code": code.as_str(), ":device": device.as_bytes().as_slice() }, |row| {
            row.get::<_, [u8; 16]>(0).map(Uuid::from_bytes)
        })?
        .collect()
}

/// Forgets families whose last token has run out; at most 1,000 at once. `now` in seconds.
pub(crate) fn forget_expired_families(sql: &Connection, now: u64) -> Result<usize> {
    sql.prepare_cached("DELETE FROM families WHERE id IN (SELECT id FROM families WHERE expires_at < :now LIMIT 1000)")?
        .execute(named_params! { ":now": now })
}

/// Why a device's token is no longer good: its family has ended, or the device is revoked, or is not known at all
/// (the relay was restored from a backup). `None` if it is good.
pub(crate) fn standing(sql: &Connection, family: Uuid, device: DeviceId) -> Result<Option<Code>> {
    let found = sql
        .prepare_cached(
            "SELECT devices.revoked_at IS NOT NULL OR accounts.deleted_at IS NOT NULL,
                    (SELECT ended FROM families WHERE id = :family)
             FROM devices JOIN accounts ON accounts.id = devices.account WHERE devices.id = :device",
        )?
        .query_row(
            named_params! { ":family": family.as_bytes().as_slice(), ":device": device.as_bytes().as_slice() },
            |row| Ok((row.get::<_, bool>(0)?, row.get::<_, Option<String>>(1)?)),
        )
        .optional()?;
    Ok(match found {
        None => Some(Code::Unauthorized),
        Some((true, _)) => Some(Code::DeviceRevoked),
        Some((false, ended)) => ended.map(|word| Code::from_word(&word)),
    })
}

/// Stores a code for registration.
pub(crate) fn put_registration_code(sql: &Connection, code: &[u8; 32], expires_at: Millis, uses: u32) -> Result<()> {
    sql.prepare_cached(
        "INSERT INTO registration_codes (code, expires_at, uses_left) VALUES (:code, :expires_at, :uses)",
    )?
    .execute(named_params! { ":code": code.as_slice(), ":expires_at": expires_at, ":uses": uses })?;
    Ok(())
}

/// Whether a code could be used now.
pub(crate) fn registration_code_is_good(sql: &Connection, code: &[u8; 32], now: Millis) -> Result<bool> {
    sql.prepare_cached("SELECT 1 FROM registration_codes WHERE code = :code AND expires_at > :now AND uses_left > 0")?
        .exists(named_params! { ":code": code.as_slice(), ":now": now })
}

/// Uses a code once; `false` if it is unknown, expired or used up.
pub(crate) fn use_registration_code(sql: &Connection, code: &[u8; 32], now: Millis) -> Result<bool> {
    let used = sql
        .prepare_cached(
            "UPDATE registration_codes SET uses_left = uses_left - 1
             WHERE code = :code AND expires_at > :now AND uses_left > 0",
        )?
        .execute(named_params! { ":code": code.as_slice(), ":now": now })?;
    Ok(used > 0)
}

fn read(row: &Row<'_>) -> Result<FamilyRow> {
    Ok(FamilyRow {
        id: Uuid::from_bytes(row.get(0)?),
        account: AccountId(Uuid::from_bytes(row.get(1)?)),
        device: DeviceId(Uuid::from_bytes(row.get(2)?)),
        n: row.get(3)?,
        issued_at: row.get(4)?,
        expires_at: row.get(5)?,
        current: row.get(6)?,
        previous: row.get(7)?,
        ended: row.get::<_, Option<String>>(8)?.map(|word| Code::from_word(&word)),
    })
}
