//! Edits, deletes, reactions, and taking back what has not left yet.

use desktop_app::views::Delivery;
use parley_protocol::{Body, MessageId};

use crate::raw::text;
use crate::telling::{by_hand, counted, pair, pair_by_relay, three};
use crate::world::{Device, World, eventually};

#[tokio::test]
async fn edits_deletes_and_reactions_reach_the_other_directly() {
    let world = World::new().await;
    let (alice, bob, chat) = pair(&world).await;
    alice.linked(chat).await;
    let (first, second) = (alice.say(chat, "tpyo").await, alice.say(chat, "nonsense").await);
    bob.shows(chat, &["tpyo", "nonsense"]).await;
    alice.engine().edit(chat, first, "typo").await.unwrap();
    alice.engine().delete(chat, second).await.unwrap();
    bob.engine().react(chat, first, "👍", true).await.unwrap();
    bob.shows(chat, &["typo"]).await;
    alice.shows(chat, &["typo"]).await;
    assert!(bob.line(chat, second).await.deleted, "a tombstone stays");
    eventually("alice sees the reaction", async || alice.line(chat, first).await.reactions.len() == 1).await;
    bob.engine().react(chat, first, "👍", false).await.unwrap();
    eventually("and its going", async || alice.line(chat, first).await.reactions.is_empty()).await;
    assert!(bob.engine().edit(chat, first, "mine").await.is_err(), "only own messages can be changed");
}

#[tokio::test]
async fn an_edit_keeps_the_mentions_that_its_words_still_have() {
    let world = World::new().await;
    let (alice, bob, carol) = three(&world).await;
    let names = vec!["bob".into(), "carol".into()];
    let group = alice.on(|engine| async move { engine.new_group("Tea", names).await }).await.unwrap();
    let channel = alice.channel("News").await;
    bob.engine().join(channel).await.unwrap();
    let (whom, other) = (bob.account().await, carol.account().await);
    for chat in [group, channel] {
        bob.has_chat(chat).await;
        let key = alice.mention(chat, "tpyo @bob", whom).await;
        alice.engine().edit(chat, key, "typo, @Bob.").await.unwrap();
        eventually("the edit came", async || {
            bob.engine().message(chat, key).await.is_ok_and(|line| line.text == "typo, @Bob.")
        })
        .await;
        assert_eq!(bob.line(chat, key).await.mentions, [whom]);
        alice.engine().edit(chat, key, "typo, @carol").await.unwrap();
        eventually("the next one came", async || bob.line(chat, key).await.mentions == [other]).await;
        alice.engine().edit(chat, key, "typo").await.unwrap();
        eventually("the last one came", async || bob.line(chat, key).await.mentions.is_empty()).await;
    }
}

#[tokio::test]
async fn changes_made_while_both_are_away_arrive() {
    let world = World::new().await;
    let (mut alice, mut bob, chat) = pair_by_relay(&world).await;
    let (first, second) = (alice.say(chat, "one").await, alice.say(chat, "two").await);
    bob.shows(chat, &["one", "two"]).await;
    alice.gate.cut();
    alice.offline().await;
    bob.kill().await;
    alice.engine().edit(chat, first, "1").await.unwrap();
    alice.engine().edit(chat, first, "uno").await.unwrap();
    alice.engine().delete(chat, second).await.unwrap();
    alice.engine().react(chat, first, "🎉", true).await.unwrap();
    assert_eq!(alice.texts(chat).await, ["uno"], "they show at once where they were made");
    alice.restart().await;
    alice.gate.heal();
    let last = alice.say(chat, "three").await;
    alice.came(chat, last, Delivery::Sent).await;
    bob.start().await;
    bob.shows(chat, &["uno", "three"]).await;
    let line = bob.line(chat, first).await;
    assert!(line.edited_at.is_some() && line.reactions.len() == 1);
}

#[tokio::test]
async fn a_change_waits_for_its_message() {
    let world = World::new().await;
    let (alice, mut bob, chat, membership) = by_hand(&world, "alice", "bob").await;
    let (edited, deleted) = (MessageId::new(), MessageId::new());
    let targets = (bob.key(edited), bob.key(deleted));
    for body in [
        Body::Edit { target: targets.0, text: "right".into(), mentions: vec![] },
        Body::React { target: targets.0, emoji: "🎉".into(), on: true },
        Body::Delete { target: targets.1 },
    ] {
        let message = bob.next(membership, body);
        bob.append(chat, &message).await;
    }
    for (id, words) in [(edited, "wrong"), (deleted, "gone")] {
        let mut message = bob.next(membership, text(words));
        message.id = id;
        bob.append(chat, &message).await;
    }
    alice.shows(chat, &["right"]).await;
    eventually("the tombstone is there", async || {
        alice.engine().message(chat, targets.1).await.is_ok_and(|line| line.deleted && line.text.is_empty())
    })
    .await;
    assert_eq!(alice.line(chat, targets.0).await.reactions.len(), 1);
    assert_eq!(alice.view(chat).await.unread, 1, "what was deleted is not unread");
}

#[tokio::test]
async fn nobody_changes_what_another_account_wrote() {
    let world = World::new().await;
    let (alice, mut mallory, chat, membership) = by_hand(&world, "alice", "mallory").await;
    let key = alice.say(chat, "my words").await;
    for body in [
        Body::Edit { target: key, text: "not my words".into(), mentions: vec![] },
        Body::Delete { target: key },
        text("ha"),
    ] {
        let message = mallory.next(membership, body);
        mallory.append(chat, &message).await;
    }
    alice.shows(chat, &["my words", "ha"]).await;
}

#[tokio::test]
async fn a_delete_beats_an_edit_made_elsewhere() {
    let world = World::new().await;
    let (alice, bob, chat) = pair_by_relay(&world).await;
    let phone = world.sign_in("alice", "phone").await;
    phone.never_direct().await;
    phone.has_chat(chat).await;
    alice.knows_devices(chat, 2).await;
    bob.knows_devices(chat, 2).await;
    let key = alice.say(chat, "words").await;
    bob.shows(chat, &["words"]).await;
    phone.shows(chat, &["words"]).await;
    alice.gate.cut();
    alice.offline().await;
    alice.engine().delete(chat, key).await.unwrap();
    phone.engine().edit(chat, key, "other words").await.unwrap();
    bob.shows(chat, &["other words"]).await;
    alice.gate.heal();
    for device in [&alice, &bob, &phone] {
        eventually("it is deleted", async || device.line(chat, key).await.deleted).await;
    }
}

#[tokio::test]
async fn of_two_edits_all_agree_on_the_later_one() {
    let world = World::new().await;
    let (alice, bob, chat) = pair_by_relay(&world).await;
    let phone = world.sign_in("alice", "phone").await;
    phone.never_direct().await;
    phone.has_chat(chat).await;
    alice.knows_devices(chat, 2).await;
    bob.knows_devices(chat, 2).await;
    let key = alice.say(chat, "words").await;
    bob.shows(chat, &["words"]).await;
    phone.shows(chat, &["words"]).await;
    alice.gate.cut();
    alice.offline().await;
    phone.engine().edit(chat, key, "from the phone").await.unwrap();
    bob.shows(chat, &["from the phone"]).await;
    alice.engine().edit(chat, key, "from the desk").await.unwrap();
    alice.gate.heal();
    alice.online().await;
    alice.say(chat, "end").await;
    phone.say(chat, "end").await;
    eventually("all show the same words", async || {
        let words =
            [alice.line(chat, key).await.text, bob.line(chat, key).await.text, phone.line(chat, key).await.text];
        bob.texts(chat).await.len() == 3 && words.iter().all(|text| *text == words[0] && text != "words")
    })
    .await;
}

#[tokio::test]
async fn a_message_that_never_left_is_cancelled_without_a_trace() {
    let world = World::new().await;
    let (alice, bob, chat) = pair_by_relay(&world).await;
    alice.gate.cut();
    alice.offline().await;
    alice.say(chat, "one").await;
    let key = alice.say(chat, "regretted").await;
    alice.say(chat, "three").await;
    alice.engine().delete(chat, key).await.unwrap();
    assert!(alice.engine().message(chat, key).await.is_err());
    alice.gate.heal();
    bob.shows(chat, &["one", "three"]).await;
    assert!(bob.engine().message(chat, key).await.is_err(), "not even a tombstone");
    assert!(bob.gaps(chat).await.is_empty());
    alice.shows(chat, &["one", "three"]).await;
}

#[tokio::test]
async fn a_message_that_was_handed_over_is_deleted_and_leaves_a_tombstone() {
    let world = World::new().await;
    let (alice, mut bob, chat) = pair_by_relay(&world).await;
    bob.kill().await;
    let key = alice.say(chat, "regretted").await;
    alice.came(chat, key, Delivery::Sent).await;
    alice.engine().delete(chat, key).await.unwrap();
    let last = alice.say(chat, "well").await;
    alice.came(chat, last, Delivery::Sent).await;
    bob.start().await;
    bob.shows(chat, &["well"]).await;
    let line = bob.line(chat, key).await;
    assert!(line.deleted && line.text.is_empty());
}

/// What a link was given is deleted and leaves a tombstone; what it has no room for yet is cancelled, and is an empty one under its
/// number.
#[tokio::test]
async fn of_two_messages_taken_back_the_one_that_a_link_was_given_leaves_a_tombstone_and_the_other_nothing() {
    let world = World::new().await;
    let (alice, bob, chat) = pair(&world).await;
    alice.linked(chat).await;
    bob.linked(chat).await;
    alice.gate.cut();
    alice.offline().await;
    // Bob marks nothing, so the link takes only so many.
    let held = bob.engine().hold().await.unwrap();
    let keys = alice.say_all(chat, &counted(0..300)).await;
    let (handed, waiting) = (keys[0], keys[298]);
    alice.engine().delete(chat, handed).await.unwrap();
    assert!(alice.line(chat, handed).await.deleted, "it is on its way, and a tombstone stays");
    alice.engine().delete(chat, waiting).await.unwrap();
    assert!(alice.engine().message(chat, waiting).await.is_err(), "it never was");
    drop(held);
    let mut expected = counted(1..300);
    expected.retain(|text| text != "298");
    bob.shows_all(chat, &expected).await;
    let line = bob.line(chat, handed).await;
    assert!(line.deleted && line.text.is_empty());
    assert!(bob.engine().message(chat, waiting).await.is_err(), "not even a tombstone");
    assert_eq!(bob.gaps(chat).await, []);
    alice.gate.heal();
    let last = alice.say(chat, "end").await;
    alice.came(chat, last, Delivery::Delivered).await;
    eventually("nothing is kept", async || alice.rows_kept() == 0).await;
    alice.shows_all(chat, &bob.texts(chat).await).await;
}

#[tokio::test]
async fn messages_taken_back_while_a_link_hands_them_over_are_gone_for_both() {
    let world = World::new().await;
    let (alice, bob, chat) = pair(&world).await;
    alice.linked(chat).await;
    let (mut expected, mut regretted) = (Vec::new(), Vec::new());
    for n in 0..20 {
        let key = alice.say(chat, &format!("regretted {n}")).await;
        alice.engine().delete(chat, key).await.unwrap();
        regretted.push(key);
        expected.push(format!("kept {n}"));
        alice.say(chat, &format!("kept {n}")).await;
    }
    bob.shows_all(chat, &expected).await;
    alice.shows_all(chat, &expected).await;
    assert!(bob.gaps(chat).await.is_empty());
    for key in regretted {
        // Whichever was first: both keep a tombstone, or neither has anything.
        let of = async |device: &Device| device.engine().message(chat, key).await.map(|line| line.deleted).ok();
        assert_eq!(of(&alice).await, of(&bob).await);
        assert_ne!(of(&bob).await, Some(false));
    }
}
