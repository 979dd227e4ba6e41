//! Checks that a customer id belongs to one row. Only the ledger can check it, because it sees all rows.

use rusqlite::{OptionalExtension, Transaction};

use super::super::passwords::ForeignAnswer;
use super::super::{AttemptId, Result, RowId};
use super::attempt::AttemptResult;
use super::change::{OpenStep, Recorded, Refusal, RowChange};
use super::work::moment;
use tenantry_model::clock::Moment;
use tenantry_model::own_code::CUSTOMER_OF_ANOTHER_ROW;

/// Checks that the customer that a change brings belongs to this row. A success that belongs to another row is stored
/// with its attempt.
pub(super) fn customer(
    tx: &Transaction<'_>,
    row: RowId,
    attempts: &mut [AttemptResult],
    change: &RowChange,
) -> Result<Recorded> {
    let customer_id = match change {
        RowChange::Created(customer) => &customer.customer_id,
        RowChange::Existing { customer_id }
        | RowChange::StillOpen(OpenStep { customer_id: Some(customer_id), .. }) => customer_id,
        RowChange::NothingDone { .. }
        | RowChange::StillOpen(OpenStep { customer_id: None, .. })
        | RowChange::Recorded
        | RowChange::Refused { .. }
        | RowChange::LookedUpInVain { .. } => return Ok(Recorded::AsAsked),
    };
    let Some(other) = other_owner(tx, row, customer_id)? else { return Ok(Recorded::AsAsked) };
    let success = attempts.iter_mut().find(|attempt| attempt.outcome == "created");
    if let (RowChange::Created(customer), Some(success)) = (change, success) {
        let intended_at = intended(tx, success.attempt)?;
        success.belongs_to_another(ForeignAnswer {
            domain: customer.named_domain.clone(),
            customer_id: customer.customer_id.clone(),
            user_name: customer.user_name.clone(),
            sealed_credentials: customer.sealed_credentials.clone(),
        });
        return Ok(Recorded::Foreign { intended_at });
    }
    let text = format!("the customer that was found for it, {customer_id}, is recorded for row {other}");
    Ok(Recorded::Instead(RowChange::LookedUpInVain {
        reason: Refusal::of_ours(CUSTOMER_OF_ANOTHER_ROW, text),
    }))
}

/// When a call was intended.
fn intended(tx: &Transaction<'_>, attempt: Option<AttemptId>) -> Result<Moment> {
    let sql = "SELECT a.intended_at, r.boot_id || ':' || a.intended_boot_ms
                 FROM http_attempts a JOIN program_runs r ON r.id = a.run_id WHERE a.id = ?1";
    let (wall, boot): (i64, Option<String>) = tx.query_row(sql, [attempt], |call| call.try_into())?;
    Ok(moment(wall, boot))
}

/// The other row that has this customer id.
fn other_owner(tx: &Transaction<'_>, row: RowId, customer_id: &str) -> Result<Option<RowId>> {
    let sql = "SELECT id FROM customer_rows WHERE customer_id = ?1 COLLATE NOCASE AND id <> ?2 LIMIT 1";
    Ok(tx.prepare_cached(sql)?.query_row((customer_id, row), |r| r.get(0)).optional()?)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use rusqlite::Connection;

    use super::super::attempt::begin;
    use super::super::outcome::record;
    use super::super::{CreatedCustomer, CurrentStep, NextStep, Operation, StepKind};
    use super::*;
    use crate::{DataKeyId, Error, RunId, Sealed, schema};
    use tenantry_model::ids::RequestId;

    const ROW: RowId = RowId(2);

    /// Row 1 is the customer `C-1`, row 2 is in flight.
    fn ledger(folder: &tempfile::TempDir) -> Connection {
        let path = folder.path().join("l.db");
        schema::make_file(&path).unwrap();
        let connection = schema::open_for_writing(&path).unwrap();
        connection
            .execute_batch(
                "INSERT INTO program_runs (id, command, program_version, pid, started_at) VALUES (1, 'import', '0', 1, 0);
                 INSERT INTO sources (id, run_id, path, header, started_at) VALUES (1, 1, 'a.csv', x'', 0);
                 INSERT INTO data_keys (id, run_id, recipient, sealed, made_at) VALUES (1, 1, 'age1', x'', 0);
                 INSERT INTO customer_rows (id, source_id, line, domain, key_domain, state, content_hash, cells, customer,
                                            request_id, customer_id, made_at, changed_at)
                 VALUES (1, 1, 2, 'a', 'a', 'created', x'', x'', '{}', 'r1', 'C-1', 0, 0),
                        (2, 1, 3, 'b', 'b', 'in_flight', x'', x'', '{}', 'r2', NULL, 0, 0);",
            )
            .unwrap();
        connection
    }

    fn created(customer_id: &str) -> RowChange {
        RowChange::Created(CreatedCustomer {
            named_domain: Some("b".to_owned()),
            customer_id: customer_id.to_owned(),
            commerce_id: None,
            user_name: Some("admin".to_owned()),
            sealed_credentials: Some(Sealed { data_key: DataKeyId(1), password: vec![7] }),
        })
    }

    /// Records `change`, with a call that ended as `outcome`, if given.
    fn recorded(connection: &mut Connection, change: RowChange, outcome: Option<&'static str>) -> Recorded {
        try_to_record(connection, change, outcome).unwrap()
    }

    fn try_to_record(
        connection: &mut Connection,
        change: RowChange,
        outcome: Option<&'static str>,
    ) -> Result<Recorded> {
        let tx = connection.transaction().unwrap();
        let calls = outcome.map(|outcome| {
            let attempt = begin(&tx, RunId(1), ROW, Operation::Create, RequestId::draw()).unwrap();
            AttemptResult {
                attempt: Some(attempt.id),
                operation: Operation::Create,
                request_id: attempt.request_id,
                correlation_id: attempt.correlation_id,
                sent_at: Some(Timestamp::UNIX_EPOCH),
                finished_at: Timestamp::UNIX_EPOCH,
                outcome,
                status: Some(201),
                code: None,
                text: None,
                ms_cv: None,
                foreign: None,
            }
        });
        let step = CurrentStep::of(&tx, StepKind::Create, ROW).unwrap();
        let recorded = record(&tx, RunId(1), step, calls.into_iter().collect(), &change)?;
        tx.commit().unwrap();
        Ok(recorded)
    }

    fn row(connection: &Connection, columns: &str) -> String {
        let sql = format!("SELECT {columns} FROM customer_rows WHERE id = 2");
        connection.query_row(&sql, [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn a_success_with_the_customer_of_another_row_settles_nothing_and_is_kept_with_its_attempt() {
        // The ids of the service are case-insensitive.
        for customer_id in ["C-1", "c-1"] {
            let folder = tempfile::tempdir().unwrap();
            let mut connection = ledger(&folder);
            let foreign = recorded(&mut connection, created(customer_id), Some("created"));
            assert!(matches!(foreign, Recorded::Foreign { .. }), "{foreign:?}");
            let standing = "state || ' ' || success_unread || ' ' || (in_doubt_since IS NOT NULL) || ' ' ||
                            coalesce(customer_id, 'none') || ' ' || (sealed_credentials IS NULL)";
            assert_eq!(row(&connection, standing), "in_flight 1 1 none 1");
            let kept: (String, String, Option<String>, Vec<u8>) = connection
                .query_row(
                    "SELECT a.outcome, f.customer_id, f.domain, f.sealed_credentials
                       FROM foreign_answers f JOIN http_attempts a ON a.id = f.attempt_id WHERE f.row_id = 2",
                    [],
                    |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
                )
                .unwrap();
            assert_eq!(kept, ("unknown".to_owned(), customer_id.to_owned(), Some("b".to_owned()), vec![7]));
        }
    }

    /// What SQLite refuses would undo what is recorded with it for other rows.
    #[test]
    fn a_success_with_the_customer_of_another_row_for_a_row_that_was_changed_meanwhile_is_refused_alone() {
        let folder = tempfile::tempdir().unwrap();
        let mut connection = ledger(&folder);
        connection.execute("UPDATE customer_rows SET state = 'pending' WHERE id = 2", []).unwrap();
        let refused = try_to_record(&mut connection, created("C-1"), Some("created"));
        assert!(matches!(refused, Err(Error::Illegal(_))), "{refused:?}");
    }

    #[test]
    fn a_customer_that_was_found_and_is_another_rows_leaves_the_row_unresolved() {
        let found = RowChange::StillOpen(OpenStep {
            in_doubt_since: Some(Moment { wall: Timestamp::UNIX_EPOCH, boot: None }),
            next_step: NextStep::Create,
            post_lookup_resends: 0,
            refusal: None,
            customer_id: Some("C-1".to_owned()),
        });
        for change in [created("c-1"), RowChange::Existing { customer_id: "C-1".to_owned() }, found] {
            let folder = tempfile::tempdir().unwrap();
            let mut connection = ledger(&folder);
            let instead = recorded(&mut connection, change, None);
            assert!(matches!(instead, Recorded::Instead(RowChange::LookedUpInVain { .. })), "{instead:?}");
            assert_eq!(row(&connection, "state || ' ' || error_code"), "unresolved customer_of_another_row");
        }
    }

    #[test]
    fn a_customer_of_its_own_settles_a_row() {
        let folder = tempfile::tempdir().unwrap();
        let mut connection = ledger(&folder);
        let own = recorded(&mut connection, created("C-2"), Some("created"));
        assert!(matches!(own, Recorded::AsAsked), "{own:?}");
        assert_eq!(row(&connection, "state || ' ' || customer_id || ' ' || data_key_id"), "created C-2 1");
    }
}
