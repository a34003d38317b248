//! Peer links as the core sees them: who is linked, what was sent on each link and is yet unmarked, and the frames that two
//! devices exchange. A link carries only the streams of its two devices, in the chats that both are in.

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use bytes::Bytes;
use parley_protocol::frames::{IceServer, Opening, Sender};
use parley_protocol::{ChatId, ClientFrame, DeviceId, LifeId, MarkRegister};
use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use super::inbox::Incoming;
use super::lanes::Lane;
use super::{Core, Effects};
use crate::events::Event;
use crate::peer::{CloseReason, LinkId, PathKind, PeerCommand, PeerEvent};
use crate::route::{self};
use crate::store::chats::ChatRow;
use crate::store::{Sql, chats, settings};
use crate::views::{ChatStatus, Route};

/// How many openings a link's hello names.
const RECENT_LIVES: u32 = 32;

/// From device to device on a link.
#[derive(Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum PeerFrame {
    /// First on each link, from both sides.
    Hello {
        /// This opening of the sender's profile.
        opening: Opening,
        /// Its newest openings, or those after the one which an `old_copy` named.
        recent: Vec<LifeId>,
    },
    /// The receiver of a hello knows another opening. If it was one of the sender's own, the sender says hello again and
    /// names it; else the sender may be an old copy.
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
    pub(super) path: PathKind,
    /// In microseconds, the last five.
    round_trips: VecDeque<u32>,
    /// The peer's hello came and its opening is good.
    pub(super) greeted: bool,
    pub(super) chats: HashMap<ChatId, Lane>,
}

impl Link {
    /// When the oldest unmarked message is overdue.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.chats.values().filter_map(Lane::deadline).min()
    }

    pub(super) fn round_trip(&self) -> Option<u32> {
        let mut sorted: Vec<u32> = self.round_trips.iter().copied().collect();
        sorted.sort_unstable();
        sorted.get(sorted.len() / 2).copied()
    }

    pub(super) fn carries(&self, chat: ChatId) -> bool {
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
                    self.leave_link(tx, peer, out)?;
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
            PeerFrame::OldCopy { opening } => self.peer_knows(tx, from, opening, out),
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
                let route = self.links.get(&peer).map_or(Route::Direct, |link| route::route_of(link.path));
                self.merge_marks(tx, chat, from, &register, route, out)
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
    pub(crate) fn renew_deaf_links(&mut self, chat: ChatId) {
        let deaf = |link: &Link| link.chats.get(&chat).is_some_and(|lane| lane.deaf);
        self.broken.extend(self.links.iter().filter(|(_, link)| deaf(link)).map(|(peer, _)| *peer));
    }

    /// Leaves the links which have to begin anew.
    pub(super) fn leave_broken(&mut self, tx: &Connection, out: &mut Effects) -> Sql<()> {
        for peer in std::mem::take(&mut self.broken) {
            if self.links.contains_key(&peer) {
                out.peers.push(PeerCommand::Close { peer, reason: CloseReason::Fault });
                self.leave_link(tx, peer, out)?;
            }
        }
        Ok(())
    }

    /// A link is no more: what has no mark goes by the relay, in order, before anything new, and so do marks that were told on
    /// the link alone.
    pub(super) fn leave_link(&mut self, tx: &Connection, peer: DeviceId, out: &mut Effects) -> Sql<()> {
        self.links.remove(&peer);
        self.routes_with(tx, peer, out)?;
        for chat in chats::direct_with(tx, peer)? {
            out.pump.insert(chat);
            self.marks_due.entry(chat).or_insert_with(Instant::now);
        }
        Ok(())
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
    pub(crate) fn configure_ice(&mut self, tx: &Connection, servers: Vec<IceServer>, out: &mut Effects) -> Sql<()> {
        if self.peer_config.ice_servers == servers {
            return Ok(());
        }
        self.peer_config.ice_servers = servers;
        out.peers.push(PeerCommand::Configure(self.chosen_peer_config()));
        // Whether one's address can be hidden depends on them.
        self.links_by_policy(tx, out)
    }

    /// Whether the operator set up a TURN server.
    pub(super) fn has_turn(&self) -> bool {
        let mut urls = self.peer_config.ice_servers.iter().flat_map(|server| &server.urls);
        urls.any(|url| url.starts_with("turn:") || url.starts_with("turns:"))
    }

    pub(super) fn shares(&self, tx: &Connection, chat: ChatId, peer: DeviceId) -> Sql<bool> {
        Ok(chats::get(tx, chat)?.is_some_and(|row| {
            row.status == ChatStatus::Active
                && row.state.sealed
                && row.state.devices().any(|(device, _)| device == peer)
        }))
    }

    pub(super) fn send_frame(&mut self, peer: DeviceId, frame: &PeerFrame, out: &mut Effects) {
        if let Some(link) = self.links.get(&peer) {
            let frame = Bytes::from(crate::store::to_json(frame));
            out.peers.push(PeerCommand::Send { peer, link: link.id, frame });
        }
    }
}
