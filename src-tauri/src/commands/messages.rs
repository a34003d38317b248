//! Messages: sending, changing, reading, finding.

use desktop_app::views::{DeviceDelivery, Hit, MessageView, Outgoing, Page};
use parley_protocol::{ChatId, MessageKey};

use super::App;
use crate::failure::Answer;

#[tauri::command]
pub(crate) async fn send(shell: App<'_>, chat: ChatId, message: Outgoing) -> Answer<MessageKey> {
    Ok(shell.engine().await?.send(chat, message).await?)
}

#[tauri::command]
pub(crate) async fn edit(shell: App<'_>, chat: ChatId, key: MessageKey, text: String) -> Answer<()> {
    Ok(shell.engine().await?.edit(chat, key, &text).await?)
}

#[tauri::command]
pub(crate) async fn delete(shell: App<'_>, chat: ChatId, key: MessageKey) -> Answer<()> {
    Ok(shell.engine().await?.delete(chat, key).await?)
}

#[tauri::command]
pub(crate) async fn hide(shell: App<'_>, chat: ChatId, keys: Vec<MessageKey>) -> Answer<()> {
    Ok(shell.engine().await?.hide(chat, keys).await?)
}

#[tauri::command]
pub(crate) async fn react(shell: App<'_>, chat: ChatId, key: MessageKey, emoji: String, on: bool) -> Answer<()> {
    Ok(shell.engine().await?.react(chat, key, &emoji, on).await?)
}

#[tauri::command]
pub(crate) async fn retry(shell: App<'_>, chat: ChatId, key: MessageKey) -> Answer<()> {
    Ok(shell.engine().await?.retry(chat, key).await?)
}

#[tauri::command]
pub(crate) async fn history(shell: App<'_>, chat: ChatId, page: Page, limit: usize) -> Answer<Vec<MessageView>> {
    Ok(shell.engine().await?.history(chat, page, limit).await?)
}

#[tauri::command]
pub(crate) async fn message(shell: App<'_>, chat: ChatId, key: MessageKey) -> Answer<MessageView> {
    Ok(shell.engine().await?.message(chat, key).await?)
}

#[tauri::command]
pub(crate) async fn last_own(shell: App<'_>, chat: ChatId) -> Answer<Option<MessageKey>> {
    Ok(shell.engine().await?.last_own(chat).await?)
}

#[tauri::command]
pub(crate) async fn deliveries(shell: App<'_>, chat: ChatId, key: MessageKey) -> Answer<Vec<DeviceDelivery>> {
    Ok(shell.engine().await?.deliveries(chat, key).await?)
}

#[tauri::command]
pub(crate) async fn search(shell: App<'_>, query: String, chat: Option<ChatId>, limit: usize) -> Answer<Vec<Hit>> {
    Ok(shell.engine().await?.search(&query, chat, limit).await?)
}

#[tauri::command]
pub(crate) async fn mark_read(shell: App<'_>, chat: ChatId, upto: Option<MessageKey>) -> Answer<()> {
    Ok(shell.engine().await?.mark_read(chat, upto).await?)
}

#[tauri::command]
pub(crate) async fn typing(shell: App<'_>, chat: ChatId, on: bool) -> Answer<()> {
    Ok(shell.engine().await?.typing(chat, on).await?)
}
