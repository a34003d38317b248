//! What happens in a campaign: a pure list made from a seed, so that a failure replays.

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

/// Devices which are there from the beginning: two of alice's, two of bob's, one of carol's.
pub(super) const FIRST: usize = 5;
/// Those, and the two that sign in later.
pub(super) const SLOTS: usize = FIRST + 2;
/// Direct alice–bob, direct alice–carol, a group of all, a channel.
pub(super) const CHATS: usize = 4;
/// The group.
pub(super) const GROUP: usize = 2;
/// The channel.
pub(super) const CHANNEL: usize = 3;
/// What people react with.
pub(super) const EMOJI: [&str; 3] = ["👍", "🎉", "🐟"];

/// The harder kinds of trouble; the others are always there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Troubles {
    /// Old copies of profiles are put back.
    pub(super) copies: bool,
    /// Old copies of the relay are put back.
    pub(super) restores: bool,
    /// Disks fill up.
    pub(super) disks: bool,
    /// Packets of links are lost, doubled and late.
    pub(super) packets: bool,
}

impl Troubles {
    /// From a list of words; `all` and `none` are words too.
    pub(super) fn from_words(words: &str) -> Self {
        let has = |word: &str| words.split(',').any(|other| other.trim() == word || other.trim() == "all");
        Self { copies: has("copies"), restores: has("restores"), disks: has("disks"), packets: has("packets") }
    }

    /// The words again.
    pub(super) fn words(self) -> String {
        let words =
            [(self.copies, "copies"), (self.restores, "restores"), (self.disks, "disks"), (self.packets, "packets")];
        let words: Vec<&str> = words.iter().filter(|(on, _)| *on).map(|(_, word)| *word).collect();
        if words.is_empty() { "none".to_owned() } else { words.join(",") }
    }
}

/// One step. Devices and chats are numbers; `pick` chooses among whatever is there when it comes to it.
/// A step that makes no sense then (a message from a device that is down) is passed over.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Step {
    Say { slot: usize, chat: usize, count: u32 },
    Edit { slot: usize, chat: usize, pick: u32 },
    React { slot: usize, chat: usize, pick: u32, emoji: usize, on: bool },
    Delete { slot: usize, chat: usize, pick: u32 },
    Hide { slot: usize, chat: usize, pick: u32 },
    Read { slot: usize, chat: usize },
    Cut { slot: usize },
    Freeze { slot: usize },
    Slow { slot: usize, millis: u64 },
    Heal { slot: usize },
    Kill { slot: usize },
    Start { slot: usize },
    KillRelay,
    StartRelay,
    Links { slot: usize, everybody: bool },
    Skew { slot: usize, millis: i64 },
    Packets { slot: usize, percent: u32 },
    Silence { slot: usize },
    HealPackets { slot: usize },
    Remove { account: usize },
    Add { account: usize },
    NewDevice { slot: usize },
    Copy { slot: usize },
    PutBack { slot: usize },
    CopyRelay,
    RestoreRelay,
    Fill { slot: usize },
    Free { slot: usize },
    FillRelay,
    FreeRelay,
    Wait { millis: u64 },
}

/// Makes a plan.
pub(super) fn plan(seed: u64, steps: usize, troubles: Troubles) -> Vec<Step> {
    let mut rng = StdRng::seed_from_u64(seed);
    (0..steps).map(|_| step(&mut rng, troubles)).collect()
}

fn step(rng: &mut StdRng, troubles: Troubles) -> Step {
    let slot = rng.random_range(0..SLOTS);
    let chat = rng.random_range(0..CHATS);
    let pick = rng.random();
    let account = rng.random_range(1..3);
    let weight = |on: bool, weight: u32| if on { weight } else { 0 };
    let choices: [(u32, Step); 32] = [
        (220, Step::Say { slot, chat, count: 1 }),
        (40, Step::Say { slot, chat, count: rng.random_range(2..12) }),
        (40, Step::Edit { slot, chat, pick }),
        (40, Step::React { slot, chat, pick, emoji: rng.random_range(0..EMOJI.len()), on: rng.random_bool(0.7) }),
        (20, Step::Delete { slot, chat, pick }),
        (15, Step::Hide { slot, chat, pick }),
        (50, Step::Read { slot, chat }),
        (25, Step::Cut { slot }),
        (12, Step::Freeze { slot }),
        (15, Step::Slow { slot, millis: rng.random_range(10..400) }),
        (70, Step::Heal { slot }),
        (30, Step::Kill { slot }),
        (60, Step::Start { slot }),
        (14, Step::KillRelay),
        (30, Step::StartRelay),
        (20, Step::Links { slot, everybody: rng.random_bool(0.7) }),
        (12, Step::Skew { slot, millis: *[0, -90_000, 90_000, 31_536_000_000].get(rng.random_range(0..4)).unwrap() }),
        (weight(troubles.packets, 20), Step::Packets { slot, percent: rng.random_range(1..30) }),
        (weight(troubles.packets, 10), Step::Silence { slot }),
        (weight(troubles.packets, 20), Step::HealPackets { slot }),
        (6, Step::Remove { account }),
        (12, Step::Add { account }),
        (6, Step::NewDevice { slot: rng.random_range(FIRST..SLOTS) }),
        (weight(troubles.copies, 14), Step::Copy { slot }),
        (weight(troubles.copies, 10), Step::PutBack { slot }),
        (weight(troubles.restores, 12), Step::CopyRelay),
        (weight(troubles.restores, 8), Step::RestoreRelay),
        (weight(troubles.disks, 12), Step::Fill { slot }),
        (weight(troubles.disks, 24), Step::Free { slot }),
        (weight(troubles.disks, 12), Step::FillRelay),
        (weight(troubles.disks, 24), Step::FreeRelay),
        (120, Step::Wait { millis: [5, 30, 100, 300, 900][rng.random_range(0..5)] }),
    ];
    let total: u32 = choices.iter().map(|(weight, _)| weight).sum();
    let mut at = rng.random_range(0..total);
    for (weight, step) in choices {
        if at < weight {
            return step;
        }
        at -= weight;
    }
    Step::StartRelay
}
