//! Delivery: runs, marks and gaps, with senders that do what no honest engine would.

use std::time::Duration;

use desktop_app::views::Delivery;
use parley_protocol::marks::Held;
use parley_protocol::message::RunEnd;
use parley_protocol::{Clock, RunId};

use crate::raw::{Raw, text};
use crate::telling::{by_hand, counted, pair, pair_by_relay};
use crate::world::{World, eventually};

#[tokio::test]
async fn a_number_that_never_comes_becomes_a_gap_and_is_filled_if_it_comes_after_all() {
    let world = World::new().await;
    let (alice, mut bob, chat, membership) = by_hand(&world, "alice", "bob").await;
    let messages: Vec<_> = (1..=4).map(|n| bob.next(membership, text(&n.to_string()))).collect();
    bob.append(chat, &messages[0]).await;
    bob.append(chat, &messages[2]).await;
    bob.append(chat, &messages[3]).await;
    alice.shows(chat, &["1"]).await;
    alice.shows(chat, &["1", "3", "4"]).await;
    assert_eq!(alice.gaps(chat).await, [(Some(1), "lost".to_owned())]);
    bob.append(chat, &messages[1]).await;
    alice.shows(chat, &["1", "2", "3", "4"]).await;
    assert_eq!(alice.gaps(chat).await, [], "what came is not missing");
}

#[tokio::test]
async fn junk_under_the_id_of_a_direct_message_keeps_it_from_nobody() {
    let world = World::new().await;
    let (alice, mut bob) = (world.sign_up("alice").await, world.sign_up("bob").await);
    let mut laptop = world.sign_in("bob", "bob's laptop").await;
    let chat = alice.direct(&bob).await;
    bob.has_chat(chat).await;
    laptop.has_chat(chat).await;
    // Each device to both others; so that what is left without the laptop is the link of alice and bob.
    for device in [&alice, &bob, &laptop] {
        eventually("all are linked", async || device.view(chat).await.route.linked == 2).await;
    }
    laptop.kill().await;
    for device in [&alice, &bob] {
        eventually("alice and bob are linked", async || device.view(chat).await.route.linked == 1).await;
    }
    alice.gate.cut();
    alice.offline().await;
    let key = alice.say(chat, "for both of you").await;
    bob.shows(chat, &["for both of you"]).await;
    // The relay has not seen it yet. Bob's first device hides it, and appends something else under its id.
    let membership = bob.membership(chat);
    let mut hand = Raw::instead_of(&world, &mut bob).await;
    let mut junk = hand.next(membership, text("junk"));
    junk.id = key.id;
    hand.append(chat, &junk).await;
    hand.answer(junk.id).await.unwrap();
    alice.gate.heal();
    laptop.start().await;
    for device in [&alice, &laptop] {
        device.shows(chat, &["for both of you", "junk"]).await;
        assert_eq!(device.line(chat, key).await.text, "for both of you");
        assert_eq!(device.line(chat, hand.key(junk.id)).await.text, "junk");
        assert!(device.gaps(chat).await.is_empty());
    }
    alice.came(chat, key, Delivery::Delivered).await;
}

#[tokio::test]
async fn the_missing_end_of_a_run_is_noticed_by_the_next_run() {
    let world = World::new().await;
    let (alice, mut bob, chat, membership) = by_hand(&world, "alice", "bob").await;
    let first: Vec<_> = (1..=3).map(|n| bob.next(membership, text(&n.to_string()))).collect();
    let before = RunEnd { run: bob.run, n: 3, membership };
    (bob.run, bob.n) = (RunId(uuid::Uuid::new_v4()), 1);
    let mut next = bob.next(membership, text("4"));
    next.after = Some(before);
    bob.append(chat, &first[0]).await;
    bob.append(chat, &next).await;
    alice.shows(chat, &["1"]).await;
    // The rest comes while the gap is waited for: nobody ever sees one.
    bob.append(chat, &first[1]).await;
    bob.append(chat, &first[2]).await;
    alice.shows(chat, &["1", "2", "3", "4"]).await;
    assert!(alice.gaps(chat).await.is_empty());
}

#[tokio::test]
async fn what_a_mark_lists_as_missing_is_sent_again_and_is_not_delivered_until_then() {
    let world = World::new().await;
    let (alice, mut bob, chat, _) = by_hand(&world, "alice", "bob").await;
    let keys = alice.say_all(chat, &counted(0..60)).await;
    let mut got = Vec::new();
    while got.len() < keys.len() {
        got.push(bob.next_entry(chat).await);
    }
    // Bob has acked them all, and the relay has forgotten the oldest; but he lacks the second, say by a fault of his.
    bob.ack(chat, got[59].0).await;
    eventually("the relay forgets the oldest", async || world.entries_kept(chat).await < 40).await;
    let run = got[1].1.run;
    let alices = got[1].1.device;
    bob.mark(chat, alices, run, Held { upto: 60, missing: vec![2] }).await;
    let (seq, again) = bob.next_entry(chat).await;
    assert_eq!(again, got[1].1, "the same bytes under the same id");
    for (key, delivery) in keys.iter().zip([Delivery::Delivered, Delivery::Sent, Delivery::Delivered]) {
        alice.came(chat, *key, delivery.clone()).await;
        assert_eq!(alice.delivery(chat, *key).await, delivery);
    }
    bob.ack(chat, seq).await;
    bob.mark(chat, alices, run, Held { upto: 60, missing: vec![] }).await;
    alice.came(chat, keys[1], Delivery::Delivered).await;
    eventually("nothing is kept", async || alice.rows_kept() == 0).await;
}

#[tokio::test]
async fn what_is_held_beyond_a_gap_outlives_the_app() {
    let world = World::new().await;
    let (mut alice, mut bob, chat, membership) = by_hand(&world, "alice", "bob").await;
    let messages: Vec<_> = (1..=3).map(|n| bob.next(membership, text(&n.to_string()))).collect();
    bob.append(chat, &messages[0]).await;
    bob.append(chat, &messages[2]).await;
    bob.answer(messages[2].id).await.unwrap();
    alice.shows(chat, &["1"]).await;
    let held = async || {
        let db = alice.database();
        db.query_row("SELECT count(*) FROM held", [], |row| row.get::<_, i64>(0)).unwrap() == 1
    };
    eventually("the third is held", held).await;
    alice.restart().await;
    bob.append(chat, &messages[1]).await;
    alice.shows(chat, &["1", "2", "3"]).await;
    assert!(alice.gaps(chat).await.is_empty());
}

#[tokio::test]
async fn a_forged_sender_or_time_is_left_out() {
    let world = World::new().await;
    let (alice, carol) = (world.sign_up("alice").await, world.sign_up("carol").await);
    let mut mallory = Raw::sign_up(&world, "mallory").await;
    let members = vec!["mallory".to_owned(), "carol".to_owned()];
    let chat = alice.engine().new_group("Tea", members).await.unwrap();
    let membership = mallory.joins(chat).await;
    let mut ear = alice.listen();
    let mut forged = mallory.next(membership, text("I am carol"));
    forged.device = carol.device_id().await;
    mallory.append(chat, &forged).await;
    ear.hears_notice("damaged").await;
    mallory.n = 1;
    let mut nonsense = mallory.next(membership, text("from the year 9999"));
    nonsense.clock = Clock { millis: 253_000_000_000_000, counter: 0 };
    mallory.append(chat, &nonsense).await;
    ear.hears_notice("damaged").await;
    mallory.n = 1;
    let honest = mallory.next(membership, text("it is me"));
    mallory.append(chat, &honest).await;
    alice.shows(chat, &["it is me"]).await;
    let answer = alice.say(chat, "hello").await;
    carol.shows(chat, &["it is me", "hello"]).await;
    alice.came(chat, answer, Delivery::Sent).await;
}

#[tokio::test]
async fn a_conversation_survives_the_death_of_everybody_in_turn() {
    let mut world = World::new().await;
    let (mut alice, mut bob, chat) = pair(&world).await;
    let mut expected = Vec::new();
    for round in 0..6 {
        let words: Vec<String> = (0..8).map(|n| format!("{round}.{n}")).collect();
        alice.say_all(chat, &words).await;
        expected.extend(words);
        match round % 3 {
            0 => alice.restart().await,
            1 => bob.restart().await,
            _ => world.restart_relay().await,
        }
    }
    bob.shows_all(chat, &expected).await;
    alice.shows_all(chat, &expected).await;
    assert!(bob.gaps(chat).await.is_empty());
    eventually("all of it is known to be delivered", async || {
        let lines = alice.lines(chat).await;
        lines.iter().filter(|line| line.own).all(|line| line.delivery == Delivery::Delivered)
    })
    .await;
}

#[tokio::test]
async fn the_outbox_ends_once_everybody_has_everything() {
    let world = World::new().await;
    let (alice, bob, chat) = pair(&world).await;
    let keys = alice.say_all(chat, &counted(0..20)).await;
    bob.shows_all(chat, &counted(0..20)).await;
    alice.came(chat, keys[19], Delivery::Delivered).await;
    eventually("nothing is kept that nobody needs", async || alice.rows_kept() == 0).await;
    for key in keys {
        assert_eq!(alice.delivery(chat, key).await, Delivery::Delivered);
    }
}

#[tokio::test]
async fn long_messages_and_many_messages_go_through_a_narrow_gate() {
    let world = World::new().await;
    let (alice, bob, chat) = pair_by_relay(&world).await;
    alice.gate.slow(Duration::from_millis(5));
    let mut expected: Vec<String> = counted(0..5).iter().map(|n| n.repeat(60_000)).collect();
    expected.extend(counted(0..600));
    alice.say_all(chat, &expected).await;
    bob.shows_all(chat, &expected).await;
}

#[tokio::test]
async fn words_that_no_relay_could_carry_are_refused_at_once() {
    let world = World::new().await;
    let (alice, bob, chat) = pair_by_relay(&world).await;
    for bad in [String::new(), "  \n".to_owned(), "x".repeat(64 * 1024 + 1), "\u{1}".repeat(60_000)] {
        let message = desktop_app::views::Outgoing { text: bad, ..Default::default() };
        assert!(alice.engine().send(chat, message).await.is_err());
    }
    alice.say(chat, "short").await;
    bob.shows(chat, &["short"]).await;
    assert!(bob.gaps(chat).await.is_empty());
}
