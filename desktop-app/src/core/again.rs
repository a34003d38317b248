//! A request to the relay that is made again, after growing pauses, until it is answered.

use std::time::{Duration, Instant};

use super::session::refusal_pause;

/// Where such a request stands.
#[derive(Clone, Debug)]
pub(crate) struct Again {
    /// When it is made again; `None` while it is under way.
    at: Option<Instant>,
    /// How often in a row it has failed.
    failures: u32,
}

impl Again {
    /// It has been made.
    pub(crate) const fn under_way() -> Self {
        Self { at: None, failures: 0 }
    }

    /// It failed for now; gives the pause until it is made again.
    pub(crate) fn failed(&mut self, now: Instant, retry_after: Option<u64>) -> Duration {
        self.failures = self.failures.saturating_add(1);
        let pause = refusal_pause(retry_after, self.failures);
        self.at = Some(now + pause);
        pause
    }

    /// Cuts the pause short, if one is being kept.
    pub(crate) fn soon(&mut self, now: Instant) {
        self.at = self.at.map(|at| at.min(now));
    }

    /// Whether it is to be made now; from then on it is under way.
    pub(crate) fn is_due(&mut self, now: Instant) -> bool {
        let due = self.at.is_some_and(|at| now >= at);
        if due {
            self.at = None;
        }
        due
    }

    /// When it is made again.
    pub(crate) const fn deadline(&self) -> Option<Instant> {
        self.at
    }
}
