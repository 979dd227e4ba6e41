use clap::builder::Resettable;
use clap::{ArgAction, FromArgMatches as _, value_parser};

use super::*;
use crate::cli::args::{Cli, Command as Asked};
use crate::cli::output::Output;
use crate::customer::Field;
use crate::problem::Rule;

/// The commands that suggest a next command.
const NAMING: [&str; 7] = ["import", "resume", "retry", "reconcile", "check", "status", "report"];

/// The commands that are suggested.
const NAMED: [&str; 8] = ["import", "resume", "retry", "reconcile", "check", "export", "credentials", "list"];

/// Calls `visit` for each option of each command, with the words of the command.
fn each_option(command: &Command, words: &[&str], visit: &mut impl FnMut(&[&str], &Arg)) {
    command.get_arguments().filter(|arg| arg.get_long().is_some()).for_each(|arg| visit(words, arg));
    for command in command.get_subcommands() {
        each_option(command, &[words, &[command.get_name()]].concat(), visit);
    }
}

/// Matches a command line with only this option, for any value.
fn matches(words: &[&str], arg: &Arg, typed: &str) -> ArgMatches {
    let takes_value = !matches!(arg.get_action(), ArgAction::SetTrue | ArgAction::Count);
    let arg = arg.clone().required(false).conflicts_with(Resettable::Reset).requires(Resettable::Reset);
    let arg = if takes_value { arg.value_parser(value_parser!(OsString)) } else { arg };
    let mut command = Command::new("alone").arg(arg);
    for word in words.iter().rev() {
        command = Command::new("above").subcommand(command.name((*word).to_owned()));
    }
    let line = ["tenantry"].iter().chain(words).chain([&typed]);
    command.try_get_matches_from(line).unwrap()
}

/// A new option is repeated by default, without a change here.
#[test]
fn every_option_is_repeated_or_marked() {
    let (mut repeated, mut marked) = (0, 0);
    each_option(help::command(), &[], &mut |words, arg| {
        let name = arg.get_long().unwrap();
        let (typed, expected) = match (arg.get_action(), without_value(arg)) {
            (ArgAction::SetTrue | ArgAction::Count, _) => (format!("--{name}"), format!(" --{name}")),
            (_, Some(_)) => (format!("--{name}=a value"), format!(" --{name}={}", quoted("a value"))),
            (_, None) => (format!("--{name}=a value"), format!(" --{name} {}", quoted("a value"))),
        };
        let found = Repeated::of(&matches(words, arg, &typed)).options.remove(arg.get_id().as_str());
        match arg.get::<Repeat>() {
            Some(Repeat::Never) => {
                marked += 1;
                assert_eq!(found, None, "{words:?} --{name}");
            }
            _ => {
                repeated += 1;
                assert_eq!(found, Some(expected), "{words:?} --{name} is neither repeated nor marked");
            }
        }
    });
    assert!(repeated > 50 && marked > 50, "{repeated} repeated, {marked} marked");
}

/// An option that no suggested command has would be lost, unless the ledger stores it or it is marked.
#[test]
fn every_option_that_is_not_marked_finds_a_command_that_takes_it() {
    let root = help::command();
    let kept = kept(&InputOptions::default());
    let takes = |name: &str, id: &str| {
        let command = root.find_subcommand(name).unwrap();
        root.get_arguments().chain(command.get_arguments()).any(|arg| arg.get_id() == id)
    };
    each_option(root, &[], &mut |words, arg| {
        let is_meant = words.is_empty() || words.iter().any(|word| NAMING.contains(word));
        let id = arg.get_id().as_str();
        if is_meant && arg.get::<Repeat>() != Some(&Repeat::Never) {
            let is_taken = kept.get(id).is_some() || NAMED.iter().any(|name| takes(name, id));
            assert!(
                is_taken,
                "{words:?} --{id} is lost: no next command takes it, and the ledger does not keep it"
            );
        }
    });
}

#[test]
fn what_the_ledger_keeps_of_a_file_comes_back_as_it_was_given() {
    let given = InputOptions {
        header_line: Some(9),
        auto_map: true,
        ignore_column: vec!["Fax".to_owned(), "b".to_owned()],
        column_map: vec![("My=Kultur".to_owned(), Field::Culture), ("Ort".to_owned(), Field::City)],
        defaults: vec![(Field::Country, "GB".to_owned()), (Field::CompanyName, "A=B".to_owned())],
        delimiter: Some(b'\t'),
        encoding: Some("windows-1252".to_owned()),
        sheet: Some("Sheet-2".to_owned()),
        reseller: Some(uuid::Uuid::from_u128(7)),
        allow_direct: true,
        strict: true,
        warn: vec![Rule::Quotes, Rule::NameForm],
        partner_domains: vec!["tailspin.com".to_owned()],
        require_valid: true,
        has_max_new: false,
        found_delimiter: None,
        found_sheet: None,
        found_sheets: Vec::new(),
    };
    let flags = flags_of(&given);
    assert!(
        flags.starts_with(" --delimiter tab --encoding windows-1252 --sheet Sheet-2 --header-line 9 --map "),
        "{flags}"
    );
    assert!(
        flags.ends_with(" --allow-direct --strict --warn quotes --warn name_form --partner-domains tailspin.com --require-valid"),
        "{flags}"
    );
    let line = format!("tenantry import{flags} customers.csv");
    // None of the values contains a space or a quotation mark.
    let words = line.split(' ').map(|word| word.trim_matches(['\'', '"']));
    let matches = help::command().clone().try_get_matches_from(words).unwrap();
    let cli = Cli::from_arg_matches(&matches).unwrap();
    let Asked::Import(import) = cli.command else { panic!("{:?}", cli.command) };
    let output = Output::new(false, matches, Vec::new());
    assert_eq!(import.input.given(import.condition.require_valid, &output), given);
    assert_eq!(flags_of(&InputOptions::default()), "");
}

#[test]
fn a_rehearsal_stays_one_and_the_service_is_named_in_no_other() {
    let check = |line: &str, words: &str, expected: &str| {
        let matches = help::command().clone().try_get_matches_from(line.split(' ')).unwrap();
        assert_eq!(Repeated::of(&matches).command(words), expected, "{line}");
    };
    check(
        "tenantry import --ledger my.db --api-url https://a.example --rate 8/s --timeout 5s --yes --profile p x.csv",
        "resume",
        "tenantry resume --profile p --ledger my.db --api-url https://a.example --rate 8/s --timeout 5s",
    );
    check("tenantry import --simulate --tenant-id t x.csv", "import", "tenantry import --simulate");
    check("tenantry import --sheet=-List- x.csv", "import", "tenantry import --sheet=-List-");
    let seed = quoted("faulty,seed=7");
    let expected = format!("tenantry export failed --simulate={seed}");
    check("tenantry import --simulate=faulty,seed=7 --tenant-id t x.csv", "export failed", &expected);
}
