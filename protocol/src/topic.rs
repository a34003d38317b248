//! Names of topics and the patterns of subscriptions.
//!
//! A name has 1 to 128 characters in dotted parts (`sport.chess.results`). In a subscription `*` stands for exactly
//! one part and `>`, as the last part, for one or more.

/// The longest name or pattern, in characters.
pub const MAX_NAME: usize = 128;

/// Checks the name of a topic to publish on.
///
/// # Errors
/// A sentence that says what is wrong with it.
pub fn check_name(name: &str) -> Result<(), String> {
    check(name, false)
}

/// Checks the pattern of a subscription.
///
/// # Errors
/// A sentence that says what is wrong with it.
pub fn check_pattern(pattern: &str) -> Result<(), String> {
    check(pattern, true)
}

fn check(name: &str, wild: bool) -> Result<(), String> {
    let length = name.chars().count();
    if length == 0 || length > MAX_NAME {
        return Err(format!("a topic has 1 to {MAX_NAME} characters; this has {length}"));
    }
    let parts: Vec<&str> = name.split('.').collect();
    for (at, part) in parts.iter().enumerate() {
        match *part {
            "" => return Err("a topic has no empty part between its dots".to_owned()),
            "*" if wild => {}
            ">" if wild && at + 1 == parts.len() => {}
            ">" if wild => return Err("`>` can only be the last part of a subscription".to_owned()),
            part if part.contains(['*', '>']) => {
                return Err(if wild {
                    "`*` and `>` stand for whole parts of a topic".to_owned()
                } else {
                    "`*` and `>` can be subscribed to, not published on".to_owned()
                });
            }
            part if part.chars().any(|c| c.is_whitespace() || c.is_control()) => {
                return Err("a topic has no white space or control characters".to_owned());
            }
            _ => {}
        }
    }
    Ok(())
}

/// Whether a name is one of those that the pattern stands for.
#[must_use]
pub fn matches(pattern: &str, name: &str) -> bool {
    let mut names = name.split('.');
    for part in pattern.split('.') {
        match (part, names.next()) {
            (">", Some(_)) => return true,
            ("*", Some(_)) => {}
            (part, Some(name)) if part == name => {}
            _ => return false,
        }
    }
    names.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_stand_for_whole_parts() {
        for (pattern, name, expected) in [
            ("a.b", "a.b", true),
            ("a.*", "a.b", true),
            ("a.*", "a", false),
            ("a.*", "a.b.c", false),
            ("a.>", "a.b.c", true),
            ("a.>", "a", false),
            (">", "a.b", true),
            ("*.b.>", "x.b.c.d", true),
            ("a.b", "a.c", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn names_are_checked() {
        assert!(check_name("sport.chess").is_ok());
        for bad in ["", "a..b", ".a", "a.", "a.*", "a b", "a.>", "a\u{7}"] {
            assert!(check_name(bad).is_err(), "{bad:?}");
        }
        assert!(check_name(&"x".repeat(129)).is_err());
        assert!(check_pattern("a.*.>").is_ok());
        for bad in ["a.>.b", "a*", ">>"] {
            assert!(check_pattern(bad).is_err(), "{bad:?}");
        }
    }
}
