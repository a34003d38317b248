//! The engine's handle: everything a window, a terminal or a bot can ask for.
//!
//! A handle is cheap to clone. Commands go to the core and are answered after their transaction is committed; views are read beside it.
//! What changes chats and accounts goes to the relay over HTTP and comes back by the logs, so it needs the relay;
//! messages, edits, marks and settings never wait for a connection.

mod account;
mod chats;
mod messages;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use parley_protocol::{AccountId, ChatId};
use rusqlite::Connection;
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::core::{Core, Effects, Input, Outlets, QUEUE, RolledBack, Task, TaskResult, WallClock};
use crate::error::{EngineError, Result};
use crate::events::Event;
use crate::peer::{PeerConfig, PeerEvent, PeerLinks};
use crate::profile::Profile;
use crate::relay_api::RelayApi;
use crate::relay_link::{LinkCommand, RelayLink};
use crate::store::chats::ChatRow;
use crate::store::{self, Sql, settings};
use crate::tokens::{self, Credentials, Keychain};
use crate::views::{Connection as ConnectionView, Me};

/// How many events a listener may be behind.
const EVENTS: usize = 4_096;
/// How long closing waits for the relay.
const LEAVE: std::time::Duration = std::time::Duration::from_secs(1);
/// How many connections read the database beside the core.
const READERS: usize = 3;

/// How an engine is opened.
#[derive(Clone)]
pub struct Options {
    /// The wall clock, in milliseconds since the Unix epoch. A parameter, so that tests can set it wrong.
    pub clock: WallClock,
    /// How direct links are made and kept.
    pub peers: PeerConfig,
    /// What keeps the account's tokens; without one the profile's database does.
    pub keychain: Option<Arc<dyn Keychain>>,
    /// What the account's list of devices says of what runs here, such as [`crate::names::program`] has it.
    pub program: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self { clock: Arc::new(system_clock), peers: PeerConfig::default(), keychain: None, program: None }
    }
}

/// The machine's wall clock.
fn system_clock() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// One open profile.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

struct Inner {
    inputs: mpsc::Sender<Input>,
    events: broadcast::Sender<Event>,
    link: mpsc::UnboundedSender<LinkCommand>,
    api: RelayApi,
    readers: Readers,
    /// Open chats, and the `seq` before which the relay has nothing.
    bottoms: Mutex<HashMap<ChatId, u64>>,
    stop: CancellationToken,
    finished: Mutex<Option<std::thread::JoinHandle<()>>>,
    clock: WallClock,
    rolled_back: Arc<RolledBack>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Engine {
    /// Opens a profile, making it if need be, and connects if somebody is signed in. Needs a tokio runtime.
    ///
    /// # Errors
    /// The profile is open in another process, was written by a newer version, or cannot be used.
    pub async fn open(folder: &Path, options: Options) -> Result<Self> {
        let folder = folder.to_owned();
        let (inputs, received) = mpsc::channel(QUEUE);
        let (events, _) = broadcast::channel(EVENTS);
        let (link, link_commands) = mpsc::unbounded_channel();
        let (tasks, task_queue) = mpsc::unbounded_channel();
        let (peer_events, from_peers) = mpsc::channel(QUEUE);
        let stop = CancellationToken::new();

        let profile = Profile::open(&folder)?;
        let database = profile.database();
        let credentials = saved_tokens(&database, options.keychain.clone()).await?;
        let signed_in = credentials.is_some();
        let api = RelayApi::new(credentials, options.keychain, inputs.clone(), options.clock.clone())?;
        let runtime = tokio::runtime::Handle::current();
        let start_peers = Box::new(move |device, config| {
            let _inside = runtime.enter();
            PeerLinks::start(device, config, peer_events.clone())
        });
        let rolled_back = Arc::<RolledBack>::default();
        let outlets = Outlets {
            events: events.clone(),
            link: link.clone(),
            start_peers,
            tasks,
            rolled_back: rolled_back.clone(),
        };
        let core = Core::open(profile, options.clock.clone(), outlets, options.peers, options.program)?;
        let finished = spawn_core(core, received, stop.clone())?;

        let relay = RelayLink::new(api.clone(), inputs.clone(), link_commands, options.clock.clone());
        tokio::spawn(until(stop.clone(), relay.run(signed_in)));
        tokio::spawn(until(stop.clone(), pass_on(from_peers, inputs.clone())));
        tokio::spawn(until(stop.clone(), carry_out(api.clone(), task_queue, inputs.clone())));

        let readers = Readers {
            path: database,
            idle: Arc::new(Mutex::new(Vec::new())),
            places: Arc::new(tokio::sync::Semaphore::new(READERS)),
        };
        let inner = Inner {
            inputs,
            events,
            link,
            api,
            readers,
            bottoms: Mutex::default(),
            stop,
            finished: Mutex::new(Some(finished)),
            clock: options.clock,
            rolled_back,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// What happens from now on. A listener that is more than a few thousand events behind misses the oldest; its next
    /// `recv` says so, which stands for [`Event::Lagged`].
    #[must_use]
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.inner.events.subscribe()
    }

    /// Closes the profile: what was asked for before is committed, the relay is told the marks which are due, links are
    /// closed, the lock is released. The profile opens again after this returns. A relay that does not answer is waited for a
    /// second at the most; what it was not told goes out with the next session.
    pub async fn close(&self) {
        if !self.inner.stop.is_cancelled() {
            let _ = tokio::time::timeout(LEAVE, self.take_leave()).await;
        }
        self.inner.stop.cancel();
        let thread = self.inner.finished.lock().ok().and_then(|mut thread| thread.take());
        if let Some(thread) = thread {
            // It ends at the latest after the batch it is in.
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
        if let Ok(mut idle) = self.inner.readers.idle.lock() {
            idle.clear();
        }
    }

    /// Tells the relay the marks which are due, and ends the session once it has them.
    async fn take_leave(&self) {
        if let Ok(true) = self.ask(|core, tx, out| Ok(Ok(core.tell_all_marks(tx, out)?))).await {
            let (left, gone) = oneshot::channel();
            // The link ends with the engine only; it drops its end once the session is over.
            let _ = self.inner.link.send(LinkCommand::Leave(left));
            let _ = gone.await;
        }
    }

    /// Waits until the engine has ended: closed, or by a fault of its own, after which nothing works until the profile is opened again.
    pub async fn ended(&self) {
        self.inner.inputs.closed().await;
    }

    /// Makes the engine fail as by a fault of its own. For tests of what is told then.
    #[doc(hidden)]
    #[allow(clippy::panic, reason = "it is what this is for")]
    pub async fn fail(&self) {
        let fault = self.ask(|_, _, _| -> Sql<Result<()>> { panic!("a fault was asked for") });
        // There is nobody left to answer.
        let _ = fault.await;
    }

    /// Holds the engine up, while its links and its session go on, until what this gives is dropped. For tests of a device that
    /// has what it was sent and does not say so.
    ///
    /// # Errors
    /// The engine is closed.
    #[doc(hidden)]
    pub async fn hold(&self) -> Result<std::sync::mpsc::Sender<()>> {
        let (hold, held) = std::sync::mpsc::channel();
        let (begun, begins) = oneshot::channel();
        let command = Box::new(move |_: &mut Core, _: &Connection, _: &mut Effects| {
            let _ = begun.send(());
            // It ends by the sender's end.
            let _ = held.recv();
            Ok(())
        });
        self.inner.inputs.send(Input::Command(command)).await.map_err(|_| EngineError::Closed)?;
        begins.await.map_err(|_| EngineError::Closed)?;
        Ok(hold)
    }

    /// The machine's network changed, or a person wants it: try the relay now, and make fresh links.
    pub async fn network_changed(&self) -> Result<()> {
        // The link ends with the engine only.
        let _ = self.inner.link.send(LinkCommand::Wake);
        self.ask(|core, _, out| {
            core.network_changed(out);
            Ok(Ok(()))
        })
        .await
    }

    /// Who is signed in.
    ///
    /// # Errors
    /// The profile cannot be read.
    pub async fn me(&self) -> Result<Option<Me>> {
        self.read(|db| settings::get(db, "me")).await
    }

    /// Whether the system's keychain has this profile's tokens; otherwise its database has them, if somebody is signed in.
    ///
    /// # Errors
    /// The profile cannot be read.
    pub async fn tokens_in_keychain(&self) -> Result<bool> {
        self.read(tokens::in_keychain).await
    }

    /// How the engine stands with its relay.
    ///
    /// # Errors
    /// The engine is closed.
    pub async fn connection(&self) -> Result<ConnectionView> {
        self.ask(|core, _, _| Ok(Ok(core.connection.clone()))).await
    }

    /// Makes the profile's database behave as on a disk that is full, or takes that back. For tests of what a full disk does.
    ///
    /// # Errors
    /// The engine is closed, or the disk is full.
    #[doc(hidden)]
    pub async fn fill_disk(&self, full: bool) -> Result<()> {
        // SQLite takes a bound below the file's size for that size.
        let pages = if full { 1 } else { u32::MAX - 1 };
        self.ask(move |_, tx, _| Ok(Ok(tx.pragma_update(None, "max_page_count", pages)?))).await
    }

    /// Who is signed in, or the error that nobody is.
    async fn signed_in(&self) -> Result<Me> {
        self.me().await?.ok_or(EngineError::SignedOut)
    }

    /// Runs a command in the core's next transaction; it is answered after the commit. An error of the command itself takes back
    /// what the command wrote, and only that.
    pub(crate) async fn ask<T, F>(&self, command: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Core, &Connection, &mut Effects) -> Sql<Result<T>> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let run = move |core: &mut Core, tx: &Connection, out: &mut Effects| {
            tx.execute_batch("SAVEPOINT command")?;
            let result = command(core, tx, out)?;
            tx.execute_batch(if result.is_ok() { "RELEASE command" } else { "ROLLBACK TO command; RELEASE command" })?;
            Ok(result)
        };
        let command = Box::new(move |core: &mut Core, tx: &Connection, out: &mut Effects| {
            let (result, ended) = match run(core, tx, out) {
                Ok(result) => (Some(result), Ok(())),
                // Whoever asked hears no answer, once it is known why.
                Err(error) => (None, Err(error)),
            };
            out.after.push(Box::new(move || {
                // Whoever asked may be gone.
                let _ = result.map(|result| answer.send(result));
            }));
            ended
        });
        let rolled_back = &self.inner.rolled_back;
        let before = rolled_back.times();
        self.inner.inputs.send(Input::Command(command)).await.map_err(|_| EngineError::Closed)?;
        // A command whose transaction failed is dropped with its answer.
        answered
            .await
            .map_err(|_| {
                // The core was closed, or died of a fault of its own.
                if self.inner.stop.is_cancelled() || rolled_back.times() == before {
                    EngineError::Closed
                } else if rolled_back.for_a_full_disk() {
                    EngineError::DiskFull
                } else {
                    EngineError::NotWritten
                }
            })
            .flatten()
    }

    /// Reads the database beside the core.
    async fn read<T, F>(&self, query: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Sql<T> + Send + 'static,
    {
        self.inner.readers.read(query).await
    }

    /// A chat of this profile, or the error that there is none.
    async fn chat_row(&self, chat: ChatId) -> Result<ChatRow> {
        self.read(move |db| store::chats::get(db, chat))
            .await?
            .ok_or_else(|| EngineError::NotFound("such chat".to_owned()))
    }

    fn now(&self) -> u64 {
        (self.inner.clock)()
    }
}

/// Whose history the profile in a folder holds, as far as that can be seen without opening it. They need not be signed in now.
#[must_use]
pub fn owner_of(folder: &Path) -> Option<Me> {
    let db = store::open_reader(&Profile::database_in(folder)).ok()?;
    settings::get(&db, "last_me").ok().flatten()
}

/// A few read-only connections, opened as they are needed.
struct Readers {
    path: PathBuf,
    idle: Arc<Mutex<Vec<Connection>>>,
    places: Arc<tokio::sync::Semaphore>,
}

impl Readers {
    async fn read<T, F>(&self, query: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Sql<T> + Send + 'static,
    {
        tracing::trace!("a read beside the core");
        let place = self.places.clone().acquire_owned().await.map_err(|_| EngineError::Closed)?;
        let (path, idle) = (self.path.clone(), self.idle.clone());
        tokio::task::spawn_blocking(move || {
            let _place = place;
            let waiting = idle.lock().ok().and_then(|mut idle| idle.pop());
            let db = match waiting {
                Some(db) => db,
                None => store::open_reader(&path)?,
            };
            let result = query(&db).map_err(EngineError::from);
            if let Ok(mut idle) = idle.lock() {
                idle.push(db);
            }
            result
        })
        .await
        .map_err(|_| EngineError::Closed)?
    }
}

/// The core has a thread and a small runtime of its own, so that SQLite never holds up a link.
fn spawn_core(
    core: Core,
    inputs: mpsc::Receiver<Input>,
    stop: CancellationToken,
) -> Result<std::thread::JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let thread = std::thread::Builder::new()
        .name("parley-core".to_owned())
        .spawn(move || runtime.block_on(core.run(inputs, stop)))?;
    Ok(thread)
}

/// The tokens of a profile that is being opened.
async fn saved_tokens(database: &Path, keychain: Option<Arc<dyn Keychain>>) -> Result<Option<Credentials>> {
    let database = database.to_owned();
    let patience = keychain.as_ref().map_or(Duration::MAX, |keychain| keychain.patience());
    let load = move || tokens::load(&store::open(&database)?, keychain.as_deref());
    let loaded = tokio::task::spawn_blocking(load);
    let loaded = tokio::time::timeout(patience, loaded).await;
    loaded.map_err(|_| EngineError::Keychain(tokens::SILENT.to_owned()))?.map_err(|_| EngineError::Closed)?
}

async fn until(stop: CancellationToken, work: impl Future<Output = ()>) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = work => {}
    }
}

async fn pass_on(mut events: mpsc::Receiver<PeerEvent>, inputs: mpsc::Sender<Input>) {
    while let Some(event) = events.recv().await {
        if inputs.send(Input::Peer(event)).await.is_err() {
            return;
        }
    }
}

/// Carries out the core's requests to the relay, one after the other.
async fn carry_out(api: RelayApi, mut tasks: mpsc::UnboundedReceiver<Task>, inputs: mpsc::Sender<Input>) {
    // What only adds to what is shown holds nothing up.
    let mut asked = JoinSet::new();
    while let Some(task) = tasks.recv().await {
        while asked.try_join_next().is_some() {}
        let result = match task {
            Task::Restore { chat, changes } => restore(&api, chat, changes).await,
            Task::ReplaceDevice => match api.replace_device().await {
                Ok((credentials, me)) => TaskResult::Replaced { credentials, me },
                Err(error) if error.is_for_now() => {
                    TaskResult::ReplaceLater { reason: error.to_string(), retry_after: error.retry_after() }
                }
                Err(error) => TaskResult::ReplaceFailed {
                    reason: format!("This profile is an old copy, and a new sign-in is needed: {error}"),
                },
            },
            Task::ForgetTokens => {
                api.forget_tokens().await;
                continue;
            }
            Task::Name { account } => {
                match api.get::<parley_protocol::http::User>(&format!("/api/users/{account}")).await {
                    Ok(user) => TaskResult::Named { account, username: user.username },
                    Err(_) => continue,
                }
            }
            Task::LastSeen { accounts } => {
                asked.spawn(ask_last_seen(api.clone(), accounts, inputs.clone()));
                continue;
            }
        };
        if inputs.send(Input::TaskDone(result)).await.is_err() {
            return;
        }
    }
}

/// Asks of one after the other when they were last there, as far as the relay answers.
async fn ask_last_seen(api: RelayApi, accounts: Vec<AccountId>, inputs: mpsc::Sender<Input>) {
    for account in accounts {
        let Ok(user) = api.get::<parley_protocol::http::User>(&format!("/api/users/{account}")).await else {
            break;
        };
        let said = TaskResult::LastSeen { account, at: user.last_seen };
        if inputs.send(Input::TaskDone(said)).await.is_err() {
            return;
        }
    }
    // The core ends with the engine only.
    let _ = inputs.send(Input::TaskDone(TaskResult::LastSeenAsked)).await;
}

async fn restore(
    api: &RelayApi,
    chat: ChatId,
    changes: Vec<(parley_protocol::EventId, parley_protocol::ChatChange)>,
) -> TaskResult {
    use parley_protocol::http::{RestoreChat, Restored, RestoredChange};
    let given = changes.iter().map(|(id, change)| RestoredChange { id: *id, change: change.clone() }).collect();
    let ids = changes.iter().map(|(id, _)| *id).collect();
    let path = format!("/api/chats/{chat}/restore");
    match api.call::<_, Restored>(reqwest::Method::POST, &path, Some(&RestoreChat { changes: given })).await {
        Ok(Restored { taken }) => TaskResult::Restored { chat, given: ids, taken },
        Err(EngineError::Relay(error)) if !error.is_for_now() => {
            tracing::warn!(%chat, %error, "the relay did not take the changes which it lacks");
            TaskResult::Restored { chat, given: Vec::new(), taken: Vec::new() }
        }
        Err(error) => TaskResult::RestoreLater { chat, changes, retry_after: error.retry_after() },
    }
}
