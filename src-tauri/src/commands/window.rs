//! The window, the profile behind it, and the system around it.

use parley_protocol::ChatId;
use tauri_plugin_clipboard_manager::ClipboardExt as _;

use super::App;
use crate::failure::{Answer, Failure};
use crate::links;
use crate::programs;
use crate::views::{Preferences, ProfileView, ScreenEvent, Start};
use crate::window;

/// Licences of everything that is in the app, made by `make licences`.
const LICENCES: &str = include_str!("../../licences.txt");

#[tauri::command]
pub(crate) async fn start(shell: App<'_>) -> Answer<Start> {
    Ok(shell.start().await)
}

#[tauri::command]
pub(crate) async fn subscribe(shell: App<'_>) -> Answer<()> {
    shell.listen();
    Ok(())
}

#[tauri::command]
pub(crate) async fn next_events(shell: App<'_>) -> Answer<Option<Vec<ScreenEvent>>> {
    Ok(shell.next_events().await)
}

#[tauri::command]
pub(crate) async fn set_preferences(shell: App<'_>, preferences: Preferences) -> Answer<()> {
    let kept = |error: std::io::Error| Failure::new("storage", format!("this could not be kept: {error}"));
    // First what the system may refuse: what is kept is what holds.
    if shell.preferences().autostart != preferences.autostart {
        window::set_at_login(shell.app(), preferences.autostart)
            .map_err(|error| Failure::new("system", format!("the start at login could not be changed: {error}")))?;
    }
    let before = shell.choose(preferences.clone()).map_err(kept)?;
    window::apply(shell.app(), &shell.preferences());
    if before.language != preferences.language {
        shell.speak();
    }
    Ok(())
}

#[tauri::command]
pub(crate) async fn profiles(shell: App<'_>) -> Answer<Vec<ProfileView>> {
    Ok(shell.place().all())
}

#[tauri::command]
pub(crate) async fn open_profile(shell: App<'_>, name: String) -> Answer<()> {
    let other = shell.place().beside(&name).map_err(|error| Failure::new("invalid", error.to_string()))?;
    let failed = |error: std::io::Error| Failure::new("system", format!("the profile could not be opened: {error}"));
    programs::start_own(["--profile", &other.name]).map_err(failed)
}

#[tauri::command]
pub(crate) async fn reopen(shell: App<'_>) -> Answer<Start> {
    shell.open().await;
    Ok(shell.start().await)
}

#[tauri::command]
pub(crate) async fn open_external(url: String) -> Answer<()> {
    if !links::may_open(&url) {
        return Err(Failure::new("invalid", "only links to pages and mail are opened"));
    }
    links::open_outside(&url).map_err(|error| Failure::new("system", format!("the link could not be opened: {error}")))
}

#[tauri::command]
pub(crate) async fn copy(shell: App<'_>, text: String) -> Answer<()> {
    shell
        .app()
        .clipboard()
        .write_text(text)
        .map_err(|error| Failure::new("system", format!("it was not copied: {error}")))
}

/// The clipboard may be another program's, which takes its time.
#[tauri::command]
pub(crate) async fn paste(shell: App<'_>) -> Answer<String> {
    let app = shell.app().clone();
    let read = tauri::async_runtime::spawn_blocking(move || app.clipboard().read_text());
    let failed = |error: &dyn std::fmt::Display| Failure::new("system", format!("the clipboard gave no text: {error}"));
    read.await.map_err(|error| failed(&error))?.map_err(|error| failed(&error))
}

#[tauri::command]
pub(crate) async fn licences() -> Answer<&'static str> {
    Ok(LICENCES)
}

#[tauri::command]
pub(crate) async fn set_visible_chat(shell: App<'_>, chat: Option<ChatId>) -> Answer<()> {
    shell.set_visible(chat);
    if let Some(chat) = chat {
        shell.notifications().clear(chat);
    }
    Ok(())
}

#[tauri::command]
pub(crate) async fn quit(shell: App<'_>) -> Answer<()> {
    shell.app().exit(0);
    Ok(())
}
