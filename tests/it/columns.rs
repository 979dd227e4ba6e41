//! Lists with the headings of other programs: what is taken, what is asked, and what is left out.

use serde_json::{Value, json};

use crate::harness::{Bench, HEADER, customers, domain, in_quotes, row};

/// The list of a customer with headings as another program writes them.
fn with_headings(domains: &[&str]) -> String {
    let header = HEADER
        .replace("company_name", "Account Name")
        .replace("address_line1", "Billing Street")
        .replace("city", "Billing City")
        .replace("state", "Billing State/Province")
        .replace("postal_code", "PLZ")
        .replace("country", "[required] Country");
    let rows = domains.iter().map(|domain| format!("{},Ms.\n", row(domain)));
    format!("{header},Salutation\n{}", rows.collect::<String>())
}

fn auto_mapped() -> Value {
    let taken = [
        ("Account Name", "company_name"),
        ("Billing Street", "address_line1"),
        ("Billing City", "city"),
        ("Billing State/Province", "state"),
        ("PLZ", "postal_code"),
        ("[required] Country", "country"),
    ];
    taken.map(|(column, field)| json!({"column": column, "field": field})).to_vec().into()
}

/// The ledger keeps each `--map` of a list. One for a column that the list no longer has would be a mistake when typed.
#[test]
fn the_next_command_maps_only_columns_that_are_there() {
    let bench = Bench::new();
    let list = |from: [&str; 2], to: [&str; 2], rows: &[String]| {
        HEADER.replace(from[0], to[0]).replace(from[1], to[1]) + "\n" + &rows.join("\n") + "\n"
    };
    let (names, firma_ort) = (["company_name", "city"], ["Firma", "Ort"]);
    bench.file("list.csv", list(names, firma_ort, &[row("first")]));
    bench.import("list.csv").args(["--map", "Firma=company_name", "--map", "Ort=city"]).exits(0);
    let wrong = row("second").replace(",GB", ",Nowhere");
    bench.file("list.csv", list(names, ["company_name", "Stadt"], &[row("first"), wrong]));
    let again = |option: &str| {
        let import = bench.import("list.csv").args(["--map", "Stadt=city", "--json", option]);
        import.run().json()["next_commands"].as_array().unwrap().clone()
    };
    for option in ["--require-valid", "--rate=unlimited"] {
        let next = again(option);
        let mapped = next.iter().map(|command| command.as_str().unwrap()).filter(|it| it.contains("--map"));
        let mapped: Vec<&str> = mapped.collect();
        assert!(!mapped.is_empty(), "{next:?}");
        for command in mapped {
            let map = format!("--map {}", in_quotes("Stadt=city"));
            assert!(command.contains(&map) && !command.contains("Firma"), "{command}");
        }
    }
    bench.tenantry(["export", "rejected", "-o", "rejected.csv"]).exits(0);
    let corrected = std::fs::read_to_string(bench.path("rejected.csv")).unwrap().replace(",Nowhere", ",GB");
    bench.file("rejected.csv", corrected);
    bench.import("rejected.csv").args(["--map", "Stadt=city"]).exits(0);
    assert_eq!(bench.creations().len(), 2);
}

/// What the ledger remembers of a list is the weakest of all that gives an option.
#[test]
fn a_remembered_auto_map_is_turned_off_wherever_options_are_given() {
    let bench = Bench::new();
    bench.file("crm.csv", with_headings(&["first"]));
    bench.import("crm.csv").args(["--auto-map"]).exits(0);
    bench.import("crm.csv").exits(0).says("options of its last import apply: --auto-map");
    bench.file("settings.toml", "auto-map = false\n");
    for call in [
        bench.import("crm.csv").args(["--config", "settings.toml"]),
        bench.import("crm.csv").env("TENANTRY_AUTO_MAP", "false"),
        bench.import("crm.csv").args(["--auto-map=false"]),
    ] {
        let refused = call.exits(1);
        refused.says("or --auto-map");
        assert!(!refused.stderr.contains("of its last import"), "{refused}");
    }
}

#[test]
fn headings_of_other_programs_are_taken_with_auto_map() {
    let bench = Bench::new();
    bench.file("crm.csv", with_headings(&["first", "second"]));
    let check = bench.tenantry(["check", "--json", "--auto-map", "crm.csv"]).exits(0);
    assert_eq!(check.json()["auto_mapped"], auto_mapped());
    assert_eq!(check.json()["left_out"], json!(["Salutation"]));
    check.says("--auto-map takes `Account Name` as `company_name`, `Billing Street` as `address_line1`");
    let plan = bench.import("crm.csv").env("TENANTRY_AUTO_MAP", "1").args(["--dry-run"]).exits(0);
    assert!(plan.stdout.contains("--auto-map takes `Account Name` as `company_name`"), "{plan}");
    assert!(!plan.stderr.contains("--auto-map takes"), "it is in the plan: {plan}");
    bench.file("settings.toml", "auto-map = true\n");
    let import = bench.import("crm.csv").args(["--json", "--config", "settings.toml"]).exits(0);
    assert_eq!(import.json()["auto_mapped"], auto_mapped());
    assert_eq!(import.json()["left_out"], json!(["Salutation"]));
    let sent = bench.creations();
    assert!(
        sent.iter().all(|made| made.body.contains("\"city\":\"Leeds\"") && made.body.contains("LS1 5HD"))
    );
    bench.agree();
}

#[test]
fn a_row_that_is_taken_up_again_keeps_the_columns_of_its_list() {
    let bench = Bench::new();
    let list = with_headings(&["first", "second"]).replacen("Ana", "Test", 1);
    bench.file("crm.csv", list.replace("Salutation", "City"));
    let options = ["--auto-map", "--ignore-column", "City", "--strict"];
    let next = bench.import("crm.csv").args(options).exits(3).stdout;
    let (_, next) = next.split_once("\nNext: ").unwrap();
    assert!(next.contains(" --strict rejected.csv") && !next.contains("--auto-map"), "{next}");
    // The export has the same headings.
    bench.tenantry(["export", "rejected", "-o", "rejected.csv"]).exits(0);
    bench.tenantry(["check", "rejected.csv"]).exits(1).says("nearest is `address_line1`");
    bench.tenantry(["check", "rejected.csv"]).args(options).exits(3).says("`Billing City` as `city`");
    bench.tenantry(["retry", "--all", "--yes"]).exits(0);
    let sent = bench.creations();
    assert!(sent.len() == 2 && sent.iter().all(|made| made.body.contains("\"city\":\"Leeds\"")), "{sent:?}");
    bench.agree();
}

#[test]
fn a_refused_header_says_what_to_paste() {
    let bench = Bench::new();
    bench.file("crm.csv", with_headings(&["first"]));
    let refused = bench.tenantry(["check", "crm.csv"]).exits(1);
    refused
        .says("`Billing City` is unknown; the nearest is `city`")
        .says("or --auto-map; in tenantry.toml: `map = [");
    let settings = refused.stderr.split_once("tenantry.toml: `").unwrap().1.split_once("]`").unwrap().0;
    bench.file("settings.toml", format!("{settings}]\n"));
    let taken = bench.tenantry(["check", "--json", "--config", "settings.toml", "crm.csv"]).exits(0);
    assert_eq!(taken.json()["left_out"], json!(["Salutation"]));
    let flags = refused.stderr.split_once("hint: add ").unwrap().1.split_once(", or --auto-map").unwrap().0;
    #[cfg(unix)]
    bench.tenantry([""; 0]).in_shell(&format!("exec \"$0\" check {flags} crm.csv")).exits(0);
    assert_eq!(flags.matches("--map ").count(), 6, "{flags}");
    // Two columns for one field.
    bench.file("two.csv", customers(1).replacen("company_name", "Country Code", 1));
    let [code, name] = ["Country Code=country", "country=country"].map(in_quotes);
    let two = format!("for `country` choose one of --map {code}, --map {name}");
    bench.tenantry(["check", "two.csv"]).exits(1).says(&two);
    // Lists of other countries have no such columns.
    let short = customers(1).replace(",culture,language", "").replace(",en-GB,en", "");
    bench.file("short.csv", short);
    let refused = bench.tenantry(["check", "short.csv"]).exits(1);
    let flags = refused.stderr.split_once("such as ").unwrap().1.trim();
    #[cfg(unix)]
    bench.tenantry([""; 0]).in_shell(&format!("exec \"$0\" check {flags} short.csv")).exits(0);
    assert_eq!(flags.matches("--default ").count(), 2, "{flags}");
}

#[test]
fn a_column_that_may_be_one_of_ours_is_not_left_out_with_strict() {
    let bench = Bench::new();
    bench.file("list.csv", customers(1).replacen("city", "Ort", 1).replacen("state", "Fax", 1));
    let check = |options: &[&str]| bench.tenantry(["check", "--json", "-q", "list.csv"]).args(options).run();
    let lax = check(&[]);
    assert_eq!((lax.code, &lax.json()["left_out"]), (Some(0), &json!(["Ort", "Fax"])), "{lax}");
    check(&["--strict"]).says("`Ort` may mean `city`").says("--map");
    for options in [&["--strict", "--auto-map"][..], &["--strict", "--ignore-column", "Ort"]] {
        let done = check(options);
        assert_eq!(done.code, Some(0), "{options:?}: {done}");
    }
}

#[test]
fn lines_above_the_header_and_a_footer_are_told_from_rows() {
    let bench = Bench::new();
    let list = customers(2);
    bench.file("report.csv", format!("version:v1.0\n{list}"));
    bench
        .tenantry(["check", "report.csv"])
        .exits(1)
        .says("line 2 looks like the header: add `--header-line 2`");
    bench.tenantry(["check", "--header-line", "7", "report.csv"]).exits(1).says("the input ends before it");
    bench.import("report.csv").args(["--header-line", "2", "--limit", "1"]).exits(5);
    bench.resume().exits(0);
    assert_eq!(bench.ledger().row(&domain(1)).line, 3);
    bench.file("report.csv", format!("{list}\n\nCustomers\nCopyright (c) 2026\nContoso\n"));
    let footer = bench.tenantry(["check", "report.csv"]).exits(3);
    let problem = "report.csv:6: error: the row and the rows up to line 8 are a footer, not customers";
    assert!(footer.stdout.contains(problem), "{footer}");
    assert!(footer.stdout.contains("3 rows: 2 good, 0 with warnings alone, 1 with errors"), "{footer}");
    bench.agree();
}

#[test]
fn options_about_lists_are_for_commands_that_read_them() {
    let bench = Bench::new();
    for option in ["--auto-map", "--header-line=2", "--ignore-column=Fax"] {
        for command in ["resume", "reconcile"] {
            bench.tenantry([command, option]).exits(2).says("unexpected argument");
        }
    }
    bench.file("list.csv", customers(1));
    let check = || bench.tenantry(["check", "list.csv"]);
    check().args(["--ignore-column", "Fax"]).exits(1).says("no column `Fax` to ignore");
    check().env("TENANTRY_IGNORE_COLUMN", "city").env("TENANTRY_HEADER_LINE", "1").exits(0).says("`city`");
    check().args(["--header-line", "0"]).exits(2);
    bench.tenantry(["check", "lsit.csv"]).exits(2).says("did you mean list.csv?");
    bench.tenantry(["check", "List.xlsx"]).exits(2).says("did you mean list.csv?");
    // A folder may be misspelt as well.
    std::fs::create_dir_all(bench.path("lists/new")).unwrap();
    bench.file("lists/new/list.csv", customers(1));
    let meant = ["lists", "new", "list.csv"].join(std::path::MAIN_SEPARATOR_STR);
    for misspelt in ["lsits/new/list.csv", "lists/enw/list.csv", "lsits/nwe/lsit.csv"] {
        bench.tenantry(["check", misspelt]).exits(2).says(&format!("did you mean {meant}?"));
    }
    let missing = bench.tenantry(["check", "other/list.csv"]).exits(2);
    assert!(!missing.stderr.contains("hint"), "{missing}");
    let missing = bench.tenantry(["check", "other.csv"]).exits(2);
    assert!(!missing.stderr.contains("hint"), "{missing}");
}
