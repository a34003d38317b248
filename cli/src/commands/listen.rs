//! Printing what comes, for as long as it is wanted: the command bots are made of.

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use desktop_app::views::{ChatView, MessageKind, MessageView, Page};
use desktop_app::{EngineError, Event};
use parley_protocol::{ChatId, MessageKey};
use serde_json::json;
use tokio::time::{Instant, sleep_until};

use super::status::connection_line;
use crate::args::Listen;
use crate::clean;
use crate::failure::{Failure, Result};
use crate::lines;
use crate::pick;
use crate::session::{Session, next};

/// How many messages are read from the profile at once.
const PAGE: usize = 500;

/// What `listen` keeps in mind.
struct Listener<'a> {
    session: &'a Session,
    args: Listen,
    /// Only these; empty for all.
    only: BTreeSet<ChatId>,
    /// Printed from the profile; their events, if they are still to come, are not printed again.
    printed: HashSet<(ChatId, MessageKey)>,
    count: u64,
}

pub(crate) async fn run(session: &Session, args: Listen) -> Result<()> {
    let mut events = session.engine.events();
    if session.engine.me().await?.is_none() {
        return Err(EngineError::SignedOut.into());
    }
    let mut only = BTreeSet::new();
    for chat in &args.chats {
        only.insert(pick::chat(session, chat).await?.id);
    }
    let end = args.seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let mut listener = Listener { session, args, only, printed: HashSet::new(), count: 0 };
    let connection = session.engine.connection().await?;
    session.out.object(&Event::Connection(connection))?;
    session.out.note("Listening; Ctrl-C ends.");
    if listener.args.unread {
        listener.print_unread().await?;
    }
    while !listener.is_done() {
        let event = tokio::select! {
            event = next(&mut events) => event,
            () = until(end) => return listener.time_is_over(),
        };
        listener.take(event.ok_or(EngineError::Closed)?).await?;
    }
    Ok(())
}

async fn until(end: Option<Instant>) {
    match end {
        Some(end) => sleep_until(end).await,
        None => std::future::pending().await,
    }
}

impl Listener<'_> {
    fn is_done(&self) -> bool {
        self.args.count.is_some_and(|count| self.count >= count)
    }

    fn time_is_over(&self) -> Result<()> {
        match self.args.count {
            Some(count) => Err(Failure::Late(format!("{} of {count} messages came in time", self.count))),
            None => Ok(()),
        }
    }

    fn wants(&self, chat: ChatId) -> bool {
        self.only.is_empty() || self.only.contains(&chat)
    }

    /// Messages which were not shown yet, from the first of each chat on, however many there are: what is left out here has no
    /// event to come. More may come meanwhile, so nothing is counted.
    async fn print_unread(&mut self) -> Result<()> {
        for chat in self.session.engine.chats().await? {
            if chat.unread == 0 || !self.wants(chat.id) {
                continue;
            }
            // A page of one line begins with the first unread one, without what stands before.
            let mut lines = self.session.engine.history(chat.id, Page::Unread, 1).await?;
            while let Some(last) = lines.last().map(|line| line.position) {
                for message in lines.iter().filter(|line| !line.own && line.kind == MessageKind::Text) {
                    if self.is_done() {
                        return Ok(());
                    }
                    if self.printed.insert((chat.id, message.key)) {
                        self.print(&chat, message, "message").await?;
                    }
                }
                lines = self.session.engine.history(chat.id, Page::After { position: last }, PAGE).await?;
            }
        }
        Ok(())
    }

    async fn take(&mut self, event: Event) -> Result<()> {
        match &event {
            Event::Message { chat, key, .. } if self.wants(*chat) => {
                if !self.printed.remove(&(*chat, *key)) {
                    let message = self.session.engine.message(*chat, *key).await?;
                    let chat = self.session.engine.chat(*chat).await?;
                    self.print(&chat, &message, "message").await?;
                }
                Ok(())
            }
            Event::MessageChanged { chat, key } if self.args.all && self.wants(*chat) => {
                // A message that was cancelled meanwhile has no view.
                let Ok(message) = self.session.engine.message(*chat, *key).await else { return Ok(()) };
                let chat = self.session.engine.chat(*chat).await?;
                self.print(&chat, &message, "message_changed").await
            }
            Event::Notice { chat, message, .. } if chat.is_none_or(|chat| self.wants(chat)) => {
                self.session.out.object(&event)?;
                self.session.out.note(message);
                Ok(())
            }
            Event::Connection(view) => {
                self.session.out.object(&event)?;
                self.session.out.note(&format!("The relay: {}", plain(&connection_line(self.session, view))));
                if matches!(view, desktop_app::views::Connection::SignedOut { .. }) {
                    return Err(EngineError::SignedOut.into());
                }
                Ok(())
            }
            Event::Lagged => {
                self.session.out.object(&event)?;
                self.print_unread().await
            }
            Event::Marks { chat } | Event::Moved { chat } | Event::Chat { chat } | Event::Typing { chat, .. }
                if self.args.all && self.wants(*chat) =>
            {
                self.session.out.object(&event)
            }
            Event::Route { chat, route } if self.args.all && self.wants(*chat) => {
                self.session.out.object(&event)?;
                let chat = self.session.engine.chat(*chat).await?;
                self.session.out.note(&format!(
                    "{}: {}",
                    lines::chat_name(&chat),
                    plain(&lines::route(route.route, route.round_trip, self.session.out.paint))
                ));
                Ok(())
            }
            Event::Presence { .. } if self.args.all => self.session.out.object(&event),
            _ => Ok(()),
        }
    }

    async fn print(&mut self, chat: &ChatView, message: &MessageView, event: &str) -> Result<()> {
        let out = self.session.out;
        out.object(&json!({ "event": event, "chat": chat.id, "chat_name": chat.name, "message": message }))?;
        let place =
            if chat.peer.is_some() { String::new() } else { format!("{} ", out.paint.bold(&lines::chat_name(chat))) };
        let changed = if event == "message" { "" } else { "(changed) " };
        let line = lines::line(message, &lines::reference(message.key), out.paint, out.width());
        out.say(&format!("{changed}{place}{}", line.trim_start_matches(' ')))?;
        if event == "message" {
            self.count += 1;
            if self.args.mark_read {
                self.session.engine.mark_read(chat.id, Some(message.key)).await?;
            }
        }
        Ok(())
    }
}

/// Without colours: notes go to stderr, which may be no terminal.
fn plain(text: &str) -> String {
    let mut escape = false;
    let kept = text.chars().filter(|c| match (escape, c) {
        (false, '\x1b') => {
            escape = true;
            false
        }
        (false, _) => true,
        (true, c) => {
            escape = !c.is_ascii_alphabetic();
            false
        }
    });
    clean::line(&kept.collect::<String>()).into_owned()
}
