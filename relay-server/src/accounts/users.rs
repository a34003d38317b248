//! What people see of each other, and whom they keep away.

use parley_protocol::frames::{InboxItem, PresenceState};
use parley_protocol::http::{Account, PatchAccount, User};
use parley_protocol::username::fold;
use parley_protocol::{AccountId, Code, ErrorBody};

use super::Accounts;
use crate::session::Identity;
use crate::store::accounts::{self as rows, UserRow};
use crate::store::{Batch, Failure};

/// The most accounts that one account can block; the whole list is told to each of its devices.
const MOST_BLOCKED: usize = 1_000;

impl Accounts {
    /// The caller's own account.
    pub(crate) async fn own_account(&self, who: Identity) -> Result<Account, ErrorBody> {
        let read = move |sql: &rusqlite::Connection| {
            Ok((rows::account(sql, who.account)?.ok_or_else(no_user)?, rows::user(sql, who.account, who.account)?))
        };
        let (account, user) = self.store.read(read).await?;
        let user = user.map(|row| self.show(row)).ok_or_else(no_user)?;
        Ok(Account { user, email: account.email, show_presence: account.show_presence })
    }

    /// Changes what others see of the caller.
    pub(crate) async fn change_account(&self, who: Identity, form: PatchAccount) -> Result<Account, ErrorBody> {
        if let Some(show) = form.show_presence {
            self.store.write(move |batch| Ok(rows::set_show_presence(batch.sql(), who.account, show)?)).await?;
            self.relay.presence_changed(who.account);
        }
        self.own_account(who).await
    }

    /// One account, as the caller may see it.
    pub(crate) async fn user(&self, who: Identity, user: AccountId) -> Result<User, ErrorBody> {
        let found = self.store.read(move |sql| Ok(rows::user(sql, user, who.account)?)).await?;
        found.map(|row| self.show(row)).ok_or_else(no_user)
    }

    /// Accounts whose name begins with the text; none for an empty text.
    pub(crate) async fn find_users(&self, who: Identity, text: String) -> Result<Vec<User>, ErrorBody> {
        let prefix = fold(&text);
        if prefix.is_empty() {
            return Err(ErrorBody::new(Code::BadRequest, "`q` is the beginning of a username"));
        }
        let found = self.store.read(move |sql| Ok(rows::find_users(sql, &prefix, who.account)?)).await?;
        Ok(found.into_iter().map(|row| self.show(row)).collect())
    }

    fn show(&self, row: UserRow) -> User {
        let UserRow { id, username, last_seen, shows } = row;
        let presence = if shows { self.relay.presence_of(id) } else { PresenceState::Offline };
        let last_seen = last_seen.filter(|_| shows && presence == PresenceState::Offline);
        User { id, username, presence, last_seen }
    }

    /// Whom the caller blocks.
    pub(crate) async fn blocked(&self, who: Identity) -> Result<Vec<AccountId>, ErrorBody> {
        self.store.read(move |sql| Ok(rows::blocked(sql, who.account)?)).await
    }

    /// Blocks or unblocks somebody; the caller's devices are told the whole list.
    pub(crate) async fn set_block(&self, who: Identity, whom: AccountId, on: bool) -> Result<(), ErrorBody> {
        if whom == who.account {
            return Err(ErrorBody::new(Code::BadRequest, "you cannot block yourself"));
        }
        let change = move |batch: &mut Batch<'_>| {
            let sql = batch.sql();
            let changed = if on {
                rows::user(sql, whom, who.account)?.ok_or_else(no_user)?;
                rows::block(sql, who.account, whom)?
            } else {
                rows::unblock(sql, who.account, whom)?
            };
            if !changed {
                return Ok(false);
            }
            let blocked = rows::blocked(sql, who.account)?;
            if blocked.len() > MOST_BLOCKED {
                let message = format!("an account blocks at most {MOST_BLOCKED} others");
                return Err(Failure::refused(Code::LimitReached, message));
            }
            for device in rows::devices(sql, who.account, batch.now())? {
                batch.append_inbox(device.id, InboxItem::BlocksChanged { blocked: blocked.clone() })?;
            }
            // Blocks are kept in memory of those who have a session; others are read at their hello.
            batch.after_commit(move |live| {
                live.blocks.set(who.account, blocked);
                live.forget_blocks(who.account);
            });
            Ok(true)
        };
        if self.store.write(change).await? {
            self.relay.block_changed(who.account, whom, on).await;
        }
        Ok(())
    }
}

fn no_user() -> ErrorBody {
    ErrorBody::new(Code::NotFound, "there is no such account")
}
