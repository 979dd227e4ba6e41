//! Indirect resellers: their state, their agreement, and creating customers for them (fact book 4.2 and 11).
//!
//! The table has the resellers of the samples, which are usable, and others that are not, each for a different reason.
//! A GUID that is not in the table is unknown. It is not documented how a create for an unusable reseller is rejected;
//! the codes are the closest documented ones.

use serde_json::{Value, json};
use uuid::Uuid;

use super::incoming_request::Query;
use super::json_body::JsonBody;
use super::refusals;
use super::render;
use super::reply::Reply;

const FAQ: &str = "https://learn.microsoft.com/partner-center/mpa-indirect-provider-faq";

/// The state of the relationship between a reseller and the partner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResellerState {
    /// Active, and the Microsoft Partner Agreement is signed.
    Active,
    /// The relationship exists but is not active.
    Inactive,
    /// Active, but the agreement is not signed: the status is `false`.
    NotSigned,
    /// Active, but the agreement is not signed: the status request is rejected with 2206 or 2203, as documented.
    NotSignedRefused,
    /// In another CSP region: not listed, and the status request is rejected with 2201.
    OtherRegion,
    /// Not an indirect reseller: not listed, and the status request is rejected with 2204.
    NoReseller,
}

/// An indirect reseller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reseller {
    /// Its tenant id, which is the value of `associatedPartnerId`.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// Its MPN id, now called PLA id.
    pub mpn_id: u32,
    /// Its country.
    pub country: String,
    /// The state of the relationship.
    pub state: ResellerState,
}

/// Tenant id, name, MPN id, country and state, as in the module doc of the simulator.
const TABLE: [(&str, &str, u32, &str, ResellerState); 12] = [
    ("8f2c1b7e-5a64-4d0e-9c3b-1e7d2f60a951", "Lindqvist Cloud", 4_847_301, "US", ResellerState::Active),
    ("c41d9e03-7b28-4f95-a1d6-3b9c5e8f2074", "Ferreira Digital", 4_847_302, "PT", ResellerState::Active),
    ("1b6e84fa-20c9-4e37-8d5a-f94a7c13be60", "Raman Systems", 4_847_303, "IN", ResellerState::Active),
    ("e9073d52-64af-4b1c-b8e2-50d1a6f7c398", "O'Brien Online", 4_847_304, "IE", ResellerState::Active),
    ("5da2f816-9e4b-47c3-90f7-2c8b6e15d4a3", "Van Dijk IT", 4_847_305, "NL", ResellerState::Active),
    ("484e548c-f5f3-4528-93a9-c16c6373cb59", "First Up Consultants", 4_847_383, "US", ResellerState::Active),
    ("b01b1487-b36e-4e6d-9b5e-0b58974c4b28", "ReleCloud", 4_847_433, "BR", ResellerState::Active),
    ("dea10000-0000-4000-8000-000000000001", "Dormant Deals", 4_847_501, "US", ResellerState::Inactive),
    ("dea10000-0000-4000-8000-000000000002", "Unsigned Unlimited", 4_847_502, "US", ResellerState::NotSigned),
    (
        "dea10000-0000-4000-8000-000000000003",
        "Pending Papers",
        4_847_503,
        "US",
        ResellerState::NotSignedRefused,
    ),
    ("dea10000-0000-4000-8000-000000000004", "Far Away", 4_847_504, "IN", ResellerState::OtherRegion),
    ("dea10000-0000-4000-8000-000000000005", "Direct Only", 4_847_505, "US", ResellerState::NoReseller),
];

/// All known resellers.
#[derive(Debug)]
pub(super) struct Resellers(Vec<Reseller>);

impl Resellers {
    /// The resellers of the table and `more`; entries of `more` override those with the same id.
    pub(super) fn new(more: &[Reseller]) -> Resellers {
        let of_table = TABLE.iter().map(|&(id, name, mpn_id, country, state)| Reseller {
            id: Uuid::parse_str(id).expect("the table holds GUIDs"),
            name: name.to_owned(),
            mpn_id,
            country: country.to_owned(),
            state,
        });
        let of_table = of_table.filter(|known| more.iter().all(|other| other.id != known.id));
        Resellers(of_table.chain(more.iter().cloned()).collect())
    }

    /// `GET /v1/relationships?relationship_type=IsIndirectCloudSolutionProviderOf`.
    pub(super) fn list(&self, query: &Query) -> Reply {
        let kind = query.get("relationship_type").unwrap_or_default();
        if !kind.eq_ignore_ascii_case("IsIndirectCloudSolutionProviderOf") {
            return Reply::refusal(400, 2000, "The relationship type is invalid.", &[]);
        }
        render::collection(&self.0.iter().filter_map(listed).collect::<Vec<_>>())
    }

    /// The refusal of a create for an unusable reseller.
    pub(super) fn refusal(&self, order: &JsonBody) -> Option<Reply> {
        let id = Uuid::try_parse(order.text("associatedPartnerId")?).ok()?;
        let (status, code) =
            match self.0.iter().find(|reseller| reseller.id == id).map(|reseller| reseller.state) {
                Some(ResellerState::Active) => return None,
                Some(ResellerState::Inactive) => (400, 900_154),
                Some(ResellerState::NotSigned | ResellerState::NotSignedRefused) => (403, 900_123),
                Some(ResellerState::OtherRegion | ResellerState::NoReseller) | None => (400, 800_016),
            };
        Some(refusals::with_code(status, code))
    }

    /// `GET /v1/compliance/csp/agreementstatus`, by exactly one of `tenantId` and `mpnId`.
    pub(super) fn agreement_status(&self, query: &Query) -> Reply {
        let refuse = |code, text| Reply::refusal_by("ComplianceController", 400, code, text, &[]);
        match (query.get("tenantId"), query.get("mpnId")) {
            (Some(_), Some(_)) => refuse(2000, "Both MPN Id and Tenant Id should not be passed."),
            (None, None) => refuse(2001, "Both MPN Id and Tenant Id cannot be empty."),
            (Some(tenant_id), None) => self.status_of_tenant(tenant_id),
            (None, Some(mpn_id)) => self.status_of_mpn_id(mpn_id),
        }
    }

    fn status_of_tenant(&self, tenant_id: &str) -> Reply {
        let Ok(id) = Uuid::try_parse(tenant_id) else {
            return bad_parameter("Tenant Id must be a GUID.");
        };
        match self.0.iter().find(|reseller| reseller.id == id) {
            Some(reseller) => status(reseller, &format!("Tenant Id {tenant_id}"), 2206),
            None => {
                let text = format!("Could not find account with id '{tenant_id}'.");
                Reply::refusal(400, 2205, &text, &[])
            }
        }
    }

    fn status_of_mpn_id(&self, mpn_id: &str) -> Reply {
        let Ok(number) = mpn_id.parse::<u32>() else { return bad_parameter("MPN Id must be numeric.") };
        match self.0.iter().find(|reseller| reseller.mpn_id == number) {
            Some(reseller) => status(reseller, &format!("MPN Id {mpn_id}"), 2203),
            None => {
                let text = format!(
                    "Requested MPN Id {mpn_id} is either invalid or does not exist in Partner Center."
                );
                let guide = "https://partner.microsoft.com/resources/detail/migrate-pmc-pc-mpa-guide-pptx";
                Reply::refusal(400, 2200, &text, &[guide.to_owned()])
            }
        }
    }
}

fn bad_parameter(text: &str) -> Reply {
    Reply::refusal_by("PartnerApiServiceControllers", 400, 2000, text, &[])
}

fn listed(reseller: &Reseller) -> Option<Value> {
    let state = match reseller.state {
        ResellerState::Active | ResellerState::NotSigned | ResellerState::NotSignedRefused => "Active",
        ResellerState::Inactive => "Inactive",
        ResellerState::OtherRegion | ResellerState::NoReseller => return None,
    };
    Some(json!({
        "id": reseller.id,
        "name": reseller.name,
        "relationshipType": "is_indirect_cloud_solution_provider_of",
        "state": state,
        "mpnId": reseller.mpn_id.to_string(),
        "location": reseller.country,
        "attributes": render::attributes("PartnerRelationship"),
    }))
}

/// There are two answers for a missing signature: `false`, or a refusal whose code depends on the id in the request.
fn status(reseller: &Reseller, asked_by: &str, not_signed: u32) -> Reply {
    let signed = |signed: bool| Reply::json(200, &json!({ "isAgreementSigned": signed }));
    let (code, text) = match reseller.state {
        ResellerState::Active | ResellerState::Inactive => return signed(true),
        ResellerState::NotSigned => return signed(false),
        ResellerState::NotSignedRefused => {
            (not_signed, format!("{asked_by} has not signed Microsoft Partner Agreement (MPA)."))
        }
        ResellerState::OtherRegion => (
            2201,
            format!(
                "The CSP region of the requested {asked_by} is India and doesn't match the CSP region United \
                 States of Indirect Provider."
            ),
        ),
        ResellerState::NoReseller => (
            2204,
            format!(
                "Requested {asked_by} is not associated with any CSP Indirect Reseller account in Partner Center."
            ),
        ),
    };
    Reply::refusal(400, code, &text, &[FAQ.to_owned()])
}
