//! Stories with a real relay on a port of its own, real SQLite, real engines and real WebRTC over loopback, in one process.

mod campaign;
mod campaign_finds;
mod chatting;
mod links;
mod newer;
mod world;
