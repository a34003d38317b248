//! Who may do what: one table of every operation and everybody who might try it.
//!
//! Each row is an operation and what it answers to the owner, an admin, a member, somebody who was removed, somebody
//! who shares nothing with the chat, and the owner of another chat. Without a token, with one that has run out, and from a
//! revoked device every row is refused alike. Once somebody has changed a chat the next one has a new one; a cell that is
//! wrong is named.

mod table;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use parley_protocol::frames::{MarkScope, RelayFrame};
use parley_protocol::http::{Chat, Invite};
use parley_protocol::{AccountId, ChatChange, ChatId, ChatKind, ClientFrame, Code, DeviceId, EventId, MessageId};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::relay::{PASSWORD, Person, TestRelay, done, error, ok, person};
use crate::socket::Socket;
use crate::support::{self, Profile, sealed};
use table::{ACTORS, Kind, OPEN_TO_ALL, Row, TABLE};

/// Stands beside the actors, as one who is in every chat and listens.
const LISTENER: usize = ACTORS.len();

/// Everybody, and what does not change from cell to cell.
struct World {
    relay: TestRelay,
    actors: Vec<Person>,
    extra: Person,
    extra_admin: Person,
    newcomer: Person,
    revoked: String,
    expired: String,
    sockets: Vec<Mutex<Socket>>,
    listener: Mutex<Socket>,
    /// Another device of each actor, which has no session.
    seconds: Vec<Person>,
    /// Chats of which a session has been told whether it is in them; the listener is one past the actors.
    settled: Mutex<HashSet<(ChatId, usize)>>,
}

/// One cell's chat.
struct Scene {
    kind: Kind,
    chat: ChatId,
    code: String,
    spare: DeviceId,
    /// The key of a message of somebody else's.
    message: Value,
}

impl World {
    async fn new() -> Self {
        let relay = TestRelay::with(|config| {
            config.requests_per_account = 100_000;
            config.requests_per_address = 100_000;
            config.devices_per_account = 1_000;
            config.chats_per_account = 100_000;
            config.free_signin_failures = 1_000;
            // Nobody reads from the sockets while the other rows are tried.
            config.ping = Duration::from_secs(200);
            config.dead_after = Duration::from_secs(600);
        });
        let relay = relay.await;
        let (mut actors, mut seconds) = (Vec::new(), Vec::new());
        for name in ["owner", "admin", "member", "removed", "stranger", "other"] {
            actors.push(relay.sign_up(name).await);
            seconds.push(relay.sign_in(name).await);
        }
        let (extra, extra_admin) = (relay.sign_up("extra").await, relay.sign_up("extra-admin").await);
        let newcomer = relay.sign_up("newcomer").await;
        let revoked = relay.sign_in("owner").await;
        let path = format!("/api/devices/{}", revoked.device);
        done(relay.send(Method::DELETE, &path, &actors[0].access, &json!({})).await).await;
        let expired = expired(&relay, &actors[0]);
        let mut sockets = Vec::new();
        for actor in &actors {
            sockets.push(Mutex::new(Socket::open(&relay, &actor.access).await));
        }
        let listener = Mutex::new(Socket::open(&relay, &extra.access).await);
        let revoked = revoked.access;
        Self {
            relay,
            actors,
            extra,
            extra_admin,
            newcomer,
            revoked,
            expired,
            sockets,
            listener,
            seconds,
            settled: Mutex::default(),
        }
    }

    /// A chat in which everybody is what they are called; with what the row needs.
    async fn scene(&self, kind: Kind, actor: usize, row: &Row) -> Scene {
        let (method, target, body, ..) = *row;
        let needs = |part: &str| target.contains(part) || body.contains(part);
        let spare = if needs("{owners_spare}") { self.relay.sign_in("owner").await.device } else { DeviceId::nil() };
        let needs_chat = needs("{chat}") || needs("{code}") || ["RESTORE", "READ", "HELLO"].contains(&method);
        let (chat, code) = if !needs_chat {
            (ChatId::nil(), String::new())
        } else if kind.is_direct() {
            // Between the actor, if it is one of the chat, and somebody else.
            let one = if actor < 3 { &self.actors[actor] } else { &self.actors[0] };
            let form = json!({"type": "single", "members": ["extra"], "sealed": kind.is_sealed()});
            (self.create(one, form).await, String::new())
        } else {
            self.many(kind).await
        };
        let mut message = Value::Null;
        if needs("{message}") {
            message = self.say(kind, chat).await;
        }
        Scene { kind, chat, code, spare, message }
    }

    async fn create(&self, by: &Person, form: Value) -> ChatId {
        ok::<Chat>(self.relay.send(Method::POST, "/api/chats", &by.access, &form).await).await.id
    }

    async fn many(&self, kind: Kind) -> (ChatId, String) {
        let [owner, admin, member, removed, ..] = self.actors.as_slice() else { unreachable!() };
        let members = [admin.account, member.account, removed.account, self.extra.account, self.extra_admin.account];
        let form = |title: &str, members: &[AccountId]| json!({"type": kind.word(), "title": title, "members": members, "sealed": kind.is_sealed()});
        let chat = self.create(owner, form("A chat", &members)).await;
        let member_path = |account: AccountId| format!("/api/chats/{chat}/members/{account}");
        for admin in [admin, &self.extra_admin] {
            let path = member_path(admin.account);
            done(self.relay.send(Method::PATCH, &path, &owner.access, &json!({"role": "admin"})).await).await;
        }
        done(self.relay.send(Method::DELETE, &member_path(removed.account), &owner.access, &json!({})).await).await;
        let path = format!("/api/chats/{chat}/invites");
        let invite: Invite = ok(self.relay.send(Method::POST, &path, &owner.access, &json!({})).await).await;
        (chat, invite.code)
    }

    /// A message of somebody who is in every chat, and its key.
    async fn say(&self, kind: Kind, chat: ChatId) -> Value {
        let id = MessageId::new();
        let payload = if kind.is_sealed() {
            json!({"sealed": "aGk="})
        } else {
            json!({"open": {"kind": "text", "text": "what they hear"}})
        };
        let form = json!({"id": id, "payload": payload});
        let path = format!("/api/chats/{chat}/messages");
        let sent = self.relay.send(Method::POST, &path, &self.extra.access, &form).await;
        assert!(sent.status().is_success(), "{}", sent.text().await.unwrap());
        json!({"device": self.extra.device, "id": id})
    }

    fn fill(&self, text: &str, scene: &Scene, actor: usize) -> String {
        // A signal goes to somebody else who is there.
        let peer = if scene.kind.is_direct() { &self.extra } else { &self.actors[usize::from(actor == 0)] };
        text.replace("{chat}", &scene.chat.to_string())
            .replace("{code}", &scene.code)
            .replace("{message}", &scene.message.to_string())
            .replace("{event}", &MessageId::new().to_string())
            .replace("{actor}", &self.actors[actor].account.to_string())
            .replace("{owner}", &self.actors[0].account.to_string())
            .replace("{owners_device}", &self.actors[0].device.to_string())
            .replace("{owners_spare}", &scene.spare.to_string())
            .replace("{extra}", &self.extra.account.to_string())
            .replace("{extra_device}", &self.extra.device.to_string())
            .replace("{extra_admin}", &self.extra_admin.account.to_string())
            .replace("{newcomer}", &self.newcomer.account.to_string())
            .replace("{peer}", &peer.device.to_string())
    }

    /// The request of a row; none of what only sessions do.
    fn request(&self, row: &Row, scene: &Scene, actor: usize) -> Option<(&'static str, String, String)> {
        let (method, target, body, ..) = *row;
        let (target, body) = (self.fill(target, scene, actor), self.fill(body, scene, actor));
        match method {
            "WS" | "READ" | "HELLO" => None,
            "RESTORE" => {
                let path = format!("/api/chats/{}/restore", scene.chat);
                let changes = format!(r#"{{"changes":[{{"id":"{}","change":{body}}}]}}"#, MessageId::new());
                Some(("POST", path, changes))
            }
            method => Some((method, target, body)),
        }
    }

    /// What an actor is answered: `ok`, `nothing`, `heard`, `unheard`, or the code of the error.
    async fn outcome(&self, row: &Row, scene: &Scene, actor: usize) -> String {
        let (method, target, ..) = *row;
        let Some((method, target, body)) = self.request(row, scene, actor) else {
            return match method {
                "READ" => self.read(scene, actor).await,
                "HELLO" => self.hello(scene, actor).await,
                _ => {
                    let frame: Value = serde_json::from_str(&self.fill(target, scene, actor)).unwrap();
                    self.frame(&frame, scene, actor).await
                }
            };
        };
        let mut token = self.actors[actor].access.clone();
        if ["/api/signout", "/api/devices/replace"].contains(&target.as_str()) {
            token = self.relay.sign_in(&self.actors[actor].name).await.access;
        }
        let answer = self.ask(method, &target, &body, Some(&token)).await;
        if !answer.status().is_success() {
            return error(answer).await.1;
        }
        let text = answer.text().await.unwrap();
        let nothing = serde_json::from_str::<Value>(&text).is_ok_and(|value| value["taken"] == json!([]));
        if nothing { "nothing".to_owned() } else { "ok".to_owned() }
    }

    /// Whether the actor's session is sent what is said.
    async fn read(&self, scene: &Scene, actor: usize) -> String {
        let mut socket = self.sockets[actor].lock().await;
        self.settle(scene, actor, &mut socket).await;
        let mut listener = self.listener.lock().await;
        self.settle(scene, LISTENER, &mut listener).await;
        let said = self.say(scene.kind, scene.chat).await;
        let is_it = |frame: &Value, key: &Value| frame["type"] == "entry" && frame["id"] == key["id"];
        if actor < 3 {
            socket.until_matches(|frame| is_it(frame, &said)).await;
            return "heard".to_owned();
        }
        // Once a later one has come somewhere, whoever is to hear the first has it in his queue.
        let later = self.say(scene.kind, scene.chat).await;
        listener.until_matches(|frame| is_it(frame, &later)).await;
        let heard = socket.fence().await.iter().any(|frame| is_it(frame, &said));
        if heard { "heard" } else { "unheard" }.to_owned()
    }

    /// Whether a session of the actor's that begins with a cursor in the chat is sent what was said.
    async fn hello(&self, scene: &Scene, actor: usize) -> String {
        let (chat, said) = (json!(scene.chat), self.say(scene.kind, scene.chat).await);
        let mut socket = Socket::connect(&self.relay, Some(&self.seconds[actor].access)).await.unwrap();
        socket.say_hello_with(json!([{"log": chat, "seq": 0, "entry": uuid::Uuid::nil()}])).await;
        let welcome = socket.until("welcome").await;
        if welcome["gone"].as_array().unwrap().iter().any(|gone| gone["chat"] == chat) {
            return "unheard".to_owned();
        }
        let last = socket
            .until_matches(|frame| frame["id"] == said["id"] || (frame["type"] == "gone" && frame["chat"] == chat))
            .await;
        if last["type"] == "entry" { "heard" } else { "unheard" }.to_owned()
    }

    /// Waits until a session has been told whether it is in the chat; of direct chats in an earlier row.
    async fn settle(&self, scene: &Scene, actor: usize, socket: &mut Socket) {
        let chat = json!(scene.chat);
        if scene.chat == ChatId::nil()
            || scene.kind.is_direct()
            || !self.settled.lock().await.insert((scene.chat, actor))
        {
            socket.fence().await;
        } else if actor < 3 || actor == LISTENER {
            socket.until_fenced(|frame| frame["type"] == "log" && frame["log"] == chat).await;
        } else if ACTORS[actor] == "removed" {
            let removed = |frame: &Value| frame["log"] == chat && frame["change"]["kind"] == "member_removed";
            socket.until_fenced(removed).await;
        }
    }

    /// Reads what came for everybody, as a client would.
    async fn drain(&self) {
        for socket in self.sockets.iter().chain([&self.listener]) {
            socket.lock().await.fence().await;
        }
    }

    async fn ask(&self, method: &str, path: &str, body: &str, token: Option<&str>) -> reqwest::Response {
        let mut request = self.relay.request(method.parse().unwrap(), path).body(body.to_owned());
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        request.send().await.unwrap()
    }

    async fn frame(&self, frame: &Value, scene: &Scene, actor: usize) -> String {
        let chat = json!(scene.chat);
        let mut socket = self.sockets[actor].lock().await;
        self.settle(scene, actor, &mut socket).await;
        if frame["type"] == "signal" && !scene.kind.is_direct() {
            let peer = usize::from(actor == 0);
            self.settle(scene, peer, &mut *self.sockets[peer].lock().await).await;
        }
        if frame["type"] == "typing" {
            self.settle(scene, LISTENER, &mut *self.listener.lock().await).await;
        }
        socket.send(frame).await;
        let said = socket.fence().await;
        if frame["type"] == "typing" {
            let mut listener = self.listener.lock().await;
            let heard = listener.fence().await;
            let heard = heard.iter().any(|frame| frame["type"] == "typing" && frame["chat"] == chat);
            return if heard { "heard" } else { "unheard" }.to_owned();
        }
        let id = &frame["id"];
        for said in said {
            match said["type"].as_str() {
                Some("accepted") if said["id"] == *id => return "ok".to_owned(),
                Some("refused") if said["id"] == *id => return word(&said),
                Some("error") => return word(&said),
                _ => {}
            }
        }
        if frame["type"] == "append" {
            let said = socket.until_matches(|said| said["id"] == *id && said["type"] != "entry").await;
            return if said["type"] == "accepted" { "ok".to_owned() } else { word(&said) };
        }
        "ok".to_owned()
    }
}

impl World {
    /// How a session ends which begins with a bad token, or none, and then with a frame.
    async fn try_frame(&self, frame: &str, token: Option<&str>) -> String {
        let mut socket = Socket::connect(&self.relay, None).await.unwrap();
        if let Some(token) = token {
            socket.try_send(&json!({"type": "auth", "token": token})).await;
        }
        // A row without a frame is one that reads: by a hello.
        let frame = serde_json::from_str(frame).unwrap_or_else(
            |_| json!({"type": "hello", "version": 1, "opening": {"count": 1, "life": uuid::Uuid::nil()}, "cursors": []}),
        );
        socket.try_send(&frame).await;
        word(&socket.until("bye").await)
    }
}

fn word(frame: &Value) -> String {
    frame["error"]["code"].as_str().unwrap_or_default().to_owned()
}

/// A token which this relay signed and which has run out.
fn expired(relay: &TestRelay, whose: &Person) -> String {
    let key = std::fs::read_to_string(relay.data().join("token.key")).unwrap();
    let key: Vec<u8> = (0..32).map(|at| u8::from_str_radix(&key[at * 2..at * 2 + 2], 16).unwrap()).collect();
    let claims = json!({
        "sub": whose.account, "device": whose.device, "family": uuid::Uuid::new_v4(), "jti": uuid::Uuid::new_v4(),
        "iat": 1_000, "exp": 2_000, "aud": "parley-access",
    });
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &EncodingKey::from_secret(&key)).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_may_do_what_the_table_says_and_nothing_else() {
    let world = World::new().await;
    // The other owner owns a chat of each kind, with the owner in it.
    for word in ["group", "private_channel", "public_channel"] {
        let form = json!({"type": word, "title": "Another", "members": ["owner"]});
        world.create(&world.actors[5], form).await;
    }
    let mut wrong = Vec::new();
    for row in TABLE {
        let (method, target, body, kinds, expected) = row;
        for kind in *kinds {
            let mut scene = None;
            for (actor, expected) in expected.iter().enumerate() {
                let cell = format!("{method} {target} {body} in a {kind:?} by the {}", ACTORS[actor]);
                println!("{cell}");
                let here = match scene.take() {
                    Some(scene) => scene,
                    None => world.scene(*kind, actor, row).await,
                };
                let found = world.outcome(row, &here, actor).await;
                if found != *expected {
                    wrong.push(format!("{cell}: {found}, not {expected}"));
                }
                let changed = found == "ok" && !["GET", "WS"].contains(method);
                scene = Some(here).filter(|_| !changed && !kind.is_direct());
            }
            world.drain().await;
        }
    }
    assert!(wrong.is_empty(), "{} cells are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_good_token_nothing_is_done() {
    let world = Arc::new(World::new().await);
    let scene = world.scene(Kind::Group, 0, &("RESTORE", "", "{message}", &[], [""; 6])).await;
    let guards = [
        ("no token", None, "unauthorized"),
        ("an expired token", Some(world.expired.as_str()), "token_expired"),
        ("a revoked device", Some(world.revoked.as_str()), "device_revoked"),
    ];
    let mut wrong = Vec::new();
    for row in TABLE {
        for (name, token, expected) in guards {
            let Some((method, target, body)) = world.request(row, &scene, 0) else {
                let found = world.try_frame(&world.fill(row.1, &scene, 0), token).await;
                // Without a token the first frame is at the wrong place, whatever it is.
                let expected = if token.is_some() { expected } else { "out_of_order" };
                if found != expected {
                    wrong.push(format!("{} {} with {name}: {found}, not {expected}", row.0, row.1));
                }
                continue;
            };
            let answer = world.ask(method, &target, &body, token).await;
            if target == OPEN_TO_ALL {
                assert_eq!(answer.status(), 200, "{method} {target} with {name}");
                continue;
            }
            let (status, found, _) = error(answer).await;
            if (status, found.as_str()) != (401, expected) {
                wrong.push(format!("{method} {target} with {name}: {status} {found}, not {expected}"));
            }
        }
    }
    // A session is refused at the upgrade too.
    for (name, token, _) in guards {
        let Some(token) = token else { continue };
        if Socket::connect(&world.relay, Some(token)).await.is_ok() {
            wrong.push(format!("the upgrade of a WebSocket with {name}"));
        }
    }
    let form = json!({"username": "owner", "password": PASSWORD});
    let _ = person(ok(world.relay.post("/api/signin", &form).await).await);
    assert!(wrong.is_empty(), "{} cells are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// A device that was taken out of a sealed chat which its account is still in.
#[tokio::test(flavor = "multi_thread")]
async fn a_device_outside_a_sealed_chat_takes_no_part_in_it() {
    let relay = support::TestRelay::start();
    let (alice, bob) = (relay.person("alice").await, relay.person("bob").await);
    let chat = relay.chat(&alice, ChatKind::Group, true, &[&bob]).await.id;
    let outside = Profile::new(alice.account, relay.device(alice.account).await);
    let (account, device) = (alice.account, outside.who.device);
    let take_out = relay.relay.store().write(move |batch| {
        let change = ChatChange::DeviceRemoved { account, device };
        batch.append_change(chat, outside.who, EventId::new(), change).map(drop)
    });
    take_out.await.unwrap();
    let mut b = relay.open(&bob.profile).await;
    let mut out = relay.open(&outside).await;
    assert!(out.logs.iter().all(|view| view.log != chat.into()));
    let id = out.append(chat, sealed("mine")).await;
    assert_eq!(out.outcome(id).await.unwrap_err().code, Code::NotMember);
    for scope in [MarkScope::Own, MarkScope::Chat, MarkScope::Hidden] {
        out.send(&ClientFrame::Mark { chat, scope, mark: "1".into() }).await;
        assert_eq!(out.error().await.0, Code::NotMember);
    }
    out.send(&ClientFrame::Signal { chat, to: bob.profile.who.device, body: "offer".into() }).await;
    assert_eq!(out.error().await, (Code::NotMember, Some(bob.profile.who.device)));
    b.send(&ClientFrame::Signal { chat, to: device, body: "offer".into() }).await;
    assert_eq!(b.error().await, (Code::PeerOffline, Some(device)));
    out.ack(chat, 1_000).await;
    out.send(&ClientFrame::Typing { chat, on: true }).await;
    b.say(chat, "not for it").await;
    b.say(chat, "nor this").await;
    // What was sent to it comes before the answer to a request that is made after the second message was handed out.
    b.text(chat).await;
    assert_eq!(b.text(chat).await, "nor this");
    out.send(&ClientFrame::Subscribers { req: 1, topic: "fence".into() }).await;
    loop {
        match out.next().await {
            RelayFrame::Done { req: 1, .. } => break,
            RelayFrame::Entry(entry) => assert_ne!(entry.log, chat.into(), "{entry:?}"),
            _ => {}
        }
    }
    b.send(&ClientFrame::Subscribers { req: 1, topic: "fence".into() }).await;
    while let frame = b.next().await
        && !matches!(frame, RelayFrame::Done { req: 1, .. })
    {
        assert!(!matches!(frame, RelayFrame::Typing { .. }), "{frame:?}");
    }
}
