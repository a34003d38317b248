//! What a session reads when it has nothing else to send: pages of logs it is behind in, marks, presence.

use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use parley_protocol::frames::{Cursor, Gone, GoneReason, LogStart, LogView, Presence};
use parley_protocol::{ChatId, ChatKind, EntryId, ErrorBody, LogId, RelayFrame};
use tokio_tungstenite::tungstenite::Message;

use crate::feeds::{LogKind, Want};
use crate::hello::{Stands, stand_again};
use crate::log::{Marks, Page, Reader, Register, Standing, marks_of, page, seen_by};
use crate::mailbox::Change;
use crate::session::{Following, Session};

/// One thing to read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Work {
    /// The next page of a log.
    Log(LogId),
    /// The next mark registers of a chat, behind the last one that was read.
    Marks { chat: ChatId, after: Option<Register> },
    /// Nothing: that the marks which stood at the beginning have been sent.
    MarksEnd,
    /// The presence of everybody around.
    Presence,
}

/// What was read.
pub(crate) enum Found {
    Page { log: LogId, page: Result<Page, ErrorBody> },
    Stands { log: LogId, stands: Result<Stands, ErrorBody> },
    Marks { chat: ChatId, marks: Result<Marks, ErrorBody> },
    Presence(Vec<Presence>),
}

impl Session {
    /// What a new session reads after its `welcome`.
    pub(crate) fn plan(&mut self) {
        for (log, following) in &self.follows {
            if let LogKind::Chat(_) = following.follower.kind {
                self.work.push_back(Work::Marks { chat: log.chat(), after: None });
            }
            if !following.caught_up {
                self.work.push_back(Work::Log(*log));
            }
        }
        self.work.push_back(Work::MarksEnd);
        self.work.push_back(Work::Presence);
    }

    /// Begins to read the next thing, if there is one.
    pub(crate) fn next_work(&mut self) -> Option<BoxFuture<'static, Found>> {
        loop {
            while let Some(log) = self.mailbox.next_behind() {
                self.work.push_back(Work::Log(log));
            }
            // One chat at a time: the others wait in the mailbox, each once.
            if !self.work.iter().any(|work| matches!(work, Work::Marks { .. }))
                && let Some(chat) = self.mailbox.next_unread_marks()
            {
                self.work.push_back(Work::Marks { chat, after: None });
            }
            let relay = Arc::clone(&self.relay);
            let who = self.mailbox.who;
            match self.work.pop_front()? {
                Work::MarksEnd => self.send(&RelayFrame::MarksEnd),
                Work::Presence => {
                    return Some(async move { Found::Presence(relay.presence_around(who.account).await) }.boxed());
                }
                Work::Marks { chat, after } => {
                    if !self.follows.contains_key(&chat.into()) {
                        continue;
                    }
                    let read = async move {
                        let limits = Arc::clone(&relay.limits);
                        let marks = relay.store().read(move |sql| marks_of(sql, chat, who, after, &limits)).await;
                        Found::Marks { chat, marks }
                    };
                    return Some(read.boxed());
                }
                Work::Log(log) => {
                    let Some(following) = self.follows.get(&log) else {
                        continue;
                    };
                    let (next, until) = match following.follower.want() {
                        // The device may have been brought back, while it was away or just now.
                        Want::Ended if following.sealed => {
                            return Some(self.stand(log, following.follower.last_handed()));
                        }
                        Want::Ended => {
                            self.ended(log, GoneReason::NotMember);
                            continue;
                        }
                        Want::From { next, .. } if following.fresh => {
                            return Some(self.stand(log, next.saturating_sub(1)));
                        }
                        Want::From { next, until } => (next, until),
                    };
                    let tail = if until.is_none() { following.feed.tail_from(next) } else { Vec::new() };
                    if !tail.is_empty() {
                        let head = tail.last().map_or(0, |(seq, _)| *seq);
                        let page = Ok(Page { entries: tail, head, until: None });
                        return Some(std::future::ready(Found::Page { log, page }).boxed());
                    }
                    let reader = match following.follower.kind {
                        LogKind::Chat(_) => Some(Reader { who, sealed: following.sealed }),
                        LogKind::Inbox => None,
                    };
                    let read = async move {
                        let limits = Arc::clone(&relay.limits);
                        let page = relay.store().read(move |sql| page(sql, log, next, until, reader, &limits)).await;
                        Found::Page { log, page }
                    };
                    return Some(read.boxed());
                }
            }
        }
    }

    /// Reads where the session stands in a chat now, of which it was handed everything up to `seq`.
    fn stand(&self, log: LogId, seq: u64) -> BoxFuture<'static, Found> {
        let (relay, who) = (Arc::clone(&self.relay), self.mailbox.who);
        // The nil entry is not compared as long as nothing behind it is asked for.
        let cursor = Cursor { seq, entry: EntryId::nil() };
        async move {
            let stands = relay.store().read(move |sql| stand_again(sql, who, log.chat(), cursor)).await;
            Found::Stands { log, stands }
        }
        .boxed()
    }

    /// Takes in what was read.
    pub(crate) fn found(&mut self, found: Found) {
        match found {
            Found::Presence(presences) => {
                for presence in presences {
                    self.send(&RelayFrame::Presence(presence));
                }
            }
            Found::Marks { chat, marks: Ok(marks) } => {
                marks.frames.into_iter().for_each(|frame| self.send_text(frame));
                if marks.next.is_some() {
                    self.work.push_front(Work::Marks { chat, after: marks.next });
                }
            }
            Found::Page { log, page: Ok(page) } => self.hand_over(log, page),
            Found::Stands { log, stands: Ok(stands) } => self.stands(log, stands),
            // What cannot be read now can be read by a session that begins again.
            Found::Marks { marks: Err(error), .. }
            | Found::Page { page: Err(error), .. }
            | Found::Stands { stands: Err(error), .. } => {
                self.mailbox.close(error);
            }
        }
    }

    fn hand_over(&mut self, log: LogId, page: Page) {
        let Some(following) = self.follows.get_mut(&log) else {
            return;
        };
        // The fan-out may have yet to tell of an end which the page was read behind.
        following.follower.limit(page.until);
        let Want::From { next, until } = following.follower.want() else {
            self.work.push_front(Work::Log(log));
            return;
        };
        let first = page.entries.first().map(|(seq, _)| *seq);
        let owed = until.map_or(page.head, |until| until.min(page.head));
        if first.is_some_and(|first| first > next) || (first.is_none() && owed >= next) {
            // Trimmed while it was being read, which takes a device that had acked more than it says now.
            following.fresh = true;
            self.work.push_front(Work::Log(log));
            return;
        }
        let following = &*following;
        // The end may have come while the page was read.
        for (seq, frame) in page.entries.into_iter().take_while(|(seq, _)| until.is_none_or(|until| *seq <= until)) {
            following.follower.handed(seq);
            self.out.push_back(Message::Text(frame).into());
        }
        following.feed.raise(page.head);
        if !following.feed.try_live(&following.follower) {
            // At the end of the line, so that one long log does not keep the others waiting.
            self.work.push_back(Work::Log(log));
        }
    }

    fn stands(&mut self, log: LogId, stands: Stands) {
        let Some(following) = self.follows.get_mut(&log) else {
            return;
        };
        match stands {
            Err(reason) => self.ended(log, reason),
            Ok(Standing { view, until }) if following.sealed && following.follower.want() == Want::Ended => {
                self.go_on(log, view, until);
            }
            Ok(Standing { view, until }) => {
                following.fresh = false;
                if view.start == LogStart::Trimmed {
                    following.follower.start(view.position.seq + 1, until);
                    self.send(&RelayFrame::Log(view));
                } else {
                    following.follower.limit(until);
                }
                self.work.push_back(Work::Log(log));
            }
        }
    }

    /// A chat which the session joined, or which is gone.
    pub(crate) fn change(&mut self, change: Change) {
        match change {
            Change::Deleted { chat } => {
                if self.follows.contains_key(&chat.into()) {
                    self.rejoins.remove(&chat.into());
                    self.ended(chat.into(), GoneReason::Deleted);
                }
            }
            Change::Joined { at, state } => {
                let (log, who) = (LogId::from(state.id), self.mailbox.who);
                if let Some(following) = self.follows.get(&log) {
                    if !following.follower.is_member() {
                        // The earliest: later ones are read in the log's turn.
                        self.rejoins.entry(log).or_insert(Change::Joined { at, state });
                    }
                    return;
                }
                let takes_part = match state.members.get(&who.account) {
                    Some(member) => !state.sealed || member.devices.contains(&who.device),
                    None => false,
                };
                if !takes_part {
                    return;
                }
                let chat = Some(seen_by(&state, who.account));
                let start = LogStart::Started;
                let view = LogView { log, start, position: at, head: at.seq, trimmed: None, chat };
                self.follow_from(at.seq + 1, None, &view, LogKind::Chat(state.kind), state.sealed);
                self.tell_start(view, state.kind);
            }
        }
    }

    /// The session has taken the end of a stay, and the device has another one.
    fn go_on(&mut self, log: LogId, view: LogView, until: Option<u64>) {
        let Some(Following { follower, sealed, .. }) = self.follows.get(&log) else {
            return;
        };
        let (handed, kind, sealed) = (follower.last_handed(), follower.kind, *sealed);
        self.rejoins.remove(&log);
        if let (LogStart::Started | LogStart::Trimmed, LogKind::Chat(chat_kind)) = (view.start, kind) {
            self.follow_from(view.position.seq + 1, until, &view, kind, sealed);
            self.tell_start(view, chat_kind);
        } else {
            // The end was that of an earlier stay, told late.
            self.follow_from(handed + 1, until, &view, kind, sealed);
        }
    }

    /// Follows a log from here on; an older follower of it is replaced. Where the session stands is read once more
    /// before anything is handed over, so that no end is missed which came before the follower was there.
    fn follow_from(&mut self, next: u64, until: Option<u64>, view: &LogView, kind: LogKind, sealed: bool) {
        let mut following = Following::begin(&self.relay, &self.mailbox, view.log, kind, sealed);
        following.follower.start(next, until);
        following.feed.raise(view.head);
        following.fresh = true;
        self.follows.insert(view.log, following);
        self.ended.remove(&view.log);
        self.work.push_back(Work::Log(view.log));
    }

    /// Tells the client where a chat begins, and then what else it is to know of it.
    fn tell_start(&mut self, view: LogView, kind: ChatKind) {
        self.work.push_back(Work::Marks { chat: view.log.chat(), after: None });
        self.send(&RelayFrame::Log(view));
        if kind != ChatKind::PublicChannel {
            self.work.push_back(Work::Presence);
            self.relay.tell_presence_again(self.mailbox.who.account);
        }
    }

    /// The session follows the log no more; or from another place on, if it was brought in again.
    fn ended(&mut self, log: LogId, reason: GoneReason) {
        let mut handed = 0;
        if let Some(following) = self.follows.remove(&log) {
            following.leave(&self.relay);
            handed = following.follower.last_handed();
            if following.sealed && reason == GoneReason::NotMember {
                self.ended.insert(log, handed);
            }
        }
        match self.rejoins.remove(&log) {
            Some(Change::Joined { at, state }) if at.seq > handed => self.change(Change::Joined { at, state }),
            _ => self.send(&RelayFrame::Gone(Gone { chat: log.chat(), reason })),
        }
    }
}
