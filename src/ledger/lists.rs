//! Which list a reading has read. Each sheet of a workbook is a list of its own, but one that was renamed is still the same.
//! Standard input is never the same list again, and a retry reads no list.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use rusqlite::{Row, Transaction};

use super::stored::{collect, is_no_retry, update};
use super::{InputOptions, Result, SourceId, SourceInfo};
use tenantry_model::files::list_full_path;

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
    is_agreed: bool,
}

/// The columns of [`readings`] that [`Reading::load`] reads, behind the id.
const COLUMNS: &str = "list_id, sheet, sheets, is_retry, is_agreed";

/// A query for all readings.
fn readings() -> String {
    // Earlier versions stored only the sheet that was asked for.
    format!(
        "SELECT s.*, NOT {} AS is_retry, completed_at IS NOT NULL AS is_agreed,
                CASE WHEN json_valid(given) THEN coalesce(given ->> '$.found_sheet', given ->> '$.sheet') END AS sheet,
                CASE WHEN json_valid(given) THEN given -> '$.found_sheets' END AS sheets
           FROM sources s",
        is_no_retry("s")
    )
}

impl Reading {
    fn load(row: &Row<'_>) -> rusqlite::Result<Self> {
        let sheets = row.get::<_, Option<String>>(3)?;
        Ok(Self {
            id: row.get(0)?,
            list: row.get(1)?,
            sheet: row.get(2)?,
            sheets: sheets.and_then(|sheets| serde_json::from_str(&sheets).ok()).unwrap_or_default(),
            is_retry: row.get(4)?,
            is_agreed: row.get(5)?,
        })
    }

    fn new(id: SourceId, given: Option<&InputOptions>) -> Self {
        let sheet = given.and_then(|given| given.found_sheet.as_ref().or(given.sheet.as_ref())).cloned();
        let sheets = given.map(|given| given.found_sheets.clone()).unwrap_or_default();
        Self { id, list: None, sheet, sheets, is_retry: false, is_agreed: false }
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
        (&self.list, &self.sheet, &self.sheets, self.is_agreed)
            == (&other.list, &other.sheet, &other.sheets, other.is_agreed)
    }
}

/// In the names of sheets, spreadsheets take capital and small letters for the same.
fn is_same_name(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}

/// The list of a `new` reading, if one of the `known` readings of its file, oldest first, has read it. In doubt it has: a row
/// that was declined by mistake comes back with its list, a customer that was created by mistake stays.
fn list_of(new: &Reading, known: &[Reading]) -> Option<SourceId> {
    // A list does not go on in the sheet of a reading that was refused.
    let last_of = |list| {
        let mut of_list = known.iter().rev().filter(|reading| reading.list == list);
        of_list.clone().find(|reading| reading.is_agreed).or_else(|| of_list.next())
    };
    // A sheet that had this name may have another one now, beside a new sheet with its old name.
    let has_it_still =
        |last: &Reading| last.has_name_of(new) || !last.sheet.as_ref().is_some_and(|its| new.has(its));
    let by_name = || {
        let named = known.iter().rfind(|reading| reading.has_name_of(new))?;
        named.list.filter(|_| last_of(named.list).is_some_and(has_it_still))
    };
    let sheet = new.sheet.as_deref();
    let by_old_name = || {
        let is_renamed = |reading: &&Reading| {
            let is_last = last_of(reading.list).is_some_and(|last| last.id == reading.id);
            let old = reading.sheet.as_deref().filter(|old| is_last && !new.has(old));
            let is_renamed = |old| sheet.is_some_and(|sheet| is_renamed(old, sheet, new, known));
            old.is_some_and(|old| reading.sheets.is_empty() || is_renamed(old))
        };
        known.iter().rfind(is_renamed)?.list
    };
    // An earlier sheet of this name was removed, if the workbook was read without it.
    let is_new_name =
        sheet.zip(known.last()).is_some_and(|(sheet, last)| !last.sheets.is_empty() && !last.has(sheet));
    if is_new_name { by_old_name().or_else(by_name) } else { by_name().or_else(by_old_name) }
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
    if info.list.is_some() || info.path == "-" {
        return store(tx, reading, info.list.unwrap_or(reading));
    }
    let file = info.full_path.as_ref().unwrap_or(&info.path);
    let of_file = "coalesce(full_path, path) = ?1 AND path <> '-' AND id <> ?2";
    // An earlier version stored only the path as it was typed. It is of the first file of that path.
    let sql = "UPDATE sources SET full_path = ?2 WHERE path = ?1 AND full_path IS NULL AND ?2 IS NOT NULL";
    let has_joined = tx.prepare_cached(sql)?.execute((&info.path, &info.full_path))? > 0;
    if has_joined {
        let sql = format!("SELECT id, {COLUMNS} FROM ({}) WHERE {of_file} ORDER BY id", readings());
        for (reading, list) in lists_of(collect(tx, &sql, (file, reading), Reading::load)?) {
            store(tx, reading, list)?;
        }
    }
    // Readings that show the same, such as those of every night, count once.
    let sql = format!(
        "SELECT max(id), {COLUMNS} FROM ({}) WHERE {of_file} AND NOT is_retry
          GROUP BY list_id, sheet, sheets, is_agreed ORDER BY max(id)",
        readings()
    );
    let known: Vec<Reading> = collect(tx, &sql, (file, reading), Reading::load)?;
    let new = Reading::new(reading, info.given.as_ref());
    let list = list_of(&new, &known).unwrap_or(reading);
    store(tx, reading, list)?;
    // What waits for consent goes with the name of its sheet.
    let sql = format!(
        "UPDATE sources SET list_id = ?3
          WHERE id IN (SELECT id FROM ({}) WHERE {of_file} AND NOT is_agreed AND sheet = ?4 COLLATE NOCASE)",
        readings()
    );
    tx.prepare_cached(&sql)?.execute((file, reading, list, new.sheet))?;
    Ok(())
}

fn store(tx: &Transaction<'_>, reading: SourceId, list: SourceId) -> Result<()> {
    update(tx, "sources", &reading, &[("list_id", &list)])
}

/// Stores the lists of the readings of an older ledger, and the full paths that can be known.
pub(super) fn assign_all(tx: &Transaction<'_>) -> Result<()> {
    let sql = format!("SELECT id, {COLUMNS}, path, full_path FROM ({}) ORDER BY id", readings());
    type Stored = (Reading, String, Option<String>);
    let load = |row: &Row<'_>| Ok((Reading::load(row)?, row.get(6)?, row.get(7)?));
    let all: Vec<Stored> = collect(tx, &sql, [], load)?;
    let mut full_paths = HashMap::new();
    for (_, path, full_path) in &all {
        let own = Path::new(path).is_absolute().then_some(path);
        if let Some(full_path) = full_path.as_ref().or(own).and_then(|path| list_full_path(path)) {
            full_paths.entry(path.clone()).or_insert(full_path);
        }
    }
    let mut by_file: HashMap<String, Vec<Reading>> = HashMap::new();
    for (reading, path, full_path) in all {
        if path == "-" {
            store(tx, reading.id, reading.id)?;
            continue;
        }
        // Earlier versions kept `..` in it.
        let plain = full_path.as_deref().and_then(list_full_path);
        let known = plain.or_else(|| full_paths.get(&path).cloned());
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

/// The readings of the list of this reading, itself too, but for those of a sheet that the workbook still has under another
/// name: the list went on in this one, and the old one was put back.
pub(super) fn readings_of(
    tx: &Transaction<'_>,
    reading: SourceId,
    info: &SourceInfo,
) -> Result<HashSet<SourceId>> {
    let new = Reading::new(reading, info.given.as_ref());
    let sql = format!(
        "SELECT id, {COLUMNS} FROM ({}) WHERE list_id = (SELECT list_id FROM sources WHERE id = ?1)",
        readings()
    );
    let readings: Vec<Reading> = collect(tx, &sql, [reading], Reading::load)?;
    let is_elsewhere = |reading: &Reading| {
        let other = reading.sheet.as_deref().filter(|_| !reading.has_name_of(&new));
        other.is_some_and(|other| new.has(other))
    };
    Ok(readings.into_iter().filter(|reading| !is_elsewhere(reading)).map(|reading| reading.id).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The number of the list of each reading of a file, counted from 1. A reading: the sheet that was read, with
    /// `!` if it was refused, and all sheets.
    fn lists(readings: &[(&str, &str)]) -> Vec<usize> {
        let reading = |(index, (sheet, sheets)): (usize, &(&str, &str))| Reading {
            id: SourceId(i64::try_from(index).unwrap() + 1),
            list: None,
            sheet: (!sheet.is_empty()).then(|| sheet.trim_end_matches('!').to_owned()),
            sheets: sheets.split_whitespace().map(str::to_owned).collect(),
            is_retry: false,
            is_agreed: !sheet.ends_with('!'),
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
            // It takes the name of a sheet that was removed.
            (&[("A", "A B"), ("B", "B"), ("A", "A")], &[1, 2, 2]),
            // The list goes on in its sheet, not in one that was refused.
            (&[("A", "A B"), ("C!", "C B"), ("A", "A C B"), ("C", "A C B")], &[1, 1, 1, 2]),
            (&[("A", "A B"), ("C!", "C B"), ("C", "X C B")], &[1, 1, 1]),
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
