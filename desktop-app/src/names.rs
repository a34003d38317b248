//! Names: whom a text mentions, what this computer is called, and what runs on it.

/// What this computer is called, if that can be known.
#[must_use]
pub fn computer() -> Option<String> {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname")
        .ok()
        .or_else(|| std::env::var("HOSTNAME").ok())
        .or_else(|| std::env::var("COMPUTERNAME").ok())?;
    let host = host.trim();
    (!host.is_empty()).then(|| host.to_owned())
}

/// What runs here and on what, as the list of an account's devices shows it: `Debian GNU/Linux 12, Parley 0.1.0`.
#[must_use]
pub fn program(app: &str) -> String {
    format!("{}, {app} {}", system(), env!("CARGO_PKG_VERSION"))
}

fn system() -> String {
    let of_release = || {
        let release = std::fs::read_to_string("/etc/os-release").ok()?;
        pretty_name(&release)
    };
    match std::env::consts::OS {
        "linux" => of_release().unwrap_or_else(|| "Linux".to_owned()),
        "windows" => "Windows".to_owned(),
        "macos" => "macOS".to_owned(),
        other => other.to_owned(),
    }
}

/// The name for people in an `os-release` (freedesktop.org's os-release(5)), without what it has in brackets at its end.
fn pretty_name(release: &str) -> Option<String> {
    let value = release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
    let name = value.trim().trim_matches(['"', '\'']);
    let name = name.strip_suffix(')').and_then(|name| name.rsplit_once(" (")).map_or(name, |(name, _)| name);
    (!name.is_empty()).then(|| name.to_owned())
}

/// The names a text mentions as `@name`, in lower case, each with the shorter ones it may mean: what ends a sentence (`.`, `-`
/// or `_`) may also be part of a name, and the longest that somebody has is meant.
#[must_use]
pub fn mentioned(text: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let mut before = None;
    for (at, letter) in text.char_indices() {
        if letter == '@' && !before.is_some_and(is_of_name) {
            let rest = text.get(at + 1..).unwrap_or_default();
            let name = rest.find(|letter| !is_of_name(letter)).map_or(rest, |end| rest.get(..end).unwrap_or_default());
            if name.starts_with(char::is_alphanumeric) {
                let mut readings = vec![name.to_lowercase()];
                let mut name = name;
                while let Some(shorter) = name.strip_suffix(['.', '-', '_']) {
                    readings.push(shorter.to_lowercase());
                    name = shorter;
                }
                found.push(readings);
            }
        }
        before = Some(letter);
    }
    found
}

fn is_of_name(letter: char) -> bool {
    letter.is_alphanumeric() || matches!(letter, '_' | '-' | '.')
}

/// Those of these people whom a text mentions, each once, in the order of the people.
pub fn mentioned_of<P: Copy>(text: &str, people: &[(P, String)]) -> Vec<P> {
    let mut meant = vec![false; people.len()];
    for readings in mentioned(text) {
        let whom = readings.iter().find_map(|name| people.iter().position(|(_, other)| other.to_lowercase() == *name));
        if let Some(meant) = whom.and_then(|whom| meant.get_mut(whom)) {
            *meant = true;
        }
    }
    people.iter().zip(meant).filter(|(_, meant)| *meant).map(|((person, _), _)| *person).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_is_named_as_people_know_it() {
        for (line, name) in [
            ("PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"", Some("Debian GNU/Linux 12")),
            ("NAME=x\nPRETTY_NAME='Ubuntu 24.04.1 LTS'\nID=y", Some("Ubuntu 24.04.1 LTS")),
            ("PRETTY_NAME=Alpine", Some("Alpine")),
            ("PRETTY_NAME=\"\"", None),
            ("NAME=Debian", None),
        ] {
            assert_eq!(pretty_name(line).as_deref(), name, "{line}");
        }
        assert!(program("Parley").ends_with(&format!(", Parley {}", env!("CARGO_PKG_VERSION"))));
    }

    #[test]
    fn a_mention_ends_where_the_name_ends() {
        let people = [(1, "Bob".to_owned()), (2, "zoë".to_owned()), (3, "j.r.".to_owned()), (4, "b.c".to_owned())];
        let whom = |text| mentioned_of(text, &people);
        assert_eq!(whom("hey @bob, and (@Zoë)! mail a@b.c @ @... @@bob"), [1, 2]);
        assert_eq!(whom("ask @J.R. or @bob."), [1, 3]);
        assert_eq!(whom("@bobby @-bob x@bob"), [0; 0]);
    }
}
