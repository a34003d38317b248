//! From what a person types to a chat, a message, a person. Guessing is for typists; an ambiguous name is an error that lists
//! what it could mean.

use desktop_app::views::{ChatStatus, ChatView, MessageKind, MessageView, Page};
use desktop_app::{Engine, EngineError, names};
use parley_protocol::message::MAX_MENTIONS;
use parley_protocol::{AccountId, ChatId, ChatKind};

use crate::clean;
use crate::failure::{Failure, Result};
use crate::lines;
use crate::session::Session;

/// Fewer characters of an id name nothing.
const ID_PART: usize = 4;
/// How far back a message is looked for.
const FAR: usize = 5_000;

/// What a name could mean among the chats of a profile.
#[derive(PartialEq, Debug)]
pub(crate) enum Found<'a> {
    /// One chat.
    One(&'a ChatView),
    /// None.
    None,
    /// More than one.
    Many(Vec<&'a ChatView>),
}

/// Finds a chat by its id, its title or the other person's name (in any case; `@name` means the person alone), or by the
/// beginning or the end of its id. Chats which one has left count only if nothing else fits.
pub(crate) fn find<'a>(chats: &'a [ChatView], what: &str) -> Found<'a> {
    let what = what.trim();
    if let Ok(id) = what.parse::<ChatId>() {
        return chats.iter().find(|chat| chat.id == id).map_or(Found::None, Found::One);
    }
    let (person, name) = match what.strip_prefix('@') {
        Some(name) => (true, name.to_lowercase()),
        None => (false, what.to_lowercase()),
    };
    let named = |chat: &&ChatView| {
        chat.name.to_lowercase() == name && !name.is_empty() && (!person || chat.kind == ChatKind::Direct)
    };
    let by_name = narrow(chats.iter().filter(named).collect());
    if by_name != Found::None || person {
        return by_name;
    }
    let is_part = name.len() >= ID_PART && name.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
    if !is_part {
        return Found::None;
    }
    let part = |chat: &&ChatView| {
        let id = chat.id.to_string();
        id.starts_with(&name) || id.ends_with(&name)
    };
    narrow(chats.iter().filter(part).collect())
}

fn narrow(found: Vec<&ChatView>) -> Found<'_> {
    let active: Vec<&ChatView> = found.iter().copied().filter(|chat| chat.status == ChatStatus::Active).collect();
    let found = if active.is_empty() { found } else { active };
    match found.as_slice() {
        [] => Found::None,
        [one] => Found::One(one),
        _ => Found::Many(found),
    }
}

fn ambiguous(what: &str, chats: &[&ChatView]) -> Failure {
    let each =
        chats.iter().map(|chat| format!("  {}  {} {}", chat.id, lines::kind_word(chat.kind), lines::chat_name(chat)));
    Failure::NotFound(format!(
        "`{what}` could be any of these; say which by its id:\n{}",
        each.collect::<Vec<_>>().join("\n")
    ))
}

/// The chat of that name.
///
/// # Errors
/// There is none, or more than one.
pub(crate) async fn chat(session: &Session, what: &str) -> Result<ChatView> {
    let chats = chats_with(session, what).await?;
    match find(&chats, what) {
        Found::One(chat) => Ok(chat.clone()),
        Found::None => Err(Failure::NotFound(format!(
            "there is no chat `{what}` here; `parley chats` lists those there are, `parley new {what}` opens one"
        ))),
        Found::Many(many) => Err(ambiguous(what, &many)),
    }
}

/// The chat of that name, or a new direct chat with the person of that name.
///
/// # Errors
/// There is more than one, or nobody of that name.
pub(crate) async fn chat_or_person(session: &Session, what: &str) -> Result<ChatView> {
    let engine = &session.engine;
    let chats = chats_with(session, what).await?;
    match find(&chats, what) {
        Found::One(chat) => Ok(chat.clone()),
        Found::Many(many) => Err(ambiguous(what, &many)),
        Found::None => {
            let name = what.trim().trim_start_matches('@');
            let id = engine.new_direct(name).await.map_err(|error| match error {
                EngineError::Relay(body) if body.code == parley_protocol::Code::NotFound => {
                    Failure::NotFound(format!("there is neither a chat nor a person `{name}`; `parley find` looks for people"))
                }
                EngineError::Unreachable(reason) => EngineError::Unreachable(format!(
                    "there is no chat `{name}` on this device, and the relay, which could open one, did not answer: {reason}"
                ))
                .into(),
                other => other.into(),
            })?;
            Ok(engine.chat(id).await?)
        }
    }
}

/// The chats, after catching up with the relay if none of them is what is meant: it may be new.
async fn chats_with(session: &Session, what: &str) -> Result<Vec<ChatView>> {
    let known = chats(&session.engine).await?;
    if session.global.offline || find(&known, what) != Found::None {
        return Ok(known);
    }
    session.catch_up().await?;
    chats(&session.engine).await
}

async fn chats(engine: &Engine) -> Result<Vec<ChatView>> {
    if engine.me().await?.is_none() {
        return Err(EngineError::SignedOut.into());
    }
    Ok(engine.chats().await?)
}

/// The error that one is no longer in a chat, if so.
///
/// # Errors
/// One has left it, was removed, or it was deleted.
pub(crate) fn must_be_in(chat: &ChatView) -> Result<()> {
    match chat.status {
        ChatStatus::Active => Ok(()),
        ChatStatus::Left | ChatStatus::Deleted => Err(Failure::Left(lines::chat_name(chat))),
    }
}

/// Which message `last` is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Last {
    /// The newest own one: for what only its author may do.
    Own,
    /// The newest of the chat.
    OfAll,
}

/// A message: `last`, its id, or the beginning or end of it.
///
/// # Errors
/// There is none, or more than one.
pub(crate) async fn message(session: &Session, chat: ChatId, what: &str, last: Last) -> Result<MessageView> {
    let named_last = what == "last";
    if named_last && last == Last::OfAll && !session.global.offline {
        // Others may have written since.
        session.catch_up().await?;
    }
    match known_message(&session.engine, chat, what, last).await {
        // It may have come meanwhile.
        Err(Failure::NotFound(_)) if !session.global.offline && !named_last => {
            session.catch_up().await?;
            known_message(&session.engine, chat, what, last).await
        }
        found => found,
    }
}

async fn known_message(engine: &Engine, chat: ChatId, what: &str, last: Last) -> Result<MessageView> {
    if what == "last" {
        return match last {
            Last::Own => {
                let key = engine.last_own(chat).await?;
                let key = key.ok_or_else(|| Failure::NotFound("you have sent no message in this chat".to_owned()))?;
                Ok(engine.message(chat, key).await?)
            }
            Last::OfAll => newest(engine, chat).await,
        };
    }
    let part = what.to_lowercase();
    if part.len() < ID_PART || !part.chars().all(|c| c.is_ascii_hexdigit() || c == '-') {
        return Err(Failure::NotFound(format!(
            "`{what}` names no message; say `last`, or the six characters that `parley history` shows before it"
        )));
    }
    let mut page = Page::Newest;
    let mut seen = 0;
    let mut found: Vec<MessageView> = Vec::new();
    while seen < FAR {
        let lines = engine.history(chat, page, 500).await?;
        let Some(first) = lines.first() else { break };
        page = Page::Before { position: first.position };
        let last_page = lines.len() < 500;
        seen += lines.len();
        found.extend(lines.into_iter().filter(|line| {
            let id = line.key.id.to_string();
            line.kind == MessageKind::Text && (id.starts_with(&part) || id.ends_with(&part))
        }));
        if last_page || !found.is_empty() {
            break;
        }
    }
    match found.len() {
        0 => Err(Failure::NotFound(format!("there is no message `{what}` in this chat"))),
        1 => found.pop().ok_or_else(|| Failure::NotFound("there is no such message".to_owned())),
        count => Err(Failure::NotFound(format!("{count} messages fit `{what}`; say more of the id"))),
    }
}

/// The newest message of a chat that is not deleted.
async fn newest(engine: &Engine, chat: ChatId) -> Result<MessageView> {
    let mut page = Page::Newest;
    let mut seen = 0;
    while seen < FAR {
        let lines = engine.history(chat, page, 50).await?;
        let Some(first) = lines.first() else { break };
        page = Page::Before { position: first.position };
        seen += lines.len();
        let newest = lines.into_iter().rev().find(|line| line.kind == MessageKind::Text && !line.deleted);
        if let Some(message) = newest {
            return Ok(message);
        }
    }
    Err(Failure::NotFound("nothing was said in this chat yet".to_owned()))
}

/// A person, by name: somebody with whom there is a chat, or anybody on the relay.
///
/// # Errors
/// There is nobody of that name.
pub(crate) async fn person(engine: &Engine, name: &str) -> Result<(AccountId, String)> {
    let name = name.trim().trim_start_matches('@');
    for chat in chats(engine).await? {
        if let Some(peer) = chat.peer
            && (chat.name.to_lowercase() == name.to_lowercase() || peer.to_string() == name)
        {
            return Ok((peer, chat.name));
        }
    }
    let users = engine.find_users(name).await?;
    users
        .into_iter()
        .find(|user| user.username.to_lowercase() == name.to_lowercase() || user.id.to_string() == name)
        .map(|user| (user.id, user.username))
        .ok_or_else(|| Failure::NotFound(format!("there is nobody called `{name}`; `parley find` looks for people")))
}

/// A member of a chat, by name.
///
/// # Errors
/// There is no such member.
pub(crate) async fn member(engine: &Engine, chat: ChatId, name: &str) -> Result<(AccountId, String)> {
    let name = name.trim().trim_start_matches('@');
    let members = engine.members(chat).await?;
    members
        .into_iter()
        .find(|member| member.username.to_lowercase() == name.to_lowercase() || member.account.to_string() == name)
        .map(|member| (member.account, member.username))
        .ok_or_else(|| Failure::NotFound(format!("`{}` is no member of this chat", clean::line(name))))
}

/// The members whom a text mentions as `@name`.
pub(crate) async fn mentions(engine: &Engine, chat: &ChatView, text: &str) -> Result<Vec<AccountId>> {
    if names::mentioned(text).is_empty() || chat.kind == ChatKind::Direct {
        return Ok(Vec::new());
    }
    // A channel lists its members at the relay; without it nobody is mentioned, and the words still go out.
    let members = engine.members(chat.id).await.unwrap_or_default();
    let people: Vec<_> = members.into_iter().map(|member| (member.account, member.username)).collect();
    Ok(names::mentioned_of(text, &people).into_iter().take(MAX_MENTIONS).collect())
}

#[cfg(test)]
#[path = "pick_tests.rs"]
mod tests;
