//! Opens a ledger file: permissions, pragmas, migrations, and checks of its type and environment.

use std::cmp::Ordering;
use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension, TransactionBehavior};
use uuid::Uuid;

use super::connection::{connect, copy_into, has_log, open_file, open_unchanging, plain_name};
use super::disk_faults;
use super::kept;
use super::lock::{self, Lock};
use super::migrations::{self, SCRIPTS, is_empty, is_older};
use super::reserve;
use super::shape;
use super::stored::{Value, insert};
use super::trust::{self, Purpose};
use super::{Error, Result};
use tenantry_model::files::{self, beside};
use tenantry_model::{clock, failpoint};

/// Marks a SQLite file as a ledger of this program: "TNRY".
const APPLICATION_ID: i32 = 0x544E_5259;

/// The size in bytes to which the write-ahead log is truncated after a checkpoint. SQLite runs one at 4 MiB.
const LOG_AT_REST: i64 = 4 << 20;

/// What a ledger is bound to, so that a rehearsal never mixes with production, nor one partner with another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// Base URL of the API; `simulator` for the simulator inside the process, whose port changes.
    pub api: String,
    /// The partner tenant, if it is known.
    pub partner_tenant_id: Option<Uuid>,
}

impl Environment {
    fn describe(&self) -> String {
        match self.partner_tenant_id {
            Some(tenant) => format!("`{}` as partner tenant {tenant}", self.api),
            None => format!("`{}`", self.api),
        }
    }
}

/// Locks the ledger at `path`, opens it for writing and brings its schema up to date. `None`: another process works on
/// the ledger. The file must exist: see [`make_file`].
pub(super) fn open_alone(path: &Path) -> Result<Option<(Lock, Connection)>> {
    // Before the lock: our lock file next to another user's ledger would lock that user out.
    trust::check(path, Purpose::Write)?;
    let Some(lock) = Lock::acquire(path)? else { return Ok(None) };
    reserve::remove_left_behind(path);
    let connection = open_for_writing(path)?;
    Ok(Some((lock, connection)))
}

/// Opens the ledger at `path` for writing and brings its schema up to date. The file must exist: see [`make_file`].
pub(super) fn open_for_writing(path: &Path) -> Result<Connection> {
    trust::check(path, Purpose::Write)?;
    lock::refuse_second(path)?;
    let read_only = || Error::ReadOnly { path: path.to_owned(), source: None };
    let connection = open_file(path)?;
    // If SQLite may not write a file, it opens the file read-only and reports an error only at the first write.
    if connection.is_readonly(rusqlite::MAIN_DB)? {
        return Err(read_only());
    }
    as_writer(connection, path).map_err(|error| match error {
        Error::Sql(error) if lacks_its_files(&error) => read_only(),
        error => error,
    })
}

fn as_writer(mut connection: Connection, path: &Path) -> Result<Connection> {
    check_ours(&connection, path)?;
    // Before SQLite makes its log, which gets the mode of the file.
    trust::narrow(path)?;
    // WAL lets `status` read while a run writes. FULL makes every commit an fsync, which is what "durable" means in all
    // our promises.
    let mode: String = connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if !mode.eq_ignore_ascii_case("wal") {
        return Err(Error::NoLocks { path: path.to_owned(), source: None });
    }
    // Again, after SQLite has opened its files: another user may have placed one there before.
    trust::check(path, Purpose::Write)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    // The log grows during a long read; this gives the room back afterwards.
    connection.pragma_update(None, "journal_size_limit", LOG_AT_REST)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.set_prepared_statement_cache_capacity(64);
    if let Some(pages) = disk_faults::ledger_pages() {
        connection.pragma_update(None, "max_page_count", pages)?;
    }
    shape::check(&connection, path)?;
    if is_older(&connection)? {
        kept::keep(&connection, path)?;
    }
    migrations::bring_up_to_date(&mut connection, path)?;
    failpoint::crash("migrated");
    // Beginning to write shows whether SQLite may write its files.
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if application_id(&tx)? != APPLICATION_ID {
        tx.pragma_update(None, "application_id", APPLICATION_ID)?;
    }
    tx.commit()?;
    Ok(connection)
}

/// Opens the ledger at `path` only for reading; never creates one. The ledger of an older program is brought up to date
/// first, if no process works on it.
pub(super) fn open_for_reading(path: &Path) -> Result<Connection> {
    must_exist(path)?;
    if let Some(connection) = open_current(path)? {
        return Ok(connection);
    }
    // The connection is closed before the lock is released.
    let upgraded = open_alone(path).map(|opened| opened.map(|(_lock, connection)| drop(connection)));
    let current = match upgraded {
        Ok(Some(())) => open_current(path)?,
        Ok(None) => None,
        Err(Error::OfAnother { path }) => return Err(Error::OlderOfAnother { path }),
        Err(Error::ReadOnly { path, .. }) => {
            let why = "it is from an older version and must be updated";
            return Err(Error::Unreadable { path, why });
        }
        Err(error) => return Err(error),
    };
    current.ok_or_else(|| Error::Older { path: path.to_owned() })
}

/// Opens the ledger at `path` only for reading, and leaves its schema as it is. `None`: its schema is older than this
/// program.
pub(super) fn open_unchanged(path: &Path) -> Result<Option<Connection>> {
    must_exist(path)?;
    open_current(path)
}

/// `None`: its schema is older than this program.
fn open_current(path: &Path) -> Result<Option<Connection>> {
    // A process that works on it under another name keeps its last changes beside that name.
    if lock::is_locked(path) == Some(true) {
        lock::refuse_second(path)?;
    }
    // READ_WRITE because a reader of a WAL database may have to make its shared-memory file; `query_only` prevents
    // writes.
    match as_reader(open_file(path)?, path) {
        Err(Error::Sql(error)) if lacks_its_files(&error) || has_no_room(&error) => {
            as_reader(open_as_it_is(path)?, path)
        }
        opened => opened,
    }
}

/// Did SQLite fail to make, or to open, the files that it needs next to a database?
fn lacks_its_files(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode;
    matches!(error.sqlite_error_code(), Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly))
}

/// Is there no room for those files?
fn has_no_room(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull)
}

/// Opens a ledger in a folder that we cannot write to, as a file that does not change. A process that works on the
/// ledger keeps its `-wal` and `-shm` there as long as it works, so without these files the ledger is complete and
/// unused.
fn open_as_it_is(path: &Path) -> Result<Connection> {
    let whole_path = files::canonical(path).map_err(Error::open(path))?;
    // Reports a file that may not be read; SQLite has the same error code for that.
    drop(File::open(&whole_path).map_err(Error::open(path))?);
    if beside(&whole_path, "-wal").exists() || beside(&whole_path, "-shm").exists() {
        let why = "its last changes are in the files beside it, and its folder is not writable, or full";
        return Err(Error::Unreadable { path: path.to_owned(), why });
    }
    open_unchanging(&whole_path)
}

/// `None`: its schema is older than this program.
fn as_reader(connection: Connection, path: &Path) -> Result<Option<Connection>> {
    check_ours(&connection, path)?;
    trust::narrow(path)?;
    if is_empty(&connection)? {
        // The process that made it died before the first table.
        return Err(Error::Empty { path: path.to_owned() });
    }
    connection.pragma_update(None, "query_only", true)?;
    // As in `as_writer`.
    trust::check(path, Purpose::Read)?;
    shape::check(&connection, path)?;
    match migrations::version(&connection)?.cmp(&SCRIPTS.len()) {
        Ordering::Less => Ok(None),
        Ordering::Equal => Ok(Some(connection)),
        Ordering::Greater => Err(Error::Newer { path: path.to_owned() }),
    }
}

/// Checks the file after a run that died: the cause may have damaged the file.
pub(super) fn check(connection: &Connection, path: &Path) -> Result<()> {
    let damaged = |what: String| Error::Damaged { path: path.to_owned(), what };
    match connection.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0)) {
        Ok(answer) if answer == "ok" => Ok(()),
        Ok(answer) => Err(damaged(answer)),
        Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseCorrupt) => {
            Err(damaged(error.to_string()))
        }
        Err(error) => Err(error.into()),
    }
}

/// Copies the ledger at `path` to the new file `copy`, for work that must leave the original unchanged to the byte: its
/// schema is not brought up to date, and files that a dead run left next to it stay there.
pub(super) fn copy_untouched(path: &Path, copy: &Path) -> Result<()> {
    trust::check(path, Purpose::Read)?;
    let connection = connect(&plain_name(path), OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    // Closing it would write the log of a dead run into the file.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, has_log(path))?;
    check_ours(&connection, path)?;
    let write = |source| Error::Copy { path: copy.to_owned(), source: Arc::new(source) };
    // Only its owner can read it, from the first byte.
    files::create_new(copy).map_err(write)?;
    copy_into(&connection, copy)?;
    // A run that is active in the original is not active in the copy.
    let mut copied = connect(&plain_name(copy), OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    copied.execute("UPDATE program_runs SET pid = ?1 WHERE finished_at IS NULL", [std::process::id()])?;
    // No copy needs to be kept here: the original is one.
    if is_older(&copied)? {
        shape::check(&copied, path)?;
        migrations::bring_up_to_date(&mut copied, path)?;
    }
    Ok(())
}

/// A ledger without read permission is not a missing ledger.
pub(super) fn must_exist(path: &Path) -> Result<()> {
    match path.try_exists() {
        Ok(true) => trust::check_kind(path),
        Ok(false) => Err(Error::Missing { path: path.to_owned() }),
        Err(error) => Err(Error::open(path)(error)),
    }
}

/// Refuses an empty file: nothing shows whether it once had content.
pub(super) fn must_hold_something(path: &Path) -> Result<()> {
    must_exist(path)?;
    match std::fs::metadata(path) {
        Ok(file) if file.is_file() && file.len() == 0 => Err(Error::Empty { path: path.to_owned() }),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Binds a new ledger to `environment`, or refuses one that is bound to another.
pub(super) fn bind(connection: &Connection, path: &Path, environment: &Environment) -> Result<()> {
    let bound = bound_to(connection)?;
    let Some(bound) = bound else {
        let values: [Value<'_>; 5] = [
            ("id", &1),
            ("ledger_id", &Uuid::new_v4().to_string()),
            ("api", &environment.api),
            ("partner_tenant_id", &environment.partner_tenant_id.map(|t| t.to_string())),
            ("made_at", &clock::now().as_millisecond()),
        ];
        return insert(connection, "ledger", &values).map(drop);
    };
    refuse_other(&bound, path, environment)?;
    if let (None, Some(tenant)) = (bound.partner_tenant_id, environment.partner_tenant_id) {
        connection.execute("UPDATE ledger SET partner_tenant_id = ?1", [tenant.to_string()])?;
    }
    Ok(())
}

/// Refuses an environment other than the one that the ledger is `bound` to.
pub(super) fn refuse_other(bound: &Environment, path: &Path, environment: &Environment) -> Result<()> {
    let other_tenant = matches!(
        (bound.partner_tenant_id, environment.partner_tenant_id),
        (Some(bound), Some(asked)) if bound != asked
    );
    if bound.api != environment.api || other_tenant {
        return Err(Error::OtherEnvironment {
            path: path.to_owned(),
            bound_to: bound.describe(),
            asked: environment.describe(),
        });
    }
    Ok(())
}

/// The environment that the ledger is bound to; `None` for a ledger that was just made.
pub(super) fn bound_to(connection: &Connection) -> Result<Option<Environment>> {
    let sql = "SELECT api, partner_tenant_id FROM ledger";
    let stored = connection.query_row(sql, [], |row| row.try_into()).optional()?;
    let environment = |(api, tenant): (String, Option<String>)| {
        // An unreadable tenant must not count as no tenant, or the ledger would be bound to another one.
        let partner_tenant_id = tenant.map(|tenant| tenant.parse()).transpose().map_err(Error::Tenant)?;
        Ok(Environment { api, partner_tenant_id })
    };
    stored.map(environment).transpose()
}

/// Creates the file of a new ledger, with our permissions, which SQLite gives to its log too. The file is complete from
/// the start: SQLite would bring it there in many steps, each with syncs of its own. Its name becomes durable with the
/// first commit: SQLite syncs the folder when it syncs a new log.
pub(super) fn make_file(path: &Path) -> Result<()> {
    // An empty file that another user has made may be about to become a ledger.
    trust::check(path, Purpose::Write)?;
    if path.symlink_metadata().is_ok() {
        return Ok(());
    }
    // Beside an empty file SQLite deletes what a ledger that is gone has left; to any other file it would apply it.
    let has_remains = has_log(path) || beside(path, "-journal").exists();
    let content = if has_remains { Vec::new() } else { new_ledger(path)? };
    let fill = |file: &mut File| {
        disk_faults::new_file(content.len())?;
        file.write_all(&content)?;
        failpoint::crash("ledger_made");
        Ok(())
    };
    match files::create_whole(path, fill) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(Error::open(path)(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// The content of a ledger without rows.
fn new_ledger(path: &Path) -> Result<Vec<u8>> {
    /// The versions of SQLite's format that a program needs for writing and for reading, and the one that has a log.
    const FORMAT_VERSIONS: Range<usize> = 18..20;
    const WITH_LOG: u8 = 2;
    let mut ledger = Connection::open_in_memory()?;
    migrations::bring_up_to_date(&mut ledger, path)?;
    ledger.pragma_update(None, "application_id", APPLICATION_ID)?;
    let mut content = ledger.serialize(rusqlite::MAIN_DB)?.to_vec();
    content[FORMAT_VERSIONS].fill(WITH_LOG);
    Ok(content)
}

/// Refuses only files that are certainly not a ledger, before a lock file is left beside them; other problems are found
/// when the ledger is opened for work. Beside a ledger that was worked on, there is a lock file.
pub(super) fn refuse_foreign(path: &Path) -> Result<()> {
    if files::canonical(path).is_ok_and(|place| lock::path_beside(&place).exists()) {
        return Ok(());
    }
    match check_ours(&open_file(path)?, path) {
        Err(error @ Error::Foreign { .. }) => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Refuses a file that is not a SQLite database, or that belongs to another program.
fn check_ours(connection: &Connection, path: &Path) -> Result<()> {
    let foreign = || Error::Foreign { path: path.to_owned() };
    let application_id = match application_id(connection) {
        Ok(id) => id,
        Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::NotADatabase) => {
            return Err(foreign());
        }
        Err(error) => return Err(error.into()),
    };
    // A migration that died before the id was set leaves 0, with our tables or with none.
    let ours = connection.table_exists(None, "customer_rows")?;
    if application_id == APPLICATION_ID || (application_id == 0 && (ours || is_empty(connection)?)) {
        Ok(())
    } else {
        Err(foreign())
    }
}

fn application_id(connection: &Connection) -> rusqlite::Result<i32> {
    connection.pragma_query_value(None, "application_id", |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn migrations_apply() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrations::bring_up_to_date(&mut connection, Path::new("l.db")).unwrap();
        assert_eq!(migrations::version(&connection), Ok(SCRIPTS.len()));
    }

    /// Crash tests cannot see this: they find what was written, whether or not it was synced.
    #[test]
    fn every_commit_of_the_writer_is_synced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("l.db");
        make_file(&path).unwrap();
        let connection = open_for_writing(&path).unwrap();
        let mode: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
        let synchronous: u8 = connection.pragma_query_value(None, "synchronous", |row| row.get(0)).unwrap();
        const FULL: u8 = 2;
        assert_eq!((mode.as_str(), synchronous), ("wal", FULL));
    }

    #[test]
    fn a_ledger_keeps_to_its_environment() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("l.db");
        make_file(&path).unwrap();
        let connection = open_for_writing(&path).unwrap();
        let environment = |api: &str, tenant: Option<u128>| Environment {
            api: api.to_owned(),
            partner_tenant_id: tenant.map(Uuid::from_u128),
        };
        bind(&connection, &path, &environment("https://a", None)).unwrap();
        bind(&connection, &path, &environment("https://a", Some(1))).unwrap();
        bind(&connection, &path, &environment("https://a", None)).unwrap();
        for other in [environment("https://a", Some(2)), environment("https://b", Some(1))] {
            assert!(matches!(bind(&connection, &path, &other), Err(Error::OtherEnvironment { .. })));
        }
    }

    /// A ledger as the program before agreements left it.
    fn old_ledger(path: &Path) {
        files::create_new(path).unwrap();
        let connection = Connection::open(path).unwrap();
        connection.execute_batch(include_str!("../../migrations/0001_ledger.sql")).unwrap();
        connection
            .execute_batch(
                "PRAGMA user_version = 1; PRAGMA journal_mode = WAL; PRAGMA application_id = 1414419033;
                 INSERT INTO program_runs VALUES (1, 'import', '0.1.0', 1, 0, 0, 0, 'done');
                 INSERT INTO sources (id, run_id, path, header, started_at) VALUES (1, 1, 'a.csv', x'', 0);
                 INSERT INTO customer_rows (id, source_id, line, domain, key_domain, state, content_hash, cells,
                                            customer, request_id, customer_id, made_at, changed_at)
                 VALUES (1, 1, 2, 'a', 'a', 'created', x'', x'', '{}', 'r', 'c', 0, 0);
                 INSERT INTO http_attempts VALUES (7, 1, 1, 'create', 'r', 'k', 0, 0, 1, 'created', 201, NULL, NULL, 'cv');
                 CREATE VIEW my_own AS SELECT domain, status FROM attempts;
                 CREATE INDEX my_index ON customer_rows (line);",
            )
            .unwrap();
    }

    #[test]
    fn a_ledger_of_an_older_program_is_brought_up_to_date() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("old.db");
        old_ledger(&path);
        assert_eq!(APPLICATION_ID, 1_414_419_033);
        let held = Lock::acquire(&path).unwrap();
        assert!(matches!(open_for_reading(&path), Err(Error::Older { .. })), "another process works on it");
        drop(held);
        let connection = open_for_reading(&path).unwrap();
        let attempt: (i64, String, String) = connection
            .query_row("SELECT attempt_id, domain, ms_cv FROM attempts", [], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })
            .unwrap();
        assert_eq!(attempt, (7, "a".to_owned(), "cv".to_owned()));
        let agreement: Option<String> =
            connection.query_row("SELECT agreement_state FROM customers", [], |row| row.get(0)).unwrap();
        assert_eq!(agreement, None);
        let mine: u16 = connection.query_row("SELECT status FROM my_own", [], |row| row.get(0)).unwrap();
        assert_eq!(mine, 201, "views of the operator's own still work");
        let index = "SELECT count(*) FROM sqlite_schema WHERE name = 'my_index'";
        assert_eq!(connection.query_row(index, [], |row| row.get(0)), Ok(1), "and so do their indexes");
        assert_eq!(migrations::version(&connection), Ok(SCRIPTS.len()));
    }

    #[test]
    fn an_empty_file_is_no_ledger() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("empty.db");
        files::create_new(&path).unwrap();
        assert!(matches!(open_for_reading(&path), Err(Error::Empty { .. })));
    }

    #[test]
    fn a_new_ledger_is_what_sqlite_makes_of_an_empty_file() {
        let folder = tempfile::tempdir().unwrap();
        let [new, filled] = ["new.db", "filled.db"].map(|name| folder.path().join(name));
        make_file(&new).unwrap();
        files::create_new(&filled).unwrap();
        for path in [&new, &filled] {
            let ledger = open_for_writing(path).unwrap();
            ledger.execute_batch("CREATE TABLE t (n); DROP TABLE t").unwrap();
        }
        // The counters of changes, the number of the free pages, and the version of SQLite that wrote last.
        let without_counters = |path: &Path| {
            let mut content = std::fs::read(path).unwrap();
            [24..28, 40..44, 92..100].into_iter().for_each(|counter| content[counter].fill(0));
            content
        };
        assert!(without_counters(&new) == without_counters(&filled));
    }

    #[test]
    fn what_a_ledger_that_is_gone_has_left_is_not_applied_to_a_new_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("l.db");
        make_file(&path).unwrap();
        let gone = open_for_writing(&path).unwrap();
        gone.execute_batch("CREATE TABLE t (n)").unwrap();
        let log = std::fs::read(beside(&path, "-wal")).unwrap();
        drop(gone);
        std::fs::remove_file(&path).unwrap();
        std::fs::write(beside(&path, "-wal"), log).unwrap();
        make_file(&path).unwrap();
        assert!(!open_for_writing(&path).unwrap().table_exists(None, "t").unwrap());
    }

    #[test]
    fn a_newer_or_foreign_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let newer = folder.path().join("newer.db");
        make_file(&newer).unwrap();
        let connection = open_for_writing(&newer).unwrap();
        connection.pragma_update(None, "user_version", 99).unwrap();
        drop(connection);
        assert!(matches!(open_for_writing(&newer), Err(Error::Newer { .. })));
        assert!(matches!(open_for_reading(&newer), Err(Error::Newer { .. })));

        let text = folder.path().join("text.db");
        std::fs::write(&text, "company_name,domain\n".repeat(100)).unwrap();
        assert!(matches!(open_for_writing(&text), Err(Error::Foreign { .. })));

        let other = folder.path().join("other.db");
        Connection::open(&other).unwrap().execute_batch("CREATE TABLE theirs (n)").unwrap();
        assert!(matches!(open_for_writing(&other), Err(Error::Foreign { .. })));
    }

    #[cfg(unix)]
    #[test]
    fn no_other_user_may_read_the_files() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("l.db");
        make_file(&path).unwrap();
        let connection = open_for_writing(&path).unwrap();
        connection.execute_batch("CREATE TABLE t (n)").unwrap();
        for name in ["l.db", "l.db-wal", "l.db-shm"] {
            let mode = std::fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
    }
}
