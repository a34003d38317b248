//! The async runtime which our WebRTC connections run on: tokio's, with one fault of the library
//! worked around and its sockets given room.
//!
//! **The flush fault of webrtc 0.21.1.** The connection's driver writes out what timers and calls
//! have produced, but not what handling an incoming packet has produced: that waits for the next
//! packet or timer. It costs most of a second when a connection is set up, and seconds through a TURN
//! server. The driver asks its runtime for a `sleep` once a pass, so we answer "already over"
//! until [`IDLE_PASSES`] passes in a row have found nothing to do, and sleep truly then.
//! A test shows the fault without this; when it no longer does, take the plain `TokioRuntime`.

use std::{
    future::Future,
    io,
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    pin::Pin,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU8, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use socket2::SockRef;
use webrtc::runtime::{
    AsyncInterval, AsyncTcpListener, AsyncTcpStream, AsyncUdpSocket, JoinHandle, Runtime, TokioRuntime,
};

use super::trouble::Trouble;

/// How many passes in a row must find nothing before the driver may sleep. One or two leave
/// packets behind when the connection goes through a TURN server.
const IDLE_PASSES: u8 = 3;

/// What we ask the system for, each way, for each socket; it may grant less.
const SOCKET_BUFFER: usize = 4 << 20;

/// With the socket buffers we ask for, and without: how many bytes a channel may have unacknowledged.
/// More than the small one on small socket buffers makes it stand still for 0.2 to 1.2 s at a time.
const SEND_BUFFER: usize = 1 << 20;
const SEND_BUFFER_SMALL: usize = 64 << 10;

/// The driver waits for names while it gathers, and nothing else of the connection moves meanwhile.
const RESOLVE_DEADLINE: Duration = Duration::from_millis(400);

tokio::task_local! {
    /// Set while the driver of a connection is polled, so that its sleep can be told from the
    /// ones which senders and `close` take: those must truly last.
    static IN_DRIVER: ();
}

/// One per connection: it counts the passes of that connection's driver.
#[derive(Debug)]
pub(super) struct FlushingRuntime {
    tokio: TokioRuntime,
    passes: Arc<Passes>,
    trouble: Option<Trouble>,
}

#[derive(Debug, Default)]
struct Passes {
    /// Idle passes since something last happened, up to [`IDLE_PASSES`].
    idle: AtomicU8,
    /// The sleep handed out last was over at once, and nothing else came before it.
    ran_out: AtomicBool,
}

impl FlushingRuntime {
    pub(super) fn new(trouble: Option<Trouble>) -> Self {
        Self { tokio: TokioRuntime, passes: Arc::default(), trouble }
    }
}

/// How many bytes a channel may hold unacknowledged, by the socket buffers this system grants.
pub(super) fn send_buffer_limit() -> usize {
    static LIMIT: OnceLock<usize> = OnceLock::new();
    *LIMIT.get_or_init(|| {
        let granted = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|socket| {
            widen(&socket);
            let socket = SockRef::from(&socket);
            Ok(socket.recv_buffer_size()?.min(socket.send_buffer_size()?))
        });
        match granted {
            Ok(granted) if granted >= SOCKET_BUFFER => SEND_BUFFER,
            _ => SEND_BUFFER_SMALL,
        }
    })
}

fn widen(socket: &UdpSocket) {
    let socket = SockRef::from(socket);
    // A system which refuses leaves its default, which works, slower.
    let _ = socket.set_recv_buffer_size(SOCKET_BUFFER);
    let _ = socket.set_send_buffer_size(SOCKET_BUFFER);
}

/// A sleep which is over at once, and notes that the driver came to it.
struct NoSleep(Arc<Passes>);

impl Future for NoSleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        self.0.ran_out.store(true, Ordering::Relaxed);
        Poll::Ready(())
    }
}

impl Runtime for FlushingRuntime {
    fn spawn(&self, future: Pin<Box<dyn Future<Output = ()> + Send>>) -> Box<dyn JoinHandle> {
        self.tokio.spawn(Box::pin(IN_DRIVER.scope((), future)))
    }

    fn wrap_udp_socket(&self, socket: UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        widen(&socket);
        let socket = self.tokio.wrap_udp_socket(socket)?;
        Ok(match &self.trouble {
            Some(trouble) => trouble.wrap(socket),
            None => socket,
        })
    }

    fn wrap_tcp_listener(&self, listener: std::net::TcpListener) -> io::Result<Arc<dyn AsyncTcpListener>> {
        self.tokio.wrap_tcp_listener(listener)
    }

    fn connect_tcp<'a>(
        &'a self,
        remote_addr: SocketAddr,
    ) -> Pin<Box<dyn Future<Output = io::Result<Arc<dyn AsyncTcpStream>>> + Send + 'a>> {
        self.tokio.connect_tcp(remote_addr)
    }

    fn resolve_host<'a>(
        &'a self,
        host: &'a str,
    ) -> Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'a>> {
        Box::pin(async move {
            tokio::time::timeout(RESOLVE_DEADLINE, self.tokio.resolve_host(host))
                .await
                .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        })
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + 'static>> {
        if IN_DRIVER.try_with(|()| ()).is_err() {
            return self.tokio.sleep(duration);
        }
        // Only the driver's task comes here, one call a pass, so there is nothing to race with.
        let idle = if self.passes.ran_out.swap(false, Ordering::Relaxed) {
            self.passes.idle.load(Ordering::Relaxed) + 1
        } else {
            0
        };
        self.passes.idle.store(idle, Ordering::Relaxed);
        if idle < IDLE_PASSES { Box::pin(NoSleep(Arc::clone(&self.passes))) } else { self.tokio.sleep(duration) }
    }

    fn interval(&self, period: Duration) -> Box<dyn AsyncInterval> {
        self.tokio.interval(period)
    }

    fn block_on(&self, future: Pin<Box<dyn Future<Output = ()> + '_>>) {
        self.tokio.block_on(future);
    }

    fn yield_now(&self) -> Pin<Box<dyn Future<Output = ()> + Send + 'static>> {
        self.tokio.yield_now()
    }

    fn name(&self) -> &'static str {
        "tokio, flushing"
    }
}

#[cfg(test)]
#[path = "runtime_tests.rs"]
mod tests;
