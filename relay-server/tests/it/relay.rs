//! A relay for one test, and the people who use it.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use parley_protocol::http::Tokens;
use parley_protocol::{AccountId, DeviceId};
use relay_server::config::Config;
use relay_server::{RunError, run};
use reqwest::{Method, Response, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// The password of everybody.
pub const PASSWORD: &str = "correct horse battery staple";
const DEADLINE: Duration = Duration::from_secs(20);

/// A running relay; it ends with the test.
pub struct TestRelay {
    pub address: SocketAddr,
    pub folder: TempDir,
    config: Config,
    shutdown: CancellationToken,
    running: Option<JoinHandle<Result<(), RunError>>>,
    client: reqwest::Client,
}

/// Somebody with a device that is signed in.
#[derive(Clone)]
pub struct Person {
    pub name: String,
    pub account: AccountId,
    pub device: DeviceId,
    pub access: String,
    pub refresh: String,
}

impl TestRelay {
    pub async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// One that runs elsewhere, as a process of its own.
    pub fn at(address: SocketAddr) -> Self {
        // A second of another test makes it the default; both are the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self {
            address,
            folder: TempDir::new().unwrap(),
            config: Config::default(),
            shutdown: CancellationToken::new(),
            running: None,
            client: reqwest::Client::builder().timeout(DEADLINE).build().unwrap(),
        }
    }

    /// A relay with some of its settings changed.
    pub async fn with(change: impl FnOnce(&mut Config)) -> Self {
        // A second of another test makes it the default; both are the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = TempDir::new().unwrap();
        let mut config = Config { data: folder.path().join("data"), ..Config::default() };
        config.password_hashers = 2;
        change(&mut config);
        let client = reqwest::Client::builder().timeout(DEADLINE).build().unwrap();
        let mut relay = Self {
            address: ([127, 0, 0, 1], 0).into(),
            folder,
            config,
            shutdown: CancellationToken::new(),
            running: None,
            client,
        };
        relay.resume().await;
        relay
    }

    /// Starts again on the same data, at the same address.
    pub async fn resume(&mut self) {
        let listener = listen(self.address).await;
        self.address = listener.local_addr().unwrap();
        self.shutdown = CancellationToken::new();
        self.running = Some(tokio::spawn(run(listener, self.config.clone(), self.shutdown.clone())));
    }

    /// Stops it in order, and says how that went.
    pub async fn stop(&mut self) -> Result<(), RunError> {
        self.shutdown.cancel();
        let running = self.running.take().expect("it runs");
        tokio::time::timeout(DEADLINE, running).await.expect("it stops in time").expect("it does not panic")
    }

    pub fn data(&self) -> &Path {
        &self.config.data
    }

    /// A copy of the database, as an operator makes it.
    pub fn back_up(&self) -> Vec<u8> {
        let copy = self.folder.path().join("backup.db");
        let database = rusqlite::Connection::open(self.data().join("relay.db")).unwrap();
        database.execute("VACUUM INTO ?1", [copy.to_str().unwrap()]).unwrap();
        let bytes = std::fs::read(&copy).unwrap();
        std::fs::remove_file(&copy).unwrap();
        bytes
    }

    /// Puts a copy back, while the relay is stopped.
    pub fn restore(&self, copy: &[u8]) {
        assert!(self.running.is_none(), "stop it first");
        for file in ["relay.db-wal", "relay.db-shm"] {
            let _ = std::fs::remove_file(self.data().join(file));
        }
        std::fs::write(self.data().join("relay.db"), copy).unwrap();
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, self.url(path))
    }

    pub async fn get(&self, path: &str, token: &str) -> Response {
        self.request(Method::GET, path).bearer_auth(token).send().await.unwrap()
    }

    pub async fn send(&self, method: Method, path: &str, token: &str, body: &Value) -> Response {
        self.request(method, path).bearer_auth(token).json(body).send().await.unwrap()
    }

    /// Without a token.
    pub async fn post(&self, path: &str, body: &Value) -> Response {
        self.request(Method::POST, path).json(body).send().await.unwrap()
    }

    pub async fn sign_up(&self, name: &str) -> Person {
        let form = json!({"username": name, "email": format!("{name}@example.org"), "password": PASSWORD});
        person(ok(self.post("/api/signup", &form).await).await)
    }

    pub async fn sign_in(&self, name: &str) -> Person {
        person(ok(self.post("/api/signin", &json!({"username": name, "password": PASSWORD})).await).await)
    }

    pub async fn refresh(&self, token: &str) -> Response {
        self.post("/api/refresh", &json!({"refresh_token": token})).await
    }
}

impl Drop for TestRelay {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

async fn listen(address: SocketAddr) -> TcpListener {
    let deadline = tokio::time::Instant::now() + DEADLINE;
    loop {
        match TcpListener::bind(address).await {
            Ok(listener) => return listener,
            Err(error) if tokio::time::Instant::now() > deadline => panic!("{address}: {error}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

pub fn person(tokens: Tokens) -> Person {
    Person {
        name: tokens.user.username,
        account: tokens.user.id,
        device: tokens.device,
        access: tokens.access_token,
        refresh: tokens.refresh_token,
    }
}

/// The body of an answer that went well.
pub async fn ok<T: DeserializeOwned>(response: Response) -> T {
    let (status, text) = (response.status(), response.text().await.unwrap());
    assert!(status.is_success(), "{status}: {text}");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// An answer that went well and says nothing more.
pub async fn done(response: Response) {
    let status = response.status();
    assert_eq!(status, StatusCode::NO_CONTENT, "{}", response.text().await.unwrap());
}

/// Status, code and message of an error.
pub async fn error(response: Response) -> (u16, String, String) {
    let (status, text) = (response.status().as_u16(), response.text().await.unwrap());
    let body: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{status}: not JSON: {text:?}"));
    let part = |name: &str| body["error"][name].as_str().unwrap_or_else(|| panic!("{status}: {text}")).to_owned();
    (status, part("code"), part("message"))
}

/// Asserts that an answer is this error.
pub async fn refused(response: Response, status: u16, code: &str) -> String {
    let (found, word, message) = error(response).await;
    assert_eq!((found, word.as_str()), (status, code), "{message}");
    message
}
