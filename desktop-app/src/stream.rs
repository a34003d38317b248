//! What to do with a numbered message, given how far its run is held: the receiving half of the delivery rules
//! (DELIVERY rules 2, 5 and 16), as pure functions.

use parley_protocol::marks::{Held, MAX_MISSING};

/// What to do with a number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    /// It was taken before.
    Duplicate,
    /// It is the next one: show it.
    Next,
    /// It had been given up and comes after all: show it.
    Fill,
    /// Something before it is missing: keep it, durably, and wait.
    Hold,
}

/// Judges number `n` of a run. `ready` says that the run before, which the first message names, is complete or given up.
pub(crate) fn judge(held: &Held, ready: bool, n: u64) -> Verdict {
    if n <= held.upto {
        return if held.has(n) { Verdict::Duplicate } else { Verdict::Fill };
    }
    if n == held.upto + 1 && (ready || n > 1) { Verdict::Next } else { Verdict::Hold }
}

/// Takes number `n` after [`Verdict::Next`] or [`Verdict::Fill`].
pub(crate) fn take(held: &mut Held, n: u64) {
    if n == held.upto + 1 {
        held.upto = n;
    } else if let Ok(at) = held.missing.binary_search(&n) {
        held.missing.remove(at);
    }
}

/// Gives up everything up to and including `to`: it is passed, and listed as missing.
pub(crate) fn give_up(held: &mut Held, to: u64) {
    let from = held.upto + 1;
    // A run that lost more than a mark can list lists the newest of them.
    held.missing.extend(from.max(to.saturating_sub(MAX_MISSING as u64 - 1))..=to);
    let excess = held.missing.len().saturating_sub(MAX_MISSING);
    held.missing.drain(..excess);
    held.upto = held.upto.max(to);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_in_order_or_wait() {
        let mut held = Held::default();
        assert_eq!(judge(&held, false, 1), Verdict::Hold, "the run before is not complete");
        assert_eq!(judge(&held, true, 2), Verdict::Hold);
        assert_eq!(judge(&held, true, 1), Verdict::Next);
        take(&mut held, 1);
        assert_eq!(judge(&held, true, 1), Verdict::Duplicate);
        give_up(&mut held, 3);
        assert_eq!((held.upto, held.missing.as_slice()), (3, [2, 3].as_slice()));
        assert_eq!(judge(&held, true, 2), Verdict::Fill);
        take(&mut held, 2);
        assert_eq!(judge(&held, true, 2), Verdict::Duplicate);
        assert_eq!(judge(&held, true, 4), Verdict::Next);
    }

    #[test]
    fn what_is_given_up_stays_bounded() {
        let mut held = Held::default();
        give_up(&mut held, u64::from(u32::MAX));
        assert_eq!(held.missing.len(), MAX_MISSING);
        assert_eq!(held.missing.last(), Some(&u64::from(u32::MAX)));
    }
}
