//! The input of a list: a file, which can be read twice, or a stream, which cannot.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use super::detect_encoding;
use super::dialect::{is_export_header, is_export_text};
use super::encoding::Encoding;
use super::error::{Error, WorkbookError};
use super::sheet::Sheet;
use super::workbook::{Which, Workbook};
use super::{Given, Layout, Options, Reader, RecordSource, not_a_list, preface, read_header, text, workbook};

/// A file or a stream.
pub enum Input {
    /// A file on a disk; it is read from its current position.
    File(File),
    /// A pipe, or another source that can be read only once and in order.
    Stream(Box<dyn Read + Send>),
}

impl Input {
    /// A stream if `file` is a pipe or a device.
    pub fn of(file: File) -> Self {
        match file.metadata() {
            Ok(metadata) if metadata.is_file() => Self::File(file),
            _ => Self::Stream(Box::new(file)),
        }
    }

    /// The size of a file.
    pub fn bytes(&self) -> Option<u64> {
        match self {
            Self::File(file) => file.metadata().ok().map(|file| file.len()),
            Self::Stream(_) => None,
        }
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.read(buffer),
            Self::Stream(stream) => stream.read(buffer),
        }
    }
}

/// Is this a file that `tenantry export` wrote, saved by another program or not? Decided by the header. `false` for a pipe
/// or a device: it can be read only once, and may block.
pub fn is_export(path: &Path) -> bool {
    let opened = || path.is_file().then(|| File::open(path).ok()).flatten();
    let Some(mut file) = opened() else { return false };
    let Ok(beginning) = text::read_beginning(&mut file) else { return false };
    if not_a_list::may_be_workbook(&beginning) {
        let workbook =
            file.rewind().is_ok().then(|| workbook::read(file, Which::HeaderOfFirst).ok()).flatten();
        return workbook.is_some_and(|mut book| {
            book.sheet.next().is_some_and(|header| is_export_header(header.cells()))
        });
    }
    let Ok(head) = preface::read_beginning(beginning, &mut file) else { return false };
    match Encoding::of_beginning(&head) {
        Some(encoding) => is_export_text(encoding.decode(&head).as_bytes()),
        None => is_export_text(&head),
    }
}

impl Reader<Input> {
    /// Like [`open`](Self::open), but a file may also be a workbook. If the beginning of a file does not show its
    /// encoding, the whole file is read first to detect it, or to see whether it contradicts the operator. For a stream,
    /// only the beginning and the operator decide.
    pub fn open_input(mut input: Input, mut options: Options) -> Result<Self, Error> {
        if let Input::File(file) = &mut input {
            let start = file.stream_position().map_err(Error::unreadable)?;
            let beginning = text::read_beginning(file)?;
            if not_a_list::may_be_workbook(&beginning) {
                file.seek(SeekFrom::Start(start)).map_err(Error::unreadable)?;
                let file = file.try_clone().map_err(Error::unreadable)?;
                return Self::open_workbook(file, &options);
            }
            // A file that is not a list is rejected by its beginning, without reading it to the end first.
            let is_shown =
                not_a_list::recognize(&beginning).is_some() || Encoding::of_beginning(&beginning).is_some();
            let head = preface::read_beginning(beginning, file)?;
            file.seek(SeekFrom::Start(start)).map_err(Error::unreadable)?;
            if !is_shown {
                let told = options.encoding.and_then(|given| given.for_file(preface::is_ours(&head)));
                options.encoding = Some(Given::Typed(detect_encoding::encoding_of(file, told)?));
                file.seek(SeekFrom::Start(start)).map_err(Error::unreadable)?;
            }
        }
        Self::open(input, &options)
    }

    /// Reads a sheet of a workbook, from wherever it is, into memory.
    pub fn open_workbook(mut file: impl Read + Seek, options: &Options) -> Result<Self, Error> {
        let bytes = file.seek(SeekFrom::End(0)).map_err(Error::unreadable)?;
        file.rewind().map_err(Error::unreadable)?;
        let Workbook { sheet, name, others, names } = match &options.sheet {
            None => workbook::read(file, Which::First)?,
            Some(Given::Typed(name)) => workbook::read(file, Which::Named(name))?,
            // The setting describes the operator's own workbooks.
            Some(Given::Set(name)) => match workbook::read(&mut file, Which::Named(name)) {
                Err(Error::Workbook(WorkbookError::NoSuchSheet { wanted, found })) => {
                    file.rewind().map_err(Error::unreadable)?;
                    let ours = workbook::read(file, Which::First)?;
                    if !ours.sheet.is_export() {
                        return Err(WorkbookError::NoSuchSheet { wanted, found }.into());
                    }
                    ours
                }
                read => read?,
            },
        };
        let source = |mut sheet: Sheet| {
            if let Some(line) = options.header_line {
                sheet.skip_to(line);
            }
            RecordSource::Sheet { sheet: Box::new(sheet), bytes }
        };
        // Those that can be read, and those that name columns of a list, too.
        let (mut further, mut lists) = (Vec::new(), Vec::new());
        for (name, sheet) in others {
            let header = read_header::<Input>(&mut source(sheet), options);
            if header.is_ok() {
                further.push(name.clone());
            }
            if header.map_or_else(|error| !error.is_no_list(), |_| true) {
                lists.push(name);
            }
        }
        let layout = Layout::Sheet { name: name.clone(), further: further.clone(), all: names.clone() };
        let reader = match Self::of(source(sheet), layout, options) {
            // A cover, or instructions.
            Err(error) if !lists.is_empty() && error.is_no_list() => {
                return Err(WorkbookError::ListElsewhere { name, others: lists }.into());
            }
            Err(Error::Empty) if names.len() > 1 => {
                return Err(WorkbookError::EmptySheet { name, all: names }.into());
            }
            reader => reader?,
        };
        match reader.layout {
            Layout::Sheet { name, further, .. } if options.refuses_further_sheets && !further.is_empty() => {
                Err(WorkbookError::FurtherSheets { name, further }.into())
            }
            _ => Ok(reader),
        }
    }
}
