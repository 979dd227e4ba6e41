//! What an access token says of itself. Nothing here is verified: the token is opaque to us by contract, the service
//! verifies it, and we only tell.

use jiff::Timestamp;
use jsonwebtoken::dangerous::insecure_decode_claims;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

/// Whether a user stands behind a token (fact book 2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    AppOnly,
    AppAndUser,
    Unknown,
}

/// The claims that are of use to an operator. All may be missing; a token need not even be a JWT.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Claims {
    tid: Option<String>,
    appid: Option<String>,
    azp: Option<String>,
    idtyp: Option<String>,
    scp: Option<String>,
    amr: Option<Vec<String>>,
    upn: Option<String>,
    unique_name: Option<String>,
    exp: Option<i64>,
    /// One, or a list of them.
    #[serde(default)]
    aud: Value,
}

impl Claims {
    pub(crate) fn of(token: &SecretString) -> Self {
        insecure_decode_claims(token.expose_secret()).unwrap_or_default()
    }

    /// The tenant that the token was issued in.
    pub(crate) fn tenant(&self) -> Option<Uuid> {
        self.tid.as_ref()?.parse().ok()
    }

    /// The app that the token was issued to: `appid`, which tokens of version 2 call `azp`.
    pub(crate) fn app(&self) -> Option<&str> {
        self.appid.as_deref().or(self.azp.as_deref())
    }

    pub(crate) fn kind(&self) -> Kind {
        match (self.idtyp.as_deref(), &self.scp) {
            (Some("app"), _) => Kind::AppOnly,
            (_, Some(_)) => Kind::AppAndUser,
            (_, None) => Kind::Unknown,
        }
    }

    pub(crate) fn user(&self) -> Option<&str> {
        self.upn.as_deref().or(self.unique_name.as_deref())
    }

    pub(crate) fn expires_at(&self) -> Option<Timestamp> {
        Timestamp::from_second(self.exp?).ok()
    }

    /// The services that the token is for.
    pub(crate) fn audiences(&self) -> Vec<&str> {
        match &self.aud {
            Value::Array(list) => list.iter().filter_map(Value::as_str).collect(),
            one => one.as_str().into_iter().collect(),
        }
    }

    /// Did the user sign in with MFA? `None`: the token does not tell.
    pub(crate) fn has_mfa(&self) -> Option<bool> {
        self.amr.as_ref().map(|methods| methods.iter().any(|method| method == "mfa"))
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD;

    use super::*;

    #[test]
    fn a_jwt_is_read_and_nothing_else() {
        let tenant = Uuid::from_u128(7);
        let check = |claims: &str, expected: (Option<Uuid>, Kind, Option<bool>)| {
            let payload = BASE64_URL_SAFE_NO_PAD.encode(claims);
            let claims = Claims::of(&SecretString::from(format!("e30.{payload}.sig")));
            assert_eq!((claims.tenant(), claims.kind(), claims.has_mfa()), expected);
        };
        check(&format!(r#"{{"tid":"{tenant}"}}"#), (Some(tenant), Kind::Unknown, None));
        check(r#"{"idtyp":"app"}"#, (None, Kind::AppOnly, None));
        check(r#"{"scp":"x","amr":["pwd"]}"#, (None, Kind::AppAndUser, Some(false)));
        check(r#"{"scp":"x","amr":["pwd","mfa"]}"#, (None, Kind::AppAndUser, Some(true)));
        let audiences = |claims: &str| {
            let payload = BASE64_URL_SAFE_NO_PAD.encode(claims);
            Claims::of(&SecretString::from(format!("e30.{payload}.sig"))).audiences().join(" ")
        };
        assert_eq!(audiences(r#"{"aud":"x"}"#), "x");
        assert_eq!(audiences(r#"{"aud":["x",7,"y"]}"#), "x y");
        assert_eq!(audiences(r#"{"aud":7}"#), "");
        for text in ["opaque", "a.b.c", "e30.e30.sig"] {
            assert_eq!(Claims::of(&SecretString::from(text)).tenant(), None);
        }
    }
}
