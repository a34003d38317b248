//! What reaches the core, and what follows from it.

use std::collections::{BTreeMap, BTreeSet};

use parley_protocol::frames::{Cursor, RelayFrame};
use parley_protocol::{AccountId, ChatChange, ChatId, ClientFrame, DeviceId, EventId, LogId, Millis};
use rusqlite::Connection;

use super::Core;
use crate::events::Event;
use crate::peer::{PeerCommand, PeerEvent};
use crate::relay_link::LinkCommand;
use crate::store::Sql;
use crate::tokens::Credentials;
use crate::views::{Connection as ConnectionView, Me};

/// A command, run inside the transaction. It lets its answer go by [`Effects::after`].
pub(crate) type Command = Box<dyn FnOnce(&mut Core, &Connection, &mut Effects) -> Sql<()> + Send>;

/// What reaches the core.
pub(crate) enum Input {
    /// From the engine's handle.
    Command(Command),
    /// The relay link has authenticated; a session begins.
    RelayUp {
        /// Counts sessions, so that what comes late from an old one is told apart.
        session: u64,
        /// As which device; nil if the tokens do not say.
        device: DeviceId,
    },
    /// A frame of the session.
    RelayFrame {
        /// Which session.
        session: u64,
        /// What.
        frame: Box<RelayFrame>,
    },
    /// An entry of the session that this build cannot read.
    Unreadable {
        /// Which session.
        session: u64,
        /// Of which log.
        log: LogId,
        /// Its place.
        cursor: Cursor,
    },
    /// The session is gone, or could not begin.
    RelayDown {
        /// Which session; 0 if none had begun.
        session: u64,
        /// How it is shown.
        view: ConnectionView,
    },
    /// A ping of the session was answered.
    RelayRoundTrip {
        /// After how many microseconds.
        micros: u32,
    },
    /// From the peer links.
    Peer(PeerEvent),
    /// A request that the core had asked for is through.
    TaskDone(TaskResult),
}

impl Input {
    /// Whether it says what came of [`Task::ReplaceDevice`].
    pub(super) const fn answers_replacement(&self) -> bool {
        matches!(
            self,
            Self::TaskDone(
                TaskResult::Replaced { .. } | TaskResult::ReplaceLater { .. } | TaskResult::ReplaceFailed { .. }
            )
        )
    }
}

/// A request to be made outside the core.
#[derive(Clone, Debug)]
pub(crate) enum Task {
    /// Give a restored relay the changes which it lacks.
    Restore { chat: ChatId, changes: Vec<(EventId, ChatChange)> },
    /// This profile is an old copy: become a new device.
    ReplaceDevice,
    /// The profile is signed out: the keychain needs no tokens any more.
    ForgetTokens,
    /// Learn the name of an account.
    Name { account: AccountId },
    /// Learn when these people were last there.
    LastSeen { accounts: Vec<AccountId> },
}

/// What came of a [`Task`].
pub(crate) enum TaskResult {
    /// The log has what could be given back: these of those; or the relay refused for good.
    Restored { chat: ChatId, given: Vec<EventId>, taken: Vec<EventId> },
    /// Not for now: the relay is away, or asks for patience.
    RestoreLater { chat: ChatId, changes: Vec<(EventId, ChatChange)>, retry_after: Option<u64> },
    /// New tokens for a new device.
    Replaced { credentials: Credentials, me: Me },
    /// Not for now: the relay is away, or asks for patience.
    ReplaceLater { reason: String, retry_after: Option<u64> },
    /// It did not work; the person has to sign in again.
    ReplaceFailed { reason: String },
    /// An account's name.
    Named { account: AccountId, username: String },
    /// When somebody was last there, if they show it.
    LastSeen { account: AccountId, at: Option<Millis> },
    /// The relay was asked about all of them.
    LastSeenAsked,
}

/// What follows from a batch, let go after its commit.
#[derive(Default)]
pub(crate) struct Effects {
    pub(crate) relay: Vec<ClientFrame>,
    pub(crate) acks: BTreeMap<LogId, u64>,
    pub(crate) peers: Vec<PeerCommand>,
    pub(crate) link: Vec<LinkCommand>,
    pub(crate) events: Vec<Event>,
    pub(crate) tasks: Vec<Task>,
    /// Chats whose outbox has to be looked at before the commit.
    pub(crate) pump: BTreeSet<ChatId>,
    /// Chats whose own mark register moved.
    pub(crate) marks: BTreeSet<ChatId>,
    /// Open chats of which entries came, and where: by whom they were sent.
    pub(crate) placed: BTreeMap<(ChatId, DeviceId), Vec<u64>>,
    /// Open chats whose lines stand elsewhere now.
    pub(crate) moved: BTreeSet<ChatId>,
    /// Chats whose route may have changed.
    pub(crate) routes: BTreeSet<ChatId>,
    pub(crate) after: Vec<Box<dyn FnOnce() + Send>>,
}
