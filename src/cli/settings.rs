//! The command line as it is used: validated, with environment and files read. Nothing below reads either.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::SecretString;
use tenantry_simulator::{self as simulator, Scenario, Simulator};
use url::Url;
use uuid::Uuid;

use super::args;
use super::exit_code::ExitCode;
use super::failure::{self, Failure};
use super::trusted_hosts;
use crate::auth::{App, Authority, Certificate, Claims, ClientProof, Keep, Place, SignIn, Store};
use crate::credentials::default_identity_file;
use crate::files::{self, Refused};
use crate::ledger::{self, Environment, Queries};
use crate::submitter::{Mode, Policy, Settings};
use crate::transport::{BadProxy, ClientError, Network, Proxies, Proxy, Roots, RootsError, is_loopback};
use crate::variables::variable;

const LEDGER: &str = "tenantry.db";
const SIMULATED_LEDGER: &str = "tenantry-simulated.db";

/// The API name that a ledger of the simulator inside the process is bound to; its port changes.
const SIMULATED_API: &str = "simulator";

/// Variables that hold a secret. No key, no flag and no other program gets them.
pub(crate) const SECRETS: [&str; 3] = ["TENANTRY_CLIENT_SECRET", ACCESS_TOKEN, "TENANTRY_REFRESH_TOKEN"];

const ACCESS_TOKEN: &str = "TENANTRY_ACCESS_TOKEN";

/// Which ledger a command works on.
#[derive(Debug, Clone)]
pub(crate) struct LedgerChoice {
    pub(crate) path: PathBuf,
    pub(crate) simulate: Option<Scenario>,
}

/// Where the ledger of a command is.
pub(crate) fn ledger_path(args: &args::LedgerPath) -> PathBuf {
    let default = if args.rehearsal.simulate.is_some() { SIMULATED_LEDGER } else { LEDGER };
    args.ledger.clone().unwrap_or_else(|| PathBuf::from(default))
}

impl From<&args::LedgerPath> for LedgerChoice {
    fn from(args: &args::LedgerPath) -> Self {
        Self { path: ledger_path(args), simulate: args.rehearsal.simulate.clone() }
    }
}

impl LedgerChoice {
    /// Reads the ledger. Where there is none, a rehearsal may have been meant, whose ledger has another name.
    pub(crate) fn read(&self) -> Result<Queries, Failure> {
        let is_default = self.path == Path::new(LEDGER);
        Queries::open(&self.path).map_err(|error| match error {
            ledger::Error::Missing { .. } if is_default && Path::new(SIMULATED_LEDGER).exists() => {
                Failure::from(error).with_hint(format!(
                    "`{SIMULATED_LEDGER}`, of a rehearsal, is there: add `--simulate` to look at that; `tenantry import \
                     FILE` makes `{LEDGER}`"
                ))
            }
            error => error.into(),
        })
    }
}

/// How Partner Center is reached. Where it is simulated, the simulator lives as long as this value.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) api_url: Url,
    pub(crate) authority: Authority,
    pub(crate) sign_in: SignIn,
    pub(crate) environment: Environment,
    /// What every initial domain ends in.
    pub(crate) domain_suffix: &'static str,
    /// For so long a new customer may stay invisible, unless somebody says otherwise.
    pub(crate) settle_delay: Duration,
    /// The simulator to start, then the one that runs.
    rehearsal: Option<simulator::Config>,
    simulator: Option<Simulator>,
}

impl Connection {
    /// From the command line and the environment. Nothing is contacted, started or written yet.
    pub(crate) fn prepare(args: &args::Connection, ledger: &LedgerChoice) -> Result<Self, Failure> {
        match &ledger.simulate {
            Some(scenario) => {
                let state_file = files::beside(&ledger.path, ".simulator");
                Ok(Self::to_simulator(scenario.clone(), Some(state_file), args))
            }
            None => Self::to_service(args),
        }
    }

    /// For a command that only asks: it has no ledger, and leaves nothing behind in a simulator.
    pub(crate) fn to_ask(args: &args::Connection, simulate: Option<Scenario>) -> Result<Self, Failure> {
        match simulate {
            Some(scenario) => Ok(Self::to_simulator(scenario, None, args)),
            None => Self::to_service(args),
        }
    }

    /// Starts the simulator, where this connection is to one.
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

    /// Lets go of the simulator, if there is one.
    pub(crate) async fn close(self) {
        if let Some(simulator) = self.simulator {
            simulator.stop().await;
        }
    }

    fn to_simulator(scenario: Scenario, state_file: Option<PathBuf>, args: &args::Connection) -> Self {
        let settle_delay = settle_delay(Some(&scenario));
        let config = simulator::Config {
            state_file,
            // It holds every customer that was created. A link in its place could lead to any file.
            open: files::open_no_link,
            // A rehearsal signs in as an app, which the real service lets create for no reseller.
            scenario: Scenario { enforce_token_kinds: false, ..scenario },
            private: true,
            ..simulator::Config::default()
        };
        // Its port is known once it runs.
        let url: Url = "http://127.0.0.1/".parse().expect("a well-formed address");
        let tenant = simulator::PARTNER_TENANT_ID;
        Self {
            api_url: url.clone(),
            authority: Authority {
                url,
                audience: args.cloud.audience().to_owned(),
                network: Network::default(),
            },
            // As a user, because creating for a reseller takes one.
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

    fn to_service(args: &args::Connection) -> Result<Self, Failure> {
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

/// For so long a new customer may stay invisible: at Partner Center, with a good margin, or in this
/// rehearsal, of which it is known.
pub(crate) fn settle_delay(rehearsal: Option<&Scenario>) -> Duration {
    const AT_PARTNER_CENTER: Duration = Duration::from_secs(180);
    const MARGIN: Duration = Duration::from_secs(1);
    match rehearsal.map(|scenario| scenario.visibility_lag) {
        None => AT_PARTNER_CENTER,
        Some(Duration::ZERO) => Duration::ZERO,
        Some(lag) => lag + MARGIN,
    }
}

/// The name that ledgers and caches know an API by. Takes no sign-in.
pub(crate) fn api_name(args: &args::Connection, rehearsal: &args::Rehearsal) -> Result<String, Failure> {
    match rehearsal.simulate {
        Some(_) => Ok(SIMULATED_API.to_owned()),
        None => Ok(name_of(&service_url(args)?)),
    }
}

/// Judges what says how to connect, as far as that takes no sign-in and no network.
pub(crate) fn check_connection(args: &args::Connection) -> Result<(), Failure> {
    service(args)?;
    client_proof(args)?;
    Ok(())
}

/// The proxy on the way to the API and to the sign-in service, each by the setting that names the service.
pub(crate) fn proxies(args: &args::Connection) -> Vec<(&'static str, Result<Option<Proxy>, BadProxy>)> {
    let proxies = Proxies::of_environment(|name| std::env::var_os(name));
    let authority = base_url("--authority-url", args.authority_url.as_deref(), args.cloud.authority_url());
    let urls = [("api-url", service_url(args)), ("authority-url", authority)];
    urls.into_iter().filter_map(|(name, url)| Some((name, proxies.on_the_way_to(&url.ok()?)))).collect()
}

/// The API and where to sign in for it; both may be had over this network, and the sign-in may be sent there.
fn service(args: &args::Connection) -> Result<(Url, Authority), Failure> {
    let (api_url, authority) = (service_url(args)?, authority(args)?);
    trusted_hosts::check_api_host(args, &api_url, &authority.url, is_secret_set(ACCESS_TOKEN))?;
    for url in [&api_url, &authority.url] {
        authority.network.proxies.on_the_way_to(url).map_err(ClientError::from)?;
    }
    Ok((api_url, authority))
}

fn service_url(args: &args::Connection) -> Result<Url, Failure> {
    base_url("--api-url", args.api_url.as_deref(), args.cloud.api_url())
}

fn name_of(api_url: &Url) -> String {
    api_url.as_str().trim_end_matches('/').to_owned()
}

/// https anywhere, http on a loopback address only: the bearer token must not cross a network in the clear.
fn base_url(flag: &str, given: Option<&str>, default: &str) -> Result<Url, Failure> {
    let text = given.unwrap_or(default);
    let wrong = |why: &str| {
        Failure::usage(format!("cannot use `{}` as {flag}: {why}", without_secrets(text)))
            .with_hint("write it as https://HOST, or http://127.0.0.1:PORT for a simulator of your own")
    };
    let url: Url = text.parse().map_err(|_| wrong("it is no URL"))?;
    let loopback = is_loopback(&url);
    match url.scheme() {
        _ if !url.username().is_empty() || url.password().is_some() => Err(wrong("it holds a user name")),
        _ if url.query().is_some() || url.fragment().is_some() => Err(wrong("it holds more than a base")),
        "https" => Ok(url),
        "http" if loopback => Ok(url),
        "http" => Err(wrong("plain http is for loopback addresses only")),
        _ => Err(wrong("it is not https")),
    }
}

/// An address as it may be repeated to whoever reads the logs: without what a user name, a password or a key may be.
pub(super) fn without_secrets(address: &str) -> String {
    let base = address.split(['?', '#']).next().unwrap_or_default();
    let cut = if base.len() < address.len() { "…" } else { "" };
    match base.rsplit_once('@') {
        None => format!("{base}{cut}"),
        Some((before, host)) => {
            let scheme = before.find("://").map_or("", |at| &before[..at + 3]);
            format!("{scheme}…@{host}{cut}")
        }
    }
}

/// Where to sign in, and whom to trust there and at the API.
fn authority(args: &args::Connection) -> Result<Authority, Failure> {
    Ok(Authority {
        url: base_url("--authority-url", args.authority_url.as_deref(), args.cloud.authority_url())?,
        audience: args.cloud.audience().to_owned(),
        network: network(args.ca_file.as_deref())?,
    })
}

/// The authorities to trust, and the proxies that the environment names.
pub(crate) fn network(ca_file: Option<&Path>) -> Result<Network, Failure> {
    let proxies = Proxies::of_environment(|name| std::env::var_os(name));
    Ok(Network { roots: roots(ca_file)?, proxies })
}

fn roots(file: Option<&Path>) -> Result<Roots, Failure> {
    let Some(file) = file else { return Ok(Roots::default()) };
    Roots::from_file(file).map_err(|error| {
        let why = Failure::of(ExitCode::Usage, &error).messages.join(": ");
        let failure = Failure::usage(format!("cannot use `{}` as --ca-file: {why}", file.display()))
            .with_hint("name a PEM file that holds the certificate of the authority to trust");
        match &error {
            RootsError::Read(error) => hinted(failure, file, error),
            RootsError::Empty | RootsError::Damaged(_) => failure,
        }
    })
}

/// The way to sign in, the most particular one first: a token, a user's refresh token (handed in, then stored), an
/// app's own proof.
fn sign_in(args: &args::Connection, api_url: &Url, authority: &Authority) -> Result<SignIn, Failure> {
    if let Some(token) = secret_variable(ACCESS_TOKEN) {
        trusted_hosts::check_token(args, api_url, &token)?;
        return Ok(SignIn::Token(token));
    }
    let proof = client_proof(args)?;
    let handed_in = secret_variable("TENANTRY_REFRESH_TOKEN");
    let (Some(tenant), Some(client_id)) = (&args.tenant_id, &args.client_id) else {
        return Err(cannot_sign_in(args, proof.is_some() || handed_in.is_some()));
    };
    let app = App { tenant: tenant.clone(), client_id: client_id.clone(), proof };
    let store = Store::of(&app, authority, handed_in.as_ref(), args.key_store.into());
    let stored = match &store {
        Some(store) => store.load().map_err(|error| Failure {
            exit_code: ExitCode::SignIn,
            hint: Some("mend it, or remove it and run `tenantry login`".to_owned()),
            ..Failure::io(format!("could not read the sign-in in `{}`", store.file().display()), &error)
        })?,
        None => None,
    };
    let is_handed_in = handed_in.is_some();
    let newest = match stored {
        Some(stored) => Some((stored.refresh_token, stored.place)),
        None => handed_in.map(|token| (token, Place::KeyStore)),
    };
    match newest {
        Some((refresh_token, place)) => {
            let store = store.map(|store| (store, place));
            Ok(SignIn::AppAndUser { app, refresh_token, is_handed_in, store })
        }
        None if app.proof.is_some() => Ok(SignIn::AppOnly(app)),
        None => Err(cannot_sign_in(args, false)),
    }
}

impl From<args::KeyStore> for Keep {
    fn from(key_store: args::KeyStore) -> Self {
        match key_store {
            args::KeyStore::Auto => Keep::KeyStoreElseFile,
            args::KeyStore::File => Keep::File,
        }
    }
}

fn cannot_sign_in(args: &args::Connection, has_secret: bool) -> Failure {
    let missing: Vec<&str> = [
        ("--tenant-id", args.tenant_id.is_none()),
        ("--client-id", args.client_id.is_none()),
        ("a client secret (--client-secret-file or TENANTRY_CLIENT_SECRET)", !has_secret),
    ]
    .into_iter()
    .filter_map(|(name, missing)| missing.then_some(name))
    .collect();
    // Who names both may have signed in before, and be missed where that was kept.
    let login = match (&args.tenant_id, &args.client_id) {
        (Some(_), Some(_)) => "run `tenantry login` again",
        _ => "run `tenantry login`",
    };
    Failure::new(ExitCode::SignIn, format!("cannot sign in without {}", missing.join(", "))).with_hint(
        format!(
            "give what is missing, or a --client-certificate, or {login}, or put an access token into \
         TENANTRY_ACCESS_TOKEN, or rehearse with --simulate"
        ),
    )
}

/// How the app proves who it is; a public client does not.
fn client_proof(args: &args::Connection) -> Result<Option<ClientProof>, Failure> {
    if let Some(file) = &args.client_certificate {
        let unusable = |why: &str| {
            Failure::usage(format!("cannot use the client certificate in `{}`: {why}", file.display()))
                .with_hint("name a PEM file that holds an RSA private key and its certificate")
        };
        let pem = files::read_secret(file).map_err(|error| {
            let failure = unusable(&failure::in_words(&error));
            hinted(failure, file, &error)
        })?;
        let certificate = Certificate::from_pem(&pem).map_err(unusable)?;
        return Ok(Some(ClientProof::Certificate(certificate)));
    }
    let secret = match &args.client_secret_file {
        Some(file) => Some(secret_file(file)?),
        None => secret_variable("TENANTRY_CLIENT_SECRET"),
    };
    Ok(secret.map(ClientProof::Secret))
}

/// What `login` and `logout` work on: the app, where it signs in, and where the sign-in is kept.
pub(crate) fn login(args: &args::Connection) -> Result<(App, Authority, Store), Failure> {
    let authority = authority(args)?;
    let (Some(tenant), Some(client_id)) = (&args.tenant_id, &args.client_id) else {
        return Err(Failure::new(ExitCode::Usage, "cannot sign in without --tenant-id and --client-id")
            .with_hint("name the partner tenant and the app that is registered there"));
    };
    let proof = client_proof(args)?;
    let app = App { tenant: tenant.clone(), client_id: client_id.clone(), proof };
    let store = Store::of(&app, &authority, None, args.key_store.into()).ok_or_else(|| {
        Failure::new(ExitCode::Failed, "could not find a configuration folder for this user")
    })?;
    Ok((app, authority, store))
}

/// Does the environment hold this secret?
pub(crate) fn is_secret_set(name: &str) -> bool {
    secret_variable(name).is_some()
}

fn secret_variable(name: &str) -> Option<SecretString> {
    let value = variable(name)?.into_string().ok()?;
    let trimmed = value.trim();
    (!trimmed.is_empty()).then(|| SecretString::from(trimmed))
}

/// With what to do about a file that is refused.
fn hinted(failure: Failure, file: &Path, error: &io::Error) -> Failure {
    match Refused::of(error) {
        Some(refused) => failure.with_hint(refused.hint(file)),
        None => failure,
    }
}

fn secret_file(file: &Path) -> Result<SecretString, Failure> {
    let unreadable = |error: &io::Error| Failure {
        exit_code: ExitCode::Usage,
        ..Failure::io(format!("could not read the client secret from `{}`", file.display()), error)
    };
    let content = files::read_secret(file).map_err(|error| hinted(unreadable(&error), file, &error))?;
    let text = str::from_utf8(&content).map_err(|_| unreadable(&io::ErrorKind::InvalidData.into()))?;
    match text.trim() {
        "" => Err(Failure::usage(format!("the client secret file `{}` is empty", file.display()))),
        secret => Ok(SecretString::from(secret)),
    }
}

/// The identity file that a command uses.
pub(crate) fn identity_file(args: &args::IdentityFile) -> Result<PathBuf, Failure> {
    match &args.identity {
        Some(file) => Ok(file.clone()),
        None => Ok(default_identity_file()?),
    }
}

impl args::Submission {
    /// The settings of a submission in `mode` to a service for which `default_settle_delay` is right.
    pub(crate) fn settings(&self, mode: Mode, default_settle_delay: Duration) -> Settings {
        Settings {
            concurrency: self.concurrency,
            policy: Policy {
                max_attempts: self.max_attempts,
                idempotency_window: self.idempotency_window,
                settle_delay: self.settle_delay.unwrap_or(default_settle_delay),
                leaves_questions: mode == Mode::AskOnly,
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

/// Is this the environment of the simulator inside the program?
pub(crate) fn is_simulated(environment: &Environment) -> bool {
    environment.api == SIMULATED_API
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_loopback_alone() {
        let check = |text: &str, expected: bool| {
            assert_eq!(base_url("--api-url", Some(text), "").is_ok(), expected, "{text}");
        };
        check("https://api.partnercenter.microsoft.com", true);
        check("https://proxy.example:8443/base", true);
        check("http://127.0.0.1:8787", true);
        check("http://[::1]:8787", true);
        check("http://localhost:8787", true);
        check("http://localhost.example.com", false);
        check("http://10.0.0.1", false);
        check("http://api.partnercenter.microsoft.com", false);
        check("https://user:pass@api.example.com", false);
        check("https://api.example.com/?x=1", false);
        check("ftp://127.0.0.1", false);
        check("api.example.com", false);
    }

    #[test]
    fn an_address_is_repeated_without_its_secrets() {
        let check = |address: &str, expected: &str| {
            let failure = base_url("--api-url", Some(address), "").unwrap_err();
            let shown = format!("cannot use `{expected}` as");
            assert!(failure.messages[0].starts_with(&shown), "{:?}", failure.messages);
        };
        check("https://bob:hunter2@api.example.com", "https://…@api.example.com");
        check("https://bob:hun@ter2@api.example.com", "https://…@api.example.com");
        check("bob:hunter2@api.example.com", "…@api.example.com");
        check("https://api.example.com/?sig=hunter2", "https://api.example.com/…");
        check("https://api.example.com#hunter2", "https://api.example.com…");
        check("api.example.com", "api.example.com");
    }
}
