//! A link as the registry holds it: where its orders and frames go in, what the link has at the other end of that, and what
//! both see.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use tokio::sync::mpsc;

use super::{CloseReason, DownReason, FRAME_COST, SEND_WINDOW, framing, link::Order};

/// Orders that may wait in a link; a link in trouble takes none for a moment.
const ORDERS: usize = 128;

/// The registry's end.
pub(super) struct Handle {
    orders: mpsc::Sender<Order>,
    frames: mpsc::Sender<Bytes>,
    shared: Arc<Shared>,
    /// Its channel is open.
    pub(super) open: bool,
    /// It was told to end.
    pub(super) closing: bool,
}

/// The link's end.
pub(super) struct Inlets {
    pub(super) orders: mpsc::Receiver<Order>,
    pub(super) frames: mpsc::Receiver<Bytes>,
    pub(super) shared: Arc<Shared>,
}

/// What both see.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// What waits to be sent, in bytes, each frame counted by [`framing::cost`].
    queued: AtomicUsize,
    /// When a frame last passed, in microseconds of the registry's clock.
    used: AtomicU64,
}

impl Handle {
    pub(super) fn new() -> (Self, Inlets) {
        let (orders, orders_out) = mpsc::channel(ORDERS);
        let (frames, frames_out) = mpsc::channel(SEND_WINDOW / FRAME_COST);
        let shared = Arc::new(Shared::default());
        let inlets = Inlets { orders: orders_out, frames: frames_out, shared: Arc::clone(&shared) };
        (Self { orders, frames, shared, open: false, closing: false }, inlets)
    }

    pub(super) fn order(&mut self, order: Order) {
        if !self.closing && self.orders.try_send(order).is_err() {
            tracing::debug!("a link takes no orders");
        }
    }

    pub(super) fn close(&mut self, down: DownReason, tell: Option<CloseReason>) {
        self.order(Order::Close { down, tell });
        self.closing = true;
    }

    /// Queues a frame; `false` if that is more than the window allows.
    pub(super) fn send(&self, frame: Bytes) -> bool {
        let cost = framing::cost(frame.len());
        let queued = self.shared.queued.fetch_add(cost, Ordering::Relaxed) + cost;
        queued <= SEND_WINDOW && self.frames.try_send(frame).is_ok()
    }

    /// When a frame last passed, in microseconds of the registry's clock.
    pub(super) fn used(&self) -> u64 {
        self.shared.used.load(Ordering::Relaxed)
    }
}

impl Shared {
    /// The channel has taken frames which count so much.
    pub(super) fn taken(&self, cost: usize) {
        self.queued.fetch_sub(cost, Ordering::Relaxed);
    }

    /// A frame has passed, so long after the registry began.
    pub(super) fn used(&self, at: Duration) {
        self.used.store(u64::try_from(at.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}
