//! Rows that come back from an export, compared with what the export gave out.
//!
//! An operator corrects an export in a spreadsheet, which can change other cells without a word. What only a spreadsheet
//! does is an error of the row; other changes are counted, so that they can be seen before the rows are sent. A row whose
//! `tenantry_row` was changed is compared with the current row of its domain.

use std::sync::{Mutex, PoisonError};

use csv::ByteRecord;
use uuid::Uuid;

use super::stored::stored_header;
use crate::customer::Field;
use crate::ledger::{self, Candidate, KnownRows, Original, Originals, RowId, SourceId};
use crate::printable::truncate_for_display;
use crate::problem::{Finding, Problem, Rule, Severity, Strictness};
use crate::reader::{self, Header, LEDGER_COLUMN, ROW_COLUMN, Row, STATE_COLUMN};
use crate::report::counted;
use crate::returned::{CellChange, ColumnPairs};
use crate::validation::{changed_cell, row_number};

/// The most changes of a column that are listed, and of a file. So a changed name is not hidden by new domains.
const CHANGES_LISTED_OF_COLUMN: u64 = 3;
const CHANGES_LISTED: usize = 12;

/// The first characters of two ids of ledgers. They are random, so that two ids never have the same by chance.
const ID_BEGINNING: usize = 18;

/// The row that an exported row names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Named {
    /// The row is not from an export.
    Nothing,
    /// The row is from an export of another ledger, whose rows mean nothing here.
    OtherLedger,
    /// `was_sent`: it was when it was exported, and was not refused.
    Row { row: RowId, was_sent: bool },
    /// The cells that name it were changed.
    Unreadable,
}

/// The columns by which exported rows are recognized.
pub(super) struct OwnCells {
    row_column: Option<usize>,
    ledger_column: Option<usize>,
    state_column: Option<usize>,
    ledger_id: String,
}

impl OwnCells {
    pub(super) fn new(header: &Header, ledger_id: &str) -> Self {
        Self {
            row_column: header.own_column(ROW_COLUMN),
            ledger_column: header.own_column(LEDGER_COLUMN),
            state_column: header.own_column(STATE_COLUMN),
            ledger_id: ledger_id.to_owned(),
        }
    }

    pub(super) fn of(&self, row: &Row) -> Named {
        let Some(column) = self.row_column else { return Named::Nothing };
        let text = |column: usize| row.cell(column).map(String::from_utf8_lossy).unwrap_or_default();
        let number = text(column);
        // The header again names no row.
        if number.trim().is_empty() || number.trim().eq_ignore_ascii_case(ROW_COLUMN) {
            return Named::Nothing;
        }
        if let Some(column) = self.ledger_column {
            match Uuid::try_parse(text(column).trim()) {
                Ok(id) if Uuid::try_parse(&self.ledger_id) == Ok(id) => {}
                Ok(id) if !self.is_ours_changed(id) => return Named::OtherLedger,
                _ => return Named::Unreadable,
            }
        }
        let state = self.state_column.map(text).unwrap_or_default();
        let was_sent =
            state.trim().parse().is_ok_and(|it: ledger::State| it.is_customer() || it.is_in_doubt());
        row_number(&number).map_or(Named::Unreadable, |number| Named::Row { row: RowId(number), was_sent })
    }

    /// Dragging a cell over others counts its last digits up.
    fn is_ours_changed(&self, id: Uuid) -> bool {
        self.ledger_id.get(..ID_BEGINNING) == id.to_string().get(..ID_BEGINNING)
    }
}

/// How the rows of a file differ from what exports gave out.
#[derive(Debug, Clone, Default)]
pub(crate) struct Changes {
    pub(crate) rows: u64,
    /// The changed cells of each column, in order of first appearance.
    pub(crate) columns: Vec<(String, u64)>,
    /// The first of them.
    first: Vec<ShownChange>,
    /// Cells that a spreadsheet has changed. They are problems of their rows, and not counted above.
    pub(crate) by_spreadsheet: u64,
    /// Rows whose original cannot be compared, because `forget` has erased it.
    pub(crate) erased: u64,
    /// The file is an export without its `tenantry_row`, so that nothing can be compared.
    pub(crate) lacks_row_column: bool,
}

#[derive(Debug, Clone)]
struct ShownChange {
    line: u64,
    column: String,
    original: String,
    now: String,
}

impl Changes {
    fn add(&mut self, line: u64, changes: &[&CellChange]) {
        self.rows += u64::from(!changes.is_empty());
        for change in changes {
            let of_column = self.count(&change.column, 1);
            if of_column <= CHANGES_LISTED_OF_COLUMN && self.first.len() < CHANGES_LISTED {
                let shown = |text: &str| truncate_for_display(text.as_bytes());
                let (original, now) = (shown(&change.original), shown(&change.now));
                self.first.push(ShownChange { line, column: change.column.clone(), original, now });
            }
        }
    }

    /// The new number of changed cells in this column.
    fn count(&mut self, column: &str, cells: u64) -> u64 {
        match self.columns.iter_mut().find(|(name, _)| name == column) {
            Some((_, count)) => {
                *count += cells;
                *count
            }
            None => {
                self.columns.push((column.to_owned(), cells));
                cells
            }
        }
    }

    /// Adds the counts of another file.
    pub(crate) fn join(&mut self, other: &Self) {
        self.rows += other.rows;
        self.by_spreadsheet += other.by_spreadsheet;
        self.erased += other.erased;
        for (column, cells) in &other.columns {
            self.count(column, *cells);
        }
    }

    /// One sentence; `None` if nothing has changed.
    pub(crate) fn describe(&self) -> Option<String> {
        let columns: Vec<_> =
            self.columns.iter().map(|(name, cells)| format!("{cells} × `{name}`")).collect();
        let differ = if self.rows == 1 { "differs" } else { "differ" };
        let rows = counted(self.rows, "row");
        let changed = format!("{rows} {differ} from what was exported: {}", columns.join(", "));
        let were = if self.by_spreadsheet == 1 { "was" } else { "were" };
        let damaged = format!("{} {were} changed by a spreadsheet", counted(self.by_spreadsheet, "cell"));
        let erased = format!(
            "{} cannot be compared with what was exported: `tenantry forget` has erased it",
            counted(self.erased, "row")
        );
        let words = [(self.rows, changed), (self.by_spreadsheet, damaged), (self.erased, erased)];
        let words: Vec<String> =
            words.into_iter().filter(|(count, _)| *count > 0).map(|(_, words)| words).collect();
        (!words.is_empty()).then(|| words.join("; ") + ".")
    }

    /// The first changes, one line each.
    pub(crate) fn lines(&self) -> impl Iterator<Item = String> {
        let cells: u64 = self.columns.iter().map(|(_, cells)| cells).sum();
        let more = cells - self.first.len() as u64;
        let more = (more > 0).then(|| format!("… and {}", counted(more, "more change")));
        let line = |change: &ShownChange| {
            let ShownChange { line, column, original, now } = change;
            let shown = |text: &str| if text.is_empty() { "(empty)".to_owned() } else { format!("`{text}`") };
            format!("line {line}: {column}: {} → {}", shown(original), shown(now))
        };
        self.first.iter().map(line).chain(more)
    }
}

/// Compares the rows of one file, on the ledger's thread.
pub(super) struct ReturnedRows {
    header: Header,
    strictness: Strictness,
    state: Mutex<State>,
}

struct State {
    changes: Changes,
    /// The pairs for the file that the last row came from: rows of one file are exported together.
    pairs: Option<(SourceId, ColumnPairs)>,
    named: RowSet,
}

/// Rows of the ledger, one bit each: their numbers are small.
#[derive(Default)]
struct RowSet(Vec<u64>);

impl RowSet {
    /// False if the row is in the set already. The row must be one of the ledger.
    fn insert(&mut self, row: RowId) -> bool {
        let Ok(number) = usize::try_from(row.0) else { return true };
        let (word, bit) = (number / 64, 1 << (number % 64));
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        let is_new = self.0[word] & bit == 0;
        self.0[word] |= bit;
        is_new
    }
}

impl ReturnedRows {
    pub(super) fn new(header: &Header, strictness: &Strictness) -> Self {
        let has = |column: &str| header.own_column(column).is_some();
        let lacks_row_column = has(LEDGER_COLUMN) && !has(ROW_COLUMN);
        let changes = Changes { lacks_row_column, ..Changes::default() };
        let state = Mutex::new(State { changes, pairs: None, named: RowSet::default() });
        Self { header: header.clone(), strictness: strictness.clone(), state }
    }

    /// The changes of all rows that were compared.
    pub(super) fn changes(&self) -> Changes {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).changes.clone()
    }

    /// Compares a row with its originals. Adds what is wrong to its problems, and counts the other changes.
    pub(super) fn compare(&self, row: &mut Candidate, known: &mut KnownRows, originals: &Originals) {
        let is_alone = originals.named.is_empty() && originals.of_domain.is_empty();
        if (is_alone && !row.is_returned) || row.problems.iter().any(is_out_of_line) {
            return;
        }
        let cells = reader::from_csv(&row.cells);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let named = state.least_changed(&self.header, &originals.named, &cells);
        // The first such row of a domain: an equal row is a duplicate, and another one has a problem already.
        let is_first_of_domain = known.standing.is_none();
        let is_named_again = !originals.named.is_empty()
            && row.corrects.is_some_and(|id| !state.named.insert(id))
            && is_first_of_domain;
        let is_changed = |problem: &Problem| problem.rule == Rule::ChangedCell.name();
        let finding = if originals.is_unknown {
            Some((ROW_COLUMN, "names a row that this ledger does not have"))
        } else if row.corrects.is_none() && row.is_returned && !row.problems.iter().any(is_changed) {
            Some((LEDGER_COLUMN, "is no longer the id of this ledger"))
        } else if is_named_again {
            Some((ROW_COLUMN, "is on an earlier line too; a row can be corrected only once"))
        } else if named.as_deref().is_some_and(is_another_customer) {
            Some((ROW_COLUMN, "names a row with another company, domain and e-mail address"))
        } else {
            None
        };
        let of_row = match finding {
            None => named,
            Some((column, what)) => {
                let problem = self.problem(row.line, column, &cells, changed_cell(what));
                if problem.severity == Severity::Error {
                    known.named = None;
                }
                row.add_problem(problem);
                None
            }
        };
        let changes = of_row
            .or_else(|| state.least_changed(&self.header, &originals.of_domain, &cells))
            .unwrap_or_default();
        let (by_spreadsheet, by_hand): (Vec<_>, Vec<_>) =
            changes.iter().partition(|change| change.is_damage());
        state.changes.erased += u64::from(row.is_returned && originals.is_erased);
        state.changes.by_spreadsheet += by_spreadsheet.len() as u64;
        for change in by_spreadsheet.into_iter().rev() {
            if let Some(finding) = change.finding() {
                let value = truncate_for_display(change.now.as_bytes());
                let problem = finding.found(row.line, change.column.clone(), value, &self.strictness);
                row.add_problem(problem);
            }
        }
        if row.is_returned {
            state.changes.add(row.line, &by_hand);
        }
    }

    /// A finding about a cell by which exported rows are recognized.
    fn problem(&self, line: u64, column: &str, cells: &ByteRecord, finding: Finding) -> Problem {
        let cell = self.header.own_column(column).and_then(|index| cells.get(index)).unwrap_or_default();
        finding.found(line, column.to_owned(), truncate_for_display(cell), &self.strictness)
    }
}

impl State {
    /// The changes since the original that differs least.
    fn least_changed(
        &mut self,
        header: &Header,
        originals: &[Original],
        cells: &ByteRecord,
    ) -> Option<Vec<CellChange>> {
        let all = originals.iter().map(|original| {
            let before = cells_before_spreadsheet(original);
            let pairs = self.pairs_for(header, original);
            pairs.changes(&before, cells).collect::<Vec<_>>()
        });
        all.min_by_key(Vec::len)
    }

    fn pairs_for(&mut self, header: &Header, original: &Original) -> &ColumnPairs {
        if self.pairs.as_ref().is_none_or(|(source, _)| *source != original.source) {
            let given = original.given.clone().unwrap_or_default();
            // A header that was read with options that are not known has only its names.
            let fields = stored_header(&original.header, &given).ok();
            let names = reader::from_csv(&original.header);
            let pairs = ColumnPairs::new(header, &names, fields.as_ref());
            self.pairs = Some((original.source, pairs));
        }
        let (_, pairs) = self.pairs.as_ref().expect("it has just been put there");
        pairs
    }
}

/// The cells of a row. If it was rejected because a spreadsheet had changed it, the values of before.
fn cells_before_spreadsheet(original: &Original) -> ByteRecord {
    let cells = reader::from_csv(&original.cells);
    if original.changed.is_empty() {
        return cells;
    }
    let names = reader::from_csv(&original.header);
    let before = |(index, cell)| {
        let is_it = |problem: &&Problem| {
            names.get(index) == Some(problem.column.as_bytes()) && truncate_for_display(cell) == problem.value
        };
        let changed = original.changed.iter().find(is_it).and_then(|problem| problem.suggestion.as_deref());
        changed.map_or(cell, str::as_bytes)
    };
    cells.iter().enumerate().map(before).collect()
}

/// The cells of the row are not those of its columns.
fn is_out_of_line(problem: &Problem) -> bool {
    let is_ragged = problem.rule == Rule::RaggedRow.name() && problem.column.is_empty();
    is_ragged || problem.rule == Rule::RowSize.name()
}

/// Everything that tells one customer from another has changed.
fn is_another_customer(changes: &[CellChange]) -> bool {
    [Field::CompanyName, Field::Domain, Field::Email].into_iter().all(|field| {
        let is_it = |change: &CellChange| {
            change.field == Some(field) && change.by_spreadsheet.is_none() && !change.now.trim().is_empty()
        };
        changes.iter().any(is_it)
    })
}
