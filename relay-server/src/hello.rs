//! The beginning of a session: who opens what profile, and where it stands in each log (DELIVERY rules 10 and 14).
//!
//! Order matters. First the opening is stored, then the session is registered (an older one of the device ends), then
//! it is made a follower of every log it has, and only then is it read where these logs stand, and whom the account
//! blocks: so whatever is committed later reaches the session by the fan-out, and whatever was before is in what is read.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use parley_protocol::frames::{Ack, Cursor, Gone, GoneReason, LogCursor, LogStart, Opening, Sender};
use parley_protocol::{AccountId, ChatId, Code, ErrorBody, LifeId, LogId, RelayFrame, VERSION};
use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use crate::accounts::ended_family;
use crate::feeds::LogKind;
use crate::log::{Standing, Stay, has_taken_an_end, inbox, is_deleted, standing};
use crate::mailbox::{Bye, Mailbox};
use crate::relay::Relay;
use crate::session::Following;
use crate::store::accounts as rows;
use crate::store::families::standing as standing_of_family;
use crate::store::{Batch, Failure, Job, id_or_none, now};

/// Characters that are kept of what runs on a device.
const PROGRAM: usize = 64;

/// What a client says first.
pub(crate) struct Hello {
    pub(crate) version: u16,
    pub(crate) opening: Opening,
    pub(crate) succeeds: Option<Opening>,
    pub(crate) cursors: Vec<LogCursor>,
    pub(crate) program: Option<String>,
}

/// A session that has begun: its `welcome` and the logs which it follows.
pub(crate) struct Begun {
    pub(crate) welcome: RelayFrame,
    pub(crate) follows: HashMap<LogId, Following>,
}

/// Answers a hello.
pub(crate) async fn begin(
    relay: &Arc<Relay>,
    session: &Arc<Mailbox>,
    family: Uuid,
    hello: Hello,
) -> Result<Begun, Bye> {
    let bye = |error| Bye { error, opening: None };
    if hello.version != VERSION {
        let message = format!(
            "this relay speaks version {VERSION} of the wire, the app version {}; update the older one",
            hello.version
        );
        return Err(bye(ErrorBody::new(Code::VersionMismatch, message)));
    }
    let who = session.who;
    let (opening, succeeds) = (hello.opening, hello.succeeds);
    let program = hello.program.map(|said| said.trim().chars().take(PROGRAM).collect::<String>());
    let opened =
        relay.store().write(move |batch| open(batch, who, family, opening, succeeds, program)).await.map_err(bye)?;
    let username = match opened {
        Opened::Yes { username } => username,
        Opened::OldCopy(known) => {
            let message = "this profile is an old copy: it was opened elsewhere since; sign in again as a new device";
            return Err(Bye { error: ErrorBody::new(Code::OldCopy, message), opening: Some(known) });
        }
    };
    relay.live.sessions.begin(session);
    let begun = follow_all(relay, session, family, hello.cursors, username).await;
    if begun.is_err() {
        relay.live.sessions.end(session);
        relay.live.forget_blocks(who.account);
    }
    begun.map_err(bye)
}

enum Opened {
    Yes { username: String },
    OldCopy(Opening),
}

/// Compares the opening with the one that was confirmed last, and confirms it.
fn open(
    batch: &mut Batch<'_>,
    who: Sender,
    family: Uuid,
    opening: Opening,
    succeeds: Option<Opening>,
    program: Option<String>,
) -> Result<Opened, Failure> {
    check_signed_in(batch.sql(), who, family)?;
    let mut select = batch.sql().prepare_cached(
        "SELECT a.username, d.opening_count, d.opening_life FROM devices d JOIN accounts a ON a.id = d.account \
         WHERE d.id = ?1 AND d.account = ?2 AND d.revoked_at IS NULL AND a.deleted_at IS NULL",
    )?;
    let found = select
        .query_row(params![who.device.as_bytes(), who.account.as_bytes()], |row| {
            let (count, life): (Option<u64>, Option<LifeId>) = (row.get(1)?, id_or_none(row, 2)?);
            Ok((row.get(0)?, count.zip(life).map(|(count, life)| Opening { count, life })))
        })
        .optional()?;
    let Some((username, known)) = found else {
        return Err(Failure::refused(Code::DeviceRevoked, "this device was revoked; sign in again"));
    };
    if let Some(known) = known
        && known != opening
        && succeeds != Some(known)
    {
        return Ok(Opened::OldCopy(known));
    }
    batch
        .sql()
        .prepare_cached(
            "UPDATE devices SET opening_count = ?2, opening_life = ?3, last_seen = ?4, program = ?5 WHERE id = ?1",
        )?
        .execute(params![who.device.as_bytes(), opening.count, opening.life.as_bytes(), batch.now(), program])?;
    Ok(Opened::Yes { username })
}

/// Refuses a device whose sign-in has ended since its token was looked at.
fn check_signed_in(sql: &Connection, who: Sender, family: Uuid) -> Result<(), Failure> {
    match standing_of_family(sql, family, who.device)? {
        None => Ok(()),
        Some(code) => Err(ended_family(code).into()),
    }
}

async fn follow_all(
    relay: &Arc<Relay>,
    session: &Arc<Mailbox>,
    family: Uuid,
    cursors: Vec<LogCursor>,
    username: String,
) -> Result<Begun, ErrorBody> {
    let who = session.who;
    let cursors: HashMap<LogId, Cursor> = cursors.into_iter().map(|cursor| (cursor.log, cursor.cursor)).collect();
    let registered = move |sql: &Connection| {
        // An end which is committed from now on finds the session and closes it; what was before is seen here.
        check_signed_in(sql, who, family)?;
        Stay::all(sql, who)
    };
    let stays = relay.store().read(registered).await?;
    let blocked = read_blocks(relay, who.account).await?;
    let mut follows = HashMap::with_capacity(stays.len() + 1);
    for (chat, stays) in &stays {
        // An open chat which was left long ago, and of which the device holds nothing, is not its own any more.
        let Some(stay) =
            stays.last().filter(|stay| stay.sealed || stay.ends.is_none() || cursors.contains_key(&LogId::from(*chat)))
        else {
            continue;
        };
        let log = LogId::from(*chat);
        follows.insert(log, Following::begin(relay, session, log, LogKind::Chat(stay.kind), stay.sealed));
    }
    let own = LogId::from(who.device);
    follows.insert(own, Following::begin(relay, session, own, LogKind::Inbox, true));

    let asked = cursors.clone();
    let read = relay.store().read(move |sql| views(sql, who, &asked)).await;
    // A device that was told of an end names the chat no more: without its cursor it would be given the stay again.
    let taken = match read {
        Ok(views) => take_ends(relay, who, &views.ends).await.map(|()| views),
        Err(error) => Err(error),
    };
    let Views { standings, gone, .. } = match taken {
        Ok(views) => views,
        Err(error) => {
            follows.values().for_each(|following| following.leave(relay));
            return Err(error);
        }
    };
    let mut acks = Vec::new();
    let mut logs = Vec::with_capacity(standings.len());
    let mut standing_in = HashMap::with_capacity(standings.len());
    for Standing { view, until } in standings {
        // A chat which the account came into meanwhile follows as a change of its own.
        let Some(mut following) = follows.remove(&view.log) else {
            continue;
        };
        following.follower.start(view.position.seq + 1, until);
        following.feed.raise(view.head);
        following.caught_up = following.feed.try_live(&following.follower);
        if view.start == LogStart::Resumed && view.position.seq > 0 && following.sealed {
            acks.push(Ack { log: view.log, seq: view.position.seq });
        }
        standing_in.insert(view.log, following);
        logs.push(view);
    }
    follows.values().for_each(|following| following.leave(relay));
    if !acks.is_empty() {
        relay.store().submit(Job::Acks { device: who.device, acks }).await?;
    }
    let welcome = RelayFrame::Welcome {
        version: VERSION,
        account: who.account,
        username,
        device: who.device,
        now: now(),
        logs,
        gone,
        ice_servers: relay.ice_servers.clone(),
        max_frame: relay.limits.frame_bytes,
        blocked,
    };
    Ok(Begun { welcome, follows: standing_in })
}

/// Whom the account blocks, and from now on in memory; again if that changed while it was read.
async fn read_blocks(relay: &Relay, account: AccountId) -> Result<Vec<AccountId>, ErrorBody> {
    loop {
        let before = relay.live.blocks.changes();
        let blocked = relay.store().read(move |sql| Ok(rows::blocked(sql, account)?)).await?;
        if relay.live.blocks.load(account, &blocked, before) {
            return Ok(blocked);
        }
    }
}

struct Views {
    standings: Vec<Standing>,
    gone: Vec<Gone>,
    /// Chats of which the device has taken a stay to its end, and where it stands in them.
    ends: Vec<(LogId, u64)>,
}

/// Puts down that the device has taken what was held for it.
async fn take_ends(relay: &Relay, who: Sender, ends: &[(LogId, u64)]) -> Result<(), ErrorBody> {
    if ends.is_empty() {
        return Ok(());
    }
    let acks: Vec<_> = ends.iter().map(|(log, seq)| ((*log, who.device), *seq)).collect();
    relay.store().write(move |batch| batch.move_cursors(acks)).await
}

fn views(sql: &Connection, who: Sender, cursors: &HashMap<LogId, Cursor>) -> Result<Views, Failure> {
    let own = LogId::from(who.device);
    let view = inbox(sql, who.device, cursors.get(&own).copied())?;
    let mut standings = vec![Standing { view, until: None }];
    let mut ends = Vec::new();
    for (chat, stays) in Stay::all(sql, who)? {
        let cursor = cursors.get(&LogId::from(chat)).copied();
        if let Some(cursor) = cursor
            && has_taken_an_end(sql, &stays, cursor)?
        {
            ends.push((chat.into(), cursor.seq));
        }
        standings.extend(standing(sql, who.account, &stays, cursor)?);
    }
    let mut gone = Vec::new();
    let there: HashSet<LogId> = standings.iter().map(|standing| standing.view.log).collect();
    for log in cursors.keys().filter(|log| !there.contains(log)) {
        let chat = log.chat();
        gone.push(Gone { chat, reason: gone_reason(sql, chat)? });
    }
    Ok(Views { standings, gone, ends })
}

/// Why a chat is not one of the device's.
pub(crate) fn gone_reason(sql: &Connection, chat: ChatId) -> Result<GoneReason, Failure> {
    if is_deleted(sql, chat)? {
        return Ok(GoneReason::Deleted);
    }
    let known = sql.prepare_cached("SELECT 1 FROM chats WHERE id = ?1")?.exists([chat.as_bytes()])?;
    Ok(if known { GoneReason::NotMember } else { GoneReason::Unknown })
}

/// Where a session that follows a chat stands in it now, or why it is to follow it no more.
pub(crate) type Stands = Result<Standing, GoneReason>;

/// Where a session that follows a chat already stands in it now: for a newcomer, and where entries were trimmed
/// under a reader.
pub(crate) fn stand_again(sql: &Connection, who: Sender, chat: ChatId, cursor: Cursor) -> Result<Stands, Failure> {
    let stays = Stay::all(sql, who)?.remove(&chat).unwrap_or_default();
    Ok(match standing(sql, who.account, &stays, Some(cursor))? {
        Some(standing) => Ok(standing),
        None => Err(gone_reason(sql, chat)?),
    })
}
