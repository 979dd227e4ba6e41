//! The report as Markdown, for a ticket, a chat or a wiki: the tables of the page, without charts.
//!
//! Text from outside stays text: characters that are special in Markdown or HTML are escaped, and line breaks removed.

use super::groups::{Groups, group_heads};
use super::overview::{ErrorPlaces, Overview, by_file, describe_end};
use super::push_line::PushLine as _;
use super::states::describe;
use super::summary::{counted, describe_agreements, one_line};
use crate::clock;
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
    text.push_line(format_args!("- Covers: {}, as of {}", report.subject(), clock::local(report.made_at)));
    if report.created_without_credentials > 0 {
        text.push_line(format_args!(
                "\n**{} without a password here: the service's answer was lost.** Reset the password of admin@DOMAIN in \
                 Partner Center; `{}` marks them all.",
                counted(report.created_without_credentials, "created customer"),
                report.commands.export_created
            ),
        );
    }
    for waiting in report.waiting() {
        text.push_line(format_args!("\n{waiting}"));
    }
    if let Some(next) = &report.next {
        text.push_line(format_args!("\n{}\n\n    {}", next.label(), one_line(&next.command)));
        for step in next.further() {
            text.push_line(format_args!("    {}", one_line(&step)));
        }
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
    let (history, standing) = report.states();
    let row =
        |name: String, state: State| [name, report.rows.of(state).to_string(), describe(state, &report.rows)];
    let mut rows: Vec<[String; 3]> =
        standing.into_iter().map(|state| row(state.to_string(), state)).collect();
    rows.push(["**total**".to_owned(), format!("**{}**", report.standing_rows), report.accounting()]);
    rows.extend(history.into_iter().map(|state| row(format!("{state}, beside these"), state)));
    table(text, "Rows by state", &["state", "rows:", "means"], rows);
    if let Some(words) = describe_agreements(&report.agreements, |count| count.to_string()) {
        text.push_line(format_args!("\n{words}"));
    }
}

fn refusals(text: &mut String, report: &Overview) {
    let heads = ["code", "rows:", "state", "message", "what to do", "where"];
    let rows = report.errors.iter().map(|ErrorPlaces { error, places }| {
        let named: Vec<String> =
            by_file(places).iter().map(|(file, lines)| format!("{} line {lines}", plain(file))).collect();
        let dots = if error.count > places.len() as u64 { ", …" } else { "" };
        [
            plain(&error.code),
            error.count.to_string(),
            error.state.to_owned(),
            plain(&error.example),
            error.hint.clone(),
            named.join(", ") + dots,
        ]
    });
    table(text, "Refused, and what to do", &heads, rows);
    if report.more_kinds > 0 {
        text.push_line(format_args!(
            "\n… and {}: `{}` lists them all.",
            counted(report.more_kinds as u64, "more kind"),
            report.commands.status
        ));
    }
}

fn calls(text: &mut String, report: &Overview) {
    let heads = ["call", "sent:", "answered:", "throttled:", "p50 ms:", "p90 ms:", "p99 ms:", "slowest ms:"];
    let rows = report.calls.iter().map(|call| line(call.operation.clone(), call.numbers()));
    table(text, "Calls to the service", &heads, rows);
}

/// `noun` names what the rows are grouped by; `none` is the label of the group without a name.
fn groups(text: &mut String, title: &str, (noun, none): (&str, &str), of: &Groups) {
    if of.groups.is_empty() {
        return;
    }
    let numbers = group_heads().into_iter().map(|head| format!("{head}:"));
    let heads: Vec<String> = std::iter::once(noun.to_owned()).chain(numbers).collect();
    let heads: Vec<&str> = heads.iter().map(String::as_str).collect();
    let names = of.groups.iter().map(|group| group.name.as_deref().map_or_else(|| none.to_owned(), plain));
    let rows = names.chain(["all others".to_owned()]).zip(of.numbers());
    table(text, title, &heads, rows.map(|(name, numbers)| line(name, numbers)));
    if let Some(left_out) = of.left_out() {
        text.push_line(format_args!("\n{left_out}"));
    }
}

fn runs(text: &mut String, report: &Overview) {
    let heads = [
        "run:",
        "command",
        "started",
        "finished",
        "submitted:",
        "requests:",
        "retries:",
        "throttled:",
        "ended",
    ];
    let rows = report.runs.iter().map(|run| {
        let finished = run.finished_at.map_or_else(|| "–".to_owned(), |time| clock::local(time).to_string());
        let begun =
            [run.id.to_string(), run.command.to_string(), clock::local(run.started_at).to_string(), finished];
        let sums = [run.submitted, run.requests, run.retries, run.throttled].map(|count| count.to_string());
        begun.into_iter().chain(sums).chain([plain(&describe_end(run))]).collect::<Vec<_>>()
    });
    table(text, "Runs, newest first", &heads, rows);
    if report.earlier_runs > 0 {
        text.push_line(format_args!("\n{} not shown.", counted(report.earlier_runs, "earlier run")));
    }
}

/// A table with its title; nothing if there are no rows. A head that ends with a colon marks a column of numbers.
fn table<R: AsRef<[String]>>(
    text: &mut String,
    title: &str,
    heads: &[&str],
    rows: impl IntoIterator<Item = R>,
) {
    let mut rows = rows.into_iter().peekable();
    if rows.peek().is_none() {
        return;
    }
    let names: Vec<&str> = heads.iter().map(|head| head.trim_end_matches(':')).collect();
    let rules: Vec<&str> =
        heads.iter().map(|head| if head.ends_with(':') { "---:" } else { "---" }).collect();
    text.push_line(format_args!("\n## {title}\n\n| {} |\n| {} |", names.join(" | "), rules.join(" | ")));
    for row in rows {
        text.push_line(format_args!("| {} |", row.as_ref().join(" | ")));
    }
}

fn line(name: String, numbers: Vec<Option<u64>>) -> Vec<String> {
    let numbers =
        numbers.into_iter().map(|count| count.map_or_else(|| "–".to_owned(), |count| count.to_string()));
    std::iter::once(name).chain(numbers).collect()
}

/// Escapes text from outside for Markdown.
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
