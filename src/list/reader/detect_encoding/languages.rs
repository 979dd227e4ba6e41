//! Languages: how often letters follow each other, where a language is used, and which characters are frequent.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

/// Counts of half nats: minus twice the natural logarithm of a probability. The lower, the more plausible.
pub(super) type Cost = u32;

/// The cost of two letters that do not follow each other in a language.
pub(super) const UNSEEN: Cost = 20;

/// The further cost of a letter beyond ASCII between two letters where it does not occur in a language.
const UNSEEN_BETWEEN: Cost = 8;

const EDGE: char = '_';
const COST_RADIX: u32 = 36;

/// Some of the languages of [`LANGUAGES`], one bit for each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Set(u64);

impl Set {
    pub(super) const ALL: Self = Self(u64::MAX);

    pub(super) fn has(self, index: usize) -> bool {
        self.0 >> index & 1 == 1
    }

    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(super) fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

pub(super) static LANGUAGES: LazyLock<Languages> =
    LazyLock::new(|| Languages::parse(include_str!("data/languages.txt")));

pub(super) struct Languages {
    list: Vec<Language>,
    /// The place of each letter in `Language::rows`.
    letters: HashMap<char, usize>,
}

struct Language {
    code: &'static str,
    countries: Vec<&'static str>,
    /// The row of each letter in `costs`, by its place in `Languages::letters`.
    rows: Vec<Option<usize>>,
    /// By the first letter and then by the second.
    costs: Vec<Vec<Cost>>,
    /// The rows of three letters of which the second is beyond ASCII; empty if all letters are.
    triples: HashSet<[usize; 3]>,
}

impl Languages {
    fn parse(text: &'static str) -> Self {
        let mut lines = text.lines().filter(|line| !line.starts_with('#')).peekable();
        let (mut list, mut letters) = (Vec::new(), HashMap::new());
        while let Some(head) = lines.next() {
            let mut words = head.split(' ');
            let own: Vec<char> = lines.next().unwrap_or_default().chars().collect();
            let row =
                |line: &str| line.chars().map(|sign| sign.to_digit(COST_RADIX).unwrap_or(UNSEEN)).collect();
            let costs: Vec<Vec<Cost>> = lines.by_ref().take(own.len()).map(row).collect();
            let row_of = |letter: char| own.iter().position(|its| *its == letter);
            let mut triples = HashSet::new();
            while let Some(line) = lines.next_if(|line| !line.starts_with(|c: char| c.is_ascii())) {
                let mut groups = line.split(' ');
                let middle = groups.next().and_then(|letter| letter.chars().next());
                for group in groups {
                    let before = group.chars().next();
                    let after = group.chars().skip(1);
                    triples.extend(
                        after.filter_map(|after| Some([row_of(before?)?, row_of(middle?)?, row_of(after)?])),
                    );
                }
            }
            let mut rows: Vec<Option<usize>> = Vec::new();
            for (row, letter) in own.into_iter().enumerate() {
                let known = letters.len();
                let place = *letters.entry(letter).or_insert(known);
                rows.resize(rows.len().max(place + 1), None);
                rows[place] = Some(row);
            }
            let code = words.next().unwrap_or_default();
            list.push(Language { code, countries: words.collect(), rows, costs, triples });
        }
        Self { list, letters }
    }

    /// The languages with these codes.
    pub(super) fn named(&self, codes: &str) -> Set {
        codes
            .split(' ')
            .map(|code| self.those(|language| language.code == code))
            .fold(Set::default(), Set::and)
    }

    /// The languages that a cell names as the code of a country, of a language, or as a culture of both.
    pub(super) fn shown_by(&self, cell: &[u8]) -> Set {
        let Ok(cell) = std::str::from_utf8(cell) else { return Set::default() };
        match (cell.len(), cell.split_once('-')) {
            (2, _) => self.those(|language| language.code == cell || language.countries.contains(&cell)),
            (5, Some((code, _))) => self.those(|language| language.code == code),
            _ => Set::default(),
        }
    }

    fn those(&self, is_meant: impl Fn(&Language) -> bool) -> Set {
        let indexes =
            self.list.iter().enumerate().filter(|(_, language)| is_meant(language)).map(|(index, _)| index);
        Set(indexes.map(|index| 1 << index).sum())
    }

    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    /// The cost of a word in each language.
    pub(super) fn costs(&self, word: &str) -> Vec<Cost> {
        let letters: Vec<char> =
            std::iter::once(EDGE).chain(word.chars().map(folded)).chain([EDGE]).collect();
        let places: Vec<Option<usize>> =
            letters.iter().map(|letter| self.letters.get(letter).copied()).collect();
        let beyond_ascii: Vec<usize> =
            (0..letters.len()).filter(|index| !letters[*index].is_ascii()).collect();
        self.list.iter().map(|language| language.cost(&places, &beyond_ascii)).collect()
    }
}

impl Language {
    fn cost(&self, places: &[Option<usize>], beyond_ascii: &[usize]) -> Cost {
        let row = |index: usize| places[index].and_then(|place| self.rows.get(place).copied().flatten());
        let mut cost = 0;
        let mut before: Option<usize> = row(0);
        for index in 1..places.len() {
            let next = row(index);
            cost += match (before, next) {
                (Some(first), Some(second)) => self.costs[first][second],
                _ => UNSEEN,
            };
            before = next;
        }
        if !self.triples.is_empty() {
            let is_seen = |index: usize| {
                let triple = row(index - 1).zip(row(index)).zip(row(index + 1));
                triple
                    .is_some_and(|((before, middle), after)| self.triples.contains(&[before, middle, after]))
            };
            let unseen = beyond_ascii.iter().filter(|index| !is_seen(**index)).count();
            cost += UNSEEN_BETWEEN * Cost::try_from(unseen).unwrap_or(0);
        }
        cost
    }
}

/// The letter as the tables have it. Old code pages have the Romanian letters with a cedilla only.
pub(super) fn folded(letter: char) -> char {
    match letter {
        'İ' => 'i',
        'ș' | 'Ș' => 'ş',
        'ț' | 'Ț' => 'ţ',
        _ => letter.to_lowercase().next().unwrap_or(letter),
    }
}

/// A script without spaces or with thousands of characters, for which pairs are not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EastAsian {
    SimplifiedChinese,
    TraditionalChinese,
    Japanese,
    Korean,
}

impl EastAsian {
    pub(super) const ALL: [Self; 4] =
        [Self::SimplifiedChinese, Self::TraditionalChinese, Self::Japanese, Self::Korean];

    const NAMED: [(&str, Self); 4] = [
        ("zh-Hans", Self::SimplifiedChinese),
        ("zh-Hant", Self::TraditionalChinese),
        ("ja", Self::Japanese),
        ("ko", Self::Korean),
    ];

    /// Is this one of its most frequent characters, syllables of Japanese left aside?
    pub(super) fn has_frequent(self, character: char) -> bool {
        static FREQUENT: LazyLock<HashMap<char, Vec<EastAsian>>> = LazyLock::new(|| {
            let mut frequent: HashMap<char, Vec<EastAsian>> = HashMap::new();
            for line in include_str!("data/characters.txt").lines() {
                let (name, characters) = line.split_once(' ').unwrap_or_default();
                for (_, script) in EastAsian::NAMED.iter().filter(|(its, _)| *its == name) {
                    characters.chars().for_each(|c| frequent.entry(c).or_default().push(*script));
                }
            }
            frequent
        });
        FREQUENT.get(&character).is_some_and(|scripts| scripts.contains(&self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cost(code: &str, word: &str) -> Cost {
        let set = LANGUAGES.named(code);
        let index = (0..LANGUAGES.len()).find(|index| set.has(*index)).unwrap();
        LANGUAGES.costs(word)[index]
    }

    #[test]
    fn tables_are_whole() {
        for language in &LANGUAGES.list {
            let letters = language.rows.iter().flatten().count();
            assert!(letters > 20 && language.costs.len() == letters, "{}", language.code);
            assert!(language.costs.iter().all(|row| row.len() == letters), "{}", language.code);
        }
        assert!(LANGUAGES.len() > 20 && LANGUAGES.len() < 64);
        for (name, script) in EastAsian::NAMED {
            assert!(script.has_frequent(if name == "ko" { '한' } else { '大' }), "{name}");
        }
    }

    #[test]
    fn a_word_is_most_plausible_in_its_own_language() {
        for (code, word, other, misread) in [
            ("de", "Müller", "pl", "Mźller"),
            ("es", "Muñoz", "pl", "Muńoz"),
            ("hu", "Győri", "pt", "Gyõri"),
            ("lt", "Eglė", "fr", "Eglë"),
            ("tr", "Şahin", "is", "Þahin"),
            ("da", "København", "cs", "Křbenhavn"),
            ("ro", "Brăila", "pt", "Brãila"),
        ] {
            assert!(cost(code, word) + 4 < cost(other, misread), "{word}, {misread}");
        }
        assert_eq!(cost("ro", "Brașov"), cost("ro", "Braşov"));
        assert_eq!(cost("de", "MÜLLER"), cost("de", "müller"));
    }

    #[test]
    fn cells_show_languages() {
        let check = |cell: &str, codes: &str| {
            let expected = if codes.is_empty() { Set::default() } else { LANGUAGES.named(codes) };
            assert_eq!(LANGUAGES.shown_by(cell.as_bytes()), expected, "{cell}");
        };
        check("DE", "de");
        check("CH", "de fr it");
        check("hu-HU", "hu");
        check("pl", "pl");
        check("GB", "");
        check("Leeds", "");
    }
}
