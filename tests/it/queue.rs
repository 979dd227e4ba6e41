//! The queue that cannot be read, or not in time, and rows of it that cannot be understood. Whatever is under way is
//! brought to its end, the other rows go on, and nobody has to wait for a disk.

use tenantry_simulator::{Hold, HoldPoint, Operation};

use crate::harness::{Bench, customers, domain, full, states};

/// Behind the program's back.
fn change(bench: &Bench, sql: &str) {
    rusqlite::Connection::open(bench.ledger_path()).unwrap().execute_batch(sql).unwrap();
}

#[cfg(debug_assertions)]
#[test]
fn a_reading_that_fails_costs_no_password_and_ends_the_run_properly() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(1));
    bench.simulator().hold(Hold { at: HoldPoint::Created, domain: None });
    // Agreements, rows in flight, the pending row; the fourth looks for more while that is out.
    let reading = [("TENANTRY_STALL_AT", "queue_read#4"), ("TENANTRY_FAIL_READ", "4")];
    let call = bench.import("customers.csv").env("TENANTRY_STALL_UNTIL", bench.path("goes-on"));
    let running = reading.into_iter().fold(call, |call, (name, value)| call.env(name, value)).spawn();
    bench.wait_until_held();
    bench.file("goes-on", "");
    crate::harness::eventually("the reading has failed", || running.stderr().contains("could not be read"));
    bench.simulator().release();
    let done = running.wait();
    assert_eq!(done.code, Some(1), "{done}");
    done.says("could not read or write the ledger");
    let row = bench.ledger().row(&domain(1));
    assert!(row.state == "created" && row.has_credentials, "{row:?}");
    let sql = "SELECT count(*) FROM runs WHERE finished_at IS NOT NULL AND exit_code = 1";
    assert_eq!(bench.ledger().number(sql), 1, "the run is not marked as finished");
    bench.resume().exits(0);
    bench.agree();
}

#[cfg(debug_assertions)]
#[test]
fn a_signal_is_heard_while_the_queue_is_read() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(1));
    // Far longer than this test waits for anything.
    let stall =
        bench.import("customers.csv").env("TENANTRY_STALL_AT", "queue_read#3").env("TENANTRY_STALL_S", "600");
    let running = stall.spawn();
    crate::harness::eventually("the queue is being read", || {
        running.stderr().contains(
            "stopped at a fail \
                                point",
        )
    });
    running.signal("TERM");
    let done = running.wait();
    assert_eq!(done.code, Some(143), "{done}");
    assert_eq!(bench.ledger().states(), states([("pending", 1)]));
    bench.resume().exits(0);
    bench.agree();
}

#[test]
fn a_row_that_cannot_be_understood_is_named_and_the_others_are_created() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(6));
    bench.import("customers.csv").args(["--limit", "1"]).exits(5);
    change(
        &bench,
        "UPDATE customer_rows SET customer = '{\"company_name\": \"Secret' WHERE line = 4;
         UPDATE customer_rows SET request_id = 'not an id', problems = 'not JSON' WHERE line = 6;
         UPDATE customer_rows SET customer = '{}' WHERE line = 7",
    );
    let done = bench.resume().exits(1);
    done.says("left out 3 rows of the ledger").says("report this");
    for (line, n, why) in [(4, 3, "customer"), (6, 5, "request id"), (7, 6, "customer")] {
        done.says(&format!("line {line} ({}): its {why}", full(&domain(n))));
    }
    assert!(!done.to_string().contains("Secret"), "what the list holds is shown: {done}");
    assert!(!done.stdout.contains("Next: tenantry resume"), "it would come upon the same rows: {done}");
    assert_eq!(bench.ledger().states(), states([("created", 3), ("pending", 3)]));
    // Nothing else is kept from its work by them.
    assert_eq!(bench.ledger().number("SELECT count(company_name) FROM customers"), 4);
    bench.tenantry(["status"]).exits(0);
    bench.tenantry(["status", "--json"]).exits(0);
    for (what, rows) in [("created", 3), ("all", 6)] {
        let exported = bench.tenantry(["export", what]).exits(0).stdout;
        assert_eq!(exported.lines().count(), 1 + rows, "{exported}");
    }
    bench.tenantry(["show", &domain(3)]).exits(0);
    assert!(bench.tenantry(["show", &domain(5)]).exits(0).stdout.contains("damaged"));
    bench.tenantry(["report", "-o", "report.html"]).exits(0);
    bench.resume().args(["--dry-run"]).exits(0);
    let creates = bench.count(Operation::Create);
    bench.import("customers.csv").exits(1);
    assert_eq!(bench.count(Operation::Create), creates);
}

#[test]
fn an_agreement_that_cannot_be_understood_is_named_and_the_others_are_recorded() {
    use crate::harness::{HEADER, row};
    let bench = Bench::new();
    let columns = "agreement_first_name,agreement_last_name,agreement_email,agreement_phone,agreement_date";
    let accepted = "Ana,Bell,ana@harborline.example.com,,2026-08-14";
    let rows: String = (1..=3).map(|n| format!("{},{accepted}\n", row(&domain(n)))).collect();
    bench.file("customers.csv", format!("{HEADER},{columns}\n{rows}"));
    // Rows are created, and the service does not take agreements at first.
    bench.simulator().script(
        tenantry_simulator::ScriptedFault::next(
            Operation::ConfirmAgreement,
            tenantry_simulator::Fault::StatusBefore { status: 500 },
        )
        .times(3),
    );
    bench.import("customers.csv").with_user().args(["--max-attempts", "1"]).exits(5);
    change(&bench, "UPDATE agreements SET agreement = '{' WHERE line = 3");
    let done = bench.resume().with_user().exits(1);
    done.says("left out 1 row of the ledger").says(&format!("line 3 ({}): its agreement", full(&domain(2))));
    let agreements: Vec<String> = bench.ledger().agreements().into_values().collect();
    assert_eq!(agreements.iter().filter(|state| *state == "recorded").count(), 2, "{agreements:?}");
    bench.tenantry(["export", "agreements"]).exits(0);
}
