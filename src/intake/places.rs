//! Numbers the lines of all files of a command.

/// A line, counted through all files. Lines beyond four billion all count as the same line, as in the ledger.
pub(crate) type Place = u32;

/// The files so far, and the newest line.
#[derive(Debug, Default)]
pub(crate) struct Places {
    /// Each file, with the number of lines before it.
    files: Vec<(String, Place)>,
    newest: Place,
}

impl Places {
    /// The next lines are from the file at `path`.
    pub(crate) fn begin_file(&mut self, path: &str) {
        self.files.push((path.to_owned(), self.newest));
    }

    /// The place of a line of the current file.
    pub(crate) fn place(&mut self, line: u64) -> Place {
        let before = self.files.last().map_or(0, |(_, before)| *before);
        self.newest = before.saturating_add(Place::try_from(line).unwrap_or(Place::MAX));
        self.newest
    }

    /// The line of a place, and its file if that is not the current one.
    pub(crate) fn line(&self, place: Place) -> (u32, Option<&str>) {
        let later = self.files.iter().position(|(_, before)| *before >= place).unwrap_or(self.files.len());
        match self.files[..later].split_last() {
            Some(((path, before), _)) if later < self.files.len() => (place - before, Some(path)),
            here => (place - here.map_or(0, |((_, before), _)| *before), None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_found_in_its_file() {
        let mut places = Places::default();
        assert_eq!(places.place(7), 7);
        assert_eq!(places.line(7), (7, None));
        let mut places = Places::default();
        places.begin_file("a.csv");
        let first = [places.place(2), places.place(9)];
        assert_eq!(first.map(|place| places.line(place)), [(2, None), (9, None)]);
        places.begin_file("empty.csv");
        places.begin_file("b.csv");
        let second = places.place(2);
        assert_eq!(first.map(|place| places.line(place)), [(2, Some("a.csv")), (9, Some("a.csv"))]);
        assert_eq!(places.line(second), (2, None));
    }
}
