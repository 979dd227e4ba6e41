//! What the operating system gives no more of: the words name it, and no row is lost.

use std::time::Duration;

use tenantry_simulator::{Operation, Scenario};

use crate::harness::{Bench, Done, customers};

fn slow_bench(rows: usize) -> Bench {
    let latency = (Duration::from_millis(300), Duration::from_millis(300));
    let bench = Bench::with(Scenario { latency, ..Scenario::default() });
    bench.file("customers.csv", customers(rows));
    bench
}

#[track_caller]
fn blames_nobody_else(done: &Done) {
    for words in ["firewall", "a bug", "panicked"] {
        assert!(!done.stderr.contains(words), "{done}");
    }
}

#[test]
fn connections_beyond_the_limit_of_open_files() {
    let bench = slow_bench(60);
    let done = bench.import("customers.csv").args(["--concurrency", "60", "-v"]).with_limit("-n 36").run();
    done.says("this process may not open more files and connections").says("ulimit -n");
    blames_nobody_else(&done);
    bench.agree_so_far();
    bench.resume().run();
    bench.agree();
}

/// Whatever is refused first, and whoever tells it. Somewhere on the way is the first limit with which there is a key, and
/// no connection: there is nothing to wait for then.
#[test]
fn hardly_any_open_files() {
    let bench = slow_bench(2);
    for most in 6..26 {
        let done = bench.import("customers.csv").with_limit(&format!("-n {most}")).run();
        if done.code != Some(0) {
            assert!(matches!(done.code, Some(1 | 2)), "{most}: {done}");
            done.says("files and connections").says("ulimit -n");
            blames_nobody_else(&done);
        }
    }
    // Nothing is sent before there is a key.
    if bench.path("identity.txt").exists() {
        bench.agree_so_far();
    } else {
        assert_eq!(bench.count(Operation::Create), 0);
    }
    bench.import("customers.csv").exits(0);
    bench.agree();
}

#[test]
fn threads_beyond_the_limit_of_a_user() {
    let bench = slow_bench(2);
    // What POSIX has no name for, `sh` has one or the other for.
    let call = bench.import("customers.csv").with_limit("-u 0 2>/dev/null || ulimit -p 0");
    let done = call.unprivileged().exits(1);
    done.says("error: ").says("this system does not start another thread for this user").says("ulimit -u");
    blames_nobody_else(&done);
}

#[test]
fn a_file_beyond_its_largest_size() {
    let bench = slow_bench(1000);
    // The size is in blocks of 512 bytes; the system would end the program by a signal.
    let done = bench.tenantry(["check", "customers.csv", "-o", "copy.csv"]).with_limit("-f 64").exits(1);
    done.says("it may not grow any further");
    blames_nobody_else(&done);
    let done = bench.import("customers.csv").with_limit("-f 128").exits(1);
    blames_nobody_else(&done);
    // From the first word on, and so that what it says is lost.
    bench.tenantry(["import", "--nonsense"]).with_limit("-f 0").exits(2);
    bench.import("nowhere.csv").args(["--log-file", "run.log"]).with_limit("-f 0").exits(2);
    bench.tenantry(["config", "show"]).with_limit("-f 0").exits(1);
}

/// What is blocked here is not blocked in what we start.
#[cfg(target_os = "linux")]
#[test]
fn the_command_at_the_end_has_every_signal() {
    let bench = slow_bench(1);
    let blocked = "while read name mask; do case $name in SigBlk:) echo $mask > mask.txt;; esac; done < /proc/$$/status";
    bench.import("customers.csv").args(["--on-finish", blocked]).exits(0);
    let mask = std::fs::read_to_string(bench.path("mask.txt")).unwrap();
    assert_eq!(u64::from_str_radix(mask.trim(), 16), Ok(0), "{mask}");
}
