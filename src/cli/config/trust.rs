//! Limits what a `tenantry.toml` found in the working folder may set.
//!
//! Anyone may have put the file there, and people run this program in folders where they unpack lists from others. The
//! file may contain only harmless settings ([`is_harmless`]). With other settings, the command ends until the operator
//! has reviewed the file and run `tenantry config trust`. Settings are never skipped: if `simulate` were skipped, a
//! rehearsal would be real. For the same reason an untrusted file may not replace the operator's own.
//!
//! Trust is stored for each user in the configuration folder, by the path and the content of the file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::believed;
use super::file::{self, ConfigFile, Entry, Origin};
use crate::cli::shell::quoted;
use crate::cli::{ExitCode, Failure, Output};
use crate::files;
use crate::report::PushLine as _;

/// The file name in the configuration folder.
const STORE: &str = "trusted-settings.json";

/// What a found file may set, in addition to every `max-…`.
const HARMLESS: [&str; 11] = [
    "rate",
    "concurrency",
    "timeout",
    "wait-lock",
    "strict",
    "require-valid",
    "delimiter",
    "encoding",
    "sheet",
    "log-format",
    "verbose",
];
const LIMITS: &str = "max-";

/// The most keys that are listed in the error.
const NAMED_MAX: usize = 20;

/// The hash of each trusted file, by canonical path.
type Trusted = BTreeMap<String, String>;

/// Whether a found file may set this.
fn is_harmless(entry: &Entry) -> bool {
    entry.profile.is_none() && is_harmless_name(&entry.name)
}

/// Whether a found file may set this at its top.
pub(in crate::cli) fn is_harmless_name(name: &str) -> bool {
    HARMLESS.contains(&name) || name.starts_with(LIMITS)
}

/// Refuses a found file that is not trusted and sets more than it may. Records in `file` whether it is trusted.
pub(super) fn apply_trust(file: &mut ConfigFile) -> Result<(), Failure> {
    let Origin::Found { hides, .. } = &file.origin else { return Ok(()) };
    let hides = hides.clone();
    let harmful = harmful(file);
    if harmful.is_empty() && hides.is_none() {
        return Ok(());
    }
    let shown = file.path.display();
    if is_trusted(&file.path, &file.content)? {
        file.origin = Origin::Found { hides, is_trusted: true };
        return Ok(());
    }
    let command = "tenantry config trust";
    if harmful.is_empty() {
        let own = hides.unwrap_or_default();
        return Err(Failure::usage(format!("`{shown}` in this folder hides your own settings"))
            .because(format!("`{}` is not read where another file of settings is found", own.display()))
            .with_hint(format!(
                "check the file, then run `{command}` to use it in place of yours; or add `--config {}`",
                quoted(&own.to_string_lossy())
            )));
    }
    let named = harmful.iter().take(NAMED_MAX).cloned().collect::<Vec<_>>().join(", ");
    let more = harmful.len().saturating_sub(NAMED_MAX);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    Err(Failure::usage(format!(
        "`{shown}` was found in this folder and sets what such a file may not: {named}{more}"
    ))
    .because("another user may have put it there, and settings can run a command or send secrets elsewhere")
    .with_hint(format!(
        "check the file; if you trust it, run `{command}`, or name it with `--config {shown}`"
    )))
}

/// The settings of the file that could do harm, as text.
fn harmful(file: &ConfigFile) -> Vec<String> {
    let keys = file.entries.iter().filter(|entry| !is_harmless(entry)).map(describe);
    let has_keys = |name: &String| file.entries.iter().any(|entry| entry.profile.as_ref() == Some(name));
    let empty = file.profiles.iter().filter(|name| !has_keys(name));
    keys.chain(empty.map(|name| format!("`profile.{name}`"))).collect()
}

fn describe(entry: &Entry) -> String {
    let profile = entry.profile.as_ref().map(|name| format!("profile.{name}.")).unwrap_or_default();
    format!("`{profile}{}` (line {})", entry.name, entry.line)
}

/// `tenantry config trust`: accepts the settings of a file where it is found, until the file changes.
pub(in crate::cli) fn run(file: Option<PathBuf>, output: &Output) -> Result<ExitCode, Failure> {
    let path = file.unwrap_or_else(|| PathBuf::from(file::NAME));
    // A link is not accepted where it is found either.
    file::refuse_link(&path).map_err(|failure| failure.with_hint("name the file that the link leads to"))?;
    let file = file::read(&path, Origin::Named)?;
    super::chosen(&file, None, None)?;
    let store = store_path()?;
    let mut trusted = load(&store)?;
    let key = key(&path)?;
    trusted.remove(&older_key(&key));
    trusted.insert(key, hash(&file.content));
    let json = serde_json::to_string_pretty(&trusted).expect("paths and hashes are plain data");
    files::replace(&store, json.as_bytes())
        .map_err(|error| Failure::io(format!("could not write `{}`", store.display()), &error))?;
    let mut text = format!("`{}` sets:\n", path.display());
    for entry in &file.entries {
        text.push_line(format_args!("  {}", describe(entry)));
    }
    text.push_str("These settings count from now on where the file is found, until it changes.\n");
    output.result(&text)?;
    Ok(ExitCode::Done)
}

fn is_trusted(path: &Path, content: &[u8]) -> Result<bool, Failure> {
    let store = store_path()?;
    Ok(known(&load(&store)?, &key(path)?).is_some_and(|known| *known == hash(content)))
}

/// The hash of the file that was trusted at this path.
fn known<'a>(trusted: &'a Trusted, key: &str) -> Option<&'a String> {
    trusted.get(key).or_else(|| trusted.get(&older_key(key)))
}

/// The key that an earlier version stored on Windows.
fn older_key(key: &str) -> String {
    match key.strip_prefix(r"\\") {
        Some(share) => format!(r"\\?\UNC\{share}"),
        None => format!(r"\\?\{key}"),
    }
}

fn store_path() -> Result<PathBuf, Failure> {
    let folder = file::own_folder().ok_or_else(|| {
        Failure::usage("could not find a configuration folder for this user")
            .with_hint("name the file of settings with `--config F`")
    })?;
    Ok(folder.join(STORE))
}

fn load(store: &Path) -> Result<Trusted, Failure> {
    if !file::is_there(store) {
        return Ok(Trusted::new());
    }
    serde_json::from_str(&believed::text(store, &believed::read(store)?)?).map_err(|error| {
        Failure::usage(format!("could not read the trusted settings in `{}`", store.display()))
            .because(error.to_string())
            .with_hint("remove it, then run `tenantry config trust` in each folder whose settings you trust")
    })
}

/// The canonical path of a file, with links resolved.
fn key(path: &Path) -> Result<String, Failure> {
    let not_found = |error| Failure::usage_io(format!("could not find `{}`", path.display()), &error);
    let canonical = files::canonical(path).map_err(not_found)?;
    canonical.to_str().map(str::to_owned).ok_or_else(|| {
        Failure::usage(format!("cannot keep trust in `{}`", path.display()))
            .because("its path is not text in Unicode")
            .with_hint("name it with `--config F` instead")
    })
}

fn hash(content: &[u8]) -> String {
    Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trust_of_an_earlier_version_counts() {
        let check = |stored: &str, asked: &str, expected: bool| {
            let trusted = Trusted::from([(stored.to_owned(), "hash".to_owned())]);
            assert_eq!(known(&trusted, asked).is_some(), expected, "{stored} {asked}");
        };
        check(r"C:\a\tenantry.toml", r"C:\a\tenantry.toml", true);
        check(r"\\?\C:\a\tenantry.toml", r"C:\a\tenantry.toml", true);
        check(r"\\?\UNC\server\a\tenantry.toml", r"\\server\a\tenantry.toml", true);
        check(r"\\?\C:\b\tenantry.toml", r"C:\a\tenantry.toml", false);
        check("/a/tenantry.toml", "/a/tenantry.toml", true);
        let both = [(r"\\?\C:\a", "old"), (r"C:\a", "new")];
        let both = Trusted::from(both.map(|(key, hash)| (key.to_owned(), hash.to_owned())));
        assert_eq!(known(&both, r"C:\a").unwrap(), "new");
    }

    /// Covers all settings, so that each new setting needs a decision.
    #[test]
    fn only_what_cannot_harm_may_come_from_a_file_that_was_found() {
        let settings = super::super::options::settings(crate::cli::help::command());
        let names = settings.into_iter().map(|setting| setting.name).filter(|name| {
            is_harmless(&Entry {
                name: (*name).to_owned(),
                given: super::super::options::SettingValue::Switch(true),
                line: 1,
                profile: None,
            })
        });
        let mut names: Vec<&str> = names.collect();
        names.sort();
        let expected = [
            "concurrency",
            "delimiter",
            "encoding",
            "log-format",
            "max-attempts",
            "max-duration",
            "max-failures",
            "max-new",
            "max-outage",
            "rate",
            "require-valid",
            "sheet",
            "strict",
            "timeout",
            "verbose",
            "wait-lock",
        ];
        assert_eq!(names, expected);
    }
}
