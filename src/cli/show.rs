//! `tenantry show`: shows everything about one row.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::Path;

use super::next_command::{self, Repeated};
use super::shell::quoted;
use super::{ExitCode, Failure, Output, args};
use crate::files;
use crate::ledger::{
    self, Environment, ListFilter, PasswordFilter, Queries, RowDetail, RowId, SourceId, State,
};
use crate::nearest::distance_within;
use crate::printable::escape_for_terminal;
use crate::report::{RowFilter, RowStory, company_words, counted, detail_json, detail_text, each_listed};

/// The most similar domains that are suggested for an unknown one.
const NEAR: usize = 3;

/// The most rows that are looked at if a name matches many.
const MOST: usize = 100;

/// The most commands that are listed if several customers match.
const LISTED: usize = 20;

pub(crate) fn run(args: args::ShowArgs, output: &Output) -> Result<ExitCode, Failure> {
    let queries = args.ledger.read()?;
    let Found { rows, count } = find(&args, &queries)?;
    if rows.is_empty() {
        return Err(not_found(&args, &queries, output)?);
    }
    let stories = || rows.iter().map(|row| story(&queries, row));
    if args.line.is_some()
        && let Some(row) = from_earlier_reading(&queries, &rows)?
    {
        output.note(format_args!(
            "{}: the list was read again since line {} was stored. The row may be on another line now.",
            row.file, row.line
        ));
    }
    let environment = queries.environment()?;
    if args.json {
        let value = |story: Result<RowStory<'_>, ledger::Error>| {
            let mut value = detail_json(&story?);
            if let Some(environment) = &environment {
                value["api"] = environment.api.clone().into();
                value["partner_tenant_id"] = environment.partner_tenant_id.map(|id| id.to_string()).into();
            }
            Ok(value)
        };
        let values: Vec<serde_json::Value> = stories().map(value).collect::<Result<_, ledger::Error>>()?;
        output.json(&format!("{:#}\n", serde_json::Value::from(values)))?;
    } else if are_of_one_customer(&rows) {
        let mut text = environment.as_ref().map(service).unwrap_or_default();
        for story in stories() {
            text.push_str(&detail_text(&story?));
        }
        output.result(&text)?;
    } else {
        output.result(&choices(&rows, output))?;
    }
    let (shown, what) = (rows.len() as u64, args.what.as_deref().unwrap_or_default());
    if count > shown {
        let list = next_command::of(output, &format!("list --search {}", quoted(what)));
        output.note(format_args!(
            "Only the first {shown} of {count} rows were looked at. `{list}` lists all of them."
        ));
    }
    Ok(ExitCode::Done)
}

/// The rows that an operator means.
struct Found {
    /// The first of them.
    rows: Vec<RowDetail>,
    count: u64,
}

impl From<Vec<RowDetail>> for Found {
    fn from(rows: Vec<RowDetail>) -> Self {
        Self { count: rows.len() as u64, rows }
    }
}

fn story<'a>(queries: &Queries, row: &'a RowDetail) -> Result<RowStory<'a>, ledger::Error> {
    Ok(RowStory {
        row,
        attempts: queries.attempts(row.row)?,
        kept: kept_for(queries, row)?,
        openings: queries.openings_of(row.row)?,
    })
}

fn find(args: &args::ShowArgs, queries: &Queries) -> Result<Found, ledger::Error> {
    let Some(what) = args.what.as_deref().map(str::trim) else {
        let rows = match (args.row, args.line) {
            (Some(row), _) => queries.details_of_rows(&[RowId(row)])?,
            (None, line) => {
                let list = args.file.as_ref().map(|file| files::list_name(Path::new(file)));
                newest(queries, queries.details_on_line(line.unwrap_or_default(), list.as_deref())?)?
            }
        };
        return Ok(rows.into());
    };
    let of_domain = queries.details_of_domain(&what.to_ascii_lowercase())?;
    if !of_domain.is_empty() {
        return Ok(of_domain.into());
    }
    let of_customer = queries.details_of_customer(what)?;
    if !of_customer.is_empty() {
        return Ok(of_customer.into());
    }
    let mut rows = rows_of_company(what, queries)?;
    let count = rows.len() as u64;
    rows.truncate(MOST);
    Ok(Found { rows: queries.details_of_rows(&rows)?, count })
}

/// Of rows on one line: of each list the row that its newest reading stored on the line, with the other rows of its
/// domain. If the newest reading stored none there, any of the rows may be on the line: a reading does not store the
/// lines of rows that the ledger has already.
fn newest(queries: &Queries, mut rows: Vec<RowDetail>) -> Result<Vec<RowDetail>, ledger::Error> {
    let mut newest: HashMap<SourceId, Option<SourceId>> = HashMap::new();
    for row in &rows {
        if let Entry::Vacant(unknown) = newest.entry(row.source) {
            unknown.insert(queries.newest_reading(row.source)?);
        }
    }
    let is_of_newest = |row: &&RowDetail| newest[&row.source] == Some(row.source);
    let domains: HashMap<SourceId, Option<String>> =
        rows.iter().filter(is_of_newest).map(|row| (row.source, row.domain.clone())).collect();
    rows.retain(|row| match newest[&row.source].and_then(|newest| domains.get(&newest)) {
        Some(domain) => is_of_newest(&row) || (row.domain.is_some() && row.domain == *domain),
        None => true,
    });
    Ok(rows)
}

/// The first of these rows whose list was read again since.
fn from_earlier_reading<'a>(
    queries: &Queries,
    rows: &'a [RowDetail],
) -> Result<Option<&'a RowDetail>, ledger::Error> {
    for row in rows.iter().filter(|row| !row.state.is_history()) {
        if queries.newest_reading(row.source)?.is_some_and(|newest| newest > row.source) {
            return Ok(Some(row));
        }
    }
    Ok(None)
}

/// The rows with this external id, company name or invalid domain; if there are none, those with this text in the
/// company name.
fn rows_of_company(what: &str, queries: &Queries) -> Result<Vec<RowId>, ledger::Error> {
    let mut exact = Vec::new();
    let mut similar = Vec::new();
    let filter = RowFilter {
        stored: ListFilter { states: State::OF_ROWS.to_vec(), ..ListFilter::default() },
        search: Some(what.to_owned()),
        ..RowFilter::default()
    };
    each_listed(queries, &filter, |row| {
        let Some(id) = row.row_id() else { return Ok(()) };
        let is_it = |value: &Option<String>| {
            value.as_ref().is_some_and(|value| value.to_lowercase() == what.to_lowercase())
        };
        let is_exact = is_it(&row.facts.external_id) || is_it(&row.facts.company_name);
        // A cell that is no valid domain is not found as a domain.
        if is_exact || row.facts.has_domain(what) {
            exact.push(id);
        } else if row.facts.is_named_like(what) {
            similar.push(id);
        }
        Ok::<_, ledger::Error>(())
    })?;
    Ok(if exact.is_empty() { similar } else { exact })
}

/// Rows of one domain are the story of one customer.
fn are_of_one_customer(rows: &[RowDetail]) -> bool {
    rows.iter().all(|row| row.domain.is_some() && row.domain == rows[0].domain) || rows.len() == 1
}

/// The customers, each with the command that shows it.
fn choices(rows: &[RowDetail], output: &Output) -> String {
    let repeated = Repeated::of(output.matches());
    // Rows of one domain are shown together; the last one is the current one.
    let mut customers: Vec<(String, &RowDetail)> = Vec::new();
    for row in rows {
        let which = row.domain.as_deref().map_or_else(|| format!("--row {}", row.row), quoted);
        match customers.iter_mut().find(|(its, _)| *its == which) {
            Some((_, last)) => *last = row,
            None => customers.push((which, row)),
        }
    }
    let mut text = format!("{} match. Show one of them:\n", counted(customers.len() as u64, "customer"));
    for (which, row) in customers.iter().take(LISTED) {
        let file = escape_for_terminal(&row.file);
        let company = company_words(row).map(|words| format!(" · {words}")).unwrap_or_default();
        let command = repeated.command(&format!("show {which}"));
        text.push_str(&format!("  {command}\n      {}{company} · {file} line {}\n", row.state, row.line));
    }
    if customers.len() > LISTED {
        text.push_str(&format!("  … and {} more\n", customers.len() - LISTED));
    }
    text
}

fn not_found(args: &args::ShowArgs, queries: &Queries, output: &Output) -> Result<Failure, ledger::Error> {
    let list = next_command::of(output, "list --search TEXT");
    let (what, hint) = match (&args.what, args.row) {
        (Some(what), _) => {
            let words = "with the domain, customer id, external id or company name";
            (format!("{words} `{what}`"), domain_hint(queries, &what.trim().to_ascii_lowercase(), &list)?)
        }
        (None, Some(row)) => (format!("with the number {row}"), list_hint(&list)),
        (None, None) => {
            let file = args.file.as_ref().map(|file| format!(" of `{file}`")).unwrap_or_default();
            (format!("on line {}{file}", args.line.unwrap_or_default()), line_hint(&list))
        }
    };
    let message = format!("the ledger `{}` has no row {what}", args.ledger.path().display());
    Ok(Failure::new(ExitCode::Failed, message).with_hint(hint))
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

/// `list`: the command.
fn list_hint(list: &str) -> String {
    format!("`{list}` finds rows by a part of the domain, company, e-mail or external id")
}

/// A row keeps the line of the file that it was first read from, however often it is read again.
fn line_hint(list: &str) -> String {
    format!("a row keeps file and line of its first reading: `{list}` finds it by a part of its values")
}

/// The service and tenant that support needs to know.
fn service(environment: &Environment) -> String {
    let tenant =
        environment.partner_tenant_id.map(|id| format!(" · partner tenant {id}")).unwrap_or_default();
    format!("{}{tenant}\n", environment.api)
}

/// Suggests domains that differ from `asked` by one or two characters, if there are any.
fn domain_hint(queries: &Queries, asked: &str, list: &str) -> Result<String, ledger::Error> {
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
        [] => list_hint(list),
        names => format!("did you mean {}?", names.join(" or ")),
    })
}
