//! Every promise, broken on purpose: a judge that lets everything pass would make the storm worthless.

/// What is broken, and how the judge puts it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sabotage {
    pub(crate) name: &'static str,
    /// Changes every ledger before it is judged, from the second time on, as a broken program would have left it.
    pub(crate) sql: &'static str,
    /// The disk says that it has synced, and has not.
    pub(crate) disk_lies: bool,
    /// What the judge says of it, and of nothing else: a part of the first line.
    pub(crate) said: &'static [&'static str],
}

const fn ledger(name: &'static str, sql: &'static str, said: &'static [&'static str]) -> Sabotage {
    Sabotage { name, sql, disk_lies: false, said }
}

pub(crate) const ALL: [Sabotage; 17] = [
    Sabotage {
        name: "commits_are_not_synced",
        sql: "",
        disk_lies: true,
        said: &[
            "sent without a record: ",
            ", and there is no ledger: ",
            ", and no ledger: ",
            "a row is gone: ",
            "an attempt is gone: ",
            "unrecorded: ",
            "it exists, and the ledger says otherwise: ",
        ],
    },
    ledger(
        "a_send_is_not_recorded",
        "DELETE FROM http_attempts WHERE id = (SELECT max(id) FROM http_attempts WHERE operation = 'create')",
        &["sent without a record: ", "an attempt is gone: "],
    ),
    ledger(
        "a_row_is_removed",
        "PRAGMA foreign_keys = OFF; DELETE FROM customer_rows WHERE id = 1",
        &["a row is gone: ", "the counts do not add up: "],
    ),
    ledger(
        "a_creation_counts_as_refused",
        "UPDATE customer_rows SET state = 'failed' WHERE state = 'created'",
        &["a final state has changed: ", "it exists, and the ledger says otherwise: ", "failed, and never refused: "],
    ),
    ledger(
        "a_customer_gets_the_id_of_another",
        "UPDATE customer_rows SET customer_id = 'x' WHERE state = 'created'",
        &["another customer: ", "the service made it as customer "],
    ),
    ledger(
        "something_was_never_created",
        "UPDATE customer_rows SET state = 'created', customer_id = 'x' WHERE state IN ('failed', 'pending')",
        &["never created: "],
    ),
    ledger(
        "a_password_is_lost",
        "UPDATE customer_rows SET sealed_credentials = NULL WHERE state = 'created'",
        &["a password is gone: ", "its password was answered, and is lost: "],
    ),
    ledger("a_row_is_not_counted", "UPDATE sources SET rows_read = rows_read + 1", &["the counts do not add up: "]),
    ledger(
        "an_id_is_drawn_in_doubt",
        "INSERT INTO http_attempts (id, row_id, run_id, operation, request_id, correlation_id, intended_at, outcome)
         SELECT min(id) - 1, row_id, run_id, 'create', 'earlier', 'earlier', 0, 'unknown'
           FROM http_attempts WHERE operation = 'create' HAVING count(*) > 0",
        &["drawn while in doubt, unasked: ", "asked once only: "],
    ),
    ledger(
        "an_outcome_is_rewritten",
        "UPDATE http_attempts SET outcome = 'answered' WHERE outcome IN ('created', 'refused', 'unknown')",
        &["a second outcome: ", "failed, and never refused: "],
    ),
    ledger(
        "what_was_sent_counts_as_never_sent",
        "UPDATE customer_rows SET state = 'declined', key_domain = NULL, in_doubt_since = NULL WHERE state = 'in_flight'",
        &["it may have been sent: ", "unrecorded: ", "declined, and it was sent: "],
    ),
    ledger(
        "an_acceptance_is_lost",
        "UPDATE agreements SET state = 'failed' WHERE state = 'recorded'",
        &["an acceptance is gone: ", "for Acceptance {"],
    ),
    ledger(
        "a_row_that_waits_is_declined",
        "UPDATE customer_rows SET state = 'declined', key_domain = NULL WHERE state = 'pending'",
        &[" has made it ", "declined, and it was sent: ", "a row of the list is not there: ", "exit code 5, and nothing is open: "],
    ),
    ledger(
        "a_refusal_is_acknowledged_by_itself",
        "UPDATE customer_rows SET acknowledged_at = 1 WHERE state = 'failed'",
        &["has acknowledged it: ", "has made a row: ", "exit code 3, and the ledger says 0"],
    ),
    ledger(
        "a_password_is_erased",
        "UPDATE customer_rows SET sealed_credentials = NULL, password_erased_at = 1 WHERE state = 'created'",
        &["a password was erased: "],
    ),
    ledger(
        "a_command_sends_that_sends_nothing",
        "UPDATE program_runs SET command = 'status'",
        &["a command has sent something that sends nothing"],
    ),
    ledger(
        "the_exit_code_is_another",
        "UPDATE program_runs SET exit_code = 9 WHERE exit_code = 0",
        &["exit code 0, recorded as Some(9)"],
    ),
];

pub(crate) fn named(name: &str) -> Sabotage {
    *ALL.iter().find(|it| it.name == name).expect("there is one with this name")
}
