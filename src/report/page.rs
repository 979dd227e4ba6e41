//! The report as a self-contained HTML page, light or dark as the reader's system is, and fit for printing.
//!
//! The page has no scripts and fetches nothing; its content security policy forbids both. All text from outside is
//! escaped by `maud`, and invisible characters in it are made visible first. Only the charts are inserted as raw SVG;
//! `plotters` escapes the names in them.

use std::time::Duration;

use indicatif::HumanCount;
use jiff::Timestamp;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::charts;
use super::groups::{Groups, group_heads};
use super::overview::{ErrorPlaces, Overview, by_file, describe_end};
use super::states::{describe, settled, stack, stacked, swatch};
use super::summary::{counted, describe_agreements, one_line, rough, spoken};
use super::timeline::{OperationCalls, Timeline, TimelinePart};
use crate::clock;
use crate::ledger::RunTotals;

const CSS: &str = include_str!("page.css");

/// Forbids fetching and scripts, as a second defense in case something is not escaped.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

pub(crate) fn page(report: &Overview) -> String {
    let title = format!("tenantry report: {}", one_line(&report.ledger));
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="robots" content="noindex";
                title { (title) }
                // Otherwise browsers request an icon.
                link rel="icon" href="data:,";
                style { (PreEscaped(charts::style())) (PreEscaped(CSS)) }
            }
            body {
                (head(report))
                main {
                    (states(report))
                    (refusals(report))
                    @if let Some(timeline) = &report.timeline { (over_time(report, timeline)) }
                    @if !report.calls.is_empty() { (calls(&report.calls)) }
                    (groups("By country", "country", &report.by_country, |name| name.unwrap_or("none").to_owned()))
                    (groups("By indirect reseller", "reseller", &report.by_reseller, |name| {
                        name.map_or_else(|| "direct, no reseller".to_owned(), one_line)
                    }))
                    (runs(report))
                }
                (foot(report))
            }
        }
    };
    page.into_string()
}

fn head(report: &Overview) -> Markup {
    let Overview { rows, .. } = report;
    html! {
        header {
            h1 { "Customers created in Partner Center" }
            p.verdict { (report.verdict()) }
            dl.about {
                dt { "Ledger" } dd { span.id { (one_line(&report.ledger)) } }
                dt { "Service" } dd {
                    span.id { (one_line(&report.api)) }
                    @if let Some(tenant) = &report.partner_tenant_id { ", partner tenant " span.id { (one_line(tenant)) } }
                }
                dt { "Covers" } dd { (report.subject()) ", as of " (time(report.made_at)) }
            }
            ul.tiles {
                li { b { (number(report.standing_rows)) } "rows" }
                @for ((name, _), count) in stack().into_iter().zip(stacked(rows)) {
                    @if count > 0 || name == "created" { li class=(name) { b { (number(count)) } (name) } }
                }
            }
            @if report.created_without_credentials > 0 {
                div.alert {
                    strong { (counted(report.created_without_credentials, "created customer")) " without a password here." }
                    " The service's answer was lost. Reset the password of admin@DOMAIN in Partner Center (customer → Users "
                    "and licenses); " code { (report.commands.export_created) } " marks them all."
                }
            }
            @for waiting in report.waiting() {
                p { (waiting) }
            }
            @if let Some(next) = &report.next {
                div.next {
                    (next.label()) code { (one_line(&next.command)) }
                    @for step in next.further() { code { (one_line(&step)) } }
                }
            }
        }
    }
}

fn states(report: &Overview) -> Markup {
    let Overview { rows, .. } = report;
    let (history, standing) = report.states();
    html! {
        section {
            h2 { "Rows by state" }
            (scrolling("Rows by state", html! { table {
                (heads(["State", "Rows:", "Share:", "Means"]))
                tbody {
                    @for state in standing {
                        tr {
                            th scope="row" { span class={ "swatch " (swatch(state)) } {} (state.name()) }
                            td.n { (number(rows.of(state))) }
                            td.n { (share(rows.of(state), report.standing_rows)) }
                            td { (describe(state, rows)) }
                        }
                    }
                }
                tfoot {
                    tr { th scope="row" { "total" } td.n { (number(report.standing_rows)) } td.n {} td { (report.accounting()) } }
                    @for state in history {
                        tr {
                            th scope="row" { span class={ "swatch " (swatch(state)) } {} (state.name()) ", beside these" }
                            td.n { (number(rows.of(state))) } td.n {} td { (describe(state, rows)) }
                        }
                    }
                }
            } }))
            @if let Some(words) = describe_agreements(&report.agreements, number) { p { (words) } }
        }
    }
}

fn refusals(report: &Overview) -> Markup {
    let bars: Vec<(String, Vec<u64>)> = report.errors.iter().take(12).map(bar).collect();
    html! {
        section {
            h2 { "Refused, and what to do" }
            @if bars.is_empty() {
                p.soft { "No row is refused or unresolved." }
            } @else {
                (figure("Refused rows by code", html! {
                    "The most frequent codes. An agreement that was refused counts as failed; its customer exists."
                }, legend(&bars), &charts::bars(&bars)))
                (scrolling("Refused, and what to do", html! { table.refusals {
                    (heads(["Code", "Rows:", "Message", "What to do", "Where"]))
                    tbody { @for error in &report.errors { (refusal(error)) } }
                } }))
                @if report.more_kinds > 0 {
                    p { "… and " (counted(report.more_kinds as u64, "more kind")) ": " code { (report.commands.status) } " lists them all." }
                }
            }
        }
    }
}

fn refusal(ErrorPlaces { error, places }: &ErrorPlaces) -> Markup {
    let more = error.count.saturating_sub(places.len() as u64);
    html! {
        tr {
            td.code { code { (one_line(&error.code)) } br; span.soft { (error.state) } }
            td.n { (number(error.count)) }
            td.words { @if error.count > 1 { span.soft { "such as: " } } (one_line(&error.example)) }
            td.do { (with_code(&error.hint)) }
            td {
                @for (index, (file, lines)) in by_file(places).into_iter().enumerate() {
                    @if index > 0 { br; }
                    (file) " line " (lines)
                }
                @if more > 0 { span.soft { " and " (number(more)) " more" } }
            }
        }
    }
}

fn over_time(report: &Overview, timeline: &Timeline) -> Markup {
    let part = rough(Duration::from_secs(timeline.part_seconds.unsigned_abs()));
    let settled = timeline.parts.iter().any(|part| part.rows.total() > 0);
    let answered = timeline.parts.iter().any(|part| part.create_ms.is_some());
    let outcomes: Vec<(String, Vec<u64>)> =
        timeline.parts.iter().map(|part| (String::new(), stacked(&part.rows))).collect();
    let throttled = timeline.parts.iter().any(|part| part.throttled > 0);
    html! {
        section {
            h2 { "Over time" }
            p.soft { "Times are local. One bar is " (part) "." }
            @if settled {
                (figure("Outcomes", html! {
                    "When rows reached their current state."
                }, legend(&outcomes), &charts::outcomes(timeline)))
            }
            (figure("Requests against the limit", html! {
                "The largest number of requests of all kinds in any 60 seconds that end within the bar. "
                @match timeline.limit_per_minute {
                    Some(limit) => { "The limit is " (number(limit)) " a minute, from this command's --rate." }
                    None => { "There is no limit, from this command's --rate." }
                }
                @if throttled { " A triangle marks a bar with requests that the service throttled (429)." }
            }, html! {
                ul.legend {
                    li { span.swatch.requests {} "requests in 60 s" }
                    @if timeline.limit_per_minute.is_some() { li { span.swatch.limit {} "allowed (dashed line)" } }
                    @if throttled { li { span.swatch.failed {} "throttled (▲)" } }
                }
            }, &charts::requests(timeline)))
            @if answered {
                (figure("How long the service took to create", html! {
                    "Of the creates that were answered: half took no longer than p50, nine in ten no longer than p90, 99 of "
                    "100 no longer than p99. The scale is logarithmic."
                }, html! {
                    ul.legend {
                        li { span.swatch.p50 {} "p50 (solid)" }
                        li { span.swatch.p90 {} "p90 (dashed)" }
                        li { span.swatch.p99 {} "p99 (dotted)" }
                    }
                }, &charts::latencies(timeline)))
            }
            details {
                summary { "The numbers behind these charts" }
                (scrolling("The numbers behind these charts", numbers(report, timeline)))
            }
        }
    }
}

fn numbers(report: &Overview, timeline: &Timeline) -> Markup {
    let states: Vec<String> = settled(&report.rows).map(|(state, _)| format!("{state}:")).collect();
    let measures = ["requests:", "throttled:", "busiest 60 s:", "p50 ms:", "p90 ms:", "p99 ms:"];
    let is_telling = |part: &&TimelinePart| part.rows.total() + part.requests + part.busiest_minute > 0;
    html! {
        table {
            caption { (report.subject()) "; parts in which nothing happened are left out." }
            (heads(["From"].into_iter().chain(states.iter().map(String::as_str)).chain(measures)))
            tbody { @for part in timeline.parts.iter().filter(is_telling) { tr {
                td.time { (time(part.start)) }
                @for (_, count) in settled(&part.rows) { td.n { (number(count)) } }
                @for count in [part.requests, part.throttled, part.busiest_minute] { td.n { (number(count)) } }
                @match part.create_ms {
                    Some(ms) => { td.n { (number(ms.p50)) } td.n { (number(ms.p90)) } td.n { (number(ms.p99)) } }
                    None => { td.n { "–" } td.n { "–" } td.n { "–" } }
                }
            } } }
        }
    }
}

fn calls(calls: &[OperationCalls]) -> Markup {
    html! {
        section {
            h2 { "Calls to the service" }
            p.soft { "How long an answer took, in milliseconds; calls without one (a time-out, a broken connection) have none." }
            (counts(
                "Calls to the service",
                "Call",
                &["Sent", "Answered", "Throttled", "p50", "p90", "p99", "Slowest"],
                calls.iter().map(|call| (html! { (call.operation) }, call.numbers())),
            ))
        }
    }
}

fn groups(title: &str, noun: &str, of: &Groups, name: impl Fn(Option<&str>) -> String) -> Markup {
    let bars: Vec<(String, Vec<u64>)> =
        of.groups.iter().map(|group| (name(group.name.as_deref()), stacked(&group.rows))).collect();
    let names = bars.iter().map(|(name, _)| html! { span.id { (name) } });
    let lines = names.chain([html! { "all others" }]).zip(of.numbers());
    html! {
        @if !bars.is_empty() {
            section {
                h2 { (title) }
                (figure("Valid rows", html! { "The largest groups, by state." }, legend(&bars), &charts::bars(&bars)))
                (counts(title, noun, &group_heads(), lines))
                @if let Some(left_out) = of.left_out() {
                    p.soft { (left_out) }
                }
            }
        }
    }
}

/// A table of numbers with a name for each row.
fn counts(
    title: &str,
    noun: &str,
    measures: &[&str],
    lines: impl Iterator<Item = (Markup, Vec<Option<u64>>)>,
) -> Markup {
    let numbers: Vec<String> = measures.iter().map(|measure| format!("{measure}:")).collect();
    scrolling(
        title,
        html! {
            table {
                (heads([noun].into_iter().chain(numbers.iter().map(String::as_str))))
                tbody { @for (name, numbers) in lines { tr {
                    th scope="row" { (name) }
                    @for count in numbers { td.n { @match count { Some(count) => (number(count)), None => "–" } } }
                } } }
            }
        },
    )
}

/// The heads of the columns of a table. One that ends with a colon is the head of a column of numbers.
fn heads<'a>(names: impl IntoIterator<Item = &'a str>) -> Markup {
    html! {
        thead { tr {
            @for name in names {
                @match name.strip_suffix(':') {
                    Some(name) => th.n scope="col" { (name) },
                    None => th scope="col" { (name) },
                }
            }
        } }
    }
}

/// What may be wider than the window. It can be focused, so that it scrolls without a mouse.
fn scrolling(title: &str, content: Markup) -> Markup {
    html! { div.scroll tabindex="0" role="region" aria-label=(title) { (content) } }
}

fn runs(report: &Overview) -> Markup {
    html! {
        section {
            h2 { "Runs" }
            @if report.runs.is_empty() {
                p.soft { "No command has worked on this ledger yet." }
            } @else {
                p.soft { "Newest first." }
                (scrolling("Runs", html! { table {
                    (heads([
                        "Run:", "Command", "Started", "Took", "Submitted:", "Requests:", "Retries:", "Throttled:", "Ended",
                    ]))
                    tbody { @for run in &report.runs { (run_row(run)) } }
                } }))
                @if report.earlier_runs > 0 {
                    p.soft { (counted(report.earlier_runs, "earlier run")) " not shown; the view " code { "runs" } " has them all." }
                }
            }
        }
    }
}

fn run_row(run: &RunTotals) -> Markup {
    html! {
        tr {
            td.n { (run.id) }
            td { (run.command) }
            td.time { (time(run.started_at)) }
            td.time { @match run.duration { Some(took) => (spoken(took)), None => "–" } }
            @for count in [run.submitted, run.requests, run.retries, run.throttled] { td.n { (number(count)) } }
            td.words { (describe_end(run)) }
        }
    }
}

fn foot(report: &Overview) -> Markup {
    html! {
        footer {
            p {
                "Made by tenantry " (report.program_version) " from the ledger alone, at " (time(report.made_at)) ". The page "
                "runs no script and fetches nothing. It holds no passwords; the words of the service may quote what a file "
                "says. One row's whole story: " code { (report.commands.show) } "."
            }
        }
    }
}

/// A chart with its title, description and legend.
fn figure(title: &str, about: Markup, legend: Markup, drawn: &str) -> Markup {
    html! {
        h3 { (title) }
        figure {
            figcaption { (about) }
            (legend)
            (scrolling(&format!("Chart: {title}"), html! {
                div role="img" aria-label={ "Chart: " (title) ". The numbers are in a table." } { (PreEscaped(drawn)) }
            }))
        }
    }
}

/// The states that occur in `bars`, in stacking order.
fn legend(bars: &[(String, Vec<u64>)]) -> Markup {
    let occurs =
        |index: usize| bars.iter().any(|(_, counts)| counts.get(index).is_some_and(|&count| count > 0));
    html! {
        ul.legend {
            @for (_, (name, _)) in stack().into_iter().enumerate().filter(|&(index, _)| occurs(index)) {
                li { span class={ "swatch " (name) } {} (name) }
            }
        }
    }
}

fn bar(ErrorPlaces { error, .. }: &ErrorPlaces) -> (String, Vec<u64>) {
    let state = if error.state == "agreement" { "failed" } else { error.state };
    let counts = stack().into_iter().map(|(name, _)| if name == state { error.count } else { 0 });
    (one_line(&error.code), counts.collect())
}

/// Text from this program; text between backticks is formatted as code.
fn with_code(words: &str) -> Markup {
    html! {
        @for (index, part) in words.split('`').enumerate() {
            @if index % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

fn time(time: Timestamp) -> String {
    clock::local(time).to_string()
}

/// Formats a number with a comma after every three digits.
fn number(count: u64) -> String {
    HumanCount(count).to_string()
}

fn share(count: u64, of: u64) -> String {
    let tenths = (u128::from(count) * 1000 + u128::from(of) / 2) / u128::from(of.max(1));
    match tenths {
        0 => "< 0.1 %".to_owned(),
        tenths => format!("{}.{} %", tenths / 10, tenths % 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_easy_to_read() {
        let check = |count: u64, expected: &str| assert_eq!(number(count), expected);
        check(0, "0");
        check(999, "999");
        check(1_000, "1,000");
        check(1_234_567, "1,234,567");
        assert_eq!(share(1, 3), "33.3 %");
        assert_eq!(share(2, 3), "66.7 %");
        assert_eq!(share(1, 1_000_000), "< 0.1 %");
        assert_eq!(share(7, 7), "100.0 %");
    }
}
