//! A WebSocket of one device, and what it waits for.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use parley_protocol::{LifeId, VERSION};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::relay::TestRelay;

const DEADLINE: Duration = Duration::from_secs(10);

pub struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    fences: u64,
    /// Logs and changes of chats that came before a fence.
    seen: Vec<Value>,
}

impl Socket {
    /// The upgrade with a token in its header, or none.
    pub async fn connect(relay: &TestRelay, token: Option<&str>) -> Result<Self, Error> {
        let mut request = relay.url("/ws").replacen("http", "ws", 1).into_client_request().unwrap();
        if let Some(token) = token {
            request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        }
        let (stream, _) = connect_async(request).await?;
        Ok(Self { stream, fences: 0, seen: Vec::new() })
    }

    /// A session whose token came in the upgrade.
    pub async fn open(relay: &TestRelay, token: &str) -> Self {
        let mut socket = Self::connect(relay, Some(token)).await.unwrap();
        socket.hello().await;
        socket
    }

    /// A session whose token came in the first frame.
    pub async fn first_frame(relay: &TestRelay, token: &str) -> Self {
        let mut socket = Self::connect(relay, None).await.unwrap();
        socket.send(&json!({"type": "auth", "token": token})).await;
        socket.hello().await;
        socket
    }

    async fn hello(&mut self) {
        self.say_hello().await;
        self.until("welcome").await;
    }

    pub async fn say_hello(&mut self) {
        self.say_hello_with(json!([])).await;
    }

    /// With cursors, always as the same opening of the profile.
    pub async fn say_hello_with(&mut self, cursors: Value) {
        let opening = json!({"count": 1, "life": LifeId::nil()});
        self.send(&json!({"type": "hello", "version": VERSION, "opening": opening, "cursors": cursors})).await;
    }

    pub async fn send(&mut self, frame: &Value) {
        self.stream.send(Message::text(frame.to_string())).await.unwrap();
    }

    /// Sends to a relay which may be gone.
    pub async fn try_send(&mut self, frame: &Value) {
        let _ = self.stream.send(Message::text(frame.to_string())).await;
    }

    /// The next frame; `None` once the relay has closed.
    pub async fn next(&mut self) -> Option<Value> {
        let within = tokio::time::timeout(DEADLINE, async {
            loop {
                match self.stream.next().await {
                    Some(Ok(Message::Text(text))) => return Some(serde_json::from_str(&text).unwrap()),
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                    Some(Ok(_)) => {}
                }
            }
        });
        within.await.expect("a frame in time")
    }

    /// The next frame of this type; others are passed over.
    pub async fn until(&mut self, kind: &str) -> Value {
        let mut passed = Vec::new();
        loop {
            let Some(frame) = self.next().await else { panic!("closed before {kind}: {passed:?}") };
            if frame["type"] == kind {
                return frame;
            }
            passed.push(frame);
        }
    }
}

impl Socket {
    /// The next frame that fits; others are passed over.
    pub async fn until_matches(&mut self, fits: impl Fn(&Value) -> bool) -> Value {
        loop {
            let frame = self.next().await.expect("the session goes on");
            if fits(&frame) {
                return frame;
            }
        }
    }

    /// Everything that came before the relay's answer to a request which is sent now.
    pub async fn fence(&mut self) -> Vec<Value> {
        self.fences += 1;
        let req = self.fences;
        self.send(&json!({"type": "subscribers", "req": req, "topic": "fence"})).await;
        let mut before = Vec::new();
        loop {
            let frame = self.next().await.expect("the session goes on");
            if frame["type"] == "done" && frame["req"] == req {
                let kept = |frame: &&Value| frame["type"] == "log" || frame["change"].is_object();
                self.seen.extend(before.iter().filter(kept).cloned());
                return before;
            }
            before.push(frame);
        }
    }

    /// Waits for a frame which may have come already, before a fence.
    pub async fn until_fenced(&mut self, fits: impl Fn(&Value) -> bool) {
        if !self.seen.iter().any(&fits) {
            self.until_matches(fits).await;
        }
        self.seen.clear();
        self.fence().await;
    }
}
