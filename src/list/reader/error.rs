//! Errors that end the reading of a file.
//!
//! A problem that affects only one row is a [`RowFault`](super::RowFault).

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt::{self, Display};
use std::io;

use tenantry_model::customer::Field;
use tenantry_model::nearest::distance_within;
use tenantry_model::printable::truncate_for_display;

use super::aliases;
use super::encoding::Encoding;
use super::not_a_list::NotAList;
use super::quotes::QuoteFault;
use super::records::{HEADER_COLUMNS_MAX, RECORD_BYTES_MAX};

const MIB: u64 = 1024 * 1024;

/// Why a file cannot be read, or not to its end. The caller adds the file name.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot read the input after {offset} bytes")]
    Read {
        offset: u64,
        #[source]
        source: io::Error,
    },
    #[error("cannot read the input as a list: it is {0}")]
    Foreign(NotAList),
    #[error(transparent)]
    Workbook(#[from] WorkbookError),
    #[error(transparent)]
    Encoding(EncodingUncertain),
    #[error("cannot find a header in an empty input")]
    Empty,
    #[error("cannot read the header on line {line}: cell {number} is not UTF-8")]
    HeaderNotUtf8 { line: u64, number: usize },
    #[error("cannot read the header on line {line}: cell {number} {fault}")]
    HeaderQuotes { line: u64, number: usize, fault: QuoteFault },
    #[error("cannot read the header on line {line}: it has more than {RECORD_BYTES_MAX} bytes")]
    HeaderTooLong { line: u64 },
    #[error(
        "cannot read the header on line {line}: it has {found} columns, and at most {HEADER_COLUMNS_MAX} are read"
    )]
    HeaderTooWide { line: u64, found: usize },
    #[error("cannot use the header on line {line}: {}; found {}", joined(faults, "; "), first_quoted(found))]
    Header {
        line: u64,
        faults: Vec<HeaderFault>,
        found: Vec<String>,
        /// `--auto-map` would take some of the columns.
        would_auto_map: bool,
        /// A later line that looks like the header.
        header_below: Option<u64>,
    },
    #[error("cannot find a header on line {line}: the input ends before it")]
    HeaderBelowEnd { line: u64 },
    /// `column` is `None` past the last column of the header, and in the header itself.
    #[error("cannot read beyond line {line}: a quote opens there{} and is never closed", in_column(column.as_deref()))]
    UnclosedQuote { line: u64, column: Option<String> },
    #[error(
        "cannot find the rows: a quote opens on line {line}, the next quote is on line {last_line}, and \
         the lines in between look like rows"
    )]
    SwallowedRows { line: u64, last_line: u64 },
    /// Lists were joined; the rows below the line follow it, and not the header of the file.
    #[error("cannot read beyond line {line}: it is another header, with other columns")]
    OtherHeader { line: u64 },
}

impl Error {
    /// The error for a file that fails before any of it was read.
    pub(super) fn unreadable(source: io::Error) -> Self {
        Self::Read { offset: 0, source }
    }
}

/// Why it is uncertain how a file is encoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EncodingUncertain {
    #[error("cannot detect the encoding of the input: a part of it is UTF-8, but most of it is not")]
    Mixed,
    #[error("{}: {}", doubt(*told), joined(lines, "; "))]
    Readings {
        /// The encoding that the operator named, which the text contradicts.
        told: Option<Encoding>,
        lines: Vec<LineReadings>,
        /// The encodings that the operator may choose, the most plausible first.
        possible: Vec<Encoding>,
    },
}

/// A line of a file as each candidate reads one of its cells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineReadings {
    pub number: u64,
    /// The most plausible first.
    pub texts: Vec<(String, Vec<Encoding>)>,
}

impl Display for LineReadings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} is ", self.number)?;
        for (index, (text, encodings)) in self.texts.iter().enumerate() {
            let names: Vec<String> = encodings.iter().map(|encoding| encoding.option_value()).collect();
            let comma = if index > 0 { ", " } else { "" };
            write!(f, "{comma}`{}` as {}", truncate_for_display(text.as_bytes()), names.join(" or "))?;
        }
        Ok(())
    }
}

fn doubt(told: Option<Encoding>) -> String {
    match told {
        None => "cannot detect the encoding of the input".to_owned(),
        Some(told) => {
            format!("the input does not look like {}, which is the given encoding", told.option_value())
        }
    }
}

impl EncodingUncertain {
    fn hint(&self) -> String {
        match self {
            Self::Mixed => {
                "it was probably joined from two files: export each as UTF-8, and join them again; \
                            with `--encoding utf-8`, each cell that is not UTF-8 is an error in its row"
                    .to_owned()
            }
            Self::Readings { possible, .. } => {
                let option = |encoding: &Encoding| format!("`--encoding {}`", encoding.option_value());
                format!(
                    "add the option for the correct text: {}; or export the list again as UTF-8, but do not open and \
                     save it in Excel, which may read it wrongly too",
                    possible.iter().map(option).collect::<Vec<_>>().join(", ")
                )
            }
        }
    }
}

/// Why a workbook cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum WorkbookError {
    #[error("cannot read the workbook: it is damaged or does not follow its format")]
    Damaged(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("cannot read the workbook: it is protected by a password")]
    Protected,
    #[error("cannot read the workbook: it is too large (more than {} MiB unpacked)", limit_bytes / MIB)]
    TooLarge { limit_bytes: u64 },
    #[error("cannot find the sheet `{wanted}` in the workbook; it has {}", listed(found))]
    NoSuchSheet { wanted: String, found: Vec<String> },
    #[error("cannot find a sheet in the workbook that is not hidden; it has {}", listed(.0))]
    NoVisibleSheet(Vec<String>),
    #[error(
        "cannot choose the sheet of the workbook: `{name}` and {} both look like lists of customers",
        quoted(further)
    )]
    FurtherSheets { name: String, further: Vec<String> },
    #[error("cannot find a list of customers in the sheet `{name}`; it may be in {}", quoted(others))]
    ListElsewhere { name: String, others: Vec<String> },
    #[error(
        "cannot find a list of customers in the sheet `{name}`: it is empty; all sheets are {}",
        quoted(all)
    )]
    EmptySheet { name: String, all: Vec<String> },
}

impl WorkbookError {
    pub(super) fn hint(&self) -> &'static str {
        match self {
            Self::Damaged(_) | Self::TooLarge { .. } => {
                "open it in Excel or LibreOffice and save the sheet as `CSV UTF-8 (Comma delimited)`"
            }
            Self::Protected => "remove its password, or save the sheet as `CSV UTF-8 (Comma delimited)`",
            Self::NoSuchSheet { .. }
            | Self::NoVisibleSheet(_)
            | Self::FurtherSheets { .. }
            | Self::ListElsewhere { .. }
            | Self::EmptySheet { .. } => "name one of its sheets with `--sheet`",
        }
    }
}

impl Error {
    /// Does nothing look like the header of a list?
    pub(super) fn is_no_list(&self) -> bool {
        match self {
            Error::Empty => true,
            Error::Header { faults, header_below, .. } => header_below.is_none() && is_no_header(faults),
            _ => false,
        }
    }

    /// What the operator can do about the error; printed on a separate line.
    pub fn hint(&self) -> Option<Cow<'static, str>> {
        if let Error::Encoding(uncertain) = self {
            return Some(Cow::Owned(uncertain.hint()));
        }
        self.fixed_hint().map(Cow::Borrowed)
    }

    fn fixed_hint(&self) -> Option<&'static str> {
        match self {
            Error::Foreign(foreign) => Some(foreign.hint()),
            Error::Workbook(error) => Some(error.hint()),
            Error::HeaderNotUtf8 { .. } => Some(
                "pass it as a file, so that its encoding can be detected, or name the encoding with \
                 `--encoding`; or export it as UTF-8",
            ),
            Error::Empty => Some("the first line must name the columns; `tenantry template` prints them"),
            // A spreadsheet with another separator reads each line as one cell, and quotes it for its commas.
            Error::Header { found, .. } if matches!(&found[..], [line] if line.contains([',', ';', '\t', '|'])) => {
                Some(
                    "each line is one cell: remove the quotes around whole lines, or name what is between the cells with \
                     `--delimiter`",
                )
            }
            Error::Header { faults, .. } if is_no_header(faults) => Some(
                "the first line must name the columns, without a title above and with commas, semicolons, \
                 tabs or pipes between them; `tenantry template --explain` lists their names",
            ),
            Error::Header { .. } => Some(
                "rename the columns, or map them with `--map \"Column header=field\"`; `tenantry template \
                 --explain` lists their names",
            ),
            Error::HeaderBelowEnd { .. } => {
                Some("set `--header-line` to the number of the line that names the columns")
            }
            Error::HeaderQuotes { .. } => None,
            Error::SwallowedRows { .. } => Some(
                "check both quotes: remove the wrong one, or write a quote inside a quoted cell as two \
                 (`\"\"`)",
            ),
            Error::OtherHeader { .. } => Some(
                "move the rows from there on into another file; you can import several files with one \
                      command",
            ),
            Error::UnclosedQuote { .. } => Some("close the quote, or write a quote inside a cell as two"),
            Error::HeaderTooLong { .. } | Error::HeaderTooWide { .. } => {
                Some("check that the file is a CSV file and that no quote is missing in its first line")
            }
            Error::Encoding(_) | Error::Read { .. } => None,
        }
    }
}

impl Error {
    /// The columns of a header that probably are fields, for `--map`; no field twice.
    pub fn suggested_map(&self) -> Vec<(&str, Field)> {
        let Error::Header { faults, .. } = self else { return Vec::new() };
        let meant = faults.iter().filter_map(|fault| match fault {
            HeaderFault::NearlyKnown { column, nearest } if nearest.len() == 1 => {
                Some((column.as_str(), nearest[0]))
            }
            HeaderFault::MayMean { column, field } => Some((column.as_str(), *field)),
            _ => None,
        });
        let mut meant: Vec<_> = meant.collect();
        if !is_no_header(faults) {
            meant.extend(guessed(faults, &meant));
        }
        let is_only = |field: Field| meant.iter().filter(|(_, other)| *other == field).count() == 1;
        meant.iter().copied().filter(|(_, field)| is_only(*field)).collect()
    }

    /// A column `Name` that was not taken for the company, because it may be a person's.
    pub fn column_of_person(&self) -> Option<&str> {
        let Error::Header { faults, .. } = self else { return None };
        faults.iter().find_map(|fault| match fault {
            HeaderFault::MayBePerson { column } => Some(column.as_str()),
            _ => None,
        })
    }

    /// The required fields that a header has no column for, nor one that may be meant. Empty: it is no header.
    pub fn missing_fields(&self) -> Vec<Field> {
        let Error::Header { faults, .. } = self else { return Vec::new() };
        if is_no_header(faults) {
            return Vec::new();
        }
        let suggested = self.suggested_map();
        let missing = faults.iter().filter_map(|fault| match fault {
            HeaderFault::Missing { field, .. } => Some(*field),
            _ => None,
        });
        missing.filter(|field| suggested.iter().all(|(_, other)| other != field)).collect()
    }

    /// The columns of a header that claim one field, each name once, for every field that several columns claim.
    pub fn claims(&self) -> Vec<(Field, Vec<&str>)> {
        let Error::Header { faults, .. } = self else { return Vec::new() };
        let mut claims: Vec<(Field, Vec<&str>)> = Vec::new();
        for fault in faults {
            let (field, columns) = match fault {
                HeaderFault::Twice { field, first, second } => (*field, vec![first.as_str(), second]),
                HeaderFault::MayMean { column, field } => (*field, vec![column.as_str()]),
                HeaderFault::NearlyKnown { column, nearest } if nearest.len() == 1 => {
                    (nearest[0], vec![column.as_str()])
                }
                _ => continue,
            };
            match claims.iter_mut().find(|(claimed, _)| *claimed == field) {
                Some((_, known)) => known.extend(columns),
                None => claims.push((field, columns)),
            }
        }
        claims.retain(|(_, columns)| columns.len() > 1);
        for (_, columns) in &mut claims {
            let mut seen = HashSet::new();
            columns.retain(|column| seen.insert(*column));
        }
        claims
    }
}

/// With more slips, a column is named beside a missing field, but not proposed for it.
const SLIPS_MAX: usize = 2;

/// The columns that are nearest to one missing field each, and that mean no field otherwise.
fn guessed<'a>(faults: &'a [HeaderFault], meant: &[(&str, Field)]) -> Vec<(&'a str, Field)> {
    let guesses = faults.iter().filter_map(|fault| match fault {
        HeaderFault::Missing { field, nearest: Some(column) } => Some((column.as_str(), *field)),
        _ => None,
    });
    let guesses: Vec<_> = guesses.collect();
    // What is pasted without a thought must be more than a guess: a wrong domain cannot be corrected.
    let is_slip = |column: &str, field: Field| {
        distance_within(&aliases::fold(column), &aliases::fold(field.name()), SLIPS_MAX).is_some()
    };
    let is_free = |(column, field): &(&str, Field)| {
        is_slip(column, *field)
            && meant.iter().all(|(known, claimed)| known != column && claimed != field)
            && guesses.iter().filter(|(other, _)| other == column).count() == 1
    };
    guesses.iter().copied().filter(is_free).collect()
}

/// True if the header has none of the required columns, under any known name.
pub(super) fn is_no_header(faults: &[HeaderFault]) -> bool {
    let is_name =
        |fault: &HeaderFault| matches!(fault, HeaderFault::MayMean { .. } | HeaderFault::NearlyKnown { .. });
    if faults.iter().any(is_name) {
        return false;
    }
    let missing = faults.iter().filter(|fault| matches!(fault, HeaderFault::Missing { .. })).count();
    missing == Field::ALL.into_iter().filter(|field| field.is_required()).count()
}

/// One problem of a header; an error lists all problems of the header.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeaderFault {
    /// A required field has no column; `nearest` is the column with the most similar name, if one is similar.
    #[error("no column for `{field}`{}", nearest.as_ref().map(|it| format!(" (the nearest is \
             `{it}`)")).unwrap_or_default())]
    Missing { field: Field, nearest: Option<String> },
    #[error("`{first}` and `{second}` both mean `{field}`")]
    Twice { field: Field, first: String, second: String },
    /// An unknown column with a name so similar to `nearest` that it is probably a typing mistake, or one of these names
    /// with something around it.
    #[error("`{column}` is unknown; the nearest is {}", quoted(nearest))]
    NearlyKnown { column: String, nearest: Vec<Field> },
    /// Not a problem by itself, unless warnings are errors: an unknown column with a word for `field`, such as one in
    /// another language. Reported in addition to the problems.
    #[error("`{column}` may mean `{field}`")]
    MayMean { column: String, field: Field },
    /// An unknown column with the name of `field` for a further address or person, and no other column for `field`.
    #[error("`{column}` may be the `{field}` of another address")]
    Elsewhere { column: String, field: Field },
    /// An unknown column `Name` that is not taken for the company.
    #[error("`{column}` may be a person's name")]
    MayBePerson { column: String },
    /// `--ignore-column` names a column that does not exist.
    #[error("no column `{column}` to ignore")]
    IgnoreUnmatched { column: String },
    #[error("`{column}` is both mapped and ignored")]
    MappedAndIgnored { column: String },
    /// `--map` names a column that does not exist.
    #[error("no column `{column}` to map")]
    MapUnmatched { column: String },
}

fn joined(items: &[impl Display], separator: &str) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(separator)
}

fn quoted(names: &[impl Display]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// The first names of a header, which can have hundreds.
fn first_quoted(names: &[String]) -> String {
    const SHOWN_MAX: usize = 20;
    match names.get(SHOWN_MAX..).map_or(0, <[_]>::len) {
        0 => quoted(names),
        more => format!("{} and {more} more", quoted(&names[..SHOWN_MAX])),
    }
}

fn listed(sheets: &[String]) -> String {
    if sheets.is_empty() { "none".to_owned() } else { quoted(sheets) }
}

fn in_column(column: Option<&str>) -> String {
    column.map(|column| format!(" in column `{column}`")).unwrap_or_default()
}
