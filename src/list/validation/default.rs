//! Checks the value of `--default` before a list is read.

use super::{Settings, Validator};
use crate::reader::{Options, Reader, Row, to_csv};
use tenantry_model::customer::{Defaults, Field};
use tenantry_model::problem::{Problem, Severity, Strictness};

/// A valid row, with the fields whose values are right or wrong by themselves. Whether a state, a postal code or a phone
/// number is valid depends on the country of the row.
const SAMPLE: [(Field, &str); 14] = [
    (Field::CompanyName, "Contoso"),
    (Field::Domain, "contoso"),
    (Field::Email, "ana@contoso.com"),
    (Field::Culture, "en-US"),
    (Field::Language, "en"),
    (Field::FirstName, "Ana"),
    (Field::LastName, "Silva"),
    (Field::AddressLine1, "1 Pine Street"),
    (Field::City, "Seattle"),
    (Field::State, "WA"),
    (Field::PostalCode, "98101"),
    (Field::Country, "US"),
    (Field::AssociatedPartnerId, ""),
    (Field::EnableGdapByDefault, ""),
];

/// The error that every row with an empty cell would get. `None`: the value is valid, or that depends on the row.
pub fn problem_of_default(field: Field, value: &str, strictness: &Strictness) -> Option<Problem> {
    let depends_on_country = matches!(field, Field::City | Field::State | Field::PostalCode);
    if depends_on_country || SAMPLE.iter().all(|(sample, _)| *sample != field) {
        return None;
    }
    let names = SAMPLE.map(|(field, _)| field.name());
    let cells = SAMPLE.map(|(sample, cell)| if sample == field { "" } else { cell });
    let list = [to_csv(names), to_csv(cells)].concat();
    let mut reader = Reader::open(list.as_slice(), &Options::default()).expect("the sample is a list");
    let mut row = Row::default();
    reader.read(&mut row).expect("the sample has a row");
    // Whether they fit the country depends on the row; only `--strict` makes that an error.
    let depends_in_part = matches!(field, Field::Culture | Field::Language);
    let strictness = Strictness { strict: strictness.strict && !depends_in_part, ..strictness.clone() };
    let settings = Settings {
        defaults: Defaults::new(vec![(field, value.to_owned())]),
        strictness,
        ..Settings::default()
    };
    let problems = Validator::new(settings).validate(reader.header(), &row).problems;
    let mut errors = problems.into_iter().filter(|problem| problem.severity == Severity::Error);
    errors.find(|problem| problem.column == field.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_depends_on_the_country_of_a_row_is_no_error_even_strictly() {
        let strict = Strictness { strict: true, ..Strictness::default() };
        for (field, value) in [(Field::Culture, "de-DE"), (Field::Language, "de")] {
            assert_eq!(problem_of_default(field, value, &strict), None, "{field}");
            assert!(problem_of_default(field, "x", &strict).is_some(), "{field}");
        }
    }

    #[test]
    fn a_default_is_checked_by_itself() {
        let check = |field: Field, value: &str, expected: Option<&str>| {
            let found = problem_of_default(field, value, &Strictness::default());
            let found = found.map(|problem| problem.remedy().unwrap_or_default().to_owned());
            assert_eq!(found.as_deref(), expected, "{field} {value}");
        };
        for (field, value) in SAMPLE {
            check(field, value, None);
        }
        check(Field::Country, "Germany", Some("DE"));
        check(Field::Country, "UK", Some("GB"));
        check(Field::Country, "de", None);
        check(Field::Language, "de", None);
        check(Field::Culture, "de-DE", None);
        check(Field::EnableGdapByDefault, "false", None);
        // Valid in other countries.
        check(Field::State, "Bavaria", None);
        check(Field::PostalCode, "1067", None);
        let is_wrong = |field, value| problem_of_default(field, value, &Strictness::default()).is_some();
        assert!(is_wrong(Field::Email, "nowhere"));
        assert!(is_wrong(Field::AssociatedPartnerId, "Contoso"));
        assert!(is_wrong(Field::EnableGdapByDefault, "perhaps"));
    }
}
