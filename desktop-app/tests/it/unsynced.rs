//! A disk that had not written what it said it had: the newest commits of a profile's opening are gone, its acks and marks are not.

use desktop_app::views::Delivery;
use tempfile::TempDir;

use crate::telling::pair;
use crate::world::{Device, World, eventually};

/// What the profile has committed up to now.
fn snapshot(device: &Device) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("parley.sqlite");
    device.database().execute("VACUUM INTO ?1", [file.to_str().unwrap()]).unwrap();
    folder
}

/// Nobody has it any more but in a history, so it cannot come again; it must not be missing unseen.
#[tokio::test]
async fn a_message_that_a_link_alone_had_brought_is_a_gap_once_the_next_one_comes() {
    let world = World::new().await;
    let (alice, mut bob, chat) = pair(&world).await;
    alice.linked(chat).await;
    bob.linked(chat).await;
    alice.say(chat, "one").await;
    bob.shows(chat, &["one"]).await;
    let written = snapshot(&bob);
    let entries = world.entries_kept(chat).await;
    let key = alice.say(chat, "two").await;
    bob.shows(chat, &["one", "two"]).await;
    alice.came(chat, key, Delivery::Delivered).await;
    eventually("alice keeps nothing of it", async || alice.rows_kept() == 0).await;
    assert_eq!(world.entries_kept(chat).await, entries, "the relay never had it");
    bob.kill().await;
    bob.put_back(&written).await;
    bob.start().await;
    bob.online().await;
    bob.shows(chat, &["one"]).await;
    let next = alice.say(chat, "three").await;
    bob.shows(chat, &["one", "three"]).await;
    assert_eq!(bob.gaps(chat).await, [(Some(1), "lost".to_owned())]);
    alice.came(chat, next, Delivery::Delivered).await;
    alice.shows(chat, &["one", "two", "three"]).await;
    assert_eq!(alice.delivery(chat, key).await, Delivery::Delivered, "what a mark once said stays said");
}

/// The next run names the end of the one before, so a gap at the end is seen too.
#[tokio::test]
async fn such_a_gap_is_seen_as_well_if_the_sender_was_opened_anew_meanwhile() {
    let world = World::new().await;
    let (mut alice, mut bob, chat) = pair(&world).await;
    alice.linked(chat).await;
    bob.linked(chat).await;
    alice.say(chat, "one").await;
    bob.shows(chat, &["one"]).await;
    let written = snapshot(&bob);
    alice.say(chat, "two").await;
    bob.shows(chat, &["one", "two"]).await;
    eventually("alice keeps nothing of it", async || alice.rows_kept() == 0).await;
    bob.kill().await;
    bob.put_back(&written).await;
    bob.start().await;
    alice.restart().await;
    alice.say(chat, "three").await;
    bob.shows(chat, &["one", "three"]).await;
    assert_eq!(bob.gaps(chat).await, [(Some(1), "lost".to_owned())]);
}
