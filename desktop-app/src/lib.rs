//! The Parley engine: everything the app does except the window.
//!
//! [`Engine`] is the whole interface: commands, a stream of [`Event`]s, and views. Inside, one thread (`core`) owns the
//! profile's database and every decision; links own their sockets and never touch the store. There is one way out (the
//! outbox) and one way in (the inbox) for every route.

mod core;
mod engine;
mod error;
pub mod events;
#[cfg(feature = "fill")]
pub mod fill;
pub mod names;
pub mod peer;
mod profile;
mod relay_api;
mod relay_link;
mod route;
mod store;
mod stream;
mod tokens;
pub mod views;

pub use engine::{Engine, Options, owner_of};
pub use error::{EngineError, Result};
pub use events::Event;
pub use tokens::Keychain;
