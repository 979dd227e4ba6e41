//! Options that several commands share.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{ArgAction, Args};
use tenantry_simulator::Scenario;
use uuid::Uuid;

use super::super::exit_code::ExitCode;
use super::super::notify::MonitorUrl;
use super::super::{cloud, parse};
use super::repeat::Repeat;
use crate::auth::KeyStoreChoice;
use crate::call::Rate;
use crate::credentials::{self, Recipient};
use crate::customer::Field;
use crate::problem::Rule;
use crate::reader::Encoding;
use crate::submitter::MaxFailures;
use crate::telemetry;

/// Below the service's own limit of 500 a minute, which other programs of the company share.
pub(crate) const DEFAULT_RATE: &str = "450/min";

/// The scenario of `--simulate` without a value.
pub(crate) const DEFAULT_SCENARIO: &str = "smooth";

/// The sources of settings that neither a flag nor the environment sets.
#[derive(Debug, Args)]
#[command(next_help_heading = "Configuration")]
pub(crate) struct ConfigChoice {
    /// File of settings [default: tenantry.toml in this folder, else in your configuration folder]
    #[arg(long, value_name = "F", global = true, env = "TENANTRY_CONFIG", add = Repeat::Always)]
    pub(crate) config: Option<PathBuf>,
    /// Use the settings in [profile.NAME] too
    #[arg(long, value_name = "NAME", global = true, env = "TENANTRY_PROFILE", add = Repeat::Always)]
    pub(crate) profile: Option<String>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Logging")]
pub(crate) struct Logging {
    /// Print more: events (-v), every attempt (-vv), everything (-vvv)
    #[arg(short, long, action = ArgAction::Count, global = true, value_parser = parse::verbosity, env = "TENANTRY_VERBOSE", add = Repeat::Never)]
    pub(crate) verbose: u8,
    /// Print only errors
    ///
    /// A run that does not end with exit code 0 also prints its summary.
    #[arg(
        short,
        long,
        global = true,
        env = "TENANTRY_QUIET",
        value_parser = parse::switch,
        add = Repeat::Never
    )]
    pub(crate) quiet: bool,
    /// The format of log lines
    #[arg(long, value_enum, default_value = "text", global = true, env = "TENANTRY_LOG_FORMAT", add = Repeat::Never)]
    pub(crate) log_format: telemetry::Format,
    /// Write the log to this file instead of standard error, with the result of each run
    ///
    /// A file of 10 MiB becomes F.1, up to F.5. An existing file must be a log of Tenantry.
    #[arg(long, value_name = "F", global = true, env = "TENANTRY_LOG_FILE", add = Repeat::Never)]
    pub(crate) log_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct LedgerPath {
    /// The ledger file [default: tenantry.db]
    ///
    /// With --simulate the default is tenantry-simulated.db.
    #[arg(long, value_name = "PATH", env = "TENANTRY_LEDGER", help_heading = "Ledger", add = Repeat::Always)]
    pub(crate) ledger: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) rehearsal: Rehearsal,
}

#[derive(Debug, Args)]
pub(crate) struct Rehearsal {
    /// Rehearse without an account
    ///
    /// Uses the Partner Center simulator inside the program. `tenantry help rehearse` lists the scenarios.
    #[arg(
        long,
        value_name = "SCENARIO",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = DEFAULT_SCENARIO,
        env = "TENANTRY_SIMULATE",
        help_heading = "Ledger",
        add = Repeat::Always
    )]
    pub(crate) simulate: Option<Scenario>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Partner Center")]
pub(crate) struct ConnectionArgs {
    /// The cloud of the partner account
    #[arg(long, default_value = "global", env = "TENANTRY_CLOUD", add = Repeat::AtService)]
    pub(crate) cloud: cloud::Cloud,
    /// Base URL of the API [default: that of the cloud]
    #[arg(long, value_name = "URL", env = "TENANTRY_API_URL", add = Repeat::AtService)]
    pub(crate) api_url: Option<String>,
    /// Base URL of the sign-in service [default: that of the cloud]
    #[arg(long, value_name = "URL", env = "TENANTRY_AUTHORITY_URL", add = Repeat::AtService)]
    pub(crate) authority_url: Option<String>,
    /// Send the sign-in to this API host too: HOST or HOST:PORT (repeat it)
    ///
    /// Otherwise the sign-in is sent only to Microsoft and to this machine. HOST means any port of it.
    #[arg(
        long,
        value_name = "HOST",
        value_parser = parse::api_host,
        value_delimiter = ',',
        env = "TENANTRY_ALLOW_API_HOST",
        add = Repeat::AtService
    )]
    pub(crate) allow_api_host: Vec<String>,
    /// PEM file of further certificate authorities, such as that of a proxy
    #[arg(long, value_name = "F", env = "TENANTRY_CA_FILE", add = Repeat::AtService)]
    pub(crate) ca_file: Option<PathBuf>,
    /// The partner tenant: its id or a domain
    #[arg(long, value_name = "TENANT", env = "TENANTRY_TENANT_ID", add = Repeat::AtService)]
    pub(crate) tenant_id: Option<String>,
    /// The application (client) id
    #[arg(long, value_name = "ID", env = "TENANTRY_CLIENT_ID", add = Repeat::AtService)]
    pub(crate) client_id: Option<String>,
    /// File with the client secret
    ///
    /// Or set TENANTRY_CLIENT_SECRET.
    #[arg(long, value_name = "F", env = "TENANTRY_CLIENT_SECRET_FILE", add = Repeat::AtService)]
    pub(crate) client_secret_file: Option<PathBuf>,
    /// PEM file with the app's certificate and private key, instead of a secret
    #[arg(
        long,
        value_name = "F",
        env = "TENANTRY_CLIENT_CERTIFICATE",
        conflicts_with = "client_secret_file",
        add = Repeat::AtService
    )]
    pub(crate) client_certificate: Option<PathBuf>,
    /// Where to keep a user's sign-in
    ///
    /// `auto`: in the key store of Windows or macOS, elsewhere in a file. `file`: always in a file.
    #[arg(long, value_name = "WHERE", value_parser = key_store(), default_value = "auto", env = "TENANTRY_KEY_STORE", add = Repeat::Never)]
    pub(crate) key_store: KeyStoreChoice,
}

/// Parses where to keep a sign-in. The next command does not need the option again: `auto` also finds a sign-in in the
/// file.
fn key_store() -> impl TypedValueParser<Value = KeyStoreChoice> {
    let keep =
        |name: String| if name == "file" { KeyStoreChoice::File } else { KeyStoreChoice::KeyStoreElseFile };
    PossibleValuesParser::new(["auto", "file"]).map(keep)
}

/// How requests are sent, for all kinds of requests.
#[derive(Debug, Args)]
#[command(next_help_heading = "Requests")]
pub(crate) struct Pace {
    /// The most requests: N/s, N/min or unlimited
    #[arg(long, value_parser = parse::rate, default_value = DEFAULT_RATE, env = "TENANTRY_RATE", add = Repeat::Always)]
    pub(crate) rate: Rate,
    /// The longest wait for an answer
    #[arg(long, value_name = "TIME", value_parser = parse::positive_duration, default_value = "180s", env = "TENANTRY_TIMEOUT")]
    pub(crate) timeout: Duration,
    /// Stop if the service has not answered for this long
    #[arg(long, value_name = "TIME", value_parser = parse::duration, default_value = "15m", env = "TENANTRY_MAX_OUTAGE", add = Repeat::Never)]
    pub(crate) max_outage: Duration,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Submission")]
pub(crate) struct SubmissionArgs {
    /// Create without a question
    ///
    /// Required if there is no terminal, such as in a scheduled job. `resume` asks only about rows that you have not
    /// agreed to yet; without a terminal and without --yes, these rows stay pending. `reconcile` creates nothing and
    /// does not ask.
    #[arg(short, long, env = "TENANTRY_YES", value_parser = parse::switch, add = Repeat::Never)]
    pub(crate) yes: bool,
    /// The most requests at once; without it, as many as the rate needs, up to 512 (64 at an unlimited rate)
    #[arg(long, value_name = "N", value_parser = parse::from_one::<NonZeroUsize>, env = "TENANTRY_CONCURRENCY", add = Repeat::Never)]
    pub(crate) concurrency: Option<NonZeroUsize>,
    /// How often a row is sent without a definite answer before Tenantry asks about it
    #[arg(
        long,
        value_name = "N",
        default_value = "8",
        value_parser = parse::from_one::<u32>,
        env = "TENANTRY_MAX_ATTEMPTS",
        add = Repeat::Never
    )]
    pub(crate) max_attempts: u32,
    /// Stop after sending this many rows
    #[arg(long, value_name = "N", value_parser = parse::count::<u64>, env = "TENANTRY_LIMIT", add = Repeat::Never)]
    pub(crate) limit: Option<u64>,
    /// Send nothing if more than this many customers would be created
    #[arg(long, value_name = "N", value_parser = parse::count::<u64>, env = "TENANTRY_MAX_NEW", add = Repeat::Never)]
    pub(crate) max_new: Option<u64>,
    /// Stop after this long
    #[arg(long, value_name = "TIME", value_parser = parse::positive_duration, env = "TENANTRY_MAX_DURATION", add = Repeat::Never)]
    pub(crate) max_duration: Option<Duration>,
    /// Stop after this many failed rows
    ///
    /// A number, or a percentage such as 5%. Counts the rows and acceptances of agreements that this run sent and
    /// Partner Center refused. A percentage counts from 20 outcomes on.
    #[arg(long, value_name = "N|N%", value_parser = parse::failures, env = "TENANTRY_MAX_FAILURES")]
    pub(crate) max_failures: Option<MaxFailures>,
    /// Show the plan; send nothing and write nothing
    #[arg(long, env = "TENANTRY_DRY_RUN", value_parser = parse::switch, add = Repeat::Never)]
    pub(crate) dry_run: bool,
    /// How long a request is repeated under its id before Tenantry asks about the row
    #[arg(long, value_name = "TIME", value_parser = parse::duration, default_value = "1h", env = "TENANTRY_IDEMPOTENCY_WINDOW")]
    pub(crate) idempotency_window: Duration,
    /// How long a new customer may be invisible [default: 180s; less with --simulate]
    #[arg(long, value_name = "TIME", value_parser = parse::duration, env = "TENANTRY_SETTLE_DELAY")]
    pub(crate) settle_delay: Option<Duration>,
    /// Accept a backup in the place of the ledger (`tenantry help restore`)
    ///
    /// Needed once, by the first run after you put a backup in the place of the ledger. Rows that may have been sent since
    /// the backup are held back until you import their lists again. Tenantry asks Partner Center about each of these rows
    /// before it sends the row.
    #[arg(long, add = Repeat::Never)]
    pub(crate) restored: bool,
    /// Public key for passwords (age1…) [default: that of the identity file]
    #[arg(long, value_name = "AGE-KEY", value_parser = credentials::recipient, env = "TENANTRY_RECIPIENT", add = Repeat::Always)]
    pub(crate) recipient: Option<Recipient>,
    /// Use another key from now on; earlier passwords need the old key
    #[arg(long, env = "TENANTRY_NEW_RECIPIENT", value_parser = parse::switch, add = Repeat::Always)]
    pub(crate) new_recipient: bool,
    #[command(flatten)]
    pub(crate) identity: IdentityFile,
    /// Print the summary as one JSON object
    #[arg(long, env = "TENANTRY_JSON", value_parser = parse::switch, help_heading = "Output", add = Repeat::Never)]
    pub(crate) json: bool,
    /// How long to wait while another process uses the ledger
    #[arg(long, value_name = "TIME", value_parser = parse::duration, default_value = "0s", env = "TENANTRY_WAIT_LOCK", add = Repeat::Never)]
    pub(crate) wait_lock: Duration,
    /// Write export files into DIR/run-N at the end
    ///
    /// N is the number of the run. The files are also written if the run stops early.
    #[arg(long, value_name = "DIR", env = "TENANTRY_RESULTS", help_heading = "Output", add = Repeat::Never)]
    pub(crate) results: Option<PathBuf>,
    // Last, because their help headings apply to all options after them.
    #[command(flatten)]
    pub(crate) notify: NotifyArgs,
    #[command(flatten)]
    pub(crate) pace: Pace,
}

/// The options of commands that submit rows: the ledger, the service, and the submission.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) ledger: LedgerPath,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
    #[command(flatten)]
    pub(crate) submission: SubmissionArgs,
}

/// Where to send notifications about a run.
#[derive(Debug, Args)]
#[command(next_help_heading = "Unattended")]
pub(crate) struct NotifyArgs {
    /// POST the figures of the run to URL/start, then URL (success) or URL/fail
    ///
    /// If URL has {status} (`up` or `down`), {code} (the exit code) or {message}, they are filled in, and only the end is
    /// reported, with GET. http is only for private addresses.
    #[arg(long, value_name = "URL", value_parser = MonitorUrl::parse, env = "TENANTRY_NOTIFY_URL", hide_env_values = true, add = Repeat::Never)]
    pub(crate) notify_url: Option<MonitorUrl>,
    /// Exit codes that monitors count as success, such as `0,3` [default: 0]
    ///
    /// For --notify-url, --on-finish and --metrics-file. 0 always counts.
    #[arg(
        long,
        value_name = "CODES",
        value_parser = parse::exit_code,
        value_delimiter = ',',
        env = "TENANTRY_NOTIFY_SUCCESS",
        add = Repeat::Never
    )]
    pub(crate) notify_success: Vec<ExitCode>,
    /// Run this command at the end
    ///
    /// Its environment has TENANTRY_EXIT_CODE, TENANTRY_SUCCESS (`true` or `false`), TENANTRY_RUN, TENANTRY_LEDGER and
    /// TENANTRY_SUMMARY.
    #[arg(long, value_name = "CMD", env = "TENANTRY_ON_FINISH", add = Repeat::Never)]
    pub(crate) on_finish: Option<String>,
    /// Write the figures of the run for Prometheus (textfile collector)
    #[arg(long, value_name = "F", env = "TENANTRY_METRICS_FILE", add = Repeat::Never)]
    pub(crate) metrics_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct IdentityFile {
    /// Private key for passwords [default: in your configuration folder]
    #[arg(long, value_name = "F", env = "TENANTRY_IDENTITY", add = Repeat::Always)]
    pub(crate) identity: Option<PathBuf>,
}

/// The destination of a command's result.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputFile {
    /// Write to this new file instead of standard output
    #[arg(short, long, value_name = "F", add = Repeat::Never)]
    pub(crate) output: Option<PathBuf>,
    /// Replace the file of -o if it exists; never a list that is read, a ledger, keys or settings
    #[arg(long, requires = "output", add = Repeat::Never)]
    pub(crate) force: bool,
}

/// How a table is written.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct TableForm {
    /// Write CSV for Excel (`tenantry help excel`)
    ///
    /// With a byte order mark, CRLF, and an apostrophe before a value that Excel would run as a formula. `import` removes
    /// the apostrophe. Passwords get no apostrophe, because it would become a part of the password.
    #[arg(long, add = Repeat::Never)]
    pub(crate) for_excel: bool,
}

/// How files are laid out.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Input")]
pub(crate) struct LayoutArgs {
    /// Delimiter: comma, semicolon, tab or pipe [default: detected]
    ///
    /// For Tenantry's own exports, only this option on the command line is used, not the setting.
    #[arg(long, value_parser = parse::delimiter, env = "TENANTRY_DELIMITER")]
    pub(crate) delimiter: Option<u8>,
    /// Encoding, such as utf-8, windows-1252, cp850 or macintosh [default: detected]
    ///
    /// A byte order mark overrides it. For Tenantry's own exports, only this option on the command line is used, not the
    /// setting.
    #[arg(long, value_parser = parse::encoding, env = "TENANTRY_ENCODING")]
    pub(crate) encoding: Option<Encoding>,
    /// Sheet of a workbook [default: the first visible one]
    ///
    /// Tenantry's own workbooks are read even if they have no sheet of the name in the setting.
    #[arg(long, value_name = "NAME", env = "TENANTRY_SHEET", add = Repeat::Always)]
    pub(crate) sheet: Option<String>,
    /// Line of the header; lines above are skipped [default: the first with text]
    #[arg(long, value_name = "N", value_parser = parse::from_one::<u64>, env = "TENANTRY_HEADER_LINE", add = Repeat::Always)]
    pub(crate) header_line: Option<u64>,
    /// Use this column for a field (repeat it)
    ///
    /// No other column is used for the field.
    #[arg(long = "map", value_name = "HEADER=FIELD", value_parser = parse::column, env = "TENANTRY_MAP", add = Repeat::Always)]
    pub(crate) column_map: Vec<(String, Field)>,
    /// Use columns with well-known headings such as `Billing City` or `PLZ`
    #[arg(long, env = "TENANTRY_AUTO_MAP", value_parser = parse::switch, add = Repeat::Always)]
    pub(crate) auto_map: bool,
    /// Do not use this column (repeat it)
    #[arg(long, value_name = "HEADER", env = "TENANTRY_IGNORE_COLUMN", add = Repeat::Always)]
    pub(crate) ignore_column: Vec<String>,
    /// Value for empty cells of a field (repeat it)
    ///
    /// Also for rows of a list that has no such column.
    #[arg(long = "default", value_name = "FIELD=VALUE", value_parser = parse::default, env = "TENANTRY_DEFAULT", add = Repeat::Always)]
    pub(crate) defaults: Vec<(Field, String)>,
}

/// How files are read and validated.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Input")]
pub(crate) struct InputArgs {
    #[command(flatten)]
    pub(crate) layout: LayoutArgs,
    /// Reseller (tenant id) of rows without their own
    #[arg(long = "reseller-id", value_name = "GUID", value_parser = parse::tenant_id, env = "TENANTRY_RESELLER_ID", add = Repeat::Always)]
    pub(crate) reseller: Option<Uuid>,
    /// Create rows without a reseller as your own customers, even if others have one
    #[arg(long, env = "TENANTRY_ALLOW_DIRECT", value_parser = parse::switch, add = Repeat::Always)]
    pub(crate) allow_direct: bool,
    /// Treat warnings as errors
    #[arg(long, env = "TENANTRY_STRICT", value_parser = parse::switch, add = Repeat::Always)]
    pub(crate) strict: bool,
    /// Make a rule a warning, also with --strict (repeat it; `tenantry help columns`)
    #[arg(
        long,
        value_name = "RULE",
        value_parser = parse::warn,
        value_delimiter = ',',
        env = "TENANTRY_WARN",
        add = Repeat::Always
    )]
    pub(crate) warn: Vec<Rule>,
    /// Your own domains: Partner Center refuses customers with an address there (repeat it)
    ///
    /// The domain of the signed-in user is known.
    #[arg(
        long,
        value_name = "DOMAIN",
        value_parser = parse::partner_domain,
        value_delimiter = ',',
        env = "TENANTRY_PARTNER_DOMAINS",
        add = Repeat::Always
    )]
    pub(crate) partner_domains: Vec<String>,
}

/// Conditions for sending anything.
#[derive(Debug, Args)]
#[command(next_help_heading = "Input")]
pub(crate) struct Condition {
    /// Send nothing if any row is rejected
    #[arg(long, env = "TENANTRY_REQUIRE_VALID", value_parser = parse::switch)]
    pub(crate) require_valid: bool,
}

/// Options that the command does not use itself, but includes in the suggested next command.
#[derive(Debug, Args)]
#[command(next_help_heading = "For the next command, shown at the end")]
pub(crate) struct NextSignIn {
    /// Base URL of the sign-in service
    #[arg(long, value_name = "URL", env = "TENANTRY_AUTHORITY_URL", add = Repeat::AtService)]
    pub(crate) authority_url: Option<String>,
    /// Further API hosts that the sign-in is sent to
    #[arg(
        long,
        value_name = "HOST",
        value_parser = parse::api_host,
        value_delimiter = ',',
        env = "TENANTRY_ALLOW_API_HOST",
        add = Repeat::AtService
    )]
    pub(crate) allow_api_host: Vec<String>,
    /// The partner tenant
    #[arg(long, value_name = "TENANT", env = "TENANTRY_TENANT_ID", add = Repeat::AtService)]
    pub(crate) tenant_id: Option<String>,
    /// The application (client) id
    #[arg(long, value_name = "ID", env = "TENANTRY_CLIENT_ID", add = Repeat::AtService)]
    pub(crate) client_id: Option<String>,
}
