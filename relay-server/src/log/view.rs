//! Where a device stands in a log when its session begins (DELIVERY rule 10).

use std::collections::BTreeMap;

use parley_protocol::frames::{Cursor, LogStart, LogView, Sender, TrimReason, Trimmed};
use parley_protocol::{AccountId, ChatId, ChatKind, ChatState, DeviceId, EntryId, LogId};
use rusqlite::Connection;

use super::state::{at, chat_kind, entry_at};
use crate::store::{Failure, LogHead, id};

/// One stay of a device in a chat: from the entry which brought it in to the one which took it out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stay {
    pub(crate) chat: ChatId,
    pub(crate) kind: ChatKind,
    pub(crate) sealed: bool,
    pub(crate) start: u64,
    pub(crate) ends: Option<u64>,
}

impl Stay {
    /// Every stay of the device, by chat, the oldest first. In open chats an account has one, from the beginning.
    pub(crate) fn all(connection: &Connection, who: Sender) -> Result<BTreeMap<ChatId, Vec<Self>>, Failure> {
        let mut stays: BTreeMap<ChatId, Vec<Self>> = BTreeMap::new();
        let mut sealed = connection.prepare_cached(
            "SELECT c.chat, h.kind, c.start, c.ends FROM cursors c JOIN chats h ON h.id = c.chat \
             WHERE c.device = ?1 ORDER BY c.chat, c.start",
        )?;
        let mut rows = sealed.query([who.device.as_bytes()])?;
        while let Some(row) = rows.next()? {
            let (chat, kind) = (id(row, 0)?, chat_kind(row, 1)?);
            let stay = Self { chat, kind, sealed: true, start: row.get(2)?, ends: row.get(3)? };
            stays.entry(chat).or_default().push(stay);
        }
        let mut open = connection.prepare_cached(
            "SELECT m.chat, h.kind, m.left_at FROM members m JOIN chats h ON h.id = m.chat \
             WHERE m.account = ?1 AND h.sealed = 0",
        )?;
        let mut rows = open.query([who.account.as_bytes()])?;
        while let Some(row) = rows.next()? {
            let (chat, kind) = (id(row, 0)?, chat_kind(row, 1)?);
            let stay = Self { chat, kind, sealed: false, start: 0, ends: row.get(2)? };
            stays.entry(chat).or_default().push(stay);
        }
        Ok(stays)
    }
}

/// A log to follow, from where and how far.
pub(crate) struct Standing {
    pub(crate) view: LogView,
    pub(crate) until: Option<u64>,
}

/// Where the device stands in the chat; `None` if there is nothing left for it.
pub(crate) fn standing(
    connection: &Connection,
    account: AccountId,
    stays: &[Stay],
    cursor: Option<Cursor>,
) -> Result<Option<Standing>, Failure> {
    let left = |stay: &&Stay| stay.ends.is_none_or(|ends| cursor.map_or(stay.sealed, |cursor| cursor.seq < ends));
    let Some(stay) = stays.iter().find(left) else {
        return Ok(None);
    };
    let log = LogId::from(stay.chat);
    let Some(head) = LogHead::load(connection, log)? else {
        return Ok(None);
    };
    let (start, position, trimmed) = match cursor.filter(|cursor| cursor.seq >= stay.start) {
        Some(cursor) => begin(connection, log, &head, cursor, stay.start)?,
        None if !stay.sealed => (LogStart::Started, Cursor { seq: head.head, entry: head.entry }, None),
        None if stay.start < head.trimmed_to => after_gap(&head, stay.start),
        None => {
            let entry = known_entry(connection, log, &head, stay.start)?.unwrap_or_default();
            (LogStart::Started, Cursor { seq: stay.start, entry }, None)
        }
    };
    let chat = match start {
        LogStart::Resumed => None,
        _ => at(connection, stay.chat, position.seq)?.map(|state| seen_by(&state, account)),
    };
    // One who was taken out is caught up where the stay ends.
    let last = stay.ends.map_or(head.head, |ends| ends.min(head.head));
    let view = LogView { log, start, position, head: last, trimmed, chat };
    Ok(Some(Standing { view, until: stay.ends }))
}

/// Whether the device's own cursor is at, or beyond, the end of a stay of which the relay still holds a cursor. One
/// that fits another log, from before a restore, says nothing.
pub(crate) fn has_taken_an_end(connection: &Connection, stays: &[Stay], cursor: Cursor) -> Result<bool, Failure> {
    let Some(stay) = stays.iter().find(|stay| stay.sealed && stay.ends.is_some_and(|ends| ends <= cursor.seq)) else {
        return Ok(false);
    };
    let log = LogId::from(stay.chat);
    let Some(head) = LogHead::load(connection, log)? else {
        return Ok(false);
    };
    // What was trimmed is not there to be taken any more.
    Ok(cursor.seq < head.trimmed_to || known_entry(connection, log, &head, cursor.seq)? == Some(cursor.entry))
}

/// Where the device stands in its inbox.
pub(crate) fn inbox(connection: &Connection, device: DeviceId, cursor: Option<Cursor>) -> Result<LogView, Failure> {
    let log = LogId::from(device);
    let head = LogHead::load(connection, log)?.unwrap_or(LogHead::EMPTY);
    let (start, position, trimmed) = match cursor {
        Some(cursor) => begin(connection, log, &head, cursor, 0)?,
        None => (LogStart::Started, Cursor { seq: head.trimmed_to, entry: head.trimmed_entry }, None),
    };
    Ok(LogView { log, start, position, head: head.head, trimmed, chat: None })
}

type Begin = (LogStart, Cursor, Option<Trimmed>);

/// Compares the device's own cursor with the log. `start` is the entry that brought it in: what was
/// before is not its to read, whatever happened to the log.
fn begin(connection: &Connection, log: LogId, head: &LogHead, cursor: Cursor, start: u64) -> Result<Begin, Failure> {
    if cursor.seq < head.trimmed_to {
        return Ok(after_gap(head, cursor.seq));
    }
    let same = cursor.seq == 0 || known_entry(connection, log, head, cursor.seq)? == Some(cursor.entry);
    if same {
        return Ok((LogStart::Resumed, cursor, None));
    }
    let seq = head.trimmed_to.max(start.saturating_sub(1));
    let entry = if seq == 0 { None } else { known_entry(connection, log, head, seq)? }.unwrap_or_default();
    Ok((LogStart::Reset, Cursor { seq, entry }, None))
}

fn after_gap(head: &LogHead, seq: u64) -> Begin {
    let trimmed = Trimmed { from: seq + 1, to: head.trimmed_to, reason: TrimReason::Retention };
    (LogStart::Trimmed, Cursor { seq: head.trimmed_to, entry: head.trimmed_entry }, Some(trimmed))
}

fn known_entry(connection: &Connection, log: LogId, head: &LogHead, seq: u64) -> rusqlite::Result<Option<EntryId>> {
    if seq > head.head {
        Ok(None)
    } else if seq == head.head {
        Ok(Some(head.entry))
    } else if seq == head.trimmed_to {
        Ok(Some(head.trimmed_entry))
    } else {
        entry_at(connection, log, seq)
    }
}

/// The chat as a device of the account is told of it: in a channel, of its own account alone.
pub(crate) fn seen_by(state: &ChatState, account: AccountId) -> ChatState {
    if !state.kind.is_channel() {
        return state.clone();
    }
    let own = state.members.get(&account).map(|member| (account, member.clone()));
    ChatState {
        id: state.id,
        kind: state.kind,
        sealed: state.sealed,
        title: state.title.clone(),
        description: state.description.clone(),
        created_at: state.created_at,
        retention: state.retention,
        membership: state.membership,
        members: own.into_iter().collect(),
    }
}
