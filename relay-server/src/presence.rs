//! Presence: who is online or away, told to those who share a direct or group chat, if the account shows it.
//!
//! A change is told once it has lasted a moment, so that a flapping connection tells nobody anything.

use std::sync::Arc;

use dashmap::DashMap;
use parley_protocol::frames::{Activity, Presence, PresenceState};
use parley_protocol::{AccountId, DeviceId, Millis};
use rusqlite::{Connection, params};

use crate::mailbox::Mailbox;
use crate::relay::Relay;
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
    /// What others were told, and what the account's own devices were.
    told: Option<Presence>,
    told_own: Option<Presence>,
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

/// What is new of an account: to others, and to its own devices, which are never hidden from each other.
#[derive(Default)]
struct News {
    others: Option<Presence>,
    own: Option<Presence>,
}

/// Remembers what is told now; `None` if it is nothing new.
fn tell(told: &mut Option<Presence>, now: Presence) -> Option<Presence> {
    let news = match told {
        Some(told) => *told != now,
        None => now.state != PresenceState::Offline,
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
    fn end_wait(&self, account: AccountId, shows: bool) -> News {
        let Some(mut known) = self.accounts.get_mut(&account) else {
            return News::default();
        };
        known.waits = false;
        let now = known.presence(account);
        let shown = if shows { now.clone() } else { hidden(account) };
        let news = News { others: tell(&mut known.told, shown), own: tell(&mut known.told_own, now) };
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
            known.told = None;
            known.told_own = None;
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
        let read = move |sql: &Connection| Ok((share_a_chat(sql, by, whom)?, shows(sql, by)?, shows(sql, whom)?));
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

    pub(crate) fn presence_changed(self: &Arc<Self>, account: AccountId) {
        if !self.presences.begin_wait(account) {
            return;
        }
        let relay = Arc::clone(self);
        tokio::spawn(async move {
            tokio::time::sleep(relay.limits.presence_delay).await;
            let most = relay.limits.presence_audience;
            let read = move |sql: &Connection| Ok((shows(sql, account)?, sharing(sql, account, most)?));
            let (shows, audience) = match relay.store().read(read).await {
                Ok(found) => found,
                Err(error) => {
                    tracing::warn!(%error, "nobody could be told of a presence");
                    (false, Vec::new())
                }
            };
            let news = relay.presences.end_wait(account, shows);
            for (other, _) in audience {
                let Some(presence) = (if other == account { &news.own } else { &news.others }) else {
                    continue;
                };
                for session in relay.live.sessions.of_account(other) {
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
        let around = self.store().read(move |sql| sharing(sql, account, most)).await.unwrap_or_default();
        let shown = around.into_iter().filter(|(other, shows)| *shows || *other == account);
        shown
            .filter_map(|(other, _)| Some(self.presences.accounts.get(&other)?.presence(other)))
            .filter(|presence| presence.state != PresenceState::Offline)
            .collect()
    }
}

fn shows(sql: &Connection, account: AccountId) -> Result<bool, Failure> {
    let mut select = sql.prepare_cached("SELECT 1 FROM accounts WHERE id = ?1 AND show_presence = 1")?;
    Ok(select.exists([account.as_bytes()])?)
}

fn share_a_chat(sql: &Connection, one: AccountId, other: AccountId) -> Result<bool, Failure> {
    let mut select = sql.prepare_cached(
        "SELECT 1 FROM members m JOIN acquainted c ON c.chat = m.chat \
         JOIN members o ON o.chat = m.chat AND o.left_at IS NULL AND o.account = ?2 \
         WHERE m.account = ?1 AND m.left_at IS NULL",
    )?;
    Ok(select.exists(params![one.as_bytes(), other.as_bytes()])?)
}

/// The accounts (the own one too) which share a chat whose people see one another and do not block one another, and
/// whether they show their presence.
fn sharing(sql: &Connection, account: AccountId, most: usize) -> Result<Vec<(AccountId, bool)>, Failure> {
    let mut select = sql.prepare_cached(
        "SELECT account, shows FROM (\
         SELECT ?1 AS account, (SELECT show_presence FROM accounts WHERE id = ?1) AS shows UNION \
         SELECT a.id, a.show_presence FROM members m JOIN acquainted c ON c.chat = m.chat \
         JOIN members o ON o.chat = m.chat AND o.left_at IS NULL JOIN accounts a ON a.id = o.account \
         WHERE m.account = ?1 AND m.left_at IS NULL AND NOT EXISTS (SELECT 1 FROM blocks b WHERE \
         (b.account = ?1 AND b.blocked = a.id) OR (b.account = a.id AND b.blocked = ?1))) \
         ORDER BY account <> ?1 LIMIT ?2",
    )?;
    let rows = select.query_map(params![account.as_bytes(), most], |row| {
        Ok((id(row, 0)?, row.get::<_, Option<bool>>(1)?.unwrap_or(false)))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chats::add_member;
    use crate::limits::Limits;
    use crate::testing::{person, private_channel, relay};

    #[tokio::test]
    async fn in_a_private_channel_of_many_people_nobody_sees_the_others() {
        let folder = tempfile::tempdir().unwrap();
        let relay = relay(folder.path(), Limits::default());
        let (alice, bob) = (person(&relay, "alice").await.account, person(&relay, "bob").await);
        let around = async || relay.store().read(move |sql| Ok(sharing(sql, alice, 2_000)?.len())).await.unwrap();
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
