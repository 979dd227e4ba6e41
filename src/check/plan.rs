//! The groups by which a check counts what an import would create.

use uuid::Uuid;

use crate::validation::Validation;

/// The reseller and country of a customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Group {
    pub(super) reseller: Option<Uuid>,
    /// The two letters of a validated country.
    country: [u8; 2],
}

impl Group {
    /// `Some` if validation found no error.
    pub(super) fn of(validation: &Validation<'_>) -> Option<Self> {
        let (reseller, country) = validation.destination()?;
        let country = country.as_bytes().try_into().expect("validation knows two letters alone");
        Some(Self { reseller, country })
    }

    pub(super) fn has_reseller(&self) -> bool {
        self.reseller.is_some()
    }

    pub(super) fn country(&self) -> &str {
        std::str::from_utf8(&self.country).expect("the letters of a country are ASCII")
    }
}
