//! Decides which column of a header is which field.
//!
//! `--map` and `--ignore-column` come first, then the known names, then with `--auto-map` the headings of the
//! [table](super::headings). A heading such as `Name` means what the other columns leave it: a list of companies has its
//! company there, an address book a whole person.
//!
//! Invariant: `--auto-map` takes nothing that two columns may mean, and nothing of a further address.

use tenantry_model::customer::Field;

use super::Options;
use super::aliases;
use super::error::HeaderFault;
use super::header::{Column, is_ours};
use super::headings::{self, Heading, Sign};

/// What a heading most likely means, next to the other columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reading {
    pub(super) field: Field,
    pub(super) certainty: Certainty,
}

/// How a heading says what it means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Certainty {
    /// A known name.
    Known,
    /// A name of the table, in English or in another language.
    English,
    Translated,
    /// A name with words around it.
    Around,
    /// A name with a word in front that says little.
    Before,
    /// A word that can also mean something else: `Business Address` for a whole address, `Estado` for a status.
    Vague,
    /// The same, of a further address.
    Elsewhere,
}

impl Reading {
    /// `--auto-map` takes such a column, if it is the only one.
    pub(super) fn is_certain(self) -> bool {
        self.certainty < Certainty::Vague
    }
}

impl Certainty {
    /// A heading of this kind is a name and nothing else.
    fn is_whole(self) -> bool {
        self <= Certainty::Translated
    }
}

/// The columns of a header, each with its field; adds what is wrong to `faults`.
pub(super) fn assign(names: Vec<String>, options: &Options, faults: &mut Vec<HeaderFault>) -> Vec<Column> {
    let (column_map, ignored_columns) = with_remembered(&names, options);
    let ignored = resolve_ignored(&names, &ignored_columns, faults);
    let mapped = resolve_map(&names, &column_map, &ignored, faults);
    let headings: Vec<Option<Heading>> = names
        .iter()
        .enumerate()
        .map(|(index, name)| {
            let is_free = mapped[index].is_none() && !ignored[index] && !is_ours(name);
            if is_free { headings::read(name) } else { None }
        })
        .collect();
    let context = Context::of(&names, &headings, &mapped);
    let read = |(name, heading): (&String, &Option<Heading>)| {
        context.read((*heading)?, options.auto_map).filter(|_| !context.is_district(name))
    };
    let readings: Vec<Option<Reading>> = names.iter().zip(&headings).map(read).collect();
    let mut fields = mapped.clone();
    for field in Field::ALL.into_iter().filter(|&field| !mapped.contains(&Some(field))) {
        let mut found = candidates(field, &readings, options.auto_map).into_iter();
        let Some(first) = found.next() else { continue };
        fields[first] = Some(field);
        let (first, others) = (&names[first], found.map(|index| &names[index]));
        faults.extend(others.map(|second| HeaderFault::Twice {
            field,
            first: first.clone(),
            second: second.clone(),
        }));
    }
    let columns = names.into_iter().zip(fields).zip(readings).zip(mapped.iter().zip(ignored));
    columns
        .map(|(((name, field), reading), (mapped, is_ignored))| Column {
            ours: is_ours(&name),
            is_auto_mapped: field.is_some()
                && mapped.is_none()
                && reading.is_some_and(|reading| reading.certainty != Certainty::Known),
            name,
            field,
            is_ignored,
            reading: reading.filter(|_| field.is_none()),
        })
        .collect()
}

/// What is given now about columns, and what was given earlier about columns that this file has too.
fn with_remembered(names: &[String], options: &Options) -> (Vec<(String, Field)>, Vec<String>) {
    let Options { column_map, ignored_columns, remembered, .. } = options;
    let is_one = |wanted: &str, other: &str| {
        named(names, wanted).any(|index| named(names, other).any(|it| it == index))
    };
    let is_mapped = |wanted: &str| column_map.iter().any(|(other, _)| is_one(wanted, other));
    let is_ignored = |wanted: &str| ignored_columns.iter().any(|other| is_one(wanted, other));
    let earlier = remembered.ignored_columns.iter();
    let earlier = earlier.filter(|wanted| named(names, wanted).next().is_some() && !is_mapped(wanted));
    let ignored: Vec<String> = ignored_columns.iter().chain(earlier).cloned().collect();
    let is_free = |(wanted, field): &&(String, Field)| {
        named(names, wanted).count() == 1
            && !is_mapped(wanted)
            && !is_ignored(wanted)
            && column_map.iter().all(|(_, its)| its != field)
    };
    let map = column_map.iter().chain(remembered.column_map.iter().filter(is_free)).cloned().collect();
    (map, ignored)
}

/// The columns that may be taken for a field; more than one is a fault.
fn candidates(field: Field, readings: &[Option<Reading>], auto_map: bool) -> Vec<usize> {
    let of = |is_meant: fn(Certainty) -> bool| -> Vec<usize> {
        let is_meant =
            |reading: &Option<Reading>| reading.is_some_and(|it| it.field == field && is_meant(it.certainty));
        (0..readings.len()).filter(|&index| is_meant(&readings[index])).collect()
    };
    if !auto_map {
        return of(|certainty| certainty == Certainty::Known);
    }
    let whole = of(Certainty::is_whole);
    // `Phone` beside `Default Address Phone` is the phone, and so is that beside `Customer Phone`.
    let around = of(|certainty| certainty == Certainty::Around);
    let before = of(|certainty| certainty == Certainty::Before);
    [whole, around, before].into_iter().find(|found| !found.is_empty()).unwrap_or_default()
}

/// What the columns of a header say about each other.
struct Context<'a> {
    headings: &'a [Option<Heading>],
    mapped: &'a [Option<Field>],
    /// A column has the canonical name of the company.
    has_canonical_company: bool,
    /// A column is a part of a person's name as only address books have it, next to the whole name.
    has_part_of_name: bool,
}

impl<'a> Context<'a> {
    fn of(names: &[String], headings: &'a [Option<Heading>], mapped: &'a [Option<Field>]) -> Self {
        let company = aliases::fold(Field::CompanyName.name());
        let mut known = names.iter().zip(headings).filter(|(_, heading)| heading.is_some());
        let has_canonical_company = known.any(|(name, _)| aliases::fold(name) == company);
        let has_part_of_name = names.iter().any(|name| headings::is_part_of_name(name));
        Self { headings, mapped, has_canonical_company, has_part_of_name }
    }

    fn read(&self, heading: Heading, auto_map: bool) -> Option<Reading> {
        let (field, certainty) = match heading {
            Heading::Field { field, is_known: true, .. } => (field, Certainty::Known),
            Heading::Field { field, is_english: true, .. } => (field, Certainty::English),
            Heading::Field { field, .. } => (field, Certainty::Translated),
            Heading::Around(field) => (field, Certainty::Around),
            Heading::Before(field) => (field, Certainty::Before),
            Heading::Vague(field) => (field, Certainty::Vague),
            Heading::Elsewhere(field) => (field, Certainty::Elsewhere),
            Heading::Customer { is_known } => {
                let is_display_name = auto_map && self.has(Field::CompanyName) && self.has_person();
                return (!is_display_name).then(|| company(is_known));
            }
            Heading::Name { is_known } => return self.name(is_known, auto_map),
            Heading::Sign(_) => return None,
        };
        Some(Reading { field, certainty })
    }

    /// What `Name` means. Never the company if it may be a person.
    fn name(&self, is_known: bool, auto_map: bool) -> Option<Reading> {
        let part = |field| Some(Reading { field, certainty: Certainty::Translated });
        let has_company = self.has(Field::CompanyName);
        match (self.has(Field::FirstName), self.has(Field::LastName)) {
            (true, false) => return part(Field::LastName),
            (false, true) => return part(Field::FirstName),
            (true, true) if !has_company && self.has_part_of_name => return None,
            (false, false)
                if !has_company && self.has_sign(Sign::Person) && !self.has_sign(Sign::Contact) =>
            {
                return None;
            }
            // Both may be the company.
            (has_first, _)
                if has_company
                    && (self.has_sign(Sign::Contact) || self.has_canonical_company && !has_first) =>
            {
                return Some(company(is_known));
            }
            _ => {}
        }
        // Beside a company it is a person. Without `--auto-map`, two known names are a question.
        let is_asked = !auto_map && is_known && self.has_known(Field::CompanyName);
        (!has_company || is_asked).then(|| company(is_known))
    }

    /// A `County` is the state, but beside a `State` it is a part of one, as in the United States. Without a `Country` it may
    /// be that, misspelt.
    fn is_district(&self, name: &str) -> bool {
        headings::is_county(name) && (self.has_other_state() || !self.has(Field::Country))
    }

    fn has_other_state(&self) -> bool {
        let is_state = |heading: &&Option<Heading>| {
            matches!(
                heading,
                Some(
                    Heading::Field { field: Field::State, .. }
                        | Heading::Around(Field::State)
                        | Heading::Before(Field::State)
                )
            )
        };
        self.mapped.contains(&Some(Field::State)) || self.headings.iter().filter(is_state).count() > 1
    }

    fn has_person(&self) -> bool {
        self.has(Field::FirstName) && self.has(Field::LastName)
    }

    /// Some column is the field, by `--map` or by its own heading.
    fn has(&self, field: Field) -> bool {
        let is_meant = |heading: &Heading| matches!(heading, Heading::Field { field: it, .. } | Heading::Around(it) | Heading::Before(it) if *it == field);
        self.mapped.contains(&Some(field)) || self.headings.iter().flatten().any(is_meant)
    }

    fn has_known(&self, field: Field) -> bool {
        let is_meant = |heading: &Heading| matches!(heading, Heading::Field { field: it, is_known: true, .. } if *it == field);
        self.headings.iter().flatten().any(is_meant)
    }

    fn has_sign(&self, sign: Sign) -> bool {
        self.headings.contains(&Some(Heading::Sign(sign)))
    }
}

fn company(is_known: bool) -> Reading {
    let certainty = if is_known { Certainty::Known } else { Certainty::Translated };
    Reading { field: Field::CompanyName, certainty }
}

/// Whether one of these columns is the one that the operator means by `wanted`.
pub fn has_column(names: &[String], wanted: &str) -> bool {
    named(names, wanted).next().is_some()
}

/// The columns that a name of the operator means: as it is written or, failing that, folded.
fn named<'a>(names: &'a [String], wanted: &'a str) -> impl Iterator<Item = usize> + 'a {
    let is_exact = names.iter().any(|name| name.trim() == wanted.trim());
    let folded = aliases::fold(wanted);
    let is_meant = move |name: &String| {
        if is_exact {
            name.trim() == wanted.trim()
        } else {
            !folded.is_empty() && aliases::fold(name) == folded
        }
    };
    (0..names.len()).filter(move |&index| is_meant(&names[index]) && !is_ours(&names[index]))
}

fn resolve_ignored(names: &[String], ignored: &[String], faults: &mut Vec<HeaderFault>) -> Vec<bool> {
    let mut is_ignored = vec![false; names.len()];
    for wanted in ignored {
        let mut indexes = named(names, wanted).peekable();
        if indexes.peek().is_none() {
            faults.push(HeaderFault::IgnoreUnmatched { column: wanted.clone() });
        }
        indexes.for_each(|index| is_ignored[index] = true);
    }
    is_ignored
}

/// The field that `--map` gives each column.
fn resolve_map(
    names: &[String],
    column_map: &[(String, Field)],
    ignored: &[bool],
    faults: &mut Vec<HeaderFault>,
) -> Vec<Option<Field>> {
    let mut mapped: Vec<Option<Field>> = vec![None; names.len()];
    for (wanted, field) in column_map {
        let mut indexes = named(names, wanted);
        let index = match indexes.next() {
            Some(index) if ignored[index] => {
                faults.push(HeaderFault::MappedAndIgnored { column: wanted.clone() });
                continue;
            }
            Some(index) => index,
            None => {
                faults.push(HeaderFault::MapUnmatched { column: wanted.clone() });
                continue;
            }
        };
        // Which of the columns with this name is meant?
        faults.extend(indexes.map(|second| HeaderFault::Twice {
            field: *field,
            first: names[index].clone(),
            second: names[second].clone(),
        }));
        let other = mapped.iter().position(|it| *it == Some(*field)).filter(|&other| other != index);
        if let Some(other) = other {
            let (first, second) = (names[other].clone(), names[index].clone());
            faults.push(HeaderFault::Twice { field: *field, first, second });
        }
        mapped[index] = Some(*field);
    }
    mapped
}

#[cfg(test)]
mod tests;
