//! Counts the rows and problems of a check.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::BTreeMap;

use foldhash::HashMap;

use super::CheckedRow;
use super::plan::Group;
use crate::intake::cross_row::MIXED_RESELLERS;
use crate::problem::{Problem, Severity};

/// How many equal duplicates are listed by line.
const DUPLICATES_NAMED: usize = 10;

/// Severity and rule.
pub(super) type ProblemKey = (Severity, Cow<'static, str>);

/// Each row counts once: good, only warnings, errors, or an equal duplicate of an earlier row.
#[derive(Debug, Default)]
pub(crate) struct CheckTally {
    pub(crate) good: u64,
    pub(crate) warned: u64,
    pub(crate) wrong: u64,
    pub(crate) duplicates: u64,
    /// Lines of the first duplicates, of one file.
    pub(super) duplicate_lines: Vec<u64>,
    /// Files with an error as a whole.
    pub(crate) refused_files: u64,
    /// Included in `good` and in `warned`: rows without a reseller.
    pub(super) direct_good: u64,
    pub(super) direct_warned: u64,
    pub(super) kinds: BTreeMap<ProblemKey, u64>,
    /// Errors with a suggestion.
    pub(crate) corrections: u64,
    /// The rows that an import would create.
    pub(super) plan: HashMap<Group, u64>,
    /// The rows that an import would record as customers that exist already.
    pub(super) customers: u64,
    /// Included in `customers`: rows without a reseller.
    pub(super) direct_customers: u64,
}

impl CheckTally {
    /// Rows read.
    pub(crate) fn rows(&self) -> u64 {
        self.good + self.warned + self.wrong + self.duplicates
    }

    /// The kinds of problems, errors first, and of those the most frequent first.
    pub(super) fn most_frequent(&self) -> Vec<(&ProblemKey, u64)> {
        let mut kinds: Vec<_> = self.kinds.iter().map(|(kind, count)| (kind, *count)).collect();
        kinds.sort_by_key(|((severity, _), count)| (*severity, Reverse(*count)));
        kinds
    }

    pub(super) fn count_problems(&mut self, problems: &[Problem]) {
        for problem in problems {
            *self.kinds.entry(kind(problem)).or_default() += 1;
            let is_error = problem.severity == Severity::Error;
            self.corrections += u64::from(is_error && problem.suggestion.is_some());
        }
    }

    pub(super) fn count(&mut self, row: &CheckedRow) {
        self.count_problems(&row.problems);
        let worst = row.worst();
        let is_direct = row.is_direct();
        match worst {
            _ if row.is_duplicate => {
                self.duplicates += 1;
                if self.duplicate_lines.len() < DUPLICATES_NAMED {
                    self.duplicate_lines.push(row.line);
                }
            }
            Some(Severity::Error) => self.wrong += 1,
            Some(Severity::Warning) => {
                self.warned += 1;
                self.direct_warned += u64::from(is_direct);
            }
            None => {
                self.good += 1;
                self.direct_good += u64::from(is_direct);
            }
        }
        let would_be_sent = row.stands && worst != Some(Severity::Error);
        if let Some(group) = row.group.filter(|_| would_be_sent) {
            match row.is_customer {
                true => {
                    self.customers += 1;
                    self.direct_customers += u64::from(is_direct);
                }
                false => *self.plan.entry(group).or_default() += 1,
            }
        }
    }

    /// Counts a problem of the file as a whole.
    pub(super) fn count_of_file(&mut self, problem: &Problem) {
        *self.kinds.entry(kind(problem)).or_default() += 1;
        self.refused_files += u64::from(problem.severity == Severity::Error);
    }

    /// Turns all rows without a reseller into rows with errors, with this many problems.
    pub(super) fn reject_direct(&mut self, problems: u64) {
        self.good -= self.direct_good;
        self.warned -= self.direct_warned;
        self.wrong += self.direct_good + self.direct_warned;
        self.customers -= self.direct_customers;
        (self.direct_good, self.direct_warned, self.direct_customers) = (0, 0, 0);
        *self.kinds.entry((Severity::Error, Cow::Borrowed(MIXED_RESELLERS))).or_default() += problems;
        self.plan.retain(|group, _| group.has_reseller());
    }

    /// Something is an error.
    pub(crate) fn has_errors(&self) -> bool {
        self.wrong + self.refused_files > 0
    }

    /// Adds the counts of another file.
    pub(crate) fn add(&mut self, other: CheckTally) {
        self.good += other.good;
        self.warned += other.warned;
        self.wrong += other.wrong;
        self.duplicates += other.duplicates;
        self.refused_files += other.refused_files;
        self.direct_good += other.direct_good;
        self.direct_warned += other.direct_warned;
        for (kind, problems) in other.kinds {
            *self.kinds.entry(kind).or_default() += problems;
        }
        self.corrections += other.corrections;
        self.customers += other.customers;
        self.direct_customers += other.direct_customers;
        for (group, rows) in other.plan {
            *self.plan.entry(group).or_default() += rows;
        }
    }
}

pub(super) fn kind(problem: &Problem) -> ProblemKey {
    (problem.severity, problem.rule.clone())
}
