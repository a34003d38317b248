//! Newer versions, for those who publish them: without an `updater` among the plugins of the configuration nobody is ever asked.
//!
//! Whoever builds Parley for others names a server and the key that signs there:
//! `{"plugins": {"updater": {"endpoints": ["https://…"], "pubkey": "…"}}}`, by `--config` of the bundler.

use tauri::{AppHandle, Config, Manager as _};
use tauri_plugin_updater::UpdaterExt as _;

use crate::notifications::{Note, Then};
use crate::shell::Shell;
use crate::words::{Word, words};

/// Whether this build knows where newer versions are.
pub(crate) fn configured(config: &Config) -> bool {
    config.plugins.0.contains_key("updater")
}

/// Looks for a newer version, once, beside the start.
pub(crate) fn look(app: &AppHandle) {
    if !configured(app.config()) {
        return;
    }
    let app = app.clone();
    tauri::async_runtime::spawn(async move {
        let found = match app.updater() {
            Ok(updater) => updater.check().await,
            Err(error) => Err(error),
        };
        match found {
            Ok(Some(update)) => {
                let shell = app.state::<Shell>();
                let say = words(shell.preferences().language.as_deref());
                let note = Note {
                    title: format!("Parley {}", update.version),
                    text: say(Word::Update).to_owned(),
                    open: say(Word::Open).to_owned(),
                };
                shell.notifications().show(note, Then::Update(Box::new(update)));
            }
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, "it is not known whether there is a newer version"),
        }
    });
}

/// Installs a newer version and starts it.
pub(crate) async fn install(app: AppHandle, update: tauri_plugin_updater::Update) {
    match update.download_and_install(|_, _| {}, || {}).await {
        Ok(()) => app.restart(),
        Err(error) => tracing::error!(%error, "the newer version could not be installed"),
    }
}
