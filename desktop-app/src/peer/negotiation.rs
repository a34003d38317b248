//! Which attempts at a link are begun, answered, dropped and taken over, for one peer. Pure: time, chance and fresh names are
//! given to it, and it answers with [`Step`]s.
//!
//! There is at most one attempt at a time. Its offer may cross with one of the peer: the offer of the smaller device id stands,
//! and the bigger drops its own and answers. Once an attempt has been answered, an offer from the
//! peer is newer than the answer, so it takes over. What belongs to no attempt we know is ignored, except for
//! candidates, which may come before their offer and are held.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

use super::{
    CloseReason, DeviceId, DialFailure, DownReason, LinkId,
    signal::{Candidate, Signal, SignalKind},
    step::{Ending, Step},
};

/// Candidates taken for one attempt. A machine has some ten addresses, each seen by some servers.
const MAX_CANDIDATES: usize = 32;

/// Candidates held whose offer hasn't come.
const MAX_EARLY: usize = 32;

/// Attempts remembered after their end, so that late signals for them do nothing.
const MAX_DEAD: usize = 32;

/// Each offer costs us a connection, so a peer may make this many at once, and one more a second.
const MAX_OFFERS: u32 = 8;
const OFFER_EVERY: Duration = Duration::from_secs(1);

/// An offer that meets ours this long after we made it was not sent at the same time: ours has been lost, or the peer
/// was not there.
const CROSSING: Duration = Duration::from_millis(500);

/// A link which broke sooner counts as a failed attempt, so that one which cannot last isn't made over and over.
const SOUND_AFTER: Duration = Duration::from_secs(10);

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

#[derive(Debug)]
struct Attempt {
    link: LinkId,
    since: Instant,
    /// Ours, and the peer hasn't answered yet.
    awaits_answer: bool,
    /// What came before the answer.
    held: Vec<Candidate>,
    /// All that were taken.
    candidates: usize,
}

#[derive(Debug)]
struct Current {
    link: LinkId,
    since: Instant,
}

/// What exists between this device and one peer.
#[derive(Debug)]
pub(super) struct Negotiation {
    me: DeviceId,
    peer: DeviceId,
    wished: bool,
    attempt: Option<Attempt>,
    current: Option<Current>,
    /// Open, and waits until the one it replaces is gone.
    next: Option<LinkId>,
    early: VecDeque<(LinkId, Candidate)>,
    dead: VecDeque<LinkId>,
    failures: u32,
    retry_at: Option<Instant>,
    last_ended: Option<Instant>,
    offers: u32,
    offers_since: Instant,
}

impl Negotiation {
    pub(super) fn new(now: Instant, me: DeviceId, peer: DeviceId) -> Self {
        Self {
            me,
            peer,
            wished: false,
            attempt: None,
            current: None,
            next: None,
            early: VecDeque::new(),
            dead: VecDeque::new(),
            failures: 0,
            retry_at: None,
            last_ended: None,
            offers: 0,
            offers_since: now,
        }
    }

    /// The link which frames go by.
    pub(super) fn current(&self) -> Option<LinkId> {
        self.current.as_ref().map(|current| current.link)
    }

    /// A link exists, is being made, or is wished for.
    pub(super) fn is_live(&self) -> bool {
        self.wished || self.has_link()
    }

    fn has_link(&self) -> bool {
        self.attempt.is_some() || self.current.is_some() || self.next.is_some()
    }

    /// When [`Self::due`] has something to do.
    pub(super) fn retry_at(&self) -> Option<Instant> {
        self.retry_at
    }

    /// The engine wishes for a link. While we pause between attempts, this shortens the pause to
    /// the shortest.
    pub(super) fn dial(&mut self, now: Instant, fresh: LinkId) -> Vec<Step> {
        self.wished = true;
        if self.has_link() {
            return Vec::new();
        }
        let earliest = self.last_ended.map_or(now, |ended| ended + FIRST_PAUSE);
        match &mut self.retry_at {
            Some(at) => {
                *at = earliest.min(*at);
                Vec::new()
            }
            None => vec![self.offer(now, fresh)],
        }
    }

    /// It is time for another attempt.
    pub(super) fn due(&mut self, now: Instant, fresh: LinkId) -> Vec<Step> {
        if self.retry_at.is_none_or(|at| at > now) {
            return Vec::new();
        }
        self.retry_at = None;
        if !self.wished || self.has_link() {
            return Vec::new();
        }
        vec![self.offer(now, fresh)]
    }

    /// The network is another: make a fresh link beside what exists.
    pub(super) fn replace(&mut self, now: Instant, fresh: LinkId) -> Vec<Step> {
        if !self.is_live() {
            return Vec::new();
        }
        self.failures = 0;
        let mut steps = self.drop_attempt(Some(CloseReason::Replaced));
        steps.push(self.offer(now, fresh));
        steps
    }

    /// The engine wants no link.
    pub(super) fn close(&mut self, reason: CloseReason) -> Vec<Step> {
        self.wished = false;
        self.retry_at = None;
        let mut steps = self.drop_attempt(Some(reason));
        let open = self.next.take().into_iter().chain(self.current());
        steps.extend(open.map(|link| Step::close(link, DownReason::Closed(reason), Some(reason))));
        steps
    }

    /// The peer has signalled.
    pub(super) fn signal(&mut self, now: Instant, signal: Signal) -> Vec<Step> {
        let link = signal.link;
        if self.dead.contains(&link) {
            // The peer waits for what will not come.
            let answer = matches!(signal.kind, SignalKind::Answer { .. });
            return answer
                .then(|| Step::close(link, DownReason::Replaced, Some(CloseReason::Replaced)))
                .into_iter()
                .collect();
        }
        match signal.kind {
            SignalKind::Offer { sdp } => self.offered(now, link, sdp),
            SignalKind::Answer { sdp } => self.answered(link, sdp),
            SignalKind::Candidate { candidate } => self.candidate(link, candidate),
            SignalKind::Bye { reason } => self.bye(now, link, reason),
        }
    }

    fn offered(&mut self, now: Instant, link: LinkId, sdp: String) -> Vec<Step> {
        if self.knows(link) || !self.may_offer(now) {
            return Vec::new();
        }
        let ours = self.attempt.as_ref().filter(|attempt| attempt.awaits_answer);
        if let Some((ours, since)) = ours.map(|ours| (ours.link, ours.since))
            && self.me < self.peer
        {
            self.bury(link);
            let lost = now.duration_since(since) >= CROSSING;
            return lost.then_some(Step::OfferAgain(ours)).into_iter().collect();
        }
        // An unanswered offer needs no bye: the peer sees the offers cross as we do.
        let answered = self.attempt.as_ref().is_some_and(|attempt| !attempt.awaits_answer);
        let mut steps = self.drop_attempt(answered.then_some(CloseReason::Replaced));
        let (ours, others) = self.early.drain(..).partition(|(of, _)| *of == link);
        self.early = others;
        let candidates = VecDeque::into_iter(ours).map(|(_, candidate)| candidate);
        let candidates: Vec<_> = candidates.collect();
        self.attempt =
            Some(Attempt { link, since: now, awaits_answer: false, held: Vec::new(), candidates: candidates.len() });
        self.retry_at = None;
        steps.push(Step::Answer { link, sdp, candidates });
        steps
    }

    fn answered(&mut self, link: LinkId, sdp: String) -> Vec<Step> {
        match &mut self.attempt {
            Some(attempt) if attempt.link == link && attempt.awaits_answer => {
                attempt.awaits_answer = false;
                let candidates = std::mem::take(&mut attempt.held);
                vec![Step::Answered { link, sdp, candidates }]
            }
            _ => Vec::new(),
        }
    }

    fn candidate(&mut self, link: LinkId, candidate: Candidate) -> Vec<Step> {
        let known = self.knows(link);
        match &mut self.attempt {
            Some(attempt) if attempt.link == link => {
                if attempt.candidates >= MAX_CANDIDATES {
                    return Vec::new();
                }
                attempt.candidates += 1;
                if attempt.awaits_answer {
                    attempt.held.push(candidate);
                    return Vec::new();
                }
                vec![Step::Candidate { link, candidate }]
            }
            // An open link has found its way without it.
            _ if known => Vec::new(),
            _ => {
                if self.early.len() >= MAX_EARLY {
                    self.early.pop_front();
                }
                self.early.push_back((link, candidate));
                Vec::new()
            }
        }
    }

    fn bye(&mut self, now: Instant, link: LinkId, reason: CloseReason) -> Vec<Step> {
        if self.attempt.as_ref().is_some_and(|attempt| attempt.link == link) {
            let mut steps = self.drop_attempt(None);
            match reason {
                // The peer's own offer follows; ours, should it not.
                CloseReason::Replaced => self.pause(now, FIRST_PAUSE),
                CloseReason::Fault => {
                    steps.extend(self.failed(now, DialFailure::Setup, 1.0));
                }
                _ => steps.extend(self.failed(now, DialFailure::Refused, 1.0)),
            }
            return steps;
        }
        if self.knows(link) {
            if reason.ends_the_wish() {
                self.given_up(link);
            }
            return vec![Step::close(link, DownReason::ClosedByPeer(reason), None)];
        }
        // It may have overtaken its offer.
        self.bury(link);
        Vec::new()
    }

    /// The channel of this link is open.
    pub(super) fn opened(&mut self, now: Instant, link: LinkId) -> Vec<Step> {
        if self.attempt.as_ref().is_none_or(|attempt| attempt.link != link) {
            return Vec::new();
        }
        self.attempt = None;
        let Some(current) = &self.current else {
            return vec![self.promote(now, link)];
        };
        let replaced = Some(CloseReason::Replaced);
        let mut steps = vec![Step::close(current.link, DownReason::Replaced, replaced)];
        if let Some(passed_over) = self.next.replace(link) {
            steps.push(Step::close(passed_over, DownReason::Replaced, replaced));
        }
        steps
    }

    /// This link is about to end on purpose, and not because the engine asked: whoever closes a link should not find it again a
    /// moment later. To be told before the engine hears of the end, since it may wish anew as soon as it does.
    pub(super) fn given_up(&mut self, link: LinkId) {
        if self.current() == Some(link) {
            self.wished = false;
        }
    }

    /// This connection has ended. `chance` is from 0 to 1.
    pub(super) fn ended(&mut self, now: Instant, link: LinkId, ending: Ending, chance: f64) -> Vec<Step> {
        self.bury(link);
        if self.attempt.as_ref().is_some_and(|attempt| attempt.link == link) {
            self.attempt = None;
            let reason = match ending {
                Ending::Failed(reason) => reason,
                Ending::Down(_) => DialFailure::NoPath,
            };
            return self.failed(now, reason, chance);
        }
        if self.next == Some(link) {
            self.next = None;
            return Vec::new();
        }
        let Some(current) = self.current.take_if(|current| current.link == link) else {
            return Vec::new();
        };
        if let Some(next) = self.next.take() {
            return vec![self.promote(now, next)];
        }
        self.last_ended = Some(now);
        let sound = now.duration_since(current.since) >= SOUND_AFTER;
        self.failures = match ending {
            Ending::Down(DownReason::Closed(_)) => 0,
            Ending::Down(DownReason::ClosedByPeer(reason)) if reason.ends_the_wish() => 0,
            _ if sound => 0,
            _ => self.failures + 1,
        };
        self.pause(now, pause(self.failures, chance));
        Vec::new()
    }

    fn offer(&mut self, now: Instant, link: LinkId) -> Step {
        self.retry_at = None;
        self.attempt = Some(Attempt { link, since: now, awaits_answer: true, held: Vec::new(), candidates: 0 });
        Step::Offer(link)
    }

    fn promote(&mut self, now: Instant, link: LinkId) -> Step {
        self.current = Some(Current { link, since: now });
        self.retry_at = None;
        Step::Promote(link)
    }

    fn drop_attempt(&mut self, tell: Option<CloseReason>) -> Vec<Step> {
        let Some(attempt) = self.attempt.take() else {
            return Vec::new();
        };
        self.bury(attempt.link);
        vec![Step::close(attempt.link, DownReason::Replaced, tell)]
    }

    fn failed(&mut self, now: Instant, reason: DialFailure, chance: f64) -> Vec<Step> {
        if !self.wished {
            return Vec::new();
        }
        if matches!(reason, DialFailure::Refused | DialFailure::Limit) {
            self.wished = false;
        }
        self.last_ended = Some(now);
        self.failures += 1;
        self.pause(now, pause(self.failures, chance));
        vec![Step::Failed(reason)]
    }

    fn pause(&mut self, now: Instant, pause: Duration) {
        self.retry_at = (self.wished && !self.has_link()).then(|| now + pause);
    }

    fn knows(&self, link: LinkId) -> bool {
        self.attempt.as_ref().is_some_and(|attempt| attempt.link == link)
            || self.current() == Some(link)
            || self.next == Some(link)
    }

    fn bury(&mut self, link: LinkId) {
        if self.dead.contains(&link) {
            return;
        }
        if self.dead.len() >= MAX_DEAD {
            self.dead.pop_front();
        }
        self.dead.push_back(link);
        self.early.retain(|(of, _)| *of != link);
    }

    fn may_offer(&mut self, now: Instant) -> bool {
        let passed = now.duration_since(self.offers_since).as_millis() / OFFER_EVERY.as_millis();
        if passed > 0 {
            self.offers = self.offers.saturating_sub(u32::try_from(passed).unwrap_or(u32::MAX));
            self.offers_since = now;
        }
        let may = self.offers < MAX_OFFERS;
        self.offers += u32::from(may);
        may
    }
}

/// How long to wait after so many failures: at once after none, then 1, 2, 4 … 60 s, from half to all of it by chance,
/// so that two sides, or many peers of one that went away, do not meet again and again.
fn pause(failures: u32, chance: f64) -> Duration {
    let whole = match failures {
        0 => return Duration::from_millis(50).mul_f64(chance.clamp(0.0, 1.0)),
        failures => FIRST_PAUSE.saturating_mul(1 << (failures - 1).min(6)).min(LONGEST_PAUSE),
    };
    whole.mul_f64(0.5 + chance.clamp(0.0, 1.0) / 2.0)
}

#[cfg(test)]
#[path = "negotiation_tests.rs"]
mod tests;
