//! Which list a reading has read. Each sheet of a workbook is a list of its own, but one that was renamed is still the same.
//! Standard input is never the same list again.

use rusqlite::{Row, Transaction};

use super::stored::{collect, update};
use super::{InputOptions, Result, SourceId};

/// A reading, with what shows which list it has read.
#[derive(Debug, Clone, PartialEq)]
struct Reading {
    id: SourceId,
    /// The first reading of its list.
    list: Option<SourceId>,
    path: String,
    /// `None`: not known.
    full_path: Option<String>,
    /// `None`: it is no workbook, or an earlier version did not store it.
    sheet: Option<String>,
    /// All sheets that the workbook had then. Earlier versions did not store them.
    sheets: Vec<String>,
}

impl Reading {
    const COLUMNS: &str = "list_id, path, full_path, given";

    fn load(row: &Row<'_>) -> rusqlite::Result<Self> {
        let given: InputOptions = row.get::<_, Option<_>>(4)?.unwrap_or_default();
        Ok(Self {
            id: row.get(0)?,
            list: row.get(1)?,
            path: row.get(2)?,
            full_path: row.get(3)?,
            sheet: given.found_sheet.or(given.sheet),
            sheets: given.found_sheets,
        })
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

    /// Does it show the same as `other`?
    fn shows_the_same_as(&self, other: &Reading) -> bool {
        *self == Reading { id: self.id, ..other.clone() }
    }
}

/// In the names of sheets, spreadsheets take capital and small letters for the same.
fn is_same_name(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}

/// Could both be the name of one sheet? One that is not known could be any.
fn may_be_same_name(one: Option<&str>, other: Option<&str>) -> bool {
    one.zip(other).is_none_or(|(one, other)| is_same_name(one, other))
}

/// The list of a `new` reading, if one of the `known` readings, oldest first, has read it. The newest reading of each list
/// is among them, and the last one of each workbook's sheets.
fn list_of(new: &Reading, known: &[Reading]) -> Option<SourceId> {
    if new.path == "-" {
        return None;
    }
    let full_path = |list: Option<SourceId>| {
        let of_list = |reading: &&Reading| reading.list == list;
        known.iter().filter(of_list).find_map(|reading| reading.full_path.as_ref())
    };
    let is_of_file = |reading: &&Reading| match full_path(reading.list).zip(new.full_path.as_ref()) {
        Some((theirs, own)) => theirs == own,
        None => reading.path == new.path,
    };
    let readings: Vec<&Reading> = known.iter().filter(is_of_file).collect();
    let last_of = |list| readings.iter().rfind(|reading| reading.list == list).copied();
    let sheet = new.sheet.as_deref();
    let named = readings.iter().rfind(|reading| may_be_same_name(reading.sheet.as_deref(), sheet));
    // A sheet that had this name may have another one now, beside a new sheet with its old name.
    let has_it_still = |last: &Reading| {
        let its = last.sheet.as_deref();
        may_be_same_name(its, sheet) || !its.is_some_and(|its| new.has(its))
    };
    if let Some(list) = named.map(|named| named.list)
        && last_of(list).is_some_and(has_it_still)
    {
        return list;
    }
    let sheet = sheet?;
    let is_renamed = |reading: &&&Reading| {
        let last = last_of(reading.list).is_some_and(|last| last.id == reading.id);
        let old = reading.sheet.as_deref().filter(|old| last && !new.has(old));
        old.is_some_and(|old| reading.sheets.is_empty() || is_renamed(old, sheet, new, &readings))
    };
    readings.iter().rfind(is_renamed).and_then(|reading| reading.list)
}

/// Was the sheet `old`, which the workbook of the reading `new` does not have, renamed to `sheet`? The last reading of the
/// file that still had it decides: its workbook does not have `sheet`, and the two have the same place, or are the only
/// ones with new names, or the workbook had only this one.
fn is_renamed(old: &str, sheet: &str, new: &Reading, readings: &[&Reading]) -> bool {
    let Some(last) = readings.iter().rfind(|reading| reading.has(old)) else { return false };
    !last.has(sheet)
        && (last.place_of(old) == new.place_of(sheet)
            || (last.has_one_more_than(new) && new.has_one_more_than(last))
            || last.sheets.len() == 1)
}

/// Stores the list of a new reading.
pub(super) fn assign(tx: &Transaction<'_>, reading: SourceId) -> Result<()> {
    let columns = Reading::COLUMNS;
    let new = format!("SELECT id, {columns} FROM sources WHERE id = ?1");
    let new = tx.prepare_cached(&new)?.query_row([reading], Reading::load)?;
    // Readings that say the same, such as those of every night, count once.
    let sql = format!(
        "SELECT max(id), {columns} FROM sources WHERE id <> ?1 AND (path = ?2 OR full_path = ?3)
          GROUP BY {columns} ORDER BY max(id)"
    );
    let known: Vec<Reading> = collect(tx, &sql, (reading, &new.path, &new.full_path), Reading::load)?;
    store(tx, reading, list_of(&new, &known))
}

fn store(tx: &Transaction<'_>, reading: SourceId, list: Option<SourceId>) -> Result<()> {
    update(tx, "sources", &reading, &[("list_id", &list.unwrap_or(reading))])
}

/// Stores the lists of the readings of an older ledger.
pub(super) fn assign_all(tx: &Transaction<'_>) -> Result<()> {
    let sql = format!("SELECT id, {} FROM sources ORDER BY id", Reading::COLUMNS);
    let readings: Vec<Reading> = collect(tx, &sql, [], Reading::load)?;
    let mut known: Vec<Reading> = Vec::new();
    for reading in readings {
        let list = list_of(&reading, &known);
        store(tx, reading.id, list)?;
        let reading = Reading { list: list.or(Some(reading.id)), ..reading };
        known.retain(|earlier| !earlier.shows_the_same_as(&reading));
        known.push(reading);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The readings of a file, one after the other: the sheet that was read, and all sheets. Returns the number of the list
    /// of each, counted from 1.
    fn lists(readings: &[(&str, &str)]) -> Vec<usize> {
        let reading = |(index, (sheet, sheets)): (usize, &(&str, &str))| Reading {
            id: SourceId(i64::try_from(index).unwrap() + 1),
            list: None,
            path: "a.xlsx".to_owned(),
            full_path: Some("/a.xlsx".to_owned()),
            sheet: (!sheet.is_empty()).then(|| (*sheet).to_owned()),
            sheets: sheets.split_whitespace().map(str::to_owned).collect(),
        };
        in_turn(readings.iter().enumerate().map(reading))
    }

    fn in_turn(readings: impl Iterator<Item = Reading>) -> Vec<usize> {
        let mut known: Vec<Reading> = Vec::new();
        let mut lists = Vec::new();
        for reading in readings {
            let list = list_of(&reading, &known).unwrap_or(reading.id);
            known.push(Reading { list: Some(list), ..reading });
            if !lists.contains(&list) {
                lists.push(list);
            }
        }
        let number =
            |reading: Reading| lists.iter().position(|list| Some(*list) == reading.list).unwrap() + 1;
        known.into_iter().map(number).collect()
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
            // What earlier versions did not store could be any sheet, and belongs to the first one that is named.
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

    #[test]
    fn a_file_is_known_by_its_full_path() {
        let full = |path| ("a.csv", Some(path));
        type Paths = [(&'static str, Option<&'static str>)];
        let tests: &[(&Paths, &[usize])] = &[
            (&[full("/x/a.csv"), full("/y/a.csv"), full("/x/a.csv")], &[1, 2, 1]),
            (&[full("/x/a.csv"), ("../x/a.csv", Some("/x/a.csv"))], &[1, 1]),
            // Earlier versions stored only the path as it was typed: it belongs to the first file of that path.
            (&[("a.csv", None), full("/x/a.csv"), full("/y/a.csv"), full("/x/a.csv")], &[1, 1, 2, 1]),
            (&[("a.csv", None), ("b.csv", None), ("a.csv", None)], &[1, 2, 1]),
            (&[("-", None), ("-", None)], &[1, 2]),
        ];
        for (paths, expected) in tests {
            let reading = |(index, (path, full_path)): (usize, &(&str, Option<&str>))| Reading {
                id: SourceId(i64::try_from(index).unwrap() + 1),
                list: None,
                path: (*path).to_owned(),
                full_path: full_path.map(str::to_owned),
                sheet: None,
                sheets: Vec::new(),
            };
            assert_eq!(in_turn(paths.iter().enumerate().map(reading)), *expected, "{paths:?}");
        }
    }
}
