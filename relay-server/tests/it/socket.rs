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
}

impl Socket {
    /// The upgrade with a token in its header, or none.
    pub async fn connect(relay: &TestRelay, token: Option<&str>) -> Result<Self, Error> {
        let mut request = relay.url("/ws").replacen("http", "ws", 1).into_client_request().unwrap();
        if let Some(token) = token {
            request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        }
        let (stream, _) = connect_async(request).await?;
        Ok(Self { stream })
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
        let opening = json!({"count": 1, "life": LifeId::new()});
        self.send(&json!({"type": "hello", "version": VERSION, "opening": opening, "cursors": []})).await;
        self.until("welcome").await;
    }

    pub async fn send(&mut self, frame: &Value) {
        self.stream.send(Message::text(frame.to_string())).await.unwrap();
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
