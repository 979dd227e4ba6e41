//! The countries, cultures and languages that Partner Center lists, compiled in and read once.
//!
//! The files are those of the fact book (section 7), byte for byte. Lookups use the bytes of a cell and allocate
//! nothing if the cell has the spelling of the table. [`country`](super::country) combines this data into the rules of
//! each country.

use std::sync::LazyLock;

use foldhash::HashMap;

use tenantry_model::customer::Field;

/// Code (ISO 3166-1 alpha-2, or a code that Microsoft invented if there is none), alpha-3, name, cultures, and whether
/// the organization registration number and the phone number are mandatory (fact book 4.3).
pub(super) const COUNTRIES_CSV: &str = include_str!("data/countries.csv");
const LANGUAGES_CSV: &str = include_str!("data/languages.csv");

pub(super) struct Tables {
    /// Each culture, in its own spelling and in lower case.
    cultures: HashMap<String, &'static str>,
    /// Each language, in its own spelling and in lower case.
    languages: HashMap<String, &'static str>,
}

static TABLES: LazyLock<Tables> = LazyLock::new(Tables::read);

pub(super) fn tables() -> &'static Tables {
    &TABLES
}

impl Tables {
    fn read() -> Self {
        let cultures = records(COUNTRIES_CSV).flat_map(|country| leak(&country[3]).split('|'));
        let languages = records(LANGUAGES_CSV).map(|record| leak(&record[0]));
        Self { cultures: by_spelling(cultures), languages: by_spelling(languages) }
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

/// The values that a list can choose from in a field, in order; empty if it has no such values.
pub fn choices(field: Field) -> Vec<&'static str> {
    let mut choices: Vec<&'static str> = match field {
        Field::Country => records(COUNTRIES_CSV).map(|country| leak(&country[0])).collect(),
        Field::Culture => tables().cultures.values().copied().collect(),
        Field::Language => tables().languages.values().copied().collect(),
        _ => Vec::new(),
    };
    choices.sort_unstable();
    choices.dedup();
    choices
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

/// Leaks a cell of a table that is read once and used until the program ends.
pub(super) fn leak(cell: &str) -> &'static str {
    Box::leak(cell.to_owned().into_boxed_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_hold_what_the_fact_book_says() {
        let tables = tables();
        let countries: Vec<_> = records(COUNTRIES_CSV).collect();
        let country = |code: &str| countries.iter().find(|country| &country[0] == code);
        assert_eq!(countries.len(), 248);
        assert_eq!(country("NA").map(|country| &country[2]), Some("Namibia"));
        assert_eq!(country("CA").map(|country| &country[3]), Some("fr-CA|en-US"));
        for absent in ["CU", "IR", "KP", "SD", "SY", "EH", "UK"] {
            assert!(country(absent).is_none(), "{absent}");
        }
        assert!(countries.iter().all(|country| country[4] == country[5]));
        assert_eq!(tables.culture("AZ-latn-az"), Some("az-Latn-AZ"));
        assert_eq!(tables.culture("en-CA"), None);
        assert_eq!(tables.language("PT-pt"), Some("pt-PT"));
        assert_eq!(tables.language("no"), None);
    }
}
