//! What a heading means that people or other programs wrote: a table of headings by language, and the words around them.
//!
//! The names in the rows of the table without a language are known: a column with such a name is the field, always. The
//! others are taken with `--auto-map` only, and suggested without it, because the same word may mean something else in
//! another list. [`assign`](super::assign) decides by the other columns of the header.

use std::collections::HashMap;
use std::sync::LazyLock;

use icu_normalizer::DecomposingNormalizer;
use tenantry_model::customer::Field;

use super::aliases::{field_named, fold};

/// What a row of the table says about its names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    Field(Field),
    /// The name of the company, or a display name beside it.
    Customer,
    /// The name of the company, of the person, or a part of the person's name.
    Name,
    PartOfName,
    /// A column of a list of persons.
    Person,
    /// A column that a list of companies has for its persons.
    Contact,
    /// A name of the field that means something else as often: `Estado`, a state or a status; `NIP`, a number of taxes.
    Vague(Field),
    /// A column that is not a field, although its name is similar to that of one.
    Other,
    /// A column with a part of the value of these fields, such as the house number.
    Part(&'static [Field]),
    /// A word beside a name that says nothing about its field.
    Mark,
    /// A word beside a name that says where the address, the phone or the person belongs.
    Around,
    /// A word in front of a name that says little: `Customer City`.
    Before,
    /// The same for a further address, phone or person.
    Elsewhere,
}

/// The meaning of a heading, read on its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heading {
    /// A name of the field; a known one needs no `--auto-map`.
    Field { field: Field, is_known: bool, is_english: bool },
    /// A display name of the customer: the company, unless another column is.
    Customer { is_known: bool },
    /// The name of the company, of the person, or a part of the person's name.
    Name { is_known: bool },
    /// A name of the field with other words around it: `Billing City`.
    Around(Field),
    /// A name of the field with a word in front that says little: `Customer City`.
    Before(Field),
    /// A name of the field that can mean more: `Business Address` may be a whole address, and `Estado` a status.
    Vague(Field),
    /// The field of a further address: `Shipping City`.
    Elsewhere(Field),
    /// A column that shows what the others are about.
    Sign(Sign),
}

/// What a column shows about a column `Name`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    /// A list of persons.
    Person,
    /// A list of companies, with persons.
    Contact,
}

/// The most words around a name that are taken off: `Organization - Address - City`.
const AROUND_MAX: usize = 3;

struct Table {
    /// By plain name, with whether the name is in an English row.
    words: HashMap<String, (Word, bool)>,
    /// Plain names of the words around a name.
    around: Vec<(String, Word)>,
    parts_of_name: Vec<String>,
    /// Plain names of columns that are not fields, although the names are similar to those of some.
    others: Vec<String>,
    /// Plain names, each with the fields that it is a part of.
    parts: Vec<(String, &'static [Field])>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let mut table = Table {
        words: HashMap::new(),
        around: Vec::new(),
        parts_of_name: Vec::new(),
        others: Vec::new(),
        parts: Vec::new(),
    };
    for (meaning, language, name) in names() {
        let word = word(meaning);
        match word {
            Word::Mark | Word::Around | Word::Before | Word::Elsewhere => {
                table.around.push((plain(name), word))
            }
            Word::Other => table.others.push(plain(name)),
            Word::PartOfName => table.parts_of_name.push(plain(name)),
            Word::Part(whole) => table.parts.push((plain(name), whole)),
            // A generic name is also a known name of the company; the generic meaning counts.
            Word::Field(_) => drop(table.words.entry(plain(name)).or_insert((word, language == "en"))),
            _ => drop(table.words.insert(plain(name), (word, language == "en"))),
        }
    }
    table
});

/// Meaning, language and name of every name in the table.
pub(super) fn names() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    let rows = include_str!("data/headings.csv").lines().skip(1);
    rows.filter_map(|row| {
        let (meaning, rest) = row.split_once(',')?;
        let (language, names) = rest.split_once(',')?;
        Some(names.split('|').map(move |name| (meaning, language, name)))
    })
    .flatten()
}

fn word(meaning: &str) -> Word {
    match meaning {
        "name" => Word::Name,
        "customer" => Word::Customer,
        "other" => Word::Other,
        "part_of_name" => Word::PartOfName,
        "vague_state" => Word::Vague(Field::State),
        "vague_registration" => Word::Vague(Field::OrganizationRegistrationNumber),
        "part_of_address" => Word::Part(&[Field::AddressLine1, Field::AddressLine2]),
        "part_of_phone" => Word::Part(&[Field::PhoneNumber]),
        "part_of_company" => Word::Part(&[Field::CompanyName]),
        "part_of_surname" => Word::Part(&[Field::LastName]),
        "person" => Word::Person,
        "contact" => Word::Contact,
        "mark" => Word::Mark,
        "around" => Word::Around,
        "before" => Word::Before,
        "elsewhere" => Word::Elsewhere,
        name => {
            Word::Field(Field::ALL.into_iter().find(|field| field.name() == name).expect("a field's name"))
        }
    }
}

/// Letters and digits in lower case without accents, in one form for wide and narrow letters.
pub(crate) fn plain(name: &str) -> String {
    // Most names; the whole table is made plain at every start.
    if name.is_ascii() {
        return fold(name);
    }
    let mut plain = String::with_capacity(name.len());
    for c in fold(&DecomposingNormalizer::new_nfkd().normalize(name)).chars() {
        // These have no decomposition.
        match c {
            'ß' => plain.push_str("ss"),
            'æ' => plain.push_str("ae"),
            'œ' => plain.push_str("oe"),
            'ø' => plain.push('o'),
            'ł' => plain.push('l'),
            'đ' => plain.push('d'),
            'ı' => plain.push('i'),
            c => plain.push(c),
        }
    }
    plain
}

/// Whether this is the name of a column that a list of customers has.
pub(super) fn is_name(heading: &str) -> bool {
    read(heading).is_some()
}

/// Whether this can be the whole name of a company or of a person.
pub(super) fn is_whole_name(heading: &str) -> bool {
    matches!(read(heading), Some(Heading::Name { .. }))
}

/// Whether this is `County`, which means several things.
pub(super) fn is_county(heading: &str) -> bool {
    fold(heading) == "county"
}

/// Whether this is a usual name of a column that is not a field, and not a misspelling of one.
pub(super) fn is_other(heading: &str) -> bool {
    TABLE.others.contains(&plain(heading))
}

/// Whether this is a part of a person's name as only address books have it, next to the whole name.
pub(super) fn is_part_of_name(heading: &str) -> bool {
    TABLE.parts_of_name.contains(&plain(heading))
}

/// The fields that are not whole without the value of this column: a house number belongs to the address.
fn whole_of(heading: &str) -> Option<&'static [Field]> {
    let whole_of = |name: &str| TABLE.parts.iter().find(|(part, _)| part == name).map(|(_, whole)| *whole);
    let name = plain(&without_brackets(heading));
    let inner = || TABLE.around.iter().flat_map(|(around, _)| without(&name, around, true));
    whole_of(&name).or_else(|| inner().find_map(|rest| whole_of(&rest)))
}

/// Words between two names in one heading.
const AND: [&str; 11] =
    [" and ", " und ", " et ", " y ", " e ", " en ", " i ", " och ", " og ", " ve ", " и "];

/// What a column is about that is not used, although its data belongs to fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unused {
    /// A part of the value of these fields.
    PartOf(&'static [Field]),
    /// The values of these fields in one cell: `PLZ/Ort`.
    Joined(Vec<Field>),
}

/// What the heading of an unused column says that fields lack without it.
pub(super) fn unused(heading: &str) -> Option<Unused> {
    let joined = || Some(joined(heading)).filter(|fields| fields.len() > 1).map(Unused::Joined);
    whole_of(heading).map(Unused::PartOf).or_else(joined)
}

/// The fields of an address that the names in a heading mean, each once: `City/State/Zip`, `CP Ville`. Empty: not all of it
/// is such names.
fn joined(heading: &str) -> Vec<Field> {
    let is_between = |c: char| matches!(c, '/' | ',' | '+' | '&' | '|');
    let lower = heading.to_lowercase();
    let between = AND.iter().fold(lower, |heading, and| heading.replace(and, "/"));
    let parts: Vec<&str> = match between.contains(is_between) {
        true => between.split(is_between).collect(),
        false => between.split_whitespace().collect(),
    };
    let field = |part: &&str| match exact(&plain(part), field_named(&fold(part)))? {
        Heading::Field { field, .. } if is_place(field) => Some(field),
        _ => None,
    };
    let mut fields: Vec<Field> = Vec::new();
    for part in parts.iter().map(field) {
        match part {
            Some(field) if !fields.contains(&field) => fields.push(field),
            Some(_) => {}
            None => return Vec::new(),
        }
    }
    if parts.len() > 1 { fields } else { Vec::new() }
}

fn is_place(field: Field) -> bool {
    matches!(field, Field::AddressLine1 | Field::City | Field::State | Field::PostalCode | Field::Country)
}

/// Reads a heading. `None`: it is no name that the table has.
pub(super) fn read(heading: &str) -> Option<Heading> {
    let folded = fold(heading);
    let known = field_named(&folded);
    let written = plain(heading);
    if written.is_empty() {
        return None;
    }
    if let Some(heading) = exact(&written, known) {
        return Some(heading);
    }
    let cleaned = without_marks(&plain(&without_brackets(heading)));
    if cleaned != written {
        // With a mark it is not a name as people write it, so it is taken only if it can mean one thing.
        match exact(&cleaned, field_named(&cleaned)) {
            Some(Heading::Field { field, .. }) => return Some(Heading::Around(field)),
            Some(_) => return None,
            None => {}
        }
    }
    inside(&cleaned, AROUND_MAX).or_else(|| match joined(heading)[..] {
        // Two names of one field.
        [field] => Some(Heading::Field { field, is_known: false, is_english: true }),
        _ => None,
    })
}

fn exact(plain: &str, known: Option<Field>) -> Option<Heading> {
    let (is_known, word) = (known.is_some(), TABLE.words.get(plain));
    Some(match (word, known) {
        (Some((Word::Name, _)), _) => Heading::Name { is_known },
        (Some((Word::Customer, _)), _) => Heading::Customer { is_known },
        (_, Some(field)) => Heading::Field { field, is_known, is_english: true },
        (Some((Word::Field(field), is_english)), None) => {
            Heading::Field { field: *field, is_known, is_english: *is_english }
        }
        (Some((Word::Vague(field), _)), None) => Heading::Vague(*field),
        (Some((Word::Person, _)), None) => Heading::Sign(Sign::Person),
        (Some((Word::Contact, _)), None) => Heading::Sign(Sign::Contact),
        (_, None) => return None,
    })
}

/// `Name [displayName]` without what is in brackets, unless nothing else is there.
fn without_brackets(heading: &str) -> String {
    let mut outside = String::with_capacity(heading.len());
    let mut depth = 0_usize;
    for c in heading.chars() {
        match c {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            c if depth == 0 => outside.push(c),
            _ => {}
        }
    }
    if outside.contains(char::is_alphanumeric) { outside } else { heading.to_owned() }
}

fn without_marks(plain: &str) -> String {
    let marks = TABLE.around.iter().filter(|(_, word)| *word == Word::Mark);
    let mut rests = marks.filter_map(|(mark, _)| {
        plain.strip_suffix(mark.as_str()).or_else(|| plain.strip_prefix(mark.as_str()))
    });
    rests.next().unwrap_or(plain).to_owned()
}

/// Reads a name with words around it. `None` also if the words can be taken off in two ways that mean different fields.
fn inside(plain: &str, around_max: usize) -> Option<Heading> {
    let mut found: Option<Heading> = None;
    for (around, word) in &TABLE.around {
        for rest in without(plain, around, *word != Word::Before) {
            let inner = match exact(&rest, field_named(&rest)) {
                Some(Heading::Field { field, .. }) if is_of_an_address(field) => {
                    // `Address` says little: the whole address, or its first line.
                    let is_vague = !rest.ends_with(|c: char| c.is_ascii_digit())
                        && TABLE.around.iter().any(|(around, _)| *around == rest);
                    Some(if is_vague { Heading::Vague(field) } else { Heading::Around(field) })
                }
                Some(_) => None,
                None if around_max > 1 => inside(&rest, around_max - 1),
                None => None,
            };
            let heading = match (inner, word) {
                (
                    Some(Heading::Around(field) | Heading::Before(field) | Heading::Vague(field)),
                    Word::Elsewhere,
                ) => Heading::Elsewhere(field),
                (Some(Heading::Around(field)), Word::Before) => Heading::Before(field),
                (Some(heading), _) => heading,
                (None, _) => continue,
            };
            match found {
                Some(other) if field_of(other) != field_of(heading) => return None,
                // Words that can be taken off in two ways: the more careful reading counts.
                Some(other) if caution(other) >= caution(heading) => {}
                _ => found = Some(heading),
            }
        }
    }
    found
}

fn field_of(heading: Heading) -> Option<Field> {
    match heading {
        Heading::Field { field, .. }
        | Heading::Around(field)
        | Heading::Before(field)
        | Heading::Vague(field)
        | Heading::Elsewhere(field) => Some(field),
        Heading::Customer { .. } | Heading::Name { .. } | Heading::Sign(_) => None,
    }
}

fn caution(heading: Heading) -> u8 {
    match heading {
        Heading::Elsewhere(_) => 3,
        Heading::Vague(_) => 2,
        Heading::Before(_) => 1,
        _ => 0,
    }
}

/// What is left of a name without a word at its beginning, or else at its end, where `may_end` allows it; `Straße
/// geschäftlich 2` has a digit after the word.
fn without(plain: &str, around: &str, may_end: bool) -> impl Iterator<Item = String> {
    let digit = plain.len() - usize::from(plain.ends_with(|c: char| c.is_ascii_digit()));
    let (name, digit) = plain.split_at(digit);
    let before = plain.strip_prefix(around).map(str::to_owned);
    let after = name.strip_suffix(around).filter(|_| may_end).map(|name| format!("{name}{digit}"));
    before.into_iter().chain(after).filter(|rest| !rest.is_empty())
}

/// Fields that a list can have several times, for several addresses or persons.
pub(super) fn is_of_an_address(field: Field) -> bool {
    use Field::*;
    matches!(
        field,
        Email
            | FirstName
            | LastName
            | MiddleName
            | AddressLine1
            | AddressLine2
            | City
            | State
            | PostalCode
            | Country
            | PhoneNumber
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_means_one_thing() {
        let mut meanings: HashMap<String, Word> = HashMap::new();
        let words: Vec<_> =
            names().map(|(meaning, language, name)| (word(meaning), language, name)).collect();
        let is_around = |word: &Word| {
            matches!(
                word,
                Word::Mark
                    | Word::Around
                    | Word::Before
                    | Word::Elsewhere
                    | Word::PartOfName
                    | Word::Part(_)
                    | Word::Other
            )
        };
        for (word, language, name) in words.iter().filter(|(word, ..)| !is_around(word)) {
            let is_generic = matches!(word, Word::Name | Word::Customer);
            let known = *meanings.entry(plain(name)).or_insert(*word);
            assert!(
                known == *word || is_generic && known == Word::Field(Field::CompanyName),
                "{name} ({language})"
            );
            assert!(!plain(name).is_empty(), "{word:?} ({language})");
            // What is known without a language needs no other row.
            let Word::Field(_) = word else { continue };
            assert_eq!(field_named(&fold(name)).is_some(), language.is_empty(), "{name} ({language})");
        }
        let around: Vec<_> =
            words.iter().filter(|(word, ..)| matches!(word, Word::Around | Word::Elsewhere)).collect();
        for (word, _, name) in &around {
            let same = around.iter().filter(|(.., other)| plain(other) == plain(name));
            assert!(same.clone().all(|(other, ..)| other == word), "{name} is around a name and elsewhere");
        }
    }

    #[test]
    fn spellings_of_a_name_are_alike() {
        let field = |field, is_english| Some(Heading::Field { field, is_known: false, is_english });
        let check = |name: &str, expected: Option<Heading>| assert_eq!(read(name), expected, "{name}");
        check("Straße", field(Field::AddressLine1, false));
        check("STRASSE", field(Field::AddressLine1, false));
        check("Pre\u{301}nom", field(Field::FirstName, false));
        check("ﾒｰﾙｱﾄﾞﾚｽ", field(Field::Email, false));
        check("İl/Şehir", field(Field::City, false));
        check("Nº Cliente", field(Field::ExternalId, false));
        check("postal_code/zip_code", field(Field::PostalCode, true));
        check("STATE / REGION", field(Field::State, true));
        check("Téléphone mobile", None);
        check("Betreuer", None);
        check("", None);
        check("〒", None);
    }

    #[test]
    fn names_of_several_fields_are_none_of_them() {
        use Field::{City, PostalCode, State};
        let check = |heading: &str, fields: &[Field]| {
            assert_eq!(read(heading), None, "{heading}");
            let expected = (!fields.is_empty()).then(|| Unused::Joined(fields.to_vec()));
            assert_eq!(unused(heading), expected, "{heading}");
        };
        for heading in ["PLZ/Ort", "PLZ Ort", "PLZ, Ort", "PLZ und Ort", "CP Ville", "Postcode en plaats"] {
            check(heading, &[PostalCode, City]);
        }
        check("City/State/Zip", &[City, State, PostalCode]);
        check("Kod pocztowy i miejscowość", &[PostalCode, City]);
        check("Phone Company", &[]);
        check("City Hall", &[]);
    }

    #[test]
    fn words_around_a_name_are_taken_off() {
        let around = |field| Some(Heading::Around(field));
        let check = |name: &str, expected: Option<Heading>| assert_eq!(read(name), expected, "{name}");
        check("Address 1: City", around(Field::City));
        check("Organization - Address - City/town/village/locality of Address", around(Field::City));
        check("[required] Company Name", around(Field::CompanyName));
        check("Company name (required)", around(Field::CompanyName));
        check("Straße geschäftlich 2", around(Field::AddressLine2));
        for name in ["Customer City", "company_city", "HQ - City", "Kunden-Ort", "Customer Billing City"] {
            check(name, Some(Heading::Before(Field::City)));
        }
        check("Account State", None);
        check("Phone Company", None);
        check("Company Main Phone", Some(Heading::Elsewhere(Field::PhoneNumber)));
        check("Straße geschäftlich 3", None);
        check("Rue (bureau) 2", around(Field::AddressLine2));
        check("Person - Email (Work)", around(Field::Email));
        check("Person - Email (Home)", Some(Heading::Elsewhere(Field::Email)));
        check("住所 2 (会社)", around(Field::AddressLine2));
        check("Home Address City", Some(Heading::Elsewhere(Field::City)));
        check("Mailing Address", Some(Heading::Vague(Field::AddressLine1)));
        // Names of whole customers and persons are taken as they are, or not at all.
        check("Person - Name*", None);
        check("Billing Customer", None);
        check("Work ID", None);
    }
}
