//! Stories that the campaign told first.

use desktop_app::views::{ChatStatus, DirectLinks, Settings};

use crate::world::{World, eventually};

#[tokio::test]
async fn one_who_was_removed_while_away_is_caught_up_when_back() {
    let world = World::new().await;
    let (alice, bob) = (world.sign_up("alice").await, world.sign_up("bob").await);
    let group = alice.on(|engine| async move { engine.new_group("us", vec!["bob".into()]).await }).await.unwrap();
    bob.has_chat(group).await;
    bob.gate.cut();
    alice.say(group, "before").await;
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
