//! Back-off for sign-ins that fail: by account and address together, by address, and more softly by account.
//!
//! An attempt counts as failed from its beginning and is taken back when it turns out well, so that many at once gain
//! nothing. Whoever guesses slows himself alone: what counts first is how often one address failed at one account. Guesses
//! from many addresses slow the account as a whole, but not where it has been let in before: so nobody can lock another out.
//! Names which do not exist are counted like those which do.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use dashmap::DashMap;
use parley_protocol::{Code, ErrorBody};

use crate::address::Source;

const ACCOUNT_WAIT: Duration = Duration::from_secs(60);
const ADDRESS_WAIT: Duration = Duration::from_secs(15 * 60);
/// Failures older than this are forgotten.
const MEMORY: Duration = Duration::from_secs(60 * 60);
/// Where an account has signed in is forgotten after this.
const HOME_MEMORY: Duration = Duration::from_secs(90 * 24 * 60 * 60);
const MOST: usize = 100_000;
/// Many people may share one address, and one person may be at many.
const WIDE_FACTOR: u32 = 10;

#[derive(Clone, PartialEq, Eq, Hash)]
enum Whom {
    /// One account from one address.
    Pair(String, Source),
    Account(String),
    Address(Source),
}

struct Failures {
    count: u32,
    last: Instant,
    until: Instant,
}

/// The failures that are remembered, and where accounts are at home.
pub(crate) struct Attempts {
    failures: DashMap<Whom, Failures>,
    homes: DashMap<(String, Source), Instant>,
    free: u32,
}

impl Attempts {
    /// With so many failures of one account from one address before it has to wait there.
    pub(crate) fn new(free: u32) -> Self {
        Self { failures: DashMap::new(), homes: DashMap::new(), free }
    }

    /// Counts an attempt as failed, until [`Self::succeeded`] or [`Self::take_back`].
    ///
    /// # Errors
    /// `rate_limited` with the seconds to wait.
    pub(crate) fn begin(&self, account: &str, address: IpAddr, now: Instant) -> Result<(), ErrorBody> {
        if self.failures.len() >= MOST {
            self.failures.retain(|_, failures| now < failures.until);
        }
        let source = Source::of(address);
        let counts = self.counts(account, source);
        for (whom, ..) in &counts {
            let wait = self.failures.get(whom).map_or(Duration::ZERO, |f| f.until.saturating_duration_since(now));
            if !wait.is_zero() {
                return Err(wait_first(wait));
            }
        }
        for (whom, free, most) in counts {
            self.count(whom, free, most, now);
        }
        Ok(())
    }

    /// Forgets the failures of the account at this address, where it is at home from now on, and this attempt elsewhere.
    pub(crate) fn succeeded(&self, account: &str, address: IpAddr, now: Instant) {
        self.take_back(account, address);
        let source = Source::of(address);
        self.failures.remove(&Whom::Pair(account.to_owned(), source));
        self.is_at_home(account, address, now);
    }

    /// Remembers that the account has been let in at this address.
    pub(crate) fn is_at_home(&self, account: &str, address: IpAddr, now: Instant) {
        if self.homes.len() >= MOST {
            self.homes.clear();
        }
        self.homes.insert((account.to_owned(), Source::of(address)), now);
    }

    /// Takes an attempt back which was not decided.
    pub(crate) fn take_back(&self, account: &str, address: IpAddr) {
        for (whom, ..) in self.counts(account, Source::of(address)) {
            self.forget_one(&whom);
        }
    }

    /// Forgets old failures and old homes.
    pub(crate) fn tidy(&self, now: Instant) {
        self.failures
            .retain(|_, failures| now.saturating_duration_since(failures.last) <= MEMORY || now < failures.until);
        self.homes.retain(|_, last| now.saturating_duration_since(*last) <= HOME_MEMORY);
    }

    /// What an attempt is counted by, with how many failures are free and how long the wait becomes.
    fn counts(&self, account: &str, source: Source) -> Vec<(Whom, u32, Duration)> {
        let (account, wide) = (account.to_owned(), self.free.saturating_mul(WIDE_FACTOR));
        let mut counts = vec![
            (Whom::Address(source), wide, ADDRESS_WAIT),
            (Whom::Pair(account.clone(), source), self.free, ACCOUNT_WAIT),
        ];
        if !self.homes.contains_key(&(account.clone(), source)) {
            counts.push((Whom::Account(account), wide, ACCOUNT_WAIT));
        }
        counts
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
    let message = format!("too many sign-ins failed (free_signin_failures); wait {seconds} seconds before the next");
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
            let error = attempts.begin("alice", HOME, now).unwrap_err();
            assert_eq!(error.code, Code::RateLimited);
            waits.push(error.retry_after.unwrap() - 1);
            now += Duration::from_secs(waits.last().copied().unwrap());
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert!(attempts.begin("bob", HOME, now).is_ok(), "others are not held up");
        assert!(attempts.begin("alice", AWAY, now).is_ok(), "nor is she elsewhere");
    }

    #[test]
    fn a_success_forgets_the_failures() {
        let attempts = Attempts::new(1);
        let now = Instant::now();
        for _ in 0..50 {
            assert!(attempts.begin("alice", HOME, now).is_ok());
            attempts.succeeded("alice", HOME, now);
        }
    }

    #[test]
    fn guesses_from_many_addresses_slow_the_account_but_not_where_it_is_at_home() {
        let attempts = Attempts::new(2);
        let now = Instant::now();
        assert!(attempts.begin("alice", HOME, now).is_ok());
        attempts.succeeded("alice", HOME, now);
        let guess = |n: u8| attempts.begin("alice", IpAddr::V4(std::net::Ipv4Addr::new(198, 51, 100, n)), now);
        let refused = (0..100).filter(|n| guess(*n).is_err()).count();
        assert_eq!(refused, 79, "twenty are free, and the next one begins the wait");
        assert!(attempts.begin("alice", AWAY, now).is_err());
        assert!(attempts.begin("alice", HOME, now).is_ok(), "she comes in as ever");
        attempts.succeeded("alice", HOME, now);
        assert!(guess(200).is_err(), "which gives nobody else a free try");
    }

    #[test]
    fn many_names_from_one_address_are_slowed() {
        let attempts = Attempts::new(1);
        let now = Instant::now();
        let refused = (0..20).filter(|n| attempts.begin(&format!("user{n}"), HOME, now).is_err()).count();
        assert_eq!(refused, 9);
    }
}
