//! What moved between two states of another device's mark, so that people can be told when their messages arrived.

use std::collections::BTreeMap;

use parley_protocol::{ChatId, DeviceId, MarkRegister, Marks};
use rusqlite::Connection;

use crate::store::advances::{self, Advance, What, When};
use crate::store::chains::Chain;
use crate::store::{Sql, chats};

/// Notes when a device came to hold, and to have shown, what one's own devices sent. `chains` are those of one's own devices which
/// its mark names.
pub(super) fn note(
    tx: &Connection,
    chat: ChatId,
    device: DeviceId,
    chains: &mut BTreeMap<DeviceId, Chain>,
    [before, after]: [&MarkRegister; 2],
    when: When,
) -> Sql<()> {
    for (sender, chain) in chains {
        for (what, old, new) in
            [(What::Delivered, &before.delivered, &after.delivered), (What::Read, &before.read, &after.read)]
        {
            for advance in between(tx, chat, device, (*sender, chain), [old, new])? {
                advances::put(tx, chat, device, what, advance, when)?;
            }
        }
    }
    Ok(())
}

/// What a mark came to hold of one sender.
fn between(
    tx: &Connection,
    chat: ChatId,
    device: DeviceId,
    (sender, chain): (DeviceId, &mut Chain),
    [before, after]: [&Marks; 2],
) -> Sql<Vec<Advance>> {
    let none = BTreeMap::new();
    let (old, new) = (before.0.get(&sender).unwrap_or(&none), after.0.get(&sender).unwrap_or(&none));
    let mut found = Vec::new();
    for (run, held) in new {
        let run = *run;
        if !old.contains_key(&run) && chain.leaves_out(tx, before, run)? {
            continue;
        }
        let was = old.get(&run).cloned().unwrap_or_default();
        if held.upto > was.upto {
            found.push(Advance { run, first: was.upto + 1, last: held.upto });
        }
        let filled = was.missing.iter().copied().filter(|n| held.has(*n));
        found.extend(filled.map(|n| Advance { run, first: n, last: n }));
    }
    for (run, was) in old.iter().filter(|(run, _)| !new.contains_key(*run)) {
        let run = *run;
        if !chain.leaves_out(tx, after, run)? {
            continue;
        }
        if let Some(last) = chain.run(tx, run)?.and_then(|run| run.end).filter(|end| *end > was.upto) {
            found.push(Advance { run, first: was.upto + 1, last });
        }
        found.extend(was.missing.iter().map(|n| Advance { run, first: *n, last: *n }));
    }
    // Runs that came and were complete between the two, and so were never named.
    let Some(begun) = chain.begun(tx, after)? else {
        return Ok(found);
    };
    let since = chain.begun(tx, before)?;
    for run in chain.between(tx, since, begun)? {
        let (Some(membership), Some(last)) = (run.membership, run.end) else { continue };
        let named = old.contains_key(&run.run) || new.contains_key(&run.run);
        if !named && chats::audience(tx, chat, membership)?.is_some_and(|devices| devices.contains(&device)) {
            found.push(Advance { run: run.run, first: 1, last });
        }
    }
    Ok(found)
}
