//! `tenantry show`: one row's whole story.

use super::args;
use super::exit_code::ExitCode;
use super::failure::Failure;
use super::output::Output;
use super::settings::LedgerChoice;
use crate::ledger::Queries;
use crate::report::{story_json, story_text};

pub(crate) fn run(args: args::Show, output: &Output) -> Result<ExitCode, Failure> {
    let ledger = LedgerChoice::from(args.ledger);
    let queries = Queries::open(&ledger.path)?;
    let asked = args.domain.map(|domain| domain.trim().to_ascii_lowercase());
    let rows = queries.stories(asked.as_deref(), args.line)?;
    if rows.is_empty() {
        let what = asked.map_or_else(
            || format!("on line {}", args.line.unwrap_or_default()),
            |domain| format!("of the domain `{domain}`"),
        );
        let message = format!("the ledger `{}` has no row {what}", ledger.path.display());
        return Err(Failure::new(ExitCode::Failed, message)
            .with_hint("`tenantry export all` lists every row with its domain and line"));
    }
    let mut text = String::new();
    let mut values = Vec::new();
    for row in &rows {
        let attempts = queries.attempts(row.row)?;
        if args.json {
            values.push(story_json(row, &attempts));
        } else {
            text.push_str(&story_text(row, &attempts));
        }
    }
    if args.json {
        output.json(&format!("{:#}\n", serde_json::Value::from(values)))?;
    } else {
        output.result(&text)?;
    }
    Ok(ExitCode::Done)
}
