//! How quick links are on loopback. Not a test of correctness: run it in release, alone, and read what it prints:
//! `cargo test --release -p desktop-app measure -- --ignored --nocapture --test-threads 1`.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::time::Instant;

use super::{
    MAX_FRAME, PeerCommand, PeerConfig, PeerEvent, SEND_WINDOW,
    company::{connected, device_id, pair},
    connection::{Channel, ChannelEvent, Connection, Happening},
    turn_tests::TurnServer,
};

/// What each measurement of throughput carries, in bytes.
const BYTES: usize = 400 << 20;

fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    sorted[(sorted.len() - 1) * percent / 100]
}

fn print(what: &str, mut times: Vec<Duration>) {
    times.sort();
    println!(
        "{what}: p50 {:?}, p90 {:?}, p99 {:?} of {}",
        percentile(&times, 50),
        percentile(&times, 90),
        percentile(&times, 99),
        times.len()
    );
}

/// What this process has used of processors, on Linux. On a machine that does other things too, this tells more than the time.
fn used() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let mut ticks = stat.rsplit(')').next()?.split_ascii_whitespace().skip(11);
    let (user, system): (f64, f64) = (ticks.next()?.parse().ok()?, ticks.next()?.parse().ok()?);
    Some((user + system) / 100.0)
}

/// A transfer that is being measured.
struct Transfer {
    began: Instant,
    used: Option<f64>,
}

impl Transfer {
    fn begin() -> Self {
        Self { began: Instant::now(), used: used() }
    }

    fn print(&self, what: &str, bytes: usize) {
        let gigabytes = bytes as f64 / 1e9;
        let rate = gigabytes * 1e3 / self.began.elapsed().as_secs_f64();
        let cost = used().zip(self.used).map_or(f64::NAN, |(now, before)| (now - before) / gigabytes);
        println!("{what}: {rate:.0} MB/s, {cost:.1} s of processor time a GB");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn measure_opening() {
    for delay in [0, 30] {
        let mut times = Vec::new();
        for _ in 0..40 {
            let (mut alice, mut bob, wire) = pair(&PeerConfig::default());
            wire.delay(Duration::from_millis(delay));
            let began = Instant::now();
            alice.dial(&bob).await;
            alice.up().await;
            bob.up().await;
            times.push(began.elapsed());
            alice.ask(PeerCommand::Shutdown).await;
            bob.ask(PeerCommand::Shutdown).await;
        }
        print(&format!("open, signalling {delay} ms one way"), times);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn measure_round_trip() {
    let (mut alice, mut bob, _wire) = connected(&PeerConfig::default()).await;
    let mut times = Vec::new();
    for _ in 0..5_000 {
        let began = Instant::now();
        alice.send(&bob, vec![7; 200]).await;
        bob.received().await;
        bob.send(&alice, vec![7; 200]).await;
        alice.received().await;
        times.push(began.elapsed());
    }
    print("round trip of 200 bytes, command to event and back", times);
    let mut pings = Vec::new();
    for _ in 0..8 {
        alice.send(&bob, vec![7; 200]).await;
        let micros = alice.until(|event| match event {
            PeerEvent::RoundTrip { micros, .. } => Some(*micros),
            _ => None,
        });
        pings.push(Duration::from_micros(u64::from(micros.await)));
    }
    print("ping", pings);
}

/// Two connections and their channels, without anything of ours around them: what a link can be at best.
async fn bare() -> [(Connection, Channel); 2] {
    let config = PeerConfig::default();
    let (mut alice, channel, mut of_alice, offer) = Connection::offer(&config).await.unwrap();
    let (mut bob, mut of_bob, answer) = Connection::answer(&config, offer).await.unwrap();
    alice.answered(answer).await.unwrap();
    let theirs = loop {
        tokio::select! {
            Some(Happening::Candidate(candidate)) = of_alice.recv() => bob.add_candidate(candidate).await,
            Some(happening) = of_bob.recv() => match happening {
                Happening::Candidate(candidate) => alice.add_candidate(candidate).await,
                Happening::Channel(theirs) => break theirs,
                Happening::Broken => panic!("broken"),
            },
        }
    };
    tokio::join!(channel.next(), theirs.next());
    [(alice, channel), (bob, theirs)]
}

async fn message(channel: &Channel) -> BytesMut {
    loop {
        match channel.next().await {
            ChannelEvent::Message(message) => return message,
            ChannelEvent::Open => {}
            ChannelEvent::Closed => panic!("closed"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn measure_the_library_alone() {
    let [(_a, alice), (_b, bob)] = bare().await;
    let mut times = Vec::new();
    for _ in 0..5_000 {
        let began = Instant::now();
        alice.send(BytesMut::from(&[7; 200][..])).await;
        message(&bob).await;
        bob.send(BytesMut::from(&[7; 200][..])).await;
        message(&alice).await;
        times.push(began.elapsed());
    }
    print("the library alone: round trip of 200 bytes", times);
    for length in [16 << 10, 60_000] {
        let [(_a, alice), (_b, bob)] = bare().await;
        let payload = vec![9; length];
        let count = BYTES / length;
        let transfer = Transfer::begin();
        let taking = tokio::spawn(async move {
            for _ in 0..count {
                message(&bob).await;
            }
        });
        for _ in 0..count {
            assert!(alice.send(BytesMut::from(&payload[..])).await);
        }
        taking.await.unwrap();
        transfer.print(&format!("the library alone: throughput in messages of {length}"), count * length);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn measure_turn() {
    let Some(server) = TurnServer::start() else { return };
    let mut times = Vec::new();
    for _ in 0..20 {
        let (mut alice, mut bob, _wire) = pair(&server.config());
        let began = Instant::now();
        alice.dial(&bob).await;
        alice.up().await;
        bob.up().await;
        times.push(began.elapsed());
        alice.ask(PeerCommand::Shutdown).await;
        bob.ask(PeerCommand::Shutdown).await;
    }
    print("open through TURN", times);
    let (mut alice, mut bob, _wire) = connected(&server.config()).await;
    let mut times = Vec::new();
    for _ in 0..2_000 {
        let began = Instant::now();
        alice.send(&bob, vec![7; 200]).await;
        bob.received().await;
        bob.send(&alice, vec![7; 200]).await;
        alice.received().await;
        times.push(began.elapsed());
    }
    print("round trip of 200 bytes through TURN, command to event and back", times);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn measure_throughput() {
    for length in [16 << 10, 59_999, MAX_FRAME] {
        let (mut alice, mut bob, _wire) = connected(&PeerConfig::default()).await;
        let frame = Bytes::from(vec![9; length]);
        let count = BYTES / length;
        let transfer = Transfer::begin();
        let taking = tokio::spawn(async move {
            for _ in 0..count {
                bob.received().await;
            }
        });
        let peer = device_id(2);
        let link = alice.current[&peer];
        let (mut given, mut taken) = (0, 0);
        for _ in 0..count {
            while given + length as u64 - taken > (SEND_WINDOW - (512 << 10)) as u64 {
                taken = alice
                    .until(|event| match event {
                        PeerEvent::Sent { total, .. } => Some(*total),
                        PeerEvent::Down { reason, .. } => panic!("{reason:?}"),
                        _ => None,
                    })
                    .await;
            }
            given += length as u64;
            alice.ask(PeerCommand::Send { peer, link, frame: frame.clone() }).await;
        }
        taking.await.unwrap();
        transfer.print(&format!("throughput in frames of {length}"), count * length);
    }
}
