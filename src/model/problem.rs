//! Defines what can be wrong with a row, and how it is reported.
//!
//! One table has the name and kind of each rule. A check returns a [`Finding`]. The caller adds its place (line, column,
//! value) and the [`Strictness`] of the list, which makes a [`Problem`]. For a row without problems, none of this is
//! built.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// An error rejects the row. A warning is shown, and the row is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Error,
    Warning,
}

impl Severity {
    pub const fn name(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        }
    }
}

/// One problem with one cell of a row, or with the whole row (`column` is then empty).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The physical line on which the row starts, 1-based; 0, in JSON `null`, for a problem of the file as a whole.
    #[serde(with = "line_or_null")]
    pub line: u64,
    /// The operator's own header text, or the canonical name if the file has no such column.
    pub column: String,
    /// The cell, shortened and with control characters escaped.
    pub value: String,
    pub severity: Severity,
    pub rule: Cow<'static, str>,
    /// A fragment in lower case. If it needs a subject, the subject is the cell.
    pub message: String,
    /// The value to write instead, if there is only one; empty if the cell is to be left empty.
    pub suggestion: Option<String>,
    /// What to do, if that needs a person. Problems in older ledgers may have it as `suggestion`.
    #[serde(default)]
    pub advice: Option<String>,
}

impl Problem {
    /// True if the record does not match its header, is longer than what is stored, or was more than its text: the
    /// ledger's content differs from the file's.
    pub fn is_of_the_record(&self) -> bool {
        let rules = [
            Rule::RaggedRow,
            Rule::Footer,
            Rule::RowEncoding,
            Rule::Quotes,
            Rule::CellSize,
            Rule::RowSize,
            Rule::CellType,
            Rule::FormulaResult,
            Rule::LostDigits,
            Rule::MergedCell,
            Rule::HiddenRow,
        ];
        self.severity == Severity::Error && rules.iter().any(|rule| rule.name() == self.rule)
    }

    /// What to write instead, or what to do.
    pub fn remedy(&self) -> Option<&str> {
        match self.suggestion.as_deref() {
            Some("") => Some("leave it empty"),
            suggestion => suggestion.or(self.advice.as_deref()),
        }
    }

    /// Column, message and remedy.
    pub fn with_remedy(&self) -> String {
        match self.remedy() {
            Some(remedy) => format!("{} (→ {remedy})", self.describe()),
            None => self.describe(),
        }
    }

    /// Column and message; a problem of the whole row has no column.
    pub fn describe(&self) -> String {
        if self.column.is_empty() {
            let whole = if self.line == 0 { "file" } else { "row" };
            format!("the {whole} {}", self.message)
        } else {
            format!("{}: {}", self.column, self.message)
        }
    }
}

/// A line in JSON.
mod line_or_null {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes every field so")]
    pub(super) fn serialize<S: Serializer>(line: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        Some(*line).filter(|line| *line > 0).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        Ok(Option::deserialize(deserializer)?.unwrap_or(0))
    }
}

/// How much a problem weighs, unless the operator says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The value cannot be sent.
    Error,
    /// The value is very likely not meant. `--warn` accepts it, because in a few lists it is meant.
    Doubt,
    Warning,
}

/// Defines the table of rules as an enum. A rule of the kind `Doubt` has a text for the list of these rules.
macro_rules! rules {
    ($($rule:ident $name:literal $kind:ident $($doubt:literal)?,)*) => {
        /// A rule; `problems[].rule` contains its name.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        pub enum Rule {
            $(#[serde(rename = $name)] $rule,)*
        }

        impl Rule {
            pub const ALL: &[Rule] = &[$(Rule::$rule,)*];

            pub const fn name(self) -> &'static str {
                match self {
                    $(Rule::$rule => $name,)*
                }
            }

            pub const fn kind(self) -> Kind {
                match self {
                    $(Rule::$rule => Kind::$kind,)*
                }
            }

            /// What a rule of the kind [`Doubt`](Kind::Doubt) finds.
            pub const fn doubt(self) -> Option<&'static str> {
                match self {
                    $($(Rule::$rule => Some($doubt),)?)*
                    _ => None,
                }
            }
        }
    };
}

/// How strictly the problems of a list are taken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Strictness {
    /// Warnings are errors.
    pub strict: bool,
    /// Rules that are only warnings in this list, whatever `strict` says. None of them has the kind [`Kind::Error`].
    pub warn: Vec<Rule>,
}

impl Strictness {
    pub fn severity(&self, rule: Rule) -> Severity {
        match rule.kind() {
            Kind::Error => Severity::Error,
            Kind::Doubt | Kind::Warning if self.warn.contains(&rule) => Severity::Warning,
            Kind::Warning if !self.strict => Severity::Warning,
            Kind::Doubt | Kind::Warning => Severity::Error,
        }
    }
}

// If the service is known to refuse a value, the rule is an error; if the service may refuse it, a warning. If this
// depends on the country, there are two rules. A value that the service would accept, but that is very likely a
// mistake, is a doubt.
rules! {
    RaggedRow "ragged_row" Error,
    RowEncoding "row_encoding" Error,
    HeaderAgain "header_again" Error,
    Footer "footer" Error,
    NamelessColumn "nameless_column" Warning,
    SplitValue "split_value" Warning,
    Quotes "quotes" Doubt "quotes that CSV does not allow: inside a value, or around a part of it",
    CellSize "cell_size" Error,
    RowSize "row_size" Error,
    BlankRow "blank_row" Error,
    Required "required" Error,
    ControlCharacter "control_character" Error,
    InvisibleCharacter "invisible_character" Warning,
    LostCharacter "lost_character" Doubt "a lost letter: `?` in a word, or the sign for an unreadable letter",
    TextWrapper "text_wrapper" Doubt "marks of a program around a value: =\"…\", ' or \"…\"",
    FloatTail "float_tail" Doubt "a code that became a decimal number: 98101.0",
    Exponent "exponent" Doubt "a number that lost digits: 4.91715E+11",
    NullWord "null_word" Doubt "a word that means an empty value: NULL, nan, None, undefined, \\N",
    NullName "null_name" Warning,
    MisreadText "misread_text" Doubt "text that was read in another encoding: MÃ¼ller, Ñîôèÿ",
    EscapedText "escaped_text" Doubt "codes of another format: &amp; <br> _x000D_ \\u00fc",
    MixedScript "mixed_script" Warning,
    FormulaStart "formula_start" Warning,
    SpreadsheetError "spreadsheet_error" Doubt "an error of a spreadsheet: #N/A, ########",
    // What a workbook knows about a cell or a row beside its text.
    CellType "cell_type" Doubt "dates, times, percentages or truth values in a text column of a workbook",
    FormulaResult "formula_result" Doubt "formulas in a workbook whose result was not saved",
    LostDigits "lost_digits" Doubt "numbers in a workbook with more digits than a spreadsheet stores",
    MergedCell "merged_cell" Doubt "cells of a workbook that are merged over several rows",
    HiddenRow "hidden_row" Doubt "rows that are hidden in a workbook",
    FurtherSheet "further_sheet" Warning,
    Length "length" Error,
    NameLength "name_length" Warning,
    NameForm "name_form" Warning,
    CompanyForm "company_form" Warning,
    Domain "domain" Error,
    DateAsDomain "date_as_domain" Doubt "a domain that a spreadsheet made a date: Mar-04",
    Email "email" Error,
    EmailHost "email_host" Warning,
    EmailEnding "email_ending" Doubt "an e-mail address whose ending does not exist but is nearly right",
    EmailEndingUnlisted "email_ending_unlisted" Warning,
    PartnerAddress "partner_address" Doubt "a customer's e-mail address in your own domain or in one of \
                    `--partner-domains`",
    Guid "guid" Error,
    Boolean "boolean" Error,
    Country "country" Error,
    Culture "culture" Error,
    CultureCountry "culture_country" Warning,
    Language "language" Error,
    LanguageUnlisted "language_unlisted" Warning,
    LanguageCountry "language_country" Warning,
    RequiredLikely "required_likely" Warning,
    State "state" Error,
    StateUnlisted "state_unlisted" Warning,
    PostalCode "postal_code" Error,
    PostalCodeForm "postal_code_form" Warning,
    PhoneNumberForm "phone_number_form" Warning,
    RegistrationNumberCountry "registration_number_country" Error,
    RegistrationNumberForm "registration_number_form" Warning,
    Region "region" Warning,
    AgreementIncomplete "agreement_incomplete" Error,
    AgreementDate "agreement_date" Error,
    AgreementCloud "agreement_cloud" Error,
    DuplicateDomain "duplicate_domain" Error,
    DuplicateCompany "duplicate_company" Warning,
    SharedEmailDomain "shared_email_domain" Warning,
    MixedResellers "mixed_resellers" Error,
    // Of rows that come back from an export.
    SpreadsheetChange "spreadsheet_change" Doubt "a spreadsheet changed an exported value: zeros, `+`, dates, long numbers, letters",
    OtherLedger "other_ledger" Warning,
    ChangedCell "changed_cell" Doubt "`tenantry_row` or `tenantry_ledger` of an exported row was changed",
    // From Partner Center, when rows are checked before they are sent.
    AddressUnverified "address_unverified" Warning,
    AddressWrong "address_wrong" Warning,
    AddressUnanswered "address_unanswered" Warning,
    DomainTaken "domain_taken" Error,
    DomainOurs "domain_ours" Warning,
    DomainUnanswered "domain_unanswered" Warning,
    ResellerUnknown "reseller_unknown" Error,
    ResellerInactive "reseller_inactive" Error,
    ResellerAgreement "reseller_agreement" Error,
    ResellerUnanswered "reseller_unanswered" Warning,
}

/// The result of a check of a text, without its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub rule: Rule,
    pub message: String,
    /// As in [`Problem`].
    pub suggestion: Option<String>,
    pub advice: Option<String>,
}

impl Finding {
    #[cold]
    pub fn new(rule: Rule, message: impl Into<String>) -> Self {
        Self { rule, message: message.into(), suggestion: None, advice: None }
    }

    /// Adds the value to write instead, which `check --fix` writes.
    pub fn suggest_value(mut self, value: Option<String>) -> Self {
        self.suggestion = value;
        self
    }

    /// Adds what a person can do.
    pub fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    /// Adds the place, which makes a problem. `value` is shown unchanged.
    pub fn found(self, line: u64, column: String, value: String, strictness: &Strictness) -> Problem {
        let Finding { rule, message, suggestion, advice } = self;
        let severity = strictness.severity(rule);
        let rule = Cow::Borrowed(rule.name());
        Problem { line, column, value, severity, rule, message, suggestion, advice }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_weighs_as_its_kind_and_the_list_say() {
        let check = |rule: Rule, strict: bool, warn: &[Rule], expected: Severity| {
            let strictness = Strictness { strict, warn: warn.to_vec() };
            assert_eq!(strictness.severity(rule), expected, "{rule:?} {strictness:?}");
        };
        let (error, doubt, warning) = (Rule::Required, Rule::Quotes, Rule::NameForm);
        for (rule, strict, lax) in [
            (error, Severity::Error, Severity::Error),
            (doubt, Severity::Error, Severity::Error),
            (warning, Severity::Error, Severity::Warning),
        ] {
            check(rule, true, &[], strict);
            check(rule, false, &[], lax);
        }
        check(doubt, true, &[doubt], Severity::Warning);
        check(warning, true, &[warning], Severity::Warning);
        check(warning, true, &[doubt], Severity::Error);
    }

    #[test]
    fn rules_have_different_names() {
        for (index, rule) in Rule::ALL.iter().enumerate() {
            assert!(Rule::ALL[..index].iter().all(|other| other.name() != rule.name()), "{rule:?}");
            assert_eq!(rule.doubt().is_some(), rule.kind() == Kind::Doubt, "{rule:?}");
        }
    }
}
