//! What a newer version of Parley wrote does not hold up an older one.

use std::collections::BTreeMap;

use crate::world::World;

#[tokio::test]
async fn an_entry_of_a_newer_version_is_passed_over_and_what_follows_is_shown() {
    let mut world = World::new().await;
    let (alice, mut bob) = (world.sign_up("alice").await, world.sign_up("bob").await);
    let channel = alice.channel("News").await;
    bob.on(move |engine| async move { engine.join(channel).await }).await.unwrap();
    bob.kill().await;
    let odd = alice.say(channel, "of a kind that is yet to come").await;
    let last = alice.say(channel, "as ever").await;
    alice.came(channel, last, desktop_app::views::Delivery::Sent).await;
    world.kill_relay().await;

    let db = rusqlite::Connection::open(world.relay_data().join("relay.db")).unwrap();
    let select = "SELECT frame FROM entries WHERE log = ?1 AND id = ?2";
    let frame: String = db.query_row(select, [channel.as_bytes(), odd.id.as_bytes()], |row| row.get(0)).unwrap();
    let mut frame: BTreeMap<String, serde_json::Value> = serde_json::from_str(&frame).unwrap();
    frame.remove("payload").unwrap();
    frame.insert("hologram".to_owned(), serde_json::json!({"depth": 3}));
    let update = "UPDATE entries SET frame = ?3 WHERE log = ?1 AND id = ?2";
    let changed = rusqlite::params![channel.as_bytes(), odd.id.as_bytes(), serde_json::to_string(&frame).unwrap()];
    assert_eq!(db.execute(update, changed).unwrap(), 1);
    drop(db);

    world.start_relay().await;
    bob.start().await;
    bob.shows(channel, &["as ever"]).await;
    bob.online().await;
}
