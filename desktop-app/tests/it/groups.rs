//! Groups: who is in them, what they see, and what ends with leaving.

use desktop_app::views::{ChatStatus, Delivery, Route};

use crate::gate::Half;
use crate::raw::{Raw, text};
use crate::telling::{by_hand, counted, three, trio};
use crate::world::World;

#[tokio::test]
async fn everybody_in_a_group_sees_the_same_in_the_same_order() {
    let world = World::new().await;
    let (alice, bob, carol, chat) = trio(&world).await;
    for n in 0..20 {
        for device in [&alice, &bob, &carol] {
            device.say(chat, &format!("{} {n}", device.name)).await;
        }
    }
    let deadline = std::time::Instant::now() + crate::world::PATIENCE;
    loop {
        let (a, b, c) = (alice.texts(chat).await, bob.texts(chat).await, carol.texts(chat).await);
        if a.len() == 60 && a == b && b == c {
            break;
        }
        assert!(std::time::Instant::now() < deadline, "{a:?}\n{b:?}\n{c:?}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    for device in [&alice, &bob, &carol] {
        let of = |texts: &[String]| -> Vec<String> {
            texts.iter().filter(|text| text.starts_with(&device.name)).cloned().collect()
        };
        let expected: Vec<String> = (0..20).map(|n| format!("{} {n}", device.name)).collect();
        assert_eq!(of(&alice.texts(chat).await), expected, "what one device sent is shown in the order it was sent");
    }
    assert_eq!(alice.view(chat).await.route.route, Route::Relay);
}

#[tokio::test]
async fn a_message_to_a_group_is_delivered_once_every_member_has_it() {
    let world = World::new().await;
    let (alice, bob, mut carol, chat) = trio(&world).await;
    carol.kill().await;
    let key = alice.say(chat, "hello").await;
    bob.shows(chat, &["hello"]).await;
    let bobs = bob.device_id().await;
    let has = async || {
        alice
            .engine()
            .deliveries(chat, key)
            .await
            .unwrap()
            .iter()
            .any(|device| device.device == bobs && device.delivered)
    };
    crate::world::eventually("alice knows that bob has it", has).await;
    assert_eq!(alice.delivery(chat, key).await, Delivery::Sent, "carol hasn't got it");
    carol.start().await;
    alice.came(chat, key, Delivery::Delivered).await;
}

#[tokio::test]
async fn a_newcomer_sees_what_comes_after() {
    let world = World::new().await;
    let (alice, bob, carol) = three(&world).await;
    let chat = alice.group("Tea", &[&bob]).await;
    alice.say(chat, "before").await;
    bob.shows(chat, &["before"]).await;
    alice.engine().add_member(chat, "carol").await.unwrap();
    carol.has_chat(chat).await;
    alice.say(chat, "welcome").await;
    carol.shows(chat, &["welcome"]).await;
    let answer = carol.say(chat, "thanks").await;
    bob.shows(chat, &["before", "welcome", "thanks"]).await;
    carol.came(chat, answer, Delivery::Delivered).await;
    assert!(carol.gaps(chat).await.is_empty(), "what was before one came is no gap");
}

#[tokio::test]
async fn a_removed_member_gets_nothing_more() {
    let world = World::new().await;
    let (alice, bob, carol, chat) = trio(&world).await;
    alice.say(chat, "all").await;
    carol.shows(chat, &["all"]).await;
    alice.engine().remove_member(chat, carol.account().await).await.unwrap();
    carol.finds(chat, ChatStatus::Left).await;
    let key = alice.say(chat, "without carol").await;
    bob.shows(chat, &["all", "without carol"]).await;
    alice.came(chat, key, Delivery::Delivered).await;
    // Another chat tells that carol has caught up with everything there was for her.
    let other = alice.direct(&carol).await;
    alice.say(other, "sorry").await;
    carol.shows(other, &["sorry"]).await;
    carol.shows(chat, &["all"]).await;
    assert!(carol.engine().send(chat, Default::default()).await.is_err());
}

#[tokio::test]
async fn one_removed_while_away_gets_what_was_sent_until_then() {
    let world = World::new().await;
    let (alice, bob, mut carol, chat) = trio(&world).await;
    let account = carol.account().await;
    carol.kill().await;
    let key = alice.say(chat, "for all").await;
    bob.shows(chat, &["for all"]).await;
    alice.came(chat, key, Delivery::Sent).await;
    alice.engine().remove_member(chat, account).await.unwrap();
    alice.say(chat, "without carol").await;
    bob.shows(chat, &["for all", "without carol"]).await;
    carol.start().await;
    carol.finds(chat, ChatStatus::Left).await;
    carol.shows(chat, &["for all"]).await;
    // And opened once more, it is still a chat which was left.
    carol.restart().await;
    carol.online().await;
    carol.finds(chat, ChatStatus::Left).await;
    carol.shows(chat, &["for all"]).await;
}

#[tokio::test]
async fn somebody_brought_in_again_goes_on() {
    let world = World::new().await;
    let (alice, bob, carol, chat) = trio(&world).await;
    let first = carol.say(chat, "first").await;
    carol.came(chat, first, Delivery::Delivered).await;
    carol.engine().leave(chat).await.unwrap();
    carol.finds(chat, ChatStatus::Left).await;
    alice.say(chat, "meanwhile").await;
    bob.shows(chat, &["first", "meanwhile"]).await;
    alice.engine().add_member(chat, "carol").await.unwrap();
    carol.finds(chat, ChatStatus::Active).await;
    alice.say(chat, "again").await;
    carol.shows(chat, &["first", "again"]).await;
    let key = carol.say(chat, "back").await;
    carol.came(chat, key, Delivery::Delivered).await;
    alice.shows(chat, &["first", "meanwhile", "again", "back"]).await;
    assert_eq!(alice.gaps(chat).await, []);
    assert_eq!(carol.gaps(chat).await, []);
}

#[tokio::test]
async fn what_waits_for_a_deleted_chat_fails_visibly() {
    let world = World::new().await;
    let (alice, bob) = (world.sign_up("alice").await, world.sign_up("bob").await);
    let chat = alice.group("Tea", &[&bob]).await;
    alice.say(chat, "kept").await;
    bob.shows(chat, &["kept"]).await;
    bob.gate.cut();
    bob.offline().await;
    let key = bob.say(chat, "too late").await;
    alice.engine().delete_chat(chat).await.unwrap();
    alice.finds(chat, ChatStatus::Deleted).await;
    bob.gate.heal();
    bob.finds(chat, ChatStatus::Deleted).await;
    bob.failed(chat, key).await;
    bob.shows(chat, &["kept", "too late"]).await;
}

#[tokio::test]
async fn the_append_of_a_removed_one_races_the_removal() {
    let world = World::new().await;
    let (alice, bob, carol, chat) = trio(&world).await;
    let account = carol.account().await;
    let engine = alice.engine().clone();
    let removal = tokio::spawn(async move { engine.remove_member(chat, account).await });
    let mut keys = Vec::new();
    while carol.view(chat).await.status == ChatStatus::Active && keys.len() < 500 {
        let message = desktop_app::views::Outgoing { text: keys.len().to_string(), ..Default::default() };
        match carol.engine().send(chat, message).await {
            Ok(key) => keys.push(key),
            Err(_) => break,
        }
    }
    removal.await.unwrap().unwrap();
    carol.finds(chat, ChatStatus::Left).await;
    // The log decides: what came before the removal is in, all the rest failed; nothing hangs in between.
    let settled = async || {
        let mut taken = 0;
        for key in &keys {
            match carol.delivery(chat, *key).await {
                Delivery::Waiting => return false,
                Delivery::Failed { .. } => {}
                _ => taken += 1,
            }
        }
        bob.texts(chat).await == counted(0..taken) && alice.texts(chat).await == counted(0..taken)
    };
    crate::world::eventually("all agree on what was in time", settled).await;
}

/// It dies with its request on the way, which the relay never hears of; or once the relay has carried it out and nobody here knows.
#[tokio::test]
async fn the_adding_device_dies_between_the_steps_and_all_agree_all_the_same() {
    for half in [Half::Request, Half::Answer] {
        let done = half == Half::Answer;
        let world = World::new().await;
        let (mut alice, bob, carol) = three(&world).await;
        let chat = alice.group("Tea", &[&bob]).await;
        alice.gate.keep(half, "POST /api/chats/");
        alice.begin(move |engine| async move { engine.add_member(chat, "carol").await });
        alice.gate.has_caught_it().await;
        if done {
            carol.has_chat(chat).await;
            bob.counts(chat, 3).await;
            bob.say(chat, "welcome").await;
            carol.shows(chat, &["welcome"]).await;
        }
        alice.kill().await;
        alice.gate.heal();
        alice.start().await;
        alice.online().await;
        alice.counts(chat, if done { 3 } else { 2 }).await;
        alice.engine().add_member(chat, "carol").await.unwrap();
        carol.has_chat(chat).await;
        let key = alice.say(chat, "all here?").await;
        let expected = if done { &["welcome", "all here?"][..] } else { &["all here?"] };
        for device in [&alice, &bob, &carol] {
            device.shows(chat, expected).await;
            device.counts(chat, 3).await;
            assert_eq!(device.gaps(chat).await, []);
        }
        alice.came(chat, key, Delivery::Delivered).await;
    }
}

#[tokio::test]
async fn the_removing_device_dies_between_the_steps_and_all_agree_all_the_same() {
    for half in [Half::Request, Half::Answer] {
        let done = half == Half::Answer;
        let world = World::new().await;
        let (mut alice, bob, carol, chat) = trio(&world).await;
        let account = carol.account().await;
        alice.gate.keep(half, "DELETE /api/chats/");
        alice.begin(move |engine| async move { engine.remove_member(chat, account).await });
        alice.gate.has_caught_it().await;
        if done {
            carol.finds(chat, ChatStatus::Left).await;
            bob.counts(chat, 2).await;
        }
        // For all she knows carol is still in it.
        alice.say(chat, "is she gone?").await;
        bob.shows(chat, &["is she gone?"]).await;
        alice.kill().await;
        alice.gate.heal();
        alice.start().await;
        alice.online().await;
        alice.counts(chat, if done { 2 } else { 3 }).await;
        if !done {
            carol.shows(chat, &["is she gone?"]).await;
            alice.engine().remove_member(chat, account).await.unwrap();
            carol.finds(chat, ChatStatus::Left).await;
        }
        let key = alice.say(chat, "only us").await;
        for device in [&alice, &bob] {
            device.shows(chat, &["is she gone?", "only us"]).await;
            device.counts(chat, 2).await;
            assert_eq!(device.gaps(chat).await, []);
        }
        alice.came(chat, key, Delivery::Delivered).await;
        carol.shows(chat, if done { &[] } else { &["is she gone?"] }).await;
    }
}

#[tokio::test]
async fn junk_under_anothers_id_hides_nothing() {
    let world = World::new().await;
    let (alice, bob) = (world.sign_up("alice").await, world.sign_up("bob").await);
    let mut mallory = Raw::sign_up(&world, "mallory").await;
    let name = "mallory".to_owned();
    let chat = alice.engine().new_group("Tea", vec!["bob".to_owned(), name]).await.unwrap();
    bob.has_chat(chat).await;
    let membership = mallory.joins(chat).await;
    alice.gate.cut();
    alice.offline().await;
    // Mallory learns the id before the relay has the message, and is first there.
    let key = alice.say(chat, "the truth").await;
    let mut junk = mallory.next(membership, text("junk"));
    junk.id = key.id;
    mallory.append(chat, &junk).await;
    mallory.answer(key.id).await.unwrap();
    bob.shows(chat, &["junk"]).await;
    alice.gate.heal();
    alice.came(chat, key, Delivery::Sent).await;
    let lines = async || {
        let texts = bob.texts(chat).await;
        texts.len() == 2 && texts.contains(&"the truth".to_owned())
    };
    crate::world::eventually("bob has both", lines).await;
    let line = bob.line(chat, key).await;
    assert_eq!((line.text.as_str(), line.username.as_str()), ("the truth", "alice"));
}

#[tokio::test]
async fn two_messages_in_one_place_are_told_and_the_first_stays() {
    let world = World::new().await;
    let (alice, mut mallory, chat, membership) = by_hand(&world, "alice", "mallory").await;
    let mut ear = alice.listen();
    let first = mallory.next(membership, text("yes"));
    mallory.append(chat, &first).await;
    mallory.n = 1;
    let second = mallory.next(membership, text("no"));
    mallory.append(chat, &second).await;
    ear.hears_notice("id_conflict").await;
    // The same id with other bytes is the relay's to refuse.
    let mut third = mallory.next(membership, text("neither"));
    third.id = first.id;
    mallory.append(chat, &third).await;
    let mut codes = Vec::new();
    while codes.len() < 3 {
        codes.push(
            mallory
                .until("answers", |frame| match frame {
                    parley_protocol::RelayFrame::Accepted { .. } => Some(None),
                    parley_protocol::RelayFrame::Refused { error, .. } => Some(Some(error.code)),
                    _ => None,
                })
                .await,
        );
    }
    assert_eq!(codes, [None, None, Some(parley_protocol::Code::IdConflict)]);
    alice.shows(chat, &["yes"]).await;
}

#[tokio::test]
async fn what_was_sent_to_one_who_had_just_left_is_no_gap_for_them_later() {
    let world = World::new().await;
    let (alice, bob, carol, chat) = trio(&world).await;
    alice.say(chat, "first").await;
    carol.shows(chat, &["first"]).await;
    // Alice writes before she can know that carol is gone.
    alice.gate.cut();
    alice.offline().await;
    carol.engine().leave(chat).await.unwrap();
    carol.finds(chat, ChatStatus::Left).await;
    alice.say(chat, "to all three").await;
    alice.gate.heal();
    bob.shows(chat, &["first", "to all three"]).await;
    alice.online().await;
    alice.engine().add_member(chat, "carol").await.unwrap();
    carol.finds(chat, ChatStatus::Active).await;
    alice.say(chat, "again").await;
    carol.shows(chat, &["first", "again"]).await;
    assert_eq!(carol.gaps(chat).await, []);
}
