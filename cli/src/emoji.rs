//! What may be reacted with: one emoji. Which of them there are changes every year, so this knows their shape, not their list.

use crate::failure::{Failure, Result};

const ZERO_WIDTH_JOINER: char = '\u{200d}';
/// Asks for the coloured form.
const EMOJI_STYLE: char = '\u{fe0f}';
/// Makes a key of the digit before it.
const KEYCAP: char = '\u{20e3}';

/// The error that something is no emoji, if so.
///
/// # Errors
/// It is not exactly one emoji.
pub(crate) fn must_be_one(text: &str) -> Result<()> {
    if is_one(text) {
        return Ok(());
    }
    Err(Failure::Usage(format!("a reaction is one emoji, like 👍; `{text}` is not")))
}

/// Whether a text is one emoji as by UTS #51, section 1.4.9: a flag of two letters, a key, or pictographs, each with its
/// modifiers, that are joined to one.
fn is_one(text: &str) -> bool {
    let letters: Vec<char> = text.chars().collect();
    match letters.as_slice() {
        [one, other] if is_regional(*one) && is_regional(*other) => true,
        ['0'..='9' | '#' | '*', KEYCAP] | ['0'..='9' | '#' | '*', EMOJI_STYLE, KEYCAP] => true,
        letters => letters.split(|letter| *letter == ZERO_WIDTH_JOINER).all(is_pictograph),
    }
}

/// One pictograph and what may follow it: a skin tone, the coloured form, the tags of a region's flag.
fn is_pictograph(letters: &[char]) -> bool {
    let Some((first, rest)) = letters.split_first() else { return false };
    let follows =
        |letter: &char| matches!(letter, &EMOJI_STYLE | '\u{1f3fb}'..='\u{1f3ff}' | '\u{e0020}'..='\u{e007f}');
    is_picture(*first) && rest.iter().all(follows)
}

fn is_regional(letter: char) -> bool {
    matches!(letter, '\u{1f1e6}'..='\u{1f1ff}')
}

/// The blocks of Unicode which have emoji, and the single ones outside of them.
fn is_picture(letter: char) -> bool {
    matches!(letter,
        '©' | '®' | '‼' | '⁉' | '™' | 'ℹ' | 'Ⓜ' | '〰' | '〽' | '㊗' | '㊙'
        | '\u{2190}'..='\u{21ff}'
        | '\u{2300}'..='\u{23ff}'
        | '\u{25a0}'..='\u{27bf}'
        | '\u{2934}'..='\u{2935}'
        | '\u{2b00}'..='\u{2bff}'
        | '\u{1f000}'..='\u{1f1e5}'
        | '\u{1f200}'..='\u{1faff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_emoji_is_one_whatever_it_is_made_of() {
        for emoji in ["👍", "👍🏽", "❤", "❤️", "🇩🇪", "👨‍👩‍👧‍👦", "1️⃣", "#⃣", "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "✅", "☀️", "⏰", "🫠", "↔️"]
        {
            assert!(is_one(emoji), "{emoji}");
        }
    }

    #[test]
    fn words_and_more_than_one_are_none() {
        for text in ["", "notanemoji", "1", "👍👍", "👍 ", "a👍", "🇩", "\u{200d}", "👍\u{200d}", "\u{202e}👍", "ä", "-"]
        {
            assert!(!is_one(text), "{text:?}");
        }
    }
}
