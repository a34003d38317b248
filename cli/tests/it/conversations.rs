//! `parley chat`, by a pipe: the same lines as on a terminal, without the line editor.

use std::io::Write as _;

use crate::world::World;

#[test]
fn a_conversation_by_a_pipe_says_and_shows() {
    let world = World::new();
    let (alice, bob) = (world.person("alice"), world.person("bob"));
    alice.ok(&["send", "bob", "hello bob"]);
    let ended = bob.pipe(&["chat", "alice"], "hello alice\n/who\n/bogus\n//slash\n/status\n/quit\nnot this\n");
    assert_eq!(ended.code, 0, "{ended:?}");
    for words in ["bob: hello alice", "owner", "no command /bogus", "bob: /slash", "this conversation:"] {
        assert!(ended.out.contains(words), "{words} is not in\n{}", ended.out);
    }
    let history = alice.ok(&["history", "bob"]);
    assert!(history.contains("hello alice") && history.contains("/slash"), "{history}");
    assert!(!history.contains("not this") && !history.contains("/bogus"), "{history}");
}

#[test]
fn a_conversation_is_not_for_scripts() {
    let world = World::new();
    let alice = world.person("alice");
    assert_eq!(alice.run(&["chat", "bob", "--json"]).code, 2);
    assert_eq!(alice.run(&["chat", "nobody-of-that-name"]).code, 1);
}

/// On a direct link each message is marked by itself, and its receipt must not cost more the more was said before.
#[test]
fn a_long_conversation_reads_no_more_for_each_message_than_a_short_one() {
    const MESSAGES: usize = 150;
    /// Its mentions, its line, its receipt, and what came meanwhile.
    const READS: usize = 12;
    let world = World::new();
    let (alice, bob) = (world.person("alice"), world.person("bob"));
    alice.ok(&["new", "bob"]);
    let listening = bob.start(&["listen", "--all"]);
    let mut talking = alice
        .command(&["chat", "bob"])
        .stdin(std::process::Stdio::piped())
        .env("RUST_LOG", "desktop_app=trace")
        .spawn()
        .unwrap();
    let log = talking.stderr.take().unwrap();
    let log = std::thread::spawn(move || std::io::read_to_string(log).unwrap());
    listening.wait_for("direct route", |event| event["event"] == "route" && event["route"] == "lan");

    let mut words = talking.stdin.take().unwrap();
    for number in 0..MESSAGES {
        writeln!(words, "number {number}").unwrap();
        assert_eq!(listening.message(), format!("number {number}"));
    }
    drop(words);
    assert!(talking.wait().unwrap().success());
    let log = log.join().unwrap();
    let reads = log.lines().filter(|line| line.contains("a read beside the core")).count();
    assert!(reads > MESSAGES, "the log tells of the reads");
    assert!(reads < MESSAGES * READS, "{reads} reads of the database for {MESSAGES} messages");
}
