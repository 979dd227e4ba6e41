//! Determines which options of this command the next command repeats, from what clap matched.
//!
//! An option is repeated if it was typed, unless its definition says otherwise ([`Repeat`]), and only by commands that
//! have it. Values of `tenantry.toml` are not repeated: the next command reads the same file, and the profile is named.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command};
use serde_json::Value;

use crate::cli::args::{self, Repeat};
use crate::cli::options::without_value;
use crate::cli::shell::{self, quoted};
use crate::cli::{help, parse};
use crate::credentials::default_identity_file;
use crate::ledger::InputOptions;
use crate::variables::variable;

/// How a list is laid out.
const LAYOUT: [&str; 4] = ["delimiter", "encoding", "sheet", "header_line"];

/// The options to repeat.
#[derive(Debug, Clone, Default)]
pub(crate) struct Repeated {
    /// As they are typed, by id. The text is empty if nothing needs to be typed.
    options: BTreeMap<String, String>,
    /// The file of `--identity`.
    identity: Option<PathBuf>,
}

impl Repeated {
    /// The options of a whole command line.
    pub(crate) fn of(matches: &ArgMatches) -> Self {
        let root = help::command();
        let mut repeated = Self::default();
        repeated.add(root, matches);
        let (mut command, mut matches) = (root, matches);
        while let Some((name, below)) = matches.subcommand() {
            let Some(subcommand) = command.find_subcommand(name) else { break };
            (command, matches) = (subcommand, below);
            repeated.add(command, matches);
        }
        repeated
    }

    fn add(&mut self, command: &Command, matches: &ArgMatches) {
        for arg in command.get_arguments().filter(|arg| arg.get_long().is_some()) {
            let (id, mark) = (arg.get_id().as_str(), arg.get::<Repeat>());
            let given = matches.try_get_raw(id).ok().flatten();
            let (Some(values), false) = (given, mark == Some(&Repeat::Never)) else { continue };
            let is_typed = match matches.value_source(id) {
                Some(ValueSource::CommandLine) => true,
                Some(ValueSource::EnvVariable) => mark.is_some(),
                _ => false,
            };
            let text = match is_typed {
                true => typed(arg, values.filter(|value| !vanishes(value))),
                false => String::new(),
            };
            self.options.insert(id.to_owned(), text);
            if id == "identity" {
                self.identity = matches.try_get_one::<PathBuf>(id).ok().flatten().cloned();
            }
        }
    }

    /// Whether the private key for passwords is on this machine.
    pub(super) fn can_open_passwords(&self) -> bool {
        let file = self.identity.clone().or_else(|| variable("TENANTRY_IDENTITY").map(PathBuf::from));
        file.or_else(|| default_identity_file().ok()).is_some_and(|file| file.exists())
    }

    /// Adds this option, unless it is already present.
    pub(crate) fn add_option(&mut self, id: &str, value: &str) {
        if !self.options.contains_key(id) {
            // `resume` has every option that is added here.
            let resume = help::command().find_subcommand("resume");
            let arg = resume.and_then(|resume| resume.get_arguments().find(|arg| arg.get_id() == id));
            let arg = arg.expect("`resume` has this option");
            self.options.insert(id.to_owned(), typed(arg, [value]));
        }
    }

    pub(crate) fn remove(&mut self, id: &str) {
        self.options.remove(id);
    }

    /// Removes the options that the ledger stores with each file: the next command takes them from the ledger.
    pub(crate) fn without_kept(mut self) -> Self {
        let kept = kept(&InputOptions::default());
        self.options.retain(|id, _| kept.get(id).is_none());
        self
    }

    /// Removes the options about the layout of a list: the next command reads a file that this program wrote.
    pub(crate) fn without_layout(mut self) -> Self {
        LAYOUT.iter().for_each(|id| self.remove(id));
        self
    }

    /// Removes what only requests need. The cloud stays: it decides on the domains of a list.
    pub(super) fn offline(self) -> Self {
        let cloud = self.options.get("cloud").cloned();
        let mut offline = self.without::<args::Pace>().without::<args::ConnectionArgs>();
        offline.options.extend(cloud.map(|cloud| ("cloud".to_owned(), cloud)));
        offline
    }

    /// Removes the options that `T` defines.
    pub(crate) fn without<T: clap::Args>(mut self) -> Self {
        for arg in T::augment_args(Command::new("")).get_arguments() {
            self.remove(arg.get_id().as_str());
        }
        self
    }

    pub(crate) fn is_rehearsal(&self) -> bool {
        self.options.contains_key("simulate")
    }

    /// `tenantry WORDS` with those options of this command that the next command has too.
    pub(crate) fn command(&self, words: &str) -> String {
        let root = help::command();
        let name = words.split(' ').next().unwrap_or_default();
        let command = root.find_subcommand(name).expect("the next command is a command of Tenantry");
        format!("tenantry {words}{}{}", self.those_of(root), self.those_of(command))
    }

    fn those_of(&self, command: &Command) -> String {
        let is_meant = |arg: &&Arg| !(self.is_rehearsal() && arg.get::<Repeat>() == Some(&Repeat::AtService));
        let texts =
            command.get_arguments().filter(is_meant).map(|arg| self.options.get(arg.get_id().as_str()));
        texts.flatten().map(String::as_str).collect()
    }
}

/// Whether this is a file that systemd removes at the end of this service, such as a secret of `LoadCredential=`. The next
/// command could not read it.
fn vanishes(value: &OsStr) -> bool {
    let folders = ["CREDENTIALS_DIRECTORY", "RUNTIME_DIRECTORY"].into_iter().filter_map(variable);
    let mut folders = folders.flat_map(|folders| std::env::split_paths(&folders).collect::<Vec<_>>());
    folders.any(|folder| Path::new(value).starts_with(folder))
}

/// The options with which an import reads and validates a file as recorded in the ledger.
pub(crate) fn flags_of(given: &InputOptions) -> String {
    let kept = kept(given);
    let root = help::command();
    let import = root.find_subcommand("import").expect("files are imported");
    import.get_arguments().map(|arg| typed(arg, texts(arg, &kept[arg.get_id().as_str()]))).collect()
}

/// The names of the options that were given for a file earlier and differ from those of `now`.
pub(crate) fn names_of(earlier: &InputOptions, now: &InputOptions) -> Vec<String> {
    let (earlier, now) = (kept(earlier), kept(now));
    let root = help::command();
    let import = root.find_subcommand("import").expect("files are imported");
    let differs = |arg: &&Arg| {
        let (id, long) = (arg.get_id().as_str(), arg.get_long());
        long.is_some() && earlier[id] != now[id] && !texts(arg, &earlier[id]).is_empty()
    };
    let names = import.get_arguments().filter(differs).filter_map(Arg::get_long);
    names.map(|name| format!("--{name}")).collect()
}

/// The stored options, by option id.
fn kept(given: &InputOptions) -> Value {
    serde_json::to_value(given).expect("options are plain data")
}

/// The stored values of an option.
fn texts(arg: &Arg, kept: &Value) -> Vec<String> {
    match kept {
        Value::Null | Value::Bool(false) | Value::Object(_) => Vec::new(),
        Value::Bool(true) => vec!["true".to_owned()],
        Value::String(text) => vec![text.clone()],
        Value::Number(number) if arg.get_id() != "delimiter" => vec![number.to_string()],
        Value::Number(delimiter) => {
            let name = delimiter.as_u64().and_then(parse::delimiter_name);
            name.map(str::to_owned).into_iter().collect()
        }
        Value::Array(values) => {
            let text = |value: &Value| match value {
                Value::Array(pair) => pair.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("="),
                value => value.as_str().unwrap_or_default().to_owned(),
            };
            values.iter().map(text).collect()
        }
    }
}

/// An option as it is typed, repeated for each value.
fn typed(arg: &Arg, values: impl IntoIterator<Item = impl Into<OsString>>) -> String {
    let name = arg.get_long().unwrap_or_default();
    let bare = without_value(arg);
    let typed = |value: OsString| {
        let text = value.to_string_lossy();
        match &bare {
            Some(bare) if *bare == value => format!(" --{name}"),
            Some(_) => format!(" --{name}={}", quoted(&text)),
            None => format!(" {}", shell::option(name, &text)),
        }
    };
    values.into_iter().map(Into::into).map(typed).collect()
}

#[cfg(any(test, feature = "fuzzing"))]
#[path = "../../../tests/fuzz/targets/next_commands.rs"]
pub(in crate::cli) mod fuzzed;

#[cfg(test)]
mod tests;
