//! `tenantry list`: lists rows that match conditions.

use std::collections::BTreeMap;

use super::replacing::Guarded;
use super::sink::Sink;
use super::{ExitCode, Failure, Output, args, next_command};
use crate::ledger::{ListFilter, Queries, State};
use crate::report::{RowFilter, ShownRows, Style, counted, each_listed, write_list};

/// JSON is printed in parts of about this size.
const JSON_BYTES: usize = 64 * 1024;

pub(crate) fn run(args: args::ListArgs, output: &Output) -> Result<ExitCode, Failure> {
    let queries = args.ledger.read()?;
    let filter = RowFilter {
        stored: ListFilter { states: args.states.clone(), code: args.code.clone() },
        country: args.country.clone(),
        reseller: args.reseller,
        search: args.search.clone(),
    };
    let count = if args.json {
        print_json(&queries, &filter, output)?
    } else if args.to.output.is_some() {
        write_table(&args, &queries, &filter, output)?
    } else {
        print_table(&queries, &filter, output)?
    };
    if count == 0 {
        return Err(no_match(&args, output));
    }
    if args.states.is_empty() && !args.json {
        note_history(&queries, filter, output)?;
    }
    Ok(ExitCode::Done)
}

/// Says how many superseded and declined rows match and are left out.
fn note_history(queries: &Queries, mut filter: RowFilter, output: &Output) -> Result<(), Failure> {
    filter.stored.states = State::OF_ROWS.into_iter().filter(|state| state.is_history()).collect();
    let mut counts = BTreeMap::<String, u64>::new();
    each_listed(queries, &filter, |row| {
        *counts.entry(row.text("state").unwrap_or_default()).or_default() += 1;
        Ok::<_, Failure>(())
    })?;
    if !counts.is_empty() {
        let flags: String = counts.keys().map(|state| format!(" --state {state}")).collect();
        let counts: Vec<String> = counts.iter().map(|(state, count)| format!("{count} {state}")).collect();
        let list = next_command::of(output, &format!("list{flags}"));
        output.note(format_args!("Left out: {}. `{list}` lists them.", counts.join(", ")));
    }
    Ok(())
}

fn no_match(args: &args::ListArgs, output: &Output) -> Failure {
    let message = format!("no row of the ledger `{}` matches", args.ledger.path().display());
    let left_out = match args.states.is_empty() {
        true => "; superseded and declined rows are listed only with `--state`",
        false => "",
    };
    Failure::new(ExitCode::Failed, message)
        .with_hint(format!("`{}` counts the rows in each state{left_out}", next_command::status(output)))
}

fn print_table(queries: &Queries, filter: &RowFilter, output: &Output) -> Result<u64, Failure> {
    let mut shown = ShownRows::default();
    let count = each_listed(queries, filter, |row| {
        shown.add(row);
        Ok::<_, Failure>(())
    })?;
    if count > 0 {
        let more = match count > shown.count() {
            true => format!("{} of {count} rows; `-o FILE.csv` writes all of them", shown.count()),
            false => counted(count, "row"),
        };
        output.result(&format!("{}\n{more}\n", shown.text()))?;
    }
    Ok(count)
}

/// Nothing is written where nothing matches.
fn write_table(
    args: &args::ListArgs,
    queries: &Queries,
    filter: &RowFilter,
    output: &Output,
) -> Result<u64, Failure> {
    let target = args.to.target();
    let file = target.file;
    let guarded = Guarded::default().and_files_of(queries, file)?.for_tables();
    let mut sink = Sink::open(target, &guarded)?;
    let count = write_list(queries, filter, Style::of(file, args.form.for_excel), &mut sink)?;
    if count > 0 {
        sink.finish()?;
        if let Some(path) = file {
            output.note(format_args!("{} written to `{}`.", counted(count, "row"), path.display()));
        }
    }
    Ok(count)
}

/// An array, also where nothing matches.
fn print_json(queries: &Queries, filter: &RowFilter, output: &Output) -> Result<u64, Failure> {
    let mut part = "[".to_owned();
    let mut separator = "\n";
    let count = each_listed(queries, filter, |row| {
        part.push_str(separator);
        separator = ",\n";
        part.push_str(&serde_json::to_string(row).expect("it is plain data"));
        if part.len() >= JSON_BYTES {
            output.json(&part)?;
            part.clear();
        }
        Ok::<_, Failure>(())
    })?;
    part.push_str(if count > 0 { "\n]\n" } else { "]\n" });
    output.json(&part)?;
    Ok(count)
}
