//! The command line, one type for each command. [`super::settings`] validates it.

mod options;
mod repeat;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Duration;

use clap::builder::{BoolishValueParser, PossibleValue};
use clap::{Args, Parser, Subcommand, ValueEnum};
use tenantry_simulator::Scenario;
use uuid::Uuid;

use super::parse;
use crate::call::Rate;
use crate::ledger::{Filter, State};
pub(crate) use options::{
    Condition, ConfigChoice, ConnectionArgs, DEFAULT_RATE, DEFAULT_SCENARIO, IdentityFile, InputArgs,
    LayoutArgs, LedgerPath, Logging, NextSignIn, NotifyArgs, OutputFile, Pace, Rehearsal, RunArgs,
    SubmissionArgs, TableForm,
};
pub(crate) use repeat::Repeat;

/// Creates customers in Microsoft Partner Center from CSV files: nothing twice, nothing lost, every row accounted
/// for.
#[derive(Debug, Parser)]
#[command(name = "tenantry", version = super::VERSION, max_term_width = 100, disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) config: ConfigChoice,
    #[command(flatten)]
    pub(crate) logging: Logging,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Create the customers of CSV files or workbooks (`-` is standard input)
    #[command(after_help = "Examples:
  tenantry import customers.csv                         look at the plan, say yes, create
  tenantry import --simulate customers.csv              rehearse, without an account
  tenantry import --yes --json customers.csv            from a scheduler
  tenantry import --profile contoso customers.csv       with the settings of a tenantry.toml
  tenantry import --dry-run customers.xlsx              what would be done, and nothing else
  tenantry import --map \"Firma=company_name\" list.csv   a column under another name")]
    Import(ImportArgs),
    /// Every problem of CSV files or workbooks; writes nothing, creates nothing
    #[command(after_help = "Examples:
  tenantry check customers.csv
  tenantry check --online --rate 100/min customers.csv  also ask Partner Center
  tenantry check -o problems.xlsx customers.csv         a copy to be mended and imported
  tenantry check --fix -o fixed.csv customers.csv       with every certain suggestion written
  tenantry check --json customers.csv > problems.json")]
    Check(CheckArgs),
    /// Go on with what the ledger holds, without the file
    #[command(after_help = "Examples:
  tenantry resume
  tenantry resume --wait-lock 10m --json                after another run, from a scheduler")]
    Resume(RunArgs),
    /// Take refused rows up again, without their file
    ///
    /// Judges them anew, by today's rules and by the options given here, and goes on like `resume`; where --code or
    /// --domain find none of them, nothing is sent. Rows whose domain was burned by a refusal are left alone, unless
    /// --domain names them: they need another domain (`tenantry export failed`).
    #[command(after_help = "Examples:
  tenantry retry --code 600051                          what was refused for this reason
  tenantry retry --all --yes                            from a scheduler, rejected rows too")]
    Retry(RetryArgs),
    /// Settle rows whose outcome is unknown by asking; sends nothing that creates
    ///
    /// Run `resume` first: it repeats what is in flight under its request id, which can still bring the password of a
    /// customer whose answer was lost. Asking brings none.
    #[command(after_help = "Examples:\n  tenantry resume && tenantry reconcile")]
    Reconcile(RunArgs),
    /// Counts by state, errors with what to do, last runs, what is left
    #[command(after_help = "Examples:
  tenantry status
  tenantry status --json --ledger contoso.db")]
    Status(StatusArgs),
    /// One row's whole story, ready for a support ticket
    ///
    /// WHAT is looked up as a domain, then as a customer id, then as an external id or a company name, then as a part of a
    /// company name. If several customers match, they are listed with the command that shows each.
    #[command(after_help = "Examples:
  tenantry show contoso.onmicrosoft.com
  tenantry show CRM-10401
  tenantry show \"Contoso Ltd\"
  tenantry show --line 17")]
    Show(ShowArgs),
    /// Check what a run needs: sign-in, connection, clock, ledger, keys; creates nothing
    ///
    /// Takes the options and settings of `import`, and checks what a run with them would do. The exit code is that of
    /// the first error: 4 sign-in or rights, 5 no connection, 2 configuration, 1 anything else; 0 if there is none.
    #[command(after_help = "Examples:
  tenantry doctor --profile contoso
  tenantry doctor --unattended --profile contoso        also what a scheduled run would refuse")]
    Doctor(DoctorArgs),
    /// An empty list with the canonical columns, or what each of them wants
    #[command(after_help = "Examples:
  tenantry template -o customers.xlsx                   with choices, and every cell as text
  tenantry template --for-excel -o customers.csv
  tenantry template --explain")]
    Template(TemplateArgs),
    /// List rows by state, country, reseller, error code or text
    ///
    /// Without --state, all current rows are listed; replaced and discarded rows are left out. All conditions must be met.
    /// The table on the screen has the first 50 rows. Files and JSON have every row, with the columns of the view
    /// `customers` in the ledger.
    #[command(after_help = "Examples:
  tenantry list --state failed
  tenantry list --state failed --state rejected --country DE
  tenantry list --code 600051 -o refused.csv
  tenantry list --search contoso --json")]
    List(ListArgs),
    /// Rows as CSV or .xlsx, in your own columns, ready to be mended and imported again
    #[command(after_help = "Examples:
  tenantry export failed -o failed.csv
  tenantry export rejected -o rejected.xlsx")]
    Export(ExportArgs),
    /// Take refused rows and lost passwords out of the exit code
    ///
    /// Acknowledged rows keep their state and their history, and are counted separately. A row needs attention again
    /// when its state, its code or its content changes. Acknowledged rows are not exported and not retried, except with
    /// --acknowledged.
    #[command(after_help = "Examples:
  tenantry acknowledge --gone                           refused rows that their list no longer contains
  tenantry acknowledge --domain contoso.onmicrosoft.com
  tenantry acknowledge --code password_lost             customers whose password you have reset
  tenantry acknowledge --gone --undo")]
    Acknowledge(AcknowledgeArgs),
    /// Discard pending rows that are not to be sent; their list is not needed
    ///
    /// The rows are `declined` from then on. They have no effect on the exit code, and are new rows when their list brings
    /// them again.
    #[command(after_help = "Examples:
  tenantry discard --domain contoso.onmicrosoft.com
  tenantry discard --list customers.csv
  tenantry discard --all --yes")]
    Discard(DiscardArgs),
    /// One page with charts: outcomes, requests, latencies, refusals with what to do
    #[command(after_help = "Examples:
  tenantry report -o report.html
  tenantry report --format md --run 3")]
    Report(ReportArgs),
    /// Open the sealed one-time admin passwords as CSV
    #[command(after_help = "Examples:
  tenantry credentials -o passwords.csv
  tenantry credentials --unopened -o new-passwords.csv
  tenantry credentials --run 17 -o passwords-of-run-17.csv
  tenantry credentials --domain contoso.onmicrosoft.com --identity key.txt")]
    Credentials(CredentialsArgs),
    /// Erase personal data of old rows that need no more work
    ///
    /// Erases the cells, the customer, the problems, the service's texts and the person who accepted the agreement, of rows
    /// that are created, existing, superseded, declined or acknowledged. Row numbers, ids, domains, external ids, error
    /// codes and times stay, so that a list with these rows does not create them again. Backups, exports, reports and log
    /// files are not changed (`tenantry help privacy`).
    #[command(after_help = "Examples:
  tenantry forget --older-than 90d
  tenantry forget --older-than 90d --passwords
  tenantry forget --older-than 26w --yes                from a scheduler
  tenantry forget --older-than 90d --ledger copy.db     the same in a backup")]
    Forget(ForgetArgs),
    /// A consistent copy of the ledger, also while a run goes on
    #[command(after_help = "Examples:\n  tenantry backup copy.db")]
    Backup {
        /// The copy; it must not be there yet
        #[arg(value_name = "FILE")]
        copy: PathBuf,
        #[command(flatten)]
        ledger: LedgerPath,
    },
    /// Sign in as a user, on any device, and keep the sign-in (App+User)
    #[command(after_help = "Examples:
  tenantry login --tenant-id contoso.onmicrosoft.com --client-id 0f6e2c1a-…")]
    Login(ConnectionArgs),
    /// Forget the sign-in of `login`
    #[command(after_help = "Examples:
  tenantry logout --tenant-id contoso.onmicrosoft.com --client-id 0f6e2c1a-…")]
    Logout(ConnectionArgs),
    /// Who we are to Partner Center: tenant, kind of token, user, MFA
    #[command(after_help = "Examples:\n  tenantry whoami --profile contoso")]
    Whoami(WhoamiArgs),
    /// What Partner Center itself says about addresses in each country
    #[command(after_help = "Examples:\n  tenantry rules update customers.csv")]
    #[command(subcommand)]
    Rules(RulesCommand),
    /// The Partner Center simulator as a server of its own
    #[command(after_help = "Examples:
  tenantry simulator --listen 127.0.0.1:8787 --state simulator.json
  tenantry simulator --scenario faulty,seed=7")]
    Simulator(SimulatorArgs),
    /// Settings: what holds, and where it comes from
    #[command(after_help = "Examples:\n  tenantry config show --profile contoso")]
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Completions for a shell
    #[command(after_help = "Examples:
  tenantry completions bash > ~/.local/share/bash-completion/completions/tenantry
  tenantry completions powershell >> $PROFILE")]
    Completions {
        /// The shell
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// The help of a command, or of a topic: columns
    #[command(after_help = "Examples:
  tenantry help import
  tenantry help columns")]
    Help {
        /// A command such as `config show`, or a topic
        #[arg(value_name = "COMMAND or TOPIC")]
        words: Vec<String>,
    },
    /// Manual pages
    #[command(after_help = "Examples:
  tenantry man import | man -l -
  tenantry man -o /usr/local/share/man/man1")]
    Man(ManArgs),
}

/// Properties of a command that the program needs before running it.
#[derive(Debug, Default)]
pub(crate) struct Nature<'a> {
    /// The ledger, the connection and the options, if the command is a run.
    pub(crate) run: Option<&'a RunArgs>,
    /// The files that the command reads rows from.
    pub(crate) files: &'a [PathBuf],
    pub(crate) settings: Settings,
}

/// How a command treats the settings of `tenantry.toml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Settings {
    /// The command uses the settings, and reports where they come from.
    #[default]
    Used,
    /// The command shows the settings.
    Shown,
    /// The command does not read the settings, so it also works if the file cannot be used.
    Unread,
}

impl Command {
    /// The only place that defines these properties, for all commands.
    pub(crate) fn nature(&self) -> Nature<'_> {
        let nature = Nature::default();
        match self {
            Self::Import(args) => Nature { run: Some(&args.run), files: &args.files, ..nature },
            Self::Retry(args) => Nature { run: Some(&args.run), ..nature },
            Self::Resume(run) | Self::Reconcile(run) => Nature { run: Some(run), ..nature },
            Self::Check(args) => Nature { files: &args.files, ..nature },
            Self::Config(ConfigCommand::Show { .. }) => Nature { settings: Settings::Shown, ..nature },
            Self::Config(ConfigCommand::Trust { .. })
            | Self::Completions { .. }
            | Self::Help { .. }
            | Self::Man(_) => Nature { settings: Settings::Unread, ..nature },
            Self::Status(_)
            | Self::Doctor(_)
            | Self::Show(_)
            | Self::List(_)
            | Self::Template(_)
            | Self::Export(_)
            | Self::Acknowledge(_)
            | Self::Discard(_)
            | Self::Report(_)
            | Self::Credentials(_)
            | Self::Forget(_)
            | Self::Backup { .. }
            | Self::Login(_)
            | Self::Logout(_)
            | Self::Whoami(_)
            | Self::Rules(_)
            | Self::Simulator(_) => nature,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Every setting, its value and where it comes from; takes every setting as an option, too
    #[command(after_help = "Examples:
  tenantry config show
  tenantry config show --profile contoso --json
  TENANTRY_RATE=100/min tenantry config show --strict")]
    Show {
        /// One JSON object on standard output
        #[arg(long, help_heading = "Output")]
        json: bool,
    },
    /// Let the settings of a file count where it is found in the working folder, until it changes
    ///
    /// A tenantry.toml that is found in the working folder may set only what cannot harm. Check the file first: settings
    /// can run a command, seal passwords to another key, and send secrets to another address.
    #[command(after_help = "Examples:
  tenantry config trust
  tenantry config trust nightly/tenantry.toml")]
    Trust {
        /// The file [default: tenantry.toml in this folder]
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// The command whose page is wanted, such as `import` or `config show`
    pub(crate) command: Vec<String>,
    /// Write every page into this folder instead
    #[arg(short, long, value_name = "DIR", conflicts_with = "command", help_heading = "Output")]
    pub(crate) output: Option<PathBuf>,
    /// Replace pages that exist in that folder
    #[arg(long, requires = "output", help_heading = "Output")]
    pub(crate) force: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// CSV files or workbooks (.xlsx, .ods); `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) input: InputArgs,
    /// Take unchanged failed rows up again
    #[arg(long, env = "TENANTRY_RETRY_FAILED", value_parser = BoolishValueParser::new(), help_heading = "Input", add = Repeat::Never)]
    pub(crate) retry_failed: bool,
    #[command(flatten)]
    pub(crate) condition: Condition,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

#[derive(Debug, Args)]
pub(crate) struct RetryArgs {
    /// Rows that were refused with this code alone (repeat it)
    #[arg(long = "code", id = "codes", value_name = "CODE", add = Repeat::Never)]
    pub(crate) codes: Vec<String>,
    /// Rows of this domain alone, whole or by its prefix (repeat it)
    #[arg(long = "domain", id = "domains", value_name = "DOMAIN", add = Repeat::Never)]
    pub(crate) domains: Vec<String>,
    /// Rows that failed validation, too
    #[arg(long, add = Repeat::Never)]
    pub(crate) all: bool,
    /// Acknowledged rows, too
    #[arg(long, add = Repeat::Never)]
    pub(crate) acknowledged: bool,
    #[command(flatten)]
    pub(crate) input: InputArgs,
    /// What `retry` does anyway; the options of an import fit it too
    #[arg(long, hide = true, env = "TENANTRY_RETRY_FAILED", value_parser = BoolishValueParser::new(), add = Repeat::Never)]
    pub(crate) retry_failed: bool,
    #[command(flatten)]
    pub(crate) condition: Condition,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// CSV files or workbooks (.xlsx, .ods); `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) input: InputArgs,
    #[command(flatten)]
    pub(crate) rehearsal: Rehearsal,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
    /// Ask Partner Center too: about the address, the domain and the reseller of every row without an error
    #[arg(long, add = Repeat::Never)]
    pub(crate) online: bool,
    #[command(flatten)]
    pub(crate) pace: Pace,
    /// Rows that are asked about at once, at most
    #[arg(
        long,
        value_name = "N",
        default_value = "64",
        env = "TENANTRY_CONCURRENCY",
        help_heading = "Requests",
        add = Repeat::Never
    )]
    pub(crate) concurrency: NonZeroUsize,
    /// Write a copy of the list to this new file (.csv or .xlsx), with what is wrong beside each row, to be mended and
    /// imported as it is
    #[arg(short, long, value_name = "F", help_heading = "Output", add = Repeat::Never)]
    pub(crate) output: Option<PathBuf>,
    /// Write the suggestions that have one answer into the copy, and check the copy. In the domain, the e-mail address
    /// and the country, only letter case, blanks and exact names of countries are changed
    #[arg(long, requires = "output", help_heading = "Output", add = Repeat::Never)]
    pub(crate) fix: bool,
    /// Replace the file of -o if it exists; lists, ledgers, keys and settings are never replaced
    #[arg(long, requires = "output", help_heading = "Output", add = Repeat::Never)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) form: TableForm,
    /// Every problem in full, however many are alike
    #[arg(long, help_heading = "Output", add = Repeat::Never)]
    pub(crate) all: bool,
    /// Every problem as one JSON object on standard output
    #[arg(long, help_heading = "Output", add = Repeat::Never)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct WhoamiArgs {
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
    /// One JSON object on standard output
    #[arg(long, help_heading = "Output", add = Repeat::Never)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Also report what a run from a scheduler would refuse
    #[arg(long, add = Repeat::Never)]
    pub(crate) unattended: bool,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    pub(crate) ledger: LedgerPath,
    /// Rate at which the rest is expected to go
    #[arg(long, value_parser = parse::rate, default_value = DEFAULT_RATE, env = "TENANTRY_RATE", add = Repeat::Never)]
    pub(crate) rate: Rate,
    /// One JSON object on standard output
    #[arg(long, help_heading = "Output", add = Repeat::Never)]
    pub(crate) json: bool,
    // Last, because its help heading applies to all options after it.
    #[command(flatten)]
    pub(crate) sign_in: NextSignIn,
}

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// A domain or its prefix, a customer id, an external id, or a company name or a part of it
    #[arg(value_name = "WHAT", required_unless_present_any = ["line", "row"])]
    pub(crate) what: Option<String>,
    /// The row on this line of its file
    #[arg(long, value_name = "N", conflicts_with = "what", add = Repeat::Never)]
    pub(crate) line: Option<u64>,
    /// The file that --line refers to, if there are several
    #[arg(long, value_name = "FILE", requires = "line", add = Repeat::Never)]
    pub(crate) file: Option<String>,
    /// The row with this number: `tenantry_row` in exports, `row_id` in lists
    #[arg(long, value_name = "N", conflicts_with_all = ["what", "line"], add = Repeat::Never)]
    pub(crate) row: Option<i64>,
    #[command(flatten)]
    pub(crate) ledger: LedgerPath,
    /// Print JSON on standard output: an array with every matching row
    #[arg(long, help_heading = "Output", add = Repeat::Never)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Only rows in this state (repeat it for several states)
    #[arg(long = "state", id = "states", value_name = "STATE", value_parser = parse::row_state(), add = Repeat::Never)]
    pub(crate) states: Vec<State>,
    /// Only rows of this country, by its two letters
    #[arg(long, value_name = "XX", add = Repeat::Never)]
    pub(crate) country: Option<String>,
    /// Only rows of this indirect reseller, by its tenant id
    #[arg(long, value_name = "GUID", add = Repeat::Never)]
    pub(crate) reseller: Option<Uuid>,
    /// Only rows with this error code
    #[arg(long, value_name = "CODE", add = Repeat::Never)]
    pub(crate) code: Option<String>,
    /// Only rows with this text in the company name, the domain, the e-mail address or the external id
    #[arg(long, value_name = "TEXT", add = Repeat::Never)]
    pub(crate) search: Option<String>,
    #[command(flatten)]
    pub(crate) ledger: LedgerPath,
    /// Print JSON on standard output: an array of objects
    #[arg(long, conflicts_with = "output", help_heading = "Output", add = Repeat::Never)]
    pub(crate) json: bool,
    // Last, because their help headings apply to all options after them.
    #[command(flatten)]
    pub(crate) to: OutputFile,
    #[command(flatten)]
    pub(crate) form: TableForm,
}

/// The rows to export.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ExportKind(pub(crate) Filter);

impl ExportKind {
    pub(crate) const fn name(self) -> &'static str {
        match self.0 {
            Filter::State(state) | Filter::StateWithAcknowledged(state) => state.name(),
            Filter::UnrecordedAgreements | Filter::UnrecordedAgreementsWithAcknowledged => "agreements",
            Filter::All => "all",
        }
    }
}

impl ValueEnum for ExportKind {
    fn value_variants<'a>() -> &'a [Self] {
        static ALL: LazyLock<Vec<ExportKind>> = LazyLock::new(|| {
            let states = State::OF_ROWS.into_iter().filter(|it| it.is_settled() || it.needs_attention());
            let filters = states.map(Filter::State).chain([Filter::UnrecordedAgreements, Filter::All]);
            filters.map(ExportKind).collect()
        });
        &ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let value = PossibleValue::new(self.name());
        Some(match self.0 {
            Filter::State(_) | Filter::StateWithAcknowledged(_) => value,
            Filter::UnrecordedAgreements | Filter::UnrecordedAgreementsWithAcknowledged => {
                value.help("Created, but their customer agreement is not recorded")
            }
            Filter::All => value.help(
                "All current rows. Replaced and declined rows are left out (`tenantry show` finds them)",
            ),
        })
    }
}

#[derive(Debug, Args)]
pub(crate) struct TemplateArgs {
    /// What each column wants, with an example and the other names that it goes by
    #[arg(long, conflicts_with = "for_excel")]
    pub(crate) explain: bool,
    // Last, because their help headings apply to all options after them.
    #[command(flatten)]
    pub(crate) to: OutputFile,
    #[command(flatten)]
    pub(crate) form: TableForm,
}

#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// Which rows
    #[arg(value_enum)]
    pub(crate) what: ExportKind,
    /// Acknowledged rows, too
    #[arg(long, add = Repeat::Never)]
    pub(crate) acknowledged: bool,
    #[command(flatten)]
    pub(crate) ledger: LedgerPath,
    #[command(flatten)]
    pub(crate) to: OutputFile,
    #[command(flatten)]
    pub(crate) form: TableForm,
}

#[derive(Debug, Args)]
pub(crate) struct AcknowledgeArgs {
    #[command(flatten)]
    pub(crate) which: Acknowledgeable,
    /// Undo it: the rows count again
    #[arg(long, add = Repeat::Never)]
    pub(crate) undo: bool,
    #[command(flatten)]
    pub(crate) ledger: LedgerPath,
}

/// Which rows to acknowledge; all conditions have to be met.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub(crate) struct Acknowledgeable {
    /// Rows with this domain, in full or by its prefix (repeatable)
    #[arg(long = "domain", id = "domains", value_name = "DOMAIN", add = Repeat::Never)]
    pub(crate) domains: Vec<String>,
    /// Rows with this code; `password_lost` stands for customers whose password was lost (repeatable)
    #[arg(long = "code", id = "codes", value_name = "CODE", add = Repeat::Never)]
    pub(crate) codes: Vec<String>,
    /// Rows that the last complete reading of their list did not contain
    #[arg(long, add = Repeat::Never)]
    pub(crate) gone: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DiscardArgs {
    #[command(flatten)]
    pub(crate) which: Discardable,
    /// Discard the rows without asking
    #[arg(short, long = "yes", id = "discard_without_asking", add = Repeat::Never)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) ledger: LedgerPath,
}

/// Which rows to discard; all conditions have to be met.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub(crate) struct Discardable {
    /// Rows with this domain, in full or by its prefix (repeatable)
    #[arg(long = "domain", id = "domains", value_name = "DOMAIN", conflicts_with = "all_pending", add = Repeat::Never)]
    pub(crate) domains: Vec<String>,
    /// Rows of this list: its path as it was given, or its name (repeatable)
    #[arg(long = "list", id = "lists", value_name = "FILE", conflicts_with = "all_pending", add = Repeat::Never)]
    pub(crate) lists: Vec<String>,
    /// All pending rows
    #[arg(long = "all", id = "all_pending", add = Repeat::Never)]
    pub(crate) all: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum ReportFormat {
    /// One page that needs nothing else, with charts
    Html,
    /// Tables in Markdown
    Md,
    /// One JSON object
    Json,
}

#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    #[command(flatten)]
    pub(crate) ledger: LedgerPath,
    /// What it is written in
    #[arg(long, value_enum, default_value = "html", add = Repeat::Never)]
    pub(crate) format: ReportFormat,
    /// Of this run alone
    #[arg(long, value_name = "N", add = Repeat::Never)]
    pub(crate) run: Option<i64>,
    /// The limit that requests are held against
    #[arg(long, value_parser = parse::rate, default_value = DEFAULT_RATE, env = "TENANTRY_RATE", add = Repeat::Never)]
    pub(crate) rate: Rate,
    // Last, because their help headings apply to all options after them.
    #[command(flatten)]
    pub(crate) to: OutputFile,
    #[command(flatten)]
    pub(crate) sign_in: NextSignIn,
}

#[derive(Debug, Args)]
pub(crate) struct CredentialsArgs {
    #[command(flatten)]
    pub(crate) ledger: LedgerPath,
    #[command(flatten)]
    pub(crate) identity: IdentityFile,
    /// Only the password of this domain, in full or by its prefix
    #[arg(long, value_name = "DOMAIN")]
    pub(crate) domain: Option<String>,
    /// Only passwords that were never opened
    #[arg(long)]
    pub(crate) unopened: bool,
    /// Only passwords of customers that run N created (`tenantry status` lists the runs)
    #[arg(long, value_name = "N")]
    pub(crate) run: Option<i64>,
    #[command(flatten)]
    pub(crate) to: OutputFile,
    #[command(flatten)]
    pub(crate) form: TableForm,
}

#[derive(Debug, Args)]
pub(crate) struct ForgetArgs {
    /// Only rows that have not changed for this long, such as 90d or 12w
    #[arg(long, value_name = "AGE", value_parser = parse::age, add = Repeat::Never)]
    pub(crate) older_than: Duration,
    /// Also erase passwords that were opened before then, and not since; unopened passwords are never erased
    #[arg(long, add = Repeat::Never)]
    pub(crate) passwords: bool,
    /// Erase without a question
    #[arg(long, env = "TENANTRY_YES", value_parser = BoolishValueParser::new(), add = Repeat::Never)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) ledger: LedgerPath,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RulesCommand {
    /// Fetch the rules of the countries that CSV files name; `import` judges rows by them from then on
    #[command(after_help = "Examples:
  tenantry rules update customers.csv
  tenantry rules update --country PT --country US")]
    Update(RulesUpdate),
}

#[derive(Debug, Args)]
pub(crate) struct RulesUpdate {
    /// CSV files or workbooks (.xlsx, .ods); `-` is standard input
    #[arg(required_unless_present = "countries", value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// A country besides those of the files, by its two letters (repeat it)
    #[arg(long = "country", id = "countries", value_name = "XX", value_parser = parse::country)]
    pub(crate) countries: Vec<String>,
    #[command(flatten)]
    pub(crate) rehearsal: Rehearsal,
    #[command(flatten)]
    pub(crate) layout: LayoutArgs,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
    #[command(flatten)]
    pub(crate) pace: Pace,
}

#[derive(Debug, Args)]
pub(crate) struct SimulatorArgs {
    /// Address to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", value_parser = parse::listen, default_value = "127.0.0.1:8787")]
    pub(crate) listen: std::net::SocketAddr,
    /// Keep its state here, so that it survives a restart
    #[arg(long, value_name = "FILE")]
    pub(crate) state: Option<PathBuf>,
    /// What it rehearses, such as `smooth` or `faulty,seed=7`
    #[arg(long, default_value = "smooth")]
    pub(crate) scenario: Scenario,
}
