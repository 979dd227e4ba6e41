//! Finds settings: first in flags, then in the environment, then in `tenantry.toml`, then the default.
//!
//! clap itself applies this order. The command line is parsed twice: first as typed, which gives the file and the
//! profile and reports usage errors; then, if the file sets anything, with the values of the file as defaults. So a
//! value from the file goes through the same parser as a flag, and commands do not know where their settings come from.
//!
//! A list is the exception: values that are typed are added to the list of the file.
//!
//! An empty environment variable always counts as not set.
//!
//! A file that was found in the working folder, and not named, may set only harmless settings ([`trust`]).
//!
//! Secrets come from the environment or from separate files, never from `tenantry.toml`.

mod believed;
mod file;
#[cfg(any(test, feature = "fuzzing"))]
#[path = "../../../tests/fuzz/targets/settings.rs"]
pub(super) mod fuzzed;
mod show;
mod trust;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgAction, ArgMatches, Command, FromArgMatches, ValueEnum as _};

use super::args::{self, Cli, Settings};
use super::options::{self, Setting, SettingValue, deepest};
use super::settings::{self, SECRETS};
use super::{Failure, help, usage};
use crate::folders;
use crate::nearest::nearest;
use crate::telemetry::Format;
use crate::variables::variable;
pub(super) use file::is_settings;
use file::{ConfigFile, Entry};
pub(super) use show::run as show;
#[cfg(test)]
pub(super) use trust::is_harmless_name;
pub(super) use trust::run as trust;

/// Other keys that an operator might try for a secret.
const SECRET_KEYS: [&str; 4] = ["secret", "password", "token", "identity-key"];

/// Our variables that do not belong to an option.
const OTHER_VARIABLES: [&str; 4] =
    ["TENANTRY_LOG", "TENANTRY_WITHIN_ON_FINISH", folders::CONFIG_VARIABLE, folders::CACHE_VARIABLE];

/// The two settings that exclude each other.
const RIVALS: [&str; 2] = ["client-certificate", "client-secret-file"];

/// Settings of the file that a rehearsal ignores: the ledger of real customers, notifications and result files.
const OF_REAL_RUNS: [&str; 5] = ["ledger", "metrics-file", "notify-url", "on-finish", "results"];

/// The options that [`resolve_for_monitors`] keeps.
const FOR_MONITORS: [&str; 10] = [
    "config",
    "profile",
    "ledger",
    "ca-file",
    "log-format",
    "log-file",
    "notify-url",
    "notify-success",
    "on-finish",
    "metrics-file",
];

/// Where the settings of an invocation come from.
#[derive(Debug, Default)]
pub(super) struct Provenance {
    matches: ArgMatches,
    file: Option<ConfigFile>,
    profile: Option<String>,
    /// The settings of the file, by the option's name.
    entries: BTreeMap<String, Chosen>,
    /// Why the file cannot be used, for a command that goes on without it.
    unusable: Option<Failure>,
}

/// A key of the file that applies.
#[derive(Debug, Clone)]
struct Chosen {
    raw: Vec<OsString>,
    line: usize,
    profile: Option<String>,
}

/// Why a command line cannot be executed.
pub(super) enum InvocationError {
    /// clap's own message, which may be help.
    Usage(Box<clap::Error>),
    Failure(Failure),
}

impl From<Failure> for InvocationError {
    fn from(failure: Failure) -> Self {
        InvocationError::Failure(failure)
    }
}

impl From<clap::Error> for InvocationError {
    fn from(error: clap::Error) -> Self {
        InvocationError::Usage(Box::new(error))
    }
}

/// Reads the command line, the environment and the file. Returns the parsed command line with all settings applied.
pub(super) fn resolve(arguments: &[OsString]) -> Result<(Cli, Provenance), InvocationError> {
    resolve_with(options::without_empty_variables, arguments)
}

/// The command line of a run with only the options that notify monitors, if its arguments or the environment have a
/// mistake. `None` if the command is not a run, or is a dry run.
pub(super) fn resolve_for_monitors(arguments: &[OsString]) -> Option<(Cli, Provenance)> {
    let command = help::command();
    let name = usage::before_files(arguments).find(|name| command.find_subcommand(&**name).is_some())?;
    let is_given = |name: &str| {
        let flag = format!("--{name}");
        let value = |it: &str| it.strip_prefix(&flag)?.strip_prefix('=').map(str::to_owned);
        let typed = usage::before_files(arguments)
            .filter_map(|it| if it == flag { Some(String::new()) } else { value(&it) })
            .last();
        let given = typed.or_else(|| variable(variable_of(name))?.into_string().ok());
        given.is_some_and(|value| !options::turns_off(&value))
    };
    if is_given("dry-run") {
        return None;
    }
    let mut kept: Vec<OsString> = vec!["tenantry".into(), (&*name).into()];
    let settings = options::settings(command);
    for option in FOR_MONITORS {
        let Some(value) = chosen_text(arguments, option) else { continue };
        let setting = settings.iter().find(|setting| setting.name == option);
        let given = SettingValue::Text(value.clone());
        if setting.is_none_or(|setting| setting.raw(&given, Path::new("")).is_ok()) {
            kept.push(format!("--{option}={value}").into());
        }
    }
    kept.extend(is_given("simulate").then(|| "--simulate".into()));
    // The list is not read, but the command line needs one.
    kept.extend((name == "import").then(|| "-".into()));
    let resolved = resolve_with(usage::without_environment, &kept).ok()?;
    resolved.0.command.nature().run.is_some().then_some(resolved)
}

/// `with_variables`: limits the environment variables that count.
fn resolve_with(
    with_variables: fn(Command) -> Command,
    arguments: &[OsString],
) -> Result<(Cli, Provenance), InvocationError> {
    let command = options::with_switches_to_turn_off(whole());
    let typed = parse(with_variables(command.clone()), arguments)?;
    let asked = Cli::from_arg_matches(&typed)?;
    let deepest = deepest(&typed);
    if asked.command.nature().settings == Settings::Unread {
        let provenance = Provenance { matches: typed.clone(), ..Provenance::default() };
        return Ok((asked, provenance));
    }
    let choice = &asked.config;
    let profile = choice.profile.clone().filter(|name| !name.is_empty());
    let (file, mut entries) = match of_file(choice.config.as_deref(), profile.as_deref(), deepest) {
        Ok(found) => found,
        // A run notifies its monitors, as far as they are known without the file.
        Err(failure) if can_report(&asked.command) => {
            let provenance = Provenance { matches: typed, unusable: Some(failure), ..Provenance::default() };
            return Ok((asked, provenance));
        }
        Err(failure) => return Err(failure.into()),
    };
    // The file may be for real runs; the command line or the environment makes this run a rehearsal.
    if is_typed(deepest, "simulate") {
        entries.retain(|name, _| !OF_REAL_RUNS.contains(&name.as_str()));
    }
    let values = |name: &str| entries.get(name).map(|it| it.raw.clone()).filter(|raw| !raw.is_empty());
    let (matches, cli) = if entries.is_empty() {
        (typed, asked)
    } else {
        let arguments = with_lists_of_file(arguments, deepest, &entries);
        let matches = parse(with_variables(options::with_defaults(command, &values)), &arguments)?;
        let cli = Cli::from_arg_matches(&matches)?;
        (matches, cli)
    };
    #[cfg(windows)]
    let cli = with_patterns_expanded(cli)?;
    let provenance = Provenance { matches, file, profile, entries, unusable: None };
    Ok((cli, provenance))
}

/// Whether a command begins although the settings cannot be used: to examine them, or to notify monitors.
fn can_report(command: &args::Command) -> bool {
    let args::Nature { run, settings, .. } = command.nature();
    settings == Settings::Examined || run.is_some()
}

/// Finds the file, and the settings in it that apply next to those that were `typed`.
fn of_file(
    named: Option<&Path>,
    profile: Option<&str>,
    typed: &ArgMatches,
) -> Result<(Option<ConfigFile>, BTreeMap<String, Chosen>), Failure> {
    let mut file = file::find(named)?;
    let entries = match (&mut file, profile) {
        (Some(file), _) => {
            let chosen = chosen(file, profile, Some(typed))?;
            trust::apply_trust(file)?;
            chosen
        }
        (None, Some(name)) => return Err(no_file_for(name)),
        (None, None) => BTreeMap::new(),
    };
    Ok((file, entries))
}

/// The command line with the names of the lists that patterns stand for.
#[cfg(windows)]
fn with_patterns_expanded(mut cli: Cli) -> Result<Cli, Failure> {
    if let Some(files) = cli.command.files_mut() {
        *files = super::patterns::expanded(files)?;
    }
    Ok(cli)
}

/// The form of the log lines as the arguments or the environment choose it, without parsing anything else, so that
/// mistakes in them are reported in this form too.
pub(super) fn chosen_log_format(arguments: &[OsString]) -> Option<Format> {
    chosen_text(arguments, "log-format").and_then(|name| Format::from_str(&name, true).ok())
}

/// The form of the log lines as the settings file chooses it, if the arguments or the file have a mistake.
pub(super) fn log_format_of_file(arguments: &[OsString]) -> Option<Format> {
    let path = chosen_text(arguments, "config").map(PathBuf::from);
    // What is no regular file can be read only once.
    if path.as_ref().is_some_and(|path| !path.is_file()) {
        return None;
    }
    let profile = chosen_text(arguments, "profile");
    let file = file::find(path.as_deref()).ok()??;
    let format = |profile: Option<&str>| {
        let is_it = |entry: &&Entry| entry.name == "log-format" && entry.profile.as_deref() == profile;
        match &file.entries.iter().find(is_it)?.given {
            SettingValue::Text(text) => Format::from_str(text, true).ok(),
            _ => None,
        }
    };
    profile.and_then(|profile| format(Some(&profile))).or_else(|| format(None))
}

/// The value of an option in the arguments, or else in the environment.
fn chosen_text(arguments: &[OsString], name: &str) -> Option<String> {
    let (option, with_value) = (format!("--{name}"), format!("--{name}="));
    let mut value = None;
    let mut rest = usage::before_files(arguments);
    while let Some(argument) = rest.next() {
        match argument.strip_prefix(&with_value) {
            Some(its) => value = Some(its.to_owned()),
            None if argument == option => value = rest.next().map(Cow::into_owned),
            None => {}
        }
    }
    value.or_else(|| variable(variable_of(name))?.into_string().ok())
}

/// The command line, extended so that `config show` accepts every setting.
pub(super) fn whole() -> Command {
    let command = help::command();
    let global: Vec<&str> = command.get_arguments().filter_map(|arg| arg.get_long()).collect();
    let settings = options::settings(command);
    let settings: Vec<clap::Arg> = settings
        .into_iter()
        .filter(|setting| !global.contains(&setting.name))
        .map(|setting| setting.alone().hide(true))
        .collect();
    command.clone().mut_subcommand("config", |config| {
        config.mut_subcommand("show", |show| {
            let own: Vec<String> = show.get_arguments().map(|arg| arg.get_id().to_string()).collect();
            show.args(settings.into_iter().filter(|arg| !own.iter().any(|id| id == arg.get_id().as_str())))
        })
    })
}

/// Parses the arguments. An error is reported by the command line as help shows it.
fn parse(command: Command, arguments: &[OsString]) -> Result<ArgMatches, clap::Error> {
    command.try_get_matches_from(arguments).map_err(|error| {
        let is_long = arguments.iter().any(|argument| argument == "--help");
        let is_short_help = error.kind() == ErrorKind::DisplayHelp && !is_long;
        let shown = if is_short_help { help::short() } else { whole() };
        // Requested help lists every variable.
        let shown = if error.use_stderr() { options::without_empty_variables(shown) } else { shown };
        shown.try_get_matches_from(arguments).err().unwrap_or(error)
    })
}

/// The arguments, with the values of the file added to each list that was typed: a flag adds to the list. Except those
/// that are for the same thing as a typed value, such as the same field of `--map`.
fn with_lists_of_file(
    arguments: &[OsString],
    typed: &ArgMatches,
    entries: &BTreeMap<String, Chosen>,
) -> Vec<OsString> {
    let settings = options::settings(help::command());
    let lists = settings.iter().filter(|setting| matches!(setting.arg.get_action(), ArgAction::Append));
    let added = lists.flat_map(|setting| {
        let (id, name) = (setting.arg.get_id().as_str(), setting.name);
        let is_typed =
            typed.try_contains_id(id).is_ok() && typed.value_source(id) == Some(ValueSource::CommandLine);
        let of_file = entries.get(name).filter(|_| is_typed).map(|chosen| chosen.raw.as_slice());
        let subjects: Vec<_> = typed
            .try_get_raw(id)
            .ok()
            .flatten()
            .into_iter()
            .flatten()
            .map(|raw| subject(name, raw))
            .collect();
        of_file.unwrap_or_default().iter().filter(move |raw| !subjects.contains(&subject(name, raw))).map(
            move |raw| {
                let mut argument = OsString::from(format!("--{name}="));
                argument.push(raw);
                argument
            },
        )
    });
    // After `--` there are only files.
    let end = arguments.iter().position(|argument| argument == "--").unwrap_or(arguments.len());
    let (before, after) = arguments.split_at(end);
    before.iter().cloned().chain(added).chain(after.iter().cloned()).collect()
}

/// What a value of a list is for: the field of `HEADER=FIELD` and `FIELD=VALUE`, else the value itself.
fn subject(name: &str, raw: &OsStr) -> String {
    let text = raw.to_string_lossy();
    let field = match name {
        "map" => text.rsplit_once('=').map(|(_, field)| field),
        "default" => text.split_once('=').map(|(field, _)| field),
        _ => None,
    };
    field.unwrap_or(&text).trim().to_owned()
}

/// Validates the whole file and returns the settings that apply with `profile`, next to those that were `typed`.
fn chosen(
    file: &ConfigFile,
    profile: Option<&str>,
    typed: Option<&ArgMatches>,
) -> Result<BTreeMap<String, Chosen>, Failure> {
    let command = help::command();
    let settings = options::settings(command);
    if let Some(name) = profile {
        check_profile(file, name)?;
    }
    let folder = file.path.parent().unwrap_or(Path::new(""));
    let mut chosen: BTreeMap<String, Chosen> = BTreeMap::new();
    for entry in &file.entries {
        let setting = setting_of(entry, file, &settings, command)?;
        if setting.has_lost_backslashes(&entry.given) {
            return Err(Failure::usage(format!("cannot use the value of {}", place(entry, file)))
                .because(r"it has a control character in a path: in double quotes, `\` starts an escape")
                .with_hint(format!(r"write it in single quotes, such as `{} = 'C:\…'`", entry.name)));
        }
        let raw = setting.raw(&entry.given, folder).map_err(|why| {
            Failure::usage(format!("cannot use the value of {}", place(entry, file)))
                .because(why)
                .with_hint("`tenantry import --help` says what each setting takes")
        })?;
        let holds = entry.profile.is_none() || entry.profile.as_deref() == profile;
        let known = chosen.get(&entry.name);
        if holds && known.is_none_or(|known| known.profile.is_none()) {
            let it = Chosen { raw, line: entry.line, profile: entry.profile.clone() };
            chosen.insert(entry.name.clone(), it);
        }
    }
    leave_out_rivals(&mut chosen, typed, file)?;
    Ok(chosen)
}

/// Of the rivals in the file, leaves the one with higher precedence.
fn leave_out_rivals(
    chosen: &mut BTreeMap<String, Chosen>,
    typed: Option<&ArgMatches>,
    file: &ConfigFile,
) -> Result<(), Failure> {
    let [one, other] = RIVALS;
    let is_typed = |name: &str| typed.is_some_and(|typed| is_typed(typed, &name.replace('-', "_")));
    // The variable overrides both.
    if settings::is_secret_set(SECRETS[0]) || is_typed(one) || is_typed(other) {
        chosen.remove(one);
        chosen.remove(other);
    }
    let (Some(first), Some(second)) = (chosen.get(one), chosen.get(other)) else { return Ok(()) };
    match (&first.profile, &second.profile) {
        (Some(_), None) => chosen.remove(other),
        (None, Some(_)) => chosen.remove(one),
        _ => {
            let file = file.path.display();
            return Err(Failure::usage(format!("`{one}` and `{other}` in `{file}` exclude each other"))
                .with_hint("leave one of them"));
        }
    };
    Ok(())
}

/// Whether a flag or a variable set the option.
fn is_typed(matches: &ArgMatches, id: &str) -> bool {
    matches.try_contains_id(id).is_ok()
        && matches!(matches.value_source(id), Some(ValueSource::CommandLine | ValueSource::EnvVariable))
}

fn setting_of<'a>(
    entry: &Entry,
    file: &ConfigFile,
    settings: &'a [Setting<'a>],
    command: &Command,
) -> Result<&'a Setting<'a>, Failure> {
    if let Some(setting) = settings.iter().find(|setting| setting.name == entry.name) {
        return Ok(setting);
    }
    let wrong = |why: &str| Failure::usage(format!("cannot use {}", place(entry, file))).because(why);
    let variable = variable_of(&entry.name);
    if SECRETS.contains(&variable.as_str()) || SECRET_KEYS.contains(&entry.name.as_str()) {
        let hint = "put it into the environment (TENANTRY_CLIENT_SECRET, TENANTRY_ACCESS_TOKEN, \
                    TENANTRY_REFRESH_TOKEN) or into a file that `client-secret-file` names";
        return Err(wrong("it is a secret, and secrets may not be in this file").with_hint(hint));
    }
    if options::is_other_option(command, &entry.name) {
        return Err(wrong("it is for the command line alone")
            .with_hint(format!("give --{} to the command that needs it", entry.name)));
    }
    let names = settings.iter().map(|setting| setting.name);
    let hint = match nearest(&entry.name, names) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "`tenantry config show` lists every setting".to_owned(),
    };
    Err(wrong("there is no such setting").with_hint(hint))
}

/// Describes the place of a key: its line, and its profile if any.
fn place(entry: &Entry, file: &ConfigFile) -> String {
    let profile = entry.profile.as_ref().map(|name| format!(", profile `{name}`")).unwrap_or_default();
    format!("`{}` in `{}`, line {}{profile}", entry.name, file.path.display(), entry.line)
}

fn check_profile(file: &ConfigFile, name: &str) -> Result<(), Failure> {
    if file.profiles.iter().any(|known| known == name) {
        return Ok(());
    }
    let failure = Failure::usage(format!("there is no profile `{name}` in `{}`", file.path.display()));
    let near = nearest(name, file.profiles.iter().map(String::as_str));
    Err(failure.with_hint(match (near, file.profiles.as_slice()) {
        (Some(near), _) => format!("did you mean `{near}`?"),
        (None, []) => format!("begin one with a line `[profile.{name}]`"),
        (None, profiles) => format!("it has {}", profiles.join(", ")),
    }))
}

fn no_file_for(profile: &str) -> Failure {
    Failure::usage(format!("there is no configuration file to find the profile `{profile}` in"))
        .with_hint("name one with `--config F`, or run this in the folder that holds `tenantry.toml`")
}

/// The environment variable of an option.
pub(super) fn variable_of(name: &str) -> String {
    format!("TENANTRY_{}", name.replace('-', "_").to_ascii_uppercase())
}

/// Environment variables that look like misspelled names of Tenantry, each with the correct name.
pub(super) fn misspelt_variables() -> Vec<(String, String)> {
    let settings = options::settings(help::command());
    let ours = settings.iter().filter_map(|setting| setting.arg.get_env()?.to_str());
    let ours = ours.chain(SECRETS).chain(OTHER_VARIABLES).chain(["TENANTRY_CONFIG", "TENANTRY_PROFILE"]);
    let ours: Vec<&str> = ours.collect();
    let set = std::env::vars_os().filter(|(_, value)| !value.is_empty());
    let set = set.filter_map(|(name, _)| name.into_string().ok());
    let unknown = set.filter(|name| name.starts_with("TENANTRY_") && !ours.contains(&name.as_str()));
    let near = unknown.filter_map(|name| {
        let near = nearest(&name, ours.iter().copied())?.to_owned();
        Some((name, near))
    });
    near.collect()
}

impl Provenance {
    /// The name of the command, such as `config show`.
    pub(super) fn command(&self) -> String {
        let mut names = Vec::new();
        let mut matches = &self.matches;
        while let Some((name, below)) = matches.subcommand() {
            names.push(name);
            matches = below;
        }
        names.join(" ")
    }

    /// Whether the operator requested quiet, not only a file that was found in the working folder.
    pub(super) fn is_quiet_asked_for(&self) -> bool {
        is_typed(deepest(&self.matches), "quiet") || self.found_in_working_folder().is_none()
    }

    /// clap's result for the command line with all settings applied.
    pub(super) fn matches(&self) -> &ArgMatches {
        &self.matches
    }

    /// Why the settings file cannot be used. Then none of its settings applies.
    pub(super) fn unusable(&self) -> Option<&Failure> {
        self.unusable.as_ref()
    }

    /// The same, to end the command with it.
    pub(super) fn take_unusable(&mut self) -> Option<Failure> {
        self.unusable.take()
    }

    /// The long names of the options that the settings file gives.
    pub(super) fn names_in_file(&self) -> Vec<String> {
        self.entries.keys().cloned().collect()
    }

    /// The file of settings, if it was found in the working folder and not named.
    pub(super) fn found_in_working_folder(&self) -> Option<&Path> {
        let file = self.file.as_ref()?;
        matches!(file.origin, file::Origin::Found { .. }).then_some(&*file.path)
    }

    /// Describes the file and the profile in use; `None` if there is no file.
    pub(super) fn describe(&self) -> Option<String> {
        let file = self.file.as_ref()?.path.display();
        Some(match &self.profile {
            Some(profile) => format!("`{file}`, profile `{profile}`"),
            None => format!("`{file}`"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_other_settings_exclude_each_other() {
        let options = options::every_option(help::command()).into_iter().cloned();
        let command = Command::new("all").args(options);
        let settings = options::settings(&command);
        let of_each = settings.iter().flat_map(|setting| {
            let rivals = command.get_arg_conflicts_with(setting.arg).into_iter();
            rivals.filter_map(options::name_of).map(|rival| [setting.name, rival])
        });
        assert_eq!(of_each.collect::<Vec<_>>(), [RIVALS]);
    }
}
