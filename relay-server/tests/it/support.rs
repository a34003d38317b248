//! A relay in a temporary folder, people with devices, and a tiny client that reads frames with a deadline.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _};
use parley_protocol::frames::{Ack, Content, Cursor, Entry, LogCursor, LogView, Opening, Payload, RelayFrame, Sender};
use parley_protocol::http::{Chat, CreateChat};
use parley_protocol::{
    AccountId, ChatId, ChatKind, ClientFrame, Code, DeviceId, ErrorBody, LifeId, LogId, MessageId, VERSION,
};
use relay_server::limits::Limits;
use relay_server::relay::Relay;
use relay_server::session::{Admitted, Authenticate, run};
use relay_server::watched::Watched;
use relay_server::{chats, ws};
use rusqlite::params;
use tokio::io::DuplexStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

/// How long a test waits for anything.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

pub(crate) struct TestRelay {
    pub(crate) relay: Arc<Relay>,
    pub(crate) folder: Arc<tempfile::TempDir>,
    limits: Limits,
}

/// Limits that make a test quick.
pub(crate) fn limits() -> Limits {
    Limits {
        trim_slack: 0,
        mark_interval: Duration::from_millis(100),
        presence_delay: Duration::from_millis(20),
        frames_per_second: 1_000_000.try_into().unwrap(),
        frames_burst: 1_000_000.try_into().unwrap(),
        ..Limits::default()
    }
}

impl TestRelay {
    pub(crate) fn start() -> Self {
        Self::with(limits())
    }

    pub(crate) fn with(limits: Limits) -> Self {
        Self::on(Arc::new(tempfile::tempdir().unwrap()), limits)
    }

    pub(crate) fn on(folder: Arc<tempfile::TempDir>, limits: Limits) -> Self {
        let path = folder.path().join("relay.db");
        let relay = Relay::open(&path, limits.clone(), Vec::new(), true).unwrap();
        Self { relay, folder, limits }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("relay.db")
    }

    /// A copy of the database as it is now.
    pub(crate) async fn back_up(&self) -> PathBuf {
        let copy = self.folder.path().join(format!("{}.db", uuid::Uuid::new_v4()));
        let to = copy.to_str().unwrap().to_owned();
        let sql = rusqlite::Connection::open(self.path()).unwrap();
        sql.execute("VACUUM INTO ?1", [to]).unwrap();
        copy
    }

    /// Stops the relay and starts it on a copy of its database.
    pub(crate) async fn restore(self, copy: PathBuf) -> Self {
        self.relay.close_sessions().await;
        self.relay.store().close().await;
        let folder = Arc::new(tempfile::tempdir().unwrap());
        std::fs::copy(copy, folder.path().join("relay.db")).unwrap();
        Self::on(folder, self.limits)
    }

    pub(crate) async fn person(&self, name: &str) -> Person {
        let account = AccountId::new();
        let username = name.to_owned();
        self.relay
            .store()
            .write(move |batch| {
                let at = batch.now();
                batch.sql().execute(
                    "INSERT INTO accounts (id, username, username_key, skeleton, email, email_key, password_hash, \
                     created_at) VALUES (?1, ?2, ?2, ?2, ?2, ?2, '', ?3)",
                    params![account.as_bytes(), username, at],
                )?;
                Ok(())
            })
            .await
            .unwrap();
        let device = self.device(account).await;
        Person { account, name: name.to_owned(), profile: Profile::new(account, device) }
    }

    pub(crate) async fn device(&self, account: AccountId) -> DeviceId {
        let device = DeviceId::new();
        self.relay
            .store()
            .write(move |batch| {
                let at = batch.now();
                batch.sql().execute(
                    "INSERT INTO devices (id, account, name, created_at, last_seen) VALUES (?1, ?2, 'test', ?3, ?3)",
                    params![device.as_bytes(), account.as_bytes(), at],
                )?;
                batch.device_added(account, device)
            })
            .await
            .unwrap();
        device
    }

    pub(crate) async fn chat(&self, by: &Person, kind: ChatKind, sealed: bool, others: &[&Person]) -> Chat {
        let form = CreateChat {
            id: None,
            kind,
            title: (kind != ChatKind::Direct).then(|| "Tea".to_owned()),
            description: None,
            members: others.iter().map(|other| other.name.clone()).collect(),
            sealed,
        };
        chats::create(&self.relay, by.profile.who, form).await.unwrap()
    }

    /// How many rows of entries a log has.
    pub(crate) async fn held(&self, log: LogId) -> u64 {
        let read = move |sql: &rusqlite::Connection| {
            Ok(sql.query_row("SELECT COUNT(*) FROM entries WHERE log = ?1", [log.as_bytes()], |row| row.get(0))?)
        };
        self.relay.store().read(read).await.unwrap()
    }

    /// Opens a session as the profile stands, and reads its `welcome`.
    pub(crate) async fn open(&self, profile: &Profile) -> Client {
        let mut client = self.dial(profile).await;
        let RelayFrame::Welcome { logs, gone, .. } = client.next().await else { panic!("no welcome") };
        client.logs = logs;
        client.gone = gone;
        client
    }

    /// Opens a session and says hello.
    pub(crate) async fn dial(&self, profile: &Profile) -> Client {
        self.dial_with(profile, 64 * 1024).await
    }

    pub(crate) async fn dial_with(&self, profile: &Profile, pipe: usize) -> Client {
        let mut client = self.connect(profile, pipe).await;
        let hello = ClientFrame::Hello {
            version: VERSION,
            opening: profile.opening,
            succeeds: profile.succeeds,
            cursors: profile.cursors.clone(),
            program: None,
        };
        client.send(&hello).await;
        client
    }

    /// A socket that has yet to say hello.
    pub(crate) async fn connect(&self, profile: &Profile, pipe: usize) -> Client {
        let (near, far) = tokio::io::duplex(pipe);
        let config = ws::config(&self.limits);
        let socket = WebSocketStream::from_raw_socket(Watched::new(far), Role::Server, Some(config)).await;
        let nobody: Authenticate =
            Arc::new(|_| async { Err(ErrorBody::new(Code::Unauthorized, "no tokens here")) }.boxed());
        let admitted = Admitted { who: profile.who, family: uuid::Uuid::nil() };
        tokio::spawn(run(socket, Some(admitted), Arc::clone(&self.relay), nobody));
        let socket = WebSocketStream::from_raw_socket(near, Role::Client, None).await;
        Client { who: profile.who, socket, logs: Vec::new(), gone: Vec::new(), aside: VecDeque::new() }
    }
}

pub(crate) struct Person {
    pub(crate) account: AccountId,
    pub(crate) name: String,
    pub(crate) profile: Profile,
}

#[derive(Clone)]
pub(crate) struct Profile {
    pub(crate) who: Sender,
    pub(crate) opening: Opening,
    pub(crate) succeeds: Option<Opening>,
    pub(crate) cursors: Vec<LogCursor>,
}

impl Profile {
    pub(crate) fn new(account: AccountId, device: DeviceId) -> Self {
        let opening = Opening { count: 1, life: LifeId::new() };
        Self { who: Sender { account, device }, opening, succeeds: None, cursors: Vec::new() }
    }

    pub(crate) fn at(&self, log: impl Into<LogId>, cursor: Cursor) -> Self {
        let log = log.into();
        let mut profile = self.clone();
        profile.cursors.retain(|known| known.log != log);
        profile.cursors.push(LogCursor { log, cursor });
        profile
    }
}

pub(crate) struct Client {
    pub(crate) who: Sender,
    socket: WebSocketStream<DuplexStream>,
    pub(crate) logs: Vec<LogView>,
    pub(crate) gone: Vec<parley_protocol::frames::Gone>,
    aside: VecDeque<RelayFrame>,
}

pub(crate) fn sealed(text: &str) -> Payload {
    Payload::Sealed(text.to_owned())
}

pub(crate) fn open(text: &str) -> Payload {
    Payload::Open(parley_protocol::Body::Text { text: text.to_owned(), reply_to: None, mentions: vec![] })
}

impl Client {
    /// Sends a frame, and reads meanwhile: the relay stops listening to one that never takes its answers.
    pub(crate) async fn send(&mut self, frame: &ClientFrame) {
        let (mut sink, mut stream) = (&mut self.socket).split();
        let mut sending = std::pin::pin!(sink.send(Message::text(frame.encode())));
        loop {
            tokio::select! {
                biased;
                sent = &mut sending => return sent.unwrap(),
                message = stream.next() => match message {
                    Some(Ok(Message::Text(text))) => self.aside.push_back(serde_json::from_str(&text).unwrap()),
                    Some(Ok(_)) => {}
                    end => panic!("the session ended: {end:?}"),
                }
            }
        }
    }

    pub(crate) async fn send_binary(&mut self, bytes: &'static [u8]) {
        self.socket.send(Message::binary(bytes)).await.unwrap();
    }

    /// The next frame from the relay; `None` at the end.
    pub(crate) async fn receive(&mut self) -> Option<RelayFrame> {
        loop {
            let message =
                tokio::time::timeout(DEADLINE, self.socket.next()).await.expect("a frame within the deadline");
            match message? {
                Ok(Message::Text(text)) => return Some(serde_json::from_str(&text).unwrap()),
                Ok(Message::Close(_)) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    pub(crate) async fn next(&mut self) -> RelayFrame {
        match self.aside.pop_front() {
            Some(frame) => frame,
            None => self.receive().await.expect("a frame"),
        }
    }

    /// The next frame of which `pick` makes something; others are kept for later.
    pub(crate) async fn wait<T>(&mut self, mut pick: impl FnMut(&RelayFrame) -> Option<T>) -> T {
        for at in 0..self.aside.len() {
            if let Some(picked) = pick(&self.aside[at]) {
                self.aside.remove(at);
                return picked;
            }
        }
        loop {
            let frame = self.receive().await.expect("the session goes on");
            match pick(&frame) {
                Some(picked) => return picked,
                None => self.aside.push_back(frame),
            }
        }
    }

    pub(crate) fn log(&self, log: impl Into<LogId>) -> &LogView {
        let log = log.into();
        self.logs.iter().find(|view| view.log == log).expect("the log")
    }

    /// The next entry of a log.
    pub(crate) async fn entry(&mut self, log: impl Into<LogId>) -> Entry {
        let log = log.into();
        self.wait(|frame| match frame {
            RelayFrame::Entry(entry) if entry.log == log => Some(entry.clone()),
            _ => None,
        })
        .await
    }

    /// The next entry of a log which is a message, as text.
    pub(crate) async fn text(&mut self, log: impl Into<LogId> + Copy) -> String {
        loop {
            if let Content::Payload(payload) = self.entry(log).await.content {
                return match payload {
                    Payload::Sealed(text) => text,
                    Payload::Open(parley_protocol::Body::Text { text, .. }) => text,
                    Payload::Open(other) => format!("{other:?}"),
                };
            }
        }
    }

    pub(crate) async fn append(&mut self, chat: ChatId, payload: Payload) -> MessageId {
        let id = MessageId::new();
        self.append_as(chat, id, payload).await;
        id
    }

    pub(crate) async fn append_as(&mut self, chat: ChatId, id: MessageId, payload: Payload) {
        self.send(&ClientFrame::Append { chat, id, payload }).await;
    }

    /// What the relay says to an append.
    pub(crate) async fn outcome(&mut self, id: MessageId) -> Result<Cursor, ErrorBody> {
        self.wait(|frame| match frame {
            RelayFrame::Accepted { id: of, seq, entry, .. } if *of == id => {
                Some(Ok(Cursor { seq: *seq, entry: *entry }))
            }
            RelayFrame::Refused { id: of, error, .. } if *of == id => Some(Err(error.clone())),
            _ => None,
        })
        .await
    }

    pub(crate) async fn say(&mut self, chat: ChatId, text: &str) -> Cursor {
        let id = self.append(chat, sealed(text)).await;
        self.outcome(id).await.unwrap()
    }

    pub(crate) async fn ack(&mut self, log: impl Into<LogId>, seq: u64) {
        self.send(&ClientFrame::Ack { logs: vec![Ack { log: log.into(), seq }] }).await;
    }

    /// The code of the `bye` that ends the session.
    pub(crate) async fn bye(&mut self) -> (Code, Option<Opening>) {
        self.wait(|frame| match frame {
            RelayFrame::Bye { error, opening } => Some((error.code, *opening)),
            _ => None,
        })
        .await
    }

    pub(crate) async fn error(&mut self) -> (Code, Option<DeviceId>) {
        self.wait(|frame| match frame {
            RelayFrame::Error { error, peer, .. } => Some((error.code, *peer)),
            _ => None,
        })
        .await
    }

    pub(crate) async fn done(&mut self, of: u64) -> u64 {
        self.wait(|frame| match frame {
            RelayFrame::Done { req, count } if *req == of => Some(*count),
            _ => None,
        })
        .await
    }
}

/// How many cursors the relay holds for a device.
pub(crate) async fn cursors(relay: &TestRelay, device: DeviceId) -> u64 {
    let read = move |sql: &rusqlite::Connection| {
        let count = "SELECT COUNT(*) FROM cursors WHERE device = ?1";
        Ok(sql.query_row(count, [device.as_bytes()], |row| row.get(0))?)
    };
    relay.relay.store().read(read).await.unwrap()
}

/// Keeps the writer busy until what is returned is dropped.
pub(crate) async fn hold_writer(relay: &TestRelay) -> std::sync::mpsc::Sender<()> {
    let (begun, has_begun) = tokio::sync::oneshot::channel();
    let (go, wait) = std::sync::mpsc::channel();
    let store = relay.relay.store().clone();
    tokio::spawn(async move {
        let hold = move |_: &mut relay_server::store::Batch<'_>| {
            begun.send(()).unwrap();
            let _ = wait.recv();
            Ok(())
        };
        store.write(hold).await
    });
    has_begun.await.unwrap();
    go
}

/// Keeps everybody from hearing of what is committed from here on, until what is returned is dropped.
pub(crate) async fn hold_fan_out(relay: &TestRelay) -> std::sync::mpsc::Sender<()> {
    let (told, wait) = std::sync::mpsc::channel::<()>();
    let hold = move |batch: &mut relay_server::store::Batch<'_>| {
        batch.after_commit(move |_| {
            let _ = wait.recv();
        });
        Ok(())
    };
    relay.relay.store().write(hold).await.unwrap();
    told
}

/// Waits until something is so.
pub(crate) async fn until<F: Future<Output = bool>>(mut is_so: impl FnMut() -> F) {
    let so = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(DEADLINE, so).await.expect("it is so within the deadline");
}
