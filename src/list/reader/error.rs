//! What ends the reading of a file. What is wrong with one row alone is a [`RowFault`](super::RowFault).

use std::fmt;
use std::io;

use tenantry_model::customer::Field;

use super::encoding::Encoding;
use super::foreign::Foreign;
use super::records::{HEADER_COLUMNS_MAX, RECORD_BYTES_MAX};

const MIB: u64 = 1024 * 1024;

/// Why a file cannot be read, or not to its end. The caller knows the file's name and says it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot read the input after {offset} bytes")]
    Read {
        offset: u64,
        #[source]
        source: io::Error,
    },
    #[error("cannot read the input as a list: it is {0}")]
    Foreign(Foreign),
    #[error(transparent)]
    Workbook(#[from] WorkbookError),
    #[error("cannot tell how the input is encoded: {0}")]
    Encoding(Doubt),
    #[error("cannot find a header in an empty input")]
    Empty,
    #[error("cannot read the header on line {line}: cell {number} is not UTF-8")]
    HeaderNotUtf8 { line: u64, number: usize },
    #[error("cannot read the header on line {line}: it has more than {RECORD_BYTES_MAX} bytes")]
    HeaderTooLong { line: u64 },
    #[error(
        "cannot read the header on line {line}: it has {found} columns, and at most {HEADER_COLUMNS_MAX} are read"
    )]
    HeaderTooWide { line: u64, found: usize },
    #[error("cannot use the header on line {line}: {}; found {}", Joined(faults), Quoted(found))]
    Header { line: u64, faults: Vec<HeaderFault>, found: Vec<String> },
    /// `column` is `None` past the last column of the header, and in the header itself.
    #[error("cannot read on from line {line}: a quote opens there{} and is never closed", InColumn(column.as_deref()))]
    UnclosedQuote { line: u64, column: Option<String> },
}

/// Why the encoding of a file cannot be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    /// Some of it is UTF-8, and more of it is not.
    Mixed,
    /// It has bytes that mean nothing in Windows-1252, or not where they stand.
    NotWindows1252,
    /// It looks like text in this encoding.
    Rather(Encoding),
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Doubt::Mixed => f.write_str("some of it is UTF-8, and more of it is not"),
            Doubt::NotWindows1252 => f.write_str("it is neither UTF-8 nor Windows-1252"),
            Doubt::Rather(encoding) => {
                write!(f, "it is not UTF-8, and looks like {encoding} rather than windows-1252")
            }
        }
    }
}

/// Why a workbook cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum WorkbookError {
    #[error("cannot read the workbook: it is damaged, or not as the format wants it")]
    Damaged(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("cannot read the workbook: it is protected by a password")]
    Protected,
    #[error("cannot read the workbook: it is too large to be read whole (more than {} MiB, unpacked)", limit_bytes / MIB)]
    TooLarge { limit_bytes: u64 },
    #[error("cannot find the sheet `{wanted}` in the workbook; it has {}", Listed(found))]
    NoSuchSheet { wanted: String, found: Vec<String> },
    #[error("cannot find a sheet in the workbook that is not hidden; it has {}", Listed(.0))]
    NoVisibleSheet(Vec<String>),
}

impl WorkbookError {
    pub(super) fn hint(&self) -> &'static str {
        match self {
            Self::Damaged(_) | Self::TooLarge { .. } => {
                "open it in Excel or LibreOffice and save the sheet as `CSV UTF-8 (Comma delimited)`"
            }
            Self::Protected => "take its password away, or save the sheet as `CSV UTF-8 (Comma delimited)`",
            Self::NoSuchSheet { .. } | Self::NoVisibleSheet(_) => "name one of its sheets with `--sheet`",
        }
    }
}

struct Listed<'a>(&'a [String]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("none");
        }
        f.write_str(&self.0.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "))
    }
}

impl Error {
    /// What the operator can do about it, to be shown on a line of its own.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Error::Foreign(foreign) => Some(foreign.hint()),
            Error::Workbook(error) => Some(error.hint()),
            Error::Encoding(_) | Error::HeaderNotUtf8 { .. } => Some(
                "in Excel, use `Save as` and choose `CSV UTF-8 (Comma delimited)`, or say what it is, such as \
                 `--encoding windows-1252`",
            ),
            Error::Empty => Some("the first line must name the columns; `tenantry template` prints them"),
            Error::Header { faults, .. } if is_no_header(faults) => Some(
                "the first line must name the columns, with no title above them and with commas, semicolons, tabs \
                 or pipes between them; `tenantry template --explain` tells their names",
            ),
            Error::Header { .. } => Some(
                "rename the columns, or map them with `--map \"Column header=field\"`; `tenantry template --explain` \
                 tells their names",
            ),
            Error::UnclosedQuote { .. } => Some("close the quote, or write a quote inside a cell as two"),
            Error::HeaderTooLong { .. } | Error::HeaderTooWide { .. } => {
                Some("check that the file is a CSV file and that no quote is missing in its first line")
            }
            Error::Read { .. } => None,
        }
    }
}

/// None of the columns that every list has is there, by any name that we know.
fn is_no_header(faults: &[HeaderFault]) -> bool {
    if faults.iter().any(|fault| matches!(fault, HeaderFault::MayMean { .. })) {
        return false;
    }
    let missing = faults.iter().filter(|fault| matches!(fault, HeaderFault::Missing { .. })).count();
    missing == Field::ALL.into_iter().filter(|field| field.is_required()).count()
}

/// One thing that is wrong with a header; a header is reported with all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeaderFault {
    /// A required field has no column; `nearest` is the column that comes closest, if one comes close.
    Missing { field: Field, nearest: Option<String> },
    /// Two columns mean the same field.
    Twice { field: Field, first: String, second: String },
    /// Unknown, and so close to `nearest` that it is taken for a slip of the pen.
    NearlyKnown { column: String, nearest: Vec<Field> },
    /// No fault by itself: unknown, and the word for `field` in another language. Told beside what is wrong.
    MayMean { column: String, field: Field },
    /// `--map` names a column that is not there.
    MapUnmatched { column: String },
}

impl fmt::Display for HeaderFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HeaderFault::Missing { field, nearest: None } => write!(f, "no column for `{field}`"),
            HeaderFault::Missing { field, nearest: Some(column) } => {
                write!(f, "no column for `{field}` (nearest is `{column}`)")
            }
            HeaderFault::Twice { field, first, second } => {
                write!(f, "`{first}` and `{second}` both mean `{field}`")
            }
            HeaderFault::NearlyKnown { column, nearest } => {
                write!(f, "`{column}` is not known, nearest is {}", Quoted(nearest))
            }
            HeaderFault::MayMean { column, field } => write!(f, "`{column}` may mean `{field}`"),
            HeaderFault::MapUnmatched { column } => write!(f, "no column `{column}` to map"),
        }
    }
}

struct Joined<'a, T>(&'a [T]);

impl<T: fmt::Display> fmt::Display for Joined<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, item) in self.0.iter().enumerate() {
            write!(f, "{}{item}", if index > 0 { "; " } else { "" })?;
        }
        Ok(())
    }
}

struct Quoted<'a, T>(&'a [T]);

impl<T: fmt::Display> fmt::Display for Quoted<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, item) in self.0.iter().enumerate() {
            write!(f, "{}`{item}`", if index > 0 { ", " } else { "" })?;
        }
        Ok(())
    }
}

struct InColumn<'a>(Option<&'a str>);

impl fmt::Display for InColumn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |column| write!(f, " in column `{column}`"))
    }
}
