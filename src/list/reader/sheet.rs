//! The rows of one sheet of a workbook, in memory.
//!
//! A workbook cannot be read as a stream. The text of all cells is one string, so that a list of a hundred thousand
//! customers still fits.

use std::ops::RangeInclusive;

use super::cell_kind::CellKind;
use super::header::is_ours;
use super::records::{CELLS_MAX, HEADER_COLUMNS_MAX, RECORD_BYTES_MAX, Record, Span, adjacent};

/// The maximum memory for the cells of a sheet. Larger lists must be CSV, which is read as a stream.
pub(super) const SHEET_BYTES_MAX: usize = 256 * 1024 * 1024;

/// The memory that a cell takes in addition to its text.
const CELL_BYTES: usize = size_of::<u32>() + size_of::<CellKind>();

/// Why a cell was not stored: it did not come row by row and left to right, or the sheet is too large.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotTaken {
    OutOfOrder,
    TooLarge,
}

#[derive(Debug)]
struct RowPlace {
    /// The number that the spreadsheet shows next to the row.
    number: u32,
    first_byte: usize,
    first_cell: usize,
    /// How many cells the row has. If the row is extremely wide, fewer are kept.
    found: usize,
    is_hidden: bool,
}

/// Cells that are merged into one, by 0-based rows and columns. The sheet shows the first cell alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Merge {
    pub(super) rows: RangeInclusive<u32>,
    pub(super) columns: RangeInclusive<usize>,
}

/// A sheet: first filled cell by cell, then read record by record.
#[derive(Debug, Default)]
pub(super) struct Sheet {
    text: String,
    /// Where each cell ends, counted from the first byte of its row.
    ends: Vec<u32>,
    kinds: Vec<CellKind>,
    rows: Vec<RowPlace>,
    /// Sorted by their first row when the first row is returned.
    merges: Vec<Merge>,
    /// How many merges have been applied to `covered`.
    merges_begun: usize,
    /// The latest merge in each column.
    covered: Vec<Option<Merge>>,
    /// How many rows have been returned.
    taken: usize,
    /// The cells of the current record, in the type that the reader needs.
    record_spans: Vec<Span>,
    /// The kinds of its cells, with those of merged cells.
    record_kinds: Vec<CellKind>,
    /// The width of the header, with columns that only other rows fill; every record has at least this width, because the
    /// file leaves out empty cells at the right edge.
    width: Option<usize>,
}

impl Sheet {
    /// Stores the next cell; `row` and `column` are 0-based. Cells with nothing in them may be left out.
    pub(super) fn push(
        &mut self,
        row: u32,
        column: usize,
        text: &str,
        kind: CellKind,
    ) -> Result<(), NotTaken> {
        if text.is_empty() && !kind.is_doubtful() {
            return Ok(());
        }
        let cells = (self.ends.len() + column.min(CELLS_MAX)) * CELL_BYTES;
        if self.text.len() + text.len() + cells + self.rows.len() * size_of::<RowPlace>() > SHEET_BYTES_MAX {
            return Err(NotTaken::TooLarge);
        }
        let number = row + 1;
        match self.rows.last() {
            Some(last) if last.number > number => return Err(NotTaken::OutOfOrder),
            Some(last) if last.number == number && last.found > column => return Err(NotTaken::OutOfOrder),
            Some(last) if last.number == number => {}
            _ => self.rows.push(RowPlace {
                number,
                first_byte: self.text.len(),
                first_cell: self.ends.len(),
                found: 0,
                is_hidden: false,
            }),
        }
        let Some(row) = self.rows.last_mut() else { return Ok(()) };
        row.found = column + 1;
        if column >= CELLS_MAX || self.text.len() - row.first_byte + text.len() > RECORD_BYTES_MAX {
            // `next` reports this record as too long.
            return Ok(());
        }
        let end = self.ends[row.first_cell..].last().copied().unwrap_or(0);
        self.ends.resize(row.first_cell + column, end);
        self.kinds.resize(row.first_cell + column, CellKind::Text);
        self.text.push_str(text);
        let end = u32::try_from(self.text.len() - row.first_byte).expect("a record is far below 4 GiB");
        self.ends.push(end);
        self.kinds.push(kind);
        Ok(())
    }

    /// The 0-based row, if it has cells, is not visible. It is the last one so far.
    pub(super) fn hide(&mut self, row: u32) {
        if let Some(last) = self.rows.last_mut().filter(|last| last.number == row + 1) {
            last.is_hidden = true;
        }
    }

    pub(super) fn merge(&mut self, merge: Merge) {
        self.merges.push(merge);
    }

    /// How many rows have cells.
    pub(super) fn rows(&self) -> usize {
        self.rows.len()
    }

    /// The number below that of the row that was returned last.
    pub(super) fn line(&self) -> u64 {
        let last = self.taken.checked_sub(1).and_then(|last| self.rows.get(last));
        last.map_or(1, |row| u64::from(row.number) + 1)
    }

    /// Leaves out the rows above this one, unless the first row of the sheet is the header of an export.
    pub(super) fn skip_to(&mut self, line: u64) {
        let is_above = |row: &RowPlace| u64::from(row.number) < line;
        if !self.is_export() {
            self.taken = self.rows.iter().position(|row| !is_above(row)).unwrap_or(self.rows.len());
        }
    }

    /// The first row has names of columns that Tenantry adds to exports.
    pub(super) fn is_export(&self) -> bool {
        let Some(first) = self.rows.first() else { return false };
        let cells = first.first_cell..self.rows.get(1).map_or(self.ends.len(), |next| next.first_cell);
        let mut start = 0;
        self.ends[cells].iter().any(|&end| {
            let cell = start..end as usize;
            start = cell.end;
            is_ours(&self.text[first.first_byte..][cell])
        })
    }

    /// The next row that has cells, or `None` at the end. The first one is the header.
    pub(super) fn next(&mut self) -> Option<Record<'_>> {
        if self.width.is_none() {
            self.merges.sort_by_key(|merge| *merge.rows.start());
        }
        let place = self.rows.get(self.taken)?;
        self.taken += 1;
        let next = self.rows.get(self.taken);
        let bytes = place.first_byte..next.map_or(self.text.len(), |next| next.first_byte);
        let cells = place.first_cell..next.map_or(self.ends.len(), |next| next.first_cell);
        let is_too_long = cells.len() < place.found.min(CELLS_MAX);
        self.record_spans.clear();
        self.record_spans.extend(adjacent(self.ends[cells.clone()].iter().map(|&end| end as usize)));
        let width = *self.width.get_or_insert_with(|| {
            // A cell beside the table is in a column without a name, as in the CSV of the same sheet.
            let widest = self.rows[self.taken..].iter().map(|row| row.found).max().unwrap_or_default();
            place.found.max(widest.min(HEADER_COLUMNS_MAX))
        });
        if !is_too_long && place.found < width {
            self.record_spans.resize(width, Span::of(bytes.len()..bytes.len()));
        }
        self.record_kinds.clear();
        self.record_kinds.extend_from_slice(&self.kinds[cells.clone()]);
        let columns = self.record_spans.len();
        while let Some(merge) = self.merges.get(self.merges_begun)
            && *merge.rows.start() < place.number
        {
            let end = (merge.columns.end() + 1).min(CELLS_MAX);
            self.covered.resize(self.covered.len().max(end), None);
            // No cell of a merge beyond these is read.
            self.covered[end.min(*merge.columns.start())..end].fill(Some(merge.clone()));
            self.merges_begun += 1;
        }
        let row = place.number - 1;
        for (column, merge) in self.covered.iter().enumerate().take(columns) {
            let has_text = !self.record_spans[column].range().is_empty();
            if merge.as_ref().is_some_and(|merge| merge.covers(row, column, has_text)) {
                self.record_kinds.resize(self.record_kinds.len().max(column + 1), CellKind::Text);
                self.record_kinds[column] = CellKind::Covered;
            }
        }
        Some(Record {
            line: u64::from(place.number),
            last_line: u64::from(place.number),
            bytes: &self.text.as_bytes()[bytes],
            spans: &self.record_spans,
            is_verbatim: false,
            found: place.found.max(width),
            is_too_long,
            kinds: &self.record_kinds,
            is_hidden: place.is_hidden,
            quote_fault: None,
        })
    }

    /// The part of `whole` that the returned rows represent, in proportion to all rows.
    pub(super) fn share_taken(&self, whole: u64) -> u64 {
        match self.rows.len() as u64 {
            0 => whole,
            rows => u64::try_from(u128::from(whole) * self.taken as u128 / u128::from(rows)).unwrap_or(whole),
        }
    }
}

impl Merge {
    /// True if the sheet does not show a cell of its own here, although it shows the merged cell in an earlier row, or
    /// although the cell has a text.
    fn covers(&self, row: u32, column: usize, has_text: bool) -> bool {
        let is_inside = self.rows.contains(&row) && self.columns.contains(&column);
        is_inside && (row > *self.rows.start() || (has_text && column > *self.columns.start()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(cells: &[(u32, usize, &str)], expected: &[(u64, &[&str])]) {
        let mut sheet = Sheet::default();
        for &(row, column, text) in cells {
            sheet.push(row, column, text, CellKind::Text).unwrap();
        }
        for &(line, cells) in expected {
            let record = sheet.next().unwrap();
            let found: Vec<_> = record.cells().map(|cell| std::str::from_utf8(cell).unwrap()).collect();
            assert_eq!((record.line, &found[..]), (line, cells));
            assert_eq!(record.found, cells.len());
        }
        assert!(sheet.next().is_none());
    }

    #[test]
    fn rows_keep_their_numbers_and_are_as_wide_as_the_widest() {
        check(&[], &[]);
        check(
            &[(1, 0, "a"), (1, 2, "c"), (3, 1, "é"), (7, 0, "x"), (7, 3, "y")],
            &[(2, &["a", "", "c", ""]), (4, &["", "é", "", ""]), (8, &["x", "", "", "y"])],
        );
    }

    #[test]
    fn a_merge_beyond_the_cells_that_are_kept_covers_nothing() {
        let mut sheet = Sheet::default();
        for row in [0, 1] {
            sheet.push(row, 0, "a", CellKind::Text).unwrap();
        }
        for columns in [2000..=2001, 1023..=2000, 1024..=1024] {
            sheet.merge(Merge { rows: 0..=0, columns });
        }
        assert!(sheet.next().is_some());
        assert!(sheet.next().unwrap().kinds.iter().all(|kind| *kind == CellKind::Text));
    }

    #[test]
    fn rows_above_the_header_are_left_out_but_not_of_an_export() {
        let check = |first: &str, line: u64, expected: u64| {
            let mut sheet = Sheet::default();
            for (row, column, text) in [(0, 0, first), (2, 0, "a"), (2, 1, "b"), (3, 0, "c")] {
                sheet.push(row, column, text, CellKind::Text).unwrap();
            }
            sheet.skip_to(line);
            assert_eq!(sheet.next().map_or(0, |record| record.line), expected, "{first} {line}");
        };
        check("Our customers", 1, 1);
        check("Our customers", 2, 3);
        check("Our customers", 3, 3);
        check("Our customers", 9, 0);
        check("tenantry_row", 3, 1);
    }

    #[test]
    fn cells_come_in_order_and_within_limits() {
        let mut sheet = Sheet::default();
        sheet.push(4, 2, "a", CellKind::Number).unwrap();
        assert_eq!(sheet.push(4, 2, "b", CellKind::Text), Err(NotTaken::OutOfOrder));
        assert_eq!(sheet.push(3, 5, "b", CellKind::Text), Err(NotTaken::OutOfOrder));
        // These rows are wider and longer than the limits: each is at fault, but the next row is not.
        sheet.push(5, 20_000, "far", CellKind::Text).unwrap();
        sheet.push(6, 0, &"x".repeat(RECORD_BYTES_MAX + 1), CellKind::Text).unwrap();
        sheet.push(7, 0, "good", CellKind::Text).unwrap();
        assert_eq!(sheet.next().unwrap().kinds, [CellKind::Text, CellKind::Text, CellKind::Number]);
        let wide = sheet.next().unwrap();
        assert!(wide.is_too_long && wide.found == 20_001);
        assert!(sheet.next().unwrap().is_too_long);
        assert_eq!(sheet.next().unwrap().bytes, b"good");
        let mut sheet = Sheet::default();
        let piece = "x".repeat(RECORD_BYTES_MAX);
        let refused = (0..).find_map(|row| sheet.push(row, 0, &piece, CellKind::Text).err());
        assert_eq!(refused, Some(NotTaken::TooLarge));
    }
}
