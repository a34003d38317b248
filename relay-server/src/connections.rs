//! How many connections there are, and the answer to whoever is one too many.
//!
//! A connection counts until its socket closes, as a WebSocket too.

use std::convert::Infallible;
use std::io::IoSlice;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use dashmap::DashMap;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use parley_protocol::{Code, ErrorBody};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::address::Source;
use crate::config::{Config, Network};
use crate::routes::failed;

/// Connections beyond the bounds which are answered at once; yet more are closed without a word.
const REFUSED_AT_ONCE: usize = 64;
/// How long one of them may take to say what it wants and to hear the answer.
const REFUSED_WITHIN: Duration = Duration::from_secs(5);
/// When somebody who was refused may try again, in seconds.
const TRY_AGAIN: u64 = 10;

/// Every connection, by where it comes from.
pub(crate) struct Connections {
    most: usize,
    most_of_one: usize,
    proxies: Vec<Network>,
    free: Arc<Semaphore>,
    refusals: Arc<Semaphore>,
    sources: Arc<DashMap<Source, usize>>,
}

impl Connections {
    /// None yet, with the bounds as configured.
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            most: config.max_connections,
            most_of_one: config.max_connections_per_address,
            proxies: config.trusted_proxies.clone(),
            free: Arc::new(Semaphore::new(config.max_connections)),
            refusals: Arc::new(Semaphore::new(REFUSED_AT_ONCE)),
            sources: Arc::default(),
        }
    }

    /// Counts a connection. One too many is to be refused, or (`None`) dropped, if too many are being refused already.
    pub(crate) fn take(&self, socket: TcpStream, peer: IpAddr) -> Result<Counted, Option<Refused>> {
        // Frames are small and somebody waits for each.
        let _ = socket.set_nodelay(true);
        let Ok(place) = Arc::clone(&self.free).try_acquire_owned() else {
            let message = format!("the relay has {} connections, as many as it takes (max_connections)", self.most);
            return Err(self.refused(socket, ErrorBody::new(Code::TryLater, message)));
        };
        let is_proxy = self.proxies.iter().any(|network| network.contains(peer));
        let source = if is_proxy { None } else { Some(Source::of(peer)) };
        if let Some(source) = source {
            let mut count = self.sources.entry(source).or_insert(0);
            if *count >= self.most_of_one {
                drop(count);
                let message = format!(
                    "this address has {} connections, as many as one may have (max_connections_per_address)",
                    self.most_of_one
                );
                return Err(self.refused(socket, ErrorBody::new(Code::LimitReached, message)));
            }
            *count += 1;
        }
        metrics::gauge!("parley_connections").increment(1.0);
        Ok(Counted { socket, _place: place, source: source.map(|source| (source, Arc::clone(&self.sources))) })
    }

    fn refused(&self, socket: TcpStream, error: ErrorBody) -> Option<Refused> {
        metrics::counter!("parley_connections_refused_total").increment(1);
        tracing::debug!(%error, "a connection is refused");
        let place = Arc::clone(&self.refusals).try_acquire_owned().ok()?;
        let error = ErrorBody { retry_after: Some(TRY_AGAIN), ..error };
        Some(Refused { socket, error, _place: place })
    }
}

/// A connection beyond a bound, and why it is none.
pub(crate) struct Refused {
    socket: TcpStream,
    error: ErrorBody,
    _place: OwnedSemaphorePermit,
}

/// Answers the first request of a connection by the bound that it is beyond, and closes it.
pub(crate) async fn refuse(refused: Refused) {
    let Refused { socket, error, _place } = refused;
    let service = service_fn(move |_| {
        let answer = failed(error.clone());
        async { Ok::<_, Infallible>(answer) }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(REFUSED_WITHIN)
        .keep_alive(false)
        .serve_connection(TokioIo::new(socket), service);
    // Whoever does not take the answer is not told; there is nobody else to tell.
    let _ = tokio::time::timeout(REFUSED_WITHIN, connection).await;
}

/// A socket that counts as a connection until it is dropped.
pub(crate) struct Counted {
    socket: TcpStream,
    _place: OwnedSemaphorePermit,
    source: Option<(Source, Arc<DashMap<Source, usize>>)>,
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
