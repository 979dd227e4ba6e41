//! Which path is what: one short handler for each operation.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::Response;
use axum::routing::{get, head, post};
use uuid::Uuid;

use super::arrived::Arrived;
use super::authority::{self, SignIn, Version};
use super::exchange::{Simulation, Visit, lock};
use super::lookup::Search;
use super::operation::Operation;
use super::order::Order;
use super::reply::Reply;
use super::request_log::Call;
use super::{address, agreements, country, create, device, lookup, profile, records};

/// What Partner Center and its sign-in answer.
pub(super) fn service(simulation: Arc<Simulation>) -> Router {
    Router::new()
        .route("/v1/customers", post(create_customer).get(search_customers))
        .route("/v1/customers/{id}", get(customer_by_id))
        .route("/v1/customers/{id}/agreements", post(confirm_agreement).get(agreements_of_customer))
        .route("/v1/domains/{domain}", head(check_domain))
        .route("/v1/validations/address", post(validate_address))
        .route("/v1/countryvalidationrules/{country}", get(country_rules))
        .route("/v1/relationships", get(resellers))
        .route("/v1/compliance/csp/agreementstatus", get(agreement_status))
        .route("/v1/agreements", get(agreement_templates))
        .route("/v1/auditrecords", get(audit_records))
        .route("/v1/profiles/organization", get(organization_profile))
        .route("/{tenant}/oauth2/token", post(token_v1))
        .route("/{tenant}/oauth2/v2.0/token", post(token_v2))
        .route("/{tenant}/oauth2/v2.0/devicecode", post(device_code))
        .fallback(not_there)
        .method_not_allowed_fallback(not_there)
        .with_state(simulation)
}

type Shared = State<Arc<Simulation>>;

async fn create_customer(State(simulation): Shared, arrived: Arrived) -> Response<Body> {
    let order = Order::parse(&arrived.body);
    let domain = order.as_ref().and_then(|order| order.text("companyProfile.domain")).map(str::to_owned);
    let call = arrived.call(Operation::Create, domain);
    let create = |visit: Visit<'_>| {
        create::answer(&simulation, visit, &arrived.headers, order.as_ref(), &arrived.body)
    };
    simulation.exchange(call, &arrived.headers, create).await
}

async fn search_customers(State(simulation): Shared, arrived: Arrived) -> Response<Body> {
    let token = arrived.headers.get("ms-continuationtoken").and_then(|value| value.to_str().ok());
    let search = Search::new(arrived.uri.query().unwrap_or_default(), token);
    let call = arrived.call(Operation::Search, search.domain());
    simulation.exchange(call, &arrived.headers, |_| lookup::search(&simulation, &search)).await
}

async fn customer_by_id(
    State(simulation): Shared,
    Path(id): Path<String>,
    arrived: Arrived,
) -> Response<Body> {
    let call = arrived.call(Operation::Lookup, None);
    simulation.exchange(call, &arrived.headers, |_| lookup::customer(&simulation, &id)).await
}

async fn check_domain(
    State(simulation): Shared,
    Path(domain): Path<String>,
    arrived: Arrived,
) -> Response<Body> {
    let call = arrived.call(Operation::Domain, Some(domain.clone()));
    simulation.exchange(call, &arrived.headers, |_| lookup::domain(&simulation, &domain)).await
}

async fn validate_address(State(simulation): Shared, arrived: Arrived) -> Response<Body> {
    let generation = simulation.scenario.address_validation;
    let address = Order::parse(&arrived.body);
    let call = arrived.call(Operation::Address, None);
    simulation.exchange(call, &arrived.headers, |_| address::validate(generation, address.as_ref())).await
}

async fn country_rules(
    State(simulation): Shared,
    Path(country): Path<String>,
    arrived: Arrived,
) -> Response<Body> {
    let shape = simulation.scenario.country_rules;
    let call = arrived.call(Operation::CountryRules, None);
    simulation.exchange(call, &arrived.headers, |_| country::rules(shape, &country)).await
}

async fn resellers(State(simulation): Shared, arrived: Arrived) -> Response<Body> {
    let call = arrived.call(Operation::Resellers, None);
    let query = arrived.query();
    simulation.exchange(call, &arrived.headers, |_| simulation.resellers.list(&query)).await
}

async fn agreement_status(State(simulation): Shared, arrived: Arrived) -> Response<Body> {
    let call = arrived.call(Operation::AgreementStatus, None);
    let query = arrived.query();
    simulation.exchange(call, &arrived.headers, |_| simulation.resellers.agreement_status(&query)).await
}

async fn organization_profile(State(simulation): Shared, arrived: Arrived) -> Response<Body> {
    let call = arrived.call(Operation::Profile, None);
    simulation.exchange(call, &arrived.headers, |_| profile::organization()).await
}

async fn agreement_templates(State(simulation): Shared, arrived: Arrived) -> Response<Body> {
    let call = arrived.call(Operation::AgreementTemplates, None);
    let query = arrived.query();
    simulation.exchange(call, &arrived.headers, |_| agreements::templates(&query)).await
}

async fn confirm_agreement(
    State(simulation): Shared,
    Path(id): Path<String>,
    arrived: Arrived,
) -> Response<Body> {
    let order = Order::parse(&arrived.body);
    let call = about_customer(&simulation, &arrived, Operation::ConfirmAgreement, &id);
    let confirm = |visit: Visit<'_>| agreements::confirm(&simulation, visit, &id, order.as_ref());
    simulation.exchange(call, &arrived.headers, confirm).await
}

async fn agreements_of_customer(
    State(simulation): Shared,
    Path(id): Path<String>,
    arrived: Arrived,
) -> Response<Body> {
    let call = about_customer(&simulation, &arrived, Operation::Agreements, &id);
    let query = arrived.query();
    let find = |_: Visit<'_>| agreements::of_customer(&simulation, &id, &query);
    simulation.exchange(call, &arrived.headers, find).await
}

async fn audit_records(State(simulation): Shared, arrived: Arrived) -> Response<Body> {
    let call = arrived.call(Operation::AuditRecords, None);
    let query = arrived.query();
    simulation.exchange(call, &arrived.headers, |_| records::audit_records(&simulation, &query)).await
}

/// A call about a customer is on record under its domain, so that a fault can be meant for it.
fn about_customer(simulation: &Simulation, arrived: &Arrived, operation: Operation, id: &str) -> Call {
    let domain = Uuid::try_parse(id).ok().and_then(|id| lock(&simulation.directory).domain_of(id));
    arrived.call(operation, domain)
}

async fn token_v1(State(simulation): Shared, Path(tenant): Path<String>, arrived: Arrived) -> Response<Body> {
    let sign_in = SignIn::new(&simulation, Version::V1, &tenant, &arrived);
    let call = arrived.call(Operation::Token, None);
    simulation.exchange(call, &arrived.headers, |_| authority::token(&sign_in)).await
}

async fn token_v2(State(simulation): Shared, Path(tenant): Path<String>, arrived: Arrived) -> Response<Body> {
    let sign_in = SignIn::new(&simulation, Version::V2, &tenant, &arrived);
    let call = arrived.call(Operation::Token, None);
    simulation.exchange(call, &arrived.headers, |_| authority::token(&sign_in)).await
}

async fn device_code(
    State(simulation): Shared,
    Path(tenant): Path<String>,
    arrived: Arrived,
) -> Response<Body> {
    let sign_in = SignIn::new(&simulation, Version::V2, &tenant, &arrived);
    let call = arrived.call(Operation::DeviceCode, None);
    simulation.exchange(call, &arrived.headers, |_| device::begin(&sign_in)).await
}

async fn not_there(State(simulation): Shared, arrived: Arrived) -> Response<Body> {
    let call = arrived.call(Operation::Other, None);
    simulation.exchange(call, &arrived.headers, |_| Reply::from_gateway(404, "Resource not found")).await
}
