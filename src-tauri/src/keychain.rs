//! The account's tokens in the system's keychain: the Secret Service on Linux, the Keychain on macOS, the Credential Manager on Windows.

use std::path::Path;
use std::sync::{Arc, Mutex};

use desktop_app::Keychain;
use keyring_core::{CredentialStore, Entry, Error};

use crate::shell::held;

/// What a keychain's entries of ours are listed under.
const SERVICE: &str = "Parley";

/// What keeps the tokens of the profile in a folder. Nobody is asked before the profile needs it.
pub(crate) fn of(folder: &Path, wanted: bool) -> Arc<dyn Keychain> {
    if !wanted {
        return Arc::new(Nowhere);
    }
    let profile = folder.canonicalize().unwrap_or_else(|_| folder.to_owned()).display().to_string();
    Arc::new(System { profile, store: Mutex::default() })
}

/// The system's keychain.
struct System {
    /// By its folder: a copy of a profile is another one.
    profile: String,
    /// Found when it is first needed, and looked for again while it is not there.
    store: Mutex<Option<Arc<CredentialStore>>>,
}

impl System {
    /// Does something with the profile's entry, one at a time.
    fn with<T>(&self, work: impl FnOnce(&Entry) -> Result<T, Error>) -> Result<T, String> {
        let mut store = held(&self.store);
        let found = match store.take() {
            Some(found) => found,
            None => find().map_err(|error| error.to_string())?,
        };
        let done = found.build(SERVICE, &self.profile, None).and_then(|entry| work(&entry));
        // A keychain that failed may have been started again since.
        *store = Some(found).filter(|_| matches!(done, Ok(_) | Err(Error::NoEntry)));
        done.map_err(|error| error.to_string())
    }
}

impl Keychain for System {
    fn load(&self) -> Result<Option<String>, String> {
        self.with(|entry| match entry.get_password() {
            Ok(secret) => Ok(Some(secret)),
            Err(Error::NoEntry) => Ok(None),
            Err(error) => Err(error),
        })
    }

    fn keep(&self, secret: &str) -> Result<(), String> {
        self.with(|entry| entry.set_password(secret))
    }

    fn forget(&self) -> Result<(), String> {
        self.with(|entry| match entry.delete_credential() {
            Ok(()) | Err(Error::NoEntry) => Ok(()),
            Err(error) => Err(error),
        })
    }
}

#[cfg(target_os = "linux")]
fn find() -> Result<Arc<CredentialStore>, Error> {
    Ok(zbus_secret_service_keyring_store::Store::new()?)
}

#[cfg(target_os = "macos")]
fn find() -> Result<Arc<CredentialStore>, Error> {
    Ok(apple_native_keyring_store::keychain::Store::new()?)
}

#[cfg(target_os = "windows")]
fn find() -> Result<Arc<CredentialStore>, Error> {
    Ok(windows_native_keyring_store::Store::new()?)
}

/// The person wants no keychain: it has nothing and takes nothing, so that the profile keeps everything.
struct Nowhere;

impl Keychain for Nowhere {
    fn load(&self) -> Result<Option<String>, String> {
        Ok(None)
    }

    fn keep(&self, _: &str) -> Result<(), String> {
        Err("it is turned off by --no-keychain".to_owned())
    }

    fn forget(&self) -> Result<(), String> {
        Ok(())
    }
}
