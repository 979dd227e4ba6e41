//! Measures the minimum cost of reading a file: `csv` and serde, one record at a time.
//!
//! Cells are borrowed from the record, which is reused.

use std::hint::black_box;
use std::path::Path;

use anyhow::Result;
use csv::StringRecord;
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "made and let go")]
struct Row<'a> {
    company_name: &'a str,
    domain: &'a str,
    email: &'a str,
    culture: &'a str,
    language: &'a str,
    first_name: &'a str,
    last_name: &'a str,
    middle_name: &'a str,
    address_line1: &'a str,
    address_line2: &'a str,
    city: &'a str,
    state: &'a str,
    postal_code: &'a str,
    country: &'a str,
    region: &'a str,
    phone_number: &'a str,
    organization_registration_number: &'a str,
    associated_partner_id: &'a str,
    enable_gdap_by_default: &'a str,
    external_id: &'a str,
}

pub(super) fn run(file: &Path) -> Result<()> {
    let mut reader = csv::Reader::from_path(file)?;
    let headers = reader.headers()?.clone();
    let mut record = StringRecord::new();
    while reader.read_record(&mut record)? {
        black_box(record.deserialize::<Row<'_>>(Some(&headers))?);
    }
    Ok(())
}
