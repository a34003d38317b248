//! Opening the WebSocket to the relay, and what it says if it refuses.

use std::time::Duration;

use parley_protocol::{Code, DeviceId, ErrorBody};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error as WsError, http::header::AUTHORIZATION};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use super::End;
use crate::error::EngineError;
use crate::relay_api::{RelayApi, is_final};
use crate::tokens::Credentials;
use crate::views::Connection;

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(10);
/// The longest frame taken: a `welcome` names every log of the device, with the members of those that are new to it.
const MAX_FRAME: usize = 64 << 20;

/// The WebSocket, with TLS or without.
pub(super) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Opens the WebSocket, with tokens that are good, and says whose they are.
pub(super) async fn connect(api: &RelayApi) -> Result<(Socket, DeviceId), End> {
    let credentials = match api.fresh(None).await {
        Ok(credentials) => credentials,
        Err(EngineError::SignedOut) => return Err(End::Pause),
        // How it is shown says already that the relay is not reached.
        Err(EngineError::Unreachable(reason)) => return Err(End::Broken(reason)),
        Err(error) => return Err(End::Broken(error.to_string())),
    };
    let broken = |reason: &dyn std::fmt::Display| End::Broken(format!("{}: {reason}", credentials.relay));
    match tokio::time::timeout(CONNECT, open(&credentials)).await {
        Ok(Ok(socket)) => Ok((socket, credentials.device)),
        Ok(Err(Refusal::TokenExpired)) => Err(match api.fresh(Some(&credentials.access)).await {
            Err(EngineError::SignedOut) => End::Pause,
            _ => End::Broken("the sign-in was renewed".to_owned()),
        }),
        Ok(Err(Refusal::SignedOut(error))) => Err(End::SignedOut(credentials.device, error)),
        Ok(Err(Refusal::Stay(view))) => Err(End::Stay(view)),
        Ok(Err(Refusal::Failed(reason))) => Err(broken(&reason)),
        Err(_) => Err(broken(&"it did not answer in time")),
    }
}

enum Refusal {
    TokenExpired,
    SignedOut(ErrorBody),
    Stay(Connection),
    Failed(String),
}

async fn open(credentials: &Credentials) -> Result<Socket, Refusal> {
    let failed = |error: &dyn std::fmt::Display| Refusal::Failed(error.to_string());
    let address = format!("ws{}/ws", credentials.relay.trim_start_matches("http"));
    let mut request = address.into_client_request().map_err(|error| failed(&error))?;
    let bearer = format!("Bearer {}", credentials.access).parse().map_err(|error| failed(&error))?;
    request.headers_mut().insert(AUTHORIZATION, bearer);
    let config = WebSocketConfig::default().max_message_size(Some(MAX_FRAME)).max_frame_size(Some(MAX_FRAME));
    match tokio_tungstenite::connect_async_with_config(request, Some(config), true).await {
        Ok((socket, _)) => Ok(socket),
        Err(WsError::Http(answer)) => {
            let body = answer.body().as_deref().unwrap_or_default();
            let error = serde_json::from_slice::<parley_protocol::error::ErrorAnswer>(body).map(|answer| answer.error);
            Err(match error {
                Ok(error) if error.code == Code::TokenExpired => Refusal::TokenExpired,
                Ok(error) if is_final(error.code) => Refusal::SignedOut(error),
                Ok(error) if error.code == Code::VersionMismatch => {
                    Refusal::Stay(Connection::Incompatible { reason: error.message })
                }
                Ok(error) => Refusal::Failed(error.message),
                Err(_) => Refusal::Failed(format!("what answers there is no Parley relay ({})", answer.status())),
            })
        }
        Err(WsError::Io(error)) => Err(failed(&error)),
        Err(error) => Err(failed(&error)),
    }
}
