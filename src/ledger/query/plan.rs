//! What a submission is about to do, as the operator is asked to confirm it.

use rusqlite::Connection;

use super::super::ingest::{AwaitingConsent, missing};
use super::super::steps::{STANDING, State};
use super::super::stored::{collect, field_of, is_after_copy, value};
use super::super::{Result, RunId};
use super::Queries;
use super::doubles::LedgerDoubles;

/// What a submission is about to do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SubmissionPlan {
    /// Customers to be created, largest group first.
    pub groups: Vec<PlanGroup>,
    /// Rows of the groups that were sent already: their customers may exist.
    pub in_flight: u64,
    /// Acceptances to be recorded.
    pub agreements: u64,
    /// New rows among them that look like customers of the ledger; only of a plan that an operator sees.
    pub doubles: LedgerDoubles,
}

impl SubmissionPlan {
    /// Customers to be created.
    pub fn rows(&self) -> u64 {
        self.groups.iter().map(|group| group.rows).sum()
    }

    /// Customers that certainly do not exist yet.
    pub fn new_rows(&self) -> u64 {
        self.rows() - self.in_flight
    }

    /// There is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.rows() + self.agreements == 0
    }

    /// The part of the plan that only a user may do.
    pub fn user_needs(&self) -> UserNeeds {
        let for_resellers = self.groups.iter().filter(|group| group.reseller.is_some());
        UserNeeds {
            for_resellers: for_resellers.map(|group| group.rows).sum(),
            with_agreements: self.agreements,
        }
    }
}

/// Rows of one country and reseller that are about to be created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanGroup {
    pub country: String,
    pub reseller: Option<String>,
    pub rows: u64,
}

/// Open work that needs a user's sign-in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UserNeeds {
    pub for_resellers: u64,
    pub with_agreements: u64,
}

/// SQL: was `source` read to its end, and only consent is missing? Then `resume` asks for it. A list that might have been
/// refused as a whole does not count: that is decided when the whole of it is read, and a list from standard input cannot
/// be read again.
pub(crate) fn is_undecided(source: &str) -> String {
    format!(
        "{source}.completed_at IS NULL AND {source}.read_at IS NOT NULL
         AND {source}.invalid_at IS NULL AND {source}.let_go_at IS NULL AND {}
         AND NOT coalesce(json_extract({source}.given, '$.require_valid')
                          OR ({source}.path <> '-' AND (json_extract({source}.given, '$.strict')
                                                        OR json_extract({source}.given, '$.has_max_new'))), 0)",
        is_after_copy(source)
    )
}

/// Condition on `sources`: read to its end, with consent.
const SENDABLE: &str = "sources.completed_at IS NOT NULL";

impl Queries {
    /// What `run` is about to create, largest group first, after consent to `what`.
    pub fn plan(&self, run: RunId, what: AwaitingConsent) -> Result<SubmissionPlan> {
        Ok(SubmissionPlan { doubles: self.doubles(run)?, ..plan(&self.connection, run, what)? })
    }

    /// What earlier runs have read to the end without consent ([`super::super::AwaitingConsent::OfEarlierRuns`]).
    pub fn undecided(&self) -> Result<SubmissionPlan> {
        plan_of(&self.connection, &is_undecided("sources"), "")
    }

    /// The part of the open work that only a user may do.
    pub fn user_needs(&self) -> Result<UserNeeds> {
        Ok(plan_of(&self.connection, SENDABLE, "")?.user_needs())
    }
}

/// What a submission is about to do. Also works in an uncommitted transaction.
pub(crate) fn plan(connection: &Connection, run: RunId, what: AwaitingConsent) -> Result<SubmissionPlan> {
    let sources = what.sources(run);
    let is_missing = format!("AND customer_rows.id NOT IN ({})", missing(&sources));
    plan_of(connection, &format!("({SENDABLE} OR sources.id IN ({sources}))"), &is_missing)
}

/// Open rows that match `and_rows`, and open acceptances, of sources that match `is_meant`.
fn plan_of(connection: &Connection, is_meant: &str, and_rows: &str) -> Result<SubmissionPlan> {
    let open = State::sql_list(State::is_open);
    let sql = format!(
        "SELECT count(*) FROM agreements a JOIN sources ON sources.id = a.source_id
          WHERE {STANDING} AND a.state IN ({open}) AND {is_meant}"
    );
    let mut plan = SubmissionPlan { agreements: value(connection, &sql, [])?, ..SubmissionPlan::default() };
    let sql = format!(
        "SELECT coalesce({}, '?'), {}, count(*), count({}), count(*) FILTER (WHERE state = 'in_flight')
           FROM customer_rows JOIN sources ON sources.id = customer_rows.source_id
          WHERE state IN ({open}) AND {is_meant} {and_rows}
          GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2",
        field_of("customer", "country"),
        field_of("customer", "associated_partner_id"),
        field_of("customer", "agreement"),
    );
    plan.groups = collect(connection, &sql, [], |row| {
        plan.agreements += row.get::<_, u64>(3)?;
        plan.in_flight += row.get::<_, u64>(4)?;
        Ok(PlanGroup { country: row.get(0)?, reseller: row.get(1)?, rows: row.get(2)? })
    })?;
    Ok(plan)
}
