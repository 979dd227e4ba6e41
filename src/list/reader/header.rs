//! The header: which column contains which field.
//!
//! Invariant: a [`Header`] has a column for every required field without a default, and no field has two columns. No
//! unknown column has a name close to that of a field without a column, so a misspelt column cannot be ignored by
//! mistake.

use std::borrow::Cow;
use std::ops::RangeInclusive;

use memchr::memchr;
use tenantry_model::customer::{Defaults, Field};
use tenantry_model::formula;
use tenantry_model::nearest::distance_within;

use super::HEADER_NAMES_MIN;
use super::Options;
use super::aliases;
use super::assign::{Certainty, Reading, assign};
use super::column_use::SuggestedColumn;
use super::error::{Error, HeaderFault};
use super::headings::{self, Unused};
use super::records::HEADER_COLUMNS_MAX;
use super::row::Row;
use crate::validation::trim;

/// Columns that Tenantry adds to exports. They come back with the export and are never data.
const OWN_PREFIX: &str = "tenantry_";

/// The column that says in which rows the cells that a spreadsheet would run are marked
/// ([`formula`](tenantry_model::formula)). A file with this column is one of our own.
pub const MARK_COLUMN: &str = "tenantry_apostrophe";

/// The column of an export that identifies the row, as a number, and the one that identifies its ledger.
pub const ROW_COLUMN: &str = "tenantry_row";
pub const LEDGER_COLUMN: &str = "tenantry_ledger";
pub const STATE_COLUMN: &str = "tenantry_state";

/// The column where exports store the cells of a row that its header has no column for.
pub const SURPLUS_COLUMN: &str = "tenantry_extra_cells";

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// The text as the operator wrote it.
    pub name: String,
    pub field: Option<Field>,
    /// One of the `tenantry_*` columns that exports add.
    pub ours: bool,
    /// `--auto-map` has taken it for its field.
    pub is_auto_mapped: bool,
    /// `--ignore-column` leaves it out.
    pub(super) is_ignored: bool,
    /// What the name means, if the column is not used.
    pub(super) reading: Option<Reading>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    columns: Vec<Column>,
    /// Indexed by field, in canonical order.
    index_by_field: [Option<usize>; Field::ALL.len()],
    /// The columns without a name.
    nameless: Vec<usize>,
    /// The columns that are not used, although fields are not whole without them.
    parts: Vec<(usize, Unused)>,
    /// The `tenantry_*` columns.
    own: Vec<usize>,
    /// How many cells a row has. Columns without a name at the right edge ask for no cell.
    width: RangeInclusive<usize>,
}

impl Header {
    /// Maps the header's cells to fields, or reports all problems of the header.
    pub(super) fn new(names: Vec<String>, options: &Options, line: u64) -> Result<Self, Error> {
        let is_nameless = |name: &String| name.trim().is_empty();
        let named = names.iter().filter(|name| !is_nameless(name)).count();
        if named > HEADER_COLUMNS_MAX {
            return Err(Error::HeaderTooWide { line, found: named });
        }
        let nameless = (0..names.len()).filter(|&index| is_nameless(&names[index])).collect();
        let last = names.iter().rposition(|name| !is_nameless(name));
        let width = last.map_or(1, |last| last + 1)..=names.len();
        let mut faults = Vec::new();
        let columns = assign(names, options, &mut faults);
        let mut index_by_field = [None; Field::ALL.len()];
        for (index, column) in columns.iter().enumerate() {
            let Some(field) = column.field else { continue };
            index_by_field[field as usize].get_or_insert(index);
        }
        let own = (0..columns.len()).filter(|&index| columns[index].ours).collect();
        let unused = |column: &&Column| column.field.is_none() && !column.is_ignored;
        let part = |(index, column): (usize, &Column)| {
            Some((index, headings::unused(&Some(column).filter(unused)?.name)?))
        };
        let parts = columns.iter().enumerate().filter_map(part).collect();
        let header = Self { columns, index_by_field, nameless, parts, own, width };
        faults.extend(header.slips());
        faults.extend(header.missing(&options.defaults));
        // With `--strict`, a column that may be a known one is not left out.
        if !faults.is_empty() || options.strict {
            // What is said to be near a field already is not said again: it would be two columns with one field.
            let is_said = |column: &str, field: Field| {
                let is_it = |fault: &HeaderFault| match fault {
                    HeaderFault::NearlyKnown { column: near, nearest } => {
                        near == column && *nearest == [field]
                    }
                    _ => false,
                };
                faults.iter().any(is_it)
            };
            let meant = header.suggested_columns().filter(|it| !is_said(&it.column, it.field));
            let meant =
                meant.map(|SuggestedColumn { column, field, .. }| HeaderFault::MayMean { column, field });
            let meant: Vec<_> = meant.collect();
            faults.extend(meant);
        }
        if faults.is_empty() {
            return Ok(header);
        }
        let would_auto_map = !options.auto_map
            && header.unused().any(|column| header.open(column).is_some_and(Reading::is_certain));
        let theirs =
            header.columns.into_iter().filter(|column| !column.ours && !column.name.trim().is_empty());
        let found = theirs.map(|column| column.name).collect();
        Err(Error::Header { line, faults, found, would_auto_map, header_below: None })
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

    /// The fields with a column, and its 0-based index.
    pub fn fields(&self) -> impl Iterator<Item = (Field, usize)> {
        let fields = Field::ALL.iter().zip(&self.index_by_field);
        fields.filter_map(|(field, index)| Some((*field, (*index)?)))
    }

    /// The columns without a name, by their 0-based index.
    pub fn nameless(&self) -> &[usize] {
        &self.nameless
    }

    /// The columns that are not used, although fields are not whole without them, by their 0-based index.
    pub fn parts(&self) -> &[(usize, Unused)] {
        &self.parts
    }

    /// How many cells a row has.
    pub fn width(&self) -> RangeInclusive<usize> {
        self.width.clone()
    }

    /// The columns that are kept for exports but are not data; not those without a name.
    pub fn left_out(&self) -> impl Iterator<Item = &str> {
        self.unused().map(|column| column.name.as_str()).filter(|name| !name.trim().is_empty())
    }

    /// The columns that `--auto-map` has taken, with their fields.
    pub fn auto_mapped(&self) -> impl Iterator<Item = (&str, Field)> {
        let taken = self.columns.iter().filter(|column| column.is_auto_mapped);
        taken.filter_map(|column| Some((column.name.as_str(), column.field?)))
    }

    /// Columns that are not used and whose name means a field without a column. These are only suggestions.
    pub fn suggested_columns(&self) -> impl Iterator<Item = SuggestedColumn> {
        let open = |column| self.open(column);
        let is_better = |field| move |other: Reading| other.field == field && other.is_certain();
        let unused = self.unused().filter(|column| !self.is_near(column));
        unused.filter_map(move |column| {
            let reading = self.open(column)?;
            // Beside a certain one, a doubtful one says nothing.
            if !reading.is_certain() && self.unused().filter_map(open).any(is_better(reading.field)) {
                return None;
            }
            let (field, is_certain) = (reading.field, reading.is_certain());
            Some(SuggestedColumn { column: column.name.clone(), field, is_certain })
        })
    }

    /// Whether the cells of a row are the names of the columns: files were joined, or copied below each other.
    pub fn is_repeated_by<'a>(&self, cells: impl Iterator<Item = &'a str>) -> bool {
        let plain = |text: &'a str| text.trim_matches(|c: char| c.is_whitespace() || c == '\u{FEFF}');
        let names = self.columns.iter().map(|column| column.name.trim());
        names.zip(cells.map(plain)).all(|(name, cell)| name == cell)
    }

    /// Whether a row names columns: it is the header of a list that was joined to this one.
    pub fn is_named_by(&self, row: &Row) -> bool {
        let email = self.index_of(Field::Email).and_then(|index| row.text(index)).unwrap_or_default();
        // Decides for nearly every row.
        if memchr(b'@', email.as_bytes()).is_some() || email.trim().is_empty() {
            return false;
        }
        let is_name =
            |text: &&str| self.field_named(text).is_some() || self.names().any(|name| name.trim() == *text);
        texts(row).filter(|text| !text.is_empty() && is_name(text)).count() >= HEADER_NAMES_MIN
    }

    /// Whether a row that names columns has those of this header, so that the rows below it mean the same.
    pub(super) fn has_columns_of(&self, row: &Row) -> bool {
        self.columns.iter().zip(texts(row)).all(|(column, text)| {
            column.field.is_none() || column.name.trim() == text || self.field_named(text) == column.field
        })
    }

    /// The field that a name means here.
    fn field_named(&self, text: &str) -> Option<Field> {
        let column = self.columns.iter().find(|column| column.name.trim() == text);
        column.map_or_else(|| aliases::field_named(&aliases::fold(text)), |column| column.field)
    }

    /// The position of a `tenantry_*` column, such as `tenantry_row`, in an exported file that has come back.
    pub fn own_column(&self, name: &str) -> Option<usize> {
        let is_named = |index: &usize| self.columns[*index].name.trim().eq_ignore_ascii_case(name);
        self.own.iter().copied().find(is_named)
    }

    /// The operator's name for a field; the canonical name if the file has no such column.
    pub fn name_of(&self, field: Field) -> &str {
        self.index_of(field).map_or(field.name(), |index| &self.columns[index].name)
    }

    /// The column with this name; if there are several, the one that has a field.
    pub fn index_named(&self, name: &str) -> Option<usize> {
        let is_named = |column: &&Column| column.name == name;
        let mut columns = self.columns.iter();
        let with_field = columns.position(|column| is_named(&column) && column.field.is_some());
        with_field.or_else(|| self.columns.iter().position(|column| is_named(&column)))
    }

    fn unused(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().filter(|column| column.field.is_none() && !column.ours)
    }

    /// What the name of an unused column means, if that field has no column.
    fn open(&self, column: &Column) -> Option<Reading> {
        column.reading.filter(|reading| {
            reading.certainty < Certainty::Elsewhere && self.index_of(reading.field).is_none()
        })
    }

    /// The name of an unused column is a known name with something around it, so leaving it out is a mistake. A key of
    /// another program is not, because lists have several.
    fn is_near(&self, column: &Column) -> bool {
        self.open(column).is_some_and(|reading| {
            matches!(reading.certainty, Certainty::English | Certainty::Around | Certainty::Before)
                && reading.field != Field::ExternalId
        })
    }

    /// Unused columns whose name is close to that of a field without a column: `states` next to `state` hides nothing.
    fn slips(&self) -> impl Iterator<Item = HeaderFault> {
        self.unused().filter(|column| !column.is_ignored).filter_map(|column| {
            let name = column.name.clone();
            if self.is_near(column) {
                return Some(HeaderFault::NearlyKnown {
                    column: name,
                    nearest: vec![self.open(column)?.field],
                });
            }
            if headings::is_whole_name(&name) {
                return self.lacks_company().then_some(HeaderFault::MayBePerson { column: name });
            }
            let mut nearest = match () {
                () if headings::is_other(&name) => Vec::new(),
                // Beside a state, it is a part of one.
                () if headings::is_county(&name) && self.index_of(Field::State).is_some() => Vec::new(),
                () if headings::is_county(&name) => vec![Field::State, Field::Country],
                () => aliases::nearly(&aliases::fold(&name)),
            };
            let is_other = |field: Field| column.reading.is_some_and(|reading| reading.field != field);
            nearest.retain(|&field| self.index_of(field).is_none() && !is_other(field));
            if !nearest.is_empty() {
                return Some(HeaderFault::NearlyKnown { column: name, nearest });
            }
            let field = self.elsewhere(column)?;
            Some(HeaderFault::Elsewhere { column: name, field })
        })
    }

    /// No column is the company, or would be.
    fn lacks_company(&self) -> bool {
        self.index_of(Field::CompanyName).is_none() && !self.has_open(Field::CompanyName)
    }

    /// The name of an unused column means this field, which has no column.
    fn has_open(&self, field: Field) -> bool {
        self.unused().filter_map(|column| self.open(column)).any(|reading| reading.field == field)
    }

    /// The part of a further address that an unused column is, if the list has it nowhere else.
    fn elsewhere(&self, column: &Column) -> Option<Field> {
        use Field::*;
        let field = column.reading.filter(|reading| reading.certainty == Certainty::Elsewhere)?.field;
        let is_lost = matches!(field, AddressLine1 | City | State | PostalCode | Country);
        (is_lost && self.index_of(field).is_none() && !self.has_open(field)).then_some(field)
    }

    fn missing(&self, defaults: &Defaults) -> impl Iterator<Item = HeaderFault> {
        let is_there = |field| self.index_of(field).is_some() || defaults.of(field).is_some();
        let missing = Field::ALL.into_iter().filter(move |&field| field.is_required() && !is_there(field));
        missing.map(|field| {
            let wanted = aliases::fold(field.name());
            // A guess does no harm here, so up to half of the name may differ. A column that means another field is
            // reported as that field.
            let unknown = self.unused().filter(|column| column.reading.is_none() && !column.is_ignored);
            let unknown = unknown.filter(|column| !headings::is_other(&column.name));
            let unknown = unknown.map(|column| column.name.as_str());
            let near = unknown.filter_map(|name| {
                let folded = aliases::fold(name);
                let (own, rest) = aliases::without_common_name(&folded, &wanted);
                let limit = if rest == wanted { wanted.len() / 2 } else { 1 };
                Some((distance_within(own, rest, limit)?, name))
            });
            let nearest = near.min_by_key(|&(slips, _)| slips).map(|(_, name)| name.to_owned());
            let nearest = nearest.filter(|_| !self.has_open(field));
            HeaderFault::Missing { field, nearest }
        })
    }
}

/// The trimmed texts of a row.
fn texts(row: &Row) -> impl Iterator<Item = &str> {
    (0..).map_while(|index| row.text(index)).map(trim)
}

/// The names as the operator wrote them: without marks, if the header is of a file with marks.
pub(super) fn unmarked(names: Vec<String>) -> Vec<String> {
    if !names.iter().any(|name| name.trim().eq_ignore_ascii_case(MARK_COLUMN)) {
        return names;
    }
    let unmarked = |name: String| match formula::unmarked(name.as_bytes()) {
        Cow::Owned(unmarked) if !is_ours(&name) => String::from_utf8_lossy(&unmarked).into_owned(),
        _ => name,
    };
    names.into_iter().map(unmarked).collect()
}

/// Is it the name of a column that Tenantry writes?
pub fn is_ours(name: &str) -> bool {
    name.trim().get(..OWN_PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(OWN_PREFIX))
}
