use std::collections::BTreeMap;

use rand::{Rng, SeedableRng, rngs::StdRng};
use uuid::Uuid;

use super::*;

fn device(number: u128) -> DeviceId {
    DeviceId(Uuid::from_u128(number))
}

fn small(now: Instant) -> Negotiation {
    Negotiation::new(now, device(1), device(2))
}

fn big(now: Instant) -> Negotiation {
    Negotiation::new(now, device(2), device(1))
}

fn offer(link: u64) -> Signal {
    Signal { link: LinkId(link), kind: SignalKind::Offer { sdp: String::new() } }
}

fn answer(link: u64) -> Signal {
    Signal { link: LinkId(link), kind: SignalKind::Answer { sdp: String::new() } }
}

fn candidate(link: u64) -> Signal {
    Signal { link: LinkId(link), kind: SignalKind::Candidate { candidate: Candidate(String::new()) } }
}

fn answering(link: u64) -> Step {
    Step::Answer { link: LinkId(link), sdp: String::new(), candidates: Vec::new() }
}

fn dropping(link: u64, tell: Option<CloseReason>) -> Step {
    Step::close(LinkId(link), DownReason::Replaced, tell)
}

/// A negotiation whose link 1 is current.
fn linked(now: Instant) -> Negotiation {
    let mut negotiation = small(now);
    negotiation.dial(now, LinkId(1));
    negotiation.signal(now, answer(1));
    assert_eq!(negotiation.opened(now, LinkId(1)), [Step::Promote(LinkId(1))]);
    negotiation
}

#[test]
fn a_wish_is_offered_once() {
    let now = Instant::now();
    let mut negotiation = small(now);
    assert_eq!(negotiation.dial(now, LinkId(1)), [Step::Offer(LinkId(1))]);
    assert_eq!(negotiation.dial(now, LinkId(2)), []);
}

#[test]
fn when_offers_cross_that_of_the_smaller_id_stands() {
    let now = Instant::now();
    let (mut small, mut big) = (small(now), big(now));
    small.dial(now, LinkId(1));
    big.dial(now, LinkId(2));
    assert_eq!(small.signal(now, offer(2)), []);
    assert_eq!(big.signal(now, offer(1)), [dropping(2, None), answering(1)]);
    // What comes late for the attempt that was dropped does nothing.
    assert_eq!(big.ended(now, LinkId(2), Ending::Down(DownReason::Replaced), 0.5), []);
    assert_eq!(big.signal(now, candidate(2)), []);
}

#[test]
fn an_offer_which_the_peer_cannot_have_had_is_sent_again() {
    let now = Instant::now();
    let mut negotiation = small(now);
    negotiation.dial(now, LinkId(1));
    let later = now + CROSSING;
    assert_eq!(negotiation.signal(later, offer(2)), [Step::OfferAgain(LinkId(1))]);
}

#[test]
fn a_peer_that_began_anew_is_answered() {
    let now = Instant::now();
    let mut negotiation = small(now);
    negotiation.dial(now, LinkId(1));
    negotiation.signal(now, answer(1));
    let told = Some(CloseReason::Replaced);
    assert_eq!(negotiation.signal(now, offer(2)), [dropping(1, told), answering(2)]);
}

#[test]
fn an_answer_to_what_is_gone_is_told_so() {
    let now = Instant::now();
    let mut negotiation = small(now);
    negotiation.dial(now, LinkId(1));
    negotiation.close(CloseReason::Unwanted);
    assert_eq!(negotiation.signal(now, answer(1)), [dropping(1, Some(CloseReason::Replaced))]);
    assert_eq!(negotiation.signal(now, answer(77)), []);
}

#[test]
fn candidates_wait_for_their_description() {
    let now = Instant::now();
    let mut negotiation = small(now);
    for _ in 0..100 {
        negotiation.signal(now, candidate(5));
    }
    let steps = negotiation.signal(now, offer(5));
    assert!(matches!(&steps[..], [Step::Answer { candidates, .. }] if candidates.len() == MAX_EARLY));
    assert_eq!(negotiation.signal(now, candidate(5)), [], "more than an attempt may have");

    let mut negotiation = small(now);
    negotiation.dial(now, LinkId(1));
    for _ in 0..100 {
        assert_eq!(negotiation.signal(now, candidate(1)), []);
    }
    let steps = negotiation.signal(now, answer(1));
    assert!(matches!(&steps[..], [Step::Answered { candidates, .. }] if candidates.len() == MAX_CANDIDATES));
    assert_eq!(negotiation.signal(now, answer(1)), [], "a second answer");
}

#[test]
fn the_old_link_goes_before_the_fresh_one_takes_over() {
    let now = Instant::now();
    let mut negotiation = linked(now);
    assert_eq!(negotiation.replace(now, LinkId(2)), [Step::Offer(LinkId(2))]);
    assert_eq!(negotiation.current(), Some(LinkId(1)));
    negotiation.signal(now, answer(2));
    assert_eq!(negotiation.opened(now, LinkId(2)), [dropping(1, Some(CloseReason::Replaced))]);
    let ended = negotiation.ended(now, LinkId(1), Ending::Down(DownReason::Replaced), 0.5);
    assert_eq!(ended, [Step::Promote(LinkId(2))]);
    assert_eq!(negotiation.current(), Some(LinkId(2)));
}

#[test]
fn a_broken_link_is_made_again_with_growing_pauses() {
    let now = Instant::now();
    let mut negotiation = linked(now);
    let broke = now + SOUND_AFTER;
    negotiation.ended(broke, LinkId(1), Ending::Down(DownReason::Lost), 1.0);
    assert_eq!(negotiation.retry_at(), Some(broke + Duration::from_millis(50)));
    let mut at = broke + Duration::from_millis(50);
    for (attempt, seconds) in [1u64, 2, 4, 8, 16, 32, 60, 60].into_iter().enumerate() {
        let link = LinkId(10 + attempt as u64);
        assert_eq!(negotiation.due(at, link), [Step::Offer(link)]);
        let failure = DialFailure::NoAnswer;
        let steps = negotiation.ended(at, link, Ending::Failed(failure), 1.0);
        assert_eq!(steps, [Step::Failed(failure)]);
        at += Duration::from_secs(seconds);
        assert_eq!(negotiation.retry_at(), Some(at));
    }
    // The engine has heard of the peer: it need not wait a minute.
    negotiation.dial(at - Duration::from_secs(30), LinkId(50));
    assert_eq!(negotiation.retry_at(), Some(at - Duration::from_secs(59)));
}

#[test]
fn a_link_that_cannot_last_is_not_made_over_and_over() {
    let now = Instant::now();
    let mut negotiation = linked(now);
    negotiation.ended(now, LinkId(1), Ending::Down(DownReason::Unanswered), 0.0);
    assert_eq!(negotiation.retry_at(), Some(now + Duration::from_millis(500)));
}

#[test]
fn a_deliberate_close_by_either_ends_the_wish_and_a_new_wish_counts() {
    let now = Instant::now();
    let idle = Ending::Down(DownReason::Closed(CloseReason::Idle));
    let mut negotiation = linked(now);
    negotiation.given_up(LinkId(1));
    negotiation.ended(now, LinkId(1), idle, 0.5);
    assert!(!negotiation.is_live());
    assert_eq!(negotiation.retry_at(), None);

    let mut negotiation = linked(now);
    let bye = SignalKind::Bye { reason: CloseReason::Limit };
    let steps = negotiation.signal(now, Signal { link: LinkId(1), kind: bye });
    assert_eq!(steps, [Step::close(LinkId(1), DownReason::ClosedByPeer(CloseReason::Limit), None)]);
    // The engine has heard of the end before we have.
    negotiation.dial(now, LinkId(2));
    negotiation.ended(now, LinkId(1), idle, 0.0);
    assert_eq!(negotiation.retry_at(), Some(now));
}

#[test]
fn a_peer_can_make_us_begin_only_so_many_connections() {
    let now = Instant::now();
    let mut negotiation = small(now);
    let mut answers = |at: Instant, links: std::ops::Range<u64>| {
        links.filter(|link| !negotiation.signal(at, offer(*link)).is_empty()).count()
    };
    assert_eq!(answers(now, 0..100), MAX_OFFERS as usize);
    assert_eq!(answers(now + OFFER_EVERY, 100..200), 1);
    assert_eq!(answers(now + Duration::from_secs(3_600), 200..300), MAX_OFFERS as usize);
}

/// Two sides, the signals between them and their connections, driven at random.
struct Model {
    now: Instant,
    random: StdRng,
    sides: [Negotiation; 2],
    /// What each side's link task is doing.
    tasks: [BTreeMap<LinkId, Task>; 2],
    /// Signals underway to each side.
    wires: [Vec<Signal>; 2],
    names: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Task {
    Offering,
    /// Both descriptions are known here.
    Connecting,
    Open,
    Current,
}

impl Model {
    fn new(seed: u64) -> Self {
        let now = Instant::now();
        Self {
            now,
            random: StdRng::seed_from_u64(seed),
            sides: [small(now), big(now)],
            tasks: Default::default(),
            wires: Default::default(),
            names: 0,
        }
    }

    fn name(&mut self) -> LinkId {
        self.names += 1;
        LinkId(self.names)
    }

    fn follow(&mut self, side: usize, steps: Vec<Step>) {
        let mut steps = VecDeque::from(steps);
        while let Some(step) = steps.pop_front() {
            let wire = &mut self.wires[1 - side];
            let tasks = &mut self.tasks[side];
            match step {
                Step::Offer(link) => {
                    assert!(tasks.insert(link, Task::Offering).is_none());
                    wire.push(offer(link.0));
                }
                Step::OfferAgain(link) => wire.push(offer(link.0)),
                Step::Answer { link, .. } => {
                    assert!(tasks.insert(link, Task::Connecting).is_none(), "a name twice");
                    wire.push(answer(link.0));
                }
                Step::Answered { link, .. } => {
                    assert_eq!(tasks.insert(link, Task::Connecting), Some(Task::Offering));
                }
                Step::Promote(link) => {
                    assert_eq!(tasks.insert(link, Task::Current), Some(Task::Open));
                    let current = tasks.values().filter(|task| **task == Task::Current);
                    assert_eq!(current.count(), 1, "two are current");
                }
                Step::Close { link, down, tell } => {
                    let was = tasks.remove(&link);
                    let open = matches!(was, Some(Task::Open | Task::Current));
                    if let Some(reason) = tell
                        && !(open && reason == CloseReason::Replaced)
                    {
                        wire.push(Signal { link, kind: SignalKind::Bye { reason } });
                    }
                    if was.is_some() {
                        let ended = Ending::Down(down);
                        steps.extend(self.sides[side].ended(self.now, link, ended, 0.5));
                    }
                }
                Step::Candidate { .. } | Step::Failed(_) => {}
            }
        }
    }

    fn end(&mut self, side: usize, link: LinkId, ending: Ending) {
        if self.tasks[side].remove(&link).is_some() {
            let steps = self.sides[side].ended(self.now, link, ending, 0.5);
            self.follow(side, steps);
        }
    }

    fn deliver(&mut self, side: usize, at: usize) {
        let signal = self.wires[side].remove(at);
        let steps = self.sides[side].signal(self.now, signal);
        self.follow(side, steps);
    }

    /// A side whose other end is connecting or open too opens; one whose other end is gone is lost.
    fn connect(&mut self, side: usize) {
        let links: Vec<_> = self.tasks[side].iter().map(|(link, task)| (*link, *task)).collect();
        for (link, task) in links {
            let other = self.tasks[1 - side].get(&link).copied();
            match (task, other) {
                (Task::Connecting, Some(Task::Connecting | Task::Open | Task::Current)) => {
                    self.tasks[side].insert(link, Task::Open);
                    let steps = self.sides[side].opened(self.now, link);
                    self.follow(side, steps);
                }
                (Task::Open | Task::Current, None) => {
                    self.end(side, link, Ending::Down(DownReason::Lost));
                }
                _ => {}
            }
        }
    }

    fn expire(&mut self, side: usize) {
        let late: Vec<_> = self.tasks[side]
            .iter()
            .filter(|(_, task)| matches!(task, Task::Offering | Task::Connecting))
            .map(|(link, _)| *link)
            .collect();
        for link in late {
            self.end(side, link, Ending::Failed(DialFailure::NoPath));
        }
    }

    fn wake(&mut self, side: usize) {
        let name = self.name();
        let steps = self.sides[side].due(self.now, name);
        self.follow(side, steps);
    }

    /// Something happens.
    fn stir(&mut self) {
        let side = self.random.random_range(0..2);
        self.now += Duration::from_millis(self.random.random_range(0..400));
        let name = self.name();
        match self.random.random_range(0..20) {
            0 => {
                let steps = self.sides[side].dial(self.now, name);
                self.follow(side, steps);
            }
            1 => {
                let steps = self.sides[side].replace(self.now, name);
                self.follow(side, steps);
            }
            2 if self.random.random_bool(0.3) => {
                let steps = self.sides[side].close(CloseReason::Unwanted);
                self.follow(side, steps);
            }
            3 => self.expire(side),
            4 => {
                if let Some(link) = self.sides[side].current() {
                    self.end(side, link, Ending::Down(DownReason::Unanswered));
                }
            }
            5 | 6 => self.wake(side),
            7..=10 => self.connect(side),
            11 if !self.wires[side].is_empty() => {
                let at = self.random.random_range(0..self.wires[side].len());
                self.wires[side].remove(at);
            }
            12 if !self.wires[side].is_empty() => {
                let at = self.random.random_range(0..self.wires[side].len());
                let again = self.wires[side][at].clone();
                self.wires[side].push(again);
            }
            13 if !self.wires[side].is_empty() => {
                let at = self.random.random_range(0..self.wires[side].len());
                self.deliver(side, at);
            }
            _ if !self.wires[side].is_empty() => self.deliver(side, 0),
            _ => {}
        }
    }

    /// No more trouble: signals arrive in order, and time passes.
    fn settle(&mut self) {
        for _ in 0..40 {
            for side in [0, 1] {
                let name = self.name();
                let steps = self.sides[side].dial(self.now, name);
                self.follow(side, steps);
            }
            for _ in 0..20 {
                for side in [0, 1] {
                    while !self.wires[side].is_empty() {
                        self.deliver(side, 0);
                    }
                    self.connect(side);
                }
            }
            if self.agree() {
                return;
            }
            self.now += Duration::from_secs(5);
            self.expire(0);
            self.expire(1);
            self.now += Duration::from_millis(self.random.random_range(0..60_000));
            let first = self.random.random_range(0..2);
            self.wake(first);
            self.wake(1 - first);
        }
        panic!("the sides do not come together: {:?} {:?}", self.tasks, self.sides);
    }

    fn agree(&self) -> bool {
        let current = self.sides[0].current();
        current.is_some() && current == self.sides[1].current() && self.tasks.iter().all(|tasks| tasks.len() == 1)
    }
}

#[test]
fn whatever_happens_both_sides_come_to_share_one_link() {
    let first: u64 = rand::random();
    for seed in (0..2_000).map(|offset| first.wrapping_add(offset)) {
        println!("seed {seed}");
        let mut model = Model::new(seed);
        for _ in 0..60 {
            model.stir();
        }
        model.settle();
    }
}
