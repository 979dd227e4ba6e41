use super::*;
use crate::reader::{Options, Reader};
use crate::validation::Settings;

const RESELLER: &str = "2ca7e1e4-3b0f-4f0e-9d3c-6a1f5a1f9b11";

/// A row with this domain, company and reseller.
fn row(domain: &str, company: &str, reseller: &str) -> String {
    format!(
        "{company},{domain},ana@contoso.com,en-GB,en,Ana,Bell,1 High Street,Leeds,LS1 5HD,GB,{reseller}\n"
    )
}

/// Checks a file with these rows. Returns its problems as `line column rule`, and the counts.
fn checked(rows: &[String], allow_direct: bool) -> (Vec<String>, CheckTally) {
    let header = "company_name,Domain,email,culture,language,first_name,last_name,address_line1,city,\
                  postal_code,country,Reseller";
    let options = Options {
        column_map: vec![("Reseller".to_owned(), Field::AssociatedPartnerId)],
        ..Options::default()
    };
    let file = format!("{header}\n{}", rows.concat());
    let validator = Validator::new(Settings::default());
    let mut reader = Reader::open(file.as_bytes(), &options).unwrap();
    let mut earlier_rows = EarlierRows::default();
    let mut companies = Companies::new(false);
    let row_checker = RowChecker::new(validator, &earlier_rows, &companies, false, Copying::Nothing);
    let mut check = FileCheck::new(reader.header().clone(), Strictness::default(), allow_direct);
    let (mut row, mut problems) = (Row::default(), Vec::new());
    while reader.read(&mut row).unwrap() {
        let mut checked = row_checker.row(reader.header(), &row);
        check.meet(&mut checked, &mut earlier_rows, &mut companies);
        check.settle(&checked);
        problems.extend_from_slice(checked.problems());
    }
    let (at_the_end, tally) = check.end(&companies);
    problems.extend(at_the_end.problems());
    (problems.iter().map(|it| format!("{} {} {}", it.line, it.column, it.rule)).collect(), tally)
}

#[track_caller]
fn check(rows: &[String], allow_direct: bool, problems: &[&str], counts: [u64; 4]) -> CheckTally {
    let (found, tally) = checked(rows, allow_direct);
    assert_eq!(found, problems);
    assert_eq!([tally.good, tally.warned, tally.wrong, tally.duplicates], counts, "{tally:?}");
    assert_eq!(tally.rows(), rows.len() as u64);
    tally
}

#[test]
fn a_domain_has_one_current_row() {
    let (first, other) = (row("a", "Contoso Ltd", ""), row("a", "Fabrikam Ltd", ""));
    let wrong = row("a", "", "");
    check(&[first.clone(), first.clone()], false, &[], [1, 0, 0, 1]);
    check(&[first.clone(), other.clone()], false, &["3 Domain duplicate_domain"], [1, 0, 1, 0]);
    check(
        &[first.clone(), wrong.clone()],
        false,
        &["3 company_name required", "3 Domain duplicate_domain"],
        [1, 0, 1, 0],
    );
    // A row with errors occupies its domain too, as in an import.
    check(&[wrong, first], false, &["2 company_name required", "3 Domain duplicate_domain"], [0, 0, 2, 0]);
}

#[test]
fn a_company_at_one_address_has_one_domain() {
    let rows = [row("a", "Contoso Ltd", ""), row("b", "CONTOSO Ltd.", ""), row("c", "Fabrikam Ltd", "")];
    let found = ["3 company_name duplicate_company"];
    check(&rows, false, &found, [2, 1, 0, 0]);
    // Equal rows, and a domain again, are reported as such.
    let again = [rows[0].clone(), rows[0].clone(), row("a", "Contoso  Ltd", "")];
    check(&again, false, &["4 Domain duplicate_domain"], [1, 0, 1, 1]);
}

#[test]
fn rows_without_a_reseller_next_to_rows_with_one() {
    let (direct, sold) = (row("a", "Contoso Ltd", ""), row("b", "Fabrikam Ltd", RESELLER));
    let warned = row("c", "LLC", "");
    let mixed = [direct.clone(), direct.clone(), sold.clone(), warned.clone()];
    let expected =
        ["5 company_name company_form", "2 Reseller mixed_resellers", "5 Reseller mixed_resellers"];
    let tally = check(&mixed, false, &expected, [1, 0, 2, 1]);
    assert_eq!(tally.plan.len(), 1, "{tally:?}");
    let tally = check(&mixed, true, &expected[..1], [2, 1, 0, 1]);
    assert_eq!(tally.plan.len(), 2, "{tally:?}");
    check(&[direct, warned], false, &["3 company_name company_form"], [1, 1, 0, 0]);
    check(&[sold], false, &[], [1, 0, 0, 0]);
}
