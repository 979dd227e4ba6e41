//! Determines which options are settings, and how to set them from outside the command line.

use std::any::TypeId;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use clap::builder::Resettable;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, ArgMatches, Command};

use super::parse;
use crate::variables::variable;

/// Settings without an environment variable: it would be too unspecific for so many commands.
const WITHOUT_VARIABLE: [&str; 3] = ["json", "verbose", "quiet"];

/// Choose the file and the profile. They determine where settings come from, so they cannot be settings themselves.
const CHOICES: [&str; 2] = ["config", "profile"];

/// A value from a configuration file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SettingValue {
    Switch(bool),
    Number(String),
    Text(String),
    List(Vec<String>),
}

/// An option that the environment or `tenantry.toml` can set too.
#[derive(Debug, Clone, Copy)]
pub(super) struct Setting<'a> {
    /// Its long name.
    pub(super) name: &'a str,
    pub(super) arg: &'a Arg,
}

/// The settings of `command` and its subcommands, each once, in order.
pub(super) fn settings(command: &Command) -> Vec<Setting<'_>> {
    let options = every_option(command).into_iter();
    options.filter_map(|arg| Some(Setting { name: name_of(arg)?, arg })).collect()
}

/// The options of `command` and its subcommands, each once.
pub(super) fn every_option(command: &Command) -> Vec<&Arg> {
    let mut options: Vec<&Arg> = Vec::new();
    for arg in arguments(command) {
        if options.iter().all(|known| known.get_id() != arg.get_id()) {
            options.push(arg);
        }
    }
    options
}

/// Whether there is an option with this name that is not a setting.
pub(super) fn is_other_option(command: &Command, name: &str) -> bool {
    arguments(command).any(|arg| arg.get_long() == Some(name))
}

fn arguments(command: &Command) -> Box<dyn Iterator<Item = &Arg> + '_> {
    Box::new(command.get_arguments().chain(command.get_subcommands().flat_map(arguments)))
}

/// The matches of the innermost subcommand.
pub(super) fn deepest(matches: &ArgMatches) -> &ArgMatches {
    match matches.subcommand() {
        Some((_, matches)) => deepest(matches),
        None => matches,
    }
}

/// The name of a setting; `None` for other options.
pub(super) fn name_of(arg: &Arg) -> Option<&str> {
    let name = arg.get_long()?;
    let is_setting = arg.get_env().is_some() || WITHOUT_VARIABLE.contains(&name);
    (is_setting && !CHOICES.contains(&name)).then_some(name)
}

/// Lets `--strict=false` turn off what the environment or a file turned on. Only for parsing: help still shows a plain
/// switch.
pub(super) fn with_switches_to_turn_off(command: Command) -> Command {
    let command = command.mut_args(|arg| match arg.get_action() {
        ArgAction::SetTrue if name_of(&arg).is_some() => arg
            .action(ArgAction::Set)
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true")
            .default_value("false")
            .value_parser(parse::switch),
        _ => arg,
    });
    command.mut_subcommands(with_switches_to_turn_off)
}

/// Whether this value of a switch turns it off.
pub(super) fn turns_off(value: &str) -> bool {
    parse::switch(value).is_ok_and(|on| !on)
}

/// Replaces the defaults of options for which there are values.
pub(super) fn with_defaults(command: Command, values: &dyn Fn(&str) -> Option<Vec<OsString>>) -> Command {
    let command = command.mut_args(|arg| match name_of(&arg).and_then(values) {
        Some(values) => arg.default_values(values),
        None => arg,
    });
    command.mut_subcommands(|command| with_defaults(command, values))
}

/// Makes empty variables count as not set. Only for parsing: help still lists every variable.
pub(super) fn without_empty_variables(command: Command) -> Command {
    let command = command.mut_args(|arg| match arg.get_env() {
        Some(name) if variable(name).is_none() => arg.env(Resettable::Reset),
        _ => arg,
    });
    command.mut_subcommands(without_empty_variables)
}

/// The value of an option that is typed without one; `None`: the option needs a value.
pub(super) fn without_value(arg: &Arg) -> Option<OsString> {
    let setting = Setting { name: arg.get_long()?, arg };
    setting.raw(&SettingValue::Switch(true), Path::new("")).ok()?.pop()
}

impl Setting<'_> {
    /// The option without its relations to other options, for a command that lacks those.
    pub(super) fn alone(&self) -> Arg {
        let arg = self.arg.clone().required(false).global(false);
        arg.conflicts_with(Resettable::Reset).requires(Resettable::Reset)
    }

    /// The command line form of this value, validated as on the command line. A relative path is relative to `folder`.
    /// Empty: as if the option was not given.
    ///
    /// # Errors
    /// What is wrong with the value.
    pub(super) fn raw(&self, given: &SettingValue, folder: &Path) -> Result<Vec<OsString>, String> {
        let takes_list = matches!(self.arg.get_action(), ArgAction::Append);
        let counts = matches!(self.arg.get_action(), ArgAction::Count);
        let is_switch = matches!(self.arg.get_action(), ArgAction::SetTrue);
        let value_is_optional = self.arg.get_num_args().is_some_and(|range| range.min_values() == 0);
        match given {
            SettingValue::Switch(on) if is_switch => Ok(vec![on.to_string().into()]),
            _ if is_switch => Err("it is on or off: write true or false".to_owned()),
            SettingValue::Number(number) if counts => match number.parse::<u8>() {
                Ok(_) => Ok(vec![number.into()]),
                Err(_) => Err("write a small number, such as 1".to_owned()),
            },
            _ if counts => Err("write a number, such as 1".to_owned()),
            SettingValue::Switch(true) if value_is_optional => {
                self.parsed(&[format!("--{}", self.name).into()])
            }
            SettingValue::Switch(false) if value_is_optional => Ok(Vec::new()),
            SettingValue::Switch(_) => Err("it takes a value, not true or false".to_owned()),
            SettingValue::List(texts) if takes_list => self.checked(texts, folder),
            SettingValue::List(_) => Err("it takes one value, not several".to_owned()),
            SettingValue::Number(text) | SettingValue::Text(text) => {
                self.checked(std::slice::from_ref(text), folder)
            }
        }
    }

    /// Whether TOML took the backslashes of a path for the start of escapes: `"C:\temp"` contains a tab. No path contains
    /// a control character; other texts, such as a command, may, but not after a drive letter.
    pub(super) fn has_lost_backslashes(&self, given: &SettingValue) -> bool {
        let has_lost = |text: &String| {
            let after_drive = |control: usize| {
                let before = &text.as_bytes()[..control];
                matches!(before, [.., letter, b':'] if letter.is_ascii_alphabetic())
            };
            text.char_indices().any(|(at, c)| c.is_control() && (self.is_path() || after_drive(at)))
        };
        let texts = match given {
            SettingValue::Text(text) => std::slice::from_ref(text),
            SettingValue::List(texts) => texts,
            SettingValue::Switch(_) | SettingValue::Number(_) => &[],
        };
        texts.iter().any(has_lost)
    }

    fn is_path(&self) -> bool {
        self.arg.get_value_parser().type_id() == TypeId::of::<PathBuf>()
    }

    fn checked(&self, texts: &[String], folder: &Path) -> Result<Vec<OsString>, String> {
        let is_path = self.is_path();
        let arguments: Vec<OsString> = texts
            .iter()
            .map(|text| {
                let mut argument = OsString::from(format!("--{}=", self.name));
                if is_path && !text.is_empty() {
                    argument.push(folder.join(text));
                } else {
                    argument.push(text);
                }
                argument
            })
            .collect();
        self.parsed(&arguments)
    }

    /// Parses these arguments with only this option.
    fn parsed(&self, arguments: &[OsString]) -> Result<Vec<OsString>, String> {
        let arg = self.alone().env(Resettable::Reset);
        let command = Command::new("setting").no_binary_name(true).disable_help_flag(true).arg(arg);
        let id = self.arg.get_id().as_str();
        let matches = command.try_get_matches_from(arguments).map_err(|error| why(&error))?;
        Ok(matches.get_raw(id).into_iter().flatten().map(OsStr::to_owned).collect())
    }
}

/// clap's message about a value, without the option, which was not typed.
fn why(error: &clap::Error) -> String {
    if let Some(source) = std::error::Error::source(error) {
        return source.to_string();
    }
    match (error.kind(), error.get(ContextKind::ValidValue)) {
        (ErrorKind::InvalidValue, Some(ContextValue::Strings(valid))) if !valid.is_empty() => {
            format!("one of {}", valid.join(", "))
        }
        _ => "it needs a value".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::cli::args::Cli;
    use crate::cli::help;

    fn setting(name: &str) -> Setting<'static> {
        settings(help::command()).into_iter().find(|setting| setting.name == name).unwrap()
    }

    #[test]
    fn a_value_is_validated_as_on_the_command_line() {
        let text = |text: &str| SettingValue::Text(text.to_owned());
        let check = |name: &str, given: SettingValue, expected: Result<&[&str], &str>| {
            let raw = setting(name).raw(&given, Path::new("folder"));
            let expected = expected.map(|raw| raw.iter().map(OsString::from).collect());
            assert_eq!(raw, expected.map_err(str::to_owned), "{name} = {given:?}");
        };
        check("rate", text("8/s"), Ok(&["8/s"]));
        check("rate", SettingValue::Number("8".into()), Err("write it as `450/min`, `8/s` or `unlimited`"));
        check("rate", SettingValue::Switch(true), Err("it takes a value, not true or false"));
        check("concurrency", SettingValue::Number("8".into()), Ok(&["8"]));
        check("log-format", text("xml"), Err("one of text, json"));
        check("tenant-id", SettingValue::List(vec![]), Err("it takes one value, not several"));
        check("strict", SettingValue::Switch(false), Ok(&["false"]));
        check("strict", text("yes"), Err("it is on or off: write true or false"));
        check("verbose", SettingValue::Number("2".into()), Ok(&["2"]));
        check("verbose", SettingValue::Switch(true), Err("write a number, such as 1"));
        check("simulate", SettingValue::Switch(true), Ok(&["smooth"]));
        check("simulate", SettingValue::Switch(false), Ok(&[]));
        check("simulate", text("faulty,seed=7"), Ok(&["faulty,seed=7"]));
        check("map", SettingValue::List(vec!["A=city".into(), "B=email".into()]), Ok(&["A=city", "B=email"]));
        let joined = Path::new("folder").join("x.pem");
        check("ca-file", text("x.pem"), Ok(&[joined.to_str().unwrap()]));
    }

    #[test]
    fn a_path_shows_that_its_backslashes_were_lost() {
        let check = |name: &str, text: &str, expected: bool| {
            let found = setting(name).has_lost_backslashes(&SettingValue::Text(text.to_owned()));
            assert_eq!(found, expected, "{name} = {text:?}");
        };
        check("log-file", "C:\temp\run.log", true);
        check("ledger", "data\u{8}ooks.db", true);
        check("ledger", "C:\u{1B}xports\n.db", true);
        check("ledger", r"C:\temp\run.db", false);
        check("on-finish", "C:\tools\notify.exe", true);
        // A command may have several lines, and a heading may have any character.
        check("on-finish", "echo done\necho again", false);
        check("map", "Post\ncode=postal_code", false);
    }

    #[test]
    fn the_command_line_is_well_formed_in_every_form() {
        Cli::command().debug_assert();
        with_switches_to_turn_off(Cli::command()).debug_assert();
    }
}
