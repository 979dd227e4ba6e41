//! Notices a list in which most rows have their e-mail address in one domain, although their companies differ.
//!
//! That is probably the partner's own domain, in which Partner Center refuses addresses. It is looked for where the
//! partner's domains are not known. Memory does not grow with the list: a few domains are counted at a time, and one
//! that more than half of the rows have is always among them (Misra and Gries).

use std::cell::Cell;
use std::hash::BuildHasher;

use arrayvec::ArrayVec;
use memchr::memrchr;

use super::cross_row::shared_email_domain;
use crate::problem::{Problem, Strictness};
use crate::validation::is_free_mail;

/// How many domains are counted at a time.
const COUNTED: usize = 16;

/// Fewer companies are likely to belong together.
const COMPANIES_MIN: usize = 5;

/// A longer domain is not counted; no name in the DNS is longer.
const DOMAIN_BYTES_MAX: usize = 253;

thread_local! {
    /// The mail domains of the last two rows that this thread has validated.
    static LAST_TWO: Cell<[u64; 2]> = const { Cell::new([0; 2]) };
}

/// Fingerprints of the mail domain of a row, and of its company's name.
#[derive(Debug, Clone)]
pub(crate) struct RowMail {
    domain: u64,
    company: u64,
    /// The domain in lower case, if one of the two rows before has it too. That happens with every domain that more than
    /// half of the rows have, and seldom with another, so most rows are small and cost no allocation.
    text: Option<Box<str>>,
}

impl RowMail {
    /// `None` if `email` is not an address. Rows must be passed in the order of the file, but for those that other threads
    /// validate.
    pub(crate) fn of(email: &str, company_name: &str, key: &impl BuildHasher) -> Option<Self> {
        let domain = &email[memrchr(b'@', email.as_bytes())? + 1..];
        let mut lower = [0; DOMAIN_BYTES_MAX];
        let lower = lower.get_mut(..domain.len())?;
        lower.copy_from_slice(domain.as_bytes());
        lower.make_ascii_lowercase();
        let fingerprint = key.hash_one(&*lower);
        let before @ [_, last] = LAST_TWO.replace([0; 2]);
        LAST_TWO.set([last, fingerprint]);
        let is_repeated = before.contains(&fingerprint);
        let text = is_repeated.then(|| domain.to_ascii_lowercase().into_boxed_str());
        Some(Self { domain: fingerprint, company: key.hash_one(company_name), text })
    }
}

/// The mail domains of the rows of one file.
#[derive(Debug, Default)]
pub(crate) struct SharedMail {
    rows: u64,
    counted: ArrayVec<Counted, COUNTED>,
}

/// A mail domain that may be the one of most rows.
#[derive(Debug)]
struct Counted {
    domain: u64,
    text: Option<Box<str>>,
    /// At least so many rows more than the others have it.
    rows: u64,
    /// The first companies.
    companies: ArrayVec<u64, COMPANIES_MIN>,
}

impl SharedMail {
    pub(crate) fn meet(&mut self, mail: RowMail) {
        self.rows += 1;
        if let Some(counted) = self.counted.iter_mut().find(|it| it.domain == mail.domain) {
            counted.rows += 1;
            counted.text = counted.text.take().or(mail.text);
            if !counted.companies.is_full() && !counted.companies.contains(&mail.company) {
                counted.companies.push(mail.company);
            }
            return;
        }
        let companies = std::iter::once(mail.company).collect();
        let new = Counted { domain: mail.domain, text: mail.text, rows: 1, companies };
        if self.counted.try_push(new).is_err() {
            self.counted.iter_mut().for_each(|it| it.rows -= 1);
            self.counted.retain(|it| it.rows > 0);
        }
    }

    /// The problem of the file, if there is one. `column`: the name of the e-mail column.
    pub(crate) fn problem(&self, column: &str, strictness: &Strictness) -> Option<Problem> {
        let most = self.counted.iter().max_by_key(|it| it.rows)?;
        let is_shared = most.companies.is_full() && most.rows.saturating_mul(2) > self.rows;
        let domain = most.text.as_deref().filter(|domain| is_shared && !is_free_mail(domain))?;
        Some(shared_email_domain(column, domain, strictness))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The shared domain of rows as (address, company).
    fn shared(rows: impl Iterator<Item = (String, u64)>) -> Option<String> {
        let key = foldhash::quality::RandomState::default();
        let mut mail = SharedMail::default();
        for (email, company) in rows {
            mail.meet(RowMail::of(&email, &company.to_string(), &key)?);
        }
        mail.problem("email", &Strictness::default()).map(|it| it.value)
    }

    #[test]
    fn a_domain_of_most_rows_is_found_if_their_companies_differ() {
        let ours = |company: u64| ("csp@Tailspin.com".to_owned(), company);
        let theirs = |company: u64| (format!("ana@c{company}.com"), company);
        let found = Some("tailspin.com".to_owned());
        assert_eq!(shared((0..5).map(ours)), found);
        assert_eq!(shared((0..4).map(ours)), None);
        assert_eq!(shared((0..9).map(|company| ours(company % 4))), None, "branches of four companies");
        assert_eq!(shared((0..100).map(|row| if row < 40 { theirs(row) } else { ours(row) })), found);
        assert_eq!(shared((0..100).map(|row| if row < 60 { theirs(row) } else { ours(row) })), None);
        assert_eq!(shared((0..100).map(|row| if row % 3 == 0 { theirs(row) } else { ours(row) })), found);
        assert_eq!(shared((0..9).map(|company| ("ana@gmail.com".to_owned(), company))), None);
        assert_eq!(shared((0..1000).map(theirs)), None);
    }
}
