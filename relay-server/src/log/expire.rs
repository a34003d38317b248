//! What goes past the retention: of sealed chats what devices that are away have not taken, of open chats old history
//! if the operator wants that, of inboxes what nobody came for. A chat may have a shorter retention of its own.
//!
//! A little at a time, so that appends get in between.

use std::collections::HashMap;
use std::time::Duration;

use parley_protocol::frames::InboxItem;
use parley_protocol::{ChatId, DeviceId, LogId, MessageId, Millis};
use rusqlite::{Connection, params};

use super::kind;
use crate::limits::Limits;
use crate::store::{Batch, Failure, LogHead, id};

/// The most entries that one step deletes.
const MOST_AT_ONCE: u64 = 1_000;
/// The most messages that one `expired` names.
const MOST_EXPIRED: usize = 1_000;

/// What kind of log it is, to the retention.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Sealed,
    Open,
    Inbox,
}

/// A log whose oldest entry is past the retention.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Overdue {
    log: LogId,
    kind: Kind,
    /// What came before this moment is too old.
    cutoff: Millis,
}

/// One stay of a device in a sealed chat that has not taken all of it.
struct Lacking {
    device: DeviceId,
    has: u64,
    ends: Option<u64>,
}

impl Lacking {
    fn lacks(&self, seq: u64) -> bool {
        self.has < seq && self.ends.is_none_or(|ends| seq <= ends)
    }
}

/// The logs whose oldest entry is past the retention.
pub(crate) fn overdue(connection: &Connection, now: Millis, limits: &Limits) -> Result<Vec<Overdue>, Failure> {
    let before = |kept: Duration| now.saturating_sub(Millis::try_from(kept.as_millis()).unwrap_or(Millis::MAX));
    let mut select = connection.prepare_cached(
        "SELECT l.id, c.sealed, (SELECT at FROM entries WHERE log = l.id ORDER BY seq LIMIT 1), c.retention, \
         (SELECT at FROM entries WHERE log = l.id ORDER BY seq LIMIT 1 OFFSET 1) < c.retention_since \
         FROM logs l LEFT JOIN chats c ON c.id = l.id WHERE l.head > l.trimmed_to + 1",
    )?;
    let mut rows = select.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let (kind, kept) = match row.get(1)? {
            Some(true) => (Kind::Sealed, Some(limits.retention)),
            Some(false) => (Kind::Open, limits.history_retention),
            None => (Kind::Inbox, Some(limits.retention)),
        };
        let Some(oldest) = row.get::<_, Option<Millis>>(2)? else { continue };
        // What was said in a sealed chat before its people first chose one is not under it. The first entry is one that all have; it
        // is kept to be compared with cursors.
        let waits = row.get::<_, Option<bool>>(4)?.unwrap_or_default();
        let own = row.get::<_, Option<u64>>(3)?.filter(|_| !waits).map(Duration::from_secs);
        let Some(cutoff) = kept.into_iter().chain(own).min().map(before) else { continue };
        if oldest < cutoff {
            found.push(Overdue { log: id(row, 0)?, kind, cutoff });
        }
    }
    Ok(found)
}

impl Batch<'_> {
    /// Deletes some of what is too old in a log, and tells the senders what was not taken; whether there is more to do.
    /// `is_online` tells whether a device has a session.
    pub(crate) fn expire(&mut self, overdue: Overdue, is_online: impl Fn(DeviceId) -> bool) -> Result<bool, Failure> {
        let Overdue { log, kind, cutoff } = overdue;
        let Some(head) = self.log(log)? else {
            return Ok(false);
        };
        let old = self.last_old(log, &head, cutoff)?;
        if kind == Kind::Sealed {
            self.expire_sealed(log.chat(), cutoff, old, is_online)?;
        } else {
            // The last entry stays, to be compared with cursors.
            self.trim(log, old.min(head.head.saturating_sub(1)))?;
        }
        let trimmed = self.log(log)?.map_or(0, |head| head.trimmed_to);
        Ok(trimmed > head.trimmed_to && old >= head.trimmed_to + MOST_AT_ONCE)
    }

    /// The last of the log's oldest entries that came before `cutoff`, looking no further than one step goes.
    fn last_old(&self, log: LogId, head: &LogHead, cutoff: Millis) -> Result<u64, Failure> {
        let mut select =
            self.sql().prepare_cached("SELECT seq, at FROM entries WHERE log = ?1 AND seq <= ?2 ORDER BY seq")?;
        let mut rows = select.query(params![log.as_bytes(), head.trimmed_to + MOST_AT_ONCE])?;
        let mut old = head.trimmed_to;
        while let Some(row) = rows.next()? {
            if row.get::<_, Millis>(1)? >= cutoff {
                break;
            }
            old = row.get(0)?;
        }
        Ok(old)
    }

    /// A device that is away holds only what is younger than `old`, and one which was taken out nothing behind its end.
    fn expire_sealed(
        &mut self,
        chat: ChatId,
        cutoff: Millis,
        old: u64,
        is_online: impl Fn(DeviceId) -> bool,
    ) -> Result<(), Failure> {
        let Some(head) = self.log(chat.into())? else {
            return Ok(());
        };
        let mut select = self.sql().prepare_cached(
            "SELECT c.device, c.seq, c.ends, d.last_seen FROM cursors c JOIN devices d ON d.id = c.device \
             WHERE c.chat = ?1",
        )?;
        let stays = select
            .query_map([chat.as_bytes()], |row| {
                Ok((Lacking { device: id(row, 0)?, has: row.get(1)?, ends: row.get(2)? }, row.get(3)?))
            })?
            .collect::<Result<Vec<(Lacking, Millis)>, _>>()?;
        let slowest = stays
            .iter()
            .filter_map(|(stay, seen)| {
                let away = *seen < cutoff && !is_online(stay.device);
                let from = if away { old.max(stay.has) } else { stay.has };
                stay.ends.is_none_or(|ends| from < ends).then_some(from)
            })
            .min()
            .unwrap_or(head.head);
        let upto = slowest.saturating_sub(1).min(head.trimmed_to + MOST_AT_ONCE);
        if upto > head.trimmed_to {
            let lacking: Vec<Lacking> =
                stays.into_iter().map(|(stay, _)| stay).filter(|stay| stay.has < upto).collect();
            self.tell_expired(chat, upto, &lacking)?;
            self.trim(chat.into(), upto)?;
        }
        // Of these stays nothing is left to be taken.
        self.sql()
            .prepare_cached("DELETE FROM cursors WHERE chat = ?1 AND ends <= ?2")?
            .execute(params![chat.as_bytes(), upto.max(head.trimmed_to)])?;
        Ok(())
    }

    /// Tells the devices whose messages up to `upto` go before somebody else's device has them.
    fn tell_expired(&mut self, chat: ChatId, upto: u64, lacking: &[Lacking]) -> Result<(), Failure> {
        let Some(first) = lacking.iter().map(|stay| stay.has).min() else {
            return Ok(());
        };
        let mut select = self.sql().prepare_cached(
            "SELECT e.seq, e.device, e.id FROM entries e JOIN devices d ON d.id = e.device \
             WHERE e.log = ?1 AND e.seq > ?2 AND e.seq <= ?3 AND e.kind = ?4 AND d.revoked_at IS NULL ORDER BY e.seq",
        )?;
        let rows = select.query_map(params![chat.as_bytes(), first, upto, kind::MESSAGE], |row| {
            Ok((row.get::<_, u64>(0)?, id::<DeviceId>(row, 1)?, id::<MessageId>(row, 2)?))
        })?;
        let mut expired: HashMap<DeviceId, Vec<MessageId>> = HashMap::new();
        for row in rows {
            let (seq, sender, message) = row?;
            if lacking.iter().any(|stay| stay.device != sender && stay.lacks(seq)) {
                expired.entry(sender).or_default().push(message);
            }
        }
        for (sender, messages) in expired {
            for messages in messages.chunks(MOST_EXPIRED) {
                self.append_inbox(sender, InboxItem::Expired { chat, messages: messages.to_vec() })?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use parley_protocol::Body;
    use parley_protocol::frames::Payload;
    use parley_protocol::http::PatchChat;

    use super::*;
    use crate::testing::{group, open_group, person, relay};

    #[tokio::test]
    async fn a_long_log_goes_in_steps_so_that_others_get_in_between() {
        let folder = tempfile::tempdir().unwrap();
        let relay = relay(folder.path(), Limits { retention: Duration::from_secs(1), ..Limits::default() });
        let alice = person(&relay, "alice").await;
        person(&relay, "bob").await;
        let chat = group(&relay, alice, &["bob"]).await;
        let filled = relay.store().write(move |batch| {
            for n in 0..2 * MOST_AT_ONCE {
                batch.append(alice, chat, MessageId::new(), Payload::Sealed(n.to_string()))?;
            }
            Ok(())
        });
        filled.await.unwrap();
        // Everybody is away, and a day has passed.
        let limits = std::sync::Arc::clone(&relay.limits);
        let tomorrow = crate::store::now() + 24 * 60 * 60 * 1_000;
        let logs = relay.store().read(move |sql| overdue(sql, tomorrow, &limits)).await.unwrap();
        let [log] = logs[..] else { panic!("{logs:?}") };
        let mut steps = 0;
        let mut held = 2 * MOST_AT_ONCE + 1;
        loop {
            let step = relay.store().write(move |batch| {
                let more = batch.expire(log, |_| false)?;
                Ok((more, batch.log(chat.into())?.map_or(0, |head| head.held)))
            });
            let (more, now) = step.await.unwrap();
            assert!(held - now <= MOST_AT_ONCE, "{held} to {now}");
            (held, steps) = (now, steps + 1);
            if !more {
                break;
            }
        }
        assert!(steps > 2);
        assert_eq!(held, 1, "the last one stays");
    }

    #[tokio::test]
    async fn what_was_said_before_its_people_chose_waits_as_long_as_elsewhere() {
        let folder = tempfile::tempdir().unwrap();
        let relay = relay(folder.path(), Limits::default());
        let alice = person(&relay, "alice").await;
        person(&relay, "bob").await;
        let chat = group(&relay, alice, &["bob"]).await;
        let say = async || {
            let payload = Payload::Sealed("words".into());
            let said = relay.store().write(move |batch| batch.append(alice, chat, MessageId::new(), payload));
            said.await.unwrap();
        };
        let keep = async |seconds: u64| {
            let form = PatchChat { retention: Some(seconds), ..PatchChat::default() };
            crate::chats::patch(&relay, alice, chat, form).await.unwrap();
        };
        // Whether anything would go after so many hours, of what is held for somebody who is away all along.
        let due = async |hours: u64| {
            let (limits, then) = (std::sync::Arc::clone(&relay.limits), crate::store::now() + hours * 3_600_000);
            let found = relay.store().read(move |sql| overdue(sql, then, &limits)).await.unwrap();
            !found.is_empty()
        };
        say().await;
        // The chosen moment is after what was said, by the relay's clock.
        let said = crate::store::now();
        while crate::store::now() <= said {
            tokio::task::yield_now().await;
        }
        keep(3_600).await;
        say().await;
        assert!(!due(2).await, "the message from before is held");
        assert!(due(24 * 31).await, "for no longer than the operator's retention");
        keep(60).await;
        assert!(!due(2).await, "another one changes nothing about that");
        keep(0).await;
        keep(3_600).await;
        assert!(!due(2).await);
    }

    #[tokio::test]
    async fn a_chat_is_kept_no_longer_than_it_says_itself() {
        let folder = tempfile::tempdir().unwrap();
        let relay =
            relay(folder.path(), Limits { history_retention: Some(Duration::from_hours(10)), ..Limits::default() });
        let alice = person(&relay, "alice").await;
        person(&relay, "bob").await;
        let mut chats = Vec::new();
        for (sealed, retention) in [(true, Some(3_600)), (true, None), (false, Some(3_600)), (false, None)] {
            let chat =
                if sealed { group(&relay, alice, &["bob"]).await } else { open_group(&relay, alice, &["bob"]).await };
            let form = PatchChat { retention, ..PatchChat::default() };
            crate::chats::patch(&relay, alice, chat, form).await.unwrap();
            let words = Body::Text { text: "words".into(), reply_to: None, mentions: Vec::new() };
            let payload = if sealed { Payload::Sealed("words".into()) } else { Payload::Open(words) };
            let said = relay.store().write(move |batch| batch.append(alice, chat, MessageId::new(), payload));
            said.await.unwrap();
            chats.push(LogId::from(chat));
        }
        let due = async |hours: u64| {
            let (limits, then) = (std::sync::Arc::clone(&relay.limits), crate::store::now() + hours * 3_600_000);
            let found = relay.store().read(move |sql| overdue(sql, then, &limits)).await.unwrap();
            found.into_iter().map(|log| log.log).collect::<BTreeSet<_>>()
        };
        assert_eq!(due(0).await, BTreeSet::new());
        assert_eq!(due(2).await, BTreeSet::from([chats[0], chats[2]]), "those with a retention of their own");
        assert_eq!(due(11).await, BTreeSet::from([chats[0], chats[2], chats[3]]), "the operator's is the shorter one");
        assert_eq!(due(24 * 31).await.len(), 4);
    }
}
