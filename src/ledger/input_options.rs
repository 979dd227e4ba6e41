//! Options given for a file, stored with it because its rows outlive the command.

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use tenantry_model::customer::Field;
use tenantry_model::problem::Rule;

/// The options by which a file was read and validated, from flags or other settings.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct InputOptions {
    /// The line of the header; the lines above it were skipped.
    pub header_line: Option<u64>,
    /// Column headers, and the fields that they were mapped to.
    pub column_map: Vec<(String, Field)>,
    /// Columns whose headings are well known were taken.
    pub auto_map: bool,
    /// Columns that were left out.
    pub ignore_column: Vec<String>,
    /// Values for empty cells.
    pub defaults: Vec<(Field, String)>,
    /// The separator between cells.
    pub delimiter: Option<u8>,
    /// The name of the encoding.
    pub encoding: Option<String>,
    pub sheet: Option<String>,
    pub reseller: Option<Uuid>,
    pub allow_direct: bool,
    pub strict: bool,
    /// Rules whose errors are only warnings.
    pub warn: Vec<Rule>,
    /// The partner's own domains.
    pub partner_domains: Vec<String>,
    /// Nothing was to be sent if a row failed validation.
    pub require_valid: bool,
    /// At most so many customers were to be created (`--max-new`). It is no option of the list, as each run has its own.
    pub has_max_new: bool,
    /// The delimiter that the file was read with, for its exports. It is no option: the next reading finds it again.
    pub found_delimiter: Option<u8>,
    /// The sheet that was read. Nor is this an option: without one, the first visible sheet is read, whichever that is.
    pub found_sheet: Option<String>,
    /// All sheets that the workbook had then.
    pub found_sheets: Vec<String>,
}

impl InputOptions {
    /// The options of this file combined with `now`. Options in `now` override those of the file.
    pub fn beside(&self, now: &InputOptions) -> InputOptions {
        let is_mapped = |header: &str, field: Field| {
            now.column_map.iter().any(|(other, its)| other.trim() == header.trim() || *its == field)
        };
        let has_default = |field: Field| now.defaults.iter().any(|(its, _)| *its == field);
        let is_mapped_now =
            |header: &String| now.column_map.iter().any(|(other, _)| other.trim() == header.trim());
        let is_ignored_now =
            |header: &str| now.ignore_column.iter().any(|other| other.trim() == header.trim());
        let ignored: Vec<_> =
            self.ignore_column.iter().filter(|header| !is_mapped_now(header)).cloned().collect();
        let map = self
            .column_map
            .iter()
            .filter(|(header, field)| !is_mapped(header, *field) && !is_ignored_now(header));
        let defaults = self.defaults.iter().filter(|(field, _)| !has_default(*field));
        InputOptions {
            column_map: map.chain(&now.column_map).cloned().collect(),
            auto_map: now.auto_map || self.auto_map,
            ignore_column: joined(&ignored, &now.ignore_column),
            defaults: defaults.chain(&now.defaults).cloned().collect(),
            // A row must not lose its reseller because the reseller was given only the first time.
            reseller: now.reseller.or(self.reseller),
            allow_direct: now.allow_direct || self.allow_direct,
            strict: now.strict || self.strict,
            warn: joined(&self.warn, &now.warn),
            found_delimiter: self.found_delimiter,
            found_sheet: self.found_sheet.clone(),
            found_sheets: self.found_sheets.clone(),
            partner_domains: joined(&self.partner_domains, &now.partner_domains),
            ..now.clone()
        }
    }

    /// The options without what the reading found, and without what its run was given.
    pub fn as_given(&self) -> InputOptions {
        InputOptions {
            has_max_new: false,
            found_delimiter: None,
            found_sheet: None,
            found_sheets: Vec::new(),
            ..self.clone()
        }
    }

    /// The options of this reading that the next import of the same file applies too: what the columns mean, and which
    /// rules are only warnings. The other options decide for whom customers are created, and what is rejected: an option
    /// that was given once by mistake must not apply to every later import.
    pub fn remembered(&self) -> InputOptions {
        InputOptions {
            column_map: self.column_map.clone(),
            auto_map: self.auto_map,
            ignore_column: self.ignore_column.clone(),
            warn: self.warn.clone(),
            ..InputOptions::default()
        }
    }

    /// The options without what they say about columns. An import remembers that, and without it would refuse the file;
    /// the other options decide for whom customers are created, and so are worth repeating.
    pub fn without_columns(&self) -> InputOptions {
        InputOptions { column_map: Vec::new(), ignore_column: Vec::new(), auto_map: false, ..self.clone() }
    }

    /// The options without those about columns that are not there. An import keeps them for the day on which the columns
    /// come back, but typed they would be mistakes.
    pub fn for_columns(mut self, is_there: impl Fn(&str) -> bool) -> InputOptions {
        self.column_map.retain(|(header, _)| is_there(header));
        self.ignore_column.retain(|header| is_there(header));
        self
    }

    /// The options that apply to its rows in any file, including an export, whose layout is ours.
    pub fn without_layout(&self) -> InputOptions {
        let (delimiter, encoding, sheet, header_line) = (None, None, None, None);
        let given = self.as_given();
        InputOptions { delimiter, encoding, sheet, header_line, require_valid: false, ..given }
    }
}

/// Each value once.
fn joined<T: Clone + PartialEq>(earlier: &[T], later: &[T]) -> Vec<T> {
    let new = later.iter().filter(|value| !earlier.contains(value));
    earlier.iter().chain(new).cloned().collect()
}

impl ToSql for InputOptions {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let text = serde_json::to_string(self).expect("options are plain data");
        Ok(text.into())
    }
}

impl FromSql for InputOptions {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        serde_json::from_str(value.as_str()?).map_err(FromSqlError::other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(map: &[(&str, Field)], defaults: &[(Field, &str)]) -> InputOptions {
        InputOptions {
            column_map: map.iter().map(|(header, field)| ((*header).to_owned(), *field)).collect(),
            defaults: defaults.iter().map(|(field, text)| (*field, (*text).to_owned())).collect(),
            ..InputOptions::default()
        }
    }

    #[test]
    fn options_given_now_override_those_of_the_file() {
        let then =
            given(&[("Sprache", Field::Language), ("Land", Field::Country)], &[(Field::City, "Porto")]);
        assert_eq!(then.beside(&InputOptions::default()), then);
        let now = given(&[("Staat", Field::Country)], &[(Field::City, "Faro"), (Field::Region, "x")]);
        let both = given(
            &[("Sprache", Field::Language), ("Staat", Field::Country)],
            &[(Field::City, "Faro"), (Field::Region, "x")],
        );
        assert_eq!(then.beside(&now), both);
        let other_field = given(&[("Land", Field::Region)], &[]);
        assert_eq!(then.beside(&other_field).column_map[1], ("Land".to_owned(), Field::Region));
        assert_eq!(then.beside(&other_field).column_map.len(), 2);
        let ignoring = |headers: &[&str], map: &[(&str, Field)]| InputOptions {
            ignore_column: headers.iter().map(|header| (*header).to_owned()).collect(),
            auto_map: map.is_empty(),
            ..given(map, &[])
        };
        let (then, now) = (ignoring(&["Ort", "Name"], &[]), ignoring(&["Fax"], &[("Ort", Field::City)]));
        let both = InputOptions { auto_map: true, ..ignoring(&["Name", "Fax"], &[("Ort", Field::City)]) };
        assert_eq!(then.beside(&now), both);
        assert_eq!(now.beside(&then).column_map, []);
    }

    #[test]
    fn a_reseller_applies_until_another_one_is_given() {
        let id = |number| Some(Uuid::from_u128(number));
        let of = |reseller| InputOptions { reseller, ..InputOptions::default() };
        assert_eq!(of(id(1)).beside(&of(None)).reseller, id(1));
        assert_eq!(of(id(1)).beside(&of(id(2))).reseller, id(2));
        let options = InputOptions { allow_direct: true, strict: true, ..InputOptions::default() };
        assert_eq!(options.beside(&InputOptions::default()), options);
        assert_eq!(InputOptions::default().beside(&options), options);
        let warned = |warn: &[Rule]| InputOptions { warn: warn.to_vec(), ..InputOptions::default() };
        let (quotes, form) = (Rule::Quotes, Rule::NameForm);
        assert_eq!(warned(&[quotes]).beside(&warned(&[form, quotes])), warned(&[quotes, form]));
    }

    #[test]
    fn a_rule_is_kept_by_its_name() {
        for rule in Rule::ALL {
            assert_eq!(serde_json::to_string(rule).unwrap(), format!("\"{}\"", rule.name()));
        }
    }

    #[test]
    fn a_field_is_kept_by_its_name_in_the_header() {
        for field in Field::ALL {
            assert_eq!(serde_json::to_string(&field).unwrap(), format!("\"{}\"", field.name()));
        }
        assert_eq!(serde_json::from_str::<InputOptions>("{}").unwrap(), InputOptions::default());
    }
}
