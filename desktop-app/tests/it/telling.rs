//! What stories ask of a device beside the everyday verbs: groups, events, gaps, settings, and its profile's database.

use std::time::Instant;

use desktop_app::Event;
use desktop_app::views::{
    ChatStatus, Connection, Delivery, DirectLinks, MessageKind, MessageView, Outgoing, Page, Settings,
};
use parley_protocol::{AccountId, ChatId, EventId, MessageKey};
use tokio::sync::broadcast;

use crate::raw::Raw;
use crate::world::{Device, PATIENCE, World, eventually};

/// Two people with a direct chat which both have.
pub(crate) async fn pair(world: &World) -> (Device, Device, ChatId) {
    let (alice, bob) = (world.sign_up("alice").await, world.sign_up("bob").await);
    let chat = alice.direct(&bob).await;
    bob.has_chat(chat).await;
    (alice, bob, chat)
}

/// Two people with a direct chat who make no direct links, so that all goes by the relay.
pub(crate) async fn pair_by_relay(world: &World) -> (Device, Device, ChatId) {
    let (alice, bob) = (world.sign_up("alice").await, world.sign_up("bob").await);
    alice.never_direct().await;
    bob.never_direct().await;
    let chat = alice.direct(&bob).await;
    bob.has_chat(chat).await;
    (alice, bob, chat)
}

/// Somebody, and somebody who speaks the wire by hand, with a direct chat and the membership which runs begin under.
pub(crate) async fn by_hand(world: &World, name: &str, other: &str) -> (Device, Raw, ChatId, EventId) {
    let (device, mut raw) = (world.sign_up(name).await, Raw::sign_up(world, other).await);
    let chat = device.engine().new_direct(other).await.unwrap();
    let membership = raw.joins(chat).await;
    (device, raw, chat, membership)
}

/// Alice, Bob and Carol.
pub(crate) async fn three(world: &World) -> (Device, Device, Device) {
    (world.sign_up("alice").await, world.sign_up("bob").await, world.sign_up("carol").await)
}

/// Alice, Bob and Carol, and a group of Alice's which all three have.
pub(crate) async fn trio(world: &World) -> (Device, Device, Device, ChatId) {
    let (alice, bob, carol) = three(world).await;
    let chat = alice.group("Tea", &[&bob, &carol]).await;
    (alice, bob, carol, chat)
}

/// The numbers of a range, as words.
pub(crate) fn counted(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|n| n.to_string()).collect()
}

/// Listens to what a device's engine tells, from when it was made.
pub(crate) struct Ear {
    events: broadcast::Receiver<Event>,
    name: String,
}

impl Ear {
    /// Waits for an event; those before it are dropped.
    pub(crate) async fn hears(&mut self, what: &str, is: impl Fn(&Event) -> bool) -> Event {
        loop {
            let event = tokio::time::timeout(PATIENCE, self.events.recv()).await;
            let event = event.unwrap_or_else(|_| panic!("{} never heard: {what}", self.name)).unwrap();
            if is(&event) {
                return event;
            }
        }
    }

    /// Waits for a notice with this code.
    pub(crate) async fn hears_notice(&mut self, word: &str) -> Event {
        self.hears(word, |event| matches!(event, Event::Notice { code, .. } if code == word)).await
    }

    /// The messages that it was told of up to now, in order.
    pub(crate) fn told(&mut self) -> Vec<MessageKey> {
        let message = |event| match event {
            Event::Message { key, .. } => Some(key),
            _ => None,
        };
        self.heard().into_iter().filter_map(message).collect()
    }

    /// Everything that was told up to now and not yet asked for.
    pub(crate) fn heard(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.events.try_recv().ok()).collect()
    }
}

impl Device {
    pub(crate) fn listen(&self) -> Ear {
        Ear { events: self.engine().events(), name: self.name.clone() }
    }

    pub(crate) async fn account(&self) -> AccountId {
        self.engine().me().await.unwrap().unwrap().account
    }

    /// Makes a group which everybody in it has.
    pub(crate) async fn group(&self, title: &str, members: &[&Device]) -> ChatId {
        let names = members.iter().map(|member| member.name.clone()).collect();
        let title = title.to_owned();
        let chat = self.on(move |engine| async move { engine.new_group(&title, names).await }).await.unwrap();
        for member in members {
            member.has_chat(chat).await;
        }
        chat
    }

    /// Makes a public channel.
    pub(crate) async fn channel(&self, title: &str) -> ChatId {
        let title = title.to_owned();
        self.on(move |engine| async move { engine.new_channel(&title, "", true).await }).await.unwrap()
    }

    /// Sends many messages, one after the other.
    pub(crate) async fn say_all(&self, chat: ChatId, words: &[String]) -> Vec<MessageKey> {
        let mut keys = Vec::new();
        for word in words {
            keys.push(self.say(chat, word).await);
        }
        keys
    }

    /// Sends a message that mentions somebody.
    pub(crate) async fn mention(&self, chat: ChatId, text: &str, whom: AccountId) -> MessageKey {
        let message = Outgoing { text: text.to_owned(), mentions: vec![whom], ..Outgoing::default() };
        self.engine().send(chat, message).await.unwrap()
    }

    /// Waits until the words of a chat are these.
    pub(crate) async fn shows_all(&self, chat: ChatId, expected: &[String]) {
        self.shows(chat, &expected.iter().map(String::as_str).collect::<Vec<_>>()).await;
    }

    pub(crate) async fn line(&self, chat: ChatId, key: MessageKey) -> MessageView {
        self.engine().message(chat, key).await.unwrap()
    }

    /// What is told to be missing in a chat: how many, and why.
    pub(crate) async fn gaps(&self, chat: ChatId) -> Vec<(Option<u64>, String)> {
        let lines = self.engine().history(chat, Page::Newest, 500).await.unwrap();
        let gap = |line: MessageView| match line.kind {
            MessageKind::Gap { count, why } => Some((count, why)),
            _ => None,
        };
        lines.into_iter().filter_map(gap).collect()
    }

    /// Waits until the chat has this many unread messages.
    pub(crate) async fn has_unread(&self, chat: ChatId, expected: u64) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let unread = self.view(chat).await.unread;
            if unread == expected {
                return;
            }
            assert!(Instant::now() < deadline, "{} has {unread} unread, not {expected}", self.name);
            tokio::time::sleep(std::time::Duration::from_millis(15)).await;
        }
    }

    /// Waits until this device knows of so many other devices in the chat: what it says from then on is said to them.
    pub(crate) async fn knows_devices(&self, chat: ChatId, others: usize) {
        let what = format!("{} knows of {others} other devices", self.name);
        eventually(&what, async || self.view(chat).await.route.devices == others).await;
    }

    /// Waits until the chat has this many members.
    pub(crate) async fn counts(&self, chat: ChatId, members: usize) {
        let what = format!("{} knows of {members} members", self.name);
        eventually(&what, async || self.view(chat).await.member_count == members).await;
    }

    /// The membership which runs begin under now.
    pub(crate) fn membership(&self, chat: ChatId) -> EventId {
        let sql = "SELECT membership FROM chats WHERE id = ?1";
        let id: [u8; 16] = self.database().query_row(sql, [chat.as_bytes()], |row| row.get(0)).unwrap();
        id.into()
    }

    /// How many messages the outbox keeps.
    pub(crate) fn rows_kept(&self) -> i64 {
        self.database().query_row("SELECT count(*) FROM sent", [], |row| row.get(0)).unwrap()
    }

    /// Waits until the chat stands so.
    pub(crate) async fn finds(&self, chat: ChatId, status: ChatStatus) {
        eventually(&format!("{} finds the chat {status:?}", self.name), async || {
            self.view(chat).await.status == status
        })
        .await;
    }

    /// Waits until the session to the relay is gone.
    pub(crate) async fn offline(&self) {
        let down = async || matches!(self.engine().connection().await.unwrap(), Connection::Offline { .. });
        eventually(&format!("{} is offline", self.name), down).await;
    }

    /// Changes what the person chose.
    pub(crate) async fn choose(&self, change: impl FnOnce(&mut Settings)) {
        let mut settings = self.engine().settings().await.unwrap();
        change(&mut settings);
        self.engine().set_settings(settings).await.unwrap();
    }

    pub(crate) async fn never_direct(&self) {
        self.choose(|settings| settings.direct_links = DirectLinks::Never).await;
    }

    pub(crate) async fn everybody_direct(&self) {
        self.choose(|settings| settings.direct_links = DirectLinks::Everybody).await;
    }

    /// Waits until an own message failed.
    pub(crate) async fn failed(&self, chat: ChatId, key: MessageKey) {
        let failed = async || matches!(self.delivery(chat, key).await, Delivery::Failed { .. });
        eventually(&format!("{}'s message failed", self.name), failed).await;
    }

    /// The profile's database.
    pub(crate) fn database(&self) -> rusqlite::Connection {
        let db = rusqlite::Connection::open(self.folder.join("parley.sqlite")).unwrap();
        db.busy_timeout(PATIENCE).unwrap();
        db
    }
}
