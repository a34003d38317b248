//! Other programs, which are to find what they would find without this one: the browser, or a window of another profile.
//!
//! An AppImage lies in a folder that goes when its program ends, and its environment leads there: to its libraries, its modules, its
//! schemas. A browser that loads them does not start, or crashes as soon as this window is closed.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What an AppImage sets that isn't in its folder, or names it. `GTK_THEME` is set for GTK's own theme, the only one it has with it.
const OF_AN_APPIMAGE: [&str; 5] = ["APPDIR", "APPIMAGE", "ARGV0", "OWD", "GTK_THEME"];

/// The AppImage that this program is in: its file, and the folder as which it is to be seen while it runs.
struct AppImage {
    file: PathBuf,
    folder: PathBuf,
}

impl AppImage {
    /// None, if this program isn't in one. The variables alone say nothing: what started it may be in another one.
    fn this() -> Option<Self> {
        let file = PathBuf::from(std::env::var_os("APPIMAGE")?);
        let folder = PathBuf::from(std::env::var_os("APPDIR")?);
        std::env::current_exe().is_ok_and(|program| program.starts_with(&folder)).then_some(Self { file, folder })
    }
}

/// Whether this program is in an AppImage, of which the system knows nothing.
pub(crate) fn in_an_appimage() -> bool {
    AppImage::this().is_some()
}

/// By what this program is started again, beside the one that runs.
///
/// # Errors
/// The system doesn't tell.
pub(crate) fn own() -> std::io::Result<PathBuf> {
    AppImage::this().map_or_else(std::env::current_exe, |image| Ok(image.file))
}

/// A folder that somebody named on the way to this program. An AppImage starts in a folder of its own.
pub(crate) fn named(folder: PathBuf) -> PathBuf {
    match std::env::var_os("OWD") {
        Some(before) if in_an_appimage() => Path::new(&before).join(folder),
        _ => folder,
    }
}

/// Starts another program, and leaves it alone.
///
/// # Errors
/// It could not be started.
pub(crate) fn start(mut command: Command) -> std::io::Result<()> {
    crate::graphics::forget(&mut command);
    if let Some(image) = AppImage::this() {
        for (name, value) in changes(&image.folder, std::env::vars_os()) {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        // Not in the AppImage's folder, which could not go then.
        let before = std::env::var_os("OWD").map(PathBuf::from).filter(|before| before.is_dir());
        command.current_dir(before.unwrap_or_else(|| PathBuf::from("/")));
    }
    let mut program = command.spawn()?;
    // Somebody has to ask how it ended, or it stays in the system's list of processes; a browser may run for long.
    std::thread::spawn(move || program.wait());
    Ok(())
}

/// The variables that lead into an AppImage's folder, with what is left of each without it.
fn changes(
    folder: &Path,
    all: impl Iterator<Item = (OsString, OsString)>,
) -> impl Iterator<Item = (OsString, Option<OsString>)> {
    all.filter_map(move |(name, value)| {
        if OF_AN_APPIMAGE.iter().any(|one| name == *one) {
            return Some((name, None));
        }
        let inside = |entry: &Path| entry.starts_with(folder);
        if !std::env::split_paths(&value).any(|entry| inside(&entry)) {
            return None;
        }
        let rest = std::env::split_paths(&value).filter(|entry| !inside(entry) && entry != Path::new(""));
        let rest = std::env::join_paths(rest).ok().filter(|rest| rest != OsStr::new(""));
        Some((name, rest))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leads_into_an_appimage_is_kept_from_others() {
        let folder = Path::new("/tmp/.mount_ParleyX");
        for (name, value, wanted) in [
            ("PATH", "/tmp/.mount_ParleyX/usr/bin/:/usr/local/bin:/usr/bin", Some(Some("/usr/local/bin:/usr/bin"))),
            ("LD_LIBRARY_PATH", "/tmp/.mount_ParleyX/usr/lib/:/tmp/.mount_ParleyX//usr/lib64:", Some(None)),
            ("GIO_MODULE_DIR", "/tmp/.mount_ParleyX/usr/lib/gio/modules", Some(None)),
            ("XDG_DATA_DIRS", "/tmp/.mount_ParleyX/usr/share:/usr/share:", Some(Some("/usr/share"))),
            ("APPIMAGE", "/home/alice/Parley.AppImage", Some(None)),
            ("GTK_THEME", "Adwaita:dark", Some(None)),
            ("HOME", "/home/alice", None),
            ("XDG_CONFIG_DIRS", "/etc/xdg:", None),
            ("OTHER", "/tmp/.mount_ParleyXY/usr", None),
            ("DBUS_SESSION_BUS_ADDRESS", "unix:path=/run/user/1000/bus", None),
        ] {
            let found = changes(folder, std::iter::once((name.into(), value.into()))).next();
            assert_eq!(found, wanted.map(|left| (name.into(), left.map(OsString::from))), "{name}={value}");
        }
    }
}
