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
use crate::validation::is_free_mail;

/// Limit for reading the name: the question can be asked without it.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// The partner that customers are created for.
#[derive(Debug, Clone)]
pub(super) struct Partner {
    pub(super) words: String,
    /// If Partner Center tells it.
    pub(super) domain: Option<String>,
}

/// A connection to Partner Center, and who is signed in, as far as the sign-in reveals it.
#[derive(Debug)]
pub(super) struct SignedIn {
    pub(super) caller: Caller,
    pub(super) environment: Environment,
    pub(super) kind: TokenKind,
    /// The app that the token was issued to.
    pub(super) app: Option<String>,
    /// The domain of the user that the token was issued to.
    pub(super) user_domain: Option<String>,
}

/// The partner's name, domain and tenant, which Partner Center reveals only to a user; for an app, its tenant and its
/// id. If the name cannot be read, the text says so; the run continues.
///
/// # Errors
/// The sign-in does not work, and would not work for any row.
pub(super) async fn named(signed_in: &SignedIn) -> Result<Partner, StopReason> {
    let nameless = |words: String| Partner { words, domain: None };
    let tenant = signed_in.environment.partner_tenant_id;
    if signed_in.kind == TokenKind::AppOnly {
        let app = signed_in.app.as_deref().map_or_else(|| "an app".to_owned(), |id| format!("app {id}"));
        let why = "the sign-in of an app cannot read the partner's name";
        let app = escape_for_terminal(&app);
        return Ok(nameless(format!("{}, signed in as {app} ({why})", of_tenant(tenant))));
    }
    let asking = signed_in.caller.lookup(organization_profile());
    let why = match tokio::time::timeout(PATIENCE, asking).await {
        Ok(Ok(profile)) => {
            let names_tenant = profile.tenant_id.is_some();
            let tenant = tenant.filter(|_| !names_tenant).map(|id| id.to_string());
            let profile = OrganizationProfile { tenant_id: profile.tenant_id.or(tenant), ..profile };
            return Ok(Partner { words: describe(&profile), domain: profile.domain });
        }
        Ok(Err(Outcome::NoToken(auth::Error::Refused { message, hint }))) => {
            return Err(StopReason::SignIn { message, hint });
        }
        Ok(Err(Outcome::Refused(_, error))) => error.to_string(),
        Ok(Err(unanswered)) => unanswered.into_silence().reason,
        Err(_) => format!("no answer within {}", rough(PATIENCE)),
    };
    Ok(nameless(format!(
        "{} (could not read the partner's name: {})",
        of_tenant(tenant),
        escape_for_terminal(why.trim())
    )))
}

/// The partner's own domains among these: an address at a provider of free mail is not in one.
pub(super) fn own_domains(domains: impl IntoIterator<Item = Option<String>>) -> Vec<String> {
    let domains = domains.into_iter().flatten().map(|domain| domain.trim().to_ascii_lowercase());
    domains.filter(|domain| domain.contains('.') && !is_free_mail(domain)).collect()
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
