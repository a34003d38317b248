//! The command as an operator runs it: flags, files, mistakes, and signals.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

fn relay() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_relay-server"));
    command.env_remove("PARLEY_RELAY_DATA").env_remove("PARLEY_RELAY_CONFIG");
    command
}

fn run(args: &[&str]) -> Output {
    relay().args(args).output().unwrap()
}

#[test]
fn help_names_every_setting_with_its_default() {
    let help = String::from_utf8(run(&["--help"]).stdout).unwrap();
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "--listen",
        "127.0.0.1:3030",
        "--access-token-lifetime",
        "Default: 15m",
        "--retention",
        "Default: 30d",
        "--frame-bytes",
        "256KiB",
        "--print-config",
        "open, invite, closed",
        "PARLEY_RELAY_",
    ] {
        assert!(help.contains(part), "{part} is not in:\n{help}");
    }
}

#[test]
fn what_is_in_force_is_shown_as_toml_without_secrets() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("relay.toml");
    let text = "name = 'Tea house'\nretention = '7d'\n[[ice_servers]]\nurls = ['turn:turn.example.org']\nusername = 'u'\ncredential = 'hush'";
    std::fs::write(&file, text).unwrap();
    let shown = relay()
        .args(["--config", file.to_str().unwrap(), "--print-config", "--ping", "5s"])
        .env("PARLEY_RELAY_REGISTRATION", "closed")
        .output()
        .unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    for line in [
        "name = \"Tea house\"",
        "retention = \"7d\"",
        "ping = \"5s\"",
        "registration = \"closed\"",
        "turn:turn.example.org",
    ] {
        assert!(shown.contains(line), "{line} is not in:\n{shown}");
    }
    assert!(!shown.contains("hush"));
    std::fs::write(&file, &shown).unwrap();
    let again = run(&["--config", file.to_str().unwrap(), "--print-config"]);
    assert_eq!(String::from_utf8(again.stdout).unwrap(), shown, "it reads what it shows");
}

#[test]
fn a_mistake_is_told_and_nothing_starts() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("relay.toml");
    std::fs::write(&file, "registratoin = 'open'").unwrap();
    let path = file.to_str().unwrap();
    for (args, parts) in [
        (vec!["--registration", "perhaps"], vec!["`registration`", "`perhaps`", "open, invite, closed"]),
        (vec!["--name", "two\nlines"], vec!["`name`", "a line of at most 64 characters"]),
        (vec!["--config", path], vec!["`registratoin`", "did you mean `registration`", "relay.toml"]),
        (vec!["--config", "/nowhere.toml"], vec!["/nowhere.toml"]),
        (vec!["--frame-bytes", "4KiB"], vec!["`frame_bytes`", "4096", "at least"]),
        (vec!["--chats-per-account", "5000"], vec!["`frame_bytes`", "5000 (chats_per_account)", "at least 607169"]),
        (vec!["--max-request", "64MiB", "--request-bytes", "1MiB"], vec!["`request_bytes`", "(max_request)"]),
        (vec!["--ping", "30s", "--dead-after", "20s"], vec!["`dead_after`", "more than `ping`"]),
    ] {
        let output = run(&args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(parts.iter().all(|part| told.contains(part)), "{args:?}: {told}");
    }
}

/// A relay as its own process.
struct Running {
    process: Child,
    lines: Vec<String>,
}

impl Running {
    fn start(folder: &TempDir) -> Self {
        Self::run(relay(), folder, &[])
    }

    fn run(mut command: Command, folder: &TempDir, args: &[&str]) -> Self {
        let mut process = command
            .args(["--listen", "127.0.0.1:0", "--data", folder.path().to_str().unwrap()])
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        let lines = output.lines().take(6).map(Result::unwrap).collect();
        Self { process, lines }
    }

    fn address(&self) -> &str {
        self.lines[0].split("http://").nth(1).unwrap()
    }

    /// Asks, and returns the whole answer.
    fn ask(&self, method: &str, path: &str, body: &str) -> String {
        let mut socket = TcpStream::connect(self.address()).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        socket.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        answer
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[cfg(unix)]
#[test]
fn the_relay_says_where_it_is_and_stops_on_a_signal() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = TempDir::new().unwrap();
    // The folder is the operator's own; a database from before may have been open to others.
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::write(folder.path().join("relay.db"), "").unwrap();
    let mut running = Running::start(&folder);
    let told = running.lines.join("\n");
    for part in ["http://127.0.0.1:", folder.path().to_str().unwrap(), "relay.db", "registration: open", "NOT YET"] {
        assert!(told.contains(part), "{part} is not in:\n{told}");
    }
    for file in ["token.key", "relay.db", "relay.db-wal", "relay.db-shm"] {
        let mode = std::fs::metadata(folder.path().join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }

    let second = run(&["--listen", "127.0.0.1:0", "--data", folder.path().to_str().unwrap()]);
    assert_eq!(second.status.code(), Some(1));
    assert!(String::from_utf8(second.stderr).unwrap().contains("another relay runs on"));

    let pid = running.process.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    let deadline = Instant::now() + Duration::from_secs(5);
    let status = loop {
        if let Some(status) = running.process.try_wait().unwrap() {
            break status;
        }
        assert!(Instant::now() < deadline, "it did not stop in time");
        std::thread::sleep(Duration::from_millis(20));
    };
    assert!(status.success(), "{status}");
}

/// The relay, in a shell which lets it open so many files.
#[cfg(unix)]
fn relay_within(limits: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{limits} && exec \"$0\" \"$@\""), env!("CARGO_BIN_EXE_relay-server")]);
    command.env_remove("PARLEY_RELAY_DATA").env_remove("PARLEY_RELAY_CONFIG");
    command
}

#[cfg(target_os = "linux")]
#[test]
fn the_relay_asks_for_the_files_it_needs() {
    let folder = TempDir::new().unwrap();
    let args = ["--max-connections", "500", "--max-connections-per-address", "500"];
    let running = Running::run(relay_within("ulimit -S -n 256"), &folder, &args);
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", running.process.id())).unwrap();
    let files = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let soft: u64 = files.split_whitespace().nth(3).unwrap().parse().unwrap();
    assert!(soft > 500, "{files}");
}

#[cfg(unix)]
#[test]
fn a_relay_short_of_files_answers_still() {
    let folder = TempDir::new().unwrap();
    let running = Running::run(relay_within("ulimit -n 256"), &folder, &[]);
    let held: Vec<_> = (0..100).map(|_| TcpStream::connect(running.address()).unwrap()).collect();
    let answer = running.ask("GET", "/healthz", "");
    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("(max_connections)"), "{answer}");
    drop(held);
    let deadline = Instant::now() + Duration::from_secs(20);
    while !running.ask("GET", "/healthz", "").starts_with("HTTP/1.1 200") {
        assert!(Instant::now() < deadline, "nobody comes in though there is room");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_storm_of_sign_ins_takes_the_memory_of_one_hash() {
    let folder = TempDir::new().unwrap();
    let running = Running::run(relay(), &folder, &["--password-hashers", "1", "--free-signin-failures", "1000"]);
    let form = r#"{"username": "alice", "email": "a@x.org", "password": "correct horse"}"#;
    assert!(running.ask("POST", "/api/signup", form).starts_with("HTTP/1.1 201"));
    let resident = || -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", running.process.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    let form = r#"{"username": "alice", "password": "wrong horse"}"#;
    let before = resident();
    // As many as wait at once come at once, four times.
    for _ in 0..4 {
        std::thread::scope(|scope| {
            for _ in 0..10 {
                scope.spawn(|| running.ask("POST", "/api/signin", form));
            }
        });
    }
    let grown = resident().saturating_sub(before);
    assert!(grown < 40 * 1_024, "{grown} KiB more than the {before} before");
}

#[cfg(unix)]
#[test]
fn a_key_which_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = TempDir::new().unwrap();
    drop(Running::start(&folder));
    let key = folder.path().join("token.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let output = run(&["--listen", "127.0.0.1:0", "--data", folder.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("token.key") && told.contains("chmod 600"), "{told}");
}

#[test]
fn an_invite_needs_a_relay() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().to_str().unwrap();
    let output = run(&["invite", "--data", path]);
    assert!(String::from_utf8(output.stderr).unwrap().contains("there is no relay in"));
    let _running = Running::start(&folder);
    let output = run(&["invite", "--data", path, "--uses", "3"]);
    assert_eq!(String::from_utf8(output.stdout).unwrap().trim().len(), 32);
}
