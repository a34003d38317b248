//! Acks, quotas, and the trimming of what every device has (DELIVERY rules 12 and 13).

use std::collections::{BTreeMap, HashMap};

use parley_protocol::frames::{InboxItem, MarkScope, RelayFrame, Sender};
use parley_protocol::{AccountId, ChatId, ChatState, Code, DeviceId, ErrorBody, LogId, MessageId, Millis};
use rusqlite::{OptionalExtension, params};

use super::kind;
use crate::store::{Batch, Effect, Failure, id};

/// The most messages that one `expired` names.
const MOST_EXPIRED: usize = 1_000;

impl Batch<'_> {
    /// Moves the cursors by what has been acked, and trims what fell behind all of them.
    pub(crate) fn apply_acks(&mut self) {
        let acks = std::mem::take(&mut self.cache.acks);
        // Nobody waits for it: a failure leaves the cursors where they are, and the next ack moves them.
        let outcome = self.in_savepoint(|batch| {
            let mut logs = BTreeMap::new();
            for ((log, device), seq) in acks {
                let moved = batch.move_cursor(log, device, seq)?;
                *logs.entry(log).or_insert(false) |= moved;
            }
            let slack = batch.limits().trim_slack;
            for log in logs.into_iter().filter_map(|(log, moved)| moved.then_some(log)) {
                batch.trim_behind_cursors(log.chat(), slack)?;
            }
            Ok(())
        });
        if let Err(error) = outcome {
            tracing::debug!(%error, "acks were not applied");
        }
    }

    /// Moves one cursor; forward only. Whether there may be something to trim.
    pub(crate) fn move_cursor(&mut self, log: LogId, device: DeviceId, seq: u64) -> Result<bool, Failure> {
        let Some(head) = self.log(log)? else {
            return Ok(false);
        };
        let seq = seq.min(head.head);
        if log == LogId::from(device) {
            // An inbox has one reader: its cursor is where the log is trimmed. The entry at it stays.
            self.trim(log, seq.saturating_sub(1))?;
            return Ok(false);
        }
        let (chat, device) = (log.as_bytes(), device.as_bytes());
        // A stay which was taken to its end holds nothing any more.
        let ended = self
            .sql()
            .prepare_cached("DELETE FROM cursors WHERE chat = ?1 AND device = ?2 AND ends <= ?3")?
            .execute(params![chat, device, seq])?;
        let moved = self
            .sql()
            .prepare_cached("UPDATE cursors SET seq = ?3 WHERE chat = ?1 AND device = ?2 AND seq < ?3 AND start <= ?3")?
            .execute(params![chat, device, seq])?;
        Ok(ended + moved > 0)
    }

    /// Trims a sealed chat behind its slowest cursor, if at least `slack` entries lie there.
    pub(crate) fn trim_behind_cursors(&mut self, chat: ChatId, slack: u64) -> Result<(), Failure> {
        let Some(head) = self.log(chat.into())? else {
            return Ok(());
        };
        if head.head.saturating_sub(head.trimmed_to) <= slack || !self.chat(chat)?.sealed {
            return Ok(());
        }
        let slowest: Option<u64> = self
            .sql()
            .prepare_cached("SELECT MIN(seq) FROM cursors WHERE chat = ?1")?
            .query_row([chat.as_bytes()], |row| row.get(0))?;
        let upto = slowest.unwrap_or(head.head).saturating_sub(1);
        if upto.saturating_sub(head.trimmed_to) > slack { self.trim(chat.into(), upto) } else { Ok(()) }
    }

    /// Deletes the entries up to `upto`.
    fn trim(&mut self, log: LogId, upto: u64) -> Result<(), Failure> {
        let Some(mut head) = self.log(log)? else {
            return Ok(());
        };
        if upto <= head.trimmed_to {
            return Ok(());
        }
        let bytes = log.as_bytes();
        let last = super::entry_at(self.sql(), log, upto)?;
        let mut select = self.sql().prepare_cached(
            "SELECT account, kind, COUNT(*), SUM(LENGTH(CAST(frame AS BLOB))) FROM entries \
             WHERE log = ?1 AND seq <= ?2 GROUP BY account, kind",
        )?;
        let rows = select.query_map(params![bytes, upto], |row| {
            Ok((id::<AccountId>(row, 0)?, row.get::<_, u8>(1)?, row.get::<_, u64>(2)?, row.get::<_, u64>(3)?))
        })?;
        for row in rows.collect::<Result<Vec<_>, _>>()? {
            let (account, kind, entries, size) = row;
            head.held = head.held.saturating_sub(entries);
            head.held_bytes = head.held_bytes.saturating_sub(size);
            if kind == kind::MESSAGE {
                let held = self.held(account)?;
                self.set_held(account, held.saturating_sub(size));
            }
        }
        self.sql().prepare_cached("DELETE FROM entries WHERE log = ?1 AND seq <= ?2")?.execute(params![bytes, upto])?;
        head.trimmed_to = upto;
        head.trimmed_entry = last.unwrap_or_default();
        self.set_log(log, head);
        Ok(())
    }

    /// Refuses a message for which there is no room now, once what can go is gone.
    pub(super) fn check_quota(&mut self, state: &ChatState, account: AccountId) -> Result<(), Failure> {
        if self.quota_reached(state, account)?.is_none() {
            return Ok(());
        }
        if !self.cache.acks.is_empty() {
            self.apply_acks();
        }
        self.trim_behind_cursors(state.id, 0)?;
        let Some(quota) = self.quota_reached(state, account)? else {
            return Ok(());
        };
        let slowest: Option<String> = self
            .sql()
            .prepare_cached(
                "SELECT a.username FROM cursors c JOIN accounts a ON a.id = c.account WHERE c.chat = ?1 \
                 ORDER BY c.seq LIMIT 1",
            )?
            .query_row([state.id.as_bytes()], |row| row.get(0))
            .optional()?;
        let holding = slowest.map_or_else(String::new, |name| {
            format!(" It waits for {name}, whose devices have taken least of this chat;")
        });
        let message = format!("{quota}.{holding} the message is sent once there is room");
        Err(ErrorBody { code: Code::QuotaExceeded, message, retry_after: Some(30) }.into())
    }

    fn quota_reached(&mut self, state: &ChatState, account: AccountId) -> Result<Option<String>, Failure> {
        let limits = self.limits();
        let Some(head) = self.log(state.id.into())? else {
            return Ok(None);
        };
        Ok(if head.held >= limits.chat_entries {
            Some(format!("this relay holds at most {} entries of a chat (chat_entries)", limits.chat_entries))
        } else if head.held_bytes >= limits.chat_bytes {
            Some(format!("this relay holds at most {} bytes of a chat (chat_bytes)", limits.chat_bytes))
        } else if self.held(account)? >= limits.account_bytes {
            Some(format!("this relay holds at most {} bytes of an account (account_bytes)", limits.account_bytes))
        } else {
            None
        })
    }

    /// Trims everything that is held longer than the retention for devices that are away, and tells the senders.
    /// `online` are the devices with a session. For the relay's own timer, and for tests.
    ///
    /// # Errors
    /// Those of the database.
    pub fn expire(&mut self, online: &[DeviceId]) -> Result<(), Failure> {
        let retention = u64::try_from(self.limits().retention.as_millis()).unwrap_or(Millis::MAX);
        let cutoff = self.now().saturating_sub(retention);
        let mut select = self.sql().prepare_cached(
            "SELECT l.id FROM logs l JOIN chats c ON c.id = l.id WHERE c.sealed = 1 AND l.head > l.trimmed_to + 1",
        )?;
        let chats = select.query_map([], |row| id::<ChatId>(row, 0))?.collect::<Result<Vec<_>, _>>()?;
        for chat in chats {
            self.expire_chat(chat, cutoff, online)?;
        }
        Ok(())
    }

    fn expire_chat(&mut self, chat: ChatId, cutoff: Millis, online: &[DeviceId]) -> Result<(), Failure> {
        let Some(head) = self.log(chat.into())? else {
            return Ok(());
        };
        let mut select = self.sql().prepare_cached(
            "SELECT c.device, c.seq, d.last_seen FROM cursors c JOIN devices d ON d.id = c.device WHERE c.chat = ?1",
        )?;
        let cursors = select
            .query_map([chat.as_bytes()], |row| Ok((id(row, 0)?, row.get(1)?, row.get(2)?)))?
            .collect::<Result<Vec<(DeviceId, u64, Millis)>, _>>()?;
        let young: Option<u64> = self
            .sql()
            .prepare_cached("SELECT seq FROM entries WHERE log = ?1 AND at >= ?2 ORDER BY seq LIMIT 1")?
            .query_row(params![chat.as_bytes(), cutoff], |row| row.get(0))
            .optional()?;
        // The last entry which is older than the retention; one that stays away holds only what is younger.
        let old = young.unwrap_or(head.head + 1).saturating_sub(1);
        let away = |device: &DeviceId, seen: Millis| seen < cutoff && !online.contains(device);
        let slowest = cursors
            .iter()
            .map(|(device, seq, seen)| if away(device, *seen) { old.max(*seq) } else { *seq })
            .min()
            .unwrap_or(head.head);
        let upto = slowest.saturating_sub(1);
        if upto <= head.trimmed_to {
            return Ok(());
        }
        let lacking: Vec<(DeviceId, u64)> =
            cursors.iter().filter(|(_, seq, _)| *seq < upto).map(|(device, seq, _)| (*device, *seq)).collect();
        self.tell_expired(chat, upto, &lacking)?;
        self.trim(chat.into(), upto)
    }

    /// Tells the devices whose messages up to `upto` go before somebody else's device has them.
    fn tell_expired(&mut self, chat: ChatId, upto: u64, lacking: &[(DeviceId, u64)]) -> Result<(), Failure> {
        let Some(first) = lacking.iter().map(|(_, seq)| *seq).min() else {
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
            if lacking.iter().any(|(device, has)| *device != sender && *has < seq) {
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

    /// Sets a mark register, and has it handed to those who see it.
    pub(crate) fn set_mark(&mut self, from: Sender, chat: ChatId, scope: MarkScope, mark: &str) -> Result<(), Failure> {
        let state = self.chat(chat)?;
        super::append::check_member(&state, from)?;
        if state.kind.is_channel() && scope == MarkScope::Chat {
            return Err(Failure::refused(Code::BadRequest, "in channels a mark goes to one's own devices alone"));
        }
        self.sql()
            .prepare_cached(
                "INSERT INTO marks (chat, device, scope, account, at, mark) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
                 ON CONFLICT (chat, device, scope) DO UPDATE SET at = ?5, mark = ?6",
            )?
            .execute(params![
                chat.as_bytes(),
                from.device.as_bytes(),
                scope_word(scope),
                from.account.as_bytes(),
                self.now(),
                mark
            ])?;
        let frame = RelayFrame::Marks { chat, from, scope, mark: mark.to_owned() }.encode().into();
        self.effects.push(Effect::Mark { chat, from, scope, frame });
        Ok(())
    }
}

/// The word for a scope in the database.
pub(super) const fn scope_word(scope: MarkScope) -> &'static str {
    match scope {
        MarkScope::Chat => "chat",
        MarkScope::Own => "own",
    }
}

impl Batch<'_> {
    /// A chat is about to go: what it holds of its senders counts no more.
    pub(crate) fn release_held(&mut self, chat: ChatId) -> Result<(), Failure> {
        if !self.chat(chat)?.sealed {
            return Ok(());
        }
        let mut select = self.sql().prepare_cached(
            "SELECT account, SUM(LENGTH(CAST(frame AS BLOB))) FROM entries WHERE log = ?1 AND kind = ?2 GROUP BY account",
        )?;
        let rows = select
            .query_map(params![chat.as_bytes(), kind::MESSAGE], |row| Ok((id(row, 0)?, row.get(1)?)))?
            .collect::<Result<Vec<(AccountId, u64)>, _>>()?;
        for (account, bytes) in rows {
            let held = self.held(account)?;
            self.set_held(account, held.saturating_sub(bytes));
        }
        Ok(())
    }
}
