//! The definite refusals that documented data causes; the module doc of the simulator has the table.
//!
//! All of them are sent before anything is created. The exception, the half-made tenant, is in `create.rs`.

use uuid::Uuid;

use super::json_body::JsonBody;
use super::reply::Reply;

/// Countries without Partner Center customers; the simulator has only these.
const UNSUPPORTED_COUNTRIES: [&str; 3] = ["AQ", "BV", "HM"];

/// Countries that require a phone number and an organization registration number (fact book 4.3).
const REGISTRATION_COUNTRIES: [&str; 24] = [
    "AM", "AZ", "BY", "HU", "KZ", "KG", "MD", "RU", "TJ", "UZ", "UA", "TH", "VN", "TR", "PL", "ZA", "IN",
    "BR", "IQ", "MM", "SS", "SA", "AE", "VE",
];

/// The texts of codes, from `error-codes.csv` of the fact book. Other codes get a generic text.
const TEXTS: [(u32, &str); 31] = [
    (0, "Partner is not onboarded to sell in this country US"),
    (1002, "Authorization Failed"),
    (2001, "Customer details are missing"),
    (2030, "Partner is not onboarded to sell in this country"),
    (2032, "Access denied"),
    (3000, "The property is invalid"),
    (10_001, "Authentication failed. MFA required."),
    (20_000, "The country is not supported"),
    (20_002, "No relationship between caller and account."),
    (27_002, "A property has invalid data."),
    (90_000, "The token was refused by Microsoft Entra ID"),
    (600_002, "Organization registration number is not supported for this country"),
    (600_006, "The action is not allowed"),
    (600_049, "Organization registration number is missing"),
    (600_050, r"Organization registration number is invalid. Expected format: ^(\d{7}|\d{10})$"),
    (600_051, "Phone number is missing"),
    (800_001, "The partner token is missing"),
    (800_002, "The input is invalid"),
    (800_015, "The partner id was not found"),
    (800_016, "The partner id is not that of an indirect reseller"),
    (800_018, "The sandbox limit has been met"),
    (800_039, "The reseller program status is not active"),
    (900_123, "The reseller has not accepted the Microsoft Partner Agreement"),
    (900_124, "The partner has not accepted the Microsoft Partner Agreement"),
    (900_149, "The program status is not active"),
    (900_150, "The role of the signed-in user does not allow this"),
    (900_154, "There is no active CSP indirect reseller tenant behind the PLA id"),
    (900_308, "The privileges do not suffice"),
    (900_309, "The token was blocked by Conditional Access"),
    (900_420, "The audience of the token is not supported"),
    (900_421, "The access token carries no MFA claim"),
];

/// Can a text be a domain name, with at least two labels of letters, digits and inner hyphens?
pub(super) fn is_well_formed(domain: &str) -> bool {
    let label = |label: &str| {
        let allowed = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        allowed && !label.is_empty() && label.len() <= 63 && !label.starts_with('-') && !label.ends_with('-')
    };
    domain.contains('.') && domain.len() <= 253 && domain.split('.').all(label)
}

/// The refusal of a malformed body, for any sender and any request id.
pub(super) fn of_form(order: &JsonBody) -> Option<Reply> {
    let missing = order.missing();
    if !missing.is_empty() {
        return Some(Reply::refusal(400, 2001, "Customer details are missing", &missing));
    }
    if order.value("userCredentials").is_some() {
        return Some(invalid_property("userCredentials"));
    }
    if !order.text("companyProfile.domain").is_some_and(is_well_formed) {
        return Some(invalid_property("companyProfile.domain"));
    }
    let reseller = order.text("associatedPartnerId");
    if reseller.is_some_and(|id| Uuid::try_parse(id).is_err()) {
        return Some(invalid_property("associatedPartnerId"));
    }
    None
}

/// A property with an invalid value.
pub(super) fn invalid_property(path: &str) -> Reply {
    Reply::refusal(400, 3000, &format!("The property {path} is invalid."), &[path.to_owned()])
}

/// The refusal that the content of a well-formed body causes.
pub(super) fn of_content(order: &JsonBody) -> Option<Reply> {
    order.text("companyProfile.domain").and_then(asked_for_by_domain).or_else(|| of_country(order))
}

/// `refuse-<status>-<code>`; any text after another hyphen makes the domain unique.
fn asked_for_by_domain(domain: &str) -> Option<Reply> {
    let prefix = domain.split('.').next()?.to_ascii_lowercase();
    let mut parts = prefix.strip_prefix("refuse-")?.split('-');
    let status = parts.next()?.parse().ok().filter(|status| (400..600).contains(status))?;
    let code = parts.next()?.parse().ok()?;
    Some(with_code(status, code))
}

/// The refusal of a body that cannot be parsed.
pub(super) fn no_object() -> Reply {
    Reply::refusal(400, 2000, "The body is not a JSON object.", &[])
}

/// The refusal of a create with a taken domain; the fact book (13.2) has no code for it.
pub(super) fn domain_taken() -> Reply {
    Reply::refusal(409, 600_001, "The domain is already used by another tenant.", &[])
}

/// A failure of the service that does not show what was done.
pub(super) fn unavailable(status: u16) -> Reply {
    Reply::refusal(status, 800_003, "The service is temporarily unavailable.", &[])
}

/// A refusal with the documented text of its code.
pub(super) fn with_code(status: u16, code: u32) -> Reply {
    let known = TEXTS.iter().find(|(known, _)| *known == code);
    Reply::refusal(status, code, known.map_or("The request was refused", |(_, text)| text), &[])
}

fn of_country(order: &JsonBody) -> Option<Reply> {
    let country = order.text("billingProfile.defaultAddress.country")?.to_ascii_uppercase();
    let needs_registration = REGISTRATION_COUNTRIES.contains(&country.as_str());
    let registration = order.text("companyProfile.organizationRegistrationNumber");
    let phone = order.text("billingProfile.defaultAddress.phoneNumber");
    let is_wrong = |number: &str| needs_registration && !(5..=22).contains(&number.chars().count());
    let region = order.text("billingProfile.defaultAddress.region");
    let (code, text) = if UNSUPPORTED_COUNTRIES.contains(&country.as_str()) {
        (20_000, format!("The country {country} is not supported."))
    } else if needs_registration && phone.is_none() {
        (600_051, format!("Phone number is missing for country {country}."))
    } else if needs_registration && registration.is_none() {
        (600_049, format!("Organization registration number is missing for country {country}."))
    } else if registration.is_some_and(is_wrong) {
        let pattern = "^[0-9A-Za-z/.-]{5,22}$";
        (600_050, format!("Organization registration number is invalid. Expected format: {pattern}"))
    } else if !needs_registration && registration.is_some() {
        (600_002, format!("Organization registration number is not supported for country {country}."))
    } else if country == "US" && region.is_some_and(|region| region.eq_ignore_ascii_case("NA")) {
        let details = ["property_name:  StateInvalid - Details".to_owned(), "details:  \n".to_owned()];
        return Some(Reply::refusal(400, 27_002, "A property has invalid data.", &details));
    } else {
        return None;
    };
    Some(Reply::refusal(400, code, &text, &[]))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn check(domain: &str, address: Value, registration: Option<&str>, expected: Option<(u16, u32)>) {
        let body = json!({
            "companyProfile": { "domain": domain, "organizationRegistrationNumber": registration },
            "billingProfile": { "defaultAddress": address },
        });
        let order = JsonBody::parse(body.to_string().as_bytes()).unwrap();
        let got = of_content(&order).map(|reply| {
            let body: Value = serde_json::from_slice(&reply.body).unwrap();
            (reply.status.as_u16(), u32::try_from(body["code"].as_u64().unwrap()).unwrap())
        });
        assert_eq!(got, expected, "{domain} {body}");
    }

    #[test]
    fn documented_data_is_refused_as_documented() {
        let domain = "a.onmicrosoft.com";
        let with_phone = |country: &str| json!({ "country": country, "phoneNumber": "1" });
        check(domain, json!({ "country": "US" }), None, None);
        check(domain, json!({ "country": "AQ" }), None, Some((400, 20_000)));
        check(domain, json!({ "country": "in" }), Some("1234567"), Some((400, 600_051)));
        check(domain, with_phone("IN"), None, Some((400, 600_049)));
        check(domain, with_phone("IN"), Some("1234567"), None);
        check(domain, with_phone("IN"), Some("1234"), Some((400, 600_050)));
        check(domain, with_phone("US"), Some("1234567"), Some((400, 600_002)));
        check(domain, json!({ "country": "US", "region": "NA" }), None, Some((400, 27_002)));
        check("refuse-403-1002.onmicrosoft.com", json!({ "country": "US" }), None, Some((403, 1002)));
        check("Refuse-400-77-b.onmicrosoft.com", json!({ "country": "US" }), None, Some((400, 77)));
        check("refuse-200-77.onmicrosoft.com", json!({ "country": "US" }), None, None);
        check("refuse-all.onmicrosoft.com", json!({ "country": "US" }), None, None);
    }

    #[test]
    fn domains_are_well_formed_or_not() {
        for good in ["a.b", "WingtipToys678152504.onmicrosoft.com", "half-made.onmicrosoft.com"] {
            assert!(is_well_formed(good), "{good}");
        }
        for bad in ["", "a", "abc!.onmicrosoft.com", ".onmicrosoft.com", "a..b", "-a.b", "a b.c"] {
            assert!(!is_well_formed(bad), "{bad}");
        }
    }
}
