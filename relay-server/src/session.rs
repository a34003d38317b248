//! stub
pub(crate) use parley_protocol::frames::Sender as Identity;
