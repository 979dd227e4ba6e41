//! Text with the escapes of a format that it was taken from: HTML, XML or JSON.

use std::borrow::Cow;

use html_escape::decode_html_entities;

use tenantry_model::problem::{Finding, Rule};

/// An entity can be escaped again by each program on the way.
const ROUNDS_MAX: usize = 3;

/// Finds escapes. Texts without `&`, `<`, `_` and `\` have none.
pub(super) fn check(text: &str) -> Option<Finding> {
    if !text.bytes().any(|byte| matches!(byte, b'&' | b'<' | b'_' | b'\\')) {
        return None;
    }
    let plain = unescaped(text);
    if let Some(tag) = tag(&plain) {
        let message = format!("has the HTML code `{tag}`");
        return Some(Finding::new(Rule::EscapedText, message));
    }
    if plain == text {
        return None;
    }
    let has_line_break = plain.chars().any(char::is_control);
    let suggestion = (!has_line_break).then(|| plain.split_whitespace().collect::<Vec<_>>().join(" "));
    Some(
        Finding::new(Rule::EscapedText, "has codes of HTML or of a program instead of characters")
            .suggest_value(suggestion),
    )
}

fn unescaped(text: &str) -> String {
    let mut plain = text.to_owned();
    for _ in 0..ROUNDS_MAX {
        let next = decode_breaks(&decode_bytes(&decode_json(&decode_xml(&decode_html_entities(&plain)))))
            .into_owned();
        if next == plain {
            break;
        }
        plain = next;
    }
    plain
}

/// `_x000D_`: how the files of Excel write characters that XML has not.
pub(crate) fn decode_xml(text: &str) -> Cow<'_, str> {
    decode(text, "_x", |rest| Some((code(rest.get(..4)?)?, rest.get(4..)?.strip_prefix('_')?)))
}

/// `\u00fc`.
fn decode_json(text: &str) -> Cow<'_, str> {
    decode(text, "\\u", |rest| Some((code(rest.get(..4)?)?, rest.get(4..)?)))
}

/// `\xc3\xbc`: the bytes of a character of UTF-8 beyond ASCII.
fn decode_bytes(text: &str) -> Cow<'_, str> {
    decode(text, "\\x", |rest| {
        let byte = |rest: &str| u8::from_str_radix(rest.get(..2)?, 16).ok();
        let (mut bytes, mut rest) = (vec![byte(rest)?], rest.get(2..)?);
        loop {
            match std::str::from_utf8(&bytes) {
                Ok(text) => return Some((text.chars().next().filter(|c| !c.is_ascii())?, rest)),
                Err(error) if error.error_len().is_some() => return None,
                Err(_) => {
                    let next = rest.strip_prefix("\\x")?;
                    bytes.push(byte(next)?);
                    rest = next.get(2..)?;
                }
            }
        }
    })
}

/// `\r\n`, or `\n` before anything but a small letter.
fn decode_breaks(text: &str) -> Cow<'_, str> {
    decode(text, "\\", |rest| match rest.strip_prefix("r\\n") {
        Some(rest) => Some(('\n', rest)),
        None => Some(('\n', rest.strip_prefix('n').filter(|rest| !rest.starts_with(char::is_lowercase))?)),
    })
}

fn code(digits: &str) -> Option<char> {
    let is_hexadecimal = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    char::from_u32(u32::from_str_radix(digits, 16).ok().filter(|_| is_hexadecimal)?)
}

/// Replaces each escape that starts with `mark`; `parse` returns its character and the rest.
fn decode<'a>(text: &'a str, mark: &str, parse: impl Fn(&'a str) -> Option<(char, &'a str)>) -> Cow<'a, str> {
    if !text.contains(mark) {
        return Cow::Borrowed(text);
    }
    let (mut decoded, mut rest) = (String::with_capacity(text.len()), text);
    while let Some((before, after)) = rest.split_once(mark) {
        decoded.push_str(before);
        match parse(after) {
            Some((c, after)) => {
                decoded.push(c);
                rest = after;
            }
            None => {
                decoded.push_str(mark);
                rest = after;
            }
        }
    }
    decoded.push_str(rest);
    Cow::Owned(decoded)
}

/// The first tag of HTML, such as `<br>` or `</p>`.
fn tag(text: &str) -> Option<&str> {
    let ends = text.match_indices('<').filter_map(|(start, _)| {
        let end = start + text[start..].find('>')?;
        Some(&text[start..=end])
    });
    ends.into_iter().find(|tag| {
        let name = tag[1..tag.len() - 1].trim_start_matches('/').split([' ', '/']).next().unwrap_or_default();
        TAGS.iter().any(|known| name.eq_ignore_ascii_case(known))
    })
}

const TAGS: [&str; 14] =
    ["a", "b", "br", "center", "div", "em", "font", "i", "li", "p", "span", "strong", "td", "u"];

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_text(text: &str, expected: Option<Option<&str>>) {
        let found = check(text);
        assert_eq!(found.as_ref().map(|finding| finding.suggestion.as_deref()), expected, "{text:?}");
    }

    #[test]
    fn escapes_are_found_and_taken_away() {
        for (text, plain) in [
            ("Smith &amp; Sons", "Smith & Sons"),
            ("Smith &amp;amp; Sons", "Smith & Sons"),
            ("O&#039;Connor", "O'Connor"),
            ("O&#x27;Connor", "O'Connor"),
            ("M&uuml;ller GmbH", "Müller GmbH"),
            ("Harbor&nbsp;Works", "Harbor Works"),
            ("M\\u00fcller", "Müller"),
            ("M_x00FC_ller", "Müller"),
            ("H\\xc3\\xbcrth \\xe2\\x82\\xac", "Hürth €"),
        ] {
            check_text(text, Some(Some(plain)));
        }
        for text in [
            "Hafenstr. 12<br>Hof",
            "<b>Contoso</b>",
            "12 &lt;br/&gt; Hof",
            "Hof_x000D_",
            "a\\u000ab",
            "12 Main St\\nSuite 5",
            "A\\r\\nb",
        ] {
            check_text(text, Some(None));
        }
    }

    #[test]
    fn characters_that_xml_cannot_hold() {
        let check = |text: &str, expected: &str| assert_eq!(decode_xml(text), expected);
        check("plain_text", "plain_text");
        check("a_x000D_\nb", "a\r\nb");
        check("_x005F_x000D_", "_x000D_");
        check("my_xbox_x00", "my_xbox_x00");
        check("_xZZZZ_é", "_xZZZZ_é");
        check("_x00é_", "_x00é_");
        check("_x+123_", "_x+123_");
    }

    #[test]
    fn other_texts_are_left_alone() {
        for text in [
            "Smith & Sons",
            "AT&T; Inc",
            "R&D",
            "a < b > c",
            "<x> GmbH",
            "first_xylo_last",
            "C:\\users",
            "C:\\new",
            "\\x41",
            "\\xc3",
            "A\\xZZ",
            "info_x12@contoso.com",
            "\\u12",
            "&",
        ] {
            check_text(text, None);
        }
    }
}
