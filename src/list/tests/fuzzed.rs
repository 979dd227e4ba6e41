//! Runs the fuzz targets for lists on all kept inputs and on random bytes.
//!
//! This covers far less than a fuzzer, but takes only a second of every test run.

#![cfg(test)]

#[path = "../../../tests/fuzz/targets/input.rs"]
mod input;
#[path = "../../../tests/fuzz/targets/list.rs"]
pub mod list;
#[path = "../../../tests/fuzz/replay.rs"]
mod replay;
#[path = "../../../tests/fuzz/targets/workbooks.rs"]
pub mod workbooks;

use proptest::collection::vec;
use proptest::prelude::*;
use replay::{bytes, replay};

/// Has every required column, so that the text after it is read as rows.
const HEADER: &str =
    "\ncompany_name,domain,email,culture,language,first_name,last_name,address_line1,country,postal_code\n";

const GOOD_CELLS: [&str; 9] =
    ["Harborline", "harborline", "a@example.com", "en-GB", "en", "GB", "LS1 4AP", "1 Quay", "4.9E+11"];

/// Rows of cells that are similar to valid ones.
fn table() -> impl Strategy<Value = Vec<u8>> {
    let cell =
        prop_oneof![prop::sample::select(&GOOD_CELLS[..]).prop_map(str::to_owned), "\\PC{0,12}", ".{0,4}"];
    let row = vec(cell, 9..12).prop_map(|cells| cells.join(",") + "\n");
    vec(row, 0..6).prop_map(|rows| (HEADER.to_owned() + &rows.concat()).into_bytes())
}

#[test]
fn files_are_read_as_before() {
    replay("reader", list::reader);
}

#[test]
fn rows_are_validated_as_before() {
    replay("rows", list::rows);
}

#[test]
fn stored_rows_come_back_as_before() {
    replay("stored", list::stored);
}

#[test]
fn workbooks_are_read_as_before() {
    replay("workbooks", workbooks::workbooks);
}

#[test]
fn tables_come_back_as_before() {
    replay("tables", workbooks::tables);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_do_no_harm_anywhere(input in bytes()) {
        list::reader(&[b"pieces=5\n", input.as_slice()].concat());
        list::reader(&[b"pieces=3 header-line=2 auto-map\n", input.as_slice()].concat());
        list::rows(&input);
        list::stored(&input);
        workbooks::tables(&input);
        workbooks::workbooks(&[b"pieces=7\n<worksheet><sheetData>", input.as_slice()].concat());
    }

    #[test]
    fn any_rows_have_verdicts(file in prop_oneof![table(), bytes().prop_map(|it| [HEADER.as_bytes(), &it].concat())]) {
        list::reader(&file);
        list::rows(&file);
        let separate = |byte: u8| match byte {
            b',' => 0xFF,
            b'\n' => 0xFE,
            other => other,
        };
        workbooks::tables(&[b"\n", &file.into_iter().skip(1).map(separate).collect::<Vec<_>>()[..]].concat());
    }
}
