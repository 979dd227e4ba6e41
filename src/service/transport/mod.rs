//! Builds the HTTP clients for all services, and explains why there was no answer.
//!
//! A certificate is checked as on the platform (`rustls-platform-verifier`): on Windows and macOS by the system,
//! elsewhere by webpki with the system's certificate authorities. The authorities of `--ca-file` are accepted too. A
//! request to a loopback address never uses a proxy, and neither does plain http. Other requests use the proxy that
//! [`proxy`] finds, or are not sent if the setting for it is not valid.
//!
//! A [`NoResponse`] describes what went wrong. It is derived from the types in an error's chain of causes, never from
//! the text, or by [`middlebox`] from an answer that is not the service's. The sender decides what it means for a
//! request, and whether the request may have arrived.

mod body;
mod echo;
mod fault;
mod http;
mod lookup;
pub mod middlebox;
mod proxy;
mod roots;
mod tunnel;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use tenantry_model::limits::Resource;

pub use body::bounded_body;
pub(crate) use body::without_bom;
pub use echo::SentSecrets;
pub(crate) use http::{Http, SendError};
pub use http::{InsideAnswer, InsideService, Unanswered, answer_inside};
pub use proxy::{BadProxy, Proxies, Proxy};
pub use roots::{Roots, RootsError};

/// A connection that takes longer than this will not succeed.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

/// Why there was no valid answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NoResponse {
    /// What failed, and why.
    pub reason: String,
    /// What to do about it, if anything is known.
    pub hint: Option<String>,
    /// The connection was closed before the answer. Servers and proxies do this when they restart or have served enough
    /// requests. It says nothing about the service unless it happens repeatedly.
    pub is_closing: bool,
    /// The service has certainly not started to process the request.
    pub is_not_taken: bool,
    /// A proxy does not accept its user name and password. Repeating them may lock the account.
    pub is_wrong_password: bool,
    /// The resource that this machine has run out of, so that there was no connection.
    pub wants: Option<Resource>,
}

impl NoResponse {
    /// Is something between us and the service at fault, so that the next request will get no answer either? In that
    /// case there is always a hint. If the service itself is silent, waiting is the only option.
    pub fn is_on_the_way(&self) -> bool {
        self.hint.is_some()
    }

    /// The resource, if this process itself has used up its limit: only ending the process frees it.
    pub fn wants_of_this_process(&self) -> Option<Resource> {
        self.wants.filter(|resource| resource.is_of_this_process())
    }

    /// Adds a remark to the reason.
    pub fn with_remark(self, remark: impl fmt::Display) -> Self {
        Self { reason: format!("{} ({remark})", self.reason), ..self }
    }

    /// Names the part of the operation that failed.
    pub fn of(self, part: &str) -> Self {
        Self { reason: format!("{part}: {}", self.reason), ..self }
    }
}

impl fmt::Display for NoResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl From<String> for NoResponse {
    fn from(reason: String) -> Self {
        Self { reason, ..Self::default() }
    }
}

impl From<&str> for NoResponse {
    fn from(reason: &str) -> Self {
        reason.to_owned().into()
    }
}

/// The service that should have answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// With the port if it is not the default one.
    host: String,
    /// The option that sets this host.
    option: &'static str,
}

impl Peer {
    /// The API at `url`.
    pub fn api(url: &Url) -> Self {
        Self { host: host_of(url), option: "--api-url" }
    }

    /// The sign-in service at `url`.
    pub fn sign_in(url: &Url) -> Self {
        Self { host: host_of(url), option: "--authority-url" }
    }
}

fn host_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// The network settings of this machine.
#[derive(Debug, Clone, Default)]
pub struct Network {
    /// Certificate authorities in addition to the platform's.
    pub roots: Roots,
    pub proxies: Proxies,
}

/// The settings that all HTTP clients of this program share, for requests to the host of `url` only.
pub fn http_client_builder(url: &Url, network: &Network) -> Result<reqwest::ClientBuilder, ClientError> {
    // Only the first call installs the provider; later calls fail, which is fine.
    drop(rustls::crypto::ring::default_provider().install_default());
    // Only the proxy that is validated here is used.
    let mut builder = reqwest::Client::builder().no_proxy();
    if let Some(proxy) = network.proxies.on_the_way_to(url)? {
        let for_client = proxy.for_client()?;
        builder = builder.proxy(for_client).connector_layer(tunnel::Tunnels::new(proxy, url));
    }
    // Only to this machine and the operator's own network.
    let is_plain = url.scheme() == "http";
    builder = match is_plain {
        // This connection is not encrypted, so the platform's long list of authorities is not read.
        true => builder.tls_certs_only([]),
        false => builder.tls_certs_merge(network.roots.certificates()),
    };
    Ok(builder
        .user_agent(concat!("tenantry/", env!("CARGO_PKG_VERSION")))
        .dns_resolver(Arc::new(lookup::DnsLookup { only_private: is_plain }))
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_nodelay(true)
        // A redirect could carry the bearer token to another host.
        .redirect(reqwest::redirect::Policy::none())
        // Only `call` and `submitter` decide whether to send a request again.
        .retry(reqwest::retry::never()))
}

/// A client could not be built.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("could not set up the HTTP client")]
    Build(#[from] reqwest::Error),
    #[error(transparent)]
    Proxy(#[from] BadProxy),
}

impl ClientError {
    /// What to do about it. A machine without certificate authorities, such as a minimal container, cannot verify any
    /// certificate.
    pub fn hint(&self) -> Option<String> {
        match self {
            ClientError::Proxy(bad) => Some(bad.hint()),
            ClientError::Build(error) => fault::is_about_tls(error).then(|| {
                "install the certificate authorities of this system (ca-certificates), or give a file with \
                 `--ca-file`"
                    .to_owned()
            }),
        }
    }
}

/// Does this address stay on this machine?
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// May plain http go to this host? An address must be private; the addresses of a name are checked when it is looked up.
pub fn may_be_private(url: &Url) -> bool {
    match url.host() {
        // A top-level domain: with the dot at its end, it is never a name of the own network.
        Some(url::Host::Domain(name)) => name.strip_suffix('.').is_none_or(|name| name.contains('.')),
        Some(url::Host::Ipv4(address)) => is_private(address.into()),
        Some(url::Host::Ipv6(address)) => is_private(address.into()),
        None => false,
    }
}

/// Is this address on this machine or inside the operator's own network, and not reachable from the internet?
fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let is_shared = matches!(address.octets(), [100, 64..=127, _, _]);
            address.is_loopback() || address.is_private() || address.is_link_local() || is_shared
        }
        IpAddr::V6(address) => {
            address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_addresses() {
        let check = |host: &str, expected: bool| {
            let url: Url = format!("http://{host}/x").parse().unwrap();
            assert_eq!(may_be_private(&url), expected, "{host}");
        };
        for private in [
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.254",
            "192.168.1.5:3001",
            "169.254.10.1",
            "100.64.0.1",
            "100.127.255.254",
            "127.0.0.1",
            "[::1]",
            "[fd12:3456:789a::1]",
            "[fe80::1]",
            "[::ffff:192.168.1.5]",
            "kuma",
            "nas.lan",
            "nas.local.",
            "hc.example",
        ] {
            check(private, true);
        }
        for public in [
            "8.8.8.8",
            "172.32.0.1",
            "192.169.1.1",
            "100.63.255.254",
            "100.128.0.1",
            "0.0.0.0",
            "[2001:db8::1]",
            "[::ffff:8.8.8.8]",
            "ai.",
        ] {
            check(public, false);
        }
    }
}
