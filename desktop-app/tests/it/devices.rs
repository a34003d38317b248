//! Several devices of one account.

use desktop_app::Event;
use desktop_app::views::{Delivery, Route};

use crate::telling::counted;
use crate::world::{World, eventually};

#[tokio::test]
async fn two_devices_of_one_account_see_the_same() {
    let world = World::new().await;
    let (alice, bob) = (world.sign_up("alice").await, world.sign_up("bob").await);
    let phone = world.sign_in("alice", "phone").await;
    let chat = alice.direct(&bob).await;
    bob.has_chat(chat).await;
    phone.has_chat(chat).await;
    alice.say(chat, "from the desk").await;
    bob.shows(chat, &["from the desk"]).await;
    phone.shows(chat, &["from the desk"]).await;
    phone.say(chat, "from the phone").await;
    bob.shows(chat, &["from the desk", "from the phone"]).await;
    alice.shows(chat, &["from the desk", "from the phone"]).await;
    bob.say(chat, "to both").await;
    let expected = ["from the desk", "from the phone", "to both"];
    alice.shows(chat, &expected).await;
    phone.shows(chat, &expected).await;
    assert_eq!(phone.view(chat).await.unread, 1, "own messages are never unread");
}

#[tokio::test]
async fn each_device_says_how_the_others_are_reached_and_what_runs_on_them() {
    let world = World::new().await;
    let (alice, bob) = (world.sign_up("alice").await, world.sign_up("bob").await);
    let mut phone = world.sign_in("alice", "phone").await;
    let (desk, other) = (alice.device_id().await, phone.device_id().await);
    let ways = async || {
        let known = alice.engine().devices().await.unwrap();
        assert!(known.iter().all(|view| view.device.program.as_deref() == Some("alice on a test")), "{known:?}");
        assert!(known.iter().any(|view| view.device.id == desk && view.route.is_none() && view.round_trip.is_none()));
        let phone = known.into_iter().find(|view| view.device.id == other).unwrap();
        (phone.route.unwrap(), phone.round_trip.is_some())
    };
    // Devices that have no direct chat have nothing to say to each other but by the relay.
    phone.online().await;
    eventually("the relay's way is known", async || ways().await == (Route::Relay, true)).await;
    let chat = alice.direct(&bob).await;
    phone.has_chat(chat).await;
    phone.linked(chat).await;
    eventually("the phone is linked", async || ways().await == (Route::Lan, true)).await;
    phone.kill().await;
    eventually("the phone is gone", async || ways().await == (Route::Wait, false)).await;
}

#[tokio::test]
async fn what_is_read_on_one_device_is_read_on_the_other() {
    let world = World::new().await;
    let (alice, bob) = (world.sign_up("alice").await, world.sign_up("bob").await);
    let mut phone = world.sign_in("alice", "phone").await;
    let chat = alice.direct(&bob).await;
    bob.has_chat(chat).await;
    phone.has_chat(chat).await;
    let keys = bob.say_all(chat, &counted(0..10)).await;
    alice.has_unread(chat, 10).await;
    phone.has_unread(chat, 10).await;
    alice.engine().mark_read(chat, Some(keys[3])).await.unwrap();
    alice.has_unread(chat, 6).await;
    phone.has_unread(chat, 6).await;
    phone.kill().await;
    alice.engine().mark_read(chat, None).await.unwrap();
    bob.say(chat, "late").await;
    alice.has_unread(chat, 1).await;
    phone.start().await;
    phone.has_unread(chat, 1).await;
    phone.engine().mark_read(chat, None).await.unwrap();
    alice.has_unread(chat, 0).await;
    for key in keys {
        bob.came(chat, key, Delivery::Read).await;
    }
}

#[tokio::test]
async fn read_marks_agree_in_channels_too() {
    let world = World::new().await;
    let (alice, bob) = (world.sign_up("alice").await, world.sign_up("bob").await);
    let phone = world.sign_in("alice", "phone").await;
    let chat = bob.channel("News").await;
    alice.engine().join(chat).await.unwrap();
    phone.has_chat(chat).await;
    bob.say_all(chat, &counted(0..5)).await;
    alice.has_unread(chat, 5).await;
    phone.has_unread(chat, 5).await;
    phone.engine().mark_read(chat, None).await.unwrap();
    alice.has_unread(chat, 0).await;
}

#[tokio::test]
async fn how_far_a_message_came_is_seen_on_every_own_device() {
    let world = World::new().await;
    let (alice, mut bob) = (world.sign_up("alice").await, world.sign_up("bob").await);
    let phone = world.sign_in("alice", "phone").await;
    let chat = alice.direct(&bob).await;
    bob.has_chat(chat).await;
    phone.has_chat(chat).await;
    bob.kill().await;
    let key = alice.say(chat, "hello").await;
    phone.shows(chat, &["hello"]).await;
    phone.came(chat, key, Delivery::Sent).await;
    bob.start().await;
    phone.came(chat, key, Delivery::Delivered).await;
    bob.engine().mark_read(chat, None).await.unwrap();
    phone.came(chat, key, Delivery::Read).await;
    alice.came(chat, key, Delivery::Read).await;
    // A run that ended is still known to be read.
    bob.restart().await;
    let answer = bob.say(chat, "hi").await;
    let second = phone.say(chat, "again").await;
    bob.shows(chat, &["hello", "hi", "again"]).await;
    bob.engine().mark_read(chat, None).await.unwrap();
    alice.came(chat, second, Delivery::Read).await;
    phone.came(chat, key, Delivery::Read).await;
    alice.engine().mark_read(chat, Some(answer)).await.unwrap();
    bob.came(chat, answer, Delivery::Read).await;
}

#[tokio::test]
async fn read_marks_turned_off_stay_among_own_devices() {
    let world = World::new().await;
    let (alice, bob) = (world.sign_up("alice").await, world.sign_up("bob").await);
    let phone = world.sign_in("alice", "phone").await;
    alice.choose(|settings| settings.read_marks = false).await;
    phone.choose(|settings| settings.read_marks = false).await;
    let chat = bob.direct(&alice).await;
    alice.has_chat(chat).await;
    phone.has_chat(chat).await;
    let key = bob.say(chat, "secret reader?").await;
    alice.has_unread(chat, 1).await;
    phone.has_unread(chat, 1).await;
    alice.engine().mark_read(chat, None).await.unwrap();
    phone.has_unread(chat, 0).await;
    // What alice says after it reaches bob after her marks.
    let answer = alice.say(chat, "well").await;
    bob.shows(chat, &["secret reader?", "well"]).await;
    bob.came(chat, key, Delivery::Delivered).await;
    assert_eq!(bob.delivery(chat, key).await, Delivery::Delivered);
    // Nor does she see what he has read, who tells it; her phone's she does.
    bob.engine().mark_read(chat, None).await.unwrap();
    let bobs = bob.device_id().await;
    let has_read = "SELECT 1 FROM marks WHERE device = ?1 AND read <> '{}'";
    let knows = async || alice.database().prepare(has_read).unwrap().exists([bobs.as_bytes()]).unwrap();
    eventually("alice's device knows it", knows).await;
    assert_eq!(alice.delivery(chat, answer).await, Delivery::Delivered);
    let devices = alice.engine().deliveries(chat, answer).await.unwrap();
    let told = devices.iter().find(|told| told.device == bobs).unwrap();
    assert!(told.delivered && !told.read && told.read_at.is_none(), "{told:?}");
    // Turned on again, they are told.
    let mut ear = alice.listen();
    alice.choose(|settings| settings.read_marks = true).await;
    ear.hears("all is to be looked at anew", |event| *event == Event::Lagged).await;
    assert_eq!(alice.delivery(chat, answer).await, Delivery::Read);
    bob.came(chat, key, Delivery::Read).await;
}

#[tokio::test]
async fn a_new_device_takes_part_from_then_on() {
    let world = World::new().await;
    let (alice, bob) = (world.sign_up("alice").await, world.sign_up("bob").await);
    let chat = alice.direct(&bob).await;
    bob.has_chat(chat).await;
    alice.say(chat, "before").await;
    bob.shows(chat, &["before"]).await;
    let phone = world.sign_in("bob", "phone").await;
    phone.has_chat(chat).await;
    alice.knows_devices(chat, 2).await;
    let key = alice.say(chat, "after").await;
    phone.shows(chat, &["after"]).await;
    bob.shows(chat, &["before", "after"]).await;
    eventually("both of bob's devices have it", async || {
        let devices = alice.engine().deliveries(chat, key).await.unwrap();
        devices.len() == 2 && devices.iter().all(|device| device.delivered)
    })
    .await;
    assert!(phone.gaps(chat).await.is_empty());
}

#[tokio::test]
async fn reading_on_a_new_device_says_nothing_of_what_was_sent_before_it_came() {
    let world = World::new().await;
    let (alice, mut bob) = (world.sign_up("alice").await, world.sign_up("bob").await);
    for device in [&alice, &bob] {
        device.never_direct().await;
    }
    let chat = alice.direct(&bob).await;
    bob.has_chat(chat).await;
    alice.say(chat, "before").await;
    bob.has_unread(chat, 1).await;
    let phone = world.sign_in("bob", "phone").await;
    phone.never_direct().await;
    phone.has_chat(chat).await;
    alice.knows_devices(chat, 2).await;
    alice.say(chat, "after").await;
    phone.shows(chat, &["after"]).await;
    bob.has_unread(chat, 2).await;
    phone.engine().mark_read(chat, None).await.unwrap();
    bob.has_unread(chat, 1).await;
    // The same while the other device is away, so that the mark comes before what it is about.
    let tablet = world.sign_in("bob", "tablet").await;
    tablet.never_direct().await;
    tablet.has_chat(chat).await;
    bob.knows_devices(chat, 3).await;
    alice.knows_devices(chat, 3).await;
    bob.kill().await;
    alice.say(chat, "for three").await;
    tablet.shows(chat, &["for three"]).await;
    tablet.engine().mark_read(chat, None).await.unwrap();
    phone.has_unread(chat, 0).await;
    bob.start().await;
    bob.shows(chat, &["before", "after", "for three"]).await;
    bob.has_unread(chat, 1).await;
    // What was read where it was shown stays so, also for one which hears of it from the others.
    bob.engine().mark_read(chat, None).await.unwrap();
    bob.has_unread(chat, 0).await;
}

#[tokio::test]
async fn a_revoked_device_is_signed_out_and_waited_for_no_more() {
    let world = World::new().await;
    let (alice, bob) = (world.sign_up("alice").await, world.sign_up("bob").await);
    let mut phone = world.sign_in("bob", "phone").await;
    let chat = alice.direct(&bob).await;
    phone.has_chat(chat).await;
    bob.has_chat(chat).await;
    let device = phone.device_id().await;
    phone.kill().await;
    alice.say(chat, "hello").await;
    bob.shows(chat, &["hello"]).await;
    bob.engine().revoke_device(device).await.unwrap();
    alice.linked(chat).await;
    phone.start().await;
    eventually("the phone is signed out", async || phone.engine().me().await.unwrap().is_none()).await;
    alice.say(chat, "private").await;
    bob.shows(chat, &["hello", "private"]).await;
    assert!(phone.texts(chat).await.is_empty());
}

#[tokio::test]
async fn each_message_is_told_once_on_each_device() {
    let world = World::new().await;
    let (alice, mut bob) = (world.sign_up("alice").await, world.sign_up("bob").await);
    let chat = alice.direct(&bob).await;
    bob.has_chat(chat).await;
    let mut ear = bob.listen();
    let mut told = Vec::new();
    for round in 0..3 {
        let words: Vec<String> = (0..10).map(|n| format!("{round}.{n}")).collect();
        alice.say_all(chat, &words).await;
        let all = async || bob.texts(chat).await.len() == (round + 1) * 10;
        eventually("bob has all", all).await;
        told.extend(ear.heard());
        bob.restart().await;
        ear = bob.listen();
        bob.online().await;
    }
    told.extend(ear.heard());
    let by_alice = alice.account().await;
    let told = told
        .iter()
        .filter(|event| matches!(event, Event::Message { notify: true, account, .. } if *account == by_alice));
    assert_eq!(told.count(), 30);
}
