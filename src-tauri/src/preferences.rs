//! What the person chose for this window, in a file of the profile's folder: it has to be readable where the profile is not.

use std::io::Write as _;
use std::path::Path;

use crate::views::Preferences;

const FILE: &str = "window.json";

/// Those of a profile; the defaults for whatever was never chosen or cannot be read.
pub(crate) fn load(folder: &Path) -> Preferences {
    let text = std::fs::read(folder.join(FILE)).unwrap_or_default();
    bounded(serde_json::from_slice(&text).unwrap_or_default())
}

/// Keeps them: all of the file or nothing, whatever dies.
pub(crate) fn save(folder: &Path, preferences: &Preferences) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let (file, fresh) = (folder.join(FILE), folder.join(format!("{FILE}.new")));
    let mut out = std::fs::File::create(&fresh)?;
    out.write_all(&serde_json::to_vec_pretty(preferences)?)?;
    out.sync_all()?;
    std::fs::rename(fresh, file)
}

/// With every number within its bounds.
pub(crate) fn bounded(mut preferences: Preferences) -> Preferences {
    preferences.zoom = if preferences.zoom.is_finite() { preferences.zoom.clamp(0.5, 3.0) } else { 1.0 };
    preferences
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_chosen_is_there_again_and_what_was_not_has_its_default() {
        let folder = tempfile::tempdir().unwrap();
        let profile = folder.path().join("new");
        assert_eq!(load(&profile), Preferences::default());
        let chosen = Preferences { zoom: 1.5, close_to_tray: false, ..Preferences::default() };
        save(&profile, &chosen).unwrap();
        assert_eq!(load(&profile), chosen);
        std::fs::write(profile.join(FILE), r#"{"zoom": 90, "from_the_future": 1}"#).unwrap();
        assert_eq!(load(&profile), Preferences { zoom: 3.0, ..Preferences::default() });
        std::fs::write(profile.join(FILE), "{").unwrap();
        assert_eq!(load(&profile), Preferences::default());
    }
}
