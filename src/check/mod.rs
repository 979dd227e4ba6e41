//! The check of files: every problem of every row, nothing written, nothing created.
//!
//! A row is judged by the same [`Validator`] as in an import, and what becomes of it beside its [`siblings`] is
//! [decided](crate::intake::decide) in the same place. So a file is judged as an import into an empty ledger would judge it.
//! The files of one command belong together, as in an import. Problems are handed on as they come and are never
//! collected: what stays in memory of a row is what [`siblings`] says.

mod annotated;
mod duplicates;
mod json;
mod lines;
mod online;
mod plan;
mod tally;
mod text;

use arrayvec::ArrayString;
use csv::ByteRecord;

use crate::customer::{Customer, Field};
use crate::intake::cross_row::mixed_resellers;
use crate::intake::decide::{IncomingRow, are_mixed};
use crate::ledger::Decision;
use crate::problem::{Problem, Severity};
use crate::reader::{Header, Row};
use crate::validation::Validator;

pub(crate) use annotated::Annotated;
pub(crate) use duplicates::EarlierRows;
pub(crate) use json::JsonReport;
pub(crate) use online::{FieldFinding, InOrder, Online};
pub(crate) use tally::CheckTally;
pub(crate) use text::{CheckEnd, TextReport};

use lines::LineRanges;
use plan::Group;

/// Judges the rows of a file, each for itself: on any thread, in any order.
pub(crate) struct RowChecker {
    validator: Validator,
    key: duplicates::HashKeys,
    /// Partner Center will be asked about the rows.
    keeps_customers: bool,
    /// The rows will be copied.
    keeps_cells: bool,
}

/// A domain, which has 43 characters at most: freeing memory of another thread costs more than all the rest of a row.
type Domain = ArrayString<48>;

/// A row that has been judged for itself.
pub(crate) struct CheckedRow {
    line: u64,
    domain: Option<Domain>,
    fingerprints: duplicates::Fingerprints,
    problems: Vec<Problem>,
    /// Of a row in which validation found no error.
    group: Option<Group>,
    /// Of such a row, where somebody asks. Boxed, because most checks ask nobody and should not carry room for it
    /// through every batch.
    customer: Option<Box<Customer>>,
    /// `Some` where the rows are copied.
    cells: Option<Box<ByteRecord>>,
}

/// A row that has been judged, and held against the rows before it. It has a customer only where it would be sent.
pub(crate) struct Met {
    judged: CheckedRow,
    /// An earlier row says the same.
    is_duplicate: bool,
    /// It stands for its domain, or would if it named one.
    stands: bool,
}

impl RowChecker {
    /// `siblings` is what the rows will be held against.
    pub(crate) fn new(
        validator: Validator,
        siblings: &EarlierRows,
        keeps_customers: bool,
        keeps_cells: bool,
    ) -> Self {
        Self { validator, key: siblings.key(), keeps_customers, keeps_cells }
    }

    pub(crate) fn row(&self, header: &Header, row: &Row) -> CheckedRow {
        let validation = self.validator.validate(header, row);
        let customer = if self.keeps_customers { validation.customer().map(Box::new) } else { None };
        CheckedRow {
            line: row.line(),
            fingerprints: self.key.fingerprints(&validation),
            group: Group::of(&validation),
            customer,
            cells: self.keeps_cells.then(|| Box::new(row.cells().clone())),
            domain: validation.domain.as_ref().and_then(|domain| Domain::from(domain.as_str()).ok()),
            problems: validation.problems,
        }
    }
}

/// The check of one file, row by row in the order of the file.
pub(crate) struct FileCheck {
    header: Header,
    strict: bool,
    allow_direct: bool,
    /// A row with a reseller and without an error; one is enough to make those without a reseller wrong.
    has_resellers: bool,
    /// Rows without a reseller that would be sent.
    direct: LineRanges,
    tally: CheckTally,
}

impl FileCheck {
    pub(crate) fn new(header: Header, strict: bool, allow_direct: bool) -> Self {
        let (has_resellers, direct, tally) = (false, LineRanges::default(), CheckTally::default());
        Self { header, strict, allow_direct, has_resellers, direct, tally }
    }

    /// Holds a row against those before it. Rows come in the order of the file, of which `siblings` has been told.
    pub(crate) fn meet(&self, mut judged: CheckedRow, siblings: &mut EarlierRows) -> Met {
        let coming = IncomingRow {
            line: judged.line,
            domain: judged.domain.as_ref().map_or("", Domain::as_str),
            domain_column: self.header.name_of(Field::Domain),
            is_good: judged.group.is_some(),
            ..IncomingRow::default()
        };
        let (is_duplicate, stands) = match siblings.meet(&coming, judged.fingerprints) {
            Decision::Known { .. } => (true, false),
            Decision::New { stands, problem, .. } => {
                judged.problems.extend(problem);
                (false, stands)
            }
        };
        judged.customer = judged.customer.filter(|_| stands);
        Met { judged, is_duplicate, stands }
    }

    /// Counts a row, with what Partner Center told about it, and returns its problems.
    pub(crate) fn settle(&mut self, mut met: Met, told: Vec<FieldFinding>) -> Vec<Problem> {
        let line = met.judged.line;
        for FieldFinding { field, value, finding } in told {
            let column = self.header.name_of(field).to_owned();
            met.judged.problems.push(finding.found(line, column, value, self.strict));
        }
        // As in an import, also a duplicate shows what kind of file this is.
        self.has_resellers |= met.judged.group.as_ref().is_some_and(Group::has_reseller);
        if met.is_direct() {
            self.direct.push(line);
        }
        self.tally.count(&met);
        met.judged.problems
    }

    /// What can be said once the whole file has been read; and the counts with it.
    pub(crate) fn end(mut self) -> (AtTheEnd, CheckTally) {
        let is_mixed = are_mixed(self.has_resellers, self.direct.count() > 0, self.allow_direct);
        let lines = if is_mixed { std::mem::take(&mut self.direct) } else { LineRanges::default() };
        if is_mixed {
            self.tally.reject_direct(lines.count());
        }
        let column = self.header.name_of(Field::AssociatedPartnerId).to_owned();
        (AtTheEnd { lines, column }, self.tally)
    }
}

/// The problems that show only at the end of a file: rows without a reseller beside rows with one.
pub(crate) struct AtTheEnd {
    lines: LineRanges,
    /// The name of the reseller's column.
    column: String,
}

impl AtTheEnd {
    /// In the order of the file.
    pub(crate) fn problems(&self) -> impl Iterator<Item = Problem> {
        self.lines.iter().map(|line| mixed_resellers(line, &self.column))
    }
}

impl Met {
    /// The line and the cells of the row, once, where they are kept.
    pub(crate) fn take_row(&mut self) -> Option<(u64, Box<ByteRecord>)> {
        Some((self.judged.line, self.judged.cells.take()?))
    }

    /// It would be sent, and not for a reseller.
    fn is_direct(&self) -> bool {
        self.stands && self.judged.group.as_ref().is_some_and(|group| !group.has_reseller())
    }

    fn worst(&self) -> Option<Severity> {
        self.judged.problems.iter().map(|problem| problem.severity).min()
    }
}

#[cfg(test)]
mod tests;
