//! Reads workbooks of Excel and LibreOffice into a [`Sheet`], with `calamine`.
//!
//! The unpacked size of a workbook is measured before any content is kept, because a small file can unpack to more than
//! the memory of any machine.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek};

use calamine::{
    Data, DataRef, Ods, OdsError, Range, Reader as _, SheetType, SheetVisible, Xls, XlsError, Xlsb,
    XlsbError, Xlsx, XlsxError,
};
use zip::ZipArchive;
use zip::result::ZipError;

use super::error::{Error, WorkbookError};
use super::not_a_list::NotAList;
use super::sheet::{NotTaken, SHEET_BYTES_MAX, Sheet};
use super::shown;

/// The maximum unpacked size of a workbook; about 300,000 customers take this much.
const UNPACKED_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// The maximum size of a workbook in the format before 2007, which is not packed. Its sheets have at most 65,536 rows.
const OLD_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Reads the sheet with this name, or the first visible sheet. Also returns the name of the sheet.
pub(super) fn read(file: File, wanted: Option<&str>) -> Result<(Sheet, String), Error> {
    let mut file = BufReader::new(file);
    reader_for(&mut file)?(file, wanted)
}

/// Reads workbooks of one format, as [`read`] does.
type ReadWorkbook = fn(BufReader<File>, Option<&str>) -> Result<(Sheet, String), Error>;

/// Detects the format from the content; the file name does not matter.
fn reader_for(file: &mut BufReader<File>) -> Result<ReadWorkbook, Error> {
    let beginning = super::text::read_beginning(file)?;
    let length = file.seek(io::SeekFrom::End(0)).map_err(Error::unreadable)?;
    file.rewind().map_err(Error::unreadable)?;
    if !super::not_a_list::is_zip(&beginning) {
        check_old(file, length)?;
        return Ok(read_range::<Xls<_>>);
    }
    let mut archive = ZipArchive::new(&mut *file).map_err(not_unpacked)?;
    measure(&mut archive)?;
    let has = |wanted: &str| {
        archive.file_names().flatten().any(|name| name.replace('\\', "/").eq_ignore_ascii_case(wanted))
    };
    let readers: [(&str, ReadWorkbook); 3] = [
        ("xl/workbook.xml", read_streamed),
        ("xl/workbook.bin", read_range::<Xlsb<_>>),
        ("content.xml", read_range::<Ods<_>>),
    ];
    let reader = readers.into_iter().find_map(|(part, reader)| has(part).then_some(reader));
    let foreign = if has("word/document.xml") { NotAList::Word } else { NotAList::Zip };
    reader.ok_or(Error::Foreign(foreign))
}

/// The container of old workbooks is also used for protected new workbooks and for Word documents.
fn check_old(file: &mut BufReader<File>, length: u64) -> Result<(), Error> {
    if length > OLD_BYTES_MAX {
        return Err(WorkbookError::TooLarge { limit_bytes: OLD_BYTES_MAX }.into());
    }
    match Xlsx::new(&mut *file) {
        Err(XlsxError::Password) => return Err(WorkbookError::Protected.into()),
        _ => file.rewind().map_err(Error::unreadable)?,
    }
    match Xls::new(&mut *file) {
        Ok(_) => {}
        Err(XlsError::Password) => return Err(WorkbookError::Protected.into()),
        Err(_) => return Err(Error::Foreign(NotAList::OldOffice)),
    }
    file.rewind().map_err(Error::unreadable)
}

/// Unpacks everything and discards it, because the sizes that an archive declares may be false.
fn measure(archive: &mut ZipArchive<&mut BufReader<File>>) -> Result<(), Error> {
    let mut left = UNPACKED_BYTES_MAX;
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(not_unpacked)?;
        let unpacked = io::copy(&mut (&mut entry).take(left + 1), &mut io::sink());
        let unpacked = unpacked.map_err(|error| WorkbookError::Damaged(error.into()))?;
        left =
            left.checked_sub(unpacked).ok_or(WorkbookError::TooLarge { limit_bytes: UNPACKED_BYTES_MAX })?;
    }
    Ok(())
}

fn not_unpacked(error: ZipError) -> Error {
    match error {
        ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED) => WorkbookError::Protected.into(),
        other => WorkbookError::Damaged(other.into()).into(),
    }
}

/// What the error types of the formats have in common.
trait FormatError: std::error::Error + Send + Sync + 'static {
    fn is_password(&self) -> bool;
}

macro_rules! format_errors {
    ($($error:ident),*) => {
        $(impl FormatError for $error {
            fn is_password(&self) -> bool {
                matches!(self, $error::Password)
            }
        })*
    };
}

format_errors!(XlsxError, XlsbError, OdsError, XlsError);

fn damaged(error: impl FormatError) -> Error {
    let error =
        if error.is_password() { WorkbookError::Protected } else { WorkbookError::Damaged(Box::new(error)) };
    error.into()
}

fn open<W>(file: BufReader<File>) -> Result<W, Error>
where
    W: calamine::Reader<BufReader<File>, Error: FormatError>,
{
    W::new(file).map_err(damaged)
}

/// The name of the sheet to read.
fn choose(workbook: &impl calamine::Reader<BufReader<File>>, wanted: Option<&str>) -> Result<String, Error> {
    let sheets = workbook.sheets_metadata().iter().filter(|sheet| sheet.typ == SheetType::WorkSheet);
    let names = || sheets.clone().map(|sheet| sheet.name.clone()).collect::<Vec<_>>();
    let Some(wanted) = wanted else {
        let first = sheets.clone().find(|sheet| sheet.visible == SheetVisible::Visible);
        return first
            .map(|sheet| sheet.name.clone())
            .ok_or_else(|| WorkbookError::NoVisibleSheet(names()).into());
    };
    let names = names();
    let same = |name: &&String| name.trim().to_lowercase() == wanted.trim().to_lowercase();
    let found = names.iter().find(|name| *name == wanted).or_else(|| names.iter().find(same)).cloned();
    found.ok_or_else(|| WorkbookError::NoSuchSheet { wanted: wanted.to_owned(), found: names }.into())
}

/// Reads cell by cell, without the rectangle around all cells: a single cell far out makes that rectangle huge.
fn read_streamed(file: BufReader<File>, wanted: Option<&str>) -> Result<(Sheet, String), Error> {
    let mut workbook: Xlsx<_> = open(file)?;
    let name = choose(&workbook, wanted)?;
    let mut cells = workbook.worksheet_cells_reader(&name).map_err(damaged)?;
    let mut sheet = Sheet::default();
    while let Some((cell, style)) = cells.next_cell_with_style_id().map_err(damaged)? {
        let format = cells.styles().get(style).and_then(|style| style.number_format.as_ref());
        let text = shown::text(cell.get_value(), format.map(|format| format.format_code.as_str()));
        let is_number = matches!(cell.get_value(), DataRef::Int(_) | DataRef::Float(_));
        push(&mut sheet, cell.get_position(), &text, is_number)?;
    }
    Ok((sheet, name))
}

fn read_range<W>(file: BufReader<File>, wanted: Option<&str>) -> Result<(Sheet, String), Error>
where
    W: calamine::Reader<BufReader<File>, Error: FormatError>,
{
    let mut workbook: W = open(file)?;
    let name = choose(&workbook, wanted)?;
    let range: Range<Data> = workbook.worksheet_range(&name).map_err(damaged)?;
    let (first_row, first_column) = range.start().unwrap_or_default();
    let mut sheet = Sheet::default();
    for (row, column, cell) in range.used_cells() {
        let row = first_row + u32::try_from(row).unwrap_or(u32::MAX - first_row);
        let column = first_column + u32::try_from(column).unwrap_or(u32::MAX - first_column);
        let is_number = matches!(cell, Data::Int(_) | Data::Float(_));
        push(&mut sheet, (row, column), &shown::text(cell, None), is_number)?;
    }
    Ok((sheet, name))
}

fn push(sheet: &mut Sheet, (row, column): (u32, u32), text: &str, is_number: bool) -> Result<(), Error> {
    if text.is_empty() {
        return Ok(());
    }
    sheet.push(row, column as usize, text, is_number).map_err(|not_taken| match not_taken {
        NotTaken::OutOfOrder => WorkbookError::Damaged("its cells do not come in order".into()).into(),
        NotTaken::TooLarge => WorkbookError::TooLarge { limit_bytes: SHEET_BYTES_MAX as u64 }.into(),
    })
}
