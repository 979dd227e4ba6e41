//! Writes a check as one JSON object, piece by piece. An object that is not closed means that the check did not finish.

use serde::Serialize;

use super::CheckTally;
use crate::printable::escape_json_for_terminal;
use crate::problem::{Problem, Severity};
use crate::reader::ColumnUse;

/// Writes the object piece by piece.
#[derive(Debug, Default)]
pub(crate) struct JsonReport {
    has_problems: bool,
}

#[derive(Serialize)]
struct InFile<'a> {
    file: &'a str,
    #[serde(flatten)]
    problem: &'a Problem,
}

/// The object without the problems.
#[derive(Serialize)]
struct CheckRest<'a> {
    #[serde(flatten)]
    columns: &'a ColumnUse,
    rows: u64,
    summary: CheckTotals<'a>,
}

/// The totals; each row counts once.
#[derive(Serialize)]
struct CheckTotals<'a> {
    rows: u64,
    /// Rows that would be sent.
    valid: u64,
    /// Included in `valid`.
    with_warnings: u64,
    rejected: u64,
    /// Equal to an earlier row.
    duplicates: u64,
    /// Every kind of problem, errors first, and of those the most frequent first.
    rules: Vec<RuleCount<'a>>,
}

#[derive(Serialize)]
struct RuleCount<'a> {
    rule: &'a str,
    severity: Severity,
    count: u64,
}

impl<'a> CheckTotals<'a> {
    fn of(tally: &'a CheckTally) -> Self {
        let kinds = tally.most_frequent().into_iter();
        Self {
            rows: tally.rows(),
            valid: tally.good + tally.warned,
            with_warnings: tally.warned,
            rejected: tally.wrong,
            duplicates: tally.duplicates,
            rules: kinds
                .map(|((severity, rule), count)| RuleCount { rule, severity: *severity, count })
                .collect(),
        }
    }
}

impl JsonReport {
    pub(crate) fn problem(&mut self, file: &str, problem: &Problem, out: &mut String) {
        out.push_str(if self.has_problems { ",\n" } else { "{\"problems\":[\n" });
        self.has_problems = true;
        let text =
            serde_json::to_string(&InFile { file, problem }).expect("a problem is plain data with text keys");
        out.push_str(&escape_json_for_terminal(&text));
    }

    pub(crate) fn end(&self, tally: &CheckTally, columns: &ColumnUse, out: &mut String) {
        out.push_str(if self.has_problems { "\n" } else { "{\"problems\":[" });
        let rest = CheckRest { columns, rows: tally.rows(), summary: CheckTotals::of(tally) };
        let rest = serde_json::to_string(&rest).expect("counts are plain data with text keys");
        // The problems have opened the object.
        out.push_str(&format!("],{}\n", &escape_json_for_terminal(&rest)[1..]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::intake::cross_row::duplicate_domain;
    use crate::printable::is_unseen;

    #[test]
    fn the_object_is_whole_with_and_without_problems() {
        let mut out = String::new();
        let tally = CheckTally { good: 3, warned: 2, wrong: 1, duplicates: 1, ..CheckTally::default() };
        JsonReport::default().end(&tally, &ColumnUse::default(), &mut out);
        let value: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!(value["rows"], 7);
        let summary = &value["summary"];
        let counts = ["rows", "valid", "with_warnings", "rejected", "duplicates"].map(|name| &summary[name]);
        assert_eq!(counts, [7, 5, 2, 1, 1], "{value:#}");

        let (mut out, mut json) = (String::new(), JsonReport::default());
        for line in [3, 4] {
            json.problem("a.csv", &duplicate_domain(line, "Domain", "a.onmicrosoft.com", 2, None), &mut out);
        }
        json.end(&CheckTally::default(), &ColumnUse::default(), &mut out);
        let value: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!(value["problems"].as_array().unwrap().len(), 2, "{value:#}");
        assert_eq!(value["problems"][1]["line"], 4);
    }

    #[test]
    fn what_a_terminal_would_obey_is_escaped_and_comes_back() {
        let column = "Domäin\u{9b}31m\u{202e}\u{7f}\u{1b}";
        let (mut out, mut json) = (String::new(), JsonReport::default());
        json.problem("a.csv", &duplicate_domain(3, column, "a.onmicrosoft.com", 2, None), &mut out);
        json.end(&CheckTally::default(), &ColumnUse::default(), &mut out);
        assert!(!out.chars().any(|c| is_unseen(c) && c != '\n'), "{out:?}");
        let value: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!(value["problems"][0]["column"], column);
    }
}
