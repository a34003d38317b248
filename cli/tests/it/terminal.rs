//! `parley chat` as a person sees it: on a terminal of its own, whose screen is read.

use std::io::{Read as _, Write};
use std::sync::{Arc, Mutex};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

use crate::processes::eventually;
use crate::world::{Person, World};

const ROWS: u16 = 24;
const COLUMNS: u16 = 80;
const LEFT: &str = "\x1b[D";
const UP: &str = "\x1b[A";
const CTRL_D: &str = "\x04";

/// A terminal with a program in it.
struct Terminal {
    screen: Arc<Mutex<vt100::Parser>>,
    keys: Box<dyn Write + Send>,
    program: Box<dyn Child + Send + Sync>,
    _master: Box<dyn MasterPty + Send>,
}

impl Terminal {
    fn new(person: &Person, args: &[&str], environment: &[(&str, &str)]) -> Self {
        let size = PtySize { rows: ROWS, cols: COLUMNS, ..PtySize::default() };
        let pair = native_pty_system().openpty(size).unwrap();
        let plain = person.command(args);
        let mut command = CommandBuilder::new(plain.get_program());
        command.args(plain.get_args());
        command.env("TERM", "xterm-256color");
        for (name, value) in plain.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            }
        }
        environment.iter().for_each(|(name, value)| command.env(name, value));
        let program = pair.slave.spawn_command(command).unwrap();
        let screen = Arc::new(Mutex::new(vt100::Parser::new(ROWS, COLUMNS, 0)));
        let mut output = pair.master.try_clone_reader().unwrap();
        let shown = screen.clone();
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            // The end of the program is an error on some systems.
            while let Ok(read @ 1..) = output.read(&mut bytes) {
                shown.lock().unwrap().process(&bytes[..read]);
            }
        });
        let keys = pair.master.take_writer().unwrap();
        Self { screen, keys, program, _master: pair.master }
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    /// Waits for a row of the screen that is wanted, and gives it with its number.
    fn row(&self, what: &str, wanted: impl Fn(&str) -> bool) -> (u16, String) {
        let mut found = None;
        let mut last = String::new();
        let deadline = std::time::Instant::now() + crate::processes::PATIENCE;
        while found.is_none() {
            {
                let parser = self.screen.lock().unwrap();
                let rows = parser.screen().rows(0, COLUMNS);
                found = rows.enumerate().find(|(_, row)| wanted(row)).map(|(at, row)| (at.try_into().unwrap(), row));
                last.clone_from(&parser.screen().contents());
            }
            assert!(found.is_some() || std::time::Instant::now() < deadline, "no {what} on the screen:\n{last}");
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        found.unwrap()
    }

    /// Whether anything in a row is in colour.
    fn is_coloured(&self, row: u16) -> bool {
        let parser = self.screen.lock().unwrap();
        (0..COLUMNS).any(|column| {
            let cell = parser.screen().cell(row, column);
            cell.is_some_and(|cell| cell.fgcolor() != vt100::Color::Default)
        })
    }

    fn ends(mut self) {
        eventually("the program ends", || self.program.try_wait().unwrap().is_some());
    }
}

#[test]
fn a_conversation_on_a_terminal_edits_lines_and_draws_receipts_anew() {
    let world = World::new();
    let (alice, bob) = (world.person("alice"), world.person("bob"));
    bob.ok(&["send", "alice", "are you there?"]);
    let mut terminal = Terminal::new(&alice, &["chat", "bob"], &[]);
    let (asked, _) = terminal.row("message of bob's", |row| row.contains("bob") && row.contains("are you there?"));
    assert!(terminal.is_coloured(asked), "a name has a colour");

    // A line is edited in the middle, and goes out as it stands.
    terminal.press(&format!("helo there{}", LEFT.repeat(7)));
    terminal.press("l");
    terminal.row("edited line", |row| row.contains("hello there"));
    terminal.press("\r");
    terminal.row("receipt of one that is away", |row| row.contains("hello there") && row.contains('✓'));
    // Bob comes, and the receipt in the same row says so.
    let mut there = Terminal::new(&bob, &["chat", "alice"], &[]);
    there.row("message", |row| row.contains("alice") && row.contains("hello there"));
    terminal.row("receipt of one who read it", |row| row.contains("hello there") && row.contains("✓✓●"));

    // What somebody types is told, what they say stands above the line one is typing, and the line stays.
    terminal.press("half a li");
    there.press("meanwhile");
    terminal.row("word that bob is typing", |row| row.contains("typing"));
    there.press("\r");
    let (said, _) = terminal.row("message of bob's", |row| row.contains("meanwhile"));
    let (typed, _) = terminal.row("line which is being typed", |row| row.contains("half a li"));
    assert!(said < typed, "{said} is above {typed}");
    terminal.press("ne\r");
    there.row("whole line", |row| row.contains("half a line"));

    // A line comes back by the arrow, and a command is no message.
    terminal.press(UP);
    terminal.row("last line again", |row| row.contains("half a line") && !row.contains('✓'));
    terminal.press("\x15/who\r");
    terminal.row("members", |row| row.contains("owner"));
    terminal.press(CTRL_D);
    terminal.ends();
    there.press("/quit\r");
    there.ends();
}

#[test]
fn no_colour_where_none_is_wanted() {
    let world = World::new();
    let (alice, bob) = (world.person("alice"), world.person("bob"));
    bob.ok(&["send", "alice", "plain"]);
    let mut terminal = Terminal::new(&alice, &["chat", "bob"], &[("NO_COLOR", "1")]);
    let (row, _) = terminal.row("message of bob's", |row| row.contains("bob") && row.contains("plain"));
    assert!((0..ROWS).all(|row| !terminal.is_coloured(row)), "row {row} and all others are plain");
    terminal.press(CTRL_D);
    terminal.ends();
}

#[test]
fn a_name_that_is_taken_is_refused_before_anything_is_asked_for() {
    let world = World::new();
    world.person("alice");
    let bob = world.stranger("bob");
    for (name, says) in [("ALICE", "another account has this username"), ("bob", "E-mail address:")] {
        let mut terminal = Terminal::new(&bob, &["signup", name], &[]);
        terminal.row(says, |row| row.contains(says));
        terminal.press("\u{3}");
        terminal.ends();
    }
}

#[test]
fn an_account_is_deleted_once_its_name_was_typed() {
    let world = World::new();
    let alice = world.person("alice");
    for (typed, says) in [("bob", "nothing was deleted"), ("alice", "The account is deleted.")] {
        let mut terminal = Terminal::new(&alice, &["account", "--delete"], &[]);
        terminal.row("question", |row| row.contains("Type the username"));
        terminal.press(&format!("{typed}\r"));
        terminal.row(says, |row| row.contains(says));
        terminal.ends();
    }
    assert_eq!(alice.run(&["account"]).code, 3);
}
