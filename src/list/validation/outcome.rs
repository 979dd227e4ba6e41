//! What the validation of a row comes to, while the row is at hand: who asks takes what it needs.

use std::hash::{BuildHasher, Hasher};

use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::reader::Row;
use tenantry_model::customer::{Customer, DomainName, Field};

use super::draft::Draft;
use tenantry_model::problem::Problem;

/// Changes when the same row would hash to something else than before, so that no two ways mix unnoticed.
const HASH_VERSION: u8 = 1;

/// No field has this number, so no row with a fault hashes like one without.
const RAW_CELL: u8 = u8::MAX;

/// Nearly every row says less.
const SAID_BYTES: usize = 1024;

/// A row that has been judged.
pub struct Validation<'a> {
    /// The key of the row, wherever its own cell is good, also in a row that is rejected for something else.
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
    /// The agreement, and nothing else.
    WrongAgreement,
    Wrong,
}

/// What a row says.
#[expect(clippy::large_enum_variant, reason = "nearly every row has fields, and one is at hand at a time")]
pub(super) enum RowContent<'a> {
    Fields(Draft<'a>),
    /// The cells cannot be told apart.
    Cells(&'a Row),
}

impl Validation<'_> {
    /// `Some` exactly where no problem is an error.
    pub fn customer(&self) -> Option<Customer> {
        let customer = self.good()?.to_customer();
        debug_assert!(customer.is_some(), "a row without an error has all that a customer needs");
        customer
    }

    /// The customer without its agreement, where nothing else is wrong.
    pub fn beside_agreement(&self) -> Option<Customer> {
        match &self.content {
            RowContent::Fields(draft) if self.extent == Extent::WrongAgreement => {
                draft.to_customer().map(|customer| Customer { agreement: None, ..customer })
            }
            RowContent::Fields(_) | RowContent::Cells(_) => None,
        }
    }

    /// No problem is an error.
    pub fn is_good(&self) -> bool {
        self.good().is_some()
    }

    /// Does a row without an error say who accepted the agreement?
    pub fn has_agreement(&self) -> bool {
        self.good().is_some_and(|draft| draft.agreement.is_some())
    }

    /// Where the customer of a row without an error goes: to which reseller, and the code of which country.
    pub fn destination(&self) -> Option<(Option<Uuid>, &str)> {
        self.good().map(|draft| (draft.reseller, draft[Field::Country]))
    }

    fn good(&self) -> Option<&Draft<'_>> {
        match &self.content {
            RowContent::Fields(draft) if self.extent == Extent::Good => Some(draft),
            RowContent::Fields(_) | RowContent::Cells(_) => None,
        }
    }

    /// SHA-256, cut to 16 bytes, of what the row says: for telling a changed row, years later.
    pub fn content_hash(&self) -> [u8; 16] {
        // In one piece, because each call to the hash costs as much as a block.
        let mut said = Vec::with_capacity(SAID_BYTES);
        said.push(HASH_VERSION);
        self.each_part(|tag, value| {
            said.push(tag);
            said.extend_from_slice(&(value.len() as u64).to_le_bytes());
            said.extend_from_slice(value);
        });
        let hash = Sha256::digest(&said);
        std::array::from_fn(|index| hash[index])
    }

    /// A hash of what the row says under a key that does not outlive the process: a quarter of the cost.
    pub fn fingerprint(&self, key: &impl BuildHasher) -> u64 {
        let mut hash = key.build_hasher();
        self.each_part(|tag, value| {
            hash.write_u8(tag);
            hash.write_usize(value.len());
            hash.write(value);
        });
        hash.finish()
    }

    fn each_part(&self, mut visit: impl FnMut(u8, &[u8])) {
        match &self.content {
            RowContent::Fields(draft) => draft.each_part(visit),
            RowContent::Cells(row) => row.cells().iter().for_each(|cell| visit(RAW_CELL, cell)),
        }
    }
}
