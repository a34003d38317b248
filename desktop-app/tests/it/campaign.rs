//! The seeded campaign: people talk while everything goes wrong, then everything is healed and nothing may be lost, doubled or
//! out of order.
//!
//! A run is a list of steps made from a seed (`plan`), carried out here, and judged (`judge`). `SEED`, `STEPS`, `RUNS` and
//! `TROUBLES` come from the environment for the long one, which `scripts/soak` runs; a failure prints the line that replays it.

mod judge;
mod plan;
mod steps;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use desktop_app::events::Event;
use desktop_app::views::{
    ChatStatus, Connection, Delivery, DirectLinks, MessageKind, MessageView, Outgoing, Page, Settings,
};
use desktop_app::{Engine, EngineError};
use parley_protocol::http::SignIn;
use parley_protocol::{AccountId, ChatId, DeviceId, MessageKey};
use tempfile::TempDir;

use crate::world::{Device, PASSWORD, World};
use plan::{CHANNEL, CHATS, EMOJI, FIRST, GROUP, SLOTS, Step, Troubles, plan};

/// How long everything may take to come to rest once all is healed.
const REST: Duration = Duration::from_secs(60);
/// What comes to rest later than this is worth a line.
const SLOW: Duration = Duration::from_secs(15);
/// Sending never waits for a connection; this is for slow machines.
const SEND_WITHIN: Duration = Duration::from_secs(8);
/// What waits for the relay is given up after this long; the outcome is unknown then.
const ASK_WITHIN: Duration = Duration::from_secs(2);
/// Who is who: the account of each slot.
const ACCOUNTS: [usize; SLOTS] = [0, 0, 1, 1, 2, 0, 1];
const NAMES: [&str; 3] = ["alice", "bob", "carol"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_short_campaign() {
    for (seed, troubles) in [(1, "none"), (2, "packets"), (3, "all")] {
        run(seed, number("STEPS", 150), Troubles::from_words(troubles)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "long: `make soak` runs it"]
async fn a_long_campaign() {
    let first = number("SEED", 1);
    let troubles = std::env::var("TROUBLES").unwrap_or_else(|_| "all".to_owned());
    for seed in first..first + number("RUNS", 1) {
        let began = Instant::now();
        run(seed, number("STEPS", 400), Troubles::from_words(&troubles)).await;
        println!("seed {seed}: passed in {} s", began.elapsed().as_secs());
    }
}

fn number<T: std::str::FromStr>(name: &str, otherwise: T) -> T {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// One device of the campaign.
struct Slot {
    device: Device,
    account: usize,
    /// It was there from the beginning, and its profile was never put back.
    whole: bool,
    copy: Option<Copied>,
    /// An old copy was put back, and it has not noticed yet.
    unaware: bool,
    full: bool,
    /// Messages in the order in which they were told, by life.
    told: Vec<Arc<Mutex<Told>>>,
}

#[derive(Default)]
struct Told {
    messages: Vec<(ChatId, MessageKey)>,
    notices: Vec<String>,
    lagged: bool,
}

/// A copy of a profile, and what it had yet to see through.
struct Copied {
    folder: TempDir,
    /// How many messages the slot had sent.
    sent: usize,
}

/// A message that was acknowledged: `send` returned.
struct Said {
    slot: usize,
    chat: usize,
    key: MessageKey,
    text: String,
    /// Nothing that happened to the sender's profile since can have taken it back.
    sure: bool,
    /// Everybody who is in the chat at the end was in it when this was said.
    last: bool,
}

/// A message which somebody wants to see no more.
struct Hid {
    slot: usize,
    chat: usize,
    key: MessageKey,
    /// Acknowledged, and nothing that happened to the profile since can have taken it back.
    sure: bool,
}

/// What was done to a message, by whom, and whether it was acknowledged.
#[derive(Default)]
struct Done {
    edits: Vec<(usize, String, bool)>,
    deletes: Vec<(usize, bool)>,
    reactions: BTreeMap<&'static str, Vec<(usize, bool, bool)>>,
    /// Done by somebody whose profile was put back since, or had been without having heard of it.
    unsure: bool,
}

/// A run of the campaign.
struct Run {
    world: World,
    slots: Vec<Option<Slot>>,
    chats: [ChatId; CHATS],
    accounts: [AccountId; 3],
    /// Accounts which were taken out of the group at some time, and those that are in it as far as is known.
    moved: BTreeSet<usize>,
    said: Vec<Said>,
    done: BTreeMap<(usize, MessageKey), Done>,
    hidden: Vec<Hid>,
    relay_copy: Option<TempDir>,
    relay_full: bool,
    restored: bool,
    put_back: bool,
    filled: bool,
    /// What each account was shown: surely (before the mark), and perhaps (after it).
    read: BTreeMap<(usize, usize), (BTreeSet<MessageKey>, BTreeSet<MessageKey>)>,
    /// One line a step, for people.
    story: Vec<String>,
    /// What was wrong already while it ran.
    wrong: Vec<String>,
    count: u32,
}

async fn run(seed: u64, steps: usize, troubles: Troubles) {
    println!("campaign: SEED={seed} STEPS={steps} TROUBLES={} RUNS=1 scripts/soak", troubles.words());
    let mut run = Run::begin().await;
    for (at, step) in plan(seed, steps, troubles).into_iter().enumerate() {
        let outcome = run.carry_out(step).await;
        if let Some(outcome) = outcome {
            run.story.push(format!("{at:4} {step:?}{outcome}"));
            if std::env::var_os("VERBOSE").is_some() {
                println!("{}", run.story.last().unwrap());
            }
        }
    }
    run.heal().await;
    let mut wrong = run.rest("after everything was healed").await;
    if wrong.is_empty() {
        run.close().await;
        wrong = run.rest("after everybody had said one more thing").await;
    }
    if wrong.is_empty() {
        run.read_all().await;
        wrong = run.rest("after everybody had read everything").await;
    }
    wrong.extend(std::mem::take(&mut run.wrong));
    if wrong.is_empty() {
        return;
    }
    println!("the steps of seed {seed}:");
    run.story.iter().for_each(|line| println!("{line}"));
    for (number, slot) in run.slots.iter().enumerate() {
        if let Some(slot) = slot {
            for (life, told) in slot.told.iter().enumerate() {
                for notice in &told.lock().unwrap().notices {
                    println!("notice to {}.{number} in life {life}: {notice}", slot.device.name);
                }
            }
        }
    }
    if std::env::var_os("KEEP").is_some() {
        println!("kept: {}", run.world.keep().display());
    }
    panic!(
        "seed {seed} failed; SEED={seed} STEPS={steps} TROUBLES={} RUNS=1 scripts/soak\n{}",
        troubles.words(),
        wrong.join("\n")
    );
}

impl Run {
    async fn begin() -> Self {
        let world = World::new().await;
        let mut slots = Vec::new();
        for (slot, account) in ACCOUNTS.into_iter().enumerate().take(FIRST) {
            let name = NAMES[account];
            let device = match ACCOUNTS[..slot].contains(&account) {
                false => world.sign_up(name).await,
                true => world.sign_in(name, &format!("{name} {slot}")).await,
            };
            slots.push(Some(Slot::new(device, account, true)));
        }
        slots.resize_with(SLOTS, || None);
        let device = |slot: usize| &slots[slot].as_ref().unwrap().device;
        let (alice, bob, carol) = (device(0), device(2), device(4));
        let with_bob = alice.direct(bob).await;
        let with_carol = alice.direct(carol).await;
        let group = async |engine: Engine| {
            let group = engine.new_group("the group", vec!["bob".into(), "carol".into()]).await?;
            let channel = engine.new_channel("the channel", "", true).await?;
            Ok::<_, EngineError>((group, channel))
        };
        let (group, channel) = alice.on(group).await.unwrap();
        for other in [bob, carol] {
            other.on(move |engine| async move { engine.join(channel).await }).await.unwrap();
        }
        let chats = [with_bob, with_carol, group, channel];
        let mut accounts = Vec::new();
        for slot in [0, 2, 4] {
            accounts.push(device(slot).engine().me().await.unwrap().unwrap().account);
        }
        for (slot, account) in ACCOUNTS.into_iter().enumerate().take(FIRST) {
            for (chat, id) in chats.into_iter().enumerate() {
                if takes_part(account, chat) {
                    device(slot).has_chat(id).await;
                }
            }
        }
        Self {
            world,
            slots,
            chats,
            accounts: accounts.try_into().unwrap(),
            moved: BTreeSet::new(),
            said: Vec::new(),
            done: BTreeMap::new(),
            hidden: Vec::new(),
            relay_copy: None,
            relay_full: false,
            restored: false,
            put_back: false,
            filled: false,
            read: BTreeMap::new(),
            story: Vec::new(),
            wrong: Vec::new(),
            count: 0,
        }
    }

    fn running(&self, slot: usize) -> Option<&Slot> {
        self.slots[slot].as_ref().filter(|slot| slot.device.is_running())
    }

    async fn free(&mut self, slot: usize) {
        let Some(device) = self.running(slot).map(|slot| &slot.device) else { return };
        let free = async || device.on(|engine| async move { engine.fill_disk(false).await }).await.is_ok();
        crate::world::eventually("there is room again", free).await;
        self.slots[slot].as_mut().unwrap().full = false;
    }

    /// Everything is as it should be: the relay and all devices run, nothing is cut, slow or full, everybody is signed in.
    async fn heal(&mut self) {
        if !self.world.relay_runs() {
            self.world.start_relay().await;
        }
        if self.relay_full {
            self.world.fill_relay_disk(false).await;
            self.relay_full = false;
        }
        for number in 0..SLOTS {
            let Some(slot) = self.slots[number].as_mut() else { continue };
            slot.device.gate.slow(Duration::ZERO);
            slot.device.gate.heal();
            slot.device.set_skew(0);
            if !slot.device.is_running() {
                slot.start().await;
            }
            if slot.full {
                self.free(number).await;
            }
            self.trouble_packets(Step::HealPackets { slot: number });
        }
        let (began, deadline) = (Instant::now(), Instant::now() + REST);
        for number in 0..SLOTS {
            while let Some(slot) = self.slots[number].as_mut() {
                match slot.device.engine().connection().await {
                    Ok(Connection::Online { behind: 0, .. }) => break,
                    Ok(Connection::SignedOut { reason }) => {
                        // The relay was restored to before this device was.
                        self.story.push(format!("slot {number} signs in again; it was told: {reason:?}"));
                        if !self.restored && !self.put_back {
                            self.wrong.push(format!("slot {number} was signed out: {reason:?}"));
                        }
                        slot.whole = false;
                        let (relay, request) = (slot.device.relay(), sign_in(slot.account));
                        let result =
                            slot.device.on(move |engine| async move { engine.sign_in(&relay, request).await }).await;
                        if let Err(error) = result {
                            self.story.push(format!("slot {number} could not: {error}"));
                        }
                        for said in self.said.iter_mut().filter(|said| said.slot == number) {
                            said.sure = false;
                        }
                    }
                    Ok(_) => {
                        let _ = slot.device.on(|engine| async move { engine.network_changed().await }).await;
                    }
                    Err(error) => self.wrong.push(format!("slot {number} does not answer: {error}")),
                }
                if Instant::now() > deadline {
                    let state = slot.device.engine().connection().await;
                    self.wrong.push(format!("slot {number} does not come online: {state:?}"));
                    break;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        if began.elapsed() > SLOW {
            println!("it took {} s until everybody was online", began.elapsed().as_secs());
        }
        self.story.push("     everything is healed".to_owned());
        for account in self.moved.clone() {
            let outcome = self.bring_back(account).await;
            self.story.push(format!("     {} is brought back{}", NAMES[account], outcome.unwrap_or_default()));
        }
    }

    /// Everybody says one more thing in every chat, which everybody has to get.
    async fn close(&mut self) {
        for slot in 0..SLOTS {
            for chat in 0..CHATS {
                if let Some(outcome) = self.say(slot, chat, true).await {
                    self.story.push(format!("     the last of slot {slot} in chat {chat}:{outcome}"));
                }
            }
        }
    }

    /// One device of each account reads everything.
    async fn read_all(&mut self) {
        for slot in [0, 2, 4] {
            for chat in 0..CHATS {
                if takes_part(ACCOUNTS[slot], chat) {
                    self.carry_out(Step::Read { slot, chat }).await;
                }
            }
        }
    }

    /// Waits until nothing is wrong any more; gives what still is after a long time.
    async fn rest(&mut self, when: &str) -> Vec<String> {
        let (mut slow, deadline) = (Instant::now() + SLOW, Instant::now() + REST);
        loop {
            let wrong = self.judge().await;
            if wrong.is_empty() {
                return wrong;
            }
            if Instant::now() > slow {
                println!("still waiting {when}:\n{}", wrong.join("\n"));
                slow = deadline + REST;
            }
            if Instant::now() > deadline {
                return std::iter::once(format!("{when}:")).chain(wrong).collect();
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    }
}

impl Slot {
    fn new(device: Device, account: usize, whole: bool) -> Self {
        let mut slot = Self { device, account, whole, copy: None, unaware: false, full: false, told: Vec::new() };
        slot.listen();
        slot
    }

    async fn start(&mut self) {
        self.device.start().await;
        self.listen();
    }

    /// Writes down what is told in this life.
    fn listen(&mut self) {
        let told = Arc::new(Mutex::new(Told::default()));
        let mut events = self.device.engine().events();
        self.told.push(told.clone());
        tokio::spawn(async move {
            use tokio::sync::broadcast::error::RecvError;
            loop {
                let event = events.recv().await;
                let mut told = told.lock().unwrap();
                match event {
                    Ok(Event::Message { chat, key, .. }) => told.messages.push((chat, key)),
                    Ok(Event::Notice { code, message, .. }) => told.notices.push(format!("{code}: {message}")),
                    Ok(_) => {}
                    Err(RecvError::Lagged(_)) => told.lagged = true,
                    Err(RecvError::Closed) => return,
                }
            }
        });
    }
}

/// Whether an account was in a chat from the beginning.
const fn takes_part(account: usize, chat: usize) -> bool {
    match chat {
        0 => account != 2,
        1 => account != 1,
        _ => true,
    }
}

fn sign_in(account: usize) -> SignIn {
    SignIn { username: Some(NAMES[account].to_owned()), password: PASSWORD.to_owned(), ..SignIn::default() }
}
