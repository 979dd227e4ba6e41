//! Interprets the answers to lookups outside a run (fact book 7 and 11).
//!
//! They are about country rules, indirect resellers, their agreement, and our own profile.

use crate::transport::without_bom;
use serde::Deserialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::classify::{Reply, lookup, no_answer, read_json, read_page};
use super::outcome::Outcome;
use super::wire::{Page, text_of};

/// Part of the error text for a country without rules; its status and code are not known (fact book 7).
const NO_RULES: &str = "no validation rules were found";

/// A partner that sells our services.
#[derive(Debug, PartialEq, Eq)]
pub struct IndirectReseller {
    /// The id in `associated_partner_id`.
    pub tenant_id: Uuid,
    pub name: Option<String>,
    /// For example `Active`.
    pub state: Option<String>,
}

/// Has a reseller accepted the Microsoft Partner Agreement? A "no" is a 400 with a reason, or `false` without one.
#[derive(Debug, PartialEq, Eq)]
pub enum MpaStatus {
    Signed,
    NotSigned {
        reason: Option<String>,
    },
    /// The service does not know the reseller, or does not know it as a reseller.
    Unknown {
        reason: String,
    },
}

/// The profile of our own organization.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrganizationProfile {
    pub company_name: Option<String>,
    pub domain: Option<String>,
    pub tenant_id: Option<String>,
}

/// The outcome of looking up the rules of `country`: the body as received, without a byte order mark. The answer must
/// be about this country. `None`: the service has no rules for it.
pub fn country_rules(reply: Reply, country: &str) -> Outcome<Option<String>> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct About {
        iso2_code: String,
    }
    lookup(reply, |answer, error| match answer.status {
        200 => match read_json::<About>(answer, "the answer about the country") {
            Outcome::Done(about) if !about.iso2_code.eq_ignore_ascii_case(country) => {
                Outcome::Unknown(format!("the answer is about another country, `{}`", about.iso2_code).into())
            }
            read => {
                let body = answer.body.as_ref().map(|body| without_bom(body)).unwrap_or_default();
                read.map(|_| Some(String::from_utf8_lossy(body).into_owned()))
            }
        },
        400 | 404 if error.text.to_ascii_lowercase().contains(NO_RULES) => Outcome::Done(None),
        _ => no_answer(answer, error),
    })
}

/// The outcome of getting one page of indirect resellers.
pub fn indirect_resellers(reply: Reply) -> Outcome<Page<IndirectReseller>> {
    // A row cannot refer to an item without a tenant id.
    let reseller = |item: Map<String, Value>| {
        let text = |name| item.get(name).and_then(text_of);
        Some(IndirectReseller {
            tenant_id: text("id")?.parse().ok()?,
            name: text("name"),
            state: text("state"),
        })
    };
    lookup(reply, |answer, error| match answer.status {
        200 => read_page(answer, "the list of resellers").map(|page| page.of_use(reseller)),
        _ => no_answer(answer, error),
    })
}

/// The outcome of checking whether a reseller has signed.
pub fn reseller_agreement(reply: Reply) -> Outcome<MpaStatus> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct MpaAnswer {
        is_agreement_signed: bool,
    }
    let understand = |status: MpaAnswer| match status.is_agreement_signed {
        true => MpaStatus::Signed,
        false => MpaStatus::NotSigned { reason: None },
    };
    lookup(reply, |answer, error| match (answer.status, error.code.as_str()) {
        (200, _) => read_json(answer, "the status of the agreement").map(understand),
        // Signed for another region, or not at all.
        (400, "2201" | "2203" | "2206") => {
            Outcome::Done(MpaStatus::NotSigned { reason: Some(error.text.clone()) })
        }
        // No such partner or account, not a reseller, or an id that is not valid.
        (400, "2000" | "2001" | "2200" | "2202" | "2204" | "2205") => {
            Outcome::Done(MpaStatus::Unknown { reason: error.text.clone() })
        }
        _ => no_answer(answer, error),
    })
}

/// The outcome of getting our own profile.
pub fn organization_profile(reply: Reply) -> Outcome<OrganizationProfile> {
    lookup(reply, |answer, error| match answer.status {
        200 => read_json(answer, "our own profile"),
        _ => no_answer(answer, error),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::partner_center::classify::Answer;
    use crate::partner_center::tests::samples::{answer, response, sample};
    use crate::partner_center::{Class, ServiceHealth};

    const JSON: &str = "application/json";

    #[track_caller]
    fn answered<T: std::fmt::Debug>(asked: Outcome<T>) -> T {
        match asked {
            Outcome::Done(value) => value,
            other => panic!("{other:?}"),
        }
    }

    fn is_silent<T>(outcome: &Outcome<T>) -> bool {
        matches!(outcome.health(), ServiceHealth::Silent(_))
    }

    /// Replies that answer no lookup at all.
    #[track_caller]
    fn check_no_answers<T: std::fmt::Debug>(classify: impl Fn(Reply) -> Outcome<T>) {
        let cut = Answer { body: Err("cut".to_owned()), ..answer(200, JSON, b"") };
        for answer in [
            answer(200, "text/html", b"<html>Welcome</html>"),
            answer(200, JSON, b""),
            answer(200, JSON, br#"{"iso2Code":"#),
            answer(200, JSON, b"null"),
            cut,
            answer(204, JSON, b""),
            answer(302, "text/html", b""),
            answer(400, "text/html", b"<html>Proxy</html>"),
            answer(503, JSON, br#"{"code":2206,"description":"No validation rules were found"}"#),
        ] {
            let asked = format!("{answer:?}");
            let outcome = classify(Reply::Answer(answer));
            assert!(is_silent(&outcome), "{asked}: {outcome:?}");
        }
        assert!(is_silent(&classify(Reply::Broken("reset".into()))));
        assert!(is_silent(&classify(Reply::NotSent("refused".into()))));
        let gateway = classify(Reply::Answer(response(sample!("error-gateway-404.http"))));
        assert!(is_silent(&gateway), "{gateway:?}");
        let app_only = classify(Reply::Answer(answer(403, JSON, br#"{"code":900329}"#)));
        assert!(matches!(app_only, Outcome::Refused(Class::FixTheRights, _)), "{app_only:?}");
        assert!(matches!(
            classify(Reply::Answer(answer(401, "", b""))),
            Outcome::Refused(Class::RenewTheToken, _)
        ));
        assert!(matches!(classify(Reply::Answer(answer(429, "", b""))), Outcome::Throttled { .. }));
    }

    #[test]
    fn what_answers_no_question_is_taken_for_no_answer() {
        check_no_answers(|reply| country_rules(reply, "US"));
        check_no_answers(indirect_resellers);
        check_no_answers(reseller_agreement);
        check_no_answers(organization_profile);
    }

    #[test]
    fn country_rules_are_handed_on_as_they_came() {
        for (sample, country) in [
            (sample!("country-rules-US-recorded.http"), "US"),
            (sample!("country-rules-PT-recorded.http"), "pt"),
        ] {
            let recorded = response(sample);
            let body = String::from_utf8(recorded.body.as_ref().unwrap().to_vec()).unwrap();
            let asked = country_rules(Reply::Answer(recorded), country);
            assert_eq!(answered(asked), Some(body));
        }
        let marked = answer(200, JSON, b"\xEF\xBB\xBF{\"iso2Code\":\"us\"}");
        let rules = Some(r#"{"iso2Code":"us"}"#.to_owned());
        assert_eq!(answered(country_rules(Reply::Answer(marked), "US")), rules);
        let other = country_rules(Reply::Answer(response(sample!("country-rules-PT-recorded.http"))), "US");
        assert!(matches!(other, Outcome::Unknown(_)), "{other:?}");
    }

    #[test]
    fn a_country_without_rules_is_recognized_by_the_error_text() {
        let text = "No validation rules were found for the country/region UK";
        for (status, body) in [
            (404, format!(r#"{{"code":1000,"description":"{text}"}}"#)),
            (400, format!(r#"{{"code":2000,"message":"{text}"}}"#)),
            (404, format!(r#"{{"statusCode":404,"message":"{text}"}}"#)),
        ] {
            let asked = country_rules(Reply::Answer(answer(status, JSON, body.as_bytes())), "UK");
            assert_eq!(answered(asked), None, "{body}");
        }
    }

    #[test]
    fn resellers_and_their_next_page_are_read() {
        let page = |answer| answered(indirect_resellers(Reply::Answer(answer)));
        let listed = page(response(sample!("indirect-resellers-200.http")));
        assert_eq!(listed.next, None);
        let first = IndirectReseller {
            tenant_id: "484e548c-f5f3-4528-93a9-c16c6373cb59".parse().unwrap(),
            name: Some("First Up Consultants".to_owned()),
            state: Some("Active".to_owned()),
        };
        assert_eq!((listed.items.len(), &listed.items[0]), (2, &first));
        let next = page(response(sample!("paging-next-link.http")));
        assert_eq!((next.items.len(), next.next.as_deref()), (0, Some("AQAAAA==")));
        let odd = page(answer(200, JSON, br#"{"items":[{"id":7},{},{"id":null}]}"#));
        assert_eq!(odd, Page { items: Vec::new(), next: None });
    }

    #[test]
    fn every_recorded_agreement_status_is_understood() {
        let status = |sample: &str| answered(reseller_agreement(Reply::Answer(response(sample))));
        assert_eq!(status(sample!("mpa-status-200.http")), MpaStatus::Signed);
        let no = answered(reseller_agreement(Reply::Answer(answer(
            200,
            JSON,
            b"\xEF\xBB\xBF{\"isAgreementSigned\":false}",
        ))));
        assert_eq!(no, MpaStatus::NotSigned { reason: None });
        let check = |sample: &str, signed: Option<bool>, words: &str| {
            let (reason, found) = match status(sample) {
                MpaStatus::Signed => panic!("{sample}"),
                MpaStatus::NotSigned { reason } => (reason.unwrap(), Some(false)),
                MpaStatus::Unknown { reason } => (reason, None),
            };
            assert!(found == signed && reason.contains(words), "{reason}");
        };
        check(sample!("mpa-status-400-2000-bad-guid.http"), None, "must be a GUID");
        check(sample!("mpa-status-400-2000-bad-mpn.http"), None, "must be numeric");
        check(sample!("mpa-status-400-2000-both.http"), None, "should not be passed");
        check(sample!("mpa-status-400-2001-none.http"), None, "cannot be empty");
        check(sample!("mpa-status-400-2200-unknown-mpn.http"), None, "does not exist");
        check(sample!("mpa-status-400-2203-not-signed.http"), Some(false), "has not signed");
        check(sample!("mpa-status-400-2204-no-csp.http"), None, "not associated with any CSP");
        check(sample!("mpa-status-400-2205-no-account.http"), None, "Could not find account");
        check(sample!("mpa-status-400-2206-tenant-not-signed.http"), Some(false), "hasn't signed");
    }

    #[test]
    fn our_own_profile_is_read() {
        let sample = sample!("organization-profile-200.http");
        // The placeholders in the documentation are not JSON.
        let fixed = ["<id>", "<tenantID>", "<etag>"]
            .iter()
            .fold(sample.to_owned(), |text, name| text.replace(name, &format!("\"{name}\"")));
        let profile = answered(organization_profile(Reply::Answer(response(&fixed))));
        assert_eq!(profile.company_name.as_deref(), Some("TEST_TEST_BugBash1"));
        assert_eq!(profile.domain.as_deref(), Some("testtestbugbash1.onmicrosoft.com"));
        assert_eq!(profile.tenant_id.as_deref(), Some("<tenantID>"));
        let marked = answer(200, JSON, b"\xEF\xBB\xBF{\"companyName\":\"Contoso\"}");
        let profile = answered(organization_profile(Reply::Answer(marked)));
        assert_eq!((profile.company_name.as_deref(), profile.tenant_id), (Some("Contoso"), None));
    }
}
