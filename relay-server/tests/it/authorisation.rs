//! Who may do what: one table of every operation and everybody who might try it.
//!
//! Each row is an operation and what it answers to the owner, an admin, a member, somebody who was removed, somebody
//! who shares nothing with the chat, and the owner of another chat. Without a token, with one that has run out, and from a
//! revoked device every row is refused alike. Each cell has a chat of its own; one that is wrong is named.

use std::sync::Arc;
use std::time::Duration;

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use parley_protocol::http::{Chat, Invite};
use parley_protocol::{AccountId, ChatId, DeviceId, MessageId};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::relay::{PASSWORD, Person, TestRelay, done, error, ok, person};
use crate::socket::Socket;

const ACTORS: [&str; 6] = ["owner", "admin", "member", "removed", "stranger", "other owner"];

#[derive(Clone, Copy, PartialEq, Debug)]
enum Kind {
    Group,
    PublicChannel,
    Direct,
}
use Kind::{Direct, Group, PublicChannel};

/// An operation: its method (or `WS`), where to or which frame, its body, in which chat, and what it answers to each.
/// `{…}` are filled in for each cell.
type Row = (&'static str, &'static str, &'static str, Kind, [&'static str; 6]);

const ALL: [&str; 6] = ["ok"; 6];
const OWNER: [&str; 6] = ["ok", "forbidden", "forbidden", "not_found", "not_found", "not_found"];
const ADMINS: [&str; 6] = ["ok", "ok", "forbidden", "not_found", "not_found", "not_found"];
const MEMBERS: [&str; 6] = ["ok", "ok", "ok", "not_found", "not_found", "not_found"];
const SENDERS: [&str; 6] = ["ok", "ok", "ok", "not_member", "not_member", "not_member"];
const CHANNEL_OWNER: [&str; 6] = ["ok", "forbidden", "forbidden", "not_member", "not_member", "not_member"];
const CHANNEL_ADMINS: [&str; 6] = ["ok", "ok", "forbidden", "not_member", "not_member", "not_member"];
/// In a direct chat both are owners; there are no others.
const BOTH: [&str; 6] = ["ok", "ok", "ok", "not_found", "not_found", "not_found"];
const NOT_IN_DIRECT: [&str; 6] = ["forbidden"; 6];

const TEXT: &str = r#"{"payload":{"open":{"kind":"text","text":"hello"}}}"#;

/// What needs no token, and is the same with a bad one.
const OPEN_TO_ALL: &str = "/api/relay";

const TABLE: &[Row] = &[
    // The relay itself.
    ("GET", OPEN_TO_ALL, "", Group, ALL),
    // One's own account.
    ("GET", "/api/account", "", Group, ALL),
    ("PATCH", "/api/account", r#"{"show_presence":true}"#, Group, ALL),
    ("GET", "/api/devices", "", Group, ALL),
    (
        "PATCH",
        "/api/devices/{owners_device}",
        r#"{"name":"mine"}"#,
        Group,
        ["ok", "not_found", "not_found", "not_found", "not_found", "not_found"],
    ),
    (
        "DELETE",
        "/api/devices/{owners_spare}",
        "",
        Group,
        ["ok", "not_found", "not_found", "not_found", "not_found", "not_found"],
    ),
    ("POST", "/api/password", r#"{"current":"a wrong one","new":"a new password"}"#, Group, ["wrong_credentials"; 6]),
    ("DELETE", "/api/account", r#"{"password":"a wrong one"}"#, Group, ["wrong_credentials"; 6]),
    // People.
    ("GET", "/api/users?q=own", "", Group, ALL),
    ("GET", "/api/users/{extra}", "", Group, ALL),
    ("GET", "/api/blocks", "", Group, ALL),
    ("PUT", "/api/blocks/{newcomer}", "", Group, ALL),
    ("DELETE", "/api/blocks/{newcomer}", "", Group, ALL),
    // Chats.
    ("POST", "/api/chats", r#"{"type":"group","title":"Mine"}"#, Group, ALL),
    ("GET", "/api/chats", "", Group, ALL),
    ("GET", "/api/chats/public?q=x", "", Group, ALL),
    ("GET", "/api/chats/{chat}", "", Group, MEMBERS),
    ("GET", "/api/chats/{chat}", "", PublicChannel, ALL),
    ("GET", "/api/chats/{chat}", "", Direct, BOTH),
    ("PATCH", "/api/chats/{chat}", r#"{"title":"Other"}"#, Group, ADMINS),
    ("PATCH", "/api/chats/{chat}", r#"{"title":"Other"}"#, PublicChannel, CHANNEL_ADMINS),
    ("DELETE", "/api/chats/{chat}", "", Group, OWNER),
    ("DELETE", "/api/chats/{chat}", "", PublicChannel, CHANNEL_OWNER),
    ("POST", "/api/chats/{chat}/join", "", Group, MEMBERS),
    ("POST", "/api/chats/{chat}/join", "", PublicChannel, ALL),
    ("POST", "/api/chats/{chat}/leave", "", Group, ["forbidden", "ok", "ok", "not_found", "not_found", "not_found"]),
    (
        "POST",
        "/api/chats/{chat}/leave",
        "",
        PublicChannel,
        ["forbidden", "ok", "ok", "not_member", "not_member", "not_member"],
    ),
    ("POST", "/api/chats/{chat}/leave", "", Direct, NOT_IN_DIRECT),
    // Members.
    ("GET", "/api/chats/{chat}/members", "", Group, MEMBERS),
    ("POST", "/api/chats/{chat}/members", r#"{"member":"newcomer"}"#, Group, ADMINS),
    ("POST", "/api/chats/{chat}/members", r#"{"member":"newcomer"}"#, PublicChannel, CHANNEL_ADMINS),
    ("PATCH", "/api/chats/{chat}/members/{extra}", r#"{"role":"admin"}"#, Group, OWNER),
    ("PATCH", "/api/chats/{chat}/members/{extra}", r#"{"role":"owner"}"#, Group, OWNER),
    ("PATCH", "/api/chats/{chat}/members/{extra}", r#"{"role":"owner"}"#, PublicChannel, CHANNEL_OWNER),
    ("DELETE", "/api/chats/{chat}/members/{extra}", "", Group, ADMINS),
    (
        "DELETE",
        "/api/chats/{chat}/members/{owner}",
        "",
        Group,
        ["forbidden", "forbidden", "forbidden", "not_found", "not_found", "not_found"],
    ),
    ("DELETE", "/api/chats/{chat}/members/{extra_admin}", "", Group, OWNER),
    // Messages.
    ("GET", "/api/chats/{chat}/messages", "", Group, MEMBERS),
    ("GET", "/api/chats/{chat}/messages", "", PublicChannel, ALL),
    ("GET", "/api/chats/{chat}/messages", "", Direct, BOTH),
    ("POST", "/api/chats/{chat}/messages", TEXT, Group, SENDERS),
    ("POST", "/api/chats/{chat}/messages", TEXT, Direct, SENDERS),
    // Invites.
    ("POST", "/api/chats/{chat}/invites", "", Group, ADMINS),
    ("GET", "/api/chats/{chat}/invites", "", Group, ADMINS),
    ("DELETE", "/api/chats/{chat}/invites/{code}", "", Group, ADMINS),
    ("GET", "/api/invites/{code}", "", Group, ALL),
    ("POST", "/api/invites/{code}/join", "", Group, ALL),
    // After a restore: what is not the caller's to change is left out, and the answer says so.
    (
        "POST",
        "/api/chats/{chat}/restore",
        r#"{"changes":[{"id":"{event}","change":{"kind":"renamed","title":"Old"}}]}"#,
        Group,
        ["ok", "ok", "nothing", "nothing", "nothing", "nothing"],
    ),
    // Sessions.
    (
        "WS",
        r#"{"type":"append","chat":"{chat}","id":"{event}","payload":{"open":{"kind":"text","text":"hello"}}}"#,
        "",
        Group,
        SENDERS,
    ),
    (
        "WS",
        r#"{"type":"append","chat":"{chat}","id":"{event}","payload":{"open":{"kind":"text","text":"hello"}}}"#,
        "",
        Direct,
        SENDERS,
    ),
    ("WS", r#"{"type":"mark","chat":"{chat}","scope":"own","mark":"{\"seq\":1}"}"#, "", Group, SENDERS),
    ("WS", r#"{"type":"signal","chat":"{chat}","to":"{peer}","body":"sealed"}"#, "", Group, SENDERS),
    (
        "WS",
        r#"{"type":"typing","chat":"{chat}","on":true}"#,
        "",
        Group,
        ["heard", "heard", "heard", "unheard", "unheard", "unheard"],
    ),
];

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
}

/// One cell's chat.
struct Scene {
    kind: Kind,
    chat: ChatId,
    code: String,
    spare: DeviceId,
}

impl World {
    async fn new() -> Self {
        let relay = TestRelay::with(|config| {
            config.requests_per_account = 100_000;
            config.requests_per_address = 100_000;
            config.devices_per_account = 1_000;
            config.free_signin_failures = 1_000;
            // Nobody reads from the sockets while the other rows are tried.
            config.ping = Duration::from_secs(200);
            config.dead_after = Duration::from_secs(600);
        });
        let relay = relay.await;
        let mut actors = Vec::new();
        for name in ["owner", "admin", "member", "removed", "stranger", "other"] {
            actors.push(relay.sign_up(name).await);
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
        Self { relay, actors, extra, extra_admin, newcomer, revoked, expired, sockets, listener }
    }

    /// A chat in which everybody is what they are called.
    async fn scene(&self, kind: Kind, actor: usize, needs_spare: bool) -> Scene {
        let [owner, admin, member, removed, _, other] = self.actors.as_slice() else { unreachable!() };
        let create = async |by: &Person, form: Value| -> Chat {
            ok(self.relay.send(Method::POST, "/api/chats", &by.access, &form).await).await
        };
        let spare = if needs_spare { self.relay.sign_in("owner").await.device } else { DeviceId::nil() };
        if kind == Direct {
            // Between the actor, if it is one of the chat, and somebody else.
            let one = if actor < 3 { &self.actors[actor] } else { owner };
            let chat = create(one, json!({"type": "single", "members": ["extra"]})).await.id;
            return Scene { kind, chat, code: String::new(), spare };
        }
        let word = if kind == Group { "group" } else { "public_channel" };
        let members = [admin.account, member.account, removed.account, self.extra.account, self.extra_admin.account];
        let form = json!({"type": word, "title": "A chat", "members": members});
        let chat = create(owner, form.clone()).await.id;
        create(other, json!({"type": word, "title": "Another", "members": [owner.account]})).await;
        let member_path = |account: AccountId| format!("/api/chats/{chat}/members/{account}");
        for admin in [admin, &self.extra_admin] {
            let path = member_path(admin.account);
            done(self.relay.send(Method::PATCH, &path, &owner.access, &json!({"role": "admin"})).await).await;
        }
        done(self.relay.send(Method::DELETE, &member_path(removed.account), &owner.access, &json!({})).await).await;
        let path = format!("/api/chats/{chat}/invites");
        let invite: Invite = ok(self.relay.send(Method::POST, &path, &owner.access, &json!({})).await).await;
        Scene { kind, chat, code: invite.code, spare }
    }

    fn fill(&self, text: &str, scene: &Scene, actor: usize) -> String {
        // A signal goes to somebody else who is there.
        let peer = self.actors[usize::from(actor == 0)].device;
        text.replace("{chat}", &scene.chat.to_string())
            .replace("{code}", &scene.code)
            .replace("{event}", &MessageId::new().to_string())
            .replace("{owner}", &self.actors[0].account.to_string())
            .replace("{owners_device}", &self.actors[0].device.to_string())
            .replace("{owners_spare}", &scene.spare.to_string())
            .replace("{extra}", &self.extra.account.to_string())
            .replace("{extra_admin}", &self.extra_admin.account.to_string())
            .replace("{newcomer}", &self.newcomer.account.to_string())
            .replace("{peer}", &peer.to_string())
    }

    /// What an actor is answered: `ok`, `nothing`, `heard`, `unheard`, or the code of the error.
    async fn outcome(&self, row: &Row, actor: usize) -> String {
        let (method, target, body, kind, _) = *row;
        let scene = self.scene(kind, actor, target.contains("{owners_spare}")).await;
        let (target, body) = (self.fill(target, &scene, actor), self.fill(body, &scene, actor));
        if method == "WS" {
            let frame: Value = serde_json::from_str(&target).unwrap();
            return self.frame(&frame, &scene, actor).await;
        }
        let answer = self.ask(method, &target, &body, Some(&self.actors[actor].access)).await;
        if !answer.status().is_success() {
            return error(answer).await.1;
        }
        let text = answer.text().await.unwrap();
        let nothing = serde_json::from_str::<Value>(&text).is_ok_and(|value| value["taken"] == json!([]));
        if nothing { "nothing".to_owned() } else { "ok".to_owned() }
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
        // Who is in the chat has been told of it before they speak in it; of direct chats in an earlier row.
        let is_in = actor < 3 && scene.kind != Direct;
        let mut socket = self.sockets[actor].lock().await;
        if is_in {
            socket.until_fenced(|frame| frame["type"] == "log" && frame["log"] == chat).await;
        } else if ACTORS[actor] == "removed" && scene.kind == Group {
            let removed = |frame: &Value| frame["log"] == chat && frame["change"]["kind"] == "member_removed";
            socket.until_fenced(removed).await;
        }
        if frame["type"] == "signal" {
            let mut peer = self.sockets[usize::from(actor == 0)].lock().await;
            peer.until_fenced(|frame| frame["type"] == "log" && frame["log"] == chat).await;
        }
        if frame["type"] == "typing" {
            let mut listener = self.listener.lock().await;
            listener.until_fenced(|frame| frame["type"] == "log" && frame["log"] == chat).await;
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
    let mut wrong = Vec::new();
    for row in TABLE {
        let (method, target, _, kind, expected) = row;
        for (actor, expected) in expected.iter().enumerate() {
            // In a direct chat `owner`, `admin` and `member` are each one of the two.
            if *kind == Direct && *expected == "forbidden" && actor >= 3 {
                continue;
            }
            println!("{method} {target} in a {kind:?} by the {}", ACTORS[actor]);
            let found = world.outcome(row, actor).await;
            if found != *expected {
                wrong
                    .push(format!("{method} {target} in a {kind:?} by the {}: {found}, not {expected}", ACTORS[actor]));
            }
        }
    }
    assert!(wrong.is_empty(), "{} cells are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_good_token_nothing_is_done() {
    let world = Arc::new(World::new().await);
    let scene = world.scene(Group, 0, false).await;
    let guards = [
        ("no token", None, "unauthorized"),
        ("an expired token", Some(world.expired.as_str()), "token_expired"),
        ("a revoked device", Some(world.revoked.as_str()), "device_revoked"),
    ];
    // What changes one's own account is not tried with a good token in the other table.
    let own = [("POST", "/api/signout", r#"{"all":true}"#), ("POST", "/api/devices/replace", "")];
    let rows = TABLE.iter().map(|(method, target, body, ..)| (*method, *target, *body)).chain(own);
    let mut wrong = Vec::new();
    for (method, target, body) in rows.filter(|(method, ..)| *method != "WS") {
        for (name, token, expected) in guards {
            let (path, body) = (world.fill(target, &scene, 0), world.fill(body, &scene, 0));
            let answer = world.ask(method, &path, &body, token).await;
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
    // A session is refused at the upgrade, or after its first frame.
    for (name, token, expected) in guards {
        let Some(token) = token else { continue };
        if Socket::connect(&world.relay, Some(token)).await.is_ok() {
            wrong.push(format!("the upgrade of a WebSocket with {name}"));
        }
        let mut socket = Socket::connect(&world.relay, None).await.unwrap();
        socket.send(&json!({"type": "auth", "token": token})).await;
        let found = word(&socket.until("bye").await);
        if found != expected {
            wrong.push(format!("the first frame of a WebSocket with {name}: {found}, not {expected}"));
        }
    }
    for frame in [
        r#"{"type":"append","chat":"{chat}","id":"{event}","payload":{"open":{"kind":"empty"}}}"#,
        r#"{"type":"typing","chat":"{chat}","on":true}"#,
        r#"{"type":"auth","token":""}"#,
    ] {
        let mut socket = Socket::connect(&world.relay, None).await.unwrap();
        socket.send(&serde_json::from_str(&world.fill(frame, &scene, 0)).unwrap()).await;
        let found = word(&socket.until("bye").await);
        if !["out_of_order", "unauthorized"].contains(&found.as_str()) {
            wrong.push(format!("{frame} without a token: {found}"));
        }
    }
    let form = json!({"username": "owner", "password": PASSWORD});
    let _ = person(ok(world.relay.post("/api/signin", &form).await).await);
    assert!(wrong.is_empty(), "{} cells are wrong:\n{}", wrong.len(), wrong.join("\n"));
}
