//! What the person says and does in a conversation.

use std::time::Duration;

use desktop_app::EngineError;
use desktop_app::views::{MessageView, Outgoing, Page};
use parley_protocol::MessageKey;
use tokio::time::Instant;

use super::Conversation;
use super::slash::{self, Line};
use crate::clean;
use crate::commands;
use crate::emoji;
use crate::failure::{Failure, Result};
use crate::lines;
use crate::pick;
use crate::when;

/// The others are told again that this person is typing after so long.
const TYPING_AGAIN: Duration = Duration::from_secs(4);

impl Conversation<'_> {
    /// Does what a line says. What goes wrong is said on the screen; only a broken terminal ends the conversation.
    pub(super) async fn take_line(&mut self, line: &str) -> Result<()> {
        self.told_typing = None;
        let line = match slash::parse(line) {
            Ok(line) => line,
            Err(sentence) => return self.screen.tell(&clean::line(&sentence)),
        };
        match self.act(line).await {
            Err(failure @ (Failure::Terminal(_) | Failure::Unread | Failure::Engine(EngineError::Closed))) => {
                Err(failure)
            }
            Err(failure) => self.screen.tell(&clean::line(&failure.sentence())),
            Ok(()) => Ok(()),
        }
    }

    async fn act(&mut self, line: Line) -> Result<()> {
        let (engine, chat) = (self.session.engine.clone(), self.chat.id);
        match line {
            Line::Nothing | Line::Quit => Ok(()),
            Line::Say(text) => self.say(text, None).await,
            Line::Reply(number, text) => {
                let key = self.numbered(number)?.key;
                self.say(text, Some(key)).await
            }
            Line::Edit(Some(number), text) => Ok(engine.edit(chat, self.numbered(number)?.key, &text).await?),
            Line::Edit(None, text) => {
                let key = engine.last_own(chat).await?;
                let key = key.ok_or_else(|| Failure::NotFound("you have sent nothing here yet".to_owned()))?;
                Ok(engine.edit(chat, key, &text).await?)
            }
            Line::Delete(number) => Ok(engine.delete(chat, self.numbered(number)?.key).await?),
            Line::Hide(number) => {
                engine.hide(chat, vec![self.numbered(number)?.key]).await?;
                self.screen.tell(&format!("{number} is deleted for you"))
            }
            Line::React(number, emoji, on) => {
                emoji::must_be_one(&emoji)?;
                Ok(engine.react(chat, self.numbered(number)?.key, &emoji, on).await?)
            }
            Line::Retry(number) => Ok(engine.retry(chat, self.numbered(number)?.key).await?),
            Line::Info(number) => self.info(number).await,
            Line::History(number) => self.older(number).await,
            Line::Search(words) => self.search(&words).await,
            Line::Who => self.who().await,
            Line::Status => self.status().await,
            Line::Mute(span, off) => {
                let until = commands::chats::mute_until(span, off);
                engine.mute(chat, until).await?;
                self.screen.tell(&commands::chats::mute_line(&lines::chat_name(&self.chat), until))
            }
            Line::Help => {
                let help = self.session.out.paint.dim(slash::HELP);
                self.screen.print(&help, None)
            }
        }
    }

    fn numbered(&self, number: usize) -> Result<&MessageView> {
        self.shown
            .message(number)
            .ok_or_else(|| Failure::NotFound(format!("there is no message {number} on the screen")))
    }

    async fn say(&mut self, text: String, reply_to: Option<MessageKey>) -> Result<()> {
        let mentions = pick::mentions(&self.session.engine, &self.chat, &text).await?;
        let key = self.session.engine.send(self.chat.id, Outgoing { text, reply_to, mentions }).await?;
        if !self.shown.has(key) {
            let line = self.session.engine.message(self.chat.id, key).await?;
            self.show(line)?;
        }
        Ok(())
    }

    async fn info(&mut self, number: usize) -> Result<()> {
        let message = self.numbered(number)?.clone();
        let devices = commands::messages::deliveries(self.session, &message).await?;
        let name = format!("{number} {}", lines::reference(message.key));
        for row in lines::info(&name, &message, &devices) {
            self.screen.tell(&row)?;
        }
        Ok(())
    }

    async fn older(&mut self, number: usize) -> Result<()> {
        let page = self.shown.oldest().map_or(Page::Newest, |position| Page::Before { position });
        let lines = self.session.engine.history(self.chat.id, page, number).await?;
        let lines: Vec<MessageView> = lines.into_iter().filter(|line| !self.shown.has(line.key)).collect();
        if lines.is_empty() {
            return self.screen.tell("there is nothing older");
        }
        self.screen.tell("earlier")?;
        let day = std::mem::take(&mut self.shown.day);
        for line in lines {
            self.show(line)?;
        }
        self.shown.day = day;
        self.screen.tell("back to now")
    }

    async fn search(&mut self, words: &str) -> Result<()> {
        let hits = self.session.engine.search(words, Some(self.chat.id), 20).await?;
        if hits.is_empty() {
            return self.screen.tell("no message here has these words");
        }
        for hit in hits.iter().rev() {
            let message = &hit.message;
            let number = self.shown.number(message.key);
            let reference = number.map_or_else(|| lines::reference(message.key), |number| format!("{number:>3}"));
            let row = format!(
                "{:4}{} {} {}: {}",
                "",
                self.session.out.paint.dim(&reference),
                self.session.out.paint.dim(&when::short(message.sent_at)),
                lines::name(message, self.session.out.paint),
                clean::line(&message.text)
            );
            self.screen.print(&row, None)?;
        }
        Ok(())
    }

    async fn who(&mut self) -> Result<()> {
        for member in self.session.engine.members(self.chat.id).await? {
            let row = commands::members::line(&member, self.session.out.paint);
            self.screen.print(&format!("    {row}"), None)?;
        }
        Ok(())
    }

    async fn status(&mut self) -> Result<()> {
        self.chat = self.session.engine.chat(self.chat.id).await?;
        let connection = self.session.engine.connection().await?;
        let connection = commands::status::connection_line(self.session, &connection);
        let route = lines::route(self.chat.route.route, self.chat.route.round_trip, self.session.out.paint);
        let since = when::short(self.chat.route.since);
        let links = format!("{} of {} devices linked", self.chat.route.linked, self.chat.route.devices);
        self.screen.print(&format!("    relay: {connection}"), None)?;
        self.screen.print(&format!("    this conversation: {route} since {since}, {links}"), None)
    }

    /// The line changed: tells the others that this person types, not more often than they need.
    pub(super) async fn is_typing(&mut self, words: bool) -> Result<()> {
        if !words {
            return self.stop_typing().await;
        }
        if self.told_typing.is_some_and(|told| told.elapsed() < TYPING_AGAIN) {
            return Ok(());
        }
        self.told_typing = Some(Instant::now());
        self.tell_typing(true).await
    }

    pub(super) async fn stop_typing(&mut self) -> Result<()> {
        match self.told_typing.take() {
            Some(_) => self.tell_typing(false).await,
            None => Ok(()),
        }
    }

    async fn tell_typing(&self, on: bool) -> Result<()> {
        match self.session.engine.typing(self.chat.id, on).await {
            Err(EngineError::Closed) => Err(EngineError::Closed.into()),
            // Nobody misses it.
            _ => Ok(()),
        }
    }
}
