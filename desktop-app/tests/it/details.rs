//! What people are told of the devices in a chat: when each had a message and showed it, by which route that was told, how far away
//! it is, and when its person was last there.

use desktop_app::views::{Connection, Delivery, DeviceDelivery, Route, Settings};
use parley_protocol::frames::{Activity, PresenceState};
use parley_protocol::{ChatId, MessageKey};

use crate::telling::{counted, pair, pair_by_relay};
use crate::world::{Device, World, eventually};

/// How far the one other device of a chat has a message.
async fn other(device: &Device, chat: ChatId, key: MessageKey) -> DeviceDelivery {
    let [only] = <[_; 1]>::try_from(device.engine().deliveries(chat, key).await.unwrap()).unwrap();
    only
}

#[tokio::test]
async fn a_message_tells_when_each_device_had_it_and_by_which_route_that_was_told() {
    let world = World::new().await;
    let (alice, bob, chat) = pair(&world).await;
    alice.linked(chat).await;
    bob.linked(chat).await;
    bob.gate.cut();
    let key = alice.say(chat, "directly").await;
    alice.came(chat, key, Delivery::Delivered).await;
    let told = other(&alice, chat, key).await;
    assert_eq!(told.device, bob.device_id().await);
    assert!(told.delivered && told.delivered_at >= Some(alice.line(chat, key).await.sent_at), "{told:?}");
    assert_eq!((told.route, told.read, told.read_at), (Some(Route::Lan), false, None));
    bob.engine().mark_read(chat, None).await.unwrap();
    alice.came(chat, key, Delivery::Read).await;
    let read = other(&alice, chat, key).await;
    assert!(read.read && read.read_at >= read.delivered_at, "{read:?}");
    assert_eq!((read.delivered_at, read.route), (told.delivered_at, told.route));
}

#[tokio::test]
async fn what_was_told_of_a_message_outlives_the_app_and_later_runs() {
    let world = World::new().await;
    let (mut alice, mut bob, chat) = pair_by_relay(&world).await;
    let unread = Settings { read_marks: false, ..bob.engine().settings().await.unwrap() };
    bob.engine().set_settings(unread).await.unwrap();
    let first = alice.say(chat, "first").await;
    alice.came(chat, first, Delivery::Delivered).await;
    bob.engine().mark_read(chat, None).await.unwrap();
    let told = other(&alice, chat, first).await;
    assert!(told.delivered_at.is_some());
    assert_eq!(told.route, Some(Route::Relay));
    // While Bob is away Alice begins runs of which his mark never says how far they came.
    bob.close().await;
    let mut keys = Vec::new();
    for words in counted(0..3).chunks(1) {
        alice.restart().await;
        alice.online().await;
        keys.extend(alice.say_all(chat, words).await);
    }
    assert_eq!(other(&alice, chat, keys[0]).await.delivered_at, None);
    bob.start().await;
    alice.came(chat, keys[2], Delivery::Delivered).await;
    for key in keys {
        let later = other(&alice, chat, key).await;
        assert!(later.delivered && later.delivered_at > told.delivered_at, "{later:?}");
        assert_eq!(later.route, Some(Route::Relay));
        assert_eq!((later.read, later.read_at), (false, None), "Bob does not tell what he reads");
    }
    assert_eq!(other(&alice, chat, first).await, told);
}

#[tokio::test]
async fn a_group_is_told_of_device_by_device() {
    let world = World::new().await;
    let (alice, bob, mut carol) =
        (world.sign_up("alice").await, world.sign_up("bob").await, world.sign_up("carol").await);
    let chat = alice.group("Tea", &[&bob, &carol]).await;
    carol.close().await;
    let key = alice.say(chat, "who is there?").await;
    let here = bob.device_id().await;
    let told = async || {
        let devices = alice.engine().deliveries(chat, key).await.unwrap();
        let came = devices.iter().filter(|device| device.delivered_at.is_some()).map(|device| device.device);
        (devices.len(), came.collect::<Vec<_>>())
    };
    eventually("alice is told of bob's device", async || told().await == (2, vec![here])).await;
    carol.start().await;
    eventually("alice is told of carol's device, too", async || told().await.1.len() == 2).await;
}

#[tokio::test]
async fn who_was_there_before_the_session_began_was_last_seen_then() {
    let world = World::new().await;
    let (mut alice, mut bob, chat) = pair(&world).await;
    alice.close().await;
    bob.close().await;
    alice.start().await;
    alice.online().await;
    alice.engine().presence_known().await.unwrap();
    let seen = async || {
        let presence = alice.view(chat).await.presence;
        presence.is_some_and(|presence| presence.state == PresenceState::Offline && presence.last_seen.is_some())
    };
    eventually("alice knows when bob was last there", seen).await;
    alice.gate.cut();
    alice.offline().await;
    alice.engine().presence_known().await.unwrap();
    alice.gate.heal();
    alice.online().await;
    eventually("she still does in the next session", seen).await;
    let member =
        alice.engine().members(chat).await.unwrap().into_iter().find(|member| member.username == "bob").unwrap();
    assert!(member.presence.last_seen.is_some());
}

#[tokio::test]
async fn who_is_away_is_still_away_after_coming_back_to_the_relay() {
    let world = World::new().await;
    let (alice, bob, chat) = pair(&world).await;
    let sees = async |state: PresenceState| {
        let seen = async || bob.view(chat).await.presence.is_some_and(|presence| presence.state == state);
        eventually(&format!("alice is {state:?}"), seen).await;
    };
    alice.engine().set_activity(Activity::Away).await.unwrap();
    sees(PresenceState::Away).await;
    alice.gate.cut();
    sees(PresenceState::Offline).await;
    alice.gate.heal();
    sees(PresenceState::Away).await;
    alice.engine().set_activity(Activity::Online).await.unwrap();
    sees(PresenceState::Online).await;
}

#[tokio::test]
async fn the_way_to_the_relay_and_to_each_member_is_measured() {
    let world = World::new().await;
    let (alice, bob, chat) = pair(&world).await;
    let relay = async || matches!(alice.engine().connection().await.unwrap(), Connection::Online { round_trip: Some(took), .. } if took > 0);
    eventually("the way to the relay is measured", relay).await;
    alice.linked(chat).await;
    let to = async |name: &str| {
        let members = alice.engine().members(chat).await.unwrap();
        members.into_iter().find(|member| member.username == name).unwrap().round_trip
    };
    eventually("the way to bob is measured", async || to("bob").await.is_some()).await;
    assert_eq!(to("alice").await, None);
    bob.never_direct().await;
    alice.relayed(chat).await;
    assert_eq!(to("bob").await, None, "no link carries the chat");
}

#[tokio::test]
async fn a_connection_that_a_change_of_the_network_leaves_behind_is_given_up() {
    let world = World::new().await;
    let (alice, bob, chat) = pair_by_relay(&world).await;
    // Nothing goes through what is open, and nothing says so.
    alice.gate.strand();
    alice.engine().network_changed().await.unwrap();
    let key = alice.say(chat, "on the new network").await;
    alice.came(chat, key, Delivery::Delivered).await;
    // The same while it is connecting: it waits for an answer on the old network.
    alice.gate.freeze();
    alice.engine().network_changed().await.unwrap();
    alice.offline().await;
    alice.gate.strand();
    alice.gate.heal();
    alice.engine().network_changed().await.unwrap();
    bob.say(chat, "still there?").await;
    alice.shows(chat, &["on the new network", "still there?"]).await;
}
