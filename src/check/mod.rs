//! Checks files: finds every problem in every row, creates nothing.
//!
//! Rows are validated by the same [`Validator`] as in an import, and compared with earlier rows ([`EarlierRows`]) by
//! the same [rules](crate::intake::decide). So a check gives the result of an import into an empty ledger. All files of
//! one command are checked together, as in an import. Problems are passed on immediately and never collected; the only
//! data kept about a row is in [`EarlierRows`].

mod annotated;
mod duplicates;
mod json;
mod lines;
mod online;
mod plan;
mod tally;
mod text;

use arrayvec::ArrayString;

use crate::customer::{Customer, Field};
use crate::intake::companies::{Companies, CompanyColumns, CompanyHasher, RowKeys};
use crate::intake::cross_row::mixed_resellers;
use crate::intake::decide::{IncomingRow, are_mixed};
use crate::ledger::Decision;
use crate::problem::{Finding, Problem, Rule, Severity, Strictness};
use crate::reader::{Header, Row};
use crate::validation::{Change, FixedRow, Validator};

pub(crate) use annotated::{Annotated, AnnotatedRow};
pub(crate) use duplicates::EarlierRows;
pub(crate) use json::JsonReport;
pub(crate) use online::{FieldFinding, InOrder, Online};
pub(crate) use tally::CheckTally;
pub(crate) use text::{CheckEnd, TextReport};

use lines::LineRanges;
use plan::Group;

/// Validates the rows of a file independently of each other: on any thread, in any order.
pub(crate) struct RowChecker {
    validator: Validator,
    key: duplicates::HashKeys,
    companies: CompanyHasher,
    /// Keep customers for the lookups at Partner Center.
    keeps_customers: bool,
    /// What the annotated copy needs.
    copying: Copying,
}

/// What is kept of the rows for the annotated copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Copying {
    /// There is no copy.
    Nothing,
    Cells,
    /// Cells with their suggestions written; the rows are checked as they are then.
    FixedCells,
}

/// A domain has at most 43 characters. It is stored inline, because freeing memory of another thread costs more than
/// everything else done for a row.
type Domain = ArrayString<48>;

/// A row that was validated on its own, and then [compared](FileCheck::meet) with earlier rows. It stays in one place:
/// moving such rows costs more than comparing them.
pub(crate) struct CheckedRow {
    line: u64,
    domain: Option<Domain>,
    fingerprints: duplicates::Fingerprints,
    company: Option<RowKeys>,
    problems: Vec<Problem>,
    /// `Some` if validation found no error.
    group: Option<Group>,
    /// Also for a row with an error.
    has_reseller: bool,
    /// `Some` for a row without errors if Partner Center will be asked. Then only if the row would be sent. Boxed,
    /// because most checks do not need it and batches should stay small.
    customer: Option<Box<Customer>>,
    /// The row for the copy, still without its problems, if there is a copy.
    copied: Option<Box<AnnotatedRow>>,
    /// An earlier row has the same content.
    is_duplicate: bool,
    /// The row is the current row of its domain, or would be if it named one.
    stands: bool,
    /// Partner Center has the customer already, so that an import records it and creates nothing.
    is_customer: bool,
}

impl RowChecker {
    /// `earlier_rows` and `companies`: the rows that these rows will be compared with.
    pub(crate) fn new(
        validator: Validator,
        earlier_rows: &EarlierRows,
        companies: &Companies,
        keeps_customers: bool,
        copying: Copying,
    ) -> Self {
        let (key, companies) = (earlier_rows.key(), companies.hasher());
        Self { validator, key, companies, keeps_customers, copying }
    }

    pub(crate) fn row(&self, header: &Header, row: &Row) -> CheckedRow {
        let fixes = self.copying == Copying::FixedCells;
        match if fixes { self.validator.fix(header, row) } else { None } {
            Some(FixedRow { row, changes }) => self.with_changes(header, &row, changes),
            None => self.with_changes(header, row, Vec::new()),
        }
    }

    /// Validates a row in which these changes were made.
    fn with_changes(&self, header: &Header, row: &Row, changes: Vec<Change>) -> CheckedRow {
        let validation = self.validator.validate(header, row);
        let customer = if self.keeps_customers { validation.customer().map(Box::new) } else { None };
        CheckedRow {
            line: row.line(),
            fingerprints: self.key.fingerprints(&validation),
            company: self.companies.keys(&validation),
            group: Group::of(&validation),
            has_reseller: validation.reseller().is_some(),
            customer,
            copied: (self.copying != Copying::Nothing).then(|| {
                let (line, cells) = (row.line(), row.cells().collect());
                Box::new(AnnotatedRow { line, cells, problems: Vec::new(), changes })
            }),
            domain: validation.domain.as_ref().and_then(|domain| Domain::from(domain.as_str()).ok()),
            problems: validation.problems,
            is_duplicate: false,
            stands: false,
            is_customer: false,
        }
    }
}

/// The check of one file, row by row in the order of the file.
pub(crate) struct FileCheck {
    header: Header,
    columns: CompanyColumns,
    strictness: Strictness,
    allow_direct: bool,
    /// The file has a row with a reseller. If so, rows without a reseller are errors.
    has_resellers: bool,
    /// Rows without a reseller that would be sent.
    direct: LineRanges,
    tally: CheckTally,
}

impl FileCheck {
    pub(crate) fn new(header: Header, strictness: Strictness, allow_direct: bool) -> Self {
        let (has_resellers, direct, tally) = (false, LineRanges::default(), CheckTally::default());
        let columns = CompanyColumns::of(&header);
        Self { header, columns, strictness, allow_direct, has_resellers, direct, tally }
    }

    /// Counts the sheets that are not read although they have a header, and returns a problem for each.
    pub(crate) fn further_sheets(&mut self, sheets: &[String]) -> Vec<Problem> {
        let message = "has a further sheet that looks like a list and is not read; read it with `--sheet`";
        let problem = |sheet: &String| {
            Finding::new(Rule::FurtherSheet, message).found(0, String::new(), sheet.clone(), &self.strictness)
        };
        let problems: Vec<_> = sheets.iter().map(problem).collect();
        self.tally.count_problems(&problems);
        problems
    }

    /// Compares a row with earlier rows. Rows must arrive in the order of the file that `earlier_rows` and `companies`
    /// were last given.
    pub(crate) fn meet(
        &self,
        row: &mut CheckedRow,
        earlier_rows: &mut EarlierRows,
        companies: &mut Companies,
    ) {
        let double = row
            .company
            .take()
            .and_then(|keys| companies.meet(row.line, keys, &self.columns, &self.strictness));
        if let Some(problem) = double {
            row.group = row.group.filter(|_| problem.severity != Severity::Error);
            row.problems.push(problem);
        }
        let coming = IncomingRow {
            line: row.line,
            domain: row.domain.as_ref().map_or("", Domain::as_str),
            domain_column: self.header.name_of(Field::Domain),
            is_good: row.group.is_some(),
            ..IncomingRow::default()
        };
        match earlier_rows.meet(&coming, row.fingerprints) {
            Decision::Known { .. } => row.is_duplicate = true,
            Decision::New { stands, problem, .. } => {
                row.problems.extend(problem);
                row.stands = stands;
            }
        }
        if !row.stands {
            row.customer = None;
        }
    }

    /// Adds the findings from Partner Center to a row.
    pub(crate) fn add_findings(&self, row: &mut CheckedRow, findings: Vec<FieldFinding>) {
        for FieldFinding { field, value, finding } in findings {
            let column = self.header.name_of(field).to_owned();
            row.is_customer |= finding.rule == Rule::DomainOurs;
            row.problems.push(finding.found(row.line, column, value, &self.strictness));
        }
    }

    /// Counts a row of which all problems are known.
    pub(crate) fn settle(&mut self, row: &CheckedRow) {
        // As in an import, duplicates count here too.
        self.has_resellers |= row.has_reseller;
        if row.is_direct() {
            self.direct.push(row.line);
        }
        self.tally.count(row);
    }

    /// Returns the problems that are only known at the end of the file, and the counts.
    pub(crate) fn end(mut self, companies: &Companies) -> (AtTheEnd, CheckTally) {
        let is_mixed = are_mixed(self.has_resellers, self.direct.count() > 0, self.allow_direct);
        let lines = if is_mixed { std::mem::take(&mut self.direct) } else { LineRanges::default() };
        if is_mixed {
            self.tally.reject_direct(lines.count());
        }
        let of_file = companies.end_file(&self.columns, &self.strictness);
        if let Some(problem) = &of_file {
            self.tally.count_of_file(problem);
        }
        let column = self.header.name_of(Field::AssociatedPartnerId).to_owned();
        (AtTheEnd { lines, column, of_file }, self.tally)
    }
}

/// The problems that are only known at the end of a file: rows without a reseller in a file that has rows with one, and a
/// problem of the file as a whole.
pub(crate) struct AtTheEnd {
    lines: LineRanges,
    /// The name of the reseller column.
    column: String,
    pub(crate) of_file: Option<Problem>,
}

impl AtTheEnd {
    /// The problems of rows, in the order of the file.
    pub(crate) fn problems(&self) -> impl Iterator<Item = Problem> {
        self.lines.iter().map(|line| mixed_resellers(line, &self.column))
    }
}

impl CheckedRow {
    pub(crate) fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// The row for the copy, with its problems, if there is a copy. Returns it only once.
    pub(crate) fn take_copied(&mut self) -> Option<AnnotatedRow> {
        let copied = self.copied.take()?;
        Some(AnnotatedRow { problems: std::mem::take(&mut self.problems), ..*copied })
    }

    /// Whether the row would be sent without a reseller.
    fn is_direct(&self) -> bool {
        self.stands && self.group.as_ref().is_some_and(|group| !group.has_reseller())
    }

    fn worst(&self) -> Option<Severity> {
        self.problems.iter().map(|problem| problem.severity).min()
    }
}

#[cfg(test)]
mod tests;
