//! Describes what the token endpoint says went wrong, in one sentence with a hint.
//!
//! The status and `error` decide whether an answer is a verdict. The AADSTS number decides only if it is known to be
//! transient; otherwise it only selects the text (fact book 2.7).

use std::fmt;

use oauth2::http::StatusCode;
use oauth2::{DeviceCodeErrorResponse, ErrorResponse, RequestTokenError};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Error;
use crate::transport::without_bom;

/// Transient, whatever value `error` has.
const TRANSIENT: u64 = 50_033;

const NOT_UNDERSTOOD: &str = "its answer is invalid";

/// Why the endpoint gave no token, in the endpoint's text.
#[derive(Debug, Deserialize, Serialize)]
pub struct Reason {
    error: String,
    #[serde(default)]
    error_description: String,
    #[serde(default)]
    error_codes: Vec<Value>,
}

const LOGIN: &str = "sign in again with `tenantry login`, with MFA";
const MFA: &str = "run `tenantry login` and sign in with MFA";
const RESOURCE: &str = "add Microsoft Partner Center's API to the app's permissions and ask an \
                        administrator to consent";

/// The number after `AADSTS`, its meaning, and what to do.
#[rustfmt::skip]
static AADSTS: &[(u64, &str, &str)] = &[
    (7_000_215, "the client secret is wrong", "check --client-id and the client secret: use its value, not \
                 its id"),
    (7_000_222, "the client secret has expired", "create a new client secret for the app in Entra and use \
                 it"),
    (7_000_216, "the app gave neither a secret nor a certificate", "give a client secret or --client-certificate"),
    (7_000_218, "the app needs a secret or certificate", "allow public client flows for the app in Entra, \
                 or give its secret or certificate"),
    (700_016, "the app is unknown in this tenant", "check --client-id and --tenant-id, and that an admin \
               has consented to the app"),
    (700_021, "the certificate belongs to another app", "check --client-id"),
    (700_024, "the clock of this machine is wrong, or the certificate's proof is out of date", "set the \
               clock of this machine"),
    (700_027, "the certificate was not accepted", "upload the certificate of --client-certificate to the app in Entra and check that it has not expired"),
    (700_082, "the refresh token expired because it was not used for too long", LOGIN),
    (70_008, "the refresh token has expired", LOGIN),
    (70_043, "the sign-in is older than the tenant's sign-in frequency allows", LOGIN),
    (50_173, "the sign-in was revoked, for example by a password reset", LOGIN),
    (9_002_313, "the refresh token is invalid", LOGIN),
    (50_074, "the user has to sign in with MFA", MFA),
    (50_076, "the user has to sign in with MFA", MFA),
    (50_078, "the user's MFA has expired", MFA),
    (50_079, "the user has to set up MFA first", MFA),
    (65_001, "no administrator has consented to the app", "ask an administrator of the partner tenant to \
              consent to the app"),
    (53_003, "Conditional Access blocked the sign-in", "sign in from an allowed place or device, or ask \
              the tenant's administrator"),
    (50_196, "the sign-in service saw the same request too often", "wait some minutes"),
    (500_011, "Partner Center's API is unknown in this tenant", RESOURCE),
    (650_057, "Partner Center's API is not among the app's permissions", RESOURCE),
    (50_001, "Partner Center's API is unknown in this tenant", RESOURCE),
    (70_011, "the scope is not valid", "check --cloud, and that Partner Center's API is among the app's permissions"),
    (90_002, "the tenant was not found", "check --tenant-id and --cloud"),
];

/// The same for the numbers that are not in the table above, by `error`.
#[rustfmt::skip]
static GENERAL: &[(&str, &str, &str)] = &[
    ("invalid_client", "the app was not accepted", "check --client-id and the client secret or certificate"),
    ("unauthorized_client", "the app may not sign in like this",
        "check that the app is registered in this tenant and may use this grant"),
    ("invalid_grant", "the sign-in is no longer valid", LOGIN),
    ("interaction_required", "the user has to sign in again", LOGIN),
    ("consent_required", "no administrator has consented to the app", "ask an administrator to consent to \
      the app"),
    ("invalid_scope", "Partner Center's API was not accepted", RESOURCE),
    ("invalid_resource", "Partner Center's API was not accepted", RESOURCE),
    ("authorization_declined", "the sign-in was declined", "run `tenantry login` again"),
    ("access_denied", "the sign-in was declined", "run `tenantry login` again"),
    ("expired_token", "the code expired before the sign-in", "run `tenantry login` again"),
    ("bad_verification_code", "the code expired before the sign-in", "run `tenantry login` again"),
];

/// The same for any other `error`.
const OTHER: (&str, &str) = ("the sign-in was refused", "check --tenant-id, --client-id and how you sign in");

/// The answer, if it is a verdict: a token or a reason. `Err`: why it is not a verdict, so that a retry may help.
pub(super) fn verdict(status: StatusCode, body: &[u8]) -> Result<Value, String> {
    // The parser's message is left out because it can quote the body.
    let answer: Option<Value> = serde_json::from_slice(without_bom(body)).ok().filter(Value::is_object);
    if status == StatusCode::OK {
        return answer.ok_or_else(|| NOT_UNDERSTOOD.to_owned());
    }
    let reason = answer.as_ref().and_then(|answer| Reason::deserialize(answer).ok());
    let (Some(answer), Some(reason)) = (answer, reason) else {
        return Err(format!("status {status} without a reason"));
    };
    let passes = matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS);
    if passes || status.is_server_error() || reason.is_transient() {
        return Err(format!("status {status}: {reason}"));
    }
    Ok(answer)
}

/// Does this body have the shape of a refusal by the endpoint?
pub(super) fn names_an_error(body: &[u8]) -> bool {
    serde_json::from_slice::<Reason>(without_bom(body)).is_ok()
}

impl Reason {
    fn is_transient(&self) -> bool {
        self.error == "temporarily_unavailable" || self.aadsts() == Some(TRANSIENT)
    }

    /// The number after `AADSTS`, if there is one.
    fn aadsts(&self) -> Option<u64> {
        // Error codes are numbers or text, and the description begins with one.
        let listed = self.error_codes.first().and_then(|code| match code {
            Value::Number(number) => number.as_u64(),
            Value::String(text) => text.parse().ok(),
            _ => None,
        });
        listed.or_else(|| self.error_description.strip_prefix("AADSTS")?.split(':').next()?.parse().ok())
    }
}

impl ErrorResponse for Reason {}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.error)?;
        // Only the first line of the description; the other lines are ids and a time.
        match self.error_description.lines().next() {
            Some(description) => write!(f, ", {description}"),
            None => Ok(()),
        }
    }
}

/// The crate reads a refused device code into its own type, which has no list of error codes.
impl From<DeviceCodeErrorResponse> for Reason {
    fn from(refusal: DeviceCodeErrorResponse) -> Self {
        Self {
            error: refusal.error().as_ref().to_owned(),
            error_description: refusal.error_description().cloned().unwrap_or_default(),
            error_codes: Vec::new(),
        }
    }
}

impl From<Reason> for Error {
    fn from(reason: Reason) -> Self {
        let number = reason.aadsts();
        let by_number = AADSTS.iter().filter(|(known, ..)| Some(*known) == number).map(|it| (it.1, it.2));
        let by_error = GENERAL.iter().filter(|(known, ..)| *known == reason.error).map(|it| (it.1, it.2));
        let (sentence, hint) = by_number.chain(by_error).next().unwrap_or(OTHER);
        Error::Refused { message: format!("{sentence} ({reason})"), hint: hint.to_owned() }
    }
}

impl<R: ErrorResponse + Into<Reason> + 'static> From<RequestTokenError<Error, R>> for Error {
    fn from(error: RequestTokenError<Error, R>) -> Self {
        match error {
            RequestTokenError::Request(error) => error,
            RequestTokenError::ServerResponse(reason) => Error::from(reason.into()),
            // Neither message is shown: both can quote the body.
            RequestTokenError::Parse(..) | RequestTokenError::Other(_) => {
                Error::Unavailable(NOT_UNDERSTOOD.into())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_distinguished_from_outages_and_named() {
        let check = |status, body: &str, expected: Option<&str>| {
            let error = match verdict(StatusCode::from_u16(status).unwrap(), body.as_bytes()) {
                Ok(reason) => Error::from(serde_json::from_value::<Reason>(reason).unwrap()),
                Err(reason) => Error::Unavailable(reason.into()),
            };
            match (&error, expected) {
                (Error::Refused { message, .. }, Some(words)) => {
                    assert!(message.starts_with(words), "{message}")
                }
                (Error::Unavailable(_), None) => {}
                _ => panic!("{status} {body}: {error}"),
            }
        };
        let numbered = |n: &str| format!(r#"{{"error":"invalid_grant","error_codes":[{n}]}}"#);
        check(
            401,
            r#"{"error":"invalid_client","error_description":"AADSTS7000215: x\r\nTrace ID: y"}"#,
            Some("the client secret is wrong (invalid_client, AADSTS7000215: x)"),
        );
        check(400, &numbered("50173"), Some("the sign-in was revoked"));
        check(400, &format!("\u{feff}{}", numbered("50173")), Some("the sign-in was revoked"));
        check(400, &numbered("\"50173\""), Some("the sign-in was revoked"));
        check(400, &numbered("1"), Some("the sign-in is no longer valid"));
        check(400, r#"{"error":"invalid_scope"}"#, Some("Partner Center's API"));
        check(400, r#"{"error":"never_heard_of"}"#, Some("the sign-in was refused (never_heard_of)"));
        check(503, r#"{"error":"temporarily_unavailable"}"#, None);
        check(429, r#"{"error":"invalid_request"}"#, None);
        check(502, "<html>Bad gateway</html>", None);
        check(400, "", None);
        check(400, r#"{"error":"temporarily_unavailable"}"#, None);
        check(400, &numbered("50033"), None);
        check(302, "", None);
        check(200, "<html>Welcome to our hotel</html>", None);
        check(200, "\"a text\"", None);
    }

    #[test]
    fn every_number_stands_once_and_has_a_hint() {
        for (index, (number, _, hint)) in AADSTS.iter().enumerate() {
            assert!(!AADSTS[..index].iter().any(|it| it.0 == *number), "{number} twice");
            assert!(!hint.is_empty() && !hint.ends_with('.'), "{number}");
        }
    }
}
