//! Alice, who says numbers, Bob's listener, and a relay, each in a network of its own: `relay`, `alice` and `bob` of [`Networks`].

use std::fs::File;
use std::io::Write as _;
use std::net::SocketAddr;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Stdio};
use std::time::{Duration, Instant};

use parley_protocol::frames::IceServer;
use serde_json::Value;
use tempfile::TempDir;

use crate::networks::Networks;
use crate::processes::{Person, Running, eventually, number, objects, relay};

/// Alice, who says numbers, and Bob's listener, which prints all that happens.
pub(crate) struct Scene {
    pub(crate) networks: Networks,
    folder: TempDir,
    address: SocketAddr,
    ice_servers: Vec<IceServer>,
    relay: Option<Running>,
    people: [Person; 2],
    alice: Option<(Running, ChildStdin)>,
    bob: Option<Running>,
    said: u64,
}

impl Scene {
    /// The relay is at an address of its network, which Alice and Bob reach; it tells them of these STUN and TURN servers.
    pub(crate) fn new(networks: Networks, relay_at: &str, ice_servers: Vec<IceServer>) -> Self {
        let folder = TempDir::new().unwrap();
        let address = SocketAddr::new(relay_at.parse().unwrap(), 3030);
        let running = relay(&networks.place("relay"), address, &folder.path().join("relay"), &ice_servers);
        let sign_up = |name: &str| {
            let place = networks.place(name);
            Person::sign_up(name, &place, address, folder.path())
        };
        let probe = networks.place("alice");
        eventually("the relay answers", || {
            let at = format!("exec 3<>/dev/tcp/{relay_at}/3030");
            probe.command("bash").args(["-c", &at]).stderr(Stdio::null()).status().unwrap().success()
        });
        let people = ["alice", "bob"].map(sign_up);
        people[0].done(&["new", "bob"]);
        let relay = Some(running);
        let mut scene = Self { networks, folder, address, ice_servers, relay, people, alice: None, bob: None, said: 0 };
        let mut command = scene.people[1].parley(&["--json", "listen", "--all"]);
        command.stdout(File::create(scene.printed("bob")).unwrap()).stderr(Stdio::null());
        scene.bob = Some(Running::start(&mut command));
        let mut command = scene.people[0].parley(&["chat", "bob"]);
        let log = File::create(scene.log()).unwrap();
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(log).env("RUST_LOG", "desktop_app=debug");
        let mut alice = Running::start(&mut command);
        let stdin = alice.0.stdin.take().unwrap();
        scene.alice = Some((alice, stdin));
        scene
    }

    /// What Alice's program logs.
    fn log(&self) -> PathBuf {
        self.folder.path().join("alice.log")
    }

    /// Waits until Alice's program has logged this so many times.
    pub(crate) fn logged(&self, what: &str, times: usize) {
        let log = self.log();
        eventually(&format!("{times} of {what:?} in Alice's log"), || {
            std::fs::read_to_string(&log).unwrap_or_default().matches(what).count() >= times
        });
    }

    /// Every route that Bob was told, in order.
    pub(crate) fn routes(&self) -> Vec<String> {
        let events = objects(&self.printed("bob"));
        let routes = events.iter().filter(|event| event["event"] == "route");
        routes.map(|event| event["route"].as_str().unwrap().to_owned()).collect()
    }

    fn printed(&self, who: &str) -> PathBuf {
        self.folder.path().join(format!("{who}.out"))
    }

    /// Alice says the next numbers, and Bob gets them.
    pub(crate) fn talk(&mut self, count: u64) {
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
    pub(crate) fn route_is(&self, what: &str, wanted: &[&str]) {
        let began = Instant::now();
        eventually(&format!("the route is {wanted:?} ({what})"), || {
            self.routes().last().is_some_and(|last| wanted.contains(&last.as_str()))
        });
        println!("{what}: {wanted:?} after {:?}", began.elapsed());
    }

    /// Waits until Bob is told of a round trip of so many milliseconds.
    pub(crate) fn round_trip_is(&self, what: &str, wanted: Range<u64>) {
        eventually(&format!("the round trip is {wanted:?} ms ({what})"), || {
            let events = objects(&self.printed("bob"));
            let routes = events.iter().filter(|event| event["event"] == "route");
            let mut trips = routes.filter_map(|event| event["round_trip"].as_u64());
            trips.next_back().is_some_and(|micros| wanted.contains(&(micros / 1000)))
        });
    }

    /// Everything is there once and in order, on both sides.
    pub(crate) fn must_be_whole(mut self) {
        let expected: Vec<u64> = (1..=self.said).collect();
        assert_eq!(heard(&self.printed("bob")), expected, "Bob was told");
        drop((self.alice.take(), self.bob.take()));
        assert_eq!(self.people[0].numbers("bob", u16::MAX), expected, "Alice shows");
        assert_eq!(self.people[1].numbers("alice", u16::MAX), expected, "Bob shows");
    }

    pub(crate) fn stop_relay(&mut self) {
        self.relay = None;
    }

    pub(crate) fn start_relay(&mut self) {
        self.stop_relay();
        let place = self.networks.place("relay");
        self.relay = Some(relay(&place, self.address, &self.folder.path().join("relay"), &self.ice_servers));
    }
}

fn heard(printed: &Path) -> Vec<u64> {
    let of_event = |object: &Value| (object["event"] == "message").then(|| number(&object["message"]))?;
    objects(printed).iter().filter_map(of_event).collect()
}
