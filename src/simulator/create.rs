//! `POST /v1/customers`, which creates a customer.
//!
//! The directory stays locked from the lookup of the request id until the effect. So two overlapping requests with the
//! same request id or domain cannot both take effect.

use axum::http::header;
use rand::RngExt;
use rand::seq::SliceRandom;
use serde_json::Value;
use uuid::Uuid;

use super::directory::Directory;
use super::effect::{Creation, Effect};
use super::incoming_request::IncomingRequest;
use super::json_body::JsonBody;
use super::refusals;
use super::render;
use super::reply::Reply;
use super::rights;
use super::simulation::{Simulation, Visit, lock};
use super::token::TokenKind;

/// Answers a create with a valid token.
///
/// The order of the checks is always: headers, form, request id, content, domain.
pub(super) fn answer(visit: &Visit<'_>) -> Reply {
    let Visit { simulation, arrived, call, caller } = *visit;
    let (Some(request_id), Some(correlation_id)) = (call.request_id, call.correlation_id) else {
        let details = ["MS-RequestId".to_owned(), "MS-CorrelationId".to_owned()];
        return Reply::refusal(400, 2000, "Both headers are required, each a GUID.", &details);
    };
    if !is_json(arrived) {
        return Reply::refusal(400, 2000, "The body must be application/json.", &["Content-Type".to_owned()]);
    }
    let Some(order) = &arrived.order else { return refusals::no_object() };
    if let Some(refusal) = refusals::of_form(order) {
        return refusal;
    }
    let scenario = &simulation.scenario;
    let is_app = caller.is_some_and(|caller| caller.kind == TokenKind::AppOnly);
    if is_app && scenario.enforce_token_kinds && order.text("associatedPartnerId").is_some() {
        return rights::needs_user();
    }
    let request = Request { request_id, correlation_id, order, body: &arrived.body };
    let mut directory = lock(&simulation.directory);
    if let Some(creation) = directory.remembered(request_id) {
        return replay(&creation, &request, scenario.replay_password);
    }
    take_effect(simulation, &mut directory, &request)
}

struct Request<'a> {
    request_id: Uuid,
    correlation_id: Uuid,
    order: &'a JsonBody,
    body: &'a [u8],
}

impl Request<'_> {
    fn domain(&self) -> &str {
        self.order.text("companyProfile.domain").expect("the form was checked before")
    }
}

fn is_json(arrived: &IncomingRequest) -> bool {
    let content_type = arrived.header(header::CONTENT_TYPE.as_str());
    content_type.is_some_and(|it| it.trim().to_ascii_lowercase().starts_with("application/json"))
}

/// The request id has already created a customer: repeat the answer if the request is the same.
fn replay(creation: &Creation, request: &Request<'_>, with_password: bool) -> Reply {
    let same = creation.body.as_bytes() == request.body
        || serde_json::from_str::<Value>(&creation.body).ok() == serde_json::from_slice(request.body).ok();
    if same {
        Reply::json(201, &render::created(creation, request.order, with_password))
    } else {
        refusals::invalid_property("MS-RequestId")
    }
}

fn take_effect(simulation: &Simulation, directory: &mut Directory, request: &Request<'_>) -> Reply {
    let scenario = &simulation.scenario;
    let refusal = refusals::of_content(request.order).or_else(|| simulation.resellers.refusal(request.order));
    if let Some(refusal) = refusal {
        return refusal;
    }
    if scenario.sandbox_limit.is_some_and(|limit| directory.creations.len() >= limit) {
        return refusals::with_code(400, 800_018);
    }
    if directory.is_taken(request.domain()) {
        return refusals::domain_taken();
    }
    let (effect, reply) = if leaves_half_made(request) { half_make(request) } else { make(request) };
    directory.record(effect).map_or_else(|_| refusals::unavailable(500), |()| reply)
}

/// The service checks the notification address after it has created the tenant (fact book 4.6).
fn leaves_half_made(request: &Request<'_>) -> bool {
    let last_label = request.order.text("billingProfile.email").and_then(|email| email.rsplit('.').next());
    request.domain().to_ascii_lowercase().starts_with("half-made")
        || last_label.is_some_and(|label| label.len() < 2)
}

fn half_make(request: &Request<'_>) -> (Effect, Reply) {
    let email = request.order.text("billingProfile.email").unwrap_or_default();
    let effect = Effect::HalfMade {
        domain: request.domain().to_owned(),
        tenant_id: Uuid::new_v4(),
        created_at: crate::clock::now(),
    };
    let text = format!("NotificationEmailAddress: {email} is invalid");
    (effect, Reply::refusal(400, 27_002, &text, &[]))
}

fn make(request: &Request<'_>) -> (Effect, Reply) {
    let customer_id = Uuid::new_v4();
    // The two ids are equal in the documented indirect answer and different in the direct one (fact book 4.8).
    let indirect = request.order.text("associatedPartnerId").is_some();
    let commerce_id = if indirect { customer_id } else { Uuid::new_v4() };
    let creation = Creation {
        password: one_time_password(),
        request_id: request.request_id,
        correlation_id: request.correlation_id,
        created_at: crate::clock::now(),
        body: String::from_utf8_lossy(request.body).into_owned(),
        ..Creation::unasked(request.domain().to_owned(), customer_id, commerce_id)
    };
    let reply = Reply::json(201, &render::created(&creation, request.order, true));
    (Effect::Created(creation), reply)
}

/// A customer that no request has created.
pub(super) fn of_a_stranger() -> Creation {
    let (domain, password) = ("stranger.onmicrosoft.com".to_owned(), one_time_password());
    Creation { password, ..Creation::unasked(domain, Uuid::new_v4(), Uuid::new_v4()) }
}

/// A password with all characters that break careless CSV writing.
fn one_time_password() -> String {
    let mut rng = rand::rng();
    let alphabet = b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789*.!+-@";
    let mut password: Vec<u8> = (0..10).map(|_| alphabet[rng.random_range(0..alphabet.len())]).collect();
    password.extend(b";=,\"");
    password.shuffle(&mut rng);
    String::from_utf8(password).expect("the alphabet is ASCII")
}
