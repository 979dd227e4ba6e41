//! Looks up several rows at the same time and returns them in the order of their file.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::sync::Arc;

use tokio::task::JoinSet;

use super::{FieldFinding, Online};
use crate::check::CheckedRow;
use crate::partner_center::CallError;

/// The queue holds this many rows for each concurrent lookup: so many others can overtake a slow answer at the front.
const ROWS_PER_LOOKUP: usize = 8;

/// A row and its findings.
pub(crate) type Answered = (CheckedRow, Vec<FieldFinding>);

/// The queue of rows. Dropping it cancels the lookups in progress.
pub(crate) struct InOrder {
    online: Arc<Online>,
    concurrency: usize,
    /// Rows with their findings; `None` while the lookup is in progress.
    rows: VecDeque<(CheckedRow, Option<Vec<FieldFinding>>)>,
    /// The number of the first row in the queue; rows are numbered in order.
    first: u64,
    under_way: JoinSet<(u64, Result<Vec<FieldFinding>, CallError>)>,
}

impl InOrder {
    pub(crate) fn new(online: Arc<Online>, concurrency: NonZeroUsize) -> Self {
        let concurrency = concurrency.get();
        Self { online, concurrency, rows: VecDeque::new(), first: 0, under_way: JoinSet::new() }
    }

    /// Adds a row and starts its lookup if the row would be sent. Waits while the queue is full; the caller must
    /// [`pop`](Self::pop) finished rows after each call.
    ///
    /// # Errors
    /// Every other row would get the same error.
    pub(crate) async fn push(&mut self, mut row: CheckedRow) -> Result<(), CallError> {
        while self.under_way.len() >= self.concurrency {
            self.wait().await?;
        }
        let findings = match row.customer.take() {
            None => Some(Vec::new()),
            Some(customer) => {
                let (online, number) = (Arc::clone(&self.online), self.first + self.rows.len() as u64);
                self.under_way.spawn(async move { (number, online.look_up(&customer).await) });
                None
            }
        };
        self.rows.push_back((row, findings));
        while self.rows.len() > self.concurrency * ROWS_PER_LOOKUP && self.front_is_waiting() {
            self.wait().await?;
        }
        Ok(())
    }

    /// The first row of the queue, if it is finished.
    pub(crate) fn pop(&mut self) -> Option<Answered> {
        let (row, findings) = self.rows.pop_front_if(|(_, findings)| findings.is_some())?;
        self.first += 1;
        Some((row, findings?))
    }

    /// The first row of the queue, as soon as it is finished; `None` if the queue is empty.
    pub(crate) async fn next(&mut self) -> Result<Option<Answered>, CallError> {
        while self.front_is_waiting() {
            self.wait().await?;
        }
        Ok(self.pop())
    }

    fn front_is_waiting(&self) -> bool {
        self.rows.front().is_some_and(|(_, findings)| findings.is_none())
    }

    /// Waits until one more row is finished.
    async fn wait(&mut self) -> Result<(), CallError> {
        let asked = self.under_way.join_next().await.expect("a row that waits is under way");
        let (number, findings) = asked.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
        let index = usize::try_from(number - self.first).expect("few rows are in hand");
        self.rows[index].1 = Some(findings?);
        Ok(())
    }
}
