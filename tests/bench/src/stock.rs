//! Makes files and fully created ledgers once, for use by several subjects.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::rc::Rc;

use anyhow::{Result, ensure};
use rusqlite::Connection;

use crate::parts::Part;
use crate::process::Usage;
use crate::program::Program;
use crate::rows::Kind;
use crate::world::World;

/// By the folder of the program and the number of rows.
#[derive(Debug, Default)]
pub(crate) struct Stock(RefCell<BTreeMap<(&'static str, u64), Rc<Created>>>);

/// A file with only created rows, and its ledger.
#[derive(Debug)]
pub(crate) struct Created {
    pub(crate) rows: u64,
    /// File names in the folder, and in that of the program.
    pub(crate) file: String,
    pub(crate) ledger: String,
    pub(crate) file_bytes: u64,
    /// The pages of the ledger that are in use.
    pub(crate) ledger_bytes: u64,
    /// Usage of the import, which read the whole file and created the first half of its rows.
    pub(crate) import: Usage,
    /// Usage of `resume`, which created the other half.
    pub(crate) resume: Usage,
}

impl Created {
    /// The total usage, from the file to the last outcome.
    pub(crate) fn whole(&self) -> Usage {
        self.import.and(self.resume)
    }
}

impl World {
    /// The sizes at which growth is measured, up to the largest file.
    pub(crate) fn sizes(&self) -> Vec<u64> {
        let mut sizes: Vec<u64> =
            [10_000, 100_000].into_iter().filter(|&size| size < self.size.rows).collect();
        sizes.push(self.size.rows);
        sizes
    }

    /// A fully created file with this many rows.
    pub(crate) fn created(&self, program: &Program, rows: u64) -> Result<Rc<Created>> {
        let key = (program.folder, rows);
        if let Some(created) = self.stock.0.borrow().get(&key) {
            return Ok(Rc::clone(created));
        }
        eprintln!("  creating a ledger of {rows} rows ({}) …", program.folder);
        let created = Rc::new(create(self, program, rows)?);
        self.stock.0.borrow_mut().insert(key, Rc::clone(&created));
        Ok(created)
    }

    /// The ledger of our program with `few` created rows, multiplied until it has this many.
    pub(crate) fn multiplied(&self, few: &Created, rows: u64) -> Result<String> {
        let name = format!("multiplied-{rows}.db");
        let ledger = self.ledger(self.ours(), &name);
        if !ledger.exists() {
            eprintln!("  making a ledger of {rows} rows …");
            fs::copy(self.ledger(self.ours(), &few.ledger), &ledger)?;
            self.part(&Part::Multiply { ledger, rows })?;
        }
        Ok(name)
    }
}

/// Creates the rows in two halves, so that both `import` and `resume` run with all rows in the ledger.
fn create(world: &World, program: &Program, rows: u64) -> Result<Created> {
    let (file, ledger) = (format!("created-{rows}.csv"), format!("created-{rows}.db"));
    let file_bytes = world.samples.write(&world.path(&file), Kind::Clean, 0..rows)?;
    let half = (rows / 2).to_string();
    let import =
        world.run(world.tenantry(program, &ledger, ["import", "--yes", "--limit", &half, &file]), &[5])?;
    let resume = world.run(world.tenantry(program, &ledger, ["resume", "--json"]), &[0])?;
    let summary = resume.json()?;
    ensure!(summary["rows"]["created"] == rows, "not every row is created: {summary}");
    let connection = Connection::open(world.ledger(program, &ledger))?;
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(()))?;
    let pragma = |name| connection.pragma_query_value(None, name, |value| value.get::<_, i64>(0));
    let used = (pragma("page_count")? - pragma("freelist_count")?) * pragma("page_size")?;
    let ledger_bytes = u64::try_from(used)?;
    Ok(Created { rows, file, ledger, file_bytes, ledger_bytes, import: import.usage, resume: resume.usage })
}
