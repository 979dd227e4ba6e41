//! Writes a copy of a checked file with the problems next to each row, to be corrected and imported as it is.
//!
//! The operator's own columns and cells are copied byte for byte, in the order of the file. Our columns follow, named
//! as in exports. Some problems are only known at the end of the file (see [`FileCheck::end`](super::FileCheck::end)),
//! after their rows are written. Therefore the copy is written in two passes: first the rows as they are read, then
//! again with these problems added.

use std::io::{self, Read, Seek, Write};

use csv::{ByteRecord, ReaderBuilder, WriterBuilder};

use crate::formula::harmless;
use crate::problem::{Problem, Severity};
use crate::reader::Header;
use crate::report::one_line;
use crate::validation::lost_cells;

/// Our columns, in order. `tenantry_extra_cells` contains cells that have no column in the header.
const OUR_COLUMNS: [&str; 5] =
    ["tenantry_line", "tenantry_severity", "tenantry_error_code", "tenantry_error", "tenantry_extra_cells"];
const LINE: usize = 0;
const SEVERITY: usize = 1;
const CODE: usize = 2;
const ERROR: usize = 3;

/// First pass: writes the rows as they are read, to a place where they can be read again.
pub(crate) struct Annotated<W: Write> {
    writer: csv::Writer<W>,
    /// Indexes of the file's columns that are copied: all except those that an earlier copy added.
    copied: Vec<usize>,
    /// The number of columns in the file.
    width: usize,
    delimiter: u8,
}

impl<W: Read + Write + Seek> Annotated<W> {
    pub(crate) fn begin(out: W, header: &Header, delimiter: u8) -> Result<Self, csv::Error> {
        let is_ours = |name: &str| OUR_COLUMNS.iter().any(|ours| ours.eq_ignore_ascii_case(name.trim()));
        let columns = header.columns();
        let copied: Vec<usize> = (0..columns.len()).filter(|&index| !is_ours(&columns[index].name)).collect();
        let mut writer = WriterBuilder::new().delimiter(delimiter).from_writer(out);
        let names = copied.iter().map(|&index| columns[index].name.as_str());
        writer.write_record(names.chain(OUR_COLUMNS))?;
        Ok(Self { writer, copied, width: columns.len(), delimiter })
    }

    pub(crate) fn row(
        &mut self,
        line: u64,
        cells: &ByteRecord,
        problems: &[Problem],
    ) -> Result<(), csv::Error> {
        let own = self.copied.iter().map(|&index| cells.get(index).unwrap_or_default());
        let severity = problems.iter().map(|problem| problem.severity).min();
        let first = problems.iter().find(|problem| Some(problem.severity) == severity);
        let ours = [
            line.to_string(),
            severity.map_or("", Severity::name).to_owned(),
            first.map(|problem| problem.rule.to_string()).unwrap_or_default(),
            describe(problems),
        ];
        let extra = lost_cells(problems, cells, self.width);
        let ours = ours.iter().map(String::as_bytes).chain([extra.as_slice()]);
        self.writer.write_record(own.chain(ours))
    }

    /// Writes the copy, with each of `problems` next to its row. The problems are in the order of the rows.
    pub(crate) fn finish(
        self,
        problems: impl Iterator<Item = Problem>,
        mut out: impl Write,
    ) -> Result<(), csv::Error> {
        let Self { writer, copied, delimiter, .. } = self;
        // Index of our first column.
        let begin = copied.len();
        let mut rows = writer.into_inner().map_err(csv::IntoInnerError::into_error)?;
        rows.rewind()?;
        let mut problems = problems.peekable();
        if problems.peek().is_none() {
            io::copy(&mut rows, &mut out)?;
            return Ok(());
        }
        let mut reader = ReaderBuilder::new().delimiter(delimiter).has_headers(false).from_reader(rows);
        let mut writer = WriterBuilder::new().delimiter(delimiter).from_writer(out);
        let mut row = ByteRecord::new();
        while reader.read_byte_record(&mut row)? {
            let cell = |place: usize| row.get(begin + place).unwrap_or_default();
            let line: Option<u64> = std::str::from_utf8(cell(LINE)).ok().and_then(|line| line.parse().ok());
            let Some(problem) = problems.next_if(|problem| Some(problem.line) == line) else {
                writer.write_byte_record(&row)?;
                continue;
            };
            let text = describe(std::slice::from_ref(&problem));
            let text = match cell(ERROR) {
                b"" => text,
                before => format!("{}; {text}", String::from_utf8_lossy(before)),
            };
            let annotated = row.iter().enumerate().map(|(index, cell)| match index.checked_sub(begin) {
                Some(SEVERITY) => problem.severity.name().as_bytes(),
                Some(CODE) => problem.rule.as_bytes(),
                Some(ERROR) => text.as_bytes(),
                Some(_) | None => cell,
            });
            writer.write_record(annotated)?;
        }
        writer.flush()?;
        Ok(())
    }
}

fn describe(problems: &[Problem]) -> String {
    let texts: Vec<String> = problems.iter().map(Problem::with_remedy).collect();
    harmless(&one_line(&texts.join("; "))).into_owned()
}
