//! Signs in as an app by certificate: a signed JWT replaces the client secret (fact book 2.3).
//!
//! rustls makes the signature, because the program already uses it for TLS. JWT libraries add a second cryptographic
//! library, or the `rsa` crate (RUSTSEC-2023-0071, open). Without the cryptography, a JWT library would only encode two
//! parts in base64.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rustls::SignatureScheme;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::Error;
use tenantry_model::clock;

/// An assertion is sent immediately after it is signed.
const LIFETIME_S: i64 = 600;

/// Allows for a clock that is ahead of the authority's clock.
const SKEW_S: i64 = 60;

/// A certificate and its private key. The key is wiped on drop and cannot be printed.
#[derive(Debug, Clone)]
pub struct Certificate {
    /// DER.
    key: SecretSlice<u8>,
    /// SHA-256 of the certificate. Entra finds the certificate by it.
    thumbprint: String,
}

impl Certificate {
    /// Reads the key and the certificate from PEM, in either order. `Err`: what is wrong with the PEM.
    pub fn from_pem(pem: &[u8]) -> Result<Self, &'static str> {
        let certificate =
            CertificateDer::from_pem_slice(pem).map_err(|_| "it contains no certificate in PEM format")?;
        let key = PrivateKeyDer::from_pem_slice(pem)
            .map_err(|_| "it contains no private key in PEM format without a password")?;
        ps256(&key).ok_or("its private key is not a usable RSA key")?;
        Ok(Self {
            key: key.secret_der().to_vec().into(),
            thumbprint: BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(&certificate)),
        })
    }

    /// A signed assertion of the app's identity, for one request to `audience`.
    pub(super) fn assertion(&self, client_id: &str, audience: &str) -> Result<SecretString, Error> {
        let now = clock::now().as_second();
        let header = json!({ "typ": "JWT", "alg": "PS256", "x5t#S256": self.thumbprint });
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
        let key = PrivateKeyDer::try_from(self.key.expose_secret()).ok();
        let signature = key.and_then(|key| ps256(&key)?.sign(signed.as_bytes()).ok());
        let signature = signature.ok_or_else(|| Error::Refused {
            message: "the private key of the certificate could not sign".to_owned(),
            hint: "check the file that --client-certificate names".to_owned(),
        })?;
        Ok(format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature)).into())
    }
}

/// `None`: not an RSA key, or one that rustls does not support.
fn ps256(key: &PrivateKeyDer<'_>) -> Option<Box<dyn rustls::sign::Signer>> {
    rustls::crypto::ring::sign::any_supported_type(key)
        .ok()?
        .choose_scheme(&[SignatureScheme::RSA_PSS_SHA256])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The simulator checks the signature in the integration tests.
    #[test]
    fn an_assertion_says_what_entra_asks_for() {
        let pem = include_bytes!("../../../tests/it/client-certificate.pem");
        let certificate = Certificate::from_pem(pem).unwrap();
        let endpoint = "https://login.example/t/oauth2/v2.0/token";
        let assertions: Vec<Vec<String>> = (0..2)
            .map(|_| certificate.assertion("an-app", endpoint).unwrap())
            .map(|assertion| assertion.expose_secret().split('.').map(str::to_owned).collect())
            .collect();
        let read = |part: &str| -> Value {
            serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
        };
        let [header, claims, signature] = &assertions[0][..] else { panic!("{assertions:?}") };
        let thumbprint =
            BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(CertificateDer::from_pem_slice(pem).unwrap()));
        assert_eq!(read(header), json!({ "alg": "PS256", "typ": "JWT", "x5t#S256": thumbprint }));
        let claims = read(claims);
        for (name, value) in [("aud", endpoint), ("iss", "an-app"), ("sub", "an-app")] {
            assert_eq!(claims[name], value, "{name}");
        }
        let second = |name: &str| claims[name].as_i64().unwrap();
        assert_eq!((second("nbf"), second("exp")), (second("iat") - SKEW_S, second("iat") + LIFETIME_S));
        assert_ne!(claims["jti"], read(&assertions[1][1])["jti"], "an assertion is for one request");
        assert_eq!(BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap().len(), 256);
    }
}
