//! A relay and people for the tests that look inside.

use std::path::Path;
use std::sync::Arc;

use parley_protocol::frames::Sender;
use parley_protocol::http::CreateChat;
use parley_protocol::{AccountId, ChatId, ChatKind, DeviceId};
use rusqlite::params;

use crate::chats;
use crate::limits::Limits;
use crate::relay::Relay;

pub(crate) fn relay(folder: &Path, limits: Limits) -> Arc<Relay> {
    Relay::open(&folder.join("relay.db"), limits, Vec::new(), true).unwrap()
}

/// Somebody with one device.
pub(crate) async fn person(relay: &Relay, name: &str) -> Sender {
    let (who, name) = (Sender { account: AccountId::new(), device: DeviceId::new() }, name.to_owned());
    let added = relay.store().write(move |batch| {
        let at = batch.now();
        batch.sql().execute(
            "INSERT INTO accounts (id, username, username_key, skeleton, email, email_key, password_hash, created_at) \
             VALUES (?1, ?2, ?2, ?2, ?2, ?2, '', ?3)",
            params![who.account.as_bytes(), name, at],
        )?;
        batch.sql().execute(
            "INSERT INTO devices (id, account, name, created_at, last_seen) VALUES (?1, ?2, 'test', ?3, ?3)",
            params![who.device.as_bytes(), who.account.as_bytes(), at],
        )?;
        batch.device_added(who.account, who.device)
    });
    added.await.unwrap();
    who
}

/// A sealed group.
pub(crate) async fn group(relay: &Relay, by: Sender, others: &[&str]) -> ChatId {
    create(relay, by, ChatKind::Group, others, true).await
}

/// One whose history the relay keeps.
pub(crate) async fn open_group(relay: &Relay, by: Sender, others: &[&str]) -> ChatId {
    create(relay, by, ChatKind::Group, others, false).await
}

pub(crate) async fn private_channel(relay: &Relay, by: Sender, others: &[&str]) -> ChatId {
    create(relay, by, ChatKind::PrivateChannel, others, false).await
}

async fn create(relay: &Relay, by: Sender, kind: ChatKind, others: &[&str], sealed: bool) -> ChatId {
    let form = CreateChat {
        id: None,
        kind,
        title: Some("Tea".to_owned()),
        description: None,
        members: others.iter().map(|name| (*name).to_owned()).collect(),
        sealed,
    };
    chats::create(relay, by, form).await.unwrap().id
}
