//! The window: made, shown, closed, zoomed, and where it stood the last time.

use anyhow::Context as _;
use tauri::plugin::TauriPlugin;
use tauri::{
    AppHandle, Manager as _, RunEvent, Theme as WindowTheme, WebviewUrl, WebviewWindowBuilder, Window, WindowEvent, Wry,
};
use tauri_plugin_autostart::ManagerExt as _;
use tauri_plugin_window_state::StateFlags;

use crate::profile::{DEFAULT, Place};
use crate::shell::Shell;
use crate::views::{Preferences, Theme};

const LABEL: &str = "main";

/// Keeps the window's place and size; whether it shows is decided at each start.
pub(crate) fn remembered() -> TauriPlugin<Wry> {
    tauri_plugin_window_state::Builder::new().with_state_flags(StateFlags::all() & !StateFlags::VISIBLE).build()
}

/// Starts this profile with the person's session, in the tray.
pub(crate) fn at_login(place: &Place) -> TauriPlugin<Wry> {
    let name = if place.name == DEFAULT { "Parley".to_owned() } else { format!("Parley {}", place.name) };
    tauri_plugin_autostart::Builder::new().app_name(name).args(["--hidden", "--profile", &place.name]).build()
}

/// Makes the window.
pub(crate) fn open(app: &AppHandle, shell: &Shell, hidden: bool) -> anyhow::Result<()> {
    let place = shell.place();
    WebviewWindowBuilder::new(app, LABEL, WebviewUrl::App("index.html".into()))
        .title(title(&place.name, shell.unread()))
        .inner_size(1100.0, 760.0)
        .min_inner_size(360.0, 480.0)
        // Where there turns out to be no tray, it is shown after all.
        .visible(!hidden)
        .data_directory(place.folder().join("webview"))
        .on_navigation(is_own)
        .build()
        .context("the window could not be made")?;
    #[cfg(target_os = "linux")]
    load_again(app);
    apply(app, &shell.preferences());
    Ok(())
}

/// The webview's process may die where memory is short. The screen is loaded again, and comes up as the engine has it.
#[cfg(target_os = "linux")]
fn load_again(app: &AppHandle) {
    use webkit2gtk::WebViewExt as _;

    let Some(window) = app.get_webview_window(LABEL) else { return };
    let shell = app.state::<Shell>().inner().clone();
    let heard = window.with_webview(move |webview| {
        webview.inner().connect_web_process_terminated(move |webview, reason| {
            tracing::error!(?reason, "the webview has ended by itself; the screen is loaded again");
            shell.stop_listening();
            webview.reload();
        });
    });
    if let Err(error) = heard {
        tracing::warn!(%error, "the webview does not answer");
    }
}

/// Whether an address is the screen's own: nothing else is ever shown in this window.
fn is_own(url: &tauri::Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    // As a scheme of its own, or on Windows as a host that nobody else can have.
    url.scheme() == "tauri" || host == "tauri.localhost"
}

/// Says in the window's title how much is unread: lists of windows show it where there is no tray.
pub(crate) fn entitle(shell: &Shell) {
    let Some(window) = shell.app().get_webview_window(LABEL) else { return };
    if let Err(error) = window.set_title(&title(&shell.place().name, shell.unread())) {
        tracing::warn!(%error, "the window did not take its title");
    }
}

fn title(profile: &str, unread: u64) -> String {
    let name = if profile == DEFAULT { "Parley".to_owned() } else { format!("Parley – {profile}") };
    if unread > 0 { format!("({unread}) {name}") } else { name }
}

/// Shows the window, before everything else.
pub(crate) fn raise(app: &AppHandle) {
    let Some(window) = app.get_webview_window(LABEL) else { return };
    for done in [window.show(), window.unminimize(), window.set_focus()] {
        if let Err(error) = done {
            tracing::warn!(%error, "the window could not be raised");
        }
    }
    looked_at(&app.state::<Shell>());
}

/// Whoever comes to the window has seen what it shows.
fn looked_at(shell: &Shell) {
    if let Some(chat) = shell.visible() {
        shell.notifications().clear(chat);
    }
}

/// Shows the window if it is hidden.
pub(crate) fn reveal(app: &AppHandle) {
    let Some(window) = app.get_webview_window(LABEL) else { return };
    if !window.is_visible().unwrap_or(true)
        && let Err(error) = window.show()
    {
        tracing::warn!(%error, "the window could not be shown");
    }
}

/// Closes the window, as the person does on its frame.
pub(crate) fn close(app: &AppHandle) {
    let Some(window) = app.get_webview_window(LABEL) else { return };
    if let Err(error) = window.close() {
        tracing::warn!(%error, "the window could not be closed");
    }
}

/// Does a command of WebKit's editor to what is selected or has the focus.
#[cfg(target_os = "linux")]
pub(crate) fn edit(app: &AppHandle, command: &str) {
    use webkit2gtk::WebViewExt as _;

    let Some(window) = app.get_webview_window(LABEL) else { return };
    let command = command.to_owned();
    if let Err(error) = window.with_webview(move |webview| webview.inner().execute_editing_command(&command)) {
        tracing::warn!(%error, "the webview does not answer");
    }
}

/// Whether the person looks at the window.
pub(crate) fn has_focus(app: &AppHandle) -> bool {
    app.get_webview_window(LABEL).is_some_and(|window| window.is_focused().unwrap_or(false))
}

/// Does to the window what the person chose.
pub(crate) fn apply(app: &AppHandle, chosen: &Preferences) {
    let Some(window) = app.get_webview_window(LABEL) else { return };
    let theme = match chosen.theme {
        Theme::System => None,
        Theme::Light => Some(WindowTheme::Light),
        Theme::Dark => Some(WindowTheme::Dark),
    };
    for done in [window.set_zoom(chosen.zoom), window.set_theme(theme)] {
        if let Err(error) = done {
            tracing::warn!(%error, "the window did not take what was chosen");
        }
    }
}

/// Starts the profile at login, or no longer.
pub(crate) fn set_at_login(app: &AppHandle, wanted: bool) -> Result<(), tauri_plugin_autostart::Error> {
    let autostart = app.autolaunch();
    if wanted { autostart.enable() } else { autostart.disable() }
}

/// Closing leaves the app in the tray, if that is wanted and there is one.
pub(crate) fn event(window: &Window, event: &WindowEvent) {
    let shell = window.state::<Shell>();
    match event {
        WindowEvent::CloseRequested { api, .. } if shell.preferences().close_to_tray && shell.has_tray() => {
            api.prevent_close();
            if let Err(error) = window.hide() {
                tracing::warn!(%error, "the window could not be hidden");
            }
        }
        WindowEvent::Focused(true) => looked_at(&shell),
        _ => {}
    }
}

/// The last thing that this process does is to close the profile.
pub(crate) fn run(app: &AppHandle, event: RunEvent) {
    match event {
        RunEvent::Exit => tauri::async_runtime::block_on(app.state::<Shell>().close()),
        #[cfg(target_os = "macos")]
        RunEvent::Reopen { .. } => raise(app),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_title_says_which_profile_it_is_and_how_much_is_unread() {
        assert_eq!(title(DEFAULT, 0), "Parley");
        assert_eq!(title("work", 3), "(3) Parley – work");
    }

    #[test]
    fn nothing_but_the_screen_is_shown_in_the_window() {
        for (address, own) in [
            ("tauri://localhost/index.html", true),
            ("http://tauri.localhost/index.html", true),
            ("https://example.org/", false),
            ("https://tauri.localhost.example.org/", false),
            ("file:///etc/passwd", false),
        ] {
            assert_eq!(is_own(&address.parse().unwrap()), own, "{address}");
        }
    }
}
