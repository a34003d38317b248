//! Which way a conversation goes, and with whom a link is wanted.

use parley_protocol::{AccountId, ChatId, ChatKind, DeviceId};
use rusqlite::Connection;

use super::{Core, Effects, peers};
use crate::events::Event;
use crate::peer::{CloseReason, PeerCommand};
use crate::route::{self, Reach};
use crate::store::chats::ChatRow;
use crate::store::{Sql, chats, settings};
use crate::views::{DirectLinks, Route, RouteView};

impl Core {
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
        route::choose(&theirs.collect::<Vec<_>>(), self.is_online())
    }

    /// The round trip of the links which carry messages of a chat to one of its members now, in microseconds; the longest one.
    pub(crate) fn round_trip_to(&self, chat: &ChatRow, member: AccountId) -> Option<u32> {
        let theirs = chat.state.devices().filter(|(_, account)| *account == member);
        let links = theirs.filter_map(|(device, _)| self.links.get(&device));
        links.filter(|link| link.carries(chat.state.id)).filter_map(peers::Link::round_trip).max()
    }

    /// How what goes to one's own device travels now, and how long its round trip takes, in microseconds. `online`: whether the
    /// relay has it there.
    pub(crate) fn way_to(&self, device: DeviceId, online: bool) -> (Route, Option<u32>) {
        match self.links.get(&device).filter(|link| link.greeted) {
            Some(link) => (route::route_of(link.path), link.round_trip()),
            None if online => (Route::Relay, self.relay_round_trip),
            None => (Route::Wait, None),
        }
    }

    /// The route of a chat now.
    pub(crate) fn route_of(&self, chat: &ChatRow) -> RouteView {
        let reach =
            if chat.state.sealed && chat.state.kind == ChatKind::Direct { self.reach(chat) } else { Vec::new() };
        let route = route::choose(&reach, self.is_online());
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
            if !self.is_online()
                && let Some(account) = chat.peer(self.account())
            {
                // Who is there is known by the link alone then.
                out.events.push(Event::Presence { account });
            }
            self.routes.insert(chat_id, view.clone());
            out.events.push(Event::Route { chat: chat_id, route: view });
        }
        Ok(())
    }

    pub(crate) fn all_routes(&mut self, tx: &Connection, out: &mut Effects) -> Sql<()> {
        out.routes.extend(chats::all(tx)?.into_iter().map(|chat| chat.state.id));
        Ok(())
    }

    pub(super) fn routes_with(&mut self, tx: &Connection, peer: DeviceId, out: &mut Effects) -> Sql<()> {
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
    pub(super) fn may_link(&self, tx: &Connection, peer: DeviceId) -> Sql<bool> {
        if peer == self.device() || chats::direct_with(tx, peer)?.is_empty() {
            return Ok(false);
        }
        let Some(account) = chats::account_of(tx, peer)? else {
            return Ok(false);
        };
        if settings::is_blocked(tx, account)? {
            return Ok(false);
        }
        // Without a TURN server there is no link that hides one's address.
        if self.settings.hide_address && !self.has_turn() {
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
                out.peers.push(PeerCommand::Close { peer, reason: CloseReason::Unwanted });
                self.leave_link(tx, peer, out)?;
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
}
