//! The writer: the one thread that changes the database.
//!
//! It takes what has queued up, runs it in one transaction, commits, and only then answers and hands the effects to
//! the fan-out thread. A transaction that cannot be committed for now is answered `try_later` as a whole; one whose
//! outcome is unknown is answered by nothing, and the process is told to end (DELIVERY rule 7).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parley_protocol::frames::{Ack, MarkScope, Payload, Sender};
use parley_protocol::{ChatId, Code, DeviceId, ErrorBody, MessageId, RelayFrame};
use rusqlite::Connection;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::batch::{Appended, Batch, Cache, Effect};
use super::failure::{Severity, commit_severity, severity};
use crate::limits::Limits;
use crate::live::Live;
use crate::mailbox::Mailbox;

/// Answers one closure, once its transaction is committed or lost.
pub(crate) type Answer = Box<dyn FnOnce(Result<(), ErrorBody>) + Send>;

/// One append of a session.
pub(crate) struct Append {
    pub(crate) session: Arc<Mailbox>,
    pub(crate) from: Sender,
    pub(crate) chat: ChatId,
    pub(crate) id: MessageId,
    pub(crate) payload: Payload,
    /// Refused before it came here (a rate); passes through so that later ones stay behind it.
    pub(crate) refusal: Option<ErrorBody>,
}

/// What the writer is asked for.
pub(crate) enum Job {
    Append(Append),
    /// The session begins at its oldest append of the chat again.
    Resume {
        session: Arc<Mailbox>,
        chat: ChatId,
    },
    Acks {
        device: DeviceId,
        acks: Vec<Ack>,
    },
    Mark {
        session: Arc<Mailbox>,
        chat: ChatId,
        scope: MarkScope,
        mark: String,
    },
    Run(Box<dyn FnOnce(&mut Batch<'_>) -> Answer + Send>),
    Stop,
}

enum Reply {
    Append { session: Arc<Mailbox>, chat: ChatId, id: MessageId, outcome: Result<Appended, ErrorBody> },
    Mark { session: Arc<Mailbox>, chat: ChatId },
    Run(Answer),
}

/// How long acks and the log file may wait for a transaction that comes anyway.
const LAZY: Duration = Duration::from_millis(200);
/// Transactions between two checkpoints while the writer is never idle.
const CHECKPOINT_EVERY: u32 = 256;

struct Writer {
    connection: Connection,
    jobs: mpsc::Receiver<Job>,
    effects: mpsc::Sender<Vec<Effect>>,
    limits: Arc<Limits>,
    cache: Cache,
    acked: Instant,
    unchecked: u32,
    fatal: CancellationToken,
}

/// Starts the writer's thread and the one which fans out what it commits.
pub(super) fn start(
    connection: Connection,
    jobs: mpsc::Receiver<Job>,
    limits: Arc<Limits>,
    live: Arc<Live>,
    alarm: Alarm,
    stopped: CancellationToken,
) -> std::io::Result<()> {
    let (effects, mut committed) = mpsc::channel::<Vec<Effect>>(64);
    let watch = alarm.clone();
    std::thread::Builder::new().name("fan-out".into()).spawn(move || {
        let _watch = watch;
        while let Some(effects) = committed.blocking_recv() {
            live.publish(effects);
        }
    })?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    std::thread::Builder::new().name("writer".into()).spawn(move || {
        let _stopped = stopped.drop_guard();
        let fatal = alarm.fatal.clone();
        let _watch = alarm;
        let cache = Cache::default();
        let mut writer =
            Writer { connection, jobs, effects, limits, cache, acked: Instant::now(), unchecked: 0, fatal };
        while writer.turn(&runtime) {}
    })?;
    Ok(())
}

/// Held by each thread: the process must not go on without one of them.
#[derive(Clone)]
pub(super) struct Alarm {
    pub(super) fatal: CancellationToken,
    pub(super) faulty: Arc<AtomicBool>,
}

impl Drop for Alarm {
    fn drop(&mut self) {
        let thread = std::thread::current();
        if std::thread::panicking() {
            tracing::error!(thread = thread.name(), "a thread of the store failed; the relay has to start again");
            self.faulty.store(true, Ordering::SeqCst);
            self.fatal.cancel();
        }
    }
}

impl Writer {
    /// One transaction; `false` once there is nothing left to do.
    fn turn(&mut self, runtime: &tokio::runtime::Runtime) -> bool {
        let lazy = !self.cache.acks.is_empty() || self.unchecked > 0;
        let first = if lazy {
            runtime.block_on(async { tokio::time::timeout(LAZY, self.jobs.recv()).await })
        } else {
            Ok(self.jobs.blocking_recv())
        };
        let mut jobs = Vec::new();
        match first {
            Ok(Some(job)) => jobs.push(job),
            Ok(None) => return false,
            Err(_) if self.cache.acks.is_empty() => {
                self.checkpoint();
                return !self.fatal.is_cancelled();
            }
            Err(_) => {}
        }
        while jobs.len() < self.limits.writer_batch {
            match self.jobs.try_recv() {
                Ok(job) => jobs.push(job),
                Err(_) => break,
            }
        }
        let stop = jobs.iter().any(|job| matches!(job, Job::Stop));
        let begun = Instant::now();
        #[expect(clippy::cast_precision_loss, reason = "a batch is small")]
        metrics::histogram!("parley_writer_batch").record(jobs.len() as f64);
        let going = self.transact(jobs);
        metrics::histogram!("parley_writer_commit_seconds").record(begun.elapsed().as_secs_f64());
        if self.unchecked >= CHECKPOINT_EVERY {
            self.checkpoint();
        }
        going && !stop && !self.fatal.is_cancelled()
    }

    fn transact(&mut self, jobs: Vec<Job>) -> bool {
        if let Err(error) = self.connection.execute_batch("BEGIN IMMEDIATE") {
            let replies = jobs.into_iter().filter_map(reply_to_unrun).collect();
            return self.lose(&error, severity(&error), replies);
        }
        let mut replies = Vec::with_capacity(jobs.len());
        let mut batch = Batch::new(&self.connection, &mut self.cache, &self.limits);
        for job in jobs {
            if batch.broken.is_some() {
                replies.extend(reply_to_unrun(job));
            } else {
                replies.extend(run(&mut batch, job));
            }
        }
        if batch.broken.is_none() && self.acked.elapsed() >= LAZY {
            self.acked = Instant::now();
            batch.apply_acks();
        }
        if batch.broken.is_none()
            && let Err(failure) = batch.flush()
        {
            batch.fail(failure);
        }
        let (effects, broken) = (std::mem::take(&mut batch.effects), batch.broken.take());
        if let Some(error) = broken {
            let severity = match severity(&error) {
                Severity::Fault => Severity::Wait,
                other => other,
            };
            return self.lose(&error, severity, replies);
        }
        if let Err(error) = self.connection.execute_batch("COMMIT") {
            return self.lose(&error, commit_severity(&error), replies);
        }
        self.unchecked += 1;
        self.cache.shrink();
        for reply in replies {
            reply.committed();
        }
        // Waits while the fan-out is far behind: what it cannot keep up with must not pile up in memory.
        effects.is_empty() || self.effects.blocking_send(effects).is_ok()
    }

    fn lose(&mut self, error: &rusqlite::Error, severity: Severity, replies: Vec<Reply>) -> bool {
        self.cache.forget();
        if severity == Severity::Fatal {
            tracing::error!(
                %error,
                "what is on the disk is unknown after a failed write: the relay stops without answering, and has to \
                 be started again"
            );
            self.fatal.cancel();
            return false;
        }
        if !self.connection.is_autocommit()
            && let Err(error) = self.connection.execute_batch("ROLLBACK")
        {
            tracing::error!(%error, "a transaction could not be rolled back: the relay has to be started again");
            self.fatal.cancel();
            return false;
        }
        metrics::counter!("parley_rollbacks_total").increment(1);
        tracing::warn!(%error, jobs = replies.len(), "a transaction was rolled back; its senders were told to try later");
        for reply in replies {
            reply.lost();
        }
        true
    }

    /// Moves what is committed from the log file to the database file. A failure for now does no harm, since the
    /// log file keeps everything.
    fn checkpoint(&mut self) {
        self.unchecked = 0;
        let result = self.connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
        if let Err(error) = result {
            tracing::warn!(%error, "the database's log file could not be moved into it for now");
            if severity(&error) == Severity::Fatal {
                self.fatal.cancel();
            }
        }
    }
}

fn run(batch: &mut Batch<'_>, job: Job) -> Option<Reply> {
    match job {
        Job::Append(Append { session, from, chat, id, payload, refusal }) => {
            if session.discards() {
                return None;
            }
            let outcome = match refusal {
                _ if session.refuses(chat) => Err(ErrorBody::new(
                    Code::ResumeFirst,
                    "an earlier message of this chat was refused; say `resume` and begin with the oldest again",
                )),
                Some(refusal) => Err(refusal),
                None => batch.append(from, chat, id, payload).map_err(|failure| batch.answer_for(failure)),
            };
            if outcome.as_ref().is_err_and(ErrorBody::is_for_now) {
                session.refuse(chat);
            }
            Some(Reply::Append { session, chat, id, outcome })
        }
        Job::Resume { session, chat } => {
            session.resume(chat);
            None
        }
        Job::Acks { device, acks } => {
            for ack in acks {
                let known = batch.cache.acks.entry((ack.log, device)).or_default();
                *known = ack.seq.max(*known);
            }
            None
        }
        Job::Mark { session, chat, scope, mark } => {
            // A newer session may have set a newer one already.
            if session.discards() {
                return None;
            }
            // Nobody waits for it; a mark of somebody who has just been removed goes nowhere.
            if let Err(error) = batch.in_savepoint(|batch| batch.set_mark(session.who, chat, scope, &mark)) {
                tracing::debug!(%error, "a mark was not taken");
            }
            Some(Reply::Mark { session, chat })
        }
        Job::Run(run) => Some(Reply::Run(run(batch))),
        Job::Stop => None,
    }
}

fn reply_to_unrun(job: Job) -> Option<Reply> {
    match job {
        Job::Append(Append { session, chat, id, .. }) => {
            Some(Reply::Append { session, chat, id, outcome: Err(super::try_later()) })
        }
        Job::Mark { session, chat, .. } => Some(Reply::Mark { session, chat }),
        // The caller hears of it because its channel is dropped.
        Job::Run(_) | Job::Resume { .. } | Job::Acks { .. } | Job::Stop => None,
    }
}

impl Reply {
    fn committed(self) {
        match self {
            Self::Run(answer) => answer(Ok(())),
            Self::Mark { .. } => {}
            Self::Append { session, chat, id, outcome } => {
                let frame = match outcome {
                    Ok(Appended { seq, entry }) => {
                        metrics::counter!("parley_appends_total").increment(1);
                        RelayFrame::Accepted { chat, id, seq, entry }
                    }
                    Err(error) => {
                        metrics::counter!("parley_refusals_total", "code" => error.code.as_str()).increment(1);
                        RelayFrame::Refused { chat, id, error }
                    }
                };
                session.answer(frame.encode().into());
            }
        }
    }

    fn lost(self) {
        match self {
            Self::Run(answer) => answer(Err(super::try_later())),
            Self::Mark { session, chat } => {
                session.answer(RelayFrame::MarkRefused { chat, error: super::try_later() }.encode().into());
            }
            Self::Append { session, chat, id, .. } => {
                session.refuse(chat);
                session.answer(RelayFrame::Refused { chat, id, error: super::try_later() }.encode().into());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{group, person, relay};

    #[tokio::test]
    async fn what_a_replaced_session_has_queued_is_thrown_away() {
        let folder = tempfile::tempdir().unwrap();
        let relay = relay(folder.path(), Limits::default());
        let alice = person(&relay, "alice").await;
        let chat = group(&relay, alice, &[]).await;
        let (old, new) = (Mailbox::new(alice, &relay.limits), Mailbox::new(alice, &relay.limits));
        relay.live.sessions.begin(&old);
        relay.live.sessions.begin(&new);
        let mark = |session: &Arc<Mailbox>, mark: &str| Job::Mark {
            session: Arc::clone(session),
            chat,
            scope: MarkScope::Chat,
            mark: mark.to_owned(),
        };
        let append = |session: &Arc<Mailbox>, text: &str| {
            let (session, payload) = (Arc::clone(session), Payload::Sealed(text.to_owned()));
            Job::Append(Append { session, from: alice, chat, id: MessageId::new(), payload, refusal: None })
        };
        for job in [mark(&new, "newer"), mark(&old, "older"), append(&old, "older"), append(&new, "newer")] {
            relay.store().submit(job).await.unwrap();
        }
        // Answered after all that came before.
        relay.store().write(|_| Ok(())).await.unwrap();
        let read = relay.store().read(move |sql| {
            let mark: String = sql.query_row("SELECT mark FROM marks", [], |row| row.get(0))?;
            let frame: String = sql.query_row("SELECT frame FROM entries WHERE kind = 1", [], |row| row.get(0))?;
            Ok((mark, frame))
        });
        let (mark, frame) = read.await.unwrap();
        assert_eq!(mark, "newer");
        assert!(frame.contains("newer"), "{frame}");
        assert_eq!(old.load().frames, 0, "nor is it answered");
    }
}
