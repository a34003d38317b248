//! The relay's shared state: the store, who is connected, topics, presence and rates.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use parley_protocol::frames::{IceServer, PresenceState};
use parley_protocol::{AccountId, DeviceId, ErrorBody};
use tokio_util::task::TaskTracker;

use crate::frame_rates::FrameRates;
use crate::limits::Limits;
use crate::live::Live;
use crate::log::overdue;
use crate::mailbox::Load;
use crate::presence::Presences;
use crate::store::{Batch, OpenError, Store};
use crate::topics::Topics;

/// How often what was held longer than the retention is looked for.
const EXPIRE_EVERY: Duration = Duration::from_secs(3_600);

/// One relay.
pub struct Relay {
    store: Store,
    pub(crate) limits: Arc<Limits>,
    pub(crate) live: Arc<Live>,
    pub(crate) topics: Topics,
    pub(crate) presences: Presences,
    pub(crate) rates: FrameRates,
    pub(crate) ice_servers: Vec<IceServer>,
    pub(crate) sessions: TaskTracker,
}

impl Relay {
    /// Opens the database, or makes it. Within a tokio runtime. `presence` is whether this relay tells who is online.
    ///
    /// # Errors
    /// [`OpenError`], with a sentence for the operator.
    pub fn open(
        path: &Path,
        limits: Limits,
        ice_servers: Vec<IceServer>,
        presence: bool,
    ) -> Result<Arc<Self>, OpenError> {
        let limits = Arc::new(limits);
        let live = Arc::new(Live::default());
        let store = Store::open(path, Arc::clone(&limits), Arc::clone(&live))?;
        let rates = FrameRates::new(&limits);
        let presences = Presences::new(presence);
        let (topics, sessions) = (Topics::default(), TaskTracker::new());
        let relay = Arc::new(Self { store, limits, live, topics, presences, rates, ice_servers, sessions });
        let weak = Arc::downgrade(&relay);
        tokio::spawn(async move {
            let mut timer = tokio::time::interval(EXPIRE_EVERY);
            loop {
                timer.tick().await;
                let Some(relay) = weak.upgrade() else {
                    return;
                };
                if let Err(error) = relay.expire().await {
                    tracing::warn!(%error, "what went past the retention could not be deleted for now");
                }
            }
        });
        Ok(relay)
    }

    /// The database.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Deletes what is held longer than the retention, and tells the senders of what was not taken. For the relay's own
    /// timer, and for tests.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn expire(&self) -> Result<(), ErrorBody> {
        self.rates.tidy();
        let (now, limits) = (crate::store::now(), Arc::clone(&self.limits));
        for log in self.store.read(move |sql| overdue(sql, now, &limits)).await? {
            // One step a transaction, so that nobody waits for the whole of it.
            loop {
                let live = Arc::clone(&self.live);
                let step = move |batch: &mut Batch<'_>| batch.expire(log, |device| live.sessions.is_online(device));
                if !self.store.write(step).await? {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Whether the device has a session.
    #[must_use]
    pub fn is_online(&self, device: DeviceId) -> bool {
        self.live.sessions.is_online(device)
    }

    /// Whether either of two accounts blocks the other, as far as those with sessions say.
    #[must_use]
    pub fn blocks_between(&self, one: AccountId, other: AccountId) -> bool {
        self.live.blocks.between(one, other)
    }

    /// An account's presence as its sessions say; whether the viewer may see it is the caller's to know.
    #[must_use]
    pub fn presence_of(&self, account: AccountId) -> PresenceState {
        self.presences.state(account)
    }

    /// The same, or offline for one who does not show it.
    #[must_use]
    pub fn presence_shown(&self, account: AccountId, shows: bool) -> PresenceState {
        if shows { self.presence_of(account) } else { PresenceState::Offline }
    }

    /// How much waits in memory for the session of a device, if it has one.
    #[must_use]
    pub fn load(&self, device: DeviceId) -> Option<Load> {
        self.live.sessions.of_device(device).map(|session| session.load())
    }

    /// Ends every session, and waits until they are gone: what they have appended is answered first.
    pub async fn close_sessions(&self) {
        self.live.sessions.close_all();
        self.sessions.close();
        self.sessions.wait().await;
    }
}
