//! The messages of an open chat, with edits, deletes and reactions folded in.

use std::collections::HashMap;

use parley_protocol::frames::{Content, Payload, Sender};
use parley_protocol::http::{History, HistoryMessage, PostMessage, Posted, Reaction};
use parley_protocol::{AccountId, Body, ChatId, Code, ErrorBody, MessageId, Millis, RelayFrame};
use rusqlite::{Connection, OptionalExtension, Row, params};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::{fold, no_chat};
use crate::log::kind;
use crate::relay::Relay;
use crate::store::{Failure, LogHead, id};

/// Messages of one page.
const PAGE: usize = 200;

/// Which stretch of the messages.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stretch {
    /// Those before this `seq`, the newest of them.
    pub before: Option<u64>,
    /// Those after this `seq`, the oldest of them; counts if both are given.
    pub after: Option<u64>,
    /// At most this many, at most 200.
    pub limit: Option<usize>,
}

/// One page of messages, ascending; the newest if neither end is given. Public channels can be read by anybody.
///
/// # Errors
/// `not_found`; `bad_request` for a sealed chat, whose history lies with its members.
pub async fn history(relay: &Relay, by: Sender, chat: ChatId, stretch: Stretch) -> Result<History, ErrorBody> {
    // The newest messages of a chat that somebody follows are in memory.
    let newest = stretch.before.is_none() && stretch.after.is_none();
    let tail = if newest { relay.live.feeds.tail(chat.into()) } else { Vec::new() };
    relay.store().read(move |sql| read(sql, by.account, chat, stretch, &tail)).await
}

/// Appends a message to an open chat.
///
/// # Errors
/// As for an append by a session.
pub async fn post(relay: &Relay, by: Sender, chat: ChatId, form: PostMessage) -> Result<Posted, ErrorBody> {
    #[expect(clippy::unwrap_or_default, reason = "the default is the nil id")]
    let id = form.id.unwrap_or_else(MessageId::new);
    let posted = relay.store().write(move |batch| batch.append(by, chat, id, form.payload)).await?;
    Ok(Posted { id, seq: posted.seq })
}

fn read(
    sql: &Connection,
    account: AccountId,
    chat: ChatId,
    stretch: Stretch,
    tail: &[(u64, Utf8Bytes)],
) -> Result<History, Failure> {
    let mut select = sql.prepare_cached(
        "SELECT sealed, kind = 'public_channel' OR EXISTS \
         (SELECT 1 FROM members WHERE chat = ?1 AND account = ?2 AND left_at IS NULL) FROM chats WHERE id = ?1",
    )?;
    let found: Option<(bool, bool)> = select
        .query_row(params![chat.as_bytes(), account.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    match found {
        Some((false, true)) => {}
        Some((true, true)) => {
            let message = "this chat is sealed: its history lies on its members' devices";
            return Err(Failure::refused(Code::BadRequest, message));
        }
        _ => return Err(no_chat()),
    }
    let limit = stretch.limit.unwrap_or(50).clamp(1, PAGE);
    let head = LogHead::load(sql, chat.into())?.unwrap_or(LogHead::EMPTY);
    if let Some(mut messages) = fold::newest(tail, &head, limit) {
        name(sql, &mut messages)?;
        return Ok(History { messages, head: head.head });
    }
    let (bound, up) = match (stretch.after, stretch.before) {
        (Some(after), _) => (after, true),
        (None, Some(before)) => (before, false),
        (None, None) => (i64::MAX.unsigned_abs(), false),
    };
    let mut messages = page(sql, chat, bound.min(i64::MAX.unsigned_abs()), up, limit)?;
    if !up {
        messages.reverse();
    }
    react(sql, chat, &mut messages)?;
    Ok(History { messages, head: head.head })
}

/// Puts the names of the senders in.
fn name(sql: &Connection, messages: &mut [HistoryMessage]) -> Result<(), Failure> {
    let mut names: HashMap<AccountId, String> = HashMap::new();
    let mut select = sql.prepare_cached("SELECT username FROM accounts WHERE id = ?1")?;
    for message in messages {
        let account = message.from.account;
        message.username = match names.get(&account) {
            Some(known) => known.clone(),
            None => {
                let found: Option<String> = select.query_row([account.as_bytes()], |row| row.get(0)).optional()?;
                names.entry(account).or_insert(found.unwrap_or_default()).clone()
            }
        };
    }
    Ok(())
}

fn page(sql: &Connection, chat: ChatId, bound: u64, up: bool, limit: usize) -> Result<Vec<HistoryMessage>, Failure> {
    const COLUMNS: &str = "SELECT e.frame, COALESCE(a.username, ''), o.text, o.mentions, o.edited_at, o.deleted \
         FROM entries e LEFT JOIN accounts a ON a.id = e.account \
         LEFT JOIN overlays o ON o.chat = e.log AND o.seq = e.seq WHERE e.log = ?1 AND e.kind = ?4";
    let order = if up { "AND e.seq > ?2 ORDER BY e.seq" } else { "AND e.seq < ?2 ORDER BY e.seq DESC" };
    let mut select = sql.prepare_cached(&format!("{COLUMNS} {order} LIMIT ?3"))?;
    let rows = select.query_map(params![chat.as_bytes(), bound, limit, kind::MESSAGE], message)?;
    Ok(rows.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}

fn message(row: &Row<'_>) -> rusqlite::Result<Option<HistoryMessage>> {
    let frame: RelayFrame = serde_json::from_str(row.get_ref(0)?.as_str()?)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, error.into()))?;
    let RelayFrame::Entry(entry) = frame else {
        return Ok(None);
    };
    let (text, reply_to, mentions) = match entry.content {
        Content::Payload(Payload::Open(Body::Text { text, reply_to, mentions })) => (text, reply_to, mentions),
        _ => (String::new(), None, Vec::new()),
    };
    let mut message = HistoryMessage {
        seq: entry.seq,
        id: MessageId(entry.id),
        from: entry.from,
        username: row.get(1)?,
        at: entry.at,
        text,
        reply_to,
        mentions,
        edited_at: None,
        deleted: false,
        reactions: Vec::new(),
    };
    if let Some(text) = row.get::<_, Option<String>>(2)? {
        message.text = text;
        message.mentions = serde_json::from_str(row.get_ref(3)?.as_str()?).unwrap_or_default();
        message.deleted = row.get(5)?;
        message.edited_at = row.get::<_, Option<Millis>>(4)?.filter(|_| !message.deleted);
        if message.deleted {
            message.reply_to = None;
        }
    }
    Ok(Some(message))
}

fn react(sql: &Connection, chat: ChatId, messages: &mut [HistoryMessage]) -> Result<(), Failure> {
    let (Some(first), Some(last)) = (messages.first(), messages.last()) else {
        return Ok(());
    };
    let mut select = sql.prepare_cached(
        "SELECT seq, emoji, account FROM reactions WHERE chat = ?1 AND seq BETWEEN ?2 AND ?3 ORDER BY since",
    )?;
    let mut rows = select.query(params![chat.as_bytes(), first.seq, last.seq])?;
    let mut reactions: HashMap<u64, Vec<Reaction>> = HashMap::new();
    while let Some(row) = rows.next()? {
        let (emoji, account): (String, AccountId) = (row.get(1)?, id(row, 2)?);
        fold::add(reactions.entry(row.get(0)?).or_default(), emoji, account);
    }
    for message in messages {
        message.reactions = reactions.remove(&message.seq).unwrap_or_default();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use parley_protocol::{DeviceId, MessageKey};
    use rand::rngs::StdRng;
    use rand::seq::IndexedRandom as _;
    use rand::{Rng as _, SeedableRng as _};

    use super::*;
    use crate::chats;
    use crate::feeds::LogKind;
    use crate::limits::Limits;
    use crate::mailbox::Mailbox;
    use crate::testing::{open_group, person, relay};

    /// Something that one of them may say or change.
    fn anything(random: &mut StdRng, known: &[(MessageKey, usize)], by: usize) -> Body {
        let text = format!("text {}", random.random_range(0..1_000));
        let Some((target, author)) = known.choose(random).copied() else {
            return Body::Text { text, reply_to: None, mentions: vec![] };
        };
        match random.random_range(0..10) {
            0..=4 => Body::Text { text, reply_to: Some(target), mentions: vec![AccountId::new()] },
            5..=6 if author == by => Body::Edit { target, text, mentions: vec![AccountId::new()] },
            7 if author == by => Body::Delete { target },
            _ => {
                let emoji = ["👍", "🎉", "🫖"].choose(random).copied().unwrap_or_default().to_owned();
                Body::React { target, emoji, on: random.random_bool(0.6) }
            }
        }
    }

    #[tokio::test]
    async fn the_newest_page_is_the_same_out_of_memory_and_out_of_the_database() {
        let seed: u64 = rand::random();
        println!("seed {seed}");
        let mut random = StdRng::seed_from_u64(seed);
        let folder = tempfile::tempdir().unwrap();
        let relay = relay(folder.path(), Limits::default());
        let people = [person(&relay, "alice").await, person(&relay, "bob").await];
        let chat = open_group(&relay, people[0], &["bob"]).await;
        let watcher = Sender { account: people[0].account, device: DeviceId::new() };
        let watcher = Mailbox::new(watcher, &relay.limits);
        let (_feed, _follower) =
            relay.live.feeds.follow(chat.into(), LogKind::Chat(parley_protocol::ChatKind::Group), &watcher);
        let mut known: Vec<(MessageKey, usize)> = Vec::new();
        let (mut out_of_memory, mut out_of_database) = (0, 0);
        for round in 0..1_000 {
            if round >= 200 && out_of_database > 0 {
                break;
            }
            let said = random.random_range(1..8);
            let mut last = 0;
            for _ in 0..said {
                let by = random.random_range(0..2);
                let body = match known.last() {
                    // Reactions alone push the messages out of memory, whatever the dice had said until then.
                    Some((target, _)) if round >= 200 => {
                        Body::React { target: *target, emoji: "👍".to_owned(), on: random.random_bool(0.5) }
                    }
                    _ => anything(&mut random, &known[known.len().saturating_sub(30)..], by),
                };
                let form = PostMessage { id: None, payload: Payload::Open(body.clone()) };
                let posted = post(&relay, people[by], chat, form).await.unwrap();
                last = posted.seq;
                if body.target().is_none() {
                    known.push((MessageKey { device: people[by].device, id: posted.id }, by));
                }
            }
            // The fan-out comes after the answer.
            let handed_on = async {
                while relay.live.feeds.tail(chat.into()).last().is_none_or(|(seq, _)| *seq < last) {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            };
            tokio::time::timeout(Duration::from_secs(20), handed_on).await.unwrap();
            let limit = random.random_range(1..=50);
            let tail = relay.live.feeds.tail(chat.into());
            let head = relay.store().read(move |sql| Ok(LogHead::load(sql, chat.into())?.unwrap_or(LogHead::EMPTY)));
            match fold::newest(&tail, &head.await.unwrap(), limit) {
                Some(_) => out_of_memory += 1,
                None => out_of_database += 1,
            }
            let newest = Stretch { limit: Some(limit), ..Stretch::default() };
            let stored = Stretch { before: Some(u64::MAX), ..newest };
            let newest = chats::history(&relay, people[1], chat, newest).await.unwrap();
            let stored = chats::history(&relay, people[1], chat, stored).await.unwrap();
            assert_eq!((newest.messages, newest.head), (stored.messages, stored.head));
        }
        assert!(out_of_memory > 50 && out_of_database > 0, "{out_of_memory} and {out_of_database}");
        let stranger = person(&relay, "mallory").await;
        let refused = chats::history(&relay, stranger, chat, Stretch::default()).await;
        assert_eq!(refused.unwrap_err().code, Code::NotFound, "memory is for members, too");
    }
}
