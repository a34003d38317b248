//! Gaps: what is held until the missing comes, what is given up after a while, and the line that says so (DELIVERY rules 5 and 16).

use std::time::{Duration, Instant};

use parley_protocol::{AccountId, ChatId, DeviceId, MessageKey, SealedMessage, payload};
use rusqlite::Connection;

use super::inbox::digest;
use super::{Core, Effects};
use crate::store::messages::{self, RETENTION};
use crate::store::streams::{self, Stream};
use crate::store::{Sql, chats};
use crate::stream::{self, Verdict};

/// How long a gap is waited for before what is beyond it is shown.
pub(crate) const GAP_PATIENCE: Duration = Duration::from_secs(5);

impl Core {
    /// Shows what was held and is next now, as far as it goes.
    pub(super) fn release_held(
        &mut self,
        tx: &Connection,
        chat: ChatId,
        device: DeviceId,
        out: &mut Effects,
    ) -> Sql<()> {
        if !self.gaps.contains_key(&(chat, device)) {
            return Ok(());
        }
        loop {
            let mut progressed = false;
            let waiting = streams::held_runs(tx, chat, device)?;
            if waiting.is_empty() {
                self.gaps.remove(&(chat, device));
                return Ok(());
            }
            for (run_id, n) in waiting {
                let mut run = streams::get(tx, chat, device, run_id)?;
                let ready = match run.after {
                    Some(before) => streams::get(tx, chat, device, before)?.is_passed(),
                    None => true,
                };
                let verdict = stream::judge(&run.held, ready, n);
                if verdict == Verdict::Hold {
                    continue;
                }
                progressed = true;
                let Some(held) = streams::unhold(tx, chat, device, run_id, n)? else {
                    continue;
                };
                let (true, Ok(message)) = (verdict != Verdict::Duplicate, payload::open(&held.payload)) else {
                    continue;
                };
                stream::take(&mut run.held, n);
                streams::put(tx, chat, device, &run)?;
                let key = MessageKey { device, id: message.id };
                messages::take(tx, chat, key, digest(&held.payload))?;
                self.show_sealed(tx, chat, held.account, &message, &run, held.route, out)?;
            }
            if !progressed {
                return Ok(());
            }
            self.gaps.insert((chat, device), Instant::now());
        }
    }

    /// Gaps which were waited for long enough are passed and listed as missing; what is beyond them is shown. While a log
    /// is still being read, what is missing may be in it.
    pub(crate) fn give_up_gaps(&mut self, tx: &Connection, now: Instant, out: &mut Effects) -> Sql<()> {
        let due: Vec<(ChatId, DeviceId)> =
            self.gaps.iter().filter(|(_, since)| now >= **since + GAP_PATIENCE).map(|(key, _)| *key).collect();
        for (chat, device) in due {
            if self.is_catching_up(tx, chat)? {
                self.gaps.insert((chat, device), now);
                continue;
            }
            let Some((run_id, n)) = self.first_gap(tx, chat, device)? else {
                self.gaps.remove(&(chat, device));
                continue;
            };
            let mut run = streams::get(tx, chat, device, run_id)?;
            let lost = n.saturating_sub(run.held.upto);
            stream::give_up(&mut run.held, n);
            streams::put(tx, chat, device, &run)?;
            tracing::warn!(%chat, %device, run = %run_id, upto = n, "messages are missing and are passed over");
            self.show_gap(tx, chat, device, Some((run_id, n)), Some(lost), "lost", out)?;
            self.release_held(tx, chat, device, out)?;
            if self.gaps.contains_key(&(chat, device)) {
                // There is another gap behind this one; it has been waited for as long.
                self.gaps.insert((chat, device), now.checked_sub(GAP_PATIENCE).unwrap_or(now));
            }
            out.marks.insert(chat);
        }
        Ok(())
    }

    /// The oldest gap of a device: the run, and the number up to which it has to be given up so that something can be shown.
    fn first_gap(&self, tx: &Connection, chat: ChatId, device: DeviceId) -> Sql<Option<(parley_protocol::RunId, u64)>> {
        let held = streams::held_runs(tx, chat, device)?;
        for (run_id, n) in &held {
            let run = streams::get(tx, chat, device, *run_id)?;
            match run.after {
                Some(before) => {
                    let before = streams::get(tx, chat, device, before)?;
                    let end = before.ends_at.unwrap_or(before.held.upto);
                    // Only the run before is missing something; unless that one has messages waiting itself.
                    if *n == 1 && !before.is_passed() && !held.iter().any(|(other, _)| *other == before.run) {
                        return Ok(Some((before.run, end)));
                    }
                    if before.is_passed() && *n > run.held.upto + 1 {
                        return Ok(Some((*run_id, n - 1)));
                    }
                }
                None if *n > run.held.upto + 1 => return Ok(Some((*run_id, n - 1))),
                None => {}
            }
        }
        // Runs which wait for each other in a circle (a forged chain), or beyond a run whose first message is missing.
        for (run_id, n) in &held {
            let run = streams::get(tx, chat, device, *run_id)?;
            if let Some(before) = run.after {
                let before = streams::get(tx, chat, device, before)?;
                if !before.is_passed() {
                    return Ok(Some((before.run, before.ends_at.unwrap_or(before.held.upto))));
                }
            }
            if *n > run.held.upto + 1 {
                return Ok(Some((*run_id, n - 1)));
            }
        }
        Ok(None)
    }

    /// Writes a line that says something is missing, at the end of what is there. `upto` is the last of what was given
    /// up, by which the line goes again if that comes after all.
    #[expect(clippy::too_many_arguments, reason = "each is a different thing about the gap")]
    pub(crate) fn show_gap(
        &mut self,
        tx: &Connection,
        chat_id: ChatId,
        device: DeviceId,
        upto: Option<(parley_protocol::RunId, u64)>,
        count: Option<u64>,
        why: &str,
        out: &mut Effects,
    ) -> Sql<()> {
        let Some(chat) = chats::get(tx, chat_id)? else {
            return Ok(());
        };
        let sort =
            if chat.state.sealed { messages::sort_of(chat.clock) } else { (crate::store::int(chat.cursor.seq), 1) };
        let text = crate::store::to_json(&(count, why));
        let key = MessageKey { device, id: parley_protocol::MessageId::new() };
        self.write_line(tx, chat_id, key, AccountId::nil(), "gap", sort, upto, text, out)
    }

    /// A run that began under a membership which this device never saw. In a log that was whole, it began before this device
    /// came and is no business of its own; in one that lost a stretch to the retention, something is missing. Said once.
    pub(super) fn miss_run(
        &mut self,
        tx: &Connection,
        chat: ChatId,
        message: &SealedMessage,
        out: &mut Effects,
    ) -> Sql<()> {
        let run = streams::get(tx, chat, message.device, message.run)?;
        if run.membership.is_some() || !messages::has_lost_a_stretch(tx, chat)? {
            return Ok(());
        }
        streams::put(tx, chat, message.device, &Stream { membership: Some(message.membership), ..run })?;
        self.show_gap(tx, chat, message.device, None, None, RETENTION, out)
    }
}
