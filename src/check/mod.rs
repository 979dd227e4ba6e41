//! The check of files: every problem of every row, nothing written, nothing created.
//!
//! A row is judged by the same [`Validator`](crate::validation::Validator) as in an import, and what its
//! [`siblings`] show is told in the same words. So a file is judged as an import into an empty ledger would judge it.
//! Each file stands for itself: an import takes a later file's row for the correction of an earlier file's that still
//! waits, so only rows of one file can name a domain twice. Problems are handed on as they come and are never
//! collected: what stays in memory of a row is what [`siblings`] says.

mod json;
mod online;
mod plan;
mod siblings;
mod tally;
mod text;

use crate::customer::{Customer, Field};
use crate::reader::Header;
use crate::validation::{Problem, Severity, Verdict, duplicate_domain, mixed_resellers};

pub(crate) use json::Json;
pub(crate) use online::{InOrder, Online, Told};
pub(crate) use tally::Tally;
pub(crate) use text::{Ending, Text};

use siblings::{Siblings, Standing};

/// A row as validation leaves it.
pub(crate) struct Judged {
    pub(crate) line: u64,
    pub(crate) verdict: Verdict,
}

/// A row that has been held against the rows before it.
pub(crate) struct Met {
    line: u64,
    is_duplicate: bool,
    pub(crate) problems: Vec<Problem>,
    /// `Some` where the row would be sent, for all that is known by now.
    pub(crate) customer: Option<Customer>,
}

/// The check of one file.
pub(crate) struct FileCheck {
    header: Header,
    allow_direct: bool,
    siblings: Siblings,
    /// Rows with a reseller and without an error; one of them is enough to make the others wrong.
    with_reseller: u64,
    /// Rows without a reseller that would be sent. Four bytes a row, as in an import.
    direct: Vec<u32>,
    tally: Tally,
}

impl FileCheck {
    pub(crate) fn new(header: Header, allow_direct: bool) -> Self {
        Self {
            header,
            allow_direct,
            siblings: Siblings::default(),
            with_reseller: 0,
            direct: Vec::new(),
            tally: Tally::default(),
        }
    }

    /// Holds a row against the rows before it. Rows are met in the order of the file.
    pub(crate) fn meet(&mut self, judged: Judged) -> Met {
        let Judged { line, verdict: Verdict { domain, mut customer, mut problems, content_hash, .. } } =
            judged;
        let has_reseller = customer.as_ref().map(|customer| customer.associated_partner_id.is_some());
        // Counted before anything else, as in an import: also a duplicate shows what kind of file this is.
        self.with_reseller += u64::from(has_reseller == Some(true));
        let standing = self.siblings.meet(line, domain.as_ref(), content_hash);
        match standing {
            Standing::First => {
                if has_reseller == Some(false) {
                    self.direct.push(siblings::short(line));
                }
            }
            Standing::Equal => customer = None,
            Standing::NamedAgain { first_line } => {
                let domain = domain.as_ref().map_or("", |domain| domain.as_str());
                let column = self.header.name_of(Field::Domain);
                problems.push(duplicate_domain(line, column, domain, first_line));
                customer = None;
            }
        }
        Met { line, is_duplicate: standing == Standing::Equal, problems, customer }
    }

    /// Adds what Partner Center says about a row.
    pub(crate) fn tell(&self, met: &mut Met, told: Vec<Told>, strict: bool) {
        for Told { field, value, finding } in told {
            let column = self.header.name_of(field).to_owned();
            met.problems.push(finding.found(met.line, column, value, strict));
        }
    }

    /// Counts a row about which all is known but the end of its file.
    pub(crate) fn settle(&mut self, row: &Met) {
        self.tally.count(row);
    }

    /// What can be said once the whole file has been read; and the counts with it.
    pub(crate) fn end(mut self) -> (impl Iterator<Item = Problem>, Tally) {
        let is_mixed = self.with_reseller > 0 && !self.allow_direct;
        let wrong = if is_mixed { std::mem::take(&mut self.direct) } else { Vec::new() };
        if !wrong.is_empty() {
            self.tally.reject_direct(wrong.len() as u64);
        }
        let column = self.header.name_of(Field::AssociatedPartnerId).to_owned();
        (wrong.into_iter().map(move |line| mixed_resellers(u64::from(line), &column)), self.tally)
    }
}

impl Met {
    fn worst(&self) -> Option<Severity> {
        self.problems.iter().map(|problem| problem.severity).min()
    }
}

#[cfg(test)]
mod tests;
