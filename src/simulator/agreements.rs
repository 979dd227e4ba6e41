//! The Microsoft Customer Agreement: templates, acceptance by a customer, and recorded acceptances (fact book 10).
//!
//! Invariants: an acceptance is durable before the reply is sent. The same contact can accept once for each customer,
//! so a repeat after a lost reply is rejected with 600061, which shows the client that the acceptance is recorded.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::effect::{Acceptance, Creation, Effect};
use super::json_body::JsonBody;
use super::lookup;
use super::partner;
use super::refusals;
use super::render;
use super::reply::Reply;
use super::simulation::{Visit, lock};

/// Agreement type, template id and the link to the text.
const TEMPLATES: [(&str, &str, &str); 2] = [
    (CUSTOMER_AGREEMENT, "117a77b0-9360-443b-8795-c6dedc750cf9", "https://aka.ms/customeragreement"),
    (CLOUD_AGREEMENT, "998b88de-aa99-4388-a42c-1b3517d49490", "https://aka.ms/cloudagreement"),
];

const CUSTOMER_AGREEMENT: &str = "MicrosoftCustomerAgreement";

/// The older agreement, which is the default if the request has no type (fact book 10).
const CLOUD_AGREEMENT: &str = "MicrosoftCloudAgreement";

impl Acceptance {
    fn contact(&self) -> (&str, &str, &str, Option<&str>, &str) {
        let phone_number = self.phone_number.as_deref();
        (&self.first_name, &self.last_name, &self.email, phone_number, &self.agreement_type)
    }

    fn render(&self, date_agreed: &str) -> Value {
        let mut rendered = json!({
            "primaryContact": { "firstName": self.first_name, "lastName": self.last_name, "email": self.email },
            "templateId": self.template_id,
            "dateAgreed": date_agreed,
            "type": self.agreement_type,
        });
        if let Some(phone_number) = &self.phone_number {
            rendered["primaryContact"]["phoneNumber"] = json!(phone_number);
        }
        rendered
    }
}

/// `GET /v1/agreements?agreementType=`.
pub(super) fn templates(visit: &Visit<'_>) -> Reply {
    let query = visit.arrived.query();
    let wanted = query.get("agreementType").unwrap_or(CLOUD_AGREEMENT);
    let items = TEMPLATES.iter().filter(|(agreement_type, ..)| is_wanted(agreement_type, wanted));
    let items: Vec<Value> = items
        .map(|(agreement_type, template_id, link)| {
            json!({
                "templateId": template_id,
                "agreementType": agreement_type,
                "agreementLink": link,
                "versionRank": 0,
            })
        })
        .collect();
    if items.is_empty() {
        return Reply::refusal(400, 2000, "The agreement type is invalid.", &[]);
    }
    render::collection(&items)
}

/// `POST /v1/customers/{id}/agreements`.
pub(super) fn confirm(visit: &Visit<'_>) -> Reply {
    lookup::about_customer(visit, |customer| {
        let Some(order) = &visit.arrived.order else { return refusals::no_object() };
        match read(order, customer, visit) {
            Ok(acceptance) => record(visit, acceptance),
            Err(path) => refusals::invalid_property(path),
        }
    })
}

/// The acceptance, or the path of the property that is missing or invalid.
fn read(order: &JsonBody, customer: &Creation, visit: &Visit<'_>) -> Result<Acceptance, &'static str> {
    let text = |path: &'static str| order.text(path).map(str::to_owned).ok_or(path);
    let template = TEMPLATES.iter().find(|(known, _, _)| order.text("type") == Some(known));
    let (agreement_type, template_id, _) = template.ok_or("type")?;
    let acceptance = Acceptance {
        customer_id: customer.customer_id,
        domain: customer.domain.clone(),
        first_name: text("primaryContact.firstName")?,
        last_name: text("primaryContact.lastName")?,
        email: text("primaryContact.email")?,
        phone_number: order.text("primaryContact.phoneNumber").map(str::to_owned),
        template_id: text("templateId")?,
        agreement_type: (*agreement_type).to_owned(),
        date_agreed: text("dateAgreed")?,
        request_id: visit.call.request_id,
        correlation_id: visit.call.correlation_id,
        recorded_at: crate::clock::now(),
    };
    if !acceptance.template_id.eq_ignore_ascii_case(template_id) {
        return Err("templateId");
    }
    acceptance.date_agreed.parse::<Timestamp>().map_err(|_| "dateAgreed")?;
    Ok(acceptance)
}

/// Checks and records under one lock, so that two requests cannot both see the contact as new.
fn record(visit: &Visit<'_>, acceptance: Acceptance) -> Reply {
    let mut body = acceptance.render(&acceptance.date_agreed);
    body["userId"] = json!(partner::user().object_id);
    let mut directory = lock(&visit.simulation.directory);
    if directory.acceptances_of(acceptance.customer_id).any(|known| known.contact() == acceptance.contact()) {
        let text = "A partner confirmed agreement already exists for the customer.";
        return Reply::refusal(400, 600_061, text, &[])
            .by_newer_part("PartnerConfirmedAgreementAlreadyExists");
    }
    let recorded = directory.record(Effect::AgreementAccepted(acceptance));
    recorded.map_or_else(|_| refusals::unavailable(500), |()| Reply::json(201, &body))
}

/// `GET /v1/customers/{id}/agreements`.
pub(super) fn of_customer(visit: &Visit<'_>) -> Reply {
    lookup::about_customer(visit, |customer| {
        let query = visit.arrived.query();
        let wanted = query.get("agreementType").unwrap_or("*");
        let directory = lock(&visit.simulation.directory);
        let found = directory.acceptances_of(customer.customer_id);
        let found = found.filter(|acceptance| is_wanted(&acceptance.agreement_type, wanted));
        render::collection(&found.map(on_record).collect::<Vec<_>>())
    })
}

fn is_wanted(agreement_type: &str, wanted: &str) -> bool {
    wanted == "*" || agreement_type.eq_ignore_ascii_case(wanted)
}

/// Dates are returned without a time zone (fact book 10).
fn on_record(acceptance: &Acceptance) -> Value {
    let agreed = acceptance.date_agreed.parse::<Timestamp>();
    let agreed = agreed.map_or_else(|_| String::new(), |at| at.strftime("%Y-%m-%dT%H:%M:%S").to_string());
    let mut rendered = acceptance.render(&agreed);
    let template = TEMPLATES.iter().find(|(known, _, _)| *known == acceptance.agreement_type);
    rendered["agreementLink"] = json!(template.map(|(_, _, link)| link));
    rendered
}
