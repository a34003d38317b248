//! The relay link: one task that owns the WebSocket to the relay. It connects, authenticates, notices a dead network, and comes
//! back with growing pauses; it understands no frame.

mod opening;
mod pulse;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use parley_protocol::frames::{Cursor, RelayFrame};
use parley_protocol::{Code, DeviceId, ErrorBody, LogId};
use rand::Rng as _;
use serde::Deserialize;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio_tungstenite::tungstenite::{Error as WsError, Message};

use self::opening::{Socket, connect};
use self::pulse::Pulse;
use crate::core::Input;
use crate::relay_api::{RelayApi, is_final};
use crate::views::Connection;

/// How often it is looked whether the machine's addresses have changed.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long taking leave may take: the relay has read everything before it closes its side.
const LEAVE: Duration = Duration::from_secs(1);
/// The pauses between attempts grow from the first to the second.
const PAUSES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(15));

/// What the core asks of the link.
#[derive(Debug)]
pub(crate) enum LinkCommand {
    /// There are tokens, or others: connect with them, and stay connected.
    Go,
    /// Send a frame in this session; in any other it is thrown away.
    Send {
        /// Which session.
        session: u64,
        /// JSON text.
        frame: String,
    },
    /// Leave the session and connect anew.
    Restart,
    /// The network may be another one, or a person wants it: connect now, or look at once whether the connection lives.
    Wake,
    /// Leave the session and stay away until `Go`.
    Pause,
    /// The engine is about to end: leave the session once the relay has what was sent before. Dropped when that is so.
    Leave(oneshot::Sender<()>),
}

/// Why a session ended.
enum End {
    /// The connection broke, with what happened.
    Broken(String),
    /// The core asked for a fresh session.
    Restart,
    /// What was underway began on another network, or with other tokens: begin again at once.
    Woken,
    /// The relay knows another opening of the profile: the core decides whether to come back.
    Undecided,
    /// The core asked to stay away.
    Pause,
    /// The relay says that this device's sign-in is over.
    SignedOut(DeviceId, ErrorBody),
    /// The relay says it is no use to come back without a person's doing.
    Stay(Connection),
    /// The engine is about to end, and somebody waits until the relay has everything.
    Left(oneshot::Sender<()>),
    /// The engine ends.
    Closed,
}

pub(crate) struct RelayLink {
    api: RelayApi,
    inputs: mpsc::Sender<Input>,
    commands: mpsc::UnboundedReceiver<LinkCommand>,
    wall: crate::core::WallClock,
    session: u64,
}

impl RelayLink {
    /// `commands` has no bound of its own: a session has at most a window of appends unanswered, and beyond those each input of
    /// the core makes a few frames at most.
    pub(crate) fn new(
        api: RelayApi,
        inputs: mpsc::Sender<Input>,
        commands: mpsc::UnboundedReceiver<LinkCommand>,
        wall: crate::core::WallClock,
    ) -> Self {
        Self { api, inputs, commands, wall, session: 0 }
    }

    /// Runs until the engine ends. `signed_in` says whether there are tokens already.
    pub(crate) async fn run(mut self, mut signed_in: bool) {
        let mut failures = 0_u32;
        loop {
            if !signed_in {
                match self.commands.recv().await {
                    Some(LinkCommand::Go) => {}
                    Some(_) => continue,
                    None => return,
                }
                (signed_in, failures) = (true, 0);
            }
            let began = Instant::now();
            let end = self.connect_and_serve().await;
            if began.elapsed() > Duration::from_secs(10) {
                failures = 0;
            }
            let undecided = matches!(end, End::Undecided);
            let reason = match end {
                End::Closed => return,
                End::Left(left) => {
                    // Whoever waited goes on.
                    drop(left);
                    return;
                }
                End::Woken => {
                    failures = 0;
                    continue;
                }
                End::Restart | End::Undecided => None,
                End::Broken(reason) => Some(reason),
                End::Pause => {
                    signed_in = false;
                    continue;
                }
                End::SignedOut(device, error) => {
                    // If the profile is another device by now, the core says when to go on.
                    self.api.has_ended(device, &error).await;
                    signed_in = false;
                    continue;
                }
                End::Stay(view) => {
                    signed_in = false;
                    if self.inputs.send(Input::RelayDown { session: self.session, view }).await.is_err() {
                        return;
                    }
                    continue;
                }
            };
            let pause = pause_after(failures);
            failures = failures.saturating_add(1);
            let retry_at = (self.wall)() + u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
            // What the app itself wants to do once more is no trouble to show.
            let view = reason.map_or(Connection::Connecting, |reason| Connection::Offline { reason, retry_at });
            if self.inputs.send(Input::RelayDown { session: self.session, view }).await.is_err() {
                return;
            }
            match self.wait(pause, undecided).await {
                Waited::Over => {}
                Waited::Woken => failures = 0,
                Waited::Paused => signed_in = false,
                Waited::Closed => return,
            }
        }
    }

    /// Keeps a pause, unless somebody wakes the link or the machine's addresses change; or the core decides, if that is
    /// what is waited for.
    async fn wait(&mut self, pause: Duration, undecided: bool) -> Waited {
        let until = tokio::time::Instant::now() + pause;
        let before = addresses();
        let mut look = tokio::time::interval(LOOK_EVERY);
        loop {
            tokio::select! {
                () = tokio::time::sleep_until(until) => return Waited::Over,
                _ = look.tick() => {
                    if addresses() != before {
                        return Waited::Woken;
                    }
                }
                command = self.commands.recv() => match command {
                    Some(LinkCommand::Wake | LinkCommand::Go) => return Waited::Woken,
                    Some(LinkCommand::Pause) => return Waited::Paused,
                    Some(LinkCommand::Restart) if undecided => return Waited::Over,
                    Some(LinkCommand::Send { .. } | LinkCommand::Restart) => {}
                    Some(LinkCommand::Leave(_)) | None => return Waited::Closed,
                },
            }
        }
    }

    async fn connect_and_serve(&mut self) -> End {
        let (socket, device) = tokio::select! {
            connected = connect(&self.api) => match connected {
                Ok(connected) => connected,
                Err(end) => return end,
            },
            reason = interrupted(&mut self.commands) => {
                return match reason {
                    Interruption::Woken => End::Woken,
                    Interruption::End(end) => end,
                };
            }
        };
        self.session += 1;
        if self.inputs.send(Input::RelayUp { session: self.session, device }).await.is_err() {
            return End::Closed;
        }
        self.serve(socket, device).await
    }

    /// Reads and writes side by side: a relay that is fed faster than it is read from, or the other way round, would stall with
    /// one loop for both.
    async fn serve(&mut self, socket: Socket, device: DeviceId) -> End {
        let (mut sink, mut stream) = socket.split();
        let pulse = Mutex::new(Pulse::new(Instant::now()));
        let doubt = Notify::new();
        let end = tokio::select! {
            end = read(&mut stream, (self.session, device), &self.inputs, &pulse) => end,
            end = write(&mut sink, self.session, &mut self.commands, &pulse, &doubt) => end,
            end = watch(&pulse, &doubt) => end,
        };
        let goodbye = async {
            // A relay that is gone cannot take leave.
            let _ = tokio::time::timeout(LEAVE / 2, sink.close()).await;
            // It closes its side once it has read all that was sent before.
            while matches!(end, End::Left(_)) && matches!(stream.next().await, Some(Ok(_))) {}
        };
        let _ = tokio::time::timeout(LEAVE, goodbye).await;
        end
    }
}

/// What can be read of any entry.
#[derive(Deserialize)]
struct Place {
    #[serde(rename = "type")]
    kind: String,
    log: LogId,
    #[serde(flatten)]
    cursor: Cursor,
}

/// Why an attempt to connect is given up.
enum Interruption {
    /// The network may be another one, or there are other tokens.
    Woken,
    /// It ends with this.
    End(End),
}

/// Waits for what makes an attempt to connect void. What was meant for a session before is thrown away.
async fn interrupted(commands: &mut mpsc::UnboundedReceiver<LinkCommand>) -> Interruption {
    let before = addresses();
    let mut look = tokio::time::interval(LOOK_EVERY);
    loop {
        tokio::select! {
            _ = look.tick() => {
                if addresses() != before {
                    return Interruption::Woken;
                }
            }
            command = commands.recv() => match command {
                Some(LinkCommand::Send { .. } | LinkCommand::Restart) => {}
                Some(LinkCommand::Wake | LinkCommand::Go) => return Interruption::Woken,
                Some(LinkCommand::Pause) => return Interruption::End(End::Pause),
                Some(LinkCommand::Leave(left)) => return Interruption::End(End::Left(left)),
                None => return Interruption::End(End::Closed),
            },
        }
    }
}

/// Passes the relay's frames on to the core.
async fn read(
    stream: &mut SplitStream<Socket>,
    (session, device): (u64, DeviceId),
    inputs: &mpsc::Sender<Input>,
    pulse: &Mutex<Pulse>,
) -> End {
    // What the relay said before it closed.
    let mut goodbye: Option<ErrorBody> = None;
    loop {
        let message = stream.next().await;
        let answered = lock(pulse, |pulse| {
            let now = Instant::now();
            pulse.hear(now);
            if matches!(message, Some(Ok(Message::Pong(_)))) { pulse.answer(now) } else { None }
        });
        let text = match message {
            Some(Ok(Message::Text(text))) => text,
            Some(Ok(Message::Pong(_))) => {
                let Some(took) = answered else { continue };
                let micros = u32::try_from(took.as_micros()).unwrap_or(u32::MAX);
                if inputs.send(Input::RelayRoundTrip { micros }).await.is_err() {
                    return End::Closed;
                }
                continue;
            }
            Some(Ok(Message::Close(_))) | None => return ended(goodbye, device),
            Some(Ok(_)) => continue,
            Some(Err(_)) if goodbye.is_some() => return ended(goodbye, device),
            Some(Err(error)) => return End::Broken(error.to_string()),
        };
        let frame: RelayFrame = match serde_json::from_str(&text) {
            Ok(frame) => frame,
            Err(error) => {
                // A newer relay may have frames that this build does not know; an entry among them still has its place.
                tracing::warn!(%error, "a frame of the relay could not be read");
                let Ok(Place { kind, log, cursor }) = serde_json::from_str(&text) else { continue };
                if kind == "entry" && inputs.send(Input::Unreadable { session, log, cursor }).await.is_err() {
                    return End::Closed;
                }
                continue;
            }
        };
        if let RelayFrame::Bye { error, .. } = &frame {
            goodbye = Some(error.clone());
        }
        if inputs.send(Input::RelayFrame { session, frame: Box::new(frame) }).await.is_err() {
            return End::Closed;
        }
    }
}

/// Carries out the core's commands, everything that is queued with one flush, and asks whether the relay is there: when it is
/// silent, and at once when the network may be another one.
async fn write(
    sink: &mut SplitSink<Socket, Message>,
    session: u64,
    commands: &mut mpsc::UnboundedReceiver<LinkCommand>,
    pulse: &Mutex<Pulse>,
    doubt: &Notify,
) -> End {
    let mut clock = tokio::time::interval(LOOK_EVERY);
    let mut here = addresses();
    let in_doubt = || {
        lock(pulse, |pulse| pulse.doubt(Instant::now()));
        doubt.notify_one();
    };
    loop {
        let command = tokio::select! {
            command = commands.recv() => command,
            _ = clock.tick() => {
                let now = addresses();
                let moved = now != here;
                here = now;
                if moved {
                    in_doubt();
                }
                if (moved || lock(pulse, |pulse| pulse.is_due(Instant::now())))
                    && let Err(error) = ping(sink, pulse).await
                {
                    return End::Broken(error.to_string());
                }
                continue;
            }
        };
        let mut next = command;
        let end = loop {
            match next {
                Some(LinkCommand::Send { session: meant, frame }) if meant == session => {
                    if let Err(error) = sink.feed(Message::text(frame)).await {
                        break Some(End::Broken(error.to_string()));
                    }
                }
                Some(LinkCommand::Send { .. }) => {}
                Some(LinkCommand::Wake) => {
                    in_doubt();
                    if let Err(error) = ping(sink, pulse).await {
                        break Some(End::Broken(error.to_string()));
                    }
                }
                Some(LinkCommand::Go | LinkCommand::Restart) => break Some(End::Restart),
                Some(LinkCommand::Pause) => break Some(End::Pause),
                Some(LinkCommand::Leave(left)) => break Some(End::Left(left)),
                None => break Some(End::Closed),
            }
            match commands.try_recv() {
                Ok(command) => next = Some(command),
                Err(mpsc::error::TryRecvError::Empty) => break None,
                Err(mpsc::error::TryRecvError::Disconnected) => break Some(End::Closed),
            }
        };
        if let Err(error) = sink.flush().await {
            return End::Broken(error.to_string());
        }
        if let Some(end) = end {
            return end;
        }
    }
}

/// Asks whether the relay is there.
async fn ping(sink: &mut SplitSink<Socket, Message>, pulse: &Mutex<Pulse>) -> Result<(), WsError> {
    lock(pulse, |pulse| pulse.ask(Instant::now()));
    sink.send(Message::Ping(Default::default())).await
}

/// Notices a network that swallows everything, also while the writing half waits for room in it.
async fn watch(pulse: &Mutex<Pulse>, doubt: &Notify) -> End {
    loop {
        let deadline = lock(pulse, |pulse| pulse.deadline());
        if Instant::now() >= deadline {
            return End::Broken("the relay fell silent".to_owned());
        }
        tokio::select! {
            () = tokio::time::sleep_until(deadline.into()) => {}
            () = doubt.notified() => {}
        }
    }
}

/// Both halves run in one task, so nobody ever waits here, and a panic of one ends the other.
fn lock<T>(pulse: &Mutex<Pulse>, work: impl FnOnce(&mut Pulse) -> T) -> T {
    work(&mut pulse.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
}

enum Waited {
    Over,
    Woken,
    Paused,
    Closed,
}

/// What to do after the relay has closed the session.
fn ended(goodbye: Option<ErrorBody>, device: DeviceId) -> End {
    let Some(error) = goodbye else {
        return End::Broken("the relay closed the connection".to_owned());
    };
    match error.code {
        code if is_final(code) => End::SignedOut(device, error),
        Code::VersionMismatch => End::Stay(Connection::Incompatible { reason: error.message }),
        // The core decides, and says when to come back.
        Code::OldCopy => End::Undecided,
        _ => End::Broken(error.message),
    }
}

/// A growing pause with jitter, so that not everybody comes back at the same moment.
fn pause_after(failures: u32) -> Duration {
    let grown = PAUSES.0.saturating_mul(1 << failures.min(10)).min(PAUSES.1);
    grown.mul_f64(rand::rng().random_range(0.5..1.0))
}

/// The machine's addresses; a change says that the network may be back.
fn addresses() -> BTreeSet<IpAddr> {
    if_addrs::get_if_addrs().map(|all| all.into_iter().map(|one| one.ip()).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_bound() {
        assert!(pause_after(0) <= PAUSES.0);
        for failures in 0..64 {
            assert!(pause_after(failures) <= PAUSES.1);
            assert!(pause_after(failures) >= PAUSES.0 / 2);
        }
    }
}
