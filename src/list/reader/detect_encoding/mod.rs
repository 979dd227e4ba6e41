//! Detects the encoding of a file from every byte of it, before the file is parsed.
//!
//! ASCII is the same in nearly all encodings, and the first other character may be in the last row. A name that is read
//! in the wrong encoding becomes a customer with a wrong name, which cannot be undone. So the file is read once to see
//! whether it is UTF-8. If it is not, a sample of its lines is rated as each candidate reads it. Windows-1252 and
//! Windows-1250 are chosen if no other reading is about as plausible, and the others that Excel writes if the most plausible
//! reading has more known headings than any other and no line contradicts it. Everything else is
//! [`EncodingUncertain`], which shows the readings: a question, not a guess. An encoding that the operator names is
//! doubted only if the text contradicts it.

mod candidates;
mod languages;
#[cfg(test)]
mod matrix;
mod plausibility;
mod sample;
#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::io::{self, Read, Seek, SeekFrom};

use super::counting::count;
use super::encoding::Encoding;
use super::error::{EncodingUncertain, Error, LineReadings};
use super::{TITLE_LINES_MAX, headings};
use candidates::{Reading, readings};
use languages::Cost;
use sample::Sample;

/// The size of one read; large enough that the cost of system calls does not matter.
const BUFFER_BYTES: usize = 256 * 1024;

/// The maximum length of a character in UTF-8.
const UTF8_CHARACTER_BYTES_MAX: usize = 4;

/// By how much a reading must be more plausible than every other one to be certain.
const CERTAIN: Cost = 10;

/// By how much another reading must be more plausible to rule one out; twice that, if there is no sign beside.
const RULED_OUT: Cost = 24;

/// A few characters may be valid UTF-8 by chance in an encoding of two bytes for each character.
const CHANCE_CHARACTERS_MAX: u64 = 8;

/// By how much these must be more plausible as UTF-8, if there are characters that do not occur where they are.
const CHANCE: Cost = 16;

/// How many lines are shown as each candidate reads them, and how many candidates.
const SHOWN_MAX: usize = 3;

/// The encoding of the rest of `input`, which is read to the end. `told` is what the operator says it is.
pub(super) fn encoding_of(input: &mut (impl Read + Seek), told: Option<Encoding>) -> Result<Encoding, Error> {
    let start = input.stream_position().map_err(Error::unreadable)?;
    let utf_8 = Utf8::of(input)?;
    if let Some(encoding) = utf_8.certain(told) {
        return Ok(encoding);
    }
    input.seek(SeekFrom::Start(start)).map_err(Error::unreadable)?;
    let sample = Sample::of(input).map_err(Error::unreadable)?;
    verdict(&sample, &utf_8, told).map_err(Error::Encoding)
}

/// How far a file is UTF-8.
#[derive(Default)]
struct Utf8 {
    /// The number of valid UTF-8 characters of more than one byte.
    characters: u64,
    /// The number of these that have more than two bytes; not counted on once there are too many to be chance.
    long_characters: u64,
    /// The number of invalid bytes or incomplete characters.
    faults: u64,
}

impl Utf8 {
    fn of(input: &mut impl Read) -> Result<Self, Error> {
        let mut utf_8 = Self::default();
        let mut buffer = vec![0; BUFFER_BYTES];
        let (mut kept, mut offset) = (0, 0);
        loop {
            let read = match input.read(&mut buffer[kept..]) {
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(source) => return Err(Error::Read { offset, source }),
            };
            offset += read as u64;
            let length = kept + read;
            let counted = utf_8.count(&buffer[..length], read == 0);
            if read == 0 {
                return Ok(utf_8);
            }
            buffer.copy_within(counted..length, 0);
            kept = length - counted;
        }
    }

    /// Counts the characters and faults in `bytes`. Returns how many bytes it has counted: all, except the beginning of
    /// a character that continues after them, unless these bytes are the last.
    fn count(&mut self, bytes: &[u8], is_last: bool) -> usize {
        let mut counted = 0;
        while counted < bytes.len() {
            let (valid, rest) =
                bytes[counted..].split_at(encoding_rs::Encoding::utf8_valid_up_to(&bytes[counted..]));
            // Every character beyond ASCII has exactly one byte in this range, its first byte.
            let characters = count(valid, |byte| byte >= 0xC0);
            self.characters += characters;
            if characters > 0 && self.characters <= CHANCE_CHARACTERS_MAX {
                self.long_characters += count(valid, |byte| byte >= 0xE0);
            }
            counted += valid.len();
            match fault_length(rest) {
                _ if rest.is_empty() => break,
                Some(length) => counted += length,
                None if is_last => counted = bytes.len(),
                None => break,
            }
            self.faults += 1;
        }
        counted
    }

    /// The encoding, if the counts decide it.
    fn certain(&self, told: Option<Encoding>) -> Option<Encoding> {
        if self.characters == 0 && self.faults == 0 {
            return Some(told.unwrap_or(Encoding::UTF_8));
        }
        // A few invalid cells in a UTF-8 file are reported with their rows, and all of them if the operator says so.
        let is_utf_8 = match told {
            None => self.characters > self.faults && !self.may_be_chance(),
            Some(told) => told == Encoding::UTF_8 && self.characters > 0,
        };
        is_utf_8.then_some(Encoding::UTF_8)
    }

    fn may_be_chance(&self) -> bool {
        self.characters <= CHANCE_CHARACTERS_MAX && (self.long_characters == 0 || self.faults > 0)
    }
}

/// The length of the fault at the beginning of these bytes; `None` if a character may only be cut off.
fn fault_length(bytes: &[u8]) -> Option<usize> {
    let start = &bytes[..bytes.len().min(UTF8_CHARACTER_BYTES_MAX)];
    std::str::from_utf8(start).err().and_then(|error| error.error_len())
}

/// The encoding of a file that has other bytes than ASCII.
fn verdict(sample: &Sample, utf_8: &Utf8, told: Option<Encoding>) -> Result<Encoding, EncodingUncertain> {
    let mut others: Vec<_> = told.into_iter().collect();
    if utf_8.characters > utf_8.faults {
        others.push(Encoding::UTF_8);
    }
    let mut readings = readings(sample, &others);
    // What cannot read most lines is no candidate. A few faults are in lists of every encoding.
    let is_utf_8 = |reading: &Reading| utf_8.characters > utf_8.faults && reading.is_of(Encoding::UTF_8);
    let is_told = |reading: &Reading| told.is_some_and(|told| reading.is_of(told));
    readings.retain(|it| it.gaps <= sample.lines.len() / 2 || is_utf_8(it) || is_told(it));
    let of = |encoding| readings.iter().find(|reading| reading.is_of(encoding));
    if let Some(told) = told {
        let is_possible = of(told).is_some_and(|reading| is_possible(reading, &readings));
        return if is_possible { Ok(told) } else { Err(uncertain(sample, &readings, Some(told))) };
    }
    if utf_8.characters > utf_8.faults {
        let is_chance = is_chance(&readings);
        return if is_chance { Err(uncertain(sample, &readings, None)) } else { Ok(Encoding::UTF_8) };
    }
    let certain = certain(&readings);
    let is_mixed = |is_certain: bool| utf_8.characters > 0 && is_mixed(sample, &readings, is_certain);
    if is_mixed(certain.is_some()) {
        return Err(EncodingUncertain::Mixed);
    }
    let shown = || shown_by_headings(sample, &readings).filter(|_| !is_mixed(true));
    certain.or_else(shown).ok_or_else(|| uncertain(sample, &readings, None))
}

/// May the few characters be UTF-8 by chance? Then they make more sense in another encoding. That they make little sense
/// in UTF-8 is no sign: single letters do not in any language.
fn is_chance(readings: &[Reading]) -> bool {
    let (utf_8, others): (Vec<&Reading>, Vec<&Reading>) =
        readings.iter().partition(|reading| reading.is_of(Encoding::UTF_8));
    utf_8.first().zip(others.first()).is_some_and(|(utf_8, other)| {
        let advantage = if utf_8.plausibility.signs == 0 { 0 } else { CHANCE };
        other.cost() < utf_8.cost() + advantage
    })
}

/// The encoding of the most plausible reading, if it is certain.
fn certain(readings: &[Reading]) -> Option<Encoding> {
    let best = readings.first().filter(|best| best.plausibility.is_plausible())?;
    let is_clear = readings.get(1).is_none_or(|next| best.cost() + CERTAIN <= next.cost());
    let told = [Encoding::WINDOWS_1252, Encoding::WINDOWS_1250];
    told.into_iter().find(|encoding| is_clear && best.is_of(*encoding))
}

/// The encoding of the most plausible reading, if Excel writes it, a line near the beginning has known headings beyond ASCII,
/// at least two more than in any other plausible reading, and no line makes far more sense otherwise: lists are joined.
fn shown_by_headings(sample: &Sample, readings: &[Reading]) -> Option<Encoding> {
    const HEADINGS_MIN: usize = 2;
    let headings = |reading: &Reading| {
        let encoding = reading.encodings[0];
        let of_line = |line: &sample::Line| {
            let cells = line.cells.iter().map(|cell| encoding.decode(cell));
            cells.filter(|cell| !cell.is_ascii() && headings::is_name(cell)).count()
        };
        let first = sample.lines.iter().take_while(|line| line.number <= TITLE_LINES_MAX as u64);
        first.map(of_line).max().unwrap_or(0)
    };
    let (best, others) = readings.split_first()?;
    let encoding = best.encodings[0];
    if best.gaps > 0 || !best.plausibility.is_plausible() || !encoding.is_of_excel() {
        return None;
    }
    let known = headings(best);
    let is_clear = |other: &Reading| {
        !other.plausibility.is_plausible()
            || headings(other) + HEADINGS_MIN <= known
            // ISO 8859-7 has the letters of Windows-1253, but for one.
            || (!other.encodings[0].is_of_excel() && best.cost() + CERTAIN <= other.cost())
    };
    let agrees = |line: &sample::Line| {
        let readings = candidates::readings(&Sample::of_line(line), &[]);
        let own = readings.iter().find(|reading| reading.is_of(encoding));
        own.is_some_and(|own| is_possible(own, &readings))
    };
    let is_shown = known >= HEADINGS_MIN && others.iter().all(is_clear) && sample.lines.iter().all(agrees);
    is_shown.then_some(encoding)
}

/// Are some cells UTF-8 that make more sense as such than in the encoding which reads the whole best? `is_certain`: that
/// encoding would be taken, so that a single cell counts. Else it takes one line in five: short words of Thai or Japanese
/// are UTF-8 by chance, and the operator is asked anyway.
fn is_mixed(sample: &Sample, all: &[Reading], is_certain: bool) -> bool {
    const LINES_PER_MIXED: usize = 5;
    let valid = sample.filtered(|cell| std::str::from_utf8(cell).is_ok());
    let Some(best) = all.first() else { return false };
    let lines = valid.lines.iter().filter(|line| !line.cells.is_empty()).count();
    if !is_certain && lines * LINES_PER_MIXED < sample.lines.len() {
        return false;
    }
    let readings = readings(&valid, &[Encoding::UTF_8]);
    let of = |is_meant: &dyn Fn(&Reading) -> bool| readings.iter().find(|reading| is_meant(reading));
    let utf_8 = of(&|reading| reading.is_of(Encoding::UTF_8));
    let as_best = of(&|reading| best.encodings.iter().any(|encoding| reading.is_of(*encoding)));
    utf_8.zip(as_best).is_some_and(|(utf_8, as_best)| utf_8.cost() + CERTAIN <= as_best.cost())
}

/// Is no other reading so much more plausible that this one is ruled out?
fn is_possible(reading: &Reading, all: &[Reading]) -> bool {
    let best = all.first().map_or(0, Reading::cost);
    // Text beyond ASCII that is UTF-8 throughout needs no further sign to be nothing else.
    let is_utf_8 = all.iter().any(|reading| reading.is_of(Encoding::UTF_8));
    let has_sign = reading.plausibility.signs > 0 || is_utf_8;
    reading.cost() <= best + if has_sign { RULED_OUT } else { 2 * RULED_OUT }
}

/// The question which reading is right.
fn uncertain(sample: &Sample, readings: &[Reading], told: Option<Encoding>) -> EncodingUncertain {
    let possible = readings.iter().filter(|reading| is_possible(reading, readings));
    let first = |reading: &Reading| reading.encodings.first().copied();
    let mut possible: Vec<Encoding> = possible.filter_map(first).collect();
    // If all of it is valid, it is UTF-8 more often than not, whatever it says.
    possible.sort_by_key(|encoding| *encoding != Encoding::UTF_8);
    possible.truncate(SHOWN_MAX);
    // What is wrong is shown beside the given encoding, or it would be chosen without a thought.
    let other = told.unwrap_or(Encoding::WINDOWS_1252);
    let of_other = readings.iter().find(|reading| reading.is_of(other));
    let is_shown = of_other.is_some_and(|reading| possible.iter().any(|shown| reading.is_of(*shown)));
    let shown: Vec<Encoding> = possible.iter().copied().chain((!is_shown).then_some(other)).collect();
    // In each line, the first of the cells that differ most.
    let read = |line: &sample::Line| {
        let as_read = line.cells.iter().map(|cell| texts(cell, &shown));
        let texts = as_read.min_by_key(|texts| Reverse(texts.len())).unwrap_or_default();
        LineReadings { number: line.number, texts }
    };
    let all: Vec<LineReadings> = sample.lines.iter().map(read).collect();
    // If all readings agree, the question is whether what they agree on is meant.
    let least = if all.iter().any(|line| line.texts.len() > 1) { 2 } else { 1 };
    let mut lines: Vec<LineReadings> = Vec::new();
    for line in all {
        let is_new = lines.iter().all(|known| known.texts != line.texts);
        if line.texts.len() >= least && is_new && lines.len() < SHOWN_MAX {
            lines.push(line);
        }
    }
    EncodingUncertain::Readings { told, lines, possible }
}

/// A cell as these encodings read it.
fn texts(cell: &[u8], encodings: &[Encoding]) -> Vec<(String, Vec<Encoding>)> {
    let mut texts: Vec<(String, Vec<Encoding>)> = Vec::new();
    for encoding in encodings {
        let text = encoding.decode(cell);
        match texts.iter_mut().find(|(known, _)| *known == text) {
            Some((_, alike)) => alike.push(*encoding),
            None => texts.push((text, vec![*encoding])),
        }
    }
    texts
}
