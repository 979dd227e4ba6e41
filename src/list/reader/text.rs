//! Decodes an input to UTF-8.
//!
//! Input that is UTF-8 already is not decoded but passed through unchanged. A cell that is not valid UTF-8 then becomes
//! a fault of its row.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use encoding_rs_io::{DecodeReaderBytes, DecodeReaderBytesBuilder};

use super::encoding::{Charset, CodePage, Encoding};
use super::error::Error;

/// How many bytes at the beginning are inspected. Every usable header is longer, so a pipe is not waited for.
pub(super) const BEGINNING_BYTES: usize = 16;

const UTF8_BOM: &[u8] = b"\xEF\xBB\xBF";

/// How many bytes of a code page are decoded at once.
const PAGE_BYTES: usize = 8 * 1024;

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
        decoder: Decoder<Counted<Rewound<R>>>,
        taken: Arc<AtomicU64>,
    },
}

pub(super) enum Decoder<R> {
    Web(Box<DecodeReaderBytes<R, Vec<u8>>>),
    Page(Box<PageDecoder<R>>),
}

impl<R: Read> DecodedText<R> {
    /// The text of an input of which `head` was read already.
    pub(super) fn of(mut head: Vec<u8>, input: R, encoding: Encoding) -> Self {
        if encoding == Encoding::UTF_8 {
            let mark = if head.starts_with(UTF8_BOM) { UTF8_BOM.len() } else { 0 };
            head.drain(..mark);
            let input = io::Cursor::new(head).chain(input);
            return Self::AsItIs { input, mark_bytes: mark as u64 };
        }
        let taken = Arc::new(AtomicU64::new(0));
        let input = Counted { input: io::Cursor::new(head).chain(input), taken: Arc::clone(&taken) };
        let decoder = match encoding.0 {
            Charset::Web(encoding) => Decoder::Web(Box::new(
                DecodeReaderBytesBuilder::new().encoding(Some(encoding)).strip_bom(true).build(input),
            )),
            Charset::Page(page) => Decoder::Page(Box::new(PageDecoder::new(page, input))),
        };
        Self::Decoded { decoder, taken }
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
            Self::Decoded { decoder: Decoder::Web(decoder), .. } => decoder.read(buffer),
            Self::Decoded { decoder: Decoder::Page(decoder), .. } => decoder.read(buffer),
        }
    }
}

/// Decodes a code page of single bytes.
pub(super) struct PageDecoder<R> {
    input: R,
    chars: &'static [char; 256],
    bytes: [u8; PAGE_BYTES],
    /// UTF-8; the part from `given` on has not been returned yet.
    text: String,
    given: usize,
}

impl<R> PageDecoder<R> {
    fn new(page: &'static CodePage, input: R) -> Self {
        Self { input, chars: page.chars(), bytes: [0; PAGE_BYTES], text: String::new(), given: 0 }
    }
}

impl<R: Read> Read for PageDecoder<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.given == self.text.len() {
            let read = self.input.read(&mut self.bytes)?;
            let chars = self.bytes[..read].iter().map(|byte| self.chars[usize::from(*byte)]);
            self.text.clear();
            self.text.extend(chars);
            self.given = 0;
        }
        let mut rest = &self.text.as_bytes()[self.given..];
        let read = rest.read(buffer)?;
        self.given += read;
        Ok(read)
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
