//! Problems of a row that show only in combination with other rows.
//!
//! The other rows are those of its file, and of the files before it. In an import the ledger finds these problems;
//! `check` has its own short memory. Their names and messages are here, so that both report the same.

use crate::ledger::{RowId, State};
use crate::problem::{Finding, Problem, Rule, Strictness};

/// A row with the domain of an earlier row, and other values. `file`: the file of the earlier row, if it is another
/// one.
pub(crate) fn duplicate_domain(
    line: u64,
    column: &str,
    domain: &str,
    first_line: u32,
    file: Option<&str>,
) -> Problem {
    let of_file = file.map(|path| format!(" of `{path}`")).unwrap_or_default();
    let message =
        format!("the domain `{domain}` is already on line {first_line}{of_file}, with other values");
    Finding::new(Rule::DuplicateDomain, message)
        .advise("keep one of the two rows, or use another domain for this one")
        .found(line, column.to_owned(), domain.to_owned(), &Strictness::default())
}

/// An exported row with the domain of another row of the ledger, so that it would replace both.
pub(crate) fn domain_of_another_row(
    line: u64,
    column: &str,
    domain: &str,
    (row, state): (RowId, State),
) -> Problem {
    let message =
        format!("`{domain}` is the domain of another row of the ledger, row {row}, which is {state}");
    Finding::new(Rule::DuplicateDomain, message)
        .advise(
            "give each of the two rows a domain of its own; the other one first, if it is in the same list",
        )
        .found(line, column.to_owned(), domain.to_owned(), &Strictness::default())
}

/// An exported row whose correction this run has read already, with another domain.
pub(crate) fn corrected_again(line: u64, column: &str, domain: &str, row: RowId) -> Problem {
    let message =
        format!("corrects a row for which row {row} was read just before; a row can be corrected only once");
    Finding::new(Rule::ChangedCell, message)
        .advise("keep one of the two corrections; for a further customer, empty `tenantry_row` and `tenantry_ledger`")
        .found(line, column.to_owned(), domain.to_owned(), &Strictness::default())
}

/// The export of a row that was rejected because it is not known which row it corrects, with other values.
pub(crate) fn lost_row(line: u64, column: &str, domain: &str, row: RowId) -> Problem {
    let message =
        format!("is an export of row {row}, which was to correct another row; it does not say which one");
    Finding::new(Rule::ChangedCell, message)
        .advise("correct the export of that other row; for a further customer, empty `tenantry_row` and `tenantry_ledger`")
        .found(line, column.to_owned(), domain.to_owned(), &Strictness::default())
}

/// What the same customer under two domains has in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Double {
    ExternalId,
    /// The company name at its address.
    Address,
}

/// A row that is probably the customer of an earlier row, under another domain. `file`: the file of the earlier row, if
/// it is another one.
pub(crate) fn duplicate_company(
    line: u64,
    column: &str,
    double: Double,
    first_line: u32,
    file: Option<&str>,
    strictness: &Strictness,
) -> Problem {
    let of_file = file.map(|path| format!(" of `{path}`")).unwrap_or_default();
    let message = match double {
        Double::ExternalId => format!("is already on line {first_line}{of_file}, under another domain"),
        Double::Address => {
            format!("is already on line {first_line}{of_file} with the same address, under another domain")
        }
    };
    Finding::new(Rule::DuplicateCompany, message)
        .advise("keep one of the two rows, unless you want both customers")
        .found(line, column.to_owned(), String::new(), strictness)
}

/// A file in which most rows have their address in this domain, although their companies differ.
pub(crate) fn shared_email_domain(column: &str, domain: &str, strictness: &Strictness) -> Problem {
    let message = "most rows have an address in this domain, although their companies differ; in your own domain, Partner \
                   Center refuses an address after it has made the tenant, which burns the domain";
    Finding::new(Rule::SharedEmailDomain, message)
        .advise(format!(
            "use the customers' addresses; if `{domain}` is yours, add --partner-domains {domain}"
        ))
        .found(0, column.to_owned(), domain.to_owned(), strictness)
}

/// The rule of [`mixed_resellers`].
pub(crate) const MIXED_RESELLERS: &str = Rule::MixedResellers.name();

/// A row without a reseller in a file where other rows have one: it would silently become a customer of the provider
/// itself (fact book 4.2).
pub(crate) fn mixed_resellers(line: u64, column: &str) -> Problem {
    let advice = "fill it, or use --reseller-id, or use --allow-direct for your own customers";
    Finding::new(Rule::MixedResellers, "has no reseller, but other rows of the file have one")
        .advise(advice)
        .found(line, column.to_owned(), String::new(), &Strictness::default())
}
