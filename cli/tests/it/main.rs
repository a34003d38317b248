//! Stories about the real `parley` binary and a real relay on port 0.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
#![allow(clippy::panic, reason = "a test fails by panicking")]

mod world;

mod accounts;
mod chats;
mod conversations;
mod scripts;
