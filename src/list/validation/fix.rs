//! Writes suggestions into a row, for `check --fix`.
//!
//! A suggestion is written only if it is the one value that the cell can have. In the fields that cannot be taken back,
//! or that decide who gets a password, only the spelling is changed ([`is_same_value`]); anything else is left for a
//! person.

use serde::{Deserialize, Serialize};

use crate::reader::{Header, Row};
use tenantry_model::customer::Field;
use tenantry_model::printable::is_invisible;
use tenantry_model::problem::Problem;

use super::{Validator, country, domain, text};

/// A fixed cell can have another problem, which is fixed in turn. No cell has more problems than this behind each other.
const ROUNDS_MAX: usize = 4;

/// A cell that was changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The index of the cell.
    pub index: usize,
    pub before: String,
    pub after: String,
}

/// A row with its suggestions written.
pub struct FixedRow {
    pub row: Row,
    /// In the order of the columns; at least one.
    pub changes: Vec<Change>,
}

impl Validator {
    /// The row with every suggestion that can be written; `None` if there is none.
    pub fn fix(&self, header: &Header, row: &Row) -> Option<FixedRow> {
        let mut fixed: Option<FixedRow> = None;
        for _ in 0..ROUNDS_MAX {
            let current = fixed.as_ref().map_or(row, |fixed| &fixed.row);
            let problems = self.validate(header, current).problems;
            let found = self.changes(header, current, &problems);
            if found.is_empty() {
                break;
            }
            let mut changes = fixed.map(|fixed| fixed.changes).unwrap_or_default();
            for change in found {
                match changes.iter_mut().find(|earlier| earlier.index == change.index) {
                    Some(earlier) => earlier.after = change.after,
                    None => changes.push(change),
                }
            }
            changes.sort_by_key(|change| change.index);
            let cells = changes.iter().map(|change| (change.index, change.after.as_str()));
            fixed = Some(FixedRow { row: row.with_cells(cells), changes });
        }
        fixed
    }

    /// The changes that the problems of a row suggest, at most one for each cell.
    fn changes(&self, header: &Header, row: &Row, problems: &[Problem]) -> Vec<Change> {
        let mut changes: Vec<Change> = Vec::new();
        for problem in problems {
            let Some(after) = &problem.suggestion else { continue };
            let Some(index) = header.index_named(&problem.column) else { continue };
            let Some(field) = header.columns()[index].field else { continue };
            // The problem of an empty cell is that of its default.
            let Some(before) = row.text(index).filter(|cell| !text::trim(cell).is_empty()) else { continue };
            let is_first = changes.iter().all(|change| change.index != index);
            if is_first && before != after && self.may_write(field, before, after) {
                changes.push(Change { index, before: before.to_owned(), after: after.clone() });
            }
        }
        changes
    }

    fn may_write(&self, field: Field, before: &str, after: &str) -> bool {
        match field {
            Field::Domain => {
                let prefix = |text| spelling(domain::without_suffix(text, self.settings.domain_suffix));
                prefix(before) == prefix(after)
            }
            Field::Email | Field::AgreementEmail | Field::AssociatedPartnerId => {
                spelling(before) == spelling(after)
            }
            Field::Country => spelling(before) == spelling(after) || country::is_name_of(before, after),
            _ => true,
        }
    }
}

/// The text without what does not change its meaning: letter case, and blanks that can be seen or not.
fn spelling(text: &str) -> String {
    text.chars().filter(|&c| !c.is_whitespace() && !is_invisible(c)).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reader::{Options, Reader};
    use crate::validation::Settings;

    const HEADER: &str = "company_name,domain,email,culture,language,first_name,last_name,address_line1,city,state,\
                          postal_code,country,agreement_email";

    /// A row of these cells, in the columns of `HEADER`, and what is fixed in it.
    #[track_caller]
    fn check(changes: &[(&str, &str)], expected: &[(&str, &str)]) {
        let names: Vec<&str> = HEADER.split(',').collect();
        let good = ["Contoso", "contoso", "a@contoso.com", "en-US", "en", "Ana", "Silva", "1 Pine St"];
        let mut cells: Vec<&str> = good.into_iter().chain(["Seattle", "WA", "98101", "US", ""]).collect();
        for (name, cell) in changes {
            cells[names.iter().position(|it| it == name).unwrap()] = cell;
        }
        let file = format!("{HEADER}\n{}\n", cells.join(","));
        let mut reader = Reader::open(file.as_bytes(), &Options::default()).unwrap();
        let mut row = Row::default();
        assert!(reader.read(&mut row).unwrap());
        let validator = Validator::new(Settings::default());
        let fixed = validator.fix(reader.header(), &row);
        let found: Vec<_> = fixed.iter().flat_map(|fixed| &fixed.changes).collect();
        let found: Vec<_> = found.iter().map(|change| (names[change.index], change.after.as_str())).collect();
        assert_eq!(found, expected, "{changes:?}");
        for change in fixed.iter().flat_map(|fixed| &fixed.changes) {
            assert_eq!(change.before, cells[change.index]);
        }
    }

    #[test]
    fn suggestions_with_one_answer_are_written() {
        check(&[], &[]);
        check(&[("culture", "en_us")], &[("culture", "en-US")]);
        check(&[("language", "en-GB")], &[("language", "en")]);
        check(&[("state", "Washington")], &[("state", "WA")]);
        check(&[("state", "Wash\u{200B}ington")], &[("state", "WA")]);
        check(
            &[("country", "Germany"), ("state", ""), ("postal_code", "1067"), ("culture", "de")],
            &[("culture", "de-DE"), ("postal_code", "01067"), ("country", "DE")],
        );
    }

    #[test]
    fn what_needs_a_person_is_left() {
        check(&[("company_name", "")], &[]);
        check(&[("language", "French")], &[]);
        check(&[("state", "Atlantis")], &[]);
    }

    #[test]
    fn of_irrevocable_fields_only_the_spelling_is_changed() {
        check(&[("domain", "con toso")], &[("domain", "contoso.onmicrosoft.com")]);
        check(&[("domain", "Con Toso.OnMicrosoft.com")], &[("domain", "contoso.onmicrosoft.com")]);
        for domain in ["contoso.com", "con_toso", "contoso!"] {
            check(&[("domain", domain)], &[]);
        }
        check(&[("email", "a @contoso.com")], &[("email", "a@contoso.com")]);
        for email in ["mailto:a@contoso.com", "Ana <a@contoso.com>", "a@contoso.com;", "a@contoso,com"] {
            check(&[("email", email)], &[]);
        }
        check(&[("country", "U.S.A.")], &[("country", "US")]);
        check(&[("country", "United States")], &[("country", "US")]);
        check(&[("country", "United Stetes")], &[]);
        check(&[("agreement_email", "mailto:a@contoso.com")], &[]);
    }
}
