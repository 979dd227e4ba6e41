//! Records a customer's acceptance of the Microsoft Customer Agreement (fact book 10).

use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::classify::{self, Reply};
use super::codes::Class;
use super::outcome::{Outcome, ServiceError};
use super::request::{Request, RequestKind};
use super::wire::ListPage;
use tenantry_model::customer::Agreement;

/// Without this type, the service assumes the older cloud agreement.
const CUSTOMER_AGREEMENT: &str = "MicrosoftCustomerAgreement";

/// The same contact has accepted it before, so the acceptance is already recorded (fact book 10).
const ACCEPTED_BEFORE: &str = "600061";

/// One of two answers for a new customer that is not visible yet (fact book 8.1); the other is a 404.
pub(super) const NO_RELATIONSHIP: &str = "20002";

/// `GET /v1/agreements`: gets the id of the template to accept.
pub fn agreement_template() -> Request<'static, String> {
    Request::get(["v1", "agreements"], template).query("agreementType", CUSTOMER_AGREEMENT)
}

/// `POST /v1/customers/{id}/agreements`. The intent is durable before this is sent.
pub fn record_agreement<'a>(
    customer_id: &'a str,
    template_id: &str,
    agreement: &'a Agreement,
) -> Request<'a, ()> {
    let path = ["v1", "customers", customer_id, "agreements"];
    Request::new(RequestKind::RecordAgreement, Method::POST, path, |reply| {
        acceptance(reply, &agreement.email)
    })
    .json(&NewAcceptance::of(agreement, template_id))
}

/// The body of `POST /v1/customers/{id}/agreements`, in the order of the documentation.
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

/// An item of `GET /v1/agreements`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AgreementTemplate {
    template_id: String,
    agreement_type: Option<String>,
}

pub fn template(reply: Reply) -> Outcome<String> {
    let ours = |template: AgreementTemplate| {
        let agreement_type = template.agreement_type.as_deref();
        let is_ours = agreement_type.is_none_or(|it| it.eq_ignore_ascii_case(CUSTOMER_AGREEMENT));
        is_ours.then_some(template.template_id)
    };
    let pick = |templates: ListPage<AgreementTemplate>| match templates.of_use(ours).items.into_iter().next()
    {
        Some(template_id) => Outcome::Done(template_id),
        None => {
            let text = format!("the service lists no `{CUSTOMER_AGREEMENT}`");
            let error = ServiceError { status: 200, code: String::new(), text };
            Outcome::Refused(Class::FixTheConfiguration, error)
        }
    };
    classify::lookup(reply, |answer, error| match answer.status {
        200 => classify::read_page(answer, "the list of agreements").and_then(pick),
        403 => Outcome::Refused(Class::FixTheRights, error.clone()),
        400 | 405 | 412 | 417 => Outcome::Refused(Class::FixTheConfiguration, error.clone()),
        _ => classify::no_answer(answer, error),
    })
}

/// The part of an acceptance that proves what it is and whose it is.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Accepted {
    #[serde(rename = "templateId")]
    _template_id: String,
    #[serde(default)]
    primary_contact: Value,
}

impl Accepted {
    /// Returns whether the answer names the contact with this e-mail address, or no contact.
    fn is_of(&self, email: &str) -> bool {
        let named = self.primary_contact.get("email").and_then(Value::as_str);
        named.is_none_or(|named| named.trim().eq_ignore_ascii_case(email.trim()))
    }
}

/// The outcome of recording the acceptance by the contact with the address `email`.
pub fn acceptance(reply: Reply, email: &str) -> Outcome<()> {
    classify::verdict(reply, |answer| match (answer.status, classify::service_error(answer)) {
        // A success that does not show what was recorded may be an error.
        (status @ 200..=299, _) => match classify::read_json::<Accepted>(answer, "the answer") {
            Outcome::Done(accepted) if accepted.is_of(email) => Outcome::Done(()),
            Outcome::Done(_) => Outcome::Unknown(
                format!("status {status}, but the answer is about another acceptance").into(),
            ),
            _ => Outcome::Unknown(format!("status {status}, but the answer contains no acceptance").into()),
        },
        (400..=499, error) if error.code == ACCEPTED_BEFORE => Outcome::Done(()),
        (_, error) => classify::refusal(answer, error, |_, error| match error.status {
            403 if error.code == NO_RELATIONSHIP => Some(Class::NotVisible),
            403 => Some(Class::Unexplained),
            404 if !error.code.is_empty() => Some(Class::NotVisible),
            404 | 405 | 412 | 417 => Some(Class::FixTheConfiguration),
            400..=499 if !error.code.is_empty() => Some(Class::FixTheRow),
            _ => None,
        }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::partner_center::tests::samples::{answer, response, sample};

    fn word(outcome: &Outcome<()>) -> &'static str {
        RequestKind::RecordAgreement.word(outcome)
    }

    #[test]
    fn the_documented_answers() {
        let template_id = template(Reply::Answer(response(sample!("agreement-metadata-200.http"))));
        assert_eq!(template_id, Outcome::Done("117a77b0-9360-443b-8795-c6dedc750cf9".to_owned()));
        let accepted = || Reply::Answer(response(sample!("agreement-201.http")));
        assert_eq!(acceptance(accepted(), "Someone@example.com"), Outcome::Done(()));
        let again = answer(400, "application/json", sample!("agreement-duplicate-600061.json").as_bytes());
        assert_eq!(acceptance(Reply::Answer(again), "Someone@example.com"), Outcome::Done(()));
        assert_eq!(word(&acceptance(accepted(), "ana@contoso.com")), "unknown", "of another contact");
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
        let body = serde_json::to_string(&NewAcceptance::of(&agreement, "T")).unwrap();
        let expected = concat!(
            r#"{"primaryContact":{"firstName":"Ana","lastName":"Bell","email":"ana@contoso.com"},"#,
            r#""templateId":"T","dateAgreed":"2018-06-14T00:00:00.000Z","type":"MicrosoftCustomerAgreement"}"#
        );
        assert_eq!(body, expected);
    }

    #[test]
    fn every_kind_of_answer_has_its_outcome() {
        #[track_caller]
        fn check(reply: Reply, expected: &str) {
            assert_eq!(word(&acceptance(reply, "ana@contoso.com")), expected);
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
        check(answered(600, r#"{"code":3000,"description":"an unknown status"}"#), "unknown");
        check(answered(503, ""), "unknown");
        check(Reply::NotSent("refused".into()), "not_sent");
        check(Reply::Broken("reset".into()), "unknown");
    }
}
