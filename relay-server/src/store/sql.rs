//! Ids in the database, sixteen bytes in a BLOB; and functions on text, as SQLite's own know no letters beyond ASCII.

use parley_protocol::username::{fold, shape};
use parley_protocol::{AccountId, ChatId, DeviceId, EntryId, EventId, LifeId, LogId, MessageId};
use rusqlite::functions::FunctionFlags;
use rusqlite::{Connection, Row, RowIndex};
use uuid::Uuid;

/// An id that stands in a column.
pub trait SqlId: Sized {
    /// From the column's bytes.
    fn from_uuid(id: Uuid) -> Self;
}

macro_rules! ids {
    ($($name:ident)*) => {
        $(impl SqlId for $name {
            fn from_uuid(id: Uuid) -> Self {
                Self(id)
            }
        })*
    };
}

ids!(AccountId ChatId DeviceId EntryId EventId LifeId LogId MessageId);

/// Reads an id from a row.
///
/// # Errors
/// Those of rusqlite, if the column is no BLOB of sixteen bytes.
pub fn id<T: SqlId>(row: &Row<'_>, column: impl RowIndex) -> rusqlite::Result<T> {
    row.get::<_, [u8; 16]>(column).map(|bytes| T::from_uuid(Uuid::from_bytes(bytes)))
}

/// Reads an id which may be absent.
///
/// # Errors
/// As [`id`].
pub fn id_or_none<T: SqlId>(row: &Row<'_>, column: impl RowIndex) -> rusqlite::Result<Option<T>> {
    Ok(row.get::<_, Option<[u8; 16]>>(column)?.map(|bytes| T::from_uuid(Uuid::from_bytes(bytes))))
}

/// Makes `fold(text)` and `shape(text)` known to a connection.
///
/// # Errors
/// Those of rusqlite.
pub(super) fn register_functions(connection: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    connection.create_scalar_function("fold", 1, flags, |call| Ok(fold(&call.get::<String>(0)?)))?;
    connection.create_scalar_function("shape", 1, flags, |call| Ok(shape(&call.get::<String>(0)?)))
}
