//! App-only by certificate: a JWT signed with its key, in place of a secret (fact book 2.3).
//!
//! `jsonwebtoken` builds the JWT; the signature is that of rustls, which is here for TLS anyway. Of the library's own
//! two backends, `rust_crypto` stands on the `rsa` crate (RUSTSEC-2023-0071, open) and `aws_lc_rs` is a second
//! cryptographic library in C.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, KeyUtils};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::signature;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rustls::SignatureScheme;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use secrecy::SecretString;
use serde::Serialize;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::Error;
use tenantry_model::clock;

/// An assertion is used at once.
const LIFETIME_S: i64 = 600;

/// For a clock that is ahead of the authority's.
const SKEW_S: i64 = 60;

/// Signs with PS256 and does nothing else.
static SIGNATURES: CryptoProvider = CryptoProvider {
    signer_factory: signer,
    verifier_factory: |_, _| Err(ErrorKind::UnsupportedAlgorithm.into()),
    key_utils: KeyUtils::new_unimplemented(),
};

/// A certificate and its key, which is wiped when it is dropped and cannot be printed.
#[derive(Debug, Clone)]
pub struct Certificate {
    key: EncodingKey,
    /// SHA-256 of the certificate, by which Entra finds it.
    thumbprint: String,
}

/// What an assertion says: this app is who it says it is, to this endpoint, now.
#[derive(Serialize)]
struct Claims<'a> {
    aud: &'a str,
    iss: &'a str,
    sub: &'a str,
    jti: Uuid,
    nbf: i64,
    iat: i64,
    exp: i64,
}

impl Certificate {
    /// Reads PEM that holds the key and the certificate, in either order. `Err`: what is wrong with it.
    pub fn from_pem(pem: &[u8]) -> Result<Self, &'static str> {
        let certificate =
            CertificateDer::from_pem_slice(pem).map_err(|_| "it holds no certificate in PEM form")?;
        let key = PrivateKeyDer::from_pem_slice(pem)
            .map_err(|_| "it holds no private key in PEM form without a password")?;
        ps256(&key).ok_or("its private key is no RSA key that can be used")?;
        // Installed by the first call; that a later one finds it in place is what we want.
        SIGNATURES.install_default().ok();
        Ok(Self {
            key: EncodingKey::from_rsa_der(key.secret_der()),
            thumbprint: BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(&certificate)),
        })
    }

    /// A signed assertion for one request to `audience`.
    pub(super) fn assertion(&self, client_id: &str, audience: &str) -> Result<SecretString, Error> {
        let now = clock::now().as_second();
        let header = Header { x5t_s256: Some(self.thumbprint.clone()), ..Header::new(Algorithm::PS256) };
        let claims = Claims {
            aud: audience,
            iss: client_id,
            sub: client_id,
            jti: Uuid::new_v4(),
            nbf: now - SKEW_S,
            iat: now,
            exp: now + LIFETIME_S,
        };
        let assertion = jsonwebtoken::encode(&header, &claims, &self.key);
        assertion.map(SecretString::from).map_err(|_| Error::Refused {
            message: "the private key of the certificate could not sign".to_owned(),
            hint: "check the file that --client-certificate names".to_owned(),
        })
    }
}

/// rustls's signature in the shape that `jsonwebtoken` asks for.
struct Ps256(Box<dyn rustls::sign::Signer>);

impl signature::Signer<Vec<u8>> for Ps256 {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, signature::Error> {
        self.0.sign(message).map_err(signature::Error::from_source)
    }
}

impl JwtSigner for Ps256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::PS256
    }
}

fn signer(_: &Algorithm, key: &EncodingKey) -> jsonwebtoken::errors::Result<Box<dyn JwtSigner>> {
    let der = PrivateKeyDer::try_from(key.as_bytes()).ok();
    let signer = der.and_then(|der| ps256(&der)).ok_or(ErrorKind::InvalidKeyFormat)?;
    Ok(Box::new(Ps256(signer)))
}

/// `None`: this is no RSA key, or none that rustls takes.
fn ps256(key: &PrivateKeyDer<'_>) -> Option<Box<dyn rustls::sign::Signer>> {
    rustls::crypto::ring::sign::any_supported_type(key)
        .ok()?
        .choose_scheme(&[SignatureScheme::RSA_PSS_SHA256])
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;
    use serde_json::{Value, json};

    use super::*;

    /// The signature is checked by the simulator, in the integration tests.
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
