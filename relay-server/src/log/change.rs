//! Changes of a chat: entries which the relay itself writes, applied in the transaction that stores them
//! (DELIVERY rule 8). Who may make them is checked by the callers, in `chats`.

use std::sync::Arc;

use parley_protocol::frames::{Content, Cursor, Sender};
use parley_protocol::{AccountId, ChatChange, ChatId, ChatState, Code, DeviceId, EventId, Member, Role};
use rusqlite::{OptionalExtension, params};

use super::kind;
use super::state::is_deleted;
use crate::store::{Appended, Batch, Effect, Failure, id};

impl Batch<'_> {
    /// Appends a change and applies it: to the chat, its members and their cursors. A newcomer's cursors start at this
    /// entry, a removed one's log ends there. The same event again changes nothing and answers what it answered first.
    ///
    /// # Errors
    /// `gone` and `not_found`; `conflict` if a chat is created a second time.
    pub fn append_change(
        &mut self,
        chat: ChatId,
        from: Sender,
        event: EventId,
        change: ChatChange,
    ) -> Result<Appended, Failure> {
        self.write_change(chat, from, event, change, true)
    }

    /// Appends a change of a chat's devices that moves nobody's cursors: all it does is to name a membership, which some
    /// know from a log that was lost. Whoever calls this sees to it that the devices are the same in the end.
    ///
    /// # Errors
    /// `gone` and `not_found`.
    pub(crate) fn name_change(
        &mut self,
        chat: ChatId,
        from: Sender,
        event: EventId,
        change: ChatChange,
    ) -> Result<Appended, Failure> {
        self.write_change(chat, from, event, change, false)
    }

    fn write_change(
        &mut self,
        chat: ChatId,
        from: Sender,
        event: EventId,
        change: ChatChange,
        has_effect: bool,
    ) -> Result<Appended, Failure> {
        if let Some(appended) = self.event(chat, event)? {
            return Ok(appended);
        }
        let state = match &change {
            ChatChange::Created { .. } => self.create_row(chat, from, event, &change)?,
            _ => {
                let mut state = self.chat(chat)?;
                Arc::make_mut(&mut state).apply(event, &change);
                state
            }
        };
        let content = Content::Change(change.clone());
        // The order of the effects: whoever leaves is stopped before the entry is fanned out, whoever joins follows
        // from it on.
        let effect = self.effects.len();
        let (appended, _) = self.put(chat.into(), from, event.0, content, kind::CHANGE)?;
        let text = serde_json::to_string(&change).unwrap_or_default();
        self.sql()
            .prepare_cached(
                "INSERT INTO changes (chat, seq, event, at, account, device, change) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute(params![
                chat.as_bytes(),
                appended.seq,
                event.as_bytes(),
                self.now(),
                from.account.as_bytes(),
                from.device.as_bytes(),
                text
            ])?;
        if has_effect {
            self.apply_rows(&state, &change, appended, effect)?;
        }
        if change.changes_devices() {
            self.sql()
                .prepare_cached("UPDATE chats SET membership = ?2 WHERE id = ?1")?
                .execute(params![chat.as_bytes(), event.as_bytes()])?;
        }
        self.set_chat(chat, Some(state));
        Ok(appended)
    }

    /// A device has signed in for the first time: one change in each sealed chat of its account.
    ///
    /// # Errors
    /// Those of the database.
    pub fn device_added(&mut self, account: AccountId, device: DeviceId) -> Result<(), Failure> {
        let from = Sender { account, device };
        for chat in self.sealed_chats(account)? {
            self.append_change(chat, from, EventId::new(), ChatChange::DeviceAdded { account, device })?;
        }
        self.begin_log(device.into())?;
        Ok(())
    }

    /// A device is revoked: one change in each sealed chat of its account; its cursors, marks and inbox are gone, its
    /// session ends.
    ///
    /// # Errors
    /// Those of the database.
    pub fn device_removed(&mut self, account: AccountId, device: DeviceId) -> Result<(), Failure> {
        let by = Sender { account, device };
        for chat in self.sealed_chats(account)? {
            if self.chat(chat)?.members.get(&account).is_some_and(|member| member.devices.contains(&device)) {
                self.append_change(chat, by, EventId::new(), ChatChange::DeviceRemoved { account, device })?;
            }
        }
        let bytes = device.as_bytes();
        for sql in [
            "DELETE FROM cursors WHERE device = ?1",
            // What its person hides stays hidden: the others may not have heard of it yet.
            "DELETE FROM marks WHERE device = ?1 AND scope <> 'hidden'",
            "DELETE FROM entries WHERE log = ?1",
            "DELETE FROM logs WHERE id = ?1",
        ] {
            self.sql().prepare_cached(sql)?.execute([bytes])?;
        }
        self.end_log(device.into());
        self.close_session(device, Code::DeviceRevoked, "this device was revoked; sign in again");
        Ok(())
    }

    /// An account as a member, with all its devices if the chat is sealed.
    ///
    /// # Errors
    /// `not_found` if there is no such account.
    pub fn member(&self, account: AccountId, role: Role, sealed: bool) -> Result<Member, Failure> {
        let username: Option<String> = self
            .sql()
            .prepare_cached("SELECT username FROM accounts WHERE id = ?1 AND deleted_at IS NULL")?
            .query_row([account.as_bytes()], |row| row.get(0))
            .optional()?;
        let username = username.ok_or_else(|| Failure::refused(Code::NotFound, "there is no such account"))?;
        let mut member = Member { account, username, role, devices: std::collections::BTreeSet::new() };
        if sealed {
            let mut select =
                self.sql().prepare_cached("SELECT id FROM devices WHERE account = ?1 AND revoked_at IS NULL")?;
            let rows = select.query_map([account.as_bytes()], |row| id::<DeviceId>(row, 0))?;
            member.devices = rows.collect::<Result<_, _>>()?;
        }
        Ok(member)
    }

    /// Where the log has this event, if it has.
    pub(crate) fn event(&self, chat: ChatId, event: EventId) -> Result<Option<Appended>, Failure> {
        let mut select = self.sql().prepare_cached("SELECT seq FROM changes WHERE chat = ?1 AND event = ?2")?;
        let seq: Option<u64> =
            select.query_row(params![chat.as_bytes(), event.as_bytes()], |row| row.get(0)).optional()?;
        let Some(seq) = seq else {
            return Ok(None);
        };
        let entry = super::entry_at(self.sql(), chat.into(), seq)?.unwrap_or_default();
        Ok(Some(Appended { seq, entry }))
    }

    fn sealed_chats(&self, account: AccountId) -> Result<Vec<ChatId>, Failure> {
        let mut select = self.sql().prepare_cached(
            "SELECT m.chat FROM members m JOIN chats c ON c.id = m.chat \
             WHERE m.account = ?1 AND m.left_at IS NULL AND c.sealed = 1 ORDER BY m.chat",
        )?;
        let rows = select.query_map([account.as_bytes()], |row| id(row, 0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn create_row(
        &mut self,
        chat: ChatId,
        from: Sender,
        event: EventId,
        change: &ChatChange,
    ) -> Result<Arc<ChatState>, Failure> {
        if is_deleted(self.sql(), chat)? {
            return Err(Failure::refused(Code::Gone, "a chat with this id was deleted; ids are never used again"));
        }
        if self.log(chat.into())?.is_some() {
            return Err(Failure::refused(Code::Conflict, "there is something else with this id"));
        }
        let state = ChatState::from_first(chat, event, self.now(), change)
            .ok_or_else(|| Failure::refused(Code::BadRequest, "a chat begins with `created`"))?;
        self.sql()
            .prepare_cached(
                "INSERT INTO chats (id, kind, sealed, title, description, created_at, creator, membership) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?
            .execute(params![
                chat.as_bytes(),
                state.kind.as_str(),
                state.sealed,
                state.title,
                state.description,
                state.created_at,
                from.account.as_bytes(),
                event.as_bytes()
            ])?;
        Ok(Arc::new(state))
    }

    /// The tables, and what follows the commit.
    fn apply_rows(
        &mut self,
        state: &Arc<ChatState>,
        change: &ChatChange,
        at: Appended,
        before: usize,
    ) -> Result<(), Failure> {
        let chat = state.id;
        match change {
            ChatChange::Created { members, .. } => {
                for member in members {
                    self.join(state, member, at)?;
                }
            }
            ChatChange::MemberAdded { member } => self.join(state, member, at)?,
            ChatChange::MemberRemoved { account } => {
                self.sql()
                    .prepare_cached("UPDATE members SET left_at = ?3 WHERE chat = ?1 AND account = ?2")?
                    .execute(params![chat.as_bytes(), account.as_bytes(), at.seq])?;
                self.sql()
                    .prepare_cached("UPDATE cursors SET ends = ?3 WHERE chat = ?1 AND account = ?2 AND ends IS NULL")?
                    .execute(params![chat.as_bytes(), account.as_bytes(), at.seq])?;
                self.sql()
                    .prepare_cached("DELETE FROM marks WHERE chat = ?1 AND account = ?2")?
                    .execute(params![chat.as_bytes(), account.as_bytes()])?;
                self.end_invites(chat, *account)?;
                let left = Effect::Left { chat, account: *account, device: None, seq: at.seq };
                self.effects.insert(before, left);
            }
            ChatChange::RoleChanged { account, role } => {
                self.set_role(chat, *account, *role)?;
                if *role < Role::Admin {
                    self.end_invites(chat, *account)?;
                }
            }
            ChatChange::OwnerChanged { account } => {
                self.sql()
                    .prepare_cached("UPDATE members SET role = 'admin' WHERE chat = ?1 AND role = 'owner'")?
                    .execute([chat.as_bytes()])?;
                self.set_role(chat, *account, Role::Owner)?;
            }
            ChatChange::Renamed { title } => {
                self.sql()
                    .prepare_cached("UPDATE chats SET title = ?2 WHERE id = ?1")?
                    .execute(params![chat.as_bytes(), title])?;
            }
            ChatChange::Described { description } => {
                self.sql()
                    .prepare_cached("UPDATE chats SET description = ?2 WHERE id = ?1")?
                    .execute(params![chat.as_bytes(), description])?;
            }
            ChatChange::RetentionChanged { retention } => {
                self.sql()
                    .prepare_cached(
                        "UPDATE chats SET retention = ?2, retention_since = CASE WHEN ?2 IS NULL OR NOT sealed THEN 0 \
                         WHEN retention IS NULL THEN (SELECT at FROM entries WHERE log = ?1 AND seq = ?3) \
                         ELSE retention_since END WHERE id = ?1",
                    )?
                    .execute(params![chat.as_bytes(), retention, at.seq])?;
            }
            ChatChange::DeviceAdded { account, device } => {
                self.begin_cursor(chat, *account, *device, at.seq)?;
                let at = Cursor { seq: at.seq, entry: at.entry };
                let state = Arc::clone(state);
                self.effects.push(Effect::Joined { account: *account, device: Some(*device), at, state });
            }
            ChatChange::DeviceRemoved { account, device } => {
                self.sql()
                    .prepare_cached("DELETE FROM cursors WHERE chat = ?1 AND device = ?2")?
                    .execute(params![chat.as_bytes(), device.as_bytes()])?;
                let left = Effect::Left { chat, account: *account, device: Some(*device), seq: at.seq };
                self.effects.insert(before, left);
            }
        }
        Ok(())
    }

    fn join(&mut self, state: &Arc<ChatState>, member: &Member, at: Appended) -> Result<(), Failure> {
        let chat = state.id;
        self.sql()
            .prepare_cached(
                "INSERT INTO members (chat, account, role) VALUES (?1, ?2, ?3) \
                 ON CONFLICT (chat, account) DO UPDATE SET role = ?3, left_at = NULL",
            )?
            .execute(params![chat.as_bytes(), member.account.as_bytes(), member.role.as_str()])?;
        if state.sealed {
            for device in &member.devices {
                self.begin_cursor(chat, member.account, *device, at.seq)?;
            }
        }
        let at = Cursor { seq: at.seq, entry: at.entry };
        self.effects.push(Effect::Joined { account: member.account, device: None, at, state: Arc::clone(state) });
        Ok(())
    }

    fn begin_cursor(&self, chat: ChatId, account: AccountId, device: DeviceId, seq: u64) -> Result<(), Failure> {
        self.sql()
            .prepare_cached("INSERT INTO cursors (chat, device, start, account, seq) VALUES (?1, ?2, ?3, ?4, ?3)")?
            .execute(params![chat.as_bytes(), device.as_bytes(), seq, account.as_bytes()])?;
        Ok(())
    }

    /// An invite is good for as long as whoever made it could make another: else one who was removed comes in again by it.
    fn end_invites(&self, chat: ChatId, creator: AccountId) -> Result<(), Failure> {
        self.sql()
            .prepare_cached("DELETE FROM invites WHERE chat = ?1 AND creator = ?2")?
            .execute(params![chat.as_bytes(), creator.as_bytes()])?;
        Ok(())
    }

    fn set_role(&self, chat: ChatId, account: AccountId, role: Role) -> Result<(), Failure> {
        self.sql()
            .prepare_cached("UPDATE members SET role = ?3 WHERE chat = ?1 AND account = ?2")?
            .execute(params![chat.as_bytes(), account.as_bytes(), role.as_str()])?;
        Ok(())
    }
}
