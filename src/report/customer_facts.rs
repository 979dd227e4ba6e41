//! The values by which an operator recognizes a customer, for rows in every state.

use serde::Deserialize;

use super::summary::one_line;
use crate::customer::{Defaults, Field};
use crate::intake::stored_header;
use crate::ledger::{InputOptions, RowAsRead, RowDetail};
use crate::reader::{self, Header, Row};

/// The values by which an operator recognizes a customer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct CustomerFacts {
    pub(crate) company_name: Option<String>,
    pub(crate) domain: Option<String>,
    pub(crate) email: Option<String>,
    pub(crate) country: Option<String>,
    pub(crate) associated_partner_id: Option<String>,
    pub(crate) external_id: Option<String>,
}

impl CustomerFacts {
    /// The facts about a row with everything that is known about it.
    pub(crate) fn of(row: &RowDetail) -> Self {
        let facts = match &row.customer {
            Some(customer) => serde_json::from_value(customer.clone()).unwrap_or_default(),
            None => FactsReader::default().of_cells(&RowAsRead {
                header: row.header.clone(),
                given: row.given.clone(),
                cells: row.cells.clone(),
            }),
        };
        // An erased row has nothing else.
        Self {
            external_id: row.external_id.clone().or(facts.external_id),
            associated_partner_id: row.reseller_id.clone().or(facts.associated_partner_id),
            ..facts
        }
    }

    /// Does the company's name contain this text, regardless of letter case?
    pub(crate) fn is_named_like(&self, text: &str) -> bool {
        self.company_name.as_ref().is_some_and(|name| name.to_lowercase().contains(&text.to_lowercase()))
    }

    /// Is the domain, valid or not, the one that an operator names, in full or by its prefix?
    pub(crate) fn has_domain(&self, name: &str) -> bool {
        let Some(domain) = self.domain.as_deref().map(|domain| one_line(domain).to_lowercase()) else {
            return false;
        };
        domain.strip_prefix(&name.to_lowercase()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }

    /// Does one of the values contain `text`, which is in lower case?
    pub(crate) fn contain(&self, text: &str) -> bool {
        let searched = [&self.company_name, &self.domain, &self.email, &self.external_id];
        searched.into_iter().flatten().any(|value| value.to_lowercase().contains(text))
    }
}

/// Reads the facts of stored rows. Rows of one file follow each other, so that its header is read once.
#[derive(Default)]
pub(crate) struct FactsReader {
    file: Option<FileOfRows>,
}

struct FileOfRows {
    header: Vec<u8>,
    given: Option<InputOptions>,
    /// `None`: the header cannot be assigned any more.
    columns: Option<Header>,
    defaults: Defaults,
}

impl FactsReader {
    /// The facts of a row: those of its valid customer, or else the cells as they were read.
    pub(crate) fn facts(&mut self, customer: Option<&str>, as_read: Option<&RowAsRead>) -> CustomerFacts {
        match (customer, as_read) {
            // A customer that cannot be parsed has no facts; `show` says that it is damaged.
            (Some(customer), _) => serde_json::from_str(customer).unwrap_or_default(),
            (None, Some(row)) => self.of_cells(row),
            (None, None) => CustomerFacts::default(),
        }
    }

    fn of_cells(&mut self, row: &RowAsRead) -> CustomerFacts {
        if row.cells.is_empty() {
            return CustomerFacts::default();
        }
        let is_other = |file: &FileOfRows| file.header != row.header || file.given != row.given;
        if self.file.as_ref().is_none_or(is_other) {
            self.file = Some(FileOfRows::of(row));
        }
        self.file.as_ref().map(|file| file.facts(&row.cells)).unwrap_or_default()
    }
}

impl FileOfRows {
    fn of(row: &RowAsRead) -> Self {
        let given = row.given.clone().unwrap_or_default();
        Self {
            header: row.header.clone(),
            given: row.given.clone(),
            columns: stored_header(&row.header, &given).ok(),
            defaults: Defaults::new(given.defaults),
        }
    }

    fn facts(&self, cells: &[u8]) -> CustomerFacts {
        let Some(columns) = &self.columns else { return CustomerFacts::default() };
        let row = Row::of_stored(0, &reader::from_csv(cells), &columns.width());
        let value = |field: Field| {
            let cell = columns.index_of(field).and_then(|index| row.text(index)).map(str::trim);
            cell.filter(|text| !text.is_empty()).or(self.defaults.of(field)).map(str::to_owned)
        };
        CustomerFacts {
            company_name: value(Field::CompanyName),
            domain: value(Field::Domain),
            email: value(Field::Email),
            country: value(Field::Country),
            associated_partner_id: value(Field::AssociatedPartnerId),
            external_id: value(Field::ExternalId),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(header: &str, cells: &str) -> RowAsRead {
        let given = InputOptions {
            defaults: vec![(Field::Country, "DE".to_owned())],
            column_map: vec![("Firma".to_owned(), Field::CompanyName)],
            ..InputOptions::default()
        };
        let required = "domain,email,culture,language,first_name,last_name,address_line1,country";
        RowAsRead {
            header: format!("{header},{required}\n").into(),
            given: Some(given),
            cells: if cells.is_empty() { Vec::new() } else { format!("{cells}\n").into() },
        }
    }

    #[test]
    fn facts_are_those_of_the_customer_or_of_the_cells() {
        let mut reader = FactsReader::default();
        let mut check = |customer: Option<&str>, as_read: Option<RowAsRead>, expected: [&str; 4]| {
            let facts = reader.facts(customer, as_read.as_ref());
            let found = [&facts.company_name, &facts.domain, &facts.country, &facts.external_id];
            assert_eq!(
                found.map(|it| it.as_deref().unwrap_or_default()),
                expected,
                "{customer:?} {as_read:?}"
            );
        };
        let customer =
            r#"{"company_name":"A & Co","domain":"a.onmicrosoft.com","country":"FR","culture":"fr-FR"}"#;
        check(Some(customer), None, ["A & Co", "a.onmicrosoft.com", "FR", ""]);
        check(Some(r#"{"external_id":"7"}"#), None, ["", "", "", "7"]);
        check(Some("{"), None, [""; 4]);
        check(None, Some(row("Firma,external_id", " B GmbH ,8,b,,,,,,,AT")), ["B GmbH", "b", "AT", "8"]);
        check(None, Some(row("Firma,external_id", "C GmbH,,c,,,,,,,")), ["C GmbH", "c", "DE", ""]);
        // Another file, a row with too few cells, and erased cells.
        check(None, Some(row("external_id,Firma", "9,D GmbH,d,,,,,,,CH")), ["D GmbH", "d", "CH", "9"]);
        check(None, Some(row("external_id,Firma", "9,D GmbH")), ["D GmbH", "", "DE", "9"]);
        check(None, Some(row("external_id,Firma", "")), [""; 4]);
    }
}
