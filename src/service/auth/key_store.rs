//! Stores secrets in the platform's key store: the macOS keychain or the Windows credential manager.
//!
//! A call to the key store may block forever: the service behind it may hang, or wait for an answer to a prompt that is
//! not visible. So every call runs on its own thread and is abandoned there after a timeout. After that the key store
//! is not called again.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use zeroize::Zeroizing;

/// Why a call to the key store failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum KeyStoreError {
    /// The key store is locked, the entry is too large, or another reason that the key store gives.
    #[error("the key store refused: {0}")]
    Refused(String),
    #[error("the key store did not answer within {} s", .0.as_secs())]
    Silent(Duration),
}

/// The operations of a key store. Calls may block forever.
pub(super) trait Vault: fmt::Debug + Send + Sync {
    fn get(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, KeyStoreError>;
    /// Replaces an earlier secret with `secret`, as a whole or not at all.
    fn set(&self, name: &str, secret: &[u8]) -> Result<(), KeyStoreError>;
    /// Returns whether there was an entry.
    fn delete(&self, name: &str) -> Result<bool, KeyStoreError>;
}

/// One entry of a key store.
#[derive(Debug, Clone)]
pub(super) struct KeyStoreEntry {
    vault: Arc<dyn Vault>,
    name: String,
    given_up: Arc<AtomicBool>,
}

impl KeyStoreEntry {
    /// The entry with this name in the platform's key store, if the platform has one. Does not call the key store yet.
    pub(super) fn of_platform(name: String) -> Option<Self> {
        platform::vault().map(|vault| Self::within(vault, name))
    }

    pub(super) fn within(vault: Arc<dyn Vault>, name: String) -> Self {
        Self { vault, name, given_up: Arc::default() }
    }

    /// Calls the key store with the name of this entry, and waits at most `patience` for the answer.
    pub(super) fn ask<T: Send + 'static>(
        &self,
        patience: Duration,
        call: impl FnOnce(&dyn Vault, &str) -> Result<T, KeyStoreError> + Send + 'static,
    ) -> Result<T, KeyStoreError> {
        if self.given_up.load(Ordering::Relaxed) {
            return Err(KeyStoreError::Silent(patience));
        }
        let (answered, answer) = mpsc::sync_channel(1);
        let (vault, name) = (Arc::clone(&self.vault), self.name.clone());
        thread::Builder::new()
            .name("key-store".to_owned())
            // The receiver is gone if the answer is too late.
            .spawn(move || drop(answered.send(call(vault.as_ref(), &name))))
            .map_err(|error| KeyStoreError::Refused(error.to_string()))?;
        answer.recv_timeout(patience).unwrap_or_else(|_| {
            self.given_up.store(true, Ordering::Relaxed);
            Err(KeyStoreError::Silent(patience))
        })
    }
}

/// The keychain or the credential manager.
#[cfg(any(windows, target_os = "macos"))]
mod platform {
    #[cfg(target_os = "macos")]
    use apple_native_keyring_store::keychain::Store;
    use keyring_core::api::CredentialStoreApi;
    use keyring_core::{Entry, Error};
    #[cfg(windows)]
    use windows_native_keyring_store::Store;

    use super::{Arc, KeyStoreError, Vault, Zeroizing};

    /// The service name of our entries in the key store.
    const SERVICE: &str = "tenantry";

    pub(super) fn vault() -> Option<Arc<dyn Vault>> {
        Some(Arc::new(Platform))
    }

    #[derive(Debug)]
    struct Platform;

    impl Vault for Platform {
        fn get(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, KeyStoreError> {
            found(entry(name)?.get_secret()).map(|secret| secret.map(Zeroizing::new))
        }

        fn set(&self, name: &str, secret: &[u8]) -> Result<(), KeyStoreError> {
            entry(name)?.set_secret(secret).map_err(refused)
        }

        fn delete(&self, name: &str) -> Result<bool, KeyStoreError> {
            found(entry(name)?.delete_credential()).map(|deleted| deleted.is_some())
        }
    }

    fn entry(name: &str) -> Result<Entry, KeyStoreError> {
        Store::new().and_then(|store| store.build(SERVICE, name, None)).map_err(refused)
    }

    fn found<T>(answer: keyring_core::Result<T>) -> Result<Option<T>, KeyStoreError> {
        match answer {
            Ok(value) => Ok(Some(value)),
            Err(Error::NoEntry) => Ok(None),
            Err(error) => Err(refused(error)),
        }
    }

    /// The library's message names the cause and contains no secret.
    fn refused(error: Error) -> KeyStoreError {
        KeyStoreError::Refused(error.to_string())
    }
}

/// Other platforms use only the file: their key stores need a desktop, which servers do not have.
#[cfg(not(any(windows, target_os = "macos")))]
mod platform {
    use super::{Arc, Vault};

    pub(super) fn vault() -> Option<Arc<dyn Vault>> {
        None
    }
}

#[cfg(test)]
pub(super) mod testing {
    use std::collections::HashMap;
    use std::sync::Mutex;

    use super::*;

    /// How calls to a [`Memory`] behave.
    #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
    pub(crate) enum Mood {
        #[default]
        Willing,
        Locked,
        Hanging,
    }

    /// A key store in memory, with the size limit of Windows.
    #[derive(Debug, Default)]
    pub(crate) struct Memory {
        entries: Mutex<HashMap<String, Vec<u8>>>,
        mood: Mutex<Mood>,
    }

    impl Memory {
        pub(crate) fn becomes(&self, mood: Mood) {
            *self.mood.lock().unwrap() = mood;
        }

        pub(crate) fn len(&self) -> usize {
            self.entries.lock().unwrap().len()
        }

        fn let_in(&self) -> Result<(), KeyStoreError> {
            let mood = *self.mood.lock().unwrap();
            match mood {
                Mood::Willing => Ok(()),
                Mood::Locked => Err(KeyStoreError::Refused("locked".to_owned())),
                Mood::Hanging => loop {
                    thread::park();
                },
            }
        }
    }

    impl Vault for Memory {
        fn get(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, KeyStoreError> {
            self.let_in()?;
            Ok(self.entries.lock().unwrap().get(name).cloned().map(Zeroizing::new))
        }

        fn set(&self, name: &str, secret: &[u8]) -> Result<(), KeyStoreError> {
            self.let_in()?;
            if secret.len() > 2560 {
                return Err(KeyStoreError::Refused("longer than 2560".to_owned()));
            }
            self.entries.lock().unwrap().insert(name.to_owned(), secret.to_vec());
            Ok(())
        }

        fn delete(&self, name: &str) -> Result<bool, KeyStoreError> {
            self.let_in()?;
            Ok(self.entries.lock().unwrap().remove(name).is_some())
        }
    }
}
