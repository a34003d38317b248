//! Hiding one's network address: direct links go through the operator's TURN server (coturn) then.

use std::fs::File;
use std::net::TcpStream;
use std::process::{Command, Stdio};

use parley_protocol::frames::IceServer;
use tempfile::TempDir;

use crate::processes::{Person, Place, Running, answers, eventually, free_address, objects, relay};

#[test]
fn who_hides_the_own_address_is_linked_through_the_turn_server() {
    let (folder, here) = (TempDir::new().unwrap(), Place::default());
    let (folder, turn, address) = (folder.path(), free_address(), free_address());
    let started = Command::new("turnserver")
        .args(["-n", "--no-cli", "--no-tls", "--no-dtls", "--lt-cred-mech", "--user=parley:secret"])
        .args(["--realm=parley", "--userdb=:memory:", "--allow-loopback-peers", "--log-file=stdout"])
        .args(["--listening-ip=127.0.0.1", "--relay-ip=127.0.0.1"])
        .arg(format!("--listening-port={}", turn.port()))
        .arg(format!("--pidfile={}", folder.join("pid").display()))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let Ok(server) = started.map(Running) else {
        println!("SKIPPED: turnserver is not installed (scripts/setup)");
        return;
    };
    eventually("the TURN server answers", || TcpStream::connect(turn).is_ok());
    let ice_server = IceServer {
        urls: vec![format!("turn:{turn}")],
        username: Some("parley".to_owned()),
        credential: Some("secret".to_owned()),
    };
    let _relay = relay(&here, address, &folder.join("relay"), &[ice_server]);
    answers(address);
    let [alice, bob] = ["alice", "bob"].map(|name| Person::sign_up(name, &here, address, folder));
    alice.done(&["settings", "--hide-address", "on"]);
    alice.done(&["new", "bob"]);
    let printed = folder.join("bob.out");
    let mut command = bob.parley(&["--json", "listen", "--all"]);
    let _listening = Running::start(command.stdout(File::create(&printed).unwrap()).stderr(Stdio::null()));
    let mut command = alice.parley(&["--json", "listen"]);
    let _alice = Running::start(command.stdout(Stdio::null()).stderr(Stdio::null()));
    let routes = || -> Vec<String> {
        let events = objects(&printed);
        let routes = events.iter().filter(|event| event["event"] == "route");
        routes.map(|event| event["route"].as_str().unwrap().to_owned()).collect()
    };
    eventually("they are linked through it", || routes().last().is_some_and(|route| route == "turn"));
    let routes = routes();
    assert!(!routes.iter().any(|route| route == "lan" || route == "direct"), "{routes:?}");
    drop(server);
}
