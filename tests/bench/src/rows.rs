//! Generates files of any length, with the same content each time.
//!
//! The files repeat the customers of `samples/customers.csv`, including their quotes, accents and empty cells, with
//! different domains.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use anyhow::{Context, Result};
use csv::StringRecord;
use serde_json::{Value, json};

use crate::program::repository;

/// The content of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Every row can be created.
    Clean,
    /// Every tenth row equals an earlier one.
    WithDuplicates,
    /// Every twentieth row has an error.
    WithProblems,
    /// Every row has a warning, and every other row has no reseller. The rows without one can only be validated with
    /// the whole file, and are rejected.
    Mixed,
    /// Every row has an error.
    Wrong,
    /// No row has a domain, so each row is recognized only by its content.
    WithoutDomain,
}

/// One of the resellers in the samples.
const RESELLER: &str = "8f2c1b7e-5a64-4d0e-9c3b-1e7d2f60a951";

/// The customers that the files repeat.
#[derive(Debug)]
pub(crate) struct Samples {
    header: StringRecord,
    rows: Vec<StringRecord>,
    columns: Columns,
}

#[derive(Debug)]
struct Columns {
    company_name: usize,
    reseller: usize,
    domain: usize,
    email: usize,
    external_id: usize,
}

impl Samples {
    pub(crate) fn read() -> Result<Self> {
        let path = repository().join("samples").join("customers.csv");
        let mut reader =
            csv::Reader::from_path(&path).with_context(|| format!("could not read {}", path.display()))?;
        let header = reader.headers()?.clone();
        let rows = reader.records().collect::<Result<Vec<_>, _>>()?;
        let column = |name: &str| {
            header.iter().position(|it| it == name).with_context(|| format!("the samples lack `{name}`"))
        };
        let columns = Columns {
            company_name: column("company_name")?,
            reseller: column("associated_partner_id")?,
            domain: column("domain")?,
            email: column("email")?,
            external_id: column("external_id")?,
        };
        Ok(Self { header, rows, columns })
    }

    /// Writes the rows with these numbers and returns the size in bytes.
    pub(crate) fn write(
        &self,
        path: &Path,
        kind: Kind,
        numbers: impl IntoIterator<Item = u64>,
    ) -> Result<u64> {
        let mut writer = csv::Writer::from_writer(BufWriter::new(File::create(path)?));
        writer.write_record(&self.header)?;
        for number in numbers {
            writer.write_record(&match kind {
                Kind::WithDuplicates if number % 10 == 9 => self.row(number - 7, kind),
                _ => self.row(number, kind),
            })?;
        }
        writer.flush()?;
        Ok(path.metadata()?.len())
    }

    fn sample(&self, number: u64) -> &StringRecord {
        let index = usize::try_from(number).unwrap_or(usize::MAX) % self.rows.len();
        &self.rows[index]
    }

    fn row(&self, number: u64, kind: Kind) -> StringRecord {
        let has_error = kind == Kind::Wrong || (kind == Kind::WithProblems && number % 20 == 19);
        let is_mixed = kind == Kind::Mixed;
        let own = |(index, cell): (usize, &str)| match index {
            index if index == self.columns.domain && kind == Kind::WithoutDomain => "-no domain-".to_owned(),
            index if index == self.columns.domain => domain(number),
            index if index == self.columns.email && has_error => "no e-mail address".to_owned(),
            index if index == self.columns.company_name && is_mixed => "LLC".to_owned(),
            // Each row is a company of its own.
            index if index == self.columns.company_name => company(cell, number),
            index if index == self.columns.reseller && is_mixed && number.is_multiple_of(2) => String::new(),
            index if index == self.columns.reseller && is_mixed => RESELLER.to_owned(),
            index if index == self.columns.external_id => format!("CRM-{number}"),
            _ => cell.to_owned(),
        };
        self.sample(number).iter().enumerate().map(own).collect()
    }

    /// The body that the program sends to create a row.
    pub(crate) fn body(&self, number: u64) -> Value {
        let row = self.sample(number);
        let cell = |name: &str| {
            let index = self.header.iter().position(|it| it == name);
            index.and_then(|index| row.get(index)).filter(|cell| !cell.is_empty())
        };
        json!({
            "enableGDAPByDefault": true,
            "companyProfile": {
                "domain": format!("{}.onmicrosoft.com", domain(number)),
                "organizationRegistrationNumber": cell("organization_registration_number"),
            },
            "billingProfile": {
                "firstName": cell("first_name"), "lastName": cell("last_name"), "email": cell("email"),
                "culture": cell("culture"), "language": cell("language"),
                "companyName": cell("company_name").map(|name| company(name, number)),
                "defaultAddress": {
                    "country": cell("country"), "city": cell("city"), "state": cell("state"),
                    "addressLine1": cell("address_line1"), "addressLine2": cell("address_line2"),
                    "postalCode": cell("postal_code"), "firstName": cell("first_name"),
                    "lastName": cell("last_name"), "phoneNumber": cell("phone_number"),
                },
            },
            "associatedPartnerId": cell("associated_partner_id"),
        })
    }
}

/// The numbers below `rows`, each once, far from its neighbours.
pub(crate) fn shuffled(rows: u64) -> impl Iterator<Item = u64> {
    /// A prime, so that no number comes twice unless `rows` is a multiple of it.
    const STEP: u64 = 7_368_787;
    (0..rows).map(move |index| index * STEP % rows)
}

fn company(name: &str, number: u64) -> String {
    format!("{name} {number}")
}

fn domain(number: u64) -> String {
    format!("benchmark{number}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shuffled_rows_are_all_there() {
        let mut numbers: Vec<u64> = shuffled(1000).collect();
        assert_ne!(numbers[1], numbers[0] + 1);
        numbers.sort_unstable();
        assert_eq!(numbers, (0..1000).collect::<Vec<_>>());
    }
}
