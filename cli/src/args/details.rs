//! The arguments of those commands that have many, and the words they take.

use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use parley_protocol::Role;
use parley_protocol::http::ShowPresence;

use crate::when;

/// `signup`
#[derive(Args, Debug)]
pub(crate) struct Signup {
    /// 2 to 32 letters, digits, `_`, `-`, `.`.
    pub(crate) username: String,
    /// The account's address; asked for if it is missing.
    #[arg(long)]
    pub(crate) email: Option<String>,
    /// The code of an invite, where the relay wants one.
    #[arg(long)]
    pub(crate) invite: Option<String>,
    /// How this device is listed.
    #[arg(long, value_name = "NAME")]
    pub(crate) device: Option<String>,
}

/// `signin`
#[derive(Args, Debug)]
pub(crate) struct Signin {
    /// The username or the address.
    pub(crate) user: String,
    /// How this device is listed.
    #[arg(long, value_name = "NAME")]
    pub(crate) device: Option<String>,
}

/// `new`
#[derive(Args, Debug)]
#[group(skip)]
pub(crate) struct New {
    /// With whom; for a direct chat exactly one.
    pub(crate) users: Vec<String>,
    /// Make a group of this title.
    #[arg(long, value_name = "TITLE")]
    pub(crate) group: Option<String>,
    /// Make a channel of this title; the relay can read channels.
    #[arg(long, value_name = "TITLE", conflicts_with = "group")]
    pub(crate) channel: Option<String>,
    /// Let anybody find and join the channel.
    #[arg(long, requires = "channel", conflicts_with = "group")]
    pub(crate) public: bool,
    /// What the channel is about.
    #[arg(long, requires = "channel", value_name = "TEXT")]
    pub(crate) description: Option<String>,
}

/// `send`
#[derive(Args, Debug)]
pub(crate) struct Send {
    /// A username, a chat's title, or its id.
    pub(crate) chat: String,
    /// The words; `-` or nothing reads them from stdin.
    pub(crate) text: Vec<String>,
    /// The message it answers: `last` (the newest of the chat), or an id or its end.
    #[arg(long, value_name = "MESSAGE")]
    pub(crate) reply: Option<String>,
    /// How far the message shall come before the command ends; exit code 7 if it does not.
    #[arg(long, value_enum)]
    pub(crate) until: Option<Until>,
    /// How long to wait for that, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 5)]
    pub(crate) wait: u64,
}

/// How far a message shall come.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Until {
    /// Any route took it.
    Sent,
    /// They have it.
    Delivered,
    /// They saw it.
    Read,
}

/// `invite`
#[derive(Subcommand, Debug)]
pub(crate) enum Invite {
    /// Make an invite of a chat.
    Make {
        /// Which chat.
        chat: String,
        /// How long it is good: 30m, 8h, 7d.
        #[arg(long = "for", value_name = "TIME", value_parser = when::parse_span)]
        span: Option<Duration>,
        /// How many can join by it.
        #[arg(long)]
        uses: Option<u32>,
    },
    /// List a chat's invites which are still good.
    List {
        /// Which chat.
        chat: String,
    },
    /// Show what an invite leads to.
    Show {
        /// The code, or a link that ends in it.
        code: String,
    },
    /// Take an invite back.
    Revoke {
        /// Of which chat.
        chat: String,
        /// The code, or a link that ends in it.
        code: String,
    },
}

/// `listen`
#[derive(Args, Debug)]
pub(crate) struct Listen {
    /// Only these chats.
    pub(crate) chats: Vec<String>,
    /// Begin with the messages that are unread.
    #[arg(long)]
    pub(crate) unread: bool,
    /// Mark what is printed as read.
    #[arg(long)]
    pub(crate) mark_read: bool,
    /// Everything that happens: typing, presence, routes, receipts.
    #[arg(long)]
    pub(crate) all: bool,
    /// End after so many messages.
    #[arg(long, value_name = "N")]
    pub(crate) count: Option<u64>,
    /// End after so many seconds; exit code 7 if `--count` was not reached.
    #[arg(long = "for", value_name = "SECONDS")]
    pub(crate) seconds: Option<u64>,
}

/// `topic`
#[derive(Subcommand, Debug)]
pub(crate) enum Topic {
    /// Publish, live, to whoever is subscribed now.
    Pub {
        /// A dotted name.
        topic: String,
        /// What; `-` or nothing reads it from stdin.
        data: Vec<String>,
    },
    /// Print what is published, until Ctrl-C.
    Sub {
        /// Dotted names; `*` stands for one part, `>` for the rest.
        #[arg(required = true)]
        patterns: Vec<String>,
        /// End after so many.
        #[arg(long, value_name = "N")]
        count: Option<u64>,
    },
    /// Show how many sessions a message would reach.
    Count {
        /// A dotted name.
        topic: String,
    },
}

/// `devices`
#[derive(Subcommand, Debug)]
pub(crate) enum DeviceChange {
    /// List them.
    List,
    /// Rename one.
    Rename {
        /// Its id or the beginning of it, its name, or `this`.
        device: String,
        /// The new name.
        name: String,
    },
    /// Sign one out for good.
    Revoke {
        /// Its id or the beginning of it, its name, or `this`.
        device: String,
    },
}

/// `settings`
#[derive(Args, Debug)]
#[group(skip)]
pub(crate) struct Settings {
    /// With whom direct links are made; a link shows one's network address to the other.
    #[arg(long, value_enum)]
    pub(crate) direct_links: Option<DirectWord>,
    /// Whether direct links go through the operator's TURN server only, which hides one's network address; without such a
    /// server there are no direct links then.
    #[arg(long, value_enum)]
    pub(crate) hide_address: Option<Switch>,
    /// Whether others learn what was read, and one sees what they have.
    #[arg(long, value_enum)]
    pub(crate) read_marks: Option<Switch>,
    /// Whether others see that one is typing.
    #[arg(long, value_enum)]
    pub(crate) typing: Option<Switch>,
    /// Who sees when one is online: everyone with whom one shares a chat, contacts (a direct chat), or nobody.
    #[arg(long, value_enum)]
    pub(crate) presence: Option<PresenceWord>,
}

/// With whom direct links are made.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum DirectWord {
    /// Everybody with whom there is a chat.
    Everybody,
    /// People marked as verified, and own devices.
    Verified,
    /// Nobody.
    Never,
}

/// Who sees when one is online.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum PresenceWord {
    /// Everybody with whom one shares a chat; in a private channel only if it is small.
    Everyone,
    /// Those with whom one has a direct chat.
    Contacts,
    /// Nobody.
    Nobody,
}

impl From<PresenceWord> for ShowPresence {
    fn from(word: PresenceWord) -> Self {
        match word {
            PresenceWord::Everyone => Self::Everyone,
            PresenceWord::Contacts => Self::Contacts,
            PresenceWord::Nobody => Self::Nobody,
        }
    }
}

/// On or off.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Switch {
    /// On.
    On,
    /// Off.
    Off,
}

impl Switch {
    pub(crate) fn is_on(self) -> bool {
        self == Self::On
    }
}

/// A role as it is typed.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum RoleWord {
    /// Reads and writes.
    Member,
    /// Also adds, removes, invites, renames.
    Admin,
    /// Also changes roles and deletes; there is one.
    Owner,
}

impl From<RoleWord> for Role {
    fn from(word: RoleWord) -> Self {
        match word {
            RoleWord::Member => Self::Member,
            RoleWord::Admin => Self::Admin,
            RoleWord::Owner => Self::Owner,
        }
    }
}
