//! Collects the problems of one row, with the place of each.

use super::outcome::Extent;
use super::{Settings, text};
use crate::reader::{CellKind, Header, Row};
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
        let index = self.header.index_of(field);
        let cell = index.and_then(|index| self.row.text(index)).map_or("", text::trim);
        let default = self.settings.defaults.of(field).filter(|_| cell.is_empty());
        self.of_field(field, |report| match (index, default) {
            (_, Some(default)) => {
                finding.message += "; it comes from `--default`";
                let value = truncate_for_display(default.as_bytes());
                let column = report.header.name_of(field).to_owned();
                report.push(index.unwrap_or(usize::MAX), column, value, finding);
            }
            (Some(index), None) => report.add_cell(index, finding),
            (None, None) => report.push(usize::MAX, field.name().to_owned(), String::new(), finding),
        });
    }

    /// A problem of an agreement's field leaves the customer good.
    fn of_field(&mut self, field: Field, add: impl FnOnce(&mut Self)) {
        let before = self.extent;
        add(self);
        if Field::AGREEMENT.contains(&field) {
            self.extent = before.max(self.extent.min(Extent::WrongAgreement));
        }
    }

    /// Adds a finding about the cell of any column, including columns that are not data.
    #[cold]
    pub(super) fn add_cell(&mut self, index: usize, finding: Finding) {
        let column = match self.header.columns().get(index) {
            Some(column) if column.name.trim().is_empty() => format!("column {}", letters(index)),
            Some(column) => column.name.clone(),
            None => String::new(),
        };
        let value = truncate_for_display(self.row.cell(index).unwrap_or_default());
        self.push(index, column, value, finding);
    }

    /// Problems of this rule reject the row.
    pub(super) fn is_error(&self, rule: Rule) -> bool {
        self.settings.strictness.severity(rule) == Severity::Error
    }

    /// A cell has a kind that [`check_kind`](Self::check_kind) may find something about.
    pub(super) fn has_doubtful_cells(&self) -> bool {
        self.row.has_doubtful_cells()
    }

    /// Checks the kind of the cell of a field, whatever default may replace the cell. False if it is an error.
    pub(super) fn check_kind(
        &mut self,
        field: Field,
        check: impl Fn(Field, CellKind) -> Option<Finding>,
    ) -> bool {
        let Some(index) = self.header.index_of(field) else { return true };
        let Some(finding) = check(field, self.row.kind(index)) else { return true };
        let is_error = self.is_error(finding.rule);
        self.of_field(field, |report| report.add_cell(index, finding));
        !is_error
    }

    /// The cell of the field is a number in a workbook.
    pub(super) fn is_number(&self, field: Field) -> bool {
        self.header.index_of(field).is_some_and(|index| self.row.kind(index) == CellKind::Number)
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

    pub(super) fn has_problems(&self) -> bool {
        !self.problems.is_empty()
    }

    /// The problems in the order of the file's columns, and how much of the row is wrong.
    pub(super) fn finish(mut self) -> (Vec<Problem>, Extent) {
        // Nearly every row has none.
        if self.problems.is_empty() {
            return (Vec::new(), self.extent);
        }
        self.problems.sort_by_key(|&(index, _)| index);
        (self.problems.into_iter().map(|(_, problem)| problem).collect(), self.extent)
    }
}

/// The letters of a column in a spreadsheet: `A`, `Z`, `AA`.
fn letters(index: usize) -> String {
    let (more, last) = (index / 26, index % 26);
    let last = char::from(b'A' + u8::try_from(last).expect("below 26"));
    if more == 0 { last.to_string() } else { format!("{}{last}", letters(more - 1)) }
}

#[cfg(test)]
mod tests {
    use super::letters;

    #[test]
    fn columns_have_the_letters_of_a_spreadsheet() {
        for (index, expected) in [(0, "A"), (11, "L"), (25, "Z"), (26, "AA"), (701, "ZZ"), (702, "AAA")] {
            assert_eq!(letters(index), expected);
        }
    }
}
