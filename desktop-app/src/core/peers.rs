//! Peer links as the core sees them: who is linked, what was sent on each link and is yet unmarked, and the frames that two
//! devices exchange. A link carries only the streams of its two devices, in the chats that both are in.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use bytes::Bytes;
use parley_protocol::frames::{IceServer, Opening, Sender};
use parley_protocol::{
    AccountId, ChatId, ChatKind, ClientFrame, DeviceId, EventId, LifeId, MarkRegister, Marks, RunId,
};
use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use super::inbox::Incoming;
use super::outbox::{Handed, note};
use super::session::SessionPhase;
use super::{Core, Effects};
use crate::events::Event;
use crate::peer::{CloseReason, LinkId, PathKind, PeerCommand, PeerEvent};
use crate::route::{self, Reach};
use crate::store::chats::ChatRow;
use crate::store::{Sql, chats, sent, settings, streams};
use crate::views::{ChatStatus, DirectLinks, Route, RouteView};

/// A message on a link that is unmarked for this long makes the relay carry the chat, until the marks have come.
const MARK_OVERDUE: Duration = Duration::from_millis(600);
/// How many messages of a chat may be unmarked on a link, and how many bytes of them: well below what a link takes at once.
const WINDOW: usize = 256;
const WINDOW_BYTES: usize = 1 << 20;
/// How many openings a link's hello names.
const RECENT_LIVES: u32 = 32;

/// From device to device on a link.
#[derive(Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum PeerFrame {
    /// First on each link, from both sides.
    Hello {
        /// This opening of the sender's profile.
        opening: Opening,
        /// Its newest openings, or those after the one which an `old_copy` named.
        recent: Vec<LifeId>,
    },
    /// The receiver of a hello knows another opening. If it was one of the sender's own, the sender says hello again and
    /// names it; else the sender is an old copy.
    OldCopy {
        /// The opening which is known.
        opening: Opening,
    },
    /// How far the sender holds and has shown what the receiver's account sent. The first one of a chat puts the link in
    /// step.
    Marks {
        /// Which chat.
        chat: ChatId,
        /// The sender's register, as far as it concerns the receiver's account (and, among own devices, what was read of
        /// everybody).
        register: MarkRegister,
    },
    /// A message; the same bytes as an append's.
    Message {
        /// Which chat.
        chat: ChatId,
        /// See [`parley_protocol::payload`].
        payload: String,
    },
    /// As the relay's.
    Typing {
        /// Which chat.
        chat: ChatId,
        /// Whether.
        on: bool,
    },
}

/// An open link.
pub(crate) struct Link {
    id: LinkId,
    path: PathKind,
    /// In microseconds, the last five.
    round_trips: VecDeque<u32>,
    /// The peer's hello came and its opening is good.
    greeted: bool,
    chats: HashMap<ChatId, Lane>,
}

/// One chat on a link.
#[derive(Default)]
struct Lane {
    /// Rows up to this position were sent on it.
    sent: i64,
    /// Sent and not yet marked, oldest first.
    unmarked: VecDeque<Unmarked>,
    /// A mark was overdue: the relay carries the chat too, until nothing is unmarked.
    suspect: bool,
    /// A message came under a membership which is yet unknown here, and was not taken. Nor is what follows it, as there would
    /// be a gap before it; it comes by the relay, or once the link begins anew.
    deaf: bool,
}

/// A message which was sent on a link and is yet unmarked.
struct Unmarked {
    run: RunId,
    n: u64,
    bytes: usize,
    since: Instant,
}

impl Lane {
    fn is_full(&self) -> bool {
        self.unmarked.len() >= WINDOW || self.unmarked.iter().map(|sent| sent.bytes).sum::<usize>() >= WINDOW_BYTES
    }
}

impl Link {
    /// When the oldest unmarked message is overdue.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let lanes = self.chats.values().filter(|lane| !lane.suspect);
        lanes.filter_map(|lane| lane.unmarked.front()).map(|sent| sent.since + MARK_OVERDUE).min()
    }

    fn round_trip(&self) -> Option<u32> {
        let mut sorted: Vec<u32> = self.round_trips.iter().copied().collect();
        sorted.sort_unstable();
        sorted.get(sorted.len() / 2).copied()
    }

    fn carries(&self, chat: ChatId) -> bool {
        self.greeted && self.chats.get(&chat).is_some_and(|lane| !lane.suspect)
    }
}

impl Core {
    pub(crate) fn peer_event(&mut self, tx: &Connection, event: PeerEvent, out: &mut Effects) -> Sql<()> {
        match event {
            PeerEvent::Signal { to, body } => self.send_signal(tx, to, body, out),
            PeerEvent::Up { peer, link, path } => self.link_up(tx, peer, link, path, out),
            PeerEvent::Path { peer, link, path } => {
                if let Some(open) = self.links.get_mut(&peer).filter(|open| open.id == link) {
                    open.path = path;
                    self.routes_with(tx, peer, out)?;
                }
                Ok(())
            }
            PeerEvent::Received { peer, link, frame } => {
                if self.links.get(&peer).is_some_and(|open| open.id == link) {
                    self.peer_frame(tx, peer, &frame, out)?;
                }
                Ok(())
            }
            PeerEvent::RoundTrip { peer, link, micros } => {
                let Some(open) = self.links.get_mut(&peer).filter(|open| open.id == link) else {
                    return Ok(());
                };
                if open.round_trips.len() == 5 {
                    open.round_trips.pop_front();
                }
                open.round_trips.push_back(micros);
                self.routes_with(tx, peer, out)
            }
            PeerEvent::Down { peer, link, reason } => {
                if self.links.get(&peer).is_some_and(|open| open.id == link) {
                    tracing::info!(device = %peer, ?reason, "the link is down");
                    self.links.remove(&peer);
                    self.routes_with(tx, peer, out)?;
                    for chat in chats::direct_with(tx, peer)? {
                        // What has no mark goes by the relay, in order, before anything new.
                        out.pump.insert(chat);
                        self.marks_due.entry(chat).or_insert_with(Instant::now);
                    }
                }
                Ok(())
            }
            PeerEvent::DialFailed { peer, reason } => {
                tracing::debug!(device = %peer, ?reason, "no direct link");
                Ok(())
            }
            PeerEvent::Sent { .. } | PeerEvent::Dropped { .. } => Ok(()),
        }
    }

    /// A link is open: both sides say hello, then how far they hold each other's messages.
    fn link_up(&mut self, tx: &Connection, peer: DeviceId, id: LinkId, path: PathKind, out: &mut Effects) -> Sql<()> {
        if !self.may_link(tx, peer)? {
            out.peers.push(PeerCommand::Close { peer, reason: CloseReason::Unwanted });
            return Ok(());
        }
        tracing::info!(device = %peer, ?path, "a link is open");
        let link = Link { id, path, round_trips: VecDeque::new(), greeted: false, chats: HashMap::new() };
        self.links.insert(peer, link);
        self.say_hello(tx, peer, out)
    }

    fn say_hello(&mut self, tx: &Connection, peer: DeviceId, out: &mut Effects) -> Sql<()> {
        let recent = settings::recent_lives(tx, RECENT_LIVES)?;
        self.send_frame(peer, &PeerFrame::Hello { opening: self.opening, recent }, out);
        Ok(())
    }

    fn peer_frame(&mut self, tx: &Connection, peer: DeviceId, frame: &Bytes, out: &mut Effects) -> Sql<()> {
        let Ok(frame) = serde_json::from_slice::<PeerFrame>(frame) else {
            tracing::warn!(device = %peer, "a frame on the link could not be read");
            out.peers.push(PeerCommand::Close { peer, reason: CloseReason::Fault });
            return Ok(());
        };
        let Some(account) = chats::account_of(tx, peer)? else {
            return Ok(());
        };
        let from = Sender { account, device: peer };
        match frame {
            PeerFrame::Hello { opening, recent } => self.peer_hello(tx, peer, opening, &recent, out),
            PeerFrame::OldCopy { opening } => {
                if settings::lived(tx, opening)? {
                    self.send_frame(peer, &PeerFrame::Hello { opening: self.opening, recent: vec![opening.life] }, out);
                } else {
                    self.become_new_device(out);
                }
                Ok(())
            }
            _ if !self.links.get(&peer).is_some_and(|link| link.greeted) => Ok(()),
            PeerFrame::Marks { chat, register } => {
                if !self.shares(tx, chat, peer)? {
                    return Ok(());
                }
                if let Some(link) = self.links.get_mut(&peer)
                    && !link.chats.contains_key(&chat)
                {
                    link.chats.insert(chat, Lane::default());
                    out.routes.insert(chat);
                    // The peer may have learnt of the chat only after this device's marks came.
                    self.link_marks(tx, chat, Some(peer), out)?;
                }
                self.merge_marks(tx, chat, from, &register, out)
            }
            PeerFrame::Message { chat, payload } => {
                if !self.shares(tx, chat, peer)? {
                    return Ok(());
                }
                let route = self.links.get(&peer).map_or(Route::Direct, |link| route::route_of(link.path));
                let lane = self.links.get(&peer).and_then(|link| link.chats.get(&chat));
                if lane.is_some_and(|lane| lane.deaf) {
                    return Ok(());
                }
                let taken = self.take_sealed(tx, Incoming { chat, from, named: None, payload, route }, out)?;
                let lane = self.links.get_mut(&peer).and_then(|link| link.chats.get_mut(&chat));
                if let Some(lane) = lane.filter(|_| !taken) {
                    lane.deaf = true;
                }
                Ok(())
            }
            PeerFrame::Typing { chat, on } => {
                if account != self.account() && self.shares(tx, chat, peer)? {
                    out.events.push(Event::Typing { chat, account, on });
                }
                Ok(())
            }
        }
    }

    /// A membership became known here: links which carried something of it before begin anew, with what was not taken.
    pub(crate) fn renew_deaf_links(&mut self, chat: ChatId, out: &mut Effects) {
        let deaf = |link: &Link| link.chats.get(&chat).is_some_and(|lane| lane.deaf);
        let peers: Vec<DeviceId> = self.links.iter().filter(|(_, link)| deaf(link)).map(|(peer, _)| *peer).collect();
        for peer in peers {
            self.links.remove(&peer);
            out.peers.push(PeerCommand::Close { peer, reason: CloseReason::Fault });
        }
    }

    fn peer_hello(
        &mut self,
        tx: &Connection,
        peer: DeviceId,
        opening: Opening,
        recent: &[LifeId],
        out: &mut Effects,
    ) -> Sql<()> {
        if let Some(known) = settings::peer_opening(tx, peer)?
            && known.life != opening.life
            && !recent.contains(&known.life)
        {
            self.send_frame(peer, &PeerFrame::OldCopy { opening: known }, out);
            return Ok(());
        }
        settings::set_peer_opening(tx, peer, opening)?;
        if let Some(link) = self.links.get_mut(&peer) {
            link.greeted = true;
        }
        for chat in chats::direct_with(tx, peer)? {
            self.link_marks(tx, chat, Some(peer), out)?;
        }
        Ok(())
    }

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
        let runs = sent::runs(tx, id)?;
        let order: Vec<RunId> = runs.iter().map(|run| run.run).collect();
        for peer in peers {
            let marks = streams::marks_of(tx, id, peer)?.delivered;
            let mut frames = Vec::new();
            let mut listening: HashMap<EventId, bool> = HashMap::new();
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
                    let Some(at) = order.iter().position(|other| *other == run) else { continue };
                    let membership = runs.get(at).map(|run| run.membership).unwrap_or_default();
                    let listens = match listening.get(&membership) {
                        Some(listens) => *listens,
                        None => {
                            let devices = chats::audience(tx, id, membership)?.unwrap_or_default();
                            *listening.entry(membership).or_insert(devices.contains(&peer))
                        }
                    };
                    if !listens || marks.has(me, run, n, order.get(at + 1..).unwrap_or_default()) {
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
                let overdue = lane.unmarked.front().is_some_and(|sent| now >= sent.since + MARK_OVERDUE);
                if overdue && !lane.suspect {
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

    /// Whether links alone carry what is written in the chat now.
    pub(crate) fn links_suffice(&self, chat: &ChatRow) -> bool {
        chat.state.kind == ChatKind::Direct && route::links_suffice(&self.reach(chat))
    }

    fn reach(&self, chat: &ChatRow) -> Vec<Reach> {
        let (me, id) = (self.device(), chat.state.id);
        chat.state
            .devices()
            .filter(|(device, _)| *device != me)
            .map(|(device, account)| Reach {
                link: self.links.get(&device).filter(|link| link.carries(id)).map(|link| link.path),
                other_account: account != self.account(),
            })
            .collect()
    }

    /// How messages of a chat travel to one of its members now.
    pub(crate) fn route_to(&self, chat: &ChatRow, member: AccountId) -> Route {
        let theirs = chat.state.devices().filter(|(_, account)| *account == member).map(|(device, _)| {
            let link = self.links.get(&device).filter(|link| link.carries(chat.state.id));
            Reach { link: link.map(|link| link.path), other_account: true }
        });
        let relay_up = self.session.as_ref().is_some_and(|session| session.phase == SessionPhase::Open);
        route::choose(&theirs.collect::<Vec<_>>(), relay_up)
    }

    /// The route of a chat now.
    pub(crate) fn route_of(&self, chat: &ChatRow) -> RouteView {
        let relay_up = self.session.as_ref().is_some_and(|session| session.phase == SessionPhase::Open);
        let reach =
            if chat.state.sealed && chat.state.kind == ChatKind::Direct { self.reach(chat) } else { Vec::new() };
        let route = route::choose(&reach, relay_up);
        let round_trip = match route {
            Route::Relay => self.relay_round_trip,
            Route::Wait => None,
            Route::Lan | Route::Direct | Route::Turn => {
                let mine = chat.state.devices().filter(|(_, account)| *account != self.account());
                mine.filter_map(|(device, _)| self.links.get(&device)?.round_trip()).max()
            }
        };
        let linked = reach.iter().filter(|device| device.link.is_some()).count();
        let since = self
            .routes
            .get(&chat.state.id)
            .filter(|old| old.route == route)
            .map_or_else(|| self.now(), |old| old.since);
        let devices = chat.state.devices().filter(|(device, _)| *device != self.device()).count();
        RouteView { route, round_trip, since, linked, devices }
    }

    /// Tells the route of a chat if it changed, or its round trip by a fifth.
    pub(crate) fn show_route(&mut self, tx: &Connection, chat_id: ChatId, out: &mut Effects) -> Sql<()> {
        let Some(chat) = chats::get(tx, chat_id)? else {
            return Ok(());
        };
        let view = self.route_of(&chat);
        let told = self.routes.get(&chat_id).is_some_and(|old| {
            let near = match (old.round_trip, view.round_trip) {
                (Some(old), Some(new)) => old.abs_diff(new) * 5 < old,
                (old, new) => old == new,
            };
            near && RouteView { round_trip: None, ..old.clone() } == RouteView { round_trip: None, ..view.clone() }
        });
        if !told {
            self.routes.insert(chat_id, view.clone());
            out.events.push(Event::Route { chat: chat_id, route: view });
        }
        Ok(())
    }

    pub(crate) fn all_routes(&mut self, tx: &Connection, out: &mut Effects) -> Sql<()> {
        out.routes.extend(chats::all(tx)?.into_iter().map(|chat| chat.state.id));
        Ok(())
    }

    fn routes_with(&mut self, tx: &Connection, peer: DeviceId, out: &mut Effects) -> Sql<()> {
        out.routes.extend(chats::direct_with(tx, peer)?);
        Ok(())
    }

    /// Wishes for a link to a device that came online.
    pub(crate) fn wish_link(&mut self, tx: &Connection, peer: DeviceId, out: &mut Effects) -> Sql<()> {
        if peer != self.device() && !self.links.contains_key(&peer) && self.may_link(tx, peer)? {
            out.peers.push(PeerCommand::Dial { peer });
        }
        Ok(())
    }

    /// Wishes for links to the devices of a direct chat which are online.
    pub(crate) fn wish_links_of(&mut self, tx: &Connection, chat: ChatId, out: &mut Effects) -> Sql<()> {
        let Some(row) = chats::get(tx, chat)?.filter(|row| row.state.kind == ChatKind::Direct && row.state.sealed)
        else {
            return Ok(());
        };
        for (device, account) in row.state.devices() {
            if self.links.get(&device).is_some_and(|link| link.greeted && !link.chats.contains_key(&chat)) {
                self.link_marks(tx, chat, Some(device), out)?;
            }
            if self.presence.get(&account).is_some_and(|presence| presence.devices.contains(&device)) {
                self.wish_link(tx, device, out)?;
            }
        }
        Ok(())
    }

    /// Whether the person's choice, blocks and chats allow a link to this device.
    fn may_link(&self, tx: &Connection, peer: DeviceId) -> Sql<bool> {
        if peer == self.device() || chats::direct_with(tx, peer)?.is_empty() {
            return Ok(false);
        }
        let Some(account) = chats::account_of(tx, peer)? else {
            return Ok(false);
        };
        if settings::is_blocked(tx, account)? {
            return Ok(false);
        }
        Ok(match self.settings.direct_links {
            DirectLinks::Everybody => true,
            DirectLinks::Verified => account == self.account() || settings::is_verified(tx, account)?,
            DirectLinks::Never => false,
        })
    }

    /// The person's choice or a block changed: links that are not allowed any more go, those that are now are wished for.
    pub(crate) fn links_by_policy(&mut self, tx: &Connection, out: &mut Effects) -> Sql<()> {
        let open: Vec<DeviceId> = self.links.keys().copied().collect();
        for peer in open {
            if !self.may_link(tx, peer)? {
                self.links.remove(&peer);
                out.peers.push(PeerCommand::Close { peer, reason: CloseReason::Unwanted });
                self.routes_with(tx, peer, out)?;
                out.pump.extend(chats::direct_with(tx, peer)?);
            }
        }
        let online: Vec<DeviceId> =
            self.presence.values().flat_map(|presence| presence.devices.iter().copied()).collect();
        for device in online {
            self.wish_link(tx, device, out)?;
        }
        Ok(())
    }

    pub(crate) fn close_all_links(&mut self, out: &mut Effects) {
        for (peer, _) in self.links.drain() {
            out.peers.push(PeerCommand::Close { peer, reason: CloseReason::Unwanted });
        }
    }

    /// A signal came through the relay, which vouches for its sender.
    pub(crate) fn peer_signal(&mut self, tx: &Connection, from: Sender, body: String, out: &mut Effects) -> Sql<()> {
        if self.may_link(tx, from.device)? && chats::account_of(tx, from.device)? == Some(from.account) {
            out.peers.push(PeerCommand::Signal { from: from.device, body });
        }
        Ok(())
    }

    fn send_signal(&mut self, tx: &Connection, to: DeviceId, body: String, out: &mut Effects) -> Sql<()> {
        if let Some(chat) = chats::direct_with(tx, to)?.first() {
            out.relay.push(ClientFrame::Signal { chat: *chat, to, body });
        }
        Ok(())
    }

    /// Typing goes by links where they suffice, else by the relay.
    pub(crate) fn send_typing(&mut self, chat: &ChatRow, on: bool, out: &mut Effects) {
        let id = chat.state.id;
        if self.links_suffice(chat) {
            let peers: Vec<DeviceId> = chat
                .state
                .devices()
                .map(|(device, _)| device)
                .filter(|device| self.links.contains_key(device))
                .collect();
            for peer in peers {
                self.send_frame(peer, &PeerFrame::Typing { chat: id, on }, out);
            }
        } else {
            out.relay.push(ClientFrame::Typing { chat: id, on });
        }
    }

    /// The relay says which STUN and TURN servers the operator set up.
    pub(crate) fn configure_ice(&mut self, servers: Vec<IceServer>, out: &mut Effects) {
        if self.peer_config.ice_servers != servers {
            self.peer_config.ice_servers = servers;
            out.peers.push(PeerCommand::Configure(self.peer_config.clone()));
        }
    }

    fn shares(&self, tx: &Connection, chat: ChatId, peer: DeviceId) -> Sql<bool> {
        Ok(chats::get(tx, chat)?.is_some_and(|row| {
            row.status == ChatStatus::Active
                && row.state.sealed
                && row.state.devices().any(|(device, _)| device == peer)
        }))
    }

    fn send_frame(&mut self, peer: DeviceId, frame: &PeerFrame, out: &mut Effects) {
        if let Some(link) = self.links.get(&peer) {
            let frame = Bytes::from(crate::store::to_json(frame));
            out.peers.push(PeerCommand::Send { peer, link: link.id, frame });
        }
    }
}

fn clone<K: Copy, V: Clone>((key, value): (&K, &V)) -> (K, V) {
    (*key, value.clone())
}

/// Whether the mark holds the beginning of a run of ours other than this one, and does not name this one.
fn newer_run_held(marks: &Marks, me: DeviceId, run: RunId) -> bool {
    marks.0.get(&me).is_some_and(|runs| !runs.contains_key(&run) && runs.values().any(|held| held.has(1)))
}
