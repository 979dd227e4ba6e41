//! The second step of a created customer: its acceptance of the customer agreement is recorded, once, whatever goes
//! wrong on the way.

use std::collections::HashSet;
use std::time::Duration;

use tenantry_simulator::{Fault, Operation, Scenario, ScriptedFault};

use crate::harness::{Bench, HEADER, eventually, full, row, snapshot, states};

const COLUMNS: &str =
    "agreement_first_name,agreement_last_name,agreement_email,agreement_phone,agreement_date";
const ACCEPTED: &str = "Ana,Bell,ana@harborline.example.com,+44 113 496 0000,2026-08-14";

/// A file of valid rows, each with what its agreement columns hold.
fn file(rows: &[(&str, &str)]) -> String {
    let rows = rows.iter().map(|(domain, accepted)| format!("{},{accepted}\n", row(domain)));
    std::iter::once(format!("{HEADER},{COLUMNS}\n")).chain(rows).collect()
}

#[test]
fn an_acceptance_is_recorded_after_the_creation() {
    let bench = Bench::new();
    bench.file("customers.csv", file(&[("with", ACCEPTED), ("without", ",,,,")]));
    let summary = bench.import("customers.csv").args(["--json"]).exits(0).json();
    assert_eq!(summary["agreements"]["recorded"], 1);
    let [acceptance] = bench.simulator().acceptances().try_into().unwrap();
    assert_eq!(acceptance.domain, full("with"));
    assert_eq!(
        (acceptance.first_name.as_str(), acceptance.last_name.as_str(), acceptance.email.as_str()),
        ("Ana", "Bell", "ana@harborline.example.com")
    );
    assert_eq!(acceptance.phone_number.as_deref(), Some("+44 113 496 0000"));
    assert_eq!(acceptance.date_agreed, "2026-08-14T00:00:00.000Z");
    assert_eq!(bench.ledger().agreements()[&full("with")], "recorded");
    bench.agree();
    // Again: nothing is owed any more.
    let requests = bench.simulator().requests().len();
    bench.import("customers.csv").exits(0);
    assert_eq!(bench.simulator().requests().len(), requests);
}

/// Every fault that one call can meet and get over.
const FAULTS: [(&str, Fault); 15] = [
    ("refuse-before", Fault::RefuseBefore),
    ("drop-after", Fault::DropAfter),
    ("s408-before", Fault::StatusBefore { status: 408 }),
    ("s500-before", Fault::StatusBefore { status: 500 }),
    ("s500-after", Fault::StatusAfter { status: 500 }),
    ("s503-before", Fault::StatusBefore { status: 503 }),
    ("s504-after", Fault::StatusAfter { status: 504 }),
    ("html-before", Fault::HtmlBefore),
    ("html-after", Fault::HtmlAfter),
    ("truncated", Fault::Truncated),
    ("accepted", Fault::Accepted),
    ("stalled-before", Fault::StalledBefore),
    ("stalled-after", Fault::StalledAfter),
    ("throttled", Fault::Throttled { retry_after_s: 1 }),
    ("unauthorized", Fault::Unauthorized),
];

#[test]
fn every_fault_ends_recorded_under_the_same_request_id() {
    let bench = Bench::new();
    for (domain, fault) in FAULTS {
        bench.fault(Operation::ConfirmAgreement, domain, fault, 1);
    }
    bench.file("customers.csv", file(&FAULTS.map(|(domain, _)| (domain, ACCEPTED))));
    bench.import("customers.csv").with_user().args(["--timeout", "3s"]).exits(0);
    for (domain, fault) in FAULTS {
        assert_eq!(bench.ledger().agreements()[&full(domain)], "recorded", "{fault:?}");
        let sends = bench.requests(Operation::ConfirmAgreement, domain);
        let request_ids: HashSet<_> = sends.iter().map(|it| it.call.request_id).collect();
        assert_eq!(request_ids.len(), 1, "{fault:?} was repeated under another request id");
    }
    assert_eq!(bench.count(Operation::AgreementTemplates), 1, "the template is asked for once");
    bench.agree();
}

#[test]
fn a_kill_before_the_answer_is_recorded_is_made_good() {
    let bench = Bench::new();
    bench.fault(Operation::ConfirmAgreement, "killed", Fault::StalledAfter, 1);
    bench.file("customers.csv", file(&[("killed", ACCEPTED)]));
    let running = bench.import("customers.csv").spawn();
    eventually("the service has the acceptance", || bench.simulator().acceptances().len() == 1);
    running.kill();
    assert_eq!(bench.ledger().agreements()[&full("killed")], "in_flight");
    bench.agree_so_far();
    bench.resume().exits(0);
    assert_eq!(bench.ledger().agreements()[&full("killed")], "recorded");
    bench.agree();
}

fn refused(domain: &str) -> Bench {
    let bench = Bench::new();
    let refusal = Fault::RefusedBefore { status: 400, code: 3000 };
    bench.fault(Operation::ConfirmAgreement, domain, refusal, 1);
    bench.file("customers.csv", file(&[(domain, ACCEPTED), ("right", ACCEPTED)]));
    bench
}

/// `tenantry export agreements` into a file, with another contact.
fn mended(bench: &Bench) -> &'static str {
    let exported = bench.tenantry(["export", "agreements"]).exits(0).stdout;
    bench.file("mended.csv", exported.replace("Ana,Bell,ana@", "Anna,Bell,anna@"))
}

#[test]
fn a_refused_acceptance_is_mended_in_the_file() {
    let bench = refused("wrong");
    snapshot!(bench.import("customers.csv").exits(3));
    assert_eq!(bench.ledger().states(), states([("created", 2)]));
    bench.import("customers.csv").exits(3);
    assert_eq!(bench.requests(Operation::ConfirmAgreement, "wrong").len(), 1, "left alone as it is");

    let exported = bench.tenantry(["export", "agreements"]).exits(0).stdout;
    assert!(exported.contains("wrong") && !exported.contains("right"), "{exported}");
    bench.import(mended(&bench)).exits(0).says("1 agreement of customers that exist: to be recorded");
    let acceptances = bench.simulator().acceptances();
    assert_eq!(acceptances.iter().find(|it| it.domain == full("wrong")).unwrap().first_name, "Anna");
    bench.agree();
    // The file that it came from does not undo that, night after night.
    for _ in 0..2 {
        let summary = bench.import("customers.csv").args(["--json"]).exits(0).json();
        assert_eq!(summary["run"]["requests"], 0);
    }
    assert_eq!(bench.simulator().acceptances().len(), 2);
}

#[test]
fn the_file_of_a_refused_acceptance_does_not_undo_its_correction_before_it_is_sent() {
    let bench = refused("early");
    bench.import("customers.csv").exits(3);
    bench.fault(Operation::ConfirmAgreement, "early", Fault::RefusedBefore { status: 403, code: 900150 }, 1);
    bench.import(mended(&bench)).exits(4);
    bench.import("customers.csv").exits(0);
    let acceptances = bench.simulator().acceptances();
    assert_eq!(acceptances.iter().find(|it| it.domain == full("early")).unwrap().first_name, "Anna");
    bench.agree();
}

#[test]
fn what_a_refused_acceptance_came_with_is_given_back_whole() {
    let bench = Bench::new();
    bench.file("plain.csv", crate::harness::customers_of(["plain"]));
    bench.import("plain.csv").exits(0);
    bench.fault(Operation::ConfirmAgreement, "plain", Fault::RefusedBefore { status: 400, code: 3000 }, 1);
    bench.file("later.csv", file(&[("plain", ACCEPTED)]));
    bench.import("later.csv").args(["--reseller-id", "8f2c1b7e-5a64-4d0e-9c3b-1e7d2f60a951"]).exits(0);
    assert_eq!(bench.simulator().acceptances().len(), 0, "another reseller is another customer");
    bench.file("later-still.csv", std::fs::read(bench.path("later.csv")).unwrap());
    bench.import("later-still.csv").exits(3);
    let exported = bench.tenantry(["export", "agreements"]).exits(0).stdout;
    assert!(
        exported.starts_with(&format!("{HEADER},{COLUMNS}")) && exported.contains(ACCEPTED),
        "{exported}"
    );
    let exported = bench.tenantry(["export", "created"]).exits(0).stdout;
    assert!(
        exported.starts_with(&format!("{HEADER},tenantry_row")) && !exported.contains(ACCEPTED),
        "{exported}"
    );
}

#[test]
fn an_acceptance_that_fails_validation_is_not_lost() {
    let bench = Bench::new();
    bench.file("customers.csv", file(&[("excel", ",,,,")]));
    bench.import("customers.csv").exits(0);
    let turned = ACCEPTED.replace("2026-08-14", "14.08.2026");
    bench.file("customers.csv", file(&[("excel", &turned)]));
    for _ in 0..2 {
        let done = bench.import("customers.csv").exits(3);
        assert!(done.stdout.contains("1 × agreement_date (agreement)"), "{done}");
    }
    assert_eq!(bench.ledger().agreements()[&full("excel")], "rejected");
    // Another mistake takes its place.
    let nameless = ACCEPTED.replace("Ana,Bell", "Ana,");
    bench.file("customers.csv", file(&[("excel", &nameless), ("beside", ",,,,")]));
    bench.import("customers.csv").exits(3).says("agreement_incomplete");
    assert_eq!(bench.ledger().row("beside").state, "created");
    bench.file("customers.csv", file(&[("excel", &turned)]));
    bench.import("customers.csv").exits(3);
    assert_eq!(bench.ledger().agreements()[&full("excel")], "rejected");
    let exported = bench.tenantry(["export", "agreements"]).exits(0).stdout;
    bench.file("mended.csv", exported.replace("14.08.2026", "2026-08-14").replace("Ana,,", "Ana,Bell,"));
    bench.import("mended.csv").exits(0);
    bench.agree();
}

#[test]
fn an_acceptance_that_nobody_asks_for_any_more_is_let_go() {
    let bench = Bench::new();
    bench.file("plain.csv", file(&[("typo", ",,,,")]));
    bench.import("plain.csv").exits(0);
    bench.file("typo.csv", file(&[("typo", &ACCEPTED.replace("2026-08-14", "someday"))]));
    bench.import("typo.csv").exits(3);
    bench.import("plain.csv").exits(0);
    assert!(bench.ledger().agreements().is_empty());
    // And brought again, it is a mistake again.
    bench.import("typo.csv").exits(3);
}

#[test]
fn the_first_form_of_an_acceptance_comes_back_when_it_is_asked_for() {
    let bench = refused("back");
    bench.import("customers.csv").exits(3);
    bench.fault(Operation::ConfirmAgreement, "back", Fault::RefusedBefore { status: 400, code: 3000 }, 1);
    bench.import(mended(&bench)).exits(3);
    bench.import("customers.csv").exits(3);
    bench.import("customers.csv").args(["--retry-failed"]).exits(0);
    let acceptances = bench.simulator().acceptances();
    assert_eq!(acceptances.iter().find(|it| it.domain == full("back")).unwrap().first_name, "Ana");
    bench.agree();
}

#[test]
fn nothing_is_recorded_of_a_file_that_was_not_read_to_its_end() {
    let bench = Bench::new();
    bench.file("first.csv", file(&[("half", ",,,,")]));
    bench.import("first.csv").exits(0);
    let many: Vec<(&str, &str)> = std::iter::repeat_n(("half", ACCEPTED), 3000).collect();
    bench.file("broken.csv", file(&many) + "\"never closed,");
    bench.import("broken.csv").exits(1);
    let done = bench.resume().exits(5);
    done.says("`broken.csv` was not read to its end, so 1 of its rows is held back");
    assert!(done.stdout.contains(" broken.csv"), "the next command names the file: {done}");
    // Another file goes on meanwhile, also as an app.
    bench.file("other.csv", crate::harness::customers_of(["other"]));
    bench.import("other.csv").with_app().exits(5);
    assert_eq!(bench.simulator().acceptances().len(), 0);
    bench.file("broken.csv", file(&[("half", ACCEPTED)]));
    bench.import("broken.csv").exits(0);
    bench.agree();
    // What the file no longer holds is let go.
    bench.file("twice.csv", file(&[("other", ACCEPTED)]) + "\"never closed,");
    bench.import("twice.csv").exits(1);
    bench.file("twice.csv", file(&[("half", ACCEPTED)]));
    bench.import("twice.csv").exits(0);
    assert_eq!(bench.simulator().acceptances().len(), 1);
}

#[test]
fn an_answer_without_an_acceptance_is_no_success() {
    let bench = Bench::new();
    bench.fault(Operation::ConfirmAgreement, "page", Fault::RefusedBefore { status: 200, code: 3000 }, 1);
    bench.file("customers.csv", file(&[("page", ACCEPTED)]));
    bench.import("customers.csv").exits(0);
    assert_eq!(bench.requests(Operation::ConfirmAgreement, "page").len(), 2);
    bench.agree();
}

#[test]
fn an_unexplained_403_burns_no_acceptance() {
    let bench = Bench::new();
    let domains = ["f1", "f2", "f3", "f4", "f5", "f6"];
    for domain in domains {
        let forbidden = Fault::RefusedBefore { status: 403, code: 900_999 };
        bench.fault(Operation::ConfirmAgreement, domain, forbidden, 9);
    }
    bench.file("customers.csv", file(&domains.map(|domain| (domain, ACCEPTED))));
    bench.import("customers.csv").exits(4);
    let open = bench.ledger().agreements().into_values().filter(|state| state == "pending").count();
    assert_eq!(open, 6);
}

#[test]
fn a_refused_question_for_the_template_stops_the_run_at_once() {
    let bench = Bench::new();
    let refusal = Fault::RefusedBefore { status: 403, code: 900_999 };
    let forbidden = ScriptedFault::next(Operation::AgreementTemplates, refusal).times(9);
    bench.simulator().script(forbidden);
    bench.file("customers.csv", file(&[("template", ACCEPTED)]));
    bench.import("customers.csv").exits(4).says("every row would be refused like the last one");
    assert_eq!(bench.ledger().agreements()[&full("template")], "pending");
}

#[test]
fn a_refused_acceptance_is_tried_again_when_asked_for() {
    let bench = Bench::new();
    let refusal = Fault::RefusedBefore { status: 400, code: 3000 };
    bench.fault(Operation::ConfirmAgreement, "again", refusal, 1);
    bench.file("customers.csv", file(&[("again", ACCEPTED)]));
    bench.import("customers.csv").exits(3);
    bench.import("customers.csv").args(["--retry-failed"]).exits(0);
    let sends = bench.requests(Operation::ConfirmAgreement, "again");
    let request_ids: HashSet<_> = sends.iter().map(|it| it.call.request_id).collect();
    assert_eq!((sends.len(), request_ids.len()), (2, 2), "a definite answer has spent the id");
    bench.agree();
}

#[test]
fn agreement_columns_that_come_later_are_taken_up() {
    let bench = Bench::new();
    bench.file("customers.csv", file(&[("later", ",,,,")]));
    bench.import("customers.csv").exits(0);
    bench.file("customers.csv", file(&[("later", ACCEPTED)]));
    let summary = bench.import("customers.csv").args(["--json"]).exits(0).json();
    assert_eq!(
        (&summary["run"]["ignored_changes"], &summary["agreements"]["recorded"]),
        (&0.into(), &1.into())
    );
    bench.agree();
    let summary = bench.import("customers.csv").args(["--json"]).exits(0).json();
    assert_eq!((&summary["run"]["ignored_changes"], &summary["run"]["requests"]), (&0.into(), &0.into()));
}

#[test]
fn a_new_customer_that_is_not_visible_yet_is_waited_for() {
    let bench = Bench::new();
    bench.fault(Operation::ConfirmAgreement, "new", Fault::RefusedBefore { status: 404, code: 60003 }, 3);
    bench.file("customers.csv", file(&[("new", ACCEPTED)]));
    bench.import("customers.csv").exits(0);
    assert_eq!(bench.requests(Operation::ConfirmAgreement, "new").len(), 4);
    bench.agree();
}

#[test]
fn an_unclear_outcome_is_left_to_the_next_run() {
    let bench = Bench::new();
    bench.fault(Operation::ConfirmAgreement, "unclear", Fault::StatusAfter { status: 500 }, 2);
    bench.file("customers.csv", file(&[("unclear", ACCEPTED)]));
    let done = bench.import("customers.csv").args(["--max-attempts", "2"]).exits(5);
    assert!(done.stdout.contains("Next: tenantry resume"), "{done}");
    bench.agree_so_far();
    bench.resume().exits(0);
    bench.agree();
}

#[test]
fn an_app_cannot_record_an_acceptance_so_nothing_is_sent() {
    let bench = Bench::new();
    bench.file("customers.csv", file(&[("as-an-app", ACCEPTED)]));
    let done = bench.import("customers.csv").with_app().exits(4);
    done.says("recording 1 agreement, which Partner Center allows only for a user");
    assert_eq!(bench.count(Operation::Create), 0);
}

#[test]
fn the_acceptance_of_a_customer_that_was_there_before_is_recorded_too() {
    let bench = Bench::new();
    bench.file("customers.csv", file(&[("ours-before", ACCEPTED)]));
    bench.import("customers.csv").exits(0);
    assert_eq!(bench.ledger().states(), states([("existing", 1)]));
    assert_eq!(bench.ledger().agreements()[&full("ours-before")], "recorded");
    assert_eq!(bench.simulator().acceptances().len(), 1);
}

#[test]
fn a_cloud_without_agreements_rejects_them() {
    let bench = Bench::new();
    bench.file("customers.csv", file(&[("elsewhere", ACCEPTED)]));
    bench.import("customers.csv").args(["--cloud", "china"]).exits(3).says("has no agreements");
    assert_eq!(bench.count(Operation::Create), 0);
}

/// Also one that may have been sent: the lost ledger knows more about it.
#[test]
fn an_acceptance_that_a_restored_ledger_holds_back_is_not_planned() {
    let bench = Bench::new();
    bench.file("customers.csv", file(&[("one1", ACCEPTED), ("two1", ACCEPTED)]));
    let import = bench.import("customers.csv").args(["--concurrency", "1"]);
    assert_eq!(import.env("TENANTRY_CRASH_AT", "agreement_intended").run().code, None);
    let open = "SELECT count(DISTINCT state) FROM agreements WHERE state IN ('pending', 'in_flight')";
    assert_eq!(bench.ledger().number(open), 2);
    bench.tenantry(["backup", "ledger2.db"]).exits(0);
    let restored =
        |args: &[&str]| bench.tenantry(["resume", "--restored", "--ledger", "ledger2.db"]).args(args).run();
    let planned = restored(&["--dry-run"]);
    assert!(!planned.stdout.contains("will be recorded"), "{planned}");
    assert_eq!(restored(&[]).code, Some(5));
    assert_eq!(bench.simulator().acceptances().len(), 0);
}

#[test]
fn ctrl_c_leaves_agreements_to_resume() {
    let latency = (Duration::from_millis(200), Duration::from_millis(200));
    let bench = Bench::with(Scenario { latency, ..Scenario::default() });
    let domains: Vec<String> = (0..12).map(|n| format!("many{n}")).collect();
    let rows: Vec<(&str, &str)> = domains.iter().map(|domain| (domain.as_str(), ACCEPTED)).collect();
    bench.file("customers.csv", file(&rows));
    let running = bench.import("customers.csv").args(["--concurrency", "2"]).spawn();
    eventually("an acceptance is there", || !bench.simulator().acceptances().is_empty());
    running.signal("INT");
    assert_eq!(running.wait().code, Some(130));
    bench.agree_so_far();
    assert!(bench.simulator().acceptances().len() < 12);
    bench.resume().exits(0);
    assert_eq!(bench.simulator().acceptances().len(), 12);
    bench.agree();
}

/// A refused acceptance is a refusal as that of a row is.
#[test]
fn refused_acceptances_count_among_the_failures() {
    let bench = Bench::new();
    let rows = ["one", "two", "three"].map(|domain| (domain, ACCEPTED));
    bench.fault(Operation::Create, "bad", Fault::RefusedBefore { status: 400, code: 3000 }, 1);
    for (domain, _) in rows {
        bench.fault(Operation::ConfirmAgreement, domain, Fault::RefusedBefore { status: 400, code: 3000 }, 1);
    }
    bench.file("customers.csv", file(&[("bad", ",,,,"), rows[0], rows[1], rows[2]]));
    let args = ["--max-failures", "2", "--concurrency", "1"];
    bench
        .import("customers.csv")
        .args(args)
        .exits(5)
        .says("stopped at --max-failures: 1 row and 1 agreement of this run refused");
    let agreements = |state: &str| {
        bench.ledger().number(&format!("SELECT count(*) FROM customers WHERE agreement_state = '{state}'"))
    };
    assert_eq!((agreements("failed"), agreements("pending")), (1, 2));
    bench
        .resume()
        .args(["--max-failures", "1", "--concurrency", "1"])
        .exits(5)
        .says(": 1 agreement of this run");
    // With the last one nothing is left to be stopped.
    bench.resume().args(args).exits(3);
    assert_eq!((agreements("failed"), agreements("pending")), (3, 0));
}

#[test]
fn too_many_failures_begin_no_acceptance_that_waits_for_the_rate() {
    let bench = Bench::new();
    let domains: Vec<String> = (1..=40).map(|n| format!("customer-{n}")).collect();
    for domain in &domains {
        bench.fault(Operation::ConfirmAgreement, domain, Fault::RefusedBefore { status: 400, code: 3000 }, 1);
    }
    let rows: Vec<_> = domains.iter().map(|domain| (domain.as_str(), ACCEPTED)).collect();
    bench.file("customers.csv", file(&rows));
    let stopped = "stopped at --max-failures";
    bench.import("customers.csv").args(["--max-failures", "1", "--concurrency", "1"]).exits(5).says(stopped);
    let before = bench.count(Operation::ConfirmAgreement);
    let args = ["--max-failures", "1", "--concurrency", "30", "--rate", "2/s"];
    bench.resume().args(args).exits(5).says(stopped);
    let sent = bench.count(Operation::ConfirmAgreement) - before;
    assert!((1..15).contains(&sent), "{sent} acceptances");
    let left = bench.ledger().number("SELECT count(*) FROM customers WHERE agreement_state = 'pending'");
    assert_eq!(usize::try_from(left).unwrap() + sent + before, 40);
    bench.agree_so_far();
}
