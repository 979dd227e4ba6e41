//! Opens and configures the input of `import` and `check`.

use std::fs::File;
use std::path::PathBuf;

use super::cloud::Cloud;
use super::descriptor::duplicate;
use super::shell::quoted;
use super::{ExitCode, Failure, Output, args};
use crate::customer::{Defaults, Field};
use crate::ledger::InputOptions;
use crate::problem::{Rule, Severity, Strictness};
use crate::reader::Input;
use crate::reading::InputSource;
use crate::validation::LiveRules;
use crate::{clock, reader, validation};

/// The note for a file without rows: normal in a night without new customers, but wrong if the list should have rows.
pub(crate) const NO_ROWS: &str = "it has a header and no rows, so there is nothing to do";

/// Suggests columns that may be known fields, with the options for them. `None`: there are none.
pub(crate) fn describe_suggested_columns<'a>(
    meant: impl Iterator<Item = (&'a str, Field)>,
) -> Option<String> {
    let (mut guesses, mut flags) = (Vec::new(), String::new());
    for (column, field) in meant {
        guesses.push(format!("`{field}` by `{column}`"));
        flags.push_str(&format!(" --map {}", quoted(&format!("{column}={field}"))));
    }
    (!guesses.is_empty()).then(|| format!("did you mean {}? Then add{flags}", guesses.join(", ")))
}

/// A file that is open.
pub(crate) struct InputFile {
    pub(crate) source: InputSource,
    pub(crate) size: Option<u64>,
}

impl InputFile {
    pub(crate) fn open(path: &PathBuf) -> Result<Self, Failure> {
        let name = path.to_string_lossy().into_owned();
        if name == "-" {
            let input = standard_input();
            return Ok(Self { source: InputSource { path: name, input }, size: None });
        }
        let open = || {
            let file = File::open(path)?;
            let metadata = file.metadata()?;
            if metadata.is_dir() {
                return Err(std::io::Error::from(std::io::ErrorKind::IsADirectory));
            }
            Ok((file, metadata.len()))
        };
        let (file, size) = open()
            .map_err(|error: std::io::Error| Failure::usage_io(format!("could not open `{name}`"), &error))?;
        Ok(Self { source: InputSource { path: name, input: Input::of(file) }, size: Some(size) })
    }
}

/// Standard input as a file if it is redirected from one; then it is seekable like any other file.
fn standard_input() -> Input {
    match duplicate(std::io::stdin()).map(Input::of) {
        Ok(file @ Input::File(_)) => file,
        _ => Input::Stream(Box::new(std::io::stdin())),
    }
}

impl args::LayoutArgs {
    /// `output` knows whether the delimiter was typed; only then does it apply to exports of this program too.
    pub(crate) fn reader_options(&self, output: &Output) -> reader::Options {
        reader::Options {
            delimiter: self.delimiter,
            is_delimiter_for_exports: output.is_typed("delimiter"),
            encoding: self.encoding,
            sheet: self.sheet.clone(),
            refuses_further_sheets: false,
            column_map: self.column_map.clone(),
            defaults: self.defaults(),
        }
    }

    fn defaults(&self) -> Defaults {
        Defaults::new(self.defaults.clone())
    }
}

impl args::InputArgs {
    /// Checks for contradictions before anything else happens.
    pub(crate) fn refuse_contradictions(&self) -> Result<(), Failure> {
        if self.reseller.is_none() || self.layout.defaults().of(Field::AssociatedPartnerId).is_none() {
            return Ok(());
        }
        let message = "the reseller of rows without their own is given twice";
        let hint = "give `--reseller-id` or `--default associated_partner_id=…`, not both";
        Err(Failure::new(ExitCode::Usage, message).with_hint(hint))
    }

    /// `output` as for [`LayoutArgs::reader_options`](args::LayoutArgs::reader_options).
    pub(crate) fn reader_options(&self, output: &Output) -> reader::Options {
        let refuses_further_sheets = self.strictness().severity(Rule::FurtherSheet) == Severity::Error;
        reader::Options { refuses_further_sheets, ..self.layout.reader_options(output) }
    }

    pub(crate) fn strictness(&self) -> Strictness {
        Strictness { strict: self.strict, warn: self.warn.clone() }
    }

    /// Validation settings with the rules of `cloud` and the fetched live rules.
    pub(crate) fn validation(&self, cloud: Cloud, live_rules: Vec<LiveRules>) -> validation::Settings {
        validation::Settings {
            default_reseller: self.reseller,
            defaults: self.layout.defaults(),
            strictness: self.strictness(),
            domain_suffix: cloud.domain_suffix(),
            live_rules,
            takes_agreements: cloud.takes_agreements(),
            now: clock::now(),
        }
    }

    /// The input options for the ledger, which stores them with the rows.
    pub(crate) fn given(&self, require_valid: bool, output: &Output) -> InputOptions {
        InputOptions {
            column_map: self.layout.column_map.clone(),
            defaults: self.layout.defaults.clone(),
            // The next command reads the settings too, so only a typed delimiter is stored.
            delimiter: self.layout.delimiter.filter(|_| output.is_typed("delimiter")),
            encoding: self.layout.encoding.map(|encoding| encoding.name().to_owned()),
            sheet: self.layout.sheet.clone(),
            reseller: self.reseller,
            allow_direct: self.allow_direct,
            strict: self.strict,
            warn: self.warn.clone(),
            require_valid,
        }
    }
}
