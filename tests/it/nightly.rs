//! The unattended run: who hears of it, what they hear, and what they must not; waiting for the ledger; the samples.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use tenantry_simulator::{Hold, HoldPoint, Operation};

use crate::harness::{Bench, CLIENT_SECRET, customers, customers_of, email, eventually, row, sample, states};

/// A monitoring service that keeps what it is told: method, path and body.
struct Monitor {
    url: String,
    told: Arc<Mutex<Vec<[String; 3]>>>,
}

impl Monitor {
    fn answering(status: &'static str) -> Self {
        Self::answering_in_turn([status])
    }

    /// The last answer is given again and again.
    fn answering_in_turn<const N: usize>(answers: [&'static str; N]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/ping/abc", listener.local_addr().unwrap());
        let told: Arc<Mutex<Vec<[String; 3]>>> = Arc::default();
        let record = Arc::clone(&told);
        std::thread::spawn(move || {
            let mut answers = answers.into_iter();
            let mut status = "";
            for stream in listener.incoming() {
                let mut stream = BufReader::new(stream.unwrap());
                let (mut first, mut length) = (String::new(), 0);
                stream.read_line(&mut first).unwrap();
                loop {
                    let mut line = String::new();
                    stream.read_line(&mut line).unwrap();
                    if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                        length = value.trim().parse().unwrap();
                    }
                    if line.trim().is_empty() {
                        break;
                    }
                }
                let mut body = vec![0; length];
                stream.read_exact(&mut body).unwrap();
                status = answers.next().unwrap_or(status);
                let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                stream.get_mut().write_all(answer.as_bytes()).unwrap();
                let mut words = first.split(' ').map(str::to_owned);
                let [method, path] = [words.next().unwrap(), words.next().unwrap()];
                record.lock().unwrap().push([method, path, String::from_utf8(body).unwrap()]);
            }
        });
        Self { url, told }
    }

    fn paths(&self) -> Vec<String> {
        self.told.lock().unwrap().iter().map(|[_, path, _]| path.clone()).collect()
    }

    fn last(&self) -> Value {
        serde_json::from_str(&self.told.lock().unwrap().last().unwrap()[2]).unwrap()
    }

    fn everything(&self) -> String {
        format!("{:?}", self.told.lock().unwrap())
    }
}

#[test]
fn a_monitor_hears_of_the_start_and_of_the_end_without_personal_data() {
    let bench = Bench::new();
    let monitor = Monitor::answering("200 OK");
    bench.file("customers.csv", customers(2));
    bench.import("customers.csv").args(["--notify-url", &monitor.url]).exits(0);
    assert_eq!(monitor.paths(), ["/ping/abc/start", "/ping/abc"]);
    let told = monitor.last();
    assert_eq!(
        (&told["exit_code"], &told["rows"]["created"], &told["run"]["requests"]),
        (&0.into(), &2.into(), &2.into())
    );

    let bad = row("fabrikam").replace(&email("fabrikam"), "nowhere");
    bench.file("more.csv", customers_of(["taken-by-others"]) + &bad + "\n");
    bench.import("more.csv").env("TENANTRY_NOTIFY_URL", format!("{}/", monitor.url)).exits(3);
    assert_eq!(monitor.paths()[2..], ["/ping/abc/start", "/ping/abc/fail"]);
    let told = monitor.last();
    assert_eq!(
        (&told["exit_code"], &told["rows"]["failed"], &told["rows"]["rejected"]),
        (&3.into(), &1.into(), &1.into())
    );
    assert_eq!(told["errors"].as_array().unwrap().len(), 2);

    // A run that fails before it begins is one too.
    bench.import("missing.csv").args(["--notify-url", &monitor.url]).exits(2);
    assert_eq!(monitor.paths()[4..], ["/ping/abc/start", "/ping/abc/fail"]);
    assert_eq!((&monitor.last()["exit_code"], &monitor.last()["run"]), (&2.into(), &Value::Null));

    let everything = monitor.everything();
    for personal in ["harborline", "fabrikam", "taken-by", "nowhere", "Ana", "Leeds", ".csv", "onmicrosoft"] {
        assert!(!everything.contains(personal), "{personal}: {everything}");
    }
}

#[test]
fn exit_code_3_is_success_for_everybody_where_it_is_named() {
    let bench = Bench::new();
    let monitor = Monitor::answering("200 OK");
    bench.file("customers.csv", customers_of(["harborline", "taken-by-others"]));
    let ends = |codes: &[&str], is_success: bool| {
        let call = bench.import("customers.csv").args(["--notify-url", &monitor.url]).args(codes);
        let variable = if cfg!(windows) { "%TENANTRY_SUCCESS%" } else { "$TENANTRY_SUCCESS" };
        let command = format!("echo {variable} > success.txt");
        let call = call.args(["--metrics-file", "m.prom", "--on-finish", &command]);
        call.exits(3);
        let suffix = if is_success { "" } else { "/fail" };
        assert_eq!(monitor.paths().last(), Some(&format!("/ping/abc{suffix}")), "{codes:?}");
        assert_eq!(monitor.last()["success"], is_success, "{codes:?}");
        let told = std::fs::read_to_string(bench.path("success.txt")).unwrap();
        assert_eq!(told.trim(), is_success.to_string(), "{codes:?}");
        let gauge = |name: &str| metric(&bench, "m.prom", name).unwrap();
        assert_eq!(gauge("last_run_success"), f64::from(u8::from(is_success)), "{codes:?}");
        assert_eq!(gauge("last_success_timestamp_seconds") > 0.0, is_success, "{codes:?}");
    };
    ends(&[], false);
    ends(&["--notify-success", "0,3"], true);
    bench.trusts("notify-success = [3]\n");
    ends(&[], true);
    let shown = bench.tenantry(["config", "show", "--notify-success", "0, 3"]).exits(0);
    assert!(shown.stdout.contains("0, 3 "), "{shown}");
    bench.import("customers.csv").args(["--notify-success", "7"]).exits(2).says("the exit codes are 0, 1, 2");
}

/// As Uptime Kuma wants it.
#[test]
fn a_pattern_carries_the_result_in_the_address() {
    let bench = Bench::new();
    let monitor = Monitor::answering("200 OK");
    bench.file("customers.csv", customers_of(["harborline", "taken-by-others"]));
    let pattern = format!("{}?status={{status}}&code={{code}}&msg={{message}}&ping=", monitor.url);
    bench.import("customers.csv").args(["--notify-url", &pattern]).exits(3);
    let counts = "1%20created%2C%200%20existing%2C%201%20failed%2C%200%20rejected%2C%200%20unresolved";
    let told = monitor.told.lock().unwrap().clone();
    let path = format!(
        "/ping/abc?status=down&code=3&msg=done%2C%20but%20some%20rows%20are%20rejected%20or%20failed%20%28{counts}%29&ping="
    );
    assert_eq!(told, [["GET".to_owned(), path, String::new()]]);
}

#[test]
fn a_monitor_that_is_busy_is_told_again() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(1));
    let ends = |answers: [&'static str; 3], told: usize, words: Option<&str>| {
        let monitor = Monitor::answering_in_turn(answers);
        let pattern = format!("{}?{{code}}", monitor.url);
        let done = bench.import("customers.csv").args(["--notify-url", &pattern]).exits(0);
        assert_eq!(monitor.paths().len(), told, "{answers:?}");
        match words {
            Some(words) => drop(done.says(words)),
            None => assert!(!done.stderr.contains("could not notify"), "{done}"),
        }
    };
    ends(["429 Too Many Requests", "503 Service Unavailable", "200 OK"], 3, None);
    ends(["429 Too Many Requests\r\nRetry-After: 1", "200 OK", "200 OK"], 2, None);
    // Nobody waits an hour for a monitor.
    ends(["429 Too Many Requests\r\nRetry-After: 3600"; 3], 1, Some("HTTP 429"));
    ends(["500 Internal Server Error"; 3], 4, Some("HTTP 500"));
    ends(["400 Bad Request"; 3], 1, Some("HTTP 400"));
}

#[test]
fn a_monitor_in_the_own_network_may_be_reached_without_encryption() {
    let bench = Bench::new();
    let url = "http://192.168.1.5:3001/api/push/t0ken";
    let done = bench.tenantry(["doctor", "--unattended", "--notify-url", url]).run();
    assert!(done.stdout.contains("others in your network can read the address"), "{done}");
    assert!(!done.to_string().contains("t0ken"), "{done}");
    bench
        .import("customers.csv")
        .args(["--notify-url", "http://8.8.8.8/t0ken"])
        .exits(2)
        .says("http:// is only for this machine and for private addresses");
}

/// A proxy of the company's provider would read the figures, and the address, which is enough to send notifications.
#[test]
fn a_monitor_without_encryption_is_never_called_through_a_proxy() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(1));
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    proxy.set_nonblocking(true).unwrap();
    let address = format!("http://{}", proxy.local_addr().unwrap());
    let call = bench.import("customers.csv").args(["--notify-url", "http://monitor.internal/t0ken?{code}"]);
    let call = call.env("HTTP_PROXY", &address).env("ALL_PROXY", &address);
    call.exits(0).says("could not notify --notify-url");
    assert_eq!(proxy.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}

#[test]
fn a_dry_run_is_told_to_nobody() {
    let bench = Bench::new();
    let monitor = Monitor::answering("200 OK");
    bench.file("customers.csv", customers(2));
    let args =
        ["--dry-run", "--notify-url", &monitor.url, "--metrics-file", "m.prom", "--on-finish", "exit 1"];
    let done = bench.import("customers.csv").args(args).exits(0);
    assert!(!done.stderr.contains("--on-finish failed"), "{done}");
    assert!(monitor.paths().is_empty() && !bench.path("m.prom").exists());
}

#[test]
fn a_run_that_panics_is_told_as_failed() {
    let bench = Bench::new();
    let monitor = Monitor::answering("200 OK");
    bench.file("customers.csv", customers(2));
    let import = bench.import("customers.csv").args(["--notify-url", &monitor.url]);
    import.env("TENANTRY_PANIC_AT", "file_read").exits(1);
    assert_eq!(monitor.paths(), ["/ping/abc/start", "/ping/abc/fail"]);
}

/// Its settings may come from a file, which a child finds too.
#[test]
fn a_command_at_the_end_that_runs_us_is_not_run_by_itself() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(1));
    let program = std::path::absolute(env!("CARGO_BIN_EXE_tenantry")).unwrap();
    let and = if cfg!(windows) { "&" } else { ";" };
    bench.trusts(format!("on-finish = 'echo ran >> ran.txt {and} \"{}\" resume'\n", program.display()));
    bench.import("customers.csv").exits(0);
    assert_eq!(std::fs::read_to_string(bench.path("ran.txt")).unwrap().trim_end(), "ran");
}

#[test]
fn a_monitor_that_fails_fails_no_run() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(1));
    let monitor = Monitor::answering("404 Not Found");
    let done = bench.import("customers.csv").args(["--notify-url", &monitor.url]).exits(0);
    done.says("could not notify --notify-url").says("HTTP 404");
    assert!(!done.stderr.contains("/ping/abc"), "{done}");
    // Nobody is there at all.
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    bench
        .import("customers.csv")
        .args(["--notify-url", &format!("http://{nobody}/x")])
        .exits(0)
        .says("could not notify");
    bench
        .import("customers.csv")
        .args(["--notify-url", "http://8.8.8.8/x"])
        .exits(2)
        .says("https://HOST/PATH");
}

#[test]
fn a_monitor_that_never_answers_delays_the_end_by_one_limit() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(1));
    // Connections are accepted by the system, and never answered.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/x", silent.local_addr().unwrap());
    let begun = Instant::now();
    let done = bench.import("customers.csv").args(["--notify-url", &url]).exits(0);
    done.says("could not notify --notify-url");
    // One limit is 15 s; two would be 30 s.
    assert!(begun.elapsed() < Duration::from_secs(25), "{:?}", begun.elapsed());
}

#[test]
fn an_interrupted_run_is_told_once() {
    let bench = Bench::new();
    // More than can be created before the signal is heard.
    bench.file("customers.csv", customers(300));
    let monitor = Monitor::answering("200 OK");
    bench.simulator().hold(Hold { at: HoldPoint::Received, domain: None });
    let arguments =
        ["--concurrency", "1", "--notify-url", &monitor.url, "--on-finish", "echo once >> ended.txt"];
    let running = bench.import("customers.csv").args(arguments).spawn();
    bench.wait_until_held();
    running.signal("TERM");
    bench.simulator().release();
    assert_eq!(running.wait().code, Some(143));
    assert_eq!(monitor.paths(), ["/ping/abc/start", "/ping/abc/fail"]);
    assert_eq!(monitor.last()["exit_code"], 143);
    assert_eq!(std::fs::read_to_string(bench.path("ended.txt")).unwrap().trim(), "once");
}

#[test]
fn the_command_at_the_end_knows_how_it_ended_and_no_secret() {
    let (tells, keeps_code) = match cfg!(windows) {
        true => ("set > told.txt & echo printed& exit 7", "echo %TENANTRY_EXIT_CODE% > code.txt"),
        false => ("env > told.txt; printf 'printed\r\n'; exit 7", "echo $TENANTRY_EXIT_CODE > code.txt"),
    };
    let bench = Bench::new();
    bench.file("customers.csv", customers(2));
    let call = bench.import("customers.csv").with_app();
    let done = call.args(["--json", "--on-finish", tells]).exits(0);
    done.says("the command of --on-finish failed").says("printed\n");
    // Standard output is the summary's alone.
    assert_eq!(done.json()["rows"]["created"], 2);
    let told = std::fs::read_to_string(bench.path("told.txt")).unwrap();
    let variable = |name: &str| {
        let line = told.lines().find_map(|line| line.strip_prefix(&format!("{name}=")));
        line.unwrap_or_else(|| panic!("no {name}: {told}")).to_owned()
    };
    assert_eq!((variable("TENANTRY_EXIT_CODE"), variable("TENANTRY_RUN")), ("0".to_owned(), "1".to_owned()));
    assert_eq!(variable("TENANTRY_LEDGER"), bench.ledger_path().to_str().unwrap());
    let summary: Value = serde_json::from_str(&variable("TENANTRY_SUMMARY")).unwrap();
    assert_eq!(summary["rows"]["created"], 2);
    assert!(!told.contains(CLIENT_SECRET) && !told.contains("TENANTRY_ON_FINISH"), "{told}");
    // Also where the run cannot begin.
    bench.import("missing.csv").args(["--on-finish", keeps_code]).exits(2);
    assert_eq!(std::fs::read_to_string(bench.path("code.txt")).unwrap().trim_end(), "2");
}

#[test]
fn the_metrics_are_those_of_the_ledger() {
    let bench = Bench::new();
    let bad = row("fabrikam").replace(&email("fabrikam"), "nowhere");
    bench.file("customers.csv", customers(3) + &bad + "\n");
    bench.import("customers.csv").args(["--metrics-file", "tenantry.prom"]).exits(3);
    let text = std::fs::read_to_string(bench.path("tenantry.prom")).unwrap();
    let ledger = bench.ledger_path().to_str().unwrap().replace('\\', "\\\\");
    for (metric, value) in [
        (format!("tenantry_rows{{ledger=\"{ledger}\",state=\"created\"}}"), "3.0"),
        (format!("tenantry_rows{{ledger=\"{ledger}\",state=\"rejected\"}}"), "1.0"),
        (format!("tenantry_last_run_exit_code{{ledger=\"{ledger}\"}}"), "3.0"),
        (format!("tenantry_last_run_requests{{ledger=\"{ledger}\"}}"), "3.0"),
    ] {
        assert!(text.contains(&format!("{metric} {value}\n")), "no {metric} {value}: {text}");
    }
    assert!(
        text.contains("# TYPE tenantry_rows gauge\n") && text.contains("# HELP tenantry_rows "),
        "{text}"
    );
    // The collector takes no file without a line break at its end.
    assert!(!text.contains("# EOF") && text.ends_with("1.0\n"), "{text:?}");
    let gauge = |name: &str| metric(&bench, "tenantry.prom", name);
    assert_eq!(gauge("last_success_timestamp_seconds"), Some(0.0));
    assert_eq!((gauge("rows_held_back"), gauge("agreements_acknowledged")), (Some(0.0), Some(0.0)));
    assert!(gauge("last_run_end_timestamp_seconds").is_some_and(|seconds| seconds > 1.7e9), "{text}");
    assert!(text.contains("tenantry_agreements{") && text.contains("state=\"held_back\"} 0.0\n"), "{text}");
    // Whether it can be written is no matter of the run's.
    bench.file("folder", "");
    let done = bench.resume().args(["--metrics-file", "folder/tenantry.prom"]).exits(3);
    done.says("could not write the metrics file");
}

/// The value of a metric without a label of its own.
fn metric(bench: &Bench, file: &str, name: &str) -> Option<f64> {
    let text = std::fs::read_to_string(bench.path(file)).unwrap();
    let line = text.lines().find(|line| line.starts_with(&format!("tenantry_{name}{{")))?;
    line.rsplit(' ').next()?.parse().ok()
}

#[test]
fn a_run_that_fails_before_it_starts_is_in_the_metrics() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(1));
    bench.file("notes.txt", "mine");
    let metrics = ["--metrics-file", "m.prom"];
    let at = |name| metric(&bench, "m.prom", name).unwrap_or_else(|| panic!("no {name}"));
    let failed = |code: f64| {
        assert_eq!((at("last_run_exit_code"), at("last_run_success")), (code, 0.0));
        assert!(at("last_run_end_timestamp_seconds") > 1.7e9);
    };
    // Neither a ledger nor a list.
    bench.import("missing.csv").args(metrics).exits(2);
    failed(2.0);
    assert_eq!(at("last_success_timestamp_seconds"), 0.0);
    bench.import("customers.csv").args(metrics).exits(0);
    let success = at("last_success_timestamp_seconds");
    assert!(success > 1.7e9 && at("last_run_success") == 1.0);
    // The log cannot be started.
    bench.import("customers.csv").args(metrics).args(["--log-file", "notes.txt"]).exits(2);
    failed(2.0);
    assert_eq!(at("last_success_timestamp_seconds"), success);
    // Nobody can sign in.
    let call = bench.import("customers.csv").args(metrics).without("TENANTRY_ACCESS_TOKEN");
    call.exits(4);
    failed(4.0);
    // The settings cannot be read, but the variables can. Which ledger they name is known only from the earlier file.
    bench.file("broken.toml", "log-format = 'json'\nrate = 8/s\n");
    bench.import("customers.csv").args(metrics).exits(0);
    let success = at("last_success_timestamp_seconds");
    let monitor = Monitor::answering("200 OK");
    let call =
        bench.import("customers.csv").args(["--config", "broken.toml", "--json"]).without("TENANTRY_LEDGER");
    let call = call.env("TENANTRY_METRICS_FILE", "m.prom").env("TENANTRY_NOTIFY_URL", &monitor.url);
    let done = call.exits(2);
    assert_eq!(done.json()["error"]["exit_code"], 2);
    failed(2.0);
    assert_eq!(monitor.paths().last().unwrap(), "/ping/abc/fail");
    assert_eq!((&monitor.last()["exit_code"], &monitor.last()["rows"]), (&2.into(), &Value::Null));
    assert_eq!(at("last_success_timestamp_seconds"), success);
    let ledger = bench.ledger_path().to_str().unwrap().replace('\\', "\\\\");
    let text = std::fs::read_to_string(bench.path("m.prom")).unwrap();
    assert!(text.contains(&format!("last_run_exit_code{{ledger=\"{ledger}\"}} 2.0\n")), "{text}");
    // Without an earlier file, no ledger is named.
    std::fs::remove_file(bench.path("m.prom")).unwrap();
    let call = bench.import("customers.csv").args(["--config", "broken.toml"]).without("TENANTRY_LEDGER");
    call.args(metrics).exits(2);
    let text = std::fs::read_to_string(bench.path("m.prom")).unwrap();
    assert!(text.contains("\ntenantry_last_run_exit_code 2.0\n"), "{text}");
    assert!(text.contains("\ntenantry_last_success_timestamp_seconds 0.0\n"), "{text}");
}

#[test]
fn a_mistake_in_an_option_or_a_variable_is_reported_as_in_the_settings() {
    let bench = Bench::new();
    let monitor = Monitor::answering("200 OK");
    bench.file("customers.csv", customers(1));
    let metrics = bench.path("m.prom");
    bench.trusts(format!("notify-url = '{}'\n", monitor.url));
    let call = bench.import("customers.csv").env("TENANTRY_METRICS_FILE", &metrics);
    call.env("TENANTRY_RATE", "abc").exits(2).says("450/min");
    assert_eq!(metric(&bench, "m.prom", "last_run_exit_code"), Some(2.0));
    assert_eq!(monitor.paths().last().unwrap(), "/ping/abc/fail");
    assert_eq!((&monitor.last()["command"], &monitor.last()["exit_code"]), (&"import".into(), &2.into()));
    let told = monitor.paths().len();
    // Even if one of these options is itself wrong.
    let call = bench.resume().args(["--no-such-option", "--notify-success", "x"]);
    call.args(["--on-finish", "echo ended > ended.txt"]).exits(2);
    assert_eq!(std::fs::read_to_string(bench.path("ended.txt")).unwrap().trim(), "ended");
    assert_eq!(monitor.last()["command"], "resume");
    assert!(monitor.paths().len() > told);
    let told = monitor.paths().len();
    bench.import("customers.csv").args(["--dry-run", "--no-such-option"]).exits(2);
    bench.tenantry(["status", "--no-such-option"]).exits(2);
    bench.tenantry(["import", "--help"]).exits(0);
    assert_eq!(monitor.paths().len(), told);
    // A switch that is turned off makes no dry run.
    let real = bench.import("customers.csv").env("TENANTRY_DRY_RUN", "false");
    real.args(["--no-such-option"]).exits(2);
    assert!(monitor.paths().len() > told);
    let told = monitor.paths().len();
    // Nor does a file of that name.
    bench.tenantry(["import", "--no-such-option", "--", "--dry-run"]).exits(2);
    assert!(monitor.paths().len() > told);
}

#[test]
fn a_ledger_that_cannot_be_read_is_why_a_monitor_gets_no_figures() {
    let bench = Bench::new();
    let monitor = Monitor::answering("200 OK");
    bench.file("customers.csv", customers(1));
    let import = || bench.import("customers.csv").args(["--notify-url", &monitor.url]);
    let missing = bench.tenantry(["resume", "--notify-url", &monitor.url]).exits(1);
    assert!(!missing.stderr.contains("monitors get no figures"), "{missing}");
    import().exits(0);
    bench.file("ledger.db", "no ledger".repeat(1000));
    import().exits(2).says("monitors get no figures: the ledger cannot be read");
    assert_eq!(monitor.last()["exit_code"], 2);
}

/// Also if the job makes all its files private, as the service of systemd does.
#[cfg(unix)]
#[test]
fn the_collector_can_read_the_metrics() {
    use std::os::unix::fs::PermissionsExt;
    let bench = Bench::new();
    bench.file("customers.csv", customers(1));
    bench.file("m.prom", "");
    std::fs::set_permissions(bench.path("m.prom"), PermissionsExt::from_mode(0o600)).unwrap();
    bench.import("customers.csv").args(["--metrics-file", "m.prom"]).with_umask("077").exits(0);
    let mode = std::fs::metadata(bench.path("m.prom")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o644);
}

#[test]
fn the_second_run_waits_for_the_ledger() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(1));
    bench.file("more.csv", customers_of(["later"]));
    bench.simulator().hold(Hold { at: HoldPoint::Received, domain: None });
    let first = bench.import("customers.csv").spawn();
    bench.wait_until_held();
    let begun = Instant::now();
    bench
        .import("more.csv")
        .args(["--wait-lock", "1s"])
        .exits(11)
        .says("it is still in use after 1 s")
        .says("(pid ");
    assert!(begun.elapsed() >= Duration::from_secs(1));
    let second = bench.import("more.csv").args(["--wait-lock", "1m"]).spawn();
    let third = bench.import("more.csv").args(["--wait-lock", "1m"]).spawn();
    eventually("the third waits", || third.stderr().contains("Waiting for up to 1 min"));
    third.signal("INT");
    let done = third.wait();
    assert_eq!(done.code, Some(130), "{done}");
    done.says("nothing was done");
    eventually("the second waits", || second.stderr().contains("Waiting for up to 1 min"));
    bench.simulator().release();
    assert_eq!(first.wait().code, Some(0));
    assert_eq!(second.wait().code, Some(0));
    assert_eq!(bench.ledger().states(), states([("created", 2)]));
    bench.agree();
}

/// systemd removes the files of `LoadCredential=` when the service has ended.
#[test]
fn the_next_command_names_no_file_that_ends_with_the_service() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(2));
    std::fs::create_dir(bench.path("credentials")).unwrap();
    bench.file("credentials/client-secret", CLIENT_SECRET);
    bench.file("kept.secret", CLIENT_SECRET);
    let next = |secret: &str| {
        let call = bench.import("customers.csv").with_app().without("TENANTRY_CLIENT_SECRET");
        let call = call.env("TENANTRY_CLIENT_SECRET_FILE", bench.path(secret)).args(["--limit", "1"]);
        call.env("CREDENTIALS_DIRECTORY", bench.path("credentials")).args(["--json"]).run().json()["next"]
            .clone()
    };
    let next_of_service = next("credentials/client-secret");
    assert!(next_of_service.as_str().unwrap().starts_with("tenantry resume"), "{next_of_service}");
    assert!(!next_of_service.as_str().unwrap().contains("client-secret"), "{next_of_service}");
    bench.file("customers.csv", customers(4));
    let next = next("kept.secret");
    assert!(next.as_str().unwrap().contains("kept.secret"), "{next}");
}

/// The lines of a sample that run us, without what the shell does with them.
fn commands_of(name: &str) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(sample(name)).unwrap();
    let mut commands = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        for (at, _) in line.match_indices("tenantry ") {
            let command = line[at..].split(['>', ';', '&', '|']).next().unwrap();
            let arguments: Vec<String> = command.split_whitespace().skip(1).map(str::to_owned).collect();
            if arguments.first().is_some_and(|first| first == "import" || first == "resume") {
                commands.push(arguments);
            }
        }
    }
    commands
}

#[test]
fn the_commands_of_the_samples_run_as_they_stand() {
    let bench = Bench::new();
    bench.file("tenantry.toml", std::fs::read(sample("tenantry.toml")).unwrap());
    bench.file("customers.csv", customers(2));
    bench.file("contoso.secret", "x");
    let samples = ["nightly/tenantry.service", "nightly/crontab", "nightly/tenantry-task.xml"];
    for (name, count) in samples.into_iter().zip([1, 1, 1]) {
        let commands = commands_of(name);
        assert_eq!(commands.len(), count, "{name}: {commands:?}");
        for command in commands {
            // Nobody is there to be asked.
            let call = bench.tenantry(command).unattended();
            call.without("TENANTRY_ACCESS_TOKEN").without("TENANTRY_LEDGER").exits(0);
        }
    }
    assert_eq!(bench.count(Operation::Create), 2);
    assert!(bench.path("contoso.db").exists() && bench.path("contoso.prom").exists());
}

#[test]
fn the_exit_codes_of_the_samples_are_those_of_the_program() {
    let bench = Bench::new();
    let help = bench.tenantry(["--help"]).exits(0).stdout;
    let meaning = |code: &str| {
        let line = help.lines().map(str::trim).find_map(|line| line.strip_prefix(&format!("{code}  ")));
        line.unwrap_or_else(|| panic!("no exit code {code}")).to_owned()
    };
    let service = std::fs::read_to_string(sample("nightly/tenantry.service")).unwrap();
    let codes = |key: &str| {
        let line = service.lines().find_map(|line| line.strip_prefix(&format!("{key}=")));
        line.unwrap_or_else(|| panic!("no {key}")).to_owned()
    };
    assert_eq!(codes("SuccessExitStatus"), "3 143");
    assert_eq!(codes("RestartForceExitStatus"), "5 11");
    // As often as the crontab, also if each run takes hours; and the next night starts anew.
    assert_eq!((&*codes("StartLimitIntervalSec"), &*codes("StartLimitBurst")), ("20h", "4"));
    let settings = std::fs::read_to_string(sample("tenantry.toml")).unwrap();
    assert!(settings.contains("\nnotify-success = \"0,3\""), "{settings}");
    let crontab = std::fs::read_to_string(sample("nightly/crontab")).unwrap();
    assert!(crontab.contains(" 5|11) sleep ") && crontab.contains(" 0|3) ;;"), "{crontab}");
    let task = std::fs::read_to_string(sample("nightly/tenantry-task.xml")).unwrap();
    assert!(task.contains("if not !code! equ 5 if not !code! equ 11 exit !code!"), "{task}");
    assert!(meaning("3").starts_with("done, but some rows are rejected"), "{help}");
    assert!(meaning("5").starts_with("stopped early"), "{help}");
    assert!(meaning("11").starts_with("another process works on this ledger"), "{help}");
    assert!(meaning("143").starts_with("terminated"), "{help}");
}

/// systemd skips the whole night if its time is in the hour that the clock skips.
#[test]
fn the_samples_start_after_the_hour_that_summer_time_skips() {
    for (name, time) in [
        ("nightly/tenantry.timer", "\nOnCalendar=*-*-* 04:15:00\n"),
        ("nightly/crontab", "\n15 4 * * * "),
        ("nightly/tenantry-task.xml", "T04:15:00</StartBoundary>"),
    ] {
        let text = std::fs::read_to_string(sample(name)).unwrap();
        assert!(text.contains(time), "{name}: {text}");
    }
}

/// A sign-in of another folder would not be found.
#[test]
fn the_user_of_the_service_signs_in_with_its_folders() {
    let service = std::fs::read_to_string(sample("nightly/tenantry.service")).unwrap();
    let as_service = std::fs::read_to_string(sample("nightly/as-service")).unwrap();
    let values = |key: &str| {
        let lines = service.lines().filter_map(|line| line.strip_prefix(&format!("{key}=")));
        lines.flat_map(str::split_whitespace).map(str::to_owned).collect::<Vec<_>>()
    };
    let mut shared = values("Environment");
    assert_eq!(shared.len(), 3, "{service}");
    shared.extend(values("User").iter().map(|user| format!("runuser -u {user} ")));
    shared.extend(values("WorkingDirectory").iter().map(|folder| format!("cd {folder}\n")));
    shared.extend(["TENANTRY_CONFIG=tenantry.toml".to_owned(), "TENANTRY_PROFILE=contoso".to_owned()]);
    for shared in shared {
        assert!(as_service.contains(&shared), "{shared}: {as_service}");
    }
    assert!(service.contains(" --config tenantry.toml --profile contoso "), "{service}");
}

/// Not even its secrets and proxies. The program is `env` here, which prints them.
#[cfg(unix)]
#[test]
fn the_user_of_the_service_gets_nothing_of_roots_environment() {
    use std::os::unix::fs::PermissionsExt;
    let bench = Bench::new();
    let as_service = std::fs::read_to_string(sample("nightly/as-service")).unwrap();
    let as_service =
        as_service.replace("cd /var/lib/tenantry\n", "").replace("/usr/local/bin/tenantry ", "env ");
    bench.file("as-service", as_service);
    let runuser = "#!/bin/sh\n[ \"$1 $2 $3\" = '-u tenantry --' ] || exit 9\nshift 3\nexec \"$@\"\n";
    bench.file("runuser", runuser);
    std::fs::set_permissions(bench.path("runuser"), PermissionsExt::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", bench.path("").display(), std::env::var("PATH").unwrap());
    let mut command = std::process::Command::new("sh");
    command.arg(bench.path("as-service")).env("PATH", path).env("TENANTRY_CLIENT_SECRET", "s");
    command.env("HTTPS_PROXY", "http://proxy").env("SUDO_USER", "ana").env("TERM", "xterm");
    let done = command.stdin(std::process::Stdio::null()).output().unwrap();
    assert!(done.status.success(), "{done:?}");
    let environment = String::from_utf8(done.stdout).unwrap();
    let mut names: Vec<_> = environment.lines().filter_map(|line| Some(line.split_once('=')?.0)).collect();
    names.sort_unstable();
    let expected = [
        "HOME",
        "PATH",
        "TENANTRY_CONFIG",
        "TENANTRY_METRICS_FILE",
        "TENANTRY_PROFILE",
        "TERM",
        "XDG_CACHE_HOME",
        "XDG_CONFIG_HOME",
    ];
    assert_eq!(names, expected);
}

/// The schema of the Task Scheduler gives only the children of a trigger an order (`xs:sequence`).
#[test]
fn the_trigger_of_the_windows_task_has_the_order_of_its_schema() {
    const OF_A_TRIGGER: [&str; 7] = [
        "Enabled",
        "StartBoundary",
        "EndBoundary",
        "Repetition",
        "ExecutionTimeLimit",
        "RandomDelay",
        "ScheduleByDay",
    ];
    let task = std::fs::read_to_string(sample("nightly/tenantry-task.xml")).unwrap();
    let task = regex::Regex::new("(?s)<!--.*?-->").unwrap().replace_all(&task, "").into_owned();
    let children = |parent: &str| {
        let content = task.split(&format!("<{parent}")).nth(1).unwrap().split_once('>').unwrap().1;
        let content = content.split(&format!("</{parent}>")).next().unwrap();
        let (mut depth, mut children) = (0, Vec::new());
        for tag in regex::Regex::new(r"<(/?)(\w+)[^>]*>").unwrap().captures_iter(content) {
            let is_end = &tag[1] == "/";
            if depth == 0 && !is_end {
                children.push(tag[2].to_owned());
            }
            depth += if is_end { -1 } else { 1 };
        }
        children
    };
    let places: Vec<_> = children("CalendarTrigger")
        .iter()
        .map(|child| OF_A_TRIGGER.iter().position(|known| known == child))
        .collect();
    assert!(!places.is_empty() && places.iter().all(Option::is_some) && places.is_sorted(), "{places:?}");
    assert_eq!(children("Task"), ["RegistrationInfo", "Triggers", "Principals", "Settings", "Actions"]);
}
