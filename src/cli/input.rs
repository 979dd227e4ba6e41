//! Opens and configures the input of `import` and `check`.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::cloud::Cloud;
use super::descriptor::{Descriptor, duplicate};
use super::shell::{self, quoted};
use super::{ExitCode, Failure, Output, args};
use crate::customer::{Defaults, Field};
use crate::ledger::InputOptions;
use crate::nearest::distance_within;
use crate::problem::{Rule, Severity, Strictness};
use crate::reader::{Encoding, Given, Input, MappedColumn, Remembered, SuggestedColumn};
use crate::reading::InputSource;
use crate::validation::LiveRules;
use crate::{clock, files, reader, validation};

/// The note for a file without rows: normal in a night without new customers, but wrong if the list should have rows.
pub(crate) const NO_ROWS: &str = "it has a header and no rows, so there is nothing to do";

/// With more differences than this, the name of a file is not considered a misspelling.
const SLIPS_MAX: usize = 2;

/// Of a larger folder, only so many entries are looked at.
const FOLDER_ENTRIES_MAX: usize = 10_000;

/// Suggests columns that may be known fields, with the options for them. `None`: there are none.
pub(crate) fn describe_suggested_columns(meant: &[SuggestedColumn]) -> Option<String> {
    let of = |field| meant.iter().filter(move |it| it.field == field);
    let fields: Vec<Field> = Field::ALL.into_iter().filter(|field| of(*field).next().is_some()).collect();
    let guess = |field: &Field| {
        let columns: Vec<_> = of(*field).map(|it| format!("`{}`", it.column)).collect();
        format!("`{field}` by {}", columns.join(" or "))
    };
    let option =
        |field: &Field| map_options(of(*field).map(|it| (it.column.as_str(), it.field))).join(" or ");
    let guesses: Vec<_> = fields.iter().map(guess).collect();
    let options: Vec<_> = fields.iter().map(option).collect();
    let is_taken = meant.iter().all(|it| it.is_certain) && meant.len() == fields.len();
    let or_auto_map = if is_taken { ", or --auto-map" } else { "" };
    (!fields.is_empty())
        .then(|| format!("did you mean {}? Then add {}{or_auto_map}", guesses.join(", "), options.join(" ")))
}

/// The columns that `--auto-map` has taken. `None`: there are none.
pub(crate) fn describe_auto_mapped(taken: &[MappedColumn]) -> Option<String> {
    let taken: Vec<_> =
        taken.iter().map(|MappedColumn { column, field }| format!("`{column}` as `{field}`")).collect();
    (!taken.is_empty()).then(|| format!("--auto-map takes {}", taken.join(", ")))
}

fn map_options<'a>(meant: impl Iterator<Item = (&'a str, Field)>) -> Vec<String> {
    // A line break in a heading cannot be typed, and a blank stands for it as well.
    let is_break = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    let typed = |column: &str| match column.contains(is_break) {
        true => column.split(is_break).map(str::trim).collect::<Vec<_>>().join(" "),
        false => column.to_owned(),
    };
    meant.map(|(column, field)| shell::option("map", &format!("{}={field}", typed(column)))).collect()
}

/// Fields whose value is often that of the whole list, each with an example.
const OF_ALL_ROWS: [(Field, &str); 3] =
    [(Field::Culture, "en-US"), (Field::Language, "en"), (Field::Country, "US")];

/// What the operator can do about a file that cannot be read.
pub(crate) fn hint(error: &reader::Error) -> Option<String> {
    let reader::Error::Header { would_auto_map, header_below, .. } = error else {
        return error.hint().map(Cow::into_owned);
    };
    if let Some(line) = header_below {
        return Some(format!("line {line} looks like the header: add `--header-line {line}`"));
    }
    let map = error.suggested_map();
    let claims = error.claims().into_iter().map(|(field, columns)| {
        if let [name] = columns[..] {
            return format!("rename one of the columns `{name}`");
        }
        let options = map_options(columns.into_iter().map(|column| (column, field)));
        format!("for `{field}` choose one of {}", options.join(", "))
    });
    let mut ways: Vec<String> = claims.collect();
    if !map.is_empty() {
        let settings: Vec<_> =
            map.iter().map(|(column, field)| toml_text(&format!("{column}={field}"))).collect();
        let options = map_options(map.into_iter()).join(" ");
        let [or_auto_map, or_setting] =
            if *would_auto_map { [", or --auto-map", ", or `auto-map = true`"] } else { [""; 2] };
        let settings = settings.join(", ");
        ways.push(format!("add {options}{or_auto_map}; in tenantry.toml: `map = [{settings}]`{or_setting}"));
    }
    if ways.is_empty() {
        ways.extend(error.hint().map(Cow::into_owned));
    } else {
        ways.push("`--ignore-column` leaves a column out".to_owned());
    }
    if let Some(column) = error.column_of_person() {
        let option = map_options([(column, Field::CompanyName)].into_iter()).join(" ");
        ways.push(format!("if `{column}` is the company, add {option}"));
    }
    let missing = error.missing_fields();
    if missing.contains(&Field::Domain) {
        ways.push(
            "each customer needs a `domain`: the name before `.onmicrosoft.com`, such as `contoso`"
                .to_owned(),
        );
    }
    let of_all_rows = OF_ALL_ROWS.iter().filter(|(field, _)| missing.contains(field));
    let options: Vec<_> =
        of_all_rows.map(|(field, value)| shell::option("default", &format!("{field}={value}"))).collect();
    if !options.is_empty() {
        ways.push(format!("if all rows have the same value, add your own, such as {}", options.join(" ")));
    }
    Some(ways.join("; "))
}

/// A text as TOML writes it. Its escapes are those of JSON.
fn toml_text(text: &str) -> String {
    serde_json::to_string(text).expect("a text is plain data")
}

/// A file that is open.
pub(crate) struct InputFile {
    pub(crate) source: InputSource,
    pub(crate) size: Option<u64>,
}

impl InputFile {
    pub(crate) fn open(path: &PathBuf) -> Result<Self, Failure> {
        // What a descriptor leads to is another list each time, like standard input.
        let name = if is_pipe(path) { "-".to_owned() } else { files::list_name(path) };
        if path.as_os_str() == "-" {
            let input = standard_input();
            return Ok(Self { source: InputSource { path: name, input }, size: None });
        }
        refuse_lock_file(path)?;
        let open = || {
            // First, because Windows denies access to a folder that is opened as a file.
            refuse_folder(&fs::metadata(path)?)?;
            let file = File::open(path)?;
            let size = file.metadata()?.len();
            Ok((file, size))
        };
        let (file, size) = open().map_err(|error| unopened(path, &error))?;
        Ok(Self { source: InputSource { path: name, input: Input::of(file) }, size: Some(size) })
    }

    /// Fails if there is no such file, and opens nothing.
    pub(crate) fn find(path: &Path) -> Result<(), Failure> {
        if path.as_os_str() == "-" {
            return Ok(());
        }
        refuse_lock_file(path)?;
        fs::metadata(path).and_then(|it| refuse_folder(&it)).map_err(|error| unopened(path, &error))
    }
}

/// Is it standard input, or another open descriptor? Such a list cannot be imported again by its name.
pub(super) fn is_pipe(path: &Path) -> bool {
    path.as_os_str() == "-" || Descriptor::named(path).is_some()
}

/// While Excel has `list.xlsx` open, `~$list.xlsx` beside it says by whom, and `*.xlsx` matches it.
fn refuse_lock_file(path: &Path) -> Result<(), Failure> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    match name.strip_prefix("~$").filter(|_| path.exists()) {
        None => Ok(()),
        Some(workbook) => {
            Err(Failure::usage(format!("could not use `{}` as a list", path.to_string_lossy()))
                .because(format!("Excel writes this file while a workbook such as `{workbook}` is open"))
                .with_hint("save and close the workbook, or leave this file out"))
        }
    }
}

fn refuse_folder(metadata: &fs::Metadata) -> io::Result<()> {
    if metadata.is_dir() { Err(ErrorKind::IsADirectory.into()) } else { Ok(()) }
}

/// The failure for a list that cannot be opened, with the name that may be meant.
fn unopened(path: &Path, error: &io::Error) -> Failure {
    let failure = Failure::usage_io(format!("could not open `{}`", path.to_string_lossy()), error);
    let is_missing = matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory);
    if is_missing && path.to_string_lossy().contains(['*', '?']) {
        return failure.with_hint(
            "your shell replaces a pattern by the names of files, unless it is in quotes or matches no file; check the \
             folder, and write the pattern without quotes",
        );
    }
    match is_missing.then(|| near_path(path)).flatten() {
        Some(near) => failure.with_hint(format!("did you mean {}?", quoted(&near.to_string_lossy()))),
        None => failure,
    }
}

/// The path that is closest to a missing one: the name of each folder, or that of the file, is misspelt.
pub(super) fn near_path(missing: &Path) -> Option<PathBuf> {
    match missing.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.exists()) {
        None => near_file(missing),
        Some(folder) => {
            let there = near_folder(folder)?.join(missing.file_name()?);
            if there.exists() { Some(there) } else { near_file(&there) }
        }
    }
}

/// The folder whose name is closest to a missing one. The folders above it may be misspelt too.
fn near_folder(missing: &Path) -> Option<PathBuf> {
    let above = missing.parent().filter(|above| !above.as_os_str().is_empty() && !above.exists());
    let above = above.map_or_else(|| missing.parent().map(Path::to_owned), near_folder)?;
    let wanted = missing.file_name()?.to_str()?.to_lowercase();
    let there = above.join(missing.file_name()?);
    if there.is_dir() {
        return Some(there);
    }
    let near = names_in(&above, true)?
        .filter_map(|name| Some((distance_within(&name.to_lowercase(), &wanted, SLIPS_MAX)?, name)));
    near.min().map(|(_, name)| above.join(name))
}

/// The names of the folders, or of everything else, in a folder. The empty path is the working folder.
fn names_in(folder: &Path, are_folders: bool) -> Option<impl Iterator<Item = String>> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let entries = fs::read_dir(folder).ok()?.take(FOLDER_ENTRIES_MAX).flatten();
    let entries = entries.filter(move |it| it.file_type().is_ok_and(|kind| kind.is_dir() == are_folders));
    Some(entries.filter_map(|entry| entry.file_name().into_string().ok()))
}

/// The file in the folder of a missing one whose name is closest to it: a misspelt name, or another ending.
fn near_file(missing: &Path) -> Option<PathBuf> {
    let wanted = missing.file_name()?.to_str()?.to_lowercase();
    let stem = |name: &str| Path::new(name).file_stem().map(OsStr::to_owned);
    let folder = missing.parent()?;
    let near = names_in(folder, false)?.filter_map(|name| {
        let lower = name.to_lowercase();
        let is_other_ending = stem(&lower) == stem(&wanted) && is_list(&lower);
        let slips = distance_within(&lower, &wanted, SLIPS_MAX).or(is_other_ending.then_some(SLIPS_MAX))?;
        Some((slips, name))
    });
    near.min().map(|(_, name)| folder.join(name))
}

/// Whether a file may be a list, by its name in lower case.
fn is_list(name: &str) -> bool {
    [".csv", ".tsv", ".txt", ".xlsx", ".ods", ".xls"].iter().any(|ending| name.ends_with(ending))
}

/// Standard input as a file if it is redirected from one; then it is seekable like any other file.
fn standard_input() -> Input {
    match duplicate(std::io::stdin()).map(Input::of) {
        Ok(file @ Input::File(_)) => file,
        _ => Input::Stream(Box::new(std::io::stdin())),
    }
}

fn given<T>(output: &Output, id: &str, value: T) -> Given<T> {
    if output.is_typed(id) { Given::Typed(value) } else { Given::Set(value) }
}

impl args::LayoutArgs {
    /// `output` knows what was typed; only that applies to exports of this program too.
    pub(crate) fn reader_options(&self, output: &Output) -> reader::Options {
        reader::Options {
            delimiter: self.delimiter.map(|delimiter| given(output, "delimiter", delimiter)),
            encoding: self.encoding.map(|encoding| given(output, "encoding", encoding)),
            sheet: self.sheet.clone().map(|sheet| given(output, "sheet", sheet)),
            refuses_further_sheets: false,
            header_line: self.header_line,
            column_map: self.column_map.clone(),
            auto_map: self.auto_map,
            ignored_columns: self.ignore_column.clone(),
            remembered: Remembered::default(),
            strict: false,
            defaults: self.defaults(),
        }
    }

    fn defaults(&self) -> Defaults {
        Defaults::new(self.defaults.clone())
    }
}

impl args::InputArgs {
    /// Whether rows without their own reseller get one.
    pub(crate) fn names_reseller(&self) -> bool {
        self.reseller.is_some() || self.layout.defaults().of(Field::AssociatedPartnerId).is_some()
    }

    /// Checks for contradictions and invalid defaults before anything else happens.
    pub(crate) fn refuse_contradictions(&self) -> Result<(), Failure> {
        for (field, value) in &self.layout.defaults {
            let Some(problem) = validation::problem_of_default(*field, value, &self.strictness()) else {
                continue;
            };
            let failure =
                Failure::usage(format!("`--default {field}={value}` is invalid")).because(problem.describe());
            return Err(match &problem.suggestion {
                Some(suggestion) if !suggestion.is_empty() => {
                    failure.with_hint(format!("give `--default {field}={suggestion}`"))
                }
                _ => failure,
            });
        }
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
        reader::Options { strict: self.strict, refuses_further_sheets, ..self.layout.reader_options(output) }
    }

    /// The options with those of an earlier reading for what is not given now. What was given about columns is not part
    /// of this: whether it applies depends on the header.
    pub(crate) fn beside(&self, earlier: &InputOptions) -> Self {
        let mut both = self.clone();
        both.layout.auto_map |= earlier.auto_map;
        let new = |rule: &&Rule| !self.warn.contains(rule);
        both.warn.extend(earlier.warn.iter().filter(new));
        both
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
            partner_domains: self.partner_domains.clone(),
            takes_agreements: cloud.takes_agreements(),
            now: clock::now(),
        }
    }

    /// The input options for the ledger, which stores them with the rows.
    pub(crate) fn given(&self, require_valid: bool, output: &Output) -> InputOptions {
        let encoding = self.layout.encoding.filter(|_| output.is_typed("encoding"));
        InputOptions {
            header_line: self.layout.header_line,
            column_map: self.layout.column_map.clone(),
            auto_map: self.layout.auto_map,
            ignore_column: self.layout.ignore_column.clone(),
            defaults: self.layout.defaults.clone(),
            // The next command reads the settings too, so only a typed delimiter or encoding is stored.
            delimiter: self.layout.delimiter.filter(|_| output.is_typed("delimiter")),
            encoding: encoding.map(Encoding::option_value),
            sheet: self.layout.sheet.clone(),
            reseller: self.reseller,
            allow_direct: self.allow_direct,
            strict: self.strict,
            warn: self.warn.clone(),
            partner_domains: self.partner_domains.clone(),
            require_valid,
            has_max_new: false,
            found_delimiter: None,
            found_sheet: None,
            found_sheets: Vec::new(),
        }
    }
}
