//! Reads the claims of an access token, without verifying them.
//!
//! By contract the token is opaque to us. The service verifies it; we only report the claims.
//!
//! Each claim is read separately, so that an unexpected type in one claim does not hide the others. The claims are
//! compared with the settings and the ledger.

use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};
use uuid::Uuid;

/// Whether a token was issued to a user (fact book 2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    AppOnly,
    AppAndUser,
    Unknown,
}

/// The claims of a token. Each may be missing, because a token need not be a JWT.
#[derive(Debug, Default)]
pub struct Claims(Map<String, Value>);

/// A JWT with claims that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("its claims cannot be read: the middle part of the token is not a JSON object")]
pub struct UnreadableClaims;

/// As lenient as a service may be: a token that the service accepts must not look opaque here.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

impl Claims {
    /// The claims of a token; empty if they cannot be read.
    pub fn of(token: &SecretString) -> Self {
        Self::read(token).unwrap_or_default()
    }

    /// The claims of a token; empty if the token is opaque.
    ///
    /// # Errors
    /// The token is a JWT (three parts in base64url), but its payload is not a JSON object.
    pub fn read(token: &SecretString) -> Result<Self, UnreadableClaims> {
        let parts: Option<Vec<Vec<u8>>> =
            token.expose_secret().split('.').map(|part| BASE64.decode(part).ok()).collect();
        match parts.as_deref() {
            Some([_, payload, _]) => serde_json::from_slice(payload).map(Self).map_err(|_| UnreadableClaims),
            _ => Ok(Self::default()),
        }
    }

    /// The tenant that issued the token.
    pub fn tenant(&self) -> Option<Uuid> {
        self.text("tid")?.parse().ok()
    }

    /// The app that the token was issued to: `appid`, or `azp` in tokens of version 2.
    pub fn app(&self) -> Option<&str> {
        self.text("appid").or_else(|| self.text("azp"))
    }

    pub fn kind(&self) -> TokenKind {
        match (self.text("idtyp"), self.words("scp")) {
            (Some("app"), _) => TokenKind::AppOnly,
            (_, Some(_)) => TokenKind::AppAndUser,
            (_, None) => TokenKind::Unknown,
        }
    }

    pub fn user(&self) -> Option<&str> {
        ["upn", "unique_name", "preferred_username"].into_iter().find_map(|claim| self.text(claim))
    }

    /// The domain of the user, in lower case. A guest's own domain is before the last `@`.
    pub fn user_domain(&self) -> Option<String> {
        let (_, domain) = self.user()?.rsplit_once('@')?;
        Some(domain.trim().to_ascii_lowercase()).filter(|domain| domain.contains('.'))
    }

    pub fn expires_at(&self) -> Option<Timestamp> {
        self.time("exp")
    }

    /// The services that the token is for.
    pub fn audiences(&self) -> Vec<&str> {
        self.words("aud").unwrap_or_default()
    }

    /// Did the user sign in with MFA? `None`: the token does not say.
    pub fn has_mfa(&self) -> Option<bool> {
        self.words("amr").map(|methods| methods.contains(&"mfa"))
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    /// A list of texts, or one text with words separated by blanks. All of these claims occur in both forms.
    fn words(&self, name: &str) -> Option<Vec<&str>> {
        match self.0.get(name)? {
            Value::String(text) => Some(text.split_whitespace().collect()),
            Value::Array(list) => Some(list.iter().filter_map(Value::as_str).collect()),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => None,
        }
    }

    /// Seconds since 1970, as a number or as text, possibly with a fraction.
    fn time(&self, name: &str) -> Option<Timestamp> {
        let seconds = match self.0.get(name)? {
            Value::Number(number) => number.as_f64()?,
            Value::String(digits) => digits.trim().parse().ok()?,
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
        };
        Timestamp::from_duration(SignedDuration::try_from_secs_f64(seconds).ok()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use base64::prelude::BASE64_URL_SAFE_NO_PAD;

    use super::*;

    fn claims(payload: &str) -> Claims {
        let payload = BASE64_URL_SAFE_NO_PAD.encode(payload);
        Claims::read(&SecretString::from(format!("e30.{payload}.c2ln"))).unwrap()
    }

    #[test]
    fn a_jwt_is_read_and_nothing_else() {
        let tenant = Uuid::from_u128(7);
        let check = |payload: &str, expected: (Option<Uuid>, TokenKind, Option<bool>)| {
            let claims = claims(payload);
            assert_eq!((claims.tenant(), claims.kind(), claims.has_mfa()), expected, "{payload}");
        };
        check(&format!(r#"{{"tid":"{tenant}"}}"#), (Some(tenant), TokenKind::Unknown, None));
        check(r#"{"idtyp":"app"}"#, (None, TokenKind::AppOnly, None));
        check(r#"{"scp":"x","amr":["pwd"]}"#, (None, TokenKind::AppAndUser, Some(false)));
        check(r#"{"scp":"x","amr":["pwd","mfa"]}"#, (None, TokenKind::AppAndUser, Some(true)));
        check(r#"{"scp":["x"],"amr":"pwd mfa"}"#, (None, TokenKind::AppAndUser, Some(true)));
        check(r#"{"scp":7,"amr":"pwd"}"#, (None, TokenKind::Unknown, Some(false)));
        let audiences = |payload: &str| claims(payload).audiences().join(" ");
        assert_eq!(audiences(r#"{"aud":"x"}"#), "x");
        assert_eq!(audiences(r#"{"aud":["x",7,"y"]}"#), "x y");
        assert_eq!(audiences(r#"{"aud":"x y"}"#), "x y");
        assert_eq!(audiences(r#"{"aud":7}"#), "");
        for text in ["opaque", "", "a.b.c", "e30.e30.c2ln", "e30.AAAA", "e30.AAAA.c2ln.c2ln.c2ln", "!.AAAA.!"]
        {
            assert_eq!(Claims::read(&SecretString::from(text)).unwrap().tenant(), None, "{text}");
        }
    }

    #[test]
    fn the_domain_of_the_user_is_the_partners() {
        let check = |payload: &str, expected: Option<&str>| {
            assert_eq!(claims(payload).user_domain().as_deref(), expected, "{payload}");
        };
        check(r#"{"upn":"Ana@Tailspin.com"}"#, Some("tailspin.com"));
        check(r#"{"unique_name":"ana@tailspin.com"}"#, Some("tailspin.com"));
        check(r#"{"preferred_username":"ana@tailspin.com"}"#, Some("tailspin.com"));
        check(r#"{"upn":"bo_contoso.com#EXT#@tailspin.onmicrosoft.com"}"#, Some("tailspin.onmicrosoft.com"));
        check(r#"{"upn":"ana"}"#, None);
        check(r#"{"appid":"x"}"#, None);
    }

    #[test]
    fn one_unusual_claim_hides_no_other() {
        let tenant = Uuid::from_u128(7);
        let unusual = [
            r#""scp":["x"]"#,
            r#""scp":null"#,
            r#""exp":1.5"#,
            r#""exp":"1""#,
            r#""exp":[]"#,
            r#""amr":"pwd""#,
            r#""amr":[{}]"#,
            r#""upn":7"#,
            r#""appid":{}"#,
            r#""idtyp":[]"#,
            r#""aud":{}"#,
        ];
        for claim in unusual {
            let read = claims(&format!(r#"{{"tid":"{tenant}",{claim},"azp":"app"}}"#));
            assert_eq!((read.tenant(), read.app()), (Some(tenant), Some("app")), "{claim}");
        }
    }

    #[test]
    fn a_time_may_have_a_fraction_and_be_text() {
        let check = |exp: &str, expected_ms: Option<i64>| {
            let read = claims(&format!(r#"{{"exp":{exp}}}"#)).expires_at();
            assert_eq!(read.map(Timestamp::as_millisecond), expected_ms, "{exp}");
        };
        check("1", Some(1000));
        check("1.5", Some(1500));
        check("\"1\"", Some(1000));
        check("\" 1.5 \"", Some(1500));
        check("4102444800", Some(4_102_444_800_000));
        for unreadable in ["true", "\"soon\"", "\"inf\"", "\"NaN\"", "1e300", "18446744073709551615", "[1]"] {
            check(unreadable, None);
        }
    }

    #[test]
    fn a_jwt_whose_payload_is_no_object_is_an_error() {
        for payload in ["[]", "7", "{", "", "null", "{\"tid\":\"x\"} x"] {
            let token = format!("e30.{}.c2ln", BASE64_URL_SAFE_NO_PAD.encode(payload));
            let read = Claims::read(&SecretString::from(token));
            assert_eq!(read.unwrap_err(), UnreadableClaims, "{payload}");
        }
        // Padding and leftover bits, which a strict reader refuses, do not make a token opaque.
        for lenient in ["e30=.e30=.c2ln", "e31.e31.c2ln"] {
            assert!(Claims::read(&SecretString::from(lenient)).is_ok(), "{lenient}");
        }
        assert!(Claims::read(&SecretString::from("e31.W11.c2ln")).is_err());
    }
}
