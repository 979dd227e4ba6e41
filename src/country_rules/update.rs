//! One country's rules from Partner Center into the cache.

use std::io;

use super::cache::{Cache, Stored};
use crate::call::Caller;
use crate::partner_center::NotDone;
use crate::partner_center::operations::country_rules;
use crate::validation::LiveRules;

/// What an update came to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Update {
    Updated,
    Unchanged,
    /// The service has no rules for this country; nor has the cache any more.
    NoRules,
    /// The service answered something else than rules; the cache is as it was.
    Unusable(String),
}

/// Why nothing is known.
#[derive(Debug)]
pub(crate) enum UpdateError {
    Unanswered(NotDone),
    Cache(io::Error),
}

/// Fetches the rules of `country`, of two capital letters, and keeps them.
pub(crate) async fn update(caller: &Caller, cache: &Cache, country: &str) -> Result<Update, UpdateError> {
    match caller.lookup(country_rules(country)).await.map_err(UpdateError::Unanswered)? {
        None => {
            cache.remove(country).map_err(UpdateError::Cache)?;
            Ok(Update::NoRules)
        }
        Some(body) => match LiveRules::parse(&body) {
            Err(error) => Ok(Update::Unusable(reason(&error))),
            Ok(_) => match cache.store(country, &body).map_err(UpdateError::Cache)? {
                Stored::Updated => Ok(Update::Updated),
                Stored::Unchanged => Ok(Update::Unchanged),
            },
        },
    }
}

fn reason(error: &dyn std::error::Error) -> String {
    let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
    format!("the answer holds no rules that can be understood{cause}")
}
