//! The Parley engine: everything the app does except the window.

pub mod peer;
