//! What others wrote, made safe for a terminal.
//!
//! A name or a message can carry control characters (which move the cursor, set the title, answer questions for the person)
//! and bidirectional overrides (which make a line read differently from what it is). None of them reaches the terminal:
//! they are shown as what they are.

use std::borrow::Cow;

/// Characters which reorder what stands around them, or look like nothing while they break a line.
fn is_deceptive(c: char) -> bool {
    matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2028}' | '\u{2029}'
        | '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

fn is_unsafe(c: char) -> bool {
    c.is_control() || is_deceptive(c)
}

fn push_shown(out: &mut String, c: char) {
    match c {
        // Control pictures: ␀ … ␟ and ␡.
        '\0'..='\u{1f}' => out.push(char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{fffd}')),
        '\u{7f}' => out.push('\u{2421}'),
        other => out.push_str(&format!("<U+{:04X}>", u32::from(other))),
    }
}

/// A text of several lines: line breaks and tabs stay (a tab as spaces), everything else that is unsafe is shown.
pub(crate) fn text(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.replace("\r\n", "\n").chars() {
        match c {
            '\n' => out.push('\n'),
            '\t' => out.push_str("    "),
            c if is_unsafe(c) => push_shown(&mut out, c),
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// A text of one line: a name, a title, a sentence.
pub(crate) fn line(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_unsafe(c) { push_shown(&mut out, c) } else { out.push(c) }
    }
    Cow::Owned(out)
}

/// JSON whose strings have those characters escaped. They stand in strings only, so it stays the same JSON.
pub(crate) fn json(json: &str) -> Cow<'_, str> {
    if !json.contains(is_unsafe) {
        return Cow::Borrowed(json);
    }
    let mut out = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        if is_unsafe(c) { out.push_str(&format!("\\u{:04x}", u32::from(c))) } else { out.push(c) }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_moves_the_cursor_gets_through() {
        let evil = "\u{1b}]0;owned\u{7}\u{1b}[2J a\rb\u{9b}31m \u{202e}txt\u{2066}\u{7f}\0";
        for shown in [text(evil), line(evil), json(&serde_json::to_string(evil).unwrap())] {
            assert!(!shown.contains(is_unsafe), "{shown:?}");
        }
        assert_eq!(line("\u{1b}[31m"), "␛[31m");
        assert_eq!(line("a\u{202e}b"), "a<U+202E>b");
        assert_eq!(line("two\nlines"), "two␊lines");
    }

    #[test]
    fn what_people_write_stays() {
        for good in ["hello", "Zoë 武田 محمد", "👩‍👩‍👧 🏳️‍🌈", "a\nb"] {
            assert_eq!(text(good), good);
        }
        assert_eq!(text("a\r\nb\tc"), "a\nb    c");
    }

    #[test]
    fn json_means_the_same_afterwards() {
        let evil = "\u{1b}[2J\u{9b}\u{202e}\u{7f} é";
        let escaped = json(&serde_json::to_string(evil).unwrap()).into_owned();
        assert_eq!(serde_json::from_str::<String>(&escaped).unwrap(), evil);
    }
}
