//! Rates of what sessions send, by account.

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use parley_protocol::{AccountId, Code, ErrorBody};

use crate::limits::Limits;

/// The buckets.
pub(crate) struct FrameRates {
    pub(crate) frames: Rate,
    pub(crate) signals: Rate,
    pub(crate) topics: Rate,
}

/// One kind of frame.
pub(crate) struct Rate {
    buckets: DefaultKeyedRateLimiter<AccountId>,
    bound: String,
}

impl Rate {
    fn new(per_second: std::num::NonZeroU32, burst: std::num::NonZeroU32, what: &str, name: &str) -> Self {
        let buckets = RateLimiter::keyed(Quota::per_second(per_second).allow_burst(burst));
        Self { buckets, bound: format!("an account sends at most {per_second} {what} a second here ({name})") }
    }

    /// Takes one from the account's bucket.
    pub(crate) fn take(&self, account: AccountId) -> Result<(), ErrorBody> {
        let Err(early) = self.buckets.check_key(&account) else {
            return Ok(());
        };
        let seconds = early.wait_time_from(DefaultClock::default().now()).as_secs() + 1;
        let message = format!("{}; wait {seconds} s", self.bound);
        Err(ErrorBody { code: Code::RateLimited, message, retry_after: Some(seconds) })
    }

    fn tidy(&self) {
        self.buckets.retain_recent();
        self.buckets.shrink_to_fit();
    }
}

impl FrameRates {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            frames: Rate::new(limits.frames_per_second, limits.frames_burst, "frames", "frames_per_second"),
            signals: Rate::new(limits.signals_per_second, limits.signals_burst, "signals", "signals_per_second"),
            topics: Rate::new(limits.topics_per_second, limits.topics_burst, "topic messages", "topics_per_second"),
        }
    }

    /// Forgets accounts which have been quiet.
    pub(crate) fn tidy(&self) {
        for rate in [&self.frames, &self.signals, &self.topics] {
            rate.tidy();
        }
    }
}
