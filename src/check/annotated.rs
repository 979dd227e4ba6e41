//! Writes a copy of a checked file with the problems next to each row, to be corrected and imported as it is.
//!
//! The operator's own columns and cells are copied byte for byte, in the order of the file; fixes are the only changes.
//! Our columns follow, named as in exports. Some problems are only known at the end of the file (see
//! [`FileCheck::end`](super::FileCheck::end)), after their rows were read. Therefore the rows first wait in a spool, with
//! their problems, and the copy is written from there.

use std::borrow::Cow;
use std::io::{self, Read, Seek, Write};

use csv::{ByteRecord, ReaderBuilder, WriterBuilder};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::printable::escape_for_terminal;
use crate::problem::{Problem, Severity};
use crate::reader::{Header, MARK_COLUMN, SURPLUS_COLUMN};
use crate::report::{Cell, Column, Content, Highlight, HighlightKind, Style, Table, TableError, one_line};
use crate::validation::{Change, lost_cells};

/// Our columns, in order. `tenantry_extra_cells` contains cells that have no column in the header.
const OUR_COLUMNS: [&str; 5] =
    ["tenantry_line", "tenantry_severity", "tenantry_error_code", "tenantry_error", SURPLUS_COLUMN];

/// What was fixed in the row; the last column, with `--fix`.
const FIXED_COLUMN: &str = "tenantry_fixed";

/// A row of the copy.
#[derive(Debug)]
pub(crate) struct AnnotatedRow {
    pub(crate) line: u64,
    pub(crate) cells: ByteRecord,
    pub(crate) problems: Vec<Problem>,
    pub(crate) changes: Vec<Change>,
}

/// The rows of a file that is being read, in a place where they can be read again.
pub(crate) struct Annotated<S: Write> {
    spool: csv::Writer<S>,
    header: Header,
    /// Indexes of the file's columns that are copied: all except those that the copy adds.
    copied: Vec<usize>,
    /// The copy says what was fixed.
    fixes: bool,
}

impl<S: Read + Write + Seek> Annotated<S> {
    pub(crate) fn begin(spool: S, header: &Header, fixes: bool) -> Self {
        let fixed = fixes.then_some(FIXED_COLUMN);
        let is_added = |name: &str| {
            let mut added = OUR_COLUMNS.into_iter().chain([MARK_COLUMN]).chain(fixed);
            added.any(|added| added.eq_ignore_ascii_case(name.trim()))
        };
        let columns = header.columns();
        let copied = (0..columns.len()).filter(|&index| !is_added(&columns[index].name)).collect();
        let spool = WriterBuilder::new().flexible(true).from_writer(spool);
        Self { spool, header: header.clone(), copied, fixes }
    }

    pub(crate) fn row(&mut self, row: &AnnotatedRow) -> Result<(), TableError> {
        self.spool.write_field(row.line.to_string())?;
        self.spool.write_field(spooled(&row.problems))?;
        self.spool.write_field(spooled(&row.changes))?;
        Ok(self.spool.write_record(&row.cells)?)
    }

    /// Writes the copy, with each of `problems` next to its row. The problems are in the order of the rows.
    pub(crate) fn finish(
        self,
        problems: impl Iterator<Item = Problem>,
        style: Style,
        out: impl Write + Send,
    ) -> Result<(), TableError> {
        let Self { spool, header, copied, fixes } = self;
        let copy = Copy { header, copied, fixes };
        let mut rows = spool.into_inner().map_err(csv::IntoInnerError::into_error)?;
        rows.rewind()?;
        let mut problems = problems.peekable();
        let mut rows = ReaderBuilder::new().flexible(true).has_headers(false).from_reader(rows);
        let mut table = Table::begin(out, style, copy.columns())?;
        let mut record = ByteRecord::new();
        while rows.read_byte_record(&mut record)? {
            let mut row = unspooled(&record)?;
            row.problems.extend(problems.next_if(|problem| problem.line == row.line));
            table.row(copy.cells(&row))?;
        }
        table.end()
    }
}

/// How rows become rows of the copy.
struct Copy {
    header: Header,
    copied: Vec<usize>,
    fixes: bool,
}

impl Copy {
    fn columns(&self) -> Vec<Column> {
        let own = self.copied.iter().map(|&index| {
            let column = &self.header.columns()[index];
            // A column of an earlier export is as safe as it was there.
            let content = if column.ours { Content::Exact } else { Content::Operator };
            Column::new(column.name.as_str(), content)
        });
        let ours = OUR_COLUMNS.into_iter().chain(self.fixes.then_some(FIXED_COLUMN));
        own.chain(ours.map(|name| Column::new(name, Content::Tenantry))).collect()
    }

    fn cells<'a>(&'a self, row: &'a AnnotatedRow) -> impl Iterator<Item = Cell<'a>> {
        let mut highlights = self.highlights(row);
        let own = self.copied.iter().map(move |&index| {
            let highlight =
                highlights.extract_if(.., |(of, _)| *of == index).map(|(_, it)| it).reduce(joined);
            Cell { highlight, ..row.cells.get(index).unwrap_or_default().into() }
        });
        let severity = row.problems.iter().map(|problem| problem.severity).min();
        let first = row.problems.iter().find(|problem| Some(problem.severity) == severity);
        let error = Cell {
            highlight: severity.map(|severity| Highlight { kind: kind(severity), note: String::new() }),
            ..describe(&row.problems).into()
        };
        let noted = self.header.own_column(SURPLUS_COLUMN);
        let ours = [
            row.line.to_string().into(),
            severity.map_or("", Severity::name).into(),
            first.map_or("", |problem| &*problem.rule).into(),
            error,
            lost_cells(&row.problems, &row.cells, self.header.columns().len(), noted).into(),
        ];
        own.chain(ours).chain(self.fixes.then(|| self.fixed(row).into()))
    }

    /// What is to be seen about the cells of a row, by the index of the cell.
    fn highlights(&self, row: &AnnotatedRow) -> Vec<(usize, Highlight)> {
        let problems = row.problems.iter().filter_map(|problem| {
            let note = match problem.remedy() {
                Some(remedy) => format!("{} (→ {remedy})", problem.message),
                None => problem.message.clone(),
            };
            let index = self.header.index_named(&problem.column)?;
            Some((index, Highlight { kind: kind(problem.severity), note }))
        });
        let changes = row.changes.iter().map(|change| {
            let note = format!("fixed; it was `{}`", escape_for_terminal(&change.before));
            (change.index, Highlight { kind: HighlightKind::Fixed, note })
        });
        problems.chain(changes).collect()
    }

    /// What was fixed, after what an earlier check has fixed.
    fn fixed(&self, row: &AnnotatedRow) -> String {
        let earlier = self.header.own_column(FIXED_COLUMN).and_then(|index| row.cells.get(index));
        let earlier = earlier.filter(|text| !text.is_empty()).map(String::from_utf8_lossy);
        let changes = row.changes.iter().map(|change| {
            let name = &self.header.columns()[change.index].name;
            let after = if change.after.is_empty() { "(empty)" } else { &change.after };
            Cow::Owned(format!("{name}: {} → {after}", escape_for_terminal(&change.before)))
        });
        one_line(&earlier.into_iter().chain(changes).collect::<Vec<_>>().join("; "))
    }
}

fn kind(severity: Severity) -> HighlightKind {
    match severity {
        Severity::Error => HighlightKind::Error,
        Severity::Warning => HighlightKind::Warning,
    }
}

/// One highlight for a cell that has two.
fn joined(one: Highlight, other: Highlight) -> Highlight {
    Highlight { kind: one.kind.min(other.kind), note: format!("{}\n{}", one.note, other.note) }
}

fn describe(problems: &[Problem]) -> String {
    let texts: Vec<String> = problems.iter().map(Problem::with_remedy).collect();
    one_line(&texts.join("; "))
}

/// Nearly every row has none of these.
fn spooled<T: Serialize>(items: &[T]) -> String {
    if items.is_empty() {
        return String::new();
    }
    serde_json::to_string(items).expect("problems and changes are plain data")
}

fn unspooled(record: &ByteRecord) -> io::Result<AnnotatedRow> {
    let mut cells = record.iter();
    let mut next = || cells.next().unwrap_or_default();
    let line = std::str::from_utf8(next()).ok().and_then(|line| line.parse().ok());
    let line = line.ok_or_else(|| io::Error::other("a row of the copy has no line"))?;
    let (problems, changes) = (items(next())?, items(next())?);
    Ok(AnnotatedRow { line, problems, changes, cells: cells.collect() })
}

fn items<T: DeserializeOwned>(spooled: &[u8]) -> io::Result<Vec<T>> {
    if spooled.is_empty() { Ok(Vec::new()) } else { serde_json::from_slice(spooled).map_err(io::Error::from) }
}
