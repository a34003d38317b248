//! What crosses a wire in Parley.
//!
//! The relay and the engine know each other only through this crate: ids, the frames of the relay's
//! WebSocket, the bodies of its HTTP routes, the payload of a message, and the marks that say how far a
//! device holds what the others sent. Everything here is plain data with pure functions: no I/O, no clock,
//! no tokio. `docs/protocol.md` tells the same in prose.

pub mod chat;
pub mod clock;
pub mod error;
pub mod frames;
pub mod http;
pub mod ids;
pub mod marks;
pub mod message;
pub mod payload;
pub mod topic;
pub mod username;

pub use chat::{ChatChange, ChatKind, ChatState, MAX_RETENTION, Member, Role};
pub use clock::Clock;
pub use error::{Code, ErrorBody};
pub use frames::{ClientFrame, RelayFrame};
pub use ids::{AccountId, ChatId, DeviceId, EntryId, EventId, LifeId, LogId, MessageId, RunId};
pub use marks::{MarkRegister, Marks};
pub use message::{Body, MessageKey, SealedMessage};

/// The version of the wire that this crate speaks; `hello` and `welcome` carry it.
pub const VERSION: u16 = 1;

/// Milliseconds since the Unix epoch, as a wall clock shows them.
pub type Millis = u64;
