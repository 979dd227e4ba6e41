//! Exports rows: the operator's columns, then ours (`tenantry_*`), ready to be corrected and imported again.
//!
//! Cells are written byte for byte as they were read, and CSV has the delimiter of the list. `tenantry_row` identifies
//! the row, so that a corrected row replaces it regardless of what else changed; `tenantry_ledger` says in which ledger
//! that identifier is valid.

use std::collections::HashMap;
use std::io::Write;

use csv::ByteRecord;

use super::summary::{hint, one_line};
use super::table::{Cell, Column, Content, Style, Table, TableError};
use crate::ledger::{self, Filter, Queries, RowDetail, State};
use crate::problem::Problem;
use crate::reader::{self, LEDGER_COLUMN, ROW_COLUMN, STATE_COLUMN, SURPLUS_COLUMN};
use crate::validation::lost_cells;

/// Returns the cell of a row in one column. The second argument is the id of the ledger.
type CellText = fn(&RowDetail, &str) -> String;

/// Our columns, in order, each with its cell. [`SURPLUS_COLUMN`] follows them.
const OUR_COLUMNS: [(&str, CellText); 16] = [
    (ROW_COLUMN, |row, _| row.row.to_string()),
    (LEDGER_COLUMN, |_, ledger_id| ledger_id.to_owned()),
    (STATE_COLUMN, |row, _| row.state.to_string()),
    ("tenantry_file", |row, _| row.file.clone()),
    ("tenantry_line", |row, _| row.line.to_string()),
    ("tenantry_customer_id", |row, _| text(&row.customer_id).to_owned()),
    ("tenantry_commerce_id", |row, _| text(&row.commerce_id).to_owned()),
    ("tenantry_user_name", |row, _| text(&row.user_name).to_owned()),
    // `sealed` in the ledger, or `lost` because the service's answer was lost.
    ("tenantry_password", |row, _| password(row).to_owned()),
    ("tenantry_error_code", |row, _| text(&row.error_code).to_owned()),
    ("tenantry_error", |row, _| error_words(row)),
    ("tenantry_hint", |row, _| what_to_do(row).to_owned()),
    ("tenantry_domain_burned", |row, _| if row.domain_burned { "yes" } else { "" }.to_owned()),
    ("tenantry_agreement", |row, _| {
        row.agreement.as_ref().map(|agreement| agreement.state.to_string()).unwrap_or_default()
    }),
    ("tenantry_agreement_error", |row, _| agreement_error(row)),
    ("tenantry_request_id", |row, _| text(&row.request_id).to_owned()),
];

/// Why an export failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExportError {
    #[error(transparent)]
    Ledger(#[from] ledger::Error),
    #[error(transparent)]
    Table(#[from] TableError),
}

/// Writes the rows of `filter` and returns their number. Keeps one row in memory. The delimiter is that of the lists.
pub(crate) fn export(
    queries: &Queries,
    filter: Filter,
    style: Style,
    out: impl Write + Send,
) -> Result<u64, ExportError> {
    let ledger_id = queries.ledger_id()?;
    let mut headers = queries.headers(filter)?;
    if headers.is_empty() {
        // An export without rows has the columns of a list, too, so that it can be imported.
        headers = queries.headers(Filter::All)?;
    }
    let columns = Columns::of(headers);
    let style = match queries.delimiter_of(filter)? {
        Some(delimiter) => style.with_delimiter(delimiter),
        None => style,
    };
    let mut table = Table::begin(out, style, columns.all())?;
    let mut count = 0;
    queries.each_row(filter, |row| {
        columns.write(&row, &ledger_id, &mut table)?;
        count += 1;
        Ok::<_, ExportError>(())
    })?;
    table.end()?;
    Ok(count)
}

/// The operator's columns of all files involved, each once by name, in order of first appearance.
struct Columns {
    names: Vec<Vec<u8>>,
    places: HashMap<Vec<u8>, Places>,
}

/// Where the columns of one header are.
#[derive(Debug, Default)]
struct Places {
    /// The output position of each column. `None` for our own columns from an earlier export.
    output: Vec<Option<usize>>,
    /// The column [`SURPLUS_COLUMN`] of an earlier export.
    noted: Option<usize>,
}

impl Columns {
    fn of(headers: Vec<Vec<u8>>) -> Self {
        let mut columns = Self { names: Vec::new(), places: HashMap::new() };
        for header in headers {
            let record = reader::from_csv(&header);
            let output = record.iter().enumerate().map(|(index, name)| columns.place(&record, index, name));
            let output = output.collect();
            let is_noted = |name: &[u8]| name.trim_ascii().eq_ignore_ascii_case(SURPLUS_COLUMN.as_bytes());
            let noted = record.iter().position(is_noted);
            columns.places.insert(header, Places { output, noted });
        }
        columns
    }

    /// A name that occurs twice in a header is two columns.
    fn place(&mut self, header: &ByteRecord, index: usize, name: &[u8]) -> Option<usize> {
        if reader::is_ours(&String::from_utf8_lossy(name)) {
            return None;
        }
        let earlier = header.iter().take(index).filter(|other| *other == name).count();
        let existing = self.names.iter().enumerate().filter(|(_, other)| *other == name).nth(earlier);
        Some(existing.map(|(place, _)| place).unwrap_or_else(|| {
            self.names.push(name.to_owned());
            self.names.len() - 1
        }))
    }

    fn all(&self) -> Vec<Column> {
        let own = self.names.iter().map(|name| Column::new(name.clone(), Content::Operator));
        let ours = OUR_COLUMNS.iter().map(|(name, _)| *name).chain([SURPLUS_COLUMN]);
        own.chain(ours.map(|name| Column::new(name, Content::Tenantry))).collect()
    }

    fn write(
        &self,
        row: &RowDetail,
        ledger_id: &str,
        table: &mut Table<impl Write + Send>,
    ) -> Result<(), TableError> {
        let cells = reader::from_csv(&row.cells);
        let none = Places::default();
        let Places { output, noted } = self.places.get(&row.header).unwrap_or(&none);
        let mut own: Vec<&[u8]> = vec![b""; self.names.len()];
        for (place, cell) in output.iter().zip(&cells) {
            if let Some(place) = place {
                own[*place] = cell;
            }
        }
        let extra = lost_cells(&row.problems, &cells, output.len(), *noted);
        let ours = OUR_COLUMNS.map(|(_, cell)| cell(row, ledger_id));
        let ours = ours.into_iter().map(Cell::from).chain([extra.into()]);
        table.row(own.into_iter().map(Cell::from).chain(ours))
    }
}

fn text(value: &Option<String>) -> &str {
    value.as_deref().unwrap_or_default()
}

fn what_to_do(row: &RowDetail) -> &'static str {
    match (row.state, text(&row.error_code)) {
        // The reader already has the file open that `hint` suggests to export.
        (State::Rejected, _) if row.problems.iter().any(Problem::is_of_the_record) => {
            "correct the cells that tenantry_error names, empty tenantry_extra_cells, and import this file"
        }
        (State::Rejected, _) => "correct the cells that tenantry_error names, and import this file",
        (_, "") => "",
        (state, code) => hint(code, state, row.domain_burned),
    }
}

fn password(row: &RowDetail) -> &'static str {
    match (row.state, row.has_credentials) {
        (_, true) => "sealed",
        (State::Created, false) => "lost",
        (_, false) => "",
    }
}

/// All problems of a rejected row; for other rows, the service's error text.
fn error_words(row: &RowDetail) -> String {
    if row.state == State::Rejected && !row.problems.is_empty() {
        let problems: Vec<String> = row.problems.iter().map(Problem::with_remedy).collect();
        return one_line(&problems.join("; "));
    }
    let words = one_line(text(&row.error_text));
    match &row.unreadable {
        Some(why) if words.is_empty() => why.clone(),
        Some(why) => format!("{words}; {why}"),
        None => words,
    }
}

fn agreement_error(row: &RowDetail) -> String {
    let refused =
        row.agreement.as_ref().and_then(|agreement| Some((agreement.error_code.as_ref()?, agreement)));
    refused.map_or_else(String::new, |(code, agreement)| {
        one_line(&format!("{code} {}", text(&agreement.error_text)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_several_files_are_joined_by_name() {
        let columns =
            Columns::of(vec![b"domain,note,tenantry_row,note\n".to_vec(), b"note,email,domain\n".to_vec()]);
        let names: Vec<&str> = columns.names.iter().map(|name| std::str::from_utf8(name).unwrap()).collect();
        assert_eq!(names, ["domain", "note", "note", "email"]);
        assert_eq!(columns.places[&b"note,email,domain\n".to_vec()].output, [Some(1), Some(3), Some(0)]);
    }
}
