//! One socket: reading frames, writing what waits, and the last word.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use parley_protocol::{ClientFrame, Code, ErrorBody, RelayFrame};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Error as SocketError, Message};
use tokio_util::sync::CancellationToken;

use crate::mailbox::{Bye, Outgoing, next_good};
use crate::sessions::stopping;

/// How long the last frame may take.
const GOODBYE: Duration = Duration::from_secs(2);

/// What happened at a socket.
pub(crate) enum Event {
    Frame(Message),
    Flushed,
    TooLong,
    Lost,
}

/// The next frame of a client that has yet to say hello. `None` as an error: the socket is gone.
pub(crate) async fn next_frame<S>(
    socket: &mut WebSocketStream<S>,
    deadline: Instant,
    stop: &CancellationToken,
) -> Result<ClientFrame, Option<Bye>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let bye = |error| Some(Bye { error, opening: None });
    loop {
        let message = tokio::select! {
            biased;
            message = socket.next() => message,
            () = stop.cancelled() => return Err(bye(stopping())),
            () = tokio::time::sleep_until(deadline) => {
                return Err(bye(ErrorBody::new(Code::OutOfOrder, "no `hello` came in time (hello_within)")));
            }
        };
        match message {
            Some(Ok(Message::Text(text))) => return parse(&text).map_err(bye),
            Some(Ok(Message::Binary(_))) => return Err(bye(binary())),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            Some(Err(SocketError::Capacity(_))) => return Err(bye(too_long())),
            _ => return Err(None),
        }
    }
}

/// The answer to a frame beyond the bound.
pub(crate) fn too_long() -> ErrorBody {
    ErrorBody::new(Code::TooLarge, "the frame is longer than this relay takes: `max_frame` in `welcome` (frame_bytes)")
}

/// The answer to a binary message.
pub(crate) fn binary() -> ErrorBody {
    ErrorBody::new(Code::BadRequest, "frames are JSON; send this one as a text message, not as a binary one")
}

/// Reads a client's frame.
pub(crate) fn parse(text: &str) -> Result<ClientFrame, ErrorBody> {
    serde_json::from_str(text)
        .map_err(|error| ErrorBody::new(Code::BadRequest, format!("the frame could not be read: {error}")))
}

/// Says why the session ends, and ends it.
pub(crate) async fn say_bye<S>(socket: &mut WebSocketStream<S>, bye: Bye)
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let frame = RelayFrame::Bye { error: bye.error, opening: bye.opening }.encode();
    let last = async {
        // Whoever does not take the last frame is gone, which is what it says.
        let _ = socket.send(Message::text(frame)).await;
        let _ = socket.close(None).await;
    };
    let _ = tokio::time::timeout(GOODBYE, last).await;
}

/// Writes what there is to write and reads what there is to read; ready with the next thing that happened.
pub(crate) fn poll<S>(
    socket: &mut WebSocketStream<S>,
    out: &mut VecDeque<Outgoing>,
    unflushed: &mut bool,
    listens: bool,
    cx: &mut Context<'_>,
) -> Poll<Event>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut socket = Pin::new(socket);
    let had_some = !out.is_empty();
    while !out.is_empty() {
        match socket.poll_ready_unpin(cx) {
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(_)) => return Poll::Ready(Event::Lost),
            Poll::Pending => break,
        }
        let Some(message) = next_good(out, Instant::now) else { break };
        *unflushed = true;
        if socket.start_send_unpin(message).is_err() {
            return Poll::Ready(Event::Lost);
        }
    }
    if had_some && out.is_empty() && !*unflushed {
        // None of it was good any more.
        return Poll::Ready(Event::Flushed);
    }
    if *unflushed {
        match socket.poll_flush_unpin(cx) {
            Poll::Ready(Ok(())) if out.is_empty() => {
                *unflushed = false;
                return Poll::Ready(Event::Flushed);
            }
            Poll::Ready(Ok(())) => cx.waker().wake_by_ref(),
            Poll::Ready(Err(_)) => return Poll::Ready(Event::Lost),
            Poll::Pending => {}
        }
    }
    if !listens {
        return Poll::Pending;
    }
    match socket.poll_next_unpin(cx) {
        Poll::Ready(Some(Ok(message))) => Poll::Ready(Event::Frame(message)),
        Poll::Ready(Some(Err(SocketError::Capacity(_)))) => Poll::Ready(Event::TooLong),
        Poll::Ready(_) => Poll::Ready(Event::Lost),
        Poll::Pending => Poll::Pending,
    }
}
