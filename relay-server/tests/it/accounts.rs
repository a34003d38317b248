//! Signing up, in and out; passwords; names that look alike.

use std::time::{Duration, Instant};

use parley_protocol::http::{Account, Tokens, User, Users};
use relay_server::config::Registration;
use reqwest::Method;
use serde_json::json;

use crate::relay::{PASSWORD, TestRelay, done, error, ok, person, refused};

#[tokio::test]
async fn alice_signs_up_out_and_in_again() {
    let relay = TestRelay::start().await;
    let alice = relay.sign_up("Alice").await;
    let account: Account = ok(relay.get("/api/account", &alice.access).await).await;
    assert_eq!((account.user.username.as_str(), account.email.as_str()), ("Alice", "Alice@example.org"));

    done(relay.send(Method::POST, "/api/signout", &alice.access, &json!({})).await).await;
    refused(relay.get("/api/account", &alice.access).await, 401, "unauthorized").await;
    refused(relay.refresh(&alice.refresh).await, 401, "unauthorized").await;

    let by_mail = json!({"email": "alice@EXAMPLE.org", "password": PASSWORD, "device": alice.device});
    let back = person(ok(relay.post("/api/signin", &by_mail).await).await);
    assert_eq!((back.account, back.device), (alice.account, alice.device), "the same device comes back");
    let _: Account = ok(relay.get("/api/account", &back.access).await).await;
    assert_ne!(relay.sign_in("ALICE").await.device, alice.device, "without naming it, it is a new one");
}

#[tokio::test]
async fn names_which_look_alike_are_one_name() {
    let relay = TestRelay::start().await;
    relay.sign_up("paypal").await;
    for (name, email) in [
        ("PayPal", "b@x.org"),
        ("раураӏ", "c@x.org"),
        ("paypa1", "d@x.org"),
        ("ｐａｙｐａｌ", "e@x.org"),
        ("paypaI", "f@x.org"),
    ] {
        let form = json!({"username": name, "email": email, "password": PASSWORD});
        refused(relay.post("/api/signup", &form).await, 409, "name_taken").await;
    }
    let form = json!({"username": "somebody", "email": " PAYPAL@example.org", "password": PASSWORD});
    refused(relay.post("/api/signup", &form).await, 409, "name_taken").await;
}

#[tokio::test]
async fn a_name_is_asked_for_before_signing_up() {
    let relay = TestRelay::start().await;
    relay.sign_up("paypal").await;
    let ask = |name: &str| json!({"username": name});
    done(relay.post("/api/signup/username", &ask("alice")).await).await;
    refused(relay.post("/api/signup/username", &ask("paypaI")).await, 409, "name_taken").await;
    let message = refused(relay.post("/api/signup/username", &ask("a b")).await, 400, "bad_request").await;
    assert!(message.starts_with("`username`"), "{message}");
    // It is not kept for whoever asked.
    relay.sign_up("alice").await;
    refused(relay.post("/api/signup/username", &ask("alice")).await, 409, "name_taken").await;
}

#[tokio::test]
async fn names_from_before_look_as_they_do_now() {
    let mut relay = TestRelay::start().await;
    relay.sign_up("paypaI").await;
    relay.stop().await.unwrap();
    let sql = rusqlite::Connection::open(relay.data().join("relay.db")).unwrap();
    let older = "DROP INDEX accounts_shown_skeleton; ALTER TABLE accounts DROP COLUMN shown_skeleton; \
                 DROP VIEW acquainted; ALTER TABLE chats DROP COLUMN retention; ALTER TABLE chats DROP COLUMN retention_since; ALTER TABLE devices DROP COLUMN program; \
                 PRAGMA user_version = 4;";
    sql.execute_batch(older).unwrap();
    drop(sql);
    relay.resume().await;
    let form = json!({"username": "paypal", "email": "b@x.org", "password": PASSWORD});
    refused(relay.post("/api/signup", &form).await, 409, "name_taken").await;
}

#[tokio::test]
async fn a_form_is_checked_and_the_mistake_is_named() {
    let relay = TestRelay::start().await;
    for (form, part) in [
        (json!({"username": "a", "email": "a@x.org", "password": PASSWORD}), "`username`"),
        (json!({"username": "a b", "email": "a@x.org", "password": PASSWORD}), "`username`"),
        (json!({"username": "alice", "email": "nowhere", "password": PASSWORD}), "`email`"),
        (json!({"username": "alice", "email": "a@x.org", "password": "short"}), "8 to 1024 bytes"),
        (json!({"username": "alice", "email": "a@x.org", "password": "x".repeat(1_025)}), "8 to 1024 bytes"),
        (json!({"username": "alice", "email": "a@x.org", "password": 12_345_678}), "`password`"),
        (json!({"username": "alice", "email": "a@x.org"}), "`password`"),
        (json!({"username": "alice", "email": "a@x.org", "password": PASSWORD, "admin": true}), "`admin`"),
        (
            json!({"username": "alice", "email": "a@x.org", "password": PASSWORD, "device_name": "x".repeat(65)}),
            "64 characters",
        ),
    ] {
        let message = refused(relay.post("/api/signup", &form).await, 400, "bad_request").await;
        assert!(message.contains(part), "{form}: {message}");
    }
    let both = json!({"username": "a", "email": "a@x.org", "password": PASSWORD});
    refused(relay.post("/api/signin", &both).await, 400, "bad_request").await;
}

#[tokio::test]
async fn an_unknown_user_and_a_wrong_password_cannot_be_told_apart() {
    let relay = TestRelay::with(|config| config.free_signin_failures = 1_000).await;
    relay.sign_up("alice").await;
    let mut times = [Vec::new(), Vec::new()];
    let mut answers = Vec::new();
    for _ in 0..7 {
        for (name, times) in ["alice", "nobody"].iter().zip(&mut times) {
            let begun = Instant::now();
            let answer = relay.post("/api/signin", &json!({"username": name, "password": "wrong password"})).await;
            times.push(begun.elapsed());
            answers.push(error(answer).await);
        }
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!((answers[0].0, answers[0].1.as_str()), (401, "wrong_credentials"));
    let [known, unknown] = times.map(|mut times| {
        times.sort();
        times[times.len() / 2]
    });
    // Without the dummy hash the unknown one answers in a fraction of a millisecond.
    assert!(unknown > known / 3 && known > unknown / 3, "{known:?} {unknown:?}");
}

#[tokio::test]
async fn guessing_is_slowed_down() {
    let relay = TestRelay::with(|config| config.free_signin_failures = 2).await;
    relay.sign_up("alice").await;
    let guess = json!({"username": "alice", "password": "wrong password"});
    for _ in 0..3 {
        refused(relay.post("/api/signin", &guess).await, 401, "wrong_credentials").await;
    }
    let answer = relay.post("/api/signin", &json!({"username": "alice", "password": PASSWORD})).await;
    let header = answer.headers()["retry-after"].to_str().unwrap().parse::<u64>().unwrap();
    assert!((1..=2).contains(&header));
    refused(answer, 429, "rate_limited").await;
    refused(
        relay.post("/api/signin", &json!({"email": "alice@example.org", "password": PASSWORD})).await,
        429,
        "rate_limited",
    )
    .await;
    // The wait is short, and then the right password works.
    let deadline = Instant::now() + Duration::from_secs(15);
    loop {
        let answer = relay.post("/api/signin", &json!({"username": "alice", "password": PASSWORD})).await;
        if answer.status().is_success() {
            break;
        }
        assert!(Instant::now() < deadline, "{:?}", error(answer).await);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn a_new_password_signs_the_other_devices_out() {
    let relay = TestRelay::start().await;
    let desk = relay.sign_up("alice").await;
    let phone = relay.sign_in("alice").await;
    let wrong = json!({"current": "not the password", "new": "a new password"});
    refused(relay.send(Method::POST, "/api/password", &desk.access, &wrong).await, 401, "wrong_credentials").await;
    let form = json!({"current": PASSWORD, "new": "a new password"});
    done(relay.send(Method::POST, "/api/password", &desk.access, &form).await).await;

    let _: Account = ok(relay.get("/api/account", &desk.access).await).await;
    let _: Tokens = ok(relay.refresh(&desk.refresh).await).await;
    refused(relay.get("/api/account", &phone.access).await, 401, "unauthorized").await;
    refused(relay.refresh(&phone.refresh).await, 401, "unauthorized").await;
    let old = json!({"username": "alice", "password": PASSWORD});
    refused(relay.post("/api/signin", &old).await, 401, "wrong_credentials").await;
    let new = json!({"username": "alice", "password": "a new password", "device": phone.device});
    assert_eq!(person(ok(relay.post("/api/signin", &new).await).await).device, phone.device);
}

#[tokio::test]
async fn a_closed_relay_takes_nobody() {
    let relay = TestRelay::with(|config| config.registration = Registration::Closed).await;
    let form = json!({"username": "alice", "email": "a@x.org", "password": PASSWORD, "invite": "x"});
    refused(relay.post("/api/signup", &form).await, 403, "registration_closed").await;
    let name = json!({"username": "alice", "invite": "x"});
    refused(relay.post("/api/signup/username", &name).await, 403, "registration_closed").await;
}

#[tokio::test]
async fn an_invite_code_lets_one_person_in() {
    let relay = TestRelay::with(|config| config.registration = Registration::Invite).await;
    let config = relay_server::config::Config { data: relay.data().to_owned(), ..Default::default() };
    // The relay has its database once it answers.
    ok::<serde_json::Value>(relay.request(Method::GET, "/healthz").send().await.unwrap()).await;
    let code = relay_server::invite(&config, 1, Duration::from_secs(60)).unwrap();
    let form = |name: &str, code: Option<&str>| json!({"username": name, "email": format!("{name}@x.org"), "password": PASSWORD, "invite": code});
    refused(relay.post("/api/signup", &form("alice", None)).await, 403, "registration_closed").await;
    refused(relay.post("/api/signup", &form("alice", Some("guess"))).await, 403, "registration_closed").await;
    let name = |name: &str, code: Option<&str>| json!({"username": name, "invite": code});
    done(relay.post("/api/signup/username", &name("alice", Some(&code))).await).await;
    refused(relay.post("/api/signup/username", &name("alice", None)).await, 403, "registration_closed").await;
    let _: Tokens = ok(relay.post("/api/signup", &form("alice", Some(&code))).await).await;
    refused(relay.post("/api/signup", &form("bob", Some(&code))).await, 403, "registration_closed").await;
    // Without a good code nobody learns who is here.
    for code in ["guess", &code] {
        refused(relay.post("/api/signup", &form("alice", Some(code))).await, 403, "registration_closed").await;
        refused(relay.post("/api/signup/username", &name("alice", Some(code))).await, 403, "registration_closed").await;
    }
}

#[tokio::test]
async fn people_are_found_by_the_beginning_of_their_name() {
    let relay = TestRelay::start().await;
    let alice = relay.sign_up("alice").await;
    for name in ["bob", "bobby", "Bo_1", "Bo.2", "Özlem"] {
        relay.sign_up(name).await;
    }
    for (query, expected) in [
        ("bob", vec!["bob", "bobby"]),
        ("BO", vec!["Bo.2", "Bo_1", "bob", "bobby"]),
        ("bo_", vec!["Bo_1"]),
        ("%25", vec![]),
        ("öz", vec!["Özlem"]),
        ("O\u{308}Z", vec!["Özlem"]),
        ("_", vec![]),
    ] {
        let found: Users = ok(relay.get(&format!("/api/users?q={query}"), &alice.access).await).await;
        let names: Vec<_> = found.users.iter().map(|user| user.username.as_str()).collect();
        assert_eq!(names, expected, "{query}");
    }
    refused(relay.get("/api/users", &alice.access).await, 400, "bad_request").await;
    refused(relay.get("/api/users?name=bob", &alice.access).await, 400, "bad_request").await;
    let own: User = ok(relay.get(&format!("/api/users/{}", alice.account), &alice.access).await).await;
    assert_eq!(own.username, "alice");
}
