//! One link: the task which owns one connection from its first packet to its close, and emits all events of that link.
//!
//! It is made, waits until it is told that it is current, carries frames (see `carrier`), and ends.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until, timeout, timeout_at},
};

use super::{
    CloseReason, DeviceId, DialFailure, DownReason, LinkId, PathKind, PeerConfig, PeerEvent,
    carrier::Carrier,
    connection::{Channel, ChannelEvent, Connection, Happening},
    framing,
    handle::Inlets,
    signal::{Candidate, SignalKind},
    step::Ending,
};

/// What we have handed to the channel gets this long to reach the peer before a deliberate close.
const LINGER: Duration = Duration::from_millis(500);

/// What a link is told.
#[derive(Debug)]
pub(super) enum Order {
    /// The peer has answered.
    Answered { sdp: String, candidates: Vec<Candidate> },
    /// Send the offer again.
    OfferAgain,
    /// The peer may be reached there.
    Candidate(Candidate),
    /// It is current.
    Promote,
    /// End.
    Close { down: DownReason, tell: Option<CloseReason> },
}

/// How a link begins.
#[derive(Debug)]
pub(super) enum Begin {
    Offer,
    Answer { sdp: String, candidates: Vec<Candidate> },
}

/// What a link tells of itself.
#[derive(Debug)]
pub(super) enum Report {
    /// To be signalled to the peer.
    Signal(SignalKind),
    /// The channel is open, the peer is who it should be.
    Open,
    /// It will end on purpose, by its own doing or the peer's; the engine hasn't heard of it.
    GivenUp,
    /// It was the last.
    Ended(Ending),
}

/// How a link goes down, and what the peer is told of it.
pub(super) type Closing = (DownReason, Option<CloseReason>);

/// Everything a link is given.
pub(super) struct LinkTask {
    pub(super) peer: DeviceId,
    pub(super) link: LinkId,
    pub(super) config: Arc<PeerConfig>,
    /// The clock by which the use of a link is told.
    pub(super) epoch: Instant,
    pub(super) inlets: Inlets,
    pub(super) events: mpsc::Sender<PeerEvent>,
    pub(super) reports: mpsc::Sender<(DeviceId, LinkId, Report)>,
}

/// A connection whose channel is open.
struct Open {
    connection: Connection,
    channel: Channel,
    happenings: mpsc::Receiver<Happening>,
}

/// Why a link ended before its channel was open.
enum Stopped {
    Failed(DialFailure),
    Told(DownReason),
}

impl LinkTask {
    /// From the first packet to the close. Reports its end before it lingers for the last bytes, so that a successor need not wait.
    pub(super) async fn run(mut self, begin: Begin) {
        let deadline = Instant::now() + self.config.open_deadline;
        let open = match self.open(begin, deadline).await {
            Ok(open) => open,
            Err(Stopped::Failed(reason)) => return self.report_end(Ending::Failed(reason)).await,
            Err(Stopped::Told(reason)) => return self.report_end(Ending::Down(reason)).await,
        };
        self.report(Report::Open).await;
        let Open { connection, channel, happenings } = open;
        let (down, tell) = match self.promoted().await {
            Ok(()) => {
                let path = connection.path().await.unwrap_or(PathKind::Direct);
                Carrier::new(&mut self, &connection, &channel, happenings, path).carry().await
            }
            Err(told) => told,
        };
        self.report_end(Ending::Down(down)).await;
        if let Some(reason) = tell {
            let _ = timeout(LINGER, linger(&channel, reason)).await;
        }
        connection.close().await;
    }

    async fn open(&mut self, begin: Begin, deadline: Instant) -> Result<Open, Stopped> {
        let offering = matches!(begin, Begin::Offer);
        let begun = timeout_at(deadline, self.begin(begin)).await;
        let Ok(Some((mut connection, mut channel, mut happenings, description))) = begun else {
            return Err(Stopped::Failed(DialFailure::Setup));
        };
        self.report(Report::Signal(description.clone())).await;
        let mut told = Vec::new();
        let mut answered = !offering;
        let stopped = loop {
            tokio::select! {
                order = self.inlets.orders.recv() => match order {
                    Some(Order::Answered { sdp, candidates }) => {
                        if let Err(error) = connection.answered(sdp).await {
                            tracing::debug!(link = %self.link, %error, "the answer is unusable");
                            break Stopped::Failed(DialFailure::Setup);
                        }
                        answered = true;
                        for candidate in candidates {
                            connection.add_candidate(candidate).await;
                        }
                    }
                    Some(Order::OfferAgain) => {
                        self.report(Report::Signal(description.clone())).await;
                        for candidate in &told {
                            self.report_candidate(candidate).await;
                        }
                    }
                    Some(Order::Candidate(candidate)) => connection.add_candidate(candidate).await,
                    Some(Order::Promote) => {}
                    Some(Order::Close { down, .. }) => break Stopped::Told(down),
                    None => break Stopped::Told(DownReason::Closed(CloseReason::Shutdown)),
                },
                happening = happenings.recv() => match happening {
                    Some(Happening::Candidate(candidate)) => {
                        self.report_candidate(&candidate).await;
                        told.push(candidate);
                    }
                    Some(Happening::Channel(theirs)) if channel.is_none() => channel = Some(theirs),
                    _ => break Stopped::Failed(DialFailure::NoPath),
                },
                event = next(channel.as_ref()) => match event {
                    ChannelEvent::Open => {
                        if connection.is_authentic().await
                            && let Some(channel) = channel
                        {
                            return Ok(Open { connection, channel, happenings });
                        }
                        tracing::warn!(link = %self.link, "another certificate than the peer signalled");
                        break Stopped::Failed(DialFailure::Setup);
                    }
                    // Not before it is open.
                    ChannelEvent::Message(_) | ChannelEvent::Closed => {
                        break Stopped::Failed(DialFailure::NoPath);
                    }
                },
                () = sleep_until(deadline) => break Stopped::Failed(match answered {
                    true => DialFailure::NoPath,
                    false => DialFailure::NoAnswer,
                }),
            }
        };
        // The report of the end needn't wait for the library.
        tokio::spawn(connection.close());
        Err(stopped)
    }

    async fn begin(
        &self,
        begin: Begin,
    ) -> Option<(Connection, Option<Channel>, mpsc::Receiver<Happening>, SignalKind)> {
        let begun = match begin {
            Begin::Offer => Connection::offer(&self.config).await.map(|(connection, channel, happenings, sdp)| {
                (connection, Some(channel), happenings, SignalKind::Offer { sdp })
            }),
            Begin::Answer { sdp, candidates } => match Connection::answer(&self.config, sdp).await {
                Ok((mut connection, happenings, sdp)) => {
                    for candidate in candidates {
                        connection.add_candidate(candidate).await;
                    }
                    Ok((connection, None, happenings, SignalKind::Answer { sdp }))
                }
                Err(error) => Err(error),
            },
        };
        begun.inspect_err(|error| tracing::debug!(link = %self.link, %error, "could not begin")).ok()
    }

    /// Waits to become current. Nothing of the channel is read meanwhile.
    async fn promoted(&mut self) -> Result<(), Closing> {
        loop {
            match self.inlets.orders.recv().await {
                Some(Order::Promote) => return Ok(()),
                Some(Order::Close { down, tell }) => return Err((down, tell)),
                Some(_) => {}
                None => return Err(shut_down()),
            }
        }
    }

    async fn report_candidate(&self, candidate: &Candidate) {
        let candidate = candidate.clone();
        self.report(Report::Signal(SignalKind::Candidate { candidate })).await;
    }

    async fn report_end(&self, ending: Ending) {
        self.report(Report::Ended(ending)).await;
    }

    /// The registry always takes reports, so this never waits for long.
    pub(super) async fn report(&self, report: Report) {
        let _ = self.reports.send((self.peer, self.link, report)).await;
    }
}

pub(super) fn shut_down() -> Closing {
    (DownReason::Closed(CloseReason::Shutdown), Some(CloseReason::Shutdown))
}

async fn next(channel: Option<&Channel>) -> ChannelEvent {
    match channel {
        Some(channel) => channel.next().await,
        None => std::future::pending().await,
    }
}

async fn linger(channel: &Channel, reason: CloseReason) {
    if !channel.send(framing::bye(reason)).await {
        return;
    }
    // The library tells nobody when the last byte is acknowledged; it mostly is within a round trip.
    while channel.outstanding().await > 0 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
