//! `check -o F`: writes the annotated copy.

use std::fs::File;
use std::path::Path;

use csv::ByteRecord;

use crate::check::{Annotated, AtTheEnd};
use crate::cli::replacing::Guarded;
use crate::cli::sink::{Sink, Target};
use crate::cli::{ExitCode, Failure, args};
use crate::files::free_name;
use crate::problem::Problem;
use crate::reader::Header;

/// The annotated copy and its destination; it is put there when the check has finished.
pub(super) struct AnnotatedCopy {
    sink: Sink,
    rows: Option<Annotated<File>>,
}

impl AnnotatedCopy {
    /// Checks that the copy may be written, before anything is read. `None`: no copy was requested.
    pub(super) fn prepare(args: &args::CheckArgs) -> Result<Option<Self>, Failure> {
        let Some(path) = &args.output else { return Ok(None) };
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
        let guarded = Guarded::default().and_inputs(&args.files);
        let target = Target { file: Some(path), force: args.force };
        Ok(Some(Self { sink: Sink::open(target, &guarded)?, rows: None }))
    }

    pub(super) fn begin(&mut self, header: &Header, delimiter: u8) -> Result<(), Failure> {
        let spool =
            tempfile::tempfile().map_err(|error| Failure::io("could not make a temporary file", &error))?;
        self.rows = Some(Annotated::begin(spool, header, delimiter).map_err(unwritten)?);
        Ok(())
    }

    pub(super) fn row(&mut self, line: u64, cells: &ByteRecord, problems: &[Problem]) -> Result<(), Failure> {
        match &mut self.rows {
            Some(rows) => rows.row(line, cells, problems).map_err(unwritten),
            None => Ok(()),
        }
    }

    /// Puts the copy in its place, with the problems that are only known at the end of the file.
    pub(super) fn finish(mut self, at_the_end: &AtTheEnd) -> Result<(), Failure> {
        if let Some(rows) = self.rows {
            rows.finish(at_the_end.problems(), &mut self.sink).map_err(unwritten)?;
        }
        self.sink.finish()
    }
}

fn unwritten(error: csv::Error) -> Failure {
    Failure::of(ExitCode::Failed, &error).within("could not write the copy")
}
