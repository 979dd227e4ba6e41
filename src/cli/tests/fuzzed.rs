//! Runs the fuzz targets for the command line on the saved inputs and on random ones.
//!
//! This finds far less than a fuzzer does, but takes only a second of every test run.

#[path = "../../../tests/fuzz/replay.rs"]
mod replay;

use proptest::collection::vec;
use proptest::prelude::*;
use replay::{bytes, replay};

use crate::cli::fuzzed;

/// Characters that mean something to a shell, and others.
const OF_SHELLS: &str = "\"\\%:^$`' \t&|<>()=,;@-.~!aPATH\u{201C}\u{2018}é";

/// Options whose values can be any text, and switches.
const OPTIONS: [&str; 8] = [
    "--map=",
    "--sheet=",
    "--ignore-column=",
    "--default=city=",
    "--ledger=",
    "--profile=",
    "--strict",
    "-v",
];

fn setting() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec![
        "rate",
        "ledger",
        "strict",
        "map",
        "limit",
        "on-finish",
        "verbose",
        "simulate",
    ]);
    let value = prop_oneof![
        Just("true".to_owned()),
        Just("'8/s'".to_owned()),
        "[0-9]{1,3}",
        "'\\PC{0,5}'",
        Just("['A=city']".to_owned())
    ];
    (name, value).prop_map(|(name, value)| format!("{name} = {value}\n"))
}

#[test]
fn settings_are_read_as_before() {
    replay("settings", fuzzed::settings);
}

#[test]
fn words_are_quoted_as_before() {
    replay("shells", fuzzed::shells);
}

// On Windows, words are quoted for the shell at hand.
#[cfg(unix)]
#[test]
fn next_commands_are_named_as_before() {
    replay("next_commands", fuzzed::next_commands);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn any_file_of_settings_is_read_or_refused(settings in vec(setting(), 0..5), junk in bytes()) {
        fuzzed::settings(settings.concat().as_bytes());
        fuzzed::settings(&junk);
    }

    #[test]
    fn any_word_is_quoted(word in vec(prop::sample::select(OF_SHELLS.chars().collect::<Vec<_>>()), 0..12)) {
        fuzzed::shells(word.into_iter().collect::<String>().as_bytes());
    }
}

#[cfg(unix)]
proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_options_are_repeated(options in vec((prop::sample::select(&OPTIONS[..]), "[ -~é]{0,6}"), 0..4)) {
        let word = |(name, value): &(&str, String)| match name.ends_with('=') {
            true => [*name, value].concat().into_bytes(),
            false => name.as_bytes().to_owned(),
        };
        let words: Vec<_> = options.iter().map(word).chain([b"list.csv".to_vec()]).collect();
        fuzzed::next_commands(&words.join(&0xFF));
    }
}
