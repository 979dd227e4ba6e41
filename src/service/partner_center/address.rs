//! Validates an address with `POST /v1/validations/address`, in both generations of its answer (fact book 5).
//!
//! A 200 does not mean that the address is valid. In the second generation, `status` in the body gives the verdict. In
//! the first generation, an empty 200 means valid, and a 400 with code 2007 means not valid; its text contains a JSON
//! document.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::classify::{Answer, Reply, lookup, no_answer, read_json};
use super::outcome::{Outcome, ServiceError};
use super::wire::text_of;
use tenantry_model::customer::Customer;

/// The code for an address that is not valid, in the first generation.
const NOT_VALID: &str = "2007";

/// The request body. Names and phone are not needed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AddressQuestion<'a> {
    address_line1: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    address_line2: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    city: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    postal_code: Option<&'a str>,
    country: &'a str,
}

impl<'a> From<&'a Customer> for AddressQuestion<'a> {
    fn from(customer: &'a Customer) -> Self {
        Self {
            address_line1: &customer.address_line1,
            address_line2: customer.address_line2.as_deref(),
            city: customer.city.as_deref(),
            state: customer.state.as_deref(),
            region: customer.region.as_deref(),
            postal_code: customer.postal_code.as_deref(),
            country: &customer.country,
        }
    }
}

/// The service's verdict on an address.
#[derive(Debug, PartialEq, Eq)]
pub enum AddressVerdict {
    /// Valid as it is. Differences in how the service would write it, such as a longer postal code, are left out.
    Verified,
    /// Similar to an address that exists. `status` is the service's own value, such as `StreetPartial`.
    Doubtful { status: String, suggestions: Vec<String> },
    /// There is no such address. `reason` is in the service's own words, if it gives any.
    Wrong { reason: Option<String>, suggestion: Option<String> },
    /// The check did not run, so nothing is known. `reason`: why, if the service says so.
    NotChecked { reason: String },
}

/// An address as the service writes it, on one line, for display.
fn in_line(address: &Map<String, Value>) -> String {
    // The first generation uses snake case.
    const PARTS: [&[&str]; 7] = [
        &["addressLine1", "address_line1"],
        &["addressLine2", "address_line2"],
        &["city"],
        &["state"],
        &["region"],
        &["postalCode", "postal_code"],
        &["country"],
    ];
    let part = |names: &&[&str]| names.iter().find_map(|name| text_of(address.get(*name)?));
    let parts = PARTS.iter().filter_map(part).map(|part| part.trim().to_owned());
    parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
}

/// The outcome of validating an address.
pub fn verdict(reply: Reply) -> Outcome<AddressVerdict> {
    lookup(reply, |answer, error| match answer.status {
        200 if is_empty_200_of_the_service(answer) => Outcome::Done(AddressVerdict::Verified),
        200 => read_json(answer, "the answer about the address").map(SecondGeneration::verdict),
        400 if error.code == NOT_VALID => Outcome::Done(first_generation_no(&error.text)),
        // The service does not check this address, and a retry would not change that.
        400 if !error.code.is_empty() => Outcome::Done(AddressVerdict::NotChecked { reason: words(error) }),
        _ => no_answer(answer, error),
    })
}

/// An empty page from a middlebox does not mean that the address is valid.
fn is_empty_200_of_the_service(answer: &Answer) -> bool {
    answer.has_request_id && answer.body.as_ref().is_ok_and(|body| body.is_empty())
}

fn words(error: &ServiceError) -> String {
    format!("code {}: {}", error.code, error.text)
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SecondGeneration {
    status: Option<String>,
    validation_message: Option<String>,
    // Absent, null, empty or a list. If it cannot be parsed, `status` must still be read.
    #[serde(default)]
    suggested_addresses: Value,
}

impl SecondGeneration {
    fn verdict(self) -> AddressVerdict {
        let status = self.status.unwrap_or_default();
        // The documentation's table has blanks in the values; the sample bodies do not.
        let folded: String =
            status.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_ascii_lowercase()).collect();
        match folded.as_str() {
            "verified" | "verifiedshippable" => AddressVerdict::Verified,
            "interactionrequired" | "streetpartial" | "premisespartial" | "multiple" => {
                AddressVerdict::Doubtful { status, suggestions: addresses(&self.suggested_addresses) }
            }
            "none" => AddressVerdict::Wrong {
                reason: self.validation_message,
                suggestion: addresses(&self.suggested_addresses).into_iter().next(),
            },
            "" => AddressVerdict::NotChecked { reason: "the answer has no status".to_owned() },
            _ => AddressVerdict::NotChecked { reason: status },
        }
    }
}

fn addresses(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(Value::as_object).map(in_line).collect()
}

/// The JSON document in the text of a first-generation refusal.
#[derive(Debug, Deserialize)]
struct FirstGeneration {
    reason: Option<String>,
    corrected_address: Option<Map<String, Value>>,
}

/// If the document cannot be parsed, the text itself is the reason.
fn first_generation_no(text: &str) -> AddressVerdict {
    // These texts may contain line breaks, and `data` may follow the document.
    let text = text.replace(|c: char| c.is_control(), " ");
    let document = serde_json::Deserializer::from_str(&text).into_iter::<Value>().next();
    let document = document.and_then(Result::ok).and_then(|document| {
        let document: Result<FirstGeneration, _> = serde_json::from_value(with_texts_unescaped(document));
        document.ok()
    });
    match document {
        Some(FirstGeneration { reason, corrected_address }) => {
            AddressVerdict::Wrong { reason, suggestion: corrected_address.as_ref().map(in_line) }
        }
        None => AddressVerdict::Wrong {
            reason: Some(unescaped(&text)).filter(|text| !text.is_empty()),
            suggestion: None,
        },
    }
}

fn with_texts_unescaped(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(unescaped(&text)),
        Value::Object(fields) => {
            fields.into_iter().map(|(name, value)| (name, with_texts_unescaped(value))).collect()
        }
        other => other,
    }
}

/// The length of `#x10FFFF`, with room for leading zeros.
const ENTITY_NAME_BYTES_MAX: usize = 16;

/// Replaces the predefined XML entities and character references; any other text does not change.
fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        plain.push_str(before);
        // Searches only the length of a name: otherwise a text of only ampersands would take quadratic time.
        let name_end = after.bytes().take(ENTITY_NAME_BYTES_MAX + 1).position(|byte| byte == b';');
        let entity = name_end.and_then(|end| Some((character(&after[..end])?, &after[end + 1..])));
        let (c, after) = entity.unwrap_or(('&', after));
        plain.push(c);
        rest = after;
    }
    plain + rest
}

fn character(entity: &str) -> Option<char> {
    let number = |digits: &str, radix| u32::from_str_radix(digits, radix).ok().and_then(char::from_u32);
    match entity {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let digits = entity.strip_prefix('#')?;
            match digits.strip_prefix(['x', 'X']) {
                Some(digits) => number(digits, 16),
                None => number(digits, 10),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::partner_center::Class;
    use crate::partner_center::tests::samples::{answer, request_body, response, sample};

    const JSON: &str = "application/json";

    fn asked(answer: Answer) -> Outcome<AddressVerdict> {
        verdict(Reply::Answer(answer))
    }

    #[track_caller]
    fn check(status: u16, body: &str, expected: AddressVerdict) {
        assert_eq!(asked(answer(status, JSON, body.as_bytes())), Outcome::Done(expected), "{body}");
    }

    #[test]
    fn entities_are_read_where_they_are_and_nowhere_else() {
        assert_eq!(unescaped("A&amp;B &lt;&#38;&#x1F600;&nope; & ; &é;"), "A&B <&😀&nope; & ; &é;");
        assert_eq!(unescaped("&&&amp;&"), "&&&&");
        assert_eq!(unescaped(&"&".repeat(1 << 20)).len(), 1 << 20);
    }

    #[test]
    fn every_recorded_answer_is_understood() {
        let verdict = |sample: &str| match asked(response(sample)) {
            Outcome::Done(verdict) => verdict,
            other => panic!("{other:?}"),
        };
        assert_eq!(verdict(sample!("validate-address-200-current.http")), AddressVerdict::Verified);
        assert_eq!(verdict(sample!("validate-address-200-legacy.http")), AddressVerdict::Verified);
        let partial = verdict(sample!("validate-address-200-current-streetpartial.http"));
        let AddressVerdict::Doubtful { status, suggestions } = partial else { panic!("{partial:?}") };
        assert_eq!(status, "StreetPartial");
        assert_eq!(suggestions, ["1 Microsoft Way, Redmond, WA, 98052-6399, US"]);
        let no = verdict(sample!("validate-address-400-legacy.http"));
        let AddressVerdict::Wrong { reason, suggestion } = no else { panic!("{no:?}") };
        let reason = reason.unwrap();
        assert!(reason.ends_with("from OldValue: 'Redmond' to NewValue: 'BELLEVUE'."), "{reason}");
        assert_eq!(suggestion.unwrap(), "One Microsoft Way, BELLEVUE, WA, 98007, US");
    }

    #[test]
    fn a_status_counts_without_regard_to_case_and_blanks() {
        let doubtful =
            |status: &str| AddressVerdict::Doubtful { status: status.to_owned(), suggestions: Vec::new() };
        check(200, r#"{"status":"verified shippable"}"#, AddressVerdict::Verified);
        check(200, "\u{FEFF}{\"status\":\"VERIFIED\",\"suggestedAddresses\":null}", AddressVerdict::Verified);
        check(200, r#"{"status":"Street Partial","suggestedAddresses":[]}"#, doubtful("Street Partial"));
        check(200, r#"{"status":"Multiple","suggestedAddresses":"?"}"#, doubtful("Multiple"));
        let wrong = AddressVerdict::Wrong { reason: Some("x".to_owned()), suggestion: None };
        check(200, r#"{"status":"None","validationMessage":"x","suggestedAddresses":null}"#, wrong);
        for (body, reason) in [
            (r#"{"status":"NotValidated"}"#, "NotValidated"),
            (r#"{"status":"Unheard Of"}"#, "Unheard Of"),
            (r#"{"status":null}"#, "the answer has no status"),
            ("{}", "the answer has no status"),
        ] {
            check(200, body, AddressVerdict::NotChecked { reason: reason.to_owned() });
        }
        let reason = "code 2000: bad".to_owned();
        check(400, r#"{"code":2000,"description":"bad"}"#, AddressVerdict::NotChecked { reason });
    }

    #[test]
    fn an_unreadable_document_is_the_reason_itself() {
        let wrong = |reason: &str, suggestion| AddressVerdict::Wrong {
            reason: Some(reason.to_owned()).filter(|reason| !reason.is_empty()),
            suggestion,
        };
        check(
            400,
            r#"{"code":2007,"description":"no &quot;such&#x27; street &nbsp;"}"#,
            wrong("no \"such' street &nbsp;", None),
        );
        check(400, r#"{"code":"2007"}"#, wrong("", None));
        check(
            400,
            r#"{"code":2007,"description":"{\"reason\":\"a\nb\",\"corrected_address\":{\"city\":\"L&#39;Aquila\"}}","data":["x"]}"#,
            wrong("a b", Some("L'Aquila".to_owned())),
        );
    }

    #[test]
    fn what_is_no_verdict_is_no_answer() {
        let no_answer = |answer: Answer| {
            let asked = asked(answer);
            assert!(matches!(asked, Outcome::Unknown(_)), "{asked:?}");
        };
        no_answer(answer(200, "text/html", b"<html>Welcome</html>"));
        no_answer(Answer { has_request_id: false, ..answer(200, "", b"") });
        no_answer(answer(200, JSON, br#"{"status":"#));
        no_answer(Answer { body: Err("cut".to_owned()), ..answer(200, JSON, b"") });
        no_answer(answer(400, "text/html", b"<html>Proxy</html>"));
        no_answer(answer(500, JSON, br#"{"code":2007,"description":"x"}"#));
        no_answer(answer(204, "", b""));
        let gateway = asked(response(sample!("error-gateway-404.http")));
        assert!(matches!(gateway, Outcome::Intercepted(_)), "{gateway:?}");
        assert!(matches!(asked(answer(401, "", b"")), Outcome::Refused(Class::RenewTheToken, _)));
        assert!(matches!(asked(answer(429, "", b"")), Outcome::Throttled { .. }));
    }

    #[test]
    fn the_question_has_the_documented_names() {
        let customer: Customer = serde_json::from_value(serde_json::json!({
            "company_name": "c", "domain": "d", "email": "e", "culture": "en-US", "language": "en",
            "first_name": "f", "last_name": "l", "address_line1": "One Microsoft Way", "city": "Redmond",
            "state": "WA", "postal_code": "98052", "country": "US", "phone_number": "1",
            "enable_gdap_by_default": true
        }))
        .unwrap();
        let folded = |value: &Value| {
            let mut names: Vec<_> = value
                .as_object()
                .unwrap()
                .iter()
                .map(|(name, value)| (name.to_ascii_lowercase(), value.clone()))
                .collect();
            names.sort_by(|a, b| a.0.cmp(&b.0));
            names
        };
        let ours = serde_json::to_value(AddressQuestion::from(&customer)).unwrap();
        assert_eq!(folded(&ours), folded(&request_body(sample!("validate-address-200-legacy.http"))));
    }
}
