//! What the relay holds in memory of who is connected: sessions, the feeds of the logs they follow, and blocks.
//!
//! Everything that leaves for other sessions passes `Live::publish`, which the fan-out thread calls with what the
//! writer has committed, in order.

use std::collections::HashSet;
use std::sync::Arc;

use dashmap::DashMap;
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
}

/// Whom the accounts with sessions block; read from the database when the first session of an account begins.
#[derive(Default)]
pub struct Blocks {
    of: DashMap<AccountId, Arc<HashSet<AccountId>>>,
}

impl Blocks {
    /// Sets whom an account blocks: at its hello, and after every change.
    pub fn set(&self, account: AccountId, blocked: impl IntoIterator<Item = AccountId>) {
        let blocked: HashSet<_> = blocked.into_iter().collect();
        if blocked.is_empty() {
            self.of.remove(&account);
        } else {
            self.of.insert(account, Arc::new(blocked));
        }
    }

    /// Forgets an account whose last session ended.
    pub(crate) fn forget(&self, account: AccountId) {
        self.of.remove(&account);
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
