//! Topics: live broadcasts to whoever is subscribed now.

use desktop_app::Event;

use crate::world::World;

fn data_of(event: &Event) -> Option<(&str, &str)> {
    match event {
        Event::Topic { topic, data, .. } => Some((topic, data)),
        _ => None,
    }
}

#[tokio::test]
async fn whoever_subscribed_by_name_or_pattern_hears_a_topic() {
    let world = World::new().await;
    let (alice, bob, carol) = (world.sign_up("alice").await, world.sign_up("bob").await, world.sign_up("carol").await);
    let (mut bobs, mut carols) = (bob.listen(), carol.listen());
    assert_eq!(bob.engine().subscribe(vec!["sport.*.results".to_owned()]).await.unwrap(), 1);
    assert_eq!(carol.engine().subscribe(vec!["sport.>".to_owned(), "weather".to_owned()]).await.unwrap(), 2);
    assert_eq!(alice.engine().subscribers("sport.chess.results").await.unwrap(), 2);
    assert_eq!(alice.engine().publish("sport.chess.results", "1:0").await.unwrap(), 2);
    assert_eq!(alice.engine().publish("sport.chess", "soon").await.unwrap(), 1);
    assert_eq!(alice.engine().publish("music", "la").await.unwrap(), 0);
    bobs.hears("the result", |event| data_of(event) == Some(("sport.chess.results", "1:0"))).await;
    carols.hears("the result", |event| data_of(event) == Some(("sport.chess.results", "1:0"))).await;
    carols.hears("all of sport", |event| data_of(event) == Some(("sport.chess", "soon"))).await;
    assert_eq!(carol.engine().unsubscribe(vec!["sport.>".to_owned()]).await.unwrap(), 1);
    assert_eq!(alice.engine().publish("sport.chess.results", "2:0").await.unwrap(), 1);
    assert!(alice.engine().publish("sport.*", "no").await.is_err(), "patterns cannot be published on");
}

#[tokio::test]
async fn a_subscription_outlives_the_session() {
    let mut world = World::new().await;
    let (alice, bob) = (world.sign_up("alice").await, world.sign_up("bob").await);
    bob.engine().subscribe(vec!["news.>".to_owned()]).await.unwrap();
    world.restart_relay().await;
    let mut ear = bob.listen();
    let heard = async || alice.engine().subscribers("news.today").await.is_ok_and(|count| count == 1);
    crate::world::eventually("bob is subscribed again", heard).await;
    alice.engine().publish("news.today", "rain").await.unwrap();
    ear.hears("the news", |event| data_of(event) == Some(("news.today", "rain"))).await;
}
