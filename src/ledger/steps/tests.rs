//! Tests the promises of both steps on a ledger file.

use std::path::Path;

use rusqlite::Connection;
use tempfile::TempDir;

use super::change::{NextStep, Refusal, RowChange};
use super::open::read;
use super::outcome::record;
use super::*;
use crate::{RunId, schema};
use tenantry_model::clock::Moment;
use tenantry_model::ids::RequestId;

const CUSTOMER: &str = r#"{"company_name":"C","domain":"d.onmicrosoft.com","email":"a@example.com","culture":"en-US",
    "language":"en","first_name":"A","last_name":"B","address_line1":"1","country":"US","enable_gdap_by_default":true}"#;

const AGREEMENT: &str =
    r#"{"first_name":"A","last_name":"B","email":"a@example.com","agreed_at":"2026-01-02T00:00:00.000Z"}"#;

/// Each kind, and how its steps in flight are read.
const STEPS: [(StepKind, Open); 2] =
    [(StepKind::Create, Open::InFlight), (StepKind::Agreement, Open::Agreements)];

/// A ledger in which row 1 is to be created, or is a customer with an agreement that is to be recorded.
fn ledger(folder: &TempDir, kind: StepKind, request_id: RequestId) -> Connection {
    let path = folder.path().join("l.db");
    schema::make_file(&path).unwrap();
    let ledger = schema::open_for_writing(&path).unwrap();
    let (state, customer_id) = match kind {
        StepKind::Create => ("pending", None),
        StepKind::Agreement => ("created", Some("C-1")),
    };
    ledger
        .execute_batch(
            "INSERT INTO program_runs (id, command, program_version, pid, started_at) VALUES (1, 'import', '0', 1, 0);
             INSERT INTO sources (id, run_id, path, header, started_at, completed_at) VALUES (1, 1, 'a.csv', x'', 0, 0);",
        )
        .unwrap();
    ledger
        .execute(
            "INSERT INTO customer_rows (id, source_id, line, domain, key_domain, state, content_hash, cells, customer,
                                        request_id, customer_id, made_at, changed_at)
             VALUES (1, 1, 2, 'd', 'd', ?1, x'', x'', ?2, ?3, ?4, 0, 0)",
            (state, CUSTOMER, request_id, customer_id),
        )
        .unwrap();
    if kind == StepKind::Agreement {
        ledger
            .execute(
                "INSERT INTO agreements (row_id, source_id, line, state, content_hash, cells, agreement, request_id,
                                         made_at, changed_at)
                 VALUES (1, 1, 2, 'pending', x'', x'', ?1, ?2, 0, 0)",
                (AGREEMENT, request_id),
            )
            .unwrap();
    }
    ledger
}

fn write<T>(
    ledger: &mut Connection,
    kind: StepKind,
    job: impl FnOnce(&Transaction<'_>, CurrentStep) -> Result<T, Error>,
) -> Result<T, Error> {
    let tx = ledger.transaction().unwrap();
    let result = job(&tx, CurrentStep::of(&tx, kind, RowId(1)).unwrap())?;
    tx.commit().unwrap();
    Ok(result)
}

#[test]
fn a_step_that_was_sent_is_in_doubt_until_it_has_a_verdict_and_gets_no_second_one() {
    for (kind, open) in STEPS {
        let folder = tempfile::tempdir().unwrap();
        let request_id = RequestId::draw();
        let mut ledger = ledger(&folder, kind, request_id);

        let other =
            write(&mut ledger, kind, |tx, step| intent::intend(tx, RunId(1), step, RequestId::draw()));
        assert!(matches!(other, Err(Error::Stored { .. })), "{kind:?}: under another id than its own");
        write(&mut ledger, kind, |tx, step| intent::intend(tx, RunId(1), step, request_id)).unwrap();

        // The program dies here.
        let closed = write(&mut ledger, kind, |tx, _| recover(tx)).unwrap();
        assert_eq!(closed, 1, "{kind:?}");
        let batch = read(&ledger, open, RowId(0), 9).unwrap();
        let [work] = &batch.work[..] else { panic!("{kind:?}: {batch:?}") };
        assert!(work.kind == kind && work.is_in_flight && work.open.in_doubt_since.is_some(), "{work:?}");
        assert_eq!((work.request_id, work.open.next_step), (request_id, NextStep::Create));

        let open = OpenStep { in_doubt_since: Some(Moment::now()), ..OpenStep::default() };
        let still_open = RowChange::StillOpen(open);
        let refusal = Refusal { code: "3000".to_owned(), status: Some(400), text: "bad".to_owned() };
        let refused = RowChange::Refused { refusal, domain_burned: false };
        let mut tell =
            |change| write(&mut ledger, kind, |tx, step| record(tx, RunId(1), step, Vec::new(), change));
        tell(&still_open).unwrap();
        tell(&refused).unwrap();
        assert!(matches!(tell(&refused), Err(Error::Illegal(_))), "{kind:?}: a second outcome");
        assert!(matches!(tell(&still_open), Err(Error::Illegal(_))), "{kind:?}: sent afresh");
    }
}

#[test]
fn nothing_done_is_pending_again() {
    for (kind, _) in STEPS {
        let folder = tempfile::tempdir().unwrap();
        let request_id = RequestId::draw();
        let mut ledger = ledger(&folder, kind, request_id);
        write(&mut ledger, kind, |tx, step| intent::intend(tx, RunId(1), step, request_id)).unwrap();
        let nothing =
            RowChange::NothingDone { new_request_id: None, post_lookup_resends: 0, refused_before: None };
        write(&mut ledger, kind, |tx, step| record(tx, RunId(1), step, Vec::new(), &nothing)).unwrap();
        write(&mut ledger, kind, |_, step| {
            assert_eq!(step.state, State::Pending, "{kind:?}");
            Ok(())
        })
        .unwrap();
    }
}

#[test]
fn an_outcome_of_the_other_kind_is_refused() {
    for (kind, change) in [
        (StepKind::Create, RowChange::Recorded),
        (StepKind::Agreement, RowChange::Existing { customer_id: "C-1".to_owned() }),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let request_id = RequestId::draw();
        let mut ledger = ledger(&folder, kind, request_id);
        write(&mut ledger, kind, |tx, step| intent::intend(tx, RunId(1), step, request_id)).unwrap();
        let refused = write(&mut ledger, kind, |tx, step| record(tx, RunId(1), step, Vec::new(), &change));
        assert!(matches!(refused, Err(Error::Illegal(_))), "{kind:?}: {refused:?}");
    }
}

#[test]
fn an_acknowledgement_ends_with_the_state_or_the_code() {
    let check = |code: &str, is_kept: bool| {
        let folder = tempfile::tempdir().unwrap();
        let request_id = RequestId::draw();
        let mut ledger = ledger(&folder, StepKind::Create, request_id);
        write(&mut ledger, StepKind::Create, |tx, step| intent::intend(tx, RunId(1), step, request_id))
            .unwrap();
        let looked_up_in_vain = |ledger: &mut Connection, code: &str| {
            let change = RowChange::LookedUpInVain { reason: Refusal::of_ours(code, "no answer") };
            write(ledger, StepKind::Create, |tx, step| record(tx, RunId(1), step, Vec::new(), &change))
                .unwrap();
        };
        let acknowledged_at = |ledger: &Connection| -> Option<i64> {
            ledger.query_row("SELECT acknowledged_at FROM customer_rows", [], |row| row.get(0)).unwrap()
        };
        looked_up_in_vain(&mut ledger, "unanswered");
        ledger.execute("UPDATE customer_rows SET acknowledged_at = 7", []).unwrap();
        looked_up_in_vain(&mut ledger, code);
        assert_eq!(acknowledged_at(&ledger), is_kept.then_some(7), "{code}");
        let open = RowChange::StillOpen(OpenStep::default());
        write(&mut ledger, StepKind::Create, |tx, step| record(tx, RunId(1), step, Vec::new(), &open))
            .unwrap();
        assert_eq!(acknowledged_at(&ledger), None, "{code}");
    };
    check("unanswered", true);
    check("contradiction", false);
}

/// Any code may write other columns of a row, but only one place writes its state.
#[test]
fn no_other_file_writes_a_state() {
    fn visit(folder: &Path, found: &mut Vec<String>) -> usize {
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        entries
            .map(|path| {
                if path.is_dir() {
                    return visit(&path, found);
                }
                let text = std::fs::read_to_string(&path).unwrap();
                let program = text.split("#[cfg(test)]\nmod tests").next().unwrap();
                let updates = program.split("UPDATE ").skip(1).map(|it| it.split("WHERE").next().unwrap());
                let words = updates.map(|it| it.split_whitespace().collect::<Vec<_>>().join(" "));
                found.extend(
                    words
                        .filter(|it| it.contains("SET state =") || it.contains(", state ="))
                        .map(|it| format!("{}: {it}", path.display())),
                );
                // Rows that are written column by column: see `stored`.
                let columns = program.split("(\"state\",").skip(1);
                found.extend(columns.map(|_| format!("{}: a column", path.display())));
                1
            })
            .sum()
    }
    let mut found = Vec::new();
    let files = visit(Path::new(env!("CARGO_MANIFEST_DIR")), &mut found);
    assert!(files > 20, "{files} files of the ledger");
    let here = found.iter().filter(|it| it.contains("mod.rs: {table} SET state ="));
    // The first state of a row, and of an acceptance.
    let inserted = found
        .iter()
        .filter(|it| it.ends_with("apply.rs: a column") || it.ends_with("agreement.rs: a column"));
    assert_eq!((here.count(), inserted.count(), found.len()), (2, 2, 4), "{found:#?}");
}
