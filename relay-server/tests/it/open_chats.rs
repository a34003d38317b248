//! Open chats: history with edits, deletes and reactions folded in.

use parley_protocol::frames::{Content, Cursor, Payload};
use parley_protocol::{Body, ChatKind, Code, MessageId, MessageKey};
use relay_server::chats::{self, Stretch};

use crate::support::{TestRelay, open};

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
         ALTER TABLE accounts DROP COLUMN shown_skeleton; \
         DROP VIEW acquainted; ALTER TABLE chats DROP COLUMN retention; ALTER TABLE chats DROP COLUMN retention_since; ALTER TABLE devices DROP COLUMN program; PRAGMA user_version = 3;
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
