//! Quotas: how much is held of one chat, and of what one account sent.

use parley_protocol::{AccountId, ChatState, Code, ErrorBody};
use rusqlite::OptionalExtension;

use crate::store::{Batch, Failure};

impl Batch<'_> {
    /// Refuses a message for which there is no room now, once what can go is gone (DELIVERY rule 13).
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
        let holding = match slowest {
            Some(name) => format!(" It waits for {name}, whose devices have taken least of this chat;"),
            None => {
                " What is said in an open chat stays until it is deleted, or too old (history_retention);".to_owned()
            }
        };
        let message = format!("{quota}.{holding} the message is sent once there is room");
        Err(ErrorBody { code: Code::QuotaExceeded, message, retry_after: Some(30) }.into())
    }

    fn quota_reached(&mut self, state: &ChatState, account: AccountId) -> Result<Option<String>, Failure> {
        let limits = self.limits();
        let Some(head) = self.log(state.id.into())? else {
            return Ok(None);
        };
        Ok(if state.sealed && head.held >= limits.chat_entries {
            Some(format!("this relay holds at most {} entries of a sealed chat (chat_entries)", limits.chat_entries))
        } else if head.held_bytes >= limits.chat_bytes {
            Some(format!("this relay holds at most {} bytes of a chat (chat_bytes)", limits.chat_bytes))
        } else if self.held(account)? >= limits.account_bytes {
            Some(format!("this relay holds at most {} bytes of an account (account_bytes)", limits.account_bytes))
        } else {
            None
        })
    }
}
