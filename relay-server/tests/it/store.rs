//! The database: group commit, a disk that fills, a file of a newer relay.

use std::sync::Arc;
use std::time::Duration;

use parley_protocol::frames::MarkScope;
use parley_protocol::{ChatKind, ClientFrame, Code, ErrorBody, RelayFrame};
use relay_server::limits::Limits;
use relay_server::live::Live;
use relay_server::store::{Failure, OpenError, Store};

use crate::support::{TestRelay, hold_writer, limits, sealed};

#[tokio::test(flavor = "multi_thread")]
async fn many_appends_share_a_transaction() {
    let relay = TestRelay::start();
    let (alice, bob) = (relay.person("alice").await, relay.person("bob").await);
    let chat = relay.chat(&alice, ChatKind::Direct, true, &[&bob]).await.id;
    let mut a = relay.open(&alice.profile).await;
    let busy = hold_writer(&relay).await;
    let mut sent = Vec::new();
    for n in 0..100 {
        sent.push(a.append(chat, sealed(&n.to_string())).await);
    }
    // A pong says that the relay has read all of them.
    a.send(&ClientFrame::Subscribers { req: 1, topic: "x".into() }).await;
    a.done(1).await;
    drop(busy);
    for id in sent {
        a.outcome(id).await.unwrap();
    }
    let moments = relay.relay.store().read(move |sql| {
        let count = "SELECT COUNT(DISTINCT at) FROM entries WHERE log = ?1 AND kind = 1";
        Ok(sql.query_row(count, [chat.as_bytes()], |row| row.get::<_, u64>(0))?)
    });
    assert_eq!(moments.await.unwrap(), 1, "one transaction has one moment");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_answered_try_later_and_the_relay_goes_on_once_there_is_room() {
    let relay = TestRelay::start();
    let (alice, bob) = (relay.person("alice").await, relay.person("bob").await);
    let chat = relay.chat(&alice, ChatKind::Direct, true, &[&bob]).await.id;
    let mut a = relay.open(&alice.profile).await;
    let before = a.say(chat, "before").await;
    let fill = |pages: u64| {
        relay.relay.store().write(move |batch| {
            let limit =
                if pages == 0 { batch.sql().query_row("PRAGMA page_count", [], |row| row.get(0))? } else { pages };
            batch.sql().query_row(&format!("PRAGMA max_page_count = {limit}"), [], |_| Ok(()))?;
            Ok(())
        })
    };
    fill(0).await.unwrap();
    let mut ids = Vec::new();
    for n in 0..40 {
        ids.push((a.append(chat, sealed(&format!("{n}{}", "x".repeat(4_000)))).await, n));
    }
    let mut accepted = Vec::new();
    let mut refused = Vec::new();
    for (id, n) in ids {
        match a.outcome(id).await {
            Ok(_) => {
                assert!(refused.is_empty(), "nothing overtakes");
                accepted.push(n);
            }
            Err(error) => {
                assert!(matches!(error.code, Code::TryLater | Code::ResumeFirst), "{error}");
                refused.push((id, n));
            }
        }
    }
    assert!(!refused.is_empty());
    fill(1_000_000).await.unwrap();
    a.send(&ClientFrame::Resume { chat }).await;
    for (id, n) in refused {
        a.append_as(chat, id, sealed(&format!("{n}{}", "x".repeat(4_000)))).await;
        a.outcome(id).await.unwrap();
    }
    let mut b = relay.open(&bob.profile).await;
    assert_eq!(b.text(chat).await, "before");
    for n in 0..40 {
        let entry = b.entry(chat).await;
        assert_eq!(entry.seq, before.seq + 1 + n);
        assert!(b_text(&entry.content).starts_with(&format!("{n}x")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mark_that_finds_the_disk_full_is_told_to_come_again() {
    let relay = TestRelay::start();
    let (alice, bob) = (relay.person("alice").await, relay.person("bob").await);
    let chat = relay.chat(&alice, ChatKind::Direct, true, &[&bob]).await.id;
    let (mut a, mut b) = (relay.open(&alice.profile).await, relay.open(&bob.profile).await);
    let bound = |pages: u32| {
        relay.relay.store().write(move |batch| Ok(batch.sql().pragma_update(None, "max_page_count", pages)?))
    };
    // SQLite takes a bound below the file's size for that size.
    bound(1).await.unwrap();
    let mark = ClientFrame::Mark { chat, scope: MarkScope::Chat, mark: "m".repeat(12_000) };
    a.send(&mark).await;
    let error = a.wait(|frame| match frame {
        RelayFrame::MarkRefused { chat: of, error } if *of == chat => Some(error.clone()),
        _ => None,
    });
    assert_eq!(error.await.code, Code::TryLater);
    bound(u32::MAX - 1).await.unwrap();
    a.send(&mark).await;
    b.wait(|frame| matches!(frame, RelayFrame::Marks { mark, .. } if mark.len() == 12_000).then_some(())).await;
}

fn b_text(content: &parley_protocol::frames::Content) -> String {
    match content {
        parley_protocol::frames::Content::Payload(parley_protocol::frames::Payload::Sealed(text)) => text.clone(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closure_that_refuses_takes_back_only_what_it_did() {
    let relay = TestRelay::start();
    let (alice, bob) = (relay.person("alice").await, relay.person("bob").await);
    let chat = relay.chat(&alice, ChatKind::Group, true, &[&bob]).await.id;
    let who = alice.profile.who;
    let refused: Result<(), ErrorBody> = relay
        .relay
        .store()
        .write(move |batch| {
            batch.append(who, chat, parley_protocol::MessageId::new(), sealed("no"))?;
            batch.delete_chat(chat)?;
            Err(Failure::refused(Code::Conflict, "no"))
        })
        .await;
    assert_eq!(refused.unwrap_err().code, Code::Conflict);
    let mut a = relay.open(&alice.profile).await;
    assert_eq!(a.say(chat, "yes").await.seq, 2);
    assert_eq!(a.text(chat).await, "yes");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_accepted_is_there_after_a_restart() {
    let relay = TestRelay::start();
    let (alice, bob) = (relay.person("alice").await, relay.person("bob").await);
    let chat = relay.chat(&alice, ChatKind::Direct, true, &[&bob]).await.id;
    let mut a = relay.open(&alice.profile).await;
    let at = a.say(chat, "kept").await;
    drop(a);
    let folder = Arc::clone(&relay.folder);
    relay.relay.close_sessions().await;
    relay.relay.store().close().await;
    drop(relay);
    let relay = TestRelay::on(folder, limits());
    let mut a = relay.open(&alice.profile.at(chat, at)).await;
    assert_eq!(a.log(chat).start, parley_protocol::frames::LogStart::Resumed);
    assert_eq!(a.say(chat, "on").await.seq, at.seq + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_a_newer_relay_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("relay.db");
    let open = || Store::open(&path, Arc::new(Limits::default()), Arc::new(Live::default()));
    let store = open().unwrap();
    store.close().await;
    drop(store);
    let sql = rusqlite::Connection::open(&path).unwrap();
    sql.pragma_update(None, "user_version", 9_999).unwrap();
    drop(sql);
    match open().map(|_| ()) {
        Err(error @ OpenError::Newer { .. }) => assert!(error.to_string().contains("newer Parley relay"), "{error}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_session_is_found_by_its_silence() {
    let limits = Limits { ping: Duration::from_millis(50), dead_after: Duration::from_millis(200), ..limits() };
    let relay = TestRelay::with(limits);
    let alice = relay.person("alice").await;
    // The client keeps the pipe open and reads nothing more, so that no pong is ever sent.
    let _silent = relay.open(&alice.profile).await;
    let device = alice.profile.who.device;
    crate::support::until(|| {
        let gone = !relay.relay.is_online(device);
        async move { gone }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_who_gives_up_takes_nobody_elses_place() {
    let relay = TestRelay::with(Limits { readers: 1, ..limits() });
    let (begun, has_begun) = tokio::sync::oneshot::channel();
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let store = relay.relay.store().clone();
    let given_up = tokio::spawn(async move {
        let slow = move |_: &rusqlite::Connection| {
            begun.send(()).unwrap();
            let _ = wait.recv();
            Ok(())
        };
        store.read(slow).await
    });
    has_begun.await.unwrap();
    given_up.abort();
    assert!(given_up.await.unwrap_err().is_cancelled());
    let other = relay.relay.store().read(|sql| Ok(sql.query_row("SELECT 7", [], |row| row.get::<_, u8>(0))?));
    let mut other = std::pin::pin!(other);
    assert!(futures_util::poll!(other.as_mut()).is_pending(), "the one connection is still in use");
    go.send(()).unwrap();
    assert_eq!(other.await.unwrap(), 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_that_panics_gives_its_connection_back() {
    let relay = TestRelay::with(Limits { readers: 1, ..limits() });
    let broken: Result<(), ErrorBody> = relay.relay.store().read(|_| panic!("a fault in a read")).await;
    assert_eq!(broken.unwrap_err().code, Code::Internal);
    let next = relay.relay.store().read(|sql| Ok(sql.query_row("SELECT 7", [], |row| row.get::<_, u8>(0))?));
    assert_eq!(next.await.unwrap(), 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_whose_fan_out_fails_does_not_go_on() {
    let relay = TestRelay::start();
    let store = relay.relay.store();
    let broken = store.write(|batch| {
        batch.after_commit(|_| panic!("a fault in the fan-out"));
        Ok(())
    });
    broken.await.unwrap();
    tokio::time::timeout(crate::support::DEADLINE, store.fatal().cancelled()).await.expect("the relay is told to end");
    assert!(store.is_faulty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_queued_when_the_relay_stops_is_stored_and_answered() {
    let relay = TestRelay::start();
    let (alice, bob) = (relay.person("alice").await, relay.person("bob").await);
    let chat = relay.chat(&alice, ChatKind::Direct, true, &[&bob]).await.id;
    let mut a = relay.open(&alice.profile).await;
    let mut b = relay.connect(&bob.profile, 1_024).await;
    let busy = hold_writer(&relay).await;
    let mut sent = Vec::new();
    for n in 0..100 {
        sent.push(a.append(chat, sealed(&n.to_string())).await);
    }
    // The answer says that the relay has read all of them.
    a.send(&ClientFrame::Subscribers { req: 1, topic: "x".into() }).await;
    a.done(1).await;
    relay.relay.close_sessions().await;
    drop(busy);
    for id in sent {
        a.outcome(id).await.unwrap();
    }
    assert_eq!(a.bye().await.0, Code::ShuttingDown);
    assert_eq!(relay.held(chat.into()).await, 101);
    assert_eq!(b.bye().await.0, Code::ShuttingDown, "who has yet to say hello is told, too");
}
