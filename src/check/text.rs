//! Shows a check as text: each problem at its place, similar problems grouped, then the totals.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::tally::{ProblemKey, kind};
use super::{CheckTally, Online};
use crate::printable::escape_for_terminal;
use crate::problem::Problem;
use crate::reader::ColumnUse;
use crate::report::{PushLine as _, counted, on_lines};

/// The number of problems of one rule in one file that are shown in full.
const SHOWN_IN_FULL: u64 = 5;

/// The most lines listed for the other problems.
const LINES_NAMED: usize = 10;

/// The most groups of the plan that are listed.
const GROUPS_LISTED: usize = 20;

/// Writes the problems of the files, one file after the other.
#[derive(Debug)]
pub(crate) struct TextReport {
    /// Show every problem in full.
    all: bool,
    kinds: BTreeMap<ProblemKey, Alike>,
    /// For some problems only the lines were shown.
    has_grouped: bool,
}

/// The data for the end of the report.
pub(crate) struct CheckEnd<'a> {
    pub(crate) files: usize,
    /// A copy of the file shows each problem next to its row.
    pub(crate) has_copy: bool,
    /// A free file name for that copy.
    pub(crate) copy: &'a str,
    pub(crate) tally: &'a CheckTally,
    pub(crate) columns: &'a ColumnUse,
    /// The partner that would create the customers, if Partner Center was asked.
    pub(crate) partner: Option<&'a str>,
    pub(crate) online: Option<&'a Online>,
    /// The command that the operator would run next.
    pub(crate) next: &'a str,
}

impl CheckEnd<'_> {
    fn reseller(&self, id: Uuid) -> String {
        match self.online.and_then(|online| online.name_of(id)) {
            Some(name) => format!("reseller {name} ({id})"),
            None => format!("reseller {id}"),
        }
    }
}

/// Problems of one kind in one file.
#[derive(Debug, Default)]
struct Alike {
    count: u64,
    /// The first lines of the problems that are not shown in full.
    lines: Vec<u64>,
    has_more_lines: bool,
    /// The columns of all problems, in order of first appearance; a header has a few hundred at most.
    columns: Vec<String>,
}

impl Alike {
    /// Counts one more problem, in `column`.
    fn count(&mut self, column: &str) {
        self.count += 1;
        // Shortcut: most problems have the same column as the previous one.
        let is_last = self.columns.last().is_some_and(|last| last == column);
        if !column.is_empty() && !is_last && !self.columns.iter().any(|it| it == column) {
            self.columns.push(column.to_owned());
        }
    }

    fn not_shown(&self) -> String {
        let lines: Vec<String> = self.lines.iter().map(u64::to_string).collect();
        let on = if lines.len() == 1 { "line" } else { "lines" };
        let rest = if self.has_more_lines { ", …" } else { "" };
        let mixed = if self.columns.len() > 1 {
            format!(" (the columns of all of them: `{}`)", self.columns.join("`, `"))
        } else {
            String::new()
        };
        let count = self.count - SHOWN_IN_FULL;
        format!("… and {count} more like these, on {on} {}{rest}{mixed}", lines.join(", "))
    }
}

impl TextReport {
    pub(crate) fn new(all: bool) -> Self {
        Self { all, kinds: BTreeMap::new(), has_grouped: false }
    }

    pub(crate) fn problem(&mut self, file: &str, problem: &Problem, out: &mut String) {
        let alike = self.kinds.entry(kind(problem)).or_default();
        alike.count(&problem.column);
        if self.all || alike.count <= SHOWN_IN_FULL {
            in_full(file, problem, out);
        } else if alike.lines.last() != Some(&problem.line) {
            let is_named = alike.lines.len() < LINES_NAMED;
            if is_named {
                alike.lines.push(problem.line);
            }
            alike.has_more_lines |= !is_named;
        }
    }

    /// Writes the lines of the problems that were not shown in full, and the totals of the file.
    pub(crate) fn end_of_file(&mut self, file: &str, tally: &CheckTally, out: &mut String) {
        let file = escape_for_terminal(file);
        for ((severity, rule), alike) in std::mem::take(&mut self.kinds) {
            if !alike.lines.is_empty() {
                self.has_grouped = true;
                let not_shown = alike.not_shown();
                out.push_line(format_args!(
                    "{file}: {} [{rule}]: {}",
                    severity.name(),
                    escape_for_terminal(&not_shown)
                ));
            }
        }
        let gap = if tally.kinds.is_empty() { "" } else { "\n" };
        out.push_line(format_args!("{gap}{file}: {}", describe(tally)));
    }

    /// Writes the totals of all files.
    pub(crate) fn end(&self, ending: &CheckEnd<'_>, out: &mut String) {
        let CheckEnd { files, has_copy, copy, tally, next, .. } = ending;
        if *files > 1 {
            out.push_line(format_args!("All files: {}", describe(tally)));
        }
        if !tally.kinds.is_empty() {
            out.push_line(format_args!("\nProblems by rule:"));
        }
        for ((severity, rule), count) in tally.most_frequent() {
            out.push_line(format_args!("  {count:>9}  {:<7}  {rule}", severity.name()));
        }
        if self.has_grouped {
            let beside = match (has_copy, files) {
                (true, _) => "; in the copy each problem is beside its row".to_owned(),
                (false, 1) => format!(", `-o {}` writes each beside its row", escape_for_terminal(copy)),
                (false, _) => String::new(),
            };
            out.push_line(format_args!("Not all are shown above: `--all` shows every one{beside}."));
        }
        plan(ending, out);
        out.push_line(format_args!("\nNext: {}", escape_for_terminal(next)));
    }
}

/// `customers.csv:26: error: Country: is not a country code [country]`, a format in which editors can jump to the line.
fn in_full(file: &str, problem: &Problem, out: &mut String) {
    let (severity, words) = (problem.severity.name(), problem.describe());
    let at = if problem.line == 0 { String::new() } else { format!(":{}", problem.line) };
    out.push_line(format_args!(
        "{}{at}: {severity}: {} [{}]",
        escape_for_terminal(file),
        escape_for_terminal(&words),
        problem.rule
    ));
    if !problem.value.is_empty() {
        out.push_line(format_args!("    found `{}`", escape_for_terminal(&problem.value)));
    }
    if let Some(remedy) = problem.remedy() {
        out.push_line(format_args!("    → {}", escape_for_terminal(remedy)));
    }
}

fn describe(tally: &CheckTally) -> String {
    format!(
        "{}: {} good, {} with warnings alone, {} with errors, {}{}.",
        counted(tally.rows(), "row"),
        tally.good,
        tally.warned,
        tally.wrong,
        counted(tally.duplicates, "equal duplicate"),
        on_lines(&tally.duplicate_lines, tally.duplicates)
    )
}

fn plan(ending: &CheckEnd<'_>, out: &mut String) {
    let mut groups: Vec<_> = ending.tally.plan.iter().collect();
    groups.sort_by_key(|&(group, rows)| (std::cmp::Reverse(rows), group));
    let customers = ending.tally.customers;
    if customers > 0 {
        let are = if customers == 1 { "is a customer" } else { "are customers" };
        out.push_line(format_args!(
            "\n{} {are} of yours already: an import records that and creates nothing.",
            counted(customers, "row")
        ));
    }
    if groups.is_empty() {
        return;
    }
    let rows = ending.tally.plan.values().sum();
    out.push_line(format_args!("\n{} can be sent, by country and reseller:", counted(rows, "row")));
    for (group, rows) in groups.iter().take(GROUPS_LISTED) {
        let country = group.country();
        let reseller = group.reseller.map_or_else(|| "no reseller".to_owned(), |id| ending.reseller(id));
        out.push_line(format_args!("  {rows:>9}  {country}  {}", escape_for_terminal(&reseller)));
    }
    let rest = groups.get(GROUPS_LISTED..).unwrap_or_default();
    if !rest.is_empty() {
        let rows = rest.iter().map(|(_, rows)| **rows).sum();
        out.push_line(format_args!(
            "  … and {} in {}",
            counted(rows, "row"),
            counted(rest.len() as u64, "group")
        ));
    }
    if let Some(partner) = ending.partner {
        out.push_line(format_args!("They would be created by {}.", escape_for_terminal(partner)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::intake::cross_row::duplicate_domain;

    #[test]
    fn many_alike_are_grouped_unless_all_are_wanted() {
        let check = |all: bool, problems: u64, in_full: usize, expected: &str| {
            let (mut text, mut out) = (TextReport::new(all), String::new());
            for line in 3..3 + problems {
                text.problem(
                    "a.csv",
                    &duplicate_domain(line, "Domain", "a.onmicrosoft.com", 2, None),
                    &mut out,
                );
            }
            text.end_of_file("a.csv", &CheckTally::default(), &mut out);
            assert_eq!(out.matches("found `a.onmicrosoft.com`").count(), in_full, "{out}");
            assert!(out.contains(expected), "{out}");
            assert_eq!(out.contains("more"), !expected.is_empty(), "{out}");
        };
        check(false, 5, 5, "");
        check(false, 6, 5, "a.csv: error [duplicate_domain]: … and 1 more like these, on line 8\n");
        check(false, 7, 5, "… and 2 more like these, on lines 8, 9\n");
        check(false, 30, 5, "… and 25 more like these, on lines 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, …\n");
        check(true, 30, 30, "");
    }

    #[test]
    fn partial_output_mentions_the_rest() {
        let check = |columns: &[&str], files: usize, has_copy: bool, expected: &[&str]| {
            let (mut text, mut out) = (TextReport::new(false), String::new());
            for (line, column) in (3..).zip(columns.iter().cycle().take(12)) {
                text.problem("a.csv", &duplicate_domain(line, column, "a.example", 2, None), &mut out);
            }
            text.end_of_file("a.csv", &CheckTally::default(), &mut out);
            let tally = &CheckTally::default();
            let copy = "problems.csv";
            text.end(
                &CheckEnd {
                    files,
                    has_copy,
                    copy,
                    tally,
                    partner: None,
                    online: None,
                    next: "",
                    columns: &ColumnUse::default(),
                },
                &mut out,
            );
            for words in expected {
                assert!(out.contains(words), "{words}: {out}");
            }
            assert_eq!(out.contains("the columns of all"), columns.len() > 1, "{out}");
        };
        let copy = "`--all` shows every one, `-o problems.csv` writes each beside its row.";
        check(&["Domain"], 1, false, &["on lines 8, 9, 10, 11, 12, 13, 14\n", copy]);
        check(&["Domain"], 2, false, &["`--all` shows every one.\n"]);
        let columns = "13, 14 (the columns of all of them: `First`, `Last`)\n";
        check(&["First", "Last"], 1, true, &[columns, "`--all` shows every one; in the copy each"]);
    }

    #[test]
    fn nothing_in_a_file_moves_the_cursor() {
        let mut problem = duplicate_domain(3, "Do\nmain\u{1b}[2J", "a\u{9b}2J", 2, None);
        problem.suggestion = Some("\u{202e}evil".to_owned());
        let (mut text, mut out) = (TextReport::new(false), String::new());
        text.problem("a\u{7}.csv", &problem, &mut out);
        assert!(!out.chars().any(|c| crate::printable::is_unseen(c) && c != '\n'), "{out:?}");
        assert_eq!(out.lines().count(), 3);
    }
}
