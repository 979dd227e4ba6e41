//! Text encodings: their names, what their bytes mean, and which one the first bytes of an input show.
//!
//! A byte order mark shows the encoding, and so do the zero bytes of UTF-16 without a mark. Any other input is UTF-8
//! unless it contains invalid UTF-8. Only the whole input shows that, so [`detect_encoding`](super::detect_encoding)
//! checks it.

use std::fmt;
use std::sync::OnceLock;

use oem_cp::code_table::DECODING_TABLE_CP_MAP;
use tenantry_model::nearest::distance_within;

/// A text encoding.
#[derive(Debug, Clone, Copy)]
pub struct Encoding(pub(super) Charset);

#[derive(Debug, Clone, Copy)]
pub(super) enum Charset {
    /// Known to browsers, and named as they name it.
    Web(&'static encoding_rs::Encoding),
    Page(&'static CodePage),
}

/// An encoding of single bytes, in which those up to 127 are ASCII.
#[derive(Debug)]
pub(super) struct CodePage {
    name: &'static str,
    upper_half: UpperHalf,
    chars: OnceLock<[char; 256]>,
}

#[derive(Debug)]
enum UpperHalf {
    /// A code page of DOS, by its number.
    Dos(u16),
    Chars(&'static str),
}

const fn dos(name: &'static str, number: u16) -> CodePage {
    CodePage::new(name, UpperHalf::Dos(number))
}

/// The encodings that browsers do not know. No kept library has those of Macs for Central Europe and Turkey.
static CODE_PAGES: [CodePage; 17] = [
    dos("cp437", 437),
    dos("cp720", 720),
    dos("cp737", 737),
    dos("cp775", 775),
    dos("cp850", 850),
    dos("cp852", 852),
    dos("cp855", 855),
    dos("cp857", 857),
    dos("cp858", 858),
    dos("cp860", 860),
    dos("cp861", 861),
    dos("cp862", 862),
    dos("cp863", 863),
    dos("cp865", 865),
    dos("cp869", 869),
    CodePage::new(
        "x-mac-ce",
        UpperHalf::Chars(
            "ÄĀāÉĄÖÜáąČäčĆćéŹźĎíďĒēĖóėôöõúĚěü†°Ę£§•¶ß®©™ę¨≠ģĮįĪ≤≥īĶ∂∑łĻļĽľĹĺŅņŃ¬√ńŇ∆«»…\u{A0}ňŐÕőŌ–—“”‘’÷◊ōŔŕŘ‹›řŖŗŠ‚„šŚśÁŤťÍŽžŪÓÔūŮÚůŰűŲųÝýķŻŁżĢˇ",
        ),
    ),
    CodePage::new(
        "x-mac-turkish",
        UpperHalf::Chars(
            "ÄÅÇÉÑÖÜáàâäãåçéèêëíìîïñóòôöõúùûü†°¢£§•¶ß®©™´¨≠ÆØ∞±≤≥¥µ∂∑∏π∫ªºΩæø¿¡¬√ƒ≈∆«»…\u{A0}ÀÃÕŒœ–—“”‘’÷◊ÿŸĞğİıŞş‡·‚„‰ÂÊÁËÈÍÎÏÌÓÔ\u{F8FF}ÒÚÛÙ\u{F8A0}ˆ˜¯˘˙˚¸˝˛ˇ",
        ),
    ),
];

/// Names that people and other programs use, beside those of browsers and the numbers of code pages.
const ALIASES: [(&str, &str); 10] = [
    ("macroman", "macintosh"),
    ("maclatin2", "x-mac-ce"),
    ("maccentraleurope", "x-mac-ce"),
    ("maccentraleurroman", "x-mac-ce"),
    ("utf8sig", "utf-8"),
    ("utf8bom", "utf-8"),
    ("latin7", "iso-8859-13"),
    ("latin8", "iso-8859-14"),
    ("latin9", "iso-8859-15"),
    ("latin10", "iso-8859-16"),
];

/// Names to suggest for one that is not known.
const SUGGESTED: [&str; 43] = [
    "utf-8",
    "utf-16le",
    "utf-16be",
    "windows-1252",
    "windows-1250",
    "windows-1251",
    "windows-1253",
    "windows-1254",
    "windows-1255",
    "windows-1256",
    "windows-1257",
    "windows-1258",
    "windows-874",
    "iso-8859-1",
    "iso-8859-2",
    "iso-8859-5",
    "iso-8859-7",
    "iso-8859-9",
    "iso-8859-13",
    "iso-8859-15",
    "iso-8859-16",
    "macintosh",
    "x-mac-ce",
    "x-mac-cyrillic",
    "x-mac-turkish",
    "cp437",
    "cp737",
    "cp775",
    "cp850",
    "cp852",
    "cp857",
    "cp858",
    "cp866",
    "koi8-r",
    "koi8-u",
    "shift_jis",
    "cp932",
    "euc-jp",
    "gbk",
    "gb18030",
    "big5",
    "euc-kr",
    "cp949",
];

impl Encoding {
    pub const UTF_8: Self = Self(Charset::Web(encoding_rs::UTF_8));
    pub(super) const WINDOWS_1250: Self = Self(Charset::Web(encoding_rs::WINDOWS_1250));
    pub const WINDOWS_1252: Self = Self(Charset::Web(encoding_rs::WINDOWS_1252));

    /// The encoding with this name, in any letter case: a name that browsers know, or one with the number of a code page,
    /// such as `cp850`, `ibm850` or `windows-1250`.
    pub fn named(name: &str) -> Option<Self> {
        Self::known_as(name.trim()).or_else(|| {
            let folded: String =
                name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
            let alias = ALIASES.iter().find(|(alias, _)| folded == *alias).map(|(_, name)| *name);
            let page = folded.trim_start_matches(|c: char| c.is_ascii_alphabetic());
            let (letters, _) = folded.split_at(folded.len() - page.len());
            let is_page =
                matches!(letters, "" | "cp" | "ibm" | "oem" | "dos" | "ms" | "win" | "windows" | "codepage");
            let numbered = || page.parse().ok().filter(|_| is_page).and_then(Self::numbered);
            alias
                .and_then(Self::known_as)
                .or_else(numbered)
                .or_else(|| Self::known_as(&format!("x-mac-{}", folded.strip_prefix("mac")?)))
        })
    }

    fn known_as(name: &str) -> Option<Self> {
        let page = CODE_PAGES.iter().find(|page| page.name.eq_ignore_ascii_case(name)).map(Charset::Page);
        let web = || encoding_rs::Encoding::for_label_no_replacement(name.as_bytes()).map(Charset::Web);
        page.or_else(web).map(Self)
    }

    /// The encoding with this number of a code page.
    fn numbered(number: u16) -> Option<Self> {
        let page =
            CODE_PAGES.iter().find(|page| matches!(page.upper_half, UpperHalf::Dos(its) if its == number));
        let web = || codepage::to_encoding_no_replacement(number).map(Charset::Web);
        page.map(Charset::Page).or_else(web).map(Self)
    }

    /// Known names that are similar to one that is not known.
    pub fn names_near(name: &str) -> Vec<&'static str> {
        let name = name.trim().to_lowercase();
        let distances = |known: &&'static str| distance_within(&name, known, 2).map(|slips| (slips, *known));
        let mut near: Vec<_> = SUGGESTED.iter().filter_map(distances).collect();
        near.sort_by_key(|(slips, _)| *slips);
        near.into_iter().map(|(_, known)| known).take(3).collect()
    }

    /// Excel saves CSV in it, where Windows is set to a language that is written so.
    pub(super) fn is_of_excel(self) -> bool {
        let name = self.name();
        name.starts_with("windows-") || ["Shift_JIS", "GBK", "Big5", "EUC-KR"].contains(&name)
    }

    /// In the letters of the standard that names it.
    pub fn name(self) -> &'static str {
        match self.0 {
            Charset::Web(encoding) => encoding.name(),
            Charset::Page(page) => page.name,
        }
    }

    /// As it is written on the command line.
    pub fn option_value(self) -> String {
        self.name().to_lowercase()
    }

    /// Decodes some text. What the encoding does not define becomes U+FFFD, or a control character.
    pub(super) fn decode(self, bytes: &[u8]) -> String {
        match self.0 {
            Charset::Web(encoding) => encoding.decode_without_bom_handling(bytes).0.into_owned(),
            Charset::Page(page) => {
                let chars = page.chars();
                bytes.iter().map(|byte| chars[usize::from(*byte)]).collect()
            }
        }
    }

    /// The encoding that the first bytes show: neither a mark nor the zero bytes of UTF-16 occur in text of any other.
    pub(super) fn of_beginning(beginning: &[u8]) -> Option<Self> {
        let marked = encoding_rs::Encoding::for_bom(beginning).map(|(encoding, _)| encoding);
        marked.or_else(|| utf_16_without_mark(beginning)).map(Charset::Web).map(Self)
    }
}

impl CodePage {
    const fn new(name: &'static str, upper_half: UpperHalf) -> Self {
        Self { name, upper_half, chars: OnceLock::new() }
    }

    /// What each byte means.
    pub(super) fn chars(&self) -> &[char; 256] {
        self.chars.get_or_init(|| {
            let mut chars = std::array::from_fn(|byte| u8::try_from(byte).map_or(' ', char::from));
            let upper_half = &mut chars[128..];
            match &self.upper_half {
                UpperHalf::Chars(upper) => {
                    upper_half.iter_mut().zip(upper.chars()).for_each(|(slot, c)| *slot = c)
                }
                UpperHalf::Dos(number) => {
                    let table = DECODING_TABLE_CP_MAP.get(number);
                    for (byte, slot) in (128..=u8::MAX).zip(upper_half) {
                        let defined = table.and_then(|table| table.decode_char_checked(byte));
                        *slot = defined.unwrap_or(char::REPLACEMENT_CHARACTER);
                    }
                }
            }
            chars
        })
    }
}

impl PartialEq for Encoding {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for Encoding {}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Looks for the first two letters of a header, which are Latin: UTF-16 puts a zero byte next to each.
fn utf_16_without_mark(beginning: &[u8]) -> Option<&'static encoding_rs::Encoding> {
    match beginning {
        [1..=0xFF, 0, 1..=0xFF, 0, ..] => Some(encoding_rs::UTF_16LE),
        [0, 1..=0xFF, 0, 1..=0xFF, ..] => Some(encoding_rs::UTF_16BE),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_go_by_the_names_that_people_know() {
        #[track_caller]
        fn check(name: &str, expected: Option<&str>) {
            assert_eq!(Encoding::named(name).map(Encoding::name), expected, "{name}");
        }
        for (names, expected) in [
            (&["utf-8", "UTF8", "utf-8-sig", "cp65001"][..], "UTF-8"),
            (
                &["windows-1252", "cp1252", "latin1", "iso-8859-1", "1252", "Win-1252", "ISO_8859-1"],
                "windows-1252",
            ),
            (&["cp1250", "windows-1250", "Windows 1250"], "windows-1250"),
            (&["cp1254", "iso-8859-9", "latin5"], "windows-1254"),
            (&["iso-8859-15", "latin9", "latin-9"], "ISO-8859-15"),
            (&["latin2", "iso-8859-2", "ISO8859-2"], "ISO-8859-2"),
            (
                &["macintosh", "mac-roman", "MacRoman", "mac_roman", "mac", "x-mac-roman", "cp10000"],
                "macintosh",
            ),
            (&["mac-cyrillic", "x-mac-cyrillic"], "x-mac-cyrillic"),
            (&["mac-ce", "mac_latin2", "x-mac-ce"], "x-mac-ce"),
            (&["cp850", "850", "ibm850", "CP-850", "dos-850", "oem850"], "cp850"),
            (&["cp437", "IBM437"], "cp437"),
            (&["cp852"], "cp852"),
            (&["cp866", "ibm866"], "IBM866"),
            (&["cp932", "shift-jis", "sjis", "Shift_JIS", "ms932", "windows-31j"], "Shift_JIS"),
            (&["cp936", "gbk", "gb2312"], "GBK"),
            (&["cp949", "euc-kr", "ks_c_5601-1987"], "EUC-KR"),
            (&["cp950", "big5"], "Big5"),
            (&["gb18030", "cp54936"], "gb18030"),
            (&["utf-16", "utf-16le"], "UTF-16LE"),
        ] {
            for name in names {
                check(name, Some(expected));
            }
        }
        for name in ["", "cp", "cp1", "cp99999", "utf-9", "excel", "windows", "hz-gb-2312", "mac-x"] {
            check(name, None);
        }
        // The name of each encoding leads back to it: it is stored, and typed again.
        for name in SUGGESTED {
            let encoding = Encoding::named(name).unwrap();
            assert_eq!(Encoding::named(encoding.name()), Some(encoding), "{name}");
        }
        for page in &CODE_PAGES {
            check(page.name, Some(page.name));
        }
        assert_eq!(Encoding::names_near("utf-9")[0], "utf-8");
        assert_eq!(Encoding::names_near("cp580")[0], "cp850");
        assert_eq!(Encoding::names_near("excel"), Vec::<&str>::new());
    }

    #[test]
    fn bytes_of_code_pages_are_what_they_show() {
        let check = |name, bytes: &[u8], expected| {
            assert_eq!(Encoding::named(name).unwrap().decode(bytes), expected, "{name}")
        };
        check("cp850", b"M\x81nchen \x99l \xE1", "München Öl ß");
        check("cp437", b"Pe\xA4a", "Peña");
        check("cp852", b"\x9D\xA2d\xAB", "Łódź");
        check("cp857", b"\x9Eahin", "Şahin");
        check("x-mac-ce", b"\xFC\x97d\x90", "Łódź");
        check("x-mac-turkish", b"\xDEahin I\xDF\xDDk \xFF", "Şahin Işık ˇ");
        check("macintosh", b"M\x9Fller", "Müller");
        check("cp857", b"\xD5", "\u{FFFD}");
    }
}
