//! The frames of the relay's WebSocket: JSON text, one object a frame, told apart by `type`.
//!
//! Client to relay is [`ClientFrame`], relay to client [`RelayFrame`]. A session goes: `auth` (unless the upgrade
//! carried the token), `hello` with the cursors, `welcome`; then whatever comes. Entries after the cursors follow
//! `welcome` by the same path as live ones, so there is no moment between the two.

use serde::{Deserialize, Serialize};

use crate::{
    AccountId, Body, ChatChange, ChatId, ChatState, Code, DeviceId, EntryId, ErrorBody, LifeId, LogId, MessageId,
    Millis,
};

/// How far a device has durably taken a log: the last entry it holds. `seq` 0 with the nil entry is the beginning.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Cursor {
    /// Position of that entry.
    pub seq: u64,
    /// Its id, by which a log that was restored and went on differently is noticed.
    pub entry: EntryId,
}

/// A cursor and the log it stands in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LogCursor {
    /// Which log.
    pub log: LogId,
    /// How far.
    #[serde(flatten)]
    pub cursor: Cursor,
}

/// A position to acknowledge.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Ack {
    /// Which log.
    pub log: LogId,
    /// Everything up to this `seq` is on the device's disk.
    pub seq: u64,
}

/// One opening of a profile (DELIVERY rule 14).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Opening {
    /// How often the profile has been opened.
    pub count: u64,
    /// Drawn at this opening.
    pub life: LifeId,
}

/// Who sent an entry or a live frame: stamped by the relay from the authenticated session, never read from a payload.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct Sender {
    /// The account.
    pub account: AccountId,
    /// The device.
    pub device: DeviceId,
}

/// What an append carries.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Payload {
    /// Opaque to the relay (see [`crate::payload`]); the only one that sealed chats take.
    Sealed(String),
    /// Read by the relay; the only one that open chats take.
    Open(Body),
}

/// Who sees a mark register.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MarkScope {
    /// Every device in the chat. Not in channels.
    Chat,
    /// The other devices of the same account.
    Own,
    /// The same devices: what their person wants to see no more (see [`crate::marks::Hidden`]).
    Hidden,
}

/// Presence as a session sets it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub enum Activity {
    /// The person is there.
    Online,
    /// The app runs, nobody is at it.
    Away,
}

/// Presence as others see it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub enum PresenceState {
    /// A device of theirs is online.
    Online,
    /// Their devices are away.
    Away,
    /// No device of theirs has a session, or they do not show it.
    Offline,
}

/// The presence of one account.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Presence {
    /// Whose.
    pub account: AccountId,
    /// What is shown.
    pub state: PresenceState,
    /// When the last session ended; absent while online or if not shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_seen: Option<Millis>,
    /// The devices which have a session now; those a link can be made to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<DeviceId>,
}

/// From a client to the relay.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ClientFrame {
    /// The first frame, unless the upgrade carried an `Authorization` header.
    Auth {
        /// An access token.
        token: String,
    },
    /// Once, after authentication: who opens what from where.
    Hello {
        /// [`crate::VERSION`] of the client.
        version: u16,
        /// This opening of the profile.
        opening: Opening,
        /// The opening which the relay confirmed last (the `welcome` before), or the one it named in `old_copy` if it
        /// was this profile's own. The relay refuses a hello which succeeds another opening than the one it knows.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        succeeds: Option<Opening>,
        /// The device's own cursors, of every chat it holds and of its inbox.
        cursors: Vec<LogCursor>,
        /// What runs on the device and where, for its account's list of devices: `Parley 0.1.0 on Debian 12`. At most 64
        /// characters; more are cut off.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        program: Option<String>,
    },
    /// Appends to a chat's log. Idempotent by (chat, device, id); answered by `accepted` or `refused`.
    Append {
        /// Where to.
        chat: ChatId,
        /// Drawn by the device.
        id: MessageId,
        /// What.
        payload: Payload,
    },
    /// Moves cursors: what is on the device's disk. No answer.
    Ack {
        /// Positions; older ones than those known change nothing.
        logs: Vec<Ack>,
    },
    /// After a refusal for now: the device begins at its oldest unaccepted append of the chat again.
    Resume {
        /// Which chat.
        chat: ChatId,
    },
    /// Sets this device's mark register of a chat; the newest wins. No answer.
    Mark {
        /// Which chat.
        chat: ChatId,
        /// Who sees it.
        scope: MarkScope,
        /// Opaque in sealed chats ([`crate::payload::seal_marks`]); JSON of [`crate::marks::OpenMark`] in open ones.
        mark: String,
    },
    /// Live: this device's person is, or stopped, typing.
    Typing {
        /// Where.
        chat: ChatId,
        /// Whether.
        on: bool,
    },
    /// Live: a WebRTC signal to a device which shares a chat.
    Signal {
        /// A chat which both are in.
        chat: ChatId,
        /// The peer.
        to: DeviceId,
        /// Opaque; at most 20 KiB.
        body: String,
    },
    /// This session's activity.
    Presence {
        /// Online until told otherwise.
        state: Activity,
    },
    /// Adds subscriptions; answered by `done`.
    Subscribe {
        /// Comes back in the answer.
        req: u64,
        /// See [`crate::topic`].
        patterns: Vec<String>,
    },
    /// Takes subscriptions back; answered by `done`.
    Unsubscribe {
        /// Comes back in the answer.
        req: u64,
        /// As they were subscribed.
        patterns: Vec<String>,
    },
    /// Publishes on a topic; answered by `done` with the number of sessions it was handed to.
    Publish {
        /// Comes back in the answer.
        req: u64,
        /// See [`crate::topic`].
        topic: String,
        /// Any text.
        data: String,
    },
    /// Asks how many sessions a message on the topic would reach; answered by `done`.
    Subscribers {
        /// Comes back in the answer.
        req: u64,
        /// See [`crate::topic`].
        topic: String,
    },
}

/// The content of an entry.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// A message.
    Payload(Payload),
    /// A change of the chat.
    Change(ChatChange),
    /// In an inbox: something for this device alone.
    Item(InboxItem),
}

/// One entry of a log.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Entry {
    /// Which log.
    pub log: LogId,
    /// Its position: 1, 2, 3 … without gaps.
    pub seq: u64,
    /// Drawn by the relay for this append.
    pub entry: EntryId,
    /// When the relay took it.
    pub at: Millis,
    /// Who sent it.
    pub from: Sender,
    /// The append's id ([`MessageId`]); of a change its [`crate::EventId`].
    pub id: uuid::Uuid,
    /// What.
    #[serde(flatten)]
    pub content: Content,
}

/// What is addressed to one device alone.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum InboxItem {
    /// A chat is gone with everything in it.
    ChatDeleted {
        /// Which.
        chat: ChatId,
    },
    /// Messages which this device sent went past the retention before every device had them.
    Expired {
        /// In which chat.
        chat: ChatId,
        /// Which, oldest first; at most 1,000 an item.
        messages: Vec<MessageId>,
    },
    /// The account's list of blocked accounts changed on another device.
    BlocksChanged {
        /// The whole list.
        blocked: Vec<AccountId>,
    },
}

/// Why a log begins where it begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogStart {
    /// From the device's own cursor.
    Resumed,
    /// The device had no cursor: from where it joined.
    Started,
    /// The entry at the device's cursor is not that entry (the relay was restored from a backup): from the log's
    /// first entry.
    Reset,
    /// What comes next after the device's cursor is gone; `trimmed` says what.
    Trimmed,
}

/// Why entries are gone.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrimReason {
    /// Older than the operator's retention.
    Retention,
}

/// A stretch of a log which is gone, both ends included.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Trimmed {
    /// First missing `seq`.
    pub from: u64,
    /// Last missing `seq`.
    pub to: u64,
    /// Why.
    pub reason: TrimReason,
}

/// Where a session stands in a log.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LogView {
    /// Which log.
    pub log: LogId,
    /// Why it begins here.
    pub start: LogStart,
    /// Entries after this one follow.
    pub position: Cursor,
    /// The log's last `seq` now; from there on the device is caught up.
    pub head: u64,
    /// What is gone, if `start` is `trimmed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trimmed: Option<Trimmed>,
    /// The chat at `position`; absent for an inbox and where the device resumed (its own state is right).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chat: Option<ChatState>,
}

/// A STUN or TURN server, as browsers configure it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IceServer {
    /// `stun:host:port`, `turn:host:port?transport=udp`.
    pub urls: Vec<String>,
    /// For TURN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// For TURN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
}

/// Why a chat that the device named in its hello is not there.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GoneReason {
    /// It was deleted.
    Deleted,
    /// The account is not a member, and what was held for it has been taken.
    NotMember,
    /// The relay has never heard of it: it was restored from a backup that is older than the chat.
    Unknown,
}

/// From the relay to a client.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum RelayFrame {
    /// Answers `hello`. From here on the client may append.
    Welcome {
        /// [`crate::VERSION`] of the relay.
        version: u16,
        /// Who the session is.
        account: AccountId,
        /// Its name.
        username: String,
        /// Which device.
        device: DeviceId,
        /// The relay's wall clock.
        now: Millis,
        /// Every log which this session follows.
        logs: Vec<LogView>,
        /// Chats of the hello which are not there.
        gone: Vec<Gone>,
        /// What the operator configured.
        ice_servers: Vec<IceServer>,
        /// The longest frame that the relay takes, in bytes.
        max_frame: usize,
        /// The accounts which this one has blocked.
        blocked: Vec<AccountId>,
    },
    /// The session follows one more log, or stands elsewhere in one it follows.
    Log(LogView),
    /// A chat which the device follows no more.
    Gone(Gone),
    /// The next entry of a log.
    Entry(Entry),
    /// The append is on the relay's disk.
    Accepted {
        /// Where.
        chat: ChatId,
        /// The append's id.
        id: MessageId,
        /// Its position.
        seq: u64,
        /// Its entry's id.
        entry: EntryId,
    },
    /// The append is not taken. If [`ErrorBody::is_for_now`], neither is any later one of this chat in this session until
    /// `resume`.
    Refused {
        /// Where.
        chat: ChatId,
        /// The append's id.
        id: MessageId,
        /// Why.
        error: ErrorBody,
    },
    /// A mark register could not be set for now: say it again later.
    MarkRefused {
        /// Of which chat.
        chat: ChatId,
        /// Why, and after how long.
        error: ErrorBody,
    },
    /// Another device's mark register.
    Marks {
        /// Of which chat.
        chat: ChatId,
        /// Whose.
        from: Sender,
        /// Who sees it.
        scope: MarkScope,
        /// As it was set.
        mark: String,
    },
    /// Live.
    Typing {
        /// Where.
        chat: ChatId,
        /// Who.
        from: Sender,
        /// Whether.
        on: bool,
    },
    /// Live: a WebRTC signal.
    Signal {
        /// A chat which both are in.
        chat: ChatId,
        /// The peer.
        from: Sender,
        /// Opaque.
        body: String,
    },
    /// Somebody who shares a chat came, went, or is away.
    Presence(Presence),
    /// Live: a message on a topic.
    Topic {
        /// The name it was published on.
        topic: String,
        /// Who published.
        from: Sender,
        /// What.
        data: String,
    },
    /// This session was too slow and lost messages of topics; nothing of its chats.
    TopicLost {
        /// How many since it was last told.
        count: u64,
    },
    /// Every mark that stood when the session began has been sent. Once a session.
    MarksEnd,
    /// A request was carried out.
    Done {
        /// As in the request.
        req: u64,
        /// Patterns held, sessions reached, or subscribers, by the request.
        count: u64,
    },
    /// A frame could not be carried out; the session goes on.
    Error {
        /// As in the request, if it had one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        req: Option<u64>,
        /// The peer of a signal that went nowhere.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        peer: Option<DeviceId>,
        /// Why.
        error: ErrorBody,
    },
    /// The last frame before the relay closes.
    Bye {
        /// Why.
        error: ErrorBody,
        /// With `old_copy`: the opening which the relay knows of this device.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        opening: Option<Opening>,
    },
}

/// A chat that is not there, and why.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Gone {
    /// Which.
    pub chat: ChatId,
    /// Why.
    pub reason: GoneReason,
}

impl RelayFrame {
    /// A `bye` with a code and a sentence.
    #[must_use]
    pub fn bye(code: Code, message: impl Into<String>) -> Self {
        Self::Bye { error: ErrorBody::new(code, message), opening: None }
    }

    /// The frame as JSON text.
    #[must_use]
    pub fn encode(&self) -> String {
        // Serialisation of these types cannot fail: no maps with keys that are not strings.
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl ClientFrame {
    /// The frame as JSON text.
    #[must_use]
    pub fn encode(&self) -> String {
        // As for `RelayFrame::encode`.
        serde_json::to_string(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_reads_as_documented() {
        let entry = Entry {
            log: LogId::nil(),
            seq: 7,
            entry: EntryId::nil(),
            at: 1_700_000_000_000,
            from: Sender { account: AccountId::nil(), device: DeviceId::nil() },
            id: uuid::Uuid::nil(),
            content: Content::Payload(Payload::Sealed("eyJ9".into())),
        };
        let nil = "00000000-0000-0000-0000-000000000000";
        let text = RelayFrame::Entry(entry.clone()).encode();
        assert_eq!(
            text,
            format!(
                r#"{{"type":"entry","log":"{nil}","seq":7,"entry":"{nil}","at":1700000000000,"from":{{"account":"{nil}","device":"{nil}"}},"id":"{nil}","payload":{{"sealed":"eyJ9"}}}}"#
            )
        );
        assert_eq!(serde_json::from_str::<RelayFrame>(&text).unwrap(), RelayFrame::Entry(entry));
    }

    #[test]
    fn a_person_can_write_an_append_by_hand() {
        let chat = ChatId::new();
        let id = MessageId::new();
        let text = format!(
            r#"{{"type":"append","chat":"{chat}","id":"{id}","payload":{{"open":{{"kind":"text","text":"hi"}}}}}}"#
        );
        let frame: ClientFrame = serde_json::from_str(&text).unwrap();
        let body = Body::Text { text: "hi".into(), reply_to: None, mentions: vec![] };
        assert_eq!(frame, ClientFrame::Append { chat, id, payload: Payload::Open(body) });
    }
}
