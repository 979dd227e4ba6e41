//! Fuzzes `tenantry.toml`.
//!
//! The tests of `src/cli` also run this.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::Path;

use clap::Command;

use super::file::{self, ConfigFile};
use super::{Chosen, Provenance, chosen, show};
use crate::cli::options::{self, Setting, SettingValue};
use crate::cli::{Failure, help};

/// A file is refused with the line of its mistake, or it is read the same when its settings are written again, and
/// `config show` shows each setting as the file has it.
pub fn settings(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let lines = text.bytes().filter(|&byte| byte == b'\n').count() + 1;
    let file = match read(text) {
        Ok(file) => file,
        Err(failure) => return check_failure(&failure, lines),
    };
    let again = written(&file);
    let again = read(&again).unwrap_or_else(|failure| panic!("{failure:?}: {again}"));
    assert_eq!(in_order(&again), in_order(&file));
    assert!(file.entries.iter().all(|entry| (1..=lines).contains(&entry.line)));
    for profile in [None].into_iter().chain(file.profiles.iter().map(|profile| Some(profile.as_str()))) {
        match chosen(&file, profile, None) {
            Ok(entries) => check_shown(entries, profile),
            Err(failure) => check_failure(&failure, lines),
        }
    }
}

fn read(text: &str) -> Result<ConfigFile, Failure> {
    file::parse(Path::new(file::NAME), text)
}

fn check_failure(failure: &Failure, lines: usize) {
    let said = &failure.messages[0];
    assert!(failure.hint.is_some(), "{said}");
    // A name of the file can have such words, too.
    let has_line = said.split("`tenantry.toml`, line ").skip(1).any(|after| {
        let line = after.split(',').next().unwrap_or_default().parse();
        line.is_ok_and(|line| (1..=lines).contains(&line))
    });
    assert!(has_line || said.ends_with("exclude each other"), "{said}");
}

/// The profiles and the keys with their values, independent of their order and their lines.
fn in_order(file: &ConfigFile) -> Vec<String> {
    let entries = file.entries.iter().map(|it| format!("{:?}: {} = {:?}", it.profile, it.name, it.given));
    let mut all: Vec<String> = file.profiles.iter().cloned().chain(entries).collect();
    all.sort();
    all
}

/// The file as another program would write it.
fn written(file: &ConfigFile) -> String {
    let mut text = String::new();
    for profile in [None].into_iter().chain(file.profiles.iter().map(Some)) {
        if let Some(profile) = profile {
            writeln!(text, "[profile.{}]", in_quotes(profile)).expect("memory takes it");
        }
        for entry in file.entries.iter().filter(|entry| entry.profile.as_ref() == profile) {
            let value = match &entry.given {
                SettingValue::Switch(on) => on.to_string(),
                SettingValue::Number(number) => number.clone(),
                SettingValue::Text(text) => in_quotes(text),
                SettingValue::List(texts) => {
                    let texts: Vec<String> = texts.iter().map(|text| in_quotes(text)).collect();
                    format!("[{}]", texts.join(", "))
                }
            };
            writeln!(text, "{} = {value}", in_quotes(&entry.name)).expect("memory takes it");
        }
    }
    text
}

fn in_quotes(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => write!(quoted, "\\u{:04X}", u32::from(c)).expect("memory takes it"),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// The settings as `config show` has them, when clap has taken them from the file.
fn check_shown(entries: BTreeMap<String, Chosen>, profile: Option<&str>) {
    let all = options::settings(help::command());
    let is_given = |setting: &&Setting<'_>| entries.get(setting.name).is_some_and(|it| !it.raw.is_empty());
    let given: Vec<&Setting<'_>> = all.iter().filter(is_given).collect();
    let command = Command::new("shown").args(given.iter().map(|setting| setting.alone()));
    let values = |name: &str| entries.get(name).map(|it| it.raw.clone());
    let command = options::with_defaults(options::with_switches_to_turn_off(command), &values);
    let matches = command.try_get_matches_from(["shown"]).expect("the values of a file are good defaults");
    let provenance =
        Provenance { entries: entries.clone(), profile: profile.map(str::to_owned), ..Provenance::default() };
    for setting in given {
        let line = show::line(setting, &matches, &provenance).expect("it is a setting");
        let Chosen { raw, line: number, profile } = &entries[setting.name];
        assert_eq!((line.source, line.line, &line.profile), ("file", Some(*number), profile));
        let value = line.value.expect("it has a value");
        let texts: Vec<_> = raw.iter().map(|raw| raw.to_string_lossy()).collect();
        match setting.name {
            "on-finish" => assert_eq!(value, "(hidden)"),
            "notify-url" => {
                let origin = value.strip_suffix("/… (the rest is hidden)");
                assert!(
                    origin.is_some_and(|it| it.matches('/').count() == 2 && !it.contains('@')),
                    "{value}"
                );
            }
            "api-url" | "authority-url" => {}
            _ if setting.arg.get_value_delimiter().is_some() => {}
            _ => assert_eq!(value, texts.join(", "), "{}", setting.name),
        }
        check_raw(setting, raw);
    }
}

/// What clap gets of a setting is the same when it is set again.
fn check_raw(setting: &Setting<'_>, raw: &[OsString]) {
    let texts = raw.iter().map(|raw| raw.to_str().expect("the file is UTF-8").to_owned());
    let given = match raw {
        [on] if matches!(setting.arg.get_action(), clap::ArgAction::SetTrue) => {
            SettingValue::Switch(on == "true")
        }
        [number] if matches!(setting.arg.get_action(), clap::ArgAction::Count) => {
            SettingValue::Number(number.to_string_lossy().into_owned())
        }
        _ if matches!(setting.arg.get_action(), clap::ArgAction::Append) => {
            SettingValue::List(texts.collect())
        }
        _ => SettingValue::Text(texts.collect::<Vec<_>>().concat()),
    };
    assert_eq!(setting.raw(&given, Path::new("")).as_deref(), Ok(raw), "{}", setting.name);
}
