//! Turns a row into a valid [`Customer`](tenantry_model::customer::Customer) or lists all its problems.
//!
//! Validation is pure: no clock, no input or output, no state between rows. So `check`, `--dry-run`, `import` and
//! `retry` always agree. Only repairs that cannot change the meaning are made silently: white space and invisible
//! characters around a value are removed, and the letter case of codes is changed. Checks that need other rows
//! (duplicate domains), the ledger or the network are in other modules.

mod agreement;
mod country;
mod default;
mod domain;
mod draft;
mod email;
pub(crate) mod escaped;
mod fields;
mod fix;
mod misread;
mod names;
mod outcome;
mod program_value;
mod report;
mod scripts;
mod sheet_cell;
mod tables;
#[cfg(test)]
mod tests;
mod text;

use jiff::Timestamp;
use uuid::Uuid;

use crate::reader::{
    self, CELL_BYTES_MAX, Header, LEDGER_COLUMN, RECORD_BYTES_MAX, ROW_COLUMN, Row, RowFault, SURPLUS_COLUMN,
    Unused,
};
use tenantry_model::customer::{Defaults, DomainName, Field};
use tenantry_model::printable::truncate_for_display;
use tenantry_model::problem::{Finding, Problem, Rule, Severity, Strictness};

use country::Rulebook;
use draft::Draft;
use outcome::{Extent, RowContent};
use report::ProblemCollector;

pub use country::LiveRules;
pub use default::problem_of_default;
pub(crate) use domain::is_date_as_domain;
pub use email::is_free_mail;
pub use fields::chars_max;
pub(crate) use fields::is_boolean;
pub use fix::{Change, FixedRow};
pub use outcome::Validation;
pub(crate) use program_value::rule_of as rule_of_program_value;
pub use tables::choices;
pub(crate) use text::{is_spreadsheet_error, trim};

/// The service's default (fact book 4.7). The value is always sent.
const ENABLE_GDAP_DEFAULT: bool = true;

#[derive(Debug, Clone)]
pub struct Settings {
    /// For rows without `associated_partner_id`.
    pub default_reseller: Option<Uuid>,
    /// For empty cells.
    pub defaults: Defaults,
    pub strictness: Strictness,
    /// The end of an initial domain, without the leading dot.
    pub domain_suffix: &'static str,
    /// The service's rules for countries; they override the built-in rules. Of two entries for one country, the later
    /// one overrides the earlier one.
    pub live_rules: Vec<LiveRules>,
    /// The partner's own domains, in lower case.
    pub partner_domains: Vec<String>,
    /// The cloud supports agreements (fact book 10: only the public cloud does).
    pub takes_agreements: bool,
    /// A customer cannot have accepted an agreement later than this. Passed in, because validation has no clock.
    pub now: Timestamp,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            default_reseller: None,
            defaults: Defaults::default(),
            strictness: Strictness::default(),
            domain_suffix: "onmicrosoft.com",
            live_rules: Vec::new(),
            partner_domains: Vec::new(),
            takes_agreements: true,
            now: Timestamp::MAX,
        }
    }
}

/// A cell that contains no country code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoCountry {
    /// The text of the cell, truncated and safe to print.
    pub value: String,
    /// The code of the country that was probably meant.
    pub suggestion: Option<String>,
}

/// Validates rows with one set of rules.
#[derive(Debug, Clone)]
pub struct Validator {
    settings: Settings,
    rulebook: Rulebook,
}

impl Validator {
    pub fn new(settings: Settings) -> Self {
        let rulebook = Rulebook::new(&settings.live_rules);
        Self { settings, rulebook }
    }

    /// Which live rules are not used, and why: one sentence each, without the full stop.
    pub fn notes(&self) -> &[String] {
        self.rulebook.notes()
    }

    /// The country code in a cell, in upper case.
    pub fn country(&self, cell: &str) -> Result<&str, NoCountry> {
        let text = text::trim(cell);
        match country::resolve(text, &self.rulebook) {
            Ok(country) => Ok(&country.code),
            Err(finding) => Err(NoCountry {
                value: truncate_for_display(text.as_bytes()),
                suggestion: finding.suggestion,
            }),
        }
    }

    pub fn strictness(&self) -> &Strictness {
        &self.settings.strictness
    }

    /// The value that replaces an empty cell of a field.
    pub fn default_of(&self, field: Field) -> Option<&str> {
        self.settings.defaults.of(field)
    }

    /// Validates a row of a file with this header. The caller gets only the parts it asks for, because the twenty texts
    /// of a customer and the hash of a row cost more than the validation itself.
    pub fn validate<'a>(&'a self, header: &Header, row: &'a Row) -> Validation<'a> {
        let mut validation = self.validate_fields(header, row);
        if let Some(problem) = surplus(header, row) {
            validation.extent = Extent::Wrong;
            validation.problems.push(problem);
        }
        if let Some(problem) = changed_identity(header, row, &self.settings.strictness) {
            if problem.severity == Severity::Error {
                validation.extent = Extent::Wrong;
            }
            validation.problems.insert(0, problem);
        }
        validation
    }

    // Inlined, because what it returns is large.
    #[inline]
    fn validate_fields<'a>(&'a self, header: &Header, row: &'a Row) -> Validation<'a> {
        let mut report = ProblemCollector::new(header, row, &self.settings);
        if let Some((index, fault)) = row.quote_fault() {
            report.add_cell(index, Finding::new(Rule::Quotes, fault.to_string()));
            if report.is_error(Rule::Quotes) {
                return Self::of_cells(None, row, report);
            }
        }
        if let Some(fault) = row.fault() {
            return self.reject_fault(fault, header, row, report);
        }
        let mut draft = Draft::read(header, row, &self.settings.defaults);
        // Compares one cell of nearly every row.
        if draft[Field::Domain] == header.name_of(Field::Domain).trim() && header.is_repeated_by(cells(row)) {
            return self.reject_header(header, row);
        }
        let filled = |index: usize| row.text(index).map(text::trim).filter(|cell| !cell.is_empty());
        for &index in header.nameless().iter().filter(|&&index| filled(index).is_some()) {
            let message = "has data but no name in the header; name the column or delete it";
            report.add_cell(index, Finding::new(Rule::NamelessColumn, message));
        }
        for (index, what) in header.parts() {
            let message = filled(*index).and_then(|text| unused_message(text, what, &draft));
            if let Some(message) = message {
                report.add_cell(*index, Finding::new(Rule::SplitValue, message));
            }
        }
        if row.is_hidden() {
            report.add_row(sheet_cell::hidden_row());
        }
        let domain = if draft.is_blank && !row.has_doubtful_cells() {
            report.add_row(Finding::new(Rule::BlankRow, "is empty in every column that Tenantry uses"));
            None
        } else {
            self.check(&mut draft, &mut report)
        };
        if report.has_problems() && header.is_named_by(row) {
            return self.reject_header(header, row);
        }
        let (problems, extent) = report.finish();
        Validation { domain, problems, extent, content: RowContent::Fields(draft) }
    }

    /// Nothing of a header among the rows is data, so all its other problems say nothing.
    #[cold]
    fn reject_header<'a>(&'a self, header: &Header, row: &'a Row) -> Validation<'a> {
        let mut report = ProblemCollector::new(header, row, &self.settings);
        let message = "is the header again; delete this line";
        report.add_row(Finding::new(Rule::HeaderAgain, message));
        let (problems, extent) = report.finish();
        Validation { domain: None, problems, extent, content: RowContent::Cells(row) }
    }

    /// Checks the values of a row and completes the draft. Returns the domain, if it is valid.
    fn check<'a>(&'a self, draft: &mut Draft<'a>, report: &mut ProblemCollector<'_>) -> Option<DomainName> {
        let has_doubtful_cells = report.has_doubtful_cells();
        for &field in &Field::ALL {
            if (!has_doubtful_cells || report.check_kind(field, sheet_cell::check))
                && fields::check(field, draft[field], || draft.traits(field), report)
            {
                draft.mark_sound(field);
            }
        }
        let domain = draft
            .sound(Field::Domain)
            .filter(|text| !fields::is_rejected(domain::check_date(text), Field::Domain, report))
            .and_then(|text| noted(domain::parse(text, self.settings.domain_suffix), Field::Domain, report));
        if let Some(text) = draft.sound(Field::Email)
            && let Some(finding) = email::check_partner(text, &self.settings.partner_domains)
        {
            report.add(Field::Email, finding);
        }
        let country = draft.sound(Field::Country).map(|text| country::resolve(text, &self.rulebook));
        // A country that is only misspelled is good enough to find the other problems of its row.
        let is_written_well = matches!(country, Some(Ok(_)));
        let country = country.and_then(|resolved| match resolved {
            Ok(country) => Some(country),
            Err(finding) => {
                let meant = finding.suggestion.as_deref().and_then(|code| self.rulebook.country(code));
                report.add(Field::Country, finding);
                meant
            }
        });
        let culture = draft
            .sound(Field::Culture)
            .and_then(|text| noted(country::resolve_culture(text, country), Field::Culture, report));
        let language = draft.sound(Field::Language).and_then(|text| {
            noted(country::resolve_language(text, culture, country), Field::Language, report)
        });
        draft[Field::Culture] = culture.unwrap_or(draft[Field::Culture]);
        draft[Field::Language] = language.unwrap_or(draft[Field::Language]);
        if let Some(country) = country {
            if is_written_well {
                draft[Field::Country] = &country.code;
            }
            country::check(draft, country, report);
        }
        if let Some(text) = draft.sound(Field::AssociatedPartnerId) {
            draft.reseller = noted(fields::parse_guid(text), Field::AssociatedPartnerId, report);
        } else if draft[Field::AssociatedPartnerId].is_empty() {
            draft.reseller = self.settings.default_reseller;
        }
        if let Some(text) = draft.sound(Field::EnableGdapByDefault) {
            draft.enable_gdap = noted(fields::parse_boolean(text), Field::EnableGdapByDefault, report);
        } else if draft[Field::EnableGdapByDefault].is_empty() {
            draft.enable_gdap = Some(ENABLE_GDAP_DEFAULT);
        }
        draft.agreement = agreement::check(draft, &self.settings, report);
        domain
    }

    /// A row with unreliable cells has only this one problem, because all other problems would be guesses. Its domain
    /// is still returned if the columns are aligned.
    #[cold]
    fn reject_fault<'a>(
        &'a self,
        fault: RowFault,
        header: &Header,
        row: &'a Row,
        mut report: ProblemCollector<'_>,
    ) -> Validation<'a> {
        match fault {
            RowFault::Ragged { expected, found } => {
                report.add_row(Finding::new(Rule::RaggedRow, ragged_message(expected, found, header, row)));
            }
            RowFault::NotUtf8 { index } => {
                let message = "is not UTF-8; name the `--encoding` of the file, or export it as UTF-8";
                report.add_cell(index, Finding::new(Rule::RowEncoding, message));
            }
            RowFault::CellTooLong { index, bytes } => {
                let message = format!("has {bytes} bytes; at most {CELL_BYTES_MAX} are read");
                report.add_cell(index, Finding::new(Rule::CellSize, message));
            }
            RowFault::Footer => {
                let message = match row.last_line() {
                    last if last > row.line() => format!("and the rows up to line {last} are a footer"),
                    _ => "is a footer".to_owned(),
                };
                let message =
                    format!("{message}, not customers; delete the footer, or export the list without it");
                report.add_row(Finding::new(Rule::Footer, message));
            }
            RowFault::RecordTooLong => {
                let message = format!(
                    "has more than {RECORD_BYTES_MAX} bytes, up to line {}; a quote may be missing",
                    row.last_line()
                );
                report.add_row(Finding::new(Rule::RowSize, message));
            }
        }
        let is_aligned = matches!(fault, RowFault::NotUtf8 { .. } | RowFault::CellTooLong { .. });
        let domain = if is_aligned { self.domain_of(header, row) } else { None };
        Self::of_cells(domain, row, report)
    }

    fn of_cells<'a>(
        domain: Option<DomainName>,
        row: &'a Row,
        report: ProblemCollector<'_>,
    ) -> Validation<'a> {
        let (problems, extent) = report.finish();
        Validation { domain, problems, extent, content: RowContent::Cells(row) }
    }

    fn domain_of(&self, header: &Header, row: &Row) -> Option<DomainName> {
        let cell = row.cell(header.index_of(Field::Domain)?)?;
        let text = text::trim(std::str::from_utf8(cell).ok()?);
        domain::parse(text, self.settings.domain_suffix).ok()
    }
}

/// What is lost without the text of an unused column, if something is.
fn unused_message(text: &str, what: &Unused, draft: &Draft<'_>) -> Option<String> {
    match what {
        Unused::PartOf(whole) => is_missing(text, whole, draft).then(|| {
            "is not used, although the value of another column is not whole without it; join the two, or leave it out with \
             `--ignore-column`"
                .to_owned()
        }),
        Unused::Joined(fields) => {
            let is_empty = |field: &&Field| draft[**field].is_empty();
            let (lacking, filled): (Vec<&Field>, Vec<&Field>) = fields.iter().partition(is_empty);
            let filled: Vec<String> = filled.into_iter().map(|field| draft[*field].to_lowercase()).collect();
            let is_there = |word: &str| filled.iter().any(|value| has_words(value, &word.to_lowercase()));
            let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
            if lacking.is_empty() || words.into_iter().all(is_there) {
                return None;
            }
            let lacking: Vec<String> = lacking.iter().map(|field| format!("`{field}`")).collect();
            Some(format!(
                "is not used, although it has {}; split it into one column each, or leave it out with `--ignore-column`",
                lacking.join(" and ")
            ))
        }
    }
}

/// Is this part of a value in none of the fields that it belongs to?
fn is_missing(part: &str, whole: &[Field], draft: &Draft<'_>) -> bool {
    let has_content = part.contains(|c: char| c.is_alphanumeric() && c != '0');
    let has_part = |field: &Field| match field {
        Field::PhoneNumber => begins_with_code(draft[*field], part),
        field => has_words(&draft[*field].to_lowercase(), &part.to_lowercase()),
    };
    has_content && !whole.iter().any(has_part)
}

/// Does the text contain these words, and not only as a part of others? `12` is in `12a`, and not in `Route 212`.
fn has_words(text: &str, words: &str) -> bool {
    let continues = |edge: Option<char>, next: Option<char>| {
        edge.zip(next).is_some_and(|(edge, next)| {
            (edge.is_numeric() && next.is_numeric()) || (edge.is_alphabetic() && next.is_alphabetic())
        })
    };
    text.match_indices(words).any(|(at, _)| {
        let (before, after) = (text[..at].chars().next_back(), text[at + words.len()..].chars().next());
        !continues(words.chars().next(), before) && !continues(words.chars().next_back(), after)
    })
}

/// Does a phone number begin with this area code, at most behind a country code?
fn begins_with_code(number: &str, code: &str) -> bool {
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    let (all, code) = (digits(number), digits(code));
    let code = code.trim_start_matches('0');
    // Behind `00` or `011`, a country code, and perhaps `(0)`; else behind the digit of a trunk at most.
    let is_abroad = number.trim_start().starts_with('+') || all.starts_with("00") || all.starts_with("011");
    let may_begin_at = |at: usize| match at {
        0 => true,
        1 if all.starts_with(['0', '1', '8']) => true,
        _ => is_abroad && at <= 8,
    };
    code.is_empty() || all.match_indices(code).any(|(at, _)| may_begin_at(at))
}

/// Copies and exports mark a row whose cells did not match its header in a separate column. As long as that cell is
/// filled, the other cells may be shifted or cut short.
fn surplus(header: &Header, row: &Row) -> Option<Problem> {
    let surplus = row.text(header.own_column(SURPLUS_COLUMN)?).filter(|text| !text.trim().is_empty())?;
    let finding = Finding::new(Rule::RaggedRow, "has a note that cells in this row may be wrong")
        .advise("check and correct every cell of the row, then empty this one");
    Some(finding.found(
        row.line(),
        SURPLUS_COLUMN.to_owned(),
        truncate_for_display(surplus.as_bytes()),
        &Strictness::default(),
    ))
}

/// A row comes back with something other than a number of a row and the id of a ledger.
fn changed_identity(header: &Header, row: &Row, strictness: &Strictness) -> Option<Problem> {
    let row_column = header.own_column(ROW_COLUMN)?;
    let text = |column: usize| row.text(column).map_or("", text::trim);
    let number = text(row_column);
    if number.is_empty() || number.eq_ignore_ascii_case(ROW_COLUMN) {
        return None;
    }
    let ledger = header.own_column(LEDGER_COLUMN).map(|column| (column, text(column)));
    let (column, what) = match ledger {
        _ if row_number(number).is_none() => (row_column, "is no longer the number of a row".to_owned()),
        Some((column, "")) => (column, format!("is empty, but `{ROW_COLUMN}` is not")),
        Some((column, id)) if Uuid::try_parse(id).is_err() => {
            (column, "is no longer the id of a ledger".to_owned())
        }
        _ => return None,
    };
    let name = header.columns()[column].name.clone();
    let value = truncate_for_display(text(column).as_bytes());
    Some(changed_cell(what).found(row.line(), name, value, strictness))
}

/// The number in a `tenantry_row` cell. Programs that know only floating-point numbers add `.0`.
pub fn row_number(cell: &str) -> Option<i64> {
    let text = text::trim(cell);
    text.strip_suffix(".0").unwrap_or(text).parse().ok().filter(|number| *number > 0)
}

/// A cell by which an exported row is recognized has been changed.
pub fn changed_cell(what: impl Into<String>) -> Finding {
    let advice = format!(
        "export the row again; or, for a new row, empty `{ROW_COLUMN}` and \
                          `{LEDGER_COLUMN}`"
    );
    Finding::new(Rule::ChangedCell, what).advise(advice)
}

/// The text for `tenantry_extra_cells` of a row whose header has `width` columns: the extra cells, or a note that cells
/// are missing, cut short, or were more than their text, which would otherwise not be visible. `noted`: the position of
/// this column in the file, if that is a copy or an export. What it says holds until it is empty.
pub fn lost_cells(
    problems: &[Problem],
    cells: &csv::ByteRecord,
    width: usize,
    noted: Option<usize>,
) -> Vec<u8> {
    let extra: csv::ByteRecord = cells.iter().skip(width).collect();
    if extra.iter().any(|cell| !cell.is_empty()) {
        return reader::to_csv(&extra).trim_ascii_end().to_vec();
    }
    let noted = noted.and_then(|index| cells.get(index)).filter(|text| !text.trim_ascii().is_empty());
    if let Some(noted) = noted {
        return noted.to_vec();
    }
    let is_lost = |problem: &Problem| {
        [Rule::RaggedRow, Rule::CellSize, Rule::RowSize].iter().any(|rule| rule.name() == problem.rule)
    };
    let marks: [(&str, &[Rule]); 3] = [
        ("(misplaced quotes)", &[Rule::Quotes]),
        ("(hidden in its sheet)", &[Rule::HiddenRow]),
        (
            "(more than text in its sheet)",
            &[Rule::CellType, Rule::FormulaResult, Rule::LostDigits, Rule::MergedCell],
        ),
    ];
    let errors = || problems.iter().filter(|problem| problem.severity == Severity::Error);
    let is_of = |rules: &[Rule]| errors().any(|problem| rules.iter().any(|rule| rule.name() == problem.rule));
    if let Some((mark, _)) = marks.iter().find(|(_, rules)| is_of(rules)) {
        return mark.as_bytes().to_vec();
    }
    if problems.iter().any(is_lost) {
        return format!("({} of {width} cells, or cut short)", cells.len()).into_bytes();
    }
    Vec::new()
}

/// The valid value; a finding is added to the report instead.
fn noted<T>(checked: Result<T, Finding>, field: Field, report: &mut ProblemCollector<'_>) -> Option<T> {
    checked.map_err(|finding| report.add(field, finding)).ok()
}

fn ragged_message(expected: usize, found: usize, header: &Header, row: &Row) -> String {
    let cells = if found == 1 { "cell" } else { "cells" };
    let cells = format!("has {found} {cells} where the header has {expected}");
    if row.last_line() > row.line() {
        // One lost quote swallows lines, so say where the row ends.
        return format!("{cells}, and continues to line {}; a quote may be missing", row.last_line());
    }
    let lacks = header.columns().get(found..expected).unwrap_or_default();
    let is_needed = |field: Field| field.is_required();
    if lacks.is_empty() || lacks.iter().filter_map(|column| column.field).any(is_needed) {
        return cells;
    }
    format!(
        "{cells}; if a program left out the empty cells at the end of the line, add the delimiters, or save the list as \
         .xlsx"
    )
}

fn cells(row: &Row) -> impl Iterator<Item = &str> {
    (0..).map_while(|index| row.text(index))
}
