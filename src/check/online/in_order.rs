//! Rows that are asked about side by side and come out in the order of their file.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::sync::Arc;

use tokio::task::JoinSet;

use super::{FieldFinding, Online};
use crate::check::Met;
use crate::partner_center::CallError;

/// Rows in hand for each that may be under way: a slow answer at the front lets so many others overtake it.
const ROWS_PER_QUESTION: usize = 8;

/// A row, and what was told about it.
pub(crate) type Answered = (Met, Vec<FieldFinding>);

/// The rows in hand. Dropping it ends what is under way.
pub(crate) struct InOrder {
    online: Arc<Online>,
    concurrency: usize,
    /// Each with what was told about it, once that is known.
    rows: VecDeque<(Met, Option<Vec<FieldFinding>>)>,
    /// The number of the first row in hand; rows are numbered as they come.
    first: u64,
    under_way: JoinSet<(u64, Result<Vec<FieldFinding>, CallError>)>,
}

impl InOrder {
    pub(crate) fn new(online: Arc<Online>, concurrency: NonZeroUsize) -> Self {
        let concurrency = concurrency.get();
        Self { online, concurrency, rows: VecDeque::new(), first: 0, under_way: JoinSet::new() }
    }

    /// Takes a row in, and asks about it where it would be sent. Waits for room: what is done must be
    /// [`popped`](Self::pop) after each row.
    ///
    /// # Errors
    /// Every row would get this answer.
    pub(crate) async fn push(&mut self, mut met: Met) -> Result<(), CallError> {
        while self.under_way.len() >= self.concurrency {
            self.wait().await?;
        }
        let told = match met.judged.customer.take() {
            None => Some(Vec::new()),
            Some(customer) => {
                let (online, number) = (Arc::clone(&self.online), self.first + self.rows.len() as u64);
                self.under_way.spawn(async move { (number, online.look_up(&customer).await) });
                None
            }
        };
        self.rows.push_back((met, told));
        while self.rows.len() > self.concurrency * ROWS_PER_QUESTION && self.front_is_waiting() {
            self.wait().await?;
        }
        Ok(())
    }

    /// The first row in hand, if it is done.
    pub(crate) fn pop(&mut self) -> Option<Answered> {
        let (met, told) = self.rows.pop_front_if(|(_, told)| told.is_some())?;
        self.first += 1;
        Some((met, told?))
    }

    /// The first row in hand, as soon as it is done; `None` when there is none.
    pub(crate) async fn next(&mut self) -> Result<Option<Answered>, CallError> {
        while self.front_is_waiting() {
            self.wait().await?;
        }
        Ok(self.pop())
    }

    fn front_is_waiting(&self) -> bool {
        self.rows.front().is_some_and(|(_, told)| told.is_none())
    }

    /// Until one row more is done.
    async fn wait(&mut self) -> Result<(), CallError> {
        let asked = self.under_way.join_next().await.expect("a row that waits is under way");
        let (number, told) = asked.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
        let index = usize::try_from(number - self.first).expect("few rows are in hand");
        self.rows[index].1 = Some(told?);
        Ok(())
    }
}
