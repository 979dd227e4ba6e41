//! One record of the file, as the operator wrote it.

use std::borrow::Cow;
use std::ops::{Range, RangeInclusive};

use encoding_rs::UTF_8;
use tenantry_model::formula;

use crate::reader::cell_kind::CellKind;
use crate::reader::header::Header;
use crate::reader::quotes::QuoteFault;
use crate::reader::records::{RECORD_BYTES_MAX, Record, Span};

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
    text: String,
    /// The cells, if one of them is not UTF-8.
    raw: Vec<u8>,
    is_text: bool,
    /// Where the cells are in `text` or `raw`.
    spans: Vec<Span>,
    kinds: Vec<CellKind>,
    is_hidden: bool,
    fault: Option<RowFault>,
    quote_fault: Option<(usize, QuoteFault)>,
}

impl Row {
    /// A row as the ledger stores it, for a header that asks for so many cells.
    pub fn of_stored(line: u64, cells: &csv::ByteRecord, width: &RangeInclusive<usize>) -> Self {
        let spans: Vec<Span> =
            (0..cells.len()).filter_map(|index| cells.range(index)).map(Span::of).collect();
        let (bytes, found) = (cells.as_slice(), spans.len());
        let mut row = Self::default();
        let record = Record {
            line,
            last_line: line,
            bytes,
            spans: &spans,
            is_verbatim: false,
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
    pub fn cells(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        let bytes = self.bytes();
        self.spans.iter().map(move |cell| &bytes[cell.range()])
    }

    pub fn cell(&self, index: usize) -> Option<&[u8]> {
        self.spans.get(index).map(|cell| &self.bytes()[cell.range()])
    }

    /// A cell as text; `None` past the last cell, and for the whole row if any cell is not UTF-8.
    pub fn text(&self, index: usize) -> Option<&str> {
        self.text_at(index).map(|(text, _)| text)
    }

    /// A cell as [`text`](Self::text), and its place in [`bytes`](Self::bytes).
    #[inline]
    pub fn text_at(&self, index: usize) -> Option<(&str, Range<usize>)> {
        let place = self.spans.get(index)?.range();
        let text = if self.is_text { self.text.get(place.clone())? } else { return None };
        Some((text, place))
    }

    /// All cells, perhaps with their delimiters and quotes.
    pub fn bytes(&self) -> &[u8] {
        if self.is_text { self.text.as_bytes() } else { &self.raw }
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
        let mut kinds = self.kinds.clone();
        let mut cells: Vec<Cow<'_, [u8]>> = self.cells().map(Cow::Borrowed).collect();
        for (index, text) in changed {
            cells[index] = Cow::Borrowed(text.as_bytes());
            if let Some(kind) = kinds.get_mut(index) {
                *kind = CellKind::default();
            }
        }
        let mut row = Row { kinds, text: String::new(), raw: Vec::new(), spans: Vec::new(), ..*self };
        row.set_cells(&cells);
        row
    }

    /// Takes the marks away that an export for a spreadsheet has added, if it says in column `mark` that it did.
    pub(super) fn unmark(&mut self, mark: usize, header: &Header) {
        if self.cell(mark).is_none_or(|cell| cell.trim_ascii().is_empty()) {
            return;
        }
        let is_ours = |index: usize| header.columns().get(index).is_none_or(|column| column.ours);
        let unmarked = |(index, cell): (usize, &[u8])| {
            if is_ours(index) { Cow::Borrowed(cell) } else { formula::unmarked(cell) }.into_owned()
        };
        // A mark is ASCII, so what is left of text is still text.
        let cells: Vec<_> = self.cells().enumerate().map(unmarked).collect();
        self.set_cells(&cells);
    }

    /// Replaces the cells. If the row is text, so must they be.
    fn set_cells(&mut self, cells: &[impl AsRef<[u8]>]) {
        let mut bytes = Vec::with_capacity(self.bytes().len());
        self.spans.clear();
        for cell in cells {
            let start = bytes.len();
            bytes.extend_from_slice(cell.as_ref());
            self.spans.push(Span::of(start..bytes.len()));
        }
        if self.is_text {
            self.text = String::from_utf8(bytes).expect("parts of texts are texts");
        } else {
            self.raw = bytes;
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
        self.spans.clear();
        self.spans.extend_from_slice(record.spans);
        self.is_text = self.fill_text(record);
        if !self.is_text {
            self.raw.clear();
            self.raw.extend_from_slice(record.bytes);
        }
        self.fault = self.find_fault(record, width);
        self.quote_fault = record.quote_fault;
    }

    /// False if the record is not UTF-8. The whole record is checked at once, which is much faster than checking each
    /// cell; a cell must not start or end inside a character then.
    fn fill_text(&mut self, record: &Record<'_>) -> bool {
        self.text.clear();
        // Faster than the check of std, most of all beyond ASCII.
        let Some(all) = UTF_8.decode_without_bom_handling_and_without_replacement(record.bytes) else {
            return false;
        };
        self.text.push_str(&all);
        record.is_verbatim || record.spans.iter().all(|cell| all.is_char_boundary(cell.range().end))
    }

    /// The fault that explains the most: one lost quote makes a row both too long and ragged.
    fn find_fault(&self, record: &Record<'_>, width: &RangeInclusive<usize>) -> Option<RowFault> {
        if record.is_too_long {
            return Some(RowFault::RecordTooLong);
        }
        debug_assert!(record.bytes.len() <= RECORD_BYTES_MAX);
        // Excel often leaves empty cells at the right edge.
        let (expected, most) = (*width.start(), *width.end());
        let has_extra_text = || record.spans.iter().skip(most).any(|cell| !cell.range().is_empty());
        let not_all_kept = record.found > record.spans.len();
        if record.found < expected || (record.found > most && (not_all_kept || has_extra_text())) {
            return Some(RowFault::Ragged { expected, found: record.found });
        }
        if !self.is_text {
            let index = self.cells().position(|cell| std::str::from_utf8(cell).is_err());
            return index.map(|index| RowFault::NotUtf8 { index });
        }
        if record.bytes.len() <= CELL_BYTES_MAX {
            return None;
        }
        let mut sizes = record.spans.iter().map(|cell| cell.range().len()).enumerate();
        sizes
            .find(|&(_, bytes)| bytes > CELL_BYTES_MAX)
            .map(|(index, bytes)| RowFault::CellTooLong { index, bytes })
    }
}
