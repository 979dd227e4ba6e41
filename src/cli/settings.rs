//! Turns the command line into validated settings, with the environment and files read. Code below reads neither.

mod addresses;
mod sign_in;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::SecretString;
use tenantry_simulator::{self as simulator, Scenario, Simulator};
use url::Url;
use uuid::Uuid;

use super::{Failure, args, trusted_hosts};
use crate::auth::{App, Authority, Claims, SignIn, TokenSource};
use crate::backoff::{shorten_for_tests, shortened};
use crate::credentials::default_identity_file;
use crate::files;
use crate::ledger::{self, Environment, Ledger, Queries};
use crate::partner_center::{Client, ClientSettings};
use crate::submitter::{Mode, Policy, Settings};
use crate::transport::{ClientError, Network};
use addresses::{authority, name_of, service_url};
pub(super) use addresses::{network, proxies, without_secrets};
use sign_in::{ACCESS_TOKEN, client_proof, sign_in};
pub(super) use sign_in::{SECRETS, is_secret_set, login, store_of_handed_in};

const LEDGER: &str = "tenantry.db";
const SIMULATED_LEDGER: &str = "tenantry-simulated.db";

/// The API name in ledgers of the built-in simulator, because its port changes.
const SIMULATED_API: &str = "simulator";

impl args::LedgerPath {
    /// The path of a command's ledger.
    pub(crate) fn path(&self) -> PathBuf {
        let default = if self.rehearsal.simulate.is_some() { SIMULATED_LEDGER } else { LEDGER };
        self.ledger.clone().unwrap_or_else(|| PathBuf::from(default))
    }

    /// Reads the ledger. If there is none, suggests the ledger of a rehearsal, which has a different name.
    pub(crate) fn read(&self) -> Result<Queries, Failure> {
        let path = self.path();
        Queries::open(&path).map_err(|error| match error {
            ledger::Error::Missing { .. }
                if path == Path::new(LEDGER) && Path::new(SIMULATED_LEDGER).exists() =>
            {
                Failure::from(error).with_hint(format!(
                    "`{SIMULATED_LEDGER}`, of a rehearsal, is there: add `--simulate` to look at that; `tenantry import \
                     FILE` makes `{LEDGER}`"
                ))
            }
            error => error.into(),
        })
    }

    /// Opens the ledger for a command that changes its rows without Partner Center.
    pub(crate) fn open_to_change(&self, command: &str) -> Result<Ledger, Failure> {
        let environment = self.read()?.environment()?;
        let path = self.path();
        let empty = || ledger::Error::Empty { path: path.clone() };
        Ok(Ledger::open_existing(&path, &environment.ok_or_else(empty)?, command)?)
    }
}

/// A connection to Partner Center. If simulated, the simulator lives as long as this value.
#[derive(Debug)]
pub(crate) struct ServiceConnection {
    pub(crate) api_url: Url,
    pub(crate) authority: Authority,
    pub(crate) sign_in: SignIn,
    pub(crate) environment: Environment,
    /// The suffix of initial domains.
    pub(crate) domain_suffix: &'static str,
    /// How long a new customer may stay invisible, unless an option overrides this.
    pub(crate) settle_delay: Duration,
    /// The configuration of the simulator to start; then `simulator` is the running one.
    rehearsal: Option<simulator::Config>,
    simulator: Option<Simulator>,
}

impl ServiceConnection {
    /// Prepares a connection from the command line and the environment. Contacts, starts and writes nothing yet. A
    /// simulator stores its state next to the ledger; without a ledger, for commands that only look things up, it
    /// stores nothing.
    pub(crate) fn prepare(
        args: &args::ConnectionArgs,
        simulate: Option<&Scenario>,
        ledger: Option<&Path>,
    ) -> Result<Self, Failure> {
        let state_file = ledger.map(|ledger| files::beside(ledger, ".simulator"));
        match simulate {
            Some(scenario) => Ok(Self::to_simulator(scenario.clone(), state_file, args)),
            None => Self::to_service(args),
        }
    }

    /// Starts the simulator, if this connection is to one.
    pub(crate) async fn start_simulator(&mut self) -> Result<(), Failure> {
        let Some(config) = self.rehearsal.take() else { return Ok(()) };
        let simulator = Simulator::start(config)
            .await
            .map_err(|error| Failure::io("could not start the simulator", &error))?;
        let url: Url = simulator.url().parse().expect("the simulator has a well-formed address");
        self.api_url = url.clone();
        self.authority.url = url;
        self.simulator = Some(simulator);
        Ok(())
    }

    /// The client of the API, for this many concurrent requests, and the source of its tokens.
    pub(crate) fn ways(
        &self,
        timeout: Duration,
        connections: usize,
    ) -> Result<(Client, TokenSource), ClientError> {
        let Self { api_url, authority, .. } = self;
        let (api_url, network) = (api_url.clone(), authority.network.clone());
        let client = Client::new(&ClientSettings { api_url, network, timeout, connections })?;
        Ok((client, TokenSource::new(self.sign_in.clone(), authority.clone())?))
    }

    /// Stops the simulator, if there is one.
    pub(crate) async fn close(self) {
        if let Some(simulator) = self.simulator {
            simulator.stop().await;
        }
    }

    fn to_simulator(scenario: Scenario, state_file: Option<PathBuf>, args: &args::ConnectionArgs) -> Self {
        let settle_delay = settle_delay(Some(&scenario));
        let config = simulator::Config {
            state_file,
            // The state contains every customer that was created. A link in its place could lead to any file.
            open: files::open_no_link,
            // A rehearsal accepts every kind of token, even where the real service needs a user's.
            scenario: Scenario { enforce_token_kinds: false, ..scenario },
            private: true,
            ..simulator::Config::default()
        };
        // The port is known once the simulator runs.
        let url: Url = "http://127.0.0.1/".parse().expect("a well-formed address");
        let tenant = simulator::PARTNER_TENANT_ID;
        Self {
            api_url: url.clone(),
            authority: Authority {
                url,
                audience: args.cloud.audience().to_owned(),
                network: Network::default(),
            },
            // Signs in as a user, because creating customers for a reseller needs one.
            sign_in: SignIn::AppAndUser {
                app: App { tenant: tenant.to_owned(), client_id: Uuid::nil().to_string(), proof: None },
                refresh_token: SecretString::from("simulated"),
                is_handed_in: false,
                store: None,
            },
            environment: Environment {
                api: SIMULATED_API.to_owned(),
                partner_tenant_id: tenant.parse().ok(),
            },
            domain_suffix: args.cloud.domain_suffix(),
            settle_delay,
            rehearsal: Some(config),
            simulator: None,
        }
    }

    fn to_service(args: &args::ConnectionArgs) -> Result<Self, Failure> {
        let cloud = args.cloud;
        let (api_url, authority) = service(args)?;
        let sign_in = sign_in(args, &api_url, &authority)?;
        let partner_tenant_id = match &sign_in {
            SignIn::Token(token) => Claims::of(token).tenant(),
            SignIn::AppOnly(app) | SignIn::AppAndUser { app, .. } => app.tenant.parse().ok(),
        };
        Ok(Self {
            environment: Environment { api: name_of(&api_url), partner_tenant_id },
            api_url,
            authority,
            sign_in,
            domain_suffix: cloud.domain_suffix(),
            settle_delay: settle_delay(None),
            rehearsal: None,
            simulator: None,
        })
    }
}

/// How long a new customer may stay invisible: for Partner Center with a generous margin; for a rehearsal the time is
/// known.
pub(crate) fn settle_delay(rehearsal: Option<&Scenario>) -> Duration {
    const AT_PARTNER_CENTER: Duration = Duration::from_secs(180);
    const MARGIN: Duration = Duration::from_secs(1);
    match rehearsal.map(|scenario| scenario.visibility_lag) {
        None => AT_PARTNER_CENTER,
        Some(Duration::ZERO) => Duration::ZERO,
        Some(lag) => lag + MARGIN,
    }
}

/// The name of an API in ledgers and caches. Needs no sign-in.
pub(crate) fn api_name(args: &args::ConnectionArgs, rehearsal: &args::Rehearsal) -> Result<String, Failure> {
    match rehearsal.simulate {
        Some(_) => Ok(SIMULATED_API.to_owned()),
        None => Ok(name_of(&service_url(args)?)),
    }
}

/// Validates the connection options as far as possible without sign-in and network.
pub(crate) fn check_connection(args: &args::ConnectionArgs) -> Result<(), Failure> {
    service(args)?;
    client_proof(args)?;
    Ok(())
}

/// The API and its sign-in service. Checks that both can be reached through the configured proxies, and that the API
/// host may get the sign-in.
fn service(args: &args::ConnectionArgs) -> Result<(Url, Authority), Failure> {
    let (api_url, authority) = (service_url(args)?, authority(args)?);
    shorten_for_tests(&api_url);
    trusted_hosts::check_api_host(args, &api_url, &authority.url, is_secret_set(ACCESS_TOKEN))?;
    for url in [&api_url, &authority.url] {
        authority.network.proxies.on_the_way_to(url).map_err(ClientError::from)?;
    }
    Ok((api_url, authority))
}

/// The identity file that a command uses.
pub(crate) fn identity_file(args: &args::IdentityFile) -> Result<PathBuf, Failure> {
    match &args.identity {
        Some(file) => Ok(file.clone()),
        None => Ok(default_identity_file()?),
    }
}

impl args::SubmissionArgs {
    /// The most requests at once.
    pub(crate) fn concurrency(&self) -> NonZeroUsize {
        self.concurrency.unwrap_or_else(|| self.pace.rate.most_at_once())
    }

    /// The settings of a submission in `mode`; `default_settle_delay` is the one of the service.
    pub(crate) fn settings(&self, mode: Mode, default_settle_delay: Duration) -> Settings {
        Settings {
            concurrency: self.concurrency(),
            policy: Policy {
                max_attempts: self.max_attempts,
                idempotency_window: self.idempotency_window,
                settle_delay: shortened(self.settle_delay.unwrap_or(default_settle_delay)),
            },
            limit: self.limit,
            max_failures: self.max_failures,
            max_duration: self.max_duration,
            timeout: self.pace.timeout,
            max_outage: self.pace.max_outage,
            mode,
        }
    }
}

/// Whether this is the environment of the built-in simulator.
pub(crate) fn is_simulated(environment: &Environment) -> bool {
    environment.api == SIMULATED_API
}
