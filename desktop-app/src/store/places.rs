//! Where the messages of an open chat stand: where the log has them, and if a restored relay's log lacks them, where the lost one
//! had them, as far as that agrees with the order in which each device sent them (DELIVERY rule 4).

use parley_protocol::{ChatId, DeviceId, MessageKey};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::{Sql, int};

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

/// Nobody knows where the log has what this device was given beyond a `seq`, or whether it has it.
pub(crate) fn forget_seqs(db: &Connection, chat: ChatId, beyond: u64) -> Sql<()> {
    db.execute(
        "UPDATE messages SET lost_seq = seq, seq = NULL WHERE chat = ?1 AND seq > ?2",
        params![chat.as_bytes(), int(beyond)],
    )?;
    Ok(())
}

/// What the log lacks of a device, and stands before `?4`, where the log has a message that it sent before.
const BEHIND: &str = "UPDATE messages INDEXED BY messages_unplaced SET sort_a = ?4, sort_b = rowid
    WHERE chat = ?1 AND device = ?2 AND sort_a <= ?4 AND rowid > ?3 AND seq IS NULL AND lost_seq IS NOT NULL";
/// What the log lacks of a device, and stands behind `?4`, where the log has a message that it sent later.
const BEFORE: &str = "UPDATE messages INDEXED BY messages_unplaced SET sort_a = ?4 - 1, sort_b = rowid
    WHERE chat = ?1 AND device = ?2 AND sort_a >= ?4 AND sort_a < ?5 AND rowid < ?3
        AND seq IS NULL AND lost_seq IS NOT NULL";

/// The log has entries of a device at these places, ascending: what it lacks of the same device stands before what was sent
/// later and behind what was sent before. Gives how many lines moved.
///
/// The first coming of a device's messages was in the order of its sending, which the rowids therefore tell.
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
        db.prepare_cached("SELECT rowid FROM messages WHERE chat = ?1 AND device = ?2 AND sort_a = ?3 AND seq = ?3")?;
    let (mut behind, mut before) = (db.prepare_cached(BEHIND)?, db.prepare_cached(BEFORE)?);
    let mut moved = 0;
    // From the last on: what stands behind all of them moves once.
    for seq in placed.iter().rev().map(|seq| int(*seq)) {
        let rowid = at.query_row(params![chat.as_bytes(), device.as_bytes(), seq], |row| row.get::<_, i64>(0));
        // An edit or a reaction has no line.
        let Some(rowid) = rowid.optional()? else { continue };
        moved += behind.execute(params![chat.as_bytes(), device.as_bytes(), rowid, seq])?;
        moved += before.execute(params![chat.as_bytes(), device.as_bytes(), rowid, seq, WAITING])?;
    }
    Ok(moved)
}

#[cfg(test)]
mod tests {
    use parley_protocol::{AccountId, MessageId};
    use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

    use super::*;
    use crate::store::messages::{self, Line};
    use crate::store::testing;
    use crate::views::Route;

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
            Self { _folder: folder, db, id, device: DeviceId::new() }
        }

        /// A message of the device, where the log has it.
        fn says(&self, seq: u64) -> MessageKey {
            let key = MessageKey { device: self.device, id: MessageId::new() };
            let line = Line {
                chat: self.id,
                key,
                account: AccountId::new(),
                kind: "text",
                sort: (int(seq), 0),
                number: None,
                seq: Some(seq),
                sent_at: 1,
                received_at: 1,
                text: String::new(),
                reply_to: None,
                mentions: Vec::new(),
                mentions_me: false,
                unread: false,
                route: Route::Relay,
            };
            messages::insert(&self.db, &line).unwrap();
            key
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
            // Of some the sender has the bytes, and gives them back whenever the log lacks them.
            let mut sent: Vec<(MessageKey, bool)> =
                (0..12).map(|n| (chat.says(10 + 2 * n), dice.random_bool(0.5))).collect();
            let mut last = 34;
            for _ in 0..3 {
                // The relay goes back to one of these, and others speak meanwhile.
                let kept = dice.random_range(8..last);
                forget_seqs(&chat.db, chat.id, kept).unwrap();
                let mut seq = kept;
                let mut placed = Vec::new();
                for (key, has) in &sent {
                    let lost: bool = chat
                        .db
                        .query_row("SELECT seq IS NULL FROM messages WHERE id = ?1", [key.id.as_bytes()], |row| {
                            row.get(0)
                        })
                        .unwrap();
                    if lost && *has {
                        seq += dice.random_range(1..9);
                        set_seq(&chat.db, chat.id, *key, seq, 1).unwrap();
                        placed.push(seq);
                    }
                    if dice.random_bool(0.3) {
                        keep_order(&chat.db, chat.id, chat.device, &std::mem::take(&mut placed)).unwrap();
                    }
                }
                last = seq + dice.random_range(1..9);
                sent.push((chat.says(last), dice.random_bool(0.5)));
                placed.push(last);
                keep_order(&chat.db, chat.id, chat.device, &placed).unwrap();
                assert_eq!(chat.order(), sent.iter().map(|(key, _)| key.id).collect::<Vec<_>>());
            }
        }
    }
}
