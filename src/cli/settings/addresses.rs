//! Validates the addresses of the service, and loads proxies and trusted certificates.

use std::path::Path;

use url::Url;

use crate::auth::Authority;
use crate::cli::{ExitCode, Failure, args};
use crate::transport::{BadProxy, Network, Proxies, Proxy, Roots, RootsError, is_loopback};

/// The proxy for the API and for the sign-in service, each with the setting that contains the service's address.
pub(crate) fn proxies(args: &args::ConnectionArgs) -> Vec<(&'static str, Result<Option<Proxy>, BadProxy>)> {
    let proxies = Proxies::of_environment(|name| std::env::var_os(name));
    let authority = base_url("--authority-url", args.authority_url.as_deref(), args.cloud.authority_url());
    let urls = [("api-url", service_url(args)), ("authority-url", authority)];
    urls.into_iter().filter_map(|(name, url)| Some((name, proxies.on_the_way_to(&url.ok()?)))).collect()
}

pub(super) fn service_url(args: &args::ConnectionArgs) -> Result<Url, Failure> {
    base_url("--api-url", args.api_url.as_deref(), args.cloud.api_url())
}

pub(super) fn name_of(api_url: &Url) -> String {
    api_url.as_str().trim_end_matches('/').to_owned()
}

/// Allows https for any host, http only for a loopback address: the bearer token must not cross a network unencrypted.
fn base_url(flag: &str, given: Option<&str>, default: &str) -> Result<Url, Failure> {
    let text = given.unwrap_or(default);
    let wrong = |why: &str| {
        Failure::usage(format!("cannot use `{}` as {flag}: {why}", without_secrets(text)))
            .with_hint("write it as https://HOST, or http://127.0.0.1:PORT for a simulator of your own")
    };
    let url: Url = text.parse().map_err(|_| wrong("it is not a URL"))?;
    let loopback = is_loopback(&url);
    match url.scheme() {
        _ if !url.username().is_empty() || url.password().is_some() => Err(wrong("it holds a user name")),
        _ if url.query().is_some() || url.fragment().is_some() => Err(wrong("it holds more than a base")),
        "https" => Ok(url),
        "http" if loopback => Ok(url),
        "http" => Err(wrong("plain http is for loopback addresses only")),
        _ => Err(wrong("it is not https")),
    }
}

/// An address that is safe to show in logs: without a user name, a password or a key.
pub(in crate::cli) fn without_secrets(address: &str) -> String {
    let base = address.split(['?', '#']).next().unwrap_or_default();
    let cut = if base.len() < address.len() { "…" } else { "" };
    match base.rsplit_once('@') {
        None => format!("{base}{cut}"),
        Some((before, host)) => {
            let scheme = before.find("://").map_or("", |at| &before[..at + 3]);
            format!("{scheme}…@{host}{cut}")
        }
    }
}

/// The sign-in service, and the certificates to trust there and at the API.
pub(super) fn authority(args: &args::ConnectionArgs) -> Result<Authority, Failure> {
    Ok(Authority {
        url: base_url("--authority-url", args.authority_url.as_deref(), args.cloud.authority_url())?,
        audience: args.cloud.audience().to_owned(),
        network: network(args.ca_file.as_deref())?,
    })
}

/// The certificate authorities to trust, and the proxies from the environment.
pub(crate) fn network(ca_file: Option<&Path>) -> Result<Network, Failure> {
    let proxies = Proxies::of_environment(|name| std::env::var_os(name));
    Ok(Network { roots: roots(ca_file)?, proxies })
}

fn roots(file: Option<&Path>) -> Result<Roots, Failure> {
    let Some(file) = file else { return Ok(Roots::default()) };
    Roots::from_file(file).map_err(|error| {
        let why = Failure::of(ExitCode::Usage, &error).messages.join(": ");
        let failure = Failure::usage(format!("cannot use `{}` as --ca-file: {why}", file.display()))
            .with_hint("name a PEM file that holds the certificate of the authority to trust");
        match &error {
            RootsError::Read(error) => failure.at_file(file, error),
            RootsError::Empty | RootsError::Damaged(_) => failure,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_only_for_loopback() {
        let check = |text: &str, expected: bool| {
            assert_eq!(base_url("--api-url", Some(text), "").is_ok(), expected, "{text}");
        };
        check("https://api.partnercenter.microsoft.com", true);
        check("https://proxy.example:8443/base", true);
        check("http://127.0.0.1:8787", true);
        check("http://[::1]:8787", true);
        check("http://localhost:8787", true);
        check("http://localhost.example.com", false);
        check("http://10.0.0.1", false);
        check("http://api.partnercenter.microsoft.com", false);
        check("https://user:pass@api.example.com", false);
        check("https://api.example.com/?x=1", false);
        check("ftp://127.0.0.1", false);
        check("api.example.com", false);
    }

    #[test]
    fn an_address_is_repeated_without_its_secrets() {
        let check = |address: &str, expected: &str| {
            let failure = base_url("--api-url", Some(address), "").unwrap_err();
            let shown = format!("cannot use `{expected}` as");
            assert!(failure.messages[0].starts_with(&shown), "{:?}", failure.messages);
        };
        check("https://bob:hunter2@api.example.com", "https://…@api.example.com");
        check("https://bob:hun@ter2@api.example.com", "https://…@api.example.com");
        check("bob:hunter2@api.example.com", "…@api.example.com");
        check("https://api.example.com/?sig=hunter2", "https://api.example.com/…");
        check("https://api.example.com#hunter2", "https://api.example.com…");
        check("api.example.com", "api.example.com");
    }
}
