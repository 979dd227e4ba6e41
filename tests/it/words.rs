//! What is said where somebody new to the program would stumble: names of our own files, counts of nothing, logs of a
//! good night.

use crate::harness::{Bench, customers};

#[test]
fn files_are_named_as_the_operator_named_them() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(1));
    let nowhere = "there is no such file or folder";
    let log = bench.import("customers.csv").args(["--log-file", "none/run.log"]).exits(1);
    log.says("could not open the log file `none/run.log`").says(nowhere);
    assert!(!bench.has_ledger());
    bench.import("customers.csv").exits(0);
    let export = bench.tenantry(["export", "all", "-o", "none/all.csv"]).exits(1);
    export.says("could not write `none/all.csv`").says(nowhere);
    assert!(!export.stderr.contains(".tenantry-"), "{export}");
    bench.tenantry(["export", "all", "-o", "all.csv"]).exits(0).says("1 row written to `all.csv`.");
    bench.file("copy.db", "");
    bench.tenantry(["backup", "copy.db"]).exits(1).says("because: it is there already");
    let other = bench.import("customers.csv").args(["--dry-run", "--api-url", "http://127.0.0.1:9"]).exits(2);
    other.says(&format!("the ledger `{}` belongs to", bench.ledger_path().display()));
}

#[test]
fn a_list_that_cannot_be_read_leaves_no_ledger_behind() {
    let bench = Bench::new();
    bench.file("notes.csv", "Our customers\nContoso\n");
    let import = || bench.tenantry(["import", "--simulate", "notes.csv"]).without("TENANTRY_LEDGER");
    import().exits(1).says("could not read `notes.csv`").says("nothing of this file was sent");
    assert!(!bench.path("tenantry-simulated.db").exists());
    bench.file("notes.csv", customers(1));
    import().exits(0);
    let status = bench.tenantry(["status"]).without("TENANTRY_LEDGER").exits(1);
    status.says("there is no ledger at `tenantry.db`").says("`tenantry-simulated.db`").says("--simulate");
}
