//! For tests: devices with real links on loopback, and a relay in memory between them that can be made to misbehave.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use rand::{Rng, SeedableRng, rngs::StdRng};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until, timeout},
};
use uuid::Uuid;

use super::{
    DeviceId, DialFailure, DownReason, DropReason, LinkId, PathKind, PeerCommand, PeerConfig, PeerEvent, PeerLinks,
};

pub(super) const PATIENCE: Duration = Duration::from_secs(20);

pub(super) type Alter = fn(String) -> String;

/// The way signals take from one side to the other, and the trouble they may meet.
#[derive(Default)]
pub(super) struct Wire {
    cut: AtomicBool,
    delay: AtomicU64,
    lost_percent: AtomicU32,
    doubled_percent: AtomicU32,
    altered: Mutex<Option<Alter>>,
    carried: Mutex<Vec<String>>,
    seed: u64,
}

impl Wire {
    pub(super) fn cut(&self) {
        self.cut.store(true, Ordering::SeqCst);
    }

    pub(super) fn mend(&self) {
        self.cut.store(false, Ordering::SeqCst);
    }

    pub(super) fn delay(&self, by: Duration) {
        self.delay.store(by.as_millis() as u64, Ordering::SeqCst);
    }

    pub(super) fn lose(&self, percent: u32) {
        self.lost_percent.store(percent, Ordering::SeqCst);
    }

    pub(super) fn double(&self, percent: u32) {
        self.doubled_percent.store(percent, Ordering::SeqCst);
    }

    /// All that was signalled.
    pub(super) fn carried(&self) -> Vec<String> {
        self.carried.lock().unwrap().clone()
    }

    pub(super) fn alter(&self, with: Alter) {
        *self.altered.lock().unwrap() = Some(with);
    }
}

/// One device: its links, and what they tell.
pub(super) struct Device {
    pub(super) id: DeviceId,
    pub(super) commands: mpsc::Sender<PeerCommand>,
    pub(super) events: mpsc::Receiver<PeerEvent>,
    pub(super) current: HashMap<DeviceId, LinkId>,
}

pub(super) fn device_id(number: u128) -> DeviceId {
    DeviceId(Uuid::from_u128(number))
}

/// Devices 1, 2, 3 …, each reaching each by the one wire.
pub(super) fn devices(count: u128, config: &PeerConfig) -> (Vec<Device>, Arc<Wire>) {
    let seed = rand::random();
    println!("seed {seed}");
    let wire = Arc::new(Wire { seed, ..Wire::default() });
    let mut commands = HashMap::new();
    let mut sources = Vec::new();
    for number in 1..=count {
        let id = device_id(number);
        let (sender, source) = mpsc::channel(256);
        commands.insert(id, PeerLinks::start(id, config.clone(), sender));
        sources.push((id, source));
    }
    let devices = sources.into_iter().map(|(id, source)| {
        let (sink, events) = mpsc::channel(64);
        tokio::spawn(carry(Arc::clone(&wire), id, source, sink, commands.clone()));
        Device { id, commands: commands[&id].clone(), events, current: HashMap::new() }
    });
    (devices.collect(), wire)
}

pub(super) fn pair(config: &PeerConfig) -> (Device, Device, Arc<Wire>) {
    let (devices, wire) = devices(2, config);
    let [alice, bob] = <[Device; 2]>::try_from(devices).ok().unwrap();
    (alice, bob, wire)
}

/// Signals go over the wire, all else to the test.
async fn carry(
    wire: Arc<Wire>,
    from: DeviceId,
    mut source: mpsc::Receiver<PeerEvent>,
    sink: mpsc::Sender<PeerEvent>,
    commands: HashMap<DeviceId, mpsc::Sender<PeerCommand>>,
) {
    let mut random = StdRng::seed_from_u64(wire.seed);
    let (delayed, mut due) = mpsc::channel::<(Instant, DeviceId, String)>(1_024);
    tokio::spawn(async move {
        while let Some((at, to, body)) = due.recv().await {
            sleep_until(at).await;
            let Some(commands) = commands.get(&to) else {
                continue;
            };
            let _ = commands.send(PeerCommand::Signal { from, body }).await;
        }
    });
    while let Some(event) = source.recv().await {
        let PeerEvent::Signal { to, body } = event else {
            let _ = sink.send(event).await;
            continue;
        };
        wire.carried.lock().unwrap().push(body.clone());
        let mut chance = |percent: &AtomicU32| random.random_range(0..100) < percent.load(Ordering::SeqCst);
        if wire.cut.load(Ordering::SeqCst) || chance(&wire.lost_percent) {
            continue;
        }
        let body = match *wire.altered.lock().unwrap() {
            Some(alter) => alter(body),
            None => body,
        };
        let at = Instant::now() + Duration::from_millis(wire.delay.load(Ordering::SeqCst));
        if chance(&wire.doubled_percent) {
            delayed.send((at, to, body.clone())).await.unwrap();
        }
        delayed.send((at, to, body)).await.unwrap();
    }
}

impl Device {
    pub(super) async fn ask(&self, command: PeerCommand) {
        self.commands.send(command).await.unwrap();
    }

    pub(super) async fn dial(&self, peer: &Device) {
        self.ask(PeerCommand::Dial { peer: peer.id }).await;
    }

    pub(super) async fn send(&self, peer: &Device, frame: impl Into<Bytes>) {
        let link = self.current[&peer.id];
        self.ask(PeerCommand::Send { peer: peer.id, link, frame: frame.into() }).await;
    }

    /// The next event, after looking whether it may come now.
    pub(super) async fn next(&mut self) -> PeerEvent {
        let event = timeout(PATIENCE, self.events.recv()).await.expect("an event in time").unwrap();
        match &event {
            PeerEvent::Up { peer, link, .. } => {
                assert_eq!(self.current.insert(*peer, *link), None, "up while another is");
            }
            PeerEvent::Down { peer, link, .. } => {
                assert_eq!(self.current.remove(peer), Some(*link), "down without up");
            }
            PeerEvent::Path { peer, link, .. }
            | PeerEvent::Received { peer, link, .. }
            | PeerEvent::Sent { peer, link, .. }
            | PeerEvent::RoundTrip { peer, link, .. } => {
                assert_eq!(self.current.get(peer), Some(link), "{event:?} of a link that isn't up");
            }
            _ => {}
        }
        event
    }

    pub(super) async fn until<T>(&mut self, mut wanted: impl FnMut(&PeerEvent) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let event = self.next().await;
            if let Some(found) = wanted(&event) {
                return found;
            }
            assert!(Instant::now() < deadline, "waited in vain");
        }
    }

    pub(super) async fn up(&mut self) -> (LinkId, PathKind) {
        self.until(|event| match event {
            PeerEvent::Up { link, path, .. } => Some((*link, *path)),
            _ => None,
        })
        .await
    }

    pub(super) async fn down(&mut self) -> DownReason {
        self.until(|event| match event {
            PeerEvent::Down { reason, .. } => Some(*reason),
            _ => None,
        })
        .await
    }

    pub(super) async fn received(&mut self) -> Bytes {
        self.until(|event| match event {
            PeerEvent::Received { frame, .. } => Some(frame.clone()),
            _ => None,
        })
        .await
    }

    pub(super) async fn dial_failed(&mut self) -> DialFailure {
        self.until(|event| match event {
            PeerEvent::DialFailed { reason, .. } => Some(*reason),
            PeerEvent::Up { .. } => panic!("it came up"),
            _ => None,
        })
        .await
    }

    pub(super) async fn dropped(&mut self) -> DropReason {
        self.until(|event| match event {
            PeerEvent::Dropped { reason, .. } => Some(*reason),
            _ => None,
        })
        .await
    }
}

pub(super) async fn connected(config: &PeerConfig) -> (Device, Device, Arc<Wire>) {
    let (mut alice, mut bob, wire) = pair(config);
    alice.dial(&bob).await;
    assert_eq!(alice.up().await.0, bob.up().await.0);
    (alice, bob, wire)
}

/// Quick to notice, so that a test needn't wait.
pub(super) fn alert() -> PeerConfig {
    PeerConfig {
        ping_quiet: Duration::from_millis(400),
        answer_overdue: Duration::from_millis(700),
        ..PeerConfig::default()
    }
}
