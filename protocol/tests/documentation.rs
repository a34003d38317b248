//! What `docs/protocol.md` shows is what these types read and write: every example goes through them and comes back the same.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use parley_protocol::http::Tokens;
use parley_protocol::{ChatState, ClientFrame, MarkRegister, RelayFrame, SealedMessage};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

const PAGE: &str = include_str!("../../docs/protocol.md");

/// The fenced blocks of one language, in order.
fn blocks(language: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut inside: Option<(bool, String)> = None;
    for line in PAGE.lines() {
        match (&mut inside, line.strip_prefix("```")) {
            (None, Some(of)) => inside = Some((of == language, String::new())),
            (Some((wanted, text)), Some(_)) => {
                if *wanted {
                    found.push(std::mem::take(text));
                }
                inside = None;
            }
            (Some((_, text)), None) => {
                text.push_str(line);
                text.push('\n');
            }
            (None, None) => {}
        }
    }
    found
}

/// Reads a value, writes it again, and holds the two side by side.
fn goes_through<T: Serialize + DeserializeOwned>(text: &str) {
    let shown: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("no JSON: {error}\n{text}"));
    let read: T =
        serde_json::from_str(text).unwrap_or_else(|error| panic!("the types do not read it: {error}\n{text}"));
    assert_eq!(serde_json::to_value(read).unwrap(), shown);
}

#[test]
fn the_session_by_hand_is_made_of_real_frames() {
    let sessions = blocks("text");
    let [session] = sessions.as_slice() else { panic!("there is one recorded session, not {}", sessions.len()) };
    let mut frames: Vec<String> = Vec::new();
    for line in session.lines() {
        match line.strip_prefix("   ") {
            Some(rest) => frames.last_mut().expect("a frame goes on").push_str(rest),
            None => frames.push(line.to_owned()),
        }
    }
    let (mut sent, mut came) = (0, 0);
    for frame in frames {
        if let Some(text) = frame.strip_prefix("> ") {
            goes_through::<ClientFrame>(text);
            sent += 1;
        } else if let Some(text) = frame.strip_prefix("< ") {
            goes_through::<RelayFrame>(text);
            came += 1;
        } else {
            assert!(frame.starts_with("# "), "neither a frame nor a remark: {frame}");
        }
    }
    assert!(sent >= 5 && came >= 5, "the session became too short to show anything: {sent} sent, {came} came");
}

#[test]
fn the_objects_in_the_text_are_real_ones() {
    let objects = blocks("json");
    let [tokens, chat, message, marks] = objects.as_slice() else { panic!("{} objects, not 4", objects.len()) };
    // Long tokens are cut short on the page.
    goes_through::<Tokens>(tokens);
    goes_through::<ChatState>(chat);
    let outer: Value = serde_json::from_str(message).unwrap();
    assert_eq!((&outer["v"], &outer["form"]), (&Value::from(parley_protocol::payload::VERSION), &Value::from("plain")));
    goes_through::<SealedMessage>(&outer["content"].to_string());
    goes_through::<MarkRegister>(marks);
}
