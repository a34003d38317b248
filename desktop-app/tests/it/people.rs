//! What a person chooses: whom to block, what to mute, what others learn, drafts, and finding again what was said.

use desktop_app::views::Delivery;
use desktop_app::{EngineError, Event};
use parley_protocol::frames::PresenceState;
use parley_protocol::http::CheckUsername;
use parley_protocol::{ChatId, Code};

use crate::telling::{pair, pair_by_relay};
use crate::world::{Device, World, eventually};

/// Whether the next message that an ear hears of wants a notification.
async fn notifies(ear: &mut crate::telling::Ear) -> bool {
    let event = ear.hears("a message", |event| matches!(event, Event::Message { .. })).await;
    matches!(event, Event::Message { notify: true, .. })
}

#[tokio::test]
async fn a_name_is_free_until_somebody_has_it() {
    let world = World::new().await;
    let alice = world.sign_up("alice").await;
    let ask = async |name: &str| {
        let request = CheckUsername { username: name.to_owned(), invite: None };
        alice.engine().check_username(&alice.relay(), request).await
    };
    ask("bob").await.unwrap();
    world.sign_up("bob").await;
    for (name, code) in [("BOB", Code::NameTaken), ("b b", Code::BadRequest)] {
        assert_eq!(ask(name).await.unwrap_err().code(), Some(code), "{name}");
    }
    let nowhere = alice.engine().check_username("nowhere", CheckUsername { username: "x".into(), invite: None }).await;
    assert!(matches!(nowhere, Err(EngineError::Unreachable(_))), "{nowhere:?}");
}

#[tokio::test]
async fn a_muted_chat_is_silent_for_mentions_too() {
    let world = World::new().await;
    let (alice, bob, chat) = pair(&world).await;
    let mut ear = bob.listen();
    alice.say(chat, "loud").await;
    assert!(notifies(&mut ear).await);
    bob.engine().mute(chat, u64::MAX).await.unwrap();
    alice.say(chat, "silent").await;
    assert!(!notifies(&mut ear).await);
    alice.mention(chat, "@bob", bob.account().await).await;
    assert!(!notifies(&mut ear).await);
    assert_eq!((bob.view(chat).await.unread, bob.view(chat).await.mentions), (3, 1));
    bob.engine().mute(chat, 0).await.unwrap();
    alice.say(chat, "loud again").await;
    assert!(notifies(&mut ear).await);
}

#[tokio::test]
async fn one_s_own_messages_do_not_notify_on_the_other_device() {
    let world = World::new().await;
    let (alice, bob, chat) = pair(&world).await;
    let phone = world.sign_in("alice", "phone").await;
    phone.has_chat(chat).await;
    alice.knows_devices(chat, 2).await;
    let mut ear = phone.listen();
    alice.say(chat, "mine").await;
    assert!(!notifies(&mut ear).await);
    bob.shows(chat, &["mine"]).await;
}

#[tokio::test]
async fn nothing_of_a_blocked_account_shows() {
    let world = World::new().await;
    let (alice, bob, chat) = pair(&world).await;
    alice.linked(chat).await;
    bob.linked(chat).await;
    let bobs = bob.account().await;
    let mut ear = alice.listen();
    alice.engine().set_blocked(bobs, true).await.unwrap();
    eventually("the link is gone", async || alice.view(chat).await.route.linked == 0).await;
    eventually("on both sides", async || bob.view(chat).await.route.linked == 0).await;
    assert!(alice.view(chat).await.blocked);
    let key = bob.say(chat, "hear me").await;
    bob.came(chat, key, Delivery::Sent).await;
    bob.engine().typing(chat, true).await.unwrap();
    // A fence: what is sent in another chat afterwards arrives after it.
    let carol = world.sign_up("carol").await;
    let other = carol.direct(&alice).await;
    alice.has_chat(other).await;
    carol.say(other, "hello").await;
    alice.shows(other, &["hello"]).await;
    assert_eq!(alice.texts(chat).await, Vec::<String>::new());
    let heard = ear.heard();
    let of_bob = |event: &Event| match event {
        Event::Message { chat: place, .. } => *place == chat,
        Event::Typing { .. } => true,
        Event::Presence { account } => *account == bobs,
        _ => false,
    };
    let shown: Vec<&Event> = heard.iter().filter(|event| of_bob(event)).collect();
    assert!(shown.iter().all(|event| matches!(event, Event::Presence { .. })), "{shown:?}");
    let presence = alice.view(chat).await.presence.unwrap();
    assert_eq!(presence.state, parley_protocol::frames::PresenceState::Offline);
    alice.engine().set_blocked(bobs, false).await.unwrap();
    bob.say(chat, "at last").await;
    alice.shows(chat, &["at last"]).await;
    alice.linked(chat).await;
}

#[tokio::test]
async fn a_block_holds_on_every_own_device() {
    let world = World::new().await;
    let (alice, bob, chat) = pair_by_relay(&world).await;
    let phone = world.sign_in("alice", "phone").await;
    phone.has_chat(chat).await;
    alice.engine().set_blocked(bob.account().await, true).await.unwrap();
    eventually("the phone knows", async || phone.view(chat).await.blocked).await;
}

async fn hears_typing(from: &Device, to: &Device, chat: ChatId) {
    let mut ear = to.listen();
    from.engine().typing(chat, true).await.unwrap();
    let account = from.account().await;
    let typing = Event::Typing { chat, account, on: true };
    ear.hears("typing", |event| *event == typing).await;
}

#[tokio::test]
async fn typing_shows_by_either_route_and_not_when_turned_off() {
    let world = World::new().await;
    let (alice, bob, chat) = pair(&world).await;
    alice.linked(chat).await;
    bob.linked(chat).await;
    hears_typing(&alice, &bob, chat).await;
    alice.never_direct().await;
    eventually("no link", async || bob.view(chat).await.route.linked == 0).await;
    hears_typing(&alice, &bob, chat).await;
    alice.choose(|settings| settings.typing = false).await;
    let mut ear = bob.listen();
    alice.engine().typing(chat, true).await.unwrap();
    alice.say(chat, "quietly written").await;
    bob.shows(chat, &["quietly written"]).await;
    assert!(!ear.heard().iter().any(|event| matches!(event, Event::Typing { .. })));
}

#[tokio::test]
async fn drafts_pins_and_silence_outlive_the_app() {
    let world = World::new().await;
    let (mut alice, bob, chat) = pair(&world).await;
    alice.engine().set_draft(chat, "dear bob, ").await.unwrap();
    alice.engine().pin(chat, true).await.unwrap();
    alice.engine().mute(chat, u64::MAX).await.unwrap();
    alice.engine().archive(chat, true).await.unwrap();
    alice.restart().await;
    let view = alice.view(chat).await;
    assert_eq!(view.draft, "dear bob, ");
    assert!(view.pinned && view.archived && view.muted_until == Some(desktop_app::views::FOREVER));
    bob.say(chat, "well?").await;
    alice.shows(chat, &["well?"]).await;
    assert!(!alice.view(chat).await.archived, "something happened in it");
}

#[tokio::test]
async fn search_finds_parts_of_words_in_any_writing() {
    let world = World::new().await;
    let (alice, bob, chat) = pair(&world).await;
    for words in ["The Lighthouse keeper", "Привет, дорогой друг", "今日はいい天気ですね", "100% sure_thing", "straße"]
    {
        alice.say(chat, words).await;
    }
    eventually("bob has them", async || bob.texts(chat).await.len() == 5).await;
    let find = async |query: &str| -> Vec<String> {
        let hits = bob.engine().search(query, None, 10).await.unwrap();
        hits.into_iter().map(|hit| hit.message.text).collect()
    };
    for (query, expected) in [
        ("light", "The Lighthouse keeper"),
        ("HOUSE keep", "The Lighthouse keeper"),
        ("ghth", "The Lighthouse keeper"),
        ("дорог", "Привет, дорогой друг"),
        ("天気", "今日はいい天気ですね"),
        ("いい天気", "今日はいい天気ですね"),
        ("0%", "100% sure_thing"),
        ("sure_", "100% sure_thing"),
        ("raße", "straße"),
    ] {
        assert_eq!(find(query).await, [expected], "{query}");
    }
    assert!(find("nowhere").await.is_empty());
    assert!(find("\"").await.is_empty());
    let key = alice.engine().last_own(chat).await.unwrap().unwrap();
    alice.engine().edit(chat, key, "avenue").await.unwrap();
    eventually("the new words are found", async || find("avenue").await == ["avenue"]).await;
    assert!(find("straße").await.is_empty());
    alice.engine().delete(chat, key).await.unwrap();
    eventually("deleted words are not", async || find("avenue").await.is_empty()).await;
}

#[tokio::test]
async fn presence_shows_who_is_there() {
    use parley_protocol::frames::{Activity, PresenceState};
    let mut world = World::new().await;
    let (alice, mut bob, chat) = pair(&world).await;
    let is = async |state: PresenceState| {
        let seen = async || alice.view(chat).await.presence.is_some_and(|presence| presence.state == state);
        eventually(&format!("bob is {state:?}"), seen).await;
    };
    is(PresenceState::Online).await;
    bob.engine().set_activity(Activity::Away).await.unwrap();
    is(PresenceState::Away).await;
    bob.engine().set_activity(Activity::Online).await.unwrap();
    is(PresenceState::Online).await;
    // Who blocks somebody is not there for them, and is there again afterwards.
    let whom = alice.account().await;
    bob.on(move |engine| async move { engine.set_blocked(whom, true).await }).await.unwrap();
    is(PresenceState::Offline).await;
    bob.on(move |engine| async move { engine.set_blocked(whom, false).await }).await.unwrap();
    is(PresenceState::Online).await;
    bob.kill().await;
    is(PresenceState::Offline).await;
    assert!(alice.view(chat).await.presence.unwrap().last_seen.is_some());
    // When he was last there is known without the relay.
    let left = alice.view(chat).await.presence;
    world.kill_relay().await;
    alice.offline().await;
    assert_eq!(alice.view(chat).await.presence, left);
    world.start_relay().await;
    is(PresenceState::Offline).await;
}

#[tokio::test]
async fn while_the_relay_is_down_a_link_says_who_is_there() {
    let mut world = World::new().await;
    let (alice, mut bob, chat) = pair(&world).await;
    let carol = world.sign_up("carol").await;
    let with_carol = alice.direct(&carol).await;
    carol.has_chat(with_carol).await;
    carol.never_direct().await;
    alice.linked(chat).await;
    let state = async |chat| alice.view(chat).await.presence.map(|presence| presence.state);
    for chat in [chat, with_carol] {
        eventually("alice sees both", async || state(chat).await == Some(PresenceState::Online)).await;
    }
    alice.relayed(with_carol).await;
    world.kill_relay().await;
    alice.offline().await;
    assert_eq!(state(chat).await, Some(PresenceState::Online));
    assert_eq!(state(with_carol).await, None, "nobody vouches for her");
    let mut ear = alice.listen();
    bob.kill().await;
    ear.hears("bob's link is gone", |event| matches!(event, Event::Presence { .. })).await;
    eventually("nobody vouches for him either", async || state(chat).await.is_none()).await;
}

#[tokio::test]
async fn who_leaves_as_soon_as_a_chat_begins_is_seen_to_leave() {
    let world = World::new().await;
    let (alice, mut bob, chat) = pair_by_relay(&world).await;
    let view = async || alice.view(chat).await.presence;
    eventually("bob is there", async || view().await.is_some_and(|now| now.state == PresenceState::Online)).await;
    bob.close().await;
    eventually("bob has left", async || view().await.is_some_and(|now| now.last_seen.is_some())).await;
}
