//! Accepting connections, and handing each request to the routes.
//!
//! A request is carried to its end, whether its caller waits for it or hangs up: what follows a commit in memory is never
//! left out. What goes wrong in one request stays in it: a panic is answered as a fault of the relay and logged, and nothing
//! else notices.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use parley_protocol::{Code, ErrorBody};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use warp::Filter;
use warp::reply::Response;

use crate::address::{client, is_forwarded};
use crate::connections::{Connections, refuse};
use crate::metrics::route_of;
use crate::routes::{Api, Client, failed, routes};

/// How long a client may take to send the head of a request; also how long an idle connection is kept.
const HEAD_WITHIN: Duration = Duration::from_secs(30);
/// The longest head of a request, in bytes.
const HEAD_BYTES: usize = 16 * 1024;

/// Accepts connections until the token is cancelled, then lets requests finish. Returns when the last connection
/// that is not a WebSocket has ended.
pub(crate) async fn serve(listener: TcpListener, api: Arc<Api>, stop: CancellationToken) {
    let places = Connections::new(&api.config);
    let connections = TaskTracker::new();
    let routes = TowerToHyperService::new(warp::service(with_cors(&api)));
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let (socket, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                out_of_sockets(&error).await;
                continue;
            }
        };
        let counted = match places.take(socket, peer.ip()) {
            Ok(counted) => counted,
            Err(Some(refused)) => {
                connections.spawn(stop.clone().run_until_cancelled_owned(refuse(refused)));
                continue;
            }
            Err(None) => continue,
        };
        let (api, stop, routes) = (Arc::clone(&api), stop.clone(), routes.clone());
        connections.spawn(async move {
            let service = service_fn(move |request| answer(Arc::clone(&api), routes.clone(), peer.ip(), request));
            let connection = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_WITHIN)
                .max_buf_size(HEAD_BYTES)
                .serve_connection(TokioIo::new(counted), service)
                .with_upgrades();
            let mut connection = std::pin::pin!(connection);
            let ended = tokio::select! {
                ended = connection.as_mut() => ended,
                () = stop.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection broke");
            }
        });
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

/// The routes, and for configured origins the answers to what browsers ask before.
fn with_cors(api: &Arc<Api>) -> warp::filters::BoxedFilter<(Response,)> {
    let routes = routes(api);
    if api.config.cors_origins.is_empty() {
        return routes.boxed();
    }
    let cors = warp::cors()
        .allow_origins(api.config.cors_origins.iter().map(String::as_str))
        .allow_methods(["GET", "POST", "PUT", "PATCH", "DELETE"])
        .allow_headers(["authorization", "content-type"])
        .max_age(600);
    let refused =
        |_| async { Ok::<_, Infallible>(failed(ErrorBody::new(Code::Forbidden, "this origin is not allowed"))) };
    let plain = routes.with(cors).recover(refused);
    plain.map(warp::Reply::into_response).boxed()
}

async fn answer<S>(
    api: Arc<Api>,
    routes: S,
    peer: IpAddr,
    mut request: Request<Incoming>,
) -> Result<Response, Infallible>
where
    S: hyper::service::Service<Request<Incoming>, Response = Response, Error = Infallible>,
    S::Future: Send + 'static,
{
    let begun = Instant::now();
    let from = Client {
        address: client(peer, request.headers(), &api.config.trusted_proxies),
        forwarded: is_forwarded(request.headers()) && !api.config.trusted_proxies.iter().any(|net| net.contains(peer)),
    };
    request.extensions_mut().insert(from);
    let (method, route) = (request.method().clone(), route_of(request.uri().path()));
    let response = match api.rates.request(from.address) {
        Err(error) => failed(error),
        // A task of its own: hyper drops the future of a caller who has hung up.
        Ok(()) => match tokio::spawn(routes.call(request)).await {
            Ok(Ok(response)) => response,
            Err(_) => {
                tracing::error!(%method, route, "a request panicked");
                failed(ErrorBody::new(Code::Internal, "the relay has a fault; its operator finds more in its log"))
            }
        },
    };
    let (status, took) = (response.status().as_u16(), begun.elapsed());
    tracing::debug!(%method, route, status, ?took, "answered");
    let labels =
        [("method", method_label(&method).to_owned()), ("route", route.to_owned()), ("status", status.to_string())];
    metrics::counter!("parley_http_requests_total", &labels).increment(1);
    metrics::histogram!("parley_http_request_seconds").record(took.as_secs_f64());
    Ok(response)
}

fn method_label(method: &http::Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        _ => "other",
    }
}

/// After a failed accept. One that broke by itself says nothing about the next; out of file descriptors, a moment's
/// wait lets others close.
async fn out_of_sockets(error: &std::io::Error) {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    if !matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted) {
        tracing::error!(%error, "a connection could not be accepted");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
