//! The part of a check that uses Partner Center.

use std::sync::Arc;

use crate::check::Online;
use crate::cli::inquiry::Inquiry;
use crate::cli::partner::{Partner, own_domains};
use crate::cli::settings::ServiceConnection;
use crate::cli::signals::Interruption;
use crate::cli::{ExitCode, Failure, Output, args, partner};
use crate::partner_center::operations::organization_profile;
use crate::partner_center::{CallError, Outcome};
use crate::report::counted;

/// The connection of a check to Partner Center.
pub(super) struct OnlineChecker {
    inquiry: Inquiry,
    pub(super) online: Arc<Online>,
    /// The partner that would create the customers.
    pub(super) partner: Partner,
    /// The partner's own domains, as far as they are known.
    pub(super) partner_domains: Vec<String>,
}

impl OnlineChecker {
    /// Connects, signs in and looks up the partner, which also proves that lookups are allowed.
    pub(super) async fn open(
        connection: ServiceConnection,
        pace: &args::Pace,
        interruption: &Interruption,
        output: &Output,
    ) -> Result<Self, Failure> {
        let domain_suffix = connection.domain_suffix;
        let inquiry = Inquiry::begin(connection, pace, interruption, output).await.map_err(stopped)?;
        let partner = describe_partner(&inquiry).await?;
        let partner_domains = own_domains([inquiry.user_domain().await?, partner.domain.clone()]);
        let online = Arc::new(Online::new(Arc::clone(&inquiry.caller), domain_suffix, pace.max_outage));
        Ok(Self { inquiry, online, partner, partner_domains })
    }

    /// An error that every row would get.
    pub(super) fn failure(&self, unanswered: CallError) -> Failure {
        stopped(self.inquiry.failure(unanswered))
    }

    /// Closes the connection. Returns a failure if lookups were stopped early.
    pub(super) async fn close(self) -> Option<Failure> {
        let given_up: Vec<_> = self.online.given_up().collect();
        let silence = self.online.given_up_because_of();
        self.inquiry.close().await;
        let silence = silence?;
        let topics: Vec<_> = given_up
            .iter()
            .map(|(topic, rows)| format!("{topic}: {} not asked about", counted(*rows, "row")))
            .collect();
        Some(
            Failure::new(ExitCode::Stopped, "stopped asking Partner Center: it gave no answer for too long")
                .because(topics.join("; "))
                .with_hint("the other results are valid; check again when it answers")
                .because_of(silence),
        )
    }
}

/// Describes the partner. The lookup needs a user's token; an app is described by the tenant that it signs in to.
async fn describe_partner(inquiry: &Inquiry) -> Result<Partner, Failure> {
    match inquiry.caller.lookup(organization_profile()).await {
        Ok(profile) => Ok(Partner { words: partner::describe(&profile), domain: profile.domain }),
        // A refusal here does not rule out the other lookups. If all lookups are refused, the next one reports that.
        Err(Outcome::Refused(..)) => {
            let words = match inquiry.tenant().await? {
                Some(tenant) => format!("partner tenant {tenant}"),
                None => "a partner tenant that is not known".to_owned(),
            };
            Ok(Partner { words, domain: None })
        }
        // Stop now, or a million rows would each run into the same error.
        Err(unanswered) => Err(stopped(inquiry.failure(unanswered))),
    }
}

/// An outage or a wrong configuration stops a check as it stops an import: the check can be run again.
fn stopped(failure: Failure) -> Failure {
    match failure.exit_code {
        ExitCode::Failed => Failure { exit_code: ExitCode::Stopped, ..failure },
        _ => failure,
    }
}
