//! Signing up, in and out, and what is refused.

use crate::world::{PASSWORD, World, lines};

#[test]
fn a_wrong_password_is_the_relays_refusal() {
    let world = World::new();
    let alice = world.person("alice");
    alice.ok(&["signout"]);
    let wrong = alice.command(&["signin", "alice", "--json"]).env("PARLEY_PASSWORD", "not this one").output().unwrap();
    assert_eq!(wrong.status.code(), Some(4));
    let error = &lines(&String::from_utf8(wrong.stdout).unwrap())[0]["error"];
    assert_eq!(error["code"], "wrong_credentials");
    assert!(!String::from_utf8(wrong.stderr).unwrap().contains("not this one"));
    let me = &alice.json(&["signin", "alice"])[0];
    assert_eq!(me["username"], "alice");
}

#[test]
fn nobody_is_signed_in_to_a_new_profile() {
    let world = World::new();
    let stranger = world.stranger("eve");
    for args in [&["chats"][..], &["send", "bob", "hi"], &["status"], &["listen"], &["history", "bob"], &["account"]] {
        let ended = stranger.run(args);
        assert_eq!(ended.code, 3, "{args:?} {ended:?}");
        assert!(ended.err.contains("parley signup"), "{ended:?}");
    }
}

#[test]
fn without_a_terminal_a_password_comes_from_the_environment_or_not_at_all() {
    let world = World::new();
    let alice = world.stranger("alice");
    let args = ["signup", "alice", "--email", "alice@example.org"];
    let ended = alice.command(&args).env_remove("PARLEY_PASSWORD").output().unwrap();
    assert_eq!(ended.status.code(), Some(2));
    assert!(String::from_utf8(ended.stderr).unwrap().contains("PARLEY_PASSWORD"));
    assert_eq!(alice.run(&["signup", "alice", "--password", PASSWORD]).code, 2);
}

#[test]
fn a_changed_password_is_the_one_that_counts() {
    let world = World::new();
    let alice = world.person("alice");
    let changed = alice.command(&["password"]).env("PARLEY_NEW_PASSWORD", "another one entirely").output().unwrap();
    assert_eq!(changed.status.code(), Some(0), "{changed:?}");
    alice.ok(&["signout"]);
    assert_eq!(alice.run(&["signin", "alice"]).code, 4);
    let entered = alice.command(&["signin", "alice"]).env("PARLEY_PASSWORD", "another one entirely").output().unwrap();
    assert_eq!(entered.status.code(), Some(0), "{entered:?}");
}

#[test]
fn an_unreachable_relay_and_a_wrong_command_line_have_their_codes() {
    let mut world = World::new();
    let alice = world.person("alice");
    let stranger = world.stranger("bob");
    world.relay_goes_away();
    assert_eq!(stranger.run(&["signup", "bob", "--email", "bob@example.org"]).code, 5);
    let unreachable = alice.run(&["find", "bob", "--json"]);
    assert_eq!(unreachable.code, 5, "{unreachable:?}");
    assert_eq!(lines(&unreachable.out)[0]["error"]["code"], "unreachable");
    assert_eq!(alice.run(&["dance"]).code, 2);
    assert_eq!(alice.run(&["history", "nobody"]).code, 1);
}

#[test]
fn a_second_process_on_the_profile_is_refused() {
    let world = World::new();
    let alice = world.person("alice");
    let listening = alice.start(&["listen"]);
    listening.wait_online();
    let ended = alice.run(&["chats", "--json"]);
    assert_eq!(ended.code, 6, "{ended:?}");
    assert_eq!(lines(&ended.out)[0]["error"]["code"], "profile_in_use");
    assert!(ended.err.contains("second device") && ended.err.contains("--profile DIR signin"), "{ended:?}");
    #[cfg(unix)]
    assert_eq!(listening.interrupt(), 0);
    #[cfg(unix)]
    alice.ok(&["chats"]);
}

#[test]
fn devices_and_settings_are_shown_and_changed() {
    let world = World::new();
    let alice = world.person("alice");
    alice.ok(&["devices", "rename", "this", "Alice's desk"]);
    let devices = alice.json(&["devices"]);
    assert_eq!((devices.len(), &devices[0]["name"]), (1, &"Alice's desk".into()));
    let set = alice.json(&[
        "settings",
        "--direct-links",
        "never",
        "--typing",
        "off",
        "--presence",
        "contacts",
        "--hide-address",
        "on",
    ]);
    let shown = alice.json(&["settings"]);
    assert_eq!(set, shown);
    assert_eq!(shown[0]["direct_links"], "never");
    assert_eq!(shown[0]["hide_address"], true);
    assert_eq!(shown[0]["typing"], false);
    assert_eq!(shown[0]["read_marks"], true);
    assert_eq!(shown[0]["presence"], "contacts");
}

#[test]
fn a_command_line_that_cannot_be_read_is_told_to_programs_too() {
    let world = World::new();
    let stranger = world.stranger("eve");
    for args in [&["--json", "frobnicate"][..], &["frobnicate", "--json"], &["--json", "send"], &["--json", "--nope"]] {
        let ended = stranger.run(args);
        assert_eq!(ended.code, 2, "{args:?} {ended:?}");
        let said = lines(&ended.out);
        assert_eq!((said.len(), &said[0]["error"]["code"]), (1, &"usage".into()), "{args:?}");
        assert!(!said[0]["error"]["message"].as_str().unwrap().is_empty(), "{args:?}");
        assert!(ended.err.contains("Usage:"), "{ended:?}");
    }
    let missing = stranger.run(&["--json", "send"]);
    assert!(lines(&missing.out)[0]["error"]["message"].as_str().unwrap().contains("<CHAT>"), "{missing:?}");
    assert_eq!(stranger.run(&["frobnicate"]).out, "");
    assert_eq!(stranger.run(&["send", "--", "--json"]).out, "", "that is a word of a message");
    let help = stranger.run(&["--json", "--help"]);
    assert_eq!((help.code, help.out.contains("Exit codes:")), (0, true));
}

#[test]
fn an_account_is_not_deleted_unasked() {
    let world = World::new();
    let alice = world.person("alice");
    let unasked = alice.run(&["account", "--delete"]);
    assert_eq!(unasked.code, 2, "{unasked:?}");
    assert!(unasked.err.contains("--yes"), "{unasked:?}");
    alice.ok(&["account"]);
    alice.ok(&["account", "--delete", "--yes"]);
    assert_eq!(alice.run(&["account"]).code, 3);
}

#[test]
fn who_is_blocked_and_who_is_verified_is_listed() {
    let world = World::new();
    let (alice, _bob, _carol) = (world.person("alice"), world.person("bob"), world.person("carol"));
    for verb in ["block", "verify"] {
        assert_eq!(alice.json(&[verb, "--list"]).len(), 0);
        alice.ok(&["new", "bob"]);
        alice.ok(&["new", "carol"]);
        alice.ok(&[verb, "carol"]);
        alice.ok(&[verb, "bob"]);
        let listed = alice.json(&[verb, "--list"]);
        let names: Vec<_> = listed.iter().map(|line| &line["username"]).collect();
        assert_eq!(names, ["bob", "carol"], "{verb}");
    }
    alice.ok(&["unblock", "bob"]);
    assert_eq!(alice.ok(&["block", "--list"]), "carol\n");
    alice.ok(&["verify", "carol", "--off"]);
    assert_eq!(alice.ok(&["verify", "--list"]), "bob\n");
}
