//! Several lists have a row, with other values each: it waits as long as one of them contains it, by the last reading that
//! was agreed to. Drawn sequences of imports are compared with this sentence.

use std::collections::{BTreeMap, BTreeSet};

use rand::rngs::StdRng;
use rand::seq::{IndexedRandom as _, SliceRandom as _};
use rand::{RngExt as _, SeedableRng as _};
use rusqlite::Connection;

use crate::harness::{Bench, HEADER, row};

const LISTS: [&str; 3] = ["a.csv", "b.csv", "c.csv"];
const DOMAINS: [&str; 4] = ["one", "two", "three", "four"];

/// Sequences where `TENANTRY_TEST_SEQUENCES` does not say otherwise.
const SEQUENCES: u64 = 16;

/// The rows of a list: domain, and the number of the house.
type Rows = BTreeMap<&'static str, u32>;

fn text(rows: &Rows) -> String {
    let row = |(domain, house): (&&str, &u32)| row(domain).replace("1 High", &format!("{house} High")) + "\n";
    format!("{HEADER}\n{}", rows.iter().map(row).collect::<String>())
}

fn change(rows: &mut Rows, rng: &mut StdRng) {
    let kept = DOMAINS.iter().filter(|_| rng.random());
    *rows = kept.map(|domain| (*domain, rows.get(domain).copied().unwrap_or(1))).collect();
    if rows.is_empty() {
        rows.insert(DOMAINS.choose(rng).expect("there are some"), 1);
    }
    if rng.random_ratio(2, 5) {
        let changed = rng.random_range(0..rows.len());
        *rows.values_mut().nth(changed).expect("it is there") = rng.random_range(1..=3);
    }
}

fn play(seed: u64) {
    let mut rng = StdRng::seed_from_u64(seed);
    let bench = Bench::new();
    let mut lists: BTreeMap<&str, Rows> = BTreeMap::new();
    let mut agreed: BTreeMap<&str, Rows> = BTreeMap::new();
    let mut story = format!("TENANTRY_TEST_SEED={seed}\n");
    for _ in 0..rng.random_range(4..10) {
        let mut read = LISTS;
        read.shuffle(&mut rng);
        let read = &read[..if rng.random_ratio(1, 6) { 2 } else { 1 }];
        for list in read {
            let rows = lists.entry(list).or_default();
            if rows.is_empty() || rng.random_ratio(7, 10) {
                change(rows, &mut rng);
            }
            bench.file(list, text(rows));
            story += &format!("{list}: {rows:?}\n");
        }
        let is_refused = read.len() == 1 && rng.random_ratio(1, 3);
        let limit = if is_refused { "--max-new" } else { "--limit" };
        let done = bench.import(read[0]).args(&read[1..]).args([limit, "0"]).run();
        assert!(matches!(done.code, Some(0 | 3 | 5)), "{story}{done}");
        let ledger = Connection::open(bench.ledger_path()).unwrap();
        let sql = "SELECT completed_at IS NULL FROM sources ORDER BY id DESC LIMIT 1";
        let is_refused: bool = ledger.query_row(sql, [], |found| found.get(0)).unwrap();
        story += &format!("{read:?} {}\n", if is_refused { "refused" } else { "agreed" });
        for list in read {
            let rows = &lists[list];
            if is_refused {
                // What waits with other values of a reading that was refused is declined with them.
                let stays = |domain: &&str, house: &mut u32| rows.get(domain).is_none_or(|it| it == house);
                agreed.entry(list).or_default().retain(stays);
            } else {
                agreed.insert(list, rows.clone());
            }
        }
        // A row that another one of the run contradicts is rejected, which the operator sees.
        let sql = "SELECT domain FROM customer_rows WHERE state IN ('pending', 'rejected')";
        let mut waiting = ledger.prepare(sql).unwrap();
        let waiting: BTreeSet<String> =
            waiting.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        for domain in agreed.values().flat_map(Rows::keys) {
            assert!(waiting.contains(&crate::harness::full(domain)), "{domain} is lost:\n{story}");
        }
    }
    assert_eq!(bench.creations().len(), 0, "{story}");
}

#[test]
fn a_row_waits_as_long_as_a_list_contains_it() {
    let number = |name: &str| std::env::var(name).ok().map(|it| it.parse::<u64>().unwrap());
    let from = number("TENANTRY_TEST_SEED").unwrap_or_default();
    let sequences = number("TENANTRY_TEST_SEQUENCES").unwrap_or(SEQUENCES);
    (from..from + sequences).for_each(play);
}
