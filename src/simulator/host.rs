//! Checks the `Host` header of requests.
//!
//! A web page can let its own host name resolve to the address of the simulator (DNS rebinding). Then the page could
//! read and do everything that local programs can. But its requests have the page's host name in this header.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use axum::body::Body;
use axum::http::uri::Authority;
use axum::http::{Request, Response, StatusCode, header};
use url::Url;

/// The port that a host without a port means.
const HTTP_PORT: u16 = 80;

/// The URL of a proxy in front of the simulator, such as `https://partner-center.test:8443`.
///
/// The simulator cannot know this URL from the requests: a TLS proxy changes the scheme, and many proxies change the
/// `Host` header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl(Url);

impl PublicUrl {
    /// Scheme, host and port, without a slash at the end.
    pub(super) fn origin(&self) -> String {
        self.0.origin().ascii_serialization()
    }

    /// Does the `Host` header of a request have the host and the port of this URL?
    fn is_named_by(&self, host: &Authority) -> bool {
        let named = Url::parse(&format!("{}://{host}", self.0.scheme()));
        named.is_ok_and(|named| named.origin() == self.0.origin())
    }
}

/// Why a text is not a [`PublicUrl`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("write it as scheme, host and port, such as `https://localhost:8443`")]
pub struct PublicUrlError;

impl FromStr for PublicUrl {
    type Err = PublicUrlError;

    fn from_str(text: &str) -> Result<PublicUrl, PublicUrlError> {
        let url = Url::parse(text).map_err(|_| PublicUrlError)?;
        let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        let is_open = url.username().is_empty() && url.password().is_none();
        match url.scheme() {
            "http" | "https" if is_bare && is_open => Ok(PublicUrl(url)),
            _ => Err(PublicUrlError),
        }
    }
}

/// The `Host` headers that are right.
#[derive(Debug, Clone)]
pub(super) struct Hosts {
    /// Any header is right.
    pub(super) any: bool,
    pub(super) public_url: Option<PublicUrl>,
}

impl Hosts {
    pub(super) fn accept<B>(&self, request: &Request<B>, address: SocketAddr) -> bool {
        self.any || is_meant(request, address, self.public_url.as_ref())
    }
}

/// Does a request that came to `address` name it: by the address itself, by a loopback address or by `localhost`? A
/// loopback address or `localhost` can have any port, because SSH or a container may forward another port. A foreign
/// web page cannot have one of these host names. The host of the public URL is right, too.
fn is_meant<B>(request: &Request<B>, address: SocketAddr, public_url: Option<&PublicUrl>) -> bool {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
    host.to_str().is_ok_and(|host| names(host, address, public_url))
}

fn names(host: &str, address: SocketAddr, public_url: Option<&PublicUrl>) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    let name = authority.host();
    let ip = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    let is_ours = match ip {
        Ok(ip) if ip.is_loopback() => true,
        Ok(ip) => {
            ip == address.ip().to_canonical() && authority.port_u16().unwrap_or(HTTP_PORT) == address.port()
        }
        Err(_) => name.eq_ignore_ascii_case("localhost"),
    };
    let is_ours = is_ours || public_url.is_some_and(|url| url.is_named_by(&authority));
    is_ours && !host.contains('@')
}

/// The error response, which names the correct URL.
pub(super) fn refusal(address: SocketAddr) -> Response<Body> {
    let text = format!("This is the Partner Center simulator. Use http://{address}.\n");
    let mut refusal = Response::new(Body::from(text));
    *refusal.status_mut() = StatusCode::MISDIRECTED_REQUEST;
    refusal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_names_the_address_that_it_came_to() {
        let check = |host: &str, address: &str, expected: bool| {
            assert_eq!(names(host, address.parse().unwrap(), None), expected, "{host} at {address}");
        };
        let local = "127.0.0.1:8787";
        check("127.0.0.1:8787", local, true);
        check("localhost:8787", local, true);
        check("LOCALHOST:8787", local, true);
        check("[::1]:8787", "[::1]:8787", true);
        check("localhost", "127.0.0.1:80", true);
        // The port is forwarded from another port.
        check("localhost", local, true);
        check("127.0.0.1:8788", local, true);
        check("localhost:9000", "172.17.0.2:8787", true);
        check("[::1]:9000", "172.17.0.2:8787", true);
        check("evil.example", "127.0.0.1:80", false);
        check("evil.example:8787", local, false);
        check("localhost.evil.example:8787", local, false);
        check("127.0.0.1.evil.example:8787", local, false);
        check("evil@127.0.0.1:8787", local, false);
        check("10.0.0.5:8787", local, false);
        check("", local, false);
        // A non-loopback address must be the address of the connection.
        check("10.0.0.5:8787", "10.0.0.5:8787", true);
        check("10.0.0.5:8787", "[::ffff:10.0.0.5]:8787", true);
        check("10.0.0.5:8788", "10.0.0.5:8787", false);
        check("10.0.0.6:8787", "10.0.0.5:8787", false);
        check("build-server:8787", "10.0.0.5:8787", false);
    }

    #[test]
    fn a_request_through_the_proxy_names_the_public_url() {
        let check = |host: &str, public_url: &str, expected: bool| {
            let address = "127.0.0.1:8787".parse().unwrap();
            let public_url = public_url.parse().unwrap();
            assert_eq!(names(host, address, Some(&public_url)), expected, "{host} at {public_url:?}");
        };
        check("partner.test:8443", "https://partner.test:8443", true);
        check("PARTNER.test:8443", "https://partner.test:8443/", true);
        check("partner.test", "https://partner.test", true);
        check("partner.test:443", "https://partner.test", true);
        check("partner.test", "http://partner.test:80", true);
        check("127.0.0.1:8787", "https://partner.test", true);
        check("partner.test", "https://partner.test:8443", false);
        check("partner.test:80", "https://partner.test", false);
        check("evil.partner.test:8443", "https://partner.test:8443", false);
        check("a@partner.test:8443", "https://partner.test:8443", false);
    }

    #[test]
    fn a_public_url_has_no_more_than_scheme_host_and_port() {
        let origin = |text: &str| text.parse::<PublicUrl>().map(|url| url.origin());
        assert_eq!(origin("https://Partner.test:443/"), Ok("https://partner.test".to_owned()));
        assert_eq!(origin("http://[::1]:8443"), Ok("http://[::1]:8443".to_owned()));
        for wrong in [
            "partner.test",
            "ftp://partner.test",
            "https://",
            "https://a/b",
            "https://a?b",
            "https://a#b",
            "https://a@b",
        ] {
            assert_eq!(origin(wrong), Err(PublicUrlError), "{wrong}");
        }
    }
}
