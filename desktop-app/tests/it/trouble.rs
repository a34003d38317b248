//! Trouble: networks that break and freeze, quotas, slow readers, retention, wrong clocks, a locked disk.

use std::time::{Duration, Instant};

use desktop_app::EngineError;
use desktop_app::views::{Delivery, Outgoing, Route};
use parley_protocol::{ClientFrame, Code};
use relay_server::config::Bytes;

use crate::raw::{Raw, text};
use crate::telling::{by_hand, counted, pair_by_relay};
use crate::world::{PATIENCE, World, eventually};

#[tokio::test]
async fn a_network_that_breaks_and_heals_loses_nothing() {
    let world = World::new().await;
    let (alice, bob, chat) = pair_by_relay(&world).await;
    let mut expected = Vec::new();
    for round in 0..4 {
        if round % 2 == 0 {
            alice.gate.cut()
        } else {
            bob.gate.cut()
        }
        let words: Vec<String> = (0..10).map(|n| format!("{round}.{n}")).collect();
        alice.say_all(chat, &words).await;
        expected.extend(words);
        alice.gate.heal();
        bob.gate.heal();
        alice.engine().network_changed().await.unwrap();
        bob.engine().network_changed().await.unwrap();
    }
    bob.shows_all(chat, &expected).await;
    assert!(bob.gaps(chat).await.is_empty());
}

#[tokio::test]
async fn a_network_that_swallows_everything_is_noticed() {
    let world = World::new().await;
    let (alice, bob, chat) = pair_by_relay(&world).await;
    alice.gate.freeze();
    let key = alice.say(chat, "into the void").await;
    assert_eq!(alice.delivery(chat, key).await, Delivery::Waiting);
    alice.offline().await;
    assert_eq!(alice.view(chat).await.route.route, Route::Wait, "the conversation says so");
    alice.gate.heal();
    bob.shows(chat, &["into the void"]).await;
    alice.came(chat, key, Delivery::Delivered).await;
    alice.shows(chat, &["into the void"]).await;
}

#[tokio::test]
async fn the_relay_commits_and_dies_before_it_answers() {
    let mut world = World::new().await;
    let (alice, bob, chat) = pair_by_relay(&world).await;
    alice.gate.slow(Duration::from_secs(1));
    let key = alice.say(chat, "accepted?").await;
    bob.shows(chat, &["accepted?"]).await;
    // Bob has it; the answer to alice is still on its way, and never comes.
    assert_eq!(alice.delivery(chat, key).await, Delivery::Waiting);
    alice.gate.cut();
    world.restart_relay().await;
    bob.online().await;
    alice.gate.slow(Duration::ZERO);
    alice.gate.heal();
    alice.came(chat, key, Delivery::Delivered).await;
    alice.say(chat, "yes").await;
    bob.shows(chat, &["accepted?", "yes"]).await;
    alice.shows(chat, &["accepted?", "yes"]).await;
}

#[tokio::test]
async fn an_append_that_is_repeated_in_the_next_session_is_answered_as_before() {
    let world = World::new().await;
    let (alice, mut bob, chat, membership) = by_hand(&world, "alice", "bob").await;
    let message = bob.next(membership, text("once"));
    bob.append(chat, &message).await;
    alice.shows(chat, &["once"]).await;
    // Everybody else has acked it; its sender has not seen the answer.
    bob.reconnect().await;
    bob.append(chat, &message).await;
    let seq = bob.answer(message.id).await.unwrap();
    bob.append(chat, &message).await;
    assert_eq!(bob.answer(message.id).await.unwrap(), seq);
    let next = bob.next(membership, text("twice"));
    bob.append(chat, &next).await;
    assert_eq!(bob.answer(next.id).await.unwrap(), seq + 1);
    alice.shows(chat, &["once", "twice"]).await;
}

#[tokio::test]
async fn past_a_quota_messages_wait_and_then_go_on_in_order() {
    let world = World::with(|config| config.chat_entries = 10).await;
    let (alice, mut bob, chat) = pair_by_relay(&world).await;
    bob.kill().await;
    let mut ear = alice.listen();
    let keys = alice.say_all(chat, &counted(0..30)).await;
    ear.hears_notice("waiting").await;
    assert_eq!(alice.delivery(chat, keys[29]).await, Delivery::Waiting);
    bob.start().await;
    bob.shows_all(chat, &counted(0..30)).await;
    assert!(bob.gaps(chat).await.is_empty());
    alice.came(chat, keys[29], Delivery::Delivered).await;
}

#[tokio::test]
async fn a_quota_that_lifts_before_the_next_append_lets_nothing_overtake() {
    let world = World::with(|config| config.chat_entries = 10).await;
    let (bob, mut alice, chat, membership) = by_hand(&world, "bob", "alice").await;
    bob.never_direct().await;
    bob.gate.cut();
    bob.offline().await;
    let mut messages = Vec::new();
    loop {
        let message = alice.next(membership, text(&messages.len().to_string()));
        messages.push(message.clone());
        alice.append(chat, &message).await;
        if let Err(error) = alice.answer(message.id).await {
            assert_eq!(error.code, Code::QuotaExceeded);
            break;
        }
    }
    // Bob takes everything, and alice says that she has it too: there is room again.
    bob.gate.heal();
    bob.shows_all(chat, &counted(0..messages.len() - 1)).await;
    let head = u64::try_from(messages.len()).unwrap();
    alice.send(&ClientFrame::Ack { logs: vec![parley_protocol::frames::Ack { log: chat.into(), seq: head }] }).await;
    let next = alice.next(membership, text("too early"));
    alice.append(chat, &next).await;
    assert_eq!(alice.answer(next.id).await.unwrap_err().code, Code::ResumeFirst);
    let refused = messages.last().unwrap().clone();
    let accepted = async {
        // The acks are applied with a transaction of their own, in a moment.
        loop {
            alice.send(&ClientFrame::Resume { chat }).await;
            alice.append(chat, &refused).await;
            if alice.answer(refused.id).await.is_ok() {
                break;
            }
        }
        alice.append(chat, &next).await;
        alice.answer(next.id).await.unwrap();
    };
    accepted.await;
    let mut expected = counted(0..messages.len());
    expected.push("too early".to_owned());
    bob.shows_all(chat, &expected).await;
}

/// What the relay says is kept from alice meanwhile, so that she appends on: the relay has to know better, until she resumes. How far
/// it has come shows by what carol hears of her, and by the answer to what carol appends after that.
#[tokio::test]
async fn what_is_appended_before_the_refusal_is_heard_of_does_not_overtake() {
    let world = World::with(|config| config.chat_entries = 10).await;
    let (alice, mut bob) = (world.sign_up("alice").await, world.sign_up("bob").await);
    let mut carol = Raw::sign_up(&world, "carol").await;
    let names = vec!["bob".to_owned(), "carol".to_owned()];
    let chat = alice.on(|engine| async move { engine.new_group("Tea", names).await }).await.unwrap();
    let membership = carol.joins(chat).await;
    bob.has_chat(chat).await;
    bob.kill().await;
    let mut keys = Vec::new();
    while world.entries_kept(chat).await < 10 {
        keys.push(alice.say(chat, &keys.len().to_string()).await);
        alice.came(chat, keys[keys.len() - 1], Delivery::Sent).await;
    }
    // It is bob who holds them.
    while carol.next_entry(chat).await.0 < 10 {}
    carol.ack(chat, 10).await;
    for device in [alice.device_id().await, carol.device] {
        eventually("all but bob have acked them", async || world.cursor_of(chat, device).await == 10).await;
    }
    alice.gate.deafen();
    keys.push(alice.say(chat, &keys.len().to_string()).await);
    alice.engine().typing(chat, true).await.unwrap();
    carol.hears_typing(true).await;
    let mine = carol.next(membership, text("me too"));
    carol.append(chat, &mine).await;
    assert_eq!(carol.answer(mine.id).await.unwrap_err().code, Code::QuotaExceeded);
    // There is room again, before alice's next.
    bob.start().await;
    let deadline = Instant::now() + PATIENCE;
    loop {
        assert!(Instant::now() < deadline, "there never is room");
        carol.send(&ClientFrame::Resume { chat }).await;
        carol.append(chat, &mine).await;
        if carol.answer(mine.id).await.is_ok() {
            break;
        }
    }
    keys.push(alice.say(chat, &keys.len().to_string()).await);
    alice.engine().typing(chat, false).await.unwrap();
    carol.hears_typing(false).await;
    let mine = carol.next(membership, text("and again"));
    carol.append(chat, &mine).await;
    carol.answer(mine.id).await.unwrap();
    let last = carol.key(mine.id);
    eventually("bob has carol's", async || bob.engine().message(chat, last).await.is_ok()).await;
    for key in &keys[keys.len() - 2..] {
        assert!(bob.engine().message(chat, *key).await.is_err(), "neither is in: the next one has not overtaken");
    }
    alice.gate.heal();
    let of_alice = async || {
        let lines = bob.lines(chat).await;
        lines.into_iter().map(|line| line.key).filter(|key| keys.contains(key)).collect::<Vec<_>>()
    };
    eventually("all of alice's came in order", async || of_alice().await == keys).await;
    assert_eq!(bob.gaps(chat).await, []);
}

#[tokio::test]
async fn a_slow_reader_catches_up_beside_a_live_flow() {
    let world = World::with(|config| config.session_queue = 8).await;
    let (mut bob, mut alice, chat, membership) = by_hand(&world, "bob", "alice").await;
    bob.never_direct().await;
    bob.kill().await;
    for n in 0..3_000 {
        let message = alice.next(membership, text(&n.to_string()));
        alice.append(chat, &message).await;
        if n % 200 == 199 {
            alice.answer(message.id).await.unwrap();
        }
    }
    bob.gate.slow(Duration::from_millis(15));
    bob.start().await;
    for n in 3_000..3_300 {
        let message = alice.next(membership, text(&n.to_string()));
        alice.append(chat, &message).await;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let last = async || bob.view(chat).await.last.is_some_and(|line| line.text == "3299");
    eventually("bob has the last", last).await;
    assert_eq!(bob.texts(chat).await, counted(0..3_300));
    assert!(bob.gaps(chat).await.is_empty());
    assert_eq!(bob.view(chat).await.unread, 3_300);
}

#[tokio::test]
async fn what_went_past_the_retention_is_a_gap_here_and_told_there() {
    let mut world = World::new().await;
    let (alice, mut bob, chat) = pair_by_relay(&world).await;
    alice.say(chat, "before").await;
    bob.shows(chat, &["before"]).await;
    bob.kill().await;
    let keys = alice.say_all(chat, &counted(0..10)).await;
    alice.came(chat, keys[9], Delivery::Sent).await;
    let mut ear = alice.listen();
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    world.configure = |config| config.retention = Duration::from_secs(1);
    world.restart_relay().await;
    ear.hears_notice("expired").await;
    alice.failed(chat, keys[0]).await;
    bob.start().await;
    eventually("bob sees a gap", async || bob.gaps(chat).await.iter().any(|(_, why)| why == "retention")).await;
    // The sender still has the bytes: with its next message bob can say what is missing, and gets it.
    alice.say(chat, "after").await;
    let mut expected = vec!["before".to_owned()];
    expected.extend(counted(0..10));
    expected.push("after".to_owned());
    bob.shows_all(chat, &expected).await;
    alice.came(chat, keys[0], Delivery::Delivered).await;
    let gaps: Vec<String> = bob.gaps(chat).await.into_iter().map(|(_, why)| why).collect();
    assert_eq!(gaps, ["retention"], "that something was late stays to be seen; nothing is lost");
}

#[tokio::test]
async fn a_run_from_within_a_stretch_that_is_gone_is_seen_to_be_missing() {
    let mut world = World::new().await;
    let (alice, mut bob) = (world.sign_up("alice").await, world.sign_up("bob").await);
    let (dave, eve) = (world.sign_up("dave").await, world.sign_up("eve").await);
    let mut carol = Raw::sign_up(&world, "carol").await;
    let group = vec!["bob".to_owned(), "carol".to_owned()];
    let chat = alice.on(|engine| async move { engine.new_group("Tea", group).await }).await.unwrap();
    carol.joins(chat).await;
    bob.has_chat(chat).await;
    bob.online().await;
    bob.kill().await;
    alice.engine().add_member(chat, "dave").await.unwrap();
    dave.has_chat(chat).await;
    let within = async || alice.view(chat).await.member_count == 4;
    eventually("alice knows", within).await;
    let membership = alice.membership(chat);
    alice.engine().add_member(chat, "eve").await.unwrap();
    eve.has_chat(chat).await;
    let last = alice.say_all(chat, &counted(0..3)).await[2];
    alice.came(chat, last, Delivery::Sent).await;
    let mut ear = alice.listen();
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    world.configure = |config| config.retention = Duration::from_secs(1);
    world.restart_relay().await;
    ear.hears_notice("expired").await;
    bob.start().await;
    let lost = async || bob.gaps(chat).await.into_iter().filter(|(_, why)| why == "retention").count();
    eventually("bob sees a gap", async || lost().await == 1).await;
    // Carol had yet to hear of eve when she wrote: bob was among those she wrote to, and cannot know it any more.
    carol.reconnect().await;
    for words in ["to four", "of us"] {
        let message = carol.next(membership, text(words));
        carol.append(chat, &message).await;
        carol.answer(message.id).await.unwrap();
    }
    eventually("bob sees another", async || lost().await == 2).await;
    let end = alice.say(chat, "the end").await;
    eventually("bob has what came after", async || bob.engine().message(chat, end).await.is_ok()).await;
    assert_eq!(lost().await, 2, "it is said once for a run");
}

#[tokio::test]
async fn what_the_operator_finds_too_large_fails_and_leaves_no_gap() {
    let mut world = World::new().await;
    let (alice, bob, chat) = pair_by_relay(&world).await;
    world.configure = |config| config.payload_bytes = Bytes(2_048);
    world.restart_relay().await;
    let long = alice.say(chat, &"long ".repeat(1_000)).await;
    let after = alice.say(chat, "after").await;
    alice.failed(chat, long).await;
    bob.shows(chat, &["after"]).await;
    alice.came(chat, after, Delivery::Delivered).await;
    assert!(bob.gaps(chat).await.is_empty());
    // Once the operator thinks better of it, it goes out after all.
    world.configure = |_| {};
    world.restart_relay().await;
    alice.online().await;
    alice.engine().retry(chat, long).await.unwrap();
    let both = async || bob.texts(chat).await.len() == 2 && alice.texts(chat).await.len() == 2;
    eventually("bob has it after what was said since", both).await;
    let last = alice.lines(chat).await.pop().unwrap();
    assert!(last.text.starts_with("long"));
    alice.came(chat, last.key, Delivery::Delivered).await;
    assert!(bob.gaps(chat).await.is_empty());
}

#[tokio::test]
async fn a_disk_that_fills_in_the_middle_of_a_batch_loses_nothing_and_doubles_nothing() {
    let world = World::new().await;
    let (alice, bob, chat) = pair_by_relay(&world).await;
    alice.say(chat, "before").await;
    bob.shows(chat, &["before"]).await;
    let mut ear = bob.listen();
    bob.engine().fill_disk(true).await.unwrap();
    // There is room for a few of them in pages that are there already.
    let words: Vec<String> = (0..120).map(|n| format!("{n} {}", "words ".repeat(300))).collect();
    let keys = alice.say_all(chat, &words).await;
    ear.hears_notice("disk_full").await;
    assert_ne!(alice.delivery(chat, keys[119]).await, Delivery::Delivered, "nothing is marked that is not on the disk");
    eventually("there is room again", async || bob.engine().fill_disk(false).await.is_ok()).await;
    let mut expected = vec!["before".to_owned()];
    expected.extend(words);
    bob.shows_all(chat, &expected).await;
    for key in keys {
        alice.came(chat, key, Delivery::Delivered).await;
    }
    assert!(bob.gaps(chat).await.is_empty());
}

#[tokio::test]
async fn a_clock_a_year_ahead_and_back_does_not_tear_the_order_apart() {
    let world = World::new().await;
    let (mut alice, bob, chat) = pair_by_relay(&world).await;
    alice.say(chat, "now").await;
    bob.shows(chat, &["now"]).await;
    alice.set_skew(365 * 24 * 3_600_000);
    alice.say(chat, "next year").await;
    bob.shows(chat, &["now", "next year"]).await;
    bob.say(chat, "really?").await;
    alice.shows(chat, &["now", "next year", "really?"]).await;
    alice.set_skew(-3_600_000);
    alice.restart().await;
    alice.say(chat, "no").await;
    let expected = ["now", "next year", "really?", "no"];
    bob.shows(chat, &expected).await;
    alice.shows(chat, &expected).await;
    let lines = bob.lines(chat).await;
    let last = lines.last().unwrap();
    assert!(
        last.sent_at < bob.line(chat, lines[lines.len() - 2].key).await.sent_at,
        "the time shown is the sender's own"
    );
}

#[tokio::test]
async fn a_profile_that_cannot_be_written_for_a_while_loses_nothing() {
    let world = World::new().await;
    let (alice, bob, chat) = pair_by_relay(&world).await;
    alice.say(chat, "before").await;
    bob.shows(chat, &["before"]).await;
    let mut ear = bob.listen();
    let lock = bob.database();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    let keys = alice.say_all(chat, &counted(0..20)).await;
    ear.hears_notice("storage").await;
    assert_ne!(alice.delivery(chat, keys[0]).await, Delivery::Delivered, "nothing is marked that is not on the disk");
    lock.execute_batch("ROLLBACK").unwrap();
    let mut expected = vec!["before".to_owned()];
    expected.extend(counted(0..20));
    bob.shows_all(chat, &expected).await;
    alice.came(chat, keys[19], Delivery::Delivered).await;
}

#[tokio::test]
async fn what_a_full_disk_does_not_take_was_not_said_and_can_be_said_again() {
    let world = World::new().await;
    let (alice, bob, chat) = pair_by_relay(&world).await;
    alice.engine().fill_disk(true).await.unwrap();
    let long = || Outgoing { text: "much to say ".repeat(2_000), ..Outgoing::default() };
    let mut refused = None;
    // The file may have some room of its own.
    for _ in 0..50 {
        refused = alice.engine().send(chat, long()).await.err();
        if refused.is_some() {
            break;
        }
    }
    assert!(matches!(refused, Some(EngineError::DiskFull)), "{refused:?}");
    eventually("there is room", async || alice.engine().fill_disk(false).await.is_ok()).await;
    let said = alice.texts(chat).await.len();
    let key = alice.engine().send(chat, long()).await.unwrap();
    alice.came(chat, key, Delivery::Delivered).await;
    assert_eq!(bob.texts(chat).await.len(), said + 1);
}
