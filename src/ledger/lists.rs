//! Which list a reading has read. Each sheet of a workbook is a list of its own, but one that was renamed is still the same.
//! Standard input is never the same list again, and a retry reads no list.

use std::collections::HashMap;
use std::path::Path;

use rusqlite::{Row, Transaction};

use super::stored::{collect, is_no_retry, update};
use super::{InputOptions, Result, SourceId, SourceInfo};

/// A reading of a file, with what shows which list of the file it has read.
#[derive(Debug)]
struct Reading {
    id: SourceId,
    /// The first reading of its list.
    list: Option<SourceId>,
    /// `None`: it is no workbook, or an earlier version did not store it.
    sheet: Option<String>,
    /// All sheets that the workbook had then. Earlier versions did not store them.
    sheets: Vec<String>,
    is_retry: bool,
}

impl Reading {
    /// From the columns id, list, options, and whether it is a retry.
    fn load(row: &Row<'_>) -> rusqlite::Result<Self> {
        let reading = Self::new(row.get(0)?, row.get(2)?);
        Ok(Self { list: row.get(1)?, is_retry: row.get(3)?, ..reading })
    }

    fn new(id: SourceId, given: Option<InputOptions>) -> Self {
        let given = given.unwrap_or_default();
        let sheet = given.found_sheet.or(given.sheet);
        Self { id, list: None, sheet, sheets: given.found_sheets, is_retry: false }
    }

    fn has(&self, sheet: &str) -> bool {
        self.place_of(sheet).is_some()
    }

    fn place_of(&self, sheet: &str) -> Option<usize> {
        self.sheets.iter().position(|its| is_same_name(its, sheet))
    }

    /// Has its workbook exactly one sheet that the one of `other` does not have?
    fn has_one_more_than(&self, other: &Reading) -> bool {
        self.sheets.iter().filter(|sheet| !other.has(sheet)).count() == 1
    }

    /// May it have read the sheet of the reading `new`, by its name? Where the name is not known, it was the first sheet.
    fn has_name_of(&self, new: &Reading) -> bool {
        match (&self.sheet, &new.sheet) {
            (Some(own), Some(theirs)) => is_same_name(own, theirs),
            (None, Some(theirs)) => new.place_of(theirs).is_none_or(|place| place == 0),
            (_, None) => true,
        }
    }

    /// Does it show the same as `other`?
    fn shows_the_same_as(&self, other: &Reading) -> bool {
        (&self.list, &self.sheet, &self.sheets) == (&other.list, &other.sheet, &other.sheets)
    }
}

/// In the names of sheets, spreadsheets take capital and small letters for the same.
fn is_same_name(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}

/// The list of a `new` reading, if one of the `known` readings of its file, oldest first, has read it.
fn list_of(new: &Reading, known: &[Reading]) -> Option<SourceId> {
    let last_of = |list| known.iter().rfind(|reading| reading.list == list);
    let named = known.iter().rfind(|reading| reading.has_name_of(new));
    // A sheet that had this name may have another one now, beside a new sheet with its old name.
    let has_it_still =
        |last: &Reading| last.has_name_of(new) || !last.sheet.as_ref().is_some_and(|its| new.has(its));
    if let Some(list) = named.map(|named| named.list)
        && last_of(list).is_some_and(has_it_still)
    {
        return list;
    }
    let sheet = new.sheet.as_deref()?;
    let is_renamed = |reading: &&Reading| {
        let is_last = last_of(reading.list).is_some_and(|last| last.id == reading.id);
        let old = reading.sheet.as_deref().filter(|old| is_last && !new.has(old));
        old.is_some_and(|old| reading.sheets.is_empty() || is_renamed(old, sheet, new, known))
    };
    known.iter().rfind(is_renamed).and_then(|reading| reading.list)
}

/// Was the sheet `old`, which the workbook of the reading `new` does not have, renamed to `sheet`? The last reading of the
/// file that still had it decides: its workbook does not have `sheet`, and the two have the same place, or are the only
/// ones with new names, or the workbook had only this one.
fn is_renamed(old: &str, sheet: &str, new: &Reading, known: &[Reading]) -> bool {
    let Some(last) = known.iter().rfind(|reading| reading.has(old)) else { return false };
    !last.has(sheet)
        && (last.place_of(old) == new.place_of(sheet)
            || (last.has_one_more_than(new) && new.has_one_more_than(last))
            || last.sheets.len() == 1)
}

/// The lists of all readings of a file, oldest first.
fn lists_of(readings: Vec<Reading>) -> Vec<(SourceId, SourceId)> {
    let (mut lists, mut known) = (Vec::new(), Vec::<Reading>::new());
    for reading in readings {
        let list = list_of(&reading, &known).unwrap_or(reading.id);
        lists.push((reading.id, list));
        if !reading.is_retry {
            let reading = Reading { list: Some(list), ..reading };
            known.retain(|earlier| !earlier.shows_the_same_as(&reading));
            known.push(reading);
        }
    }
    lists
}

/// Stores the list of a new reading.
pub(super) fn assign(tx: &Transaction<'_>, reading: SourceId, info: &SourceInfo) -> Result<()> {
    let list = match info.list {
        None if info.path != "-" => found(tx, reading, info)?,
        list => list,
    };
    store(tx, reading, list.unwrap_or(reading))
}

fn found(tx: &Transaction<'_>, reading: SourceId, info: &SourceInfo) -> Result<Option<SourceId>> {
    // An earlier version stored only the path as it was typed. It is of the first file of that path.
    let sql = "UPDATE sources SET full_path = ?2 WHERE path = ?1 AND full_path IS NULL AND ?2 IS NOT NULL";
    let has_joined = tx.prepare_cached(sql)?.execute((&info.path, &info.full_path))? > 0;
    let file = info.full_path.as_ref().unwrap_or(&info.path);
    let readings = format!(
        "SELECT max(id), list_id, given, NOT {} FROM sources s
          WHERE coalesce(full_path, path) = ?1 AND path <> '-' AND id <> ?2",
        is_no_retry("s")
    );
    if has_joined {
        let sql = format!("{readings} GROUP BY id ORDER BY id");
        for (reading, list) in lists_of(collect(tx, &sql, (file, reading), Reading::load)?) {
            store(tx, reading, list)?;
        }
    }
    // Readings that show the same, such as those of every night, count once.
    let sql = format!("{readings} AND {} GROUP BY list_id, given ORDER BY max(id)", is_no_retry("s"));
    let known: Vec<Reading> = collect(tx, &sql, (file, reading), Reading::load)?;
    Ok(list_of(&Reading::new(reading, info.given.clone()), &known))
}

fn store(tx: &Transaction<'_>, reading: SourceId, list: SourceId) -> Result<()> {
    update(tx, "sources", &reading, &[("list_id", &list)])
}

/// Stores the lists of the readings of an older ledger, and the full paths that can be known.
pub(super) fn assign_all(tx: &Transaction<'_>) -> Result<()> {
    let sql = format!(
        "SELECT id, list_id, given, NOT {}, path, full_path FROM sources s ORDER BY id",
        is_no_retry("s")
    );
    type Stored = (Reading, String, Option<String>);
    let load = |row: &Row<'_>| Ok((Reading::load(row)?, row.get(4)?, row.get(5)?));
    let all: Vec<Stored> = collect(tx, &sql, [], load)?;
    let mut full_paths = HashMap::new();
    for (_, path, full_path) in &all {
        let own = Path::new(path).is_absolute().then_some(path);
        if let Some(full_path) = full_path.as_ref().or(own) {
            full_paths.entry(path.clone()).or_insert_with(|| full_path.clone());
        }
    }
    let mut by_file: HashMap<String, Vec<Reading>> = HashMap::new();
    for (reading, path, full_path) in all {
        if path == "-" {
            store(tx, reading.id, reading.id)?;
            continue;
        }
        let known = full_path.as_ref().or_else(|| full_paths.get(&path)).cloned();
        if known != full_path {
            update(tx, "sources", &reading.id, &[("full_path", &known)])?;
        }
        by_file.entry(known.unwrap_or(path)).or_default().push(reading);
    }
    for (reading, list) in by_file.into_values().flat_map(lists_of) {
        store(tx, reading, list)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The number of the list of each reading of a file, counted from 1. A reading: the sheet that was read, and all sheets.
    fn lists(readings: &[(&str, &str)]) -> Vec<usize> {
        let reading = |(index, (sheet, sheets)): (usize, &(&str, &str))| Reading {
            id: SourceId(i64::try_from(index).unwrap() + 1),
            list: None,
            sheet: (!sheet.is_empty()).then(|| (*sheet).to_owned()),
            sheets: sheets.split_whitespace().map(str::to_owned).collect(),
            is_retry: false,
        };
        let found = lists_of(readings.iter().enumerate().map(reading).collect());
        let mut numbers = Vec::new();
        let number = |(_, list): &(SourceId, SourceId)| {
            let known = numbers.iter().position(|its| its == list);
            known.unwrap_or_else(|| {
                numbers.push(*list);
                numbers.len() - 1
            }) + 1
        };
        found.iter().map(number).collect()
    }

    #[test]
    fn a_sheet_is_followed() {
        type Sheets = [(&'static str, &'static str)];
        let tests: &[(&Sheets, &[usize])] = &[
            (&[("A", "A B"), ("B", "A B"), ("a", "a B")], &[1, 2, 1]),
            (&[("ÜBER", "ÜBER B"), ("über", "B über")], &[1, 1]),
            // Renamed in its place, as the only one, or as the only new name.
            (&[("A", "A B"), ("C", "C B")], &[1, 1]),
            (&[("A", "A"), ("C", "B C")], &[1, 1]),
            (&[("A", "A B"), ("C", "B C")], &[1, 1]),
            (&[("A", "A B"), ("D", "B C D")], &[1, 2]),
            (&[("A", "A B"), ("C", "A B C")], &[1, 2]),
            // Several times, and back.
            (&[("A", "A B"), ("C", "C B"), ("D", "D B")], &[1, 1, 1]),
            (&[("A", "A B"), ("C", "C B"), ("A", "A B")], &[1, 1, 1]),
            (&[("A", "A B"), ("C", "C B"), ("A", "X Y A B")], &[1, 1, 1]),
            // Another reading of the file has seen the new name.
            (&[("A", "A B"), ("B", "C B"), ("C", "C B")], &[1, 2, 1]),
            // A new sheet with the old name.
            (&[("A", "A B"), ("C", "C B"), ("A", "C B A")], &[1, 1, 2]),
            (&[("A", "A B"), ("C", "C B"), ("A", "C B A"), ("A", "C B A")], &[1, 1, 2, 2]),
            // Two are renamed at once.
            (&[("A", "A B"), ("B", "A B"), ("C", "C D"), ("D", "C D")], &[1, 2, 1, 2]),
            // Where earlier versions stored no sheet, it was the first one.
            (&[("", ""), ("B", "A B"), ("A", "A B")], &[1, 2, 1]),
            (&[("", ""), ("A", "A B"), ("B", "A B"), ("A", "A B")], &[1, 1, 2, 1]),
            (&[("A", ""), ("A", "A B"), ("B", "A B")], &[1, 1, 2]),
            (&[("A", ""), ("C", "C B"), ("B", "C B")], &[1, 1, 2]),
            // Lists that are no workbooks.
            (&[("", ""), ("", ""), ("", "")], &[1, 1, 1]),
        ];
        for (readings, expected) in tests {
            assert_eq!(lists(readings), *expected, "{readings:?}");
        }
    }
}
