//! Opening a ledger file: permissions, pragmas, migrations, and the check that it is ours and for this environment.

use std::cmp::Ordering;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension};
use uuid::Uuid;

use super::connection::{connect, has_log, open_file, plain_name};
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

/// Marks a SQLite file as a ledger of ours: "TNRY".
const APPLICATION_ID: i32 = 0x544E_5259;

/// Another process (`credentials`, a person with the sqlite3 shell) may hold the write lock for a moment.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// Bytes that the write-ahead log may keep when it has been written back, which SQLite does at 4 MiB.
const LOG_AT_REST: i64 = 4 << 20;

/// What a ledger is bound to, so that a rehearsal never mixes with production, nor one partner with another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// Base URL of the API; `simulator` for the one inside the process, whose port changes.
    pub api: String,
    /// The partner tenant, where it is known.
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

/// Locks the ledger at `path`, opens it for writing and brings its schema up to date. `None`: another process works on it.
/// The file exists: see [`make_file`].
pub(super) fn open_alone(path: &Path) -> Result<Option<(Lock, Connection)>> {
    // Before the lock, which would leave a file of ours beside the ledger of another user, and keep that user from it.
    trust::check(path, Purpose::Write)?;
    let Some(lock) = Lock::acquire(path)? else { return Ok(None) };
    reserve::remove_left_behind(path);
    let connection = open_for_writing(path)?;
    Ok(Some((lock, connection)))
}

/// Opens the ledger at `path` for writing and brings its schema up to date. The file exists: see [`make_file`].
pub(super) fn open_for_writing(path: &Path) -> Result<Connection> {
    trust::check(path, Purpose::Write)?;
    lock::refuse_second(path)?;
    let read_only = || Error::ReadOnly { path: path.to_owned(), source: None };
    let connection = open_file(path)?;
    // Where it may not write, SQLite opens a file for reading and says so at the first write.
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
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // WAL lets `status` read while a run writes; FULL makes every commit an fsync, which is what "durable" means
    // in every promise that we make.
    let mode: String = connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if !mode.eq_ignore_ascii_case("wal") {
        return Err(Error::NoLocks { path: path.to_owned(), source: None });
    }
    // Again, now that SQLite has opened them: nobody has put one of its files there meanwhile.
    trust::check(path, Purpose::Write)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    // What a long reader makes the log grow is given back when it has gone.
    connection.pragma_update(None, "journal_size_limit", LOG_AT_REST)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.set_prepared_statement_cache_capacity(64);
    if let Some(pages) = super::disk_faults::ledger_pages() {
        connection.pragma_update(None, "max_page_count", pages)?;
    }
    shape::check(&connection, path)?;
    if is_older(&connection)? {
        kept::keep(&connection, path)?;
    }
    migrations::bring_up_to_date(&mut connection, path)?;
    failpoint::crash("migrated");
    connection.pragma_update(None, "application_id", APPLICATION_ID)?;
    Ok(connection)
}

/// Opens the ledger at `path` for reading alone; never makes one. One of an older program is brought up to date
/// first, where nobody works on it.
pub(super) fn open_for_reading(path: &Path) -> Result<Connection> {
    must_exist(path)?;
    match open_current(path)? {
        Some(connection) => Ok(connection),
        None => {
            let upgrade = || match open_alone(path)? {
                Some((_lock, connection)) => {
                    drop(connection);
                    Ok(())
                }
                None => Err(Error::Older { path: path.to_owned() }),
            };
            upgrade().map_err(|error| match error {
                Error::OfAnother { path } => Error::OlderOfAnother { path },
                Error::ReadOnly { path, .. } => {
                    let why = "it is of an older version and has to be brought up to date";
                    Error::Unreadable { path, why }
                }
                error => error,
            })?;
            open_current(path)?.ok_or_else(|| Error::Older { path: path.to_owned() })
        }
    }
}

/// `None`: its schema is older than this program.
fn open_current(path: &Path) -> Result<Option<Connection>> {
    // READ_WRITE because a reader of a WAL database may have to make its shared-memory file; `query_only` is what
    // keeps us from writing.
    match as_reader(open_file(path)?, path) {
        Err(Error::Sql(error)) if lacks_its_files(&error) => as_reader(open_as_it_is(path)?, path),
        opened => opened,
    }
}

/// Could SQLite not make, or not open, the files that it needs beside a database?
fn lacks_its_files(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode;
    matches!(error.sqlite_error_code(), Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly))
}

/// Opens a ledger in a folder that nobody here can write to, as a file that does not change. Whoever works on it
/// keeps its `-wal` and `-shm` there for as long as that takes, so without them it is whole and at rest.
fn open_as_it_is(path: &Path) -> Result<Connection> {
    let open = |source| Error::Open { path: path.to_owned(), source: Arc::new(source) };
    let whole_path = path.canonicalize().map_err(open)?;
    // Tells of a file that may not be read, for which SQLite has the same word.
    drop(File::open(&whole_path).map_err(open)?);
    if beside(&whole_path, "-wal").exists() || beside(&whole_path, "-shm").exists() {
        let why = "its last changes are in the files beside it, and its folder cannot be written";
        return Err(Error::Unreadable { path: path.to_owned(), why });
    }
    let mut url = url::Url::from_file_path(&whole_path).expect("a canonical path is absolute");
    url.set_query(Some("immutable=1"));
    connect(Path::new(url.as_str()), OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI)
}

/// `None`: its schema is older than this program.
fn as_reader(connection: Connection, path: &Path) -> Result<Option<Connection>> {
    check_ours(&connection, path)?;
    trust::narrow(path)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    if is_empty(&connection)? {
        // Made, and left before its first table.
        return Err(Error::Empty { path: path.to_owned() });
    }
    connection.pragma_update(None, "query_only", true)?;
    // As a writer does.
    trust::check(path, Purpose::Read)?;
    shape::check(&connection, path)?;
    match migrations::version(&connection)?.cmp(&SCRIPTS.len()) {
        Ordering::Less => Ok(None),
        Ordering::Equal => Ok(Some(connection)),
        Ordering::Greater => Err(Error::Newer { path: path.to_owned() }),
    }
}

/// Looks through the file after a run that died: what broke that may have broken the file.
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

/// A copy of the ledger at `path` as the new file `copy`, for work that must leave the original as it is to the byte:
/// it is not brought up to date, and what a dead run left beside it stays there.
pub(super) fn copy_untouched(path: &Path, copy: &Path) -> Result<()> {
    trust::check(path, Purpose::Read)?;
    let connection = connect(&plain_name(path), OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    // Closing it would write the log of a dead run into the file.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, has_log(path))?;
    check_ours(&connection, path)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    let write = |source| Error::Copy { path: copy.to_owned(), source: Arc::new(source) };
    // For its owner alone from its first byte.
    files::create_new(copy).map_err(write)?;
    connection.execute("VACUUM INTO ?1", [plain_name(copy).to_string_lossy()])?;
    // A run that goes on in the original does not go on here.
    let mut copied = connect(&plain_name(copy), OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    copied.execute("UPDATE program_runs SET pid = ?1 WHERE finished_at IS NULL", [std::process::id()])?;
    // Here, where no copy has to be kept: the original is one.
    if is_older(&copied)? {
        shape::check(&copied, path)?;
        migrations::bring_up_to_date(&mut copied, path)?;
    }
    Ok(())
}

/// A ledger that may not be looked at is not one that is not there.
pub(super) fn must_exist(path: &Path) -> Result<()> {
    match path.try_exists() {
        Ok(true) => Ok(()),
        Ok(false) => Err(Error::Missing { path: path.to_owned() }),
        Err(source) => Err(Error::Open { path: path.to_owned(), source: Arc::new(source) }),
    }
}

/// An empty file is no ledger to go on with; that something was in it once shows in nothing.
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

/// Refuses an environment that is not the one that the ledger is `bound` to.
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

/// What the ledger is bound to; `None` for one that was just made.
pub(super) fn bound_to(connection: &Connection) -> Result<Option<Environment>> {
    let stored = connection
        .query_row("SELECT api, partner_tenant_id FROM ledger", [], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, Option<String>>(1)?))
        })
        .optional()?;
    let environment = |(api, tenant): (String, Option<String>)| {
        // A ledger must not pass for one of no tenant, or it would be bound to another one.
        let partner_tenant_id = tenant.map(|tenant| tenant.parse()).transpose().map_err(Error::Tenant)?;
        Ok(Environment { api, partner_tenant_id })
    };
    stored.map(environment).transpose()
}

/// The file must exist with our permissions before SQLite touches it: SQLite gives its WAL the mode of the file.
pub(super) fn make_file(path: &Path) -> Result<()> {
    let open = |source| Error::Open { path: path.to_owned(), source: Arc::new(source) };
    // An empty file that somebody else has made may be about to become a ledger.
    trust::check(path, Purpose::Write)?;
    match files::create_new(path) {
        Ok(file) => {
            failpoint::crash("ledger_made");
            file.sync_all().map_err(open)?;
            files::sync_folder_of(path).map_err(open)
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(open(error)),
    }
}

/// Refuses what is certainly no ledger; what else may be wrong with it is found when it is opened to be worked on.
pub(super) fn refuse_foreign(path: &Path) -> Result<()> {
    match check_ours(&open_file(path)?, path) {
        Err(error @ Error::Foreign { .. }) => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Refuses a file that is no SQLite database, or one that belongs to another program.
fn check_ours(connection: &Connection, path: &Path) -> Result<()> {
    let foreign = || Error::Foreign { path: path.to_owned() };
    let application_id: i32 = match connection.pragma_query_value(None, "application_id", |row| row.get(0)) {
        Ok(id) => id,
        Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::NotADatabase) => {
            return Err(foreign());
        }
        Err(error) => return Err(error.into()),
    };
    // A migration that died before the id was set leaves 0 with tables of ours, or none at all.
    let ours = connection.table_exists(None, "customer_rows")?;
    if application_id == APPLICATION_ID || (application_id == 0 && (ours || is_empty(connection)?)) {
        Ok(())
    } else {
        Err(foreign())
    }
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

    /// What a test of crashes cannot see: it finds what was written, whether that was synced or not.
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
        make_file(path).unwrap();
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
                 CREATE VIEW my_own AS SELECT domain, status FROM attempts;",
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
        assert!(matches!(open_for_reading(&path), Err(Error::Older { .. })), "somebody works on it");
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
        assert_eq!(migrations::version(&connection), Ok(SCRIPTS.len()));
    }

    #[test]
    fn an_empty_file_is_no_ledger() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("empty.db");
        make_file(&path).unwrap();
        assert!(matches!(open_for_reading(&path), Err(Error::Empty { .. })));
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
    fn nobody_else_may_read_the_files() {
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
