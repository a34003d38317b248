//! Other programs, which are to find what they would find without this one: the browser, or a window of another profile.
//!
//! An AppImage lies in a folder that is there while it runs, and its environment leads there: to its libraries, its modules, its
//! schemas. A browser that loads them may not even start.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::bail;

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

    /// Whether its folder is a mount of it; otherwise it was unpacked there.
    fn is_mounted(&self) -> bool {
        self.folder.file_name().is_some_and(|name| name.to_string_lossy().starts_with(".mount_"))
    }
}

/// Whether this program is in an AppImage, of which the system knows nothing.
pub(crate) fn in_an_appimage() -> bool {
    AppImage::this().is_some()
}

/// Starts this program again, beside the one that runs. Of an AppImage that is the file: what lies in this one's folder may go with it.
///
/// # Errors
/// It could not be started, or the system doesn't tell where it is.
pub(crate) fn start_own(arguments: [&str; 2]) -> std::io::Result<()> {
    let image = AppImage::this();
    let mut command = Command::new(match &image {
        Some(image) => image.file.clone(),
        None => std::env::current_exe()?,
    });
    // Where nothing can be mounted, this one was unpacked instead.
    if image.is_some_and(|image| !image.is_mounted()) {
        command.env("APPIMAGE_EXTRACT_AND_RUN", "1");
    }
    command.args(arguments);
    start(command)
}

/// A folder that somebody named on the way to this program. An AppImage starts in its own, and mostly knows where it was before.
///
/// # Errors
/// It is no full path, and nobody knows where it begins.
pub(crate) fn named(folder: PathBuf) -> anyhow::Result<PathBuf> {
    if folder.is_absolute() || !in_an_appimage() {
        return Ok(folder);
    }
    let Some(before) = std::env::var_os("OWD") else {
        bail!("{} is to be a full path where the AppImage is unpacked to run", folder.display());
    };
    Ok(Path::new(&before).join(folder))
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
