//! Tokens: rotation, reuse, lost answers, and a relay restored from a backup.

use std::time::Duration;

use parley_protocol::http::{Account, Tokens};
use reqwest::Method;
use serde_json::json;

use crate::relay::{TestRelay, done, ok, person, refused};

#[tokio::test]
async fn a_refresh_token_is_good_once() {
    let relay = TestRelay::start().await;
    let first = relay.sign_up("alice").await;
    let second: Tokens = ok(relay.refresh(&first.refresh).await).await;
    let third: Tokens = ok(relay.refresh(&second.refresh_token).await).await;
    assert_eq!((second.device, third.device), (first.device, first.device));
    let _: Account = ok(relay.get("/api/account", &third.access_token).await).await;

    // Somebody comes with the first one again: whoever that is, one of the two is a thief.
    refused(relay.refresh(&first.refresh).await, 401, "token_reused").await;
    refused(relay.refresh(&third.refresh_token).await, 401, "token_reused").await;
    refused(relay.get("/api/account", &third.access_token).await, 401, "token_reused").await;
}

#[tokio::test]
async fn an_answer_that_got_lost_is_given_again() {
    let relay = TestRelay::start().await;
    let alice = relay.sign_up("alice").await;
    // The client dies before it stores the answer, three times.
    let lost: Tokens = ok(relay.refresh(&alice.refresh).await).await;
    for _ in 0..2 {
        let again: Tokens = ok(relay.refresh(&alice.refresh).await).await;
        assert_eq!(again.refresh_token, lost.refresh_token);
    }
    let next: Tokens = ok(relay.refresh(&lost.refresh_token).await).await;
    let _: Account = ok(relay.get("/api/account", &next.access_token).await).await;
    refused(relay.refresh(&alice.refresh).await, 401, "token_reused").await;
}

#[tokio::test]
async fn an_access_token_runs_out() {
    let relay = TestRelay::with(|config| config.access_token_lifetime = Duration::from_secs(1)).await;
    let alice = relay.sign_up("alice").await;
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    refused(relay.get("/api/account", &alice.access).await, 401, "token_expired").await;
    let fresh: Tokens = ok(relay.refresh(&alice.refresh).await).await;
    let _: Account = ok(relay.get("/api/account", &fresh.access_token).await).await;
}

#[tokio::test]
async fn nonsense_is_no_token() {
    let relay = TestRelay::start().await;
    let alice = relay.sign_up("alice").await;
    for token in ["", "x", "a.b.c", &alice.refresh] {
        refused(relay.get("/api/account", token).await, 401, "unauthorized").await;
    }
    refused(relay.refresh(&alice.access).await, 401, "unauthorized").await;
    let basic = relay.request(Method::GET, "/api/account").basic_auth("alice", Some("x")).send().await.unwrap();
    assert_eq!(basic.headers()["www-authenticate"], "Bearer");
    refused(basic, 401, "unauthorized").await;
}

#[tokio::test]
async fn who_is_signed_out_stays_out_after_a_restart() {
    let mut relay = TestRelay::start().await;
    let (alice, bob) = (relay.sign_up("alice").await, relay.sign_up("bob").await);
    done(relay.send(Method::POST, "/api/signout", &alice.access, &json!({})).await).await;
    relay.stop().await.unwrap();
    relay.resume().await;
    refused(relay.get("/api/account", &alice.access).await, 401, "unauthorized").await;
    refused(relay.refresh(&alice.refresh).await, 401, "unauthorized").await;
    let _: Account = ok(relay.get("/api/account", &bob.access).await).await;
}

#[tokio::test]
async fn a_relay_restored_from_a_backup_knows_newer_tokens_as_its_own() {
    let mut relay = TestRelay::start().await;
    let alice = relay.sign_up("alice").await;
    let backup = relay.back_up();
    let mut token = alice.refresh.clone();
    for _ in 0..3 {
        token = ok::<Tokens>(relay.refresh(&token).await).await.refresh_token;
    }
    let late = relay.sign_in("alice").await;
    relay.stop().await.unwrap();
    relay.restore(&backup);
    relay.resume().await;

    let next = person(ok(relay.refresh(&token).await).await);
    assert_eq!(next.device, alice.device);
    let _: Account = ok(relay.get("/api/account", &next.access).await).await;
    refused(relay.refresh(&alice.refresh).await, 401, "token_reused").await;
    // A device that signed in after the backup is not known any more, and is told to sign in again.
    refused(relay.get("/api/account", &late.access).await, 401, "unauthorized").await;
    refused(relay.refresh(&late.refresh).await, 401, "unauthorized").await;
}
