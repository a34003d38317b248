//! The command as an operator runs it: flags, files, mistakes, and signals.

use std::io::{BufRead as _, BufReader};
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
        let mut process = relay()
            .args(["--listen", "127.0.0.1:0", "--data", folder.path().to_str().unwrap()])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        let lines = output.lines().take(6).map(Result::unwrap).collect();
        Self { process, lines }
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
    let mut running = Running::start(&folder);
    let told = running.lines.join("\n");
    for part in ["http://127.0.0.1:", folder.path().to_str().unwrap(), "relay.db", "registration: open", "NOT YET"] {
        assert!(told.contains(part), "{part} is not in:\n{told}");
    }
    let mode = std::fs::metadata(folder.path().join("token.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

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
