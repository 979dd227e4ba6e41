//! Tests the client with every sample exchange of the fact book that is valid JSON.
//!
//! The table lists each sample with the client's interpretation, or with the reason why the client never makes that
//! call.

pub(super) mod samples;

use std::collections::BTreeMap;
use std::path::Path;

use super::classify::{self, Reply};
use super::outcome::Outcome;
use super::request::RequestKind;
use super::{address, agreement, answers};
use samples::response;

/// The outcome of each sample; the reason in parentheses if the client never makes the call.
const TABLE: &str = "
    agreement-201.http                               recorded
    agreement-duplicate-600061.json                  (a body alone: see `agreement`)
    agreement-metadata-200.http                      answered
    auditrecords-add-customer-200.http               (audit records are for people)
    country-rules-PT-recorded.http                   answered
    country-rules-US-recorded.http                   answered
    create-customer-201-2019.http                    created
    create-customer-201.http                         created
    create-customer-400-2001-missing.http            refused
    create-customer-400-27002-email.http             refused
    create-customer-400-27002-state.http             refused
    create-customer-indirect-201.http                created
    customer-by-id-200.http                          (customers are found by their domain)
    customer-validation-status-200.http              (vetting is not ours)
    customers-filtered-200.http                      answered
    customers-list-200.http                          answered
    customers-next-page-request.http                 (a request alone: see `classify`)
    customers-of-indirect-reseller-200.http          (as printed it is no JSON)
    delete-customer-204.http                         (nothing is ever deleted)
    device-code.http                                 (see `auth`)
    direct-sign-status-200.http                      (not asked for)
    domain-free-404.http                             false
    domain-taken-200.http                            true
    error-0-not-onboarded.http                       misconfigured
    error-1002.http                                  misconfigured
    error-20002.http                                 forbidden
    error-gateway-404.http                           intercepted
    generatetoken.http                               (retired)
    indirect-resellers-200.http                      answered
    mfa-required-401-2019.http                       unauthorized
    mpa-status-200.http                              Signed
    mpa-status-400-2000-bad-guid.http                Unknown
    mpa-status-400-2000-bad-mpn.http                 Unknown
    mpa-status-400-2000-both.http                    Unknown
    mpa-status-400-2001-none.http                    Unknown
    mpa-status-400-2200-unknown-mpn.http             Unknown
    mpa-status-400-2203-not-signed.http              NotSigned
    mpa-status-400-2204-no-csp.http                  Unknown
    mpa-status-400-2205-no-account.http              Unknown
    mpa-status-400-2206-tenant-not-signed.http       NotSigned
    organization-profile-200.http                    (as printed it is no JSON: see `answers`)
    paging-next-link.http                            answered
    partner-requests-200.http                        (not asked for)
    throttled-429.http                               throttled
    token-client-credentials-v1-200-current.http     (see `auth`)
    token-client-credentials-v1-200.http             (see `auth`)
    token-client-credentials-v2-200.http             (see `auth`)
    token-error-400.http                             (see `auth`)
    token-refresh-v1-200.http                        (see `auth`)
    validate-address-200-current-streetpartial.http  Doubtful
    validate-address-200-current.http                Verified
    validate-address-200-legacy.http                 Verified
    validate-address-400-legacy.http                 Wrong
";

/// The client's interpretation of a sample's response.
fn understood(name: &str, reply: Reply) -> String {
    let family = name.split(|c: char| c.is_ascii_digit()).next().unwrap_or_default();
    match family {
        "agreement-" => {
            RequestKind::RecordAgreement.word(&agreement::acceptance(reply, "someone@example.com"))
        }
        "agreement-metadata-" => answered(&agreement::template(reply)),
        "country-rules-PT-recorded.http" => answered(&answers::country_rules(reply, "PT")),
        "country-rules-US-recorded.http" => answered(&answers::country_rules(reply, "US")),
        "domain-free-" | "domain-taken-" => return answer(classify::domain_taken(reply)),
        "indirect-resellers-" => answered(&answers::indirect_resellers(reply)),
        "mpa-status-" => return answer(answers::reseller_agreement(reply)),
        "validate-address-" => return answer(address::verdict(reply)),
        _ if family.starts_with("customers-") || family.starts_with("paging-") => {
            answered(&classify::customer_page(reply))
        }
        _ => RequestKind::Create.word(&classify::create(reply)),
    }
    .to_owned()
}

fn answered<T>(outcome: &Outcome<T>) -> &'static str {
    RequestKind::Lookup.word(outcome)
}

/// The name of the answer's variant, or the word for the outcome if there is no answer.
fn answer<T: std::fmt::Debug>(asked: Outcome<T>) -> String {
    match asked {
        Outcome::Done(answer) => {
            let debug = format!("{answer:?}");
            debug.split(['(', ' ', '{']).next().unwrap_or_default().to_owned()
        }
        other => answered(&other).to_owned(),
    }
}

#[test]
fn every_sample_exchange_is_understood() {
    let lines = TABLE.lines().map(str::trim).filter(|line| !line.is_empty());
    let expected: BTreeMap<&str, &str> =
        lines.map(|line| line.split_once(' ').map(|(name, words)| (name, words.trim())).unwrap()).collect();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/wire");
    let mut names: Vec<String> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, expected.keys().copied().collect::<Vec<_>>(), "every sample is in the table");
    for (name, expected) in expected {
        if !expected.starts_with('(') {
            let sample = std::fs::read_to_string(folder.join(name)).unwrap();
            assert_eq!(understood(name, Reply::Answer(response(&sample))), expected, "{name}");
        }
    }
}
