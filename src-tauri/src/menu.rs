//! The window's menu. Its items are the screen's actions by name, but for those which only the shell can do.

use tauri::menu::{Menu, MenuItem, PredefinedMenuItem, Submenu};
use tauri::{AppHandle, Manager as _, Wry};

use crate::shell::Shell;
use crate::views::{Preferences, ShellEvent};
use crate::window;
use crate::words::{Word, words};

/// The steps of the zoom.
const STEPS: [f64; 11] = [0.5, 0.67, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0, 2.5, 3.0];

/// How the names of items begin which are commands of WebKit's editor.
#[cfg(target_os = "linux")]
const EDIT: &str = "edit_";

/// Gives the app its menu in the language that is chosen, in place of the one before.
pub(crate) fn put(shell: &Shell) {
    let app = shell.app();
    let put = build(app, words(shell.preferences().language.as_deref())).and_then(|menu| app.set_menu(menu));
    if let Err(error) = put {
        tracing::warn!(%error, "there is no menu");
    }
}

fn build(app: &AppHandle, say: impl Fn(Word) -> &'static str) -> tauri::Result<Menu<Wry>> {
    let item = |action: &str, word: Word, keys: &str| {
        MenuItem::with_id(app, action, say(word), true, Some(keys).filter(|keys| !keys.is_empty()))
    };
    let line = || PredefinedMenuItem::separator(app);
    let file = Submenu::with_items(
        app,
        say(Word::File),
        true,
        &[
            &item("new_chat", Word::NewChat, "CmdOrCtrl+N")?,
            &item("settings", Word::Settings, "CmdOrCtrl+,")?,
            &line()?,
            &item("close_window", Word::CloseWindow, "CmdOrCtrl+W")?,
            &item("quit", Word::Quit, "CmdOrCtrl+Q")?,
        ],
    )?;
    let [cut, copy, paste, select_all] = editing(app, &say)?;
    let edit = Submenu::with_items(
        app,
        say(Word::Edit),
        true,
        &[
            &cut,
            &copy,
            &paste,
            &select_all,
            &line()?,
            &item("search", Word::Search, "CmdOrCtrl+F")?,
            &item("search_in_chat", Word::SearchHere, "CmdOrCtrl+Shift+F")?,
        ],
    )?;
    let view = Submenu::with_items(
        app,
        say(Word::View),
        true,
        &[
            &item("panel", Word::SidePanel, "CmdOrCtrl+Shift+P")?,
            &line()?,
            &item("zoom_in", Word::Larger, "CmdOrCtrl+=")?,
            &item("zoom_out", Word::Smaller, "CmdOrCtrl+-")?,
            &item("zoom_reset", Word::ActualSize, "CmdOrCtrl+0")?,
        ],
    )?;
    let go = Submenu::with_items(
        app,
        say(Word::Go),
        true,
        &[
            &item("palette", Word::SwitchChat, "CmdOrCtrl+K")?,
            &line()?,
            &item("previous_chat", Word::PreviousChat, "Alt+Up")?,
            &item("next_chat", Word::NextChat, "Alt+Down")?,
            &item("previous_unread", Word::PreviousUnread, "Alt+Shift+Up")?,
            &item("next_unread", Word::NextUnread, "Alt+Shift+Down")?,
        ],
    )?;
    let help = Submenu::with_items(app, say(Word::Help), true, &[&item("shortcuts", Word::Shortcuts, "")?])?;
    Menu::with_items(app, &[&file, &edit, &view, &go, &help])
}

/// What is done to a selection. The menu has no keys for it, as the webview knows its own.
#[cfg(target_os = "linux")]
fn editing(app: &AppHandle, say: &impl Fn(Word) -> &'static str) -> tauri::Result<[MenuItem<Wry>; 4]> {
    // GTK's own items do nothing here.
    let item =
        |command: &str, word: Word| MenuItem::with_id(app, format!("{EDIT}{command}"), say(word), true, None::<&str>);
    Ok([
        item("Cut", Word::Cut)?,
        item("Copy", Word::Copy)?,
        item("Paste", Word::Paste)?,
        item("SelectAll", Word::SelectAll)?,
    ])
}

#[cfg(not(target_os = "linux"))]
fn editing(app: &AppHandle, say: &impl Fn(Word) -> &'static str) -> tauri::Result<[PredefinedMenuItem<Wry>; 4]> {
    Ok([
        PredefinedMenuItem::cut(app, Some(say(Word::Cut)))?,
        PredefinedMenuItem::copy(app, Some(say(Word::Copy)))?,
        PredefinedMenuItem::paste(app, Some(say(Word::Paste)))?,
        PredefinedMenuItem::select_all(app, Some(say(Word::SelectAll)))?,
    ])
}

/// An item was chosen, or its keys were pressed.
pub(crate) fn chosen(app: &AppHandle, action: &str) {
    let shell = app.state::<Shell>();
    match action {
        "quit" => app.exit(0),
        "close_window" => window::close(app),
        "zoom_in" => zoom(&shell, |now| STEPS.into_iter().find(|step| *step > now + 0.01)),
        "zoom_out" => zoom(&shell, |now| STEPS.into_iter().rfind(|step| *step < now - 0.01)),
        "zoom_reset" => zoom(&shell, |_| Some(1.0)),
        // The tray's own items are the tray's.
        tray if tray.starts_with("tray_") => {}
        #[cfg(target_os = "linux")]
        edit if edit.starts_with(EDIT) => window::edit(app, edit.trim_start_matches(EDIT)),
        action => shell.tell(ShellEvent::Action { action: action.to_owned() }),
    }
}

fn zoom(shell: &Shell, step: impl Fn(f64) -> Option<f64>) {
    let now = shell.preferences();
    let Some(zoom) = step(now.zoom) else { return };
    let preferences = Preferences { zoom, ..now };
    if let Err(error) = shell.choose(preferences.clone()) {
        tracing::warn!(%error, "the zoom could not be kept");
    }
    window::apply(shell.app(), &preferences);
    shell.tell(ShellEvent::Preferences { preferences });
}
