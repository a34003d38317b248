//! What stands between a device and the relay: it can be cut, frozen and slowed, and it can keep single requests to itself.

use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::world::PATIENCE;

/// What a gate does with the connections through it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Passage {
    /// Passes everything on.
    Open,
    /// Passes nothing on, in either direction, and says nothing.
    Frozen,
    /// Breaks every connection and lets none begin.
    Cut,
}

/// Which half of an HTTP call a gate keeps to itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Half {
    /// The relay never hears of it.
    Request,
    /// The relay carries it out; from then on nothing comes back any more, by any connection.
    Answer,
}

/// A gate between a device and the relay.
pub(crate) struct Gate {
    port: u16,
    set: Arc<Setting>,
}

/// How a gate is set; each connection through it looks here.
struct Setting {
    /// The port that new connections lead to.
    leads_to: AtomicU16,
    passage: watch::Sender<Passage>,
    /// What the relay says is kept back.
    deaf: watch::Sender<bool>,
    /// Milliseconds which everything takes, each way.
    delay: AtomicU64,
    /// The call that is kept, by how its head begins.
    keeps: Mutex<Option<(&'static str, Half)>>,
    /// It came.
    caught: watch::Sender<bool>,
}

impl Gate {
    /// A gate before the relay at this port.
    pub(crate) async fn open(relay: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let set = Arc::new(Setting {
            leads_to: AtomicU16::new(relay),
            passage: watch::channel(Passage::Open).0,
            deaf: watch::channel(false).0,
            delay: AtomicU64::new(0),
            keeps: Mutex::default(),
            caught: watch::channel(false).0,
        });
        let setting = set.clone();
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                if *setting.passage.borrow() == Passage::Cut {
                    continue;
                }
                let set = setting.clone();
                tokio::spawn(async move {
                    let far = TcpStream::connect(("127.0.0.1", set.leads_to.load(Ordering::Relaxed))).await;
                    let Ok(far) = far else { return };
                    let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
                    let mut cut = set.passage.subscribe();
                    tokio::select! {
                        _ = cut.wait_for(|passage| *passage == Passage::Cut) => {}
                        () = outward(near_in, far_out, &set) => {}
                        () = homeward(far_in, near_out, &set) => {}
                    }
                });
            }
        });
        Self { port, set }
    }

    /// Where the device finds it.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// New connections lead to another port from now on.
    pub(crate) fn lead_to(&self, port: u16) {
        self.set.leads_to.store(port, Ordering::Relaxed);
    }

    /// Breaks every connection and lets none begin.
    pub(crate) fn cut(&self) {
        self.set.passage.send_replace(Passage::Cut);
    }

    /// Passes nothing on any more, and says nothing: a network that swallows packets.
    pub(crate) fn freeze(&self) {
        self.set.passage.send_replace(Passage::Frozen);
    }

    /// Keeps back what the relay says; what the device says reaches the relay.
    pub(crate) fn deafen(&self) {
        self.set.deaf.send_replace(true);
    }

    /// Keeps one half of the next call whose head begins so.
    pub(crate) fn keep(&self, half: Half, head: &'static str) {
        self.set.caught.send_replace(false);
        *self.set.keeps.lock().unwrap_or_else(PoisonError::into_inner) = Some((head, half));
    }

    /// Waits until the call that is to be kept has come.
    pub(crate) async fn has_caught_it(&self) {
        let mut caught = self.set.caught.subscribe();
        let came = tokio::time::timeout(PATIENCE, caught.wait_for(|caught| *caught));
        came.await.expect("the call never came").unwrap();
    }

    /// As before. What was kept back comes through now, on connections that are still there.
    pub(crate) fn heal(&self) {
        *self.set.keeps.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.set.deaf.send_replace(false);
        self.set.passage.send_replace(Passage::Open);
    }

    /// Everything takes this long, each way.
    pub(crate) fn slow(&self, delay: Duration) {
        self.set.delay.store(delay.as_millis().try_into().unwrap(), Ordering::Relaxed);
    }
}

impl Setting {
    /// Whether these bytes begin the call that is kept; it is kept once.
    fn catches(&self, bytes: &[u8]) -> Option<Half> {
        let mut keeps = self.keeps.lock().unwrap_or_else(PoisonError::into_inner);
        let (head, half) = (*keeps)?;
        if !bytes.starts_with(head.as_bytes()) {
            return None;
        }
        *keeps = None;
        if half == Half::Answer {
            self.deaf.send_replace(true);
        }
        self.caught.send_replace(true);
        Some(half)
    }

    /// Waits until bytes may pass; `false` if none will any more.
    async fn lets_pass(&self) -> bool {
        let mut passage = self.passage.subscribe();
        if passage.wait_for(|passage| *passage != Passage::Frozen).await.is_err() {
            return false;
        }
        let delay = self.delay.load(Ordering::Relaxed);
        if delay > 0 {
            tokio::time::sleep(Duration::from_millis(delay)).await;
        }
        true
    }
}

/// From the device to the relay.
async fn outward(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, set: &Setting) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        let bytes = &buffer[..read];
        if set.catches(bytes) == Some(Half::Request) {
            // Nothing follows it on this connection.
            return std::future::pending().await;
        }
        if !set.lets_pass().await || to.write_all(bytes).await.is_err() {
            return;
        }
    }
}

/// From the relay to the device.
async fn homeward(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, set: &Setting) {
    let mut deaf = set.deaf.subscribe();
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        if deaf.wait_for(|deaf| !deaf).await.is_err() || !set.lets_pass().await {
            return;
        }
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}
