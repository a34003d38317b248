//! What a person wants to see no more: "delete for me". Their keys stay known, so that no route and no page of a channel's history
//! brings them back; the lines stay too, empty, since they hold a place in the log.

use parley_protocol::marks::Hidden;
use parley_protocol::{ChatId, MessageKey};
use rusqlite::{Connection, params};

use super::messages::{self, Line};
use super::{Sql, id, int};

/// Hides a message, be it there or yet to come; `false` if it is hidden already. `here` says that the person did so on this device.
pub(crate) fn hide(db: &Connection, chat: ChatId, key: MessageKey, here: bool) -> Sql<bool> {
    let new = db
        .prepare_cached("INSERT OR IGNORE INTO hidden (chat, device, id, here) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![chat.as_bytes(), key.device.as_bytes(), key.id.as_bytes(), here])?;
    if new == 0 {
        return Ok(false);
    }
    let values = params![chat.as_bytes(), key.device.as_bytes(), key.id.as_bytes()];
    db.prepare_cached(
        "UPDATE messages SET kind = 'hidden', text = '', mentions = '[]', mentions_me = 0, reply_device = NULL,
             reply_id = NULL, unread = 0
         WHERE chat = ?1 AND device = ?2 AND id = ?3 AND kind = 'text'",
    )?
    .execute(values)?;
    messages::forget_changes(db, chat, key)?;
    Ok(true)
}

/// Whether a message is hidden.
pub(crate) fn has(db: &Connection, chat: ChatId, key: MessageKey) -> Sql<bool> {
    db.prepare_cached("SELECT 1 FROM hidden WHERE chat = ?1 AND device = ?2 AND id = ?3")?.exists(params![
        chat.as_bytes(),
        key.device.as_bytes(),
        key.id.as_bytes()
    ])
}

/// A line as it is written if its message was hidden before it came; `false`, and the line as it is, if it was not.
pub(crate) fn apply(db: &Connection, line: &mut Line) -> Sql<bool> {
    if !has(db, line.chat, line.key)? {
        return Ok(false);
    }
    line.kind = "hidden";
    line.text.clear();
    line.reply_to = None;
    line.mentions.clear();
    line.mentions_me = false;
    line.unread = false;
    Ok(true)
}

/// Whether anything is hidden in a chat.
pub(crate) fn any(db: &Connection, chat: ChatId) -> Sql<bool> {
    db.prepare_cached("SELECT 1 FROM hidden WHERE chat = ?1 LIMIT 1")?.exists([chat.as_bytes()])
}

/// What is hidden in a chat, of which [`Hidden::MOST`]: the last, and those that nobody else may know of before what was learnt.
pub(crate) fn of(db: &Connection, chat: ChatId) -> Sql<Hidden> {
    db.prepare_cached("SELECT device, id FROM hidden WHERE chat = ?1 ORDER BY here DESC, position DESC LIMIT ?2")?
        .query_map(params![chat.as_bytes(), int(Hidden::MOST as u64)], |row| {
            Ok(MessageKey { device: id(row, 0)?, id: id(row, 1)? })
        })?
        .collect()
}

#[cfg(test)]
mod tests {
    use parley_protocol::{AccountId, DeviceId, MessageId};

    use super::*;
    use crate::store::{testing, timeline};
    use crate::views::Page;

    #[test]
    fn what_is_hidden_is_on_no_page_and_found_by_no_word_and_holds_its_place() {
        let (_folder, db) = testing::database();
        let chat = testing::chat(&db);
        let key = |_| MessageKey { device: DeviceId::new(), id: MessageId::new() };
        let keys: Vec<MessageKey> = (0..4).map(key).collect();
        for (place, key) in (1..).zip(&keys) {
            testing::message(&db, chat, *key, place, Some(place.cast_unsigned()), [1, 1]);
        }
        let shown = || {
            let lines = timeline::page(&db, AccountId::default(), chat, Page::Newest, 9).unwrap();
            lines.into_iter().map(|line| line.key).collect::<Vec<_>>()
        };
        let found = || -> i64 {
            db.query_row("SELECT count(*) FROM search WHERE search MATCH 'words'", [], |row| row.get(0)).unwrap()
        };
        assert_eq!((shown(), found()), (keys.clone(), 4));
        for key in [keys[0], keys[3]] {
            assert!(hide(&db, chat, key, true).unwrap());
            assert!(!hide(&db, chat, key, true).unwrap());
        }
        assert_eq!((shown(), found()), (keys[1..3].to_vec(), 2));
        assert!(timeline::one(&db, AccountId::default(), chat, keys[3]).unwrap().is_none());
        let last = timeline::last(&db, AccountId::default(), chat).unwrap();
        assert_eq!(last.map(|line| line.key), Some(keys[2]));
        assert_eq!(timeline::oldest(&db, chat).unwrap().map(|(seq, _)| seq), Some(1), "older history begins before it");
        db.execute("DELETE FROM messages", []).unwrap();
        assert_eq!(found(), 0);
        db.execute("INSERT INTO search (search) VALUES ('integrity-check')", []).unwrap();
    }

    #[test]
    fn the_last_hidden_are_told() {
        let (_folder, db) = testing::database();
        let chat = testing::chat(&db);
        assert!(!any(&db, chat).unwrap());
        let device = DeviceId::new();
        let ids: Vec<MessageId> = (0..=Hidden::MOST).map(|_| MessageId::new()).collect();
        let learnt = MessageKey { device: DeviceId::new(), id: MessageId::new() };
        for id in &ids {
            hide(&db, chat, MessageKey { device, id: *id }, true).unwrap();
        }
        // What another device has told takes no place from what it may not know.
        hide(&db, chat, learnt, false).unwrap();
        assert!(any(&db, chat).unwrap());
        let told = of(&db, chat).unwrap();
        assert_eq!(told.0[&device], ids[1..].iter().copied().collect());
        assert_eq!(told.0.len(), 1);
        assert!(has(&db, chat, learnt).unwrap());
    }
}
