//! One newtype for each kind of id, so that a chat can never be looked up by a device.
//!
//! All are UUIDs, written in their hyphenated form. Ids which are made in order (messages, entries) are
//! version 7 and sort by the time they were made; nobody may rely on that for correctness.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        #[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(type = "string"))]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new id; version 7, so later ids sort later.
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }

            /// The id of nothing: what stands before the first of its kind.
            pub const fn nil() -> Self {
                Self(Uuid::nil())
            }

            /// The sixteen bytes, as a database stores them.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }

            /// From the sixteen bytes of [`Self::as_bytes`]; `None` for any other length.
            pub fn from_slice(bytes: &[u8]) -> Option<Self> {
                Uuid::from_slice(bytes).ok().map(Self)
            }
        }

        impl From<[u8; 16]> for $name {
            fn from(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::nil()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, out)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, out)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }
    };
}

id!(
    /// A person's login on one relay.
    AccountId
);
id!(
    /// One installed app, or one profile of the terminal client, of an account.
    DeviceId
);
id!(
    /// A conversation. Never used again once it is deleted.
    ChatId
);
id!(
    /// One append at the relay. Drawn by the relay each time it allots a `seq`, so that a log which was restored
    /// from a backup and went on differently is told apart (a cursor carries it).
    EntryId
);
id!(
    /// A change of a chat (members, devices, title). Keeps its id when it is appended again after a restore.
    EventId
);
id!(
    /// A message, drawn by the device that sends it. Idempotency is on (chat, device, message).
    MessageId
);
id!(
    /// A stretch of numbers of one sending device in one chat.
    RunId
);
id!(
    /// Drawn at each opening of a profile; tells an old copy of the profile from the profile itself.
    LifeId
);
id!(
    /// A log on the relay: a chat's (its [`ChatId`]) or a device's inbox (its [`DeviceId`]).
    LogId
);

impl From<ChatId> for LogId {
    fn from(chat: ChatId) -> Self {
        Self(chat.0)
    }
}

impl From<DeviceId> for LogId {
    fn from(device: DeviceId) -> Self {
        Self(device.0)
    }
}

impl LogId {
    /// This log as that of a chat.
    pub const fn chat(self) -> ChatId {
        ChatId(self.0)
    }
}
