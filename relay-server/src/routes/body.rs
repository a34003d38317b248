//! The JSON body of a request, within its bounds: how long one is, how long it may take, and what all take together.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::{Buf, BufMut as _, BytesMut};
use futures_util::{Stream, StreamExt as _};
use parley_protocol::{Code, ErrorBody};
use serde::de::DeserializeOwned;
use warp::{Filter, Rejection};

use super::extract::bad;
use super::reply::refuse;
use super::{Api, Client};
use crate::address::Source;

/// How long a body may take to come.
const BODY_WITHIN: Duration = Duration::from_secs(30);
/// The longest body of somebody without a token, in bytes; of others, so much is not counted.
const FORM_BYTES: usize = 16 * 1024;
/// One address may have this part of what all bodies may take.
const SHARE: usize = 4;

/// What the bodies of all requests may take together while they come, beside the first 16 KiB of each.
pub(crate) struct Bodies {
    most: usize,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    all: usize,
    of: HashMap<Source, usize>,
}

impl Bodies {
    /// With so many bytes in all.
    pub(crate) fn new(most: usize) -> Self {
        Self { most, taken: Mutex::default() }
    }

    /// Begins a body, which holds nothing yet.
    fn begin(&self, address: IpAddr) -> Held<'_> {
        Held { bodies: self, source: Source::of(address), bytes: 0 }
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one body takes, until it is dropped.
struct Held<'a> {
    bodies: &'a Bodies,
    source: Source,
    bytes: usize,
}

impl Held<'_> {
    /// Makes room for a body of this length.
    fn grow(&mut self, length: usize) -> Result<(), ErrorBody> {
        let more = length.saturating_sub(FORM_BYTES).saturating_sub(self.bytes);
        if more == 0 {
            return Ok(());
        }
        let (most, mut taken) = (self.bodies.most, self.bodies.lock());
        let of_one = taken.of.get(&self.source).copied().unwrap_or(0);
        if taken.all + more > most || of_one + more > most / SHARE {
            let message = format!(
                "the relay takes {most} bytes of requests at once, and {} from one address (request_bytes); try again",
                most / SHARE
            );
            return Err(ErrorBody { retry_after: Some(5), ..ErrorBody::new(Code::TryLater, message) });
        }
        taken.all += more;
        taken.of.insert(self.source, of_one + more);
        self.bytes += more;
        Ok(())
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if self.bytes == 0 {
            return;
        }
        let mut taken = self.bodies.lock();
        taken.all = taken.all.saturating_sub(self.bytes);
        let left = taken.of.get(&self.source).map_or(0, |of_one| of_one.saturating_sub(self.bytes));
        if left == 0 {
            taken.of.remove(&self.source);
        } else {
            taken.of.insert(self.source, left);
        }
    }
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
    let length = warp::header::optional::<u64>("content-length");
    warp::ext::get::<Client>().and(length).and(warp::body::stream()).and_then(
        move |client: Client, length: Option<u64>, stream| {
            let (api, too_large) = (Arc::clone(&api), too_large.clone());
            async move {
                if length.is_some_and(|length| length > most as u64) {
                    return Err(refuse(too_large));
                }
                let mut held = api.bodies.begin(client.address);
                let whole = collect(stream, most, &too_large, &mut held);
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
    held: &mut Held<'_>,
) -> Result<BytesMut, ErrorBody> {
    let mut stream = std::pin::pin!(stream);
    let mut bytes = BytesMut::new();
    while let Some(part) = stream.next().await {
        let part = part.map_err(|_| ErrorBody::new(Code::BadRequest, "the body ended early"))?;
        let length = bytes.len() + part.remaining();
        if length > most {
            return Err(too_large.clone());
        }
        held.grow(length)?;
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
    fn what_bodies_take_is_given_back() {
        let bodies = Bodies::new(400_000);
        let [one, other]: [IpAddr; 2] = [[192, 0, 2, 1].into(), [192, 0, 2, 2].into()];
        let mut held = bodies.begin(one);
        assert!(held.grow(100_000).is_ok() && held.grow(116_384).is_ok());
        assert!(held.grow(116_385).is_err(), "a fourth of it");
        assert!(bodies.begin(one).grow(16_384).is_ok(), "so much is not counted");
        assert!(bodies.begin(one).grow(16_385).is_err());
        assert!(bodies.begin(other).grow(100_000).is_ok());
        drop(held);
        assert!(bodies.begin(one).grow(100_000).is_ok());
        let taken = bodies.lock();
        assert_eq!((taken.all, taken.of.len()), (0, 0));
    }
}
