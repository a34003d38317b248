//! Signing up, in and out, refreshing, and changing the password.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use parley_protocol::http::{ChangePassword, CheckUsername, SignIn, SignUp, Tokens as Issued};
use parley_protocol::username::Username;
use parley_protocol::{AccountId, Code, DeviceId, ErrorBody};
use rusqlite::Connection;

use super::devices::revoke;
use super::families::{Verdict, ended, judge};
use super::tokens::fingerprint;
use super::{Accounts, Ended, SignedIn, begin_family, device_name, end_device, row, seconds};
use crate::config::Registration;
use crate::relay::Relay;
use crate::session::Identity;
use crate::store::accounts::{self as rows, AccountRow, DeviceRow};
use crate::store::families::{family, put_family, registration_code_is_good, standing, use_registration_code};
use crate::store::{Batch, Failure, now};

/// The longest address, by RFC 5321.
const MAX_EMAIL: usize = 254;

impl Accounts {
    /// Makes an account with its first device.
    pub(crate) async fn sign_up(&self, form: SignUp, from: IpAddr) -> Result<Issued, ErrorBody> {
        let code = self.code_for(form.invite)?;
        let name = username(&form.username)?;
        let email = Email::parse(&form.email)?;
        let device_name = device_name(form.device_name)?;

        // Before the hashing, which costs; the transaction looks again. First the code: without a good one nobody learns
        // which names and addresses have an account.
        let (asked, address) = (name.clone(), email.clone());
        let check = move |sql: &Connection| {
            check_code(sql, code)?;
            free(rows::taken(sql, &asked, Some(&address.key))?)
        };
        self.store.read(check).await?;
        let hash = self.passwords.hash(form.password).await?;

        let (account, device, tokens) = (AccountId::new(), DeviceId::new(), self.tokens.clone());
        let make = move |batch: &mut Batch<'_>| {
            let now = batch.now();
            if let Some(code) = code
                && !use_registration_code(batch.sql(), &code, now)?
            {
                return Err(no_code());
            }
            free(rows::taken(batch.sql(), &name, Some(&email.key))?)?;
            rows::insert_account(batch.sql(), account, &name, (&email.shown, &email.key), &hash, now)?;
            rows::insert_device(batch.sql(), device, account, &device_name, now)?;
            batch.device_added(account, device)?;
            let (token, signed) = begin_family(batch.sql(), &tokens, account, device)?;
            Ok(SignedIn { username: name.shown, token, signed, ended: Ended::new() })
        };
        let done = self.store.write(make).await?;
        tracing::info!(%account, %device, "an account was made");
        self.attempts.is_at_home(&account.to_string(), from, Instant::now());
        self.answer(done)
    }

    /// Whether an account could be made under this name now.
    pub(crate) async fn check_username(&self, form: CheckUsername) -> Result<(), ErrorBody> {
        let code = self.code_for(form.invite)?;
        let name = username(&form.username)?;
        let check = move |sql: &Connection| {
            check_code(sql, code)?;
            free(rows::taken(sql, &name, None)?)
        };
        self.store.read(check).await
    }

    /// The fingerprint of the code without which nobody signs up here, if one is asked for.
    fn code_for(&self, invite: Option<String>) -> Result<Option<[u8; 32]>, ErrorBody> {
        match (self.registration, invite) {
            (Registration::Closed, _) => Err(closed("this relay takes no new accounts; ask its operator")),
            (Registration::Invite, None) => {
                Err(closed("this relay takes new accounts by invite only; ask its operator for a code"))
            }
            (Registration::Invite, Some(code)) => Ok(Some(fingerprint(code.trim()))),
            (Registration::Open, _) => Ok(None),
        }
    }

    /// Signs a device in: the one that is named, if it is one of the account and was not revoked, or a new one.
    pub(crate) async fn sign_in(&self, form: SignIn, address: IpAddr) -> Result<Issued, ErrorBody> {
        let device_name = device_name(form.device_name)?;
        let (whom, found) = self.look_up(form.username, form.email).await?;
        let hash = found.as_ref().map(|account| account.password_hash.clone());
        self.check_attempt(&whom, address, form.password, hash).await?;
        let Some(AccountRow { id: account, username, password_hash, .. }) = found else {
            return Err(ErrorBody::new(Code::WrongCredentials, "unknown user or wrong password"));
        };

        let (tokens, most, asked) = (self.tokens.clone(), self.devices_per_account, form.device);
        let relay = Arc::clone(&self.relay);
        let make = move |batch: &mut Batch<'_>| {
            let still = rows::account(batch.sql(), account)?.is_some_and(|now| now.password_hash == password_hash);
            if !still {
                return Err(Failure::refused(Code::WrongCredentials, "unknown user or wrong password"));
            }
            let known = match asked {
                Some(device) => rows::device_name(batch.sql(), account, device)?.map(|_| device),
                None => None,
            };
            let (device, mut ended) = match known {
                Some(device) => (device, Ended::new()),
                None => add_device(batch, &relay, account, &device_name, most)?,
            };
            ended.extend(end_device(batch.sql(), device, Code::Unauthorized)?);
            batch.close_session(device, Code::Replaced, "this device has signed in again");
            let (token, signed) = begin_family(batch.sql(), &tokens, account, device)?;
            Ok(SignedIn { username, token, signed, ended })
        };
        let done = self.store.write(make).await?;
        tracing::info!(%account, device = %done.token.device, "a device signed in");
        self.answer(done)
    }

    /// What the attempts are counted under, and the account if there is one.
    async fn look_up(
        &self,
        username: Option<String>,
        email: Option<String>,
    ) -> Result<(String, Option<AccountRow>), ErrorBody> {
        let (key, by_name) = match (username, email) {
            (Some(name), None) => (Username::parse(&name).map_or_else(|_| name.to_lowercase(), |name| name.key), true),
            (None, Some(email)) => (email_key(&email), false),
            _ => return Err(bad("sign in with one of `username` and `email`")),
        };
        let asked = key.clone();
        let found = self.store.read(move |sql| {
            Ok(if by_name { rows::account_by_name(sql, &asked)? } else { rows::account_by_email(sql, &asked)? })
        });
        let found = found.await?;
        // What does not exist is counted by as much of its name as could exist.
        let whom = found.as_ref().map_or_else(|| key.chars().take(MAX_EMAIL).collect(), |found| found.id.to_string());
        Ok((whom, found))
    }

    /// Answers a refresh token with its successor.
    pub(crate) async fn refresh(&self, signed: String, from: IpAddr) -> Result<Issued, ErrorBody> {
        let token = self.tokens.read_refresh(&signed)?;
        let tokens = self.tokens.clone();
        // Both outcomes are committed: a reused token ends its family.
        let turn = move |batch: &mut Batch<'_>| -> Result<Result<SignedIn, (ErrorBody, Ended)>, Failure> {
            let (sql, device) = (batch.sql(), token.device);
            let account = match (standing(sql, token.family, device)?, rows::account(sql, token.sub)?) {
                (Some(code), _) => return Ok(Err((ended(code), Ended::new()))),
                (None, None) => return Ok(Err((ended(Code::DeviceRevoked), Ended::new()))),
                (None, Some(account)) => account,
            };
            let stored = family(sql, token.family)?;
            let print = fingerprint(&signed);
            let (next, gone) = match judge(stored.as_ref(), &token, &print) {
                Verdict::Ended(code) => return Ok(Err((ended(code), Ended::new()))),
                Verdict::Reused => {
                    let gone = end_device(sql, device, Code::TokenReused)?;
                    tracing::warn!(account = %account.id, %device, "a refresh token was used twice; its device is signed out");
                    let error = ended(Code::TokenReused);
                    batch.close_session(device, error.code, &error.message);
                    return Ok(Err((error, gone)));
                }
                Verdict::Again { n, issued_at, expires_at } => (token.with(n, issued_at, expires_at), Ended::new()),
                Verdict::Next(n) => {
                    let next = tokens.refresh(token.sub, device, token.family, n, seconds());
                    // A family which the relay has forgotten replaces what it remembers instead.
                    let gone =
                        if stored.is_none() { end_device(sql, device, Code::Unauthorized)? } else { Ended::new() };
                    put_family(sql, &row(&next, &tokens.sign(&next)?, Some(print)))?;
                    (next, gone)
                }
            };
            let signed = tokens.sign(&next)?;
            Ok(Ok(SignedIn { username: account.username, token: next, signed, ended: gone }))
        };
        match self.store.write(turn).await? {
            Ok(done) => {
                self.attempts.is_at_home(&done.token.sub.to_string(), from, Instant::now());
                self.answer(done)
            }
            Err((error, gone)) => {
                self.end(gone);
                Err(error)
            }
        }
    }

    /// Signs the caller's device out, or every device of the account. Cursors stay.
    pub(crate) async fn sign_out(&self, who: Identity, all: bool) -> Result<(), ErrorBody> {
        let gone = self.store.write(move |batch| {
            let devices = if all { device_ids(batch, who.account)? } else { vec![who.device] };
            sign_devices_out(batch, &devices, "this device is signed out")
        });
        self.end(gone.await?);
        tracing::info!(account = %who.account, device = %who.device, all, "signed out");
        Ok(())
    }

    /// Changes the password. The caller's device stays signed in, the others are signed out: whoever knew the old
    /// password may be on one of them.
    pub(crate) async fn change_password(
        &self,
        who: Identity,
        form: ChangePassword,
        address: IpAddr,
    ) -> Result<(), ErrorBody> {
        self.check_password(who.account, form.current, address).await?;
        let hash = self.passwords.hash(form.new).await?;
        let gone = self.store.write(move |batch| {
            rows::set_password(batch.sql(), who.account, &hash)?;
            let mut others = device_ids(batch, who.account)?;
            others.retain(|device| *device != who.device);
            sign_devices_out(batch, &others, "the password was changed on another device; sign in again")
        });
        self.end(gone.await?);
        tracing::info!(account = %who.account, "the password was changed");
        Ok(())
    }
}

/// Adds a device to an account, within a transaction. At the bound the one which was signed out and away for longest gives
/// way: nobody could revoke it who is signed in nowhere.
fn add_device(
    batch: &mut Batch<'_>,
    relay: &Relay,
    account: AccountId,
    name: &str,
    most: usize,
) -> Result<(DeviceId, Ended), Failure> {
    let now = batch.now();
    let devices = rows::devices(batch.sql(), account, now)?;
    let mut ended = Ended::new();
    if devices.len() >= most {
        let away = |device: &&DeviceRow| !device.signed_in && !relay.is_online(device.id);
        let idle = devices.iter().filter(away).min_by_key(|device| device.last_seen);
        let Some(idle) = idle else {
            let message = format!(
                "an account has at most {most} devices here (devices_per_account), and all of them are signed in; sign \
                 one out or revoke it first"
            );
            return Err(Failure::refused(Code::LimitReached, message));
        };
        ended = revoke(batch, account, idle.id)?;
        tracing::info!(%account, device = %idle.id, "a device that was signed out gave way to a new one");
    }
    let device = DeviceId::new();
    rows::insert_device(batch.sql(), device, account, name, now)?;
    batch.device_added(account, device)?;
    Ok((device, ended))
}

fn device_ids(batch: &Batch<'_>, account: AccountId) -> Result<Vec<DeviceId>, Failure> {
    Ok(rows::devices(batch.sql(), account, batch.now())?.into_iter().map(|device| device.id).collect())
}

fn sign_devices_out(batch: &mut Batch<'_>, devices: &[DeviceId], why: &str) -> Result<Ended, Failure> {
    let mut gone = Ended::new();
    for device in devices {
        gone.extend(end_device(batch.sql(), *device, Code::Unauthorized)?);
        batch.close_session(*device, Code::Unauthorized, why);
    }
    Ok(gone)
}

fn username(given: &str) -> Result<Username, ErrorBody> {
    Username::parse(given).map_err(|why| bad(format!("`username`: {why}")))
}

/// Refuses a code that is asked for and does not let anybody in.
fn check_code(sql: &Connection, code: Option<[u8; 32]>) -> Result<(), Failure> {
    match code {
        Some(code) if !registration_code_is_good(sql, &code, now())? => Err(no_code()),
        _ => Ok(()),
    }
}

fn free((name, email): (bool, bool)) -> Result<(), Failure> {
    match (name, email) {
        (true, _) => {
            Err(Failure::refused(Code::NameTaken, "another account has this username, or one that looks like it"))
        }
        (_, true) => Err(Failure::refused(Code::NameTaken, "another account has this e-mail address")),
        _ => Ok(()),
    }
}

fn bad(message: impl Into<String>) -> ErrorBody {
    ErrorBody::new(Code::BadRequest, message)
}

fn no_code() -> Failure {
    closed("the invite code is unknown, used up or has run out; ask the operator for another").into()
}

fn closed(message: &str) -> ErrorBody {
    ErrorBody::new(Code::RegistrationClosed, message)
}

#[derive(Clone)]
struct Email {
    shown: String,
    key: String,
}

fn email_key(text: &str) -> String {
    text.trim().to_lowercase()
}

impl Email {
    /// Checks that it could be an address. Only a message sent there would tell whether it is one.
    fn parse(text: &str) -> Result<Self, ErrorBody> {
        let shown = text.trim().to_owned();
        let plausible = shown.len() <= MAX_EMAIL
            && shown.rsplit_once('@').is_some_and(|(local, domain)| {
                let local_fits = !local.is_empty() && local.len() <= 64 && !local.contains('@');
                let labels = domain.split('.').collect::<Vec<_>>();
                let domain_fits = labels.len() >= 2
                    && labels.iter().all(|label| {
                        !label.is_empty()
                            && !label.starts_with('-')
                            && !label.ends_with('-')
                            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
                    });
                local_fits && domain_fits
            })
            && !shown.chars().any(|c| c.is_whitespace() || c.is_control());
        if !plausible {
            return Err(bad("`email` is not an address such as name@example.org"));
        }
        Ok(Self { key: email_key(&shown), shown })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_checked_for_their_shape() {
        for good in ["a@b.org", "Zoë+x@müller.example", " trimmed@x.org ", "o'neil@a-b.co.uk"] {
            assert!(Email::parse(good).is_ok(), "{good}");
        }
        let long = format!("a@{}.org", "x".repeat(254));
        for bad in ["", "a", "@b.org", "a@", "a@b", "a b@c.org", "a@b..org", "a@-b.org", "a@@b.org", &long] {
            assert!(Email::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(Email::parse("A@B.org").unwrap().key, "a@b.org");
    }
}
