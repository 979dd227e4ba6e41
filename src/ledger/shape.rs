//! Checks that the schema of a ledger is exactly Tenantry's.
//!
//! A trigger or an additional column could change rows before they are sent. So the schema is compared with what the
//! migrations make, at the ledger's own version. The operator's own views, indexes and tables are allowed.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use super::migrations::{self, LATEST, SCRIPTS};
use super::stored::collect;
use super::{Error, Result};

/// Type and SQL of each object, by its name.
type Shape = BTreeMap<String, (String, String)>;

/// Turns on SQLite's defenses against a hostile file: its schema runs only functions that compute, its triggers do not
/// fire, its schema cannot be written as a table, and a damaged page is found when it is read.
pub(super) fn defend(connection: &Connection) -> rusqlite::Result<()> {
    for (option, value) in [
        (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
        (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false),
    ] {
        connection.set_db_config(option, value)?;
    }
    connection.pragma_update(None, "cell_size_check", true)
}

/// # Errors
/// [`Error::Altered`] names an object that is extra, missing or changed.
pub(super) fn check(connection: &Connection, path: &Path) -> Result<()> {
    let altered = |what: String| Err(Error::Altered { path: path.to_owned(), what });
    let version = migrations::version(connection)?;
    let mut found = shape(connection)?;
    if version == SCRIPTS.len() && listing(&found) == LATEST.replace('\r', "") {
        return Ok(());
    }
    let Some(expected) = shape_of_version(version)? else { return Ok(()) };
    for (name, (kind, sql)) in &expected {
        match found.remove(name) {
            None => return altered(format!("the {kind} `{name}` is missing")),
            Some((found, _)) if found != *kind => {
                return altered(format!("`{name}` is a {found}, not a {kind}"));
            }
            Some((_, found)) if found != *sql => return altered(format!("the {kind} `{name}` was changed")),
            Some(_) => {}
        }
    }
    if let Some((name, _)) = found.iter().find(|(_, (kind, _))| kind == "trigger") {
        return altered(format!("it has a trigger `{name}`"));
    }
    // A unique index would refuse what has to be recorded, such as a password. SQLite keeps its beginning like this,
    // however it was written.
    let sql =
        "SELECT name, tbl_name FROM sqlite_schema WHERE type = 'index' AND sql LIKE 'CREATE UNIQUE INDEX %'";
    let unique: Vec<(String, String)> = collect(connection, sql, [], |row| row.try_into())?;
    match unique.iter().find(|(name, table)| found.contains_key(name) && expected.contains_key(table)) {
        Some((name, _)) => altered(format!("it has a unique index `{name}`")),
        None => Ok(()),
    }
}

/// An index that an operator has added. It goes with its table when a migration creates the table again.
pub(super) struct OperatorIndex {
    pub(super) name: String,
    pub(super) sql: String,
}

/// The indexes of a ledger that are not Tenantry's.
pub(super) fn indexes_of_operator(connection: &Connection) -> Result<Vec<OperatorIndex>> {
    let ours = shape_of_version(migrations::version(connection)?)?.unwrap_or_default();
    let found = shape(connection)?.into_iter();
    let indexes = found.filter(|(name, (kind, _))| kind == "index" && !ours.contains_key(name));
    Ok(indexes.map(|(name, (_, sql))| OperatorIndex { name, sql }).collect())
}

fn shape(connection: &Connection) -> rusqlite::Result<Shape> {
    let sql = "SELECT name, type, sql FROM sqlite_schema WHERE sql IS NOT NULL";
    let mut statement = connection.prepare(sql)?;
    let objects = statement.query_map([], |row| {
        let sql: String = row.get(2)?;
        // A program may be built from a checkout with Windows line endings.
        Ok((row.get(0)?, (row.get(1)?, sql.replace('\r', ""))))
    })?;
    objects.collect()
}

/// A schema as text: its tables, and then the rest, ordered by their names. It is a script that makes the schema.
fn listing(shape: &Shape) -> String {
    let (tables, others): (Vec<_>, Vec<_>) = shape.iter().partition(|(_, (kind, _))| kind == "table");
    let all = tables.into_iter().chain(others);
    all.map(|(name, (kind, sql))| format!("-- {kind} {name}\n{sql};\n")).collect()
}

/// The schema that the migrations up to `version` make. `None`: this program has no such version.
fn shape_of_version(version: usize) -> Result<Option<Shape>> {
    let Some(scripts) = SCRIPTS.get(..version) else { return Ok(None) };
    let fresh = Connection::open_in_memory()?;
    for script in scripts {
        fresh.execute_batch(script)?;
    }
    Ok(Some(shape(&fresh)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger_of_version(version: usize) -> Connection {
        let ledger = Connection::open_in_memory().unwrap();
        for script in &SCRIPTS[..version] {
            ledger.execute_batch(script).unwrap();
        }
        ledger.pragma_update(None, "user_version", version).unwrap();
        ledger
    }

    #[test]
    fn what_is_not_ours_is_named() {
        let check = |sql: &str, expected: Option<&str>| {
            let ledger = ledger_of_version(SCRIPTS.len());
            ledger.execute_batch(sql).unwrap();
            let found = match check(&ledger, Path::new("l.db")) {
                Err(Error::Altered { what, .. }) => Some(what),
                other => other.map(|()| None).unwrap(),
            };
            assert_eq!(found.as_deref(), expected, "{sql}");
        };
        check("", None);
        check(
            "CREATE VIEW mine AS SELECT domain FROM customers; CREATE INDEX my_index ON customer_rows (line)",
            None,
        );
        check("CREATE TABLE notes (row_id, note); ANALYZE", None);
        check("CREATE TABLE notes (row_id, note UNIQUE); CREATE UNIQUE INDEX u ON notes (row_id)", None);
        check(
            "create  unique  index if not exists u on customer_rows (user_name)",
            Some("it has a unique index `u`"),
        );
        let trigger = "CREATE TRIGGER t AFTER INSERT ON customer_rows BEGIN UPDATE customer_rows SET customer = '{}'; END";
        check(trigger, Some("it has a trigger `t`"));
        check(
            "CREATE TABLE n (x); CREATE TRIGGER t AFTER INSERT ON n BEGIN SELECT 1; END",
            Some("it has a trigger `t`"),
        );
        check("CREATE TRIGGER t INSTEAD OF INSERT ON runs BEGIN SELECT 1; END", Some("it has a trigger `t`"));
        check(
            "ALTER TABLE customer_rows ADD COLUMN note TEXT",
            Some("the table `customer_rows` was changed"),
        );
        check("DROP INDEX rows_by_state", Some("the index `rows_by_state` is missing"));
        check(
            "DROP INDEX rows_by_state; CREATE INDEX rows_by_state ON customer_rows (line)",
            Some("the index `rows_by_state` was changed"),
        );
        check("DROP VIEW runs; CREATE VIEW runs AS SELECT 1 AS run_id", Some("the view `runs` was changed"));
        check("DROP VIEW runs; CREATE TABLE runs (run_id)", Some("`runs` is a table, not a view"));
    }

    #[test]
    fn the_listing_is_that_of_the_last_version() {
        let made = listing(&shape_of_version(SCRIPTS.len()).unwrap().unwrap());
        assert_eq!(LATEST.replace('\r', ""), made, "`migrations/latest.sql` must be updated");
    }

    #[test]
    fn a_new_ledger_is_one_to_which_all_scripts_were_applied() {
        let new = Connection::open_in_memory().unwrap();
        new.execute_batch(LATEST).unwrap();
        assert_eq!(listing(&shape(&new).unwrap()), LATEST.replace('\r', ""));
    }

    #[test]
    fn a_schema_is_compared_at_its_own_version() {
        for version in 0..=SCRIPTS.len() {
            check(&ledger_of_version(version), Path::new("l.db")).unwrap();
        }
    }

    /// Even a trigger that `check` did not look for does not fire.
    #[test]
    fn no_trigger_fires_and_the_schema_is_no_table() {
        let ledger = Connection::open_in_memory().unwrap();
        defend(&ledger).unwrap();
        ledger.execute_batch("CREATE TABLE t (n); CREATE TRIGGER x AFTER INSERT ON t BEGIN DELETE FROM t; END; INSERT INTO t VALUES (1)").unwrap();
        assert_eq!(ledger.query_row("SELECT count(*) FROM t", [], |row| row.get(0)), Ok(1));
        assert!(
            ledger.execute_batch("PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = ''").is_err()
        );
    }
}
