//! Chats as the HTTP routes ask for them. Every check of role and membership happens in the writer, in the
//! transaction that changes something; reading asks for membership too.

mod create;
mod fold;
mod history;
mod invites;
mod members;
mod restore;

use parley_protocol::frames::Sender;
use parley_protocol::http::{Chat, Chats, User};
use parley_protocol::username::{Username, fold};
use parley_protocol::{AccountId, ChatId, ChatKind, ChatState, Code, ErrorBody, MAX_RETENTION, Millis, Role};
use rusqlite::{Connection, OptionalExtension, params};

pub use create::{create, delete, patch};
pub use history::{Stretch, history, post};
pub use invites::{create_invite, join_by_invite, list_invites, revoke_invite, show_invite};
pub use members::{add_member, join, leave, members, remove_member, set_role};
pub use restore::restore;

use crate::log::chat_kind;
use crate::relay::Relay;
use crate::store::{Batch, Failure, LogHead, id};

/// The most public channels that one search shows.
const MOST_PUBLIC: usize = 50;

/// One chat of the caller; a public channel of anybody.
///
/// # Errors
/// `not_found`, also for chats which the caller may not know of.
pub async fn get(relay: &Relay, by: Sender, chat: ChatId) -> Result<Chat, ErrorBody> {
    let found = relay.store().read(move |sql| view(sql, by.account, chat)).await?;
    Ok(found.into_chat(relay))
}

/// The caller's chats.
///
/// # Errors
/// Those of the database.
pub async fn list(relay: &Relay, by: Sender) -> Result<Chats, ErrorBody> {
    let read = move |sql: &Connection| {
        let mut select =
            sql.prepare_cached("SELECT chat FROM members WHERE account = ?1 AND left_at IS NULL ORDER BY chat")?;
        let chats = select.query_map([by.account.as_bytes()], |row| id(row, 0))?.collect::<Result<Vec<_>, _>>()?;
        chats.into_iter().map(|chat| view(sql, by.account, chat)).collect::<Result<Vec<_>, _>>()
    };
    let views = relay.store().read(read).await?;
    Ok(Chats { chats: views.into_iter().map(|view| view.into_chat(relay)).collect() })
}

/// Public channels with this text in their title, those that begin with it first.
///
/// # Errors
/// Those of the database.
pub async fn list_public(relay: &Relay, by: Sender, text: String) -> Result<Chats, ErrorBody> {
    let read = move |sql: &Connection| {
        let mut select = sql.prepare_cached(
            "SELECT id, instr(fold(title), ?1) AS place FROM chats \
             WHERE kind = 'public_channel' AND (?1 = '' OR place > 0) ORDER BY place, title LIMIT ?2",
        )?;
        let chats = select.query_map(params![fold(text.trim()), MOST_PUBLIC], |row| id(row, 0))?;
        let chats = chats.collect::<Result<Vec<_>, _>>()?;
        chats.into_iter().map(|chat| view(sql, by.account, chat)).collect::<Result<Vec<_>, _>>()
    };
    let views = relay.store().read(read).await?;
    Ok(Chats { chats: views.into_iter().map(|view| view.into_chat(relay)).collect() })
}

/// A chat as one account sees it, before presence is put in.
pub(crate) struct View {
    chat: Chat,
    peer: Option<Peer>,
}

struct Peer {
    account: AccountId,
    username: String,
    shows: bool,
    last_seen: Option<Millis>,
}

impl View {
    pub(crate) fn into_chat(self, relay: &Relay) -> Chat {
        let peer = self.peer.map(|peer| {
            let presence = relay.presence_of(peer.account);
            let offline = presence == parley_protocol::frames::PresenceState::Offline;
            User {
                id: peer.account,
                username: peer.username,
                presence: if peer.shows { presence } else { parley_protocol::frames::PresenceState::Offline },
                last_seen: peer.last_seen.filter(|_| peer.shows && offline),
            }
        });
        Chat { peer, ..self.chat }
    }
}

/// A chat as `account` sees it.
pub(crate) fn view(sql: &Connection, account: AccountId, chat: ChatId) -> Result<View, Failure> {
    let mut select = sql.prepare_cached(
        "SELECT c.kind, c.sealed, c.title, c.description, c.created_at, m.role, c.retention, \
         (SELECT COUNT(*) FROM members WHERE chat = c.id AND left_at IS NULL) \
         FROM chats c LEFT JOIN members m ON m.chat = c.id AND m.account = ?2 AND m.left_at IS NULL WHERE c.id = ?1",
    )?;
    let found = select
        .query_row(params![chat.as_bytes(), account.as_bytes()], |row| {
            let own = row.get::<_, Option<String>>(5)?.and_then(|word| Role::from_word(&word));
            Ok(Chat {
                id: chat,
                kind: chat_kind(row, 0)?,
                sealed: row.get(1)?,
                title: row.get(2)?,
                description: row.get(3)?,
                created_at: row.get(4)?,
                retention: row.get(6)?,
                head: 0,
                member_count: row.get(7)?,
                role: own,
                peer: None,
            })
        })
        .optional()?;
    let Some(mut found) = found else {
        return Err(if crate::log::is_deleted(sql, chat)? {
            Failure::refused(Code::Gone, "the chat was deleted")
        } else {
            no_chat()
        });
    };
    if found.role.is_none() && found.kind != ChatKind::PublicChannel {
        return Err(no_chat());
    }
    found.head = LogHead::load(sql, chat.into())?.map_or(0, |log| log.head);
    let peer = if found.kind == ChatKind::Direct { peer(sql, account, chat)? } else { None };
    Ok(View { chat: found, peer })
}

/// The same within a change, whose entries the tables do not tell yet.
fn view_now(batch: &mut Batch<'_>, account: AccountId, chat: ChatId) -> Result<View, Failure> {
    batch.flush()?;
    view(batch.sql(), account, chat)
}

fn peer(sql: &Connection, account: AccountId, chat: ChatId) -> Result<Option<Peer>, Failure> {
    let mut select = sql.prepare_cached(
        "SELECT a.id, a.username, a.last_seen, a.show_presence <> 0 AND NOT EXISTS (SELECT 1 FROM blocks b \
         WHERE (b.account = a.id AND b.blocked = ?2) OR (b.account = ?2 AND b.blocked = a.id)) \
         FROM members m JOIN accounts a ON a.id = m.account WHERE m.chat = ?1 AND m.account <> ?2",
    )?;
    let peer = select
        .query_row(params![chat.as_bytes(), account.as_bytes()], |row| {
            Ok(Peer { account: id(row, 0)?, username: row.get(1)?, last_seen: row.get(2)?, shows: row.get(3)? })
        })
        .optional()?;
    Ok(peer)
}

fn no_chat() -> Failure {
    Failure::refused(Code::NotFound, "there is no such chat, or you are not a member of it")
}

/// The caller's role, or the refusal of somebody who is not in the chat.
fn role_of(state: &ChatState, account: AccountId) -> Result<Role, Failure> {
    state.role(account).ok_or_else(|| match state.kind {
        ChatKind::PublicChannel => Failure::refused(Code::NotMember, "you are not a member of this channel"),
        _ => no_chat(),
    })
}

/// Refuses a caller below the role.
fn require(state: &ChatState, account: AccountId, least: Role) -> Result<Role, Failure> {
    let role = role_of(state, account)?;
    if role < least {
        let message = format!("only an {} of the chat can do this", least.as_str());
        return Err(Failure::refused(Code::Forbidden, message));
    }
    Ok(role)
}

/// Refuses what direct chats are not made for.
fn not_direct(state: &ChatState, what: &str) -> Result<(), Failure> {
    if state.kind == ChatKind::Direct {
        return Err(Failure::refused(Code::Forbidden, format!("a direct chat {what}")));
    }
    Ok(())
}

/// An account by its id or its username.
fn account(sql: &Connection, named: &str) -> Result<AccountId, Failure> {
    let unknown = || Failure::refused(Code::NotFound, format!("there is no account {named:?}"));
    let found = if let Ok(account) = named.parse::<AccountId>() {
        sql.prepare_cached("SELECT id FROM accounts WHERE id = ?1 AND deleted_at IS NULL")?
            .query_row([account.as_bytes()], |row| id(row, 0))
            .optional()?
    } else {
        let key = Username::parse(named).map_err(|_| unknown())?.key;
        sql.prepare_cached("SELECT id FROM accounts WHERE username_key = ?1 AND deleted_at IS NULL")?
            .query_row([key], |row| id(row, 0))
            .optional()?
    };
    found.ok_or_else(unknown)
}

/// Refuses to bring somebody into a chat who blocks the caller, or is in too many chats already.
fn check_newcomer(batch: &Batch<'_>, by: AccountId, newcomer: AccountId) -> Result<(), Failure> {
    let sql = batch.sql();
    let mut blocks = sql.prepare_cached("SELECT 1 FROM blocks WHERE account = ?1 AND blocked = ?2")?;
    if by != newcomer && blocks.exists(params![newcomer.as_bytes(), by.as_bytes()])? {
        return Err(Failure::refused(Code::Forbidden, "this account cannot be added by you"));
    }
    let mut count = sql.prepare_cached("SELECT COUNT(*) FROM members WHERE account = ?1 AND left_at IS NULL")?;
    let chats: usize = count.query_row([newcomer.as_bytes()], |row| row.get(0))?;
    let most = batch.limits().chats_per_account;
    if chats >= most {
        let message = format!("an account can be in at most {most} chats here (chats_per_account)");
        return Err(Failure::refused(Code::LimitReached, message));
    }
    Ok(())
}

/// Refuses one more member than a group can have.
fn check_size(batch: &Batch<'_>, kind: ChatKind, members: usize) -> Result<(), Failure> {
    let most = batch.limits().group_members;
    if kind == ChatKind::Group && members > most {
        let message = format!("a group has at most {most} members here (group_members)");
        return Err(Failure::refused(Code::LimitReached, message));
    }
    Ok(())
}

/// A title, checked: 1 to 128 characters.
fn title(text: &str) -> Result<String, Failure> {
    let text = text.trim();
    let length = text.chars().count();
    if !(1..=128).contains(&length) {
        return Err(Failure::refused(Code::BadRequest, format!("a title has 1 to 128 characters; this has {length}")));
    }
    Ok(text.to_owned())
}

/// A chat's own retention, checked: at most ten years; 0 is for ever.
fn retention(seconds: u64) -> Result<Option<u64>, Failure> {
    if seconds > MAX_RETENTION {
        let message = format!("a chat is kept for at most {MAX_RETENTION} seconds (ten years), or for ever (0)");
        return Err(Failure::refused(Code::BadRequest, message));
    }
    Ok((seconds > 0).then_some(seconds))
}

/// A description, checked: at most 1,024 characters.
fn description(text: &str) -> Result<String, Failure> {
    let length = text.chars().count();
    if length > 1_024 {
        let message = format!("a description has at most 1,024 characters; this has {length}");
        return Err(Failure::refused(Code::BadRequest, message));
    }
    Ok(text.to_owned())
}
