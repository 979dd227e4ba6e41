//! A row on its way to becoming a customer: its trimmed texts, and what the checks have made of some of them.

use std::ops::{Index, IndexMut};

use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::customer::{Agreement, Customer, Defaults, DomainName, Field};
use crate::reader::{Header, Row};

use super::text;

/// Changes when the same row would hash to something else than before, so that no two ways mix unnoticed.
const HASH_VERSION: u8 = 1;

/// The value of every field, empty where the row has none. A check that knows how the service spells a value puts
/// that in its place.
pub(crate) struct Draft<'a> {
    values: [&'a str; Field::ALL.len()],
    /// The row itself has nothing in any column that we know.
    pub(super) is_blank: bool,
    /// The whole row is free of control and invisible characters, so that no cell need be looked through.
    pub(super) is_plain: bool,
    pub(super) domain: Option<DomainName>,
    /// The state as the country's list spells it. Not put in place of the operator's, because the lists change: a
    /// row must not hash to something else when rules were fetched.
    pub(super) state: Option<&'a str>,
    pub(crate) reseller: Option<Uuid>,
    pub(super) enable_gdap: Option<bool>,
    pub(super) agreement: Option<Agreement>,
}

impl<'a> Draft<'a> {
    pub(super) fn read(header: &Header, row: &'a Row, defaults: &'a Defaults) -> Self {
        let value = |field| header.index_of(field).and_then(|index| row.text(index)).map_or("", text::trim);
        let mut is_plain = text::is_plain(row.cells().as_slice());
        let mut values = Field::ALL.map(value);
        let is_blank = values.iter().all(|value| value.is_empty());
        for (field, text) in defaults.iter() {
            let value = &mut values[field as usize];
            if value.is_empty() {
                *value = text;
                is_plain &= text::is_plain(text.as_bytes());
            }
        }
        Self {
            values,
            is_blank,
            is_plain,
            domain: None,
            state: None,
            reseller: None,
            enable_gdap: None,
            agreement: None,
        }
    }

    /// A hash of what the row says, for telling a changed row.
    ///
    /// Each field counts as the service would get it, where the field is good, else as the operator wrote it. So
    /// the hash depends neither on the order of the columns nor on what is wrong with other fields, and `--strict`
    /// leaves it alone.
    pub(super) fn content_hash(&self) -> [u8; 16] {
        let mut hash = ContentHasher::new();
        for field in Field::ALL {
            let written = self[field].as_bytes();
            match field {
                Field::Domain => {
                    hash.field(field, self.domain.as_ref().map_or(written, |d| d.as_str().as_bytes()))
                }
                Field::AssociatedPartnerId => {
                    hash.field(field, self.reseller.as_ref().map_or(written, |id| id.as_bytes()));
                }
                Field::EnableGdapByDefault => match self.enable_gdap {
                    Some(enable_gdap) => hash.field(field, &[u8::from(enable_gdap)]),
                    None => hash.field(field, written),
                },
                _ => hash.field(field, written),
            }
        }
        hash.finish()
    }

    /// The code of the country, in capital letters in a draft in which the checks found no error.
    pub(crate) fn country(&self) -> &'a str {
        self[Field::Country]
    }

    /// The customer, for a draft in which the checks found no error; `None` where they did not get to it.
    pub(crate) fn to_customer(&self) -> Option<Customer> {
        let text = |field| self[field].to_owned();
        let mut language = text(Field::Language);
        if language.len() == 2 {
            // A code that is not listed comes in the operator's letter case.
            language.make_ascii_lowercase();
        }
        let optional = |field| Some(self[field]).filter(|value| !value.is_empty()).map(str::to_owned);
        Some(Customer {
            company_name: text(Field::CompanyName),
            domain: self.domain.clone()?,
            email: text(Field::Email),
            culture: text(Field::Culture),
            language,
            first_name: text(Field::FirstName),
            last_name: text(Field::LastName),
            middle_name: optional(Field::MiddleName),
            address_line1: text(Field::AddressLine1),
            address_line2: optional(Field::AddressLine2),
            city: optional(Field::City),
            state: self.state.map(str::to_owned).or_else(|| optional(Field::State)),
            postal_code: optional(Field::PostalCode),
            country: text(Field::Country),
            region: optional(Field::Region),
            phone_number: optional(Field::PhoneNumber),
            organization_registration_number: optional(Field::OrganizationRegistrationNumber),
            associated_partner_id: self.reseller,
            enable_gdap_by_default: self.enable_gdap?,
            external_id: optional(Field::ExternalId),
            agreement: self.agreement.clone(),
        })
    }
}

impl<'a> Index<Field> for Draft<'a> {
    type Output = &'a str;

    fn index(&self, field: Field) -> &Self::Output {
        &self.values[field as usize]
    }
}

impl IndexMut<Field> for Draft<'_> {
    fn index_mut(&mut self, field: Field) -> &mut Self::Output {
        &mut self.values[field as usize]
    }
}

/// A hash of the operator's own cells, for a row whose cells cannot be told apart.
pub(super) fn raw_hash(row: &Row) -> [u8; 16] {
    let mut hash = ContentHasher::new();
    for cell in row.cells() {
        hash.part(RAW_CELL, cell);
    }
    hash.finish()
}

/// No field has this number, so no row with a fault hashes like one without.
const RAW_CELL: u8 = u8::MAX;

/// SHA-256 over many small parts, gathered on the stack because each call to the hash costs as much as a block.
struct ContentHasher {
    hash: Sha256,
    gathered: [u8; 512],
    length: usize,
}

impl ContentHasher {
    fn new() -> Self {
        let mut hasher = Self { hash: Sha256::new(), gathered: [0; 512], length: 0 };
        hasher.add(&[HASH_VERSION]);
        hasher
    }

    /// Empty fields are left out, so that a file that gains an empty column keeps its rows' hashes.
    fn field(&mut self, field: Field, value: &[u8]) {
        if !value.is_empty() {
            self.part(field as u8, value);
        }
    }

    fn part(&mut self, tag: u8, value: &[u8]) {
        let mut prefix = [tag; 9];
        prefix[1..].copy_from_slice(&(value.len() as u64).to_le_bytes());
        self.add(&prefix);
        self.add(value);
    }

    fn add(&mut self, bytes: &[u8]) {
        if self.length + bytes.len() > self.gathered.len() {
            self.hash.update(&self.gathered[..self.length]);
            self.length = 0;
        }
        match self.gathered.get_mut(self.length..self.length + bytes.len()) {
            Some(free) => {
                free.copy_from_slice(bytes);
                self.length += bytes.len();
            }
            None => self.hash.update(bytes),
        }
    }

    fn finish(mut self) -> [u8; 16] {
        self.hash.update(&self.gathered[..self.length]);
        let mut out = [0; 16];
        out.copy_from_slice(&self.hash.finalize()[..16]);
        out
    }
}
