//! What happened, on its way to the screen. It waits here until the screen asks for it, several at once if they came at once.
//!
//! Tauri's channels have the page run a script of its own for each event. WebKit keeps what it compiled of the newest thousands (2 MB
//! more after each collection, measured), and for a page that does not answer they pile up without bound. Here they do not.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use desktop_app::Event;
use tokio::sync::mpsc::{self, Receiver, Sender, error::TrySendError};

use crate::shell::held;
use crate::views::ScreenEvent;

/// How many events may wait. A screen that is further behind looks at everything anew.
const WAITING: usize = 4_096;
/// How many events are taken at once.
const AT_ONCE: usize = 256;
/// How long the screen waits at most for something to happen: less than the minute after which Apple's URL loading gives up a request.
pub(crate) const PATIENCE: Duration = Duration::from_secs(25);

/// The way to the screen that listens, if one does.
#[derive(Default)]
pub(crate) struct Screen {
    inner: Mutex<Option<Way>>,
    /// Something happened that could not wait any more.
    missed: AtomicBool,
}

/// One page's.
struct Way {
    events: Sender<ScreenEvent>,
    waiting: Arc<tokio::sync::Mutex<Receiver<ScreenEvent>>>,
}

impl Screen {
    /// A page begins to listen, in place of the one before.
    pub(crate) fn begin(&self) {
        let (events, waiting) = mpsc::channel(WAITING);
        self.missed.store(false, Ordering::Relaxed);
        *held(&self.inner) = Some(Way { events, waiting: Arc::new(tokio::sync::Mutex::new(waiting)) });
    }

    /// The page listens no longer.
    pub(crate) fn end(&self) {
        *held(&self.inner) = None;
    }

    pub(crate) fn listens(&self) -> bool {
        held(&self.inner).is_some()
    }

    /// Hands over an event, if somebody listens.
    pub(crate) fn tell(&self, event: ScreenEvent) {
        let full = |way: &Way| matches!(way.events.try_send(event), Err(TrySendError::Full(_)));
        let is_full = held(&self.inner).as_ref().is_some_and(full);
        if is_full && !self.missed.swap(true, Ordering::Relaxed) {
            tracing::warn!("the screen is far behind; it will look at everything anew");
        }
    }

    /// What has happened since the last call, oldest first, as soon as there is something, or nothing after `patience`; `None` once
    /// another page listens, or none.
    pub(crate) async fn next(&self, patience: Duration) -> Option<Vec<ScreenEvent>> {
        let waiting = held(&self.inner).as_ref().map(|way| way.waiting.clone())?;
        let mut events = Vec::new();
        let some = async { waiting.lock().await.recv_many(&mut events, AT_ONCE).await > 0 };
        let is_over = tokio::time::timeout(patience, some).await.is_ok_and(|some| !some);
        if is_over {
            return None;
        }
        if !events.is_empty() && self.missed.swap(false, Ordering::Relaxed) {
            events.push(ScreenEvent::Engine(Event::Lagged));
        }
        Some(events)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::views::ShellEvent;

    fn link(number: usize) -> ScreenEvent {
        ScreenEvent::Shell(ShellEvent::OpenLink { link: number.to_string() })
    }

    fn told(events: Option<Vec<ScreenEvent>>) -> Vec<String> {
        let name = |event: ScreenEvent| match event {
            ScreenEvent::Shell(ShellEvent::OpenLink { link }) => link,
            other => format!("{other:?}"),
        };
        events.unwrap().into_iter().map(name).collect()
    }

    #[tokio::test]
    async fn what_waits_is_taken_at_once_and_in_order() {
        let screen = Screen::default();
        screen.tell(link(0));
        assert!(screen.next(PATIENCE).await.is_none(), "nobody listens yet");
        screen.begin();
        for number in 1..4 {
            screen.tell(link(number));
        }
        assert_eq!(told(screen.next(PATIENCE).await), ["1", "2", "3"]);
    }

    #[tokio::test]
    async fn an_answer_comes_though_nothing_happens() {
        let screen = Screen::default();
        screen.begin();
        assert!(told(screen.next(Duration::ZERO).await).is_empty());
        screen.tell(link(1));
        assert_eq!(told(screen.next(PATIENCE).await), ["1"]);
    }

    #[tokio::test]
    async fn a_page_that_was_replaced_gets_nothing_more() {
        let screen = Arc::new(Screen::default());
        screen.begin();
        let old = screen.clone();
        let old = tokio::spawn(async move { old.next(PATIENCE).await });
        // It waits for what happens next.
        tokio::task::yield_now().await;
        screen.begin();
        screen.tell(link(1));
        assert!(old.await.unwrap().is_none());
        assert_eq!(told(screen.next(PATIENCE).await), ["1"]);
        screen.end();
        assert!(screen.next(PATIENCE).await.is_none());
    }

    #[tokio::test]
    async fn a_page_that_is_far_behind_looks_at_everything_anew() {
        let screen = Screen::default();
        screen.begin();
        for number in 0..=WAITING {
            screen.tell(link(number));
        }
        let first = told(screen.next(PATIENCE).await);
        assert_eq!((first.len(), first.last().map(String::as_str)), (AT_ONCE + 1, Some("Engine(Lagged)")));
        assert_eq!(told(screen.next(PATIENCE).await).len(), AT_ONCE);
    }
}
