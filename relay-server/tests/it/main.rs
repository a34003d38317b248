//! Stories about a real relay: on port 0, with a real database in a temporary folder, spoken to over HTTP and
//! WebSocket as any client would.

mod relay;

mod accounts;
mod authorisation;
mod configuration;
mod devices;
mod http;
mod secrecy;
mod socket;
mod tokens;
