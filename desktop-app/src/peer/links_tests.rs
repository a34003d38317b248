//! How links come, carry and go: real WebRTC on loopback.

use super::super::{
    PathKind, Trouble,
    company::{Device, PATIENCE, alert, connected, device_id, devices, pair},
};
use super::*;
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

fn numbered(number: u32) -> Bytes {
    let mut frame = number.to_be_bytes().to_vec();
    frame.resize(4 + (number as usize * 7) % 300, 0x5a);
    frame.into()
}

fn number_of(frame: &Bytes) -> u32 {
    u32::from_be_bytes(frame[..4].try_into().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bob_gets_a_thousand_frames_of_alice_in_order_and_alice_his() {
    let (mut alice, mut bob, _wire) = pair(&PeerConfig::default());
    alice.dial(&bob).await;
    let (link, path) = alice.up().await;
    assert_eq!(bob.up().await, (link, path));
    assert_eq!(path, PathKind::Lan);
    for number in 0..1_000 {
        alice.send(&bob, numbered(number)).await;
        bob.send(&alice, numbered(number)).await;
    }
    for number in 0..1_000 {
        assert_eq!(bob.received().await, numbered(number));
        assert_eq!(alice.received().await, numbered(number));
    }
    let micros = alice.until(|event| match event {
        PeerEvent::RoundTrip { micros, .. } => Some(*micros),
        _ => None,
    });
    assert!(micros.await < 1_000_000);
}

/// A message and its mark, one exchange after the other: each way a packet that carries it and one that acknowledges what came. Were
/// packets sent again, or acknowledged late and then by themselves, there would be more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_and_its_mark_take_no_more_packets_than_they_need() {
    const EXCHANGES: u64 = 300;
    let trouble = Trouble::default();
    let (mut alice, mut bob, _wire) =
        connected(&PeerConfig { trouble: Some(trouble.clone()), ..PeerConfig::default() }).await;
    let before = trouble.packets();
    for _ in 0..EXCHANGES {
        alice.send(&bob, vec![7; 400]).await;
        bob.received().await;
        bob.send(&alice, vec![7; 300]).await;
        alice.received().await;
    }
    let packets = trouble.packets() - before;
    println!("{packets} packets for {EXCHANGES} exchanges");
    assert!(packets >= 2 * EXCHANGES, "they are counted");
    // Some pings, and the last of the checks by which the link was made, come on top.
    assert!(packets <= 4 * EXCHANGES + 50, "{packets} packets for {EXCHANGES} exchanges");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_dial_at_once_and_share_one_link() {
    for _ in 0..5 {
        let (mut alice, mut bob, wire) = pair(&PeerConfig::default());
        wire.delay(Duration::from_millis(20));
        tokio::join!(alice.dial(&bob), bob.dial(&alice));
        assert_eq!(alice.up().await, bob.up().await);
        alice.send(&bob, "from alice").await;
        bob.send(&alice, "from bob").await;
        assert_eq!(bob.received().await, "from alice");
        assert_eq!(alice.received().await, "from bob");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_frames_arrive_whole() {
    let (mut alice, mut bob, _wire) = connected(&PeerConfig::default()).await;
    for length in [1, 16 << 10, (16 << 10) + 1, 60_000, 60_001, 120_000, MAX_FRAME] {
        let frame: Bytes = (0..length).map(|at| (at % 251) as u8).collect();
        alice.send(&bob, frame.clone()).await;
        bob.send(&alice, frame.clone()).await;
        assert!(bob.received().await == frame, "{length} bytes to bob");
        assert!(alice.received().await == frame, "{length} bytes to alice");
    }
    alice.send(&bob, vec![0; MAX_FRAME + 1]).await;
    assert_eq!(alice.dropped().await, DropReason::BadLength);
    alice.send(&bob, "still there").await;
    assert_eq!(bob.received().await, "still there");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_link_closes_though_pings_go_on_and_a_dial_brings_it_back() {
    let config = PeerConfig { idle_close: Duration::from_millis(900), ..alert() };
    let (mut alice, mut bob, _wire) = connected(&config).await;
    let idle = [DownReason::Closed(CloseReason::Idle), DownReason::ClosedByPeer(CloseReason::Idle)];
    assert!(idle.contains(&alice.down().await));
    assert!(idle.contains(&bob.down().await));
    alice.dial(&bob).await;
    assert_eq!(alice.up().await.0, bob.up().await.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_network_replaces_the_link_and_nothing_is_out_of_order() {
    let (mut alice, mut bob, wire) = connected(&PeerConfig::default()).await;
    wire.delay(Duration::from_millis(10));
    let mut last = None;
    let mut number = 0;
    for round in 0..3 {
        match round {
            0 => alice.ask(PeerCommand::NetworkChanged).await,
            1 => bob.ask(PeerCommand::NetworkChanged).await,
            _ => {
                tokio::join!(alice.ask(PeerCommand::NetworkChanged), bob.ask(PeerCommand::NetworkChanged));
            }
        }
        let old = bob.current[&alice.id];
        // Alice sends on whatever link she has; what the switch swallows is swallowed.
        let (mut alice_switched, mut bob_switched) = (false, false);
        let mut final_number = None;
        let deadline = Instant::now() + PATIENCE;
        while final_number.is_none() || last != final_number {
            assert!(Instant::now() < deadline, "the switch of round {round}");
            if final_number.is_none() {
                if alice_switched && bob_switched {
                    final_number = Some(number);
                }
                if alice.current.contains_key(&bob.id) {
                    alice.send(&bob, numbered(number)).await;
                    number += 1;
                }
            }
            tokio::select! {
                event = alice.next() => match event {
                    PeerEvent::Down { reason, .. } => {
                        assert_eq!(reason, DownReason::Replaced);
                        assert_ne!(alice.up().await.0, old);
                        alice_switched = true;
                    }
                    // Meant for the link which had just gone down.
                    PeerEvent::RoundTrip { .. }
                    | PeerEvent::Sent { .. }
                    | PeerEvent::Dropped { .. } => {}
                    other => panic!("{other:?}"),
                },
                event = bob.next() => match event {
                    PeerEvent::Down { reason, .. } => assert_eq!(reason, DownReason::Replaced),
                    PeerEvent::Up { link, .. } => bob_switched = link != old,
                    PeerEvent::Received { frame, .. } => {
                        assert!(last < Some(number_of(&frame)), "{last:?} before");
                        last = Some(number_of(&frame));
                    }
                    PeerEvent::RoundTrip { .. } => {}
                    other => panic!("{other:?}"),
                },
            }
        }
        assert_eq!(alice.current[&bob.id], bob.current[&alice.id]);
    }
}

#[test]
fn a_peer_that_vanishes_is_noticed_after_a_send_and_in_silence() {
    let here = tokio::runtime::Runtime::new().unwrap();
    for after_a_send in [true, false] {
        let there = tokio::runtime::Runtime::new().unwrap();
        here.block_on(async {
            let (id_alice, id_bob) = (device_id(1), device_id(2));
            let (alice_out, mut alice_source) = mpsc::channel(256);
            let (bob_out, mut bob_source) = mpsc::channel(256);
            let commands = PeerLinks::start(id_alice, alert(), alice_out);
            let bob_commands = there.spawn(async move { PeerLinks::start(id_bob, alert(), bob_out) }).await.unwrap();
            let back = commands.clone();
            there.spawn(async move {
                while let Some(event) = bob_source.recv().await {
                    if let PeerEvent::Signal { body, .. } = event {
                        let _ = back.send(PeerCommand::Signal { from: id_bob, body }).await;
                    }
                }
            });
            let (sink, events) = mpsc::channel(256);
            tokio::spawn(async move {
                while let Some(event) = alice_source.recv().await {
                    if let PeerEvent::Signal { body, .. } = event {
                        let _ = bob_commands.send(PeerCommand::Signal { from: id_alice, body }).await;
                    } else {
                        let _ = sink.send(event).await;
                    }
                }
            });
            let mut alice = Device { id: id_alice, commands, events, current: HashMap::new() };
            alice.ask(PeerCommand::Dial { peer: id_bob }).await;
            let (link, _) = alice.up().await;
            there.shutdown_background();
            let vanished = Instant::now();
            if after_a_send {
                alice.ask(PeerCommand::Send { peer: id_bob, link, frame: "hello?".into() }).await;
            }
            assert_eq!(alice.down().await, DownReason::Unanswered);
            assert!(vanished.elapsed() < Duration::from_secs(4), "{:?}", vanished.elapsed());
            // The wish stands: attempts go on, and fail.
            assert_eq!(alice.dial_failed().await, DialFailure::NoAnswer);
        });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_signals_do_nothing() {
    let (mut alice, mut bob, _wire) = pair(&PeerConfig::default());
    let mut random = StdRng::seed_from_u64(7);
    let sdp = "v=0\\r\\no=- 1 1 IN IP4 0.0.0.0\\r\\ns=-\\r\\nt=0 0\\r\\na=fingerprint:sha-256 AA\\r\\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\\r\\na=sctp-port:x\\r\\n";
    for round in 0..200u32 {
        let link = format!("{:016x}", round % 5);
        let mut body = match round % 7 {
            0 => String::new(),
            1 => "{".repeat(50_000),
            2 => format!(r#"{{"link":"{link}","kind":"offer","sdp":"{sdp}"}}"#),
            3 => format!(r#"{{"link":"{link}","kind":"answer","sdp":"{}"}}"#, "x".repeat(40_000)),
            4 => format!(
                r#"{{"link":"{link}","kind":"candidate","candidate":"candidate:1 1 udp 1 127.0.0.1 9 typ host"}}"#
            ),
            5 => format!(r#"{{"link":"{link}","kind":"bye","reason":"unwanted"}}"#),
            _ => format!(r#"{{"link":"{link}","kind":"offer","sdp":"{}"}}"#, "é".repeat(9_000)),
        };
        if round % 3 == 0 && !body.is_empty() {
            let at = random.random_range(0..body.len().min(200));
            if body.is_char_boundary(at) {
                body.insert(at, random.random());
            }
        }
        bob.ask(PeerCommand::Signal { from: alice.id, body: body.clone() }).await;
        bob.ask(PeerCommand::Signal { from: device_id(u128::from(round) + 10), body }).await;
    }
    alice.dial(&bob).await;
    // The offers of the garbage have used up what alice may offer, so this takes a while.
    assert_eq!(alice.up().await.0, bob.up().await.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_close_is_told_and_ends_the_wish_on_both_sides() {
    let (mut alice, mut bob, wire) = connected(&PeerConfig::default()).await;
    wire.cut();
    alice.ask(PeerCommand::Close { peer: bob.id, reason: CloseReason::Unwanted }).await;
    let asked = Instant::now();
    assert_eq!(alice.down().await, DownReason::Closed(CloseReason::Unwanted));
    assert_eq!(bob.down().await, DownReason::ClosedByPeer(CloseReason::Unwanted));
    assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
    wire.mend();
    bob.dial(&alice).await;
    assert_eq!(alice.up().await.0, bob.up().await.0);
    bob.ask(PeerCommand::Shutdown).await;
    assert_eq!(alice.down().await, DownReason::ClosedByPeer(CloseReason::Shutdown));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_link_too_many_closes_the_one_used_longest_ago() {
    let (devices, _wire) = devices(4, &PeerConfig { max_links: 2, ..PeerConfig::default() });
    let [mut alice, mut bob, mut carol, mut dave] = <[Device; 4]>::try_from(devices).ok().unwrap();
    alice.dial(&bob).await;
    alice.up().await;
    bob.up().await;
    alice.dial(&carol).await;
    alice.up().await;
    carol.up().await;
    alice.send(&bob, "bob is used").await;
    assert_eq!(bob.received().await, "bob is used");
    dave.dial(&alice).await;
    assert_eq!(carol.down().await, DownReason::ClosedByPeer(CloseReason::Limit));
    dave.up().await;
    assert_eq!(alice.down().await, DownReason::Closed(CloseReason::Limit));
    alice.send(&bob, "bob is there").await;
    assert_eq!(bob.received().await, "bob is there");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_fingerprint_never_gives_a_link() {
    let config = PeerConfig { open_deadline: Duration::from_millis(1_500), ..PeerConfig::default() };
    let (mut alice, mut bob, wire) = pair(&config);
    wire.alter(|body| match body.find("sha-256 ") {
        Some(at) => {
            let (before, after) = body.split_at(at + 8);
            let flipped = if after.starts_with('0') { '1' } else { '0' };
            format!("{before}{flipped}{}", &after[1..])
        }
        None => body,
    });
    tokio::join!(alice.dial(&bob), bob.dial(&alice));
    alice.dial_failed().await;
    bob.dial_failed().await;
    alice.dial_failed().await;
    wire.alter(|body| body);
    assert_eq!(alice.up().await.0, bob.up().await.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_outlives_the_relay_and_a_wish_its_absence() {
    let config = PeerConfig { open_deadline: Duration::from_millis(800), ..alert() };
    let (mut alice, mut bob, wire) = pair(&config);
    wire.cut();
    alice.dial(&bob).await;
    assert_eq!(alice.dial_failed().await, DialFailure::NoAnswer);
    wire.mend();
    assert_eq!(alice.up().await.0, bob.up().await.0);
    wire.cut();
    for number in 0..5 {
        alice.send(&bob, numbered(number)).await;
        assert_eq!(bob.received().await, numbered(number));
        alice.until(|event| matches!(event, PeerEvent::RoundTrip { .. }).then_some(())).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_relay_only_delays_a_link() {
    let config = PeerConfig { open_deadline: Duration::from_millis(1_000), ..PeerConfig::default() };
    let (mut alice, mut bob, wire) = pair(&config);
    wire.delay(Duration::from_millis(30));
    wire.lose(20);
    wire.double(30);
    tokio::join!(alice.dial(&bob), bob.dial(&alice));
    // One side may see a link come and go before both have the same. Whoever has no luck at all waits ever longer between attempts, so
    // at some time the relay gets better.
    let (better, deadline) = (Instant::now() + PATIENCE / 3, Instant::now() + PATIENCE * 2);
    loop {
        let same = alice.current.get(&bob.id).is_some_and(|link| Some(link) == bob.current.get(&alice.id));
        if same {
            break;
        }
        assert!(Instant::now() < deadline);
        if Instant::now() > better {
            wire.lose(0);
        }
        tokio::select! { _ = alice.next() => {} _ = bob.next() => {} () = tokio::time::sleep(PATIENCE / 30) => {} }
    }
    alice.send(&bob, "through").await;
    assert_eq!(bob.received().await, "through");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frame_for_another_link_is_not_sent() {
    let (mut alice, bob, _wire) = connected(&PeerConfig::default()).await;
    let link = LinkId::random();
    alice.ask(PeerCommand::Send { peer: bob.id, link, frame: "stray".into() }).await;
    assert_eq!(alice.dropped().await, DropReason::NotCurrent);
    let nobody = device_id(99);
    alice.ask(PeerCommand::Send { peer: nobody, link, frame: "stray".into() }).await;
    assert_eq!(alice.dropped().await, DropReason::NotCurrent);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_core_that_stands_still_loses_nothing_and_a_flood_beyond_the_window_closes() {
    let (mut alice, mut bob, _wire) = connected(&PeerConfig::default()).await;
    // Nobody takes bob's events meanwhile.
    for number in 0..3_000 {
        alice.send(&bob, numbered(number)).await;
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    for number in 0..3_000 {
        assert_eq!(bob.received().await, numbered(number));
    }
    for _ in 0..200 {
        alice.send(&bob, vec![1; 256 << 10]).await;
    }
    assert_eq!(alice.down().await, DownReason::Overrun);
}
