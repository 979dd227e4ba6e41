//! Looks up what the ledger knows of an incoming row. The caller decides what follows from it.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use rusqlite::{OptionalExtension, Row, Transaction};

use super::super::steps::{STANDING, State};
use super::super::stored::is_same_list;
use super::super::{Result, RowId, SourceId};
use super::Candidate;
use super::agreement::{self, SentCustomer};
use super::corrected::{Identity, corrected, last_correction};
use super::discard;
use tenantry_model::problem::Rule;

/// What is known of an incoming row.
#[derive(Debug, Default)]
pub struct KnownRows {
    /// The current row of its domain.
    pub standing: Option<KnownRow>,
    /// The row that its `tenantry_row` names, or the one that has replaced that: the row to correct.
    pub named: Option<KnownRow>,
    /// A rejected row without a key, with the same content.
    pub alike: Option<KnownRow>,
    /// The last row with the same content that corrected rows have replaced, if the last of these was not discarded.
    pub replaced: Option<ReplacedRow>,
    /// The last row with the same content that was discarded unsent.
    pub declined: Option<RowId>,
    /// A row of any list with the same domain, external id and reseller, if a corrected row under another domain has
    /// replaced it and is a customer, may be one, or waits.
    pub corrected: Option<RowId>,
}

/// A row that a corrected one has replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplacedRow {
    pub row: RowId,
    /// The last of its corrections.
    pub by: RowId,
    /// If that waits, it may be taken back: this same list has brought it, an earlier run has held it back, or the row was
    /// not refused before.
    pub may_be_taken_back: bool,
}

/// A row of the ledger, with the facts that a decision about an incoming row needs.
#[derive(Debug)]
pub struct KnownRow {
    pub row: RowId,
    pub state: State,
    /// It has the same content as the incoming row.
    pub same_content: bool,
    /// Why it was rejected or refused.
    pub error_code: Option<String>,
    /// It was refused, and its domain is taken now.
    pub is_burned: bool,
    /// An operator has acknowledged that it was refused, or is in doubt.
    pub is_acknowledged: bool,
    /// It is pending, and a restored copy holds it back, because the lost ledger may have sent it.
    pub is_held: bool,
    /// It is pending, but a send of its own may have created its customer.
    pub is_unclear: bool,
    /// The row that has replaced it.
    pub replaced_by: Option<RowId>,
    /// The incoming row names another row, which this one has replaced.
    pub is_replacement: bool,
    /// It was rejected because it is not known which row it corrects, and has replaced none but rows like it.
    pub corrects_unknown: bool,
    /// `forget` has erased its cells and its problems.
    pub is_erased: bool,
    /// The line on which this reading has met it.
    pub met_on: Option<u32>,
    /// That line had the content of the incoming row, which came too late.
    pub is_met_so: bool,
    /// Line and path, if an earlier file of this run has met it, and this reading has not.
    pub elsewhere: Option<(u32, String)>,
    /// Its file was never read to its end.
    pub is_unfinished: bool,
    /// Its current acceptance of the agreement.
    pub acceptance: Option<KnownAcceptance>,
    /// It had an acceptance with this content, which has been replaced.
    pub was_accepted_so: bool,
    /// What was sent, if the incoming row has cells about the agreement.
    pub sent: Option<SentCustomer>,
}

/// The current acceptance of a row.
#[derive(Debug, Clone, Copy)]
pub struct KnownAcceptance {
    pub id: i64,
    pub state: State,
    /// An operator has acknowledged that it was refused.
    pub is_acknowledged: bool,
    /// The row that brought it has the same content as the incoming row.
    pub same_content: bool,
    /// Its file was never read to its end.
    pub is_unfinished: bool,
}

/// What a reading has seen so far.
#[derive(Debug, Default)]
pub(super) struct SeenRows {
    /// `None`: rows of the ledger are looked at without a list.
    reading: Option<SourceId>,
    /// Sources that were never read to their end: if this reading meets one of their rows, that row moves to its own
    /// file.
    pub(super) unfinished: HashSet<SourceId>,
    /// The rows that were replaced under another domain.
    pub(super) replaced: HashMap<Identity, RowId>,
    /// What the files that this run has read before this one have met.
    pub(super) earlier: MetRows,
    /// By row id: the line on which this reading first met the row, or 0. Four bytes per row.
    first_line: Vec<u32>,
    /// The corrections of rows that this reading has met as they were before: the list contains them, too.
    outdated: HashSet<RowId>,
    /// By row id: the [mark](Self::mark) of the content with which this reading first met a row that it cannot change any
    /// more, or 0. Four bytes per row.
    changed: Vec<u32>,
}

/// The rows that files of this run have met, each with its first place. The files of one run count as one.
#[derive(Debug, Default)]
pub(crate) struct MetRows {
    files: Vec<String>,
    /// By row id: the number of the file, and the line, or 0. Six bytes per row.
    file: Vec<u16>,
    line: Vec<u32>,
}

impl MetRows {
    /// Path and line.
    pub(super) fn place_of(&self, row: RowId) -> Option<(&str, u32)> {
        let index = usize::try_from(row.0).ok()?;
        let line = self.line.get(index).copied().filter(|line| *line != 0)?;
        Some((self.files.get(usize::from(*self.file.get(index)?))?, line))
    }
}

impl SeenRows {
    pub(super) fn new(
        reading: SourceId,
        unfinished: HashSet<SourceId>,
        replaced: HashMap<Identity, RowId>,
        earlier: MetRows,
    ) -> Self {
        Self { reading: Some(reading), unfinished, replaced, earlier, ..Self::default() }
    }

    /// What this run has met when the file at `path` has been read, too.
    pub(super) fn met(self, path: String) -> MetRows {
        let Self { earlier: mut met, first_line, .. } = self;
        // With more files, the last ones count as one.
        let number = u16::try_from(met.files.len()).unwrap_or(u16::MAX);
        met.files.push(path);
        if met.line.len() < first_line.len() {
            met.line.resize(first_line.len(), 0);
            met.file.resize(first_line.len(), 0);
        }
        for ((line, file), first) in met.line.iter_mut().zip(&mut met.file).zip(first_line) {
            if *line == 0 && first != 0 {
                (*line, *file) = (first, number);
            }
        }
        met
    }

    /// This reading has met a row whose changed content is ignored.
    pub(super) fn meet_changed(&mut self, row: RowId, content_hash: [u8; 16]) {
        let index = usize::try_from(row.0).expect("SQLite hands out positive row ids");
        if self.changed.len() <= index {
            self.changed.resize(index + 1, 0);
        }
        self.changed[index] = Self::mark(content_hash);
    }

    fn is_met_so(&self, row: RowId, content_hash: [u8; 16]) -> bool {
        let mark = usize::try_from(row.0).ok().and_then(|index| self.changed.get(index));
        mark.is_some_and(|mark| *mark == Self::mark(content_hash))
    }

    /// The start of a content hash, but never 0.
    fn mark(content_hash: [u8; 16]) -> u32 {
        let [a, b, c, d, ..] = content_hash;
        u32::from_le_bytes([a, b, c, d]).max(1)
    }

    /// This reading has met a row that `by` has replaced, which is current.
    pub(super) fn meet_outdated(&mut self, by: Option<RowId>) {
        self.outdated.extend(by);
    }

    /// Does the list contain the waiting row, as it is or as it was before it was corrected?
    pub(super) fn contains(&self, row: RowId) -> bool {
        self.line_of(row).is_some() || self.outdated.contains(&row)
    }

    pub(super) fn line_of(&self, row: RowId) -> Option<u32> {
        let line = usize::try_from(row.0).ok().and_then(|index| self.first_line.get(index)).copied();
        line.filter(|line| *line != 0)
    }

    /// Returns true if it is the first time.
    pub(super) fn meet(&mut self, row: RowId, line: u64) -> bool {
        let index = usize::try_from(row.0).expect("SQLite hands out positive row ids");
        if self.first_line.len() <= index {
            self.first_line.resize(index + 1, 0);
        }
        let is_first = self.first_line[index] == 0;
        if is_first {
            self.first_line[index] = u32::try_from(line).unwrap_or(u32::MAX);
        }
        is_first
    }
}

/// Everything that is known of an incoming row.
pub(super) fn look_up(tx: &Transaction<'_>, candidate: &Candidate, seen: &SeenRows) -> Result<KnownRows> {
    static BY_DOMAIN: LazyLock<String> = LazyLock::new(|| Found::select("r.key_domain = ?1"));
    static BY_ROW: LazyLock<String> = LazyLock::new(|| Found::select("r.id = ?1"));
    let find = |sql: &str, key: &dyn rusqlite::ToSql| {
        let found = tx.prepare_cached(sql)?.query_row([key], Found::load);
        found.optional()?.map(|found| found.with_look_ups(tx, candidate, seen)).transpose()
    };
    let domain = candidate.domain.as_ref();
    let standing = domain.map_or(Ok(None), |domain| find(&BY_DOMAIN, &domain.as_str()))?;
    let named = candidate.corrects.map_or(Ok(None), |row| find(&BY_ROW, &row))?;
    let mut known = KnownRows { standing, named, ..KnownRows::default() };
    // If the current row has the same content, a lookup by content adds nothing.
    if known.standing.as_ref().is_none_or(|standing| !standing.same_content) {
        without_key(tx, candidate, seen, &mut known)?;
    }
    if known.standing.is_none() {
        known.corrected = corrected(tx, candidate, seen)?;
    }
    // A file that was corrected may be corrected again. If it comes as it was, the correction stays current.
    while known.replaced.is_none()
        && let Some(by) = known.named.as_ref().and_then(|named| named.replaced_by)
    {
        let by = find(&BY_ROW, &by)?;
        known.named = by.map(|by| KnownRow { is_replacement: true, ..by });
    }
    Ok(known)
}

/// Rows without a key can be recognized only by their content. The index is named: SQLite (3.53.2,
/// `findings/sqlite-unique-index-on-null.sh`) assumes that `key_domain IS NULL` matches a single row, because the
/// column is unique, and would scan all of them.
fn without_key(
    tx: &Transaction<'_>,
    candidate: &Candidate,
    seen: &SeenRows,
    known: &mut KnownRows,
) -> Result<()> {
    // A correction that was discarded unsent does not count, nor one that is refused itself and that this same list has
    // taken back.
    static SQL: LazyLock<String> = LazyLock::new(|| {
        format!(
            "SELECT r.id, r.state, r.source_id,
                    new.state IS NOT NULL AND new.state <> 'declined'
                        AND NOT coalesce(new.state IN ({}) AND {same_list}, FALSE),
                    r.erased_at IS NOT NULL, r.acknowledged_at IS NOT NULL, new.id,
                    coalesce(r.error_code IS NULL OR {same_list}
                             OR (list.completed_at IS NULL AND list.run_id <> own.run_id), FALSE)
               FROM customer_rows r INDEXED BY rows_without_key
               LEFT JOIN customer_rows new ON new.id = ({last})
               LEFT JOIN sources list ON list.id = new.source_id
               LEFT JOIN sources own ON own.id = ?2
              WHERE r.key_domain IS NULL AND r.content_hash = ?1 ORDER BY r.id",
            State::sql_list(State::is_refused),
            same_list = is_same_list("list", "own"),
            last = last_correction("r.id")
        )
    });
    let mut statement = tx.prepare_cached(&SQL)?;
    let mut rows = statement.query((candidate.content_hash, seen.reading))?;
    while let Some(row) = rows.next()? {
        let (id, is_replaced): (RowId, bool) = (row.get(0)?, row.get(3)?);
        match row.get(1)? {
            State::Rejected if known.alike.is_none() => {
                let is_unfinished = seen.unfinished.contains(&row.get(2)?);
                known.alike = Some(KnownRow {
                    met_on: seen.line_of(id),
                    is_unfinished,
                    is_erased: row.get(4)?,
                    is_acknowledged: row.get(5)?,
                    ..KnownRow::new(id, State::Rejected, true)
                });
            }
            State::Superseded if is_replaced => {
                let (by, may_be_taken_back) = (row.get(6)?, row.get(7)?);
                known.replaced = Some(ReplacedRow { row: id, by, may_be_taken_back });
            }
            State::Declined => known.declined = Some(id),
            _ => {}
        }
    }
    Ok(())
}

impl KnownRow {
    /// A row of which nothing else is known.
    pub fn new(row: RowId, state: State, same_content: bool) -> Self {
        Self {
            row,
            state,
            same_content,
            error_code: None,
            is_burned: false,
            is_acknowledged: false,
            is_held: false,
            is_unclear: false,
            replaced_by: None,
            is_replacement: false,
            corrects_unknown: false,
            is_erased: false,
            met_on: None,
            is_met_so: false,
            elsewhere: None,
            is_unfinished: false,
            acceptance: None,
            was_accepted_so: false,
            sent: None,
        }
    }
}

/// A row as it is stored, before it is compared with an incoming row.
#[derive(Debug)]
pub(super) struct Found {
    source: SourceId,
    content_hash: [u8; 16],
    /// Source and content hash of the row that brought its acceptance.
    acceptance: Option<(SourceId, [u8; 16])>,
    known: KnownRow,
}

impl Found {
    /// The query whose rows [`load`](Self::load) reads, for rows `r` that match this condition.
    pub(super) fn select(which: &str) -> String {
        format!(
            "SELECT r.id, r.key_domain, r.state, r.source_id, r.content_hash, r.error_code, r.domain_burned,
                    r.state = 'pending' AND r.next_step = 'ask', r.acknowledged_at IS NOT NULL,
                    a.id, a.state, a.source_id, a.content_hash, a.acknowledged_at IS NOT NULL,
                    r.erased_at IS NOT NULL, r.replaced_by, r.state = 'pending' AND {},
                    r.state = 'rejected' AND r.error_code = '{}'
                        AND NOT EXISTS (
                            WITH RECURSIVE behind (id, error_code) AS (
                                SELECT id, error_code FROM customer_rows WHERE replaced_by = r.id AND state = 'superseded'
                                 UNION
                                SELECT o.id, o.error_code FROM behind JOIN customer_rows o ON o.replaced_by = behind.id
                                 WHERE o.state = 'superseded')
                            SELECT 1 FROM behind WHERE behind.error_code IS NOT r.error_code)
               FROM customer_rows r
               LEFT JOIN (SELECT id, row_id, state, source_id, content_hash, acknowledged_at
                            FROM agreements WHERE {STANDING}) a
                      ON a.row_id = r.id
              WHERE {which}",
            discard::is_unclear("r"),
            Rule::ChangedCell.name()
        )
    }

    pub(super) fn load(row: &Row<'_>) -> rusqlite::Result<Self> {
        let mut known = KnownRow::new(row.get(0)?, row.get(2)?, false);
        known.error_code = row.get(5)?;
        known.is_burned = row.get(6)?;
        known.is_held = row.get(7)?;
        known.is_acknowledged = row.get(8)?;
        known.is_erased = row.get(14)?;
        known.replaced_by = row.get(15)?;
        known.is_unclear = row.get(16)?;
        known.corrects_unknown = row.get::<_, Option<bool>>(17)?.unwrap_or_default();
        let mut acceptance = None;
        if let Some(id) = row.get(9)? {
            known.acceptance = Some(KnownAcceptance {
                id,
                state: row.get(10)?,
                is_acknowledged: row.get(13)?,
                same_content: false,
                is_unfinished: false,
            });
            acceptance = Some((row.get(11)?, row.get(12)?));
        }
        Ok(Self { source: row.get(3)?, content_hash: row.get(4)?, acceptance, known })
    }

    /// Compares it with an incoming row of this content.
    pub(super) fn known(self, content_hash: [u8; 16], unfinished: &HashSet<SourceId>) -> KnownRow {
        let mut known = self.known;
        known.same_content = self.content_hash == content_hash;
        known.is_unfinished = unfinished.contains(&self.source);
        if let (Some(known), Some((source, its_hash))) = (&mut known.acceptance, self.acceptance) {
            known.same_content = its_hash == content_hash;
            known.is_unfinished = unfinished.contains(&source);
        }
        known
    }

    /// The same, with the facts that need further lookups.
    fn with_look_ups(self, tx: &Transaction<'_>, candidate: &Candidate, seen: &SeenRows) -> Result<KnownRow> {
        let mut known = self.known(candidate.content_hash, &seen.unfinished);
        known.met_on = seen.line_of(known.row);
        known.is_met_so = seen.is_met_so(known.row, candidate.content_hash);
        if known.met_on.is_none() && !known.same_content {
            known.elsewhere = seen.earlier.place_of(known.row).map(|(path, line)| (line, path.to_owned()));
        }
        if known.state.is_customer() {
            known.was_accepted_so = agreement::was_replaced(tx, known.row, candidate.content_hash)?;
            if candidate.mentions_agreement() {
                known.sent = agreement::sent(tx, known.row)?;
            }
        }
        Ok(known)
    }
}
