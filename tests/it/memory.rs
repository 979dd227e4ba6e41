//! Peak memory does not grow with the file, whatever is wrong with its rows. `tests/bench` measures it with a million.

#![cfg(target_os = "linux")]

use std::fmt::Write as _;
use std::fs;
use std::time::{Duration, Instant};

use crate::harness::Bench;

/// Two runs differ by so much for no reason that lies in the number of rows: batches under way, pages of the database and
/// what the allocator keeps. What grew with the rows grew by twice as much here.
const TOLERANCE_KIB: u64 = 10 << 10;

/// Enough to fill whatever is filled once.
const FEW: usize = 3000;
const MANY: usize = 23_000;

/// Runs a command and says how many KiB of memory it had at most, which the system forgets with its end.
fn peak_kib(bench: &Bench, args: &[&str], code: i32) -> u64 {
    let mut running = bench.tenantry(args).spawn();
    let status = format!("/proc/{}/status", running.pid());
    let mut peak = 0;
    while !running.has_ended() {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let now = line.and_then(|line| line.trim().strip_suffix(" kB")).and_then(|it| it.parse().ok());
        peak = peak.max(now.unwrap_or(0));
        std::thread::sleep(Duration::from_millis(5));
    }
    let done = running.wait();
    assert_eq!(done.code, Some(code), "{done}");
    peak
}

/// A list in which one row has a reseller and the others have none, each with five warnings. Returns the option by which
/// it is read: the problem of a row without a reseller names that column, so a long name makes a large problem.
fn mixed(bench: &Bench, name: &str, rows: usize) -> String {
    let reseller_column = format!("Reseller {}", "as it is called here ".repeat(40).trim_end());
    let mut text = format!(
        "company_name,first_name,last_name,phone_number,{reseller_column},domain,email,culture,language,address_line1,city,\
         state,postal_code,country\n"
    );
    for row in 0..rows {
        let reseller = if row == 0 { "484e548c-f5f3-4528-93a9-c16c6373cb59" } else { "" };
        writeln!(
            text,
            "LLC,Test,Test,12,{reseller},mixed{row},ana@harborline.example.com,fr-FR,en,{row} High Street,Redmond,WA,\
             98052,US"
        )
        .unwrap();
    }
    bench.file(name, text);
    format!("{reseller_column}=associated_partner_id")
}

#[test]
fn rows_that_are_judged_with_their_whole_file_take_no_memory() {
    let bench = Bench::new();
    let peaks = [("few", FEW), ("many", MANY)].map(|(name, rows)| {
        let (file, copy, ledger) = (format!("{name}.csv"), format!("{name}-copy.csv"), format!("{name}.db"));
        let map = mixed(&bench, &file, rows);
        let import = ["import", &file, "--map", &map, "--ledger", &ledger, "--limit", "0"];
        [
            ("check -o", peak_kib(&bench, &["check", &file, "--map", &map, "-o", &copy], 3)),
            ("import", peak_kib(&bench, &import, 5)),
        ]
    });
    let [few, many] = peaks;
    for ((what, few), (_, many)) in few.into_iter().zip(many) {
        assert!(few > 0, "{what}: the system does not say");
        assert!(many < few + TOLERANCE_KIB, "{what}: {few} KiB for {FEW} rows, {many} KiB for {MANY}");
    }
}

/// SQLite took the rows that stand for no domain for a single one, and looked through all of them for each.
#[test]
fn rows_without_a_domain_take_no_longer_than_others() {
    const ROWS: usize = 6000;
    let bench = Bench::new();
    let header = "company_name,domain,email,culture,language,first_name,last_name,address_line1,city,postal_code,country\n";
    let time = |name: &str, domain: fn(usize) -> String| {
        let rows: String = (0..ROWS)
            .map(|row| {
                format!(
                    "Harborline {row},{},,en-GB,en,Ana,Bell,1 High Street,Leeds,LS1 5HD,GB\n",
                    domain(row)
                )
            })
            .collect();
        bench.file(name, format!("{header}{rows}"));
        let begun = Instant::now();
        bench.import(name).args(["--ledger", &format!("{name}.db")]).exits(3);
        begun.elapsed()
    };
    let with = time("with.csv", |row| format!("harborline{row}"));
    let without = time("without.csv", |_| "-no domain-".to_owned());
    assert!(without < with * 6, "{without:?} for {ROWS} rows without a domain, {with:?} with one");
}

/// An empty cell or row costs nothing, however often a workbook says that it is there.
#[test]
fn a_small_workbook_takes_little_memory() {
    let bench = Bench::new();
    let row = |rows: u64, columns: u64, cell: &str| {
        format!(
            "<table:table-row table:number-rows-repeated=\"{rows}\"><table:table-cell \
             table:number-columns-repeated=\"{columns}\">{cell}</table:table-cell></table:table-row>"
        )
    };
    let rows = [
        row(1, 16_384, "<text:p>x</text:p>"),
        row(1_048_000, 16_384, ""),
        row(1, 16_384, "<text:p>x</text:p>"),
    ];
    let content = format!(
        "<office:document-content><office:body><office:spreadsheet><table:table table:name=\"x\">{}</table:table>\
         </office:spreadsheet></office:body></office:document-content>",
        rows.concat()
    );
    let book = crate::lists::packed(&[("content.xml", content)]);
    assert!(book.len() < 1024);
    bench.file("bomb.ods", book);
    let peak = peak_kib(&bench, &["check", "bomb.ods"], 1);
    assert!(peak < 64 << 10, "{peak} KiB");
}
