//! Makes files and fully created ledgers once, for use by several subjects.

use std::collections::BTreeMap;
use std::fs;
use std::rc::Rc;

use anyhow::{Result, ensure};

use crate::process::Usage;
use crate::rows::Kind;
use crate::world::World;

#[derive(Debug, Default)]
pub(crate) struct Stock {
    created: BTreeMap<u64, Rc<Created>>,
}

/// A file with only created rows, and its ledger.
#[derive(Debug)]
pub(crate) struct Created {
    pub(crate) rows: u64,
    /// File names in the folder.
    pub(crate) file: String,
    pub(crate) ledger: String,
    pub(crate) file_bytes: u64,
    pub(crate) ledger_bytes: u64,
    /// Usage of the import, which read the whole file and created the first half of its rows.
    pub(crate) import: Usage,
    /// Usage of `resume`, which created the other half.
    pub(crate) resume: Usage,
}

impl Created {
    /// The total usage, from the file to the last outcome.
    pub(crate) fn whole(&self) -> Usage {
        let (import, resume) = (self.import, self.resume);
        Usage {
            wall: import.wall + resume.wall,
            cpu: import.cpu + resume.cpu,
            peak: import.peak.max(resume.peak),
        }
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
    pub(crate) fn created(&mut self, rows: u64) -> Result<Rc<Created>> {
        if let Some(created) = self.stock.created.get(&rows) {
            return Ok(Rc::clone(created));
        }
        eprintln!("  creating a ledger of {rows} rows …");
        let created = Rc::new(create(self, rows)?);
        self.stock.created.insert(rows, Rc::clone(&created));
        Ok(created)
    }
}

/// Creates the rows in two halves, so that both `import` and `resume` run with all rows in the ledger.
fn create(world: &World, rows: u64) -> Result<Created> {
    let (file, ledger) = (format!("created-{rows}.csv"), format!("created-{rows}.db"));
    let file_bytes = world.samples.write(&world.path(&file), Kind::Clean, 0..rows)?;
    let half = (rows / 2).to_string();
    let import = world.run(world.tenantry(&ledger, ["import", "--yes", "--limit", &half, &file]), &[5])?;
    let resume = world.run(world.tenantry(&ledger, ["resume", "--json"]), &[0])?;
    let summary = resume.json()?;
    ensure!(summary["rows"]["created"] == rows, "not every row is created: {summary}");
    let ledger_bytes = fs::metadata(world.path(&ledger))?.len();
    Ok(Created { rows, file, ledger, file_bytes, ledger_bytes, import: import.usage, resume: resume.usage })
}
