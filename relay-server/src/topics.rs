//! Topics: live broadcasts to whoever is subscribed now. Nothing is stored.
//!
//! Exact names are looked up in a map; patterns stand in a tree by their parts, so that publishing walks the name's
//! own parts and not all subscriptions. A slow subscriber loses messages of topics, counted and told, never anything
//! of its chats.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use dashmap::DashMap;
use parley_protocol::RelayFrame;
use parley_protocol::frames::Sender;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::mailbox::Mailbox;

/// Who is subscribed, by the session's number.
type Subscribers = HashMap<u64, Arc<Mailbox>>;

/// The subscriptions of all sessions.
#[derive(Default)]
pub(crate) struct Topics {
    exact: DashMap<String, Subscribers>,
    wild: RwLock<Node>,
}

/// The patterns which go on from here.
#[derive(Default)]
struct Node {
    parts: HashMap<String, Node>,
    /// Patterns which end here.
    here: Subscribers,
    /// Patterns which end here in `>`.
    rest: Subscribers,
}

fn is_wild(pattern: &str) -> bool {
    pattern.split('.').any(|part| matches!(part, "*" | ">"))
}

impl Topics {
    pub(crate) fn subscribe(&self, pattern: &str, session: &Arc<Mailbox>) {
        if is_wild(pattern) {
            let mut wild = self.wild.write().unwrap_or_else(PoisonError::into_inner);
            wild.subscribers(pattern).insert(session.number, Arc::clone(session));
        } else {
            self.exact.entry(pattern.to_owned()).or_default().insert(session.number, Arc::clone(session));
        }
    }

    pub(crate) fn unsubscribe(&self, pattern: &str, session: &Mailbox) {
        if is_wild(pattern) {
            let mut wild = self.wild.write().unwrap_or_else(PoisonError::into_inner);
            wild.remove(&mut pattern.split('.'), session.number);
        } else {
            if let Some(mut subscribers) = self.exact.get_mut(pattern) {
                subscribers.remove(&session.number);
            }
            self.exact.remove_if(pattern, |_, subscribers| subscribers.is_empty());
        }
    }

    /// Everybody whom a message on the topic reaches, each once.
    fn reached(&self, topic: &str) -> Subscribers {
        let mut reached = self.exact.get(topic).map(|subscribers| subscribers.clone()).unwrap_or_default();
        let parts: Vec<&str> = topic.split('.').collect();
        self.wild.read().unwrap_or_else(PoisonError::into_inner).collect(&parts, &mut reached);
        reached
    }

    /// Hands a message over; how many sessions took it.
    pub(crate) fn publish(&self, topic: String, from: Sender, data: String) -> u64 {
        let reached = self.reached(&topic);
        let frame: Utf8Bytes = RelayFrame::Topic { topic, from, data }.encode().into();
        let mut count = 0;
        for session in reached.values() {
            count += u64::from(session.push_topic(frame.clone()));
        }
        count
    }

    /// How many sessions a message on the topic would reach.
    pub(crate) fn subscribers(&self, topic: &str) -> u64 {
        u64::try_from(self.reached(topic).len()).unwrap_or(u64::MAX)
    }
}

impl Node {
    fn subscribers(&mut self, pattern: &str) -> &mut Subscribers {
        let mut node = self;
        for part in pattern.split('.') {
            if part == ">" {
                return &mut node.rest;
            }
            node = node.parts.entry(part.to_owned()).or_default();
        }
        &mut node.here
    }

    /// Takes a subscription out, and what is empty then.
    fn remove(&mut self, parts: &mut std::str::Split<'_, char>, session: u64) {
        match parts.next() {
            None => {
                self.here.remove(&session);
            }
            Some(">") => {
                self.rest.remove(&session);
            }
            Some(part) => {
                if let Some(node) = self.parts.get_mut(part) {
                    node.remove(parts, session);
                    if node.parts.is_empty() && node.here.is_empty() && node.rest.is_empty() {
                        self.parts.remove(part);
                    }
                }
            }
        }
    }

    fn collect(&self, parts: &[&str], reached: &mut Subscribers) {
        let mut add = |subscribers: &Subscribers| {
            for (number, session) in subscribers {
                reached.entry(*number).or_insert_with(|| Arc::clone(session));
            }
        };
        let Some((part, rest)) = parts.split_first() else {
            add(&self.here);
            return;
        };
        add(&self.rest);
        for next in ["*", part] {
            if let Some(node) = self.parts.get(next) {
                node.collect(rest, reached);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;
    use parley_protocol::topic::matches;
    use parley_protocol::{AccountId, DeviceId};
    use proptest::prelude::*;

    fn session() -> Arc<Mailbox> {
        let who = Sender { account: AccountId::new(), device: DeviceId::new() };
        Mailbox::new(who, &Limits::default())
    }

    fn pattern() -> impl Strategy<Value = String> {
        (proptest::collection::vec("[ab*]", 0..4), "[ab*>]").prop_map(|(mut parts, last)| {
            parts.push(last);
            parts.join(".")
        })
    }

    proptest! {
        #[test]
        fn the_index_finds_what_the_pattern_says(
            patterns in proptest::collection::vec(pattern(), 1..8),
            name in proptest::collection::vec("[abc]", 1..5),
        ) {
            let (topics, name) = (Topics::default(), name.join("."));
            let sessions: Vec<_> = patterns.iter().map(|pattern| (pattern, session())).collect();
            for (pattern, session) in &sessions {
                topics.subscribe(pattern, session);
            }
            let expected = patterns.iter().filter(|pattern| matches(pattern, &name)).count() as u64;
            prop_assert_eq!(topics.subscribers(&name), expected);
            for (pattern, session) in &sessions {
                topics.unsubscribe(pattern, session);
            }
            prop_assert_eq!(topics.subscribers(&name), 0);
            prop_assert!(topics.exact.is_empty() && topics.wild.read().unwrap().parts.is_empty());
        }
    }

    #[test]
    fn a_session_with_two_patterns_is_reached_once() {
        let (topics, session) = (Topics::default(), session());
        topics.subscribe("a.>", &session);
        topics.subscribe("a.b", &session);
        let from = Sender { account: AccountId::new(), device: DeviceId::new() };
        assert_eq!(topics.publish("a.b".into(), from, "x".into()), 1);
    }
}
