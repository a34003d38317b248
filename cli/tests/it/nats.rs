//! Two people at home, each behind a NAT, and between the homes a relay that also answers STUN and TURN (coturn), as its operator
//! would set it up. The NATs are the kernel's own, in network namespaces.

use std::fs::File;
use std::process::{Command, Stdio};

use parley_protocol::frames::IceServer;
use tempfile::TempDir;

use crate::networks::{Nat, Networks};
use crate::processes::Running;
use crate::scene::Scene;

/// The relay's address, and the STUN and TURN server's.
const PUBLIC: &str = "192.0.2.1";

/// A scene in two homes, and the STUN and TURN server.
struct Homes {
    scene: Scene,
    _server: Running,
    /// Where the server's log is.
    folder: TempDir,
}

/// The interfaces of the NATs that look outside.
fn outside(networks: &Networks) -> [String; 2] {
    [networks.end('o', false), networks.end('p', false)]
}

fn networks(tag: &str, kinds: [Nat; 2]) -> Option<Networks> {
    let networks = Networks::new(tag, &["relay", "alicehome", "bobhome", "alice", "bob"])?;
    if !networks.can_be_nat("alicehome") {
        return None;
    }
    networks.cable(("alice", "10.91.1.2"), ("alicehome", "10.91.1.1"), 'a');
    networks.cable(("bob", "10.91.2.2"), ("bobhome", "10.91.2.1"), 'b');
    networks.cable(("alicehome", "198.51.100.2"), ("relay", "198.51.100.1"), 'o');
    networks.cable(("bobhome", "203.0.113.2"), ("relay", "203.0.113.1"), 'p');
    for (who, by) in
        [("alice", "10.91.1.1"), ("bob", "10.91.2.1"), ("alicehome", "198.51.100.1"), ("bobhome", "203.0.113.1")]
    {
        networks.ip(who, &format!("route add default via {by}"));
    }
    for who in ["relay", "alicehome", "bobhome"] {
        networks.forward(who);
    }
    networks.ip("relay", &format!("addr add {PUBLIC}/32 dev lo"));
    // The rest of the world swallows what is sent to it. Without it a packet to an address inside a home would be refused at once,
    // and the server would take that for its client's fault.
    let world = networks.end('o', true);
    networks.ip("relay", &format!("neigh add 198.51.100.9 lladdr 02:00:00:00:00:09 dev {world}"));
    networks.ip("relay", "route add default via 198.51.100.9");
    for ((who, outside), kind) in ["alicehome", "bobhome"].into_iter().zip(outside(&networks)).zip(kinds) {
        networks.nat(who, &outside, kind);
    }
    Some(networks)
}

fn is_there(program: &str) -> bool {
    let found = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if found.is_err() {
        println!("SKIPPED: {program} is not installed (scripts/setup)");
    }
    found.is_ok()
}

impl Homes {
    /// Homes with these NATs. `None` where that cannot be.
    fn new(tag: &str, kinds: [Nat; 2], servers: Vec<IceServer>) -> Option<Self> {
        if !is_there("nft") || !is_there("turnserver") {
            return None;
        }
        let networks = networks(tag, kinds)?;
        let folder = TempDir::new().unwrap();
        let mut server = networks.place("relay").command("turnserver");
        server
            .args(["-n", "--no-cli", "--no-tls", "--no-dtls", "--lt-cred-mech", "--user=parley:secret"])
            .args(["--realm=parley", "--userdb=:memory:", "--verbose", "--log-file=stdout"])
            .args([format!("--listening-ip={PUBLIC}"), format!("--relay-ip={PUBLIC}")])
            .arg(format!("--pidfile={}", folder.path().join("pid").display()))
            .stdout(File::create(folder.path().join("log")).unwrap())
            .stderr(Stdio::null());
        let server = Running::start(&mut server);
        Some(Self { scene: Scene::new(networks, PUBLIC, servers), _server: server, folder })
    }

    /// What the STUN and TURN server refused to do, but for what it refuses first to everybody: a request without a name, or with an old
    /// nonce.
    fn refused(&self) -> Vec<String> {
        let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap();
        assert!(log.contains("ALLOCATE processed, success"), "the log tells what it did: {log}");
        let refused = log.lines().filter(|line| line.contains(", error "));
        refused.filter(|line| !line.contains("error 401") && !line.contains("error 438")).map(str::to_owned).collect()
    }
}

fn stun() -> IceServer {
    IceServer { urls: vec![format!("stun:{PUBLIC}:3478")], ..IceServer::default() }
}

fn turn() -> IceServer {
    IceServer {
        urls: vec![format!("turn:{PUBLIC}:3478")],
        username: Some("parley".to_owned()),
        credential: Some("secret".to_owned()),
    }
}

/// The relay goes away and comes back while they talk.
fn talk_without_the_relay(scene: &mut Scene, route: &str) {
    scene.talk(30);
    scene.stop_relay();
    scene.talk(30);
    scene.start_relay();
    scene.talk(30);
    scene.route_is("the relay is back", &[route]);
}

#[test]
fn a_stun_server_is_enough_for_a_direct_link_through_two_nats() {
    let Some(mut homes) = Homes::new("s", [Nat::Cone, Nat::Cone], vec![stun()]) else { return };
    homes.scene.route_is("by STUN", &["direct"]);
    talk_without_the_relay(&mut homes.scene, "direct");
    homes.scene.must_be_whole();
}

#[test]
fn where_a_nat_gives_every_place_another_port_the_link_goes_through_turn() {
    let Some(mut homes) = Homes::new("t", [Nat::Symmetric, Nat::Cone], vec![stun(), turn()]) else { return };
    homes.scene.route_is("by TURN", &["turn"]);
    talk_without_the_relay(&mut homes.scene, "turn");
    assert!(!homes.scene.routes().iter().any(|route| route == "direct"), "nothing else is possible");
    assert_eq!(homes.refused(), [""; 0]);
    homes.scene.must_be_whole();
}

#[test]
fn where_no_udp_passes_the_relay_alone_carries() {
    let Some(mut homes) = Homes::new("u", [Nat::NoUdp, Nat::Cone], vec![stun(), turn()]) else { return };
    homes.scene.talk(30);
    homes.scene.logged("no direct link", 2);
    homes.scene.talk(30);
    let routes = homes.scene.routes();
    assert!(routes.iter().all(|route| route == "relay" || route == "wait"), "{routes:?}");
    homes.scene.must_be_whole();
}

/// As when a provider gives the home another address: everything that the NAT knew is void, at both ends of the cable to the relay too.
#[test]
fn a_home_whose_address_changes_gets_a_fresh_link() {
    let Some(mut homes) = Homes::new("m", [Nat::Cone, Nat::Cone], vec![stun()]) else { return };
    let scene = &mut homes.scene;
    scene.route_is("by STUN", &["direct"]);
    scene.talk(30);
    for (times, (old, new)) in [("198.51.100.2", "198.51.100.7"), ("198.51.100.7", "198.51.100.2")].iter().enumerate() {
        let [outside, _] = outside(&scene.networks);
        scene.networks.ip("alicehome", &format!("addr del {old}/24 dev {outside}"));
        scene.networks.ip("alicehome", &format!("addr add {new}/24 dev {outside}"));
        scene.networks.ip("alicehome", "route replace default via 198.51.100.1");
        scene.talk(30);
        scene.logged("the link is down", times + 1);
        scene.logged("a link is open", times + 2);
        scene.route_is("by STUN, from the new address", &["direct"]);
        scene.talk(30);
    }
    homes.scene.must_be_whole();
}
