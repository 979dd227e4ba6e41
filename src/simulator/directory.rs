//! The tenants: the partner's customers, tenants of strangers, half-made tenants, and the request ids that created
//! them.
//!
//! Invariants: a domain has one owner, in any letter case. A request id creates at most one customer. An effect is
//! written to the state file before it is applied in memory. All methods are short and synchronous and run under one
//! lock, so the checks of a create are still valid when it takes effect.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::time::Instant;
use uuid::Uuid;

use super::effect::{Acceptance, Creation, Effect};
use super::json_body::JsonBody;
use super::partner::{PARTNER_DOMAIN, PARTNER_TENANT_ID, derived_id};
use super::scenario::Config;
use super::state_file::StateFile;

/// The partner's own tenant and known tenants of others. A client can test its domain check with their domains.
const STRANGERS: [(&str, &str); 3] = [
    (PARTNER_DOMAIN, PARTNER_TENANT_ID),
    ("microsoft.onmicrosoft.com", "72f988bf-86f1-41af-91ab-2d7cd011db47"),
    ("contoso.onmicrosoft.com", "6babcaad-604b-40ac-a9d7-9fd97c0b779f"),
];

#[derive(Debug)]
struct Customer {
    creation: Arc<Creation>,
    /// When searches and lookups start to return the customer.
    visible_at: Instant,
}

/// The filter of a search; the value is in lower case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Filter {
    Everything,
    DomainStartsWith(String),
    CompanyNameStartsWith(String),
}

/// One page of the customers that a search finds, oldest first.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) customers: Vec<Arc<Creation>>,
    /// Where the next page starts, if there is one.
    pub(super) next: Option<usize>,
}

/// What a tenant id refers to.
#[derive(Debug)]
pub(super) enum Found {
    Ours(Arc<Creation>),
    /// The tenant exists but is not a customer of the partner.
    NotOurs,
    Nothing,
}

#[derive(Debug, Default)]
pub(super) struct Directory {
    visibility_lag: Duration,
    idempotency_memory: Option<Duration>,
    state_file: Option<StateFile>,
    /// The partner's customers, in the order they were added.
    customers: Vec<Customer>,
    customer_by_id: HashMap<Uuid, usize>,
    /// Lower-case domain to customer; sorted for prefix searches.
    customer_by_domain: BTreeMap<String, usize>,
    /// Lower-case company name and customer; sorted for prefix searches.
    customer_by_name: BTreeSet<(String, usize)>,
    /// Domains, in lower case, of tenants that are not customers of the partner.
    not_ours: HashSet<String>,
    tenants_not_ours: HashSet<Uuid>,
    /// The creation of each request id, and until when it is remembered.
    remembered: HashMap<Uuid, (Arc<Creation>, Option<Instant>)>,
    /// All acceptances, oldest first.
    pub(super) acceptances: Vec<Acceptance>,
    /// By the customer: their places among all.
    acceptances_by_customer: HashMap<Uuid, Vec<usize>>,
    /// The customers that were created by this simulator, without the customers that existed before.
    pub(super) creations: Vec<Arc<Creation>>,
}

impl Directory {
    /// A directory with the tenants of strangers and with the effects in the state file.
    pub(super) fn open(config: &Config) -> io::Result<Directory> {
        let (state_file, effects) = match &config.state_file {
            Some(path) => {
                let opened = (config.open)(path).and_then(StateFile::take);
                let (file, effects) = opened.map_err(|error| {
                    io::Error::new(error.kind(), format!("state file `{}`: {error}", path.display()))
                })?;
                (Some(file), effects)
            }
            None => (None, Vec::new()),
        };
        let strangers_ids =
            STRANGERS.iter().map(|(_, id)| Uuid::parse_str(id).expect("the table holds GUIDs"));
        let mut directory = Directory {
            visibility_lag: config.scenario.visibility_lag,
            idempotency_memory: config.scenario.idempotency_memory,
            state_file,
            not_ours: STRANGERS.iter().map(|(domain, _)| (*domain).to_owned()).collect(),
            tenants_not_ours: strangers_ids.collect(),
            ..Directory::default()
        };
        for effect in effects {
            directory.apply(effect);
        }
        Ok(directory)
    }

    /// The creation of a request id, while it is remembered.
    pub(super) fn remembered(&self, request_id: Uuid) -> Option<Arc<Creation>> {
        let (creation, until) = self.remembered.get(&request_id)?;
        until.is_none_or(|until| Instant::now() < until).then(|| Arc::clone(creation))
    }

    pub(super) fn is_taken(&mut self, domain: &str) -> bool {
        let domain = domain.to_ascii_lowercase();
        self.adopt_if_ours(&domain);
        domain.starts_with("taken")
            || self.customer_by_domain.contains_key(&domain)
            || self.not_ours.contains(&domain)
    }

    /// Makes an effect durable and visible; after an error, nothing has happened.
    ///
    /// The caller has checked, under the same lock, that the domain is free and the request id is new.
    pub(super) fn record(&mut self, effect: Effect) -> io::Result<()> {
        if let Some(file) = &mut self.state_file {
            file.append(&effect).inspect_err(
                |error| tracing::error!(%error, "the simulator's state file cannot be written"),
            )?;
        }
        self.apply(effect);
        Ok(())
    }

    fn apply(&mut self, effect: Effect) {
        match effect {
            Effect::Created(creation) => {
                let creation = Arc::new(creation);
                let until = self.idempotency_memory.map(|memory| time_after(creation.created_at, memory));
                self.remembered.insert(creation.request_id, (Arc::clone(&creation), until));
                self.creations.push(Arc::clone(&creation));
                self.add_customer(creation, self.visibility_lag);
            }
            Effect::HalfMade { domain, tenant_id, .. } => {
                self.not_ours.insert(domain.to_ascii_lowercase());
                self.tenants_not_ours.insert(tenant_id);
            }
            Effect::AgreementAccepted(acceptance) => {
                let of_customer = self.acceptances_by_customer.entry(acceptance.customer_id).or_default();
                of_customer.push(self.acceptances.len());
                self.acceptances.push(acceptance);
            }
        }
    }

    fn add_customer(&mut self, creation: Arc<Creation>, visibility_lag: Duration) {
        let index = self.customers.len();
        let name = JsonBody::parse(creation.body.as_bytes())
            .and_then(|order| order.text("billingProfile.companyName").map(str::to_lowercase));
        self.customer_by_id.insert(creation.customer_id, index);
        self.customer_by_domain.insert(creation.domain.to_ascii_lowercase(), index);
        self.customer_by_name.insert((name.unwrap_or_default(), index));
        let visible_at = time_after(creation.created_at, visibility_lag);
        self.customers.push(Customer { creation, visible_at });
    }

    /// Adds a domain that starts with `ours` as an existing customer when it is first mentioned.
    ///
    /// Its ids are derived from the domain, so the customer is the same after a restart without an entry in the state
    /// file.
    fn adopt_if_ours(&mut self, domain: &str) {
        let well_formed = domain.starts_with("ours") && domain.contains('.');
        if !well_formed || self.customer_by_domain.contains_key(domain) {
            return;
        }
        let name = domain.split('.').next().unwrap_or_default();
        let body = json!({
            "companyProfile": { "domain": domain },
            "billingProfile": { "companyName": name, "defaultAddress": { "country": "US" } },
        });
        let (customer_id, commerce_id) = (derived_id("customer", domain), derived_id("commerce", domain));
        let unasked = Creation::unasked(domain.to_owned(), customer_id, commerce_id);
        let creation = Creation { body: body.to_string(), ..unasked };
        self.add_customer(Arc::new(creation), Duration::ZERO);
    }

    /// The visible customers that match the filter, starting at index `start`.
    pub(super) fn search(&mut self, filter: &Filter, start: usize, size: usize) -> Page {
        if let Filter::DomainStartsWith(prefix) = filter {
            self.adopt_if_ours(prefix);
        }
        let now = Instant::now();
        let visible = |index: &usize| self.customers[*index].visible_at <= now;
        // Get one more than fits: it is the start of the next page.
        let mut found: Vec<usize> = self.matching(filter, start).filter(visible).take(size + 1).collect();
        let next = found.get(size).copied();
        found.truncate(size);
        let customers = found.iter().map(|&index| Arc::clone(&self.customers[index].creation)).collect();
        Page { customers, next }
    }

    fn matching(&self, filter: &Filter, start: usize) -> Box<dyn Iterator<Item = usize> + '_> {
        let mut found: Vec<usize> = match filter {
            Filter::Everything => return Box::new(start..self.customers.len()),
            Filter::DomainStartsWith(prefix) => {
                let from = self.customer_by_domain.range(prefix.clone()..);
                from.take_while(|(domain, _)| domain.starts_with(prefix)).map(|(_, &index)| index).collect()
            }
            Filter::CompanyNameStartsWith(prefix) => {
                let from = self.customer_by_name.range((prefix.clone(), 0)..);
                from.take_while(|(name, _)| name.starts_with(prefix)).map(|&(_, index)| index).collect()
            }
        };
        found.retain(|&index| index >= start);
        found.sort_unstable();
        Box::new(found.into_iter())
    }

    /// The domain of a customer, even if the customer is not visible yet.
    pub(super) fn domain_of(&self, id: Uuid) -> Option<String> {
        let index = *self.customer_by_id.get(&id)?;
        Some(self.customers[index].creation.domain.clone())
    }

    pub(super) fn find(&self, id: Uuid) -> Found {
        let customer = self.customer_by_id.get(&id).map(|&index| &self.customers[index]);
        match customer {
            Some(customer) if customer.visible_at <= Instant::now() => {
                Found::Ours(Arc::clone(&customer.creation))
            }
            Some(_) => Found::Nothing,
            None if self.tenants_not_ours.contains(&id) => Found::NotOurs,
            None => Found::Nothing,
        }
    }

    pub(super) fn acceptances_of(&self, customer_id: Uuid) -> impl Iterator<Item = &Acceptance> {
        let places = self.acceptances_by_customer.get(&customer_id).into_iter().flatten();
        places.map(|&place| &self.acceptances[place])
    }

    /// The customer that was created last, except the one with `domain`.
    pub(super) fn newest_but(&self, domain: Option<&str>) -> Option<Creation> {
        let is_other = |creation: &&Arc<Creation>| {
            domain.is_none_or(|domain| !creation.domain.eq_ignore_ascii_case(domain))
        };
        self.creations.iter().rev().find(is_other).map(|creation| Creation::clone(creation))
    }

    pub(super) fn creations(&self) -> Vec<Creation> {
        self.creations.iter().map(|creation| Creation::clone(creation)).collect()
    }
}

/// The instant `span` after `moment`, on the monotonic clock. The wall clock is only used to cover restarts.
fn time_after(moment: Timestamp, span: Duration) -> Instant {
    let age = Duration::try_from(crate::clock::now().duration_since(moment)).unwrap_or_default();
    Instant::now() + span.saturating_sub(age)
}
