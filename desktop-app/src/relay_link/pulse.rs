//! Whether a connection lives: what was heard of it, what was asked, and until when there is hope.

use std::time::{Duration, Instant};

/// A ping goes out when nothing came for this long.
const QUIET: Duration = Duration::from_secs(4);
/// The connection is dead when nothing came for this long.
const DEAD: Duration = Duration::from_secs(9);
/// The same, once there is reason to doubt it: the network has changed, or is back.
const DEAD_IN_DOUBT: Duration = Duration::from_secs(2);

/// What the reading half knows of the connection's life, and the writing half acts on.
pub(super) struct Pulse {
    heard: Instant,
    /// A ping went out then, and is unanswered.
    asked: Option<Instant>,
    /// When the last ping went out.
    last: Option<Instant>,
    /// Since when it is in doubt whether the other side is still to be reached.
    doubted: Option<Instant>,
}

impl Pulse {
    pub(super) const fn new(now: Instant) -> Self {
        Self { heard: now, asked: None, last: None, doubted: None }
    }

    /// Something came.
    pub(super) const fn hear(&mut self, now: Instant) {
        self.heard = now;
    }

    /// A ping was answered: gives its round trip.
    pub(super) fn answer(&mut self, now: Instant) -> Option<Duration> {
        self.doubted = None;
        self.asked.take().map(|asked| now.saturating_duration_since(asked))
    }

    /// The network may be another one.
    pub(super) const fn doubt(&mut self, now: Instant) {
        self.doubted = Some(now);
    }

    /// A ping goes out.
    pub(super) const fn ask(&mut self, now: Instant) {
        self.asked = Some(now);
        self.last = Some(now);
    }

    /// Whether a ping is due: the first at once, then after silence, and now and then also when busy, so that the round trip shown
    /// is a fresh one.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        let since = |then: Instant| now.saturating_duration_since(then);
        let due = since(self.heard) > QUIET || self.last.is_none_or(|last| since(last) > DEAD);
        due && self.asked.is_none_or(|asked| since(asked) > QUIET)
    }

    /// Who has heard nothing by then is on a dead connection.
    pub(super) fn deadline(&self) -> Instant {
        let calm = self.heard + DEAD;
        self.doubted.map_or(calm, |since| calm.min(self.heard.max(since) + DEAD_IN_DOUBT))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(start: Instant, millis: u64) -> Instant {
        start + Duration::from_millis(millis)
    }

    #[test]
    fn the_first_ping_goes_out_at_once_and_the_next_after_silence() {
        let start = Instant::now();
        let mut pulse = Pulse::new(start);
        assert!(pulse.is_due(start));
        pulse.ask(start);
        assert!(!pulse.is_due(after(start, 10)));
        assert_eq!(pulse.answer(after(start, 30)), Some(Duration::from_millis(30)));
        pulse.hear(after(start, 30));
        assert!(!pulse.is_due(after(start, 4_000)));
        assert!(pulse.is_due(after(start, 4_031)));
        // Busy, it asks all the same now and then.
        pulse.hear(after(start, 9_000));
        assert!(pulse.is_due(after(start, 9_001)));
    }

    #[test]
    fn a_change_of_the_network_leaves_little_time_to_answer() {
        let start = Instant::now();
        let mut pulse = Pulse::new(start);
        assert_eq!(pulse.deadline(), after(start, 9_000));
        pulse.doubt(after(start, 1_000));
        pulse.ask(after(start, 1_000));
        assert_eq!(pulse.deadline(), after(start, 3_000));
        // What still comes keeps it alive; only the answer ends the doubt.
        pulse.hear(after(start, 2_500));
        assert_eq!(pulse.deadline(), after(start, 4_500));
        pulse.hear(after(start, 3_000));
        assert_eq!(pulse.answer(after(start, 3_000)), Some(Duration::from_millis(2_000)));
        assert_eq!(pulse.deadline(), after(start, 12_000));
        // A doubt never gives more time than there was.
        pulse.doubt(after(start, 11_500));
        assert_eq!(pulse.deadline(), after(start, 12_000));
    }
}
