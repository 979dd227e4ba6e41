//! A client that shows the raw wire: one connection per request, read to its end.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use uuid::Uuid;

use super::super::{Config, Scenario, Simulator};

/// The timeout after which a reply counts as stalled. It is longer than the slowest delivery, the slow body with 2 s.
pub(super) const PATIENCE: Duration = Duration::from_secs(4);

/// Everything that arrived before the connection ended or the timeout passed.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: Option<u16>,
    pub(super) headers: HashMap<String, String>,
    pub(super) body: Vec<u8>,
    /// The reason phrase of the status line.
    pub(super) reason: String,
    pub(super) stalled: bool,
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(super) fn code(&self) -> u64 {
        self.json()["code"].as_u64().unwrap()
    }

    pub(super) fn is_cut(&self) -> bool {
        self.headers
            .get("content-length")
            .is_some_and(|length| length.parse::<usize>().unwrap() > self.body.len())
    }

    fn parse(received: &[u8], stalled: bool) -> Answer {
        let text = String::from_utf8_lossy(received);
        let head_length = text.find("\r\n\r\n").map_or(received.len(), |end| end + 4);
        let mut lines = text[..head_length.min(text.len())].lines();
        let mut first = lines.next().map(|line| line.splitn(3, ' ').skip(1));
        let status = first.as_mut().map(|parts| parts.next().unwrap().parse().unwrap());
        let reason = first.and_then(|mut parts| parts.next()).unwrap_or_default().to_owned();
        let header = |line: &str| {
            line.split_once(": ").map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        };
        Answer {
            status,
            headers: lines.filter_map(header).collect(),
            body: received[head_length..].to_vec(),
            reason,
            stalled,
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Client(pub(super) SocketAddr);

impl Client {
    pub(super) async fn send(self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut stream = TcpStream::connect(self.0).await.unwrap();
        let mut head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-length: {}\r\n",
            self.0,
            body.len()
        );
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        stream.write_all(format!("{head}\r\n{body}").as_bytes()).await.unwrap();
        let mut received = Vec::new();
        let read = async { while stream.read_buf(&mut received).await.is_ok_and(|count| count > 0) {} };
        let stalled = timeout(PATIENCE, read).await.is_err();
        Answer::parse(&received, stalled)
    }

    /// Sends a complete API request.
    pub(super) async fn call(self, method: &str, path: &str, id: Uuid, body: &str) -> Answer {
        let (id, correlation_id) = (id.to_string(), Uuid::new_v4().to_string());
        let headers = [
            ("Authorization", "Bearer a-token"),
            ("MS-RequestId", id.as_str()),
            ("MS-CorrelationId", correlation_id.as_str()),
            ("Content-Type", "application/json"),
        ];
        self.send(method, path, &headers, body).await
    }

    pub(super) async fn create(self, domain: &str) -> Answer {
        self.create_under(Uuid::new_v4(), &order(domain)).await
    }

    pub(super) async fn create_under(self, id: Uuid, order: &Value) -> Answer {
        self.call("POST", "/v1/customers", id, &order.to_string()).await
    }

    pub(super) async fn get(self, path: &str) -> Answer {
        self.call("GET", path, Uuid::new_v4(), "").await
    }

    pub(super) async fn is_taken(self, domain: &str) -> bool {
        let answer = self.call("HEAD", &format!("/v1/domains/{domain}"), Uuid::new_v4(), "").await;
        match answer.status {
            Some(200) => true,
            Some(404) => false,
            other => panic!("a domain check answered {other:?}"),
        }
    }

    /// Returns the domains that a search finds.
    pub(super) async fn search(self, field: &str, value: &str) -> Vec<String> {
        let filter = json!({ "Field": field, "Value": value, "Operator": "starts_with" }).to_string();
        let filter: String = url::form_urlencoded::byte_serialize(filter.as_bytes()).collect();
        let answer = self.get(&format!("/v1/customers?size=0&filter={filter}")).await;
        assert_eq!(answer.status, Some(200));
        domains(&answer.json())
    }

    pub(super) async fn token(self, secret: &str, scope: &str) -> Answer {
        let form = [("grant_type", "client_credentials"), ("client_id", "an-app"), ("client_secret", secret)];
        self.sign_in("v2.0/token", &[&form[..], &[("scope", scope)]].concat()).await
    }

    /// Sends a form to the authority.
    pub(super) async fn sign_in(self, endpoint: &str, form: &[(&str, &str)]) -> Answer {
        let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let headers = [("Content-Type", "application/x-www-form-urlencoded")];
        self.send("POST", &format!("/contoso/oauth2/{endpoint}"), &headers, &form).await
    }

    /// Sends an API request with this token.
    pub(super) async fn get_as(self, token: &str, path: &str) -> Answer {
        let bearer = format!("Bearer {token}");
        self.send("GET", path, &[("Authorization", &bearer)], "").await
    }
}

pub(super) fn domains(collection: &Value) -> Vec<String> {
    let items = collection["items"].as_array().unwrap();
    items.iter().map(|item| item["companyProfile"]["domain"].as_str().unwrap().to_owned()).collect()
}

/// The body of a create that is accepted.
pub(super) fn order(domain: &str) -> Value {
    json!({
        "enableGDAPByDefault": true,
        "companyProfile": { "domain": domain },
        "billingProfile": {
            "email": "gena@wingtiptoys.com",
            "culture": "EN-US",
            "language": "en",
            "companyName": format!("Company {domain}"),
            "defaultAddress": {
                "firstName": "Gena",
                "lastName": "Soto",
                "addressLine1": "One Microsoft Way",
                "city": "Redmond",
                "state": "WA",
                "postalCode": "98052",
                "country": "US",
            },
        },
    })
}

pub(super) async fn start(scenario: Scenario) -> (Simulator, Client) {
    let simulator = Simulator::start(Config { scenario, ..Config::default() }).await.unwrap();
    let client = Client(simulator.address());
    (simulator, client)
}
