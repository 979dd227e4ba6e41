//! What the ledger knows of a row that a file brings, and the changes to known rows.

use rusqlite::{OptionalExtension, Transaction};

use super::super::steps::{self, Event, State, StepKind};
use super::super::{Error, RowId, SourceId};
use super::Candidate;
use crate::clock;
use crate::customer::DomainName;
use crate::ids::RequestId;
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
    let to = steps::next(StepKind::Create, known.state, Event::Replaced)?;
    tx.prepare_cached(
        "UPDATE customer_rows SET state = ?2, key_domain = NULL, changed_at = ?3 WHERE id = ?1",
    )?
    .execute((known.row, to, clock::now().as_millisecond()))?;
    Ok(())
}

/// A refused row starts anew: a definite reply has spent its request id, so it gets another one. It is a row of the file
/// that asks for it from now on, so that whoever says no to that file says no to it; until it is sent its refusal is
/// kept, by which [`withdraw`](super::consent::withdraw) knows it. `candidate` is good.
pub(super) fn take_up_again(
    tx: &Transaction<'_>,
    row: RowId,
    source: SourceId,
    candidate: &Candidate,
) -> Result<(), Error> {
    let to = steps::next(StepKind::Create, State::Failed, Event::TakenUp)?;
    tx.prepare_cached(
        "UPDATE customer_rows
            SET state = ?2, request_id = ?3, next_step = 'create',
                unclear_before = unclear_before OR in_doubt_since IS NOT NULL, in_doubt_since = NULL, last_sent_at = NULL,
                in_doubt_boot = NULL, last_sent_boot = NULL,
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

/// A rejected row that stands for no domain: it can be recognised by its content alone. Here as below the index is named:
/// SQLite (3.53.2, `findings/sqlite-unique-index-on-null.sh`) takes `key_domain IS NULL` for a single row, because the column
/// is unique, and would look through all of them.
pub(super) fn by_content(tx: &Transaction<'_>, candidate: &Candidate) -> Result<Option<Known>, Error> {
    let sql = "SELECT id, state, source_id, 1, error_code, domain_burned FROM customer_rows INDEXED BY rows_without_key
                WHERE key_domain IS NULL AND content_hash = ?1 AND state = 'rejected' ORDER BY id LIMIT 1";
    Ok(tx.prepare_cached(sql)?.query_row([candidate.content_hash], known).optional()?)
}

/// A row of the same content that a corrected one has replaced.
pub(super) fn replaced_row(tx: &Transaction<'_>, candidate: &Candidate) -> Result<Option<RowId>, Error> {
    // A correction that was let go unsent stands for nothing.
    let sql = "SELECT old.id FROM customer_rows old INDEXED BY rows_without_key JOIN customer_rows new ON new.id = old.replaced_by
                WHERE old.key_domain IS NULL AND old.content_hash = ?1 AND old.state = 'superseded'
                  AND (new.state <> 'superseded' OR new.replaced_by IS NOT NULL)
                ORDER BY old.id DESC LIMIT 1";
    Ok(tx.prepare_cached(sql)?.query_row([candidate.content_hash], |row| row.get(0)).optional()?)
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
