//! A current link at work: frames out, frames in, pings between. Nothing here waits for one thing alone: a slow engine, a
//! slow line and a peer that doesn't read are each met with a bounded queue while everything else goes on.

use std::collections::VecDeque;

use bytes::BytesMut;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};

use super::{
    CloseReason, DownReason, PathKind, PeerEvent,
    connection::{Channel, ChannelEvent, Connection, Happening},
    framing::{self, Assembler, Incoming, Outbox},
    link::{Closing, LinkTask, Order, Report, shut_down},
    pulse::{Due, Pulse},
    runtime::send_buffer_limit,
};

/// Events which wait for a slow core, by number and by bytes. With more, the channel isn't read.
const MAX_WAITING: usize = 1_024;
const MAX_WAITING_BYTES: usize = 2 << 20;

/// Pongs and pings that wait for room in the channel. A peer which pings more often gets fewer pongs.
const MAX_CONTROL: usize = 16;

/// What is handed to the channel at once, in bytes.
const BURST: usize = 256 << 10;

/// Frames taken from the queue at once.
const MAX_TAKEN: usize = 64;

/// How often [`PeerEvent::Sent`] is told, in bytes.
const SENT_EVERY: u64 = 256 << 10;

/// A current link at work.
pub(super) struct Carrier<'a> {
    task: &'a mut LinkTask,
    connection: &'a Connection,
    channel: &'a Channel,
    happenings: mpsc::Receiver<Happening>,
    pulse: Pulse,
    assembler: Assembler,
    path: PathKind,
    /// Events that wait for the core.
    waiting: VecDeque<PeerEvent>,
    waiting_bytes: usize,
    /// Pings and pongs; they go before frames.
    control: VecDeque<BytesMut>,
    outbox: Outbox,
    /// All frames that the channel has taken, and how far that was told.
    total: u64,
    told: u64,
    /// Bytes handed to the channel.
    handed: u64,
    last_frame: Instant,
    /// The end is on purpose, and nobody here ordered it.
    given_up: bool,
}

impl<'a> Carrier<'a> {
    pub(super) fn new(
        task: &'a mut LinkTask,
        connection: &'a Connection,
        channel: &'a Channel,
        happenings: mpsc::Receiver<Happening>,
        path: PathKind,
    ) -> Self {
        let now = Instant::now();
        let pulse = Pulse::new(now, task.config.ping_quiet, task.config.answer_overdue);
        Self {
            task,
            connection,
            channel,
            happenings,
            pulse,
            assembler: Assembler::default(),
            path,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            control: VecDeque::new(),
            outbox: Outbox::default(),
            total: 0,
            told: 0,
            handed: 0,
            last_frame: now,
            given_up: false,
        }
    }

    /// From `Up` to `Down`.
    pub(super) async fn carry(mut self) -> Closing {
        let (peer, link, path) = (self.task.peer, self.task.link, self.path);
        self.used(Instant::now());
        self.emit(PeerEvent::Up { peer, link, path });
        let closing = self.work().await;
        if self.given_up {
            self.task.report(Report::GivenUp).await;
        }
        self.emit(PeerEvent::Down { peer, link, reason: closing.0 });
        // Only the core can keep this waiting, and it alone waits for what comes after.
        for event in self.waiting {
            if self.task.events.send(event).await.is_err() {
                break;
            }
        }
        closing
    }

    async fn work(&mut self) -> Closing {
        let events = self.task.events.clone();
        loop {
            let (due_at, due) = self.pulse.next();
            let idle_at = self.last_frame + self.task.config.idle_close;
            let reading = self.waiting.len() < MAX_WAITING && self.waiting_bytes < MAX_WAITING_BYTES;
            let closing = tokio::select! {
                order = self.task.inlets.orders.recv() => match order {
                    Some(Order::Close { down, tell }) => Some((down, tell)),
                    Some(_) => None,
                    None => Some(shut_down()),
                },
                frame = self.task.inlets.frames.recv(), if self.outbox.len() < MAX_TAKEN => {
                    if let Some(frame) = frame {
                        self.outbox.push(frame);
                    }
                    None
                }
                event = self.channel.next(), if reading => self.heard(event),
                open = self.channel.is_writable(),
                    if !self.control.is_empty() || self.outbox.len() > 0 => match open {
                    true => self.hand_over().await,
                    false => Some((DownReason::Lost, None)),
                },
                permit = events.reserve(), if !self.waiting.is_empty() => match permit {
                    Ok(permit) => {
                        if let Some(event) = self.waiting.pop_front() {
                            self.waiting_bytes -= size(&event);
                            permit.send(event);
                        }
                        None
                    }
                    Err(_) => Some(shut_down()),
                },
                happening = self.happenings.recv() => match happening {
                    // Late candidates of ours would only move the link.
                    Some(Happening::Candidate(_)) => None,
                    _ => Some((DownReason::Lost, None)),
                },
                () = sleep_until(due_at.min(idle_at)) => match Instant::now() >= idle_at {
                    true => self.idle(),
                    false => self.check(due).await,
                },
            };
            if let Some(closing) = closing {
                return closing;
            }
        }
    }

    /// Takes what else waits, so that it goes together.
    fn take_waiting(&mut self) {
        while self.outbox.len() < MAX_TAKEN
            && let Ok(frame) = self.task.inlets.frames.try_recv()
        {
            self.outbox.push(frame);
        }
    }

    /// As many messages as the channel has room for, up to a burst: more would keep the rest of the work waiting, and
    /// each on its own would pay for the locks of the library again.
    async fn hand_over(&mut self) -> Option<Closing> {
        let outstanding = self.channel.outstanding().await;
        let mut room = send_buffer_limit().saturating_sub(outstanding).min(BURST);
        loop {
            let message = match self.control.pop_front() {
                Some(message) => message,
                None => self.next_message()?,
            };
            let length = message.len();
            self.handed += length as u64;
            if !self.channel.send(message).await {
                return Some((DownReason::Lost, None));
            }
            room = room.saturating_sub(length);
            if room == 0 {
                return None;
            }
        }
    }

    fn next_message(&mut self) -> Option<BytesMut> {
        self.take_waiting();
        let (message, cost) = self.outbox.next()?;
        if cost == 0 {
            return Some(message);
        }
        self.task.inlets.shared.taken(cost);
        self.total += cost as u64;
        if self.total - self.told >= SENT_EVERY {
            self.told = self.total;
            let (peer, link) = (self.task.peer, self.task.link);
            self.emit(PeerEvent::Sent { peer, link, total: self.total });
        }
        self.pulse.sent();
        self.used(Instant::now());
        Some(message)
    }

    fn heard(&mut self, event: ChannelEvent) -> Option<Closing> {
        let message = match event {
            ChannelEvent::Message(message) => message,
            ChannelEvent::Open => return None,
            ChannelEvent::Closed => return Some((DownReason::Lost, None)),
        };
        let now = Instant::now();
        self.pulse.heard(now);
        let (peer, link) = (self.task.peer, self.task.link);
        match self.assembler.read(message) {
            Ok(Incoming::Frame(frame)) => {
                self.used(now);
                self.emit(PeerEvent::Received { peer, link, frame });
            }
            Ok(Incoming::Several(frames)) => {
                self.used(now);
                for frame in frames {
                    self.emit(PeerEvent::Received { peer, link, frame });
                }
            }
            Ok(Incoming::Part) => self.used(now),
            Ok(Incoming::Ping(number)) => self.control(framing::pong(number)),
            Ok(Incoming::Pong(number)) => {
                if let Some(passed) = self.pulse.pong(now, number) {
                    let micros = u32::try_from(passed.as_micros()).unwrap_or(u32::MAX);
                    self.emit(PeerEvent::RoundTrip { peer, link, micros });
                }
            }
            Ok(Incoming::Bye(CloseReason::Replaced)) => return Some((DownReason::Replaced, None)),
            Ok(Incoming::Bye(reason)) => {
                self.given_up = reason.ends_the_wish();
                return Some((DownReason::ClosedByPeer(reason), None));
            }
            Err(error) => {
                return Some((DownReason::Malformed(error), Some(CloseReason::Fault)));
            }
        }
        None
    }

    fn idle(&mut self) -> Option<Closing> {
        self.given_up = true;
        Some((DownReason::Closed(CloseReason::Idle), Some(CloseReason::Idle)))
    }

    async fn check(&mut self, due: Due) -> Option<Closing> {
        if due == Due::Ping {
            self.look_at_path().await;
        }
        let outstanding = self.channel.outstanding().await as u64;
        let acknowledged = self.handed.saturating_sub(outstanding);
        let now = Instant::now();
        match due {
            Due::Ping => {
                let number = self.pulse.ping(now, acknowledged);
                self.control(framing::ping(number));
                None
            }
            Due::Overdue => self.pulse.is_dead(now, acknowledged).then_some((DownReason::Unanswered, None)),
        }
    }

    /// The library doesn't tell when ICE moves the connection, so we look before each ping.
    async fn look_at_path(&mut self) {
        let Some(path) = self.connection.path().await.filter(|path| *path != self.path) else {
            return;
        };
        self.path = path;
        let (peer, link) = (self.task.peer, self.task.link);
        self.emit(PeerEvent::Path { peer, link, path });
    }

    fn control(&mut self, message: BytesMut) {
        if self.control.len() >= MAX_CONTROL {
            self.control.pop_front();
        }
        self.control.push_back(message);
    }

    fn used(&mut self, now: Instant) {
        self.last_frame = now;
        self.task.inlets.shared.used(now.duration_since(self.task.epoch));
    }

    /// At once if the core takes it, else behind what already waits.
    fn emit(&mut self, event: PeerEvent) {
        let event = match self.waiting.is_empty() {
            true => match self.task.events.try_send(event) {
                Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => return,
                Err(mpsc::error::TrySendError::Full(event)) => event,
            },
            false => event,
        };
        self.waiting_bytes += size(&event);
        self.waiting.push_back(event);
    }
}

fn size(event: &PeerEvent) -> usize {
    match event {
        PeerEvent::Received { frame, .. } => frame.len(),
        _ => 0,
    }
}
