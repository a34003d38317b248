//! What a screen asks beside the everyday: places that survive the way there and back, jumps to a date, routes of members, lists for
//! the settings, and what a relay says of itself before there is an account.

use std::time::Duration;

use desktop_app::views::{FOREVER, Page, Position, Route};
use desktop_app::{EngineError, Event};
use parley_protocol::DeviceId;
use parley_protocol::http::Registration;

use crate::telling::{counted, pair, pair_by_relay};
use crate::world::{World, eventually};

const DAY: i64 = 24 * 3_600_000;

#[test]
fn a_place_crosses_as_a_string_and_comes_back_exact() {
    let place = Position(i64::MAX - 1, i64::MIN, DeviceId::new(), (1 << 53) + 1);
    let page = Page::Before { position: place };
    let text = serde_json::to_string(&page).unwrap();
    assert!(text.starts_with(r#"{"page":"before","position":""#), "{text}");
    assert_eq!(serde_json::from_str::<Page>(&text).unwrap(), page);
    for wrong in ["", "1_2_3", "1_2_x_4", &format!("{place}_5"), "1_2"] {
        assert!(wrong.parse::<Position>().is_err(), "{wrong}");
    }
}

#[tokio::test]
async fn a_date_is_found_among_a_year_of_messages() {
    let world = World::new().await;
    let (alice, bob, chat) = pair_by_relay(&world).await;
    let today = i64::try_from(std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap();
    for day in -60..0 {
        alice.set_skew(day * DAY);
        alice.say(chat, &format!("day {day}")).await;
    }
    bob.shows_all(chat, &(-60..0).map(|day| format!("day {day}")).collect::<Vec<_>>()).await;
    let noon = |day: i64| Page::At { time: (today + day * DAY - DAY / 2).cast_unsigned() };
    for device in [&alice, &bob] {
        let lines = device.engine().history(chat, noon(-30), 40).await.unwrap();
        let at = lines.iter().position(|line| line.text == "day -30").expect("the day that was asked for");
        assert!((1..=20).contains(&at), "some lines stand before it, {at}");
        assert_eq!(lines[at - 1].text, "day -31");
        let last = device.engine().history(chat, noon(10), 5).await.unwrap();
        assert_eq!(last.last().unwrap().text, "day -1", "beyond the end the newest are shown");
    }
}

#[tokio::test]
async fn a_date_and_a_quoted_message_are_fetched_from_a_channel_s_history() {
    let world = World::new().await;
    let (alice, bob) = (world.sign_up("alice").await, world.sign_up("bob").await);
    let chat = alice.channel("News").await;
    let keys = alice.say_all(chat, &counted(0..450)).await;
    alice.came(chat, keys[449], desktop_app::views::Delivery::Sent).await;
    bob.engine().join(chat).await.unwrap();
    let old = bob.engine().history(chat, Page::Around(keys[100]), 20).await.unwrap();
    assert!(old.iter().any(|line| line.text == "100"), "{old:?}");

    let carol = world.sign_up("carol").await;
    carol.engine().join(chat).await.unwrap();
    let first = carol.engine().history(chat, Page::At { time: 1 }, 20).await.unwrap();
    assert!(first.iter().any(|line| line.text == "0"), "{first:?}");
}

#[tokio::test]
async fn a_channel_that_is_all_here_is_not_asked_for_again() {
    let world = World::new().await;
    let (alice, bob) = (world.sign_up("alice").await, world.sign_up("bob").await);
    let chat = alice.channel("News").await;
    let keys = alice.say_all(chat, &counted(0..3)).await;
    alice.came(chat, keys[2], desktop_app::views::Delivery::Sent).await;
    bob.engine().join(chat).await.unwrap();
    bob.shows_all(chat, &counted(0..3)).await;
    // A relay that answers nothing any more holds up whoever asks it.
    bob.gate.freeze();
    let asked = bob.engine().history(chat, Page::Newest, 100);
    let lines = tokio::time::timeout(Duration::from_secs(10), asked).await.expect("no relay is needed").unwrap();
    assert_eq!(lines.iter().filter(|line| !line.text.is_empty()).count(), 3);
}

#[tokio::test]
async fn the_list_of_members_says_how_each_is_reached() {
    let world = World::new().await;
    let (alice, bob, chat) = pair(&world).await;
    alice.linked(chat).await;
    let (alices, bobs) = (alice.account().await, bob.account().await);
    let route = async |account| {
        let members = alice.engine().members(chat).await.unwrap();
        members.into_iter().find(|member| member.account == account).unwrap().route
    };
    assert_eq!(route(alices).await, None);
    eventually("the link shows", async || route(bobs).await == Some(Route::Lan)).await;
    bob.never_direct().await;
    eventually("the relay carries", async || route(bobs).await == Some(Route::Relay)).await;
    alice.gate.cut();
    eventually("nothing carries", async || route(bobs).await == Some(Route::Wait)).await;
}

#[tokio::test]
async fn silence_ends_by_itself_and_for_good_is_a_date() {
    let world = World::new().await;
    let (alice, _bob, chat) = pair_by_relay(&world).await;
    assert_eq!(alice.view(chat).await.muted_until, None);
    alice.engine().mute(chat, FOREVER).await.unwrap();
    assert_eq!(alice.view(chat).await.muted_until, Some(FOREVER));
    alice.engine().mute(chat, 1).await.unwrap();
    assert_eq!(alice.view(chat).await.muted_until, None, "that time has passed");
}

#[tokio::test]
async fn who_is_blocked_and_what_is_subscribed_to_is_listed() {
    let world = World::new().await;
    let (alice, bob, carol) = (world.sign_up("alice").await, world.sign_up("bob").await, world.sign_up("carol").await);
    assert!(alice.engine().blocked().await.unwrap().is_empty());
    for other in [&carol, &bob] {
        alice.engine().set_blocked(other.account().await, true).await.unwrap();
    }
    let names: Vec<String> = alice.engine().blocked().await.unwrap().into_iter().map(|user| user.username).collect();
    assert_eq!(names, ["bob", "carol"]);
    carol.engine().delete_account(crate::world::PASSWORD).await.unwrap();
    let names: Vec<String> = alice.engine().blocked().await.unwrap().into_iter().map(|user| user.username).collect();
    assert_eq!(names, ["bob"]);

    alice.online().await;
    alice.engine().subscribe(vec!["weather.>".to_owned(), "news.*".to_owned()]).await.unwrap();
    assert_eq!(alice.engine().subscriptions().await.unwrap(), ["news.*", "weather.>"]);
    alice.engine().unsubscribe(vec!["news.*".to_owned()]).await.unwrap();
    assert_eq!(alice.engine().subscriptions().await.unwrap(), ["weather.>"]);
}

#[tokio::test]
async fn a_relay_is_looked_at_before_there_is_an_account() {
    let world = World::with(|config| config.registration = Registration::Invite).await;
    let alice = world.device("alice", "alice").await;
    let relay = alice.relay();
    let info = alice.engine().check_relay(&format!(" {relay}/ ")).await.unwrap();
    assert_eq!((info.relay.as_str(), info.registration), (relay.as_str(), Registration::Invite));
    assert_eq!(info.name, relay.trim_start_matches("http://"), "without a name it is shown by its host");
    assert!(matches!(alice.engine().check_relay("ftp://x").await, Err(EngineError::Invalid(_))));
    alice.gate.cut();
    assert!(matches!(alice.engine().check_relay(&relay).await, Err(EngineError::Unreachable(_))));
}

#[tokio::test]
async fn own_changes_and_changes_of_the_chat_are_told_to_the_own_screen() {
    let world = World::new().await;
    let (alice, bob, _) = pair_by_relay(&world).await;
    let group = alice.on(|engine| async move { engine.new_group("Tea", vec!["bob".to_owned()]).await }).await.unwrap();
    let key = alice.say(group, "one").await;
    let mut ear = alice.listen();
    let mut told = async |what: &str| {
        ear.hears(what, |event| matches!(event, Event::MessageChanged { key: about, .. } if *about == key)).await;
    };
    alice.engine().edit(group, key, "two").await.unwrap();
    told("an own edit").await;
    alice.engine().react(group, key, "👍", true).await.unwrap();
    told("an own reaction").await;
    alice.engine().delete(group, key).await.unwrap();
    told("an own deletion").await;
    let mut ear = bob.listen();
    alice.engine().describe(group, Some("Coffee".to_owned()), None).await.unwrap();
    ear.hears("a new title", |event| matches!(event, Event::Chat { chat } if *chat == group)).await;
    eventually("the line is there", async || bob.view(group).await.name == "Coffee").await;
}

#[tokio::test]
async fn an_engine_that_fails_says_so_and_its_profile_opens_again() {
    let world = World::new().await;
    let (mut alice, _bob, chat) = pair_by_relay(&world).await;
    alice.say(chat, "before").await;
    let engine = alice.engine().clone();
    engine.fail().await;
    tokio::time::timeout(crate::world::PATIENCE, engine.ended()).await.expect("it says that it has ended");
    assert!(matches!(engine.chats().await, Err(EngineError::Closed | EngineError::Invalid(_))));
    drop(engine);
    alice.restart().await;
    alice.shows(chat, &["before"]).await;
}
