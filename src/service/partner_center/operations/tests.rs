//! Tests every lookup against the simulator, which shares no types with the client.

use secrecy::SecretString;
use tenantry_simulator::{AddressValidation, Config, CountryRules, PARTNER_TENANT_ID, Scenario, Simulator};

use super::*;
use crate::partner_center::answers::IndirectReseller;
use crate::partner_center::{CallIds, Class, Client, ClientSettings};
use crate::transport::Network;

/// A reseller in the simulator's table, two that have not signed, and a partner that does not exist.
const RESELLER: &str = "484e548c-f5f3-4528-93a9-c16c6373cb59";
const SAYS_NO: &str = "dea10000-0000-4000-8000-000000000002";
const REFUSED: &str = "dea10000-0000-4000-8000-000000000003";
const NO_PARTNER: &str = "dea10000-0000-4000-8000-00000000ffff";

struct Bench {
    client: Client,
    token: SecretString,
    // Stopped on drop.
    _simulator: Simulator,
}

impl Bench {
    async fn new(scenario: Scenario) -> Self {
        let simulator = Simulator::start(Config { scenario, ..Config::default() }).await.unwrap();
        let settings = ClientSettings {
            api_url: simulator.url().parse().unwrap(),
            network: Network::default(),
            timeout: std::time::Duration::from_secs(20),
            connections: 1,
        };
        let client = Client::new(&settings).unwrap();
        Self { client, token: SecretString::from("any"), _simulator: simulator }
    }

    async fn ask<T>(&self, request: Request<'_, T>) -> Outcome<T> {
        self.client.send(&request, &self.token, CallIds::draw()).await.outcome
    }

    async fn address(&self, line: &str) -> AddressVerdict {
        let customer: Customer = serde_json::from_value(serde_json::json!({
            "company_name": "c", "domain": "d", "email": "e", "culture": "en-US", "language": "en",
            "first_name": "f", "last_name": "l", "address_line1": line, "city": "Redmond", "state": "WA",
            "postal_code": "98052", "country": "US", "enable_gdap_by_default": true
        }))
        .unwrap();
        answered(self.ask(validate_address(&customer)).await)
    }

    async fn rules(&self, country: &str) -> Option<String> {
        answered(self.ask(country_rules(country)).await)
    }

    async fn agreement(&self, reseller: &str) -> MpaStatus {
        let reseller = reseller.parse().unwrap();
        answered(self.ask(reseller_agreement(reseller)).await)
    }
}

#[track_caller]
fn answered<T: std::fmt::Debug>(outcome: Outcome<T>) -> T {
    match outcome {
        Outcome::Done(answer) => answer,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn addresses_are_asked_about_in_both_generations() {
    for address_validation in [AddressValidation::First, AddressValidation::Second] {
        let bench = Bench::new(Scenario { address_validation, ..Scenario::default() }).await;
        assert_eq!(bench.address("1 Microsoft Way").await, AddressVerdict::Verified);
        let wrong = bench.address("1 Nowhere #None").await;
        assert!(matches!(wrong, AddressVerdict::Wrong { .. }), "{wrong:?}");
    }
    let bench = Bench::new(Scenario::default()).await;
    let partial = bench.address("3 Microsoft Way").await;
    let AddressVerdict::Doubtful { status, suggestions } = &partial else { panic!("{partial:?}") };
    assert_eq!((status.as_str(), suggestions.len()), ("PremisesPartial", 2));
    let unheard_of = bench.address("1 Nowhere #Unheard").await;
    assert_eq!(unheard_of, AddressVerdict::NotChecked { reason: "Unheard".to_owned() });
}

#[tokio::test]
async fn country_rules_come_in_both_shapes() {
    for (country_rules, name) in
        [(CountryRules::Recorded, "supportedStatesList"), (CountryRules::Documented, "\"states\"")]
    {
        let bench = Bench::new(Scenario { country_rules, ..Scenario::default() }).await;
        let Some(body) = bench.rules("US").await else { panic!("no rules") };
        assert!(body.contains(name), "{body}");
        assert_eq!(bench.rules("UK").await, None);
    }
}

#[tokio::test]
async fn resellers_their_agreements_and_our_profile_are_known_to_a_user() {
    let bench = Bench::new(Scenario::default()).await;
    let page = answered(bench.ask(indirect_resellers(None)).await);
    let is_ours = |it: &IndirectReseller| it.tenant_id.to_string() == RESELLER;
    let found = page.items.iter().find(|it| is_ours(it)).unwrap();
    assert_eq!((found.state.as_deref(), page.next), (Some("Active"), None));

    assert_eq!(bench.agreement(RESELLER).await, MpaStatus::Signed);
    assert_eq!(bench.agreement(SAYS_NO).await, MpaStatus::NotSigned { reason: None });
    let refused = bench.agreement(REFUSED).await;
    assert!(matches!(refused, MpaStatus::NotSigned { reason: Some(_) }), "{refused:?}");
    let unknown = bench.agreement(NO_PARTNER).await;
    assert!(matches!(unknown, MpaStatus::Unknown { .. }), "{unknown:?}");

    let profile = bench.ask(organization_profile()).await;
    assert_eq!(answered(profile).tenant_id.as_deref(), Some(PARTNER_TENANT_ID));
}

#[tokio::test]
async fn what_takes_a_user_is_refused_to_an_app() {
    let scenario = Scenario { unknown_token: tenantry_simulator::TokenKind::AppOnly, ..Scenario::default() };
    let bench = Bench::new(scenario).await;
    let asked = bench.ask(organization_profile()).await;
    assert!(matches!(asked, Outcome::Refused(Class::FixTheRights, _)), "{asked:?}");
}
