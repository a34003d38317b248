//! `parley chat`: a conversation in a terminal.
//!
//! One task owns the conversation (what was shown, under which numbers, and the screen); a thread reads the line being typed. Events of the
//! engine and lines of the person meet in one loop.

mod editor;
mod screen;
mod shown;
mod slash;
mod talk;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use desktop_app::Event;
use desktop_app::views::{ChatView, Page, Route};
use parley_protocol::AccountId;
use tokio::sync::broadcast::Receiver;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, interval, timeout_at};

use self::editor::{Shared, Typed};
use self::screen::Screen;
use self::shown::Shown;
use crate::failure::{Failure, Result};
use crate::lines;
use crate::pick;
use crate::session::{Session, next};

/// Lines shown at the start.
const FIRST: usize = 30;
/// How often what has run out (somebody stopped typing, a draft to be kept) is looked at.
const TICK: Duration = Duration::from_secs(1);
/// How long a pipe's last messages are given to go out.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// A conversation that is open.
struct Conversation<'a> {
    session: &'a Session,
    chat: ChatView,
    screen: Screen,
    shared: Arc<Shared>,
    shown: Shown,
    /// The route that was last told.
    route: Route,
    /// Since when the conversation is open: that the relay answers at first is no news.
    since: Instant,
    /// Whether the relay was last told to be away.
    relay_away: bool,
    /// Who is typing, until when.
    typing: Vec<(AccountId, String, Instant)>,
    /// When the others were last told that this person is typing.
    told_typing: Option<Instant>,
    /// The draft as the profile has it.
    draft: String,
}

/// Opens a conversation and stays until it is left.
pub(crate) async fn run(session: &Session, who: &str) -> Result<()> {
    if session.out.json {
        return Err(Failure::Usage(
            "a conversation is for people; scripts use `parley send` and `parley listen --json`".to_owned(),
        ));
    }
    let chat = pick::chat_or_person(session, who).await?;
    let mut events = session.engine.events();
    let shared = Arc::new(Shared::default());
    shared.set_route(chat.route.route);
    let (screen, typed, mode) = match editor::start(&lines::chat_name(&chat), &chat.draft, session.out.paint, &shared) {
        Ok((terminal, mode)) => {
            (Screen::of_terminal(session.out, shared.clone(), terminal.printer), terminal.typed, Some(mode))
        }
        Err(_) => (Screen::of_pipe(session.out, shared.clone()), editor::start_plain(), None),
    };
    let mut conversation = Conversation {
        session,
        route: chat.route.route,
        since: Instant::now(),
        draft: chat.draft.clone(),
        chat,
        screen,
        shared,
        shown: Shown::default(),
        relay_away: false,
        typing: Vec::new(),
        told_typing: None,
    };
    let ended = conversation.stay(&mut events, typed).await;
    conversation.shared.set_over();
    let left = conversation.leave().await;
    drop(mode);
    ended.and(left)
}

impl Conversation<'_> {
    async fn stay(&mut self, events: &mut Receiver<Event>, mut typed: UnboundedReceiver<Typed>) -> Result<()> {
        self.begin().await?;
        let mut tick = interval(TICK);
        loop {
            tokio::select! {
                input = typed.recv() => match input {
                    Some(Typed::Line(line)) => self.take_line(&line).await?,
                    Some(Typed::Changed(words)) => self.is_typing(words).await?,
                    Some(Typed::End) | None => return self.say_last_words(events).await,
                },
                event = next(events) => match event {
                    Some(event) => self.take_events(event, events).await?,
                    None => return Ok(()),
                },
                _ = tick.tick() => self.look_after().await?,
            }
        }
    }

    /// The first screenful: what was said, from the unread on if there is much of it, and how the chat travels.
    async fn begin(&mut self) -> Result<()> {
        let engine = &self.session.engine;
        let page = if self.chat.unread > 10 { Page::Unread } else { Page::Newest };
        let lines = engine.history(self.chat.id, page, if page == Page::Newest { FIRST } else { 200 }).await?;
        let names = engine.members(self.chat.id).await.unwrap_or_default();
        self.shared.set_names(names.into_iter().map(|member| member.username).collect());
        let what = if self.chat.sealed { "sealed" } else { "the relay can read this chat" };
        let paint = self.session.out.paint;
        let title = paint.bold(&lines::chat_name(&self.chat));
        let kind = lines::kind_word(self.chat.kind);
        self.screen.print(&format!("{title} {}", paint.dim(&format!("· {kind} · {what} · /help"))), None)?;
        for line in lines {
            self.show(line)?;
        }
        // Not more than the unread page: what came after it follows.
        self.catch_up().await
    }

    /// A pipe ended: what was sent is given a moment to go out. A person who leaves does not wait.
    async fn say_last_words(&mut self, events: &mut Receiver<Event>) -> Result<()> {
        if self.screen.is_terminal() {
            return Ok(());
        }
        let deadline = Instant::now() + LAST_WORDS;
        while self.shown.any_waiting() {
            match timeout_at(deadline, next(events)).await {
                Ok(Some(event)) => self.take_events(event, events).await?,
                Ok(None) => return Ok(()),
                Err(_) => {
                    return self
                        .screen
                        .tell("some messages are still on this device; they go out when parley runs again");
                }
            }
        }
        Ok(())
    }

    /// Keeps what was typed and not sent.
    async fn leave(&mut self) -> Result<()> {
        self.stop_typing().await?;
        self.keep_draft().await
    }

    async fn keep_draft(&mut self) -> Result<()> {
        let line = self.shared.line();
        let draft = if line.starts_with('/') { String::new() } else { line };
        if draft != self.draft {
            self.session.engine.set_draft(self.chat.id, &draft).await?;
            self.draft = draft;
        }
        Ok(())
    }
}
