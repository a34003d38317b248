//! Trouble on the way between two peers, for tests: what is put between a link's sockets and the network. Nothing of it
//! is in the way of a link whose configuration names none.

use std::{
    io::{self, IoSliceMut},
    net::SocketAddr,
    ops::Range,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use webrtc::runtime::{AsyncUdpSocket, RecvMeta, Transmit};

/// What happens to the packets of all links that were made with it. A clone is another handle on the same trouble; two are
/// equal if they are that.
#[derive(Clone, Debug)]
pub struct Trouble(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    /// No packet comes or goes.
    stopped: bool,
    /// The share of packets sent which are lost, and of those which go twice.
    loss: f64,
    doubled: f64,
    /// How long each packet sent is on its way; where this is no fixed time, they overtake each other.
    delay: Range<Duration>,
    dice: StdRng,
    /// Packets that links wanted to send.
    packets: u64,
}

impl Trouble {
    /// What chance decides from now on is decided by this.
    pub fn seed(&self, seed: u64) {
        self.state().dice = StdRng::seed_from_u64(seed);
    }

    /// From now on no packet comes or goes, and nobody is told: a network that swallows them.
    pub fn stop(&self) {
        self.state().stopped = true;
    }

    /// Loses this share of the packets sent, from 0 to 1.
    pub fn lose(&self, share: f64) {
        self.state().loss = share.clamp(0.0, 1.0);
    }

    /// Sends this share of the packets twice, from 0 to 1.
    pub fn double(&self, share: f64) {
        self.state().doubled = share.clamp(0.0, 1.0);
    }

    /// Every packet sent is on its way for a time in this range.
    pub fn delay(&self, range: Range<Duration>) {
        self.state().delay = range;
    }

    /// How many packets links wanted to send so far, those that were lost included.
    pub fn packets(&self) -> u64 {
        self.state().packets
    }

    /// Ends all of it.
    pub fn heal(&self) {
        let mut state = self.state();
        (state.stopped, state.loss, state.doubled) = (false, 0.0, 0.0);
        state.delay = Duration::ZERO..Duration::ZERO;
    }

    pub(super) fn wrap(&self, socket: Arc<dyn AsyncUdpSocket>) -> Arc<dyn AsyncUdpSocket> {
        Arc::new(TroubledSocket { socket, trouble: self.clone() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_stopped(&self) -> bool {
        self.state().stopped
    }

    /// When the copies of a packet go, from now; none if it is lost.
    fn fate(&self) -> Vec<Duration> {
        let state = &mut *self.state();
        state.packets += 1;
        if state.stopped || state.dice.random_bool(state.loss) {
            return Vec::new();
        }
        let copies = 1 + usize::from(state.dice.random_bool(state.doubled));
        let (delay, dice) = (&state.delay, &mut state.dice);
        let mut after = || if delay.is_empty() { delay.start } else { dice.random_range(delay.clone()) };
        (0..copies).map(|_| after()).collect()
    }
}

impl Default for Trouble {
    /// None yet.
    fn default() -> Self {
        Self(Arc::new(Mutex::new(State {
            stopped: false,
            loss: 0.0,
            doubled: 0.0,
            delay: Duration::ZERO..Duration::ZERO,
            dice: StdRng::seed_from_u64(0),
            packets: 0,
        })))
    }
}

impl PartialEq for Trouble {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Trouble {}

#[derive(Debug)]
struct TroubledSocket {
    socket: Arc<dyn AsyncUdpSocket>,
    trouble: Trouble,
}

impl AsyncUdpSocket for TroubledSocket {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// What is lost looks sent, as on a network. It says that it takes one packet at a time (the default), so each has its own fate.
    fn poll_send(&self, cx: &mut Context<'_>, transmit: &Transmit<'_>) -> Poll<io::Result<usize>> {
        let fate = self.trouble.fate();
        if fate == [Duration::ZERO] {
            return self.socket.poll_send(cx, transmit);
        }
        for after in fate {
            let (socket, trouble) = (self.socket.clone(), self.trouble.clone());
            let (contents, destination) = (transmit.contents.to_vec(), transmit.destination);
            tokio::spawn(async move {
                tokio::time::sleep(after).await;
                if !trouble.is_stopped() {
                    // One which the system refuses is one more that is lost.
                    let _ = socket.send_to(&contents, destination).await;
                }
            });
        }
        Poll::Ready(Ok(transmit.contents.len()))
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        loop {
            match self.socket.poll_recv(cx, bufs, meta) {
                Poll::Ready(Ok(_)) if self.trouble.is_stopped() => {}
                received => return received,
            }
        }
    }

    fn max_gro_segments(&self) -> usize {
        self.socket.max_gro_segments()
    }
}
