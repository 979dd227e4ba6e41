//! The partner's tenant, domain and user, and ids derived from names.

use sha2::{Digest, Sha256};
use uuid::Uuid;

/// The partner tenant. Also the `tid` of a token if the path of the token request contains no GUID.
pub const PARTNER_TENANT_ID: &str = "5b7a8c1e-6f2d-4a35-9d0b-3c1f0e9a7d42";

/// The partner's own domain. It is taken, so a client can test its domain check with it.
pub const PARTNER_DOMAIN: &str = "tailspinpartner.onmicrosoft.com";

/// The user of every App+User token.
#[derive(Debug)]
pub(super) struct User {
    pub(super) object_id: Uuid,
    pub(super) principal_name: String,
}

pub(super) fn user() -> User {
    let principal_name = format!("admin@{PARTNER_DOMAIN}");
    User { object_id: derived_id("user", &principal_name), principal_name }
}

/// The tenant that the path of a sign-in names: a GUID names its own tenant, all else the partner's.
pub(super) fn tenant_id(named: &str) -> String {
    Uuid::try_parse(named).map_or_else(|_| PARTNER_TENANT_ID.to_owned(), |id| id.to_string())
}

/// An id derived from a name.
pub(super) fn derived_id(purpose: &str, name: &str) -> Uuid {
    let digest = Sha256::new().chain_update(purpose).chain_update([0]).chain_update(name).finalize();
    let mut bytes = [0u8; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}
