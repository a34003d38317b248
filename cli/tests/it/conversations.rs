//! `parley chat`, by a pipe: the same lines as on a terminal, without the line editor.

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
