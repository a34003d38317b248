//! Logs: the operations of the writer on them, and what readers ask of them.
//!
//! Only the writer allots a `seq`, and only the writer checks membership, role and idempotency, inside the
//! transaction that stores the entry (DELIVERY rule 7).

mod append;
mod change;
mod expire;
mod marks;
mod open;
mod page;
mod quota;
mod state;
mod trim;
mod view;

pub(crate) use append::kind;
pub(crate) use expire::overdue;
pub(crate) use marks::{Marks, Register, marks_of};
pub(crate) use page::{Page, Reader, page};
pub(crate) use state::{chat_kind, current, entry_at, is_deleted, role};
pub(crate) use view::{Standing, Stay, has_taken_an_end, inbox, seen_by, standing};
