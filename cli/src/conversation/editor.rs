//! The line that is being typed. It has a thread of its own, as reading a terminal blocks; what it reads goes out by a channel.
//!
//! While a line is being typed, whatever is printed goes through rustyline's printer, which moves the line out of the way. Between two
//! lines nothing is printed, so that rows can be counted (see `screen`).

use std::io::{BufRead as _, Write as _};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use desktop_app::views::Route;
use rustyline::completion::Completer;
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::Hinter;
use rustyline::history::MemHistory;
use rustyline::validate::Validator;
use rustyline::{Cmd, ColorMode, Config, Context, Editor, ExternalPrinter, Helper, KeyCode, KeyEvent, Modifiers};
use tokio::sync::mpsc;
use unicode_width::UnicodeWidthStr as _;

use super::slash::{self, Line};
use crate::lines;
use crate::paint::Paint;
use crate::wrap::cut;

/// What the person does.
#[derive(Debug)]
pub(crate) enum Typed {
    /// The line changed: whether there is something that is to be sent.
    Changed(bool),
    /// A line is done.
    Line(String),
    /// No more will come.
    End,
}

/// What the editor and the conversation both know.
#[derive(Default)]
pub(crate) struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    /// Drawn before the name in the prompt.
    route: Route,
    /// Drawn behind what is typed.
    hint: String,
    /// What is typed now.
    line: String,
    /// Whether a line is being typed, so that printing goes around it.
    editing: bool,
    /// Whether no line will be typed any more.
    over: bool,
    /// For completion.
    names: Vec<String>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            route: Route::Wait,
            hint: String::new(),
            line: String::new(),
            editing: false,
            over: false,
            names: Vec::new(),
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_route(&self, route: Route) {
        self.lock().route = route;
    }

    /// Gives whether it changed.
    pub(crate) fn set_hint(&self, hint: String) -> bool {
        let mut state = self.lock();
        let changed = state.hint != hint;
        state.hint = hint;
        changed
    }

    pub(crate) fn set_names(&self, names: Vec<String>) {
        self.lock().names = names;
    }

    /// What is typed and not sent.
    pub(crate) fn line(&self) -> String {
        self.lock().line.clone()
    }

    fn set_editing(&self, editing: bool) {
        let mut state = self.lock();
        state.editing = editing;
        if editing {
            state.line.clear();
        }
        drop(state);
        self.changed.notify_all();
    }

    /// No line will be typed any more: whatever waits is printed at once.
    pub(crate) fn set_over(&self) {
        self.lock().over = true;
        self.changed.notify_all();
    }

    /// Waits until printing does not disturb.
    pub(crate) fn wait_to_print(&self) {
        let state = self.lock();
        // After the time it is printed all the same: a torn line is better than a message that is not shown.
        drop(self.changed.wait_timeout_while(state, Duration::from_secs(2), |state| !state.editing && !state.over));
    }
}

/// Shows the route in the prompt, who is typing behind it, and completes commands and names.
struct Prompt {
    shared: Arc<Shared>,
    typed: mpsc::UnboundedSender<Typed>,
    name: String,
    paint: Paint,
}

impl Hinter for Prompt {
    type Hint = String;

    /// No hint, but the place where every change of the line comes by.
    fn hint(&self, line: &str, _: usize, _: &Context<'_>) -> Option<String> {
        let mut state = self.shared.lock();
        if state.line != line {
            line.clone_into(&mut state.line);
            let to_be_sent = !line.trim().is_empty() && !line.starts_with('/');
            // The conversation may be over.
            let _ = self.typed.send(Typed::Changed(to_be_sent));
        }
        None
    }
}

impl Highlighter for Prompt {
    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(&'s self, _: &'p str, _: bool) -> std::borrow::Cow<'b, str> {
        let route = self.shared.lock().route;
        format!("{} {}> ", lines::route_mark(route, self.paint), self.paint.bold(&self.name)).into()
    }

    /// The line, and behind it who is typing: drawn beside the layout, with the cursor put back, as rustyline asks for hints only
    /// when a key is pressed.
    fn highlight<'l>(&self, line: &'l str, _: usize) -> std::borrow::Cow<'l, str> {
        let hint = self.shared.lock().hint.clone();
        let columns = crossterm::terminal::size().map_or(80, |(columns, _)| usize::from(columns));
        match room(PROMPT_CELLS + self.name.width(), line, columns) {
            Some(room) if !hint.is_empty() => {
                format!("{line}\x1b7  {}\x1b8", self.paint.dim(&cut(&hint, room.saturating_sub(2)))).into()
            }
            _ => line.into(),
        }
    }

    fn highlight_char(&self, _: &str, _: usize, _: CmdKind) -> bool {
        // What stands behind the line has to move with it.
        !self.shared.lock().hint.is_empty()
    }
}

/// The cells of the prompt besides the name.
const PROMPT_CELLS: usize = 4;

/// How many cells are free behind a line, if that is enough to say something.
fn room(prompt: usize, line: &str, columns: usize) -> Option<usize> {
    let last = line.rsplit('\n').next().unwrap_or_default();
    let before = if line.contains('\n') { 0 } else { prompt };
    let free = columns - (before + last.width()) % columns.max(1);
    Some(free.saturating_sub(1)).filter(|free| *free >= 12)
}

impl Completer for Prompt {
    type Candidate = String;

    fn complete(&self, line: &str, pos: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<String>)> {
        let before = line.get(..pos).unwrap_or_default();
        if before.starts_with('/') && !before.contains(' ') {
            let fits = slash::COMMANDS.iter().filter(|command| command.starts_with(before));
            return Ok((0, fits.map(|command| (*command).to_owned()).collect()));
        }
        let start = before.rfind(char::is_whitespace).map_or(0, |at| at + 1);
        let Some(part) = before.get(start..).and_then(|word| word.strip_prefix('@')) else {
            return Ok((pos, Vec::new()));
        };
        let part = part.to_lowercase();
        let state = self.shared.lock();
        let fits = state.names.iter().filter(|name| name.to_lowercase().starts_with(&part));
        Ok((start, fits.map(|name| format!("@{name} ")).collect()))
    }
}

impl Validator for Prompt {}
impl Helper for Prompt {}

/// What reads lines and what prints around them.
pub(crate) struct Terminal {
    pub(crate) typed: mpsc::UnboundedReceiver<Typed>,
    pub(crate) printer: Box<dyn ExternalPrinter + Send>,
}

/// Starts reading lines on the terminal, with `draft` typed already. The mode puts the terminal back as it was, should the
/// conversation end in the middle of a line.
///
/// # Errors
/// stdin or stdout is no terminal.
pub(crate) fn start(
    name: &str,
    draft: &str,
    paint: Paint,
    shared: &Arc<Shared>,
) -> rustyline::Result<(Terminal, Mode)> {
    let mode = Mode::save();
    let config = Config::builder().auto_add_history(false).color_mode(ColorMode::Forced).build();
    let mut editor: Editor<Prompt, MemHistory> = Editor::with_history(config, MemHistory::new())?;
    editor.bind_sequence(KeyEvent(KeyCode::Enter, Modifiers::ALT), Cmd::Newline);
    let printer = Box::new(editor.create_external_printer()?);
    let (sender, typed) = mpsc::unbounded_channel();
    let prompt = Prompt { shared: shared.clone(), typed: sender.clone(), name: name.to_owned(), paint };
    editor.set_helper(Some(prompt));
    let (shared, draft, shown) = (shared.clone(), draft.to_owned(), format!("● {name}> "));
    std::thread::Builder::new()
        .name("parley-editor".to_owned())
        .spawn(move || read_lines(editor, &shown, draft, &shared, &sender))?;
    Ok((Terminal { typed, printer }, mode))
}

fn read_lines(
    mut editor: Editor<Prompt, MemHistory>,
    shown: &str,
    mut draft: String,
    shared: &Shared,
    typed: &mpsc::UnboundedSender<Typed>,
) {
    loop {
        shared.set_editing(true);
        let read = editor.readline_with_initial(shown, (&draft, ""));
        draft.clear();
        match read {
            Ok(line) => {
                shared.set_editing_done();
                erase(shown, &line);
                // History is a convenience.
                let _ = editor.add_history_entry(line.as_str());
                let quits = slash::parse(&line) == Ok(Line::Quit);
                if quits || typed.send(Typed::Line(line)).is_err() {
                    break;
                }
            }
            Err(_) => break,
        }
    }
    shared.set_over();
    // The conversation is over.
    let _ = typed.send(Typed::End);
}

impl Shared {
    /// A line is done: what is printed waits until the next one begins.
    fn set_editing_done(&self) {
        let mut state = self.lock();
        state.editing = false;
        state.line.clear();
    }
}

/// Takes what was typed off the screen; it comes back as a line of the conversation.
fn erase(shown: &str, line: &str) {
    let columns = crossterm::terminal::size().map_or(80, |(columns, _)| usize::from(columns).max(1));
    let mut out = std::io::stdout().lock();
    // A terminal that cannot be written to shows nothing anyway.
    let _ = write!(out, "\x1b[{}A\r\x1b[J", rows(shown, line, columns)).and_then(|()| out.flush());
}

/// How many rows a prompt and what was typed after it take.
fn rows(shown: &str, line: &str, columns: usize) -> usize {
    let mut rows = 0;
    for (number, part) in line.split('\n').enumerate() {
        let before = if number == 0 { shown.width() } else { 0 };
        rows += (before + part.width()) / columns + 1;
    }
    rows
}

/// How the terminal was before lines were read on it.
pub(crate) struct Mode {
    #[cfg(unix)]
    saved: Option<rustix::termios::Termios>,
}

impl Mode {
    fn save() -> Self {
        Self {
            #[cfg(unix)]
            saved: rustix::termios::tcgetattr(std::io::stdin()).ok(),
        }
    }
}

impl Drop for Mode {
    fn drop(&mut self) {
        #[cfg(unix)]
        if let Some(saved) = &self.saved {
            // If it cannot be put back there is nothing else to try.
            let _ = rustix::termios::tcsetattr(std::io::stdin(), rustix::termios::OptionalActions::Now, saved);
            let mut out = std::io::stdout().lock();
            // Bracketed paste off, in case a line was open.
            let _ = out.write_all(b"\x1b[?2004l").and_then(|()| out.flush());
        }
    }
}

/// Reads lines of a pipe.
pub(crate) fn start_plain() -> mpsc::UnboundedReceiver<Typed> {
    let (typed, lines) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            let Ok(line) = line else { break };
            let quits = slash::parse(&line) == Ok(Line::Quit);
            if quits || typed.send(Typed::Line(line)).is_err() {
                break;
            }
        }
        // The conversation is over.
        let _ = typed.send(Typed::End);
    });
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_typing_shows_where_there_is_room() {
        assert_eq!(room(7, "hello", 80), Some(67));
        assert_eq!(room(7, &"x".repeat(70), 80), None);
        assert_eq!(room(7, &"x".repeat(80), 80), Some(72), "on the row below");
        assert_eq!(room(7, "one\ntwo", 80), Some(76));
    }

    #[test]
    fn rows_of_what_was_typed_are_counted_as_the_terminal_wraps_them() {
        assert_eq!(rows("● bob> ", "hi", 80), 1);
        assert_eq!(rows("● bob> ", &"x".repeat(13), 20), 2, "a full row leaves the cursor on the next");
        assert_eq!(rows("● bob> ", "日本語日本語", 18), 2);
        assert_eq!(rows("● bob> ", "a\nb", 80), 2);
    }
}
