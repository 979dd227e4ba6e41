//! How plausible a text is as a list of names and addresses: how well its words fit a language, and what never occurs in
//! names, such as a symbol or a capital inside a word.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::super::encoding::Encoding;
use super::languages::{Cost, EastAsian, LANGUAGES, Set, UNSEEN, folded};
use super::sample::Line;

/// For a word in another language than that of its country or of the words beside it.
const FOREIGN: Cost = 10;
/// For East Asian characters in a line whose country, language or culture has none.
const ELSEWHERE: Cost = 24;
/// For a line in a language for which the encoding is not used.
const UNCUSTOMARY: Cost = 8;
/// For a character that does not occur where it is. Each is counted as a sign, too.
const MISPLACED: Cost = 26;
/// For a byte without a meaning, and for control characters.
const UNDEFINED: Cost = 40;

/// The shortest ASCII word that shows the language of the words beside it.
const SHOWING_CHARS: usize = 4;

/// Prefixes that end in an apostrophe, and what comes after one at the end of a word.
const BEFORE_APOSTROPHE: [&str; 17] =
    ["l", "d", "o", "j", "n", "s", "c", "m", "t", "qu", "dell", "all", "sull", "dall", "nell", "sant", "un"];
const AFTER_APOSTROPHE: [&str; 3] = ["s", "t", "ll"];

/// What an encoding is used for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Customs {
    pub(super) languages: Set,
    /// `None`: any.
    pub(super) east_asian: Option<EastAsian>,
}

/// A line as one encoding reads it.
pub(super) struct Text {
    cells: Vec<String>,
    /// The languages of its country.
    languages: Set,
}

impl Text {
    pub(super) fn of(line: &Line, encoding: Encoding) -> Self {
        let cells = line.cells.iter().map(|cell| encoding.decode(cell));
        Self { cells: cells.collect(), languages: line.languages }
    }

    pub(super) fn has_gap(&self) -> bool {
        self.cells.iter().any(|cell| cell.contains(char::REPLACEMENT_CHARACTER))
    }
}

/// The words of a text that are beyond ASCII, and how plausible they are.
#[derive(Debug, Default)]
pub(super) struct Plausibility {
    pub(super) cost: Cost,
    /// How many things do not occur in names.
    pub(super) signs: usize,
    /// How much of the cost is that of letters, in languages that fit each word best.
    word_cost: Cost,
    /// How many pairs of letters there are.
    pairs: usize,
    /// Each once.
    pub(super) words: Vec<String>,
}

impl Plausibility {
    /// May this be a text in a language that we know?
    pub(super) fn is_plausible(&self) -> bool {
        // A text of random letters costs 14 a pair, and a text in its own language 5 or 6.
        let pairs = Cost::try_from(self.pairs).unwrap_or(Cost::MAX);
        self.signs * 25 <= self.words.len() && self.word_cost <= pairs.saturating_mul(17) / 2
    }
}

/// Rates texts; it remembers words, because most encodings read most words alike.
#[derive(Default)]
pub(super) struct Judge {
    words: HashMap<String, Rc<Word>>,
}

struct Word {
    /// What it costs in any language.
    fixed: Cost,
    signs: usize,
    /// By language; empty if there are no letters in a script that is written with spaces.
    letters: Vec<Cost>,
    pairs: usize,
    is_ascii: bool,
    is_east_asian: bool,
}

impl Judge {
    pub(super) fn judge(&mut self, texts: &[Text], customs: Customs) -> Plausibility {
        let mut all = Plausibility::default();
        let mut known = HashSet::new();
        for text in texts {
            let mut of_line = Vec::new();
            let mut is_east_asian = false;
            for cell in &text.cells {
                for word in words(cell).filter(|word| known.insert((*word).to_owned())) {
                    let judged = self.word(word, cell, customs);
                    if !word.is_ascii() {
                        all.words.push(word.chars().map(fold_romanian).collect());
                    }
                    is_east_asian |= judged.is_east_asian;
                    all.cost += judged.fixed;
                    all.signs += judged.signs;
                    if !judged.letters.is_empty() {
                        of_line.push(judged);
                    }
                }
            }
            // No cell shows these languages, so the line pays as for an unknown one, or as for a wrong one.
            let is_elsewhere = !text.languages.is_empty();
            all.cost += (FOREIGN + ELSEWHERE * Cost::from(is_elsewhere)) * Cost::from(is_east_asian);
            let lowest: Vec<Cost> =
                of_line.iter().map(|word| *word.letters.iter().min().unwrap_or(&0)).collect();
            for (word, lowest) in of_line.iter().zip(&lowest).filter(|(word, _)| !word.is_ascii) {
                all.word_cost += lowest;
                all.pairs += word.pairs;
            }
            let in_language = |language: usize| {
                let of_word =
                    |(word, lowest): (&Rc<Word>, &Cost)| word.letters[language].min(lowest + FOREIGN);
                let words: Cost = of_line.iter().zip(&lowest).map(of_word).sum();
                let is_foreign = !text.languages.has(language);
                let is_uncustomary = !customs.languages.has(language);
                words + FOREIGN * Cost::from(is_foreign) + UNCUSTOMARY * Cost::from(is_uncustomary)
            };
            if !of_line.is_empty() {
                all.cost += (0..LANGUAGES.len()).map(in_language).min().unwrap_or(0);
            }
        }
        all
    }

    fn word(&mut self, word: &str, cell: &str, customs: Customs) -> Rc<Word> {
        // What a symbol costs depends on the cell, and what an East Asian character costs on the encoding.
        let is_alike = word.chars().all(is_letter);
        if let Some(known) = self.words.get(word).filter(|_| is_alike) {
            return Rc::clone(known);
        }
        let judged = Rc::new(Word::of(word, cell, customs));
        if is_alike {
            self.words.insert(word.to_owned(), Rc::clone(&judged));
        }
        judged
    }
}

impl Word {
    fn of(word: &str, cell: &str, customs: Customs) -> Self {
        let chars: Vec<char> = word.chars().collect();
        let capitals = misplaced_capitals(&chars);
        let mut judged = Self {
            fixed: MISPLACED * capitals.0,
            signs: capitals.1,
            letters: Vec::new(),
            pairs: 0,
            is_ascii: word.is_ascii(),
            is_east_asian: word.chars().any(|c| script_of(c).is_some()),
        };
        for part in word.split(|c| !is_letter(c)).filter(|part| !part.is_empty()) {
            let costs = LANGUAGES.costs(part);
            judged.pairs += part.chars().count() + 1;
            if judged.letters.is_empty() {
                judged.letters = costs;
            } else {
                judged.letters.iter_mut().zip(costs).for_each(|(sum, cost)| *sum += cost);
            }
        }
        let is_behind_letter = |index: usize| index > 0 && is_letter(chars[index - 1]);
        let is_symbol = |&(index, &c): &(usize, &char)| {
            let is_of_letter = is_letter(c) || is_accent(c) && is_behind_letter(index);
            !c.is_ascii() && !is_of_letter
        };
        for (index, char) in chars.iter().enumerate().filter(is_symbol) {
            let neighbours = Neighbours { chars: &chars, index, cell };
            let cost = east_asian_cost(*char, customs, &neighbours)
                .unwrap_or_else(|| symbol_cost(*char, &neighbours));
            judged.fixed += cost;
            judged.signs += usize::from(cost >= MISPLACED);
        }
        judged
    }
}

/// Whatever is beyond ASCII with what it touches, and the longer words of ASCII.
fn words(cell: &str) -> impl Iterator<Item = &str> {
    let is_part = |c: char| !c.is_ascii() || c.is_ascii_alphanumeric() || matches!(c, '\'' | '.');
    let is_showing = |word: &&str| {
        !word.is_ascii() || word.len() >= SHOWING_CHARS && word.bytes().all(|byte| byte.is_ascii_alphabetic())
    };
    cell.split(move |c| !is_part(c)).filter(is_showing)
}

/// The letters of Romanian with a comma count as those with a cedilla.
fn fold_romanian(letter: char) -> char {
    match letter {
        'ș' => 'ş',
        'Ș' => 'Ş',
        'ț' => 'ţ',
        'Ț' => 'Ţ',
        _ => letter,
    }
}

/// A letter in a script for which the pairs of letters are counted; Unicode also calls ordinal signs letters.
fn is_letter(c: char) -> bool {
    c.is_alphabetic() && !matches!(c, 'ª' | 'º') && script_of(c).is_none()
}

/// Vietnamese in Windows-1258 has these behind its letters.
fn is_accent(c: char) -> bool {
    matches!(c, '\u{300}' | '\u{301}' | '\u{303}' | '\u{309}' | '\u{323}')
}

/// Counts capitals after a lower-case letter, and single capitals between a capital and a lower-case letter. Those of
/// ASCII are no sign, because every encoding reads them alike.
fn misplaced_capitals(chars: &[char]) -> (Cost, usize) {
    let is_exempt = |c: char| matches!(c, 'ß' | 'ı' | 'µ');
    let is_misplaced = |index: usize| {
        let (before, capital) = (chars[index - 1], chars[index]);
        let is_beyond_ascii = !before.is_ascii() || !capital.is_ascii();
        let is_inside = before.is_lowercase() && is_beyond_ascii;
        let after = chars.get(index + 1).copied().unwrap_or(' ');
        let is_between =
            before.is_uppercase() && !capital.is_ascii() && after.is_lowercase() && !is_exempt(after);
        capital.is_uppercase() && !is_exempt(before) && (is_inside || is_between)
    };
    let count = (1..chars.len()).filter(|index| is_misplaced(*index)).count();
    (Cost::try_from(count).unwrap_or(0), count)
}

struct Neighbours<'a> {
    chars: &'a [char],
    index: usize,
    cell: &'a str,
}

impl Neighbours<'_> {
    fn before(&self) -> char {
        self.index.checked_sub(1).map_or(' ', |index| self.chars[index])
    }

    fn after(&self) -> char {
        self.chars.get(self.index + 1).copied().unwrap_or(' ')
    }

    fn letters_before(&self) -> String {
        let letters = self.chars[..self.index].iter().rev().take_while(|c| c.is_alphabetic());
        let letters: Vec<char> = letters.map(|c| folded(*c)).collect();
        letters.into_iter().rev().collect()
    }

    fn letters_after(&self) -> String {
        self.chars[self.index + 1..].iter().take_while(|c| c.is_alphabetic()).map(|c| folded(*c)).collect()
    }
}

/// The scripts whose pairs of letters are not counted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Script {
    Han,
    Kana,
    HalfwidthKana,
    Hangul,
    /// Punctuation and letters of the width of Chinese characters.
    Fullwidth,
    /// Hebrew, Arabic and Thai.
    Other,
}

fn script_of(c: char) -> Option<Script> {
    match c {
        '\u{3041}'..='\u{30FF}' => Some(Script::Kana),
        '\u{FF61}'..='\u{FF9F}' => Some(Script::HalfwidthKana),
        '\u{3400}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{3FFFF}' | '々' => {
            Some(Script::Han)
        }
        '\u{AC00}'..='\u{D7A3}' => Some(Script::Hangul),
        '\u{3000}'..='\u{3003}'
        | '\u{3008}'..='\u{301B}'
        | '\u{3200}'..='\u{33FF}'
        | '\u{FF01}'..='\u{FF60}' => Some(Script::Fullwidth),
        '\u{590}'..='\u{6FF}' | '\u{E00}'..='\u{E7F}' => Some(Script::Other),
        _ => None,
    }
}

/// The cost of a character whose script is not rated by pairs.
fn east_asian_cost(c: char, customs: Customs, neighbours: &Neighbours<'_>) -> Option<Cost> {
    let script = script_of(c)?;
    let is_frequent = match customs.east_asian {
        Some(script) => script.has_frequent(c),
        None => EastAsian::ALL.iter().any(|script| script.has_frequent(c)),
    };
    let is_japanese = customs.east_asian.is_none_or(|script| script == EastAsian::Japanese);
    let touching = [neighbours.before(), neighbours.after()];
    // A name in capitals may be next to its kind of company, as in `NTT株式会社`.
    let is_inside = touching.iter().all(|c| is_letter(*c)) || touching.iter().any(|c| c.is_lowercase());
    Some(match script {
        _ if is_inside => MISPLACED,
        Script::Han if is_frequent => 8,
        Script::Han if ('\u{4E00}'..='\u{9FFF}').contains(&c) || c == '々' => 16,
        Script::Hangul if is_frequent => 8,
        Script::Hangul => 14,
        Script::Kana if is_japanese => 6,
        Script::HalfwidthKana if is_japanese => 10,
        Script::Fullwidth => 10,
        Script::Other if touching.iter().any(|c| is_letter(*c)) => MISPLACED,
        Script::Other => 7,
        _ => UNSEEN,
    })
}

/// The cost of a character that is no letter.
fn symbol_cost(c: char, neighbours: &Neighbours<'_>) -> Cost {
    let (before, after) = (neighbours.before(), neighbours.after());
    let (is_after_letter, is_before_letter) = (is_letter(before), is_letter(after));
    let is_between = is_after_letter && is_before_letter;
    let is_symbol = |c: char| !c.is_ascii() && !is_letter(c) && script_of(c).is_none();
    let is_undefined = c.is_control() || matches!(c, '\u{FFFD}' | '\u{E000}'..='\u{F8FF}');
    let has_partner = |partners: &str| neighbours.cell.contains(|c| partners.contains(c));
    match c {
        _ if is_undefined => UNDEFINED,
        _ if is_symbol(before) || is_symbol(after) => MISPLACED,
        '’' if is_between => {
            let is_prefix = BEFORE_APOSTROPHE.contains(&&*neighbours.letters_before());
            let is_ending = AFTER_APOSTROPHE.contains(&&*neighbours.letters_after());
            if is_prefix || is_ending { 8 } else { MISPLACED }
        }
        '’' if !is_after_letter || matches!(before, 's' | 'x' | 'z') || has_partner("‘‚") => 8,
        // “English”, „German“, „Polish”, «French» and »German«.
        '“' | '„' if !is_after_letter && has_partner("”“") => 6,
        '‘' if !is_after_letter && has_partner("’") => 6,
        '‚' if !is_after_letter && has_partner("‘’") => 6,
        '”' if !is_before_letter && has_partner("“„") => 6,
        '“' if !is_before_letter && opens(neighbours.cell, '„') => 6,
        '‘' if !is_before_letter && opens(neighbours.cell, '‚') => 6,
        '«' if !(is_after_letter && is_before_letter) && has_partner("»") => 6,
        '»' if !(is_after_letter && is_before_letter) && has_partner("«") => 6,
        '–' | '—' if !is_after_letter && !is_before_letter => 4,
        'º' | 'ª' | '°' if is_number_sign(before) && !is_before_letter => 8,
        '®' | '™' if is_after_letter && !is_before_letter => 8,
        '·' if matches!((before, after), ('l', 'l') | ('L', 'L')) => 4,
        // Beside a blank it is a letter in another encoding.
        '\u{A0}' if before != ' ' && after != ' ' && !after.is_lowercase() => 10,
        '€' | '£' | '§' | '©' if !is_after_letter && !is_before_letter => 6,
        '²' | '³' if before == 'm' && !is_before_letter => 8,
        '×' | '±' | '½' if !is_after_letter && !is_before_letter => 12,
        '¿' if !is_after_letter && has_partner("?") => 10,
        '¡' if !is_after_letter && has_partner("!") => 10,
        _ if is_after_letter || is_before_letter => 32,
        _ => MISPLACED,
    }
}

/// Whether this mark begins a name in the cell. Before a small letter, it may be a letter of another encoding: `älteste` in
/// cp850 is `„lteste` in Windows-1252.
fn opens(cell: &str, mark: char) -> bool {
    let is_name = |after: &str| after.starts_with(|c: char| c.is_uppercase() || c.is_ascii_digit());
    cell.match_indices(mark).any(|(at, _)| is_name(&cell[at + mark.len_utf8()..]))
}

/// What precedes an ordinal sign, as in `1º`, `nº` and `1.º`.
fn is_number_sign(c: char) -> bool {
    c.is_ascii_digit() || matches!(c, 'n' | 'N' | '.')
}
