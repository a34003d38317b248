//! Chats over HTTP: finding public ones, invites, and giving back what a restored relay lacks.

use parley_protocol::http::{Chat, Chats, Invite, Restored};
use parley_protocol::{AccountId, ChatId, EventId};
use reqwest::Method;
use serde_json::{Value, json};

use crate::relay::{Person, TestRelay, done, ok, refused};

async fn create(relay: &TestRelay, by: &Person, form: Value) -> Chat {
    ok(relay.send(Method::POST, "/api/chats", &by.access, &form).await).await
}

#[tokio::test]
async fn a_public_channel_is_found_by_any_part_of_its_title_in_any_case() {
    let relay = TestRelay::start().await;
    let alice = relay.sign_up("alice").await;
    for title in ["Öl und Essig", "Чай", "Salz"] {
        create(&relay, &alice, json!({"type": "public_channel", "title": title})).await;
    }
    for (query, expected) in [
        ("Öl", vec!["Öl und Essig"]),
        ("öl", vec!["Öl und Essig"]),
        ("O\u{308}L", vec!["Öl und Essig"]),
        ("ЧАЙ", vec!["Чай"]),
        ("essig", vec!["Öl und Essig"]),
        ("tee", vec![]),
    ] {
        let found: Chats = ok(relay
            .request(Method::GET, "/api/chats/public")
            .query(&[("q", query)])
            .bearer_auth(&alice.access)
            .send()
            .await
            .unwrap())
        .await;
        let titles: Vec<_> = found.chats.iter().map(|chat| chat.title.as_str()).collect();
        assert_eq!(titles, expected, "{query}");
    }
}

#[tokio::test]
async fn nobody_comes_back_by_an_invite_of_his_own() {
    let relay = TestRelay::start().await;
    let (alice, bob, carol) = (relay.sign_up("alice").await, relay.sign_up("bob").await, relay.sign_up("carol").await);
    let chat = create(&relay, &alice, json!({"type": "group", "title": "Tea", "members": ["bob", "carol"]})).await.id;
    let member = |who: &Person| format!("/api/chats/{chat}/members/{}", who.account);
    let mut invites = Vec::new();
    for admin in [&bob, &carol] {
        done(relay.send(Method::PATCH, &member(admin), &alice.access, &json!({"role": "admin"})).await).await;
        let path = format!("/api/chats/{chat}/invites");
        invites.push(ok::<Invite>(relay.send(Method::POST, &path, &admin.access, &json!({})).await).await.code);
    }
    let own: Invite =
        ok(relay.send(Method::POST, &format!("/api/chats/{chat}/invites"), &alice.access, &json!({})).await).await;
    // One is removed, the other is an admin no more.
    done(relay.send(Method::DELETE, &member(&bob), &alice.access, &json!({})).await).await;
    done(relay.send(Method::PATCH, &member(&carol), &alice.access, &json!({"role": "member"})).await).await;
    for code in &invites {
        let path = format!("/api/invites/{code}/join");
        refused(relay.send(Method::POST, &path, &bob.access, &json!({})).await, 404, "not_found").await;
    }
    // Who hands a chat over is an admin still.
    done(relay.send(Method::PATCH, &member(&carol), &alice.access, &json!({"role": "owner"})).await).await;
    let path = format!("/api/invites/{}/join", own.code);
    let _: Chat = ok(relay.send(Method::POST, &path, &bob.access, &json!({})).await).await;
}

#[tokio::test]
async fn a_chat_that_is_given_back_has_each_member_once() {
    let relay = TestRelay::start().await;
    let (alice, bob) = (relay.sign_up("alice").await, relay.sign_up("bob").await);
    let give_back = async |kind: &str, sealed: bool, members: Value| {
        let change = json!({
            "kind": "created", "chat_kind": kind, "sealed": sealed,
            "title": if kind == "direct" { "" } else { "Tea" }, "description": "", "members": members,
        });
        let form = json!({"changes": [{"id": EventId::new(), "change": change}]});
        relay.send(Method::POST, &format!("/api/chats/{}/restore", ChatId::new()), &alice.access, &form).await
    };
    let member = |who: &Person, role: &str| json!({"account": who.account, "username": who.name, "role": role});
    for sealed in [true, false] {
        let twice = json!([member(&alice, "owner"), member(&alice, "owner")]);
        refused(give_back("direct", sealed, twice).await, 400, "bad_request").await;
        let twice = json!([member(&alice, "owner"), member(&bob, "member"), member(&bob, "admin")]);
        refused(give_back("group", sealed, twice).await, 400, "bad_request").await;
        let both = json!([member(&alice, "owner"), member(&bob, "owner")]);
        let taken: Restored = ok(give_back("direct", sealed, both).await).await;
        assert_eq!(taken.taken.len(), 1);
    }
    let stranger = || json!({"account": AccountId::new(), "username": "x", "role": "member"});
    let many: Vec<_> = std::iter::once(member(&alice, "owner")).chain((0..1_001).map(|_| stranger())).collect();
    refused(give_back("private_channel", false, json!(many)).await, 429, "limit_reached").await;
}
