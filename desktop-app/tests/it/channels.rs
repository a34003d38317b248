//! Channels: open to the relay, which keeps their history and their order.

use desktop_app::views::{ChatStatus, Delivery, MessageKind, Page};
use parley_protocol::ChatId;

use crate::telling::counted;
use crate::world::{Device, World, eventually};

async fn channel(owner: &Device) -> ChatId {
    owner.channel("News").await
}

/// All words of a chat, fetched page by page from the newest on.
pub(crate) async fn paged(device: &Device, chat: ChatId, limit: usize) -> Vec<String> {
    let engine = device.engine();
    let mut lines = engine.history(chat, Page::Newest, limit).await.unwrap();
    while let Some(first) = lines.first().map(|line| line.position) {
        let page = engine.history(chat, Page::Before { position: first }, limit).await.unwrap();
        if page.is_empty() {
            break;
        }
        lines.splice(0..0, page);
    }
    let words = lines.into_iter().filter(|line| line.kind == MessageKind::Text && !line.deleted);
    words.map(|line| line.text).collect()
}

#[tokio::test]
async fn a_newcomer_sees_the_history_of_a_channel_by_paging() {
    let world = World::new().await;
    let (alice, bob) = (world.sign_up("alice").await, world.sign_up("bob").await);
    let chat = channel(&alice).await;
    let keys = alice.say_all(chat, &counted(0..260)).await;
    alice.came(chat, keys[259], Delivery::Sent).await;
    bob.engine().join(chat).await.unwrap();
    assert_eq!(bob.view(chat).await.unread, 0, "what was before one came is not unread");
    assert_eq!(paged(&bob, chat, 40).await, counted(0..260));
    alice.say(chat, "live").await;
    let mut expected = counted(0..260);
    expected.push("live".to_owned());
    eventually("bob sees what is new at the end", async || bob.texts(chat).await == expected).await;
    bob.has_unread(chat, 1).await;
}

#[tokio::test]
async fn a_newcomer_sees_edits_deletes_and_reactions_of_a_channel() {
    let world = World::new().await;
    let (alice, bob) = (world.sign_up("alice").await, world.sign_up("bob").await);
    let chat = channel(&alice).await;
    let edited = alice.say(chat, "tpyo").await;
    let deleted = alice.say(chat, "nonsense").await;
    alice.came(chat, deleted, Delivery::Sent).await;
    alice.engine().edit(chat, edited, "typo").await.unwrap();
    alice.engine().delete(chat, deleted).await.unwrap();
    alice.engine().react(chat, edited, "👍", true).await.unwrap();
    eventually("alice sees her own changes", async || {
        let line = alice.line(chat, edited).await;
        line.text == "typo" && line.reactions.len() == 1 && alice.line(chat, deleted).await.deleted
    })
    .await;
    bob.engine().join(chat).await.unwrap();
    bob.shows(chat, &["typo"]).await;
    let line = bob.line(chat, edited).await;
    assert!(line.edited_at.is_some());
    assert_eq!(line.reactions[0].accounts, [alice.account().await]);
    assert!(bob.line(chat, deleted).await.deleted);
    bob.engine().react(chat, edited, "👍", true).await.unwrap();
    eventually("alice sees both", async || {
        alice.line(chat, edited).await.reactions.first().is_some_and(|reaction| reaction.accounts.len() == 2)
    })
    .await;
}

#[tokio::test]
async fn a_channel_is_shown_in_the_order_of_its_log() {
    let world = World::new().await;
    let (alice, bob) = (world.sign_up("alice").await, world.sign_up("bob").await);
    let chat = channel(&alice).await;
    bob.engine().join(chat).await.unwrap();
    alice.gate.cut();
    alice.offline().await;
    let waiting = alice.say_all(chat, &["a1".to_owned(), "a2".to_owned()]).await;
    bob.say(chat, "b1").await;
    let last = bob.say(chat, "b2").await;
    bob.came(chat, last, Delivery::Sent).await;
    assert_eq!(alice.texts(chat).await, ["a1", "a2"]);
    assert_eq!(alice.delivery(chat, waiting[0]).await, Delivery::Waiting);
    alice.gate.heal();
    for device in [&alice, &bob] {
        device.shows(chat, &["b1", "b2", "a1", "a2"]).await;
    }
    alice.came(chat, waiting[1], Delivery::Sent).await;
}

#[tokio::test]
async fn an_own_message_of_a_channel_is_shown_once_whatever_dies() {
    let mut world = World::new().await;
    let (mut alice, bob) = (world.sign_up("alice").await, world.sign_up("bob").await);
    let chat = channel(&alice).await;
    bob.engine().join(chat).await.unwrap();
    let mut expected = Vec::new();
    for round in 0..4 {
        let words: Vec<String> = (0..10).map(|n| format!("{round}.{n}")).collect();
        alice.say_all(chat, &words).await;
        expected.extend(words);
        if round % 2 == 0 { world.restart_relay().await } else { alice.restart().await }
    }
    bob.shows_all(chat, &expected).await;
    alice.shows_all(chat, &expected).await;
}

#[tokio::test]
async fn who_joins_a_channel_again_finds_what_was_said_meanwhile() {
    let world = World::new().await;
    let (alice, bob) = (world.sign_up("alice").await, world.sign_up("bob").await);
    let chat = channel(&alice).await;
    bob.engine().join(chat).await.unwrap();
    alice.say_all(chat, &counted(0..5)).await;
    bob.shows_all(chat, &counted(0..5)).await;
    bob.engine().leave(chat).await.unwrap();
    bob.finds(chat, ChatStatus::Left).await;
    let keys = alice.say_all(chat, &counted(5..10)).await;
    alice.came(chat, keys[4], Delivery::Sent).await;
    bob.engine().join(chat).await.unwrap();
    alice.say(chat, "10").await;
    eventually("nothing is missing in between", async || paged(&bob, chat, 100).await == counted(0..11)).await;
}

#[tokio::test]
async fn only_members_of_a_private_channel_see_it_and_an_invite_opens_it() {
    let world = World::new().await;
    let (alice, bob) = (world.sign_up("alice").await, world.sign_up("bob").await);
    let chat = alice.on(|engine| async move { engine.new_channel("Board", "", false).await }).await.unwrap();
    let key = alice.say(chat, "first").await;
    alice.came(chat, key, Delivery::Sent).await;
    assert!(bob.engine().join(chat).await.is_err());
    assert!(bob.engine().find_public("Board").await.unwrap().is_empty());
    let invite = alice.engine().create_invite(chat, None, Some(1)).await.unwrap();
    assert_eq!(bob.engine().join_by_invite(&invite.code).await.unwrap(), chat);
    bob.shows(chat, &["first"]).await;
    assert!(bob.engine().show_invite(&invite.code).await.is_err(), "it was good once");
}
