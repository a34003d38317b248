//! `/api/signup` … `/api/devices`: signing in and out, one's own account and devices.

use std::sync::Arc;

use parley_protocol::DeviceId;
use parley_protocol::http::{
    ChangePassword, CheckUsername, DeleteAccount, Devices, PatchAccount, PatchDevice, Refresh, SignIn, SignOut, SignUp,
};
use warp::{Filter, path};

use super::body::{body, form};
use super::extract::{call, visit};
use super::reply::{created, done, json};
use super::{Api, Call, Route, Visit, first_of};

pub(super) fn routes(api: &Arc<Api>) -> Route {
    first_of([signing(api), account(api), devices(api)])
}

fn signing(api: &Arc<Api>) -> Route {
    let sign_up = path!("api" / "signup").and(warp::post()).and(visit(api)).and(form(api));
    let sign_up = sign_up.then(|visit: Visit, form: SignUp| async move {
        match visit.api.rates.signup(visit.client.address) {
            Ok(()) => created(visit.api.accounts.sign_up(form, visit.client.address).await),
            Err(error) => super::failed(error),
        }
    });
    let check = path!("api" / "signup" / "username").and(warp::post()).and(visit(api)).and(form(api));
    let check = check.then(|visit: Visit, form: CheckUsername| async move {
        match visit.api.rates.username(visit.client.address) {
            Ok(()) => done(visit.api.accounts.check_username(form).await),
            Err(error) => super::failed(error),
        }
    });
    let sign_in = path!("api" / "signin").and(warp::post()).and(visit(api)).and(form(api));
    let sign_in = sign_in.then(|visit: Visit, form: SignIn| async move {
        json(visit.api.accounts.sign_in(form, visit.client.address).await)
    });
    let refresh = path!("api" / "refresh").and(warp::post()).and(visit(api)).and(form(api));
    let refresh = refresh.then(|visit: Visit, form: Refresh| async move {
        json(visit.api.accounts.refresh(form.refresh_token, visit.client.address).await)
    });
    let sign_out = path!("api" / "signout").and(warp::post()).and(call(api)).and(body(api));
    let sign_out = sign_out
        .then(|call: Call, form: SignOut| async move { done(call.api.accounts.sign_out(call.who, form.all).await) });
    let password = path!("api" / "password").and(warp::post()).and(call(api)).and(body(api));
    let password = password.then(|call: Call, form: ChangePassword| async move {
        done(call.api.accounts.change_password(call.who, form, call.address).await)
    });
    first_of([sign_up.boxed(), check.boxed(), sign_in.boxed(), refresh.boxed(), sign_out.boxed(), password.boxed()])
}

fn account(api: &Arc<Api>) -> Route {
    let show = path!("api" / "account").and(warp::get()).and(call(api));
    let show = show.then(|call: Call| async move { json(call.api.accounts.own_account(call.who).await) });
    let change = path!("api" / "account").and(warp::patch()).and(call(api)).and(body(api));
    let change = change.then(|call: Call, form: PatchAccount| async move {
        json(call.api.accounts.change_account(call.who, form).await)
    });
    let delete = path!("api" / "account").and(warp::delete()).and(call(api)).and(body(api));
    let delete = delete.then(|call: Call, form: DeleteAccount| async move {
        done(call.api.accounts.delete_account(call.who, form.password, call.address).await)
    });
    first_of([show.boxed(), change.boxed(), delete.boxed()])
}

fn devices(api: &Arc<Api>) -> Route {
    let list = path!("api" / "devices").and(warp::get()).and(call(api));
    let list = list.then(|call: Call| async move {
        json(call.api.accounts.devices(call.who).await.map(|devices| Devices { devices }))
    });
    let replace = path!("api" / "devices" / "replace").and(warp::post()).and(call(api));
    let replace = replace.then(|call: Call| async move { created(call.api.accounts.replace_device(call.who).await) });
    let rename = path!("api" / "devices" / DeviceId).and(warp::patch()).and(call(api)).and(body(api));
    let rename = rename.then(|device: DeviceId, call: Call, form: PatchDevice| async move {
        done(call.api.accounts.rename_device(call.who, device, form.name).await)
    });
    let revoke = path!("api" / "devices" / DeviceId).and(warp::delete()).and(call(api));
    let revoke = revoke.then(|device: DeviceId, call: Call| async move {
        done(call.api.accounts.revoke_device(call.who, device).await)
    });
    first_of([list.boxed(), replace.boxed(), rename.boxed(), revoke.boxed()])
}
