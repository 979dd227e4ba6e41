//! Carries out a fault: a reply instead of the effect, or a changed reply after the effect.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::aadsts;
use super::delivery::{Delivery, Withheld};
use super::effect::Creation;
use super::faults::{Fault, Named};
use super::refusals;
use super::reply::Reply;
use super::request_log::Call;
use super::rights;
use super::scenario::Scenario;

/// How a fault strikes.
pub(super) enum Strike {
    /// This reply is sent, and the request has no effect.
    Before(Box<Reply>, Delivery),
    /// The request takes effect, and then this function changes the reply.
    After(Spoil),
}

/// Gets the reply and a function that finds another customer.
type Spoil = Box<dyn FnOnce(Reply, &dyn Fn() -> Creation) -> (Reply, Delivery) + Send>;

impl Fault {
    /// The effect of the fault on a request. Faults that forge a success do not change refusals.
    pub(super) fn strike(self, call: &Call, scenario: &Scenario) -> Strike {
        let instead = |reply| Strike::Before(Box::new(reply), Delivery::Whole);
        let silent = |withheld| Strike::Before(Box::new(Reply::empty(503)), Delivery::Withheld(withheld));
        match self {
            Fault::RefuseBefore => silent(Withheld::Dropped),
            Fault::GoneBefore { for_ms } => silent(gone(for_ms)),
            Fault::StalledBefore => silent(Withheld::Stalled),
            Fault::StatusBefore { status } if call.operation.is_sign_in() => {
                instead(aadsts::Refusal::unavailable(status).reply())
            }
            Fault::StatusBefore { status } => instead(refusals::unavailable(status)),
            Fault::HtmlBefore => instead(Reply::page(502)),
            Fault::Redirect => {
                instead(Reply::empty(302).with_header("location", "https://elsewhere.example.invalid/"))
            }
            Fault::Unauthorized => instead(rights::access_denied()),
            Fault::Throttled { retry_after_s } => instead(scenario.retry_after.refusal(retry_after_s)),
            Fault::ThrottledAs { form, retry_after_s } => instead(form.refusal(retry_after_s)),
            Fault::BusyBefore { retry_after_s } => {
                let busy = refusals::unavailable(503);
                instead(busy.with_header("retry-after", &retry_after_s.to_string()))
            }
            Fault::RefusedBefore { status, code } => instead(refusals::with_code(status, code)),
            Fault::MfaRequired => instead(rights::mfa_required(scenario.mfa)),
            Fault::DropAfter => delivered(Delivery::Withheld(Withheld::Dropped)),
            Fault::GoneAfter { for_ms } => delivered(Delivery::Withheld(gone(for_ms))),
            Fault::StalledAfter => delivered(Delivery::Withheld(Withheld::Stalled)),
            Fault::Truncated => delivered(Delivery::Cut),
            Fault::SlowBody => delivered(Delivery::Slow),
            Fault::StatusAfter { status } => spoiled(move |_| refusals::unavailable(status)),
            Fault::HtmlAfter => spoiled(|_| Reply::page(502)),
            Fault::InvalidJson => forged(|reply, _| stop_in_mid_json(reply)),
            Fault::WithoutId => forged(|reply, _| edited(reply, |customer| drop(customer.remove("id")))),
            Fault::AnotherCustomer { names } => {
                forged(move |reply, other| edited(reply, |customer| put_another(customer, &other(), names)))
            }
            Fault::Accepted => forged(|reply, _| accepted(reply)),
            Fault::ByteOrderMark => spoiled(with_byte_order_mark),
            Fault::Reshaped { shape } => spoiled(move |reply| reply.shaped(shape, false)),
        }
    }
}

fn delivered(delivery: Delivery) -> Strike {
    Strike::After(Box::new(|reply, _| (reply, delivery)))
}

fn spoiled(spoil: impl FnOnce(Reply) -> Reply + Send + 'static) -> Strike {
    Strike::After(Box::new(|reply, _| (spoil(reply), Delivery::Whole)))
}

fn forged(forge: impl FnOnce(Reply, &dyn Fn() -> Creation) -> Reply + Send + 'static) -> Strike {
    Strike::After(Box::new(|reply, other| {
        let reply = if reply.status.is_success() { forge(reply, other) } else { reply };
        (reply, Delivery::Whole)
    }))
}

fn gone(for_ms: u32) -> Withheld {
    Withheld::Gone(Duration::from_millis(for_ms.into()))
}

fn stop_in_mid_json(mut reply: Reply) -> Reply {
    reply.body.truncate(reply.body.len() * 2 / 3);
    reply
}

/// Edits the body if it is a JSON object.
fn edited(mut reply: Reply, edit: impl FnOnce(&mut Map<String, Value>)) -> Reply {
    if let Ok(Value::Object(mut customer)) = serde_json::from_slice(&reply.body) {
        edit(&mut customer);
        reply.body = Value::Object(customer).to_string().into_bytes();
    }
    reply
}

fn put_another(customer: &mut Map<String, Value>, other: &Creation, names: Named) {
    customer.insert("id".to_owned(), json!(other.customer_id));
    customer.insert("commerceId".to_owned(), json!(other.commerce_id));
    let credentials = json!({ "userName": other.user_name, "password": other.password });
    customer.insert("userCredentials".to_owned(), credentials);
    match names {
        Named::Theirs => {
            let profile = json!({ "tenantId": other.customer_id, "domain": other.domain });
            customer.insert("companyProfile".to_owned(), profile);
        }
        Named::Own => {}
        Named::Nobody => drop(customer.remove("companyProfile")),
    }
}

fn accepted(reply: Reply) -> Reply {
    let mut accepted = Reply::empty(202).with_header("location", "/v1/operations/pending");
    accepted.headers.extend(reply.headers);
    accepted
}

fn with_byte_order_mark(mut reply: Reply) -> Reply {
    if !reply.body.is_empty() {
        reply.body.splice(0..0, *b"\xEF\xBB\xBF");
    }
    reply
}
