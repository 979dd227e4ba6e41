//! Opens the passwords of a ledger.
//!
//! Each data key is unsealed once, for the first password under it, because the asymmetric step is slow.

use std::collections::HashMap;

use zeroize::Zeroizing;

use super::data_key::{DataKey, PasswordOwner};
use super::{CannotOpen, Identities};
use crate::ledger::{DataKeyId, SealedDataKey, SealedPassword};

/// Opens the passwords of one ledger with the keys of one identity file.
pub(crate) struct Opener {
    identities: Identities,
    ledger_id: String,
    sealed_keys: HashMap<DataKeyId, SealedDataKey>,
    keys: HashMap<DataKeyId, Result<DataKey, CannotOpen>>,
}

impl Opener {
    /// For the ledger with this id and its stored data keys.
    pub(crate) fn new(identities: Identities, ledger_id: String, data_keys: Vec<SealedDataKey>) -> Self {
        let sealed_keys = data_keys.into_iter().map(|key| (key.id, key)).collect();
        Self { identities, ledger_id, sealed_keys, keys: HashMap::new() }
    }

    /// The password, or why it cannot be opened.
    pub(crate) fn open(&mut self, sealed: &SealedPassword) -> Result<Zeroizing<Vec<u8>>, CannotOpen> {
        let Some(id) = sealed.data_key else {
            // A password of an earlier program is an age file of its own.
            return self.identities.open(&sealed.password);
        };
        let key = self.keys.entry(id).or_insert_with(|| {
            let kept = self.sealed_keys.get(&id).ok_or(CannotOpen::Damaged)?;
            DataKey::unsealed_by(&self.identities, &kept.sealed).map_err(|why| match why {
                CannotOpen::OtherKey(_) => CannotOpen::OtherKey(Some(kept.recipient.clone())),
                why => why,
            })
        });
        let owner = PasswordOwner {
            ledger_id: &self.ledger_id,
            row: sealed.asked_by,
            domain: &sealed.bound_domain,
            customer_id: &sealed.customer_id,
        };
        key.as_ref().map_err(Clone::clone)?.open(&owner, &sealed.password)
    }
}
