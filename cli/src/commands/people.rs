//! Other people: finding, blocking, verifying.

use serde_json::json;

use crate::clean;
use crate::failure::Result;
use crate::lines;
use crate::pick;
use crate::session::Session;

pub(crate) async fn find(session: &Session, query: &str, users: bool, channels: bool) -> Result<()> {
    let mut none = true;
    if users {
        for user in session.engine.find_users(query.trim_start_matches('@')).await? {
            none = false;
            session.out.object(&json!({ "user": user }))?;
            let name = session.out.paint.name(user.id, &clean::line(&user.username));
            session.out.say(&format!("{name}  {}", lines::presence_word(user.presence)))?;
        }
    }
    if channels {
        for channel in session.engine.find_public(query.trim_start_matches('#')).await? {
            none = false;
            session.out.object(&json!({ "channel": channel }))?;
            let title = session.out.paint.bold(&format!("#{}", clean::line(&channel.title)));
            let about = session.out.paint.dim(&clean::line(&channel.description));
            session.out.say(&format!("{title}  {} members  {about}", channel.member_count))?;
        }
    }
    if none {
        session.out.note("Nobody and nothing of that name is on the relay.");
    }
    Ok(())
}

pub(crate) async fn block(session: &Session, user: &str, on: bool) -> Result<()> {
    let (account, name) = pick::person(&session.engine, user).await?;
    session.engine.set_blocked(account, on).await?;
    let line = if on {
        format!("{} is blocked; they are not told.", clean::line(&name))
    } else {
        format!("{} is no longer blocked.", clean::line(&name))
    };
    session.out.show(&json!({ "account": account, "username": name, "blocked": on }), &line)
}

pub(crate) async fn verify(session: &Session, user: &str, on: bool) -> Result<()> {
    let (account, name) = pick::person(&session.engine, user).await?;
    session.engine.set_verified(account, on).await?;
    let line =
        format!("{} is {} on this device.", clean::line(&name), if on { "verified" } else { "no longer verified" });
    session.out.show(&json!({ "account": account, "username": name, "verified": on }), &line)
}

/// Lists who is blocked.
pub(crate) async fn blocked(session: &Session) -> Result<()> {
    let people = session.engine.blocked().await?;
    if people.is_empty() {
        session.out.note("Nobody is blocked.");
    }
    for user in people {
        let line = session.out.paint.name(user.id, &clean::line(&user.username));
        session.out.show(&json!({ "account": user.id, "username": user.username, "blocked": true }), &line)?;
    }
    Ok(())
}

/// Lists who is verified on this device.
pub(crate) async fn verified(session: &Session) -> Result<()> {
    let people = session.engine.verified().await?;
    if people.is_empty() {
        session.out.note("Nobody is verified on this device.");
    }
    for (account, name) in people {
        let line = session.out.paint.name(account, &clean::line(&name));
        session.out.show(&json!({ "account": account, "username": name, "verified": true }), &line)?;
    }
    Ok(())
}
