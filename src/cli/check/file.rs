//! Runs one file through a check.

use tokio::sync::watch;

use super::copy::AnnotatedCopy;
use super::online::OnlineChecker;
use super::report::CheckReport;
use crate::check::{AtTheEnd, CheckTally, CheckedRow, EarlierRows, FileCheck, InOrder};
use crate::cli::failure::Failure;
use crate::intake::companies::Companies;
use crate::reading::{ReadProgress, RowBatch};

/// A file in progress: each row is looked up online if requested, then reported and counted.
pub(super) struct FileInProgress<'a, 'o> {
    pub(super) path: String,
    pub(super) check: FileCheck,
    pub(super) earlier_rows: &'a mut EarlierRows,
    pub(super) companies: &'a mut Companies,
    pub(super) report: &'a mut CheckReport<'o>,
    pub(super) progress: &'a watch::Sender<ReadProgress>,
    pub(super) checker: Option<(&'a OnlineChecker, InOrder)>,
    pub(super) copy: Option<&'a mut AnnotatedCopy>,
}

impl FileInProgress<'_, '_> {
    /// Reports the sheets of the workbook that are not read although they have a header.
    pub(super) fn further_sheets(&mut self, sheets: &[String]) -> Result<(), Failure> {
        self.check
            .further_sheets(sheets)
            .iter()
            .try_for_each(|problem| self.report.problem(&self.path, problem))
    }

    pub(super) async fn batch(&mut self, mut batch: RowBatch<CheckedRow>) -> Result<(), Failure> {
        let end = batch.progress;
        if self.checker.is_some() {
            return self.ask_about(batch).await;
        }
        for row in batch.rows_mut() {
            self.check.meet(row, self.earlier_rows, self.companies);
            self.settle(row)?;
        }
        self.report.write()?;
        self.progress.send_replace(end);
        Ok(())
    }

    /// Looks up the rows online.
    async fn ask_about(&mut self, batch: RowBatch<CheckedRow>) -> Result<(), Failure> {
        let begun = *self.progress.borrow();
        let (rows, end) = (batch.row_count() as u64, batch.progress);
        for (number, mut row) in (1..).zip(batch.into_rows()) {
            self.check.meet(&mut row, self.earlier_rows, self.companies);
            if let Some((checker, queue)) = &mut self.checker {
                queue.push(row).await.map_err(|unanswered| checker.failure(unanswered))?;
            }
            while let Some((mut row, findings)) = self.checker.as_mut().and_then(|(_, queue)| queue.pop()) {
                self.check.add_findings(&mut row, findings);
                self.settle(&mut row)?;
            }
            // An answer can take long, and someone may be watching.
            self.report.write()?;
            // Here rows finish one by one, so the bar advances with each row, as if all rows had the same length.
            let bytes = begun.bytes + (end.bytes - begun.bytes) * number / rows;
            self.progress.send_replace(ReadProgress { bytes, rows: begun.rows + number });
        }
        Ok(())
    }

    fn settle(&mut self, row: &mut CheckedRow) -> Result<(), Failure> {
        self.check.settle(row);
        for problem in row.problems() {
            self.report.problem(&self.path, problem)?;
        }
        match &mut self.copy {
            Some(copy) => row.take_copied().map_or(Ok(()), |row| copy.row(&row)),
            None => Ok(()),
        }
    }

    /// Waits for lookups in progress, then checks the file as a whole. Returns the counts and the problems found only
    /// then.
    pub(super) async fn end(mut self) -> Result<(CheckTally, AtTheEnd), Failure> {
        while let Some((checker, queue)) = &mut self.checker {
            match queue.next().await.map_err(|unanswered| checker.failure(unanswered))? {
                Some((mut row, findings)) => {
                    self.check.add_findings(&mut row, findings);
                    self.settle(&mut row)?;
                }
                None => break,
            }
            self.report.write()?;
        }
        let (at_the_end, tally) = self.check.end(self.companies);
        for problem in at_the_end.problems().chain(at_the_end.of_file.clone()) {
            self.report.problem(&self.path, &problem)?;
        }
        self.report.end_of_file(&self.path, &tally)?;
        Ok((tally, at_the_end))
    }
}
