//! Notifications by the system: one a chat, which counts; a click opens the chat.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use parley_protocol::{ChatId, MessageKey};
use tauri::{AppHandle, Manager as _};
use tauri_plugin_updater::Update;

use crate::shell::{Shell, held};
use crate::updates;
use crate::views::ShellEvent;
use crate::window;

/// What is shown.
pub(crate) struct Note {
    pub(crate) title: String,
    pub(crate) text: String,
    /// The word on the button, where there are buttons.
    pub(crate) open: String,
}

/// What a click does.
#[derive(Clone)]
pub(crate) enum Then {
    OpenChat { chat: ChatId, key: MessageKey },
    Update(Box<Update>),
}

/// What is shown now, by what it is about; `None` is an update.
type Shown = Arc<Mutex<HashMap<Option<ChatId>, Standing>>>;

/// A notification that stands there.
struct Standing {
    id: u32,
    /// Of how many messages.
    count: u32,
    then: Then,
}

/// The system's notifications.
pub(crate) struct Notifications {
    app: AppHandle,
    shown: Shown,
    #[cfg(target_os = "linux")]
    bus: Arc<Mutex<Option<zbus::blocking::Connection>>>,
}

impl Then {
    fn about(&self) -> Option<ChatId> {
        match self {
            Self::OpenChat { chat, .. } => Some(*chat),
            Self::Update(_) => None,
        }
    }

    fn act(self, app: &AppHandle) {
        match self {
            Self::OpenChat { chat, key } => {
                window::raise(app);
                app.state::<Shell>().tell(ShellEvent::OpenChat { chat, key: Some(key) });
            }
            Self::Update(update) => {
                tauri::async_runtime::spawn(updates::install(app.clone(), *update));
            }
        }
    }
}

/// The title with the count, and the count itself, of a further notification about the same.
fn counted(title: &str, before: Option<u32>) -> (String, u32) {
    match before {
        Some(before) => (format!("{title} ({})", before + 1), before + 1),
        None => (title.to_owned(), 1),
    }
}

#[cfg(target_os = "linux")]
mod desktop {
    //! The Desktop Notifications Specification, over the session's bus. One connection, so that clicks are heard for as long as the app runs.

    use std::collections::HashMap;

    use tauri::AppHandle;
    use zbus::blocking::{Connection, MessageIterator};
    use zbus::message::Type;
    use zbus::zvariant::Value;
    use zbus::{MatchRule, Message};

    use super::{ChatId, Note, Notifications, Shown, Standing, Then, counted, held};

    const NAME: &str = "org.freedesktop.Notifications";
    const PATH: &str = "/org/freedesktop/Notifications";

    impl Notifications {
        pub(crate) fn new(app: AppHandle) -> Self {
            Self { app, shown: Shown::default(), bus: super::Arc::default() }
        }

        /// Shows a notification in place of the one about the same. Whoever offers none shows none.
        pub(crate) fn show(&self, note: Note, then: Then) {
            let (app, shown, bus) = (self.app.clone(), self.shown.clone(), self.bus.clone());
            // The bus may be slow, or ask for the service to be started first.
            tauri::async_runtime::spawn_blocking(move || {
                let this = Self { app, shown, bus };
                if let Err(error) = this.put(&note, then) {
                    tracing::warn!(%error, "a notification could not be shown");
                }
            });
        }

        /// Takes away what is shown of a chat: somebody looks at it.
        pub(crate) fn clear(&self, chat: ChatId) {
            let Some(standing) = held(&self.shown).remove(&Some(chat)) else { return };
            let bus = self.bus.clone();
            tauri::async_runtime::spawn_blocking(move || {
                let Some(bus) = held(&bus).clone() else { return };
                // It may have closed by itself.
                let _ = bus.call_method(Some(NAME), PATH, Some(NAME), "CloseNotification", &standing.id);
            });
        }

        fn put(&self, note: &Note, then: Then) -> zbus::Result<()> {
            let bus = self.connected()?;
            let about = then.about();
            // Not held while the bus is asked: that can take as long as it likes, and the screen must not wait for it.
            let before = held(&self.shown).get(&about).map(|standing| (standing.id, standing.count));
            let (title, count) = counted(&note.title, before.map(|(_, count)| count));
            let capable: Vec<String> =
                bus.call_method(Some(NAME), PATH, Some(NAME), "GetCapabilities", &())?.body().deserialize()?;
            let marks_up = capable.iter().any(|word| word == "body-markup");
            let text = if marks_up { escaped(&note.text) } else { note.text.clone() };
            let hints: HashMap<&str, Value<'_>> = HashMap::from([
                ("category", Value::from("im.received")),
                // As the package names the file.
                ("desktop-entry", Value::from("Parley")),
            ]);
            let actions = ["default", note.open.as_str()];
            let replaces = before.map_or(0, |(id, _)| id);
            let body =
                ("Parley", replaces, "parley-desktop", title.as_str(), text.as_str(), actions.as_slice(), hints, -1);
            let answer = bus.call_method(Some(NAME), PATH, Some(NAME), "Notify", &body)?;
            held(&self.shown).insert(about, Standing { id: answer.body().deserialize()?, count, then });
            Ok(())
        }

        /// The connection to the bus, and a thread that listens on it from the first time on. One for both signals: a click closes
        /// the notification as well, and is heard before that.
        fn connected(&self) -> zbus::Result<Connection> {
            let mut bus = held(&self.bus);
            if let Some(bus) = &*bus {
                return Ok(bus.clone());
            }
            let fresh = Connection::session()?;
            let rule = MatchRule::builder().msg_type(Type::Signal).path(PATH)?.interface(NAME)?.build();
            let signals = MessageIterator::for_match_rule(rule, &fresh, None)?;
            let (app, shown) = (self.app.clone(), self.shown.clone());
            std::thread::Builder::new()
                .name("parley-notifications".to_owned())
                .spawn(move || signals.flatten().for_each(|signal| heard(&app, &shown, &signal)))?;
            *bus = Some(fresh.clone());
            Ok(fresh)
        }
    }

    /// A notification was clicked, or is gone.
    fn heard(app: &AppHandle, shown: &Shown, signal: &Message) {
        let body = signal.body();
        let clicked = match signal.header().member().map(|member| member.as_str()) {
            Some("ActionInvoked") => body.deserialize::<(u32, String)>().map(|(id, _)| (id, true)),
            Some("NotificationClosed") => body.deserialize::<(u32, u32)>().map(|(id, _)| (id, false)),
            _ => return,
        };
        let Ok((id, clicked)) = clicked else { return };
        let mut shown = held(shown);
        let about = shown.iter().find(|(_, standing)| standing.id == id).map(|(about, _)| *about);
        let Some(standing) = about.and_then(|about| shown.remove(&about)) else { return };
        drop(shown);
        if clicked {
            standing.then.act(app);
        }
    }

    /// Text in which nothing is markup.
    fn escaped(text: &str) -> String {
        text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn words_are_never_markup() {
            assert_eq!(escaped("<b>&amp;</b>"), "&lt;b&gt;&amp;amp;&lt;/b&gt;");
        }

        #[test]
        fn a_further_message_of_a_chat_is_counted() {
            assert_eq!(counted("bob", None), ("bob".to_owned(), 1));
            assert_eq!(counted("bob", Some(1)), ("bob (2)".to_owned(), 2));
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod desktop {
    //! Other systems' notifications, without a way back from a click.

    use super::{ChatId, Note, Notifications, Standing, Then, counted, held};

    impl Notifications {
        pub(crate) fn new(app: tauri::AppHandle) -> Self {
            Self { app, shown: super::Shown::default() }
        }

        /// Shows a notification.
        pub(crate) fn show(&self, note: Note, then: Then) {
            let mut shown = held(&self.shown);
            let before = shown.get(&then.about()).map(|standing| standing.count);
            let (title, count) = counted(&note.title, before);
            shown.insert(then.about(), Standing { id: 0, count, then });
            if let Err(error) = notify_rust::Notification::new().summary(&title).body(&note.text).show() {
                tracing::warn!(%error, "a notification could not be shown");
            }
        }

        /// Forgets what was shown of a chat: somebody looks at it.
        pub(crate) fn clear(&self, chat: ChatId) {
            held(&self.shown).remove(&Some(chat));
        }
    }
}
