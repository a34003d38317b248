//! The account, its devices, and what the person chose.

use desktop_app::views::{Connection, DeviceView, Me, RelayInfo, Settings};
use parley_protocol::DeviceId;
use parley_protocol::frames::Activity;
use parley_protocol::http::{Account, CheckUsername, ShowPresence, SignIn, SignUp};
use serde::Deserialize;

use super::App;
use crate::failure::Answer;

/// A sign-in, as the screen asks for it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    /// A username or an address.
    name: String,
    password: String,
    device_name: Option<String>,
}

impl From<Entry> for SignIn {
    fn from(entry: Entry) -> Self {
        // Usernames have no `@`.
        let (username, email) =
            if entry.name.contains('@') { (None, Some(entry.name)) } else { (Some(entry.name), None) };
        Self { username, email, password: entry.password, device: None, device_name: entry.device_name }
    }
}

#[tauri::command]
pub(crate) async fn me(shell: App<'_>) -> Answer<Option<Me>> {
    Ok(shell.engine().await?.me().await?)
}

#[tauri::command]
pub(crate) async fn connection(shell: App<'_>) -> Answer<Connection> {
    Ok(shell.engine().await?.connection().await?)
}

#[tauri::command]
pub(crate) async fn check_relay(shell: App<'_>, relay: String) -> Answer<RelayInfo> {
    Ok(shell.engine().await?.check_relay(&relay).await?)
}

#[tauri::command]
pub(crate) async fn check_username(shell: App<'_>, relay: String, request: CheckUsername) -> Answer<()> {
    Ok(shell.engine().await?.check_username(&relay, request).await?)
}

#[tauri::command]
pub(crate) async fn sign_up(shell: App<'_>, relay: String, request: SignUp) -> Answer<Me> {
    Ok(shell.engine().await?.sign_up(&relay, request).await?)
}

#[tauri::command]
pub(crate) async fn sign_in(shell: App<'_>, relay: String, request: Entry) -> Answer<Me> {
    Ok(shell.engine().await?.sign_in(&relay, request.into()).await?)
}

#[tauri::command]
pub(crate) async fn sign_out(shell: App<'_>, all: bool) -> Answer<()> {
    Ok(shell.engine().await?.sign_out(all).await?)
}

#[tauri::command]
pub(crate) async fn in_keychain(shell: App<'_>) -> Answer<bool> {
    Ok(shell.engine().await?.tokens_in_keychain().await?)
}

#[tauri::command]
pub(crate) async fn change_password(shell: App<'_>, current: String, next: String) -> Answer<()> {
    Ok(shell.engine().await?.change_password(&current, &next).await?)
}

#[tauri::command]
pub(crate) async fn delete_account(shell: App<'_>, password: String) -> Answer<()> {
    Ok(shell.engine().await?.delete_account(&password).await?)
}

#[tauri::command]
pub(crate) async fn account(shell: App<'_>) -> Answer<Account> {
    Ok(shell.engine().await?.account().await?)
}

#[tauri::command]
pub(crate) async fn show_presence(shell: App<'_>, show: ShowPresence) -> Answer<()> {
    Ok(shell.engine().await?.show_presence(show).await?)
}

#[tauri::command]
pub(crate) async fn devices(shell: App<'_>) -> Answer<Vec<DeviceView>> {
    Ok(shell.engine().await?.devices().await?)
}

#[tauri::command]
pub(crate) async fn rename_device(shell: App<'_>, device: DeviceId, name: String) -> Answer<()> {
    Ok(shell.engine().await?.rename_device(device, &name).await?)
}

#[tauri::command]
pub(crate) async fn revoke_device(shell: App<'_>, device: DeviceId) -> Answer<()> {
    Ok(shell.engine().await?.revoke_device(device).await?)
}

#[tauri::command]
pub(crate) async fn settings(shell: App<'_>) -> Answer<Settings> {
    Ok(shell.engine().await?.settings().await?)
}

#[tauri::command]
pub(crate) async fn set_settings(shell: App<'_>, settings: Settings) -> Answer<()> {
    Ok(shell.engine().await?.set_settings(settings).await?)
}

#[tauri::command]
pub(crate) async fn set_activity(shell: App<'_>, activity: Activity) -> Answer<()> {
    Ok(shell.engine().await?.set_activity(activity).await?)
}

#[tauri::command]
pub(crate) async fn retry_now(shell: App<'_>) -> Answer<()> {
    Ok(shell.engine().await?.network_changed().await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_signs_in_by_name_or_by_address() {
        let entry =
            |name: &str| SignIn::from(Entry { name: name.to_owned(), password: "x".to_owned(), device_name: None });
        assert_eq!(entry("alice").username.as_deref(), Some("alice"));
        assert_eq!(entry("alice@example.org").email.as_deref(), Some("alice@example.org"));
        assert_eq!(entry("alice@example.org").username, None);
    }
}
