//! The account, its devices, other people, and what the person chose.

use parley_protocol::frames::Activity;
use parley_protocol::http::{
    self, Blocks, ChangePassword, CheckUsername, DeleteAccount, Devices, PatchAccount, PatchDevice, ShowPresence,
    SignIn, SignOut, SignUp, Tokens, Users,
};
use parley_protocol::{AccountId, Code, DeviceId, ErrorBody};
use reqwest::Method;
use tokio::sync::oneshot;

use super::Engine;
use crate::core::Core;
use crate::error::{EngineError, Result};
use crate::relay_api::{me_of, normalise};
use crate::store::settings;
use crate::tokens::Credentials;
use crate::views::{DeviceView, Me, RelayInfo, Settings};

/// How long is waited for what the relay says of others at the beginning.
const LOOKS: std::time::Duration = std::time::Duration::from_secs(1);

impl Engine {
    /// What the relay at an address says of itself (`https://host`, `http://host:port`, or a bare host name).
    ///
    /// # Errors
    /// It is no address, nothing answers there, or what answers is no relay, or one that speaks another version of the protocol.
    pub async fn check_relay(&self, relay: &str) -> Result<RelayInfo> {
        let relay = normalise(relay)?;
        let said: http::RelayInfo = self.inner.api.open_get(&relay, "/api/relay").await?;
        if said.protocol != parley_protocol::VERSION {
            let (theirs, ours) = (said.protocol, parley_protocol::VERSION);
            let older =
                if theirs < ours { "the relay is older than this app" } else { "this app is older than the relay" };
            let message = format!("{older} (protocol {theirs} and {ours}); one of them has to be updated");
            return Err(EngineError::Relay(ErrorBody::new(Code::VersionMismatch, message)));
        }
        let host = relay.split_once("://").map_or(relay.as_str(), |(_, host)| host).to_owned();
        Ok(RelayInfo {
            name: if said.name.is_empty() { host } else { said.name },
            relay,
            version: said.version,
            registration: said.registration,
            retention: said.retention,
            history_retention: said.history_retention,
        })
    }

    /// Whether an account could be made under this name there now; refused as [`Self::sign_up`] would refuse it.
    ///
    /// # Errors
    /// Another account has it, or one that looks like it; it is no name; the relay asks for another code, or cannot be reached.
    pub async fn check_username(&self, relay: &str, request: CheckUsername) -> Result<()> {
        let relay = normalise(relay)?;
        self.inner.api.open_call::<_, serde_json::Value>(&relay, "/api/signup/username", &request).await?;
        Ok(())
    }

    /// Makes an account on a relay (`https://host`, `http://host:port`, or a bare host name) and signs this profile in.
    ///
    /// # Errors
    /// Somebody is signed in; the relay refuses or cannot be reached.
    pub async fn sign_up(&self, relay: &str, request: SignUp) -> Result<Me> {
        let relay = self.free_for(relay, Some(&request.username)).await?;
        let tokens: Tokens = self.inner.api.open_call(&relay, "/api/signup", &request).await?;
        self.enter(&relay, &tokens).await
    }

    /// Signs this profile in. A profile that was signed in to this account before comes back as the same device.
    ///
    /// # Errors
    /// Somebody else is, or was, signed in; the relay refuses or cannot be reached.
    pub async fn sign_in(&self, relay: &str, mut request: SignIn) -> Result<Me> {
        let before: Option<Me> = self.read(|db| settings::get(db, "last_me")).await?;
        let name = request.username.clone();
        let relay = self.free_for(relay, name.as_deref()).await?;
        request.device = before.map(|before| before.device);
        let tokens: Tokens = match self.inner.api.open_call(&relay, "/api/signin", &request).await {
            // The device was revoked meanwhile: the profile becomes a new one.
            Err(EngineError::Relay(error))
                if request.device.is_some()
                    && matches!(error.code, parley_protocol::Code::DeviceRevoked | parley_protocol::Code::NotFound) =>
            {
                request.device = None;
                self.inner.api.open_call(&relay, "/api/signin", &request).await?
            }
            other => other?,
        };
        self.enter(&relay, &tokens).await
    }

    /// The relay's address, if the profile is free for this account.
    async fn free_for(&self, relay: &str, username: Option<&str>) -> Result<String> {
        if let Some(me) = self.me().await? {
            return Err(EngineError::SignedIn(me.username));
        }
        let before: Option<Me> = self.read(|db| settings::get(db, "last_me")).await?;
        // A profile holds one account's history; another account gets a profile of its own. The relay's address may change.
        match (before, username) {
            (Some(before), Some(name)) if !before.username.eq_ignore_ascii_case(name) => {
                Err(EngineError::SignedIn(before.username))
            }
            _ => normalise(relay),
        }
    }

    async fn enter(&self, relay: &str, tokens: &Tokens) -> Result<Me> {
        let me = me_of(relay, tokens);
        let before: Option<Me> = self.read(|db| settings::get(db, "last_me")).await?;
        if let Some(before) = before.filter(|before| before.account != me.account) {
            return Err(EngineError::SignedIn(before.username));
        }
        let credentials = self.inner.api.take(Credentials::new(relay, tokens, self.now())).await;
        let entered = me.clone();
        let known = self.ask(move |core, tx, out| Ok(Ok(core.sign_in_locally(tx, &credentials, me, out)?))).await;
        if known.is_err() {
            self.inner.api.clear().await;
        }
        known.map(|()| entered)
    }

    /// Signs out: this device, or every device of the account. The history stays in the profile; signing in again goes on where
    /// it was. Without the relay this device signs out by itself.
    ///
    /// # Errors
    /// Nobody is signed in, or (for all devices) the relay cannot be reached.
    pub async fn sign_out(&self, all: bool) -> Result<()> {
        self.signed_in().await?;
        let told: Result<serde_json::Value> =
            self.inner.api.call(Method::POST, "/api/signout", Some(&SignOut { all })).await;
        if all {
            told?;
        }
        self.inner.api.clear().await;
        self.ask(|core, tx, out| Ok(Ok(core.sign_out_locally(tx, None, out)?))).await
    }

    /// Changes the password; other devices have to sign in again.
    ///
    /// # Errors
    /// The current one is wrong; the relay refuses or cannot be reached.
    pub async fn change_password(&self, current: &str, new: &str) -> Result<()> {
        let body = ChangePassword { current: current.to_owned(), new: new.to_owned() };
        self.inner.api.call::<_, serde_json::Value>(Method::POST, "/api/password", Some(&body)).await?;
        Ok(())
    }

    /// Deletes the account at the relay and signs out. What is on this device stays.
    ///
    /// # Errors
    /// The password is wrong; the relay refuses or cannot be reached.
    pub async fn delete_account(&self, password: &str) -> Result<()> {
        let body = DeleteAccount { password: password.to_owned() };
        self.inner.api.call::<_, serde_json::Value>(Method::DELETE, "/api/account", Some(&body)).await?;
        self.inner.api.clear().await;
        self.ask(|core, tx, out| Ok(Ok(core.sign_out_locally(tx, None, out)?))).await
    }

    /// The account as the relay has it.
    ///
    /// # Errors
    /// The relay cannot be reached.
    pub async fn account(&self) -> Result<http::Account> {
        self.inner.api.get("/api/account").await
    }

    /// Who sees when this person is online.
    ///
    /// # Errors
    /// The relay cannot be reached.
    pub async fn show_presence(&self, show: ShowPresence) -> Result<()> {
        let body = PatchAccount { show_presence: Some(show) };
        self.inner.api.call::<_, serde_json::Value>(Method::PATCH, "/api/account", Some(&body)).await?;
        Ok(())
    }

    /// The account's devices.
    ///
    /// # Errors
    /// The relay cannot be reached.
    pub async fn devices(&self) -> Result<Vec<DeviceView>> {
        let known = self.inner.api.get::<Devices>("/api/devices").await?.devices;
        self.ask(move |core, _, _| {
            Ok(Ok(known
                .into_iter()
                .map(|device| {
                    let way = (!device.current).then(|| core.way_to(device.id, device.online));
                    let (route, round_trip) = way.map_or((None, None), |(route, trip)| (Some(route), trip));
                    DeviceView { device, route, round_trip }
                })
                .collect()))
        })
        .await
    }

    /// Renames a device of the account.
    ///
    /// # Errors
    /// There is none such; the relay refuses or cannot be reached.
    pub async fn rename_device(&self, device: DeviceId, name: &str) -> Result<()> {
        let body = PatchDevice { name: name.to_owned() };
        let path = format!("/api/devices/{device}");
        self.inner.api.call::<_, serde_json::Value>(Method::PATCH, &path, Some(&body)).await?;
        Ok(())
    }

    /// Revokes a device of the account: it is signed out and takes part in nothing any more.
    ///
    /// # Errors
    /// There is none such; the relay refuses or cannot be reached.
    pub async fn revoke_device(&self, device: DeviceId) -> Result<()> {
        let path = format!("/api/devices/{device}");
        self.inner.api.call::<(), serde_json::Value>(Method::DELETE, &path, None).await?;
        Ok(())
    }

    /// People on the relay whose name begins so; at most 50.
    ///
    /// # Errors
    /// The relay cannot be reached.
    pub async fn find_users(&self, query: &str) -> Result<Vec<http::User>> {
        let query: String = reqwest::Url::parse_with_params("http://q/", [("q", query)])
            .map(|url| url.query().unwrap_or_default().to_owned())
            .unwrap_or_default();
        Ok(self.inner.api.get::<Users>(&format!("/api/users?{query}")).await?.users)
    }

    /// Blocks an account, or takes that back, on every device of one's own. Its messages, signals and presence do not
    /// show; it is not told.
    ///
    /// # Errors
    /// The relay cannot be reached.
    pub async fn set_blocked(&self, account: AccountId, blocked: bool) -> Result<()> {
        let method = if blocked { Method::PUT } else { Method::DELETE };
        let path = format!("/api/blocks/{account}");
        self.inner.api.call::<(), serde_json::Value>(method, &path, None).await?;
        let blocks: Blocks = self.inner.api.get("/api/blocks").await?;
        self.ask(move |core, tx, out| Ok(Ok(core.set_blocked(tx, &blocks.blocked, out)?))).await
    }

    /// The accounts which this one blocks, by name.
    ///
    /// # Errors
    /// The relay cannot be reached.
    pub async fn blocked(&self) -> Result<Vec<http::User>> {
        let blocks: Blocks = self.inner.api.get("/api/blocks").await?;
        let mut users = Vec::with_capacity(blocks.blocked.len());
        for account in blocks.blocked {
            match self.inner.api.get(&format!("/api/users/{account}")).await {
                Ok(user) => users.push(user),
                // The account is gone, and its block with it.
                Err(EngineError::Relay(error)) if error.code == parley_protocol::Code::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        users.sort_by(|one: &http::User, other| one.username.cmp(&other.username));
        Ok(users)
    }

    /// Marks an account as verified, on this device.
    ///
    /// # Errors
    /// The profile cannot be written.
    pub async fn set_verified(&self, account: AccountId, verified: bool) -> Result<()> {
        self.ask(move |core, tx, out| Ok(Ok(core.set_verified(tx, account, verified, out)?))).await
    }

    /// The accounts which are marked as verified on this device, by name.
    ///
    /// # Errors
    /// The profile cannot be read.
    pub async fn verified(&self) -> Result<Vec<(AccountId, String)>> {
        self.read(settings::verified).await
    }

    /// What the person chose.
    ///
    /// # Errors
    /// The profile cannot be read.
    pub async fn settings(&self) -> Result<Settings> {
        Ok(self.read(|db| settings::get(db, "settings")).await?.unwrap_or_default())
    }

    /// Sets what the person chose.
    ///
    /// # Errors
    /// The profile cannot be written.
    pub async fn set_settings(&self, chosen: Settings) -> Result<()> {
        self.ask(move |core, tx, out| Ok(Ok(core.set_settings(tx, chosen, out)?))).await
    }

    /// Waits until the relay has said who is there and when the others were last, for who looks only once: right after the profile
    /// was opened that takes a moment. No longer than a second, and not at all without the relay.
    ///
    /// # Errors
    /// The engine is closed.
    pub async fn presence_known(&self) -> Result<()> {
        self.told(Core::await_presence).await
    }

    /// Waits until the relay has said how far others have one's messages and what was hidden on other devices of one's own, for who
    /// looks only once: right after the session began that takes a moment. No longer than a second, and not at all without the relay.
    ///
    /// # Errors
    /// The engine is closed.
    pub async fn marks_known(&self) -> Result<()> {
        self.told(Core::await_marks).await
    }

    /// Waits for what the core lets one wait for, for a moment.
    async fn told(&self, wait: fn(&mut Core, oneshot::Sender<()>)) -> Result<()> {
        let (waiter, known) = oneshot::channel();
        self.ask(move |core, _, _| {
            wait(core, waiter);
            Ok(Ok(()))
        })
        .await?;
        // The core drops its end once it is known.
        let _ = tokio::time::timeout(LOOKS, known).await;
        Ok(())
    }

    /// Whether the person is there, until told otherwise or the profile is closed.
    ///
    /// # Errors
    /// The engine is closed.
    pub async fn set_activity(&self, activity: Activity) -> Result<()> {
        self.ask(move |core, _, out| {
            core.set_activity(activity, out);
            Ok(Ok(()))
        })
        .await
    }
}
