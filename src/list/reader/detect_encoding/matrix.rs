//! A matrix of code page × language × number of rows beyond ASCII: how many lists are read wrongly, and how many right ones
//! are refused.

mod lists;

use std::fmt::Write as _;
use std::io::Cursor;

use super::super::encoding::{Charset, Encoding};
use super::super::error::Error;
use super::*;
use lists::{LISTS, List};

/// How many rows of a list are beyond ASCII.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rows {
    Sixty,
    Three,
    One,
}

impl List {
    fn country(&self) -> &str {
        &self.culture[3..]
    }

    /// A row in which all is in its language.
    fn row(&self, index: usize) -> String {
        let of = |texts: &[&'static str]| texts[index % texts.len()];
        let (first, last) = of(self.people).split_once(' ').unwrap();
        format!(
            "{},x{index},it@x{index}.example.com,{},{},{first},{last},{},{},,20457,{}",
            of(self.companies),
            self.culture,
            &self.culture[..2],
            of(self.streets),
            of(self.cities),
            self.country()
        )
    }

    /// A row of a British list, where only the company is beyond ASCII.
    fn row_abroad(&self, index: usize) -> String {
        let company = self.companies[index % self.companies.len()];
        format!("{company},x{index},it@x{index}.example.com,en-GB,en,Ann,Lee,1 High Street,Leeds,,LS1 4AP,GB")
    }

    /// The header in its language, as far as the table has it.
    fn header(&self) -> String {
        let language = match self.culture {
            "zh-CN" => "zh-Hans",
            "zh-TW" => "zh-Hant",
            culture => &culture[..2],
        };
        let translated = |field: &str| {
            let mut names = headings::names();
            let name = names.find(|(meaning, its, _)| *meaning == field && *its == language);
            name.map_or(field, |(.., name)| name).to_owned()
        };
        HEADER.split(',').map(translated).collect::<Vec<_>>().join(",")
    }

    /// Some lists with so many rows beyond ASCII.
    fn texts(&self, rows: Rows, header: &str) -> Vec<String> {
        let starts = 0..self.companies.len();
        let text = |rows: Vec<String>| {
            let ascii =
                "Contoso,contoso,it@contoso.example.com,en-GB,en,Ann,Lee,1 High Street,Leeds,,LS1 4AP,GB\n"
                    .repeat(3);
            format!("{header}\n{ascii}{}\n{ascii}", rows.join("\n"))
        };
        match rows {
            Rows::Sixty => vec![text((0..60).map(|index| self.row(index)).collect())],
            Rows::Three => {
                let three = |start| [start, start + 5, start + 10];
                let starts = starts.step_by(7);
                let at_home =
                    starts.clone().map(|start| text(three(start).map(|index| self.row(index)).to_vec()));
                let abroad =
                    starts.map(|start| text(three(start).map(|index| self.row_abroad(index)).to_vec()));
                at_home.chain(abroad).collect()
            }
            Rows::One => {
                let at_home = starts.clone().step_by(4).map(|index| text(vec![self.row(index)]));
                let abroad = starts.step_by(3).map(|index| text(vec![self.row_abroad(index)]));
                at_home.chain(abroad).collect()
            }
        }
    }
}

const HEADER: &str = "company_name,domain,email,culture,language,first_name,last_name,address_line1,city,state,postal_code,country";

/// `None` if the encoding lacks a character of it, or all of it is ASCII.
pub(super) fn encoded(encoding: Encoding, text: &str) -> Option<Vec<u8>> {
    let bytes = match encoding.0 {
        Charset::Web(web) => {
            let (bytes, _, has_unmappable) = web.encode(text);
            (!has_unmappable).then(|| bytes.into_owned())
        }
        Charset::Page(page) => {
            let chars = page.chars();
            let byte_of =
                |c| chars.iter().position(|known| *known == c).and_then(|byte| u8::try_from(byte).ok());
            text.chars().map(byte_of).collect()
        }
    };
    bytes.filter(|bytes| !bytes.is_ascii())
}

/// Old code pages have the Romanian letters with a cedilla only.
fn in_letters_of(encoding: Encoding, text: &str) -> String {
    if encoding == Encoding::UTF_8 {
        return text.to_owned();
    }
    text.replace('ș', "ş").replace('ț', "ţ").replace('Ș', "Ş").replace('Ț', "Ţ")
}

/// The number of lists, and what was wrong with them.
#[derive(Default)]
struct Count {
    lists: usize,
    wrong: Vec<String>,
    refused: Vec<String>,
    /// Refused, and the right reading is not the first one, or not shown at all.
    not_first: usize,
    not_shown: Vec<String>,
}

fn count(rows: Rows, is_meant: impl Fn(&str) -> bool, told: bool) -> Count {
    count_with(|_| HEADER.to_owned(), rows, is_meant, told)
}

fn count_with(
    header: impl Fn(&List) -> String,
    rows: Rows,
    is_meant: impl Fn(&str) -> bool,
    told: bool,
) -> Count {
    let mut count = Count::default();
    for list in LISTS {
        for name in list.encodings.iter().chain(&["utf-8"]).filter(|name| is_meant(name)) {
            let encoding = Encoding::named(name).unwrap();
            for text in list.texts(rows, &header(list)) {
                let text = in_letters_of(encoding, &text);
                let Some(bytes) = encoded(encoding, &text) else { continue };
                count.lists += 1;
                let sign = || {
                    let row = text.lines().find(|line| !line.is_ascii()).unwrap_or_default();
                    format!("{name} {} {}", list.country(), row.split(',').next().unwrap_or_default())
                };
                match encoding_of(&mut Cursor::new(&bytes), told.then_some(encoding)) {
                    Ok(found) if found.decode(&bytes) == text => {}
                    Ok(found) => count.wrong.push(format!("{} as {found}", sign())),
                    Err(Error::Encoding(EncodingUncertain::Readings { lines, .. })) => {
                        count.refused.push(format!(
                            "{}: {}",
                            sign(),
                            lines.iter().map(ToString::to_string).collect::<String>()
                        ));
                        let is_right = |shown: &str| text.contains(shown);
                        let rank = lines
                            .first()
                            .and_then(|line| line.texts.iter().position(|(shown, _)| is_right(shown)));
                        count.not_first += usize::from(rank != Some(0));
                        if rank.is_none() {
                            count.not_shown.push(sign());
                        }
                    }
                    Err(error) => count.refused.push(format!("{}: {error}", sign())),
                }
            }
        }
    }
    count
}

fn shown(texts: &[String]) -> String {
    texts.iter().fold(format!("{}", texts.len()), |mut all, text| {
        write!(all, "\n  {text}").unwrap();
        all
    })
}

/// Those that are detected.
fn is_common(name: &str) -> bool {
    matches!(name, "windows-1252" | "windows-1250" | "utf-8")
}

#[test]
fn no_name_is_read_wrongly_and_right_lists_are_read() {
    for rows in [Rows::Sixty, Rows::Three, Rows::One] {
        let common = count(rows, is_common, false);
        let others = count(rows, |name| !is_common(name), false);
        let counts = format!(
            "{rows:?}: of {} lists in windows-1252, windows-1250 and UTF-8, read wrongly {}, refused {}\nof {} others, read \
             wrongly {}, refused {}, of these with the right reading not first {}, not shown {}",
            common.lists,
            shown(&common.wrong),
            shown(&common.refused),
            others.lists,
            shown(&others.wrong),
            others.refused.len(),
            others.not_first,
            shown(&others.not_shown),
        );
        assert!(common.wrong.is_empty() && others.wrong.is_empty(), "{counts}");
        let refused_max = if rows == Rows::One { common.lists / 20 } else { 0 };
        assert!(common.refused.len() <= refused_max, "{counts}");
        assert!(others.not_shown.len() * 50 <= others.lists, "{counts}");
    }
}

/// Headings in the language of the rows say which encoding of Excel it is.
#[test]
fn known_headings_show_the_encoding() {
    let of_excel = [
        "windows-1251 RU",
        "windows-1253 GR",
        "windows-1254 TR",
        "shift_jis JP",
        "gbk CN",
        "big5 TW",
        "euc-kr KR",
    ];
    for rows in [Rows::Sixty, Rows::One] {
        let mut count = count_with(List::header, rows, |name| !is_common(name), false);
        count.refused.retain(|list| of_excel.iter().any(|sign| list.starts_with(sign)));
        let counts = format!(
            "{rows:?}: of {} lists, read wrongly {}, refused {}",
            count.lists,
            shown(&count.wrong),
            shown(&count.refused)
        );
        assert!(count.wrong.is_empty() && count.refused.is_empty(), "{counts}");
    }
}

/// What the operator says is right.
#[test]
fn no_list_is_refused_under_its_own_encoding() {
    for rows in [Rows::Sixty, Rows::Three] {
        let told = count(rows, |_| true, true);
        assert!(
            told.wrong.is_empty() && told.refused.is_empty(),
            "{} {}",
            shown(&told.wrong),
            shown(&told.refused)
        );
    }
}
