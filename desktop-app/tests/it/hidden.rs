//! "Delete for me": gone from all devices of one person, and from nobody else's.

use desktop_app::Event;
use desktop_app::views::{ChatStatus, Delivery, Outgoing};
use parley_protocol::{ChatId, MessageKey};

use crate::channels::paged;
use crate::telling::{counted, pair, pair_by_relay};
use crate::world::{Device, World, eventually};

impl Device {
    async fn hides(&self, chat: ChatId, keys: &[MessageKey]) {
        let keys = keys.to_vec();
        self.on(move |engine| async move { engine.hide(chat, keys).await }).await.unwrap();
    }
}

#[tokio::test]
async fn what_one_deletes_for_oneself_goes_from_all_of_ones_devices_and_from_nobody_elses() {
    let world = World::new().await;
    let (alice, bob, chat) = pair(&world).await;
    let mut laptop = world.sign_in("bob", "laptop").await;
    laptop.has_chat(chat).await;
    alice.knows_devices(chat, 2).await;
    let first = alice.say(chat, "hello").await;
    laptop.shows(chat, &["hello"]).await;
    laptop.has_unread(chat, 1).await;
    laptop.close().await;
    let secret = alice.say(chat, "for your eyes only").await;
    bob.shows(chat, &["hello", "for your eyes only"]).await;
    let answer = Outgoing { text: "I have read it".to_owned(), reply_to: Some(secret), mentions: Vec::new() };
    let answer = bob.engine().send(chat, answer).await.unwrap();
    let own = bob.say(chat, "and burnt it").await;
    bob.came(chat, own, Delivery::Delivered).await;

    // One that the laptop has, one that it has yet to hear of, and an own one.
    bob.hides(chat, &[first, secret, own]).await;
    bob.shows(chat, &["I have read it"]).await;
    bob.has_unread(chat, 0).await;
    assert_eq!(bob.view(chat).await.last.map(|line| line.key), Some(answer));
    let quote = bob.line(chat, answer).await.reply_to.unwrap();
    assert_eq!((quote.username.as_str(), quote.text.as_str()), ("", ""), "nor is it quoted");
    assert!(bob.engine().search("eyes", None, 10).await.unwrap().is_empty());
    assert!(bob.engine().message(chat, secret).await.is_err());
    // What is done to it later doesn't bring it back.
    alice.engine().edit(chat, secret, "for nobody's eyes").await.unwrap();
    alice.engine().react(chat, first, "🔥", true).await.unwrap();
    alice.say(chat, "well?").await;
    bob.shows(chat, &["I have read it", "well?"]).await;

    laptop.start().await;
    laptop.shows(chat, &["I have read it", "well?"]).await;
    laptop.has_unread(chat, 1).await;
    for device in [&bob, &laptop] {
        let left = device.database().query_row(
            "SELECT (SELECT count(*) FROM edits) + (SELECT count(*) FROM reactions)",
            [],
            |row| row.get::<_, i64>(0),
        );
        assert_eq!(left, Ok(0), "no words of it are kept");
    }
    alice.shows(chat, &["hello", "for nobody's eyes", "I have read it", "and burnt it", "well?"]).await;
}

#[tokio::test]
async fn what_was_hidden_before_it_came_is_never_told_of() {
    let world = World::new().await;
    let (alice, bob, chat) = pair_by_relay(&world).await;
    let laptop = world.sign_in("bob", "laptop").await;
    laptop.never_direct().await;
    laptop.has_chat(chat).await;
    alice.knows_devices(chat, 2).await;
    laptop.gate.cut();
    laptop.offline().await;
    let secret = alice.say(chat, "psst").await;
    bob.shows(chat, &["psst"]).await;
    bob.hides(chat, &[secret]).await;
    // A register comes before the entries, as it is short.
    let mut ear = laptop.listen();
    laptop.gate.heal();
    let last = alice.say(chat, "did you hear?").await;
    laptop.shows(chat, &["did you hear?"]).await;
    ear.hears("the last", |event| matches!(event, Event::Message { key, .. } if *key == last)).await;
    laptop.has_unread(chat, 1).await;
    alice.came(chat, secret, Delivery::Delivered).await;
}

#[tokio::test]
async fn a_hidden_stretch_of_a_channel_does_not_hide_what_is_before_it() {
    let world = World::new().await;
    let (alice, bob) = (world.sign_up("alice").await, world.sign_up("bob").await);
    let chat = alice.channel("News").await;
    let keys = alice.say_all(chat, &counted(0..60)).await;
    alice.came(chat, keys[59], Delivery::Sent).await;
    bob.engine().join(chat).await.unwrap();
    assert_eq!(paged(&bob, chat, 10).await, counted(0..60));
    bob.hides(chat, &keys[5..55]).await;
    let left: Vec<String> = counted(0..5).into_iter().chain(counted(55..60)).collect();
    assert_eq!(paged(&bob, chat, 10).await, left);
    alice.engine().edit(chat, keys[10], "news").await.unwrap();
    // A new device fetches the channel's history from the relay, with the edit.
    let laptop = world.sign_in("bob", "laptop").await;
    laptop.has_chat(chat).await;
    eventually("the laptop is told what is hidden", async || paged(&laptop, chat, 10).await == left).await;
    alice
        .shows_all(
            chat,
            &counted(0..10).into_iter().chain(["news".to_owned()]).chain(counted(11..60)).collect::<Vec<_>>(),
        )
        .await;
}

#[tokio::test]
async fn a_relay_that_was_restored_brings_nothing_back() {
    let mut world = World::new().await;
    let (alice, bob) = (world.sign_up("alice").await, world.sign_up("bob").await);
    let direct = alice.direct(&bob).await;
    bob.has_chat(direct).await;
    let channel = alice.channel("News").await;
    bob.engine().join(channel).await.unwrap();
    let backup = world.back_up_relay().await;
    let mut hidden = Vec::new();
    for chat in [direct, channel] {
        let key = alice.say(chat, "gone").await;
        alice.say(chat, "there").await;
        bob.shows(chat, &["gone", "there"]).await;
        bob.hides(chat, &[key]).await;
        hidden.push(key);
    }
    world.go_back_to(&backup).await;
    for (chat, key) in [direct, channel].into_iter().zip(hidden) {
        alice.came(chat, key, Delivery::Sent).await;
        let last = alice.say(chat, "after").await;
        bob.shows(chat, &["there", "after"]).await;
        alice.came(chat, last, Delivery::Sent).await;
        alice.shows(chat, &["gone", "there", "after"]).await;
    }
    // Nor to a device that comes only now: who knows it tells the restored relay.
    let laptop = world.sign_in("bob", "laptop").await;
    laptop.has_chat(channel).await;
    laptop.shows(channel, &["there", "after"]).await;
}

#[tokio::test]
async fn what_has_yet_to_go_out_and_what_is_not_there_cannot_be_hidden() {
    let world = World::new().await;
    let (alice, bob, chat) = pair_by_relay(&world).await;
    alice.gate.cut();
    alice.offline().await;
    let waiting = alice.say(chat, "later").await;
    let refused = alice.engine().hide(chat, vec![waiting]).await.unwrap_err();
    assert!(refused.to_string().contains("for everyone"), "{refused}");
    let refused = bob.engine().hide(chat, vec![waiting]).await.unwrap_err();
    assert!(refused.to_string().contains("such message"), "{refused}");
    let refused = bob.engine().hide(chat, vec![waiting; 501]).await.unwrap_err();
    assert!(refused.to_string().contains("500"), "{refused}");
    alice.gate.heal();
    bob.shows(chat, &["later"]).await;
}

#[tokio::test]
async fn what_a_device_hid_stays_hidden_when_that_device_is_revoked() {
    let world = World::new().await;
    let (alice, mut bob, chat) = pair_by_relay(&world).await;
    let mut laptop = world.sign_in("bob", "laptop").await;
    laptop.has_chat(chat).await;
    alice.knows_devices(chat, 2).await;
    let key = alice.say(chat, "burn this").await;
    laptop.shows(chat, &["burn this"]).await;
    laptop.close().await;
    bob.hides(chat, &[key]).await;
    // Once it is closed, the relay has been told.
    let lost = bob.device_id().await;
    bob.close().await;
    laptop.start().await;
    laptop.engine().revoke_device(lost).await.unwrap();
    laptop.shows(chat, &[]).await;
}

#[tokio::test]
async fn in_a_chat_one_has_left_it_goes_from_this_device() {
    let world = World::new().await;
    let (alice, bob) = (world.sign_up("alice").await, world.sign_up("bob").await);
    let chat = alice.group("Tea", &[&bob]).await;
    let key = alice.say(chat, "cup?").await;
    bob.shows(chat, &["cup?"]).await;
    bob.engine().leave(chat).await.unwrap();
    bob.hides(chat, &[key]).await;
    bob.shows(chat, &[]).await;
    alice.shows(chat, &["cup?"]).await;
    // Back again, one's devices are told.
    alice.engine().add_member(chat, "bob").await.unwrap();
    let laptop = world.sign_in("bob", "laptop").await;
    laptop.has_chat(chat).await;
    bob.finds(chat, ChatStatus::Active).await;
    alice.knows_devices(chat, 2).await;
    alice.say(chat, "another?").await;
    bob.shows(chat, &["another?"]).await;
    laptop.shows(chat, &["another?"]).await;
}
