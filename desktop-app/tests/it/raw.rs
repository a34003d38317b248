//! A client that speaks the wire by hand, for what no engine would do: keep answers unread, forge, repeat, and overtake.

use futures_util::{SinkExt as _, StreamExt as _};
use parley_protocol::frames::{Ack, Content, LogView, MarkScope, Opening, Payload};
use parley_protocol::http::{SignUp, Tokens};
use parley_protocol::marks::{Held, Marks};
use parley_protocol::{
    Body, ChatId, ClientFrame, Clock, DeviceId, EventId, LifeId, MarkRegister, MessageId, MessageKey, RelayFrame,
    RunId, SealedMessage, VERSION, payload,
};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::world::{Device, PASSWORD, PATIENCE, World};

/// One device without an engine.
pub(crate) struct Raw {
    pub(crate) device: DeviceId,
    address: String,
    token: String,
    opening: Opening,
    succeeds: Option<Opening>,
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// The run it sends in, and its next number in there.
    pub(crate) run: RunId,
    pub(crate) n: u64,
    clock: Clock,
}

impl Raw {
    /// A new person, signed up and with a session.
    pub(crate) async fn sign_up(world: &World, name: &str) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let address = format!("127.0.0.1:{}", world.port());
        let request = SignUp {
            email: format!("{name}@example.org"),
            username: name.to_owned(),
            password: PASSWORD.to_owned(),
            invite: None,
            device_name: None,
        };
        let url = format!("http://{address}/api/signup");
        let answer = reqwest::Client::new().post(url).json(&request).send().await.unwrap();
        let tokens: Tokens = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        let opening = Opening { count: 1, life: LifeId(uuid::Uuid::new_v4()) };
        let socket = connect(&address, &tokens.access_token).await;
        let (run, clock) = (RunId(uuid::Uuid::new_v4()), Clock { millis: 1, counter: 0 });
        let (device, token) = (tokens.device, tokens.access_token);
        let mut raw = Self { device, address, token, opening, succeeds: None, socket, run, n: 1, clock };
        raw.greet().await;
        raw
    }

    /// Goes on by hand as a device whose app is closed for it.
    pub(crate) async fn instead_of(world: &World, device: &mut Device) -> Self {
        let id = device.device_id().await;
        device.close().await;
        let setting = |key: &str| -> serde_json::Value {
            let sql = "SELECT value FROM settings WHERE key = ?1";
            let text: String = device.database().query_row(sql, [key], |row| row.get(0)).unwrap();
            serde_json::from_str(&text).unwrap()
        };
        let token = setting("credentials")["access"].as_str().unwrap().to_owned();
        let succeeds: Option<Opening> = serde_json::from_value(setting("confirmed_opening")).unwrap();
        let opening = Opening { count: 1_000, life: LifeId(uuid::Uuid::new_v4()) };
        let address = format!("127.0.0.1:{}", world.port());
        let socket = connect(&address, &token).await;
        let (run, clock) = (RunId(uuid::Uuid::new_v4()), Clock { millis: 1, counter: 0 });
        let mut raw = Self { device: id, address, token, opening, succeeds, socket, run, n: 1, clock };
        raw.greet().await;
        raw
    }

    /// Lets the connection go and comes back, without cursors.
    pub(crate) async fn reconnect(&mut self) {
        self.socket = connect(&self.address, &self.token).await;
        self.greet().await;
    }

    async fn greet(&mut self) {
        let hello = ClientFrame::Hello {
            version: VERSION,
            opening: self.opening,
            succeeds: self.succeeds,
            cursors: vec![],
            program: None,
        };
        self.send(&hello).await;
        self.until("welcome", |frame| matches!(frame, RelayFrame::Welcome { .. }).then_some(())).await;
    }

    pub(crate) async fn send(&mut self, frame: &ClientFrame) {
        self.socket.send(Message::text(frame.encode())).await.unwrap();
    }

    /// The relay's next frame.
    pub(crate) async fn next_frame(&mut self) -> RelayFrame {
        loop {
            let message = self.socket.next().await.expect("the relay closed").unwrap();
            if let Message::Text(text) = message {
                return serde_json::from_str(&text).unwrap();
            }
        }
    }

    /// Reads frames until one is right.
    pub(crate) async fn until<T>(&mut self, what: &str, mut right: impl FnMut(RelayFrame) -> Option<T>) -> T {
        let reading = async {
            loop {
                if let Some(found) = right(self.next_frame().await) {
                    return found;
                }
            }
        };
        tokio::time::timeout(PATIENCE, reading).await.unwrap_or_else(|_| panic!("never came: {what}"))
    }

    /// Waits until it is in a chat; gives the membership which a run begins under.
    pub(crate) async fn joins(&mut self, chat: ChatId) -> EventId {
        self.until("the chat", |frame| match frame {
            RelayFrame::Log(LogView { log, chat: Some(state), .. }) if log == chat.into() => Some(state.membership),
            _ => None,
        })
        .await
    }

    /// The next message of its run, as an honest device would make it.
    pub(crate) fn next(&mut self, membership: EventId, body: Body) -> SealedMessage {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        self.clock = self.clock.next(now.as_millis().try_into().unwrap());
        let (device, run, n, clock) = (self.device, self.run, self.n, self.clock);
        self.n += 1;
        SealedMessage { id: MessageId::new(), device, run, n, membership, after: None, clock, sent_at: 1, body }
    }

    pub(crate) const fn key(&self, id: MessageId) -> MessageKey {
        MessageKey { device: self.device, id }
    }

    /// Appends a message; does not wait for the answer.
    pub(crate) async fn append(&mut self, chat: ChatId, message: &SealedMessage) {
        let payload = Payload::Sealed(payload::seal(message));
        self.send(&ClientFrame::Append { chat, id: message.id, payload }).await;
    }

    /// The next message of a chat, with its `seq`.
    pub(crate) async fn next_entry(&mut self, chat: ChatId) -> (u64, SealedMessage) {
        self.until("a message", |frame| match frame {
            RelayFrame::Entry(entry) if entry.log == chat.into() => match entry.content {
                Content::Payload(Payload::Sealed(bytes)) => Some((entry.seq, payload::open(&bytes).unwrap())),
                _ => None,
            },
            _ => None,
        })
        .await
    }

    /// Waits until somebody types, or stops.
    pub(crate) async fn hears_typing(&mut self, wanted: bool) {
        self.until("typing", |frame| matches!(frame, RelayFrame::Typing { on, .. } if on == wanted).then_some(()))
            .await;
    }

    /// Says that everything of a chat up to here is stored.
    pub(crate) async fn ack(&mut self, chat: ChatId, seq: u64) {
        self.send(&ClientFrame::Ack { logs: vec![Ack { log: chat.into(), seq }] }).await;
    }

    /// Says how far it holds one run of somebody.
    pub(crate) async fn mark(&mut self, chat: ChatId, device: DeviceId, run: RunId, held: Held) {
        let delivered = Marks([(device, [(run, held)].into())].into());
        let mark = payload::seal_marks(&MarkRegister { delivered, ..MarkRegister::default() });
        self.send(&ClientFrame::Mark { chat, scope: MarkScope::Chat, mark }).await;
    }

    /// Waits for the relay's answer to an append: its `seq`, or the error.
    pub(crate) async fn answer(&mut self, of: MessageId) -> Result<u64, parley_protocol::ErrorBody> {
        self.until("the answer", |frame| match frame {
            RelayFrame::Accepted { id, seq, .. } if id == of => Some(Ok(seq)),
            RelayFrame::Refused { id, error, .. } if id == of => Some(Err(error)),
            _ => None,
        })
        .await
    }
}

/// A body of plain words.
pub(crate) fn text(words: &str) -> Body {
    Body::Text { text: words.to_owned(), reply_to: None, mentions: vec![] }
}

async fn connect(address: &str, token: &str) -> WebSocketStream<MaybeTlsStream<TcpStream>> {
    let mut request = format!("ws://{address}/ws").into_client_request().unwrap();
    request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    tokio_tungstenite::connect_async(request).await.unwrap().0
}
