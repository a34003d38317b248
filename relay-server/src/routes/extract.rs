//! What a route takes out of a request: the caller, the body, the query.

use std::collections::HashMap;
use std::convert::Infallible;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, BufMut as _, BytesMut};
use futures_util::{Stream, StreamExt as _};
use parley_protocol::{Code, ErrorBody};
use serde::de::DeserializeOwned;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use warp::{Filter, Rejection};

use super::reply::refuse;
use super::{Api, Call, Client, Visit};

/// How long a body may take to come.
const BODY_WITHIN: Duration = Duration::from_secs(30);
/// The longest body of somebody without a token, in bytes; of others, so much is not counted.
const FORM_BYTES: usize = 16 * 1024;
/// What [`Bodies`] counts in, in bytes.
const UNIT: usize = 1024;

/// What the bodies of all requests may take together while they come, beside the first 16 KiB of each.
pub(crate) struct Bodies {
    free: Arc<Semaphore>,
    most: usize,
}

impl Bodies {
    /// With so many bytes in all.
    pub(crate) fn new(most: usize) -> Self {
        Self { free: Arc::new(Semaphore::new((most / UNIT).min(Semaphore::MAX_PERMITS))), most }
    }

    /// Makes room for a body of this length, beside what it holds already.
    fn grow(&self, held: &mut Option<OwnedSemaphorePermit>, length: usize) -> Result<(), ErrorBody> {
        let needed = length.saturating_sub(FORM_BYTES).div_ceil(UNIT);
        let has = held.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let more = u32::try_from(needed.saturating_sub(has)).unwrap_or(u32::MAX);
        if more == 0 {
            return Ok(());
        }
        let Ok(permit) = Arc::clone(&self.free).try_acquire_many_owned(more) else {
            let message = format!("the relay takes {} bytes of requests at once (request_bytes); try again", self.most);
            return Err(ErrorBody { retry_after: Some(5), ..ErrorBody::new(Code::TryLater, message) });
        };
        match held {
            Some(held) => held.merge(permit),
            None => *held = Some(permit),
        }
        Ok(())
    }
}

/// Anybody.
pub(super) fn visit(api: &Arc<Api>) -> impl Filter<Extract = (Visit,), Error = Rejection> + Clone + use<> {
    let api = Arc::clone(api);
    warp::ext::get::<Client>().map(move |client| Visit { api: Arc::clone(&api), client })
}

/// A device that is signed in, within its account's rate.
pub(super) fn call(api: &Arc<Api>) -> impl Filter<Extract = (Call,), Error = Rejection> + Clone + use<> {
    visit(api).and(warp::header::optional::<String>("authorization")).and_then(
        |visit: Visit, header: Option<String>| async move {
            let token = bearer(header.as_deref()).map_err(refuse)?;
            let who = visit.api.accounts.authenticate(token).await.map_err(refuse)?;
            visit.api.rates.of_account(who.account).map_err(refuse)?;
            Ok::<_, Rejection>(Call { who, address: visit.client.address, api: visit.api })
        },
    )
}

/// The token of an `Authorization` header.
pub(super) fn bearer(header: Option<&str>) -> Result<&str, ErrorBody> {
    let token = header.and_then(|header| {
        let (scheme, token) = header.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
    });
    token.ok_or_else(|| {
        ErrorBody::new(Code::Unauthorized, "sign in and send the access token: `Authorization: Bearer <token>`")
    })
}

/// The JSON body of somebody who is signed in.
pub(super) fn body<T: DeserializeOwned + Send>(
    api: &Arc<Api>,
) -> impl Filter<Extract = (T,), Error = Rejection> + Clone + use<T> {
    let most = longest(api);
    json_within(api, most, too_long(most))
}

/// The JSON body of anybody: a form, which is short.
pub(super) fn form<T: DeserializeOwned + Send>(
    api: &Arc<Api>,
) -> impl Filter<Extract = (T,), Error = Rejection> + Clone + use<T> {
    let most = longest(api);
    if most > FORM_BYTES {
        let too_large = format!("the body of a request without a token has at most {FORM_BYTES} bytes");
        return json_within(api, FORM_BYTES, too_large);
    }
    json_within(api, most, too_long(most))
}

fn too_long(most: usize) -> String {
    format!("the body of a request has at most {most} bytes here (max_request)")
}

fn longest(api: &Api) -> usize {
    usize::try_from(api.config.max_request.0).unwrap_or(usize::MAX)
}

fn json_within<T: DeserializeOwned + Send>(
    api: &Arc<Api>,
    most: usize,
    too_large: String,
) -> impl Filter<Extract = (T,), Error = Rejection> + Clone + use<T> {
    let (api, too_large) = (Arc::clone(api), ErrorBody::new(Code::TooLarge, too_large));
    warp::header::optional::<u64>("content-length").and(warp::body::stream()).and_then(
        move |length: Option<u64>, stream| {
            let (api, too_large) = (Arc::clone(&api), too_large.clone());
            async move {
                if length.is_some_and(|length| length > most as u64) {
                    return Err(refuse(too_large));
                }
                let mut held = None;
                let whole = collect(stream, most, &too_large, |length| api.bodies.grow(&mut held, length));
                let whole = tokio::time::timeout(BODY_WITHIN, whole).await;
                let bytes = whole.unwrap_or_else(|_| Err(bad("the body took too long to come"))).map_err(refuse)?;
                parse(&bytes).map_err(refuse)
            }
        },
    )
}

async fn collect<B: Buf>(
    stream: impl Stream<Item = Result<B, warp::Error>>,
    most: usize,
    too_large: &ErrorBody,
    mut grow: impl FnMut(usize) -> Result<(), ErrorBody>,
) -> Result<BytesMut, ErrorBody> {
    let mut stream = std::pin::pin!(stream);
    let mut bytes = BytesMut::new();
    while let Some(part) = stream.next().await {
        let part = part.map_err(|_| ErrorBody::new(Code::BadRequest, "the body ended early"))?;
        let length = bytes.len() + part.remaining();
        if length > most {
            return Err(too_large.clone());
        }
        grow(length)?;
        bytes.put(part);
    }
    Ok(bytes)
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ErrorBody> {
    // A body that says nothing is the empty object: many have optional fields only.
    let bytes = if bytes.is_empty() { b"{}" } else { bytes };
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        let reason = error.into_inner();
        bad(if matches!(path.as_str(), "." | "?") {
            format!("the body: {reason}")
        } else {
            format!("`{path}`: {reason}")
        })
    })?;
    json.end().map_err(|_| bad("the body: there is something after the JSON object"))?;
    Ok(value)
}

fn bad(message: impl Into<String>) -> ErrorBody {
    ErrorBody::new(Code::BadRequest, message)
}

/// The parameters after `?`.
#[derive(Default)]
pub(super) struct Query(HashMap<String, String>);

/// The query; empty if there is none.
pub(super) fn query() -> impl Filter<Extract = (Query,), Error = Infallible> + Clone {
    let given = warp::query::<HashMap<String, String>>().map(Query);
    given.or(warp::any().map(Query::default)).unify()
}

impl Query {
    /// Refuses parameters which the route does not know: one that is misspelt would silently do nothing.
    pub(super) fn only(self, names: &[&str]) -> Result<Self, ErrorBody> {
        match self.0.keys().find(|name| !names.contains(&name.as_str())) {
            Some(name) => Err(bad(format!("there is no parameter `{name}` here; there is {}", names.join(", ")))),
            None => Ok(self),
        }
    }

    /// One parameter; `None` if it is absent.
    pub(super) fn get<T: FromStr>(&self, name: &str, what: &str) -> Result<Option<T>, ErrorBody> {
        let read = |text: &String| text.parse().map_err(|_| bad(format!("`{name}` is {what}")));
        self.0.get(name).map(read).transpose()
    }

    /// The text to search for; empty if it is absent.
    pub(super) fn text(&self, name: &str) -> String {
        self.0.get(name).map_or_else(String::new, |text| text.trim().to_owned())
    }

    /// How many to answer with.
    pub(super) fn limit(&self, default: usize, most: usize) -> Result<usize, ErrorBody> {
        let limit = self.get("limit", &format!("a number from 1 to {most}"))?.unwrap_or(default);
        if (1..=most).contains(&limit) { Ok(limit) } else { Err(bad(format!("`limit` is a number from 1 to {most}"))) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use parley_protocol::http::{CreateChat, SignUp};

    #[test]
    fn a_mistake_in_a_body_names_the_field() {
        let error = |text: &str| parse::<SignUp>(text.as_bytes()).unwrap_err().message;
        assert!(error(r#"{"username": 5}"#).starts_with("`username`: invalid type"));
        assert!(error(r#"{"username": "a"}"#).contains("missing field `email`"));
        assert!(error(r#"{"user": "a"}"#).contains("unknown field `user`"));
        assert!(error("{").starts_with("the body: EOF"));
        assert!(error(r#"{"username":"a","email":"b","password":"c"} x"#).contains("something after"));
        let chat = parse::<CreateChat>(br#"{"type": "party"}"#).unwrap_err().message;
        assert!(chat.contains("`type` is one of single, group"), "{chat}");
    }

    #[test]
    fn a_token_comes_as_bearer() {
        assert_eq!(bearer(Some("Bearer abc")).unwrap(), "abc");
        assert_eq!(bearer(Some("bearer abc")).unwrap(), "abc");
        for header in [None, Some("abc"), Some("Basic abc"), Some("")] {
            assert_eq!(bearer(header).unwrap_err().code, Code::Unauthorized);
        }
    }
}
