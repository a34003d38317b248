//! Numbers for the operator, in the Prometheus format under `/metrics`.
//!
//! What is counted carries the route or the kind, never a person, a chat or an address.

use std::sync::OnceLock;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();

/// The recorder of this process. Relays in one process (tests) share it.
pub(crate) fn recorder() -> PrometheusHandle {
    let handle = HANDLE.get_or_init(|| {
        let builder = PrometheusBuilder::new();
        let builder =
            builder.set_buckets(&[0.001, 0.005, 0.025, 0.1, 0.5, 2.5]).unwrap_or_else(|_| PrometheusBuilder::new());
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        // Somebody else's recorder stays; then ours shows nothing, which harms nobody.
        let _ = metrics::set_global_recorder(recorder);
        handle
    });
    handle.clone()
}

/// Every route; `…` is any one part of a path: an id or a code.
const ROUTES: &[&str] = &[
    "/api/relay",
    "/api/signup",
    "/api/signup/username",
    "/api/signin",
    "/api/refresh",
    "/api/signout",
    "/api/password",
    "/api/account",
    "/api/devices",
    "/api/devices/replace",
    "/api/devices/…",
    "/api/users",
    "/api/users/…",
    "/api/blocks",
    "/api/blocks/…",
    "/api/chats",
    "/api/chats/public",
    "/api/chats/…",
    "/api/chats/…/join",
    "/api/chats/…/leave",
    "/api/chats/…/restore",
    "/api/chats/…/members",
    "/api/chats/…/members/…",
    "/api/chats/…/messages",
    "/api/chats/…/invites",
    "/api/chats/…/invites/…",
    "/api/invites/…",
    "/api/invites/…/join",
    "/healthz",
    "/metrics",
    "/ws",
];

/// The route that a path belongs to, with ids and codes left out; `other` for what is none. So there are as many series as
/// there are routes, whatever paths are asked for.
pub(crate) fn route_of(path: &str) -> &'static str {
    let fits = |route: &&&str| {
        let mut parts = path.split('/');
        route.split('/').all(|part| parts.next().is_some_and(|given| part == given || part == "…"))
            && parts.next().is_none()
    };
    ROUTES.iter().find(fits).copied().unwrap_or("other")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_names_nobody() {
        assert_eq!(route_of("/api/invites/SECRET/join"), "/api/invites/…/join");
        assert_eq!(route_of("/api/chats/0191-abc/members/0192"), "/api/chats/…/members/…");
        assert_eq!(route_of("/api/devices/replace"), "/api/devices/replace");
        for none in ["/wp-admin", "/", "", "/api/chats/1/members/2/3", "/api/signup/", "/api/api/chats"] {
            assert_eq!(route_of(none), "other", "{none}");
        }
    }

    #[test]
    fn every_route_which_the_protocol_tells_of_has_a_name() {
        let told = include_str!("../../docs/protocol.md");
        let paths = told.lines().filter(|line| line.starts_with("| ")).flat_map(|line| {
            line.split('|')
                .nth(1)
                .unwrap_or_default()
                .split('`')
                .filter(|part| part.starts_with('/'))
                .collect::<Vec<_>>()
        });
        let mut found = 0;
        for path in paths {
            assert_ne!(route_of(path), "other", "{path}");
            found += 1;
        }
        assert!(found >= ROUTES.len() - 1, "only {found} were found");
    }
}
