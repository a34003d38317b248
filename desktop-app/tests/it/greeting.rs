//! The beginning of a session, read on the wire.

use std::sync::{Arc, Mutex};

use desktop_app::views::Delivery;
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::{accept_hdr_async, connect_async};

use crate::telling::{counted, pair_by_relay};
use crate::world::{World, eventually};

/// A wire to the relay on which the frames of sessions can be read, both ways in the order in which they pass. What the relay
/// says is held back until it is let through.
struct Wire {
    port: u16,
    passed: Arc<Mutex<Vec<String>>>,
    through: watch::Sender<bool>,
}

impl Wire {
    async fn to(relay: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let wire = Self { port, passed: Arc::default(), through: watch::channel(false).0 };
        let (passed, through) = (wire.passed.clone(), wire.through.subscribe());
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                tokio::spawn(carry(near, relay, passed.clone(), through.clone()));
            }
        });
        wire
    }

    fn let_through(&self) {
        self.through.send_replace(true);
    }

    fn passed(&self) -> Vec<String> {
        self.passed.lock().unwrap().clone()
    }
}

async fn carry(mut near: TcpStream, relay: u16, passed: Arc<Mutex<Vec<String>>>, mut through: watch::Receiver<bool>) {
    let mut head = [0; 7];
    near.peek(&mut head).await.unwrap();
    if &head != b"GET /ws" {
        let mut far = TcpStream::connect(("127.0.0.1", relay)).await.unwrap();
        // Either side may end it.
        let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
        return;
    }
    let mut request = format!("ws://127.0.0.1:{relay}/ws").into_client_request().unwrap();
    #[allow(clippy::result_large_err, reason = "the library's own type")]
    let copy = |asked: &Request, response: Response| {
        request.headers_mut().insert("authorization", asked.headers()["authorization"].clone());
        Ok(response)
    };
    let (mut near_out, mut near_in) = accept_hdr_async(near, copy).await.unwrap().split();
    let (mut far_out, mut far_in) = connect_async(request).await.unwrap().0.split();
    let note = |message: &Message| {
        if let Message::Text(text) = message {
            let frame: serde_json::Value = serde_json::from_str(text).unwrap();
            passed.lock().unwrap().push(frame["type"].as_str().unwrap().to_owned());
        }
    };
    let outward = async {
        while let Some(Ok(message)) = near_in.next().await {
            note(&message);
            if far_out.send(message).await.is_err() {
                return;
            }
        }
    };
    let homeward = async {
        while let Some(Ok(message)) = far_in.next().await {
            if through.wait_for(|through| *through).await.is_err() {
                return;
            }
            note(&message);
            if near_out.send(message).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = outward => {}
        () = homeward => {}
    }
}

#[tokio::test]
async fn nothing_is_appended_before_hello_is_answered() {
    let world = World::new().await;
    let (alice, bob, chat) = pair_by_relay(&world).await;
    alice.gate.cut();
    alice.offline().await;
    alice.say_all(chat, &counted(0..3)).await;
    let wire = Wire::to(world.port()).await;
    alice.gate.lead_to(wire.port);
    alice.gate.heal();
    alice.engine().network_changed().await.unwrap();
    eventually("alice says hello", async || !wire.passed().is_empty()).await;
    let key = alice.say(chat, "3").await;
    alice.engine().edit(chat, key, "three").await.unwrap();
    // A live frame goes out at once: when it has passed, so has whatever was handed over before it.
    alice.engine().typing(chat, true).await.unwrap();
    eventually("the live frame passes", async || wire.passed().iter().any(|frame| frame == "typing")).await;
    assert_eq!(alice.delivery(chat, key).await, Delivery::Waiting);
    wire.let_through();
    bob.shows(chat, &["0", "1", "2", "three"]).await;
    let passed = wire.passed();
    let welcome = passed.iter().position(|frame| frame == "welcome").unwrap();
    assert!(passed[..welcome].iter().all(|frame| frame == "hello" || frame == "typing"), "{passed:?}");
    assert_eq!(passed[welcome..].iter().filter(|frame| *frame == "append").count(), 5, "{passed:?}");
    assert_eq!(bob.gaps(chat).await, []);
}
