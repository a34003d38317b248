//! Two people and a relay on networks of their own: three network namespaces, joined by cables that can be pulled. Needs the right
//! to make namespaces, and says so where it isn't given.
//!
//! Everybody has a cable to the relay (which does not pass on what isn't for it), and Alice and Bob have one to each other.

use std::fs::File;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::processes::{Person, Place, Running, eventually, number, objects, relay};

fn ip(line: &str) -> bool {
    let output = Command::new("ip").args(line.split(' ')).output();
    output.is_ok_and(|output| output.status.success())
}

fn must(line: &str) {
    assert!(ip(line), "ip {line}");
}

/// Three namespaces; they go with everything in them when this is dropped.
struct Networks {
    tag: String,
    names: Vec<String>,
}

impl Networks {
    /// `None` where namespaces may not be made.
    fn new(tag: &str) -> Option<Self> {
        let tag = format!("p{}{tag}", std::process::id());
        let mut networks = Self { tag, names: Vec::new() };
        for name in ["relay", "alice", "bob"] {
            let name = networks.name(name);
            if !ip(&format!("netns add {name}")) {
                return None;
            }
            must(&format!("-n {name} link set lo up"));
            networks.names.push(name);
        }
        networks.cable("alice", "10.91.1.2", "relay", "10.91.1.1", 'a');
        networks.cable("bob", "10.91.2.2", "relay", "10.91.2.1", 'b');
        networks.cable("alice", "10.91.3.1", "bob", "10.91.3.2", 'd');
        // Everybody knows the relay by one address.
        must(&format!("-n {} addr add 10.91.0.1/32 dev lo", networks.name("relay")));
        must(&format!("-n {} route add 10.91.0.1/32 via 10.91.1.1", networks.name("alice")));
        must(&format!("-n {} route add 10.91.0.1/32 via 10.91.2.1", networks.name("bob")));
        Some(networks)
    }

    fn name(&self, who: &str) -> String {
        format!("{}{who}", self.tag)
    }

    fn place(&self, who: &str) -> Place {
        Place(Some(self.name(who)))
    }

    /// A cable between two of them: `x` to it at the one end, `y` at the other.
    fn cable(&self, one: &str, one_address: &str, other: &str, other_address: &str, cable: char) {
        let (near, far) = (format!("{}{cable}x", self.tag), format!("{}{cable}y", self.tag));
        must(&format!("link add {near} netns {} type veth peer name {far} netns {}", self.name(one), self.name(other)));
        for (who, device, address) in [(one, near, one_address), (other, far, other_address)] {
            must(&format!("-n {} addr add {address}/24 dev {device}", self.name(who)));
            must(&format!("-n {} link set {device} up", self.name(who)));
        }
    }

    /// The cable between Alice and Bob swallows everything, or not; nobody's interfaces change.
    fn swallow(&self, swallow: bool) {
        for (who, address) in [("alice", "10.91.3.2"), ("bob", "10.91.3.1")] {
            let verb = if swallow { "add" } else { "del" };
            must(&format!("-n {} route {verb} blackhole {address}/32", self.name(who)));
        }
    }

    /// Pulls the cable between Alice and Bob, or plugs it in.
    fn plug(&self, up: bool) {
        let state = if up { "up" } else { "down" };
        must(&format!("-n {} link set {}dx {state}", self.name("alice"), self.tag));
    }
}

impl Drop for Networks {
    fn drop(&mut self) {
        for name in &self.names {
            ip(&format!("netns del {name}"));
        }
    }
}

/// Alice, who says numbers, and Bob's listener, which prints all that happens.
struct Scene {
    folder: TempDir,
    address: SocketAddr,
    networks: Networks,
    relay: Option<Running>,
    people: [Person; 2],
    alice: Option<(Running, ChildStdin)>,
    bob: Option<Running>,
    said: u64,
}

impl Scene {
    fn new(tag: &str) -> Option<Self> {
        let Some(networks) = Networks::new(tag) else {
            println!("SKIPPED: no network namespace may be made here (ip netns add)");
            return None;
        };
        let folder = TempDir::new().unwrap();
        let address: SocketAddr = "10.91.0.1:3030".parse().unwrap();
        let running = relay(&networks.place("relay"), address, &folder.path().join("relay"));
        let sign_up = |name: &str| {
            let place = networks.place(name);
            Person::sign_up(name, &place, address, folder.path())
        };
        let probe = networks.place("alice");
        eventually("the relay answers", || {
            let at = "exec 3<>/dev/tcp/10.91.0.1/3030";
            probe.command("bash").args(["-c", at]).stderr(Stdio::null()).status().unwrap().success()
        });
        let people = ["alice", "bob"].map(sign_up);
        people[0].done(&["new", "bob"]);
        let mut scene =
            Self { folder, address, networks, relay: Some(running), people, alice: None, bob: None, said: 0 };
        let mut command = scene.people[1].parley(&["--json", "listen", "--all"]);
        command.stdout(File::create(scene.printed("bob")).unwrap()).stderr(Stdio::null());
        scene.bob = Some(Running::start(&mut command));
        let mut command = scene.people[0].parley(&["chat", "bob"]);
        command.stdin(Stdio::piped()).stdout(File::create(scene.printed("alice")).unwrap()).stderr(Stdio::null());
        let mut alice = Running::start(&mut command);
        let stdin = alice.0.stdin.take().unwrap();
        scene.alice = Some((alice, stdin));
        Some(scene)
    }

    fn printed(&self, who: &str) -> PathBuf {
        self.folder.path().join(format!("{who}.out"))
    }

    /// Alice says the next numbers, and Bob gets them.
    fn talk(&mut self, count: u64) {
        let began = Instant::now();
        for _ in 0..count {
            self.said += 1;
            writeln!(self.alice.as_mut().unwrap().1, "{}", self.said).unwrap();
            std::thread::sleep(Duration::from_millis(5));
        }
        let (said, printed) = (self.said, self.printed("bob"));
        eventually("Bob gets what Alice says", || heard(&printed).last() == Some(&said));
        println!("  {count} messages in {:?}", began.elapsed());
    }

    /// Waits until Bob's conversation travels like this.
    fn route_is(&self, what: &str, wanted: &[&str]) {
        let began = Instant::now();
        let printed = self.printed("bob");
        eventually(&format!("the route is {wanted:?} ({what})"), || {
            let events = objects(&printed);
            let last = events.iter().rev().find(|event| event["event"] == "route");
            last.is_some_and(|event| wanted.iter().any(|word| event["route"] == *word))
        });
        println!("{what}: {wanted:?} after {:?}", began.elapsed());
    }

    /// Everything is there once and in order, on both sides.
    fn must_be_whole(mut self) {
        let expected: Vec<u64> = (1..=self.said).collect();
        assert_eq!(heard(&self.printed("bob")), expected, "Bob was told");
        drop((self.alice.take(), self.bob.take()));
        assert_eq!(self.people[0].numbers("bob", u16::MAX), expected, "Alice shows");
        assert_eq!(self.people[1].numbers("alice", u16::MAX), expected, "Bob shows");
    }

    fn start_relay(&mut self) {
        self.relay = None;
        let place = self.networks.place("relay");
        self.relay = Some(relay(&place, self.address, &self.folder.path().join("relay")));
    }
}

fn heard(printed: &Path) -> Vec<u64> {
    let of_event = |object: &Value| (object["event"] == "message").then(|| number(&object["message"]))?;
    objects(printed).iter().filter_map(of_event).collect()
}

#[test]
fn a_conversation_goes_on_when_the_way_between_two_people_is_gone_and_when_the_relay_is() {
    let Some(mut scene) = Scene::new("n") else { return };
    let direct = ["lan", "direct"];
    scene.route_is("at first", &direct);
    scene.talk(100);

    scene.networks.swallow(true);
    scene.talk(100);
    scene.route_is("the way swallows everything", &["relay"]);
    scene.talk(20);
    scene.networks.swallow(false);
    scene.route_is("the way is back", &direct);
    scene.talk(50);

    scene.networks.plug(false);
    scene.talk(100);
    scene.route_is("the cable is pulled", &["relay"]);
    scene.networks.plug(true);
    scene.route_is("the cable is plugged in", &direct);
    scene.talk(50);

    scene.relay = None;
    scene.talk(100);
    scene.route_is("the relay is dead", &direct);
    scene.start_relay();
    scene.talk(50);
    scene.route_is("the relay is back", &direct);
    scene.must_be_whole();
}
