//! Devices: listed, renamed, revoked, replaced, and how many there can be.

use parley_protocol::http::{Account, Blocks, Devices};
use parley_protocol::{AccountId, DeviceId, LifeId, VERSION};
use reqwest::Method;
use serde_json::json;

use crate::relay::{PASSWORD, TestRelay, done, ok, person, refused};
use crate::socket::Socket;

#[tokio::test]
async fn a_device_is_renamed_and_revoked_from_another() {
    let relay = TestRelay::start().await;
    let desk = relay.sign_up("alice").await;
    let phone = relay.sign_in("alice").await;
    let path = format!("/api/devices/{}", phone.device);
    done(relay.send(Method::PATCH, &path, &desk.access, &json!({"name": "phone"})).await).await;
    let list: Devices = ok(relay.get("/api/devices", &desk.access).await).await;
    let shown: Vec<_> = list.devices.iter().map(|d| (d.id, d.name.as_str(), d.current, d.signed_in)).collect();
    assert_eq!(shown, [(desk.device, "unnamed device", true, true), (phone.device, "phone", false, true)]);

    done(relay.send(Method::DELETE, &path, &desk.access, &json!({})).await).await;
    refused(relay.get("/api/account", &phone.access).await, 401, "device_revoked").await;
    refused(relay.refresh(&phone.refresh).await, 401, "device_revoked").await;
    refused(relay.send(Method::DELETE, &path, &desk.access, &json!({})).await, 404, "not_found").await;
    let again = json!({"username": "alice", "password": PASSWORD, "device": phone.device});
    let again = person(ok(relay.post("/api/signin", &again).await).await);
    assert_ne!(again.device, phone.device, "a revoked device never comes back");
}

#[tokio::test]
async fn a_device_says_what_runs_on_it() {
    let relay = TestRelay::start().await;
    let desk = relay.sign_up("alice").await;
    let program =
        async || ok::<Devices>(relay.get("/api/devices", &desk.access).await).await.devices[0].program.clone();
    let opening = json!({"count": 1, "life": LifeId::nil()});
    for (said, shown) in [
        (json!(" Debian GNU/Linux 12, Parley 0.1.0 "), Some("Debian GNU/Linux 12, Parley 0.1.0".to_owned())),
        (json!("ö".repeat(65)), Some("ö".repeat(64))),
        (json!(null), None),
    ] {
        let mut socket = Socket::connect(&relay, Some(&desk.access)).await.unwrap();
        let hello = json!({"type": "hello", "version": VERSION, "opening": opening, "cursors": [], "program": said});
        socket.send(&hello).await;
        socket.until("welcome").await;
        assert_eq!(program().await, shown);
    }
}

#[tokio::test]
async fn nobody_touches_the_devices_of_others() {
    let relay = TestRelay::start().await;
    let (alice, bob) = (relay.sign_up("alice").await, relay.sign_up("bob").await);
    let path = format!("/api/devices/{}", bob.device);
    refused(relay.send(Method::PATCH, &path, &alice.access, &json!({"name": "x"})).await, 404, "not_found").await;
    refused(relay.send(Method::DELETE, &path, &alice.access, &json!({})).await, 404, "not_found").await;
    let as_bobs = json!({"username": "alice", "password": PASSWORD, "device": bob.device});
    assert_ne!(person(ok(relay.post("/api/signin", &as_bobs).await).await).device, bob.device);
}

#[tokio::test]
async fn an_account_has_a_bounded_number_of_devices() {
    let relay = TestRelay::with(|config| config.devices_per_account = 2).await;
    let desk = relay.sign_up("alice").await;
    let phone = relay.sign_in("alice").await;
    let third = json!({"username": "alice", "password": PASSWORD});
    let message = refused(relay.post("/api/signin", &third).await, 429, "limit_reached").await;
    assert!(message.contains("at most 2 devices"), "{message}");
    let known = json!({"username": "alice", "password": PASSWORD, "device": phone.device});
    assert_eq!(person(ok(relay.post("/api/signin", &known).await).await).device, phone.device);
    let path = format!("/api/devices/{}", phone.device);
    done(relay.send(Method::DELETE, &path, &desk.access, &json!({})).await).await;
    relay.sign_in("alice").await;
}

#[tokio::test]
async fn nobody_locks_himself_out_by_signing_out() {
    let relay = TestRelay::with(|config| config.devices_per_account = 2).await;
    let desk = relay.sign_up("alice").await;
    let phone = relay.sign_in("alice").await;
    for device in [&desk, &phone] {
        done(relay.send(Method::POST, "/api/signout", &device.access, &json!({})).await).await;
    }
    // The one that is away for longest gives way, for good.
    let tablet = relay.sign_in("alice").await;
    let list: Devices = ok(relay.get("/api/devices", &tablet.access).await).await;
    assert_eq!(list.devices.iter().map(|d| d.id).collect::<Vec<_>>(), [phone.device, tablet.device]);
    let again = json!({"username": "alice", "password": PASSWORD, "device": phone.device});
    assert_eq!(person(ok(relay.post("/api/signin", &again).await).await).device, phone.device);
    let third = json!({"username": "alice", "password": PASSWORD});
    let message = refused(relay.post("/api/signin", &third).await, 429, "limit_reached").await;
    assert!(message.contains("(devices_per_account)"), "{message}");
}

#[tokio::test]
async fn an_old_copy_becomes_a_new_device() {
    let relay = TestRelay::with(|config| config.devices_per_account = 1).await;
    let old = relay.sign_up("alice").await;
    let new = person(ok(relay.send(Method::POST, "/api/devices/replace", &old.access, &json!({})).await).await);
    assert_eq!((new.account, new.name.as_str()), (old.account, "alice"));
    assert_ne!(new.device, old.device);
    refused(relay.get("/api/account", &old.access).await, 401, "device_revoked").await;
    let list: Devices = ok(relay.get("/api/devices", &new.access).await).await;
    assert_eq!(list.devices.iter().map(|d| d.id).collect::<Vec<DeviceId>>(), [new.device]);
}

#[tokio::test]
async fn signing_out_everywhere_leaves_the_devices() {
    let relay = TestRelay::start().await;
    let desk = relay.sign_up("alice").await;
    let phone = relay.sign_in("alice").await;
    done(relay.send(Method::POST, "/api/signout", &desk.access, &json!({"all": true})).await).await;
    for device in [&desk, &phone] {
        refused(relay.get("/api/account", &device.access).await, 401, "unauthorized").await;
    }
    let form = json!({"username": "alice", "password": PASSWORD, "device": desk.device});
    let back = person(ok(relay.post("/api/signin", &form).await).await);
    let list: Devices = ok(relay.get("/api/devices", &back.access).await).await;
    assert_eq!(list.devices.iter().map(|d| d.signed_in).collect::<Vec<_>>(), [true, false]);
}

#[tokio::test]
async fn blocking_is_remembered() {
    let relay = TestRelay::start().await;
    let (alice, bob) = (relay.sign_up("alice").await, relay.sign_up("bob").await);
    let path = format!("/api/blocks/{}", bob.account);
    for _ in 0..2 {
        done(relay.send(Method::PUT, &path, &alice.access, &json!({})).await).await;
    }
    let blocks: Blocks = ok(relay.get("/api/blocks", &alice.access).await).await;
    assert_eq!(blocks.blocked, [bob.account]);
    done(relay.send(Method::DELETE, &path, &alice.access, &json!({})).await).await;
    let blocks: Blocks = ok(relay.get("/api/blocks", &alice.access).await).await;
    assert!(blocks.blocked.is_empty());
    let nobody = format!("/api/blocks/{}", AccountId::new());
    refused(relay.send(Method::PUT, &nobody, &alice.access, &json!({})).await, 404, "not_found").await;
    let own = format!("/api/blocks/{}", alice.account);
    refused(relay.send(Method::PUT, &own, &alice.access, &json!({})).await, 400, "bad_request").await;
}

#[tokio::test]
async fn a_deleted_account_is_gone_and_its_name_stays_taken() {
    let relay = TestRelay::start().await;
    let alice = relay.sign_up("alice").await;
    let wrong = json!({"password": "not the password"});
    refused(relay.send(Method::DELETE, "/api/account", &alice.access, &wrong).await, 401, "wrong_credentials").await;
    let _: Account = ok(relay.get("/api/account", &alice.access).await).await;
    let form = json!({"password": PASSWORD});
    done(relay.send(Method::DELETE, "/api/account", &alice.access, &form).await).await;
    refused(relay.get("/api/account", &alice.access).await, 401, "device_revoked").await;
    refused(relay.refresh(&alice.refresh).await, 401, "device_revoked").await;
    let form = json!({"username": "alice", "password": PASSWORD});
    refused(relay.post("/api/signin", &form).await, 401, "wrong_credentials").await;
    let form = json!({"username": "alice", "email": "new@example.org", "password": PASSWORD});
    refused(relay.post("/api/signup", &form).await, 409, "name_taken").await;
    let form = json!({"username": "alice2", "email": "alice@example.org", "password": PASSWORD});
    assert!(relay.post("/api/signup", &form).await.status().is_success(), "the address is free again");
}
