//! What is stored and cannot be read is an error that names it, and never passes for nothing.

use crate::harness::{Bench, Call, HEADER, customers_of, row};

const RESELLER: &str = "8f2c1b7e-5a64-4d0e-9c3b-1e7d2f60a951";

/// Changes the ledger behind the program's back.
fn change(bench: &Bench, sql: &str) {
    assert_eq!(rusqlite::Connection::open(bench.ledger_path()).unwrap().execute(sql, []).unwrap(), 1);
}

fn retry<'a>(bench: &'a Bench, args: &[&str]) -> Call<'a> {
    bench.tenantry(["retry"]).args(args)
}

/// A row whose cells could not be told apart must not be judged again by what is left of them.
#[test]
fn problems_that_cannot_be_read_are_not_none() {
    let bench = Bench::new();
    bench.file("customers.csv", customers_of(["one"]).replace(",GB\n", ",GB,and one cell more\n"));
    bench.import("customers.csv").exits(3);
    change(&bench, "UPDATE customer_rows SET problems = '[{'");
    let done = retry(&bench, &["--all"]).exits(1);
    done.says("row 1 of the ledger is invalid: its problems cannot be read");
    assert!(bench.creations().is_empty());
}

/// The validation over a whole file adds to what is known of its rows.
#[test]
fn problems_that_cannot_be_read_do_not_vanish_at_the_end_of_a_file() {
    let bench = Bench::new();
    let direct = row("one").replace("Harborline one Ltd", "LLC");
    let list = |other: &str| format!("{HEADER},associated_partner_id\n{direct},\n{other}\n");
    // Held back, its rows belong to the next reading of the same file.
    bench.file("customers.csv", list(&row("wrong").replace(",GB", ",UK,")));
    bench.import("customers.csv").args(["--require-valid"]).exits(3);
    change(&bench, "UPDATE customer_rows SET problems = '[{' WHERE state = 'pending'");
    bench.file("customers.csv", list(&format!("{},{RESELLER}", row("two"))));
    bench.import("customers.csv").exits(1).says("its problems cannot be read");
    assert!(bench.creations().is_empty());
}

/// A row for a reseller must not become a customer of one's own.
#[test]
fn a_reseller_that_cannot_be_read_is_not_none() {
    let bench = Bench::new();
    bench.file("customers.csv", customers_of(["refuse-400-3000-one"]));
    bench.import("customers.csv").args(["--reseller-id", RESELLER]).exits(3);
    let reseller = "json_set(customer, '$.associated_partner_id', 'not an id')";
    change(&bench, &format!("UPDATE customer_rows SET customer = {reseller}"));
    retry(&bench, &[]).exits(1).says("row 1 of the ledger is invalid: its reseller cannot be read");
    assert_eq!(bench.creations().len(), 0);
}

/// A ledger of one partner must not be bound to another.
#[test]
fn a_partner_tenant_that_cannot_be_read_is_not_none() {
    let bench = Bench::new();
    bench.file("customers.csv", customers_of(["one"]));
    bench.import("customers.csv").exits(0);
    change(&bench, "UPDATE ledger SET partner_tenant_id = 'not an id'");
    bench.resume().exits(1).says("the ledger has an invalid partner tenant");
    bench.tenantry(["status"]).exits(1).says("the ledger has an invalid partner tenant");
}
