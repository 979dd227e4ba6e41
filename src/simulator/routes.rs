//! Maps paths to operations.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::Response;
use axum::routing::{MethodFilter, on};
use uuid::Uuid;

use super::exchange::Answer;
use super::incoming_request::IncomingRequest;
use super::lookup::Search;
use super::operation::Operation;
use super::reply::Reply;
use super::sign_in::Version;
use super::simulation::{Simulation, lock};
use super::{address, agreements, authority, country, create, device, lookup, openid, profile, records};

const GET: MethodFilter = MethodFilter::GET;
const HEAD: MethodFilter = MethodFilter::HEAD;
const POST: MethodFilter = MethodFilter::POST;

const ROUTES: [(&str, MethodFilter, Operation, Answer); 21] = [
    ("/v1/customers", POST, Operation::Create, create::answer),
    ("/v1/customers", GET, Operation::Search, lookup::search),
    ("/v1/customers/{id}", GET, Operation::Lookup, lookup::customer),
    ("/v1/customers/{id}/profiles/company", GET, Operation::CustomerProfile, lookup::company_profile),
    ("/v1/customers/{id}/profiles/billing", GET, Operation::CustomerProfile, lookup::billing_profile),
    ("/v1/customers/{id}/agreements", POST, Operation::ConfirmAgreement, agreements::confirm),
    ("/v1/customers/{id}/agreements", GET, Operation::Agreements, agreements::of_customer),
    ("/v1/domains/{domain}", HEAD, Operation::Domain, lookup::domain),
    ("/v1/validations/address", POST, Operation::Address, address::validate),
    ("/v1/countryvalidationrules/{country}", GET, Operation::CountryRules, country::rules),
    ("/v1/relationships", GET, Operation::Resellers, |visit| {
        visit.simulation.resellers.list(&visit.arrived.query())
    }),
    ("/v1/compliance/csp/agreementstatus", GET, Operation::AgreementStatus, |visit| {
        visit.simulation.resellers.agreement_status(&visit.arrived.query())
    }),
    ("/v1/agreements", GET, Operation::AgreementTemplates, agreements::templates),
    ("/v1/auditrecords", GET, Operation::AuditRecords, records::audit_records),
    ("/v1/profiles/organization", GET, Operation::Profile, |_| profile::organization()),
    ("/{tenant}/oauth2/token", POST, Operation::Token, |visit| authority::token(visit, Version::V1)),
    ("/{tenant}/oauth2/v2.0/token", POST, Operation::Token, |visit| authority::token(visit, Version::V2)),
    ("/{tenant}/oauth2/v2.0/devicecode", POST, Operation::DeviceCode, device::begin),
    (openid::CONFIGURATION, GET, Operation::Discovery, openid::configuration),
    (openid::KEYS, GET, Operation::Discovery, |_| openid::keys()),
    (device::PAGE, GET, Operation::Other, |_| device::page()),
];

type Shared = State<Arc<Simulation>>;

/// The routes of Partner Center and of its sign-in.
pub(super) fn service(simulation: Arc<Simulation>) -> Router {
    let routed = ROUTES.into_iter().fold(Router::new(), |router, (path, method, operation, answer)| {
        let handle =
            async move |simulation: Shared, parameter: Option<Path<String>>, arrived: IncomingRequest| {
                let parameter = parameter.map(|Path(parameter)| parameter).unwrap_or_default();
                handle(simulation, IncomingRequest { parameter, ..arrived }, operation, answer).await
            };
        router.route(path, on(method, handle))
    });
    let not_there = async |simulation: Shared, arrived: IncomingRequest| {
        handle(simulation, arrived, Operation::Other, |_| Reply::from_gateway(404, "Resource not found"))
            .await
    };
    routed.fallback(not_there).method_not_allowed_fallback(not_there).with_state(simulation)
}

async fn handle(
    State(simulation): Shared,
    arrived: IncomingRequest,
    operation: Operation,
    answer: Answer,
) -> Response<Body> {
    let domain = domain(&simulation, operation, &arrived);
    let call = arrived.call(operation, domain, simulation.scenario.request_ids);
    simulation.exchange(call, &arrived, answer).await
}

/// The domain of a request, so that a fault can be limited to one domain.
fn domain(simulation: &Simulation, operation: Operation, arrived: &IncomingRequest) -> Option<String> {
    match operation {
        Operation::Create => arrived.order.as_ref()?.text("companyProfile.domain").map(str::to_owned),
        Operation::Search => Search::of(arrived).domain(),
        Operation::Domain => Some(arrived.parameter.clone()),
        Operation::ConfirmAgreement | Operation::Agreements => {
            let id = Uuid::try_parse(&arrived.parameter).ok()?;
            lock(&simulation.directory).domain_of(id)
        }
        _ => None,
    }
}
