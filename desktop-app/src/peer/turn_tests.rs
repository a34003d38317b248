//! Links through a TURN server, which coturn is here. Where that isn't installed these tests say so and are over.

use std::{
    fs::File,
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

use super::{
    IceServer, PathKind, PeerCommand, PeerConfig,
    company::{PATIENCE, connected, pair},
    interfaces::addresses,
    signal::{Signal, SignalKind},
};

/// A TURN server on 127.0.0.1; it ends when it is dropped.
pub(super) struct TurnServer {
    child: Child,
    at: SocketAddr,
    folder: TempDir,
}

impl TurnServer {
    pub(super) fn start() -> Option<Self> {
        let at = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
        let folder = TempDir::new().unwrap();
        let mut command = Command::new("turnserver");
        command
            .args(["-n", "--no-cli", "--no-tls", "--no-dtls", "--lt-cred-mech", "--user=parley:secret"])
            .args(["--realm=parley", "--userdb=:memory:", "--allow-loopback-peers", "--verbose", "--log-file=stdout"])
            .args(["--listening-ip=127.0.0.1".to_owned(), format!("--listening-port={}", at.port())])
            .arg("--relay-ip=127.0.0.1")
            .arg(format!("--pidfile={}", folder.path().join("pid").display()))
            .stdout(File::create(folder.path().join("log")).unwrap())
            .stderr(Stdio::null());
        let Ok(child) = command.spawn() else {
            println!("SKIPPED: turnserver is not installed (scripts/setup)");
            return None;
        };
        let server = Self { child, at, folder };
        let deadline = std::time::Instant::now() + PATIENCE;
        while TcpStream::connect(at).is_err() {
            assert!(std::time::Instant::now() < deadline, "the TURN server never came up: {}", server.log());
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        Some(server)
    }

    pub(super) fn config(&self) -> PeerConfig {
        let server = IceServer {
            urls: vec![format!("turn:{}", self.at)],
            username: Some("parley".to_owned()),
            credential: Some("secret".to_owned()),
        };
        PeerConfig { ice_servers: vec![server], relayed_only: true, ..PeerConfig::default() }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap()
    }
}

impl Drop for TurnServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_hides_the_own_addresses_names_only_the_turn_servers_and_is_linked_through_it() {
    let Some(server) = TurnServer::start() else { return };
    let (mut alice, mut bob, wire) = pair(&server.config());
    alice.dial(&bob).await;
    assert_eq!(alice.up().await.1, PathKind::Turn);
    assert_eq!(bob.up().await.1, PathKind::Turn);
    for number in 0..200_u32 {
        alice.send(&bob, number.to_be_bytes().to_vec()).await;
        assert_eq!(bob.received().await, &number.to_be_bytes()[..]);
        bob.send(&alice, vec![7; 20_000]).await;
        assert_eq!(alice.received().await.len(), 20_000);
    }
    let mut candidates = 0;
    for body in wire.carried() {
        for own in addresses().into_iter().filter(|own| *own != IpAddr::V4(Ipv4Addr::LOCALHOST)) {
            assert!(!body.contains(&own.to_string()), "{own} is told: {body}");
        }
        match Signal::read(&body).unwrap().kind {
            SignalKind::Candidate { candidate } => {
                candidates += 1;
                assert!(candidate.relayed_at().is_some(), "{body}");
            }
            SignalKind::Offer { sdp } | SignalKind::Answer { sdp } => assert!(!sdp.contains("a=candidate"), "{sdp}"),
            SignalKind::Bye { .. } => {}
        }
    }
    assert!(candidates >= 2, "each side has one at the server");
}

/// A server takes an allocation as its client's until that is given back or is ten minutes old, and has only so many for one client.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_that_ends_gives_back_what_it_had_at_the_turn_server() {
    let Some(server) = TurnServer::start() else { return };
    let (alice, bob, _wire) = connected(&server.config()).await;
    alice.ask(PeerCommand::Shutdown).await;
    bob.ask(PeerCommand::Shutdown).await;
    let deadline = std::time::Instant::now() + PATIENCE;
    let count = |what: &str| server.log().matches(what).count();
    while count("delete: realm") < count("ALLOCATE processed, success") {
        assert!(std::time::Instant::now() < deadline, "{}", server.log());
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert!(count("ALLOCATE processed, success") >= 2, "{}", server.log());
}
