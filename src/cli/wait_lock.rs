//! `--wait-lock`: waits while another process uses the ledger.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::{Failure, Output};
use crate::ledger::{Error, Ledger};
use crate::report::rough;
use crate::submitter::Signal;

/// The lock belongs to the operating system, which does not notify anyone when it is free.
const ASK_EVERY: Duration = Duration::from_millis(500);

/// Opens the ledger with `open`, and retries for `patience` while another process uses it. A signal ends the wait.
pub(super) async fn open(
    mut open: impl FnMut() -> Result<Ledger, Error>,
    patience: Duration,
    signals: &mut mpsc::Receiver<Signal>,
    output: &Output,
) -> Result<Ledger, Failure> {
    let begun = Instant::now();
    let mut has_reported = false;
    loop {
        let in_use = match open() {
            // A second name may be a temporary one, made by a program that copies the file.
            Err(error @ (Error::InUse { .. } | Error::SecondName { .. })) => error,
            opened => return Ok(opened?),
        };
        let left = patience.saturating_sub(begun.elapsed());
        if left.is_zero() {
            let failure = Failure::from(in_use);
            let waited = format!("it is still in use after {}", rough(patience));
            return Err(if has_reported { failure.because(waited) } else { failure });
        }
        if !has_reported {
            has_reported = true;
            output.note(format_args!("Waiting for up to {}: {in_use}.", rough(patience)));
        }
        tokio::select! {
            () = tokio::time::sleep(ASK_EVERY.min(left)) => {}
            Some(signal) = signals.recv() => {
                return Err(Failure::new(signal.into(), "interrupted while waiting for the ledger; nothing was done"));
            }
        }
    }
}
