//! Seals the passwords of one run.

use age::x25519::Recipient;
use secrecy::SecretString;
use tokio::sync::OnceCell;

use super::Error;
use super::data_key::{DataKey, PasswordOwner};
use crate::failpoint;
use crate::ledger::{self, DataKeyId, Recorder, RowId, Sealed};

/// The data key of a run, in memory. It becomes durable with the intent of the first create. A run that creates nothing
/// does not store it.
pub(crate) struct Sealer {
    key: DataKey,
    /// The public key that can open it, and the key as it is stored.
    recipient: String,
    sealed_key: Vec<u8>,
    kept: OnceCell<StoredKey>,
}

/// The stored key's id, and the id of its ledger.
struct StoredKey {
    id: DataKeyId,
    ledger_id: String,
}

/// A data key that is stored, so that passwords may be sealed under it: it is durable when the first create is sent.
#[derive(Clone, Copy)]
pub(crate) struct KeptKey<'a> {
    key: &'a DataKey,
    kept: &'a StoredKey,
}

impl Sealer {
    /// Makes a new data key that `recipient` can open.
    pub(crate) fn to(recipient: &Recipient) -> Result<Self, Error> {
        let key = DataKey::draw()?;
        let sealed_key = key.sealed_to(recipient)?;
        Ok(Self { key, recipient: recipient.to_string(), sealed_key, kept: OnceCell::new() })
    }

    /// The key, once it is in the ledger.
    pub(crate) async fn kept(&self, recorder: &Recorder) -> Result<KeptKey<'_>, ledger::Error> {
        let keep = || async {
            failpoint::crash("data_key_drawn");
            let (id, ledger_id) =
                recorder.keep_data_key(self.recipient.clone(), self.sealed_key.clone()).await?;
            failpoint::crash("data_key_kept");
            Ok::<_, ledger::Error>(StoredKey { id, ledger_id })
        };
        Ok(KeptKey { key: &self.key, kept: self.kept.get_or_try_init(keep).await? })
    }
}

impl KeptKey<'_> {
    /// Seals the password that the create of `row` brought, for the customer that the answer names. Only computes; does
    /// not block.
    pub(crate) fn seal(
        &self,
        row: RowId,
        domain: &str,
        customer_id: &str,
        password: &SecretString,
    ) -> Result<Sealed, Error> {
        let owner = PasswordOwner { ledger_id: &self.kept.ledger_id, row, domain, customer_id };
        Ok(Sealed { data_key: self.kept.id, password: self.key.seal(&owner, password)? })
    }
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sealer").field("recipient", &self.recipient).finish_non_exhaustive()
    }
}
