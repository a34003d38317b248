//! Other people.

use parley_protocol::AccountId;
use parley_protocol::http::User;

use super::App;
use crate::failure::Answer;

#[tauri::command]
pub(crate) async fn find_users(shell: App<'_>, query: String) -> Answer<Vec<User>> {
    Ok(shell.engine().await?.find_users(&query).await?)
}

#[tauri::command]
pub(crate) async fn blocked(shell: App<'_>) -> Answer<Vec<User>> {
    Ok(shell.engine().await?.blocked().await?)
}

#[tauri::command]
pub(crate) async fn set_blocked(shell: App<'_>, account: AccountId, blocked: bool) -> Answer<()> {
    Ok(shell.engine().await?.set_blocked(account, blocked).await?)
}
