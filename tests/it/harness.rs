//! The tools of these tests: a temporary folder with a ledger and an identity of its own, a simulator inside the
//! test, the program as a command, and [`Bench::agree`], which compares what the service did with what the ledger says.
//!
//! Nothing here sleeps for a fixed time to reach a state: [`eventually`] polls with a deadline.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};
use serde_json::Value;
use tempfile::TempDir;
use tenantry_oracle::promises::{self, Refused};
use tenantry_oracle::{Attempt, Broken, Journal, Row};
use tenantry_simulator::{
    Config, Creation, Fault, Operation, RequestRecord, Scenario, ScriptedFault, Simulator,
};
use tokio::runtime::Runtime;

/// Far beyond what any command here takes; a test that waits so long has hung. Wine needs seconds to start a program.
const DEADLINE: Duration = Duration::from_secs(if cfg!(windows) { 300 } else { 90 });

/// So many times shorter than they are are the waits before repeats and the settle delay, but for those that the service
/// asks for. Release builds know nothing of it, nor does a run at another address than one of this machine.
pub(crate) const SHORTER_WAITS: u32 = 4;

/// Between two looks at what is waited for.
const PATIENCE: Duration = Duration::from_millis(5);

/// What the environment of the tests may hold that would change what the program does.
const PROXIES: [&str; 8] = [
    "HTTP_PROXY",
    "http_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "ALL_PROXY",
    "all_proxy",
    "NO_PROXY",
    "no_proxy",
];

/// The token of every command that is not told otherwise. It is no JWT, so the ledger is bound to no tenant.
pub(crate) const ACCESS_TOKEN: &str = "opaque-access-token-of-the-tests";

/// What signs in as an app, in the words of the environment.
pub(crate) const CLIENT_SECRET: &str = "client-secret-of-the-tests";
pub(crate) const CLIENT_ID: &str = "0f6e2c1a-0000-4000-8000-00000000c11e";
pub(crate) const TENANT: &str = "5b7a8c1e-6f2d-4a35-9d0b-3c1f0e9a7d42";

/// Every signal that ends a run, and the exit code that it leads to.
#[cfg(unix)]
pub(crate) const SIGNALS: &[(&str, i32)] = &[("INT", 130), ("TERM", 143)];

/// Ctrl-C, Ctrl-Break, a console that is closed, and the end of the session or of Windows.
#[cfg(windows)]
pub(crate) const SIGNALS: &[(&str, i32)] =
    &[("INT", 130), ("BREAK", 130), ("TERM", 143), ("LOGOFF", 143), ("SHUTDOWN", 143)];

/// No window is closed twice: Windows brings no event after one that ends the session.
pub(crate) fn signals_that_come_twice() -> impl Iterator<Item = &'static (&'static str, i32)> + Send {
    SIGNALS.iter().filter(|(_, code)| cfg!(unix) || *code == 130)
}

/// The sample files of the repository.
pub(crate) fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("samples").join(name)
}

/// A folder with a ledger and an identity, and the service that they belong to.
pub(crate) struct Bench {
    folder: TempDir,
    api_url: String,
    outputs: AtomicUsize,
    /// The service gives the password again where it answers a repeat.
    replays_passwords: bool,
    // Stopped when it is dropped, which needs the runtime, so it stands before it.
    simulator: Option<Simulator>,
    runtime: Runtime,
}

impl Bench {
    /// With a quiet service: no latency, no limit, no faults.
    pub(crate) fn new() -> Self {
        Self::with(Scenario::default())
    }

    pub(crate) fn with(scenario: Scenario) -> Self {
        // One thread is enough for the simulator, and leaves the cores to the programs under test.
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let replays_passwords = scenario.replay_password;
        // Tests stand between the program and the service, under names of their own.
        let config = Config { scenario, any_host: true, ..Config::default() };
        let simulator = runtime.block_on(Simulator::start(config)).unwrap();
        Self {
            folder: folder(),
            api_url: simulator.url(),
            outputs: AtomicUsize::new(0),
            replays_passwords,
            simulator: Some(simulator),
            runtime,
        }
    }

    /// With its folder on a disk, for tests of what only a disk does.
    pub(crate) fn on_disk(self) -> Self {
        Self { folder: TempDir::new().unwrap(), ..self }
    }

    /// Without a simulator: `api_url` is somebody else, or nobody.
    pub(crate) fn at(api_url: &str) -> Self {
        let bench = Self::new();
        Self { api_url: api_url.to_owned(), simulator: None, ..bench }
    }

    pub(crate) fn simulator(&self) -> &Simulator {
        self.simulator.as_ref().expect("this bench was made with a simulator")
    }

    /// Waits until a create stands still at the hold that was armed.
    pub(crate) fn wait_until_held(&self) {
        let held = async { tokio::time::timeout(DEADLINE, self.simulator().wait_until_held()).await };
        self.runtime.block_on(held).expect("no create came to the hold");
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn ledger_path(&self) -> PathBuf {
        self.path("ledger.db")
    }

    /// There is one, with something in it.
    pub(crate) fn has_ledger(&self) -> bool {
        fs::metadata(self.ledger_path()).is_ok_and(|file| file.len() > 0)
    }

    pub(crate) fn ledger(&self) -> Ledger {
        Ledger::open(&self.ledger_path())
    }

    /// Writes a file into the folder and returns its name there.
    pub(crate) fn file<'a>(&self, name: &'a str, content: impl AsRef<[u8]>) -> &'a str {
        fs::write(self.path(name), content).unwrap();
        name
    }

    /// `tenantry ARGS…` in the folder, with everything that a test needs set by the environment, so that a flag
    /// overrides it.
    pub(crate) fn tenantry<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Call<'_> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tenantry"));
        let ours = std::env::vars_os().map(|(name, _)| name);
        for name in ours.filter(|name| name.to_string_lossy().starts_with("TENANTRY_")) {
            command.env_remove(name);
        }
        for name in PROXIES {
            command.env_remove(name);
        }
        command
            .current_dir(self.folder.path())
            .args(args)
            // Nothing outside the folder is read or made, whatever a test leaves out.
            .env("HOME", self.folder.path())
            .env_remove("SUDO_USER")
            .env("TENANTRY_CONFIG_DIR", self.path("config/tenantry"))
            .env("TENANTRY_CACHE_DIR", self.path("cache/tenantry"))
            .env("TENANTRY_LEDGER", self.ledger_path())
            .env("TENANTRY_IDENTITY", self.path("identity.txt"))
            .env("TENANTRY_API_URL", &self.api_url)
            .env("TENANTRY_AUTHORITY_URL", &self.api_url)
            .env("TENANTRY_ACCESS_TOKEN", ACCESS_TOKEN)
            .env("TENANTRY_KEY_STORE", "file")
            .env("TENANTRY_RATE", "unlimited")
            .env("TENANTRY_SETTLE_DELAY", "1s")
            .env("TENANTRY_SHORTER_WAITS", SHORTER_WAITS.to_string())
            .env("TENANTRY_YES", "true")
            // Of a program that dies on purpose nobody wants one, and making it takes time.
            .env_remove("RUST_BACKTRACE")
            .stdin(Stdio::null());
        Call { command, bench: self, stdin: None }
    }

    /// A line that was printed, pasted into the shell of this system: `sh`, or `cmd` on Windows.
    pub(crate) fn pasted(&self, line: &str) -> Call<'_> {
        let program = std::path::absolute(env!("CARGO_BIN_EXE_tenantry")).unwrap();
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders =
            std::iter::once(program.parent().unwrap().to_owned()).chain(std::env::split_paths(&path));
        let call = self.tenantry([""; 0]).env("PATH", std::env::join_paths(folders).unwrap());
        call.started_as(in_shell(line))
    }

    /// Lets the settings of a `tenantry.toml` count where it is found, which is in the folder.
    pub(crate) fn trusts(&self, settings: impl AsRef<[u8]>) {
        self.file("tenantry.toml", settings);
        self.tenantry(["config", "trust"]).exits(0);
    }

    /// `tenantry import FILE`.
    pub(crate) fn import(&self, file: &str) -> Call<'_> {
        self.tenantry(["import", file])
    }

    pub(crate) fn resume(&self) -> Call<'_> {
        self.tenantry(["resume"])
    }

    /// Every create that took effect.
    pub(crate) fn creations(&self) -> Vec<Creation> {
        self.simulator().creations()
    }

    /// The requests of one kind about one domain, oldest first.
    pub(crate) fn requests(&self, operation: Operation, domain: &str) -> Vec<RequestRecord> {
        let about = |it: &RequestRecord| {
            it.call.operation == operation && it.call.domain.as_deref().is_some_and(|it| it == full(domain))
        };
        self.simulator().requests().into_iter().filter(about).collect()
    }

    /// How many requests of one kind there were.
    pub(crate) fn count(&self, operation: Operation) -> usize {
        self.simulator().requests().iter().filter(|it| it.call.operation == operation).count()
    }

    /// Scripts a fault for the next `count` requests of a kind about a domain.
    pub(crate) fn fault(&self, operation: Operation, domain: &str, fault: Fault, count: u32) {
        self.simulator().script(ScriptedFault::next(operation, fault).for_domain(&full(domain)).times(count));
    }

    /// The journal and the ledger agree, and nothing is left open.
    pub(crate) fn agree(&self) {
        self.agree_but_for_old_ids();
        if self.replays_passwords {
            kept(promises::passwords_were_asked_for(&self.ledger().whole()));
        }
    }

    /// The same, where request ids were too old for one more send to ask for a password.
    pub(crate) fn agree_but_for_old_ids(&self) {
        self.agree_so_far();
        kept(promises::all_is_settled(&self.ledger().whole()));
    }

    /// They agree as far as things have come.
    pub(crate) fn agree_so_far(&self) {
        let ledger = self.ledger().whole();
        let journal = Journal {
            creations: self.simulator().creations(),
            acceptances: self.simulator().acceptances(),
            replays_passwords: self.replays_passwords,
            ..Journal::default()
        };
        kept(promises::agree(&ledger, &journal, &Refused::default(), true));
        status_is_right(self);
        let opened = self.tenantry(["credentials"]).exits(0);
        kept(promises::passwords_are_those_answered(&ledger, &journal, opened.stdout.as_bytes()));
    }

    /// The whole ledger as it is now; `None` if it does not exist yet, or has the schema of an older version.
    pub(crate) fn ledger_if_readable(&self) -> Option<tenantry_oracle::Ledger> {
        let opened = Connection::open_with_flags(self.ledger_path(), OpenFlags::SQLITE_OPEN_READ_ONLY);
        tenantry_oracle::Ledger::read(&opened.ok()?).ok()?
    }

    fn new_output(&self) -> PathBuf {
        self.path(&format!(".output-{}", self.outputs.fetch_add(1, Ordering::Relaxed)))
    }
}

/// A new folder in a memory file system with room for a gibibyte, where the machine has one and `TMPDIR` names no other
/// place. The tests commit some ten thousand times, and on a disk they would wait for each.
fn folder() -> TempDir {
    #[cfg(target_os = "linux")]
    {
        const MEMORY: &str = "/dev/shm";
        const ROOM: u64 = 1 << 30;
        let has_room = || rustix::fs::statvfs(MEMORY).is_ok_and(|it| it.f_bavail * it.f_frsize >= ROOM);
        if std::env::var_os("TMPDIR").is_none()
            && has_room()
            && let Ok(folder) = TempDir::new_in(MEMORY)
        {
            return folder;
        }
    }
    TempDir::new().unwrap()
}

/// The whole domain of a prefix.
pub(crate) fn full(domain: &str) -> String {
    if domain.contains('.') { domain.to_owned() } else { format!("{domain}.onmicrosoft.com") }
}

/// A command that has not been started.
pub(crate) struct Call<'a> {
    command: Command,
    bench: &'a Bench,
    stdin: Option<Vec<u8>>,
}

#[cfg(unix)]
fn in_shell(line: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", line]);
    command
}

#[cfg(windows)]
fn in_shell(line: &str) -> Command {
    let mut command = Command::new("cmd");
    // Other programs take their arguments apart in another way than `cmd`.
    std::os::windows::process::CommandExt::raw_arg(command.args(["/D", "/C"]), line);
    command
}

impl Call<'_> {
    pub(crate) fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.command.args(args);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    /// Signs in as an app instead of with a token.
    pub(crate) fn with_app(self) -> Self {
        self.without("TENANTRY_ACCESS_TOKEN")
            .env("TENANTRY_TENANT_ID", TENANT)
            .env("TENANTRY_CLIENT_ID", CLIENT_ID)
            .env("TENANTRY_CLIENT_SECRET", CLIENT_SECRET)
    }

    /// Signs in as a user.
    pub(crate) fn with_user(self) -> Self {
        self.with_app()
            .without("TENANTRY_CLIENT_SECRET")
            .env("TENANTRY_REFRESH_TOKEN", "refresh-token-of-the-tests")
    }

    /// In a folder below that of the bench.
    pub(crate) fn in_folder(mut self, folder: &str) -> Self {
        self.command.current_dir(self.bench.path(folder));
        self
    }

    /// Without anybody's consent: it asks where it can.
    pub(crate) fn asking(self) -> Self {
        self.without("TENANTRY_YES")
    }

    /// Without anybody's consent, and where nobody can be asked: without a terminal, or in the background of the one that
    /// the tests were started from.
    pub(crate) fn unattended(mut self) -> Self {
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut self.command, 0);
        #[cfg(windows)]
        {
            const DETACHED_PROCESS: u32 = 0x8;
            std::os::windows::process::CommandExt::creation_flags(&mut self.command, DETACHED_PROCESS);
        }
        self.asking()
    }

    /// As somebody whom file modes keep out, which they do not do with root.
    #[cfg(unix)]
    pub(crate) fn unprivileged(mut self) -> Self {
        use std::os::unix::fs::chown;
        use std::os::unix::process::CommandExt;
        const NOBODY: u32 = 65534;
        if rustix::process::geteuid().is_root() {
            chown(self.bench.path(""), Some(NOBODY), Some(NOBODY)).unwrap();
            for entry in fs::read_dir(self.bench.path("")).unwrap() {
                chown(entry.unwrap().path(), Some(NOBODY), Some(NOBODY)).unwrap();
            }
            self.command.uid(NOBODY).gid(NOBODY);
        }
        self
    }

    /// Started by `program` with the arguments `before`, then this program's own name and arguments.
    #[cfg(unix)]
    fn through(self, program: &str, before: &[&OsStr]) -> Self {
        let mut command = Command::new(program);
        command.args(before).arg(self.command.get_program()).args(self.command.get_args());
        self.started_as(command)
    }

    /// Started as `command`, in the same folder and environment.
    fn started_as(mut self, mut command: Command) -> Self {
        for (name, value) in self.command.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command.current_dir(self.bench.path("")).stdin(Stdio::null());
        self.command = command;
        self
    }

    /// Started by a shell, by a script in which `"$0" "$@"` is the command.
    #[cfg(unix)]
    pub(crate) fn in_shell(self, script: &str) -> Self {
        self.through("sh", &["-c".as_ref(), script.as_ref()])
    }

    /// No file that it writes may grow beyond so many blocks of 512 bytes; what would fails, as on a full disk.
    #[cfg(unix)]
    pub(crate) fn with_largest_file(self, blocks: u32) -> Self {
        let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
        self.through("sh", &["-c".as_ref(), script.as_ref()])
    }

    /// What it makes without saying otherwise is open to all that `umask` leaves.
    #[cfg(unix)]
    pub(crate) fn with_umask(self, umask: &str) -> Self {
        let script = format!("umask {umask}; exec \"$0\" \"$@\"");
        self.through("sh", &["-c".as_ref(), script.as_ref()])
    }

    /// With what `ulimit` limits by these arguments.
    #[cfg(unix)]
    pub(crate) fn with_limit(self, arguments: &str) -> Self {
        let script = format!("ulimit {arguments}; exec \"$0\" \"$@\"");
        self.through("sh", &["-c".as_ref(), script.as_ref()])
    }

    /// Where the file `what` is mounted over the file `place`, for this command alone.
    #[cfg(target_os = "linux")]
    pub(crate) fn with_mounted(self, what: &str, place: &str) -> Self {
        let script = format!(
            "unshare --user --map-root-user --mount sh -c \
             'mount --bind {what} {place} || {{ echo cannot mount here >&2; exit 1; }}; exec \"$0\" \"$@\"' \"$0\" \"$@\" \
             || {{ code=$?; test $code -ne 1 || echo cannot mount here >&2; exit $code; }}"
        );
        self.through("sh", &["-c".as_ref(), script.as_ref()])
    }

    /// With every sync of a file written to `file`.
    #[cfg(target_os = "linux")]
    pub(crate) fn traced(self, file: &str) -> Self {
        let args = ["-f", "-e", "trace=fsync,fdatasync", "-o", file];
        self.through("strace", &args.map(OsStr::new))
    }

    pub(crate) fn stdin(mut self, content: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(content.into());
        self
    }

    /// With a standard input that says nothing and does not end.
    pub(crate) fn with_silent_input(mut self) -> Self {
        self.command.stdin(Stdio::piped());
        self
    }

    /// What would be started, for who starts it in another way.
    #[cfg(unix)]
    pub(crate) fn command(self) -> Command {
        self.command
    }

    /// Runs it to its end.
    pub(crate) fn run(self) -> Done {
        self.spawn().wait()
    }

    /// Runs it to its end, which has to be this one.
    pub(crate) fn exits(self, code: i32) -> Done {
        let done = self.run();
        assert_eq!(done.code, Some(code), "{done}");
        done
    }

    /// Starts it. Its output goes to files, so that nobody has to read along.
    pub(crate) fn spawn(self) -> Running {
        self.spawn_to(None, None)
    }

    /// Starts it with other outputs than files.
    pub(crate) fn spawn_to(mut self, to_stdout: Option<Stdio>, to_stderr: Option<Stdio>) -> Running {
        let (stdout, stderr) = (self.bench.new_output(), self.bench.new_output());
        let file = |path| Stdio::from(File::create(path).unwrap());
        let (out, err) = (file(&stdout), file(&stderr));
        self.command.stdout(to_stdout.unwrap_or(out)).stderr(to_stderr.unwrap_or(err));
        if let Some(content) = self.stdin {
            let input = self.bench.new_output();
            fs::write(&input, content).unwrap();
            self.command.stdin(File::open(input).unwrap());
        }
        Running { child: self.command.spawn().unwrap(), stdout, stderr }
    }
}

/// A command under way. It is killed where a test fails meanwhile.
pub(crate) struct Running {
    child: Child,
    stdout: PathBuf,
    stderr: PathBuf,
}

impl Running {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The standard input of a command that was started [with a silent one](Call::with_silent_input); it ends when it is
    /// dropped.
    pub(crate) fn take_input(&mut self) -> std::process::ChildStdin {
        self.child.stdin.take().unwrap()
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    pub(crate) fn wait(mut self) -> Done {
        let begun = Instant::now();
        while !self.has_ended() {
            assert!(
                begun.elapsed() < DEADLINE,
                "the command does not end: {}{}",
                self.stdout(),
                self.stderr()
            );
            std::thread::sleep(PATIENCE);
        }
        self.done()
    }

    /// `kill -9`, or what comes closest.
    pub(crate) fn kill(mut self) -> Done {
        self.child.kill().unwrap();
        self.done()
    }

    /// Sends one of [`SIGNALS`], or any other that Unix has, by its name.
    #[cfg(unix)]
    pub(crate) fn signal(&self, name: &str) {
        let command = format!("kill -{name} {}", self.pid());
        assert!(Command::new("sh").args(["-c", &command]).status().unwrap().success());
    }

    /// Sends one of [`SIGNALS`] by its name. std cannot; the program of `tests/windows/event.c` does.
    #[cfg(windows)]
    pub(crate) fn signal(&self, name: &str) {
        let event = match name {
            "INT" => "0",
            "BREAK" => "1",
            "TERM" => "2",
            "LOGOFF" => "5",
            "SHUTDOWN" => "6",
            _ => panic!("Windows has no {name}"),
        };
        let program = std::env::var_os("TENANTRY_TEST_EVENT");
        let program = program.expect("TENANTRY_TEST_EVENT is the program of tests/windows/event.c");
        assert!(Command::new(program).args([event, &self.pid().to_string()]).status().unwrap().success());
    }

    /// What has come on standard output so far.
    pub(crate) fn stdout(&self) -> String {
        fs::read_to_string(&self.stdout).unwrap()
    }

    /// What has come on standard error so far.
    pub(crate) fn stderr(&self) -> String {
        fs::read_to_string(&self.stderr).unwrap()
    }

    fn done(&mut self) -> Done {
        /// What Windows says of a program that has aborted itself.
        const ABORTED: i32 = 0xC000_0409_u32.cast_signed();
        let code = self.child.wait().unwrap().code();
        Done {
            code: code.filter(|&code| !(cfg!(windows) && code == ABORTED)),
            stdout: output(&self.stdout),
            stderr: output(&self.stderr),
        }
    }
}

/// What was written to a file. A full disk may have cut it off within a character.
fn output(path: &Path) -> String {
    let mut bytes = fs::read(path).unwrap();
    if let Err(error) = str::from_utf8(&bytes)
        && error.error_len().is_none()
    {
        bytes.truncate(error.valid_up_to());
    }
    String::from_utf8(bytes).unwrap()
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A command that has ended.
#[derive(Debug)]
pub(crate) struct Done {
    /// `None`: it was killed.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Done {
    /// Standard output as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self}"))
    }

    pub(crate) fn says(&self, words: &str) -> &Self {
        assert!(self.stderr.contains(words), "`{words}` is not said: {self}");
        self
    }

    #[track_caller]
    pub(crate) fn prints(&self, words: &str) -> &Self {
        assert!(self.stdout.contains(words), "`{words}` is not printed: {self}");
        self
    }
}

impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = self.code.map_or_else(|| "none, it was killed".to_owned(), |code| code.to_string());
        write!(f, "exit code: {code}\n---- stdout\n{}---- stderr\n{}", self.stdout, self.stderr)
    }
}

/// Compares exit code and both streams of a command with a snapshot. What differs between two runs is replaced here,
/// and nowhere else.
macro_rules! snapshot {
    ($done:expr) => {{
        let mut settings = insta::Settings::clone_current();
        for (pattern, replacement) in $crate::harness::FILTERS {
            settings.add_filter(pattern, *replacement);
        }
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!($done.to_string()));
    }};
}
pub(crate) use snapshot;

pub(crate) const FILTERS: &[(&str, &str)] = &[
    // Passwords are drawn, and some of them begin with such a sign.
    (r"(?m)^\d+ passwords? begins? with = .*\n", ""),
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "[GUID]"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "[TIME]"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d\d:\d\d", "[LOCAL TIME]"),
    (r" took (?:less than 1 s|\d+ s)", " took [TIME]"),
    // In the list of runs of `status`.
    (r"\[LOCAL TIME\] +(?:less than 1 s|\d+ s)  ", "[LOCAL TIME]  [TIME]  "),
    (r#""duration_s": [0-9.]+"#, "\"duration_s\": [SECONDS]"),
    (r"127\.0\.0\.1:\d+", "127.0.0.1:[PORT]"),
    // In the name of a folder.
    (r"127\.0\.0\.1-\d+", "127.0.0.1-[PORT]"),
    (r"\(pid \d+\)", "(pid [PID])"),
    (r"enter the code \w+", "enter the code [CODE]"),
    (r"sign-in-[0-9a-f]{32}", "sign-in-[NAME]"),
    (r"((?:runs|run) as) `[^`]+`", "$1 `[USER]`"),
    (r"after \d+ ms", "after [N] ms"),
    (r"no answer for (?:less than 1|\d+) s", "no answer for [N] s"),
    // The temporary folder, in paths that the program was given whole.
    (r#"[^\s`"]*[/\\]\.tmp\w+[/\\]+"#, "[FOLDER]/"),
    // The temporary folder itself.
    (r#"[^\s`"]*[/\\]\.tmp\w+"#, "[FOLDER]"),
    // The folders of settings and of the cache, on Windows.
    (r"\[FOLDER\]/(config|cache)\\tenantry", "[FOLDER]/$1/tenantry"),
    (r"(\[FOLDER\]/(?:config|cache)/tenantry)\\", "$1/"),
    (r"/tenantry/country-rules\\", "/tenantry/country-rules/"),
    // Other paths and the quotation marks of options, on Windows.
    (r"samples\\customers", "samples/customers"),
    (r#"add --map "([^"\n]+)""#, "add --map '$1'"),
    // How long calls took, in the Markdown of a report.
    (r"(?m)^(\| (?:create|find_customer|check_domain) \|(?: \d+ \|){3}) .*$", "$1 [MS] |"),
    // In the rows of `credentials`.
    (r"(?m)^(.*\.onmicrosoft\.com,\[GUID\],admin@[^,\n]+),.+$", "$1,[PASSWORD]"),
    (r"(?m)^(    MS-CV +)\S+$", "$1[MS-CV]"),
];

/// Does `check` with each of `items`, several at once: what it starts mostly waits.
pub(crate) fn each_at_once<T: Send>(
    items: impl IntoIterator<Item = T, IntoIter: Send>,
    check: impl Fn(T) + Sync,
) {
    const AT_ONCE: usize = 4;
    let left = Mutex::new(items.into_iter());
    // The lock is given back before the check begins.
    let next = || left.lock().unwrap().next();
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| std::iter::from_fn(next).for_each(&check));
        }
    });
}

/// A word in the quotation marks that a next command has around it.
pub(crate) fn in_quotes(word: &str) -> String {
    if cfg!(windows) { format!("\"{word}\"") } else { format!("'{word}'") }
}

/// Polls until `reached`.
pub(crate) fn eventually(what: &str, mut reached: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !reached() {
        assert!(begun.elapsed() < DEADLINE, "never came true: {what}");
        std::thread::sleep(PATIENCE);
    }
}

/// The columns of the files made here.
pub(crate) const HEADER: &str = "company_name,domain,email,culture,language,first_name,last_name,address_line1,city,\
                                 state,postal_code,country";

/// One valid row for a domain.
pub(crate) fn row(domain: &str) -> String {
    let email = email(domain);
    format!("Harborline {domain} Ltd,{domain},{email},en-GB,en,Ana,Bell,1 High Street,Leeds,,LS1 5HD,GB")
}

/// The e-mail address in the row for a domain: each company has a mail domain of its own.
pub(crate) fn email(domain: &str) -> String {
    let host: String = domain.chars().filter(char::is_ascii_alphanumeric).collect();
    format!("accounts@{host}.example.com")
}

/// A file with a valid row for each domain.
pub(crate) fn customers_of<'a>(domains: impl IntoIterator<Item = &'a str>) -> String {
    let rows = domains.into_iter().map(row);
    std::iter::once(HEADER.to_owned()).chain(rows).map(|line| line + "\n").collect()
}

pub(crate) fn in_utf_16(text: &str, encode: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(encode).collect()
}

/// The domain of the `n`th customer of [`customers`], from 1 on.
pub(crate) fn domain(n: usize) -> String {
    format!("harborline{n:05}")
}

/// A file of `count` valid rows.
pub(crate) fn customers(count: usize) -> String {
    let domains: Vec<String> = (1..=count).map(domain).collect();
    customers_of(domains.iter().map(String::as_str))
}

/// A ledger file, read through its documented views.
pub(crate) struct Ledger(Connection);

impl Ledger {
    pub(crate) fn open(path: &Path) -> Self {
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        connection.busy_timeout(Duration::from_secs(10)).unwrap();
        Self(connection)
    }

    /// All of it, as it is now.
    pub(crate) fn whole(&self) -> tenantry_oracle::Ledger {
        tenantry_oracle::Ledger::read(&self.0).unwrap().expect("it has tables")
    }

    /// Every row, superseded and declined ones included, in the order in which they were read.
    pub(crate) fn rows(&self) -> Vec<Row> {
        self.whole().rows
    }

    /// The row that stands for a domain.
    pub(crate) fn row(&self, domain: &str) -> Row {
        let domain = full(domain);
        let mut rows = self.rows().into_iter();
        rows.rfind(|row| row.domain.as_deref() == Some(&domain) && !row.is_history())
            .unwrap_or_else(|| panic!("no row stands for {domain}"))
    }

    /// Line and rule of every problem of every row that stands, in order.
    pub(crate) fn problems(&self) -> Vec<(u64, String)> {
        let sql = "SELECT line, json_extract(problem.value, '$.rule')
                     FROM customer_rows, json_each(problems) AS problem
                    WHERE state NOT IN ('superseded', 'declined') ORDER BY 1, 2";
        self.all(sql, |row| Ok((row.get(0)?, row.get(1)?)))
    }

    /// Rows by state.
    pub(crate) fn states(&self) -> BTreeMap<String, usize> {
        let mut states = BTreeMap::new();
        for row in self.rows() {
            *states.entry(row.state).or_default() += 1;
        }
        states
    }

    /// Every call, in the order in which they were recorded.
    pub(crate) fn attempts(&self) -> Vec<Attempt> {
        self.whole().attempts
    }

    /// Where the agreement of each domain stands.
    pub(crate) fn agreements(&self) -> BTreeMap<String, String> {
        let sql = "SELECT domain, agreement_state FROM customers WHERE agreement_state IS NOT NULL";
        self.all(sql, |row| Ok((row.get(0)?, row.get(1)?))).into_iter().collect()
    }

    /// One text.
    pub(crate) fn text(&self, sql: &str) -> String {
        self.0.query_row(sql, [], |row| row.get(0)).unwrap()
    }

    /// One number.
    pub(crate) fn number(&self, sql: &str) -> i64 {
        self.0.query_row(sql, [], |row| row.get(0)).unwrap()
    }

    fn all<T>(&self, sql: &str, row: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>) -> Vec<T> {
        let mut statement = self.0.prepare(sql).unwrap();
        statement.query_map([], row).unwrap().collect::<Result<_, _>>().unwrap()
    }
}

/// The states of a ledger as they are compared: `states([("created", 3)])`.
pub(crate) fn states<const N: usize>(expected: [(&str, usize); N]) -> BTreeMap<String, usize> {
    expected.into_iter().map(|(state, count)| (state.to_owned(), count)).collect()
}

/// Asserts that a promise is kept.
#[track_caller]
fn kept(judged: Result<(), Broken>) {
    judged.unwrap_or_else(|broken| panic!("{broken}"));
}

/// What `status` says is what the ledger says.
fn status_is_right(bench: &Bench) {
    let status = bench.tenantry(["status", "--json"]).exits(0).json();
    let states = bench.ledger().states();
    let stored = i64::try_from(states.values().sum::<usize>()).unwrap();
    assert_eq!(status["rows"]["total"], stored);
    assert_eq!(sum_of_states(&status), stored);
    for (state, count) in states {
        assert_eq!(status["rows"][&state], count, "{state}: {status:#}");
    }
}

/// The rows of all states of a summary or a status.
pub(crate) fn sum_of_states(summary: &Value) -> i64 {
    let rows = summary["rows"].as_object().unwrap();
    let is_state = |name: &str| !matches!(name, "total" | "acknowledged");
    rows.iter().filter(|(name, _)| is_state(name)).map(|(_, count)| count.as_i64().unwrap()).sum()
}

mod agree_notices {
    //! A judge that lets everything pass would make all of these tests worthless, so it is shown broken ledgers.

    use super::{Bench, customers};

    /// Compares after an import whose ledger was changed behind the program's back.
    fn after(sql: &str) {
        let bench = Bench::new();
        bench.file("customers.csv", customers(3));
        bench.import("customers.csv").exits(0);
        rusqlite::Connection::open(bench.ledger_path()).unwrap().execute_batch(sql).unwrap();
        bench.agree();
    }

    #[test]
    #[should_panic(expected = "no attempt stands for")]
    fn a_call_that_was_not_written_down() {
        after("DELETE FROM http_attempts WHERE id = 2");
    }

    #[test]
    #[should_panic(expected = "the ledger says otherwise")]
    fn a_creation_that_is_not_recorded() {
        after("UPDATE customer_rows SET state = 'failed', error_code = 'domain_taken' WHERE id = 2");
    }

    #[test]
    #[should_panic(expected = "the service made it as customer")]
    fn an_id_of_somebody_else() {
        after("UPDATE customer_rows SET customer_id = 'x' WHERE id = 2");
    }

    #[test]
    #[should_panic(expected = "the counts do not add up")]
    fn a_row_that_is_lost() {
        after("UPDATE sources SET rows_read = rows_read + 1");
    }

    #[test]
    #[should_panic(expected = "1 of 3 passwords cannot be opened")]
    fn a_password_of_another_row() {
        let other = "(SELECT sealed_credentials FROM customer_rows WHERE id = 1)";
        after(&format!("UPDATE customer_rows SET sealed_credentials = {other} WHERE id = 2"));
    }

    #[test]
    #[should_panic(expected = "its password was answered, and is lost")]
    fn a_password_that_is_lost() {
        after("UPDATE customer_rows SET sealed_credentials = NULL WHERE id = 2");
    }

    #[test]
    #[should_panic(expected = "drawn while in doubt")]
    fn a_request_id_that_was_given_up_too_early() {
        after(
            "INSERT INTO http_attempts (id, row_id, run_id, operation, request_id, correlation_id, intended_at, outcome)
             VALUES (0, 2, 1, 'create', 'earlier', 'earlier', 0, 'unknown')",
        );
    }
}
