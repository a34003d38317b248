//! What a script does: send, listen, read, with JSON and exit codes.

use crate::world::{Person, World, lines};

#[test]
fn bob_reads_what_alice_sent_while_he_was_away() {
    let world = World::new();
    let (alice, bob) = (world.person("alice"), world.person("bob"));
    let sent = &alice.json(&["send", "bob", "hello", "there"])[0];
    assert_eq!(sent["state"], "sent");
    alice.ok(&["send", "bob", "a second one about pancakes"]);

    let chats = bob.json(&["chats"]);
    assert_eq!((chats.len(), &chats[0]["name"], &chats[0]["unread"]), (1, &"alice".into(), &2.into()));
    let history = bob.json(&["history", "alice", "--mark-read"]);
    let texts: Vec<_> = history.iter().filter(|line| line["kind"] == "text").map(|line| &line["text"]).collect();
    assert_eq!(texts, ["hello there", "a second one about pancakes"]);
    assert_eq!(history.iter().filter(|line| line["id"] == sent["id"]).count(), 1);
    assert_eq!(bob.json(&["chats"])[0]["unread"], 0);

    let hits = bob.json(&["search", "PANCAKE"]);
    assert_eq!((hits.len(), &hits[0]["chat_name"]), (1, &"alice".into()));
    assert_eq!(bob.json(&["search", "waffle"]).len(), 0);
    let read = alice.json(&["history", "bob"]);
    assert!(read.iter().all(|line| line["kind"] != "text" || line["delivery"]["state"] == "read"), "{read:#?}");
}

#[test]
fn what_is_written_without_the_relay_goes_out_when_it_is_back() {
    let mut world = World::new();
    let (alice, bob) = (world.person("alice"), world.person("bob"));
    alice.ok(&["send", "bob", "first"]);
    world.relay_goes_away();
    let ended = alice.run(&["send", "bob", "second"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.out.starts_with("waiting: "), "{ended:?}");
    let waiting = &alice.json(&["send", "bob", "third"])[0];
    assert_eq!(waiting["state"], "waiting");
    let late = alice.run(&["send", "bob", "fourth", "--until", "sent", "--wait", "0"]);
    assert_eq!(late.code, 7, "{late:?}");

    world.relay_comes_back();
    let listening = bob.start(&["listen", "--unread"]);
    assert_eq!(listening.message(), "first");
    // Any command of alice's lets them out.
    alice.ok(&["send", "bob", "fifth"]);
    for text in ["second", "third", "fourth", "fifth"] {
        assert_eq!(listening.message(), text);
    }
}

#[test]
fn listen_prints_each_message_once_and_ends_when_told() {
    let world = World::new();
    let (alice, bob) = (world.person("alice"), world.person("bob"));
    alice.ok(&["new", "bob"]);
    let mut listening = bob.start(&["listen", "--count", "3", "--mark-read"]);
    listening.wait_online();
    for text in ["one", "two", "three"] {
        alice.ok(&["send", "bob", text]);
    }
    for text in ["one", "two", "three"] {
        assert_eq!(listening.message(), text);
    }
    assert_eq!(listening.wait(), 0);
    assert_eq!(bob.json(&["chats"])[0]["unread"], 0);
    assert_eq!(bob.run(&["listen", "--count", "1", "--for", "0"]).code, 7);
}

#[test]
fn until_delivered_waits_for_the_other_side() {
    let world = World::new();
    let (alice, bob) = (world.person("alice"), world.person("bob"));
    alice.ok(&["new", "bob"]);
    let listening = bob.start(&["listen"]);
    listening.wait_online();
    let sent = &alice.json(&["send", "bob", "are you there?", "--until", "delivered", "--wait", "30"])[0];
    assert_eq!(sent["state"], "delivered");
    assert_eq!(listening.message(), "are you there?");
}

#[test]
fn edits_reactions_and_deletions_reach_the_other_side() {
    let world = World::new();
    let (alice, bob) = (world.person("alice"), world.person("bob"));
    let id = alice.json(&["send", "bob", "helo"])[0]["id"].as_str().unwrap().to_owned();
    let end = &id[id.len() - 6..];
    assert_eq!(alice.json(&["edit", "bob", "last", "hello"])[0]["state"], "sent");
    assert_eq!(bob.json(&["react", "alice", end, "👍"])[0]["state"], "sent");
    let seen = bob.json(&["history", "alice"]);
    let message = seen.iter().find(|line| line["id"] == id.as_str()).unwrap();
    assert_eq!((&message["text"], message["edited_at"].is_null()), (&"hello".into(), false));
    assert_eq!(message["reactions"][0]["emoji"], "👍");
    assert_eq!(alice.json(&["history", "bob"])[0]["reactions"][0]["own"], false);
    alice.ok(&["delete", "bob", end]);
    assert_eq!(bob.json(&["history", "alice"])[0]["deleted"], true);
    assert_ne!(bob.run(&["delete", "alice", end]).code, 0, "it is not bob's");
}

#[test]
fn a_message_is_deleted_for_oneself_on_all_of_ones_devices() {
    let mut world = World::new();
    let (alice, bob) = (world.person("alice"), world.person("bob"));
    let laptop = world.stranger("bob's laptop");
    alice.ok(&["send", "bob", "--until", "sent", "nice to meet you"]);
    laptop.ok(&["signin", "bob"]);
    alice.ok(&["status"]);
    alice.ok(&["send", "bob", "hello"]);
    alice.ok(&["send", "bob", "psst"]);
    let texts = |device: &Person, other: &str| -> Vec<String> {
        let lines = device.json(&["history", other]);
        lines
            .iter()
            .filter(|line| line["kind"] == "text")
            .map(|line| line["text"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(texts(&laptop, "alice"), ["hello", "psst"]);
    let hidden = bob.json(&["delete", "alice", "last", "--for-me"]);
    assert_eq!((&hidden[0]["what"], &hidden[0]["state"]), (&"deleted for me".into(), &"sent".into()));
    assert_eq!(texts(&bob, "alice"), ["nice to meet you", "hello"]);
    assert_eq!(texts(&laptop, "alice"), ["hello"]);
    assert_eq!(texts(&alice, "bob"), ["nice to meet you", "hello", "psst"]);
    world.relay_goes_away();
    let said = laptop.ok(&["delete", "alice", "last", "--for-me"]);
    assert!(said.contains("deleted for you; your other devices hear of it"), "{said}");
    world.relay_comes_back();
    assert!(texts(&laptop, "alice").is_empty());
    assert_eq!(texts(&bob, "alice"), ["nice to meet you"]);
}

#[test]
fn status_says_how_each_conversation_travels() {
    let mut world = World::new();
    let (alice, _bob) = (world.person("alice"), world.person("bob"));
    alice.ok(&["new", "bob"]);
    let status = alice.json(&["status"]);
    assert_eq!(status[0]["connection"]["state"], "online");
    assert_eq!((&status[1]["name"], &status[1]["route"]["route"]), (&"bob".into(), &"relay".into()));
    world.relay_goes_away();
    let status = alice.json(&["status"]);
    assert_eq!(status[0]["connection"]["state"], "offline");
    assert_eq!(status[1]["route"]["route"], "wait");
}

#[test]
fn status_waits_for_a_link_and_its_round_trip() {
    let world = World::new();
    let (alice, bob) = (world.person("alice"), world.person("bob"));
    alice.ok(&["new", "bob"]);
    let listening = bob.start(&["listen"]);
    listening.wait_online();
    let status = alice.json(&["status", "--wait", "50"]);
    let route = &status[1]["route"];
    assert_eq!((&route["route"], &route["linked"]), (&"lan".into(), &1.into()), "{status:#?}");
    assert!(route["round_trip"].is_u64(), "{status:#?}");
}

#[test]
fn last_is_the_newest_of_the_chat_to_answer_and_the_newest_own_one_to_change() {
    let world = World::new();
    let (alice, bob) = (world.person("alice"), world.person("bob"));
    let sent = &alice.json(&["send", "bob", "tea?"])[0];
    // Bob has written nothing yet, and has not even seen the chat.
    assert_eq!(bob.json(&["react", "alice", "last", "👍"])[0]["target"]["id"], sent["id"]);
    let answer = &bob.json(&["send", "alice", "--reply", "last", "gladly"])[0];
    let seen = alice.json(&["history", "bob"]);
    let reply = seen.iter().find(|line| line["id"] == answer["id"]).unwrap();
    assert_eq!(reply["reply_to"]["id"], sent["id"]);
    let edited = &alice.json(&["edit", "bob", "last", "coffee?"])[0];
    assert_eq!(edited["target"]["id"], sent["id"], "not bob's, which is newer");
}

#[test]
fn a_reaction_is_an_emoji() {
    let world = World::new();
    let (alice, _bob) = (world.person("alice"), world.person("bob"));
    alice.ok(&["send", "bob", "hello"]);
    for word in ["notanemoji", "+1", ""] {
        let ended = alice.run(&["react", "bob", "last", word]);
        assert_eq!(ended.code, 2, "{ended:?}");
        assert!(ended.err.contains("one emoji"), "{ended:?}");
    }
    alice.ok(&["react", "bob", "last", "❤️"]);
}

#[test]
fn info_says_which_devices_have_a_message() {
    let world = World::new();
    let (alice, bob) = (world.person("alice"), world.person("bob"));
    alice.ok(&["send", "bob", "hello"]);
    let info = &alice.json(&["info", "bob", "last"])[0];
    assert_eq!((&info["message"]["text"], &info["devices"][0]["username"]), (&"hello".into(), &"bob".into()));
    assert_eq!((&info["devices"][0]["delivered"], &info["devices"][0]["read"]), (&false.into(), &false.into()));
    bob.ok(&["history", "alice", "--mark-read"]);
    let info = &alice.json(&["info", "bob", "last"])[0];
    assert_eq!((&info["devices"][0]["delivered"], &info["devices"][0]["read"]), (&true.into(), &true.into()));
    let said = alice.ok(&["info", "bob", "last"]);
    assert!(said.contains("from you") && said.contains("bob, device …") && said.contains("read"), "{said}");
    let theirs = &bob.json(&["info", "alice", "last"])[0];
    assert_eq!((&theirs["message"]["own"], &theirs["devices"]), (&false.into(), &serde_json::json!([])));
}

#[test]
fn what_is_not_there_and_where_one_is_not_are_no_wrong_command_lines() {
    let world = World::new();
    let (alice, bob) = (world.person("alice"), world.person("bob"));
    alice.ok(&["new", "--group", "Tea", "bob"]);
    alice.ok(&["send", "Tea", "hello"]);
    for missing in ["zzzzzz", "abcdef"] {
        let ended = alice.run(&["delete", "Tea", missing, "--json"]);
        assert_eq!(ended.code, 1, "{ended:?}");
        assert_eq!(lines(&ended.out)[0]["error"]["code"], "not_found");
    }
    bob.ok(&["leave", "Tea"]);
    for args in [&["send", "Tea", "one more"][..], &["react", "Tea", "last", "👍"], &["delete", "Tea", "last"]] {
        let ended = bob.run(&[args, &["--json"]].concat());
        assert_eq!(ended.code, 1, "{ended:?}");
        assert_eq!(lines(&ended.out)[0]["error"]["code"], "left");
    }
}

#[test]
fn a_long_text_comes_from_stdin() {
    let world = World::new();
    let (alice, bob) = (world.person("alice"), world.person("bob"));
    let text = "line one\nline two  \n\tindented";
    let ended = alice.pipe(&["send", "bob", "-"], &format!("{text}\n"));
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(bob.json(&["history", "alice"])[0]["text"], text);
    assert_eq!(alice.pipe(&["send", "bob"], "\n").code, 2);
}

#[test]
fn what_others_write_cannot_steer_the_terminal() {
    let world = World::new();
    let (alice, bob) = (world.person("alice"), world.person("bob"));
    let evil = "\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}1A\u{202e}desrever\r\u{7f}";
    assert_eq!(alice.pipe(&["send", "bob", "-"], evil).code, 0);
    alice.ok(&["new", "--group", "T\u{202e}ea\u{200f}", "bob"]);
    for args in
        [&["history", "alice"][..], &["chats"], &["search", "owned"], &["history", "alice", "--json"], &["status"]]
    {
        let out = bob.ok(args);
        let raw: Vec<char> =
            out.chars().filter(|c| (c.is_control() && *c != '\n') || "\u{202e}\u{200f}".contains(*c)).collect();
        assert!(raw.is_empty(), "{args:?}: {raw:?}");
    }
    assert_eq!(bob.json(&["history", "alice"])[0]["text"], evil);
}

#[test]
fn there_is_no_colour_where_there_is_no_terminal() {
    let world = World::new();
    let (alice, _bob) = (world.person("alice"), world.person("bob"));
    alice.ok(&["send", "bob", "hello"]);
    for args in [&["history", "bob"][..], &["chats"], &["status"], &["--help"]] {
        assert!(!alice.ok(args).contains('\u{1b}'), "{args:?}");
    }
}
