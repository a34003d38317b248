//! Lines no wider than the terminal, with what follows under what began.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// How many cells a text takes, without the escape sequences in it.
pub(crate) fn cells(text: &str) -> usize {
    let mut plain = String::with_capacity(text.len());
    let mut escape = false;
    for c in text.chars() {
        match (escape, c) {
            (false, '\x1b') => escape = true,
            (false, c) => plain.push(c),
            (true, c) => escape = !(c.is_ascii_alphabetic()),
        }
    }
    plain.width()
}

/// Breaks a text after `first` cells that stand before it into rows of at most `width` cells; the rows after the first are
/// indented by `indent`. The text has no escape sequences.
pub(crate) fn wrap(text: &str, first: usize, indent: usize, width: Option<usize>) -> String {
    let pad = " ".repeat(indent);
    let Some(width) = width.filter(|width| *width > indent + 10) else {
        return text.replace('\n', &format!("\n{pad}"));
    };
    let mut out = String::with_capacity(text.len() + 16);
    let mut at = first;
    for (number, line) in text.split('\n').enumerate() {
        if number > 0 {
            out.push('\n');
            out.push_str(&pad);
            at = indent;
        }
        for word in line.split_inclusive(' ') {
            let wide = word.trim_end().width();
            if at > indent && at + wide > width {
                if out.ends_with(' ') {
                    out.pop();
                }
                out.push('\n');
                out.push_str(&pad);
                at = indent;
            }
            if at + wide > width {
                for c in word.chars() {
                    let wide = c.width().unwrap_or(0);
                    if at + wide > width {
                        out.push('\n');
                        out.push_str(&pad);
                        at = indent;
                    }
                    out.push(c);
                    at += wide;
                }
                continue;
            }
            out.push_str(word);
            at += word.width();
        }
    }
    out
}

/// A text cut to so many cells, with `…` where something was left out.
pub(crate) fn cut(text: &str, cells: usize) -> String {
    if text.width() <= cells {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut at = 0;
    for c in text.chars() {
        let wide = c.width().unwrap_or(0);
        if at + wide + 1 > cells {
            break;
        }
        out.push(c);
        at += wide;
    }
    out.push('…');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stay_whole_where_they_can() {
        assert_eq!(wrap("one two three four", 4, 4, Some(16)), "one two\n    three four");
        assert_eq!(wrap("one\ntwo", 4, 2, None), "one\n  two");
        assert_eq!(wrap(&"x".repeat(20), 2, 2, Some(14)), format!("{}\n  {}", "x".repeat(12), "x".repeat(8)));
    }

    #[test]
    fn no_row_is_wider_than_the_terminal() {
        let text =
            "日本語の文章 is mixed with English, andaverylongwordthatdoesnotfitanywhere 👍👍👍👍👍👍👍👍👍👍👍👍👍";
        for width in 16..60 {
            let wrapped = format!("    {}", wrap(text, 4, 4, Some(width)));
            assert!(wrapped.split('\n').all(|row| cells(row.trim_end()) <= width), "{width}:\n{wrapped}");
        }
    }

    #[test]
    fn colours_take_no_room() {
        assert_eq!(cells("\x1b[1;38;5;33mbob\x1b[0m"), 3);
    }

    #[test]
    fn cutting_says_so() {
        assert_eq!(cut("hello", 5), "hello");
        assert_eq!(cut("hello there", 6), "hello…");
        assert_eq!(cut("日本語", 4), "日…");
    }
}
