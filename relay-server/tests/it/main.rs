//! Stories about a real relay: on port 0, with a real database in a temporary folder, spoken to over HTTP and
//! WebSocket as any client would.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
#![allow(unreachable_pub, reason = "one binary: whatever is shared is `pub`")]

mod relay;

mod accounts;
mod authorisation;
mod configuration;
mod devices;
mod http;
mod secrecy;
mod sessions;
mod socket;
mod tokens;
