//! Decides which API hosts get the bearer token, and which handed-in tokens are accepted.
//!
//! Both are checked before anything is contacted, and before a ledger is created or bound.

use secrecy::SecretString;
use url::{Position, Url};
use uuid::Uuid;

use super::cloud::Cloud;
use super::{ExitCode, Failure, args};
use crate::auth::Claims;
use crate::clock;
use crate::transport::is_loopback;

/// The application id of Partner Center's API, which v2 tokens contain as their audience (fact book 2.1).
const PARTNER_CENTER_APP: Uuid = Uuid::from_u128(0xfa3d_9a0c_3fb0_42cc_9193_47c7_ecd2_edbd);

/// Allows the bearer token for the cloud's own API and for this machine. Another host needs its own sign-in service, or
/// must be named with `--allow-api-host`. For a handed-in token its sign-in service is unknown, so only the name
/// counts.
pub(super) fn check_api_host(
    args: &args::ConnectionArgs,
    api_url: &Url,
    authority_url: &Url,
    has_token: bool,
) -> Result<(), Failure> {
    let host = api_url.host_str().unwrap_or_default();
    let clouds_own: Url = args.cloud.api_url().parse().expect("a well-formed address");
    let has_own_authority = !has_token
        && args.authority_url.is_some()
        && !Cloud::is_microsofts(authority_url.host_str().unwrap_or_default());
    // A host that is named without a port is allowed with any port.
    let with_port = format!("{host}:{}", api_url.port_or_known_default().unwrap_or_default());
    let is_named = args.allow_api_host.iter().any(|named| named == host || *named == with_port);
    if Some(host) == clouds_own.host_str() || is_loopback(api_url) || has_own_authority || is_named {
        return Ok(());
    }
    let failure = Failure::usage(format!(
        "the sign-in is not sent to `{host}`: it is not the API of the cloud `{}`, nor this machine",
        args.cloud
    ));
    let other = [Cloud::Global, Cloud::China].into_iter().find(|cloud| {
        let theirs: Option<Url> = cloud.api_url().parse().ok();
        theirs.is_some_and(|url| url.host_str() == Some(host))
    });
    Err(failure.with_hint(match other {
        Some(cloud) => format!("use `--cloud {cloud}`, without `--api-url`"),
        None => format!(
            "check `--api-url`; if you trust this host with the sign-in, add `--allow-api-host {}`",
            &api_url[Position::BeforeHost..Position::AfterPort]
        ),
    }))
}

/// Checks the claims of a handed-in token. A token that is not a JWT has no claims and is accepted.
pub(super) fn check_token(
    args: &args::ConnectionArgs,
    api_url: &Url,
    token: &SecretString,
) -> Result<(), Failure> {
    let refused = |exit_code, why: String, hint: &str| {
        Err(Failure::new(exit_code, format!("cannot use TENANTRY_ACCESS_TOKEN: {why}")).with_hint(hint))
    };
    let (now, fresh) =
        (clock::now(), "get a fresh one, put it into TENANTRY_ACCESS_TOKEN and run this again");
    let claims = match Claims::read(token) {
        Ok(claims) => claims,
        Err(unreadable) => return refused(ExitCode::SignIn, unreadable.to_string(), fresh),
    };
    if let Some(end) = claims.expires_at().filter(|end| *end <= now) {
        return refused(ExitCode::SignIn, format!("it was valid until {end}, and it is {now} now"), fresh);
    }
    let audiences = claims.audiences();
    if !audiences.is_empty() && !audiences.iter().any(|audience| is_ours(audience, args.cloud, api_url)) {
        let named = audiences.join("`, `");
        let why = format!("it is for another service, `{named}`");
        return refused(ExitCode::SignIn, why, &format!("get one for `{}`", args.cloud.audience()));
    }
    let wanted: Option<Uuid> = args.tenant_id.as_ref().and_then(|tenant| tenant.parse().ok());
    if let (Some(wanted), Some(tenant)) = (wanted, claims.tenant())
        && wanted != tenant
    {
        let why = format!("it is of the tenant {tenant}, and --tenant-id is {wanted}");
        return refused(ExitCode::Usage, why, "give a token of that tenant, or correct --tenant-id");
    }
    Ok(())
}

/// Whether the audience is the API's own address, its application, or the address used instead of it.
fn is_ours(audience: &str, cloud: Cloud, api_url: &Url) -> bool {
    let bare = |url: &str| url.trim_end_matches('/').to_ascii_lowercase();
    let audience_is = |url: &str| bare(audience) == bare(url);
    audience_is(cloud.audience())
        || audience_is(api_url.as_str())
        || audience_is(&api_url.origin().ascii_serialization())
        || audience.parse() == Ok(PARTNER_CENTER_APP)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_audience_is_the_api_by_its_address_or_its_application() {
        let check = |audience: &str, cloud, expected: bool| {
            let api_url = "https://gateway.example:8443/partner".parse().unwrap();
            assert_eq!(is_ours(audience, cloud, &api_url), expected, "{audience}");
        };
        for audience in [
            "https://api.partnercenter.microsoft.com",
            "https://api.partnercenter.microsoft.com/",
            "HTTPS://api.PartnerCenter.microsoft.com",
            "fa3d9a0c-3fb0-42cc-9193-47c7ecd2edbd",
            "https://gateway.example:8443",
            "https://gateway.example:8443/partner/",
        ] {
            check(audience, Cloud::Global, true);
        }
        check("https://partner.partnercenterapi.microsoftonline.cn", Cloud::China, true);
        check("https://api.partnercenter.microsoft.com", Cloud::China, false);
        for foreign in [
            "https://graph.windows.net",
            "https://graph.microsoft.com",
            "00000003-0000-0000-c000-000000000000",
            "https://api.partner.microsoft.com",
            "https://partner.partnercenterapi.microsoftonline.cn",
        ] {
            check(foreign, Cloud::Global, false);
        }
    }

    #[test]
    fn microsofts_own_sign_in_vouches_for_no_other_host() {
        for host in [
            "login.microsoftonline.com",
            "login.microsoftonline.com.",
            "login.microsoftonline.com..",
            "login-us.microsoftonline.com",
            "westeurope.login.microsoft.com",
            "login.microsoft.com",
            "login.microsoftonline.us",
            "login.microsoftonline.de",
            "login.partner.microsoftonline.cn",
            "login.windows.net",
            "sts.windows.net",
            "login.chinacloudapi.cn",
            "microsoft.com",
            "login.live.com",
            "contoso.ciamlogin.com",
        ] {
            assert!(Cloud::is_microsofts(host), "{host}");
        }
        for host in
            ["login.example.com", "login.notmicrosoft.com", "microsoft.com.example", "127.0.0.1", "[::1]", ""]
        {
            assert!(!Cloud::is_microsofts(host), "{host}");
        }
    }
}
