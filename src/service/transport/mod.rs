//! The way to a service, shared by everything that speaks HTTP: how a client is built, whom it trusts, and in which
//! words it is told why no answer came.
//!
//! A certificate is checked as the platform does it (`rustls-platform-verifier`): on Windows and macOS by the system
//! itself, elsewhere by webpki against the system's files of authorities; those of `--ca-file` count besides. A
//! request to a loopback address never goes through a proxy; to any other one it goes as [`proxy`] says, or not at all.
//!
//! A [`Silence`] says what went wrong on the way. It is read from the types in an error's chain of causes, never from
//! its text, or by [`intercepted`] from an answer that is not the service's own. What it means for a request, and above
//! all whether the request may have arrived, is left to whoever sent it.

mod body;
mod echo;
mod fault;
mod lookup;
pub mod middlebox;
mod proxy;
mod roots;
mod tunnel;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use tenantry_model::limits::Resource;

pub use body::bounded_body;
pub use echo::SentSecrets;
pub use proxy::{BadProxy, Proxies, Proxy};
pub use roots::{Roots, RootsError};

/// A connection that is not there after this is not going to be.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

/// Why there was no answer that counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NoResponse {
    /// What failed, and why.
    pub reason: String,
    /// What to do about it, where anything is known.
    pub hint: Option<String>,
    /// The connection was closed before it brought an answer. Servers and proxies do so when they restart or have
    /// served enough requests, and it says nothing about the service unless it happens again and again.
    pub is_closing: bool,
    /// It is certain that the service has not begun with the request, whatever it was sent over.
    pub is_not_taken: bool,
    /// What this machine has no more of, so that there was not even a connection.
    pub wants: Option<Resource>,
}

impl NoResponse {
    /// Is something between us and the service at fault, so that the next question will have no answer either? For
    /// that there is always something to do; where the service itself is silent there is nothing but to wait.
    pub fn is_on_the_way(&self) -> bool {
        self.hint.is_some()
    }

    /// What this process has taken for itself as far as it may: nothing but its own end gives it back.
    pub fn wants_of_this_process(&self) -> Option<Resource> {
        self.wants.filter(|resource| resource.is_of_this_process())
    }

    /// The same with a remark on its reason.
    pub fn with_remark(self, remark: impl fmt::Display) -> Self {
        Self { reason: format!("{} ({remark})", self.reason), ..self }
    }

    /// The same, of a part of what was asked for.
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

/// Who should have answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// With its port, where that is not the usual one.
    host: String,
    /// The option that names it.
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

/// What there is to know about the network of this machine.
#[derive(Debug, Clone, Default)]
pub struct Network {
    /// Authorities over certificates that count besides the platform's.
    pub roots: Roots,
    pub proxies: Proxies,
}

/// What every HTTP client of this program has in common, for requests to the host of `url` alone.
pub fn http_client_builder(url: &Url, network: &Network) -> Result<reqwest::ClientBuilder, ClientError> {
    // Only the first call installs it; that a later one finds it in place is what we want.
    drop(rustls::crypto::ring::default_provider().install_default());
    // Nothing but what was judged here is a proxy.
    let mut builder = reqwest::Client::builder().no_proxy();
    if let Some(proxy) = network.proxies.on_the_way_to(url)? {
        let for_client = proxy.for_client()?;
        builder = builder.proxy(for_client).connector_layer(tunnel::Tunnels::new(proxy, url));
    }
    let is_plain = url.scheme() == "http" && is_loopback(url);
    builder = match is_plain {
        // Nothing is encrypted on this way, so the platform's authorities, a long list, are not read.
        true => builder.tls_certs_only([]),
        false => builder.tls_certs_merge(network.roots.certificates()),
    };
    Ok(builder
        .user_agent(concat!("tenantry/", env!("CARGO_PKG_VERSION")))
        .dns_resolver(Arc::new(lookup::DnsLookup))
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_nodelay(true)
        // A redirect could carry the bearer token to another host.
        .redirect(reqwest::redirect::Policy::none())
        // Whether a request may be sent again is decided in `call` and `submitter` alone.
        .retry(reqwest::retry::never()))
}

/// A client could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("could not set up the HTTP client")]
    Build(#[from] reqwest::Error),
    #[error(transparent)]
    Proxy(#[from] BadProxy),
}

impl ClientError {
    /// What to do about it. A machine without any authorities, such as a bare container, can check nobody's certificate.
    pub fn hint(&self) -> Option<String> {
        match self {
            ClientError::Proxy(bad) => Some(bad.hint()),
            ClientError::Build(error) => fault::is_about_tls(error).then(|| {
                "install the certificate authorities of this system (ca-certificates), or give a file of them with \
                 `--ca-file`"
                    .to_owned()
            }),
        }
    }
}

/// Does this address never leave the machine?
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
