//! The icon in the system's tray: whether something is unread, and the way to a window that is closed.

use tauri::image::Image;
use tauri::menu::{Menu, MenuItem};
use tauri::tray::{MouseButton, MouseButtonState, TrayIcon, TrayIconBuilder, TrayIconEvent};
use tauri::{AppHandle, Manager as _, Wry};

use crate::shell::Shell;
use crate::window;
use crate::words::{Word, words};

const DARK: &[u8] = include_bytes!("../icons/tray-dark.png");
const DARK_UNREAD: &[u8] = include_bytes!("../icons/tray-dark-unread.png");
const LIGHT: &[u8] = include_bytes!("../icons/tray-light.png");
const LIGHT_UNREAD: &[u8] = include_bytes!("../icons/tray-light-unread.png");

/// The icon, while the app runs.
pub(crate) struct Tray {
    icon: TrayIcon,
    open: MenuItem<Wry>,
    quit: MenuItem<Wry>,
    light: bool,
}

/// Puts the icon into the tray; `None` if there is no tray here.
pub(crate) fn build(app: &AppHandle) -> Option<Tray> {
    if !there_is_one() {
        return None;
    }
    let light = panel_is_dark();
    // The library of the tray is looked for when it is first used, and its loader panics if it is not installed.
    let made = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| make(app, light)));
    match made {
        Ok(Ok(tray)) => Some(tray),
        Ok(Err(error)) => {
            tracing::warn!(%error, "there is no icon in the tray");
            None
        }
        Err(_) => {
            tracing::warn!("there is no icon in the tray: its library is not installed");
            None
        }
    }
}

fn make(app: &AppHandle, light: bool) -> tauri::Result<Tray> {
    let say = words(app.state::<Shell>().preferences().language.as_deref());
    let open = MenuItem::with_id(app, "tray_open", say(Word::OpenParley), true, None::<&str>)?;
    let quit = MenuItem::with_id(app, "tray_quit", say(Word::Quit), true, None::<&str>)?;
    // On Linux its picture is a file which is named by this, and other profiles' processes have theirs beside it.
    let icon = TrayIconBuilder::with_id(&app.config().identifier)
        .icon(Image::from_bytes(if light { LIGHT } else { DARK })?)
        .icon_as_template(true)
        .tooltip("Parley")
        .menu(&Menu::with_items(app, &[&open, &quit])?)
        .show_menu_on_left_click(cfg!(target_os = "linux"))
        .on_menu_event(|app, event| match event.id().as_ref() {
            "tray_open" => window::raise(app),
            "tray_quit" => app.exit(0),
            _ => {}
        })
        .on_tray_icon_event(|tray, event| {
            if let TrayIconEvent::Click { button: MouseButton::Left, button_state: MouseButtonState::Up, .. } = event {
                window::raise(tray.app_handle());
            }
        })
        .build(app)?;
    Ok(Tray { icon, open, quit, light })
}

impl Tray {
    /// Shows how much is unread, in these words.
    pub(crate) fn show(&self, unread: u64, say: impl Fn(Word) -> &'static str) {
        let picture = match (self.light, unread > 0) {
            (true, true) => LIGHT_UNREAD,
            (true, false) => LIGHT,
            (false, true) => DARK_UNREAD,
            (false, false) => DARK,
        };
        let counted = |words: &str| if unread > 0 { format!("{words} ({unread})") } else { words.to_owned() };
        let shown = Image::from_bytes(picture)
            .and_then(|picture| self.icon.set_icon(Some(picture)))
            .and_then(|()| self.icon.set_icon_as_template(unread == 0))
            .and_then(|()| self.icon.set_tooltip(Some(counted("Parley"))))
            // Not every tray has tooltips.
            .and_then(|()| self.open.set_text(counted(say(Word::OpenParley))))
            .and_then(|()| self.quit.set_text(say(Word::Quit)));
        if let Err(error) = shown {
            tracing::warn!(%error, "the icon in the tray could not be changed");
        }
    }
}

/// Whether the panel is dark, as far as that can be known: GNOME's always is, others' follow the session's colours.
fn panel_is_dark() -> bool {
    let desktop = std::env::var("XDG_CURRENT_DESKTOP").unwrap_or_default().to_ascii_lowercase();
    let theme = std::env::var("GTK_THEME").unwrap_or_default().to_ascii_lowercase();
    desktop.contains("gnome") || desktop.contains("unity") || theme.contains("dark")
}

/// On Linux a tray is whatever watches for icons on the session's bus; GNOME has none unless an extension brings it.
#[cfg(target_os = "linux")]
fn there_is_one() -> bool {
    let ask = || -> zbus::Result<bool> {
        let bus = zbus::blocking::Connection::session()?;
        let name = zbus::names::BusName::try_from("org.kde.StatusNotifierWatcher")?;
        Ok(zbus::blocking::fdo::DBusProxy::new(&bus)?.name_has_owner(name)?)
    };
    ask().unwrap_or(false)
}

#[cfg(not(target_os = "linux"))]
fn there_is_one() -> bool {
    true
}
