//! Messages: sending, changing, reading, finding, and topics.

use std::collections::BTreeSet;

use parley_protocol::http::History;
use parley_protocol::marks::Hidden;
use parley_protocol::message::MAX_MENTIONS;
use parley_protocol::payload::MAX_BODY_BYTES;
use parley_protocol::{AccountId, Body, ChatId, ClientFrame, ErrorBody, MessageKey};
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::Engine;
use crate::core::{Core, Effects};
use crate::error::{EngineError, Result};
use crate::names;
use crate::store::chats::{self, ChatRow};
use crate::store::settings::{self, SUBSCRIPTIONS};
use crate::store::{Sql, deliveries, messages, sent, timeline};
use crate::views::{ChatStatus, Delivery, DeviceDelivery, Hit, MessageView, Outgoing, Page};

/// The most messages of an open chat's history that the relay gives at once.
const HISTORY_PAGE: usize = 200;

impl Engine {
    /// Sends a message by the best route open now; it never waits for a connection. Once this returns, the message is on
    /// this device's disk and goes out by itself.
    ///
    /// # Errors
    /// There is no such chat, one is no longer in it, or the text breaks its bounds.
    pub async fn send(&self, chat: ChatId, message: Outgoing) -> Result<MessageKey> {
        let Outgoing { text, reply_to, mentions } = message;
        self.say(chat, Body::Text { text, reply_to, mentions }).await
    }

    /// Gives an own message other words. Whom these mention is found by name: members of the chat, or in a channel, whose
    /// members are the relay's to know, people known to this profile.
    ///
    /// # Errors
    /// It is not an own message of this chat, or the text breaks its bounds.
    pub async fn edit(&self, chat: ChatId, target: MessageKey, text: &str) -> Result<()> {
        self.must_be_own(chat, target).await?;
        let text = text.to_owned();
        let mentions = if text.contains('@') {
            let row = self.chat_row(chat).await?;
            let known = self.read(settings::accounts).await?;
            let is_there = |account: &AccountId| row.state.kind.is_channel() || row.state.members.contains_key(account);
            let people: Vec<_> = known.into_iter().filter(|(account, _)| is_there(account)).collect();
            names::mentioned_of(&text, &people).into_iter().take(MAX_MENTIONS).collect()
        } else {
            Vec::new()
        };
        self.say(chat, Body::Edit { target, text, mentions }).await?;
        Ok(())
    }

    /// Takes an own message back for everyone. One that was never handed to any route is simply cancelled.
    ///
    /// # Errors
    /// It is not an own message of this chat.
    pub async fn delete(&self, chat: ChatId, target: MessageKey) -> Result<()> {
        self.must_be_own(chat, target).await?;
        let cancelled = self
            .ask(move |core, tx, out| {
                if target.device != core.device() {
                    return Ok(Ok(false));
                }
                Ok(Ok(core.cancel(tx, chat, target.id, out)?))
            })
            .await?;
        if !cancelled {
            self.say(chat, Body::Delete { target }).await?;
        }
        Ok(())
    }

    /// Takes messages off this person's devices, and off nobody else's: from this one now, from the others once both reach the relay,
    /// as long as one is in the chat. A device that was away all along, or comes later, hears of the newest 500 of each chat.
    ///
    /// # Errors
    /// One of them is no message that this device has, or an own one that has yet to go out; there are more than 500. Then none is hidden.
    pub async fn hide(&self, chat: ChatId, keys: Vec<MessageKey>) -> Result<()> {
        if keys.len() > Hidden::MOST {
            return Err(EngineError::Invalid(format!("at most {} messages can be hidden at once", Hidden::MOST)));
        }
        self.ask(move |core, tx, out| {
            for key in &keys {
                if messages::sender(tx, chat, *key)?.is_none() {
                    return Ok(Err(EngineError::NotFound("such message".to_owned())));
                }
                if sent::is_pending(tx, chat, key.id)? {
                    let words = "a message that has yet to go out can only be deleted for everyone";
                    return Ok(Err(EngineError::Invalid(words.to_owned())));
                }
            }
            core.hide(tx, chat, keys, true, out)?;
            Ok(Ok(()))
        })
        .await
    }

    /// Adds a reaction, or takes it back.
    ///
    /// # Errors
    /// There is no such chat, or the emoji breaks its bounds.
    pub async fn react(&self, chat: ChatId, target: MessageKey, emoji: &str, on: bool) -> Result<()> {
        self.say(chat, Body::React { target, emoji: emoji.to_owned(), on }).await?;
        Ok(())
    }

    /// Sends a failed message again: with the same bytes, or as a new message if this profile was another device then.
    ///
    /// # Errors
    /// It has not failed.
    pub async fn retry(&self, chat: ChatId, key: MessageKey) -> Result<()> {
        self.ask(move |core, tx, out| {
            let again = core.retry(tx, chat, key, out)?;
            Ok(if again { Ok(()) } else { Err(EngineError::NotFound("failed message of that id".to_owned())) })
        })
        .await
    }

    async fn say(&self, chat: ChatId, body: Body) -> Result<MessageKey> {
        body.check().map_err(EngineError::Invalid)?;
        // Characters which JSON escapes take up to six bytes. A relay that refused one message of a stream would leave a
        // gap in it, so what it could never take is not numbered.
        if crate::store::to_json(&body).len() > MAX_BODY_BYTES {
            return Err(EngineError::Invalid("the message is too long to be carried; send it in parts".to_owned()));
        }
        self.with_active(chat, move |core, tx, row, out| core.send(tx, row, &body, out)).await
    }

    async fn must_be_own(&self, chat: ChatId, key: MessageKey) -> Result<()> {
        let me = self.signed_in().await?.account;
        match self.read(move |db| messages::author(db, chat, key)).await? {
            Some(author) if author == me => Ok(()),
            Some(_) => Err(EngineError::Invalid("only own messages can be changed".to_owned())),
            None => Err(EngineError::NotFound("such message".to_owned())),
        }
    }

    /// Runs a command on a chat which one is still in.
    async fn with_active<T, F>(&self, chat: ChatId, command: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Core, &Connection, &ChatRow, &mut Effects) -> Sql<T> + Send + 'static,
    {
        self.ask(move |core, tx, out| {
            if core.me.is_none() {
                return Ok(Err(EngineError::SignedOut));
            }
            match chats::get(tx, chat)? {
                Some(row) if row.status == ChatStatus::Active => Ok(Ok(command(core, tx, &row, out)?)),
                Some(_) => Ok(Err(EngineError::Left)),
                None => Ok(Err(EngineError::NotFound("such chat".to_owned()))),
            }
        })
        .await
    }

    /// The newest own message of a chat, to edit it.
    ///
    /// # Errors
    /// The profile cannot be read.
    pub async fn last_own(&self, chat: ChatId) -> Result<Option<MessageKey>> {
        let me = self.signed_in().await?.account;
        self.read(move |db| messages::last_own(db, chat, me)).await
    }

    /// A page of a conversation, oldest first; at most 500 lines. Older history of open chats is fetched from the relay as it is
    /// needed, if the relay can be reached.
    ///
    /// # Errors
    /// The profile cannot be read.
    pub async fn history(&self, chat: ChatId, page: Page, limit: usize) -> Result<Vec<MessageView>> {
        let me = self.me().await?.map(|me| me.account).unwrap_or_default();
        let limit = limit.clamp(1, timeline::MAX_PAGE);
        match page {
            Page::Around(key) => {
                self.fetch_back_to(chat, move |db| messages::sender(db, chat, key).map(|found| found.is_some()))
                    .await?;
            }
            Page::At { time } => {
                let oldest = move |db: &Connection| timeline::oldest(db, chat);
                self.fetch_back_to(chat, move |db| Ok(oldest(db)?.is_some_and(|(_, at)| at < time))).await?;
            }
            Page::Newest | Page::Before { .. } | Page::After { .. } | Page::Unread => {}
        }
        let mut lines = self.read(move |db| timeline::page(db, me, chat, page, limit)).await?;
        let backwards = matches!(page, Page::Newest | Page::Before { .. });
        // Of what is fetched, some may be hidden.
        while lines.len() < limit && backwards && self.fetch_older(chat, limit).await? {
            lines = self.read(move |db| timeline::page(db, me, chat, page, limit)).await?;
        }
        Ok(lines)
    }

    /// Fetches older history of an open chat until enough of it is here, or there is no more, or it cannot be had now.
    async fn fetch_back_to<F>(&self, chat: ChatId, enough: F) -> Result<()>
    where
        F: Fn(&Connection) -> Sql<bool> + Clone + Send + 'static,
    {
        if self.chat_row(chat).await?.state.sealed {
            return Ok(());
        }
        while !self.read(enough.clone()).await? && self.fetch_older(chat, HISTORY_PAGE).await? {}
        Ok(())
    }

    /// Fetches older history of an open chat; `false` if there is none, or it cannot be had now.
    async fn fetch_older(&self, chat: ChatId, limit: usize) -> Result<bool> {
        let row = self.chat_row(chat).await?;
        if row.state.sealed || row.status != ChatStatus::Active {
            return Ok(false);
        }
        let oldest = self.read(move |db| timeline::oldest(db, chat)).await?;
        let before = oldest.map_or(row.cursor.seq + 1, |(seq, _)| seq);
        let bottom = self.inner.bottoms.lock().ok().and_then(|bottoms| bottoms.get(&chat).copied());
        if before <= bottom.unwrap_or(1) {
            return Ok(false);
        }
        let limit = limit.clamp(1, HISTORY_PAGE);
        let path = format!("/api/chats/{chat}/messages?before={before}&limit={limit}");
        let Ok(history) = self.inner.api.get::<History>(&path).await else {
            return Ok(false);
        };
        // A log only grows at its end, so nothing will ever come before that. What is missed while one is out of the chat comes after it.
        if history.messages.len() < limit
            && let Ok(mut bottoms) = self.inner.bottoms.lock()
        {
            bottoms.insert(chat, history.messages.first().map_or(before, |first| first.seq));
        }
        if history.messages.is_empty() {
            return Ok(false);
        }
        self.ask(move |core, tx, out| Ok(Ok(core.put_history(tx, chat, history.messages, out)?))).await
    }

    /// One message.
    ///
    /// # Errors
    /// There is none such.
    pub async fn message(&self, chat: ChatId, key: MessageKey) -> Result<MessageView> {
        let me = self.me().await?.map(|me| me.account).unwrap_or_default();
        let found = self.read(move |db| timeline::one(db, me, chat, key)).await?;
        found.ok_or_else(|| EngineError::NotFound("such message".to_owned()))
    }

    /// How far each other device of a sealed chat has an own message.
    ///
    /// # Errors
    /// The profile cannot be read.
    pub async fn deliveries(&self, chat: ChatId, key: MessageKey) -> Result<Vec<DeviceDelivery>> {
        let me = self.me().await?.map(|me| me.account).unwrap_or_default();
        self.read(move |db| deliveries::details(db, me, chat, key)).await
    }

    /// How far each of these own messages came, in one read; without those that are not there. What to ask after
    /// [`crate::Event::Marks`].
    ///
    /// # Errors
    /// The profile cannot be read.
    pub async fn receipts(&self, chat: ChatId, keys: Vec<MessageKey>) -> Result<Vec<(MessageKey, Delivery)>> {
        let me = self.me().await?.map(|me| me.account).unwrap_or_default();
        self.read(move |db| deliveries::receipts(db, me, chat, &keys)).await
    }

    /// Messages with all these words, or parts of words, newest first.
    ///
    /// # Errors
    /// The profile cannot be read.
    pub async fn search(&self, query: &str, chat: Option<ChatId>, limit: usize) -> Result<Vec<Hit>> {
        let me = self.me().await?.map(|me| me.account).unwrap_or_default();
        let query = query.to_owned();
        self.read(move |db| timeline::search(db, me, chat, &query, limit)).await
    }

    /// Everything in a chat up to a message, or to its end, was shown.
    ///
    /// # Errors
    /// There is no such chat.
    pub async fn mark_read(&self, chat: ChatId, upto: Option<MessageKey>) -> Result<()> {
        self.ask(move |core, tx, out| match chats::get(tx, chat)? {
            Some(row) => Ok(Ok(core.mark_read(tx, &row, upto, out)?)),
            None => Ok(Err(EngineError::NotFound("such chat".to_owned()))),
        })
        .await
    }

    /// Tells the others that this person is, or stopped, typing; unless that is turned off.
    ///
    /// # Errors
    /// There is no such chat.
    pub async fn typing(&self, chat: ChatId, on: bool) -> Result<()> {
        self.with_active(chat, move |core, tx, row, out| {
            if core.settings.typing && !core.is_blocked_chat(tx, row)? {
                core.send_typing(row, on, out);
            }
            Ok(())
        })
        .await
    }

    /// Subscribes to topics, until that is taken back: `*` stands for one part of a name, `>` for the rest. Gives how many
    /// patterns are held.
    ///
    /// # Errors
    /// The relay refuses or cannot be reached.
    pub async fn subscribe(&self, patterns: Vec<String>) -> Result<u64> {
        let wanted = patterns.clone();
        let held = self.request(|req| ClientFrame::Subscribe { req, patterns }).await?;
        self.keep_subscriptions(move |kept| kept.extend(wanted)).await?;
        Ok(held)
    }

    /// Takes subscriptions back.
    ///
    /// # Errors
    /// The relay refuses or cannot be reached.
    pub async fn unsubscribe(&self, patterns: Vec<String>) -> Result<u64> {
        let unwanted = patterns.clone();
        let held = self.request(|req| ClientFrame::Unsubscribe { req, patterns }).await?;
        self.keep_subscriptions(move |kept| kept.retain(|pattern| !unwanted.contains(pattern))).await?;
        Ok(held)
    }

    /// Changes the patterns which each new session subscribes to.
    async fn keep_subscriptions(&self, change: impl FnOnce(&mut BTreeSet<String>) + Send + 'static) -> Result<()> {
        self.ask(move |_, tx, _| {
            let mut kept: BTreeSet<String> = settings::get(tx, SUBSCRIPTIONS)?.unwrap_or_default();
            change(&mut kept);
            settings::set(tx, SUBSCRIPTIONS, &kept)?;
            Ok(Ok(()))
        })
        .await
    }

    /// Publishes on a topic, live. Gives how many sessions it was handed to.
    ///
    /// # Errors
    /// The relay refuses or cannot be reached.
    pub async fn publish(&self, topic: &str, data: &str) -> Result<u64> {
        let (topic, data) = (topic.to_owned(), data.to_owned());
        self.request(|req| ClientFrame::Publish { req, topic, data }).await
    }

    /// How many sessions a message on the topic would reach.
    ///
    /// # Errors
    /// The relay refuses or cannot be reached.
    pub async fn subscribers(&self, topic: &str) -> Result<u64> {
        let topic = topic.to_owned();
        self.request(|req| ClientFrame::Subscribers { req, topic }).await
    }

    /// The patterns which are subscribed to, in alphabetical order.
    ///
    /// # Errors
    /// The profile cannot be read.
    pub async fn subscriptions(&self) -> Result<Vec<String>> {
        let kept: Option<BTreeSet<String>> = self.read(|db| settings::get(db, SUBSCRIPTIONS)).await?;
        Ok(kept.unwrap_or_default().into_iter().collect())
    }

    async fn request(&self, make: impl FnOnce(u64) -> ClientFrame + Send + 'static) -> Result<u64> {
        let (waiter, answer) = oneshot::channel::<Result<u64, ErrorBody>>();
        self.ask(move |core, _, out| {
            core.request(make, waiter, out);
            Ok(Ok(()))
        })
        .await?;
        match tokio::time::timeout(std::time::Duration::from_secs(10), answer).await {
            Ok(Ok(result)) => result.map_err(EngineError::Relay),
            Ok(Err(_)) => Err(EngineError::Unreachable("there is no session open".to_owned())),
            Err(_) => Err(EngineError::Unreachable("the relay did not answer in time".to_owned())),
        }
    }
}
