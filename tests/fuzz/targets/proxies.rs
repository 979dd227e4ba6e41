//! Fuzzes the proxy settings of the environment.
//!
//! The function accepts any bytes and panics if an invariant is broken. The tests of `src/service` also run it, on all
//! saved inputs and on random ones.

use std::ffi::OsString;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use percent_encoding::percent_decode_str;
use tenantry_service::transport::{Proxies, Proxy};
use url::{Host, Url};

/// The first line is the address of a service, the others are variables, for example `HTTPS_PROXY=http://proxy:8080`.
///
/// A proxy that is used is the one that the parser of `url` finds in the variable, it is shown without its password, and
/// what is shown is read the same. An exception removes a proxy and never adds one.
pub fn proxies(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let mut lines = text.lines();
    let Ok(service) = lines.next().unwrap_or_default().parse::<Url>() else { return };
    // Clients refuse an address with such a host before they look for its proxy.
    let is_strange = |c: char| c.is_ascii_punctuation() && !"-._:[]".contains(c);
    let host = service.host_str().unwrap_or_default();
    // What has an empty label is no name: dots alone, or a number with two dots behind it, which is one without them.
    if host.trim_matches('.').is_empty()
        || host.contains("..")
        || host.contains(is_strange)
        || !matches!(service.scheme(), "http" | "https")
    {
        return;
    }
    let variables: Vec<(&str, &str)> = lines.filter_map(|line| line.split_once('=')).collect();
    let proxy = match environment(&variables).on_the_way_to(&service) {
        Ok(Some(proxy)) => proxy,
        Ok(None) => return,
        Err(bad) => {
            let said = format!("{bad}; {}", bad.hint());
            // Messages have no digits but those of the hint and of `UTF-8`, so nothing of a port or a password.
            let words = bad.to_string().replace("UTF-8", "");
            assert!(!words.contains(|c: char| c.is_ascii_digit() || c.is_control()), "{said}");
            return;
        }
    };
    assert_eq!(service.scheme(), "https", "plain http uses no proxy");
    let (_, value) = variables.iter().find(|(name, _)| *name == proxy.named_by).expect("it is set");
    check(&proxy, value);
    // Exceptions: the service itself, and one more than before.
    let host = match service.host() {
        Some(Host::Ipv6(address)) => address.to_string(),
        _ => service.host_str().unwrap_or_default().to_owned(),
    };
    for exceptions in [host.clone(), format!("elsewhere.example,{host}"), format!(" {host} ,x")] {
        let mut variables = variables.clone();
        variables.insert(0, ("NO_PROXY", &exceptions));
        let found = environment(&variables).on_the_way_to(&service);
        assert!(matches!(found, Ok(None)), "{service} is no exception in {exceptions}: {found:?}");
    }
}

fn environment(variables: &[(&str, &str)]) -> Proxies {
    Proxies::of_environment(|name| {
        variables.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value))
    })
}

fn check(proxy: &Proxy, value: &str) {
    let with_scheme = if value.contains("://") { value.to_owned() } else { format!("http://{value}") };
    let other: Url = with_scheme.parse().expect("another parser accepts it too");
    let decoded = |text: &str| percent_decode_str(text).decode_utf8().expect("it is UTF-8").into_owned();
    let (user, password) = (decoded(other.username()), decoded(other.password().unwrap_or_default()));
    let has_user = with_scheme.contains('@');
    let (scheme, host) = (other.scheme(), other.host_str().unwrap_or_default());
    let address = format!("{host}:{}", other.port_or_known_default().unwrap_or_default());
    let user_shown = if has_user { format!("{user}:…@") } else { String::new() };
    assert_eq!(proxy.to_string(), format!("{scheme}://{user_shown}{address}"), "{value}");
    let sent = proxy.authorization_header().map(|sent| sent.to_str().expect("it is ASCII").to_owned());
    let expected = format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}")));
    assert_eq!(sent, has_user.then_some(expected), "{value}");
    let shown = format!("{scheme}://{address}");
    let service = "https://service.example".parse().expect("a well-formed address");
    let again = environment(&[("HTTPS_PROXY", &shown)]).on_the_way_to(&service);
    assert_eq!(again.map(|it| it.map(|it| it.to_string())).ok(), Some(Some(shown)), "{value}");
}
