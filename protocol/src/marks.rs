//! Marks: how far a device holds, or has shown, what each other device sent (DELIVERY rules 5 and 6).
//!
//! For each sending device a mark maps a run to the last number up to which nothing is missing, with the numbers that
//! were given up listed beside it. A run which has ended and is complete is dropped, as a later run of the same
//! device in the mark says the same. Marks merge by maximum: order and repetition do not matter.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{DeviceId, MessageId, MessageKey, RunId};

/// The most numbers that a mark lists as missing in one run.
pub const MAX_MISSING: usize = 1_000;

/// How far one run is held.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Held {
    /// All numbers from 1 to this are held, or given up and listed in `missing`.
    #[serde(rename = "n")]
    pub upto: u64,
    /// Numbers up to `upto` that were given up; ascending, at most [`MAX_MISSING`]. They do not count as delivered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<u64>,
}

impl Held {
    /// Whether the number is held.
    #[must_use]
    pub fn has(&self, n: u64) -> bool {
        n <= self.upto && self.missing.binary_search(&n).is_err()
    }

    fn merge(&mut self, other: &Self) {
        let low = self.upto.min(other.upto);
        let (longer, shorter) = if self.upto >= other.upto { (&*self, other) } else { (other, &*self) };
        let missing = longer.missing.iter().copied().filter(|n| *n > low || shorter.missing.contains(n)).collect();
        *self = Self { upto: longer.upto, missing };
    }
}

/// One device's mark over one chat: sending device → run → how far.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Marks(pub BTreeMap<DeviceId, BTreeMap<RunId, Held>>);

impl Marks {
    /// How far the run is held; `None` if the mark does not name it.
    #[must_use]
    pub fn held(&self, device: DeviceId, run: RunId) -> Option<&Held> {
        self.0.get(&device)?.get(&run)
    }

    /// Whether number `n` of a run is held. `later` are the sending device's own later runs: a mark that holds the first
    /// message of one of those and does not name the run itself says that the run is complete, since that first
    /// message names the run's end.
    #[must_use]
    pub fn has(&self, device: DeviceId, run: RunId, n: u64, later: &[RunId]) -> bool {
        let Some(runs) = self.0.get(&device) else {
            return false;
        };
        match runs.get(&run) {
            Some(held) => held.has(n),
            None => later.iter().any(|run| runs.get(run).is_some_and(|held| held.has(1))),
        }
    }

    /// Takes the maximum of both. What neither of two marks drops stays; a run which one of them dropped as complete
    /// comes back with what the other says, which the caller drops again by its own knowledge of the run's end.
    pub fn merge(&mut self, other: &Self) {
        for (device, runs) in &other.0 {
            let mine = self.0.entry(*device).or_default();
            for (run, held) in runs {
                mine.entry(*run).or_default().merge(held);
            }
        }
    }
}

/// What one device says of one chat: the content of its mark register.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct MarkRegister {
    /// What it holds durably.
    #[serde(default)]
    pub delivered: Marks,
    /// What it has shown; empty for others while read marks are turned off.
    #[serde(default)]
    pub read: Marks,
}

/// The mark of an open chat, where the log's `seq` says it all. Stands as JSON text in the register.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct OpenMark {
    /// Held durably up to this `seq`.
    #[serde(default)]
    pub delivered: u64,
    /// Shown up to this `seq`.
    #[serde(default)]
    pub read: u64,
    /// Of what a restored relay's log lacks, shown up to this `seq` of the log that was lost. For one's own devices alone.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub lost: u64,
    /// Entries beyond `read` which were shown all the same: a restored relay was given them back behind what nobody has read. For
    /// one's own devices alone; ascending, at most [`OpenMark::MOST_ALSO`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<u64>,
}

impl OpenMark {
    /// The most entries that a mark names one by one.
    pub const MOST_ALSO: usize = 500;
}

/// The lines of a chat which a person wants to see no more, on any of their devices: sending device → the messages' ids. A register
/// of its own, for one's own devices alone, in sealed and open chats alike. Such sets merge by union.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Hidden(pub BTreeMap<DeviceId, BTreeSet<MessageId>>);

impl Hidden {
    /// The most messages that a register names, the last hidden first: 500 by 500 devices take 54 kB of the 64 that a relay takes.
    pub const MOST: usize = 500;
}

impl FromIterator<MessageKey> for Hidden {
    fn from_iter<T: IntoIterator<Item = MessageKey>>(keys: T) -> Self {
        let mut hidden = Self::default();
        for key in keys {
            hidden.0.entry(key.device).or_default().insert(key.id);
        }
        hidden
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn held() -> impl Strategy<Value = Held> {
        (0u64..12, proptest::collection::btree_set(1u64..12, 0..5))
            .prop_map(|(upto, missing)| Held { upto, missing: missing.into_iter().filter(|n| *n <= upto).collect() })
    }

    proptest! {
        #[test]
        fn a_number_is_held_after_a_merge_if_either_had_it(mine in held(), theirs in held(), n in 1u64..14) {
            let mut merged = mine.clone();
            merged.merge(&theirs);
            prop_assert_eq!(merged.has(n), mine.has(n) || theirs.has(n));
        }

        #[test]
        fn merging_commutes_and_repeats_harmlessly(a in held(), b in held()) {
            let (mut ab, mut ba) = (a.clone(), b.clone());
            ab.merge(&b);
            ba.merge(&a);
            prop_assert_eq!(&ab, &ba);
            ab.merge(&b);
            prop_assert_eq!(ab, ba);
        }
    }

    #[test]
    fn a_dropped_run_is_complete_only_beside_a_later_one() {
        let (device, first, second) = (DeviceId::new(), RunId::new(), RunId::new());
        let mut marks = Marks::default();
        assert!(!marks.has(device, first, 1, &[second]));
        marks.0.entry(device).or_default().insert(second, Held { upto: 2, missing: vec![1] });
        assert!(!marks.has(device, first, 9, &[second]), "its first message, which names the end, is missing");
        marks.0.entry(device).or_default().insert(second, Held { upto: 1, missing: vec![] });
        assert!(marks.has(device, first, 9, &[second]));
        assert!(!marks.has(device, second, 2, &[]));
    }
}
