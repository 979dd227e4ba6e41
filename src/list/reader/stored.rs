//! One record as CSV bytes, as the ledger stores headers and rows: comma, double quotes, LF.

use std::cell::RefCell;

use csv::{ByteRecord, WriterBuilder};
use csv_core::ReadRecordResult;

use super::records::adjacent;

/// The buffer size of the writer; most records fit.
const RECORD_BYTES: usize = 512;

thread_local! {
    /// Created once per thread: creating a parser takes longer than reading a record.
    static PARSER: RefCell<csv_core::Reader> = RefCell::new(csv_core::Reader::new());
}

/// The cells as one CSV record; [`from_csv`] returns them byte for byte.
pub fn to_csv<I>(cells: I) -> Vec<u8>
where
    I: IntoIterator,
    I::Item: AsRef<[u8]>,
{
    let record = Vec::with_capacity(RECORD_BYTES);
    let mut writer = WriterBuilder::new().flexible(true).buffer_capacity(RECORD_BYTES).from_writer(record);
    writer.write_record(cells).expect("writing to memory cannot fail");
    writer.into_inner().expect("writing to memory cannot fail")
}

/// The cells of one stored record.
pub fn from_csv(stored: &[u8]) -> ByteRecord {
    // A record never has more bytes or cells than its stored form has bytes. Add one, because the parser reads nothing
    // when it has no space to write.
    let mut bytes = vec![0; stored.len() + 1];
    let mut ends = vec![0; stored.len() + 1];
    let cells = PARSER.with_borrow_mut(|parser| {
        parser.reset();
        // The parser would skip U+FEFF at the very beginning as a byte order mark. Here it is part of the operator's
        // text.
        parser.read_record(b"\n", &mut bytes, &mut ends);
        let (result, _, written, cells) = parser.read_record(stored, &mut bytes, &mut ends);
        let is_open = result == ReadRecordResult::InputEmpty;
        let last = is_open.then(|| parser.read_record(b"", &mut bytes[written..], &mut ends[cells..]));
        cells + last.map_or(0, |(.., cells)| cells)
    });
    let mut record = ByteRecord::with_capacity(stored.len(), cells);
    for cell in adjacent(ends[..cells].iter().copied()) {
        record.push_field(&bytes[cell.range()]);
    }
    record
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_survive_a_round_trip_byte_for_byte() {
        let check = |cells: &[&[u8]]| {
            let record: ByteRecord = cells.iter().collect();
            assert_eq!(from_csv(&to_csv(&record)), record, "{cells:?}");
        };
        check(&[b"plain", b" spaces ", b"a,b", b"say \"x\"", b"two\r\nlines"]);
        check(&[b"", b"", b""]);
        check(&[b""]);
        check(&["\u{FEFF}marked".as_bytes(), "\u{FEFF}".as_bytes()]);
        check(&[b"latin \xE9", b"\t;|"]);
    }

    #[test]
    fn bytes_that_no_record_was_written_as_are_read_as_far_as_they_go() {
        let check = |stored: &[u8], cells: &[&[u8]]| {
            assert!(from_csv(stored).iter().eq(cells.iter().copied()), "{stored:?}")
        };
        check(b"", &[]);
        check(b"\n\n", &[]);
        check(b"a,b", &[b"a", b"b"]);
        check(b"a,\"b", &[b"a", b"b"]);
        check(b"a,", &[b"a", b""]);
        check(b"a\nb\n", &[b"a"]);
        // The record before leaves nothing behind.
        check(b"c,d\n", &[b"c", b"d"]);
    }
}
