//! An e-mail address in the partner's own domain, which the service refuses after it has made the tenant.

use serde_json::json;

use crate::check::problems;
use crate::harness::{Bench, HEADER, customers, customers_of, domain, email, row, states};

/// The domain of the user and of the profile that the simulator knows.
const PARTNER: &str = "tailspinpartner.onmicrosoft.com";

fn with_one_of_ours() -> String {
    customers(2) + &row("ours").replace("ours.example.com", PARTNER) + "\n"
}

#[test]
fn an_address_in_a_domain_of_the_setting_is_an_error() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(1));
    let found = [(2, "partner_address".to_owned())];
    let check = |args: &[&str], code: i32| {
        let done = bench.tenantry(["check", "--json", "customers.csv"]).args(args).exits(code);
        assert_eq!(
            problems(&done).as_slice(),
            &found[..usize::from(done.stdout.contains("partner_address"))]
        );
        done.stdout
    };
    assert!(!check(&[], 0).contains("partner_address"));
    assert!(check(&["--partner-domains", "contoso.com,example.com"], 3).contains("`example.com`"));
    check(&["--partner-domains", "@Harborline00001.Example.com", "--partner-domains", "x.com"], 3);
    let warned = check(&["--partner-domains", "example.com", "--warn", "partner_address"], 0);
    assert!(warned.contains("\"warning\""), "{warned}");
    bench
        .tenantry(["check", "customers.csv", "--partner-domains", "x"])
        .exits(2)
        .says("write it as `contoso.com`");
    // From the settings, and kept with the list for a retry.
    bench.trusts("partner-domains = ['example.com']\n");
    bench.import("customers.csv").exits(3);
    std::fs::remove_file(bench.path("tenantry.toml")).unwrap();
    bench.tenantry(["retry", "--all"]).exits(3);
    assert_eq!(bench.ledger().states(), states([("rejected", 1)]));
    bench.import("customers.csv").exits(0);
    bench.agree();
}

#[test]
fn the_domain_of_the_signed_in_user_is_known_before_the_list_is_read() {
    let bench = Bench::new();
    bench.file("customers.csv", with_one_of_ours());
    bench.import("customers.csv").with_user().exits(3).says("error partner_address, on line 4");
    assert_eq!(bench.creations().len(), 2);
    assert!(bench.creations().iter().all(|it| it.domain.starts_with(&domain(1)[..10])));
    let online = bench.tenantry(["check", "--online", "--json", "customers.csv"]).with_user().exits(3);
    assert!(problems(&online).contains(&(4, "partner_address".to_owned())), "{online}");
    // An app has no domain.
    bench.file("app.csv", format!("{HEADER}\n{}\n", row("theirs").replace("theirs.example.com", PARTNER)));
    bench.import("app.csv").with_app().run();
    assert_eq!(bench.creations().len(), 3);
    bench.agree();
}

/// The list is read all the same; what is wrong with the sign-in is said where it is needed.
#[test]
fn a_sign_in_that_fails_does_not_keep_a_list_from_being_read() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(2));
    let done =
        bench.import("customers.csv").with_user().env("TENANTRY_REFRESH_TOKEN", "expired-refresh-token");
    done.exits(4).says("2 rows read");
    assert_eq!(bench.ledger().states(), states([("pending", 2)]));
}

/// Without a sign-in, the list itself shows it.
#[test]
fn one_mail_domain_over_many_companies_is_one_warning() {
    let bench = Bench::new();
    let shared = |count: usize| {
        let rows = (1..=count)
            .map(|n| row(&domain(n)).replace(&email(&domain(n)), "csp@tailspin.example.com") + "\n");
        rows.collect::<String>()
    };
    bench.file("shared.csv", format!("{}{}", customers_of(["theirs"]), shared(5)));
    let checked = bench.tenantry(["check", "--json", "shared.csv"]).exits(0);
    let json = checked.json();
    let [problem] = json["problems"].as_array().unwrap().as_slice() else { panic!("{json:#}") };
    assert_eq!((&problem["line"], &problem["column"]), (&json!(null), &json!("email")));
    assert_eq!(
        (&problem["rule"], &problem["value"]),
        (&json!("shared_email_domain"), &json!("tailspin.example.com"))
    );
    let text = bench.tenantry(["check", "shared.csv"]).exits(0).stdout;
    assert!(text.contains("shared.csv: warning: email: most rows have an address in this domain"), "{text}");
    let note = "1 × warning shared_email_domain: email: most rows have";
    bench.import("shared.csv").args(["--dry-run"]).exits(0).says(note);
    // With --strict, nothing of such a list is sent.
    bench.tenantry(["check", "--strict", "shared.csv"]).exits(3);
    bench.import("shared.csv").args(["--strict", "--dry-run"]).exits(3);
    bench
        .import("shared.csv")
        .args(["--strict"])
        .exits(3)
        .says("nothing was sent: the list as a whole has a problem");
    assert_eq!((bench.creations().len(), bench.ledger().states()), (0, states([("pending", 6)])));
    bench.import("shared.csv").args(["--strict", "--warn", "shared_email_domain"]).exits(0);
    assert_eq!(bench.creations().len(), 6);
    // Where the partner's domains are known, another shared one is the customers' affair.
    let known = ["check", "shared.csv", "--partner-domains", "litware.com"];
    assert!(!bench.tenantry(known).exits(0).stdout.contains("shared_email_domain"));
    bench.file("few.csv", format!("{HEADER}\n{}", shared(4)));
    assert!(!bench.tenantry(["check", "few.csv"]).exits(0).stdout.contains("shared_email_domain"));
    bench.agree();
}
