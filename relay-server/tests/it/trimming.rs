//! What goes: behind the cursors, past the retention, and what is refused past a quota.

use std::time::Duration;

use parley_protocol::frames::{Content, Cursor, InboxItem, LogStart, Payload};
use parley_protocol::{Body, ChatKind, ClientFrame, Code, LogId, MessageKey};
use relay_server::chats::{self, Stretch};
use relay_server::limits::Limits;

use crate::support::{TestRelay, cursors, limits, open, sealed, until};

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
async fn somebody_who_was_taken_out_and_never_comes_back_was_owed_only_what_came_before() {
    let relay = TestRelay::with(Limits { retention: Duration::from_millis(1), ..limits() });
    let (alice, bob, carol) = (relay.person("alice").await, relay.person("bob").await, relay.person("carol").await);
    let chat = relay.chat(&alice, ChatKind::Group, true, &[&bob, &carol]).await.id;
    let (log, inbox) = (LogId::from(chat), LogId::from(alice.profile.who.device));
    let mut a = relay.open(&alice.profile).await;
    let mut c = relay.open(&carol.profile).await;
    let owed = a.append(chat, sealed("before")).await;
    a.outcome(owed).await.unwrap();
    chats::remove_member(&relay.relay, alice.profile.who, chat, bob.account).await.unwrap();
    for _ in 0..3 {
        a.say(chat, "after").await;
        let last = a.say(chat, "and again").await;
        for member in [&mut a, &mut c] {
            while member.entry(chat).await.seq < last.seq {}
            member.ack(chat, last.seq).await;
        }
        until(|| async {
            relay.relay.expire().await.unwrap();
            relay.held(log).await == 1
        })
        .await;
        assert_eq!(relay.held(inbox).await, 1, "it is told once");
    }
    let item = a.entry(inbox).await;
    assert_eq!(item.content, Content::Item(InboxItem::Expired { chat, messages: vec![owed] }));
    assert_eq!(cursors(&relay, bob.profile.who.device).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_history_of_an_open_chat_goes_when_the_operator_wants_that_and_late_readers_are_told() {
    let relay = TestRelay::with(Limits { history_retention: Some(Duration::from_millis(1)), ..limits() });
    let (alice, bob) = (relay.person("alice").await, relay.person("bob").await);
    let chat = relay.chat(&alice, ChatKind::Group, false, &[&bob]).await.id;
    let mut a = relay.open(&alice.profile).await;
    let begins = relay.open(&bob.profile).await.log(chat).position;
    let first = a.append(chat, open("old")).await;
    let target = MessageKey { device: alice.profile.who.device, id: first };
    a.append(chat, Payload::Open(Body::React { target, emoji: "👍".into(), on: true })).await;
    a.append(chat, Payload::Open(Body::Edit { target, text: "older".into(), mentions: vec![] })).await;
    let last = a.append(chat, open("new")).await;
    let last = a.outcome(last).await.unwrap();
    until(|| async {
        relay.relay.expire().await.unwrap();
        relay.held(chat.into()).await == 1
    })
    .await;
    let history = chats::history(&relay.relay, bob.profile.who, chat, Stretch::default()).await.unwrap();
    assert_eq!(history.messages.iter().map(|message| message.text.as_str()).collect::<Vec<_>>(), ["new"]);
    let left = relay.relay.store().read(|sql| {
        let count = "SELECT (SELECT COUNT(*) FROM reactions) + (SELECT COUNT(*) FROM overlays)";
        Ok(sql.query_row(count, [], |row| row.get::<_, u64>(0))?)
    });
    assert_eq!(left.await.unwrap(), 0);
    let mut b = relay.open(&bob.profile.at(chat, begins)).await;
    assert_eq!(b.log(chat).start, LogStart::Trimmed);
    assert_eq!(b.log(chat).trimmed.map(|gap| (gap.from, gap.to)), Some((begins.seq + 1, last.seq - 1)));
    assert_eq!(b.text(chat).await, "new");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_chat_has_quotas_too_and_what_is_deleted_makes_room() {
    let relay = TestRelay::with(Limits { chat_bytes: 64 << 10, ..limits() });
    let (alice, bob) = (relay.person("alice").await, relay.person("bob").await);
    let chat = relay.chat(&alice, ChatKind::PrivateChannel, false, &[&bob]).await.id;
    let mut a = relay.open(&alice.profile).await;
    let text = "x".repeat(20 << 10);
    let mut said = Vec::new();
    let error = loop {
        let id = a.append(chat, open(&text)).await;
        match a.outcome(id).await {
            Ok(_) => said.push(id),
            Err(error) => break error,
        }
    };
    assert_eq!(error.code, Code::QuotaExceeded);
    assert!(error.message.contains("chat_bytes") && error.message.contains("65536"), "{error}");
    assert_eq!(said.len(), 4);

    // Taken though it comes past the quota; the next message finds the room.
    a.send(&ClientFrame::Resume { chat }).await;
    let target = MessageKey { device: alice.profile.who.device, id: said[0] };
    for taken in [true, false] {
        let delete = a.append(chat, Payload::Open(Body::Delete { target })).await;
        assert_eq!(a.outcome(delete).await.is_ok(), taken, "the second one deletes nothing");
        if taken {
            let next = a.append(chat, open(&text)).await;
            a.outcome(next).await.unwrap();
        }
    }
    let held = relay.relay.store().read(move |sql| {
        let rows = "SELECT l.held_bytes, (SELECT SUM(LENGTH(CAST(frame AS BLOB))) FROM entries WHERE log = l.id), \
             (SELECT bytes FROM held WHERE account = ?2), \
             (SELECT SUM(LENGTH(CAST(frame AS BLOB))) FROM entries WHERE log = l.id AND kind IN (1, 2)) \
             FROM logs l WHERE l.id = ?1";
        let row = |row: &rusqlite::Row<'_>| Ok([row.get::<_, u64>(0)?, row.get(1)?, row.get(2)?, row.get(3)?]);
        Ok(sql.query_row(rows, [chat.as_bytes(), alice.account.as_bytes()], row)?)
    });
    let [of_log, in_log, of_account, sent] = held.await.unwrap();
    assert_eq!((of_log, of_account), (in_log, sent), "what is counted is what is there");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_account_sends_is_bounded_across_sealed_and_open_chats() {
    let relay = TestRelay::with(Limits { account_bytes: 64 << 10, ..limits() });
    let (alice, bob) = (relay.person("alice").await, relay.person("bob").await);
    let direct = relay.chat(&alice, ChatKind::Direct, true, &[&bob]).await.id;
    let channel = relay.chat(&alice, ChatKind::PublicChannel, false, &[&bob]).await.id;
    let mut a = relay.open(&alice.profile).await;
    let text = "x".repeat(40 << 10);
    a.say(direct, &text).await;
    for (chat, payload, taken) in
        [(channel, open(&text), true), (channel, open("more"), false), (direct, sealed("more"), false)]
    {
        let id = a.append(chat, payload).await;
        match a.outcome(id).await {
            Ok(_) => assert!(taken),
            Err(error) => {
                assert!(
                    !taken && error.code == Code::QuotaExceeded && error.message.contains("account_bytes"),
                    "{error}"
                );
            }
        }
    }
    // A chat that goes takes what it holds along.
    chats::delete(&relay.relay, alice.profile.who, channel).await.unwrap();
    a.send(&ClientFrame::Resume { chat: direct }).await;
    a.say(direct, "there is room").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inbox_that_nobody_empties_is_bounded_and_its_reader_is_told() {
    const BOUND: u64 = 4 << 10;
    let relay = TestRelay::with(Limits { inbox_bytes: BOUND, ..limits() });
    let alice = relay.person("alice").await;
    let device = alice.profile.who.device;
    let blocked: Vec<_> = (0..20).map(|_| parley_protocol::AccountId::new()).collect();
    for _ in 0..50 {
        let item = InboxItem::BlocksChanged { blocked: blocked.clone() };
        relay.relay.store().write(move |batch| batch.append_inbox(device, item)).await.unwrap();
    }
    let bytes = relay.relay.store().read(move |sql| {
        let sum = "SELECT SUM(LENGTH(CAST(frame AS BLOB))) FROM entries WHERE log = ?1";
        Ok(sql.query_row(sum, [device.as_bytes()], |row| row.get::<_, u64>(0))?)
    });
    assert!((1..=BOUND).contains(&bytes.await.unwrap()));
    let mut a = relay.open(&alice.profile.at(device, Cursor::default())).await;
    assert_eq!(a.log(device).start, LogStart::Trimmed);
    while a.entry(device).await.seq < 50 {}
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inbox_that_nobody_comes_for_goes_with_the_retention() {
    let relay = TestRelay::with(Limits { retention: Duration::from_millis(1), ..limits() });
    let alice = relay.person("alice").await;
    let device = alice.profile.who.device;
    for _ in 0..3 {
        let item = InboxItem::BlocksChanged { blocked: Vec::new() };
        relay.relay.store().write(move |batch| batch.append_inbox(device, item)).await.unwrap();
    }
    until(|| async {
        relay.relay.expire().await.unwrap();
        relay.held(device.into()).await == 1
    })
    .await;
    let mut a = relay.open(&alice.profile.at(device, Cursor::default())).await;
    assert_eq!(a.log(device).trimmed.map(|gap| (gap.from, gap.to)), Some((1, 2)));
    assert_eq!(a.entry(device).await.seq, 3);
}
