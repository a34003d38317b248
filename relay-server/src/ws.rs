//! The upgrade of an HTTP request to a session.
//!
//! warp's own WebSocket copies a text for every recipient, so the upgraded connection is taken from hyper and handed
//! to tokio-tungstenite. The session moves to a task of its own, and the big future of the HTTP connection ends.

use std::sync::Arc;

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use warp::reply::Response;
use warp::{Filter, Rejection};

use crate::limits::Limits;
use crate::relay::Relay;
use crate::session::{Admitted, Authenticate, run};
use crate::watched::Watched;

/// Small buffers: most connections are at rest most of the time. Larger frames grow them while they last.
const READ_BUFFER: usize = 2 * 1024;
const WRITE_BUFFER: usize = 16 * 1024;

/// How sessions speak WebSocket.
#[must_use]
pub fn config(limits: &Limits) -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_BUFFER)
        .max_message_size(Some(limits.frame_bytes))
        .max_frame_size(Some(limits.frame_bytes))
}

/// Answers an upgrade request whose key is `key`, and runs the session once the connection is handed over.
pub fn upgrade(
    relay: &Arc<Relay>,
    authenticate: Authenticate,
    admitted: Option<Admitted>,
    key: &str,
    upgraded: OnUpgrade,
) -> Response {
    let session = Arc::clone(relay);
    relay.sessions.spawn(async move {
        match upgraded.await {
            Ok(upgraded) => {
                let stream = Watched::new(TokioIo::new(upgraded));
                let config = config(&session.limits);
                let socket = WebSocketStream::from_raw_socket(stream, Role::Server, Some(config)).await;
                run(socket, admitted, session, authenticate).await;
            }
            Err(error) => tracing::debug!(%error, "a connection was not upgraded"),
        }
    });
    let mut response = Response::default();
    *response.status_mut() = http::StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(http::header::CONNECTION, http::HeaderValue::from_static("upgrade"));
    headers.insert(http::header::UPGRADE, http::HeaderValue::from_static("websocket"));
    if let Ok(accept) = http::HeaderValue::from_str(&derive_accept_key(key.as_bytes())) {
        headers.insert(http::header::SEC_WEBSOCKET_ACCEPT, accept);
    }
    response
}

/// The key of an upgrade request and the connection to be handed over, of requests which ask for a WebSocket.
pub fn request() -> impl Filter<Extract = (String, OnUpgrade), Error = Rejection> + Clone {
    warp::get()
        .and(warp::header::exact_ignore_case("upgrade", "websocket"))
        .and(warp::header::exact("sec-websocket-version", "13"))
        .and(warp::header::<String>("sec-websocket-key"))
        .and(warp::ext::get::<OnUpgrade>())
}

/// Sessions which say who they are by their first frame.
pub fn ws(
    relay: Arc<Relay>,
    authenticate: Authenticate,
) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone {
    request().map(move |key: String, upgraded| upgrade(&relay, Arc::clone(&authenticate), None, &key, upgraded))
}
