//! `check -o F`: writes the annotated copy.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use crate::check::{Annotated, AnnotatedRow, AtTheEnd, Copying};
use crate::cli::replacing::Guarded;
use crate::cli::sink::{Sink, Target};
use crate::cli::{Failure, args};
use crate::files::free_name;
use crate::reader::{Header, Layout};
use crate::report::{Style, TableError};

/// The annotated copy and its destination; it is put there when the check has finished.
pub(super) struct AnnotatedCopy {
    sink: Sink,
    style: Style,
    /// With `--fix`.
    fixes: bool,
    rows: Option<Annotated<File>>,
    /// How many cells were fixed, and in how many rows.
    pub(super) fixed: (u64, u64),
    /// Suggestions that were not applied, by column.
    pub(super) by_hand: BTreeMap<String, u64>,
}

impl AnnotatedCopy {
    /// Checks that the copy may be written, before anything is read. `None`: no copy was requested.
    pub(super) fn prepare(args: &args::CheckArgs) -> Result<Option<Self>, Failure> {
        let Some(path) = &args.output else {
            let unused = "`--for-excel` is about the copy, and there is no copy";
            return if args.form.for_excel {
                Err(Failure::usage(unused).with_hint("name it with `-o F`"))
            } else {
                Ok(None)
            };
        };
        if args.files.len() > 1 {
            return Err(Failure::usage("cannot put the copies of several files into one")
                .with_hint("check one file at a time with `-o`"));
        }
        if path == Path::new("-") {
            return Err(Failure::usage("the copy needs a file of its own: standard output has the problems")
                .with_hint(format!(
                    "name a file with `-o`, such as {}",
                    free_name(Path::new("problems.csv")).display()
                )));
        }
        let guarded = Guarded::default().and_inputs(&args.files).for_tables();
        let target = Target { file: Some(path), force: args.force };
        let sink = Sink::open(target, &guarded)?;
        let style = Style::of(Some(path), args.form.for_excel);
        Ok(Some(Self { sink, style, fixes: args.fix, rows: None, fixed: (0, 0), by_hand: BTreeMap::new() }))
    }

    /// What the copy needs of the rows.
    pub(super) fn copying(&self) -> Copying {
        if self.fixes { Copying::FixedCells } else { Copying::Cells }
    }

    /// The copy of a text file has its delimiter.
    pub(super) fn begin(&mut self, header: &Header, layout: &Layout) -> Result<(), Failure> {
        let spool =
            tempfile::tempfile().map_err(|error| Failure::io("could not make a temporary file", &error))?;
        if let Some(delimiter) = layout.found_delimiter() {
            self.style = self.style.with_delimiter(delimiter);
        }
        self.rows = Some(Annotated::begin(spool, header, self.fixes));
        Ok(())
    }

    pub(super) fn row(&mut self, row: &AnnotatedRow) -> Result<(), Failure> {
        let (cells, rows) = &mut self.fixed;
        *cells += row.changes.len() as u64;
        *rows += u64::from(!row.changes.is_empty());
        for problem in row.problems.iter().filter(|problem| problem.suggestion.is_some()) {
            *self.by_hand.entry(problem.column.clone()).or_default() += 1;
        }
        match &mut self.rows {
            Some(rows) => rows.row(row).map_err(unwritten),
            None => Ok(()),
        }
    }

    /// Puts the copy in its place, with the problems that are only known at the end of the file.
    pub(super) fn finish(mut self, at_the_end: &AtTheEnd) -> Result<(), Failure> {
        if let Some(rows) = self.rows {
            rows.finish(at_the_end.problems(), self.style, &mut self.sink).map_err(unwritten)?;
        }
        self.sink.finish()
    }
}

fn unwritten(error: TableError) -> Failure {
    Failure::from(error).within("could not write the copy")
}
