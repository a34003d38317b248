//! A disk that fails and one that is full, under the real command (DELIVERY rule 7).

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use parley_protocol::MessageId;
use parley_protocol::http::Chat;
use reqwest::{Method, Response};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::relay::{Person, TestRelay, error, ok};
use crate::socket::Socket;

const PATIENCE: Duration = Duration::from_secs(20);

/// A relay as its own process.
struct Process {
    child: Child,
    relay: TestRelay,
}

impl Process {
    fn start(data: &Path, environment: &[(&str, &Path)]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_relay-server"))
            .args(["--listen", "127.0.0.1:0", "--frames-burst", "100000", "--data"])
            .arg(data)
            .envs(environment.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let Ok(address) = line.trim().rsplit("http://").next().unwrap().parse() else {
            let mut said = String::new();
            child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
            panic!("it does not start: {line}{said}");
        };
        Self { child, relay: TestRelay::at(address) }
    }

    /// Waits until it has ended; how, and what it said.
    fn ended(&mut self) -> (ExitStatus, String) {
        let deadline = Instant::now() + PATIENCE;
        while self.child.try_wait().unwrap().is_none() {
            assert!(Instant::now() < deadline, "the relay does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
        let mut said = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        (self.child.wait().unwrap(), said)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Compiles the shim; none where there is no compiler.
fn failing_sync(folder: &Path) -> Option<PathBuf> {
    let library = folder.join("failing_sync.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/failing_sync.c");
    let compiled = Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(source).output();
    compiled.is_ok_and(|output| output.status.success()).then_some(library)
}

/// A small disk of its own; none where nothing may be mounted.
struct SmallDisk(TempDir);

impl SmallDisk {
    fn mount(size: &str) -> Option<Self> {
        let folder = TempDir::new().unwrap();
        let options = format!("size={size}");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "none"]).arg(folder.path()).output();
        mounted.is_ok_and(|output| output.status.success()).then_some(Self(folder))
    }

    /// Leaves so many bytes free, roughly.
    fn fill(&self, spare: u64) {
        use std::io::Write as _;
        let mut filler = std::fs::File::create(self.0.path().join("filler")).unwrap();
        for length in [64 * 1024, 4096, 1] {
            while filler.write_all(&vec![7; length]).is_ok() {}
        }
        filler.set_len(filler.metadata().unwrap().len() - spare).unwrap();
    }

    fn clear(&self) {
        std::fs::remove_file(self.0.path().join("filler")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

async fn group(relay: &TestRelay, owner: &Person, member: &Person) -> Chat {
    let form = json!({"type": "group", "title": "Tea", "members": [member.account]});
    ok(relay.send(Method::POST, "/api/chats", &owner.access, &form).await).await
}

fn append(chat: &Chat, id: MessageId, text: &str) -> Value {
    let payload = json!({"open": {"kind": "text", "text": text}});
    json!({"type": "append", "chat": chat.id, "id": id, "payload": payload})
}

/// Posts over HTTP until that is refused: what a transaction that failed had claimed of the disk is there for the next one.
async fn post_until_refused(relay: &TestRelay, who: &Person, chat: &Chat) -> Response {
    let form = json!({"payload": {"open": {"kind": "text", "text": "x".repeat(60_000)}}});
    for _ in 0..100 {
        let answer = relay.send(Method::POST, &format!("/api/chats/{}/messages", chat.id), &who.access, &form).await;
        if !answer.status().is_success() {
            return answer;
        }
    }
    panic!("the disk is full, and everything is taken")
}

/// Every message of a chat, in order.
async fn history(relay: &TestRelay, who: &Person, chat: &Chat) -> Vec<String> {
    let mut ids = Vec::new();
    let mut after = 0;
    loop {
        let path = format!("/api/chats/{}/messages?after={after}&limit=200", chat.id);
        let page: Value = ok(relay.get(&path, &who.access).await).await;
        let Some(last) = page["messages"].as_array().unwrap().last() else { return ids };
        after = last["seq"].as_u64().unwrap();
        ids.extend(page["messages"].as_array().unwrap().iter().map(|line| line["id"].as_str().unwrap().to_owned()));
    }
}

#[tokio::test]
async fn after_a_failed_fsync_nothing_is_answered_and_what_was_is_safe() {
    let folder = TempDir::new().unwrap();
    let (data, flag) = (folder.path().join("data"), folder.path().join("the disk fails"));
    let Some(shim) = failing_sync(folder.path()) else {
        println!("SKIPPED: there is no C compiler (cc), so fsync cannot be made to fail");
        return;
    };
    let mut process = Process::start(&data, &[("LD_PRELOAD", &shim), ("FAILING_SYNC", &flag)]);
    let relay = &process.relay;
    let (alice, bob) = (relay.sign_up("alice").await, relay.sign_up("bob").await);
    let chat = group(relay, &alice, &bob).await;
    let mut on_alice = Socket::open(relay, &alice.access).await;
    let mut on_bob = Socket::open(relay, &bob.access).await;
    let ids: Vec<MessageId> = (0..350).map(|_| MessageId::new()).collect();
    let (before, after) = ids.split_at(300);
    for id in before {
        on_alice.send(&append(&chat, *id, "before")).await;
    }
    for id in before {
        assert_eq!(on_alice.until("accepted").await["id"], json!(id));
    }

    std::fs::write(&flag, "").unwrap();
    for id in after {
        on_alice.try_send(&append(&chat, *id, "after")).await;
    }
    let form = json!({"payload": {"open": {"kind": "text", "text": "posted"}}});
    let posting = relay.request(Method::POST, &format!("/api/chats/{}/messages", chat.id));
    if let Ok(answer) = posting.bearer_auth(&bob.access).json(&form).send().await {
        assert!(!answer.status().is_success(), "a message was taken: {answer:?}");
    }
    while let Some(frame) = on_alice.next().await {
        assert!(!["accepted", "refused"].contains(&frame["type"].as_str().unwrap()), "an answer: {frame}");
    }
    let unheard = json!(after);
    while let Some(frame) = on_bob.next().await {
        assert!(!unheard.as_array().unwrap().contains(&frame["id"]), "handed on: {frame}");
    }
    let (status, said) = process.ended();
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains("relay-server: the disk failed") && said.contains("start it again"), "{said}");

    std::fs::remove_file(&flag).unwrap();
    let process = Process::start(&data, &[("LD_PRELOAD", &shim), ("FAILING_SYNC", &flag)]);
    let log_file = std::fs::metadata(data.join("relay.db-wal")).map_or(0, |file| file.len());
    let relay = &process.relay;
    let found = history(relay, &relay.sign_in("alice").await, &chat).await;
    let sent: Vec<String> = ids.iter().map(ToString::to_string).collect();
    assert_eq!(found[..300], sent[..300]);
    let unknown: Vec<&String> = found[300..].iter().filter(|id| sent.contains(id)).collect();
    assert_eq!(unknown, sent[300..].iter().take(unknown.len()).collect::<Vec<_>>(), "in order, without gaps");
    assert_eq!(log_file, 0, "what may not have reached the disk is written again before anything new");
}

#[tokio::test]
async fn a_full_disk_is_a_wait_and_nothing_overtakes() {
    let Some(disk) = SmallDisk::mount("16m") else {
        println!("SKIPPED: no file system may be mounted here, so there is no disk to fill");
        return;
    };
    let data = disk.0.path().join("data");
    let mut process = Process::start(&data, &[]);
    let relay = &process.relay;
    let (alice, bob) = (relay.sign_up("alice").await, relay.sign_up("bob").await);
    let (chat, other) = (group(relay, &alice, &bob).await, group(relay, &alice, &bob).await);
    let mut on_alice = Socket::open(relay, &alice.access).await;
    let text = "x".repeat(4_000);
    let ids: Vec<MessageId> = (0..300).map(|_| MessageId::new()).collect();
    let mut accepted = 0;
    disk.fill(512 << 10);
    for round in 0..4 {
        // All that are left, in one go; the disk fills in the middle of them.
        for id in &ids[accepted..] {
            on_alice.send(&append(&chat, *id, &text)).await;
        }
        let mut refused = None;
        for id in &ids[accepted..] {
            let answer =
                on_alice.until_matches(|frame| ["accepted", "refused"].iter().any(|kind| frame["type"] == *kind)).await;
            assert_eq!(answer["id"], json!(id));
            match answer["error"]["code"].as_str() {
                None => {
                    assert!(refused.is_none(), "{id} overtook {refused:?}");
                    accepted += 1;
                }
                Some("try_later") => refused = refused.or(Some(*id)),
                Some("resume_first") => assert!(refused.is_some()),
                Some(other) => panic!("{other}"),
            }
        }
        println!("round {round}: {accepted} of {} accepted", ids.len());
        match round {
            0 | 1 => {
                assert!(refused.is_some(), "the disk is full");
                let (status, code, _) = error(post_until_refused(relay, &bob, &other).await).await;
                assert_eq!((status, code.as_str()), (503, "try_later"));
                // That is for whoever watches the numbers, and no reason to start it again.
                let numbers = relay.request(Method::GET, "/metrics").send().await.unwrap().text().await.unwrap();
                assert!(numbers.contains("parley_rollbacks_total"), "{numbers}");
                ok::<Value>(relay.request(Method::GET, "/healthz").send().await.unwrap()).await;
            }
            2 => assert!(refused.is_none(), "there is space"),
            _ => {}
        }
        if round == 1 {
            disk.clear();
        }
        on_alice.send(&json!({"type": "resume", "chat": chat.id})).await;
    }
    let sent: Vec<String> = ids.iter().map(ToString::to_string).collect();
    assert_eq!(history(relay, &bob, &chat).await, sent);

    process.child.kill().unwrap();
    process.child.wait().unwrap();
    let process = Process::start(&data, &[]);
    assert_eq!(history(&process.relay, &process.relay.sign_in("bob").await, &chat).await, sent);
}

#[tokio::test]
async fn a_disk_that_hangs_does_not_keep_the_relay_from_stopping() {
    let folder = TempDir::new().unwrap();
    let (data, flag) = (folder.path().join("data"), folder.path().join("the disk hangs"));
    let Some(shim) = failing_sync(folder.path()) else {
        println!("SKIPPED: there is no C compiler (cc), so fsync cannot be made to hang");
        return;
    };
    let mut process = Process::start(&data, &[("LD_PRELOAD", &shim), ("HANGING_SYNC", &flag)]);
    let relay = &process.relay;
    let (alice, bob) = (relay.sign_up("alice").await, relay.sign_up("bob").await);
    let chat = group(relay, &alice, &bob).await;
    let mut on_alice = Socket::open(relay, &alice.access).await;
    std::fs::write(&flag, "").unwrap();
    on_alice.send(&append(&chat, MessageId::new(), "waits for the disk")).await;
    on_alice.fence().await;
    let pid = process.child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    let (status, said) = process.ended();
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains("the disk took too long"), "{said}");
    let mut last = Value::Null;
    while let Some(frame) = on_alice.next().await {
        assert!(frame["type"] != "accepted", "{frame}");
        last = frame;
    }
    assert_eq!(last["error"]["code"], "shutting_down", "{last}");
}
