//! Channels of a relay that comes back from a backup: where what was said stands, and what of it was read.

use desktop_app::Event;
use desktop_app::views::Delivery;

use parley_protocol::{ChatId, MessageKey};

use crate::telling::{counted, three};
use crate::world::{Device, World, eventually};

/// A channel of somebody's which the others have joined.
async fn news(owner: &Device, others: &[&Device]) -> ChatId {
    let chat = owner.channel("News").await;
    for other in others {
        other.engine().join(chat).await.unwrap();
    }
    chat
}

#[tokio::test]
async fn what_nobody_can_give_back_stays_behind_what_its_sender_said_before() {
    let mut world = World::new().await;
    let (alice, mut bob, carol) = three(&world).await;
    let chat = news(&alice, &[&bob, &carol]).await;
    let backup = world.back_up_relay().await;
    let zero = bob.say(chat, "0").await;
    bob.came(chat, zero, Delivery::Sent).await;
    bob.kill().await;
    let copy = bob.copy_profile().await;
    bob.start().await;
    bob.say_all(chat, &counted(1..4)).await;
    carol.shows_all(chat, &counted(0..4)).await;
    bob.kill().await;
    bob.put_back(&copy).await;
    world.go_back_to(&backup).await;
    // Bob's profile, which is an old copy as well, gives back the one that it knows, behind what Alice said since.
    let new = alice.say_all(chat, &counted(10..13)).await;
    alice.came(chat, new[2], Delivery::Sent).await;
    eventually("Carol has what Alice said", async || carol.engine().message(chat, new[2]).await.is_ok()).await;
    let mut ear = carol.listen();
    bob.start().await;
    bob.shows(chat, &["10", "11", "12", "0"]).await;
    carol.shows(chat, &["10", "11", "12", "0", "1", "2", "3"]).await;
    ear.hears("lines stand elsewhere", |event| *event == Event::Moved { chat }).await;
    // What is said next stands behind all of it.
    bob.say(chat, "4").await;
    carol.shows(chat, &["10", "11", "12", "0", "1", "2", "3", "4"]).await;
}

#[tokio::test]
async fn what_nobody_can_give_back_stays_before_what_its_sender_says_next() {
    let mut world = World::new().await;
    let (alice, mut bob, carol) = three(&world).await;
    let chat = news(&alice, &[&bob, &carol]).await;
    let backup = world.back_up_relay().await;
    bob.kill().await;
    let copy = bob.copy_profile().await;
    bob.start().await;
    bob.say_all(chat, &counted(0..4)).await;
    carol.shows_all(chat, &counted(0..4)).await;
    bob.kill().await;
    bob.put_back(&copy).await;
    world.go_back_to(&backup).await;
    bob.start().await;
    // It stands where the first of those had been.
    bob.say(chat, "4").await;
    carol.shows_all(chat, &counted(0..5)).await;
    carol.engine().mark_read(chat, None).await.unwrap();
    carol.has_unread(chat, 0).await;
}

#[tokio::test]
async fn history_that_nobody_can_give_back_stays_behind_what_its_sender_said_before() {
    let mut world = World::new().await;
    let (mut alice, bob) = (world.sign_up("alice").await, world.sign_up("bob").await);
    let chat = news(&alice, &[&bob]).await;
    let backup = world.back_up_relay().await;
    let zero = alice.say(chat, "0").await;
    alice.came(chat, zero, Delivery::Sent).await;
    alice.kill().await;
    let copy = alice.copy_profile().await;
    alice.start().await;
    let one = alice.say(chat, "1").await;
    alice.came(chat, one, Delivery::Sent).await;
    // To this device both are older history; and the restored relay will not know it.
    let laptop = world.sign_in("bob", "bob's laptop").await;
    laptop.has_chat(chat).await;
    laptop.shows(chat, &["0", "1"]).await;
    alice.kill().await;
    alice.put_back(&copy).await;
    world.go_back_to(&backup).await;
    let new = bob.say_all(chat, &counted(10..13)).await;
    bob.came(chat, new[2], Delivery::Sent).await;
    eventually("the laptop is signed out", async || laptop.engine().me().await.unwrap().is_none()).await;
    laptop.sign_in().await;
    alice.start().await;
    for device in [&bob, &laptop] {
        device.shows(chat, &["10", "11", "12", "0", "1"]).await;
    }
}

#[tokio::test]
async fn an_edit_counts_though_the_log_that_was_lost_was_longer() {
    let mut world = World::new().await;
    let (alice, mut bob) = (world.sign_up("alice").await, world.sign_up("bob").await);
    let chat = news(&alice, &[&bob]).await;
    let key = alice.say(chat, "tpyo").await;
    bob.shows(chat, &["tpyo"]).await;
    let backup = world.back_up_relay().await;
    // What the lost log had before the first edit, nobody gives back.
    bob.kill().await;
    let copy = bob.copy_profile().await;
    bob.start().await;
    bob.say_all(chat, &counted(0..9)).await;
    alice.shows(chat, &["tpyo", "0", "1", "2", "3", "4", "5", "6", "7", "8"]).await;
    alice.engine().edit(chat, key, "first").await.unwrap();
    bob.engine().react(chat, key, "👍", true).await.unwrap();
    eventually("both came", async || {
        let line = alice.line(chat, key).await;
        line.text == "first" && line.reactions.len() == 1
    })
    .await;
    bob.kill().await;
    bob.put_back(&copy).await;
    world.go_back_to(&backup).await;
    bob.start().await;
    alice.engine().edit(chat, key, "second").await.unwrap();
    bob.engine().react(chat, key, "👍", true).await.unwrap();
    bob.engine().react(chat, key, "👍", false).await.unwrap();
    for device in [&alice, &bob] {
        eventually("the last ones count", async || {
            let line = device.line(chat, key).await;
            line.text == "second" && line.reactions.is_empty()
        })
        .await;
    }
}

#[tokio::test]
async fn a_channel_of_a_restored_relay_gets_back_what_its_writers_still_have() {
    let mut world = World::new().await;
    let (alice, bob) = (world.sign_up("alice").await, world.sign_up("bob").await);
    let chat = news(&alice, &[&bob]).await;
    alice.say(chat, "one").await;
    bob.shows(chat, &["one"]).await;
    let copy = world.back_up_relay().await;
    alice.say(chat, "two").await;
    bob.shows(chat, &["one", "two"]).await;
    let key = bob.say(chat, "three").await;
    bob.came(chat, key, Delivery::Sent).await;
    alice.shows(chat, &["one", "two", "three"]).await;
    world.go_back_to(&copy).await;
    let carol = world.sign_up("carol").await;
    carol.engine().join(chat).await.unwrap();
    // In which order the two give back what they had is open; all end up with the same.
    let deadline = std::time::Instant::now() + crate::world::PATIENCE;
    loop {
        let (a, b, c) = (alice.texts(chat).await, bob.texts(chat).await, carol.texts(chat).await);
        if a.len() == 3 && a == b && b == c {
            break;
        }
        assert!(std::time::Instant::now() < deadline, "{a:?}\n{b:?}\n{c:?}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

/// Alice, Bob and his laptop in a channel whose relay lacks a message of Bob's, who still has it and is away.
async fn typo_lost(world: &mut World) -> ([Device; 3], ChatId, MessageKey) {
    let (alice, bob) = (world.sign_up("alice").await, world.sign_up("bob").await);
    let laptop = world.sign_in("bob", "bob's laptop").await;
    let chat = news(&alice, &[&bob]).await;
    laptop.has_chat(chat).await;
    let copy = world.back_up_relay().await;
    let key = bob.say(chat, "tpyo").await;
    for device in [&alice, &laptop] {
        device.shows(chat, &["tpyo"]).await;
    }
    bob.gate.cut();
    world.go_back_to(&copy).await;
    laptop.online().await;
    ([alice, bob, laptop], chat, key)
}

#[tokio::test]
async fn a_change_waits_until_a_restored_relay_was_given_its_message_back() {
    let mut world = World::new().await;
    let ([alice, bob, laptop], chat, key) = typo_lost(&mut world).await;
    laptop.engine().edit(chat, key, "typo").await.unwrap();
    alice.engine().react(chat, key, "👍", true).await.unwrap();
    let later = laptop.say(chat, "corrected").await;
    laptop.came(chat, later, Delivery::Sent).await;
    bob.gate.heal();
    for device in [&alice, &bob, &laptop] {
        device.shows(chat, &["corrected", "typo"]).await;
        eventually("the reaction is there", async || device.line(chat, key).await.reactions.len() == 1).await;
    }
}

#[tokio::test]
async fn a_change_that_waited_does_not_undo_a_newer_one() {
    let mut world = World::new().await;
    let ([alice, bob, laptop], chat, key) = typo_lost(&mut world).await;
    laptop.engine().edit(chat, key, "first").await.unwrap();
    let later = laptop.say(chat, "that was an edit").await;
    laptop.came(chat, later, Delivery::Sent).await;
    // The message comes back; before the laptop hears of that, it has edited it again, and this edit is taken at once.
    let carol = world.sign_up("carol").await;
    carol.engine().join(chat).await.unwrap();
    laptop.gate.slow(std::time::Duration::from_millis(400));
    bob.gate.heal();
    eventually("it is back", async || carol.engine().message(chat, key).await.is_ok()).await;
    laptop.engine().edit(chat, key, "second").await.unwrap();
    eventually("it was edited", async || carol.line(chat, key).await.text == "second").await;
    let last = laptop.say(chat, "that was another").await;
    laptop.came(chat, last, Delivery::Sent).await;
    for device in [&alice, &bob, &carol, &laptop] {
        eventually("all came", async || device.engine().message(chat, last).await.is_ok()).await;
        assert_eq!(device.line(chat, key).await.text, "second", "{}", device.name);
    }
}

#[tokio::test]
async fn the_history_of_a_restored_channel_is_no_news_to_who_came_later() {
    let mut world = World::new().await;
    let (alice, bob) = (world.sign_up("alice").await, world.sign_up("bob").await);
    let chat = alice.on(|engine| async move { engine.new_channel("News", "", true).await }).await.unwrap();
    let old = alice.say_all(chat, &counted(0..5)).await;
    alice.came(chat, old[4], Delivery::Sent).await;
    bob.engine().join(chat).await.unwrap();
    let live = alice.say(chat, "live").await;
    bob.has_unread(chat, 1).await;
    let copy = world.back_up_relay().await;
    let laptop = world.sign_in("bob", "bob's laptop").await;
    laptop.has_chat(chat).await;
    let lost = alice.say_all(chat, &counted(5..10)).await;
    for device in [&bob, &laptop] {
        eventually("it came", async || device.engine().message(chat, lost[4]).await.is_ok()).await;
        device.engine().mark_read(chat, None).await.unwrap();
        device.has_unread(chat, 0).await;
    }
    let mut ears = [bob.listen(), laptop.listen()];
    alice.gate.cut();
    world.go_back_to(&copy).await;
    // Somebody writes where the lost ones had been; and the laptop, which the relay forgot, signs in anew.
    let carol = world.sign_up("carol").await;
    carol.engine().join(chat).await.unwrap();
    let first = carol.say(chat, "anybody?").await;
    carol.came(chat, first, Delivery::Sent).await;
    eventually("the laptop is signed out", async || laptop.engine().me().await.unwrap().is_none()).await;
    laptop.sign_in().await;
    alice.gate.heal();
    for device in [&alice, &bob, &laptop] {
        device.online().await;
        eventually("it came", async || device.engine().message(chat, first).await.is_ok()).await;
        eventually("all is back", async || device.texts(chat).await.len() == 12).await;
    }
    for (device, ear) in [&bob, &laptop].into_iter().zip(&mut ears) {
        device.has_unread(chat, 1).await;
        let told = ear.heard().into_iter().filter_map(|event| match event {
            Event::Message { key, .. } => Some(key),
            _ => None,
        });
        assert_eq!(told.collect::<Vec<_>>(), [first], "{}", device.name);
    }
    assert!(bob.engine().message(chat, live).await.is_ok());
}

#[tokio::test]
async fn what_was_read_in_a_channel_stays_so_when_its_relay_is_restored() {
    let mut world = World::new().await;
    let (alice, bob) = (world.sign_up("alice").await, world.sign_up("bob").await);
    let laptop = world.sign_in("bob", "bob's laptop").await;
    let chat = news(&alice, &[&bob]).await;
    laptop.has_chat(chat).await;
    alice.say_all(chat, &counted(0..3)).await;
    laptop.has_unread(chat, 3).await;
    let copy = world.back_up_relay().await;
    alice.say_all(chat, &counted(3..6)).await;
    for device in [&bob, &laptop] {
        device.has_unread(chat, 6).await;
    }
    // One reads while the other is away; then the relay forgets both the messages and the mark.
    laptop.gate.cut();
    laptop.offline().await;
    bob.engine().mark_read(chat, None).await.unwrap();
    bob.has_unread(chat, 0).await;
    alice.gate.cut();
    world.go_back_to(&copy).await;
    bob.online().await;
    laptop.gate.heal();
    alice.gate.heal();
    for device in [&bob, &laptop] {
        device.has_unread(chat, 0).await;
    }
    alice.say(chat, "and on").await;
    for device in [&bob, &laptop] {
        device.has_unread(chat, 1).await;
    }
    bob.engine().mark_read(chat, None).await.unwrap();
    for device in [&bob, &laptop] {
        device.has_unread(chat, 0).await;
    }
}

#[tokio::test]
async fn what_a_restored_relay_lost_for_good_is_read_on_every_device() {
    let mut world = World::new().await;
    let (alice, bob) = (world.sign_up("alice").await, world.sign_up("bob").await);
    let laptop = world.sign_in("alice", "alice's laptop").await;
    let chat = news(&alice, &[&bob]).await;
    laptop.has_chat(chat).await;
    let copy = world.back_up_relay().await;
    // A device that the restored relay will not know, and so cannot give its messages back.
    let mut tablet = world.sign_in("bob", "bob's tablet").await;
    tablet.has_chat(chat).await;
    let lost = tablet.say_all(chat, &counted(0..4)).await;
    for device in [&alice, &laptop] {
        device.has_unread(chat, 4).await;
    }
    tablet.kill().await;
    world.go_back_to(&copy).await;
    for device in [&alice, &laptop, &bob] {
        device.online().await;
    }
    bob.say(chat, "and on").await;
    for device in [&alice, &laptop] {
        device.has_unread(chat, 5).await;
    }
    // What was said since stands where the lost ones had begun.
    alice.engine().mark_read(chat, Some(lost[1])).await.unwrap();
    for device in [&alice, &laptop] {
        device.has_unread(chat, 2).await;
    }
    laptop.engine().mark_read(chat, None).await.unwrap();
    for device in [&alice, &laptop] {
        device.has_unread(chat, 0).await;
    }
}

#[tokio::test]
async fn what_was_read_before_a_restore_is_read_where_it_comes_back_behind_something_new() {
    let mut world = World::new().await;
    let (alice, bob, carol) = three(&world).await;
    let laptop = world.sign_in("alice", "alice's laptop").await;
    let chat = news(&alice, &[&bob, &carol]).await;
    laptop.has_chat(chat).await;
    let copy = world.back_up_relay().await;
    let lost = bob.say_all(chat, &counted(0..2)).await;
    for device in [&alice, &laptop] {
        device.has_unread(chat, 2).await;
    }
    laptop.gate.cut();
    laptop.offline().await;
    alice.engine().mark_read(chat, None).await.unwrap();
    bob.gate.cut();
    world.go_back_to(&copy).await;
    alice.online().await;
    carol.online().await;
    carol.say(chat, "new").await;
    alice.has_unread(chat, 1).await;
    // Only now those are given back that were read, behind one that was not; and the laptop hears of all at once.
    bob.gate.heal();
    bob.came(chat, lost[1], Delivery::Sent).await;
    alice.has_unread(chat, 1).await;
    laptop.gate.heal();
    laptop.online().await;
    for device in [&alice, &laptop] {
        device.shows(chat, &["new", "0", "1"]).await;
        device.has_unread(chat, 1).await;
    }
    alice.engine().mark_read(chat, None).await.unwrap();
    for device in [&alice, &laptop] {
        device.has_unread(chat, 0).await;
    }
}

#[tokio::test]
async fn what_was_read_before_a_restore_is_read_on_a_device_that_was_away_then() {
    let mut world = World::new().await;
    let (alice, bob, carol) = three(&world).await;
    let laptop = world.sign_in("alice", "alice's laptop").await;
    let chat = news(&alice, &[&bob, &carol]).await;
    laptop.has_chat(chat).await;
    laptop.gate.cut();
    laptop.offline().await;
    let copy = world.back_up_relay().await;
    let lost = bob.say_all(chat, &counted(0..2)).await;
    alice.has_unread(chat, 2).await;
    alice.engine().mark_read(chat, None).await.unwrap();
    bob.gate.cut();
    world.go_back_to(&copy).await;
    alice.online().await;
    carol.online().await;
    let new = carol.say(chat, "new").await;
    alice.has_unread(chat, 1).await;
    bob.gate.heal();
    bob.came(chat, lost[1], Delivery::Sent).await;
    alice.has_unread(chat, 1).await;
    // The laptop never had those two from the log that was lost, and is told that they were read behind what was not.
    laptop.gate.heal();
    laptop.online().await;
    laptop.shows(chat, &["new", "0", "1"]).await;
    laptop.has_unread(chat, 1).await;
    laptop.engine().mark_read(chat, Some(new)).await.unwrap();
    for device in [&alice, &laptop] {
        device.has_unread(chat, 0).await;
    }
}
