//! Resolves names to addresses with the system's resolver.
//!
//! It differs from the HTTP client's own lookup in four ways. A failure has its own type, so that it can be
//! distinguished from other connection failures. `localhost` is always this machine, whatever a hosts file or a
//! resolver says, because plain http is allowed to it. If no thread is available for the lookup, that is an
//! ordinary error. And for plain http, a name with a public address is refused.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tenantry_model::thread::on_thread;

use super::is_private;

/// A name that could not be looked up.
#[derive(Debug, thiserror::Error)]
#[error("could not look up `{name}`")]
pub(super) struct DnsError {
    pub(super) name: String,
    #[source]
    source: io::Error,
}

/// No thread is available for the lookup.
#[derive(Debug, thiserror::Error)]
#[error("no thread for a lookup")]
pub(super) struct NoThread(#[source] pub(super) io::Error);

/// The name has an address that is reachable from the internet.
#[derive(Debug, thiserror::Error)]
#[error("the host has a public address, and http is only for private addresses: use https")]
struct NotPrivate;

/// Resolves names for the HTTP client.
pub(super) struct DnsLookup {
    /// Refuse names that have a public address.
    pub(super) only_private: bool,
}

impl Resolve for DnsLookup {
    fn resolve(&self, name: Name) -> Resolving {
        let only_private = self.only_private;
        Box::pin(async move {
            let addresses = addresses(name.as_str()).await?;
            if only_private && !addresses.iter().all(|address| is_private(address.ip())) {
                return Err(NotPrivate.into());
            }
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// The addresses of a host, with port 0, which the HTTP client replaces by the port of the request.
pub(super) async fn addresses(
    name: &str,
) -> Result<Vec<SocketAddr>, Box<dyn std::error::Error + Send + Sync>> {
    if name.eq_ignore_ascii_case("localhost") {
        return Ok(vec![(Ipv4Addr::LOCALHOST, 0).into(), (Ipv6Addr::LOCALHOST, 0).into()]);
    }
    let asked = name.to_owned();
    // Connections are reused, so lookups are rare.
    let looking = on_thread("lookup", move || (asked.as_str(), 0).to_socket_addrs().map(Iterator::collect));
    looking.map_err(NoThread)?.joined().await.map_err(|source| {
        // A resolver that cannot open a socket reports that the name is unknown.
        let source = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).err().unwrap_or(source);
        DnsError { name: name.to_owned(), source }.into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn localhost_is_this_machine_and_nothing_else() {
        for name in ["localhost", "LocalHost"] {
            let found = addresses(name).await.unwrap();
            assert_eq!(found, ["127.0.0.1:0".parse().unwrap(), "[::1]:0".parse().unwrap()], "{name}");
        }
        let unknown = addresses("no-such-host.invalid").await.unwrap_err();
        assert!(unknown.is::<DnsError>(), "{unknown:?}");
    }

    #[tokio::test]
    async fn a_name_with_a_public_address_is_refused_for_plain_http() {
        for (name, only_private, expected) in [
            ("localhost", true, true),
            // The system's resolver returns an address as it is.
            ("192.168.1.5", true, true),
            ("8.8.8.8", true, false),
            ("8.8.8.8", false, true),
        ] {
            let found = DnsLookup { only_private }.resolve(name.parse().unwrap()).await;
            assert_eq!(found.is_ok(), expected, "{name}");
        }
    }
}
