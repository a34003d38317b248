//! How a conversation travels: links that come and go, who may have one, and what is shown of it.

use desktop_app::Event;
use desktop_app::views::{Delivery, DirectLinks, Route};

use crate::telling::{counted, pair};
use crate::world::{World, eventually};

#[tokio::test]
async fn both_dial_at_once_and_talk_over_one_link() {
    let world = World::new().await;
    let (alice, bob, chat) = pair(&world).await;
    alice.never_direct().await;
    bob.never_direct().await;
    tokio::join!(alice.everybody_direct(), bob.everybody_direct());
    alice.linked(chat).await;
    bob.linked(chat).await;
    let engines = (alice.engine().clone(), bob.engine().clone());
    let talk = |engine: desktop_app::Engine, name: &'static str| async move {
        for n in 0..100 {
            let message = desktop_app::views::Outgoing { text: format!("{name} {n}"), ..Default::default() };
            engine.send(chat, message).await.unwrap();
        }
    };
    tokio::join!(talk(engines.0, "a"), talk(engines.1, "b"));
    for device in [&alice, &bob] {
        eventually("all has come", async || device.texts(chat).await.len() == 200).await;
        for name in ["a ", "b "] {
            let texts: Vec<String> =
                device.texts(chat).await.into_iter().filter(|text| text.starts_with(name)).collect();
            assert_eq!(texts, counted(0..100).iter().map(|n| format!("{name}{n}")).collect::<Vec<_>>());
        }
    }
    eventually("both show the same order", async || alice.texts(chat).await == bob.texts(chat).await).await;
}

#[tokio::test]
async fn the_route_follows_a_link_that_dies_and_comes_back_by_itself() {
    let world = World::new().await;
    let (alice, mut bob, chat) = pair(&world).await;
    alice.linked(chat).await;
    bob.linked(chat).await;
    let mut expected = counted(0..10);
    alice.say_all(chat, &expected).await;
    bob.shows_all(chat, &expected).await;
    let mut ear = alice.listen();
    bob.kill().await;
    ear.hears(
        "another route",
        |event| matches!(event, Event::Route { route, .. } if matches!(route.route, Route::Relay | Route::Wait)),
    )
    .await;
    let more = counted(10..20);
    let keys = alice.say_all(chat, &more).await;
    expected.extend(more);
    alice.came(chat, keys[9], Delivery::Sent).await;
    bob.start().await;
    bob.shows_all(chat, &expected).await;
    alice.linked(chat).await;
    bob.linked(chat).await;
    alice.say(chat, "direct again").await;
    expected.push("direct again".to_owned());
    bob.shows_all(chat, &expected).await;
    for key in keys {
        alice.came(chat, key, Delivery::Delivered).await;
    }
}

#[tokio::test]
async fn nothing_is_lost_doubled_or_reordered_when_links_are_forbidden_and_allowed_amid_a_conversation() {
    let world = World::new().await;
    let (alice, bob, chat) = pair(&world).await;
    alice.linked(chat).await;
    let mut expected = Vec::new();
    for round in 0..6 {
        let words: Vec<String> = (0..15).map(|n| format!("{round}.{n}")).collect();
        alice.say_all(chat, &words).await;
        expected.extend(words);
        match round % 3 {
            0 => bob.never_direct().await,
            1 => bob.everybody_direct().await,
            _ => alice.linked(chat).await,
        }
    }
    bob.shows_all(chat, &expected).await;
    assert!(bob.gaps(chat).await.is_empty());
    alice.shows_all(chat, &expected).await;
}

#[tokio::test]
async fn links_are_made_with_those_only_whom_the_person_chose() {
    let world = World::new().await;
    let (alice, bob, chat) = pair(&world).await;
    alice.linked(chat).await;
    alice.choose(|settings| settings.direct_links = DirectLinks::Verified).await;
    eventually("alice has no link", async || alice.view(chat).await.route.route == Route::Relay).await;
    eventually("nor has bob", async || bob.view(chat).await.route.linked == 0).await;
    alice.say(chat, "by the relay").await;
    bob.shows(chat, &["by the relay"]).await;
    alice.engine().set_verified(bob.account().await, true).await.unwrap();
    alice.linked(chat).await;
    bob.linked(chat).await;
    alice.never_direct().await;
    eventually("no link at all", async || alice.view(chat).await.route.linked == 0).await;
    alice.say(chat, "by the relay again").await;
    bob.shows(chat, &["by the relay", "by the relay again"]).await;
}

#[tokio::test]
async fn who_hides_the_own_address_has_no_link_where_there_is_no_turn_server() {
    let world = World::new().await;
    let (mut alice, bob, chat) = pair(&world).await;
    alice.linked(chat).await;
    alice.choose(|settings| settings.hide_address = true).await;
    for device in [&alice, &bob] {
        eventually("no link is left", async || device.view(chat).await.route.linked == 0).await;
    }
    alice.restart().await;
    assert!(alice.engine().settings().await.unwrap().hide_address, "it is kept");
    alice.online().await;
    let mut ear = alice.listen();
    alice.say(chat, "by the relay").await;
    bob.say(chat, "so here").await;
    alice.shows(chat, &["by the relay", "so here"]).await;
    let direct = |event: &Event| matches!(event, Event::Route { route, .. } if route.linked > 0);
    assert!(!ear.heard().iter().any(direct), "nor did one come again");
    alice.choose(|settings| settings.hide_address = false).await;
    for device in [&alice, &bob] {
        device.linked(chat).await;
    }
}

#[tokio::test]
async fn a_new_link_opens_while_the_relay_still_holds_older_messages() {
    let world = World::new().await;
    let (alice, mut bob, chat) = pair(&world).await;
    alice.linked(chat).await;
    bob.kill().await;
    let mut expected = counted(0..300);
    let keys = alice.say_all(chat, &expected).await;
    alice.came(chat, keys[299], Delivery::Sent).await;
    bob.gate.slow(std::time::Duration::from_millis(20));
    bob.start().await;
    // New ones go out all the while the old ones come in and the link opens.
    let mut n = 300;
    let linked = async || alice.view(chat).await.route.linked == 1;
    while !linked().await {
        alice.say(chat, &n.to_string()).await;
        n += 1;
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    alice.say_all(chat, &counted(n..n + 20)).await;
    expected = counted(0..n + 20);
    bob.shows_all(chat, &expected).await;
    assert!(bob.gaps(chat).await.is_empty());
}

#[tokio::test]
async fn a_link_dies_with_five_unmarked_of_which_three_had_arrived() {
    let world = World::new().await;
    let (alice, bob, chat) = pair(&world).await;
    alice.linked(chat).await;
    bob.linked(chat).await;
    alice.gate.cut();
    alice.offline().await;
    let mut ear = bob.listen();
    // What bob says on the link is lost, his marks among it; then nothing gets through at all.
    bob.lose(1.0, 7);
    let mut keys = alice.say_all(chat, &counted(0..3)).await;
    bob.shows_all(chat, &counted(0..3)).await;
    alice.stop_links();
    keys.extend(alice.say_all(chat, &counted(3..5)).await);
    for key in &keys {
        assert_eq!(alice.delivery(chat, *key).await, Delivery::Waiting);
    }
    alice.gate.heal();
    bob.shows_all(chat, &counted(0..5)).await;
    for key in &keys {
        alice.came(chat, *key, Delivery::Delivered).await;
    }
    alice.heal_links();
    bob.heal_links();
    alice.say(chat, "5").await;
    bob.shows_all(chat, &counted(0..6)).await;
    let told = ear.told();
    assert_eq!(told[..5], keys, "each was told once, in order");
    assert!(bob.gaps(chat).await.is_empty());
}

#[tokio::test]
async fn one_device_of_three_is_linked_and_the_sender_dies_with_the_relay_down() {
    let mut world = World::new().await;
    let (mut alice, mut bob) = (world.sign_up("alice").await, world.sign_up("bob").await);
    let mut phone = world.sign_in("bob", "phone").await;
    let chat = alice.direct(&bob).await;
    bob.has_chat(chat).await;
    phone.has_chat(chat).await;
    eventually("alice is linked to both", async || alice.view(chat).await.route.linked == 2).await;
    phone.kill().await;
    eventually("and now to one", async || alice.view(chat).await.route.linked == 1).await;
    world.kill_relay().await;
    alice.offline().await;
    let key = alice.say(chat, "only to one").await;
    bob.shows(chat, &["only to one"]).await;
    alice.came(chat, key, Delivery::Delivered).await;
    alice.kill().await;
    world.start_relay().await;
    phone.start().await;
    phone.online().await;
    bob.restart().await;
    bob.online().await;
    assert!(phone.texts(chat).await.is_empty(), "nobody who is there can tell it");
    alice.start().await;
    phone.shows(chat, &["only to one"]).await;
    bob.shows(chat, &["only to one"]).await;
    alice.say(chat, "now to all").await;
    for device in [&bob, &phone] {
        device.shows(chat, &["only to one", "now to all"]).await;
        assert!(device.gaps(chat).await.is_empty());
    }
}

#[tokio::test]
async fn a_link_dies_with_some_of_its_messages_unmarked() {
    let world = World::new().await;
    let (alice, mut bob, chat) = pair(&world).await;
    let mut expected = Vec::new();
    for round in 0..5 {
        alice.linked(chat).await;
        // Killed at another moment each time: before, amid and after the arrival of the five.
        let words: Vec<String> = (0..5).map(|n| format!("{round}.{n}")).collect();
        alice.say_all(chat, &words).await;
        expected.extend(words);
        tokio::time::sleep(std::time::Duration::from_millis(round * 4)).await;
        bob.kill().await;
        alice.say(chat, &format!("{round} after")).await;
        expected.push(format!("{round} after"));
        bob.start().await;
        bob.shows_all(chat, &expected).await;
    }
    assert!(bob.gaps(chat).await.is_empty());
}
