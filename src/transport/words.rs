//! Every fault in words: what failed with which host and why, and what to do about it.

use super::fault::{BadCertificate, Fault};
use super::{Peer, Silence};

/// For whatever may stand between us and the host.
const LET_THROUGH: &str = "a firewall or proxy may be in the way: have it let";

impl Fault {
    /// As it is told of a request to `peer`.
    pub(crate) fn told_of(&self, peer: &Peer) -> Silence {
        Silence { reason: self.reason(&peer.host), hint: self.hint(peer), is_closing: self.is_closing() }
    }

    fn reason(&self, host: &str) -> String {
        match self {
            Fault::NameNotFound { name, why } => format!("the name `{name}` could not be looked up: {why}"),
            Fault::ConnectionRefused => format!("`{host}` refused the connection"),
            Fault::Unreachable { why } => format!("`{host}` cannot be reached from here: {why}"),
            Fault::NotLetOut { why } => format!("this machine does not let us connect to `{host}`: {why}"),
            Fault::ConnectTimedOut => format!("`{host}` did not take the connection in time"),
            Fault::ConnectBroken { why } => {
                format!("the connection to `{host}` broke while it was being set up: {why}")
            }
            Fault::Certificate(bad) => bad.reason(host),
            Fault::NotTls => format!("`{host}` answered, but not in TLS"),
            Fault::Tls { why } => format!("`{host}` and we could not agree on TLS: {why}"),
            Fault::ProxyUnreachable { why } => {
                format!("the proxy on the way to `{host}` cannot be reached: {why}")
            }
            Fault::ProxySignIn => {
                format!("the proxy on the way to `{host}` wants to know who we are (status 407)")
            }
            Fault::ProxyRefused { why } => format!("the proxy does not connect us to `{host}`: {why}"),
            Fault::OutOf(resource) => format!("cannot connect to `{host}`: {}", resource.words()),
            Fault::TimedOut => format!("timed out: `{host}` did not answer in time"),
            Fault::Broken { why } => format!("the request to `{host}` failed: {why}"),
            Fault::Closed => format!("`{host}` closed the connection before it answered"),
            Fault::NotTaken { why, .. } => {
                format!("`{host}` closed the connection before it took the request: {why}")
            }
            Fault::Redirect { status, to: Some(to) } => {
                format!(
                    "`{host}` answered with a redirect to `{to}` (status {status}), which is never followed"
                )
            }
            Fault::Redirect { status, to: None } => {
                format!("`{host}` answered with a redirect (status {status}), which is never followed")
            }
            Fault::WebPage { status, words } if words.is_empty() => {
                format!("a web page came in place of an answer of `{host}` (status {status})")
            }
            Fault::WebPage { status, words } => {
                format!("a web page came in place of an answer of `{host}` (status {status}): {words}")
            }
            Fault::Stranger { status, words } => {
                let colon = if words.is_empty() { "" } else { ": " };
                format!(
                    "something on the way answered in place of `{host}` (status {status}), and not as the service \
                     does{colon}{words}"
                )
            }
        }
    }

    fn hint(&self, peer: &Peer) -> Option<String> {
        let Peer { host, option } = peer;
        Some(match self {
            Fault::NameNotFound { .. } => {
                format!(
                    "check `{option}` and this machine's DNS; where a proxy is the only way out, set HTTPS_PROXY"
                )
            }
            Fault::ConnectionRefused => format!("check `{option}`, and the firewalls on the way"),
            Fault::Unreachable { .. } => "check this machine's network connection".to_owned(),
            Fault::NotLetOut { .. } => "let tenantry through this machine's firewall".to_owned(),
            Fault::ConnectTimedOut => {
                "check the firewalls on the way; where a proxy is the only way out, set HTTPS_PROXY"
                    .to_owned()
            }
            Fault::ConnectBroken { .. } | Fault::Tls { .. } => format!("{LET_THROUGH} `{host}` through"),
            Fault::Certificate(bad) => bad.hint(option),
            Fault::NotTls => {
                format!(
                    "check the port in `{option}`: what listens there, or a proxy on the way, speaks no TLS"
                )
            }
            Fault::ProxyUnreachable { .. } => {
                format!("check HTTPS_PROXY, or except `{host}` from it with NO_PROXY")
            }
            Fault::ProxySignIn => {
                "put user name and password into the proxy's address: HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT"
                    .to_owned()
            }
            Fault::ProxyRefused { .. } => {
                format!("have the proxy let `{host}` through, or except it with NO_PROXY")
            }
            Fault::OutOf(resource) => resource.hint().to_owned(),
            Fault::TimedOut | Fault::Broken { .. } | Fault::Closed | Fault::NotTaken { .. } => return None,
            Fault::WebPage { status: 404 | 405, .. } | Fault::Stranger { status: 404 | 405, .. } => format!(
                "check `{option}`; if it is right, a gateway or proxy answered: wait, or ask the people who run the \
                 network"
            ),
            Fault::Redirect { .. } | Fault::WebPage { .. } | Fault::Stranger { .. } => format!(
                "open a browser on this machine and sign in to its network, or have the proxy let `{host}` through; \
                 else check `{option}`"
            ),
        })
    }
}

impl BadCertificate {
    fn reason(&self, host: &str) -> String {
        let certificate = format!("the certificate of `{host}`");
        match self {
            BadCertificate::UnknownAuthority => {
                format!("{certificate} is from an authority that this machine does not know")
            }
            BadCertificate::Expired(Some(at)) => format!("{certificate} has expired, on {at}"),
            BadCertificate::Expired(None) => format!("{certificate} has expired"),
            BadCertificate::NotYetValid => format!("{certificate} is not valid yet"),
            BadCertificate::OtherName(names) if names.is_empty() => {
                format!("{certificate} is for another name")
            }
            BadCertificate::OtherName(names) => {
                format!("{certificate} is for another name: {}", names.join(", "))
            }
            BadCertificate::Other { why } => format!("{certificate} was not accepted: {why}"),
        }
    }

    fn hint(&self, option: &str) -> String {
        match self {
            BadCertificate::UnknownAuthority => {
                "where a proxy inspects TLS, give its certificate authority with `--ca-file`; else do not trust \
                 this network"
                    .to_owned()
            }
            BadCertificate::Expired(_) => {
                "check this machine's clock; where it is right, that certificate has to be renewed".to_owned()
            }
            BadCertificate::NotYetValid => "set this machine's clock right".to_owned(),
            BadCertificate::OtherName(_) => {
                format!("check `{option}`; a network that wants you to sign in can answer in its place")
            }
            BadCertificate::Other { .. } => "ask those who run this network, or that service".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_names_the_host_and_what_to_do() {
        let check = |fault: Fault, reason: &str, hint: Option<&str>| {
            let peer = Peer::sign_in(&"https://login.example:8443/".parse().unwrap());
            let told = fault.told_of(&peer);
            assert_eq!((told.reason.as_str(), told.hint.as_deref()), (reason, hint));
        };
        check(
            Fault::ConnectionRefused,
            "`login.example:8443` refused the connection",
            Some("check `--authority-url`, and the firewalls on the way"),
        );
        check(
            Fault::Certificate(BadCertificate::OtherName(vec!["a.example".to_owned(), "b".to_owned()])),
            "the certificate of `login.example:8443` is for another name: a.example, b",
            Some("check `--authority-url`; a network that wants you to sign in can answer in its place"),
        );
        check(Fault::TimedOut, "timed out: `login.example:8443` did not answer in time", None);
    }
}
