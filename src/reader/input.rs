//! Where the bytes of a list come from: a file, which can be looked through beforehand, or a stream, which cannot.

use std::fs::File;
use std::io::{self, Read, Seek};

use super::census;
use super::encoding::{self, Encoding};
use super::error::Error;
use super::{Options, Reader, foreign};

/// A file or a stream.
pub(crate) enum Input {
    /// On a disk; it is read from where it stands.
    File(File),
    /// A pipe, or what else comes once and in order.
    Stream(Box<dyn Read + Send>),
}

impl Input {
    /// A stream where `file` is a pipe or a device.
    pub(crate) fn of(file: File) -> Self {
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
    /// encoded. Of a stream the beginning alone decides.
    pub(crate) fn open_input(mut input: Input, mut options: Options) -> Result<Self, Error> {
        if let Input::File(file) = &mut input {
            options.encoding = tell_encoding(file, options.encoding)?;
        }
        Self::open(input, &options)
    }
}

/// Leaves the file where it stood.
fn tell_encoding(file: &mut File, told: Option<Encoding>) -> Result<Option<Encoding>, Error> {
    let failed = |source| Error::Read { offset: 0, source };
    let start = file.stream_position().map_err(failed)?;
    let beginning = encoding::read_beginning(file)?;
    file.seek(io::SeekFrom::Start(start)).map_err(failed)?;
    let known = Encoding::of_beginning(&beginning, told);
    // What is foreign is refused by its beginning, and not read to its end before.
    if known.is_some() || foreign::recognize(&beginning).is_some() {
        return Ok(known);
    }
    let encoding = census::encoding_of(&mut *file)?;
    file.seek(io::SeekFrom::Start(start)).map_err(failed)?;
    Ok(Some(encoding))
}
