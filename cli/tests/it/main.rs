//! Stories told by the real `parley` binary, as people and scripts run it, and a real relay, in this process or killed as one of its own.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
#![allow(clippy::panic, reason = "a test fails by panicking")]

mod processes;
mod world;

mod accounts;
mod chats;
mod conversations;
mod hiding;
mod killing;
#[cfg(target_os = "linux")]
mod namespaces;
#[cfg(target_os = "linux")]
mod nats;
#[cfg(target_os = "linux")]
mod networks;
#[cfg(target_os = "linux")]
mod scene;
mod scripts;
#[cfg(unix)]
mod terminal;
