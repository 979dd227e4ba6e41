//! A success counts only for the row that it names. One that belongs to another customer settles nothing; what it brought
//! is kept with its attempt, and never given to the row that had asked.

use tenantry_simulator::{Fault, Named, Operation, Scenario};

use crate::harness::{Bench, customers, customers_of, domain, full, states};

const THEIRS: Fault = Fault::AnotherCustomer { names: Named::Theirs };

#[test]
fn answers_of_other_customers_leave_every_row_right_in_the_end() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(60));
    // By then there are other customers.
    for n in (18..=60).step_by(3) {
        bench.fault(Operation::Create, &domain(n), THEIRS, 1 + u32::from(n % 2 == 0));
    }
    bench.import("customers.csv").args(["--concurrency", "8"]).exits(0);
    assert_eq!(bench.ledger().states(), states([("created", 60)]));
    assert_eq!(bench.ledger().number("SELECT sum(has_credentials) FROM customers"), 60);
    assert_eq!(bench.ledger().number("SELECT count(DISTINCT row_id) FROM foreign_answers"), 15);
    // Ids and passwords are those of the service, and the repeats went under the ids of the first sends.
    bench.agree();
}

#[test]
fn a_customer_id_belongs_to_one_row_whatever_domain_comes_with_it() {
    let bench = Bench::new();
    // One after the other: while two rows wait for their own answers, each may get the customer of the other, which no row
    // has yet.
    bench.file("customers.csv", customers(4));
    bench.fault(Operation::Create, &domain(3), Fault::AnotherCustomer { names: Named::Own }, 2);
    bench.import("customers.csv").args(["--concurrency", "1"]).exits(0);
    bench.file("customers.csv", customers(6));
    bench.fault(Operation::Create, &domain(5), Fault::AnotherCustomer { names: Named::Nobody }, 1);
    bench.import("customers.csv").args(["--concurrency", "1"]).exits(0);
    assert_eq!(bench.ledger().number("SELECT count(*) FROM foreign_answers"), 3);
    assert_eq!(bench.requests(Operation::Create, &domain(3)).len(), 3);
    bench.agree();
}

#[test]
fn what_a_foreign_answer_brought_is_shown_with_its_attempt_and_never_given_to_the_row_that_asked() {
    let bench = Bench::new();
    bench.fault(Operation::Create, "asked", THEIRS, 1);
    bench.file("customers.csv", customers_of(["other", "asked"]));
    bench.import("customers.csv").args(["--concurrency", "1"]).exits(0);
    bench.agree();
    let shown = bench.tenantry(["show", "asked"]).exits(0).stdout;
    let other = bench.ledger().row("other").customer_id.unwrap();
    let expected = format!(
        "unknown, HTTP 201, the answer belongs to another customer ({}, {other}); its password is stored, \
         sealed",
        full("other")
    );
    assert!(shown.contains(&expected), "{shown}");
    // The other customer has its own.
    assert_eq!(bench.tenantry(["credentials"]).exits(0).stdout.lines().count(), 3);
}

/// The service leaves the password out of repeats, so that the one of `lost` came with the answer to `asked` alone.
#[test]
fn a_kept_password_is_listed_under_the_domain_that_its_answer_names_where_that_has_none() {
    let bench = Bench::with(Scenario { replay_password: false, ..Scenario::default() });
    bench.fault(Operation::Create, "lost", Fault::DropAfter, 1);
    bench.fault(Operation::Create, "asked", THEIRS, 1);
    bench.file("customers.csv", customers_of(["lost", "asked"]));
    bench.import("customers.csv").args(["--concurrency", "1"]).exits(0);
    for domain in ["lost", "asked"] {
        let row = bench.ledger().row(domain);
        assert!(row.state == "created" && !row.has_credentials, "{row:?}");
    }
    let lost = bench.creations().into_iter().find(|it| it.domain == full("lost")).unwrap();
    let opened = bench.tenantry(["credentials"]).exits(0);
    let mut records = csv::Reader::from_reader(opened.stdout.as_bytes());
    let records: Vec<csv::StringRecord> = records.records().map(Result::unwrap).collect();
    let user = format!("admin@{}", full("lost"));
    let company = &bench.ledger().text("SELECT company_name FROM customers WHERE domain LIKE 'lost.%'");
    let expected = [company, &full("lost"), &lost.customer_id.to_string(), &user, &lost.password];
    assert_eq!(records, [csv::StringRecord::from(expected.map(String::as_str).to_vec())], "{opened}");
    opened.says("came with the answer to `asked.onmicrosoft.com`: check that it signs in");
    bench.tenantry(["credentials", "--domain", "lost"]).exits(0);
    bench.tenantry(["credentials", "--domain", "asked"]).exits(1).says("holds no password of `asked`");
    assert_eq!(bench.ledger().number("SELECT count(*) FROM opened_passwords WHERE foreign_answer_id = 1"), 2);
    let shown = bench.tenantry(["show", "lost"]).exits(0).stdout;
    assert!(shown.contains("one for it came with the answer to row 2"), "{shown}");
}

/// Nobody else is there, so the answers are those of a stranger; when repeats run out the row is asked about.
#[test]
fn a_row_that_hears_of_others_only_is_settled_by_asking() {
    let bench = Bench::new();
    bench.fault(Operation::Create, "alone", THEIRS, 9);
    bench.file("customers.csv", customers_of(["alone"]));
    bench.import("customers.csv").args(["--max-attempts", "2"]).exits(0);
    let row = bench.ledger().row("alone");
    let own = bench.creations()[0].customer_id.to_string();
    assert_eq!((row.state.as_str(), row.customer_id, row.has_credentials), ("created", Some(own), false));
    let opened = bench.tenantry(["credentials"]).exits(0).stdout;
    // Each of the three was another stranger of that name.
    assert_eq!(opened.matches("\n,stranger.onmicrosoft.com,").count(), 3, "{opened}");
}

/// What `credentials` gives out, without the companies.
fn given_out(bench: &Bench) -> Vec<[String; 4]> {
    let opened = bench.tenantry(["credentials"]).exits(0).stdout;
    let mut records = csv::Reader::from_reader(opened.as_bytes());
    records
        .records()
        .map(|record| std::array::from_fn(|n| record.as_ref().unwrap()[n + 1].to_owned()))
        .collect()
}

/// `second` is answered with the customer of `first`, whose own answer was lost: it has the id before `first` has it.
#[test]
fn a_password_stays_within_reach_where_another_row_has_its_customer() {
    for names in [Named::Own, Named::Nobody] {
        let bench = Bench::new();
        bench.fault(Operation::Create, "first", Fault::DropAfter, 1);
        bench.fault(Operation::Create, "second", Fault::AnotherCustomer { names }, 1);
        bench.file("customers.csv", customers_of(["first", "second"]));
        bench.import("customers.csv").args(["--concurrency", "1", "--max-attempts", "3"]).run();
        let ledger = bench.ledger();
        let first = bench.creations().into_iter().find(|it| it.domain == full("first")).unwrap();
        let id = first.customer_id.to_string();
        assert_eq!(ledger.row("second").customer_id, Some(id.clone()), "{names:?}");
        assert_eq!(ledger.row("first").state, "unresolved", "{names:?}");
        let user = format!("admin@{}", full("first"));
        let expected = [full("first"), id, user, first.password];
        let given = given_out(&bench);
        let of_first: Vec<_> = given.iter().filter(|record| record[0] == full("first")).collect();
        assert_eq!(of_first, [&expected], "{names:?}");
        // The other one is that of `second`, as the service has answered.
        assert_eq!(given.len(), 2, "{given:?}");
        let opened = bench.tenantry(["credentials", "--domain", "first"]).exits(0);
        opened.says(
            "A password of `first.onmicrosoft.com` came with an answer that belongs to another customer",
        );
    }
}

/// Rows that are known to be other customers are not given what came with answers to them.
#[test]
fn no_password_is_given_out_under_the_name_of_another_customer() {
    for names in [Named::Own, Named::Nobody, Named::Theirs] {
        let bench = Bench::new();
        bench.fault(Operation::Create, "asked", Fault::AnotherCustomer { names }, 1);
        bench.file("customers.csv", customers_of(["other", "asked"]));
        bench.import("customers.csv").args(["--concurrency", "1"]).exits(0);
        assert_eq!(bench.ledger().number("SELECT count(*) FROM foreign_answers"), 1, "{names:?}");
        bench.agree();
        assert_eq!(given_out(&bench).len(), 2, "{names:?}");
    }
}

/// Nobody else is there: the last send, after its customer was found, is answered with yet another id under its domain.
#[test]
fn what_a_last_send_brings_for_another_id_is_given_out_with_that_id() {
    let bench = Bench::new();
    bench.fault(Operation::Create, "asked", Fault::DropAfter, 1);
    bench.fault(Operation::Create, "asked", Fault::AnotherCustomer { names: Named::Own }, 1);
    bench.file("customers.csv", customers_of(["asked"]));
    bench.import("customers.csv").args(["--max-attempts", "1"]).exits(0);
    let row = bench.ledger().row("asked");
    let own = bench.creations()[0].customer_id.to_string();
    assert_eq!((row.customer_id.as_deref(), row.has_credentials), (Some(own.as_str()), false));
    let given = given_out(&bench);
    assert!(given.len() == 1 && given[0][0] == full("asked") && given[0][1] != own, "{given:?}");
    let shown = bench.tenantry(["show", "asked"]).exits(0).stdout;
    assert!(shown.contains("one came with an answer to it that belongs to another customer"), "{shown}");
}
