//! Sends requests over the network, or to a service inside this process that a test has put in its place.

use std::pin::Pin;
use std::sync::OnceLock;
use std::time::Duration;

use reqwest::Method;
use url::Url;

use super::{ClientError, Network, NoResponse, Peer, http_client_builder};

/// What a service inside this process answers. The body is complete, or cut short.
pub type InsideAnswer = Pin<Box<dyn Future<Output = Result<reqwest::Response, Unanswered>> + Send>>;

/// A service inside this process.
pub type InsideService = fn(reqwest::Request) -> InsideAnswer;

/// A service inside this process gave no answer.
#[derive(Debug, Clone)]
pub struct Unanswered {
    /// The request certainly did not arrive.
    pub is_not_sent: bool,
    pub silence: NoResponse,
}

static INSIDE: OnceLock<(InsideService, reqwest::Client)> = OnceLock::new();

/// From now on, `service` answers what this process sends to Partner Center and its sign-in service. Only the first call
/// counts.
///
/// # Errors
/// The client that builds the requests could not be built.
pub fn answer_inside(service: InsideService) -> Result<(), ClientError> {
    let anywhere = Url::parse("http://127.0.0.1/").expect("a well-formed address");
    let client = http_client_builder(&anywhere, &Network::default())?.build()?;
    INSIDE.get_or_init(|| (service, client));
    Ok(())
}

/// Sends requests to one host.
#[derive(Debug, Clone)]
pub(crate) struct Http {
    client: reqwest::Client,
    /// The service in place of the network, and the timeout of one whole exchange.
    inside: Option<(InsideService, Duration)>,
}

impl Http {
    /// Sends nothing yet. `timeout`: of one whole exchange.
    pub(crate) fn new(
        url: &Url,
        network: &Network,
        timeout: Duration,
        configure: impl FnOnce(reqwest::ClientBuilder) -> reqwest::ClientBuilder,
    ) -> Result<Self, ClientError> {
        if let Some((service, client)) = INSIDE.get() {
            return Ok(Self { client: client.clone(), inside: Some((*service, timeout)) });
        }
        let builder = http_client_builder(url, network)?.timeout(timeout);
        Ok(Self { client: configure(builder).build()?, inside: None })
    }

    pub(crate) fn request(&self, method: Method, url: Url) -> reqwest::RequestBuilder {
        self.client.request(method, url)
    }

    pub(crate) async fn execute(&self, request: reqwest::Request) -> Result<reqwest::Response, SendError> {
        let Some((service, timeout)) = self.inside else { return Ok(self.client.execute(request).await?) };
        let answer = tokio::time::timeout(timeout, service(request)).await;
        let timed_out = || Unanswered { is_not_sent: false, silence: "timed out".into() };
        answer.unwrap_or_else(|_| Err(timed_out())).map_err(SendError::Inside)
    }
}

/// There was no answer, or no request.
#[derive(Debug)]
pub(crate) enum SendError {
    Network(reqwest::Error),
    Inside(Unanswered),
}

impl From<reqwest::Error> for SendError {
    fn from(error: reqwest::Error) -> Self {
        SendError::Network(error)
    }
}

impl SendError {
    /// Why, and whether the request was certainly not sent. That needs proof: an error after the connection is established
    /// counts as sent, unless the protocol says that the request was not taken.
    pub(crate) fn explain(self, peer: &Peer) -> (NoResponse, bool) {
        match self {
            SendError::Network(error) => {
                let silence = NoResponse::of_error(&error, peer);
                let is_not_sent = error.is_connect() || error.is_builder() || silence.is_not_taken;
                (silence, is_not_sent)
            }
            SendError::Inside(Unanswered { is_not_sent, silence }) => (silence, is_not_sent),
        }
    }
}
