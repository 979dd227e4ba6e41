//! Prints the results of a check in the requested format, as they become known.

use crate::check::{CheckEnd, CheckTally, JsonReport, TextReport};
use crate::cli::{Failure, Output};
use crate::problem::Problem;

/// The buffer is written as soon as it contains this many bytes.
const GATHERED_BYTES: usize = 64 * 1024;

pub(super) enum OutputFormat {
    Text(TextReport),
    Json(JsonReport),
}

/// Buffers the output, so that a million problems are not a million writes.
pub(super) struct CheckReport<'a> {
    output: &'a Output,
    form: OutputFormat,
    gathered: String,
}

impl<'a> CheckReport<'a> {
    pub(super) fn new(output: &'a Output, form: OutputFormat) -> Self {
        Self { output, form, gathered: String::new() }
    }

    pub(super) fn problem(&mut self, file: &str, problem: &Problem) -> Result<(), Failure> {
        match &mut self.form {
            OutputFormat::Text(text) => text.problem(file, problem, &mut self.gathered),
            OutputFormat::Json(json) => json.problem(file, problem, &mut self.gathered),
        }
        if self.gathered.len() < GATHERED_BYTES { Ok(()) } else { self.write() }
    }

    pub(super) fn end_of_file(&mut self, file: &str, tally: &CheckTally) -> Result<(), Failure> {
        if let OutputFormat::Text(text) = &mut self.form {
            text.end_of_file(file, tally, &mut self.gathered);
        }
        self.write()
    }

    pub(super) fn end(&mut self, ending: &CheckEnd<'_>) -> Result<(), Failure> {
        match &mut self.form {
            OutputFormat::Text(text) => text.end(ending, &mut self.gathered),
            OutputFormat::Json(json) => json.end(ending.tally, ending.columns, &mut self.gathered),
        }
        self.write()
    }

    /// Writes the buffer; someone may be watching.
    pub(super) fn write(&mut self) -> Result<(), Failure> {
        if self.gathered.is_empty() {
            return Ok(());
        }
        self.output.result(&self.gathered)?;
        self.gathered.clear();
        Ok(())
    }
}
