//! The messages of an open chat, with edits, deletes and reactions folded in.

use std::collections::HashMap;

use parley_protocol::frames::{Content, Payload, Sender};
use parley_protocol::http::{History, HistoryMessage, PostMessage, Posted, Reaction};
use parley_protocol::{AccountId, Body, ChatId, Code, ErrorBody, MessageId, Millis, RelayFrame};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::no_chat;
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
    relay.store().read(move |sql| read(sql, by.account, chat, stretch)).await
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

fn read(sql: &Connection, account: AccountId, chat: ChatId, stretch: Stretch) -> Result<History, Failure> {
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
    let head = LogHead::load(sql, chat.into())?.map_or(0, |log| log.head);
    Ok(History { messages, head })
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
        let of = reactions.entry(row.get(0)?).or_default();
        match of.iter_mut().find(|reaction| reaction.emoji == emoji) {
            Some(reaction) => reaction.accounts.push(account),
            None => of.push(Reaction { emoji, accounts: vec![account] }),
        }
    }
    for message in messages {
        message.reactions = reactions.remove(&message.seq).unwrap_or_default();
    }
    Ok(())
}
