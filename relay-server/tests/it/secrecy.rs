//! No body, password, token or code ever stands in a log, at any level.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use parley_protocol::http::{Chat, Invite, Tokens};
use relay_server::config::{LogFormat, LogLevel, Registration};
use relay_server::logging;
use reqwest::Method;
use serde_json::json;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::relay::{TestRelay, ok, person};
use crate::socket::Socket;

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_log_at_its_loudest_keeps_every_secret() {
    let lines = Lines::default();
    let writer = lines.clone();
    // For the whole process: the relay's own threads write too.
    logging::subscriber(LogFormat::Text, LogLevel::Trace, move || writer.clone()).init();
    let relay = TestRelay::with(|config| config.registration = Registration::Invite).await;
    let mut secrets = Vec::new();
    let mut secret = |text: &str| {
        secrets.push(text.to_owned());
        text.to_owned()
    };

    // The relay has its database once it answers.
    ok::<serde_json::Value>(relay.request(Method::GET, "/healthz").send().await.unwrap()).await;
    let config = relay_server::config::Config { data: relay.data().to_owned(), ..Default::default() };
    let code = secret(&relay_server::invite(&config, 5, Duration::from_secs(60)).unwrap());
    let password = secret("old-hunter2-password");
    let form = json!({"username": "alice", "email": "alice@x.org", "password": password, "invite": code});
    let alice = person(ok(relay.post("/api/signup", &form).await).await);
    secret(&alice.access);
    secret(&alice.refresh);
    let fresh: Tokens = ok(relay.refresh(&alice.refresh).await).await;
    let access = secret(&fresh.access_token);
    secret(&fresh.refresh_token);
    let wrong = secret("wrong-hunter3-password");
    relay.post("/api/signin", &json!({"username": "alice", "password": wrong})).await;
    relay.post("/api/signin", &json!({"username": "alice", "password": [secret("odd-hunter4-password")]})).await;
    let new = secret("new-hunter5-password");
    let change = json!({"current": password, "new": new});
    relay.send(Method::POST, "/api/password", &access, &change).await;

    let chat = json!({"type": "group", "title": "Tea", "members": []});
    let chat: Chat = ok(relay.send(Method::POST, "/api/chats", &access, &chat).await).await;
    let body = secret("the body of a message over http");
    let post = json!({"payload": {"open": {"kind": "text", "text": body}}});
    let path = format!("/api/chats/{}/messages", chat.id);
    assert!(relay.send(Method::POST, &path, &access, &post).await.status().is_success());
    let invite: Invite =
        ok(relay.send(Method::POST, &format!("/api/chats/{}/invites", chat.id), &access, &json!({})).await).await;
    relay.get(&format!("/api/invites/{}", secret(&invite.code)), &access).await;
    relay.get(&format!("/ws?token={access}"), &access).await;
    relay.get("/api/account", &format!("{access}x")).await;
    relay.refresh(&format!("{}x", fresh.refresh_token)).await;

    let mut socket = Socket::first_frame(&relay, &access).await;
    let text = secret("the body of a message over a socket");
    let id = parley_protocol::MessageId::new();
    let append =
        json!({"type": "append", "chat": chat.id, "id": id, "payload": {"open": {"kind": "text", "text": text}}});
    socket.send(&append).await;
    socket.until("accepted").await;
    socket.send(&json!({"type": "append", "chat": chat.id, "id": id, "payload": {"open": {"kind": "text", "text": secret("other words")}}})).await;
    socket.until("refused").await;
    socket.send(&json!({"type": "nonsense", "token": access, "text": text})).await;
    socket.send(&json!({"type": "publish", "req": 1, "topic": "a.b", "data": secret("said on a topic")})).await;
    drop(socket);
    // A second relay in this process starts and stops in the log too.
    drop(relay);

    let log = String::from_utf8_lossy(&lines.0.lock().unwrap()).into_owned();
    assert!(
        log.contains("a device signed in") || log.contains("an account was made"),
        "the log was not captured:\n{log}"
    );
    assert!(log.contains("/api/signin"), "requests are logged at this level");
    for secret in &secrets {
        assert!(!log.contains(secret.as_str()), "{secret:?} stands in the log");
    }
}
