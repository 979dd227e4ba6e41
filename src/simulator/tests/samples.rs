//! Compares the simulator with the fact book's samples: same status, headers and field names.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use uuid::Uuid;

use super::super::{AddressValidation, Limit, MfaEnforcement, Scenario};
use super::client::{Answer, order, start};
use super::rights;

macro_rules! sample {
    ($name:literal) => {
        Sample::parse(include_str!(concat!("../../../tests/wire/", $name, ".http")))
    };
}

/// One exchange of the fact book.
struct Sample {
    request_body: Option<Value>,
    request_form: Vec<(String, String)>,
    status: u16,
    headers: Vec<String>,
    body: String,
}

impl Sample {
    fn parse(text: &str) -> Sample {
        let text: String =
            text.lines().filter(|line| !line.starts_with("# ")).flat_map(|line| [line, "\n"]).collect();
        let (request, response) = text.split_once("### response").unwrap_or(("", &text));
        let (head, body) = response.trim().split_once("\n\n").unwrap_or((response.trim(), ""));
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers = lines.map(|line| line.split(':').next().unwrap().to_ascii_lowercase()).collect();
        let request_body = request.find("\n{").map(|start| printed_json(&request[start..]));
        let form = request.trim().lines().last().unwrap_or_default();
        let request_form = url::form_urlencoded::parse(form.as_bytes()).into_owned().collect();
        Sample { request_body, request_form, status, headers, body: body.trim().to_owned() }
    }

    /// Parses the responses in a document with several exchanges.
    fn parse_all<const N: usize>(text: &str) -> [Sample; N] {
        let parts = text.split("\n### ").filter(|part| part.starts_with("response"));
        let responses = parts.map(|part| Sample::parse(part.split_once('\n').unwrap().1));
        responses.collect::<Vec<_>>().try_into().ok().unwrap()
    }

    fn check(&self, answer: &Answer) {
        assert_eq!(answer.status, Some(self.status));
        for header in &self.headers {
            assert!(answer.headers.contains_key(header), "{header} is missing in {answer:?}");
        }
        let expected =
            if self.body.is_empty() { Value::Null } else { serde_json::from_str(&self.body).unwrap() };
        let got = if answer.body.is_empty() { Value::Null } else { answer.json() };
        assert_eq!(field_names(&got), field_names(&expected));
    }
}

/// Parses JSON from the documentation, which contains trailing commas.
fn printed_json(text: &str) -> Value {
    let mut json = String::new();
    for line in text.lines() {
        if line.trim_start().starts_with('}') && json.ends_with(',') {
            json.pop();
        }
        json += line.trim();
    }
    serde_json::from_str(&json).unwrap()
}

fn field_names(value: &Value) -> BTreeSet<String> {
    fn collect(path: &str, value: &Value, into: &mut BTreeSet<String>) {
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    let path = format!("{path}.{name}");
                    collect(&path, value, into);
                    into.insert(path);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| collect(&format!("{path}[]"), item, into)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let mut names = BTreeSet::new();
    collect("", value, &mut names);
    names
}

#[tokio::test]
async fn creates_answer_as_printed() {
    let printed = [
        sample!("create-customer-201"),
        sample!("create-customer-201-2019"),
        sample!("create-customer-indirect-201"),
    ];
    for sample in printed {
        let (_simulator, client) = start(Scenario::default()).await;
        let order = sample.request_body.as_ref().unwrap();
        let answer = client.create_under(Uuid::new_v4(), order).await;
        sample.check(&answer);
        let expected: Value = serde_json::from_str(&sample.body).unwrap();
        let got = answer.json();
        for same in ["/billingProfile/culture", "/billingProfile/language", "/relationshipToPartner"] {
            assert_eq!(got.pointer(same), expected.pointer(same), "{same}");
        }
    }
}

#[tokio::test]
async fn refused_creates_answer_as_printed() {
    let (_simulator, client) = start(Scenario::default()).await;
    let check = async |sample: Sample, change: &dyn Fn(&mut Value)| {
        let mut order = order("refused.onmicrosoft.com");
        change(&mut order);
        let answer = client.create_under(Uuid::new_v4(), &order).await;
        sample.check(&answer);
        let expected: Value = serde_json::from_str(&sample.body).unwrap();
        assert_eq!(answer.json(), expected);
    };
    let missing = sample!("create-customer-400-2001-missing");
    check(missing, &|it| it["billingProfile"]["defaultAddress"]["addressLine1"] = Value::Null).await;
    let state = sample!("create-customer-400-27002-state");
    check(state, &|it| it["billingProfile"]["defaultAddress"]["region"] = json!("NA")).await;
    let email = sample!("create-customer-400-27002-email");
    check(email, &|it| it["billingProfile"]["email"] = json!("client1@example.u")).await;
    let ask_for = |it: &mut Value, name: &str| {
        it["companyProfile"]["domain"] = json!(format!("{name}.onmicrosoft.com"));
    };
    for (sample, name) in
        [(sample!("error-1002"), "refuse-403-1002"), (sample!("error-0-not-onboarded"), "refuse-403-0")]
    {
        check(sample, &|it| ask_for(it, name)).await;
    }
}

#[tokio::test]
async fn reads_answer_as_printed() {
    let (_simulator, client) = start(Scenario::default()).await;
    let mut order = order("Contoso190.onmicrosoft.com");
    order["billingProfile"]["firstName"] = json!("Gena");
    order["billingProfile"]["lastName"] = json!("Soto");
    order["billingProfile"]["defaultAddress"]["phoneNumber"] = json!("4255550101");
    let created = client.create_under(Uuid::new_v4(), &order).await.json();

    let filter = "%7B%22Field%22%3A%22CompanyName%22%2C%22Value%22%3A%22comp%22%2C%22Operator%22%3A%22starts_with%22%7D";
    let found = client.get(&format!("/v1/customers?size=0&filter={filter}")).await;
    sample!("customers-filtered-200").check(&found);
    // The older page has no links in its items.
    let older: Value = serde_json::from_str(&sample!("customers-list-200").body).unwrap();
    let listed = client.get("/v1/customers?size=40").await.json();
    assert!(field_names(&older).is_subset(&field_names(&listed)));
    let by_id = client.get(&format!("/v1/customers/{}", created["id"].as_str().unwrap())).await;
    sample!("customer-by-id-200").check(&by_id);
    let not_ours = client.get("/v1/customers/72f988bf-86f1-41af-91ab-2d7cd011db47").await;
    sample!("error-20002").check(&not_ours);
    let taken = client.call("HEAD", "/v1/domains/contoso190.onmicrosoft.com", Uuid::new_v4(), "").await;
    sample!("domain-taken-200").check(&taken);
    let free = client.call("HEAD", "/v1/domains/free.onmicrosoft.com", Uuid::new_v4(), "").await;
    sample!("domain-free-404").check(&free);
}

#[tokio::test]
async fn addresses_are_validated_as_printed() {
    let check = async |sample: Sample, scenario: Scenario| {
        let (_simulator, client) = start(scenario).await;
        let address = sample.request_body.as_ref().unwrap().to_string();
        let answer = client.call("POST", "/v1/validations/address", Uuid::new_v4(), &address).await;
        sample.check(&answer);
        answer
    };
    for sample in
        [sample!("validate-address-200-current"), sample!("validate-address-200-current-streetpartial")]
    {
        let printed: Value = serde_json::from_str(&sample.body).unwrap();
        assert_eq!(check(sample, Scenario::default()).await.json(), printed);
    }
    let first = Scenario { address_validation: AddressValidation::First, ..Scenario::default() };
    check(sample!("validate-address-200-legacy"), first.clone()).await;
    let mut refused = sample!("validate-address-400-legacy");
    // The page shows the request of the valid address for both answers.
    refused.request_body.as_mut().unwrap()["AddressLine1"] = json!("One Microsoft Way #None");
    let printed: Value = serde_json::from_str(&refused.body).unwrap();
    let answer = check(refused, first).await.json();
    let inner = |body: &Value| serde_json::from_str::<Value>(body["description"].as_str().unwrap()).unwrap();
    assert_eq!(field_names(&inner(&answer)), field_names(&inner(&printed)));
}

#[tokio::test]
async fn country_rules_are_answered_as_recorded() {
    let (_simulator, client) = start(Scenario::default()).await;
    for (country, sample) in
        [("US", sample!("country-rules-US-recorded")), ("PT", sample!("country-rules-PT-recorded"))]
    {
        let answer = client.get(&format!("/v1/countryvalidationrules/{country}")).await;
        sample.check(&answer);
        assert_eq!(answer.json(), serde_json::from_str::<Value>(&sample.body).unwrap());
    }
}

#[tokio::test]
async fn partners_are_answered_as_printed() {
    let (_simulator, client) = start(Scenario::default()).await;
    let listed = client.get("/v1/relationships?relationship_type=IsIndirectCloudSolutionProviderOf").await;
    let printed = sample!("indirect-resellers-200");
    printed.check(&listed);
    let printed: Value = serde_json::from_str(&printed.body).unwrap();
    let items = listed.json()["items"].as_array().unwrap().clone();
    assert!(printed["items"].as_array().unwrap().iter().all(|item| items.contains(item)));

    let mut profile = sample!("organization-profile-200");
    profile.body = profile.body.replace(['<', '>'], "\"");
    profile.check(&client.get("/v1/profiles/organization").await);
}

#[tokio::test]
async fn the_agreement_of_a_reseller_is_answered_as_printed() {
    let (_simulator, client) = start(Scenario::default()).await;
    let check = async |sample: Sample, query: &str| {
        let answer = client.get(&format!("/v1/compliance/csp/agreementstatus{query}")).await;
        sample.check(&answer);
        let printed: Value = serde_json::from_str(&sample.body).unwrap();
        for same in ["code", "source", "data"] {
            assert_eq!(answer.json()[same], printed[same], "{query}");
        }
    };
    check(sample!("mpa-status-200"), "?tenantId=484e548c-f5f3-4528-93a9-c16c6373cb59").await;
    check(sample!("mpa-status-400-2000-bad-guid"), "?tenantId=first-up").await;
    check(sample!("mpa-status-400-2000-bad-mpn"), "?mpnId=first-up").await;
    check(sample!("mpa-status-400-2000-both"), "?mpnId=1&tenantId=1").await;
    check(sample!("mpa-status-400-2001-none"), "?tenantId=").await;
    check(sample!("mpa-status-400-2200-unknown-mpn"), "?mpnId=123456").await;
    check(sample!("mpa-status-400-2203-not-signed"), "?mpnId=4847503").await;
    check(sample!("mpa-status-400-2204-no-csp"), "?mpnId=4847505").await;
    check(sample!("mpa-status-400-2205-no-account"), "?tenantId=12345678-ACBD-1234-ABCD-123456789ABC").await;
    check(sample!("mpa-status-400-2206-tenant-not-signed"), "?tenantId=dea10000-0000-4000-8000-000000000003")
        .await;
}

#[tokio::test]
async fn agreements_are_answered_as_printed() {
    let (_simulator, client) = start(Scenario::default()).await;
    let created = client.create("one.onmicrosoft.com").await.json();
    let customer = format!("/v1/customers/{}", created["id"].as_str().unwrap());
    let templates = client.get("/v1/agreements?agreementType=MicrosoftCustomerAgreement").await;
    let printed = sample!("agreement-metadata-200");
    printed.check(&templates);
    assert_eq!(templates.json(), serde_json::from_str::<Value>(&printed.body).unwrap());

    let printed = sample!("agreement-201");
    let acceptance = printed.request_body.as_ref().unwrap().to_string();
    let path = format!("{customer}/agreements");
    printed.check(&client.call("POST", &path, Uuid::new_v4(), &acceptance).await);
    let again = client.call("POST", &path, Uuid::new_v4(), &acceptance).await;
    let printed = include_str!("../../../tests/wire/agreement-duplicate-600061.json");
    assert_eq!(again.json(), serde_json::from_str::<Value>(printed).unwrap());
}

#[tokio::test]
async fn records_are_answered_as_printed() {
    let (_simulator, client) = start(Scenario::default()).await;
    let mut order = order("one.onmicrosoft.com");
    order["associatedPartnerId"] = json!("484e548c-f5f3-4528-93a9-c16c6373cb59");
    client.create_under(Uuid::new_v4(), &order).await;
    let records = client.get("/v1/auditrecords?startDate=2020-09-02").await;
    let printed: Value = serde_json::from_str(&sample!("auditrecords-add-customer-200").body).unwrap();
    assert_eq!(field_names(&records.json()["items"]), field_names(&printed["items"]));
    let inner = |records: &Value| {
        let text = records["items"][0]["resourceNewValue"].as_str().unwrap();
        field_names(&serde_json::from_str(text).unwrap())
    };
    let (got, printed) = (inner(&records.json()), inner(&printed));
    // Null fields are omitted, and the page is older than the GDAP option.
    let unknown: Vec<_> = got.difference(&printed).filter(|name| *name != ".EnableGDAPByDefault").collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

#[tokio::test]
async fn a_next_page_is_linked_as_printed() {
    let (_simulator, client) = start(Scenario { page_size: 1, ..Scenario::default() }).await;
    for domain in ["one.onmicrosoft.com", "two.onmicrosoft.com"] {
        client.create(domain).await;
    }
    let printed: Value = serde_json::from_str(&sample!("paging-next-link").body).unwrap();
    let page = client.get("/v1/customers?size=1").await.json();
    assert_eq!(field_names(&page["links"]), field_names(&printed["links"]));
}

#[tokio::test]
async fn the_gateway_answers_as_printed() {
    let limit = Limit { requests: 1, window: Duration::from_secs(57), count_rejected: true };
    let (_simulator, client) = start(Scenario { limit: Some(limit), ..Scenario::default() }).await;
    let nowhere = client.get("/v1/nowhere").await;
    sample!("error-gateway-404").check(&nowhere);
    assert!(!nowhere.headers.contains_key("ms-requestid"));
    let throttled = client.get("/v1/customers").await;
    sample!("throttled-429").check(&throttled);
    assert_eq!(throttled.headers["retry-after"], "57");
    assert_eq!(throttled.json()["message"], "Rate limit is exceeded. Try again in 57 seconds.");
}

#[tokio::test]
async fn the_authority_answers_as_printed() {
    let (_simulator, client) = start(Scenario::default()).await;
    let issued = client.token("secret", "https://api.partnercenter.microsoft.com/.default").await;
    sample!("token-client-credentials-v2-200").check(&issued);
    let refused = client.token("secret", "https://foo.microsoft.com/.default").await;
    sample!("token-error-400").check(&refused);
    assert_eq!(refused.json()["error"], "invalid_scope");
    let current = sample!("token-client-credentials-v1-200-current");
    for sample in [sample!("token-client-credentials-v1-200"), current, sample!("token-refresh-v1-200")] {
        let mut form = sample.request_form.clone();
        form.push(("refresh_token".to_owned(), "any".to_owned()));
        let form: Vec<_> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let issued = client.sign_in("token", &form).await;
        sample.check(&issued);
        let printed: Value = serde_json::from_str(&sample.body).unwrap();
        assert_eq!(issued.json()["resource"], printed["resource"]);
    }
}

#[tokio::test]
async fn a_device_code_is_answered_as_printed() {
    let (_simulator, client) = start(Scenario::default()).await;
    let [begun, pending, done] = Sample::parse_all(include_str!("../../../tests/wire/device-code.http"));
    let scope = "https://api.partnercenter.microsoft.com/user_impersonation offline_access";
    let answer = client.sign_in("v2.0/devicecode", &[("client_id", "an-app"), ("scope", scope)]).await;
    begun.check(&answer);
    let device_code = answer.json()["device_code"].as_str().unwrap().to_owned();
    let form = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
        ("client_id", "an-app"),
        ("device_code", device_code.as_str()),
    ];
    let printed: Value = serde_json::from_str(&pending.body).unwrap();
    let answer = client.sign_in("v2.0/token", &form).await.json();
    assert!(field_names(&printed).is_subset(&field_names(&answer)), "the page leaves fields out");
    assert_eq!(answer["error"], printed["error"]);
    done.check(&client.sign_in("v2.0/token", &form).await);
}

#[tokio::test]
async fn mfa_was_asked_for_as_printed() {
    let (_simulator, client) = start(Scenario { mfa: MfaEnforcement::Worded, ..Scenario::default() }).await;
    let without_mfa = rights::token(&json!({ "scp": "user_impersonation" }));
    let mut sample = sample!("mfa-required-401-2019");
    // For an empty body, this server sends only the length.
    sample.headers.retain(|header| header != "transfer-encoding");
    sample.check(&client.get_as(&without_mfa, "/v1/customers").await);
}
