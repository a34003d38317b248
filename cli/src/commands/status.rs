//! How the profile stands with its relay, and how each conversation travels.

use std::time::Duration;

use desktop_app::views::{ChatStatus, ChatView, Connection, PresenceView, Route};
use parley_protocol::ChatKind;
use parley_protocol::frames::PresenceState;
use serde_json::json;
use tokio::time::{Instant, timeout_at};

use crate::failure::Result;
use crate::lines;
use crate::session::{LOOK, Session, next};
use crate::when;
use crate::wrap::cells;

pub(crate) async fn run(session: &Session, wait: u64) -> Result<()> {
    session.catch_up().await?;
    settle(session, Duration::from_secs(wait)).await?;
    let me = session.engine.me().await?;
    let connection = session.engine.connection().await?;
    let chats = session.engine.chats().await?;
    session.out.object(&json!({ "me": me, "connection": connection }))?;
    if let Some(me) = &me {
        let name = session.out.paint.name(me.account, &me.username);
        session.out.say(&format!("{name} at {}: {}", me.relay, connection_line(session, &connection)))?;
    }
    let shown = chats.iter().filter(|chat| chat.status == ChatStatus::Active && !chat.archived);
    let width = shown.clone().map(|chat| cells(&lines::chat_name(chat))).max().unwrap_or(0);
    for chat in shown {
        session.out.object(&json!({ "chat": chat.id, "name": chat.name, "kind": chat.kind, "route": chat.route }))?;
        let name = lines::chat_name(chat);
        let pad = " ".repeat(width.saturating_sub(cells(&name)));
        let route = lines::route(chat.route.route, chat.route.round_trip, session.out.paint);
        let mark = lines::route_mark(chat.route.route, session.out.paint);
        let links = format!("{} of {} devices linked", chat.route.linked, chat.route.devices);
        let links = if chat.kind.is_channel() { "the relay can read it".to_owned() } else { links };
        session.out.say(&format!("{mark} {name}{pad}  {route}  {}", session.out.paint.dim(&links)))?;
    }
    Ok(())
}

/// Gives links time to come up, and routes to be measured: no longer than it takes.
async fn settle(session: &Session, wait: Duration) -> Result<()> {
    let mut events = session.engine.events();
    let deadline = Instant::now() + wait;
    loop {
        let is_online = matches!(session.engine.connection().await?, Connection::Online { .. });
        let chats = session.engine.chats().await?;
        let mut shown = chats.iter().filter(|chat| chat.status == ChatStatus::Active && !chat.archived);
        if !is_online || shown.all(is_settled) || Instant::now() >= deadline {
            return Ok(());
        }
        // Whatever comes, the routes are looked at again.
        let _ = timeout_at(deadline.min(Instant::now() + LOOK), next(&mut events)).await;
    }
}

/// Whether a chat's route is measured, and directly unless the other is known to be away: the relay tells that a moment after the
/// session's opening.
fn is_settled(chat: &ChatView) -> bool {
    let is_away = matches!(&chat.presence, Some(PresenceView { state: PresenceState::Offline, last_seen: Some(_) }));
    let is_direct = !matches!(chat.route.route, Route::Relay | Route::Wait);
    chat.route.round_trip.is_some() && (chat.kind != ChatKind::Direct || is_direct || is_away)
}

/// The connection in words.
pub(crate) fn connection_line(session: &Session, connection: &Connection) -> String {
    let paint = session.out.paint;
    match connection {
        Connection::SignedOut { reason: None } => paint.bad("signed out"),
        Connection::SignedOut { reason: Some(reason) } => paint.bad(&format!("signed out ({reason})")),
        Connection::Connecting => paint.warn("connecting"),
        Connection::Online { behind: 0, .. } => paint.good("online"),
        Connection::Online { behind, .. } => paint.good(&format!("online, {behind} entries to come")),
        Connection::Offline { reason, retry_at } => {
            paint.warn(&format!("offline ({reason}), tried again {}", when::until(*retry_at)))
        }
        Connection::Incompatible { reason } => paint.bad(reason),
    }
}
