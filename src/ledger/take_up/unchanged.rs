//! Rows of customers that exist, and of whom a file says nothing new: told apart before they reach the ledger's own
//! thread, so that a list which comes every night costs it next to nothing.
//!
//! Any connection can tell, at any time: the state and the content of such a customer are final, and so are those of its
//! recorded agreement. What is not found here, for whatever reason, the ledger's thread looks up for itself.

use std::collections::{HashSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{CachedStatement, Connection, Params, Transaction};

use super::super::steps::{STANDING, State};
use super::super::{Error, RowId, SourceId, schema};
use crate::customer::DomainName;
use crate::problem::Problem;

/// Rows that are read ahead where a list comes in the order in which it came before.
const AHEAD: u32 = 64;

/// A row that says of its customer what was sent.
#[derive(Debug)]
pub(crate) struct Unchanged {
    pub(crate) line: u64,
    pub(crate) row: RowId,
    pub(crate) has_reseller: bool,
    /// Warnings.
    pub(crate) problems: Vec<Problem>,
}

/// What a row without an error says, as far as it takes to recognise it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) domain: &'a DomainName,
    pub(crate) content_hash: [u8; 16],
    pub(crate) has_agreement: bool,
}

/// The customers that exist.
#[derive(Debug)]
pub(crate) struct Customers {
    path: PathBuf,
    /// What comes from these belongs to the file that brings it again, and changes by that.
    unfinished: HashSet<SourceId>,
    /// One for all threads: SQLite's memory has one lock for all connections of a process, and two that read at once
    /// spend more time on that lock than on reading.
    connection: Mutex<Connecting>,
}

#[derive(Debug)]
enum Connecting {
    NotYet,
    Done(Connection),
    /// Nobody is found any more, or there is nobody.
    Over,
}

/// Ends the look-ups when it goes. SQLite works its write-ahead log into the file when the last connection goes; that is
/// to be the ledger's own, and a thread that waits for a pipe may outlive it.
#[derive(Debug)]
pub(crate) struct WhileReading(Arc<Customers>);

impl Drop for WhileReading {
    fn drop(&mut self) {
        *self.0.connection() = Connecting::Over;
    }
}

impl Customers {
    /// Those in the ledger at `path`, for as long as the second value is kept.
    pub(super) fn of(path: &Path, has_any: bool, unfinished: HashSet<SourceId>) -> (Arc<Self>, WhileReading) {
        let connection = Mutex::new(if has_any { Connecting::NotYet } else { Connecting::Over });
        let customers = Arc::new(Self { path: path.to_owned(), unfinished, connection });
        (Arc::clone(&customers), WhileReading(customers))
    }

    /// For each of some rows that stand in a file one after another: the row of its customer, where it says nothing new.
    pub(crate) fn unchanged(&self, rows: &[Option<Asked<'_>>]) -> Vec<Option<RowId>> {
        let mut connection = self.connection();
        self.find(&mut connection, rows).unwrap_or_else(|error| {
            tracing::debug!(%error, "customers cannot be looked up beside the ledger's own thread");
            *connection = Connecting::Over;
            vec![None; rows.len()]
        })
    }

    fn connection(&self) -> MutexGuard<'_, Connecting> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(
        &self,
        connection: &mut Connecting,
        rows: &[Option<Asked<'_>>],
    ) -> Result<Vec<Option<RowId>>, Error> {
        if matches!(connection, Connecting::NotYet) {
            *connection = Connecting::Done(schema::open_for_reading(&self.path)?);
        }
        let Connecting::Done(connection) = connection else { return Ok(vec![None; rows.len()]) };
        // One state of the ledger for all of them spares each look-up locks of its own.
        let snapshot = connection.transaction()?;
        let mut look_up = LookUp::prepare(&snapshot)?;
        let find = |asked: &Option<Asked<'_>>| {
            let Some(asked) = asked else { return Ok(None) };
            let found = look_up.of_domain(asked.domain)?;
            Ok(found.filter(|found| self.is_as_asked(found, asked)).map(|found| found.row))
        };
        rows.iter().map(find).collect()
    }

    /// Does it exist, as this says, and change no more?
    fn is_as_asked(&self, found: &Found, asked: &Asked<'_>) -> bool {
        let exists = matches!(found.state, State::Created | State::Existing);
        let agreement = match &found.agreement {
            None => !asked.has_agreement,
            Some(agreement) => {
                asked.has_agreement
                    && agreement.state == State::Recorded
                    && agreement.content_hash == asked.content_hash
                    && !self.unfinished.contains(&agreement.source)
            }
        };
        exists
            && found.content_hash == asked.content_hash
            && agreement
            && !self.unfinished.contains(&found.source)
    }
}

/// A row that stands for a domain.
#[derive(Debug)]
struct Found {
    row: RowId,
    domain: Option<String>,
    state: State,
    source: SourceId,
    content_hash: [u8; 16],
    agreement: Option<FoundAgreement>,
}

/// The acceptance that counts for a row.
#[derive(Debug)]
struct FoundAgreement {
    state: State,
    source: SourceId,
    /// Of the row that brought it.
    content_hash: [u8; 16],
}

/// Look-ups of one row of a file after another.
struct LookUp<'a> {
    by_domain: CachedStatement<'a>,
    following: CachedStatement<'a>,
    last: Option<RowId>,
    /// The last two came one after the other here as there.
    is_in_order: bool,
    /// Rows that stand behind the last one.
    ahead: VecDeque<Found>,
}

impl<'a> LookUp<'a> {
    fn prepare(snapshot: &'a Transaction<'_>) -> Result<Self, Error> {
        let rows = |which: &str| {
            snapshot.prepare_cached(&format!(
                "SELECT r.id, r.key_domain, r.state, r.source_id, r.content_hash, a.state, a.source_id, a.content_hash
                   FROM customer_rows r
                   LEFT JOIN (SELECT row_id, state, source_id, content_hash FROM agreements WHERE {STANDING}) a
                          ON a.row_id = r.id
                  WHERE {which}"
            ))
        };
        Ok(Self {
            by_domain: rows("r.key_domain = ?1")?,
            following: rows(&format!("r.id > ?1 ORDER BY r.id LIMIT {AHEAD}"))?,
            last: None,
            is_in_order: false,
            ahead: VecDeque::new(),
        })
    }

    fn of_domain(&mut self, domain: &DomainName) -> Result<Option<Found>, Error> {
        // A list comes in the order in which it came before, but for what was put in or left out.
        if self.is_in_order && self.ahead.is_empty() {
            self.ahead = load(&mut self.following, [self.last])?;
            self.is_in_order = !self.ahead.is_empty();
        }
        let is_it = |row: &Found| row.domain.as_deref() == Some(domain.as_str());
        if let Some(left_out) = self.ahead.iter().position(is_it) {
            let found = self.ahead.drain(..=left_out).next_back();
            self.last = found.as_ref().map(|found| found.row);
            return Ok(found);
        }
        let found = load(&mut self.by_domain, [domain.as_str()])?.pop_front();
        if let Some(found) = &found {
            self.is_in_order = self.last.is_some_and(|last| found.row.0 == last.0 + 1);
            self.last = Some(found.row);
            self.ahead.clear();
        }
        Ok(found)
    }
}

fn load(statement: &mut CachedStatement<'_>, parameters: impl Params) -> Result<VecDeque<Found>, Error> {
    let rows = statement.query_map(parameters, |row| {
        let agreement = match row.get(5)? {
            None => None,
            Some(state) => Some(FoundAgreement { state, source: row.get(6)?, content_hash: row.get(7)? }),
        };
        Ok(Found {
            row: row.get(0)?,
            domain: row.get(1)?,
            state: row.get(2)?,
            source: row.get(3)?,
            content_hash: row.get(4)?,
            agreement,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{Environment, Ledger};

    const HASH: [u8; 16] = [7; 16];

    fn name(domain: &str) -> DomainName {
        DomainName::from_validated(domain.to_owned())
    }

    /// A ledger with what this SQL puts in.
    fn ledger(folder: &Path, sql: &str) -> PathBuf {
        let path = folder.join("l.db");
        let environment = Environment { api: "test".to_owned(), partner_tenant_id: None };
        drop(Ledger::open(&path, &environment, "import").unwrap());
        let source =
            "INSERT INTO sources (id, run_id, path, header, started_at) VALUES (3, 1, 'a.csv', x'', 0)";
        schema::open_for_writing(&path).unwrap().execute_batch(&format!("{source};\n{sql}")).unwrap();
        path
    }

    /// Is a row of `HASH` unchanged where this (SQL) has made the customer and its file what they are?
    #[track_caller]
    fn check(made: &str, has_agreement: bool, expected: bool) {
        check_beside(&[], made, has_agreement, expected);
    }

    /// The same, where these sources are unfinished.
    #[track_caller]
    fn check_beside(unfinished: &[i64], made: &str, has_agreement: bool, expected: bool) {
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
        let (customers, reading) = Customers::of(&path, true, unfinished);
        let domain = name("a.onmicrosoft.com");
        let asked = |domain, content_hash| Some(Asked { domain, content_hash, has_agreement });
        let other = name("b.onmicrosoft.com");
        // The second time on a connection that was used before.
        for _ in 0..2 {
            let rows = [None, asked(&domain, [8; 16]), asked(&other, HASH), asked(&domain, HASH)];
            let [.., found] = customers.unchanged(&rows)[..] else { panic!("something of each") };
            assert_eq!(found, expected.then_some(RowId(5)), "{made}");
        }
        drop(reading);
        assert_eq!(customers.unchanged(&[asked(&domain, HASH)]), [None]);
    }

    #[test]
    fn a_customer_that_exists_and_comes_as_it_went() {
        let state = |state: &str| format!("UPDATE customer_rows SET state = '{state}'");
        check("", false, true);
        check(&state("existing"), false, true);
        for open in ["pending", "in_flight", "failed", "unresolved", "rejected"] {
            check(&state(open), false, false);
        }
        check("UPDATE customer_rows SET key_domain = NULL", false, false);
        check_beside(&[3], "", false, false);
    }

    #[test]
    fn an_acceptance_that_is_recorded_and_comes_as_it_went() {
        let acceptance = |state: &str, hash: &str| {
            format!(
                "INSERT INTO agreements (row_id, source_id, line, state, content_hash, cells, agreement, request_id,
                                         made_at, changed_at)
                 VALUES (5, 3, 2, '{state}', x'{}', x'', '{{}}', 'r', 0, 0)",
                hash.repeat(16)
            )
        };
        check("", true, false);
        check(&acceptance("recorded", "07"), true, true);
        check(&acceptance("recorded", "08"), true, false);
        // The row that was sent, of a customer whose acceptance came later: the ledger's thread knows what that means.
        check(&acceptance("recorded", "08"), false, false);
        for open in ["pending", "in_flight", "failed", "rejected"] {
            check(&acceptance(open, "07"), true, false);
        }
        check(&acceptance("withdrawn", "08"), false, true);
        let of_another = acceptance("recorded", "07").replace("(5, 3,", "(5, 4,");
        let of_another = format!(
            "INSERT INTO sources (id, run_id, path, header, started_at) VALUES (4, 1, 'b.csv', x'', 0); {of_another}"
        );
        check(&of_another, true, true);
        check_beside(&[4], &of_another, true, false);
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
        let (customers, _reading) = Customers::of(&path, true, HashSet::new());
        let check = |rows: Vec<i64>| {
            let names: Vec<_> = rows.iter().map(|row| name(&format!("d{row}"))).collect();
            let asked = |domain| Some(Asked { domain, content_hash: HASH, has_agreement: false });
            let found = customers.unchanged(&names.iter().map(asked).collect::<Vec<_>>());
            let expected =
                rows.iter().map(|row| ((1..=ROWS).contains(row) && row % 10 != 0).then_some(RowId(*row)));
            assert_eq!(found, expected.collect::<Vec<_>>());
        };
        check((1..=ROWS).collect());
        check((1..=ROWS).rev().collect());
        check((1..=ROWS).map(|row| row * 77 % 199).collect());
        // Left out, put in, and twice.
        check((1..=ROWS).filter(|row| row % 7 > 1).collect());
        check((1..=ROWS).flat_map(|row| if row % 5 == 0 { vec![row, -row] } else { vec![row] }).collect());
        check(
            (1..=ROWS)
                .flat_map(|row| if row % 5 == 0 { vec![row, row, row - 1] } else { vec![row] })
                .collect(),
        );
    }

    #[test]
    fn a_ledger_that_cannot_be_opened_knows_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("l.db");
        let (customers, _reading) = Customers::of(&path, true, HashSet::new());
        let domain = name("a.onmicrosoft.com");
        let asked = Asked { domain: &domain, content_hash: HASH, has_agreement: false };
        assert_eq!(customers.unchanged(&[Some(asked), None]), [None, None]);
        drop(ledger(folder.path(), ""));
        assert_eq!(customers.unchanged(&[Some(asked)]), [None], "it is tried once");
    }
}
