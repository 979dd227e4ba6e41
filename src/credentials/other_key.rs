//! Recognizes what was given in place of an age key, so that an error can name it.

use tenantry_model::shell::path_word;

/// What is not a key that Tenantry uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum OtherKey {
    /// An age public key where a private key is needed.
    Public,
    /// An age private key where a public key is needed.
    Private,
    PostQuantum,
    /// A key of an age plugin, by the plugin's name.
    Plugin(String),
    Ssh,
    /// An age file: the key in it is encrypted.
    Encrypted,
    Unknown,
}

/// The length of an age public key of the usual kind, or with a character too few or too many. Keys of plugins with as
/// much data are longer.
const NATIVE: std::ops::RangeInclusive<usize> = 60..=63;

/// A plugin's name is shorter. What is longer is a key with a `1` in it, which is never quoted.
const PLUGIN_NAME_MAX: usize = 20;

impl OtherKey {
    /// What this text is, which could not be used as a key. `text` has no blanks around it.
    pub(super) fn of(text: &str) -> Self {
        let upper = text.to_ascii_uppercase();
        // In Bech32 the last `1` is between the kind of the key and its data.
        let kind = upper.rsplit_once('1').map_or("", |(kind, _)| kind);
        let is_native = NATIVE.contains(&text.len());
        let is_name = |name: &str| (1..=PLUGIN_NAME_MAX).contains(&name.len()) && !is_native;
        let identity = upper.strip_prefix("AGE-PLUGIN-");
        let ssh = ["SSH-", "ECDSA-SHA2-", "SK-SSH-", "SK-ECDSA-SHA2-"];
        if upper.starts_with("AGE-ENCRYPTION.ORG/") || upper.starts_with("-----BEGIN AGE ENCRYPTED FILE") {
            OtherKey::Encrypted
        } else if ssh.iter().any(|start| upper.starts_with(start))
            || (upper.starts_with("-----BEGIN ") && upper.contains("PRIVATE KEY"))
        {
            OtherKey::Ssh
        } else if upper.starts_with("AGE-SECRET-KEY-PQ-") || (upper.starts_with("AGE1PQ1") && !is_native) {
            OtherKey::PostQuantum
        } else if let Some((name, _)) = identity.and_then(|rest| rest.split_once("-1")) {
            OtherKey::Plugin(name.to_ascii_lowercase())
        } else if upper.starts_with("AGE-SECRET-KEY-") {
            OtherKey::Private
        } else if let Some(name) = kind.strip_prefix("AGE1").filter(|name| is_name(name)) {
            OtherKey::Plugin(name.to_ascii_lowercase())
        } else if upper.starts_with("AGE1") {
            OtherKey::Public
        } else {
            OtherKey::Unknown
        }
    }
}

/// Why the value of `--recipient` is not used. The value is never quoted: it may be a private key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotRecipient(pub(super) OtherKey);

impl std::error::Error for NotRecipient {}

impl std::fmt::Display for NotRecipient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let instead = "use the public key (age1…) of a key pair that `age-keygen` makes";
        match &self.0 {
            OtherKey::Private => f.write_str(
                "not an age public key, but a private key: use the public key, which begins with `age1`; the private \
                 key may be in the history of your shell and in logs now",
            ),
            OtherKey::Public => f.write_str(
                "not an age public key, although it begins like one: a character is missing or wrong; copy it again",
            ),
            OtherKey::Plugin(name) => write!(
                f,
                "not an age public key, but a key of the age plugin `{name}`, and Tenantry does not use plugins: \
                 {instead}"
            ),
            OtherKey::PostQuantum => {
                write!(f, "a post-quantum age key, which Tenantry does not support: {instead}")
            }
            OtherKey::Ssh => write!(f, "not an age public key, but an SSH key: {instead}"),
            OtherKey::Encrypted | OtherKey::Unknown => {
                f.write_str("not an age public key, which begins with `age1`; `age-keygen` makes a key pair")
            }
        }
    }
}

/// Why a line of an identity file, or the whole file, is not used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NotIdentity {
    /// The line, from 1, and what it is.
    Line(usize, OtherKey),
    Encoding,
    Empty,
}

impl std::fmt::Display for NotIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            NotIdentity::Line(_, OtherKey::Encrypted) => f.write_str("it is encrypted"),
            NotIdentity::Line(line, OtherKey::Public) => {
                write!(f, "line {line} is a public key, not a private key")
            }
            NotIdentity::Line(line, OtherKey::Private) => {
                write!(f, "line {line} begins like an age private key, but a character is missing or wrong")
            }
            NotIdentity::Line(line, OtherKey::PostQuantum) => {
                write!(f, "line {line} is a post-quantum age key, which Tenantry does not support")
            }
            NotIdentity::Line(line, OtherKey::Plugin(name)) => {
                write!(
                    f,
                    "line {line} is a key of the age plugin `{name}`, and Tenantry does not use plugins"
                )
            }
            NotIdentity::Line(line, OtherKey::Ssh) => {
                write!(f, "line {line} is an SSH key, which Tenantry does not use")
            }
            NotIdentity::Encoding => f.write_str("it is neither UTF-8 nor UTF-16 with a byte order mark"),
            NotIdentity::Line(_, OtherKey::Unknown) | NotIdentity::Empty => {
                f.write_str("it contains no age identity")
            }
        }
    }
}

impl NotIdentity {
    /// What the operator can do about it.
    pub(super) fn hint(&self, file: &std::path::Path) -> String {
        let usual = "name the file that holds the private key with `--identity F`";
        match self {
            NotIdentity::Line(_, OtherKey::Encrypted) => format!(
                "decrypt it into a private file, as with `age -d -o identity.txt {}`, and name that with `--identity F`",
                path_word(file)
            ),
            NotIdentity::Encoding => "save it as UTF-8".to_owned(),
            NotIdentity::Line(_, OtherKey::Private) => {
                "restore it from your copy of the identity file".to_owned()
            }
            NotIdentity::Line(_, OtherKey::Ssh | OtherKey::Plugin(_) | OtherKey::PostQuantum) => {
                format!("{usual}; it has a line that begins with `AGE-SECRET-KEY-1`")
            }
            NotIdentity::Line(..) | NotIdentity::Empty => usual.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_given_for_a_key_is_recognized() {
        let plugin = |name: &str| OtherKey::Plugin(name.to_owned());
        let check = |text: &str, expected: OtherKey| assert_eq!(OtherKey::of(text), expected, "{text}");
        check("age1q8q3l7y45c2cm9hln", OtherKey::Public);
        // A `1` instead of an `l`: nothing of the key is taken for a name.
        check("age1q8q31ms2nnl5swhvw3yh9j5xrk6c4ml6tkr3w5x6p2u5g9v0c7qs0d4zfe", OtherKey::Public);
        check("age1q8q31ms2nnl5swhvw3yh9j5xrk6c4ml6tkr3w5x6p2u5g9v0c7qs0d4zf", OtherKey::Public);
        check("age1q8q3lms2nnl5swhvw3yh9j51rk6c4ml6tkr3w5x6p2u5g9v0c7qs0d4zfe", OtherKey::Public);
        check("age1q8q3lms2nnl5swhvw3yh9j51rk6c4m", OtherKey::Public);
        check("AGE-SECRET-KEY-1QQPQ", OtherKey::Private);
        check("AGE-SECRET-KEY-1QQ1PQ", OtherKey::Private);
        check("age-secret-key-1qqpq", OtherKey::Private);
        check("age1yubikey1qwt50d05nh5vutpdzmlg5wn80xq5negm4uj9ghv0snvdd3yysf5yw3rhl3t", plugin("yubikey"));
        check("age1tag1qt8lw0ual6avlwmwatk888yqnmdamm7xfd0wak53ut6elz5c4swx2yqdj4e", plugin("tag"));
        check("AGE-PLUGIN-YUBIKEY-1GKZCYQVZZZC27SDJVJ3", plugin("yubikey"));
        check("AGE-PLUGIN-FIDO2-HMAC-1QQPQ", plugin("fido2-hmac"));
        check("AGE-PLUGIN-YUBIKEY-1GKZCYQV1ZZC27SDJVJ3", plugin("yubikey"));
        check("AGE-PLUGIN-YUBIKEY", OtherKey::Unknown);
        check("age1pq1qqpq", OtherKey::PostQuantum);
        check("age1pq1qq1pq", OtherKey::PostQuantum);
        check("AGE-SECRET-KEY-PQ-1QQPQ", OtherKey::PostQuantum);
        check("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI person@host", OtherKey::Ssh);
        check("-----BEGIN OPENSSH PRIVATE KEY-----", OtherKey::Ssh);
        check("-----BEGIN RSA PRIVATE KEY-----", OtherKey::Ssh);
        check("age-encryption.org/v1", OtherKey::Encrypted);
        check("-----BEGIN AGE ENCRYPTED FILE-----", OtherKey::Encrypted);
        check("-----BEGIN CERTIFICATE-----", OtherKey::Unknown);
        check("a text", OtherKey::Unknown);
        check("", OtherKey::Unknown);
    }
}
