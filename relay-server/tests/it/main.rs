//! The relay, told as stories: real SQLite in a temporary folder, the real session code over in-memory pipes.

mod support;

mod delivery;
mod live;
mod store;
