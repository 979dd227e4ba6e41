//! Checks the `Host` header of requests.
//!
//! A web page can let its own host name resolve to the address of the simulator (DNS rebinding). Then the page could
//! read and do everything that local programs can. But its requests have the page's host name in this header.

use std::net::{IpAddr, SocketAddr};

use axum::body::Body;
use axum::http::uri::Authority;
use axum::http::{Request, Response, StatusCode, header};

/// The port that a host without a port means.
const HTTP_PORT: u16 = 80;

/// Does a request that came to `address` name it: by the address itself, by a loopback address or by `localhost`? A
/// loopback address or `localhost` can have any port, because SSH or a container may forward another port. A foreign
/// web page cannot have one of these host names.
pub(super) fn is_meant<B>(request: &Request<B>, address: SocketAddr) -> bool {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
    host.to_str().is_ok_and(|host| names(host, address))
}

fn names(host: &str, address: SocketAddr) -> bool {
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
            assert_eq!(names(host, address.parse().unwrap()), expected, "{host} at {address}");
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
}
