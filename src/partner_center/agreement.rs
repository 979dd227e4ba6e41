//! The Microsoft Customer Agreement of a customer that exists: its template, and the customer's acceptance (fact book
//! 10).

use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::classify::{self, Answer, Asked, Reply, ServiceError};
use super::client::{CallIds, Client, Exchange};
use super::codes::{self, Class};
use crate::customer::Agreement;
use crate::transport::Silence;

/// Left out, the service takes the older cloud agreement for meant.
const CUSTOMER_AGREEMENT: &str = "MicrosoftCustomerAgreement";

/// The same contact has accepted it before: what was wanted is there (fact book 10).
const ACCEPTED_BEFORE: &str = "600061";

/// What a new customer may get before it has become visible (fact book 8.1); the other one is a 404.
const NO_RELATIONSHIP: &str = "20002";

/// What is known after one attempt to record an acceptance.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum AgreementOutcome {
    /// The service has it, from now on or since an earlier time.
    Recorded,
    /// Definite: the service does not know the customer, or not yet.
    NotVisible(ServiceError),
    /// Definite: it was refused.
    Refused(ServiceError),
    /// Definite: refused with a 403 that nobody has explained; one customer may be at fault, or all.
    Forbidden(ServiceError),
    /// Definite: every acceptance would be refused like this one. `rights`: because of sign-in or rights.
    Misconfigured { error: ServiceError, rights: bool },
    /// Definite: the token was not accepted.
    Unauthorized(ServiceError),
    /// Definite: nothing was done, and nothing more is wanted for a while.
    Throttled { wait: std::time::Duration },
    /// Proof that nothing was sent.
    NotSent(Silence),
    /// May have been done, or may still be.
    Unknown(Silence),
}

impl AgreementOutcome {
    /// In one word, for the record.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            AgreementOutcome::Recorded => "recorded",
            AgreementOutcome::NotVisible(_) => "not_visible",
            AgreementOutcome::Refused(_) => "refused",
            AgreementOutcome::Forbidden(_) => "forbidden",
            AgreementOutcome::Misconfigured { .. } => "misconfigured",
            AgreementOutcome::Unauthorized(_) => "unauthorized",
            AgreementOutcome::Throttled { .. } => "throttled",
            AgreementOutcome::NotSent(_) => "not_sent",
            AgreementOutcome::Unknown(_) => "unknown",
        }
    }
}

impl Client {
    /// `GET /v1/agreements`: the template that acceptances of the customer agreement are for.
    pub(crate) async fn agreement_template(
        &self,
        token: &SecretString,
        ids: CallIds,
    ) -> Exchange<Asked<String>> {
        let request = self.request(Method::GET, &["v1", "agreements"], token, ids);
        let (reply, trace) = self.send(request.query(&[("agreementType", CUSTOMER_AGREEMENT)])).await;
        Exchange { outcome: template(reply), trace }
    }

    /// `POST /v1/customers/{id}/agreements`. The caller has made the intent durable.
    pub(crate) async fn record_agreement(
        &self,
        token: &SecretString,
        ids: CallIds,
        customer_id: &str,
        template_id: &str,
        agreement: &Agreement,
    ) -> Exchange<AgreementOutcome> {
        let body = serde_json::to_vec(&NewAcceptance::of(agreement, template_id));
        let request = self
            .request(Method::POST, &["v1", "customers", customer_id, "agreements"], token, ids)
            .header(CONTENT_TYPE, "application/json")
            .body(body.expect("an agreement is plain data"));
        let (reply, trace) = self.send(request).await;
        Exchange { outcome: acceptance(reply, &agreement.email), trace }
    }
}

/// The body of `POST /v1/customers/{id}/agreements`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct NewAcceptance<'a> {
    primary_contact: Contact<'a>,
    template_id: &'a str,
    date_agreed: &'a str,
    #[serde(rename = "type")]
    agreement_type: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Contact<'a> {
    first_name: &'a str,
    last_name: &'a str,
    email: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone_number: Option<&'a str>,
}

impl<'a> NewAcceptance<'a> {
    fn of(agreement: &'a Agreement, template_id: &'a str) -> Self {
        Self {
            primary_contact: Contact {
                first_name: &agreement.first_name,
                last_name: &agreement.last_name,
                email: &agreement.email,
                phone_number: agreement.phone_number.as_deref(),
            },
            template_id,
            date_agreed: &agreement.agreed_at,
            agreement_type: CUSTOMER_AGREEMENT,
        }
    }
}

/// `GET /v1/agreements`.
#[derive(Debug, Deserialize)]
struct Templates {
    #[serde(default)]
    items: Vec<Template>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Template {
    template_id: String,
    #[serde(default)]
    agreement_type: Option<String>,
}

pub(super) fn template(reply: Reply) -> Asked<String> {
    let ours = |template: &Template| {
        template.agreement_type.as_deref().is_none_or(|it| it.eq_ignore_ascii_case(CUSTOMER_AGREEMENT))
    };
    let pick = |templates: Templates| match templates.items.into_iter().find(ours) {
        Some(template) => Asked::Answer(template.template_id),
        None => Asked::Misconfigured {
            error: ServiceError {
                status: 200,
                code: String::new(),
                text: format!("the service lists no `{CUSTOMER_AGREEMENT}`"),
            },
            rights: false,
        },
    };
    classify::question(reply, |answer, error| match answer.status {
        200 => classify::read_json(answer, "the list of agreements").and_then(pick),
        403 => Asked::Misconfigured { error: error.clone(), rights: true },
        400 | 405 | 412 | 417 => Asked::Misconfigured { error: error.clone(), rights: false },
        _ => classify::no_answer(answer, error),
    })
}

/// As much of an acceptance as proves that it is one, and whose.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Accepted {
    #[serde(rename = "templateId")]
    _template_id: String,
    #[serde(default)]
    primary_contact: serde_json::Value,
}

impl Accepted {
    /// It names the contact with this e-mail address, or nobody.
    fn is_of(&self, email: &str) -> bool {
        let named = self.primary_contact.get("email").and_then(serde_json::Value::as_str);
        named.is_none_or(|named| named.trim().eq_ignore_ascii_case(email.trim()))
    }
}

/// The outcome of recording the acceptance by the contact with the address `email`.
pub(super) fn acceptance(reply: Reply, email: &str) -> AgreementOutcome {
    let answer = match reply {
        Reply::NotSent(silence) => return AgreementOutcome::NotSent(silence),
        Reply::Broken(silence) => return AgreementOutcome::Unknown(silence),
        Reply::Answer(answer) => answer,
    };
    if let Some(silence) = answer.intercepted() {
        return AgreementOutcome::Unknown(silence);
    }
    let error = classify::service_error(&answer);
    match answer.status {
        // A success that does not show what was recorded may be an error.
        200..=299 => match classify::read_json::<Accepted>(&answer, "the answer") {
            Asked::Answer(accepted) if accepted.is_of(email) => AgreementOutcome::Recorded,
            Asked::Answer(_) => AgreementOutcome::Unknown(
                format!("status {}, but the answer is the acceptance of somebody else", answer.status).into(),
            ),
            _ => AgreementOutcome::Unknown(
                format!("status {}, but no acceptance in the answer", answer.status).into(),
            ),
        },
        400..=499 if error.code == ACCEPTED_BEFORE => AgreementOutcome::Recorded,
        401 => AgreementOutcome::Unauthorized(error),
        // No refusal has such a status; nobody knows what one that is in no document means.
        ..=399 | 408 | 500.. => AgreementOutcome::Unknown(classify::no_verdict(&answer, &error)),
        429 => classify::throttled(&answer, &error, |wait| AgreementOutcome::Throttled { wait }),
        status => match codes::class(status, &error.code) {
            Some(Class::FixTheRights) => AgreementOutcome::Misconfigured { error, rights: true },
            Some(Class::FixTheConfiguration) => AgreementOutcome::Misconfigured { error, rights: false },
            Some(Class::FixTheRow | Class::DomainTaken) => AgreementOutcome::Refused(error),
            None => not_explained(&answer, error),
        },
    }
}

/// A refusal whose code says nothing to us.
fn not_explained(answer: &Answer, error: ServiceError) -> AgreementOutcome {
    match error.status {
        403 if error.code == NO_RELATIONSHIP => AgreementOutcome::NotVisible(error),
        403 => AgreementOutcome::Forbidden(error),
        404 if !error.code.is_empty() => AgreementOutcome::NotVisible(error),
        404 | 405 | 412 | 417 => AgreementOutcome::Misconfigured { error, rights: false },
        400..=499 if !error.code.is_empty() => AgreementOutcome::Refused(error),
        _ => AgreementOutcome::Unknown(classify::no_verdict(answer, &error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::partner_center::samples::{answer, response, sample};

    #[test]
    fn the_documented_answers() {
        let template_id = template(Reply::Answer(response(sample!("agreement-metadata-200.http"))));
        assert_eq!(template_id, Asked::Answer("117a77b0-9360-443b-8795-c6dedc750cf9".to_owned()));
        let accepted = || Reply::Answer(response(sample!("agreement-201.http")));
        assert_eq!(acceptance(accepted(), "Someone@example.com"), AgreementOutcome::Recorded);
        let again = answer(400, "application/json", sample!("agreement-duplicate-600061.json").as_bytes());
        assert_eq!(acceptance(Reply::Answer(again), "Someone@example.com"), AgreementOutcome::Recorded);
        assert_eq!(acceptance(accepted(), "ana@contoso.com").name(), "unknown", "of another contact");
    }

    #[test]
    fn the_request_is_as_documented() {
        let agreement = Agreement {
            first_name: "Ana".to_owned(),
            last_name: "Bell".to_owned(),
            email: "ana@contoso.com".to_owned(),
            phone_number: None,
            agreed_at: "2018-06-14T00:00:00.000Z".to_owned(),
        };
        let body = serde_json::to_value(NewAcceptance::of(&agreement, "T")).unwrap();
        let expected = serde_json::json!({
            "primaryContact": { "firstName": "Ana", "lastName": "Bell", "email": "ana@contoso.com" },
            "templateId": "T",
            "dateAgreed": "2018-06-14T00:00:00.000Z",
            "type": "MicrosoftCustomerAgreement",
        });
        assert_eq!(body, expected);
    }

    #[test]
    fn every_kind_of_answer_has_its_outcome() {
        #[track_caller]
        fn check(reply: Reply, expected: &str) {
            assert_eq!(acceptance(reply, "ana@contoso.com").name(), expected);
        }
        let answered =
            |status, body: &str| Reply::Answer(answer(status, "application/json", body.as_bytes()));
        check(answered(200, r#"{"templateId":"t"}"#), "recorded");
        check(
            answered(200, r#"{"templateId":"t","primaryContact":{"email":" Ana@Contoso.com"}}"#),
            "recorded",
        );
        check(
            answered(200, r#"{"templateId":"t","primaryContact":{"email":"other@contoso.com"}}"#),
            "unknown",
        );
        check(answered(204, ""), "unknown");
        check(answered(202, ""), "unknown");
        check(answered(200, r#"{"code":3000,"description":"an error in a success"}"#), "unknown");
        check(answered(200, "<html>Sign in to the hotel</html>"), "unknown");
        check(answered(400, r#"{"code":3000,"description":"bad"}"#), "refused");
        check(answered(400, "<html>"), "unknown");
        check(answered(401, ""), "unauthorized");
        check(answered(403, r#"{"code":"900329","description":"app-only"}"#), "misconfigured");
        check(answered(403, r#"{"code":20002,"description":"no relationship"}"#), "not_visible");
        check(answered(403, r#"{"code":900999,"description":"never seen"}"#), "forbidden");
        check(answered(404, r#"{"code":800003,"description":"temporarily unavailable"}"#), "not_visible");
        check(answered(412, ""), "misconfigured");
        check(answered(404, r#"{"code":60003,"description":"no tenant"}"#), "not_visible");
        check(answered(404, r#"{"statusCode":404,"message":"Resource not found"}"#), "misconfigured");
        check(answered(429, ""), "throttled");
        check(answered(500, ""), "unknown");
        check(answered(500, r#"{"code":600061,"description":"already accepted"}"#), "unknown");
        check(answered(600, r#"{"code":3000,"description":"nobody knows this status"}"#), "unknown");
        check(answered(503, ""), "unknown");
        check(Reply::NotSent("refused".into()), "not_sent");
        check(Reply::Broken("reset".into()), "unknown");
    }
}
