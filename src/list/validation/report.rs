//! Collects the problems of one row, with the place of each.

use super::outcome::Extent;
use super::{Settings, text};
use crate::reader::{Header, Row};
use tenantry_model::customer::Field;
use tenantry_model::printable::truncate_for_display;
use tenantry_model::problem::{Finding, Problem, Rule, Severity};

pub(super) struct ProblemCollector<'a> {
    header: &'a Header,
    row: &'a Row,
    settings: &'a Settings,
    /// With the index of the column, which gives the final order.
    problems: Vec<(usize, Problem)>,
    extent: Extent,
}

impl<'a> ProblemCollector<'a> {
    pub(super) fn new(header: &'a Header, row: &'a Row, settings: &'a Settings) -> Self {
        Self { header, row, settings, problems: Vec::new(), extent: Extent::Good }
    }

    /// Adds a finding about the cell of a field, or about the default for an empty cell.
    #[cold]
    pub(super) fn add(&mut self, field: Field, mut finding: Finding) {
        let before = self.extent;
        let index = self.header.index_of(field);
        let cell = index.and_then(|index| self.row.text(index)).map_or("", text::trim);
        match (index, self.settings.defaults.of(field).filter(|_| cell.is_empty())) {
            (_, Some(default)) => {
                finding.message += "; it comes from `--default`";
                let value = truncate_for_display(default.as_bytes());
                let column = self.header.name_of(field).to_owned();
                self.push(index.unwrap_or(usize::MAX), column, value, finding);
            }
            (Some(index), None) => self.add_cell(index, finding),
            (None, None) => self.push(usize::MAX, field.name().to_owned(), String::new(), finding),
        }
        if Field::AGREEMENT.contains(&field) {
            self.extent = before.max(self.extent.min(Extent::WrongAgreement));
        }
    }

    /// Adds a finding about the cell of any column, including columns that are not data.
    #[cold]
    pub(super) fn add_cell(&mut self, index: usize, finding: Finding) {
        let column = self.header.columns().get(index).map_or_else(String::new, |column| column.name.clone());
        let value = truncate_for_display(self.row.cells().get(index).unwrap_or_default());
        self.push(index, column, value, finding);
    }

    /// Problems of this rule reject the row.
    pub(super) fn is_error(&self, rule: Rule) -> bool {
        self.settings.strictness.severity(rule) == Severity::Error
    }

    /// The cell of the field is a number in a workbook.
    pub(super) fn is_number(&self, field: Field) -> bool {
        self.header.index_of(field).is_some_and(|index| self.row.is_number(index))
    }

    /// Adds a finding about the row as a whole.
    #[cold]
    pub(super) fn add_row(&mut self, finding: Finding) {
        self.push(0, String::new(), String::new(), finding);
    }

    fn push(&mut self, index: usize, column: String, value: String, finding: Finding) {
        let problem = finding.found(self.row.line(), column, value, &self.settings.strictness);
        if problem.severity == Severity::Error {
            self.extent = Extent::Wrong;
        }
        self.problems.push((index, problem));
    }

    /// The problems in the order of the file's columns, and how much of the row is wrong.
    pub(super) fn finish(mut self) -> (Vec<Problem>, Extent) {
        self.problems.sort_by_key(|&(index, _)| index);
        (self.problems.into_iter().map(|(_, problem)| problem).collect(), self.extent)
    }
}
