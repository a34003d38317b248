//! Chats: listing, making, joining, members, invites, and what the person chose for each.

use parley_protocol::frames::PresenceState;
use parley_protocol::http::{
    self, AddMember, ChatMembers, CreateChat, CreateInvite, Invite, Invites, PatchChat, PatchMember,
};
use parley_protocol::{AccountId, ChatId, ChatKind, Role};
use reqwest::Method;
use serde::Serialize;
use tokio::sync::broadcast::Receiver;

use super::Engine;
use crate::core::Core;
use crate::error::{EngineError, Result};
use crate::events::Event;
use crate::store::chats::{self, ChatRow, Choice};
use crate::store::{Sql, settings, timeline};
use crate::views::{ChatStatus, ChatView, FOREVER, Me, MemberView, PresenceView};

impl Engine {
    /// Every chat of the profile: pinned ones first, then by when something last happened.
    ///
    /// # Errors
    /// The profile cannot be read.
    pub async fn chats(&self) -> Result<Vec<ChatView>> {
        self.ask(|core, tx, _| {
            let rows = chats::all(tx)?;
            Ok(Ok(rows.into_iter().map(|row| view(core, tx, row)).collect::<Sql<Vec<_>>>()?))
        })
        .await
    }

    /// One chat.
    ///
    /// # Errors
    /// There is none such.
    pub async fn chat(&self, chat: ChatId) -> Result<ChatView> {
        self.ask(move |core, tx, _| match chats::get(tx, chat)? {
            Some(row) => Ok(Ok(view(core, tx, row)?)),
            None => Ok(Err(EngineError::NotFound("such chat".to_owned()))),
        })
        .await
    }

    /// How many messages of others are beyond the read marks, in all chats which are neither archived nor muted: what a tray
    /// counts. 0 while nobody is signed in.
    ///
    /// # Errors
    /// The profile cannot be read.
    pub async fn unread(&self) -> Result<u64> {
        let now = self.now();
        self.read(move |db| match settings::get::<Me>(db, "me")? {
            Some(_) => timeline::unread_in_all(db, now),
            None => Ok(0),
        })
        .await
    }

    /// Opens a sealed direct chat with somebody, or finds the one there is. Waits until this device follows it.
    ///
    /// # Errors
    /// There is nobody of that name; the relay refuses or cannot be reached.
    pub async fn new_direct(&self, member: &str) -> Result<ChatId> {
        self.create(CreateChat {
            id: None,
            kind: ChatKind::Direct,
            title: None,
            description: None,
            members: vec![member.to_owned()],
            sealed: true,
        })
        .await
    }

    /// Makes a sealed group. `members` are usernames or account ids.
    ///
    /// # Errors
    /// Somebody does not exist; the relay refuses or cannot be reached.
    pub async fn new_group(&self, title: &str, members: Vec<String>) -> Result<ChatId> {
        self.create(CreateChat {
            id: Some(ChatId::new()),
            kind: ChatKind::Group,
            title: Some(title.to_owned()),
            description: None,
            members,
            sealed: true,
        })
        .await
    }

    /// Makes a channel, which the relay can read.
    ///
    /// # Errors
    /// The relay refuses or cannot be reached.
    pub async fn new_channel(&self, title: &str, description: &str, public: bool) -> Result<ChatId> {
        self.create(CreateChat {
            id: Some(ChatId::new()),
            kind: if public { ChatKind::PublicChannel } else { ChatKind::PrivateChannel },
            title: Some(title.to_owned()),
            description: Some(description.to_owned()).filter(|text| !text.is_empty()),
            members: Vec::new(),
            sealed: false,
        })
        .await
    }

    async fn create(&self, request: CreateChat) -> Result<ChatId> {
        self.signed_in().await?;
        let mut events = self.events();
        let chat: http::Chat = self.inner.api.call(Method::POST, "/api/chats", Some(&request)).await?;
        self.followed(chat.id, &mut events).await?;
        Ok(chat.id)
    }

    /// Waits until this device follows a chat which the relay has just put it in.
    async fn followed(&self, chat: ChatId, events: &mut tokio::sync::broadcast::Receiver<Event>) -> Result<()> {
        let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(10);
        loop {
            let row = self.read(move |db| chats::get(db, chat)).await?;
            if row.is_some_and(|row| row.status == crate::views::ChatStatus::Active) {
                return Ok(());
            }
            match tokio::time::timeout_at(deadline, events.recv()).await {
                Ok(_) => {}
                Err(_) => {
                    return Err(EngineError::Unreachable(
                        "the chat is made, but the session to the relay is not open; it appears once it is".to_owned(),
                    ));
                }
            }
        }
    }

    /// Public channels on the relay whose title has these words; at most 50.
    ///
    /// # Errors
    /// The relay cannot be reached.
    pub async fn find_public(&self, query: &str) -> Result<Vec<http::Chat>> {
        let url = reqwest::Url::parse_with_params("http://q/", [("q", query)])
            .map_err(|error| EngineError::Invalid(error.to_string()))?;
        let path = format!("/api/chats/public?{}", url.query().unwrap_or_default());
        Ok(self.inner.api.get::<http::Chats>(&path).await?.chats)
    }

    /// Joins a public channel.
    ///
    /// # Errors
    /// There is none such; the relay refuses or cannot be reached.
    pub async fn join(&self, chat: ChatId) -> Result<()> {
        let mut events = self.events();
        self.change(Method::POST, format!("/api/chats/{chat}/join"), &()).await?;
        self.followed(chat, &mut events).await
    }

    /// Joins by the code of an invite, or a link that ends in it.
    ///
    /// # Errors
    /// The invite is used up, expired or unknown; the relay cannot be reached.
    pub async fn join_by_invite(&self, code: &str) -> Result<ChatId> {
        let code = code_of(code)?;
        let mut events = self.events();
        let path = format!("/api/invites/{code}/join");
        let chat: http::Chat = self.inner.api.call(Method::POST, &path, Some(&serde_json::json!({}))).await?;
        self.followed(chat.id, &mut events).await?;
        Ok(chat.id)
    }

    /// What an invite leads to.
    ///
    /// # Errors
    /// The invite is used up, expired or unknown; the relay cannot be reached.
    pub async fn show_invite(&self, code: &str) -> Result<Invite> {
        let code = code_of(code)?;
        self.inner.api.get(&format!("/api/invites/{code}")).await
    }

    /// Makes an invite of a chat. `expires_in` is in seconds.
    ///
    /// # Errors
    /// The own role does not allow it; the relay cannot be reached.
    pub async fn create_invite(&self, chat: ChatId, expires_in: Option<u64>, uses: Option<u32>) -> Result<Invite> {
        let body = CreateInvite { expires_in, uses };
        self.inner.api.call(Method::POST, &format!("/api/chats/{chat}/invites"), Some(&body)).await
    }

    /// Invites of a chat which are still good.
    ///
    /// # Errors
    /// The own role does not allow it; the relay cannot be reached.
    pub async fn invites(&self, chat: ChatId) -> Result<Vec<Invite>> {
        Ok(self.inner.api.get::<Invites>(&format!("/api/chats/{chat}/invites")).await?.invites)
    }

    /// Takes an invite back.
    ///
    /// # Errors
    /// The own role does not allow it; the relay cannot be reached.
    pub async fn revoke_invite(&self, chat: ChatId, code: &str) -> Result<()> {
        let code = code_of(code)?;
        self.change(Method::DELETE, format!("/api/chats/{chat}/invites/{code}"), &()).await
    }

    /// Leaves a group or channel.
    ///
    /// # Errors
    /// It is a direct chat, or one is its owner; the relay cannot be reached.
    pub async fn leave(&self, chat: ChatId) -> Result<()> {
        let events = self.events();
        self.change(Method::POST, format!("/api/chats/{chat}/leave"), &()).await?;
        self.learns(chat, events, |row| row.status != ChatStatus::Active).await
    }

    /// Deletes a group or channel for everyone.
    ///
    /// # Errors
    /// One is not its owner; the relay cannot be reached.
    pub async fn delete_chat(&self, chat: ChatId) -> Result<()> {
        self.change(Method::DELETE, format!("/api/chats/{chat}"), &()).await
    }

    /// Changes title, description or both.
    ///
    /// # Errors
    /// The own role does not allow it; the relay cannot be reached.
    pub async fn describe(&self, chat: ChatId, title: Option<String>, description: Option<String>) -> Result<()> {
        self.change(Method::PATCH, format!("/api/chats/{chat}"), &PatchChat { title, description, retention: None })
            .await
    }

    /// Says for how many seconds what is written in a chat is kept, by the relay and on everybody's devices; `None` for ever.
    /// What is older goes within the hour. At most [`parley_protocol::MAX_RETENTION`].
    ///
    /// # Errors
    /// The own role does not allow it; too long; the relay cannot be reached.
    pub async fn set_retention(&self, chat: ChatId, retention: Option<u64>) -> Result<()> {
        let events = self.events();
        let body = PatchChat { retention: Some(retention.unwrap_or(0)), ..PatchChat::default() };
        self.change(Method::PATCH, format!("/api/chats/{chat}"), &body).await?;
        self.learns(chat, events, |row| row.state.retention == retention).await
    }

    /// Adds somebody, by username or account id.
    ///
    /// # Errors
    /// The own role does not allow it; the relay cannot be reached.
    pub async fn add_member(&self, chat: ChatId, member: &str) -> Result<()> {
        let events = self.events();
        let body = AddMember { member: member.to_owned() };
        self.change(Method::POST, format!("/api/chats/{chat}/members"), &body).await?;
        // What is said from here on is said to them too, so this device has to know of them first.
        let is_in = |known: &parley_protocol::Member| {
            known.username.eq_ignore_ascii_case(member) || known.account.to_string() == member
        };
        self.learns(chat, events, |row| row.state.kind.is_channel() || row.state.members.values().any(is_in)).await
    }

    /// Waits until this device has learnt by the log what the relay has done, if its session is open.
    async fn learns(&self, chat: ChatId, mut events: Receiver<Event>, has: impl Fn(&ChatRow) -> bool) -> Result<()> {
        let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(5);
        while !has(&self.chat_row(chat).await?) {
            if tokio::time::timeout_at(deadline, events.recv()).await.is_err() {
                // It is done all the same, and this device learns of it once its session is open.
                break;
            }
        }
        Ok(())
    }

    /// Removes somebody.
    ///
    /// # Errors
    /// The own role does not allow it; the relay cannot be reached.
    pub async fn remove_member(&self, chat: ChatId, account: AccountId) -> Result<()> {
        self.change(Method::DELETE, format!("/api/chats/{chat}/members/{account}"), &()).await
    }

    /// Changes somebody's role; `owner` hands the chat over.
    ///
    /// # Errors
    /// One is not its owner; the relay cannot be reached.
    pub async fn set_role(&self, chat: ChatId, account: AccountId, role: Role) -> Result<()> {
        self.change(Method::PATCH, format!("/api/chats/{chat}/members/{account}"), &PatchMember { role }).await
    }

    async fn change<B: Serialize + Sync>(&self, method: Method, path: String, body: &B) -> Result<()> {
        self.inner.api.call::<_, serde_json::Value>(method, &path, Some(body)).await?;
        Ok(())
    }

    /// The members of a chat: in direct chats and groups from the profile, in channels from the relay.
    ///
    /// # Errors
    /// There is no such chat; for channels, the relay cannot be reached.
    pub async fn members(&self, chat: ChatId) -> Result<Vec<MemberView>> {
        let row = self.chat_row(chat).await?;
        if row.state.kind.is_channel() {
            return self.channel_members(chat).await;
        }
        self.ask(move |core, _, _| {
            let members = row.state.members.values().map(|member| MemberView {
                account: member.account,
                username: member.username.clone(),
                role: member.role,
                devices: member.devices.len(),
                presence: core.presence_of(member.account),
                route: (member.account != core.account()).then(|| core.route_to(&row, member.account)),
                round_trip: core.round_trip_to(&row, member.account),
            });
            Ok(Ok(members.collect()))
        })
        .await
    }

    async fn channel_members(&self, chat: ChatId) -> Result<Vec<MemberView>> {
        let mut members = Vec::new();
        let mut after = None::<AccountId>;
        loop {
            let from = after.map(|account| format!("&after={account}")).unwrap_or_default();
            let page: ChatMembers = self.inner.api.get(&format!("/api/chats/{chat}/members?limit=200{from}")).await?;
            members.extend(page.members.into_iter().map(|member| MemberView {
                account: member.user.id,
                username: member.user.username,
                role: member.role,
                devices: 0,
                presence: PresenceView { state: member.user.presence, last_seen: member.user.last_seen },
                route: None,
                round_trip: None,
            }));
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(members),
            }
        }
    }

    /// Silences a chat until then ([`FOREVER`] for good, 0 for no longer), in milliseconds since the Unix epoch.
    ///
    /// # Errors
    /// There is no such chat.
    pub async fn mute(&self, chat: ChatId, until: u64) -> Result<()> {
        self.choose(chat, Choice { muted_until: Some(until), ..Choice::default() }).await
    }

    /// Puts a chat first, or no longer.
    ///
    /// # Errors
    /// There is no such chat.
    pub async fn pin(&self, chat: ChatId, pinned: bool) -> Result<()> {
        self.choose(chat, Choice { pinned: Some(pinned), ..Choice::default() }).await
    }

    /// Takes a chat out of the list until something happens in it, or puts it back.
    ///
    /// # Errors
    /// There is no such chat.
    pub async fn archive(&self, chat: ChatId, archived: bool) -> Result<()> {
        self.choose(chat, Choice { archived: Some(archived), ..Choice::default() }).await
    }

    /// Keeps what is being written.
    ///
    /// # Errors
    /// There is no such chat.
    pub async fn set_draft(&self, chat: ChatId, draft: &str) -> Result<()> {
        self.choose(chat, Choice { draft: Some(draft.to_owned()), ..Choice::default() }).await
    }

    async fn choose(&self, chat: ChatId, choice: Choice) -> Result<()> {
        self.ask(move |_, tx, out| {
            if !chats::choose(tx, chat, &choice)? {
                return Ok(Err(EngineError::NotFound("such chat".to_owned())));
            }
            out.events.push(Event::Chat { chat });
            Ok(Ok(()))
        })
        .await
    }
}

/// What is shown of somebody who is blocked, or of whom nothing is known.
const NOT_SHOWN: PresenceView = PresenceView { state: PresenceState::Offline, last_seen: None };

fn view(core: &Core, db: &rusqlite::Connection, row: ChatRow) -> Sql<ChatView> {
    let me = core.account();
    let id = row.state.id;
    let (unread, mentions) = timeline::unread(db, id)?;
    let peer = row.peer(me);
    let blocked = match peer {
        Some(peer) => settings::is_blocked(db, peer)?,
        None => false,
    };
    Ok(ChatView {
        id,
        kind: row.state.kind,
        sealed: row.state.sealed,
        name: timeline::name_of(&row, me),
        description: row.state.description.clone(),
        retention: row.state.retention,
        status: row.status,
        role: row.state.role(me),
        peer,
        presence: peer.and_then(|peer| if blocked { Some(NOT_SHOWN) } else { core.presence_in(&row, peer) }),
        member_count: row.state.members.len(),
        unread,
        mentions,
        muted_until: (row.muted_until > core.now()).then(|| row.muted_until.min(FOREVER)),
        pinned: row.pinned,
        archived: row.archived,
        blocked,
        draft: row.draft.clone(),
        last: timeline::last(db, me, id)?,
        last_at: row.last_at,
        route: core.route_of(&row),
    })
}

/// The code of an invite, from the code itself or from a link that ends in it.
fn code_of(text: &str) -> Result<&str> {
    let code = text.trim().trim_end_matches('/').rsplit(['/', '=']).next().unwrap_or_default();
    if code.is_empty() || !code.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')) {
        return Err(EngineError::Invalid(format!("`{text}` is no invite; it is a code, or a link that ends in one")));
    }
    Ok(code)
}
