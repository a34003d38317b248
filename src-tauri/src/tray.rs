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

/// Puts the icon into the tray; `None` if it cannot be.
fn build(app: &AppHandle, light: bool) -> Option<Tray> {
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

/// Puts the icon into the tray, as soon and as long as there is one. A window that began hidden is shown if there is none.
#[cfg(target_os = "linux")]
pub(crate) fn look_out(shell: &Shell, hidden: bool) {
    let shell = shell.clone();
    tauri::async_runtime::spawn(async move {
        if let Err(error) = panel::look_out(&shell, hidden).await {
            tracing::debug!(%error, "there is no bus to ask for a tray");
            shell.tray_is_there(false, |_| None);
            window::reveal(shell.app());
        }
    });
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn look_out(shell: &Shell, _: bool) {
    shell.tray_is_there(true, |app| build(app, false));
}

#[cfg(target_os = "linux")]
mod panel {
    //! On Linux a tray is whatever watches for icons on the session's bus. It may come after the app, when both start at login;
    //! GNOME has none unless an extension brings it.

    use std::time::Duration;

    use futures_util::StreamExt as _;
    use zbus::Connection;
    use zbus::fdo::DBusProxy;
    use zbus::names::BusName;
    use zbus::zvariant::{OwnedValue, Value};

    use super::{Shell, build, window};

    const WATCHER: &str = "org.kde.StatusNotifierWatcher";
    /// How long a window that began hidden waits for a tray before it shows.
    const PATIENCE: Duration = Duration::from_secs(10);
    /// How long the session may take to say which colours it has.
    const COLOURS_WITHIN: Duration = Duration::from_secs(2);

    pub(super) async fn look_out(shell: &Shell, hidden: bool) -> zbus::Result<()> {
        let bus = Connection::session().await?;
        let light = is_dark(&bus).await;
        let dbus = DBusProxy::new(&bus).await?;
        let mut changes = dbus.receive_name_owner_changed_with_args(&[(0, WATCHER)]).await?;
        let mut there = dbus.name_has_owner(BusName::try_from(WATCHER)?).await?;
        shell.tray_is_there(there, move |app| build(app, light));
        let mut first = None;
        if hidden && !there {
            match tokio::time::timeout(PATIENCE, changes.next()).await {
                Ok(change) => first = change,
                Err(_) => window::reveal(shell.app()),
            }
        }
        while let Some(change) = match first.take() {
            Some(change) => Some(change),
            None => changes.next().await,
        } {
            there = change.args()?.new_owner().is_some();
            shell.tray_is_there(there, move |app| build(app, light));
        }
        Ok(())
    }

    /// Whether the panel is dark, as far as that can be known: GNOME's always is, others' follow the session's colours.
    async fn is_dark(bus: &Connection) -> bool {
        let desktop = std::env::var("XDG_CURRENT_DESKTOP").unwrap_or_default().to_ascii_lowercase();
        let theme = std::env::var("GTK_THEME").unwrap_or_default().to_ascii_lowercase();
        if desktop.contains("gnome") || desktop.contains("unity") || theme.contains("dark") {
            return true;
        }
        let asked = bus.call_method(
            Some("org.freedesktop.portal.Desktop"),
            "/org/freedesktop/portal/desktop",
            Some("org.freedesktop.portal.Settings"),
            "Read",
            &("org.freedesktop.appearance", "color-scheme"),
        );
        let Ok(Ok(answer)) = tokio::time::timeout(COLOURS_WITHIN, asked).await else { return false };
        answer.body().deserialize::<OwnedValue>().is_ok_and(|value| prefers_dark(&value))
    }

    /// The portal's word for dark is 1; by the older of its calls it comes in one wrapping more.
    fn prefers_dark(value: &Value<'_>) -> bool {
        match value {
            Value::Value(inner) => prefers_dark(inner),
            Value::U32(scheme) => *scheme == 1,
            _ => false,
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn the_portals_word_for_dark_is_understood() {
            assert!(prefers_dark(&Value::U32(1)));
            assert!(prefers_dark(&Value::Value(Box::new(Value::U32(1)))));
            assert!(!prefers_dark(&Value::U32(2)));
            assert!(!prefers_dark(&Value::from("dark")));
        }
    }
}
