//! Rules for what a workbook knows about a cell beside its text.

use tenantry_model::customer::Field;
use tenantry_model::problem::{Finding, Rule};

use crate::reader::CellKind;

/// What is wrong with a cell of this kind in the column of a field.
pub(super) fn check(field: Field, kind: CellKind) -> Option<Finding> {
    let (rule, message) = match kind {
        CellKind::Text | CellKind::Number => return None,
        CellKind::Date if field == Field::AgreementDate => return None,
        CellKind::Boolean if field == Field::EnableGdapByDefault => return None,
        // These often consist of digits.
        CellKind::IndexResult if holds_digits(field) => return None,
        CellKind::Date => (
            Rule::CellType,
            "is a date in the workbook, not text; format the column as text and enter it again",
        ),
        CellKind::Time => (
            Rule::CellType,
            "is a time in the workbook, not text; format the column as text and enter it again",
        ),
        CellKind::Percent => (
            Rule::CellType,
            "is a percentage in the workbook, not text; format the column as text and enter it again",
        ),
        CellKind::Boolean => (
            Rule::CellType,
            "is true or false in the workbook, not text; format the column as text and enter it again",
        ),
        CellKind::Uncertain => (
            Rule::CellType,
            "has a number format that programs show differently; format the column as text and enter it \
             again",
        ),
        CellKind::Error => (Rule::SpreadsheetError, "is an error of a spreadsheet, not a value"),
        CellKind::NoResult => (
            Rule::FormulaResult,
            "is a formula whose result was not saved; open the file in a spreadsheet program and save it, \
             as .xlsx if the result is empty",
        ),
        CellKind::IndexResult => (
            Rule::FormulaResult,
            "is a formula, and its saved result looks like an index; open the file in a spreadsheet \
             program and save it",
        ),
        CellKind::LostDigits => (
            Rule::LostDigits,
            "is a number of more than 15 digits, and a spreadsheet has lost some; format the column as \
             text and enter it again",
        ),
        CellKind::Covered => (
            Rule::MergedCell,
            "is part of a merged cell, whose value counts only in its first row and column; unmerge it and \
             fill each cell",
        ),
    };
    Some(Finding::new(rule, message))
}

/// What is wrong with a row that its sheet does not show.
pub(super) fn hidden_row() -> Finding {
    Finding::new(Rule::HiddenRow, "is hidden in the sheet; remove the filter, or delete the row")
}

/// Values of the field may be small whole numbers.
fn holds_digits(field: Field) -> bool {
    matches!(
        field,
        Field::PostalCode
            | Field::PhoneNumber
            | Field::OrganizationRegistrationNumber
            | Field::ExternalId
            | Field::AgreementPhone
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_counts_by_its_kind_and_its_field() {
        let check = |field: Field, kind: CellKind, expected: Option<Rule>| {
            assert_eq!(check(field, kind).map(|finding| finding.rule), expected, "{field} {kind:?}");
        };
        let name = Field::CompanyName;
        check(name, CellKind::Text, None);
        check(name, CellKind::Number, None);
        for kind in
            [CellKind::Date, CellKind::Time, CellKind::Percent, CellKind::Boolean, CellKind::Uncertain]
        {
            check(name, kind, Some(Rule::CellType));
        }
        check(name, CellKind::Error, Some(Rule::SpreadsheetError));
        check(name, CellKind::NoResult, Some(Rule::FormulaResult));
        check(name, CellKind::IndexResult, Some(Rule::FormulaResult));
        check(name, CellKind::LostDigits, Some(Rule::LostDigits));
        check(name, CellKind::Covered, Some(Rule::MergedCell));
        check(Field::EnableGdapByDefault, CellKind::Boolean, None);
        check(Field::EnableGdapByDefault, CellKind::Date, Some(Rule::CellType));
        check(Field::AgreementDate, CellKind::Date, None);
        check(Field::AgreementDate, CellKind::Time, Some(Rule::CellType));
        check(Field::PostalCode, CellKind::IndexResult, None);
        check(Field::PostalCode, CellKind::NoResult, Some(Rule::FormulaResult));
    }
}
