//! File descriptors: each connection takes one, and many systems let a process open 1,024 unless it asks for more.

/// What the relay opens beside connections: the database and its readers, sockets that are being refused, and the like.
#[cfg(unix)]
const OTHERS: usize = 192;

/// Asks the system for as many file descriptors as so many connections need, and says how many connections fit into what
/// it gave.
#[cfg(unix)]
#[must_use]
pub fn make_room(connections: usize) -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let needed = (connections.saturating_add(OTHERS)) as u64;
    let limit = getrlimit(Resource::Nofile);
    // Without a value there is no limit.
    if limit.current.is_none_or(|current| current >= needed) {
        return connections;
    }
    let most = limit.maximum.map_or(needed, |maximum| maximum.min(needed));
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: Some(most), ..limit }) {
        tracing::warn!(%error, "the limit of open files could not be raised");
    }
    let Some(given) = getrlimit(Resource::Nofile).current.filter(|given| *given < needed) else {
        return connections;
    };
    let fit = usize::try_from(given).unwrap_or(usize::MAX).saturating_sub(OTHERS).max(1);
    tracing::warn!(
        max_connections = connections,
        "the system lets this process open {given} files, so that {fit} connections fit; for more raise that limit \
         (LimitNOFILE of systemd, ulimit -n)"
    );
    fit
}

/// Elsewhere a process has no such limit of its own.
#[cfg(not(unix))]
#[must_use]
pub fn make_room(connections: usize) -> usize {
    connections
}
