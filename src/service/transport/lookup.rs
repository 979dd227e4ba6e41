//! Names to addresses, by the system's own resolver.
//!
//! It is what the HTTP client would do by itself, but for three things. A failure has a type, so that it can be told
//! from every other way in which a connection does not come about. `localhost` is this machine and nothing else,
//! whatever a hosts file or a resolver makes of it: plain http is allowed to it. And a machine that has no thread left to
//! look up with is an error like any other.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::thread;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::sync::oneshot;

/// A name that could not be looked up.
#[derive(Debug, thiserror::Error)]
#[error("could not look up `{name}`")]
pub(super) struct DnsError {
    pub(super) name: String,
    #[source]
    source: io::Error,
}

/// There is no thread to look up with.
#[derive(Debug, thiserror::Error)]
#[error("no thread for a lookup")]
pub(super) struct NoThread(#[source] pub(super) io::Error);

/// Looks names up.
pub(super) struct DnsLookup;

impl Resolve for DnsLookup {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let addresses = addresses(name.as_str()).await?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// The addresses of a host. Port 0 stands for the one of the request.
pub(super) async fn addresses(
    name: &str,
) -> Result<Vec<SocketAddr>, Box<dyn std::error::Error + Send + Sync>> {
    if name.eq_ignore_ascii_case("localhost") {
        return Ok(vec![(Ipv4Addr::LOCALHOST, 0).into(), (Ipv6Addr::LOCALHOST, 0).into()]);
    }
    let (sender, receiver) = oneshot::channel();
    let asked = name.to_owned();
    // Connections are kept, so that lookups are few. The runtime's own threads would do, but it panics without one.
    let thread = thread::Builder::new().name("lookup".to_owned());
    let looking = thread.spawn(move || {
        let found = (asked.as_str(), 0).to_socket_addrs().map(Iterator::collect);
        // Nobody may be waiting any more.
        drop(sender.send(found));
    });
    looking.map_err(NoThread)?;
    let found = receiver.await.unwrap_or_else(|_| Err(io::Error::other("the lookup ended without a result")));
    found.map_err(|source| {
        // A resolver that may open nothing says that it knows no such name.
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
}
