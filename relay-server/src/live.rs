//! What the relay holds in memory of who is connected: sessions, the feeds of the logs they follow, and blocks.
//!
//! Everything that leaves for other sessions passes `Live::publish`, which the fan-out thread calls with what the
//! writer has committed, in order.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use dashmap::{DashMap, Entry};
use parley_protocol::AccountId;
use parley_protocol::frames::MarkScope;

use crate::feeds::Feeds;
use crate::mailbox::Change;
use crate::sessions::Sessions;
use crate::store::Effect;

/// The relay's memory of the connected.
#[derive(Default)]
pub struct Live {
    /// Who has a session.
    pub sessions: Sessions,
    /// Logs which somebody follows now.
    pub(crate) feeds: Feeds,
    /// Whom the accounts with sessions block.
    pub blocks: Blocks,
}

impl Live {
    pub(crate) fn publish(&self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Entry { log, seq, frame } => self.feeds.publish(log, seq, &frame),
                Effect::Emptied { log, seq, frame } => self.feeds.empty(log, seq, frame),
                Effect::Joined { account, device, at, state } => {
                    for session in self.sessions.of_account(account) {
                        if device.is_none_or(|device| device == session.who.device) {
                            session.change(Change::Joined { at, state: Arc::clone(&state) });
                        }
                    }
                }
                Effect::Left { chat, account, device, seq } => self.feeds.end(chat.into(), account, device, seq),
                Effect::Deleted { chat } => {
                    for follower in self.feeds.remove(chat.into()) {
                        follower.mailbox.change(Change::Deleted { chat });
                    }
                }
                Effect::Mark { chat, from, scope, frame } => {
                    for follower in self.feeds.followers(chat.into()) {
                        let whose = follower.mailbox.who;
                        let sees = scope == MarkScope::Chat || whose.account == from.account;
                        if sees && whose.device != from.device {
                            follower.mailbox.mark(chat, from.device, scope, frame.clone());
                        }
                    }
                }
                Effect::Close { device, error, before } => {
                    if let Some(session) = self.sessions.of_device(device).filter(|session| session.number < before) {
                        session.close(error);
                    }
                }
                Effect::Then(then) => then(self),
            }
        }
    }

    /// Forgets whom an account blocks, unless it has a session: one may have begun while another ended.
    pub(crate) fn forget_blocks(&self, account: AccountId) {
        // The lock on the entry is held while sessions are asked, and never the other way round: whoever begins a session
        // loads its blocks after it is registered, so that it either is seen here or loads them again.
        self.blocks.of.remove_if(&account, |_, _| self.sessions.of_account(account).is_empty());
    }
}

/// Whom the accounts with sessions block: read from the database when a session begins, and kept up with every change.
#[derive(Default)]
pub struct Blocks {
    of: DashMap<AccountId, Arc<HashSet<AccountId>>>,
    changes: AtomicU64,
}

impl Blocks {
    /// Sets whom an account blocks, after a change.
    pub fn set(&self, account: AccountId, blocked: impl IntoIterator<Item = AccountId>) {
        let entry = self.of.entry(account);
        self.changes.fetch_add(1, Ordering::Relaxed);
        put(entry, blocked.into_iter().collect());
    }

    /// How many changes there were, of anybody.
    pub(crate) fn changes(&self) -> u64 {
        self.changes.load(Ordering::Relaxed)
    }

    /// Sets what was read of an account; `false`, and nothing, if there were more than these changes meanwhile: one of
    /// them may be newer than what was read.
    #[must_use]
    pub(crate) fn load(&self, account: AccountId, blocked: &[AccountId], changes: u64) -> bool {
        // A change of this account waits for the entry.
        let entry = self.of.entry(account);
        if self.changes() != changes {
            return false;
        }
        put(entry, blocked.iter().copied().collect());
        true
    }

    /// Whether either blocks the other, as far as those with sessions say.
    #[must_use]
    pub fn between(&self, one: AccountId, other: AccountId) -> bool {
        self.blocks(one, other) || self.blocks(other, one)
    }

    fn blocks(&self, account: AccountId, other: AccountId) -> bool {
        self.of.get(&account).is_some_and(|blocked| blocked.contains(&other))
    }
}

fn put(entry: Entry<'_, AccountId, Arc<HashSet<AccountId>>>, blocked: HashSet<AccountId>) {
    match (entry, blocked.is_empty()) {
        (Entry::Occupied(entry), true) => drop(entry.remove()),
        (Entry::Vacant(_), true) => {}
        (entry, false) => drop(entry.insert(Arc::new(blocked))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;
    use crate::mailbox::Mailbox;
    use parley_protocol::DeviceId;
    use parley_protocol::frames::Sender;

    #[test]
    fn what_was_read_does_not_undo_a_change_which_came_meanwhile() {
        let (blocks, alice, bob) = (Blocks::default(), AccountId::new(), AccountId::new());
        let before = blocks.changes();
        blocks.set(alice, [bob]);
        assert!(!blocks.load(alice, &[], before), "it is to be read again");
        assert!(blocks.between(alice, bob));
        assert!(blocks.load(alice, &[], blocks.changes()));
        assert!(!blocks.between(alice, bob));
    }

    #[test]
    fn the_end_of_one_session_leaves_the_blocks_to_the_next() {
        let (live, alice, bob) = (Live::default(), AccountId::new(), AccountId::new());
        let session = || Mailbox::new(Sender { account: alice, device: DeviceId::new() }, &Limits::default());
        let (old, new) = (session(), session());
        live.sessions.begin(&old);
        live.blocks.set(alice, [bob]);
        live.sessions.end(&old);
        live.sessions.begin(&new);
        live.forget_blocks(alice);
        assert!(live.blocks.between(bob, alice));
        live.sessions.end(&new);
        live.forget_blocks(alice);
        assert!(!live.blocks.between(bob, alice), "nobody is there any more");
    }
}
