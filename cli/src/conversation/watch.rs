//! What happens while a conversation is open, and how it is shown.

use std::time::Duration;

use desktop_app::Event;
use desktop_app::views::{Connection, Delivery, MessageKind, MessageView, Page, Route, RouteView};
use parley_protocol::{AccountId, ChatId, MessageKey};
use tokio::sync::broadcast::Receiver;
use tokio::time::Instant;

use super::Conversation;
use crate::clean;
use crate::failure::Result;
use crate::lines;
use crate::when;
use crate::wrap::cut;

/// Somebody who is typing says so again before this is over.
const TYPING: Duration = Duration::from_secs(8);
/// How long after the start a route through the relay is no news.
const OPENING: Duration = Duration::from_secs(5);
/// Events that are taken together.
const BURST: usize = 256;

/// What a burst of events comes to.
#[derive(Default)]
struct Burst {
    came: Vec<MessageKey>,
    changed: Vec<MessageKey>,
    marks: bool,
    lines: bool,
    elsewhere: Vec<(ChatId, MessageKey)>,
}

impl Conversation<'_> {
    /// Takes an event and whatever is behind it already.
    pub(super) async fn take_events(&mut self, first: Event, events: &mut Receiver<Event>) -> Result<()> {
        let mut burst = Burst::default();
        let mut event = Some(first);
        for _ in 0..BURST {
            let Some(now) = event.take() else { break };
            self.take_event(now, &mut burst).await?;
            event = events.try_recv().ok();
        }
        if let Some(last) = event {
            self.take_event(last, &mut burst).await?;
        }
        for key in std::mem::take(&mut burst.came) {
            if !self.shown.has(key) {
                let line = self.session.engine.message(self.chat.id, key).await?;
                self.show_received(line).await?;
            }
        }
        if burst.lines {
            self.catch_up().await?;
        }
        if burst.marks {
            self.follow_receipts().await?;
        }
        burst.changed.sort_unstable();
        burst.changed.dedup();
        for key in burst.changed {
            self.refresh(key).await?;
        }
        for (chat, key) in burst.elsewhere {
            self.tell_elsewhere(chat, key).await?;
        }
        Ok(())
    }

    async fn take_event(&mut self, event: Event, burst: &mut Burst) -> Result<()> {
        let here = self.chat.id;
        match event {
            Event::Message { chat, key, .. } if chat == here => burst.came.push(key),
            Event::Message { chat, key, notify: true, .. } => burst.elsewhere.push((chat, key)),
            Event::MessageChanged { chat, key } if chat == here => burst.changed.push(key),
            Event::Marks { chat } if chat == here => burst.marks = true,
            Event::Chat { chat } if chat == here => burst.lines = true,
            Event::Route { chat, route } if chat == here => self.tell_route(route)?,
            Event::Typing { chat, account, on } if chat == here => self.others_typing(account, on).await?,
            Event::Connection(view) => self.tell_connection(&view)?,
            Event::Notice { chat, message, .. } if chat.is_none_or(|chat| chat == here) => {
                self.screen.tell(&clean::line(&message))?;
            }
            Event::Lagged => (burst.marks, burst.lines) = (true, true),
            _ => {}
        }
        Ok(())
    }

    /// Shows lines which were not shown yet, and marks the chat as read.
    pub(super) async fn catch_up(&mut self) -> Result<()> {
        let page = self.shown.newest().map_or(Page::Newest, |position| Page::After { position });
        let lines = self.session.engine.history(self.chat.id, page, 500).await?;
        for line in lines {
            if !self.shown.has(line.key) {
                self.show(line)?;
            }
        }
        Ok(self.session.engine.mark_read(self.chat.id, None).await?)
    }

    async fn show_received(&mut self, line: MessageView) -> Result<()> {
        self.typing.retain(|(account, _, _)| *account != line.account);
        self.show_typing();
        self.show(line)?;
        Ok(self.session.engine.mark_read(self.chat.id, None).await?)
    }

    /// Shows a line, under a number if it is a message.
    pub(super) fn show(&mut self, line: MessageView) -> Result<()> {
        if line.kind == MessageKind::Text && !line.own && self.chat.blocked {
            return Ok(());
        }
        let day = when::day_key(line.sent_at);
        if day != self.shown.day {
            let title = self.session.out.paint.dim(&format!("── {} ──", when::day(line.sent_at)));
            self.screen.print(&title, None)?;
            self.shown.day = day;
        }
        let number = self.shown.add(&line);
        let reference = number.map(|number| format!("{number:>3}")).unwrap_or_default();
        let text = lines::line(&line, &reference, self.session.out.paint, self.screen.width());
        let receipt = number.map(|_| (line.key, usize::from(line.reply_to.is_some())));
        self.screen.print(&text, receipt)
    }

    /// Shows how far own messages came. One read for all of them: on a direct link each message is marked by itself.
    async fn follow_receipts(&mut self) -> Result<()> {
        let receipts = self.session.engine.receipts(self.chat.id, self.shown.unsettled()).await?;
        for (key, delivery) in receipts {
            self.show_delivery(key, delivery)?;
        }
        Ok(())
    }

    fn show_delivery(&mut self, key: MessageKey, delivery: Delivery) -> Result<()> {
        let Some((number, old)) = self.shown.deliver(key, delivery.clone()) else { return Ok(()) };
        if old == delivery {
            return Ok(());
        }
        self.screen.redraw_receipt(key, &delivery);
        match delivery {
            Delivery::Failed { reason } => self
                .screen
                .tell(&format!("{number} was not taken: {}; /retry {number} sends it again", clean::line(&reason))),
            _ => Ok(()),
        }
    }

    /// Shows what changed about a message.
    async fn refresh(&mut self, key: MessageKey) -> Result<()> {
        if self.shown.number(key).is_none() {
            return Ok(());
        }
        // A message that was cancelled before it went anywhere is gone.
        let Ok(line) = self.session.engine.message(self.chat.id, key).await else { return Ok(()) };
        self.show_delivery(key, line.delivery.clone())?;
        let Some((number, old)) = self.shown.update(&line) else { return Ok(()) };
        let who = if line.own { "you".to_owned() } else { clean::line(&line.username).into_owned() };
        if line.deleted && !old.deleted {
            self.screen.tell(&format!("{who} deleted {number}"))?;
        } else if line.text != old.text {
            self.screen.tell(&format!("{who} edited {number}: {}", clean::line(&line.text)))?;
        }
        if line.reactions != old.reactions && !line.deleted {
            let all = lines::reactions(&line, crate::paint::Paint::plain());
            let all = if all.is_empty() { "no reactions any more".to_owned() } else { all };
            self.screen.tell(&format!("{number} “{}”: {all}", cut(&clean::line(&line.text), 30)))?;
        }
        Ok(())
    }

    /// A message of another chat that the person would be notified of.
    async fn tell_elsewhere(&mut self, chat: ChatId, key: MessageKey) -> Result<()> {
        let (Ok(chat), Ok(message)) =
            (self.session.engine.chat(chat).await, self.session.engine.message(chat, key).await)
        else {
            return Ok(());
        };
        let place = if chat.peer.is_some() { String::new() } else { format!("{}: ", lines::chat_name(&chat)) };
        self.screen.tell(&format!("elsewhere: {place}{}", cut(&lines::gist(&message), 60)))
    }

    fn tell_route(&mut self, route: RouteView) -> Result<()> {
        let changed = route.route != self.route;
        let opening = self.route == Route::Wait && route.route == Route::Relay && self.since.elapsed() < OPENING;
        self.chat.route = route.clone();
        if !changed {
            return Ok(());
        }
        self.route = route.route;
        self.shared.set_route(route.route);
        if opening {
            self.screen.redraw_prompt();
            return Ok(());
        }
        self.screen.tell(&format!("now {}", lines::route(route.route, route.round_trip, crate::paint::Paint::plain())))
    }

    fn tell_connection(&mut self, view: &Connection) -> Result<()> {
        match view {
            Connection::Offline { reason, .. } if !self.relay_away => {
                self.relay_away = true;
                self.screen.tell(&format!("the relay cannot be reached ({})", clean::line(reason)))
            }
            Connection::Online { .. } if self.relay_away => {
                self.relay_away = false;
                self.screen.tell("the relay is there again")
            }
            Connection::SignedOut { reason } => {
                let why = reason.as_deref().unwrap_or("signed out");
                self.screen.tell(&format!("{}; /quit, then `parley signin`", clean::line(why)))
            }
            Connection::Incompatible { reason } => self.screen.tell(&clean::line(reason)),
            _ => Ok(()),
        }
    }

    async fn others_typing(&mut self, account: AccountId, on: bool) -> Result<()> {
        self.typing.retain(|(who, _, _)| *who != account);
        if on {
            let members = self.session.engine.members(self.chat.id).await.unwrap_or_default();
            let name = members.into_iter().find(|member| member.account == account);
            let name = name.map_or_else(|| "somebody".to_owned(), |member| clean::line(&member.username).into_owned());
            self.typing.push((account, name, Instant::now() + TYPING));
        }
        self.show_typing();
        Ok(())
    }

    fn show_typing(&self) {
        let names: Vec<&str> = self.typing.iter().map(|(_, name, _)| name.as_str()).collect();
        self.screen.hint(match names.as_slice() {
            [] => String::new(),
            [one] => format!("{one} is typing…"),
            [one, two] => format!("{one} and {two} are typing…"),
            _ => "several people are typing…".to_owned(),
        });
    }

    /// What runs out by itself, and what is kept every now and then.
    pub(super) async fn look_after(&mut self) -> Result<()> {
        let now = Instant::now();
        let before = self.typing.len();
        self.typing.retain(|(_, _, until)| *until > now);
        if self.typing.len() != before {
            self.show_typing();
        }
        if self.screen.is_terminal() {
            self.keep_draft().await?;
        }
        Ok(())
    }
}
