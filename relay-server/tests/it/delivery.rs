//! Appends, catch-up, cursors and trimming.

use std::time::Duration;

use parley_protocol::frames::{
    Content, Cursor, GoneReason, InboxItem, LogStart, LogView, Opening, Payload, RelayFrame,
};
use parley_protocol::http::{AddMember, PatchChat, RestoreChat, RestoredChange};
use parley_protocol::{
    Body, ChatChange, ChatId, ChatKind, ClientFrame, Code, DeviceId, EntryId, EventId, LifeId, LogId, MessageId,
    MessageKey, Role,
};
use relay_server::chats::{self, Stretch};
use relay_server::limits::Limits;

use crate::support::{Client, TestRelay, limits, open, sealed, until};

#[tokio::test(flavor = "multi_thread")]
async fn bob_gets_what_alice_sent_while_he_was_away_and_then_what_she_sends_now() {
    let relay = TestRelay::start();
    let (alice, bob) = (relay.person("alice").await, relay.person("bob").await);
    let chat = relay.chat(&alice, ChatKind::Direct, true, &[&bob]).await.id;
    let mut alice = relay.open(&alice.profile).await;
    for n in 0..600 {
        alice.append(chat, sealed(&n.to_string())).await;
    }
    let mut bob = relay.open(&bob.profile).await;
    assert_eq!(bob.log(chat).start, LogStart::Started);
    assert_eq!(bob.log(chat).position.seq, 1);
    assert_eq!(bob.log(chat).chat.as_ref().unwrap().members.len(), 2);
    let mut last = None;
    for n in 600..700 {
        last = Some(alice.append(chat, sealed(&n.to_string())).await);
    }
    alice.outcome(last.unwrap()).await.unwrap();
    for n in 0..700 {
        let entry = bob.entry(chat).await;
        assert_eq!((entry.seq, entry.from), (n + 2, alice.who));
        assert_eq!(entry.content, Content::Payload(sealed(&n.to_string())));
    }
    // She follows her own entries too.
    assert_eq!(alice.text(chat).await, "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_reader_catches_up_beside_a_live_flow_without_a_gap_and_is_not_cut_off() {
    const OLD: u64 = 4_000;
    const NEW: u64 = 2_000;
    let relay = TestRelay::with(Limits { session_queue: 8, session_queue_bytes: 4_096, ..limits() });
    let (alice, bob) = (relay.person("alice").await, relay.person("bob").await);
    let chat = relay.chat(&alice, ChatKind::Group, true, &[&bob]).await.id;
    let mut sender = relay.open(&alice.profile).await;
    for n in 0..OLD {
        sender.append(chat, sealed(&n.to_string())).await;
        if n % 200 == 0 {
            sender.entry(chat).await;
        }
    }
    let mut bob = relay.dial_with(&bob.profile, 256).await;
    let flow = tokio::spawn(async move {
        for n in OLD..OLD + NEW {
            sender.say(chat, &n.to_string()).await;
        }
    });
    for n in 0..OLD + NEW {
        let entry = bob.entry(chat).await;
        assert_eq!(entry.seq, n + 2);
        assert_eq!(entry.content, Content::Payload(sealed(&n.to_string())));
        if n % 500 == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    flow.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_at_a_kilobyte_a_second_is_not_cut_off_in_a_catch_up_of_a_hundred_thousand() {
    const OLD: u64 = 100_000;
    const NEW: u64 = 300;
    let relay = TestRelay::with(Limits { chat_entries: 2 * OLD, ..limits() });
    let (alice, bob) = (relay.person("alice").await, relay.person("bob").await);
    let chat = relay.chat(&alice, ChatKind::Direct, true, &[&bob]).await.id;
    let from = alice.profile.who;
    for first in (0..OLD).step_by(5_000) {
        let many = move |batch: &mut relay_server::store::Batch<'_>| {
            for n in first..first + 5_000 {
                batch.append(from, chat, MessageId::new(), sealed(&n.to_string()))?;
            }
            Ok(())
        };
        relay.relay.store().write(many).await.unwrap();
    }
    let mut bob = relay.dial_with(&bob.profile, 1_024).await;
    let last = move |batch: &mut relay_server::store::Batch<'_>| {
        let end = batch.append(from, chat, MessageId::new(), sealed(&OLD.to_string()))?;
        Ok(Cursor { seq: end.seq, entry: end.entry })
    };
    let head = relay.relay.store().write(last).await.unwrap();
    let mut sender = relay.open(&alice.profile.at(chat, head)).await;
    let flow = tokio::spawn(async move {
        for n in OLD + 1..OLD + NEW {
            sender.say(chat, &n.to_string()).await;
        }
    });
    for n in 0..OLD + NEW {
        let entry = bob.entry(chat).await;
        assert_eq!(entry.seq, n + 2);
        assert_eq!(entry.content, Content::Payload(sealed(&n.to_string())));
        if n < 12 {
            // An entry has some 350 bytes.
            tokio::time::sleep(Duration::from_millis(350)).await;
        }
    }
    flow.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_append_twice_is_one_entry_and_other_bytes_are_a_conflict() {
    let relay = TestRelay::start();
    let (alice, bob) = (relay.person("alice").await, relay.person("bob").await);
    let chat = relay.chat(&alice, ChatKind::Direct, true, &[&bob]).await.id;
    let mut alice = relay.open(&alice.profile).await;
    let id = alice.append(chat, sealed("hi")).await;
    let first = alice.outcome(id).await.unwrap();
    alice.append_as(chat, id, sealed("hi")).await;
    assert_eq!(alice.outcome(id).await.unwrap(), first);
    alice.append_as(chat, id, sealed("ho")).await;
    assert_eq!(alice.outcome(id).await.unwrap_err().code, Code::IdConflict);
    // Another device may draw the same id.
    let mut bob = relay.open(&bob.profile).await;
    bob.append_as(chat, id, sealed("ho")).await;
    assert_eq!(bob.outcome(id).await.unwrap().seq, first.seq + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_read_before_anybody_was_told_of_a_removal_ends_there_too() {
    const OLD: usize = 200;
    for sealed_chat in [true, false] {
        let relay = TestRelay::with(Limits { page_entries: 16, ..limits() });
        let (alice, bob) = (relay.person("alice").await, relay.person("bob").await);
        let chat = relay.chat(&alice, ChatKind::Group, sealed_chat, &[&bob]).await.id;
        let payload = |text: &str| if sealed_chat { sealed(text) } else { open(text) };
        let mut a = relay.open(&alice.profile).await;
        let begins = relay.open(&bob.profile).await.log(chat).position;
        for n in 0..OLD {
            let id = a.append(chat, payload(&n.to_string())).await;
            a.outcome(id).await.unwrap();
        }
        // Bob's session has begun to read, and waits for its socket.
        let mut b = relay.dial_with(&bob.profile.at(chat, begins), 256).await;
        assert_eq!(b.text(chat).await, "0");
        // Whatever is committed from here on is told to nobody yet.
        let (told, wait) = std::sync::mpsc::channel::<()>();
        let hold = move |batch: &mut relay_server::store::Batch<'_>| {
            batch.after_commit(move |_| {
                let _ = wait.recv();
            });
            Ok(())
        };
        relay.relay.store().write(hold).await.unwrap();
        chats::remove_member(&relay.relay, alice.profile.who, chat, bob.account).await.unwrap();
        let secret = a.append(chat, payload("without him")).await;
        a.outcome(secret).await.unwrap();
        for n in 1..OLD {
            assert_eq!(b.text(chat).await, n.to_string());
        }
        let last = b.entry(chat).await;
        assert_eq!(last.content, Content::Change(ChatChange::MemberRemoved { account: bob.account }));
        drop(told);
        let frame = b.wait(|frame| matches!(frame, RelayFrame::Gone(_) | RelayFrame::Entry(_)).then(|| frame.clone()));
        assert!(matches!(frame.await, RelayFrame::Gone(gone) if gone.reason == GoneReason::NotMember));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_member_gets_everything_up_to_the_removal_and_nothing_after() {
    let relay = TestRelay::start();
    let (alice, bob, carol) = (relay.person("alice").await, relay.person("bob").await, relay.person("carol").await);
    let chat = relay.chat(&alice, ChatKind::Group, true, &[&bob, &carol]).await.id;
    let mut a = relay.open(&alice.profile).await;
    let mut c = relay.open(&carol.profile).await;
    a.say(chat, "before").await;
    chats::remove_member(&relay.relay, alice.profile.who, chat, bob.account).await.unwrap();
    chats::remove_member(&relay.relay, alice.profile.who, chat, carol.account).await.unwrap();
    a.say(chat, "after").await;

    // Carol is there, Bob comes later; both see their own end.
    assert_eq!(c.text(chat).await, "before");
    let removed = c.entry(chat).await;
    assert_eq!(removed.content, Content::Change(ChatChange::MemberRemoved { account: bob.account }));
    let removed = c.entry(chat).await;
    assert_eq!(removed.content, Content::Change(ChatChange::MemberRemoved { account: carol.account }));
    let gone = c.wait(|frame| if let RelayFrame::Gone(gone) = frame { Some(*gone) } else { None }).await;
    assert_eq!((gone.chat, gone.reason), (chat, GoneReason::NotMember));
    let late = c.append(chat, sealed("late")).await;
    assert_eq!(c.outcome(late).await.unwrap_err().code, Code::NotMember);

    let mut b = relay.open(&bob.profile).await;
    assert_eq!(b.text(chat).await, "before");
    let last = b.entry(chat).await;
    assert_eq!(last.content, Content::Change(ChatChange::MemberRemoved { account: bob.account }));
    b.wait(|frame| matches!(frame, RelayFrame::Gone(gone) if gone.chat == chat).then_some(())).await;
    b.ack(chat, last.seq).await;
    drop(b);
    let here = Cursor { seq: last.seq, entry: last.entry };
    let b = relay.open(&bob.profile.at(chat, here)).await;
    assert_eq!(b.gone.iter().map(|gone| gone.reason).collect::<Vec<_>>(), [GoneReason::NotMember]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_append_of_a_removed_member_loses_the_race_cleanly() {
    let relay = TestRelay::start();
    let (alice, bob) = (relay.person("alice").await, relay.person("bob").await);
    let chat = relay.chat(&alice, ChatKind::Group, true, &[&bob]).await.id;
    let mut a = relay.open(&alice.profile).await;
    let mut b = relay.open(&bob.profile).await;
    let mut sent = Vec::new();
    for n in 0..50 {
        sent.push(b.append(chat, sealed(&n.to_string())).await);
        if n == 25 {
            chats::remove_member(&relay.relay, alice.profile.who, chat, bob.account).await.unwrap();
        }
    }
    let mut accepted = 0;
    let mut refused = false;
    for id in sent {
        match b.outcome(id).await {
            Ok(_) => {
                assert!(!refused, "nothing is taken after the removal");
                accepted += 1;
            }
            Err(error) => {
                assert_eq!(error.code, Code::NotMember);
                refused = true;
            }
        }
    }
    for n in 0..accepted {
        assert_eq!(a.text(chat).await, n.to_string());
    }
    let end = a.entry(chat).await;
    assert_eq!(end.content, Content::Change(ChatChange::MemberRemoved { account: bob.account }));
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_brought_back_before_he_took_the_end_gets_both_stays() {
    let relay = TestRelay::start();
    let (alice, bob) = (relay.person("alice").await, relay.person("bob").await);
    let chat = relay.chat(&alice, ChatKind::Group, true, &[&bob]).await.id;
    let mut a = relay.open(&alice.profile).await;
    a.say(chat, "first stay").await;
    let by = alice.profile.who;
    chats::remove_member(&relay.relay, by, chat, bob.account).await.unwrap();
    a.say(chat, "not for bob").await;
    let AddMember { member } = AddMember { member: "bob".into() };
    chats::add_member(&relay.relay, by, chat, member).await.unwrap();
    a.say(chat, "second stay").await;
    let mut b = relay.open(&bob.profile).await;
    assert_eq!(b.text(chat).await, "first stay");
    let end = b.entry(chat).await;
    assert_eq!(end.content, Content::Change(ChatChange::MemberRemoved { account: bob.account }));
    drop(b);
    let mut b = relay.open(&bob.profile.at(chat, Cursor { seq: end.seq, entry: end.entry })).await;
    assert_eq!(b.log(chat).start, LogStart::Started);
    assert_eq!(b.text(chat).await, "second stay");
}

/// The second stay of somebody who was away while he was taken out and brought back.
async fn second_stay(b: &mut Client, chat: ChatId) -> LogView {
    let view = b.wait(|frame| match frame {
        RelayFrame::Log(view) if view.log == chat.into() => Some(view.clone()),
        _ => None,
    });
    let view = view.await;
    assert_eq!(view.start, LogStart::Started);
    assert!(view.chat.as_ref().is_some_and(|chat| chat.members.contains_key(&b.who.account)));
    view
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_brought_back_while_he_was_away_goes_on_with_the_second_stay_in_the_same_session() {
    let relay = TestRelay::start();
    let (alice, bob) = (relay.person("alice").await, relay.person("bob").await);
    let chat = relay.chat(&alice, ChatKind::Group, true, &[&bob]).await.id;
    let by = alice.profile.who;
    let mut a = relay.open(&alice.profile).await;
    let first = a.say(chat, "first stay").await;
    chats::remove_member(&relay.relay, by, chat, bob.account).await.unwrap();
    a.say(chat, "not for bob").await;
    chats::add_member(&relay.relay, by, chat, "bob".into()).await.unwrap();
    let last = a.say(chat, "second stay").await;
    while a.entry(chat).await.seq < last.seq {}
    a.ack(chat, last.seq).await;

    let mut b = relay.open(&bob.profile.at(chat, first)).await;
    let end = b.entry(chat).await;
    assert_eq!(end.content, Content::Change(ChatChange::MemberRemoved { account: bob.account }));
    assert_eq!(second_stay(&mut b, chat).await.position.seq, last.seq - 1);
    let message = b.entry(chat).await;
    assert_eq!((message.seq, message.content), (last.seq, Content::Payload(sealed("second stay"))));
    let id = b.append(chat, sealed("thank you")).await;
    b.outcome(id).await.unwrap();
    b.ack(chat, last.seq).await;
    until(|| async { cursors(&relay, bob.profile.who.device).await == 1 }).await;
    until(|| async { relay.held(chat.into()).await == 2 }).await;
    drop(b);
    let b = relay.open(&bob.profile.at(chat, last)).await;
    assert_eq!(b.log(chat).start, LogStart::Resumed);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ack_of_the_end_of_a_stay_counts_though_the_chat_is_gone() {
    let relay = TestRelay::start();
    let (alice, bob) = (relay.person("alice").await, relay.person("bob").await);
    let chat = relay.chat(&alice, ChatKind::Group, true, &[&bob]).await.id;
    let by = alice.profile.who;
    let device = bob.profile.who.device;
    chats::remove_member(&relay.relay, by, chat, bob.account).await.unwrap();
    let mut b = relay.open(&bob.profile).await;
    let end = b.entry(chat).await;
    b.wait(|frame| matches!(frame, RelayFrame::Gone(gone) if gone.chat == chat).then_some(())).await;
    assert_eq!(cursors(&relay, device).await, 1);
    b.ack(chat, end.seq).await;
    until(|| async { cursors(&relay, device).await == 0 }).await;
    drop(b);
    let b = relay.open(&bob.profile).await;
    assert!(b.gone.is_empty() && b.logs.iter().all(|view| view.log != chat.into()), "it is told once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_at_the_end_of_a_stay_counts_as_its_ack() {
    let relay = TestRelay::start();
    let (alice, bob) = (relay.person("alice").await, relay.person("bob").await);
    let chat = relay.chat(&alice, ChatKind::Group, true, &[&bob]).await.id;
    let device = bob.profile.who.device;
    chats::remove_member(&relay.relay, alice.profile.who, chat, bob.account).await.unwrap();
    let mut b = relay.open(&bob.profile).await;
    let end = b.entry(chat).await;
    drop(b);
    // A position of another log, from before a restore, says nothing about this one.
    drop(relay.open(&bob.profile.at(chat, Cursor { seq: end.seq, entry: EntryId::new() })).await);
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(cursors(&relay, device).await, 1);
    let b = relay.open(&bob.profile.at(chat, Cursor { seq: end.seq, entry: end.entry })).await;
    assert_eq!(b.gone.len(), 1);
    until(|| async { cursors(&relay, device).await == 0 }).await;
}

/// How many cursors the relay holds for a device.
async fn cursors(relay: &TestRelay, device: DeviceId) -> u64 {
    let read = move |sql: &rusqlite::Connection| {
        let count = "SELECT COUNT(*) FROM cursors WHERE device = ?1";
        Ok(sql.query_row(count, [device.as_bytes()], |row| row.get(0))?)
    };
    relay.relay.store().read(read).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sealed_log_is_trimmed_behind_the_slowest_cursor_and_keeps_the_entry_at_it() {
    let relay = TestRelay::start();
    let (alice, bob) = (relay.person("alice").await, relay.person("bob").await);
    let chat = relay.chat(&alice, ChatKind::Direct, true, &[&bob]).await.id;
    let mut a = relay.open(&alice.profile).await;
    let mut b = relay.open(&bob.profile).await;
    for n in 0..10 {
        a.say(chat, &n.to_string()).await;
    }
    let mut last = Cursor::default();
    for _ in 0..10 {
        let entry = b.entry(chat).await;
        last = Cursor { seq: entry.seq, entry: entry.entry };
        a.entry(chat).await;
    }
    a.ack(chat, 11).await;
    b.ack(chat, 6).await;
    let log = LogId::from(chat);
    until(|| async { relay.held(log).await == 6 }).await;
    // An ack beyond what was handed over is cut to it.
    b.ack(chat, 1_000_000).await;
    until(|| async { relay.held(log).await == 1 }).await;
    assert_eq!(last.seq, 11);
    drop(b);
    let b = relay.open(&bob.profile.at(chat, last)).await;
    assert_eq!(b.log(chat).start, LogStart::Resumed);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_expires_is_told_to_the_sender_and_shown_to_the_receiver_as_a_gap() {
    let relay = TestRelay::with(Limits { retention: Duration::from_millis(1), ..limits() });
    let (alice, bob) = (relay.person("alice").await, relay.person("bob").await);
    let chat = relay.chat(&alice, ChatKind::Direct, true, &[&bob]).await.id;
    let mut a = relay.open(&alice.profile).await;
    let id = a.append(chat, sealed("lost")).await;
    a.outcome(id).await.unwrap();
    let kept = a.say(chat, "the entry at the cursor").await;
    a.entry(chat).await;
    a.entry(chat).await;
    a.ack(chat, kept.seq).await;
    let log = LogId::from(chat);
    until(|| async {
        relay.relay.expire().await.unwrap();
        relay.held(log).await == 1
    })
    .await;
    let item = a.entry(alice.profile.who.device).await;
    let Content::Item(InboxItem::Expired { messages, .. }) = item.content else { panic!("{item:?}") };
    assert_eq!(messages, [id]);
    let b = relay.open(&bob.profile).await;
    let view = b.log(chat);
    assert_eq!(view.start, LogStart::Trimmed);
    assert_eq!(view.trimmed.map(|gap| (gap.from, gap.to)), Some((2, 2)));
    assert!(view.chat.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_restore_the_cursor_does_not_fit_and_the_log_starts_again() {
    let relay = TestRelay::start();
    let (alice, bob, carol) = (relay.person("alice").await, relay.person("bob").await, relay.person("carol").await);
    let chat = relay.chat(&alice, ChatKind::Group, true, &[&bob]).await.id;
    let mut a = relay.open(&alice.profile).await;
    a.say(chat, "kept").await;
    let copy = relay.back_up().await;
    let lost = a.append(chat, sealed("lost")).await;
    let at_lost = a.outcome(lost).await.unwrap();
    let by = alice.profile.who;
    chats::add_member(&relay.relay, by, chat, "carol".into()).await.unwrap();
    a.text(chat).await;
    a.text(chat).await;
    let added = a.entry(chat).await;
    let newer = relay.chat(&alice, ChatKind::Group, true, &[&bob]).await.id;
    let created = relay
        .relay
        .store()
        .read(move |sql| {
            let row = "SELECT event, change FROM changes WHERE chat = ?1";
            Ok(sql.query_row(row, [newer.as_bytes()], |row| {
                Ok((relay_server::store::id::<EventId>(row, 0)?, row.get::<_, String>(1)?))
            })?)
        })
        .await
        .unwrap();
    drop(a);

    let relay = relay.restore(copy).await;
    let mut b = relay.open(&bob.profile).await;
    let other = b.say(chat, "bob went on").await;
    assert_eq!(other.seq, at_lost.seq);
    let profile = alice.profile.at(chat, at_lost).at(newer, Cursor { seq: 1, entry: EntryId::new() });
    let mut a = relay.open(&profile).await;
    assert_eq!(a.log(chat).start, LogStart::Reset);
    assert_eq!(a.log(chat).position, Cursor::default());
    assert!(a.log(chat).chat.is_none(), "the first entry says what the chat is");
    assert_eq!(a.gone.iter().map(|gone| (gone.chat, gone.reason)).collect::<Vec<_>>(), [(newer, GoneReason::Unknown)]);
    assert!(matches!(a.entry(chat).await.content, Content::Change(ChatChange::Created { .. })));
    assert_eq!(a.text(chat).await, "kept");
    assert_eq!(a.text(chat).await, "bob went on");

    // First the membership she had seen, then her own message, under the old ids.
    let Content::Change(change) = added.content else { panic!("{added:?}") };
    let event = EventId(added.id);
    let form = || RestoreChat { changes: vec![RestoredChange { id: event, change: change.clone() }] };
    let mallory = chats::restore(&relay.relay, bob.profile.who, chat, form()).await.unwrap();
    assert!(mallory.taken.is_empty(), "bob is no admin");
    assert_eq!(chats::restore(&relay.relay, by, chat, form()).await.unwrap().taken, [event]);
    assert_eq!(chats::restore(&relay.relay, by, chat, form()).await.unwrap().taken, [event], "once");
    a.append_as(chat, lost, sealed("lost")).await;
    a.outcome(lost).await.unwrap();
    let mut c = relay.open(&carol.profile).await;
    assert_eq!(c.text(chat).await, "lost");

    // And the chat which the relay has never heard of.
    let change: ChatChange = serde_json::from_str(&created.1).unwrap();
    let form = RestoreChat { changes: vec![RestoredChange { id: created.0, change }] };
    chats::restore(&relay.relay, by, newer, form).await.unwrap();
    let again = a.wait(|frame| match frame {
        RelayFrame::Log(view) if view.log == LogId::from(newer) => Some(view.start),
        _ => None,
    });
    assert_eq!(again.await, LogStart::Started);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_quota_nothing_overtakes_until_the_client_resumes() {
    let relay = TestRelay::with(Limits { chat_entries: 4, ..limits() });
    let (alice, bob) = (relay.person("alice").await, relay.person("bob").await);
    let chat = relay.chat(&alice, ChatKind::Direct, true, &[&bob]).await.id;
    let mut a = relay.open(&alice.profile).await;
    let mut b = relay.open(&bob.profile).await;
    for n in 0..3 {
        a.say(chat, &n.to_string()).await;
    }
    let third = a.append(chat, sealed("3")).await;
    let error = a.outcome(third).await.unwrap_err();
    assert_eq!(error.code, Code::QuotaExceeded);
    assert!(error.message.contains("chat_entries") && error.message.contains('4'), "{error}");
    assert!(error.message.contains("alice") || error.message.contains("bob"), "{error}");

    // The quota lifts; what was behind the refused one must not go first.
    for _ in 0..3 {
        a.entry(chat).await;
        b.entry(chat).await;
    }
    a.ack(chat, 4).await;
    b.ack(chat, 4).await;
    until(|| async { relay.held(chat.into()).await == 1 }).await;
    let fourth = a.append(chat, sealed("4")).await;
    assert_eq!(a.outcome(fourth).await.unwrap_err().code, Code::ResumeFirst);
    a.send(&ClientFrame::Resume { chat }).await;
    for (id, text) in [(third, "3"), (fourth, "4")] {
        a.append_as(chat, id, sealed(text)).await;
        a.outcome(id).await.unwrap();
    }
    assert_eq!((b.text(chat).await, b.text(chat).await), ("3".into(), "4".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_session_of_a_device_takes_over() {
    let relay = TestRelay::start();
    let alice = relay.person("alice").await;
    let mut old = relay.open(&alice.profile).await;
    let mut new = relay.open(&alice.profile).await;
    assert_eq!(old.bye().await.0, Code::Replaced);
    assert!(old.receive().await.is_none());
    let chat = relay.chat(&alice, ChatKind::Group, true, &[]).await.id;
    new.wait(|frame| matches!(frame, RelayFrame::Log(view) if view.log == chat.into()).then_some(())).await;
    new.say(chat, "still here").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_copy_of_a_profile_is_told_so() {
    let relay = TestRelay::start();
    let alice = relay.person("alice").await;
    let first = alice.profile.clone();
    drop(relay.open(&first).await);
    let mut second = first.clone();
    second.opening = Opening { count: 2, life: LifeId::new() };
    second.succeeds = Some(first.opening);
    drop(relay.open(&second).await);
    // A welcome that was lost: the next opening succeeds either of the two.
    let mut copy = first.clone();
    copy.opening = Opening { count: 2, life: LifeId::new() };
    copy.succeeds = Some(first.opening);
    let (code, known) = relay.dial(&copy).await.bye().await;
    assert_eq!((code, known), (Code::OldCopy, Some(second.opening)));
    drop(relay.open(&second).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_chat_is_told_by_the_inbox_and_its_id_is_never_used_again() {
    let relay = TestRelay::start();
    let (alice, bob) = (relay.person("alice").await, relay.person("bob").await);
    let chat = relay.chat(&alice, ChatKind::Group, true, &[&bob]).await.id;
    let mut a = relay.open(&alice.profile).await;
    let at = a.say(chat, "hi").await;
    chats::delete(&relay.relay, alice.profile.who, chat).await.unwrap();
    let gone = a.wait(|frame| if let RelayFrame::Gone(gone) = frame { Some(*gone) } else { None }).await;
    assert_eq!((gone.chat, gone.reason), (chat, GoneReason::Deleted));
    let late = a.append(chat, sealed("late")).await;
    assert_eq!(a.outcome(late).await.unwrap_err().code, Code::Gone);
    let mut b = relay.open(&bob.profile.at(chat, at)).await;
    assert_eq!(b.gone[0].reason, GoneReason::Deleted);
    let item = b.entry(bob.profile.who.device).await;
    assert_eq!(item.content, Content::Item(InboxItem::ChatDeleted { chat }));
    let form = parley_protocol::http::CreateChat {
        id: Some(chat),
        kind: ChatKind::Group,
        title: Some("Tea".into()),
        description: None,
        members: vec![],
        sealed: true,
    };
    assert_eq!(chats::create(&relay.relay, alice.profile.who, form).await.unwrap_err().code, Code::Gone);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pair_has_one_sealed_and_one_open_direct_chat() {
    let relay = TestRelay::start();
    let (alice, bob) = (relay.person("alice").await, relay.person("bob").await);
    let one = relay.chat(&alice, ChatKind::Direct, true, &[&bob]).await;
    let same = relay.chat(&bob, ChatKind::Direct, true, &[&alice]).await;
    let open = relay.chat(&bob, ChatKind::Direct, false, &[&alice]).await;
    assert_eq!(one.id, same.id);
    assert_ne!(one.id, open.id);
    assert_eq!((same.role, same.peer.unwrap().username.as_str()), (Some(Role::Owner), "alice"));
    for left in [
        chats::leave(&relay.relay, alice.profile.who, one.id).await,
        chats::delete(&relay.relay, alice.profile.who, one.id).await,
    ] {
        assert_eq!(left.unwrap_err().code, Code::Forbidden);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_device_follows_from_where_it_was_added_and_a_revoked_one_holds_nothing() {
    let relay = TestRelay::start();
    let (alice, bob) = (relay.person("alice").await, relay.person("bob").await);
    let chat = relay.chat(&alice, ChatKind::Direct, true, &[&bob]).await.id;
    let mut a = relay.open(&alice.profile).await;
    a.say(chat, "before").await;
    let phone = relay.device(bob.account).await;
    a.say(chat, "after").await;
    let mut p = relay.open(&crate::support::Profile::new(bob.account, phone)).await;
    assert_eq!(p.log(chat).position.seq, 3);
    assert_eq!(p.text(chat).await, "after");
    let account = bob.account;
    relay.relay.store().write(move |batch| batch.device_removed(account, phone)).await.unwrap();
    assert_eq!(p.bye().await.0, Code::DeviceRevoked);
    assert_eq!(cursors(&relay, phone).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn history_of_an_open_chat_has_edits_deletes_and_reactions_folded_in() {
    let relay = TestRelay::start();
    let (alice, bob) = (relay.person("alice").await, relay.person("bob").await);
    let chat = relay.chat(&alice, ChatKind::PublicChannel, false, &[]).await.id;
    chats::join(&relay.relay, bob.profile.who, chat).await.unwrap();
    let mut a = relay.open(&alice.profile).await;
    let mut b = relay.open(&bob.profile).await;
    assert_eq!(a.log(chat).chat.as_ref().unwrap().members.len(), 1, "a channel tells of oneself alone");
    let one = a.append(chat, open("one")).await;
    let two = a.append(chat, open("two")).await;
    a.outcome(two).await.unwrap();
    let key = |id: MessageId| MessageKey { device: alice.profile.who.device, id };
    let react = |emoji: &str, on| Payload::Open(Body::React { target: key(two), emoji: emoji.into(), on });
    for payload in [react("👍", true), react("🎉", true), react("🎉", false)] {
        let id = b.append(chat, payload).await;
        b.outcome(id).await.unwrap();
    }
    let edit = Body::Edit { target: key(two), text: "zwei".into(), mentions: vec![] };
    let theirs = b.append(chat, Payload::Open(edit.clone())).await;
    assert_eq!(b.outcome(theirs).await.unwrap_err().code, Code::Forbidden);
    let own = a.append(chat, Payload::Open(edit)).await;
    a.outcome(own).await.unwrap();
    let delete = a.append(chat, Payload::Open(Body::Delete { target: key(one) })).await;
    a.outcome(delete).await.unwrap();
    a.append_as(chat, one, open("one")).await;
    a.outcome(one).await.expect("a retry of what was deleted since is no conflict");

    let all = chats::history(&relay.relay, bob.profile.who, chat, Stretch::default()).await.unwrap();
    let shown: Vec<_> = all.messages.iter().map(|m| (m.text.as_str(), m.deleted, m.edited_at.is_some())).collect();
    assert_eq!(shown, [("", true, false), ("zwei", false, true)]);
    let reactions = &all.messages[1].reactions;
    assert_eq!(reactions.iter().map(|r| (r.emoji.as_str(), r.accounts.len())).collect::<Vec<_>>(), [("👍", 1)]);
    let page = Stretch { before: Some(all.messages[1].seq), after: None, limit: Some(1) };
    let page = chats::history(&relay.relay, bob.profile.who, chat, page).await.unwrap();
    assert_eq!(page.messages.iter().map(|m| m.id).collect::<Vec<_>>(), [one]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_words_of_a_deleted_message_and_of_its_edits_reach_nobody_who_comes_late() {
    let relay = TestRelay::start();
    let (alice, bob) = (relay.person("alice").await, relay.person("bob").await);
    let chat = relay.chat(&alice, ChatKind::Group, false, &[&bob]).await.id;
    let mut a = relay.open(&alice.profile).await;
    let said = a.append(chat, open("one secret")).await;
    let other = a.append(chat, open("two")).await;
    let key = |id: MessageId| MessageKey { device: alice.profile.who.device, id };
    let edit = |id, text: &str| Payload::Open(Body::Edit { target: key(id), text: text.into(), mentions: vec![] });
    let edited = a.append(chat, edit(said, "another secret")).await;
    let kept = a.append(chat, edit(other, "zwei")).await;
    let deleted = a.append(chat, Payload::Open(Body::Delete { target: key(said) })).await;
    let late = a.append(chat, edit(said, "a late secret")).await;
    for id in [said, other, edited, kept, deleted, late] {
        a.outcome(id).await.unwrap();
    }
    // A retry of what was emptied since is no conflict.
    for (id, payload) in [(edited, edit(said, "another secret")), (late, edit(said, "a late secret"))] {
        a.append_as(chat, id, payload).await;
        a.outcome(id).await.unwrap();
    }
    a.append_as(chat, kept, edit(other, "drei")).await;
    assert_eq!(a.outcome(kept).await.unwrap_err().code, Code::IdConflict);

    let expected = [
        (said, Body::Empty),
        (other, Body::Text { text: "two".into(), reply_to: None, mentions: vec![] }),
        (edited, Body::Edit { target: key(said), text: String::new(), mentions: vec![] }),
        (kept, Body::Edit { target: key(other), text: "zwei".into(), mentions: vec![] }),
        (deleted, Body::Delete { target: key(said) }),
        (late, Body::Edit { target: key(said), text: String::new(), mentions: vec![] }),
    ];
    // First out of the newest entries in memory, as Alice follows still, then out of the log.
    let mut alice = Some(a);
    for _ in 0..2 {
        let mut b = relay.open(&bob.profile.at(chat, Cursor::default())).await;
        b.entry(chat).await;
        for (n, (id, body)) in (2..).zip(&expected) {
            let entry = b.entry(chat).await;
            assert_eq!((entry.seq, MessageId(entry.id)), (n, *id), "the entry stays where it was");
            assert_eq!(entry.content, Content::Payload(Payload::Open(body.clone())));
        }
        drop((alice.take(), b));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_message_is_for_sealed_chats_alone() {
    let relay = TestRelay::start();
    let alice = relay.person("alice").await;
    let chat = relay.chat(&alice, ChatKind::Group, false, &[]).await.id;
    let mut a = relay.open(&alice.profile).await;
    let id = a.append(chat, Payload::Open(Body::Empty)).await;
    let error = a.outcome(id).await.unwrap_err();
    assert_eq!(error.code, Code::BadRequest);
    assert!(error.message.contains("sealed"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_to_changes_of_a_chat_tell_its_head() {
    let relay = TestRelay::start();
    let (alice, bob) = (relay.person("alice").await, relay.person("bob").await);
    let chat = relay.chat(&alice, ChatKind::PublicChannel, false, &[]).await;
    assert_eq!(chat.head, 1);
    let form = PatchChat { title: Some("Coffee".into()), description: Some("Black".into()) };
    let renamed = chats::patch(&relay.relay, alice.profile.who, chat.id, form).await.unwrap();
    assert_eq!((renamed.head, renamed.title.as_str()), (3, "Coffee"));
    assert_eq!(chats::join(&relay.relay, bob.profile.who, chat.id).await.unwrap().head, 4);
    let carol = relay.person("carol").await;
    let form = parley_protocol::http::CreateInvite::default();
    let invite = chats::create_invite(&relay.relay, alice.profile.who, chat.id, form).await.unwrap();
    let joined = chats::join_by_invite(&relay.relay, carol.profile.who, invite.code).await.unwrap();
    assert_eq!(joined.head, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_one_to_go_deletes_the_chat_by_whichever_door() {
    let relay = TestRelay::start();
    let alice = relay.person("alice").await;
    let who = alice.profile.who;
    let one = relay.chat(&alice, ChatKind::Group, true, &[]).await.id;
    let other = relay.chat(&alice, ChatKind::Group, true, &[]).await.id;
    let removed = ChatChange::MemberRemoved { account: alice.account };
    let form = RestoreChat { changes: vec![RestoredChange { id: EventId::new(), change: removed }] };
    assert!(chats::restore(&relay.relay, who, one, form).await.unwrap().taken.is_empty(), "nor by a restore");
    chats::remove_member(&relay.relay, who, one, alice.account).await.unwrap();
    chats::leave(&relay.relay, who, other).await.unwrap();
    for chat in [one, other] {
        assert_eq!(chats::get(&relay.relay, who, chat).await.unwrap_err().code, Code::Gone);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn edits_from_before_they_named_their_message_are_found_and_emptied_too() {
    let relay = TestRelay::start();
    let alice = relay.person("alice").await;
    let chat = relay.chat(&alice, ChatKind::Group, false, &[]).await.id;
    let mut a = relay.open(&alice.profile).await;
    let key = |id: MessageId| MessageKey { device: alice.profile.who.device, id };
    let edit = |id, text: &str| Payload::Open(Body::Edit { target: key(id), text: text.into(), mentions: vec![] });
    let (one, two) = (a.append(chat, open("one")).await, a.append(chat, open("two")).await);
    let first = a.append(chat, edit(one, "eins")).await;
    let second = a.append(chat, edit(two, "zwei")).await;
    a.outcome(second).await.unwrap();
    drop(a);

    // As an older relay left it: the first message was deleted, its edit kept its words.
    let copy = relay.back_up().await;
    let old = rusqlite::Connection::open(&copy).unwrap();
    old.execute_batch(
        "DROP INDEX entries_target; ALTER TABLE entries DROP COLUMN target; DROP INDEX accounts_shown_skeleton; \
         ALTER TABLE accounts DROP COLUMN shown_skeleton; PRAGMA user_version = 3;
         UPDATE overlays SET text = '', deleted = 1 WHERE seq = 2",
    )
    .unwrap();
    drop(old);
    let relay = relay.restore(copy).await;
    let mut a = relay.open(&alice.profile.at(chat, Cursor::default())).await;
    let delete = a.append(chat, Payload::Open(Body::Delete { target: key(two) })).await;
    a.outcome(delete).await.unwrap();
    drop(a);
    let mut a = relay.open(&alice.profile.at(chat, Cursor::default())).await;
    while a.entry(chat).await.seq < 3 {}
    for (id, target) in [(first, one), (second, two)] {
        let entry = a.entry(chat).await;
        assert_eq!((MessageId(entry.id), entry.content), (id, Content::Payload(edit(target, ""))));
    }
}
