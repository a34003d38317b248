//! Connections: accepting them, bounding them, and handing each request to the routes.
//!
//! A connection counts until its socket closes, as a WebSocket too. What goes wrong in one request stays in it: a
//! panic is answered as a fault of the relay and logged, and nothing else notices.

use std::convert::Infallible;
use std::io::IoSlice;
use std::net::{IpAddr, SocketAddr};
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use dashmap::DashMap;
use futures_util::FutureExt as _;
use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use parley_protocol::{Code, ErrorBody};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use warp::Filter;
use warp::reply::Response;

use crate::address::{Source, client, is_forwarded};
use crate::metrics::route_of;
use crate::routes::{Api, Client, failed, routes};

/// How long a client may take to send the head of a request; also how long an idle connection is kept.
const HEAD_WITHIN: Duration = Duration::from_secs(30);
/// The longest head of a request, in bytes.
const HEAD_BYTES: usize = 64 * 1024;

/// Accepts connections until the token is cancelled, then lets requests finish. Returns when the last connection
/// that is not a WebSocket has ended.
pub(crate) async fn serve(listener: TcpListener, api: Arc<Api>, stop: CancellationToken) {
    let most = api.config.max_connections;
    let free = Arc::new(Semaphore::new(most));
    let sources: Arc<DashMap<Source, usize>> = Arc::default();
    let connections = TaskTracker::new();
    let routes = TowerToHyperService::new(warp::service(with_cors(&api)));
    loop {
        // Beyond the bound nobody is accepted: the kernel's queue holds the next ones for a moment.
        let accepted = async {
            let place = Arc::clone(&free).acquire_owned().await.ok()?;
            Some((listener.accept().await, place))
        };
        let (accepted, place) = tokio::select! {
            () = stop.cancelled() => break,
            accepted = accepted => match accepted {
                Some(accepted) => accepted,
                None => break,
            },
        };
        let (socket, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                out_of_sockets(&error).await;
                continue;
            }
        };
        let Some(counted) = Counted::new(socket, peer, place, &sources, &api) else { continue };
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
        Ok(()) => match AssertUnwindSafe(routes.call(request)).catch_unwind().await {
            Ok(Ok(response)) => response,
            Err(_) => {
                tracing::error!(%method, route, "a request panicked");
                failed(ErrorBody::new(Code::Internal, "the relay has a fault; its operator finds more in its log"))
            }
        },
    };
    let (status, took) = (response.status().as_u16(), begun.elapsed());
    tracing::debug!(%method, route, status, ?took, "answered");
    let labels = [("method", method_label(&method).to_owned()), ("route", route), ("status", status.to_string())];
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

/// A socket that counts as a connection until it is dropped.
struct Counted {
    socket: TcpStream,
    _place: OwnedSemaphorePermit,
    source: Option<(Source, Arc<DashMap<Source, usize>>)>,
}

impl Counted {
    /// `None` if its source has as many as it may have.
    fn new(
        socket: TcpStream,
        peer: SocketAddr,
        place: OwnedSemaphorePermit,
        sources: &Arc<DashMap<Source, usize>>,
        api: &Api,
    ) -> Option<Self> {
        // Frames are small and somebody waits for each.
        let _ = socket.set_nodelay(true);
        let is_proxy = api.config.trusted_proxies.iter().any(|network| network.contains(peer.ip()));
        let source = (!is_proxy).then(|| (Source::of(peer.ip()), Arc::clone(sources)));
        if let Some((source, sources)) = &source {
            let mut count = sources.entry(*source).or_insert(0);
            if *count >= api.config.max_connections_per_address {
                tracing::debug!("an address has as many connections as it may have");
                return None;
            }
            *count += 1;
        }
        metrics::gauge!("parley_connections").increment(1.0);
        Some(Self { socket, _place: place, source })
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        metrics::gauge!("parley_connections").decrement(1.0);
        if let Some((source, sources)) = &self.source {
            if let Some(mut count) = sources.get_mut(source) {
                *count = count.saturating_sub(1);
            }
            sources.remove_if(source, |_, count| *count == 0);
        }
    }
}

impl AsyncRead for Counted {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(cx, buf)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}
