//! `tenantry show`: shows everything about one row.

use super::{ExitCode, Failure, Output, args};
use crate::ledger::{self, Environment, PasswordFilter, Queries, RowDetail, RowId};
use crate::nearest::distance_within;
use crate::report::{RowStory, detail_json, detail_text};

/// The most similar domains that are suggested for an unknown one.
const NEAR: usize = 3;

pub(crate) fn run(args: args::ShowArgs, output: &Output) -> Result<ExitCode, Failure> {
    let queries = args.ledger.read()?;
    let asked = args.domain.map(|domain| domain.trim().to_ascii_lowercase());
    let rows = match &asked {
        Some(domain) => queries.details_of_domain(domain)?,
        None => queries.details_on_line(args.line.unwrap_or_default(), args.file.as_deref())?,
    };
    if rows.is_empty() {
        let (what, hint) = match &asked {
            Some(domain) => (format!("of the domain `{domain}`"), domain_hint(&queries, domain)?),
            None => {
                let file = args.file.map(|file| format!(" of `{file}`")).unwrap_or_default();
                (format!("on line {}{file}", args.line.unwrap_or_default()), LINE_HINT.to_owned())
            }
        };
        let message = format!("the ledger `{}` has no row {what}", args.ledger.path().display());
        return Err(Failure::new(ExitCode::Failed, message).with_hint(hint));
    }
    let environment = queries.environment()?;
    let mut text = environment.as_ref().map(service).unwrap_or_default();
    let mut values = Vec::new();
    for row in &rows {
        let story = RowStory {
            row,
            attempts: queries.attempts(row.row)?,
            kept: kept_for(&queries, row)?,
            openings: queries.openings_of(row.row)?,
        };
        if args.json {
            let mut value = detail_json(&story);
            if let Some(environment) = &environment {
                value["api"] = environment.api.clone().into();
                value["partner_tenant_id"] = environment.partner_tenant_id.map(|id| id.to_string()).into();
            }
            values.push(value);
        } else {
            text.push_str(&detail_text(&story));
        }
    }
    if args.json {
        output.json(&format!("{:#}\n", serde_json::Value::from(values)))?;
    } else {
        output.result(&text)?;
    }
    Ok(ExitCode::Done)
}

/// The row whose answer contained a password for the domain of `row`, if `row` has none of its own.
fn kept_for(queries: &Queries, row: &RowDetail) -> Result<Option<RowId>, ledger::Error> {
    let mut kept = None;
    if let (Some(domain), false) = (&row.domain, row.has_credentials) {
        let of_domain = PasswordFilter { domain: Some(domain), ..PasswordFilter::default() };
        queries.each_password(of_domain, |password| {
            if password.kept.is_some() && password.domain == *domain {
                kept = Some(password.asked_by);
            }
            Ok::<_, ledger::Error>(())
        })?;
    }
    Ok(kept)
}

/// A row keeps the line of the file that it was first read from, however often it is read again.
const LINE_HINT: &str = "a row keeps file and line of its first reading: `tenantry show DOMAIN` finds it too, and \
                         `tenantry export all` lists every row";

/// The service and tenant that support needs to know, and the time zone of the times below.
fn service(environment: &Environment) -> String {
    let tenant =
        environment.partner_tenant_id.map(|id| format!(" · partner tenant {id}")).unwrap_or_default();
    format!("{}{tenant} · times are UTC\n", environment.api)
}

/// Suggests domains that differ from `asked` by one or two characters, if there are any.
fn domain_hint(queries: &Queries, asked: &str) -> Result<String, ledger::Error> {
    let prefix = |domain: &str| domain.split('.').next().unwrap_or_default().to_owned();
    let wanted = prefix(asked);
    let mut near: Vec<(usize, String)> = Vec::new();
    queries.each_domain(|domain| {
        let Some(slips) = distance_within(&wanted, &prefix(domain), 2) else { return };
        near.push((slips, domain.to_owned()));
        near.sort();
        near.truncate(NEAR);
    })?;
    let names: Vec<String> = near.into_iter().map(|(_, domain)| format!("`{domain}`")).collect();
    Ok(match names.as_slice() {
        [] => "`tenantry export all` lists every row with its domain and line".to_owned(),
        names => format!("did you mean {}?", names.join(" or ")),
    })
}
