//! Carries out decisions: what a row of a file changes in the ledger.

use std::sync::LazyLock;

use rusqlite::{OptionalExtension, ToSql, Transaction};

use super::super::steps::{CurrentStep, State, StepEvent, StepKind};
use super::super::stored::{Value, insert, is_same_list, json, update};
use super::super::{Result, RowId, SourceId};
use super::corrected::last_correction;
use super::missing::is_reading;
use super::{Candidate, IngestSession, agreement};
use tenantry_model::clock;
use tenantry_model::customer::DomainName;
use tenantry_model::ids::RequestId;
use tenantry_model::problem::{Problem, Rule, Severity};

/// How many rows with ignored changes are listed by line.
const IGNORED_NAMED: usize = 10;

/// How many equal duplicates are listed by line.
const DUPLICATES_NAMED: usize = 10;

/// What to do with an incoming row.
#[derive(Debug, PartialEq, Eq)]
pub enum Decision {
    /// The ledger has this row already. If this reading has met it before, the incoming row is an equal duplicate.
    Known {
        row: RowId,
        change: Change,
        /// The row belongs to this file from now on.
        adopts: bool,
    },
    /// The incoming row becomes a new row.
    New {
        /// It is the current row of its domain, if it has a domain.
        stands: bool,
        /// What is wrong with it in combination with other rows.
        problem: Option<Problem>,
        /// The rows that it replaces: the current one of its domain, or of its content, and the one that it corrects.
        replaces: Vec<RowId>,
    },
}

/// What an incoming row changes in the known row, when this reading meets the known row for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Nothing,
    /// The content differs, but the row was already sent.
    Ignored,
    /// It equals the row before its correction: the correction stays current.
    Outdated,
    /// The row is in this state, `failed` or `rejected`, and stays so: it comes as it was.
    StillRefused(State),
    /// The row is rejected, and stays so: it comes as it was when it was acknowledged.
    Acknowledged,
    /// The row was refused, and is retried.
    Retry,
    /// The row was discarded unsent, and is to be sent after all.
    TakeUp,
    /// The row is in doubt, and `forget` has erased its data: it has the data again, so that it can be looked up.
    BringBack,
    /// The row was refused and would be retried, but its domain is burned.
    Burned,
    /// Its acceptance of the agreement becomes the current one, instead of the one with this id. It is to be recorded,
    /// or is rejected.
    Accept {
        instead_of: Option<i64>,
    },
    /// The acceptance with this id belongs to this file from now on.
    AdoptAcceptance(i64),
    /// The row no longer brings an acceptance: the rejected one is withdrawn.
    WithdrawAcceptance,
}

impl IngestSession {
    pub(super) fn apply(
        &mut self,
        tx: &Transaction<'_>,
        candidate: &mut Candidate,
        decision: Decision,
    ) -> Result<()> {
        match decision {
            Decision::Known { row, change, adopts } => {
                if !self.meet_known(row, candidate.line) {
                    return Ok(());
                }
                self.change(tx, row, change, candidate)?;
                if adopts {
                    self.adopt(tx, ("customer_rows", &row), candidate, change == Change::Ignored)?;
                }
                self.counts.continued += u64::from(self.is_continued(tx, row)?);
            }
            Decision::New { stands, problem, replaces } => {
                // The key must be free before the new row takes it.
                for row in &replaces {
                    let old = CurrentStep::of(tx, StepKind::Create, *row)?;
                    old.take(tx, StepEvent::Replaced, "key_domain = NULL", &[])?;
                }
                // Not to be found later from its own export, so it gives the row its code.
                let is_first = problem.as_ref().is_some_and(|it| it.rule == Rule::ChangedCell.name());
                let place = if is_first { 0 } else { candidate.problems.len() };
                candidate.problems.splice(place..place, problem);
                let row = self.insert(tx, candidate, stands)?;
                self.seen.meet(row, candidate.line);
                for old in replaces {
                    point_to(tx, old, row)?;
                }
            }
        }
        Ok(())
    }

    /// Counts a row that equals `row` of the ledger. Returns true if this reading meets that row for the first time.
    pub(super) fn meet_known(&mut self, row: RowId, line: u64) -> bool {
        let is_first = self.seen.meet(row, line);
        if is_first {
            self.counts.known += 1;
            return true;
        }
        self.counts.duplicates += 1;
        if self.duplicate_lines.len() < DUPLICATES_NAMED {
            self.duplicate_lines.push(line);
        }
        false
    }

    /// Is this known row open, so that it is not skipped? A row of an earlier file of this run is counted there.
    fn is_continued(&self, tx: &Transaction<'_>, row: RowId) -> Result<bool> {
        let sql = "SELECT state FROM customer_rows WHERE id = ?1";
        let state: State = tx.prepare_cached(sql)?.query_row([row], |found| found.get(0))?;
        Ok(state.is_open() && self.seen.earlier.place_of(row).is_none())
    }

    fn change(
        &mut self,
        tx: &Transaction<'_>,
        row: RowId,
        change: Change,
        candidate: &mut Candidate,
    ) -> Result<()> {
        let counts = &mut self.counts;
        match change {
            Change::Nothing => {}
            Change::StillRefused(State::Failed) => counts.still_failed += 1,
            Change::StillRefused(_) => counts.still_rejected += 1,
            Change::Ignored => {
                self.seen.meet_changed(row, candidate.content_hash);
                counts.ignored_changes += 1;
                if self.ignored.len() < IGNORED_NAMED {
                    let domain = candidate.domain.as_ref().map_or("", DomainName::as_str);
                    self.ignored.push((candidate.line, domain.to_owned()));
                }
                // What is not sent any more need not be right.
                candidate.problems.clear();
            }
            // Its problems are known.
            Change::Acknowledged => candidate.problems.clear(),
            Change::Outdated => {
                static BY: LazyLock<String> = LazyLock::new(|| last_correction("?1"));
                let by = tx.prepare_cached(&BY)?.query_row([row], |found| found.get(0)).optional()?;
                self.seen.meet_outdated(by);
                counts.replaced += 1;
                candidate.problems.clear();
            }
            Change::Retry => {
                retry_row(tx, row, self.source, candidate)?;
                counts.retried += 1;
            }
            Change::TakeUp => {
                take_up(tx, row, self.source, candidate)?;
                counts.taken_up += 1;
            }
            Change::BringBack => bring_back(tx, row, self.source, candidate)?,
            Change::Burned => counts.burned += 1,
            Change::Accept { instead_of } => {
                agreement::replace(tx, row, self.source, candidate, instead_of)?;
                match candidate.customer {
                    Some(_) => counts.agreements += 1,
                    None => counts.agreements_rejected += 1,
                }
            }
            Change::AdoptAcceptance(id) => self.adopt(tx, ("agreements", &id), candidate, false)?,
            Change::WithdrawAcceptance => {
                CurrentStep::of(tx, StepKind::Agreement, row)?.take(tx, StepEvent::Discarded, "", &[])?;
            }
        }
        Ok(())
    }

    fn insert(&mut self, tx: &Transaction<'_>, candidate: &Candidate, stands: bool) -> Result<RowId> {
        let problems = &candidate.problems;
        let error = problems.iter().find(|problem| problem.severity == Severity::Error);
        let state = if error.is_some() { State::Rejected } else { State::Pending };
        self.counts.new += 1;
        self.counts.rejected += u64::from(state == State::Rejected);
        let customer = candidate.customer.as_ref().filter(|_| error.is_none()).map(json).transpose()?;
        let domain = candidate.domain.as_ref().map(DomainName::as_str);
        let now = clock::now().as_millisecond();
        let values: [Value<'_>; 16] = [
            ("source_id", &self.source),
            ("line", &candidate.line),
            ("domain", &domain),
            ("key_domain", &domain.filter(|_| stands)),
            ("state", &state),
            ("content_hash", &candidate.content_hash),
            ("cells", &candidate.cells),
            ("customer", &customer),
            ("external_id", &candidate.external_id),
            ("reseller_id", &candidate.reseller.map(|id| id.to_string())),
            ("problems", &if problems.is_empty() { None } else { Some(json(problems)?) }),
            ("request_id", &error.is_none().then(RequestId::draw)),
            ("error_code", &error.map(|problem| &problem.rule)),
            ("error_text", &error.map(|problem| &problem.message)),
            ("made_at", &now),
            ("changed_at", &now),
        ];
        let row = insert(tx, "customer_rows", &values)?;
        Ok(RowId(row))
    }

    /// Moves a row, or an acceptance, of a file that was never read to its end to this file. `is_changed`: its values are
    /// not those that were sent.
    fn adopt(
        &self,
        tx: &Transaction<'_>,
        (table, id): (&str, &dyn ToSql),
        candidate: &Candidate,
        is_changed: bool,
    ) -> Result<()> {
        let Candidate { line, cells, .. } = candidate;
        // The cells too: the same values may be under other headers here. Other values only where the old ones could not
        // be read any more. Erased cells stay erased.
        let sql = format!(
            "UPDATE {table} SET cells = ?2
              WHERE id = ?1 AND length(cells) > 0
                AND NOT (?3 AND (SELECT header FROM sources WHERE id = {table}.source_id)
                                IS (SELECT header FROM sources WHERE id = ?4))"
        );
        tx.prepare_cached(&sql)?.execute((id, cells, is_changed, self.source))?;
        update(tx, table, id, &[("source_id", &self.source), ("line", line)])
    }
}

/// Stores which row replaces `row`.
pub(super) fn point_to(tx: &Transaction<'_>, row: RowId, by: RowId) -> Result<()> {
    update(tx, "customer_rows", &row, &[("replaced_by", &by)])?;
    // If a domain was in doubt, it stays in doubt for the row that replaces the old one.
    tx.prepare_cached(
        "UPDATE customer_rows SET unclear_before = 1
           FROM customer_rows AS old
          WHERE customer_rows.id = ?2 AND old.id = ?1 AND old.domain = customer_rows.domain
            AND (old.unclear_before OR old.in_doubt_since IS NOT NULL)",
    )?
    .execute((row, by))?;
    // Other lists contain the row that waits instead of this one, the last readings of its own list among them, since that
    // has the row: all, and those that were agreed to.
    static CARRY_LISTS: LazyLock<String> = LazyLock::new(|| {
        format!(
            "UPDATE customer_rows
                SET also_in = (SELECT nullif(json_group_array(reading), '[]')
                                 FROM (SELECT value AS reading FROM json_each(customer_rows.also_in)
                                       UNION SELECT value FROM json_each(old.also_in)
                                       UNION SELECT max(last.id) FROM sources theirs
                                               JOIN sources own ON own.id = customer_rows.source_id
                                               JOIN sources last ON {} AND {}
                                              WHERE theirs.id = old.source_id AND last.id >= theirs.id AND NOT {}
                                                AND (old.gone_at IS NULL OR last.read_at < old.gone_at)
                                              GROUP BY last.completed_at IS NOT NULL))
               FROM customer_rows AS old
              WHERE customer_rows.id = ?2 AND customer_rows.state = 'pending'
                AND old.id = ?1 AND old.domain = customer_rows.domain AND old.source_id <> customer_rows.source_id",
            is_same_list("last", "theirs"),
            is_reading("last"),
            is_same_list("theirs", "own")
        )
    });
    tx.prepare_cached(&CARRY_LISTS)?.execute((row, by))?;
    Ok(())
}

/// Makes a refused row pending again. A definite answer has used up its request id, so it gets a new one. The row
/// belongs to the retrying file from now on, so that declining that file also declines the row. Its refusal is kept
/// until it is sent; [`withdraw`](super::consent::withdraw) recognizes it by that. `candidate` has no errors.
fn retry_row(tx: &Transaction<'_>, row: RowId, source: SourceId, candidate: &Candidate) -> Result<()> {
    let facts = "next_step = 'create', unclear_before = unclear_before OR in_doubt_since IS NOT NULL,
                 in_doubt_since = NULL, last_sent_at = NULL, in_doubt_boot = NULL, last_sent_boot = NULL,
                 ask_rounds = 0, erased_at = NULL";
    let values: [Value<'_>; 5] = [
        ("request_id", &RequestId::draw()),
        ("source_id", &source),
        ("line", &candidate.line),
        ("cells", &candidate.cells),
        ("customer", &candidate.customer.as_ref().map(json).transpose()?),
    ];
    CurrentStep::of(tx, StepKind::Create, row)?.take(tx, StepEvent::TakenUp, facts, &values)
}

/// Makes a declined row pending again, as `candidate`, which has no errors. It is the current row of its domain again.
fn take_up(tx: &Transaction<'_>, row: RowId, source: SourceId, candidate: &Candidate) -> Result<()> {
    let facts = "next_step = 'create', ask_rounds = 0, domain_burned = 0, error_code = NULL,
                 error_status = NULL, error_text = NULL, gone_at = NULL, erased_at = NULL";
    let problems = &candidate.problems;
    let values: [Value<'_>; 9] = [
        ("key_domain", &candidate.domain.as_ref().map(DomainName::as_str)),
        ("request_id", &RequestId::draw()),
        ("source_id", &source),
        ("line", &candidate.line),
        ("cells", &candidate.cells),
        ("customer", &candidate.customer.as_ref().map(json).transpose()?),
        ("external_id", &candidate.external_id),
        ("reseller_id", &candidate.reseller.map(|id| id.to_string())),
        ("problems", &if problems.is_empty() { None } else { Some(json(problems)?) }),
    ];
    CurrentStep::of(tx, StepKind::Create, row)?.take(tx, StepEvent::TakenUp, facts, &values)
}

/// Stores the data of an erased row again. Its state stays as it is. `candidate` has no errors.
fn bring_back(tx: &Transaction<'_>, row: RowId, source: SourceId, candidate: &Candidate) -> Result<()> {
    let values: [Value<'_>; 5] = [
        ("source_id", &source),
        ("line", &candidate.line),
        ("cells", &candidate.cells),
        ("customer", &candidate.customer.as_ref().map(json).transpose()?),
        ("erased_at", &None::<i64>),
    ];
    update(tx, "customer_rows", &row, &values)
}
