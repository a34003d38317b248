//! `/api/users` and `/api/blocks`: finding people, and keeping some away.

use std::sync::Arc;

use parley_protocol::AccountId;
use parley_protocol::http::{Blocks, Users};
use warp::{Filter, path};

use super::extract::{Query, call, query};
use super::reply::{done, json};
use super::{Api, Call, Route, first_of};

pub(super) fn routes(api: &Arc<Api>) -> Route {
    let find = path!("api" / "users").and(warp::get()).and(call(api)).and(query());
    let find = find.then(|call: Call, query: Query| async move {
        let found = async { call.api.accounts.find_users(call.who, query.only(&["q"])?.text("q")).await };
        json(found.await.map(|users| Users { users }))
    });
    let show = path!("api" / "users" / AccountId).and(warp::get()).and(call(api));
    let show =
        show.then(|user: AccountId, call: Call| async move { json(call.api.accounts.user(call.who, user).await) });
    let list = path!("api" / "blocks").and(warp::get()).and(call(api));
    let list = list.then(|call: Call| async move {
        json(call.api.accounts.blocked(call.who).await.map(|blocked| Blocks { blocked }))
    });
    let block = path!("api" / "blocks" / AccountId).and(warp::put()).and(call(api));
    let block = block.then(|user: AccountId, call: Call| async move {
        done(call.api.accounts.set_block(call.who, user, true).await)
    });
    let unblock = path!("api" / "blocks" / AccountId).and(warp::delete()).and(call(api));
    let unblock = unblock.then(|user: AccountId, call: Call| async move {
        done(call.api.accounts.set_block(call.who, user, false).await)
    });
    first_of([find.boxed(), show.boxed(), list.boxed(), block.boxed(), unblock.boxed()])
}
