//! Secrets stay where they belong: in memory for as long as they are needed, and sealed in the ledger.
//!
//! What is a secret is read off the wire: every one that the program has sent or been sent.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use regex::Regex;
use tenantry_simulator::{Fault, Operation, ScriptedFault};

use crate::harness::{
    ACCESS_TOKEN, Bench, CLIENT_ID, CLIENT_SECRET, Call, TENANT, customers, customers_of, each_at_once, full,
};

const REFRESH_TOKEN: &str = "0.A-refresh-token-of-the-tests";
const CERTIFICATE: &str = include_str!("client-certificate.pem");

/// So long a piece of a secret is one itself.
const PIECE: usize = 20;

/// What went one way over one connection.
type Line = Arc<Mutex<Vec<u8>>>;

/// Stands between the program and the simulator and writes down all that goes to and fro.
struct Tap {
    url: String,
    heard: Arc<Mutex<Vec<Line>>>,
}

impl Tap {
    fn on(target: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let target = target.trim_start_matches("http://").to_owned();
        let heard: Arc<Mutex<Vec<Line>>> = Arc::default();
        let lines = Arc::clone(&heard);
        std::thread::spawn(move || {
            for here in listener.incoming().flatten() {
                let there = TcpStream::connect(&target).unwrap();
                for (from, to) in [(&here, &there), (&there, &here)] {
                    let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    let line = Line::default();
                    lines.lock().unwrap().push(Arc::clone(&line));
                    std::thread::spawn(move || pass_on(from, to, &line));
                }
            }
        });
        Self { url, heard }
    }

    /// Everything that went over the wire and that nobody else may know.
    fn secrets(&self) -> BTreeSet<String> {
        let telling = [
            r#""(?:access_token|refresh_token|id_token|device_code|password)":\s*"((?:[^"\\]|\\.)+)"#,
            r"(?i)authorization: Bearer (\S+)",
            r"(?:client_secret|client_assertion|refresh_token|device_code)=([^&\s]+)",
        ];
        let telling = telling.map(|pattern| Regex::new(pattern).unwrap());
        let lines = self.heard.lock().unwrap();
        let heard: Vec<String> =
            lines.iter().map(|line| String::from_utf8_lossy(&line.lock().unwrap()).into_owned()).collect();
        let found = heard.iter().flat_map(|line| telling.iter().flat_map(|it| it.captures_iter(line)));
        found.map(|found| found[1].to_owned()).collect()
    }
}

fn pass_on(mut from: TcpStream, mut to: TcpStream, line: &Mutex<Vec<u8>>) {
    let mut bytes = [0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        line.lock().unwrap().extend_from_slice(&bytes[..count]);
        if to.write_all(&bytes[..count]).is_err() {
            break;
        }
    }
    drop(to.shutdown(Shutdown::Write));
}

/// Every file of the program's below a folder, but those in which a secret is kept or was handed in.
fn written(folder: &Path, into: &mut Vec<(String, Vec<u8>)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            written(&path, into);
        } else if !["identity.txt", "secret.txt", "app.pem"].contains(&name.as_str())
            && !name.starts_with("sign-in-")
        {
            into.push((name, fs::read(path).unwrap()));
        }
    }
}

/// A program that says as much as it can, with everything that can go wrong on its way.
struct Talkative {
    bench: Bench,
    tap: Tap,
    log_format: &'static str,
    filter: Option<&'static str>,
    /// Into a file, or to standard error.
    to_file: bool,
}

impl Talkative {
    fn new(log_format: &'static str, filter: Option<&'static str>, to_file: bool) -> Self {
        let bench = Bench::new();
        let tap = Tap::on(&bench.simulator().url());
        bench.file("secret.txt", format!("{CLIENT_SECRET}\n"));
        bench.file("app.pem", CERTIFICATE);
        Self { bench, tap, log_format, filter, to_file }
    }

    fn call(&self, args: &[&str]) -> Call<'_> {
        let call = self.bench.tenantry(args).args(["-vvv", "--log-format", self.log_format]);
        let call = call.env("TENANTRY_API_URL", &self.tap.url).env("TENANTRY_AUTHORITY_URL", &self.tap.url);
        let call = if self.to_file { call.args(["--log-file", "run.log"]) } else { call };
        match self.filter {
            Some(filter) => call.env("TENANTRY_LOG", filter),
            None => call,
        }
    }

    fn as_app(&self, args: &[&str]) -> Call<'_> {
        let call = self.call(args).without("TENANTRY_ACCESS_TOKEN");
        call.env("TENANTRY_TENANT_ID", TENANT).env("TENANTRY_CLIENT_ID", CLIENT_ID)
    }

    /// Imports a file of its own as `kind` signs in: panics over the answers with the token and with the password,
    /// answers of both services that cannot be read, a token that is refused where another can be had, a row that is.
    fn import(&self, kind: &str, sign_in: &[(&str, &str)]) {
        let rows = ["a", "b", "c", "d", "garbled", "cut", "unauthorized"];
        let rows = rows.map(|row| format!("{kind}-{row}"));
        let file = format!("{kind}.csv");
        self.bench.file(&file, customers_of(rows.iter().map(String::as_str).chain(["refuse-400-3000"])));
        let simulator = self.bench.simulator();
        let mut faults = vec![("garbled", Fault::InvalidJson), ("cut", Fault::Truncated)];
        if kind != "token" {
            faults.push(("unauthorized", Fault::Unauthorized));
        }
        // They are waited for, so that two kinds have to do.
        if kind == "secret" || kind == "refreshtoken" {
            for fault in [Fault::InvalidJson, Fault::Truncated] {
                simulator.script(ScriptedFault::next(Operation::Token, fault));
            }
        }
        for (row, fault) in faults {
            let domain = full(&format!("{kind}-{row}"));
            simulator.script(ScriptedFault::next(Operation::Create, fault).for_domain(&domain));
        }
        let import = || {
            let call = if kind == "token" { Self::call } else { Self::as_app };
            let call = call(self, &["import", &file, "--json", "--concurrency", "1"]);
            sign_in.iter().fold(call, |call, (name, value)| call.env(name, value))
        };
        for point in ["body#1", "body#2", "sealed"] {
            let done = import().env("TENANTRY_PANIC_AT", point).exits(1);
            done.says("a bug in tenantry");
        }
        import().exits(3);
        for row in &rows {
            self.call(&["show", row, "--json"]).exits(0);
        }
    }

    /// Looks for every secret in all that was written. Returns those that went over the wire.
    fn search(&self) -> BTreeSet<String> {
        let heard = self.tap.secrets();
        let mut secrets = heard.clone();
        secrets.extend(self.bench.creations().into_iter().map(|creation| creation.password));
        let handed_in = [ACCESS_TOKEN, CLIENT_SECRET, REFRESH_TOKEN, "wrong-secret", "expired-refresh-token"];
        secrets.extend(handed_in.map(str::to_owned));
        let key = CERTIFICATE.split("-----").nth(2).unwrap();
        secrets.extend(key.lines().filter(|line| line.len() > PIECE).map(str::to_owned));
        let identity = fs::read_to_string(self.bench.path("identity.txt")).unwrap();
        secrets.extend(identity.lines().filter(|line| !line.starts_with('#')).map(str::to_owned));

        let mut files = Vec::new();
        written(&self.bench.path(""), &mut files);
        let log = files.iter().find(|(name, _)| name == "run.log");
        let is_told = |log: &[u8]| String::from_utf8_lossy(log).contains("create answered");
        assert_eq!(log.is_some_and(|(_, log)| is_told(log)), self.to_file);
        let pieces: BTreeSet<&str> = secrets
            .iter()
            .flat_map(|secret| match secret.len() {
                ..PIECE => vec![secret.as_str()],
                length => (0..=length - PIECE).step_by(PIECE).map(|at| &secret[at..at + PIECE]).collect(),
            })
            .collect();
        for (name, bytes) in &files {
            let text = String::from_utf8_lossy(bytes);
            for piece in &pieces {
                assert!(!text.contains(piece), "`{piece}` stands in {name}");
            }
        }
        heard
    }
}

/// Signs in, and fails to, in every way there is, each with a folder of its own, and looks at all that was written.
fn nothing_secret_is_written(log_format: &'static str, filter: Option<&'static str>, to_file: bool) {
    let ways: [(&str, &[(&str, &str)]); 6] = [
        ("secret", &[("TENANTRY_CLIENT_SECRET", CLIENT_SECRET)]),
        ("secretfile", &[("TENANTRY_CLIENT_SECRET_FILE", "secret.txt")]),
        ("certificate", &[("TENANTRY_CLIENT_CERTIFICATE", "app.pem")]),
        ("refreshtoken", &[("TENANTRY_REFRESH_TOKEN", REFRESH_TOKEN)]),
        ("token", &[]),
        ("device", &[]),
    ];
    let heard = Mutex::new(BTreeSet::new());
    let created = AtomicUsize::new(0);
    each_at_once(ways, |(kind, sign_in)| {
        let it = Talkative::new(log_format, filter, to_file);
        if kind == "device" {
            it.as_app(&["login"]).exits(0);
            it.as_app(&["whoami"]).exits(0);
        }
        it.import(kind, sign_in);
        if kind == "device" {
            it.as_app(&["logout"]).exits(0);
        }
        it.bench.file("more.csv", customers(1));
        for wrong in
            [("TENANTRY_CLIENT_SECRET", "wrong-secret"), ("TENANTRY_REFRESH_TOKEN", "expired-refresh-token")]
        {
            it.as_app(&["import", "more.csv"]).env(wrong.0, wrong.1).exits(4);
        }
        it.call(&["status"]).exits(0);
        it.call(&["export", "all", "-o", "all.csv"]).exits(0);
        it.call(&["backup", "copy.db"]).exits(0);
        heard.lock().unwrap().extend(it.search());
        created.fetch_add(it.bench.creations().len(), Ordering::Relaxed);
    });
    let heard = heard.into_inner().unwrap();
    for (what, least) in [("eyJ", 10), ("device-", 1), ("0.A-", 3)] {
        let found = heard.iter().filter(|secret| secret.starts_with(what)).count();
        assert!(found >= least, "the taps heard {found} of `{what}`");
    }
    assert!(created.into_inner() > 20);
}

#[test]
fn nothing_secret_is_written_in_text() {
    nothing_secret_is_written("text", None, false);
}

#[test]
fn nothing_secret_is_written_where_every_library_may_talk() {
    nothing_secret_is_written("json", Some("trace"), true);
}

#[cfg(target_os = "linux")]
#[test]
fn a_program_that_dies_leaves_no_core_file() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    use std::os::unix::fs::MetadataExt;

    // What is started from here on may write one.
    let maximum = getrlimit(Resource::Core).maximum;
    setrlimit(Resource::Core, Rlimit { current: maximum, maximum }).unwrap();
    let bench = Bench::new();
    bench.file("customers.csv", customers(2));
    bench
        .simulator()
        .hold(tenantry_simulator::Hold { at: tenantry_simulator::HoldPoint::HalfAnswered, domain: None });
    let running = bench.import("customers.csv").unprivileged().spawn();
    bench.wait_until_held();
    let process = format!("/proc/{}", running.pid());
    let limits = fs::read_to_string(format!("{process}/limits")).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
    // The kernel gives what nobody may look into to root.
    assert_eq!(fs::metadata(format!("{process}/environ")).unwrap().uid(), 0);
    running.signal("ABRT");
    assert_eq!(running.wait().code, None);
    let left = fs::read_dir(bench.path("")).unwrap().map(|entry| entry.unwrap().file_name());
    let cores: Vec<_> = left.filter(|name| name.to_string_lossy().starts_with("core")).collect();
    assert!(cores.is_empty(), "{cores:?}");
}
