//! Reading a conversation: pages, search, unread counts. Nothing here writes.

use std::collections::HashMap;

use parley_protocol::{AccountId, ChatId, ChatKind, DeviceId, MessageId, MessageKey, RunId};
use rusqlite::{Connection, OptionalExtension as _, Params, Row, params};

use super::chats::ChatRow;
use super::deliveries::Deliveries;
use super::{Sql, chats, count, id, id_or_none, int, json, messages, settings};
use crate::views::{Delivery, Hit, MessageKind, MessageView, Page, Position, Quote, ReactionView};

/// The most lines that one page has.
pub(crate) const MAX_PAGE: usize = 500;
/// Lines before the first unread one, or the first one of a date, that come with it.
const LEAD: usize = 20;

const COLUMNS: &str =
    "m.rowid, m.chat, m.device, m.id, m.account, m.kind, m.sort_a, m.sort_b, m.run, m.n, m.seq, m.sent_at,
    m.received_at, m.text, m.reply_device, m.reply_id, m.mentions, m.edited_at, m.deleted, m.route";

/// Left to itself, SQLite walks the whole conversation in its order until the first unread line comes, so as not to sort the few there are.
const FIRST_UNREAD: &str = "SELECT sort_a, sort_b, device, rowid FROM messages INDEXED BY messages_unread
    WHERE chat = ?1 AND unread = 1 ORDER BY sort_a, sort_b, device, rowid LIMIT 1";

/// A line as it is stored.
struct Stored {
    view: MessageView,
    number: Option<(RunId, u64)>,
    seq: Option<u64>,
}

fn read(row: &Row<'_>) -> Sql<Stored> {
    let (device, message): (DeviceId, MessageId) = (id(row, 2)?, id(row, 3)?);
    let key = MessageKey { device, id: message };
    let kind: String = row.get(5)?;
    let text: String = row.get(13)?;
    let route: String = row.get(19)?;
    let run: Option<RunId> = id_or_none(row, 8)?;
    let n: Option<i64> = row.get(9)?;
    let reply_device: Option<DeviceId> = id_or_none(row, 14)?;
    let reply_id: Option<MessageId> = id_or_none(row, 15)?;
    let (kind, text) = match kind.as_str() {
        "change" => {
            let (what, subject) = serde_json::from_str(&text).unwrap_or_default();
            (MessageKind::Change { what, subject }, String::new())
        }
        "gap" => {
            let (count, why) = serde_json::from_str(&text).unwrap_or_default();
            (MessageKind::Gap { count, why }, String::new())
        }
        _ => (MessageKind::Text, text),
    };
    let view = MessageView {
        chat: id(row, 1)?,
        key,
        position: Position(row.get(6)?, row.get(7)?, device, row.get(0)?),
        account: id(row, 4)?,
        username: String::new(),
        own: false,
        kind,
        text,
        reply_to: reply_device.zip(reply_id).map(|(device, id)| Quote {
            key: MessageKey { device, id },
            username: String::new(),
            text: String::new(),
        }),
        mentions: json(row, 16)?,
        sent_at: count(row, 11)?,
        received_at: count(row, 12)?,
        edited_at: row.get::<_, Option<i64>>(17)?.map(i64::cast_unsigned),
        deleted: row.get(18)?,
        reactions: Vec::new(),
        delivery: Delivery::Received,
        route: messages::route_from(&route),
    };
    Ok(Stored {
        view,
        number: run.zip(n.map(i64::cast_unsigned)),
        seq: row.get::<_, Option<i64>>(10)?.map(i64::cast_unsigned),
    })
}

fn select(db: &Connection, rest: &str, params: impl Params) -> Sql<Vec<Stored>> {
    db.prepare_cached(&format!("SELECT {COLUMNS} FROM messages m {rest}"))?.query_map(params, read)?.collect()
}

/// A page of a conversation, in order.
pub(crate) fn page(db: &Connection, me: AccountId, chat: ChatId, page: Page, limit: usize) -> Sql<Vec<MessageView>> {
    let mut stored = match page {
        Page::Newest => newest(db, chat, limit)?,
        Page::Before { position } => before(db, chat, position, limit)?,
        Page::After { position } => after(db, chat, position, limit)?,
        Page::Around(key) => match position_of(db, chat, key)? {
            Some(at) => around(db, chat, at, limit / 2, limit - limit / 2)?,
            None => newest(db, chat, limit)?,
        },
        Page::At { time } => match first_at(db, chat, time)? {
            Some(at) => around(db, chat, at, LEAD.min(limit / 2), limit)?,
            None => newest(db, chat, limit)?,
        },
        Page::Unread => match first_unread(db, chat)? {
            Some(at) => around(db, chat, at, LEAD.min(limit / 2), limit)?,
            None => newest(db, chat, limit)?,
        },
    };
    stored.truncate(MAX_PAGE);
    complete(db, me, chat, stored)
}

fn newest(db: &Connection, chat: ChatId, limit: usize) -> Sql<Vec<Stored>> {
    let end = Position(i64::MAX, i64::MAX, DeviceId(uuid::Uuid::max()), i64::MAX);
    before(db, chat, end, limit)
}

fn before(db: &Connection, chat: ChatId, at: Position, limit: usize) -> Sql<Vec<Stored>> {
    let mut lines = select(
        db,
        "WHERE m.chat = ?1 AND (m.sort_a, m.sort_b, m.device, m.rowid) < (?2, ?3, ?4, ?5) AND m.kind <> 'hidden'
         ORDER BY m.sort_a DESC, m.sort_b DESC, m.device DESC, m.rowid DESC LIMIT ?6",
        params![chat.as_bytes(), at.0, at.1, at.2.as_bytes(), at.3, int(limit as u64)],
    )?;
    lines.reverse();
    Ok(lines)
}

fn after(db: &Connection, chat: ChatId, at: Position, limit: usize) -> Sql<Vec<Stored>> {
    select(
        db,
        "WHERE m.chat = ?1 AND (m.sort_a, m.sort_b, m.device, m.rowid) > (?2, ?3, ?4, ?5) AND m.kind <> 'hidden'
         ORDER BY m.sort_a, m.sort_b, m.device, m.rowid LIMIT ?6",
        params![chat.as_bytes(), at.0, at.1, at.2.as_bytes(), at.3, super::int(limit as u64)],
    )
}

fn around(db: &Connection, chat: ChatId, at: Position, lead: usize, rest: usize) -> Sql<Vec<Stored>> {
    let mut lines = before(db, chat, at, lead)?;
    // The one asked for is just after the place before it.
    lines.extend(after(db, chat, Position(at.0, at.1, at.2, at.3 - 1), rest)?);
    Ok(lines)
}

fn position_of(db: &Connection, chat: ChatId, key: MessageKey) -> Sql<Option<Position>> {
    let place = messages::place(db, chat, key)?;
    Ok(place.map(|(a, b, rowid)| Position(a, b, key.device, rowid)))
}

/// The first line of a conversation, in its order, which was sent at or after a time.
fn first_at(db: &Connection, chat: ChatId, time: u64) -> Sql<Option<Position>> {
    // A hybrid clock is never behind the wall clock of its sender, so in sealed chats whatever stands before that clock was sent
    // before that time. In open chats the order is that of the relay's log, which says nothing of time.
    let sealed = chats::get(db, chat)?.is_some_and(|chat| chat.state.sealed);
    let from = if sealed { super::int(time) } else { i64::MIN };
    db.prepare_cached(
        "SELECT sort_a, sort_b, device, rowid FROM messages WHERE chat = ?1 AND sort_a >= ?2 AND sent_at >= ?3
         ORDER BY sort_a, sort_b, device, rowid LIMIT 1",
    )?
    .query_row(params![chat.as_bytes(), from, super::int(time)], place)
    .optional()
}

/// Open chats: the `seq` of the first line of the log that is here, and when it was sent.
pub(crate) fn oldest(db: &Connection, chat: ChatId) -> Sql<Option<(u64, u64)>> {
    db.prepare_cached(
        "SELECT seq, sent_at FROM messages WHERE chat = ?1 AND seq IS NOT NULL
         ORDER BY sort_a, sort_b, device, rowid LIMIT 1",
    )?
    .query_row([chat.as_bytes()], |row| Ok((count(row, 0)?, count(row, 1)?)))
    .optional()
}

fn place(row: &Row<'_>) -> Sql<Position> {
    Ok(Position(row.get(0)?, row.get(1)?, id(row, 2)?, row.get(3)?))
}

fn first_unread(db: &Connection, chat: ChatId) -> Sql<Option<Position>> {
    db.prepare_cached(FIRST_UNREAD)?.query_row([chat.as_bytes()], place).optional()
}

/// One message.
pub(crate) fn one(db: &Connection, me: AccountId, chat: ChatId, key: MessageKey) -> Sql<Option<MessageView>> {
    let stored = select(
        db,
        "WHERE m.chat = ?1 AND m.device = ?2 AND m.id = ?3 AND m.kind <> 'hidden'",
        params![chat.as_bytes(), key.device.as_bytes(), key.id.as_bytes()],
    )?;
    Ok(complete(db, me, chat, stored)?.pop())
}

/// The newest message of a chat, for the list.
pub(crate) fn last(db: &Connection, me: AccountId, chat: ChatId) -> Sql<Option<MessageView>> {
    let stored = newest(db, chat, 1)?;
    Ok(complete(db, me, chat, stored)?.pop())
}

/// Fills in names, quotes, reactions and delivery.
fn complete(db: &Connection, me: AccountId, chat: ChatId, stored: Vec<Stored>) -> Sql<Vec<MessageView>> {
    let mut names: HashMap<AccountId, String> = HashMap::new();
    let mut name = |account: AccountId| -> Sql<String> {
        if let Some(name) = names.get(&account) {
            return Ok(name.clone());
        }
        let found = settings::username(db, account)?;
        names.insert(account, found.clone());
        Ok(found)
    };
    let any_own = stored.iter().any(|line| line.view.account == me && line.view.kind == MessageKind::Text);
    let mut delivery = if any_own { Deliveries::load(db, me, chat)? } else { None };
    let mut views = Vec::with_capacity(stored.len());
    for Stored { mut view, number, seq } in stored {
        view.own = view.account == me && view.kind == MessageKind::Text;
        view.username = name(view.account)?;
        if let Some(quote) = &mut view.reply_to {
            let found: Option<(AccountId, String)> = db
                .prepare_cached(
                    "SELECT account, text FROM messages
                     WHERE chat = ?1 AND device = ?2 AND id = ?3 AND kind <> 'hidden'",
                )?
                .query_row(params![chat.as_bytes(), quote.key.device.as_bytes(), quote.key.id.as_bytes()], |row| {
                    Ok((id(row, 0)?, row.get(1)?))
                })
                .optional()?;
            if let Some((account, text)) = found {
                quote.username = name(account)?;
                quote.text = text;
            }
        }
        if view.kind == MessageKind::Text && !view.deleted {
            view.reactions = reactions(db, me, chat, view.key)?;
        }
        if view.own {
            view.delivery = match &mut delivery {
                Some(deliveries) => deliveries.of(db, view.key, number, seq)?,
                None => Delivery::Sent,
            };
        }
        views.push(view);
    }
    Ok(views)
}

fn reactions(db: &Connection, me: AccountId, chat: ChatId, key: MessageKey) -> Sql<Vec<ReactionView>> {
    let mut found = db.prepare_cached(
        "SELECT emoji, account FROM reactions
         WHERE chat = ?1 AND target_device = ?2 AND target_id = ?3 AND added = 1
         ORDER BY clock_ms, clock_counter, device",
    )?;
    let mut rows = found.query(params![chat.as_bytes(), key.device.as_bytes(), key.id.as_bytes()])?;
    let mut views: Vec<ReactionView> = Vec::new();
    while let Some(row) = rows.next()? {
        let (emoji, account): (String, AccountId) = (row.get(0)?, id(row, 1)?);
        let own = account == me;
        match views.iter_mut().find(|view| view.emoji == emoji) {
            Some(view) => {
                view.accounts.push(account);
                view.own |= own;
            }
            None => views.push(ReactionView { emoji, accounts: vec![account], own }),
        }
    }
    Ok(views)
}

/// Messages of others beyond the read mark, and those of them that mention this account.
pub(crate) fn unread(db: &Connection, chat: ChatId) -> Sql<(u64, u64)> {
    db.prepare_cached("SELECT count(*), coalesce(sum(mentions_me), 0) FROM messages WHERE chat = ?1 AND unread = 1")?
        .query_row([chat.as_bytes()], |row| Ok((count(row, 0)?, count(row, 1)?)))
}

/// Messages of others beyond the read marks, in all chats which are neither archived nor muted at this time.
pub(crate) fn unread_in_all(db: &Connection, now: u64) -> Sql<u64> {
    db.prepare_cached(
        "SELECT coalesce(sum((SELECT count(*) FROM messages WHERE chat = chats.id AND unread = 1)), 0)
         FROM chats WHERE archived = 0 AND muted_until <= ?1",
    )?
    .query_row([int(now)], |row| count(row, 0))
}

/// Messages with these words, newest first. Each word may be a part of one; words of one or two letters are looked for
/// among the hits of the others, or by themselves in the newest messages.
pub(crate) fn search(db: &Connection, me: AccountId, chat: Option<ChatId>, query: &str, limit: usize) -> Sql<Vec<Hit>> {
    let words: Vec<String> = query.split_whitespace().map(str::to_lowercase).collect();
    let limit = limit.clamp(1, MAX_PAGE);
    let long: Vec<String> = words
        .iter()
        .filter(|word| word.chars().count() >= 3)
        .map(|word| format!("\"{}\"", word.replace('"', "\"\"")))
        .collect();
    let short: Vec<&String> = words.iter().filter(|word| word.chars().count() < 3).collect();
    if words.is_empty() {
        return Ok(Vec::new());
    }
    let only = chat.map(|chat| *chat.as_bytes());
    let mut values: Vec<rusqlite::types::Value> =
        vec![long.join(" ").into(), only.map(|id| id.to_vec()).into(), super::int(limit as u64).into()];
    values.extend(short.iter().map(|word| format!("%{}%", escape_like(word)).into()));
    let stored = select(db, &hits_of(!long.is_empty(), short.len()), rusqlite::params_from_iter(values))?;
    let mut hits = Vec::with_capacity(stored.len());
    for line in stored {
        let chat_id = line.view.chat;
        let Some(chat) = chats::get(db, chat_id)? else { continue };
        let Some(message) = complete(db, me, chat_id, vec![line])?.pop() else { continue };
        hits.push(Hit { message, chat_name: name_of(&chat, me) });
    }
    Ok(hits)
}

/// The part of a search's statement after its columns. ?1 is what the index is asked, ?2 the one chat or null, ?3 the
/// limit, and from ?4 on stand the short words.
fn hits_of(by_index: bool, short: usize) -> String {
    let likes: String = (0..short).map(|at| format!(" AND m.text LIKE ?{} ESCAPE '\\'", at + 4)).collect();
    let (from, newest_first) = if by_index {
        // By the index's own rowid it is read backwards and left at the limit; by the message's, every hit is sorted first.
        ("JOIN search s ON s.rowid = m.rowid WHERE search MATCH ?1 AND m.kind = 'text'", "s.rowid DESC")
    } else {
        // Only short words: the index cannot help, so the newest part of the history is scanned.
        let newest =
            "WHERE ?1 = '' AND m.rowid > (SELECT coalesce(max(rowid), 0) - 50000 FROM messages) AND m.kind = 'text'";
        (newest, "m.rowid DESC")
    };
    format!("{from} AND m.deleted = 0 AND (?2 IS NULL OR m.chat = ?2){likes} ORDER BY {newest_first} LIMIT ?3")
}

fn escape_like(word: &str) -> String {
    word.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}

/// A chat's title, or the other person's name.
pub(crate) fn name_of(chat: &ChatRow, me: AccountId) -> String {
    if chat.state.kind != ChatKind::Direct {
        return chat.state.title.clone();
    }
    let other = chat.state.members.values().find(|member| member.account != me);
    other.map(|member| member.username.clone()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unread_ones_are_found_without_a_walk_through_the_conversation() {
        let folder = tempfile::tempdir().unwrap();
        let db = super::super::open(&folder.path().join("parley.sqlite")).unwrap();
        let lost = [messages::FIRST_UNREAD_LOST, messages::READ_LOST, messages::READ_UNPLACED];
        let read = [messages::FIRST_UNREAD, messages::NUMBERS_AT, messages::READ_RUN, messages::READ_SEQ];
        for statement in [FIRST_UNREAD].iter().chain(&lost).chain(&read) {
            let mut plan = db.prepare(&format!("EXPLAIN QUERY PLAN {statement}")).unwrap();
            let values = vec![1; plan.parameter_count()];
            let steps = plan.query_map(rusqlite::params_from_iter(values), |row| row.get(3)).unwrap();
            let steps: Vec<String> = steps.collect::<Sql<_>>().unwrap();
            assert!(steps.iter().any(|step| step.contains("INDEX messages_unread")), "{steps:?}");
        }
    }

    #[test]
    fn a_search_reads_its_index_backwards_and_sorts_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let db = super::super::open(&folder.path().join("parley.sqlite")).unwrap();
        for (by_index, short) in [(true, 0), (true, 2), (false, 1)] {
            let mut plan = db
                .prepare(&format!("EXPLAIN QUERY PLAN SELECT {COLUMNS} FROM messages m {}", hits_of(by_index, short)))
                .unwrap();
            let steps: Vec<String> = plan
                .query_map(rusqlite::params_from_iter(vec!["x"; short + 3]), |row| row.get(3))
                .unwrap()
                .collect::<Sql<_>>()
                .unwrap();
            assert!(!steps.is_empty() && !steps.iter().any(|step| step.contains("TEMP B-TREE")), "{steps:?}");
        }
    }
}
