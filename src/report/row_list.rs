//! Lists rows: as a table for people, as CSV, as JSON.

use std::fmt::Write as _;
use std::io::Write;

use console::{measure_text_width, truncate_str};
use serde::{Serialize, Serializer};
use uuid::Uuid;

use super::customer_facts::{CustomerFacts, FactsReader};
use super::export::ExportError;
use super::summary::one_line;
use super::table::{Cell, Column, Content, Style, Table};
use crate::ledger::{self, ListFilter, ListedValue, NamedRow, Queries, RowDetail, RowId, State};

/// The most rows in a table for people.
const ROWS_SHOWN: usize = 50;

/// The width of a terminal that the table fits.
const WIDTH: usize = 80;

const BETWEEN_COLUMNS: &str = "  ";

/// The domains of nearly all customers are below this one. Those of other clouds are shown whole.
const DOMAIN_SUFFIX: &str = ".onmicrosoft.com";

/// Which rows to list. The conditions are combined with AND.
#[derive(Debug, Clone, Default)]
pub(crate) struct RowFilter {
    pub(crate) stored: ListFilter,
    /// By its two letters.
    pub(crate) country: Option<String>,
    pub(crate) reseller: Option<Uuid>,
    /// A text in the company's name, the domain, the e-mail address or the external id, regardless of letter case.
    pub(crate) search: Option<String>,
}

impl RowFilter {
    fn matches(&self, facts: &CustomerFacts) -> bool {
        let is_in =
            |country: &String| facts.country.as_ref().is_some_and(|its| its.eq_ignore_ascii_case(country));
        let is_of = |reseller: &Uuid| {
            facts
                .associated_partner_id
                .as_ref()
                .is_some_and(|its| Uuid::try_parse(its).as_ref() == Ok(reseller))
        };
        self.country.as_ref().is_none_or(is_in)
            && self.reseller.as_ref().is_none_or(is_of)
            && self.search.as_ref().is_none_or(|text| facts.contain(&text.to_lowercase()))
    }
}

/// A row with the columns of the view `customers`, and the facts about its customer.
pub(crate) struct ListRow<'a> {
    columns: &'a [String],
    values: Vec<ListedValue>,
    pub(crate) facts: CustomerFacts,
}

/// Calls `visit` with each row that matches `filter`, and returns their number. Keeps one row in memory.
pub(crate) fn each_listed<E: From<ledger::Error>>(
    queries: &Queries,
    filter: &RowFilter,
    mut visit: impl FnMut(&ListRow<'_>) -> Result<(), E>,
) -> Result<u64, E> {
    let columns = queries.listed_columns()?;
    let mut reader = FactsReader::default();
    let mut count = 0;
    queries.each_listed(&filter.stored, |row| {
        let mut facts = reader.facts(row.customer.as_deref(), row.as_read.as_ref());
        let mut row = ListRow { columns: &columns, values: row.values, facts: CustomerFacts::default() };
        // The cells of a rejected row may have these in another form, and an erased row has nothing else.
        facts.domain = row.text("domain").or(facts.domain);
        facts.external_id = row.text("external_id").or(facts.external_id);
        facts.associated_partner_id = row.text("associated_partner_id").or(facts.associated_partner_id);
        if !filter.matches(&facts) {
            return Ok(());
        }
        // The view knows only valid customers.
        for (name, value) in [
            ("company_name", &facts.company_name),
            ("country", &facts.country),
            ("associated_partner_id", &facts.associated_partner_id),
            ("external_id", &facts.external_id),
        ] {
            row.fill(name, value.as_deref());
        }
        row.facts = facts;
        count += 1;
        visit(&row)
    })?;
    Ok(count)
}

/// The rows that an operator means by `domains`. Rejected rows whose cell is no valid domain are named by this cell, as
/// lists show it.
pub(crate) fn named_rows(queries: &Queries, domains: &[String]) -> Result<Vec<NamedRow>, ledger::Error> {
    let names: Vec<String> = domains.iter().map(|domain| domain.trim().to_lowercase()).collect();
    let mut without_domain = Vec::new();
    if !names.is_empty() {
        let states = vec![State::Rejected];
        let rejected =
            RowFilter { stored: ListFilter { states, ..ListFilter::default() }, ..RowFilter::default() };
        each_listed(queries, &rejected, |row| {
            if row.text("domain").is_none() && names.iter().any(|name| row.facts.has_domain(name)) {
                without_domain.extend(row.row_id());
            }
            Ok::<_, ledger::Error>(())
        })?;
    }
    let without_domain = without_domain.into_iter().map(NamedRow::WithoutDomain);
    Ok(names.into_iter().map(NamedRow::Domain).chain(without_domain).collect())
}

/// The rows of a domain that an operator names, oldest first.
pub(crate) fn details_of_named(queries: &Queries, domain: &str) -> Result<Vec<RowDetail>, ledger::Error> {
    let of_domain = queries.details_of_domain(&domain.trim().to_ascii_lowercase())?;
    if !of_domain.is_empty() {
        return Ok(of_domain);
    }
    let named = named_rows(queries, &[domain.to_owned()])?.into_iter();
    let rows: Vec<RowId> = named
        .filter_map(|row| match row {
            NamedRow::WithoutDomain(row) => Some(row),
            NamedRow::Domain(_) => None,
        })
        .collect();
    queries.details_of_rows(&rows)
}

impl ListRow<'_> {
    fn value(&self, name: &str) -> Option<&ListedValue> {
        let index = self.columns.iter().position(|column| column == name)?;
        self.values.get(index)
    }

    /// The number of the row in its ledger.
    pub(crate) fn row_id(&self) -> Option<RowId> {
        match self.value("row_id") {
            Some(ListedValue::Integer(id)) => Some(RowId(*id)),
            _ => None,
        }
    }

    /// The value of a column that has text.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        match self.value(name) {
            Some(ListedValue::Text(text)) => Some(text.clone()),
            Some(ListedValue::Integer(number)) => Some(number.to_string()),
            Some(ListedValue::Bool(_) | ListedValue::None) | None => None,
        }
    }

    fn fill(&mut self, name: &str, text: Option<&str>) {
        if let Some(index) = self.columns.iter().position(|column| column == name)
            && self.values[index] == ListedValue::None
            && let Some(text) = text
        {
            self.values[index] = ListedValue::Text(text.to_owned());
        }
    }
}

impl Serialize for ListRow<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.columns.iter().zip(&self.values))
    }
}

/// Writes the rows of `filter` as a table in a file, and returns their number.
pub(crate) fn write_list(
    queries: &Queries,
    filter: &RowFilter,
    style: Style,
    out: impl Write + Send,
) -> Result<u64, ExportError> {
    let columns = queries.listed_columns()?;
    let columns = columns.into_iter().map(|name| Column::new(name, Content::Tenantry)).collect();
    let mut table = Table::begin(out, style, columns)?;
    let count = each_listed(queries, filter, |row| {
        let cells = row.values.iter().map(|value| match value {
            ListedValue::None => Cell::default(),
            ListedValue::Bool(value) => if *value { "yes" } else { "no" }.into(),
            ListedValue::Integer(number) => number.to_string().into(),
            ListedValue::Text(text) => text.as_str().into(),
        });
        Ok::<_, ExportError>(table.row(cells)?)
    })?;
    table.end()?;
    Ok(count)
}

/// The first rows of a list, as a table for people.
#[derive(Debug, Default)]
pub(crate) struct ShownRows(Vec<[String; COLUMNS_SHOWN.len()]>);

/// The columns of the table, and how narrow each may become.
const COLUMNS_SHOWN: [(&str, usize); 6] =
    [("line", 6), ("state", 10), ("domain", 16), ("company", 12), ("country", 7), ("code", 12)];

impl ShownRows {
    /// Adds a row, unless the table is full.
    pub(crate) fn add(&mut self, row: &ListRow<'_>) {
        if self.0.len() < ROWS_SHOWN {
            let code = row.text("error_code").or_else(|| row.text("agreement_error_code"));
            let domain = row
                .facts
                .domain
                .as_deref()
                .map(|domain| domain.strip_suffix(DOMAIN_SUFFIX).unwrap_or(domain));
            let cells = [
                row.text("line"),
                row.text("state"),
                domain.map(str::to_owned),
                row.facts.company_name.clone(),
                row.facts.country.clone(),
                code,
            ];
            self.0.push(cells.map(|cell| one_line(&cell.unwrap_or_else(|| "-".to_owned()))));
        }
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.len() as u64
    }

    /// The table, at most as wide as a terminal.
    pub(crate) fn text(&self) -> String {
        let heads = COLUMNS_SHOWN.map(|(name, _)| name.to_owned());
        let lines: Vec<&[String; 6]> = std::iter::once(&heads).chain(&self.0).collect();
        let widths = self.widths(&lines);
        let mut text = String::new();
        for cells in lines {
            let mut line = String::new();
            for ((cell, width), (name, _)) in cells.iter().zip(widths).zip(COLUMNS_SHOWN) {
                let cell = truncate_str(cell, width, "…");
                let blanks = " ".repeat(width - measure_text_width(&cell));
                // Numbers are aligned on the right.
                let padded =
                    if name == "line" { format!("{blanks}{cell}") } else { format!("{cell}{blanks}") };
                write!(line, "{padded}{BETWEEN_COLUMNS}").expect("writing to a String cannot fail");
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }

    /// As wide as the cells, or narrower if the table would not fit: the widest column gives way first.
    fn widths(&self, lines: &[&[String; 6]]) -> [usize; 6] {
        let mut widths = [0; 6];
        for cells in lines {
            for (width, cell) in widths.iter_mut().zip(*cells) {
                *width = (*width).max(measure_text_width(cell));
            }
        }
        let room = WIDTH - BETWEEN_COLUMNS.len() * (widths.len() - 1);
        while widths.iter().sum::<usize>() > room {
            let narrower =
                widths.iter_mut().zip(COLUMNS_SHOWN).filter(|(width, (_, least))| **width > *least);
            match narrower.max_by_key(|(width, _)| **width) {
                Some((width, _)) => *width -= 1,
                None => break,
            }
        }
        widths
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_fits_a_terminal() {
        let check = |rows: &[[&str; 6]], expected: &str| {
            let shown = ShownRows(rows.iter().map(|row| row.map(str::to_owned)).collect());
            let text = shown.text();
            assert_eq!(text.trim_end(), expected.trim_matches('\n'), "{text}");
            assert!(text.lines().all(|line| measure_text_width(line) <= WIDTH), "{text}");
        };
        check(
            &[
                ["2", "created", "contoso", "Contoso Ltd", "GB", "-"],
                ["11", "failed", "b", "東京", "JP", "600051"],
            ],
            "
line  state    domain   company      country  code
   2  created  contoso  Contoso Ltd  GB       -
  11  failed   b        東京         JP       600051",
        );
        let long = "The Most Excellent Company of Shipping, Handling and Storage";
        check(
            &[[
                "1000000",
                "superseded",
                "a-domain-of-27-characters-xx",
                long,
                "United Kingdom",
                "spreadsheet_change",
            ]],
            "
   line  state       domain            company        country       code
1000000  superseded  a-domain-of-27-…  The Most Exc…  United King…  spreadsheet…",
        );
    }
}
