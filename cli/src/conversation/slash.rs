//! What is typed in a conversation: words to send, or a command that begins with `/`.

use std::time::Duration;

use crate::when;

/// What `/help` says.
pub(crate) const HELP: &str = "\
Type words and press Enter to send them; Alt-Enter begins a new line. N is the number before a message.
  /reply N WORDS      answer a message
  /edit [N] WORDS     give an own message (the last one) other words
  /delete N           take an own message back for everyone
  /hide N             delete a message for yourself, on all your devices
  /react N EMOJI      react; /unreact N EMOJI takes it back
  /retry N            send a failed message again
  /info N             who has a message, device by device
  /history [N]        show older messages
  /search WORDS       find messages in this chat
  /who                who is in the chat
  /status             the connection, and how this conversation travels
  /mute [8h|off]      silence the chat
  /quit               leave the conversation (also Ctrl-D, Ctrl-C); what is typed is kept
  //WORDS             send words that begin with a slash
Receipts: ◷ waiting  ✓ sent  ✓✓ delivered  ✓✓● read  ! failed
Before the name: ● direct  ◐ through the relay  ○ waiting";

/// The words that begin a command, for completion.
pub(crate) const COMMANDS: [&str; 15] = [
    "/delete ",
    "/edit ",
    "/help",
    "/hide ",
    "/history ",
    "/info ",
    "/mute ",
    "/quit",
    "/react ",
    "/reply ",
    "/retry ",
    "/search ",
    "/status",
    "/unreact ",
    "/who",
];

/// One line of a person.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Line {
    /// Nothing but spaces.
    Nothing,
    /// Words to send.
    Say(String),
    /// Words that answer a message.
    Reply(usize, String),
    /// Other words for an own message; the last one without a number.
    Edit(Option<usize>, String),
    /// Take back.
    Delete(usize),
    /// Take off one's own devices.
    Hide(usize),
    /// React, or take the reaction back.
    React(usize, String, bool),
    /// Send again.
    Retry(usize),
    /// Who has it.
    Info(usize),
    /// So many older messages.
    History(usize),
    /// Find.
    Search(String),
    /// Who is here.
    Who,
    /// How it travels.
    Status,
    /// Silence: for a time, for good, or no longer.
    Mute(Option<Duration>, bool),
    /// What there is.
    Help,
    /// Leave.
    Quit,
}

/// Reads a line.
///
/// # Errors
/// A sentence that says what is wrong with the command.
pub(crate) fn parse(line: &str) -> Result<Line, String> {
    let trimmed = line.trim();
    if trimmed.is_empty() {
        return Ok(Line::Nothing);
    }
    let Some(command) = trimmed.strip_prefix('/') else {
        return Ok(Line::Say(line.trim_end().to_owned()));
    };
    if command.starts_with('/') {
        return Ok(Line::Say(command.to_owned()));
    }
    let (word, rest) = split(command);
    match word {
        "help" | "h" | "?" => Ok(Line::Help),
        "quit" | "q" | "exit" => Ok(Line::Quit),
        "who" | "members" => Ok(Line::Who),
        "status" | "route" => Ok(Line::Status),
        "delete" => Ok(Line::Delete(number(rest, "/delete N")?)),
        "hide" => Ok(Line::Hide(number(rest, "/hide N")?)),
        "retry" => Ok(Line::Retry(number(rest, "/retry N")?)),
        "info" => Ok(Line::Info(number(rest, "/info N")?)),
        "history" if rest.is_empty() => Ok(Line::History(20)),
        "history" => Ok(Line::History(number(rest, "/history N")?.clamp(1, 500))),
        "search" if rest.is_empty() => Err("say what to look for: /search WORDS".to_owned()),
        "search" => Ok(Line::Search(rest.to_owned())),
        "reply" => {
            let (n, words) = split(rest);
            let n = number(n, "/reply N WORDS")?;
            if words.is_empty() {
                Err("say something: /reply N WORDS".to_owned())
            } else {
                Ok(Line::Reply(n, words.to_owned()))
            }
        }
        "edit" => edit(rest),
        "react" | "unreact" => {
            let (n, emoji) = split(rest);
            let n = number(n, "/react N EMOJI")?;
            if emoji.is_empty() {
                return Err("say with what: /react N EMOJI".to_owned());
            }
            Ok(Line::React(n, emoji.to_owned(), word == "react"))
        }
        "mute" => match rest {
            "" => Ok(Line::Mute(None, false)),
            "off" => Ok(Line::Mute(None, true)),
            span => Ok(Line::Mute(Some(when::parse_span(span)?), false)),
        },
        other => Err(format!("there is no command /{other}; /help lists them, // sends a slash")),
    }
}

fn edit(rest: &str) -> Result<Line, String> {
    let (first, words) = split(rest);
    match first.parse::<usize>() {
        Ok(n) if !words.is_empty() => Ok(Line::Edit(Some(n), words.to_owned())),
        _ if rest.is_empty() => Err("say the new words: /edit [N] WORDS".to_owned()),
        _ => Ok(Line::Edit(None, rest.to_owned())),
    }
}

fn split(text: &str) -> (&str, &str) {
    match text.trim().split_once(char::is_whitespace) {
        Some((first, rest)) => (first, rest.trim_start()),
        None => (text.trim(), ""),
    }
}

fn number(text: &str, usage: &str) -> Result<usize, String> {
    text.trim().parse().map_err(|_| format!("say which by its number: {usage}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_sent_and_slashes_are_commands() {
        assert_eq!(parse("  "), Ok(Line::Nothing));
        assert_eq!(parse("hello there "), Ok(Line::Say("hello there".to_owned())));
        assert_eq!(parse("//etc/passwd"), Ok(Line::Say("/etc/passwd".to_owned())));
        assert_eq!(parse("/reply 3 yes, gladly"), Ok(Line::Reply(3, "yes, gladly".to_owned())));
        assert_eq!(parse("/edit 3 yes"), Ok(Line::Edit(Some(3), "yes".to_owned())));
        assert_eq!(parse("/edit yes no"), Ok(Line::Edit(None, "yes no".to_owned())));
        assert_eq!(parse("/edit 42"), Ok(Line::Edit(None, "42".to_owned())));
        assert_eq!(parse("/react 3 👍"), Ok(Line::React(3, "👍".to_owned(), true)));
        assert_eq!(parse("/unreact 3 👍"), Ok(Line::React(3, "👍".to_owned(), false)));
        assert_eq!(parse("/mute 8h"), Ok(Line::Mute(Some(Duration::from_secs(28_800)), false)));
        assert_eq!(parse("/history"), Ok(Line::History(20)));
        assert_eq!(parse("/q"), Ok(Line::Quit));
    }

    #[test]
    fn a_wrong_command_says_what_is_right() {
        for (line, says) in [
            ("/reply yes", "/reply N WORDS"),
            ("/reply 3", "/reply N WORDS"),
            ("/edit", "/edit [N] WORDS"),
            ("/delete it", "/delete N"),
            ("/hide", "/hide N"),
            ("/react 3", "/react N EMOJI"),
            ("/mute soon", "30m"),
            ("/dance", "/help"),
            ("/search", "/search WORDS"),
        ] {
            let error = parse(line).expect_err(line);
            assert!(error.contains(says), "{line}: {error}");
        }
    }

    #[test]
    fn every_command_is_in_the_help() {
        for command in COMMANDS {
            assert!(HELP.contains(command.trim()) || command == "/help", "{command}");
        }
    }
}
