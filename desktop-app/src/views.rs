//! What the engine shows: plain data for a window, a terminal or a bot. Views are made fresh at each call; events
//! (`crate::events`) say when to call again.

use std::fmt;
use std::str::FromStr;

use parley_protocol::frames::PresenceState;
use parley_protocol::http::{Device, Registration};
use parley_protocol::{AccountId, ChatId, ChatKind, DeviceId, MessageKey, Millis, Role};
use serde::{Deserialize, Serialize};

/// Who is signed in to this profile.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct Me {
    /// The account.
    pub account: AccountId,
    /// Its name.
    pub username: String,
    /// This profile's device.
    pub device: DeviceId,
    /// The relay, as `http://…` or `https://…`.
    pub relay: String,
}

/// A device of the account, and how what goes to it travels.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct DeviceView {
    /// What the relay knows of it.
    #[serde(flatten)]
    pub device: Device,
    /// What carries a message between it and this one now; absent of this one.
    pub route: Option<Route>,
    /// The round trip of that route, in microseconds.
    pub round_trip: Option<u32>,
}

/// How the engine stands with its relay.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Connection {
    /// Nobody is signed in.
    SignedOut {
        /// Why, if it was not the person's own doing: revoked, password changed elsewhere, token reused.
        reason: Option<String>,
    },
    /// On the way.
    Connecting,
    /// A session is open; `behind` entries are still to come.
    Online {
        /// Entries of all logs that this device has yet to take.
        behind: u64,
        /// The last round trip to the relay, in microseconds; absent while unknown.
        round_trip: Option<u32>,
    },
    /// The relay cannot be reached.
    Offline {
        /// What happened.
        reason: String,
        /// When it is tried again.
        retry_at: Millis,
    },
    /// The relay speaks another version of the protocol.
    Incompatible {
        /// What to do.
        reason: String,
    },
}

/// What carries a message between this device and another, or a whole conversation, now.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Route {
    /// A peer link within one network.
    Lan,
    /// A peer link.
    Direct,
    /// A peer link through a TURN server.
    Turn,
    /// The relay.
    Relay,
    /// Nothing: what is written waits on this device.
    Wait,
}

/// The route of a conversation and what is known of it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct RouteView {
    /// The route which a message written now takes.
    pub route: Route,
    /// Median of the last round trips on it, in microseconds; absent while unknown.
    pub round_trip: Option<u32>,
    /// Since when.
    pub since: Millis,
    /// Devices of the conversation that have an open link, other than this one.
    pub linked: usize,
    /// Devices of the conversation other than this one.
    pub devices: usize,
}

/// Whether the profile still takes part in a chat.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum ChatStatus {
    /// It does.
    Active,
    /// The person left, or was removed.
    Left,
    /// It was deleted for everyone.
    Deleted,
}

/// The latest time that is shown: what is muted for good is muted until then. The last one which every language's dates can tell.
pub const FOREVER: Millis = 8_640_000_000_000_000;

/// A chat in the list.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct ChatView {
    /// Its id.
    pub id: ChatId,
    /// Its kind.
    pub kind: ChatKind,
    /// Whether its messages are opaque to the relay.
    pub sealed: bool,
    /// The title, or the other person's name.
    pub name: String,
    /// May be empty.
    pub description: String,
    /// For how many seconds what is written is kept, as its people chose; absent for ever.
    pub retention: Option<u64>,
    /// Whether one still takes part.
    pub status: ChatStatus,
    /// One's own role.
    pub role: Option<Role>,
    /// In a direct chat, the other account.
    pub peer: Option<AccountId>,
    /// In a direct chat, their presence; absent while there is no relay to vouch for it.
    pub presence: Option<PresenceView>,
    /// How many members are known to the device (in channels: those of them it was told of).
    pub member_count: usize,
    /// Messages of others beyond the read mark.
    pub unread: u64,
    /// Those of them that mention this account.
    pub mentions: u64,
    /// Silent until then ([`FOREVER`] for good); absent if it is not muted.
    pub muted_until: Option<Millis>,
    /// Stands first.
    pub pinned: bool,
    /// Out of the list.
    pub archived: bool,
    /// Whether the other account of a direct chat is blocked.
    pub blocked: bool,
    /// What was being written.
    pub draft: String,
    /// The newest message.
    pub last: Option<MessageView>,
    /// When something last happened; the list is sorted by it.
    pub last_at: Millis,
    /// How it travels.
    pub route: RouteView,
}

/// Presence of an account.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct PresenceView {
    /// What is shown.
    pub state: PresenceState,
    /// When the last session ended.
    pub last_seen: Option<Millis>,
}

/// How far an own message came.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Delivery {
    /// On this device only.
    Waiting,
    /// The relay has it.
    Sent,
    /// In a direct chat: a device of theirs has it. In a group: a device of every member.
    Delivered,
    /// As `delivered`, and shown there.
    Read,
    /// It will not go out by itself.
    Failed {
        /// What happened and what to do.
        reason: String,
    },
    /// It came from somebody else.
    Received,
}

/// What a line of a conversation is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum MessageKind {
    /// A message.
    Text,
    /// A change of the chat, as a sentence's parts: who did what to whom.
    Change {
        /// `created`, `member_added`, `member_removed`, `role_changed`, `owner_changed`, `renamed`, `described`,
        /// `retention_changed` (the subject is the seconds, or empty).
        #[cfg_attr(
            feature = "ts",
            ts(
                type = "\"created\" | \"member_added\" | \"member_removed\" | \"role_changed\" | \"owner_changed\" | \"renamed\" | \"described\" | \"retention_changed\""
            )
        )]
        what: String,
        /// Whom or what it concerns: a username, a title.
        subject: String,
    },
    /// Something is missing here.
    Gap {
        /// How many messages, if that is known.
        count: Option<u64>,
        /// Why.
        why: String,
    },
}

/// A line of a conversation.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct MessageView {
    /// Its chat.
    pub chat: ChatId,
    /// Its name within the chat.
    #[serde(flatten)]
    pub key: MessageKey,
    /// Pass to [`Page`] to go on from here.
    pub position: Position,
    /// Who sent it.
    pub account: AccountId,
    /// The sender's name.
    pub username: String,
    /// Whether it is of this account.
    pub own: bool,
    /// What it is.
    #[serde(flatten)]
    pub kind: MessageKind,
    /// The words; empty once deleted.
    pub text: String,
    /// The message that it answers.
    pub reply_to: Option<Quote>,
    /// Whom it mentions.
    pub mentions: Vec<AccountId>,
    /// The sender's wall clock.
    pub sent_at: Millis,
    /// When this device got it.
    pub received_at: Millis,
    /// When it was last edited.
    pub edited_at: Option<Millis>,
    /// Taken back for everyone.
    pub deleted: bool,
    /// By emoji.
    pub reactions: Vec<ReactionView>,
    /// How far it came.
    pub delivery: Delivery,
    /// By which route it came, or first went.
    pub route: Route,
}

/// A message that another one answers.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct Quote {
    /// Which.
    #[serde(flatten)]
    pub key: MessageKey,
    /// Who sent it; empty if this device does not have it.
    pub username: String,
    /// Its words; empty if it was deleted or this device does not have it.
    pub text: String,
}

/// One emoji on a message.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct ReactionView {
    /// The emoji.
    pub emoji: String,
    /// Who.
    pub accounts: Vec<AccountId>,
    /// Whether this account is among them.
    pub own: bool,
}

/// Opaque: a place in a conversation's order. Pass it back in a [`Page`].
///
/// It crosses as a string, since its clocks are larger than the numbers which a screen holds exactly.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(type = "string"))]
pub struct Position(pub i64, pub i64, pub DeviceId, pub i64);

impl fmt::Display for Position {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}_{}_{}_{}", self.0, self.1, self.2, self.3)
    }
}

impl FromStr for Position {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split('_');
        let read = |parts: &mut std::str::Split<'_, char>| parts.next()?.parse::<i64>().ok();
        let mut place = || {
            let (major, minor) = (read(&mut parts)?, read(&mut parts)?);
            let device = parts.next()?.parse::<DeviceId>().ok()?;
            let row = read(&mut parts)?;
            parts.next().is_none().then_some(Self(major, minor, device, row))
        };
        place().ok_or("this is no place in a conversation")
    }
}

impl Serialize for Position {
    fn serialize<S: serde::Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Position {
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(input)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Which part of a conversation. Lines come oldest first, at most 500.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(tag = "page", rename_all = "snake_case")]
pub enum Page {
    /// The newest.
    Newest,
    /// The nearest ones before a place.
    Before {
        /// That place.
        position: Position,
    },
    /// The nearest ones after a place.
    After {
        /// That place.
        position: Position,
    },
    /// Those around a message, it included.
    Around(MessageKey),
    /// Those from the first one at or after a time on, with some before.
    At {
        /// By the clock that is shown with each line.
        time: Millis,
    },
    /// Those from the first unread one on, with some before.
    Unread,
}

/// How far one device of a conversation has a message.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct DeviceDelivery {
    /// Whose device.
    pub account: AccountId,
    /// Its owner's name.
    pub username: String,
    /// Which device.
    pub device: DeviceId,
    /// It is on that device's disk.
    pub delivered: bool,
    /// It was shown there.
    pub read: bool,
    /// When this device was told that it is there; absent while it is not, or if that is not known any more.
    pub delivered_at: Option<Millis>,
    /// When this device was told that it was shown there; absent while it was not, if its owner does not tell, or if that is not
    /// known any more.
    pub read_at: Option<Millis>,
    /// By which route this device was told that it is there.
    pub route: Option<Route>,
}

/// A hit of a search.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct Hit {
    /// The message.
    pub message: MessageView,
    /// The name of its chat.
    pub chat_name: String,
}

/// A member of a chat.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct MemberView {
    /// Who.
    pub account: AccountId,
    /// Their name.
    pub username: String,
    /// What they may do.
    pub role: Role,
    /// How many devices take part, in sealed chats.
    pub devices: usize,
    /// Presence as far as it is known.
    pub presence: PresenceView,
    /// How messages travel to them now; absent in channels and for oneself.
    pub route: Option<Route>,
    /// Median of the last round trips of the link to them, in microseconds; absent where none carries the chat, or while unknown.
    pub round_trip: Option<u32>,
}

/// A message to be sent.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(deny_unknown_fields)]
pub struct Outgoing {
    /// The words.
    pub text: String,
    /// The message that it answers.
    pub reply_to: Option<MessageKey>,
    /// Whom it mentions.
    pub mentions: Vec<AccountId>,
}

/// With whom this device makes direct links. A link shows one's network address to the other.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum DirectLinks {
    /// Everybody with whom there is a direct chat.
    #[default]
    Everybody,
    /// Contacts whom the person marked as verified, and own devices.
    Verified,
    /// Nobody.
    Never,
}

/// What the person chose; kept in the profile.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// With whom direct links are made.
    pub direct_links: DirectLinks,
    /// Whether others learn what was read, and this device shows what they have.
    pub read_marks: bool,
    /// Whether others see that one is typing.
    pub typing: bool,
    /// Whether direct links go through the operator's TURN server only, so that the others do not learn one's network
    /// address. Where the operator set up none, there are no direct links then.
    pub hide_address: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { direct_links: DirectLinks::default(), read_marks: true, typing: true, hide_address: false }
    }
}

/// What a relay says of itself to anybody.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct RelayInfo {
    /// Its address, in full.
    pub relay: String,
    /// As the operator named it; its host if not.
    pub name: String,
    /// Of its program.
    pub version: String,
    /// Who can make an account there.
    pub registration: Registration,
    /// Seconds for which it keeps what is undelivered in direct chats and groups.
    pub retention: u64,
    /// Seconds for which it keeps the history of channels; absent for ever.
    pub history_retention: Option<u64>,
}
