//! Chats: listing, making, joining, leaving, and what the person chose for each.

use std::time::Duration;

use desktop_app::EngineError;
use desktop_app::views::{ChatStatus, ChatView};
use parley_protocol::frames::PresenceState;
use parley_protocol::http::Invite as InviteBody;
use parley_protocol::{ChatId, ChatKind, Code};
use serde_json::json;

use crate::args::{Invite, New};
use crate::clean;
use crate::failure::{Failure, Result};
use crate::lines;
use crate::pick;
use crate::session::Session;
use crate::when::{self, Retention};
use crate::wrap::{cells, cut};

pub(crate) async fn list(session: &Session, unread: bool, all: bool, ids: bool) -> Result<()> {
    session.catch_up().await?;
    session.engine.presence_known().await?;
    let chats = session.engine.chats().await?;
    let shown: Vec<&ChatView> = chats
        .iter()
        .filter(|chat| all || (!chat.archived && chat.status == ChatStatus::Active))
        .filter(|chat| !unread || chat.unread > 0)
        .collect();
    if shown.is_empty() {
        session.out.note(if unread {
            "Nothing is unread."
        } else {
            "There are no chats yet; `parley chat NAME` opens one, `parley find` looks for people and channels."
        });
    }
    print(session, &shown, ids)
}

/// Prints chats, one a line.
pub(crate) fn print(session: &Session, chats: &[&ChatView], ids: bool) -> Result<()> {
    let width = chats.iter().map(|chat| cells(&lines::chat_name(chat))).max().unwrap_or(0).clamp(8, 32);
    for chat in chats {
        session.out.object(chat)?;
        session.out.say(&row(session, chat, width, ids))?;
    }
    Ok(())
}

fn row(session: &Session, chat: &ChatView, width: usize, ids: bool) -> String {
    let paint = session.out.paint;
    let name = cut(&lines::chat_name(chat), width);
    let pad = " ".repeat(width.saturating_sub(cells(&name)));
    let painted = match chat.peer {
        Some(peer) => paint.name(peer, &name),
        None => paint.bold(&name),
    };
    let unread = match (chat.unread, chat.mentions) {
        (0, _) => "    ".to_owned(),
        (count, 0) => paint.accent(&format!("{count:>3} ")),
        (count, _) => paint.warn(&format!("{count:>3}@")),
    };
    let online = match &chat.presence {
        Some(presence) if presence.state == PresenceState::Online => paint.good("•"),
        Some(presence) if presence.state == PresenceState::Away => paint.warn("•"),
        _ => " ".to_owned(),
    };
    let id = if ids { format!("{}  ", chat.id) } else { String::new() };
    let mut rest = Vec::new();
    match chat.status {
        ChatStatus::Left => rest.push("left".to_owned()),
        ChatStatus::Deleted => rest.push("deleted".to_owned()),
        ChatStatus::Active => {}
    }
    for (on, word) in [
        (chat.kind.is_channel(), "channel"),
        (chat.pinned, "pinned"),
        (chat.muted_until.is_some(), "muted"),
        (chat.blocked, "blocked"),
        (chat.archived, "archived"),
    ] {
        if on {
            rest.push(word.to_owned());
        }
    }
    let tags = if rest.is_empty() { String::new() } else { format!("[{}] ", rest.join(", ")) };
    let (at, gist) = match &chat.last {
        Some(last) => (when::short(last.sent_at), lines::gist(last)),
        None => (when::short(chat.last_at), String::new()),
    };
    let words = if chat.draft.is_empty() { gist } else { format!("draft: {}", clean::line(&chat.draft)) };
    let before = width + 21 + cells(&id) + cells(&tags);
    let words = cut(&words, session.out.width().map_or(60, |all| all.saturating_sub(before).max(10)));
    let mark = lines::route_mark(chat.route.route, paint);
    format!(
        "{id}{mark} {painted}{pad} {online}{unread} {} {tags}{}",
        paint.dim(&format!("{at:>10}")),
        paint.dim(&words)
    )
}

pub(crate) async fn make(session: &Session, args: New) -> Result<()> {
    session.online().await?;
    let engine = &session.engine;
    let id = match (&args.group, &args.channel) {
        (Some(title), _) => engine.new_group(title, args.users).await?,
        (None, Some(title)) => {
            let about = args.description.unwrap_or_default();
            let id = engine.new_channel(title, &about, args.public).await?;
            for user in &args.users {
                engine.add_member(id, user).await?;
            }
            id
        }
        (None, None) => {
            let [user] = args.users.as_slice() else {
                return Err(Failure::Usage(
                    "a direct chat is with exactly one person; for more, `parley new --group TITLE NAME…`".to_owned(),
                ));
            };
            pick::chat_or_person(session, user).await?.id
        }
    };
    tell(session, id, "is open").await
}

/// Says that a chat is there.
async fn tell(session: &Session, chat: ChatId, what: &str) -> Result<()> {
    let chat = session.engine.chat(chat).await?;
    let kind = lines::kind_word(chat.kind);
    let seen = if chat.sealed { "" } else { " The relay can read it." };
    let line = format!("The {kind} chat {} {what}.{seen}", lines::chat_name(&chat)).replace("channel chat", "channel");
    session.out.show(&chat, &line)
}

pub(crate) async fn join(session: &Session, what: &str) -> Result<()> {
    session.online().await?;
    if let Ok(id) = what.parse::<ChatId>() {
        session.engine.join(id).await?;
        return tell(session, id, "is joined").await;
    }
    let wanted = what.trim().trim_start_matches('#').to_lowercase();
    let found = session.engine.find_public(&wanted).await?;
    let named: Vec<_> = found.iter().filter(|chat| chat.title.to_lowercase() == wanted).collect();
    let id = match named.as_slice() {
        [channel] => {
            session.engine.join(channel.id).await?;
            channel.id
        }
        [] => session.engine.join_by_invite(what).await.map_err(|error| match error.code() {
            Some(Code::NotFound) => Failure::NotFound(format!(
                "`{what}` is neither a public channel nor a good invite; `parley find` looks for channels"
            )),
            _ => error.into(),
        })?,
        many => {
            let ids = many.iter().map(|chat| format!("  {}  {}", chat.id, clean::line(&chat.title)));
            return Err(Failure::NotFound(format!(
                "there are {} channels of that name; say which by its id:\n{}",
                many.len(),
                ids.collect::<Vec<_>>().join("\n")
            )));
        }
    };
    tell(session, id, "is joined").await
}

pub(crate) async fn leave(session: &Session, chat: &str, delete: bool) -> Result<()> {
    let chat = pick::chat(session, chat).await?;
    if chat.kind == ChatKind::Direct {
        return Err(Failure::Usage(
            "a direct chat cannot be left; `parley archive` takes it out of the list, `parley block` silences the other"
                .to_owned(),
        ));
    }
    let name = lines::chat_name(&chat);
    if delete {
        session.engine.delete_chat(chat.id).await?;
        return session
            .out
            .show(&json!({ "chat": chat.id, "deleted": true }), &format!("{name} is deleted for everyone."));
    }
    session.engine.leave(chat.id).await?;
    session.out.show(&json!({ "chat": chat.id, "left": true }), &format!("You have left {name}."))
}

pub(crate) async fn rename(session: &Session, chat: &str, title: Option<String>, about: Option<String>) -> Result<()> {
    let chat = pick::chat(session, chat).await?;
    session.engine.describe(chat.id, title.clone(), about.clone()).await?;
    let line = match &title {
        Some(title) => format!("{} is called {} now.", lines::chat_name(&chat), clean::line(title)),
        None => format!("{} has a new description.", lines::chat_name(&chat)),
    };
    session.out.show(&json!({ "chat": chat.id, "title": title, "description": about }), &line)
}

pub(crate) async fn invite(session: &Session, invite: Invite) -> Result<()> {
    let engine = &session.engine;
    match invite {
        Invite::Make { chat, span, uses } => {
            let chat = pick::chat(session, &chat).await?;
            let made = engine.create_invite(chat.id, span.map(|span| span.as_secs()), uses).await?;
            let me = engine.me().await?.ok_or(EngineError::SignedOut)?;
            let link = invite_link(&me.relay, &made.code);
            session.out.object(&WithLink { invite: &made, link: &link })?;
            session.out.say(&invite_line(&made))?;
            session.out.say(&link)?;
            session.out.note("Whoever has the link opens it in the window, or joins by `parley join LINK`.");
            Ok(())
        }
        Invite::List { chat } => {
            let chat = pick::chat(session, &chat).await?;
            for invite in engine.invites(chat.id).await? {
                session.out.show(&invite, &invite_line(&invite))?;
            }
            Ok(())
        }
        Invite::Show { code } => {
            let invite = engine.show_invite(&code).await?;
            session.out.show(&invite, &invite_line(&invite))
        }
        Invite::Revoke { chat, code } => {
            let chat = pick::chat(session, &chat).await?;
            engine.revoke_invite(chat.id, &code).await?;
            session.out.show(&json!({ "chat": chat.id, "code": code, "revoked": true }), "The invite is taken back.")
        }
    }
}

/// An invite that was made just now.
#[derive(serde::Serialize)]
struct WithLink<'a> {
    #[serde(flatten)]
    invite: &'a InviteBody,
    link: &'a str,
}

/// The link that invites to a chat, as the window makes and reads it: `parley://join/RELAY/CODE`. A relay with TLS goes by its host
/// alone, another one by its whole address, percent-encoded.
fn invite_link(relay: &str, code: &str) -> String {
    let place = relay.strip_prefix("https://").map_or_else(
        || relay.replace(':', "%3A").replace('/', "%2F").replace('[', "%5B").replace(']', "%5D"),
        str::to_owned,
    );
    format!("parley://join/{place}/{code}")
}

fn invite_line(invite: &InviteBody) -> String {
    let uses = invite.uses_left.map(|uses| format!(", for {uses} more")).unwrap_or_default();
    format!("{}  {}, until {}{uses}", invite.code, clean::line(&invite.title), when::full(invite.expires_at))
}

pub(crate) async fn mute(session: &Session, chat: &str, span: Option<Duration>, off: bool) -> Result<()> {
    let chat = pick::chat(session, chat).await?;
    let until = mute_until(span, off);
    session.engine.mute(chat.id, until).await?;
    let line = mute_line(&lines::chat_name(&chat), until);
    session.out.show(&json!({ "chat": chat.id, "muted_until": until }), &line)
}

pub(crate) async fn keep(session: &Session, chat: &str, Retention(retention): Retention) -> Result<()> {
    let chat = pick::chat(session, chat).await?;
    session.engine.set_retention(chat.id, retention).await?;
    let name = lines::chat_name(&chat);
    let line = match retention {
        Some(seconds) if chat.sealed && chat.retention.is_none() => {
            let span = when::span(seconds);
            format!("What is said in {name} from now on is kept for {span}, and then deleted for everybody.")
        }
        Some(seconds) => {
            format!("Messages in {name} are kept for {}; older ones are deleted for everybody.", when::span(seconds))
        }
        None => format!("Messages in {name} are kept for ever."),
    };
    session.out.show(&json!({ "chat": chat.id, "retention": retention }), &line)
}

/// Until when a chat is to be silent.
pub(crate) fn mute_until(span: Option<Duration>, off: bool) -> u64 {
    match (off, span) {
        (true, _) => 0,
        (false, None) => u64::MAX,
        (false, Some(span)) => when::now().saturating_add(u64::try_from(span.as_millis()).unwrap_or(u64::MAX)),
    }
}

/// What to say about it.
pub(crate) fn mute_line(name: &str, until: u64) -> String {
    match until {
        0 => format!("{name} is no longer muted."),
        u64::MAX => format!("{name} is muted."),
        until => format!("{name} is muted until {}.", when::full(until)),
    }
}

pub(crate) async fn pin(session: &Session, chat: &str, on: bool) -> Result<()> {
    let chat = pick::chat(session, chat).await?;
    session.engine.pin(chat.id, on).await?;
    let line = format!("{} is {}.", lines::chat_name(&chat), if on { "pinned" } else { "no longer pinned" });
    session.out.show(&json!({ "chat": chat.id, "pinned": on }), &line)
}

pub(crate) async fn archive(session: &Session, chat: &str, on: bool) -> Result<()> {
    let chat = pick::chat(session, chat).await?;
    session.engine.archive(chat.id, on).await?;
    let line = format!("{} is {}.", lines::chat_name(&chat), if on { "archived" } else { "in the list again" });
    session.out.show(&json!({ "chat": chat.id, "archived": on }), &line)
}

#[cfg(test)]
mod tests {
    use super::invite_link;

    #[test]
    fn links_are_those_of_the_window() {
        for (relay, place) in [
            ("https://relay.example.org", "relay.example.org"),
            ("https://[2001:db8::1]:8443", "[2001:db8::1]:8443"),
            ("http://127.0.0.1:3030", "http%3A%2F%2F127.0.0.1%3A3030"),
            ("http://[::1]:3030", "http%3A%2F%2F%5B%3A%3A1%5D%3A3030"),
        ] {
            assert_eq!(invite_link(relay, "code"), format!("parley://join/{place}/code"));
        }
    }
}
