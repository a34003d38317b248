//! Two people and a relay on networks of their own, joined by cables that can be pulled. Everybody has a cable to the relay (which does
//! not pass on what isn't for it), and Alice and Bob have one to each other.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{ChildStdin, Stdio};

use crate::networks::Networks;
use crate::processes::Running;
use crate::scene::Scene;

/// Everybody knows the relay by one address.
const RELAY: &str = "10.91.0.1";

fn networks() -> Option<Networks> {
    let networks = Networks::new("n", &["relay", "alice", "bob"])?;
    networks.cable(("alice", "10.91.1.2"), ("relay", "10.91.1.1"), 'a');
    networks.cable(("bob", "10.91.2.2"), ("relay", "10.91.2.1"), 'b');
    networks.cable(("alice", "10.91.3.1"), ("bob", "10.91.3.2"), 'd');
    networks.ip("relay", &format!("addr add {RELAY}/32 dev lo"));
    networks.ip("alice", &format!("route add {RELAY}/32 via 10.91.1.1"));
    networks.ip("bob", &format!("route add {RELAY}/32 via 10.91.2.1"));
    Some(networks)
}

/// The cable between Alice and Bob swallows everything, or not; nobody's interfaces change.
fn swallow(networks: &Networks, swallow: bool) {
    for (who, address) in [("alice", "10.91.3.2"), ("bob", "10.91.3.1")] {
        let verb = if swallow { "add" } else { "del" };
        networks.ip(who, &format!("route {verb} blackhole {address}/32"));
    }
}

/// Pulls the cable between Alice and Bob, or plugs it in.
fn plug(networks: &Networks, up: bool) {
    let state = if up { "up" } else { "down" };
    networks.ip("alice", &format!("link set {} {state}", networks.end('d', false)));
}

#[test]
fn a_conversation_goes_on_when_the_way_between_two_people_is_gone_and_when_the_relay_is() {
    let Some(networks) = networks() else { return };
    let mut scene = Scene::new(networks, RELAY, Vec::new());
    let direct = ["lan", "direct"];
    scene.route_is("at first", &direct);
    scene.talk(100);

    swallow(&scene.networks, true);
    scene.talk(100);
    scene.route_is("the way swallows everything", &["relay"]);
    scene.talk(20);
    swallow(&scene.networks, false);
    scene.route_is("the way is back", &direct);
    scene.talk(50);

    plug(&scene.networks, false);
    scene.talk(100);
    scene.route_is("the cable is pulled", &["relay"]);
    plug(&scene.networks, true);
    scene.route_is("the cable is plugged in", &direct);
    scene.talk(50);

    scene.stop_relay();
    scene.talk(100);
    scene.route_is("the relay is dead", &direct);
    scene.start_relay();
    scene.talk(50);
    scene.route_is("the relay is back", &direct);
    scene.must_be_whole();
}

/// A wire between Alice and Bob which can be long, and lose things. It hangs between their cables in a network of its own.
struct Wire {
    control: ChildStdin,
    _running: Running,
}

impl Wire {
    fn new(networks: &Networks, seed: u64) -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/wire.py");
        let (one, other) = (networks.end('d', true), networks.end('e', true));
        let mut command = networks.place("wire").command("python3");
        command.args([script, &one, &other, &seed.to_string()]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut running = Running::start(&mut command);
        let mut said = String::new();
        BufReader::new(running.0.stdout.take().unwrap()).read_line(&mut said).unwrap();
        assert_eq!(said, "ready\n");
        Self { control: running.0.stdin.take().unwrap(), _running: running }
    }

    fn is(&mut self, delay_ms: u64, loss: f64) {
        writeln!(self.control, "{delay_ms} {loss}").unwrap();
    }
}

#[test]
fn a_conversation_keeps_its_order_over_a_wire_that_is_long_and_loses_things() {
    let Some(networks) = Networks::new("w", &["relay", "alice", "bob", "wire"]) else { return };
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(20);
    println!("SEED={seed}");
    networks.cable(("alice", "10.92.1.2"), ("relay", "10.92.1.1"), 'a');
    networks.cable(("bob", "10.92.2.2"), ("relay", "10.92.2.1"), 'b');
    networks.plain_cable(("alice", "10.92.3.1"), "wire", 'd');
    networks.plain_cable(("bob", "10.92.3.2"), "wire", 'e');
    networks.ip("relay", &format!("addr add {RELAY}/32 dev lo"));
    networks.ip("alice", &format!("route add {RELAY}/32 via 10.92.1.1"));
    networks.ip("bob", &format!("route add {RELAY}/32 via 10.92.2.1"));
    let mut wire = Wire::new(&networks, seed);
    wire.is(40, 0.0);
    let mut scene = Scene::new(networks, RELAY, Vec::new());
    let direct = ["lan", "direct"];
    scene.route_is("over a long wire", &direct);
    scene.round_trip_is("over a long wire", 80..400);
    scene.talk(100);

    wire.is(40, 0.05);
    scene.talk(100);
    // A link that holds up what it carries is left for the relay, and taken again.
    wire.is(40, 1.0);
    scene.talk(50);
    scene.route_is("the wire loses everything", &["relay"]);
    wire.is(5, 0.02);
    scene.route_is("the wire is short and nearly good", &direct);
    scene.talk(100);
    scene.round_trip_is("over a short wire", 10..80);
    scene.must_be_whole();
}
