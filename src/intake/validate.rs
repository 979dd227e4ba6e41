//! Validates the rows of a file for the ledger: unchanged rows of known customers, or candidates.

use std::sync::Arc;

use super::companies::{CompanyHasher, RowKeys};
use super::decide::is_final;
use super::returned::{Named, OwnCells};
use crate::ledger::{Candidate, Incoming, KnownCustomer, KnownCustomers, Unchanged};
use crate::problem::{Finding, Problem, Rule, Strictness};
use crate::reader::{self, Header, LEDGER_COLUMN, Row};
use crate::validation::{Validation, Validator};

/// Validates the rows of one file, on several threads.
pub(super) struct RowValidator {
    validator: Validator,
    own_cells: OwnCells,
    customers: Arc<KnownCustomers>,
    companies: CompanyHasher,
}

impl RowValidator {
    /// For the rows below `header`, to be ingested into the ledger with this id.
    pub(super) fn new(
        validator: Validator,
        header: &Header,
        ledger_id: &str,
        customers: Arc<KnownCustomers>,
        companies: CompanyHasher,
    ) -> Self {
        Self { validator, own_cells: OwnCells::new(header, ledger_id), customers, companies }
    }

    /// Validates consecutive rows of the file. Each comes with the fingerprints of its company.
    pub(super) fn rows(&self, header: &Header, rows: &[Row]) -> Vec<(Incoming, Option<RowKeys>)> {
        let validated: Vec<_> = rows.iter().map(|row| self.row(header, row)).collect();
        let recognizable: Vec<_> = validated.iter().map(ValidatedRow::recognizable).collect();
        let customers = self.customers.of_rows(&recognizable);
        rows.iter()
            .zip(validated)
            .zip(customers)
            .map(|((row, validated), customer)| {
                let keys = self.companies.keys(&validated.validation);
                (validated.sent_on(row, customer, self.validator.strictness()), keys)
            })
            .collect()
    }

    fn row<'a>(&'a self, header: &Header, row: &'a Row) -> ValidatedRow<'a> {
        let validation = self.validator.validate(header, row);
        ValidatedRow { content_hash: validation.content_hash(), named: self.own_cells.of(row), validation }
    }
}

struct ValidatedRow<'a> {
    validation: Validation<'a>,
    content_hash: [u8; 16],
    named: Named,
}

impl ValidatedRow<'_> {
    /// The content by which a customer can be recognized. `None` if the row comes from an export of this ledger.
    fn recognizable(&self) -> Option<[u8; 16]> {
        let is_it = self.validation.is_good() && matches!(self.named, Named::Nothing | Named::OtherLedger);
        is_it.then_some(self.content_hash)
    }

    /// Converts the row for the ledger: as an unchanged row if `customer` is its customer and nothing has changed.
    fn sent_on(self, row: &Row, customer: Option<KnownCustomer>, strictness: &Strictness) -> Incoming {
        let customer = customer.filter(|known| is_final(self.validation.has_agreement(), *known));
        let Self { validation, content_hash, named } = self;
        if let Some(customer) = customer {
            return Incoming::Unchanged(Unchanged {
                line: row.line(),
                row: customer.row,
                has_reseller: validation.destination().is_some_and(|(reseller, _)| reseller.is_some()),
                problems: validation.problems,
            });
        }
        let cells = reader::to_csv(row.cells());
        let mut candidate = candidate(row, validation, content_hash, cells, named);
        if named == Named::OtherLedger {
            candidate.add_problem(other_ledger(row.line(), strictness));
        }
        Incoming::Candidate(Box::new(candidate))
    }
}

/// An export of one ledger is imported into another one, perhaps after a rehearsal.
fn other_ledger(line: u64, strictness: &Strictness) -> Problem {
    let message = "is from another ledger, so the row cannot be compared with the exported one";
    Finding::new(Rule::OtherLedger, message).found(line, LEDGER_COLUMN.to_owned(), String::new(), strictness)
}

/// All that the ledger stores of a validated row.
pub(super) fn candidate(
    row: &Row,
    validation: Validation<'_>,
    content_hash: [u8; 16],
    cells: Vec<u8>,
    named: Named,
) -> Candidate {
    Candidate {
        line: row.line(),
        customer: validation.customer(),
        beside_agreement: validation.beside_agreement(),
        external_id: validation.external_id().map(str::to_owned),
        reseller: validation.reseller(),
        domain: validation.domain,
        problems: validation.problems,
        content_hash,
        cells,
        corrects: match named {
            Named::Row { row, .. } => Some(row),
            Named::Nothing | Named::OtherLedger | Named::Unreadable => None,
        },
        was_sent: matches!(named, Named::Row { was_sent: true, .. }),
        is_returned: matches!(named, Named::Row { .. } | Named::Unreadable),
    }
}
