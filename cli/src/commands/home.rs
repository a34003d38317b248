//! `parley` alone: whoever is new is told how to begin; whoever is signed in sees the chats and opens one.

use std::io::IsTerminal as _;

use desktop_app::views::{ChatStatus, ChatView};

use super::account::{ask, sign_in, sign_up};
use super::chats;
use crate::args::{Signin, Signup};
use crate::conversation;
use crate::failure::{Failure, Result};
use crate::lines;
use crate::session::Session;

pub(crate) async fn run(session: &Session) -> Result<()> {
    let can_ask = std::io::stdin().is_terminal() && std::io::stdout().is_terminal() && !session.out.json;
    if session.engine.me().await?.is_none() {
        if !can_ask {
            return Err(desktop_app::EngineError::SignedOut.into());
        }
        enter(session).await?;
    }
    loop {
        session.catch_up().await?;
        let all = session.engine.chats().await?;
        let shown: Vec<&ChatView> =
            all.iter().filter(|chat| !chat.archived && chat.status == ChatStatus::Active).collect();
        chats::print(session, &shown, false)?;
        if !can_ask {
            return Ok(());
        }
        if shown.is_empty() {
            session.out.note("There are no chats yet. Type somebody's name to open one.");
        }
        let answer = ask("Open which chat (a name, a title; `q` quits)? ", "`parley chat NAME`").await?;
        match answer.as_str() {
            "q" | "quit" | "exit" => return Ok(()),
            "" => {}
            who => match conversation::run(session, who).await {
                Err(failure @ (Failure::NotFound(_) | Failure::Engine(_))) => session.out.fail(&failure),
                ended => ended?,
            },
        }
    }
}

async fn enter(session: &Session) -> Result<()> {
    session.out.say(&format!("Welcome to Parley. The relay is {}.", session.global.relay))?;
    let answer = ask("Do you have an account there (y/n)? ", "`parley signin` or `parley signup`").await?;
    let user = ask("Username: ", "`parley signin NAME`").await?;
    if user.is_empty() {
        return Err(Failure::Usage("there is no name to go by; run `parley` again".to_owned()));
    }
    if lines::is_yes(&answer) {
        sign_in(session, Signin { user, device: None }).await
    } else {
        sign_up(session, Signup { username: user, email: None, invite: None, device: None }).await
    }
}
