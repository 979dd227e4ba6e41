//! Finds and reads `tenantry.toml`.
//!
//! A key is the long name of an option, with `-` or `_`. Keys at the top apply always; keys in `[profile.NAME]` apply
//! with `--profile NAME` and override those at the top. The whole file is validated, whichever profile is used, so that
//! a mistake is found now and not in the night in which its profile runs. A secret in the file is an error, because
//! settings files are copied, shown and committed to repositories.

use std::borrow::Cow;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use clap::ArgAction;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::believed;
use crate::cli::failure::Failure;
use crate::cli::help;
use crate::cli::options::{SettingValue, settings};
use crate::{files, folders};

/// The file name in the working folder and in the configuration folder.
pub(super) const NAME: &str = "tenantry.toml";

/// The table that contains the profiles.
const PROFILES: &str = "profile";

/// A parsed file and its origin.
#[derive(Debug)]
pub(super) struct ConfigFile {
    pub(super) path: PathBuf,
    pub(super) origin: Origin,
    /// The content, byte for byte.
    pub(super) content: Vec<u8>,
    pub(super) entries: Vec<Entry>,
    /// All profiles in the file, including empty ones.
    pub(super) profiles: Vec<String>,
}

/// Why the file is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    /// Named by `--config`, or by its environment variable.
    Named,
    /// In the operator's configuration folder.
    Own,
    /// In the working folder.
    Found {
        /// The operator's own file, which is then not read.
        hides: Option<PathBuf>,
        is_trusted: bool,
    },
}

/// One key with its value.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// With `-`, as the option is typed.
    pub(super) name: String,
    pub(super) given: SettingValue,
    /// 1-based.
    pub(super) line: usize,
    pub(super) profile: Option<String>,
}

/// Finds the file that applies: the named one, else that of the working folder, else that of the configuration folder.
pub(super) fn find(named: Option<&Path>) -> Result<Option<ConfigFile>, Failure> {
    if let Some(path) = named {
        return read(path, Origin::Named).map(Some);
    }
    let here = PathBuf::from(NAME);
    let own = own_folder().map(|folder| folder.join(NAME)).filter(|own| is_there(own));
    let is_at_home =
        own.as_deref().and_then(Path::parent).is_some_and(|folder| is_same(Path::new("."), folder));
    if is_at_home || !is_there(&here) {
        return own.map(|own| read(&own, Origin::Own)).transpose();
    }
    refuse_link(&here)?;
    read(&here, Origin::Found { hides: own, is_trusted: false }).map(Some)
}

/// Refuses a symbolic link in the working folder. The link may lead to a file that is trusted elsewhere, or to the
/// operator's own file, so that relative paths in the file would lead to files in this folder.
pub(super) fn refuse_link(path: &Path) -> Result<(), Failure> {
    if fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink()) {
        return Err(believed::unusable(path, "it is a symbolic link, which another user may have put there")
            .with_hint("name the file that you mean with `--config F`, or take the link away"));
    }
    Ok(())
}

/// Whether this text is a settings file. A file for `--config` can have any name, so the content decides.
pub(in crate::cli) fn is_settings(text: &str) -> bool {
    let Ok(file) = parse(Path::new(NAME), text) else { return false };
    let known = settings(help::command());
    let is_known = |entry: &Entry| known.iter().any(|setting| setting.name == entry.name);
    !file.entries.is_empty() && file.entries.iter().all(is_known)
}

/// The operator's configuration folder.
pub(super) fn own_folder() -> Option<PathBuf> {
    folders::config()
}

/// A path that cannot be examined counts as existing: reading it will report the reason.
pub(super) fn is_there(path: &Path) -> bool {
    match fs::symlink_metadata(path) {
        Err(error) => !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory),
        Ok(_) => true,
    }
}

fn is_same(one: &Path, other: &Path) -> bool {
    matches!((files::canonical(one), files::canonical(other)), (Ok(one), Ok(other)) if one == other)
}

pub(super) fn read(path: &Path, origin: Origin) -> Result<ConfigFile, Failure> {
    let content = believed::read(path)?;
    let file = parse(path, &believed::text(path, &content)?)?;
    Ok(ConfigFile { origin, content, ..file })
}

pub(super) fn parse(path: &Path, text: &str) -> Result<ConfigFile, Failure> {
    let line_of =
        |at: usize| text.as_bytes()[..at.min(text.len())].iter().filter(|&&b| b == b'\n').count() + 1;
    let table = DeTable::parse(text).map_err(|error| {
        let line = line_of(error.span().map_or(0, |span| span.start));
        let content = text.lines().nth(line - 1).unwrap_or_default();
        let hint = if content.contains('\\') && content.contains('"') {
            r"in double quotes, `\` starts an escape: write a path in single quotes, such as `'C:\Users\…'`, or write each `\` twice"
        } else {
            "write it as TOML: `rate = \"450/min\"`, texts in quotation marks"
        };
        Failure::usage(format!("cannot read `{}`, line {line}", path.display()))
            .because(error.message().to_owned())
            .with_hint(hint)
    })?;
    let line_of = |key: &TomlKey<'_>| line_of(key.span().start);
    let wrong = |key: &str, line: usize, why: &str| {
        Failure::usage(format!("cannot use `{key}` in `{}`, line {line}", path.display())).because(why)
    };
    let mut profiles = Vec::new();
    let mut keys = Vec::new();
    for (key, value) in in_order(table.get_ref()) {
        let tables = match value.get_ref() {
            DeValue::Table(tables) if key.get_ref() == PROFILES => tables,
            _ => {
                keys.push((None, key, value));
                continue;
            }
        };
        for (profile, table) in in_order(tables) {
            let name = profile.get_ref();
            let DeValue::Table(table) = table.get_ref() else {
                return Err(wrong(&format!("profile.{name}"), line_of(profile), "it is not a table")
                    .with_hint(format!(
                        "begin the profile with a line `[profile.{}]`",
                        profile_named(name)
                    )));
            };
            profiles.push(name.to_string());
            keys.extend(in_order(table).into_iter().map(|(key, value)| (Some(name.to_string()), key, value)));
        }
    }
    let mut entries: Vec<Entry> = Vec::new();
    for (profile, key, value) in keys {
        let (name, line) = (key.get_ref().replace('_', "-"), line_of(key));
        let given = given(value.get_ref()).ok_or_else(|| match value.get_ref() {
            DeValue::Table(table) => {
                wrong(key.get_ref(), line, "it is a table").with_hint(instead_of_table(key.get_ref(), table))
            }
            _ => wrong(key.get_ref(), line, "it is not a value")
                .with_hint("write a text in quotation marks, a number, or true or false"),
        })?;
        if entries.iter().any(|known| known.name == name && known.profile == profile) {
            return Err(wrong(key.get_ref(), line, "it is there twice").with_hint("leave one of them"));
        }
        entries.push(Entry { name, given, line, profile });
    }
    Ok(ConfigFile { path: path.to_owned(), origin: Origin::Named, content: Vec::new(), entries, profiles })
}

/// The entries of a table in the order of the file.
fn in_order<'a, 'i>(table: &'a DeTable<'i>) -> Vec<(&'a TomlKey<'i>, &'a Spanned<DeValue<'i>>)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

type TomlKey<'i> = Spanned<Cow<'i, str>>;

/// What to write instead of a table with the name of a setting, or with the name of nothing. A table in it has the name of
/// the profile that is meant: `[profiles.contoso]`.
fn instead_of_table(key: &str, table: &DeTable<'_>) -> String {
    let name = key.replace('_', "-");
    match settings(help::command()).iter().find(|setting| setting.name == name) {
        Some(setting) if matches!(setting.arg.get_action(), ArgAction::Append) => {
            format!(
                "write the values as a list, such as `map = [\"Firma=company_name\"]`, in place of `[{key}]`"
            )
        }
        Some(_) => format!("write the value on a line `{key} = …`"),
        None => {
            let inner = table.iter().find(|(_, value)| matches!(value.get_ref(), DeValue::Table(_)));
            let name = inner.map_or(key, |(name, _)| name.get_ref());
            format!("begin a profile with a line `[profile.{}]`", profile_named(name))
        }
    }
}

/// `text` as the name of a profile, or `NAME` if it is a setting or the word `profiles` itself.
fn profile_named(text: &str) -> &str {
    let is_setting = settings(help::command()).iter().any(|setting| setting.name == text.replace('_', "-"));
    if is_setting || text == "profiles" { "NAME" } else { text }
}

fn given(value: &DeValue<'_>) -> Option<SettingValue> {
    match value {
        DeValue::String(text) => Some(SettingValue::Text(text.to_string())),
        // Letters after a `_` are in an integer too (toml 1.2.2, `findings/toml-integers-have-letters.sh`).
        DeValue::Integer(number) => {
            let is_number = i64::from_str_radix(number.as_str(), number.radix()).is_ok();
            is_number.then(|| SettingValue::Number(number.to_string()))
        }
        DeValue::Float(number) => Some(SettingValue::Number(number.to_string())),
        DeValue::Boolean(on) => Some(SettingValue::Switch(*on)),
        DeValue::Datetime(time) => Some(SettingValue::Text(time.to_string())),
        DeValue::Array(values) => {
            let texts = values.iter().map(|value| match given(value.get_ref())? {
                SettingValue::Text(text) | SettingValue::Number(text) => Some(text),
                SettingValue::Switch(_) | SettingValue::List(_) => None,
            });
            texts.collect::<Option<Vec<_>>>().map(SettingValue::List)
        }
        DeValue::Table(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_their_line_and_their_profile() {
        let text =
            "rate = '8/s'\n\n[profile.one]\nmax_duration = \"4h\"\nstrict = true\n[profile.two]\nlimit = 5\n";
        let file = parse(Path::new("tenantry.toml"), text).unwrap();
        let entries: Vec<_> = file
            .entries
            .iter()
            .map(|entry| (entry.name.as_str(), entry.line, entry.profile.as_deref(), entry.given.clone()))
            .collect();
        let text = |text: &str| SettingValue::Text(text.to_owned());
        let expected = [
            ("rate", 1, None, text("8/s")),
            ("max-duration", 4, Some("one"), text("4h")),
            ("strict", 5, Some("one"), SettingValue::Switch(true)),
            ("limit", 7, Some("two"), SettingValue::Number("5".to_owned())),
        ];
        assert_eq!(entries, expected);
        assert_eq!(file.profiles, ["one", "two"]);
    }

    #[test]
    fn what_is_no_configuration_is_refused_with_its_line() {
        let check = |text: &str, expected: &str| {
            let failure = parse(Path::new("tenantry.toml"), text).unwrap_err();
            let message = failure.messages.join(": ");
            assert!(message.contains(expected), "{text}: {message}");
        };
        check("rate = \"8/s\nlimit = 5", "line 1");
        check("rate = 8/s", "line 1");
        check("\nlimit = 1\nlimit = 2", "line 3");
        check("max_outage = '1m'\nmax-outage = '2m'", "cannot use `max-outage` in `tenantry.toml`, line 2");
        check("[rate]\nx = 1", "cannot use `rate`");
        check("[profile]\none = 1", "cannot use `profile.one`");
        check("map = [[1]]", "it is not a value");
    }

    #[test]
    fn a_table_that_is_no_profile_is_explained() {
        let check = |text: &str, expected: &str| {
            let hint = parse(Path::new("tenantry.toml"), text).unwrap_err().hint.unwrap();
            assert_eq!(hint, expected, "{text}");
        };
        check("[profiles.contoso]\nrate = '8/s'", "begin a profile with a line `[profile.contoso]`");
        check("[profiles]\nrate = '8/s'", "begin a profile with a line `[profile.NAME]`");
        check("[contoso]\nrate = '8/s'", "begin a profile with a line `[profile.contoso]`");
        check("[profile]\nrate = '8/s'", "begin the profile with a line `[profile.NAME]`");
        let list =
            "write the values as a list, such as `map = [\"Firma=company_name\"]`, in place of `[map]`";
        check("[map]\nFirma = 'company_name'", list);
        check("[profile.one.map]\nFirma = 'company_name'", list);
        check("[rate]\nx = 1", "write the value on a line `rate = …`");
    }

    #[test]
    fn a_backslash_in_double_quotes_gets_its_own_hint() {
        let check = |text: &str, is_about_escapes: bool| {
            let failure = parse(Path::new("tenantry.toml"), text).unwrap_err();
            let hint = failure.hint.unwrap();
            assert_eq!(hint.contains("in single quotes"), is_about_escapes, "{text}: {hint}");
        };
        check(r#"ledger = "C:\Users\ops\l.db""#, true);
        check("rate = '8/s'\n\nledger = \"D:\\data\\l.db\"", true);
        check("rate = 8/s", false);
        check(r"ledger = C:\data\l.db", false);
    }
}
