//! Stories told by real processes: `parley` as people and scripts run it, and a relay that can be killed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod killing;
#[cfg(target_os = "linux")]
mod namespaces;
mod processes;
