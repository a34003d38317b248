//! A profile's folder: who may open it, and what happens to copies of it.

use desktop_app::views::{Connection, Delivery, FOREVER};
use desktop_app::{Engine, EngineError, Event, Options};

use crate::telling::{counted, pair, pair_by_relay};
use crate::world::{Device, World, eventually};

#[tokio::test]
async fn a_second_engine_on_one_profile_is_refused() {
    let world = World::new().await;
    let alice = world.sign_up("alice").await;
    let second = Engine::open(&alice.folder, Options::default()).await;
    assert!(matches!(second, Err(EngineError::ProfileInUse(_))));
    alice.online().await;
}

#[tokio::test]
async fn a_profile_of_a_newer_version_is_refused_and_left_as_it_is() {
    let world = World::new().await;
    let mut alice = world.sign_up("alice").await;
    alice.kill().await;
    let version = |db: &rusqlite::Connection| db.query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0));
    let now = version(&alice.database()).unwrap();
    alice.database().pragma_update(None, "user_version", now + 1).unwrap();
    let refused = Engine::open(&alice.folder, Options::default()).await;
    assert!(matches!(refused, Err(EngineError::ProfileNewer)));
    assert_eq!(version(&alice.database()).unwrap(), now + 1);
    alice.database().pragma_update(None, "user_version", now).unwrap();
    alice.start().await;
    alice.online().await;
}

#[tokio::test]
async fn a_profile_whose_database_is_locked_says_so_and_opens_once_it_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let open = async || Engine::open(folder.path(), Options::default()).await;
    open().await.unwrap().close().await;
    let lock = rusqlite::Connection::open(folder.path().join("parley.sqlite")).unwrap();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    let refused = open().await.err();
    assert!(
        matches!(&refused, Some(EngineError::Storage(error)) if error.to_string().contains("locked")),
        "{refused:?}"
    );
    lock.execute_batch("ROLLBACK").unwrap();
    open().await.unwrap().close().await;
}

#[tokio::test]
async fn what_is_no_profile_is_named_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("notes.txt");
    std::fs::write(&place, "notes").unwrap();
    let error = Engine::open(&place, Options::default()).await.err().unwrap().to_string();
    assert!(error.contains(place.to_str().unwrap()) && error.contains("choose another"), "{error}");
    let place = folder.path().join("parley.sqlite");
    std::fs::write(&place, "this is no database ".repeat(1_000)).unwrap();
    let error = Engine::open(folder.path(), Options::default()).await.err().unwrap().to_string();
    assert!(error.contains(place.to_str().unwrap()) && error.contains("put a backup in its place"), "{error}");
}

#[tokio::test]
async fn a_relay_that_is_away_is_named() {
    let mut world = World::new().await;
    let alice = world.sign_up("alice").await;
    let relay = format!("http://127.0.0.1:{}", world.port());
    world.kill_relay().await;
    let error = alice.on(move |engine| async move { engine.check_relay(&relay).await }).await.unwrap_err().to_string();
    assert!(error.contains(&format!("http://127.0.0.1:{}", world.port())), "{error}");
    let away = async || match alice.engine().connection().await.unwrap() {
        Connection::Offline { reason, .. } => reason.contains(&alice.relay()),
        _ => false,
    };
    eventually("the relay which cannot be reached is named", away).await;
}

#[tokio::test]
async fn an_old_copy_of_a_profile_becomes_a_new_device() {
    let world = World::new().await;
    let (alice, mut bob, chat) = pair_by_relay(&world).await;
    alice.say(chat, "before the copy").await;
    bob.shows(chat, &["before the copy"]).await;
    let device = bob.device_id().await;
    bob.kill().await;
    let copy = bob.copy_profile().await;
    bob.start().await;
    let keys = bob.say_all(chat, &counted(0..10)).await;
    bob.came(chat, keys[9], Delivery::Delivered).await;
    bob.kill().await;
    bob.put_back(&copy).await;
    // It writes before it has heard from anybody.
    bob.gate.cut();
    bob.start().await;
    bob.never_direct().await;
    bob.say(chat, "from the copy").await;
    let mut ear = bob.listen();
    bob.gate.heal();
    ear.hears_notice("old_copy").await;
    bob.online().await;
    assert_ne!(bob.device_id().await, device);
    let mut expected = vec!["before the copy".to_owned()];
    expected.extend(counted(0..10));
    expected.push("from the copy".to_owned());
    alice.shows_all(chat, &expected).await;
    // The copy keeps what it has, says that something may be missing, and goes on.
    bob.shows(chat, &["before the copy", "from the copy"]).await;
    assert!(bob.gaps(chat).await.iter().any(|(_, why)| why == "old_copy"));
    alice.say(chat, "who are you?").await;
    bob.shows(chat, &["before the copy", "from the copy", "who are you?"]).await;
    let key = bob.say(chat, "bob").await;
    bob.came(chat, key, Delivery::Delivered).await;
    expected.extend(["who are you?".to_owned(), "bob".to_owned()]);
    alice.shows_all(chat, &expected).await;
    let devices = bob.engine().devices().await.unwrap();
    assert!(devices.iter().all(|known| known.device.id != device), "the old device is revoked");
    assert!(alice.gaps(chat).await.is_empty());
    bob.restart().await;
    bob.online().await;
    alice.shows_all(chat, &expected).await;
}

#[tokio::test]
async fn a_copy_with_something_waiting_lets_the_person_decide() {
    let world = World::new().await;
    let (alice, mut bob, chat) = pair_by_relay(&world).await;
    bob.gate.cut();
    bob.offline().await;
    let key = bob.say(chat, "waiting").await;
    bob.kill().await;
    let copy = bob.copy_profile().await;
    bob.gate.heal();
    bob.start().await;
    alice.shows(chat, &["waiting"]).await;
    bob.kill().await;
    bob.put_back(&copy).await;
    bob.start().await;
    // The profile it was copied from has sent it; sending it by itself would double it.
    bob.failed(chat, key).await;
    bob.online().await;
    bob.say(chat, "new").await;
    alice.shows(chat, &["waiting", "new"]).await;
}

#[tokio::test]
async fn what_a_copy_had_waiting_in_a_channel_is_found_in_its_place_if_it_went_out() {
    let world = World::new().await;
    let (alice, mut bob) = (world.sign_up("alice").await, world.sign_up("bob").await);
    let chat = alice.on(|engine| async move { engine.new_channel("News", "", true).await }).await.unwrap();
    bob.engine().join(chat).await.unwrap();
    bob.gate.cut();
    bob.offline().await;
    let key = bob.say(chat, "waiting").await;
    bob.kill().await;
    let copy = bob.copy_profile().await;
    bob.gate.heal();
    bob.start().await;
    bob.say(chat, "later").await;
    alice.shows(chat, &["waiting", "later"]).await;
    bob.kill().await;
    bob.put_back(&copy).await;
    bob.start().await;
    bob.shows(chat, &["waiting", "later"]).await;
    bob.came(chat, key, Delivery::Sent).await;
    bob.say(chat, "new").await;
    for device in [&alice, &bob] {
        device.shows(chat, &["waiting", "later", "new"]).await;
    }
}

#[tokio::test]
async fn a_device_that_lost_its_last_commits_gets_them_back() {
    let world = World::new().await;
    let (alice, mut bob, chat) = pair_by_relay(&world).await;
    alice.say(chat, "one").await;
    bob.shows(chat, &["one"]).await;
    // As a disk does which had not written what it said it had: the newest commits of this opening are gone.
    let folder = tempfile::tempdir().unwrap();
    let snapshot = folder.path().join("parley.sqlite");
    bob.database().execute("VACUUM INTO ?1", [snapshot.to_str().unwrap()]).unwrap();
    alice.say(chat, "two").await;
    bob.shows(chat, &["one", "two"]).await;
    let key = bob.say(chat, "three").await;
    bob.came(chat, key, Delivery::Delivered).await;
    bob.kill().await;
    bob.put_back(&folder).await;
    bob.start().await;
    bob.shows(chat, &["one", "two", "three"]).await;
    bob.say(chat, "four").await;
    alice.shows(chat, &["one", "two", "three", "four"]).await;
    bob.shows(chat, &["one", "two", "three", "four"]).await;
    assert!(alice.gaps(chat).await.is_empty() && bob.gaps(chat).await.is_empty());
}

#[tokio::test]
async fn tokens_that_were_refreshed_and_never_stored_do_no_harm() {
    let world = World::new().await;
    let (alice, mut bob, chat) = pair_by_relay(&world).await;
    let read = |db: &rusqlite::Connection| -> String {
        db.query_row("SELECT value FROM settings WHERE key = 'credentials'", [], |row| row.get(0)).unwrap()
    };
    bob.kill().await;
    // They have run out, so they are refreshed at once, and not again.
    let expired = "UPDATE settings SET value = json_set(value, '$.expires_at', 0) WHERE key = 'credentials'";
    bob.database().execute(expired, []).unwrap();
    let before = read(&bob.database());
    bob.start().await;
    bob.online().await;
    assert_ne!(read(&bob.database()), before);
    // As if the app had died between the relay's answer and its own commit.
    bob.kill().await;
    bob.database().execute("UPDATE settings SET value = ?1 WHERE key = 'credentials'", [&before]).unwrap();
    bob.start().await;
    bob.online().await;
    bob.say(chat, "still here").await;
    alice.shows(chat, &["still here"]).await;
}

#[tokio::test]
async fn signing_out_keeps_the_history_and_signing_in_goes_on() {
    let world = World::new().await;
    let (alice, bob, chat) = pair(&world).await;
    alice.say(chat, "one").await;
    bob.shows(chat, &["one"]).await;
    let device = bob.device_id().await;
    bob.engine().sign_out(false).await.unwrap();
    alice.say(chat, "two").await;
    assert_eq!(bob.texts(chat).await, ["one"]);
    bob.sign_in().await;
    bob.online().await;
    assert_eq!(bob.device_id().await, device);
    bob.shows(chat, &["one", "two"]).await;
}

#[tokio::test]
async fn marks_and_unread_counts_outlive_the_app() {
    let world = World::new().await;
    let (mut alice, mut bob, chat) = pair(&world).await;
    let keys = alice.say_all(chat, &counted(0..6)).await;
    bob.shows_all(chat, &counted(0..6)).await;
    bob.engine().mark_read(chat, Some(keys[2])).await.unwrap();
    alice.came(chat, keys[2], Delivery::Read).await;
    alice.restart().await;
    bob.restart().await;
    assert_eq!(bob.view(chat).await.unread, 3);
    assert_eq!(alice.delivery(chat, keys[2]).await, Delivery::Read);
    assert_eq!(alice.delivery(chat, keys[3]).await, Delivery::Delivered);
    let next = alice.say(chat, "6").await;
    bob.has_unread(chat, 4).await;
    bob.engine().mark_read(chat, None).await.unwrap();
    alice.came(chat, next, Delivery::Read).await;
    alice.came(chat, keys[3], Delivery::Read).await;
    assert_eq!(alice.delivery(chat, keys[0]).await, Delivery::Read, "a run which is complete is known to be read");
}

#[tokio::test]
async fn the_tray_counts_what_is_unread_in_chats_that_are_neither_muted_nor_archived() {
    let world = World::new().await;
    let (alice, bob, chat) = pair_by_relay(&world).await;
    let group = alice.group("Tea", &[&bob]).await;
    bob.has_chat(group).await;
    let counts = async |expected| {
        let what = format!("bob has {expected} unread in all");
        eventually(&what, async || bob.engine().unread().await.unwrap() == expected).await;
    };
    alice.say_all(chat, &counted(0..3)).await;
    alice.say_all(group, &counted(0..2)).await;
    counts(5).await;
    bob.engine().mute(group, FOREVER).await.unwrap();
    counts(3).await;
    bob.engine().mute(group, 1).await.unwrap();
    counts(5).await;
    bob.engine().archive(chat, true).await.unwrap();
    counts(2).await;
    bob.engine().archive(chat, false).await.unwrap();
    bob.engine().mark_read(group, None).await.unwrap();
    counts(3).await;
    assert_eq!(alice.engine().unread().await.unwrap(), 0, "nobody counts what they wrote");
    bob.engine().sign_out(false).await.unwrap();
    counts(0).await;
}

#[tokio::test]
async fn what_was_read_just_before_the_app_was_closed_is_told() {
    let world = World::new().await;
    let (alice, mut bob, chat) = pair_by_relay(&world).await;
    let key = alice.say(chat, "read this").await;
    bob.has_unread(chat, 1).await;
    bob.engine().mark_read(chat, None).await.unwrap();
    bob.close().await;
    alice.came(chat, key, Delivery::Read).await;
}

#[tokio::test]
async fn a_profile_that_was_cut_off_before_the_welcome_comes_back_without_a_word() {
    let world = World::new().await;
    let mut alice = world.sign_up("alice").await;
    let confirmed = |device: &Device| -> String {
        let sql = "SELECT value FROM settings WHERE key = 'confirmed_opening'";
        device.database().query_row(sql, [], |row| row.get(0)).unwrap()
    };
    let first = confirmed(&alice);
    alice.restart().await;
    alice.online().await;
    assert_ne!(first, confirmed(&alice));
    alice.close().await;
    // As if this second opening had ended between its hello and the welcome.
    alice.database().execute("UPDATE settings SET value = ?1 WHERE key = 'confirmed_opening'", [&first]).unwrap();
    alice.start().await;
    let mut ear = alice.listen();
    alice.online().await;
    let offline = |event: &Event| matches!(event, Event::Connection(Connection::Offline { .. }) | Event::Notice { .. });
    let heard: Vec<Event> = ear.heard().into_iter().filter(offline).collect();
    assert!(heard.is_empty(), "{heard:?}");
}
