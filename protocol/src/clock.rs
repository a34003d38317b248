//! The hybrid logical clock which orders the messages of a sealed chat (DELIVERY rule 4).
//!
//! Kept per chat by each device: it grows with each message of the device, moves past everything seen, and is
//! never clamped to the local time, so that a clock which was once a year ahead does not tear the order apart.
//! What a person reads as the time of a message is the sender's wall clock, which is a field of its own.

use serde::{Deserialize, Serialize};

use crate::Millis;

/// A point of the hybrid logical clock; compared by milliseconds, then by counter.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
pub struct Clock {
    /// Milliseconds since the Unix epoch, or ahead of it.
    #[serde(rename = "ms")]
    pub millis: Millis,
    /// Tells apart what happened in one millisecond.
    #[serde(rename = "c", default)]
    pub counter: u32,
}

/// No clock may be beyond this (the year 2300); a message that claims it is refused as nonsense.
pub const MAX_MILLIS: Millis = 10_413_792_000_000;

impl Clock {
    /// The clock of a new message: after `self` (the last one seen or sent in this chat) and not before `now`.
    #[must_use]
    pub fn next(self, now: Millis) -> Self {
        if now > self.millis && now <= MAX_MILLIS {
            return Self { millis: now, counter: 0 };
        }
        match self.counter.checked_add(1) {
            Some(counter) => Self { millis: self.millis, counter },
            None => Self { millis: self.millis + 1, counter: 0 },
        }
    }

    /// Whether the clock is one that an honest device can have.
    #[must_use]
    pub fn is_plausible(self) -> bool {
        self.millis <= MAX_MILLIS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_whatever_the_wall_clock_does() {
        let ahead = Clock { millis: 1_000, counter: 0 };
        assert_eq!(ahead.next(2_000), Clock { millis: 2_000, counter: 0 });
        assert_eq!(ahead.next(500), Clock { millis: 1_000, counter: 1 });
        assert_eq!(ahead.next(1_000), Clock { millis: 1_000, counter: 1 });
    }

    #[test]
    fn the_counter_carries() {
        let full = Clock { millis: 7, counter: u32::MAX };
        assert_eq!(full.next(0), Clock { millis: 8, counter: 0 });
    }

    #[test]
    fn nonsense_is_refused_and_never_adopted() {
        assert!(!Clock { millis: MAX_MILLIS + 1, counter: 0 }.is_plausible());
        let next = Clock { millis: 5, counter: 0 }.next(u64::MAX);
        assert_eq!(next, Clock { millis: 5, counter: 1 });
    }
}
