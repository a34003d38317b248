//! After the relay was restored from a backup: the changes which devices saw and the log lacks (DELIVERY rule 10).

use parley_protocol::frames::Sender;
use parley_protocol::http::{RestoreChat, Restored};
use parley_protocol::{AccountId, ChatChange, ChatId, ChatKind, ChatState, Code, DeviceId, ErrorBody, EventId, Role};
use rusqlite::params;

use super::create::{check_number, pair, set_pair};
use super::members::{admit, check_removal};
use super::{description, not_direct, require, retention, title};
use crate::relay::Relay;
use crate::store::{Batch, Failure};

/// The most changes of one request.
const MOST: usize = 1_000;

/// Appends the changes which the log lacks, under their old ids. Each is taken if the caller could make it now.
///
/// # Errors
/// `gone` for a deleted chat, `not_found` for one whose first change is not among them, `too_large`.
pub async fn restore(relay: &Relay, by: Sender, chat: ChatId, form: RestoreChat) -> Result<Restored, ErrorBody> {
    let change = move |batch: &mut Batch<'_>| {
        if form.changes.len() > MOST {
            return Err(Failure::refused(Code::TooLarge, format!("at most {MOST} changes at once")));
        }
        let mut taken = Vec::new();
        for change in form.changes {
            let known = batch.event(chat, change.id)?.is_some();
            if known {
                taken.push(change.id);
                continue;
            }
            match again(batch, by, chat, change.id, change.change) {
                Ok(()) => taken.push(change.id),
                // A chat that is gone, or not there to begin with, is an answer to the whole request.
                Err(Failure::Refused(error))
                    if matches!(error.code, Code::Gone) || batch.log(chat.into())?.is_none() =>
                {
                    return Err(error.into());
                }
                Err(Failure::Refused(error)) => tracing::debug!(%chat, event = %change.id, %error, "not restored"),
                Err(error) => return Err(error),
            }
        }
        Ok(Restored { taken })
    };
    relay.store().write(change).await
}

/// Makes a change again, if the caller could make it now. Checks everything before it changes anything.
fn again(batch: &mut Batch<'_>, by: Sender, chat: ChatId, event: EventId, change: ChatChange) -> Result<(), Failure> {
    if let ChatChange::Created { .. } = &change {
        return create_again(batch, by, chat, event, change);
    }
    let state = batch.chat(chat)?;
    let own = super::role_of(&state, by.account)?;
    match &change {
        ChatChange::Created { .. } => {}
        // They are there, or gone, by another entry: these only name the memberships under which some began to write.
        ChatChange::MemberAdded { member } if is_group(&state) && state.members.contains_key(&member.account) => {
            let member = batch.member(member.account, state.role(member.account).unwrap_or(Role::Member), true)?;
            batch.name_change(chat, by, event, ChatChange::MemberAdded { member })?;
            return Ok(());
        }
        ChatChange::MemberRemoved { account } if is_group(&state) && !state.members.contains_key(account) => {
            batch.name_change(chat, by, event, change)?;
            return Ok(());
        }
        ChatChange::MemberAdded { member } => {
            require(&state, by.account, Role::Admin)?;
            not_direct(&state, "has exactly two members")?;
            return admit(batch, by, &state, member.account, event);
        }
        ChatChange::MemberRemoved { account } => {
            check_removal(&state, by.account, *account)?;
            if state.members.len() == 1 {
                return Err(Failure::refused(Code::Forbidden, "the last one leaves by deleting the chat"));
            }
        }
        ChatChange::RoleChanged { account, role } => {
            check_roles(&state, own, *account)?;
            if *role == Role::Owner {
                return Err(Failure::refused(Code::BadRequest, "`owner` is handed over, not given"));
            }
        }
        ChatChange::OwnerChanged { account } => check_roles(&state, own, *account)?,
        ChatChange::Renamed { title: text } => {
            require(&state, by.account, Role::Admin)?;
            not_direct(&state, "has no title")?;
            title(text)?;
        }
        ChatChange::Described { description: text } => {
            require(&state, by.account, Role::Admin)?;
            not_direct(&state, "has no description")?;
            description(text)?;
        }
        ChatChange::RetentionChanged { retention: kept } => {
            require(&state, by.account, Role::Admin)?;
            retention(kept.unwrap_or_default())?;
        }
        ChatChange::DeviceAdded { account, device } if is_nobodys(batch, &state, *account, *device)? => {
            // A device which the relay has forgotten. It does not come back, but some began to write under the membership
            // that this entry made, so that everybody has to hear of it; and then that it is gone.
            let (account, device) = (*account, *device);
            batch.append_change(chat, by, event, change)?;
            batch.append_change(chat, by, EventId::new(), ChatChange::DeviceRemoved { account, device })?;
            return Ok(());
        }
        // So do these of a device that is there, by another entry or after all.
        ChatChange::DeviceAdded { account, device } if follows(&state, *account, *device) => {
            batch.name_change(chat, by, event, change)?;
            return Ok(());
        }
        ChatChange::DeviceRemoved { account, device }
            if follows(&state, *account, *device) && is_device(batch, *account, *device)? =>
        {
            // A device that is signed up still goes on; it would have no way back. So it is there again at once.
            let (account, device) = (*account, *device);
            batch.name_change(chat, by, event, change)?;
            batch.name_change(chat, by, EventId::new(), ChatChange::DeviceAdded { account, device })?;
            return Ok(());
        }
        ChatChange::DeviceAdded { account, device } => {
            if *account != by.account || !state.sealed || !is_device(batch, *account, *device)? {
                return Err(Failure::refused(Code::Forbidden, "only devices which one has can be added"));
            }
        }
        // It is not there already: the entry only names the membership under which some began to write.
        ChatChange::DeviceRemoved { account, device } if is_nobodys(batch, &state, *account, *device)? => {}
        ChatChange::DeviceRemoved { account, device } => {
            if *account != by.account || !follows(&state, *account, *device) {
                return Err(Failure::refused(Code::Forbidden, "only devices which are revoked can be removed"));
            }
        }
    }
    batch.append_change(chat, by, event, change)?;
    Ok(())
}

/// Whether memberships of this chat are named by messages, and change with its members.
fn is_group(state: &ChatState) -> bool {
    state.sealed && state.kind == ChatKind::Group
}

/// Whether a device is among those of a sealed chat.
fn follows(state: &ChatState, account: AccountId, device: DeviceId) -> bool {
    state.sealed && state.members.get(&account).is_some_and(|member| member.devices.contains(&device))
}

fn check_roles(state: &ChatState, own: Role, whom: AccountId) -> Result<(), Failure> {
    not_direct(state, "has no roles to change")?;
    if own != Role::Owner {
        return Err(Failure::refused(Code::Forbidden, "only the owner of the chat can do this"));
    }
    match state.role(whom) {
        Some(Role::Member | Role::Admin) => Ok(()),
        Some(Role::Owner) => {
            Err(Failure::refused(Code::Forbidden, "the owner stays one until the chat is handed over"))
        }
        None => Err(Failure::refused(Code::NotFound, "this account is not a member of the chat")),
    }
}

/// A chat which the relay has never heard of, as it was made. Names and devices are the relay's own.
fn create_again(
    batch: &mut Batch<'_>,
    by: Sender,
    chat: ChatId,
    event: EventId,
    change: ChatChange,
) -> Result<(), Failure> {
    let ChatChange::Created { chat_kind, sealed, title: name, description: text, members } = change else {
        return Err(Failure::refused(Code::BadRequest, "a chat begins with `created`"));
    };
    let refuse = |message: &str| Err(Failure::refused(Code::BadRequest, message));
    if !members.iter().any(|member| member.account == by.account) {
        return refuse("the caller is not among the members");
    }
    if sealed && chat_kind.is_channel() {
        return refuse("channels are open");
    }
    let owners = members.iter().filter(|member| member.role == Role::Owner).count();
    let direct = chat_kind == ChatKind::Direct;
    if owners != if direct { 2 } else { 1 } || (direct && members.len() != 2) {
        return refuse("a chat has one owner; a direct chat has two members, both owners");
    }
    if !direct {
        title(&name)?;
    }
    description(&text)?;
    super::check_size(batch, chat_kind, members.len())?;
    check_number(members.len())?;
    let mut accounts: Vec<AccountId> = members.iter().map(|member| member.account).collect();
    accounts.sort_unstable();
    accounts.dedup();
    if accounts.len() != members.len() {
        return refuse("an account is a member once");
    }
    let mut again = Vec::new();
    for member in &members {
        // Whoever is not at this relay any more was there once: the others go on without.
        super::check_newcomer(batch, by.account, member.account)?;
        again.push(batch.member(member.account, member.role, sealed)?);
    }
    if let (true, [one, other]) = (direct, accounts.as_slice())
        && pair(batch, *one, *other, sealed)?.is_some()
    {
        return Err(Failure::refused(Code::Conflict, "the two have another direct chat by now"));
    }
    let created = ChatChange::Created { chat_kind, sealed, title: name, description: text, members: again };
    batch.append_change(chat, by, event, created)?;
    if let (true, [one, other]) = (direct, accounts.as_slice()) {
        set_pair(batch, *one, *other, sealed, chat)?;
    }
    Ok(())
}

/// Whether the relay knows no device of this id, and the account could have one in the chat.
fn is_nobodys(batch: &Batch<'_>, state: &ChatState, account: AccountId, device: DeviceId) -> Result<bool, Failure> {
    if !state.sealed || !state.members.contains_key(&account) {
        return Ok(false);
    }
    let mut select = batch.sql().prepare_cached("SELECT 1 FROM devices WHERE id = ?1")?;
    Ok(!select.exists([device.as_bytes()])?)
}

fn is_device(batch: &Batch<'_>, account: AccountId, device: DeviceId) -> Result<bool, Failure> {
    let mut select =
        batch.sql().prepare_cached("SELECT 1 FROM devices WHERE id = ?1 AND account = ?2 AND revoked_at IS NULL")?;
    Ok(select.exists(params![device.as_bytes(), account.as_bytes()])?)
}
