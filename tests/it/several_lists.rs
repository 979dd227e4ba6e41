//! Several lists have a row, with other values each: it waits as long as one of them contains it and no longer, by the last
//! reading that was agreed to. Drawn sequences of imports are compared with this sentence.

use std::collections::{BTreeMap, BTreeSet};

use rand::rngs::StdRng;
use rand::seq::{IndexedRandom as _, SliceRandom as _};
use rand::{RngExt as _, SeedableRng as _};
use rusqlite::Connection;

use crate::harness::{Bench, HEADER, full, row};

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

/// The lists of one import as they are then, and whether the operator says no to them.
struct Import {
    lists: Vec<(&'static str, Rows)>,
    is_refused: bool,
}

fn draw(seed: u64) -> Vec<Import> {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut known: BTreeMap<&str, Rows> = BTreeMap::new();
    let import = |_| {
        let mut names = LISTS;
        names.shuffle(&mut rng);
        let number = if rng.random_ratio(1, 6) { 2 } else { 1 };
        let mut lists = Vec::new();
        for list in &names[..number] {
            let rows = known.entry(list).or_default();
            if rows.is_empty() || rng.random_ratio(7, 10) {
                change(rows, &mut rng);
            }
            lists.push((*list, rows.clone()));
        }
        Import { lists, is_refused: number == 1 && rng.random_ratio(1, 3) }
    };
    let imports = 0..StdRng::seed_from_u64(!seed).random_range(4..10);
    imports.map(import).collect()
}

/// Imports that were once wrong: the lists of each, `no` if it is refused.
const KEPT: [&str; 3] = [
    // Its own list brought other values twice, both refused, and then not the row. Another list has it.
    "b three=1; c one=1 three=1; no b four=1 three=3; no b four=1 three=3; b one=1",
    // The last reading of `c` that was agreed to is from before the row.
    "b two=1, c four=1; c two=1, b two=1; no c four=3 two=1; b four=1; no b three=2; a three=1, b two=1",
    // It was first rejected beside a row of another list.
    "c four=3 one=1, b four=1 two=1; c two=1; no a four=1; b four=1 three=1 two=1; c one=1, b three=3 two=1",
];

fn kept(text: &str) -> Vec<Import> {
    let list = |text: &str| {
        let (name, rows) = text.trim().split_once(' ').expect("a list has rows");
        let named = |names: &[&'static str], wanted: &str| {
            *names.iter().find(|it| it.starts_with(wanted)).expect("it is known")
        };
        let row = |text: &str| {
            let (domain, house) = text.split_once('=').expect("a row has a value");
            (named(&DOMAINS, domain), house.parse().expect("a number"))
        };
        (named(&LISTS, name), rows.split(' ').map(row).collect())
    };
    let import = |text: &str| {
        let refused = text.trim().strip_prefix("no ");
        Import {
            lists: refused.unwrap_or(text).split(',').map(list).collect(),
            is_refused: refused.is_some(),
        }
    };
    text.split(';').map(import).collect()
}

fn play(name: &str, imports: &[Import]) {
    let bench = Bench::new();
    // By the last reading that was agreed to, and what is left of it after those that were refused.
    let mut agreed: BTreeMap<&str, Rows> = BTreeMap::new();
    let mut owed: BTreeMap<&str, Rows> = BTreeMap::new();
    let mut story = format!("{name}\n");
    for Import { lists, is_refused } in imports {
        for (list, rows) in lists {
            bench.file(list, text(rows));
            story += &format!("{list}: {rows:?}\n");
        }
        let names: Vec<&str> = lists.iter().map(|(list, _)| *list).collect();
        let limit = if *is_refused { "--max-new" } else { "--limit" };
        let done = bench.import(names[0]).args(&names[1..]).args([limit, "0"]).run();
        assert!(matches!(done.code, Some(0 | 3 | 5)), "{story}{done}");
        let ledger = Connection::open(bench.ledger_path()).unwrap();
        let sql = "SELECT completed_at IS NULL FROM sources ORDER BY id DESC LIMIT 1";
        let is_refused: bool = ledger.query_row(sql, [], |found| found.get(0)).unwrap();
        story += &format!("{names:?} {}\n", if is_refused { "refused" } else { "agreed" });
        for (list, rows) in lists {
            if is_refused {
                // What waits with other values of a reading that was refused is declined with them.
                let stays = |domain: &&str, house: &mut u32| rows.get(domain).is_none_or(|it| it == house);
                owed.entry(list).or_default().retain(stays);
            } else {
                agreed.insert(list, rows.clone());
                owed.insert(list, rows.clone());
            }
        }
        let domains = |which: &str| -> BTreeSet<String> {
            let from = "customer_rows r JOIN sources s ON s.id = r.source_id";
            let sql = format!("SELECT domain FROM {from} WHERE {which}");
            let mut found = ledger.prepare(&sql).unwrap();
            found.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
        };
        let all = |lists: &BTreeMap<&str, Rows>| -> BTreeSet<String> {
            lists.values().flat_map(Rows::keys).map(|domain| full(domain)).collect()
        };
        let (agreed, owed) = (all(&agreed), all(&owed));
        // A row that another one of the run contradicts is rejected, which the operator sees.
        let there = domains("state IN ('pending', 'rejected')");
        assert!(there.is_superset(&owed), "of {owed:?} there are {there:?}:\n{story}");
        let waiting = domains("state = 'pending' AND completed_at IS NOT NULL");
        assert!(waiting.is_subset(&agreed), "{waiting:?} wait, and {agreed:?} may:\n{story}");
    }
    assert_eq!(bench.creations().len(), 0, "{story}");
}

#[test]
fn a_row_waits_as_long_as_a_list_contains_it() {
    let number = |name: &str| std::env::var(name).ok().map(|it| it.parse::<u64>().unwrap());
    let from = number("TENANTRY_TEST_SEED").unwrap_or_default();
    let sequences = number("TENANTRY_TEST_SEQUENCES").unwrap_or(SEQUENCES);
    (from..from + sequences).for_each(|seed| play(&format!("TENANTRY_TEST_SEED={seed}"), &draw(seed)));
}

#[test]
fn what_was_once_wrong_of_several_lists_stays_right() {
    KEPT.iter().for_each(|text| play(text, &kept(text)));
}
