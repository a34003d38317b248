//! Appending: the hot path of the relay.

use parley_protocol::frames::{Content, Entry, InboxItem, Payload, Sender};
use parley_protocol::{AccountId, Body, ChatId, ChatState, Code, DeviceId, EntryId, LogId, MessageId, RelayFrame};
use rusqlite::{OptionalExtension, params};
use uuid::Uuid;

use crate::store::{Appended, Batch, Effect, Failure, id};

/// What kind of entry a row of `entries` is.
pub(crate) mod kind {
    /// A change of the chat.
    pub(crate) const CHANGE: u8 = 0;
    /// A message.
    pub(crate) const MESSAGE: u8 = 1;
    /// An edit, a delete or a reaction in an open chat.
    pub(crate) const FOLDED: u8 = 2;
    /// An item of an inbox.
    pub(crate) const ITEM: u8 = 3;
    /// What counts towards the quota of the account that sent it.
    pub(crate) const COUNTED: [u8; 2] = [MESSAGE, FOLDED];
}

impl Batch<'_> {
    /// Appends a message. Nothing is changed before every check has passed, so that a refusal needs no savepoint.
    ///
    /// # Errors
    /// `id_conflict`, `not_member`, `gone`, `not_found`, `bad_request`, `too_large`, `forbidden`, `quota_exceeded`.
    pub fn append(&mut self, from: Sender, chat: ChatId, id: MessageId, payload: Payload) -> Result<Appended, Failure> {
        if let Some(known) = self.known(chat.into(), from.device, id.0)? {
            return known.confirm(self, chat, &Content::Payload(payload));
        }
        let state = self.chat(chat)?;
        check_member(&state, from)?;
        self.check_payload(&state, &payload)?;
        let target = match &payload {
            Payload::Open(body) => self.check_target(&state, from.account, body)?,
            Payload::Sealed(_) => None,
        };
        if !self.makes_room(chat, &payload, target)? {
            self.check_quota(&state, from.account)?;
        }
        let (appended, bytes) = match (target, payload) {
            (Some(target), Payload::Open(body)) => self.append_folded(from, chat, id, body, target)?,
            (_, payload) => self.put(chat.into(), from, id.0, Content::Payload(payload), kind::MESSAGE)?,
        };
        let held = self.held(from.account)?;
        self.set_held(from.account, held + bytes);
        Ok(appended)
    }

    /// Appends to the inbox of a device. Past its bound the oldest items go.
    ///
    /// # Errors
    /// Those of the database.
    pub fn append_inbox(&mut self, device: DeviceId, item: InboxItem) -> Result<Appended, Failure> {
        let mut select = self.sql().prepare_cached("SELECT account FROM devices WHERE id = ?1")?;
        let account: AccountId =
            select.query_row([device.as_bytes()], |row| id(row, 0)).optional()?.unwrap_or_default();
        let from = Sender { account, device };
        let (appended, _) = self.put(device.into(), from, Uuid::now_v7(), Content::Item(item), kind::ITEM)?;
        self.bound_inbox(device.into())?;
        Ok(appended)
    }

    /// Stores the next entry of a log, and has it handed out after the commit. Returns its bytes too.
    pub(crate) fn put(
        &mut self,
        log: LogId,
        from: Sender,
        id: Uuid,
        content: Content,
        kind: u8,
    ) -> Result<(Appended, u64), Failure> {
        let mut head = self.begin_log(log)?;
        let (seq, entry, at) = (head.head + 1, EntryId::new(), self.now());
        let frame = RelayFrame::Entry(Entry { log, seq, entry, at, from, id, content }).encode();
        self.sql()
            .prepare_cached(
                "INSERT INTO entries (log, seq, entry, at, account, device, id, kind, frame) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            )?
            .execute(params![
                log.as_bytes(),
                seq,
                entry.as_bytes(),
                at,
                from.account.as_bytes(),
                from.device.as_bytes(),
                id.as_bytes(),
                kind,
                frame
            ])?;
        let bytes = u64::try_from(frame.len()).unwrap_or(u64::MAX);
        head.head = seq;
        head.entry = entry;
        head.held += 1;
        head.held_bytes += bytes;
        self.set_log(log, head);
        self.effects.push(Effect::Entry { log, seq, frame: frame.into() });
        Ok((Appended { seq, entry }, bytes))
    }

    /// The entry which the device appended under this id before.
    pub(crate) fn known(&self, log: LogId, device: DeviceId, id: Uuid) -> Result<Option<Known>, Failure> {
        let mut select = self
            .sql()
            .prepare_cached("SELECT seq, entry, frame FROM entries WHERE log = ?1 AND device = ?2 AND id = ?3")?;
        let known = select
            .query_row(params![log.as_bytes(), device.as_bytes(), id.as_bytes()], |row| {
                let appended = Appended { seq: row.get(0)?, entry: crate::store::id(row, 1)? };
                Ok(Known { appended, frame: row.get(2)? })
            })
            .optional()?;
        Ok(known)
    }

    fn check_payload(&self, state: &ChatState, payload: &Payload) -> Result<(), Failure> {
        let most = self.limits().payload_bytes;
        match (state.sealed, payload) {
            (true, Payload::Sealed(text)) => {
                if text.len() > most {
                    return Err(Failure::refused(
                        Code::TooLarge,
                        format!(
                            "the payload has {} bytes; this relay takes at most {most} (payload_bytes)",
                            text.len()
                        ),
                    ));
                }
                Ok(())
            }
            (false, Payload::Open(Body::Empty)) => Err(Failure::refused(
                Code::BadRequest,
                "an empty message keeps the place of a cancelled one in a sealed chat; open chats take none",
            )),
            (false, Payload::Open(body)) => {
                body.check().map_err(|message| Failure::refused(Code::BadRequest, message))?;
                let bytes = serde_json::to_string(body).map_or(0, |text| text.len());
                if bytes > most {
                    return Err(Failure::refused(
                        Code::TooLarge,
                        format!("the message has {bytes} bytes; this relay takes at most {most} (payload_bytes)"),
                    ));
                }
                Ok(())
            }
            (true, Payload::Open(_)) => {
                Err(Failure::refused(Code::BadRequest, "this chat is sealed: it takes `sealed` payloads only"))
            }
            (false, Payload::Sealed(_)) => {
                Err(Failure::refused(Code::BadRequest, "this chat is open: it takes `open` payloads only"))
            }
        }
    }
}

/// Whether the sender takes part.
pub(super) fn check_member(state: &ChatState, from: Sender) -> Result<(), Failure> {
    match state.members.get(&from.account) {
        Some(member) if !state.sealed || member.devices.contains(&from.device) => Ok(()),
        Some(_) => Err(Failure::refused(Code::NotMember, "this device does not take part in the chat")),
        None => Err(Failure::refused(Code::NotMember, "you are not a member of this chat")),
    }
}

/// An entry that came before under the same key.
pub(crate) struct Known {
    pub(crate) appended: Appended,
    frame: String,
}

impl Known {
    /// The old answer, if the content is the same.
    fn confirm(&self, batch: &Batch<'_>, chat: ChatId, content: &Content) -> Result<Appended, Failure> {
        let same = matches!(
            serde_json::from_str::<RelayFrame>(&self.frame),
            Ok(RelayFrame::Entry(entry)) if entry.content == *content
        );
        // What was deleted for everyone is no longer there to be compared.
        if same || batch.is_emptied(chat, self.appended.seq)? {
            return Ok(self.appended);
        }
        Err(Failure::refused(Code::IdConflict, "another message of this device has the same id in this chat"))
    }
}
