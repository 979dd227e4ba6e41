//! Describes the partner that customers are created for, as shown before the confirmation.

use std::time::Duration;

use uuid::Uuid;

use crate::auth::{self, TokenKind};
use crate::call::Caller;
use crate::ledger::Environment;
use crate::partner_center::Outcome;
use crate::partner_center::answers::OrganizationProfile;
use crate::partner_center::operations::organization_profile;
use crate::printable::escape_for_terminal;
use crate::report::rough;
use crate::submitter::StopReason;

/// Limit for reading the name: the question can be asked without it.
const PATIENCE: Duration = Duration::from_secs(20);

/// A connection to Partner Center, and who is signed in, as far as the sign-in reveals it.
#[derive(Debug)]
pub(super) struct SignedIn {
    pub(super) caller: Caller,
    pub(super) environment: Environment,
    pub(super) kind: TokenKind,
    /// The app that the token was issued to.
    pub(super) app: Option<String>,
}

/// The partner's name, domain and tenant, which Partner Center reveals only to a user; for an app, its tenant and its
/// id. If the name cannot be read, the text says so; the run continues.
///
/// # Errors The sign-in does not work, and would not work for any row.
pub(super) async fn named(signed_in: &SignedIn) -> Result<String, StopReason> {
    let tenant = signed_in.environment.partner_tenant_id;
    if signed_in.kind == TokenKind::AppOnly {
        let app = signed_in.app.as_deref().map_or_else(|| "an app".to_owned(), |id| format!("app {id}"));
        let why = "the sign-in of an app cannot read the partner's name";
        return Ok(format!("{}, signed in as {} ({why})", of_tenant(tenant), escape_for_terminal(&app)));
    }
    let asking = signed_in.caller.lookup(organization_profile());
    let why = match tokio::time::timeout(PATIENCE, asking).await {
        Ok(Ok(profile)) => {
            let names_tenant = profile.tenant_id.is_some();
            let tenant = tenant.filter(|_| !names_tenant).map(|id| id.to_string());
            return Ok(describe(&OrganizationProfile { tenant_id: profile.tenant_id.or(tenant), ..profile }));
        }
        Ok(Err(Outcome::NoToken(auth::Error::Refused { message, hint }))) => {
            return Err(StopReason::SignIn { message, hint });
        }
        Ok(Err(Outcome::Refused(_, error))) => {
            format!("HTTP {} {} {}", error.status, error.code, error.text)
        }
        Ok(Err(unanswered)) => unanswered.into_silence().reason,
        Err(_) => format!("no answer within {}", rough(PATIENCE)),
    };
    Ok(format!(
        "{} (could not read the partner's name: {})",
        of_tenant(tenant),
        escape_for_terminal(why.trim())
    ))
}

fn of_tenant(tenant: Option<Uuid>) -> String {
    tenant.map_or_else(
        || "a partner tenant that the sign-in does not name".to_owned(),
        |id| format!("partner tenant {id}"),
    )
}

/// A partner by its name, domain and tenant, as far as they are known.
pub(super) fn describe(profile: &OrganizationProfile) -> String {
    let name = profile.company_name.as_deref().unwrap_or("a partner without a name");
    let details: Vec<_> =
        [profile.domain.as_deref(), profile.tenant_id.as_deref()].into_iter().flatten().collect();
    let words = if details.is_empty() { name.to_owned() } else { format!("{name} ({})", details.join(", ")) };
    escape_for_terminal(&words).into_owned()
}
