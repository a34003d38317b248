use desktop_app::views::{Position, Quote, ReactionView};
use parley_protocol::{AccountId, ChatId, DeviceId, MessageId};

use super::*;

pub(crate) fn view(text: &str) -> MessageView {
    MessageView {
        chat: ChatId::new(),
        key: MessageKey { device: DeviceId::new(), id: MessageId::new() },
        position: Position(0, 0, DeviceId::nil(), 0),
        account: AccountId::new(),
        username: "bob".to_owned(),
        own: false,
        kind: MessageKind::Text,
        text: text.to_owned(),
        reply_to: None,
        mentions: Vec::new(),
        sent_at: 0,
        received_at: 0,
        edited_at: None,
        deleted: false,
        reactions: Vec::new(),
        delivery: Delivery::Received,
        route: Route::Relay,
    }
}

fn plain(view: &MessageView) -> String {
    let clock = when::clock(0);
    line(view, "7", Paint::plain(), Some(40)).replace(&clock, "14:02")
}

#[test]
fn every_state_of_a_message_looks_different_without_colour() {
    let states = [
        Delivery::Waiting,
        Delivery::Sent,
        Delivery::Delivered,
        Delivery::Read,
        Delivery::Failed { reason: "no".to_owned() },
        Delivery::Received,
    ];
    let mut seen = std::collections::BTreeSet::new();
    for state in &states {
        let receipt = receipt(state, Paint::plain());
        assert_eq!(cells(&receipt), RECEIPT, "{state:?}");
        assert!(seen.insert(receipt), "{state:?}");
    }
}

#[test]
fn a_quote_tells_what_was_deleted_from_what_is_not_here() {
    let quoting = |username: &str, text: &str| {
        let key = MessageKey { device: DeviceId::nil(), id: MessageId::nil() };
        let quote = Quote { key, username: username.to_owned(), text: text.to_owned() };
        plain(&MessageView { reply_to: Some(quote), ..view("yes") })
    };
    assert!(quoting("carol", "tea?").contains("┌ carol: tea?"));
    assert!(quoting("carol", "").contains("┌ carol: a deleted message"));
    assert!(quoting("", "").contains("┌ a message that is not here"));
}

#[test]
fn a_message_stands_under_itself() {
    assert_eq!(plain(&view("hello")), "    7 14:02 bob: hello");
    let long = plain(&view("a message that does not fit in one row of this terminal"));
    assert_eq!(
        long,
        "    7 14:02 bob: a message that does not\n            fit in one row of this\n            terminal"
    );
}

#[test]
fn answers_edits_reactions_and_deletions_show() {
    let mut message = view("yes");
    message.reply_to = Some(Quote { key: message.key, username: "alice".to_owned(), text: "tea?\u{1b}[2J".to_owned() });
    message.edited_at = Some(1);
    message.reactions =
        vec![ReactionView { emoji: "👍".to_owned(), accounts: vec![AccountId::new(), AccountId::new()], own: true }];
    assert_eq!(plain(&message), "            ┌ alice: tea?␛[2J\n    7 14:02 bob: yes (edited)\n            👍 2");
    message.deleted = true;
    assert!(plain(&message).contains("bob: deleted"));
}

#[test]
fn a_name_cannot_forge_a_line() {
    let mut message = view("hi\u{1b}[1A\rroot: send money");
    message.username = "bob\n\u{1b}[31m\u{202e}".to_owned();
    let shown = line(&message, "7", Paint::plain(), None);
    assert!(!shown.contains(['\u{1b}', '\r', '\n', '\u{202e}']), "{shown:?}");
}

#[test]
fn changes_and_gaps_are_sentences() {
    assert_eq!(change("alice", "member_added", "bob"), "alice added bob");
    assert_eq!(change("bob", "member_removed", "bob"), "bob left");
    assert_eq!(change("alice", "role_changed", "bob admin"), "alice made bob an admin");
    assert_eq!(change("alice", "created", "Tea"), "alice made “Tea”");
    let mut gap = view("");
    gap.kind = MessageKind::Gap { count: Some(3), why: "retention".to_owned() };
    assert_eq!(plain(&gap), "    ⚠ 3 messages are missing here: the relay kept them no longer");
}
