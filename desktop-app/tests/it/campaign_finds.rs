//! Stories that the campaign told first.

use desktop_app::views::ChatStatus;

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
