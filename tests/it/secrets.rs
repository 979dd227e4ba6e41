//! Secrets stay where they belong: in memory for as long as they are needed, and sealed in the ledger.

#[cfg(target_os = "linux")]
use std::fs;

#[cfg(target_os = "linux")]
use tenantry::simulator::{Hold, HoldPoint};

#[cfg(target_os = "linux")]
use crate::harness::{Bench, customers};

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
    bench.simulator().hold(Hold { at: HoldPoint::HalfAnswered, domain: None });
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
