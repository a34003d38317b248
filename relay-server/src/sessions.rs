//! The registry of sessions: one a device, by device and by account.

use std::sync::Arc;

use dashmap::DashMap;
use parley_protocol::{AccountId, Code, DeviceId, ErrorBody};
use tokio_util::sync::CancellationToken;

use crate::mailbox::Mailbox;

/// Who has a session.
#[derive(Default)]
pub struct Sessions {
    by_device: DashMap<DeviceId, Arc<Mailbox>>,
    by_account: DashMap<AccountId, Vec<Arc<Mailbox>>>,
    stopping: CancellationToken,
}

/// The answer once the relay is stopping.
pub(crate) fn stopping() -> ErrorBody {
    ErrorBody::new(Code::ShuttingDown, "the relay is stopping; connect again in a moment")
}

/// Whether it is that answer.
pub(crate) fn is_stopping(error: &ErrorBody) -> bool {
    error.code == Code::ShuttingDown
}

impl Sessions {
    /// Registers a session; an older one of the same device is told that it was replaced.
    pub(crate) fn begin(&self, session: &Arc<Mailbox>) {
        let older = self.by_device.insert(session.who.device, Arc::clone(session));
        if let Some(older) = older {
            older.close(ErrorBody::new(Code::Replaced, "this device has a newer session; this one ends"));
            self.leave_account(&older);
        }
        self.by_account.entry(session.who.account).or_default().push(Arc::clone(session));
        metrics::gauge!("parley_sessions").increment(1.0);
        // Registered first: so it is either seen by `close_all` or sees it here.
        if self.stopping.is_cancelled() {
            session.close(stopping());
        }
    }

    /// Ends every session, and those which begin later.
    pub(crate) fn close_all(&self) {
        self.stopping.cancel();
        for session in self.all() {
            session.close(stopping());
        }
    }

    /// Cancelled once every session is to end.
    pub(crate) fn stopping(&self) -> &CancellationToken {
        &self.stopping
    }

    /// Takes a session out, unless a newer one has its place already.
    pub(crate) fn end(&self, session: &Arc<Mailbox>) {
        self.by_device.remove_if(&session.who.device, |_, current| current.number == session.number);
        self.leave_account(session);
        metrics::gauge!("parley_sessions").decrement(1.0);
    }

    fn leave_account(&self, session: &Mailbox) {
        if let Some(mut sessions) = self.by_account.get_mut(&session.who.account) {
            sessions.retain(|other| other.number != session.number);
        }
        self.by_account.remove_if(&session.who.account, |_, sessions| sessions.is_empty());
    }

    /// The session of a device.
    #[must_use]
    pub fn of_device(&self, device: DeviceId) -> Option<Arc<Mailbox>> {
        self.by_device.get(&device).map(|session| Arc::clone(&session))
    }

    /// Whether the device has a session.
    #[must_use]
    pub fn is_online(&self, device: DeviceId) -> bool {
        self.by_device.contains_key(&device)
    }

    /// The sessions of an account.
    #[must_use]
    pub fn of_account(&self, account: AccountId) -> Vec<Arc<Mailbox>> {
        self.by_account.get(&account).map(|sessions| sessions.clone()).unwrap_or_default()
    }

    /// Every session.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Mailbox>> {
        self.by_device.iter().map(|session| Arc::clone(&session)).collect()
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.by_device.len()
    }
}
