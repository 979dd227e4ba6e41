//! Reader and validation into the ledger.
//!
//! A file streams through: a thread of its own reads and validates, this task hands batches to the ledger, and at
//! most two batches are between them, so memory does not grow with the file. Every row that is read is taken up or
//! counted; the ledger holds the counts to it. Nothing here knows HTTP.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Read;

use tokio::sync::{mpsc, watch};

use crate::customer::Field;
use crate::ledger::{self, Candidate, Ledger, RowId, SourceInfo, Taken};
use crate::reader::{self, Header, Reader, Row};
use crate::validation::{Problem, Severity, Validator};

/// Rows that become durable together. Large enough for a commit to cost little per row, small enough for a
/// Ctrl-C to be answered at once.
const BATCH: usize = 1000;

/// Batches between the reading thread and the ledger.
const BATCHES_AHEAD: usize = 2;

/// Why a file could not be taken up to its end. What was taken up before is durable, and none of it is sent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("could not read `{path}`")]
    Read { path: String, source: reader::Error },
    #[error(transparent)]
    Ledger(#[from] ledger::Error),
    #[error("interrupted while reading `{0}`")]
    Interrupted(String),
}

/// A file to take up.
pub(crate) struct Source {
    /// As the operator gave it; `-` is standard input.
    pub(crate) path: String,
    pub(crate) input: Box<dyn Read + Send>,
}

/// How files are taken up.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) reader: reader::Options,
    pub(crate) retry_failed: bool,
    pub(crate) allow_direct: bool,
}

/// How far a reading has come.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Progress {
    pub(crate) bytes: u64,
    pub(crate) rows: u64,
}

/// What reading a file came to.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) rows: u64,
    pub(crate) taken: Taken,
    /// What separates the cells.
    pub(crate) delimiter: u8,
    /// Columns that are kept for exports and are no data.
    pub(crate) unknown_columns: Vec<String>,
    /// What is wrong with it, in a line for each kind of problem.
    pub(crate) problems: Vec<String>,
}

/// Problems of one kind.
#[derive(Debug)]
struct ProblemKind {
    rows: u64,
    first: Problem,
}

/// Every kind of problem that was met, errors first.
type ProblemKinds = BTreeMap<(Severity, Cow<'static, str>), ProblemKind>;

fn note_problems(kinds: &mut ProblemKinds, candidates: &[Candidate]) {
    for problem in candidates.iter().flat_map(|candidate| &candidate.problems) {
        let kind = kinds.entry((problem.severity, problem.rule.clone()));
        kind.or_insert_with(|| ProblemKind { rows: 0, first: problem.clone() }).rows += 1;
    }
}

fn in_words((severity, rule): &(Severity, Cow<'static, str>), kind: &ProblemKind) -> String {
    let severity = match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let ProblemKind { rows, first } = kind;
    let which = if *rows == 1 { "on" } else { "first on" };
    format!("{rows} × {severity} {rule}, {which} line {}: {}", first.line, first.in_words())
}

struct Batch {
    candidates: Vec<Candidate>,
    progress: Progress,
}

/// Takes up one file. Its rows may be sent only when this has returned.
pub(crate) async fn take_up(
    source: Source,
    ledger: &Ledger,
    validator: Validator,
    settings: &Settings,
    progress: &watch::Sender<Progress>,
    interrupted: impl Future<Output = ()>,
) -> Result<Report, Error> {
    let path = source.path;
    let read_error = |source| Error::Read { path: path.clone(), source };
    tokio::pin!(interrupted);
    // Opening waits for the header, which a pipe may keep us waiting for.
    let (input, options) = (source.input, settings.reader.clone());
    let opening = tokio::task::spawn_blocking(move || Reader::open(input, &options));
    let reader = tokio::select! {
        biased;
        () = &mut interrupted => return Err(Error::Interrupted(path)),
        opened = opening => joined(opened).map_err(read_error)?,
    };
    let header = reader.header().clone();
    let delimiter = reader.delimiter();
    let info = SourceInfo {
        path: path.clone(),
        header: reader::to_csv(header.names()),
        retry_failed: settings.retry_failed,
        allow_direct: settings.allow_direct,
        reseller_column: header.name_of(Field::AssociatedPartnerId).to_owned(),
        domain_column: header.name_of(Field::Domain).to_owned(),
    };
    let unknown_columns = header.unknown().map(str::to_owned).collect();
    let mut reading = ledger.begin_source(info).await?;
    let own_rows = OwnRows::of(&header, reading.ledger_id());
    let (batches, mut ready) = mpsc::channel(BATCHES_AHEAD);
    let thread = tokio::task::spawn_blocking(move || read_all(reader, &validator, &own_rows, &batches));
    let mut kinds = ProblemKinds::new();
    let mut report = Report { delimiter, unknown_columns, ..Report::default() };
    loop {
        let batch: Batch = tokio::select! {
            biased;
            () = &mut interrupted => return Err(Error::Interrupted(path)),
            batch = ready.recv() => match batch {
                Some(batch) => batch,
                None => break,
            },
        };
        note_problems(&mut kinds, &batch.candidates);
        let taken;
        (reading, taken) = ledger.take_up(reading, batch.candidates).await?;
        report.taken.add(taken);
        progress.send_replace(batch.progress);
    }
    report.rows = joined(thread.await).map_err(read_error)?;
    report.taken.rejected += ledger.complete_source(reading, report.rows).await?;
    report.problems = kinds.iter().map(|(key, kind)| in_words(key, kind)).collect();
    Ok(report)
}

/// A panic over there is a panic here.
fn joined<T>(result: Result<T, tokio::task::JoinError>) -> T {
    result.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
}

/// Reads and validates everything; ends early when nobody takes the batches any more.
fn read_all<R: Read>(
    mut reader: Reader<R>,
    validator: &Validator,
    own_rows: &OwnRows,
    batches: &mpsc::Sender<Batch>,
) -> Result<u64, reader::Error> {
    let header = reader.header().clone();
    let mut row = Row::default();
    let mut rows = 0;
    let mut candidates = Vec::with_capacity(BATCH);
    loop {
        let more = reader.read(&mut row)?;
        if more {
            rows += 1;
            candidates.push(candidate(&header, &row, validator, own_rows));
        }
        if candidates.len() == BATCH || (!more && !candidates.is_empty()) {
            let full = std::mem::replace(&mut candidates, Vec::with_capacity(BATCH));
            let progress = Progress { bytes: reader.bytes_read(), rows };
            if batches.blocking_send(Batch { candidates: full, progress }).is_err() {
                return Ok(rows);
            }
        }
        if !more {
            return Ok(rows);
        }
    }
}

fn candidate(header: &Header, row: &Row, validator: &Validator, own_rows: &OwnRows) -> Candidate {
    let verdict = validator.validate(header, row);
    Candidate {
        line: row.line(),
        domain: verdict.domain,
        customer: verdict.customer,
        problems: verdict.problems,
        content_hash: verdict.content_hash,
        cells: reader::to_csv(row.cells()),
        corrects: own_rows.corrected_by(row),
    }
}

/// Which row of this ledger a row of a file says it corrects. A file that was exported from another ledger names
/// rows of that one, which mean nothing here.
struct OwnRows {
    row_column: Option<usize>,
    ledger_column: Option<usize>,
    ledger_id: String,
}

impl OwnRows {
    fn of(header: &Header, ledger_id: &str) -> Self {
        Self {
            row_column: header.own_column("tenantry_row"),
            ledger_column: header.own_column("tenantry_ledger"),
            ledger_id: ledger_id.to_owned(),
        }
    }

    fn corrected_by(&self, row: &Row) -> Option<RowId> {
        let text = |column: usize| row.cells().get(column).and_then(|cell| std::str::from_utf8(cell).ok());
        let foreign = self.ledger_column.and_then(text).is_some_and(|id| id.trim() != self.ledger_id);
        if foreign {
            return None;
        }
        self.row_column.and_then(text)?.trim().parse().ok().map(RowId)
    }
}
