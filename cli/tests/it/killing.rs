//! `kill -9` of everybody, at any moment, while a conversation goes on.

use std::fs::File;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use serde_json::Value;
use tempfile::TempDir;

use crate::processes::{PATIENCE, Person, Place, Running, answers, eventually, free_address, number, objects, relay};

/// How long everybody is in danger, at least.
const DANGER: Duration = Duration::from_secs(16);
/// And until this much was said, and each has died so often.
const MESSAGES: u64 = 2_000;
const DEATHS: u32 = 3;
/// A machine on which that takes longer is too busy for it.
const TOO_LONG: Duration = Duration::from_secs(180);
/// How long Alice takes from one number to the next, at least.
const PACE: Duration = Duration::from_millis(3);

/// One party: a process that comes back whenever it was killed.
struct Party {
    process: Mutex<Option<Running>>,
    killed: Mutex<u32>,
}

impl Party {
    fn new() -> Self {
        Self { process: Mutex::default(), killed: Mutex::default() }
    }

    /// Kills it, if it runs.
    fn kill(&self) {
        if let Some(mut process) = lock(&self.process).take() {
            process.kill();
            *lock(&self.killed) += 1;
        }
    }

    fn set(&self, process: Running) {
        *lock(&self.process) = Some(process);
    }

    fn is_gone(&self) -> bool {
        lock(&self.process).as_mut().is_none_or(Running::is_over)
    }

    /// Keeps it alive until the end.
    fn live(&self, over: &AtomicBool, mut start: impl FnMut(u32) -> Running) {
        let mut lives = 0;
        while !over.load(Ordering::Relaxed) {
            if self.is_gone() {
                std::thread::sleep(Duration::from_millis(40));
                self.set(start(lives));
                lives += 1;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        // The end is one more death.
        self.kill();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How far it has come.
#[derive(Default)]
struct Course {
    /// The danger is over: nobody dies any more, and no more is said than there has to be.
    calm: AtomicBool,
    over: AtomicBool,
    /// The number said last up to now; less than before if Alice died with it in the pipe.
    said: AtomicU64,
    /// The last one that there will be.
    last: Mutex<Option<u64>>,
}

/// Alice at work: she says the numbers after the last one that her profile has, whenever she comes back.
struct Alice<'a> {
    person: &'a Person,
    party: &'a Party,
    folder: &'a Path,
    lives: u32,
}

impl Alice<'_> {
    fn start(&mut self) -> (ChildStdin, u64) {
        let last = self.person.numbers("bob", 5).last().copied().unwrap_or(0);
        let echo = File::create(self.folder.join(format!("alice-{}", self.lives))).unwrap();
        self.lives += 1;
        let mut command = self.person.parley(&["chat", "bob"]);
        let mut process = Running::start(command.stdin(Stdio::piped()).stdout(echo).stderr(Stdio::null()));
        let stdin = process.0.stdin.take().unwrap();
        self.party.set(process);
        (stdin, last)
    }

    /// Says numbers until the danger is over, and stays until the end.
    fn talk(mut self, course: &Course) {
        let (mut stdin, mut last) = self.start();
        while !course.over.load(Ordering::Relaxed) {
            std::thread::sleep(PACE);
            if self.party.is_gone() {
                (stdin, last) = self.start();
            }
            course.said.store(last, Ordering::Relaxed);
            if !course.calm.load(Ordering::Relaxed) || last < MESSAGES {
                // Into the pipe of one that is dead: it says it again in its next life.
                if writeln!(stdin, "{}", last + 1).is_ok() {
                    last += 1;
                }
            } else {
                *lock(&course.last) = Some(last);
            }
        }
        self.party.kill();
    }
}

/// What the lives of Bob's listener printed.
fn heard(folder: &Path, lives: u32) -> Vec<Vec<u64>> {
    let of_event = |object: &Value| (object["event"] == "message").then(|| number(&object["message"]))?;
    let file = |life| -> PathBuf { folder.join(format!("bob-{life}")) };
    (0..lives).map(|life| objects(&file(life)).iter().filter_map(of_event).collect()).collect()
}

/// Kills one after the other, at moments which the dice decide, until there was enough of it.
fn endanger(dice: &mut StdRng, parties: &[&Party; 4], course: &Course) {
    let began = Instant::now();
    let enough = || {
        let said = course.said.load(Ordering::Relaxed) >= MESSAGES;
        said && parties.iter().all(|party| *lock(&party.killed) >= DEATHS) && began.elapsed() >= DANGER
    };
    while !enough() && began.elapsed() < TOO_LONG {
        std::thread::sleep(Duration::from_millis(dice.random_range(20..1_200)));
        parties[dice.random_range(0..parties.len())].kill();
    }
}

/// Alice talks to Bob, who has a second device; all three, and the relay, are processes of their own that die again and again.
#[test]
fn each_message_is_there_once_and_in_order_whoever_is_killed() {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(rand::random::<u64>);
    println!("SEED={seed}");
    let mut dice = StdRng::seed_from_u64(seed);
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    let address: SocketAddr = free_address();
    let here = Place::default();
    let start_relay = |_| relay(&here, address, &folder.join("relay"), &[]);
    let parties = [Party::new(), Party::new(), Party::new(), Party::new()];
    let [alice, bob, phone, relay] = &parties;
    relay.set(start_relay(0));
    answers(address);
    let people = ["alice", "bob"].map(|name| Person::sign_up(name, &here, address, folder));
    let his_phone = people[1].sign_in("phone");
    people[0].done(&["new", "bob"]);

    let (course, lives) = (Course::default(), Mutex::new(0));
    let listen = |life| {
        *lock(&lives) = life + 1;
        let printed = File::create(folder.join(format!("bob-{life}"))).unwrap();
        let mut command = people[1].parley(&["--json", "listen", "--unread", "--mark-read"]);
        Running::start(command.stdout(printed).stderr(Stdio::null()))
    };
    let follow = |_| Running::start(his_phone.parley(&["listen"]).stdout(Stdio::null()).stderr(Stdio::null()));
    let told_of_last = std::thread::scope(|scope| {
        scope.spawn(|| relay.live(&course.over, start_relay));
        scope.spawn(|| bob.live(&course.over, listen));
        scope.spawn(|| phone.live(&course.over, follow));
        let talker = Alice { person: &people[0], party: alice, folder, lives: 0 };
        scope.spawn(|| talker.talk(&course));
        endanger(&mut dice, &[alice, bob, phone, relay], &course);
        course.calm.store(true, Ordering::Relaxed);
        // Nothing is asserted while the others run: a panic here would wait for them.
        // What Alice was told to say waits in her pipe, on a busy machine for long: patience begins anew with each number.
        let newest = || heard(folder, *lock(&lives)).concat().into_iter().max();
        let all = |newest: Option<u64>| newest.is_some() && newest == *lock(&course.last);
        let (mut known, mut deadline) = (newest(), Instant::now() + PATIENCE);
        while !all(known) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(50));
            let now = newest();
            if now > known {
                (known, deadline) = (now, Instant::now() + PATIENCE);
            }
        }
        course.over.store(true, Ordering::Relaxed);
        all(known)
    });
    let last = lock(&course.last).expect("Alice is there at the end");
    let deaths = [alice, bob, phone, relay].map(|party| *lock(&party.killed) - 1);
    println!("{last} messages; deaths of Alice, Bob, his phone and the relay: {deaths:?}");
    if !told_of_last {
        let tail = |person: &Person, with| person.done(&["--json", "--offline", "history", with, "-n", "3"]);
        let lives = *lock(&lives);
        let [alice, bob] = [tail(&people[0], "bob"), tail(&people[1], "alice")];
        let told: Vec<_> = heard(folder, lives).iter().map(|life| life.last().copied()).collect();
        panic!(
            "Bob was not told of the last one.\nAlice has:\n{alice}Bob has:\n{bob}His lives were told up to: {told:?}"
        );
    }
    assert!(last >= MESSAGES, "only {last} messages");
    assert!(deaths.iter().all(|deaths| *deaths >= DEATHS), "{deaths:?}");

    assert_eq!(fault(&people[0].numbers("bob", u16::MAX), last), None, "Alice shows each once and in order");
    assert_eq!(fault(&people[1].numbers("alice", u16::MAX), last), None, "Bob shows each once and in order");
    let heard = heard(folder, *lock(&lives));
    for life in &heard {
        let wrong = life.windows(2).find(|pair| pair[0] >= pair[1]);
        assert_eq!(wrong, None, "Bob was told of each once and in order while he lived");
    }
    let mut told: Vec<u64> = heard.concat();
    told.sort_unstable();
    told.dedup();
    assert_eq!(fault(&told, last), None, "Bob was told of each in one of his lives");
    // What the phone had not taken yet it takes now: from the relay, or from those who have it.
    relay.set(start_relay(0));
    answers(address);
    let listening = people.each_ref().map(|person| {
        let mut command = person.parley(&["listen"]);
        Running::start(command.stdout(Stdio::null()).stderr(Stdio::null()))
    });
    eventually("the phone has the last one", || {
        his_phone.done(&["history", "alice", "-n", "1"]);
        his_phone.numbers("alice", 1) == [last]
    });
    drop(listening);
    assert_eq!(fault(&his_phone.numbers("alice", u16::MAX), last), None, "the phone shows each once and in order");
}

/// Where numbers are not 1, 2, 3 … to the last: the place, and what stands there.
fn fault(numbers: &[u64], last: u64) -> Option<(u64, Vec<u64>)> {
    let wrong = (1..).zip(numbers).find(|(place, number)| place != *number).map(|(place, _)| place);
    let missing = (numbers.len() as u64) < last;
    let place = wrong.or(missing.then_some(numbers.len() as u64 + 1))?;
    Some((place, numbers.iter().skip(usize::try_from(place).unwrap() - 1).take(5).copied().collect()))
}
