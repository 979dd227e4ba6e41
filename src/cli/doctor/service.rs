//! Checks of the sign-in and of Partner Center: at most two lookups, each of which may renew its token once.

use std::time::Duration;

use jiff::SignedDuration;

use super::finding::Finding;
use crate::auth::{self, Claims, Token, TokenKind};
use crate::call::{Caller, Pacer};
use crate::cli::settings::ServiceConnection;
use crate::cli::signals::Interruption;
use crate::cli::{ExitCode, Failure, args, partner};
use crate::ledger::Environment;
use crate::partner_center::operations::{mfa_compliance, organization_profile};
use crate::partner_center::{CallError, Class, Outcome, Trace, codes};
use crate::report::rough;

const SIGN_IN: &str = "sign-in";
const API: &str = "API";
const RIGHTS: &str = "rights";
const MFA: &str = "MFA";
const PARTNER: &str = "partner";
const CLOCK: &str = "clock";

/// The timeout of one request. A run waits longer, because a create takes longer than a lookup.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A difference of the clocks that is of no concern: the service's time has no fractions, and the answer takes time.
const CLOCK_MAY_DIFFER: SignedDuration = SignedDuration::from_secs(10);

/// From this difference on, sign-in services refuse assertions and tokens of this machine.
const CLOCK_IS_WRONG: SignedDuration = SignedDuration::from_mins(5);

/// What the checks found.
pub(super) struct ServiceFindings {
    pub(super) findings: Vec<Finding>,
    /// `None`: the settings name no connection that could be made.
    pub(super) connection: Option<ServiceConnection>,
    /// What the ledger would be bound to, as far as it is known.
    pub(super) environment: Option<Environment>,
}

/// Signs in and asks Partner Center.
///
/// # Errors
/// A signal arrived.
pub(super) async fn check(
    run: &args::RunArgs,
    input: &args::InputArgs,
    interruption: &Interruption,
) -> Result<ServiceFindings, Failure> {
    let simulate = run.ledger.rehearsal.simulate.as_ref();
    let mut connection = match ServiceConnection::prepare(&run.connection, simulate, None) {
        Ok(connection) => connection,
        Err(failure) => return Ok(without_connection(&failure)),
    };
    connection.start_simulator().await?;
    let (client, tokens) = match connection.ways(TIMEOUT, 1) {
        Ok(ways) => ways,
        Err(error) => return Ok(without_connection(&error.into())),
    };
    let token = interruption.unless(tokens.token()).await?;
    let mut environment = connection.environment.clone();
    let findings = match token {
        Err(error) => {
            let why = "the sign-in failed";
            let skipped = [API, RIGHTS, MFA, PARTNER, CLOCK].map(|check| Finding::skipped(check, why));
            std::iter::once(no_token(&error)).chain(skipped).collect()
        }
        Ok(token) => {
            let claimed = Claims::of(&token.secret).tenant();
            environment.partner_tenant_id = claimed.or(environment.partner_tenant_id);
            let (pacer, stopping) = (Pacer::new(run.submission.pace.rate), interruption.stopping().clone());
            let caller = Caller { client, tokens, pacer, stopping, leaves_lookups: true };
            let mut findings = vec![signed_in(&connection, &token, &environment)];
            findings.extend(answers(&connection, input, &caller, &token, interruption).await?);
            findings
        }
    };
    Ok(ServiceFindings { findings, connection: Some(connection), environment: Some(environment) })
}

fn without_connection(failure: &Failure) -> ServiceFindings {
    let skipped = [API, RIGHTS, MFA, PARTNER, CLOCK]
        .map(|check| Finding::skipped(check, "there is no sign-in to ask with"));
    let findings = std::iter::once(Finding::of_failure(SIGN_IN, failure)).chain(skipped).collect();
    ServiceFindings { findings, connection: None, environment: None }
}

fn no_token(error: &auth::Error) -> Finding {
    match error {
        auth::Error::Refused { hint, .. } => {
            Finding::error(SIGN_IN, ExitCode::SignIn, error.to_string(), hint)
        }
        auth::Error::Unavailable(silence) => Finding::no_answer(
            SIGN_IN,
            &silence.clone().of("the sign-in service"),
            "check the network and `--authority-url`",
        ),
    }
}

fn signed_in(connection: &ServiceConnection, token: &Token, environment: &Environment) -> Finding {
    let claims = Claims::of(&token.secret);
    let app = connection.sign_in.app().or(claims.app()).unwrap_or("an app that the token does not name");
    let user = claims.user().unwrap_or("a user whom the token does not name");
    let who = match connection.sign_in.kind(&token.secret) {
        TokenKind::AppAndUser => format!("as {user} (App+User), from {}", connection.sign_in.origin()),
        TokenKind::AppOnly => format!(
            "as app {app}, without a user: it cannot create customers of indirect resellers or record agreements"
        ),
        TokenKind::Unknown => "with a token that names no user and no app".to_owned(),
    };
    let tenant = environment.partner_tenant_id.map(|tenant| format!(", partner tenant {tenant}"));
    Finding::ok(SIGN_IN, format!("{who}{}", tenant.unwrap_or_default()))
}

/// What two lookups tell about the connection, the rights, MFA, the partner and the clock.
async fn answers(
    connection: &ServiceConnection,
    input: &args::InputArgs,
    caller: &Caller,
    token: &Token,
    interruption: &Interruption,
) -> Result<Vec<Finding>, Failure> {
    let kind = connection.sign_in.kind(&token.secret);
    let mut last: Option<Trace> = None;
    let asked = caller.look_up(&mfa_compliance(), |trace| last = Some(trace)).await;
    if let Err(Outcome::Withdrawn) = asked {
        return Err(interruption.failure());
    }
    let partner = match (&asked, kind) {
        (_, TokenKind::AppOnly) => {
            Finding::ok(PARTNER, "the sign-in of an app cannot read the partner's name")
        }
        (Ok(_), _) => {
            let profile = caller.look_up(&organization_profile(), |_| ()).await;
            partner_of(profile.map(|profile| partner::describe(&profile)))
        }
        (Err(_), _) => Finding::skipped(PARTNER, "Partner Center did not answer the first question"),
    };
    Ok(vec![
        api(&asked, connection),
        rights(&asked, kind, input.names_reseller()),
        mfa(&asked, kind, &Claims::of(&token.secret)),
        partner,
        clock(last.as_ref()),
    ])
}

/// Whether the API answers, and through which proxy.
fn api<T>(asked: &Result<T, CallError>, connection: &ServiceConnection) -> Finding {
    let url = &connection.api_url;
    let way = match connection.authority.network.proxies.on_the_way_to(url) {
        Ok(Some(proxy)) => format!("through the proxy {proxy} ({})", proxy.named_by),
        Ok(None) | Err(_) => "directly".to_owned(),
    };
    let usual = "check the network, `--api-url`, `--cloud` and the proxy";
    match asked {
        Err(Outcome::Refused(Class::FixTheConfiguration, error)) => {
            let hint = codes::hint_under(error.status, &error.code).unwrap_or(usual);
            Finding::error(API, ExitCode::Usage, format!("{url} refuses the request: {}", error), hint)
        }
        Err(Outcome::Throttled { wait }) => Finding::warning(
            API,
            format!("{url} accepts no request for {}: it is throttled", rough(*wait)),
            "find out which other programs send requests for this partner tenant; use a lower `--rate`",
        ),
        Err(Outcome::NotSent(silence) | Outcome::Unknown(silence) | Outcome::Intercepted(silence)) => {
            Finding::no_answer(API, silence, usual)
        }
        Err(Outcome::NoToken(auth::Error::Unavailable(silence))) => {
            Finding::no_answer(API, &silence.clone().of("the sign-in service"), usual)
        }
        Ok(_) | Err(_) => Finding::ok(API, format!("{url} answers, {way}")),
    }
}

/// Whether the sign-in may use Partner Center. `has_reseller`: the settings name an indirect reseller.
fn rights<T>(asked: &Result<T, CallError>, kind: TokenKind, has_reseller: bool) -> Finding {
    match asked {
        Ok(_) if has_reseller && kind == TokenKind::AppOnly => Finding::error(
            RIGHTS,
            ExitCode::SignIn,
            "the settings name an indirect reseller, and only a user may create its customers (App+User)",
            "sign in as a user with `tenantry login`",
        ),
        Ok(_) => Finding::ok(
            RIGHTS,
            "the sign-in may read customers; only a create shows whether it may create them",
        ),
        Err(Outcome::Refused(Class::FixTheConfiguration, _)) => Finding::skipped(RIGHTS, "see API"),
        Err(Outcome::Refused(_, error)) => {
            let usual = "check the user's role in Partner Center (AdminAgents), and the app's API permission with its \
                         consent";
            let hint = codes::hint_under(error.status, &error.code).unwrap_or(usual);
            Finding::error(RIGHTS, ExitCode::SignIn, format!("Partner Center refuses: {}", error), hint)
        }
        Err(Outcome::NoToken(auth::Error::Refused { message, hint })) => {
            Finding::error(RIGHTS, ExitCode::SignIn, message, hint)
        }
        Err(_) => Finding::skipped(RIGHTS, "Partner Center gave no verdict"),
    }
}

/// Whether Partner Center counts the sign-in as one with MFA.
fn mfa(asked: &Result<Option<bool>, CallError>, kind: TokenKind, claims: &Claims) -> Finding {
    let again = "run `tenantry login` again, and sign in with MFA";
    match (asked, kind, claims.has_mfa()) {
        (_, TokenKind::AppOnly, _) => Finding::ok(MFA, "not needed by an app without a user"),
        (Ok(Some(true)), ..) => Finding::ok(MFA, "the user has signed in with MFA"),
        (Ok(Some(false)), ..) => {
            let message = "the user has signed in without MFA, and Partner Center refuses such a sign-in";
            Finding::error(MFA, ExitCode::SignIn, message, again)
        }
        (_, _, Some(false)) => {
            Finding::warning(MFA, "the token says that the user has signed in without MFA", again)
        }
        (Ok(None), ..) => Finding::ok(MFA, "Partner Center does not say whether MFA is missing"),
        (Err(_), ..) => Finding::skipped(MFA, "Partner Center gave no verdict"),
    }
}

fn partner_of(profile: Result<String, CallError>) -> Finding {
    let hint =
        "customers can be created all the same; the question before an import does not name the partner";
    match profile {
        Ok(words) => Finding::ok(PARTNER, words),
        Err(Outcome::Refused(_, error)) => {
            Finding::warning(PARTNER, format!("could not read the partner's name: {}", error), hint)
        }
        Err(error) => {
            let silence = error.into_silence();
            Finding::warning(PARTNER, format!("could not read the partner's name: {silence}"), hint)
        }
    }
}

/// Compares the clock of this machine with the service's.
fn clock(trace: Option<&Trace>) -> Finding {
    let Some((trace, theirs)) = trace.and_then(|trace| Some((trace, trace.answered_at?))) else {
        return Finding::skipped(CLOCK, "no answer of the service names the time");
    };
    let ahead = trace.finished_at.duration_since(theirs);
    let difference = Duration::try_from(ahead.abs()).unwrap_or_default();
    let way = if ahead.is_negative() { "behind" } else { "ahead of" };
    let message = format!("the clock of this machine is {} {way} the service's", rough(difference));
    let hint = "set the clock of this machine: sign-ins fail, and times in reports are wrong";
    if ahead.abs() <= CLOCK_MAY_DIFFER {
        Finding::ok(CLOCK, "the clock of this machine agrees with the service's")
    } else if ahead.abs() < CLOCK_IS_WRONG {
        Finding::warning(CLOCK, message, hint)
    } else {
        Finding::error(CLOCK, ExitCode::Failed, message, hint)
    }
}
