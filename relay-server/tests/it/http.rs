//! The HTTP side as such: errors in one shape, bounds, rates, and stopping.

use std::time::Duration;

use parley_protocol::http::{Account, RelayInfo};
use relay_server::config::{Bytes, Kept, Name, Network, Registration};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::relay::{PASSWORD, TestRelay, done, error, ok, refused};
use crate::support::DEADLINE;

#[tokio::test]
async fn every_error_has_one_shape() {
    let relay = TestRelay::start().await;
    let alice = relay.sign_up("alice").await;
    let raw = |method: Method, path: &str, body: &'static str| {
        relay.request(method, path).bearer_auth(&alice.access).body(body).send()
    };
    for (method, path, body, status, code) in [
        (Method::GET, "/", "", 404, "not_found"),
        (Method::GET, "/api", "", 404, "not_found"),
        (Method::GET, "/api/nowhere", "", 404, "not_found"),
        (Method::GET, "/api/users/not-an-id", "", 404, "not_found"),
        (Method::GET, "/api/signup", "", 405, "method_not_allowed"),
        (Method::DELETE, "/api/devices", "", 405, "method_not_allowed"),
        (Method::PUT, "/api/account", "", 405, "method_not_allowed"),
        (Method::POST, "/healthz", "", 405, "method_not_allowed"),
        (Method::POST, "/api/signup", "{", 400, "bad_request"),
        (Method::POST, "/api/signup", "[1,2]", 400, "bad_request"),
        (Method::POST, "/api/signup", "\u{0}", 400, "bad_request"),
        (Method::PATCH, "/api/account", r#"{"show_presence": "yes"}"#, 400, "bad_request"),
    ] {
        let name = format!("{method} {path} {body}");
        let (found, word, message) = error(raw(method, path, body).await.unwrap()).await;
        assert_eq!((found, word.as_str()), (status, code), "{name}: {message}");
    }
}

#[tokio::test]
async fn a_body_has_a_bound_whether_its_length_is_announced_or_not() {
    let relay = TestRelay::with(|config| config.max_request = Bytes(2_000)).await;
    let large = json!({"username": "x".repeat(3_000), "email": "a@x.org", "password": PASSWORD});
    let message = refused(relay.post("/api/signup", &large).await, 413, "too_large").await;
    assert!(message.contains("2000 bytes here (max_request)"), "{message}");

    let mut socket = TcpStream::connect(relay.address).await.unwrap();
    let head = "POST /api/signup HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n";
    socket.write_all(head.as_bytes()).await.unwrap();
    for _ in 0..3 {
        socket.write_all(format!("400\r\n{}\r\n", " ".repeat(0x400)).as_bytes()).await.unwrap();
    }
    let answer = answer(&mut socket).await;
    assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("too_large"), "{answer}");
}

#[tokio::test]
async fn requests_have_rates_by_address_and_by_account() {
    let relay = TestRelay::with(|config| config.requests_per_address = 2).await;
    let mut answers = Vec::new();
    for _ in 0..12 {
        answers.push(relay.request(Method::GET, "/api/account").send().await.unwrap());
    }
    let last = answers.pop().unwrap();
    assert!(last.headers().contains_key("retry-after"));
    let message = refused(last, 429, "rate_limited").await;
    assert!(message.contains("2 requests a second from one address (requests_per_address)"), "{message}");

    let relay = TestRelay::with(|config| config.requests_per_account = 2).await;
    let (alice, bob) = (relay.sign_up("alice").await, relay.sign_up("bob").await);
    for _ in 0..8 {
        let _ = relay.get("/api/account", &alice.access).await;
    }
    let message = refused(relay.get("/api/account", &alice.access).await, 429, "rate_limited").await;
    assert!(message.contains("(requests_per_account)"), "{message}");
    let _: Account = ok(relay.get("/api/account", &bob.access).await).await;
}

#[tokio::test]
async fn sign_ups_have_a_rate() {
    let relay = TestRelay::with(|config| config.signups_per_address = 2).await;
    relay.sign_up("alice").await;
    relay.sign_up("bob").await;
    let third = json!({"username": "carol", "email": "c@x.org", "password": PASSWORD});
    let message = refused(relay.post("/api/signup", &third).await, 429, "rate_limited").await;
    assert!(message.contains("2 new accounts an hour from one address (signups_per_address)"), "{message}");
    for n in 0..40 {
        done(relay.post("/api/signup/username", &json!({"username": format!("carol{n}")})).await).await;
    }
    let message =
        refused(relay.post("/api/signup/username", &json!({"username": "carol"})).await, 429, "rate_limited").await;
    assert!(message.contains("40 names asked for an hour from one address"), "{message}");
}

#[tokio::test]
async fn somebody_without_a_token_can_make_the_relay_hold_little() {
    let relay = TestRelay::start().await;
    let long = json!({"username": "x".repeat(20_000), "email": "a@x.org", "password": PASSWORD});
    for path in ["/api/signup", "/api/signup/username", "/api/signin", "/api/refresh"] {
        let message = refused(relay.post(path, &long).await, 413, "too_large").await;
        assert!(message.contains("16384 bytes"), "{message}");
    }
    // Who brings no good token is refused before anything of the body is read.
    let mut socket = TcpStream::connect(relay.address).await.unwrap();
    let head = "POST /api/chats HTTP/1.1\r\nhost: x\r\ncontent-length: 500000\r\n\r\n";
    socket.write_all(head.as_bytes()).await.unwrap();
    assert!(answer(&mut socket).await.starts_with("HTTP/1.1 401"));
}

#[tokio::test]
async fn what_requests_hold_together_has_a_bound() {
    let relay = TestRelay::with(|config| {
        config.request_bytes = Bytes(4 << 20);
        config.max_request = Bytes(1 << 20);
    });
    let relay = relay.await;
    let alice = relay.sign_up("alice").await;
    let head = format!(
        "POST /api/chats HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-length: 1000000\r\n\r\n",
        alice.access
    );
    // Two of them would take more than one address may have: one is told so, and the other goes on waiting for the rest of its body.
    let mut stalled = Vec::new();
    for _ in 0..2 {
        let mut socket = TcpStream::connect(relay.address).await.unwrap();
        socket.write_all(head.as_bytes()).await.unwrap();
        socket.write_all(&[b' '; 700_000]).await.unwrap();
        stalled.push(socket);
    }
    let [one, other] = stalled.as_mut_slice() else { unreachable!() };
    let said = tokio::select! {
        said = answer(one) => said,
        said = answer(other) => said,
    };
    assert!(said.starts_with("HTTP/1.1 503") && said.contains("(request_bytes)"), "{said}");
    let small = json!({"type": "group", "title": "Tea"});
    assert!(relay.send(Method::POST, "/api/chats", &alice.access, &small).await.status().is_success());
    // Whoever hangs up gives back what was held.
    drop(stalled);
    let long = json!({"type": "group", "title": "Tea", "description": "x".repeat(600_000)});
    let deadline = tokio::time::Instant::now() + DEADLINE;
    loop {
        let (status, word, _) = error(relay.send(Method::POST, "/api/chats", &alice.access, &long).await).await;
        if word == "bad_request" {
            break;
        }
        assert_eq!((status, word.as_str()), (503, "try_later"));
        assert!(tokio::time::Instant::now() < deadline, "nothing was given back");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn one_connection_too_many_is_told_the_bound() {
    let of_one = TestRelay::with(|config| config.max_connections_per_address = 2).await;
    let of_all = TestRelay::with(|config| config.max_connections = 2).await;
    for (relay, status, bound) in [
        (of_one, 429, "2 connections, as many as one may have (max_connections_per_address)"),
        (of_all, 503, "(max_connections)"),
    ] {
        let held = [TcpStream::connect(relay.address).await.unwrap(), TcpStream::connect(relay.address).await.unwrap()];
        let mut third = TcpStream::connect(relay.address).await.unwrap();
        third.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let said = answer(&mut third).await;
        assert!(said.starts_with(&format!("HTTP/1.1 {status}")) && said.contains(bound), "{said}");
        assert!(said.contains("retry-after: "), "{said}");
        drop(held);
        let deadline = tokio::time::Instant::now() + DEADLINE;
        while !relay.request(Method::GET, "/healthz").send().await.unwrap().status().is_success() {
            assert!(tokio::time::Instant::now() < deadline, "nobody comes in though there is room");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

#[tokio::test]
async fn the_numbers_grow_with_the_routes_and_not_with_what_is_asked_for() {
    let relay = TestRelay::start().await;
    let words = ["api", "chats", "members", "join", "x"];
    for one in words {
        for two in words {
            for three in words {
                let _ = relay.request(Method::GET, &format!("/{one}/{two}/{three}/")).send().await.unwrap();
            }
        }
    }
    let numbers = relay.request(Method::GET, "/metrics").send().await.unwrap().text().await.unwrap();
    let routes: std::collections::BTreeSet<_> =
        numbers.lines().filter_map(|line| line.split("route=\"").nth(1)?.split('"').next()).collect();
    // Other tests of this process ask for routes that there are; none of these ends like those here.
    assert!(routes.contains("other") && routes.iter().all(|route| !route.ends_with('/')), "{routes:?}");
}

/// The head of what comes next on a connection, and the body if it came along.
async fn answer(socket: &mut TcpStream) -> String {
    let mut answer = vec![0; 2_000];
    let read = tokio::time::timeout(DEADLINE, socket.read(&mut answer)).await.unwrap().unwrap();
    String::from_utf8_lossy(&answer[..read]).into_owned()
}

#[tokio::test]
async fn the_operator_sees_health_and_numbers() {
    let relay = TestRelay::start().await;
    relay.sign_up("alice").await;
    let health: Value = ok(relay.request(Method::GET, "/healthz").send().await.unwrap()).await;
    assert_eq!(health["status"], "ok");
    let numbers = relay.request(Method::GET, "/metrics").send().await.unwrap().text().await.unwrap();
    assert!(
        numbers.contains(r#"parley_http_requests_total{method="POST",route="/api/signup",status="201"}"#),
        "{numbers}"
    );
    let through = relay.request(Method::GET, "/metrics").header("x-forwarded-for", "8.8.8.8").send().await.unwrap();
    refused(through, 404, "not_found").await;

    let relay = TestRelay::with(|config| {
        config.trusted_proxies = vec![Network::new([127, 0, 0, 1].into(), 32)];
    });
    let relay = relay.await;
    let through = relay.request(Method::GET, "/metrics").header("x-forwarded-for", "8.8.8.8").send().await.unwrap();
    refused(through, 404, "not_found").await;
}

#[tokio::test]
async fn browsers_of_other_origins_are_kept_out_unless_configured() {
    let ask = |relay: &TestRelay| {
        relay
            .request(Method::OPTIONS, "/api/signin")
            .header("origin", "https://chat.example.org")
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "content-type")
            .send()
    };
    let closed = TestRelay::start().await;
    assert!(!ask(&closed).await.unwrap().headers().contains_key("access-control-allow-origin"));
    let open = TestRelay::with(|config| config.cors_origins = vec!["https://chat.example.org".to_owned()]).await;
    let answer = ask(&open).await.unwrap();
    assert_eq!(answer.headers()["access-control-allow-origin"], "https://chat.example.org");
    let answer = open.post("/api/signin", &json!({})).await;
    refused(answer, 400, "bad_request").await;
    let foreign =
        open.request(Method::GET, "/api/account").header("origin", "https://evil.example").send().await.unwrap();
    refused(foreign, 403, "forbidden").await;
}

#[tokio::test]
async fn stopping_lets_requests_finish_and_keeps_what_was_answered() {
    let mut relay = TestRelay::start().await;
    let form = json!({"username": "alice", "email": "a@x.org", "password": PASSWORD});
    let request = relay.request(Method::POST, "/api/signup").json(&form).send();
    let request = tokio::spawn(request);
    tokio::time::sleep(Duration::from_millis(20)).await;
    relay.stop().await.unwrap();
    let answered = matches!(request.await.unwrap(), Ok(answer) if answer.status().is_success());
    relay.resume().await;
    let exists = relay.post("/api/signin", &json!({"username": "alice", "password": PASSWORD})).await.status();
    assert!(!answered || exists.is_success(), "it was answered and is not there");
}

#[tokio::test]
async fn the_relay_says_what_it_is_to_anybody() {
    let relay = TestRelay::with(|config| {
        config.name = Name("Tea house".to_owned());
        config.registration = Registration::Invite;
        config.retention = Duration::from_secs(3 * 86_400);
        config.history_retention = Kept(Some(Duration::from_secs(9 * 86_400)));
    })
    .await;
    let said: RelayInfo = ok(relay.request(Method::GET, "/api/relay").send().await.unwrap()).await;
    assert_eq!(said.name, "Tea house");
    assert_eq!((said.registration, said.retention), (Registration::Invite, 259_200));
    assert_eq!(said.history_retention, Some(777_600));
    assert_eq!(said.protocol, parley_protocol::VERSION);
    assert!(!said.version.is_empty());
}
