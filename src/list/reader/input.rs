//! Where the bytes of a list come from: a file, which can be looked through beforehand, or a stream, which cannot.

use std::fs::File;
use std::io::{self, Read, Seek};

use super::detect_encoding;
use super::encoding::Encoding;
use super::error::Error;
use super::{Layout, Options, Reader, RecordSource, not_a_list, text, workbook};

/// A file or a stream.
pub enum Input {
    /// On a disk; it is read from where it stands.
    File(File),
    /// A pipe, or what else comes once and in order.
    Stream(Box<dyn Read + Send>),
}

impl Input {
    /// A stream where `file` is a pipe or a device.
    pub fn of(file: File) -> Self {
        match file.metadata() {
            Ok(metadata) if metadata.is_file() => Self::File(file),
            _ => Self::Stream(Box::new(file)),
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

impl Reader<Input> {
    /// Like [`open`](Self::open), but a file is looked through first where its beginning does not tell how it is
    /// encoded, and may be a workbook. Of a stream the beginning alone decides.
    pub fn open_input(mut input: Input, mut options: Options) -> Result<Self, Error> {
        if let Input::File(file) = &mut input {
            let start = file.stream_position().map_err(Error::unreadable)?;
            let beginning = text::read_beginning(file)?;
            file.seek(io::SeekFrom::Start(start)).map_err(Error::unreadable)?;
            if not_a_list::may_be_workbook(&beginning) {
                let file = file.try_clone().map_err(Error::unreadable)?;
                return Self::open_workbook(file, &options);
            }
            options.encoding = Encoding::of_beginning(&beginning, options.encoding);
            // What is foreign is refused by its beginning, and not read to its end before.
            if not_a_list::recognize(&beginning).is_none() {
                match options.encoding {
                    None => options.encoding = Some(detect_encoding::encoding_of(file)?),
                    // No text with letters in such an encoding is by chance UTF-8 from its beginning to its end. But the
                    // option may stand in a file of settings, and our own exports, which come back, are UTF-8.
                    Some(told) if told.is_single_byte() => {
                        options.encoding = detect_encoding::encoding_of(file)
                            .ok()
                            .filter(|found| *found == Encoding::UTF_8)
                            .or(Some(told));
                    }
                    Some(_) => {}
                }
                file.seek(io::SeekFrom::Start(start)).map_err(Error::unreadable)?;
            }
        }
        Self::open(input, &options)
    }

    fn open_workbook(file: File, options: &Options) -> Result<Self, Error> {
        let bytes = file.metadata().map_err(Error::unreadable)?.len();
        let (sheet, name) = workbook::read(file, options.sheet.as_deref())?;
        Self::of(RecordSource::Sheet { sheet, bytes }, Layout::Sheet { name }, options)
    }
}
