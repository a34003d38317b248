//! Messages, one command each.

use std::time::Duration;

use desktop_app::Event;
use desktop_app::views::{ChatStatus, Connection, Delivery, DeviceDelivery, MessageView, Outgoing, Page, Route};
use parley_protocol::{ChatId, MessageKey};
use serde::Serialize;
use serde_json::json;
use tokio::sync::broadcast::Receiver;
use tokio::time::{Instant, timeout_at};

use super::text_of;
use crate::args::{Send, Until};
use crate::clean;
use crate::emoji;
use crate::failure::{Failure, Result};
use crate::lines;
use crate::pick::{self, Last};
use crate::session::{LOOK, Patience, Session, next};
use crate::when;

/// How long an edit, a deletion or a reaction is given to go out.
const CHANGE_OUT: Duration = Duration::from_secs(3);

/// What became of a message, for programs.
#[derive(Serialize)]
struct Sent {
    chat: ChatId,
    #[serde(flatten)]
    key: MessageKey,
    #[serde(flatten)]
    delivery: Delivery,
    route: Route,
}

pub(crate) async fn send(session: &Session, args: Send) -> Result<()> {
    let text = text_of(&args.text).await?;
    let chat = pick::chat_or_person(session, &args.chat).await?;
    pick::must_be_in(&chat)?;
    if args.until == Some(Until::Read) && !session.engine.settings().await?.read_marks {
        let words = "with read marks turned off nobody's are shown; `parley settings --read-marks on` turns them on";
        return Err(Failure::Usage(words.to_owned()));
    }
    let reply_to = match &args.reply {
        Some(what) => Some(pick::message(session, chat.id, what, Last::OfAll).await?.key),
        None => None,
    };
    let mentions = pick::mentions(&session.engine, &chat, &text).await?;
    let key = session.engine.send(chat.id, Outgoing { text, reply_to, mentions }).await?;
    follow(session, chat.id, key, &lines::chat_name(&chat), args.until, Duration::from_secs(args.wait)).await
}

pub(crate) async fn retry(session: &Session, chat: &str, message: &str) -> Result<()> {
    let chat = pick::chat(session, chat).await?;
    let key = pick::message(session, chat.id, message, Last::Own).await?.key;
    session.engine.retry(chat.id, key).await?;
    follow(session, chat.id, key, &lines::chat_name(&chat), None, Duration::from_secs(5)).await
}

/// Waits until a message came as far as wanted, and says how far it came.
async fn follow(
    session: &Session,
    chat: ChatId,
    key: MessageKey,
    name: &str,
    until: Option<Until>,
    wait: Duration,
) -> Result<()> {
    let wanted = until.unwrap_or(Until::Sent);
    let view = came_to(session, chat, key, wanted, until.is_some(), wait).await?;
    session.out.object(&Sent { chat, key, delivery: view.delivery.clone(), route: view.route })?;
    if let Delivery::Failed { reason } = &view.delivery {
        return Err(Failure::Refused(format!("the message was not taken: {reason}")));
    }
    session.out.say(&fate(&view, name))?;
    if until.is_some() && reached(&view.delivery) < Some(wanted) {
        let seconds = wait.as_secs();
        return Err(Failure::Late(format!(
            "the message is {} after {seconds} s; it stays on its way",
            lines::delivery_word(&view.delivery)
        )));
    }
    Ok(())
}

fn fate(view: &MessageView, name: &str) -> String {
    match &view.delivery {
        Delivery::Waiting => format!(
            "waiting: the message is kept on this device and goes out to {name} when the relay can be reached and parley runs (any command, or `parley listen`)"
        ),
        Delivery::Sent => format!("sent to {name}, {}", by(view.route)),
        other => format!("{} to {name}, {}", lines::delivery_word(other), by(view.route)).replace("read to", "read by"),
    }
}

fn by(route: Route) -> &'static str {
    match route {
        Route::Lan => "directly (LAN)",
        Route::Direct => "directly",
        Route::Turn => "directly (TURN)",
        Route::Relay | Route::Wait => "through the relay",
    }
}

fn reached(delivery: &Delivery) -> Option<Until> {
    match delivery {
        Delivery::Waiting | Delivery::Failed { .. } | Delivery::Received => None,
        Delivery::Sent => Some(Until::Sent),
        Delivery::Delivered => Some(Until::Delivered),
        Delivery::Read => Some(Until::Read),
    }
}

/// The message once it came that far, failed, or the time is over. Unless the person insists, an unreachable relay ends the wait.
async fn came_to(
    session: &Session,
    chat: ChatId,
    key: MessageKey,
    wanted: Until,
    insist: bool,
    wait: Duration,
) -> Result<MessageView> {
    let mut events = session.engine.events();
    let deadline = Instant::now() + wait;
    let mut patience = Patience::default();
    loop {
        let view = session.engine.message(chat, key).await?;
        let over = matches!(view.delivery, Delivery::Failed { .. })
            || reached(&view.delivery) >= Some(wanted)
            || Instant::now() >= deadline;
        if over || (!insist && patience.is_over(&session.engine.connection().await?)) {
            return Ok(view);
        }
        // Whatever comes, the message itself is looked at again.
        let _ = timeout_at(deadline.min(Instant::now() + LOOK), next(&mut events)).await;
    }
}

pub(crate) async fn edit(session: &Session, chat: &str, message: &str, text: &[String]) -> Result<()> {
    let text = text_of(text).await?;
    let chat = pick::chat(session, chat).await?;
    pick::must_be_in(&chat)?;
    let target = pick::message(session, chat.id, message, Last::Own).await?;
    let mut events = session.engine.events();
    session.engine.edit(chat.id, target.key, &text).await?;
    changed(session, &target, &mut events, "edited").await
}

pub(crate) async fn delete(session: &Session, chat: &str, message: &str) -> Result<()> {
    let chat = pick::chat(session, chat).await?;
    pick::must_be_in(&chat)?;
    let target = pick::message(session, chat.id, message, Last::Own).await?;
    let mut events = session.engine.events();
    session.engine.delete(chat.id, target.key).await?;
    changed(session, &target, &mut events, "deleted").await
}

/// Takes a message off this person's devices alone.
pub(crate) async fn hide(session: &Session, chat: &str, message: &str) -> Result<()> {
    session.catch_up().await?;
    let chat = pick::chat(session, chat).await?;
    let target = pick::message(session, chat.id, message, Last::OfAll).await?;
    session.engine.hide(chat.id, vec![target.key]).await?;
    let online = matches!(session.engine.connection().await?, Connection::Online { .. });
    let (state, rest) = match (chat.status, online) {
        (ChatStatus::Left | ChatStatus::Deleted, _) => ("here", " on this device, as you are no longer in the chat"),
        // The relay is told before the profile is closed.
        (ChatStatus::Active, true) => ("sent", ""),
        (ChatStatus::Active, false) => ("waiting", "; your other devices hear of it when the relay can be reached"),
    };
    let what = json!({ "chat": chat.id, "target": target.key, "what": "deleted for me", "state": state });
    session.out.object(&what)?;
    session.out.say(&format!("deleted for you{rest}"))
}

pub(crate) async fn react(session: &Session, chat: &str, message: &str, emoji: &str, on: bool) -> Result<()> {
    emoji::must_be_one(emoji)?;
    let chat = pick::chat(session, chat).await?;
    pick::must_be_in(&chat)?;
    let target = pick::message(session, chat.id, message, Last::OfAll).await?;
    let mut events = session.engine.events();
    session.engine.react(chat.id, target.key, emoji, on).await?;
    changed(session, &target, &mut events, if on { "reacted" } else { "reaction taken back" }).await
}

/// Gives a change of a message the time to go out, and says whether it did. The change is a message of its own; that it is out
/// shows by its own event.
async fn changed(session: &Session, target: &MessageView, events: &mut Receiver<Event>, what: &str) -> Result<()> {
    let deadline = Instant::now() + CHANGE_OUT;
    let mut out = false;
    let mut patience = Patience::default();
    while !out && !patience.is_over(&session.engine.connection().await?) {
        match timeout_at(deadline.min(Instant::now() + LOOK), next(events)).await {
            Ok(Some(Event::MessageChanged { chat, key })) => out = chat == target.chat && key != target.key,
            Ok(None) => break,
            Ok(Some(_)) => {}
            Err(_) if Instant::now() >= deadline => break,
            Err(_) => {}
        }
    }
    let state = if out { "sent" } else { "waiting" };
    session.out.object(&json!({ "chat": target.chat, "target": target.key, "what": what, "state": state }))?;
    let rest = if out { "" } else { "; it goes out when the relay can be reached and parley runs" };
    session.out.say(&format!("{what}{rest}"))
}

/// Shows how far a message came: one object, or a line for it and one for each device.
pub(crate) async fn info(session: &Session, chat: &str, message: &str) -> Result<()> {
    session.catch_up().await?;
    let chat = pick::chat(session, chat).await?;
    let message = pick::message(session, chat.id, message, Last::OfAll).await?;
    let devices = deliveries(session, &message).await?;
    session.out.object(&json!({ "message": message, "devices": devices }))?;
    for row in lines::info(&lines::reference(message.key), &message, &devices) {
        session.out.say(&row)?;
    }
    Ok(())
}

/// How far each other device has a message; only its author's devices are told that.
pub(crate) async fn deliveries(session: &Session, message: &MessageView) -> Result<Vec<DeviceDelivery>> {
    if message.own { Ok(session.engine.deliveries(message.chat, message.key).await?) } else { Ok(Vec::new()) }
}

pub(crate) async fn history(session: &Session, chat: &str, number: usize, unread: bool, mark_read: bool) -> Result<()> {
    session.catch_up().await?;
    let chat = pick::chat(session, chat).await?;
    let page = if unread { Page::Unread } else { Page::Newest };
    let lines = newest(session, chat.id, page, number).await?;
    let mut day = String::new();
    for line in &lines {
        session.out.object(line)?;
        let today = when::day_key(line.sent_at);
        if today != day {
            session.out.say(&session.out.paint.dim(&format!("── {} ──", when::day(line.sent_at))))?;
            day = today;
        }
        session.out.say(&lines::line(line, &lines::reference(line.key), session.out.paint, session.out.width()))?;
    }
    if lines.is_empty() {
        session.out.note("Nothing was said yet.");
    }
    if mark_read {
        session.engine.mark_read(chat.id, None).await?;
    }
    Ok(())
}

/// The newest lines, by as many pages as it takes.
async fn newest(session: &Session, chat: ChatId, first: Page, number: usize) -> Result<Vec<MessageView>> {
    let mut lines = session.engine.history(chat, first, number.min(500)).await?;
    while first == Page::Newest && lines.len() < number {
        let Some(oldest) = lines.first() else { break };
        let want = (number - lines.len()).min(500);
        let mut older = session.engine.history(chat, Page::Before { position: oldest.position }, want).await?;
        if older.is_empty() {
            break;
        }
        older.append(&mut lines);
        lines = older;
    }
    Ok(lines)
}

pub(crate) async fn search(session: &Session, words: &[String], chat: Option<&str>, number: usize) -> Result<()> {
    session.catch_up().await?;
    let only = match chat {
        Some(chat) => Some(pick::chat(session, chat).await?.id),
        None => None,
    };
    let hits = session.engine.search(&words.join(" "), only, number).await?;
    if hits.is_empty() {
        session.out.note("No message has these words.");
    }
    for hit in hits {
        session.out.object(&hit)?;
        let message = &hit.message;
        let place = format!("{} in {}", when::full(message.sent_at), clean::line(&hit.chat_name));
        session.out.say(&format!(
            "{} {} {}: {}",
            session.out.paint.dim(&lines::reference(message.key)),
            session.out.paint.dim(&place),
            lines::name(message, session.out.paint),
            clean::line(&message.text)
        ))?;
    }
    Ok(())
}
