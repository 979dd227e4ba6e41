//! The countries, cultures and languages that Partner Center lists, compiled in and read once.
//!
//! The files are those of the fact book (section 7), byte for byte. Look-ups go by the bytes of a cell and allocate
//! nothing where the cell is spelled as the table spells it. What is known of a single country is gathered from here
//! into its rules, in [`country`](super::country).

use std::collections::HashMap;
use std::sync::LazyLock;

const COUNTRIES_CSV: &str = include_str!("data/countries.csv");
const LANGUAGES_CSV: &str = include_str!("data/languages.csv");

#[derive(Debug)]
pub(super) struct Country {
    /// ISO 3166-1 alpha-2, or the code that Microsoft made up where there is none.
    pub(super) code: &'static str,
    pub(super) alpha3: &'static str,
    pub(super) name: &'static str,
    pub(super) cultures: Vec<&'static str>,
    /// The organization registration number is mandatory (fact book 4.3).
    pub(super) needs_registration_number: bool,
    /// Likewise.
    pub(super) needs_phone_number: bool,
}

pub(super) struct Tables {
    countries: Vec<Country>,
    /// Each culture by its own spelling and in lower case.
    cultures: HashMap<String, &'static str>,
    /// Likewise.
    languages: HashMap<String, &'static str>,
}

static TABLES: LazyLock<Tables> = LazyLock::new(Tables::read);

pub(super) fn tables() -> &'static Tables {
    &TABLES
}

impl Tables {
    fn read() -> Self {
        let countries: Vec<_> = records(COUNTRIES_CSV).map(read_country).collect();
        let cultures = countries.iter().flat_map(|country| country.cultures.iter().copied());
        let languages = records(LANGUAGES_CSV).map(|record| leak(&record[0]));
        Self { cultures: by_spelling(cultures), languages: by_spelling(languages), countries }
    }

    pub(super) fn countries(&self) -> impl Iterator<Item = &Country> {
        self.countries.iter()
    }

    /// The culture as the table spells it.
    pub(super) fn culture(&self, text: &str) -> Option<&'static str> {
        spelled(&self.cultures, text)
    }

    /// The language as the table spells it.
    pub(super) fn language(&self, text: &str) -> Option<&'static str> {
        spelled(&self.languages, text)
    }
}

fn spelled(table: &HashMap<String, &'static str>, text: &str) -> Option<&'static str> {
    table.get(text).or_else(|| table.get(&text.to_ascii_lowercase())).copied()
}

fn by_spelling(names: impl Iterator<Item = &'static str>) -> HashMap<String, &'static str> {
    names.flat_map(|name| [(name.to_owned(), name), (name.to_ascii_lowercase(), name)]).collect()
}

fn read_country(record: csv::StringRecord) -> Country {
    let [code, alpha3, name] = [0, 1, 2].map(|index| leak(&record[index]));
    let cultures = leak(&record[3]).split('|').collect();
    let [needs_registration_number, needs_phone_number] = [4, 5].map(|index| &record[index] == "yes");
    Country { code, alpha3, name, cultures, needs_registration_number, needs_phone_number }
}

/// The records of a compiled-in table, without its header.
pub(super) fn records(csv: &'static str) -> impl Iterator<Item = csv::StringRecord> {
    let records = csv::Reader::from_reader(csv.as_bytes()).into_records();
    records.map(|record| record.expect("the compiled-in tables are well-formed CSV"))
}

/// The rows of a compiled-in table of names by country, without its header.
pub(super) fn names(
    csv: &'static str,
) -> impl Iterator<Item = (&'static str, impl Iterator<Item = &'static str>)> {
    csv.lines().skip(1).filter_map(|row| row.split_once(',')).map(|(code, names)| (code, names.split('|')))
}

/// A cell of a table that is read once and kept to the end of the program.
pub(super) fn leak(cell: &str) -> &'static str {
    Box::leak(cell.to_owned().into_boxed_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_hold_what_the_fact_book_says() {
        let tables = tables();
        let country = |code: &str| tables.countries().find(|country| country.code == code);
        assert_eq!(tables.countries.len(), 248);
        assert_eq!(country("NA").map(|country| country.name), Some("Namibia"));
        assert_eq!(country("CA").map(|country| &*country.cultures), Some(&["fr-CA", "en-US"][..]));
        for absent in ["CU", "IR", "KP", "SD", "SY", "EH", "UK"] {
            assert!(country(absent).is_none(), "{absent}");
        }
        assert!(
            tables.countries().all(|country| country.needs_registration_number == country.needs_phone_number)
        );
        assert_eq!(tables.culture("AZ-latn-az"), Some("az-Latn-AZ"));
        assert_eq!(tables.culture("en-CA"), None);
        assert_eq!(tables.language("PT-pt"), Some("pt-PT"));
        assert_eq!(tables.language("no"), None);
    }
}
