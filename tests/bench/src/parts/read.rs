//! Measures the minimum cost of reading a file: `csv` and serde, one record at a time.
//!
//! Each cell is a separate string.

use std::hint::black_box;
use std::path::Path;

use anyhow::Result;
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "made as the program makes its own, and then let go")]
struct Row {
    company_name: String,
    domain: String,
    email: String,
    culture: String,
    language: String,
    first_name: String,
    last_name: String,
    middle_name: String,
    address_line1: String,
    address_line2: String,
    city: String,
    state: String,
    postal_code: String,
    country: String,
    region: String,
    phone_number: String,
    organization_registration_number: String,
    associated_partner_id: String,
    enable_gdap_by_default: String,
    external_id: String,
}

pub(super) fn run(file: &Path) -> Result<()> {
    for row in csv::Reader::from_path(file)?.deserialize::<Row>() {
        black_box(row?);
    }
    Ok(())
}
