//! Recognizes one company in rows with different domains.
//!
//! Two rows are probably the same customer if they have the same external id, or the same company name at the same
//! address. Texts are compared without letter case, blanks and punctuation. Only fingerprints are compared: hashes with
//! a key that lives as long as the process.

use std::hash::BuildHasher;
use std::num::NonZeroU64;

use super::customer::Customer;

/// Longer texts are compared by their beginning.
const COMPARED_BYTES: usize = 256;

/// The values by which a company is recognized; a missing one is empty.
#[derive(Debug, Clone, Copy, Default)]
pub struct CompanyParts<'a> {
    pub external_id: &'a str,
    pub company_name: &'a str,
    pub address_line1: &'a str,
    pub city: &'a str,
    pub postal_code: &'a str,
    pub country: &'a str,
}

/// The fingerprints of a company.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompanyKeys {
    pub external_id: Option<NonZeroU64>,
    /// The name at the address.
    pub address: Option<NonZeroU64>,
}

/// Is this an id? A list may have `-` for none.
pub fn is_external_id(text: &str) -> bool {
    text.chars().any(char::is_alphanumeric)
}

impl<'a> CompanyParts<'a> {
    pub fn of(customer: &'a Customer) -> Self {
        fn text(value: &Option<String>) -> &str {
            value.as_deref().unwrap_or_default()
        }
        Self {
            external_id: text(&customer.external_id),
            company_name: &customer.company_name,
            address_line1: &customer.address_line1,
            city: text(&customer.city),
            postal_code: text(&customer.postal_code),
            country: &customer.country,
        }
    }

    pub fn keys(&self, key: &impl BuildHasher) -> CompanyKeys {
        CompanyKeys { external_id: self.external_id_key(key), address: self.address_key(key) }
    }

    fn external_id_key(&self, key: &impl BuildHasher) -> Option<NonZeroU64> {
        is_external_id(self.external_id).then(|| hashed(self.external_id.as_bytes(), key))
    }

    fn address_key(&self, key: &impl BuildHasher) -> Option<NonZeroU64> {
        let place = if self.postal_code.is_empty() { self.city } else { self.postal_code };
        let mut folded = Folded::default();
        for part in [self.company_name, self.address_line1, place] {
            let before = folded.len;
            folded.add(part);
            if folded.len == before {
                return None;
            }
            // No letter or digit, so that the end of a part counts.
            folded.push(b'\n');
        }
        folded.add(self.country);
        Some(hashed(&folded.bytes[..folded.len], key))
    }
}

fn hashed(bytes: &[u8], key: &impl BuildHasher) -> NonZeroU64 {
    NonZeroU64::new(key.hash_one(bytes)).unwrap_or(NonZeroU64::MIN)
}

/// ASCII letters and digits in lower case; 0 for other bytes.
const FOLDED: [u8; 256] = {
    let mut folded = [0; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        if byte.is_ascii_alphanumeric() {
            folded[byte as usize] = byte.to_ascii_lowercase();
        }
        byte += 1;
    }
    folded
};

/// Letters and digits in lower case, in a buffer that costs no allocation.
struct Folded {
    bytes: [u8; COMPARED_BYTES],
    len: usize,
}

impl Default for Folded {
    fn default() -> Self {
        Self { bytes: [0; COMPARED_BYTES], len: 0 }
    }
}

impl Folded {
    fn add(&mut self, text: &str) {
        if text.is_ascii() && text.len() <= COMPARED_BYTES - self.len {
            // Without a branch that depends on the byte, or on the room that is left.
            for byte in text.bytes() {
                let folded = FOLDED[usize::from(byte)];
                self.bytes[self.len % COMPARED_BYTES] = folded;
                self.len += usize::from(folded > 0);
            }
            return;
        }
        for c in text.chars() {
            // Most of its letters are ASCII all the same.
            match u8::try_from(c).ok().filter(u8::is_ascii) {
                Some(byte) if FOLDED[usize::from(byte)] > 0 => self.push(FOLDED[usize::from(byte)]),
                None if c.is_alphanumeric() => self.add_letter(c),
                Some(_) | None => {}
            }
        }
    }

    fn add_letter(&mut self, letter: char) {
        for c in letter.to_lowercase() {
            c.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| self.push(byte));
        }
    }

    fn push(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.len) {
            *place = byte;
            self.len += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::hash::RandomState;

    use super::*;

    const HARBOR: CompanyParts<'_> = CompanyParts {
        external_id: "",
        company_name: "Harbor Works GmbH",
        address_line1: "Hafenstr. 12",
        city: "Hamburg",
        postal_code: "20457",
        country: "DE",
    };

    #[test]
    fn a_company_is_recognized_in_other_spellings_and_no_other_company_is() {
        let key = RandomState::new();
        let check = |other: CompanyParts<'_>, is_same: bool| {
            let [one, other] = [HARBOR, other].map(|company| company.keys(&key).address);
            assert_eq!(one == other, is_same, "{other:?}");
        };
        check(HARBOR, true);
        check(
            CompanyParts { company_name: "HARBOR-WORKS  GmbH", address_line1: "Hafenstr 12", ..HARBOR },
            true,
        );
        check(CompanyParts { city: "HH", ..HARBOR }, true);
        check(CompanyParts { company_name: "Harbor Work GmbH", ..HARBOR }, false);
        check(CompanyParts { address_line1: "Hafenstr. 1", postal_code: "220457", ..HARBOR }, false);
        check(CompanyParts { postal_code: "", ..HARBOR }, false);
        check(CompanyParts { country: "AT", ..HARBOR }, false);
        let umlauts = |company_name| CompanyParts { company_name, ..HARBOR }.keys(&key).address;
        assert_eq!(umlauts("Müller & Söhne"), umlauts("MÜLLER & SÖHNE"));
        assert_ne!(umlauts("Müller & Söhne"), umlauts("Muller & Sohne"));
    }

    #[test]
    fn what_is_missing_is_not_compared() {
        let key = RandomState::new();
        let none = CompanyKeys { external_id: None, address: None };
        assert_eq!(CompanyParts::default().keys(&key), none);
        assert_eq!(CompanyParts { company_name: "***", external_id: "-", ..HARBOR }.keys(&key), none);
        assert_eq!(CompanyParts { postal_code: "", city: "", ..HARBOR }.keys(&key), none);
        assert!(CompanyParts { postal_code: "", ..HARBOR }.keys(&key).address.is_some());
        assert!(CompanyParts { external_id: "0", ..HARBOR }.keys(&key).external_id.is_some());
    }
}
