//! A ledger as it is at one moment, read through its views.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension as _};

/// A row of the view `customers`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub id: i64,
    pub domain: Option<String>,
    pub state: String,
    pub customer_id: Option<String>,
    pub commerce_id: Option<String>,
    pub has_credentials: bool,
    pub error_code: Option<String>,
    pub domain_burned: bool,
    pub request_id: Option<String>,
    pub replaced_by: Option<i64>,
    pub line: u64,
    /// Where its agreement stands.
    pub agreement: Option<String>,
    pub is_acknowledged: bool,
    pub password_erased: bool,
    /// Its list was read to the end; until then a power cut may take it.
    pub list_is_read: bool,
    /// It is the row of its domain; another one that names it is rejected.
    pub stands: bool,
    /// Its list does not hold it any more.
    pub is_gone: bool,
}

impl Row {
    /// It is not the current row of its domain any more.
    pub fn is_history(&self) -> bool {
        matches!(self.state.as_str(), "superseded" | "declined")
    }

    pub fn is_open(&self) -> bool {
        matches!(self.state.as_str(), "pending" | "in_flight")
    }

    /// It is a customer of the partner.
    pub fn is_customer(&self) -> bool {
        matches!(self.state.as_str(), "created" | "existing")
    }
}

/// A row of the view `attempts`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    pub id: i64,
    pub row: i64,
    pub operation: String,
    pub request_id: String,
    pub correlation_id: String,
    pub outcome: Option<String>,
}

impl Attempt {
    /// A create that may have been done, as far as this call tells.
    pub(crate) fn leaves_doubt(&self) -> bool {
        self.operation == "create"
            && matches!(self.outcome.as_deref(), None | Some("unknown" | "intercepted" | "interrupted"))
    }

    pub(crate) fn is_answered(&self, operation: &str) -> bool {
        self.operation == operation && self.outcome.as_deref() == Some("answered")
    }

    /// A create that was definitely refused.
    pub(crate) fn is_refused(&self) -> bool {
        self.operation == "create" && matches!(self.outcome.as_deref(), Some("refused" | "forbidden"))
    }
}

/// A ledger at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ledger {
    /// Superseded and declined ones included, in the order in which they were read.
    pub rows: Vec<Row>,
    /// In the order in which they were recorded.
    pub attempts: Vec<Attempt>,
    pub read: i64,
    pub known: i64,
    pub duplicates: i64,
    pub agreements_refused: i64,
    pub agreements_open: i64,
    /// Acceptances of customers that have no step of their own.
    pub agreements_missing: i64,
    /// Calls with an effect, by commands that send nothing.
    pub sent_by_others: i64,
    /// Of the newest run.
    pub last_exit_code: Option<i64>,
}

impl Ledger {
    /// `None`: it has no tables yet.
    ///
    /// # Errors
    /// The file cannot be read, or is no ledger.
    pub fn read(ledger: &Connection) -> rusqlite::Result<Option<Ledger>> {
        let has_tables = "SELECT count(*) FROM sqlite_schema WHERE name = 'http_attempts'";
        if ledger.query_row(has_tables, [], |row| row.get::<_, i64>(0))? == 0 {
            return Ok(None);
        }
        let number = |sql: &str| ledger.query_row(sql, [], |row| row.get::<_, i64>(0));
        Ok(Some(Ledger {
            rows: rows(ledger)?,
            attempts: attempts(ledger)?,
            read: number("SELECT coalesce(sum(rows_read), 0) FROM sources")?,
            known: number("SELECT coalesce(sum(rows_known), 0) FROM sources")?,
            duplicates: number("SELECT coalesce(sum(duplicates), 0) FROM sources")?,
            agreements_refused: number(
                "SELECT count(*) FROM agreements WHERE replaced_by IS NULL AND acknowledged_at IS NULL
                    AND state IN ('failed', 'rejected')",
            )?,
            agreements_open: number(
                "SELECT count(*) FROM agreements a JOIN customer_rows r ON r.id = a.row_id
                  WHERE a.replaced_by IS NULL AND a.state IN ('pending', 'in_flight')
                    AND r.state IN ('created', 'existing')",
            )?,
            agreements_missing: number(
                "SELECT count(*) FROM customer_rows r
                  WHERE state IN ('created', 'existing') AND json_extract(customer, '$.agreement') IS NOT NULL
                    AND NOT EXISTS (SELECT 1 FROM agreements a WHERE a.row_id = r.id)",
            )?,
            sent_by_others: number(
                "SELECT count(*) FROM attempts JOIN runs USING (run_id)
                  WHERE operation IN ('create', 'record_agreement')
                    AND command NOT IN ('import', 'resume', 'retry')",
            )?,
            // None if the program died before its first run had begun, or in the newest one.
            last_exit_code: ledger
                .query_row("SELECT exit_code FROM runs ORDER BY run_id DESC LIMIT 1", [], |row| row.get(0))
                .optional()?
                .flatten(),
        }))
    }

    /// The calls for each row.
    pub(crate) fn stories(&self) -> HashMap<i64, Vec<&Attempt>> {
        let mut stories: HashMap<i64, Vec<&Attempt>> = HashMap::new();
        for attempt in &self.attempts {
            stories.entry(attempt.row).or_default().push(attempt);
        }
        stories
    }

    /// The rows that stand, by domain.
    pub(crate) fn standing(&self) -> HashMap<&str, &Row> {
        let rows = self.rows.iter().filter(|row| row.stands);
        rows.filter_map(|row| Some((row.domain.as_deref()?, row))).collect()
    }

    pub(crate) fn attempts_by_correlation(&self) -> HashMap<&str, &Attempt> {
        self.attempts.iter().map(|attempt| (attempt.correlation_id.as_str(), attempt)).collect()
    }

    fn count(&self, state: &str) -> usize {
        self.rows.iter().filter(|row| row.state == state && !row.is_acknowledged).count()
    }

    /// How many rows have no outcome yet.
    pub fn open(&self) -> usize {
        self.rows.iter().filter(|row| row.is_open()).count()
    }

    /// The exit code of a run that went to its end, as the contract gives it.
    pub(crate) fn settled_exit_code(&self) -> u8 {
        if self.open() > 0 || self.agreements_open > 0 {
            5
        } else if self.count("unresolved") > 0 {
            6
        } else if self.count("failed") + self.count("rejected") > 0 || self.agreements_refused > 0 {
            3
        } else {
            0
        }
    }
}

/// All rows of a query.
fn all<T>(
    ledger: &Connection,
    sql: &str,
    load: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    ledger.prepare(sql)?.query_map([], load)?.collect()
}

fn rows(ledger: &Connection) -> rusqlite::Result<Vec<Row>> {
    let sql = "SELECT row_id, c.domain, c.state, c.customer_id, c.commerce_id, has_credentials, c.error_code,
                c.domain_burned, c.request_id, c.replaced_by, source_line, agreement_state,
                c.acknowledged_at IS NOT NULL, r.password_erased_at IS NOT NULL, s.completed_at IS NOT NULL,
                r.key_domain IS NOT NULL, r.gone_at IS NOT NULL
           FROM customers c JOIN customer_rows r ON r.id = row_id JOIN sources s ON s.id = r.source_id
          ORDER BY row_id";
    all(ledger, sql, |row| {
        Ok(Row {
            id: row.get(0)?,
            domain: row.get(1)?,
            state: row.get(2)?,
            customer_id: row.get(3)?,
            commerce_id: row.get(4)?,
            has_credentials: row.get(5)?,
            error_code: row.get(6)?,
            domain_burned: row.get(7)?,
            request_id: row.get(8)?,
            replaced_by: row.get(9)?,
            line: row.get(10)?,
            agreement: row.get(11)?,
            is_acknowledged: row.get(12)?,
            password_erased: row.get(13)?,
            list_is_read: row.get(14)?,
            stands: row.get(15)?,
            is_gone: row.get(16)?,
        })
    })
}

fn attempts(ledger: &Connection) -> rusqlite::Result<Vec<Attempt>> {
    let sql = "SELECT attempt_id, row_id, operation, request_id, correlation_id, outcome FROM attempts ORDER BY attempt_id";
    all(ledger, sql, |row| {
        Ok(Attempt {
            id: row.get(0)?,
            row: row.get(1)?,
            operation: row.get(2)?,
            request_id: row.get(3)?,
            correlation_id: row.get(4)?,
            outcome: row.get(5)?,
        })
    })
}
