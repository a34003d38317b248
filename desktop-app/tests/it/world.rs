//! A small world: a relay, people with devices, and verbs for trouble.
//!
//! The relay and every device have a tokio runtime of their own, so that any of them can be killed as by `kill -9`: all its
//! tasks stop where they are, nothing is told to anybody. Each device reaches the relay through a gate of its own, which
//! can be cut, frozen and slowed.

mod device;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use desktop_app::peer::{PeerConfig, Trouble};
use desktop_app::views::{ChatView, Delivery, MessageKind, MessageView, Outgoing, Page};
use desktop_app::{Engine, Options};
use parley_protocol::http::{SignIn, SignUp};
use parley_protocol::{ChatId, DeviceId, MessageKey};
use relay_server::config::Config;
use relay_server::store::Store;
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

use crate::gate::Gate;

pub(crate) use device::Device;

/// How long anything may take before a test gives up on it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// Everybody's password.
pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// A relay and where it keeps its data.
pub(crate) struct World {
    folder: TempDir,
    port: u16,
    pub(crate) configure: fn(&mut Config),
    relay: Option<(Runtime, Store)>,
}

impl World {
    /// A world whose relay runs.
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// A world whose relay runs with other limits.
    pub(crate) async fn with(configure: fn(&mut Config)) -> Self {
        if std::env::var_os("RUST_LOG").is_some() {
            let filter = tracing_subscriber::EnvFilter::from_default_env();
            let _ = tracing_subscriber::fmt().with_env_filter(filter).with_test_writer().try_init();
        }
        let mut world = Self { folder: tempfile::tempdir().unwrap(), port: 0, configure, relay: None };
        world.start_relay().await;
        world
    }

    /// Where the relay listens.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Leaves everything where it is when this world ends, for whoever wants to look.
    pub(crate) fn keep(&mut self) -> &Path {
        self.folder.disable_cleanup(true);
        self.folder.path()
    }

    /// Where the relay keeps its database.
    pub(crate) fn relay_data(&self) -> PathBuf {
        self.folder.path().join("relay")
    }

    /// Starts the relay, on the port it had before.
    pub(crate) async fn start_relay(&mut self) {
        assert!(self.relay.is_none(), "the relay runs already");
        let runtime = runtime("relay");
        let mut config = Config { data: self.relay_data(), ..Config::default() };
        generous(&mut config);
        (self.configure)(&mut config);
        let port = self.port;
        let listener = runtime.spawn(async move { bind(port).await }).await.unwrap();
        self.port = listener.local_addr().unwrap().port();
        let server = runtime.spawn(async move { relay_server::Server::open(listener, config) }).await.unwrap().unwrap();
        let store = server.relay().store().clone();
        runtime.spawn(async move {
            let forever = tokio_util::sync::CancellationToken::new();
            server.serve(forever).await.unwrap();
        });
        let address = ("127.0.0.1", self.port);
        eventually("the relay answers", async || TcpStream::connect(address).await.is_ok()).await;
        self.relay = Some((runtime, store));
    }

    /// Kills the relay as by `kill -9`. What its writer had queued is written, as in the moment before, and nobody hears of it.
    pub(crate) async fn kill_relay(&mut self) {
        let (runtime, store) = self.relay.take().expect("the relay runs");
        kill(runtime).await;
        store.close().await;
    }

    pub(crate) fn relay_runs(&self) -> bool {
        self.relay.is_some()
    }

    /// How many entries the relay has in a chat's log.
    pub(crate) async fn entries_kept(&self, chat: ChatId) -> u64 {
        let (_, store) = self.relay.as_ref().expect("the relay runs");
        let count = "SELECT count(*) FROM entries WHERE log = ?1";
        let read = store.read(move |sql| Ok(sql.query_row(count, [chat.as_bytes()], |row| row.get::<_, u64>(0))?));
        read.await.unwrap()
    }

    /// How far the relay knows that a device has a chat's log.
    pub(crate) async fn cursor_of(&self, chat: ChatId, device: DeviceId) -> u64 {
        let (_, store) = self.relay.as_ref().expect("the relay runs");
        let cursor = "SELECT max(seq) FROM cursors WHERE chat = ?1 AND device = ?2";
        let read = store.read(move |sql| {
            Ok(sql.query_row(cursor, [chat.as_bytes(), device.as_bytes()], |row| row.get::<_, u64>(0))?)
        });
        read.await.unwrap()
    }

    /// The relay's disk is full, or no longer.
    pub(crate) async fn fill_relay_disk(&self, full: bool) {
        let (_, store) = self.relay.as_ref().expect("the relay runs");
        // SQLite takes a bound below the file's size for that size.
        let pages = if full { 1 } else { u32::MAX - 1 };
        let bound = async || {
            let set = store.write(move |batch| Ok(batch.sql().pragma_update(None, "max_page_count", pages)?));
            set.await.is_ok()
        };
        eventually("the relay's disk is another", bound).await;
    }

    /// Kills the relay and starts it again.
    pub(crate) async fn restart_relay(&mut self) {
        self.kill_relay().await;
        self.start_relay().await;
    }

    /// Kills the relay, copies what is on its disk, and starts it again.
    pub(crate) async fn back_up_relay(&mut self) -> TempDir {
        self.kill_relay().await;
        let copy = self.copy_relay();
        self.start_relay().await;
        copy
    }

    /// Kills the relay, puts a copy back, and starts it.
    pub(crate) async fn go_back_to(&mut self, copy: &TempDir) {
        self.kill_relay().await;
        self.restore_relay(copy);
        self.start_relay().await;
    }

    /// A copy of what the relay has on its disk now, as a backup takes it. The relay must not run.
    pub(crate) fn copy_relay(&self) -> TempDir {
        assert!(self.relay.is_none(), "stop the relay first");
        copy_of(&self.relay_data())
    }

    /// Puts a copy back.
    pub(crate) fn restore_relay(&self, copy: &TempDir) {
        assert!(self.relay.is_none(), "stop the relay first");
        std::fs::remove_dir_all(self.relay_data()).unwrap();
        copy_folder(copy.path(), &self.relay_data());
    }

    /// A new person with one device, signed up.
    pub(crate) async fn sign_up(&self, name: &str) -> Device {
        let device = self.device(name, name).await;
        let (relay, name) = (device.relay(), name.to_owned());
        let request = SignUp {
            email: format!("{name}@example.org"),
            username: name,
            password: PASSWORD.to_owned(),
            invite: None,
            device_name: Some("first".to_owned()),
        };
        device.on(move |engine| async move { engine.sign_up(&relay, request).await }).await.unwrap();
        device.online().await;
        device
    }

    /// Another device of somebody, signed in.
    pub(crate) async fn sign_in(&self, name: &str, folder: &str) -> Device {
        let device = self.device(name, folder).await;
        device.sign_in().await;
        device.online().await;
        device
    }

    /// A device with a profile folder and a gate of its own; nobody is signed in.
    pub(crate) async fn device(&self, name: &str, folder: &str) -> Device {
        let gate = Gate::open(self.port).await;
        let mut device = Device::new(name, self.folder.path().join("profiles").join(folder), gate);
        device.start().await;
        device
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some((runtime, _)) = self.relay.take() {
            runtime.shutdown_background();
        }
    }
}

/// Tests are fast and come from one address.
fn generous(config: &mut Config) {
    config.frames_per_second = 1_000_000;
    config.frames_burst = 1_000_000;
    config.requests_per_account = 100_000;
    config.requests_per_address = 100_000;
    config.signups_per_address = 100_000;
}

async fn bind(port: u16) -> TcpListener {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match TcpListener::bind(("127.0.0.1", port)).await {
            Ok(listener) => return listener,
            Err(error) if Instant::now() > deadline => panic!("cannot bind: {error}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

fn runtime(name: &str) -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).thread_name(name).enable_all().build().unwrap()
}

/// Stops a runtime where it is. Blocking work (SQLite) that is under way is waited for, as a killed process's system calls are.
async fn kill(runtime: Runtime) {
    tokio::task::spawn_blocking(move || runtime.shutdown_timeout(Duration::from_secs(5))).await.unwrap();
}

/// A copy of a folder which nobody writes in any more, but for a thread that may take a moment to close its database.
fn copy_of(folder: &Path) -> TempDir {
    let state = || -> Vec<_> {
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
        let mut files: Vec<_> = entries
            .filter_map(|entry| {
                let about = entry.metadata().ok()?;
                Some((entry.file_name(), about.len(), about.modified().ok()))
            })
            .collect();
        files.sort();
        files
    };
    let deadline = Instant::now() + PATIENCE;
    let mut before = state();
    loop {
        std::thread::sleep(Duration::from_millis(100));
        let now = state();
        if now == before {
            break;
        }
        assert!(Instant::now() < deadline, "{} never comes to rest", folder.display());
        before = now;
    }
    let copy = tempfile::tempdir().unwrap();
    copy_folder(folder, copy.path());
    copy
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &to.join(entry.file_name()));
        } else {
            std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

/// Waits for a condition.
pub(crate) async fn eventually(what: &str, condition: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition().await {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(15)).await;
    }
}
