//! Every fault in words: what failed with which host and why, and what to do about it.

use super::fault::{BadCertificate, Cause, Fault, NoTunnel};
use super::proxy::SYSTEM;
use super::{Peer, Silence};

/// For whatever may stand between us and the host.
const LET_THROUGH: &str = "a firewall or proxy may be in the way: have it let";

impl Fault {
    /// As it is told of a request to `peer`.
    pub fn told_of(&self, peer: &Peer) -> Silence {
        Silence {
            reason: self.reason(&peer.host),
            hint: self.hint(peer),
            is_closing: self.is_closing(),
            wants: self.wants(),
        }
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
            Fault::NoTunnel(no_tunnel) => no_tunnel.reason(host),
            Fault::ProxySignIn => {
                format!("the proxy on the way to `{host}` asks for a user name and password (status 407)")
            }
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
            Fault::NoTunnel(no_tunnel) => no_tunnel.hint(host),
            Fault::ProxySignIn => put_credentials_into("HTTPS_PROXY"),
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

fn put_credentials_into(named_by: &str) -> String {
    // The settings of a system have no place for them.
    let variable = if named_by == SYSTEM { "HTTPS_PROXY" } else { named_by };
    format!(
        "put user name and password into the proxy's address, with special characters in percent form (@ is %40): \
         {variable}=http://USER:PASSWORD@HOST:PORT"
    )
}

impl NoTunnel {
    fn reason(&self, host: &str) -> String {
        let Self { named_by, has_credentials, cause } = self;
        match cause {
            Cause::Unreachable { why } => {
                format!("the proxy on the way to `{host}` cannot be reached: {why}")
            }
            Cause::Status(407) if *has_credentials => format!(
                "the proxy on the way to `{host}` does not accept the user name and password in {named_by} (status 407)"
            ),
            Cause::Status(407) => {
                format!("the proxy on the way to `{host}` asks for a user name and password (status 407)")
            }
            Cause::Status(403) => format!("the proxy refuses to connect to `{host}` (status 403)"),
            Cause::Status(status @ (502 | 504)) => {
                format!("the proxy could not reach `{host}` (status {status})")
            }
            Cause::Status(status @ 500..) => {
                format!("the proxy failed when it was to connect to `{host}` (status {status})")
            }
            Cause::Status(status) => format!("the proxy does not connect to `{host}` (status {status})"),
            Cause::Broken { why } => format!("the proxy does not connect to `{host}`: {why}"),
        }
    }

    fn hint(&self, host: &str) -> String {
        let Self { named_by, has_credentials, cause } = self;
        match cause {
            Cause::Unreachable { .. } => {
                format!("check {named_by}, or except `{host}` from it with NO_PROXY")
            }
            Cause::Status(407) if *has_credentials => format!(
                "correct them in {named_by}, with special characters in percent form (@ is %40); a proxy that takes \
                 only NTLM or Kerberos needs a helper on this machine, such as Px or Cntlm"
            ),
            Cause::Status(407) => put_credentials_into(named_by),
            Cause::Status(502 | 504) => format!(
                "ask the people who run the proxy whether it reaches `{host}`, or except it with NO_PROXY"
            ),
            Cause::Status(503) => "try again later: the proxy is overloaded or under maintenance".to_owned(),
            Cause::Status(500..) => {
                "try again later; if it goes on, ask the people who run the proxy".to_owned()
            }
            Cause::Status(_) | Cause::Broken { .. } => {
                format!("ask the people who run the proxy to allow `{host}`, or except it with NO_PROXY")
            }
        }
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
        let no_tunnel = |status, has_credentials| {
            let named_by = "https_proxy";
            Fault::NoTunnel(NoTunnel { named_by, has_credentials, cause: Cause::Status(status) })
        };
        check(
            no_tunnel(407, false),
            "the proxy on the way to `login.example:8443` asks for a user name and password (status 407)",
            Some(
                "put user name and password into the proxy's address, with special characters in percent form (@ is \
                 %40): https_proxy=http://USER:PASSWORD@HOST:PORT",
            ),
        );
        check(
            no_tunnel(407, true),
            "the proxy on the way to `login.example:8443` does not accept the user name and password in https_proxy \
             (status 407)",
            Some(
                "correct them in https_proxy, with special characters in percent form (@ is %40); a proxy that takes \
                 only NTLM or Kerberos needs a helper on this machine, such as Px or Cntlm",
            ),
        );
        check(
            no_tunnel(418, false),
            "the proxy does not connect to `login.example:8443` (status 418)",
            Some(
                "ask the people who run the proxy to allow `login.example:8443`, or except it with NO_PROXY",
            ),
        );
        check(Fault::TimedOut, "timed out: `login.example:8443` did not answer in time", None);
    }
}
