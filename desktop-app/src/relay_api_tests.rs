//! What becomes of requests while the profile becomes another device, over a relay that says what the test wants.

use parley_protocol::AccountId;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::*;

/// A request that waits for its answer.
struct Asked {
    head: String,
    socket: TcpStream,
}

impl Asked {
    async fn next(relay: &TcpListener) -> Self {
        let (mut socket, _) = relay.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.windows(4).any(|end| end == b"\r\n\r\n") {
            let mut more = [0; 1024];
            let count = socket.read(&mut more).await.unwrap();
            assert!(count > 0, "the request ended");
            head.extend_from_slice(&more[..count]);
        }
        Self { head: String::from_utf8(head).unwrap(), socket }
    }

    async fn answer(mut self, status: u16, body: &serde_json::Value) {
        let body = body.to_string();
        let text = format!("HTTP/1.1 {status} \r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
        self.socket.write_all(text.as_bytes()).await.unwrap();
    }

    fn bears(&self, token: &str) -> bool {
        self.head.contains(&format!("Bearer {token}\r\n"))
    }
}

fn tokens(device: DeviceId, access: &str) -> Tokens {
    serde_json::from_value(json!({
        "user": { "id": AccountId::new(), "username": "alice", "presence": "offline", "last_seen": null },
        "device": device, "access_token": access, "refresh_token": "refresh", "expires_in": 3_600,
    }))
    .unwrap()
}

async fn signed_in() -> (RelayApi, TcpListener, mpsc::Receiver<Input>) {
    let relay = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", relay.local_addr().unwrap());
    let credentials = Credentials::new(&address, &tokens(DeviceId::new(), "old"), 1);
    let (inputs, told) = mpsc::channel(8);
    (RelayApi::new(Some(credentials), None, inputs, Arc::new(|| 1)).unwrap(), relay, told)
}

fn revoked() -> serde_json::Value {
    json!({ "error": { "code": "device_revoked", "message": "this device was revoked" } })
}

#[tokio::test]
async fn a_request_of_the_device_that_was_replaced_is_made_again_by_the_new_one() {
    let (api, relay, mut told) = signed_in().await;
    let asking = tokio::spawn({
        let api = api.clone();
        async move { api.get::<u32>("/api/something").await }
    });
    let request = Asked::next(&relay).await;
    assert!(request.bears("old"));
    let replacing = tokio::spawn({
        let api = api.clone();
        async move { api.replace_device().await.map(|(_, me)| me.device) }
    });
    let replacement = Asked::next(&relay).await;
    // The relay has replaced the device, and nobody has heard of it yet.
    request.answer(401, &revoked()).await;
    let new = DeviceId::new();
    replacement.answer(200, &serde_json::to_value(tokens(new, "new")).unwrap()).await;
    assert_eq!(replacing.await.unwrap().unwrap(), new);
    let again = Asked::next(&relay).await;
    assert!(again.bears("new"), "{}", again.head);
    again.answer(200, &json!(7)).await;
    assert_eq!(asking.await.unwrap().unwrap(), 7);
    assert!(told.try_recv().is_err(), "nobody was signed out");
}

#[tokio::test]
async fn a_device_that_was_revoked_is_signed_out() {
    let (api, relay, mut told) = signed_in().await;
    let asking = tokio::spawn({
        let api = api.clone();
        async move { api.get::<u32>("/api/something").await }
    });
    Asked::next(&relay).await.answer(401, &revoked()).await;
    assert_eq!(asking.await.unwrap().unwrap_err().code(), Some(Code::DeviceRevoked));
    let said = told.try_recv();
    assert!(matches!(said, Ok(Input::RelayDown { view: Connection::SignedOut { .. }, .. })));
    assert!(matches!(api.fresh(None).await, Err(EngineError::SignedOut)));
}
