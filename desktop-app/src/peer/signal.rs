//! The body of a signal: what two devices tell each other through the relay to make a link.
//! JSON text, so that a person can read it; bounded before and after parsing.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::{CloseReason, LinkId};

/// The longest session description we send or take, in bytes.
pub(super) const MAX_SDP: usize = 16 << 10;

/// The longest body we take: a description whose every byte might be escaped.
const MAX_BODY: usize = 2 * MAX_SDP;

/// The longest candidate line we take, in bytes.
const MAX_CANDIDATE: usize = 512;

/// A signal: which attempt at a link it belongs to, and what it says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Signal {
    pub(super) link: LinkId,
    #[serde(flatten)]
    pub(super) kind: SignalKind,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum SignalKind {
    Offer { sdp: String },
    Answer { sdp: String },
    Candidate { candidate: Candidate },
    Bye { reason: CloseReason },
}

/// One address at which the sender may be reached: an SDP candidate line (RFC 8839, section 5.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Candidate(pub(super) String);

impl Signal {
    /// `None` for whatever is not a signal, is too long, or names an address which we shall not try.
    pub(super) fn read(body: &str) -> Option<Self> {
        if body.len() > MAX_BODY {
            return None;
        }
        let signal: Self = serde_json::from_str(body).ok()?;
        let sound = match &signal.kind {
            SignalKind::Offer { sdp } | SignalKind::Answer { sdp } => sdp.len() <= MAX_SDP,
            SignalKind::Candidate { candidate } => candidate.is_sound(),
            SignalKind::Bye { .. } => true,
        };
        sound.then_some(signal)
    }

    pub(super) fn to_body(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl Candidate {
    /// UDP alone, and an address rather than a name: a TCP candidate would have us connect, and a name would have
    /// us resolve, whatever the peer likes.
    fn is_sound(&self) -> bool {
        self.0.len() <= MAX_CANDIDATE
            && self.field(2).is_some_and(|protocol| protocol.eq_ignore_ascii_case("udp"))
            && self.address().is_some()
    }

    fn field(&self, index: usize) -> Option<&str> {
        self.0.split_ascii_whitespace().nth(index)
    }

    fn address(&self) -> Option<IpAddr> {
        self.field(4)?.parse().ok()
    }

    /// Where a TURN server relays for the sender, if it is such a candidate.
    pub(super) fn relayed_at(&self) -> Option<(IpAddr, u16)> {
        let mut fields = self.0.split_ascii_whitespace().skip(6);
        (fields.next() == Some("typ") && fields.next() == Some("relay"))
            .then(|| Some((self.address()?, self.field(5)?.parse().ok()?)))?
    }

    /// The same without the address that the TURN server sees, for those who hide theirs.
    pub(super) fn without_origin(&self) -> Self {
        let hidden = match self.address() {
            Some(IpAddr::V6(_)) => "::",
            _ => "0.0.0.0",
        };
        let mut words: Vec<&str> = self.0.split_ascii_whitespace().collect();
        for index in 0..words.len() {
            let replacement = match words.get(index).copied() {
                Some("raddr") => hidden,
                Some("rport") => "0",
                _ => continue,
            };
            if let Some(word) = words.get_mut(index + 1) {
                *word = replacement;
            }
        }
        Self(words.join(" "))
    }
}

#[cfg(test)]
#[path = "signal_tests.rs"]
mod tests;
