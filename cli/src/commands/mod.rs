//! From the command line to what is done.

mod account;
pub(crate) mod chats;
mod home;
mod listen;
pub(crate) mod members;
pub(crate) mod messages;
mod people;
pub(crate) mod status;
mod topics;

use std::io::Read as _;

use clap::CommandFactory as _;
use desktop_app::EngineError;

use crate::args::{Cli, Command};
use crate::conversation;
use crate::failure::{Failure, Result};
use crate::output::Out;
use crate::session::{self, Session};

/// Runs one command. Ctrl-C ends it cleanly, wherever it is.
pub(crate) async fn run(cli: Cli, out: Out) -> Result<()> {
    if let Some(Command::Completions { shell }) = cli.command {
        clap_complete::generate(shell, &mut Cli::command(), "parley", &mut std::io::stdout());
        return Ok(());
    }
    let session = Session::open(&cli.global, out).await?;
    let ended = tokio::select! {
        ended = carry_out(&session, cli.command) => ended,
        () = session::interrupted() => Ok(()),
    };
    session.close().await;
    ended
}

/// Carries a command out, as long as the engine lives: its events just stop when it does not.
async fn carry_out(session: &Session, command: Option<Command>) -> Result<()> {
    tokio::select! {
        ended = dispatch(session, command) => ended,
        () = session.engine.ended() => Err(EngineError::Closed.into()),
    }
}

async fn dispatch(session: &Session, command: Option<Command>) -> Result<()> {
    let Some(command) = command else {
        return home::run(session).await;
    };
    match command {
        Command::Signup(args) => account::sign_up(session, args).await,
        Command::Signin(args) => account::sign_in(session, args).await,
        Command::Signout { all } => account::sign_out(session, all).await,
        Command::Password => account::password(session).await,
        Command::Account { delete: true, yes } => account::delete(session, yes).await,
        Command::Account { delete: false, .. } => account::show(session).await,
        Command::Devices { change } => account::devices(session, change).await,
        Command::Settings(args) => account::settings(session, args).await,
        Command::Chats { unread, all, ids } => chats::list(session, unread, all, ids).await,
        Command::New(args) => chats::make(session, args).await,
        Command::Invite(invite) => chats::invite(session, invite).await,
        Command::Join { what } => chats::join(session, &what).await,
        Command::Leave { chat, delete_for_everyone } => chats::leave(session, &chat, delete_for_everyone).await,
        Command::Rename { chat, title, description } => chats::rename(session, &chat, title, description).await,
        Command::Keep { chat, retention } => chats::keep(session, &chat, retention).await,
        Command::Mute { chat, span, off } => chats::mute(session, &chat, span, off).await,
        Command::Pin { chat, off } => chats::pin(session, &chat, !off).await,
        Command::Archive { chat, off } => chats::archive(session, &chat, !off).await,
        Command::Add { chat, users } => members::add(session, &chat, &users).await,
        Command::Remove { chat, users } => members::remove(session, &chat, &users).await,
        Command::Role { chat, user, role } => members::role(session, &chat, &user, role).await,
        Command::Members { chat } => members::list(session, &chat).await,
        Command::Find { query, users, channels } => people::find(session, &query, !channels, !users).await,
        Command::Block { user: Some(user), .. } => people::block(session, &user, true).await,
        Command::Block { user: None, .. } => people::blocked(session).await,
        Command::Unblock { user } => people::block(session, &user, false).await,
        Command::Verify { user: Some(user), off, .. } => people::verify(session, &user, !off).await,
        Command::Verify { user: None, .. } => people::verified(session).await,
        Command::Send(args) => messages::send(session, args).await,
        Command::Retry { chat, message } => messages::retry(session, &chat, &message).await,
        Command::Edit { chat, message, text } => messages::edit(session, &chat, &message, &text).await,
        Command::Delete { chat, message, for_me: true } => messages::hide(session, &chat, &message).await,
        Command::Delete { chat, message, for_me: false } => messages::delete(session, &chat, &message).await,
        Command::React { chat, message, emoji, off } => messages::react(session, &chat, &message, &emoji, !off).await,
        Command::Info { chat, message } => messages::info(session, &chat, &message).await,
        Command::History { chat, number, unread, mark_read } => {
            messages::history(session, &chat, usize::from(number), unread, mark_read).await
        }
        Command::Search { words, chat, number } => {
            messages::search(session, &words, chat.as_deref(), usize::from(number)).await
        }
        Command::Listen(args) => listen::run(session, args).await,
        Command::Topic(topic) => topics::run(session, topic).await,
        Command::Status { wait } => status::run(session, wait).await,
        Command::Chat { who } => conversation::run(session, &who).await,
        Command::Completions { .. } => Ok(()),
    }
}

/// Words from the command line, or from stdin for `-` and for none.
async fn text_of(words: &[String]) -> Result<String> {
    if !words.is_empty() && words != ["-"] {
        return Ok(words.join(" "));
    }
    let read = tokio::task::spawn_blocking(|| {
        let mut text = String::new();
        std::io::stdin().lock().read_to_string(&mut text).map(|_| text)
    });
    let text = read.await.map_err(|error| Failure::Terminal(std::io::Error::other(error)))??;
    let text = text.trim_end_matches(['\n', '\r']);
    if text.trim().is_empty() {
        return Err(Failure::Usage("there are no words to send; give them, or pipe them in".to_owned()));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests;
