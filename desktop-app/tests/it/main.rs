//! Stories with a real relay on a port of its own, real SQLite, real engines and real WebRTC over loopback, in one process.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod campaign;
mod campaign_finds;
mod changes;
mod channels;
mod chatting;
mod copies;
mod delivery;
mod details;
mod devices;
mod gate;
mod gone_on;
mod greeting;
mod groups;
mod hidden;
mod kept;
mod keychain;
mod links;
mod newer;
mod people;
mod profiles;
mod raw;
mod restored;
mod restored_channels;
mod routes;
mod screen;
mod telling;
mod topics;
mod trouble;
mod unsynced;
mod world;
