//! The report as Markdown, for a ticket, a chat or a wiki: the tables of the page, without its charts.
//!
//! Text from outside stays text: what Markdown or the HTML inside it would obey is escaped, and stays on its line.

use super::groups::Groups;
use super::overview::{Overview, by_file, ended_in_words};
use super::push_line::PushLine as _;
use super::summary::{counted, meaning, one_line};
use crate::ledger::State;

pub(crate) fn markdown(report: &Overview) -> String {
    let mut text = String::new();
    text.push_line(format_args!("# Customers created in Partner Center\n"));
    text.push_line(format_args!("{}\n", report.verdict()));
    text.push_line(format_args!("- Ledger: {}", plain(&report.ledger)));
    text.push_line(format_args!("- Service: {}", plain(&report.api)));
    if let Some(tenant) = &report.partner_tenant_id {
        text.push_line(format_args!("- Partner tenant: {}", plain(tenant)));
    }
    text.push_line(format_args!(
        "- Covers: {}, as of {} (all times are UTC)",
        report.subject(),
        report.made_at
    ));
    if report.created_without_credentials > 0 {
        text.push_line(format_args!(
                "\n**{} without a password here: the service's answer was lost.** Reset the password of admin@DOMAIN in \
                 Partner Center; `tenantry export created` marks them all.",
                counted(report.created_without_credentials, "created customer")
            ),
        );
    }
    for waiting in report.waiting() {
        text.push_line(format_args!("\n{waiting}"));
    }
    if let Some(next) = &report.next {
        text.push_line(format_args!("\nNext:\n\n    {}", one_line(next)));
    }
    states(&mut text, report);
    refusals(&mut text, report);
    calls(&mut text, report);
    groups(&mut text, "By country", ("country", "none"), &report.by_country);
    groups(&mut text, "By indirect reseller", ("reseller", "direct, no reseller"), &report.by_reseller);
    runs(&mut text, report);
    text
}

fn states(text: &mut String, report: &Overview) {
    text.push_line(format_args!(
        "\n## What became of the rows\n\n| state | rows | means |\n| --- | ---: | --- |"
    ));
    for state in State::OF_ROWS.into_iter().filter(|state| *state != State::Superseded) {
        let count = report.rows.of(state);
        if count > 0 {
            text.push_line(format_args!("| {} | {count} | {} |", state.name(), meaning(state)));
        }
    }
    text.push_line(format_args!("| **total** | **{}** | {} |", report.standing_rows, report.accounting()));
    if report.rows.superseded > 0 {
        let (name, meaning) = (State::Superseded.name(), meaning(State::Superseded));
        text.push_line(format_args!("| {name}, beside these | {} | {meaning} |", report.rows.superseded));
    }
    let agreements = &report.agreements;
    if agreements.total() > 0 {
        let open = agreements.open() + agreements.held_back;
        text.push_line(format_args!(
            "\nCustomer agreements: {} recorded, {} refused, {open} still to be recorded.",
            agreements.recorded,
            agreements.refused()
        ));
    }
}

fn refusals(text: &mut String, report: &Overview) {
    if report.errors.is_empty() {
        return;
    }
    let head =
        "| code | rows | state | in its words | what to do | where |\n| --- | ---: | --- | --- | --- | --- |";
    text.push_line(format_args!("\n## Refused, and what to do\n\n{head}"));
    for it in &report.errors {
        let places: Vec<String> = by_file(&it.places)
            .into_iter()
            .map(|(file, lines)| format!("{} line {lines}", plain(&file)))
            .collect();
        let dots = if it.error.count > it.places.len() as u64 { ", …" } else { "" };
        text.push_line(format_args!(
            "| {} | {} | {} | {} | {} | {}{dots} |",
            plain(&it.error.code),
            it.error.count,
            it.error.state,
            plain(&it.error.example),
            it.error.hint,
            places.join(", ")
        ));
    }
    if report.more_kinds > 0 {
        text.push_line(format_args!(
            "\n… and {} more kinds: `tenantry status` lists them all.",
            report.more_kinds
        ));
    }
}

fn calls(text: &mut String, report: &Overview) {
    if report.calls.is_empty() {
        return;
    }
    let head = "| call | sent | answered | throttled | p50 ms | p90 ms | p99 ms | slowest ms |\n\
                | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |";
    text.push_line(format_args!("\n## Calls to the service\n\n{head}"));
    for calls in &report.calls {
        let took = calls.took_ms.map_or_else(
            || "– | – | – | –".to_owned(),
            |ms| format!("{} | {} | {} | {}", ms.p50, ms.p90, ms.p99, ms.max),
        );
        text.push_line(format_args!(
            "| {} | {} | {} | {} | {took} |",
            calls.operation, calls.sent, calls.answered, calls.throttled
        ));
    }
}

/// `noun` and `none` are what a group is, and what rows without one are called.
fn groups(text: &mut String, title: &str, (noun, none): (&str, &str), of: &Groups) {
    if of.groups.is_empty() {
        return;
    }
    let head = format!(
        "| {noun} | rows | created | existing | failed | rejected | unresolved | open |\n\
         | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    );
    text.push_line(format_args!("\n## {title}\n\n{head}"));
    let named = of
        .groups
        .iter()
        .map(|group| (group.name.as_deref().map_or_else(|| none.to_owned(), plain), &group.rows));
    let others = (of.others.total > 0).then(|| ("all others".to_owned(), &of.others));
    for (name, rows) in named.chain(others) {
        let counts: Vec<String> = super::charts::stacked(rows).iter().map(u64::to_string).collect();
        text.push_line(format_args!("| {name} | {} | {} |", rows.total, counts.join(" | ")));
    }
}

fn runs(text: &mut String, report: &Overview) {
    if report.runs.is_empty() {
        return;
    }
    let head = "| run | command | started | finished | submitted | requests | repeats | throttled | ended |\n\
                | ---: | --- | --- | --- | ---: | ---: | ---: | ---: | --- |";
    text.push_line(format_args!("\n## Runs, newest first\n\n{head}"));
    for run in &report.runs {
        let finished = run.finished_at.map_or_else(|| "–".to_owned(), |time| time.to_string());
        text.push_line(format_args!(
            "| {} | {} | {} | {finished} | {} | {} | {} | {} | {} |",
            run.id,
            run.command,
            run.started_at,
            run.submitted,
            run.requests,
            run.retries,
            run.throttled,
            plain(&ended_in_words(run))
        ));
    }
    if report.earlier_runs > 0 {
        text.push_line(format_args!("\n{} not shown.", counted(report.earlier_runs, "earlier run")));
    }
}

/// Text from outside as text.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    for c in one_line(text).chars() {
        match c {
            '<' => plain.push_str("&lt;"),
            '&' => plain.push_str("&amp;"),
            '\\' | '`' | '*' | '[' | ']' | '!' | '|' | '~' | '#' => plain.extend(['\\', c]),
            c => plain.push(c),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn text_from_outside_stays_text() {
        assert_eq!(plain("a|b\n| c"), "a\\|b \\| c");
        assert_eq!(plain("<img src=x onerror=alert(1)>"), "&lt;img src=x onerror=alert(1)>");
        assert_eq!(plain("[x](javascript:y)`&`"), "\\[x\\](javascript:y)\\`&amp;\\`");
    }
}
