//! Read requests: searches with paging, a customer by id, and whether a domain is taken.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::directory::{Filter, Found, Page};
use super::effect::Creation;
use super::incoming_request::IncomingRequest;
use super::json_body::JsonBody;
use super::refusals;
use super::render;
use super::reply::Reply;
use super::simulation::{Visit, lock};

/// The parameters of a search.
#[derive(Debug)]
pub(super) struct Search<'a> {
    /// The query as it arrived, for the self link.
    query: &'a str,
    size: usize,
    /// The filter as it was sent; it may be invalid.
    filter: Option<String>,
    seeks_next: bool,
    continuation_token: Option<&'a str>,
}

/// The content of a continuation token: the next request contains no filter (`customers-next-page-request.http`).
#[derive(Debug, Serialize, Deserialize)]
struct Continuation {
    start: usize,
    filter: Filter,
}

impl<'a> Search<'a> {
    pub(super) fn of(arrived: &'a IncomingRequest) -> Search<'a> {
        let query = arrived.uri.query().unwrap_or_default();
        let continuation_token = arrived.header("ms-continuationtoken");
        let mut search = Search { query, size: 0, filter: None, seeks_next: false, continuation_token };
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            match name.to_ascii_lowercase().as_str() {
                "size" => search.size = value.parse().unwrap_or(0),
                "filter" => search.filter = Some(value.into_owned()),
                "seekoperation" => search.seeks_next = value.eq_ignore_ascii_case("next"),
                _ => {}
            }
        }
        search
    }

    /// The domain that the search looks for, if it does.
    pub(super) fn domain(&self) -> Option<String> {
        let Filter::DomainStartsWith(domain) = understood(self.filter.as_ref()?)? else { return None };
        Some(domain)
    }

    fn continuation(&self) -> Option<Continuation> {
        match (self.seeks_next, self.continuation_token) {
            (false, None) => {
                let filter = self.filter.as_deref().map_or(Some(Filter::Everything), understood)?;
                Some(Continuation { start: 0, filter })
            }
            (true, Some(token)) => serde_json::from_slice(&URL_SAFE.decode(token).ok()?).ok(),
            // Only one of the two parts that a next page needs. If the first page was sent again, a client would loop.
            (true, None) | (false, Some(_)) => None,
        }
    }
}

/// Only `starts_with` on a domain or a company name is supported (fact book 9).
fn understood(filter: &str) -> Option<Filter> {
    let parts = JsonBody::parse(filter.as_bytes())?;
    let value = parts.value("Value")?.as_str()?.to_lowercase();
    if !parts.text("Operator")?.eq_ignore_ascii_case("starts_with") {
        return None;
    }
    match parts.text("Field")?.to_ascii_lowercase().as_str() {
        "domain" => Some(Filter::DomainStartsWith(value)),
        "companyname" => Some(Filter::CompanyNameStartsWith(value)),
        _ => None,
    }
}

/// `GET /v1/customers`.
pub(super) fn search(visit: &Visit<'_>) -> Reply {
    let (simulation, search) = (visit.simulation, Search::of(visit.arrived));
    let Some(Continuation { start, filter }) = search.continuation() else {
        return Reply::refusal(400, 2000, "The filter or the paging is invalid.", &[]);
    };
    let most = simulation.scenario.page_size.max(1);
    let size = if search.size == 0 { most } else { search.size.min(most) };
    let page = lock(&simulation.directory).search(&filter, start, size);
    if start > 0 && page.customers.is_empty() {
        // Past the last page (fact book 9).
        return Reply::refusal(400, 2000, "There is no next page.", &[]);
    }
    Reply::json(200, &collection(&page, &search, filter))
}

fn collection(page: &Page, search: &Search<'_>, filter: Filter) -> Value {
    let uri = format!("/customers?{}", search.query);
    let mut collection = json!({
        "totalCount": page.customers.len(),
        "items": page.customers.iter().map(|creation| render::listed(creation, &creation.order())).collect::<Vec<_>>(),
        "links": render::self_link(&uri),
        "attributes": render::attributes("Collection"),
    });
    if let Some(start) = page.next {
        let continuation = serde_json::to_vec(&Continuation { start, filter });
        let token = URL_SAFE.encode(continuation.expect("numbers and texts serialize"));
        let uri = if search.seeks_next { uri } else { format!("{uri}&seekOperation=Next") };
        collection["continuationToken"] = json!(token);
        collection["links"]["next"] = json!({
            "uri": uri,
            "method": "GET",
            "headers": [{ "key": "MS-ContinuationToken", "value": token }],
        });
    }
    collection
}

/// `GET /v1/customers/{id}`.
pub(super) fn customer(visit: &Visit<'_>) -> Reply {
    about_customer(visit, |creation| Reply::json(200, &render::looked_up(creation, &creation.order())))
}

/// `GET /v1/customers/{id}/profiles/company`, where the links of a customer lead.
pub(super) fn company_profile(visit: &Visit<'_>) -> Reply {
    about_customer(visit, |creation| Reply::json(200, &render::company(creation, &creation.order())))
}

/// `GET /v1/customers/{id}/profiles/billing`.
pub(super) fn billing_profile(visit: &Visit<'_>) -> Reply {
    about_customer(visit, |creation| Reply::json(200, &render::billing(creation, &creation.order())))
}

/// Answers for the customer in the path. A tenant that is not a customer of the partner gets the documented error.
pub(super) fn about_customer(visit: &Visit<'_>, answer: impl FnOnce(&Creation) -> Reply) -> Reply {
    let Ok(id) = Uuid::try_parse(&visit.arrived.parameter) else {
        return Reply::refusal(400, 2000, "The customer id is not a GUID.", &[]);
    };
    let found = lock(&visit.simulation.directory).find(id);
    match found {
        Found::Ours(creation) => answer(&creation),
        Found::NotOurs => refusals::with_code(403, 20_002),
        Found::Nothing => Reply::refusal(404, 60_003, "The tenant was not found.", &[]),
    }
}

/// `HEAD /v1/domains/{domain}`.
pub(super) fn domain(visit: &Visit<'_>) -> Reply {
    let domain = &visit.arrived.parameter;
    if !refusals::is_well_formed(domain) {
        return Reply::empty(400);
    }
    let taken = lock(&visit.simulation.directory).is_taken(domain);
    Reply::empty(if taken { 200 } else { 404 })
}
