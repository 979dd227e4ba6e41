//! The result of validating a row; the caller takes from it what it needs.

use std::hash::{BuildHasher, Hasher};

use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::reader::Row;
use tenantry_model::company::{CompanyParts, is_external_id};
use tenantry_model::customer::{Customer, DomainName, Field};

use super::draft::Draft;
use tenantry_model::problem::Problem;

/// Change this if the same row would hash differently, so that two hash methods are never mixed.
const HASH_VERSION: u8 = 1;

/// No field has this number, so a row with a fault never has the hash of a row without one.
const RAW_CELL: u8 = u8::MAX;

/// Nearly every row has less content than this.
const CONTENT_BYTES: usize = 1024;

/// A row that has been validated.
pub struct Validation<'a> {
    /// The key of the row. Also present in a rejected row if the domain cell itself is valid.
    pub domain: Option<DomainName>,
    /// In the order of the file's columns.
    pub problems: Vec<Problem>,
    pub(super) extent: Extent,
    pub(super) content: RowContent<'a>,
}

/// How much of a row is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Extent {
    /// No problem is an error.
    Good,
    /// Only the agreement is wrong.
    WrongAgreement,
    Wrong,
}

/// The content of a row.
#[expect(clippy::large_enum_variant, reason = "nearly every row has fields, and one is at hand at a time")]
pub(super) enum RowContent<'a> {
    Fields(Draft<'a>),
    /// The cells cannot be assigned to columns.
    Cells(&'a Row),
}

impl Validation<'_> {
    /// `Some` exactly if no problem is an error.
    pub fn customer(&self) -> Option<Customer> {
        let customer = self.good()?.to_customer(self.domain.as_ref()?);
        debug_assert!(customer.is_some(), "a row without an error has all that a customer needs");
        customer
    }

    /// The customer without its agreement, if only the agreement is wrong.
    pub fn beside_agreement(&self) -> Option<Customer> {
        match &self.content {
            RowContent::Fields(draft) if self.extent == Extent::WrongAgreement => {
                let customer = draft.to_customer(self.domain.as_ref()?);
                customer.map(|customer| Customer { agreement: None, ..customer })
            }
            RowContent::Fields(_) | RowContent::Cells(_) => None,
        }
    }

    /// No problem is an error.
    pub fn is_good(&self) -> bool {
        self.good().is_some()
    }

    /// Does a row without errors state who accepted the agreement?
    pub fn has_agreement(&self) -> bool {
        self.good().is_some_and(|draft| draft.agreement.is_some())
    }

    /// The reseller and the country code of the customer, for a row without errors.
    pub fn destination(&self) -> Option<(Option<Uuid>, &str)> {
        self.good().map(|draft| (draft.reseller, draft[Field::Country]))
    }

    /// The operator's own key for the customer, if it is one; also for a row with errors.
    pub fn external_id(&self) -> Option<&str> {
        let RowContent::Fields(draft) = &self.content else { return None };
        Some(draft[Field::ExternalId]).filter(|id| is_external_id(id))
    }

    /// The reseller, if it can be read; also for a row with errors.
    pub fn reseller(&self) -> Option<Uuid> {
        let RowContent::Fields(draft) = &self.content else { return None };
        draft.reseller
    }

    fn good(&self) -> Option<&Draft<'_>> {
        match &self.content {
            RowContent::Fields(draft) if self.extent == Extent::Good => Some(draft),
            RowContent::Fields(_) | RowContent::Cells(_) => None,
        }
    }

    /// The key of the row, and the values by which its company is recognized; also for a row with errors.
    pub fn company(&self) -> Option<(&DomainName, CompanyParts<'_>)> {
        let RowContent::Fields(draft) = &self.content else { return None };
        let company = CompanyParts {
            external_id: draft[Field::ExternalId],
            company_name: draft[Field::CompanyName],
            address_line1: draft[Field::AddressLine1],
            city: draft[Field::City],
            postal_code: draft[Field::PostalCode],
            country: draft[Field::Country],
        };
        Some((self.domain.as_ref()?, company))
    }

    /// The notification address as it is written; empty if there is none.
    pub fn email(&self) -> &str {
        match &self.content {
            RowContent::Fields(draft) => draft[Field::Email],
            RowContent::Cells(_) => "",
        }
    }

    /// SHA-256 of the content, cut to 16 bytes; detects a changed row even years later.
    pub fn content_hash(&self) -> [u8; 16] {
        // Hash one buffer, because each call to the hash costs as much as a block.
        let mut content = Vec::with_capacity(CONTENT_BYTES);
        content.push(HASH_VERSION);
        self.each_part(|tag, value| {
            content.push(tag);
            content.extend_from_slice(&(value.len() as u64).to_le_bytes());
            content.extend_from_slice(value);
        });
        let hash = Sha256::digest(&content);
        std::array::from_fn(|index| hash[index])
    }

    /// A hash of the content with a key that lives only as long as the process; costs a quarter of `content_hash`.
    pub fn fingerprint(&self, key: &impl BuildHasher) -> u64 {
        let mut hash = key.build_hasher();
        self.each_part(|tag, value| {
            hash.write_usize(value.len() << u8::BITS | usize::from(tag));
            hash.write(value);
        });
        hash.finish()
    }

    fn each_part(&self, mut visit: impl FnMut(u8, &[u8])) {
        match &self.content {
            RowContent::Fields(draft) => draft.each_part(self.domain.as_ref(), visit),
            RowContent::Cells(row) => row.cells().for_each(|cell| visit(RAW_CELL, cell)),
        }
    }
}
