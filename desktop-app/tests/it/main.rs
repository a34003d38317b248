//! Stories with a real relay on a port of its own, real SQLite, real engines and real WebRTC over loopback, in one process.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod campaign;
mod campaign_finds;
mod chatting;
mod links;
mod newer;
mod world;
