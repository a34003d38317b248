//! What a route takes out of a request: the caller and the query; for the body see [`super::body`].

use std::collections::HashMap;
use std::convert::Infallible;
use std::str::FromStr;
use std::sync::Arc;

use parley_protocol::{Code, ErrorBody};
use warp::{Filter, Rejection};

use super::reply::refuse;
use super::{Api, Call, Client, Visit};

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

pub(super) fn bad(message: impl Into<String>) -> ErrorBody {
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

    #[test]
    fn a_token_comes_as_bearer() {
        assert_eq!(bearer(Some("Bearer abc")).unwrap(), "abc");
        assert_eq!(bearer(Some("bearer abc")).unwrap(), "abc");
        for header in [None, Some("abc"), Some("Basic abc"), Some("")] {
            assert_eq!(bearer(header).unwrap_err().code, Code::Unauthorized);
        }
    }
}
