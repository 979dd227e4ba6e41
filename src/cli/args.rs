//! The command line, one type for each command. [`super::settings`] validates it.

mod options;
mod repeat;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Duration;

use clap::builder::PossibleValue;
use clap::{Args, Parser, Subcommand, ValueEnum};
use tenantry_simulator::{PublicUrl, Scenario};
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
// `bin_name`: without `.exe`, as in every other text.
#[command(name = "tenantry", bin_name = "tenantry", version = super::VERSION, max_term_width = 80)]
#[command(disable_help_subcommand = true)]
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
    /// Create the customers in a list (CSV, .xlsx or .ods)
    ///
    /// Reads the whole list, reports its problems, shows what it will create and for which partner, and asks. The same
    /// list again creates nothing twice.
    #[command(after_help = "Examples:
  tenantry import customers.csv                     show the plan, ask, create
  tenantry import --simulate customers.csv          rehearse without an account
  tenantry import --limit 1 customers.csv           create one customer first
  tenantry import --dry-run customers.xlsx          show the plan only
  tenantry import --yes --json customers.csv        in a scheduled job
  tenantry import --map \"Firma=company_name\" a.csv  use a column by another name")]
    Import(ImportArgs),
    /// List every problem in a list; sends nothing and writes nothing
    #[command(after_help = "Examples:
  tenantry check customers.csv
  tenantry check --online customers.csv             also ask Partner Center
  tenantry check -o problems.xlsx customers.csv     write a copy to correct
  tenantry check --fix -o fixed.csv customers.csv   apply suggestions
  tenantry check --json customers.csv > problems.json")]
    Check(CheckArgs),
    /// Resume an interrupted run; the list itself is not needed
    #[command(after_help = "Examples:
  tenantry resume
  tenantry resume --wait-lock 10m --json            wait for another run first")]
    Resume(RunArgs),
    /// Try refused rows again; their list is not needed
    ///
    /// Validates the rows again, by today's rules and the options given here, and then continues like `resume`. If --code
    /// and --domain match no row, nothing is sent. Rows whose domain was burned by a refusal are skipped unless --domain
    /// names them: they need another domain (`tenantry export failed`).
    #[command(after_help = "Examples:
  tenantry retry --code 600051                      rows refused for this reason
  tenantry retry --all --yes                        rejected rows too")]
    Retry(RetryArgs),
    /// Find out what became of unresolved rows; creates nothing
    ///
    /// Run `resume` first: it repeats requests in flight under their id, which can still bring the password of a customer
    /// whose answer was lost. `reconcile` only asks and brings no password.
    #[command(after_help = "Examples:
  tenantry resume                                   first
  tenantry reconcile")]
    Reconcile(RunArgs),
    /// Count rows by state, and say what to do about errors
    #[command(after_help = "Examples:
  tenantry status
  tenantry status --json --ledger contoso.db")]
    Status(StatusArgs),
    /// Show everything about a row, ready for a support ticket
    ///
    /// WHAT is looked up as a domain, then as a customer id, then as an external id or a company name, then as a part of a
    /// company name. If several customers match, they are listed with the command that shows each.
    #[command(after_help = "Examples:
  tenantry show contoso.onmicrosoft.com
  tenantry show CRM-10401
  tenantry show Contoso
  tenantry show --line 17")]
    Show(ShowArgs),
    /// Check sign-in, connection, ledger and keys before an import
    ///
    /// Takes the options and settings of `import`, and checks what a run with them would do. Creates nothing. The exit code
    /// is that of the first error: 4 sign-in or rights, 5 no connection, 2 configuration, 1 anything else; 0 if there is
    /// no error.
    #[command(after_help = "Examples:
  tenantry doctor --profile contoso
  tenantry doctor --unattended --profile contoso    for a scheduled job")]
    Doctor(DoctorArgs),
    /// Write an empty list, or explain its columns
    #[command(after_help = "Examples:
  tenantry template -o customers.xlsx          with choices; all cells are text
  tenantry template --for-excel -o customers.csv
  tenantry template --explain")]
    Template(TemplateArgs),
    /// List rows by state, country, reseller, error code or text
    ///
    /// Without --state, all current rows are listed; replaced and declined rows are left out. All conditions must be met.
    /// The table on the screen has the first 50 rows. Files and JSON have every row, with the columns of the view
    /// `customers` in the ledger.
    #[command(after_help = "Examples:
  tenantry list --state failed
  tenantry list --state failed --state rejected --country DE
  tenantry list --code 600051 -o refused.csv
  tenantry list --search contoso --json")]
    List(ListArgs),
    /// Export rows in your own columns, to correct and import
    #[command(after_help = "Examples:
  tenantry export failed -o failed.csv
  tenantry export rejected -o rejected.xlsx")]
    Export(ExportArgs),
    /// Let the exit code ignore refused rows and lost passwords
    ///
    /// Acknowledged rows keep their state and their history, and are counted
    /// separately. A row needs attention again when its state, its code or its content changes. Acknowledged rows are not
    /// exported and not retried, except with --acknowledged, and `reconcile` leaves them alone.
    #[command(after_help = "Examples:
  tenantry acknowledge --gone                 rows that left their list
  tenantry acknowledge --domain contoso.onmicrosoft.com
  tenantry acknowledge --code password_lost   passwords that you have reset
  tenantry acknowledge --gone --undo")]
    Acknowledge(AcknowledgeArgs),
    /// Discard pending rows that you do not want to send
    ///
    /// Their list is not needed. The rows are `declined` from then on, and have no effect on the exit code. If their list
    /// is imported again, they are sent after all. Rows that were refused before a retry are refused again: `tenantry
    /// retry` tries them once more.
    #[command(after_help = "Examples:
  tenantry discard --domain contoso.onmicrosoft.com
  tenantry discard --list customers.csv
  tenantry discard --all --yes")]
    Discard(DiscardArgs),
    /// Write a page with charts about the ledger or a run
    #[command(after_help = "Examples:
  tenantry report -o report.html
  tenantry report --format md --run 3")]
    Report(ReportArgs),
    /// Open the sealed one-time admin passwords
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
  tenantry forget --older-than 26w --yes                in a scheduled job
  tenantry forget --older-than 90d --ledger copy.db     the same in a backup")]
    Forget(ForgetArgs),
    /// Copy the ledger, also during a run
    #[command(after_help = "Examples:\n  tenantry backup copy.db")]
    Backup {
        /// The new file
        #[arg(value_name = "FILE")]
        copy: PathBuf,
        #[command(flatten)]
        ledger: LedgerPath,
    },
    /// Sign in as a user, and keep the sign-in
    #[command(after_help = "Examples:
  tenantry login --tenant-id contoso.onmicrosoft.com --client-id 0f6e2c1a-…")]
    Login(ConnectionArgs),
    /// Delete the sign-in on this machine
    #[command(after_help = "Examples:
  tenantry logout --tenant-id contoso.onmicrosoft.com --client-id 0f6e2c1a-…")]
    Logout(ConnectionArgs),
    /// Show who is signed in: tenant, user, MFA
    #[command(after_help = "Examples:\n  tenantry whoami --profile contoso")]
    Whoami(WhoamiArgs),
    /// Fetch the address rules of countries
    #[command(after_help = "Examples:\n  tenantry rules update customers.csv")]
    #[command(subcommand)]
    Rules(RulesCommand),
    /// Run the Partner Center simulator as a server
    #[command(after_help = "Examples:
  tenantry simulator --listen 127.0.0.1:8787 --state simulator.json
  tenantry simulator --scenario \"faulty,seed=7\"")]
    Simulator(SimulatorArgs),
    /// Show settings, or trust a file of settings
    #[command(after_help = "Examples:\n  tenantry config show --profile contoso")]
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print completions for a shell
    #[command(after_help = "Examples:
  tenantry completions bash >> ~/.bash_completion
  tenantry completions powershell >> $PROFILE")]
    Completions {
        /// The shell
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// Show the help of a command or a topic
    #[command(after_help = "Examples:
  tenantry help import
  tenantry help excel")]
    Help {
        /// A command such as `config show`, or a topic
        #[arg(value_name = "COMMAND or TOPIC")]
        words: Vec<String>,
    },
    /// Print or write manual pages
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
    /// The command uses the settings. If the file cannot be used, it reports that among other things, and goes on.
    Examined,
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
            Self::Doctor(_) => Nature { settings: Settings::Examined, ..nature },
            Self::Config(ConfigCommand::Show { .. }) => Nature { settings: Settings::Shown, ..nature },
            Self::Config(ConfigCommand::Trust { .. })
            | Self::Completions { .. }
            | Self::Help { .. }
            | Self::Man(_) => Nature { settings: Settings::Unread, ..nature },
            Self::Status(_)
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

#[cfg(windows)]
impl Command {
    /// The lists that the command reads.
    pub(crate) fn files_mut(&mut self) -> Option<&mut Vec<PathBuf>> {
        match self {
            Self::Import(args) => Some(&mut args.files),
            Self::Check(args) => Some(&mut args.files),
            Self::Rules(RulesCommand::Update(update)) => Some(&mut update.files),
            _ => None,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Show every setting, its value and where it comes from
    ///
    /// Takes every setting as an option, too.
    #[command(after_help = "Examples:
  tenantry config show
  tenantry config show --profile contoso --json
  tenantry config show --rate 100/min --strict")]
    Show {
        /// Print one JSON object
        #[arg(long, help_heading = "Output")]
        json: bool,
    },
    /// Trust a file of settings in the working folder until it changes
    ///
    /// A tenantry.toml that is found in the working folder may set only what can do no harm. Check the file first:
    /// settings can run a command, seal passwords to another key, and send secrets to another address.
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
    /// The command, such as `import` or `config show`
    pub(crate) command: Vec<String>,
    /// Write all pages into this folder
    #[arg(short, long, value_name = "DIR", conflicts_with = "command", help_heading = "Output")]
    pub(crate) output: Option<PathBuf>,
    /// Replace existing pages in that folder
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
    /// Try failed rows again that have not changed
    #[arg(long, env = "TENANTRY_RETRY_FAILED", value_parser = parse::switch, help_heading = "Input", add = Repeat::Never)]
    pub(crate) retry_failed: bool,
    #[command(flatten)]
    pub(crate) condition: Condition,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

#[derive(Debug, Args)]
pub(crate) struct RetryArgs {
    /// Only rows that were refused with this code (repeat it)
    #[arg(long = "code", id = "codes", value_name = "CODE", add = Repeat::Never)]
    pub(crate) codes: Vec<String>,
    /// Only the row of this domain or domain prefix (repeat it)
    #[arg(long = "domain", id = "domains", value_name = "DOMAIN", add = Repeat::Never)]
    pub(crate) domains: Vec<String>,
    /// Rejected rows too
    #[arg(long, add = Repeat::Never)]
    pub(crate) all: bool,
    /// Acknowledged rows too
    #[arg(long, add = Repeat::Never)]
    pub(crate) acknowledged: bool,
    #[command(flatten)]
    pub(crate) input: InputArgs,
    /// `retry` always does this; accepted because settings for `import` apply here too
    #[arg(long, hide = true, env = "TENANTRY_RETRY_FAILED", value_parser = parse::switch, add = Repeat::Never)]
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
    /// Also ask Partner Center about the address, domain and reseller of each good row
    #[arg(long, add = Repeat::Never)]
    pub(crate) online: bool,
    #[command(flatten)]
    pub(crate) pace: Pace,
    /// The most rows to ask about at once
    #[arg(
        long,
        value_name = "N",
        default_value = "64",
        value_parser = parse::from_one::<NonZeroUsize>,
        env = "TENANTRY_CONCURRENCY",
        help_heading = "Requests",
        add = Repeat::Never
    )]
    pub(crate) concurrency: NonZeroUsize,
    /// Write a copy of the list (.csv or .xlsx) with the problems beside each row
    #[arg(short, long, value_name = "F", help_heading = "Output", add = Repeat::Never)]
    pub(crate) output: Option<PathBuf>,
    /// Apply the suggestions that have only one answer, and check the copy
    ///
    /// In the domain, the e-mail address and the country, only letter case, spaces and exact names of countries are
    /// changed. The column `tenantry_fixed` lists the changed cells.
    #[arg(long, requires = "output", help_heading = "Output", add = Repeat::Never)]
    pub(crate) fix: bool,
    /// Replace the file of -o if it exists; never a list that is read, a ledger, keys or settings
    #[arg(long, requires = "output", help_heading = "Output", add = Repeat::Never)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) form: TableForm,
    /// List every problem, even if many are alike
    #[arg(long, help_heading = "Output", add = Repeat::Never)]
    pub(crate) all: bool,
    /// Print all problems as one JSON object
    #[arg(long, help_heading = "Output", add = Repeat::Never)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct WhoamiArgs {
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
    /// Print one JSON object
    #[arg(long, help_heading = "Output", add = Repeat::Never)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Also check what a scheduled job would refuse
    #[arg(long, add = Repeat::Never)]
    pub(crate) unattended: bool,
    // All options of an import, so that those of a scheduled job can be pasted here. These two change nothing.
    #[arg(long, hide = true, env = "TENANTRY_RETRY_FAILED", value_parser = parse::switch, add = Repeat::Never)]
    pub(crate) retry_failed: bool,
    #[command(flatten)]
    pub(crate) condition: Condition,
    #[command(flatten)]
    pub(crate) input: InputArgs,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    pub(crate) ledger: LedgerPath,
    /// The rate for estimating how long the rest takes
    #[arg(long, value_parser = parse::rate, default_value = DEFAULT_RATE, env = "TENANTRY_RATE", add = Repeat::Never)]
    pub(crate) rate: Rate,
    /// Print one JSON object
    #[arg(long, help_heading = "Output", add = Repeat::Never)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) of_runs: OfRuns,
    // Last, because its help heading applies to all options after it.
    #[command(flatten)]
    pub(crate) sign_in: NextSignIn,
}

/// Settings of runs that `status` depends on, too.
#[derive(Debug, Args)]
pub(crate) struct OfRuns {
    /// Private key for passwords
    #[arg(long, value_name = "F", hide = true, env = "TENANTRY_IDENTITY", add = Repeat::Never)]
    pub(crate) identity: Option<PathBuf>,
    /// Public key for passwords
    #[arg(long, value_name = "AGE-KEY", hide = true, env = "TENANTRY_RECIPIENT", add = Repeat::Never)]
    pub(crate) recipient: Option<String>,
    /// How long a new customer may be invisible
    #[arg(long, value_name = "TIME", hide = true, value_parser = parse::duration, env = "TENANTRY_SETTLE_DELAY", add = Repeat::Never)]
    pub(crate) settle_delay: Option<Duration>,
}

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// A domain or its prefix, a customer id, an external id or a company name
    #[arg(value_name = "WHAT", required_unless_present_any = ["line", "row"])]
    pub(crate) what: Option<String>,
    /// The row on this line of its list
    #[arg(long, value_name = "N", value_parser = parse::from_one::<u64>, conflicts_with = "what", add = Repeat::Never)]
    pub(crate) line: Option<u64>,
    /// The list for --line, if there are several
    #[arg(long, value_name = "FILE", requires = "line", add = Repeat::Never)]
    pub(crate) file: Option<String>,
    /// The row with this number: `tenantry_row` in exports, `row_id` in lists
    #[arg(long, value_name = "N", value_parser = parse::from_one::<i64>, conflicts_with_all = ["what", "line"], add = Repeat::Never)]
    pub(crate) row: Option<i64>,
    #[command(flatten)]
    pub(crate) ledger: LedgerPath,
    /// Print JSON: an array with the matching rows, 100 at most
    #[arg(long, help_heading = "Output", add = Repeat::Never)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Only rows in this state (repeat it for several states)
    #[arg(long = "state", id = "states", value_name = "STATE", value_parser = parse::row_state(), add = Repeat::Never)]
    pub(crate) states: Vec<State>,
    /// Only rows of this country, such as DE
    #[arg(long, value_name = "XX")]
    pub(crate) country: Option<String>,
    /// Only rows of this indirect reseller, by its tenant id
    #[arg(long, value_name = "GUID", value_parser = parse::tenant_id)]
    pub(crate) reseller: Option<Uuid>,
    /// Only rows with this error code
    #[arg(long, value_name = "CODE")]
    pub(crate) code: Option<String>,
    /// Only rows with this text in company, domain, e-mail address or external id
    #[arg(long, value_name = "TEXT")]
    pub(crate) search: Option<String>,
    #[command(flatten)]
    pub(crate) ledger: LedgerPath,
    /// Print JSON: an array of objects
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
                value.help("Customers whose agreement is not recorded yet")
            }
            Filter::All => value.help("All current rows. Replaced and declined rows are left out"),
        })
    }
}

#[derive(Debug, Args)]
pub(crate) struct TemplateArgs {
    /// Explain each column, with an example and its other names
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
    /// Acknowledged rows too
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
    /// One self-contained page with charts
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
    /// The format
    #[arg(long, value_enum, default_value = "html", add = Repeat::Never)]
    pub(crate) format: ReportFormat,
    /// Report only this run
    #[arg(long, value_name = "N", value_parser = parse::from_one::<i64>, add = Repeat::Never)]
    pub(crate) run: Option<i64>,
    /// The limit to show in the chart of requests
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
    #[arg(long, value_name = "N", value_parser = parse::from_one::<i64>)]
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
    /// Erase without a question; not possible in settings or the environment
    #[arg(long, add = Repeat::Never)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) ledger: LedgerPath,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RulesCommand {
    /// Fetch the rules of the countries in a list; `check` and `import` then use them
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
    /// A further country, such as PT (repeat it)
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
    /// The address to listen on; port 0 means any free port
    #[arg(long, value_name = "ADDRESS", value_parser = parse::listen, default_value = "127.0.0.1:8787")]
    pub(crate) listen: std::net::SocketAddr,
    /// The URL that clients use, if a proxy such as a TLS proxy is in front of the simulator
    ///
    /// Sign-in libraries such as MSAL accept only https. The simulator itself has no TLS.
    #[arg(long, value_name = "URL")]
    pub(crate) public_url: Option<PublicUrl>,
    /// Keep the state in this file, so that it survives a restart
    #[arg(long, value_name = "FILE")]
    pub(crate) state: Option<PathBuf>,
    /// The scenario, such as `faulty,seed=7` (`tenantry help rehearse`)
    #[arg(long, default_value = "smooth")]
    pub(crate) scenario: Scenario,
}
