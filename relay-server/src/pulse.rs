//! Whether a session's client is still there: by what is heard of it, and by what it takes.

use std::time::Duration;

use tokio::time::Instant;

use crate::limits::Limits;

/// What the session waits for at its socket now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waits {
    /// It reads what the client sends.
    pub(crate) listens: bool,
    /// The client has yet to take what was written.
    pub(crate) unflushed: bool,
}

/// When a client was heard last, when it took something last, and when it is to be asked next.
pub(crate) struct Pulse {
    ping: Duration,
    dead_after: Duration,
    heard: Instant,
    wrote: Instant,
    ping_at: Instant,
}

impl Pulse {
    pub(crate) fn new(limits: &Limits, now: Instant) -> Self {
        let (ping, dead_after) = (limits.ping, limits.dead_after);
        Self { ping, dead_after, heard: now, wrote: now, ping_at: now + ping }
    }

    /// Bytes came, or went. One that nobody listens to cannot be heard.
    pub(crate) fn note(&mut self, now: Instant, heard: bool, wrote: bool, waits: Waits) {
        if heard || !waits.listens {
            self.heard = now;
        }
        if wrote {
            self.wrote = now;
        }
    }

    /// From when on the client counts as dead, if it goes on like this: nothing was heard for long, and nothing of what
    /// waits for it was taken either. Never while the session keeps it waiting.
    fn dead_at(&self, waits: Waits) -> Option<Instant> {
        let silent = waits.listens.then_some(self.heard);
        let stuck = waits.unflushed.then_some(self.wrote);
        silent.max(stuck).map(|last| last + self.dead_after)
    }

    /// When to look again.
    pub(crate) fn wakes_at(&self, waits: Waits) -> Instant {
        self.dead_at(waits).map_or(self.ping_at, |dead| dead.min(self.ping_at))
    }

    pub(crate) fn is_dead(&self, now: Instant, waits: Waits) -> bool {
        self.dead_at(waits).is_some_and(|dead| now >= dead)
    }

    /// Whether the client is to be asked for a sign of life now.
    pub(crate) fn asks(&mut self, now: Instant) -> bool {
        if now < self.ping_at {
            return false;
        }
        self.ping_at = now + self.ping;
        now - self.heard >= self.ping
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTENS: Waits = Waits { listens: true, unflushed: false };

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    fn pulse(ping: u64, dead_after: u64) -> (Pulse, Instant) {
        let begun = Instant::now();
        let limits = Limits { ping: seconds(ping), dead_after: seconds(dead_after), ..Limits::default() };
        (Pulse::new(&limits, begun), begun)
    }

    /// Lets time pass from one wake-up to the next until the client counts as dead; when that is.
    fn dies_at(pulse: &mut Pulse, waits: Waits) -> Instant {
        loop {
            let now = pulse.wakes_at(waits);
            pulse.note(now, false, false, waits);
            if pulse.is_dead(now, waits) {
                return now;
            }
            pulse.asks(now);
        }
    }

    #[test]
    fn a_silent_client_is_dead_when_the_time_is_over_and_not_at_the_next_ping() {
        let (mut pulse, begun) = pulse(10, 30);
        pulse.note(begun + seconds(4), true, false, LISTENS);
        assert_eq!(dies_at(&mut pulse, LISTENS), begun + seconds(34));
    }

    #[test]
    fn one_that_takes_what_waits_for_it_is_alive_though_it_says_nothing() {
        let (mut pulse, begun) = pulse(2, 5);
        let waits = Waits { listens: true, unflushed: true };
        pulse.note(begun + seconds(4), false, true, waits);
        assert_eq!(dies_at(&mut pulse, waits), begun + seconds(9));
    }

    #[test]
    fn one_that_is_kept_waiting_is_not_dead() {
        let (mut pulse, begun) = pulse(2, 5);
        let waits = Waits { listens: false, unflushed: false };
        pulse.note(begun + seconds(60), false, false, waits);
        assert!(!pulse.is_dead(begun + seconds(60), waits));
        assert!(!pulse.is_dead(begun + seconds(64), LISTENS), "its time begins anew");
    }

    #[test]
    fn one_that_was_heard_a_moment_ago_is_not_asked() {
        let (mut pulse, begun) = pulse(10, 30);
        pulse.note(begun + seconds(5), true, false, LISTENS);
        assert!(!pulse.asks(begun + seconds(10)));
        assert!(pulse.asks(begun + seconds(20)));
    }
}
