//! A data key, and the encryption of passwords under it.
//!
//! Each password is bound to its own row: if a stored password is moved to another row, it does not open there. A
//! stored password is a version, a random nonce and the ciphertext of XChaCha20-Poly1305. Its associated data are the
//! version, the ledger's id, the row's id, the domain and the customer id, each with its length before it, so that no
//! two owners have the same data.

use age::x25519::Recipient;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use rand::rngs::SysRng;
use rand::{Rng, TryRng};
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::{CannotOpen, Error, Identities};
use crate::ledger::RowId;

/// The layout of a stored password, and of its associated data.
const VERSION: u8 = 1;

/// Bytes of a nonce: long enough for a random one per password of a key.
const NONCE: usize = 24;

/// Bytes of a key.
const KEY: usize = 32;

/// The owner of a password. The password opens only for this owner.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PasswordOwner<'a> {
    pub(crate) ledger_id: &'a str,
    /// The row whose create brought it.
    pub(crate) row: RowId,
    pub(crate) domain: &'a str,
    pub(crate) customer_id: &'a str,
}

impl PasswordOwner<'_> {
    fn associated_data(&self) -> Vec<u8> {
        let mut data = vec![VERSION];
        let row = self.row.0.to_be_bytes();
        for field in [self.ledger_id.as_bytes(), &row, self.domain.as_bytes(), self.customer_id.as_bytes()] {
            data.extend((field.len() as u64).to_be_bytes());
            data.extend(field);
        }
        data
    }
}

/// The key of one run. It is overwritten when it is dropped, and never displayed.
pub(crate) struct DataKey(Zeroizing<[u8; KEY]>);

impl DataKey {
    /// A new key, from the randomness of the operating system.
    pub(super) fn draw() -> Result<Self, Error> {
        let mut key = Zeroizing::new([0; KEY]);
        SysRng.try_fill_bytes(&mut *key).map_err(|error| Error::Seal(error.to_string()))?;
        Ok(Self(key))
    }

    /// The key as it is stored: an age file for `recipient`.
    pub(super) fn sealed_to(&self, recipient: &Recipient) -> Result<Vec<u8>, Error> {
        age::encrypt(recipient, &*self.0).map_err(|error| Error::Seal(error.to_string()))
    }

    /// The key that was stored as `sealed`.
    pub(super) fn unsealed_by(identities: &Identities, sealed: &[u8]) -> Result<Self, CannotOpen> {
        let unsealed = identities.open(sealed)?;
        let mut key = Zeroizing::new([0; KEY]);
        if unsealed.len() != KEY {
            return Err(CannotOpen::Damaged);
        }
        key.copy_from_slice(&unsealed);
        Ok(Self(key))
    }

    /// The password of `owner` as it is stored. Only computes; does not block.
    pub(super) fn seal(&self, owner: &PasswordOwner<'_>, password: &SecretString) -> Result<Vec<u8>, Error> {
        let mut nonce = [0; NONCE];
        // Unlike the system's own generator this one cannot fail here, while we have a password that cannot be
        // requested again.
        rand::rng().fill_bytes(&mut nonce);
        let plain = Payload { msg: password.expose_secret().as_bytes(), aad: &owner.associated_data() };
        let sealed = self.cipher().encrypt(XNonce::from_slice(&nonce), plain);
        let sealed = sealed.map_err(|error| Error::Seal(error.to_string()))?;
        Ok([&[VERSION], nonce.as_slice(), &sealed].concat())
    }

    /// The password of `owner`, if it was sealed for this owner under this key.
    pub(super) fn open(
        &self,
        owner: &PasswordOwner<'_>,
        stored: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, CannotOpen> {
        let (nonce, sealed) = match stored.split_first() {
            Some((&VERSION, rest)) => rest.split_at_checked(NONCE).ok_or(CannotOpen::Damaged)?,
            _ => return Err(CannotOpen::Damaged),
        };
        let sealed = Payload { msg: sealed, aad: &owner.associated_data() };
        let opened = self.cipher().decrypt(XNonce::from_slice(nonce), sealed);
        opened.map(Zeroizing::new).map_err(|_| CannotOpen::NotItsOwn)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(Key::from_slice(&*self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEDGER: &str = "6d2f7c9a-0000-4000-8000-000000000001";

    fn owner() -> PasswordOwner<'static> {
        PasswordOwner { ledger_id: LEDGER, row: RowId(7), domain: "a.onmicrosoft.com", customer_id: "c-1" }
    }

    fn sealed(key: &DataKey) -> Vec<u8> {
        key.seal(&owner(), &SecretString::from("=;;n.=s9Z, \"quoted\"")).unwrap()
    }

    #[test]
    fn a_password_opens_only_for_its_own_row() {
        let key = DataKey::draw().unwrap();
        let stored = sealed(&key);
        assert_eq!(*key.open(&owner(), &stored).unwrap(), b"=;;n.=s9Z, \"quoted\"");
        let others = [
            PasswordOwner { row: RowId(8), ..owner() },
            PasswordOwner { domain: "b.onmicrosoft.com", ..owner() },
            PasswordOwner { customer_id: "c-2", ..owner() },
            PasswordOwner { customer_id: "", ..owner() },
            PasswordOwner { ledger_id: "6d2f7c9a-0000-4000-8000-000000000002", ..owner() },
            // The same letters, split at another place.
            PasswordOwner { domain: "a.onmicrosoft.co", customer_id: "mc-1", ..owner() },
        ];
        for other in others {
            assert!(matches!(key.open(&other, &stored), Err(CannotOpen::NotItsOwn)), "{other:?}");
        }
        let another_run = DataKey::draw().unwrap();
        assert!(matches!(another_run.open(&owner(), &stored), Err(CannotOpen::NotItsOwn)));
    }

    #[test]
    fn a_password_that_was_changed_does_not_open() {
        let key = DataKey::draw().unwrap();
        let stored = sealed(&key);
        for at in 0..stored.len() {
            let mut changed = stored.clone();
            changed[at] ^= 1;
            assert!(key.open(&owner(), &changed).is_err(), "byte {at}");
            assert!(key.open(&owner(), &stored[..at]).is_err(), "cut at {at}");
        }
        assert!(matches!(key.open(&owner(), &[2; 60]), Err(CannotOpen::Damaged)), "of a later version");
    }

    #[test]
    fn equal_passwords_do_not_look_alike() {
        let key = DataKey::draw().unwrap();
        let stored = sealed(&key);
        assert_ne!(stored, sealed(&key));
        assert!(!stored.windows(4).any(|bytes| bytes == b"=;;n"));
    }

    #[test]
    fn a_data_key_opens_only_with_its_identity() {
        let [mine, other] = [(); 2].map(|()| Identities::generated());
        let key = DataKey::draw().unwrap();
        let kept = key.sealed_to(&mine.keys[0].to_public()).unwrap();
        let opened = DataKey::unsealed_by(&mine, &kept).unwrap();
        assert_eq!(*opened.open(&owner(), &sealed(&key)).unwrap(), b"=;;n.=s9Z, \"quoted\"");
        assert!(matches!(DataKey::unsealed_by(&other, &kept), Err(CannotOpen::OtherKey(None))));
        let short = age::encrypt(&mine.keys[0].to_public(), b"too short for a key").unwrap();
        assert!(matches!(DataKey::unsealed_by(&mine, &short), Err(CannotOpen::Damaged)));
    }
}
