//! Rates of HTTP requests, by account and by where they come from.
//!
//! Each is a token bucket which refills at its rate. Sources which have been quiet are forgotten, so that the
//! memory follows the traffic and not the history.

use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use parley_protocol::{AccountId, Code, ErrorBody};

use crate::address::Source;
use crate::config::Config;

const MOST: usize = 100_000;

/// Names that may be asked for, for each account that may be made: who looks for one types it letter by letter.
const NAMES_A_SIGNUP: u32 = 20;

/// The buckets.
pub(crate) struct Rates {
    addresses: Rate<Source>,
    accounts: Rate<AccountId>,
    signups: Rate<Source>,
    usernames: Rate<Source>,
}

struct Rate<K: Clone + Eq + Hash> {
    buckets: DefaultKeyedRateLimiter<K>,
    bound: String,
}

impl<K: Clone + Eq + Hash> Rate<K> {
    fn new(quota: Quota, bound: String) -> Self {
        Self { buckets: RateLimiter::keyed(quota), bound }
    }

    fn take(&self, key: &K) -> Result<(), ErrorBody> {
        if self.buckets.len() > MOST {
            self.tidy();
        }
        let Err(early) = self.buckets.check_key(key) else {
            return Ok(());
        };
        let seconds = early.wait_time_from(DefaultClock::default().now()).as_secs() + 1;
        let message = format!("more than {}; wait {seconds} s", self.bound);
        metrics::counter!("parley_rate_limited_total").increment(1);
        Err(ErrorBody { retry_after: Some(seconds), ..ErrorBody::new(Code::RateLimited, message) })
    }

    fn tidy(&self) {
        self.buckets.retain_recent();
        self.buckets.shrink_to_fit();
    }
}

impl Rates {
    /// As configured. A burst of four seconds' worth is let through.
    pub(crate) fn new(config: &Config) -> Self {
        let per_second = |n: u32| {
            let rate = NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
            Quota::per_second(rate).allow_burst(rate.saturating_mul(NonZeroU32::MIN.saturating_add(3)))
        };
        let signups = NonZeroU32::new(config.signups_per_address).unwrap_or(NonZeroU32::MIN);
        let names = signups.saturating_mul(NonZeroU32::new(NAMES_A_SIGNUP).unwrap_or(NonZeroU32::MIN));
        let (address, account) = (config.requests_per_address, config.requests_per_account);
        Self {
            addresses: Rate::new(
                per_second(address),
                format!("{address} requests a second from one address (requests_per_address)"),
            ),
            accounts: Rate::new(
                per_second(account),
                format!("{account} requests a second of one account (requests_per_account)"),
            ),
            signups: Rate::new(
                Quota::per_hour(signups),
                format!("{signups} new accounts an hour from one address (signups_per_address)"),
            ),
            usernames: Rate::new(
                Quota::per_hour(names),
                format!(
                    "{names} names asked for an hour from one address ({NAMES_A_SIGNUP} for each of signups_per_address)"
                ),
            ),
        }
    }

    /// Counts a request from an address.
    pub(crate) fn request(&self, address: IpAddr) -> Result<(), ErrorBody> {
        self.addresses.take(&Source::of(address))
    }

    /// Counts a request of an account.
    pub(crate) fn of_account(&self, account: AccountId) -> Result<(), ErrorBody> {
        self.accounts.take(&account)
    }

    /// Counts a sign-up.
    pub(crate) fn signup(&self, address: IpAddr) -> Result<(), ErrorBody> {
        self.signups.take(&Source::of(address))
    }

    /// Counts a question whether a name is free.
    pub(crate) fn username(&self, address: IpAddr) -> Result<(), ErrorBody> {
        self.usernames.take(&Source::of(address))
    }

    /// Forgets who has been quiet.
    pub(crate) fn tidy(&self) {
        self.addresses.tidy();
        self.accounts.tidy();
        self.signups.tidy();
        self.usernames.tidy();
    }
}
