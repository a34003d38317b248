//! The relay as a whole: opening it, running it until it is told to stop, and stopping it in order.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parley_protocol::Millis;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::accounts::{Accounts, StartError};
use crate::config::Config;
use crate::rates::Rates;
use crate::relay::Relay;
use crate::routes::{Api, Bodies};
use crate::store::{self, OpenError};

/// The database's name in the data folder.
const DATABASE: &str = "relay.db";
/// How long sessions and requests may take to end.
const DRAIN: Duration = Duration::from_secs(3);
/// How long the disk may take for what is queued then; together with the drain, less than five seconds.
const CLOSE: Duration = Duration::from_secs(1);
const TIDY_EVERY: Duration = Duration::from_secs(60);

/// Why the relay did not start, or had to stop.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The data folder cannot be used.
    #[error("the data folder {}: {source}", path.display())]
    Data {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Two relays on one database would each believe to be alone.
    #[error("another relay runs on {}; stop it first, or give this one another folder by --data", .0.display())]
    Locked(PathBuf),
    /// The database.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// Keys and passwords.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The outcome of a commit is unknown.
    #[error(
        "the disk failed while the database was written, so what is on it is not certain; the relay stops. Check the disk and start it again: what was acknowledged before is safe"
    )]
    Fatal,
    /// A thread panicked.
    #[error("the relay has a fault and stops; its log says more. Start it again: what was acknowledged before is safe")]
    Fault,
    /// The disk hangs.
    #[error(
        "the disk took too long for what was queued, so the relay stops without it: none of that was acknowledged, what was is safe"
    )]
    Unstored,
    /// Something that `relay-server invite` says.
    #[error("{0}")]
    Invite(String),
}

/// A relay which is open and does not serve yet.
pub struct Server {
    listener: TcpListener,
    api: Arc<Api>,
    // Held as long as the relay lives.
    _lock: File,
}

/// Opens the relay and runs it until the token is cancelled.
///
/// # Errors
/// What kept it from starting, or [`RunError::Fatal`].
pub async fn run(listener: TcpListener, config: Config, shutdown: CancellationToken) -> Result<(), RunError> {
    Server::open(listener, config)?.serve(shutdown).await
}

impl Server {
    /// Opens the data folder, which is made if there is none. To be called within a tokio runtime.
    ///
    /// # Errors
    /// What keeps the relay from starting.
    pub fn open(listener: TcpListener, config: Config) -> Result<Self, RunError> {
        let lock = lock_folder(&config.data)?;
        keep_private(&database(&config))?;
        let relay = Relay::open(&database(&config), config.limits(), config.ice_servers.0.clone(), config.presence)?;
        let accounts = Arc::new(Accounts::open(&config, Arc::clone(&relay))?);
        let rates = Rates::new(&config);
        let bodies = Bodies::new(usize::try_from(config.request_bytes.0).unwrap_or(usize::MAX));
        let api = Api { config, accounts, relay, rates, metrics: crate::metrics::recorder(), bodies };
        Ok(Self { listener, api: Arc::new(api), _lock: lock })
    }

    /// The relay which is served: its store, for whoever runs it inside a program of their own.
    #[must_use]
    pub fn relay(&self) -> Arc<Relay> {
        Arc::clone(&self.api.relay)
    }

    /// Serves until the token is cancelled; then no more is accepted, what is queued is stored and answered, and
    /// sessions are told. All of it takes less than five seconds.
    ///
    /// # Errors
    /// [`RunError::Fatal`], [`RunError::Fault`], [`RunError::Unstored`].
    pub async fn serve(self, shutdown: CancellationToken) -> Result<(), RunError> {
        let Self { listener, api, _lock } = self;
        let fatal = api.relay.store().fatal();
        let failed = || Err(if api.relay.store().is_faulty() { RunError::Fault } else { RunError::Fatal });
        let stop = CancellationToken::new();
        let tidying = tokio::spawn(tidy(Arc::clone(&api), stop.clone()));
        let mut serving = tokio::spawn(crate::serve::serve(listener, Arc::clone(&api), stop.clone()));
        tokio::select! {
            () = fatal.cancelled() => return failed(),
            () = shutdown.cancelled() => {}
        }
        tracing::info!("stopping");
        stop.cancel();
        let drain = async {
            api.relay.close_sessions().await;
            // Fails only if the task panicked, and then nothing is left to wait for.
            let _ = (&mut serving).await;
        };
        if tokio::time::timeout(DRAIN, drain).await.is_err() {
            tracing::warn!("some connections did not end in time and are cut off");
            serving.abort();
        }
        let closing = async {
            let _ = tidying.await;
            api.relay.store().close().await;
        };
        tokio::select! {
            () = fatal.cancelled() => failed(),
            closed = tokio::time::timeout(CLOSE, closing) => {
                closed.map_err(|_| RunError::Unstored)?;
                tracing::info!("stopped; everything is stored");
                Ok(())
            }
        }
    }
}

/// The path of the database.
#[must_use]
pub fn database(config: &Config) -> PathBuf {
    config.data.join(DATABASE)
}

/// Makes a code by which so many people can make an account, and returns it. It is stored as a fingerprint alone.
///
/// # Errors
/// If the relay has never run on this folder.
pub fn invite(config: &Config, uses: u32, good_for: Duration) -> Result<String, RunError> {
    let path = database(config);
    let wrong = |error: rusqlite::Error| RunError::Invite(format!("{}: {error}", path.display()));
    if !path.exists() {
        let message = format!(
            "there is no relay in {}; start it there once, or name its folder by --data",
            config.data.display()
        );
        return Err(RunError::Invite(message));
    }
    let sql = rusqlite::Connection::open(&path).map_err(wrong)?;
    // The relay may be running: wait for its writer, and leave checkpoints to it.
    sql.busy_timeout(Duration::from_secs(10)).map_err(wrong)?;
    sql.pragma_update(None, "wal_autocheckpoint", 0).map_err(wrong)?;
    let code = uuid::Uuid::new_v4().simple().to_string();
    let until = store::now().saturating_add(Millis::try_from(good_for.as_millis()).unwrap_or(Millis::MAX));
    let fingerprint = crate::accounts::tokens::fingerprint(&code);
    store::families::put_registration_code(&sql, &fingerprint, until, uses).map_err(wrong)?;
    Ok(code)
}

async fn tidy(api: Arc<Api>, stop: CancellationToken) {
    while stop.run_until_cancelled(tokio::time::sleep(TIDY_EVERY)).await.is_some() {
        api.rates.tidy();
        api.metrics.run_upkeep();
        if let Err(error) = api.accounts.tidy().await {
            tracing::warn!(%error, "expired tokens could not be forgotten");
        }
    }
}

/// Makes the database one that nobody else on the machine can read; SQLite gives its other files the same mode.
fn keep_private(database: &Path) -> Result<(), RunError> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
        let wrong = |source| RunError::Data { path: database.to_owned(), source };
        let file = File::options().append(true).create(true).mode(0o600).open(database).map_err(wrong)?;
        file.set_permissions(std::fs::Permissions::from_mode(0o600)).map_err(wrong)?;
    }
    Ok(())
}

fn lock_folder(data: &Path) -> Result<File, RunError> {
    let wrong = |source| RunError::Data { path: data.to_owned(), source };
    let mut folder = std::fs::DirBuilder::new();
    folder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut folder, 0o700);
    folder.create(data).map_err(wrong)?;
    let lock = File::create(data.join("lock")).map_err(wrong)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(RunError::Locked(data.to_owned())),
        Err(TryLockError::Error(source)) => Err(wrong(source)),
    }
}
