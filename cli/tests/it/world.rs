//! A relay, people with profiles, and what they run.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use relay_server::Server;
use relay_server::config::Config;
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Nothing takes longer, even on a machine that is busy.
const DEADLINE: Duration = Duration::from_secs(60);
pub(crate) const PASSWORD: &str = "correct horse battery";

/// A relay which can go away and come back, and the people at it.
pub(crate) struct World {
    folder: TempDir,
    runtime: Runtime,
    address: SocketAddr,
    running: Option<(CancellationToken, JoinHandle<()>)>,
}

/// One person's profile.
pub(crate) struct Person {
    pub(crate) name: &'static str,
    pub(crate) folder: String,
    relay: String,
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl World {
    pub(crate) fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let mut world =
            Self { folder: TempDir::new().unwrap(), runtime, address: ([127, 0, 0, 1], 0).into(), running: None };
        world.relay_comes_back();
        world
    }

    /// Starts the relay on the same data, at the same address.
    pub(crate) fn relay_comes_back(&mut self) {
        let config = Config { data: self.folder.path().join("relay"), ..Config::default() };
        let stop = CancellationToken::new();
        let shutdown = stop.clone();
        let (address, task) = self.runtime.block_on(async {
            let listener = TcpListener::bind(self.address).await.unwrap();
            let address = listener.local_addr().unwrap();
            let server = Server::open(listener, config).unwrap();
            let task = tokio::spawn(async move { server.serve(shutdown).await.unwrap() });
            (address, task)
        });
        self.address = address;
        self.running = Some((stop, task));
    }

    pub(crate) fn relay_goes_away(&mut self) {
        let (stop, task) = self.running.take().unwrap();
        stop.cancel();
        self.runtime.block_on(task).unwrap();
    }

    /// Somebody who has no account yet.
    pub(crate) fn stranger(&self, name: &'static str) -> Person {
        let folder = self.folder.path().join(name).display().to_string();
        Person { name, folder, relay: format!("http://{}", self.address) }
    }

    /// Somebody with an account.
    pub(crate) fn person(&self, name: &'static str) -> Person {
        let person = self.stranger(name);
        person.ok(&["signup", name, "--email", &format!("{name}@example.org")]);
        person
    }
}

impl Person {
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_parley"));
        command
            .args(args)
            .env_remove("NO_COLOR")
            .env_remove("RUST_LOG")
            .env("PARLEY_PROFILE", &self.folder)
            .env("PARLEY_RELAY", &self.relay)
            .env("PARLEY_PASSWORD", PASSWORD)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Ended {
        end(self.command(args).spawn().unwrap(), args)
    }

    /// Runs a command with something on stdin.
    pub(crate) fn pipe(&self, args: &[&str], input: &str) -> Ended {
        let mut child = self.command(args).stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        end(child, args)
    }

    /// Runs a command which must succeed; gives its output.
    pub(crate) fn ok(&self, args: &[&str]) -> String {
        let ended = self.run(args);
        assert_eq!(ended.code, 0, "{}: parley {args:?}: {ended:?}", self.name);
        ended.out
    }

    /// Runs a command with `--json`, which must succeed; gives its lines.
    pub(crate) fn json(&self, args: &[&str]) -> Vec<Value> {
        lines(&self.ok(&[args, &["--json"]].concat()))
    }

    /// Starts a command that goes on, with `--json`.
    pub(crate) fn start(&self, args: &[&str]) -> Running {
        let mut child = self.command(&[args, &["--json"]].concat()).stderr(Stdio::null()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                if sender.send(serde_json::from_str(&line).unwrap()).is_err() {
                    return;
                }
            }
        });
        Running { child, lines }
    }
}

/// The objects of an output.
pub(crate) fn lines(out: &str) -> Vec<Value> {
    out.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"))).collect()
}

fn end(mut child: Child, args: &[&str]) -> Ended {
    let deadline = Instant::now() + DEADLINE;
    let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let read = |mut from: Box<dyn std::io::Read + Send>| {
        std::thread::spawn(move || {
            let mut text = String::new();
            from.read_to_string(&mut text).unwrap();
            text
        })
    };
    let (out, err) = (read(Box::new(out)), read(Box::new(err)));
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if Instant::now() > deadline {
            child.kill().unwrap();
            panic!("parley {args:?} did not end: {} {}", out.join().unwrap(), err.join().unwrap());
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    Ended { code: status.code().unwrap_or(-1), out: out.join().unwrap(), err: err.join().unwrap() }
}

/// A command that goes on.
pub(crate) struct Running {
    child: Child,
    lines: Receiver<Value>,
}

impl Running {
    /// Waits for an event.
    pub(crate) fn wait_for(&self, what: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + DEADLINE;
        let mut seen = Vec::new();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) if is_it(&line) => return line,
                Ok(line) => seen.push(line),
                Err(_) => panic!("no {what}; there were {seen:#?}"),
            }
        }
    }

    /// Waits until it is connected.
    pub(crate) fn wait_online(&self) {
        self.wait_for("connection", |event| event["event"] == "connection" && event["state"] == "online");
    }

    /// Waits for a message, and gives its text.
    pub(crate) fn message(&self) -> String {
        let event = self.wait_for("message", |event| event["event"] == "message");
        event["message"]["text"].as_str().unwrap().to_owned()
    }

    /// Asks it to end, as Ctrl-C does; gives the exit code.
    #[cfg(unix)]
    pub(crate) fn interrupt(mut self) -> i32 {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
        self.wait()
    }

    /// Waits until it ends by itself; gives the exit code.
    pub(crate) fn wait(&mut self) -> i32 {
        let deadline = Instant::now() + DEADLINE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code().unwrap_or(-1);
            }
            assert!(Instant::now() < deadline, "it did not end");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
