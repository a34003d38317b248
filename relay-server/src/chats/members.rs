//! Who is in a chat, and what they may do.

use parley_protocol::frames::Sender;
use parley_protocol::http::{Chat, ChatMember, ChatMembers, User};
use parley_protocol::{AccountId, ChatChange, ChatId, ChatKind, ChatState, Code, ErrorBody, EventId, Role};
use rusqlite::{Connection, params};

use super::{account, check_newcomer, check_size, no_chat, not_direct, require, role_of, view_now};
use crate::log::role;
use crate::relay::Relay;
use crate::store::accounts::shows_to;
use crate::store::{Batch, Failure, id};

/// Members of one page.
const PAGE: usize = 200;

/// One page of the members, by account id.
///
/// # Errors
/// `not_found` for those who are not in it.
pub async fn members(
    relay: &Relay,
    by: Sender,
    chat: ChatId,
    after: Option<AccountId>,
    limit: Option<usize>,
) -> Result<ChatMembers, ErrorBody> {
    let limit = limit.unwrap_or(PAGE).clamp(1, PAGE);
    let read = move |sql: &Connection| {
        let mut own =
            sql.prepare_cached("SELECT 1 FROM members WHERE chat = ?1 AND account = ?2 AND left_at IS NULL")?;
        if !own.exists(params![chat.as_bytes(), by.account.as_bytes()])? {
            return Err(no_chat());
        }
        let shows = shows_to("a", "?3");
        let mut select = sql.prepare_cached(&format!(
            "SELECT a.id, a.username, m.role, a.last_seen, a.id = ?3 OR ({shows} AND NOT EXISTS (SELECT 1 FROM \
             blocks b WHERE (b.account = a.id AND b.blocked = ?3) OR (b.account = ?3 AND b.blocked = a.id)) AND EXISTS \
             (SELECT 1 FROM acquainted WHERE chat = ?1)) \
             FROM members m JOIN accounts a ON a.id = m.account \
             WHERE m.chat = ?1 AND m.left_at IS NULL AND m.account > ?2 ORDER BY m.account LIMIT ?4"
        ))?;
        let after = after.unwrap_or_default();
        let values = params![chat.as_bytes(), after.as_bytes(), by.account.as_bytes(), limit + 1];
        let rows = select.query_map(values, |row| {
            Ok((id(row, 0)?, row.get(1)?, role(row, 2)?, row.get(3)?, row.get::<_, bool>(4)?))
        })?;
        Ok(rows.collect::<Result<Vec<_>, _>>()?)
    };
    let mut rows = relay.store().read(read).await?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let members: Vec<ChatMember> = rows
        .into_iter()
        .map(|(id, username, role, last_seen, shows)| {
            let presence = relay.presence_shown(id, shows);
            let last_seen = if shows { last_seen } else { None };
            ChatMember { user: User { id, username, presence, last_seen }, role }
        })
        .collect();
    let next = members.last().filter(|_| more).map(|member| member.user.id);
    Ok(ChatMembers { members, next })
}

/// Adds somebody, as an admin.
///
/// # Errors
/// `forbidden`, `not_found`, `limit_reached`; somebody who is in it already is no error.
pub async fn add_member(relay: &Relay, by: Sender, chat: ChatId, named: String) -> Result<(), ErrorBody> {
    let change = move |batch: &mut Batch<'_>| {
        let state = batch.chat(chat)?;
        require(&state, by.account, Role::Admin)?;
        not_direct(&state, "has exactly two members")?;
        let newcomer = account(batch.sql(), &named)?;
        admit(batch, by, &state, newcomer, EventId::new())
    };
    relay.store().write(change).await
}

/// Brings somebody in whom the caller may bring in.
pub(super) fn admit(
    batch: &mut Batch<'_>,
    by: Sender,
    state: &ChatState,
    newcomer: AccountId,
    event: EventId,
) -> Result<(), Failure> {
    if state.role(newcomer).is_some() {
        return Ok(());
    }
    check_size(batch, state.kind, state.members.len() + 1)?;
    check_newcomer(batch, by.account, newcomer)?;
    let member = batch.member(newcomer, Role::Member, state.sealed)?;
    batch.append_change(state.id, by, event, ChatChange::MemberAdded { member })?;
    Ok(())
}

/// Removes somebody: an admin removes members, the owner admins too, everybody themselves. The last one out deletes it.
///
/// # Errors
/// `forbidden`, `not_found`.
pub async fn remove_member(relay: &Relay, by: Sender, chat: ChatId, whom: AccountId) -> Result<(), ErrorBody> {
    let change = move |batch: &mut Batch<'_>| {
        let state = batch.chat(chat)?;
        check_removal(&state, by.account, whom)?;
        if state.members.len() == 1 {
            return batch.delete_chat(chat);
        }
        batch.append_change(chat, by, EventId::new(), ChatChange::MemberRemoved { account: whom })?;
        Ok(())
    };
    relay.store().write(change).await
}

/// Whether the caller may take somebody out.
pub(super) fn check_removal(state: &ChatState, by: AccountId, whom: AccountId) -> Result<(), Failure> {
    let own = role_of(state, by)?;
    not_direct(state, "cannot be left, and nobody can be removed from it")?;
    let Some(theirs) = state.role(whom) else {
        return Err(Failure::refused(Code::NotFound, "this account is not a member of the chat"));
    };
    if by == whom {
        if own == Role::Owner && state.members.len() > 1 {
            let message = "the owner hands the chat over (or deletes it) before leaving";
            return Err(Failure::refused(Code::Forbidden, message));
        }
        return Ok(());
    }
    require(state, by, Role::Admin)?;
    if theirs >= own {
        return Err(Failure::refused(Code::Forbidden, "only the owner can remove an admin, and nobody the owner"));
    }
    Ok(())
}

/// Leaves a chat. The last one out deletes it.
///
/// # Errors
/// `forbidden` for the owner (who hands over first) and in direct chats.
pub async fn leave(relay: &Relay, by: Sender, chat: ChatId) -> Result<(), ErrorBody> {
    remove_member(relay, by, chat, by.account).await
}

/// Joins a public channel.
///
/// # Errors
/// `not_found` for any other chat.
pub async fn join(relay: &Relay, by: Sender, chat: ChatId) -> Result<Chat, ErrorBody> {
    let change = move |batch: &mut Batch<'_>| {
        let state = batch.chat(chat)?;
        if state.kind != ChatKind::PublicChannel && state.role(by.account).is_none() {
            return Err(no_chat());
        }
        admit(batch, by, &state, by.account, EventId::new())?;
        view_now(batch, by.account, chat)
    };
    let view = relay.store().write(change).await?;
    Ok(view.into_chat(relay))
}

/// Sets a role, as the owner; `owner` hands the chat over.
///
/// # Errors
/// `forbidden`, `not_found`.
pub async fn set_role(relay: &Relay, by: Sender, chat: ChatId, whom: AccountId, role: Role) -> Result<(), ErrorBody> {
    let change = move |batch: &mut Batch<'_>| {
        let state = batch.chat(chat)?;
        require(&state, by.account, Role::Owner)?;
        not_direct(&state, "has no roles to change")?;
        match state.role(whom) {
            None => return Err(Failure::refused(Code::NotFound, "this account is not a member of the chat")),
            Some(now) if now == role => return Ok(()),
            Some(Role::Owner) => {
                let message = "the owner stays one until the chat is handed over";
                return Err(Failure::refused(Code::Forbidden, message));
            }
            Some(_) => {}
        }
        let change = match role {
            Role::Owner => ChatChange::OwnerChanged { account: whom },
            role => ChatChange::RoleChanged { account: whom, role },
        };
        batch.append_change(chat, by, EventId::new(), change)?;
        Ok(())
    };
    relay.store().write(change).await
}

impl Batch<'_> {
    /// An account is deleted: it leaves every chat. What it owns goes to the first admin, else to the first member,
    /// else it is deleted.
    ///
    /// # Errors
    /// Those of the database.
    pub fn account_deleted(&mut self, by: Sender) -> Result<(), Failure> {
        let account = by.account;
        let mut select =
            self.sql().prepare_cached("SELECT chat FROM members WHERE account = ?1 AND left_at IS NULL")?;
        let chats = select.query_map([account.as_bytes()], |row| id(row, 0))?.collect::<Result<Vec<ChatId>, _>>()?;
        for chat in chats {
            let state = self.chat(chat)?;
            let heir = state.members.values().filter(|member| member.account != account).max_by_key(|m| m.role);
            let Some(heir) = heir.map(|member| member.account) else {
                self.delete_chat(chat)?;
                continue;
            };
            if state.kind != ChatKind::Direct && state.role(account) == Some(Role::Owner) {
                self.append_change(chat, by, EventId::new(), ChatChange::OwnerChanged { account: heir })?;
            }
            self.append_change(chat, by, EventId::new(), ChatChange::MemberRemoved { account })?;
        }
        Ok(())
    }
}
