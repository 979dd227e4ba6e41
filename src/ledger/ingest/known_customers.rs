//! Recognizes unchanged rows of existing customers before they reach the ledger's own thread.
//!
//! So importing the same list every night costs that thread next to nothing. Any connection can recognize them at any
//! time: the state and the content of such a customer are final, and so are those of its recorded agreement. The
//! ledger's thread looks up every row that is not found here, for whatever reason.

use std::collections::{HashSet, VecDeque};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{CachedStatement, Connection, Params, Transaction};

use super::super::{Error, Result, RowId, SourceId, schema};
use super::known::{Found, KnownRow};
use tenantry_model::customer::DomainName;
use tenantry_model::problem::Problem;

/// Rows that are read ahead if a list comes in the same order as before.
const AHEAD: u32 = 64;

/// A row with the same content that was sent for its customer.
#[derive(Debug)]
pub struct Unchanged {
    pub line: u64,
    pub row: RowId,
    pub has_reseller: bool,
    /// Only warnings.
    pub problems: Vec<Problem>,
}

/// The part of a row without an error that is needed to recognize it.
#[derive(Debug, Clone, Copy)]
pub struct Fingerprint<'a> {
    pub domain: &'a DomainName,
    pub content_hash: [u8; 16],
}

/// Lookups of existing customers.
#[derive(Debug)]
pub struct KnownCustomers {
    /// Sources that were never read to their end: their rows move to the file that brings them again, which is a
    /// change.
    unfinished: HashSet<SourceId>,
    /// One connection for all threads: SQLite's memory has one lock for all connections of a process, and two that read
    /// at once spend more time on that lock than on reading. `None`: lookups have ended or failed, or there are no
    /// customers.
    connection: Mutex<Option<Connection>>,
}

/// Ends the lookups when it is dropped. SQLite checkpoints its write-ahead log when the last connection closes. That
/// must be the ledger's own connection, but a thread that waits for a pipe may outlive it.
#[derive(Debug)]
pub struct WhileReading(Arc<KnownCustomers>);

impl Drop for WhileReading {
    fn drop(&mut self) {
        *self.0.connection() = None;
    }
}

impl KnownCustomers {
    /// The customers in the ledger at `path`, until the second value is dropped.
    pub(super) fn of(path: &Path, has_any: bool, unfinished: HashSet<SourceId>) -> (Arc<Self>, WhileReading) {
        let connection = has_any.then(|| schema::open_for_reading(path)).transpose();
        let connection = Mutex::new(connection.unwrap_or_else(without));
        let customers = Arc::new(Self { unfinished, connection });
        (Arc::clone(&customers), WhileReading(customers))
    }

    /// For consecutive rows of a file: what is known of the customer of each.
    pub fn of_rows(&self, rows: &[Option<Fingerprint<'_>>]) -> Vec<Option<KnownRow>> {
        let mut connection = self.connection();
        self.find(connection.as_mut(), rows).unwrap_or_else(|error| {
            *connection = without(error);
            rows.iter().map(|_| None).collect()
        })
    }

    fn connection(&self) -> MutexGuard<'_, Option<Connection>> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(
        &self,
        connection: Option<&mut Connection>,
        rows: &[Option<Fingerprint<'_>>],
    ) -> Result<Vec<Option<KnownRow>>> {
        let Some(connection) = connection else { return Ok(rows.iter().map(|_| None).collect()) };
        // One snapshot for all of them saves each lookup its own locks.
        let snapshot = connection.transaction()?;
        let mut look_up = LookUp::prepare(&snapshot)?;
        let find = |fingerprint: &Option<Fingerprint<'_>>| {
            let Some(fingerprint) = fingerprint else { return Ok(None) };
            let found = look_up.of_domain(fingerprint.domain)?;
            Ok(found.map(|found| found.known(fingerprint.content_hash, &self.unfinished)))
        };
        rows.iter().map(find).collect()
    }
}

/// A failing connection costs only time.
fn without(error: Error) -> Option<Connection> {
    tracing::debug!(%error, "customers cannot be looked up beside the ledger's own thread");
    None
}

/// Looks up the rows of a file one after another.
struct LookUp<'a> {
    by_domain: CachedStatement<'a>,
    following: CachedStatement<'a>,
    last: Option<RowId>,
    /// The last two rows were consecutive in the file and in the ledger.
    is_in_order: bool,
    /// Rows that follow the last one in the ledger.
    ahead: VecDeque<Found>,
}

impl<'a> LookUp<'a> {
    fn prepare(snapshot: &'a Transaction<'_>) -> Result<Self> {
        let rows = |which: &str| snapshot.prepare_cached(&Found::select(which));
        Ok(Self {
            by_domain: rows("r.key_domain = ?1")?,
            following: rows(&format!("r.id > ?1 ORDER BY r.id LIMIT {AHEAD}"))?,
            last: None,
            is_in_order: false,
            ahead: VecDeque::new(),
        })
    }

    fn of_domain(&mut self, domain: &DomainName) -> Result<Option<Found>> {
        // A list usually comes in the same order as before, except for added and removed rows.
        if self.is_in_order && self.ahead.is_empty() {
            self.ahead = load(&mut self.following, [self.last])?;
            self.is_in_order = !self.ahead.is_empty();
        }
        let is_it = |row: &Found| row.domain.as_deref() == Some(domain.as_str());
        if let Some(left_out) = self.ahead.iter().position(is_it) {
            let found = self.ahead.drain(..=left_out).next_back();
            self.last = found.as_ref().map(Found::row);
            return Ok(found);
        }
        let found = load(&mut self.by_domain, [domain.as_str()])?.pop_front();
        if let Some(found) = &found {
            self.is_in_order = self.last.is_some_and(|last| found.row().0 == last.0 + 1);
            self.last = Some(found.row());
            self.ahead.clear();
        }
        Ok(found)
    }
}

fn load(statement: &mut CachedStatement<'_>, parameters: impl Params) -> Result<VecDeque<Found>> {
    Ok(statement.query_map(parameters, Found::load)?.collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::{Environment, Ledger};

    const HASH: [u8; 16] = [7; 16];

    fn name(domain: &str) -> DomainName {
        DomainName::from_validated(domain.to_owned())
    }

    /// A ledger with the rows that this SQL inserts.
    fn ledger(folder: &Path, sql: &str) -> PathBuf {
        let path = folder.join("l.db");
        let environment = Environment { api: "test".to_owned(), partner_tenant_id: None };
        drop(Ledger::open(&path, &environment, "import").unwrap());
        let source =
            "INSERT INTO sources (id, run_id, path, header, started_at) VALUES (3, 1, 'a.csv', x'', 0)";
        schema::open_for_writing(&path).unwrap().execute_batch(&format!("{source};\n{sql}")).unwrap();
        path
    }

    /// What is found for a row with the content hash `HASH` after the SQL `made` has changed the customer and its file:
    /// state, same or other content, file read or unfinished; and the same for its acceptance.
    #[track_caller]
    fn check(made: &str, unfinished: &[i64], expected: &str) {
        let folder = tempfile::tempdir().unwrap();
        let path = ledger(
            folder.path(),
            &format!(
                "INSERT INTO customer_rows (id, source_id, line, domain, key_domain, state, content_hash, cells, customer,
                                            request_id, customer_id, made_at, changed_at)
                 VALUES (5, 3, 2, 'a.onmicrosoft.com', 'a.onmicrosoft.com', 'created', x'{}', x'', '{{}}', 'r', 'c', 0, 0);
                 {made}",
                "07".repeat(16)
            ),
        );
        let unfinished = unfinished.iter().copied().map(SourceId).collect();
        let (customers, reading) = KnownCustomers::of(&path, true, unfinished);
        let domain = name("a.onmicrosoft.com");
        let fingerprint = |domain, content_hash| Some(Fingerprint { domain, content_hash });
        let other = name("b.onmicrosoft.com");
        let describe = |state: String, same, unfinished| {
            format!(
                "{state} {} {}",
                if same { "same" } else { "other" },
                if unfinished { "unfinished" } else { "read" }
            )
        };
        // The second time uses the same connection again.
        for _ in 0..2 {
            let rows =
                [None, fingerprint(&domain, [8; 16]), fingerprint(&other, HASH), fingerprint(&domain, HASH)];
            let [None, changed, None, found] = &customers.of_rows(&rows)[..] else {
                panic!("something of each")
            };
            assert!(changed.as_ref().is_none_or(|changed| !changed.same_content), "{changed:?}");
            let found = found.as_ref().map_or("no row".to_owned(), |found| {
                assert_eq!(found.row, RowId(5));
                let row = describe(found.state.to_string(), found.same_content, found.is_unfinished);
                let acceptance = found
                    .acceptance
                    .map(|it| describe(it.state.to_string(), it.same_content, it.is_unfinished));
                acceptance.map_or(row.clone(), |acceptance| format!("{row}, {acceptance}"))
            });
            assert_eq!(found, expected, "{made}");
        }
        drop(reading);
        assert!(customers.of_rows(&[fingerprint(&domain, HASH)])[0].is_none());
    }

    #[test]
    fn customers_are_found_in_every_state() {
        for state in ["created", "existing", "pending", "in_flight", "failed", "unresolved", "rejected"] {
            let made = format!("UPDATE customer_rows SET state = '{state}'");
            check(&made, &[], &format!("{state} same read"));
        }
        check("UPDATE customer_rows SET key_domain = NULL", &[], "no row");
        check("", &[3], "created same unfinished");
    }

    #[test]
    fn acceptances_are_found_in_every_state() {
        let acceptance = |state: &str, hash: &str| {
            format!(
                "INSERT INTO agreements (row_id, source_id, line, state, content_hash, cells, agreement, request_id,
                                         made_at, changed_at)
                 VALUES (5, 3, 2, '{state}', x'{}', x'', '{{}}', 'r', 0, 0)",
                hash.repeat(16)
            )
        };
        for state in ["recorded", "pending", "in_flight", "failed", "rejected"] {
            check(&acceptance(state, "07"), &[], &format!("created same read, {state} same read"));
        }
        check(&acceptance("recorded", "08"), &[], "created same read, recorded other read");
        check(&acceptance("withdrawn", "08"), &[], "created same read");
        let of_another = acceptance("recorded", "07").replace("(5, 3,", "(5, 4,");
        let of_another = format!(
            "INSERT INTO sources (id, run_id, path, header, started_at) VALUES (4, 1, 'b.csv', x'', 0); {of_another}"
        );
        check(&of_another, &[], "created same read, recorded same read");
        check(&of_another, &[4], "created same read, recorded same unfinished");
    }

    #[test]
    fn a_list_in_any_order() {
        const ROWS: i64 = 200;
        let folder = tempfile::tempdir().unwrap();
        let path = ledger(
            folder.path(),
            &format!(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS})
                 INSERT INTO customer_rows (id, source_id, line, domain, key_domain, state, content_hash, cells, customer,
                                            request_id, customer_id, made_at, changed_at)
                 SELECT i, 3, i, 'd' || i, 'd' || i, iif(i % 10 = 0, 'failed', 'created'), x'{}', x'', '{{}}', 'r', 'c', 0, 0
                   FROM n",
                "07".repeat(16)
            ),
        );
        let (customers, _reading) = KnownCustomers::of(&path, true, HashSet::new());
        let check = |rows: Vec<i64>| {
            let names: Vec<_> = rows.iter().map(|row| name(&format!("d{row}"))).collect();
            let fingerprint = |domain| Some(Fingerprint { domain, content_hash: HASH });
            let found = customers.of_rows(&names.iter().map(fingerprint).collect::<Vec<_>>());
            let found = found.iter().map(|found| {
                let is_failed = |found: &KnownRow| found.state == crate::State::Failed;
                found.as_ref().map(|found| (found.row, is_failed(found)))
            });
            let expected =
                rows.iter().map(|row| (1..=ROWS).contains(row).then_some((RowId(*row), row % 10 == 0)));
            assert_eq!(found.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
        };
        check((1..=ROWS).collect());
        check((1..=ROWS).rev().collect());
        check((1..=ROWS).map(|row| row * 77 % 199).collect());
        // With rows left out, with rows added, and with rows repeated.
        check((1..=ROWS).filter(|row| row % 7 > 1).collect());
        check((1..=ROWS).flat_map(|row| if row % 5 == 0 { vec![row, -row] } else { vec![row] }).collect());
        check(
            (1..=ROWS)
                .flat_map(|row| if row % 5 == 0 { vec![row, row, row - 1] } else { vec![row] })
                .collect(),
        );
    }

    #[test]
    fn no_customer_is_found_in_a_ledger_that_cannot_be_opened() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("l.db");
        let (customers, _reading) = KnownCustomers::of(&path, true, HashSet::new());
        let domain = name("a.onmicrosoft.com");
        let fingerprint = Fingerprint { domain: &domain, content_hash: HASH };
        assert!(matches!(customers.of_rows(&[Some(fingerprint), None])[..], [None, None]));
        drop(ledger(folder.path(), ""));
        assert!(customers.of_rows(&[Some(fingerprint)])[0].is_none(), "it is tried once");
    }
}
