//! When it was told, and how, that a device holds or has shown what one's own devices sent.

use std::collections::HashMap;

use parley_protocol::{ChatId, DeviceId, Millis, RunId};
use rusqlite::{Connection, params};

use super::messages::{route_from, route_word};
use super::{Sql, count, id, int};
use crate::views::Route;

/// What a mark is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum What {
    Delivered,
    Read,
}

impl What {
    const fn word(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Read => "read",
        }
    }
}

/// Numbers of a run which a device came to hold, or to have shown, at once; both ends included.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Advance {
    pub(crate) run: RunId,
    pub(crate) first: u64,
    pub(crate) last: u64,
}

/// When something was told, and by which route.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct When {
    pub(crate) at: Millis,
    pub(crate) route: Route,
}

/// Notes an advance of a device's mark.
pub(crate) fn put(
    db: &Connection,
    chat: ChatId,
    device: DeviceId,
    what: What,
    advance: Advance,
    when: When,
) -> Sql<()> {
    db.prepare_cached(
        "INSERT OR REPLACE INTO advances (chat, run, device, what, first, last, at, route)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?
    .execute(params![
        chat.as_bytes(),
        advance.run.as_bytes(),
        device.as_bytes(),
        what.word(),
        int(advance.first),
        int(advance.last),
        int(when.at),
        route_word(when.route),
    ])?;
    Ok(())
}

/// When it was told of each device that it holds, or has shown, a number. One that came after it had been given up is told later
/// than those around it, so the last word counts.
pub(crate) fn of(db: &Connection, chat: ChatId, (run, n): (RunId, u64), what: What) -> Sql<HashMap<DeviceId, When>> {
    db.prepare_cached(
        "SELECT device, at, route FROM advances
         WHERE chat = ?1 AND run = ?2 AND what = ?3 AND first <= ?4 AND last >= ?4 ORDER BY at",
    )?
    .query_map(params![chat.as_bytes(), run.as_bytes(), what.word(), int(n)], |row| {
        let route: String = row.get(2)?;
        Ok((id(row, 0)?, When { at: count(row, 1)?, route: route_from(&route) }))
    })?
    .collect()
}
