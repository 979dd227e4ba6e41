//! Files that are no list of customers, whatever their name says, told by their first bytes.

/// Input that is recognized, and that nothing can be read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Foreign {
    #[error("UTF-32 text")]
    Utf32,
    /// Read from a file, not from a stream.
    #[error("an Excel workbook or another ZIP archive")]
    Workbook,
    /// The container of Excel before 2007, of protected workbooks, and of Word. Some can be read from a file.
    #[error("an old or a password-protected Office file")]
    OldOffice,
    #[error("a Word document")]
    Word,
    #[error("a ZIP archive")]
    Zip,
    #[error("a PDF document")]
    Pdf,
    #[error("a picture")]
    Image,
    #[error("compressed (gzip)")]
    Gzip,
    #[error("a SQLite database, such as a ledger")]
    Database,
    #[error("a web page or another XML document")]
    WebPage,
    #[error("JSON")]
    Json,
    #[error("an RTF document")]
    Rtf,
    #[error("binary data")]
    Binary,
}

const ZIP: &[u8] = b"PK\x03\x04";
const OLD_OFFICE: &[u8] = b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1";

const BEGINNINGS: [(&[u8], Foreign); 14] = [
    (b"\xFF\xFE\0\0", Foreign::Utf32),
    (b"\0\0\xFE\xFF", Foreign::Utf32),
    (ZIP, Foreign::Workbook),
    (OLD_OFFICE, Foreign::OldOffice),
    (b"%PDF-", Foreign::Pdf),
    (b"\x89PNG", Foreign::Image),
    (b"\xFF\xD8\xFF", Foreign::Image),
    (b"GIF8", Foreign::Image),
    (b"\x1F\x8B", Foreign::Gzip),
    (b"SQLite format 3\0", Foreign::Database),
    (b"{\\rtf", Foreign::Rtf),
    (b"{", Foreign::Json),
    (b"[{", Foreign::Json),
    // Also what some programs call an Excel file.
    (b"<", Foreign::WebPage),
];

pub(super) fn is_zip(beginning: &[u8]) -> bool {
    beginning.starts_with(ZIP)
}

/// True where the file may be a workbook; what it is shows only inside.
pub(super) fn may_be_workbook(beginning: &[u8]) -> bool {
    is_zip(beginning) || beginning.starts_with(OLD_OFFICE)
}

/// What the first bytes of a file give away.
pub(super) fn recognize(beginning: &[u8]) -> Option<Foreign> {
    let text = beginning.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(beginning).trim_ascii_start();
    let known = BEGINNINGS.iter().find(|(start, _)| beginning.starts_with(start) || text.starts_with(start));
    if let Some((_, foreign)) = known {
        return Some(*foreign);
    }
    match beginning {
        [1..=0xFF, 0, 0, 0, ..] | [0, 0, 0, 1..=0xFF, ..] => Some(Foreign::Utf32),
        // UTF-16 has a zero byte beside each letter of a header, and a mark of its own else.
        [0, 1..=0xFF, 0, 1..=0xFF, ..]
        | [1..=0xFF, 0, 1..=0xFF, 0, ..]
        | [0xFF, 0xFE, ..]
        | [0xFE, 0xFF, ..] => None,
        _ => beginning.contains(&0).then_some(Foreign::Binary),
    }
}

impl Foreign {
    pub(super) fn hint(self) -> &'static str {
        match self {
            Foreign::Utf32 => "save it as UTF-8",
            Foreign::Workbook => {
                "give the workbook as a file, or save its sheet as `CSV UTF-8 (Comma delimited)`"
            }
            Foreign::OldOffice => {
                "open it, take away its password if it has one, and save it as an Excel workbook (.xlsx) or as \
                 `CSV UTF-8 (Comma delimited)`"
            }
            Foreign::Gzip | Foreign::Zip => "unpack it first",
            Foreign::WebPage => "open it in Excel, then `Save as` and choose `CSV UTF-8 (Comma delimited)`",
            Foreign::Word
            | Foreign::Pdf
            | Foreign::Image
            | Foreign::Database
            | Foreign::Json
            | Foreign::Rtf
            | Foreign::Binary => {
                "give the list as CSV (.csv), Excel workbook (.xlsx) or OpenDocument sheet (.ods); `tenantry \
                 template` shows the columns"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_text_is_told_by_its_first_bytes() {
        #[track_caller]
        fn check(beginning: &[u8], expected: Option<Foreign>) {
            assert_eq!(recognize(beginning), expected, "{beginning:?}");
        }
        check(b"\xFF\xFE\0\0c\0\0\0", Some(Foreign::Utf32));
        check(b"\0\0\xFE\xFF\0\0\0c", Some(Foreign::Utf32));
        check(b"c\0\0\0o\0\0\0", Some(Foreign::Utf32));
        check(b"\0\0\0c\0\0\0o", Some(Foreign::Utf32));
        check(b"PK\x03\x04", Some(Foreign::Workbook));
        check(b"%PDF-1.7\n", Some(Foreign::Pdf));
        check(b"\xEF\xBB\xBF\r\n<html>", Some(Foreign::WebPage));
        check(b"SQLite format 3\0", Some(Foreign::Database));
        check(b"\x7FELF\x02\x01\x01\0", Some(Foreign::Binary));
        check(b"[{\"domain\":", Some(Foreign::Json));
        for text in [&b"company_name"[..], b"\xFF\xFEc\0", b"c\0o\0", b"\0c\0o", b"\xEF\xBB\xBFdomain", b""] {
            check(text, None);
        }
    }
}
