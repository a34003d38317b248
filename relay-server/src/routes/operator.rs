//! `/api/relay`, `/healthz` and `/metrics`: what the relay says of itself, to anybody and to whoever runs it.

use std::sync::Arc;

use http::{HeaderValue, header};
use parley_protocol::http::RelayInfo;
use parley_protocol::{Code, ErrorBody};
use serde::Serialize;
use warp::reply::{Reply as _, Response};
use warp::{Filter, path};

use super::extract::visit;
use super::reply::{failed, json};
use super::{Api, Route, Visit, first_of};

#[derive(Serialize)]
struct Health {
    status: &'static str,
    version: &'static str,
}

pub(super) fn routes(api: &Arc<Api>) -> Route {
    let health = path!("healthz").and(warp::get()).and(visit(api)).then(|visit: Visit| async move {
        // Whether its threads answer: if not, it is to be started again. A full disk is no reason for that; it shows in
        // `parley_rollbacks_total`.
        let well = async {
            let store = visit.api.relay.store();
            store.read(|sql| Ok(sql.query_row("SELECT 1", [], |_| Ok(()))?)).await?;
            store.write(|_| Ok(())).await
        };
        json(well.await.map(|()| Health { status: "ok", version: env!("CARGO_PKG_VERSION") }))
    });
    let metrics = path!("metrics").and(warp::get()).and(visit(api)).then(|visit: Visit| async move { metrics(&visit) });
    let relay = path!("api" / "relay").and(warp::get()).and(visit(api)).then(|visit: Visit| async move {
        let config = &visit.api.config;
        json(Ok(RelayInfo {
            name: config.name.0.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            protocol: parley_protocol::VERSION,
            registration: config.registration,
            retention: config.retention.as_secs(),
            history_retention: config.history_retention.0.map(|kept| kept.as_secs()),
        }))
    });
    first_of([health.boxed(), metrics.boxed(), relay.boxed()])
}

fn metrics(visit: &Visit) -> Response {
    // Behind a proxy that is not trusted everybody seems to come from the proxy's own address.
    let may_read = visit.api.config.metrics_from.iter().any(|network| network.contains(visit.client.address));
    if !may_read || visit.client.forwarded {
        return failed(ErrorBody::new(Code::NotFound, "metrics are not shown to this address"));
    }
    let mut response = visit.api.metrics.render().into_response();
    let kind = HeaderValue::from_static("text/plain; version=0.0.4");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}
