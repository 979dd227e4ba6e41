//! Options that several commands share.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{BoolishValueParser, PossibleValuesParser, TypedValueParser};
use clap::{ArgAction, Args};
use tenantry_simulator::Scenario;
use uuid::Uuid;

use super::super::{cloud, parse};
use super::repeat::Repeat;
use crate::auth::KeyStoreChoice;
use crate::call::Rate;
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
    /// File of settings [default: tenantry.toml here (see `config trust`), else in your configuration folder]
    #[arg(long, value_name = "F", global = true, env = "TENANTRY_CONFIG", add = Repeat::Always)]
    pub(crate) config: Option<PathBuf>,
    /// The settings of this profile too: those under [profile.NAME]
    #[arg(long, value_name = "NAME", global = true, env = "TENANTRY_PROFILE", add = Repeat::Always)]
    pub(crate) profile: Option<String>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Logging")]
pub(crate) struct Logging {
    /// More on standard error: what happens, every attempt, everything (repeat it)
    #[arg(short, long, action = ArgAction::Count, global = true, env = "TENANTRY_VERBOSE", add = Repeat::Never)]
    pub(crate) verbose: u8,
    /// Errors alone on standard error
    #[arg(
        short,
        long,
        global = true,
        env = "TENANTRY_QUIET",
        value_parser = BoolishValueParser::new(),
        add = Repeat::Never
    )]
    pub(crate) quiet: bool,
    /// Form of the log lines
    #[arg(long, value_enum, default_value = "text", global = true, env = "TENANTRY_LOG_FORMAT", add = Repeat::Never)]
    pub(crate) log_format: telemetry::Format,
    /// Write the log here instead of to standard error, with the sums and the end of each run; 10 MiB at most, then it
    /// becomes F.1, up to F.5. Goes on only in a log of Tenantry
    #[arg(long, value_name = "F", global = true, env = "TENANTRY_LOG_FILE", add = Repeat::Never)]
    pub(crate) log_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct LedgerPath {
    /// The ledger file [default: tenantry.db; tenantry-simulated.db with --simulate]
    #[arg(long, value_name = "PATH", env = "TENANTRY_LEDGER", help_heading = "Ledger", add = Repeat::Always)]
    pub(crate) ledger: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) rehearsal: Rehearsal,
}

#[derive(Debug, Args)]
pub(crate) struct Rehearsal {
    /// Use the simulator inside this program instead of Partner Center, in a scenario such as `faulty,seed=7`
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
    /// The cloud that the partner account belongs to
    #[arg(long, default_value = "global", env = "TENANTRY_CLOUD", add = Repeat::AtService)]
    pub(crate) cloud: cloud::Cloud,
    /// Base URL of the API, instead of the cloud's own
    #[arg(long, value_name = "URL", env = "TENANTRY_API_URL", add = Repeat::AtService)]
    pub(crate) api_url: Option<String>,
    /// Base URL of the sign-in service, instead of the cloud's own
    #[arg(long, value_name = "URL", env = "TENANTRY_AUTHORITY_URL", add = Repeat::AtService)]
    pub(crate) authority_url: Option<String>,
    /// Send the sign-in to this API host too, although it is neither Microsoft's nor this machine (exact; HOST is any
    /// port of it, HOST:PORT is that one; repeat it)
    #[arg(
        long,
        value_name = "HOST",
        value_parser = parse::api_host,
        value_delimiter = ',',
        env = "TENANTRY_ALLOW_API_HOST",
        add = Repeat::AtService
    )]
    pub(crate) allow_api_host: Vec<String>,
    /// PEM file with further certificate authorities to trust, such as that of a proxy that inspects TLS
    #[arg(long, value_name = "F", env = "TENANTRY_CA_FILE", add = Repeat::AtService)]
    pub(crate) ca_file: Option<PathBuf>,
    /// The partner tenant: its id or one of its domains
    #[arg(long, value_name = "TENANT", env = "TENANTRY_TENANT_ID", add = Repeat::AtService)]
    pub(crate) tenant_id: Option<String>,
    /// The application id to sign in as
    #[arg(long, value_name = "ID", env = "TENANTRY_CLIENT_ID", add = Repeat::AtService)]
    pub(crate) client_id: Option<String>,
    /// File that holds the client secret (or TENANTRY_CLIENT_SECRET); TENANTRY_ACCESS_TOKEN does without both
    #[arg(long, value_name = "F", env = "TENANTRY_CLIENT_SECRET_FILE", add = Repeat::AtService)]
    pub(crate) client_secret_file: Option<PathBuf>,
    /// PEM file with the app's certificate and its private key, instead of a client secret
    #[arg(
        long,
        value_name = "F",
        env = "TENANTRY_CLIENT_CERTIFICATE",
        conflicts_with = "client_secret_file",
        add = Repeat::AtService
    )]
    pub(crate) client_certificate: Option<PathBuf>,
    /// Where a user's sign-in is kept: in the key store of Windows or macOS, else in a file (auto), or always in the file
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
    /// Requests in any window: N/s, N/min or unlimited
    #[arg(long, value_parser = parse::rate, default_value = DEFAULT_RATE, env = "TENANTRY_RATE", add = Repeat::Always)]
    pub(crate) rate: Rate,
    /// Longest wait for one answer
    #[arg(long, value_name = "TIME", value_parser = parse::duration, default_value = "180s", env = "TENANTRY_TIMEOUT")]
    pub(crate) timeout: Duration,
    /// Stop when the service has not answered for this long
    #[arg(long, value_name = "TIME", value_parser = parse::duration, default_value = "15m", env = "TENANTRY_MAX_OUTAGE", add = Repeat::Never)]
    pub(crate) max_outage: Duration,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Submission")]
pub(crate) struct SubmissionArgs {
    /// Create without asking; required where no terminal is there to ask on
    #[arg(short, long, env = "TENANTRY_YES", value_parser = BoolishValueParser::new(), add = Repeat::Never)]
    pub(crate) yes: bool,
    /// Requests under way at once, at most
    #[arg(long, value_name = "N", default_value = "64", env = "TENANTRY_CONCURRENCY", add = Repeat::Never)]
    pub(crate) concurrency: NonZeroUsize,
    /// Sends of one row without a verdict before it is asked about
    #[arg(
        long,
        value_name = "N",
        default_value = "8",
        value_parser = clap::value_parser!(u32).range(1..),
        env = "TENANTRY_MAX_ATTEMPTS",
        add = Repeat::Never
    )]
    pub(crate) max_attempts: u32,
    /// Stop after submitting this many rows
    #[arg(long, value_name = "N", env = "TENANTRY_LIMIT", add = Repeat::Never)]
    pub(crate) limit: Option<u64>,
    /// Send nothing if more than this many customers would be created
    #[arg(long, value_name = "N", env = "TENANTRY_MAX_NEW", add = Repeat::Never)]
    pub(crate) max_new: Option<u64>,
    /// Stop after this long
    #[arg(long, value_name = "TIME", value_parser = parse::duration, env = "TENANTRY_MAX_DURATION", add = Repeat::Never)]
    pub(crate) max_duration: Option<Duration>,
    /// Stop when so many rows, and acceptances of agreements, of this run have been refused: N, or N% of those with an
    /// outcome, from 20 of them on
    #[arg(long, value_name = "N|N%", value_parser = parse::failures, env = "TENANTRY_MAX_FAILURES")]
    pub(crate) max_failures: Option<MaxFailures>,
    /// Show what would be done; send nothing, and write nothing
    #[arg(long, env = "TENANTRY_DRY_RUN", value_parser = BoolishValueParser::new(), add = Repeat::Never)]
    pub(crate) dry_run: bool,
    /// For so long the same request id is repeated without asking first
    #[arg(long, value_name = "TIME", value_parser = parse::duration, default_value = "1h", env = "TENANTRY_IDEMPOTENCY_WINDOW")]
    pub(crate) idempotency_window: Duration,
    /// For so long a new customer may stay invisible [default: 180s; with --simulate as long as its scenario says]
    #[arg(long, value_name = "TIME", value_parser = parse::duration, env = "TENANTRY_SETTLE_DELAY")]
    pub(crate) settle_delay: Option<Duration>,
    /// This ledger is a copy made by `backup` and takes the ledger's place: go on with it, and hold back what may have
    /// been sent since
    #[arg(long, add = Repeat::Never)]
    pub(crate) restored: bool,
    /// Public key to seal passwords to (age1…); else that of the identity file, which is made on first use
    #[arg(long, value_name = "AGE-KEY", env = "TENANTRY_RECIPIENT", add = Repeat::Always)]
    pub(crate) recipient: Option<String>,
    /// Seal to another key than that of the ledger's passwords, which then open with the old key alone
    #[arg(long, env = "TENANTRY_NEW_RECIPIENT", value_parser = BoolishValueParser::new(), add = Repeat::Always)]
    pub(crate) new_recipient: bool,
    #[command(flatten)]
    pub(crate) identity: IdentityFile,
    /// The summary as one JSON object on standard output
    #[arg(long, env = "TENANTRY_JSON", value_parser = BoolishValueParser::new(), help_heading = "Output", add = Repeat::Never)]
    pub(crate) json: bool,
    /// Wait for so long where another process works on the ledger
    #[arg(long, value_name = "TIME", value_parser = parse::duration, default_value = "0s", env = "TENANTRY_WAIT_LOCK", add = Repeat::Never)]
    pub(crate) wait_lock: Duration,
    /// Write the export files into a new folder in DIR at the end, such as DIR/run-17, also of a run that stops early
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
    /// POST the figures of the run here: URL/start, then URL for exit code 0, else URL/fail
    #[arg(long, value_name = "URL", value_parser = parse::notify_url, env = "TENANTRY_NOTIFY_URL", hide_env_values = true, add = Repeat::Never)]
    pub(crate) notify_url: Option<url::Url>,
    /// Run this command at the end, with TENANTRY_EXIT_CODE, _RUN, _LEDGER and _SUMMARY in its environment
    #[arg(long, value_name = "CMD", env = "TENANTRY_ON_FINISH", add = Repeat::Never)]
    pub(crate) on_finish: Option<String>,
    /// Write the figures of the run here for Prometheus (textfile collector); replaces only a file that Tenantry wrote
    #[arg(long, value_name = "F", env = "TENANTRY_METRICS_FILE", add = Repeat::Never)]
    pub(crate) metrics_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct IdentityFile {
    /// File of the private key for passwords [default: in your configuration folder]
    #[arg(long, value_name = "F", env = "TENANTRY_IDENTITY", add = Repeat::Always)]
    pub(crate) identity: Option<PathBuf>,
}

/// The destination of a command's result.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputFile {
    /// Write to this new file instead of to standard output
    #[arg(short, long, value_name = "F", add = Repeat::Never)]
    pub(crate) output: Option<PathBuf>,
    /// Replace the file of -o if it exists; lists, ledgers, keys and settings are never replaced
    #[arg(long, requires = "output", add = Repeat::Never)]
    pub(crate) force: bool,
}

/// How a table is written.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct TableForm {
    /// Write CSV as Excel expects it: with a byte order mark, CRLF, and an apostrophe before what Excel would run as a
    /// formula; `import` takes the apostrophe away again
    #[arg(long, add = Repeat::Never)]
    pub(crate) for_excel: bool,
}

/// How files are laid out.
#[derive(Debug, Args)]
#[command(next_help_heading = "Input")]
pub(crate) struct LayoutArgs {
    /// Delimiter of the files: comma, semicolon, tab, pipe; for our own exports, whose header tells, this flag alone
    /// holds [default: detected]
    #[arg(long, value_parser = parse::delimiter, env = "TENANTRY_DELIMITER")]
    pub(crate) delimiter: Option<u8>,
    /// Encoding of the files: utf-8, utf-16le, windows-1252, macintosh, cp850, cp932 or another; a byte order mark
    /// overrides it, and a setting does not apply to Tenantry's own exports [default: detected]
    #[arg(long, value_parser = parse::encoding, env = "TENANTRY_ENCODING")]
    pub(crate) encoding: Option<Encoding>,
    /// Sheet of the workbooks, by its name [default: the first one that is not hidden]
    #[arg(long, value_name = "NAME", env = "TENANTRY_SHEET", add = Repeat::Always)]
    pub(crate) sheet: Option<String>,
    /// Line of the header; the lines above it are skipped [default: the first line with text]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), env = "TENANTRY_HEADER_LINE", add = Repeat::Always)]
    pub(crate) header_line: Option<u64>,
    /// Take a column for a field, whatever its header says, and no other column for this field (repeat it)
    #[arg(long = "map", value_name = "HEADER=FIELD", value_parser = parse::column, add = Repeat::Always)]
    pub(crate) column_map: Vec<(String, Field)>,
    /// Take the columns whose headings are well known, such as `Billing City` and `PLZ`; the plan lists them
    #[arg(long, env = "TENANTRY_AUTO_MAP", value_parser = BoolishValueParser::new(), add = Repeat::Always)]
    pub(crate) auto_map: bool,
    /// Leave out a column, whatever its header says (repeat it)
    #[arg(long, value_name = "HEADER", env = "TENANTRY_IGNORE_COLUMN", add = Repeat::Always)]
    pub(crate) ignore_column: Vec<String>,
    /// What an empty or missing cell of a field stands for (repeat it)
    #[arg(long = "default", value_name = "FIELD=VALUE", value_parser = parse::default, add = Repeat::Always)]
    pub(crate) defaults: Vec<(Field, String)>,
}

/// How files are read and validated.
#[derive(Debug, Args)]
#[command(next_help_heading = "Input")]
pub(crate) struct InputArgs {
    #[command(flatten)]
    pub(crate) layout: LayoutArgs,
    /// Indirect reseller (tenant id) for rows without their own
    #[arg(long = "reseller-id", value_name = "GUID", value_parser = parse::tenant_id, env = "TENANTRY_RESELLER_ID", add = Repeat::Always)]
    pub(crate) reseller: Option<Uuid>,
    /// Create rows without a reseller as customers of your own, also beside rows with one
    #[arg(long, env = "TENANTRY_ALLOW_DIRECT", value_parser = BoolishValueParser::new(), add = Repeat::Always)]
    pub(crate) allow_direct: bool,
    /// Treat warnings as errors
    #[arg(long, env = "TENANTRY_STRICT", value_parser = BoolishValueParser::new(), add = Repeat::Always)]
    pub(crate) strict: bool,
    /// Take problems of this rule as warnings, also with --strict (repeat it; `tenantry help columns` lists the rules)
    #[arg(
        long,
        value_name = "RULE",
        value_parser = parse::warn,
        value_delimiter = ',',
        env = "TENANTRY_WARN",
        add = Repeat::Always
    )]
    pub(crate) warn: Vec<Rule>,
    /// Your own domains, besides that of the signed-in user: Partner Center refuses customers with an address there
    /// (repeat it)
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
    /// Send nothing if any row that is read fails validation
    #[arg(long, env = "TENANTRY_REQUIRE_VALID", value_parser = BoolishValueParser::new())]
    pub(crate) require_valid: bool,
}

/// Options that the command does not use itself, but includes in the suggested next command.
#[derive(Debug, Args)]
#[command(next_help_heading = "For the next command, which is told at the end")]
pub(crate) struct NextSignIn {
    /// Base URL of the sign-in service
    #[arg(long, value_name = "URL", env = "TENANTRY_AUTHORITY_URL", add = Repeat::AtService)]
    pub(crate) authority_url: Option<String>,
    /// API hosts that get the sign-in although they are not Microsoft's
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
    /// The application id to sign in as
    #[arg(long, value_name = "ID", env = "TENANTRY_CLIENT_ID", add = Repeat::AtService)]
    pub(crate) client_id: Option<String>,
}
