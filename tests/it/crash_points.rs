//! The program dies at each named point in turn, and once more later on; whatever is started then has to bring the work
//! to its end with journal and ledger in agreement. After that the same with a power cut: what came after the last commit
//! is gone too. That a commit is synced is shown elsewhere: `ledger_trouble`.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use rand::RngExt;
use tenantry_simulator::{Fault, Operation};

use crate::crash::{kills, lively, rng};
use crate::harness::{Bench, HEADER, customers, each_at_once, eventually, row, states};

/// Every point, with the times at which it dies there. (A point that is passed less often is not reached; the test
/// holds that each is reached at least once.)
const POINTS: [(&str, &[u32]); 18] = [
    ("ledger_made", &[1]),
    ("migration", &[1]),
    ("migrated", &[1]),
    ("identity_opened", &[1]),
    ("identity_written", &[1]),
    ("commit", &[1, 2, 3, 4, 5, 8, 13]),
    ("committed", &[1, 2, 3, 4, 5, 8, 13]),
    ("file_read", &[1]),
    ("data_key_drawn", &[1]),
    ("data_key_kept", &[1]),
    ("intended", &[1, 3]),
    ("sending", &[1, 4]),
    ("answered", &[1, 5]),
    ("sealed", &[1, 2, 6]),
    ("agreement_intended", &[1, 2]),
    ("agreement_sending", &[1]),
    ("agreement_answered", &[1, 3]),
    ("closing", &[1]),
];

/// Some rows of each kind: plain, rejected, refused, with an answer that is lost, with an agreement.
fn mixed_file() -> String {
    let accepted = "Ana,Bell,ana@harborline.example.com,,2026-08-14";
    let rows = [
        (row("plain1"), ""),
        (row("agreed1"), accepted),
        (row("refuse-400-3000"), ""),
        (row("lost1"), ""),
        (row("plain2").replace(",GB", ",XX"), ""),
        (row("agreed2"), accepted),
        (row("plain3"), ""),
        (row("agreed3"), accepted),
    ];
    let columns = "agreement_first_name,agreement_last_name,agreement_email,agreement_phone,agreement_date";
    let rows = rows
        .map(|(row, accepted)| format!("{row},{}\n", if accepted.is_empty() { ",,,," } else { accepted }));
    std::iter::once(format!("{HEADER},{columns}\n")).chain(rows).collect()
}

#[test]
fn dying_at_any_point_loses_nothing_and_repeats_nothing() {
    let deaths = POINTS.into_iter().flat_map(|(point, times)| times.iter().map(move |time| (point, time)));
    each_at_once(deaths, |(point, time)| {
        let bench = Bench::new();
        bench.file("customers.csv", mixed_file());
        bench.fault(Operation::Create, "lost1", Fault::DropAfter, 1);
        let died = bench
            .import("customers.csv")
            .args(["--concurrency", "2"])
            .env("TENANTRY_CRASH_AT", format!("{point}#{time}"))
            .run();
        assert_eq!(died.code, None, "did not die at {point}#{time}: {died}");
        let done = bench.import("customers.csv").exits(3);
        let expected = states([("created", 6), ("failed", 1), ("rejected", 1)]);
        assert_eq!(bench.ledger().states(), expected, "after {point}#{time}: {done}");
        bench.agree();
    });
}

#[test]
fn dying_again_and_again_at_the_same_point_still_comes_to_an_end() {
    each_at_once(["committed#14", "sending#2", "answered#2", "sealed#2"], |point| {
        let bench = Bench::new();
        bench.file("customers.csv", customers(5));
        let mut deaths = 0;
        loop {
            let command = bench.import("customers.csv").args(["--concurrency", "1", "--settle-delay", "0s"]);
            let done = command.env("TENANTRY_CRASH_AT", point).run();
            match done.code {
                None => deaths += 1,
                code => {
                    assert_eq!(code, Some(0), "{done}");
                    break;
                }
            }
            assert!(deaths < 50, "{point}: no end to it");
        }
        bench.agree();
    });
}

fn newest_picture(bench: &Bench) -> Option<PathBuf> {
    let pictures = fs::read_dir(bench.path("synced")).unwrap().map(|entry| entry.unwrap().path());
    pictures.filter(|path| !path.ends_with("half")).max()
}

/// Puts the files back as they were when the last commit ended: what was written since may not be on the disk.
fn cut_the_power(bench: &Bench) {
    let picture = newest_picture(bench).expect("a run commits before it can be cut off");
    for suffix in ["-wal", "-shm", ""] {
        let mut name = bench.ledger_path().into_os_string();
        name.push(suffix);
        drop(fs::remove_file(&name));
        if suffix != "-shm" {
            fs::copy(picture.join(format!("ledger.db{suffix}")), &name).unwrap();
        }
    }
    fs::remove_dir_all(bench.path("synced")).unwrap();
}

#[test]
fn a_power_cut_takes_nothing_that_was_promised() {
    let mut rng = rng();
    let mut left = kills();
    while left > 0 {
        let bench = Bench::with(lively(rng.random()));
        bench.file("customers.csv", customers(120));
        // What the run before the cut has committed is on the disk, so its intents are; so every send is known.
        while left > 0 {
            left -= 1;
            fs::create_dir_all(bench.path("synced")).unwrap();
            let command = bench.import("customers.csv").args(["--concurrency", "16"]);
            let mut running = command.env("TENANTRY_SYNCED_TO", bench.path("synced")).spawn();
            eventually("a commit", || newest_picture(&bench).is_some() || running.has_ended());
            std::thread::sleep(Duration::from_millis(rng.random_range(0..700)));
            let ended = running.has_ended();
            running.kill();
            cut_the_power(&bench);
            bench.agree_so_far();
            if ended {
                break;
            }
        }
        bench.import("customers.csv").exits(0);
        bench.agree();
        assert_eq!(bench.creations().len(), 120);
    }
}
