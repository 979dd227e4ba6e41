//! One-time admin passwords at rest: sealed to an age public key, opened with its private half.
//!
//! A nightly machine can hold the public half alone. Where no recipient is given, a key pair is made on first use
//! and its private half kept in the identity file, for its owner's eyes only.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use age::x25519::{Identity, Recipient};
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use crate::private_file::{self, Refused, name_beside, take_name};
use crate::{clock, failpoint};

/// What can go wrong with keys and sealed passwords. Never holds a password.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    // Never quoted: it may be the private half.
    #[error("what `--recipient` says is no age public key{}", if *is_private { ", but the private half of one" } else { "" })]
    BadRecipient { is_private: bool },
    #[error("could not find a configuration folder for this user")]
    NoConfigFolder,
    #[error("could not {what} the identity file `{}`", path.display())]
    IdentityFile { what: &'static str, path: PathBuf, source: io::Error },
    #[error("`{}` holds no age identity", .0.display())]
    BadIdentity(PathBuf),
    #[error("could not seal a password: {0}")]
    Seal(String),
    #[error("it is sealed to another key")]
    OtherKey,
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
                "give the public half, which begins with `age1`; what was typed may stand in histories and logs now",
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
            Error::OtherKey => Some("name the file that holds its private key with `--identity F`"),
        };
        hint.map(str::to_owned)
    }
}

/// Seals passwords. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Sealer {
    recipient: Recipient,
}

impl Sealer {
    /// Seals to a public key (`age1…`).
    pub(crate) fn to_recipient(recipient: &str) -> Result<Self, Error> {
        let is_private = recipient.trim_start().to_ascii_uppercase().starts_with("AGE-SECRET-KEY");
        let recipient = recipient.parse().map_err(|_| Error::BadRecipient { is_private })?;
        Ok(Self { recipient })
    }

    /// Seals to the public half of the identity in `file`, which is made if it is not there. Says whether it was.
    pub(crate) fn to_identity(file: &Path) -> Result<(Self, bool), Error> {
        match read_identity(file) {
            Ok(identity) => Ok((Self { recipient: identity.to_public() }, false)),
            Err(Error::IdentityFile { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                let identity = Identity::generate();
                match write_identity(file, &identity) {
                    Ok(()) => Ok((Self { recipient: identity.to_public() }, true)),
                    // Another run has made one meanwhile.
                    Err(Error::IdentityFile { source, .. })
                        if source.kind() == io::ErrorKind::AlreadyExists =>
                    {
                        Ok((Self { recipient: read_identity(file)?.to_public() }, false))
                    }
                    Err(error) => Err(error),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// The sealed password, in age's binary format.
    pub(crate) fn seal(&self, password: &SecretString) -> Result<Vec<u8>, Error> {
        age::encrypt(&self.recipient, password.expose_secret().as_bytes())
            .map_err(|error| Error::Seal(error.to_string()))
    }
}

/// Opens sealed passwords.
pub(crate) struct Opener {
    identity: Identity,
}

impl Opener {
    /// Reads the private key in `file`.
    pub(crate) fn from_identity(file: &Path) -> Result<Self, Error> {
        Ok(Self { identity: read_identity(file)? })
    }

    /// The public half of the key that opens, as `--recipient` takes it.
    pub(crate) fn recipient(&self) -> String {
        self.identity.to_public().to_string()
    }

    /// A password that was sealed to this key.
    pub(crate) fn open(&self, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        age::decrypt(&self.identity, sealed).map(Zeroizing::new).map_err(|_| Error::OtherKey)
    }
}

/// The identity file that is used where none is named.
pub(crate) fn default_identity_file() -> Result<PathBuf, Error> {
    let folders = directories::ProjectDirs::from("", "", "tenantry").ok_or(Error::NoConfigFolder)?;
    Ok(folders.config_dir().join("identity.txt"))
}

fn read_identity(file: &Path) -> Result<Identity, Error> {
    let error = |what, source| Error::IdentityFile { what, path: file.to_owned(), source };
    let content = private_file::read_secret(file).map_err(|source| error("read", source))?;
    let text = str::from_utf8(&content).map_err(|_| Error::BadIdentity(file.to_owned()))?;
    // The format of `age-keygen`: comments, and one line that is the key.
    text.lines()
        .map(str::trim)
        .find(|line| !line.is_empty() && !line.starts_with('#'))
        .and_then(|line| line.parse().ok())
        .ok_or_else(|| Error::BadIdentity(file.to_owned()))
}

/// Whole or not at all, and never over another one: a key that a crash could halve or undo, or another run replace,
/// would take the passwords sealed to it along.
fn write_identity(file: &Path, identity: &Identity) -> Result<(), Error> {
    let error = |source| Error::IdentityFile { what: "write", path: file.to_owned(), source };
    private_file::make_folder_of(file).map_err(error)?;
    let text = Zeroizing::new(format!(
        "# created: {}\n# public key: {}\n{}\n",
        clock::now(),
        identity.to_public(),
        identity.to_string().expose_secret()
    ));
    let beside = name_beside(file);
    let made = private_file::create_new(&beside).and_then(|mut out| {
        failpoint::crash("identity_opened");
        out.write_all(text.as_bytes())?;
        out.sync_all()?;
        failpoint::crash("identity_written");
        take_name(&beside, file)
    });
    drop(fs::remove_file(&beside));
    made.and_then(|()| private_file::sync_folder_of(file)).map_err(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_with_the_identity_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (mine, other) = (folder.path().join("a/mine.txt"), folder.path().join("other.txt"));
        let (sealer, made) = Sealer::to_identity(&mine).unwrap();
        assert!(made);
        assert!(!Sealer::to_identity(&mine).unwrap().1, "the second use finds the first one's key");
        Sealer::to_identity(&other).unwrap();

        let password = "=;;n.=s9Z, \"quoted\"";
        let sealed = sealer.seal(&SecretString::from(password)).unwrap();
        assert!(!sealed.windows(4).any(|bytes| bytes == b"=;;n"));
        let opened = Opener::from_identity(&mine).unwrap().open(&sealed).unwrap();
        assert_eq!(*opened, password.as_bytes());
        let other = Opener::from_identity(&other).unwrap();
        assert!(matches!(other.open(&sealed), Err(Error::OtherKey)));
    }

    #[test]
    fn a_recipient_needs_no_private_half() {
        let recipient = Identity::generate().to_public().to_string();
        assert!(Sealer::to_recipient(&recipient).is_ok());
        assert!(matches!(
            Sealer::to_recipient("age1nonsense"),
            Err(Error::BadRecipient { is_private: false })
        ));
    }

    #[cfg(unix)]
    #[test]
    fn an_identity_that_others_may_write_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("identity.txt");
        Sealer::to_identity(&file).unwrap();
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(Opener::from_identity(&file).is_ok());
        assert_eq!(
            fs::metadata(&file).unwrap().permissions().mode() & 0o777,
            0o600,
            "now nobody else may read it"
        );
        fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).unwrap();
        assert!(matches!(Opener::from_identity(&file), Err(Error::IdentityFile { .. })));
    }
}
