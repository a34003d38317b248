//! The profile's database: opening it, and what every table needs. SQL stands in this module's files alone, one file for
//! what belongs together; nothing here decides anything.

pub(crate) mod advances;
pub(crate) mod chains;
pub(crate) mod chats;
pub(crate) mod deliveries;
pub(crate) mod expiry;
pub(crate) mod hidden;
pub(crate) mod messages;
pub(crate) mod places;
pub(crate) mod sent;
pub(crate) mod settings;
pub(crate) mod streams;
pub(crate) mod timeline;

use std::path::Path;

use rusqlite::{Connection, OpenFlags, Row};
use rusqlite_migration::{M, Migrations};

use crate::error::{EngineError, Result};

/// What SQL gives.
pub(crate) type Sql<T> = rusqlite::Result<T>;

const MIGRATIONS: &[M<'_>] = &[
    M::up(include_str!("../../migrations/001_profile.sql")),
    M::up(include_str!("../../migrations/002_restored.sql")),
    M::up(include_str!("../../migrations/003_advances.sql")),
    M::up(include_str!("../../migrations/004_retention.sql")),
    M::up(include_str!("../../migrations/005_unplaced.sql")),
    M::up(include_str!("../../migrations/006_retention_since.sql")),
    M::up(include_str!("../../migrations/007_hidden.sql")),
    M::up(include_str!("../../migrations/008_log_state.sql")),
];

/// Opens the database for the one thread that writes it, and brings it up to date.
pub(crate) fn open(path: &Path) -> Result<Connection> {
    open_writer(path).map_err(|error| match error {
        EngineError::Storage(error) => EngineError::Storage(named(path, error)),
        other => other,
    })
}

/// The error, with the file and what to do about it.
fn named(path: &Path, error: rusqlite::Error) -> rusqlite::Error {
    use rusqlite::ErrorCode::{DatabaseBusy, DatabaseCorrupt, DatabaseLocked, NotADatabase};
    let rusqlite::Error::SqliteFailure(code, words) = error else {
        return error;
    };
    let words = words.unwrap_or_else(|| code.to_string());
    let advice = match code.code {
        NotADatabase | DatabaseCorrupt => "; put a backup in its place, or choose another profile",
        DatabaseBusy | DatabaseLocked => "; close the program that has it open",
        _ => "",
    };
    rusqlite::Error::SqliteFailure(code, Some(format!("{}: {words}{advice}", path.display())))
}

fn open_writer(path: &Path) -> Result<Connection> {
    let mut db = Connection::open(path)?;
    db.pragma_update(None, "journal_mode", "WAL")?;
    // A cursor is acknowledged after the commit, so the commit has to be on the disk.
    db.pragma_update(None, "synchronous", "FULL")?;
    db.pragma_update(None, "foreign_keys", true)?;
    db.pragma_update(None, "busy_timeout", 5_000)?;
    db.set_prepared_statement_cache_capacity(256);
    // After a process that ended because an fsync failed, the log file reads well though the disk may not have it: the system drops
    // what it could not write, and says so once. So what stands there is written again before anything is built on it.
    db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    Migrations::from_slice(MIGRATIONS).to_latest(&mut db).map_err(|error| match error {
        rusqlite_migration::Error::MigrationDefinition(
            rusqlite_migration::MigrationDefinitionError::DatabaseTooFarAhead,
        ) => EngineError::ProfileNewer,
        rusqlite_migration::Error::RusqliteError { err, .. } => EngineError::Storage(err),
        other => EngineError::Invalid(other.to_string()),
    })?;
    Ok(db)
}

/// Opens the database for reading beside the writer.
pub(crate) fn open_reader(path: &Path) -> Result<Connection> {
    let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    db.pragma_update(None, "busy_timeout", 5_000)?;
    db.set_prepared_statement_cache_capacity(64);
    Ok(db)
}

/// An id in a column.
pub(crate) fn id<T: From<[u8; 16]>>(row: &Row<'_>, column: usize) -> Sql<T> {
    row.get::<_, [u8; 16]>(column).map(T::from)
}

/// An id in a column that may be null.
pub(crate) fn id_or_none<T: From<[u8; 16]>>(row: &Row<'_>, column: usize) -> Sql<Option<T>> {
    row.get::<_, Option<[u8; 16]>>(column).map(|bytes| bytes.map(T::from))
}

/// A number that is never negative; SQLite has signed ones only, and nothing here comes near their end.
pub(crate) fn count(row: &Row<'_>, column: usize) -> Sql<u64> {
    row.get::<_, i64>(column).map(i64::cast_unsigned)
}

/// The inverse of [`count`], saturating: `u64::MAX` ("for good") stays the largest.
pub(crate) fn int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// JSON in a column; what cannot be read (a newer build wrote it) is the default.
pub(crate) fn json<T: serde::de::DeserializeOwned + Default>(row: &Row<'_>, column: usize) -> Sql<T> {
    row.get_ref(column)?.as_str().map(|text| serde_json::from_str(text).unwrap_or_default()).map_err(Into::into)
}

/// JSON for a column.
pub(crate) fn to_json<T: serde::Serialize>(value: &T) -> String {
    // None of what is stored has maps with keys that are not strings, which alone could fail.
    serde_json::to_string(value).unwrap_or_default()
}

#[cfg(test)]
pub(crate) mod testing {
    use parley_protocol::{AccountId, ChatId, MessageKey};
    use rusqlite::Connection;

    use super::messages::{self, Line};
    use crate::views::Route;

    /// A profile's database.
    pub(crate) fn database() -> (tempfile::TempDir, Connection) {
        let folder = tempfile::tempdir().unwrap();
        let db = super::open(&folder.path().join("parley.sqlite")).unwrap();
        (folder, db)
    }

    /// A sealed chat in it.
    pub(crate) fn chat(db: &Connection) -> ChatId {
        let chat = ChatId::new();
        db.execute(
            "INSERT INTO chats (id, kind, sealed, title, description, created_at, membership, status, cursor_seq, cursor_entry,
                 last_at)
             VALUES (?1, 'direct', 1, '', '', 0, zeroblob(16), 'active', 0, zeroblob(16), 0)",
            [chat.as_bytes()],
        )
        .unwrap();
        chat
    }

    /// A message of somebody else's in it: at its place, and in open chats where the log has it, with the times of its sender and of
    /// its arrival.
    pub(crate) fn message(db: &Connection, chat: ChatId, key: MessageKey, place: i64, seq: Option<u64>, at: [u64; 2]) {
        let [sent_at, received_at] = at;
        let line = Line {
            chat,
            key,
            account: AccountId::new(),
            kind: "text",
            sort: (place, 0),
            number: None,
            seq,
            sent_at,
            received_at,
            text: "words".to_owned(),
            reply_to: None,
            mentions: Vec::new(),
            mentions_me: false,
            unread: false,
            route: Route::Relay,
        };
        assert!(messages::insert(db, &line).unwrap());
    }
}
