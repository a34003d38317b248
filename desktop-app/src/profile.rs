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
        std::fs::create_dir_all(folder)?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))?;
        }
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(folder.join("lock"))?;
        match FileExt::try_lock(&lock) {
            Ok(()) => Ok(Self { folder: folder.to_owned(), _lock: lock }),
            Err(fs4::TryLockError::WouldBlock) => Err(EngineError::ProfileInUse(folder.display().to_string())),
            Err(fs4::TryLockError::Error(error)) => Err(error.into()),
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
