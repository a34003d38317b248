//! The command line: every command, its arguments, and what they mean. Nothing here does anything.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use parley_protocol::Role;

use crate::when;

/// What `--help` says about how the program ends.
const ENDINGS: &str = "\
Exit codes:
  0  done
  1  anything else: no such chat or message, a damaged profile
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
        /// Delete the account at the relay.
        #[arg(long)]
        delete: bool,
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
        /// `last`, or an id or its end, as `history` shows it.
        #[arg(default_value = "last")]
        message: String,
    },
    /// Give an own message other words.
    Edit {
        /// Where.
        chat: String,
        /// `last`, or an id or its end, as `history` shows it.
        message: String,
        /// The new words; `-` reads them from stdin.
        text: Vec<String>,
    },
    /// Take an own message back for everyone.
    Delete {
        /// Where.
        chat: String,
        /// `last`, or an id or its end, as `history` shows it.
        message: String,
    },
    /// React to a message.
    React {
        /// Where.
        chat: String,
        /// `last`, or an id or its end, as `history` shows it.
        message: String,
        /// The emoji.
        emoji: String,
        /// Take the reaction back.
        #[arg(long)]
        off: bool,
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
        user: String,
    },
    /// No longer block somebody.
    Unblock {
        /// Whom.
        user: String,
    },
    /// Mark somebody as verified, on this device.
    Verify {
        /// Whom.
        user: String,
        /// No longer.
        #[arg(long)]
        off: bool,
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
        /// Give direct links so many seconds to come up first.
        #[arg(long, value_name = "SECONDS", default_value_t = 0)]
        wait: u64,
    },
    /// Print a completion script.
    Completions {
        /// For which shell.
        shell: clap_complete::Shell,
    },
}

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
    /// The message it answers: `last`, or an id or its end.
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
    /// Whether others learn what was read.
    #[arg(long, value_enum)]
    pub(crate) read_marks: Option<Switch>,
    /// Whether others see that one is typing.
    #[arg(long, value_enum)]
    pub(crate) typing: Option<Switch>,
    /// Whether others see when one is online.
    #[arg(long, value_enum)]
    pub(crate) presence: Option<Switch>,
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

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn parse(line: &[&str]) -> Result<Cli, clap::Error> {
        Cli::try_parse_from([&["parley"], line].concat())
    }

    #[test]
    fn the_command_line_holds_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn global_options_stand_before_and_after_the_command() {
        for line in [["--json", "chats"], ["chats", "--json"]] {
            assert!(parse(&line).unwrap().global.json);
        }
    }

    #[test]
    fn what_does_not_belong_together_is_refused() {
        for line in [
            vec!["new", "--public", "--group", "Tea"],
            vec!["new", "--group", "Tea", "--channel", "Tea"],
            vec!["rename", "Tea"],
            vec!["role", "Tea", "bob", "king"],
            vec!["mute", "Tea", "--for", "soon"],
            vec!["history", "Tea", "-n", "0"],
            vec!["signup", "alice", "--password", "secret"],
            vec!["send"],
        ] {
            let error = parse(&line).expect_err(&line.join(" "));
            assert_eq!(error.exit_code(), 2, "{line:?}");
        }
    }

    #[test]
    fn a_password_is_never_an_argument() {
        fn look(command: &clap::Command) {
            for arg in command.get_arguments() {
                assert!(!arg.get_id().as_str().contains("password"), "{} {}", command.get_name(), arg.get_id());
            }
            command.get_subcommands().for_each(look);
        }
        look(&Cli::command());
    }

    #[test]
    fn words_of_a_message_need_no_quotes() {
        let Some(Command::Send(send)) = parse(&["send", "bob", "see", "you"]).unwrap().command else { panic!() };
        assert_eq!(send.text.join(" "), "see you");
        let Some(Command::Mute { span, .. }) = parse(&["mute", "Tea", "--for", "8h"]).unwrap().command else {
            panic!()
        };
        assert_eq!(span, Some(Duration::from_secs(8 * 3_600)));
    }
}
