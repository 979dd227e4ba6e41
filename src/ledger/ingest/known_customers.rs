//! Recognizes unchanged rows of existing customers before they reach the ledger's own thread.
//!
//! So importing the same list every night costs that thread next to nothing. What is known of the customers is read once,
//! into a table in memory, so the order of a list does not matter. It can be read at any time: the state and the content
//! of such a customer are final, and so are those of its recorded agreement. The ledger's thread looks up every row that
//! is not found here, for whatever reason: all rows of a list that is too short for the table to be worth reading, and
//! customers for whom it has no room.

use std::collections::HashSet;
use std::num::NonZero;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;

use super::super::steps::{STANDING, State};
use super::super::{Error, Result, RowId, SourceId, schema};
use tenantry_model::problem::Problem;

/// The table has the newest rows of the ledger, up to this number. They take 29 MB.
const ROWS_MAX: i64 = 1_200_000;

/// Reading the table takes as long as the ledger's thread needs for one row in so many.
const ROWS_PER_LOOKUP: u64 = 16;

/// A row of a list takes at least so many bytes in its file.
const BYTES_PER_ROW: u64 = 100;

/// A row with the same content that was sent for its customer.
#[derive(Debug)]
pub struct Unchanged {
    pub line: u64,
    pub row: RowId,
    pub has_reseller: bool,
    /// Only warnings.
    pub problems: Vec<Problem>,
}

/// The row of a customer that exists, and whose agreement is not to be recorded any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownCustomer {
    pub row: RowId,
    /// The acceptance in the row is recorded. Else the ledger has no acceptance of this customer.
    pub is_accepted: bool,
}

/// Finds existing customers.
#[derive(Debug)]
pub struct KnownCustomers {
    ledger: PathBuf,
    /// The last row of the ledger. `None`: there are no customers.
    newest: Option<RowId>,
    /// Sources that were never read to their end: their rows move to the file that brings them again, which is a
    /// change.
    unfinished: HashSet<SourceId>,
    /// How many rows the list has had so far, or may have.
    rows: AtomicU64,
    table: OnceLock<Table>,
    /// Nothing is read any more. Locked while the table is read.
    has_ended: Mutex<bool>,
}

/// Waits until the table is read when it is dropped. SQLite checkpoints its write-ahead log when the last connection
/// closes. That must be the ledger's own connection, but a thread that reads a list may outlive it.
#[derive(Debug)]
pub struct WhileReading(Arc<KnownCustomers>);

impl Drop for WhileReading {
    fn drop(&mut self) {
        *self.0.has_ended.lock().unwrap_or_else(PoisonError::into_inner) = true;
    }
}

impl KnownCustomers {
    /// The customers in the ledger at this path up to the row `newest`, until the second value is dropped. `bytes`: the
    /// size of the list, if it is known.
    pub(super) fn of(
        ledger: &Path,
        newest: Option<RowId>,
        unfinished: HashSet<SourceId>,
        bytes: Option<u64>,
    ) -> (Arc<Self>, WhileReading) {
        let customers = Arc::new(Self {
            ledger: ledger.to_owned(),
            newest,
            unfinished,
            rows: AtomicU64::new(bytes.unwrap_or(0) / BYTES_PER_ROW),
            table: OnceLock::new(),
            has_ended: Mutex::new(false),
        });
        (Arc::clone(&customers), WhileReading(customers))
    }

    /// For rows of a file: the customer whose row has this content.
    pub fn of_rows(&self, content_hashes: &[Option<[u8; 16]>]) -> Vec<Option<KnownCustomer>> {
        let table = self.table(content_hashes.len() as u64);
        content_hashes.iter().map(|content_hash| table?.find(content_hash.as_ref()?)).collect()
    }

    /// `None` as long as it is not worth reading.
    fn table(&self, rows: u64) -> Option<&Table> {
        let newest = self.newest?;
        let rows = self.rows.fetch_add(rows, Ordering::Relaxed) + rows;
        if rows.saturating_mul(ROWS_PER_LOOKUP) < newest.0.unsigned_abs() {
            return None;
        }
        Some(self.table.get_or_init(|| {
            let has_ended = self.has_ended.lock().unwrap_or_else(PoisonError::into_inner);
            let table = if *has_ended { Ok(Table::default()) } else { Table::read(self, newest) };
            // A failure costs only time.
            table.unwrap_or_else(|error| {
                tracing::debug!(%error, "customers cannot be looked up beside the ledger's own thread");
                Table::default()
            })
        }))
    }
}

/// A customer in the table.
#[derive(Debug, Clone, Copy)]
struct Entry {
    content_hash: [u8; 16],
    row: u32,
    is_accepted: bool,
}

impl Entry {
    fn order(&self) -> u128 {
        u128::from_be_bytes(self.content_hash)
    }
}

/// Customers, ordered by their content hash.
#[derive(Debug, Default)]
struct Table {
    entries: Vec<Entry>,
    /// By the first two bytes of a content hash: where its entries begin.
    begins: Vec<u32>,
}

impl Table {
    /// Reads it on all cores: the threads that read the list wait for it.
    fn read(customers: &KnownCustomers, newest: RowId) -> Result<Self> {
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        let cores = i64::try_from(cores).unwrap_or(1);
        let first = i64::max(newest.0 - ROWS_MAX, 0) + 1;
        let each = (newest.0 + 1 - first) / cores + 1;
        let part = |number: i64| first + number * each..first + (number + 1) * each;
        let mut entries = thread::scope(|scope| {
            let others: Vec<_> = (1..cores)
                .map(|number| {
                    let reading = move || entries(customers, part(number));
                    thread::Builder::new().name("customers".to_owned()).spawn_scoped(scope, reading)
                })
                .collect();
            let mut all = entries(customers, part(0))?;
            for other in others {
                let other = other.map_err(|error| Error::Thread(Arc::new(error)))?;
                all.extend(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
            }
            Ok::<_, Error>(all)
        })?;
        entries.sort_unstable_by_key(Entry::order);
        Ok(Self { begins: begins(&entries), entries })
    }

    fn find(&self, content_hash: &[u8; 16]) -> Option<KnownCustomer> {
        let begin = first_bytes(content_hash);
        let at = |place: usize| self.begins.get(place).map(|place| *place as usize);
        let near = self.entries.get(at(begin)?..at(begin + 1)?)?;
        let wanted = u128::from_be_bytes(*content_hash);
        let found = near.binary_search_by_key(&wanted, Entry::order).ok()?;
        let Entry { row, is_accepted, .. } = near[found];
        Some(KnownCustomer { row: RowId(row.into()), is_accepted })
    }
}

fn first_bytes([first, second, ..]: &[u8; 16]) -> usize {
    usize::from(u16::from_be_bytes([*first, *second]))
}

fn begins(entries: &[Entry]) -> Vec<u32> {
    let mut begins = Vec::with_capacity(usize::from(u16::MAX) + 2);
    for (entry, place) in entries.iter().zip(0..) {
        let upto = first_bytes(&entry.content_hash) + 1;
        if begins.len() < upto {
            begins.resize(upto, place);
        }
    }
    begins.resize(usize::from(u16::MAX) + 2, u32::try_from(entries.len()).unwrap_or(u32::MAX));
    begins
}

/// The customers among these rows.
fn entries(customers: &KnownCustomers, rows: Range<i64>) -> Result<Vec<Entry>> {
    // Without an index, the rows are read in the order in which they are stored.
    let sql = format!(
        "SELECT r.id, r.content_hash, r.source_id, a.state, a.content_hash, a.source_id
           FROM customer_rows r NOT INDEXED
           LEFT JOIN (SELECT row_id, state, source_id, content_hash FROM agreements WHERE {STANDING}) a
                  ON a.row_id = r.id
          WHERE r.id >= ?1 AND r.id < ?2 AND r.state IN ({}) AND r.key_domain IS NOT NULL",
        State::sql_list(State::is_customer)
    );
    let connection = schema::open_for_reading(&customers.ledger)?;
    let mut statement = connection.prepare(&sql)?;
    let mut found = statement.query((rows.start, rows.end))?;
    let mut entries = Vec::new();
    while let Some(row) = found.next()? {
        let content_hash = row.get(1)?;
        let is_accepted = match row.get(3)? {
            None => false,
            Some(State::Recorded) if row.get::<_, [u8; 16]>(4)? == content_hash => true,
            Some(_) => continue,
        };
        let is_unfinished = customers.unfinished.contains(&row.get(2)?)
            || (is_accepted && customers.unfinished.contains(&row.get(5)?));
        if let (Ok(row), false) = (u32::try_from(row.get::<_, i64>(0)?), is_unfinished) {
            entries.push(Entry { content_hash, row, is_accepted });
        }
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Environment, Ledger};

    const HASH: [u8; 16] = [7; 16];

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

    /// What is found for a row with the content hash `HASH` after the SQL `made` has changed the customer and its file.
    #[track_caller]
    fn check(made: &str, unfinished: &[i64], expected: Option<bool>) {
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
        let (customers, _reading) = KnownCustomers::of(&path, Some(RowId(5)), unfinished, None);
        let expected = expected.map(|is_accepted| KnownCustomer { row: RowId(5), is_accepted });
        let found = customers.of_rows(&[None, Some([8; 16]), Some(HASH)]);
        assert_eq!(found, [None, None, expected], "{made}");
    }

    #[test]
    fn customers_are_found_and_no_other_rows() {
        for state in ["created", "existing"] {
            check(&format!("UPDATE customer_rows SET state = '{state}'"), &[], Some(false));
        }
        for state in ["pending", "in_flight", "failed", "unresolved", "rejected"] {
            check(&format!("UPDATE customer_rows SET state = '{state}'"), &[], None);
        }
        check("UPDATE customer_rows SET key_domain = NULL", &[], None);
        check("", &[3], None);
        check("", &[4], Some(false));
    }

    #[test]
    fn customers_are_found_whose_acceptance_is_recorded() {
        let acceptance = |state: &str, hash: &str| {
            format!(
                "INSERT INTO agreements (row_id, source_id, line, state, content_hash, cells, agreement, request_id,
                                         made_at, changed_at)
                 VALUES (5, 3, 2, '{state}', x'{}', x'', '{{}}', 'r', 0, 0)",
                hash.repeat(16)
            )
        };
        check(&acceptance("recorded", "07"), &[], Some(true));
        for state in ["pending", "in_flight", "failed", "rejected"] {
            check(&acceptance(state, "07"), &[], None);
        }
        check(&acceptance("recorded", "08"), &[], None);
        check(&acceptance("withdrawn", "08"), &[], Some(false));
        let of_another = acceptance("recorded", "07").replace("(5, 3,", "(5, 4,");
        let of_another = format!(
            "INSERT INTO sources (id, run_id, path, header, started_at) VALUES (4, 1, 'b.csv', x'', 0); {of_another}"
        );
        check(&of_another, &[], Some(true));
        check(&of_another, &[4], None);
    }

    /// The content hash of a row.
    fn hash(row: i64) -> [u8; 16] {
        // Several with the same first bytes, and none with most.
        (u128::from(row.unsigned_abs() % 7) << 112 | u128::from(row.unsigned_abs())).to_be_bytes()
    }

    const ROWS: i64 = 200;

    fn ledger_of_many(folder: &Path) -> PathBuf {
        let rows = (1..=ROWS).map(|row| {
            let hash: String = hash(row).iter().map(|byte| format!("{byte:02x}")).collect();
            let state = if row % 10 == 0 { "failed" } else { "created" };
            format!(
                "({row}, 3, {row}, 'd{row}', 'd{row}', '{state}', x'{hash}', x'', '{{}}', 'r', 'c', 0, 0)"
            )
        });
        let columns = "id, source_id, line, domain, key_domain, state, content_hash, cells, customer,
                       request_id, customer_id, made_at, changed_at";
        let rows = rows.collect::<Vec<_>>().join(", ");
        ledger(folder, &format!("INSERT INTO customer_rows ({columns}) VALUES {rows}"))
    }

    #[test]
    fn a_list_in_any_order() {
        let folder = tempfile::tempdir().unwrap();
        let path = ledger_of_many(folder.path());
        let (customers, reading) = KnownCustomers::of(&path, Some(RowId(ROWS)), HashSet::new(), None);
        let check = |rows: Vec<i64>| {
            let found = customers.of_rows(&rows.iter().map(|row| Some(hash(*row))).collect::<Vec<_>>());
            let found: Vec<_> = found.iter().map(|found| found.map(|found| found.row)).collect();
            let is_customer = |row: i64| (1..=ROWS).contains(&row) && row % 10 != 0;
            let expected: Vec<_> = rows.iter().map(|row| is_customer(*row).then_some(RowId(*row))).collect();
            assert_eq!(found, expected);
        };
        check((0..=ROWS + 10).collect());
        check((0..=ROWS).rev().collect());
        check((0..=ROWS).map(|row| row * 77 % 199).collect());
        drop(reading);
        check((0..=ROWS).collect());
    }

    #[test]
    fn a_short_list_does_not_read_the_whole_ledger() {
        let folder = tempfile::tempdir().unwrap();
        let path = ledger_of_many(folder.path());
        let of = |bytes| KnownCustomers::of(&path, Some(RowId(ROWS)), HashSet::new(), bytes);
        let row = [Some(hash(1))];
        let (short, _reading) = of(Some(1000));
        assert_eq!(short.of_rows(&row), [None]);
        // It turns out to be longer than its size promised, such as a compressed workbook.
        assert!(short.of_rows(&[None; 3]).iter().all(Option::is_none));
        assert!(short.of_rows(&row)[0].is_some());
        assert!(of(Some(2000)).0.of_rows(&row)[0].is_some());
        let (unknown, _reading) = of(None);
        assert_eq!(unknown.of_rows(&row), [None]);
    }

    #[test]
    fn no_customer_is_found_in_a_ledger_that_cannot_be_opened_or_is_closed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("l.db");
        let rows = [Some(hash(1)), None];
        let of = || KnownCustomers::of(&path, Some(RowId(ROWS)), HashSet::new(), Some(10_000));
        let (customers, _reading) = of();
        assert_eq!(customers.of_rows(&rows), [None, None]);
        ledger_of_many(folder.path());
        assert_eq!(customers.of_rows(&rows), [None, None], "it is tried once");
        let (customers, reading) = of();
        drop(reading);
        assert_eq!(customers.of_rows(&rows), [None, None]);
    }
}
