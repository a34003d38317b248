//! The relay's HTTP routes, and the tokens that open them.
//!
//! Tokens are refreshed here and nowhere else, one refresh at a time, and the new ones are on the disk before they are used: the
//! relay takes the refresh token before the current one until its successor was used (DELIVERY rule 19), so a crash in
//! between loses nothing.

use std::sync::Arc;
use std::time::Duration;

use parley_protocol::error::ErrorAnswer;
use parley_protocol::http::{Refresh, Tokens};
use parley_protocol::{Code, DeviceId, ErrorBody};
use reqwest::Method;
use serde::{Serialize, de::DeserializeOwned};
use tokio::sync::{Mutex, mpsc};

use crate::core::Input;
use crate::error::{EngineError, Result};
use crate::tokens::{Credentials, Keeper, Keychain};
use crate::views::{Connection, Me};

/// How long a request may take.
const TIMEOUT: Duration = Duration::from_secs(20);
/// A token that ends sooner than this is refreshed first.
const MARGIN_MS: u64 = 30_000;

/// Who the tokens are for.
pub(crate) fn me_of(relay: &str, tokens: &Tokens) -> Me {
    Me {
        account: tokens.user.id,
        username: tokens.user.username.clone(),
        device: tokens.device,
        relay: relay.to_owned(),
    }
}

/// The relay's address as it is kept: with a scheme, without a path.
///
/// # Errors
/// A sentence that says what an address looks like.
pub(crate) fn normalise(relay: &str) -> Result<String> {
    let text = relay.trim().trim_end_matches('/');
    let with_scheme = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
    let wrong =
        || EngineError::Invalid(format!("`{relay}` is no relay's address; it looks like https://relay.example.org"));
    let url = reqwest::Url::parse(&with_scheme).map_err(|_| wrong())?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() || url.path() != "/" {
        return Err(wrong());
    }
    Ok(with_scheme)
}

/// A client of one relay. Clones share the tokens.
#[derive(Clone)]
pub(crate) struct RelayApi {
    http: reqwest::Client,
    credentials: Arc<Mutex<Option<Credentials>>>,
    keeper: Keeper,
    inputs: mpsc::Sender<Input>,
    wall: crate::core::WallClock,
}

impl RelayApi {
    pub(crate) fn new(
        credentials: Option<Credentials>,
        keychain: Option<Arc<dyn Keychain>>,
        inputs: mpsc::Sender<Input>,
        wall: crate::core::WallClock,
    ) -> Result<Self> {
        // A second engine in the process finds it installed already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .connect_timeout(Duration::from_secs(10))
            .user_agent(concat!("parley/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| EngineError::Unreachable(error.to_string()))?;
        Ok(Self { http, credentials: Arc::new(Mutex::new(credentials)), keeper: Keeper::new(keychain), inputs, wall })
    }

    /// Without tokens from now on.
    pub(crate) async fn clear(&self) {
        *self.credentials.lock().await = None;
    }

    /// Tokens of a sign-in that has just been made, kept in the keychain if it takes them; the caller tells the database.
    pub(crate) async fn take(&self, credentials: Credentials) -> Credentials {
        let mut current = self.credentials.lock().await;
        let kept = self.keeper.keep(credentials).await;
        *current = Some(kept.clone());
        kept
    }

    /// Forgets what the keychain has, unless there are tokens again.
    pub(crate) async fn forget_tokens(&self) {
        let current = self.credentials.lock().await;
        if current.is_none() {
            self.keeper.forget().await;
        }
    }

    /// A request without a token: sign-up and sign-in.
    pub(crate) async fn open_call<B: Serialize, T: DeserializeOwned>(
        &self,
        relay: &str,
        path: &str,
        body: &B,
    ) -> Result<T> {
        read(relay, self.http.post(format!("{relay}{path}")).json(body).send().await).await
    }

    /// A request without a token or a body.
    pub(crate) async fn open_get<T: DeserializeOwned>(&self, relay: &str, path: &str) -> Result<T> {
        read(relay, self.http.get(format!("{relay}{path}")).send().await).await
    }

    /// A request with the account's token and no body.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        self.call(Method::GET, path, None::<&()>).await
    }

    /// A request with the account's token. A token that has run out is refreshed, once.
    pub(crate) async fn call<B: Serialize, T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&B>,
    ) -> Result<T> {
        let mut stale = None;
        loop {
            let credentials = self.fresh(stale.as_deref()).await?;
            match self.call_as(&credentials, method.clone(), path, body).await {
                Err(EngineError::Relay(error)) if error.code == Code::TokenExpired && stale.is_none() => {
                    stale = Some(credentials.access);
                }
                Err(EngineError::Relay(error)) if is_final(error.code) => {
                    if self.has_ended(credentials.device, &error).await {
                        return Err(EngineError::Relay(error));
                    }
                    stale = None;
                }
                other => return other,
            }
        }
    }

    /// A request with these tokens, as they are.
    async fn call_as<B: Serialize, T: DeserializeOwned>(
        &self,
        credentials: &Credentials,
        method: Method,
        path: &str,
        body: Option<&B>,
    ) -> Result<T> {
        let address = format!("{}{path}", credentials.relay);
        let mut request = self.http.request(method, address).bearer_auth(&credentials.access);
        if let Some(body) = body {
            request = request.json(body);
        }
        read(&credentials.relay, request.send().await).await
    }

    /// Tokens that are good now; those with the access token `stale` are not.
    pub(crate) async fn fresh(&self, stale: Option<&str>) -> Result<Credentials> {
        self.renewed(&mut *self.credentials.lock().await, stale).await
    }

    /// The same of tokens that nobody else uses meanwhile.
    async fn renewed(&self, kept: &mut Option<Credentials>, stale: Option<&str>) -> Result<Credentials> {
        let current = kept.clone().ok_or(EngineError::SignedOut)?;
        let good = current.expires_at > (self.wall)() + MARGIN_MS && stale != Some(current.access.as_str());
        if good {
            return Ok(current);
        }
        let body = Refresh { refresh_token: current.refresh.clone() };
        let tokens: Tokens = match self.open_call(&current.relay, "/api/refresh", &body).await {
            Ok(tokens) => tokens,
            Err(EngineError::Relay(error)) if is_final(error.code) || error.code == Code::TokenExpired => {
                *kept = None;
                self.tell_end(&error).await;
                return Err(EngineError::SignedOut);
            }
            Err(error) => return Err(error),
        };
        let fresh = Credentials::new(&current.relay, &tokens, (self.wall)());
        let fresh = self.keeper.keep(fresh).await;
        self.write(fresh.clone()).await?;
        *kept = Some(fresh.clone());
        Ok(fresh)
    }

    /// Tells the database of new tokens.
    async fn write(&self, credentials: Credentials) -> Result<()> {
        let (done, kept) = tokio::sync::oneshot::channel();
        let command =
            Box::new(move |_: &mut crate::core::Core, tx: &rusqlite::Connection, out: &mut crate::core::Effects| {
                credentials.write(tx)?;
                out.after.push(Box::new(move || {
                    // Whoever asked may be gone.
                    let _ = done.send(());
                }));
                Ok(())
            });
        self.inputs.send(Input::Command(command)).await.map_err(|_| EngineError::Closed)?;
        kept.await.map_err(|_| EngineError::Closed)
    }

    /// The relay says that a device's sign-in is over. Whether that ends this profile's: not if the profile is another device by now,
    /// or is just becoming one, which is waited for. If it does, the core is told.
    pub(crate) async fn has_ended(&self, device: DeviceId, error: &ErrorBody) -> bool {
        let mut current = self.credentials.lock().await;
        if current.as_ref().is_some_and(|current| current.device != device) {
            return false;
        }
        if current.take().is_some() {
            self.tell_end(error).await;
        }
        true
    }

    async fn tell_end(&self, error: &ErrorBody) {
        let view = Connection::SignedOut { reason: Some(error.message.clone()) };
        // The core ends with the engine only.
        let _ = self.inputs.send(Input::RelayDown { session: 0, view }).await;
    }

    /// This profile is an old copy: a new device, in place of the old one.
    pub(crate) async fn replace_device(&self) -> Result<(Credentials, Me)> {
        // The tokens of the old device are no good any more once the relay has answered. Whoever is told so meanwhile waits here for
        // the new ones.
        let mut current = self.credentials.lock().await;
        let mut stale = None;
        loop {
            let old = self.renewed(&mut current, stale.as_deref()).await?;
            let nothing = serde_json::json!({});
            match self.call_as::<_, Tokens>(&old, Method::POST, "/api/devices/replace", Some(&nothing)).await {
                Ok(tokens) => {
                    let new = self.keeper.keep(Credentials::new(&old.relay, &tokens, (self.wall)())).await;
                    *current = Some(new.clone());
                    return Ok((new, me_of(&old.relay, &tokens)));
                }
                Err(EngineError::Relay(error)) if error.code == Code::TokenExpired && stale.is_none() => {
                    stale = Some(old.access);
                }
                Err(error) => {
                    if error.code().is_some_and(is_final) {
                        *current = None;
                    }
                    return Err(error);
                }
            }
        }
    }
}

/// Whether the code says that the tokens are no good any more.
pub(crate) fn is_final(code: Code) -> bool {
    matches!(code, Code::TokenReused | Code::DeviceRevoked | Code::Unauthorized)
}

/// The relay's answer; what is no answer of one names the relay's address.
async fn read<T: DeserializeOwned>(relay: &str, answer: Result<reqwest::Response, reqwest::Error>) -> Result<T> {
    let away = |why: String| EngineError::Unreachable(format!("{relay}: {why}"));
    let unreachable = |error: reqwest::Error| away(plain(&error));
    let answer = answer.map_err(unreachable)?;
    let status = answer.status();
    let bytes = answer.bytes().await.map_err(unreachable)?;
    if status.is_success() {
        // Answers without a body stand for `null`.
        let bytes = if bytes.is_empty() { b"null".as_slice() } else { &bytes };
        return serde_json::from_slice(bytes).map_err(|error| away(format!("its answer could not be read: {error}")));
    }
    let error = serde_json::from_slice::<ErrorAnswer>(&bytes).map_or_else(
        |_| away(format!("what answers there is no Parley relay (status {status})")),
        |answer| EngineError::Relay(answer.error),
    );
    Err(error)
}

/// The innermost cause, which is what a person can act on ("connection refused").
fn plain(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

#[cfg(test)]
#[path = "relay_api_tests.rs"]
mod tests;
