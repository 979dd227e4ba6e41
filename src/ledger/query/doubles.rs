//! Finds new rows that are probably customers which the ledger has under another domain.

use std::collections::{BTreeMap, HashMap};
use std::hash::RandomState;
use std::num::NonZeroU64;

use super::super::steps::State;
use super::super::stored::{customer_of, each, value};
use super::super::{Error, Result, RowId, RunId};
use super::Queries;
use tenantry_model::company::{CompanyKeys, CompanyParts};

/// How many new rows are compared at once with all older rows; they take about 15 MB.
const ROWS_AT_ONCE: usize = 200_000;

/// How many rows are named.
const ROWS_NAMED: usize = 3;

/// New rows that look like customers of the ledger.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LedgerDoubles {
    pub rows: u64,
    /// The first of these rows.
    pub first: Vec<LedgerDouble>,
    /// Older rows whose data was erased. They were compared by external id only.
    pub erased: u64,
}

/// A new row, and the domain of an older one with the same external id, or the same company name and address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerDouble {
    pub line: u64,
    pub domain: String,
    pub known_domain: String,
}

impl Queries {
    /// Compares the new rows of `run` with the rows of earlier runs that are customers, or may become customers.
    pub fn doubles(&self, run: RunId) -> Result<LedgerDoubles> {
        let mut found = LedgerDoubles::default();
        let has_older = "SELECT EXISTS (SELECT 1 FROM sources WHERE run_id <> ?1)";
        if !value(&self.connection, has_older, [run])? {
            return Ok(found);
        }
        let mut after = RowId(0);
        loop {
            let new = self.new_rows(run, after)?;
            let Some(last) = new.ids.last() else { return Ok(found) };
            after = *last;
            self.compare(run, new, &mut found)?;
        }
    }

    fn new_rows(&self, run: RunId, after: RowId) -> Result<NewRows> {
        let mut new = NewRows::default();
        let sql = "SELECT r.id, r.customer FROM customer_rows r JOIN sources s ON s.id = r.source_id
                    WHERE r.state = 'pending' AND s.run_id = ?1 AND r.id > ?2 ORDER BY r.id LIMIT ?3";
        each(&self.connection, sql, (run, after, ROWS_AT_ONCE), |row| {
            new.add(row.get(0)?, row.get_ref(1)?.as_str().unwrap_or_default());
            Ok::<_, Error>(())
        })?;
        Ok(new)
    }

    /// Adds those of the new rows that have a double.
    fn compare(&self, run: RunId, new: NewRows, found: &mut LedgerDoubles) -> Result<()> {
        let may_be_customer = |state: State| state.is_customer() || state.is_open() || state.is_in_doubt();
        let sql = format!(
            "SELECT r.domain, r.customer, r.external_id FROM customer_rows r JOIN sources s ON s.id = r.source_id
              WHERE r.state IN ({}) AND s.run_id <> ?1",
            State::sql_list(may_be_customer)
        );
        let mut is_double = vec![false; new.ids.len()];
        // By the place of the new row.
        let mut first: BTreeMap<usize, String> = BTreeMap::new();
        found.erased = 0;
        each(&self.connection, &sql, [run], |row| {
            let text = |index| row.get_ref(index)?.as_str_or_null().map_err(rusqlite::Error::from);
            let (customer, external_id) = (text(1)?, text(2)?);
            found.erased += u64::from(customer.is_none());
            for place in new.like(customer, external_id) {
                if !std::mem::replace(&mut is_double[place], true) {
                    found.rows += 1;
                    first.insert(place, row.get(0)?);
                    if first.len() > ROWS_NAMED {
                        first.pop_last();
                    }
                }
            }
            Ok::<_, Error>(())
        })?;
        for (place, known_domain) in first.into_iter().take(ROWS_NAMED - found.first.len()) {
            let sql = "SELECT line, domain FROM customer_rows WHERE id = ?1";
            let (line, domain) = self.connection.query_row(sql, [new.ids[place]], |row| row.try_into())?;
            found.first.push(LedgerDouble { line, domain, known_domain });
        }
        Ok(())
    }
}

/// New rows that are compared at once, and the first of them with each fingerprint.
#[derive(Default)]
struct NewRows {
    key: RandomState,
    ids: Vec<RowId>,
    by_external_id: HashMap<NonZeroU64, usize>,
    by_address: HashMap<NonZeroU64, usize>,
}

impl NewRows {
    fn add(&mut self, id: RowId, customer: &str) {
        let place = self.ids.len();
        self.ids.push(id);
        let Some(keys) = self.keys(Some(customer), None) else { return };
        for (index, key) in
            [(&mut self.by_external_id, keys.external_id), (&mut self.by_address, keys.address)]
        {
            if let Some(key) = key {
                index.entry(key).or_insert(place);
            }
        }
    }

    /// The places of new rows that look like this stored customer.
    fn like(&self, customer: Option<&str>, external_id: Option<&str>) -> impl Iterator<Item = usize> {
        let keys = self.keys(customer, external_id);
        let of = |index: &HashMap<NonZeroU64, usize>, key: Option<NonZeroU64>| index.get(&key?).copied();
        let places =
            keys.map(|it| [of(&self.by_external_id, it.external_id), of(&self.by_address, it.address)]);
        places.into_iter().flatten().flatten()
    }

    /// `None` for a customer that cannot be parsed; the run itself reports such a row. Of an erased customer, only the
    /// external id is known.
    fn keys(&self, customer: Option<&str>, external_id: Option<&str>) -> Option<CompanyKeys> {
        let Some(customer) = customer else {
            let external_id = external_id.unwrap_or_default();
            return Some(CompanyParts { external_id, ..CompanyParts::default() }.keys(&self.key));
        };
        customer_of(customer).ok().map(|customer| CompanyParts::of(&customer).keys(&self.key))
    }
}
