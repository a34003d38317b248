//! The newest messages of an open chat out of the newest entries of its log, which are in memory while somebody follows
//! it: edits, deletes and reactions are folded in as the tables have them.

use std::collections::HashMap;

use parley_protocol::frames::{Content, Payload, Sender};
use parley_protocol::http::{HistoryMessage, Reaction};
use parley_protocol::{AccountId, Body, MessageId, MessageKey, Millis, RelayFrame};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::store::LogHead;

/// A message, and who reacted to it with what, in order.
struct Folded {
    message: HistoryMessage,
    reactions: Vec<(String, AccountId)>,
}

/// The newest `limit` messages, ascending and without the names of their senders. `None` if the entries end before the
/// log does, or do not hold that many.
pub(super) fn newest(entries: &[(u64, Utf8Bytes)], head: &LogHead, limit: usize) -> Option<Vec<HistoryMessage>> {
    let ((first, _), (last, _)) = (entries.first()?, entries.last()?);
    if *last != head.head {
        return None;
    }
    let mut folded: Vec<Folded> = Vec::new();
    let mut places: HashMap<MessageKey, usize> = HashMap::new();
    for (seq, frame) in entries.iter().filter(|(seq, _)| *seq > head.trimmed_to) {
        let RelayFrame::Entry(entry) = serde_json::from_str(frame).ok()? else {
            return None;
        };
        let Content::Payload(Payload::Open(body)) = entry.content else {
            continue;
        };
        let target = body.target();
        match target {
            None => {
                let key = MessageKey { device: entry.from.device, id: MessageId(entry.id) };
                places.insert(key, folded.len());
                folded
                    .push(Folded { message: message(*seq, key.id, entry.from, entry.at, body), reactions: Vec::new() });
            }
            // One that changes an older message shows nothing here.
            Some(target) => {
                if let Some(found) = places.get(&target).and_then(|place| folded.get_mut(*place)) {
                    found.fold(entry.from.account, entry.at, body);
                }
            }
        }
    }
    let holds_all = *first <= head.trimmed_to + 1;
    if folded.len() < limit && !holds_all {
        return None;
    }
    let older = folded.len().saturating_sub(limit);
    Some(folded.into_iter().skip(older).map(Folded::into_message).collect())
}

fn message(seq: u64, id: MessageId, from: Sender, at: Millis, body: Body) -> HistoryMessage {
    // What was deleted has lost its words.
    let deleted = matches!(body, Body::Empty);
    let (text, reply_to, mentions) = match body {
        Body::Text { text, reply_to, mentions } => (text, reply_to, mentions),
        _ => (String::new(), None, Vec::new()),
    };
    HistoryMessage {
        seq,
        id,
        from,
        username: String::new(),
        at,
        text,
        reply_to,
        mentions,
        edited_at: None,
        deleted,
        reactions: Vec::new(),
    }
}

impl Folded {
    fn fold(&mut self, by: AccountId, at: Millis, body: Body) {
        if self.message.deleted {
            return;
        }
        match body {
            Body::Edit { text, mentions, .. } => {
                self.message.text = text;
                self.message.mentions = mentions;
                self.message.edited_at = Some(at);
            }
            Body::Delete { .. } => {
                let HistoryMessage { seq, id, from, at, .. } = self.message;
                self.message = message(seq, id, from, at, Body::Empty);
                self.reactions.clear();
            }
            Body::React { emoji, on, .. } => {
                let known = self.reactions.iter().position(|(one, account)| *one == emoji && *account == by);
                match (known, on) {
                    (None, true) => self.reactions.push((emoji, by)),
                    (Some(known), false) => {
                        self.reactions.remove(known);
                    }
                    _ => {}
                }
            }
            Body::Text { .. } | Body::Empty => {}
        }
    }

    fn into_message(mut self) -> HistoryMessage {
        for (emoji, account) in self.reactions {
            add(&mut self.message.reactions, emoji, account);
        }
        self.message
    }
}

/// Adds one reaction to those of a message, by emoji in the order of their first use.
pub(super) fn add(reactions: &mut Vec<Reaction>, emoji: String, account: AccountId) {
    match reactions.iter_mut().find(|reaction| reaction.emoji == emoji) {
        Some(reaction) => reaction.accounts.push(account),
        None => reactions.push(Reaction { emoji, accounts: vec![account] }),
    }
}
