//! When to ask a link for a sign of life, and when to give it up. Pure: the time is given.
//!
//! A peer that vanishes shows on no channel, and ICE notices after seconds, so we ping inside the channel: after a frame was sent
//! (at most every [`PING_PAUSE`]), and when nothing has been heard for a while. Whatever the peer sends counts as
//! a sign, and so does its acknowledging of bytes, or a slow line full of our own frames would look dead.

use std::time::Duration;

use tokio::time::Instant;

/// The shortest time between two pings; on a fast line there would be thousands a second.
const PING_PAUSE: Duration = Duration::from_millis(250);

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Send a ping.
    Ping,
    /// Look whether the peer has acknowledged anything; if not, the link is dead.
    Overdue,
}

#[derive(Debug)]
struct Asked {
    number: u64,
    at: Instant,
    patience: Duration,
    deadline: Instant,
    /// Bytes the peer had acknowledged when we last looked.
    acknowledged: u64,
}

/// The pulse of one link.
#[derive(Debug)]
pub(super) struct Pulse {
    quiet: Duration,
    overdue: Duration,
    heard: Instant,
    /// A frame has gone out after the last ping.
    unproved: bool,
    last_ping: Option<Instant>,
    asked: Option<Asked>,
    number: u64,
}

impl Pulse {
    pub(super) fn new(now: Instant, quiet: Duration, overdue: Duration) -> Self {
        Self {
            quiet,
            overdue,
            heard: now,
            // The first ping goes at once: it tells the round trip.
            unproved: true,
            last_ping: None,
            asked: None,
            number: 0,
        }
    }

    /// A frame was handed to the channel.
    pub(super) fn sent(&mut self) {
        self.unproved = true;
    }

    /// Anything has come from the peer.
    pub(super) fn heard(&mut self, now: Instant) {
        self.heard = now;
        if let Some(asked) = &mut self.asked {
            asked.deadline = now + asked.patience;
        }
    }

    /// A pong; the round trip, if it answers our ping.
    pub(super) fn pong(&mut self, now: Instant, number: u64) -> Option<Duration> {
        let asked = self.asked.take_if(|asked| asked.number == number)?;
        Some(now.duration_since(asked.at))
    }

    /// What is due next, and when.
    pub(super) fn next(&self) -> (Instant, Due) {
        if let Some(asked) = &self.asked {
            return (asked.deadline, Due::Overdue);
        }
        match self.last_ping {
            None => (self.heard, Due::Ping),
            Some(last) if self.unproved => (last + PING_PAUSE, Due::Ping),
            Some(last) => (self.heard.max(last) + self.quiet, Due::Ping),
        }
    }

    /// The number to ping with. `acknowledged`: bytes of ours the peer has taken, since the link opened.
    pub(super) fn ping(&mut self, now: Instant, acknowledged: u64) -> u64 {
        let patience = match self.last_ping {
            // The other side may still be opening.
            None => self.overdue * 2,
            Some(_) if self.unproved => self.overdue,
            Some(_) => self.overdue * 5 / 4,
        };
        self.number += 1;
        self.unproved = false;
        self.last_ping = Some(now);
        self.asked = Some(Asked { number: self.number, at: now, patience, deadline: now + patience, acknowledged });
        self.number
    }

    /// The deadline has passed: is the link dead?
    pub(super) fn is_dead(&mut self, now: Instant, acknowledged: u64) -> bool {
        let Some(asked) = &mut self.asked else {
            return false;
        };
        if now < asked.deadline {
            return false;
        }
        let progress = acknowledged > asked.acknowledged;
        asked.acknowledged = acknowledged;
        asked.deadline = now + asked.patience;
        !progress
    }
}

#[cfg(test)]
#[path = "pulse_tests.rs"]
mod tests;
