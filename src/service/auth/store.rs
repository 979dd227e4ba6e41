//! Stores refresh tokens between runs, one for each authority, tenant and app.
//!
//! A token is stored in the key store of Windows or macOS, or else in a private file. Both places may contain a token,
//! for example after a login while the key store was locked. Then the one in the file is newer, because storing in the
//! key store removes the file; so the key store is asked only if there is no file. A new token is stored before an older
//! one is removed. Invariant: if storing fails, the earlier token is still there.
//!
//! Tokens that replace one supplied from outside are stored separately, apart from a login and from each other's chain:
//! a job and a person may share an app.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::Authority;
use super::endpoint::App;
use super::key_store::{KeyStoreEntry, KeyStoreError};
use tenantry_model::{files, folders};

/// For a key store that may have to prompt a person for a password first.
const PATIENCE_WITH_A_PERSON: Duration = Duration::from_secs(20);

/// For a key store that can answer without a prompt.
const PATIENCE: Duration = Duration::from_secs(5);

/// The places that are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyStoreChoice {
    /// The key store, or the file if there is no key store or it does not accept the token.
    KeyStoreElseFile,
    /// Only the file.
    File,
}

/// The places of one refresh token.
#[derive(Debug, Clone)]
pub struct Store {
    key_store: Option<KeyStoreEntry>,
    /// A private file.
    file: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenPlace {
    KeyStore,
    File,
}

/// Where a refresh token was stored.
#[derive(Debug)]
pub enum SavedIn {
    InKeyStore,
    /// In the file, and why not in the key store, if it was tried.
    InFile(PathBuf, Option<KeyStoreError>),
}

impl fmt::Display for SavedIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SavedIn::InKeyStore => f.write_str("kept in the key store of this machine"),
            SavedIn::InFile(file, None) => write!(f, "kept in `{}`, which only you can read", file.display()),
            SavedIn::InFile(file, Some(trouble)) => {
                write!(f, "kept in `{}`, which only you can read, because {trouble}", file.display())
            }
        }
    }
}

#[derive(Serialize)]
struct Written<'a> {
    refresh_token: &'a str,
}

#[derive(Deserialize)]
struct Read {
    refresh_token: SecretString,
}

/// What is in the places of a refresh token.
#[derive(Debug)]
pub struct Found {
    /// The newest token, and its place; the token that replaces it is stored in the same place.
    pub token: Option<(SecretString, TokenPlace)>,
    /// Why the key store could not be asked.
    pub trouble: Option<KeyStoreError>,
}

impl Store {
    /// The places for the login of an app, or for the tokens that replace `handed_in`. Reads nothing yet. `None`: this
    /// user has no configuration folder.
    pub fn of(
        app: &App,
        authority: &Authority,
        handed_in: Option<&SecretString>,
        keep: KeyStoreChoice,
    ) -> Option<Self> {
        let name = name(app, authority, handed_in);
        let file = folders::config()?.join(format!("{name}.json"));
        let key_store = match keep {
            KeyStoreChoice::KeyStoreElseFile => KeyStoreEntry::of_platform(name),
            KeyStoreChoice::File => None,
        };
        Some(Self { key_store, file })
    }

    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Looks for a token.
    ///
    /// # Errors
    /// The file cannot be used.
    pub fn load(&self) -> io::Result<Found> {
        if let Some(record) = read_file(&self.file)? {
            return Ok(Found { token: Some((read(&record)?, TokenPlace::File)), trouble: None });
        }
        Ok(match self.read_key_store() {
            Ok(token) => Found { token: token.map(|token| (token, TokenPlace::KeyStore)), trouble: None },
            Err(trouble) => Found { token: None, trouble: Some(trouble) },
        })
    }

    fn read_key_store(&self) -> Result<Option<SecretString>, KeyStoreError> {
        let Some(key_store) = &self.key_store else { return Ok(None) };
        let record = key_store.ask(PATIENCE, |vault, name| vault.get(name))?;
        let token = record.map(|record| read(&record)).transpose();
        token.map_err(|error| KeyStoreError::Refused(format!("its entry cannot be used: {error}")))
    }

    /// Names a place of the token, for people.
    pub fn describe(&self, place: TokenPlace) -> String {
        match place {
            TokenPlace::KeyStore => "the key store of this machine".to_owned(),
            TokenPlace::File => format!("`{}`", self.file.display()),
        }
    }

    /// Where a token was looked for, if none was found: one sentence for each place. `trouble`: why the key store could
    /// not be asked.
    pub fn describe_absence(&self, trouble: Option<&KeyStoreError>) -> Vec<String> {
        let mut places = vec![format!("there is no file `{}`", self.file.display())];
        if self.key_store.is_some() {
            places.push(trouble.map_or_else(
                || "the key store of this machine has no entry for it".to_owned(),
                ToString::to_string,
            ));
        }
        places
    }

    /// The number of files beside that of this token with a sign-in: of another tenant, app or sign-in service.
    pub fn count_others(&self) -> usize {
        let is_other = |file: &fs::DirEntry| {
            let name = file.file_name();
            let name = name.to_string_lossy();
            name.starts_with("sign-in-") && name.ends_with(".json") && file.path() != self.file
        };
        let folder = self.file.parent().map(fs::read_dir);
        folder.and_then(Result::ok).map_or(0, |files| files.flatten().filter(is_other).count())
    }

    /// Asks the key store, if it is used, whether it answers.
    pub fn key_store_answers(&self) -> Option<Result<(), KeyStoreError>> {
        let asked = self.key_store.as_ref()?.ask(PATIENCE, |vault, name| vault.get(name));
        Some(asked.map(drop))
    }

    /// Stores the token of a login. A person is present, so the key store may prompt for a password.
    pub fn save_login(&self, token: &SecretString) -> io::Result<SavedIn> {
        self.save(token, TokenPlace::KeyStore, PATIENCE_WITH_A_PERSON)
    }

    /// Stores the token that replaces one from `place`.
    pub fn save_successor(&self, token: &SecretString, place: TokenPlace) -> io::Result<SavedIn> {
        self.save(token, place, PATIENCE)
    }

    fn save(&self, token: &SecretString, place: TokenPlace, patience: Duration) -> io::Result<SavedIn> {
        let record = Zeroizing::new(serde_json::to_vec(&Written { refresh_token: token.expose_secret() })?);
        let trouble = match (place, &self.key_store) {
            (TokenPlace::KeyStore, Some(key_store)) => {
                let secret = record.clone();
                match key_store.ask(patience, move |vault, name| vault.set(name, &secret)) {
                    Ok(()) => match remove_file(&self.file) {
                        Ok(_) => return Ok(SavedIn::InKeyStore),
                        // A file that stays must not have the older token.
                        Err(_) => None,
                    },
                    Err(trouble) => Some(trouble),
                }
            }
            (TokenPlace::KeyStore, None) | (TokenPlace::File, _) => None,
        };
        files::replace(&self.file, &record)?;
        Ok(SavedIn::InFile(self.file().to_owned(), trouble))
    }

    /// Removes the token from both places. Returns whether there was one.
    pub fn forget(&self) -> io::Result<bool> {
        let in_file = remove_file(&self.file)?;
        let in_key_store = match &self.key_store {
            None => Ok(false),
            Some(key_store) => key_store.ask(PATIENCE_WITH_A_PERSON, |vault, name| vault.delete(name)),
        };
        Ok(in_file | in_key_store.map_err(io::Error::other)?)
    }
}

/// # Errors
/// Also if users other than the owner may write to the file.
fn read_file(file: &Path) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    match files::read_secret(file, |_| true) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        read => read.map(Some),
    }
}

/// Returns whether there was a file.
fn remove_file(file: &Path) -> io::Result<bool> {
    match fs::remove_file(file) {
        Ok(()) => files::sync_folder_of(file).map(|()| true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn read(record: &[u8]) -> io::Result<SecretString> {
    // The parser's message is left out because it can quote the record.
    let read = files::text_of(record).ok().and_then(|text| serde_json::from_str(&text).ok());
    read.map(|Read { refresh_token }| refresh_token)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "it contains no sign-in"))
}

/// Differs for every authority, tenant, app and supplied token, and reveals none of them.
fn name(app: &App, authority: &Authority, handed_in: Option<&SecretString>) -> String {
    let mut key = format!("{}\n{}\n{}", authority.url, app.tenant, app.client_id).to_ascii_lowercase();
    if let Some(token) = handed_in {
        key.push('\n');
        key.push_str(&digest(token.expose_secret()));
    }
    format!("sign-in-{}", &digest(&key)[..32])
}

fn digest(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tempfile::TempDir;

    use super::super::key_store::testing::{Memory, Mood};
    use super::*;
    use crate::transport::Network;

    /// A store with a key store in memory and a file in its own folder.
    struct Fixture {
        vault: Arc<Memory>,
        folder: TempDir,
        store: Store,
    }

    impl Fixture {
        fn new() -> Self {
            let (vault, folder) = (Arc::<Memory>::default(), tempfile::tempdir().unwrap());
            let key_store = KeyStoreEntry::within(vault.clone(), "sign-in".to_owned());
            let file = folder.path().join("sign-in.json");
            Self { vault, folder, store: Store { key_store: Some(key_store), file } }
        }

        fn login(&self, token: &str) -> SavedIn {
            self.store.save_login(&token.into()).unwrap()
        }

        fn rotate(&self, token: &str) -> SavedIn {
            let place = self.store.load().unwrap().token.map_or(TokenPlace::KeyStore, |(_, place)| place);
            self.store.save_successor(&token.into(), place).unwrap()
        }

        fn loaded(&self) -> Option<(String, TokenPlace)> {
            let (refresh_token, place) = self.store.load().unwrap().token?;
            Some((refresh_token.expose_secret().to_owned(), place))
        }

        fn check(&self, token: &str, place: TokenPlace, in_key_store: usize, in_files: usize) {
            assert_eq!(self.loaded(), Some((token.to_owned(), place)));
            let files = std::fs::read_dir(self.folder.path()).unwrap().count();
            assert_eq!((self.vault.len(), files), (in_key_store, in_files));
        }
    }

    #[test]
    fn a_file_is_replaced_whole_and_private() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("inner").join("secret.json");
        assert!(read_file(&file).unwrap().is_none());
        for secret in [&b"first"[..], b"second"] {
            files::replace(&file, secret).unwrap();
            assert_eq!(read_file(&file).unwrap().unwrap().as_slice(), secret);
        }
        assert_eq!(
            fs::read_dir(folder.path().join("inner")).unwrap().count(),
            1,
            "nothing is left beside it"
        );
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
            fs::set_permissions(&file, fs::Permissions::from_mode(0o646)).unwrap();
            assert!(read_file(&file).is_err());
        }
        assert!(remove_file(&file).unwrap());
        assert!(!remove_file(&file).unwrap());
    }
    #[test]
    fn a_token_goes_to_the_key_store_and_is_rotated_there() {
        let it = Fixture::new();
        assert_eq!(it.loaded(), None);
        assert!(matches!(it.login("first"), SavedIn::InKeyStore));
        it.check("first", TokenPlace::KeyStore, 1, 0);
        assert!(matches!(it.rotate("second"), SavedIn::InKeyStore));
        it.check("second", TokenPlace::KeyStore, 1, 0);
    }

    #[test]
    fn what_the_key_store_cannot_take_goes_to_the_file() {
        let it = Fixture::new();
        it.login("small");
        let large = "x".repeat(3_000);
        let kept = it.rotate(&large);
        assert!(kept.to_string().contains("because the key store refused: longer than 2560"), "{kept}");
        it.check(&large, TokenPlace::File, 1, 1);
        // The tokens that replace it stay in the file; the next login moves back to the key store.
        it.rotate("small again");
        it.check("small again", TokenPlace::File, 1, 1);
        it.login("after all");
        it.check("after all", TokenPlace::KeyStore, 1, 0);
    }

    #[test]
    fn a_locked_key_store_is_passed_over() {
        let it = Fixture::new();
        it.login("older");
        it.vault.becomes(Mood::Locked);
        assert!(matches!(it.login("newer"), SavedIn::InFile(_, Some(KeyStoreError::Refused(_)))));
        it.check("newer", TokenPlace::File, 1, 1);
        assert!(it.store.load().unwrap().trouble.is_none(), "later runs need not ask it");
        assert!(it.store.forget().is_err(), "one may be left in the key store");
        let found = it.store.load().unwrap();
        assert!(found.token.is_none());
        let places = it.store.describe_absence(found.trouble.as_ref());
        assert!(places[0].contains("sign-in.json") && places[1].contains("refused: locked"), "{places:?}");
        it.vault.becomes(Mood::Willing);
        it.check("older", TokenPlace::KeyStore, 1, 0);
    }

    #[test]
    fn the_newer_of_two_counts() {
        let it = Fixture::new();
        it.login("in the key store");
        it.vault.becomes(Mood::Locked);
        it.login("in the file");
        it.vault.becomes(Mood::Willing);
        it.check("in the file", TokenPlace::File, 1, 1);
        assert!(it.store.forget().unwrap());
        assert_eq!((it.loaded(), it.vault.len()), (None, 0));
        assert!(!it.store.forget().unwrap());
    }

    #[test]
    fn a_key_store_that_hangs_is_asked_once() {
        let it = Fixture::new();
        it.vault.becomes(Mood::Hanging);
        let shortly = Duration::from_millis(50);
        for _ in 0..2 {
            let kept = it.store.save(&"token".into(), TokenPlace::KeyStore, shortly).unwrap();
            assert!(matches!(kept, SavedIn::InFile(_, Some(KeyStoreError::Silent(_)))));
        }
        it.vault.becomes(Mood::Willing);
        it.check("token", TokenPlace::File, 0, 1);
    }

    #[test]
    fn every_app_and_authority_has_its_own() {
        let authority = |url: &str| Authority {
            url: url.parse().unwrap(),
            audience: String::new(),
            network: Network::default(),
        };
        let app = |id: &str| App { tenant: "t".to_owned(), client_id: id.to_owned(), proof: None };
        let (here, there) = (authority("https://a.example"), authority("https://b.example"));
        assert_eq!(name(&app("a"), &here, None), name(&app("A"), &here, None));
        assert_ne!(name(&app("a"), &here, None), name(&app("b"), &here, None));
        assert_ne!(name(&app("a"), &here, None), name(&app("a"), &there, None));
    }

    #[test]
    fn what_was_handed_in_is_kept_apart() {
        let authority = Authority {
            url: "https://a.example".parse().unwrap(),
            audience: String::new(),
            network: Network::default(),
        };
        let app = App { tenant: "t".to_owned(), client_id: "a".to_owned(), proof: None };
        let name = |token: Option<&str>| name(&app, &authority, token.map(SecretString::from).as_ref());
        assert_eq!(name(Some("origin")), name(Some("origin")));
        assert_ne!(name(Some("origin")), name(Some("another")));
        assert_ne!(name(Some("origin")), name(None));
    }
}
