//! Client ids and refresh tokens that ask for something by what they start with.

/// What a client id can ask for; its words and GUIDs are in the module doc of the simulator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ClientMark {
    /// The tenant does not know it.
    Unknown,
    /// It is not allowed to sign users in without a secret of its own.
    Confidential,
    /// Its user says no.
    Declined,
    /// Its user takes too long.
    Expired,
    /// Its user signs in with a password alone.
    WithoutMfa,
}

/// A word for people, and a GUID for programs that insist on one.
const CLIENTS: [(ClientMark, &str, &str); 5] = [
    (ClientMark::Unknown, "unknown-app", "c11e0000-0000-4000-8000-000000000001"),
    (ClientMark::Confidential, "confidential", "c11e0000-0000-4000-8000-000000000002"),
    (ClientMark::Declined, "declined", "c11e0000-0000-4000-8000-000000000003"),
    (ClientMark::Expired, "expired", "c11e0000-0000-4000-8000-000000000004"),
    (ClientMark::WithoutMfa, "no-mfa", "c11e0000-0000-4000-8000-000000000005"),
];

/// Whether a client id asks for this.
pub(super) fn marked(client_id: &str, mark: ClientMark) -> bool {
    let client_id = client_id.to_ascii_lowercase();
    CLIENTS
        .iter()
        .any(|(known, word, guid)| *known == mark && (client_id.starts_with(word) || client_id == *guid))
}
