//! `tenantry config show`: shows every setting, its value and its source; never shows secrets.

use clap::parser::ValueSource;
use clap::{ArgMatches, FromArgMatches};
use serde::Serialize;

use super::file::Origin;
use super::{Chosen, Provenance};
use crate::cli::options::{self, Setting, deepest};
use crate::cli::settings::{self, SECRETS};
use crate::cli::{ExitCode, Failure, Output, args, help};
use crate::report::{PushLine as _, pretty};
use crate::transport::{BadProxy, Proxy};

/// The heading for settings that have none in help.
const WITHOUT_HEADING: &str = "General";

/// The output.
#[derive(Debug, Serialize)]
struct ShownSettings<'a> {
    file: Option<String>,
    /// `named`, `own`, `found` (it sets only harmless settings) or `trusted`; `null` if there is no file.
    file_is: Option<&'static str>,
    profile: Option<&'a str>,
    settings: Vec<Line>,
    proxies: Vec<Way>,
    secrets: Vec<Secret>,
}

/// The proxy for one service.
#[derive(Debug, Serialize)]
struct Way {
    /// The setting that contains the address of the service.
    to: &'static str,
    /// Without its password; `null` if there is no proxy.
    proxy: Option<String>,
    /// The variable that sets the proxy.
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'static str>,
    /// Why the value of the proxy variable cannot be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// One setting.
#[derive(Debug, Serialize)]
pub(super) struct Line {
    #[serde(skip)]
    heading: String,
    name: String,
    /// `null` if it is not set.
    pub(super) value: Option<String>,
    /// `flag`, `environment`, `file`, `default` or `unset`.
    pub(super) source: &'static str,
    /// The source for people.
    #[serde(skip)]
    origin: String,
    /// The variable, or the line of the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    variable: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) line: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) profile: Option<String>,
    /// The setting names a file that does not exist.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    missing: bool,
}

#[derive(Debug, Serialize)]
struct Secret {
    name: &'static str,
    is_set: bool,
}

/// Shows the settings, and checks what can be checked without network access.
pub(in crate::cli) fn run(
    as_json: bool,
    provenance: &Provenance,
    output: &Output,
) -> Result<ExitCode, Failure> {
    let matches = deepest(&provenance.matches);
    let settings = options::settings(help::command());
    let mut lines: Vec<Line> =
        settings.iter().filter_map(|setting| line(setting, matches, provenance)).collect();
    let mut connection = parsed::<args::ConnectionArgs>(matches)?;
    fill_in(&mut lines, &connection, matches)?;
    leave_out_missing(&mut lines, &mut connection);
    let secrets = SECRETS.map(|name| Secret { name, is_set: settings::is_secret_set(name) });
    let file = provenance.file.as_ref();
    let shown = ShownSettings {
        file: file.map(|file| file.path.to_string_lossy().into_owned()),
        file_is: file.map(|file| standing(&file.origin).0),
        profile: provenance.profile.as_deref(),
        settings: lines,
        proxies: ways(&connection),
        secrets: secrets.into(),
    };
    if as_json {
        output.json(&pretty(&shown))?;
    } else {
        output.result(&text(&shown, provenance))?;
    }
    settings::check_connection(&connection)?;
    Ok(ExitCode::Done)
}

fn parsed<T: FromArgMatches>(matches: &ArgMatches) -> Result<T, Failure> {
    T::from_arg_matches(matches).map_err(|error| Failure::usage(error.to_string()))
}

pub(super) fn line(setting: &Setting, matches: &ArgMatches, provenance: &Provenance) -> Option<Line> {
    let id = setting.arg.get_id().as_str();
    // Every setting is an option of `config show` too; an unknown one could not be shown.
    matches.try_contains_id(id).ok()?;
    let raw: Vec<String> =
        matches.get_raw(id).into_iter().flatten().map(|raw| raw.to_string_lossy().into_owned()).collect();
    // `0, 3` is split at the comma alone.
    let is_split = setting.arg.get_value_delimiter().is_some();
    let raw: Vec<&str> = raw.iter().map(|raw| if is_split { raw.trim() } else { raw }).collect();
    let value = (!raw.is_empty()).then(|| shown_value(setting.name, &raw.join(", ")));
    let chosen = provenance.entries.get(setting.name);
    let (source, origin) = match (matches.value_source(id), chosen) {
        (Some(ValueSource::CommandLine), _) => ("flag", format!("--{}", setting.name)),
        (Some(ValueSource::EnvVariable), _) => {
            let variable = setting.arg.get_env().unwrap_or_default();
            ("environment", variable.to_string_lossy().into_owned())
        }
        (_, Some(Chosen { line, profile, .. })) => {
            let file =
                provenance.file.as_ref().map(|file| file.path.display().to_string()).unwrap_or_default();
            let profile = profile.as_ref().map(|name| format!(", profile {name}")).unwrap_or_default();
            ("file", format!("{file}, line {line}{profile}"))
        }
        _ if value.is_some() => ("default", "default".to_owned()),
        _ => ("unset", String::new()),
    };
    let chosen = chosen.filter(|_| source == "file");
    Some(Line {
        heading: setting.arg.get_help_heading().unwrap_or(WITHOUT_HEADING).to_owned(),
        name: setting.name.to_owned(),
        value,
        source,
        variable: (source == "environment").then(|| origin.clone()),
        origin,
        line: chosen.map(|chosen| chosen.line),
        profile: chosen.and_then(|chosen| chosen.profile.clone()),
        missing: false,
    })
}

/// Hides parts of a value that must not be on a screen. The path of a notification URL is enough to send notifications.
fn shown_value(name: &str, value: &str) -> String {
    match (name, value.parse::<url::Url>()) {
        ("notify-url", Ok(url)) => format!("{}/… (the rest is hidden)", url.origin().ascii_serialization()),
        // A command can contain a password.
        ("notify-url", Err(_)) | ("on-finish", _) => "(hidden)".to_owned(),
        ("api-url" | "authority-url", _) => settings::without_secrets(value),
        _ => value.to_owned(),
    }
}

/// The proxies in use. An invalid address has none; the address is validated later.
fn ways(connection: &args::ConnectionArgs) -> Vec<Way> {
    let way = |(to, proxy): (_, Result<Option<Proxy>, BadProxy>)| {
        let (proxy, error) = proxy.map_or_else(|bad| (None, Some(bad.to_string())), |proxy| (proxy, None));
        let source = proxy.as_ref().map(|proxy| proxy.named_by);
        Way { to, proxy: proxy.map(|proxy| proxy.to_string()), source, error }
    };
    settings::proxies(connection).into_iter().map(way).collect()
}

/// Fills in defaults that depend on other settings.
fn fill_in(
    lines: &mut [Line],
    connection: &args::ConnectionArgs,
    matches: &ArgMatches,
) -> Result<(), Failure> {
    let ledger = parsed::<args::LedgerPath>(matches)?;
    let identity = parsed::<args::IdentityFile>(matches)?;
    let followed = [
        ("ledger", Some(ledger.path().to_string_lossy().into_owned())),
        ("api-url", Some(connection.cloud.api_url().to_owned())),
        ("authority-url", Some(connection.cloud.authority_url().to_owned())),
        (
            "settle-delay",
            Some(format!("{}s", settings::settle_delay(ledger.rehearsal.simulate.as_ref()).as_secs())),
        ),
        ("identity", settings::identity_file(&identity).ok().map(|file| file.to_string_lossy().into_owned())),
    ];
    for (name, value) in followed {
        for line in lines.iter_mut().filter(|line| line.name == name && line.source == "unset") {
            line.value.clone_from(&value);
            (line.source, line.origin) = ("default", "default".to_owned());
        }
    }
    Ok(())
}

/// Marks settings that name a missing file, instead of failing: people run `config show` to find this out. Files that
/// exist are validated later.
fn leave_out_missing(lines: &mut [Line], connection: &mut args::ConnectionArgs) {
    for (name, file) in [
        ("ca-file", &mut connection.ca_file),
        ("client-certificate", &mut connection.client_certificate),
        ("client-secret-file", &mut connection.client_secret_file),
    ] {
        if file.as_deref().is_some_and(|file| matches!(file.try_exists(), Ok(false))) {
            *file = None;
            for line in lines.iter_mut().filter(|line| line.name == name) {
                line.missing = true;
                line.origin.push_str("; missing: there is no such file");
            }
        }
    }
}

/// Why the file is used: one word for scripts, and a description for people.
fn standing(origin: &Origin) -> (&'static str, &'static str) {
    match origin {
        Origin::Named => ("named", "named with --config"),
        Origin::Own => ("own", "in your configuration folder"),
        Origin::Found { is_trusted: true, .. } => ("trusted", "found in this folder, and trusted"),
        Origin::Found { is_trusted: false, .. } => {
            ("found", "found in this folder; it sets only what cannot harm")
        }
    }
}

fn text(shown: &ShownSettings<'_>, provenance: &Provenance) -> String {
    let standing = provenance.file.as_ref().map_or("", |file| standing(&file.origin).1);
    let mut text = match provenance.describe() {
        Some(words) => format!("Configuration file: {words} ({standing})\n"),
        None => {
            "Configuration file: none (no `tenantry.toml` in this folder or in your configuration folder)\n"
                .to_owned()
        }
    };
    let mut headings: Vec<&str> = Vec::new();
    for line in &shown.settings {
        if !headings.contains(&line.heading.as_str()) {
            headings.push(&line.heading);
        }
    }
    let names = shown.settings.iter().map(|line| line.name.len());
    let name_width = names.chain(SECRETS.map(str::len)).max().unwrap_or(0);
    let value_width = shown.settings.iter().filter_map(|line| Some(line.value.as_ref()?.chars().count()));
    let value_width =
        value_width.filter(|&width| width <= VALUE_WIDTH_MAX).max().unwrap_or(0).max(NOT_SET.len());
    for heading in headings {
        text.push_line(format_args!("\n{heading}"));
        for line in shown.settings.iter().filter(|line| line.heading == heading) {
            let value = line.value.as_deref().unwrap_or(NOT_SET);
            let row = format!("  {:name_width$}  {value:value_width$}  {}", line.name, line.origin);
            text.push_line(format_args!("{}", row.trim_end()));
        }
    }
    text.push_str("\nProxies\n");
    for way in &shown.proxies {
        let proxy = way.proxy.as_deref().or(way.error.as_deref()).unwrap_or("none");
        let row =
            format!("  {:name_width$}  {proxy:value_width$}  {}", way.to, way.source.unwrap_or_default());
        text.push_line(format_args!("{}", row.trim_end()));
    }
    text.push_str("\nSecrets (of the environment alone)\n");
    for secret in &shown.secrets {
        let state = if secret.is_set { "set, hidden" } else { NOT_SET };
        text.push_line(format_args!("  {:name_width$}  {state}", secret.name));
    }
    text
}

const NOT_SET: &str = "not set";

/// A longer value moves only its own line, not all lines.
const VALUE_WIDTH_MAX: usize = 48;
