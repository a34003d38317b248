//! Appends, catch-up, and where a device goes on after a restart or a restore.

use std::time::Duration;

use parley_protocol::frames::{Content, Cursor, GoneReason, LogStart, Opening, RelayFrame};
use parley_protocol::http::{RestoreChat, RestoredChange};
use parley_protocol::{ChatChange, ChatKind, ClientFrame, Code, EntryId, EventId, LifeId, LogId, MessageId};
use relay_server::chats;
use relay_server::limits::Limits;

use crate::support::{TestRelay, hold_fan_out, limits, sealed, until};

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
async fn a_slow_reader_acks_its_way_through_a_catch_up_of_a_hundred_thousand_beside_a_live_flow_of_thousands() {
    const OLD: u64 = 100_000;
    const NEW: u64 = 4_000;
    let limits = Limits { chat_entries: 2 * OLD, ..limits() };
    // What it was handed, one page that is read meanwhile, and what came live since.
    let (most, most_bytes) = (limits.page_entries + 2 * limits.session_queue + 64, limits.session_queue_bytes);
    let relay = TestRelay::with(limits);
    let (alice, bob) = (relay.person("alice").await, relay.person("bob").await);
    let chat = relay.chat(&alice, ChatKind::Direct, true, &[&bob]).await.id;
    let from = alice.profile.who;
    let mut head = Cursor::default();
    for first in (0..OLD).step_by(5_000) {
        let many = move |batch: &mut relay_server::store::Batch<'_>| {
            let mut last = Cursor::default();
            for n in first..first + 5_000 {
                let at = batch.append(from, chat, MessageId::new(), sealed(&n.to_string()))?;
                last = Cursor { seq: at.seq, entry: at.entry };
            }
            Ok(last)
        };
        head = relay.relay.store().write(many).await.unwrap();
    }
    let device = bob.profile.who.device;
    // Some three entries fit into its pipe; the rest waits at the relay until it reads on.
    let mut bob = relay.dial_with(&bob.profile, 1_024).await;
    let mut sender = relay.open(&alice.profile.at(chat, head)).await;
    let (go_on, mut may) = tokio::sync::mpsc::unbounded_channel::<()>();
    let flow = tokio::spawn(async move {
        let mut n = OLD;
        while may.recv().await.is_some() {
            let said = sender.say(chat, &n.to_string()).await;
            sender.ack(chat, said.seq).await;
            n += 1;
        }
    });
    for n in 0..OLD + NEW {
        // It comes for the next one only when the relay waits for it.
        while n > 0 && n < OLD && relay.relay.load(device).is_none_or(|load| load.frames == 0) {
            tokio::task::yield_now().await;
        }
        let entry = bob.entry(chat).await;
        assert_eq!(entry.seq, n + 2);
        assert_eq!(entry.content, Content::Payload(sealed(&n.to_string())));
        let load = relay.relay.load(device).expect("it is not cut off");
        assert!(load.frames <= most && load.bytes <= most_bytes, "{load:?} waits for it after {n}");
        if n % (OLD / NEW) == 0 && n < OLD {
            go_on.send(()).unwrap();
        }
        if n % 1_000 == 0 {
            bob.ack(chat, entry.seq).await;
        }
    }
    drop(go_on);
    flow.await.unwrap();
    bob.ack(chat, OLD + NEW + 1).await;
    until(|| async { relay.held(chat.into()).await < 1_000 }).await;
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
async fn a_session_that_begins_after_an_end_is_not_ended_by_it_though_it_is_told_late() {
    let relay = TestRelay::start();
    let alice = relay.person("alice").await;
    let device = alice.profile.who.device;
    let told = hold_fan_out(&relay).await;
    let end = relay.relay.store().write(move |batch| {
        batch.close_session(device, Code::Replaced, "this device has signed in again");
        Ok(())
    });
    end.await.unwrap();
    let mut new = relay.open(&alice.profile).await;
    drop(told);
    let (heard, is_heard) = tokio::sync::oneshot::channel();
    let last = relay.relay.store().write(move |batch| {
        batch.after_commit(move |_| heard.send(()).unwrap());
        Ok(())
    });
    last.await.unwrap();
    is_heard.await.unwrap();
    new.send(&ClientFrame::Subscribers { req: 1, topic: "x".into() }).await;
    new.done(1).await;
    let end = relay.relay.store().write(move |batch| {
        batch.close_session(device, Code::DeviceRevoked, "this one is meant");
        Ok(())
    });
    end.await.unwrap();
    assert_eq!(new.bye().await.0, Code::DeviceRevoked);
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
async fn whoever_sends_too_fast_is_refused_in_turn_and_the_session_goes_on() {
    const BURST: usize = 5;
    let one = 1.try_into().unwrap();
    let burst = u32::try_from(BURST).unwrap().try_into().unwrap();
    let relay = TestRelay::with(Limits { frames_per_second: one, frames_burst: burst, ..limits() });
    let (alice, bob) = (relay.person("alice").await, relay.person("bob").await);
    let chat = relay.chat(&alice, ChatKind::Direct, true, &[&bob]).await.id;
    let mut a = relay.open(&alice.profile).await;
    let mut sent = Vec::new();
    for n in 0..4 * BURST {
        sent.push(a.append(chat, sealed(&n.to_string())).await);
    }
    let mut codes = Vec::new();
    for id in sent {
        codes.push(a.outcome(id).await.err().map(|error| error.code));
    }
    let taken = codes.iter().take_while(|code| code.is_none()).count();
    assert!(taken >= BURST, "{codes:?}");
    let refused = &codes[taken..];
    assert!(refused.iter().all(|code| matches!(code, Some(Code::RateLimited | Code::ResumeFirst))), "{codes:?}");
    assert_eq!(refused.first(), Some(&Some(Code::RateLimited)), "{codes:?}");
    // Its rate lets it go on before long: `resume` takes one as well.
    loop {
        tokio::time::sleep(Duration::from_secs(2)).await;
        a.send(&ClientFrame::Resume { chat }).await;
        let id = a.append(chat, sealed("later")).await;
        if a.outcome(id).await.is_ok() {
            break;
        }
    }
}
