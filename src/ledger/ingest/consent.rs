//! Whether the rows that a run has read may be sent: consent, refusal, or not all valid.

use std::sync::PoisonError;

use rusqlite::Transaction;

use super::super::query::is_undecided;
use super::super::stored::value;
use super::super::{Ledger, ListRefusal, Result, RunId};
use super::agreement;
use super::discard::{take_back_refused, withdraw};
use super::gone::{is_correction, replace};
use tenantry_model::clock;

/// Files that were read but whose rows the operator has not agreed to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AwaitingConsent {
    OfThisRun,
    /// Read to their ends by runs that died, or could not sign in, before the operator answered ([`is_undecided`]).
    OfEarlierRuns,
}

impl AwaitingConsent {
    /// A query for their ids.
    pub(in super::super) fn sources(self, run: RunId) -> String {
        match self {
            AwaitingConsent::OfThisRun => of_run(run),
            AwaitingConsent::OfEarlierRuns => {
                format!("SELECT id FROM sources WHERE {}", is_undecided("sources"))
            }
        }
    }
}

fn of_run(run: RunId) -> String {
    format!("SELECT id FROM sources WHERE run_id = {run}")
}

impl Ledger {
    /// Discards rows without consent: they were never sent, and are sent only if a list brings them again. Returns how
    /// many rows and how many acceptances of agreements were discarded.
    pub async fn withdraw(&self, what: AwaitingConsent) -> Result<(u64, u64)> {
        let run = self.run;
        self.write(move |tx| {
            hold_restored(tx, run)?;
            let sources = what.sources(run);
            let withdrawn = withdraw(tx, &sources)?;
            // Last, because discarded files are not undecided any more.
            let sql = format!("UPDATE sources SET let_go_at = ?1 WHERE id IN ({sources})");
            tx.execute(&sql, [clock::now().as_millisecond()])?;
            Ok(withdrawn)
        })
        .await
    }

    /// Holds back what this run has read, because its lists were refused as a whole. New rows wait until their files are
    /// imported again; retried rows stay refused. Returns how many rows and how many acceptances wait.
    pub async fn hold_back(&self, why: ListRefusal) -> Result<(u64, u64)> {
        let run = self.run;
        self.write(move |tx| {
            let sql = "UPDATE sources SET invalid_at = ?2, refusal = ?3 WHERE run_id = ?1";
            tx.execute(sql, (run, clock::now().as_millisecond(), why))?;
            let sources = of_run(run);
            let of_run = format!("source_id IN ({sources})");
            take_back_refused(tx, &of_run)?;
            agreement::withdraw(tx, &of_run, agreement::REPEATED)?;
            let waiting = |what: &str| {
                let sql = format!(
                    "SELECT count(*) FROM {what} WHERE state = 'pending' AND source_id IN ({sources})"
                );
                value(tx, &sql, [])
            };
            Ok((waiting("customer_rows")?, waiting("agreements")?))
        })
        .await
    }

    /// Releases the rows that were waiting for consent: they may be sent.
    pub async fn release(&self, what: AwaitingConsent) -> Result<()> {
        let sources = what.sources(self.run);
        let corrections =
            std::mem::take(&mut *self.after_consent.lock().unwrap_or_else(PoisonError::into_inner));
        self.write(move |tx| {
            for (row, by) in corrections {
                // A later list of this run may have replaced one of them.
                if is_correction(tx, row, by)? {
                    replace(tx, row, by)?;
                }
            }
            let sql = format!(
                "UPDATE sources SET completed_at = ?1 WHERE id IN ({sources}) AND completed_at IS NULL"
            );
            tx.execute(&sql, [clock::now().as_millisecond()])?;
            Ok(())
        })
        .await
    }
}

/// Rows of a restored copy keep waiting: the lost ledger may have sent them, so they must not be discarded.
fn hold_restored(tx: &Transaction<'_>, run: RunId) -> Result<()> {
    tx.execute(
        "UPDATE sources SET completed_at = NULL
          WHERE run_id = ?1
            AND id IN (SELECT source_id FROM customer_rows WHERE state = 'pending' AND next_step = 'ask')",
        [run],
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{
        AttemptResult, Candidate, Change, Decision, DirectRows, Environment, Filter, Incoming, Queries,
        Refusal, RowChange, RowId, SourceInfo, State, StepKind,
    };

    fn customer() -> tenantry_model::customer::Customer {
        let text = r#"{"company_name":"C","domain":"d.onmicrosoft.com","email":"a@example.com","culture":"en-US",
            "language":"en","first_name":"A","last_name":"B","address_line1":"1","country":"US",
            "enable_gdap_by_default":true}"#;
        serde_json::from_str(text).unwrap()
    }

    /// Reads a file of one row, to its end. A known row is retried.
    async fn read(ledger: &Ledger) {
        let info = SourceInfo {
            path: "a.csv".to_owned(),
            full_path: None,
            list: None,
            header: b"domain\n".to_vec(),
            given: None,
            needs_consent: false,
        };
        let candidate = Candidate {
            line: 2,
            domain: Some(customer().domain),
            customer: Some(customer()),
            beside_agreement: None,
            problems: Vec::new(),
            content_hash: [7; 16],
            external_id: None,
            reseller: None,
            cells: b"d\n".to_vec(),
            corrects: None,
            was_sent: false,
            is_returned: false,
        };
        let reading = ledger.begin_source(info).await.unwrap();
        let batch = vec![Incoming::Candidate(Box::new(candidate))];
        let decide = |_: &mut _, known: crate::KnownRows, _| match known.standing {
            None => Decision::New { stands: true, problem: None, replaces: Vec::new() },
            Some(known) => Decision::Known { row: known.row, change: Change::Retry, adopts: false },
        };
        let (reading, ..) = ledger.ingest(reading, batch, decide).await.unwrap();
        ledger.complete_source(reading, 1, DirectRows::Good { rejected_by: "" }).await.unwrap();
    }

    fn open(path: &Path) -> Ledger {
        let environment = Environment { api: "test".to_owned(), partner_tenant_id: None };
        Ledger::open(path, &environment, "import").unwrap()
    }

    /// The row's state and its error.
    fn state_and_error(path: &Path) -> (State, Option<String>) {
        let mut found = None;
        let queries = Queries::open(path).unwrap();
        queries
            .each_row(Filter::All, |row| {
                found = Some((row.state, row.error_code));
                Ok::<_, crate::Error>(())
            })
            .unwrap();
        found.unwrap()
    }

    #[tokio::test]
    async fn a_refused_row_whose_retry_is_declined_stays_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("l.db");
        let ledger = open(&path);
        read(&ledger).await;
        let rows = ledger.owed().unwrap().steps(crate::Open::Pending, RowId(0), 9).await.unwrap().work;
        let (row, request_id) = (rows[0].row, rows[0].request_id);
        let recorder = ledger.recorder();
        recorder.intend(StepKind::Create, row, request_id).await.unwrap();
        let refusal = Refusal { code: "3000".to_owned(), status: Some(400), text: "bad".to_owned() };
        let refused = RowChange::Refused { refusal, domain_burned: false };
        recorder.record(StepKind::Create, row, Vec::<AttemptResult>::new(), refused).await.unwrap();
        drop((recorder, ledger));

        let ledger = open(&path);
        read(&ledger).await;
        assert_eq!(state_and_error(&path).0, State::Pending);
        assert_eq!(ledger.withdraw(AwaitingConsent::OfThisRun).await.unwrap(), (1, 0));
        assert_eq!(state_and_error(&path), (State::Failed, Some("3000".to_owned())));

        // Once it is sent, it must not count as refused if we die before the answer.
        read(&ledger).await;
        let rows = ledger.owed().unwrap().steps(crate::Open::Pending, RowId(0), 9).await.unwrap().work;
        ledger.recorder().intend(StepKind::Create, row, rows[0].request_id).await.unwrap();
        let rows = ledger.owed().unwrap().steps(crate::Open::InFlight, RowId(0), 9).await.unwrap().work;
        assert_eq!(rows[0].open.refusal, None);
    }
}
