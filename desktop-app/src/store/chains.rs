//! In which order the runs of one sending device follow each other, and what a mark says of those it does not name
//! (DELIVERY rules 2 and 5). Places are looked up as they are needed: every opening of a profile begins a run in each chat, so a
//! chat has thousands, of which a mark names a few.

use std::collections::HashMap;

use parley_protocol::{ChatId, DeviceId, EventId, Marks, RunId};
use rusqlite::Connection;

use super::sent::OwnRun;
use super::streams::Stream;
use super::{Sql, sent, streams};

/// The order of one device's runs in one chat.
pub(crate) struct Chain {
    sender: DeviceId,
    chat: ChatId,
    /// Places that are known; `None` for a run which this device never heard of.
    places: HashMap<RunId, Option<i64>>,
    /// The runs of another device, in order; `None` for this device's own, which are looked up as they are needed.
    others: Option<Vec<Stream>>,
}

/// A run, as far as marks of it are judged.
pub(crate) struct Run {
    pub(crate) run: RunId,
    /// Names its audience.
    pub(crate) membership: Option<EventId>,
    /// Its last number, as far as that is known.
    pub(crate) end: Option<u64>,
}

impl From<OwnRun> for Run {
    fn from(own: OwnRun) -> Self {
        Self { run: own.run, membership: Some(own.membership), end: Some(own.last_n) }
    }
}

impl From<&Stream> for Run {
    fn from(stream: &Stream) -> Self {
        Self { run: stream.run, membership: stream.membership, end: stream.ends_at }
    }
}

impl Chain {
    /// The runs of `sender`; `me` is this device.
    pub(crate) fn of(db: &Connection, chat: ChatId, me: DeviceId, sender: DeviceId) -> Sql<Self> {
        let others = if sender == me { None } else { Some(streams::in_order(db, chat, sender)?) };
        let names = others.iter().flatten().map(|stream| stream.run);
        let places = names.zip((0..).map(Some)).collect();
        Ok(Self { sender, chat, places, others })
    }

    fn place(&mut self, db: &Connection, run: RunId) -> Sql<Option<i64>> {
        if let Some(known) = self.places.get(&run) {
            return Ok(*known);
        }
        let place = if self.others.is_none() { sent::place(db, self.chat, run)? } else { None };
        self.places.insert(run, place);
        Ok(place)
    }

    /// What is known of a run.
    pub(crate) fn run(&mut self, db: &Connection, run: RunId) -> Sql<Option<Run>> {
        match &self.others {
            None => Ok(sent::run(db, self.chat, run)?.map(Run::from)),
            Some(others) => {
                let at = self.places.get(&run).copied().flatten().and_then(|place| usize::try_from(place).ok());
                Ok(at.and_then(|at| others.get(at)).map(Run::from))
            }
        }
    }

    /// The runs between two places, both excluded; from the beginning if there is no first place.
    pub(crate) fn between(&self, db: &Connection, first: Option<i64>, last: i64) -> Sql<Vec<Run>> {
        let first = first.unwrap_or(-1);
        Ok(match &self.others {
            None => sent::runs_between(db, self.chat, first, last)?.into_iter().map(Run::from).collect(),
            Some(others) => {
                let within = (0..).zip(others).filter(|(place, _)| first < *place && *place < last);
                within.map(|(_, stream)| Run::from(stream)).collect()
            }
        })
    }

    /// The place of the newest run of which the mark holds the beginning.
    pub(crate) fn begun(&mut self, db: &Connection, marks: &Marks) -> Sql<Option<i64>> {
        let mut newest = None;
        for (run, held) in marks.0.get(&self.sender).into_iter().flatten() {
            if held.has(1) {
                newest = newest.max(self.place(db, *run)?);
            }
        }
        Ok(newest)
    }

    /// Whether the mark leaves the run out because it is complete: it holds the beginning of a later one, which names the end
    /// of the one before it.
    pub(crate) fn leaves_out(&mut self, db: &Connection, marks: &Marks, run: RunId) -> Sql<bool> {
        if marks.held(self.sender, run).is_some() {
            return Ok(false);
        }
        let Some(place) = self.place(db, run)? else {
            return Ok(false);
        };
        Ok(self.begun(db, marks)?.is_some_and(|begun| begun > place))
    }

    /// Whether the mark holds number `n` of a run.
    pub(crate) fn has(&mut self, db: &Connection, marks: &Marks, run: RunId, n: u64) -> Sql<bool> {
        match marks.held(self.sender, run) {
            Some(held) => Ok(held.has(n)),
            None => self.leaves_out(db, marks, run),
        }
    }
}

#[cfg(test)]
#[path = "chains_tests.rs"]
mod tests;
