//! Where profiles lie: `profiles/NAME` in `$PARLEY_DATA`, or in `parley` in the user's data folder. The terminal client's lie there too.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use crate::programs;
use crate::views::ProfileView;

/// The profile that opens unless another one is named.
pub(crate) const DEFAULT: &str = "default";
/// The most characters of a profile's name.
const MAX_NAME: usize = 32;

/// A profile on this machine.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// Its name, which is its folder's.
    pub(crate) name: String,
    /// All profiles' folder.
    root: PathBuf,
}

impl Place {
    /// The place of a profile of this name.
    pub(crate) fn new(name: &str) -> anyhow::Result<Self> {
        let root = match std::env::var_os("PARLEY_DATA").filter(|folder| !folder.is_empty()) {
            Some(folder) => programs::named(PathBuf::from(folder)).context("PARLEY_DATA")?,
            None => directories::BaseDirs::new().context("there is no home folder")?.data_dir().join("parley"),
        };
        Self::under(&root.join("profiles"), name).context("--profile")
    }

    fn under(root: &Path, name: &str) -> anyhow::Result<Self> {
        let fits = |letter: char| letter.is_alphanumeric() || matches!(letter, '-' | '_' | ' ');
        let name = name.trim();
        if name.is_empty() || name.chars().count() > MAX_NAME || !name.chars().all(fits) {
            bail!("`{name}` is no profile's name; that has up to {MAX_NAME} letters, digits, spaces, `-` and `_`");
        }
        Ok(Self { name: name.to_owned(), root: root.to_owned() })
    }

    /// The profile of another name beside this one.
    pub(crate) fn beside(&self, name: &str) -> anyhow::Result<Self> {
        Self::under(&self.root, name)
    }

    /// Its folder.
    pub(crate) fn folder(&self) -> PathBuf {
        self.root.join(&self.name)
    }

    /// The app's name for the system, apart for each profile. Names on a bus have letters, digits and dots only.
    pub(crate) fn identifier(&self, app: &str) -> String {
        let default = self.name == DEFAULT && std::env::var_os("PARLEY_DATA").is_none();
        if default {
            return app.to_owned();
        }
        use sha2::Digest as _;
        let hash = sha2::Sha256::digest(self.folder().as_os_str().as_encoded_bytes());
        let short: String = hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        format!("{app}.p{short}")
    }

    /// Every profile there is, by name; this one among them even if it has no folder yet.
    pub(crate) fn all(&self) -> Vec<ProfileView> {
        let folders = std::fs::read_dir(&self.root).into_iter().flatten().flatten();
        let mut names: Vec<String> = folders
            .filter(|entry| entry.path().is_dir())
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|name| self.beside(name).is_ok())
            .collect();
        if !names.contains(&self.name) {
            names.push(self.name.clone());
        }
        names.sort();
        let view = |name: String| {
            let me = desktop_app::owner_of(&self.root.join(&name));
            ProfileView { current: name == self.name, username: me.map(|me| me.username), name }
        };
        names.into_iter().map(view).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_folder_and_nothing_above_it() {
        let root = Path::new("/data/profiles");
        assert_eq!(Place::under(root, " Two words ").unwrap().folder(), Path::new("/data/profiles/Two words"));
        for wrong in ["", "..", "a/b", "a\\b", "x\0", "a.b", &"x".repeat(33)] {
            assert!(Place::under(root, wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn profiles_have_their_own_name_for_the_system() {
        let root = Path::new("/data/profiles");
        let one = Place::under(root, "one").unwrap().identifier("chat.parley");
        let two = Place::under(root, "two").unwrap().identifier("chat.parley");
        assert_ne!(one, two);
        assert!(
            one.starts_with("chat.parley.p") && one.chars().all(|letter| letter.is_alphanumeric() || letter == '.')
        );
    }

    #[test]
    fn folders_are_listed_with_this_one_even_before_it_is_made() {
        let data = tempfile::tempdir().unwrap();
        std::fs::create_dir(data.path().join("work")).unwrap();
        std::fs::write(data.path().join("a file"), "").unwrap();
        let here = Place::under(data.path(), "home").unwrap();
        let names: Vec<(String, bool)> = here.all().into_iter().map(|view| (view.name, view.current)).collect();
        assert_eq!(names, [("home".to_owned(), true), ("work".to_owned(), false)]);
    }
}
