//! Where accounts and sessions meet: what a token opens, and what ends it.

use std::time::Duration;

use parley_protocol::frames::PresenceState;
use parley_protocol::http::{Account, Chat, ChatMembers, Chats, Device, Devices, User};
use reqwest::Method;
use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::relay::{PASSWORD, Person, TestRelay, done, ok, person, refused};
use crate::socket::Socket;

/// Waits until it is so.
async fn until(what: &str, mut so: impl AsyncFnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    while !so().await {
        assert!(tokio::time::Instant::now() < deadline, "in time: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn group(relay: &TestRelay, owner: &Person, members: &[&Person]) -> Chat {
    let members: Vec<_> = members.iter().map(|member| member.account).collect();
    let form = json!({"type": "group", "title": "Tea", "members": members});
    ok(relay.send(Method::POST, "/api/chats", &owner.access, &form).await).await
}

#[tokio::test]
async fn signing_out_or_being_revoked_ends_the_session_with_a_reason() {
    let relay = TestRelay::start().await;
    let desk = relay.sign_up("alice").await;
    let (phone, tablet) = (relay.sign_in("alice").await, relay.sign_in("alice").await);
    let mut on_desk = Socket::open(&relay, &desk.access).await;
    let mut on_phone = Socket::open(&relay, &phone.access).await;
    let mut on_tablet = Socket::first_frame(&relay, &tablet.access).await;

    done(relay.send(Method::POST, "/api/signout", &phone.access, &json!({})).await).await;
    assert_eq!(on_phone.until("bye").await["error"]["code"], "unauthorized");
    assert!(on_phone.next().await.is_none());

    let path = format!("/api/devices/{}", tablet.device);
    done(relay.send(Method::DELETE, &path, &desk.access, &json!({})).await).await;
    assert_eq!(on_tablet.until("bye").await["error"]["code"], "device_revoked");
    on_desk.fence().await;
}

#[tokio::test]
async fn signing_out_holds_though_the_caller_hangs_up() {
    let relay = TestRelay::with(|config| config.requests_per_account = 10_000).await;
    relay.sign_up("alice").await;
    for _ in 0..12 {
        let phone = relay.sign_in("alice").await;
        let _: Devices = ok(relay.get("/api/devices", &phone.access).await).await;
        let mut socket = TcpStream::connect(relay.address).await.unwrap();
        let request = format!(
            "POST /api/signout HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-length: 2\r\n\r\n{{}}",
            phone.access
        );
        socket.write_all(request.as_bytes()).await.unwrap();
        drop(socket);
        let out = async || relay.get("/api/devices", &phone.access).await.status() == 401;
        until("the token is refused", out).await;
    }
}

#[tokio::test]
async fn a_device_that_signed_out_before_it_said_hello_gets_no_session() {
    let relay = TestRelay::start().await;
    let (desk, phone) = (relay.sign_up("alice").await, relay.sign_in("alice").await);
    let mut upgraded = Socket::connect(&relay, Some(&desk.access)).await.unwrap();
    let mut by_frame = Socket::connect(&relay, None).await.unwrap();
    by_frame.send(&json!({"type": "auth", "token": phone.access})).await;
    // The upgrade was answered after its token was looked at; the frame is looked at before long.
    tokio::time::sleep(Duration::from_millis(300)).await;
    done(relay.send(Method::POST, "/api/signout", &desk.access, &json!({"all": true})).await).await;
    for socket in [&mut upgraded, &mut by_frame] {
        socket.say_hello().await;
        assert_eq!(socket.until("bye").await["error"]["code"], "unauthorized");
    }
    // Back again as the same device, it has one.
    let form = json!({"username": "alice", "password": PASSWORD, "device": desk.device});
    let again = person(ok(relay.post("/api/signin", &form).await).await);
    Socket::open(&relay, &again.access).await.fence().await;
}

#[tokio::test]
async fn a_reused_token_ends_the_session_and_a_refresh_does_not() {
    let relay = TestRelay::start().await;
    let alice = relay.sign_up("alice").await;
    let mut session = Socket::open(&relay, &alice.access).await;
    let second = person(ok(relay.refresh(&alice.refresh).await).await);
    let _ = person(ok(relay.refresh(&second.refresh).await).await);
    session.fence().await;
    refused(relay.refresh(&alice.refresh).await, 401, "token_reused").await;
    assert_eq!(session.until("bye").await["error"]["code"], "token_reused");
}

#[tokio::test]
async fn a_token_in_the_address_is_refused_and_the_reason_is_said() {
    let relay = TestRelay::start().await;
    let alice = relay.sign_up("alice").await;
    let answer = relay.request(Method::GET, &format!("/ws?token={}", alice.access)).send().await.unwrap();
    let message = refused(answer, 400, "bad_request").await;
    assert!(message.contains("Authorization: Bearer") && message.contains("first frame"), "{message}");
    let plain = relay.request(Method::GET, "/ws").send().await.unwrap();
    assert!(refused(plain, 400, "bad_request").await.contains("WebSocket"));
}

#[tokio::test]
async fn stopping_says_goodbye_to_every_session() {
    let mut relay = TestRelay::start().await;
    let alice = relay.sign_up("alice").await;
    let mut session = Socket::open(&relay, &alice.access).await;
    let began = std::time::Instant::now();
    relay.stop().await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(5));
    assert_eq!(session.until("bye").await["error"]["code"], "shutting_down");
}

#[tokio::test]
async fn presence_is_for_those_who_share_a_chat_and_only_if_it_is_shown() {
    let relay = TestRelay::start().await;
    let (alice, bob, carol) = (relay.sign_up("alice").await, relay.sign_up("bob").await, relay.sign_up("carol").await);
    group(&relay, &alice, &[&bob]).await;
    let session = Socket::open(&relay, &alice.access).await;
    let path = format!("/api/users/{}", alice.account);
    let seen = async |who: &Person| ok::<User>(relay.get(&path, &who.access).await).await;
    until("bob sees her", async || seen(&bob).await.presence == PresenceState::Online).await;
    assert_eq!((seen(&carol).await.presence, seen(&carol).await.last_seen), (PresenceState::Offline, None));

    let shows = async |to: &str| {
        let form = json!({"show_presence": to});
        let answer: Account = ok(relay.send(Method::PATCH, "/api/account", &alice.access, &form).await).await;
        assert_eq!(answer.show_presence.as_str(), to);
    };
    // A group makes no contacts, a direct chat does.
    let dave = relay.sign_up("dave").await;
    let direct = json!({"type": "single", "members": [dave.account]});
    ok::<Chat>(relay.send(Method::POST, "/api/chats", &alice.access, &direct).await).await;
    for (to, bob_sees, dave_sees) in [
        ("nobody", PresenceState::Offline, PresenceState::Offline),
        ("contacts", PresenceState::Offline, PresenceState::Online),
        ("everyone", PresenceState::Online, PresenceState::Online),
    ] {
        shows(to).await;
        assert_eq!((seen(&bob).await.presence, seen(&dave).await.presence), (bob_sees, dave_sees), "{to}");
        if bob_sees == PresenceState::Offline {
            assert_eq!(seen(&bob).await.last_seen, None);
        }
    }

    let block = format!("/api/blocks/{}", bob.account);
    done(relay.send(Method::PUT, &block, &alice.access, &json!({})).await).await;
    assert_eq!(seen(&bob).await.presence, PresenceState::Offline, "who is blocked sees nothing");
    done(relay.send(Method::DELETE, &block, &alice.access, &json!({})).await).await;
    drop(session);
    until("bob sees when she left", async || seen(&bob).await.last_seen.is_some()).await;
}

#[tokio::test]
async fn who_shares_a_private_channel_sees_the_others_and_who_shares_a_public_one_does_not() {
    let relay = TestRelay::start().await;
    let (alice, bob, carol) = (relay.sign_up("alice").await, relay.sign_up("bob").await, relay.sign_up("carol").await);
    let channel = async |kind: &str, other: &str| {
        let form = json!({"type": kind, "title": "News", "members": [other]});
        ok::<Chat>(relay.send(Method::POST, "/api/chats", &alice.access, &form).await).await.id
    };
    channel("public_channel", "carol").await;
    let session = Socket::open(&relay, &alice.access).await;
    let mut watching = Socket::open(&relay, &bob.access).await;
    let chat = channel("private_channel", "bob").await;
    let of_alice = |frame: &serde_json::Value| frame["type"] == "presence" && frame["account"] == json!(alice.account);
    assert_eq!(watching.until_matches(of_alice).await["state"], "online", "who comes into it is told");
    let path = format!("/api/users/{}", alice.account);
    let seen = async |who: &Person| ok::<User>(relay.get(&path, &who.access).await).await.presence;
    assert_eq!((seen(&bob).await, seen(&carol).await), (PresenceState::Online, PresenceState::Offline));
    let path = format!("/api/chats/{chat}/members");
    let listed: ChatMembers = ok(relay.get(&path, &bob.access).await).await;
    let listed = listed.members.into_iter().find(|member| member.user.id == alice.account).unwrap();
    assert_eq!(listed.user.presence, PresenceState::Online);
    drop(session);
}

#[tokio::test]
async fn a_block_is_told_to_ones_other_devices() {
    let relay = TestRelay::start().await;
    let (desk, bob) = (relay.sign_up("alice").await, relay.sign_up("bob").await);
    let phone = relay.sign_in("alice").await;
    let mut session = Socket::open(&relay, &phone.access).await;
    let path = format!("/api/blocks/{}", bob.account);
    done(relay.send(Method::PUT, &path, &desk.access, &json!({})).await).await;
    let told = session.until("entry").await;
    assert_eq!(told["item"], json!({"kind": "blocks_changed", "blocked": [bob.account]}));
}

#[tokio::test]
async fn a_device_which_signs_in_is_seen_in_the_sealed_chats() {
    let relay = TestRelay::start().await;
    let (alice, bob) = (relay.sign_up("alice").await, relay.sign_up("bob").await);
    let form = json!({"type": "single", "members": ["bob"], "sealed": true});
    let chat: Chat = ok(relay.send(Method::POST, "/api/chats", &alice.access, &form).await).await;
    let mut session = Socket::open(&relay, &bob.access).await;
    let phone = relay.sign_in("alice").await;
    let change = |kind: &'static str| move |frame: &serde_json::Value| frame["change"]["kind"] == kind;
    let added = session.until_matches(change("device_added")).await;
    assert_eq!((&added["log"], &added["change"]["device"]), (&json!(chat.id), &json!(phone.device)));

    let new = person(ok(relay.send(Method::POST, "/api/devices/replace", &phone.access, &json!({})).await).await);
    assert_eq!(session.until_matches(change("device_added")).await["change"]["device"], json!(new.device));
    assert_eq!(session.until_matches(change("device_removed")).await["change"]["device"], json!(phone.device));

    let devices: Devices = ok(relay.get("/api/devices", &bob.access).await).await;
    assert!(matches!(devices.devices.as_slice(), [Device { online: true, .. }]));
}

#[tokio::test]
async fn what_a_deleted_account_owned_goes_to_the_next_in_line() {
    let relay = TestRelay::start().await;
    let (alice, bob, carol) = (relay.sign_up("alice").await, relay.sign_up("bob").await, relay.sign_up("carol").await);
    let shared = group(&relay, &alice, &[&bob, &carol]).await;
    let path = format!("/api/chats/{}/members/{}", shared.id, carol.account);
    done(relay.send(Method::PATCH, &path, &alice.access, &json!({"role": "admin"})).await).await;
    group(&relay, &alice, &[]).await;
    let form = json!({"password": PASSWORD});
    done(relay.send(Method::DELETE, "/api/account", &alice.access, &form).await).await;

    let chat: Chat = ok(relay.get(&format!("/api/chats/{}", shared.id), &carol.access).await).await;
    assert_eq!((chat.role, chat.member_count), (Some(parley_protocol::Role::Owner), 2));
    let chats: Chats = ok(relay.get("/api/chats", &bob.access).await).await;
    assert_eq!(chats.chats.len(), 1);
    refused(relay.get(&format!("/api/users/{}", alice.account), &bob.access).await, 404, "not_found").await;
}
