//! One device of somebody: its app, the gate between it and the relay, and what one does with it.

use std::path::PathBuf;

use super::*;

/// One device of somebody.
pub(crate) struct Device {
    pub(crate) name: String,
    pub(crate) folder: PathBuf,
    pub(crate) gate: Gate,
    skew: Arc<AtomicI64>,
    /// What happens to the packets of this device's links; see the verbs.
    pub(crate) link_trouble: Trouble,
    running: Option<Running>,
}

struct Running {
    runtime: Runtime,
    engine: Engine,
}

impl Drop for Device {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            running.runtime.shutdown_background();
        }
    }
}

impl Device {
    pub(super) fn new(name: &str, folder: PathBuf, gate: Gate) -> Self {
        let (skew, link_trouble) = (Arc::new(AtomicI64::new(0)), Trouble::default());
        Self { name: name.to_owned(), folder, gate, skew, link_trouble, running: None }
    }

    /// Opens the profile.
    pub(crate) async fn start(&mut self) {
        assert!(self.running.is_none(), "{} runs already", self.name);
        let runtime = runtime(&self.name);
        let (folder, skew) = (self.folder.clone(), self.skew.clone());
        let peers = PeerConfig { trouble: Some(self.link_trouble.clone()), ..PeerConfig::default() };
        let program = Some(format!("{} on a test", self.name));
        let options = Options { clock: Arc::new(move || skewed(&skew)), peers, program, ..Options::default() };
        let deadline = Instant::now() + PATIENCE;
        let engine = loop {
            let (folder, options) = (folder.clone(), options.clone());
            match runtime.spawn(async move { Engine::open(&folder, options).await }).await.unwrap() {
                Ok(engine) => break engine,
                // One that was killed may take a moment to be gone.
                Err(desktop_app::EngineError::ProfileInUse(_)) if Instant::now() < deadline => {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                Err(error) => panic!("{}: {error}", self.name),
            }
        };
        self.running = Some(Running { runtime, engine });
    }

    /// Kills the app as by `kill -9`.
    pub(crate) async fn kill(&mut self) {
        let Running { runtime, engine } = self.running.take().expect("the app runs");
        kill(runtime).await;
        drop(engine);
    }

    /// Closes the app in order.
    pub(crate) async fn close(&mut self) {
        let engine = self.engine().clone();
        engine.close().await;
        drop(engine);
        self.kill().await;
    }

    /// Kills the app and opens it again.
    pub(crate) async fn restart(&mut self) {
        self.kill().await;
        self.start().await;
    }

    /// A copy of the profile as a backup takes it. The app must not run.
    pub(crate) async fn copy_profile(&self) -> TempDir {
        self.is_closed().await;
        let copy = tempfile::tempdir().unwrap();
        copy_folder(&self.folder, copy.path());
        copy
    }

    /// Puts a copy of the profile back. The app must not run.
    pub(crate) async fn put_back(&self, copy: &TempDir) {
        self.is_closed().await;
        std::fs::remove_dir_all(&self.folder).unwrap();
        copy_folder(copy.path(), &self.folder);
    }

    /// Waits until an app that was killed has let go of its profile.
    async fn is_closed(&self) {
        assert!(self.running.is_none(), "stop {} first", self.name);
        let lock = self.folder.join("lock");
        let free = async || std::fs::File::open(&lock).unwrap().try_lock().is_ok();
        eventually(&format!("{} is gone", self.name), free).await;
    }

    pub(crate) fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// Sets this device's clock wrong by so much.
    pub(crate) fn set_skew(&self, skew: i64) {
        self.skew.store(skew, Ordering::Relaxed);
    }

    /// The network between this device and its peers swallows everything, both ways.
    pub(crate) fn stop_links(&self) {
        self.link_trouble.stop();
    }

    /// What this device sends on links is lost to this share (from 0 to 1), and as much of it is doubled.
    pub(crate) fn lose(&self, share: f64, seed: u64) {
        self.link_trouble.seed(seed);
        self.link_trouble.lose(share);
        self.link_trouble.double(share);
    }

    /// What this device sends on links takes this long, and overtakes itself.
    pub(crate) fn delay_links(&self, range: std::ops::Range<Duration>) {
        self.link_trouble.delay(range);
    }

    /// It is as before.
    pub(crate) fn heal_links(&self) {
        self.link_trouble.heal();
    }

    /// The relay's address, through this device's gate.
    pub(crate) fn relay(&self) -> String {
        format!("http://127.0.0.1:{}", self.gate.port())
    }

    /// Runs something on the engine, in the device's own runtime.
    pub(crate) async fn on<T, W>(&self, work: impl FnOnce(Engine) -> W) -> T
    where
        T: Send + 'static,
        W: Future<Output = T> + Send + 'static,
    {
        let Running { runtime, engine } = self.running.as_ref().expect("the app runs");
        let engine = engine.clone();
        runtime.spawn(work(engine)).await.unwrap()
    }

    /// Begins something on the engine, in the device's own runtime, and doesn't wait: it dies with the device.
    pub(crate) fn begin<W>(&self, work: impl FnOnce(Engine) -> W)
    where
        W: Future<Output: Send> + Send + 'static,
    {
        let Running { runtime, engine } = self.running.as_ref().expect("the app runs");
        runtime.spawn(work(engine.clone()));
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.running.as_ref().expect("the app runs").engine
    }

    pub(crate) async fn sign_in(&self) {
        let (relay, name) = (self.relay(), self.name.clone());
        let request = SignIn { username: Some(name), password: PASSWORD.to_owned(), ..SignIn::default() };
        self.on(move |engine| async move { engine.sign_in(&relay, request).await }).await.unwrap();
    }

    pub(crate) async fn device_id(&self) -> DeviceId {
        self.engine().me().await.unwrap().unwrap().device
    }

    /// Waits until a session is open and everything has been caught up with.
    pub(crate) async fn online(&self) {
        let up = async || {
            let connection = self.engine().connection().await.unwrap();
            matches!(connection, desktop_app::views::Connection::Online { behind: 0, .. })
        };
        eventually(&format!("{} is online", self.name), up).await;
    }

    /// Opens a direct chat with somebody.
    pub(crate) async fn direct(&self, with: &Device) -> ChatId {
        let name = with.name.clone();
        self.on(move |engine| async move { engine.new_direct(&name).await }).await.unwrap()
    }

    /// Waits until this device has a chat.
    pub(crate) async fn has_chat(&self, chat: ChatId) {
        eventually(&format!("{} has the chat", self.name), async || self.engine().chat(chat).await.is_ok()).await;
    }

    pub(crate) async fn say(&self, chat: ChatId, text: &str) -> MessageKey {
        let message = Outgoing { text: text.to_owned(), ..Outgoing::default() };
        self.engine().send(chat, message).await.unwrap()
    }

    /// Everything in a chat, in order.
    pub(crate) async fn lines(&self, chat: ChatId) -> Vec<MessageView> {
        let mut lines =
            self.on(move |engine| async move { engine.history(chat, Page::Newest, 500).await }).await.unwrap();
        while lines.len() >= 500 {
            let first = lines[0].position;
            let page = self
                .on(move |engine| async move { engine.history(chat, Page::Before { position: first }, 500).await })
                .await
                .unwrap();
            if page.is_empty() {
                break;
            }
            lines.splice(0..0, page);
        }
        lines
    }

    /// The words of a chat, in order: no changes, no gaps, nothing deleted.
    pub(crate) async fn texts(&self, chat: ChatId) -> Vec<String> {
        let lines = self.lines(chat).await;
        lines.into_iter().filter(|line| line.kind == MessageKind::Text && !line.deleted).map(|line| line.text).collect()
    }

    /// Waits until the words of a chat are these; first, until there is that chat.
    pub(crate) async fn shows(&self, chat: ChatId, expected: &[&str]) {
        self.has_chat(chat).await;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let texts = self.texts(chat).await;
            if texts == expected {
                return;
            }
            assert!(Instant::now() < deadline, "{} shows {texts:?}, not {expected:?}", self.name);
            tokio::time::sleep(Duration::from_millis(15)).await;
        }
    }

    pub(crate) async fn view(&self, chat: ChatId) -> ChatView {
        self.engine().chat(chat).await.unwrap()
    }

    pub(crate) async fn delivery(&self, chat: ChatId, key: MessageKey) -> Delivery {
        self.engine().message(chat, key).await.unwrap().delivery
    }

    /// Waits until an own message came this far, or further.
    pub(crate) async fn came(&self, chat: ChatId, key: MessageKey, expected: Delivery) {
        let rank = |delivery: &Delivery| match delivery {
            Delivery::Failed { .. } | Delivery::Waiting => 0,
            Delivery::Sent => 1,
            Delivery::Delivered => 2,
            Delivery::Read | Delivery::Received => 3,
        };
        let what = format!("{}'s message is {expected:?}", self.name);
        eventually(&what, async || rank(&self.delivery(chat, key).await) >= rank(&expected)).await;
    }

    /// Waits until a conversation travels through the relay.
    pub(crate) async fn relayed(&self, chat: ChatId) {
        use desktop_app::views::Route;
        let relayed = async || self.view(chat).await.route.route == Route::Relay;
        eventually(&format!("{} talks through the relay", self.name), relayed).await;
    }

    /// Waits until a conversation travels directly.
    pub(crate) async fn linked(&self, chat: ChatId) {
        use desktop_app::views::Route;
        let direct = async || matches!(self.view(chat).await.route.route, Route::Lan | Route::Direct | Route::Turn);
        eventually(&format!("{} is linked", self.name), direct).await;
    }
}

fn skewed(skew: &AtomicI64) -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    u64::try_from(now).unwrap().saturating_add_signed(skew.load(Ordering::Relaxed))
}
