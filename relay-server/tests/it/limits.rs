//! Every bound: it holds, and whoever meets it is told its name.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use parley_protocol::frames::{MarkScope, Payload, RelayFrame};
use parley_protocol::http::{Chat, ChatMembers, CreateChat, History, Invite};
use parley_protocol::{ChatId, ChatKind, ClientFrame, Code, DeviceId, ErrorBody};
use relay_server::chats;
use relay_server::config::IceServers;
use relay_server::limits::Limits;
use reqwest::Method;
use serde_json::{Value, json};

use crate::relay::{PASSWORD, Person, TestRelay, done, ok, refused};
use crate::socket::Socket;
use crate::support::{self, DEADLINE, limits, open, sealed};

type Frames = fn(ChatId, DeviceId) -> Vec<ClientFrame>;

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_beyond_a_bound_is_answered_by_its_name() {
    let one = std::num::NonZeroU32::MIN;
    let cases: Vec<(&str, Code, Limits, Frames)> = vec![
        ("mark_bytes", Code::TooLarge, Limits { mark_bytes: 4, ..limits() }, |chat, _| {
            vec![ClientFrame::Mark { chat, scope: MarkScope::Chat, mark: "12345".into() }]
        }),
        ("signal_bytes", Code::TooLarge, Limits { signal_bytes: 4, ..limits() }, |chat, to| {
            vec![ClientFrame::Signal { chat, to, body: "12345".into() }]
        }),
        ("topic_bytes", Code::TooLarge, Limits { topic_bytes: 4, ..limits() }, |_, _| {
            vec![ClientFrame::Publish { req: 1, topic: "tea".into(), data: "12345".into() }]
        }),
        ("subscriptions", Code::LimitReached, Limits { subscriptions: 2, ..limits() }, |_, _| {
            vec![ClientFrame::Subscribe { req: 1, patterns: vec!["a".into(), "b".into(), "c".into()] }]
        }),
        (
            "frames_per_second",
            Code::RateLimited,
            Limits { frames_per_second: one, frames_burst: one, ..limits() },
            |chat, _| vec![ClientFrame::Typing { chat, on: true }; 2],
        ),
        (
            "signals_per_second",
            Code::RateLimited,
            Limits { signals_per_second: one, signals_burst: one, ..limits() },
            |chat, to| vec![ClientFrame::Signal { chat, to, body: "x".into() }; 2],
        ),
        (
            "topics_per_second",
            Code::RateLimited,
            Limits { topics_per_second: one, topics_burst: one, ..limits() },
            |_, _| vec![ClientFrame::Publish { req: 1, topic: "tea".into(), data: "x".into() }; 2],
        ),
    ];
    for (name, code, limits, frames) in cases {
        let relay = support::TestRelay::with(limits);
        let (alice, bob) = (relay.person("alice").await, relay.person("bob").await);
        let chat = relay.chat(&alice, ChatKind::Direct, true, &[&bob]).await.id;
        let mut a = relay.open(&alice.profile).await;
        for frame in frames(chat, bob.profile.who.device) {
            a.send(&frame).await;
        }
        let told = a.wait(|frame| match frame {
            RelayFrame::Error { error, .. } if error.code == code => Some(error.clone()),
            _ => None,
        });
        named(&told.await, name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_append_beyond_a_bound_is_refused_by_its_name() {
    let long = "x".repeat(2_000);
    for (name, code, sealed_chat, limits) in [
        ("payload_bytes", Code::TooLarge, true, Limits { payload_bytes: 1_000, ..limits() }),
        ("payload_bytes", Code::TooLarge, false, Limits { payload_bytes: 1_000, ..limits() }),
        ("chat_bytes", Code::QuotaExceeded, true, Limits { chat_bytes: 9_000, ..limits() }),
        ("account_bytes", Code::QuotaExceeded, true, Limits { account_bytes: 9_000, ..limits() }),
        ("frames_per_second", Code::RateLimited, true, {
            let one = std::num::NonZeroU32::MIN;
            Limits { frames_per_second: one, frames_burst: one, ..limits() }
        }),
    ] {
        let relay = support::TestRelay::with(limits);
        let (alice, bob) = (relay.person("alice").await, relay.person("bob").await);
        let chat = relay.chat(&alice, ChatKind::Direct, sealed_chat, &[&bob]).await.id;
        let mut a = relay.open(&alice.profile).await;
        // Bob is away, so that nothing of it goes.
        let mut refused = None;
        for _ in 0..6 {
            let payload: Payload = if sealed_chat { sealed(&long) } else { open(&long) };
            let id = a.append(chat, payload).await;
            refused = refused.or(a.outcome(id).await.err());
        }
        let error = refused.expect("one is beyond the bound");
        assert_eq!(error.code, code, "{error}");
        named(&error, name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_has_a_length_and_a_hello_a_time() {
    let relay = support::TestRelay::with(Limits { frame_bytes: 4_096, ..limits() });
    let alice = relay.person("alice").await;
    let mut a = relay.open(&alice.profile).await;
    a.send(&ClientFrame::Publish { req: 1, topic: "tea".into(), data: "x".repeat(5_000) }).await;
    let told = a.wait(|frame| match frame {
        RelayFrame::Bye { error, .. } => Some(error.clone()),
        _ => None,
    });
    let told = told.await;
    assert_eq!(told.code, Code::TooLarge);
    named(&told, "frame_bytes");

    let relay = TestRelay::with(|config| config.hello_within = Duration::from_millis(100)).await;
    let alice = relay.sign_up("alice").await;
    for token in [None, Some(alice.access.as_str())] {
        let bye = Socket::connect(&relay, token).await.unwrap().until("bye").await;
        assert_eq!(bye["error"]["code"], "out_of_order");
        assert!(bye["error"]["message"].as_str().unwrap().contains("(hello_within)"), "{bye}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hello_names_as_many_chats_as_an_account_may_be_in() {
    let relay = support::TestRelay::with(Limits::default());
    let alice = relay.person("alice").await;
    let mut profile = alice.profile.clone();
    for _ in 0..=Limits::default().chats_per_account {
        let cursor =
            parley_protocol::frames::Cursor { seq: i64::MAX.unsigned_abs(), entry: parley_protocol::EntryId::new() };
        profile = profile.at(ChatId::new(), cursor);
    }
    let a = relay.open(&profile).await;
    assert_eq!(a.gone.len(), profile.cursors.len(), "the relay has heard of none of them");
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_and_accounts_have_bounds() {
    let relay = support::TestRelay::with(Limits { group_members: 3, chats_per_account: 2, ..limits() });
    let alice = relay.person("alice").await;
    let mut others = Vec::new();
    for name in ["bob", "carol", "dave"] {
        others.push(relay.person(name).await);
    }
    let create = async |names: &[&str]| {
        let members = names.iter().map(|name| (*name).to_owned()).collect();
        let (kind, title) = (ChatKind::Group, Some("Tea".to_owned()));
        let form = CreateChat { id: None, kind, title, description: None, members, sealed: false };
        chats::create(&relay.relay, alice.profile.who, form).await
    };
    named(&create(&["bob", "carol", "dave"]).await.unwrap_err(), "group_members");
    let chat = create(&["bob", "carol"]).await.unwrap().id;
    let more = chats::add_member(&relay.relay, alice.profile.who, chat, "dave".into()).await;
    named(&more.unwrap_err(), "group_members");

    create(&["bob"]).await.unwrap();
    let third = create(&[]).await.unwrap_err();
    assert_eq!(third.code, Code::LimitReached);
    named(&third, "chats_per_account");
    let (bob, dave) = (&others[0], &others[2]);
    let own = relay.chat(dave, ChatKind::Group, false, &[]).await.id;
    let newcomer = chats::add_member(&relay.relay, dave.profile.who, own, bob.name.clone()).await.unwrap_err();
    named(&newcomer, "chats_per_account");
}

fn named(error: &ErrorBody, name: &str) {
    assert!(error.message.contains(&format!("({name})")), "{name}: {error}");
    if matches!(error.code, Code::RateLimited) {
        assert!(error.retry_after.is_some(), "{error}");
    }
}

async fn group(relay: &TestRelay, by: &Person) -> ChatId {
    let form = json!({"type": "group", "title": "Tea"});
    ok::<Chat>(relay.send(Method::POST, "/api/chats", &by.access, &form).await).await.id
}

#[tokio::test]
async fn an_invite_ends_with_its_uses_and_with_its_time() {
    let relay = TestRelay::with(|config| config.requests_per_account = 10_000).await;
    let (alice, bob, carol) = (relay.sign_up("alice").await, relay.sign_up("bob").await, relay.sign_up("carol").await);
    let chat = group(&relay, &alice).await;
    let path = format!("/api/chats/{chat}/invites");
    let invite = async |form: Value| ok::<Invite>(relay.send(Method::POST, &path, &alice.access, &form).await).await;
    let join = async |who: &Person, code: &str| {
        relay.send(Method::POST, &format!("/api/invites/{code}/join"), &who.access, &json!({})).await
    };
    let once = invite(json!({"uses": 1})).await;
    assert_eq!(once.uses_left, Some(1));
    let _: Chat = ok(join(&bob, &once.code).await).await;
    // Who is in it already has used it up, and it is not told of any more.
    refused(join(&carol, &once.code).await, 404, "not_found").await;
    refused(relay.get(&format!("/api/invites/{}", once.code), &carol.access).await, 404, "not_found").await;

    let short = invite(json!({"expires_in": 1})).await;
    let deadline = tokio::time::Instant::now() + DEADLINE;
    while relay.get(&format!("/api/invites/{}", short.code), &carol.access).await.status().is_success() {
        assert!(tokio::time::Instant::now() < deadline, "it does not end");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    refused(join(&carol, &short.code).await, 404, "not_found").await;
    for wrong in
        [json!({"uses": 0}), json!({"uses": 10_001}), json!({"expires_in": 0}), json!({"expires_in": 40_000_000})]
    {
        refused(relay.send(Method::POST, &path, &alice.access, &wrong).await, 400, "bad_request").await;
    }
}

#[tokio::test]
async fn pages_have_a_length_and_go_on_where_they_ended() {
    let relay = TestRelay::with(|config| config.requests_per_account = 10_000).await;
    let alice = relay.sign_up("alice").await;
    let chat = group(&relay, &alice).await;
    let path = format!("/api/chats/{chat}/messages");
    for n in 0..205 {
        let form = json!({"payload": {"open": {"kind": "text", "text": n.to_string()}}});
        assert!(relay.send(Method::POST, &path, &alice.access, &form).await.status().is_success());
    }
    let page = async |query: &str| {
        let history: History = ok(relay.get(&format!("{path}?{query}"), &alice.access).await).await;
        history.messages.iter().map(|message| message.seq).collect::<Vec<_>>()
    };
    // The first entry is the making of the group.
    assert_eq!(page("").await, (157..=206).collect::<Vec<_>>());
    assert_eq!(page("limit=200").await, (7..=206).collect::<Vec<_>>());
    assert_eq!(page("after=1&limit=2").await, [2, 3]);
    assert_eq!(page("after=3&limit=2").await, [4, 5]);
    assert_eq!(page("after=205&limit=2").await, [206]);
    assert_eq!(page("after=206").await, [] as [u64; 0]);
    assert_eq!(page("before=4&limit=2").await, [2, 3]);
    assert_eq!(page("before=2").await, [] as [u64; 0]);
    for wrong in ["limit=0", "limit=201", "limit=x", "after=-1", "seq=1"] {
        refused(relay.get(&format!("{path}?{wrong}"), &alice.access).await, 400, "bad_request").await;
    }

    let path = format!("/api/chats/{chat}/members");
    for name in ["bob", "carol"] {
        relay.sign_up(name).await;
        done(relay.send(Method::POST, &path, &alice.access, &json!({"member": name})).await).await;
    }
    let (mut seen, mut next) = (Vec::new(), String::new());
    loop {
        let page: ChatMembers = ok(relay.get(&format!("{path}?limit=1{next}"), &alice.access).await).await;
        assert_eq!(page.members.len(), 1);
        seen.extend(page.members.into_iter().map(|member| member.user.username));
        let Some(after) = page.next else { break };
        next = format!("&after={after}");
    }
    seen.sort();
    assert_eq!(seen, ["alice", "bob", "carol"]);
    refused(relay.get(&format!("{path}?limit=201"), &alice.access).await, 400, "bad_request").await;
}

#[tokio::test]
async fn a_welcome_tells_of_the_servers_for_direct_links() {
    let server = json!({"urls": ["turn:turn.example.org"], "username": "u", "credential": "c"});
    let servers = IceServers(vec![serde_json::from_value(server.clone()).unwrap()]);
    let relay = TestRelay::with(|config| config.ice_servers = servers).await;
    let alice = relay.sign_up("alice").await;
    let mut socket = Socket::connect(&relay, Some(&alice.access)).await.unwrap();
    socket.say_hello().await;
    assert_eq!(socket.until("welcome").await["ice_servers"], json!([server]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_chat_while_others_storm_the_door() {
    let relay = TestRelay::with(|config| {
        config.password_hashers = 1;
        config.password_queue = 4;
        config.free_signin_failures = 1_000_000;
    });
    let relay = Arc::new(relay.await);
    let (alice, bob) = (relay.sign_up("alice").await, relay.sign_up("bob").await);
    let form = json!({"type": "single", "members": ["bob"]});
    let chat: Chat = ok(relay.send(Method::POST, "/api/chats", &alice.access, &form).await).await;
    let (mut a, mut b) = (Socket::open(&relay, &alice.access).await, Socket::open(&relay, &bob.access).await);

    // As many knock without a pause as there are places, and some more.
    let (over, turned_away) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let storm: Vec<_> = (0..8)
        .map(|_| {
            let (relay, over, turned_away) = (Arc::clone(&relay), Arc::clone(&over), Arc::clone(&turned_away));
            tokio::spawn(async move {
                while !over.load(Ordering::Relaxed) {
                    let knock =
                        relay.post("/api/signin", &json!({"username": "alice", "password": "a wrong one"})).await;
                    if knock.status() == 503 {
                        turned_away.fetch_add(1, Ordering::Relaxed);
                    }
                }
            })
        })
        .collect();
    support::until(|| {
        let full = turned_away.load(Ordering::Relaxed) > 0;
        async move { full }
    })
    .await;
    for n in 0..20 {
        let text = n.to_string();
        let id = parley_protocol::MessageId::new();
        let payload = json!({"open": {"kind": "text", "text": text}});
        a.send(&json!({"type": "append", "chat": chat.id, "id": id, "payload": payload})).await;
        a.until_matches(|frame| frame["type"] == "accepted" && frame["id"] == json!(id)).await;
        b.until_matches(|frame| frame["type"] == "entry" && frame["id"] == json!(id)).await;
    }
    over.store(true, Ordering::Relaxed);
    for knocking in storm {
        knocking.await.unwrap();
    }
    let form = json!({"username": "alice", "password": PASSWORD});
    assert!(relay.post("/api/signin", &form).await.status().is_success());
}
