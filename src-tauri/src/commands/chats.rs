//! Chats: listing, making, joining, members, invites, and what the person chose for each.

use desktop_app::views::{ChatView, FOREVER, MemberView};
use parley_protocol::http::Invite;
use parley_protocol::{AccountId, ChatId, Millis, Role};
use serde::Deserialize;

use super::App;
use crate::failure::Answer;
use crate::views::FoundChat;

/// Until when a chat is to be silent: a time, or for good.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Until {
    Time(Millis),
    Word(Forever),
}

/// For good.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Forever {
    Forever,
}

impl Until {
    /// As the engine takes it; 0 for no longer.
    fn millis(until: Option<Self>) -> Millis {
        match until {
            Some(Self::Time(time)) => time,
            Some(Self::Word(Forever::Forever)) => FOREVER,
            None => 0,
        }
    }
}

#[tauri::command]
pub(crate) async fn chats(shell: App<'_>) -> Answer<Vec<ChatView>> {
    Ok(shell.engine().await?.chats().await?)
}

#[tauri::command]
pub(crate) async fn chat(shell: App<'_>, chat: ChatId) -> Answer<ChatView> {
    Ok(shell.engine().await?.chat(chat).await?)
}

#[tauri::command]
pub(crate) async fn new_direct(shell: App<'_>, member: String) -> Answer<ChatId> {
    Ok(shell.engine().await?.new_direct(&member).await?)
}

#[tauri::command]
pub(crate) async fn new_group(shell: App<'_>, title: String, members: Vec<String>) -> Answer<ChatId> {
    Ok(shell.engine().await?.new_group(&title, members).await?)
}

#[tauri::command]
pub(crate) async fn new_channel(shell: App<'_>, title: String, description: String, is_public: bool) -> Answer<ChatId> {
    Ok(shell.engine().await?.new_channel(&title, &description, is_public).await?)
}

#[tauri::command]
pub(crate) async fn find_public(shell: App<'_>, query: String) -> Answer<Vec<FoundChat>> {
    Ok(shell.engine().await?.find_public(&query).await?.into_iter().map(FoundChat::from).collect())
}

#[tauri::command]
pub(crate) async fn join(shell: App<'_>, chat: ChatId) -> Answer<()> {
    Ok(shell.engine().await?.join(chat).await?)
}

#[tauri::command]
pub(crate) async fn show_invite(shell: App<'_>, code: String) -> Answer<Invite> {
    Ok(shell.engine().await?.show_invite(&code).await?)
}

#[tauri::command]
pub(crate) async fn join_by_invite(shell: App<'_>, code: String) -> Answer<ChatId> {
    Ok(shell.engine().await?.join_by_invite(&code).await?)
}

#[tauri::command]
pub(crate) async fn create_invite(
    shell: App<'_>,
    chat: ChatId,
    expires_in: Option<u64>,
    uses: Option<u32>,
) -> Answer<Invite> {
    Ok(shell.engine().await?.create_invite(chat, expires_in, uses).await?)
}

#[tauri::command]
pub(crate) async fn invites(shell: App<'_>, chat: ChatId) -> Answer<Vec<Invite>> {
    Ok(shell.engine().await?.invites(chat).await?)
}

#[tauri::command]
pub(crate) async fn revoke_invite(shell: App<'_>, chat: ChatId, code: String) -> Answer<()> {
    Ok(shell.engine().await?.revoke_invite(chat, &code).await?)
}

#[tauri::command]
pub(crate) async fn leave(shell: App<'_>, chat: ChatId) -> Answer<()> {
    Ok(shell.engine().await?.leave(chat).await?)
}

#[tauri::command]
pub(crate) async fn delete_chat(shell: App<'_>, chat: ChatId) -> Answer<()> {
    Ok(shell.engine().await?.delete_chat(chat).await?)
}

#[tauri::command]
pub(crate) async fn describe(
    shell: App<'_>,
    chat: ChatId,
    title: Option<String>,
    description: Option<String>,
) -> Answer<()> {
    Ok(shell.engine().await?.describe(chat, title, description).await?)
}

#[tauri::command]
pub(crate) async fn set_retention(shell: App<'_>, chat: ChatId, seconds: Option<u64>) -> Answer<()> {
    Ok(shell.engine().await?.set_retention(chat, seconds).await?)
}

#[tauri::command]
pub(crate) async fn members(shell: App<'_>, chat: ChatId) -> Answer<Vec<MemberView>> {
    Ok(shell.engine().await?.members(chat).await?)
}

#[tauri::command]
pub(crate) async fn add_member(shell: App<'_>, chat: ChatId, member: String) -> Answer<()> {
    Ok(shell.engine().await?.add_member(chat, &member).await?)
}

#[tauri::command]
pub(crate) async fn remove_member(shell: App<'_>, chat: ChatId, account: AccountId) -> Answer<()> {
    Ok(shell.engine().await?.remove_member(chat, account).await?)
}

#[tauri::command]
pub(crate) async fn set_role(shell: App<'_>, chat: ChatId, account: AccountId, role: Role) -> Answer<()> {
    Ok(shell.engine().await?.set_role(chat, account, role).await?)
}

#[tauri::command]
pub(crate) async fn mute(shell: App<'_>, chat: ChatId, until: Option<Until>) -> Answer<()> {
    Ok(shell.engine().await?.mute(chat, Until::millis(until)).await?)
}

#[tauri::command]
pub(crate) async fn pin(shell: App<'_>, chat: ChatId, pinned: bool) -> Answer<()> {
    Ok(shell.engine().await?.pin(chat, pinned).await?)
}

#[tauri::command]
pub(crate) async fn archive(shell: App<'_>, chat: ChatId, archived: bool) -> Answer<()> {
    Ok(shell.engine().await?.archive(chat, archived).await?)
}

#[tauri::command]
pub(crate) async fn set_draft(shell: App<'_>, chat: ChatId, draft: String) -> Answer<()> {
    Ok(shell.engine().await?.set_draft(chat, &draft).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chat_is_muted_until_a_time_or_for_good_or_no_longer() {
        let read = |text: &str| serde_json::from_str::<Option<Until>>(text).map(Until::millis);
        assert_eq!(read("1700000000000").unwrap(), 1_700_000_000_000);
        assert_eq!(read("\"forever\"").unwrap(), FOREVER);
        assert_eq!(read("null").unwrap(), 0);
        assert!(read("\"tomorrow\"").is_err());
    }
}
