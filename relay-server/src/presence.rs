//! Presence: who is online or away, told to those who share a direct or group chat, as far as the account shows it to them.
//!
//! A change is told once it has lasted a moment, so that a flapping connection tells nobody anything.

use std::sync::Arc;

use dashmap::DashMap;
use parley_protocol::frames::{Activity, Presence, PresenceState};
use parley_protocol::http::ShowPresence;
use parley_protocol::{AccountId, DeviceId, Millis};
use rusqlite::{Connection, params};

use crate::mailbox::Mailbox;
use crate::relay::Relay;
use crate::store::accounts::{show_presence, shows_to};
use crate::store::{self, Failure, id};

/// The presence of every account with a session, or which had one a moment ago.
pub(crate) struct Presences {
    on: bool,
    accounts: DashMap<AccountId, Known>,
}

#[derive(Default)]
struct Known {
    sessions: Vec<(u64, DeviceId, Activity)>,
    last_seen: Option<Millis>,
    /// What each circle was told.
    told: [Option<Presence>; CIRCLES],
    /// Somebody new is among them.
    again: bool,
    waits: bool,
}

impl Known {
    fn presence(&self, account: AccountId) -> Presence {
        let state = if self.sessions.is_empty() {
            PresenceState::Offline
        } else if self.sessions.iter().any(|(_, _, activity)| *activity == Activity::Online) {
            PresenceState::Online
        } else {
            PresenceState::Away
        };
        let devices = self.sessions.iter().map(|(_, device, _)| *device).collect();
        let last_seen = self.last_seen.filter(|_| state == PresenceState::Offline);
        Presence { account, state, last_seen, devices }
    }
}

/// Who is told of an account: its own devices, from which it is never hidden, those with whom it has a direct chat, and the others
/// who share one with it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Circle {
    Own,
    Contact,
    Other,
}

const CIRCLES: usize = 3;

impl Circle {
    const ALL: [Self; CIRCLES] = [Self::Own, Self::Contact, Self::Other];

    const fn sees(self, show: ShowPresence) -> bool {
        match self {
            Self::Own => true,
            Self::Contact => !matches!(show, ShowPresence::Nobody),
            Self::Other => matches!(show, ShowPresence::Everyone),
        }
    }
}

/// What is new of an account, to each circle.
type News = [Option<Presence>; CIRCLES];

/// Somebody who shares a chat with an account.
struct Around {
    account: AccountId,
    circle: Circle,
    /// To whom they show their own presence.
    show: ShowPresence,
}

/// Remembers what is told now; `None` if it is nothing new. `again` if somebody new may have seen something else, or nothing.
fn tell(told: &mut Option<Presence>, now: Presence, again: bool) -> Option<Presence> {
    let news = match told {
        Some(told) => *told != now || (again && now.state != PresenceState::Offline),
        // Whoever was there a moment ago may have been seen by somebody new.
        None => now.state != PresenceState::Offline || (again && now.last_seen.is_some()),
    };
    *told = Some(now.clone());
    news.then_some(now)
}

fn hidden(account: AccountId) -> Presence {
    Presence { account, state: PresenceState::Offline, last_seen: None, devices: Vec::new() }
}

impl Presences {
    pub(crate) fn new(on: bool) -> Self {
        Self { on, accounts: DashMap::new() }
    }

    pub(crate) fn state(&self, account: AccountId) -> PresenceState {
        if !self.on {
            return PresenceState::Offline;
        }
        self.accounts.get(&account).map_or(PresenceState::Offline, |known| known.presence(account).state)
    }

    fn set(&self, session: &Mailbox, activity: Option<Activity>) {
        let mut known = self.accounts.entry(session.who.account).or_default();
        known.sessions.retain(|(number, _, _)| *number != session.number);
        match activity {
            Some(activity) => known.sessions.push((session.number, session.who.device, activity)),
            None => known.last_seen = Some(store::now()),
        }
    }

    /// Whether somebody has to look after the account now, since nobody does.
    fn begin_wait(&self, account: AccountId) -> bool {
        self.on && !std::mem::replace(&mut self.accounts.entry(account).or_default().waits, true)
    }

    /// What is to be told now, if it is anything new. An account without sessions is forgotten with it.
    fn end_wait(&self, account: AccountId, show: ShowPresence) -> News {
        let Some(mut known) = self.accounts.get_mut(&account) else {
            return News::default();
        };
        known.waits = false;
        let now = known.presence(account);
        let again = std::mem::take(&mut known.again);
        let mut news = News::default();
        for ((circle, told), news) in Circle::ALL.into_iter().zip(&mut known.told).zip(&mut news) {
            let sees = circle.sees(show);
            // Who may see nothing was shown nothing by anybody else either.
            *news = tell(told, if sees { now.clone() } else { hidden(account) }, again && sees);
        }
        drop(known);
        self.accounts.remove_if(&account, |_, known| known.sessions.is_empty() && !known.waits);
        news
    }
}

impl Relay {
    /// A session has begun, changed its activity, or (`None`) ended.
    pub(crate) fn set_activity(self: &Arc<Self>, session: &Mailbox, activity: Option<Activity>) {
        self.presences.set(session, activity);
        self.presence_changed(session.who.account);
    }

    /// Somebody new shares a chat with the account: what was told is told again.
    pub(crate) fn tell_presence_again(self: &Arc<Self>, account: AccountId) {
        if let Some(mut known) = self.presences.accounts.get_mut(&account) {
            known.again = true;
        }
        self.presence_changed(account);
    }

    /// One account blocks another, or no longer: from then on neither sees the other, or both do again. Who would not have
    /// seen anything is told nothing, and so learns nothing.
    pub(crate) async fn block_changed(self: &Arc<Self>, by: AccountId, whom: AccountId, on: bool) {
        if !on {
            self.tell_presence_again(by);
            self.tell_presence_again(whom);
            return;
        }
        let read =
            move |sql: &Connection| Ok((share_a_chat(sql, by, whom)?, shows(sql, by, whom)?, shows(sql, whom, by)?));
        let Ok((true, by_shows, whom_shows)) = self.store().read(read).await else {
            return;
        };
        for (viewer, seen, shows) in [(whom, by, by_shows), (by, whom, whom_shows)] {
            if shows && self.presences.state(seen) != PresenceState::Offline {
                for session in self.live.sessions.of_account(viewer) {
                    session.presence(hidden(seen));
                }
            }
        }
    }

    /// Whether an account is there, or to whom it shows that, has changed: whoever sees it is told, half a second later.
    pub fn presence_changed(self: &Arc<Self>, account: AccountId) {
        if !self.presences.begin_wait(account) {
            return;
        }
        let relay = Arc::clone(self);
        tokio::spawn(async move {
            tokio::time::sleep(relay.limits.presence_delay).await;
            let most = relay.limits.presence_audience;
            let audience = match relay.store().read(move |sql| around(sql, account, most)).await {
                Ok(found) => found,
                Err(error) => {
                    tracing::warn!(%error, "nobody could be told of a presence");
                    Vec::new()
                }
            };
            let own = audience.iter().find(|one| one.circle == Circle::Own);
            let news = relay.presences.end_wait(account, own.map_or(ShowPresence::Nobody, |own| own.show));
            for one in audience {
                let Some(presence) = news.get(one.circle as usize).and_then(Option::as_ref) else {
                    continue;
                };
                for session in relay.live.sessions.of_account(one.account) {
                    session.presence(presence.clone());
                }
            }
        });
    }

    /// The presence of everybody whom the account may see and who is there; its own always.
    pub(crate) async fn presence_around(&self, account: AccountId) -> Vec<Presence> {
        if !self.presences.on {
            return Vec::new();
        }
        let most = self.limits.presence_audience;
        let around = self.store().read(move |sql| around(sql, account, most)).await.unwrap_or_default();
        // Who has a direct chat with somebody is their contact as they are one's own.
        let shown = around.into_iter().filter(|one| one.circle.sees(one.show));
        shown
            .filter_map(|one| Some(self.presences.accounts.get(&one.account)?.presence(one.account)))
            .filter(|presence| presence.state != PresenceState::Offline)
            .collect()
    }
}

/// Whether an account shows its presence to another one with whom it shares a chat.
fn shows(sql: &Connection, account: AccountId, viewer: AccountId) -> Result<bool, Failure> {
    let shows = shows_to("a", "?2");
    let mut select = sql.prepare_cached(&format!("SELECT 1 FROM accounts a WHERE a.id = ?1 AND {shows}"))?;
    Ok(select.exists(params![account.as_bytes(), viewer.as_bytes()])?)
}

fn share_a_chat(sql: &Connection, one: AccountId, other: AccountId) -> Result<bool, Failure> {
    let mut select = sql.prepare_cached(
        "SELECT 1 FROM members m JOIN acquainted c ON c.chat = m.chat \
         JOIN members o ON o.chat = m.chat AND o.left_at IS NULL AND o.account = ?2 \
         WHERE m.account = ?1 AND m.left_at IS NULL",
    )?;
    Ok(select.exists(params![one.as_bytes(), other.as_bytes()])?)
}

/// The accounts which share a chat whose people see one another and do not block one another: the own one first, then contacts.
fn around(sql: &Connection, account: AccountId, most: usize) -> Result<Vec<Around>, Failure> {
    let mut select = sql.prepare_cached(
        "SELECT id, show_presence, \
         EXISTS (SELECT 1 FROM direct_pairs WHERE low = min(id, ?1) AND high = max(id, ?1)) AS contact \
         FROM accounts WHERE id IN (SELECT ?1 UNION \
         SELECT o.account FROM members m JOIN acquainted c ON c.chat = m.chat \
         JOIN members o ON o.chat = m.chat AND o.left_at IS NULL \
         WHERE m.account = ?1 AND m.left_at IS NULL AND NOT EXISTS (SELECT 1 FROM blocks b WHERE \
         (b.account = ?1 AND b.blocked = o.account) OR (b.account = o.account AND b.blocked = ?1))) \
         ORDER BY id <> ?1, contact DESC LIMIT ?2",
    )?;
    let rows = select.query_map(params![account.as_bytes(), most], |row| {
        let other: AccountId = id(row, 0)?;
        let circle = match (other == account, row.get(2)?) {
            (true, _) => Circle::Own,
            (false, true) => Circle::Contact,
            (false, false) => Circle::Other,
        };
        Ok(Around { account: other, circle, show: show_presence(row, 1)? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    use crate::chats::add_member;
    use crate::limits::Limits;
    use crate::testing::{person, private_channel, relay};

    #[tokio::test]
    async fn in_a_private_channel_of_many_people_nobody_sees_the_others() {
        let folder = tempfile::tempdir().unwrap();
        let relay = relay(folder.path(), Limits::default());
        let (alice, bob) = (person(&relay, "alice").await.account, person(&relay, "bob").await);
        let around = async || relay.store().read(move |sql| Ok(super::around(sql, alice, 2_000)?.len())).await.unwrap();
        let chat = private_channel(&relay, bob, &["alice"]).await;
        let comes = async |name: String| {
            person(&relay, &name).await;
            add_member(&relay, bob, chat, name).await.unwrap();
        };
        assert_eq!(around().await, 2);
        for n in 0..254 {
            comes(format!("reader{n}")).await;
        }
        assert_eq!(around().await, 256);
        comes("carol".to_owned()).await;
        assert_eq!(around().await, 1, "only herself");
    }
}
