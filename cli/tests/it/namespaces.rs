//! Two people and a relay on networks of their own, joined by cables that can be pulled. Everybody has a cable to the relay (which does
//! not pass on what isn't for it), and Alice and Bob have one to each other.

use crate::networks::Networks;
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
