//! Invite links: whoever knows the code can join.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use parley_protocol::frames::Sender;
use parley_protocol::http::{Chat, CreateInvite, Invite, Invites};
use parley_protocol::{ChatId, Code, ErrorBody, EventId, Millis, Role};
use rand::RngCore as _;
use rusqlite::{Connection, OptionalExtension, params};

use super::members::admit;
use super::{not_direct, require, view_now};
use crate::relay::Relay;
use crate::store::{Batch, Failure, id, now};

const WEEK: u64 = 7 * 24 * 3_600;
const YEAR: u64 = 366 * 24 * 3_600;
const MOST_USES: u32 = 10_000;
const MOST_INVITES: usize = 100;

/// Makes an invite, as an admin.
///
/// # Errors
/// `forbidden`, `bad_request`, `limit_reached`, `not_found`.
pub async fn create_invite(relay: &Relay, by: Sender, chat: ChatId, form: CreateInvite) -> Result<Invite, ErrorBody> {
    let change = move |batch: &mut Batch<'_>| {
        let state = batch.chat(chat)?;
        require(&state, by.account, Role::Admin)?;
        not_direct(&state, "has exactly two members")?;
        let seconds = form.expires_in.unwrap_or(WEEK);
        if !(1..=YEAR).contains(&seconds) {
            return Err(Failure::refused(Code::BadRequest, "an invite is good for 1 second to a year"));
        }
        if form.uses.is_some_and(|uses| !(1..=MOST_USES).contains(&uses)) {
            let message = format!("an invite is good for 1 to {MOST_USES} people");
            return Err(Failure::refused(Code::BadRequest, message));
        }
        let sql = batch.sql();
        sql.prepare_cached("DELETE FROM invites WHERE chat = ?1 AND (expires_at <= ?2 OR uses_left = 0)")?
            .execute(params![chat.as_bytes(), batch.now()])?;
        if good(sql, chat, batch.now())?.len() >= MOST_INVITES {
            let message = format!("a chat has at most {MOST_INVITES} invites; revoke one first");
            return Err(Failure::refused(Code::LimitReached, message));
        }
        let mut secret = [0; 18];
        rand::rng().fill_bytes(&mut secret);
        let code = URL_SAFE_NO_PAD.encode(secret);
        let expires_at = batch.now().saturating_add(seconds * 1_000);
        sql.prepare_cached(
            "INSERT INTO invites (code, chat, creator, expires_at, uses_left) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![code, chat.as_bytes(), by.account.as_bytes(), expires_at, form.uses])?;
        Ok(Invite { code, chat, title: state.title.clone(), expires_at, uses_left: form.uses })
    };
    relay.store().write(change).await
}

/// The invites which are still good, for admins.
///
/// # Errors
/// `forbidden`, `not_found`.
pub async fn list_invites(relay: &Relay, by: Sender, chat: ChatId) -> Result<Invites, ErrorBody> {
    let read = move |sql: &Connection| {
        let state = crate::log::current(sql, chat)?;
        require(&state, by.account, Role::Admin)?;
        Ok(Invites { invites: good(sql, chat, now())? })
    };
    relay.store().read(read).await
}

/// Takes an invite back, as an admin.
///
/// # Errors
/// `forbidden`, `not_found`.
pub async fn revoke_invite(relay: &Relay, by: Sender, chat: ChatId, code: String) -> Result<(), ErrorBody> {
    let change = move |batch: &mut Batch<'_>| {
        let state = batch.chat(chat)?;
        require(&state, by.account, Role::Admin)?;
        let gone = batch
            .sql()
            .prepare_cached("DELETE FROM invites WHERE code = ?1 AND chat = ?2")?
            .execute(params![code, chat.as_bytes()])?;
        if gone == 0 { Err(no_invite()) } else { Ok(()) }
    };
    relay.store().write(change).await
}

/// What a code invites to.
///
/// # Errors
/// `not_found` if it is not good, or no longer.
pub async fn show_invite(relay: &Relay, code: String) -> Result<Invite, ErrorBody> {
    relay.store().read(move |sql| find(sql, &code, now())).await
}

/// Joins by a code. Somebody who is a member already uses nothing up.
///
/// # Errors
/// `not_found`, `limit_reached`.
pub async fn join_by_invite(relay: &Relay, by: Sender, code: String) -> Result<Chat, ErrorBody> {
    let change = move |batch: &mut Batch<'_>| {
        let invite = find(batch.sql(), &code, batch.now())?;
        let state = batch.chat(invite.chat)?;
        if state.role(by.account).is_none() {
            admit(batch, by, &state, by.account, EventId::new())?;
            batch
                .sql()
                .prepare_cached("UPDATE invites SET uses_left = uses_left - 1 WHERE code = ?1")?
                .execute([&code])?;
        }
        view_now(batch, by.account, invite.chat)
    };
    let view = relay.store().write(change).await?;
    Ok(view.into_chat(relay))
}

fn good(sql: &Connection, chat: ChatId, now: Millis) -> Result<Vec<Invite>, Failure> {
    let mut select = sql.prepare_cached(
        "SELECT i.code, i.chat, c.title, i.expires_at, i.uses_left FROM invites i JOIN chats c ON c.id = i.chat \
         WHERE i.chat = ?1 AND i.expires_at > ?2 AND (i.uses_left IS NULL OR i.uses_left > 0) ORDER BY i.expires_at",
    )?;
    let rows = select.query_map(params![chat.as_bytes(), now], invite)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn find(sql: &Connection, code: &str, now: Millis) -> Result<Invite, Failure> {
    let mut select = sql.prepare_cached(
        "SELECT i.code, i.chat, c.title, i.expires_at, i.uses_left FROM invites i JOIN chats c ON c.id = i.chat \
         WHERE i.code = ?1 AND i.expires_at > ?2 AND (i.uses_left IS NULL OR i.uses_left > 0)",
    )?;
    select.query_row(params![code, now], invite).optional()?.ok_or_else(no_invite)
}

fn invite(row: &rusqlite::Row<'_>) -> rusqlite::Result<Invite> {
    Ok(Invite {
        code: row.get(0)?,
        chat: id(row, 1)?,
        title: row.get(2)?,
        expires_at: row.get(3)?,
        uses_left: row.get(4)?,
    })
}

fn no_invite() -> Failure {
    Failure::refused(Code::NotFound, "this invite is not good, or no longer; ask for a new one")
}
