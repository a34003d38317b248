//! Presence: whether this person is there, and when others were.

use std::time::{Duration, Instant};

use parley_protocol::frames::{Activity, Presence, PresenceState};
use parley_protocol::{AccountId, ChatKind, ClientFrame, DeviceId, Millis};
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::{Core, Effects, Task};
use crate::events::Event;
use crate::store::chats::ChatRow;
use crate::store::{Sql, chats, settings};
use crate::views::{ChatStatus, PresenceView, Route};

/// A relay tells at once who is there. Of the others one is asked this long after a session began; at the first of an opening, at
/// once.
const ASK_AFTER: Duration = Duration::from_secs(5);
/// The number of an opening's first session.
const FIRST: u64 = 1;
/// Of how many people the relay is asked when they were last there: those of the newest direct chats.
const MOST_ASKED: usize = 20;

impl Core {
    /// Whether the person is there, for this session and those that follow.
    pub(crate) fn set_activity(&mut self, activity: Activity, out: &mut Effects) {
        self.activity = activity;
        self.tell_activity(out);
    }

    /// A session has begun, and it begins as `online`.
    pub(super) fn begin_presence(&mut self, out: &mut Effects) {
        if self.activity != Activity::Online {
            self.tell_activity(out);
        }
        if let Some(session) = &mut self.session {
            let pause = if session.number == FIRST { Duration::ZERO } else { ASK_AFTER };
            session.ask_last_seen = Some(Instant::now() + pause);
        }
    }

    fn tell_activity(&self, out: &mut Effects) {
        if self.is_online() {
            out.relay.push(ClientFrame::Presence { state: self.activity });
        }
    }

    /// The relay vouches for nobody any more. What is left is when people were last there, and of those who were, that a link to them
    /// says so as long as it stands.
    pub(super) fn keep_presence(&mut self) {
        for (account, presence) in self.presence.drain() {
            if let Some(at) = presence.last_seen {
                self.last_seen.insert(account, at);
            }
            if presence.state == PresenceState::Offline {
                self.were_there.remove(&account);
            } else {
                self.were_there.insert(account);
            }
        }
    }

    /// What is shown of the other one of a direct chat; `None` if nobody vouches for it.
    pub(crate) fn presence_in(&self, chat: &ChatRow, peer: AccountId) -> Option<PresenceView> {
        if self.is_online() {
            return Some(self.presence_of(peer));
        }
        let linked = matches!(self.route_of(chat).route, Route::Lan | Route::Direct | Route::Turn);
        if linked && self.were_there.contains(&peer) {
            return Some(PresenceView { state: PresenceState::Online, last_seen: None });
        }
        let last_seen = self.last_seen.get(&peer).copied();
        last_seen.map(|at| PresenceView { state: PresenceState::Offline, last_seen: Some(at) })
    }

    /// What is shown of somebody.
    pub(crate) fn presence_of(&self, account: AccountId) -> PresenceView {
        match self.presence.get(&account) {
            Some(presence) => PresenceView { state: presence.state, last_seen: presence.last_seen },
            None => PresenceView { state: PresenceState::Offline, last_seen: self.last_seen.get(&account).copied() },
        }
    }

    /// Somebody's presence changed, or is told at the beginning of a session.
    pub(super) fn take_presence(&mut self, tx: &Connection, presence: Presence, out: &mut Effects) -> Sql<()> {
        let account = presence.account;
        let came: Vec<DeviceId> = presence.devices.clone();
        self.last_seen.remove(&account);
        self.presence.insert(account, presence);
        out.events.push(Event::Presence { account });
        for device in came {
            self.wish_link(tx, device, out)?;
        }
        Ok(())
    }

    /// Asks when those were last there with whom there is a direct chat and of whom the relay has told nothing.
    pub(super) fn ask_last_seen(&mut self, tx: &Connection, now: Instant, out: &mut Effects) -> Sql<()> {
        let due = self.session.as_mut().and_then(|session| session.ask_last_seen.take_if(|at| now >= *at));
        if due.is_none() {
            return Ok(());
        }
        let mut accounts = Vec::new();
        for chat in chats::all(tx)? {
            if chat.status != ChatStatus::Active || chat.state.kind != ChatKind::Direct {
                continue;
            }
            for account in chat.state.members.keys().filter(|account| **account != self.account()) {
                if !self.presence.contains_key(account) && !settings::is_blocked(tx, *account)? {
                    accounts.push(*account);
                }
            }
        }
        accounts.truncate(MOST_ASKED);
        if accounts.is_empty() {
            self.presence_asked();
        } else {
            out.tasks.push(Task::LastSeen { accounts });
        }
        Ok(())
    }

    /// Lets somebody wait until the relay has said at the beginning of this opening's first session when others were last there.
    /// Later, and without a session, there is nothing to wait for.
    pub(crate) fn await_presence(&mut self, waiter: oneshot::Sender<()>) {
        if self.is_online()
            && self.session.as_ref().is_some_and(|session| session.number == FIRST && !session.presence_asked)
        {
            self.presence_awaited.push(waiter);
        }
    }

    /// The relay has said what it says of when others were last there.
    pub(super) fn presence_asked(&mut self) {
        self.presence_awaited.clear();
        if let Some(session) = &mut self.session {
            session.presence_asked = true;
        }
    }

    /// The relay has said when somebody was last there, if they show it.
    pub(super) fn was_last_seen(&mut self, account: AccountId, at: Option<Millis>, out: &mut Effects) {
        // What it told by itself is newer.
        if self.presence.contains_key(&account) {
            return;
        }
        let before = match at {
            Some(at) => self.last_seen.insert(account, at),
            None => self.last_seen.remove(&account),
        };
        if before != at {
            out.events.push(Event::Presence { account });
        }
    }
}
