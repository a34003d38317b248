//! One transaction of the writer, as the closures and jobs in it see it: the connection, the writer's own view of
//! logs and chats, and what is to happen once it is committed.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use parley_protocol::frames::{MarkScope, Sender};
use parley_protocol::{
    AccountId, ChatId, ChatState, Code, DeviceId, EntryId, ErrorBody, LogId, Millis, frames::Cursor,
};
use rusqlite::{Connection, OptionalExtension, params};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::failure::{Failure, Severity, severity};
use super::sql::id;
use crate::limits::Limits;
use crate::live::Live;
use crate::mailbox::next_number;

/// Where an entry stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Appended {
    /// Its position.
    pub seq: u64,
    /// Its id.
    pub entry: EntryId,
}

/// The row of one log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LogHead {
    pub(crate) head: u64,
    pub(crate) entry: EntryId,
    pub(crate) trimmed_to: u64,
    pub(crate) trimmed_entry: EntryId,
    pub(crate) held: u64,
    pub(crate) held_bytes: u64,
}

impl LogHead {
    pub(crate) const EMPTY: Self =
        Self { head: 0, entry: EntryId::nil(), trimmed_to: 0, trimmed_entry: EntryId::nil(), held: 0, held_bytes: 0 };

    pub(crate) fn load(connection: &Connection, log: LogId) -> rusqlite::Result<Option<Self>> {
        let mut statement = connection.prepare_cached(
            "SELECT head, head_entry, trimmed_to, trimmed_entry, held, held_bytes FROM logs WHERE id = ?1",
        )?;
        statement
            .query_row([log.as_bytes()], |row| {
                Ok(Self {
                    head: row.get(0)?,
                    entry: id(row, 1)?,
                    trimmed_to: row.get(2)?,
                    trimmed_entry: id(row, 3)?,
                    held: row.get(4)?,
                    held_bytes: row.get(5)?,
                })
            })
            .optional()
    }
}

/// What follows a commit, in order.
pub(crate) enum Effect {
    /// An entry for whoever follows the log.
    Entry { log: LogId, seq: u64, frame: Utf8Bytes },
    /// An entry lost its words: whoever is handed it from now on is handed this.
    Emptied { log: LogId, seq: u64, frame: Utf8Bytes },
    /// Devices of an account (or one of them) follow a chat from here on.
    Joined { account: AccountId, device: Option<DeviceId>, at: Cursor, state: Arc<ChatState> },
    /// Devices of an account (or one of them) follow a chat up to this entry only.
    Left { chat: ChatId, account: AccountId, device: Option<DeviceId>, seq: u64 },
    /// A chat is gone.
    Deleted { chat: ChatId },
    /// A mark register changed.
    Mark { chat: ChatId, from: Sender, scope: MarkScope, frame: Utf8Bytes },
    /// The session of a device ends, if its number is below this one.
    Close { device: DeviceId, error: ErrorBody, before: u64 },
    /// Whatever else.
    Then(Box<dyn FnOnce(&Live) + Send>),
}

/// What the writer keeps in memory between transactions. Only the writer changes it; whatever a rolled back
/// transaction had touched is thrown out and read again.
#[derive(Default)]
pub(crate) struct Cache {
    logs: HashMap<LogId, LogHead>,
    chats: HashMap<ChatId, Arc<ChatState>>,
    held: HashMap<AccountId, u64>,
    dirty_logs: HashSet<LogId>,
    dirty_held: HashSet<AccountId>,
    /// What the open transaction has changed so far, flushed or not.
    touched_logs: HashSet<LogId>,
    touched_held: HashSet<AccountId>,
    /// Acks which wait for the next transaction.
    pub(crate) acks: HashMap<(LogId, DeviceId), u64>,
}

impl Cache {
    /// Chats which are kept between transactions; beyond that all are read again.
    const MOST: usize = 20_000;

    pub(crate) fn forget(&mut self) {
        let acks = std::mem::take(&mut self.acks);
        *self = Self { acks, ..Self::default() };
    }

    pub(crate) fn shrink(&mut self) {
        if self.logs.len() > Self::MOST || self.held.len() > Self::MOST {
            self.forget();
        }
    }

    /// After a savepoint was rolled back. What the transaction had changed before the savepoint was flushed when it
    /// began, so that it can be read again too.
    fn forget_touched(&mut self) {
        self.dirty_logs.clear();
        self.dirty_held.clear();
        for log in self.touched_logs.drain() {
            self.logs.remove(&log);
            self.chats.remove(&log.chat());
        }
        for account in self.touched_held.drain() {
            self.held.remove(&account);
        }
    }

    fn touch(&mut self, log: LogId) {
        self.dirty_logs.insert(log);
        self.touched_logs.insert(log);
    }
}

/// The writer's open transaction.
pub struct Batch<'a> {
    connection: &'a Connection,
    pub(crate) cache: &'a mut Cache,
    pub(crate) limits: &'a Limits,
    now: Millis,
    pub(crate) effects: Vec<Effect>,
    /// Set once the transaction as a whole is lost.
    pub(crate) broken: Option<rusqlite::Error>,
}

impl<'a> Batch<'a> {
    pub(crate) fn new(connection: &'a Connection, cache: &'a mut Cache, limits: &'a Limits) -> Self {
        cache.touched_logs.clear();
        cache.touched_held.clear();
        Self { connection, cache, limits, now: super::now(), effects: Vec::new(), broken: None }
    }

    /// The connection, inside the transaction. Chats, logs and their members are changed by this type's own
    /// functions alone; everything else is free.
    #[must_use]
    pub fn sql(&self) -> &'a Connection {
        self.connection
    }

    /// When the transaction began; the same for everything in it.
    #[must_use]
    pub fn now(&self) -> Millis {
        self.now
    }

    /// The bounds.
    #[must_use]
    pub fn limits(&self) -> &'a Limits {
        self.limits
    }

    /// Ends the session that the device has now, after the commit. One that begins meanwhile says hello behind this
    /// transaction, and so with what holds since.
    pub fn close_session(&mut self, device: DeviceId, code: Code, message: impl Into<String>) {
        let before = next_number();
        self.effects.push(Effect::Close { device, error: ErrorBody::new(code, message), before });
    }

    /// Runs `f` after the commit, in the order of what else follows it.
    pub fn after_commit(&mut self, f: impl FnOnce(&Live) + Send + 'static) {
        self.effects.push(Effect::Then(Box::new(f)));
    }

    /// Runs `f`; an `Err` takes back what it did, and only that.
    pub(crate) fn in_savepoint<T>(&mut self, f: impl FnOnce(&mut Self) -> Result<T, Failure>) -> Result<T, ErrorBody> {
        let effects = self.effects.len();
        let begun = self.flush().and_then(|()| Ok(self.connection.execute_batch("SAVEPOINT one")?));
        let result = begun.and_then(|()| f(self)).and_then(|value| {
            self.flush()?;
            self.connection.execute_batch("RELEASE one")?;
            Ok(value)
        });
        let failure = match result {
            Ok(value) => return Ok(value),
            Err(failure) => failure,
        };
        self.effects.truncate(effects);
        self.cache.forget_touched();
        // A full disk makes SQLite roll the whole transaction back by itself.
        let lost = match &failure {
            Failure::Sql(error) => severity(error) == Severity::Fatal || self.connection.is_autocommit(),
            Failure::Refused(_) => false,
        };
        if lost {
            if let Failure::Sql(error) = failure {
                self.broken = Some(error);
            }
            return Err(super::try_later());
        }
        if let Err(error) = self.connection.execute_batch("ROLLBACK TO one; RELEASE one") {
            self.broken = Some(error);
            return Err(super::try_later());
        }
        Err(failure.into_body())
    }

    /// Writes what the memory is ahead of the tables.
    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        if !self.cache.dirty_logs.is_empty() {
            let mut update = self.connection.prepare_cached(
                "UPDATE logs SET head = ?2, head_entry = ?3, trimmed_to = ?4, trimmed_entry = ?5, held = ?6, \
                 held_bytes = ?7 WHERE id = ?1",
            )?;
            for log in &self.cache.dirty_logs {
                let Some(row) = self.cache.logs.get(log) else { continue };
                let (entry, trimmed) = (row.entry.as_bytes(), row.trimmed_entry.as_bytes());
                let values =
                    params![log.as_bytes(), row.head, entry, row.trimmed_to, trimmed, row.held, row.held_bytes];
                update.execute(values)?;
            }
            self.cache.dirty_logs.clear();
        }
        if !self.cache.dirty_held.is_empty() {
            let mut update = self.connection.prepare_cached(
                "INSERT INTO held (account, bytes) VALUES (?1, ?2) ON CONFLICT (account) DO UPDATE SET bytes = ?2",
            )?;
            for account in &self.cache.dirty_held {
                let bytes = self.cache.held.get(account).copied().unwrap_or_default();
                update.execute(params![account.as_bytes(), bytes])?;
            }
            self.cache.dirty_held.clear();
        }
        Ok(())
    }

    /// The row of a log; `None` if there is none.
    pub(crate) fn log(&mut self, log: LogId) -> Result<Option<LogHead>, Failure> {
        if let Some(head) = self.cache.logs.get(&log) {
            return Ok(Some(*head));
        }
        let head = LogHead::load(self.connection, log)?;
        if let Some(head) = head {
            self.cache.logs.insert(log, head);
        }
        Ok(head)
    }

    /// Sets the row of a log.
    pub(crate) fn set_log(&mut self, log: LogId, head: LogHead) {
        self.cache.logs.insert(log, head);
        self.cache.touch(log);
    }

    /// Makes the row of a log, if there is none.
    pub(crate) fn begin_log(&mut self, log: LogId) -> Result<LogHead, Failure> {
        if let Some(head) = self.log(log)? {
            return Ok(head);
        }
        let mut insert =
            self.connection.prepare_cached("INSERT INTO logs (id, head, head_entry) VALUES (?1, 0, ?2)")?;
        insert.execute(params![log.as_bytes(), EntryId::nil().as_bytes()])?;
        self.set_log(log, LogHead::EMPTY);
        Ok(LogHead::EMPTY)
    }

    /// The chat as its last change left it.
    ///
    /// # Errors
    /// `gone` if it was deleted, `not_found` if there never was one.
    pub fn chat(&mut self, chat: ChatId) -> Result<Arc<ChatState>, Failure> {
        if let Some(state) = self.cache.chats.get(&chat) {
            return Ok(Arc::clone(state));
        }
        let state = Arc::new(crate::log::current(self.connection, chat)?);
        self.cache.chats.insert(chat, Arc::clone(&state));
        Ok(state)
    }

    /// Sets the chat's state; the log's row has to change with it, so that a rollback throws both out.
    pub(crate) fn set_chat(&mut self, chat: ChatId, state: Option<Arc<ChatState>>) {
        match state {
            Some(state) => self.cache.chats.insert(chat, state),
            None => self.cache.chats.remove(&chat),
        };
        self.cache.touch(chat.into());
    }

    /// Throws the log's row out of the memory, when its rows are gone.
    pub(crate) fn end_log(&mut self, log: LogId) {
        self.cache.logs.remove(&log);
        self.cache.touch(log);
    }

    /// How many bytes of sealed messages are held of the account.
    pub(crate) fn held(&mut self, account: AccountId) -> Result<u64, Failure> {
        if let Some(bytes) = self.cache.held.get(&account) {
            return Ok(*bytes);
        }
        let mut select = self.connection.prepare_cached("SELECT bytes FROM held WHERE account = ?1")?;
        let bytes = select.query_row([account.as_bytes()], |row| row.get(0)).optional()?.unwrap_or(0);
        self.cache.held.insert(account, bytes);
        Ok(bytes)
    }

    /// Sets how many bytes are held of the account.
    pub(crate) fn set_held(&mut self, account: AccountId, bytes: u64) {
        self.cache.held.insert(account, bytes);
        self.cache.dirty_held.insert(account);
        self.cache.touched_held.insert(account);
    }
}

impl Batch<'_> {
    /// What a job outside any savepoint is answered: a refusal as it is; anything else takes the transaction along.
    pub(crate) fn answer_for(&mut self, failure: Failure) -> ErrorBody {
        match failure {
            Failure::Refused(body) => body,
            Failure::Sql(error) => {
                self.broken = Some(error);
                super::try_later()
            }
        }
    }

    pub(crate) fn fail(&mut self, failure: Failure) {
        let _ = self.answer_for(failure);
    }
}
