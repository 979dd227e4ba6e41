//! What the ledger keeps of a row, judged anew: by the same validator as in an import, by today's rules and settings.

use std::collections::HashMap;

use uuid::Uuid;

use crate::ledger::{self, Candidate, StoredRow};
use crate::reader::{self, Header, Row};
use crate::validation::{Settings, Validator};

/// Judges stored rows one after another.
pub(crate) struct Rejudge {
    settings: Settings,
    reader: reader::Options,
    validator: Validator,
    /// For rows that got their reseller from an option, by that reseller.
    with_reseller: HashMap<Uuid, Validator>,
    /// The header of the rows that came last.
    header: Option<(Vec<u8>, Header)>,
}

impl Rejudge {
    pub(crate) fn new(settings: Settings, reader: reader::Options) -> Self {
        let validator = Validator::new(settings.clone());
        Self { settings, reader, validator, with_reseller: HashMap::new(), header: None }
    }

    /// # Errors
    /// The header of its file says nothing any more, because it was read with a `--map` or a `--default` that is not
    /// given now.
    pub(crate) fn row(&mut self, stored: &StoredRow) -> Result<Candidate, ledger::Error> {
        let broken = |what: String| ledger::Error::Stored { row: stored.row.0, what };
        if self.header.as_ref().is_none_or(|(header, _)| *header != stored.header) {
            let header = reader::stored_header(&stored.header, &self.reader)
                .map_err(|error| ledger::Error::Unjudged { row: stored.row.0, why: error.to_string() })?;
            self.header = Some((stored.header.clone(), header));
        }
        let (_, header) = self.header.as_ref().expect("it has just been put there");
        let cells = reader::from_csv(&stored.cells).map_err(|error| broken(error.to_string()))?;
        let row = Row::of_stored(stored.line, &cells, header.columns().len());
        let mut verdict = self.validator.validate(header, &row);
        // A reseller that the row leaves out is the one that was given then: it must not become a direct customer.
        let reseller = stored.reseller.as_deref().and_then(|id| id.parse().ok());
        if let (Some(reseller), Some(customer)) = (reseller, &verdict.customer)
            && customer.associated_partner_id.is_none()
        {
            let with_reseller = self.with_reseller.entry(reseller).or_insert_with(|| {
                Validator::new(Settings { default_reseller: Some(reseller), ..self.settings.clone() })
            });
            verdict = with_reseller.validate(header, &row);
        }
        Ok(Candidate {
            line: stored.line,
            domain: verdict.domain,
            customer: verdict.customer,
            beside_agreement: verdict.beside_agreement,
            problems: verdict.problems,
            content_hash: verdict.content_hash,
            cells: stored.cells.clone(),
            corrects: None,
        })
    }
}
