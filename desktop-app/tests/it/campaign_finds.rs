//! Stories that the campaign told first.

use desktop_app::views::{ChatStatus, Delivery, DirectLinks, Settings};

use crate::world::{World, eventually};

#[tokio::test]
async fn one_who_was_removed_while_away_is_caught_up_when_back() {
    let world = World::new().await;
    let (alice, bob) = (world.sign_up("alice").await, world.sign_up("bob").await);
    let group = alice.on(|engine| async move { engine.new_group("us", vec!["bob".into()]).await }).await.unwrap();
    bob.has_chat(group).await;
    bob.gate.cut();
    let before = alice.say(group, "before").await;
    alice.came(group, before, Delivery::Sent).await;
    let whom = bob.engine().me().await.unwrap().unwrap().account;
    alice.on(move |engine| async move { engine.remove_member(group, whom).await }).await.unwrap();
    alice.say(group, "after").await;
    bob.gate.heal();
    bob.shows(group, &["before"]).await;
    bob.online().await;
    eventually("bob has left", async || bob.view(group).await.status == ChatStatus::Left).await;
}

#[tokio::test]
async fn what_was_read_stays_read_on_the_other_device_when_a_new_run_begins() {
    let world = World::new().await;
    let (mut alice, mut bob) = (world.sign_up("alice").await, world.sign_up("bob").await);
    let laptop = world.sign_in("bob", "bob's laptop").await;
    let chat = alice.direct(&bob).await;
    laptop.has_chat(chat).await;
    alice.say(chat, "one").await;
    bob.shows(chat, &["one"]).await;
    laptop.shows(chat, &["one"]).await;
    // Bob reads while his other device is cut off, and then comes what begins a new run.
    laptop.gate.cut();
    laptop.on(|engine| async move { engine.set_settings(alone()).await }).await.unwrap();
    bob.on(|engine| async move { engine.set_settings(alone()).await }).await.unwrap();
    bob.engine().mark_read(chat, None).await.unwrap();
    alice.restart().await;
    alice.say(chat, "two").await;
    bob.shows(chat, &["one", "two"]).await;
    bob.restart().await;
    bob.online().await;
    laptop.gate.heal();
    laptop.shows(chat, &["one", "two"]).await;
    eventually("one is read on the laptop", async || laptop.view(chat).await.unread == 1).await;
    assert_eq!(bob.view(chat).await.unread, 1);
}

fn alone() -> Settings {
    Settings { direct_links: DirectLinks::Never, ..Settings::default() }
}

#[tokio::test]
async fn one_who_was_removed_and_brought_back_while_away_takes_part_again() {
    let world = World::new().await;
    let (alice, bob) = (world.sign_up("alice").await, world.sign_up("bob").await);
    let group = alice.on(|engine| async move { engine.new_group("us", vec!["bob".into()]).await }).await.unwrap();
    bob.has_chat(group).await;
    bob.gate.cut();
    let before = alice.say(group, "before").await;
    alice.came(group, before, Delivery::Sent).await;
    let whom = bob.engine().me().await.unwrap().unwrap().account;
    alice.on(move |engine| async move { engine.remove_member(group, whom).await }).await.unwrap();
    let without = alice.say(group, "without him").await;
    alice.came(group, without, Delivery::Sent).await;
    alice.on(move |engine| async move { engine.add_member(group, "bob").await }).await.unwrap();
    eventually("alice knows", async || alice.view(group).await.member_count == 2).await;
    alice.say(group, "after").await;
    bob.gate.heal();
    bob.shows(group, &["before", "after"]).await;
    bob.online().await;
    assert_eq!(bob.view(group).await.status, ChatStatus::Active);
    bob.say(group, "here I am").await;
    alice.shows(group, &["before", "without him", "after", "here I am"]).await;
}

#[tokio::test]
async fn what_was_written_under_a_membership_that_the_relay_forgot_is_not_lost() {
    let mut world = World::new().await;
    let (alice, bob) = (world.sign_up("alice").await, world.sign_up("bob").await);
    let laptop = world.sign_in("bob", "bob's laptop").await;
    let chat = alice.direct(&bob).await;
    for device in [&alice, &bob, &laptop] {
        device.on(|engine| async move { engine.set_settings(alone()).await }).await.unwrap();
        device.has_chat(chat).await;
    }
    let old = world.back_up_relay().await;
    bob.online().await;
    alice.gate.cut();
    // Bob's phone signs in while Alice is away, and his other devices write under the membership that it made.
    let phone = world.sign_in("bob", "bob's phone").await;
    let said = bob.say(chat, "three of me").await;
    bob.came(chat, said, Delivery::Sent).await;
    world.go_back_to(&old).await;
    drop(phone);
    alice.gate.heal();
    alice.shows(chat, &["three of me"]).await;
    bob.say(chat, "and one more").await;
    alice.shows(chat, &["three of me", "and one more"]).await;
    laptop.shows(chat, &["three of me", "and one more"]).await;
}
