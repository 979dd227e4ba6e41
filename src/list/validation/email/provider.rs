//! Providers of free mail, whose hosts say nothing about a company.

use tenantry_model::nearest::distance_within;
use tenantry_model::problem::{Finding, Rule};

/// Providers with hosts in many countries, by the first label of each host.
const NAMES: [&str; 8] = ["aol", "gmail", "gmx", "googlemail", "hotmail", "live", "outlook", "yahoo"];

/// Other providers of free mail, and internet providers whose addresses small companies use.
#[rustfmt::skip]
const HOSTS: [&str; 61] = [
    "126.com", "139.com", "163.com", "aliceadsl.fr", "alice.it", "arcor.de", "att.net", "bellsouth.net", "bigpond.com",
    "bluewin.ch", "bol.com.br", "btinternet.com", "comcast.net", "cox.net", "docomo.ne.jp", "email.com", "email.cz",
    "fastmail.com", "foxmail.com", "free.fr", "freenet.de", "hanmail.net", "home.nl", "icloud.com", "inbox.lv",
    "interia.pl", "kpnmail.nl", "laposte.net", "libero.it", "mac.com", "mail.com", "mail.de", "mail.ru", "me.com",
    "msn.com", "naver.com", "o2.pl", "onet.pl", "online.de", "orange.fr", "proton.me", "protonmail.com", "qq.com",
    "rediffmail.com", "sbcglobal.net", "seznam.cz", "sfr.fr", "shaw.ca", "skynet.be", "t-online.de", "telenet.be",
    "terra.com.br", "tiscali.it", "uol.com.br", "verizon.net", "virgilio.it", "wanadoo.fr", "web.de", "wp.pl",
    "yandex.ru", "ymail.com",
];

/// Hosts with so many addresses that a host one slip away is hardly ever meant.
const LARGE: [&str; 5] = ["gmail.com", "googlemail.com", "hotmail.com", "outlook.com", "yahoo.com"];

/// Whether a person can have an address at this host, in lower case.
pub fn is_free_mail(host: &str) -> bool {
    let name = host.split('.').next().unwrap_or_default();
    NAMES.contains(&name) || HOSTS.contains(&host)
}

/// Suggests the provider that a misspelt host means.
pub(super) fn check(address: &str, host: &str) -> Option<Finding> {
    let provider = LARGE.into_iter().find(|provider| may_be_near(host.as_bytes(), provider.as_bytes()))?;
    let host = host.to_ascii_lowercase();
    if distance_within(&host, provider, 1) != Some(1) || HOSTS.contains(&host.as_str()) {
        return None;
    }
    let message = format!("is at `{host}`, which is probably a mistake; a bad address can burn the domain");
    let meant = format!("{}{provider}", &address[..address.len() - host.len()]);
    Some(Finding::new(Rule::EmailHost, message).suggest_value(Some(meant)))
}

/// Rules out nearly every host without memory: around one slip, two texts have the same beginning and the same end.
fn may_be_near(host: &[u8], provider: &[u8]) -> bool {
    if host.len().abs_diff(provider.len()) > 1 {
        return false;
    }
    let is_same = |(one, other): &(&u8, &u8)| one.eq_ignore_ascii_case(other);
    let start = host.iter().zip(provider).take_while(is_same).count();
    let end = host.iter().rev().zip(provider.iter().rev()).take_while(is_same).count();
    start + end + 2 >= provider.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_mail_is_known_in_every_country() {
        for host in ["gmail.com", "gmx.at", "yahoo.co.uk", "web.de", "hotmail.fr", "qq.com"] {
            assert!(is_free_mail(host), "{host}");
        }
        for host in ["contoso.com", "notgmail.com", "mail.contoso.com", ""] {
            assert!(!is_free_mail(host), "{host}");
        }
    }

    #[test]
    fn a_misspelt_provider_is_suggested() {
        #[track_caller]
        fn check_host(host: &str, expected: Option<&str>) {
            let found = check(&format!("ana@{host}"), host).and_then(|finding| finding.suggestion);
            assert_eq!(found.as_deref(), expected.map(|it| format!("ana@{it}")).as_deref(), "{host}");
        }
        for host in ["gmial.com", "GMIAL.com", "gmail.co", "gmail.cm", "gmaill.com", "gamil.com", "gnail.com"]
        {
            check_host(host, Some("gmail.com"));
        }
        check_host("hotmial.com", Some("hotmail.com"));
        check_host("outlok.com", Some("outlook.com"));
        check_host("yahoo.co", Some("yahoo.com"));
        for provider in LARGE.into_iter().chain(HOSTS) {
            check_host(provider, None);
        }
        for host in [
            "hotmail.de",
            "yahoo.co.uk",
            "outlook.de",
            "gmail-works.com",
            "cloud.com",
            "contoso.com",
            "gmx.com",
        ] {
            check_host(host, None);
        }
    }
}
