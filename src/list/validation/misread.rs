//! Text that was read in another encoding, once or more often: `MÃ¼ller` for `Müller`.
//!
//! A word is UTF-8 that was misread if its bytes in the other encoding are UTF-8 of plausible letters. By chance, only words
//! that no language writes are that, such as `Å®`.

use std::borrow::Cow;
use std::cell::RefCell;
use std::sync::LazyLock;

use encoding_rs::{BIG5, EUC_KR, Encoding, GBK, IBM866, MACINTOSH, SHIFT_JIS};
use encoding_rs::{WINDOWS_874, WINDOWS_1250, WINDOWS_1251, WINDOWS_1252, WINDOWS_1253, WINDOWS_1254};
use encoding_rs::{WINDOWS_1255, WINDOWS_1256, WINDOWS_1257, WINDOWS_1258};

use tenantry_model::problem::{Finding, Rule};

/// How often a text may have been misread.
const ROUNDS_MAX: usize = 3;

/// Encodings that UTF-8 is mistaken for. The first that makes sense of a word counts.
#[rustfmt::skip]
static SINGLE_BYTE: LazyLock<[ByteTable; 12]> = LazyLock::new(|| {
    [
        WINDOWS_1252, WINDOWS_1250, MACINTOSH, WINDOWS_1251, WINDOWS_1254, WINDOWS_1253, WINDOWS_1257, IBM866,
        WINDOWS_1256, WINDOWS_1255, WINDOWS_1258, WINDOWS_874,
    ]
    .map(ByteTable::new)
});

static DOUBLE_BYTE: [&Encoding; 4] = [GBK, SHIFT_JIS, BIG5, EUC_KR];

/// Finds a text that was misread, and suggests what it was. ASCII never is.
pub(super) fn check(text: &str) -> Option<Finding> {
    if !may_be_misread(text) {
        return None;
    }
    let is_misread = |(word, _)| original(word, Words::Alone, ROUNDS_MAX).is_some();
    if has_dos_lines(text) || words(text).any(is_misread) {
        let original =
            |word| original(word, Words::OfMisreadText, ROUNDS_MAX).map_or(Cow::Borrowed(word), Cow::Owned);
        let whole: String = words(text).map(|(word, mark)| original(word) + mark).collect();
        let finding = Finding::new(Rule::MisreadText, "is UTF-8 that was read in another encoding");
        // What can be repaired only in part is left to the operator.
        return Some(finding.suggest_value(Some(whole).filter(|it| !has_dos_lines(it))));
    }
    if has_dos_letters(text) {
        // Which letters the marks were depends on the code page, and quotes may be meant.
        let finding =
            Finding::new(Rule::MisreadText, "is of a code page of DOS, and was read as Windows-1252");
        return Some(finding.advise("take the original file, with its `--encoding`, such as `cp850`"));
    }
    words(text).any(|(word, _)| is_of_another_code_page(word)).then(|| {
        let message =
            "has words of accented letters alone: it is of another code page, and was read as Windows-1252";
        Finding::new(Rule::MisreadText, message).advise("take the original file, with its `--encoding`")
    })
}

/// The code pages of DOS have these lines for the first byte of most letters of UTF-8, and a letter or a sign for the
/// second one. The tables here have none of these code pages but the Russian one.
fn has_dos_lines(text: &str) -> bool {
    let is_line = |c| matches!(c, '┬' | '├' | '─' | '┼' | '╞' | '╟' | '╬' | '╧' | '╨' | '╤');
    text.chars().zip(text.chars().skip(1)).any(|(c, next)| is_line(c) && !next.is_ascii() && !is_line(next))
}

/// `K”ln`, which is `Köln`: quotes are the bytes of letters in the code pages 437 and 850. Every mark must be inside a word,
/// with small letters behind it: people write quotes around words, and write a capital behind one.
fn has_dos_letters(text: &str) -> bool {
    let is_mark = |c: char| matches!(c, '‚' | '„' | '‡' | 'ˆ' | '‰' | '‹' | '”');
    let is_inside = |(at, _): (usize, &str)| {
        let (before, rest) = (text[..at].chars().next_back(), text[at..].chars().skip(1));
        before.is_some_and(|c| c.is_ascii_alphabetic())
            && rest.take(2).filter(char::is_ascii_lowercase).count() == 2
    };
    let is_latin = text.chars().all(|c| c.is_ascii() || matches!(c, '\u{80}'..='ÿ') || is_mark(c));
    let mut marks = text.match_indices(is_mark).peekable();
    is_latin && marks.peek().is_some() && marks.all(is_inside)
}

/// `Ñîôèÿ`, which is `София` in Windows-1251. Letters of other scripts become accented ones, and no language has longer words
/// of these alone. Which script it was depends on the list.
fn is_of_another_code_page(word: &str) -> bool {
    const LETTERS_MIN: usize = 4;
    let is_accented = |c: &char| matches!(c, 'À'..='ÿ');
    word.chars().filter(is_accented).count() >= LETTERS_MIN && word.chars().all(|c| matches!(c, '¡'..='ÿ'))
}

/// The words of a text, each with the mark behind it: a person may have corrected or added the others. These marks of ASCII
/// are part of no character in any encoding.
fn words(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let is_mark = |c: char| matches!(c, ' '..='/' | ':'..='?');
    text.split_inclusive(is_mark).map(move |piece| piece.split_at(piece.trim_end_matches(is_mark).len()))
}

/// A character of UTF-8 beyond ASCII has at least two bytes, and so becomes at least two characters beyond ASCII, or one
/// of East Asia. Nearly all words of Europe end the search here, which looks at their bytes.
fn may_be_misread(text: &str) -> bool {
    /// The first byte of `⺀` in UTF-8; those of all of East Asia are not below it.
    const EAST_ASIAN: u8 = 0xE2;
    let begins = |byte: u8| byte >= 0xC0;
    let is_sign = |&[before, byte]: &[u8; 2]| {
        (begins(byte) & !before.is_ascii()) | ([before, byte] == [0xC3, 0x83]) | (byte >= EAST_ASIAN)
    };
    text.as_bytes().first().is_some_and(|first| *first >= EAST_ASIAN)
        || text.as_bytes().array_windows().fold(false, |found, pair| found | is_sign(pair))
}

/// Windows-1252 has this letter and a no-break space for the bytes of `à`. Programs trim that space, or make a plain one
/// of it.
const BEFORE_BLANK: char = 'Ã';

/// What is known about a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Words {
    /// Nothing.
    Alone,
    /// Another word of its text was misread.
    OfMisreadText,
}

/// The word that was misread up to `rounds` times.
fn original(word: &str, words: Words, rounds: usize) -> Option<String> {
    if word.is_ascii() || rounds == 0 {
        return None;
    }
    if let Some(start) = word.strip_suffix(BEFORE_BLANK).filter(|start| start.ends_with(char::is_lowercase)) {
        return Some(format!("{start}à"));
    }
    let may_be = word.chars().find(|c| !c.is_ascii()).map_or(0, may_begin);
    let encodings = (0..SINGLE_BYTE.len() + DOUBLE_BYTE.len()).filter(|index| may_be >> index & 1 != 0);
    let encoded = encodings.filter_map(|index| match SINGLE_BYTE.get(index) {
        Some(table) => table.encode(word),
        None => double_byte(word, DOUBLE_BYTE[index - SINGLE_BYTE.len()]),
    });
    encoded.filter_map(|bytes| String::from_utf8(bytes).ok()).find_map(|decoded| {
        original(&decoded, Words::Alone, rounds - 1)
            .or_else(|| is_plausible(&decoded, word, words).then_some(decoded))
    })
}

/// The bytes of an encoding by their characters.
struct ByteTable(Vec<(char, u8)>);

impl ByteTable {
    fn new(encoding: &'static Encoding) -> Self {
        let decode = |byte: u8| {
            let text = encoding.decode_without_bom_handling_and_without_replacement(&[byte])?.chars().next();
            text.map(|c| (c, byte))
        };
        let mut bytes: Vec<_> = (0x80..=0xFF).filter_map(decode).collect();
        if encoding == WINDOWS_1252 {
            // Many programs mean ISO-8859-1, which has control characters at these bytes.
            bytes.extend((0x80..=0x9F).map(|byte| (char::from(byte), byte)));
        }
        bytes.sort_unstable();
        Self(bytes)
    }

    fn byte(&self, c: char) -> Option<u8> {
        if c.is_ascii() {
            return u8::try_from(u32::from(c)).ok();
        }
        self.0.binary_search_by_key(&c, |&(c, _)| c).ok().map(|index| self.0[index].1)
    }

    fn begins_utf8(&self, c: char) -> bool {
        self.byte(c).is_some_and(|byte| (0xC2..=0xF4).contains(&byte))
    }

    /// `word` has a first character beyond ASCII that [begins UTF-8](Self::begins_utf8).
    fn encode(&self, word: &str) -> Option<Vec<u8>> {
        // The second one must continue it; for nearly every word it does not.
        let second = word.chars().skip_while(char::is_ascii).nth(1)?;
        self.byte(second).filter(|byte| (0x80..=0xBF).contains(byte))?;
        word.chars().map(|c| self.byte(c)).collect()
    }
}

fn is_east_asian(c: char) -> bool {
    matches!(c, '\u{2E80}'..='\u{D7FF}' | '\u{F900}'..='\u{FAFF}' | '\u{FF61}'..='\u{FFDC}')
}

thread_local! {
    /// What [`may_begin`] has found, by the lowest bits of the character. An encoder looks through long tables for a
    /// character, and texts of East Asia have a few hundred over and over.
    static MAY_BEGIN: RefCell<[(char, u16); 1024]> = const { RefCell::new([('\0', 0); 1024]) };
}

/// A bit for each of [`SINGLE_BYTE`] and then of [`DOUBLE_BYTE`]: a word whose first character beyond ASCII is this one may
/// have been UTF-8.
fn may_begin(c: char) -> u16 {
    MAY_BEGIN.with_borrow_mut(|known| {
        let known = &mut known[c as usize % 1024];
        if known.0 != c {
            let singles = SINGLE_BYTE.iter().map(|table| table.begins_utf8(c));
            let doubles = DOUBLE_BYTE.iter().map(|encoding| begins_utf8(c, encoding));
            let bits = singles.chain(doubles).enumerate();
            *known = (c, bits.fold(0, |bits, (index, begins)| bits | u16::from(begins) << index));
        }
        known.1
    })
}

/// The bytes of a character are UTF-8, or the beginning of a character of it.
fn begins_utf8(c: char, encoding: &'static Encoding) -> bool {
    let mut buffer = [0; 4];
    let (encoded, _, is_unmappable) = encoding.encode(c.encode_utf8(&mut buffer));
    !is_unmappable && std::str::from_utf8(&encoded).err().is_none_or(|error| error.error_len().is_none())
}

/// The bytes of a word of East Asia; `None` if the encoding does not have it, or if they are not UTF-8. Half-width Katakana
/// belong to it too.
fn double_byte(word: &str, encoding: &'static Encoding) -> Option<Vec<u8>> {
    if !word.contains(is_east_asian) {
        return None;
    }
    let (mut bytes, mut valid) = (Vec::new(), 0);
    let mut buffer = [0; 4];
    for c in word.chars() {
        let (encoded, _, is_unmappable) = encoding.encode(c.encode_utf8(&mut buffer));
        if is_unmappable {
            return None;
        }
        bytes.extend_from_slice(&encoded);
        // An encoder looks through long tables for each character, and most words end here at one of their first.
        valid += match std::str::from_utf8(&bytes[valid..]) {
            Ok(text) => text.len(),
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            Err(_) => return None,
        };
    }
    Some(bytes)
}

/// The letters of a word belong together. A word of Han has no blanks, so all scripts of its languages do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Script {
    Latin,
    Greek,
    Cyrillic,
    Hebrew,
    Arabic,
    Thai,
    EastAsian,
}

/// The script of a letter that is in use, or `None`.
fn script(c: char) -> Option<Script> {
    Some(match c {
        'A'..='Z' | 'a'..='z' | 'À'..='Ö' | 'Ø'..='ö' | 'ø'..='ÿ' | 'ª' | 'º' => Script::Latin,
        // Without letters that only words have that were not misread.
        'Ĕ' | 'ĕ' | 'Ĭ' | 'ĭ' | 'Ŏ' | 'ŏ' | 'Ŀ' | 'ŀ' | 'ĸ' | 'ŉ' | 'ſ' => return None,
        'Ā'..='ž' | 'Ș'..='ț' | 'Ơ' | 'ơ' | 'Ư' | 'ư' | 'Ạ'..='ỹ' | 'ẞ' => Script::Latin,
        'Ά'..='ώ' => Script::Greek,
        'Ѐ'..='џ' | 'Ґ' | 'ґ' => Script::Cyrillic,
        'א'..='ת' => Script::Hebrew,
        'ء'..='ي' | 'پ' | 'چ' | 'ژ' | 'ک' | 'گ' | 'ی' => Script::Arabic,
        'ก'..='๎' => Script::Thai,
        'ぁ'..='ヿ' | '㐀'..='鿿' | '가'..='힣' | '々' | '０'..='９' | 'Ａ'..='ｚ' => {
            Script::EastAsian
        }
        _ => return None,
    })
}

fn is_mark(c: char) -> bool {
    matches!(c, '\u{A0}'..='\u{BF}' | '‐'..='…' | '‹' | '›' | '€' | '™' | '№' | '、'..='】' | '（' | '）' | '！'..='～')
}

/// Whether a decoded word is one that a person wrote, and `misread` is not.
fn is_plausible(word: &str, misread: &str, words: Words) -> bool {
    let mut letters =
        word.chars().filter(|c| !c.is_ascii_punctuation() && !c.is_ascii_digit() && !is_mark(*c));
    let first = letters.clone().next().map(script);
    let is_of_one_script = match first {
        Some(None) => false,
        Some(first) => letters.all(|c| script(c) == first),
        None => true,
    };
    let may_be_chance = words == Words::Alone
        && (is_chance(word, misread, first.flatten())
            || is_short_by_chance(word, misread)
            || is_whole_by_chance(word, misread));
    is_of_one_script && !may_be_chance && has_plausible_case(word)
}

/// Two characters that are one of UTF-8 by chance: `В»` at the end of a quoted name is Cyrillic, `ĆŻ` and `ĂŞ` are two
/// capitals of Polish and Romanian.
fn is_chance(word: &str, misread: &str, script_of_word: Option<Script>) -> bool {
    let strange = |c: &char| !c.is_ascii();
    let Some(decoded) = word.chars().find(strange) else { return false };
    let mut pair = misread.chars().filter(strange);
    if pair.clone().count() != 2 || word.chars().filter(strange).count() != 1 {
        return false;
    }
    let has_no = |is_other: fn(char) -> bool| !word.contains(is_other);
    let is_word = has_no(|c| c.is_ascii_alphabetic())
        && pair.clone().any(|c| matches!(script(c), Some(Script::Cyrillic | Script::Greek)));
    let are_capitals = pair.clone().all(char::is_uppercase) && has_no(|c| c.is_ascii_lowercase());
    let are_letters = pair.all(|c| c.is_alphabetic() && !is_east_asian(c));
    is_word
        || are_letters && (decoded > 'ž' || matches!(decoded, 'Ũ' | 'ũ'))
        || are_capitals && decoded.is_lowercase()
        || !matches!(script_of_word, None | Some(Script::Latin))
}

/// One or two characters of East Asia are UTF-8 by chance too often: in GBK, the family name `谢` is the bytes of `л`, and
/// `楼`, a floor or a house, those of `¥`.
fn is_short_by_chance(word: &str, misread: &str) -> bool {
    let strange = misread.chars().filter(|c| !c.is_ascii()).count();
    if strange > 2 || !misread.contains(is_east_asian) {
        return false;
    }
    // `A楼` is a house; but `N掳` is `N°`.
    let is_sign = |c: char| matches!(c, '\u{A0}'..='\u{BF}') && !matches!(c, '°' | 'º' | 'ª');
    match misread.chars().filter(char::is_ascii_alphabetic).count() {
        0 => true,
        1 => word.chars().all(|c| c.is_ascii() || is_sign(c)),
        _ => false,
    }
}

/// A word of Cyrillic, Arabic or Thai letters and the marks beside them has bytes that are UTF-8 by chance: `чай`
/// those of `砩`, `وٹ،` those of `操`. What was misread has signs among its letters that no word has.
fn is_whole_by_chance(word: &str, misread: &str) -> bool {
    let mut strange = misread.chars().filter(|c| !c.is_ascii());
    let Some(script_of_misread) = strange.clone().find_map(letter_script) else { return false };
    let is_mark = |c: char| {
        matches!(
            c,
            '،' | '؛' | '؟' | '‘'
                ..='”'
                    | '…'
                    | '–'
                    | '—'
                    | '•'
                    | '«'
                    | '»'
                    | '®'
                    | '™'
                    | '°'
                    | '\u{A0}'
                    | '\u{200C}'
                    | '\u{200D}'
        )
    };
    let is_whole = strange.all(|c| letter_script(c) == Some(script_of_misread) || is_mark(c));
    let letters = |of: Script| word.chars().filter(|c| script(*c) == Some(of)).count();
    is_whole
        && match script_of_misread {
            Script::Arabic => true,
            // Each letter becomes `เธ` or `เน` and another one.
            Script::Thai => letters(Script::Thai) < 3,
            Script::Cyrillic => word.contains(is_east_asian) && letters(Script::EastAsian) < 3,
            _ => false,
        }
}

/// The script of a letter, also of those that [`script`] leaves out because no repaired word has them.
fn letter_script(c: char) -> Option<Script> {
    match c {
        '\u{620}'..='\u{6D3}' => Some(Script::Arabic),
        '\u{E01}'..='\u{E5B}' => Some(Script::Thai),
        c => script(c),
    }
}

/// No capital follows a small letter, and no small letter is among capitals. `TĂŞNAD` would be `TêNAD`.
fn has_plausible_case(word: &str) -> bool {
    let is_in_capitals = !word.contains(|c: char| c.is_ascii_lowercase())
        && word.chars().filter(char::is_ascii_uppercase).nth(1).is_some();
    let mut before = ' ';
    word.chars().all(|c| {
        let is_wrong = !c.is_ascii()
            && (c.is_uppercase() && before.is_lowercase() || c.is_lowercase() && is_in_capitals);
        before = c;
        !is_wrong
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads the UTF-8 of a text in another encoding.
    fn misread(text: &str, encoding: &'static Encoding) -> Option<String> {
        let misread = encoding.decode_without_bom_handling_and_without_replacement(text.as_bytes())?;
        (!misread.chars().any(char::is_control)).then(|| misread.into_owned())
    }

    #[track_caller]
    fn check_text(text: &str, expected: Option<&str>) {
        let found = check(text);
        assert_eq!(found.as_ref().and_then(|finding| finding.suggestion.as_deref()), expected, "{text}");
        assert_eq!(found.is_some(), expected.is_some(), "{text}");
    }

    const GOOD: [&str; 47] = [
        "Müller & Söhne GmbH",
        "MÜLLER GMBH",
        "Lefèvre",
        "L’Œuvre Noire",
        "Niccolò",
        "Città di Castello",
        "CITTÀ",
        "JOSÉ",
        "São Paulo Peças",
        "AÇÃO",
        "Łódź",
        "ŁÓDŹ",
        "PODRÓŻE",
        "Święty Krzyż",
        "Żółw",
        "TĂŞNAD",
        "Tășnad",
        "BĂIŢA",
        "Gyõri",
        "Győri Fűszer",
        "Škoda Plzeň",
        "ŠKODA PLZEŇ",
        "KĹŽE",
        "Çelik İnşaat",
        "ŞAHİN A.Ş.",
        "Smørrebrød",
        "Ærø",
        "Ålesund",
        "Þór Ísland",
        "Москва",
        "ООО «Группа В»",
        "Київ",
        "МІСТО",
        "Αθήνα",
        "ΑΘΗΝΑ",
        "北京贸易公司",
        "株式会社サンプル",
        "한국 상사",
        "שלום",
        "شركة",
        "بزرگ رگ چرک",
        "กรุงเทพ",
        "Hà Nội",
        "“Corner” Shop – 5 €",
        "N° 5",
        "Straße",
        "GROẞ",
    ];

    #[test]
    fn words_of_many_languages_are_left_alone() {
        for text in GOOD {
            check_text(text, None);
            check_text(&text.to_uppercase(), None);
            check_text(&text.to_lowercase(), None);
        }
    }

    /// Whatever letters of one language are next to each other, it is no misread text. (In Slovak, `ä` and `ĺ` never stand
    /// before `ľ`.)
    #[test]
    fn letters_of_one_language_are_left_alone() {
        for letters in [
            "äöüß",
            "éèêëàâçîïôùûœ",
            "áéíóúñü¡¿ºª",
            "àèéìòù",
            "ãõáéíóúâêôç",
            "ąćęłńóśźż",
            "áčďéěíňóřšťúůýž",
            "áčďéíľňóôŕšťúýž",
            "áéíóöőúüű",
            "ăâîşţșț",
            "çğıöşü",
            "åäö",
            "æøå",
            "áðéíóúýþæö",
            "āčēģīķļņšūž",
            "ąčęėįšųūž",
            "õäöü",
            "абвґдеєжзиіїйклмнопрстуфхцчшщьюяёъыэ",
            "αβγδεζηθικλμνξοπρστυφχψωάέήίόύώς",
        ] {
            for first in letters.chars() {
                for second in letters.chars() {
                    let (start, end) = if first < 'Ͱ' { ("tr", "nk") } else { ("", "") };
                    for text in [format!("{first}{second}"), format!("{start}{first}{second}{end}")] {
                        assert_eq!(check(&text), None, "{text}");
                        assert_eq!(check(&text.to_uppercase()), None, "{text}");
                    }
                }
            }
        }
    }

    #[test]
    #[rustfmt::skip]
    fn letters_that_continue_others_by_chance_are_left_alone() {
        for text in ["รพ", "ยก รก", "ลงรถ", "บริษัท ยกรถ", "בְּרֵאשִׁית"]
        {
            check_text(text, None);
        }
    }

    #[test]
    fn short_words_of_east_asia_are_left_alone() {
        let names = ["谢", "毛", "卢", "肖", "茅", "鲁", "羅", "채", "천", "小写"];
        for text in names.into_iter().chain(["8楼", "A楼", "3号楼", "A路 8", "毛 茂"]) {
            check_text(text, None);
        }
        check_text("袦芯褋泻胁邪", Some("Москва"));
        check_text("N掳 5", Some("N° 5"));
    }

    #[test]
    fn utf_8_in_other_encodings_is_found_and_repaired() {
        let mut found = 0;
        for encoding in [WINDOWS_1252, WINDOWS_1250, MACINTOSH, WINDOWS_1251, WINDOWS_1254, GBK, SHIFT_JIS] {
            for text in GOOD {
                let Some(misread) = misread(text, encoding) else { continue };
                if !text.is_ascii() {
                    check_text(misread.trim(), Some(text));
                    found += 1;
                }
            }
        }
        assert!(found > 150, "{found}");
    }

    #[test]
    fn repeats_and_parts_are_found_too() {
        check_text("MÃƒÂ¼ller", Some("Müller"));
        check_text("MÃƒÆ’Ã‚Â¼ller", Some("Müller"));
        check_text("Müller & SÃ¶hne", Some("Müller & Söhne"));
        check_text("MÃ¼ller-Süd/SÃ¶hne (Köln)", Some("Müller-Süd/Söhne (Köln)"));
        check_text("CittÃ di Castello", Some("Città di Castello"));
        check_text("NiccolÃ² CittÃ", Some("Niccolò Città"));
        check_text("Lâ€™Å’uvre Noire", Some("L’Œuvre Noire"));
        check_text("CafÃ©â€™s", Some("Café’s"));
        check_text("M√ºller", Some("Müller"));
        check_text("MГјller", Some("Müller"));
        check_text("鍗庡寳璐告槗", Some("华北贸易"));
        check_text("B盲ckerei", Some("Bäckerei"));
        check_text("GroÃ\u{9f}", Some("Groß"));
        check_text("Ã\u{96}sterreicher", Some("Österreicher"));
        check_text("Â© 2026", Some("© 2026"));
        check_text("MĆ¼ller", Some("Müller"));
        check_text("CrĆØme", Some("Crème"));
        check_text("Cafأ© Nil", Some("Café Nil"));
        check_text("ط´ط±ظƒط©", Some("شركة"));
        check_text("ط\u{ad}ط³ظ†", Some("حسن"));
        check_text("Cafֳ©", Some("Café"));
        check_text("Caf\u{102}©", Some("Café"));
    }

    #[test]
    fn words_of_accented_letters_alone_are_of_another_code_page() {
        for text in ["Ïðèñòàíèùå ÎÎÄ", "Ñîôèÿ", "Áèþíá", "îàôééú", "ÔÑßÉ", "ºÃÔÉÑ·"]
        {
            let finding = check(text).unwrap_or_else(|| panic!("{text}"));
            assert!(finding.message.contains("another code page"), "{text}: {}", finding.message);
        }
        for text in ["Öö", "Åäö", "ÎÎÄ", "Jäääär", "Æøå", "Île", "Éé-Àà", "«Été»"] {
            assert_eq!(check(text), None, "{text}");
        }
    }

    #[test]
    fn what_was_read_in_a_code_page_of_dos_is_found_and_repaired_whole_or_not() {
        for text in ["Soci├⌐t├⌐ G├⌐n├⌐rale", "M├╝ller Gro├ƒhandel", "Gro├ƒ"] {
            let finding = check(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(finding.suggestion, None, "{text}");
        }
        check_text("M├╝ller ─ Partner", Some("Müller ─ Partner"));
        check_text("Contoso ── Cloud │ Süd", None);
    }

    #[test]
    fn letters_of_dos_are_marks_inside_words() {
        for wrong in ["F”rsterstrasse 4", "K”ln", "J”rg M„rz", "Na‹ve", "Soci‚tes"] {
            let finding = check(wrong).unwrap_or_else(|| panic!("{wrong}"));
            assert_eq!(finding.suggestion, None, "{wrong}");
        }
        for right in [
            "„Sonne“ GmbH",
            "Bar “Roma”",
            "5” Rohr",
            "Café „Zur Post”",
            "‹Le Monde›",
            "PHU„KOWALSKI”",
            "„ABC”Sp. z o.o.",
            "O”Neill",
            "D‚Angelo",
            "Rock”n”Roll",
            "Ben”s",
            "Haus„am See”",
            "בע”מ",
            "ООО„контосо“",
            "Zakład„budowa”",
            "北京“新东方”学校",
        ] {
            assert_eq!(check(right), None, "{right}");
        }
    }
}
