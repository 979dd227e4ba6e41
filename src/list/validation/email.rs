//! Validates the notification address.
//!
//! The service provisions the tenant first and checks this address afterwards: an invalid address can burn the domain
//! (fact book 4.6). So this check is stricter than mail itself: it accepts only plain ASCII addresses under a domain
//! that exists. The service also rejects an address in the partner's own domain, as far as that is known.

mod ending;
mod provider;

use memchr::{memchr, memrchr};
use tenantry_model::printable::quoted_char;
use tenantry_model::problem::{Finding, Rule};

use super::text::with_plain_marks;

pub use provider::is_free_mail;

/// RFC 5321 4.5.3.1: a path of 256 with its angle brackets, a local part of 64.
const ADDRESS_CHARS_MAX: usize = 254;
const LOCAL_CHARS_MAX: usize = 64;
/// RFC 1035 2.3.4.
const LABEL_CHARS_MAX: usize = 63;

/// The service rejects this host for customers.
const REFUSED_HOST: &str = "microsoft.com";

/// Top-level domains that never exist in the public DNS: RFC 2606, RFC 6762 with its appendix G, and ICANN's
/// `internal`.
const NEVER_PUBLIC: [&str; 10] =
    ["test", "example", "invalid", "localhost", "local", "internal", "lan", "home", "corp", "localdomain"];

pub(super) fn check(text: &str) -> Option<Finding> {
    let (host, top) = match check_form(text) {
        Ok(parts) => parts,
        Err(message) => return Some(Finding::new(Rule::Email, message).suggest_value(suggestion(text))),
    };
    if NEVER_PUBLIC.iter().any(|name| top.eq_ignore_ascii_case(name)) {
        let message = format!("is under `.{top}`, where no mail arrives; a bad address can burn the domain");
        return Some(Finding::new(Rule::EmailHost, message));
    }
    ending::check(text, top).or_else(|| provider::check(text, host))
}

/// Looks for an address in one of the partner's own domains, which are in lower case, or below one.
pub(super) fn check_partner(text: &str, partner_domains: &[String]) -> Option<Finding> {
    if partner_domains.is_empty() {
        return None;
    }
    let (_, host) = text.rsplit_once('@')?;
    let domain = partner_domains.iter().find(|domain| {
        let start = host.len().checked_sub(domain.len());
        let end = start.and_then(|start| host.get(start..));
        end.is_some_and(|end| end.eq_ignore_ascii_case(domain))
            && host[..start.unwrap_or(0)].bytes().last().is_none_or(|before| before == b'.')
    })?;
    let message = format!(
        "is in your own domain `{domain}`: Partner Center refuses it after it has created the tenant, \
         which burns the domain"
    );
    Some(Finding::new(Rule::PartnerAddress, message).advise("use an address of the customer"))
}

/// Checks the parts of an address; `Ok` contains its host and its top-level domain.
fn check_form(text: &str) -> Result<(&str, &str), String> {
    let Some(at) = memchr(b'@', text.as_bytes()) else {
        return Err("has no `@`".to_owned());
    };
    let (local, host) = (&text[..at], &text[at + 1..]);
    if host.as_bytes().contains(&b'@') {
        return Err("has more than one `@`; use one address".to_owned());
    }
    if text.len() > ADDRESS_CHARS_MAX {
        return Err(format!("has {} characters; an address has at most {ADDRESS_CHARS_MAX}", text.len()));
    }
    check_local(local)?;
    let top = check_host(host)?;
    if host.eq_ignore_ascii_case(REFUSED_HOST) {
        return Err(format!("is at `{REFUSED_HOST}`, which Partner Center refuses"));
    }
    Ok((host, top))
}

fn check_local(local: &str) -> Result<(), String> {
    if local.is_empty() {
        return Err("has nothing before the `@`".to_owned());
    }
    if local.len() > LOCAL_CHARS_MAX {
        return Err(format!(
            "has {} characters before the `@`; at most {LOCAL_CHARS_MAX} are allowed",
            local.len()
        ));
    }
    if let Some(c) = first_outside(local, &LOCAL) {
        return Err(format!("may not have {} before the `@`", quoted_char(c)));
    }
    let bytes = local.as_bytes();
    let is_at_edge = [bytes.first(), bytes.last()].contains(&Some(&b'.'));
    if is_at_edge || bytes.windows(2).any(|pair| pair == b"..") {
        return Err("has one dot too many before the `@`".to_owned());
    }
    Ok(())
}

fn check_host(host: &str) -> Result<&str, String> {
    if let Some(c) = first_outside(host, &HOST) {
        return Err(format!("may not have {} after the `@`", quoted_char(c)));
    }
    let is_label = |label: &[u8]| {
        (1..=LABEL_CHARS_MAX).contains(&label.len()) && ![label.first(), label.last()].contains(&Some(&b'-'))
    };
    if !host.as_bytes().split(|&byte| byte == b'.').all(is_label) {
        return Err("has no valid domain after the `@`".to_owned());
    }
    let Some(dot) = memrchr(b'.', host.as_bytes()) else {
        return Err("has no dot in the domain after the `@`".to_owned());
    };
    let top = &host[dot + 1..];
    let is_letters = top.len() >= 2 && top.bytes().all(|byte| byte.is_ascii_alphabetic());
    let is_encoded = top.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("xn--"));
    if !is_letters && !is_encoded {
        return Err(format!("ends in `.{top}`, which is not a top-level domain"));
    }
    Ok(top)
}

/// RFC 5322 3.2.3, `dot-atom-text`.
const LOCAL: [bool; 256] = allowed(b".!#$%&'*+-/=?^_`{|}~");

/// RFC 1034 3.5.
const HOST: [bool; 256] = allowed(b".-");

/// The bytes of ASCII letters and digits, and these.
const fn allowed(marks: &[u8]) -> [bool; 256] {
    let mut allowed = [false; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        allowed[byte as usize] = byte.is_ascii_alphanumeric();
        byte += 1;
    }
    let mut index = 0;
    while index < marks.len() {
        allowed[marks[index] as usize] = true;
        index += 1;
    }
    allowed
}

/// The first character that is not allowed.
fn first_outside(text: &str, allowed: &[bool; 256]) -> Option<char> {
    let at = text.bytes().position(|byte| !allowed[usize::from(byte)])?;
    // The bytes before are ASCII.
    text[at..].chars().next()
}

/// The address without the text that mail programs or typing mistakes put around it.
fn suggestion(text: &str) -> Option<String> {
    let plain = with_plain_marks(text);
    let plain = plain.as_deref().unwrap_or(text);
    let inner = match plain.split_once('<') {
        Some((_, rest)) => rest.split('>').next().unwrap_or(rest),
        None => plain,
    };
    let start = "mailto:".len();
    let inner = match inner.get(..start) {
        Some(scheme) if scheme.eq_ignore_ascii_case("mailto:") => &inner[start..],
        _ => inner,
    };
    let inner = inner.trim_matches(|c: char| c.is_whitespace() || matches!(c, '.' | ',' | ';' | '"' | '\''));
    let candidate: String =
        inner.chars().filter(|c| !c.is_whitespace()).map(|c| if c == ',' { '.' } else { c }).collect();
    (candidate != text && check_form(&candidate).is_ok()).then_some(candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rule with the suggestion, or `None` for a valid address.
    #[track_caller]
    fn check_address(text: &str, expected: Option<(Rule, Option<&str>)>) {
        let found = check(text);
        let found = found.as_ref().map(|finding| (finding.rule, finding.suggestion.as_deref()));
        assert_eq!(found, expected, "{text:?}");
    }

    #[test]
    fn good_addresses() {
        check_address("ana@contoso.com", None);
        check_address("ana.o'neil+csp@mail.contoso.co.uk", None);
        check_address("A@B-C.XN--P1AI", None);
        check_address("x@notmicrosoft.com", None);
        check_address("ana@gmail.com", None);
        check_address("ana@contoso.co", None);
    }

    #[test]
    fn bad_addresses() {
        for text in [
            "ana",
            "@contoso.com",
            "ana@",
            "ana@contoso",
            "ana@contoso.u",
            "ana@10.0.0.1",
            "ana@contoso..com",
            "ana@-contoso.com",
            "a..b@contoso.com",
            "ana@x.com;bo@x.com",
            "josé@contoso.com",
            "ana@münchen.de",
            "ana@microsoft.com",
            "ana@MICROSOFT.com",
            "\"a b\"@contoso.com",
            "a(b)@contoso.com",
            "ana@contoso.c0m",
        ] {
            check_address(text, Some((Rule::Email, None)));
        }
        check_address(&format!("{}@contoso.com", "a".repeat(65)), Some((Rule::Email, None)));
        check_address(&format!("a@{}com", "abc.".repeat(70)), Some((Rule::Email, None)));
    }

    #[test]
    fn text_around_an_address_is_removed_in_the_suggestion() {
        let suggested = Some((Rule::Email, Some("ana@contoso.com")));
        check_address("Ana <ana@contoso.com>", suggested);
        check_address("mailto:ana@contoso.com", suggested);
        check_address("ana@contoso,com", suggested);
        check_address("ana@contoso.com.", suggested);
        check_address("ana@ contoso.com", suggested);
        check_address("ana＠contoso．com", suggested);
        check_address("ana@contoso.com”", suggested);
        check_address("ana@harbor–west.com", Some((Rule::Email, Some("ana@harbor-west.com"))));
    }

    #[test]
    fn addresses_of_the_partner_are_found() {
        let domains = ["tailspin.com", "tailspin.onmicrosoft.com"].map(str::to_owned);
        let check = |text: &str, expected: bool| {
            assert_eq!(check_partner(text, &domains).is_some(), expected, "{text}");
            assert_eq!(check_partner(text, &[]), None);
        };
        check("csp@tailspin.com", true);
        check("CSP@TailSpin.COM", true);
        check("csp@mail.tailspin.com", true);
        check("admin@tailspin.onmicrosoft.com", true);
        check("ana@nottailspin.com", false);
        check("ana@tailspin.com.au", false);
        check("ana@contoso.onmicrosoft.com", false);
        check("ana@com", false);
        check("tailspin.com", false);
    }

    #[test]
    fn slips_in_the_host_are_suggested() {
        check_address("ana@contoso.con", Some((Rule::EmailEnding, Some("ana@contoso.com"))));
        check_address("Ana@Contoso.CON", Some((Rule::EmailEnding, Some("Ana@Contoso.com"))));
        check_address("ana@contoso.nosuchending", Some((Rule::EmailEndingUnlisted, None)));
        check_address("ana@gmial.com", Some((Rule::EmailHost, Some("ana@gmail.com"))));
    }

    #[test]
    fn addresses_that_no_mail_reaches_are_warned_about() {
        check_address("ana@contoso.local", Some((Rule::EmailHost, None)));
        check_address("ana@contoso.example", Some((Rule::EmailHost, None)));
    }
}
