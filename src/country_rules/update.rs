//! Fetches the rules of one country from Partner Center into the cache.

use std::io;

use super::cache::{Cache, Update};
use crate::call::Caller;
use crate::partner_center::CallError;
use crate::partner_center::operations::country_rules;
use crate::validation::LiveRules;

/// Why an update failed.
#[derive(Debug)]
pub(crate) enum UpdateError {
    Unanswered(CallError),
    Cache(io::Error),
}

/// Fetches and stores the rules of `country` (two capital letters).
pub(crate) async fn update(caller: &Caller, cache: &Cache, country: &str) -> Result<Update, UpdateError> {
    match caller.lookup(country_rules(country)).await.map_err(UpdateError::Unanswered)? {
        None => {
            cache.remove(country).map_err(UpdateError::Cache)?;
            Ok(Update::NoRules)
        }
        Some(body) => match LiveRules::parse(&body) {
            Err(error) => Ok(Update::Unusable(reason(&error))),
            Ok(_) => cache.store(country, &body).map_err(UpdateError::Cache),
        },
    }
}

fn reason(error: &dyn std::error::Error) -> String {
    let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
    format!("the answer contains no valid rules{cause}")
}
