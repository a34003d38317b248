//! Acks, and the trimming of what every device has (DELIVERY rule 12).

use std::collections::BTreeMap;

use parley_protocol::{AccountId, ChatId, DeviceId, LogId};
use rusqlite::params;

use super::kind;
use crate::store::{Batch, Failure, id};

impl Batch<'_> {
    /// Moves the cursors by what has been acked since it last did.
    pub(crate) fn apply_acks(&mut self) {
        let acks = std::mem::take(&mut self.cache.acks);
        // Nobody waits for it: a failure leaves the cursors where they are, and the next ack moves them.
        let outcome = self.in_savepoint(|batch| batch.move_cursors(acks));
        if let Err(error) = outcome {
            tracing::debug!(%error, "acks were not applied");
        }
    }

    /// Moves cursors, and trims what fell behind all of them.
    pub(crate) fn move_cursors(
        &mut self,
        acks: impl IntoIterator<Item = ((LogId, DeviceId), u64)>,
    ) -> Result<(), Failure> {
        let mut logs = BTreeMap::new();
        for ((log, device), seq) in acks {
            let moved = self.move_cursor(log, device, seq)?;
            *logs.entry(log).or_insert(false) |= moved;
        }
        let slack = self.limits().trim_slack;
        for log in logs.into_iter().filter_map(|(log, moved)| moved.then_some(log)) {
            self.trim_behind_cursors(log.chat(), slack)?;
        }
        Ok(())
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

    /// Deletes the entries up to `upto`, and what edits and reactions made of them.
    pub(super) fn trim(&mut self, log: LogId, upto: u64) -> Result<(), Failure> {
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
            if kind::COUNTED.contains(&kind) {
                let held = self.held(account)?;
                self.set_held(account, held.saturating_sub(size));
            }
        }
        for sql in [
            "DELETE FROM entries WHERE log = ?1 AND seq <= ?2",
            "DELETE FROM overlays WHERE chat = ?1 AND seq <= ?2",
            "DELETE FROM reactions WHERE chat = ?1 AND seq <= ?2",
        ] {
            self.sql().prepare_cached(sql)?.execute(params![bytes, upto])?;
        }
        head.trimmed_to = upto;
        head.trimmed_entry = last.unwrap_or_default();
        self.set_log(log, head);
        Ok(())
    }

    /// Trims an inbox that holds more than it may: to half of that, so that the next items find room. The newest stays.
    pub(super) fn bound_inbox(&mut self, log: LogId) -> Result<(), Failure> {
        let most = self.limits().inbox_bytes;
        let Some(head) = self.log(log)?.filter(|head| head.held_bytes > most) else {
            return Ok(());
        };
        let mut select = self.sql().prepare_cached(
            "SELECT seq, LENGTH(CAST(frame AS BLOB)) FROM entries WHERE log = ?1 AND seq < ?2 ORDER BY seq DESC",
        )?;
        let mut rows = select.query(params![log.as_bytes(), head.head])?;
        let (mut kept, mut upto) = (0, 0);
        while let Some(row) = rows.next()? {
            kept += row.get::<_, u64>(1)?;
            if kept > most / 2 {
                upto = row.get(0)?;
                break;
            }
        }
        drop(rows);
        drop(select);
        self.trim(log, upto)
    }

    /// A chat is about to go: what it holds of its senders counts no more.
    pub(crate) fn release_held(&mut self, chat: ChatId) -> Result<(), Failure> {
        let mut select = self.sql().prepare_cached(
            "SELECT account, SUM(LENGTH(CAST(frame AS BLOB))) FROM entries WHERE log = ?1 AND kind IN (?2, ?3) \
             GROUP BY account",
        )?;
        let [message, folded] = kind::COUNTED;
        let rows = select
            .query_map(params![chat.as_bytes(), message, folded], |row| Ok((id(row, 0)?, row.get(1)?)))?
            .collect::<Result<Vec<(AccountId, u64)>, _>>()?;
        for (account, bytes) in rows {
            let held = self.held(account)?;
            self.set_held(account, held.saturating_sub(bytes));
        }
        Ok(())
    }
}
