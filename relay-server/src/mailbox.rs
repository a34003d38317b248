//! What waits for one session: filled by the writer, the fan-out and other sessions, emptied by the session's task.
//!
//! One lock and one wake-up; nothing in it is allocated while the session is idle. Every part is bounded: live
//! frames by number and bytes, answers by the appends in flight, marks and presence by replacing older ones of the
//! same subject. What does not fit has an answer of its own: an entry makes its follower behind, a topic message is
//! counted as lost, other live frames are dropped, and too many changes at once end the session.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use parley_protocol::frames::{Cursor, MarkScope, Opening, Presence, Sender};
use parley_protocol::{AccountId, ChatId, ChatState, Code, DeviceId, ErrorBody, LogId};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::Notify;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::limits::Limits;

/// The most changes (chats joined or gone) that wait for one session.
const MOST_CHANGES: usize = 1_024;

/// A change of what a session follows.
pub(crate) enum Change {
    /// One more chat.
    Joined { at: Cursor, state: Arc<ChatState> },
    /// A chat is deleted.
    Deleted { chat: ChatId },
}

/// Why a session ends.
#[derive(Clone, Debug)]
pub(crate) struct Bye {
    pub(crate) error: ErrorBody,
    pub(crate) opening: Option<Opening>,
}

#[derive(Default)]
struct Waiting {
    live: VecDeque<Utf8Bytes>,
    live_bytes: usize,
    answers: VecDeque<Utf8Bytes>,
    marks: HashMap<(ChatId, DeviceId, MarkScope), Utf8Bytes>,
    presence: HashMap<AccountId, Presence>,
    changes: VecDeque<Change>,
    behind: VecDeque<LogId>,
    refusing: HashSet<ChatId>,
    topic_lost: u64,
    bye: Option<Bye>,
}

/// What the session took out of its mailbox at once.
#[derive(Default)]
pub(crate) struct Taken {
    pub(crate) changes: VecDeque<Change>,
    pub(crate) frames: VecDeque<Utf8Bytes>,
    pub(crate) presence: Vec<Presence>,
    pub(crate) answered: usize,
    pub(crate) topic_lost: u64,
    pub(crate) bye: Option<Bye>,
}

/// One session, as everything but its own task sees it.
pub struct Mailbox {
    /// Tells this session from an earlier one of the same device.
    pub(crate) number: u64,
    /// Whose session it is.
    pub(crate) who: Sender,
    queue: usize,
    queue_bytes: usize,
    waiting: Mutex<Waiting>,
    wake: Notify,
}

static NUMBERS: AtomicU64 = AtomicU64::new(1);

impl Mailbox {
    pub(crate) fn new(who: Sender, limits: &Limits) -> Arc<Self> {
        Arc::new(Self {
            number: NUMBERS.fetch_add(1, Ordering::Relaxed),
            who,
            queue: limits.session_queue,
            queue_bytes: limits.session_queue_bytes,
            waiting: Mutex::default(),
            wake: Notify::new(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has_room(&self, waiting: &Waiting, frame: usize, share: usize) -> bool {
        waiting.live.len() < self.queue / share
            && (waiting.live.is_empty() || waiting.live_bytes + frame <= self.queue_bytes / share)
    }

    /// Hands a live frame over; `false` if the queue is full.
    pub(crate) fn push(&self, frame: Utf8Bytes) -> bool {
        let mut waiting = self.lock();
        if waiting.bye.is_some() || !self.has_room(&waiting, frame.len(), 1) {
            return false;
        }
        waiting.live_bytes += frame.len();
        waiting.live.push_back(frame);
        drop(waiting);
        self.wake.notify_one();
        true
    }

    /// Hands a message of a topic over, which takes at most half of the queue: chats come first. `false`, and counted,
    /// if there is no room.
    pub(crate) fn push_topic(&self, frame: Utf8Bytes) -> bool {
        let mut waiting = self.lock();
        if waiting.bye.is_some() {
            return false;
        }
        let fits = self.has_room(&waiting, frame.len(), 2);
        if fits {
            waiting.live_bytes += frame.len();
            waiting.live.push_back(frame);
        } else {
            waiting.topic_lost += 1;
            metrics::counter!("parley_topic_lost_total").increment(1);
        }
        drop(waiting);
        self.wake.notify_one();
        fits
    }

    /// Answers one append; there is room for as many as the session has in flight.
    pub(crate) fn answer(&self, frame: Utf8Bytes) {
        self.lock().answers.push_back(frame);
        self.wake.notify_one();
    }

    pub(crate) fn mark(&self, chat: ChatId, from: DeviceId, scope: MarkScope, frame: Utf8Bytes) {
        self.lock().marks.insert((chat, from, scope), frame);
        self.wake.notify_one();
    }

    pub(crate) fn presence(&self, presence: Presence) {
        self.lock().presence.insert(presence.account, presence);
        self.wake.notify_one();
    }

    pub(crate) fn change(&self, change: Change) {
        let mut waiting = self.lock();
        if waiting.changes.len() >= MOST_CHANGES {
            drop(waiting);
            self.close(ErrorBody::new(Code::TryLater, "too many chats changed at once; connect again"));
            return;
        }
        waiting.changes.push_back(change);
        drop(waiting);
        self.wake.notify_one();
    }

    /// The follower of this log has to be served from the log.
    pub(crate) fn behind(&self, log: LogId) {
        self.lock().behind.push_back(log);
        self.wake.notify_one();
    }

    /// Ends the session; the first reason counts.
    pub(crate) fn close(&self, error: ErrorBody) {
        self.lock().bye.get_or_insert(Bye { error, opening: None });
        self.wake.notify_one();
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.lock().bye.is_some()
    }

    /// Whether appends of the chat are refused until `resume`. These three are the writer's.
    pub(crate) fn refuses(&self, chat: ChatId) -> bool {
        self.lock().refusing.contains(&chat)
    }

    pub(crate) fn refuse(&self, chat: ChatId) {
        self.lock().refusing.insert(chat);
    }

    pub(crate) fn resume(&self, chat: ChatId) {
        self.lock().refusing.remove(&chat);
    }

    /// Waits until something may be there.
    pub(crate) async fn ready(&self) {
        self.wake.notified().await;
    }

    /// Takes everything that waits.
    pub(crate) fn take(&self) -> Taken {
        let mut waiting = self.lock();
        let waiting = &mut *waiting;
        let answered = waiting.answers.len();
        let mut frames = std::mem::take(&mut waiting.answers);
        frames.extend(std::mem::take(&mut waiting.live));
        frames.extend(std::mem::take(&mut waiting.marks).into_values());
        waiting.live_bytes = 0;
        Taken {
            changes: std::mem::take(&mut waiting.changes),
            frames,
            presence: std::mem::take(&mut waiting.presence).into_values().collect(),
            answered,
            topic_lost: std::mem::take(&mut waiting.topic_lost),
            bye: waiting.bye.clone(),
        }
    }

    /// The next log whose follower is behind.
    pub(crate) fn next_behind(&self) -> Option<LogId> {
        self.lock().behind.pop_front()
    }
}
