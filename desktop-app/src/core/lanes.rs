//! What a link carries of each chat: from the other side's mark on, without gaps, and to the relay when a mark is overdue (DELIVERY rule 16).

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use parley_protocol::{ChatId, DeviceId, MarkRegister, Marks, RunId};
use rusqlite::Connection;

use super::outbox::{Handed, note};
use super::peers::PeerFrame;
use super::{Core, Effects};
use crate::route;
use crate::store::chains::Chain;
use crate::store::chats::ChatRow;
use crate::store::{Sql, chats, sent, streams};
use crate::views::Route;

/// A message on a link that is unmarked for this long makes the relay carry the chat, until the marks have come.
const MARK_OVERDUE: Duration = Duration::from_millis(600);

/// How many messages of a chat may be unmarked on a link, and how many bytes of them: well below what a link takes at once.
const WINDOW: usize = 256;
const WINDOW_BYTES: usize = 1 << 20;

/// One chat on a link.
#[derive(Default)]
pub(super) struct Lane {
    /// Rows up to this position were sent on it.
    pub(super) sent: i64,
    /// Sent and not yet marked, oldest first.
    pub(super) unmarked: VecDeque<Unmarked>,
    /// A mark was overdue: the relay carries the chat too, until nothing is unmarked.
    pub(super) suspect: bool,
    /// A message came under a membership which is yet unknown here, and was not taken. Nor is what follows it, as there would
    /// be a gap before it; it comes by the relay, or once the link begins anew.
    pub(super) deaf: bool,
}

/// A message which was sent on a link and is yet unmarked.
pub(super) struct Unmarked {
    run: RunId,
    n: u64,
    bytes: usize,
    since: Instant,
}

impl Lane {
    fn is_full(&self) -> bool {
        self.unmarked.len() >= WINDOW || self.unmarked.iter().map(|sent| sent.bytes).sum::<usize>() >= WINDOW_BYTES
    }

    /// When the oldest unmarked message is overdue, unless the relay carries the chat already.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.unmarked.front().filter(|_| !self.suspect).map(|sent| sent.since + MARK_OVERDUE)
    }
}

impl Core {
    /// Sends the own register of a chat on links: to one peer, or to all that carry it.
    pub(crate) fn link_marks(
        &mut self,
        tx: &Connection,
        chat: ChatId,
        only: Option<DeviceId>,
        out: &mut Effects,
    ) -> Sql<()> {
        let peers: Vec<DeviceId> = match only {
            Some(peer) => vec![peer],
            None => self
                .links
                .iter()
                .filter(|(_, link)| link.greeted && link.chats.contains_key(&chat))
                .map(|(peer, _)| *peer)
                .collect(),
        };
        if peers.is_empty() {
            return Ok(());
        }
        let register = streams::register(tx, chat)?;
        for peer in peers {
            let account = chats::account_of(tx, peer)?.unwrap_or_default();
            let own = account == self.account();
            let theirs = chats::devices_of(tx, chat, account)?;
            let about = |marks: &Marks| {
                Marks(marks.0.iter().filter(|(device, _)| theirs.contains(device)).map(clone).collect())
            };
            let register = MarkRegister {
                delivered: about(&register.delivered),
                read: match (own, self.settings.read_marks) {
                    (true, _) => register.read.clone(),
                    (false, true) => about(&register.read),
                    (false, false) => Marks::default(),
                },
            };
            self.send_frame(peer, &PeerFrame::Marks { chat, register }, out);
        }
        Ok(())
    }

    /// Sends on each link that is in step what its device lacks, in order, up to the window.
    pub(crate) fn pump_links(
        &mut self,
        tx: &Connection,
        chat: &ChatRow,
        handed: &mut Handed,
        out: &mut Effects,
    ) -> Sql<()> {
        let id = chat.state.id;
        let me = self.device();
        let peers: Vec<DeviceId> = self
            .links
            .iter()
            .filter(|(_, link)| link.greeted && link.chats.contains_key(&id))
            .map(|(peer, _)| *peer)
            .collect();
        if peers.is_empty() {
            return Ok(());
        }
        let mut chain = Chain::of(tx, id, me, me)?;
        for peer in peers {
            let marks = streams::marks_of(tx, id, peer)?.delivered;
            let mut frames = Vec::new();
            let mut listening: HashMap<RunId, bool> = HashMap::new();
            let own = chat.state.members.get(&self.account()).is_some_and(|member| member.devices.contains(&peer));
            let Some(link) = self.links.get_mut(&peer) else { continue };
            // What goes to a device of one's own has yet to go to somebody.
            let way = if own { Route::Wait } else { route::route_of(link.path) };
            let Some(lane) = link.chats.get_mut(&id) else { continue };
            while !lane.is_full() {
                let rows = sent::numbered_after(tx, id, lane.sent, WINDOW)?;
                if rows.is_empty() {
                    break;
                }
                for row in rows {
                    if lane.is_full() {
                        break;
                    }
                    lane.sent = row.position;
                    let Some((run, n)) = row.number else { continue };
                    let listens = match listening.get(&run) {
                        Some(listens) => *listens,
                        None => *listening.entry(run).or_insert(is_heard(tx, id, run, peer)?),
                    };
                    if !listens || chain.has(tx, &marks, run, n)? {
                        continue;
                    }
                    lane.unmarked.push_back(Unmarked { run, n, bytes: row.payload.len(), since: Instant::now() });
                    note(handed, &row, way);
                    frames.push(PeerFrame::Message { chat: id, payload: row.payload });
                }
            }
            for frame in frames {
                self.send_frame(peer, &frame, out);
            }
        }
        Ok(())
    }

    /// A device's marks moved: what it holds is no longer unmarked on its link.
    pub(crate) fn link_marked(&mut self, chat: ChatId, peer: DeviceId, register: &MarkRegister) {
        let me = self.device();
        let Some(lane) = self.links.get_mut(&peer).and_then(|link| link.chats.get_mut(&chat)) else {
            return;
        };
        let marks = &register.delivered;
        // A register which says nothing new comes by the relay too, and must not put off leaving a dead link.
        let mut moved = false;
        while let Some((run, n)) = lane.unmarked.front().map(|sent| (sent.run, sent.n)) {
            // A run which the mark names no more was marked before the later one was.
            let later: Vec<RunId> = lane.unmarked.iter().map(|sent| sent.run).filter(|other| *other != run).collect();
            let listed_missing = marks.held(me, run).is_some_and(|held| n <= held.upto);
            if !marks.has(me, run, n, &later) && !listed_missing && !newer_run_held(marks, me, run) {
                break;
            }
            lane.unmarked.pop_front();
            moved = true;
        }
        if lane.unmarked.is_empty() {
            lane.suspect = false;
        } else if moved {
            let now = Instant::now();
            // The link moves; what is left has its time from now on.
            for sent in &mut lane.unmarked {
                sent.since = sent.since.max(now.checked_sub(MARK_OVERDUE / 2).unwrap_or(sent.since));
            }
        }
    }

    /// Chats whose oldest message on a link is overdue are carried by the relay too.
    pub(crate) fn watch_links(&mut self, tx: &Connection, now: Instant, out: &mut Effects) -> Sql<()> {
        let mut left = Vec::new();
        for link in self.links.values_mut() {
            for (chat, lane) in &mut link.chats {
                if lane.deadline().is_some_and(|deadline| now >= deadline) {
                    lane.suspect = true;
                    left.push(*chat);
                }
            }
        }
        for chat in left {
            out.pump.insert(chat);
            self.marks_due.entry(chat).or_insert(now);
            self.show_route(tx, chat, out)?;
        }
        Ok(())
    }
}

/// Whether a device is in the audience of a run of ours.
fn is_heard(tx: &Connection, chat: ChatId, run: RunId, peer: DeviceId) -> Sql<bool> {
    let Some(run) = sent::run(tx, chat, run)? else {
        return Ok(false);
    };
    Ok(chats::audience(tx, chat, run.membership)?.is_some_and(|devices| devices.contains(&peer)))
}

/// Whether the mark holds the beginning of a run of ours other than this one, and does not name this one.
fn newer_run_held(marks: &Marks, me: DeviceId, run: RunId) -> bool {
    marks.0.get(&me).is_some_and(|runs| !runs.contains_key(&run) && runs.values().any(|held| held.has(1)))
}

fn clone<K: Copy, V: Clone>((key, value): (&K, &V)) -> (K, V) {
    (*key, value.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unmarked(n: u64, since: Instant) -> Unmarked {
        Unmarked { run: RunId(uuid::Uuid::from_u128(1)), n, bytes: 1, since }
    }

    #[test]
    fn the_oldest_unmarked_message_has_less_than_a_second() {
        let now = Instant::now();
        let mut lane = Lane::default();
        assert_eq!(lane.deadline(), None, "nothing is waited for");
        lane.unmarked.extend([unmarked(1, now), unmarked(2, now + MARK_OVERDUE)]);
        assert!(lane.deadline().is_some_and(|deadline| deadline < now + Duration::from_secs(1)));
        lane.suspect = true;
        assert_eq!(lane.deadline(), None, "the relay carries it already");
    }
}
