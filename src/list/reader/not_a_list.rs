//! Recognizes, by their first bytes, files that are not a list of customers.

/// Input in a known format that cannot be read as a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAList {
    #[error("UTF-32 text")]
    Utf32,
    /// Can be read from a file but not from a stream.
    #[error("an Excel workbook or another ZIP archive")]
    Workbook,
    #[error("an Excel workbook from before 2007 (.xls)")]
    OldExcel,
    #[error("a binary Excel workbook (.xlsb)")]
    BinaryExcel,
    /// The container format of Excel before 2007, of protected workbooks and of Word.
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

const BEGINNINGS: [(&[u8], NotAList); 14] = [
    (b"\xFF\xFE\0\0", NotAList::Utf32),
    (b"\0\0\xFE\xFF", NotAList::Utf32),
    (ZIP, NotAList::Workbook),
    (OLD_OFFICE, NotAList::OldOffice),
    (b"%PDF-", NotAList::Pdf),
    (b"\x89PNG", NotAList::Image),
    (b"\xFF\xD8\xFF", NotAList::Image),
    (b"GIF8", NotAList::Image),
    (b"\x1F\x8B", NotAList::Gzip),
    (b"SQLite format 3\0", NotAList::Database),
    (b"{\\rtf", NotAList::Rtf),
    (b"{", NotAList::Json),
    (b"[{", NotAList::Json),
    // Some programs also write HTML and call it an Excel file.
    (b"<", NotAList::WebPage),
];

pub(super) fn is_zip(beginning: &[u8]) -> bool {
    beginning.starts_with(ZIP)
}

/// True if the file may be a workbook; only its content shows which kind.
pub(super) fn may_be_workbook(beginning: &[u8]) -> bool {
    is_zip(beginning) || beginning.starts_with(OLD_OFFICE)
}

/// The format that the first bytes of a file show.
pub(super) fn recognize(beginning: &[u8]) -> Option<NotAList> {
    let text = beginning.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(beginning).trim_ascii_start();
    let known = BEGINNINGS.iter().find(|(start, _)| beginning.starts_with(start) || text.starts_with(start));
    if let Some((_, foreign)) = known {
        return Some(*foreign);
    }
    match beginning {
        [1..=0xFF, 0, 0, 0, ..] | [0, 0, 0, 1..=0xFF, ..] => Some(NotAList::Utf32),
        // UTF-16 has a zero byte next to each letter of a header, or else starts with a byte order mark.
        [0, 1..=0xFF, 0, 1..=0xFF, ..]
        | [1..=0xFF, 0, 1..=0xFF, 0, ..]
        | [0xFF, 0xFE, ..]
        | [0xFE, 0xFF, ..] => None,
        _ => beginning.contains(&0).then_some(NotAList::Binary),
    }
}

impl NotAList {
    pub(super) fn hint(self) -> &'static str {
        match self {
            NotAList::Utf32 => "save it as UTF-8",
            NotAList::Workbook => {
                "pass the workbook as a file, or save its sheet as `CSV UTF-8 (Comma delimited)`"
            }
            NotAList::OldExcel | NotAList::BinaryExcel => {
                "open it in Excel or LibreOffice and save it as an Excel workbook (.xlsx) or as `CSV UTF-8 (Comma \
                 delimited)`"
            }
            NotAList::OldOffice => {
                "open it, remove its password if it has one, and save it as an Excel workbook (.xlsx) or as \
                 `CSV UTF-8 (Comma delimited)`"
            }
            NotAList::Gzip | NotAList::Zip => "unpack it first",
            NotAList::WebPage => "open it in Excel, then `Save as` and choose `CSV UTF-8 (Comma delimited)`",
            NotAList::Word
            | NotAList::Pdf
            | NotAList::Image
            | NotAList::Database
            | NotAList::Json
            | NotAList::Rtf
            | NotAList::Binary => {
                "use a list in CSV (.csv), an Excel workbook (.xlsx) or an OpenDocument sheet (.ods); \
                 `tenantry template` shows the columns"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_formats_are_recognized_by_their_first_bytes() {
        #[track_caller]
        fn check(beginning: &[u8], expected: Option<NotAList>) {
            assert_eq!(recognize(beginning), expected, "{beginning:?}");
        }
        check(b"\xFF\xFE\0\0c\0\0\0", Some(NotAList::Utf32));
        check(b"\0\0\xFE\xFF\0\0\0c", Some(NotAList::Utf32));
        check(b"c\0\0\0o\0\0\0", Some(NotAList::Utf32));
        check(b"\0\0\0c\0\0\0o", Some(NotAList::Utf32));
        check(b"PK\x03\x04", Some(NotAList::Workbook));
        check(b"%PDF-1.7\n", Some(NotAList::Pdf));
        check(b"\xEF\xBB\xBF\r\n<html>", Some(NotAList::WebPage));
        check(b"SQLite format 3\0", Some(NotAList::Database));
        check(b"\x7FELF\x02\x01\x01\0", Some(NotAList::Binary));
        check(b"[{\"domain\":", Some(NotAList::Json));
        for text in [&b"company_name"[..], b"\xFF\xFEc\0", b"c\0o\0", b"\0c\0o", b"\xEF\xBB\xBFdomain", b""] {
            check(text, None);
        }
    }
}
