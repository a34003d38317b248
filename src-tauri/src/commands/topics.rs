//! Topics: live only, nothing is kept.

use super::App;
use crate::failure::Answer;

#[tauri::command]
pub(crate) async fn subscriptions(shell: App<'_>) -> Answer<Vec<String>> {
    Ok(shell.engine().await?.subscriptions().await?)
}

#[tauri::command]
pub(crate) async fn subscribe_topics(shell: App<'_>, patterns: Vec<String>) -> Answer<()> {
    shell.engine().await?.subscribe(patterns).await?;
    Ok(())
}

#[tauri::command]
pub(crate) async fn unsubscribe_topics(shell: App<'_>, patterns: Vec<String>) -> Answer<()> {
    shell.engine().await?.unsubscribe(patterns).await?;
    Ok(())
}

#[tauri::command]
pub(crate) async fn publish(shell: App<'_>, topic: String, data: String) -> Answer<u64> {
    Ok(shell.engine().await?.publish(&topic, &data).await?)
}
