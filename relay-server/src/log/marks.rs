//! Mark registers: one a device and scope in each chat, the newest wins (DELIVERY rule 6).

use parley_protocol::frames::{MarkScope, RelayFrame, Sender};
use parley_protocol::{ChatId, Code, DeviceId};
use rusqlite::{Connection, params};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::limits::Limits;
use crate::store::{Batch, Effect, Failure, id};

impl Batch<'_> {
    /// Sets a mark register, and has it handed to those who see it.
    pub(crate) fn set_mark(&mut self, from: Sender, chat: ChatId, scope: MarkScope, mark: &str) -> Result<(), Failure> {
        let state = self.chat(chat)?;
        super::append::check_member(&state, from)?;
        if state.kind.is_channel() && scope == MarkScope::Chat {
            return Err(Failure::refused(Code::BadRequest, "in channels a mark goes to one's own devices alone"));
        }
        self.sql()
            .prepare_cached(
                "INSERT INTO marks (chat, device, scope, account, at, mark) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
                 ON CONFLICT (chat, device, scope) DO UPDATE SET at = ?5, mark = ?6",
            )?
            .execute(params![
                chat.as_bytes(),
                from.device.as_bytes(),
                scope_word(scope),
                from.account.as_bytes(),
                self.now(),
                mark
            ])?;
        let frame = RelayFrame::Marks { chat, from, scope, mark: mark.to_owned() }.encode().into();
        self.effects.push(Effect::Mark { chat, from, scope, frame });
        Ok(())
    }
}

/// Whose register, and which of the two.
pub(crate) type Register = (DeviceId, MarkScope);

/// A stretch of the registers of a chat.
pub(crate) struct Marks {
    pub(crate) frames: Vec<Utf8Bytes>,
    /// The last register of it, if there may be more behind it.
    pub(crate) next: Option<Register>,
}

/// The mark registers of a chat behind `after`, as `who` sees them; at most a page of them.
pub(crate) fn marks_of(
    connection: &Connection,
    chat: ChatId,
    who: Sender,
    after: Option<Register>,
    limits: &Limits,
) -> Result<Marks, Failure> {
    let mut select = connection.prepare_cached(
        "SELECT account, device, scope, mark FROM marks \
         WHERE chat = ?1 AND (device, scope) > (?2, ?3) AND device <> ?4 AND (scope = 'chat' OR account = ?5) \
         ORDER BY device, scope",
    )?;
    let (device, scope) = after.map_or((DeviceId::nil(), ""), |(device, scope)| (device, scope_word(scope)));
    let mut rows = select.query(params![
        chat.as_bytes(),
        device.as_bytes(),
        scope,
        who.device.as_bytes(),
        who.account.as_bytes()
    ])?;
    let mut found = Marks { frames: Vec::new(), next: None };
    let mut bytes = 0;
    while let Some(row) = rows.next()? {
        let from = Sender { account: id(row, 0)?, device: id(row, 1)? };
        let word = row.get_ref(2)?.as_str().map_err(rusqlite::Error::from)?;
        let Some(scope) = SCOPES.into_iter().find(|scope| scope_word(*scope) == word) else {
            // Set by a newer relay on this database.
            continue;
        };
        let frame: Utf8Bytes = RelayFrame::Marks { chat, from, scope, mark: row.get(3)? }.encode().into();
        bytes += frame.len();
        found.frames.push(frame);
        if bytes >= limits.page_bytes {
            found.next = Some((from.device, scope));
            break;
        }
    }
    Ok(found)
}

const SCOPES: [MarkScope; 3] = [MarkScope::Chat, MarkScope::Own, MarkScope::Hidden];

/// The word for a scope in the database.
const fn scope_word(scope: MarkScope) -> &'static str {
    match scope {
        MarkScope::Chat => "chat",
        MarkScope::Own => "own",
        MarkScope::Hidden => "hidden",
    }
}
