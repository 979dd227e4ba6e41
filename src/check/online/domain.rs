//! Is the domain free?

use crate::asking::{Asker, Unanswered};
use crate::partner_center::Page;
use crate::problem::{Finding, Rule};
use crate::submitter::domains::{AskAboutDomains, DomainCheck, find_customer};

/// "Taken" is asked first, because most are free and then one question is enough; "free" counts once the check has
/// been proved.
pub(super) async fn ask(
    asker: &Asker,
    check: &DomainCheck,
    domain: &str,
) -> Result<Option<Finding>, Unanswered> {
    let mut questions = Questions(asker);
    if !questions.is_taken(domain).await? {
        check.prove(&mut questions).await?;
        return Ok(None);
    }
    Ok(Some(match find_customer(&mut questions, domain).await? {
        Some(customer_id) => {
            let message = format!("is your customer already ({customer_id}); an import records that");
            Finding::new(Rule::DomainOurs, message)
        }
        None => Finding::new(Rule::DomainTaken, "belongs to somebody else already")
            .suggest(Some("choose another domain".to_owned())),
    }))
}

pub(super) fn unanswered(reason: &str) -> Finding {
    Finding::new(Rule::DomainUnanswered, format!("could not be asked about: {reason}"))
}

struct Questions<'a>(&'a Asker);

impl AskAboutDomains for Questions<'_> {
    type Unanswered = Unanswered;

    async fn customers(&mut self, domain: Option<&str>, page: Option<&str>) -> Result<Page, Unanswered> {
        let asked =
            self.0.ask(|client, token, ids| async move { client.customers(&token, ids, domain, page).await });
        asked.await
    }

    async fn is_taken(&mut self, domain: &str) -> Result<bool, Unanswered> {
        self.0.ask(|client, token, ids| async move { client.domain_taken(&token, ids, domain).await }).await
    }

    fn no_answer(reason: String) -> Unanswered {
        Unanswered::NoAnswer(reason.into())
    }

    fn unprovable(reason: String) -> Unanswered {
        Unanswered::NoAnswer(reason.into())
    }
}
