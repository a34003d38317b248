//! What passes between the negotiation of a link and those who carry it out.

use super::{CloseReason, DialFailure, DownReason, LinkId, signal::Candidate};

/// What is to be done, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Begin a connection and offer it.
    Offer(LinkId),
    /// Begin a connection as the answer to an offer.
    Answer { link: LinkId, sdp: String, candidates: Vec<Candidate> },
    /// Our offer was answered.
    Answered { link: LinkId, sdp: String, candidates: Vec<Candidate> },
    /// The peer seems not to have had our offer: send it once more.
    OfferAgain(LinkId),
    /// Where the peer may be reached.
    Candidate { link: LinkId, candidate: Candidate },
    /// End this connection; tell the peer why.
    Close { link: LinkId, down: DownReason, tell: Option<CloseReason> },
    /// This link is current now: it may announce itself and read its channel.
    Promote(LinkId),
    /// The engine should know that an attempt failed.
    Failed(DialFailure),
}

impl Step {
    pub(super) fn close(link: LinkId, down: DownReason, tell: Option<CloseReason>) -> Self {
        Self::Close { link, down, tell }
    }
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// Before its channel was open.
    Failed(DialFailure),
    /// After.
    Down(DownReason),
}
