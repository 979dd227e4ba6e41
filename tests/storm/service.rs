//! The service as the program reaches it: the simulator, called in this process, at the end of a way on which requests
//! and answers take their time, get lost, and arrive after the one who sent them is dead.

use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::{Request, Response};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tenantry_oracle::Arrived;
use tenantry_service::transport::{InsideAnswer, NoResponse, Unanswered};
use tenantry_simulator::{self as simulator, Config, Operation, Scenario, ScriptedFault};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::disk::{self, Death};
use crate::plan::{self, Event, Phase, ServiceFault};

/// A request on its way.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    /// The ledger of the program that sent it. `None`: a copy has taken its place.
    ledger: Option<usize>,
    method: String,
    uri: String,
    headers: axum::http::HeaderMap,
    body: Bytes,
}

impl Sent {
    fn of(request: &reqwest::Request, ledger: usize) -> Sent {
        let url = request.url();
        let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
        Sent {
            ledger: Some(ledger),
            method: request.method().as_str().to_owned(),
            uri: format!("{}{query}", url.path()),
            headers: request.headers().clone(),
            body: request
                .body()
                .and_then(reqwest::Body::as_bytes)
                .map(Bytes::copy_from_slice)
                .unwrap_or_default(),
        }
    }

    fn request(&self) -> Request<Body> {
        let mut request = Request::new(Body::from(self.body.clone()));
        *request.method_mut() = self.method.parse().expect("a method");
        *request.uri_mut() = self.uri.parse().expect("a path");
        *request.headers_mut() = self.headers.clone();
        request
    }

    fn operation(&self) -> Option<Operation> {
        let path = self.uri.split('?').next().unwrap_or_default();
        let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        Some(match (self.method.as_str(), parts.as_slice()) {
            ("POST", ["v1", "customers"]) => Operation::Create,
            ("GET", ["v1", "customers"]) => Operation::Search,
            ("HEAD", ["v1", "domains", _]) => Operation::Domain,
            ("POST", ["v1", "customers", _, "agreements"]) => Operation::ConfirmAgreement,
            ("GET", ["v1", "agreements"]) => Operation::AgreementTemplates,
            ("POST", [.., "token"]) => Operation::Token,
            _ => return None,
        })
    }

    fn header(&self, name: &str) -> String {
        self.headers.get(name).and_then(|it| it.to_str().ok()).unwrap_or_default().to_owned()
    }
}

/// The service and the way there.
pub(crate) struct Place {
    service: simulator::Service,
    traits: plan::Service,
    rng: StdRng,
    /// What is on its way to the service, with the time of its arrival.
    on_their_way: Vec<(u64, Instant, Sent)>,
    /// What has an effect, with the ledger as in [`Sent`].
    pub(crate) arrived: Vec<(Option<usize>, Arrived)>,
    /// The correlation ids of creates whose answer the program got in this life, a success, whole and unspoilt.
    pub(crate) answered: Vec<String>,
    ledger: usize,
    sent_ever: u64,
    /// Of these: before this life.
    sent_before: u64,
    /// Requests of this life.
    sent: u64,
    /// When those of them left that count against the rate.
    pub(crate) departures: Vec<Instant>,
    pub(crate) answers: u64,
    event: Option<Event>,
    pub(crate) is_signalled: bool,
}

static PLACE: Mutex<Option<Place>> = Mutex::new(None);

pub(crate) struct PlaceGuard(MutexGuard<'static, Option<Place>>);

impl std::ops::Deref for PlaceGuard {
    type Target = Place;
    fn deref(&self) -> &Place {
        self.0.as_ref().expect("there is a service")
    }
}

impl std::ops::DerefMut for PlaceGuard {
    fn deref_mut(&mut self) -> &mut Place {
        self.0.as_mut().expect("there is a service")
    }
}

pub(crate) fn place() -> PlaceGuard {
    PlaceGuard(PLACE.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Another service, for another world.
pub(crate) fn open(seed: u64, traits: &plan::Service) {
    let memory = (traits.memory_s > 0).then(|| Duration::from_secs(traits.memory_s));
    let scenario = Scenario {
        replay_password: traits.replays_passwords,
        idempotency_memory: memory,
        visibility_lag: Duration::from_secs(traits.visibility_s),
        token_lifetime: Duration::from_secs(traits.token_lifetime_s),
        ..Scenario::default()
    };
    let service = simulator::Service::new(&Config { scenario, ..Config::default() }).expect("it has no file");
    let place = Place {
        service,
        traits: traits.clone(),
        rng: StdRng::seed_from_u64(seed),
        on_their_way: Vec::new(),
        arrived: Vec::new(),
        answered: Vec::new(),
        ledger: 0,
        sent_ever: 0,
        sent_before: 0,
        sent: 0,
        departures: Vec::new(),
        answers: 0,
        event: None,
        is_signalled: false,
    };
    *PLACE.lock().unwrap_or_else(PoisonError::into_inner) = Some(place);
}

impl Place {
    pub(crate) fn service(&self) -> &simulator::Service {
        &self.service
    }

    /// From now on it does what it should, at once.
    pub(crate) fn recovers(&mut self) {
        self.traits.faults.clear();
        self.traits.latency_ms = 0;
    }

    /// A life of the program begins, on the ledger with this number.
    pub(crate) fn begin(&mut self, ledger: usize, event: Option<Event>) {
        self.ledger = ledger;
        (self.sent, self.sent_before, self.event, self.is_signalled) = (0, self.sent_ever, event, false);
        self.answered.clear();
        self.departures.clear();
    }

    /// A life has ended: some of what is on its way arrives nevertheless, and so early that it is visible before the settle
    /// delay has passed. Later, its customer cannot be told from one of others.
    pub(crate) fn sender_died(&mut self) {
        let Place { on_their_way, rng, sent_before, .. } = self;
        // What died in an earlier life is late already.
        let is_of_this_life = |number: u64| number > *sent_before;
        on_their_way.retain(|(number, ..)| !is_of_this_life(*number) || rng.random());
        for (_, arrives_at, _) in on_their_way.iter_mut().filter(|(number, ..)| is_of_this_life(*number)) {
            *arrives_at += Duration::from_secs(*[0, 1, 20, 80].get(rng.random_range(0..4)).expect("four"));
        }
    }

    /// A copy takes the place of a ledger; it does not know what that has sent.
    pub(crate) fn ledger_is_replaced(&mut self, ledger: usize) {
        for (.., sent) in &mut self.on_their_way {
            sent.ledger = sent.ledger.filter(|its| *its != ledger);
        }
    }

    fn latency(&mut self) -> Duration {
        Duration::from_millis(self.rng.random_range(0..=self.traits.latency_ms))
    }

    fn fault(&mut self, operation: Option<Operation>) -> Option<ServiceFault> {
        let operation = operation?;
        let all = self.traits.faults.iter().filter(|(of, _)| *of == operation);
        let all: Vec<ServiceFault> = all.map(|(_, fault)| *fault).collect();
        if all.is_empty() || !self.rng.random_bool(self.traits.fault_share) {
            return None;
        }
        all.get(self.rng.random_range(0..all.len())).copied()
    }

    fn is_now(&self, number: u64, now: Phase) -> Option<Death> {
        match self.event {
            Some(Event::Request { at, phase, is_power_cut }) if at == number && phase == now => {
                Some(if is_power_cut { Death::PowerCut } else { Death::Kill })
            }
            _ => None,
        }
    }
}

/// Lets what the dead have sent arrive.
pub(crate) fn carry_on() {
    let left = place().on_their_way.clone();
    for (number, arrives_at, sent) in left {
        drop(tokio::spawn(async move {
            tokio::time::sleep_until(arrives_at).await;
            drop(arrive(number, &sent).await);
        }));
    }
}

/// A request arrives at the service. `None`: it has arrived before.
async fn arrive(number: u64, sent: &Sent) -> Option<Result<Response<Body>, simulator::Unanswered>> {
    let service = {
        let mut place = place();
        let index = place.on_their_way.iter().position(|(of, ..)| *of == number)?;
        drop(place.on_their_way.swap_remove(index));
        let operation = sent.operation();
        if let Some(operation @ (Operation::Create | Operation::ConfirmAgreement)) = operation {
            let (request_id, correlation_id) = (sent.header("ms-requestid"), sent.header("ms-correlationid"));
            let ledger = sent.ledger;
            place.arrived.push((ledger, Arrived { operation, request_id, correlation_id }));
        }
        place.answers += 1;
        place.service.clone()
    };
    Some(service.answer(sent.request()).await)
}

fn silence(reason: &str) -> NoResponse {
    NoResponse { is_closing: true, ..reason.into() }
}

/// What the program's requests come to in place of the network.
pub(crate) fn answer(request: reqwest::Request) -> InsideAnswer {
    let (tell, told) = oneshot::channel();
    let sent = Sent::of(&request, place().ledger);
    // The service goes on when nobody waits any more.
    drop(tokio::spawn(async move { drop(tell.send(way(sent).await)) }));
    Box::pin(async move {
        match told.await {
            Ok((answer, created)) => {
                place().answered.extend(created);
                answer
            }
            // The task has ended with the world.
            Err(_) => std::future::pending().await,
        }
    })
}

/// How a request leaves.
struct Departure {
    there: Duration,
    back: Duration,
    fault: Option<ServiceFault>,
    /// Its number in this life, and in this world.
    number: u64,
    ever: u64,
}

/// `None`: the sender is dead.
fn depart(sent: &Sent) -> Option<Departure> {
    if disk::death().is_some() {
        return None;
    }
    let (departure, death) = {
        let mut place = place();
        place.sent += 1;
        place.sent_ever += 1;
        let (number, ever) = (place.sent, place.sent_ever);
        let (there, back) = (place.latency(), place.latency());
        if sent.operation() != Some(Operation::Token) {
            place.departures.push(Instant::now());
        }
        let fault = place.fault(sent.operation());
        if fault != Some(ServiceFault::NoConnection) {
            place.on_their_way.push((ever, Instant::now() + there, sent.clone()));
        }
        if let Some(Event::Signals { first, second }) = place.event
            && (first == number || second == Some(number))
        {
            place.is_signalled = true;
            let me = rustix::process::getpid();
            rustix::process::kill_process(me, rustix::process::Signal::INT).expect("it is this process");
        }
        (Departure { there, back, fault, number, ever }, place.is_now(number, Phase::OnItsWay))
    };
    match death {
        Some(death) => {
            disk::die(death);
            None
        }
        None => Some(departure),
    }
}

/// The answer, and the correlation id of a create that it reports as done.
async fn way(sent: Sent) -> (Result<reqwest::Response, Unanswered>, Option<String>) {
    let Some(Departure { there, back, fault, number, ever }) = depart(&sent) else {
        return std::future::pending().await;
    };
    let operation = sent.operation();
    if fault == Some(ServiceFault::NoConnection) {
        tokio::time::sleep(there).await;
        let hint = Some("check the network".to_owned());
        let silence = NoResponse { hint, ..NoResponse::from("the service refused the connection") };
        return (Err(Unanswered { is_not_sent: true, silence }), None);
    }
    if !there.is_zero() {
        tokio::time::sleep(there).await;
    }
    if let (Some(ServiceFault::Of(fault)), Some(operation)) = (fault, operation) {
        place().service.script(ScriptedFault::next(operation, fault));
    }
    let Some(answer) = arrive(ever, &sent).await else { return std::future::pending().await };
    let death = place().is_now(number, Phase::Done);
    if let Some(death) = death {
        disk::die(death);
        return std::future::pending().await;
    }
    if !back.is_zero() {
        tokio::time::sleep(back).await;
    }
    let answer = match answer {
        Err(simulator::Unanswered::Stalled) => return std::future::pending().await,
        Err(simulator::Unanswered::Dropped | simulator::Unanswered::Gone(_)) => {
            Err(Unanswered { is_not_sent: false, silence: silence("the connection was closed") })
        }
        Ok(response) => Ok(response),
    };
    if disk::death().is_some() {
        return std::future::pending().await;
    }
    let answer = match answer {
        Ok(response) => {
            let (response, created) = delivered(response, &sent, fault.is_none()).await;
            (Ok(response), created)
        }
        Err(silence) => (Err(silence), None),
    };
    let death = place().is_now(number, Phase::Answered);
    if let Some(death) = death {
        disk::die(death);
    }
    answer
}

async fn delivered(
    response: Response<Body>,
    sent: &Sent,
    is_unspoilt: bool,
) -> (reqwest::Response, Option<String>) {
    const LONGEST: usize = 4 << 20;
    let (parts, body) = response.into_parts();
    let whole = to_bytes(body, LONGEST).await;
    let is_created = whole.is_ok() && parts.status == 201 && sent.operation() == Some(Operation::Create);
    let created = (is_created && is_unspoilt).then(|| sent.header("ms-correlationid"));
    let body = match whole {
        Ok(bytes) => reqwest::Body::from(bytes.to_vec()),
        Err(_) => reqwest::Body::wrap(Cut(Some(Bytes::from_static(b"{\"id\":")))),
    };
    let mut response = Response::new(body);
    *response.status_mut() = parts.status;
    *response.headers_mut() = parts.headers;
    (response.into(), created)
}

/// A body that ends too early.
struct Cut(Option<Bytes>);

impl http_body::Body for Cut {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, std::io::Error>>> {
        Poll::Ready(Some(match self.0.take() {
            Some(bytes) => Ok(http_body::Frame::data(bytes)),
            None => Err(std::io::ErrorKind::ConnectionReset.into()),
        }))
    }
}
