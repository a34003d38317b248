//! Where the messages of an open chat stand: where the log has them, and if a restored relay's log lacks them, where the lost one
//! had them, as far as that agrees with the order in which each device sent them (DELIVERY rule 4).

use parley_protocol::{ChatId, DeviceId, MessageId, MessageKey};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::{Sql, id, int};

/// Where a message stands while its `seq` is not known: beyond everything.
pub(crate) const WAITING: i64 = i64::MAX;

/// Gives a message of an open chat its place in the log; again after a reset. An own one gets with its first place the relay's
/// time, which is what everybody else has.
pub(crate) fn set_seq(db: &Connection, chat: ChatId, key: MessageKey, seq: u64, at: u64) -> Sql<()> {
    db.prepare_cached(
        "UPDATE messages SET seq = ?4, sort_a = ?4, sort_b = 0,
             sent_at = CASE WHEN seq IS NULL AND lost_seq IS NULL THEN ?5 ELSE sent_at END
         WHERE chat = ?1 AND device = ?2 AND id = ?3",
    )?
    .execute(params![chat.as_bytes(), key.device.as_bytes(), key.id.as_bytes(), int(seq), int(at)])?;
    Ok(())
}

/// Nobody knows where the log has what this device has of it, or whether it has it. What was done to messages in the lost log came
/// before whatever is done to them in this one.
pub(crate) fn forget_seqs(db: &Connection, chat: ChatId) -> Sql<()> {
    for sql in [
        "UPDATE messages SET lost_seq = seq, seq = NULL WHERE chat = ?1 AND seq IS NOT NULL",
        "UPDATE edits SET clock_ms = 0, clock_counter = 0 WHERE chat = ?1",
        "UPDATE reactions SET clock_ms = 0, clock_counter = 0 WHERE chat = ?1",
    ] {
        db.execute(sql, [chat.as_bytes()])?;
    }
    Ok(())
}

/// An id for what a device says next in an open chat: later than those of all that it has said there, whatever the clock shows, so
/// that they tell the order (see [`keep_order`]).
pub(crate) fn next_id(db: &Connection, chat: ChatId, device: DeviceId) -> Sql<MessageId> {
    let last = db
        .prepare_cached("SELECT id FROM messages WHERE chat = ?1 AND device = ?2 ORDER BY id DESC LIMIT 1")?
        .query_row(params![chat.as_bytes(), device.as_bytes()], |row| id::<MessageId>(row, 0))
        .optional()?;
    let new = MessageId::new();
    let after = last.map(|last| MessageId::from(last.0.as_u128().saturating_add(1).to_be_bytes()));
    Ok(after.map_or(new, |after| after.max(new)))
}

/// What the log lacks of a device and stands before a place, where the log has a message that it sent before.
const SENT_LATER: &str = "SELECT rowid FROM messages INDEXED BY messages_unplaced
    WHERE chat = ?1 AND device = ?2 AND sort_a <= ?4 AND id > ?3 AND seq IS NULL AND lost_seq IS NOT NULL ORDER BY id";
/// What the log lacks of a device and stands behind a place, where the log has a message that it sent later; with what stands
/// just before that place.
const SENT_BEFORE: &str = "SELECT rowid FROM messages INDEXED BY messages_unplaced
    WHERE chat = ?1 AND device = ?2 AND sort_a >= ?4 - 1 AND sort_a < ?5 AND id < ?3
        AND seq IS NULL AND lost_seq IS NOT NULL ORDER BY id";

/// The log has entries of a device at these places, ascending: what it lacks of the same device stands before what was sent
/// later and behind what was sent before, which the ids tell. Gives how many lines moved.
pub(crate) fn keep_order(db: &Connection, chat: ChatId, device: DeviceId, placed: &[u64]) -> Sql<usize> {
    let lacks = db
        .prepare_cached(
            "SELECT 1 FROM messages INDEXED BY messages_unplaced
             WHERE chat = ?1 AND device = ?2 AND seq IS NULL AND lost_seq IS NOT NULL LIMIT 1",
        )?
        .exists(params![chat.as_bytes(), device.as_bytes()])?;
    if !lacks {
        return Ok(0);
    }
    let mut at =
        db.prepare_cached("SELECT id FROM messages WHERE chat = ?1 AND device = ?2 AND sort_a = ?3 AND seq = ?3")?;
    let (mut later, mut before) = (db.prepare_cached(SENT_LATER)?, db.prepare_cached(SENT_BEFORE)?);
    let mut moved = 0;
    // From the last on: what stands behind all of them moves once.
    for seq in placed.iter().rev().map(|seq| int(*seq)) {
        let placed = at.query_row(params![chat.as_bytes(), device.as_bytes(), seq], |row| id::<MessageId>(row, 0));
        // An edit or a reaction has no line.
        let Some(placed) = placed.optional()? else { continue };
        let values = params![chat.as_bytes(), device.as_bytes(), placed.as_bytes(), seq];
        let rows: Vec<i64> = later.query_map(values, |row| row.get(0))?.collect::<Sql<_>>()?;
        moved += stand_behind(db, &rows, seq)?;
        let values = params![chat.as_bytes(), device.as_bytes(), placed.as_bytes(), seq, WAITING];
        let rows: Vec<i64> = before.query_map(values, |row| row.get(0))?.collect::<Sql<_>>()?;
        moved += stand_behind(db, &rows, seq - 1)?;
    }
    Ok(moved)
}

/// Puts lines behind an entry of the log, one behind the other; gives how many of them stood elsewhere.
fn stand_behind(db: &Connection, rows: &[i64], seq: i64) -> Sql<usize> {
    let mut put = db.prepare_cached(
        "UPDATE messages SET sort_a = ?2, sort_b = ?3 WHERE rowid = ?1 AND (sort_a, sort_b) <> (?2, ?3)",
    )?;
    rows.iter().zip(1_i64..).map(|(rowid, at)| put.execute([*rowid, seq, at])).sum()
}

#[cfg(test)]
mod tests {
    use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

    use super::*;
    use crate::store::testing;

    struct Chat {
        _folder: tempfile::TempDir,
        db: Connection,
        id: ChatId,
        device: DeviceId,
    }

    impl Chat {
        fn new() -> Self {
            let (folder, db) = testing::database();
            let id = testing::chat(&db);
            // Nothing of it has to be on a disk.
            db.execute_batch("BEGIN").unwrap();
            Self { _folder: folder, db, id, device: DeviceId::new() }
        }

        /// The device says something, and the log has it there.
        fn says(&self, seq: u64) -> MessageKey {
            let key = MessageKey { device: self.device, id: next_id(&self.db, self.id, self.device).unwrap() };
            self.has(key, seq);
            key
        }

        fn has(&self, key: MessageKey, seq: u64) {
            testing::message(&self.db, self.id, key, int(seq), Some(seq), [1, 1]);
        }

        fn order(&self) -> Vec<MessageId> {
            let mut lines = self.db.prepare("SELECT id FROM messages ORDER BY sort_a, sort_b, device, rowid").unwrap();
            let ids = lines.query_map([], |row| crate::store::id(row, 0)).unwrap();
            ids.collect::<Sql<_>>().unwrap()
        }
    }

    #[test]
    fn whatever_comes_back_each_device_s_messages_stay_in_the_order_it_sent_them() {
        let seed: u64 = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(rand::random);
        println!("SEED={seed}");
        let mut dice = StdRng::seed_from_u64(seed);
        for _ in 0..200 {
            let chat = Chat::new();
            // Where the log has each, and whether its sender has the bytes and gives them back when the log lacks them.
            let mut sent: Vec<(MessageKey, Option<u64>, bool)> =
                (0..12).map(|n| (chat.says(10 + 2 * n), Some(10 + 2 * n), dice.random_bool(0.5))).collect();
            // Of some of them this device learns late: older history, fetched as somebody scrolls up.
            for (key, seq, _) in sent.iter().take(4) {
                chat.db.execute("DELETE FROM messages WHERE id = ?1", [key.id.as_bytes()]).unwrap();
                chat.has(*key, seq.unwrap());
            }
            let mut last = 34;
            for _ in 0..3 {
                // The relay goes back to one of these, and others speak meanwhile.
                let kept = dice.random_range(8..last);
                forget_seqs(&chat.db, chat.id).unwrap();
                last = kept;
                let mut placed = Vec::new();
                for (key, at, has) in &mut sent {
                    *at = at.filter(|at| *at <= kept);
                    if at.is_none() && *has {
                        last += dice.random_range(1..9);
                        *at = Some(last);
                    }
                    if let Some(at) = *at {
                        set_seq(&chat.db, chat.id, *key, at, 1).unwrap();
                        placed.push(at);
                    }
                    if dice.random_bool(0.3) {
                        keep_order(&chat.db, chat.id, chat.device, &std::mem::take(&mut placed)).unwrap();
                    }
                }
                last += dice.random_range(1..9);
                sent.push((chat.says(last), Some(last), dice.random_bool(0.5)));
                placed.push(last);
                keep_order(&chat.db, chat.id, chat.device, &placed).unwrap();
                assert_eq!(chat.order(), sent.iter().map(|(key, ..)| key.id).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn ids_ascend_though_the_clock_goes_back() {
        let chat = Chat::new();
        let ahead = MessageId::from((u128::MAX - 1).to_be_bytes());
        assert!(next_id(&chat.db, chat.id, chat.device).unwrap() < ahead);
        chat.has(MessageKey { device: chat.device, id: ahead }, 1);
        assert!(next_id(&chat.db, chat.id, chat.device).unwrap() > ahead);
        assert!(next_id(&chat.db, chat.id, DeviceId::new()).unwrap() < ahead);
    }
}
