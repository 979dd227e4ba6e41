//! One record as CSV bytes, as the ledger keeps headers and rows: comma, double quotes, LF.

use std::io::Read;

use csv::{ByteRecord, ReaderBuilder, WriterBuilder};

/// The cells as one CSV record; [`from_csv`] gives them back byte for byte.
pub(crate) fn to_csv<I>(cells: I) -> Vec<u8>
where
    I: IntoIterator,
    I::Item: AsRef<[u8]>,
{
    let mut writer = WriterBuilder::new().flexible(true).from_writer(Vec::new());
    writer.write_record(cells).expect("writing to memory cannot fail");
    writer.into_inner().expect("writing to memory cannot fail")
}

/// The cells of one stored record.
pub(crate) fn from_csv(stored: &[u8]) -> Result<ByteRecord, csv::Error> {
    // The parser would take U+FEFF at the very beginning for a byte order mark; here it is the operator's.
    let not_at_the_beginning = (&b"\n"[..]).chain(stored);
    let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(not_at_the_beginning);
    let mut record = ByteRecord::new();
    reader.read_byte_record(&mut record)?;
    Ok(record)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_survive_a_round_trip_byte_for_byte() {
        let check = |cells: &[&[u8]]| {
            let record: ByteRecord = cells.iter().collect();
            assert_eq!(from_csv(&to_csv(&record)).unwrap(), record, "{cells:?}");
        };
        check(&[b"plain", b" spaces ", b"a,b", b"say \"x\"", b"two\r\nlines"]);
        check(&[b"", b"", b""]);
        check(&[b""]);
        check(&["\u{FEFF}marked".as_bytes(), "\u{FEFF}".as_bytes()]);
        check(&[b"latin \xE9", b"\t;|"]);
    }
}
