//! `parley://` links, and second starts: what was asked for is done in the window that is open.

use clap::Parser as _;
use tauri::{AppHandle, Manager as _};
use tauri_plugin_deep_link::DeepLinkExt as _;

use crate::args::Args;
use crate::shell::Shell;
use crate::window;

/// The scheme that is Parley's.
const SCHEME: &str = "parley://";

/// The app was started again with this profile.
pub(crate) fn second_start(app: &AppHandle, given: &[String]) {
    window::raise(app);
    if let Ok(Args { link: Some(link), .. }) = Args::try_parse_from(given) {
        open(app, link);
    }
}

/// Links come on the command line, or by the system where it has a way of its own.
pub(crate) fn listen(app: &AppHandle) {
    #[cfg(target_os = "macos")]
    {
        let opener = app.clone();
        app.deep_link().on_open_url(move |event| {
            window::raise(&opener);
            event.urls().into_iter().for_each(|link| open(&opener, link.to_string()));
        });
    }
    // An installed package has told the system of the scheme; an AppImage has to do so itself.
    if std::env::var_os("APPIMAGE").is_some()
        && let Err(error) = app.deep_link().register_all()
    {
        tracing::warn!(%error, "the system was not told of parley:// links");
    }
}

fn open(app: &AppHandle, link: String) {
    if link.starts_with(SCHEME) {
        app.state::<Shell>().open_link(link);
    }
}

/// Schemes of links that may be opened outside.
const OUTSIDE: [&str; 3] = ["http", "https", "mailto"];

/// Whether a link may be handed to the system.
pub(crate) fn may_open(link: &str) -> bool {
    let plain = !link.chars().any(|letter| letter.is_control() || letter.is_whitespace());
    plain && tauri::Url::parse(link).is_ok_and(|url| OUTSIDE.contains(&url.scheme()))
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
