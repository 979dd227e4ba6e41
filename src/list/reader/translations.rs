//! Names of columns in German, French and Spanish lists.
//!
//! They are used only as suggestions: the same word may mean something else in another list, so the operator confirms
//! with `--map`.

use tenantry_model::customer::Field;

use super::aliases::{fold, translations_of};

/// The field that a column of this name may mean.
pub(super) fn translated_field(name: &str) -> Option<Field> {
    let name = plain(&fold(name));
    Field::ALL.into_iter().find(|&field| translations_of(field).iter().any(|known| fold(known) == name))
}

/// Removes the accents of these languages.
fn plain(folded: &str) -> String {
    let mut plain = String::with_capacity(folded.len());
    for c in folded.chars() {
        match c {
            'á' | 'à' | 'â' | 'ä' => plain.push('a'),
            'é' | 'è' | 'ê' | 'ë' => plain.push('e'),
            'í' | 'î' | 'ï' => plain.push('i'),
            'ó' | 'ô' | 'ö' => plain.push('o'),
            'ú' | 'ù' | 'û' | 'ü' => plain.push('u'),
            'ñ' => plain.push('n'),
            'ç' => plain.push('c'),
            'ß' => plain.push_str("ss"),
            c => plain.push(c),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reader::aliases::field_named;

    #[test]
    fn a_name_means_one_field_and_is_none_of_ours() {
        assert_eq!(Field::ALL.iter().filter(|&&field| !translations_of(field).is_empty()).count(), 15);
        for field in Field::ALL {
            for name in translations_of(field) {
                assert_eq!(translated_field(name), Some(field), "{name}");
                assert_eq!(field_named(&fold(name)), None, "{name} is known and needs no suggestion");
            }
        }
    }

    #[test]
    fn names_are_found_as_lists_write_them() {
        let check =
            |name: &str, expected: Option<Field>| assert_eq!(translated_field(name), expected, "{name}");
        check("Straße", Some(Field::AddressLine1));
        check("PLZ ", Some(Field::PostalCode));
        check("Téléphone mobile", None);
        check("CÓDIGO POSTAL", Some(Field::PostalCode));
        check("Prénom", Some(Field::FirstName));
        check("Raison Sociale", Some(Field::CompanyName));
        check("Betreuer", None);
    }
}
