//! The HTTP routes: what is under `/api`, and `/healthz`, `/metrics` and `/ws` beside it.
//!
//! A route says its path, its method and who may call it, then hands over to accounts or chats and turns what comes
//! back into JSON. Every error, from whatever depth, leaves as `{"error": {"code", "message"}}` with its status.

mod accounts;
mod body;
mod chats;
mod extract;
mod operator;
mod people;
mod reply;
mod ws;

use std::net::IpAddr;
use std::sync::Arc;

use metrics_exporter_prometheus::PrometheusHandle;
use warp::filters::BoxedFilter;
use warp::reply::Response;
use warp::{Filter, Rejection};

use crate::accounts::Accounts;
use crate::config::Config;
use crate::rates::Rates;
use crate::relay::Relay;
use crate::session::Identity;
pub(crate) use body::Bodies;
pub(crate) use reply::failed;

/// What the routes work with.
pub(crate) struct Api {
    pub(crate) config: Config,
    pub(crate) accounts: Arc<Accounts>,
    pub(crate) relay: Arc<Relay>,
    pub(crate) rates: Rates,
    pub(crate) metrics: PrometheusHandle,
    pub(crate) bodies: Bodies,
}

/// Where a request comes from; set by the server on each request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Client {
    /// The address behind trusted proxies.
    pub(crate) address: IpAddr,
    /// Whether a proxy that is not trusted stands between.
    pub(crate) forwarded: bool,
}

/// A request of anybody.
#[derive(Clone)]
pub(crate) struct Visit {
    api: Arc<Api>,
    client: Client,
}

/// A request of a device that is signed in.
#[derive(Clone)]
pub(crate) struct Call {
    api: Arc<Api>,
    who: Identity,
    address: IpAddr,
}

type Route = BoxedFilter<(Response,)>;

/// All routes; what none of them takes is answered as an error.
pub(crate) fn routes(
    api: &Arc<Api>,
) -> impl Filter<Extract = (Response,), Error = std::convert::Infallible> + Clone + use<> {
    let routes = first_of([
        ws::routes(api),
        accounts::routes(api),
        chats::routes(api),
        people::routes(api),
        operator::routes(api),
    ]);
    routes.recover(reply::recover).unify()
}

/// The first route which takes the request.
fn first_of(routes: impl IntoIterator<Item = Route>) -> Route {
    let none = warp::any().and_then(|| async { Err::<Response, Rejection>(warp::reject::not_found()) }).boxed();
    routes.into_iter().fold(none, |before, next| before.or(next).unify().boxed())
}
