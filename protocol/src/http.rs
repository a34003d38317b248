//! The bodies of the relay's HTTP routes, under `/api`.

use serde::{Deserialize, Serialize};

use crate::frames::{Payload, PresenceState, Sender};
use crate::{AccountId, ChatChange, ChatId, ChatKind, DeviceId, EventId, MessageId, Millis, Role, message::MessageKey};

/// Who can make an account on a relay.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub enum Registration {
    /// Anybody.
    Open,
    /// Whoever has an invite code of the operator's.
    Invite,
    /// Nobody.
    Closed,
}

impl Registration {
    /// The word on the wire and in the relay's configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Invite => "invite",
            Self::Closed => "closed",
        }
    }
}

/// `GET /api/relay`: what a relay says of itself to anybody, before there is an account.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RelayInfo {
    /// As the operator named it; may be empty.
    pub name: String,
    /// Of its program.
    pub version: String,
    /// The version of the protocol that it speaks.
    pub protocol: u16,
    /// Who can make an account there.
    pub registration: Registration,
    /// Seconds for which it holds what is undelivered in sealed chats.
    pub retention: u64,
    /// Seconds for which it keeps the history of open chats; absent for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub history_retention: Option<u64>,
}

/// What stands in a log of these is what is named here, and never a password, a code or a token.
macro_rules! debug_without_secrets {
    ($($name:ident { $($field:ident),* })*) => {
        $(impl std::fmt::Debug for $name {
            fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                out.debug_struct(stringify!($name))$(.field(stringify!($field), &self.$field))*.finish_non_exhaustive()
            }
        })*
    };
}

debug_without_secrets! {
    SignUp { username, email, device_name }
    CheckUsername { username }
    SignIn { username, email, device, device_name }
    Tokens { expires_in, device, user }
    Refresh {}
    ChangePassword {}
    DeleteAccount {}
}

/// `POST /api/signup`
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignUp {
    /// See [`crate::username`].
    pub username: String,
    /// One account an address.
    pub email: String,
    /// 8 to 1,024 bytes.
    pub password: String,
    /// Where registration is by invite.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invite: Option<String>,
    /// How the device is listed; at most 64 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_name: Option<String>,
}

/// `POST /api/signup/username`: whether an account could be made under this name now. Answered by nothing, or refused as
/// sign-up would refuse the name.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckUsername {
    /// See [`crate::username`].
    pub username: String,
    /// Where registration is by invite: without a good code nobody learns which names are taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invite: Option<String>,
}

/// `POST /api/signin`: with one of `username` and `email`.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// Either this
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// or this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The account's password.
    pub password: String,
    /// A device of this account that signed out and comes back; absent for a new one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceId>,
    /// How a new device is listed; at most 64 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_name: Option<String>,
}

/// Answer to sign-up, sign-in, refresh and replace.
#[derive(Clone, Serialize, Deserialize)]
pub struct Tokens {
    /// A JWT, good for [`Self::expires_in`] seconds.
    pub access_token: String,
    /// Seconds.
    pub expires_in: u64,
    /// Rotates: each use answers with its successor.
    pub refresh_token: String,
    /// The device which the tokens are for.
    pub device: DeviceId,
    /// The account.
    pub user: User,
}

/// `POST /api/refresh`
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refresh {
    /// The newest one.
    pub refresh_token: String,
}

/// `POST /api/signout`
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignOut {
    /// Every device of the account, not this one alone.
    #[serde(default)]
    pub all: bool,
}

/// `POST /api/password`
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangePassword {
    /// The one that is good now.
    pub current: String,
    /// 8 to 1,024 bytes.
    pub new: String,
}

/// `DELETE /api/account`
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeleteAccount {
    /// The account's password.
    pub password: String,
}

/// Who of those that share a chat with an account sees its presence and when it was last there.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub enum ShowPresence {
    /// Everybody in a direct chat, a group or a small private channel with it.
    #[default]
    Everyone,
    /// Those with whom it has a direct chat.
    Contacts,
    /// Its own devices alone.
    Nobody,
}

impl ShowPresence {
    /// The word, as it stands in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Everyone => "everyone",
            Self::Contacts => "contacts",
            Self::Nobody => "nobody",
        }
    }
}

/// `PATCH /api/account`
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PatchAccount {
    /// Who sees presence and last seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub show_presence: Option<ShowPresence>,
}

/// `GET /api/account`: one's own.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct Account {
    /// As others see it.
    #[serde(flatten)]
    pub user: User,
    /// Its address.
    pub email: String,
    /// Who sees presence and last seen.
    pub show_presence: ShowPresence,
}

/// `GET /api/users/{id}`, `GET /api/users?q=` (a list under `users`).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct User {
    /// The account.
    pub id: AccountId,
    /// Its name.
    pub username: String,
    /// `offline` too for people who share no chat with the caller, or do not show it.
    pub presence: PresenceState,
    /// When its last session ended, under the same rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub last_seen: Option<Millis>,
}

/// A list of users.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Users {
    /// At most 50, best match first.
    pub users: Vec<User>,
}

/// One's own device, in `GET /api/devices`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct Device {
    /// Its id.
    pub id: DeviceId,
    /// As it was named at sign-in.
    pub name: String,
    /// When it first signed in.
    pub created_at: Millis,
    /// When its last session ended, or now while it has one.
    pub last_seen: Millis,
    /// Whether it has a session.
    pub online: bool,
    /// Whether it is signed in.
    pub signed_in: bool,
    /// Whether it is the caller.
    pub current: bool,
    /// What runs there, as it said at its last hello.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub program: Option<String>,
}

/// `GET /api/devices`
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Devices {
    /// All that were not revoked.
    pub devices: Vec<Device>,
}

/// `PATCH /api/devices/{id}`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PatchDevice {
    /// At most 64 characters.
    pub name: String,
}

/// `GET /api/blocks`
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Blocks {
    /// The accounts which this one blocks.
    pub blocked: Vec<AccountId>,
}

/// Serialises [`ChatKind`] in the words of the HTTP routes, where a direct chat is called `single`.
pub mod chat_type {
    use super::{ChatKind, Deserialize};

    /// The word for a kind.
    #[must_use]
    pub const fn word(kind: ChatKind) -> &'static str {
        match kind {
            ChatKind::Direct => "single",
            other => other.as_str(),
        }
    }

    /// For `#[serde(with)]`.
    ///
    /// # Errors
    /// Those of the serialiser.
    pub fn serialize<S: serde::Serializer>(kind: &ChatKind, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_str(word(*kind))
    }

    /// For `#[serde(with)]`.
    ///
    /// # Errors
    /// A word which is none of the four.
    pub fn deserialize<'de, D: serde::Deserializer<'de>>(input: D) -> Result<ChatKind, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(input)?;
        match text.as_ref() {
            "single" => Ok(ChatKind::Direct),
            "direct" => {
                Err(serde::de::Error::custom("`type` is one of single, group, private_channel, public_channel"))
            }
            word => ChatKind::from_word(word).ok_or_else(|| {
                serde::de::Error::custom("`type` is one of single, group, private_channel, public_channel")
            }),
        }
    }
}

/// `POST /api/chats`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreateChat {
    /// Drawn by the client, so that a request which is sent twice makes one chat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<ChatId>,
    /// Its kind.
    #[serde(rename = "type", with = "chat_type")]
    pub kind: ChatKind,
    /// 1 to 128 characters for groups and channels; absent for `single`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// At most 1,024 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The others: account ids or usernames. Exactly one for `single`.
    #[serde(default)]
    pub members: Vec<String>,
    /// Whether the messages are opaque to the relay; only `single` and `group` can be.
    #[serde(default)]
    pub sealed: bool,
}

/// A chat, as the HTTP routes show it to a member (or, without `role`, a public channel to anybody).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Chat {
    /// Its id.
    pub id: ChatId,
    /// Its kind.
    #[serde(rename = "type", with = "chat_type")]
    pub kind: ChatKind,
    /// Whether the messages are opaque to the relay.
    pub sealed: bool,
    /// Empty for `single`.
    pub title: String,
    /// May be empty.
    pub description: String,
    /// When it was made.
    pub created_at: Millis,
    /// For how many seconds what is said is kept; absent for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention: Option<u64>,
    /// The log's last `seq`.
    pub head: u64,
    /// How many members it has.
    pub member_count: usize,
    /// The caller's role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// For `single`: who else is in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<User>,
}

/// `GET /api/chats` (one's own), `GET /api/chats/public?q=` (those anybody can join).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Chats {
    /// One's own: all; public ones: at most 50, best match first.
    pub chats: Vec<Chat>,
}

/// `PATCH /api/chats/{id}`
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PatchChat {
    /// 1 to 128 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// At most 1,024 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// For how many seconds what is said is kept, at most [`crate::MAX_RETENTION`]; 0 for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention: Option<u64>,
}

/// One member in `GET /api/chats/{id}/members`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ChatMember {
    /// Who.
    #[serde(flatten)]
    pub user: User,
    /// What they may do.
    pub role: Role,
}

/// `GET /api/chats/{id}/members?after=&limit=`
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ChatMembers {
    /// Sorted by account id, at most 200.
    pub members: Vec<ChatMember>,
    /// Pass as `after` for the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<AccountId>,
}

/// `POST /api/chats/{id}/members`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddMember {
    /// An account id or a username.
    pub member: String,
}

/// `PATCH /api/chats/{id}/members/{account}`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PatchMember {
    /// `owner` hands the chat over; the caller is an admin from then on.
    pub role: Role,
}

/// `POST /api/chats/{id}/invites`
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreateInvite {
    /// Seconds until it expires, at most a year; absent for a week.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in: Option<u64>,
    /// How many can join by it, at most 10,000; absent for no bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uses: Option<u32>,
}

/// An invite link of a chat: whoever knows the code can join by `POST /api/invites/{code}/join`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct Invite {
    /// Unguessable.
    pub code: String,
    /// To which chat.
    pub chat: ChatId,
    /// Its title.
    pub title: String,
    /// When it ends.
    pub expires_at: Millis,
    /// How many can still join by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub uses_left: Option<u32>,
}

/// `GET /api/chats/{id}/invites`
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Invites {
    /// Those which are still good.
    pub invites: Vec<Invite>,
}

/// `GET /api/chats/{id}/messages?before=&after=&limit=` of an open chat.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct History {
    /// Ascending by `seq`; edits, deletes and reactions are folded in.
    pub messages: Vec<HistoryMessage>,
    /// The chat's last `seq`.
    pub head: u64,
}

/// A message of an open chat as it stands now.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct HistoryMessage {
    /// Where it stands.
    pub seq: u64,
    /// Its id.
    pub id: MessageId,
    /// Who sent it.
    pub from: Sender,
    /// The sender's name.
    pub username: String,
    /// When the relay took it.
    pub at: Millis,
    /// Empty once deleted.
    pub text: String,
    /// The message which it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<MessageKey>,
    /// Whom it mentions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mentions: Vec<AccountId>,
    /// When it was last edited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edited_at: Option<Millis>,
    /// Whether it was deleted for everyone.
    #[serde(default)]
    pub deleted: bool,
    /// By emoji, in the order of their first use.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reactions: Vec<Reaction>,
}

/// Who reacted with one emoji.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Reaction {
    /// The emoji.
    pub emoji: String,
    /// Who.
    pub accounts: Vec<AccountId>,
}

/// `POST /api/chats/{id}/messages` to an open chat, for clients without a WebSocket.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PostMessage {
    /// Drawn by the client, so that a request which is sent twice is one message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<MessageId>,
    /// An open payload.
    pub payload: Payload,
}

/// Answer to [`PostMessage`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Posted {
    /// Its id.
    pub id: MessageId,
    /// Where it stands.
    pub seq: u64,
}

/// A change which a device saw and a restored log lacks.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RestoredChange {
    /// Its old id.
    pub id: EventId,
    /// What.
    pub change: ChatChange,
}

/// `POST /api/chats/{id}/restore`: after the relay was restored from a backup, appends the changes which the caller saw and
/// the log lacks, under their old ids. Each is taken if the caller could make it now; the answer says which.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RestoreChat {
    /// In the order of the log; at most 1,000 a request. If the relay has never heard of the chat the first one is
    /// `created`, and the caller is among its members.
    pub changes: Vec<RestoredChange>,
}

/// Answer to [`RestoreChat`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Restored {
    /// Those which the log has now.
    pub taken: Vec<EventId>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_of_a_form_has_no_secret() {
        let form = r#"{"username":"alice","email":"a@x.org","password":"hush","invite":"hush"}"#;
        let form: SignUp = serde_json::from_str(form).unwrap();
        let shown = format!(
            "{form:?} {:?} {:?} {:?} {:?}",
            SignIn { password: "hush".to_owned(), ..SignIn::default() },
            Refresh { refresh_token: "hush".to_owned() },
            ChangePassword { current: "hush".to_owned(), new: "hush".to_owned() },
            DeleteAccount { password: "hush".to_owned() },
        );
        assert!(shown.contains("alice") && !shown.contains("hush"), "{shown}");
    }
}
