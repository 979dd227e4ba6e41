//! Finds rows of a list that are probably one customer under two domains, and whether most have one mail domain.
//!
//! The rows of all files of a command are compared. An index in memory has the first row of each company: 15 bytes
//! for a fingerprint. So that it does not grow with the list, it takes a limited number of companies; every row is
//! compared with these.

use std::hash::BuildHasher;
use std::num::NonZeroU64;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::cross_row::{Double, duplicate_company};
use super::places::{Place, Places};
use super::shared_mail::{RowMail, SharedMail};
use crate::customer::Field;
use crate::problem::{Problem, Strictness};
use crate::reader::Header;
use crate::validation::Validation;

/// How many companies are indexed by each kind of fingerprint: both indexes together take 8 MB then. A check of a million
/// rows has to fit into 64 MiB, and half of them are taken by what tells equal rows.
const COMPANIES_MAX: usize = 200_000;

/// The filter of an index has 2^21 bits, ten for each company.
const FILTER_BITS: u32 = 21;
const FILTER_WORDS: usize = (1 << FILTER_BITS) / 64;

/// The random key of the fingerprints.
#[derive(Debug, Clone, Default)]
pub(crate) struct CompanyHasher(foldhash::quality::RandomState);

/// The fingerprints of a row.
#[derive(Debug, Clone)]
pub(crate) struct RowKeys {
    domain: u32,
    external_id: Option<NonZeroU64>,
    address: Option<NonZeroU64>,
    mail: Option<RowMail>,
}

impl CompanyHasher {
    /// `None` for a row without a domain, or whose cells cannot be assigned to columns.
    pub(crate) fn keys(&self, row: &Validation<'_>) -> Option<RowKeys> {
        let (domain, company) = row.company()?;
        let keys = company.keys(&self.0);
        // These bits tell apart two domains: a double is missed once in four billion times.
        let [bits @ .., _, _, _, _] = self.0.hash_one(domain.as_str()).to_le_bytes();
        let domain = u32::from_le_bytes(bits);
        let mail = RowMail::of(row.email(), company.company_name, &self.0);
        Some(RowKeys { domain, external_id: keys.external_id, address: keys.address, mail })
    }
}

/// The names of the columns that a problem is about.
#[derive(Debug, Clone)]
pub(crate) struct CompanyColumns {
    external_id: String,
    company_name: String,
    email: String,
}

impl CompanyColumns {
    pub(crate) fn of(header: &Header) -> Self {
        let name = |field| header.name_of(field).to_owned();
        Self {
            external_id: name(Field::ExternalId),
            company_name: name(Field::CompanyName),
            email: name(Field::Email),
        }
    }
}

/// What is remembered of the companies of a list.
pub(crate) struct Companies {
    places: Places,
    hasher: CompanyHasher,
    /// The mail domains of the current file, if the partner's are not known.
    mail: Option<SharedMail>,
    by_external_id: FirstRows,
    by_address: FirstRows,
}

impl Companies {
    /// `knows_partner`: the partner's own mail domains are known.
    pub(crate) fn new(knows_partner: bool) -> Self {
        Self {
            places: Places::default(),
            hasher: CompanyHasher::default(),
            mail: (!knows_partner).then(SharedMail::default),
            by_external_id: FirstRows::default(),
            by_address: FirstRows::default(),
        }
    }

    /// The next rows are from the file at `path`.
    pub(crate) fn begin_file(&mut self, path: &str) {
        self.places.begin_file(path);
        if let Some(mail) = &mut self.mail {
            *mail = SharedMail::default();
        }
    }

    /// The problem of the current file as a whole, once all its rows have come.
    pub(crate) fn end_file(&self, columns: &CompanyColumns, strictness: &Strictness) -> Option<Problem> {
        self.mail.as_ref()?.problem(&columns.email, strictness)
    }

    pub(crate) fn hasher(&self) -> CompanyHasher {
        self.hasher.clone()
    }

    /// Compares a row with the earlier rows. Rows must come in the order of the file.
    pub(crate) fn meet(
        &mut self,
        line: u64,
        keys: RowKeys,
        columns: &CompanyColumns,
        strictness: &Strictness,
    ) -> Option<Problem> {
        if let (Some(mail), Some(of_row)) = (&mut self.mail, keys.mail) {
            mail.meet(of_row);
        }
        let place = self.places.place(line);
        let first =
            |index: &mut FirstRows, key: Option<NonZeroU64>| index.meet(key?.get(), keys.domain, place);
        let by_id = first(&mut self.by_external_id, keys.external_id);
        let by_address = first(&mut self.by_address, keys.address);
        let (double, column, first) = match (by_id, by_address) {
            (Some(first), _) => (Double::ExternalId, &columns.external_id, first),
            (None, Some(first)) => (Double::Address, &columns.company_name, first),
            (None, None) => return None,
        };
        let (first_line, file) = self.places.line(first);
        Some(duplicate_company(line, column, double, first_line, file, strictness))
    }

    /// A note for the operator if some rows were not compared with all others.
    pub(crate) fn note(&self) -> Option<String> {
        (self.by_external_id.is_full || self.by_address.is_full).then(|| {
            format!(
                "Only the first {COMPANIES_MAX} companies were compared to find one company under two \
                     domains."
            )
        })
    }
}

/// The first row of each fingerprint.
struct FirstRows {
    /// A bit for each fingerprint in the table; some fingerprints share one. It answers nearly every question of a full
    /// table, and is small enough to stay in a fast cache.
    filter: Box<[u64]>,
    table: HashTable<FirstRow>,
    /// A row was left out.
    is_full: bool,
}

/// Without padding. In a list of a million companies, 48 bits confuse one with another once in a thousand checks.
struct FirstRow {
    fingerprint: [u8; 6],
    domain: [u8; 4],
    place: [u8; 4],
}

impl Default for FirstRows {
    fn default() -> Self {
        Self { filter: vec![0; FILTER_WORDS].into(), table: HashTable::new(), is_full: false }
    }
}

impl FirstRows {
    /// The place of the first row with this fingerprint, if that has another domain.
    fn meet(&mut self, fingerprint: u64, domain: u32, place: Place) -> Option<Place> {
        if self.table.is_empty() {
            // A table that grows is copied each time, and has both copies in memory.
            self.table.reserve(COMPANIES_MAX, |row| spread(row.fingerprint));
        }
        let is_full = self.table.len() == COMPANIES_MAX;
        let bit = fingerprint >> (u64::BITS - FILTER_BITS);
        let (word, bit) = (&mut self.filter[(bit / 64) as usize], 1 << (bit % 64));
        if is_full && *word & bit == 0 {
            self.is_full = true;
            return None;
        }
        let [fingerprint @ .., _, _] = fingerprint.to_le_bytes();
        let domain = domain.to_le_bytes();
        match self.table.entry(
            spread(fingerprint),
            |row| row.fingerprint == fingerprint,
            |row| spread(row.fingerprint),
        ) {
            Entry::Occupied(row) => {
                let first = row.get();
                (first.domain != domain).then(|| Place::from_le_bytes(first.place))
            }
            Entry::Vacant(_) if is_full => {
                self.is_full = true;
                None
            }
            Entry::Vacant(free) => {
                *word |= bit;
                free.insert(FirstRow { fingerprint, domain, place: place.to_le_bytes() });
                None
            }
        }
    }
}

/// A table uses the lowest and the highest bits of a hash.
fn spread([a, b, c, d, e, f]: [u8; 6]) -> u64 {
    u64::from_le_bytes([a, b, c, d, e, f, e, f])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Passes rows as (domain, external id, address), starting at line 2 of each file. Returns what is found on which
    /// line.
    #[track_caller]
    fn check(files: &[&[(u32, u64, u64)]], expected: &[&str]) {
        let [external_id, company_name, email] = ["Id", "Name", "Mail"].map(str::to_owned);
        let columns = CompanyColumns { external_id, company_name, email };
        let mut companies = Companies::new(true);
        let mut found = Vec::new();
        for (file, rows) in ["a.csv", "b.csv"].into_iter().zip(files) {
            companies.begin_file(file);
            for (line, &(domain, external_id, address)) in (2..).zip(*rows) {
                let [external_id, address] = [external_id, address].map(NonZeroU64::new);
                let keys = RowKeys { domain, external_id, address, mail: None };
                let problem = companies.meet(line, keys, &columns, &Strictness::default());
                found.extend(problem.map(|it| format!("{} {}: {}", it.line, it.column, it.message)));
            }
        }
        let of = |text: &&str| text.replace(" (…)", ", under another domain");
        assert_eq!(found, expected.iter().map(of).collect::<Vec<_>>());
    }

    #[test]
    fn a_company_under_two_domains_is_found() {
        check(&[&[(1, 7, 8), (2, 9, 10), (3, 0, 0), (4, 0, 0)]], &[]);
        check(&[&[(1, 7, 0), (2, 7, 0)]], &["3 Id: is already on line 2 (…)"]);
        check(
            &[&[(1, 0, 8), (2, 0, 9), (3, 0, 8)]],
            &["4 Name: is already on line 2 with the same address (…)"],
        );
        // One warning for a row, and all name the first row.
        check(
            &[&[(1, 7, 8), (2, 7, 8), (3, 0, 8)]],
            &["3 Id: is already on line 2 (…)", "4 Name: is already on line 2 with the same address (…)"],
        );
        // The same domain again is another matter.
        check(&[&[(1, 7, 8), (1, 7, 8)]], &[]);
        check(&[&[(1, 7, 0)], &[(2, 7, 0)]], &["2 Id: is already on line 2 of `a.csv` (…)"]);
    }

    #[test]
    fn an_index_is_limited_and_says_so() {
        let key = CompanyHasher::default();
        let mut index = FirstRows::default();
        let fingerprint = |row: usize| key.0.hash_one(row);
        for row in 0..COMPANIES_MAX {
            assert_eq!(index.meet(fingerprint(row), 1, 2), None);
        }
        assert!(!index.is_full);
        let bytes = index.table.allocation_size();
        assert!(bytes < 1 << 22, "{bytes}");
        assert_eq!(index.meet(fingerprint(COMPANIES_MAX), 1, 2), None);
        assert_eq!(index.meet(fingerprint(COMPANIES_MAX), 2, 3), None);
        assert!(index.is_full);
        assert_eq!(index.meet(fingerprint(7), 2, 3), Some(2));
    }
}
