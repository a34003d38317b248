//! The relay's database: one SQLite file, one thread that writes it, a few connections that read it.
//!
//! Whatever changes goes through [`Store::write`] (or the writer's own jobs): the writer takes what has queued up,
//! runs it as one transaction and answers only after the commit. Nothing else ever writes, so nothing ever waits
//! for a lock, and a change is on disk before anybody hears of it.

pub(crate) mod accounts;
mod batch;
mod failure;
pub(crate) mod families;
mod sql;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use parley_protocol::{Code, ErrorBody, Millis};
use rusqlite::{Connection, OpenFlags};
use rusqlite_migration::{Error as MigrationError, M, MigrationDefinitionError, Migrations};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

pub use batch::{Appended, Batch};
pub(crate) use batch::{Effect, LogHead};
pub use failure::{Failure, Severity, severity, try_later};
pub use sql::{SqlId, id, id_or_none};
pub(crate) use writer::{Append, Job};

use crate::limits::Limits;
use crate::live::Live;
use crate::sessions::stopping;

/// In the order in which they are applied; never changed once released, only added to.
const MIGRATIONS: &[&str] = &[
    include_str!("../../migrations/001_accounts.sql"),
    include_str!("../../migrations/002_logs.sql"),
    include_str!("../../migrations/003_tokens.sql"),
    include_str!("../../migrations/004_targets.sql"),
    include_str!("../../migrations/005_names.sql"),
    include_str!("../../migrations/006_held.sql"),
    include_str!("../../migrations/007_retention.sql"),
    include_str!("../../migrations/008_acquainted.sql"),
    include_str!("../../migrations/009_retention_since.sql"),
    include_str!("../../migrations/010_program.sql"),
];

/// Why the database could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A newer relay has written the file.
    #[error("{path} was written by a newer Parley relay: start that version, or restore a backup of this one")]
    Newer {
        /// The file.
        path: PathBuf,
    },
    /// The schema could not be brought up to date.
    #[error("{path} could not be brought up to date: {error}")]
    Migration {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        error: MigrationError,
    },
    /// The file cannot be used.
    #[error("{path} cannot be opened as the relay's database: {error}")]
    Sql {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        error: rusqlite::Error,
    },
    /// A thread could not be started.
    #[error("the writer's thread could not be started: {0}")]
    Thread(#[from] std::io::Error),
}

/// A handle on the database; clones share it.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    jobs: mpsc::Sender<Job>,
    readers: Mutex<Vec<Connection>>,
    free: Arc<Semaphore>,
    fatal: CancellationToken,
    faulty: Arc<AtomicBool>,
    stopped: CancellationToken,
}

/// Milliseconds since the Unix epoch, by this machine's clock.
#[must_use]
pub fn now() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u64::try_from(since.as_millis()).unwrap_or(Millis::MAX)
}

impl Store {
    /// Opens the file, or makes it, and brings its schema up to date. `live` hears of everything committed.
    ///
    /// # Errors
    /// [`OpenError`], with a sentence for the operator.
    pub fn open(path: &Path, limits: Arc<Limits>, live: Arc<Live>) -> Result<Self, OpenError> {
        let sql = |error| OpenError::Sql { path: path.to_owned(), error };
        let mut connection = connect(path, false).map_err(sql)?;
        let migrations = Migrations::new(MIGRATIONS.iter().copied().map(M::up).collect());
        migrations.to_latest(&mut connection).map_err(|error| match error {
            MigrationError::MigrationDefinition(MigrationDefinitionError::DatabaseTooFarAhead) => {
                OpenError::Newer { path: path.to_owned() }
            }
            error => OpenError::Migration { path: path.to_owned(), error },
        })?;
        write_again(&connection).map_err(sql)?;
        let readers = (0..limits.readers.max(1)).map(|_| connect(path, true)).collect::<Result<Vec<_>, _>>();
        let readers = readers.map_err(sql)?;
        let free = Arc::new(Semaphore::new(readers.len()));
        let (jobs, waiting) = mpsc::channel(limits.writer_queue);
        let (fatal, stopped) = (CancellationToken::new(), CancellationToken::new());
        let faulty = Arc::new(AtomicBool::new(false));
        let alarm = writer::Alarm { fatal: fatal.clone(), faulty: Arc::clone(&faulty) };
        writer::start(connection, waiting, limits, live, alarm, stopped.clone())?;
        let inner = Inner { jobs, readers: Mutex::new(readers), free, fatal, faulty, stopped };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Runs `f` in the writer's next transaction, in a savepoint of its own; answers after that transaction is
    /// committed. An `Err` of `f` rolls back what `f` did, and only that.
    ///
    /// # Errors
    /// What `f` refused with; `try_later` if the transaction could not be committed.
    pub async fn write<T, F>(&self, f: F) -> Result<T, ErrorBody>
    where
        T: Send + 'static,
        F: FnOnce(&mut Batch<'_>) -> Result<T, Failure> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let run = move |batch: &mut Batch<'_>| {
            let result = batch.in_savepoint(f);
            let after = move |committed: Result<(), ErrorBody>| {
                // Nobody may be waiting any more; what is committed is committed.
                let _ = answer.send(committed.and(result));
            };
            Box::new(after) as writer::Answer
        };
        self.submit(Job::Run(Box::new(run))).await?;
        match answered.await {
            Ok(result) => result,
            // No answer comes if the outcome is unknown; then the process is about to end.
            Err(_) if self.inner.fatal.is_cancelled() => Err(stopping()),
            Err(_) => Err(try_later()),
        }
    }

    /// Runs `f` on one of the read connections, over everything committed so far; its statements see one state of
    /// the database.
    ///
    /// # Errors
    /// What `f` refused with.
    pub async fn read<T, F>(&self, f: F) -> Result<T, ErrorBody>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    {
        let permit = Arc::clone(&self.inner.free).acquire_owned().await.map_err(|_| stopping())?;
        let inner = Arc::clone(&self.inner);
        let reading = tokio::task::spawn_blocking(move || {
            let lent = Lent::new(inner, permit);
            let connection = lent.connection()?;
            connection
                .execute_batch("BEGIN")
                .map_err(Failure::from)
                .and_then(|()| f(connection))
                .map_err(Failure::into_body)
        });
        reading.await.map_err(|_| broken_read())?
    }

    /// Queues a job for the writer, waiting while its queue is full.
    pub(crate) async fn submit(&self, job: Job) -> Result<(), ErrorBody> {
        self.inner.jobs.send(job).await.map_err(|_| stopping())
    }

    /// Cancelled when the outcome of a commit is unknown, or one of the store's threads has failed: the process has to
    /// end and start again from the disk.
    #[must_use]
    pub fn fatal(&self) -> CancellationToken {
        self.inner.fatal.clone()
    }

    /// Whether one of the store's threads has failed, which is a fault of the relay and not of the disk.
    #[must_use]
    pub fn is_faulty(&self) -> bool {
        self.inner.faulty.load(Ordering::SeqCst)
    }

    /// Lets the writer finish what is queued, and waits for it.
    pub async fn close(&self) {
        if self.submit(Job::Stop).await.is_ok() {
            self.inner.stopped.cancelled().await;
        }
    }
}

/// A read connection and its permit, held together until the read has ended: whoever asked may stop waiting before
/// that, and the read may panic.
struct Lent {
    connection: Option<Connection>,
    inner: Arc<Inner>,
    _permit: OwnedSemaphorePermit,
}

impl Lent {
    fn new(inner: Arc<Inner>, permit: OwnedSemaphorePermit) -> Self {
        let connection = inner.readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Self { connection, inner, _permit: permit }
    }

    /// The connection; there are as many as permits.
    fn connection(&self) -> Result<&Connection, ErrorBody> {
        self.connection.as_ref().ok_or_else(broken_read)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else {
            return;
        };
        if !connection.is_autocommit()
            && let Err(error) = connection.execute_batch("ROLLBACK")
        {
            tracing::error!(%error, "a read could not be ended");
        }
        self.inner.readers.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
    }
}

fn broken_read() -> ErrorBody {
    ErrorBody::new(Code::Internal, "the relay has a fault reading its database")
}

/// Writes what stands in the log file to the database file, and waits until it is there. After a process that ended because an
/// fsync failed, the log file reads well though the disk may not have it: the system drops what it could not write, and says so
/// once. Nothing new may be acknowledged behind such a hole.
fn write_again(connection: &Connection) -> rusqlite::Result<()> {
    let busy = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, bool>(0))?;
    if busy {
        tracing::warn!("another process reads the database, so its log file could not be emptied");
    }
    Ok(())
}

fn connect(path: &Path, read_only: bool) -> rusqlite::Result<Connection> {
    let flags = if read_only {
        OpenFlags::SQLITE_OPEN_READ_ONLY
    } else {
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE
    };
    let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    sql::register_functions(&connection)?;
    connection.set_prepared_statement_cache_capacity(128);
    if !read_only {
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        // A checkpoint inside COMMIT could fail after the commit itself went through; the writer runs it apart.
        connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    }
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "cache_size", -8_000)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    Ok(connection)
}
