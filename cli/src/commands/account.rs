//! The account, its devices, and what the person chose.

use std::io::{IsTerminal as _, Write as _};

use desktop_app::EngineError;
use desktop_app::views::{DeviceView, DirectLinks, Me};
use parley_protocol::Code;
use parley_protocol::http::{CheckUsername, Device, ShowPresence, SignIn, SignUp};
use serde_json::json;

use crate::args::{DeviceChange, DirectWord, Settings, Signin, Signup, Switch};
use crate::clean;
use crate::failure::{Failure, Result};
use crate::lines;
use crate::session::Session;
use crate::when;

pub(crate) async fn sign_up(session: &Session, args: Signup) -> Result<()> {
    if std::io::stdin().is_terminal() {
        check_username(session, &args).await?;
    }
    let email = match args.email {
        Some(email) => email,
        None => ask("E-mail address: ", "--email ADDRESS").await?,
    };
    let password = new_password("PARLEY_PASSWORD", "Password (at least 8 characters): ").await?;
    let request = SignUp {
        username: args.username,
        email,
        password,
        invite: args.invite,
        device_name: Some(args.device.unwrap_or_else(device_name)),
    };
    let me = session.engine.sign_up(&session.global.relay, request).await?;
    welcome(session, &me)
}

/// Refuses a name that is taken before anything is asked for.
async fn check_username(session: &Session, args: &Signup) -> Result<()> {
    let request = CheckUsername { username: args.username.clone(), invite: args.invite.clone() };
    match session.engine.check_username(&session.global.relay, request).await {
        // An older relay knows no such question.
        Err(error) if error.code() != Some(Code::NotFound) => Err(error.into()),
        _ => Ok(()),
    }
}

pub(crate) async fn sign_in(session: &Session, args: Signin) -> Result<()> {
    let password = secret("PARLEY_PASSWORD", "Password: ").await?;
    let (username, email) = if args.user.contains('@') { (None, Some(args.user)) } else { (Some(args.user), None) };
    let device_name = Some(args.device.unwrap_or_else(device_name));
    let request = SignIn { username, email, password, device: None, device_name };
    let me = session.engine.sign_in(&session.global.relay, request).await?;
    welcome(session, &me)
}

fn welcome(session: &Session, me: &Me) -> Result<()> {
    let name = session.out.paint.name(me.account, &me.username);
    session.out.show(&me, &format!("Signed in as {name} at {}.", me.relay))
}

pub(crate) async fn sign_out(session: &Session, all: bool) -> Result<()> {
    session.engine.sign_out(all).await?;
    let line = if all {
        "Every device is signed out; the history of this one stays."
    } else {
        "Signed out; the history stays."
    };
    session.out.show(&json!({ "signed_out": true, "all": all }), line)
}

pub(crate) async fn password(session: &Session) -> Result<()> {
    if session.engine.me().await?.is_none() {
        return Err(EngineError::SignedOut.into());
    }
    let current = secret("PARLEY_PASSWORD", "Current password: ").await?;
    let new = new_password("PARLEY_NEW_PASSWORD", "New password (at least 8 characters): ").await?;
    session.engine.change_password(&current, &new).await?;
    session.out.show(&json!({ "changed": true }), "The password is changed; your other devices have to sign in again.")
}

/// Deletes the account, once its owner has typed its name.
pub(crate) async fn delete(session: &Session, yes: bool) -> Result<()> {
    let me = session.engine.me().await?.ok_or(EngineError::SignedOut)?;
    if !yes {
        let prompt = format!("Deleting {} cannot be undone. Type the username to go on: ", clean::line(&me.username));
        if ask(&prompt, "--yes").await? != me.username {
            return Err(Failure::Usage("that is not the username; nothing was deleted".to_owned()));
        }
    }
    let password = secret("PARLEY_PASSWORD", "Password: ").await?;
    session.engine.delete_account(&password).await?;
    session.out.show(&json!({ "deleted": true }), "The account is deleted. What is on this device stays.")
}

pub(crate) async fn show(session: &Session) -> Result<()> {
    let me = session.engine.me().await?.ok_or(EngineError::SignedOut)?;
    let account = session.engine.account().await?;
    session.out.object(&json!({ "me": me, "account": account }))?;
    session
        .out
        .say(&format!("name      {}", session.out.paint.name(me.account, &clean::line(&account.user.username))))?;
    session.out.say(&format!("address   {}", clean::line(&account.email)))?;
    session.out.say(&format!("relay     {}", me.relay))?;
    session.out.say(&format!("account   {}", me.account))?;
    session.out.say(&format!("device    {}", me.device))?;
    session.out.say(&format!("presence  {}", account.show_presence.as_str()))
}

pub(crate) async fn devices(session: &Session, change: Option<DeviceChange>) -> Result<()> {
    let devices = session.engine.devices().await?;
    match change {
        None | Some(DeviceChange::List) => {
            for device in &devices {
                session.out.show(device, &device_line(session, device))?;
            }
            Ok(())
        }
        Some(DeviceChange::Rename { device, name }) => {
            let device = find_device(&devices, &device)?;
            session.engine.rename_device(device.id, &name).await?;
            let line = format!("{} is called {} now.", clean::line(&device.name), clean::line(&name));
            session.out.show(&json!({ "device": device.id, "name": name }), &line)
        }
        Some(DeviceChange::Revoke { device }) => {
            let device = find_device(&devices, &device)?;
            session.engine.revoke_device(device.id).await?;
            let line = format!("{} is signed out for good.", clean::line(&device.name));
            session.out.show(&json!({ "device": device.id, "revoked": true }), &line)
        }
    }
}

fn device_line(session: &Session, view: &DeviceView) -> String {
    let (device, paint) = (&view.device, session.out.paint);
    let state = match (device.signed_in, device.online) {
        (false, _) => paint.dim("signed out"),
        (true, true) => paint.good("online"),
        (true, false) => format!("last seen {}", when::short(device.last_seen)),
    };
    let this = if device.current { " (this one)" } else { "" };
    let way = view.route.map(|route| format!("  {}", lines::route(route, view.round_trip, paint))).unwrap_or_default();
    let program =
        device.program.as_deref().map(|said| format!("  {}", paint.dim(&clean::line(said)))).unwrap_or_default();
    format!("{}  {}{this}  {state}{way}{program}", device.id, clean::line(&device.name))
}

fn find_device<'a>(devices: &'a [DeviceView], what: &str) -> Result<&'a Device> {
    let what = what.trim().to_lowercase();
    let fits = |device: &&Device| {
        (what == "this" && device.current)
            || device.name.to_lowercase() == what
            || (what.len() >= 4 && (device.id.to_string().starts_with(&what) || device.id.to_string().ends_with(&what)))
    };
    let found: Vec<&Device> = devices.iter().map(|view| &view.device).filter(fits).collect();
    match found.as_slice() {
        [one] => Ok(one),
        [] => Err(Failure::NotFound(format!("the account has no device `{what}`; `parley devices` lists them"))),
        _ => Err(Failure::NotFound(format!("more than one device fits `{what}`; say which by its id"))),
    }
}

pub(crate) async fn settings(session: &Session, args: Settings) -> Result<()> {
    let before = session.engine.settings().await?;
    let mut chosen = before;
    if let Some(word) = args.direct_links {
        chosen.direct_links = match word {
            DirectWord::Everybody => DirectLinks::Everybody,
            DirectWord::Verified => DirectLinks::Verified,
            DirectWord::Never => DirectLinks::Never,
        };
    }
    if let Some(switch) = args.hide_address {
        chosen.hide_address = switch.is_on();
    }
    if let Some(switch) = args.read_marks {
        chosen.read_marks = switch.is_on();
    }
    if let Some(switch) = args.typing {
        chosen.typing = switch.is_on();
    }
    if chosen != before {
        session.engine.set_settings(chosen).await?;
    }
    if let Some(word) = args.presence {
        session.engine.show_presence(word.into()).await?;
    }
    if args.hide_address.is_some_and(Switch::is_on) {
        session.out.note("Direct links go through the operator's TURN server from now on; if there is none, everything goes through the relay.");
    }
    // Presence is kept at the relay; without it the rest is shown all the same.
    let presence = session.engine.account().await.ok().map(|account| account.show_presence);
    session.out.object(&json!({
        "direct_links": chosen.direct_links,
        "hide_address": chosen.hide_address,
        "read_marks": chosen.read_marks,
        "typing": chosen.typing,
        "presence": presence,
    }))?;
    let switch = |on: bool| if on { "on" } else { "off" };
    let direct = match chosen.direct_links {
        DirectLinks::Everybody => "everybody",
        DirectLinks::Verified => "verified",
        DirectLinks::Never => "never",
    };
    session.out.say(&format!("direct links  {direct}"))?;
    session.out.say(&format!("hide address  {}", switch(chosen.hide_address)))?;
    session.out.say(&format!("read marks    {}", switch(chosen.read_marks)))?;
    session.out.say(&format!("typing        {}", switch(chosen.typing)))?;
    session.out.say(&format!("presence      {}", presence.map_or("unknown without the relay", ShowPresence::as_str)))
}

/// How this device is listed unless the person says otherwise.
pub(crate) fn device_name() -> String {
    match desktop_app::names::computer() {
        Some(host) => format!("terminal on {host}").chars().take(64).collect(),
        None => "terminal".to_owned(),
    }
}

/// Asks for a line on the terminal.
pub(crate) async fn ask(prompt: &str, instead: &str) -> Result<String> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::Usage(format!("there is no terminal to ask on; say it with {instead}")));
    }
    let prompt = prompt.to_owned();
    let answer = tokio::task::spawn_blocking(move || {
        let mut terminal = std::io::stderr();
        terminal.write_all(prompt.as_bytes())?;
        terminal.flush()?;
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).map(|_| line)
    });
    let line = answer.await.map_err(|error| Failure::Terminal(std::io::Error::other(error)))??;
    Ok(line.trim().to_owned())
}

/// A password, from the environment or from a prompt that does not echo.
async fn secret(variable: &str, prompt: &str) -> Result<String> {
    if let Some(password) = std::env::var(variable).ok().filter(|password| !password.is_empty()) {
        return Ok(password);
    }
    if !std::io::stdin().is_terminal() {
        return Err(Failure::Usage(format!(
            "there is no terminal to ask for the password on; set {variable} in the environment"
        )));
    }
    let prompt = prompt.to_owned();
    let answer = tokio::task::spawn_blocking(move || rpassword::prompt_password(prompt));
    Ok(answer.await.map_err(|error| Failure::Terminal(std::io::Error::other(error)))??)
}

/// As [`secret`], asked for twice.
async fn new_password(variable: &str, prompt: &str) -> Result<String> {
    if std::env::var(variable).is_ok_and(|password| !password.is_empty()) {
        return secret(variable, prompt).await;
    }
    let first = secret(variable, prompt).await?;
    let second = secret(variable, "Once more: ").await?;
    if first != second {
        return Err(Failure::Usage("the two passwords differ; nothing was changed".to_owned()));
    }
    Ok(first)
}
