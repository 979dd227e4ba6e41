//! Validates stored rows again, with the same validator as in an import and today's rules and settings.
//!
//! `--map` and `--default` apply as they did for the file, unless they are overridden now.

use std::collections::HashMap;

use uuid::Uuid;

use super::coming;
use super::decide::{self, RetryContext};
use super::returned::Named;
use super::validate::candidate;
use crate::customer::Defaults;
use crate::ledger::{
    self, Candidate, Decision, InputOptions, KnownRows, RetryDecider, SkipReason, State, StoredRow,
};
use crate::problem::{Problem, Rule, Strictness};
use crate::reader::{self, Header, Row};
use crate::validation::{Settings, Validator};

/// Validates stored rows one after another.
pub(crate) struct StoredRowValidator {
    /// The options given now.
    given: InputOptions,
    settings: Settings,
    /// A burned domain is ignored.
    takes_burned: bool,
    /// The validator and options for the file of the most recent rows.
    file: Option<OfFile>,
}

struct OfFile {
    given: Option<InputOptions>,
    stored_header: Vec<u8>,
    header: Header,
    settings: Settings,
    validator: Validator,
    /// For rows whose reseller came from an option, by that reseller.
    with_reseller: HashMap<Uuid, Validator>,
}

impl StoredRowValidator {
    /// `settings` are those of `given`. `takes_burned`: a burned domain is ignored.
    pub(crate) fn new(settings: Settings, given: InputOptions, takes_burned: bool) -> Self {
        Self { given, settings, takes_burned, file: None }
    }
}

impl RetryDecider for StoredRowValidator {
    /// # Errors
    /// The header of its file cannot be mapped any more, because the file was read with a `--map` or a `--default` that
    /// the ledger does not know, and that is not given now.
    fn validate(&mut self, stored: &StoredRow) -> Result<Candidate, ledger::Error> {
        let is_other = |file: &OfFile| file.stored_header != stored.header || file.given != stored.given;
        if self.file.as_ref().is_none_or(is_other) {
            self.file = Some(OfFile::of(stored, &self.given, &self.settings)?);
        }
        let file = self.file.as_mut().expect("it has just been put there");
        let header = &file.header;
        let cells = reader::from_csv(&stored.cells);
        let row = Row::of_stored(stored.line, &cells, &header.width());
        let mut validation = file.validator.validate(header, &row);
        // If the row has no reseller, the reseller that was sent counts: it must not become a direct customer.
        let reseller: Option<Uuid> =
            stored.reseller.as_deref().map(str::parse).transpose().map_err(|error| {
                let what = format!("its reseller cannot be read: {error}");
                ledger::Error::Stored { row: stored.row.0, what }
            })?;
        if let (Some(reseller), Some((None, _))) = (reseller, validation.destination()) {
            let with_reseller = file.with_reseller.entry(reseller).or_insert_with(|| {
                Validator::new(Settings { default_reseller: Some(reseller), ..file.settings.clone() })
            });
            validation = with_reseller.validate(header, &row);
        }
        let content_hash = validation.content_hash();
        let mut candidate = candidate(
            &row,
            validation,
            content_hash,
            stored.cells.clone(),
            Named::Row { row: stored.row, was_sent: false },
        );
        // The row does not show what it was compared with.
        let compared = [Rule::SpreadsheetChange, Rule::ChangedCell, Rule::DuplicateCompany];
        for problem in stored.problems.iter().rev() {
            let rule = compared.into_iter().find(|it| it.name() == problem.rule);
            let is_found_again =
                candidate.problems.iter().any(|it| it.rule == problem.rule && it.column == problem.column);
            if let Some(rule) = rule.filter(|_| !is_found_again) {
                let severity = file.settings.strictness.severity(rule);
                candidate.add_problem(Problem { severity, ..problem.clone() });
            }
        }
        Ok(candidate)
    }

    fn decide(
        &self,
        stored: &StoredRow,
        candidate: &Candidate,
        known: KnownRows,
        has_resellers: impl FnOnce() -> Result<bool, ledger::Error>,
    ) -> Result<Result<Decision, SkipReason>, ledger::Error> {
        // This takes long to find out, and matters for few rows.
        let was_rejected = known.named.as_ref().is_some_and(|it| it.state == State::Rejected);
        let may_be_mixed = was_rejected && candidate.has_reseller() == Some(false);
        let kept = RetryContext {
            cannot_be_validated: stored.problems.iter().any(Problem::is_of_the_record),
            is_from_before: stored.is_from_before,
            takes_burned: self.takes_burned,
            is_mixed: may_be_mixed && decide::are_mixed(has_resellers()?, true, self.given.allow_direct),
        };
        Ok(decide::decide_kept(&coming(candidate, ""), known, kept))
    }
}

impl OfFile {
    fn of(stored: &StoredRow, now: &InputOptions, settings: &Settings) -> Result<Self, ledger::Error> {
        let given = stored.given.as_ref().map_or_else(|| now.clone(), |given| given.beside(now));
        let header = stored_header(&stored.header, &given)
            .map_err(|error| ledger::Error::Unjudged { row: stored.row.0, why: error.to_string() })?;
        let strictness = Strictness { warn: given.warn, ..settings.strictness.clone() };
        let partner_domains =
            settings.partner_domains.iter().chain(&given.partner_domains).cloned().collect();
        let defaults = Defaults::new(given.defaults);
        let settings = Settings { defaults, strictness, partner_domains, ..settings.clone() };
        Ok(Self {
            given: stored.given.clone(),
            stored_header: stored.header.clone(),
            header,
            validator: Validator::new(settings.clone()),
            settings,
            with_reseller: HashMap::new(),
        })
    }
}

/// The header of a file, by the options with which it was read.
pub(crate) fn stored_header(header: &[u8], given: &InputOptions) -> Result<Header, reader::Error> {
    let options = reader::Options {
        column_map: given.column_map.clone(),
        auto_map: given.auto_map,
        ignored_columns: given.ignore_column.clone(),
        defaults: Defaults::new(given.defaults.clone()),
        ..reader::Options::default()
    };
    reader::stored_header(header, &options)
}
