//! What the core knows of one relay session; it goes with the session.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::{Duration, Instant};

use parley_protocol::{ChatChange, ChatId, EventId, MessageId, MessageKey, Millis};

use super::again::Again;

/// How many appends of a session may be unanswered.
pub(crate) const WINDOW: usize = 256;

/// How far the session has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum SessionPhase {
    /// `hello` was sent; nothing may be appended yet.
    Greeting,
    /// `welcome` has come.
    Open,
}

/// One relay session.
pub(crate) struct Session {
    pub(crate) number: u64,
    pub(crate) phase: SessionPhase,
    /// The relay's clock when it said so, and when that was.
    pub(crate) clock: Option<(Millis, Instant)>,
    /// How each chat's outbox stands in this session.
    pub(crate) feeds: HashMap<ChatId, Feed>,
    /// The last `seq` of each log when it was last told; beyond it the log is caught up.
    pub(crate) heads: HashMap<parley_protocol::LogId, u64>,
    /// Appends which are unanswered, in all chats.
    pub(crate) in_flight: HashMap<(ChatId, MessageId), ()>,
    /// Changes of open chats which the relay refused, as it lacks the message that they change; by that.
    pub(crate) wanting: HashMap<MessageKey, Vec<(ChatId, MessageId)>>,
    /// Messages of open chats that were known and came once more: a restored relay was given them back.
    pub(crate) given_back: HashSet<MessageKey>,
    /// Entries yet to come, of open chats, which one's other devices have shown.
    pub(crate) shown_elsewhere: HashMap<ChatId, BTreeSet<u64>>,
    /// Changes which the restored relay was to be given, and did not take for now.
    pub(crate) restores: HashMap<ChatId, (Again, Vec<(EventId, ChatChange)>)>,
    /// When the relay is asked about people of whose presence it has told nothing.
    pub(crate) ask_last_seen: Option<Instant>,
    /// It has been asked.
    pub(crate) presence_asked: bool,
    /// The relay has told the marks which stood when it began.
    pub(crate) marks_told: bool,
    /// Requests which are unanswered, by their number.
    pub(crate) requests: HashMap<u64, super::commands::Waiter>,
    pub(crate) next_request: u64,
}

/// How one chat's outbox stands in one session.
#[derive(Default)]
pub(crate) struct Feed {
    /// Rows up to this position were appended in this session.
    pub(crate) appended: i64,
    /// The relay refused for now; it is asked again then.
    pub(crate) refused: Option<Refused>,
    /// How often in a row it refused.
    pub(crate) refusals: u32,
}

/// A refusal for now.
#[derive(Clone, Copy)]
pub(crate) struct Refused {
    pub(crate) until: Instant,
}

impl Feed {
    /// Rows from this one on are appended once more.
    pub(crate) fn begin_again_at(&mut self, position: i64) {
        self.appended = self.appended.min(position - 1);
    }

    /// Somebody took something of the chat, so there may be room again: a refusal is asked about soon.
    pub(crate) fn ask_soon(&mut self) {
        let soon = Instant::now() + Duration::from_millis(300);
        if let Some(refused) = &mut self.refused {
            refused.until = refused.until.min(soon);
        }
    }
}

impl Session {
    pub(crate) fn new(number: u64) -> Self {
        Self {
            number,
            phase: SessionPhase::Greeting,
            clock: None,
            feeds: HashMap::new(),
            heads: HashMap::new(),
            in_flight: HashMap::new(),
            wanting: HashMap::new(),
            given_back: HashSet::new(),
            shown_elsewhere: HashMap::new(),
            restores: HashMap::new(),
            ask_last_seen: None,
            presence_asked: false,
            marks_told: false,
            requests: HashMap::new(),
            next_request: 1,
        }
    }

    /// The relay's clock now, once it was told.
    pub(crate) fn relay_now(&self) -> Option<Millis> {
        let (told, at) = self.clock?;
        Some(told.saturating_add(Millis::try_from(at.elapsed().as_millis()).unwrap_or_default()))
    }

    /// When the relay has to be asked something.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let refused = self.feeds.values().filter_map(|feed| feed.refused).map(|refused| refused.until);
        let restores = self.restores.values().filter_map(|(again, _)| again.deadline());
        refused.chain(restores).chain(self.ask_last_seen).min()
    }
}

/// How long to wait before asking a relay again which refused for now: what it said, or longer each time, up to a minute.
pub(crate) fn refusal_pause(retry_after: Option<u64>, refusals: u32) -> Duration {
    match retry_after {
        Some(seconds) => Duration::from_secs(seconds.clamp(1, 300)),
        None => Duration::from_millis(500 << refusals.min(7)),
    }
}
