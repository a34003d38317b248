//! The engine's errors, as a person or a program meets them.

use parley_protocol::{Code, ErrorBody};

/// Why a command of the engine failed.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Another process has this profile open.
    #[error("the profile {0} is open in another process; close that one, or choose another profile")]
    ProfileInUse(String),
    /// The profile was written by a newer version of Parley.
    #[error("the profile was written by a newer version of Parley; update this one to open it")]
    ProfileNewer,
    /// The profile's tokens are in the system's keychain, and that cannot be read.
    #[error("this profile's sign-in is in the system's keychain, which cannot be read: {0}")]
    Keychain(String),
    /// Nobody is signed in.
    #[error("nobody is signed in to this profile; sign in or sign up first")]
    SignedOut,
    /// Somebody is signed in already.
    #[error("this profile belongs to {0}; sign out of it, or use another profile")]
    SignedIn(String),
    /// The profile's database failed: a full disk, a damaged file.
    #[error("the profile's database could not be written or read: {0}")]
    Storage(#[from] rusqlite::Error),
    /// A change was rolled back, as the profile's database could not take it.
    #[error("the profile could not be written; nothing was changed")]
    NotWritten,
    /// The same, as there is no room for it.
    #[error("this disk is full; nothing was changed. Free some space, and Parley goes on")]
    DiskFull,
    /// The profile's folder failed.
    #[error("the profile's folder could not be used: {0}")]
    Folder(#[from] std::io::Error),
    /// The relay answered with an error.
    #[error("{}", .0.message)]
    Relay(ErrorBody),
    /// The relay could not be reached.
    #[error("the relay cannot be reached: {0}")]
    Unreachable(String),
    /// There is no such chat, message or account here.
    #[error("there is no {0} here")]
    NotFound(String),
    /// One has left the chat, was removed from it, or it was deleted.
    #[error("you are no longer in this chat; what was said there stays to be read")]
    Left,
    /// A value breaks its bounds.
    #[error("{0}")]
    Invalid(String),
    /// The engine was closed.
    #[error("the engine is closed")]
    Closed,
}

impl EngineError {
    /// The relay's code, if the relay answered.
    #[must_use]
    pub const fn code(&self) -> Option<Code> {
        match self {
            Self::Relay(body) => Some(body.code),
            _ => None,
        }
    }

    /// Whether the disk has no room.
    #[must_use]
    pub fn is_disk_full(&self) -> bool {
        match self {
            Self::Storage(error) => is_disk_full(error),
            Self::DiskFull => true,
            Self::Folder(error) => error.kind() == std::io::ErrorKind::StorageFull,
            _ => false,
        }
    }

    /// Whether the same request may succeed later without anybody changing it.
    pub(crate) const fn is_for_now(&self) -> bool {
        match self {
            Self::Unreachable(_) => true,
            Self::Relay(body) => body.is_for_now() || matches!(body.code, Code::Internal),
            _ => false,
        }
    }

    /// Seconds after which trying again makes sense, where the relay said so.
    pub(crate) const fn retry_after(&self) -> Option<u64> {
        match self {
            Self::Relay(body) => body.retry_after,
            _ => None,
        }
    }
}

/// Whether the database failed as there is no room for it.
pub(crate) fn is_disk_full(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull)
}

/// What every command of the engine gives.
pub type Result<T, E = EngineError> = std::result::Result<T, E>;
