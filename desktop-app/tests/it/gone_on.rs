//! A relay that is an old copy, on which others have gone on before those come back who know better.

use desktop_app::views::Delivery;

use crate::telling::{counted, trio};
use crate::world::{World, eventually};

#[tokio::test]
async fn others_go_on_fifty_entries_behind_before_those_are_back_who_wrote_them() {
    let mut world = World::new().await;
    let (alice, bob, carol, chat) = trio(&world).await;
    let dave = world.sign_up("dave").await;
    alice.engine().add_member(chat, "dave").await.unwrap();
    dave.has_chat(chat).await;
    for device in [&alice, &bob, &carol, &dave] {
        device.counts(chat, 4).await;
    }
    let start = alice.say(chat, "start").await;
    for device in [&bob, &carol, &dave] {
        device.shows(chat, &["start"]).await;
    }
    alice.came(chat, start, Delivery::Delivered).await;
    // Dave is away from before the copy; what is lost he has never had.
    dave.gate.cut();
    dave.offline().await;
    let mut ears = [bob.listen(), carol.listen(), dave.listen()];
    let copy = world.back_up_relay().await;
    alice.say_all(chat, &counted(0..25)).await;
    eventually("bob has alice's", async || bob.texts(chat).await.len() == 26).await;
    bob.say_all(chat, &counted(25..50)).await;
    let mut expected = vec!["start".to_owned()];
    expected.extend(counted(0..50));
    for device in [&alice, &carol] {
        device.shows_all(chat, &expected).await;
    }
    for device in [&alice, &bob] {
        device.gate.cut();
        device.offline().await;
    }
    world.go_back_to(&copy).await;
    // One who has them and one who has not go on, where the lost ones had stood.
    carol.online().await;
    dave.gate.heal();
    dave.online().await;
    let mut keys = Vec::new();
    for n in 0..5 {
        keys.push(carol.say(chat, &format!("carol {n}")).await);
        carol.came(chat, keys[keys.len() - 1], Delivery::Sent).await;
        keys.push(dave.say(chat, &format!("dave {n}")).await);
        dave.came(chat, keys[keys.len() - 1], Delivery::Sent).await;
    }
    eventually("both have gone on", async || dave.texts(chat).await.len() == 11 && carol.texts(chat).await.len() == 61)
        .await;
    for device in [&alice, &bob] {
        device.gate.heal();
    }
    let last = alice.say(chat, "all here again").await;
    for device in [&alice, &bob, &carol, &dave] {
        eventually("everything is there", async || device.texts(chat).await.len() == 62).await;
        assert_eq!(device.gaps(chat).await, [], "{}", device.name);
    }
    for device in [&bob, &carol, &dave] {
        assert_eq!(device.texts(chat).await, alice.texts(chat).await, "{} shows the same order", device.name);
    }
    for of in [counted(0..25), counted(25..50)] {
        let texts = dave.texts(chat).await.into_iter().filter(|text| of.contains(text));
        assert_eq!(texts.collect::<Vec<_>>(), of, "what one device sent is shown in the order it was sent");
    }
    alice.came(chat, last, Delivery::Delivered).await;
    for (device, ear) in [&bob, &carol, &dave].into_iter().zip(&mut ears) {
        let mut told = ear.told();
        let count = told.len();
        told.sort_unstable();
        told.dedup();
        assert_eq!(told.len(), count, "{} was told of none twice", device.name);
    }
}
