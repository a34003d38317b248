//! Chats whose people chose for how long they are kept.

use desktop_app::views::{Delivery, MessageKind};
use parley_protocol::ChatId;

use crate::telling::{pair, pair_by_relay};
use crate::world::{Device, World, eventually};

/// For so long that nothing of these stories is older.
const DAY: Option<u64> = Some(86_400);
/// As long as a chat can be kept for at least.
const SECOND: Option<u64> = Some(1);
const YEAR: i64 = 365 * 86_400_000;

/// The seconds that a device was told of in a chat, in order.
async fn changes(device: &Device, chat: ChatId) -> Vec<String> {
    let subject = |kind| match kind {
        MessageKind::Change { what, subject } if what == "retention_changed" => Some(subject),
        _ => None,
    };
    device.lines(chat).await.into_iter().filter_map(|line| subject(line.kind)).collect()
}

async fn keeps(device: &Device, chat: ChatId, retention: Option<u64>) {
    device.on(move |engine| async move { engine.set_retention(chat, retention).await }).await.unwrap();
}

/// A chat of their own in which something is said and goes again: so what was too old elsewhere, went.
async fn time_has_passed(devices: &[&Device]) {
    for device in devices {
        let chat = device.channel("Sand").await;
        let key = device.say(chat, "grain").await;
        device.came(chat, key, Delivery::Sent).await;
        keeps(device, chat, SECOND).await;
        device.shows(chat, &[]).await;
    }
}

#[tokio::test]
async fn what_is_older_than_its_chat_is_kept_for_goes_from_every_device() {
    let world = World::new().await;
    let (alice, bob, chat) = pair(&world).await;
    let laptop = world.sign_in("bob", "laptop").await;
    laptop.has_chat(chat).await;
    alice.knows_devices(chat, 2).await;
    // What was said before they chose is nobody's to delete.
    let before = alice.say(chat, "long ago").await;
    alice.came(chat, before, Delivery::Delivered).await;
    bob.shows(chat, &["long ago"]).await;
    bob.engine().mark_read(chat, None).await.unwrap();
    keeps(&bob, chat, DAY).await;
    eventually("alice is told", async || alice.view(chat).await.retention == DAY).await;
    // However far behind her clock is.
    alice.set_skew(-YEAR);
    let key = alice.say(chat, "burn after reading").await;
    for device in [&bob, &laptop] {
        device.shows(chat, &["long ago", "burn after reading"]).await;
    }
    alice.engine().edit(chat, key, "burn this after reading").await.unwrap();
    bob.engine().react(chat, key, "🔥", true).await.unwrap();
    alice.came(chat, key, Delivery::Delivered).await;
    alice.set_skew(0);

    keeps(&bob, chat, SECOND).await;
    for device in [&alice, &bob, &laptop] {
        device.shows(chat, &["long ago"]).await;
        eventually("each is told", async || changes(device, chat).await == ["86400", "1"]).await;
        assert_eq!(device.view(chat).await.retention, SECOND);
        device.has_unread(chat, 0).await;
        assert!(device.engine().search("burn", None, 10).await.unwrap().is_empty());
        let left: i64 = device.database().query_row("SELECT count(*) FROM edits", [], |row| row.get(0)).unwrap();
        assert_eq!(left, 0);
    }

    keeps(&alice, chat, None).await;
    for device in [&alice, &bob, &laptop] {
        eventually("each is told", async || device.view(chat).await.retention.is_none()).await;
    }
    bob.say(chat, "for good").await;
    time_has_passed(&[&alice, &bob, &laptop]).await;
    for device in [&alice, &bob, &laptop] {
        device.shows(chat, &["long ago", "for good"]).await;
        assert_eq!(changes(device, chat).await, ["86400", "1", ""]);
    }
}

#[tokio::test]
async fn a_clock_that_jumps_ahead_deletes_nothing() {
    let world = World::new().await;
    let (alice, bob, chat) = pair_by_relay(&world).await;
    keeps(&alice, chat, DAY).await;
    let key = alice.say(chat, "hello").await;
    alice.came(chat, key, Delivery::Delivered).await;
    eventually("bob is told", async || bob.view(chat).await.retention == DAY).await;
    bob.set_skew(YEAR);
    alice.set_skew(-YEAR);
    alice.say(chat, "from last year").await;
    bob.shows(chat, &["hello", "from last year"]).await;
    time_has_passed(&[&bob]).await;
    alice.set_skew(0);
    time_has_passed(&[&alice]).await;
    bob.shows(chat, &["hello", "from last year"]).await;
    alice.shows(chat, &["hello", "from last year"]).await;
}

#[tokio::test]
async fn a_newcomer_is_not_shown_what_a_channel_is_past() {
    let world = World::new().await;
    let (alice, bob) = (world.sign_up("alice").await, world.sign_up("bob").await);
    let chat = alice.channel("News").await;
    let key = alice.say(chat, "yesterday's").await;
    alice.came(chat, key, Delivery::Sent).await;
    keeps(&alice, chat, SECOND).await;
    alice.shows(chat, &[]).await;
    // The relay looks for it once an hour; what it still has is not written here any more.
    bob.engine().join(chat).await.unwrap();
    bob.shows(chat, &[]).await;
    assert_eq!(bob.view(chat).await.retention, SECOND);
    let written: i64 =
        bob.database().query_row("SELECT count(*) FROM messages WHERE kind = 'text'", [], |row| row.get(0)).unwrap();
    assert_eq!(written, 0);
}

#[tokio::test]
async fn only_those_who_may_change_a_chat_say_for_how_long_it_is_kept() {
    let world = World::new().await;
    let (alice, bob) = (world.sign_up("alice").await, world.sign_up("bob").await);
    let group = alice.group("Tea", &[&bob]).await;
    let refused = bob.engine().set_retention(group, DAY).await.unwrap_err();
    assert!(refused.to_string().contains("admin"), "{refused}");
    let refused = alice.engine().set_retention(group, Some(u64::MAX)).await.unwrap_err();
    assert!(refused.to_string().contains("ten years"), "{refused}");
    keeps(&alice, group, DAY).await;
    eventually("bob is told", async || bob.view(group).await.retention == DAY).await;
    keeps(&alice, group, DAY).await;
    assert_eq!(changes(&alice, group).await, ["86400"], "the same again is no news");
}
