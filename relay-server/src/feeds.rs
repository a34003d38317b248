//! Logs which somebody follows now: the followers, how far each was handed, and the newest entries.
//!
//! Catch-up and live are one thing (DELIVERY rule 11). A follower has, under one lock, the `next` entry it is to be
//! handed and whether it is *behind*. The fan-out hands over only the entry right after the last one handed, and
//! only if the session's queue has room; otherwise the follower is behind, and the session's own task reads pages
//! from the log until it is not. The head is raised *before* the fan-out takes a follower's lock, and compared *under*
//! it when a follower wants to be live again: so an entry is either seen by that comparison or handed by the fan-out.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use dashmap::DashMap;
use parley_protocol::{AccountId, ChatKind, DeviceId, LogId};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::mailbox::Mailbox;

/// The newest entries of a followed log which are kept in memory,
const TAIL: usize = 100;
/// and how many bytes of them.
const TAIL_BYTES: usize = 256 * 1024;

/// What a log is to those who follow it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum LogKind {
    Inbox,
    Chat(ChatKind),
}

/// One session in one log.
pub(crate) struct Follower {
    pub(crate) log: LogId,
    pub(crate) kind: LogKind,
    pub(crate) mailbox: Arc<Mailbox>,
    place: Mutex<Place>,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    next: u64,
    behind: bool,
    until: Option<u64>,
}

/// What a follower is to be given next from the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Want {
    /// Entries from here on, up to the last one it may see.
    From { next: u64, until: Option<u64> },
    /// Nothing: it has seen the last one.
    Ended,
}

impl Follower {
    fn place(&self) -> std::sync::MutexGuard<'_, Place> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets where it begins; it stays behind until [`Feed::try_live`] says otherwise.
    pub(crate) fn start(&self, next: u64, until: Option<u64>) {
        self.place().next = next;
        self.limit(until);
    }

    /// It sees nothing beyond this entry, if there is one.
    pub(crate) fn limit(&self, until: Option<u64>) {
        let mut place = self.place();
        place.until = match (place.until, until) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
    }

    pub(crate) fn want(&self) -> Want {
        let Place { next, until, .. } = *self.place();
        if until.is_some_and(|until| next > until) { Want::Ended } else { Want::From { next, until } }
    }

    /// Whether the log is a channel's.
    pub(crate) fn is_channel(&self) -> bool {
        matches!(self.kind, LogKind::Chat(kind) if kind.is_channel())
    }

    /// Whether it takes part still.
    pub(crate) fn is_member(&self) -> bool {
        self.place().until.is_none()
    }

    /// Entries up to this one were handed to the session's socket.
    pub(crate) fn handed(&self, seq: u64) {
        let mut place = self.place();
        place.next = place.next.max(seq + 1);
    }

    /// The last entry which was handed over: no ack goes beyond.
    pub(crate) fn last_handed(&self) -> u64 {
        self.place().next.saturating_sub(1)
    }
}

/// One log's followers.
pub(crate) struct Feed {
    head: AtomicU64,
    followers: RwLock<HashMap<DeviceId, Arc<Follower>>>,
    tail: Mutex<Tail>,
}

/// The newest entries, without gaps.
#[derive(Default)]
struct Tail {
    entries: VecDeque<(u64, Utf8Bytes)>,
    bytes: usize,
}

impl Tail {
    fn push(&mut self, seq: u64, frame: Utf8Bytes) {
        if self.entries.back().is_some_and(|(last, _)| last + 1 != seq) {
            *self = Self::default();
        }
        self.bytes += frame.len();
        self.entries.push_back((seq, frame));
        while self.entries.len() > TAIL || self.bytes > TAIL_BYTES {
            let Some((_, oldest)) = self.entries.pop_front() else { break };
            self.bytes -= oldest.len();
        }
    }

    fn replace(&mut self, seq: u64, frame: Utf8Bytes) {
        if let Some((_, kept)) = self.entries.iter_mut().find(|(known, _)| *known == seq) {
            self.bytes = self.bytes + frame.len() - kept.len();
            *kept = frame;
        }
    }
}

impl Feed {
    fn new() -> Self {
        Self { head: AtomicU64::new(0), followers: RwLock::default(), tail: Mutex::default() }
    }

    /// The database's head, as read after the follower was added.
    pub(crate) fn raise(&self, head: u64) {
        self.head.fetch_max(head, Ordering::SeqCst);
    }

    /// Lets a follower be live if nothing is before it; `false` while it is behind.
    pub(crate) fn try_live(&self, follower: &Follower) -> bool {
        let mut place = follower.place();
        if place.until.is_some() || self.head.load(Ordering::SeqCst) >= place.next {
            return false;
        }
        place.behind = false;
        true
    }

    /// Those of the newest entries that begin exactly at `next`.
    pub(crate) fn tail_from(&self, next: u64) -> Vec<(u64, Utf8Bytes)> {
        let tail = self.tail();
        match tail.entries.front() {
            Some((first, _)) if *first <= next => {
                tail.entries.iter().filter(|(seq, _)| *seq >= next).cloned().collect()
            }
            _ => Vec::new(),
        }
    }

    fn tail(&self) -> std::sync::MutexGuard<'_, Tail> {
        self.tail.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn publish(&self, seq: u64, frame: &Utf8Bytes) {
        self.tail().push(seq, frame.clone());
        self.head.fetch_max(seq, Ordering::SeqCst);
        for follower in self.followers.read().unwrap_or_else(PoisonError::into_inner).values() {
            let mut place = follower.place();
            if place.behind || seq < place.next {
                continue;
            }
            if seq == place.next && follower.mailbox.push(frame.clone()) {
                place.next = seq + 1;
                continue;
            }
            place.behind = true;
            drop(place);
            metrics::counter!("parley_behind_total").increment(1);
            follower.mailbox.behind(follower.log);
        }
    }
}

/// Every log which somebody follows.
#[derive(Default)]
pub(crate) struct Feeds {
    feeds: DashMap<LogId, Arc<Feed>>,
}

impl Feeds {
    /// Adds a follower. It is behind, and handed nothing, until its session has read where the log stands.
    pub(crate) fn follow(&self, log: LogId, kind: LogKind, mailbox: &Arc<Mailbox>) -> (Arc<Feed>, Arc<Follower>) {
        let place = Place { next: u64::MAX, behind: true, until: None };
        let follower = Arc::new(Follower { log, kind, mailbox: Arc::clone(mailbox), place: Mutex::new(place) });
        // Under the map's guard, so that the feed cannot be removed as empty meanwhile.
        let feed = self.feeds.entry(log).or_insert_with(|| Arc::new(Feed::new()));
        let mut followers = feed.followers.write().unwrap_or_else(PoisonError::into_inner);
        followers.insert(mailbox.who.device, Arc::clone(&follower));
        drop(followers);
        (Arc::clone(&feed), follower)
    }

    /// Takes a follower out, unless a newer session of the device has its place.
    pub(crate) fn leave(&self, follower: &Follower) {
        let device = follower.mailbox.who.device;
        if let Some(feed) = self.get(follower.log) {
            let mut followers = feed.followers.write().unwrap_or_else(PoisonError::into_inner);
            if followers.get(&device).is_some_and(|current| current.mailbox.number == follower.mailbox.number) {
                followers.remove(&device);
            }
        }
        self.feeds.remove_if(&follower.log, |_, feed| {
            feed.followers.read().unwrap_or_else(PoisonError::into_inner).is_empty()
        });
    }

    fn get(&self, log: LogId) -> Option<Arc<Feed>> {
        self.feeds.get(&log).map(|feed| Arc::clone(&feed))
    }

    /// Who follows the log now.
    pub(crate) fn followers(&self, log: LogId) -> Vec<Arc<Follower>> {
        let Some(feed) = self.get(log) else {
            return Vec::new();
        };
        feed.followers.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// The session of a device in the log, if it follows it now.
    pub(crate) fn follower(&self, log: LogId, device: DeviceId) -> Option<Arc<Follower>> {
        let feed = self.get(log)?;
        let followers = feed.followers.read().unwrap_or_else(PoisonError::into_inner);
        followers.get(&device).cloned()
    }

    pub(crate) fn publish(&self, log: LogId, seq: u64, frame: &Utf8Bytes) {
        if let Some(feed) = self.get(log) {
            feed.publish(seq, frame);
        }
    }

    /// Puts the emptied entry in the place of the one with its words.
    pub(crate) fn empty(&self, log: LogId, seq: u64, frame: Utf8Bytes) {
        if let Some(feed) = self.get(log) {
            feed.tail().replace(seq, frame);
        }
    }

    /// The newest entries of a log, without gaps; none if nobody follows it.
    pub(crate) fn tail(&self, log: LogId) -> Vec<(u64, Utf8Bytes)> {
        self.get(log).map_or_else(Vec::new, |feed| feed.tail().entries.iter().cloned().collect())
    }

    /// The account's sessions (or that of one device) see nothing beyond `seq`; their own tasks hand over what is
    /// left, and say goodbye.
    pub(crate) fn end(&self, log: LogId, account: AccountId, device: Option<DeviceId>, seq: u64) {
        for follower in self.followers(log) {
            let who = follower.mailbox.who;
            if who.account != account || device.is_some_and(|device| device != who.device) {
                continue;
            }
            let mut place = follower.place();
            // One that has not taken an earlier end yet sees nothing of what came between.
            place.until = Some(place.until.map_or(seq, |until| until.min(seq)));
            let was_live = !std::mem::replace(&mut place.behind, true);
            drop(place);
            if was_live {
                follower.mailbox.behind(log);
            }
        }
    }

    /// Removes the log with its followers, who are handed nothing more.
    pub(crate) fn remove(&self, log: LogId) -> Vec<Arc<Follower>> {
        let followers = self.followers(log);
        for follower in &followers {
            follower.place().behind = true;
        }
        self.feeds.remove(&log);
        followers
    }
}
