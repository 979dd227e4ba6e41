//! Protects one-time admin passwords at rest.
//!
//! They are encrypted under a data key of their run. The data key is sealed to an age public key and opened with its
//! private half. A nightly machine needs only the public half. If no recipient is given, a key pair is made on first
//! use, and its private half is stored in the identity file, which only its owner can read.
//!
//! [`data_key`] is the encryption, [`sealer`] uses it in a run, [`opener`] uses it in `credentials`.

mod data_key;
mod opener;
mod other_key;
mod sealer;

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use age::x25519::Identity;
use secrecy::ExposeSecret;
use zeroize::Zeroizing;

use crate::files::{self, Refused};
use crate::{clock, failpoint, folders};
use other_key::OtherKey;

pub(crate) use age::x25519::Recipient;
pub(crate) use opener::Opener;
pub(crate) use other_key::{NotIdentity, NotRecipient};
pub(crate) use sealer::{KeptKey, Sealer};

/// Errors with keys and sealed passwords. They never contain a password.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("could not find a configuration folder for this user")]
    NoConfigFolder,
    #[error("could not {what} the identity file `{}`", path.display())]
    IdentityFile { what: &'static str, path: PathBuf, source: io::Error },
    #[error("cannot use the identity file `{}`: {why}", path.display())]
    BadIdentity { path: PathBuf, why: NotIdentity },
    #[error("could not seal a password: {0}")]
    Seal(String),
}

/// Why a password cannot be opened.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum CannotOpen {
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
        match self {
            Error::NoConfigFolder => {
                Some("name a file with `--identity F`, or a public key with `--recipient`".to_owned())
            }
            Error::IdentityFile { .. } => {
                Some("name the file that holds the private key with `--identity F`".to_owned())
            }
            Error::BadIdentity { path, why } => Some(why.hint(path)),
            Error::Seal(_) => None,
        }
    }
}

/// Parses a public key, as given to `--recipient` (`age1…`).
pub(crate) fn recipient(text: &str) -> Result<Recipient, NotRecipient> {
    let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\u{FEFF}');
    text.parse().map_err(|_| NotRecipient(OtherKey::of(text)))
}

/// The private keys of an identity file; at least one.
pub(crate) struct Identities {
    keys: Vec<Identity>,
    /// The first line that is not used, and why.
    unused: Option<NotIdentity>,
}

impl Identities {
    /// Reads the keys of the file.
    pub(crate) fn read(file: &Path) -> Result<Self, Error> {
        let error = |what, source| Error::IdentityFile { what, path: file.to_owned(), source };
        let bad = |why| Error::BadIdentity { path: file.to_owned(), why };
        let has_key = |content: &[u8]| {
            files::mentions(content, "AGE-") || files::mentions(content, "age-encryption.org/")
        };
        let content = files::read_secret(file, has_key).map_err(|source| error("read", source))?;
        if content.starts_with(b"age-encryption.org/") {
            return Err(bad(NotIdentity::Line(1, OtherKey::Encrypted)));
        }
        let text = files::text_of(&content).map_err(|_| bad(NotIdentity::Encoding))?;
        let (mut keys, mut unused) = (Vec::new(), None);
        // The format of `age-keygen`: comments, and one key on each other line.
        for (line, number) in text.lines().map(str::trim).zip(1..) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            match line.parse() {
                Ok(key) => keys.push(key),
                Err(_) if unused.is_none() => unused = Some(NotIdentity::Line(number, OtherKey::of(line))),
                Err(_) => {}
            }
        }
        if keys.is_empty() {
            Err(bad(unused.unwrap_or(NotIdentity::Empty)))
        } else {
            Ok(Self { keys, unused })
        }
    }

    /// Reads the keys of the file; if it does not exist, creates it with a new key. Returns true if it was created.
    pub(crate) fn read_or_make(file: &Path) -> Result<(Self, bool), Error> {
        match Self::read(file) {
            Err(Error::IdentityFile { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                let identity = Identity::generate();
                match write_identity(file, &identity) {
                    Ok(()) => Ok((Self { keys: vec![identity], unused: None }, true)),
                    // Another run has made one in the meantime.
                    Err(Error::IdentityFile { source, .. })
                        if source.kind() == io::ErrorKind::AlreadyExists =>
                    {
                        Ok((Self::read(file)?, false))
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

    /// The first line of the file that is not used, and why.
    pub(crate) fn unused(&self) -> Option<&NotIdentity> {
        self.unused.as_ref()
    }

    /// The public half of the key that opens this age file.
    pub(crate) fn opens_it(&self, sealed: &[u8]) -> Option<Recipient> {
        self.keys.iter().find(|key| open([*key], sealed).is_ok()).map(Identity::to_public)
    }

    /// Decrypts an age file.
    fn open(&self, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, CannotOpen> {
        open(&self.keys, sealed)
    }

    #[cfg(test)]
    fn generated() -> Self {
        Self { keys: vec![Identity::generate()], unused: None }
    }
}

fn open<'a>(
    keys: impl IntoIterator<Item = &'a Identity>,
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, CannotOpen> {
    let keys = keys.into_iter().map(|key| key as &dyn age::Identity);
    let file = age::Decryptor::new_buffered(sealed).and_then(|file| file.decrypt(keys));
    let mut file = file.map_err(|error| match error {
        age::DecryptError::NoMatchingKeys => CannotOpen::OtherKey(None),
        _ => CannotOpen::Damaged,
    })?;
    // Large enough that it is not reallocated while it grows, which would leave parts of it in memory.
    let mut opened = Zeroizing::new(Vec::with_capacity(sealed.len() + 64));
    file.read_to_end(&mut opened).map_err(|_| CannotOpen::Damaged)?;
    Ok(opened)
}

/// The default identity file.
pub(crate) fn default_identity_file() -> Result<PathBuf, Error> {
    Ok(folders::config().ok_or(Error::NoConfigFolder)?.join("identity.txt"))
}

/// The file that reminds of a copy of this identity file. It exists while no run has asked for the copy.
fn reminder(identity: &Path) -> PathBuf {
    files::beside(identity, ".not-copied")
}

/// Lets the next run that may print ask for a copy of this new identity file.
pub(crate) fn ask_for_a_copy_later(identity: &Path) -> io::Result<()> {
    let words = "A quiet run made the identity file beside this file. Keep a copy of it: without it no password can be \
                 opened.\nThe next run that is not quiet says so and deletes this file.\n";
    files::create_new(&reminder(identity))?.write_all(words.as_bytes())
}

/// Whether the caller has to ask for a copy of this identity file. True once.
pub(crate) fn must_ask_for_a_copy(identity: &Path) -> bool {
    fs::remove_file(reminder(identity)).is_ok()
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
    let made = files::create_whole(file, |out| {
        failpoint::crash("identity_opened");
        out.write_all(text.as_bytes())?;
        failpoint::crash("identity_written");
        Ok(())
    });
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
        assert_eq!(identities.open(b"no age file").unwrap_err(), CannotOpen::Damaged);
    }

    /// What editors and mistakes leave in an identity file.
    #[test]
    fn an_identity_file_is_read_or_its_fault_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let key = Identity::generate();
        let line = key.to_string().expose_secret().to_owned();
        let read = |content: &[u8]| {
            let file = folder.path().join("identity.txt");
            drop(fs::remove_file(&file));
            files::create_new(&file).unwrap().write_all(content).unwrap();
            Identities::read(&file)
        };
        let utf_16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
        for content in [
            format!("{line}\n").into_bytes(),
            format!("  {line} \t\u{A0}\r\n\r\n").into_bytes(),
            format!("\u{FEFF}{line}").into_bytes(),
            format!("# made\nssh-ed25519 AAAA\n{line}\nAGE-SECRET-KEY-1X\n").into_bytes(),
            utf_16(&format!("\u{FEFF}# made\r\n{line}\r\n")),
        ] {
            let keys = read(&content).unwrap().keys;
            assert_eq!(keys.len(), 1, "{content:?}");
            assert_eq!(keys[0].to_public().to_string(), key.to_public().to_string());
        }
        let check = |content: &[u8], expected: &str| {
            let error = read(content).err().unwrap();
            assert!(error.to_string().ends_with(expected), "{error}");
            assert!(error.hint().is_some() && !error.to_string().contains("QQPQ"), "{error}");
        };
        check(b"age-encryption.org/v1\n-> scrypt \xFF\xFE", "it is encrypted");
        check(b"-----BEGIN AGE ENCRYPTED FILE-----\nYWdl\n", "it is encrypted");
        check(
            b"# mine\nAGE-PLUGIN-YUBIKEY-1QQPQ\n",
            "line 2 is a key of the age plugin `yubikey`, and Tenantry does not use plugins",
        );
        check(
            b"-----BEGIN OPENSSH PRIVATE KEY-----\nQQPQ\n",
            "line 1 is an SSH key, which Tenantry does not use",
        );
        check(
            b"AGE-SECRET-KEY-PQ-1QQPQ",
            "line 1 is a post-quantum age key, which Tenantry does not support",
        );
        check(
            b"\nAGE-SECRET-KEY-1QQPQ",
            "line 2 begins like an age private key, but a character is missing or wrong",
        );
        check(key.to_public().to_string().as_bytes(), "line 1 is a public key, not a private key");
        check(&utf_16(&line), "it is neither UTF-8 nor UTF-16 with a byte order mark");
        check(b"a text\n", "it contains no age identity");
        check(b"# only a comment\n", "it contains no age identity");
    }

    #[test]
    fn a_copy_is_asked_for_once() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("identity.txt");
        assert!(!must_ask_for_a_copy(&file));
        ask_for_a_copy_later(&file).unwrap();
        assert_eq!([must_ask_for_a_copy(&file), must_ask_for_a_copy(&file)], [true, false]);
    }

    #[test]
    fn a_recipient_needs_no_private_half() {
        let key = Identity::generate();
        let public = key.to_public().to_string();
        for text in [public.clone(), format!("\u{FEFF}{public} \r\n")] {
            assert_eq!(recipient(&text).unwrap().to_string(), public);
        }
        let private = key.to_string();
        let check = |text: &str, expected: &str| {
            let words = recipient(text).unwrap_err().to_string();
            assert!(words.contains(expected) && !words.contains(text), "{words}");
        };
        check("age1nonsense", "a character is missing or wrong");
        check(private.expose_secret(), "but a private key: use the public key");
        check("age1yubikey1qwt50d05nh5vutp", "a key of the age plugin `yubikey`");
        check("age1pq1qwt50d05nh5vutp", "a post-quantum age key");
        check("ssh-ed25519 AAAA", "but an SSH key");
        check("a text", "not an age public key, which begins with `age1`");
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
