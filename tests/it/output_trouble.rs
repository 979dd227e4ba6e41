//! Nothing that happens to standard error, standard output, a terminal or a log costs a row, a password or an exit code,
//! and none of it keeps a signal from being heard.

use std::fs::File;
use std::io::{PipeReader, Read, Write, pipe};
use std::process::{Child, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tenantry_simulator::{Fault, Hold, HoldPoint, Operation};

use pty_process::blocking::Command;

use crate::harness::{Bench, Call, customers, customers_of, domain, eventually, states};

/// Rows that one after the other take longer than a signal needs to be heard on a busy machine.
const MANY: usize = 300;

/// For a program that has nothing to wait for but a stuck output.
const AT_ONCE: Duration = Duration::from_secs(8);

/// A pipe that is full, and that nobody reads. It ends when the reader is dropped.
pub(crate) fn stuck_pipe() -> (PipeReader, Stdio) {
    let (reader, writer) = pipe().unwrap();
    let mut filling = writer.try_clone().unwrap();
    // Ends with the reader.
    thread::spawn(move || while filling.write_all(&[b'.'; 1024]).is_ok() {});
    (reader, writer.into())
}

/// A pipe whose reader is gone.
pub(crate) fn closed_pipe() -> Stdio {
    pipe().unwrap().1.into()
}

#[cfg(target_os = "linux")]
fn full_disk() -> Stdio {
    File::options().write(true).open("/dev/full").unwrap().into()
}

/// A command under way, killed where a test fails meanwhile.
struct Started(Child);

impl Started {
    fn new(call: Call<'_>, stdout: impl Into<Stdio>, stderr: impl Into<Stdio>) -> Self {
        Self(call.command().stdout(stdout).stderr(stderr).spawn().unwrap())
    }

    fn signal(&self, name: &str) {
        let pid = rustix::process::Pid::from_child(&self.0);
        let signal = match name {
            "INT" => rustix::process::Signal::INT,
            "TERM" => rustix::process::Signal::TERM,
            _ => unreachable!(),
        };
        rustix::process::kill_process(pid, signal).unwrap();
    }

    fn status(&mut self) -> ExitStatus {
        eventually("the command ends", || self.0.try_wait().unwrap().is_some());
        self.0.wait().unwrap()
    }

    fn exits(&mut self, code: i32) {
        assert_eq!(self.status().code(), Some(code));
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Imports 60 rows with much to say about them: an outage, a refusal, and lines for every attempt.
fn import_with_much_to_say(arguments: &[&str], stdout: impl Into<Stdio>, stderr: impl Into<Stdio>) {
    let bench = Bench::new();
    let domains: Vec<String> = (1..60).map(domain).chain(["refuse-400-600051".to_owned()]).collect();
    bench.file("customers.csv", customers_of(domains.iter().map(String::as_str)));
    bench.fault(Operation::Create, &domain(7), Fault::StatusBefore { status: 503 }, 2);
    bench.fault(Operation::Create, &domain(9), Fault::DropAfter, 1);
    let call = bench.import("customers.csv").args(arguments);
    Started::new(call, stdout, stderr).exits(3);
    assert_eq!(bench.ledger().states(), states([("created", 59), ("failed", 1)]));
    bench.agree();
}

#[test]
fn a_reader_of_standard_error_that_is_gone_costs_nothing() {
    import_with_much_to_say(&["-vvv"], Stdio::null(), closed_pipe());
    import_with_much_to_say(&["-vvv", "--log-format", "json"], closed_pipe(), closed_pipe());
}

#[test]
fn a_reader_of_standard_error_that_never_reads_costs_nothing() {
    let (_reader, stderr) = stuck_pipe();
    import_with_much_to_say(&["-vvv"], Stdio::null(), stderr);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_under_any_output_costs_nothing() {
    import_with_much_to_say(&["-vvv"], Stdio::null(), full_disk());
    import_with_much_to_say(&["-vv", "--log-file", "/dev/full"], full_disk(), full_disk());
}

#[cfg(target_os = "linux")]
#[test]
fn what_is_missing_in_a_log_file_is_said() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(3));
    let done = bench.import("customers.csv").args(["--log-file", "/dev/full"]).exits(0);
    done.says("lines could not be written to the log file `/dev/full`.");
    assert!(!done.stderr.contains("tracing-subscriber"), "{done}");
    let quiet = bench.import("customers.csv").args(["--log-file", "/dev/full", "-q"]).exits(0);
    assert_eq!(quiet.stderr, "");
}

#[test]
fn a_signal_ends_the_wait_for_a_reader_of_a_failure() {
    let bench = Bench::new();
    let (_reader, stdout) = stuck_pipe();
    let mut resume = bench.resume().args(["--json"]).spawn_to(Some(stdout), None);
    eventually("it has failed", || resume.stderr().contains("there is no ledger"));
    resume.signal("INT");
    eventually("it ends", || resume.has_ended());
    assert_eq!(resume.wait().code, Some(1));
}

#[test]
fn what_was_said_before_a_result_comes_before_it() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(3));
    let (mut reader, writer) = pipe().unwrap();
    let call = bench.import("customers.csv").args(["-v"]);
    let mut import = Started::new(call, writer.try_clone().unwrap(), writer);
    let mut all = String::new();
    reader.read_to_string(&mut all).unwrap();
    import.exits(0);
    let place = |words: &str| all.find(words).unwrap_or_else(|| panic!("`{words}` is missing: {all}"));
    assert!(place("3 rows read, 3 new") < place("run ended"), "{all}");
    assert!(place("run ended") < place("3 rows sent"), "{all}");
    assert!(place("3 rows sent") < place("every row is created"), "{all}");
}

#[test]
fn a_signal_is_heard_at_once_although_standard_error_is_stuck() {
    for (signal, code) in [("TERM", 143), ("INT", 130)] {
        let bench = Bench::new();
        bench.file("customers.csv", customers(3));
        bench.simulator().hold(Hold { at: HoldPoint::Created, domain: None });
        let (_reader, stderr) = stuck_pipe();
        let call = bench.import("customers.csv").args(["-vvv", "--concurrency", "1"]);
        let mut import = Started::new(call, Stdio::null(), stderr);
        bench.wait_until_held();
        let begun = Instant::now();
        // The second one leaves at once. A signal that comes before the one before it was seen is the same one, so it is
        // sent until it is.
        while import.0.try_wait().unwrap().is_none() && begun.elapsed() < AT_ONCE {
            import.signal(signal);
            thread::sleep(Duration::from_millis(50));
        }
        import.exits(code);
        assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
        bench.simulator().release();
        bench.agree_so_far();
    }
}

#[test]
fn answers_on_their_way_are_recorded_before_a_run_with_a_stuck_standard_error_ends() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(MANY));
    bench.simulator().hold(Hold { at: HoldPoint::Created, domain: None });
    let (_reader, stderr) = stuck_pipe();
    let call = bench.import("customers.csv").args(["-vvv", "--concurrency", "1"]);
    let mut import = Started::new(call, Stdio::null(), stderr);
    bench.wait_until_held();
    import.signal("TERM");
    bench.simulator().release();
    import.exits(143);
    assert_eq!(bench.ledger().row(&domain(1)).state, "created");
    bench.agree_so_far();
}

/// Imports on a terminal that is closed while the first create is under way.
fn import_on_a_terminal_that_is_closed(rows: usize, before: &[&str], code: i32) -> Bench {
    let bench = Bench::new();
    bench.file("customers.csv", customers(rows));
    bench.simulator().hold(Hold { at: HoldPoint::Created, domain: None });
    let call = bench.import("customers.csv").args(["--yes", "-vvv", "--concurrency", "1"]).command();
    let mut words = before.iter().map(AsRef::as_ref).chain([call.get_program()]).chain(call.get_args());
    let mut command = Command::new(words.next().unwrap()).args(words);
    command = command.current_dir(call.get_current_dir().unwrap());
    for (name, value) in call.get_envs().filter_map(|(name, value)| Some((name, value?))) {
        command = command.env(name, value);
    }
    let (pty, pts) = pty_process::blocking::open().unwrap();
    let mut import = Started(command.spawn(pts).unwrap());
    bench.wait_until_held();
    drop(pty);
    bench.simulator().release();
    import.exits(code);
    bench
}

/// `stty tostop` stops a job in the background at its first line.
#[test]
fn a_run_in_the_background_of_a_terminal_that_stops_writers_goes_on() {
    use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
    let bench = Bench::new();
    bench.file("customers.csv", customers(3));
    let (pty, pts) = pty_process::blocking::open().unwrap();
    let mut modes = tcgetattr(&pty).unwrap();
    modes.local_modes |= LocalModes::TOSTOP;
    tcsetattr(&pty, OptionalActions::Now, &modes).unwrap();
    let script = "set -m; \"$0\" \"$@\" & wait $!";
    let call = bench.import("customers.csv").args(["--yes", "-vvv"]).in_shell(script);
    let mut import = Started(crate::terminal::on_terminal(call).spawn(pts).unwrap());
    let reading = thread::spawn(move || {
        let mut all = Vec::new();
        // A terminal that no program has open any more is an error on Linux.
        drop((&pty).read_to_end(&mut all));
        String::from_utf8_lossy(&all).into_owned()
    });
    import.exits(0);
    let all = reading.join().unwrap();
    assert!(all.contains("3 rows sent"), "{all}");
    bench.agree();
}

#[test]
fn a_terminal_that_is_closed_ends_the_run_as_a_signal_does() {
    let bench = import_on_a_terminal_that_is_closed(MANY, &[], 143);
    assert_eq!(bench.ledger().row(&domain(1)).state, "created");
    bench.agree_so_far();
}

#[test]
fn a_run_that_is_to_outlive_its_terminal_does() {
    // What `nohup` does.
    let bench = import_on_a_terminal_that_is_closed(3, &["sh", "-c", "trap '' HUP; exec \"$0\" \"$@\""], 0);
    assert_eq!(bench.ledger().states(), states([("created", 3)]));
    bench.agree();
}

#[test]
fn a_summary_that_nobody_reads_keeps_neither_the_ledger_nor_a_signal() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(3));
    let (_reader, stdout) = stuck_pipe();
    let mut import = Started::new(bench.import("customers.csv"), stdout, Stdio::null());
    eventually("the run is recorded", || {
        bench.has_ledger() && {
            let ended = "SELECT count(*) FROM runs WHERE finished_at IS NOT NULL";
            rusqlite::Connection::open(bench.ledger_path())
                .and_then(|ledger| ledger.query_row(ended, [], |row| row.get::<_, i64>(0)))
                .is_ok_and(|runs| runs == 1)
        }
    });
    bench.resume().args(["--wait-lock", "1m"]).exits(0);
    assert!(import.0.try_wait().unwrap().is_none(), "it waits for whoever reads its summary");
    import.signal("TERM");
    // The run was over, and all was well.
    import.exits(0);
    bench.agree();
}

/// Who watches over runs hears of this one, although nobody reads what it prints; and a signal ends it all the same.
#[test]
fn a_stuck_reader_keeps_neither_a_monitor_nor_a_run_that_was_ended_by_a_signal() {
    for (arguments, is_ended_by_a_signal) in [(&["-vvv"][..], true), (&["-vvv", "--json"], false)] {
        let bench = Bench::new();
        bench.file("customers.csv", customers(3));
        bench.simulator().hold(Hold { at: HoldPoint::Created, domain: None });
        let (_reader, stdout) = stuck_pipe();
        let call = bench.import("customers.csv").args(["--concurrency", "1", "--metrics-file", "m.prom"]);
        let call = call.args(["--on-finish", "echo > told.txt"]).args(arguments);
        let mut import = Started::new(call, stdout, Stdio::null());
        bench.wait_until_held();
        let begun = Instant::now();
        if is_ended_by_a_signal {
            import.signal("TERM");
        }
        bench.simulator().release();
        eventually("monitors hear of it", || {
            bench.path("m.prom").exists() && bench.path("told.txt").exists()
        });
        if is_ended_by_a_signal {
            import.exits(143);
            assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
        } else {
            assert!(import.0.try_wait().unwrap().is_none(), "it waits for whoever reads its summary");
            import.signal("TERM");
            import.exits(0);
        }
        bench.agree_so_far();
    }
}

#[test]
fn a_summary_that_is_missing_after_a_signal_is_said_to_be() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(MANY));
    bench.simulator().hold(Hold { at: HoldPoint::Created, domain: None });
    let (_reader, stdout) = stuck_pipe();
    let (mut said, stderr) = pipe().unwrap();
    let mut import = Started::new(bench.import("customers.csv").args(["--concurrency", "1"]), stdout, stderr);
    bench.wait_until_held();
    import.signal("INT");
    bench.simulator().release();
    import.exits(130);
    let mut all = String::new();
    said.read_to_string(&mut all).unwrap();
    assert!(all.contains("The summary is missing: "), "{all}");
}

/// It would wait for its own output, up to its 10 minutes.
#[test]
fn the_command_at_the_end_does_not_wait_for_a_stuck_standard_error() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(1));
    // More than any pipe holds, by what every shell has.
    let much = "i=0; while [ $i -lt 3000 ]; do echo 0123456789012345678901234567890123456789012345678901234567890123456789; \
                i=$((i+1)); done; echo done > done.txt";
    let (_reader, stderr) = stuck_pipe();
    let begun = Instant::now();
    let call = bench.import("customers.csv").args(["--on-finish", much]);
    Started::new(call, Stdio::null(), stderr).exits(0);
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    assert!(bench.path("done.txt").exists());
    // What it leaves running holds nobody up, and what it says is seen.
    let begun = Instant::now();
    let lasting = "echo first; echo second >&2; sleep 30 & echo third";
    let done = bench.import("customers.csv").args(["--on-finish", lasting]).exits(0);
    done.says("first\nsecond\nthird\n");
    assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
}

#[test]
fn a_check_whose_problems_nobody_reads_hears_a_signal() {
    let bench = Bench::new();
    // More problems than a pipe holds.
    bench.file("customers.csv", customers(3000).replace("en-GB", "no culture at all"));
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let (mut reader, stdout) = pipe().unwrap();
        let mut check =
            Started::new(bench.tenantry(["check", "customers.csv", "--json"]), stdout, Stdio::null());
        reader.read_exact(&mut [0]).unwrap();
        let begun = Instant::now();
        check.signal(signal);
        check.exits(code);
        assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
    }
}

/// Every command whose job is standard output.
const WRITERS: [&[&str]; 21] = [
    &["--help"],
    &["import", "--help"],
    &["--version"],
    &["status"],
    &["status", "--json"],
    &["show", "harborline00001"],
    &["show", "harborline00001", "--json"],
    &["list"],
    &["list", "--json"],
    &["export", "all"],
    &["report"],
    &["report", "--format", "md"],
    &["report", "--format", "json"],
    &["credentials"],
    &["template"],
    &["template", "--explain"],
    &["completions", "bash"],
    &["man"],
    &["config", "show"],
    &["check", "customers.csv"],
    &["check", "customers.csv", "--json"],
];

#[test]
fn a_reader_that_has_read_enough_is_no_failure() {
    each_writer(closed_pipe, 0, |stderr| !stderr.contains("error"));
}

#[cfg(target_os = "linux")]
#[test]
fn a_result_that_finds_no_room_is_a_failure() {
    each_writer(full_disk, 1, |stderr| stderr.contains("the disk is full"));
}

fn each_writer(stdout: impl Fn() -> Stdio, code: i32, is_right: impl Fn(&str) -> bool) {
    let bench = Bench::new();
    // More passwords than any buffer holds.
    bench.file("customers.csv", customers(150));
    bench.import("customers.csv").exits(0);
    for arguments in WRITERS {
        let (mut reader, stderr) = pipe().unwrap();
        let mut writer = Started::new(bench.tenantry(arguments), stdout(), stderr);
        let mut said = String::new();
        reader.read_to_string(&mut said).unwrap();
        assert_eq!(writer.status().code(), Some(code), "{arguments:?}: {said}");
        assert!(is_right(&said), "{arguments:?}: {said}");
    }
}

#[test]
fn a_run_keeps_its_exit_code_whatever_becomes_of_its_summary() {
    let bench = Bench::new();
    bench.file("customers.csv", customers_of([&*domain(1), "refuse-400-600051"]));
    let outputs: &[fn() -> Stdio] = &[
        closed_pipe,
        #[cfg(target_os = "linux")]
        full_disk,
    ];
    for stdout in outputs {
        for arguments in [&[][..], &["--json"]] {
            let call = bench.import("customers.csv").args(arguments);
            Started::new(call, stdout(), Stdio::null()).exits(3);
            let call = bench.import("customers.csv").args(["--dry-run"]).args(arguments);
            Started::new(call, stdout(), Stdio::null()).exits(0);
        }
    }
}

#[test]
fn a_log_says_of_rows_only_what_a_run_made_of_them() {
    let bench = Bench::new();
    bench.file("customers.csv", customers_of(["refuse-400-600051"]));
    let meaning = |arguments: &[&str], code: i32| {
        let logged = bench.tenantry(arguments).args(["--log-file", "all.log", "--log-format", "json"]);
        logged.exits(code);
        let log = std::fs::read_to_string(bench.path("all.log")).unwrap();
        let last: serde_json::Value = serde_json::from_str(log.lines().last().unwrap()).unwrap();
        last["meaning"].as_str().unwrap().to_owned()
    };
    assert_eq!(meaning(&["import", "customers.csv", "--dry-run"], 0), "done");
    assert_eq!(meaning(&["import", "customers.csv"], 3), "done, but some rows are rejected or failed");
    assert_eq!(meaning(&["status"], 0), "done");
    assert_eq!(meaning(&["check", "customers.csv"], 0), "done");
}
