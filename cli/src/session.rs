//! The engine for the length of one command: opened, caught up with the relay as far as the command wants, and closed.

use std::path::PathBuf;
use std::time::Duration;

use desktop_app::views::Connection;
use desktop_app::{Engine, EngineError, Event, Options, names};
use tokio::sync::broadcast::{Receiver, error::RecvError};
use tokio::time::{Instant, timeout_at};

use crate::args::Global;
use crate::failure::{Failure, Result};
use crate::output::Out;

/// How long a command waits for the relay to say what is new.
const CATCH_UP: Duration = Duration::from_secs(8);
/// How long the connection may be on its way before a command goes on without it.
const CONNECT: Duration = Duration::from_secs(5);
/// How long the relay may be out of reach before a command believes it: a session that is refused once, or a relay that is being started
/// again, is there a moment later.
const GRACE: Duration = Duration::from_millis(1_500);
/// How long closing waits for a session that is just being opened: one that is cut off there costs the next command a second attempt.
const SETTLE: Duration = Duration::from_millis(800);
/// Even if no event says so, what is waited for is looked at this often.
pub(crate) const LOOK: Duration = Duration::from_millis(250);

/// An open profile and how to talk about it.
#[derive(Clone)]
pub(crate) struct Session {
    pub(crate) engine: Engine,
    pub(crate) out: Out,
    pub(crate) global: Global,
}

/// Tells a relay that is away from one that is back in a moment.
#[derive(Default)]
pub(crate) struct Patience {
    away: Option<Instant>,
}

impl Patience {
    /// Whether there is no point in waiting for the relay any longer.
    pub(crate) fn is_over(&mut self, view: &Connection) -> bool {
        match view {
            Connection::SignedOut { .. } | Connection::Incompatible { .. } => true,
            Connection::Online { .. } => {
                self.away = None;
                false
            }
            // Between two attempts it is on its way; that does not begin the time anew.
            Connection::Connecting => false,
            Connection::Offline { .. } => self.away.get_or_insert_with(Instant::now).elapsed() >= GRACE,
        }
    }
}

/// Where the profile is unless somebody says otherwise.
pub(crate) fn profile_folder(global: &Global) -> Result<PathBuf> {
    if let Some(folder) = &global.profile {
        return Ok(folder.clone());
    }
    let dirs = directories::BaseDirs::new().ok_or_else(|| {
        Failure::Usage("there is no home folder; say where the profile is with --profile DIR".to_owned())
    })?;
    Ok(dirs.data_dir().join("parley").join("profiles").join("default"))
}

impl Session {
    /// Opens the profile.
    pub(crate) async fn open(global: &Global, out: Out) -> Result<Self> {
        let options = Options { program: Some(names::program("Parley (terminal)")), ..Options::default() };
        let engine = Engine::open(&profile_folder(global)?, options).await?;
        Ok(Self { engine, out, global: global.clone() })
    }

    /// Waits until this device has everything which the relay has for it, or it is clear that this will not be soon. Without
    /// anybody signed in, an error; without the relay, a note.
    pub(crate) async fn catch_up(&self) -> Result<()> {
        if self.global.offline {
            return self.need_account().await;
        }
        match self.connection(CATCH_UP, |view| matches!(view, Connection::Online { behind: 0, .. })).await? {
            Connection::Offline { reason, .. } => {
                self.out.note(&format!("The relay cannot be reached ({reason}); this is what this device has."));
            }
            Connection::Connecting => self.out.note("The relay has not answered yet; this is what this device has."),
            Connection::Online { behind, .. } if behind > 0 => {
                self.out.note(&format!("{behind} entries are still to come; this is what this device has so far."));
            }
            _ => self.engine.marks_known().await?,
        }
        Ok(())
    }

    /// Waits until the session with the relay is open.
    ///
    /// # Errors
    /// It cannot be reached, or nobody is signed in.
    pub(crate) async fn online(&self) -> Result<()> {
        match self.connection(CONNECT, |view| matches!(view, Connection::Online { .. })).await? {
            Connection::Online { .. } => Ok(()),
            Connection::Offline { reason, .. } => Err(EngineError::Unreachable(reason).into()),
            _ => Err(EngineError::Unreachable("it did not answer in time".to_owned()).into()),
        }
    }

    /// Closes the profile, in order.
    pub(crate) async fn close(self) {
        let mut events = self.engine.events();
        let deadline = Instant::now() + SETTLE;
        while matches!(self.engine.connection().await, Ok(Connection::Connecting)) && Instant::now() < deadline {
            let _ = timeout_at(deadline, next(&mut events)).await;
        }
        self.engine.close().await;
    }

    async fn need_account(&self) -> Result<()> {
        match self.engine.me().await? {
            Some(_) => Ok(()),
            None => Err(EngineError::SignedOut.into()),
        }
    }

    /// The connection once it is as wanted, or hopeless, or the time is over.
    async fn connection(&self, limit: Duration, wanted: impl Fn(&Connection) -> bool) -> Result<Connection> {
        let mut events = self.engine.events();
        let deadline = Instant::now() + limit;
        let mut patience = Patience::default();
        loop {
            let view = self.engine.connection().await?;
            let is_over = patience.is_over(&view);
            match &view {
                Connection::SignedOut { reason: Some(reason) } => {
                    self.out.note(reason);
                    return Err(EngineError::SignedOut.into());
                }
                Connection::SignedOut { reason: None } => return Err(EngineError::SignedOut.into()),
                Connection::Incompatible { reason } => return Err(Failure::Refused(reason.clone())),
                Connection::Offline { .. } if is_over => return Ok(view),
                view if wanted(view) => return Ok(view.clone()),
                _ if Instant::now() >= deadline => return Ok(view),
                _ => {}
            }
            // Whatever comes, the connection itself is asked again; the time is a part of the loop.
            let _ = timeout_at(deadline.min(Instant::now() + LOOK), next(&mut events)).await;
        }
    }
}

/// The next event; missed ones stand for [`Event::Lagged`]. `None` once the engine is gone.
pub(crate) async fn next(events: &mut Receiver<Event>) -> Option<Event> {
    match events.recv().await {
        Ok(event) => Some(event),
        Err(RecvError::Lagged(_)) => Some(Event::Lagged),
        Err(RecvError::Closed) => None,
    }
}

/// Ends when the person, or the system, wants the program to end.
pub(crate) async fn interrupted() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let (Ok(mut term), Ok(mut hangup)) = (signal(SignalKind::terminate()), signal(SignalKind::hangup())) else {
            // Without handlers the signals end the process by themselves.
            return std::future::pending().await;
        };
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = term.recv() => {}
            _ = hangup.recv() => {}
        }
    }
    #[cfg(not(unix))]
    {
        // Without a handler Ctrl-C ends the process by itself.
        let _ = tokio::signal::ctrl_c().await;
    }
}
