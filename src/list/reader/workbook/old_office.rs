//! Tells apart the files in the container of Office before 2007, which protected workbooks of today use too.

use std::io::{self, BufRead, BufReader, Read};

use super::{Error, WorkbookError};
use crate::reader::not_a_list::NotAList;

/// The size of an entry in the list of a container; entries are aligned to it.
const ENTRY_BYTES: usize = 128;

/// Where an entry has the length of its name, in bytes, with the zero at its end.
const LENGTH_AT: usize = 64;

/// No list begins later than this in a file that anyone has.
const SEARCHED_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// What the file is, by the names in its list of contents.
pub(super) fn recognize(file: impl Read) -> Result<Error, io::Error> {
    let mut file = BufReader::new(file.take(SEARCHED_BYTES_MAX));
    let mut found = NotAList::OldOffice;
    loop {
        if file.fill_buf()?.is_empty() {
            return Ok(Error::Foreign(found));
        }
        let mut entry = [0; ENTRY_BYTES];
        let mut read = 0;
        while read < ENTRY_BYTES {
            match file.read(&mut entry[read..])? {
                0 => break,
                bytes => read += bytes,
            }
        }
        if is_named(&entry, "EncryptedPackage") {
            return Ok(WorkbookError::Protected.into());
        }
        if is_named(&entry, "Workbook") || is_named(&entry, "Book") {
            found = NotAList::OldExcel;
        } else if is_named(&entry, "WordDocument") {
            found = NotAList::Word;
        }
    }
}

fn is_named(entry: &[u8; ENTRY_BYTES], name: &str) -> bool {
    let length = (name.len() + 1) * 2;
    usize::from(u16::from_le_bytes([entry[LENGTH_AT], entry[LENGTH_AT + 1]])) == length
        && name.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).eq(entry[..length].iter().copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A container with entries of these names, after some sectors.
    fn container(names: &[&str]) -> Vec<u8> {
        let mut file = vec![0xFF; 1024];
        for name in names {
            let name: Vec<u8> = name.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
            let mut entry = [0; ENTRY_BYTES];
            entry[..name.len()].copy_from_slice(&name);
            entry[LENGTH_AT] = u8::try_from(name.len()).unwrap();
            file.extend(entry);
        }
        file
    }

    #[test]
    fn files_are_told_apart_by_what_is_in_them() {
        let check = |names: &[&str], expected: &str| {
            let error = recognize(&container(names)[..]).unwrap();
            assert!(error.to_string().contains(expected), "{names:?}: {error}");
        };
        check(&["Root Entry", "Workbook", "\u{5}SummaryInformation"], ".xls");
        check(&["Root Entry", "Book"], ".xls");
        check(&["Root Entry", "WordDocument"], "a Word document");
        check(&["Root Entry", "EncryptionInfo", "EncryptedPackage"], "protected by a password");
        check(&["Root Entry", "Bookmarks", "__nameid_version1.0"], "an old or a password-protected");
        check(&[], "an old or a password-protected");
        assert!(recognize(&b"\xD0\xCF"[..]).is_ok());
    }
}
