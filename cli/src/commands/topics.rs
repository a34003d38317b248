//! Topics: live broadcasts, to whoever is subscribed now.

use desktop_app::views::Connection;
use desktop_app::{EngineError, Event};
use serde_json::json;

use super::text_of;
use crate::args::Topic;
use crate::clean;
use crate::failure::Result;
use crate::session::{Session, next};

pub(crate) async fn run(session: &Session, topic: Topic) -> Result<()> {
    session.online().await?;
    match topic {
        Topic::Pub { topic, data } => {
            let data = text_of(&data).await?;
            let reached = session.engine.publish(&topic, &data).await?;
            session.out.show(&json!({ "topic": topic, "reached": reached }), &sessions("Reached", reached))
        }
        Topic::Count { topic } => {
            let count = session.engine.subscribers(&topic).await?;
            session.out.show(&json!({ "topic": topic, "subscribers": count }), &sessions("It would reach", count))
        }
        Topic::Sub { patterns, count } => listen(session, patterns, count).await,
    }
}

fn sessions(what: &str, count: u64) -> String {
    if count == 1 { format!("{what} 1 session.") } else { format!("{what} {count} sessions.") }
}

async fn listen(session: &Session, patterns: Vec<String>, count: Option<u64>) -> Result<()> {
    let mut events = session.engine.events();
    session.engine.subscribe(patterns.clone()).await?;
    session.out.object(&json!({ "event": "subscribed", "patterns": patterns }))?;
    session.out.note("Subscribed; Ctrl-C ends.");
    let mut left = count;
    let mut subscribed = true;
    while left != Some(0) {
        match next(&mut events).await {
            Some(event @ Event::Topic { .. }) => {
                session.out.object(&event)?;
                if let Event::Topic { topic, data, .. } = &event {
                    let topic = session.out.paint.accent(&clean::line(topic));
                    session.out.say(&format!("{topic} {}", clean::text(data)))?;
                }
                left = left.map(|left| left - 1);
            }
            Some(event @ Event::TopicLost { .. }) => {
                session.out.object(&event)?;
                if let Event::TopicLost { count } = event {
                    session.out.note(&format!("{count} messages were lost: this device was too slow."));
                }
            }
            // A subscription belongs to the session; a new session needs it anew.
            Some(Event::Connection(Connection::Online { .. })) if !subscribed => {
                if session.engine.subscribe(patterns.clone()).await.is_ok() {
                    subscribed = true;
                    session.out.object(&json!({ "event": "subscribed", "patterns": patterns }))?;
                    session.out.note("Subscribed again.");
                }
            }
            Some(Event::Connection(Connection::Offline { reason, .. })) => {
                if subscribed {
                    session
                        .out
                        .note(&format!("The relay cannot be reached ({reason}); what is published now is missed."));
                }
                subscribed = false;
            }
            Some(Event::Connection(Connection::SignedOut { .. })) => {
                return Err(EngineError::SignedOut.into());
            }
            Some(Event::Lagged) => session.out.note("Some messages were lost: this terminal was too slow."),
            Some(_) => {}
            None => return Err(EngineError::Closed.into()),
        }
    }
    Ok(())
}
