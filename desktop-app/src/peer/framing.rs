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
//! | 6 | several | application frames of at most 16 KiB each, up to 64, each behind its length in two bytes |
//!
//! Frames which wait together go together: a message of 60,000 bytes costs little more than one of 16 KiB, as only a long
//! row of packets is handed to the system at once.
//!
//! Pings, pongs and byes may stand between pieces; other frames may not. A frame is never empty and
//! never longer than [`MAX_FRAME`]. Anything else is a [`FramingError`], after which the link is closed.

use std::collections::VecDeque;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use thiserror::Error;

use super::{CloseReason, FRAME_COST};

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
const SEVERAL: u8 = 6;

/// The most frames in one message.
const MAX_TOGETHER: usize = 64;

/// What a frame of this length counts against the window.
pub(super) fn cost(length: usize) -> usize {
    length.max(FRAME_COST)
}

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
    /// Several frames, but one of them isn't all there, or they are too many.
    #[error("frames that came together could not be told apart")]
    Torn,
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
    /// Several of them, in order.
    Several(Vec<Bytes>),
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
            WHOLE | SEVERAL if !self.pieces.is_empty() => Err(FramingError::Interrupted),
            WHOLE | SEVERAL | MORE | LAST if body.is_empty() => Err(FramingError::Empty),
            WHOLE if body.len() > MAX_FRAME => Err(FramingError::TooLong),
            WHOLE => Ok(Incoming::Frame(body)),
            SEVERAL => several(body).map(Incoming::Several),
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

fn several(mut body: Bytes) -> Result<Vec<Bytes>, FramingError> {
    let mut frames = Vec::new();
    while !body.is_empty() {
        let length = usize::from(body.try_get_u16().map_err(|_| FramingError::Torn)?);
        if length == 0 {
            return Err(FramingError::Empty);
        }
        if length > body.len() || frames.len() == MAX_TOGETHER {
            return Err(FramingError::Torn);
        }
        frames.push(body.split_to(length));
    }
    Ok(frames)
}

fn number(body: &[u8]) -> Result<u64, FramingError> {
    body.try_into().map(u64::from_be_bytes).map_err(|_| FramingError::BadLength(body.len()))
}

/// Application frames on their way out, message by message, so that a ping need not wait for all of them.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    frames: VecDeque<Bytes>,
    /// Pieces of the front frame are out; so long it was.
    begun: Option<usize>,
}

impl Outbox {
    /// Takes a frame of 1 to [`MAX_FRAME`] bytes; the registry lets through no others.
    pub(super) fn push(&mut self, frame: Bytes) {
        debug_assert!((1..=MAX_FRAME).contains(&frame.len()));
        self.frames.push_back(frame);
    }

    /// How many frames are not all out.
    pub(super) fn len(&self) -> usize {
        self.frames.len()
    }

    /// The next message, with what the frames that end in it count against the window.
    pub(super) fn next(&mut self) -> Option<(BytesMut, usize)> {
        if self.begun.is_some() || self.frames.front()?.len() > MAX_WHOLE {
            return self.next_piece();
        }
        let (mut count, mut length, mut costs) = (0, 1, 0);
        for frame in self.frames.iter().take(MAX_TOGETHER) {
            let with = length + 2 + frame.len();
            if frame.len() > MAX_WHOLE || with > PIECE {
                break;
            }
            (count, length, costs) = (count + 1, with, costs + cost(frame.len()));
        }
        if count == 1 {
            return self.frames.pop_front().map(|frame| (message(WHOLE, &frame), costs));
        }
        let mut together = BytesMut::with_capacity(length);
        together.put_u8(SEVERAL);
        for frame in self.frames.drain(..count) {
            together.put_u16(u16::try_from(frame.len()).unwrap_or(u16::MAX));
            together.put_slice(&frame);
        }
        Some((together, costs))
    }

    fn next_piece(&mut self) -> Option<(BytesMut, usize)> {
        let frame = self.frames.front_mut()?;
        let whole = *self.begun.get_or_insert(frame.len());
        let piece = frame.split_to(frame.len().min(PIECE));
        if !frame.is_empty() {
            return Some((message(MORE, &piece), 0));
        }
        self.frames.pop_front();
        self.begun = None;
        Some((message(LAST, &piece), cost(whole)))
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
