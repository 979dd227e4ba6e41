//! What lists in German, French and Spanish call our columns. These are suggestions alone: the same word may head
//! something else in another list, so whoever knows the list says so with `--map`.

use tenantry_model::customer::Field;

use super::aliases::fold;

/// In each language without its accents, which [`plain`] takes off what is looked up.
#[rustfmt::skip]
const NAMES: [(Field, &[&str]); 15] = [
    (Field::CompanyName, &[
        "Firma", "Firmenname", "Unternehmen", "Kunde", "Kundenname", "Societe", "Raison sociale", "Entreprise",
        "Empresa", "Razon social", "Cliente",
    ]),
    (Field::Domain, &["Domaene", "Domane", "Domaine", "Dominio"]),
    (Field::Email, &["E-Mail-Adresse", "Mailadresse", "Courriel", "Adresse e-mail", "Correo", "Correo electronico"]),
    (Field::Language, &["Sprache", "Langue", "Idioma"]),
    (Field::FirstName, &["Vorname", "Prenom", "Nombre"]),
    (Field::LastName, &["Nachname", "Familienname", "Nom", "Nom de famille", "Apellido", "Apellidos"]),
    (Field::AddressLine1, &["Strasse", "Anschrift", "Adresse", "Rue", "Direccion", "Calle"]),
    (Field::AddressLine2, &["Adresszusatz", "Complement d'adresse"]),
    (Field::City, &["Ort", "Stadt", "Ville", "Ciudad", "Localidad", "Poblacion"]),
    (Field::State, &["Bundesland", "Kanton", "Canton", "Provincia"]),
    (Field::PostalCode, &["PLZ", "Postleitzahl", "Code postal", "Codigo postal"]),
    (Field::Country, &["Land", "Laendercode", "Landercode", "Pays", "Pais"]),
    (Field::PhoneNumber, &["Telefon", "Telefonnummer", "Telefono"]),
    (Field::OrganizationRegistrationNumber, &["Handelsregisternummer", "Registernummer"]),
    (Field::ExternalId, &["Kundennummer", "Numero client", "Numero de cliente"]),
];

/// The field that a column of this name may mean.
pub(super) fn field_meant(name: &str) -> Option<Field> {
    let name = plain(&fold(name));
    NAMES.iter().find(|(_, names)| names.iter().any(|known| fold(known) == name)).map(|(field, _)| *field)
}

/// Without the accents of these languages.
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
        for (field, names) in NAMES {
            for name in names {
                assert_eq!(field_meant(name), Some(field), "{name}");
                assert_eq!(field_named(&fold(name)), None, "{name} is known and needs no suggestion");
            }
        }
    }

    #[test]
    fn names_are_met_as_lists_write_them() {
        let check = |name: &str, expected: Option<Field>| assert_eq!(field_meant(name), expected, "{name}");
        check("Straße", Some(Field::AddressLine1));
        check("PLZ ", Some(Field::PostalCode));
        check("Téléphone mobile", None);
        check("CÓDIGO POSTAL", Some(Field::PostalCode));
        check("Prénom", Some(Field::FirstName));
        check("Raison Sociale", Some(Field::CompanyName));
        check("Betreuer", None);
    }
}
