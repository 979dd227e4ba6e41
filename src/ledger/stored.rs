//! Runs statements in one call each, and reads stored values with care.
//!
//! A stored value may have been changed from outside; an error names the value that cannot be parsed.

use rusqlite::types::FromSql;
use rusqlite::{Connection, Params, Row, ToSql, Transaction, params_from_iter};
use serde::Serialize;

use super::{Error, Result, RowId};
use tenantry_model::customer::Customer;
use tenantry_model::problem::Problem;

/// Defines the columns of a query: their SQL, in order, and where the reader of a row finds each. They cannot be swapped on
/// one side alone.
macro_rules! columns {
    ($(#[$doc:meta])* $name:ident { $($column:ident = $sql:expr,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        enum $name { $($column,)* }

        impl $name {
            /// The list behind `SELECT`.
            fn list() -> String {
                [$($sql),*].join(", ")
            }

            fn of<T: rusqlite::types::FromSql>(self, row: &rusqlite::Row<'_>) -> rusqlite::Result<T> {
                row.get(self as usize)
            }
        }
    };
}
pub(super) use columns;

/// A column and its value.
pub(super) type Value<'a> = (&'a str, &'a dyn ToSql);

/// Inserts a row, and returns its id.
pub(super) fn insert(connection: &Connection, table: &str, values: &[Value<'_>]) -> Result<i64> {
    let columns: Vec<_> = values.iter().map(|(column, _)| *column).collect();
    let places = vec!["?"; values.len()].join(", ");
    let sql = format!("INSERT INTO {table} ({}) VALUES ({places})", columns.join(", "));
    connection.prepare_cached(&sql)?.execute(params_from_iter(values.iter().map(|(_, value)| value)))?;
    Ok(connection.last_insert_rowid())
}

/// Writes columns of the row with this id.
pub(super) fn update(
    connection: &Connection,
    table: &str,
    id: &dyn ToSql,
    values: &[Value<'_>],
) -> Result<()> {
    let sql = format!("UPDATE {table} SET {} WHERE id = ?", assignments(values));
    let parameters = values.iter().map(|(_, value)| *value).chain([id]);
    connection.prepare_cached(&sql)?.execute(params_from_iter(parameters))?;
    Ok(())
}

/// SQL that sets these columns, one parameter each.
pub(super) fn assignments(values: &[Value<'_>]) -> String {
    values.iter().map(|(column, _)| format!("{column} = ?")).collect::<Vec<_>>().join(", ")
}

/// The first column of the only row.
pub(super) fn value<T: FromSql>(connection: &Connection, sql: &str, parameters: impl Params) -> Result<T> {
    Ok(connection.prepare_cached(sql)?.query_row(parameters, |row| row.get(0))?)
}

/// Collects what `load` reads from each row.
pub(super) fn collect<T, C: FromIterator<T>>(
    connection: &Connection,
    sql: &str,
    parameters: impl Params,
    load: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<C> {
    Ok(connection.prepare_cached(sql)?.query_map(parameters, load)?.collect::<Result<_, _>>()?)
}

/// What `change` does and returns. `for_show`: the ledger is left unchanged.
pub(super) fn tried<T>(
    tx: &Transaction<'_>,
    for_show: bool,
    change: impl FnOnce() -> Result<T>,
) -> Result<T> {
    tx.execute_batch("SAVEPOINT tried")?;
    let done = change()?;
    tx.execute_batch(if for_show { "ROLLBACK TO tried; RELEASE tried" } else { "RELEASE tried" })?;
    Ok(done)
}

/// Calls `visit` with each row. Keeps one row in memory.
pub(super) fn each<E: From<Error>>(
    connection: &Connection,
    sql: &str,
    parameters: impl Params,
    mut visit: impl FnMut(&Row<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let mut statement = connection.prepare(sql).map_err(Error::from)?;
    let mut rows = statement.query(parameters).map_err(Error::from)?;
    while let Some(row) = rows.next().map_err(Error::from)? {
        visit(row)?;
    }
    Ok(())
}

/// One value of a row; `name` is its name in messages.
pub(super) fn cell<T: FromSql>(row: &Row<'_>, index: usize, name: &str) -> Result<T, String> {
    row.get(index).map_err(|_| format!("its {name} is invalid"))
}

/// A value as it is stored.
pub(super) fn json<T: serde::Serialize + ?Sized>(value: &T) -> Result<String> {
    serde_json::to_string(value)
        .map_err(|error| Error::Stored { row: 0, what: format!("cannot be written as JSON: {error}") })
}

/// Parses a stored customer.
pub(super) fn customer_of(json: &str) -> Result<Customer, String> {
    from_json(json, "customer")
}

/// The parser's message is left out: it can quote content of the list.
pub(super) fn from_json<T: serde::de::DeserializeOwned>(json: &str, name: &str) -> Result<T, String> {
    serde_json::from_str(json)
        .map_err(|error| format!("its {name} is not valid JSON (at column {})", error.column()))
}

/// SQL for a field of a stored customer, from the column that contains the customer. It gives NULL if the customer
/// cannot be parsed, so that one such row does not break totals over all rows.
pub(super) fn field_of(column: &str, field: &str) -> String {
    format!("CASE WHEN json_valid({column}) THEN json_extract({column}, '$.{field}') END")
}

/// A row as an operator names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum NamedRow {
    /// By its domain, in full or by its prefix.
    Domain(String),
    /// Its cell for the domain is invalid, so that the ledger stores no domain.
    WithoutDomain(RowId),
}

/// SQL: does `column` hold the domain `named`, which is written in full or as its prefix?
pub(super) fn is_domain(column: &str, named: &str) -> String {
    format!("({column} = {named} OR substr({column}, 1, length({named}) + 1) = {named} || '.')")
}

/// SQL: is the reading `source` one of a list that is named? `name` is the path as it is typed, `full` the absolute
/// one. A list of exactly this path comes first; otherwise every list whose path ends so.
pub(super) fn is_list_named(source: &str, name: &str, full: &str) -> String {
    format!(
        "CASE WHEN EXISTS (SELECT 1 FROM sources exact WHERE exact.full_path = {full})
              THEN coalesce({source}.full_path = {full}, {source}.path = {name})
              ELSE {source}.path = {name}
                   OR substr({source}.path, -length({name}) - 1) IN ('/' || {name}, char(92) || {name}) END"
    )
}

/// SQL: are these two readings of one list ([`lists`](super::lists))?
pub(super) fn is_same_list(one: &str, other: &str) -> String {
    format!("{one}.list_id = {other}.list_id")
}

/// SQL: what the readings of a list have in common that is shown as one. All of standard input is.
pub(super) fn list_key(reading: &str) -> String {
    format!("iif({reading}.path = '-', 0, {reading}.list_id)")
}

/// SQL: are these two readings of one file, whichever sheet of it?
pub(super) fn is_same_file(one: &str, other: &str) -> String {
    format!(
        "({one}.path <> '-' AND {other}.path <> '-'
          AND CASE WHEN {one}.full_path IS NULL OR {other}.full_path IS NULL THEN {one}.path = {other}.path
                   ELSE {one}.full_path = {other}.full_path END)"
    )
}

/// SQL: was this read after the copy was made that the ledger was last restored from? What was read before, a restored
/// ledger does not send by itself.
pub(super) fn is_after_copy(reading: &str) -> String {
    format!("{reading}.run_id > (SELECT coalesce(max(last_run), 0) FROM copies)")
}

/// SQL: did this reading read its file? A retry creates rows of the ledger again, and no file is read.
pub(super) fn is_no_retry(reading: &str) -> String {
    format!("{reading}.run_id NOT IN (SELECT id FROM program_runs WHERE command = 'retry')")
}

/// SQL: is this a reading of an export? It has the column that only exports have.
pub(super) fn is_export(reading: &str) -> String {
    format!("instr(lower(CAST({reading}.header AS TEXT)), 'tenantry_row')")
}

/// SQL: is a row, by its domain and its id, one of the [`NamedRow`]s in the JSON array of a parameter? An empty array
/// stands for all rows. The id is qualified by its table, because `json_each` has an `id` too.
pub(super) fn is_named(domain: &str, row: &str, parameter: &str) -> String {
    format!(
        "({parameter} = '[]' OR EXISTS (SELECT 1 FROM json_each({parameter}) d
                                         WHERE CASE d.type WHEN 'integer' THEN {row} = d.value
                                               ELSE {} END))",
        is_domain(domain, "d.value")
    )
}

/// Parses the stored problems of a row.
///
/// # Errors
/// If they cannot be parsed: the row must not count as one without problems.
pub(super) fn stored_problems(row: RowId, json: Option<&str>) -> Result<Vec<Problem>> {
    json.map_or(Ok(Vec::new()), serde_json::from_str)
        .map_err(|error| Error::Stored { row: row.0, what: format!("its problems cannot be read: {error}") })
}
