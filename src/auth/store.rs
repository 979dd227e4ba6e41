//! Where a refresh token is kept between runs: a file for its owner alone, one for each authority, tenant and app.
//!
//! A new token is durable under the file's name before the old one is gone.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::Authority;
use super::endpoint::App;
use crate::private_file;

/// The place of one refresh token.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    file: PathBuf,
}

#[derive(Debug, Deserialize)]
struct Stored {
    refresh_token: SecretString,
    /// Digest of the token that was handed in and that this one descends from.
    handed_in: Option<String>,
}

impl Store {
    /// The place for an app; nothing is read yet. `None`: this user has no configuration folder.
    pub(crate) fn of(app: &App, authority: &Authority) -> Option<Self> {
        let folders = directories::ProjectDirs::from("", "", "tenantry")?;
        Some(Self::within(folders.config_dir(), app, authority))
    }

    fn within(folder: &Path, app: &App, authority: &Authority) -> Self {
        let key = format!("{}\n{}\n{}", authority.url, app.tenant, app.client_id).to_ascii_lowercase();
        let name = format!("sign-in-{}.json", &digest(&key)[..32]);
        Self { file: folder.join(name) }
    }

    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    /// The stored token, if there is one; where `handed_in` is given, only one that descends from it.
    pub(crate) fn load(&self, handed_in: Option<&SecretString>) -> io::Result<Option<SecretString>> {
        let text = match fs::read(&self.file) {
            Ok(text) => Zeroizing::new(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        check_mode(&self.file)?;
        let stored: Stored = serde_json::from_slice(&text)
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it holds no sign-in"))?;
        let wanted = handed_in.map(|token| digest(token.expose_secret()));
        Ok((wanted.is_none() || wanted == stored.handed_in).then_some(stored.refresh_token))
    }

    /// Keeps `token` in place of an earlier one. Durable when it returns.
    pub(crate) fn save(&self, token: &SecretString, handed_in: Option<&SecretString>) -> io::Result<()> {
        let body = serde_json::json!({
            "refresh_token": token.expose_secret(),
            "handed_in": handed_in.map(|token| digest(token.expose_secret())),
        });
        let text = Zeroizing::new(body.to_string());
        private_file::replace(&self.file, text.as_bytes())
    }

    /// Forgets it. Says whether there was one.
    pub(crate) fn forget(&self) -> io::Result<bool> {
        match fs::remove_file(&self.file) {
            Ok(()) => crate::ledger::sync_folder_of(&self.file).map(|()| true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn digest(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(unix)]
fn check_mode(file: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    if fs::metadata(file)?.permissions().mode() & 0o077 == 0 {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::PermissionDenied, "others than its owner may read it"))
}

/// Windows keeps a user's configuration folder to that user by inheritance.
#[cfg(not(unix))]
fn check_mode(_file: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_kept_for_its_app_and_its_origin_alone() {
        let folder = tempfile::tempdir().unwrap();
        let authority =
            Authority { url: "https://login.example".parse().unwrap(), audience: "https://api".to_owned() };
        let app = |id: &str| App { tenant: "t".to_owned(), client_id: id.to_owned(), proof: None };
        let store = Store::within(folder.path(), &app("a"), &authority);
        let token = |text: &str| SecretString::from(text);
        let load = |from: Option<&SecretString>| {
            store.load(from).unwrap().map(|token| token.expose_secret().to_owned())
        };
        assert_eq!(load(None), None);
        store.save(&token("first"), None).unwrap();
        store.save(&token("second"), Some(&token("origin"))).unwrap();
        assert_eq!(load(None).as_deref(), Some("second"));
        assert_eq!(load(Some(&token("origin"))).as_deref(), Some("second"));
        assert_eq!(load(Some(&token("another"))), None);
        assert!(Store::within(folder.path(), &app("b"), &authority).load(None).unwrap().is_none());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(store.file()).unwrap().permissions().mode() & 0o777, 0o600);
            fs::set_permissions(store.file(), fs::Permissions::from_mode(0o644)).unwrap();
            assert!(store.load(None).is_err());
        }
        assert!(store.forget().unwrap());
        assert!(!store.forget().unwrap());
    }
}
