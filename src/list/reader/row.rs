//! One record of the file, as the operator wrote it.

use std::borrow::Cow;
use std::ops::RangeInclusive;

use tenantry_model::formula;

use crate::reader::cell_kind::CellKind;
use crate::reader::header::Header;
use crate::reader::quotes::QuoteFault;
use crate::reader::records::{RECORD_BYTES_MAX, Record};

/// The maximum size of a cell. Excel allows 32,767 characters in a cell, and no field takes more than 255.
pub const CELL_BYTES_MAX: usize = 64 * 1024;

/// Why the cells of a row cannot be assigned to the columns of the header. `index` is the 0-based index of the cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowFault {
    /// The number of cells differs from the header.
    Ragged {
        expected: usize,
        found: usize,
    },
    NotUtf8 {
        index: usize,
    },
    CellTooLong {
        index: usize,
        bytes: usize,
    },
    /// More than [`RECORD_BYTES_MAX`]; `cells` has the cells below the limit.
    RecordTooLong,
    /// The lines from this one on are no rows: a total, a copyright.
    Footer,
}

/// A row and its position in the file. Reading into an existing row reuses its buffers.
#[derive(Debug, Default)]
pub struct Row {
    line: u64,
    last_line: u64,
    /// The cells, if all of them are UTF-8.
    text: csv::StringRecord,
    /// The cells, if one of them is not UTF-8.
    raw: csv::ByteRecord,
    is_text: bool,
    kinds: Vec<CellKind>,
    is_hidden: bool,
    fault: Option<RowFault>,
    quote_fault: Option<(usize, QuoteFault)>,
}

impl Row {
    /// A row as the ledger stores it, for a header that asks for so many cells.
    pub fn of_stored(line: u64, cells: &csv::ByteRecord, width: &RangeInclusive<usize>) -> Self {
        let ends: Vec<usize> =
            (0..cells.len()).filter_map(|index| cells.range(index)).map(|cell| cell.end).collect();
        let (bytes, found) = (cells.as_slice(), ends.len());
        let mut row = Self::default();
        let record = Record {
            line,
            last_line: line,
            bytes,
            ends: &ends,
            kinds: &[],
            is_hidden: false,
            found,
            is_too_long: false,
            quote_fault: None,
        };
        row.fill(&record, width);
        row
    }

    /// The physical line the record starts on, 1-based.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// The physical line the record ends on; later than [`line`](Self::line) if a cell has line breaks.
    pub fn last_line(&self) -> u64 {
        self.last_line
    }

    /// The cells as the operator wrote them, untrimmed.
    pub fn cells(&self) -> &csv::ByteRecord {
        if self.is_text { self.text.as_byte_record() } else { &self.raw }
    }

    /// A cell as text; `None` past the last cell, and for the whole row if any cell is not UTF-8.
    pub fn text(&self, index: usize) -> Option<&str> {
        if self.is_text { self.text.get(index) } else { None }
    }

    /// The kind of a cell in a workbook.
    pub fn kind(&self, index: usize) -> CellKind {
        self.kinds.get(index).copied().unwrap_or_default()
    }

    /// True if any cell has a [doubtful](CellKind::is_doubtful) kind.
    pub fn has_doubtful_cells(&self) -> bool {
        self.kinds.iter().any(|kind| kind.is_doubtful())
    }

    /// The sheet does not show the row.
    pub fn is_hidden(&self) -> bool {
        self.is_hidden
    }

    pub fn fault(&self) -> Option<RowFault> {
        self.fault
    }

    /// The first cell with misplaced quotes, by its 0-based index. Its text is what a lenient reader makes of it.
    pub fn quote_fault(&self) -> Option<(usize, QuoteFault)> {
        self.quote_fault
    }

    /// The row with other texts in some cells, given by their index. These are plain text then.
    ///
    /// # Panics
    /// If the row is not text.
    pub fn with_cells<'a>(&self, changed: impl Iterator<Item = (usize, &'a str)>) -> Row {
        assert!(self.is_text, "cells that are not text have no texts to be changed");
        let mut cells: Vec<&str> = self.text.iter().collect();
        let mut kinds = self.kinds.clone();
        for (index, text) in changed {
            cells[index] = text;
            if let Some(kind) = kinds.get_mut(index) {
                *kind = CellKind::default();
            }
        }
        Row { text: cells.into_iter().collect(), raw: csv::ByteRecord::new(), kinds, ..*self }
    }

    /// Takes the marks away that an export for a spreadsheet has added, if it says in column `mark` that it did.
    pub(super) fn unmark(&mut self, mark: usize, header: &Header) {
        if self.cells().get(mark).is_none_or(|cell| cell.trim_ascii().is_empty()) {
            return;
        }
        let is_ours = |index: usize| header.columns().get(index).is_none_or(|column| column.ours);
        let cells: csv::ByteRecord = self
            .cells()
            .iter()
            .enumerate()
            .map(|(index, cell)| if is_ours(index) { Cow::Borrowed(cell) } else { formula::unmarked(cell) })
            .collect();
        if self.is_text {
            // A mark is ASCII, so what is left is still UTF-8.
            self.text = csv::StringRecord::from_byte_record_lossy(cells);
        } else {
            self.raw = cells;
        }
    }

    /// Whether the row has all cells that it has in the file.
    pub(super) fn has_kept_all(&self) -> bool {
        !matches!(self.fault, Some(RowFault::RecordTooLong))
    }

    /// From this row to `last_line` is no row of the list.
    pub(super) fn become_footer(&mut self, last_line: u64) {
        (self.last_line, self.fault) = (last_line, Some(RowFault::Footer));
    }

    /// Copies a record into this row, for a header that asks for so many cells.
    pub(super) fn fill(&mut self, record: &Record<'_>, width: &RangeInclusive<usize>) {
        self.line = record.line;
        self.last_line = record.last_line;
        self.kinds.clear();
        self.kinds.extend_from_slice(record.kinds);
        self.is_hidden = record.is_hidden;
        self.is_text = self.fill_text(record);
        if !self.is_text {
            self.raw.clear();
            for (start, end) in bounds(record.ends) {
                self.raw.push_field(&record.bytes[start..end]);
            }
        }
        self.fault = self.find_fault(record, width);
        self.quote_fault = record.quote_fault;
    }

    /// False if the record is not UTF-8. The whole record is checked at once, which is much faster than checking each
    /// cell; `get` then returns `None` for a cell that starts or ends inside a character.
    fn fill_text(&mut self, record: &Record<'_>) -> bool {
        self.text.clear();
        let Ok(all) = std::str::from_utf8(record.bytes) else {
            return false;
        };
        for (start, end) in bounds(record.ends) {
            let Some(cell) = all.get(start..end) else {
                return false;
            };
            self.text.push_field(cell);
        }
        true
    }

    /// The fault that explains the most: one lost quote makes a row both too long and ragged.
    fn find_fault(&self, record: &Record<'_>, width: &RangeInclusive<usize>) -> Option<RowFault> {
        if record.is_too_long {
            return Some(RowFault::RecordTooLong);
        }
        debug_assert!(record.bytes.len() <= RECORD_BYTES_MAX);
        // Excel often leaves empty cells at the right edge.
        let (expected, most) = (*width.start(), *width.end());
        let has_extra_text = || bounds(record.ends).skip(most).any(|(start, end)| start < end);
        let not_all_kept = record.found > record.ends.len();
        if record.found < expected || (record.found > most && (not_all_kept || has_extra_text())) {
            return Some(RowFault::Ragged { expected, found: record.found });
        }
        if !self.is_text {
            let index = self.raw.iter().position(|cell| std::str::from_utf8(cell).is_err());
            return index.map(|index| RowFault::NotUtf8 { index });
        }
        if record.bytes.len() <= CELL_BYTES_MAX {
            return None;
        }
        let mut sizes = bounds(record.ends).map(|(start, end)| end - start).enumerate();
        sizes
            .find(|&(_, bytes)| bytes > CELL_BYTES_MAX)
            .map(|(index, bytes)| RowFault::CellTooLong { index, bytes })
    }
}

/// Where each cell starts and ends.
pub(super) fn bounds(ends: &[usize]) -> impl Iterator<Item = (usize, usize)> + '_ {
    let starts = std::iter::once(0).chain(ends.iter().copied());
    starts.zip(ends.iter().copied())
}
