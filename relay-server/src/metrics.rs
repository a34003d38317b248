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

/// The route that a path belongs to, with ids and codes left out.
pub(crate) fn route_of(path: &str) -> String {
    const WORDS: [&str; 27] = [
        "api", "signup", "signin", "signout", "refresh", "password", "account", "devices", "replace", "users",
        "blocks", "chats", "public", "members", "join", "leave", "restore", "messages", "invites", "healthz",
        "metrics", "ws", "", "owner", "role", "history", "relay",
    ];
    let mut route = String::new();
    for part in path.trim_start_matches('/').split('/').take(6) {
        route.push('/');
        route.push_str(if WORDS.contains(&part) { part } else { "…" });
    }
    route
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_names_nobody() {
        assert_eq!(route_of("/api/invites/SECRET/join"), "/api/invites/…/join");
        assert_eq!(route_of("/api/chats/0191-abc/members/0192"), "/api/chats/…/members/…");
        assert_eq!(route_of("/wp-admin"), "/…");
    }
}
