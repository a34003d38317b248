//! Processes for a test: a relay, and people with a profile each. Whatever was started ends with its owner.

use std::env::consts::EXE_SUFFIX;
use std::ffi::OsStr;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use parley_protocol::frames::IceServer;
use serde_json::Value;

/// How long anything may take before a test gives up on it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(40);
const PASSWORD: &str = "correct horse battery staple";

/// A process; it is killed when it is dropped.
pub(crate) struct Running(pub(crate) Child);

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        Self(command.spawn().unwrap())
    }

    pub(crate) fn is_over(&mut self) -> bool {
        self.0.try_wait().unwrap().is_some()
    }

    /// As by `kill -9`.
    pub(crate) fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Where a process runs: here, or in a network namespace.
#[derive(Clone, Debug, Default)]
pub(crate) struct Place(pub(crate) Option<String>);

impl Place {
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        match &self.0 {
            None => Command::new(program),
            Some(namespace) => {
                let mut command = Command::new("ip");
                command.args(["netns", "exec", namespace]).arg(program);
                command
            }
        }
    }
}

/// A relay: the operator's own program, which `cargo` builds beside `parley` for a run of the workspace's tests.
pub(crate) fn relay(place: &Place, address: SocketAddr, data: &Path, ice_servers: &[IceServer]) -> Running {
    let program = Path::new(env!("CARGO_BIN_EXE_parley")).with_file_name(format!("relay-server{EXE_SUFFIX}"));
    assert!(program.exists(), "{} is not there: test the whole workspace, or build it", program.display());
    let mut command = place.command(program);
    command.args(["--listen", &address.to_string(), "--frames-per-second", "100000", "--frames-burst", "100000"]);
    command.arg("--data").arg(data).stdout(Stdio::null()).stderr(Stdio::null());
    if !ice_servers.is_empty() {
        command.arg("--ice-servers").arg(in_toml(ice_servers));
    }
    Running::start(&mut command)
}

/// STUN and TURN servers as the relay's settings have them.
fn in_toml(servers: &[IceServer]) -> String {
    let table = |server: &IceServer| {
        let mut entries = vec![format!("urls = {:?}", server.urls)];
        for (key, value) in [("username", &server.username), ("credential", &server.credential)] {
            entries.extend(value.as_ref().map(|value| format!("{key} = {value:?}")));
        }
        format!("{{{}}}", entries.join(", "))
    };
    format!("[{}]", servers.iter().map(table).collect::<Vec<_>>().join(", "))
}

/// A port of this machine that is free now.
pub(crate) fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// Somebody with a profile.
#[derive(Clone)]
pub(crate) struct Person {
    pub(crate) name: String,
    pub(crate) place: Place,
    profile: PathBuf,
    relay: SocketAddr,
}

impl Person {
    /// Signs up.
    pub(crate) fn sign_up(name: &str, place: &Place, relay: SocketAddr, folder: &Path) -> Self {
        let (name, place) = (name.to_owned(), place.clone());
        let person = Self { profile: folder.join(&name), name, place, relay };
        let email = format!("{}@example.org", person.name);
        person.done(&["signup", &person.name, "--email", &email]);
        person
    }

    /// The same person at another device.
    pub(crate) fn sign_in(&self, device: &str) -> Self {
        let person = Self { profile: self.profile.with_file_name(device), ..self.clone() };
        person.done(&["signin", &person.name, "--device", device]);
        person
    }

    pub(crate) fn parley(&self, args: &[&str]) -> Command {
        let mut command = self.place.command(env!("CARGO_BIN_EXE_parley"));
        command
            .args(args)
            .env("PARLEY_PROFILE", &self.profile)
            .env("PARLEY_RELAY", format!("http://{}", self.relay))
            .env("PARLEY_PASSWORD", PASSWORD)
            .stdin(Stdio::null());
        command
    }

    /// Runs a command to its end; what it printed.
    pub(crate) fn done(&self, args: &[&str]) -> String {
        let output = self.parley(args).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {args:?}: {}: {said}", self.name, output.status);
        String::from_utf8(output.stdout).unwrap()
    }

    /// The numbers said in a chat, as this profile shows them; no process may have it open.
    pub(crate) fn numbers(&self, chat: &str, most: u16) -> Vec<u64> {
        let lines = self.done(&["--json", "--offline", "history", chat, "-n", &most.to_string()]);
        lines.lines().filter_map(|line| number(&serde_json::from_str(line).unwrap())).collect()
    }
}

/// The number which a message says.
pub(crate) fn number(message: &Value) -> Option<u64> {
    (message["kind"] == "text").then(|| message["text"].as_str()?.parse().ok())?
}

/// The objects of a file that somebody writes, one a line; what a killed process left half written doesn't count.
pub(crate) fn objects(file: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// Waits for a condition.
pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(30));
    }
}

/// Waits until somebody listens there. Only for addresses of this machine's own network.
pub(crate) fn answers(address: SocketAddr) {
    eventually("the relay answers", || TcpStream::connect(address).is_ok());
}
