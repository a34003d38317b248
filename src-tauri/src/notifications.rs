//! Notifications by the system: one a chat, which counts; a click opens the chat.

use std::collections::HashMap;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};

use parley_protocol::{ChatId, MessageKey};
use tauri::{AppHandle, Manager as _};
use tauri_plugin_updater::Update;

use crate::shell::{Shell, held};
use crate::updates;
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

/// The system's notifications. The system may be slow, so a thread of their own asks it, one thing after the other.
pub(crate) struct Notifications {
    jobs: Sender<Job>,
    shown: Shown,
    coming: Coming,
}

/// What is on its way to be shown: the system may take its time, and what is read meanwhile needs no notification any more.
type Coming = Arc<Mutex<Vec<(Option<ChatId>, Option<MessageKey>)>>>;

/// What is to be done.
enum Job {
    /// Show this in place of the one about the same, for so many more messages.
    Show { note: Note, then: Then, more: u32 },
    /// Take away what is shown of a chat, and so many messages that were yet to be shown.
    Clear { chat: ChatId, instead: u32 },
}

impl Notifications {
    pub(crate) fn new(app: AppHandle) -> Self {
        let (jobs, todo) = mpsc::channel();
        let shown = Shown::default();
        let desktop = desktop::Desktop::new(app, shown.clone());
        let coming = Coming::default();
        let (board, passed) = (shown.clone(), coming.clone());
        let begun = std::thread::Builder::new()
            .name("parley-notifications".to_owned())
            .spawn(move || work(desktop, &board, &passed, &todo));
        if let Err(error) = begun {
            tracing::warn!(%error, "there will be no notifications");
        }
        Self { jobs, shown, coming }
    }

    /// Shows a notification in place of the one about the same.
    pub(crate) fn show(&self, note: Note, then: Then) {
        held(&self.coming).push((then.about(), then.key()));
        self.ask(Job::Show { note, then, more: 1 });
    }

    /// Takes away what is shown of a chat: it was read, or somebody looks at it.
    pub(crate) fn clear(&self, chat: ChatId) {
        self.ask(Job::Clear { chat, instead: 0 });
    }

    /// Takes away what is shown of any chat.
    pub(crate) fn clear_chats(&self) {
        let coming = held(&self.coming).iter().filter_map(|(about, _)| *about).collect::<Vec<_>>();
        let shown = held(&self.shown).keys().filter_map(|about| *about).collect::<Vec<_>>();
        coming.into_iter().chain(shown).for_each(|chat| self.clear(chat));
    }

    /// Whether something is shown of a chat, or about to be.
    pub(crate) fn stands(&self, chat: ChatId) -> bool {
        held(&self.shown).contains_key(&Some(chat)) || held(&self.coming).iter().any(|(about, _)| *about == Some(chat))
    }

    /// Whether this message is what is shown of its chat, or about to be.
    pub(crate) fn shows(&self, chat: ChatId, key: MessageKey) -> bool {
        let is_it = |standing: &Standing| standing.then.key() == Some(key);
        held(&self.shown).get(&Some(chat)).is_some_and(is_it) || held(&self.coming).contains(&(Some(chat), Some(key)))
    }

    fn ask(&self, job: Job) {
        // Without the thread, which was told of when it could not begin, there is nobody to ask.
        let _ = self.jobs.send(job);
    }
}

/// Does what is asked for, for as long as somebody may ask.
fn work(mut desktop: desktop::Desktop, shown: &Shown, coming: &Coming, todo: &Receiver<Job>) {
    let mut is_told = false;
    while let Ok(first) = todo.recv() {
        for job in merged(std::iter::once(first).chain(todo.try_iter())) {
            match job {
                Job::Clear { chat, instead } => {
                    passed(coming, Some(chat), instead);
                    let standing = held(shown).remove(&Some(chat));
                    if let Some(standing) = standing {
                        desktop.close(standing.id);
                    }
                }
                Job::Show { note, then, more } => {
                    let about = then.about();
                    // Not held while the system is asked: that can take as long as it likes, and clicks must not wait for it.
                    let (replaces, before) =
                        held(shown).get(&about).map_or((0, 0), |standing| (standing.id, standing.count));
                    let count = before + more;
                    match desktop.put(replaces, &counted(&note.title, count), &note) {
                        Ok(id) => {
                            held(shown).insert(about, Standing { id, count, then });
                        }
                        // Whoever offers none shows none, and says so once.
                        Err(error) if !std::mem::replace(&mut is_told, true) => {
                            tracing::warn!(%error, "a notification could not be shown");
                        }
                        Err(error) => tracing::debug!(%error, "a notification could not be shown"),
                    }
                    passed(coming, about, more);
                }
            }
        }
    }
}

/// The first so many of these are on their way no longer.
fn passed(coming: &Coming, about: Option<ChatId>, mut count: u32) {
    held(coming).retain(|(other, _)| {
        let is_one = *other == about && count > 0;
        count -= u32::from(is_one);
        !is_one
    });
}

/// What came while the system was asked, as one for each chat: only the last words stand there in the end.
fn merged(jobs: impl Iterator<Item = Job>) -> Vec<Job> {
    let mut rest: Vec<Job> = Vec::new();
    for job in jobs {
        let about = match &job {
            Job::Show { then, .. } => then.about(),
            Job::Clear { chat, .. } => Some(*chat),
        };
        let is_same = |earlier: &Job| matches!(earlier, Job::Show { then, .. } if then.about() == about);
        let earlier = rest.iter().position(is_same).map(|at| rest.remove(at));
        rest.push(match (earlier, job) {
            (Some(Job::Show { more: before, .. }), Job::Show { note, then, more }) => {
                Job::Show { note, then, more: before + more }
            }
            (Some(Job::Show { more, .. }), Job::Clear { chat, instead }) => {
                Job::Clear { chat, instead: instead + more }
            }
            (_, job) => job,
        });
    }
    rest
}

impl Then {
    fn about(&self) -> Option<ChatId> {
        match self {
            Self::OpenChat { chat, .. } => Some(*chat),
            Self::Update(_) => None,
        }
    }

    /// The message that it leads to.
    fn key(&self) -> Option<MessageKey> {
        match self {
            Self::OpenChat { key, .. } => Some(*key),
            Self::Update(_) => None,
        }
    }

    fn act(self, app: &AppHandle) {
        match self {
            Self::OpenChat { chat, key } => {
                window::raise(app);
                app.state::<Shell>().open_chat(chat, key);
            }
            Self::Update(update) => {
                tauri::async_runtime::spawn(updates::install(app.clone(), *update));
            }
        }
    }
}

/// The title, with how many messages it is about if that is more than one.
fn counted(title: &str, count: u32) -> String {
    if count > 1 { format!("{title} ({count})") } else { title.to_owned() }
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

    use super::{Note, Shown, held};

    const NAME: &str = "org.freedesktop.Notifications";
    const PATH: &str = "/org/freedesktop/Notifications";

    /// Where notifications are shown.
    pub(super) struct Desktop {
        app: AppHandle,
        shown: Shown,
        bus: Option<Connection>,
    }

    impl Desktop {
        pub(super) fn new(app: AppHandle, shown: Shown) -> Self {
            Self { app, shown, bus: None }
        }

        /// Shows a notification in place of another one, or of none (0); gives its number.
        pub(super) fn put(&mut self, replaces: u32, title: &str, note: &Note) -> zbus::Result<u32> {
            let bus = self.connected()?;
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
            let body = ("Parley", replaces, "parley-desktop", title, text.as_str(), actions.as_slice(), hints, -1);
            bus.call_method(Some(NAME), PATH, Some(NAME), "Notify", &body)?.body().deserialize()
        }

        /// Takes a notification away.
        pub(super) fn close(&self, id: u32) {
            let Some(bus) = &self.bus else { return };
            // It may have closed by itself.
            let _ = bus.call_method(Some(NAME), PATH, Some(NAME), "CloseNotification", &id);
        }

        /// The connection to the bus, and a thread that listens on it from the first time on. One for both signals: a click closes
        /// the notification as well, and is heard before that.
        fn connected(&mut self) -> zbus::Result<Connection> {
            if let Some(bus) = &self.bus {
                return Ok(bus.clone());
            }
            let fresh = Connection::session()?;
            let rule = MatchRule::builder().msg_type(Type::Signal).path(PATH)?.interface(NAME)?.build();
            let signals = MessageIterator::for_match_rule(rule, &fresh, None)?;
            let (app, shown) = (self.app.clone(), self.shown.clone());
            std::thread::Builder::new()
                .name("parley-clicks".to_owned())
                .spawn(move || signals.flatten().for_each(|signal| heard(&app, &shown, &signal)))?;
            self.bus = Some(fresh.clone());
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
    }
}

#[cfg(not(target_os = "linux"))]
mod desktop {
    //! Other systems' notifications, without a way back from a click.

    use super::{Note, Shown};

    /// Where notifications are shown.
    pub(super) struct Desktop;

    impl Desktop {
        pub(super) fn new(_: tauri::AppHandle, _: Shown) -> Self {
            Self
        }

        /// Shows a notification; what stands there stays.
        pub(super) fn put(&mut self, _: u32, title: &str, note: &Note) -> Result<u32, notify_rust::error::Error> {
            notify_rust::Notification::new().summary(title).body(&note.text).show().map(|_| 0)
        }

        pub(super) fn close(&self, _: u32) {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_further_message_of_a_chat_is_counted() {
        assert_eq!(counted("bob", 1), "bob");
        assert_eq!(counted("bob", 2), "bob (2)");
    }

    #[test]
    fn what_is_read_before_the_system_has_shown_it_is_known_to_be_on_its_way() {
        let (tea, bees) = (ChatId::new(), ChatId::new());
        let coming = Coming::new(Mutex::new(vec![(Some(tea), None), (Some(bees), None), (Some(tea), None)]));
        passed(&coming, Some(tea), 1);
        assert_eq!(*held(&coming), [(Some(bees), None), (Some(tea), None)]);
        passed(&coming, Some(tea), 3);
        passed(&coming, None, 1);
        assert_eq!(*held(&coming), [(Some(bees), None)]);
    }

    #[test]
    fn what_comes_at_once_is_one_notification_of_each_chat() {
        let (tea, bees) = (ChatId::new(), ChatId::new());
        let device = parley_protocol::DeviceId::new();
        let show = |chat, text: &str| Job::Show {
            note: Note { title: String::new(), text: text.to_owned(), open: String::new() },
            then: Then::OpenChat { chat, key: MessageKey { device, id: parley_protocol::MessageId::new() } },
            more: 1,
        };
        let told = |job: &Job| match job {
            Job::Show { note, then, more } => (then.about(), note.text.clone(), *more),
            Job::Clear { chat, instead } => (Some(*chat), "cleared".to_owned(), *instead),
        };
        let clear = |chat| Job::Clear { chat, instead: 0 };
        let jobs = [show(tea, "one"), show(bees, "buzz"), show(tea, "two"), clear(bees), show(tea, "three")];
        let rest: Vec<_> = merged(jobs.into_iter()).iter().map(told).collect();
        assert_eq!(rest, [(Some(bees), "cleared".to_owned(), 1), (Some(tea), "three".to_owned(), 3)]);
        // What comes after it was read is shown.
        let rest: Vec<_> = merged([clear(tea), show(tea, "four")].into_iter()).iter().map(told).collect();
        assert_eq!(rest, [(Some(tea), "cleared".to_owned(), 0), (Some(tea), "four".to_owned(), 1)]);
    }
}
