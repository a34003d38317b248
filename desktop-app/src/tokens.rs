//! Where the account's tokens are kept: in the system's keychain if the program that opens the profile has one, otherwise in the
//! profile's database.
//!
//! New tokens are kept before they are used, and the database's are taken away only in a transaction after the keychain has the new
//! ones. So whatever dies in between, what is found at the next opening is the newest tokens or those before, which the relay takes
//! until the newest were used (DELIVERY rule 19).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parley_protocol::DeviceId;
use parley_protocol::http::Tokens;
use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use crate::error::{EngineError, Result};
use crate::store::{Sql, settings};
use crate::views::Me;

/// The setting with the tokens, while the database has them.
const IN_PROFILE: &str = "credentials";
/// The setting which says that the keychain has them.
const IN_KEYCHAIN: &str = "tokens_in_keychain";
/// What is said of a keychain that takes longer than it may.
pub(crate) const SILENT: &str = "it does not answer";

/// Keeps one profile's secret outside of the profile. Calls may block; they are made one at a time.
pub trait Keychain: Send + Sync {
    /// The secret, or `None` if there is none.
    ///
    /// # Errors
    /// Why the keychain cannot be read, for a person.
    fn load(&self) -> Result<Option<String>, String>;

    /// Keeps a secret in place of the one before.
    ///
    /// # Errors
    /// Why the keychain cannot be written, for a person.
    fn keep(&self, secret: &str) -> Result<(), String>;

    /// Forgets the secret.
    ///
    /// # Errors
    /// Why the keychain cannot be written, for a person.
    fn forget(&self) -> Result<(), String>;

    /// How long reading may take, while nothing else can begin: it may be asking the person to unlock it. Once it is open, anything
    /// else may take a third of that. What takes longer counts as failed.
    fn patience(&self) -> Duration {
        Duration::from_secs(60)
    }
}

/// What opens the relay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Credentials {
    pub(crate) relay: String,
    pub(crate) access: String,
    pub(crate) refresh: String,
    /// By this device's own clock, in milliseconds.
    pub(crate) expires_at: u64,
    /// Whose they are; nil in profiles that were written before this was kept.
    #[serde(default)]
    pub(crate) device: DeviceId,
    /// The keychain has them already.
    #[serde(skip)]
    in_keychain: bool,
}

impl Credentials {
    pub(crate) fn new(relay: &str, tokens: &Tokens, now: u64) -> Self {
        Self {
            relay: relay.to_owned(),
            access: tokens.access_token.clone(),
            refresh: tokens.refresh_token.clone(),
            expires_at: now + tokens.expires_in * 1_000,
            device: tokens.device,
            in_keychain: false,
        }
    }

    /// Writes to the database what it is to know of them: the tokens themselves, or that the keychain has them.
    pub(crate) fn write(&self, tx: &Connection) -> Sql<()> {
        if self.in_keychain {
            settings::remove(tx, IN_PROFILE)?;
            settings::set(tx, IN_KEYCHAIN, &true)
        } else {
            settings::set(tx, IN_PROFILE, self)?;
            settings::remove(tx, IN_KEYCHAIN)
        }
    }

    /// Takes away what the database knows of any.
    pub(crate) fn erase(tx: &Connection) -> Sql<()> {
        settings::remove(tx, IN_PROFILE)?;
        settings::remove(tx, IN_KEYCHAIN)
    }
}

/// Whether the keychain has the tokens of this profile.
pub(crate) fn in_keychain(db: &Connection) -> Sql<bool> {
    Ok(settings::get(db, IN_KEYCHAIN)?.unwrap_or(false))
}

/// The tokens of a profile that is being opened. If the keychain has lost them, the profile is signed out and says why.
pub(crate) fn load(db: &Connection, keychain: Option<&dyn Keychain>) -> Result<Option<Credentials>> {
    let Some(me) = settings::get::<Me>(db, "me")? else {
        return Ok(None);
    };
    if let Some(kept) = settings::get::<Credentials>(db, IN_PROFILE)? {
        return Ok(Some(kept));
    }
    if !in_keychain(db)? {
        return Ok(None);
    }
    let Some(keychain) = keychain else {
        return Err(EngineError::Keychain("only the program that put it there can open this profile".to_owned()));
    };
    let found = keychain.load().map_err(EngineError::Keychain)?;
    let kept = found.and_then(|text| serde_json::from_str::<Credentials>(&text).ok());
    if let Some(kept) = kept.filter(|kept| kept.device == me.device) {
        return Ok(Some(Credentials { in_keychain: true, ..kept }));
    }
    settings::remove(db, "me")?;
    settings::set(db, "signed_out_because", &"The system's keychain no longer has this profile's sign-in.")?;
    Credentials::erase(db)?;
    Ok(None)
}

/// Keeps the tokens of an open profile.
#[derive(Clone)]
pub(crate) struct Keeper {
    keychain: Option<Arc<dyn Keychain>>,
    /// The keychain did not take the last ones, which has been said.
    refused: Arc<AtomicBool>,
    /// Held by the call that is being made, also by one that is waited for no more: what it keeps in the end must not take the place
    /// of what was kept after it.
    turn: Arc<Mutex<()>>,
}

impl Keeper {
    pub(crate) fn new(keychain: Option<Arc<dyn Keychain>>) -> Self {
        Self { keychain, refused: Arc::default(), turn: Arc::default() }
    }

    /// Calls the keychain once the calls before are through; not at all if that takes too long.
    async fn call(
        &self,
        keychain: Arc<dyn Keychain>,
        work: impl FnOnce(&dyn Keychain) -> Result<(), String> + Send + 'static,
    ) -> Result<(), String> {
        let (patience, turn) = (keychain.patience() / 3, Arc::clone(&self.turn));
        let done = async {
            let turn = turn.lock_owned().await;
            let call = move || {
                let _turn = turn;
                work(&*keychain)
            };
            tokio::task::spawn_blocking(call).await
        };
        match tokio::time::timeout(patience, done).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) | Err(_) => Err(SILENT.to_owned()),
        }
    }

    /// Puts tokens into the keychain, if there is one and it takes them. The database has to be told in any case.
    pub(crate) async fn keep(&self, mut credentials: Credentials) -> Credentials {
        let Some(keychain) = self.keychain.clone() else {
            return credentials;
        };
        let Ok(text) = serde_json::to_string(&credentials) else {
            return credentials;
        };
        let refused = self.call(keychain, move |keychain| keychain.keep(&text)).await.err();
        credentials.in_keychain = refused.is_none();
        let before = self.refused.swap(refused.is_some(), Ordering::Relaxed);
        if let Some(reason) = refused.filter(|_| !before) {
            tracing::warn!(reason, "the keychain does not take the sign-in; the profile keeps it");
        }
        credentials
    }

    /// Takes away what the keychain has.
    pub(crate) async fn forget(&self) {
        let Some(keychain) = self.keychain.clone() else { return };
        if let Err(reason) = self.call(keychain, |keychain| keychain.forget()).await {
            tracing::warn!(reason, "the keychain still has a sign-in that is over");
        }
    }
}
