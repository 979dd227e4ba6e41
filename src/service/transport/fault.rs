//! Explains network failures: what failed with which host, why, and what to do.
//!
//! The explanation is based on the types in an error's chain of causes.

use std::error::Error as StdError;
use std::io;

use jiff::Timestamp;
use rustls::pki_types::UnixTime;
use rustls::{CertificateError, InvalidMessage};

use super::lookup::{DnsError, NoThread};
use super::proxy::SYSTEM;
use super::{NoResponse, Peer};
use tenantry_model::limits::Resource;

/// Why there is no tunnel through a proxy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no tunnel through the proxy")]
pub(super) struct NoTunnel {
    /// The variable or setting that names the proxy.
    pub(super) named_by: &'static str,
    pub(super) has_credentials: bool,
    pub(super) cause: Cause,
}

/// `why` is the error text of the libraries below.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cause {
    /// There is no connection to the proxy.
    Unreachable { why: String },
    /// The proxy answered, but not with a tunnel.
    Status(u16),
    /// The proxy closed the connection, or its answer is not HTTP.
    Broken { why: String },
}

impl NoResponse {
    /// Explains why a request to `peer` got no complete answer.
    pub fn of_error(error: &reqwest::Error, peer: &Peer) -> Self {
        let host = &peer.host;
        let named = chain(error).find_map(|cause| named(cause, error.is_connect(), peer));
        named.unwrap_or_else(|| match (error.is_connect(), error.is_timeout()) {
            (true, true) => connect_timed_out(peer),
            (true, false) => {
                let why = causes(error);
                let reason = format!("could not connect to `{host}`: {why}");
                with_hint(reason, let_through(peer))
            }
            (false, true) => format!("timed out: `{host}` did not answer in time").into(),
            (false, false) => format!("the request to `{host}` failed: {}", causes(error)).into(),
        })
    }
}

/// A failure with a hint.
pub(super) fn with_hint(reason: String, hint: impl Into<String>) -> NoResponse {
    NoResponse { hint: Some(hint.into()), ..reason.into() }
}

/// Did TLS fail?
pub(super) fn is_about_tls(error: &reqwest::Error) -> bool {
    chain(error).any(|cause| cause.is::<rustls::Error>())
}

/// Explains one cause by its type. `connecting`: there was no connection yet.
fn named(cause: &(dyn StdError + 'static), connecting: bool, peer: &Peer) -> Option<NoResponse> {
    if !connecting && let Some(closed) = closed(cause, peer) {
        return Some(closed);
    }
    let Peer { host, option } = peer;
    // The proxy is checked first, because everything else is behind it.
    if let Some(tunnel) = cause.downcast_ref::<NoTunnel>() {
        return Some(tunnel.explain(peer));
    }
    if cause.is::<NoThread>() {
        return Some(out_of(Resource::Threads, peer));
    }
    if let Some(lookup) = cause.downcast_ref::<DnsError>() {
        if let Some(resource) = chain(lookup).find_map(|cause| Resource::of(cause.downcast_ref()?)) {
            return Some(out_of(resource, peer));
        }
        let reason = format!("the name `{}` could not be looked up: {}", lookup.name, causes(lookup));
        let hint =
            format!("check `{option}` and the DNS of this machine; if you need a proxy, set HTTPS_PROXY");
        return Some(with_hint(reason, hint));
    }
    if let Some(tls) = cause.downcast_ref::<rustls::Error>() {
        return Some(of_tls(tls, peer));
    }
    let error = cause.downcast_ref::<io::Error>().filter(|_| connecting)?;
    if let Some(resource) = Resource::of(error) {
        return Some(out_of(resource, peer));
    }
    Some(match error.kind() {
        // No program listens on the port, or a firewall refuses the connection.
        io::ErrorKind::ConnectionRefused => with_hint(
            format!("`{host}` refused the connection"),
            format!("check `{option}` and the firewalls in between"),
        ),
        io::ErrorKind::TimedOut => connect_timed_out(peer),
        io::ErrorKind::PermissionDenied => with_hint(
            format!("this machine does not allow the connection to `{host}`: {error}"),
            "allow tenantry in the firewall of this machine",
        ),
        io::ErrorKind::NetworkUnreachable
        | io::ErrorKind::HostUnreachable
        | io::ErrorKind::NetworkDown
        | io::ErrorKind::AddrNotAvailable => with_hint(
            format!("`{host}` cannot be reached from this machine: {error}"),
            "check the network connection of this machine",
        ),
        _ => return None,
    })
}

/// No reply at all: firewalls usually behave like this.
fn connect_timed_out(peer: &Peer) -> NoResponse {
    with_hint(
        format!("`{}` did not accept the connection in time", peer.host),
        "check the firewalls in between; if you need a proxy, set HTTPS_PROXY",
    )
}

fn out_of(resource: Resource, peer: &Peer) -> NoResponse {
    let reason = format!("cannot connect to `{}`: {}", peer.host, resource.words());
    NoResponse { wants: Some(resource), ..with_hint(reason, resource.hint()) }
}

/// A hint for anything that may be between us and the host.
fn let_through(peer: &Peer) -> String {
    format!("a firewall or proxy may block it: ask for access to `{}`", peer.host)
}

/// Explains how an established connection was closed.
fn closed(cause: &(dyn StdError + 'static), peer: &Peer) -> Option<NoResponse> {
    // The service may have received the request.
    let early = || NoResponse {
        is_closing: true,
        ..format!("`{}` closed the connection before it answered", peer.host).into()
    };
    if let Some(error) = cause.downcast_ref::<hyper::Error>() {
        return match error.is_canceled() || error.is_closed() {
            // In both cases the request waited for the connection, and no byte of it was sent.
            true => Some(not_taken(causes_from(cause), true, peer)),
            false => error.is_incomplete_message().then(early),
        };
    }
    if let Some(error) = cause.downcast_ref::<h2::Error>() {
        return of_http2(error, peer);
    }
    let ends = |error: &&io::Error| {
        matches!(
            error.kind(),
            io::ErrorKind::ConnectionReset
                | io::ErrorKind::ConnectionAborted
                | io::ErrorKind::BrokenPipe
                | io::ErrorKind::UnexpectedEof
        )
    };
    cause.downcast_ref::<io::Error>().filter(ends).map(|_| early())
}

/// The request was not sent before the connection closed, or the peer said that it did not process it (RFC 9113,
/// section 8.7). `is_orderly`: closed without an error.
fn not_taken(why: String, is_orderly: bool, peer: &Peer) -> NoResponse {
    let reason = format!("`{}` closed the connection before it accepted the request: {why}", peer.host);
    NoResponse { is_closing: is_orderly, is_not_taken: true, ..reason.into() }
}

fn of_http2(error: &h2::Error, peer: &Peer) -> Option<NoResponse> {
    let reason = error.reason();
    // h2 gives this error only to streams above the last one that the peer accepted.
    let went_away = error.is_go_away() && error.is_remote();
    let refused = error.is_reset() && error.is_remote() && reason == Some(h2::Reason::REFUSED_STREAM);
    match error.get_io() {
        // h2 does not expose the cause as a source, so it is examined here.
        Some(io) => closed(io, peer),
        None if went_away || refused => {
            let is_orderly = refused || reason == Some(h2::Reason::NO_ERROR);
            Some(not_taken(error.to_string(), is_orderly, peer))
        }
        None => None,
    }
}

fn of_tls(error: &rustls::Error, peer: &Peer) -> NoResponse {
    let Peer { host, option } = peer;
    match error {
        rustls::Error::InvalidCertificate(error) => of_certificate(error, peer),
        // The first bytes are not a TLS record; usually they are plain HTTP.
        rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => with_hint(
            format!("`{host}` answered, but not with TLS"),
            format!(
                "check the port in `{option}`: the server there, or a proxy in between, does not use \
                     TLS"
            ),
        ),
        other => with_hint(format!("no TLS connection to `{host}` was possible: {other}"), let_through(peer)),
    }
}

fn of_certificate(error: &CertificateError, peer: &Peer) -> NoResponse {
    const CHECK_CLOCK: &str =
        "check the clock of this machine; if it is right, the owner of the server must renew the certificate";
    let Peer { host, option } = peer;
    let other_name =
        || format!("check `{option}`; a network that asks you to sign in may have answered instead");
    let (what, hint) = match error {
        CertificateError::UnknownIssuer => (
            "is from an authority that this machine does not trust".to_owned(),
            "if a proxy inspects TLS, give its certificate authority with `--ca-file`; otherwise do not \
             trust this network"
                .to_owned(),
        ),
        CertificateError::Expired => ("has expired".to_owned(), CHECK_CLOCK.to_owned()),
        CertificateError::ExpiredContext { not_after, .. } => {
            let at = timestamp(*not_after).map(|at| format!(", on {at}")).unwrap_or_default();
            (format!("has expired{at}"), CHECK_CLOCK.to_owned())
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            ("is not valid yet".to_owned(), "set the clock of this machine".to_owned())
        }
        CertificateError::NotValidForNameContext { presented, .. } if !presented.is_empty() => {
            let names: Vec<_> = presented.iter().map(|name| plain(name)).collect();
            (format!("is for another name: {}", names.join(", ")), other_name())
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            ("is for another name".to_owned(), other_name())
        }
        // The library has no variants for these.
        other => {
            let other = other.to_string();
            let what = if other.contains("CaUsedAsEndEntity") {
                "is that of a certificate authority, which a server must not use (CA:TRUE)".to_owned()
            } else if other.contains("UnsupportedCertVersion") {
                "has an old form (X.509 version 1)".to_owned()
            } else {
                format!("was not accepted: {other}")
            };
            (what, "ask the people who run the network or the service for another certificate".to_owned())
        }
    };
    with_hint(format!("the certificate of `{host}` {what}"), hint)
}

impl NoTunnel {
    pub(super) fn explain(&self, peer: &Peer) -> NoResponse {
        let (Self { named_by, has_credentials, cause }, host) = (self, &peer.host);
        let allow = format!(
            "ask the people who run the proxy to allow `{host}`, or exclude it with \
                             NO_PROXY"
        );
        let failed = |status| format!("the proxy could not connect to `{host}` (status {status})");
        match cause {
            Cause::Unreachable { why } => with_hint(
                format!("the proxy for `{host}` cannot be reached: {why}"),
                format!("check {named_by}, or exclude `{host}` with NO_PROXY"),
            ),
            // Some proxies answer with 401.
            Cause::Status(status @ (401 | 407)) if *has_credentials => NoResponse {
                is_wrong_password: true,
                ..with_hint(
                    format!(
                        "the proxy for `{host}` does not accept the user name and password in {named_by} \
                         (status {status})"
                    ),
                    format!(
                        "correct them in {named_by}, with special characters percent-encoded (@ is %40); for a \
                         proxy that accepts only NTLM or Kerberos, run a helper such as Px or Cntlm on this \
                         machine"
                    ),
                )
            },
            Cause::Status(407) => proxy_sign_in(named_by, peer),
            Cause::Status(403) => {
                with_hint(format!("the proxy refuses to connect to `{host}` (status 403)"), allow)
            }
            Cause::Status(status @ (502 | 504)) => with_hint(
                format!("the proxy could not reach `{host}` (status {status})"),
                format!(
                    "ask the people who run the proxy whether it can reach `{host}`, or exclude it with \
                     NO_PROXY"
                ),
            ),
            Cause::Status(503) => {
                with_hint(failed(503), "try again later: the proxy is overloaded or under maintenance")
            }
            Cause::Status(status @ 500..) => with_hint(
                failed(*status),
                "try again later; if this continues, ask the people who run the \
                                            proxy",
            ),
            Cause::Status(status) => {
                with_hint(format!("the proxy does not connect to `{host}` (status {status})"), allow)
            }
            Cause::Broken { why } => {
                with_hint(format!("the proxy does not connect to `{host}`: {why}"), allow)
            }
        }
    }
}

/// Something that acts as a proxy asks for credentials.
pub(super) fn proxy_sign_in(named_by: &str, peer: &Peer) -> NoResponse {
    // The system's settings have no place for credentials.
    let variable = if named_by == SYSTEM { "HTTPS_PROXY" } else { named_by };
    with_hint(
        format!("the proxy for `{}` asks for a user name and password (status 407)", peer.host),
        format!(
            "put the user name and password into the proxy's address, with special characters \
             percent-encoded (@ is %40): {variable}=http://USER:PASSWORD@HOST:PORT"
        ),
    )
}

/// Extracts the host from a certificate name such as `DnsName("host")`.
fn plain(name: &str) -> String {
    let quoted = name.split_once("(\"").and_then(|(_, rest)| rest.strip_suffix("\")"));
    quoted.unwrap_or(name).to_owned()
}

fn timestamp(time: UnixTime) -> Option<Timestamp> {
    Timestamp::from_second(i64::try_from(time.as_secs()).ok()?).ok()
}

/// What failed and why, without the URL, which the operator knows.
pub(super) fn causes(error: &(dyn StdError + 'static)) -> String {
    match error.source() {
        Some(source) => causes_from(source),
        None => error.to_string(),
    }
}

/// `error` and its causes, each text once.
pub(super) fn causes_from(error: &(dyn StdError + 'static)) -> String {
    let mut text = String::new();
    for cause in chain(error) {
        let words = cause.to_string();
        if !text.contains(&words) {
            text.push_str(if text.is_empty() { "" } else { ": " });
            text.push_str(&words);
        }
    }
    text
}

/// `error` and all its causes. `source` of an I/O error skips the error that it wraps.
fn chain<'e>(error: &'e (dyn StdError + 'static)) -> impl Iterator<Item = &'e (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| {
        match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(wrapped) => Some(wrapped as &(dyn StdError + 'static)),
            None => error.source(),
        }
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn of(cause: Box<dyn StdError + Send + Sync>) -> NoResponse {
        let peer = Peer::sign_in(&"https://login.example:8443/".parse().unwrap());
        // Wrapped as in real errors.
        let error = io::Error::new(io::ErrorKind::InvalidData, cause);
        chain(&error).find_map(|cause| named(cause, true, &peer)).unwrap()
    }

    #[test]
    fn causes_are_distinguished_by_their_types() {
        let check = |cause: Box<dyn StdError + Send + Sync>, expected: &str| {
            let reason = of(cause).reason.replace("login.example:8443", "HOST");
            assert!(reason.starts_with(expected), "{reason}");
        };
        let io = |kind| Box::new(io::Error::from(kind));
        check(io(io::ErrorKind::ConnectionRefused), "`HOST` refused the connection");
        check(io(io::ErrorKind::TimedOut), "`HOST` did not accept the connection in time");
        check(io(io::ErrorKind::HostUnreachable), "`HOST` cannot be reached from this machine: ");
        check(io(io::ErrorKind::PermissionDenied), "this machine does not allow the connection to `HOST`: ");
        #[cfg(unix)]
        assert_eq!(of(Box::new(io::Error::from_raw_os_error(24))).wants, Some(Resource::Descriptors));
        let no_thread = of(Box::new(NoThread(io::ErrorKind::WouldBlock.into())));
        assert_eq!(no_thread.wants, Some(Resource::Threads));
        let no_tunnel =
            NoTunnel { named_by: "HTTPS_PROXY", has_credentials: false, cause: Cause::Status(502) };
        check(Box::new(no_tunnel), "the proxy could not reach `HOST` (status 502)");
        let not_tls = rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType);
        check(Box::new(not_tls), "`HOST` answered, but not with TLS");
        check(Box::new(rustls::Error::DecryptError), "no TLS connection to `HOST` was possible: ");
        let certificate = |error, expected: &str| {
            let expected = format!("the certificate of `HOST` {expected}");
            check(Box::new(rustls::Error::InvalidCertificate(error)), &expected);
        };
        certificate(CertificateError::UnknownIssuer, "is from an authority that this machine does not trust");
        let at = |seconds| UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        let expired = CertificateError::ExpiredContext { time: at(9), not_after: at(0) };
        certificate(expired, "has expired, on 1970-01-01T00:00:00Z");
        certificate(CertificateError::NotValidYet, "is not valid yet");
        certificate(CertificateError::NotValidForName, "is for another name");
        assert_eq!([r#"DnsName("a.example")"#, "IpAddress(::1)"].map(plain), ["a.example", "IpAddress(::1)"]);
        certificate(CertificateError::Revoked, "was not accepted: ");
        let other = std::io::Error::other("CaUsedAsEndEntity");
        let other = CertificateError::Other(rustls::OtherError(std::sync::Arc::new(other)));
        certificate(other, "is that of a certificate authority");
    }

    #[test]
    fn a_fault_names_the_host_and_what_to_do() {
        let check = |cause: Box<dyn StdError + Send + Sync>, reason: &str, hint: &str| {
            let fault = of(cause);
            assert_eq!((fault.reason.as_str(), fault.hint.as_deref()), (reason, Some(hint)));
        };
        check(
            Box::new(io::Error::from(io::ErrorKind::ConnectionRefused)),
            "`login.example:8443` refused the connection",
            "check `--authority-url` and the firewalls in between",
        );
        let other_name = CertificateError::NotValidForNameContext {
            expected: rustls::pki_types::ServerName::try_from("login.example").unwrap(),
            presented: vec!["DnsName(\"a.example\")".to_owned(), "b".to_owned()],
        };
        check(
            Box::new(rustls::Error::InvalidCertificate(other_name)),
            "the certificate of `login.example:8443` is for another name: a.example, b",
            "check `--authority-url`; a network that asks you to sign in may have answered instead",
        );
        let no_tunnel = |status, has_credentials| {
            Box::new(NoTunnel { named_by: "https_proxy", has_credentials, cause: Cause::Status(status) })
        };
        check(
            no_tunnel(407, false),
            "the proxy for `login.example:8443` asks for a user name and password (status 407)",
            "put the user name and password into the proxy's address, with special characters \
             percent-encoded (@ is %40): \
             https_proxy=http://USER:PASSWORD@HOST:PORT",
        );
        check(
            no_tunnel(407, true),
            "the proxy for `login.example:8443` does not accept the user name and password in https_proxy \
             (status 407)",
            "correct them in https_proxy, with special characters percent-encoded (@ is %40); for a proxy \
             that accepts only NTLM or Kerberos, run a helper such as Px or Cntlm on this machine",
        );
        check(
            no_tunnel(418, false),
            "the proxy does not connect to `login.example:8443` (status 418)",
            "ask the people who run the proxy to allow `login.example:8443`, or exclude it with NO_PROXY",
        );
    }

    #[tokio::test]
    async fn a_request_that_times_out_says_nothing_of_what_to_do() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url: url::Url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
        let http = super::super::http_client_builder(&url, &super::super::Network::default()).unwrap();
        let http = http.timeout(Duration::from_millis(20)).build().unwrap();
        let error = http.get(url.clone()).send().await.unwrap_err();
        let fault = NoResponse::of_error(&error, &Peer::api(&url));
        let reason = format!("timed out: `{}` did not answer in time", listener.local_addr().unwrap());
        assert_eq!(fault, reason.as_str().into());
    }

    #[test]
    fn each_cause_is_said_once() {
        let inner = io::Error::new(io::ErrorKind::NotFound, "no such name");
        let wrapped = io::Error::new(io::ErrorKind::InvalidData, io::Error::other(inner));
        assert_eq!(causes_from(&wrapped), "no such name");
    }
}
