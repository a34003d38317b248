//! What goes to stdout: lines for people or JSON for programs, and nothing else. Sentences about what happened go to stderr.

use std::io::{ErrorKind, IsTerminal as _, Write as _};

use serde::Serialize;

use crate::clean;
use crate::failure::{Failure, Result};
use crate::paint::Paint;

/// How a command shows what it has to say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Out {
    /// One JSON object a line.
    pub(crate) json: bool,
    /// Colours.
    pub(crate) paint: Paint,
}

impl Out {
    pub(crate) fn new(json: bool) -> Self {
        Self { json, paint: if json { Paint::plain() } else { Paint::of_stdout() } }
    }

    /// The terminal's width; nothing is wrapped where there is none.
    pub(crate) fn width(self) -> Option<usize> {
        if !std::io::stdout().is_terminal() {
            return None;
        }
        crossterm::terminal::size().ok().map(|(columns, _)| usize::from(columns)).filter(|columns| *columns >= 20)
    }

    /// A line for people; silent with `--json`. What came from others has been cleaned by the caller.
    pub(crate) fn say(self, line: &str) -> Result<()> {
        if self.json { Ok(()) } else { write(line) }
    }

    /// An object for programs; silent without `--json`.
    pub(crate) fn object(self, object: &impl Serialize) -> Result<()> {
        if !self.json {
            return Ok(());
        }
        let json = serde_json::to_string(object).map_err(|error| Failure::Terminal(error.into()))?;
        write(&clean::json(&json))
    }

    /// Both: whichever is wanted.
    pub(crate) fn show(self, object: &impl Serialize, line: &str) -> Result<()> {
        self.object(object)?;
        self.say(line)
    }

    /// A sentence on stderr, for people alone.
    pub(crate) fn note(self, sentence: &str) {
        if !self.json {
            // Without stderr there is nobody to tell.
            let _ = writeln!(std::io::stderr(), "{}", clean::line(sentence));
        }
    }

    /// How a command failed: a sentence on stderr, and with `--json` an object on stdout.
    pub(crate) fn fail(self, failure: &Failure) {
        if matches!(failure, Failure::Unread) {
            return;
        }
        let sentence = failure.sentence();
        // Without stderr there is nobody to tell.
        let _ = writeln!(std::io::stderr(), "parley: {}", clean::text(&sentence));
        // The failure itself is what the process ends with.
        let _ = self.error(failure.code(), &sentence);
    }

    /// The object of a failure, for programs.
    pub(crate) fn error(self, code: &str, message: &str) -> Result<()> {
        self.object(&serde_json::json!({ "error": { "code": code, "message": message } }))
    }
}

fn write(line: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    let written = writeln!(out, "{line}").and_then(|()| out.flush());
    written.map_err(|error| if error.kind() == ErrorKind::BrokenPipe { Failure::Unread } else { error.into() })
}
