//! A profile's folder: one database, and a lock which keeps a second process out.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};

use fs4::FileExt;

use crate::error::{EngineError, Result};

/// An open profile. The lock ends with it.
pub(crate) struct Profile {
    folder: PathBuf,
    _lock: File,
}

impl Profile {
    /// Makes the folder if need be (readable by its owner alone) and locks it.
    pub(crate) fn open(folder: &Path) -> Result<Self> {
        let failed = |error| cannot_use(folder, &error);
        std::fs::create_dir_all(folder).map_err(failed)?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700)).map_err(failed)?;
        }
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(folder.join("lock"));
        let lock = lock.map_err(failed)?;
        match FileExt::try_lock(&lock) {
            Ok(()) => Ok(Self { folder: folder.to_owned(), _lock: lock }),
            Err(fs4::TryLockError::WouldBlock) => Err(EngineError::ProfileInUse(folder.display().to_string())),
            Err(fs4::TryLockError::Error(error)) => Err(failed(error)),
        }
    }

    /// Where the database is.
    pub(crate) fn database(&self) -> PathBuf {
        Self::database_in(&self.folder)
    }

    /// Where the database of a profile in this folder is.
    pub(crate) fn database_in(folder: &Path) -> PathBuf {
        folder.join("parley.sqlite")
    }
}

/// Why a folder cannot be a profile, and which.
fn cannot_use(folder: &Path, error: &std::io::Error) -> EngineError {
    let place = folder.display();
    let words = if folder.exists() && !folder.is_dir() {
        format!("{place} is a file, and a profile is a folder; choose another one")
    } else {
        format!("{place}: {error}")
    };
    EngineError::Folder(std::io::Error::new(error.kind(), words))
}
