//! A first signal ends at once what only asks, and what a command of `--on-finish` has started.

use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use tenantry_simulator::{Fault, Hold, HoldPoint, Operation, ScriptedFault};

use crate::harness::{Bench, Running, SIGNALS, customers, eventually};

/// Far less than the patience that any command has with a service.
const AT_ONCE: Duration = Duration::from_secs(8);

fn ends_at_once(running: Running, (signal, code): (&str, i32)) {
    let begun = Instant::now();
    running.signal(signal);
    let done = running.wait();
    assert_eq!(done.code, Some(code), "{signal}: {done}");
    assert!(begun.elapsed() < AT_ONCE, "{signal}, {:?}: {done}", begun.elapsed());
}

#[test]
fn a_question_to_a_silent_service_ends_with_the_first_signal() {
    for &signal in SIGNALS {
        for arguments in [
            &["login"][..],
            &["whoami"],
            &["check", "customers.csv", "--online"],
            &["rules", "update", "--country", "DE"],
            &["import", "customers.csv", "--yes"],
        ] {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let bench = Bench::at(&format!("http://{}", listener.local_addr().unwrap()));
            bench.file("customers.csv", customers(3));
            // Signs in, which nobody answers; `whoami` asks with a token that it has.
            let mut call = bench.tenantry(arguments);
            if arguments != ["whoami"] {
                call = call.with_app();
            }
            if arguments == ["login"] {
                call = call.without("TENANTRY_CLIENT_SECRET");
            }
            let running = call.spawn();
            // Connections are taken, and never answered.
            let _asking: (TcpStream, _) = listener.accept().unwrap();
            ends_at_once(running, signal);
        }
    }
}

#[test]
fn a_reconciliation_ends_with_the_first_signal_although_the_service_is_silent() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(1));
    bench.simulator().hold(Hold { at: HoldPoint::Received, domain: None });
    let import = bench.import("customers.csv").spawn();
    bench.wait_until_held();
    import.kill();
    bench.simulator().release();
    bench.simulator().script(ScriptedFault::next(Operation::Search, Fault::StalledBefore).times(1000));
    for &signal in SIGNALS {
        let asked = bench.count(Operation::Search);
        let running = bench.tenantry(["reconcile", "--settle-delay", "0s"]).spawn();
        eventually("it asks", || bench.count(Operation::Search) > asked);
        ends_at_once(running, signal);
        assert_eq!(bench.ledger().row("harborline00001").state, "in_flight");
    }
    let interrupted =
        "SELECT count(*) FROM attempts WHERE operation = 'find_customer' AND outcome = 'interrupted'";
    assert_eq!(bench.ledger().number(interrupted), i64::try_from(SIGNALS.len()).unwrap());
    bench.simulator().end_script();
    bench.resume().exits(0);
    bench.agree();
}

#[cfg(unix)]
#[test]
fn what_on_finish_has_started_ends_with_it() {
    use std::io::{Read, pipe};
    use std::process::Stdio;
    let bench = Bench::new();
    bench.file("customers.csv", customers(1));
    let (mut reader, writer) = pipe().unwrap();
    // The child of the shell keeps standard error open for as long as it lives.
    let script = "sleep 60 & echo started; wait";
    let call = bench.import("customers.csv").args(["-q", "--on-finish", script]);
    let mut import = call.command().stdout(Stdio::null()).stderr(writer).spawn().unwrap();
    let mut said = [0; 8];
    reader.read_exact(&mut said).unwrap();
    assert_eq!(&said, b"started\n");
    let pid = rustix::process::Pid::from_child(&import);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    let begun = Instant::now();
    // Comes to its end when all of them have.
    reader.read_to_end(&mut Vec::new()).unwrap();
    assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
    assert_eq!(import.wait().unwrap().code(), Some(0), "the run was over, and all was well");
    bench.agree();
}
