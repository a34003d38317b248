//! The command line: every command, its arguments, and what they mean. Nothing here does anything.

mod details;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

pub(crate) use self::details::{
    DeviceChange, DirectWord, Invite, Listen, New, RoleWord, Send, Settings, Signin, Signup, Switch, Topic, Until,
};
use crate::when::{self, Retention};

/// What `--help` says about how the program ends.
const ENDINGS: &str = "\
Exit codes:
  0  done
  1  anything else: no such chat or message, a chat one has left, a damaged profile
  2  the command line, or a value in it, is wrong
  3  nobody is signed in to the profile
  4  the relay refused
  5  the relay cannot be reached
  6  another process has the profile open
  7  not delivered in time

Environment:
  PARLEY_PROFILE, PARLEY_RELAY          as the options
  PARLEY_PASSWORD, PARLEY_NEW_PASSWORD  instead of the prompts; passwords are never arguments
  NO_COLOR                              no colours
  RUST_LOG                              logs on stderr (for example desktop_app=debug)";

/// Parley in a terminal: direct links when they can be had, a small relay when they cannot.
#[derive(Parser, Debug)]
#[command(name = "parley", version, after_help = ENDINGS, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    /// What to do; without it, the chats are listed and one can be opened.
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// Options which every command takes.
#[derive(Args, Debug, Clone)]
pub(crate) struct Global {
    /// Where the profile is kept; one account a profile.
    #[arg(long, global = true, env = "PARLEY_PROFILE", value_name = "DIR", help_heading = "Global options")]
    pub(crate) profile: Option<PathBuf>,
    /// The relay to sign up or in at; later the profile knows it.
    #[arg(
        long,
        global = true,
        env = "PARLEY_RELAY",
        value_name = "URL",
        default_value = "http://127.0.0.1:3030",
        help_heading = "Global options"
    )]
    pub(crate) relay: String,
    /// One JSON object a line, for scripts.
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) json: bool,
    /// Show what this device has, without first asking the relay what is new.
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) offline: bool,
}

/// The commands.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Make an account and sign this profile in.
    Signup(Signup),
    /// Sign this profile in.
    Signin(Signin),
    /// Sign this profile out; its history stays.
    Signout {
        /// Every device of the account.
        #[arg(long)]
        all: bool,
    },
    /// Change the password; other devices have to sign in again.
    Password,
    /// Show the account, or delete it.
    Account {
        /// Delete the account at the relay; asks for the username to be typed.
        #[arg(long)]
        delete: bool,
        /// Do not ask.
        #[arg(long, requires = "delete")]
        yes: bool,
    },
    /// List the chats.
    Chats {
        /// Only those with unread messages.
        #[arg(long)]
        unread: bool,
        /// Archived ones and those one left, too.
        #[arg(long)]
        all: bool,
        /// Show their ids.
        #[arg(long)]
        ids: bool,
    },
    /// Talk in a chat: a conversation with line editing.
    Chat {
        /// A username, a chat's title, or its id.
        who: String,
    },
    /// Open a direct chat with somebody, or make a group or a channel.
    New(New),
    /// Make, list, show or revoke invites.
    #[command(subcommand)]
    Invite(Invite),
    /// Join a public channel (its name or id), or a chat by the code of an invite.
    Join {
        /// A public channel's name or id, an invite's code, or a link that ends in it.
        what: String,
    },
    /// Leave a group or channel.
    Leave {
        /// Which.
        chat: String,
        /// Delete it for everyone instead (owner only).
        #[arg(long)]
        delete_for_everyone: bool,
    },
    /// Add people to a group or channel.
    Add {
        /// Where.
        chat: String,
        /// Whom.
        #[arg(required = true)]
        users: Vec<String>,
    },
    /// Remove people from a group or channel.
    Remove {
        /// Where.
        chat: String,
        /// Whom.
        #[arg(required = true)]
        users: Vec<String>,
    },
    /// Change what a member may do.
    Role {
        /// Where.
        chat: String,
        /// Whose.
        user: String,
        /// The new role; `owner` hands the chat over.
        role: RoleWord,
    },
    /// Change a chat's title or description.
    Rename {
        /// Which.
        chat: String,
        /// The new title.
        #[arg(required_unless_present = "description")]
        title: Option<String>,
        /// A new description.
        #[arg(long)]
        description: Option<String>,
    },
    /// List the members of a chat.
    Members {
        /// Which.
        chat: String,
    },
    /// Find people and public channels.
    Find {
        /// How a name begins, or words of a channel's title.
        query: String,
        /// People only.
        #[arg(long, conflicts_with = "channels")]
        users: bool,
        /// Public channels only.
        #[arg(long)]
        channels: bool,
    },
    /// Send a message.
    Send(Send),
    /// Send a failed message again.
    Retry {
        /// Where.
        chat: String,
        /// `last` (the newest own one), or an id or its end, as `history` shows it.
        #[arg(default_value = "last")]
        message: String,
    },
    /// Give an own message other words.
    Edit {
        /// Where.
        chat: String,
        /// `last` (the newest own one), or an id or its end, as `history` shows it.
        message: String,
        /// The new words; `-` reads them from stdin.
        text: Vec<String>,
    },
    /// Take an own message back for everyone, or any message off your own devices.
    Delete {
        /// Where.
        chat: String,
        /// `last` (the newest own one), or an id or its end, as `history` shows it.
        message: String,
        /// Take it off your own devices alone; the others keep it. `last` is the newest of the chat then.
        #[arg(long)]
        for_me: bool,
    },
    /// React to a message.
    React {
        /// Where.
        chat: String,
        /// `last` (the newest of the chat), or an id or its end, as `history` shows it.
        message: String,
        /// The emoji.
        emoji: String,
        /// Take the reaction back.
        #[arg(long)]
        off: bool,
    },
    /// Show how far a message came, device by device.
    Info {
        /// Where.
        chat: String,
        /// `last` (the newest of the chat), or an id or its end, as `history` shows it.
        message: String,
    },
    /// Show the newest messages of a chat.
    History {
        /// Which.
        chat: String,
        /// How many.
        #[arg(short = 'n', long = "number", default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..))]
        number: u16,
        /// Those from the first unread one on.
        #[arg(long)]
        unread: bool,
        /// Mark the chat as read.
        #[arg(long)]
        mark_read: bool,
    },
    /// Find messages by their words.
    Search {
        /// Words, or parts of words; all must be there.
        #[arg(required = true)]
        words: Vec<String>,
        /// In this chat only.
        #[arg(long)]
        chat: Option<String>,
        /// At most so many.
        #[arg(short = 'n', long = "number", default_value_t = 50)]
        number: u16,
    },
    /// Print messages as they come, until Ctrl-C.
    Listen(Listen),
    /// Publish to topics, or listen to them.
    #[command(subcommand)]
    Topic(Topic),
    /// List, rename or revoke the account's devices.
    Devices {
        /// What; without it they are listed.
        #[command(subcommand)]
        change: Option<DeviceChange>,
    },
    /// Block somebody.
    Block {
        /// Whom.
        #[arg(required_unless_present = "list")]
        user: Option<String>,
        /// List who is blocked.
        #[arg(long, conflicts_with = "user")]
        list: bool,
    },
    /// No longer block somebody.
    Unblock {
        /// Whom.
        user: String,
    },
    /// Mark somebody as verified, on this device.
    Verify {
        /// Whom.
        #[arg(required_unless_present = "list")]
        user: Option<String>,
        /// No longer.
        #[arg(long)]
        off: bool,
        /// List who is verified.
        #[arg(long, conflicts_with_all = ["user", "off"])]
        list: bool,
    },
    /// Silence a chat.
    Mute {
        /// Which.
        chat: String,
        /// How long: 30m, 8h, 7d; without it, for good.
        #[arg(long = "for", value_name = "TIME", value_parser = when::parse_span)]
        span: Option<Duration>,
        /// No longer.
        #[arg(long, conflicts_with = "span")]
        off: bool,
    },
    /// Say for how long a chat's messages are kept, by the relay and on everybody's devices. What is older is deleted.
    Keep {
        /// Which.
        chat: String,
        /// 8h, 7d, 2w, at most 3650d; or `forever`.
        #[arg(value_name = "TIME", value_parser = when::parse_retention)]
        retention: Retention,
    },
    /// Keep a chat first in the list.
    Pin {
        /// Which.
        chat: String,
        /// No longer.
        #[arg(long)]
        off: bool,
    },
    /// Take a chat out of the list until something happens in it.
    Archive {
        /// Which.
        chat: String,
        /// Put it back.
        #[arg(long)]
        off: bool,
    },
    /// Show or change settings.
    Settings(Settings),
    /// Show the connection, and how each conversation travels.
    Status {
        /// Give direct links and their round trips up to so many seconds first.
        #[arg(long, value_name = "SECONDS", default_value_t = 1)]
        wait: u64,
    },
    /// Print a completion script.
    Completions {
        /// For which shell.
        shell: clap_complete::Shell,
    },
}
