//! Tests against a simulator inside this process.

use std::time::Duration;

use secrecy::SecretString;
use tenantry_simulator::{Config, Fault, Operation, Scenario, ScriptedFault, Simulator};
use tokio::time::Instant;

use super::*;
use crate::auth::{App, Authority, ClientProof, SignIn};
use crate::partner_center::ClientSettings;
use crate::partner_center::operations::domain_taken;
use crate::transport::Network;

struct Bench {
    simulator: Simulator,
    caller: Caller,
}

impl Bench {
    async fn new(sign_in: SignIn) -> Self {
        let simulator = Simulator::start(Config { scenario: Scenario::default(), ..Config::default() });
        let simulator = simulator.await.unwrap();
        let url: url::Url = simulator.url().parse().unwrap();
        let settings = ClientSettings {
            api_url: url.clone(),
            network: Network::default(),
            timeout: Duration::from_secs(20),
            connections: 1,
        };
        let authority = Authority {
            url,
            audience: "https://api.partnercenter.microsoft.com".to_owned(),
            network: Network::default(),
        };
        let caller = Caller {
            client: Client::new(&settings).unwrap(),
            tokens: TokenSource::new(sign_in, authority).unwrap(),
            pacer: Pacer::new(Rate::Unlimited),
            stopping: CancellationToken::new(),
            leaves_lookups: true,
        };
        Self { simulator, caller }
    }

    async fn as_app() -> Self {
        let proof = Some(ClientProof::Secret(SecretString::from("secret")));
        let app = App { tenant: "contoso.example".to_owned(), client_id: "app".to_owned(), proof };
        Self::new(SignIn::AppOnly(app)).await
    }

    fn fault(&self, operation: Operation, fault: Fault, count: u32) {
        self.simulator.script(ScriptedFault::next(operation, fault).times(count));
    }

    fn count(&self, operation: Operation) -> usize {
        self.simulator.requests().iter().filter(|it| it.call.operation == operation).count()
    }

    async fn is_taken(&self) -> Result<bool, CallError> {
        self.caller.lookup(domain_taken("taken-by-others.onmicrosoft.com")).await
    }
}

#[tokio::test]
async fn a_refused_token_is_renewed_once() {
    let bench = Bench::as_app().await;
    bench.fault(Operation::Domain, Fault::Unauthorized, 1);
    assert_eq!(bench.is_taken().await, Ok(true));
    assert_eq!((bench.count(Operation::Domain), bench.count(Operation::Token)), (2, 2));

    bench.fault(Operation::Domain, Fault::Unauthorized, 2);
    let refused = bench.is_taken().await;
    assert!(matches!(refused, Err(Outcome::Refused(Class::FixTheRights, _))), "{refused:?}");
    assert_eq!(bench.count(Operation::Domain), 4);
}

#[tokio::test]
async fn a_token_that_cannot_be_renewed_ends_the_lookup() {
    let bench = Bench::new(SignIn::Token(SecretString::from("any"))).await;
    bench.fault(Operation::Domain, Fault::Unauthorized, 1);
    let refused = bench.is_taken().await;
    assert!(matches!(refused, Err(Outcome::NoToken(auth::Error::Refused { .. }))), "{refused:?}");
}

#[tokio::test]
async fn throttling_is_waited_out_and_is_no_try() {
    let bench = Bench::as_app().await;
    bench.fault(Operation::Domain, Fault::Throttled { retry_after_s: 1 }, 1);
    let begun = Instant::now();
    assert_eq!(bench.is_taken().await, Ok(true));
    assert!(begun.elapsed() >= Duration::from_millis(900), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_lookup_without_an_answer_is_repeated_until_its_fourth_try() {
    let (bench, silent) = (Bench::as_app().await, Bench::as_app().await);
    bench.fault(Operation::Domain, Fault::StatusBefore { status: 503 }, LOOKUP_TRIES - 1);
    silent.fault(Operation::Domain, Fault::HtmlBefore, LOOKUP_TRIES);
    let (answer, silence) = tokio::join!(bench.is_taken(), silent.is_taken());
    assert_eq!(answer, Ok(true));
    assert_eq!(bench.count(Operation::Domain), LOOKUP_TRIES as usize);
    let Err(Outcome::Unknown(silence)) = silence else { panic!("there was an answer") };
    let reason = silence.reason;
    assert!(reason.contains("502") && reason.contains("asked 4 times"), "{reason}");
}

#[tokio::test]
async fn stopping_ends_a_lookup_at_once() {
    let bench = Bench::as_app().await;
    bench.fault(Operation::Domain, Fault::StalledBefore, 1);
    let stop = async {
        while bench.count(Operation::Domain) == 0 {
            tokio::task::yield_now().await;
        }
        bench.caller.stopping.cancel();
    };
    let (answer, ()) = tokio::join!(bench.is_taken(), stop);
    assert_eq!(answer, Err(Outcome::Withdrawn));
    assert_eq!(bench.is_taken().await, Err(Outcome::Withdrawn));
    assert_eq!(bench.count(Operation::Domain), 1);
}
