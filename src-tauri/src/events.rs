//! From the engine to the screen, and to the system where somebody should be told who does not look.

use std::time::Duration;

use desktop_app::views::Connection;
use desktop_app::{Engine, Event};
use parley_protocol::{ChatId, MessageKey};
use tokio::sync::Notify;
use tokio::sync::broadcast::{Receiver, error::RecvError};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};

use crate::notifications::{Note, Then};
use crate::shell::Shell;
use crate::views::NotificationText;
use crate::window;
use crate::words::{Word, words};

/// The least time from one count of what is unread to the next: a burst of messages is counted a few times.
const BETWEEN_COUNTS: Duration = Duration::from_millis(250);

/// Passes on what an engine tells, until it ends.
pub(crate) async fn pass_on(shell: Shell, engine: Engine, events: Receiver<Event>) {
    let changed = Notify::new();
    let (news, to_tell) = mpsc::unbounded_channel();
    tokio::select! {
        () = pass_events(&shell, &engine, events, &changed, &news) => {}
        () = notify(&shell, &engine, to_tell) => {}
        () = count_unread(&shell, &engine, &changed) => {}
        () = engine.ended() => {}
    }
    shell.engine_ended();
}

async fn pass_events(
    shell: &Shell,
    engine: &Engine,
    mut events: Receiver<Event>,
    changed: &Notify,
    news: &UnboundedSender<(ChatId, MessageKey)>,
) {
    loop {
        match events.recv().await {
            Ok(event) => {
                if matches!(event, Event::Message { .. } | Event::Chat { .. } | Event::Connection(_)) {
                    changed.notify_one();
                }
                if let Event::Message { chat, key, notify: true, .. } = event
                    && wants_notification(shell, chat)
                {
                    // It is heard for as long as this runs.
                    let _ = news.send((chat, key));
                }
                if let Event::Connection(Connection::SignedOut { .. }) = event {
                    shell.notifications().clear_chats();
                }
                if let Event::MessageChanged { chat, key } = event
                    && shell.notifications().shows(chat, key)
                {
                    tauri::async_runtime::spawn(forget_if_gone(shell.clone(), engine.clone(), chat, key));
                }
                if let Event::Chat { chat } = event
                    && shell.notifications().stands(chat)
                {
                    tauri::async_runtime::spawn(forget_if_read(shell.clone(), engine.clone(), chat));
                }
                shell.pass_event(event);
            }
            Err(RecvError::Lagged(_)) => {
                changed.notify_one();
                shell.pass_event(Event::Lagged);
            }
            Err(RecvError::Closed) => return,
        }
    }
}

/// Counts what is unread, at first and then whenever that may have changed. Here and not in the screen, which a system lets sleep
/// while nobody sees it.
async fn count_unread(shell: &Shell, engine: &Engine, changed: &Notify) {
    loop {
        match engine.unread().await {
            Ok(unread) => shell.show_unread(unread),
            Err(error) => tracing::warn!(%error, "what is unread could not be counted"),
        }
        tokio::time::sleep(BETWEEN_COUNTS).await;
        changed.notified().await;
    }
}

/// Whoever looks at a chat needs no notification of it.
fn wants_notification(shell: &Shell, chat: ChatId) -> bool {
    let looked_at = shell.visible() == Some(chat) && window::has_focus(shell.app());
    shell.preferences().notifications && !looked_at
}

/// What was read, perhaps on another device, needs no notification any more.
async fn forget_if_read(shell: Shell, engine: Engine, chat: ChatId) {
    if engine.chat(chat).await.is_ok_and(|chat| chat.unread == 0) {
        shell.notifications().clear(chat);
    }
}

/// Nor does what was deleted.
async fn forget_if_gone(shell: Shell, engine: Engine, chat: ChatId, key: MessageKey) {
    if engine.message(chat, key).await.map_or(true, |message| message.deleted) {
        shell.notifications().clear(chat);
    }
}

/// Tells of messages, one after the other.
async fn notify(shell: &Shell, engine: &Engine, mut news: UnboundedReceiver<(ChatId, MessageKey)>) {
    while let Some((chat, key)) = news.recv().await {
        tell(shell, engine, chat, key).await;
    }
}

async fn tell(shell: &Shell, engine: &Engine, chat: ChatId, key: MessageKey) {
    // It may be gone already: deleted, or its chat.
    let (Ok(chat), Ok(message)) = (engine.chat(chat).await, engine.message(chat, key).await) else { return };
    // Or read, on this device or another.
    if message.deleted || chat.unread == 0 || !wants_notification(shell, chat.id) {
        return;
    }
    let preferences = shell.preferences();
    let say = words(preferences.language.as_deref());
    let (title, text) = match preferences.notification_text {
        NotificationText::NameAndText if chat.peer.is_some() => (chat.name, message.text),
        NotificationText::NameAndText => (chat.name, format!("{}: {}", message.username, message.text)),
        NotificationText::Name => (chat.name, say(Word::NewMessage).to_owned()),
        NotificationText::Nothing => ("Parley".to_owned(), say(Word::NewMessage).to_owned()),
    };
    let note = Note { title: one_line(&title, 60), text: one_line(&text, 240), open: say(Word::Open).to_owned() };
    shell.notifications().show(note, Then::OpenChat { chat: chat.id, key });
}

/// The beginning of a text as one line, without anything that could reorder or hide what stands around it.
fn one_line(text: &str, most: usize) -> String {
    let hidden = |letter: &char| matches!(letter, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    let plain = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter });
    let mut line: String = plain.filter(|letter| !hidden(letter)).take(most + 1).collect();
    if line.chars().count() > most {
        line.pop();
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notification_shows_one_line_that_hides_nothing() {
        assert_eq!(one_line("a\nb\u{202e}c", 10), "a bc");
        assert_eq!(one_line("abcdef", 3), "abc…");
        assert_eq!(one_line("abc", 3), "abc");
    }
}
