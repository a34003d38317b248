//! `parley://` links, and second starts: what was asked for is done in the window that is open.

use std::process::Stdio;
use std::sync::Mutex;

use clap::Parser as _;
use tauri::{AppHandle, Manager as _};
use tauri_plugin_deep_link::DeepLinkExt as _;

use crate::args::Args;
use crate::programs;
use crate::shell::{Shell, held};
use crate::window;

/// The scheme that is Parley's.
const SCHEME: &str = "parley://";

/// A link of a start that fell within the first moments of another one, before there was a shell to take it.
#[derive(Default)]
pub(crate) struct Early(Mutex<Option<String>>);

/// The app was started again with this profile.
pub(crate) fn second_start(app: &AppHandle, given: &[String]) {
    window::raise(app);
    if let Ok(Args { link: Some(link), .. }) = Args::try_parse_from(given) {
        take(app, link);
    }
}

/// Links come on the command line, or by the system where it has a way of its own. The shell is there from now on.
pub(crate) fn listen(app: &AppHandle) {
    let early = held(&app.state::<Early>().0).take();
    if let Some(link) = early {
        take(app, link);
    }
    #[cfg(target_os = "macos")]
    {
        let opener = app.clone();
        app.deep_link().on_open_url(move |event| {
            window::raise(&opener);
            event.urls().into_iter().for_each(|link| take(&opener, link.to_string()));
        });
    }
    // An installed package has told the system of the scheme; an AppImage has to do so itself.
    if programs::in_an_appimage()
        && let Err(error) = app.deep_link().register_all()
    {
        tracing::warn!(%error, "the system was not told of parley:// links");
    }
}

fn take(app: &AppHandle, link: String) {
    if link.starts_with(SCHEME) {
        // Held while it is looked for a shell, so that `listen` comes after it.
        let early = app.state::<Early>();
        let mut early = held(&early.0);
        match app.try_state::<Shell>() {
            Some(shell) => shell.open_link(link),
            None => *early = Some(link),
        }
    }
}

/// Schemes of links that may be opened outside.
const OUTSIDE: [&str; 3] = ["http", "https", "mailto"];

/// Whether a link may be handed to the system.
pub(crate) fn may_open(link: &str) -> bool {
    let plain = !link.chars().any(|letter| letter.is_control() || letter.is_whitespace());
    plain && tauri::Url::parse(link).is_ok_and(|url| OUTSIDE.contains(&url.scheme()))
}

/// Hands a link to the program that the person has for it. `may_open` was asked before.
///
/// # Errors
/// No program could be started.
pub(crate) fn open_outside(link: &str) -> std::io::Result<()> {
    let mut failed = std::io::Error::new(std::io::ErrorKind::NotFound, "there is no program for it");
    for mut command in open::commands(link) {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        match programs::start(command) {
            Ok(()) => return Ok(()),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_and_mail_are_opened_outside() {
        for (link, may) in [
            ("https://example.org/a?b=c#d", true),
            ("http://127.0.0.1:3030", true),
            ("mailto:alice@example.org", true),
            ("HTTPS://EXAMPLE.ORG", true),
            ("file:///etc/passwd", false),
            ("javascript:alert(1)", false),
            ("smb://host/share", false),
            ("https://example.org/ --new-window", false),
            ("https://example.org\n", false),
            ("example.org", false),
            ("", false),
        ] {
            assert_eq!(may_open(link), may, "{link}");
        }
    }
}
