//! Accounts, their devices, and the tokens by which a device proves what it is.
//!
//! Everything that changes is one transaction of the store; what is known in memory (which families of tokens have
//! ended) follows the commit and is only a cache of it.

mod attempts;
mod devices;
mod families;
mod leaving;
mod passwords;
mod signing;
pub(crate) mod tokens;
mod users;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use parley_protocol::frames::PresenceState;
use parley_protocol::http::{Tokens as Issued, User};
use parley_protocol::{AccountId, Code, DeviceId, ErrorBody};
use rusqlite::Connection;
use uuid::Uuid;

use crate::config::{Config, Registration};
use crate::relay::Relay;
use crate::session::{Admitted, Identity};
use crate::store::families::{FamilyRow, end_families, put_family, standing};
use crate::store::{self, Failure, Store};
use attempts::Attempts;
use families::Standings;
pub(crate) use families::ended as ended_family;
use passwords::Passwords;
pub use tokens::KeyError;
use tokens::{Family, Refresh, Tokens, fingerprint};

/// The longest name of a device, in characters.
const DEVICE_NAME: usize = 64;

/// What cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The key of the tokens.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The password hasher.
    #[error("passwords cannot be hashed: {0}")]
    Passwords(argon2::password_hash::Error),
}

/// Accounts and what they sign in with.
pub(crate) struct Accounts {
    store: Store,
    relay: Arc<Relay>,
    tokens: Arc<Tokens>,
    passwords: Passwords,
    attempts: Attempts,
    standings: Standings,
    registration: Registration,
    devices_per_account: usize,
}

/// Families that have ended in a transaction, with why, to be told to the cache after its commit.
type Ended = Vec<(Family, DeviceId, Code)>;

/// A device that has just signed in, or refreshed.
struct SignedIn {
    username: String,
    token: Refresh,
    signed: String,
    ended: Ended,
}

impl Accounts {
    /// Opens the key in the data folder, which is made if there is none.
    pub(crate) fn open(config: &Config, relay: Arc<Relay>) -> Result<Self, StartError> {
        let tokens = Tokens::open(&config.data, config.access_token_lifetime, config.refresh_token_lifetime)?;
        let passwords =
            Passwords::new(config.password_hashers, config.password_queue).map_err(StartError::Passwords)?;
        Ok(Self {
            store: relay.store().clone(),
            relay,
            tokens: Arc::new(tokens),
            passwords,
            attempts: Attempts::new(config.free_signin_failures),
            standings: Standings::default(),
            registration: config.registration,
            devices_per_account: config.devices_per_account,
        })
    }

    /// Who an access token speaks for.
    ///
    /// # Errors
    /// `token_expired`, `device_revoked`, `token_reused` or `unauthorized`.
    pub(crate) async fn authenticate(&self, token: &str) -> Result<Identity, ErrorBody> {
        Ok(self.admit(token).await?.who)
    }

    /// The same, for a session, which outlives this look at it.
    ///
    /// # Errors
    /// As [`Self::authenticate`].
    pub(crate) async fn admit(&self, token: &str) -> Result<Admitted, ErrorBody> {
        let access = self.tokens.read_access(token)?;
        let ended = match self.standings.get(access.family) {
            Some(known) => known,
            None => {
                let (family, device) = (access.family, access.device);
                let found = self.store.read(move |sql| Ok(standing(sql, family, device)?)).await?;
                self.standings.remember(family, device, found);
                found
            }
        };
        match ended {
            None => {
                let who = Identity { account: access.sub, device: access.device };
                Ok(Admitted { who, family: access.family })
            }
            Some(code) => Err(ended_family(code)),
        }
    }

    /// Forgets what has run out. To be called now and then.
    pub(crate) async fn tidy(&self) -> Result<(), ErrorBody> {
        self.attempts.tidy(Instant::now());
        loop {
            let forget = |sql: &Connection| store::families::forget_expired_families(sql, seconds());
            if self.store.write(move |batch| Ok(forget(batch.sql())?)).await? == 0 {
                return Ok(());
            }
        }
    }

    /// Checks a password of an account that is known, counting failures.
    async fn check_password(&self, of: AccountId, password: String, address: IpAddr) -> Result<(), ErrorBody> {
        let found = self.store.read(move |sql| Ok(store::accounts::account(sql, of)?)).await?;
        let hash = found.map(|account| account.password_hash);
        self.check_attempt(&of.to_string(), address, password, hash).await
    }

    async fn check_attempt(
        &self,
        whom: &str,
        address: IpAddr,
        password: String,
        hash: Option<String>,
    ) -> Result<(), ErrorBody> {
        self.attempts.begin(whom, address, Instant::now())?;
        match self.passwords.verify(password, hash).await {
            Ok(true) => {
                self.attempts.succeeded(whom, address, Instant::now());
                Ok(())
            }
            Ok(false) => Err(ErrorBody::new(Code::WrongCredentials, "unknown user or wrong password")),
            Err(error) => {
                self.attempts.take_back(whom, address);
                Err(error)
            }
        }
    }

    /// The answer for a device that has just signed in; what ended in the same transaction ends here too.
    fn answer(&self, done: SignedIn) -> Result<Issued, ErrorBody> {
        self.end(done.ended);
        Ok(Issued {
            access_token: self.tokens.access(&done.token, seconds())?,
            expires_in: self.tokens.access_lifetime.as_secs(),
            refresh_token: done.signed,
            device: done.token.device,
            user: User {
                id: done.token.sub,
                username: done.username,
                presence: PresenceState::Offline,
                last_seen: None,
            },
        })
    }

    fn end(&self, ended: Ended) {
        for (family, device, code) in ended {
            self.standings.end(family, device, code);
        }
    }
}

/// Begins a family for a device, within a transaction. Whatever family the device had has to be ended before.
fn begin_family(
    sql: &Connection,
    tokens: &Tokens,
    account: AccountId,
    device: DeviceId,
) -> Result<(Refresh, String), Failure> {
    let token = tokens.refresh(account, device, Uuid::new_v4(), 1, seconds());
    let signed = tokens.sign(&token)?;
    put_family(sql, &row(&token, &signed, None))?;
    Ok((token, signed))
}

fn row(token: &Refresh, signed: &str, previous: Option<[u8; 32]>) -> FamilyRow {
    FamilyRow {
        id: token.family,
        account: token.sub,
        device: token.device,
        n: token.n,
        issued_at: token.iat,
        expires_at: token.exp,
        current: fingerprint(signed),
        previous,
        ended: None,
    }
}

/// Ends the families of a device within a transaction.
fn end_device(sql: &Connection, device: DeviceId, code: Code) -> Result<Ended, Failure> {
    Ok(end_families(sql, device, code)?.into_iter().map(|family| (family, device, code)).collect())
}

fn seconds() -> u64 {
    store::now() / 1_000
}

fn device_name(given: Option<String>) -> Result<String, ErrorBody> {
    let name = given.unwrap_or_default().trim().to_owned();
    let length = name.chars().count();
    if length > DEVICE_NAME {
        let message = format!("the name of a device has at most {DEVICE_NAME} characters; this has {length}");
        return Err(ErrorBody::new(Code::BadRequest, message));
    }
    Ok(if name.is_empty() { "unnamed device".to_owned() } else { name })
}
