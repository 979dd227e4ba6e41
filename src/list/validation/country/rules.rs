//! What is known about the customers of one country, and how well each part of it is known.
//!
//! A [`CountryRules`] starts from the tables of the fact book and takes over, part by part, what the service has
//! answered: [`CountryRules::apply`] serves the recorded answers, which are compiled in, and the fetched ones alike.

use std::borrow::Cow;

use tenantry_model::customer::Field;

use super::live::LiveRules;
use super::pattern::Pattern;
use tenantry_model::problem::Rule;

/// A text of the compiled-in tables or of a fetched answer.
pub(super) type RuleText = Cow<'static, str>;

/// What a value must look like.
#[derive(Debug, Clone)]
pub(super) struct ValueFormat {
    pub(super) pattern: Pattern,
    /// The service, lately or in a published recording, or Microsoft's documentation of exactly this says so. What the
    /// service is then known to refuse is an error. All else is concluded from documentation of something near, somebody
    /// else's list, or the country's own custom, and we can only warn.
    pub(super) is_certain: bool,
}

/// Every value that `state` may have, as the service spells it.
#[derive(Debug, Clone)]
pub(super) struct States {
    pub(super) values: Vec<RuleText>,
    /// As in a [`Form`].
    pub(super) is_certain: bool,
}

#[derive(Debug, Clone, Default)]
pub(in crate::validation) struct CountryRules {
    /// ISO 3166-1 alpha-2, or the code that Microsoft made up where there is none.
    pub(in crate::validation) code: RuleText,
    pub(super) name: RuleText,
    /// Never empty for a country of the tables.
    pub(super) cultures: Vec<RuleText>,
    /// Empty where they are not known.
    pub(super) languages: Vec<RuleText>,
    /// Without `+`; empty where they are not known.
    pub(super) calling_codes: Vec<RuleText>,
    /// `None` where any text is a state.
    pub(super) states: Option<States>,
    pub(super) postal_code: Option<ValueFormat>,
    pub(super) postal_example: Option<&'static str>,
    /// How many zeros a spreadsheet can have eaten off a postal code.
    pub(super) postal_zeros_max: usize,
    pub(super) phone_number: Option<ValueFormat>,
    /// Which fields a row may not leave empty, beside those that no country lets it, and whether that is certain.
    pub(super) required: Vec<(Field, bool)>,
    /// False where the service refuses an organization registration number (600002).
    pub(super) takes_registration_number: bool,
}

impl CountryRules {
    /// A country of which nothing is known but that the service has rules for it.
    pub(super) fn bare(code: String) -> Self {
        Self { name: Cow::Owned(code.clone()), code: Cow::Owned(code), ..Self::default() }
    }

    /// What the table of countries says. Phone number and registration number are documented as mandatory where the
    /// table has them so (fact book 4.3; 24 countries, of which the older page of error codes names 12), and the
    /// registration number is documented as refused everywhere else (600002).
    pub(super) fn listed(country: &csv::StringRecord) -> Self {
        let [needs_registration_number, needs_phone_number] = [4, 5].map(|index| &country[index] == "yes");
        let mut rules = Self::bare(country[0].to_owned());
        rules.name = Cow::Owned(country[2].to_owned());
        rules.cultures = country[3].split('|').map(|culture| Cow::Owned(culture.to_owned())).collect();
        rules.takes_registration_number = needs_registration_number;
        if needs_phone_number {
            rules.require(Field::PhoneNumber, true);
        }
        if needs_registration_number {
            rules.require(Field::OrganizationRegistrationNumber, true);
        }
        rules
    }

    /// The country as messages name it.
    pub(super) fn title(&self) -> String {
        if self.name == self.code { self.code.to_string() } else { format!("{} ({})", self.name, self.code) }
    }

    pub(super) fn require(&mut self, field: Field, is_certain: bool) {
        self.release(field);
        self.required.push((field, is_certain));
    }

    fn release(&mut self, field: Field) {
        self.required.retain(|&(required, _)| required != field);
    }

    /// The rule that a state breaks that is not on the list. The old cmdlets asked the list only where the country
    /// must have a state at all (fact book 7), so elsewhere the list is advice, whoever gave it.
    pub(super) fn state_rule(&self, states: &States) -> Rule {
        let is_required = self.required.contains(&(Field::State, true));
        if is_required && states.is_certain { Rule::State } else { Rule::StateUnlisted }
    }

    /// Takes over what the service answered; it wins over what was there. What it did not say stays.
    pub(super) fn apply(&mut self, answer: &LiveRules, notes: &mut Vec<String>) {
        let flags = [
            (Field::City, answer.is_city_required),
            (Field::State, answer.is_state_required),
            (Field::PostalCode, answer.is_postal_code_required),
        ];
        for (field, is_required) in flags {
            match is_required {
                Some(true) => self.require(field, true),
                Some(false) => self.release(field),
                None => {}
            }
        }
        if let Some(values) = answer.states() {
            // An empty list is recorded of a country that takes any state, or none.
            self.states =
                Some(States { values: owned(values), is_certain: true }).filter(|_| !values.is_empty());
        }
        for (list, answered) in [
            (&mut self.cultures, answer.cultures()),
            (&mut self.languages, answer.languages()),
            (&mut self.calling_codes, answer.calling_codes()),
        ] {
            if let Some(values) = answered.filter(|values| !values.is_empty()) {
                *list = owned(values);
            }
        }
        // Of the time before the number was asked for anywhere (fact book 7), so a no does not count.
        self.takes_registration_number |= answer.is_registration_number_supported == Some(true);
        for (field, form, text) in [
            (Field::PostalCode, &mut self.postal_code, &answer.postal_code_regex),
            (Field::PhoneNumber, &mut self.phone_number, &answer.phone_number_regex),
        ] {
            let Some(text) = text else { continue };
            if !apply_pattern(form, text) {
                notes.push(format!(
                    "the service's pattern for `{field}` of {} is not used, because it cannot be read as .NET reads \
                     it: `{text}`",
                    self.code
                ));
            }
        }
    }
}

/// False where the pattern cannot be used.
fn apply_pattern(form: &mut Option<ValueFormat>, text: &str) -> bool {
    if let Some(form) = form.as_mut().filter(|form| form.pattern.as_str() == text) {
        // It was compiled before, or is when the first row needs it.
        form.is_certain = true;
        return true;
    }
    let pattern = Pattern::read(text);
    let is_usable = pattern.is_some();
    match (pattern, &mut *form) {
        _ if text.is_empty() => *form = None,
        (Some(pattern), _) => *form = Some(ValueFormat { pattern, is_certain: true }),
        // The service has a rule of which ours may no longer tell the truth.
        (None, Some(form)) => form.is_certain = false,
        (None, None) => {}
    }
    is_usable
}

fn owned(values: &[String]) -> Vec<RuleText> {
    values.iter().cloned().map(Cow::Owned).collect()
}
