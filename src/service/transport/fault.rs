//! What went wrong on the way, read from the types in an error's chain of causes.

use std::error::Error as StdError;
use std::io;

use jiff::Timestamp;
use rustls::pki_types::UnixTime;
use rustls::{CertificateError, InvalidMessage};

use super::lookup::{LookupFailed, NoThread};
use tenantry_model::limits::Resource;

/// Why no answer came from where it should have come from. `why` are the words of those below us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The name has no address, or nobody could be asked for it.
    NameNotFound {
        name: String,
        why: String,
    },
    /// Nobody listens there, or a firewall says so.
    ConnectionRefused,
    /// There is no way from this network to that one.
    Unreachable {
        why: String,
    },
    /// This machine does not let its own programs out.
    NotLetOut {
        why: String,
    },
    /// Nothing came back: the usual way of firewalls.
    ConnectTimedOut,
    /// The connection broke while it was being set up.
    ConnectBroken {
        why: String,
    },
    Certificate(BadCertificate),
    /// Something answered, and not in TLS.
    NotTls,
    /// Any other quarrel over TLS.
    Tls {
        why: String,
    },
    /// The proxy does not connect us.
    NoTunnel(NoTunnel),
    /// Something that acts as a proxy wants to know who is asking.
    ProxySignIn,
    /// This machine has no more of it.
    OutOf(Resource),
    /// No answer within the time that one may take.
    TimedOut,
    /// The connection was there and broke, or the request could not even be made.
    Broken {
        why: String,
    },
    /// The connection was closed before an answer came; the request may have been taken.
    Closed,
    /// Proof that the request was not taken: it never went out on a connection that closed, or the other side said so
    /// (RFC 9113, section 8.7). `is_orderly`: without an error.
    NotTaken {
        is_orderly: bool,
        why: String,
    },
    /// It was answered with a redirect, to this host where one is named.
    Redirect {
        status: u16,
        to: Option<String>,
    },
    /// A web page for people came, with these words.
    WebPage {
        status: u16,
        words: String,
    },
    /// An answer without a trace of the service, with these words.
    Stranger {
        status: u16,
        words: String,
    },
}

/// Why there is no tunnel through a proxy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no tunnel through the proxy")]
pub struct NoTunnel {
    /// What names the proxy.
    pub named_by: &'static str,
    pub has_credentials: bool,
    pub cause: Cause,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// The proxy itself is not there.
    Unreachable { why: String },
    /// It answered, and not with a tunnel.
    Status(u16),
    /// It broke off, or answered with what is not HTTP.
    Broken { why: String },
}

/// Why a certificate was not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BadCertificate {
    UnknownAuthority,
    /// When, where that is told.
    Expired(Option<Timestamp>),
    NotYetValid,
    /// For these names, where they are told.
    OtherName(Vec<String>),
    Other {
        why: String,
    },
}

impl Fault {
    /// Of a request that brought no whole answer.
    pub fn of(error: &reqwest::Error) -> Self {
        let named = chain(error).find_map(|cause| named(cause, error.is_connect()));
        named.unwrap_or_else(|| match (error.is_connect(), error.is_timeout()) {
            (true, true) => Fault::ConnectTimedOut,
            (true, false) => Fault::ConnectBroken { why: causes(error) },
            (false, true) => Fault::TimedOut,
            (false, false) => Fault::Broken { why: causes(error) },
        })
    }
}

impl Fault {
    /// Is it certain that the service has not begun with the request, whatever it was sent over?
    pub fn is_not_taken(&self) -> bool {
        matches!(self, Fault::NotTaken { .. })
    }

    /// The end of a connection, and of nothing more as far as is known.
    pub(super) fn is_closing(&self) -> bool {
        matches!(self, Fault::Closed | Fault::NotTaken { is_orderly: true, .. })
    }

    /// What ran out here.
    pub(super) fn wants(&self) -> Option<Resource> {
        match self {
            Fault::OutOf(resource) => Some(*resource),
            _ => None,
        }
    }
}

/// Did TLS itself fail?
pub(super) fn is_about_tls(error: &reqwest::Error) -> bool {
    chain(error).any(|cause| cause.is::<rustls::Error>())
}

/// What one cause tells by its type. `connecting`: the connection was not there yet.
fn named(cause: &(dyn StdError + 'static), connecting: bool) -> Option<Fault> {
    if !connecting && let Some(closed) = closed(cause) {
        return Some(closed);
    }
    // The proxy comes before everything that lies behind it.
    if let Some(tunnel) = cause.downcast_ref::<NoTunnel>() {
        return Some(Fault::NoTunnel(tunnel.clone()));
    }
    if cause.is::<NoThread>() {
        return Some(Fault::OutOf(Resource::Threads));
    }
    if let Some(lookup) = cause.downcast_ref::<LookupFailed>() {
        if let Some(resource) = chain(lookup).find_map(|cause| Resource::of(cause.downcast_ref()?)) {
            return Some(Fault::OutOf(resource));
        }
        return Some(Fault::NameNotFound { name: lookup.name.clone(), why: causes(lookup) });
    }
    if let Some(tls) = cause.downcast_ref::<rustls::Error>() {
        return Some(of_tls(tls));
    }
    let error = cause.downcast_ref::<io::Error>().filter(|_| connecting)?;
    if let Some(resource) = Resource::of(error) {
        return Some(Fault::OutOf(resource));
    }
    let why = || cause.to_string();
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Some(Fault::ConnectionRefused),
        io::ErrorKind::TimedOut => Some(Fault::ConnectTimedOut),
        io::ErrorKind::PermissionDenied => Some(Fault::NotLetOut { why: why() }),
        io::ErrorKind::NetworkUnreachable
        | io::ErrorKind::HostUnreachable
        | io::ErrorKind::NetworkDown
        | io::ErrorKind::AddrNotAvailable => Some(Fault::Unreachable { why: why() }),
        _ => None,
    }
}

/// How a connection that was there was closed.
fn closed(cause: &(dyn StdError + 'static)) -> Option<Fault> {
    if let Some(error) = cause.downcast_ref::<hyper::Error>() {
        // Both of a request that waited for the connection: no byte of it went out.
        let not_taken = || Fault::NotTaken { is_orderly: true, why: causes_from(cause) };
        return match error.is_canceled() || error.is_closed() {
            true => Some(not_taken()),
            false => error.is_incomplete_message().then_some(Fault::Closed),
        };
    }
    if let Some(error) = cause.downcast_ref::<h2::Error>() {
        return of_http2(error);
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
    cause.downcast_ref::<io::Error>().filter(ends).map(|_| Fault::Closed)
}

fn of_http2(error: &h2::Error) -> Option<Fault> {
    let reason = error.reason();
    // h2 gives this to the streams alone that are above the last one that the other side took.
    let went_away = error.is_go_away() && error.is_remote();
    let refused = error.is_reset() && error.is_remote() && reason == Some(h2::Reason::REFUSED_STREAM);
    match error.get_io() {
        // It hides its cause, so it is judged here.
        Some(io) => closed(io),
        None if went_away || refused => Some(Fault::NotTaken {
            is_orderly: refused || reason == Some(h2::Reason::NO_ERROR),
            why: error.to_string(),
        }),
        None => None,
    }
}

fn of_tls(error: &rustls::Error) -> Fault {
    match error {
        rustls::Error::InvalidCertificate(error) => Fault::Certificate(error.into()),
        // What begins like no record of TLS is none: plain HTTP, most often.
        rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => Fault::NotTls,
        other => Fault::Tls { why: other.to_string() },
    }
}

impl From<&CertificateError> for BadCertificate {
    fn from(error: &CertificateError) -> Self {
        match error {
            CertificateError::UnknownIssuer => Self::UnknownAuthority,
            CertificateError::Expired => Self::Expired(None),
            CertificateError::ExpiredContext { not_after, .. } => Self::Expired(timestamp(*not_after)),
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => Self::NotYetValid,
            CertificateError::NotValidForName => Self::OtherName(Vec::new()),
            CertificateError::NotValidForNameContext { presented, .. } => {
                Self::OtherName(presented.iter().map(|name| plain(name)).collect())
            }
            other => Self::Other { why: other.to_string() },
        }
    }
}

/// A name of a certificate comes as `DnsName("host")`; people want the host.
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

/// `error` and what it comes from, each said once.
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

/// `error` and everything that it comes from. An I/O error that wraps another one leaves it out of its sources.
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

    #[test]
    fn causes_are_told_apart_by_their_types() {
        let check = |cause: Box<dyn StdError + Send + Sync>, expected: &str| {
            // Wrapped like the real ones.
            let error = io::Error::new(io::ErrorKind::InvalidData, cause);
            let fault = chain(&error).find_map(|cause| named(cause, true));
            let fault = format!("{:?}", fault.unwrap());
            assert!(fault.starts_with(expected), "{fault}");
        };
        let io = |kind| Box::new(io::Error::from(kind));
        check(io(io::ErrorKind::ConnectionRefused), "ConnectionRefused");
        check(io(io::ErrorKind::TimedOut), "ConnectTimedOut");
        check(io(io::ErrorKind::HostUnreachable), "Unreachable");
        check(io(io::ErrorKind::PermissionDenied), "NotLetOut");
        #[cfg(unix)]
        check(Box::new(io::Error::from_raw_os_error(24)), "OutOf(Descriptors)");
        check(Box::new(NoThread(io::ErrorKind::WouldBlock.into())), "OutOf(Threads)");
        let no_tunnel =
            NoTunnel { named_by: "HTTPS_PROXY", has_credentials: false, cause: Cause::Status(502) };
        check(Box::new(no_tunnel), "NoTunnel");
        check(Box::new(rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType)), "NotTls");
        check(Box::new(rustls::Error::DecryptError), "Tls");
        let certificate = |error| Box::new(rustls::Error::InvalidCertificate(error));
        check(certificate(CertificateError::UnknownIssuer), "Certificate(UnknownAuthority)");
        let at = |seconds| UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        let expired = CertificateError::ExpiredContext { time: at(9), not_after: at(0) };
        check(certificate(expired), "Certificate(Expired(Some(1970-01-01T00:00:00Z)))");
        check(certificate(CertificateError::NotValidYet), "Certificate(NotYetValid)");
        check(certificate(CertificateError::NotValidForName), "Certificate(OtherName([]))");
        assert_eq!([r#"DnsName("a.example")"#, "IpAddress(::1)"].map(plain), ["a.example", "IpAddress(::1)"]);
        check(certificate(CertificateError::Revoked), "Certificate(Other");
    }

    #[test]
    fn each_cause_is_said_once() {
        let inner = io::Error::new(io::ErrorKind::NotFound, "no such name");
        let wrapped = io::Error::new(io::ErrorKind::InvalidData, io::Error::other(inner));
        assert_eq!(causes_from(&wrapped), "no such name");
    }
}
