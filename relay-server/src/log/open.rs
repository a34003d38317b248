//! What the relay does with open chats alone: edits, deletes and reactions folded into what history serves.

use parley_protocol::frames::{Content, Payload};
use parley_protocol::{AccountId, Body, ChatId, ChatState, Code, RelayFrame};
use rusqlite::{OptionalExtension, params};

use super::kind;
use crate::store::{Batch, Failure, id};

impl Batch<'_> {
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
    pub(super) fn fold(
        &mut self,
        chat: ChatId,
        account: AccountId,
        target: u64,
        seq: u64,
        body: &Body,
    ) -> Result<(), Failure> {
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

    /// Takes the words of a deleted message out of its entry, so that a late reader of the log is not handed them.
    fn empty(&mut self, chat: ChatId, target: u64) -> Result<(), Failure> {
        let frame: Option<String> = self
            .sql()
            .prepare_cached("SELECT frame FROM entries WHERE log = ?1 AND seq = ?2")?
            .query_row(params![chat.as_bytes(), target], |row| row.get(0))
            .optional()?;
        let Some(Ok(RelayFrame::Entry(mut entry))) = frame.map(|frame| serde_json::from_str(&frame)) else {
            return Ok(());
        };
        entry.content = Content::Payload(Payload::Open(Body::Empty));
        self.sql().prepare_cached("UPDATE entries SET frame = ?3 WHERE log = ?1 AND seq = ?2")?.execute(params![
            chat.as_bytes(),
            target,
            RelayFrame::Entry(entry).encode()
        ])?;
        Ok(())
    }

    /// Whether a message was deleted for everyone.
    pub(super) fn is_deleted_message(&self, chat: ChatId, seq: u64) -> Result<bool, Failure> {
        let mut select =
            self.sql().prepare_cached("SELECT 1 FROM overlays WHERE chat = ?1 AND seq = ?2 AND deleted = 1")?;
        Ok(select.exists(params![chat.as_bytes(), seq])?)
    }
}
