//! How the columns of lists are used, for notes and summaries.

use serde::Serialize;
use tenantry_model::customer::Field;

use super::header::Header;

/// A column that `--auto-map` has taken for a field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MappedColumn {
    pub column: String,
    pub field: Field,
}

/// A column that is not used and may be meant for a field without a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SuggestedColumn {
    pub column: String,
    pub field: Field,
    /// `--auto-map` would take it.
    pub is_certain: bool,
}

/// The columns of all files of a command, each once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ColumnUse {
    /// Columns that are not used. Exports keep them.
    pub left_out: Vec<String>,
    pub auto_mapped: Vec<MappedColumn>,
}

impl ColumnUse {
    pub fn of(header: &Header) -> Self {
        let mapped = |(column, field): (&str, Field)| MappedColumn { column: column.to_owned(), field };
        Self {
            left_out: header.left_out().map(str::to_owned).collect(),
            auto_mapped: header.auto_mapped().map(mapped).collect(),
        }
    }

    /// Adds the columns of a further file.
    pub fn add(&mut self, other: Self) {
        add_new(&mut self.left_out, other.left_out);
        add_new(&mut self.auto_mapped, other.auto_mapped);
    }
}

fn add_new<T: PartialEq>(known: &mut Vec<T>, more: Vec<T>) {
    for value in more {
        if !known.contains(&value) {
            known.push(value);
        }
    }
}
