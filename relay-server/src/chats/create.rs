//! Making a chat, renaming it, and deleting it.

use parley_protocol::frames::{InboxItem, Sender};
use parley_protocol::http::{Chat, CreateChat, PatchChat};
use parley_protocol::{AccountId, ChatChange, ChatId, ChatKind, Code, DeviceId, ErrorBody, EventId, Role};
use rusqlite::{OptionalExtension, params};

use super::{View, account, check_newcomer, check_size, description, not_direct, require, retention, title, view_now};
use crate::relay::Relay;
use crate::store::{Batch, Effect, Failure, id};

/// The most members whom one request brings in.
const MOST_AT_ONCE: usize = 1_000;

/// Makes a chat. The same id of the same creator again, and a direct chat which the two have already, answer the chat
/// that is there.
///
/// # Errors
/// `bad_request`, `not_found` for a member, `forbidden` by one who blocks the caller, `limit_reached`, `conflict`, `gone`.
pub async fn create(relay: &Relay, by: Sender, form: CreateChat) -> Result<Chat, ErrorBody> {
    let view = relay.store().write(move |batch| begin(batch, by, &form)).await?;
    Ok(view.into_chat(relay))
}

fn begin(batch: &mut Batch<'_>, by: Sender, form: &CreateChat) -> Result<View, Failure> {
    #[expect(clippy::unwrap_or_default, reason = "the default is the nil id")]
    let chat = form.id.unwrap_or_else(ChatId::new);
    if let Some(known) = creator(batch, chat)? {
        if known == by.account {
            return view_now(batch, by.account, chat);
        }
        return Err(Failure::refused(Code::Conflict, "there is another chat with this id"));
    }
    if form.sealed && form.kind.is_channel() {
        return Err(Failure::refused(
            Code::BadRequest,
            "channels are open: the relay can read them; leave `sealed` out",
        ));
    }
    let mut others = Vec::new();
    for named in &form.members {
        let other = account(batch.sql(), named)?;
        if other != by.account && !others.contains(&other) {
            others.push(other);
        }
        check_number(others.len() + 1)?;
    }
    let (chat_title, role) = if form.kind == ChatKind::Direct {
        let [other] = others.as_slice() else {
            return Err(Failure::refused(Code::BadRequest, "a `single` chat has exactly one other member"));
        };
        if form.title.as_ref().is_some_and(|title| !title.is_empty()) {
            return Err(Failure::refused(Code::BadRequest, "a `single` chat has no title"));
        }
        if let Some(known) = pair(batch, by.account, *other, form.sealed)? {
            return view_now(batch, by.account, known);
        }
        (String::new(), Role::Owner)
    } else {
        (title(form.title.as_deref().unwrap_or_default())?, Role::Member)
    };
    check_size(batch, form.kind, others.len() + 1)?;
    check_newcomer(batch, by.account, by.account)?;
    let mut members = vec![batch.member(by.account, Role::Owner, form.sealed)?];
    for other in &others {
        check_newcomer(batch, by.account, *other)?;
        members.push(batch.member(*other, role, form.sealed)?);
    }
    let created = ChatChange::Created {
        chat_kind: form.kind,
        sealed: form.sealed,
        title: chat_title,
        description: description(form.description.as_deref().unwrap_or_default())?,
        members,
    };
    batch.append_change(chat, by, EventId::new(), created)?;
    if let (ChatKind::Direct, [other]) = (form.kind, others.as_slice()) {
        set_pair(batch, by.account, *other, form.sealed, chat)?;
    }
    view_now(batch, by.account, chat)
}

/// Refuses more members than one request can bring in, beside whoever makes the chat.
pub(super) fn check_number(members: usize) -> Result<(), Failure> {
    if members > MOST_AT_ONCE + 1 {
        let message = format!("at most {MOST_AT_ONCE} members can be added at once");
        return Err(Failure::refused(Code::LimitReached, message));
    }
    Ok(())
}

fn creator(batch: &Batch<'_>, chat: ChatId) -> Result<Option<AccountId>, Failure> {
    let mut select = batch.sql().prepare_cached("SELECT creator FROM chats WHERE id = ?1")?;
    Ok(select.query_row([chat.as_bytes()], |row| id(row, 0)).optional()?)
}

/// The direct chat which two accounts have.
pub(super) fn pair(
    batch: &Batch<'_>,
    one: AccountId,
    other: AccountId,
    sealed: bool,
) -> Result<Option<ChatId>, Failure> {
    let (low, high) = (one.min(other), one.max(other));
    let mut select =
        batch.sql().prepare_cached("SELECT chat FROM direct_pairs WHERE low = ?1 AND high = ?2 AND sealed = ?3")?;
    Ok(select.query_row(params![low.as_bytes(), high.as_bytes(), sealed], |row| id(row, 0)).optional()?)
}

pub(super) fn set_pair(
    batch: &Batch<'_>,
    one: AccountId,
    other: AccountId,
    sealed: bool,
    chat: ChatId,
) -> Result<(), Failure> {
    let (low, high) = (one.min(other), one.max(other));
    batch
        .sql()
        .prepare_cached("INSERT INTO direct_pairs (low, high, sealed, chat) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![low.as_bytes(), high.as_bytes(), sealed, chat.as_bytes()])?;
    Ok(())
}

/// Renames or describes a chat, or says for how long it is kept, as an admin of it; the two of a direct chat both are.
///
/// # Errors
/// `forbidden`, `bad_request`, `not_found`, `gone`.
pub async fn patch(relay: &Relay, by: Sender, chat: ChatId, form: PatchChat) -> Result<Chat, ErrorBody> {
    let change = move |batch: &mut Batch<'_>| {
        let state = batch.chat(chat)?;
        require(&state, by.account, Role::Admin)?;
        if form.title.is_some() || form.description.is_some() {
            not_direct(&state, "has no title and no description")?;
        }
        let title = form.title.as_deref().map(title).transpose()?.filter(|title| *title != state.title);
        let description = form.description.as_deref().map(description).transpose()?;
        let description = description.filter(|description| *description != state.description);
        let retention = form.retention.map(retention).transpose()?.filter(|retention| *retention != state.retention);
        let changes = [
            title.map(|title| ChatChange::Renamed { title }),
            description.map(|description| ChatChange::Described { description }),
            retention.map(|retention| ChatChange::RetentionChanged { retention }),
        ];
        for change in changes.into_iter().flatten() {
            batch.append_change(chat, by, EventId::new(), change)?;
        }
        view_now(batch, by.account, chat)
    };
    let view = relay.store().write(change).await?;
    Ok(view.into_chat(relay))
}

/// Deletes a chat with everything in it, as its owner. The members' inboxes tell of it, since its own log is gone.
///
/// # Errors
/// `forbidden`, `not_found`, `gone`.
pub async fn delete(relay: &Relay, by: Sender, chat: ChatId) -> Result<(), ErrorBody> {
    let change = move |batch: &mut Batch<'_>| {
        let state = batch.chat(chat)?;
        require(&state, by.account, Role::Owner)?;
        not_direct(&state, "cannot be deleted for both; hide it in the app instead")?;
        batch.delete_chat(chat)
    };
    relay.store().write(change).await
}

impl Batch<'_> {
    /// Deletes a chat for good. Its id is never used again.
    ///
    /// # Errors
    /// Those of the database.
    pub fn delete_chat(&mut self, chat: ChatId) -> Result<(), Failure> {
        let bytes = chat.as_bytes();
        let mut select = self.sql().prepare_cached(
            "SELECT d.id FROM devices d JOIN members m ON m.account = d.account \
             WHERE m.chat = ?1 AND m.left_at IS NULL AND d.revoked_at IS NULL \
             UNION SELECT device FROM cursors WHERE chat = ?1",
        )?;
        let devices = select.query_map([bytes], |row| id::<DeviceId>(row, 0))?.collect::<Result<Vec<_>, _>>()?;
        for device in devices {
            self.append_inbox(device, InboxItem::ChatDeleted { chat })?;
        }
        self.release_held(chat)?;
        for sql in [
            "DELETE FROM entries WHERE log = ?1",
            "DELETE FROM direct_pairs WHERE chat = ?1",
            "DELETE FROM chats WHERE id = ?1",
            "DELETE FROM logs WHERE id = ?1",
        ] {
            self.sql().prepare_cached(sql)?.execute([bytes])?;
        }
        self.sql()
            .prepare_cached("INSERT INTO deleted_chats (id, at) VALUES (?1, ?2)")?
            .execute(params![bytes, self.now()])?;
        self.end_log(chat.into());
        self.set_chat(chat, None);
        self.effects.push(Effect::Deleted { chat });
        Ok(())
    }
}
