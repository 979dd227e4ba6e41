//! Makes the scripts that complete the command line in a shell.
//!
//! clap writes them from the command line itself. It knows values only of options with a fixed set of them, and offers
//! files for all others, so the options get their values here first. What clap cannot write for bash and fish is added:
//! values behind `=`, values of arguments without a name, and the profiles of `tenantry.toml`.

use std::any::TypeId;
use std::fmt::Write as _;
use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Arg, Command, ValueEnum as _, ValueHint};
use clap_complete::Shell;
use tenantry_simulator::Scenario;

use super::cloud::Cloud;
use super::exit_code::ExitCode;
use super::{help, parse, topics};
use crate::problem::{Kind, Rule};

const NAME: &str = "tenantry";

/// Prints the profiles of the settings files in their usual places: the working folder, and the configuration folder of
/// Linux or macOS. One `sed`, because a script cannot read TOML; in `sh`, because fish has no defaults for variables.
const PROFILES: &str = r#"sh -c 'sed -n "s/^ *\[ *profile *\. *\([A-Za-z0-9_-]*\) *\].*/\1/p" tenantry.toml "${TENANTRY_CONFIG_DIR:-${XDG_CONFIG_HOME:-$HOME/.config}/tenantry}/tenantry.toml" "${TENANTRY_CONFIG_DIR:-$HOME/Library/Application Support/tenantry}/tenantry.toml" 2>/dev/null | sort -u'"#;

/// The completion script for `shell`.
pub(super) fn script(shell: Shell) -> String {
    let mut command = with_values(help::command().clone());
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, NAME, &mut script);
    let script = String::from_utf8_lossy(&script).into_owned();
    match shell {
        Shell::Bash => for_bash(&script),
        Shell::Fish => for_fish(&script, &command),
        _ => script,
    }
}

/// The command whose options have their values. An option without any takes no files, unless it is a path.
fn with_values(command: Command) -> Command {
    let command = command.mut_args(|arg| {
        let is_path = arg.get_value_parser().type_id() == TypeId::of::<PathBuf>();
        if !arg.get_action().takes_values() || is_path || !arg.get_possible_values().is_empty() {
            return arg;
        }
        match values_of(&arg) {
            values if values.is_empty() => arg.value_hint(ValueHint::Other),
            values => arg.value_parser(PossibleValuesParser::new(values)),
        }
    });
    command.mut_subcommands(with_values)
}

/// The values that are worth offering for an option whose parser takes others too.
fn values_of(arg: &Arg) -> Vec<String> {
    let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
    match arg.get_id().as_str() {
        "simulate" | "scenario" => texts(&Scenario::NAMES),
        "warn" => {
            let doubts = Rule::ALL.iter().filter(|rule| rule.kind() == Kind::Doubt);
            doubts.map(|rule| rule.name().to_owned()).collect()
        }
        "cloud" => Cloud::ALL.iter().map(ToString::to_string).collect(),
        "delimiter" => parse::DELIMITERS.iter().map(|(name, _)| (*name).to_owned()).collect(),
        "encoding" => texts(&parse::COMMON_ENCODINGS),
        "notify_success" => ExitCode::value_variants().iter().map(|code| code.number().to_string()).collect(),
        "words" => commands().chain(topics::ALL.iter().map(|topic| topic.name.to_owned())).collect(),
        "command" => commands().collect(),
        _ => Vec::new(),
    }
}

fn commands() -> impl Iterator<Item = String> {
    help::command().get_subcommands().map(|command| command.get_name().to_owned())
}

/// bash passes `--option=value` as three words. The value of --simulate is optional, and always follows a `=`.
fn for_bash(script: &str) -> String {
    const PREVIOUS: &str = "    prev=\"$3\"\n";
    const MORE: &str = r#"    if [[ "$prev" == "=" ]]; then
        prev="${COMP_WORDS[COMP_CWORD-2]}"
    elif [[ "$prev" == "--simulate" && "${COMP_WORDS[COMP_CWORD]}" != "=" ]]; then
        prev=""
    fi
    if [[ "$prev" == "--profile" ]]; then
        COMPREPLY=( $(compgen -W "$(_tenantry_profiles)" -- "$cur") )
        return 0
    fi
"#;
    let script = script.replacen(PREVIOUS, &format!("{PREVIOUS}{MORE}"), 1);
    format!("_tenantry_profiles() {{\n    {PROFILES}\n}}\n\n{script}")
}

/// Values of arguments without a name, and profiles. The value of --simulate is optional (without `-r`).
fn for_fish(script: &str, command: &Command) -> String {
    let is_optional = |line: &&str| line.contains(" -l simulate ");
    let lines = script.lines().map(|line| match Some(line).filter(is_optional) {
        Some(line) => line.replace(" -r -f -a ", " -f -a ") + "\n",
        None => format!("{line}\n"),
    });
    let mut lines: String = lines.collect();
    lines += &format!(
        "\nfunction __tenantry_profiles\n    {PROFILES}\nend\n\ncomplete -c {NAME} -l profile -x -a \"(__tenantry_profiles)\"\n"
    );
    for subcommand in command.get_subcommands() {
        let values = subcommand.get_positionals().flat_map(Arg::get_possible_values);
        let values: Vec<String> = values.map(|value| value.get_name().to_owned()).collect();
        if !values.is_empty() {
            let (name, values) = (subcommand.get_name(), values.join(" "));
            writeln!(
                lines,
                "complete -c {NAME} -n \"__fish_{NAME}_using_subcommand {name}\" -f -a \"{values}\""
            )
            .expect("writing to a String cannot fail");
        }
    }
    lines
}
