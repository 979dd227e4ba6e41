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
            Some(suggestion) => format!("{} (→ {suggestion})", self.describe()),
            None => self.describe(),
        }
    }

    /// Column and message; a problem of the whole row has no column.
    pub fn describe(&self) -> String {
        if self.column.is_empty() {
            format!("the row {}", self.message)
        } else {
            format!("{}: {}", self.column, self.message)
        }
    }
}

/// The table of rules as an enumeration, with the name and the severity of each.
macro_rules! rules {
    ($($rule:ident $name:literal $severity:ident,)*) => {
        /// Every rule, by the name that `problems[].rule` carries.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Rule {
            $($rule,)*
        }

        impl Rule {
            pub const fn name(self) -> &'static str {
                match self {
                    $(Rule::$rule => $name,)*
                }
            }

            pub const fn severity(self) -> Severity {
                match self {
                    $(Rule::$rule => Severity::$severity,)*
                }
            }
        }
    };
}

// What the service is known to refuse is an error, what it may dislike a warning. Where it depends on the country
// which of the two it is, there are two rules.
rules! {
    RaggedRow "ragged_row" Error,
    RowEncoding "row_encoding" Error,
    CellSize "cell_size" Error,
    RowSize "row_size" Error,
    BlankRow "blank_row" Error,
    Required "required" Error,
    ControlCharacter "control_character" Error,
    InvisibleCharacter "invisible_character" Warning,
    LostCharacter "lost_character" Error,
    SpreadsheetError "spreadsheet_error" Error,
    Length "length" Error,
    NameLength "name_length" Warning,
    NameForm "name_form" Warning,
    CompanyForm "company_form" Warning,
    Domain "domain" Error,
    Email "email" Error,
    EmailHost "email_host" Warning,
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
    MixedResellers "mixed_resellers" Error,
    // What Partner Center says, asked about a row beforehand.
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
