//! What the ledger knows of a row that a file brings, and the changes to known rows.

use rusqlite::{OptionalExtension, Transaction};

use super::super::state::{self, Event, State};
use super::super::{Error, RequestId, RowId, RunId, SourceId, agreement};
use super::Candidate;
use crate::clock;
use crate::customer::DomainName;
use crate::validation::MIXED_RESELLERS;

/// A row of the ledger, as far as taking up another one depends on it.
pub(super) struct Known {
    pub(super) row: RowId,
    pub(super) state: State,
    pub(super) source: SourceId,
    pub(super) same_content: bool,
    /// Rejected for standing without a reseller beside rows with one.
    pub(super) mixed: bool,
    /// Refused, and the domain is taken since.
    pub(super) burned: bool,
}

pub(super) fn release_key(tx: &Transaction<'_>, known: &Known) -> Result<(), Error> {
    let to = state::next(known.state, Event::Replaced)?;
    tx.prepare_cached(
        "UPDATE customer_rows SET state = ?2, key_domain = NULL, changed_at = ?3 WHERE id = ?1",
    )?
    .execute((known.row, to, clock::now().as_millisecond()))?;
    Ok(())
}

/// A refused row starts anew: a definite reply has spent its request id, so it gets another one. It is a row of the file
/// that asks for it from now on, so that whoever says no to that file says no to it; until it is sent its refusal is
/// kept, by which [`withdraw`] knows it. `candidate` is good.
pub(super) fn take_up_again(
    tx: &Transaction<'_>,
    row: RowId,
    source: SourceId,
    candidate: &Candidate,
) -> Result<(), Error> {
    let to = state::next(State::Failed, Event::TakenUp)?;
    tx.prepare_cached(
        "UPDATE customer_rows
            SET state = ?2, request_id = ?3, next_step = 'create',
                unclear_before = unclear_before OR in_doubt_since IS NOT NULL, in_doubt_since = NULL, last_sent_at = NULL,
                ask_rounds = 0, changed_at = ?4, source_id = ?5, line = ?6, cells = ?7, customer = ?8
          WHERE id = ?1",
    )?
    .execute(rusqlite::params![
        row,
        to,
        RequestId::draw(),
        clock::now().as_millisecond(),
        source,
        candidate.line,
        candidate.cells,
        candidate.customer.as_ref().map(super::json).transpose()?,
    ])?;
    Ok(())
}

pub(super) fn by_domain(
    tx: &Transaction<'_>,
    domain: &DomainName,
    candidate: &Candidate,
) -> Result<Option<Known>, Error> {
    let sql = "SELECT id, state, source_id, content_hash = ?2, error_code, domain_burned FROM customer_rows WHERE key_domain = ?1";
    Ok(tx.prepare_cached(sql)?.query_row((domain.as_str(), candidate.content_hash), known).optional()?)
}

/// A rejected row that stands for no domain: it can be recognised by its content alone.
pub(super) fn by_content(tx: &Transaction<'_>, candidate: &Candidate) -> Result<Option<Known>, Error> {
    let sql = "SELECT id, state, source_id, 1, error_code, domain_burned FROM customer_rows
                WHERE key_domain IS NULL AND content_hash = ?1 AND state = 'rejected' ORDER BY id LIMIT 1";
    Ok(tx.prepare_cached(sql)?.query_row([candidate.content_hash], known).optional()?)
}

/// A row of the same content that a corrected one has replaced.
pub(super) fn replaced_row(tx: &Transaction<'_>, candidate: &Candidate) -> Result<Option<RowId>, Error> {
    // A correction that was let go unsent stands for nothing.
    let sql = "SELECT old.id FROM customer_rows old JOIN customer_rows new ON new.id = old.replaced_by
                WHERE old.key_domain IS NULL AND old.content_hash = ?1 AND old.state = 'superseded'
                  AND (new.state <> 'superseded' OR new.replaced_by IS NOT NULL)
                ORDER BY old.id DESC LIMIT 1";
    Ok(tx.prepare_cached(sql)?.query_row([candidate.content_hash], |row| row.get(0)).optional()?)
}

/// Lets go of what the files of `sources` (a query for their ids) have brought and nothing has been done for: new rows are
/// superseded, refused ones that were taken up again stay refused. Says how many rows and how many acceptances it were.
pub(super) fn withdraw(
    tx: &Transaction<'_>,
    sources: &str,
    parameters: impl rusqlite::Params + Clone,
) -> Result<(u64, u64), Error> {
    let now = clock::now().as_millisecond();
    let (refused, superseded) =
        (state::next(State::Pending, Event::TakenBack)?, state::next(State::Pending, Event::Replaced)?);
    let sql = format!(
        "UPDATE customer_rows
            SET state = CASE WHEN error_code IS NULL THEN '{superseded}' ELSE '{refused}' END,
                key_domain = CASE WHEN error_code IS NULL THEN NULL ELSE key_domain END, changed_at = {now}
          WHERE state = 'pending' AND next_step = 'create' AND source_id IN ({sources})"
    );
    let rows = tx.prepare(&sql)?.execute(parameters.clone())?;
    let agreements = agreement::withdraw(tx, sources, parameters, agreement::Which::All)?;
    Ok((rows as u64, agreements))
}

/// Leaves what `run` has read to wait, but for what stood refused before: that stands refused again. Says how many rows
/// and how many acceptances wait.
pub(super) fn take_back(tx: &Transaction<'_>, run: RunId) -> Result<(u64, u64), Error> {
    let sources = "SELECT id FROM sources WHERE run_id = ?1";
    let refused = state::next(State::Pending, Event::TakenBack)?;
    let sql = format!(
        "UPDATE customer_rows SET state = '{refused}', changed_at = ?2
          WHERE state = 'pending' AND next_step = 'create' AND error_code IS NOT NULL AND source_id IN ({sources})"
    );
    tx.execute(&sql, (run, clock::now().as_millisecond()))?;
    agreement::withdraw(tx, sources, [run], agreement::Which::Repeated)?;
    let waiting = |what: &str| -> Result<u64, Error> {
        let sql = format!("SELECT count(*) FROM {what} WHERE state = 'pending' AND source_id IN ({sources})");
        Ok(tx.query_row(&sql, [run], |row| row.get(0))?)
    };
    Ok((waiting("customer_rows")?, waiting("agreements")?))
}

/// The row that a candidate says it corrects, where it can still be corrected. One that a restored copy holds back may
/// have been refused by the lost ledger, whose exports name it.
pub(super) fn by_row(
    tx: &Transaction<'_>,
    row: RowId,
    candidate: &Candidate,
) -> Result<Option<Known>, Error> {
    let sql = "SELECT id, state, source_id, content_hash = ?2, error_code, domain_burned FROM customer_rows
                WHERE id = ?1 AND (state IN ('failed', 'rejected') OR (state = 'pending' AND next_step = 'ask'))";
    Ok(tx.prepare_cached(sql)?.query_row((row, candidate.content_hash), known).optional()?)
}

/// A row of a file that was never read to its end is one of this file from now on.
pub(super) fn adopt(
    tx: &Transaction<'_>,
    row: RowId,
    source: SourceId,
    candidate: &Candidate,
) -> Result<(), Error> {
    // The cells too: the same values may stand under another header here.
    tx.prepare_cached("UPDATE customer_rows SET source_id = ?2, line = ?3, cells = ?4 WHERE id = ?1")?
        .execute((row, source, candidate.line, &candidate.cells))?;
    Ok(())
}

/// The line on which a row stands, and its file.
pub(super) fn place(tx: &Transaction<'_>, row: RowId) -> Result<(u32, String), Error> {
    let sql =
        "SELECT r.line, s.path FROM customer_rows r JOIN sources s ON s.id = r.source_id WHERE r.id = ?1";
    Ok(tx.prepare_cached(sql)?.query_row([row], |r| Ok((r.get(0)?, r.get(1)?)))?)
}

fn known(row: &rusqlite::Row<'_>) -> rusqlite::Result<Known> {
    let code: Option<String> = row.get(4)?;
    Ok(Known {
        row: row.get(0)?,
        state: row.get(1)?,
        source: row.get(2)?,
        same_content: row.get(3)?,
        mixed: code.as_deref() == Some(MIXED_RESELLERS),
        burned: row.get(5)?,
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::ledger::{
        AttemptResult, Environment, Filter, Incoming, Ledger, Queries, Refusal, RowChange, SourceInfo,
    };

    fn customer() -> crate::customer::Customer {
        let text = r#"{"company_name":"C","domain":"d.onmicrosoft.com","email":"a@example.com","culture":"en-US",
            "language":"en","first_name":"A","last_name":"B","address_line1":"1","country":"US",
            "enable_gdap_by_default":true}"#;
        serde_json::from_str(text).unwrap()
    }

    /// Reads a file of one row, to its end.
    async fn read(ledger: &Ledger, retry_failed: bool) {
        let info = SourceInfo {
            path: "a.csv".to_owned(),
            header: b"domain\n".to_vec(),
            given: None,
            retry_failed,
            allow_direct: true,
            needs_consent: false,
            reseller_column: String::new(),
            domain_column: "domain".to_owned(),
        };
        let candidate = Candidate {
            line: 2,
            domain: Some(customer().domain),
            customer: Some(customer()),
            beside_agreement: None,
            problems: Vec::new(),
            content_hash: [7; 16],
            cells: b"d\n".to_vec(),
            corrects: None,
        };
        let reading = ledger.begin_source(info).await.unwrap();
        let (reading, ..) =
            ledger.take_up(reading, vec![Incoming::Candidate(Box::new(candidate))]).await.unwrap();
        ledger.complete_source(reading, 1).await.unwrap();
    }

    fn open(path: &Path) -> Ledger {
        let environment = Environment { api: "test".to_owned(), partner_tenant_id: None };
        Ledger::open(path, &environment, "import").unwrap()
    }

    /// The row's state and its error.
    fn standing(path: &Path) -> (State, Option<String>) {
        let mut found = None;
        let queries = Queries::open(path).unwrap();
        queries
            .each_row(Filter::All, |row| {
                found = Some((row.state, row.error_code));
                Ok::<_, Error>(())
            })
            .unwrap();
        found.unwrap()
    }

    #[tokio::test]
    async fn a_refused_row_that_nobody_agreed_to_try_again_stays_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("l.db");
        let ledger = open(&path);
        read(&ledger, false).await;
        let rows = ledger.open_rows(crate::ledger::Open::Pending, RowId(0), 9).await.unwrap();
        let (row, request_id) = (rows[0].row, rows[0].request_id);
        let recorder = ledger.recorder();
        recorder.intend_create(row, request_id).await.unwrap();
        let refusal = Refusal { code: "3000".to_owned(), status: Some(400), text: "bad".to_owned() };
        let refused = RowChange::Refused { refusal, domain_burned: false };
        recorder.record(row, Vec::<AttemptResult>::new(), refused).await.unwrap();
        drop((recorder, ledger));

        let ledger = open(&path);
        read(&ledger, true).await;
        assert_eq!(standing(&path).0, State::Pending);
        assert_eq!(ledger.withdraw().await.unwrap(), (1, 0));
        assert_eq!(standing(&path), (State::Failed, Some("3000".to_owned())));

        // Sent after all, it must not be taken for refused if we die before the answer.
        read(&ledger, true).await;
        let rows = ledger.open_rows(crate::ledger::Open::Pending, RowId(0), 9).await.unwrap();
        ledger.recorder().intend_create(row, rows[0].request_id).await.unwrap();
        let rows = ledger.open_rows(crate::ledger::Open::InFlight, RowId(0), 9).await.unwrap();
        assert_eq!(rows[0].refusal, None);
    }
}
