//! What is known about the customers of one country, and how certain each part is.
//!
//! A [`CountryRules`] starts from the tables of the fact book. [`CountryRules::apply`] overrides it, part by part, with
//! the answers of the service: both the recorded answers, which are compiled in, and the fetched ones.

use std::borrow::Cow;

use tenantry_model::customer::Field;

use super::live::LiveRules;
use super::pattern::Pattern;
use tenantry_model::problem::Rule;

/// A text from the compiled-in tables or from a fetched answer.
pub(super) type RuleText = Cow<'static, str>;

/// The format that a value must have.
#[derive(Debug, Clone)]
pub(super) struct ValueFormat {
    pub(super) pattern: Pattern,
    /// True if the service itself (live or in a published recording) or Microsoft's documentation of this format is the
    /// source. A value that the service is then known to reject is an error. Other formats are derived from related
    /// documentation, third-party lists or local custom, and only cause warnings.
    pub(super) is_certain: bool,
}

/// All values that `state` may have, as the service spells them.
#[derive(Debug, Clone)]
pub(super) struct States {
    pub(super) values: Vec<RuleText>,
    /// As in a [`ValueFormat`].
    pub(super) is_certain: bool,
}

#[derive(Debug, Clone, Default)]
pub(in crate::validation) struct CountryRules {
    /// ISO 3166-1 alpha-2, or a code that Microsoft invented if there is none.
    pub(in crate::validation) code: RuleText,
    pub(super) name: RuleText,
    /// Never empty for a country from the tables.
    pub(super) cultures: Vec<RuleText>,
    /// Empty if they are not known.
    pub(super) languages: Vec<RuleText>,
    /// Without `+`; empty if they are not known.
    pub(super) calling_codes: Vec<RuleText>,
    /// `None` if any text is accepted as a state.
    pub(super) states: Option<States>,
    pub(super) postal_code: Option<ValueFormat>,
    pub(super) postal_example: Option<&'static str>,
    /// How many leading zeros a spreadsheet can have removed from a postal code.
    pub(super) postal_zeros_max: usize,
    pub(super) phone_number: Option<ValueFormat>,
    /// The fields that this country requires in addition to the fields that every country requires, and whether that is
    /// certain.
    pub(super) required: Vec<(Field, bool)>,
    /// False if the service rejects an organization registration number (600002).
    pub(super) takes_registration_number: bool,
}

impl CountryRules {
    /// A country about which nothing is known except that the service has rules for it.
    pub(super) fn bare(code: String) -> Self {
        Self { name: Cow::Owned(code.clone()), code: Cow::Owned(code), ..Self::default() }
    }

    /// The rules in the table of countries. Phone number and registration number are documented as mandatory for the
    /// countries that the table marks (fact book 4.3; 24 countries, of which the older page of error codes names 12).
    /// For all other countries, the registration number is documented as rejected (600002).
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

    /// The name of the country in messages.
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

    /// The rule that an unlisted state breaks. The old cmdlets used the list only if the country requires a state (fact
    /// book 7), so for other countries the list only causes warnings, whatever its source.
    pub(super) fn state_rule(&self, states: &States) -> Rule {
        let is_required = self.required.contains(&(Field::State, true));
        if is_required && states.is_certain { Rule::State } else { Rule::StateUnlisted }
    }

    /// Overrides the rules with an answer of the service. Rules that the answer does not contain stay unchanged.
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
            // The recorded answer with an empty list is for a country that accepts any state, or none.
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
        // This flag is older than the demand for the number (fact book 7), so a `false` does not count.
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

/// False if the pattern cannot be used.
fn apply_pattern(form: &mut Option<ValueFormat>, text: &str) -> bool {
    if let Some(form) = form.as_mut().filter(|form| form.pattern.as_str() == text) {
        // The pattern is already compiled, or is compiled when the first row needs it.
        form.is_certain = true;
        return true;
    }
    let pattern = Pattern::read(text);
    let is_usable = pattern.is_some();
    match (pattern, &mut *form) {
        _ if text.is_empty() => *form = None,
        (Some(pattern), _) => *form = Some(ValueFormat { pattern, is_certain: true }),
        // The service has a pattern that cannot be read, so the existing pattern may be out of date.
        (None, Some(form)) => form.is_certain = false,
        (None, None) => {}
    }
    is_usable
}

fn owned(values: &[String]) -> Vec<RuleText> {
    values.iter().cloned().map(Cow::Owned).collect()
}
