//! Compares a row that comes back with what an export gave out.
//!
//! Cells are compared by the name of their column, because people move, add and remove columns. What only a spreadsheet
//! does to a cell ([`spreadsheet_change`]) is a finding; every other change is the operator's.

mod date;
mod letters;
mod number;
mod spreadsheet;
#[cfg(test)]
mod tests;

use csv::ByteRecord;

use crate::reader::{Header, is_ours};
use crate::validation::{is_boolean, is_date_as_domain, rule_of_program_value, trim};
use tenantry_model::customer::Field;
use tenantry_model::printable::truncate_for_display;
use tenantry_model::problem::{Finding, Rule};

pub(crate) use date::is_date;
pub use spreadsheet::{SpreadsheetChange, spreadsheet_change};

/// The columns of a file that has come back, beside those of the file that its rows came from.
pub struct ColumnPairs(Vec<ColumnPair>);

struct ColumnPair {
    /// As the operator writes it now.
    name: String,
    field: Option<Field>,
    /// The positions of its cells. `None`: there is no such column, and its cells count as empty.
    original: Option<usize>,
    now: Option<usize>,
}

/// A cell that has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CellChange {
    /// As the operator writes it now.
    pub column: String,
    pub field: Option<Field>,
    pub original: String,
    pub now: String,
    /// `None`: a person may have changed it.
    pub by_spreadsheet: Option<SpreadsheetChange>,
}

impl ColumnPairs {
    /// `names` are those of the file that the rows came from, and `fields` are its fields, if they are known.
    pub fn new(now: &Header, names: &ByteRecord, fields: Option<&Header>) -> Self {
        let names: Vec<_> = names.iter().map(String::from_utf8_lossy).collect();
        let mut is_free: Vec<bool> = names.iter().map(|name| !is_ours(name)).collect();
        let mut take = |which: &dyn Fn(usize) -> bool| {
            let found = (0..names.len()).find(|&index| is_free[index] && which(index))?;
            is_free[found] = false;
            Some(found)
        };
        let columns = || now.columns().iter().enumerate().filter(|(_, column)| !column.ours);
        // Of two columns with one name, the first is the first again.
        let by_name: Vec<_> =
            columns().map(|(_, column)| take(&|index| names[index].trim() == column.name.trim())).collect();
        let mut pairs = Vec::new();
        for ((index, column), by_name) in columns().zip(by_name) {
            let by_field = || {
                let position = fields?.index_of(column.field?)?;
                take(&|index| index == position)
            };
            let original = by_name.or_else(by_field);
            if original.is_some() || column.field.is_some() {
                let (name, field) = (column.name.clone(), column.field);
                pairs.push(ColumnPair { name, field, original, now: Some(index) });
            }
        }
        for field in Field::ALL {
            let removed = fields.and_then(|fields| fields.index_of(field));
            if let Some(index) = removed.and_then(|position| take(&|index| index == position)) {
                let name = names[index].clone().into_owned();
                pairs.push(ColumnPair { name, field: Some(field), original: Some(index), now: None });
            }
        }
        Self(pairs)
    }

    /// The cells that differ by more than white space around the value.
    pub fn changes<'a>(
        &'a self,
        original: &'a ByteRecord,
        now: &'a ByteRecord,
    ) -> impl Iterator<Item = CellChange> {
        self.0.iter().filter_map(move |pair| {
            let cell = |record: &'a ByteRecord, index: Option<usize>| {
                index.and_then(|index| record.get(index)).unwrap_or_default()
            };
            let (original, now) = (cell(original, pair.original), cell(now, pair.now));
            if original == now { None } else { pair.change(original, now) }
        })
    }
}

impl ColumnPair {
    fn change(&self, original: &[u8], now: &[u8]) -> Option<CellChange> {
        let (original, now) = (String::from_utf8_lossy(original), String::from_utf8_lossy(now));
        if is_same(&original, &now, self.field) {
            return None;
        }
        // Each of these is right, and may be a correction.
        let is_right = match self.field {
            Some(Field::EnableGdapByDefault) => is_boolean(trim(&now)),
            Some(Field::AgreementDate) => date::is_iso(trim(&now)) && !date::is_iso(trim(&original)),
            Some(Field::Domain) if is_date_as_domain(trim(&original)) => is_name_with_number(trim(&now)),
            Some(field) => is_tidied(field, trim(&original), trim(&now)),
            None => false,
        };
        let by_spreadsheet = if is_right { None } else { spreadsheet_change(&original, &now) };
        Some(CellChange {
            column: self.name.clone(),
            field: self.field,
            original: original.into_owned(),
            now: now.into_owned(),
            by_spreadsheet,
        })
    }
}

/// `mar4`: no spreadsheet writes a date so.
fn is_name_with_number(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && text.contains(|c: char| c.is_ascii_alphabetic())
        && text.contains(|c: char| c.is_ascii_digit())
}

/// `120.00` became `120`: the zeros of a program are gone.
fn is_tidied(field: Field, original: &str, now: &str) -> bool {
    rule_of_program_value(field, original) == Some(Rule::FloatTail)
        && rule_of_program_value(field, now).is_none()
        && original.strip_suffix(['0', '.', ',']).is_some_and(|original| original.starts_with(now))
}

/// Spreadsheets write `TRUE` for `true`, and have line breaks of their own.
fn is_same(original: &str, now: &str, field: Option<Field>) -> bool {
    let (original, now) = (trim(original), trim(now));
    original == now
        || (field == Some(Field::EnableGdapByDefault) && original.eq_ignore_ascii_case(now))
        || (original.contains('\n') && original.lines().eq(now.lines()))
}

impl CellChange {
    /// A spreadsheet has changed the cell of a field. In other columns, nothing is sent, and spreadsheets rewrite every
    /// date there.
    pub fn is_damage(&self) -> bool {
        self.field.is_some() && self.by_spreadsheet.is_some()
    }

    /// What is wrong with a cell of a field that a spreadsheet has changed.
    pub fn finding(&self) -> Option<Finding> {
        let field = self.field?;
        let by_spreadsheet = self.by_spreadsheet?;
        let shown = truncate_for_display(self.original.as_bytes());
        let rule = rule_of_program_value(field, trim(&self.original));
        if rule == Some(Rule::Exponent) && rule_of_program_value(field, trim(&self.now)).is_none() {
            let message = format!(
                "was `{shown}` when it was exported; a spreadsheet may have filled in zeros for lost digits"
            );
            let finding = Finding::new(Rule::SpreadsheetChange, message);
            return Some(finding.advise(
                "enter the number with all its digits; if it is right, write it with blanks, such as `213 000 000`",
            ));
        }
        let what = by_spreadsheet.describe();
        // What was refused for its form is not what to write.
        let is_refused =
            rule.is_some() || (field == Field::Domain && is_date_as_domain(trim(&self.original)));
        let suggestion = (!is_refused).then(|| self.original.clone());
        let message = format!("was `{shown}` when it was exported; {what}");
        Some(Finding::new(Rule::SpreadsheetChange, message).suggest_value(suggestion))
    }
}
