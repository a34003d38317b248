//! What is older than its chat is kept for. That its keys were taken, and how far each run is held, stays known.

use parley_protocol::{ChatId, DeviceId, MessageKey, Millis};
use rusqlite::{Connection, params};

use super::chats::ChatRow;
use super::{Sql, id, int, messages, sent};

/// Messages and gaps which are too old, oldest first. What this device has yet to hand over, or could not, is not among
/// them.
///
/// In sealed chats a line is as old as its place in the conversation and its arrival here say, so that the wrong clock of
/// one sender deletes nothing; what stands before the moment at which its people first chose a retention is never too old.
/// In open chats its age is the relay's to know.
pub(crate) fn overdue(
    db: &Connection,
    ChatRow { state: chat, retention_since, .. }: &ChatRow,
    me: DeviceId,
    cutoff: Millis,
    limit: usize,
) -> Sql<Vec<MessageKey>> {
    let old = if chat.sealed {
        "sort_a < ?2 AND received_at < ?2"
    } else {
        // The conversation is in the order of the relay's clock: it is read up to the first line which is young enough.
        "sent_at < ?2 AND (seq IS NOT NULL OR lost_seq IS NOT NULL) AND sort_a < coalesce(
             (SELECT sort_a FROM messages WHERE chat = ?1 AND kind = 'text' AND sent_at >= ?2
              ORDER BY sort_a LIMIT 1), 9223372036854775807)"
    };
    db.prepare_cached(&format!(
        "SELECT device, id FROM messages m WHERE chat = ?1 AND kind <> 'change' AND {old} AND sort_a >= ?6
             AND NOT EXISTS (SELECT 1 FROM sent s WHERE s.chat = m.chat AND s.id = m.id AND m.device = ?3
                             AND s.state <> 'ended' AND s.reason <> ?4)
         ORDER BY sort_a, sort_b, device, rowid LIMIT ?5"
    ))?
    .query_map(
        params![
            chat.id.as_bytes(),
            int(cutoff),
            me.as_bytes(),
            sent::EXPIRED,
            int(limit as u64),
            int(*retention_since)
        ],
        |row| Ok(MessageKey { device: id(row, 0)?, id: id(row, 1)? }),
    )?
    .collect()
}

/// Deletes a line with what was added to it. Of an open chat, a restored relay is not given it back either; the bytes of a
/// sealed one are kept for those who have yet to get them.
pub(crate) fn delete(db: &Connection, chat: ChatId, key: MessageKey) -> Sql<()> {
    db.prepare_cached("DELETE FROM messages WHERE chat = ?1 AND device = ?2 AND id = ?3")?.execute(params![
        chat.as_bytes(),
        key.device.as_bytes(),
        key.id.as_bytes()
    ])?;
    messages::forget_changes(db, chat, key)?;
    db.prepare_cached("DELETE FROM sent WHERE chat = ?1 AND id = ?2 AND run IS NULL AND state = 'ended'")?
        .execute(params![chat.as_bytes(), key.id.as_bytes()])?;
    Ok(())
}

/// Deletes edits which are too old and whose messages are gone.
pub(crate) fn delete_edits(db: &Connection, chat: ChatId, cutoff: Millis) -> Sql<()> {
    db.prepare_cached(
        "DELETE FROM edits WHERE chat = ?1 AND at < ?2 AND NOT EXISTS
             (SELECT 1 FROM messages m WHERE m.chat = ?1 AND m.device = target_device AND m.id = target_id)",
    )?
    .execute(params![chat.as_bytes(), int(cutoff)])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use parley_protocol::{ChatChange, EventId, LifeId, MessageId};

    use super::*;
    use crate::store::messages::Edit;
    use crate::store::{chats, places, testing};

    const CUTOFF: Millis = 1_000;

    struct Chat {
        _folder: tempfile::TempDir,
        db: Connection,
        row: ChatRow,
        me: DeviceId,
    }

    impl Chat {
        fn new(sealed: bool) -> Self {
            let (folder, db) = testing::database();
            let chat = testing::chat(&db);
            db.execute("UPDATE chats SET sealed = ?1", [sealed]).unwrap();
            let row = chats::get(&db, chat).unwrap().unwrap();
            Self { _folder: folder, db, row, me: DeviceId::new() }
        }

        /// A message of a device, at its place, with the times of its sender and of its arrival.
        fn says(&self, device: DeviceId, place: i64, sent_at: Millis, received_at: Millis) -> MessageKey {
            let key = MessageKey { device, id: MessageId::new() };
            let seq = (!self.row.state.sealed).then(|| place.cast_unsigned());
            testing::message(&self.db, self.row.state.id, key, place, seq, [sent_at, received_at]);
            key
        }

        fn pushes(&self, key: MessageKey) {
            crate::store::sent::push(&self.db, self.row.state.id, key.id, None, "{}", LifeId(uuid::Uuid::new_v4()), 0)
                .unwrap();
        }

        fn overdue(&self, limit: usize) -> Vec<MessageKey> {
            overdue(&self.db, &self.row, self.me, CUTOFF, limit).unwrap()
        }

        fn count(&self, table: &str) -> i64 {
            self.db.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
        }
    }

    #[test]
    fn a_sealed_line_is_old_once_its_place_and_its_arrival_are() {
        let mut chat = Chat::new(true);
        let bob = DeviceId::new();
        let old = chat.says(bob, 10, 10, 20);
        chat.says(bob, 11, 11, 1_500);
        // The clock of the one who sent it is behind, that of the conversation is not.
        chat.says(bob, 1_200, 12, 20);
        let next = chat.says(bob, 13, 5_000, 999);
        assert_eq!(chat.overdue(9), [old, next]);
        assert_eq!(chat.overdue(1), [old]);
        chat.row.retention_since = 13;
        assert_eq!(chat.overdue(9), [next], "what was said before anybody chose stays");
    }

    #[test]
    fn an_open_line_is_as_old_as_the_relay_says_whenever_it_was_fetched() {
        let chat = Chat::new(false);
        let bob = DeviceId::new();
        let old = chat.says(bob, 1, 10, 9_000);
        let last = chat.says(bob, 4, 900, 9_000);
        chat.says(bob, 5, 1_000, 1_000);
        assert_eq!(chat.overdue(9), [old, last]);
        // A restored relay's log may never have it again.
        places::forget_seqs(&chat.db, chat.row.state.id).unwrap();
        assert_eq!(chat.overdue(9), [old, last]);
    }

    #[test]
    fn what_has_yet_to_go_out_stays() {
        let chat = Chat::new(true);
        let (waiting, failed, expired, ended) = (
            chat.says(chat.me, 1, 1, 1),
            chat.says(chat.me, 2, 2, 2),
            chat.says(chat.me, 3, 3, 3),
            chat.says(chat.me, 4, 4, 4),
        );
        for key in [waiting, failed, expired, ended] {
            chat.pushes(key);
        }
        let id = chat.row.state.id;
        sent::fail(&chat.db, id, failed.id, "no room").unwrap();
        sent::give_up(&chat.db, id, expired.id, sent::EXPIRED).unwrap();
        sent::end(&chat.db, id, ended.id).unwrap();
        assert_eq!(chat.overdue(9), [expired, ended]);
    }

    #[test]
    fn with_a_line_goes_what_was_added_to_it() {
        let chat = Chat::new(false);
        let (bob, id) = (DeviceId::new(), chat.row.state.id);
        let key = chat.says(bob, 1, 1, 1);
        let account = messages::author(&chat.db, id, key).unwrap().unwrap();
        let edit = |target| Edit {
            target,
            account,
            device: bob,
            clock: parley_protocol::Clock::default(),
            at: 2,
            text: Some("other words".to_owned()),
            mentions: Vec::new(),
        };
        messages::take(&chat.db, id, key, 7).unwrap();
        messages::edit(&chat.db, id, &edit(key)).unwrap();
        delete(&chat.db, id, key).unwrap();
        assert_eq!((chat.count("messages"), chat.count("edits"), chat.count("taken")), (0, 0, 1));
        assert_eq!(chat.count("search WHERE search MATCH 'words'"), 0);
        // One that comes late, to a message that is gone already.
        messages::edit(&chat.db, id, &edit(key)).unwrap();
        delete_edits(&chat.db, id, 2).unwrap();
        assert_eq!(chat.count("edits"), 1);
        delete_edits(&chat.db, id, CUTOFF).unwrap();
        assert_eq!(chat.count("edits"), 0);
    }

    #[test]
    fn a_chat_is_kept_for_a_while_once_it_says_so() {
        let chat = Chat::new(true);
        assert!(chats::kept_for_a_while(&chat.db).unwrap().is_empty());
        // Since when: the moment of the first choice, until there is none.
        for (at, retention, since) in
            [(7, Some(60), 7), (8, Some(5), 7), (9, Some(90), 7), (10, None, 0), (11, None, 0), (12, Some(60), 12)]
        {
            let mut state = chat.row.state.clone();
            state.apply(EventId::new(), &ChatChange::RetentionChanged { retention });
            chats::put(&chat.db, &state, at).unwrap();
            let row = chats::get(&chat.db, state.id).unwrap().unwrap();
            assert_eq!((row.state.retention, row.retention_since), (retention, since));
        }
        let kept = chats::kept_for_a_while(&chat.db).unwrap();
        assert_eq!(kept.len(), 1);
        assert_eq!(kept[0].state.retention, Some(60));
    }
}
