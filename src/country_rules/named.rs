//! Collects the countries that files name.

use std::collections::BTreeSet;
use std::io::Read;

use crate::customer::Field;
use crate::reader::{self, Reader, Row};
use crate::validation::{NoCountry, Validator};

/// The most invalid cells that are listed.
const MOST_NAMED: usize = 10;

/// The countries of one or more files.
#[derive(Debug, Default)]
pub(crate) struct NamedCountries {
    /// Country codes of two capital letters.
    pub(crate) codes: BTreeSet<String>,
    /// The number of rows whose cell is not a valid country.
    pub(crate) rows_without: u64,
    /// The contents of those cells, each once, up to the limit.
    pub(crate) strangers: Vec<NoCountry>,
    /// The number of rows whose cells cannot be trusted.
    pub(crate) rows_at_fault: u64,
}

impl NamedCountries {
    /// Adds the countries that a file names. `validator` resolves them.
    pub(crate) fn add<R: Read>(
        &mut self,
        mut reader: Reader<R>,
        validator: &Validator,
    ) -> Result<(), reader::Error> {
        let column = reader.header().index_of(Field::Country);
        let mut row = Row::default();
        while reader.read(&mut row)? {
            if row.fault().is_some() {
                self.rows_at_fault += 1;
                continue;
            }
            let cell = column.and_then(|column| row.text(column)).unwrap_or_default();
            let default = validator.default_of(Field::Country).filter(|_| cell.trim().is_empty());
            self.add_cell(default.unwrap_or(cell), validator);
        }
        Ok(())
    }

    fn add_cell(&mut self, cell: &str, validator: &Validator) {
        match validator.country(cell) {
            Ok(code) if self.codes.contains(code) => {}
            Ok(code) => {
                self.codes.insert(code.to_owned());
            }
            Err(stranger) => {
                self.rows_without += 1;
                if self.strangers.len() < MOST_NAMED && !self.strangers.contains(&stranger) {
                    self.strangers.push(stranger);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validation::{LiveRules, Settings};

    const HEADER: &str =
        "company_name,domain,email,culture,language,first_name,last_name,address_line1,country\n";

    #[test]
    fn countries_are_those_that_validation_accepts() {
        let live = LiveRules::parse(r#"{"iso2Code":"QQ"}"#).unwrap();
        let validator = Validator::new(Settings { live_rules: vec![live], ..Settings::default() });
        let cells = ["US", " pt ", "us", "UK", "Germany", "uk", "UK", "", "QQ", "ZZ"];
        let rows: String = cells.iter().map(|cell| format!("a,b,c,d,e,f,g,h,{cell}\n")).collect();
        let file = format!("{HEADER}{rows}too,few\n");
        let mut named = NamedCountries::default();
        let reader = Reader::open(file.as_bytes(), &reader::Options::default()).unwrap();
        named.add(reader, &validator).unwrap();
        assert_eq!(named.codes.iter().collect::<Vec<_>>(), ["PT", "QQ", "US"]);
        assert_eq!((named.rows_without, named.rows_at_fault), (6, 1));
        let strangers: Vec<_> =
            named.strangers.iter().map(|it| (it.value.as_str(), it.suggestion.as_deref())).collect();
        let expected =
            [("UK", Some("GB")), ("Germany", Some("DE")), ("uk", Some("GB")), ("", None), ("ZZ", None)];
        assert_eq!(strangers, expected);
    }

    #[test]
    fn strangers_are_counted_without_end_and_named_up_to_a_limit() {
        let validator = Validator::new(Settings::default());
        let mut named = NamedCountries::default();
        for n in 0..100 {
            named.add_cell(&format!("Nowhere {n}"), &validator);
        }
        assert_eq!((named.rows_without, named.strangers.len()), (100, MOST_NAMED));
    }
}
