use super::*;
use crate::reader::{Options, Reader, Row, from_csv, stored_header};

/// The changes between a row as it went out and as it came back, each with its header.
fn changes(original: [&str; 2], now: [&str; 2], options: &Options) -> Vec<String> {
    let file = now.join("\n");
    let mut reader = Reader::open(file.as_bytes(), &Options::default()).unwrap();
    let mut row = Row::default();
    assert!(reader.read(&mut row).unwrap());
    let fields = stored_header(original[0].as_bytes(), options).ok();
    let pairs = ColumnPairs::new(reader.header(), &from_csv(original[0].as_bytes()), fields.as_ref());
    let original = from_csv(original[1].as_bytes());
    let now = row.cells().collect();
    let changes = pairs.changes(&original, &now);
    changes
        .map(|change| {
            let CellChange { column, original, now, .. } = &change;
            let damage = change.finding().map(|_| "!").unwrap_or_default();
            format!("{column}: {original} → {now}{damage}")
        })
        .collect()
}

const REQUIRED: &str =
    "company_name,domain,email,culture,language,first_name,last_name,address_line1,country";
const ROW: &str = "Harborline,harbor,ana@harborline.example.com,en-GB,en,Ana,Bell,1 High Street,GB";

#[track_caller]
fn check(original: [&str; 2], now: [&str; 2], expected: &[&str]) {
    let headers = [original, now].map(|[header, _]| format!("{REQUIRED},{header}"));
    let rows = [original, now].map(|[_, row]| format!("{ROW},{row}"));
    let original = [headers[0].as_str(), &rows[0]];
    assert_eq!(changes(original, [&headers[1], &rows[1]], &Options::default()), expected);
}

#[test]
fn cells_are_compared_by_the_name_of_their_column() {
    check(["city,postal_code", "Leeds,01067"], ["city,postal_code", "Leeds,01067"], &[]);
    check(
        ["city,postal_code", "Leeds,01067"],
        ["postal_code,city", "1067,Leeds"],
        &["postal_code: 01067 → 1067!"],
    );
    check(["city,postal_code", "Leeds,01067"], ["city,postal_code", "York,01067"], &["city: Leeds → York"]);
    check(
        ["city,note", "Leeds,1/2"],
        ["note,city", "1-Feb,York"],
        &["note: 1/2 → 1-Feb", "city: Leeds → York"],
    );
    // Two columns with one name.
    check(["note,note", "a,b"], ["note,note", "a,c"], &["note: b → c"]);
    // Of a file with other names.
    check(["Postal Code", "01067"], ["ZIP", "1067"], &["ZIP: 01067 → 1067!"]);
    check(["tenantry_row,city", "4,Leeds"], ["tenantry_row,city,tenantry_state", "9,Leeds,failed"], &[]);
}

#[test]
fn columns_that_were_added_or_removed() {
    check(["city", "Leeds"], ["city,postal_code", "Leeds,LS1"], &["postal_code:  → LS1"]);
    check(["city,postal_code", "Leeds,LS1"], ["city", "Leeds"], &["postal_code: LS1 → "]);
    check(["city", "Leeds"], ["city,note", "Leeds,mine"], &[]);
    check(["city,note", "Leeds,mine"], ["city", "Leeds"], &[]);
    // A row that had fewer cells than its header.
    check(["city,postal_code", "Leeds"], ["city,postal_code", "Leeds,"], &[]);
}

#[test]
fn what_means_the_same_is_no_change() {
    check(["city", " Leeds "], ["city", "Leeds"], &[]);
    check(["city", "\"a\r\nb\""], ["city", "\"a\nb\""], &[]);
    check(["enable_gdap_by_default", "true"], ["enable_gdap_by_default", "TRUE"], &[]);
    check(["city", "true"], ["city", "TRUE"], &["city: true → TRUE!"]);
}

#[test]
fn a_correction_is_no_damage() {
    let gdap = |original, now, expected: &[&str]| {
        check(["enable_gdap_by_default", original], ["enable_gdap_by_default", now], expected);
    };
    gdap("wahr", "true", &["enable_gdap_by_default: wahr → true"]);
    gdap("true", "1", &["enable_gdap_by_default: true → 1"]);
    gdap("true", "WAHR", &["enable_gdap_by_default: true → WAHR!"]);
    let date = |original, now, expected: &[&str]| {
        check(["agreement_date", original], ["agreement_date", now], expected);
    };
    date("5.1.2026", "2026-01-05", &["agreement_date: 5.1.2026 → 2026-01-05"]);
    date("2026-01-05", "05.01.2026", &["agreement_date: 2026-01-05 → 05.01.2026!"]);
    let domain = |original: &str, now: &str, expected: &[&str]| {
        let [original_row, now_row] =
            [original, now].map(|domain| ROW.replacen("harbor,", &format!("{domain},"), 1));
        assert_eq!(changes([REQUIRED, &original_row], [REQUIRED, &now_row], &Options::default()), expected);
    };
    let city = |original, now, expected: &[&str]| check(["city", original], ["city", now], expected);
    city("120.00", "120", &["city: 120.00 → 120"]);
    city("120.00", "12", &["city: 120.00 → 12"]);
    city("2.13E+08", "213000000", &["city: 2.13E+08 → 213000000!"]);
    domain("Mar-04", "mar4", &["domain: Mar-04 → mar4"]);
    domain("mar4", "Mar-04", &["domain: mar4 → Mar-04!"]);
    for now in ["4-Mar", "46085", "mars-04", "04-mars"] {
        domain("Mar-04", now, &[&format!("domain: Mar-04 → {now}!")]);
    }
}

#[test]
fn a_mapped_column_is_that_of_its_field() {
    let original = REQUIRED.replace("company_name", "Firma") + ",city";
    let options =
        Options { column_map: vec![("Firma".to_owned(), Field::CompanyName)], ..Options::default() };
    let row = format!("0049{},Leeds", ROW.strip_prefix("Harborline").unwrap());
    let now = [&format!("{REQUIRED},city"), row.as_str()];
    let now_row = row.replacen("0049", "49", 1);
    let found = changes([&original, &row], [now[0], &now_row], &options);
    assert_eq!(found, ["company_name: 0049 → 49!"]);
}

#[test]
fn a_finding_shows_the_original() {
    let change = CellChange {
        column: "postal_code".to_owned(),
        field: Some(Field::PostalCode),
        original: "01067".to_owned(),
        now: "1067".to_owned(),
        by_spreadsheet: Some(SpreadsheetChange::LeadingZeros),
    };
    let finding = change.finding().unwrap();
    assert_eq!(finding.message, "was `01067` when it was exported; a spreadsheet removed the leading zeros");
    assert_eq!(finding.suggestion.as_deref(), Some("01067"));
}
