//! Fuzzes the options that a next command repeats.
//!
//! The tests of `src/cli` also run this.

use std::cell::RefCell;
use std::ffi::{OsStr, OsString};

use clap::parser::ValueSource;
use clap::{ArgMatches, FromArgMatches as _};

use super::{InputOptions, Repeated, flags_of};
use crate::cli::args::{self, Cli, Repeat};
use crate::cli::help;
use crate::cli::options::{deepest, with_switches_to_turn_off};
use crate::cli::output::Output;
use crate::cli::shell::fuzzed::words_of_posix;
use crate::cli::shell::quoted_file;

/// Separates the words of a command line in an input; UTF-8 never contains this byte.
const BETWEEN_WORDS: u8 = 0xFF;

/// The options of an import. The next command is accepted, has all of them that are to be repeated and no others, and
/// repeats them in the same words.
pub fn next_commands(input: &[u8]) {
    let Ok(words) =
        input.split(|&byte| byte == BETWEEN_WORDS).map(std::str::from_utf8).collect::<Result<Vec<_>, _>>()
    else {
        return;
    };
    let Some(matches) = parsed(&[&["tenantry", "import"], &words[..]].concat()) else { return };
    let files = files(&matches);
    let next = Repeated::of(&matches).command("import");
    let again = pasted(&next, &files);
    assert_eq!(Repeated::of(&again).command("import"), next);
    let with_folder =
        |file: &String| if file.starts_with('-') && file != "-" { format!("./{file}") } else { file.clone() };
    assert!(self::files(&again).into_iter().eq(files.iter().map(with_folder)), "{next}");
    let import = help::command().find_subcommand("import").expect("it is a command");
    let is_rehearsal = deepest(&matches).value_source("simulate") == Some(ValueSource::CommandLine);
    for arg in help::command().get_arguments().chain(import.get_arguments()) {
        let id = arg.get_id().as_str();
        let raw = |matches: &ArgMatches| -> Option<Vec<OsString>> {
            let values = deepest(matches).try_get_raw(id).ok().flatten()?;
            let is_typed = deepest(matches).value_source(id) == Some(ValueSource::CommandLine);
            is_typed.then(|| values.map(OsStr::to_owned).collect())
        };
        let is_repeated = match arg.get::<Repeat>() {
            Some(Repeat::Never) => false,
            Some(Repeat::AtService) => !is_rehearsal,
            Some(Repeat::Always) | None => arg.get_long().is_some(),
        };
        let expected = raw(&matches).filter(|_| is_repeated);
        assert!(id == "files" || raw(&again) == expected, "{id} in {next}, {expected:?}");
    }
    // What the ledger keeps of them comes back, too.
    let given = given(matches);
    let import = format!("tenantry import{}", flags_of(&given));
    assert_eq!(self::given(pasted(&import, &files)), given, "{import}");
}

fn given(matches: ArgMatches) -> InputOptions {
    let cli = Cli::from_arg_matches(&matches).expect("it was parsed");
    let args::Command::Import(import) = cli.command else { panic!("{:?}", cli.command) };
    import.input.given(import.condition.require_valid, &Output::new(true, matches, Vec::new()))
}

fn files(matches: &ArgMatches) -> Vec<String> {
    let files = deepest(matches).get_raw("files").into_iter().flatten();
    files.map(|file| file.to_string_lossy().into_owned()).collect()
}

/// The command line of a next command with its files.
fn pasted(next: &str, files: &[String]) -> ArgMatches {
    let files: String = files.iter().map(|file| format!(" {}", quoted_file(file))).collect();
    let words = words_of_posix(&format!("{next}{files}"), false);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    parsed(&words).unwrap_or_else(|| panic!("it is not accepted: {next}{files}"))
}

fn parsed(words: &[&str]) -> Option<ArgMatches> {
    thread_local! {
        static COMMAND: RefCell<clap::Command> = RefCell::new(with_switches_to_turn_off(help::command().clone()));
    }
    COMMAND.with_borrow_mut(|command| command.try_get_matches_from_mut(words)).ok()
}
