//! Files and services that mean harm: what they say is data, in a terminal, in a spreadsheet and in memory.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};

use crate::harness::{Bench, Done, HEADER, customers, row};

/// Clears a screen in two ways, colours, hides, turns the reading direction, and forges a line.
const OBEYED: &str = "\u{1b}[2J\u{9b}31m\u{7f}\u{202e}\u{2066}\u{61c}\u{2028}\nerror: forged";

const FORMULA: &str = "  =HYPERLINK(\"http://x\");＝1+1; @SUM(1)";

/// A service that refuses whatever it is asked, in the worst words there are. It goes away with the test run.
fn hostile_service() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || refuse(stream));
        }
    });
    url
}

/// Answers one request; the connection ends with it.
fn refuse(mut stream: TcpStream) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut length, mut line) = (0, String::new());
    while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        line.clear();
    }
    reader.read_exact(&mut vec![0; length]).unwrap();
    let body = serde_json::json!({
        "code": format!("={OBEYED}"),
        "description": format!("{FORMULA}{OBEYED}"),
    });
    let body = body.to_string();
    let head =
        "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nMS-RequestId: x\r\nConnection: close";
    drop(write!(stream, "{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()));
}

/// Nothing that a terminal obeys, and no line that somebody else made.
#[track_caller]
fn check_screen(done: &Done) {
    let obeyed = |c: char| {
        c != '\n'
            && (c.is_control()
                || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'))
    };
    for text in [&done.stdout, &done.stderr] {
        assert!(!text.contains(obeyed), "{text:?}");
        assert!(!text.lines().any(|line| line.starts_with("error: forged")), "{text:?}");
    }
}

/// The file `name` was imported against [`hostile_service`].
fn refused(name: &str) -> Bench {
    let bench = Bench::at(&hostile_service());
    let header = HEADER.to_owned() + ",\"note" + OBEYED + "\"\n";
    let good = row("one") + ",\"=1+1" + OBEYED + "\"\n";
    let wrong = row("two").replace("Ana", &format!("\"A{OBEYED}\"")) + ",\n";
    bench.file(name, [header, good, wrong].concat());
    check_screen(&bench.import(name).args(["-vv"]).run());
    bench
}

#[cfg(unix)]
#[test]
fn nothing_hostile_reaches_the_screen() {
    let name = format!("a{OBEYED}.csv");
    let bench = refused(&name);
    for flags in [&[][..], &["--json"]] {
        check_screen(&bench.tenantry(["check", &name]).args(flags).run());
        check_screen(&bench.import(&name).args(flags).args(["--retry-failed", "-vv"]).run());
        check_screen(&bench.tenantry(["status"]).args(flags).exits(0));
        check_screen(&bench.tenantry(["show", "one"]).args(flags).exits(0));
        check_screen(&bench.tenantry(["show", "--line", "5"]).args(flags).run());
        check_screen(&bench.tenantry(["list"]).args(flags).exits(0));
        check_screen(&bench.resume().args(flags).args(["--log-format", "json", "-vv"]).run());
    }
    check_screen(&bench.tenantry(["whoami"]).run());
    // What is wrong with a command line takes several lines, so that one of its own may have them too.
    let rate = format!("--rate={}", OBEYED.replace('\n', ""));
    check_screen(&bench.tenantry(["import", &rate, &name]).exits(2));
    check_screen(&bench.tenantry(["check", &format!("nowhere-{name}")]).exits(2));
    check_screen(&bench.tenantry(["status", "--ledger", &format!("nowhere-{name}")]).run());
    check_screen(&bench.tenantry(["show", OBEYED]).run());
    check_screen(&bench.tenantry(["show", "Harborline"]).run());
    check_screen(&bench.tenantry(["list", "--search", OBEYED]).run());
}

#[test]
fn words_of_the_service_run_in_no_spreadsheet_and_the_operators_cells_come_back() {
    let bench = refused("customers.csv");
    let csv = bench.tenantry(["export", "failed"]).exits(0).stdout;
    assert!(csv.contains(&format!("\"=1+1{OBEYED}\"")), "the operator's own cell, byte for byte: {csv:?}");
    assert!(csv.contains("'=HYPERLINK(\"\"http://x\"\");'＝1+1;' @SUM(1)"), "{csv:?}");
    assert!(csv.contains(",\"'="), "the code: {csv:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_cell_costs_no_more_memory_than_its_limit() {
    const CELL_MIB: usize = 100;
    const PEAK_KIB_MAX: usize = 64 * 1024;
    let bench = Bench::new();
    let mut running = bench.tenantry(["check", "-", "--json"]).with_silent_input().spawn();
    let mut input = running.take_input();
    let (before, after) = (row("two"), customers(1));
    let before = format!("{HEADER}\n{}", before.split("Harborline").next().unwrap());
    input.write_all(before.as_bytes()).unwrap();
    for _ in 0..CELL_MIB {
        input.write_all(&[b'x'; 1 << 20]).unwrap();
    }
    let rest = row("two") + "\n" + after.split_once('\n').unwrap().1;
    input.write_all(rest.as_bytes()).unwrap();
    // All but what a pipe holds has been read by now, and the program is still there to be measured.
    let status = std::fs::read_to_string(format!("/proc/{}/status", running.pid())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: usize = peak.trim().strip_suffix(" kB").unwrap().parse().unwrap();
    drop(input);
    let json = running.wait().json();
    assert!(peak < PEAK_KIB_MAX, "{peak} KiB for a cell of {CELL_MIB} MiB");
    assert_eq!((&json["rows"], &json["problems"][0]["rule"]), (&2.into(), &"row_size".into()), "{json:#}");
}

#[test]
fn arguments_with_line_breaks_forge_no_line() {
    let bench = Bench::new();
    let arguments: [&[&str]; 5] = [
        &["import", "x.csv", "--rate", OBEYED],
        &["import", "x.csv", "--map", &format!("a={OBEYED}")],
        &["import", "x.csv", &format!("--{OBEYED}")],
        &["show", "a", OBEYED],
        &[OBEYED],
    ];
    for arguments in arguments {
        check_screen(bench.tenantry(arguments).exits(2).says("\\nerror: forged"));
    }
    let done = bench.import("x.csv").env("TENANTRY_RATE", OBEYED).exits(2);
    check_screen(done.says("\\nerror: forged"));
    // What is no usage error is told by the command itself.
    check_screen(bench.import(OBEYED).exits(2).says("\\nerror: forged"));
}
