//! Client authentication: by a secret or by an assertion (fact book 2.3).
//!
//! An assertion is a JWT signed with the client's certificate. Its form is always checked: type, three parts, issuer
//! and subject, audience, lifetime. The signature is verified only if the scenario has a certificate.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::SignatureScheme;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use webpki::EndEntityCert;

use super::aadsts::Refusal;
use super::sign_in::{CONFIDENTIAL, SignIn, is_marked};

const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// How many seconds before its `nbf` an assertion is valid. MSAL for Node.js rounds the time up
/// (`findings/msal-node-assertions-start-in-the-future.sh`).
const EARLY_S: f64 = 1.0;

/// The authorities that an assertion may name, because a client redirected to the simulator may still use them.
const AUTHORITIES: [&str; 3] = [
    "https://login.microsoftonline.com",
    "https://login.microsoftonline.us",
    "https://login.partner.microsoftonline.cn",
];

#[derive(Debug, Deserialize)]
struct Header {
    alg: String,
}

#[derive(Debug, Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: String,
    /// A number that need not be whole (RFC 7519, `NumericDate`), as MSAL for Python sends it
    /// (`findings/msal-python-assertions-have-fractional-times.sh`).
    exp: f64,
    nbf: Option<f64>,
}

/// How the client authenticated: `appidacr` of the token.
pub(super) fn client_proof(sign_in: &SignIn<'_>) -> Result<u8, Refusal> {
    if sign_in.field("client_assertion").is_some() || sign_in.field("client_assertion_type").is_some() {
        return check(sign_in).map(|()| 2);
    }
    match sign_in.field("client_secret") {
        Some("wrong-secret") => Err(Refusal::invalid_client(7_000_215, "Invalid client secret provided.")),
        Some("expired-secret") => {
            Err(Refusal::invalid_client(7_000_222, "The provided client secret keys are expired."))
        }
        Some(_) => Ok(1),
        None => Ok(0),
    }
}

/// The client that signs a user in, and how it authenticated. Some clients must authenticate.
pub(super) fn client_of_user<'a>(sign_in: &'a SignIn<'_>) -> Result<(&'a str, u8), Refusal> {
    let client_id = sign_in.client_id()?;
    let client_proof = client_proof(sign_in)?;
    if client_proof == 0 && is_marked(client_id, CONFIDENTIAL) {
        let text =
            "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.";
        return Err(Refusal::invalid_client(7_000_218, text));
    }
    Ok((client_id, client_proof))
}

/// Checks the assertion of a token request.
fn check(sign_in: &SignIn<'_>) -> Result<(), Refusal> {
    if sign_in.required("client_assertion_type")? != TYPE {
        let text = "The value of 'client_assertion_type' is not supported.";
        return Err(Refusal::new(400, "invalid_request", 900_023, text));
    }
    let assertion = sign_in.required("client_assertion")?;
    let Some((header, claims, signature)) = read_parts(assertion) else {
        return Err(Refusal::invalid_client(50_027, "JWT token is invalid or malformed."));
    };
    check_claims(sign_in, &claims)?;
    let signed = assertion.rsplit_once('.').map_or("", |(signed, _)| signed);
    let is_right = match (&sign_in.simulation.scenario.client_certificate, scheme(&header.alg)) {
        (_, None) => false,
        (None, Some(_)) => !signature.is_empty(),
        (Some(pem), Some(scheme)) => is_signed_by(pem, scheme, signed.as_bytes(), &signature),
    };
    if is_right {
        return Ok(());
    }
    Err(Refusal::invalid_client(700_027, "Client assertion contains an invalid signature."))
}

fn read_parts(assertion: &str) -> Option<(Header, Claims, Vec<u8>)> {
    let [header, claims, signature] = assertion.split('.').collect::<Vec<_>>()[..] else { return None };
    Some((read(header)?, read(claims)?, URL_SAFE_NO_PAD.decode(signature).ok()?))
}

fn read<T: DeserializeOwned>(part: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

fn check_claims(sign_in: &SignIn<'_>, claims: &Claims) -> Result<(), Refusal> {
    let client_id = sign_in.client_id()?;
    if claims.iss != client_id || claims.sub != client_id {
        let text = "Client assertion application identifier doesn't match 'client_id' parameter.";
        return Err(Refusal::invalid_client(700_021, text));
    }
    if !is_token_endpoint(sign_in, &claims.aud) {
        let text = "Client assertion audience claim does not match Realm issuer.";
        return Err(Refusal::invalid_client(700_023, text));
    }
    let now = crate::clock::now().as_second() as f64;
    if claims.exp <= now || claims.nbf.is_some_and(|nbf| nbf.floor() > now + EARLY_S) {
        let text = "Client assertion is not within its valid time range.";
        return Err(Refusal::invalid_client(700_024, text));
    }
    Ok(())
}

/// Is this address a token endpoint of this tenant, in either version?
fn is_token_endpoint(sign_in: &SignIn<'_>, address: &str) -> bool {
    let own = [sign_in.own_url.as_str(), sign_in.direct_url.as_str()];
    let authorities = AUTHORITIES.into_iter().chain(own);
    let paths = ["oauth2/v2.0/token", "oauth2/token"].map(|path| format!("/{}/{path}", sign_in.tenant));
    authorities
        .filter_map(|authority| address.strip_prefix(authority))
        .any(|rest| paths.iter().any(|path| path.eq_ignore_ascii_case(rest)))
}

fn scheme(algorithm: &str) -> Option<SignatureScheme> {
    match algorithm {
        "RS256" => Some(SignatureScheme::RSA_PKCS1_SHA256),
        "PS256" => Some(SignatureScheme::RSA_PSS_SHA256),
        _ => None,
    }
}

fn is_signed_by(pem: &str, scheme: SignatureScheme, signed: &[u8], signature: &[u8]) -> bool {
    let verified = || {
        let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).ok()?;
        let certificate = EndEntityCert::try_from(&certificate).ok()?;
        let algorithms = rustls::crypto::ring::default_provider().signature_verification_algorithms;
        let (_, algorithms) = algorithms.mapping.iter().find(|(known, _)| *known == scheme)?;
        let verify = |algorithm| certificate.verify_signature(algorithm, signed, signature).ok();
        algorithms.iter().copied().find_map(verify)
    };
    verified().is_some()
}
