//! What waits for one session: filled by the writer, the fan-out and other sessions, emptied by the session's task.
//!
//! One lock and one wake-up; nothing in it is allocated while the session is idle. Every part is bounded: live
//! frames by number and bytes, answers by the appends in flight, marks by bytes, presence by replacing older ones of
//! the same account. What does not fit has an answer of its own: an entry makes its follower behind, the marks of a
//! chat are read from the database when there is room, a topic message is counted as lost, other live frames are
//! dropped, and too many changes or refused chats at once end the session.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use parley_protocol::frames::{Cursor, MarkScope, Opening, Presence, Sender};
use parley_protocol::{AccountId, ChatId, ChatState, Code, DeviceId, ErrorBody, LogId};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use crate::limits::Limits;
use crate::sessions::is_stopping;

/// The most changes (chats joined or gone) that wait for one session.
const MOST_CHANGES: usize = 1_024;

/// How long signals and the like may be on their way: later they mean nothing any more.
const LIVE_FOR: Duration = Duration::from_secs(60);

/// A frame on its way to the socket.
pub(crate) struct Outgoing {
    message: Message,
    /// Once this has passed it is not sent any more.
    until: Option<Instant>,
}

impl From<Message> for Outgoing {
    fn from(message: Message) -> Self {
        Self { message, until: None }
    }
}

/// The next frame that is still good.
pub(crate) fn next_good(out: &mut VecDeque<Outgoing>, now: impl Fn() -> Instant) -> Option<Message> {
    loop {
        let Outgoing { message, until } = out.pop_front()?;
        if until.is_none_or(|until| now() < until) {
            return Some(message);
        }
    }
}

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
    live: VecDeque<(Utf8Bytes, Option<Instant>)>,
    live_bytes: usize,
    answers: VecDeque<Utf8Bytes>,
    marks: HashMap<(ChatId, DeviceId, MarkScope), Utf8Bytes>,
    mark_bytes: usize,
    /// Chats whose marks did not fit.
    unread_marks: HashSet<ChatId>,
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
    pub(crate) frames: VecDeque<Outgoing>,
    pub(crate) presence: Vec<Presence>,
    pub(crate) answered: usize,
    pub(crate) topic_lost: u64,
}

/// One session, as everything but its own task sees it.
pub struct Mailbox {
    /// Tells this session from an earlier one of the same device.
    pub(crate) number: u64,
    /// Whose session it is.
    pub(crate) who: Sender,
    queue: usize,
    queue_bytes: usize,
    most_refusing: usize,
    /// Frames which the session has taken and not written yet.
    unsent: AtomicUsize,
    waiting: Mutex<Waiting>,
    wake: Notify,
}

static NUMBERS: AtomicU64 = AtomicU64::new(1);

/// The number of the next session: every one that there is has a lower one.
pub(crate) fn next_number() -> u64 {
    NUMBERS.load(Ordering::SeqCst)
}

impl Mailbox {
    pub(crate) fn new(who: Sender, limits: &Limits) -> Arc<Self> {
        Arc::new(Self {
            number: NUMBERS.fetch_add(1, Ordering::SeqCst),
            who,
            queue: limits.session_queue,
            queue_bytes: limits.session_queue_bytes,
            most_refusing: limits.chats_per_account,
            unsent: AtomicUsize::new(0),
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

    /// Hands an entry over; `false` if the queue is full.
    pub(crate) fn push(&self, frame: Utf8Bytes) -> bool {
        self.push_until(frame, None)
    }

    /// Hands over what means something only now; `false` if the queue is full. Nobody is told of it later.
    pub(crate) fn push_live(&self, frame: Utf8Bytes) -> bool {
        self.push_until(frame, Some(Instant::now() + LIVE_FOR))
    }

    fn push_until(&self, frame: Utf8Bytes, until: Option<Instant>) -> bool {
        let mut waiting = self.lock();
        if waiting.bye.is_some() || !self.has_room(&waiting, frame.len(), 1) {
            return false;
        }
        waiting.live_bytes += frame.len();
        waiting.live.push_back((frame, until));
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
            waiting.live.push_back((frame, None));
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

    /// Hands a mark over, in the place of an older one. Past half of the queue's bytes the chat alone is remembered,
    /// and its marks are read when the session has room.
    pub(crate) fn mark(&self, chat: ChatId, from: DeviceId, scope: MarkScope, frame: Utf8Bytes) {
        let mut waiting = self.lock();
        let waiting = &mut *waiting;
        if waiting.unread_marks.contains(&chat) {
            return;
        }
        waiting.mark_bytes += frame.len();
        if let Some(older) = waiting.marks.insert((chat, from, scope), frame) {
            waiting.mark_bytes -= older.len();
        }
        if waiting.mark_bytes > self.queue_bytes / 2 {
            waiting.marks.retain(|(of, _, _), _| *of != chat);
            waiting.mark_bytes = waiting.marks.values().map(|frame| frame.len()).sum();
            waiting.unread_marks.insert(chat);
        }
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

    /// Why the session ends, if it does.
    pub(crate) fn bye(&self) -> Option<Bye> {
        self.lock().bye.clone()
    }

    /// Whether what the session has queued is thrown away, not executed: it was replaced, or its sign-in has ended
    /// (DELIVERY rule 19). When the relay stops it is carried out.
    pub(crate) fn discards(&self) -> bool {
        self.lock().bye.as_ref().is_some_and(|bye| !is_stopping(&bye.error))
    }

    /// Whether appends of the chat are refused until `resume`. These three are the writer's.
    pub(crate) fn refuses(&self, chat: ChatId) -> bool {
        self.lock().refusing.contains(&chat)
    }

    pub(crate) fn refuse(&self, chat: ChatId) {
        let mut waiting = self.lock();
        if waiting.refusing.len() >= self.most_refusing && !waiting.refusing.contains(&chat) {
            drop(waiting);
            self.close(ErrorBody::new(Code::LimitReached, "messages of too many chats were refused; connect again"));
            return;
        }
        waiting.refusing.insert(chat);
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
        let plain = |text: Utf8Bytes| Outgoing::from(Message::Text(text));
        let mut frames: VecDeque<Outgoing> = std::mem::take(&mut waiting.answers).into_iter().map(plain).collect();
        let live = std::mem::take(&mut waiting.live).into_iter();
        frames.extend(live.map(|(text, until)| Outgoing { message: Message::Text(text), until }));
        frames.extend(std::mem::take(&mut waiting.marks).into_values().map(plain));
        (waiting.live_bytes, waiting.mark_bytes) = (0, 0);
        Taken {
            changes: std::mem::take(&mut waiting.changes),
            frames,
            presence: std::mem::take(&mut waiting.presence).into_values().collect(),
            answered,
            topic_lost: std::mem::take(&mut waiting.topic_lost),
        }
    }

    /// The next log whose follower is behind.
    pub(crate) fn next_behind(&self) -> Option<LogId> {
        self.lock().behind.pop_front()
    }

    /// The next chat whose marks are to be read.
    pub(crate) fn next_unread_marks(&self) -> Option<ChatId> {
        let mut waiting = self.lock();
        let chat = waiting.unread_marks.iter().next().copied()?;
        waiting.unread_marks.remove(&chat);
        Some(chat)
    }

    /// The session has taken so many frames which its socket has not.
    pub(crate) fn set_unsent(&self, frames: usize) {
        self.unsent.store(frames, Ordering::Relaxed);
    }

    /// How much waits for the session in memory.
    pub(crate) fn load(&self) -> Load {
        let waiting = self.lock();
        let answers = waiting.answers.iter().map(|frame| frame.len()).sum::<usize>();
        Load {
            frames: waiting.live.len()
                + waiting.answers.len()
                + waiting.marks.len()
                + self.unsent.load(Ordering::Relaxed),
            bytes: waiting.live_bytes + waiting.mark_bytes + answers,
        }
    }
}

/// How much waits for a session in memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Load {
    /// Frames, also those which are being written.
    pub frames: usize,
    /// Bytes of those which are not being written yet.
    pub bytes: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mailbox(limits: &Limits) -> Arc<Mailbox> {
        Mailbox::new(Sender { account: AccountId::new(), device: DeviceId::new() }, limits)
    }

    #[test]
    fn marks_that_nobody_takes_cost_a_bounded_queue_and_their_chat_is_remembered() {
        let limits = Limits { session_queue_bytes: 256 * 1024, ..Limits::default() };
        let (mailbox, crowd, pair) = (mailbox(&limits), ChatId::new(), ChatId::new());
        let mark = Utf8Bytes::from("m".repeat(60_000));
        mailbox.mark(pair, DeviceId::new(), MarkScope::Chat, mark.clone());
        for _ in 0..600 {
            mailbox.mark(crowd, DeviceId::new(), MarkScope::Chat, mark.clone());
            assert!(mailbox.load().bytes <= limits.session_queue_bytes / 2);
        }
        assert_eq!(mailbox.take().frames.len(), 1, "the pair's is still there");
        assert_eq!((mailbox.next_unread_marks(), mailbox.next_unread_marks()), (Some(crowd), None));
        mailbox.mark(crowd, DeviceId::new(), MarkScope::Chat, mark);
        assert_eq!(mailbox.take().frames.len(), 1, "what comes after the reading has begun is handed over");
    }

    #[test]
    fn a_newer_mark_takes_the_place_of_the_older_one() {
        let (mailbox, chat, device) = (mailbox(&Limits::default()), ChatId::new(), DeviceId::new());
        for _ in 0..10_000 {
            mailbox.mark(chat, device, MarkScope::Chat, Utf8Bytes::from("m".repeat(1_000)));
        }
        assert_eq!(mailbox.load(), Load { frames: 1, bytes: 1_000 });
        assert_eq!(mailbox.next_unread_marks(), None);
    }

    #[test]
    fn a_signal_that_waited_for_too_long_is_not_sent_and_an_entry_is() {
        let mailbox = mailbox(&Limits::default());
        assert!(
            mailbox.push_live("signal".into()) && mailbox.push("entry".into()) && mailbox.push_live("typing".into())
        );
        let mut out = mailbox.take().frames;
        let later = Instant::now() + LIVE_FOR;
        assert_eq!(next_good(&mut out, || later), Some(Message::text("entry")));
        assert_eq!(next_good(&mut out, || later), None);
        assert!(mailbox.push_live("signal".into()));
        assert_eq!(next_good(&mut mailbox.take().frames, Instant::now), Some(Message::text("signal")));
    }

    #[test]
    fn refusals_of_chats_without_end_end_the_session() {
        let limits = Limits { chats_per_account: 10, ..Limits::default() };
        let mailbox = mailbox(&limits);
        let chats: Vec<ChatId> = (0..10).map(|_| ChatId::new()).collect();
        for chat in chats.iter().chain(&chats) {
            mailbox.refuse(*chat);
        }
        assert!(mailbox.bye().is_none());
        mailbox.refuse(ChatId::new());
        assert_eq!(mailbox.bye().map(|bye| bye.error.code), Some(Code::LimitReached));
        assert!(mailbox.discards());
    }
}
