//! Who is in a chat.

use desktop_app::views::MemberView;
use serde_json::json;

use crate::args::RoleWord;
use crate::clean;
use crate::failure::Result;
use crate::lines;
use crate::paint::Paint;
use crate::pick;
use crate::session::Session;
use crate::when;

pub(crate) async fn list(session: &Session, chat: &str) -> Result<()> {
    session.catch_up().await?;
    let chat = pick::chat(session, chat).await?;
    for member in session.engine.members(chat.id).await? {
        session.out.show(&member, &line(&member, session.out.paint))?;
    }
    Ok(())
}

/// One member in a line.
pub(crate) fn line(member: &MemberView, paint: Paint) -> String {
    let seen = match member.presence.last_seen {
        Some(at) => format!("last seen {}", when::short(at)),
        None => lines::presence_word(member.presence.state).to_owned(),
    };
    let name = paint.name(member.account, &clean::line(&member.username));
    format!("{name}  {}  {}", member.role.as_str(), paint.dim(&seen))
}

pub(crate) async fn add(session: &Session, chat: &str, users: &[String]) -> Result<()> {
    let chat = pick::chat(session, chat).await?;
    for user in users {
        session.engine.add_member(chat.id, user.trim_start_matches('@')).await?;
        let line = format!("{} is in {} now.", clean::line(user), lines::chat_name(&chat));
        session.out.show(&json!({ "chat": chat.id, "member": user, "added": true }), &line)?;
    }
    Ok(())
}

pub(crate) async fn remove(session: &Session, chat: &str, users: &[String]) -> Result<()> {
    let chat = pick::chat(session, chat).await?;
    for user in users {
        let (account, name) = pick::member(&session.engine, chat.id, user).await?;
        session.engine.remove_member(chat.id, account).await?;
        let line = format!("{} is no longer in {}.", clean::line(&name), lines::chat_name(&chat));
        session.out.show(&json!({ "chat": chat.id, "member": name, "removed": true }), &line)?;
    }
    Ok(())
}

pub(crate) async fn role(session: &Session, chat: &str, user: &str, role: RoleWord) -> Result<()> {
    let chat = pick::chat(session, chat).await?;
    let (account, name) = pick::member(&session.engine, chat.id, user).await?;
    let role = parley_protocol::Role::from(role);
    session.engine.set_role(chat.id, account, role).await?;
    let line = format!("{} is {} of {} now.", clean::line(&name), role.as_str(), lines::chat_name(&chat));
    session.out.show(&json!({ "chat": chat.id, "member": name, "role": role }), &line)
}
