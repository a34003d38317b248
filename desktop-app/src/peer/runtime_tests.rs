//! Shows the flush fault: the same connection is opened on tokio's runtime and on ours.

use std::time::Instant;

use async_trait::async_trait;
use tokio::sync::mpsc;
use webrtc::{
    data_channel::DataChannelEvent,
    peer_connection::{PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCPeerConnectionIceEvent},
};

use super::*;
use crate::peer::connection::settings;

struct Candidates(mpsc::Sender<RTCPeerConnectionIceEvent>);

#[async_trait]
impl PeerConnectionEventHandler for Candidates {
    async fn on_ice_candidate(&self, event: RTCPeerConnectionIceEvent) {
        let _ = self.0.try_send(event);
    }
}

type Built = (Arc<dyn PeerConnection>, mpsc::Receiver<RTCPeerConnectionIceEvent>);

async fn build(runtime: Arc<dyn Runtime>) -> Built {
    let (sender, candidates) = mpsc::channel(64);
    let connection = PeerConnectionBuilder::new()
        .with_setting_engine(settings())
        .with_runtime(runtime)
        .with_handler(Arc::new(Candidates(sender)))
        .with_udp_addrs(vec!["127.0.0.1:0"])
        .build()
        .await
        .unwrap();
    (Arc::new(connection), candidates)
}

fn trickle(mut candidates: mpsc::Receiver<RTCPeerConnectionIceEvent>, to: Arc<dyn PeerConnection>) {
    tokio::spawn(async move {
        while let Some(event) = candidates.recv().await {
            let _ = to.add_ice_candidate(event.candidate.to_json().unwrap()).await;
        }
    });
}

/// From the offer to the open channel.
async fn opening(runtime: fn() -> Arc<dyn Runtime>) -> Duration {
    let (alice, alice_candidates) = build(runtime()).await;
    let (bob, bob_candidates) = build(runtime()).await;
    let began = Instant::now();
    let channel = alice.create_data_channel("test", None).await.unwrap();
    let offer = alice.create_offer(None).await.unwrap();
    alice.set_local_description(offer.clone()).await.unwrap();
    bob.set_remote_description(offer).await.unwrap();
    let answer = bob.create_answer(None).await.unwrap();
    bob.set_local_description(answer.clone()).await.unwrap();
    alice.set_remote_description(answer).await.unwrap();
    trickle(alice_candidates, Arc::clone(&bob));
    trickle(bob_candidates, Arc::clone(&alice));
    let opened = tokio::time::timeout(Duration::from_secs(10), async {
        while !matches!(channel.poll().await, Some(DataChannelEvent::OnOpen)) {}
    });
    // One that doesn't open at all is as slow as it gets.
    let _ = opened.await;
    let took = began.elapsed();
    alice.close().await.unwrap();
    bob.close().await.unwrap();
    took
}

async fn median(runtime: fn() -> Arc<dyn Runtime>) -> Duration {
    let mut times = Vec::new();
    for _ in 0..5 {
        times.push(opening(runtime).await);
    }
    times.sort();
    times[2]
}

/// When this fails because the plain runtime is quick, the fault is gone and with it the reason for ours.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_opens_many_times_quicker_than_on_the_plain_runtime() {
    let plain = median(|| Arc::new(TokioRuntime)).await;
    let ours = median(|| Arc::new(FlushingRuntime::new(None))).await;
    println!("plain {plain:?}, ours {ours:?}");
    assert!(ours * 4 < plain, "plain {plain:?}, ours {ours:?}");
}

#[tokio::test]
async fn sleeps_outside_the_driver_last() {
    let runtime = FlushingRuntime::new(None);
    let began = Instant::now();
    runtime.sleep(Duration::from_millis(50)).await;
    assert!(began.elapsed() >= Duration::from_millis(50));
}

#[tokio::test]
async fn the_driver_sleeps_once_three_passes_were_idle() {
    let runtime = Arc::new(FlushingRuntime::new(None));
    let inner = Arc::clone(&runtime);
    let (sender, mut slept) = mpsc::channel(1);
    runtime.spawn(Box::pin(async move {
        let mut lasted = Vec::new();
        for _ in 0..8 {
            let began = Instant::now();
            inner.sleep(Duration::from_millis(100)).await;
            lasted.push(began.elapsed() >= Duration::from_millis(100));
        }
        sender.send(lasted).await.unwrap();
    }));
    let lasted = slept.recv().await.unwrap();
    assert_eq!(lasted, [false, false, false, true, false, false, false, true]);
}
