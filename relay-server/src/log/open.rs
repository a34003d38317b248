//! What the relay does with open chats alone: edits, deletes and reactions folded into what history serves.

use parley_protocol::frames::{Content, Payload, Sender};
use parley_protocol::{AccountId, Body, ChatId, ChatState, Code, MessageId, RelayFrame};
use rusqlite::{OptionalExtension, params};

use super::kind;
use crate::store::{Appended, Batch, Effect, Failure, id};

impl Batch<'_> {
    /// Appends an edit, a delete or a reaction, and folds it into what history serves.
    pub(super) fn append_folded(
        &mut self,
        from: Sender,
        chat: ChatId,
        id: MessageId,
        body: Body,
        target: u64,
    ) -> Result<(Appended, u64), Failure> {
        // An edit that comes after the delete has nothing left to say.
        let body = if self.is_deleted(chat, target)? { without_words(body) } else { body };
        let content = Content::Payload(Payload::Open(body.clone()));
        let (appended, bytes) = self.put(chat.into(), from, id.0, content, kind::FOLDED)?;
        self.sql().prepare_cached("UPDATE entries SET target = ?3 WHERE log = ?1 AND seq = ?2")?.execute(params![
            chat.as_bytes(),
            appended.seq,
            target
        ])?;
        self.fold(chat, from.account, target, appended.seq, &body)?;
        Ok((appended, bytes))
    }

    /// Whether it deletes what is there still: that is taken past a quota, too.
    pub(super) fn makes_room(&self, chat: ChatId, payload: &Payload, target: Option<u64>) -> Result<bool, Failure> {
        match (payload, target) {
            (Payload::Open(Body::Delete { .. }), Some(target)) => Ok(!self.is_deleted(chat, target)?),
            _ => Ok(false),
        }
    }

    /// Where the target of an edit, a delete or a reaction stands; the author is compared by account.
    pub(super) fn check_target(
        &self,
        state: &ChatState,
        account: AccountId,
        body: &Body,
    ) -> Result<Option<u64>, Failure> {
        let Some(target) = body.target() else {
            return Ok(None);
        };
        let mut select = self.sql().prepare_cached(
            "SELECT seq, account FROM entries WHERE log = ?1 AND device = ?2 AND id = ?3 AND kind = ?4",
        )?;
        let (chat, device, message) = (state.id.as_bytes(), target.device.as_bytes(), target.id.as_bytes());
        let found: Option<(u64, AccountId)> = select
            .query_row(params![chat, device, message, kind::MESSAGE], |row| Ok((row.get(0)?, id(row, 1)?)))
            .optional()?;
        match found {
            None => Err(Failure::refused(Code::NotFound, "the message which this one changes is not in the chat")),
            Some((_, author)) if author != account && !matches!(body, Body::React { .. }) => {
                Err(Failure::refused(Code::Forbidden, "only the author of a message can edit or delete it"))
            }
            Some((seq, _)) => Ok(Some(seq)),
        }
    }

    /// Folds one into what history serves. The log's order decides: the newest edit wins, a delete beats every edit.
    fn fold(&mut self, chat: ChatId, account: AccountId, target: u64, seq: u64, body: &Body) -> Result<(), Failure> {
        let chat_bytes = chat.as_bytes();
        match body {
            Body::Edit { text, mentions, .. } => {
                let mentions = serde_json::to_string(mentions).unwrap_or_default();
                self.sql()
                    .prepare_cached(
                        "INSERT INTO overlays (chat, seq, text, mentions, edited_at, deleted) \
                         VALUES (?1, ?2, ?3, ?4, ?5, 0) ON CONFLICT (chat, seq) DO UPDATE \
                         SET text = ?3, mentions = ?4, edited_at = ?5 WHERE deleted = 0",
                    )?
                    .execute(params![chat_bytes, target, text, mentions, self.now()])?;
            }
            Body::Delete { .. } => {
                self.sql()
                    .prepare_cached(
                        "INSERT INTO overlays (chat, seq, text, mentions, edited_at, deleted) \
                         VALUES (?1, ?2, '', '[]', ?3, 1) ON CONFLICT (chat, seq) DO UPDATE \
                         SET text = '', mentions = '[]', deleted = 1",
                    )?
                    .execute(params![chat_bytes, target, self.now()])?;
                self.sql()
                    .prepare_cached("DELETE FROM reactions WHERE chat = ?1 AND seq = ?2")?
                    .execute(params![chat_bytes, target])?;
                self.empty(chat, target)?;
            }
            Body::React { emoji, on: true, .. } => {
                self.sql()
                    .prepare_cached(
                        "INSERT OR IGNORE INTO reactions (chat, seq, emoji, account, since) \
                         SELECT ?1, ?2, ?3, ?4, ?5 WHERE NOT EXISTS \
                         (SELECT 1 FROM overlays WHERE chat = ?1 AND seq = ?2 AND deleted = 1)",
                    )?
                    .execute(params![chat_bytes, target, emoji, account.as_bytes(), seq])?;
            }
            Body::React { emoji, on: false, .. } => {
                self.sql()
                    .prepare_cached(
                        "DELETE FROM reactions WHERE chat = ?1 AND seq = ?2 AND emoji = ?3 AND account = ?4",
                    )?
                    .execute(params![chat_bytes, target, emoji, account.as_bytes()])?;
            }
            Body::Text { .. } | Body::Empty => {}
        }
        Ok(())
    }

    /// Takes the words of a deleted message out of its entry and those of its edits, so that a late reader is not
    /// handed them, by the log or by the newest entries in memory.
    fn empty(&mut self, chat: ChatId, target: u64) -> Result<(), Failure> {
        let mut select =
            self.sql().prepare_cached("SELECT seq, frame FROM entries WHERE log = ?1 AND (seq = ?2 OR target = ?2)")?;
        let rows = select.query_map(params![chat.as_bytes(), target], |row| Ok((row.get(0)?, row.get(1)?)))?;
        for (seq, frame) in rows.collect::<Result<Vec<(u64, String)>, _>>()? {
            let Ok(RelayFrame::Entry(mut entry)) = serde_json::from_str(&frame) else {
                continue;
            };
            let Content::Payload(Payload::Open(body)) = entry.content else {
                continue;
            };
            let author = entry.from.account;
            entry.content = Content::Payload(Payload::Open(without_words(body)));
            let emptied = RelayFrame::Entry(entry).encode();
            if emptied == frame {
                continue;
            }
            self.sql()
                .prepare_cached("UPDATE entries SET frame = ?3 WHERE log = ?1 AND seq = ?2")?
                .execute(params![chat.as_bytes(), seq, emptied])?;
            let freed = u64::try_from(frame.len().saturating_sub(emptied.len())).unwrap_or(0);
            let mut head = self.begin_log(chat.into())?;
            head.held_bytes = head.held_bytes.saturating_sub(freed);
            self.set_log(chat.into(), head);
            let held = self.held(author)?;
            self.set_held(author, held.saturating_sub(freed));
            self.effects.push(Effect::Emptied { log: chat.into(), seq, frame: emptied.into() });
        }
        Ok(())
    }

    /// Whether a message was deleted for everyone.
    fn is_deleted(&self, chat: ChatId, seq: u64) -> Result<bool, Failure> {
        let mut select =
            self.sql().prepare_cached("SELECT 1 FROM overlays WHERE chat = ?1 AND seq = ?2 AND deleted = 1")?;
        Ok(select.exists(params![chat.as_bytes(), seq])?)
    }

    /// Whether an entry may have lost its words since it came: it is a message that was deleted, or changes one.
    pub(super) fn is_emptied(&self, chat: ChatId, seq: u64) -> Result<bool, Failure> {
        let mut select = self.sql().prepare_cached("SELECT target FROM entries WHERE log = ?1 AND seq = ?2")?;
        let target: Option<u64> =
            select.query_row(params![chat.as_bytes(), seq], |row| row.get(0)).optional()?.flatten();
        self.is_deleted(chat, target.unwrap_or(seq))
    }
}

/// What is left of a message once it, or the one it changes, was deleted.
fn without_words(body: Body) -> Body {
    match body {
        Body::Text { .. } => Body::Empty,
        Body::Edit { target, .. } => Body::Edit { target, text: String::new(), mentions: Vec::new() },
        other => other,
    }
}
