//! What is on the screen. Everything that a conversation shows goes through here, in order.
//!
//! On a terminal the receipts of messages that are still on the screen are drawn anew where they stand, so rows are counted:
//! each block that is printed is remembered with how many rows it took. After the window was resized the count is void, and begins again.

use std::collections::VecDeque;
use std::sync::{Arc, mpsc};

use desktop_app::views::Delivery;
use parley_protocol::MessageKey;
use rustyline::ExternalPrinter;

use super::editor::Shared;
use crate::failure::Result;
use crate::lines;
use crate::output::Out;
use crate::wrap::{cells, wrap};

/// Rows at the bottom that may be the prompt's.
const PROMPT_ROWS: usize = 4;

/// Where things are shown.
pub(crate) struct Screen {
    out: Out,
    shared: Arc<Shared>,
    printer: Option<mpsc::Sender<String>>,
    blocks: VecDeque<Block>,
    size: (usize, usize),
}

/// What was printed at once.
struct Block {
    rows: usize,
    /// The message it shows, and at which of its rows the receipt stands.
    message: Option<(MessageKey, usize)>,
}

impl Screen {
    /// A screen that prints around the line being typed.
    pub(crate) fn of_terminal(out: Out, shared: Arc<Shared>, mut printer: Box<dyn ExternalPrinter + Send>) -> Self {
        let (sender, texts) = mpsc::channel::<String>();
        let waits = shared.clone();
        // rustyline's printer blocks while another print waits, which the conversation must not.
        std::thread::spawn(move || {
            for text in texts {
                waits.wait_to_print();
                if printer.print(text).is_err() {
                    return;
                }
            }
        });
        Self { out, shared, printer: Some(sender), blocks: VecDeque::new(), size: size() }
    }

    /// A screen that is a pipe.
    pub(crate) fn of_pipe(out: Out, shared: Arc<Shared>) -> Self {
        Self { out, shared, printer: None, blocks: VecDeque::new(), size: size() }
    }

    pub(crate) fn is_terminal(&self) -> bool {
        self.printer.is_some()
    }

    /// Shows a block of lines; `message` if it shows one, with the row its receipt stands in.
    pub(crate) fn print(&mut self, text: &str, message: Option<(MessageKey, usize)>) -> Result<()> {
        let Some(printer) = &self.printer else {
            return self.out.say(text);
        };
        let now = size();
        if now != self.size {
            self.size = now;
            self.blocks.clear();
        }
        let columns = now.0.max(1);
        let rows = text.split('\n').map(|row| cells(row).div_ceil(columns).max(1)).sum();
        self.blocks.push_front(Block { rows, message });
        self.blocks.truncate(now.1.max(1));
        // The printer ends with the terminal.
        let _ = printer.send(format!("{text}\n"));
        Ok(())
    }

    /// A sentence of the program itself.
    pub(crate) fn tell(&mut self, sentence: &str) -> Result<()> {
        let indent = lines::RECEIPT + 3;
        let sentence = wrap(sentence, indent, indent, self.width());
        let text = self.out.paint.dim(&format!("{:1$} — {sentence}", "", lines::RECEIPT));
        self.print(&text, None)
    }

    /// Draws the receipt of a message anew, if it is still on the screen.
    pub(crate) fn redraw_receipt(&mut self, key: MessageKey, delivery: &Delivery) {
        let Some(printer) = &self.printer else { return };
        if size() != self.size {
            return;
        }
        let mut up = 0;
        for block in &self.blocks {
            up += block.rows;
            let Some((message, row)) = block.message else { continue };
            if message != key {
                continue;
            }
            let up = up - row.min(up);
            if up == 0 || up + PROMPT_ROWS > self.size.1 {
                return;
            }
            let receipt = lines::receipt(delivery, self.out.paint);
            let down = if up > 1 { format!("\x1b[{}B", up - 1) } else { String::new() };
            // It ends where it began, on the row of the prompt: the line break is the last step down.
            let _ = printer.send(format!("\x1b[{up}A\r{receipt}\r{down}\n"));
            return;
        }
    }

    /// Draws the prompt anew.
    pub(crate) fn redraw_prompt(&self) {
        if let Some(printer) = &self.printer {
            // Up and down again.
            let _ = printer.send("\x1b[A\r\n".to_owned());
        }
    }

    /// Shows who is typing.
    pub(crate) fn hint(&self, hint: String) {
        if self.shared.set_hint(hint) {
            self.redraw_prompt();
        }
    }

    /// The terminal's width.
    pub(crate) fn width(&self) -> Option<usize> {
        if self.is_terminal() { Some(self.size.0) } else { None }
    }
}

/// Columns and rows.
fn size() -> (usize, usize) {
    crossterm::terminal::size().map_or((80, 24), |(columns, rows)| (usize::from(columns), usize::from(rows)))
}
