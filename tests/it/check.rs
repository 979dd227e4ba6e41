//! What `check` says of files, that it says the same as an import, and that it leaves no trace.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use crate::harness::{
    Bench, Call, Done, HEADER, SIGNALS, customers, customers_of, domain, eventually, row, sample, snapshot,
};

const RESELLER: &str = "8f2c1b7e-5a64-4d0e-9c3b-1e7d2f60a951";

/// `tenantry check ARGS…`, for somebody who cannot sign in.
fn check<'a>(bench: &'a Bench, args: &[&str]) -> Call<'a> {
    bench.tenantry(["check"]).args(args).without("TENANTRY_ACCESS_TOKEN")
}

/// Line and rule of every problem, in order.
pub(crate) fn problems(done: &Done) -> Vec<(u64, String)> {
    let text = |problem: &Value, name: &str| problem[name].as_str().unwrap().to_owned();
    let json = done.json();
    let problems = json["problems"].as_array().unwrap();
    let mut found: Vec<_> =
        problems.iter().map(|problem| (problem["line"].as_u64().unwrap(), text(problem, "rule"))).collect();
    found.sort();
    found
}

/// The samples, where they have a short name.
fn with_sample(name: &str) -> Bench {
    let bench = Bench::new();
    fs::copy(sample(name), bench.path(name)).unwrap();
    bench
}

/// What is in the folder, but for the outputs that the tests keep there.
pub(crate) fn files(bench: &Bench) -> BTreeSet<String> {
    let names = fs::read_dir(bench.path(".")).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| !name.starts_with(".output")).collect()
}

/// Two resellers' worth of trouble: a domain named again, equal rows, and rows without a reseller.
fn mixed() -> String {
    let sold = |domain: &str| format!("{},{RESELLER}\n", row(domain));
    let direct = |domain: &str| format!("{},\n", row(domain));
    let other = |domain: &str| sold(domain).replacen("Harborline", "Northgate", 1);
    let wrong = |domain: &str| sold(domain).replace(",GB,", ",UK,");
    [
        format!("{HEADER},associated_partner_id\n"),
        sold("first"),
        direct("second"),
        other("first"),
        sold("first"),
        other("first"),
        direct("second"),
        wrong("third"),
        wrong("third"),
        sold("third"),
        sold("not a domain"),
        sold("not a domain"),
        direct("also not"),
        direct("fourth"),
        direct("first"),
    ]
    .concat()
}

#[test]
fn the_sample_with_problems_in_words() {
    let bench = with_sample("customers-with-problems.csv");
    snapshot!(check(&bench, &["customers-with-problems.csv"]).exits(3));
}

#[test]
fn a_good_file_in_words() {
    let bench = with_sample("customers.csv");
    snapshot!(check(&bench, &["customers.csv"]).exits(0));
}

#[test]
fn a_small_file_as_json() {
    let bench = Bench::new();
    bench.file("mixed.csv", mixed());
    snapshot!(check(&bench, &["--json", "mixed.csv"]).exits(3));
}

/// Each with what to write instead.
#[test]
fn slips_that_no_service_takes_are_named_before_they_burn_a_domain() {
    let bench = Bench::new();
    let with = |domain: &str, what: &str, instead: &str| row(domain).replace(what, instead) + "\n";
    let content = [
        format!("{HEADER}\n"),
        with("one", "example.com", "example.con"),
        with("two", "two.example.com", "gmial.com"),
        with("three", "example.com", "example.nosuchending"),
        with("four", ",GB", ",United Kingdom of Great Britain and Northern Ireland (the)"),
        with("five", "LS1 5HD", "LS1\u{2013}5HD"),
        with("six\u{2010}seven", "nothing", "nothing"),
    ];
    bench.file("customers.csv", content.concat());
    snapshot!(check(&bench, &["customers.csv"]).exits(3));
}

#[test]
fn many_alike_are_grouped() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(40).replace(",GB\n", ",UK\n"));
    snapshot!(check(&bench, &["customers.csv"]).exits(3));
    let all = check(&bench, &["--all", "customers.csv"]).exits(3).stdout;
    assert_eq!(all.matches("→ GB").count(), 40, "{all}");
}

/// The verdict of a check is that of an import into a new ledger, row by row.
#[test]
fn check_and_import_agree() {
    #[track_caller]
    fn agree(content: &[u8], flags: &[&str]) {
        let bench = Bench::new();
        bench.file("customers.csv", content);
        let checked = check(&bench, &["--json", "customers.csv"]).args(flags).run();
        bench.import("customers.csv").args(flags).args(["--limit", "0"]).run();
        // A check tells the problems of equal duplicates too; the ledger has no rows for them.
        let rows: BTreeSet<u64> = bench.ledger().rows().iter().map(|row| row.line).collect();
        let mut found = problems(&checked);
        found.retain(|(line, _)| rows.contains(line));
        assert_eq!(found, bench.ledger().problems(), "{flags:?}");
        let rejected = bench.ledger().states().get("rejected").copied().unwrap_or(0);
        assert_eq!(checked.code, Some(if rejected > 0 { 3 } else { 0 }), "{checked}");
        let read = bench.ledger().number("SELECT sum(rows_read) FROM sources");
        assert_eq!(checked.json()["rows"], read);
    }
    let sample = fs::read(sample("customers-with-problems.csv")).unwrap();
    agree(&sample, &[]);
    agree(&sample, &["--strict"]);
    agree(mixed().as_bytes(), &[]);
    agree(mixed().as_bytes(), &["--allow-direct"]);
    agree(mixed().as_bytes(), &["--reseller-id", RESELLER]);
    agree(mixed().replace(',', ";").as_bytes(), &["--delimiter", "semicolon"]);
    agree(mixed().replace("culture", "Kultur").as_bytes(), &["--map", "Kultur=culture"]);
    // A row with another mistake has its reseller all the same.
    let wrong = row("first").replace(",GB,", ",UK,");
    agree(
        format!("{HEADER},associated_partner_id\n{wrong},{RESELLER}\n{},\n", row("second")).as_bytes(),
        &[],
    );
    let surplus =
        format!("{HEADER},tenantry_extra_cells\n{},\n{},\"a,\u{1b}b\"\n", row("good"), row("wrong"));
    agree(surplus.as_bytes(), &[]);
}

/// The other cells of such a row are complete, so only the mark tells that they may be shifted.
#[test]
fn a_row_with_too_many_cells_stays_marked_in_copies_and_exports_until_a_person_has_looked() {
    let bench = Bench::new();
    bench.file("list.csv", format!("{HEADER}\n{},more\n", row("shifted").trim_end()));
    let copy = |from: &str, to: &str| {
        check(&bench, &[from, "-o", to]).exits(3);
        fs::read_to_string(bench.path(to)).unwrap()
    };
    copy("list.csv", "one.csv");
    let marked = copy("one.csv", "two.csv");
    assert!(marked.ends_with(",more\n"), "{marked}");
    bench.import("two.csv").exits(3);
    for export in ["three.csv", "four.csv"] {
        bench.tenantry(["export", "rejected", "-o", export]).exits(0);
        bench.import(export).exits(3);
    }
    assert_eq!(bench.creations().len(), 0);
    bench.file("two.csv", marked.replace(",more\n", ",\n"));
    bench.import("two.csv").exits(0);
    assert_eq!(bench.creations().len(), 1);
}

/// Rules that were fetched hold for a check as for an import, and both say whose rules they are.
#[test]
fn the_country_rules_that_are_kept_are_the_rules() {
    let bench = Bench::new();
    // Nothing that is built in says that GB wants a city.
    bench.file("customers.csv", customers(1).replace(",Leeds,", ",,"));
    check(&bench, &["customers.csv"]).exits(0);
    bench.tenantry(["rules", "update", "--country", "GB"]).exits(0);
    let checked = check(&bench, &["customers.csv"]).exits(3);
    checked.says("from Partner Center: GB.");
    assert!(checked.stdout.contains("city: is required"), "{checked}");
    let imported = bench.import("customers.csv").exits(3);
    imported.says(checked.stderr.lines().next().unwrap());
}

#[test]
fn strict_makes_errors_of_warnings() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(2).replace("Ana", "Test"));
    check(&bench, &["customers.csv"]).exits(0);
    check(&bench, &["--strict", "customers.csv"]).exits(3);
}

#[test]
fn the_files_of_one_command_belong_together() {
    let bench = Bench::new();
    bench.file("one.csv", customers_of(["same", "other"]));
    bench.file("two.csv", customers_of(["same"]).replace("Harborline", "Northgate"));
    snapshot!(check(&bench, &["one.csv", "two.csv"]).exits(3));
    bench.file("three.csv", customers(1).replace(",GB\n", ",UK\n"));
    let json = check(&bench, &["--json", "one.csv", "three.csv"]).exits(3).json();
    assert_eq!((&json["rows"], &json["problems"][0]["file"]), (&3.into(), &"three.csv".into()), "{json:#}");
    let twice = check(&bench, &["one.csv", "one.csv"]).exits(0);
    assert!(twice.stdout.contains("2 rows can be sent"), "{twice}");
    // In the very words of an import.
    let words = "the domain `same.onmicrosoft.com` is already on line 2 of `one.csv`, with other values";
    let done = bench.tenantry(["import", "one.csv", "two.csv"]).exits(3);
    assert!(done.stdout.contains(words), "{done}");
    assert_eq!(bench.creations().len(), 2);
    // Read on its own, a file may correct what another one brought.
    bench.file("four.csv", customers_of(["same"]).replace("Harborline", "Westgate"));
    bench.import("four.csv").exits(3).says("1 known");
}

#[test]
fn standard_input_is_checked() {
    let bench = Bench::new();
    let content = customers(2).replace(",GB\n", ",UK\n");
    let done = check(&bench, &["-", "--json"]).stdin(content).exits(3);
    assert_eq!(problems(&done), [(2, "country".to_owned()), (3, "country".to_owned())]);
}

/// What cannot be read is told as in an import, with the same exit code.
#[test]
fn unreadable_files_are_told_as_in_an_import() {
    let bench = Bench::new();
    bench.file("header.csv", customers(1).replacen("culture", "kultur", 1));
    bench.file("empty.csv", "");
    bench.file("quote.csv", format!("{}\"never closed", customers(3)));
    for (file, code) in [("nowhere.csv", 2), (".", 2), ("header.csv", 1), ("empty.csv", 1), ("quote.csv", 1)]
    {
        let checked = check(&bench, &[file]).exits(code);
        let imported = bench.import(file).exits(code);
        let told = |done: &Done| {
            let lines =
                done.stderr.lines().filter(|line| line.contains("error:") || line.contains("because:"));
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(told(&checked), told(&imported), "{file}");
    }
    let cut_short = check(&bench, &["--json", "quote.csv"]).exits(1);
    assert!(cut_short.json()["error"].is_object(), "it must not look whole: {cut_short}");
    let wrong = customers(1).replacen("GB", "ZZ", 1);
    bench.file("quote.csv", format!("{wrong}\"never closed"));
    let cut_short = check(&bench, &["--json", "quote.csv"]).exits(1);
    let object = serde_json::from_str::<Value>(&cut_short.stdout);
    assert!(object.is_err() || object.unwrap()["error"].is_object(), "it must not look whole: {cut_short}");
}

#[test]
fn nothing_is_written() {
    let bench = with_sample("customers-with-problems.csv");
    let before = files(&bench);
    check(&bench, &["customers-with-problems.csv"]).exits(3);
    check(&bench, &["customers-with-problems.csv", "--json"]).exits(3);
    assert_eq!(files(&bench), before);
    assert!(bench.simulator().requests().is_empty(), "nobody was asked");
}

/// Cells, headers and file names come from outside, and a terminal obeys what it is sent.
#[test]
fn nothing_in_a_file_reaches_the_terminal_raw() {
    let bench = Bench::new();
    // Windows has no names with such a sign, but with one that does the same.
    let name = if cfg!(windows) { "a\u{9b}31m.csv" } else { "a\u{1b}[31m.csv" };
    let header = HEADER.replacen("language", "\"Lang\u{1b}[2J\nuage\"", 1);
    let content =
        format!("{header},note\u{9b}2J\n{},\n", row("one").replacen(",en,", ",\u{1b}]0;e\u{7},", 1));
    bench.file(name, content);
    for flags in [
        &["--map", "Lang\u{1b}[2J\nuage=language"][..],
        &["--map", "Lang\u{1b}[2J\nuage=language", "--json"],
        &[],
    ] {
        let done = check(&bench, &[name]).args(flags).run();
        assert!(done.code.is_some_and(|code| code > 0), "{done:?}");
        let is_raw = |c: char| c.is_control() && c != '\n';
        assert!(!done.stdout.contains(is_raw) && !done.stderr.contains(is_raw), "{done:?}");
    }
}

#[test]
fn an_interruption_ends_it_at_once() {
    for &(signal, code) in SIGNALS {
        let bench = Bench::new();
        bench.file("customers.csv", customers(1));
        let running = check(&bench, &["customers.csv", "-"]).with_silent_input().spawn();
        eventually("it comes to its second file", || running.stdout().contains("customers.csv: 1 row"));
        running.signal(signal);
        let done = running.wait();
        assert_eq!(done.code, Some(code), "{done}");
        done.says("error: interrupted");
    }
}

#[test]
fn the_next_command_works_as_it_stands() {
    let bench = Bench::new();
    let content = customers(2).replacen("culture", "My Kultur", 1).replace(',', "|");
    bench.file("customers.csv", content);
    let flags = ["--map", "My Kultur=culture", "--delimiter", "pipe", "--reseller-id", RESELLER];
    let text = check(&bench, &["customers.csv"]).args(flags).exits(0).stdout;
    let next = text.lines().last().unwrap().strip_prefix("Next: tenantry ").unwrap();
    let quote = if cfg!(windows) { '"' } else { '\'' };
    let map = format!("--map {quote}My Kultur=culture{quote}");
    let said = format!("import --delimiter pipe {map} --reseller-id {RESELLER} --api-url");
    assert!(next.starts_with(&said) && next.ends_with(" customers.csv"), "{next}");
    bench.import("customers.csv").args(flags).exits(0);
    assert!(bench.creations().iter().any(|it| it.domain.starts_with(&domain(1))));
}

#[test]
fn what_was_rehearsed_does_not_turn_into_production() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(1));
    let simulated = check(&bench, &["--simulate", "customers.csv"]).exits(0);
    assert!(simulated.stdout.contains("Next: tenantry import --simulate customers.csv"), "{simulated}");
    let elsewhere = check(&bench, &["customers.csv"]).exits(0);
    assert!(elsewhere.stdout.contains("Next: tenantry import --api-url http://127.0.0.1:"), "{elsewhere}");
}

/// Checks a file with `-o problems.csv`, and returns the rows of the copy by column.
fn copied(bench: &Bench, args: &[&str], delimiter: u8) -> Vec<std::collections::HashMap<String, String>> {
    check(bench, &["-o", "problems.csv"]).args(args).exits(3);
    let mut reader =
        csv::ReaderBuilder::new().delimiter(delimiter).from_path(bench.path("problems.csv")).unwrap();
    reader.deserialize().collect::<Result<_, _>>().unwrap()
}

#[test]
fn a_copy_has_every_row_as_it_was_and_what_is_wrong() {
    let bench = Bench::new();
    let note = "\"a \"\"quoted\"\" note, =1+1\"";
    let wrong = row("wrong").replace(",GB", ",United Kingdom").replace("LS1 5HD", "1");
    let content = format!("{HEADER},note\n{},{note}\n{wrong},  \n{},{note}\n", row("good"), row("a b"));
    bench.file("customers.csv", &content);
    let done = check(&bench, &["-o", "problems.csv", "customers.csv"]).exits(3);
    done.says("Written to `problems.csv`");
    let problems = fs::read_to_string(bench.path("problems.csv")).unwrap();
    insta::assert_snapshot!(problems);
    for (copy, original) in problems.lines().zip(content.lines()) {
        assert!(copy.starts_with(&format!("{original},")), "{copy}");
    }
    assert!(done.stdout.contains("Next: correct the rows with errors in problems.csv, then"), "{done}");
    // Checked again it says the same, and its columns do not grow.
    check(&bench, &["-o", "again.csv", "problems.csv"]).exits(3);
    assert_eq!(fs::read_to_string(bench.path("again.csv")).unwrap(), problems);
    // Mended, it is imported as it is.
    let mended =
        problems.replace("United Kingdom", "GB").replace("a b,", "ab,").replacen(",1,", ",LS1 5HD,", 1);
    bench.file("problems.csv", mended);
    bench.import("problems.csv").exits(0);
    assert_eq!(bench.creations().len(), 3);
}

/// Unmended, a copy is judged as its original, also where a row had not the cells of its header.
#[test]
fn a_copy_is_judged_as_its_original() {
    let check_copy = |content: String, args: &[&str]| {
        let bench = Bench::new();
        bench.file("customers.csv", content);
        let original = check(&bench, &["--json", "customers.csv", "-o", "problems.csv"]).args(args).exits(3);
        let copy = check(&bench, &["--json", "problems.csv"]).args(args).exits(3);
        let lines =
            |done: &Done| -> BTreeSet<u64> { problems(done).into_iter().map(|(line, _)| line).collect() };
        assert_eq!(lines(&original), lines(&copy), "{args:?}");
    };
    // Without their last cell, or with it cut short, these would be good rows.
    let (short, huge) = (row("short"), "x".repeat(300_000));
    let long = format!("{},note,more", row("long"));
    check_copy(format!("{HEADER},external_id\n{short}\n{},1\n{long}\n", row("good")), &[]);
    check_copy(format!("{HEADER},external_id\n{},1\n{},{huge}\n", row("good"), row("huge")), &[]);
    check_copy(mixed(), &[]);
    check_copy(mixed(), &["--reseller-id", RESELLER]);
    check_copy(mixed().replace(',', ";"), &[]);
}

#[test]
fn what_shows_at_the_end_of_a_file_stands_in_its_copy_too() {
    let bench = Bench::new();
    bench.file("mixed.csv", mixed().replace(',', ";"));
    let rows = copied(&bench, &["mixed.csv"], b';');
    assert_eq!(rows.len(), 14);
    let wrong = |row: &&std::collections::HashMap<String, String>| row["tenantry_severity"] == "error";
    let lines: Vec<&str> = rows.iter().filter(wrong).map(|row| row["tenantry_line"].as_str()).collect();
    assert_eq!(lines, ["3", "4", "8", "9", "10", "11", "12", "13", "14", "15"]);
    assert!(rows[1]["tenantry_error"].contains("has no reseller, but other rows"), "{:?}", rows[1]);
    assert!(rows[6]["tenantry_error"].contains("(→ GB)"), "{:?}", rows[6]);
}

#[test]
fn a_copy_is_written_over_nothing_of_value() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(1));
    bench.import("customers.csv").exits(0);
    for (args, words) in [
        (&["customers.csv", "-o", "customers.csv"][..], "it is a file that rows are read from"),
        (&["customers.csv", "-o", "./customers.csv"], "it is a file that rows are read from"),
        (&["customers.csv", "-o", "ledger.db"], "it is a database"),
        (&["customers.csv", "-o", "identity.txt"], "it holds a private key"),
        (&["customers.csv", "customers.csv", "-o", "a.csv"], "several files"),
        (&["customers.csv", "-o", "-"], "needs a file of its own"),
    ] {
        check(&bench, args).exits(2).says(words);
    }
    assert_eq!(fs::read_to_string(bench.path("customers.csv")).unwrap(), customers(1));
    bench.agree();
    // What has been mended in an old copy is not lost, and a check that does not come to its end leaves nothing.
    bench.file("quote.csv", format!("{}\"never closed", customers(3)));
    bench.file("mended.csv", "mended");
    let before = files(&bench);
    check(&bench, &["customers.csv", "-o", "mended.csv"]).exits(2).says("it already exists");
    check(&bench, &["quote.csv", "-o", "problems.csv"]).exits(1);
    assert_eq!(fs::read_to_string(bench.path("mended.csv")).unwrap(), "mended");
    assert_eq!(files(&bench), before);
}

#[test]
fn a_country_by_its_name_hides_nothing_else_of_its_row() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(1).replace(",GB\n", ",Portugal\n").replace("LS1 5HD", ""));
    let found = problems(&check(&bench, &["--json", "customers.csv"]).exits(3));
    assert!(found.contains(&(2, "required".to_owned())), "{found:?}");
}
