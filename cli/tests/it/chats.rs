//! Groups, channels, invites, topics.

use crate::world::World;

#[test]
fn a_group_is_made_changed_and_left() {
    let world = World::new();
    let (alice, bob, carol) = (world.person("alice"), world.person("bob"), world.person("carol"));
    alice.ok(&["new", "--group", "Tea", "bob"]);
    alice.ok(&["add", "Tea", "carol"]);
    alice.ok(&["role", "Tea", "bob", "admin"]);
    assert_eq!(alice.json(&["members", "tea"]).len(), 3);
    bob.ok(&["rename", "Tea", "Coffee"]);
    assert!(bob.ok(&["keep", "Coffee", "90d"]).contains("90 days"));
    assert_eq!(bob.json(&["keep", "Coffee", "2w"])[0]["retention"], 14 * 86_400);
    assert_eq!(alice.json(&["chats"])[0]["retention"], 14 * 86_400);
    carol.ok(&["send", "coffee", "hello @bob"]);
    assert_eq!(bob.json(&["chats"])[0]["mentions"], 1);
    let lines = bob.ok(&["history", "Coffee"]);
    for words in
        ["alice added carol", "alice made bob an admin", "bob keeps messages for 90 days now", "carol: hello @bob"]
    {
        assert!(lines.contains(words), "{words} is not in\n{lines}");
    }
    bob.ok(&["remove", "Coffee", "carol"]);
    bob.ok(&["leave", "Coffee"]);
    assert_eq!(bob.json(&["chats"]).len(), 0);
    assert_eq!(alice.json(&["members", "Coffee"]).len(), 1);
    assert_eq!(carol.json(&["chats"]).len(), 0);
    assert_eq!(carol.run(&["keep", "Coffee", "forever"]).code, 4, "carol is no longer in it");
    assert_eq!(carol.run(&["keep", "Coffee", "soon"]).code, 2, "no span of time");
    assert_eq!(carol.run(&["send", "Coffee", "still there?"]).code, 1, "carol is no longer in it");
}

#[test]
fn channels_are_found_joined_and_invited_to() {
    let world = World::new();
    let (alice, bob, carol) = (world.person("alice"), world.person("bob"), world.person("carol"));
    alice.ok(&["new", "--channel", "News", "--public", "--description", "What happens"]);
    alice.ok(&["send", "News", "before bob came"]);
    let found = bob.json(&["find", "news", "--channels"]);
    assert_eq!(found[0]["channel"]["title"], "News");
    bob.ok(&["join", "news"]);
    assert_eq!(bob.json(&["history", "News"]).iter().filter(|line| line["text"] == "before bob came").count(), 1);

    alice.ok(&["new", "--channel", "Staff"]);
    let made = alice.json(&["invite", "make", "Staff", "--uses", "1", "--for", "1h"]).remove(0);
    let [code, link] = ["code", "link"].map(|part| made[part].as_str().unwrap().to_owned());
    assert_eq!(carol.json(&["invite", "show", &code])[0]["title"], "Staff");
    carol.ok(&["join", &link]);
    assert_ne!(bob.run(&["join", &code]).code, 0, "it is used up");
    assert_ne!(carol.run(&["join", "no such thing"]).code, 0);
}

#[test]
fn topics_are_live() {
    let world = World::new();
    let (alice, bob) = (world.person("alice"), world.person("bob"));
    let mut listening = bob.start(&["topic", "sub", "sport.>", "--count", "1"]);
    listening.wait_for("subscription", |event| event["event"] == "subscribed");
    assert_eq!(alice.json(&["topic", "count", "sport.chess"])[0]["subscribers"], 1);
    assert_eq!(alice.json(&["topic", "pub", "sport.chess", "e4"])[0]["reached"], 1);
    let came = listening.wait_for("message", |event| event["event"] == "topic");
    assert_eq!((&came["topic"], &came["data"]), (&"sport.chess".into(), &"e4".into()));
    assert_eq!(listening.wait(), 0);
}

#[test]
fn somebody_who_is_blocked_does_not_show() {
    let world = World::new();
    let (alice, bob) = (world.person("alice"), world.person("bob"));
    alice.ok(&["send", "bob", "hello"]);
    bob.ok(&["chats"]);
    bob.ok(&["block", "alice"]);
    assert_eq!(bob.json(&["chats"])[0]["blocked"], true);
    bob.ok(&["unblock", "alice"]);
    assert_eq!(bob.json(&["chats"])[0]["blocked"], false);
    bob.ok(&["mute", "alice", "--for", "8h"]);
    bob.ok(&["verify", "alice"]);
    bob.ok(&["pin", "alice"]);
    let chat = &bob.json(&["chats"])[0];
    assert_eq!((&chat["pinned"], chat["muted_until"].as_u64() > Some(0)), (&true.into(), true));
}
