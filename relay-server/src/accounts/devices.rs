//! The devices of an account: listing, renaming, revoking, and replacing an old copy by a new device.

use parley_protocol::http::{Device, Tokens as Issued};
use parley_protocol::{AccountId, Code, DeviceId, ErrorBody};

use super::{Accounts, Ended, SignedIn, begin_family, device_name, end_device};
use crate::session::Identity;
use crate::store::accounts as rows;
use crate::store::{self, Batch, Failure};

const REVOKED: &str = "this device was revoked; sign in again";

impl Accounts {
    /// The caller's devices that were not revoked, oldest first.
    pub(crate) async fn devices(&self, who: Identity) -> Result<Vec<Device>, ErrorBody> {
        let now = store::now();
        let found = self.store.read(move |sql| Ok(rows::devices(sql, who.account, now)?)).await?;
        let show = |row: rows::DeviceRow| {
            let online = self.relay.is_online(row.id);
            Device {
                id: row.id,
                name: row.name,
                created_at: row.created_at,
                last_seen: if online { now } else { row.last_seen },
                online,
                signed_in: row.signed_in,
                current: row.id == who.device,
                program: row.program,
            }
        };
        Ok(found.into_iter().map(show).collect())
    }

    /// Changes how a device of the caller is listed.
    pub(crate) async fn rename_device(&self, who: Identity, device: DeviceId, name: String) -> Result<(), ErrorBody> {
        let name = device_name(Some(name))?;
        self.store
            .write(move |batch| {
                own(batch, who.account, device)?;
                Ok(rows::rename_device(batch.sql(), device, &name)?)
            })
            .await
    }

    /// Revokes a device of the caller for good: it leaves its chats, and what was held for it is held no more.
    pub(crate) async fn revoke_device(&self, who: Identity, device: DeviceId) -> Result<(), ErrorBody> {
        let gone = self.store.write(move |batch| {
            own(batch, who.account, device)?;
            revoke(batch, who.account, device)
        });
        self.end(gone.await?);
        tracing::info!(account = %who.account, %device, "a device was revoked");
        Ok(())
    }

    /// Makes a new device of the same account in place of the caller's, which is revoked (DELIVERY rule 14). One
    /// transaction, so that the chats never see neither.
    pub(crate) async fn replace_device(&self, who: Identity) -> Result<Issued, ErrorBody> {
        let tokens = self.tokens.clone();
        let swap = move |batch: &mut Batch<'_>| {
            let name = own(batch, who.account, who.device)?;
            let Some(account) = rows::account(batch.sql(), who.account)? else {
                return Err(Failure::refused(Code::DeviceRevoked, REVOKED));
            };
            let (device, now) = (DeviceId::new(), batch.now());
            rows::insert_device(batch.sql(), device, who.account, &name, now)?;
            batch.device_added(who.account, device)?;
            let ended = revoke(batch, who.account, who.device)?;
            let (token, signed) = begin_family(batch.sql(), &tokens, who.account, device)?;
            Ok(SignedIn { username: account.username, token, signed, ended })
        };
        let done = self.store.write(swap).await?;
        tracing::info!(account = %who.account, old = %who.device, new = %done.token.device, "a device was replaced");
        self.answer(done)
    }
}

/// The device's name, if it is one of the account and was not revoked.
fn own(batch: &Batch<'_>, account: AccountId, device: DeviceId) -> Result<String, Failure> {
    rows::device_name(batch.sql(), account, device)?
        .ok_or_else(|| Failure::refused(Code::NotFound, "you have no such device"))
}

/// Revokes a device of an account within a transaction; its session ends with it.
pub(super) fn revoke(batch: &mut Batch<'_>, account: AccountId, device: DeviceId) -> Result<Ended, Failure> {
    batch.device_removed(account, device)?;
    rows::revoke_device(batch.sql(), device, batch.now())?;
    end_device(batch.sql(), device, Code::DeviceRevoked)
}
