//! stub
use crate::{
    limits::Limits,
    live::Live,
    store::{OpenError, Store},
};
use parley_protocol::{frames::*, *};
use std::path::Path;
use std::sync::Arc;
pub(crate) struct Relay {
    store: Store,
    live: Arc<Live>,
}
impl Relay {
    pub(crate) fn open(path: &Path, limits: Limits, _ice: Vec<IceServer>, _p: bool) -> Result<Arc<Self>, OpenError> {
        let live = Arc::<Live>::default();
        Ok(Arc::new(Self { store: Store::open(path, Arc::new(limits), live.clone())?, live }))
    }
    pub(crate) fn store(&self) -> &Store {
        &self.store
    }
    pub(crate) fn is_online(&self, d: DeviceId) -> bool {
        self.live.sessions.is_online(d)
    }
    pub(crate) fn presence_of(&self, _a: AccountId) -> PresenceState {
        PresenceState::Offline
    }
    pub(crate) async fn show_presence(&self, _a: AccountId, _s: bool) -> Result<(), ErrorBody> {
        Ok(())
    }
    pub(crate) async fn close_sessions(&self) {
        self.live.close_all()
    }
}
