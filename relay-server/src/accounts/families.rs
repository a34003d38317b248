//! Families of refresh tokens: which token is good, what answers it, and what a stolen one gives away.
//!
//! Each use of the newest token makes its successor. The token before the newest is good until the newest has been
//! used: a client may have died before it stored the answer, and gets that answer again. Anything older was used
//! twice, so one of the two is a thief, and the family ends. A token which is *newer* than what is stored was signed by
//! this relay before it was restored from a backup; it is good.

use dashmap::DashMap;
use parley_protocol::{Code, DeviceId, ErrorBody};

use super::tokens::{Family, Refresh};
use crate::store::families::FamilyRow;

/// What becomes of a refresh token that is validly signed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    /// Answer with number `n`, the new newest.
    Next(u64),
    /// Answer with the newest again, which is exactly this.
    Again { n: u64, issued_at: u64, expires_at: u64 },
    /// Used twice: the family ends.
    Reused,
    /// The family has ended before.
    Ended(Code),
}

/// Judges a token by what is stored of its family.
pub(crate) fn judge(stored: Option<&FamilyRow>, token: &Refresh, fingerprint: &[u8; 32]) -> Verdict {
    let Some(stored) = stored else {
        return Verdict::Next(token.n + 1);
    };
    if let Some(code) = stored.ended {
        return Verdict::Ended(code);
    }
    if token.n > stored.n || (token.n == stored.n && stored.current == *fingerprint) {
        return Verdict::Next(token.n + 1);
    }
    if token.n + 1 == stored.n && stored.previous.as_ref() == Some(fingerprint) {
        return Verdict::Again { n: stored.n, issued_at: stored.issued_at, expires_at: stored.expires_at };
    }
    Verdict::Reused
}

/// What is said to whoever comes with a token of a family that ended.
pub(crate) fn ended(code: Code) -> ErrorBody {
    let message = match code {
        Code::DeviceRevoked => "this device was revoked, or the account deleted; sign in again",
        Code::TokenReused => {
            "a refresh token of this device was used twice, so somebody else may have it; sign in again"
        }
        _ => "this device is signed out; sign in again",
    };
    ErrorBody::new(if code == Code::Unknown { Code::Unauthorized } else { code }, message)
}

/// What is known in memory of families, so that an access token is judged without the database. Only a cache: what
/// is not here is read.
#[derive(Default)]
pub(crate) struct Standings {
    known: DashMap<Family, (DeviceId, Option<Code>)>,
}

/// Some 5 MB.
const MOST: usize = 100_000;

impl Standings {
    /// `None` if it is not known; otherwise why its tokens are no longer good.
    pub(crate) fn get(&self, family: Family) -> Option<Option<Code>> {
        self.known.get(&family).map(|found| found.1)
    }

    /// Remembers what was read, unless the family has ended since.
    pub(crate) fn remember(&self, family: Family, device: DeviceId, standing: Option<Code>) {
        if self.known.len() >= MOST {
            self.known.clear();
        }
        self.known.entry(family).or_insert((device, standing));
    }

    /// From now on its tokens are refused.
    pub(crate) fn end(&self, family: Family, device: DeviceId, code: Code) {
        self.known.insert(family, (device, Some(code)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::tokens::{Tokens, fingerprint};
    use parley_protocol::AccountId;
    use std::time::Duration;

    struct Device {
        tokens: Tokens,
        first: Refresh,
        stored: Option<FamilyRow>,
        clock: u64,
    }

    impl Device {
        fn signed_in() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let tokens = Tokens::open(folder.path(), Duration::from_secs(900), Duration::from_secs(9_000)).unwrap();
            let first = tokens.refresh(AccountId::new(), DeviceId::new(), Family::new_v4(), 1, 1);
            let mut device = Self { tokens, first: first.clone(), stored: None, clock: 1 };
            device.store(&first, None);
            device
        }

        fn store(&mut self, token: &Refresh, previous: Option<[u8; 32]>) {
            self.stored = Some(FamilyRow {
                id: token.family,
                account: token.sub,
                device: token.device,
                n: token.n,
                issued_at: token.iat,
                expires_at: token.exp,
                current: fingerprint(&self.tokens.sign(token).unwrap()),
                previous,
                ended: None,
            });
        }

        /// What the relay does with a token, and its successor.
        fn refresh(&mut self, token: &Refresh) -> Result<Refresh, Verdict> {
            let print = fingerprint(&self.tokens.sign(token).unwrap());
            self.clock += 1;
            match judge(self.stored.as_ref(), token, &print) {
                Verdict::Next(n) => {
                    let next = self.tokens.refresh(token.sub, token.device, token.family, n, self.clock);
                    self.store(&next, Some(print));
                    Ok(next)
                }
                Verdict::Again { n, issued_at, expires_at } => Ok(token.with(n, issued_at, expires_at)),
                other => Err(other),
            }
        }
    }

    #[test]
    fn a_lost_answer_is_given_again_until_it_was_used() {
        let mut device = Device::signed_in();
        let first = device.first.clone();
        let second = device.refresh(&first).unwrap();
        assert_eq!(device.refresh(&first).unwrap(), second, "the answer was lost");
        assert_eq!(device.refresh(&first).unwrap(), second, "and again");
        let third = device.refresh(&second).unwrap();
        assert_eq!(device.refresh(&first), Err(Verdict::Reused), "its successor has been used");
        assert_eq!(third.n, 3);
    }

    #[test]
    fn a_restored_relay_takes_what_it_has_forgotten() {
        let mut device = Device::signed_in();
        let backup = device.stored.clone();
        let mut token = device.first.clone();
        for _ in 0..5 {
            token = device.refresh(&token).unwrap();
        }
        device.stored = backup;
        let next = device.refresh(&token).unwrap();
        assert_eq!(next.n, 7);
        assert_eq!(device.refresh(&token).unwrap(), next, "the rules hold on from there");

        device.stored = None;
        assert!(device.refresh(&next).is_ok(), "the backup is older than the sign-in");
    }

    #[test]
    fn what_is_known_of_an_ended_family_is_not_overwritten() {
        let standings = Standings::default();
        let (family, device) = (Family::new_v4(), DeviceId::new());
        assert_eq!(standings.get(family), None);
        standings.end(family, device, Code::Unauthorized);
        standings.remember(family, device, None);
        assert_eq!(standings.get(family), Some(Some(Code::Unauthorized)));
    }
}
