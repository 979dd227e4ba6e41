//! App-only by certificate: a JWT signed with its key, in place of a secret (fact book 2.3).
//!
//! rustls brings the keys and signatures that TLS needs already; a JWT library would bring a second set.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rustls::SignatureScheme;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::SigningKey;
use secrecy::SecretString;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::Error;
use crate::clock;

/// An assertion is used at once.
const LIFETIME_S: i64 = 600;

/// For a clock that is ahead of the authority's.
const SKEW_S: i64 = 60;

/// A certificate and its key.
#[derive(Clone)]
pub(crate) struct Certificate {
    key: Arc<dyn SigningKey>,
    /// SHA-256 of the certificate, by which Entra finds it.
    thumbprint: String,
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate").field("thumbprint", &self.thumbprint).finish_non_exhaustive()
    }
}

impl Certificate {
    /// Reads PEM that holds the key and the certificate, in either order. `Err`: what is wrong with it.
    pub(crate) fn from_pem(pem: &[u8]) -> Result<Self, &'static str> {
        let certificate =
            CertificateDer::from_pem_slice(pem).map_err(|_| "it holds no certificate in PEM form")?;
        let key = PrivateKeyDer::from_pem_slice(pem)
            .map_err(|_| "it holds no private key in PEM form without a password")?;
        let key = rustls::crypto::ring::sign::any_supported_type(&key)
            .map_err(|_| "its private key cannot be used")?;
        key.choose_scheme(&[SignatureScheme::RSA_PSS_SHA256]).ok_or("its private key is no RSA key")?;
        Ok(Self { key, thumbprint: BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(&certificate)) })
    }

    /// A signed assertion for one request to `audience`.
    pub(super) fn assertion(&self, client_id: &str, audience: &str) -> Result<SecretString, Error> {
        let now = clock::now().as_second();
        let header = json!({ "alg": "PS256", "typ": "JWT", "x5t#S256": self.thumbprint });
        let claims = json!({
            "aud": audience,
            "iss": client_id,
            "sub": client_id,
            "jti": Uuid::new_v4(),
            "nbf": now - SKEW_S,
            "iat": now,
            "exp": now + LIFETIME_S,
        });
        let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(&claims));
        let signature = self
            .key
            .choose_scheme(&[SignatureScheme::RSA_PSS_SHA256])
            .and_then(|signer| signer.sign(signed.as_bytes()).ok())
            .ok_or_else(|| Error::Refused {
                message: "the private key of the certificate could not sign".to_owned(),
                hint: "check the file that --client-certificate names".to_owned(),
            })?;
        Ok(SecretString::from(format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))))
    }
}
