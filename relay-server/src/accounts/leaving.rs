//! Deleting an account.
//!
//! A group or channel which it owns goes to its first admin, else to its first member; one that is left empty is
//! deleted. That is kinder than a refusal which makes a person hand over each by hand before they may go, and the others
//! keep their conversation. The name stays taken, so that nobody takes over who they were; the address is free again.

use std::net::IpAddr;

use parley_protocol::ErrorBody;

use super::devices::revoke;
use super::{Accounts, Ended};
use crate::session::Identity;
use crate::store::Batch;
use crate::store::accounts as rows;

impl Accounts {
    /// Deletes the caller's account, in one transaction.
    pub(crate) async fn delete_account(
        &self,
        who: Identity,
        password: String,
        address: IpAddr,
    ) -> Result<(), ErrorBody> {
        self.check_password(who.account, password, address).await?;
        let delete = move |batch: &mut Batch<'_>| {
            let (sql, now) = (batch.sql(), batch.now());
            batch.account_deleted(who)?;
            let mut gone = Ended::new();
            for device in rows::devices(sql, who.account, now)? {
                gone.extend(revoke(batch, who.account, device.id)?);
            }
            rows::delete_account(sql, who.account, now)?;
            Ok(gone)
        };
        self.end(self.store.write(delete).await?);
        tracing::info!(account = %who.account, "an account was deleted");
        Ok(())
    }
}
