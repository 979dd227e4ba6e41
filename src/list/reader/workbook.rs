//! Reads workbooks of Excel and LibreOffice into a [`Sheet`].
//!
//! The XML of both formats is read here, not by a general library for workbooks: only so is it known whether a row is
//! hidden, what a merged cell covers, whether a formula has a result, and what a number format shows. The unpacked size
//! of a workbook is measured before any content is kept, because a small file can unpack to more than the memory of any
//! machine.

mod number_format;
mod ods;
mod old_office;
#[cfg(test)]
mod tests;
mod xlsx;
mod xml;

use std::cell::Cell;
use std::io::{self, BufRead, BufReader, Read, Seek};
use std::panic::{AssertUnwindSafe, catch_unwind};

use tenantry_model::failpoint;
use zip::ZipArchive;
use zip::result::ZipError;

use super::error::{Error, WorkbookError};
use super::not_a_list::NotAList;
use super::sheet::{NotTaken, SHEET_BYTES_MAX, Sheet};
use xml::Xml;

/// The maximum unpacked size of a workbook; about 300,000 customers take this much.
const UNPACKED_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Large enough that few elements cross the end of a buffer.
const BUFFER_BYTES: usize = 64 * 1024;

/// The most rows that a sheet can have, in any spreadsheet program.
const ROWS_MAX: u32 = 1 << 20;

/// What a list needs of a workbook.
pub(super) struct Workbook {
    pub(super) sheet: Sheet,
    pub(super) name: String,
    /// The other visible sheets, with their names and first rows; only if no sheet was asked for.
    pub(super) others: Vec<(String, Sheet)>,
    /// The names of all sheets, in order.
    pub(super) names: Vec<String>,
}

/// Which sheet of a workbook is the list.
#[derive(Debug, Clone, Copy)]
pub(super) enum Which<'a> {
    Named(&'a str),
    /// The first visible one.
    First,
    /// The same, but only its first row is wanted.
    HeaderOfFirst,
}

/// Reads a sheet. A panic in it is an error of the file.
pub(super) fn read(file: impl Read + Seek, which: Which<'_>) -> Result<Workbook, Error> {
    let before = IS_READING.replace(true);
    let result = catch_unwind(AssertUnwindSafe(|| read_file(file, which)));
    IS_READING.set(before);
    result
        .unwrap_or_else(|_| Err(WorkbookError::damaged("its content is not what the reader expects").into()))
}

thread_local! {
    static IS_READING: Cell<bool> = const { Cell::new(false) };
}

/// True while this thread reads a workbook: a panic then becomes an error of the file, and is no bug to report.
pub fn is_reading_workbook() -> bool {
    IS_READING.get()
}

fn read_file(mut file: impl Read + Seek, which: Which<'_>) -> Result<Workbook, Error> {
    let beginning = super::text::read_beginning(&mut file)?;
    file.rewind().map_err(Error::unreadable)?;
    failpoint::crash("workbook");
    if !super::not_a_list::is_zip(&beginning) {
        return Err(old_office::recognize(file).unwrap_or_else(Error::unreadable));
    }
    let mut package = Package::open(BufReader::with_capacity(BUFFER_BYTES, file))?;
    if package.has(xlsx::WORKBOOK) {
        Ok(xlsx::read(&mut package, which)?)
    } else if package.has(ods::CONTENT) {
        Ok(ods::read(&mut package, which)?)
    } else if package.has("encrypted-package") {
        Err(WorkbookError::Protected.into())
    } else if package.has("xl/workbook.bin") {
        Err(Error::Foreign(NotAList::BinaryExcel))
    } else if package.has("word/document.xml") {
        Err(Error::Foreign(NotAList::Word))
    } else {
        Err(Error::Foreign(NotAList::Zip))
    }
}

/// The name of a sheet, and whether people see it.
#[derive(Debug, Clone)]
struct SheetName {
    name: String,
    is_hidden: bool,
}

/// A sheet that is being read.
#[derive(Default)]
struct Wanted {
    name: String,
    sheet: Sheet,
    /// Only its first row is wanted.
    is_header: bool,
}

impl Wanted {
    /// Nothing more is wanted of the sheet. The first row ends where the second begins.
    fn is_complete(&self) -> bool {
        self.is_header && self.sheet.rows() > 1
    }
}

/// The sheets to read, of all: the one with this name, or the first visible one and the headers of the other visible ones.
/// The first in the result is the list.
fn choose(sheets: &[SheetName], which: Which<'_>) -> Result<Vec<(usize, Wanted)>, WorkbookError> {
    let names = || sheets.iter().map(|sheet| sheet.name.clone()).collect();
    let wanted = |index: usize, is_header| {
        (index, Wanted { name: sheets[index].name.clone(), is_header, ..Wanted::default() })
    };
    if let Which::Named(name) = which {
        let same = |sheet: &SheetName| sheet.name.trim().to_lowercase() == name.trim().to_lowercase();
        let found = sheets.iter().position(|sheet| sheet.name == name);
        let found = found.or_else(|| sheets.iter().position(same));
        let found =
            found.ok_or_else(|| WorkbookError::NoSuchSheet { wanted: name.to_owned(), found: names() })?;
        return Ok(vec![wanted(found, false)]);
    }
    let visible = (0..sheets.len()).filter(|&index| !sheets[index].is_hidden);
    let is_header = |before| before > 0 || matches!(which, Which::HeaderOfFirst);
    let chosen: Vec<_> =
        visible.enumerate().map(|(before, index)| wanted(index, is_header(before))).collect();
    if chosen.is_empty() { Err(WorkbookError::NoVisibleSheet(names())) } else { Ok(chosen) }
}

impl Workbook {
    /// `read`: the list, then the others. `sheets`: all that there are.
    fn of(read: impl IntoIterator<Item = Wanted>, sheets: Vec<SheetName>) -> Result<Self, WorkbookError> {
        let mut read = read.into_iter().map(|wanted| (wanted.name, wanted.sheet));
        let (name, sheet) = read.next().ok_or_else(|| WorkbookError::damaged("it has no sheets"))?;
        let names = sheets.into_iter().map(|sheet| sheet.name).collect();
        Ok(Self { sheet, name, others: read.collect(), names })
    }
}

/// The parts of a workbook, which is a ZIP archive.
struct Package<R: Read + Seek> {
    archive: ZipArchive<R>,
}

impl<R: Read + Seek> Package<R> {
    fn open(file: R) -> Result<Self, WorkbookError> {
        let mut archive = ZipArchive::new(file).map_err(not_unpacked)?;
        measure(&mut archive)?;
        Ok(Self { archive })
    }

    /// The name of a part in the archive. Some programs write backslashes, or other letter cases.
    fn name_of(&self, part: &str) -> Option<String> {
        let mut names = self.archive.file_names().flatten();
        names.find(|name| name.replace('\\', "/").eq_ignore_ascii_case(part)).map(Into::into)
    }

    fn has(&self, part: &str) -> bool {
        self.name_of(part).is_some()
    }

    /// Reads a part; `None` if there is none with this name.
    fn xml(&mut self, part: &str) -> Result<Option<Xml<impl BufRead>>, WorkbookError> {
        let Some(name) = self.name_of(part) else { return Ok(None) };
        let part = self.archive.by_name(&name).map_err(not_unpacked)?;
        Ok(Some(Xml::new(BufReader::with_capacity(BUFFER_BYTES, part))))
    }
}

/// Unpacks everything and discards it, because the sizes that an archive declares may be false.
fn measure(archive: &mut ZipArchive<impl Read + Seek>) -> Result<(), WorkbookError> {
    let mut left = UNPACKED_BYTES_MAX;
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(not_unpacked)?;
        let unpacked = io::copy(&mut (&mut entry).take(left + 1), &mut io::sink());
        let unpacked = unpacked.map_err(WorkbookError::damaged)?;
        left =
            left.checked_sub(unpacked).ok_or(WorkbookError::TooLarge { limit_bytes: UNPACKED_BYTES_MAX })?;
    }
    Ok(())
}

fn not_unpacked(error: ZipError) -> WorkbookError {
    match error {
        ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED) => WorkbookError::Protected,
        other => WorkbookError::damaged(other),
    }
}

impl WorkbookError {
    fn damaged(why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Damaged(why.into())
    }

    fn beyond_end() -> Self {
        Self::damaged("it has cells beyond the last row that a sheet can have")
    }
}

impl From<NotTaken> for WorkbookError {
    fn from(not_taken: NotTaken) -> Self {
        match not_taken {
            NotTaken::OutOfOrder => Self::damaged("its cells are not in order"),
            NotTaken::TooLarge => Self::TooLarge { limit_bytes: SHEET_BYTES_MAX as u64 },
        }
    }
}
