//! Links to peers: WebRTC data channels between two devices, and nothing of WebRTC outside this module.
//!
//! # How a link comes to be
//! The engine wishes for a link with [`PeerCommand::Dial`]; the wish stands until [`PeerCommand::Close`], or until either side
//! closes the link deliberately (because it is idle, say). Offers, answers and candidates travel as
//! [`PeerEvent::Signal`] and [`PeerCommand::Signal`] through the relay. Each attempt is a fresh connection with its own [`LinkId`], has one deadline, and
//! ends in an open channel or in [`PeerEvent::DialFailed`]; then the next attempt follows by itself, after a growing pause.
//! If both sides offer at once, the offer of the smaller device id stands.
//!
//! # Which link counts
//! Between two devices at most one link is *current*. A link is replaced, never repaired: when one is to be replaced, a fresh one is made
//! beside it, and the moment that is open on a side it takes over there: the old one is closed, then the new one
//! becomes current. So the newest open link wins on both sides, each closes what it replaces, and a side
//! that was late learns it from the close. A link's channel isn't read before the link is current;
//! what the other side has already sent on it waits there.
//!
//! # What is promised
//! - For each peer: `Up`, then what belongs to that link, then `Down`, and only then the next `Up`. Nothing of a link comes after its `Down`.
//! - Frames of one link arrive in order, unaltered and without gaps, up to the point where it goes down. What was underway then may
//!   be lost; the layer above knows by its own acknowledgements.
//! - A frame is sent on the link that it names, or not at all.
//! - Every queue is bounded. Where one is full the link is closed, which the layer above survives.
//!
//! # Threads of work
//! `links` has the one task that knows all peers; it decides with `negotiation` and never waits for anybody. `link` is the task of one connection (`carrier` while it is current): it alone touches it, and it alone emits
//! that link's events. `connection` hides the WebRTC library, `runtime` what is wrong with it. `framing`, `signal` and `negotiation` are pure.

mod carrier;
#[cfg(test)]
mod company;
mod connection;
mod framing;
mod handle;
mod interfaces;
mod link;
mod links;
#[cfg(test)]
mod measure;
mod negotiation;
mod pulse;
mod runtime;
mod signal;
mod step;
mod trouble;
#[cfg(test)]
mod turn_tests;

use std::{fmt, time::Duration};

use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use parley_protocol::DeviceId;
pub use parley_protocol::frames::IceServer;

#[doc(hidden)]
pub use self::trouble::Trouble;
pub use self::{
    framing::{FramingError, MAX_FRAME},
    links::PeerLinks,
};

/// How many bytes of frames may wait in a link before the channel takes them; beyond, the link is
/// closed with [`DownReason::Overrun`]. A frame counts as [`FRAME_COST`] bytes at least. Who sends in bulk
/// stays below it by [`PeerEvent::Sent`].
pub const SEND_WINDOW: usize = 4 << 20;

/// What even the smallest frame counts against [`SEND_WINDOW`], in bytes.
pub const FRAME_COST: usize = 256;

/// How links are made and kept. A change takes effect on links made after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerConfig {
    /// Where to learn our address from outside, and who may relay.
    pub ice_servers: Vec<IceServer>,
    /// Offer only TURN candidates, so that the peer does not learn our addresses. A change replaces all links.
    pub relayed_only: bool,
    /// How many links there may be, those being made included. For one more, the one used longest ago is closed.
    pub max_links: usize,
    /// A link is closed after this long without a frame, either way.
    pub idle_close: Duration,
    /// An attempt that has not opened its channel by then has failed.
    pub open_deadline: Duration,
    /// When nothing has been heard for this long, we ask whether the peer is there.
    pub ping_quiet: Duration,
    /// A ping that followed a frame must be answered in this time, one that broke a silence in a quarter more, the first in
    /// twice of it; any sign of the peer starts the time anew. A channel that has lost a single packet needs a second and a
    /// round trip to notice, so less than that leaves links for nothing.
    pub answer_overdue: Duration,
    /// Tests put trouble here.
    #[doc(hidden)]
    pub trouble: Option<Trouble>,
}

impl Default for PeerConfig {
    fn default() -> Self {
        Self {
            ice_servers: Vec::new(),
            relayed_only: false,
            max_links: 64,
            idle_close: Duration::from_secs(600),
            open_deadline: Duration::from_secs(5),
            ping_quiet: Duration::from_millis(2_500),
            answer_overdue: Duration::from_millis(1_300),
            trouble: None,
        }
    }
}

/// Names one attempt at a link, and the link which comes of it. Drawn at random by the side that offers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(u64);

impl LinkId {
    fn random() -> Self {
        Self(rand::random())
    }
}

impl fmt::Display for LinkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for LinkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for LinkId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for LinkId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        if text.len() != 16 {
            return Err(de::Error::custom("a link is named by 16 hexadecimal digits"));
        }
        u64::from_str_radix(&text, 16).map(Self).map_err(de::Error::custom)
    }
}

/// What the engine asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum PeerCommand {
    /// Have a link to this device, from now on. Does nothing while one is open or being made.
    Dial {
        /// Who.
        peer: DeviceId,
    },
    /// The relay has delivered a signal.
    Signal {
        /// As the relay's session and the seal say.
        from: DeviceId,
        /// As it came; anything may stand in it.
        body: String,
    },
    /// Send a frame of 1 to [`MAX_FRAME`] bytes on this link. If it isn't the current one, the answer is [`PeerEvent::Dropped`]: what is
    /// meant for one link must not turn up in the stream of the next.
    Send {
        /// To whom.
        peer: DeviceId,
        /// On which link, as its `Up` named it.
        link: LinkId,
        /// What.
        frame: Bytes,
    },
    /// Close the link, drop attempts and the wish for one.
    Close {
        /// To whom.
        peer: DeviceId,
        /// The peer is told.
        reason: CloseReason,
    },
    /// The addresses of this machine have changed: make fresh links beside the old ones. Also noticed here, every two seconds.
    NetworkChanged,
    /// Settings for what comes.
    Configure(PeerConfig),
    /// Close everything, tell the peers, and end. Dropping the sender of commands does the same.
    Shutdown,
}

/// What has happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerEvent {
    /// To be sent to this device through the relay.
    Signal {
        /// To whom.
        to: DeviceId,
        /// JSON text, at most 32 KiB.
        body: String,
    },
    /// A link is open and current.
    Up {
        /// To whom.
        peer: DeviceId,
        /// Its name.
        link: LinkId,
        /// How it travels.
        path: PathKind,
    },
    /// A link has found another way.
    Path {
        /// To whom.
        peer: DeviceId,
        /// Which.
        link: LinkId,
        /// How it travels now.
        path: PathKind,
    },
    /// A frame has come.
    Received {
        /// From whom; authenticated by the link.
        peer: DeviceId,
        /// On which.
        link: LinkId,
        /// What.
        frame: Bytes,
    },
    /// How far the channel has taken what was to be sent; told every 256 KiB or so. It doesn't mean that the peer has it.
    Sent {
        /// To whom.
        peer: DeviceId,
        /// On which.
        link: LinkId,
        /// All frames taken since `Up`, in bytes, each counted as [`FRAME_COST`] at least.
        total: u64,
    },
    /// A frame was not sent.
    Dropped {
        /// For whom.
        peer: DeviceId,
        /// Why.
        reason: DropReason,
    },
    /// A ping was answered.
    RoundTrip {
        /// By whom.
        peer: DeviceId,
        /// On which.
        link: LinkId,
        /// After how many microseconds.
        micros: u32,
    },
    /// The current link is gone. Everything received on it came before this.
    Down {
        /// To whom.
        peer: DeviceId,
        /// Which.
        link: LinkId,
        /// Why.
        reason: DownReason,
    },
    /// An attempt has failed; the next follows by itself while the wish stands.
    DialFailed {
        /// To whom.
        peer: DeviceId,
        /// Why.
        reason: DialFailure,
    },
}

/// How a link travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PathKind {
    /// Between private, link-local or loopback addresses, or within one network.
    Lan,
    /// Otherwise without a server in between.
    Direct,
    /// Through a TURN server of either side.
    Turn,
}

/// Why a link is closed deliberately; the peer is told. All but `Replaced` and `Fault` end the wish for a link, on both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CloseReason {
    /// Nobody wants it any more.
    Unwanted,
    /// Nothing has passed for long.
    Idle,
    /// There were too many.
    Limit,
    /// A fresh one takes its place.
    Replaced,
    /// The app ends.
    Shutdown,
    /// The other side broke the rules, or its frames could not be taken.
    Fault,
}

impl CloseReason {
    const ALL: [Self; 6] = [Self::Unwanted, Self::Idle, Self::Limit, Self::Replaced, Self::Shutdown, Self::Fault];

    fn ends_the_wish(self) -> bool {
        !matches!(self, Self::Replaced | Self::Fault)
    }

    fn to_byte(self) -> u8 {
        self as u8
    }

    /// A reason that a later version may give is as good as `Unwanted`.
    fn from_byte(byte: u8) -> Self {
        Self::ALL.get(usize::from(byte)).copied().unwrap_or(Self::Unwanted)
    }
}

/// Why a link went down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DownReason {
    /// A fresh one takes its place, or the peer says that one does.
    Replaced,
    /// We closed it.
    Closed(CloseReason),
    /// The peer closed it.
    ClosedByPeer(CloseReason),
    /// A ping was not answered in time.
    Unanswered,
    /// The connection broke.
    Lost,
    /// The peer sent what is no frame.
    Malformed(FramingError),
    /// More was to be sent than [`SEND_WINDOW`] allows.
    Overrun,
}

/// Why an attempt at a link failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DialFailure {
    /// The offer was not answered in time: the peer is away, or its relay is.
    NoAnswer,
    /// It was answered, but no way was found in time.
    NoPath,
    /// The peer does not want it; the wish has ended.
    Refused,
    /// There are as many links as there may be; the wish has ended.
    Limit,
    /// This machine could not begin, or the peer's description is unusable.
    Setup,
}

/// Why a frame was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DropReason {
    /// The link named isn't the current one.
    NotCurrent,
    /// It is empty, or longer than [`MAX_FRAME`].
    BadLength,
}
