//! Protects one-time admin passwords at rest.
//!
//! They are encrypted under a data key of their run. The data key is sealed to an age public key and opened with its
//! private half. A nightly machine needs only the public half. If no recipient is given, a key pair is made on first
//! use, and its private half is stored in the identity file, which only its owner can read.
//!
//! [`data_key`] is the encryption, [`sealer`] uses it in a run, [`opener`] uses it in `credentials`.

mod data_key;
mod opener;
mod sealer;

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use age::x25519::Identity;
use secrecy::ExposeSecret;
use zeroize::Zeroizing;

use crate::files::{self, Refused, name_beside, take_name};
use crate::{clock, failpoint, folders};

pub(crate) use age::x25519::Recipient;
pub(crate) use opener::Opener;
pub(crate) use sealer::{KeptKey, Sealer};

/// Errors with keys and sealed passwords. They never contain a password.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    // The value is never quoted: it may be a private key.
    #[error("the value of `--recipient` is not an age public key{}", if *is_private { ", but a private \
             key" } else { "" })]
    BadRecipient { is_private: bool },
    #[error("could not find a configuration folder for this user")]
    NoConfigFolder,
    #[error("could not {what} the identity file `{}`", path.display())]
    IdentityFile { what: &'static str, path: PathBuf, source: io::Error },
    #[error("`{}` contains no age identity", .0.display())]
    BadIdentity(PathBuf),
    #[error("could not seal a password: {0}")]
    Seal(String),
}

/// Why a password cannot be opened.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Unopened {
    /// The identity file has no key that the password is sealed to. The recipient, if it is known.
    OtherKey(Option<String>),
    /// It is not what was stored, or was written by a later program.
    Damaged,
    /// It was changed, or belongs to another row.
    NotItsOwn,
}

impl Error {
    /// What the operator can do about it.
    pub(crate) fn hint(&self) -> Option<String> {
        if let Error::IdentityFile { path, source, .. } = self
            && let Some(refused) = Refused::of(source)
        {
            return Some(refused.hint(path));
        }
        let hint = match self {
            Error::BadRecipient { is_private: true } => Some(
                "use the public key, which begins with `age1`; the private key may be in the history of \
                 your shell and in logs now",
            ),
            Error::BadRecipient { is_private: false } => {
                Some("a recipient begins with `age1`; `age-keygen` makes a key pair")
            }
            Error::NoConfigFolder => {
                Some("name a file with `--identity F`, or a public key with `--recipient`")
            }
            Error::IdentityFile { .. } | Error::BadIdentity(_) => {
                Some("name the file that holds the private key with `--identity F`")
            }
            Error::Seal(_) => None,
        };
        hint.map(str::to_owned)
    }
}

/// Parses a public key, as given to `--recipient` (`age1…`).
pub(crate) fn recipient(text: &str) -> Result<Recipient, Error> {
    let is_private = text.trim_start().to_ascii_uppercase().starts_with("AGE-SECRET-KEY");
    text.parse().map_err(|_| Error::BadRecipient { is_private })
}

/// The private keys of an identity file; at least one.
pub(crate) struct Identities {
    keys: Vec<Identity>,
}

impl Identities {
    /// Reads the keys of the file.
    pub(crate) fn read(file: &Path) -> Result<Self, Error> {
        read_identity(file)
    }

    /// Reads the keys of the file; if it does not exist, creates it with a new key. Returns true if it was created.
    pub(crate) fn read_or_make(file: &Path) -> Result<(Self, bool), Error> {
        match read_identity(file) {
            Err(Error::IdentityFile { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                let identity = Identity::generate();
                match write_identity(file, &identity) {
                    Ok(()) => Ok((Self { keys: vec![identity] }, true)),
                    // Another run has made one in the meantime.
                    Err(Error::IdentityFile { source, .. })
                        if source.kind() == io::ErrorKind::AlreadyExists =>
                    {
                        Ok((read_identity(file)?, false))
                    }
                    Err(error) => Err(error),
                }
            }
            read => Ok((read?, false)),
        }
    }

    /// The public half of the key that passwords are sealed to: the first one.
    pub(crate) fn recipient(&self) -> Recipient {
        self.keys[0].to_public()
    }

    /// The public halves of all keys.
    pub(crate) fn recipients(&self) -> impl Iterator<Item = Recipient> {
        self.keys.iter().map(Identity::to_public)
    }

    /// The public half of the key that opens this age file.
    pub(crate) fn opens_it(&self, sealed: &[u8]) -> Option<Recipient> {
        self.keys.iter().find(|key| open([*key], sealed).is_ok()).map(Identity::to_public)
    }

    /// Decrypts an age file.
    fn open(&self, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Unopened> {
        open(&self.keys, sealed)
    }

    #[cfg(test)]
    fn generated() -> Self {
        Self { keys: vec![Identity::generate()] }
    }
}

fn open<'a>(
    keys: impl IntoIterator<Item = &'a Identity>,
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Unopened> {
    let keys = keys.into_iter().map(|key| key as &dyn age::Identity);
    let file = age::Decryptor::new_buffered(sealed).and_then(|file| file.decrypt(keys));
    let mut file = file.map_err(|error| match error {
        age::DecryptError::NoMatchingKeys => Unopened::OtherKey(None),
        _ => Unopened::Damaged,
    })?;
    // Large enough that it is not reallocated while it grows, which would leave parts of it in memory.
    let mut opened = Zeroizing::new(Vec::with_capacity(sealed.len() + 64));
    file.read_to_end(&mut opened).map_err(|_| Unopened::Damaged)?;
    Ok(opened)
}

/// The default identity file.
pub(crate) fn default_identity_file() -> Result<PathBuf, Error> {
    Ok(folders::config().ok_or(Error::NoConfigFolder)?.join("identity.txt"))
}

fn read_identity(file: &Path) -> Result<Identities, Error> {
    let error = |what, source| Error::IdentityFile { what, path: file.to_owned(), source };
    let content = files::read_secret(file).map_err(|source| error("read", source))?;
    let text = str::from_utf8(&content).map_err(|_| Error::BadIdentity(file.to_owned()))?;
    // The format of `age-keygen`: comments, and one key on each other line. Other kinds of keys are ignored.
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let keys: Vec<Identity> = lines.filter_map(|line| line.parse().ok()).collect();
    if keys.is_empty() { Err(Error::BadIdentity(file.to_owned())) } else { Ok(Identities { keys }) }
}

/// Writes the file completely or not at all, and never over another one: if a crash damaged or undid a key, or another
/// run replaced it, the passwords sealed to it would be lost.
fn write_identity(file: &Path, identity: &Identity) -> Result<(), Error> {
    let error = |source| Error::IdentityFile { what: "write", path: file.to_owned(), source };
    files::make_folder_of(file).map_err(error)?;
    let text = Zeroizing::new(format!(
        "# created: {}\n# public key: {}\n{}\n",
        clock::now(),
        identity.to_public(),
        identity.to_string().expose_secret()
    ));
    let beside = name_beside(file);
    let made = files::create_new(&beside).and_then(|mut out| {
        failpoint::crash("identity_opened");
        out.write_all(text.as_bytes())?;
        out.sync_all()?;
        failpoint::crash("identity_written");
        take_name(&beside, file)
    });
    drop(fs::remove_file(&beside));
    made.and_then(|()| files::sync_folder_of(file)).map_err(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_pair_is_made_on_first_use_and_found_on_the_second() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a/mine.txt");
        let (mine, made) = Identities::read_or_make(&file).unwrap();
        assert!(made);
        let (again, made) = Identities::read_or_make(&file).unwrap();
        assert!(!made);
        assert_eq!(again.recipient().to_string(), mine.recipient().to_string());
    }

    #[test]
    fn every_key_of_an_identity_file_is_tried() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("identity.txt");
        let [first, second, other] = [(); 3].map(|()| Identity::generate());
        let lines = [&first, &second].map(|key| key.to_string().expose_secret().to_owned());
        let text = format!("# made by hand\n\n{}\n AGE-PLUGIN-X-1QQQ\n\t{}\n", lines[0], lines[1]);
        files::create_new(&file).unwrap().write_all(text.as_bytes()).unwrap();
        let identities = Identities::read(&file).unwrap();
        assert_eq!(identities.recipient().to_string(), first.to_public().to_string());
        for (key, opens) in [(&first, true), (&second, true), (&other, false)] {
            let sealed = age::encrypt(&key.to_public(), b"secret").unwrap();
            let opened = identities.opens_it(&sealed).map(|key| key.to_string());
            assert_eq!(opened, opens.then(|| key.to_public().to_string()));
        }
        assert_eq!(identities.open(b"no age file").unwrap_err(), Unopened::Damaged);
    }

    #[test]
    fn a_recipient_needs_no_private_half() {
        assert!(recipient(&Identity::generate().to_public().to_string()).is_ok());
        assert!(matches!(recipient("age1nonsense"), Err(Error::BadRecipient { is_private: false })));
        let private = Identity::generate().to_string();
        assert!(matches!(recipient(private.expose_secret()), Err(Error::BadRecipient { is_private: true })));
    }

    #[cfg(unix)]
    #[test]
    fn an_identity_that_others_may_write_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("identity.txt");
        Identities::read_or_make(&file).unwrap();
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(Identities::read(&file).is_ok());
        assert_eq!(
            fs::metadata(&file).unwrap().permissions().mode() & 0o777,
            0o600,
            "no other user may read it now"
        );
        fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).unwrap();
        assert!(matches!(Identities::read(&file), Err(Error::IdentityFile { .. })));
    }
}
