//! What can go wrong with the database, and what the relay does about it (DELIVERY rule 7).

use parley_protocol::{Code, ErrorBody};
use rusqlite::{Error, ErrorCode, ffi};

/// Why a closure over the database did not go through: it refused, or the database did.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// An answer for the caller.
    #[error(transparent)]
    Refused(#[from] ErrorBody),
    /// The database failed.
    #[error("the database: {0}")]
    Sql(#[from] Error),
}

impl Failure {
    /// A refusal.
    pub fn refused(code: Code, message: impl Into<String>) -> Self {
        Self::Refused(ErrorBody::new(code, message))
    }

    /// What the caller is told.
    #[must_use]
    pub fn into_body(self) -> ErrorBody {
        match self {
            Self::Refused(body) => body,
            Self::Sql(error) if severity(&error) == Severity::Wait => {
                tracing::warn!(%error, "the database cannot be used for now");
                try_later()
            }
            Self::Sql(error) => {
                tracing::error!(%error, "the database refused a statement");
                ErrorBody::new(Code::Internal, "the relay has a fault; its operator finds more in its log")
            }
        }
    }
}

/// The answer while nothing can be stored.
#[must_use]
pub fn try_later() -> ErrorBody {
    ErrorBody {
        code: Code::TryLater,
        message: "the relay cannot store anything for now (is its disk full?); nothing of this was kept, try later"
            .into(),
        retry_after: Some(5),
    }
}

/// What an error of the database means for the relay.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Severity {
    /// It passes (a full disk): nothing was stored, go on.
    Wait,
    /// A statement of ours is wrong: refuse the request, go on.
    Fault,
    /// What is on the disk is unknown: answer nothing and stop.
    Fatal,
}

/// What an error of a statement means.
#[must_use]
pub fn severity(error: &Error) -> Severity {
    let Error::SqliteFailure(failure, _) = error else {
        return Severity::Fault;
    };
    match failure.extended_code {
        ffi::SQLITE_IOERR_FSYNC | ffi::SQLITE_IOERR_DIR_FSYNC => return Severity::Fatal,
        _ => {}
    }
    match failure.code {
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Severity::Fatal,
        ErrorCode::DiskFull
        | ErrorCode::SystemIoFailure
        | ErrorCode::OutOfMemory
        | ErrorCode::DatabaseBusy
        | ErrorCode::DatabaseLocked
        | ErrorCode::CannotOpen
        | ErrorCode::ReadOnly
        | ErrorCode::OperationInterrupted => Severity::Wait,
        _ => Severity::Fault,
    }
}

/// What an error of `COMMIT` means. Only those after which SQLite certainly has not committed are harmless: a frame
/// that could not be written carries no valid commit. Anything else leaves the outcome unknown.
#[must_use]
pub(super) fn commit_severity(error: &Error) -> Severity {
    let Error::SqliteFailure(failure, _) = error else {
        return Severity::Fatal;
    };
    match (failure.code, failure.extended_code) {
        (ErrorCode::DiskFull | ErrorCode::DatabaseBusy, _) | (_, ffi::SQLITE_IOERR_WRITE) => Severity::Wait,
        _ => Severity::Fatal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(extended: i32) -> Error {
        Error::SqliteFailure(ffi::Error::new(extended), None)
    }

    #[test]
    fn a_full_disk_passes_and_a_failed_sync_does_not() {
        assert_eq!(severity(&failure(ffi::SQLITE_FULL)), Severity::Wait);
        assert_eq!(severity(&failure(ffi::SQLITE_IOERR_WRITE)), Severity::Wait);
        assert_eq!(severity(&failure(ffi::SQLITE_IOERR_FSYNC)), Severity::Fatal);
        assert_eq!(severity(&failure(ffi::SQLITE_CORRUPT)), Severity::Fatal);
        assert_eq!(severity(&failure(ffi::SQLITE_CONSTRAINT_UNIQUE)), Severity::Fault);
    }

    #[test]
    fn a_commit_whose_outcome_is_unknown_is_fatal() {
        assert_eq!(commit_severity(&failure(ffi::SQLITE_FULL)), Severity::Wait);
        assert_eq!(commit_severity(&failure(ffi::SQLITE_IOERR_WRITE)), Severity::Wait);
        for unknown in [ffi::SQLITE_IOERR_FSYNC, ffi::SQLITE_IOERR, ffi::SQLITE_IOERR_SHMMAP, ffi::SQLITE_NOMEM] {
            assert_eq!(commit_severity(&failure(unknown)), Severity::Fatal);
        }
    }
}
