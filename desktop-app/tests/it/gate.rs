//! What stands between a device and the relay: it can be cut, frozen, slowed and left behind, and it can keep or refuse single requests.

use std::collections::VecDeque;
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
    /// Requests that do not reach the relay: a part of their path, and the answer that is given instead. Without one the
    /// connection breaks.
    refusals: Mutex<VecDeque<(String, Option<String>)>>,
    /// Raised by one for each time that what is open then is left behind.
    network: watch::Sender<u64>,
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
            refusals: Mutex::default(),
            network: watch::channel(0).0,
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
                    let ((near_in, mut near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
                    let (mut cut, mut network) = (set.passage.subscribe(), set.network.subscribe());
                    let began = *network.borrow_and_update();
                    let mut is_stranded = false;
                    let answer = tokio::select! {
                        _ = cut.wait_for(|passage| *passage == Passage::Cut) => None,
                        answer = outward(near_in, far_out, &set) => answer,
                        () = homeward(far_in, &mut near_out, &set) => None,
                        _ = network.wait_for(|network| *network != began) => {
                            is_stranded = true;
                            None
                        }
                    };
                    if is_stranded {
                        // Both ends stay open, and hear nothing.
                        std::future::pending::<()>().await;
                    }
                    if let Some(answer) = answer {
                        // Whoever asked may be gone.
                        let _ = near_out.write_all(answer.as_bytes()).await;
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

    /// The next request to a path breaks its connection and does not reach the relay.
    pub(crate) fn break_at(&self, path: &str) {
        self.set.refusals.lock().unwrap().push_back((path.to_owned(), None));
    }

    /// The next request to a path is answered so, and does not reach the relay.
    pub(crate) fn answer_at(&self, path: &str, status: &str, body: &str) {
        let head = format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\nconnection: close");
        let answer = format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        self.set.refusals.lock().unwrap().push_back((path.to_owned(), Some(answer)));
    }

    /// Whether every request has come that was to be refused.
    pub(crate) fn has_refused_all(&self) -> bool {
        self.set.refusals.lock().unwrap().is_empty()
    }

    /// Passes nothing on any more through what is open now, and says nothing; what begins later passes.
    pub(crate) fn strand(&self) {
        self.set.network.send_modify(|network| *network += 1);
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

    /// Whether these bytes begin the request that is refused next, and with what answer.
    fn refuses(&self, bytes: &[u8]) -> Option<Option<String>> {
        let mut refusals = self.refusals.lock().unwrap();
        let (path, _) = refusals.front()?;
        let line = bytes.split(|byte| *byte == b'\r').next()?;
        let hit = line.ends_with(b"HTTP/1.1") && String::from_utf8_lossy(line).contains(path.as_str());
        if hit { refusals.pop_front().map(|(_, answer)| answer) } else { None }
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

/// From the device to the relay, until either side ends or a request is refused; gives the answer to that.
async fn outward(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, set: &Setting) -> Option<String> {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        let bytes = &buffer[..read];
        if set.catches(bytes) == Some(Half::Request) {
            // Nothing follows it on this connection.
            return std::future::pending().await;
        }
        if let Some(answer) = set.refuses(bytes) {
            return answer;
        }
        if !set.lets_pass().await || to.write_all(bytes).await.is_err() {
            return None;
        }
    }
    None
}

/// From the relay to the device.
async fn homeward(mut from: OwnedReadHalf, to: &mut OwnedWriteHalf, set: &Setting) {
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
