//! What stands in one message of a link's channel. Pure: bytes in, bytes out.
//!
//! The first byte tells what follows:
//!
//! | byte | name | then |
//! |---|---|---|
//! | 0 | whole | an application frame of at most 16 KiB |
//! | 1 | piece | the next part of a larger frame, more to come |
//! | 2 | last piece | the end of it |
//! | 3 | ping | 8 bytes, to be returned |
//! | 4 | pong | the 8 bytes of the ping |
//! | 5 | bye | one byte: why the sender closes the link |
//!
//! Pings, pongs and byes may stand between pieces; whole frames may not. A frame is never empty and
//! never longer than [`MAX_FRAME`]. Anything else is a [`FramingError`], after which the link is closed.

use bytes::{BufMut, Bytes, BytesMut};
use thiserror::Error;

use super::CloseReason;

/// The longest application frame, in bytes.
pub const MAX_FRAME: usize = 1 << 20;

/// Up to here a frame goes in one message.
const MAX_WHOLE: usize = 16 << 10;

/// A larger frame goes in pieces of this many bytes; some implementations of WebRTC refuse messages of 64 KiB.
const PIECE: usize = 60_000;

const WHOLE: u8 = 0;
const MORE: u8 = 1;
const LAST: u8 = 2;
const PING: u8 = 3;
const PONG: u8 = 4;
const BYE: u8 = 5;

/// How a peer broke the rules of this module.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum FramingError {
    /// A message without even a first byte, or a frame without content.
    #[error("a message was empty")]
    Empty,
    /// A first byte which nobody defined.
    #[error("a message was of the unknown kind {0}")]
    UnknownKind(u8),
    /// A ping, pong or bye of the wrong length.
    #[error("a control message was {0} bytes long")]
    BadLength(usize),
    /// A whole frame between the pieces of another.
    #[error("a frame stood between the pieces of another")]
    Interrupted,
    /// More than [`MAX_FRAME`] bytes.
    #[error("a frame was longer than {MAX_FRAME} bytes")]
    TooLong,
}

/// A message, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Incoming {
    /// A complete application frame.
    Frame(Bytes),
    /// A part of one; nothing to hand on yet.
    Part,
    /// To be answered with a pong of the same number.
    Ping(u64),
    /// The answer to our ping.
    Pong(u64),
    /// The peer closes the link, deliberately.
    Bye(CloseReason),
}

/// Puts pieces together again. One per link; holds at most [`MAX_FRAME`] bytes.
#[derive(Debug, Default)]
pub(super) struct Assembler {
    pieces: BytesMut,
}

impl Assembler {
    /// Reads one message.
    pub(super) fn read(&mut self, message: BytesMut) -> Result<Incoming, FramingError> {
        let mut body = message.freeze();
        if body.is_empty() {
            return Err(FramingError::Empty);
        }
        let kind = body.split_to(1).first().copied().ok_or(FramingError::Empty)?;
        match kind {
            WHOLE if !self.pieces.is_empty() => Err(FramingError::Interrupted),
            WHOLE | MORE | LAST if body.is_empty() => Err(FramingError::Empty),
            WHOLE if body.len() > MAX_FRAME => Err(FramingError::TooLong),
            WHOLE => Ok(Incoming::Frame(body)),
            MORE | LAST => {
                if self.pieces.len() + body.len() > MAX_FRAME {
                    return Err(FramingError::TooLong);
                }
                self.pieces.extend_from_slice(&body);
                if kind == MORE {
                    return Ok(Incoming::Part);
                }
                Ok(Incoming::Frame(std::mem::take(&mut self.pieces).freeze()))
            }
            PING => number(&body).map(Incoming::Ping),
            PONG => number(&body).map(Incoming::Pong),
            BYE => match *body {
                [reason] => Ok(Incoming::Bye(CloseReason::from_byte(reason))),
                _ => Err(FramingError::BadLength(body.len())),
            },
            other => Err(FramingError::UnknownKind(other)),
        }
    }
}

fn number(body: &[u8]) -> Result<u64, FramingError> {
    body.try_into().map(u64::from_be_bytes).map_err(|_| FramingError::BadLength(body.len()))
}

/// An application frame on its way out, message by message, so that a ping need not wait for all of it.
#[derive(Debug)]
pub(super) struct Outgoing {
    rest: Bytes,
    whole: bool,
}

impl Outgoing {
    /// `None` if the frame is empty or longer than [`MAX_FRAME`].
    pub(super) fn new(frame: Bytes) -> Option<Self> {
        if frame.is_empty() || frame.len() > MAX_FRAME {
            return None;
        }
        Some(Self { whole: frame.len() <= MAX_WHOLE, rest: frame })
    }

    /// All of the frame is out.
    pub(super) fn is_done(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next message; `None` when all of the frame is out.
    pub(super) fn next(&mut self) -> Option<BytesMut> {
        if self.rest.is_empty() {
            return None;
        }
        let part = self.rest.split_to(self.rest.len().min(PIECE));
        let kind = match (self.whole, self.rest.is_empty()) {
            (true, _) => WHOLE,
            (false, false) => MORE,
            (false, true) => LAST,
        };
        Some(message(kind, &part))
    }
}

pub(super) fn ping(number: u64) -> BytesMut {
    message(PING, &number.to_be_bytes())
}

pub(super) fn pong(number: u64) -> BytesMut {
    message(PONG, &number.to_be_bytes())
}

pub(super) fn bye(reason: CloseReason) -> BytesMut {
    message(BYE, &[reason.to_byte()])
}

fn message(kind: u8, body: &[u8]) -> BytesMut {
    let mut message = BytesMut::with_capacity(1 + body.len());
    message.put_u8(kind);
    message.put_slice(body);
    message
}

#[cfg(test)]
#[path = "framing_tests.rs"]
mod tests;
