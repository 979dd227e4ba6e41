//! Rows with everything that is known about them: for `show`, and row by row for exports.

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, Row};
use serde::Serialize;

use super::super::steps::{State, is_standing};
use super::super::stored::{
    collect, columns, customer_of, each, from_json, is_domain, is_list_named, is_no_retry, is_same_file,
    is_same_list, json, value,
};
use super::super::{Error, InputOptions, Result, RowId, RunId, SourceId};
use super::Queries;
use tenantry_model::problem::Problem;
use tenantry_model::{clock, files};

/// One row with everything that is known about it. Serialized without its refusals and the bytes of its file.
#[derive(Debug, Serialize)]
pub struct RowDetail {
    pub row: RowId,
    pub domain: Option<String>,
    pub state: State,
    pub file: String,
    pub line: u64,
    pub customer: Option<serde_json::Value>,
    pub external_id: Option<String>,
    /// The indirect reseller; `None`: a direct customer.
    pub reseller_id: Option<String>,
    pub problems: Vec<Problem>,
    /// Why customer or problems are missing here, if they cannot be parsed.
    #[serde(rename = "damaged")]
    pub unreadable: Option<String>,
    pub request_id: Option<String>,
    pub customer_id: Option<String>,
    pub commerce_id: Option<String>,
    /// `admin@domain`.
    pub user_name: Option<String>,
    pub has_credentials: bool,
    /// When its password, which was opened before, was erased.
    pub password_erased_at: Option<Timestamp>,
    /// When its personal data was erased: cells, customer, problems and the service's texts.
    pub erased_at: Option<Timestamp>,
    #[serde(skip)]
    pub error_code: Option<String>,
    #[serde(skip)]
    pub error_status: Option<u16>,
    #[serde(skip)]
    pub error_text: Option<String>,
    pub domain_burned: bool,
    pub replaced_by: Option<RowId>,
    pub made_at: Timestamp,
    pub changed_at: Timestamp,
    /// When an operator acknowledged its refusal, its doubt or the loss of its password.
    pub acknowledged_at: Option<Timestamp>,
    /// The reading of its file that stored it, or took it up again.
    #[serde(skip)]
    pub source: SourceId,
    /// The operator's own cells as one CSV record.
    #[serde(skip)]
    pub cells: Vec<u8>,
    /// The header record of the file that it came from.
    #[serde(skip)]
    pub header: Vec<u8>,
    /// The options by which its file was read, if they are known.
    #[serde(skip)]
    pub given: Option<InputOptions>,
    #[serde(skip)]
    pub agreement: Option<AgreementDetail>,
}

/// The state of the agreement of a created customer.
#[derive(Debug)]
pub struct AgreementDetail {
    pub state: State,
    pub request_id: String,
    pub error_code: Option<String>,
    pub error_status: Option<u16>,
    pub error_text: Option<String>,
    /// When an operator acknowledged its refusal.
    pub acknowledged_at: Option<Timestamp>,
}

/// One HTTP call for a row.
#[derive(Debug, Serialize)]
pub struct AttemptRecord {
    pub run: RunId,
    pub operation: String,
    pub request_id: String,
    pub correlation_id: String,
    pub intended_at: Timestamp,
    pub sent_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    pub outcome: Option<String>,
    pub status: Option<u16>,
    pub code: Option<String>,
    pub text: Option<String>,
    pub ms_cv: Option<String>,
}

/// Which rows to export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filter {
    /// Rows in this state. Acknowledged refusals and doubts are left out.
    State(State),
    /// The same, with acknowledged rows.
    StateWithAcknowledged(State),
    /// Rows whose agreement is not recorded (yet), with the cells of the file that brought the agreement. Acknowledged
    /// refusals are left out.
    UnrecordedAgreements,
    /// The same, with acknowledged refusals.
    UnrecordedAgreementsWithAcknowledged,
    /// Every current row. Replaced and discarded rows are left out.
    All,
}

impl Filter {
    /// Whose source, line and cells are exported: those of the row (`r`) or of its acceptance (`a`).
    fn brought_by(self) -> &'static str {
        match self {
            Filter::UnrecordedAgreements | Filter::UnrecordedAgreementsWithAcknowledged => "a",
            Filter::State(_) | Filter::StateWithAcknowledged(_) | Filter::All => "r",
        }
    }

    /// The same rows, and the acknowledged ones.
    pub const fn with_acknowledged(self) -> Self {
        match self {
            Filter::State(state) => Filter::StateWithAcknowledged(state),
            Filter::UnrecordedAgreements => Filter::UnrecordedAgreementsWithAcknowledged,
            other => other,
        }
    }

    /// The condition on a row `r` of `customer_rows` with its agreement `a`. Erased rows have no cells to export.
    fn condition(self) -> String {
        format!("{} AND r.erased_at IS NULL", self.selects())
    }

    /// The same condition, which erased rows may meet too.
    fn selects(self) -> String {
        match self {
            // The loss of a password can be acknowledged too, but the customer exists.
            Filter::State(state) if state.needs_attention() => {
                format!("r.state = '{state}' AND r.acknowledged_at IS NULL")
            }
            Filter::State(state) | Filter::StateWithAcknowledged(state) => format!("r.state = '{state}'"),
            Filter::UnrecordedAgreements => "a.state <> 'recorded' AND a.acknowledged_at IS NULL".to_owned(),
            Filter::UnrecordedAgreementsWithAcknowledged => "a.state <> 'recorded'".to_owned(),
            Filter::All => format!("r.state NOT IN ({})", State::sql_list(State::is_history)),
        }
    }
}

impl Queries {
    /// The distinct options by which the files of the rows of `filter` were read and validated, with the header record of
    /// such a file as CSV; `None`: not known.
    pub fn given_for(&self, filter: Filter) -> Result<Vec<(Option<InputOptions>, Vec<u8>)>> {
        let sql = format!(
            "SELECT DISTINCT given, header FROM sources WHERE id IN (SELECT {}.source_id FROM {} WHERE {})",
            filter.brought_by(),
            rows(),
            filter.condition()
        );
        collect(&self.connection, &sql, [], |row| Ok((row.get(0)?, row.get(1)?)))
    }

    /// The number of rows of `filter` whose data was erased, and that cannot be exported.
    pub fn erased_rows(&self, filter: Filter) -> Result<u64> {
        let sql =
            format!("SELECT count(*) FROM {} WHERE {} AND r.erased_at IS NOT NULL", rows(), filter.selects());
        value(&self.connection, &sql, [])
    }

    /// How many acknowledged rows `filter` leaves out.
    pub fn acknowledged_left_out(&self, filter: Filter) -> Result<u64> {
        Ok(match filter {
            Filter::State(state) if state.needs_attention() => self.counts()?.acknowledged(state),
            Filter::UnrecordedAgreements => self.agreement_counts()?.acknowledged,
            _ => 0,
        })
    }

    /// The options by which the list at `path`, which is `full_path`, was last imported, if they are known. A list that was
    /// declined does not count, nor does a retry, which has options for its rows alone.
    pub fn remembered_for(&self, path: &str, full_path: Option<&str>) -> Result<Option<InputOptions>> {
        let sql = format!(
            "SELECT s.given FROM sources s JOIN (SELECT ?1 AS path, ?2 AS full_path) own
              WHERE {} AND s.given IS NOT NULL AND s.let_go_at IS NULL AND {}
              ORDER BY s.id DESC LIMIT 1",
            is_same_file("s", "own"),
            is_no_retry("s")
        );
        Ok(self.connection.query_row(&sql, (path, full_path), |row| row.get(0)).optional()?)
    }

    /// The options for rows of an export, in whatever file they come back, if all files were read by the same.
    pub fn remembered_for_exports(&self) -> Result<Option<InputOptions>> {
        let given: Vec<Option<InputOptions>> =
            collect(&self.connection, "SELECT DISTINCT given FROM sources", [], |row| row.get(0))?;
        let mut given = given.into_iter().map(|given| given.map(|given| given.without_layout()));
        let first = given.next().flatten();
        let is_same = given.all(|other| other == first);
        Ok(first.filter(|_| is_same))
    }

    /// Was a list read with options without which it cannot be read, or is read differently?
    pub fn has_lists_with_options(&self) -> Result<bool> {
        let given: Vec<Option<InputOptions>> =
            collect(&self.connection, "SELECT DISTINCT given FROM sources", [], |row| row.get(0))?;
        Ok(given.iter().flatten().any(|given| {
            given.auto_map
                || given.header_line.is_some()
                || given.sheet.is_some()
                || !given.column_map.is_empty()
                || !given.ignore_column.is_empty()
        }))
    }

    /// The delimiter of the files of the rows of `filter`, if all of them have the same.
    pub fn delimiter_of(&self, filter: Filter) -> Result<Option<u8>> {
        let given = self.given_for(filter)?;
        let mut found = given.iter().map(|(given, _)| given.as_ref().and_then(|given| given.found_delimiter));
        let first = found.next().flatten();
        Ok(first.filter(|_| found.all(|other| other == first)))
    }

    /// The rows that ever had `domain`, in full or only its prefix, oldest first.
    pub fn details_of_domain(&self, domain: &str) -> Result<Vec<RowDetail>> {
        // Current rows are found by their key; the others are few, and have an index of their own. '/' follows '.'.
        let sql = format!(
            "{} WHERE r.id IN (SELECT id FROM customer_rows
                                WHERE key_domain = ?1 OR (key_domain >= ?1 || '.' AND key_domain < ?1 || '/')
                               UNION
                               SELECT id FROM customer_rows INDEXED BY rows_without_key
                                WHERE key_domain IS NULL AND {})
              ORDER BY r.id LIMIT 100",
            detail_query("r"),
            is_domain("domain", "?1")
        );
        collect(&self.connection, &sql, [domain], row_detail)
    }

    /// The rows that were on `line` of any file, or of `file`: its path as given, or only its name. Oldest first.
    pub fn details_on_line(&self, line: u64, file: Option<&str>) -> Result<Vec<RowDetail>> {
        let sql = format!(
            "{} WHERE r.line = ?1 AND (?2 IS NULL OR {}) ORDER BY r.id LIMIT 100",
            detail_query("r"),
            is_list_named("s", "?2", "?3")
        );
        let full = file.and_then(files::list_full_path);
        collect(&self.connection, &sql, (line, file, full), row_detail)
    }

    /// The newest reading of the list of this reading.
    pub fn newest_reading(&self, reading: SourceId) -> Result<Option<SourceId>> {
        let sql = format!(
            "SELECT max(s.id) FROM sources s JOIN sources own ON own.id = ?1 WHERE {} AND {}",
            is_same_list("s", "own"),
            is_no_retry("s")
        );
        value(&self.connection, &sql, [reading])
    }

    /// The rows with these ids, oldest first.
    pub fn details_of_rows(&self, rows: &[RowId]) -> Result<Vec<RowDetail>> {
        let sql =
            format!("{} WHERE r.id IN (SELECT value FROM json_each(?1)) ORDER BY r.id", detail_query("r"));
        collect(&self.connection, &sql, [json(rows)?], row_detail)
    }

    /// The rows whose customer has this id, oldest first.
    pub fn details_of_customer(&self, customer_id: &str) -> Result<Vec<RowDetail>> {
        let sql =
            format!("{} WHERE r.customer_id = ?1 COLLATE NOCASE ORDER BY r.id LIMIT 100", detail_query("r"));
        collect(&self.connection, &sql, [customer_id], row_detail)
    }

    /// Calls `visit` with each domain that has a current row.
    pub fn each_domain(&self, mut visit: impl FnMut(&str)) -> Result<()> {
        let sql = "SELECT key_domain FROM customer_rows WHERE key_domain IS NOT NULL ORDER BY key_domain";
        each(&self.connection, sql, [], |row| {
            visit(row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?);
            Ok(())
        })
    }

    /// Every HTTP call of a row, in order.
    pub fn attempts(&self, row: RowId) -> Result<Vec<AttemptRecord>> {
        collect(&self.connection, "SELECT run_id, operation, request_id, correlation_id, intended_at, sent_at, finished_at, outcome,
                    status, code, text, ms_cv
               FROM http_attempts WHERE row_id = ?1 ORDER BY id",
            [row],
            |row| {
                let time = |index| row.get::<_, Option<i64>>(index).map(|ms| ms.map(clock::from_ms));
                Ok(AttemptRecord {
                    run: row.get(0)?,
                    operation: row.get(1)?,
                    request_id: row.get(2)?,
                    correlation_id: row.get(3)?,
                    intended_at: clock::from_ms(row.get(4)?),
                    sent_at: time(5)?,
                    finished_at: time(6)?,
                    outcome: row.get(7)?,
                    status: row.get(8)?,
                    code: row.get(9)?,
                    text: row.get(10)?,
                    ms_cv: row.get(11)?,
                })
            },
        )
    }

    /// Calls `visit` with each row that matches `filter`, in the order of the lists, whichever reading of them brought it.
    /// Keeps one row in memory.
    pub fn each_row<E: From<Error>>(
        &self,
        filter: Filter,
        mut visit: impl FnMut(RowDetail) -> Result<(), E>,
    ) -> Result<(), E> {
        let by = filter.brought_by();
        let sql =
            format!("{} WHERE {} ORDER BY s.list_id, {by}.line, r.id", detail_query(by), filter.condition());
        each(&self.connection, &sql, [], |row| visit(row_detail(row).map_err(Error::from)?))
    }

    /// The distinct headers of the files that the rows of `filter` came from, in order.
    pub fn headers(&self, filter: Filter) -> Result<Vec<Vec<u8>>> {
        let sql = format!(
            "SELECT header FROM sources
              WHERE id IN (SELECT DISTINCT {}.source_id FROM {} WHERE {})
              GROUP BY header ORDER BY min(id)",
            filter.brought_by(),
            rows(),
            filter.condition()
        );
        collect(&self.connection, &sql, [], |row| row.get(0))
    }
}

/// Every row `r`, with its current acceptance `a`.
fn rows() -> String {
    format!("customer_rows r LEFT JOIN agreements a ON a.row_id = r.id AND {}", is_standing("a"))
}

columns! {
    /// What [`row_detail`] reads. `by` is whose line, cells and source are shown: the row's (`r`) or its acceptance's (`a`).
    Detail {
        Row = "r.id",
        Domain = "r.domain",
        State = "r.state",
        File = "s.path",
        Line = "by.line",
        Customer = "r.customer",
        Problems = "r.problems",
        RequestId = "r.request_id",
        CustomerId = "r.customer_id",
        CommerceId = "r.commerce_id",
        UserName = &super::user_name("r.user_name", "r.domain"),
        HasCredentials = "r.sealed_credentials IS NOT NULL",
        ErrorCode = "r.error_code",
        ErrorStatus = "r.error_status",
        ErrorText = "r.error_text",
        DomainBurned = "r.domain_burned",
        ReplacedBy = "r.replaced_by",
        MadeAt = "r.made_at",
        ChangedAt = "r.changed_at",
        Cells = "by.cells",
        Header = "s.header",
        Given = "s.given",
        Source = "s.id",
        PasswordErasedAt = "r.password_erased_at",
        ErasedAt = "r.erased_at",
        AcknowledgedAt = "r.acknowledged_at",
        ExternalId = "r.external_id",
        ResellerId = "r.reseller_id",
        AgreementState = "a.state",
        AgreementRequestId = "a.request_id",
        AgreementErrorCode = "a.error_code",
        AgreementErrorStatus = "a.error_status",
        AgreementErrorText = "a.error_text",
        AgreementAcknowledgedAt = "a.acknowledged_at",
    }
}

/// The query whose rows [`row_detail`] reads.
fn detail_query(by: &str) -> String {
    let (columns, rows) = (Detail::list().replace("by.", &format!("{by}.")), rows());
    format!("SELECT {columns} FROM {rows} JOIN sources s ON s.id = {by}.source_id")
}

fn row_detail(row: &Row<'_>) -> rusqlite::Result<RowDetail> {
    let time = |column: Detail| column.of::<Option<i64>>(row).map(|time| time.map(clock::from_ms));
    let customer: Option<String> = Detail::Customer.of(row)?;
    let problems: Option<String> = Detail::Problems.of(row)?;
    Ok(RowDetail {
        row: Detail::Row.of(row)?,
        domain: Detail::Domain.of(row)?,
        user_name: Detail::UserName.of(row)?,
        state: Detail::State.of(row)?,
        file: Detail::File.of(row)?,
        line: Detail::Line.of(row)?,
        // A row that cannot be parsed must not hide the other rows, or its own calls.
        unreadable: unreadable(customer.as_deref(), problems.as_deref()),
        customer: customer.and_then(|text| serde_json::from_str(&text).ok()),
        problems: problems.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default(),
        request_id: Detail::RequestId.of(row)?,
        customer_id: Detail::CustomerId.of(row)?,
        commerce_id: Detail::CommerceId.of(row)?,
        has_credentials: Detail::HasCredentials.of(row)?,
        password_erased_at: time(Detail::PasswordErasedAt)?,
        erased_at: time(Detail::ErasedAt)?,
        error_code: Detail::ErrorCode.of(row)?,
        error_status: Detail::ErrorStatus.of(row)?,
        error_text: Detail::ErrorText.of(row)?,
        domain_burned: Detail::DomainBurned.of(row)?,
        replaced_by: Detail::ReplacedBy.of(row)?,
        made_at: clock::from_ms(Detail::MadeAt.of(row)?),
        changed_at: clock::from_ms(Detail::ChangedAt.of(row)?),
        cells: Detail::Cells.of(row)?,
        header: Detail::Header.of(row)?,
        given: Detail::Given.of(row)?,
        acknowledged_at: time(Detail::AcknowledgedAt)?,
        external_id: Detail::ExternalId.of(row)?,
        reseller_id: Detail::ResellerId.of(row)?,
        source: Detail::Source.of(row)?,
        agreement: match Detail::AgreementState.of(row)? {
            Some(state) => Some(AgreementDetail {
                state,
                request_id: Detail::AgreementRequestId.of(row)?,
                error_code: Detail::AgreementErrorCode.of(row)?,
                error_status: Detail::AgreementErrorStatus.of(row)?,
                error_text: Detail::AgreementErrorText.of(row)?,
                acknowledged_at: time(Detail::AgreementAcknowledgedAt)?,
            }),
            None => None,
        },
    })
}

/// Why a row cannot be parsed.
fn unreadable(customer: Option<&str>, problems: Option<&str>) -> Option<String> {
    let customer = customer.and_then(|text| customer_of(text).err());
    let problems = problems.and_then(|text| from_json::<Vec<Problem>>(text, "list of problems").err());
    customer.or(problems)
}
