//! Writes a table as the first sheet of a workbook of Excel, in which every cell is text.
//!
//! The rows wait in a temporary file until the end, so memory does not grow with the table. Their texts are stored in
//! the cells themselves: a table of shared texts would have to be kept in memory. Only notes are kept in memory, so
//! their number is limited.

use std::io::{self, Write};

use rust_xlsxwriter::{
    Color, DataValidation, DataValidationErrorStyle, DocProperties, ExcelDateTime, Format as CellFormat,
    FormatAlign, Formula, IgnoreError, Note, Workbook, Worksheet, XlsxError,
};

use super::{Cell, Column, HighlightKind, TableError};
use crate::clock;

/// Limits of the format.
const ROWS_MAX: u32 = 1_048_576;
const COLUMNS_MAX: u16 = 16_384;
const CELL_CHARS_MAX: usize = 32_767;

/// How many cells get a note. More of them make Excel slow, and each takes memory here.
const NOTES_MAX: usize = 2_000;

/// How many rows decide the widths of the columns.
const ROWS_MEASURED: u32 = 200;

/// The width of a column in characters.
const WIDTHS: std::ops::RangeInclusive<usize> = 8..=48;

/// The size of a note in pixels, by its characters in a line.
const NOTE_WIDTH: u32 = 320;
const NOTE_CHARS: usize = 48;
const NOTE_LINE_HEIGHT: u32 = 18;

/// From this many rows on, the file may become too large for the original format of archives.
const ROWS_OF_LARGE_FILES: u32 = 250_000;

const SHEET: &str = "Customers";
/// A hidden sheet, because Excel limits a list of choices to 255 characters if it is not in cells.
const CHOICES_SHEET: &str = "Choices";

/// A workbook that is being written.
pub(super) struct WorkbookWriter<W: Write + Send> {
    workbook: Workbook,
    sheet: Worksheet,
    columns: Vec<Column>,
    /// The number of characters of each column's longest cell.
    widths: Vec<usize>,
    formats: Formats,
    /// The next row, 0-based.
    row: u32,
    notes: usize,
    out: W,
}

/// The number format `@` of Excel, which makes a cell text, also for what is typed into it later.
const TEXT_FORMAT: u8 = 49;

/// The formats of cells.
struct Formats {
    text: CellFormat,
    header: CellFormat,
    error: CellFormat,
    warning: CellFormat,
    fixed: CellFormat,
}

impl Formats {
    fn new() -> Self {
        let text = CellFormat::new().set_num_format_index(TEXT_FORMAT).set_align(FormatAlign::Top);
        let filled = |color: u32| text.clone().set_background_color(Color::RGB(color));
        Self {
            header: text.clone().set_bold(),
            error: filled(0xFF_C7_CE),
            warning: filled(0xFF_EB_9C),
            fixed: filled(0xC6_EF_CE),
            text,
        }
    }

    fn of(&self, kind: HighlightKind) -> &CellFormat {
        match kind {
            HighlightKind::Error => &self.error,
            HighlightKind::Warning => &self.warning,
            HighlightKind::Fixed => &self.fixed,
        }
    }
}

impl<W: Write + Send> WorkbookWriter<W> {
    pub(super) fn begin(out: W, columns: Vec<Column>) -> Result<Self, TableError> {
        if columns.len() > usize::from(COLUMNS_MAX) {
            return Err(TableError::TooManyColumns(COLUMNS_MAX));
        }
        let mut workbook = Workbook::new();
        let made_at = ExcelDateTime::from_timestamp(clock::now().as_second())?;
        workbook.set_properties(&DocProperties::new().set_creation_datetime(&made_at));
        let mut sheet = workbook.new_worksheet_with_constant_memory()?;
        sheet.set_name(SHEET)?;
        sheet.set_freeze_panes(1, 0)?;
        let formats = Formats::new();
        let (widths, notes) = (vec![0; columns.len()], 0);
        let mut writer = Self { workbook, sheet, columns, widths, formats, row: 0, notes, out };
        writer.header()?;
        Ok(writer)
    }

    fn header(&mut self) -> Result<(), TableError> {
        for (index, column) in numbered(0..self.columns.len()) {
            let name = std::mem::take(&mut self.columns[index].name);
            self.sheet.set_column_format(column, &self.formats.text)?;
            let text = self.measured(index, &name)?;
            self.sheet.write_string_with_format(0, column, text, &self.formats.header)?;
            if let Some(text) = self.columns[index].note.take() {
                self.sheet.insert_note(0, column, &note(text))?;
            }
            self.columns[index].name = name;
        }
        self.row = 1;
        Ok(())
    }

    pub(super) fn row<'a>(&mut self, cells: impl Iterator<Item = Cell<'a>>) -> Result<(), TableError> {
        if self.row >= ROWS_MAX {
            return Err(TableError::TooManyRows(ROWS_MAX));
        }
        for ((index, column), cell) in numbered(0..self.columns.len()).zip(cells) {
            let format = cell.highlight.as_ref().map(|highlight| self.formats.of(highlight.kind).clone());
            // A cell without text has the format of its column.
            if !cell.text.is_empty() || format.is_some() {
                let text = self.measured(index, &cell.text)?;
                let format = format.as_ref().unwrap_or(&self.formats.text);
                self.sheet.write_string_with_format(self.row, column, text, format)?;
            }
            if let Some(highlight) = cell.highlight.filter(|highlight| !highlight.note.is_empty())
                && self.notes < NOTES_MAX
            {
                self.sheet.insert_note(self.row, column, &note(highlight.note))?;
                self.notes += 1;
            }
        }
        self.row += 1;
        Ok(())
    }

    pub(super) fn end(mut self) -> Result<(), TableError> {
        let last_row = self.row - 1;
        if let Some(last_column) = numbered(0..self.columns.len()).map(|(_, column)| column).last() {
            self.sheet.autofilter(0, 0, last_row, last_column)?;
            // No green corner for a number that is stored as text.
            let last_row = ROWS_MAX - 1;
            self.sheet.ignore_error_range(0, 0, last_row, last_column, IgnoreError::NumberStoredAsText)?;
        }
        for ((_, column), chars) in numbered(0..self.columns.len()).zip(&self.widths) {
            let chars = u32::try_from((*chars + 2).clamp(*WIDTHS.start(), *WIDTHS.end())).unwrap_or_default();
            self.sheet.set_column_width(column, chars)?;
        }
        let choices = self.choices()?;
        self.workbook.push_worksheet(self.sheet);
        if let Some(choices) = choices {
            self.workbook.push_worksheet(choices);
        }
        self.workbook.use_zip_large_file(self.row >= ROWS_OF_LARGE_FILES);
        self.workbook.save_to_writer(&mut self.out)?;
        Ok(self.out.flush()?)
    }

    /// The hidden sheet with the choices, if there are any.
    fn choices(&mut self) -> Result<Option<Worksheet>, TableError> {
        let mut sheet = Worksheet::new();
        sheet.set_name(CHOICES_SHEET)?.set_hidden(true);
        let with_choices = numbered(0..self.columns.len()).filter(|(index, _)| {
            // An empty list is no list.
            !self.columns[*index].choices.is_empty()
        });
        let with_choices: Vec<_> = with_choices.collect();
        for (place, (index, column)) in with_choices.iter().enumerate() {
            let place = u16::try_from(place).map_err(|_| TableError::TooManyColumns(COLUMNS_MAX))?;
            for (row, value) in (0..).zip(&self.columns[*index].choices) {
                sheet.write_string_with_format(row, place, *value, &self.formats.text)?;
            }
            let letter = rust_xlsxwriter::utility::column_number_to_name(place);
            let last = self.columns[*index].choices.len();
            let list = Formula::new(format!("={CHOICES_SHEET}!${letter}$1:${letter}${last}"));
            // What the list lacks may be right all the same, so Excel asks and does not refuse.
            let choice = DataValidation::new()
                .allow_list_formula(list)
                .set_error_style(DataValidationErrorStyle::Warning);
            self.sheet.add_data_validation(1, *column, ROWS_MAX - 1, *column, &choice)?;
        }
        Ok((!with_choices.is_empty()).then_some(sheet))
    }

    /// The text of a cell in the current row, which counts for the width of its column.
    fn measured(&mut self, index: usize, text: &[u8]) -> Result<String, TableError> {
        let text = String::from_utf8_lossy(text);
        // No text has more characters than bytes. The format counts in UTF-16.
        if text.len() > CELL_CHARS_MAX {
            let chars = text.encode_utf16().count();
            if chars > CELL_CHARS_MAX {
                let column = String::from_utf8_lossy(&self.columns[index].name).into_owned();
                return Err(TableError::CellTooLong {
                    column,
                    row: self.row + 1,
                    chars,
                    max: CELL_CHARS_MAX,
                });
            }
        }
        if self.row < ROWS_MEASURED {
            self.widths[index] = self.widths[index].max(text.chars().count());
        }
        Ok(text.into_owned())
    }
}

/// The indexes of columns, also as numbers of the format.
fn numbered(columns: std::ops::Range<usize>) -> impl Iterator<Item = (usize, u16)> {
    columns.zip(0..COLUMNS_MAX)
}

fn note(text: String) -> Note {
    let lines = text.lines().map(|line| 1 + line.chars().count() / NOTE_CHARS).sum::<usize>();
    let height = NOTE_LINE_HEIGHT * u32::try_from(1 + lines).unwrap_or(u32::MAX).min(20);
    Note::new(text).add_author_prefix(false).set_width(NOTE_WIDTH).set_height(height)
}

impl From<XlsxError> for TableError {
    fn from(error: XlsxError) -> Self {
        // The library's errors do not have their cause as `source()`.
        match error {
            XlsxError::IoError(error) | XlsxError::TempFileError(_, error) => TableError::Io(error),
            XlsxError::ZipError(error) => TableError::Io(io::Error::from(error)),
            error => TableError::Workbook(error.to_string()),
        }
    }
}
