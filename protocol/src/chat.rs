//! What a chat is, and how its log changes it.
//!
//! Members, devices and titles change by entries of the chat's log (DELIVERY rule 8). [`ChatState::apply`] is the
//! one place that says what a change does; the relay and every device fold the same changes in the same order.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{AccountId, ChatId, DeviceId, EventId, Millis};

/// The four kinds of conversation.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub enum ChatKind {
    /// Exactly two accounts; neither can be removed.
    Direct,
    /// Members only, by invitation.
    Group,
    /// Members only, by invitation; open to the relay.
    PrivateChannel,
    /// Anyone on the relay can find and join it.
    PublicChannel,
}

impl ChatKind {
    /// Whether it is a channel of either kind: always open, with any number of members.
    #[must_use]
    pub const fn is_channel(self) -> bool {
        matches!(self, Self::PrivateChannel | Self::PublicChannel)
    }

    /// The word in the database and on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Group => "group",
            Self::PrivateChannel => "private_channel",
            Self::PublicChannel => "public_channel",
        }
    }

    /// The inverse of [`Self::as_str`].
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Direct, Self::Group, Self::PrivateChannel, Self::PublicChannel].into_iter().find(|k| k.as_str() == word)
    }
}

/// What a member may do; ordered, so that `role >= Role::Admin` reads as it should.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub enum Role {
    /// Reads, writes, leaves.
    Member,
    /// Also adds and removes members, invites, renames.
    Admin,
    /// Also changes roles, hands over, deletes. A group or channel has exactly one; in a direct chat both are.
    Owner,
}

impl Role {
    /// The word in the database and on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Admin => "admin",
            Self::Owner => "owner",
        }
    }

    /// The inverse of [`Self::as_str`].
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Member, Self::Admin, Self::Owner].into_iter().find(|r| r.as_str() == word)
    }
}

/// One account in a chat.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Member {
    /// Whose login.
    pub account: AccountId,
    /// Its name at this relay; names never change.
    pub username: String,
    /// What it may do.
    pub role: Role,
    /// Its devices, in sealed chats; open chats do not track them.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub devices: BTreeSet<DeviceId>,
}

/// The longest retention that a chat can have of its own, in seconds: ten years.
pub const MAX_RETENTION: u64 = 3_650 * 24 * 3_600;

/// A change of a chat: the content of those entries which the relay itself writes.
/// Who did it is the entry's `from`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ChatChange {
    /// The first entry of every chat.
    Created {
        /// Its kind, for ever.
        chat_kind: ChatKind,
        /// Whether the relay is kept from reading it, for ever.
        sealed: bool,
        /// Empty for direct chats.
        title: String,
        /// Empty unless given.
        description: String,
        /// Who is in it from the start, the creator first.
        members: Vec<Member>,
    },
    /// Somebody was added, or joined (then `from` is the member).
    MemberAdded {
        /// The newcomer.
        member: Member,
    },
    /// Somebody was removed, or left (then `from` is the member).
    MemberRemoved {
        /// Who is no longer in it.
        account: AccountId,
    },
    /// A member became an admin or stopped being one.
    RoleChanged {
        /// Whose role.
        account: AccountId,
        /// The new one; never `owner`.
        role: Role,
    },
    /// The owner handed over and is an admin now.
    OwnerChanged {
        /// The new owner.
        account: AccountId,
    },
    /// A new title.
    Renamed {
        /// The new one.
        title: String,
    },
    /// A new description.
    Described {
        /// The new one.
        description: String,
    },
    /// For how long what is said here is kept, by the relay and by everybody's devices.
    RetentionChanged {
        /// In seconds, 1 to [`MAX_RETENTION`]; absent for ever.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retention: Option<u64>,
    },
    /// A member has one more device (sealed chats only).
    DeviceAdded {
        /// Whose.
        account: AccountId,
        /// Which.
        device: DeviceId,
    },
    /// A device of a member is gone for good (sealed chats only).
    DeviceRemoved {
        /// Whose.
        account: AccountId,
        /// Which.
        device: DeviceId,
    },
}

impl ChatChange {
    /// Whether it changes which devices take part, so that each sender begins a new run (DELIVERY rule 2).
    #[must_use]
    pub const fn changes_devices(&self) -> bool {
        matches!(
            self,
            Self::Created { .. }
                | Self::MemberAdded { .. }
                | Self::MemberRemoved { .. }
                | Self::DeviceAdded { .. }
                | Self::DeviceRemoved { .. }
        )
    }
}

/// A chat as the changes up to some entry of its log left it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ChatState {
    /// Which chat.
    pub id: ChatId,
    /// Its kind.
    pub kind: ChatKind,
    /// Whether its messages are opaque to the relay.
    pub sealed: bool,
    /// Empty for direct chats.
    pub title: String,
    /// Empty unless given.
    pub description: String,
    /// When it was made.
    pub created_at: Millis,
    /// For how many seconds what is said is kept; absent for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention: Option<u64>,
    /// The last change which changed the devices: the name of the membership which a run begins under.
    pub membership: EventId,
    /// Who is in it. In a channel a device is told of itself alone; the rest is listed over HTTP.
    pub members: BTreeMap<AccountId, Member>,
}

impl ChatState {
    /// The chat after its first entry; `None` if that is not [`ChatChange::Created`].
    #[must_use]
    pub fn from_first(id: ChatId, event: EventId, at: Millis, change: &ChatChange) -> Option<Self> {
        let ChatChange::Created { chat_kind, sealed, title, description, members } = change else {
            return None;
        };
        Some(Self {
            id,
            kind: *chat_kind,
            sealed: *sealed,
            title: title.clone(),
            description: description.clone(),
            created_at: at,
            retention: None,
            membership: event,
            members: members.iter().map(|member| (member.account, member.clone())).collect(),
        })
    }

    /// Folds one change in. A change that does not fit (a role of somebody who is no member) changes nothing.
    pub fn apply(&mut self, event: EventId, change: &ChatChange) {
        match change {
            ChatChange::Created { .. } => {}
            ChatChange::MemberAdded { member } => {
                self.members.insert(member.account, member.clone());
            }
            ChatChange::MemberRemoved { account } => {
                self.members.remove(account);
            }
            ChatChange::RoleChanged { account, role } => {
                if let Some(member) = self.members.get_mut(account) {
                    member.role = *role;
                }
            }
            ChatChange::OwnerChanged { account } => {
                for member in self.members.values_mut().filter(|member| member.role == Role::Owner) {
                    member.role = Role::Admin;
                }
                if let Some(member) = self.members.get_mut(account) {
                    member.role = Role::Owner;
                }
            }
            ChatChange::Renamed { title } => self.title.clone_from(title),
            ChatChange::Described { description } => self.description.clone_from(description),
            ChatChange::RetentionChanged { retention } => self.retention = *retention,
            ChatChange::DeviceAdded { account, device } => {
                if let Some(member) = self.members.get_mut(account) {
                    member.devices.insert(*device);
                }
            }
            ChatChange::DeviceRemoved { account, device } => {
                if let Some(member) = self.members.get_mut(account) {
                    member.devices.remove(device);
                }
            }
        }
        if change.changes_devices() {
            self.membership = event;
        }
    }

    /// Every device that takes part, with its account.
    pub fn devices(&self) -> impl Iterator<Item = (DeviceId, AccountId)> + '_ {
        self.members.values().flat_map(|member| member.devices.iter().map(|device| (*device, member.account)))
    }

    /// The role of an account; `None` for somebody who is not in it.
    #[must_use]
    pub fn role(&self, account: AccountId) -> Option<Role> {
        self.members.get(&account).map(|member| member.role)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(account: AccountId, role: Role, device: DeviceId) -> Member {
        Member { account, username: "someone".into(), role, devices: BTreeSet::from([device]) }
    }

    #[test]
    fn a_chat_is_what_its_changes_say() {
        let (alice, bob) = (AccountId::new(), AccountId::new());
        let (desk, phone, bobs) = (DeviceId::new(), DeviceId::new(), DeviceId::new());
        let first = EventId::new();
        let created = ChatChange::Created {
            chat_kind: ChatKind::Group,
            sealed: true,
            title: "Tea".into(),
            description: String::new(),
            members: vec![member(alice, Role::Owner, desk)],
        };
        let mut chat = ChatState::from_first(ChatId::new(), first, 1, &created).unwrap();
        assert_eq!(chat.membership, first);

        let renamed = EventId::new();
        chat.apply(renamed, &ChatChange::Renamed { title: "Coffee".into() });
        assert_eq!((chat.title.as_str(), chat.membership), ("Coffee", first));

        let added = EventId::new();
        chat.apply(added, &ChatChange::MemberAdded { member: member(bob, Role::Member, bobs) });
        chat.apply(EventId::new(), &ChatChange::OwnerChanged { account: bob });
        assert_eq!((chat.role(alice), chat.role(bob)), (Some(Role::Admin), Some(Role::Owner)));
        assert_eq!(chat.membership, added);

        chat.apply(EventId::new(), &ChatChange::DeviceAdded { account: alice, device: phone });
        assert_eq!(chat.devices().count(), 3);
        chat.apply(EventId::new(), &ChatChange::MemberRemoved { account: alice });
        assert_eq!(chat.devices().collect::<Vec<_>>(), vec![(bobs, bob)]);
    }
}
