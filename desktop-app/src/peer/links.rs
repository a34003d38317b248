//! The one task that knows all peers: it takes the engine's commands and the links' reports, decides by `negotiation`, and
//! starts, informs and counts links. It never waits for a link or for the engine, so that neither can stop the others.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    net::IpAddr,
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval, sleep_until, timeout},
};

use super::{
    CloseReason, DeviceId, DialFailure, DownReason, DropReason, LinkId, MAX_FRAME, PeerCommand, PeerConfig, PeerEvent,
    handle::Handle,
    interfaces,
    link::{Begin, LinkTask, Order, Report},
    negotiation::Negotiation,
    signal::{Signal, SignalKind},
    step::{Ending, Step},
};

/// Commands that may wait. The task takes them quickly, so that the engine never waits long.
const COMMANDS: usize = 1_024;

/// Reports of links that may wait.
const REPORTS: usize = 1_024;

/// Signals and failures which wait for a slow engine. Beyond, the oldest are lost: an attempt then fails by its deadline.
const MAX_OUTGOING: usize = 4_096;

/// Peers remembered. Those without a link or a wish are forgotten a minute after their last signal, when no signal
/// can be underway any more.
const MAX_PEERS: usize = 1_024;
const FORGET_AFTER: Duration = Duration::from_secs(60);

/// How often we look whether the addresses of this machine have changed.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// What links may take to say goodbye when the app ends.
const SHUTDOWN_DEADLINE: Duration = Duration::from_millis(1_500);

/// All links of one device.
#[derive(Clone, Copy, Debug)]
pub struct PeerLinks;

impl PeerLinks {
    /// Starts the task, inside the current tokio runtime. It ends on [`PeerCommand::Shutdown`], and when either the commands' sender or
    /// the events' receiver is dropped.
    ///
    /// The sender is best given commands with `send().await`: the task always takes them soon, even while events wait.
    pub fn start(me: DeviceId, config: PeerConfig, events: mpsc::Sender<PeerEvent>) -> mpsc::Sender<PeerCommand> {
        let (sender, commands) = mpsc::channel(COMMANDS);
        let (reports_in, reports) = mpsc::channel(REPORTS);
        let registry = Registry {
            me,
            config: Arc::new(config),
            epoch: Instant::now(),
            peers: HashMap::new(),
            events,
            outgoing: VecDeque::new(),
            reports: reports_in,
            tasks: JoinSet::new(),
            addresses: None,
            retry_at: None,
        };
        tokio::spawn(registry.run(commands, reports));
        sender
    }
}

struct Peer {
    negotiation: Negotiation,
    links: HashMap<LinkId, Handle>,
    /// When it last signalled, or we last wished for it.
    recent: Instant,
}

struct Registry {
    me: DeviceId,
    config: Arc<PeerConfig>,
    epoch: Instant,
    peers: HashMap<DeviceId, Peer>,
    events: mpsc::Sender<PeerEvent>,
    outgoing: VecDeque<PeerEvent>,
    reports: mpsc::Sender<(DeviceId, LinkId, Report)>,
    tasks: JoinSet<()>,
    addresses: Option<BTreeSet<IpAddr>>,
    /// The earliest of all peers.
    retry_at: Option<Instant>,
}

impl Registry {
    async fn run(
        mut self,
        mut commands: mpsc::Receiver<PeerCommand>,
        mut reports: mpsc::Receiver<(DeviceId, LinkId, Report)>,
    ) {
        let mut look = interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let events = self.events.clone();
        loop {
            let retry_at = self.retry_at;
            tokio::select! {
                // What a link has reported comes before what the engine asked on hearing of it. Only commands
                // can come in masses, so they are last.
                biased;
                Some((peer, link, report)) = reports.recv() => self.report(peer, link, report),
                permit = events.reserve(), if !self.outgoing.is_empty() => match permit {
                    Ok(permit) => {
                        if let Some(event) = self.outgoing.pop_front() {
                            permit.send(event);
                        }
                    }
                    Err(_) => break,
                },
                () = events.closed() => break,
                Some(_) = self.tasks.join_next() => {}
                () = sleep_until(retry_at.unwrap_or_else(Instant::now)), if retry_at.is_some() => {
                    self.retry();
                }
                _ = look.tick() => self.look(),
                command = commands.recv() => match command {
                    Some(PeerCommand::Send { peer, link, frame }) => self.send(peer, link, frame),
                    Some(PeerCommand::Shutdown) | None => break,
                    Some(command) => self.command(command),
                },
            }
        }
        self.shut_down(reports).await;
    }

    fn command(&mut self, command: PeerCommand) {
        let now = Instant::now();
        match command {
            PeerCommand::Dial { peer } => {
                let known = self.peer(now, peer);
                known.recent = now;
                let steps = known.negotiation.dial(now, LinkId::random());
                self.follow(peer, steps);
            }
            PeerCommand::Signal { from, body } => self.signal(now, from, &body),
            PeerCommand::Close { peer, reason } => {
                if let Some(known) = self.peers.get_mut(&peer) {
                    let steps = known.negotiation.close(reason);
                    self.follow(peer, steps);
                }
            }
            PeerCommand::NetworkChanged => {
                self.addresses = Some(interfaces::addresses());
                self.replace_all(now);
            }
            PeerCommand::Configure(config) => {
                let hides = config.relayed_only != self.config.relayed_only;
                self.config = Arc::new(config);
                if hides {
                    self.replace_all(now);
                }
            }
            // Taken by `run`.
            PeerCommand::Send { .. } | PeerCommand::Shutdown => {}
        }
        self.reckon();
    }

    fn send(&mut self, peer: DeviceId, link: LinkId, frame: Bytes) {
        if frame.is_empty() || frame.len() > MAX_FRAME {
            return self.emit(PeerEvent::Dropped { peer, reason: DropReason::BadLength });
        }
        let current = self.peers.get_mut(&peer).filter(|known| known.negotiation.current() == Some(link));
        let handle = current.and_then(|known| known.links.get_mut(&link)).filter(|handle| !handle.closing);
        let Some(handle) = handle else {
            return self.emit(PeerEvent::Dropped { peer, reason: DropReason::NotCurrent });
        };
        if !handle.send(frame) {
            handle.close(DownReason::Overrun, Some(CloseReason::Fault));
        }
    }

    fn signal(&mut self, now: Instant, from: DeviceId, body: &str) {
        let Some(signal) = Signal::read(body) else {
            return tracing::debug!(%from, "not a signal");
        };
        if from == self.me || !self.peers.contains_key(&from) && self.peers.len() >= MAX_PEERS {
            return;
        }
        let known = self.peer(now, from);
        known.recent = now;
        let steps = known.negotiation.signal(now, signal);
        self.follow(from, steps);
    }

    fn report(&mut self, peer: DeviceId, link: LinkId, report: Report) {
        let now = Instant::now();
        let Some(known) = self.peers.get_mut(&peer) else {
            return;
        };
        let steps = match report {
            Report::Signal(kind) => {
                // What was dropped meanwhile needs no more signals.
                if known.links.get(&link).is_some_and(|handle| !handle.closing) {
                    self.tell(peer, link, kind);
                }
                return;
            }
            Report::Open => {
                if let Some(handle) = known.links.get_mut(&link) {
                    handle.open = true;
                }
                known.negotiation.opened(now, link)
            }
            Report::GivenUp => {
                known.negotiation.given_up(link);
                return;
            }
            Report::Ended(ending) => {
                known.links.remove(&link);
                known.negotiation.ended(now, link, ending, rand::random())
            }
        };
        self.follow(peer, steps);
        self.reckon();
    }

    fn retry(&mut self) {
        let now = Instant::now();
        let peers: Vec<_> = self.peers.keys().copied().collect();
        for peer in peers {
            let Some(known) = self.peers.get_mut(&peer) else {
                continue;
            };
            let steps = known.negotiation.due(now, LinkId::random());
            self.follow(peer, steps);
        }
        self.reckon();
    }

    fn replace_all(&mut self, now: Instant) {
        let peers: Vec<_> = self.peers.keys().copied().collect();
        for peer in peers {
            let Some(known) = self.peers.get_mut(&peer) else {
                continue;
            };
            let steps = known.negotiation.replace(now, LinkId::random());
            self.follow(peer, steps);
        }
    }

    /// Looks at this machine's addresses, and forgets peers of which nothing more can come.
    fn look(&mut self) {
        let now = Instant::now();
        self.peers.retain(|_, known| {
            known.negotiation.is_live() || !known.links.is_empty() || now.duration_since(known.recent) < FORGET_AFTER
        });
        if !self.peers.values().any(|known| known.negotiation.is_live()) {
            self.addresses = None;
            return;
        }
        let addresses = interfaces::addresses();
        let before = self.addresses.replace(addresses);
        if before.is_some() && before != self.addresses {
            tracing::debug!("the network has changed");
            self.replace_all(now);
            self.reckon();
        }
    }

    fn follow(&mut self, peer: DeviceId, steps: Vec<Step>) {
        for step in steps {
            match step {
                Step::Offer(link) => self.start(peer, link, Begin::Offer),
                Step::Answer { link, sdp, candidates } => {
                    self.start(peer, link, Begin::Answer { sdp, candidates });
                }
                Step::Answered { link, sdp, candidates } => {
                    self.order(peer, link, Order::Answered { sdp, candidates });
                }
                Step::OfferAgain(link) => self.order(peer, link, Order::OfferAgain),
                Step::Candidate { link, candidate } => {
                    self.order(peer, link, Order::Candidate(candidate));
                }
                Step::Promote(link) => self.order(peer, link, Order::Promote),
                Step::Close { link, down, tell } => self.close(peer, link, down, tell),
                Step::Failed(reason) => self.emit(PeerEvent::DialFailed { peer, reason }),
            }
        }
    }

    fn start(&mut self, peer: DeviceId, link: LinkId, begin: Begin) {
        if !self.make_room(peer) {
            if matches!(begin, Begin::Answer { .. }) {
                self.tell(peer, link, SignalKind::Bye { reason: CloseReason::Limit });
            }
            let now = Instant::now();
            let steps = self
                .peers
                .get_mut(&peer)
                .map(|known| known.negotiation.ended(now, link, Ending::Failed(DialFailure::Limit), 1.0));
            return self.follow(peer, steps.unwrap_or_default());
        }
        let Some(known) = self.peers.get_mut(&peer) else {
            return;
        };
        let (handle, inlets) = Handle::new();
        let task = LinkTask {
            peer,
            link,
            config: Arc::clone(&self.config),
            epoch: self.epoch,
            inlets,
            events: self.events.clone(),
            reports: self.reports.clone(),
        };
        known.links.insert(link, handle);
        self.tasks.spawn(task.run(begin));
    }

    /// Closes the link of another peer that was used longest ago, if there are too many.
    fn make_room(&mut self, for_peer: DeviceId) -> bool {
        let all = self.peers.values().flat_map(|known| known.links.values());
        if all.filter(|handle| !handle.closing).count() < self.config.max_links {
            return true;
        }
        let idlest = self
            .peers
            .iter()
            .filter(|(peer, _)| **peer != for_peer)
            .filter_map(|(peer, known)| {
                let handle = known.links.get(&known.negotiation.current()?)?;
                (!handle.closing).then(|| (handle.used(), *peer))
            })
            .min();
        let Some((_, idlest)) = idlest else {
            return false;
        };
        let steps = self.peers.get_mut(&idlest).map(|known| known.negotiation.close(CloseReason::Limit));
        self.follow(idlest, steps.unwrap_or_default());
        true
    }

    fn order(&mut self, peer: DeviceId, link: LinkId, order: Order) {
        let handle = self.peers.get_mut(&peer).and_then(|known| known.links.get_mut(&link));
        if let Some(handle) = handle {
            handle.order(order);
        }
    }

    fn close(&mut self, peer: DeviceId, link: LinkId, down: DownReason, tell: Option<CloseReason>) {
        let known = self.peers.get_mut(&peer);
        let handle = known.and_then(|known| known.links.get_mut(&link));
        let was_open = handle.as_ref().is_some_and(|handle| handle.open);
        if let Some(handle) = handle {
            handle.close(down, tell);
        }
        // An open link says it in its channel too, unless that is dead; what takes the place of a link needs no other sign.
        if let Some(reason) = tell
            && !(was_open && reason == CloseReason::Replaced)
        {
            self.tell(peer, link, SignalKind::Bye { reason });
        }
    }

    fn tell(&mut self, to: DeviceId, link: LinkId, kind: SignalKind) {
        let body = Signal { link, kind }.to_body();
        self.emit(PeerEvent::Signal { to, body });
    }

    fn emit(&mut self, event: PeerEvent) {
        if self.outgoing.is_empty() {
            match self.events.try_send(event) {
                Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => {}
                Err(mpsc::error::TrySendError::Full(event)) => self.outgoing.push_back(event),
            }
            return;
        }
        if self.outgoing.len() >= MAX_OUTGOING {
            self.outgoing.pop_front();
        }
        self.outgoing.push_back(event);
    }

    fn peer(&mut self, now: Instant, peer: DeviceId) -> &mut Peer {
        let me = self.me;
        self.peers.entry(peer).or_insert_with(|| Peer {
            negotiation: Negotiation::new(now, me, peer),
            links: HashMap::new(),
            recent: now,
        })
    }

    fn reckon(&mut self) {
        let waits = self.peers.values().filter_map(|known| known.negotiation.retry_at());
        self.retry_at = waits.min();
    }

    /// Says goodbye to all and sees their links out, as far as the deadline allows.
    async fn shut_down(mut self, mut reports: mpsc::Receiver<(DeviceId, LinkId, Report)>) {
        let peers: Vec<_> = self.peers.keys().copied().collect();
        for peer in peers {
            let Some(known) = self.peers.get_mut(&peer) else {
                continue;
            };
            let steps = known.negotiation.close(CloseReason::Shutdown);
            self.follow(peer, steps);
        }
        let goodbye = async {
            while let Some(event) = self.outgoing.pop_front() {
                if self.events.send(event).await.is_err() {
                    break;
                }
            }
            loop {
                tokio::select! {
                    ended = self.tasks.join_next() => {
                        if ended.is_none() {
                            break;
                        }
                    }
                    _ = reports.recv() => {}
                }
            }
        };
        if timeout(SHUTDOWN_DEADLINE, goodbye).await.is_err() {
            tracing::debug!("links were cut off at the end");
        }
    }
}

#[cfg(test)]
#[path = "links_tests.rs"]
mod tests;
