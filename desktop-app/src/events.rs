//! What the engine tells as it happens. Events carry ids; whoever shows more asks for a view. A listener that falls
//! too far behind gets [`Event::Lagged`] and asks for everything again.

use parley_protocol::frames::Sender;
use parley_protocol::{AccountId, ChatId, MessageKey};
use serde::{Deserialize, Serialize};

use crate::views::{Connection, RouteView};

/// Something changed.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(rename = "EngineEvent"))]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// How the engine stands with its relay.
    Connection(Connection),
    /// A message came from somebody else, or from another device of one's own; each exactly once, in the order of
    /// its sender.
    Message {
        /// Its chat.
        chat: ChatId,
        /// Which.
        #[serde(flatten)]
        key: MessageKey,
        /// Who wrote it.
        account: AccountId,
        /// Whether a notification is due: not own, not muted, not blocked.
        notify: bool,
    },
    /// A message which was there changed: edited, deleted, a reaction, delivered, read, failed.
    MessageChanged {
        /// Its chat.
        chat: ChatId,
        /// Which.
        #[serde(flatten)]
        key: MessageKey,
    },
    /// Messages of a chat stand elsewhere now: a relay that was restored has been given them back.
    Moved {
        /// Which chat.
        chat: ChatId,
    },
    /// Delivery marks of a chat moved: the states of own messages may have changed.
    Marks {
        /// Which chat.
        chat: ChatId,
    },
    /// A chat is new, or its title, members, unread count, draft or status changed.
    Chat {
        /// Which.
        chat: ChatId,
    },
    /// The route of a conversation changed.
    Route {
        /// Which chat.
        chat: ChatId,
        /// How it travels now.
        #[serde(flatten)]
        route: RouteView,
    },
    /// Somebody's presence changed.
    Presence {
        /// Whose.
        account: AccountId,
    },
    /// Somebody is, or stopped, typing.
    Typing {
        /// Where.
        chat: ChatId,
        /// Who.
        account: AccountId,
        /// Whether.
        on: bool,
    },
    /// A message on a topic.
    Topic {
        /// The name it was published on.
        topic: String,
        /// Who published.
        from: Sender,
        /// What.
        data: String,
    },
    /// Messages of topics were lost, as this device was too slow.
    TopicLost {
        /// How many.
        count: u64,
    },
    /// Something a person should know: a damaged message, a key conflict, an old copy, a full disk.
    Notice {
        /// Where, if it concerns one chat.
        chat: Option<ChatId>,
        /// A stable word for programs: `id_conflict`, `damaged`, `old_copy`, `storage`, `disk_full`, `waiting`,
        /// `expired`, `newer`.
        code: String,
        /// What happened and what happens next.
        message: String,
    },
    /// This listener missed events; ask for the views again.
    Lagged,
}
