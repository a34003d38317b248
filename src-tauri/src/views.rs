//! What the shell adds to what the engine shows: the start, preferences, profiles, and its own events.

use desktop_app::views::{Connection, Me};
use parley_protocol::{ChatId, ChatKind, MessageKey, Role};
use serde::{Deserialize, Serialize};

use crate::failure::ErrorCode;

/// What happens, as it happens. Events carry ids; whoever shows more asks for a view.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "Event"))]
pub(crate) enum ScreenEvent {
    /// From the engine.
    Engine(desktop_app::Event),
    /// From the shell.
    Shell(ShellEvent),
}

/// What the shell tells.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub(crate) enum ShellEvent {
    /// A notification, the tray or a second start asks for a chat.
    OpenChat {
        /// Which.
        chat: ChatId,
        /// The message it is about.
        key: Option<MessageKey>,
    },
    /// A `parley://` link was opened.
    OpenLink {
        /// As it was given.
        link: String,
    },
    /// A menu item was chosen.
    Action {
        /// The name of its action.
        action: String,
    },
    /// The icon in the system's tray came or went.
    Tray {
        /// Whether it is there.
        there: bool,
    },
    /// The shell changed the preferences itself, by a menu.
    Preferences {
        /// As they are now.
        preferences: Preferences,
    },
    /// The engine has stopped, and nothing works until it is opened again.
    Stopped {
        /// What happened, and what to do.
        message: String,
    },
}

/// Which colours.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Theme {
    #[default]
    System,
    Light,
    Dark,
}

/// What notifications show.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum NotificationText {
    #[default]
    NameAndText,
    Name,
    Nothing,
}

/// What the person chose for this window, kept by the shell for the profile.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub(crate) struct Preferences {
    /// Which colours.
    #[cfg_attr(test, ts(type = "\"system\" | \"light\" | \"dark\""))]
    pub(crate) theme: Theme,
    /// A language tag, or null to follow the system.
    pub(crate) language: Option<String>,
    /// 0.5 to 3.
    pub(crate) zoom: f64,
    /// Whether Enter sends and Shift-Enter breaks the line, or the reverse with Ctrl-Enter.
    pub(crate) enter_sends: bool,
    /// Whether there are notifications.
    pub(crate) notifications: bool,
    /// Whether notifications show who wrote and what.
    #[cfg_attr(test, ts(type = "\"name_and_text\" | \"name\" | \"nothing\""))]
    pub(crate) notification_text: NotificationText,
    /// Whether closing the window leaves the app in the tray.
    pub(crate) close_to_tray: bool,
    /// Whether the app starts with the session, in the tray.
    pub(crate) autostart: bool,
}

impl Default for Preferences {
    fn default() -> Self {
        Self {
            theme: Theme::System,
            language: None,
            zoom: 1.0,
            enter_sends: true,
            notifications: true,
            notification_text: NotificationText::NameAndText,
            close_to_tray: true,
            autostart: false,
        }
    }
}

/// A profile on this machine.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub(crate) struct ProfileView {
    /// Its name.
    pub(crate) name: String,
    /// Whose history it holds, if that is known.
    pub(crate) username: Option<String>,
    /// Whether it is the one of this window.
    pub(crate) current: bool,
}

/// What the app is and where it runs.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub(crate) struct About {
    /// Of the app.
    pub(crate) version: String,
    /// `browser` where there is no shell.
    #[cfg_attr(test, ts(type = "\"linux\" | \"macos\" | \"windows\" | \"browser\""))]
    pub(crate) platform: &'static str,
    /// What the computer is called, if that is known.
    pub(crate) computer: Option<String>,
    /// The system's languages, first choice first.
    pub(crate) languages: Vec<String>,
    /// Where the profile lies on disk.
    pub(crate) folder: String,
    /// Whether there is a tray to close to.
    pub(crate) tray: bool,
}

/// What the screen needs to begin.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub(crate) enum Start {
    /// The profile is open.
    Ready {
        /// Who is signed in.
        me: Option<Me>,
        /// How the engine stands with its relay.
        connection: Connection,
        /// The profile's name.
        profile: String,
        /// What the person chose for this window.
        preferences: Preferences,
        /// What the app is.
        about: About,
        /// While nobody is signed in, the relay to offer: of whoever was the last one, or as it was named at the start.
        relay: Option<String>,
        /// A `parley://` link this start was asked to open.
        link: Option<String>,
    },
    /// The profile cannot be opened.
    Broken {
        /// For the screen.
        code: ErrorCode,
        /// For a person: what happened, and what to do.
        message: String,
        /// The profile's name.
        profile: String,
        /// What the person chose for this window.
        preferences: Preferences,
        /// What the app is.
        about: About,
    },
}

/// A public channel found on the relay.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub(crate) struct FoundChat {
    /// Its id.
    pub(crate) id: ChatId,
    /// Its kind, in the words of the relay's routes.
    #[serde(rename = "type", serialize_with = "parley_protocol::http::chat_type::serialize")]
    #[cfg_attr(test, ts(type = "\"single\" | \"group\" | \"private_channel\" | \"public_channel\""))]
    pub(crate) kind: ChatKind,
    /// Its title.
    pub(crate) title: String,
    /// May be empty.
    pub(crate) description: String,
    /// How many members it has.
    pub(crate) member_count: usize,
    /// One's own role in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub(crate) role: Option<Role>,
}

impl From<parley_protocol::http::Chat> for FoundChat {
    fn from(chat: parley_protocol::http::Chat) -> Self {
        Self {
            id: chat.id,
            kind: chat.kind,
            title: chat.title,
            description: chat.description,
            member_count: chat.member_count,
            role: chat.role,
        }
    }
}
