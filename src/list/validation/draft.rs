//! A row before it becomes a customer: its trimmed texts and the values that the checks parsed.

use std::ops::{Index, IndexMut};

use uuid::Uuid;

use crate::reader::{Header, Row};
use tenantry_model::customer::{Agreement, Customer, Defaults, DomainName, Field};

use super::text::{self, Doubts, Traits};

/// The value of every field, or an empty text if the row has none. A check that knows the service's spelling replaces
/// the value with it.
#[derive(Default)]
pub(super) struct Draft<'a> {
    values: [&'a str; Field::ALL.len()],
    /// The row has no text in any known column.
    pub(super) is_blank: bool,
    /// Where the cells may lack a trait, by field: a bit for each.
    doubtful: u32,
    /// The values that exist and can be checked further, by field: a bit for each.
    sound: u32,
    /// The state as the country's list spells it. It does not replace the operator's text, because the lists change:
    /// fetched rules must not change the hash of a row.
    pub(super) state: Option<&'a str>,
    pub(super) reseller: Option<Uuid>,
    pub(super) enable_gdap: Option<bool>,
    pub(super) agreement: Option<Agreement>,
}

const _: () = assert!(Field::ALL.len() <= u32::BITS as usize, "each field needs a bit");

impl<'a> Draft<'a> {
    pub(super) fn read(header: &Header, row: &'a Row, defaults: &'a Defaults) -> Self {
        let doubts = Doubts::of(row.bytes());
        let (mut values, mut doubtful) = ([""; Field::ALL.len()], 0);
        for (field, index) in header.fields() {
            if let Some((cell, place)) = row.text_at(index).filter(|(cell, _)| !cell.is_empty()) {
                values[field as usize] = text::trim(cell);
                doubtful |= u32::from(doubts.has_any(&place)) << field as u8;
            }
        }
        let is_blank = values.iter().all(|value| value.is_empty());
        for (field, text) in defaults.iter() {
            let value = &mut values[field as usize];
            if value.is_empty() {
                *value = text;
                doubtful |= 1 << field as u8;
            }
        }
        Self { values, is_blank, doubtful, ..Self::default() }
    }

    /// The value can be checked further.
    pub(super) fn mark_sound(&mut self, field: Field) {
        self.sound |= 1 << field as u8;
    }

    /// The value if it can be checked further.
    pub(super) fn sound(&self, field: Field) -> Option<&'a str> {
        (self.sound >> field as u8 & 1 != 0).then_some(self[field])
    }

    /// What the value of a field is free of.
    pub(super) fn traits(&self, field: Field) -> Traits {
        if self.doubtful >> field as u8 & 1 == 0 { Traits::ALL } else { Traits::of(self[field].as_bytes()) }
    }

    /// Visits the content of the row: the number and value of each field. Empty fields are left out, so a new empty
    /// column in the file changes nothing.
    ///
    /// A valid field has the value that the service would get; an invalid one has the operator's text. So the content
    /// depends neither on the order of the columns, nor on problems in other fields, nor on `--strict`.
    pub(super) fn each_part(&self, domain: Option<&DomainName>, mut visit: impl FnMut(u8, &[u8])) {
        for &field in &Field::ALL {
            let written = self[field].as_bytes();
            let enable_gdap;
            let value = match field {
                Field::Domain => domain.map_or(written, |domain| domain.as_str().as_bytes()),
                Field::AssociatedPartnerId => {
                    self.reseller.as_ref().map_or(written, |id| id.as_bytes().as_slice())
                }
                Field::EnableGdapByDefault => {
                    enable_gdap = self.enable_gdap.map(u8::from);
                    enable_gdap.as_ref().map_or(written, std::slice::from_ref)
                }
                _ => written,
            };
            if !value.is_empty() {
                visit(field as u8, value);
            }
        }
    }

    /// The customer, for a draft without errors; `None` if a check did not run.
    pub(super) fn to_customer(&self, domain: &DomainName) -> Option<Customer> {
        let text = |field| self[field].to_owned();
        let mut language = text(Field::Language);
        if language.len() == 2 {
            // A code that is not listed has the operator's letter case.
            language.make_ascii_lowercase();
        }
        let optional = |field| Some(self[field]).filter(|value| !value.is_empty()).map(str::to_owned);
        Some(Customer {
            company_name: text(Field::CompanyName),
            domain: domain.clone(),
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
