//! Who is in a chat, from which entry to which, and what they get of it.

use std::time::Duration;

use parley_protocol::frames::{Content, Cursor, GoneReason, InboxItem, LogStart, LogView, RelayFrame};
use parley_protocol::http::{AddMember, PatchChat, RestoreChat, RestoredChange};
use parley_protocol::{ChatChange, ChatId, ChatKind, Code, EntryId, EventId, Role};
use relay_server::chats;
use relay_server::limits::Limits;

use crate::support::{Client, TestRelay, cursors, hold_fan_out, limits, open, sealed, until};

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
        let told = hold_fan_out(&relay).await;
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
    // Its ack is lost.
    drop(b);
    let here = Cursor { seq: last.seq, entry: last.entry };
    let b = relay.open(&bob.profile.at(chat, here)).await;
    assert_eq!(b.gone.iter().map(|gone| gone.reason).collect::<Vec<_>>(), [GoneReason::NotMember]);
    drop(b);
    // Who was told need not remember it.
    let b = relay.open(&bob.profile).await;
    assert_eq!(b.gone, []);
    assert!(b.logs.iter().all(|view| view.log != chat.into()), "{:?}", b.logs);
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
async fn answers_to_changes_of_a_chat_tell_its_head() {
    let relay = TestRelay::start();
    let (alice, bob) = (relay.person("alice").await, relay.person("bob").await);
    let chat = relay.chat(&alice, ChatKind::PublicChannel, false, &[]).await;
    assert_eq!(chat.head, 1);
    let form = PatchChat { title: Some("Coffee".into()), description: Some("Black".into()), retention: None };
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
