//! One session: a task that owns one socket.
//!
//! Everything for it waits in its `Mailbox`; what it sends itself waits in `out`. The task takes the mailbox only
//! when `out` is on its way, and reads a page of a log only when nothing else is left to send: so a slow reader costs
//! a bounded queue and is never cut off for being slow. It goes on reading its socket meanwhile, unless more answers
//! are owed than the bound; a dead one is found by silence.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use parley_protocol::frames::{Activity, MarkScope};
use parley_protocol::{ChatId, ClientFrame, Code, ErrorBody, LogId, RelayFrame};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};
use uuid::Uuid;

use crate::catch_up::{Found, Work};
use crate::feeds::{Feed, Follower, LogKind};
use crate::hello::{self, Hello};
use crate::mailbox::{Bye, Change, Mailbox, Outgoing, Taken};
use crate::pulse::{Pulse, Waits};
use crate::relay::Relay;
use crate::sessions::is_stopping;
use crate::socket::{Event, binary, next_frame, parse, poll, say_bye, too_long};
use crate::store::Job;
use crate::watched::Watched;

/// Who a session, or a request, speaks for.
pub use parley_protocol::frames::Sender as Identity;

/// Who came with a good access token, and the sign-in which it is of: that may have ended before the session is
/// registered, so it is looked at again then.
#[derive(Clone, Copy, Debug)]
pub struct Admitted {
    /// Who it is.
    pub who: Identity,
    /// The family of the token.
    pub family: Uuid,
}

/// Checks an access token.
pub type Authenticate = Arc<dyn Fn(&str) -> BoxFuture<'static, Result<Admitted, ErrorBody>> + Send + Sync>;

/// Frames which wait in `out` before the session reads no more from its socket.
const OUT: usize = 256;
/// How long the relay reads nothing from a client after a frame that came too fast.
const PAUSE: Duration = Duration::from_millis(100);
/// How long what was appended before the relay stops may take to be answered.
const LAST_ANSWERS: Duration = Duration::from_secs(2);

/// One log which the session follows.
pub(crate) struct Following {
    pub(crate) feed: Arc<Feed>,
    pub(crate) follower: Arc<Follower>,
    pub(crate) sealed: bool,
    pub(crate) caught_up: bool,
    /// Joined while the session was there: whether it has been taken out again meanwhile is to be read.
    pub(crate) fresh: bool,
}

impl Following {
    pub(crate) fn begin(relay: &Relay, session: &Arc<Mailbox>, log: LogId, kind: LogKind, sealed: bool) -> Self {
        let (feed, follower) = relay.live.feeds.follow(log, kind, session);
        Self { feed, follower, sealed, caught_up: false, fresh: false }
    }

    pub(crate) fn leave(&self, relay: &Relay) {
        relay.live.feeds.leave(&self.follower);
    }
}

/// A mark register of this session, handed on at most once in a while.
pub(crate) struct Marking {
    pub(crate) since: Instant,
    pub(crate) waits: Option<String>,
}

/// What the session's task knows, beside its socket.
pub(crate) struct Session {
    pub(crate) relay: Arc<Relay>,
    pub(crate) mailbox: Arc<Mailbox>,
    pub(crate) follows: HashMap<LogId, Following>,
    /// Chats which the account came into again before it had taken the end of its last stay.
    pub(crate) rejoins: HashMap<LogId, Change>,
    /// How far sealed chats were handed over which are followed no more: the ack of their end is still to come.
    pub(crate) ended: HashMap<LogId, u64>,
    pub(crate) out: VecDeque<Outgoing>,
    pub(crate) work: VecDeque<Work>,
    pub(crate) in_flight: usize,
    pub(crate) marks: HashMap<(ChatId, MarkScope), Marking>,
    pub(crate) patterns: Vec<String>,
    /// Nothing is read from the socket before, since the client sends too fast.
    paused_until: Option<Instant>,
}

/// Runs a session on an upgraded socket until it ends. `admitted` if the upgrade carried a token; else the first frame
/// does.
pub async fn run<S>(
    socket: WebSocketStream<Watched<S>>,
    admitted: Option<Admitted>,
    relay: Arc<Relay>,
    authenticate: Authenticate,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let mut socket = socket;
    let session = match Box::pin(open(&mut socket, admitted, &relay, &authenticate)).await {
        Ok(session) => session,
        Err(Some(bye)) => return say_bye(&mut socket, bye).await,
        Err(None) => return,
    };
    drop(authenticate);
    session.run(socket).await;
}

/// Authentication and hello. `None` as an error: the socket is gone.
async fn open<S>(
    socket: &mut WebSocketStream<S>,
    admitted: Option<Admitted>,
    relay: &Arc<Relay>,
    authenticate: &Authenticate,
) -> Result<Session, Option<Bye>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let bye = |error| Some(Bye { error, opening: None });
    let out_of_order = |message: &str| bye(ErrorBody::new(Code::OutOfOrder, message));
    let deadline = Instant::now() + relay.limits.hello_within;
    let admitted = match admitted {
        Some(admitted) => admitted,
        None => match next_frame(socket, deadline, relay.live.sessions.stopping()).await? {
            ClientFrame::Auth { token } => authenticate(&token).await.map_err(bye)?,
            _ => return Err(out_of_order("the first frame is `auth`, unless the upgrade carried a token")),
        },
    };
    let ClientFrame::Hello { version, opening, succeeds, cursors, program } =
        next_frame(socket, deadline, relay.live.sessions.stopping()).await?
    else {
        return Err(out_of_order("the first frame after authentication is `hello`"));
    };
    let mailbox = Mailbox::new(admitted.who, &relay.limits);
    let hello = Hello { version, opening, succeeds, cursors, program };
    let begun = hello::begin(relay, &mailbox, admitted.family, hello).await.map_err(Some)?;
    let mut session = Session {
        relay: Arc::clone(relay),
        mailbox,
        follows: begun.follows,
        rejoins: HashMap::new(),
        ended: HashMap::new(),
        out: VecDeque::new(),
        work: VecDeque::new(),
        in_flight: 0,
        marks: HashMap::new(),
        patterns: Vec::new(),
        paused_until: None,
    };
    session.send(&begun.welcome);
    session.plan();
    relay.set_activity(&session.mailbox, Some(Activity::Online));
    Ok(session)
}

impl Session {
    async fn run<S>(mut self, mut socket: WebSocketStream<Watched<S>>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        let limits = Arc::clone(&self.relay.limits);
        let mailbox = Arc::clone(&self.mailbox);
        let mut reading: Option<BoxFuture<'static, Found>> = None;
        let mut pulse = Pulse::new(&limits, Instant::now());
        let mut unflushed = false;
        let mut stops_at: Option<Instant> = None;
        let mut waking = Instant::now() + limits.ping;
        let mut timer = Box::pin(tokio::time::sleep_until(waking));
        let bye = loop {
            if let Some(bye) = mailbox.bye()
                && !self.owes_answers(&bye, unflushed, &mut stops_at)
            {
                break Some(bye);
            }
            if self.out.is_empty() && !unflushed {
                self.take();
                if self.out.is_empty() && reading.is_none() && stops_at.is_none() {
                    reading = self.next_work();
                }
            }
            mailbox.set_unsent(self.out.len() + usize::from(unflushed));
            let listens = self.listens() && stops_at.is_none();
            let waits = Waits { listens, unflushed };
            let next = [self.marks_due(), self.paused_until, stops_at].into_iter().flatten().min();
            let next = next.map_or(pulse.wakes_at(waits), |next| next.min(pulse.wakes_at(waits)));
            if next != waking {
                waking = next;
                timer.as_mut().reset(waking);
            }
            let out = &mut self.out;
            let event = tokio::select! {
                biased;
                event = std::future::poll_fn(|cx| poll(&mut socket, out, &mut unflushed, listens, cx)) => Some(event),
                found = async { match reading.as_mut() { Some(reading) => reading.await, None => std::future::pending().await } } => {
                    reading = None;
                    self.found(found);
                    None
                }
                () = mailbox.ready() => None,
                () = timer.as_mut() => None,
            };
            let (was_heard, was_written) = socket.get_mut().progress();
            let now = Instant::now();
            pulse.note(now, was_heard, was_written, waits);
            match event {
                Some(Event::Frame(Message::Text(text))) => match parse(&text) {
                    Ok(frame) => self.dispatch(frame).await,
                    Err(error) => self.send(&RelayFrame::Error { req: None, peer: None, error }),
                },
                Some(Event::Frame(Message::Binary(_))) => {
                    self.send(&RelayFrame::Error { req: None, peer: None, error: binary() });
                }
                // The answer to a ping is queued by the library, and wants to be flushed.
                Some(Event::Frame(Message::Ping(_))) => unflushed = true,
                Some(Event::Frame(Message::Close(_))) | Some(Event::Lost) => break None,
                Some(Event::TooLong) => break Some(Bye { error: too_long(), opening: None }),
                Some(Event::Frame(_) | Event::Flushed) | None => {}
            }
            self.send_marks(now).await;
            if self.paused_until.is_some_and(|until| now >= until) {
                self.paused_until = None;
            }
            if pulse.is_dead(now, Waits { listens, unflushed }) {
                tracing::debug!(device = %mailbox.who.device, "a session was silent for too long");
                break None;
            }
            if pulse.asks(now) && self.out.is_empty() {
                self.out.push_back(Message::Ping(bytes::Bytes::new()).into());
            }
        };
        self.end().await;
        if let Some(bye) = bye {
            say_bye(&mut socket, bye).await;
        }
        drop(socket);
        self.was_seen().await;
    }

    /// Whether the session reads what its client sends.
    fn listens(&self) -> bool {
        self.in_flight < self.relay.limits.session_appends && self.out.len() < OUT && self.paused_until.is_none()
    }

    /// Reads nothing from the client for a moment.
    pub(crate) fn pause(&mut self) {
        self.paused_until = Some(Instant::now() + PAUSE);
    }

    /// Whether the session goes on for a moment since the relay stops in order: what was appended is answered first.
    fn owes_answers(&self, bye: &Bye, unflushed: bool, stops_at: &mut Option<Instant>) -> bool {
        if !is_stopping(&bye.error) {
            return false;
        }
        let until = *stops_at.get_or_insert_with(|| Instant::now() + LAST_ANSWERS);
        (self.in_flight > 0 || !self.out.is_empty() || unflushed) && Instant::now() < until
    }

    /// Queues a frame of the session's own.
    pub(crate) fn send(&mut self, frame: &RelayFrame) {
        self.out.push_back(Message::text(frame.encode()).into());
    }

    pub(crate) fn send_text(&mut self, frame: Utf8Bytes) {
        self.out.push_back(Message::Text(frame).into());
    }

    /// Takes what waits in the mailbox.
    fn take(&mut self) {
        let Taken { changes, frames, presence, answered, topic_lost } = self.mailbox.take();
        self.in_flight = self.in_flight.saturating_sub(answered);
        for change in changes {
            self.change(change);
        }
        self.out.extend(frames);
        for presence in presence {
            self.send(&RelayFrame::Presence(presence));
        }
        if topic_lost > 0 {
            self.send(&RelayFrame::TopicLost { count: topic_lost });
        }
    }

    /// Undoes what the session was to others.
    async fn end(&mut self) {
        let relay = Arc::clone(&self.relay);
        for following in self.follows.values() {
            following.leave(&relay);
        }
        for pattern in &self.patterns {
            relay.topics.unsubscribe(pattern, &self.mailbox);
        }
        relay.live.sessions.end(&self.mailbox);
        relay.set_activity(&self.mailbox, None);
        if !self.mailbox.discards() {
            self.flush_marks().await;
        }
        relay.live.forget_blocks(self.mailbox.who.account);
    }

    /// Stores when the device was last there.
    async fn was_seen(&self) {
        let who = self.mailbox.who;
        let seen = self.relay.store().write(move |batch| {
            for (table, id) in [("devices", who.device.as_bytes()), ("accounts", who.account.as_bytes())] {
                let sql = format!("UPDATE {table} SET last_seen = MAX(COALESCE(last_seen, 0), ?2) WHERE id = ?1");
                batch.sql().prepare_cached(&sql)?.execute(rusqlite::params![id, batch.now()])?;
            }
            Ok(())
        });
        if let Err(error) = seen.await {
            tracing::debug!(%error, "when a device was last seen could not be stored");
        }
    }

    /// Hands a job to the writer, which answers through the mailbox.
    pub(crate) async fn submit(&mut self, job: Job) {
        if let Err(error) = self.relay.store().submit(job).await {
            self.mailbox.close(error);
        }
    }
}
