//! The state of this process: one profile, its engine, and the screen that listens.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use desktop_app::{Engine, Event, Options, names};
use parley_protocol::{ChatId, MessageKey};
use tauri::AppHandle;
use tokio::sync::watch;

use crate::args::Args;
use crate::events;
use crate::failure::{Answer, Failure};
use crate::keychain;
use crate::menu;
use crate::notifications::Notifications;
use crate::preferences;
use crate::profile::Place;
use crate::screen::{PATIENCE, Screen};
use crate::tray::Tray;
use crate::views::{About, Preferences, ScreenEvent, ShellEvent, Start};
use crate::window;
use crate::words::words;

/// How long leaving waits for a profile that is yet to open.
const LEAVE: Duration = Duration::from_secs(5);

/// How the profile stands.
#[derive(Clone)]
enum Profile {
    Opening,
    Open(Engine),
    Broken(Failure),
}

/// Cheap to clone.
#[derive(Clone)]
pub(crate) struct Shell {
    inner: Arc<Inner>,
}

struct Inner {
    app: AppHandle,
    place: Place,
    keychain: Arc<dyn desktop_app::Keychain>,
    profile: watch::Sender<Profile>,
    /// One opening at a time.
    opening: tokio::sync::Mutex<()>,
    preferences: Mutex<Preferences>,
    screen: Screen,
    visible: Mutex<Option<ChatId>>,
    /// The relay to offer to a new profile.
    relay: Option<String>,
    link: Mutex<Option<String>>,
    /// A chat that was asked for before the screen listened.
    asked: Mutex<Option<ScreenEvent>>,
    tray: Mutex<Option<Tray>>,
    tray_is_there: AtomicBool,
    /// How much is unread, as it shows.
    unread: AtomicU64,
    notifications: Notifications,
}

impl Shell {
    /// For a profile, as it was started.
    pub(crate) fn new(app: AppHandle, place: Place, args: Args) -> Self {
        let folder = place.folder();
        let inner = Inner {
            notifications: Notifications::new(app.clone()),
            keychain: keychain::of(&folder, !args.no_keychain),
            preferences: Mutex::new(preferences::load(&folder)),
            profile: watch::channel(Profile::Opening).0,
            opening: tokio::sync::Mutex::default(),
            screen: Screen::default(),
            visible: Mutex::default(),
            relay: args.relay,
            link: Mutex::new(args.link),
            asked: Mutex::default(),
            tray: Mutex::default(),
            tray_is_there: AtomicBool::new(false),
            unread: AtomicU64::new(0),
            app,
            place,
        };
        Self { inner: Arc::new(inner) }
    }

    /// Opens the profile beside whatever else begins.
    pub(crate) fn begin(&self) {
        let shell = self.clone();
        tauri::async_runtime::spawn(async move { shell.open().await });
    }

    /// Opens the profile, anew if it was open.
    pub(crate) async fn open(&self) {
        let _one = self.inner.opening.lock().await;
        let before = self.inner.profile.send_replace(Profile::Opening);
        if let Profile::Open(engine) = before {
            engine.close().await;
        }
        let options = Options {
            keychain: Some(self.inner.keychain.clone()),
            program: Some(names::program("Parley")),
            ..Options::default()
        };
        let now = match Engine::open(&self.inner.place.folder(), options).await {
            Ok(engine) => {
                // Heard from now on, not from when the task begins.
                let heard = engine.events();
                tauri::async_runtime::spawn(events::pass_on(self.clone(), engine.clone(), heard));
                Profile::Open(engine)
            }
            Err(error) => {
                tracing::error!(%error, "the profile cannot be opened");
                Profile::Broken(error.into())
            }
        };
        self.inner.profile.send_replace(now);
    }

    /// The engine, once the profile is open.
    pub(crate) async fn engine(&self) -> Answer<Engine> {
        let mut profile = self.inner.profile.subscribe();
        let settled = profile.wait_for(|profile| !matches!(profile, Profile::Opening)).await;
        match settled.as_deref() {
            Ok(Profile::Open(engine)) => Ok(engine.clone()),
            Ok(Profile::Broken(failure)) => Err(failure.clone()),
            Ok(Profile::Opening) | Err(_) => Err(desktop_app::EngineError::Closed.into()),
        }
    }

    /// What the screen needs to begin.
    pub(crate) async fn start(&self) -> Start {
        let profile = self.inner.place.name.clone();
        let ready = async {
            let engine = self.engine().await?;
            Ok::<_, Failure>((engine.me().await?, engine.connection().await?))
        };
        let ready = ready.await;
        // As they are at the end: the tray may have come meanwhile.
        let (preferences, about) = (self.preferences(), self.about());
        match ready {
            Ok((me, connection)) => {
                let last = || desktop_app::owner_of(&self.inner.place.folder()).map(|me| me.relay);
                let relay = if me.is_some() { None } else { last().or_else(|| self.inner.relay.clone()) };
                let link = held(&self.inner.link).take();
                Start::Ready { me, connection, profile, preferences, about, relay, link }
            }
            Err(Failure { code, message, .. }) => Start::Broken { code, message, profile, preferences, about },
        }
    }

    fn about(&self) -> About {
        About {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            platform: std::env::consts::OS,
            computer: names::computer(),
            languages: sys_locale::get_locales().collect(),
            folder: self.inner.place.folder().display().to_string(),
            tray: self.has_tray(),
        }
    }

    /// Closes the profile. What was asked for before is committed.
    pub(crate) async fn close(&self) {
        // Who waits for a keychain is not waited for.
        let Ok(_one) = tokio::time::timeout(LEAVE, self.inner.opening.lock()).await else {
            tracing::warn!("the profile is still being opened; it is left as it is");
            return;
        };
        let closed = Profile::Broken(desktop_app::EngineError::Closed.into());
        if let Profile::Open(engine) = self.inner.profile.send_replace(closed) {
            engine.close().await;
        }
    }

    /// The engine ended by itself: says so, unless it was this process that closed it.
    pub(crate) fn engine_ended(&self) {
        let message = "Something in Parley went wrong, and it stopped. Nothing is lost: open the profile again.";
        let ended = self.inner.profile.send_if_modified(|profile| {
            let was_open = matches!(profile, Profile::Open(_));
            if was_open {
                *profile = Profile::Broken(Failure::new("closed", message));
            }
            was_open
        });
        if ended {
            tracing::error!("the engine has stopped by itself");
            self.tell(ShellEvent::Stopped { message: message.to_owned() });
        }
    }

    /// A page begins to listen, in place of the one before.
    pub(crate) fn listen(&self) {
        self.inner.screen.begin();
        if let Some(asked) = held(&self.inner.asked).take() {
            self.inner.screen.tell(asked);
        }
    }

    /// The page listens no longer.
    pub(crate) fn stop_listening(&self) {
        self.inner.screen.end();
    }

    /// What has happened, as soon as something has, or nothing after a while; `None` once another page listens.
    pub(crate) async fn next_events(&self) -> Option<Vec<ScreenEvent>> {
        self.inner.screen.next(PATIENCE).await
    }

    /// The screen is to open a chat at a message, at once or as soon as it is there.
    pub(crate) fn open_chat(&self, chat: ChatId, key: MessageKey) {
        let event = ScreenEvent::Shell(ShellEvent::OpenChat { chat, key: Some(key) });
        if self.inner.screen.listens() {
            self.inner.screen.tell(event);
        } else {
            *held(&self.inner.asked) = Some(event);
        }
    }

    /// Tells the screen something of the shell's own.
    pub(crate) fn tell(&self, event: ShellEvent) {
        self.inner.screen.tell(ScreenEvent::Shell(event));
    }

    /// Tells the screen what the engine told.
    pub(crate) fn pass_event(&self, event: Event) {
        self.inner.screen.tell(ScreenEvent::Engine(event));
    }

    /// A link was opened while the app runs; or keeps it for the screen that is yet to begin.
    pub(crate) fn open_link(&self, link: String) {
        if self.inner.screen.listens() {
            self.tell(ShellEvent::OpenLink { link });
        } else {
            *held(&self.inner.link) = Some(link);
        }
    }

    pub(crate) fn app(&self) -> &AppHandle {
        &self.inner.app
    }

    pub(crate) fn place(&self) -> &Place {
        &self.inner.place
    }

    pub(crate) fn notifications(&self) -> &Notifications {
        &self.inner.notifications
    }

    pub(crate) fn preferences(&self) -> Preferences {
        held(&self.inner.preferences).clone()
    }

    /// Keeps what the person chose; gives what was chosen before.
    pub(crate) fn choose(&self, chosen: Preferences) -> std::io::Result<Preferences> {
        let chosen = preferences::bounded(chosen);
        // One after the other, so that the last one stands in the file.
        let mut kept = held(&self.inner.preferences);
        preferences::save(&self.inner.place.folder(), &chosen)?;
        Ok(std::mem::replace(&mut *kept, chosen))
    }

    pub(crate) fn visible(&self) -> Option<ChatId> {
        *held(&self.inner.visible)
    }

    pub(crate) fn set_visible(&self, chat: Option<ChatId>) {
        *held(&self.inner.visible) = chat;
    }

    /// There is a place for icons now, or no longer. The icon is made once; its library brings it back by itself.
    pub(crate) fn tray_is_there(&self, there: bool, make: impl FnOnce(&AppHandle) -> Option<Tray> + Send + 'static) {
        self.on_main_thread(move |shell| {
            let mut tray = held(&shell.inner.tray);
            if there && tray.is_none() {
                *tray = make(shell.app());
            }
            let there = there && tray.is_some();
            drop(tray);
            if shell.inner.tray_is_there.swap(there, Ordering::Relaxed) == there {
                return;
            }
            shell.show_tray();
            shell.tell(ShellEvent::Tray { there });
            if !there {
                // There would be no way to a window that does not show.
                window::reveal(shell.app());
            }
        });
    }

    pub(crate) fn has_tray(&self) -> bool {
        self.inner.tray_is_there.load(Ordering::Relaxed)
    }

    /// Shows how much is unread, where it can be seen without the window.
    pub(crate) fn show_unread(&self, unread: u64) {
        if self.inner.unread.swap(unread, Ordering::Relaxed) != unread {
            self.on_main_thread(|shell| {
                window::entitle(shell);
                shell.show_tray();
            });
        }
    }

    /// How much is unread, as it was last counted.
    pub(crate) fn unread(&self) -> u64 {
        self.inner.unread.load(Ordering::Relaxed)
    }

    /// Says everything of the system's in the language that is chosen now.
    pub(crate) fn speak(&self) {
        self.on_main_thread(|shell| {
            menu::put(shell);
            shell.show_tray();
        });
    }

    fn show_tray(&self) {
        if let Some(tray) = &*held(&self.inner.tray) {
            tray.show(self.unread(), words(self.preferences().language.as_deref()));
        }
    }

    /// What belongs to the system's toolkit is done on its thread, and not waited for.
    fn on_main_thread(&self, work: impl FnOnce(&Self) + Send + 'static) {
        let shell = self.clone();
        if let Err(error) = self.app().run_on_main_thread(move || work(&shell)) {
            tracing::warn!(%error, "the window's thread does not answer");
        }
    }
}

/// What a lock guards. What is behind these locks is whole at any time, so a panic elsewhere leaves nothing half done.
pub(crate) fn held<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}
