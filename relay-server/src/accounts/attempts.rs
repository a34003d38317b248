//! Back-off for sign-ins that fail: by account and by address.
//!
//! An attempt counts as failed from its beginning and is taken back when it turns out well, so that many at once gain
//! nothing. The wait of an account stays short: guessing slows to a crawl, and yet nobody can lock another out for
//! long. Names which do not exist are counted like those which do.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use dashmap::DashMap;
use parley_protocol::{Code, ErrorBody};

use crate::address::Source;

const ACCOUNT_WAIT: Duration = Duration::from_secs(60);
const ADDRESS_WAIT: Duration = Duration::from_secs(15 * 60);
/// Failures older than this are forgotten.
const MEMORY: Duration = Duration::from_secs(60 * 60);
const MOST: usize = 100_000;
/// Many people may share one address.
const ADDRESS_FACTOR: u32 = 10;

#[derive(Clone, PartialEq, Eq, Hash)]
enum Whom {
    Account(String),
    Address(Source),
}

struct Failures {
    count: u32,
    last: Instant,
    until: Instant,
}

/// The failures that are remembered.
pub(crate) struct Attempts {
    failures: DashMap<Whom, Failures>,
    free: u32,
}

impl Attempts {
    /// With so many failures of one account before it has to wait.
    pub(crate) fn new(free: u32) -> Self {
        Self { failures: DashMap::new(), free }
    }

    /// Counts an attempt as failed, until [`Self::succeeded`] or [`Self::take_back`].
    ///
    /// # Errors
    /// `rate_limited` with the seconds to wait.
    pub(crate) fn begin(&self, account: &str, address: IpAddr, now: Instant) -> Result<(), ErrorBody> {
        if self.failures.len() >= MOST {
            self.failures.retain(|_, failures| now < failures.until);
        }
        let address = Whom::Address(Source::of(address));
        let account = Whom::Account(account.to_owned());
        for whom in [&address, &account] {
            let wait = self.failures.get(whom).map_or(Duration::ZERO, |f| f.until.saturating_duration_since(now));
            if !wait.is_zero() {
                return Err(wait_first(wait));
            }
        }
        self.count(address, self.free.saturating_mul(ADDRESS_FACTOR), ADDRESS_WAIT, now);
        self.count(account, self.free, ACCOUNT_WAIT, now);
        Ok(())
    }

    /// Forgets the failures of the account, and this attempt of the address.
    pub(crate) fn succeeded(&self, account: &str, address: IpAddr) {
        self.failures.remove(&Whom::Account(account.to_owned()));
        self.forget_one(&Whom::Address(Source::of(address)));
    }

    /// Takes an attempt back which was not decided.
    pub(crate) fn take_back(&self, account: &str, address: IpAddr) {
        self.forget_one(&Whom::Account(account.to_owned()));
        self.forget_one(&Whom::Address(Source::of(address)));
    }

    /// Forgets old failures.
    pub(crate) fn tidy(&self, now: Instant) {
        self.failures
            .retain(|_, failures| now.saturating_duration_since(failures.last) <= MEMORY || now < failures.until);
    }

    fn forget_one(&self, whom: &Whom) {
        if let Some(mut failures) = self.failures.get_mut(whom) {
            failures.count = failures.count.saturating_sub(1);
            failures.until = failures.last;
        }
    }

    fn count(&self, whom: Whom, free: u32, most: Duration, now: Instant) {
        let mut failures = self.failures.entry(whom).or_insert(Failures { count: 0, last: now, until: now });
        if now.saturating_duration_since(failures.last) > MEMORY {
            failures.count = 0;
        }
        failures.count = failures.count.saturating_add(1);
        failures.last = now;
        let over = failures.count.saturating_sub(free);
        if over > 0 {
            failures.until = now + Duration::from_secs(1 << over.saturating_sub(1).min(20)).min(most);
        }
    }
}

fn wait_first(wait: Duration) -> ErrorBody {
    let seconds = wait.as_secs() + 1;
    let message = format!("too many sign-ins failed; wait {seconds} seconds before the next");
    ErrorBody { retry_after: Some(seconds), ..ErrorBody::new(Code::RateLimited, message) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const AWAY: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    #[test]
    fn each_failure_past_the_free_ones_waits_longer() {
        let attempts = Attempts::new(2);
        let mut now = Instant::now();
        assert!(attempts.begin("alice", HOME, now).is_ok());
        assert!(attempts.begin("alice", HOME, now).is_ok());
        let mut waits = Vec::new();
        for _ in 0..9 {
            assert!(attempts.begin("alice", HOME, now).is_ok());
            let error = attempts.begin("alice", AWAY, now).unwrap_err();
            assert_eq!(error.code, Code::RateLimited);
            waits.push(error.retry_after.unwrap() - 1);
            now += Duration::from_secs(waits.last().copied().unwrap());
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert!(attempts.begin("bob", AWAY, now).is_ok(), "others are not held up");
    }

    #[test]
    fn a_success_forgets_the_failures() {
        let attempts = Attempts::new(1);
        let now = Instant::now();
        for _ in 0..50 {
            assert!(attempts.begin("alice", HOME, now).is_ok());
            attempts.succeeded("alice", HOME);
        }
    }

    #[test]
    fn many_names_from_one_address_are_slowed() {
        let attempts = Attempts::new(1);
        let now = Instant::now();
        let refused = (0..20).filter(|n| attempts.begin(&format!("user{n}"), HOME, now).is_err()).count();
        assert_eq!(refused, 9);
    }
}
