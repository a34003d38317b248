//! Usernames: 2 to 32 characters, normalised, case-insensitive, and no two that look alike.
//!
//! A name is normalised by NFKC and kept as written; its *key* (lower case) makes it unique regardless of case; its
//! *skeletons* (Unicode TS 39, "Confusable Detection") make it unique regardless of look-alike letters. There are two, as a
//! name is shown as it was written and known by its key: `paypaI` looks like `paypal`, and `paypai` does not.

use unicode_normalization::UnicodeNormalization;
use unicode_security::{MixedScript, confusable_detection::skeleton};

/// The fewest characters.
pub const MIN: usize = 2;
/// The most characters.
pub const MAX: usize = 32;

/// A checked username.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Username {
    /// As it is shown.
    pub shown: String,
    /// Equal for names which differ in case alone.
    pub key: String,
    /// Equal for names whose keys look alike.
    pub skeleton: String,
    /// What the name looks like as it is shown. No two names share any of their two skeletons.
    pub shown_skeleton: String,
}

/// A text as it is compared when case does not matter.
#[must_use]
pub fn fold(text: &str) -> String {
    text.nfkc().collect::<String>().to_lowercase().nfkc().collect()
}

/// What a text looks like: equal for texts which look alike.
#[must_use]
pub fn shape(text: &str) -> String {
    skeleton(text).collect::<String>().to_lowercase()
}

impl Username {
    /// Normalises and checks a name.
    ///
    /// # Errors
    /// A sentence that says what is allowed.
    pub fn parse(name: &str) -> Result<Self, String> {
        let shown: String = name.trim().nfkc().collect();
        let length = shown.chars().count();
        if !(MIN..=MAX).contains(&length) {
            return Err(format!("a username has {MIN} to {MAX} characters; this has {length}"));
        }
        if !shown.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.')) {
            return Err("a username has letters, digits, `_`, `-` and `.` only".to_owned());
        }
        if !shown.chars().next().is_some_and(char::is_alphanumeric) {
            return Err("a username begins with a letter or a digit".to_owned());
        }
        if !shown.as_str().is_single_script() {
            return Err("a username does not mix scripts".to_owned());
        }
        let key = fold(&shown);
        let (skeleton, shown_skeleton) = (shape(&key), shape(&shown));
        Ok(Self { shown, key, skeleton, shown_skeleton })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_width_do_not_make_a_new_name() {
        let name = Username::parse("Alice").unwrap();
        assert_eq!(Username::parse("ＡＬＩＣＥ").unwrap().key, name.key);
        assert_eq!(Username::parse("  alice ").unwrap().key, name.key);
        assert_eq!(name.shown, "Alice");
    }

    #[test]
    fn look_alikes_share_a_skeleton() {
        let latin = Username::parse("paypal").unwrap();
        assert_eq!(Username::parse("раураӏ").unwrap().skeleton, latin.skeleton, "Cyrillic");
        assert_eq!(Username::parse("paypaI").unwrap().shown_skeleton, latin.skeleton, "a capital i");
        assert_eq!(Username::parse("rn0de").unwrap().skeleton, Username::parse("m0de").unwrap().skeleton);
    }

    #[test]
    fn nonsense_is_refused() {
        for bad in ["", "a", "a b", "-ab", "ab\u{202e}c", "pаypal", "a@b", &"x".repeat(33)] {
            assert!(Username::parse(bad).is_err(), "{bad:?}");
        }
        for good in ["al", "J.R-R_T", "Zoë", "武田", "محمد"] {
            assert!(Username::parse(good).is_ok(), "{good:?}");
        }
    }
}
