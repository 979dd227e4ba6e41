//! Finds the proxy for a host in environment variables or system settings.
//!
//! The variables are parsed strictly here, and the HTTP client gets the result. A second parser could interpret a value
//! differently, or ignore it and bypass the proxy. Only https uses a proxy: plain http stays in the operator's own
//! network, and a proxy outside could read it. So `HTTP_PROXY` is ignored. `ALL_PROXY` is used if `HTTPS_PROXY` is not
//! set. The lower-case name is used if the upper-case name is not set. An empty variable counts as not set. The HTTP
//! client's own rules apply to the exceptions in `NO_PROXY`. If no variable is set, the proxy settings of Windows and
//! macOS apply, as the HTTP client reads them.

use std::ffi::OsString;
use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hyper_util::client::proxy::matcher::Matcher;
use percent_encoding::percent_decode_str;
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use url::{Host, Url};
use zeroize::Zeroizing;

use super::is_loopback;

/// Named in messages instead of a variable.
pub(super) const SYSTEM: &str = "the proxy settings of this system";

/// The proxy variables of this process. Each may contain a password.
#[derive(Debug, Clone, Default)]
pub struct Proxies {
    https: Option<Variable>,
    all: Option<Variable>,
    exceptions: Vec<Exception>,
    /// Use the operating system's settings if no variable is set.
    asks_system: bool,
}

/// A host, an address, a network or a domain (`.example.com`) that needs no proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Exception {
    host: String,
    /// `None`: every port.
    port: Option<u16>,
}

#[derive(Debug, Clone)]
struct Variable {
    name: &'static str,
    /// `None`: it is not UTF-8.
    value: Option<SecretString>,
}

/// The proxy to use.
#[derive(Debug, Clone)]
pub struct Proxy {
    /// The variable that names the proxy, or the system's settings.
    pub named_by: &'static str,
    /// Only scheme, host and port.
    url: Url,
    user: Option<String>,
    /// The value of `Proxy-Authorization`.
    authorization: Option<SecretString>,
}

/// A variable that is not valid. Its value is never shown, because it may contain a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot use the proxy in {variable}: {why}")]
pub struct BadProxy {
    variable: &'static str,
    why: String,
}

impl BadProxy {
    /// What to do about it.
    pub fn hint(&self) -> String {
        format!(
            "write {} as http://HOST:PORT or http://USER:PASSWORD@HOST:PORT, with special characters \
             percent-encoded (@ is %40, : is %3A, / is %2F, # is %23, % is %25); or unset it",
            self.variable
        )
    }
}

impl Proxies {
    /// Reads the variables through `get`.
    pub fn of_environment(get: impl Fn(&str) -> Option<OsString>) -> Self {
        let set = |names: [&'static str; 2]| {
            let mut values = names.into_iter().filter_map(|name| Some((name, get(name)?)));
            values.find(|(_, value)| !value.is_empty())
        };
        let variable = |names| {
            let (name, value) = set(names)?;
            Some(Variable { name, value: value.into_string().ok().map(SecretString::from) })
        };
        let exceptions = set(["NO_PROXY", "no_proxy"]);
        Self {
            https: variable(["HTTPS_PROXY", "https_proxy"]),
            all: variable(["ALL_PROXY", "all_proxy"]),
            exceptions: exceptions
                .map(|(_, list)| exceptions_in(&list.to_string_lossy()))
                .unwrap_or_default(),
            asks_system: true,
        }
    }

    /// The proxy for `url`; `None`: no proxy is used.
    ///
    /// # Errors
    /// The variable for this URL is not valid.
    pub fn on_the_way_to(&self, url: &Url) -> Result<Option<Proxy>, BadProxy> {
        // Traffic to this machine itself never uses a proxy, and neither does unencrypted traffic.
        if url.scheme() == "http" || is_loopback(url) || self.is_exception(url) {
            return Ok(None);
        }
        match self.https.as_ref().or(self.all.as_ref()) {
            Some(variable) => variable.proxy().map(Some),
            None if self.asks_system => Ok(of_system(url)),
            None => Ok(None),
        }
    }

    fn is_exception(&self, url: &Url) -> bool {
        let mut url = url.clone();
        let host = url.host_str().map(|host| host.trim_end_matches('.').to_owned());
        if let Some(host) = host.filter(|host| Some(&**host) != url.host_str()) {
            // What has no other host keeps the dot.
            _ = url.set_host(Some(&host));
        }
        let port = url.port_or_known_default();
        let exceptions = self.exceptions.iter().filter(|it| it.port.is_none() || it.port == port);
        let hosts: Vec<&str> = exceptions.map(|it| it.host.as_str()).collect();
        let matcher = Matcher::builder().all("http://proxy.invalid").no(hosts.join(",")).build();
        url.as_str().parse().is_ok_and(|uri| matcher.intercept(&uri).is_none())
    }
}

/// The entries of `NO_PROXY`, as programs write them: with a port, a scheme, a final dot, brackets or quotes, and between
/// commas or blanks. The client (reqwest 0.13.5, `findings/reqwest-no-proxy-ignores-ports.sh`) takes only names, addresses
/// and networks, and `.example.com` for all names in it, which other programs write as `*.example.com`.
fn exceptions_in(list: &str) -> Vec<Exception> {
    let entries = list.split(|c: char| c == ',' || c.is_whitespace()).map(|it| it.trim_matches(['"', '\'']));
    let exception = |entry: &str| {
        let (scheme, entry) = entry.split_once("://").map_or(("", entry), |(scheme, rest)| (scheme, rest));
        let entry = if scheme.is_empty() { entry } else { entry.trim_end_matches('/') };
        let (host, port) = match entry.strip_prefix('[').and_then(|entry| entry.split_once(']')) {
            Some((host, "")) => (host.to_owned(), None),
            Some((host, rest)) if rest.starts_with('/') => (format!("{host}{rest}"), None),
            Some((host, rest)) => (host.to_owned(), Some(rest.strip_prefix(':')?)),
            None => match entry.split_once(':') {
                // An IPv6 address has more colons.
                Some((host, port)) if !port.contains(':') => (host.to_owned(), Some(port)),
                _ => (entry.to_owned(), None),
            },
        };
        let port = match (port, scheme.to_ascii_lowercase().as_str()) {
            (Some(port), _) => Some(port.parse().ok()?),
            (None, "http") => Some(80),
            (None, "https") => Some(443),
            (None, "") => None,
            (None, _) => return None,
        };
        // Every host is meant only by `*` alone.
        if host == "*" && port.is_some() {
            return None;
        }
        let host = host.strip_prefix('*').filter(|it| it.starts_with('.')).unwrap_or(&host);
        Some(Exception { host: host.trim_end_matches('.').to_owned(), port })
    };
    entries.filter_map(exception).filter(|it| !it.host.is_empty()).collect()
}

/// Other systems have only the variables.
fn of_system(url: &Url) -> Option<Proxy> {
    if !cfg!(any(windows, target_os = "macos")) {
        return None;
    }
    let proxy = Matcher::from_system().intercept(&url.as_str().parse().ok()?)?;
    let authorization = proxy.basic_auth().and_then(|value| value.to_str().ok());
    Some(Proxy {
        named_by: SYSTEM,
        url: proxy.uri().to_string().parse().ok()?,
        user: authorization.map(|_| "…".to_owned()),
        authorization: authorization.map(SecretString::from),
    })
}

impl Variable {
    fn proxy(&self) -> Result<Proxy, BadProxy> {
        let bad = |why: String| BadProxy { variable: self.name, why };
        let not_valid = || bad("its host or port is not valid".to_owned());
        let value = self.value.as_ref().ok_or_else(|| bad("it is not UTF-8".to_owned()))?;
        let (scheme, user_info, address) = parts(value.expose_secret()).map_err(bad)?;
        // Also refuses a scheme without slashes, such as `http:proxy`, and an IPv6 address without brackets.
        let url: Option<Url> = format!("{scheme}://{address}").parse().ok();
        let has_port = |url: &Url| !address.ends_with(':') && url.port() != Some(0);
        let url = url.filter(has_port).ok_or_else(not_valid)?;
        let (user, authorization) = match user_info {
            None => (None, None),
            Some(user_info) => {
                let (user, password) = user_info.split_once(':').unwrap_or((user_info, ""));
                let (user, password) = (decoded(user).map_err(bad)?, decoded(password).map_err(bad)?);
                let basic = Zeroizing::new(format!("{}:{}", *user, *password));
                let basic = Zeroizing::new(BASE64_STANDARD.encode(basic.as_bytes()));
                (Some((*user).clone()), Some(SecretString::from(format!("Basic {}", *basic))))
            }
        };
        let proxy = Proxy { named_by: self.name, url, user, authorization };
        if proxy.is_understood() { Ok(proxy) } else { Err(not_valid()) }
    }
}

/// Scheme, user info and address of a value, if it is unambiguous.
fn parts(value: &str) -> Result<(&'static str, Option<&str>, &str), String> {
    for (character, what) in [('\\', "a backslash"), ('"', "a quotation mark"), ('\'', "a quotation mark")] {
        if value.contains(character) {
            return Err(format!("it contains {what}"));
        }
    }
    if value.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err("it contains a space".to_owned());
    }
    let (scheme, rest) = match value.split_once("://") {
        None => ("http", value),
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => ("http", rest),
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => ("https", rest),
        Some((scheme, _)) if scheme.to_ascii_lowercase().starts_with("socks") => {
            return Err("SOCKS proxies are not supported, only http:// and https://".to_owned());
        }
        Some(_) => return Err("its scheme is not http:// or https://".to_owned()),
    };
    let (user_info, address) = match rest.rsplit_once('@') {
        Some((user_info, address)) => (Some(user_info), address),
        None => (None, rest),
    };
    if let Some(user_info) = user_info {
        check_user_info(user_info)?;
    }
    // The host of a URL can be percent-encoded, and so have signs that are refused above.
    if address.contains('%') {
        return Err("its host or port is not valid".to_owned());
    }
    let address = address.strip_suffix('/').unwrap_or(address);
    if let Some(raw) = address.chars().find(|c| "/?#@".contains(*c)) {
        return Err(format!("its address has a raw `{raw}` after the port"));
    }
    Ok((scheme, user_info, address))
}

/// RFC 3986, section 3.2.1: other characters must be percent-encoded.
fn check_user_info(user_info: &str) -> Result<(), String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._~!$&()*+,;=:%".contains(c);
    match user_info.chars().find(|c| !is_plain(*c)) {
        Some(raw) if raw.is_ascii() => Err(format!("its user name or password contains a raw `{raw}`")),
        Some(_) => Err("its user name or password contains a character that is not ASCII".to_owned()),
        None => Ok(()),
    }
}

/// Decodes percent-encoded text.
fn decoded(text: &str) -> Result<Zeroizing<String>, String> {
    let is_encoded = |after: &str| {
        after.as_bytes().get(..2).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    if !text.split('%').skip(1).all(is_encoded) {
        return Err("its user name or password contains a raw `%`".to_owned());
    }
    // Never grows, so that no copy of its beginning stays in memory.
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    bytes.extend(percent_decode_str(text));
    let text =
        std::str::from_utf8(&bytes).map_err(|_| "its user name or password is not UTF-8".to_owned())?;
    Ok(Zeroizing::new(text.to_owned()))
}

impl Proxy {
    /// Checks with the HTTP client's own parser. The client uses no proxy at all if it cannot parse the value.
    fn is_understood(&self) -> bool {
        let matcher = Matcher::builder().all(self.url.as_str()).build();
        let target = "https://service.invalid/".parse().expect("a well-formed address");
        matcher.intercept(&target).is_some_and(|found| {
            let same_host = found.uri().host() == self.url.host_str();
            let port = found.uri().port_u16().or((found.uri().scheme_str() == Some("https")).then_some(443));
            same_host && port.unwrap_or(80) == self.port()
        })
    }

    pub(super) fn for_client(&self) -> Result<reqwest::Proxy, reqwest::Error> {
        let proxy = reqwest::Proxy::all(self.url.clone())?;
        Ok(match self.authorization_header() {
            Some(value) => proxy.custom_http_auth(value),
            None => proxy,
        })
    }

    /// The value of `Proxy-Authorization`, if the variable has a user name.
    pub fn authorization_header(&self) -> Option<HeaderValue> {
        let authorization = self.authorization.as_ref()?;
        let mut value = HeaderValue::from_str(authorization.expose_secret()).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    pub(super) fn has_credentials(&self) -> bool {
        self.authorization.is_some()
    }

    /// Is the connection to the proxy itself encrypted?
    pub(super) fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }

    pub(super) fn host(&self) -> Option<Host<&str>> {
        self.url.host()
    }

    pub(super) fn port(&self) -> u16 {
        self.url.port_or_known_default().unwrap_or(80)
    }
}

/// Leaves out the password.
impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = self.user.as_ref().map(|user| format!("{user}:…@")).unwrap_or_default();
        let host = self.url.host_str().unwrap_or_default();
        write!(f, "{}://{user}{host}:{}", self.url.scheme(), self.port())
    }
}

#[cfg(test)]
mod tests;
