//! The header: which column contains which field.
//!
//! Invariant: a [`Header`] has a column for every required field without a default, and no field has two columns. No
//! unknown column has a name close to that of a field without a column, so a misspelt column cannot be ignored by
//! mistake.

use tenantry_model::customer::{Defaults, Field};
use tenantry_model::nearest::distance_within;

use super::Options;
use super::aliases;
use super::error::{Error, HeaderFault};
use super::records::HEADER_COLUMNS_MAX;
use super::translations;

/// Columns that Tenantry adds to exports. They come back with the export and are never data.
const OWN_PREFIX: &str = "tenantry_";

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// The text as the operator wrote it.
    pub name: String,
    pub field: Option<Field>,
    /// One of the `tenantry_*` columns that exports add.
    pub ours: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    columns: Vec<Column>,
    /// Indexed by field, in canonical order.
    index_by_field: [Option<usize>; Field::ALL.len()],
}

impl Header {
    /// Maps the header's cells to fields, or reports all problems of the header.
    pub(super) fn new(names: Vec<String>, options: &Options, line: u64) -> Result<Self, Error> {
        if names.len() > HEADER_COLUMNS_MAX {
            return Err(Error::HeaderTooWide { line, found: names.len() });
        }
        let mut faults = Vec::new();
        let mapped = resolve_map(&names, &options.column_map, &mut faults);
        let columns: Vec<Column> =
            names.into_iter().zip(mapped).map(|(name, mapped)| Column::new(name, mapped)).collect();
        let index_by_field = index_fields(&columns, &mut faults);
        let header = Self { columns, index_by_field };
        faults.extend(header.slips());
        faults.extend(header.missing(&options.defaults));
        if faults.is_empty() {
            return Ok(header);
        }
        let meant = header.suggested_columns();
        faults.extend(meant.map(|(column, field)| HeaderFault::MayMean { column: column.to_owned(), field }));
        let theirs = header.columns.into_iter().filter(|column| !column.ours);
        Err(Error::Header { line, faults, found: theirs.map(|column| column.name).collect() })
    }

    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The names as the operator wrote them, in file order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|column| column.name.as_str())
    }

    pub fn index_of(&self, field: Field) -> Option<usize> {
        self.index_by_field[field as usize]
    }

    /// The columns that are kept for exports but are not data. Excel often leaves columns without a name at the right
    /// edge; these are kept too but not listed here.
    pub fn unknown(&self) -> impl Iterator<Item = &str> {
        self.names_without_field().filter(|name| !name.trim().is_empty())
    }

    /// Unknown columns whose name means a field in another language, if that field has no column. These are only
    /// suggestions.
    pub fn suggested_columns(&self) -> impl Iterator<Item = (&str, Field)> {
        self.names_without_field()
            .filter_map(|name| Some((name, translations::translated_field(name)?)))
            .filter(|(_, field)| self.index_of(*field).is_none())
    }

    /// The position of a `tenantry_*` column, such as `tenantry_row`, in an exported file that has come back.
    pub fn own_column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.ours && column.name.trim().eq_ignore_ascii_case(name))
    }

    /// The operator's name for a field; the canonical name if the file has no such column.
    pub fn name_of(&self, field: Field) -> &str {
        self.index_of(field).map_or(field.name(), |index| &self.columns[index].name)
    }

    fn names_without_field(&self) -> impl Iterator<Item = &str> {
        let without = self.columns.iter().filter(|column| column.field.is_none() && !column.ours);
        without.map(|column| column.name.as_str())
    }

    /// An unknown column is a typing mistake only if a field with a similar name has no column: `states` next to
    /// `state` hides nothing.
    fn slips(&self) -> impl Iterator<Item = HeaderFault> {
        self.names_without_field().filter_map(|name| {
            let mut nearest = aliases::nearly(&aliases::fold(name));
            nearest.retain(|&field| self.index_of(field).is_none());
            (!nearest.is_empty()).then(|| HeaderFault::NearlyKnown { column: name.to_owned(), nearest })
        })
    }

    fn missing(&self, defaults: &Defaults) -> impl Iterator<Item = HeaderFault> {
        let is_there = |field| self.index_of(field).is_some() || defaults.of(field).is_some();
        let missing = Field::ALL.into_iter().filter(move |&field| field.is_required() && !is_there(field));
        missing.map(|field| {
            let wanted = aliases::fold(field.name());
            // A guess does no harm here, so up to half of the name may differ. A column that means another field is
            // reported as that field.
            let unknown =
                self.names_without_field().filter(|name| translations::translated_field(name).is_none());
            let near = unknown.filter_map(|name| {
                let slips = distance_within(&aliases::fold(name), &wanted, wanted.len() / 2)?;
                Some((slips, name))
            });
            let nearest = near.min_by_key(|&(slips, _)| slips).map(|(_, name)| name.to_owned());
            HeaderFault::Missing { field, nearest }
        })
    }
}

impl Column {
    fn new(name: String, mapped: Option<Field>) -> Self {
        let ours = is_ours(&name);
        let field = if ours { None } else { mapped.or_else(|| aliases::field_named(&aliases::fold(&name))) };
        Self { name, field, ours }
    }
}

pub(crate) fn is_ours(name: &str) -> bool {
    name.trim().get(..OWN_PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(OWN_PREFIX))
}

/// The field that `--map` gives each column. A name matches as it is written or, failing that, folded.
fn resolve_map(
    names: &[String],
    column_map: &[(String, Field)],
    faults: &mut Vec<HeaderFault>,
) -> Vec<Option<Field>> {
    let mut mapped = vec![None; names.len()];
    for (wanted, field) in column_map {
        let folded = aliases::fold(wanted);
        let exact = names.iter().position(|name| name.trim() == wanted.trim());
        let index = exact.or_else(|| names.iter().position(|name| aliases::fold(name) == folded));
        match index.filter(|&index| !is_ours(&names[index])) {
            Some(index) => mapped[index] = Some(*field),
            None => faults.push(HeaderFault::MapUnmatched { column: wanted.clone() }),
        }
    }
    mapped
}

fn index_fields(columns: &[Column], faults: &mut Vec<HeaderFault>) -> [Option<usize>; Field::ALL.len()] {
    let mut index_by_field = [None; Field::ALL.len()];
    for (index, column) in columns.iter().enumerate() {
        let Some(field) = column.field else { continue };
        match index_by_field[field as usize] {
            None => index_by_field[field as usize] = Some(index),
            Some(first) => faults.push(HeaderFault::Twice {
                field,
                first: columns[first].name.clone(),
                second: column.name.clone(),
            }),
        }
    }
    index_by_field
}
