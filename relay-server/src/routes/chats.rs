//! `/api/chats` and `/api/invites`: conversations, their members, messages and invites. What each role may do is
//! decided in `chats`, inside the transaction that does it.

use std::sync::Arc;

use parley_protocol::http::{AddMember, CreateChat, CreateInvite, PatchChat, PatchMember, PostMessage, RestoreChat};
use parley_protocol::{AccountId, ChatId, ErrorBody};
use warp::{Filter, path};

use super::body::body;
use super::extract::{Query, call, query};
use super::reply::{created, done, json};
use super::{Api, Call, Route, first_of};
use crate::chats::{self, Stretch};

/// The most members or messages of one page.
const PAGE: usize = 200;

pub(super) fn routes(api: &Arc<Api>) -> Route {
    first_of([all(api), one(api), members(api), messages(api), invites(api)])
}

fn all(api: &Arc<Api>) -> Route {
    let create = path!("api" / "chats").and(warp::post()).and(call(api)).and(body(api));
    let create = create.then(|call: Call, form: CreateChat| async move {
        created(chats::create(&call.api.relay, call.who, form).await)
    });
    let list = path!("api" / "chats").and(warp::get()).and(call(api));
    let list = list.then(|call: Call| async move { json(chats::list(&call.api.relay, call.who).await) });
    let public = path!("api" / "chats" / "public").and(warp::get()).and(call(api)).and(query());
    let public = public.then(|call: Call, query: Query| async move {
        let found = async { chats::list_public(&call.api.relay, call.who, query.only(&["q"])?.text("q")).await };
        json(found.await)
    });
    first_of([create.boxed(), list.boxed(), public.boxed()])
}

fn one(api: &Arc<Api>) -> Route {
    let show = path!("api" / "chats" / ChatId).and(warp::get()).and(call(api));
    let show =
        show.then(|chat: ChatId, call: Call| async move { json(chats::get(&call.api.relay, call.who, chat).await) });
    let change = path!("api" / "chats" / ChatId).and(warp::patch()).and(call(api)).and(body(api));
    let change = change.then(|chat: ChatId, call: Call, form: PatchChat| async move {
        json(chats::patch(&call.api.relay, call.who, chat, form).await)
    });
    let delete = path!("api" / "chats" / ChatId).and(warp::delete()).and(call(api));
    let delete = delete
        .then(|chat: ChatId, call: Call| async move { done(chats::delete(&call.api.relay, call.who, chat).await) });
    let join = path!("api" / "chats" / ChatId / "join").and(warp::post()).and(call(api));
    let join =
        join.then(|chat: ChatId, call: Call| async move { json(chats::join(&call.api.relay, call.who, chat).await) });
    let leave = path!("api" / "chats" / ChatId / "leave").and(warp::post()).and(call(api));
    let leave =
        leave.then(|chat: ChatId, call: Call| async move { done(chats::leave(&call.api.relay, call.who, chat).await) });
    let restore = path!("api" / "chats" / ChatId / "restore").and(warp::post()).and(call(api)).and(body(api));
    let restore = restore.then(|chat: ChatId, call: Call, form: RestoreChat| async move {
        json(chats::restore(&call.api.relay, call.who, chat, form).await)
    });
    first_of([show.boxed(), change.boxed(), delete.boxed(), join.boxed(), leave.boxed(), restore.boxed()])
}

fn members(api: &Arc<Api>) -> Route {
    let list = path!("api" / "chats" / ChatId / "members").and(warp::get()).and(call(api)).and(query());
    let list = list.then(|chat: ChatId, call: Call, query: Query| async move {
        let found = async {
            let query = query.only(&["after", "limit"])?;
            let after = query.get("after", "the id of an account")?;
            chats::members(&call.api.relay, call.who, chat, after, Some(query.limit(PAGE, PAGE)?)).await
        };
        json(found.await)
    });
    let add = path!("api" / "chats" / ChatId / "members").and(warp::post()).and(call(api)).and(body(api));
    let add = add.then(|chat: ChatId, call: Call, form: AddMember| async move {
        done(chats::add_member(&call.api.relay, call.who, chat, form.member).await)
    });
    let change =
        path!("api" / "chats" / ChatId / "members" / AccountId).and(warp::patch()).and(call(api)).and(body(api));
    let change = change.then(|chat: ChatId, whom: AccountId, call: Call, form: PatchMember| async move {
        done(chats::set_role(&call.api.relay, call.who, chat, whom, form.role).await)
    });
    let remove = path!("api" / "chats" / ChatId / "members" / AccountId).and(warp::delete()).and(call(api));
    let remove = remove.then(|chat: ChatId, whom: AccountId, call: Call| async move {
        done(chats::remove_member(&call.api.relay, call.who, chat, whom).await)
    });
    first_of([list.boxed(), add.boxed(), change.boxed(), remove.boxed()])
}

fn messages(api: &Arc<Api>) -> Route {
    let list = path!("api" / "chats" / ChatId / "messages").and(warp::get()).and(call(api)).and(query());
    let list = list.then(|chat: ChatId, call: Call, query: Query| async move {
        let found = async { chats::history(&call.api.relay, call.who, chat, stretch(query)?).await };
        json(found.await)
    });
    let post = path!("api" / "chats" / ChatId / "messages").and(warp::post()).and(call(api)).and(body(api));
    let post = post.then(|chat: ChatId, call: Call, form: PostMessage| async move {
        created(chats::post(&call.api.relay, call.who, chat, form).await)
    });
    first_of([list.boxed(), post.boxed()])
}

fn stretch(query: Query) -> Result<Stretch, ErrorBody> {
    let query = query.only(&["before", "after", "limit"])?;
    let seq = "the `seq` of a message";
    Ok(Stretch {
        before: query.get("before", seq)?,
        after: query.get("after", seq)?,
        limit: Some(query.limit(50, PAGE)?),
    })
}

fn invites(api: &Arc<Api>) -> Route {
    let create = path!("api" / "chats" / ChatId / "invites").and(warp::post()).and(call(api)).and(body(api));
    let create = create.then(|chat: ChatId, call: Call, form: CreateInvite| async move {
        created(chats::create_invite(&call.api.relay, call.who, chat, form).await)
    });
    let list = path!("api" / "chats" / ChatId / "invites").and(warp::get()).and(call(api));
    let list = list.then(|chat: ChatId, call: Call| async move {
        json(chats::list_invites(&call.api.relay, call.who, chat).await)
    });
    let revoke = path!("api" / "chats" / ChatId / "invites" / String).and(warp::delete()).and(call(api));
    let revoke = revoke.then(|chat: ChatId, code: String, call: Call| async move {
        done(chats::revoke_invite(&call.api.relay, call.who, chat, code).await)
    });
    let show = path!("api" / "invites" / String).and(warp::get()).and(call(api));
    let show =
        show.then(|code: String, call: Call| async move { json(chats::show_invite(&call.api.relay, code).await) });
    let join = path!("api" / "invites" / String / "join").and(warp::post()).and(call(api));
    let join = join.then(|code: String, call: Call| async move {
        json(chats::join_by_invite(&call.api.relay, call.who, code).await)
    });
    first_of([create.boxed(), list.boxed(), revoke.boxed(), show.boxed(), join.boxed()])
}
