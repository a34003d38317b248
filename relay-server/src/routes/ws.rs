//! `/ws`: the upgrade to a session. The token comes in the `Authorization` header or in the first frame; never in the
//! address, which proxies and logs keep.

use std::sync::Arc;

use hyper::upgrade::OnUpgrade;
use parley_protocol::{Code, ErrorBody};
use warp::reply::Response;
use warp::{Filter, path};

use super::extract::{bearer, visit};
use super::reply::failed;
use super::{Api, Route, Visit};
use crate::session::Authenticate;
use crate::ws;

const TOKEN_NAMES: [&str; 4] = ["token", "access_token", "auth", "authorization"];

pub(super) fn routes(api: &Arc<Api>) -> Route {
    let accounts = Arc::clone(&api.accounts);
    let authenticate: Authenticate = Arc::new(move |token: &str| {
        let (accounts, token) = (Arc::clone(&accounts), token.to_owned());
        Box::pin(async move { accounts.admit(&token).await })
    });
    let address = warp::query::raw().or(warp::any().map(String::new)).unify();
    let header = warp::header::optional::<String>("authorization");
    let request = ws::request().map(|key, upgraded| Some((key, upgraded))).or(warp::any().map(|| None)).unify();
    let route = path!("ws").and(warp::get()).and(visit(api)).and(address).and(header).and(request);
    route
        .then(move |visit: Visit, query: String, header: Option<String>, request: Option<(String, OnUpgrade)>| {
            let authenticate = Arc::clone(&authenticate);
            async move { upgrade(&visit.api, authenticate, &query, header, request).await.unwrap_or_else(failed) }
        })
        .boxed()
}

async fn upgrade(
    api: &Api,
    authenticate: Authenticate,
    query: &str,
    header: Option<String>,
    request: Option<(String, OnUpgrade)>,
) -> Result<Response, ErrorBody> {
    let bad = |message: &str| ErrorBody::new(Code::BadRequest, message);
    let mut names = query.split('&').filter_map(|part| part.split('=').next());
    if names.any(|name| TOKEN_NAMES.contains(&name.to_lowercase().as_str())) {
        return Err(bad(
            "a token does not belong into an address, where logs keep it: send it as `Authorization: Bearer <token>`, or \
             as the first frame, {\"type\":\"auth\",\"token\":\"…\"}; and sign out now, as this one may be in a log",
        ));
    }
    let Some((key, upgraded)) = request else {
        return Err(bad("this is a WebSocket: ask for an upgrade (RFC 6455, version 13)"));
    };
    let admitted = match header {
        Some(header) => {
            let admitted = api.accounts.admit(bearer(Some(&header))?).await?;
            api.rates.of_account(admitted.who.account)?;
            Some(admitted)
        }
        None => None,
    };
    Ok(ws::upgrade(&api.relay, authenticate, admitted, &key, upgraded))
}
