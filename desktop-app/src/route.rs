//! Which way a message goes, as a pure function of what is open (DELIVERY rule 15).

use crate::peer::PathKind;
use crate::views::Route;

/// One device of a conversation, other than this one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Reach {
    /// Its link, if one is open, in step, and answering.
    pub(crate) link: Option<PathKind>,
    /// Whether it belongs to somebody else.
    pub(crate) other_account: bool,
}

/// Whether links alone carry what is written now: every other device is linked, and there is one.
pub(crate) fn links_suffice(devices: &[Reach]) -> bool {
    !devices.is_empty() && devices.iter().all(|device| device.link.is_some())
}

/// The route to show. A conversation is only as direct as the least direct device that matters: with links to all, the
/// worst of them; otherwise the relay; without it, whatever link still reaches somebody else.
pub(crate) fn choose(devices: &[Reach], relay_up: bool) -> Route {
    let worst = |of_others: bool| {
        let links = devices.iter().filter(|device| device.other_account || !of_others).filter_map(|device| device.link);
        links.map(route_of).max()
    };
    if links_suffice(devices) {
        return worst(true).or(worst(false)).unwrap_or(Route::Wait);
    }
    if relay_up {
        return Route::Relay;
    }
    worst(true).unwrap_or(Route::Wait)
}

/// The route that a link is.
pub(crate) fn route_of(path: PathKind) -> Route {
    match path {
        PathKind::Lan => Route::Lan,
        PathKind::Direct => Route::Direct,
        PathKind::Turn => Route::Turn,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn other(link: Option<PathKind>) -> Reach {
        Reach { link, other_account: true }
    }

    fn own(link: Option<PathKind>) -> Reach {
        Reach { link, other_account: false }
    }

    #[test]
    fn a_conversation_is_as_direct_as_its_least_direct_device() {
        use PathKind::{Direct, Lan, Turn};
        for (devices, relay, expected) in [
            (vec![], true, Route::Relay),
            (vec![], false, Route::Wait),
            (vec![other(Some(Lan))], false, Route::Lan),
            (vec![other(Some(Lan)), other(Some(Turn))], true, Route::Turn),
            (vec![other(Some(Direct)), own(Some(Lan))], true, Route::Direct),
            (vec![other(Some(Direct)), own(None)], true, Route::Relay),
            (vec![other(Some(Direct)), own(None)], false, Route::Direct),
            (vec![other(None), own(Some(Lan))], false, Route::Wait),
            (vec![other(None)], true, Route::Relay),
        ] {
            assert_eq!(choose(&devices, relay), expected, "{devices:?} relay {relay}");
        }
    }
}
