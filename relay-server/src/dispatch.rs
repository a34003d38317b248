//! The one match on a client's frame.

use std::sync::Arc;

use parley_protocol::frames::{Ack, MarkScope};
use parley_protocol::topic::{check_name, check_pattern};
use parley_protocol::{ChatId, ClientFrame, Code, ErrorBody, LogId, RelayFrame};
use tokio::time::Instant;

use crate::session::{Marking, Session};
use crate::store::{Append, Job};

/// The most mark registers which wait in one session.
const MOST_MARKS: usize = 1_024;

impl Session {
    /// Carries one frame out.
    pub(crate) async fn dispatch(&mut self, frame: ClientFrame) {
        let who = self.mailbox.who;
        let slow_down = self.relay.rates.frames.take(who.account).err();
        // Acks and `resume` free what is held: they are never refused.
        let slow_down = slow_down.filter(|_| !matches!(frame, ClientFrame::Ack { .. } | ClientFrame::Resume { .. }));
        if slow_down.is_some() {
            self.pause();
        }
        // An append which comes too fast is refused in its turn, so that none behind it overtakes.
        if let ClientFrame::Append { chat, id, payload } = frame {
            self.in_flight += 1;
            let session = Arc::clone(&self.mailbox);
            let append = Append { session, from: who, chat, id, payload, refusal: slow_down };
            return self.submit(Job::Append(append)).await;
        }
        if let Some(error) = slow_down {
            return self.fail(request(&frame), error);
        }
        match frame {
            ClientFrame::Auth { .. } | ClientFrame::Hello { .. } => {
                self.fail(None, ErrorBody::new(Code::OutOfOrder, "`auth` and `hello` come first, and once"));
            }
            ClientFrame::Append { .. } => {}
            ClientFrame::Ack { logs } => self.ack(logs).await,
            ClientFrame::Resume { chat } => {
                let session = Arc::clone(&self.mailbox);
                self.submit(Job::Resume { session, chat }).await;
            }
            ClientFrame::Mark { chat, scope, mark } => self.mark(chat, scope, mark).await,
            ClientFrame::Typing { chat, on } => {
                if self.is_in(chat) {
                    self.relay.typing(who, chat, on);
                }
            }
            ClientFrame::Signal { chat, to, body } => {
                let sent = if self.is_in(chat) { self.relay.signal(who, chat, to, body) } else { Err(not_in(chat)) };
                if let Err(error) = sent {
                    self.send(&RelayFrame::Error { req: None, peer: Some(to), error });
                }
            }
            ClientFrame::Presence { state } => self.relay.set_activity(&self.mailbox, Some(state)),
            ClientFrame::Subscribe { req, patterns } => {
                let count = self.subscribe(patterns);
                self.done(req, count);
            }
            ClientFrame::Unsubscribe { req, patterns } => {
                for pattern in patterns {
                    if let Some(at) = self.patterns.iter().position(|known| *known == pattern) {
                        self.patterns.swap_remove(at);
                        self.relay.topics.unsubscribe(&pattern, &self.mailbox);
                    }
                }
                self.done(req, Ok(self.patterns.len() as u64));
            }
            ClientFrame::Publish { req, topic, data } => {
                let count = self.publish(topic, data);
                self.done(req, count);
            }
            ClientFrame::Subscribers { req, topic } => {
                let checked = check_name(&topic).map_err(|message| ErrorBody::new(Code::BadRequest, message));
                let count = checked.map(|()| self.relay.topics.subscribers(&topic));
                self.done(req, count);
            }
        }
    }

    fn fail(&mut self, req: Option<u64>, error: ErrorBody) {
        self.send(&RelayFrame::Error { req, peer: None, error });
    }

    fn done(&mut self, req: u64, count: Result<u64, ErrorBody>) {
        match count {
            Ok(count) => self.send(&RelayFrame::Done { req, count }),
            Err(error) => self.fail(Some(req), error),
        }
    }

    /// Whether the session takes part in the chat.
    fn is_in(&self, chat: ChatId) -> bool {
        self.follows.get(&LogId::from(chat)).is_some_and(|following| following.follower.is_member())
    }

    /// Positions beyond what was handed over are cut to it; logs which have no cursors at the relay are left out.
    async fn ack(&mut self, logs: Vec<Ack>) {
        let acks: Vec<Ack> = logs
            .into_iter()
            .filter_map(|ack| {
                let last = match self.follows.get(&ack.log) {
                    Some(following) => following.sealed.then(|| following.follower.last_handed()),
                    None => self.ended.get(&ack.log).copied(),
                };
                Some(Ack { seq: ack.seq.min(last?), ..ack })
            })
            .collect();
        if !acks.is_empty() {
            let device = self.mailbox.who.device;
            self.submit(Job::Acks { device, acks }).await;
        }
    }

    async fn mark(&mut self, chat: ChatId, scope: MarkScope, mark: String) {
        let most = self.relay.limits.mark_bytes;
        if mark.len() > most {
            let message = format!("the mark has {} bytes; at most {most} are allowed (mark_bytes)", mark.len());
            return self.fail(None, ErrorBody::new(Code::TooLarge, message));
        }
        if !self.is_in(chat) {
            return self.fail(None, not_in(chat));
        }
        let in_channel = self.follows.get(&LogId::from(chat)).is_some_and(|following| following.follower.is_channel());
        if in_channel && scope == MarkScope::Chat {
            let message = "in channels a mark goes to one's own devices alone (`own`)";
            return self.fail(None, ErrorBody::new(Code::BadRequest, message));
        }
        if let Some(marking) = self.marks.get_mut(&(chat, scope)) {
            marking.waits = Some(mark);
            return;
        }
        if self.marks.len() >= MOST_MARKS {
            let message = format!("at most {MOST_MARKS} marks at once");
            let error = ErrorBody::new(Code::LimitReached, message);
            return self.send(&RelayFrame::MarkRefused { chat, error });
        }
        self.marks.insert((chat, scope), Marking { since: Instant::now(), waits: None });
        self.submit(Job::Mark { session: self.mailbox.clone(), chat, scope, mark }).await;
    }

    /// When the next mark that waits is to be handed on.
    pub(crate) fn marks_due(&self) -> Option<Instant> {
        self.marks.values().map(|marking| marking.since + self.relay.limits.mark_interval).min()
    }

    /// Hands on the marks which have waited long enough.
    pub(crate) async fn send_marks(&mut self, now: Instant) {
        let interval = self.relay.limits.mark_interval;
        if self.marks.values().all(|marking| now < marking.since + interval) {
            return;
        }
        let mut due = Vec::new();
        self.marks.retain(|register, marking| {
            if now < marking.since + interval {
                return true;
            }
            marking.since = now;
            match marking.waits.take() {
                Some(mark) => {
                    due.push((*register, mark));
                    true
                }
                None => false,
            }
        });
        self.submit_marks(due).await;
    }

    /// Hands on every mark that waits: the session ends.
    pub(crate) async fn flush_marks(&mut self) {
        let marks = std::mem::take(&mut self.marks);
        let due = marks.into_iter().filter_map(|(register, marking)| Some((register, marking.waits?))).collect();
        self.submit_marks(due).await;
    }

    async fn submit_marks(&mut self, due: Vec<((ChatId, MarkScope), String)>) {
        for ((chat, scope), mark) in due {
            self.submit(Job::Mark { session: self.mailbox.clone(), chat, scope, mark }).await;
        }
    }

    fn subscribe(&mut self, patterns: Vec<String>) -> Result<u64, ErrorBody> {
        let most = self.relay.limits.subscriptions;
        for pattern in &patterns {
            check_pattern(pattern).map_err(|message| ErrorBody::new(Code::BadRequest, message))?;
        }
        let mut new: Vec<String> = patterns.into_iter().filter(|pattern| !self.patterns.contains(pattern)).collect();
        new.sort_unstable();
        new.dedup();
        if self.patterns.len() + new.len() > most {
            let message = format!("a session has at most {most} subscriptions here (subscriptions)");
            return Err(ErrorBody::new(Code::LimitReached, message));
        }
        for pattern in new {
            self.relay.topics.subscribe(&pattern, &self.mailbox);
            self.patterns.push(pattern);
        }
        Ok(self.patterns.len() as u64)
    }

    fn publish(&self, topic: String, data: String) -> Result<u64, ErrorBody> {
        check_name(&topic).map_err(|message| ErrorBody::new(Code::BadRequest, message))?;
        let most = self.relay.limits.topic_bytes;
        if data.len() > most {
            let message = format!("the message has {} bytes; at most {most} are allowed (topic_bytes)", data.len());
            return Err(ErrorBody::new(Code::TooLarge, message));
        }
        let who = self.mailbox.who;
        self.relay.rates.topics.take(who.account)?;
        Ok(self.relay.topics.publish(topic, who, data))
    }
}

fn not_in(chat: ChatId) -> ErrorBody {
    ErrorBody::new(Code::NotMember, format!("this device does not take part in the chat {chat}"))
}

/// The number by which a request is answered.
const fn request(frame: &ClientFrame) -> Option<u64> {
    match frame {
        ClientFrame::Subscribe { req, .. }
        | ClientFrame::Unsubscribe { req, .. }
        | ClientFrame::Publish { req, .. }
        | ClientFrame::Subscribers { req, .. } => Some(*req),
        _ => None,
    }
}
