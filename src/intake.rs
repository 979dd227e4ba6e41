//! Reads and validates lists, and takes their rows into the ledger.
//!
//! A file is streamed: [`reading`](crate::reading) has threads that read and [`validate`] rows, and this task passes
//! their batches to the ledger. Every row that is read is ingested or counted; the ledger checks the counts. [`decide`]
//! decides what to do with a row, also for `check`; [`stored`] validates rows that the ledger has. [`cross_row`] words
//! the problems that show only in combination with other rows. Nothing here knows HTTP.

pub(crate) mod companies;
pub(crate) mod cross_row;
pub(crate) mod decide;
pub(crate) mod places;
mod returned;
mod shared_mail;
mod stored;
mod validate;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::watch;

use tenantry_model::thread::on_thread;

use crate::customer::{DomainName, Field};
use crate::ledger::{self, Candidate, DirectRows, Incoming, IngestReport, InputOptions, Ledger, SourceInfo};
use crate::problem::{Problem, Severity, Strictness};
use crate::reader::{self, ColumnUse, SuggestedColumn};
use crate::reading::{self, InputSource, OpenedFile, ReadProgress};
use crate::validation::Validator;
use crate::{failpoint, files};
use companies::{Companies, CompanyColumns, RowKeys};
use cross_row::{MIXED_RESELLERS, mixed_resellers};
use decide::{IncomingRow, decide};
use returned::ReturnedRows;
use validate::RowValidator;

pub(crate) use returned::Changes;
pub(crate) use stored::{StoredRowValidator, stored_header};

/// Why a file could not be ingested to its end. Rows that were ingested before stay, and none of them is sent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Reading(#[from] reading::Error),
    #[error(transparent)]
    Ledger(#[from] ledger::Error),
}

/// How files are ingested.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) reader: reader::Options,
    /// The options by which files are read and validated, for the ledger to store.
    pub(crate) given: InputOptions,
    pub(crate) retry_failed: bool,
    /// How strictly problems are taken that show only in combination with other rows.
    pub(crate) strictness: Strictness,
    /// Nothing may be sent without consent.
    pub(crate) needs_consent: bool,
}

/// The result of reading a file.
#[derive(Debug, Default)]
pub(crate) struct IntakeReport {
    pub(crate) rows: u64,
    /// How many rows had which result.
    pub(crate) judged: IngestReport,
    /// How the file was read, such as `semicolons`.
    pub(crate) layout: String,
    pub(crate) columns: ColumnUse,
    /// The names of all columns.
    pub(crate) header: Vec<String>,
    /// Of the columns that are not used, those that may be meant for a field without a column.
    pub(crate) suggested_columns: Vec<SuggestedColumn>,
    /// The problems of the file, one line per kind of problem.
    pub(crate) problems: Vec<String>,
    /// How its rows differ from what exports gave out.
    pub(crate) changes: Changes,
    /// The file as a whole has an error.
    pub(crate) is_refused: bool,
}

/// Every kind of problem, errors first: how many rows have it, and the first of these problems.
type ProblemKinds = BTreeMap<(Severity, Cow<'static, str>), (u64, Problem)>;

fn note_problems(kinds: &mut ProblemKinds, rows: &[Incoming]) {
    for problem in rows.iter().flat_map(Incoming::problems) {
        let kind = kinds.entry((problem.severity, problem.rule.clone()));
        kind.or_insert_with(|| (0, problem.clone())).0 += 1;
    }
}

fn describe((severity, rule): &(Severity, Cow<'static, str>), (rows, first): &(u64, Problem)) -> String {
    let severity = severity.name();
    let at = match (rows, first.line) {
        (_, 0) => String::new(),
        (1, line) => format!(", on line {line}"),
        (_, line) => format!(", first on line {line}"),
    };
    format!("{rows} × {severity} {rule}{at}: {}", first.describe())
}

/// The part of a row that a decision needs.
fn coming<'a>(candidate: &'a Candidate, domain_column: &'a str) -> IncomingRow<'a> {
    let customer = candidate.customer.as_ref();
    IncomingRow {
        line: candidate.line,
        domain: candidate.domain.as_ref().map_or("", DomainName::as_str),
        domain_column,
        is_good: customer.is_some(),
        has_agreement: customer.is_some_and(|customer| customer.agreement.is_some()),
        customer: customer.or(candidate.beside_agreement.as_ref()),
        was_sent: candidate.was_sent,
    }
}

impl IntakeReport {
    /// What a file says before its rows.
    fn of(opened: &OpenedFile) -> Self {
        let header = opened.header();
        Self {
            layout: opened.layout().to_string(),
            columns: ColumnUse::of(header),
            header: header.names().map(str::to_owned).collect(),
            suggested_columns: header.suggested_columns().collect(),
            ..Self::default()
        }
    }
}

fn source_info(path: String, opened: &OpenedFile, settings: &Settings) -> SourceInfo {
    SourceInfo {
        full_path: files::list_full_path(&path),
        list: None,
        path,
        header: reader::to_csv(opened.header().names()),
        given: Some(InputOptions {
            found_delimiter: opened.layout().found_delimiter(),
            found_sheet: opened.layout().found_sheet().map(str::to_owned),
            found_sheets: opened.layout().sheets().to_vec(),
            ..settings.given.clone()
        }),
        needs_consent: settings.needs_consent,
    }
}

/// Ingests one file. Its rows may be sent only after this has returned. `companies` has the rows of the files before it.
pub(crate) async fn ingest(
    source: InputSource,
    ledger: &Ledger,
    validator: Validator,
    settings: &Settings,
    companies: &mut Companies,
    progress: &watch::Sender<ReadProgress>,
    interrupted: impl Future<Output = ()>,
) -> Result<IntakeReport, Error> {
    tokio::pin!(interrupted);
    let path = source.path.clone();
    let bytes = source.input.bytes();
    let opened = OpenedFile::open(source, settings.reader.clone(), interrupted.as_mut()).await?;
    companies.begin_file(&path);
    let header = opened.header();
    let reseller_column = header.name_of(Field::AssociatedPartnerId).to_owned();
    let domain_column: Arc<str> = Arc::from(header.name_of(Field::Domain));
    let retry_failed = settings.retry_failed;
    let mut report = IntakeReport::of(&opened);
    let mut reading = ledger.begin_source(source_info(path, &opened, settings)).await?;
    let (customers, looking_up) = reading.customers(ledger, bytes);
    let returned = Arc::new(ReturnedRows::new(opened.header(), validator.strictness()));
    let columns = CompanyColumns::of(opened.header());
    let row_validator =
        RowValidator::new(validator, opened.header(), reading.ledger_id(), customers, companies.hasher());
    let mut rows = opened.start(move |header, rows| row_validator.rows(header, rows));
    let mut kinds = ProblemKinds::new();
    let (mut has_resellers, mut has_direct) = (false, false);
    let read = loop {
        match rows.next(interrupted.as_mut()).await {
            Ok(Some(batch)) => {
                let mut meet = |(mut row, keys): (Incoming, Option<RowKeys>)| {
                    let strictness = &settings.strictness;
                    let problem =
                        keys.and_then(|keys| companies.meet(row.line(), keys, &columns, strictness));
                    if let Some(problem) = problem {
                        row.add(problem);
                    }
                    row
                };
                let read = batch.progress;
                let met: Vec<Incoming> = batch.into_rows().map(&mut meet).collect();
                let (column, returned) = (Arc::clone(&domain_column), Arc::clone(&returned));
                let decide = move |row: &mut Candidate, mut known, originals| {
                    returned.compare(row, &mut known, &originals);
                    decide(&coming(row, &column), known, retry_failed)
                };
                let rows;
                (reading, rows) = ledger.ingest(reading, met, decide).await?;
                for has_reseller in rows.iter().filter_map(Incoming::has_reseller) {
                    has_resellers |= has_reseller;
                    has_direct |= !has_reseller;
                }
                note_problems(&mut kinds, &rows);
                // Freeing so many strings takes as long as looking up their rows, and the ledger need not wait for it.
                drop(on_thread("freeing", move || drop(rows)));
                progress.send_replace(read);
            }
            Ok(None) => break rows.end().await,
            Err(error) => break Err(error),
        }
    };
    drop(looking_up);
    report.rows = match read {
        Ok(rows) => rows,
        Err(error) => {
            ledger.leave_source(reading).await?;
            return Err(error.into());
        }
    };
    failpoint::crash("file_read");
    let direct = if decide::are_mixed(has_resellers, has_direct, settings.given.allow_direct) {
        DirectRows::Wrong(Box::new(move |line| mixed_resellers(line, &reseller_column)))
    } else {
        DirectRows::Good { rejected_by: MIXED_RESELLERS }
    };
    report.changes = returned.changes();
    if let Some(problem) = companies.end_file(&columns, &settings.strictness) {
        report.is_refused = problem.severity == Severity::Error;
        kinds.insert((problem.severity, problem.rule.clone()), (1, problem));
    }
    report.judged = ledger.complete_source(reading, report.rows, direct).await?;
    if let Some((rows, problem)) = report.judged.direct.take() {
        kinds.insert((problem.severity, problem.rule.clone()), (rows, problem));
    }
    report.problems = kinds.iter().map(|(key, kind)| describe(key, kind)).collect();
    Ok(report)
}
