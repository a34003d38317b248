//! The core: one thread that owns the profile's database and every decision.
//!
//! Inputs (commands, frames of the relay, events of peer links, results of HTTP requests, time) come through one bounded channel. All that
//! waits is taken together and handled in one SQLite transaction; what follows from it (frames, answers, events) is
//! collected in [`Effects`] and let go only after the commit. So nothing is acknowledged, marked or handed to a route before it is on the disk,
//! and a crash at any moment is the same as one before or after the whole batch.
//!
//! If a transaction fails (a full disk), the core forgets everything it holds in memory, as after a crash: the session and all
//! links are dropped and come back from what is on the disk.

mod advances;
mod again;
mod commands;
mod copies;
mod entries;
mod expiry;
mod gaps;
mod hidden;
mod inbox;
mod inputs;
mod lanes;
mod logs;
mod marks;
mod outbox;
mod peers;
mod presence;
mod relay;
mod routes;
mod session;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parley_protocol::frames::{Activity, Opening, Presence};
use parley_protocol::{AccountId, ChatId, ClientFrame, DeviceId, Millis};
use rusqlite::Connection;
use tokio::sync::mpsc::error::TrySendError::{Closed, Full};
use tokio::sync::{broadcast, mpsc, oneshot};

pub(crate) use self::inputs::{Effects, Input, Task, TaskResult};
use crate::error::{EngineError, is_disk_full};
use crate::events::Event;
use crate::peer::{PeerCommand, PeerConfig};
use crate::profile::Profile;
use crate::relay_link::LinkCommand;
use crate::store::{self, Sql, chats, places, settings};
use crate::views::{Connection as ConnectionView, Me, RouteView, Settings};

/// How many inputs may wait for the core.
pub(crate) const QUEUE: usize = 1_024;
/// How many inputs one transaction takes.
const BATCH: usize = 256;
/// After a failed transaction the core waits this long before it goes on.
const STORAGE_PAUSE: Duration = Duration::from_secs(2);

/// Starts the peer links of a device: they are made anew when the profile becomes another one.
pub(crate) type StartPeers = Box<dyn Fn(DeviceId, PeerConfig) -> mpsc::Sender<PeerCommand> + Send>;

/// Ends of the channels which the core talks to.
pub(crate) struct Outlets {
    pub(crate) events: broadcast::Sender<Event>,
    pub(crate) link: mpsc::UnboundedSender<LinkCommand>,
    pub(crate) start_peers: StartPeers,
    pub(crate) tasks: mpsc::UnboundedSender<Task>,
    /// Written before whoever waits for an answer is told that there is none.
    pub(crate) rolled_back: Arc<RolledBack>,
}

/// How often a batch was rolled back, and why it was the last time: what tells a command that was not carried out from one that
/// died with its core.
#[derive(Default)]
pub(crate) struct RolledBack {
    times: AtomicU64,
    disk_full: AtomicBool,
}

impl RolledBack {
    fn note(&self, disk_full: bool) {
        self.disk_full.store(disk_full, Ordering::SeqCst);
        self.times.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn times(&self) -> u64 {
        self.times.load(Ordering::SeqCst)
    }

    pub(crate) fn for_a_full_disk(&self) -> bool {
        self.disk_full.load(Ordering::SeqCst)
    }
}

/// The wall clock, in milliseconds since the Unix epoch; a parameter, so that tests can set it wrong.
pub(crate) type WallClock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// The state of the core. What has to survive is in the database; this is what a crash may forget.
pub(crate) struct Core {
    db: Option<Connection>,
    _profile: Profile,
    wall: WallClock,
    outlets: Outlets,
    peers: mpsc::Sender<PeerCommand>,
    pub(crate) me: Option<Me>,
    pub(crate) opening: Opening,
    pub(crate) settings: Settings,
    pub(crate) connection: ConnectionView,
    pub(crate) session: Option<session::Session>,
    pub(crate) links: HashMap<DeviceId, peers::Link>,
    pub(crate) presence: HashMap<AccountId, Presence>,
    /// Who was there when the relay was last heard of.
    were_there: BTreeSet<AccountId>,
    /// When people were last there of whose presence nothing was told in this session.
    pub(crate) last_seen: HashMap<AccountId, Millis>,
    /// Who waits until it is known when others were last there; dropped then.
    presence_awaited: Vec<oneshot::Sender<()>>,
    marks_awaited: Vec<oneshot::Sender<()>>,
    /// Whether the person is there, as they said.
    activity: Activity,
    /// What the relay is told of what runs here.
    program: Option<String>,
    /// Gaps that are waited for: when the first message beyond was held.
    pub(crate) gaps: HashMap<(ChatId, DeviceId), Instant>,
    /// Chats whose marks the relay has yet to be told, and those told within the last second.
    pub(crate) marks_due: HashMap<ChatId, Instant>,
    /// Chats of which the relay has yet to be told, with their marks, what is hidden in them.
    pub(crate) hidden_due: BTreeSet<ChatId>,
    pub(crate) routes: HashMap<ChatId, RouteView>,
    pub(crate) relay_round_trip: Option<u32>,
    pub(crate) peer_config: PeerConfig,
    /// Commands which the peer links had no room for and which must not be lost, in order.
    unsent: VecDeque<PeerCommand>,
    /// Links which have to begin anew: a frame for them found no room, or what they carried could not be taken.
    broken: BTreeSet<DeviceId>,
    /// This profile is an old copy, and the relay was asked for a new device.
    replacing: Option<again::Again>,
    next_upkeep: Instant,
    /// When lines are looked for that are past the retentions of their chats.
    expire_at: Instant,
}

impl Core {
    /// Opens the database, records this opening, and loads who the profile is.
    pub(crate) fn open(
        profile: Profile,
        wall: WallClock,
        outlets: Outlets,
        peer_config: PeerConfig,
        program: Option<String>,
    ) -> Result<Self, EngineError> {
        let db = store::open(&profile.database())?;
        let opening = settings::begin_life(&db)?;
        let me: Option<Me> = settings::get(&db, "me")?;
        let chosen: Settings = settings::get(&db, "settings")?.unwrap_or_default();
        let connection = if me.is_some() {
            ConnectionView::Connecting
        } else {
            ConnectionView::SignedOut { reason: settings::get(&db, "signed_out_because")? }
        };
        let held = store::streams::holding(&db)?;
        let device = me.as_ref().map(|me| me.device).unwrap_or_default();
        let peers = (outlets.start_peers)(device, as_chosen(&peer_config, &chosen));
        Ok(Self {
            db: Some(db),
            _profile: profile,
            wall,
            outlets,
            peers,
            me,
            opening,
            program,
            settings: chosen,
            connection,
            session: None,
            links: HashMap::new(),
            presence: HashMap::new(),
            were_there: BTreeSet::new(),
            last_seen: HashMap::new(),
            presence_awaited: Vec::new(),
            marks_awaited: Vec::new(),
            activity: Activity::Online,
            gaps: held.into_iter().map(|key| (key, Instant::now())).collect(),
            marks_due: HashMap::new(),
            hidden_due: BTreeSet::new(),
            routes: HashMap::new(),
            relay_round_trip: None,
            peer_config,
            unsent: VecDeque::new(),
            broken: BTreeSet::new(),
            replacing: None,
            next_upkeep: Instant::now(),
            expire_at: Instant::now(),
        })
    }

    /// Runs until the last sender of inputs is gone or `stop` is cancelled.
    pub(crate) async fn run(mut self, mut inputs: mpsc::Receiver<Input>, stop: tokio_util::sync::CancellationToken) {
        loop {
            let first = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                input = inputs.recv() => match input {
                    Some(input) => Some(input),
                    None => break,
                },
                () = tokio::time::sleep_until(self.next_deadline().into()) => None,
            };
            let mut batch: Vec<Input> = first.into_iter().collect();
            while batch.len() < BATCH
                && let Ok(input) = inputs.try_recv()
            {
                batch.push(input);
            }
            if let Err(error) = self.step(batch) {
                self.forget(&error);
                tokio::time::sleep(STORAGE_PAUSE).await;
            }
        }
    }

    /// Handles a batch in one transaction and lets its effects go.
    fn step(&mut self, batch: Vec<Input>) -> Sql<()> {
        // The connection is taken out for the while, so that the transaction and the rest of the core can be borrowed
        // side by side.
        let Some(mut db) = self.db.take() else {
            return Ok(());
        };
        let mut out = Effects::default();
        let replacing = self.replacing.clone();
        let replaced = batch.iter().any(Input::answers_replacement);
        let mut batch = batch.into_iter();
        let result = self.transact(&mut db, &mut batch, &mut out);
        self.db = Some(db);
        if let Err(error) = result {
            self.outlets.rolled_back.note(is_disk_full(&error));
            self.replacing = replacing;
            if let Some(replacing) = self.replacing.as_mut().filter(|_| replaced) {
                // The answer was in the batch: ask once more.
                replacing.failed(Instant::now(), None);
            }
            return Err(error);
        }
        self.release(out);
        Ok(())
    }

    fn transact(&mut self, db: &mut Connection, batch: &mut impl Iterator<Item = Input>, out: &mut Effects) -> Sql<()> {
        let tx = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        for input in batch {
            self.handle(&tx, input, out)?;
        }
        self.tick(&tx, out)?;
        for ((chat, device), placed) in std::mem::take(&mut out.placed) {
            if places::keep_order(&tx, chat, device, &placed)? > 0 {
                out.moved.insert(chat);
            }
        }
        out.events.extend(std::mem::take(&mut out.moved).into_iter().map(|chat| Event::Moved { chat }));
        for chat in std::mem::take(&mut out.marks) {
            self.tell_marks(&tx, chat, out)?;
        }
        for chat in std::mem::take(&mut out.pump) {
            self.pump(&tx, chat, out)?;
        }
        for chat in std::mem::take(&mut out.routes) {
            self.show_route(&tx, chat, out)?;
        }
        tx.commit()
    }

    fn handle(&mut self, tx: &Connection, input: Input, out: &mut Effects) -> Sql<()> {
        match input {
            Input::Command(command) => command(self, tx, out),
            Input::RelayUp { session, device } => self.begin_session(tx, session, device, out),
            Input::RelayFrame { session, frame } => {
                if self.session.as_ref().is_some_and(|current| current.number == session) {
                    self.relay_frame(tx, *frame, out)?;
                }
                Ok(())
            }
            Input::Unreadable { session, log, cursor } => {
                if self.session.as_ref().is_some_and(|current| current.number == session) {
                    self.skip_entry(tx, log, cursor, out)?;
                }
                Ok(())
            }
            Input::RelayDown { session, view } => self.end_session(tx, session, view, out),
            Input::RelayRoundTrip { micros } => {
                self.relay_round_trip = Some(micros);
                self.show_round_trip(out);
                Ok(())
            }
            Input::Peer(event) => self.peer_event(tx, event, out),
            Input::TaskDone(result) => self.task_done(tx, result, out),
        }
    }

    /// What time alone brings about.
    fn tick(&mut self, tx: &Connection, out: &mut Effects) -> Sql<()> {
        let now = Instant::now();
        self.give_up_gaps(tx, now, out)?;
        self.leave_broken(tx, out)?;
        self.ask_last_seen(tx, now, out)?;
        self.watch_links(tx, now, out)?;
        self.retry_refused(tx, now, out)?;
        self.restore_again(now, out);
        self.replace_again(now, out);
        self.flush_marks(tx, now, out)?;
        self.expire(tx, now, out)?;
        if now >= self.next_upkeep {
            self.next_upkeep = now + Duration::from_secs(3_600);
            store::sent::purge_open(tx)?;
        }
        Ok(())
    }

    fn next_deadline(&self) -> Instant {
        let gaps = self.gaps.values().map(|since| *since + gaps::GAP_PATIENCE);
        let links = self.links.values().filter_map(peers::Link::deadline);
        let refused = self.session.iter().filter_map(session::Session::deadline);
        let marks = self.marks_due.values().copied().filter(|_| self.is_online());
        let peers = (!self.unsent.is_empty() || !self.broken.is_empty()).then(Instant::now);
        gaps.chain(links)
            .chain(refused)
            .chain(marks)
            .chain(peers)
            .chain(self.replacing.as_ref().and_then(again::Again::deadline))
            .chain([self.next_upkeep])
            .chain(self.is_online().then_some(self.expire_at))
            .min()
            .unwrap_or_else(|| Instant::now() + Duration::from_secs(60))
            // A deadline that has passed and could not be met (no session, say) must not become a busy loop.
            .max(Instant::now() + Duration::from_millis(20))
    }

    fn release(&mut self, out: Effects) {
        if let Some(session) = &self.session {
            let mut frames = out.relay;
            if !out.acks.is_empty() {
                let logs = out.acks.into_iter().map(|(log, seq)| parley_protocol::frames::Ack { log, seq }).collect();
                frames.push(ClientFrame::Ack { logs });
            }
            for frame in frames {
                self.send_link(LinkCommand::Send { session: session.number, frame: frame.encode() });
            }
        }
        for command in out.link {
            self.send_link(command);
        }
        self.send_peers(out.peers);
        for task in out.tasks {
            // The receiver ends with the engine only.
            let _ = self.outlets.tasks.send(task);
        }
        for event in out.events {
            // No listener is fine.
            let _ = self.outlets.events.send(event);
        }
        for answer in out.after {
            answer();
        }
    }

    fn send_link(&self, command: LinkCommand) {
        // The receiver ends with the engine only.
        let _ = self.outlets.link.send(command);
    }

    /// Hands commands to the peer links, in order. The core never waits for them, so a full queue means that they are far behind.
    /// A link that misses a frame has a gap, and is left for a fresh one. Signals are live and may be lost: their attempt fails by
    /// its deadline. Everything else waits here until there is room.
    fn send_peers(&mut self, commands: Vec<PeerCommand>) {
        for command in std::mem::take(&mut self.unsent).into_iter().chain(commands) {
            if matches!(&command, PeerCommand::Send { peer, .. } if self.broken.contains(peer)) {
                continue;
            }
            let left = if self.unsent.is_empty() { self.peers.try_send(command).err() } else { Some(Full(command)) };
            match left {
                None | Some(Closed(_)) => {}
                Some(Full(PeerCommand::Send { peer, .. })) => {
                    self.broken.insert(peer);
                }
                Some(Full(PeerCommand::Signal { from, .. })) => {
                    tracing::debug!(device = %from, "the links are far behind; a signal is lost");
                }
                Some(Full(command)) => self.unsent.push_back(command),
            }
        }
    }

    /// Makes the peer links anew, under this name; those before end with their sender.
    fn restart_peers(&mut self, device: DeviceId) {
        self.links.clear();
        self.unsent.clear();
        self.broken.clear();
        self.peers = (self.outlets.start_peers)(device, self.chosen_peer_config());
    }

    /// After a failed transaction: everything in memory goes, as after a crash.
    fn forget(&mut self, error: &rusqlite::Error) {
        tracing::error!(%error, "the profile's database failed; starting again from what is on the disk");
        // Events of links may have been in the failed batch, so none of them is known for sure: begin anew with all.
        self.restart_peers(self.device());
        self.presence.clear();
        self.session = None;
        self.marks_due.clear();
        self.hidden_due.clear();
        self.send_link(LinkCommand::Restart);
        if let Err(error) = self.reload() {
            tracing::error!(%error, "the profile's database cannot be read");
        }
        let (code, message) = if is_disk_full(error) {
            ("disk_full", "This disk is full. Nothing is lost; free some space and Parley goes on.".to_owned())
        } else {
            let words = "Nothing that was taken is lost; Parley tries again.";
            ("storage", format!("The profile's database failed: {error}. {words}"))
        };
        let _ = self.outlets.events.send(Event::Notice { chat: None, code: code.to_owned(), message });
    }

    /// What memory repeats of the database may be ahead of it, by what was rolled back.
    fn reload(&mut self) -> Sql<()> {
        let Some(db) = &self.db else { return Ok(()) };
        let waited_for = std::mem::take(&mut self.gaps);
        let now = Instant::now();
        self.gaps = store::streams::holding(db)?
            .into_iter()
            .map(|key| (key, waited_for.get(&key).copied().unwrap_or(now)))
            .collect();
        self.settings = settings::get(db, "settings")?.unwrap_or_default();
        let me: Option<Me> = settings::get(db, "me")?;
        match me {
            Some(me) if self.me.as_ref() != Some(&me) => self.become_known_as(me),
            Some(_) => {}
            None => self.me = None,
        }
        Ok(())
    }

    /// The wall clock now.
    pub(crate) fn now(&self) -> u64 {
        (self.wall)()
    }

    /// The profile is this device from now on: links are made under its name.
    pub(crate) fn become_known_as(&mut self, me: Me) {
        if self.device() == me.device {
            self.links.clear();
        } else {
            self.restart_peers(me.device);
        }
        self.me = Some(me);
    }

    /// How links are made, as the person chose.
    pub(crate) fn chosen_peer_config(&self) -> PeerConfig {
        as_chosen(&self.peer_config, &self.settings)
    }

    /// Whether a session is open: its `welcome` has come.
    pub(crate) fn is_online(&self) -> bool {
        self.session.as_ref().is_some_and(|session| session.phase == session::SessionPhase::Open)
    }

    /// This device; nil while nobody is signed in.
    pub(crate) fn device(&self) -> DeviceId {
        self.me.as_ref().map(|me| me.device).unwrap_or_default()
    }

    /// This account; nil while nobody is signed in.
    pub(crate) fn account(&self) -> AccountId {
        self.me.as_ref().map(|me| me.account).unwrap_or_default()
    }

    fn task_done(&mut self, tx: &Connection, result: TaskResult, out: &mut Effects) -> Sql<()> {
        match result {
            TaskResult::Restored { chat, given, taken } => self.restored(tx, chat, &given, &taken, out),
            TaskResult::RestoreLater { chat, changes, retry_after } => {
                self.restore_later(chat, changes, retry_after);
                Ok(())
            }
            TaskResult::Replaced { credentials, me } => self.become_device(tx, &credentials, me, out),
            TaskResult::ReplaceLater { reason, retry_after } => {
                self.replace_later(reason, retry_after, out);
                Ok(())
            }
            TaskResult::ReplaceFailed { reason } => self.sign_out_locally(tx, Some(reason), out),
            TaskResult::Named { account, username } => {
                settings::name_account(tx, account, &username)?;
                for chat in chats::all(tx)? {
                    if chat.state.kind.is_channel() {
                        out.events.push(Event::Chat { chat: chat.state.id });
                    }
                }
                Ok(())
            }
            TaskResult::LastSeen { account, at } => {
                self.was_last_seen(account, at, out);
                Ok(())
            }
            TaskResult::LastSeenAsked => {
                self.presence_asked();
                Ok(())
            }
        }
    }
}

fn as_chosen(config: &PeerConfig, settings: &Settings) -> PeerConfig {
    PeerConfig { relayed_only: settings.hide_address, ..config.clone() }
}

#[cfg(test)]
#[path = "core_tests.rs"]
mod tests;
