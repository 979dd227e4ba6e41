//! What can be wrong with a row, and how it is told to the person with the spreadsheet.
//!
//! A rule has one name and one severity, in one table. A check makes a [`Finding`]; where it is (line, column, value) is
//! added by who knows it, which makes a [`Problem`]. None of this is built for a row without one.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// An error rejects the row; a warning is shown, and the row is sent all the same.
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

/// One thing that is wrong with one cell of one row, or with the row (`column` is then empty).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The physical line the row starts on, 1-based.
    pub line: u64,
    /// The operator's own header text; the canonical name where the file has no such column.
    pub column: String,
    /// The cell, shortened and with control characters escaped.
    pub value: String,
    pub severity: Severity,
    pub rule: Cow<'static, str>,
    /// A lower-case fragment; where it needs a subject, that is the cell.
    pub message: String,
    /// What to write instead, where that can be told.
    pub suggestion: Option<String>,
}

impl Problem {
    /// The record itself was not what its header says, or more than is kept: what the ledger has of it is not what the
    /// file said.
    pub fn is_of_the_record(&self) -> bool {
        [Rule::RaggedRow, Rule::RowEncoding, Rule::CellSize, Rule::RowSize]
            .iter()
            .any(|rule| rule.name() == self.rule)
    }

    /// Column, message, and what to write instead.
    pub fn with_suggestion(&self) -> String {
        match &self.suggestion {
            Some(suggestion) => format!("{} (→ {suggestion})", self.in_words()),
            None => self.in_words(),
        }
    }

    /// Column and message; a problem of the whole row has no column.
    pub fn in_words(&self) -> String {
        if self.column.is_empty() {
            format!("the row {}", self.message)
        } else {
            format!("{}: {}", self.column, self.message)
        }
    }
}

/// Every rule, by the name that `problems[].rule` carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    RaggedRow,
    RowEncoding,
    CellSize,
    RowSize,
    BlankRow,
    Required,
    ControlCharacter,
    InvisibleCharacter,
    LostCharacter,
    SpreadsheetError,
    Length,
    NameLength,
    NameForm,
    CompanyForm,
    Domain,
    Email,
    EmailHost,
    Guid,
    Boolean,
    Country,
    Culture,
    CultureCountry,
    Language,
    LanguageUnlisted,
    LanguageCountry,
    RequiredLikely,
    State,
    StateUnlisted,
    PostalCode,
    PostalCodeForm,
    PhoneNumberForm,
    RegistrationNumberCountry,
    RegistrationNumberForm,
    Region,
    AgreementIncomplete,
    AgreementDate,
    AgreementCloud,
    DuplicateDomain,
    MixedResellers,
    // What Partner Center says, asked about a row beforehand.
    AddressUnverified,
    AddressWrong,
    AddressUnanswered,
    DomainTaken,
    DomainOurs,
    DomainUnanswered,
    ResellerUnknown,
    ResellerInactive,
    ResellerAgreement,
    ResellerUnanswered,
}

impl Rule {
    pub const fn name(self) -> &'static str {
        match self {
            Rule::RaggedRow => "ragged_row",
            Rule::RowEncoding => "row_encoding",
            Rule::CellSize => "cell_size",
            Rule::RowSize => "row_size",
            Rule::BlankRow => "blank_row",
            Rule::Required => "required",
            Rule::ControlCharacter => "control_character",
            Rule::InvisibleCharacter => "invisible_character",
            Rule::LostCharacter => "lost_character",
            Rule::SpreadsheetError => "spreadsheet_error",
            Rule::Length => "length",
            Rule::NameLength => "name_length",
            Rule::NameForm => "name_form",
            Rule::CompanyForm => "company_form",
            Rule::Domain => "domain",
            Rule::Email => "email",
            Rule::EmailHost => "email_host",
            Rule::Guid => "guid",
            Rule::Boolean => "boolean",
            Rule::Country => "country",
            Rule::Culture => "culture",
            Rule::CultureCountry => "culture_country",
            Rule::Language => "language",
            Rule::LanguageUnlisted => "language_unlisted",
            Rule::LanguageCountry => "language_country",
            Rule::RequiredLikely => "required_likely",
            Rule::State => "state",
            Rule::StateUnlisted => "state_unlisted",
            Rule::PostalCode => "postal_code",
            Rule::PostalCodeForm => "postal_code_form",
            Rule::PhoneNumberForm => "phone_number_form",
            Rule::RegistrationNumberCountry => "registration_number_country",
            Rule::RegistrationNumberForm => "registration_number_form",
            Rule::Region => "region",
            Rule::AgreementIncomplete => "agreement_incomplete",
            Rule::AgreementDate => "agreement_date",
            Rule::AgreementCloud => "agreement_cloud",
            Rule::DuplicateDomain => "duplicate_domain",
            Rule::MixedResellers => "mixed_resellers",
            Rule::AddressUnverified => "address_unverified",
            Rule::AddressWrong => "address_wrong",
            Rule::AddressUnanswered => "address_unanswered",
            Rule::DomainTaken => "domain_taken",
            Rule::DomainOurs => "domain_ours",
            Rule::DomainUnanswered => "domain_unanswered",
            Rule::ResellerUnknown => "reseller_unknown",
            Rule::ResellerInactive => "reseller_inactive",
            Rule::ResellerAgreement => "reseller_agreement",
            Rule::ResellerUnanswered => "reseller_unanswered",
        }
    }

    /// What the service is known to refuse is an error, what it may dislike a warning. Where it depends on the
    /// country which of the two it is, there are two rules.
    pub const fn severity(self) -> Severity {
        match self {
            Rule::InvisibleCharacter
            | Rule::NameLength
            | Rule::NameForm
            | Rule::CompanyForm
            | Rule::EmailHost
            | Rule::CultureCountry
            | Rule::LanguageUnlisted
            | Rule::LanguageCountry
            | Rule::RequiredLikely
            | Rule::StateUnlisted
            | Rule::PostalCodeForm
            | Rule::PhoneNumberForm
            | Rule::RegistrationNumberForm
            | Rule::Region
            | Rule::AddressUnverified
            | Rule::AddressWrong
            | Rule::AddressUnanswered
            | Rule::DomainOurs
            | Rule::DomainUnanswered
            | Rule::ResellerUnanswered => Severity::Warning,
            Rule::RaggedRow
            | Rule::RowEncoding
            | Rule::CellSize
            | Rule::RowSize
            | Rule::BlankRow
            | Rule::Required
            | Rule::ControlCharacter
            | Rule::LostCharacter
            | Rule::SpreadsheetError
            | Rule::Length
            | Rule::Domain
            | Rule::Email
            | Rule::Guid
            | Rule::Boolean
            | Rule::Country
            | Rule::Culture
            | Rule::Language
            | Rule::State
            | Rule::PostalCode
            | Rule::RegistrationNumberCountry
            | Rule::AgreementIncomplete
            | Rule::AgreementDate
            | Rule::AgreementCloud
            | Rule::DuplicateDomain
            | Rule::MixedResellers
            | Rule::DomainTaken
            | Rule::ResellerUnknown
            | Rule::ResellerInactive
            | Rule::ResellerAgreement => Severity::Error,
        }
    }
}

/// What a check has to say about a text, without knowing where the text stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub rule: Rule,
    pub message: String,
    pub suggestion: Option<String>,
}

impl Finding {
    #[cold]
    pub fn new(rule: Rule, message: impl Into<String>) -> Self {
        Self { rule, message: message.into(), suggestion: None }
    }

    pub fn suggest(mut self, suggestion: Option<String>) -> Self {
        self.suggestion = suggestion;
        self
    }

    /// The problem that this is where it was found. `value` is shown as it is.
    pub fn found(self, line: u64, column: String, value: String, strict: bool) -> Problem {
        let Finding { rule, message, suggestion } = self;
        let severity = if strict { Severity::Error } else { rule.severity() };
        Problem { line, column, value, severity, rule: Cow::Borrowed(rule.name()), message, suggestion }
    }
}
