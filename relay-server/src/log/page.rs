//! Reading a log: pages of entries as they were stored.

use parley_protocol::frames::Sender;
use parley_protocol::{ChatId, LogId};
use rusqlite::{Connection, OptionalExtension, params};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::limits::Limits;
use crate::store::Failure;

/// A stretch of a log.
pub(crate) struct Page {
    /// Entries in order, from the wanted one on.
    pub(crate) entries: Vec<(u64, Utf8Bytes)>,
    /// The log's last `seq` at the time of reading.
    pub(crate) head: u64,
    /// Where the reader's stay ended, if it had at the time of reading: the session may not have been told yet.
    pub(crate) until: Option<u64>,
}

/// Who reads a chat's log.
#[derive(Clone, Copy)]
pub(crate) struct Reader {
    pub(crate) who: Sender,
    pub(crate) sealed: bool,
}

impl Reader {
    /// Where the stay which `next` is in ends; in front of everything if there is none any more.
    fn end(self, connection: &Connection, chat: ChatId, next: u64) -> Result<Option<u64>, Failure> {
        let found: Option<Option<u64>> = if self.sealed {
            let mut select = connection.prepare_cached(
                "SELECT ends FROM cursors WHERE chat = ?1 AND device = ?2 AND start <= ?3 ORDER BY start DESC LIMIT 1",
            )?;
            select.query_row(params![chat.as_bytes(), self.who.device.as_bytes(), next], |row| row.get(0)).optional()?
        } else {
            let mut select =
                connection.prepare_cached("SELECT left_at FROM members WHERE chat = ?1 AND account = ?2")?;
            select.query_row(params![chat.as_bytes(), self.who.account.as_bytes()], |row| row.get(0)).optional()?
        };
        Ok(found.unwrap_or(Some(0)))
    }
}

/// Reads entries from `next` on, at most a page, at most up to `until`. `reader` of a chat's log; an inbox has no end.
pub(crate) fn page(
    connection: &Connection,
    log: LogId,
    next: u64,
    until: Option<u64>,
    reader: Option<Reader>,
    limits: &Limits,
) -> Result<Page, Failure> {
    let ends = reader.map(|reader| reader.end(connection, log.chat(), next)).transpose()?.flatten();
    let until = match (until, ends) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    };
    let mut select = connection.prepare_cached(
        "SELECT seq, frame FROM entries WHERE log = ?1 AND seq >= ?2 AND seq <= ?3 ORDER BY seq LIMIT ?4",
    )?;
    let last = until.unwrap_or(i64::MAX.unsigned_abs());
    let mut rows = select.query(params![log.as_bytes(), next, last, limits.page_entries])?;
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
    Ok(Page { entries, head: head.unwrap_or(0), until })
}
