//! What the engine's handle asks of the core besides messages: signing in and out, what the person chose, history of open chats, and topics.

use std::time::Instant;

use parley_protocol::http::HistoryMessage;
use parley_protocol::{ChatId, ClientFrame, Clock, ErrorBody, MessageKey};
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::session::SessionPhase;
use super::{Core, Effects, Task};
use crate::events::Event;
use crate::peer::PeerCommand;
use crate::relay_link::LinkCommand;
use crate::store::messages::{self, Edit, Line, Reaction};
use crate::store::{Sql, chats, hidden, int, settings};
use crate::tokens::Credentials;
use crate::views::{Connection as ConnectionView, Me, Route, Settings};

/// Who waits for the answer to a request on the session.
pub(crate) type Waiter = oneshot::Sender<Result<u64, ErrorBody>>;

impl Core {
    /// Somebody signed in to this profile.
    pub(crate) fn sign_in_locally(
        &mut self,
        tx: &Connection,
        credentials: &Credentials,
        me: Me,
        out: &mut Effects,
    ) -> Sql<()> {
        let before: Option<Me> = settings::get(tx, "last_me")?;
        if before.as_ref().is_some_and(|before| before.device != me.device) {
            // The old device's numbers and cursors are not this one's.
            settings::remove(tx, "inbox_cursor")?;
            settings::remove(tx, "confirmed_opening")?;
            let old = before.map(|before| before.device).unwrap_or_default();
            self.become_known_as(me.clone());
            self.requeue_under_new_device(tx, old, false, out)?;
            chats::forget_stays(tx)?;
        }
        settings::set(tx, "me", &me)?;
        settings::set(tx, "last_me", &me)?;
        credentials.write(tx)?;
        settings::remove(tx, "signed_out_because")?;
        settings::name_account(tx, me.account, &me.username)?;
        self.become_known_as(me);
        self.show_connection(ConnectionView::Connecting, out);
        out.link.push(LinkCommand::Go);
        Ok(())
    }

    /// The profile is signed out: by the person, or because the relay says so. Its history stays.
    pub(crate) fn sign_out_locally(&mut self, tx: &Connection, reason: Option<String>, out: &mut Effects) -> Sql<()> {
        Credentials::erase(tx)?;
        out.tasks.push(Task::ForgetTokens);
        settings::remove(tx, "me")?;
        settings::set(tx, "signed_out_because", &reason)?;
        self.session = None;
        self.presence.clear();
        self.were_there.clear();
        self.last_seen.clear();
        self.close_all_links(out);
        self.me = None;
        self.replacing = None;
        out.link.push(LinkCommand::Pause);
        self.show_connection(ConnectionView::SignedOut { reason }, out);
        self.all_routes(tx, out)
    }

    /// Sets what the person chose.
    pub(crate) fn set_settings(&mut self, tx: &Connection, chosen: Settings, out: &mut Effects) -> Sql<()> {
        settings::set(tx, "settings", &chosen)?;
        let marks = chosen.read_marks != self.settings.read_marks;
        let hides = chosen.hide_address != self.settings.hide_address;
        self.settings = chosen;
        if hides {
            out.peers.push(PeerCommand::Configure(self.chosen_peer_config()));
        }
        if marks {
            out.marks.extend(chats::all(tx)?.into_iter().map(|chat| chat.state.id));
            // What others have read is shown, or not, from now on.
            out.events.push(Event::Lagged);
        }
        self.links_by_policy(tx, out)?;
        self.all_routes(tx, out)
    }

    /// The accounts which are blocked are these.
    pub(crate) fn set_blocked(
        &mut self,
        tx: &Connection,
        blocked: &[parley_protocol::AccountId],
        out: &mut Effects,
    ) -> Sql<()> {
        if settings::set_blocked(tx, blocked)? {
            self.links_by_policy(tx, out)?;
            for chat in chats::all(tx)? {
                out.events.push(Event::Chat { chat: chat.state.id });
            }
        }
        Ok(())
    }

    /// Marks an account as verified, or not.
    pub(crate) fn set_verified(
        &mut self,
        tx: &Connection,
        account: parley_protocol::AccountId,
        verified: bool,
        out: &mut Effects,
    ) -> Sql<()> {
        settings::set_verified(tx, account, verified)?;
        self.links_by_policy(tx, out)
    }

    /// The machine's network changed, or a person wants it: nothing is put off any more, and links are made anew.
    pub(crate) fn network_changed(&mut self, out: &mut Effects) {
        if let Some(replacing) = &mut self.replacing {
            replacing.soon(Instant::now());
        }
        out.peers.push(PeerCommand::NetworkChanged);
    }

    /// Sends a request on the session; `make` gets its number. Without a session the waiter is let go, which reads as offline.
    pub(crate) fn request(&mut self, make: impl FnOnce(u64) -> ClientFrame, waiter: Waiter, out: &mut Effects) {
        let Some(session) = self.session.as_mut().filter(|session| session.phase == SessionPhase::Open) else {
            return;
        };
        let req = session.next_request;
        session.next_request += 1;
        session.requests.insert(req, waiter);
        out.relay.push(make(req));
    }

    /// A new session subscribes to the topics of the one before.
    pub(crate) fn subscribe_again(&mut self, tx: &Connection, out: &mut Effects) -> Sql<()> {
        let patterns: Vec<String> = settings::get(tx, settings::SUBSCRIPTIONS)?.unwrap_or_default();
        if let Some(session) = self.session.as_mut().filter(|_| !patterns.is_empty()) {
            let req = session.next_request;
            session.next_request += 1;
            out.relay.push(ClientFrame::Subscribe { req, patterns });
        }
        Ok(())
    }

    pub(crate) fn requests_done(&mut self, req: u64, result: Result<u64, ErrorBody>, out: &mut Effects) {
        if let Some(waiter) = self.session.as_mut().and_then(|session| session.requests.remove(&req)) {
            out.after.push(Box::new(move || {
                // Whoever asked may be gone.
                let _ = waiter.send(result);
            }));
        }
    }

    /// Writes a page of an open chat's history that the relay gave, but for what is older than the chat is kept for; whether
    /// anything of it is new here.
    pub(crate) fn put_history(
        &mut self,
        tx: &Connection,
        chat_id: ChatId,
        mut history: Vec<HistoryMessage>,
        out: &mut Effects,
    ) -> Sql<bool> {
        let Some(chat) = chats::get(tx, chat_id)?.filter(|chat| !chat.state.sealed) else {
            return Ok(false);
        };
        if let Some(cutoff) = self.cutoff(&chat.state) {
            history.retain(|message| message.at >= cutoff);
        }
        let mut any = false;
        for message in history {
            let key = MessageKey { device: message.from.device, id: message.id };
            settings::name_account(tx, message.from.account, &message.username)?;
            let own = message.from.account == self.account();
            let mut line = Line {
                chat: chat_id,
                key,
                account: message.from.account,
                kind: "text",
                sort: (int(message.seq), 0),
                number: None,
                seq: Some(message.seq),
                sent_at: message.at,
                received_at: self.now(),
                text: message.text.clone(),
                reply_to: message.reply_to,
                mentions_me: !own && message.mentions.contains(&self.account()),
                mentions: message.mentions.clone(),
                unread: !own && message.seq > chat.read_seq && message.seq > chat.cursor.seq,
                route: Route::Relay,
            };
            let hidden = hidden::apply(tx, &mut line)?;
            any |= messages::insert(tx, &line)?;
            if hidden {
                continue;
            }
            let clock = Clock { millis: message.seq, counter: 0 };
            if message.deleted || message.edited_at.is_some() {
                let edit = Edit {
                    target: key,
                    account: message.from.account,
                    device: message.from.device,
                    clock,
                    at: message.edited_at.unwrap_or(message.at),
                    text: (!message.deleted).then(|| message.text.clone()),
                    mentions: message.mentions,
                };
                messages::edit(tx, chat_id, &edit)?;
            }
            for reaction in message.reactions {
                for account in reaction.accounts {
                    let emoji = reaction.emoji.clone();
                    let device = message.from.device;
                    messages::react(tx, chat_id, &Reaction { target: key, account, device, emoji, on: true, clock })?;
                }
            }
        }
        out.events.push(Event::Chat { chat: chat_id });
        Ok(any)
    }
}
