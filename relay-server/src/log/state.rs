//! What a chat is, now and at an older entry, read from the tables.

use std::collections::{BTreeMap, BTreeSet};

use parley_protocol::{
    AccountId, ChatChange, ChatId, ChatKind, ChatState, Code, DeviceId, EntryId, EventId, LogId, Member, Role,
};
use rusqlite::{Connection, OptionalExtension, params};

use crate::store::{Failure, id};

/// A word in the database which this build does not know: written by a newer one, or damaged.
fn unknown_word(column: usize, word: &str) -> rusqlite::Error {
    let error = format!("unknown word {word:?}").into();
    rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, error)
}

/// Reads a [`ChatKind`] from a row.
pub(crate) fn chat_kind(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<ChatKind> {
    let word: String = row.get(column)?;
    ChatKind::from_word(&word).ok_or_else(|| unknown_word(column, &word))
}

/// Reads a [`Role`] from a row.
pub(crate) fn role(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<Role> {
    let word: String = row.get(column)?;
    Role::from_word(&word).ok_or_else(|| unknown_word(column, &word))
}

/// The chat as its last change left it.
pub(crate) fn current(connection: &Connection, chat: ChatId) -> Result<ChatState, Failure> {
    let mut select = connection.prepare_cached(
        "SELECT kind, sealed, title, description, created_at, membership, retention FROM chats WHERE id = ?1",
    )?;
    let state = select
        .query_row([chat.as_bytes()], |row| {
            Ok(ChatState {
                id: chat,
                kind: chat_kind(row, 0)?,
                sealed: row.get(1)?,
                title: row.get(2)?,
                description: row.get(3)?,
                created_at: row.get(4)?,
                membership: id(row, 5)?,
                retention: row.get(6)?,
                members: BTreeMap::new(),
            })
        })
        .optional()?;
    let Some(mut state) = state else {
        return Err(missing(connection, chat)?);
    };
    let mut select = connection.prepare_cached(
        "SELECT m.account, a.username, m.role FROM members m JOIN accounts a ON a.id = m.account \
         WHERE m.chat = ?1 AND m.left_at IS NULL",
    )?;
    let mut rows = select.query([chat.as_bytes()])?;
    while let Some(row) = rows.next()? {
        let account = id(row, 0)?;
        let member = Member { account, username: row.get(1)?, role: role(row, 2)?, devices: BTreeSet::new() };
        state.members.insert(account, member);
    }
    if state.sealed {
        let mut select =
            connection.prepare_cached("SELECT account, device FROM cursors WHERE chat = ?1 AND ends IS NULL")?;
        let mut rows = select.query([chat.as_bytes()])?;
        while let Some(row) = rows.next()? {
            if let Some(member) = state.members.get_mut(&id::<AccountId>(row, 0)?) {
                member.devices.insert(id::<DeviceId>(row, 1)?);
            }
        }
    }
    Ok(state)
}

/// The answer for a chat which is not there.
fn missing(connection: &Connection, chat: ChatId) -> Result<Failure, Failure> {
    Ok(if is_deleted(connection, chat)? {
        Failure::refused(Code::Gone, "the chat was deleted")
    } else {
        Failure::refused(Code::NotFound, "there is no such chat")
    })
}

/// Whether there was such a chat once.
pub(crate) fn is_deleted(connection: &Connection, chat: ChatId) -> rusqlite::Result<bool> {
    connection.prepare_cached("SELECT 1 FROM deleted_chats WHERE id = ?1")?.exists([chat.as_bytes()])
}

/// The chat as the changes up to `seq` left it; `None` before the first.
pub(crate) fn at(connection: &Connection, chat: ChatId, seq: u64) -> Result<Option<ChatState>, Failure> {
    let last: Option<u64> = connection
        .prepare_cached("SELECT MAX(seq) FROM changes WHERE chat = ?1")?
        .query_row([chat.as_bytes()], |row| row.get(0))?;
    if last.is_some_and(|last| last <= seq) {
        return current(connection, chat).map(Some);
    }
    let mut select = connection
        .prepare_cached("SELECT event, at, change FROM changes WHERE chat = ?1 AND seq <= ?2 ORDER BY seq")?;
    let mut rows = select.query(params![chat.as_bytes(), seq])?;
    let mut state: Option<ChatState> = None;
    while let Some(row) = rows.next()? {
        let event: EventId = id(row, 0)?;
        let change: ChatChange = serde_json::from_str(row.get_ref(2)?.as_str().map_err(rusqlite::Error::from)?)
            .map_err(|error| rusqlite::Error::FromSqlConversionFailure(2, rusqlite::types::Type::Text, error.into()))?;
        match &mut state {
            None => state = ChatState::from_first(chat, event, row.get(1)?, &change),
            Some(state) => state.apply(event, &change),
        }
    }
    Ok(state)
}

/// The id of the entry at a position, if it is still held.
pub(crate) fn entry_at(connection: &Connection, log: LogId, seq: u64) -> rusqlite::Result<Option<EntryId>> {
    connection
        .prepare_cached("SELECT entry FROM entries WHERE log = ?1 AND seq = ?2")?
        .query_row(params![log.as_bytes(), seq], |row| id(row, 0))
        .optional()
}
