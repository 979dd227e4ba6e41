//! `tenantry login`, `logout` and `whoami`; where a sign-in is kept.

use std::time::Duration;

use secrecy::SecretString;
use serde_json::json;

use super::account::{account, who};
use super::settings::{self, ServiceConnection};
use super::signals::Interruption;
use super::{ExitCode, Failure, Output, args};
use tenantry_model::thread::done_on_thread;

use crate::auth::{self, Claims, KeyStoreError, SavedIn, Store, TokenKind};
use crate::files::folder_of;
use crate::partner_center::operations::mfa_compliance;
use crate::partner_center::{CallIds, Outcome, codes};
use crate::printable::escape_for_terminal;
use crate::report::{counted, pretty};
use crate::{clock, variables};

/// Timeout for the only request of `whoami`.
const TIMEOUT: Duration = Duration::from_secs(60);

const UNKNOWN: &str = "unknown";

/// Signs a user in with a device code and stores the refresh token.
pub(crate) async fn login(args: args::ConnectionArgs, output: &Output) -> Result<ExitCode, Failure> {
    let interruption = Interruption::listen();
    let (app, authority, store) = settings::login(&args)?;
    // The operator needs to read this message, even with --quiet.
    let login = auth::login(&app, &authority, |message| output.prompt(message));
    let login = interruption.unless(login).await.map_err(|it| because(it, "no sign-in is kept"))??;
    let claims = Claims::of(&login.access_token);
    let folder = folder_of(store.file()).to_owned();
    let keeping = keep(store, login.refresh_token);
    let kept =
        interruption.unless(keeping).await.map_err(|it| because(it, "the sign-in may not be kept"))??;
    let user = claims.user().unwrap_or("a user whom the token does not name");
    output.note(format_args!("Signed in as {user}; {kept}."));
    let needs = match kept {
        SavedIn::InKeyStore => {
            ". They need this key store too: if it is locked for them, sign in with `--key-store file`"
        }
        SavedIn::InFile(..) => "",
    };
    let runs_as = runs_as().map_or_else(|| "this user".to_owned(), |name| format!("`{name}`"));
    output.note(format_args!(
        "Scheduled jobs must run as {runs_as} with the settings folder `{}`{needs}.",
        folder.display()
    ));
    if let Some(note) = sudo_note() {
        output.note(format_args!("Note that {note}."));
    }
    // It is kept, because Microsoft does not refuse every such call yet.
    if claims.has_mfa() == Some(false) {
        let message =
            format!("{user} has signed in without MFA, and Partner Center refuses calls without MFA");
        return Err(Failure::new(ExitCode::SignIn, message).with_hint(
            "set up MFA for this user in Microsoft Entra ID (https://aka.ms/mfasetup), then run `tenantry login` again",
        ));
    }
    Ok(ExitCode::Done)
}

fn because(interrupted: Failure, what: &str) -> Failure {
    Failure::new(interrupted.exit_code, format!("interrupted; {what}"))
}

/// Stores a sign-in, on a separate thread: the key store may ask a person first.
async fn keep(store: Store, refresh_token: SecretString) -> Result<SavedIn, Failure> {
    let what = format!("could not keep the sign-in in `{}`", store.file().display());
    let kept = done_on_thread("sign-in", move || store.save_login(&refresh_token)).await;
    kept.map_err(|error| Failure::io(what, &error))
}

/// Deletes the refresh token wherever it is stored. The token stays valid at the service: only an admin can revoke it.
pub(crate) fn logout(args: args::ConnectionArgs, output: &Output) -> Result<ExitCode, Failure> {
    let (_, _, store) = settings::login(&args)?;
    let mut was_there = false;
    for store in [Some(&store), settings::store_of_handed_in(&args)?.as_ref()].into_iter().flatten() {
        was_there |= store.forget().map_err(|error| {
            Failure::io("could not remove every sign-in that is kept", &error)
                .with_hint("unlock the key store, then run `tenantry logout` again")
        })?;
    }
    if was_there {
        output.note("Signed out.");
    } else {
        output
            .note(format_args!("No sign-in was kept: {}.", places_without_sign_in(&store, None).join("; ")));
    }
    Ok(ExitCode::Done)
}

/// Where a sign-in was looked for and not found. `trouble`: why the key store could not be asked.
pub(super) fn places_without_sign_in(store: &Store, trouble: Option<&KeyStoreError>) -> Vec<String> {
    let mut places = store.describe_absence(trouble);
    match store.count_others() {
        0 => {}
        others => places.push(format!(
            "the folder has {}, for another `--tenant-id`, `--client-id`, sign-in service or TENANTRY_REFRESH_TOKEN",
            counted(others as u64, "other sign-in")
        )),
    }
    places.extend(runs_as().map(|name| format!("this command runs as `{name}`")));
    places.extend(sudo_note());
    places
}

/// The account that this command runs as. After `su`, the variables may still name another one.
fn runs_as() -> Option<String> {
    account().or_else(|| Some(who())).filter(|name| !name.is_empty())
}

fn sudo_note() -> Option<String> {
    let caller = variables::variable("SUDO_USER")?.into_string().ok()?;
    (runs_as().as_ref() != Some(&caller)).then(|| {
        format!("`sudo` runs this command as another user than `{caller}`, whose sign-ins are not used")
    })
}

/// Gets a token, sends one request with it, and prints what both reveal.
pub(crate) async fn whoami(args: args::WhoamiArgs, output: &Output) -> Result<ExitCode, Failure> {
    let interruption = Interruption::listen();
    let connection = ServiceConnection::prepare(&args.connection, None, None)?;
    let (client, tokens) = connection.ways(TIMEOUT, 1)?;
    let token = interruption.unless(tokens.token()).await??;
    let question = mfa_compliance();
    let asking = client.send(&question, &token.secret, CallIds::draw());
    let asked = interruption.unless(asking).await?.outcome;
    let (answer, exit_code) = verdict(&asked);
    let claims = Claims::of(&token.secret);
    let tenant = claims.tenant().or(connection.environment.partner_tenant_id);
    if args.json {
        let token_kind = match connection.sign_in.kind(&token.secret) {
            TokenKind::AppOnly => Some("app_only"),
            TokenKind::AppAndUser => Some("app_and_user"),
            TokenKind::Unknown => None,
        };
        let mfa_compliant = if let Outcome::Done(compliant) = &asked { *compliant } else { None };
        output.json(&pretty(&json!({
            "partner_tenant_id": tenant,
            "token": token_kind,
            "app_id": connection.sign_in.app().or(claims.app()),
            "user": claims.user(),
            "sign_in_from": connection.sign_in.origin(),
            "expires_at": claims.expires_at(),
            "mfa_in_token": claims.has_mfa(),
            "mfa_compliant": mfa_compliant,
            "is_accepted": exit_code == ExitCode::Done,
            "partner_center": answer,
        })))?;
        return Ok(exit_code);
    }
    let kind = match connection.sign_in.kind(&token.secret) {
        TokenKind::AppOnly => "app-only (cannot create for indirect resellers)",
        TokenKind::AppAndUser => "App+User",
        TokenKind::Unknown => UNKNOWN,
    };
    let mfa = match (connection.sign_in.kind(&token.secret), claims.has_mfa()) {
        (TokenKind::AppOnly, _) => "not asked of an app",
        (_, Some(true)) => "yes",
        (_, Some(false)) => "no",
        (_, None) => UNKNOWN,
    };
    let compliant = match &asked {
        Outcome::Done(Some(true)) => "yes",
        Outcome::Done(Some(false)) => "no: sign in again with MFA",
        _ => UNKNOWN,
    };
    output.result(&format!(
        "partner tenant  {}\ntoken           {kind}\nuser            {}\nsign-in from    {}\ngood until      {}\n\
         MFA in token    {mfa}\nMFA compliant   {compliant}\nPartner Center  {}\n",
        tenant.map_or_else(|| UNKNOWN.to_owned(), |id| id.to_string()),
        escape_for_terminal(claims.user().unwrap_or(UNKNOWN)),
        escape_for_terminal(&connection.sign_in.origin()),
        claims.expires_at().map_or_else(|| UNKNOWN.to_owned(), |at| clock::local(at).to_string()),
        escape_for_terminal(&answer),
    ))?;
    Ok(exit_code)
}

/// How Partner Center responded to the token.
fn verdict(asked: &Outcome<Option<bool>>) -> (String, ExitCode) {
    match asked {
        Outcome::Done(_) => ("accepts the token".to_owned(), ExitCode::Done),
        Outcome::Refused(_, error) => {
            let hint = codes::hint_under(error.status, &error.code)
                .map(|hint| format!("; {hint}"))
                .unwrap_or_default();
            (format!("refuses it: {error}{hint}"), ExitCode::SignIn)
        }
        Outcome::Throttled { .. } => ("gave no verdict: throttled".to_owned(), ExitCode::Stopped),
        Outcome::NoToken(error) => (format!("was not asked: {error}"), ExitCode::SignIn),
        Outcome::Withdrawn => ("was not asked".to_owned(), ExitCode::Stopped),
        Outcome::NotSent(silence) | Outcome::Unknown(silence) | Outcome::Intercepted(silence) => {
            let hint = silence.hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default();
            (format!("gave no answer: {silence}{hint}"), ExitCode::Stopped)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::partner_center::{Class, ServiceError};

    #[test]
    fn a_refusal_has_the_hint_of_its_own_status_and_code() {
        let check = |status: u16, code: &str, expected: &str| {
            let error = ServiceError { status, code: code.to_owned(), text: "said".to_owned() };
            let (words, exit_code) = verdict(&Outcome::Refused(Class::FixTheRights, error));
            assert_eq!((words.as_str(), exit_code), (expected, ExitCode::SignIn));
        };
        check(
            403,
            "90000",
            "refuses it: HTTP 403, code 90000: said; Microsoft Entra refused the token: sign in \
                    again",
        );
        check(404, "20000", "refuses it: HTTP 404, code 20000: said");
    }
}
