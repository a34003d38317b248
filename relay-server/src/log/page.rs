//! Reading a log: pages of entries as they were stored, and the marks of a chat.

use parley_protocol::frames::{MarkScope, RelayFrame, Sender};
use parley_protocol::{ChatId, LogId};
use rusqlite::{Connection, OptionalExtension, params};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::limits::Limits;
use crate::store::{Failure, id};

/// A stretch of a log.
pub(crate) struct Page {
    /// Entries in order, from the wanted one on.
    pub(crate) entries: Vec<(u64, Utf8Bytes)>,
    /// The log's last `seq` at the time of reading.
    pub(crate) head: u64,
}

/// Reads entries from `next` on, at most a page, at most up to `until`.
pub(crate) fn page(
    connection: &Connection,
    log: LogId,
    next: u64,
    until: Option<u64>,
    limits: &Limits,
) -> Result<Page, Failure> {
    let mut select = connection.prepare_cached(
        "SELECT seq, frame FROM entries WHERE log = ?1 AND seq >= ?2 AND seq <= ?3 ORDER BY seq LIMIT ?4",
    )?;
    let until = until.unwrap_or(i64::MAX.unsigned_abs());
    let mut rows = select.query(params![log.as_bytes(), next, until, limits.page_entries])?;
    let (mut entries, mut bytes) = (Vec::new(), 0);
    while let Some(row) = rows.next()? {
        let frame: String = row.get(1)?;
        bytes += frame.len();
        if !entries.is_empty() && bytes > limits.page_bytes {
            break;
        }
        entries.push((row.get(0)?, Utf8Bytes::from(frame)));
    }
    let mut select = connection.prepare_cached("SELECT head FROM logs WHERE id = ?1")?;
    let head = select.query_row([log.as_bytes()], |row| row.get(0)).optional()?;
    Ok(Page { entries, head: head.unwrap_or(0) })
}

/// The mark registers of a chat, as `who` sees them.
pub(crate) fn marks_of(connection: &Connection, chat: ChatId, who: Sender) -> Result<Vec<Utf8Bytes>, Failure> {
    let mut select = connection.prepare_cached(
        "SELECT account, device, scope, mark FROM marks \
         WHERE chat = ?1 AND device <> ?2 AND (scope = 'chat' OR account = ?3)",
    )?;
    let rows = select.query_map(params![chat.as_bytes(), who.device.as_bytes(), who.account.as_bytes()], |row| {
        let from = Sender { account: id(row, 0)?, device: id(row, 1)? };
        let scope = if row.get_ref(2)?.as_str()? == "own" { MarkScope::Own } else { MarkScope::Chat };
        Ok(RelayFrame::Marks { chat, from, scope, mark: row.get(3)? }.encode().into())
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
