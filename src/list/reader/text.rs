//! Decodes an input to UTF-8.
//!
//! Input that is UTF-8 already is not decoded but passed through unchanged. A cell that is not valid UTF-8 then becomes
//! a fault of its row.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use encoding_rs_io::{DecodeReaderBytes, DecodeReaderBytesBuilder};

use super::encoding::Encoding;
use super::error::Error;
use super::not_a_list;

/// How many bytes at the beginning are inspected. Every usable header is longer, so a pipe is not waited for.
pub(super) const BEGINNING_BYTES: usize = 16;

const UTF8_BOM: &[u8] = b"\xEF\xBB\xBF";

/// The input with the inspected beginning put back in front.
pub(super) type Rewound<R> = io::Chain<io::Cursor<Vec<u8>>, R>;

/// An input as UTF-8, without a byte order mark.
pub(super) enum DecodedText<R> {
    AsItIs {
        input: Rewound<R>,
        mark_bytes: u64,
    },
    /// `taken` is how many bytes of the input have been decoded.
    Decoded {
        decoder: Box<DecodeReaderBytes<Counted<Rewound<R>>, Vec<u8>>>,
        taken: Arc<AtomicU64>,
    },
}

impl<R: Read> DecodedText<R> {
    /// The text of an input and its encoding: the one that the input shows, or else `configured`, or else UTF-8.
    pub(super) fn of(mut input: R, configured: Option<Encoding>) -> Result<(Self, Encoding), Error> {
        let mut beginning = read_beginning(&mut input)?;
        if let Some(foreign) = not_a_list::recognize(&beginning) {
            return Err(Error::Foreign(foreign));
        }
        let encoding = Encoding::of_beginning(&beginning, configured).unwrap_or(Encoding::UTF_8);
        if encoding == Encoding::UTF_8 {
            let mark = if beginning.starts_with(UTF8_BOM) { UTF8_BOM.len() } else { 0 };
            beginning.drain(..mark);
            let input = io::Cursor::new(beginning).chain(input);
            return Ok((Self::AsItIs { input, mark_bytes: mark as u64 }, encoding));
        }
        let taken = Arc::new(AtomicU64::new(0));
        let input = Counted { input: io::Cursor::new(beginning).chain(input), taken: Arc::clone(&taken) };
        let decoder = DecodeReaderBytesBuilder::new().encoding(Some(encoding.0)).strip_bom(true).build(input);
        Ok((Self::Decoded { decoder: Box::new(decoder), taken }, encoding))
    }

    /// How many bytes of the input correspond to the first `text_bytes` bytes of text. A little more if the decoder has
    /// read ahead.
    pub(super) fn bytes_taken(&self, text_bytes: u64) -> u64 {
        match self {
            Self::AsItIs { mark_bytes, .. } => mark_bytes + text_bytes,
            Self::Decoded { taken, .. } => taken.load(Ordering::Relaxed),
        }
    }
}

impl<R: Read> Read for DecodedText<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::AsItIs { input, .. } => input.read(buffer),
            Self::Decoded { decoder, .. } => decoder.read(buffer),
        }
    }
}

pub(super) struct Counted<R> {
    input: R,
    taken: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.taken.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

/// The first bytes of an input; fewer only if the input is shorter.
pub(super) fn read_beginning(input: &mut impl Read) -> Result<Vec<u8>, Error> {
    let mut beginning = Vec::with_capacity(BEGINNING_BYTES);
    match input.take(BEGINNING_BYTES as u64).read_to_end(&mut beginning) {
        Ok(_) => Ok(beginning),
        Err(source) => Err(Error::Read { offset: beginning.len() as u64, source }),
    }
}
