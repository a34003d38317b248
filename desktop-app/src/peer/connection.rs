//! One WebRTC connection with its one channel, ordered and reliable. The only file that knows how the library is asked.
//!
//! Its handlers run on the library's driver, which also answers pings and acknowledges packets, so they never wait: they
//! pass on by a bounded queue. Whoever drops a connection without closing it has it closed in the background, since the library
//! would otherwise keep it.

use std::{
    collections::BTreeSet,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use bytes::BytesMut;
use rtc::ice::mdns::MulticastDnsMode;
use thiserror::Error;
use tokio::sync::mpsc;
use webrtc::{
    data_channel::{DataChannel, DataChannelEvent, RTCDataChannelInit},
    peer_connection::{
        PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCConfigurationBuilder,
        RTCIceCandidateInit, RTCIceCandidateType, RTCIceServer, RTCIceTransportPolicy, RTCPeerConnectionIceEvent,
        RTCPeerConnectionState, RTCSessionDescription, RTCStatsReportEntry, SettingEngine, SettingEngineBuilder,
        StatsSelector,
    },
};

use super::{
    IceServer, PathKind, PeerConfig,
    interfaces::{Interfaces, are_near},
    runtime::{FlushingRuntime, send_buffer_limit},
    signal::{Candidate, MAX_SDP},
};

/// What the driver may tell before anybody listens: our own candidates, mostly.
const HAPPENINGS: usize = 128;

/// A close that takes longer goes on in the background.
const CLOSE_DEADLINE: Duration = Duration::from_secs(1);

const LABEL: &str = "parley";

/// What the library reports of its own accord.
pub(super) enum Happening {
    /// An address at which we may be reached.
    Candidate(Candidate),
    /// The peer has opened a channel.
    Channel(Channel),
    /// The connection will not carry anything any more.
    Broken,
}

/// Why a connection could not be made.
#[derive(Debug, Error)]
pub(super) enum ConnectionError {
    #[error("WebRTC: {0}")]
    Library(#[from] webrtc::error::Error),
    #[error("our description is {0} bytes long")]
    TooLong(usize),
}

/// One connection.
pub(super) struct Connection {
    library: Option<Arc<dyn PeerConnection>>,
    /// Where TURN servers relay for the peer, as it has signalled.
    relayed_at: BTreeSet<(IpAddr, u16)>,
}

impl Connection {
    /// Begins a connection; the description is to be offered to the peer.
    pub(super) async fn offer(
        config: &PeerConfig,
    ) -> Result<(Self, Channel, mpsc::Receiver<Happening>, String), ConnectionError> {
        let (connection, happenings) = Self::build(config).await?;
        let library = connection.library()?;
        let init = RTCDataChannelInit { ordered: true, ..Default::default() };
        let channel = Channel(library.create_data_channel(LABEL, Some(init)).await?);
        let offer = library.create_offer(None).await?;
        let sdp = bounded(offer.sdp.clone())?;
        library.set_local_description(offer).await?;
        Ok((connection, channel, happenings, sdp))
    }

    /// Begins a connection as the answer to an offer; the description is that answer. The channel follows as a happening.
    pub(super) async fn answer(
        config: &PeerConfig,
        offer: String,
    ) -> Result<(Self, mpsc::Receiver<Happening>, String), ConnectionError> {
        let (connection, happenings) = Self::build(config).await?;
        let library = connection.library()?;
        library.set_remote_description(RTCSessionDescription::offer(offer)?).await?;
        let answer = library.create_answer(None).await?;
        let sdp = bounded(answer.sdp.clone())?;
        library.set_local_description(answer).await?;
        Ok((connection, happenings, sdp))
    }

    async fn build(config: &PeerConfig) -> Result<(Self, mpsc::Receiver<Happening>), ConnectionError> {
        let policy = match config.relayed_only {
            true => RTCIceTransportPolicy::Relay,
            false => RTCIceTransportPolicy::All,
        };
        let configuration = RTCConfigurationBuilder::new()
            .with_ice_servers(config.ice_servers.iter().filter_map(usable).collect())
            .with_ice_transport_policy(policy)
            .build();
        let (sender, happenings) = mpsc::channel(HAPPENINGS);
        let handler =
            Handler { happenings: sender, relayed_only: config.relayed_only, channel_seen: Mutex::new(false) };
        let library = PeerConnectionBuilder::new()
            .with_configuration(configuration)
            .with_setting_engine(settings())
            .with_runtime(Arc::new(FlushingRuntime::new(config.trouble.clone())))
            .with_handler(Arc::new(handler))
            .with_udp_addrs(vec![Interfaces])
            .with_data_channel_send_buffer_limit(send_buffer_limit())
            .build()
            .await?;
        Ok((Self { library: Some(Arc::new(library)), relayed_at: BTreeSet::new() }, happenings))
    }

    /// The peer has answered our offer.
    pub(super) async fn answered(&self, sdp: String) -> Result<(), ConnectionError> {
        let library = self.library()?;
        Ok(library.set_remote_description(RTCSessionDescription::answer(sdp)?).await?)
    }

    /// The peer may be reached there. To be called after its description is known.
    pub(super) async fn add_candidate(&mut self, candidate: Candidate) {
        self.relayed_at.extend(candidate.relayed_at());
        let init = RTCIceCandidateInit {
            candidate: candidate.0,
            sdp_mid: Some(String::new()),
            sdp_mline_index: Some(0),
            ..Default::default()
        };
        let Ok(library) = self.library() else { return };
        if let Err(error) = library.add_ice_candidate(init).await {
            tracing::debug!(%error, "a candidate of the peer is of no use");
        }
    }

    /// Whether the certificate at the other end is the one whose fingerprint stands in the peer's description. The library checks the same
    /// during the handshake; that the peer is who it is hangs on this alone, so we look ourselves.
    pub(super) async fn is_authentic(&self) -> bool {
        let Ok(library) = self.library() else {
            return false;
        };
        let Some(description) = library.remote_description().await else {
            return false;
        };
        let report = library.get_stats(Instant::now(), StatsSelector::None).await;
        let remote = report.iter().find_map(|entry| match entry {
            RTCStatsReportEntry::Transport(transport) => {
                Some(transport.remote_certificate_id.clone()).filter(|id| !id.is_empty())
            }
            _ => None,
        });
        let Some(remote) = remote else { return false };
        let presented = report.iter().find_map(|entry| match entry {
            RTCStatsReportEntry::Certificate(certificate) if certificate.stats.id == remote => {
                Some(certificate.fingerprint.as_str())
            }
            _ => None,
        });
        presented.is_some_and(|presented| promises(&description.sdp, presented))
    }

    /// How the connection travels; `None` while ICE has no way, and when the library doesn't tell.
    pub(super) async fn path(&self) -> Option<PathKind> {
        let transport = self.library().ok()?.sctp().await?.transport().ice_transport();
        let pair = transport.get_selected_candidate_pair().await.ok()??;
        let (local, remote) = (pair.local(), pair.remote());
        // A relayed candidate of the peer is seen as a reflexive one if its packets come before its signal.
        let remote_at = remote.address.parse().ok().map(|ip: IpAddr| (ip, remote.port));
        if local.typ == RTCIceCandidateType::Relay
            || remote.typ == RTCIceCandidateType::Relay
            || remote_at.is_some_and(|at| self.relayed_at.contains(&at))
        {
            return Some(PathKind::Turn);
        }
        let ours = local.address.parse().ok();
        let near = ours.zip(remote_at).is_some_and(|(ours, (theirs, _))| are_near(ours, theirs));
        Some(if near { PathKind::Lan } else { PathKind::Direct })
    }

    /// Tells the peer, and frees everything. The peer sees it within a round trip.
    pub(super) async fn close(mut self) {
        let Some(library) = self.library.take() else {
            return;
        };
        let closing = tokio::spawn(async move {
            if let Err(error) = library.close().await {
                tracing::debug!(%error, "a connection did not close cleanly");
            }
        });
        let _ = tokio::time::timeout(CLOSE_DEADLINE, closing).await;
    }

    fn library(&self) -> Result<&Arc<dyn PeerConnection>, ConnectionError> {
        let closed = webrtc::error::Error::ErrConnectionClosed;
        self.library.as_ref().ok_or(ConnectionError::Library(closed))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(library) = self.library.take()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(async move { library.close().await });
        }
    }
}

/// The channel of a connection.
pub(super) struct Channel(Arc<dyn DataChannel>);

/// What a channel tells.
pub(super) enum ChannelEvent {
    Open,
    Message(BytesMut),
    Closed,
}

impl Channel {
    /// The next event. Nothing is lost if the wait is given up.
    pub(super) async fn next(&self) -> ChannelEvent {
        loop {
            return match self.0.poll().await {
                Some(DataChannelEvent::OnOpen) => ChannelEvent::Open,
                Some(DataChannelEvent::OnMessage(message)) => ChannelEvent::Message(message.data),
                Some(DataChannelEvent::OnClosing | DataChannelEvent::OnClose) | None => ChannelEvent::Closed,
                Some(_) => continue,
            };
        }
    }

    /// Waits until [`Self::send`] will not wait; false once the channel is closed.
    pub(super) async fn is_writable(&self) -> bool {
        self.0.writable().await.is_ok()
    }

    /// Hands over a message of at most 64 KiB; false once the channel is closed.
    pub(super) async fn send(&self, message: BytesMut) -> bool {
        self.0.send(message).await.is_ok()
    }

    /// Bytes handed over which the peer has not acknowledged.
    pub(super) async fn outstanding(&self) -> usize {
        self.0.outstanding_bytes().await.unwrap_or(0)
    }
}

struct Handler {
    happenings: mpsc::Sender<Happening>,
    relayed_only: bool,
    channel_seen: Mutex<bool>,
}

impl Handler {
    /// Too many candidates of our own are no loss; a break that finds the queue full is noticed by the pings.
    fn tell(&self, happening: Happening) {
        let _ = self.happenings.try_send(happening);
    }
}

#[async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_ice_candidate(&self, event: RTCPeerConnectionIceEvent) {
        let relayed = event.candidate.typ == RTCIceCandidateType::Relay;
        if self.relayed_only && !relayed {
            return;
        }
        let Ok(init) = event.candidate.to_json() else {
            return;
        };
        let candidate = Candidate(init.candidate);
        self.tell(Happening::Candidate(match self.relayed_only {
            true => candidate.without_origin(),
            false => candidate,
        }));
    }

    async fn on_data_channel(&self, channel: Arc<dyn DataChannel>) {
        let seen = std::mem::replace(&mut *self.channel_seen.lock().unwrap_or_else(PoisonError::into_inner), true);
        // One channel is all there is; each more would cost memory.
        self.tell(if seen { Happening::Broken } else { Happening::Channel(Channel(channel)) });
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        if matches!(state, RTCPeerConnectionState::Failed | RTCPeerConnectionState::Closed) {
            self.tell(Happening::Broken);
        }
    }
}

/// As measured: quick to check, quick to accept, and no socket for mDNS, which would not hide local addresses anyway.
pub(super) fn settings() -> SettingEngine {
    let at_once = Some(Duration::ZERO);
    SettingEngineBuilder::new()
        .with_ice_timeouts(Some(Duration::from_secs(4)), Some(Duration::from_secs(8)), Some(Duration::from_secs(1)))
        // For two seconds: the peer may hear of us that much later, and its firewall opens only then.
        .with_ice_connection_attempts(Some(Duration::from_millis(20)), Some(100))
        .with_host_acceptance_min_wait(at_once)
        .with_srflx_acceptance_min_wait(at_once)
        .with_prflx_acceptance_min_wait(at_once)
        .with_relay_acceptance_min_wait(at_once)
        .with_multicast_dns_mode(MulticastDnsMode::Disabled)
        .with_include_loopback_candidate(true)
        .build()
}

fn bounded(sdp: String) -> Result<String, ConnectionError> {
    if sdp.len() > MAX_SDP {
        return Err(ConnectionError::TooLong(sdp.len()));
    }
    Ok(sdp)
}

fn usable(server: &IceServer) -> Option<RTCIceServer> {
    let server = RTCIceServer {
        urls: server.urls.clone(),
        username: server.username.clone().unwrap_or_default(),
        credential: server.credential.clone().unwrap_or_default(),
    };
    match server.urls() {
        Ok(_) => Some(server),
        Err(error) => {
            tracing::warn!(%error, urls = ?server.urls, "an ICE server is left out");
            None
        }
    }
}

/// Whether a description names this SHA-256 fingerprint (RFC 8122, section 5).
fn promises(sdp: &str, fingerprint: &str) -> bool {
    sdp.lines().filter_map(|line| line.strip_prefix("a=fingerprint:")).filter_map(|line| line.split_once(' ')).any(
        |(hash, promised)| hash.eq_ignore_ascii_case("sha-256") && promised.trim().eq_ignore_ascii_case(fingerprint),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_promised_fingerprint_counts() {
        let sdp = "v=0\r\na=fingerprint:sha-256 AB:CD\r\na=fingerprint:sha-1 11:22\r\n";
        assert!(promises(sdp, "ab:cd"));
        assert!(!promises(sdp, "AB:CE"));
        assert!(!promises(sdp, "AB"));
        assert!(!promises(sdp, "11:22"));
        assert!(!promises("", ""));
    }

    #[test]
    fn a_server_that_cannot_be_understood_is_left_out() {
        let server = |url: &str| IceServer { urls: vec![url.to_owned()], ..IceServer::default() };
        assert!(usable(&server("stun:stun.example:3478")).is_some());
        assert!(usable(&server("turn:turn.example:3478")).is_none(), "without a credential");
        assert!(usable(&server("nonsense")).is_none());
    }
}
